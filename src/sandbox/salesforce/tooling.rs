//! The Tooling API, as far as custom fields: made, read, changed and deleted by an API client.
//!
//! Fields made here are shown to nobody until a permission set shows them. Fields of Task and Event are made on
//! `Activity`. The shapes of its refusals are not documented; they are those of other writes.

use serde_json::{Map, Value};

use super::Salesforce;
use super::cell::Cell;
use super::doc::{Doc, object};
use super::drift::Custom;
use super::fault::Fault;
use super::ids::Id;
use super::org::Org;
use super::reply::{Call, Reply};
use super::rows::not_allowed;
use super::soql::eval::Rows;
use super::store::Row;
use super::{describe, query, rows};

const TABLE: &str = "CustomField";
/// The objects whose fields are those of Activity.
const ACTIVITIES: &[&str] = &["Task", "Event"];

/// `/tooling/{path...}`
pub fn route(sf: &mut Salesforce, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    sf.org.schema.tooling = true;
    let reply = within(sf, call, path);
    sf.org.schema.tooling = false;
    reply
}

fn within(sf: &mut Salesforce, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    let org = &mut sf.org;
    match (call.request.method.as_str(), path) {
        ("GET", ["query"]) => query::run(org, &mut sf.cursors, call, Rows::Live),
        ("GET", ["query", locator]) => query::more(org, &sf.cursors, call, locator),
        ("GET", ["sobjects"]) => Ok(describe::global(org, call)),
        ("POST", ["sobjects", TABLE]) => make(org, call),
        ("PATCH", ["sobjects", TABLE, id]) => change(org, call, id),
        ("DELETE", ["sobjects", TABLE, id]) => delete(org, call, id),
        ("GET", ["sobjects", name, rest @ ..]) => rows::route(org, call, name, rest),
        (method, ["sobjects", ..]) => Err(not_allowed(method, "HEAD,GET")),
        _ => Err(Fault::not_found()),
    }
}

/// `{"FullName": "Account.X__c", "Metadata": {"type": "Text", ...}}`
fn make(org: &mut Org, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = call.object()?;
    let missing = |name: &str| {
        Fault::record("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{name}]"), [name])
    };
    let full = body.get("FullName").and_then(Value::as_str).ok_or_else(|| missing("FullName"))?;
    let metadata = body.get("Metadata").and_then(Value::as_object).ok_or_else(|| missing("Metadata"))?;
    let (owner, name) = full.split_once('.').ok_or_else(|| missing("FullName"))?;
    if ACTIVITIES.contains(&owner) {
        let message = "Entity Enumeration Or ID: fields of tasks and events are fields of Activity";
        return Err(Fault::record("FIELD_INTEGRITY_EXCEPTION", message, ["FullName"]));
    }
    let custom = custom(metadata)?;
    let objects = if owner == "Activity" { ACTIVITIES } else { &[owner] };
    let known: Vec<&str> =
        objects.iter().copied().filter(|name| org.schema.find_any(name).is_some()).collect();
    if known.is_empty() {
        let message = format!("Entity Enumeration Or ID: no object {owner}");
        return Err(Fault::record("INVALID_CROSS_REFERENCE_KEY", message, ["TableEnumOrId"]));
    }
    org.transaction(|org| {
        for object in known {
            org.make_field(&call.who, object, name, &custom, true)?;
        }
        let id = note(org, call, owner, name)?;
        let doc = object([
            ("id", id.to_string().into()),
            ("success", true.into()),
            ("errors", Doc::List(Vec::new())),
            ("warnings", Doc::List(Vec::new())),
            ("infos", Doc::List(Vec::new())),
        ]);
        Ok(Reply::json(201, doc))
    })
}

/// The metadata's words; options stand deep in it.
fn custom(metadata: &Map<String, Value>) -> Result<Custom, Fault> {
    let mut flat = metadata.clone();
    let set = flat.remove("valueSet");
    let definition = set.as_ref().and_then(|set| set.get("valueSetDefinition"));
    let values = definition.and_then(|definition| definition.get("value")).and_then(Value::as_array);
    let names = values.into_iter().flatten().filter_map(|value| {
        ["valueName", "fullName", "label"].iter().find_map(|key| value.get(*key)?.as_str())
    });
    let mut custom: Custom = serde_json::from_value(Value::Object(flat))
        .map_err(|error| Fault::malformed(format!("{error} at [line:1, column:1]")))?;
    custom.options.extend(names.map(str::to_owned));
    custom.restricted |=
        set.as_ref().and_then(|set| set.get("restricted")).and_then(Value::as_bool).unwrap_or(false);
    Ok(custom)
}

/// The row of CustomField.
fn note(org: &mut Org, call: &Call<'_>, owner: &str, name: &str) -> Result<Id, Fault> {
    let (at, meta) = org.schema.find_any(TABLE).ok_or_else(Fault::not_found)?;
    let places: Vec<Option<u16>> = ["DeveloperName", "TableEnumOrId", "FullName"]
        .iter()
        .map(|field| meta.find_any(field).map(|(place, _)| place))
        .collect();
    let prefix = meta.key_prefix.clone();
    let now = org.now();
    let id = org.tables.get_mut(at).map(|table| table.next_id(&prefix)).ok_or_else(Fault::not_found)?;
    let mut row = Row::new(id, now, call.who.user);
    let values = [name.trim_end_matches("__c").to_owned(), owner.to_owned(), format!("{owner}.{name}")];
    for (place, value) in places.into_iter().zip(values) {
        if let Some(place) = place {
            row.set(place, Cell::text(value));
        }
    }
    org.put(at, row);
    Ok(id)
}

/// (object, id of the row, object of the field, name of the field)
fn known(org: &Org, id: &str) -> Result<(usize, Id, String, String), Fault> {
    let (at, meta) = org.schema.find_any(TABLE).ok_or_else(Fault::not_found)?;
    let id = Id::parse(id).ok_or_else(Fault::not_found)?;
    let row = super::dml::live(org, at, id)?;
    let full = org.read_by_name(meta, row, "FullName");
    let (owner, name) = full.as_text().and_then(|full| full.split_once('.')).ok_or_else(Fault::not_found)?;
    Ok((at, id, owner.to_owned(), name.to_owned()))
}

fn objects_of(owner: &str) -> Vec<String> {
    if owner == "Activity" {
        ACTIVITIES.iter().map(|name| (*name).to_owned()).collect()
    } else {
        vec![owner.to_owned()]
    }
}

fn change(org: &mut Org, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let (_, _, owner, name) = known(org, id)?;
    let body = call.object()?;
    let metadata = body.get("Metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let custom = custom(&metadata)?;
    for object in objects_of(&owner) {
        let Some((_, meta)) = org.schema.find_any(&object) else { continue };
        let json = super::drift::describe(org, meta, &name, &custom)?;
        org.change_field(&call.who, &object, &name, json)?;
    }
    Ok(Reply::empty(204))
}

fn delete(org: &mut Org, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let (at, id, owner, name) = known(org, id)?;
    for object in objects_of(&owner) {
        if org.schema.find_any(&object).is_some() {
            org.delete_field(&call.who, &object, &name)?;
        }
    }
    if let (Some(meta), Some(table)) = (org.schema.get(at), org.tables.get_mut(at)) {
        table.remove(meta, id);
    }
    Ok(Reply::empty(204))
}
