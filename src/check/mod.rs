//! The rules of the language over a resolved program, one file per family.
