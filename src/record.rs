//! A record as read from one CRM, decoded for the fields that were asked for.
//!
//! Invariant: `slots` is parallel to the field list of the request (for a run: to `plan::Object::fields`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{Millis, Slot, Value};

/// The two sides of a sync, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
}

impl Side {
    pub fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// The id that the CRM gave the record (HubSpot number as text, Salesforce 18 characters).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub std::sync::Arc<str>);

impl RecordId {
    pub fn new(id: impl Into<std::sync::Arc<str>>) -> Self {
        RecordId(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the record still stands there, on positive evidence only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    #[default]
    Live,
    /// In the recycle bin (HubSpot `archived`, Salesforce `IsDeleted`).
    Deleted,
    /// The requested id now stands for another record.
    MergedInto(RecordId),
    /// A Salesforce lead that became a contact (and maybe an account and an opportunity).
    Converted { contact: RecordId, account: Option<RecordId>, opportunity: Option<RecordId> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub id: RecordId,
    /// One slot per requested field; `None` = the answer did not contain it.
    pub slots: Vec<Slot>,
    pub created: Option<Millis>,
    /// The record's change stamp in server time (HubSpot modified date, Salesforce SystemModstamp).
    pub modified: Option<Millis>,
    pub life: Life,
    /// The records that were merged into this one, where the CRM gave it an id of its own for that (HubSpot).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<RecordId>,
    /// Per association key as requested: the ids at the other end, sorted.
    pub associations: BTreeMap<String, Vec<Association>>,
    /// Per requested history field name: newest first. Only HubSpot has it.
    pub history: BTreeMap<String, Vec<HistoryEntry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Association {
    pub to: RecordId,
    /// The vendor's type label, such as `Primary`; empty for the plain association.
    pub labels: Vec<String>,
}

/// One former or present value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub value: Value,
    pub at: Millis,
    /// The vendor's words for who did it: `CRM_UI`, `INTEGRATION`, ...
    pub source: String,
    /// The id of the app or user behind `source`.
    pub source_id: String,
}

impl Record {
    pub fn new(id: RecordId, slots: Vec<Slot>) -> Self {
        Record {
            id,
            slots,
            created: None,
            modified: None,
            life: Life::Live,
            merged: Vec::new(),
            associations: BTreeMap::new(),
            history: BTreeMap::new(),
        }
    }

    pub fn slot(&self, index: usize) -> Option<&Value> {
        self.slots.get(index).and_then(Option::as_ref)
    }
}
