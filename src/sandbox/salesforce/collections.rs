//! `/composite/sobjects`: up to 200 records in one call; each item tells its own result.

use serde_json::{Map, Value};

use super::bin;
use super::dml::{self, Upserted};
use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::reply::{Call, Reply};
use super::rows::{fields, not_allowed, record};

const MAX_RECORDS: usize = 200;
const MAX_READ: usize = 2_000;
const MAX_RUNS: usize = 10;

/// `/composite/sobjects/{rest...}`
pub fn route(org: &mut Org, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Fault> {
    match (call.request.method.as_str(), rest) {
        ("POST", []) => write(org, call, create),
        ("PATCH", []) => write(org, call, update),
        ("DELETE", []) => delete(org, call),
        ("PATCH", [name, key]) => upsert(org, call, name, key),
        ("GET" | "POST", [name]) => retrieve(org, call, name),
        (method, _) => Err(not_allowed(method, "POST,PATCH,DELETE,GET")),
    }
}

/// One item done: its id, and whether an upsert created it.
type Done = (Id, Option<bool>);

type Action = fn(&mut Org, &Who, &Map<String, Value>) -> Result<Done, Fault>;

fn write(org: &mut Org, call: &Call<'_>, action: Action) -> Result<Reply, Fault> {
    let (records, all_or_none) = records(call)?;
    let kinds: Vec<Option<&str>> = records.iter().map(kind).collect();
    let runs = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count() + 1;
    if runs > MAX_RUNS {
        let message = format!("record type chunks limit reached. cannot submit more than {MAX_RUNS} chunks");
        return Err(Fault::new(400, "LIMIT_EXCEEDED", message));
    }
    let mut seen = Vec::new();
    let who = call.who.clone();
    let work = |org: &mut Org, item: &Value| {
        let Value::Object(body) = item else { return Err(no_attributes()) };
        let id = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("id")).and_then(|(_, v)| v.as_str());
        if let Some(id) = id.and_then(Id::parse) {
            if seen.contains(&id) {
                return Err(Fault::record(
                    "DUPLICATE_VALUE",
                    format!("duplicate id specified: {id}"),
                    [""; 0],
                ));
            }
            seen.push(id);
        }
        action(org, &who, body)
    };
    Ok(Reply::json(200, each(org, &records, all_or_none, None, work)))
}

fn kind(record: &Value) -> Option<&str> {
    record.get("attributes")?.get("type")?.as_str()
}

fn no_attributes() -> Fault {
    Fault::record(
        "JSON_PARSER_ERROR",
        "Nested object for polymorphic foreign key must have an attributes field before any other fields.",
        [""; 0],
    )
}

fn records(call: &Call<'_>) -> Result<(Vec<Value>, bool), Fault> {
    let mut body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    match body.remove("records") {
        Some(Value::Array(records)) if records.len() > MAX_RECORDS => Err(too_many(MAX_RECORDS)),
        Some(Value::Array(records)) => Ok((records, all_or_none)),
        _ => Err(Fault::malformed("The request must have a list of records at [line:1, column:1]")),
    }
}

fn too_many(limit: usize) -> Fault {
    let message = format!("record limit reached. cannot submit more than {limit} records into this call");
    Fault::new(400, "EXCEEDED_ID_LIMIT", message)
}

/// The results of all items; when one fails and all or none are wanted, nothing is written.
fn each<T>(
    org: &mut Org,
    items: &[T],
    all_or_none: bool,
    failed_created: Option<bool>,
    mut work: impl FnMut(&mut Org, &T) -> Result<Done, Fault>,
) -> Doc {
    org.begin();
    let results: Vec<Result<Done, Fault>> = items.iter().map(|item| work(org, item)).collect();
    let roll_back = all_or_none && results.iter().any(Result::is_err);
    if roll_back {
        org.rollback()
    } else {
        org.commit()
    }
    list(results.into_iter().map(|result| match result {
        Ok(_) if roll_back => failure(&rolled_back(), failed_created),
        Ok((id, created)) => success(id, created),
        Err(fault) => failure(&fault, failed_created),
    }))
}

fn rolled_back() -> Fault {
    Fault::record(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
        [""; 0],
    )
}

fn success(id: Id, created: Option<bool>) -> Doc {
    let mut doc =
        object([("id", id.to_string().into()), ("success", true.into()), ("errors", Doc::List(Vec::new()))]);
    if let Some(created) = created {
        doc.push("created", created);
    }
    doc
}

fn failure(fault: &Fault, created: Option<bool>) -> Doc {
    let mut doc = object([("success", false.into()), ("errors", list([fault.item()]))]);
    if let Some(created) = created {
        doc.push("created", created);
    }
    doc
}

/// What is unknown as a resource is a bad reference in an item.
pub fn as_item(fault: Fault) -> Fault {
    if fault.code == "NOT_FOUND" && fault.fields.is_none() && fault.message.starts_with("The requested") {
        return Fault::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [""; 0]);
    }
    fault
}

fn typed<'a>(org: &Org, body: &'a Map<String, Value>) -> Result<(usize, &'a str), Fault> {
    let name = body.get("attributes").and_then(|attributes| attributes.get("type")?.as_str());
    let name = name.ok_or_else(no_attributes)?;
    let (at, _) = org.schema.find(name).ok_or_else(|| {
        let message = format!("sObject type '{name}' is not supported.");
        Fault::record("INVALID_TYPE", message, [""; 0])
    })?;
    Ok((at, name))
}

fn create(org: &mut Org, who: &Who, body: &Map<String, Value>) -> Result<Done, Fault> {
    let (at, _) = typed(org, body)?;
    dml::create(org, who, at, body).map(|id| (id, None)).map_err(as_item)
}

fn update(org: &mut Org, who: &Who, body: &Map<String, Value>) -> Result<Done, Fault> {
    let (at, _) = typed(org, body)?;
    let mut body = body.clone();
    let key = body.keys().find(|key| key.eq_ignore_ascii_case("id")).cloned();
    let text = key.and_then(|key| body.remove(&key));
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err(Fault::record("MISSING_ARGUMENT", "Id not specified in an update call", [""; 0]));
    }
    let id =
        Id::parse(text).ok_or_else(|| Fault::record("MALFORMED_ID", format!("bad id {text}"), ["Id"]))?;
    dml::update(org, who, at, id, &body).map(|()| (id, None)).map_err(as_item)
}

fn upsert(org: &mut Org, call: &Call<'_>, name: &str, key: &str) -> Result<Reply, Fault> {
    let (at, meta) = org.object(name)?;
    let (_, field) = dml::key_field(meta, key)?;
    let key = field.name.clone();
    let (records, all_or_none) = records(call)?;
    let who = call.who.clone();
    let mut seen: Vec<String> = Vec::new();
    let work = |org: &mut Org, item: &Value| {
        let Value::Object(body) = item else { return Err(no_attributes()) };
        if kind(item).is_none() {
            return Err(no_attributes());
        }
        let mut body = body.clone();
        let named = body.keys().find(|name| name.eq_ignore_ascii_case(&key)).cloned();
        let value = match named.and_then(|name| body.remove(&name)) {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::Number(number)) => number.to_string(),
            _ if key == "Id" => return dml::create(org, &who, at, &body).map(|id| (id, Some(true))),
            _ => {
                let message = format!("{key} not specified");
                return Err(Fault::record("MISSING_ARGUMENT", message, [&key]));
            }
        };
        if seen.contains(&value.to_lowercase()) {
            let message = "Duplicate external id specified: ".to_owned() + &value;
            return Err(Fault::record("DUPLICATE_VALUE", message, [&key]));
        }
        seen.push(value.to_lowercase());
        match dml::upsert(org, &who, at, &key, &value, &body, false).map_err(as_item)? {
            Upserted::Created(id) => Ok((id, Some(true))),
            Upserted::Updated(id) => Ok((id, Some(false))),
            Upserted::Several(ids) => {
                let message = format!("{key}: more than one record found for external id field: {ids:?}");
                Err(Fault::record("DUPLICATE_EXTERNAL_ID", message, [&key]))
            }
        }
    };
    Ok(Reply::json(200, each(org, &records, all_or_none, Some(false), work)))
}

fn delete(org: &mut Org, call: &Call<'_>) -> Result<Reply, Fault> {
    let ids: Vec<String> = call
        .request
        .param("ids")
        .unwrap_or_default()
        .split(',')
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        return Err(Fault::new(400, "MISSING_ARGUMENT", "The ids parameter is required"));
    }
    if ids.len() > MAX_RECORDS {
        return Err(too_many(MAX_RECORDS));
    }
    let who = call.who.clone();
    let work = |org: &mut Org, text: &String| {
        let id = Id::parse(text)
            .ok_or_else(|| Fault::record("MALFORMED_ID", format!("malformed id {text}"), [""; 0]))?;
        let (at, _) = org.find(id).ok_or_else(|| as_item(Fault::not_found()))?;
        bin::delete(org, &who, at, id).map(|()| (id, None)).map_err(as_item)
    };
    Ok(Reply::json(200, each(org, &ids, call.flag("allOrNone"), None, work)))
}

/// Order is kept; `null` for an id that is not there.
fn retrieve(org: &Org, call: &Call<'_>, name: &str) -> Result<Reply, Fault> {
    let (at, meta) = org.object(name)?;
    let names = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).cloned().unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let (ids, wanted) = if call.request.method == "POST" {
        let body = call.object()?;
        (names(body.get("ids")), names(body.get("fields")))
    } else {
        let split = |name| -> Vec<String> {
            let text: &str = call.request.param(name).unwrap_or_default();
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        };
        (split("ids"), split("fields"))
    };
    if ids.is_empty() || wanted.is_empty() {
        return Err(Fault::new(400, "MISSING_ARGUMENT", "Both ids and fields are required"));
    }
    if ids.len() > MAX_READ {
        return Err(too_many(MAX_READ));
    }
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let fields = fields(meta, &wanted)?;
    let found = ids.iter().map(|id| {
        let row = Id::parse(id).and_then(|id| org.table(at)?.get(id)).filter(|row| row.deleted.is_none());
        row.map(|row| record(org, call.version, meta, row, &fields))
    });
    Ok(Reply::json(200, list(found)))
}
