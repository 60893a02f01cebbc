//! Unit tests of mappings: `test` items run offline by the real interpreter and the real merge.
//!
//! A test gives a record of one side (what would be made on the other?) or of both (what would be written?), and
//! says what it expects. Nothing is simulated but the answers of the CRMs: owners come from the snapshots, links
//! and lists are those that the test gives.

mod asks;
mod case;
mod context;
mod coverage;
pub mod render;
mod run;

pub use asks::asks_beyond;
pub use case::{Case, Expectation, Expected, cases};
pub use context::{Owners, Snapshots};
pub use coverage::{Coverage, Gap};
pub use run::run;

use serde::Serialize;

/// How all tests went.
#[derive(Debug, Serialize)]
pub struct Report {
    pub format_version: &'static str,
    pub tests: Vec<TestResult>,
    pub summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
}

#[derive(Debug, Serialize)]
pub struct TestResult {
    pub name: String,
    pub sync: String,
    pub file: String,
    pub line: u32,
    pub outcome: Outcome,
    pub failures: Vec<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    Failed,
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub file: String,
    pub line: u32,
    pub message: String,
    /// The fields that differ.
    pub fields: Vec<FieldDiff>,
}

/// `None` = no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDiff {
    pub name: String,
    pub expected: Option<String>,
    pub got: Option<String>,
    /// Why it came out so.
    #[serde(skip)]
    pub why: String,
}
