//! From text to tree: the outline of statements, the grammar inside them, the tree, the formatter.

pub mod allow;
pub mod ast;
mod blocks;
mod build;
mod case;
mod cause;
pub mod fmt;
mod grammar;
mod items;
pub mod outline;
mod plain;
mod sync;
mod tokens;

pub use items::{parse, parse_file};
