//! Runs of the real binary over HTTP against the sandbox: the main path, crashes, and everything that can go wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod answers;
mod cost;
mod crash;
mod cycle;
mod files;
#[path = "../cli_offline/json_schema.rs"]
mod json_schema;
mod portions;
mod reconcile;
mod support;
mod trouble;
