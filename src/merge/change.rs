//! The change set: what a run would do now, as people and machines read it.

use std::collections::BTreeMap;
use std::io::BufWriter;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::value::Value;

pub const FORMAT_VERSION: &str = "1";

/// A dry-run's answer, bound to the plan, state and accounts that it was made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    pub format_version: String,
    /// What must still hold when it is applied.
    pub frame: Frame,
    pub summary: Summary,
    pub changes: Vec<Change>,
    pub skips: Vec<Skip>,
    /// Activities of Sales Navigator: events that are written, counted and not listed one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<Activities>,
    /// System -> predicted calls of an apply.
    pub cost: BTreeMap<String, Cost>,
    /// Guards and policies that forbid to apply this without an approval.
    pub stops: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub plan: String,
    pub state: u64,
    pub accounts: BTreeMap<String, String>,
    /// Syncs that were asked for; empty = all.
    pub syncs: Vec<String>,
}

/// What a run would do about the activities of a writeback, and why not the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activities {
    pub writeback: String,
    pub system: String,
    /// To be written, by kind.
    pub due: BTreeMap<String, u64>,
    /// Written before, hanging on nothing, and to be attached now.
    pub attach: u64,
    /// Written by earlier runs.
    pub written: u64,
    /// By reason.
    pub skipped: BTreeMap<String, u64>,
    pub held: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    pub calls: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    pub associate: u64,
    pub skip: u64,
    pub hold: u64,
    pub ambiguous: u64,
    pub conflicts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Delete,
    Associate,
    Dissociate,
}

/// One record's change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub id: String,
    pub sync: String,
    pub system: String,
    pub object: String,
    /// `null` for a create.
    pub record: Option<String>,
    pub link: Option<String>,
    pub action: Action,
    pub reason: String,
    /// The record on the other side that it comes from: `hubspot.company 512`.
    pub source: String,
    pub fields: Vec<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub name: String,
    pub before: Json,
    pub after: Json,
    /// `hubspot.company.industry`
    pub origin: String,
    pub rule: String,
    /// Both sides were edited since they last agreed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
}

/// A record or field that is left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    pub sync: String,
    pub system: String,
    pub object: String,
    pub record: String,
    /// A stable word: `filter`, `ambiguous`, `stage-unmapped`, `held`, ...
    pub reason: String,
    pub detail: String,
}

impl Change {
    /// What makes it the same change in another change set.
    pub fn same_as(&self, other: &Change) -> bool {
        (&self.sync, &self.system, &self.object, &self.record, self.action, &self.source)
            == (&other.sync, &other.system, &other.object, &other.record, other.action, &other.source)
            && self.fields == other.fields
    }
}

impl Summary {
    pub fn count(&mut self, change: &Change) {
        match change.action {
            Action::Create => self.create += 1,
            Action::Update => self.update += 1,
            Action::Delete => self.delete += 1,
            Action::Associate | Action::Dissociate => self.associate += 1,
        }
        self.conflicts += change.fields.iter().filter(|field| field.conflict).count() as u64;
    }

    pub fn add(&mut self, other: &Summary) {
        self.create += other.create;
        self.update += other.update;
        self.delete += other.delete;
        self.associate += other.associate;
        self.skip += other.skip;
        self.hold += other.hold;
        self.ambiguous += other.ambiguous;
        self.conflicts += other.conflicts;
    }

    pub fn leave(&mut self, skip: &Skip) {
        match skip.reason.as_str() {
            "held" | "waiting" | super::pair::CONFLICT => self.hold += 1,
            "ambiguous" => self.ambiguous += 1,
            _ => self.skip += 1,
        }
    }
}

impl ChangeSet {
    /// Counts the changes and skips anew.
    pub fn summarise(&mut self) {
        let mut sum = Summary::default();
        self.changes.iter().for_each(|change| sum.count(change));
        self.skips.iter().for_each(|skip| sum.leave(skip));
        self.summary = sum;
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.activities.iter().all(|item| item.due.is_empty() && item.attach == 0)
    }

    /// Names this change set in an approval: what is done, not what it costs.
    pub fn hash(&self) -> String {
        let mut hasher = BufWriter::new(blake3::Hasher::new());
        let done = (
            (&self.format_version, &self.frame, &self.summary),
            (&self.changes, &self.skips, &self.activities, &self.stops),
        );
        // Writing into a hash can't fail, and every part of a change set is JSON.
        let _ = serde_json::to_writer(&mut hasher, &done);
        approval(&hasher.into_inner().unwrap_or_default())
    }
}

/// What `--approve` wants for what went into a hash.
pub fn approval(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// A value as change sets and reports show it.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => number
            .normalize()
            .to_string()
            .parse::<serde_json::Number>()
            .map_or_else(|_| Json::String(number.to_string()), Json::Number),
        Value::Set(values) => {
            Json::Array(values.iter().map(|value| Json::String(value.to_string())).collect())
        }
        other => Json::String(other.to_string()),
    }
}
