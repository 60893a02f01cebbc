//! Object types and their properties: the default catalogue, what tests and clients add, and how they look on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::answer::iso;
use super::pipelines::Pipeline;
use super::schemas::Custom;
use super::store::{Prop, Record};
use crate::value::Millis;

#[derive(Debug, Clone)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub hidden: bool,
}

#[derive(Debug, Clone)]
pub struct Property {
    pub name: Arc<str>,
    pub label: String,
    pub ty: String,
    pub field_type: String,
    pub group: String,
    pub description: String,
    pub options: Vec<Choice>,
    /// The catalogue holds only some of the options.
    pub options_cut: bool,
    pub display_order: i64,
    pub calculated: bool,
    pub formula: Option<String>,
    pub external_options: bool,
    pub unique: bool,
    pub hidden: bool,
    pub form_field: bool,
    /// HubSpot's own, not the portal's.
    pub defined: bool,
    pub currency: bool,
    pub referenced: Option<String>,
    pub archivable: bool,
    pub read_only_definition: bool,
    pub read_only_value: bool,
    pub read_only_options: Option<bool>,
    pub created: Millis,
    pub updated: Millis,
    pub archived: Option<Millis>,
}

/// A property as the catalogue files have it; flags that are false are left out there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    label: String,
    #[serde(rename = "type")]
    ty: String,
    field_type: String,
    group_name: String,
    #[serde(default)]
    options: Vec<(String, String)>,
    option_count: Option<u32>,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    external_options: bool,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    form_field: bool,
    #[serde(default)]
    show_currency_symbol: bool,
    referenced_object_type: Option<String>,
    #[serde(default)]
    archivable: bool,
    #[serde(default)]
    read_only_definition: bool,
    #[serde(default)]
    read_only_value: bool,
    read_only_options: Option<bool>,
}

impl From<Entry> for Property {
    fn from(entry: Entry) -> Self {
        let choice = |(value, label)| Choice { value, label, hidden: false };
        Self {
            name: entry.name.into(),
            label: entry.label,
            ty: entry.ty,
            field_type: entry.field_type,
            group: entry.group_name,
            description: String::new(),
            options: entry.options.into_iter().map(choice).collect(),
            options_cut: entry.option_count.is_some(),
            display_order: -1,
            calculated: entry.calculated,
            formula: None,
            external_options: entry.external_options,
            unique: entry.has_unique_value,
            hidden: entry.hidden,
            form_field: entry.form_field,
            defined: true,
            currency: entry.show_currency_symbol,
            referenced: entry.referenced_object_type,
            archivable: entry.archivable,
            read_only_definition: entry.read_only_definition,
            read_only_value: entry.read_only_value,
            read_only_options: entry.read_only_options,
            created: Millis(0),
            updated: Millis(0),
            archived: None,
        }
    }
}

/// The properties of a catalogue file. The files are part of the program and tested, so a bad one is an empty list.
pub fn catalogue(text: &str) -> Vec<Property> {
    let entries: Vec<Entry> = serde_json::from_str(text).unwrap_or_default();
    entries.into_iter().map(Property::from).collect()
}

impl Property {
    /// A property that the portal's people or an app added.
    pub fn custom(name: &str, label: &str, ty: &str, field_type: &str, group: &str, at: Millis) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            ty: ty.into(),
            field_type: field_type.into(),
            group: group.into(),
            description: String::new(),
            options: Vec::new(),
            options_cut: false,
            display_order: -1,
            calculated: false,
            formula: None,
            external_options: false,
            unique: false,
            hidden: false,
            form_field: false,
            defined: false,
            currency: false,
            referenced: None,
            archivable: true,
            read_only_definition: false,
            read_only_value: false,
            read_only_options: None,
            created: at,
            updated: at,
            archived: None,
        }
    }

    pub fn json(&self) -> Json {
        let mut body = Map::new();
        let mut put = |name: &str, value: Json| body.insert(name.into(), value);
        put("updatedAt", json!(iso(self.updated)));
        put("createdAt", json!(iso(self.created)));
        put("name", json!(&*self.name));
        put("label", json!(self.label));
        put("type", json!(self.ty));
        put("fieldType", json!(self.field_type));
        put("description", json!(self.description));
        put("groupName", json!(self.group));
        put("options", self.options.iter().enumerate().map(|(n, choice)| choice.json(n)).collect());
        if let Some(referenced) = &self.referenced {
            put("referencedObjectType", json!(referenced));
        }
        put("displayOrder", json!(self.display_order));
        put("calculated", json!(self.calculated));
        put("externalOptions", json!(self.external_options));
        if let Some(at) = self.archived {
            put("archivedAt", json!(iso(at)));
        }
        put("archived", json!(self.archived.is_some()));
        put("hasUniqueValue", json!(self.unique));
        put("hidden", json!(self.hidden));
        if self.defined {
            put("hubspotDefined", json!(true));
        }
        if self.currency {
            put("showCurrencySymbol", json!(true));
        }
        let mut metadata = json!({
            "archivable": self.archivable,
            "readOnlyDefinition": self.read_only_definition,
            "readOnlyValue": self.read_only_value,
        });
        if let (Some(flag), Some(metadata)) = (self.read_only_options, metadata.as_object_mut()) {
            metadata.insert("readOnlyOptions".into(), json!(flag));
        }
        put("modificationMetadata", metadata);
        put("formField", json!(self.form_field));
        if let Some(formula) = &self.formula {
            put("calculationFormula", json!(formula));
        }
        put("dataSensitivity", json!("non_sensitive"));
        Json::Object(body)
    }
}

impl Choice {
    fn json(&self, order: usize) -> Json {
        json!({ "label": self.label, "value": self.value, "displayOrder": order, "hidden": self.hidden })
    }
}

#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    pub label: String,
    pub display_order: i64,
    pub archived: bool,
}

/// An object type with its records.
#[derive(Debug)]
pub struct Object {
    pub singular: Arc<str>,
    pub plural: Arc<str>,
    pub type_id: String,
    /// `p{portal}_{name}`, of custom objects.
    pub full_name: Option<String>,
    pub properties: Vec<Property>,
    by_name: BTreeMap<Arc<str>, Prop>,
    pub groups: Vec<Group>,
    pub pipelines: Vec<Pipeline>,
    /// The schema of a custom object.
    pub custom: Option<Custom>,
    /// By id; archived ones too.
    pub records: BTreeMap<u64, Record>,
    /// Ids of before a merge -> the record's id now.
    pub aliases: BTreeMap<u64, u64>,
    pub last_id: u64,
}

impl Object {
    pub fn new(names: (&str, &str, &str), properties: Vec<Property>, first_id: u64) -> Self {
        let (singular, plural, type_id) = names;
        let mut object = Self {
            singular: singular.into(),
            plural: plural.into(),
            type_id: type_id.into(),
            full_name: None,
            custom: None,
            properties: Vec::new(),
            by_name: BTreeMap::new(),
            groups: Vec::new(),
            pipelines: Vec::new(),
            records: BTreeMap::new(),
            aliases: BTreeMap::new(),
            last_id: first_id,
        };
        for property in properties {
            object.add(property);
        }
        object
    }

    /// Whether this is one of the object's names in a path.
    pub fn is_called(&self, name: &str) -> bool {
        if self.custom.as_ref().is_some_and(|custom| custom.archived.is_some()) {
            return false;
        }
        let named = |known: &str| known.eq_ignore_ascii_case(name);
        named(&self.plural)
            || named(&self.singular)
            || self.type_id == name
            || self.full_name.as_deref().is_some_and(named)
    }

    /// Adds a property; one of the same name that was archived is replaced and keeps its place.
    pub fn add(&mut self, property: Property) -> Prop {
        if !property.group.is_empty() && !self.groups.iter().any(|group| group.name == property.group) {
            let (name, label) = (property.group.clone(), property.group.clone());
            self.groups.push(Group { name, label, display_order: -1, archived: false });
        }
        if let Some(prop) = self.prop(&property.name) {
            if let Some(place) = self.properties.get_mut(usize::from(prop.0)) {
                *place = property;
            }
            return prop;
        }
        let prop = Prop(self.properties.len() as u16);
        self.by_name.insert(property.name.clone(), prop);
        self.properties.push(property);
        prop
    }

    /// By name, archived ones too.
    pub fn prop(&self, name: &str) -> Option<Prop> {
        self.by_name.get(name).copied()
    }

    pub fn property(&self, prop: Prop) -> Option<&Property> {
        self.properties.get(usize::from(prop.0))
    }

    /// By name, unless it is archived.
    pub fn live(&self, name: &str) -> Option<(Prop, &Property)> {
        let prop = self.prop(name)?;
        let property = self.property(prop)?;
        property.archived.is_none().then_some((prop, property))
    }

    /// The record's own id for an id that may be one of before a merge.
    pub fn resolve(&self, id: u64) -> u64 {
        self.aliases.get(&id).copied().unwrap_or(id)
    }

    /// The name of the property that holds the time of the last change.
    pub fn modified_name(&self) -> &'static str {
        if &*self.singular == "contact" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// The name of the property that holds the time of creation.
    pub fn created_name(&self) -> &'static str {
        let activity = matches!(
            &*self.singular,
            "note" | "call" | "email" | "meeting" | "task" | "communication" | "postal_mail"
        );
        if activity || self.full_name.is_some() { "hs_createdate" } else { "createdate" }
    }
}
