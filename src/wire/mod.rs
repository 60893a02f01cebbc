//! How values look on the vendors' wires: [`crate::value::Value`] to and from JSON, per kind of system and field type.
