//! Admins change the schema: fields and objects are made, changed and deleted, stages come and go.
//!
//! A field is described by the words of the Metadata API (`Text`, `Picklist`, `Lookup`, ...), so that admin calls of the
//! sandbox and the Tooling API make the same fields.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::catalogue::{complete, object_of};
use super::cell::Cell;
use super::fault::Fault;
use super::meta::{Child, Field, Object};
use super::org::{Org, Who};

/// A custom field as an admin describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Custom {
    #[serde(rename = "type")]
    pub kind: String,
    pub label: Option<String>,
    pub length: Option<u64>,
    pub precision: Option<u64>,
    pub scale: Option<u64>,
    pub required: bool,
    pub external_id: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub inline_help_text: Option<String>,
    pub default_value: Option<Value>,
    pub reference_to: Option<String>,
    pub relationship_name: Option<String>,
    pub options: Vec<String>,
    /// Whether other values than the options are refused.
    pub restricted: bool,
    /// Made by an admin at the screen, who also shows it: no permission set is needed.
    pub controller: Option<String>,
    /// Value of the controlling field -> the options it allows.
    pub allowed: Map<String, Value>,
}

/// (word of the Metadata API, type in describe, soap type, usual length)
const KINDS: &[(&str, &str, &str, u64)] = &[
    ("Text", "string", "xsd:string", 255),
    ("TextArea", "textarea", "xsd:string", 255),
    ("LongTextArea", "textarea", "xsd:string", 32_768),
    ("Html", "textarea", "xsd:string", 32_768),
    ("Number", "double", "xsd:double", 0),
    ("Currency", "currency", "xsd:double", 0),
    ("Percent", "percent", "xsd:double", 0),
    ("Checkbox", "boolean", "xsd:boolean", 0),
    ("Date", "date", "xsd:date", 0),
    ("DateTime", "datetime", "xsd:dateTime", 0),
    ("Time", "time", "xsd:time", 0),
    ("Picklist", "picklist", "xsd:string", 255),
    ("MultiselectPicklist", "multipicklist", "xsd:string", 4_099),
    ("Email", "email", "xsd:string", 80),
    ("Phone", "phone", "xsd:string", 40),
    ("Url", "url", "xsd:string", 255),
    ("Lookup", "reference", "tns:ID", 18),
];

/// The field's describe; its name ends in `__c`.
///
/// # Errors
/// A type or a combination that no org takes.
pub fn describe(
    org: &Org,
    object: &Object,
    name: &str,
    custom: &Custom,
) -> Result<Map<String, Value>, Fault> {
    let invalid = |message: String| Fault::record("FIELD_INTEGRITY_EXCEPTION", message, [name]);
    let plain = name.strip_suffix("__c").unwrap_or_default();
    let fits = plain.starts_with(|c: char| c.is_ascii_alphabetic())
        && plain.len() <= 40
        && plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !plain.ends_with('_');
    if !fits {
        let message = format!(
            "The API name {name} must begin with a letter, end in __c and have letters, digits \
            and single underscores only"
        );
        return Err(invalid(message));
    }
    let kind = KINDS.iter().find(|(word, ..)| word.eq_ignore_ascii_case(&custom.kind));
    let &(word, wire, soap, usual) =
        kind.ok_or_else(|| invalid(format!("Invalid field type: {}", custom.kind)))?;
    let length = custom.length.unwrap_or(usual);
    if word == "Text" && !(1..=255).contains(&length) {
        return Err(invalid("Text field length must be between 1 and 255".to_owned()));
    }
    if (custom.unique || custom.external_id) && !matches!(word, "Text" | "Number" | "Email") {
        return Err(invalid(format!("A {word} field can't be unique or an external ID")));
    }
    let long = wire == "textarea" && length > 255;
    let numeric = matches!(wire, "double" | "currency" | "percent");
    let mut json = object_of(json!({
        "name": name, "label": custom.label.clone().unwrap_or_else(|| plain.replace('_', " ")), "type": wire,
        "soapType": soap, "length": length, "byteLength": length * 3, "custom": true, "createable": true,
        "updateable": true, "nillable": !custom.required && word != "Checkbox", "permissionable": !custom.required,
        "filterable": !long, "sortable": !long && wire != "multipicklist", "groupable": !long && !numeric,
        "aggregatable": !long, "externalId": custom.external_id, "unique": custom.unique,
        "idLookup": custom.external_id, "caseSensitive": custom.case_sensitive,
        "inlineHelpText": custom.inline_help_text, "defaultedOnCreate": word == "Checkbox",
    }));
    let mut set = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    if numeric {
        let scale = custom.scale.unwrap_or(if word == "Number" { 0 } else { 2 });
        set("precision", json!(custom.precision.unwrap_or(18)));
        set("scale", json!(scale));
    }
    if word == "Html" {
        set("htmlFormatted", json!(true));
        set("extraTypeInfo", json!("richtextarea"));
    } else if long {
        set("extraTypeInfo", json!("plaintextarea"));
    }
    if let Some(value) = &custom.default_value {
        set("defaultValue", value.clone());
    }
    if wire == "picklist" || wire == "multipicklist" {
        set("restrictedPicklist", json!(custom.restricted));
        let items = custom.options.iter().map(|value| option(value, object, custom));
        set("picklistValues", Value::Array(items.collect()));
        if let Some(controller) = &custom.controller {
            set("controllerName", json!(controller));
            set("dependentPicklist", json!(true));
        }
    }
    if word == "Lookup" {
        let target = custom.reference_to.as_deref().unwrap_or_default();
        let known = org
            .schema
            .find_any(target)
            .ok_or_else(|| invalid(format!("referenceTo: no object {target:?}")))?;
        set("referenceTo", json!([known.1.name]));
        set("relationshipName", json!(format!("{plain}__r")));
    }
    Ok(json)
}

fn option(value: &str, object: &Object, custom: &Custom) -> Value {
    let bits = custom.controller.as_deref().and_then(|name| object.find_any(name)).map(|(_, controller)| {
        let mut bits = vec![0u8; controller.choices.len().div_ceil(8).max(1)];
        for (n, choice) in controller.choices.iter().enumerate() {
            let allows = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|v| v == value));
            if custom.allowed.get(&choice.value).is_some_and(allows)
                && let Some(byte) = bits.get_mut(n / 8)
            {
                *byte |= 0x80 >> (n % 8);
            }
        }
        data_encoding::BASE64.encode(&bits)
    });
    json!({"active": true, "defaultValue": false, "label": value, "validFor": bits, "value": value})
}

impl Org {
    /// Makes a field. One that was made through an API (`granted`) is shown to nobody yet.
    ///
    /// # Errors
    /// A name that is taken, or what `describe` refuses.
    pub fn make_field(
        &mut self,
        who: &Who,
        object: &str,
        name: &str,
        custom: &Custom,
        granted: bool,
    ) -> Result<(), Fault> {
        let (at, meta) = self.schema.find_any(object).ok_or_else(Fault::not_found)?;
        if meta.find_any(name).is_some() {
            let message = format!(
                "There is already a field named {} on {}.",
                name.trim_end_matches("__c"),
                meta.label()
            );
            return Err(Fault::record("DUPLICATE_DEVELOPER_NAME", message, [""; 0]));
        }
        let json = describe(self, meta, name, custom)?;
        let mut field = Field::from_json(json);
        field.granted = granted && !custom.required;
        let owner = meta.name.clone();
        if let (Some(target), Some(_)) = (field.refers.first(), &field.relationship) {
            let plural = custom
                .relationship_name
                .clone()
                .unwrap_or_else(|| format!("{}s", owner.trim_end_matches("__c")));
            self.schema.lookups.push(Child {
                parent: target.clone().into(),
                object: owner.clone().into(),
                field: name.to_owned().into(),
                name: Some(format!("{plural}__r").into()),
                cascade: false,
            });
        }
        self.put_field(at, field);
        self.schema_note(who, &owner, name);
        Ok(())
    }

    /// Puts a field in the place of the one with its name, and the values into the index anew.
    fn put_field(&mut self, at: usize, field: Field) {
        let Some(object) = self.schema.objects.get_mut(at) else { return };
        object.add_field(field);
        if let (Some(meta), Some(table)) = (self.schema.get(at), self.tables.get_mut(at)) {
            table.reindex(meta);
        }
    }

    pub fn schema_note(&mut self, who: &Who, object: &str, field: &str) {
        self.schema_changed = self.now().max(self.schema_changed + 1_000);
        self.permissions.forget();
        self.record_as("schema", object, field.to_owned(), &who.by, Default::default());
    }

    /// An admin deletes a field; its values are gone.
    ///
    /// # Errors
    /// A field that is not there or not custom.
    pub fn delete_field(&mut self, who: &Who, object: &str, name: &str) -> Result<(), Fault> {
        let (at, meta) = self.schema.find_any(object).ok_or_else(Fault::not_found)?;
        let (place, field) = meta.find_any(name).ok_or_else(Fault::not_found)?;
        if !field.custom {
            let message = format!("{name} is a standard field: it can be hidden, not deleted");
            return Err(Fault::record("DELETE_FAILED", message, [""; 0]));
        }
        let (object, name) = (meta.name.clone(), field.name.clone());
        if let (Some(meta), Some(table)) = (self.schema.get(at), self.tables.get_mut(at)) {
            table.clear_field(meta, place);
        }
        if let Some(field) = self.schema.objects.get_mut(at).and_then(|object| object.field_mut(&name)) {
            field.gone = true;
        }
        self.schema.lookups.retain(|child| child.object != object || child.field != name);
        self.schema_note(who, &object, &name);
        Ok(())
    }

    /// Changes members of a field's describe.
    ///
    /// # Errors
    /// A field that is not there.
    pub fn change_field(
        &mut self,
        who: &Who,
        object: &str,
        name: &str,
        members: Map<String, Value>,
    ) -> Result<(), Fault> {
        let (at, meta) = self.schema.find_any(object).ok_or_else(Fault::not_found)?;
        let (_, field) = meta.find_any(name).ok_or_else(Fault::not_found)?;
        let mut json = field.json.clone();
        json.extend(members);
        let changed = Field { granted: field.granted, ..Field::from_json(json) };
        let (object, name) = (meta.name.clone(), field.name.clone());
        self.put_field(at, changed);
        self.schema_note(who, &object, &name);
        Ok(())
    }

    /// Makes a custom object, with a name field.
    ///
    /// # Errors
    /// A name that is taken or does not end in `__c`.
    pub fn make_object(
        &mut self,
        who: &Who,
        name: &str,
        label: Option<&str>,
        plural: Option<&str>,
    ) -> Result<(), Fault> {
        let plain = name.strip_suffix("__c").filter(|plain| !plain.is_empty());
        let plain = plain.ok_or_else(|| {
            Fault::record("FIELD_INTEGRITY_EXCEPTION", format!("{name} must end in __c"), ["FullName"])
        })?;
        if self.schema.find_any(name).is_some() {
            let message = format!("That object name is already in use: {name}");
            return Err(Fault::record("DUPLICATE_DEVELOPER_NAME", message, [""; 0]));
        }
        let label = label.map_or_else(|| plain.replace('_', " "), str::to_owned);
        let plural = plural.map_or_else(|| format!("{label}s"), str::to_owned);
        let number = self.schema.objects.len();
        let prefix = format!("a{number:02}");
        let json = super::catalogue::custom_object(name, &label, &plural, &prefix);
        let mut json = object_of(json);
        complete(&mut json);
        self.add_object(Object::from_json(json));
        self.schema_note(who, name, "");
        Ok(())
    }

    /// An admin takes a stage out of use; opportunities stay in it.
    ///
    /// # Errors
    /// A stage that is not there.
    pub fn retire_stage(&mut self, who: &Who, stage: &str) -> Result<(), Fault> {
        let (at, meta) = self.schema.find_any("OpportunityStage").ok_or_else(Fault::not_found)?;
        let (active, _) = meta.find_any("IsActive").ok_or_else(Fault::not_found)?;
        let row = super::derived::stage_row(self, stage).map(|(_, row)| row.clone());
        let mut row = row.ok_or_else(Fault::not_found)?;
        row.set(active, Cell::Bool(false));
        super::dml::touch(self, who, &mut row);
        self.put(at, row);
        self.retain_options("Opportunity", "StageName", who, |value| value != stage)
    }

    fn retain_options(
        &mut self,
        object: &str,
        field: &str,
        who: &Who,
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), Fault> {
        let (_, meta) = self.schema.find_any(object).ok_or_else(Fault::not_found)?;
        let (_, found) = meta.find_any(field).ok_or_else(Fault::not_found)?;
        let options = found.json.get("picklistValues").and_then(Value::as_array).cloned().unwrap_or_default();
        let kept: Vec<Value> = options
            .into_iter()
            .filter(|option| option.get("value").and_then(Value::as_str).is_some_and(&keep))
            .collect();
        self.change_field(who, object, field, object_of(json!({"picklistValues": kept})))
    }

    /// The options of a picklist become these.
    ///
    /// # Errors
    /// A field that is not there.
    pub fn set_options(
        &mut self,
        who: &Who,
        object: &str,
        field: &str,
        options: &[String],
    ) -> Result<(), Fault> {
        let items = options.iter().map(|value| {
            json!({"active": true, "defaultValue": false, "label": value, "validFor": null, "value": value})
        });
        let items: Vec<Value> = items.collect();
        self.change_field(who, object, field, object_of(json!({"picklistValues": items})))
    }
}
