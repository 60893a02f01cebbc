//! Single records: list, read, create, change, archive.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::associations::Wanted;
use super::portal::Portal;
use super::records::View;
use super::request::{self, Query};
use super::store::Kind;

/// The view that a query asks for.
fn view(portal: &Portal, query: &Query) -> Result<View, Fault> {
    let kinds: Result<Vec<Kind>, Fault> =
        query.all("associations").iter().map(|name| portal.kind(name)).collect();
    Ok(View {
        properties: query.all("properties"),
        history: query.all("propertiesWithHistory"),
        associations: kinds?,
        without_nulls: false,
    })
}

/// `GET {object}`: a page by id.
pub fn list(portal: &Portal, kind: Kind, query: &Query) -> Answer {
    let view = view(portal, query)?;
    // History makes big answers, so pages are smaller with it.
    let limit = query.limit(10, if view.history.is_empty() { 100 } else { 50 })?;
    let archived = query.flag("archived")?;
    let start = match query.get("after") {
        None => 0,
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| Fault::invalid(format!("The `after` value {text} is not one of an earlier page")))?,
    };
    let object = portal.object(kind)?;
    let resolved = view.resolve(object);
    let mut ids = object
        .records
        .range(start..)
        .filter(|(_, record)| record.archived.is_some() == archived)
        .map(|(id, _)| *id);
    let page: Vec<u64> = ids.by_ref().take(limit).collect();
    let next = ids.next();
    let results: Result<Vec<Map<String, Json>>, Fault> =
        page.iter().map(|id| portal.show(kind, *id, &resolved)).collect();
    let mut body = json!({ "results": results? });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("paging".into(), json!({ "next": { "after": next.to_string() } }));
    }
    Ok((200, body))
}

/// The record that a path names, by id or by a unique property; archived ones only when asked for.
pub fn find(
    portal: &Portal,
    kind: Kind,
    name: &str,
    id_property: Option<&str>,
    archived: bool,
) -> Result<u64, Fault> {
    let object = portal.object(kind)?;
    let id = match id_property.filter(|property| *property != "hs_object_id") {
        None => object.resolve(request::id(name)?),
        Some(property) => {
            let (prop, property) = object
                .live(property)
                .ok_or_else(|| Fault::invalid(format!("Property \"{property}\" does not exist")))?;
            if !portal.is_unique(kind, prop) {
                return Err(not_unique(portal, kind, &property.name));
            }
            let value = if &*property.name == "email" { name.trim().to_lowercase() } else { name.to_owned() };
            portal.by_unique(kind, prop, &value).ok_or_else(Fault::not_found)?
        }
    };
    let record = object.records.get(&id).ok_or_else(Fault::not_found)?;
    if record.archived.is_some() == archived { Ok(id) } else { Err(Fault::not_found()) }
}

pub fn not_unique(portal: &Portal, kind: Kind, property: &str) -> Fault {
    let type_id = portal.object(kind).map_or("", |object| object.type_id.as_str());
    Fault::invalid(format!(
        "Unable to perform update/upsert by non-unique {type_id} property {property} in portal ID {}",
        portal.id
    ))
}

/// `GET {object}/{id}`.
pub fn get(portal: &Portal, kind: Kind, name: &str, query: &Query) -> Answer {
    let id = find(portal, kind, name, query.get("idProperty"), query.flag("archived")?)?;
    let view = view(portal, query)?.resolve(portal.object(kind)?);
    Ok((200, Json::Object(portal.show(kind, id, &view)?)))
}

/// `POST {object}`.
pub fn create(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let id = create_one(portal, kind, &body)?;
    Ok((201, Json::Object(written(portal, kind, id, &body)?)))
}

/// Creates a record with its associations, or nothing.
pub fn create_one(portal: &mut Portal, kind: Kind, input: &Json) -> Result<u64, Fault> {
    let values = portal.check(kind, None, input.get("properties").unwrap_or(&Json::Null))?;
    let wanted = Wanted::of_new(portal, kind, input.get("associations").unwrap_or(&Json::Null))?;
    let actor = portal.api();
    let id = portal.create(kind, values, &actor)?;
    for link in wanted {
        portal.associate((kind, id), link.to, &link.types, &actor)?;
    }
    Ok(id)
}

/// The answer to a write of `input`.
pub fn written(portal: &Portal, kind: Kind, id: u64, input: &Json) -> Result<Map<String, Json>, Fault> {
    let object = portal.object(kind)?;
    let names = input.get("properties").and_then(Json::as_object);
    let names = names.into_iter().flat_map(|names| names.keys().cloned());
    let mut body = portal.show(kind, id, &View::written(object, names).resolve(object))?;
    if let Some(trace) = input.get("objectWriteTraceId").filter(|trace| trace.is_string()) {
        body.insert("objectWriteTraceId".into(), trace.clone());
    }
    Ok(body)
}

/// `PATCH {object}/{id}`.
pub fn update(portal: &mut Portal, kind: Kind, name: &str, query: &Query, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let id = find(portal, kind, name, query.get("idProperty"), false)?;
    update_one(portal, kind, id, &body)?;
    Ok((200, Json::Object(written(portal, kind, id, &body)?)))
}

pub fn update_one(portal: &mut Portal, kind: Kind, id: u64, input: &Json) -> Result<(), Fault> {
    let values = portal.check(kind, Some(id), input.get("properties").unwrap_or(&Json::Null))?;
    let actor = portal.api();
    portal.update(kind, id, values, &actor)?;
    Ok(())
}

/// `DELETE {object}/{id}`: 204 also for one that is archived already.
pub fn archive(portal: &mut Portal, kind: Kind, name: &str) -> Answer {
    let id = request::id(name)?;
    let object = portal.object(kind)?;
    if !object.records.contains_key(&object.resolve(id)) {
        return Err(Fault::not_found());
    }
    let actor = portal.api();
    portal.archive(kind, id, &actor)?;
    Ok((204, Json::Null))
}
