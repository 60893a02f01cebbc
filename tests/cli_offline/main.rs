//! The offline commands as a user runs them, one module a command.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;
mod drift;
mod formats;
mod graph;
mod init;
mod json_schema;
mod lsp;
mod map;
mod map_equal;
mod reconcile;
mod show;
mod specs;
mod testing;
