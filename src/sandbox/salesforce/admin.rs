//! `/_sandbox/...`: what people and admins do to the org while a client is at work. Documented in `docs/SANDBOX.md`.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Salesforce;
use super::catalogue::object_of;
use super::doc::{Doc, list, object};
use super::drift::Custom;
use super::fault::Fault;
use super::features;
use super::ids::Id;
use super::lead::{self, Conversion};
use super::linkedin;
use super::meta::Access;
use super::org::{Org, Who};
use super::reply::{Call, Reply};
use super::session::find_user;
use super::{bin, dml, merge, rules};

pub fn route(sf: &mut Salesforce, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    let body = call
        .object()
        .or_else(|fault| if call.request.body.is_empty() { Ok(Map::new()) } else { Err(fault) })?;
    let body = &body;
    let org = &mut sf.org;
    match (call.request.method.as_str(), path) {
        ("POST", ["edit"]) => edit(org, body),
        ("POST", ["create"]) => create(org, body),
        ("POST", ["delete"]) => delete(org, body),
        ("POST", ["undelete"]) => undelete(org, body),
        ("POST", ["purge"]) => purge(org, body),
        ("POST", ["merge"]) => merged(org, body),
        ("POST", ["convert"]) => converted(org, body),
        ("POST", ["validation"]) => validation(org, body),
        ("POST", ["duplicates"]) => duplicates(org, body),
        ("DELETE", ["rules"]) => {
            org.rules.remove(body.get("name").and_then(Value::as_str));
            Ok(nothing())
        }
        ("POST", ["workflow"]) => workflow(org, body),
        ("DELETE", ["workflow"]) => {
            org.automation.clear();
            Ok(nothing())
        }
        ("POST", ["permission"]) => permission(org, body),
        ("POST", ["field"]) => field(org, body),
        ("POST", ["object"]) => custom_object(org, body),
        ("POST", ["stage"]) => {
            let who = admin(org);
            org.retire_stage(&who, text(body, "stage")?)?;
            Ok(nothing())
        }
        ("POST", ["owner"]) => owner(org, body),
        ("POST", ["expire"]) => {
            sf.sessions.close();
            Ok(nothing())
        }
        ("POST", ["settings"]) => settings(sf, body),
        ("POST", ["package"]) => {
            linkedin::package(org);
            Ok(nothing())
        }
        ("POST", ["person_accounts"]) => {
            linkedin::person_accounts(org);
            Ok(nothing())
        }
        ("POST", ["features"]) => {
            features(org, body)?;
            Ok(nothing())
        }
        ("POST", ["setup"]) => linkedin::setup(org, body).map(|()| nothing()),
        (method, path) => {
            let message = format!("no admin call {method} /_sandbox/{}", path.join("/"));
            Err(Fault::new(404, "NOT_FOUND", message))
        }
    }
}

pub fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, Fault> {
    let missing = || Fault::new(400, "MISSING_ARGUMENT", format!("the member \"{key}\" must be a text"));
    body.get(key).and_then(Value::as_str).ok_or_else(missing)
}

pub fn members(body: &Map<String, Value>, key: &str) -> Result<Map<String, Value>, Fault> {
    match body.get(key) {
        Some(Value::Object(map)) => Ok(map.clone()),
        _ => Err(Fault::new(400, "MISSING_ARGUMENT", format!("the member \"{key}\" must be an object"))),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "INVALID_ARGUMENT", message)
}

fn read<T: DeserializeOwned>(body: &Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(body.clone())).map_err(|error| invalid(error.to_string()))
}

fn admin(org: &Org) -> Who {
    Who::new(org.integration_user, "admin")
}

fn nothing() -> Reply {
    Reply::json(200, object([("success", true.into())]))
}

/// The person who does it: `by`, or somebody.
pub fn person(org: &Org, body: &Map<String, Value>) -> Result<Who, Fault> {
    let by = body.get("by").and_then(Value::as_str);
    let unknown = || invalid(format!("no user {by:?}: name an e-mail address of a User"));
    match (find_user(org, by), by) {
        (Some(user), by) => Ok(Who::new(user, by.unwrap_or("person"))),
        // A made-up name is written as the first person, under that name in the log.
        (None, Some(name)) if !name.contains('@') => {
            let user = find_user(org, None).ok_or_else(unknown)?;
            Ok(Who::new(user, name))
        }
        (None, _) => Err(unknown()),
    }
}

fn done(id: Id) -> Reply {
    Reply::json(200, object([("id", id.to_string().into()), ("success", true.into())]))
}

fn id_of(body: &Map<String, Value>, key: &str) -> Result<Id, Fault> {
    Id::parse(text(body, key)?).ok_or_else(Fault::not_found)
}

fn target(org: &Org, body: &Map<String, Value>) -> Result<(usize, Id), Fault> {
    let (at, _) = org.object(text(body, "object")?)?;
    Ok((at, id_of(body, "id")?))
}

/// `{object, id, fields, by?}`
fn edit(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, id) = target(org, body)?;
    dml::update(org, &who, at, id, &members(body, "fields")?)?;
    Ok(done(id))
}

/// `{object, fields, by?}`
fn create(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = Who { allow_duplicates: true, ..person(org, body)? };
    let (at, _) = org.object(text(body, "object")?)?;
    let id = dml::create(org, &who, at, &members(body, "fields")?)?;
    Ok(done(id))
}

fn delete(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, id) = target(org, body)?;
    bin::delete(org, &who, at, id)?;
    Ok(done(id))
}

fn undelete(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, id) = target(org, body)?;
    bin::undelete(org, &who, at, id)?;
    Ok(done(id))
}

/// `{id?}`: one record, or all that is in the recycle bin.
fn purge(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let only = if body.contains_key("id") { Some(id_of(body, "id")?) } else { None };
    Ok(Reply::json(200, object([("purged", bin::empty(org, only).into())])))
}

/// `{object, master, losers, fields?, by?}`
fn merged(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, _) = org.object(text(body, "object")?)?;
    let master = id_of(body, "master")?;
    let losers = body.get("losers").and_then(Value::as_array).cloned().unwrap_or_default();
    let losers: Option<Vec<Id>> = losers.iter().map(|id| Id::parse(id.as_str()?)).collect();
    let losers = losers.ok_or_else(|| invalid("losers must be ids"))?;
    let fields = if body.contains_key("fields") { members(body, "fields")? } else { Map::new() };
    merge::merge(org, &who, at, master, &losers, &fields)?;
    Ok(done(master))
}

/// `{lead, status?, account?, contact?, opportunity?, by?}`; `opportunity: false` makes none.
fn converted(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = Who { allow_duplicates: true, ..person(org, body)? };
    let optional = |key: &str| if body.contains_key(key) { id_of(body, key).map(Some) } else { Ok(None) };
    let choice = Conversion {
        lead: Some(id_of(body, "lead")?),
        status: body.get("status").and_then(Value::as_str).map(str::to_owned),
        account: optional("account")?,
        contact: optional("contact")?,
        opportunity: body.get("opportunity").and_then(Value::as_str).map(str::to_owned),
        without_opportunity: body.get("opportunity") == Some(&Value::Bool(false)),
        owner: None,
    };
    let made = lead::convert(org, &who, &choice)?;
    let id = |id: Id| Doc::from(id.to_string());
    let doc = object([
        ("accountId", id(made.account)),
        ("contactId", id(made.contact)),
        ("opportunityId", made.opportunity.map_or(Doc::Null, id)),
        ("success", true.into()),
    ]);
    Ok(Reply::json(200, doc))
}

/// `{name, object, when, message, field?}`: a record for which `when` is true is refused.
fn validation(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let rule: rules::Validation = read(body)?;
    let (_, meta) = org.object(&rule.object)?;
    // Says what is wrong in the condition.
    rules::meets(org, meta, &super::store::Row::new(Id::FIRST, 0, Id::FIRST), &rule.when)?;
    org.rules.add_validation(rule);
    Ok(nothing())
}

/// `{name, object, fields, action, message?}`
fn duplicates(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let rule: rules::Duplicates = read(body)?;
    let (_, meta) = org.object(&rule.object)?;
    if let Some(name) = rule.fields.iter().find(|name| meta.find(name).is_none()) {
        return Err(invalid(format!("{} has no field {name}", meta.name)));
    }
    org.rules.add_duplicates(rule);
    Ok(nothing())
}

/// `{name, object, when, becomes?, set, delay_ms?, times?}`
fn workflow(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let flow: super::super::core::workflow::Workflow = read(body)?;
    let (_, meta) = org.object(&flow.object)?;
    if let Some(name) = flow.set.keys().chain([&flow.when]).find(|name| meta.find(name).is_none()) {
        return Err(invalid(format!("{} has no field {name}", meta.name)));
    }
    org.automation.add(flow);
    Ok(nothing())
}

/// `{object, field?, access, user?}`: `access` is `none`, `read` or `edit`; the user is the one of the API.
fn permission(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let access = match text(body, "access")? {
        "none" => Access::None,
        "read" => Access::Read,
        "edit" => Access::Edit,
        other => return Err(invalid(format!("access {other:?}: none, read or edit"))),
    };
    let user = match body.get("user").and_then(Value::as_str) {
        Some(name) => find_user(org, Some(name)).ok_or_else(|| invalid(format!("no user {name}")))?,
        None => org.integration_user,
    };
    org.permit(user, text(body, "object")?, body.get("field").and_then(Value::as_str), access)?;
    Ok(nothing())
}

/// `{object, name, change, ...}`: `change` is `add`, `delete`, `read_only`, `type`, `length`, `required`, `restrict`,
/// `label` or `options`.
fn field(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = admin(org);
    let (object, name) = (text(body, "object")?, text(body, "name")?);
    let value = |key: &str| {
        let missing = || Fault::new(400, "MISSING_ARGUMENT", format!("the member \"{key}\" is missing"));
        body.get(key).cloned().ok_or_else(missing)
    };
    let set = |members: Value| object_of(members);
    match text(body, "change")? {
        "add" => org.make_field(&who, object, name, &read::<Custom>(body)?, false)?,
        "delete" => org.delete_field(&who, object, name)?,
        "read_only" => {
            org.change_field(&who, object, name, set(json!({"createable": false, "updateable": false})))?;
        }
        "required" => org.change_field(&who, object, name, set(json!({"nillable": false})))?,
        "label" => org.change_field(&who, object, name, set(json!({"label": value("label")?})))?,
        "length" => org.change_field(&who, object, name, set(json!({"length": value("length")?})))?,
        "restrict" => org.change_field(&who, object, name, set(json!({"restrictedPicklist": true})))?,
        "options" => org.set_options(&who, object, name, &texts(body, "options"))?,
        "type" => {
            let (_, meta) = org.object(object)?;
            let json = super::drift::describe(org, meta, name, &read::<Custom>(body)?)?;
            org.change_field(&who, object, name, json)?;
        }
        other => {
            let known = "add, delete, read_only, required, label, length, restrict, options, type";
            return Err(invalid(format!("{other:?} is not a change; there are {known}")));
        }
    }
    Ok(nothing())
}

fn texts(body: &Map<String, Value>, key: &str) -> Vec<String> {
    let items = body.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// `{name, label?, labelPlural?, fields?: [{name, type, ...}]}`
fn custom_object(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = admin(org);
    let name = text(body, "name")?;
    let optional = |key: &str| body.get(key).and_then(Value::as_str);
    org.make_object(&who, name, optional("label"), optional("labelPlural"))?;
    for field in body.get("fields").and_then(Value::as_array).into_iter().flatten() {
        let Value::Object(field) = field else { return Err(invalid("fields must be objects")) };
        org.make_field(&who, name, text(field, "name")?, &read::<Custom>(field)?, false)?;
    }
    let (_, meta) = org.object(name)?;
    Ok(Reply::json(200, object([("name", (&meta.name).into()), ("keyPrefix", (&meta.key_prefix).into())])))
}

/// `{id, active}`: a user, by id or e-mail address, is deactivated or comes back.
fn owner(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = admin(org);
    let name = text(body, "id")?;
    let user = find_user(org, Some(name)).ok_or_else(|| invalid(format!("no user {name}")))?;
    let active =
        body.get("active").and_then(Value::as_bool).ok_or_else(|| invalid("active must be true or false"))?;
    let (at, _) = org.object("User")?;
    dml::update(org, &who, at, user, &object_of(json!({"IsActive": active})))?;
    Ok(done(user))
}

/// `{currencies?, address_picklists?}`: what an admin switches on for the org.
fn features(org: &mut Org, body: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in body {
        let wrong = || invalid(format!("{name} can't be {value}"));
        match name.as_str() {
            "currencies" => {
                let codes = value.as_array().ok_or_else(wrong)?;
                let codes: Option<Vec<String>> =
                    codes.iter().map(|code| code.as_str().map(str::to_owned)).collect();
                features::currencies(org, &codes.ok_or_else(wrong)?);
            }
            "address_picklists" if value == &Value::Bool(true) => features::address_picklists(org),
            "address_picklists" => return Err(wrong()),
            _ => {
                return Err(invalid(format!(
                    "{name} is no feature; there are currencies, address_picklists"
                )));
            }
        }
    }
    Ok(())
}

const SETTINGS: &[&str] = &["skew_ms", "late_stamp_ms", "daily", "bulk_ms"];

/// What is named is set.
fn settings(sf: &mut Salesforce, body: &Map<String, Value>) -> Result<Reply, Fault> {
    for (name, value) in body {
        let wrong = || invalid(format!("{name} can't be {value}"));
        match name.as_str() {
            "skew_ms" => sf.org.settings.skew_ms = value.as_i64().ok_or_else(wrong)?,
            "late_stamp_ms" => sf.org.settings.late_stamp_ms = value.as_i64().ok_or_else(wrong)?,
            "bulk_ms" => sf.jobs.takes_ms = value.as_i64().ok_or_else(wrong)?,
            "daily" => {
                let max = value.get("max").and_then(Value::as_u64).ok_or_else(wrong)?;
                let now = sf.org.now();
                sf.usage.set(now, max, value.get("remaining").and_then(Value::as_u64));
            }
            _ => return Err(invalid(format!("{name} is not a setting; there are {}", SETTINGS.join(", ")))),
        }
    }
    let set = list(body.keys());
    Ok(Reply::json(200, object([("set", set)])))
}
