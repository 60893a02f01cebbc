//! From text to tree: the parser, the tree and the formatter.

pub mod ast;
