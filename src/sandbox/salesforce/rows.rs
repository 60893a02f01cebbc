//! `/sobjects/{Object}`: single records by id and by external id, with conditional requests.

use super::bin;
use super::cell::Cell;
use super::describe;
use super::dml::{self, Upserted};
use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Object, Type};
use super::org::Org;
use super::replication;
use super::reply::{Call, Reply};
use super::soql::project::{attributes, url};
use super::store::Row;
use super::time;

/// `/sobjects/{name}/{rest...}`
pub fn route(org: &mut Org, call: &Call<'_>, name: &str, rest: &[&str]) -> Result<Reply, Fault> {
    let (at, meta) = org.object(name)?;
    let method = call.request.method.as_str();
    match (method, rest) {
        ("GET" | "HEAD", []) => Ok(Reply::json(200, describe::summary(org, meta, call.version))),
        ("GET" | "HEAD", ["describe", rest @ ..]) => describe::describe(org, meta, call, rest),
        ("GET", ["updated"]) => replication::updated(org, call, at),
        ("GET", ["deleted"]) => replication::deleted(org, call, at),
        ("POST", [] | ["Id" | "id"]) => insert(org, call, at),
        (_, [id]) if Id::parse(id).is_some() || meta.find(id).is_none() => by_id(org, call, at, id),
        (_, [field, value @ ..]) if !value.is_empty() => by_key(org, call, at, field, &value.join("/")),
        _ => Err(not_allowed(method, "HEAD,GET,POST")),
    }
}

pub fn not_allowed(method: &str, allowed: &str) -> Fault {
    let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
    Fault::new(405, "METHOD_NOT_ALLOWED", message)
}

fn insert(org: &mut Org, call: &Call<'_>, at: usize) -> Result<Reply, Fault> {
    let body = call.object()?;
    let id = dml::create(org, &call.who, at, &body)?;
    let name = org.schema.get(at).map_or(String::new(), |meta| meta.name.clone());
    Ok(saved(201, id, None).with("Location", url(call.version, &name, id)))
}

fn saved(status: u16, id: Id, created: Option<bool>) -> Reply {
    let mut doc =
        object([("id", id.to_string().into()), ("success", true.into()), ("errors", Doc::List(Vec::new()))]);
    if let Some(created) = created {
        doc.push("created", created);
    }
    Reply::json(status, doc)
}

fn by_id(org: &mut Org, call: &Call<'_>, at: usize, id: &str) -> Result<Reply, Fault> {
    let id = Id::parse(id).ok_or_else(Fault::not_found)?;
    let meta = org.schema.get(at).ok_or_else(Fault::not_found)?;
    if !meta.key_prefix.is_empty() && id.prefix() != meta.key_prefix {
        return Err(Fault::not_found());
    }
    match call.request.method.as_str() {
        "GET" | "HEAD" => {
            let row = dml::live(org, at, id)?;
            read(org, call, meta, row)
        }
        "PATCH" => {
            precondition(dml::live(org, at, id)?, call)?;
            let body = call.object()?;
            dml::update(org, &call.who, at, id, &body)?;
            Ok(Reply::empty(204))
        }
        "DELETE" => {
            bin::delete(org, &call.who, at, id)?;
            Ok(Reply::empty(204))
        }
        method => Err(not_allowed(method, "HEAD,GET,PATCH,DELETE")),
    }
}

fn by_key(org: &mut Org, call: &Call<'_>, at: usize, field: &str, value: &str) -> Result<Reply, Fault> {
    let meta = org.schema.get(at).ok_or_else(Fault::not_found)?;
    let (place, key) = dml::key_field(meta, field)?;
    let name = meta.name.clone();
    let found: Vec<Id> = match key.ty {
        Type::Id => Id::parse(value).into_iter().collect(),
        _ => org.table(at).map(|table| table.lookup(meta, place, value)).unwrap_or_default(),
    };
    let several = |ids: &[Id]| Reply::json(300, list(ids.iter().map(|id| url(call.version, &name, *id))));
    match (call.request.method.as_str(), found.as_slice()) {
        ("GET" | "HEAD" | "DELETE", []) => Err(Fault::not_found()),
        ("GET" | "HEAD" | "DELETE", [_, _, ..]) => Ok(several(&found)),
        ("GET" | "HEAD", [id]) => {
            let row = dml::live(org, at, *id)?;
            read(org, call, meta, row)
        }
        ("DELETE", [id]) => {
            bin::delete(org, &call.who, at, *id)?;
            Ok(Reply::empty(204))
        }
        ("PATCH" | "POST", found) => {
            if let [id] = found
                && let Ok(row) = dml::live(org, at, *id)
            {
                precondition(row, call)?;
            }
            let by_id = key.ty == Type::Id;
            let (field, body) = (key.name.clone(), call.object()?);
            let done = dml::upsert(org, &call.who, at, &field, value, &body, call.flag("updateOnly"))?;
            Ok(match done {
                Upserted::Created(id) => {
                    let created = (call.version >= 46).then_some(true);
                    saved(201, id, created).with("Location", url(call.version, &name, id))
                }
                // Older versions say nothing of an update.
                Upserted::Updated(_) if call.version < 46 && !by_id => Reply::empty(204),
                Upserted::Updated(id) => {
                    saved(200, id, Some(false)).with("Location", url(call.version, &name, id))
                }
                Upserted::Several(ids) => several(&ids),
            })
        }
        (method, _) => Err(not_allowed(method, "HEAD,GET,PATCH,DELETE")),
    }
}

/// `If-Unmodified-Since`, on every object, in whole seconds; `If-Match` on accounts.
fn precondition(row: &Row, call: &Call<'_>) -> Result<(), Fault> {
    if let Some(text) = call.request.header("if-unmodified-since") {
        let since = time::parse_http_date(text).ok_or_else(|| bad_header("If-Unmodified-Since", text))?;
        if row.stamp > since {
            return Err(changed());
        }
    }
    if let Some(text) = call.request.header("if-modified-since") {
        let since = time::parse_http_date(text).ok_or_else(|| bad_header("If-Modified-Since", text))?;
        if row.stamp <= since {
            return Err(changed());
        }
    }
    if row.id.prefix() == "001"
        && let Some(tags) = call.request.header("if-match")
        && tags.trim() != "*"
        && !tags.split(',').any(|tag| bare_tag(tag) == etag_text(row))
    {
        return Err(changed());
    }
    Ok(())
}

fn changed() -> Fault {
    Fault::new(
        412,
        "PRECONDITION_FAILED",
        "One or more of the preconditions in the request headers evaluated to false",
    )
}

fn bad_header(name: &str, text: &str) -> Fault {
    Fault::new(400, "INVALID_HEADER", format!("The value of the header {name} is not an HTTP date: {text}"))
}

/// A tag without quotes and without what compression adds.
fn bare_tag(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"').trim_end_matches("--gzip")
}

fn etag_text(row: &Row) -> String {
    let hash = blake3::hash(format!("{} {}", row.id, row.stamp).as_bytes());
    data_encoding::BASE64.encode(hash.as_bytes())
}

fn read(org: &Org, call: &Call<'_>, meta: &Object, row: &Row) -> Result<Reply, Fault> {
    let etag = etag_text(row);
    if let Some(text) = call.request.header("if-modified-since")
        && let Some(since) = time::parse_http_date(text)
        && row.stamp <= since
    {
        return Ok(Reply::empty(304));
    }
    if meta.name == "Account"
        && let Some(tags) = call.request.header("if-none-match")
        && tags.split(',').any(|tag| bare_tag(tag) == etag)
    {
        return Ok(Reply::empty(304));
    }
    if call.request.header("if-unmodified-since").is_some() {
        precondition(row, call)?;
    }
    let fields = match call.request.param("fields") {
        Some(names) => {
            let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            fields(meta, &names)?
        }
        None => meta.seen_fields().map(|(at, _)| at).collect(),
    };
    let doc = record(org, call.version, meta, row, &fields);
    let mut reply = Reply::json(200, doc).with("Last-Modified", time::http_date(row.stamp));
    if meta.name == "Account" {
        reply = reply.with("ETag", format!("\"{etag}\""));
    }
    Ok(reply)
}

pub fn fields(meta: &Object, names: &[&str]) -> Result<Vec<u16>, Fault> {
    let unknown = |name: &str| {
        let message = format!("No such column '{name}' on sobject of type {}", meta.name);
        Fault::new(400, "INVALID_FIELD", message)
    };
    names.iter().map(|name| meta.find(name).map(|(at, _)| at).ok_or_else(|| unknown(name))).collect()
}

/// A record with these fields, and its id.
pub fn record(org: &Org, version: u16, meta: &Object, row: &Row, fields: &[u16]) -> Doc {
    let mut doc = object([("attributes", attributes(version, &meta.name, row.id))]);
    let mut has_id = false;
    for at in fields {
        let Some(field) = meta.field(*at) else { continue };
        has_id |= field.ty == Type::Id;
        doc.push(field.name.clone(), org.read(meta, row, *at).doc(field));
    }
    if !has_id {
        doc.push("Id", row.id.to_string());
    }
    doc
}

/// Whether the user with this id may log in.
pub fn active(org: &Org, user: Id) -> bool {
    let Some((at, row)) = org.find(user) else { return false };
    org.schema.get(at).is_some_and(|meta| org.read_by_name(meta, row, "IsActive") == Cell::Bool(true))
}
