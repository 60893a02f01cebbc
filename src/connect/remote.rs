//! The one door between the engine and a CRM: a request goes in, a completion comes out.
//!
//! One method with a request enum, so that faults, recording, counting and budgets can be put around any remote.
//! Invariants: an answer accounts for every item of its request (an item that the vendor did not mention is
//! [`Outcome::Unknown`]); a remote never retries what may have been applied; all times are server time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Record, RecordId};
use crate::schema::FieldType;
use crate::value::{Millis, Value};

pub type Completion = Result<Reply, CallError>;

/// A CRM account. Implementations are cheap to share and hold no per-run state.
pub trait Remote {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>>;

    /// API calls made so far, by limit class (`api`, `search`, `daily`, ...).
    fn calls(&self) -> std::collections::BTreeMap<String, u64>;

    /// Calls of the account's day that writes may still make before its reserve, by the last answer; `None` = no answer
    /// has told.
    fn left_today(&self) -> Option<u64> {
        None
    }
}

/// Which fields to read, in the order of the record's slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    pub name: Arc<str>,
    pub ty: FieldType,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Who and where we are.
    Identity,
    /// Ids of records changed in `since..`, oldest first by (stamp, id). Eventually consistent.
    Changed { object: Arc<str>, since: Millis, after: Option<Cursor>, limit: u32 },
    /// Ids of records deleted (archived) in `since..`; positive evidence only.
    Deleted { object: Arc<str>, since: Millis, after: Option<Cursor> },
    /// All live records, in pages by id. Strongly consistent.
    List { object: Arc<str>, fields: Arc<[FieldSpec]>, associations: Arc<[Arc<str>]>, after: Option<Cursor> },
    /// Records by id. Strongly consistent. Ids that the CRM does not show are left out of the answer.
    Read {
        object: Arc<str>,
        ids: Vec<RecordId>,
        fields: Arc<[FieldSpec]>,
        associations: Arc<[Arc<str>]>,
        /// Names of fields whose history is wanted (HubSpot only).
        history: Arc<[Arc<str>]>,
    },
    /// Records whose `field` equals one of `values`. Strong for unique fields, else as the vendor's search is.
    Find {
        object: Arc<str>,
        field: FieldSpec,
        values: Vec<Value>,
        fields: Arc<[FieldSpec]>,
        associations: Arc<[Arc<str>]>,
    },
    /// Creates and updates of one object.
    Write { object: Arc<str>, items: Vec<WriteItem> },
    /// Adds and removes associations of one pair of objects.
    Associate { from: Arc<str>, to: Arc<str>, items: Vec<AssociateItem> },
    /// Moves records to the recycle bin.
    Archive { object: Arc<str>, ids: Vec<RecordId> },
    /// The people who can own records.
    Owners,
    /// Records in the list of this name (HubSpot only).
    Members { list: Arc<str> },
}

/// Where the next page starts; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

#[derive(Debug, Clone, PartialEq)]
pub struct WriteItem {
    /// The engine's id of this operation; unique in the request. Answers are matched by it, never by position.
    pub op: Arc<str>,
    pub kind: WriteKind,
    /// Only what changes. `Value::Null` clears.
    pub fields: Vec<(FieldSpec, Value)>,
    /// To make along with a create, where the vendor can.
    pub associations: Vec<(Arc<str>, RecordId)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WriteKind {
    /// Creates, or finds the record that an earlier try created: by the unique field and value.
    /// `None` = the object has no such field, a plain create.
    Create { unique: Option<(Arc<str>, Arc<str>)> },
    /// `unmodified_since`: refuse when the record changed after this stamp, where the vendor can.
    Update { id: RecordId, unmodified_since: Option<Millis> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateItem {
    pub op: Arc<str>,
    pub from: RecordId,
    pub to: RecordId,
    pub action: AssociateAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociateAction {
    Add,
    AddPrimary,
    Remove,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Identity(Identity),
    Changed {
        items: Vec<Changed>,
        next: Option<Cursor>,
    },
    /// `next: None` = the last page.
    Records {
        records: Vec<Record>,
        next: Option<Cursor>,
    },
    Written(Vec<(Arc<str>, Outcome)>),
    Owners(Vec<crate::schema::model::Owner>),
    Members(Vec<RecordId>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub id: RecordId,
    pub at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Portal id or org id.
    pub account: String,
    /// The integration user or app that writes are made as.
    pub user: String,
    /// The server's clock at the time of the answer.
    pub server_time: Millis,
}

/// What became of one item of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Created {
        id: RecordId,
    },
    /// Updated, or (for a create) found as made by an earlier try.
    Updated {
        id: RecordId,
    },
    /// A create that met an existing record (same e-mail, duplicate rule). Nothing was written.
    Exists {
        candidates: Vec<RecordId>,
        message: String,
    },
    /// The record changed after `unmodified_since`. Nothing was written.
    Stale,
    /// Refused; nothing was written.
    Refused(Refusal),
    /// May or may not have been applied.
    Unknown {
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The vendor's code: `INVALID_EMAIL`, `STRING_TOO_LONG`.
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
    /// Whether the same write may go through later without a change (row locks, limits).
    pub retryable: bool,
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{system}: {message}")]
pub struct CallError {
    pub system: String,
    pub class: ErrorClass,
    /// Without secrets and without record values.
    pub message: String,
    /// Milliseconds that the server asked to wait.
    pub retry_after: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Wrong, expired or revoked credentials (exit 4).
    Auth,
    /// A permission or scope is missing.
    Permission,
    /// A rate or daily limit, after the remote's own retries (exit 8).
    Limit,
    /// Certainly not applied: no connection, or refused as a whole.
    NotApplied,
    /// The request was wrong (400): our fault or a changed schema.
    Rejected,
    /// Sent, and no whole answer came back: may have been applied.
    Unknown,
}
