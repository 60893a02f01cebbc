//! Calls under `/_sandbox/` that no HubSpot has: people editing at their screens, for demonstrations and tests.

use serde_json::{Value as Json, json};

use super::super::core::http::{Request, Response};
use super::answer::{Answer, Fault, respond};
use super::objects;
use super::portal::Portal;
use super::request;

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
        _ => Err(Fault::new(404, "", format!("no admin call at /_sandbox/{}", path.join("/")))),
    }
}

/// `{object, id?, properties, by?}`: a person changes a record, or makes one when there is no id.
fn edit(portal: &mut Portal, body: &Json) -> Answer {
    let kind = portal.kind(&request::text(body, "object").ok_or_else(|| Fault::missing("object"))?)?;
    let properties = body.get("properties").ok_or_else(|| Fault::missing("properties"))?;
    let actor = portal.person(&request::text(body, "by").unwrap_or_else(|| "person".into()));
    let id = match request::text(body, "id") {
        Some(name) => {
            let property = request::text(body, "idProperty");
            let id = objects::find(portal, kind, &name, property.as_deref(), false)?;
            let values = portal.check(kind, Some(id), properties)?;
            portal.update(kind, id, values, &actor)?;
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
    let kind = portal.kind(&request::text(body, "object").ok_or_else(|| Fault::missing("object"))?)?;
    let name = request::text(body, "id").ok_or_else(|| Fault::missing("id"))?;
    let id = objects::find(portal, kind, &name, None, false)?;
    let actor = portal.person(&request::text(body, "by").unwrap_or_else(|| "person".into()));
    portal.archive(kind, id, &actor)?;
    Ok((200, json!({ "archived": id.to_string() })))
}
