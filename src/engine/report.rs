//! What a run came to, for people and machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything that was due is done.
    Ok,
    /// Some records failed or are held; the rest is done.
    Partial,
    Failed,
    /// A guard or policy stopped it before any write.
    Stopped,
}

impl RunOutcome {
    pub fn word(self) -> &'static str {
        match self {
            RunOutcome::Ok => "ok",
            RunOutcome::Partial => "partial",
            RunOutcome::Failed => "failed",
            RunOutcome::Stopped => "stopped",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub associated: u64,
    pub skipped: u64,
    pub held: u64,
    pub failed: u64,
}

impl Counts {
    /// Writes that took effect.
    pub fn written(&self) -> u64 {
        self.created + self.updated + self.deleted + self.associated
    }

    /// Adds another run's counts.
    pub fn add(&mut self, more: &Counts) {
        self.read += more.read;
        self.created += more.created;
        self.updated += more.updated;
        self.deleted += more.deleted;
        self.associated += more.associated;
        self.skipped += more.skipped;
        self.held += more.held;
        self.failed += more.failed;
    }
}

/// A record whose write was refused, or whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub sync: String,
    pub system: String,
    pub object: String,
    /// Empty for a record that was to be created.
    pub record: String,
    /// The record on the other side.
    pub source: String,
    pub code: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    pub format_version: String,
    pub run: String,
    pub outcome: RunOutcome,
    pub counts: Counts,
    /// System -> API calls.
    pub calls: BTreeMap<String, u64>,
    pub failures: Vec<Failure>,
    /// Conflicts that a rule decided.
    pub conflicts: u64,
    /// Approved changes that no longer fit what the CRMs hold, and were not made.
    pub moved: Vec<String>,
    /// What was done with Sales Navigator beside the syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkedin: Option<super::linkedin::NavReport>,
}

impl RunReport {
    pub fn new(run: &str) -> Self {
        RunReport {
            format_version: "1".to_owned(),
            run: run.to_owned(),
            outcome: RunOutcome::Ok,
            counts: Counts::default(),
            calls: BTreeMap::new(),
            failures: Vec::new(),
            conflicts: 0,
            moved: Vec::new(),
            linkedin: None,
        }
    }

    pub fn conclude(&mut self) {
        let clean = self.counts.failed == 0
            && self.counts.held == 0
            && self.failures.is_empty()
            && self.moved.is_empty();
        self.outcome = if clean { RunOutcome::Ok } else { RunOutcome::Partial };
    }
}
