//! `/_sandbox/...`: what people and admins do to the org while a client is at work. Documented in `docs/SANDBOX.md`.

use serde_json::{Map, Value};

use super::Salesforce;
use super::dml;
use super::doc::object;
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::reply::{Call, Reply};
use super::session::find_user;

pub fn route(sf: &mut Salesforce, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    match (call.request.method.as_str(), path) {
        ("POST", ["edit"]) => edit(&mut sf.org, &call.object()?),
        ("POST", ["create"]) => create(&mut sf.org, &call.object()?),
        ("POST", ["delete"]) => delete(&mut sf.org, &call.object()?),
        _ => Err(Fault::not_found()),
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

/// The person who does it: `by`, or somebody.
pub fn person(org: &Org, body: &Map<String, Value>) -> Result<Who, Fault> {
    let by = body.get("by").and_then(Value::as_str);
    let unknown =
        || Fault::new(400, "INVALID_ARGUMENT", format!("no user {by:?}: name an e-mail address of a User"));
    match (find_user(org, by), by) {
        (Some(user), by) => Ok(Who { user, by: by.map_or_else(|| "person".to_owned(), str::to_owned) }),
        // A made-up name is written as the first person, under that name in the log.
        (None, Some(name)) if !name.contains('@') => {
            let user = find_user(org, None).ok_or_else(unknown)?;
            Ok(Who { user, by: name.to_owned() })
        }
        (None, _) => Err(unknown()),
    }
}

fn done(id: Id) -> Reply {
    Reply::json(200, object([("id", id.to_string().into()), ("success", true.into())]))
}

fn target(org: &Org, body: &Map<String, Value>) -> Result<(usize, Id), Fault> {
    let (at, _) = org.object(text(body, "object")?)?;
    let id = Id::parse(text(body, "id")?).ok_or_else(Fault::not_found)?;
    Ok((at, id))
}

fn edit(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, id) = target(org, body)?;
    dml::update(org, &who, at, id, &members(body, "fields")?)?;
    Ok(done(id))
}

fn create(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, _) = org.object(text(body, "object")?)?;
    let id = dml::create(org, &who, at, &members(body, "fields")?)?;
    Ok(done(id))
}

fn delete(org: &mut Org, body: &Map<String, Value>) -> Result<Reply, Fault> {
    let who = person(org, body)?;
    let (at, id) = target(org, body)?;
    dml::delete(org, &who, at, id)?;
    Ok(done(id))
}
