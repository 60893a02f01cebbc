//! The commands around the engine, as a user runs them, over HTTP against the simulated CRMs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod base;
mod conflicts;
mod deletes;
mod links;
mod look;
mod rules;
mod setup;
mod state;
mod undo;
mod world;
