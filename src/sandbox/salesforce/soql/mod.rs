//! SOQL: text to a tree, the tree against the org's schema, and rows out.

pub mod aggregate;
pub mod ast;
pub mod compile;
pub mod dates;
pub mod eval;
pub mod lex;
pub mod parse;
pub mod project;
