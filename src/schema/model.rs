//! The canonical schema: what the checker and the plan know of a CRM, whatever its vendor.
//!
//! This is also the form of a snapshot file (`schema/<env>/<system>.json`): sorted, minimal, no record data.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

pub use super::types::FieldType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemKind {
    Hubspot,
    Salesforce,
    Salesnav,
    File,
}

/// One connection's schema, as fetched with the integration user's rights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    pub format_version: String,
    pub kind: SystemKind,
    /// `2026-11-20`: the day of the last pull or import.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pulled: String,
    #[serde(default, skip_serializing_if = "Account::is_unknown")]
    pub account: Account,
    /// By API name (HubSpot: singular for standard objects, the name for custom ones).
    pub objects: BTreeMap<String, Object>,
    /// `None` = not fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<Owner>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<Vec<List>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Account {
    /// Portal id, org id or contract id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Salesforce edition, HubSpot account type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub edition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub currency: String,
    /// More than the one of `currency` when the account has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub label: String,
    /// Other names a mapping may use: plural, type id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub createable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub updateable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub deletable: bool,
    /// By API name.
    pub fields: BTreeMap<String, Field>,
    /// HubSpot pipelines. Salesforce stages stand in `stages`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipelines: Vec<Pipeline>,
    /// Salesforce OpportunityStage rows, org-wide, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_types: Vec<RecordType>,
    /// Names of objects that records of this one can be associated with (HubSpot).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<String>,
    /// Records counted at the last pull; `None` = not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub label: String,
    #[serde(rename = "type")]
    pub ty: FieldType,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub nullable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub readable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub createable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub updateable: bool,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub filterable: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Salesforce external id or idLookup: usable as an upsert key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub external_id: bool,
    /// A formula, roll-up, score or other computed value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub calculated: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required_on_create: bool,
    /// The CRM fills it when a create leaves it out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub defaulted: bool,
    /// Only listed values are accepted (Salesforce restricted picklists; all HubSpot enumerations).
    #[serde(default, skip_serializing_if = "is_false")]
    pub restricted: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub custom: bool,
    /// Another app or workflow that is known to write this field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub written_by: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// The vendor's own type words, `enumeration/select`, `picklist`: for messages.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wire: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The API value. Schemas have these by the hundred thousand, most of them short: those live without an allocation.
    pub value: CompactString,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub label: CompactString,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub id: String,
    pub label: String,
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// HubSpot stage id, Salesforce ApiName.
    pub id: String,
    pub label: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub closed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub won: bool,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<u8>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordType {
    pub id: String,
    /// DeveloperName.
    pub name: String,
    pub label: String,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
    /// Per picklist field the values that this record type offers; fields left out offer all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub picklists: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    pub id: String,
    pub email: String,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub id: String,
    pub name: String,
    pub object: String,
}

impl System {
    /// The object with this name or alias, and its canonical name.
    pub fn object(&self, name: &str) -> Option<(&str, &Object)> {
        let hit = self.objects.get_key_value(name).or_else(|| {
            self.objects.iter().find(|(_, object)| object.aliases.iter().any(|alias| alias == name))
        });
        hit.map(|(name, object)| (name.as_str(), object))
    }
}

impl Account {
    fn is_unknown(&self) -> bool {
        *self == Account::default()
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
