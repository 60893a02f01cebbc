//! One thing in three CRMs: two HubSpot portals and one Salesforce org, the real binary over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod crash;
mod edits;
#[path = "../storms/rough.rs"]
mod rough;
mod storm;
mod support;
