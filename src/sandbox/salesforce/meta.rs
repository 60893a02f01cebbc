//! The org's objects and fields: describe bodies as the vendor sends them, read into what the rules need.
//!
//! A field's place in its object never changes, because rows refer to it; a field that an admin deletes stays as a
//! gap. The describe JSON is kept as it is and handed out again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::derived;
use super::ids::Id;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Type {
    Id,
    Reference,
    Boolean,
    Int,
    /// double, currency and percent
    Double,
    Date,
    DateTime,
    Time,
    Picklist,
    MultiPicklist,
    Email,
    /// `address` and `location`
    Compound,
    #[default]
    Text,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    #[default]
    Stored,
    Id,
    Created,
    CreatedBy,
    Modified,
    ModifiedBy,
    Stamp,
    Deleted,
    /// A stored checkbox, which is never null.
    Flag,
    /// Made from other fields.
    Derived,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub active: bool,
    pub default: bool,
    /// Bit i set: allowed with the controlling field's i-th value.
    pub valid_for: Option<Vec<u8>>,
}

/// What a user may do with a field or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Access {
    None,
    Read,
    #[default]
    Edit,
}

/// One field, as far as rules need it. `json` is its describe without the members that are as usual.
#[derive(Debug, Clone, Default)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub ty: Type,
    /// The type as describe names it: `currency`, `textarea`, ...
    pub wire: String,
    pub length: usize,
    pub precision: u32,
    pub scale: u32,
    pub digits: u32,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub defaulted: bool,
    pub filterable: bool,
    pub sortable: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub restricted: bool,
    pub custom: bool,
    pub refers: Vec<String>,
    pub relationship: Option<String>,
    pub choices: Vec<Choice>,
    pub default: Option<Value>,
    /// Deleted by an admin.
    pub gone: bool,
    /// Made through an API: nobody sees it until a permission set shows it.
    pub granted: bool,
    /// What the user of the request at hand may do with it.
    pub access: Access,
    pub source: Source,
    pub json: Map<String, Value>,
}

impl Field {
    pub fn from_json(json: Map<String, Value>) -> Field {
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
        let flag = |key: &str| json.get(key).and_then(Value::as_bool).unwrap_or(false);
        let number = |key: &str| json.get(key).and_then(Value::as_u64).unwrap_or(0);
        let items = |key: &str| json.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let wire = text("type").unwrap_or_default();
        Field {
            name: text("name").unwrap_or_default(),
            label: text("label").unwrap_or_default(),
            ty: Type::of(&wire),
            length: number("length") as usize,
            precision: number("precision") as u32,
            scale: number("scale") as u32,
            digits: number("digits") as u32,
            nillable: flag("nillable"),
            createable: flag("createable"),
            updateable: flag("updateable"),
            defaulted: flag("defaultedOnCreate"),
            filterable: flag("filterable"),
            sortable: flag("sortable"),
            unique: flag("unique"),
            case_sensitive: flag("caseSensitive"),
            external_id: flag("externalId"),
            id_lookup: flag("idLookup"),
            restricted: flag("restrictedPicklist"),
            custom: flag("custom"),
            refers: items("referenceTo").iter().filter_map(|to| to.as_str().map(str::to_owned)).collect(),
            relationship: text("relationshipName"),
            choices: items("picklistValues").iter().map(Choice::from_json).collect(),
            default: json.get("defaultValue").filter(|value| !value.is_null()).cloned(),
            gone: false,
            granted: false,
            access: Access::Edit,
            source: Source::Stored,
            wire,
            json,
        }
    }

    pub fn required(&self) -> bool {
        !self.nillable && self.createable && !self.defaulted && self.ty != Type::Boolean
    }

    /// Whether equal values are looked up in an index: keys of upserts and unique fields.
    pub fn indexed(&self) -> bool {
        (self.external_id || self.unique || self.id_lookup) && self.ty != Type::Id
    }

    pub fn choice(&self, value: &str) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.value == value)
    }

    pub fn default_choice(&self) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.default)
    }
}

impl Choice {
    fn from_json(json: &Value) -> Choice {
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| json.get(key).and_then(Value::as_bool);
        let bits = json.get("validFor").and_then(Value::as_str);
        Choice {
            value: text("value"),
            label: text("label"),
            active: flag("active").unwrap_or(true),
            default: flag("defaultValue").unwrap_or(false),
            valid_for: bits.and_then(|bits| data_encoding::BASE64.decode(bits.as_bytes()).ok()),
        }
    }
}

impl Type {
    fn of(wire: &str) -> Type {
        match wire {
            "id" => Type::Id,
            "reference" => Type::Reference,
            "boolean" => Type::Boolean,
            "int" | "long" => Type::Int,
            "double" | "currency" | "percent" => Type::Double,
            "date" => Type::Date,
            "datetime" => Type::DateTime,
            "time" => Type::Time,
            "picklist" => Type::Picklist,
            "multipicklist" => Type::MultiPicklist,
            "email" => Type::Email,
            "address" | "location" | "complexvalue" => Type::Compound,
            _ => Type::Text,
        }
    }
}

/// A record type of an object, without Master.
#[derive(Debug, Clone)]
pub struct RecordType {
    pub id: Id,
    pub developer_name: String,
    pub name: String,
    pub active: bool,
    pub default: bool,
    /// Field -> the values it offers; a field that is not here offers all.
    pub picklists: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub name: String,
    pub key_prefix: String,
    /// The describe without `fields` and `recordTypeInfos`.
    pub json: Map<String, Value>,
    pub fields: Vec<Field>,
    by_name: BTreeMap<String, u16>,
    pub record_types: Vec<RecordType>,
    /// What the user of the request at hand may do with it; without any access it is an unknown type.
    pub access: Access,
    /// An object of the Tooling API.
    pub tooling: bool,
}

impl Object {
    pub fn from_json(mut json: Map<String, Value>) -> Object {
        let fields = match json.remove("fields") {
            Some(Value::Array(fields)) => fields,
            _ => Vec::new(),
        };
        json.remove("recordTypeInfos");
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut object = Object {
            name: text("name"),
            key_prefix: text("keyPrefix"),
            fields: Vec::new(),
            by_name: BTreeMap::new(),
            record_types: Vec::new(),
            access: Access::Edit,
            tooling: false,
            json,
        };
        for field in fields {
            if let Value::Object(field) = field {
                object.add_field(Field::from_json(field));
            }
        }
        object
    }

    /// Adds a field, or puts it in the place of the one with its name.
    pub fn add_field(&mut self, mut field: Field) -> u16 {
        field.source = self.source(&field);
        let key = field.name.to_ascii_lowercase();
        if let Some(&at) = self.by_name.get(&key)
            && let Some(slot) = self.fields.get_mut(usize::from(at))
        {
            *slot = field;
            return at;
        }
        let at = self.fields.len() as u16;
        self.by_name.insert(key, at);
        self.fields.push(field);
        at
    }

    fn source(&self, field: &Field) -> Source {
        match field.name.as_str() {
            "Id" => Source::Id,
            "CreatedDate" => Source::Created,
            "CreatedById" => Source::CreatedBy,
            "LastModifiedDate" => Source::Modified,
            "LastModifiedById" => Source::ModifiedBy,
            "SystemModstamp" => Source::Stamp,
            "IsDeleted" => Source::Deleted,
            name if field.ty == Type::Compound || derived::is_derived(&self.name, name) => Source::Derived,
            _ if field.ty == Type::Boolean => Source::Flag,
            _ => Source::Stored,
        }
    }

    /// By name, without regard to case, of the fields that the user sees.
    pub fn find(&self, name: &str) -> Option<(u16, &Field)> {
        self.find_any(name).filter(|(_, field)| field.access != Access::None)
    }

    /// Also what is hidden from the user: for what the platform does by itself.
    pub fn find_any(&self, name: &str) -> Option<(u16, &Field)> {
        let at = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.fields.get(usize::from(at)).filter(|field| !field.gone).map(|field| (at, field))
    }

    /// Also a deleted one, for admins.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        let at = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.fields.get_mut(usize::from(at))
    }

    pub fn field(&self, at: u16) -> Option<&Field> {
        self.fields.get(usize::from(at))
    }

    /// The field behind a relationship name (`Account`, `Owner`, `X__r`).
    pub fn relationship(&self, name: &str) -> Option<(u16, &Field)> {
        let is = |field: &Field| field.relationship.as_deref().is_some_and(|r| r.eq_ignore_ascii_case(name));
        let (at, field) = self.fields.iter().enumerate().find(|(_, field)| !field.gone && is(field))?;
        Some((at as u16, field))
    }

    pub fn flag(&self, key: &str) -> bool {
        self.json.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn label(&self) -> &str {
        self.json.get("label").and_then(Value::as_str).unwrap_or(&self.name)
    }

    pub fn live_fields(&self) -> impl Iterator<Item = (u16, &Field)> {
        let numbered = self.fields.iter().enumerate().map(|(at, field)| (at as u16, field));
        numbered.filter(|(_, field)| !field.gone)
    }

    /// The fields that the user sees.
    pub fn seen_fields(&self) -> impl Iterator<Item = (u16, &Field)> {
        self.live_fields().filter(|(_, field)| field.access != Access::None)
    }

    pub fn visible(&self) -> bool {
        self.access != Access::None
    }

    /// Whether the object takes this (`createable`, `updateable`, `deletable`), from this user.
    pub fn takes(&self, flag: &str) -> bool {
        self.flag(flag) && self.access == Access::Edit
    }
}

/// A relationship seen from its parent.
#[derive(Debug, Clone)]
pub struct Child {
    pub parent: Cow<'static, str>,
    pub object: Cow<'static, str>,
    pub field: Cow<'static, str>,
    /// For subqueries; `None`: it cannot be queried from the parent.
    pub name: Option<Cow<'static, str>>,
    /// Deleting the parent deletes these.
    pub cascade: bool,
}

const fn child(
    parent: &'static str,
    object: &'static str,
    field: &'static str,
    name: &'static str,
    cascade: bool,
) -> Child {
    Child {
        parent: Cow::Borrowed(parent),
        object: Cow::Borrowed(object),
        field: Cow::Borrowed(field),
        name: Some(Cow::Borrowed(name)),
        cascade,
    }
}

/// Relationships among the objects of a new org.
static CHILDREN: &[Child] = &[
    child("Account", "Account", "ParentId", "ChildAccounts", false),
    child("Account", "Contact", "AccountId", "Contacts", true),
    child("Account", "Opportunity", "AccountId", "Opportunities", true),
    child("Account", "Task", "WhatId", "Tasks", true),
    child("Campaign", "CampaignMember", "CampaignId", "CampaignMembers", true),
    child("Contact", "CampaignMember", "ContactId", "CampaignMembers", true),
    child("Contact", "Opportunity", "ContactId", "Opportunities", false),
    child("Contact", "OpportunityContactRole", "ContactId", "OpportunityContactRoles", true),
    child("Contact", "Task", "WhoId", "Tasks", true),
    child("Lead", "CampaignMember", "LeadId", "CampaignMembers", true),
    child("Lead", "Task", "WhoId", "Tasks", true),
    child("Opportunity", "OpportunityContactRole", "OpportunityId", "OpportunityContactRoles", true),
    child("Opportunity", "Task", "WhatId", "Tasks", true),
];

/// All objects, by name.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub(super) objects: Vec<Object>,
    pub(super) by_name: BTreeMap<String, usize>,
    /// What a field describe has when a field says nothing else.
    pub usual: Map<String, Value>,
    /// Relationships that admins made.
    pub lookups: Vec<Child>,
    /// Whether a call of the Tooling API is handled: only that one sees the objects of it.
    pub tooling: bool,
}

impl Schema {
    pub fn add(&mut self, object: Object) -> usize {
        let at = self.objects.len();
        self.by_name.insert(object.name.to_ascii_lowercase(), at);
        self.objects.push(object);
        at
    }

    /// By name, without regard to case; hidden objects are not found.
    pub fn find(&self, name: &str) -> Option<(usize, &Object)> {
        let at = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.objects.get(at).filter(|object| self.shows(object)).map(|object| (at, object))
    }

    /// Whether the call at hand sees an object.
    pub fn shows(&self, object: &Object) -> bool {
        object.visible() && (self.tooling || !object.tooling)
    }

    /// Also hidden ones: for what the platform does by itself.
    pub fn find_any(&self, name: &str) -> Option<(usize, &Object)> {
        let at = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.objects.get(at).map(|object| (at, object))
    }

    /// The relationships from a parent.
    pub fn children(&self, parent: &str) -> impl Iterator<Item = &Child> {
        CHILDREN.iter().chain(&self.lookups).filter(move |child| child.parent == parent)
    }

    /// Also hidden ones, for admins.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Object> {
        let at = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.objects.get_mut(at)
    }

    pub fn get(&self, at: usize) -> Option<&Object> {
        self.objects.get(at)
    }

    pub fn all(&self) -> impl Iterator<Item = (usize, &Object)> {
        self.objects.iter().enumerate()
    }
}
