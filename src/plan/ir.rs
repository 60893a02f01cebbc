//! `SyncPlan`, the executable form: self-contained, deterministic, versioned. It runs without the source and
//! without the snapshots. Names of the program survive for messages only; everything is reached by index.
//!
//! Invariant: every index is in range (checked once in [`SyncPlan::from_json`]); nothing here depends on an
//! environment's secrets or addresses.

mod expr;

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

pub use expr::Expr;

pub use crate::calc::Convert;
pub use crate::record::Side;
use crate::schema::{FieldType, SystemKind};
pub use crate::syntax::ast::{BinaryOp, Direction, Quantifier};

pub const FORMAT_VERSION: u32 = 1;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// Into `SyncPlan::systems`.
    SystemId
    /// Into `SyncPlan::objects`.
    ObjectId
    /// Into `Object::fields` of the object at hand.
    FieldId
    /// Into `SyncPlan::values`.
    ValuesId
    /// Into `SyncPlan::stages`.
    StagesId
    /// Into `SyncPlan::owners`.
    OwnersId
    /// Into `SyncPlan::syncs`.
    SyncId
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncPlan {
    pub format_version: u32,
    pub project: String,
    pub edition: String,
    /// blake3 of the snapshots that the program was checked against, by system name.
    pub schema_hashes: BTreeMap<String, String>,
    pub systems: Vec<System>,
    pub objects: Vec<Object>,
    pub values: Vec<ValueMap>,
    pub stages: Vec<StageMap>,
    pub owners: Vec<OwnerMap>,
    /// In dependency order: what others refer to comes first.
    pub syncs: Vec<Sync>,
    pub writebacks: Vec<Writeback>,
    pub crm_settings: Vec<CrmSettings>,
    pub policies: Vec<Policy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The connection's name.
    pub name: String,
    pub kind: SystemKind,
    /// Portal, org or contract id of the snapshot; empty = not known. A run refuses another account.
    pub account: String,
}

/// What a run reads and writes of one object: only the fields that the program uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    pub system: SystemId,
    /// Canonical API name: `company`, `Account`.
    pub name: String,
    pub label: String,
    pub fields: Vec<Field>,
    /// Association keys to read along with each record (HubSpot object names; Salesforce junction objects
    /// such as `OpportunityContactRole.ContactId`).
    pub associations: Vec<String>,
    /// The field that carries our external id when it exists (`twinmap_id`, `Twinmap_Id__c`).
    pub external_id: Option<FieldId>,
    /// The field that carries the id of our last write (`Twinmap_Op__c`).
    pub op_stamp: Option<FieldId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub label: String,
    #[serde(rename = "type")]
    pub ty: FieldType,
    pub nullable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub unique: bool,
    pub filterable: bool,
    /// Accepted values of restricted options; empty = any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<CompactString>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sync {
    pub name: String,
    pub doc: Option<String>,
    pub left: ObjectId,
    pub direction: Direction,
    /// One, or one per arm of a routed sync, in the order of the head.
    pub arms: Vec<Arm>,
    /// Per route line: which arm a left record belongs to; the last has no condition. Empty = one arm.
    pub route: Vec<RouteLine>,
    pub follow_conversion: bool,
    pub start: Start,
    pub filter_left: Option<Expr>,
    /// Evaluated over the right record of whichever arm has all its fields.
    pub filter_right: Option<Expr>,
    pub create_left: Create,
    pub create_right: Create,
    pub veto_left: Vec<Expr>,
    pub veto_right: Vec<Expr>,
    pub conflict: Conflict,
    pub delete: Delete,
    pub leave: Leave,
    pub guard: Guard,
    pub propagate: Vec<Propagate>,
    /// Milliseconds between full re-reads of calculated fields.
    pub refresh: Option<i64>,
    /// Sales Navigator list that matched records are saved to.
    pub save_to: Option<String>,
}

/// One right-hand object of a sync with everything that depends on its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    pub right: ObjectId,
    pub matches: Vec<Match>,
    pub rows: Vec<Row>,
    pub associations: Vec<Association>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteLine {
    /// Over the left record; `None` = else.
    pub condition: Option<Expr>,
    /// Index into `Sync::arms`.
    pub arm: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    All,
    New,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Link by stored ids only.
    StoredId,
    /// Sales Navigator's matcher: `person` or `company`.
    Matcher(String),
    /// Both keys non-blank and equal. `left` is over the left record, `right` over the right one; `when` may
    /// read both sides.
    Keys { left: Expr, right: Expr, when: Option<Expr> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Create {
    /// The head's direction or `create: never` rules it out.
    Never,
    Always,
    /// Over the record that exists on the other side.
    When(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Within the window (milliseconds, inclusive) the side wins; outside it the later edit.
    Winner {
        side: Side,
        window: i64,
    },
    Newest,
    Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delete {
    Ignore,
    Unlink,
    Archive { side: Side },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    Keep,
    Unlink,
    Remove,
}

/// The most that one run may do before a person has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    pub creates: Limit,
    pub updates: Limit,
    pub deletes: Limit,
    pub blanks: Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Count(u64),
    /// Thousandths of the sync's links (20 % = 200).
    PerMille(u64),
}

/// One field pair of a map block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Stable over edits of other rows: `accounts:industry<->Industry`.
    pub id: String,
    pub doc: Option<String>,
    /// `None` when the left end is an expression (the row then only goes right).
    pub left: Option<FieldId>,
    pub right: Option<FieldId>,
    pub to_right: Option<Transfer>,
    pub to_left: Option<Transfer>,
    /// This row's own conflict winner (`prefer`).
    pub prefer: Option<Side>,
    /// `owned by`: this side's value stands whenever it has one.
    pub owned_by: Option<Side>,
    /// The row as source text in one line, for people.
    pub text: String,
    /// `mappings/accounts.twin:12`
    pub at: String,
}

/// How a value travels one way: evaluate `expr` over the source record, write to the row's other field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Includes converters, value maps and `default`.
    pub expr: Expr,
    /// Over the source record: the row is left alone when false.
    pub when: Option<Expr>,
    pub if_empty: bool,
    pub on_create: bool,
    pub cut: bool,
    pub may_blank: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    pub direction: Direction,
    pub left: AssociationEnd,
    pub right: AssociationEnd,
    /// The sync whose links translate the ids.
    pub through: SyncId,
    pub primary: bool,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociationEnd {
    /// A lookup field of the record itself (`AccountId`).
    Lookup(FieldId),
    /// An association set read along with the record; index into `Object::associations`.
    Set(u32),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Propagate {
    pub from_object: ObjectId,
    pub from: FieldId,
    pub to_object: ObjectId,
    pub to: FieldId,
    pub forward: bool,
    /// The order of values for `forward`.
    pub order: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueMap {
    pub name: String,
    /// API values left to right, and right to left. Several left values may share a right one.
    pub to_right: BTreeMap<String, String>,
    pub to_left: BTreeMap<String, String>,
    pub else_right: Else,
    pub else_left: Else,
}

/// What happens to a value that the map does not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Else {
    /// Leave the field (for stages: the record) alone.
    Skip,
    Hold,
    Fail,
    To(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageMap {
    pub name: String,
    /// HubSpot pipeline id / Salesforce record type id; `None` = any.
    pub left_scope: Option<String>,
    pub right_scope: Option<String>,
    /// The fields that carry pipeline or record type, when the objects have them.
    pub left_scope_field: Option<FieldId>,
    pub right_scope_field: Option<FieldId>,
    pub to_right: BTreeMap<String, String>,
    pub to_left: BTreeMap<String, String>,
    pub else_right: Else,
    pub else_left: Else,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerMap {
    pub left: SystemId,
    pub right: SystemId,
    /// E-mail to e-mail overrides, lower case.
    pub to_right: BTreeMap<String, String>,
    pub to_left: BTreeMap<String, String>,
    pub inactive: OwnerElse,
    pub unmatched: OwnerElse,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerElse {
    Hold,
    Skip,
    Blank,
    /// This owner instead, by e-mail.
    Owner(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writeback {
    pub name: String,
    pub doc: Option<String>,
    pub from: SystemId,
    pub to: SystemId,
    /// Kinds by name, or `all`.
    pub items: Vec<String>,
    pub all_seats: bool,
    pub seats: BTreeMap<String, bool>,
    pub targets: Vec<WritebackTarget>,
    /// Kind to a condition over the activity, as text fields `origin`, `kind`, ...
    pub only: BTreeMap<String, Expr>,
    pub owner: String,
    pub creator: String,
    pub unresolved: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritebackTarget {
    pub kinds: Vec<String>,
    pub object: String,
    pub on: Vec<String>,
    /// The field by which an earlier try is found, when the object has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// Of the fields that LinkedIn's package brings, those that the object has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrmSettings {
    pub system: SystemId,
    pub crm: SystemId,
    pub all_seats: bool,
    pub seats: BTreeMap<String, bool>,
    /// `None` = not sure.
    pub pipeline_entry: Option<String>,
    pub won_value: Option<String>,
    pub auto_save: Vec<String>,
    /// The stages of the CRM's deals in their order, one list for each pipeline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Vec<SettingStage>>,
}

/// A stage as far as auto-save looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingStage {
    pub id: String,
    pub closed: bool,
    pub won: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    /// Conditions over the counts of a change set (`creates`, `updates`, `deletes`, `blanks`, ...) that deny it:
    /// `(count, operator, number)`.
    pub deny_plan: Vec<PlanCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCondition {
    pub count: String,
    pub op: BinaryOp,
    pub value: u64,
}

/// A file that is no sync plan of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPlan(pub String);

impl SyncPlan {
    /// Reads a plan file and makes sure that every index in it leads somewhere.
    pub fn from_json(text: &str) -> Result<SyncPlan, BadPlan> {
        #[derive(Deserialize)]
        struct VersionOnly {
            format_version: u32,
        }
        let version: VersionOnly =
            serde_json::from_str(text).map_err(|error| BadPlan(format!("this is no sync plan: {error}")))?;
        if version.format_version != FORMAT_VERSION {
            let found = version.format_version;
            return Err(BadPlan(format!(
                "this sync plan has format {found}; this twinmap runs format {FORMAT_VERSION}"
            )));
        }
        let plan: SyncPlan = serde_json::from_str(text)
            .map_err(|error| BadPlan(format!("this sync plan can't be read: {error}")))?;
        super::validate::indices(&plan)?;
        Ok(plan)
    }

    /// One JSON document, the same bytes for the same plan.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// blake3 over the canonical JSON, in hex.
    pub fn hash(&self) -> String {
        blake3::hash(self.to_json().as_bytes()).to_hex().to_string()
    }
}
