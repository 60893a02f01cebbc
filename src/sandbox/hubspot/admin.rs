//! Calls under `/_sandbox/` that no HubSpot has: people at their screens, switches, changes of the schema.

use serde_json::{Value as Json, json};

use super::super::core::http::{Request, Response};
use super::super::core::workflow::Workflow;
use super::answer::{Answer, Fault, respond};
use super::limits::Limits;
use super::portal::{Actor, Portal};
use super::store::Kind;
use super::{associations, merge, objects, pipelines, properties, request};

/// Answers a call. These calls need no token and are not counted.
pub fn handle(portal: &mut Portal, path: &[&str], request: &Request) -> Response {
    match call(portal, path, request) {
        Ok((status, body)) => respond(status, &body),
        Err(fault) => respond(fault.status, &fault.body("00000000-0000-4000-8000-000000000000")),
    }
}

fn call(portal: &mut Portal, path: &[&str], request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    match (request.method.as_str(), path) {
        ("POST", ["edit"]) => edit(portal, &body),
        ("POST", ["archive"]) => archive(portal, &body),
        ("POST", ["restore"]) => restore(portal, &body),
        ("POST", ["merge"]) => merged(portal, &body),
        ("POST", ["associate"]) => associate(portal, &body),
        ("POST", ["settings"]) => settings(portal, &body),
        ("POST", ["workflow"]) => workflow(portal, &body),
        ("DELETE", ["workflow"]) => {
            portal.automation.clear();
            Ok((200, json!({})))
        }
        ("POST", ["owner"]) => owner(portal, &body),
        ("POST", ["property"]) => property(portal, &body),
        ("POST", ["stage"]) => stage(portal, &body),
        ("GET", ["webhooks"]) => Ok((200, json!({ "events": portal.webhooks.take() }))),
        _ => Err(Fault::new(404, "", format!("no admin call at /_sandbox/{}", path.join("/")))),
    }
}

fn need(body: &Json, name: &str) -> Result<String, Fault> {
    request::text(body, name).ok_or_else(|| Fault::missing(name))
}

/// The object that a call names, and who it says is doing it.
fn kind_and_person(portal: &mut Portal, body: &Json) -> Result<(Kind, Actor), Fault> {
    let kind = portal.kind(&need(body, "object")?)?;
    let by = request::text(body, "by").unwrap_or_else(|| "person".into());
    Ok((kind, portal.person(&by)))
}

/// `{object, id?, properties, by?}`: a person changes a record, or makes one when there is no id.
fn edit(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, actor) = kind_and_person(portal, body)?;
    let properties = body.get("properties").ok_or_else(|| Fault::missing("properties"))?;
    let id = match request::text(body, "id") {
        Some(name) => {
            let property = request::text(body, "idProperty");
            let id = objects::find(portal, kind, &name, property.as_deref(), false)?;
            let values = portal.check(kind, Some(id), properties)?;
            // People may take a lifecycle stage back.
            portal.update_freely(kind, id, values, &actor)?;
            id
        }
        None => {
            let values = portal.check(kind, None, properties)?;
            portal.create(kind, values, &actor)?
        }
    };
    Ok((200, Json::Object(objects::written(portal, kind, id, body)?)))
}

/// `{object, id, by?}`: a person deletes a record.
fn archive(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, actor) = kind_and_person(portal, body)?;
    let id = objects::find(portal, kind, &need(body, "id")?, None, false)?;
    portal.archive(kind, id, &actor)?;
    Ok((200, json!({ "archived": id.to_string() })))
}

/// `{object, id, by?}`: a person takes a record out of the recycle bin.
fn restore(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, actor) = kind_and_person(portal, body)?;
    let id = objects::find(portal, kind, &need(body, "id")?, None, true)?;
    portal.restore(kind, id, &actor)?;
    Ok((200, json!({ "restored": id.to_string() })))
}

/// `{object, primaryObjectId, objectIdToMerge, by?}`: a person merges two records.
fn merged(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, actor) = kind_and_person(portal, body)?;
    let id = merge::merge_as(portal, kind, body, &actor)?;
    Ok((200, json!({ "id": id.to_string() })))
}

/// `{object, id, toObject, toId, type?, remove?, by?}`: a person associates two records, or ends it.
fn associate(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, actor) = kind_and_person(portal, body)?;
    let to = portal.kind(&need(body, "toObject")?)?;
    let from = associations::record(portal, kind, &need(body, "id")?)?;
    let to = associations::record(portal, to, &need(body, "toId")?)?;
    if body.get("remove").and_then(Json::as_bool) == Some(true) {
        portal.dissociate(from, to, None, &actor);
        return Ok((200, json!({})));
    }
    let types: Vec<u32> = match body.get("type").and_then(Json::as_u64) {
        Some(id) if portal.links.between(from.0, to.0, id as u32).is_none() => {
            return Err(Fault::invalid(format!("{id} is not a type of this pair")));
        }
        Some(id) => vec![id as u32],
        None => Vec::new(),
    };
    portal.associate(from, to, &types, &actor)?;
    Ok((200, json!({})))
}

const SETTINGS: &[&str] = &[
    "skew_ms",
    "search_lag_ms",
    "late_stamp_ms",
    "auto_companies",
    "limits",
    "without_scopes",
    "trim",
    "nfc",
    "token_revoked",
    "currencies",
];

/// What is named is set.
fn settings(portal: &mut Portal, body: &Json) -> Answer {
    let given = body.as_object().into_iter().flatten();
    for (name, value) in given {
        let wrong = || Fault::invalid(format!("{name} can't be {value}"));
        let settings = &mut portal.settings;
        match name.as_str() {
            "skew_ms" => settings.skew_ms = value.as_i64().ok_or_else(wrong)?,
            "search_lag_ms" => settings.search_lag_ms = value.as_i64().ok_or_else(wrong)?,
            "late_stamp_ms" => settings.late_stamp_ms = value.as_i64().ok_or_else(wrong)?,
            "auto_companies" => settings.auto_companies = value.as_bool().ok_or_else(wrong)?,
            "trim" => settings.trim = value.as_bool().ok_or_else(wrong)?,
            "nfc" => settings.nfc = value.as_bool().ok_or_else(wrong)?,
            "token_revoked" => settings.token_revoked = value.as_bool().ok_or_else(wrong)?,
            "currencies" => {
                let codes = value.as_array().ok_or_else(wrong)?;
                settings.currencies = codes.iter().filter_map(Json::as_str).map(str::to_owned).collect();
            }
            "limits" => settings.limits = limits(value),
            "without_scopes" => {
                let scopes = value.as_array().ok_or_else(wrong)?;
                settings.without_scopes = scopes.iter().filter_map(Json::as_str).map(str::to_owned).collect();
            }
            _ => {
                let message = format!("{name} is not a setting; there are {}", SETTINGS.join(", "));
                return Err(Fault::invalid(message));
            }
        }
    }
    Ok((200, json!({})))
}

/// `true` or an object switches limits on, `false` and `null` off.
fn limits(value: &Json) -> Option<Limits> {
    let usual = Limits::default();
    match value {
        Json::Bool(true) => Some(usual),
        Json::Object(figures) => {
            let figure = |name: &str| figures.get(name).and_then(Json::as_u64);
            Some(Limits {
                burst: figure("burst").map_or(usual.burst, |n| n as usize),
                search: figure("search").map_or(usual.search, |n| n as usize),
                daily: figure("daily").unwrap_or(usual.daily),
            })
        }
        _ => None,
    }
}

/// `{name, object, when, becomes?, set, delay_ms?, times?}`.
fn workflow(portal: &mut Portal, body: &Json) -> Answer {
    let workflow: Workflow =
        serde_json::from_value(body.clone()).map_err(|error| Fault::invalid(error.to_string()))?;
    portal.kind(&workflow.object)?;
    portal.automation.add(workflow);
    Ok((200, json!({})))
}

/// `{id, active}`: a user is deactivated, or comes back.
fn owner(portal: &mut Portal, body: &Json) -> Answer {
    let (id, at) = (need(body, "id")?, portal.now());
    let active = body.get("active").and_then(Json::as_bool).ok_or_else(|| Fault::missing("active"))?;
    let known = portal.owners.iter_mut().find(|owner| owner.id == id || owner.email == id);
    let owner = known.ok_or_else(Fault::not_found)?;
    owner.archived = (!active).then_some(at);
    owner.updated = at;
    Ok((200, json!({ "id": owner.id })))
}

/// `{object, name, change, ...}`: the schema drifts. `change`: `delete`, `read_only`, `type` (with `type` and
/// `fieldType`), `options` (with `options`).
fn property(portal: &mut Portal, body: &Json) -> Answer {
    let (kind, name, at) = (portal.kind(&need(body, "object")?)?, need(body, "name")?, portal.now());
    let object = portal.object_mut(kind)?;
    let prop = object.live(&name).map(|(prop, _)| prop).ok_or_else(Fault::not_found)?;
    let property = object.properties.get_mut(usize::from(prop.0)).ok_or_else(Fault::not_found)?;
    property.updated = at;
    match need(body, "change")?.as_str() {
        "delete" => property.archived = Some(at),
        "read_only" => property.read_only_value = true,
        "type" => {
            property.ty = need(body, "type")?;
            property.field_type = need(body, "fieldType")?;
        }
        "options" => property.options = properties::choices(body.get("options").unwrap_or(&Json::Null)),
        other => return Err(Fault::invalid(format!("{other} is not a change"))),
    }
    portal.schema_note(kind, &name);
    Ok((200, json!({})))
}

/// `{object, pipeline, stage}`: an admin deletes a stage; records stay in it.
fn stage(portal: &mut Portal, body: &Json) -> Answer {
    let kind = portal.kind(&need(body, "object")?)?;
    pipelines::archive_stage(portal, kind, &need(body, "pipeline")?, &need(body, "stage")?)
}
