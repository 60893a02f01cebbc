//! The wording of every diagnostic: one function per kind, with typed arguments, one file per family of codes.

pub mod accounts;
pub mod conditions;
pub mod flows;
pub mod keys;
pub mod names;
pub mod rules;
pub mod text;
pub mod types;
pub mod values;
