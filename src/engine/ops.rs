//! What a run is about to do, and how the journal keeps it: enough to recognise, to finish, to explain and to undo it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::connect::remote::AssociateAction;
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::RecordId;
use crate::value::{Millis, Value};

/// A record that exists, or one that this run is going to make: the counterpart of `source`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ref {
    Known(RecordId),
    New { sync: SyncId, side: Side, source: RecordId },
}

/// In the journal, beside the operation: when it was about to be sent, by its server's clock.
pub const AT_SERVER: &str = "at_server";

const MARK: &str = "new:";

impl Ref {
    /// The id of a record that is there.
    pub fn known(&self) -> Option<&RecordId> {
        match self {
            Ref::Known(id) => Some(id),
            Ref::New { .. } => None,
        }
    }

    /// The reference as a value of a lookup field; a record to be made is named by where it comes from.
    pub fn text(&self) -> String {
        match self {
            Ref::Known(id) => id.to_string(),
            Ref::New { sync, side, source } => {
                let side = if *side == Side::Left { 'l' } else { 'r' };
                format!("{MARK}{}:{side}:{source}", sync.0)
            }
        }
    }

    /// The reference in words, for people.
    pub fn words(&self) -> String {
        match self {
            Ref::Known(id) => id.to_string(),
            Ref::New { source, .. } => match Ref::parse_new(source.as_str()) {
                Some(inner) => inner.words(),
                None => format!("(new, for {source})"),
            },
        }
    }

    /// How many records have to be made before this one can be.
    pub fn depth(&self) -> usize {
        match self {
            Ref::Known(_) => 0,
            Ref::New { source, .. } => Ref::parse_new(source.as_str()).map_or(0, |inner| 1 + inner.depth()),
        }
    }

    /// Reads what [`Ref::text`] wrote for a record to be made.
    pub fn parse_new(text: &str) -> Option<Ref> {
        let mut parts = text.strip_prefix(MARK)?.splitn(3, ':');
        let sync = SyncId(parts.next()?.parse().ok()?);
        let side = match parts.next()? {
            "l" => Side::Left,
            "r" => Side::Right,
            _ => return None,
        };
        Some(Ref::New { sync, side, source: RecordId::new(parts.next()?) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    Create,
    Update,
    Associate(AssociateAction),
    Archive,
}

/// One field of a create or update, with what the link remembers once it has landed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The row that asked for it; `None` for a lookup that an association keeps.
    pub row: Option<String>,
    pub field: String,
    pub before: Value,
    pub after: Value,
    /// The source's value that `after` was made from.
    pub source: Value,
    /// Field name at the source; empty for expressions.
    pub source_field: String,
    pub rule: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loses_edit: bool,
    /// The source is to be written in this run too, and does not hold yet what `after` was made from: until then the two
    /// don't agree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// The pair that it travels through, when that is another than the operation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Box<Via>>,
    /// The value of an earlier write that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Value>,
}

/// A pair of another sync that shares a record with an operation: one write of a record brings what all syncs ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Via {
    pub sync: SyncId,
    pub arm: usize,
    /// The side on which the written record stands there.
    pub side: Side,
    /// The record on the other side.
    pub source: Ref,
    /// 0 = no link yet.
    pub link: i64,
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Op {
    pub kind: OpKind,
    pub sync: SyncId,
    pub arm: usize,
    /// The side that is written.
    pub side: Side,
    pub object: ObjectId,
    /// The record that is written; for a create the one that it is going to be.
    pub record: Ref,
    /// The record on the other side.
    pub source: Ref,
    /// 0 = no link yet.
    pub link: i64,
    pub fields: Vec<Sent>,
    /// Associations that agree once this has landed: text -> ids at the left end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub associations: BTreeMap<String, BTreeSet<String>>,
    /// For an associate: the other end, and its object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<(ObjectId, Ref)>,
    /// For an associate: the key that the connector knows the association by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The association's text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub association: String,
    /// For a create: the unique field and value by which an earlier try is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<(String, String)>,
    /// The source's object when it is not the other side of a pair: a value that travels within one CRM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ObjectId>,
    /// The source record's and the written record's change stamps when this was planned.
    pub source_stamp: Option<Millis>,
    pub stamp: Option<Millis>,
    pub reason: String,
}

impl Op {
    pub fn is_risky(&self) -> bool {
        self.fields.iter().any(|sent| sent.conflict || sent.loses_edit || blanks(sent))
    }
}

/// Whether a value is replaced by nothing.
pub fn blanks(sent: &Sent) -> bool {
    sent.after.is_blank() && !sent.before.is_blank()
}
