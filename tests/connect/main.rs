//! The connectors against the simulated CRMs, in one process, without sockets and without waiting.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod bad_answers;
mod support;

mod auth;
mod golden;
mod hubspot;
mod salesforce;
mod salesnav;
mod served;
mod setup;
mod wire;
