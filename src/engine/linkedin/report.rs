//! What the LinkedIn part of a run came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NavReport {
    /// By Sales Navigator system.
    pub matches: BTreeMap<String, MatchReport>,
    pub lists: Vec<ListReport>,
    pub writebacks: Vec<WritebackReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MatchReport {
    /// Records handed over for matching in this run.
    pub published: u64,
    /// All records of the CRM by what LinkedIn makes of them.
    pub matched: u64,
    pub ambiguous: u64,
    pub unmatched: u64,
    /// Left out: person accounts take no part.
    pub person_accounts: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListReport {
    pub list: String,
    /// `lead` or `account`.
    pub kind: String,
    /// The seat holder that it belongs to; empty = the whole contract's.
    pub owner: String,
    pub added: u64,
    pub removed: u64,
    pub entries: u64,
}

/// written + skipped + held = seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WritebackReport {
    pub name: String,
    /// Activities that were ever seen.
    pub seen: u64,
    pub written: u64,
    pub skipped: BTreeMap<String, u64>,
    pub held: BTreeMap<String, u64>,
    /// Of the written ones, those that hang on no record yet.
    pub unresolved: u64,
    /// Of a dry-run: what would be written now, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub due: BTreeMap<String, u64>,
    /// In this run, or in the one that would be.
    pub written_now: u64,
    pub attached_now: u64,
}

impl WritebackReport {
    pub fn skipped_in_all(&self) -> u64 {
        self.skipped.values().sum()
    }

    pub fn held_in_all(&self) -> u64 {
        self.held.values().sum()
    }
}

impl NavReport {
    pub fn is_empty(&self) -> bool {
        *self == NavReport::default()
    }

    /// Writes to CRMs and to LinkedIn's lists.
    pub fn written(&self) -> u64 {
        let back: u64 = self.writebacks.iter().map(|item| item.written_now + item.attached_now).sum();
        back + self.lists.iter().map(|list| list.added + list.removed).sum::<u64>()
    }
}
