//! Older calls that clients still make: properties v2, associations v3.

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, batch};
use super::associations::record;
use super::links::LinkType;
use super::portal::Portal;
use super::request::{self, Query};
use super::schema::Property;
use super::store::{Key, Kind};

/// `GET /properties/v2/{object}/properties`: a bare list, some members named otherwise than in v3.
pub fn properties(portal: &Portal, kind: Kind) -> Answer {
    let live = portal.object(kind)?.properties.iter().filter(|property| property.archived.is_none());
    Ok((200, live.map(property_v2).collect()))
}

/// `GET /properties/v2/{object}/properties/named/{name}`.
pub fn property(portal: &Portal, kind: Kind, name: &str) -> Answer {
    let (_, property) = portal.object(kind)?.live(name).ok_or_else(Fault::not_found)?;
    Ok((200, property_v2(property)))
}

fn property_v2(property: &Property) -> Json {
    let mut body = property.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("modificationMetadata");
        body.remove("archived");
        body.insert("createdAt".into(), json!(property.created.0));
        body.insert("updatedAt".into(), json!(property.updated.0));
        body.insert("deleted".into(), json!(false));
        body.insert("readOnlyValue".into(), json!(property.read_only_value));
        body.insert("readOnlyDefinition".into(), json!(property.read_only_definition));
        body.insert("mutableDefinitionNotDeletable".into(), json!(!property.archivable));
        body.insert("favorited".into(), json!(false));
        body.insert("hubspotDefined".into(), json!(property.defined));
    }
    body
}

/// The type with this name or number.
fn named<'p>(portal: &'p Portal, from: Kind, to: Kind, name: &str) -> Result<&'p LinkType, Fault> {
    let known = portal.links.types.iter().find(|known| {
        known.from == from && known.to == to && (known.name == name || known.id.to_string() == name)
    });
    known.ok_or_else(|| Fault::invalid(format!("{name} is not a valid association type")))
}

fn ends(portal: &Portal, from: Kind, to: Kind, input: &Json) -> Result<(Key, Key, u32), Fault> {
    let end = |name: &str| input.get(name).and_then(|end| request::text(end, "id"));
    let a = end("from").ok_or_else(|| Fault::missing("from"))?;
    let b = end("to").ok_or_else(|| Fault::missing("to"))?;
    let name = request::text(input, "type").ok_or_else(|| Fault::missing("type"))?;
    let known = named(portal, from, to, &name)?.id;
    Ok((record(portal, from, &a)?, record(portal, to, &b)?, known))
}

fn pair(portal: &Portal, from: Key, to: Key, id: u32) -> Json {
    let name = portal.links.kind_of(id).map_or("", |known| known.name.as_str());
    json!({ "from": { "id": from.1.to_string() }, "to": { "id": to.1.to_string() }, "type": name })
}

/// `POST associations/{from}/{to}/batch/create`: answers both directions.
pub fn create(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let actor = portal.api();
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in request::inputs(&request::object(request)?, 100)? {
        let made = ends(portal, from, to, &input)
            .and_then(|(a, b, id)| portal.associate(a, b, &[id], &actor).map(|()| (a, b, id)));
        match made {
            Ok((a, b, id)) => {
                let back = portal.links.kind_of(id).map_or(id, |known| known.inverse);
                results.push(pair(portal, b, a, back));
                results.push(pair(portal, a, b, id));
            }
            Err(fault) => faults.push(fault),
        }
    }
    Ok(batch(201, results, &faults, portal.now()))
}

/// `POST associations/{from}/{to}/batch/archive`.
pub fn archive(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let actor = portal.api();
    for input in request::inputs(&request::object(request)?, 100)? {
        let (a, b, id) = ends(portal, from, to, &input)?;
        portal.dissociate(a, b, Some(&[id]), &actor);
    }
    Ok((204, Json::Null))
}

/// `POST associations/{from}/{to}/batch/read`.
pub fn read(portal: &Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let mut results = Vec::new();
    for input in request::inputs(&request::object(request)?, 100)? {
        let name = request::text(&input, "id").ok_or_else(|| Fault::missing("id"))?;
        let Ok(key) = record(portal, from, &name) else { continue };
        let to = rows(portal, key, to);
        if !to.is_empty() {
            results.push(json!({ "from": { "id": name }, "to": to }));
        }
    }
    Ok(batch(200, results, &[], portal.now()))
}

/// `GET associations/{from}/{to}/types`.
pub fn types(portal: &Portal, from: Kind, to: Kind) -> Answer {
    let known = portal.links.types.iter().filter(|known| known.from == from && known.to == to);
    let rows: Vec<Json> =
        known.map(|known| json!({ "id": known.id.to_string(), "name": known.name })).collect();
    Ok((200, json!({ "results": rows })))
}

/// `{id, type}` of every associated record, one row per type.
fn rows(portal: &Portal, from: Key, to: Kind) -> Vec<Json> {
    let mut all = Vec::new();
    for (id, types) in portal.links.of(from, to).filter(|(id, _)| portal.live(to, *id).is_some()) {
        for known in types.iter().filter_map(|known| portal.links.kind_of(*known)) {
            all.push(json!({ "id": id.to_string(), "type": known.name }));
        }
    }
    all
}

/// `GET /crm/v3/objects/{from}/{id}/associations/{to}`.
pub fn of_record(portal: &Portal, from: (Kind, &str), to: Kind, query: &Query) -> Answer {
    let key = portal.live(from.0, request::id(from.1)?).map(|(id, _)| (from.0, id));
    let mut all = rows(portal, key.ok_or_else(Fault::not_found)?, to);
    all.truncate(query.limit(500, 500)?);
    Ok((200, json!({ "results": all })))
}

/// `PUT` and `DELETE /crm/v3/objects/{from}/{id}/associations/{to}/{id}/{type}`.
pub fn set_on_record(
    portal: &mut Portal,
    from: (Kind, &str),
    to: (Kind, &str),
    name: &str,
    method: &str,
) -> Answer {
    let id = named(portal, from.0, to.0, name)?.id;
    let (a, b) = (record(portal, from.0, from.1)?, record(portal, to.0, to.1)?);
    let actor = portal.api();
    match method {
        "PUT" => {
            portal.associate(a, b, &[id], &actor)?;
            let view = super::records::View { associations: vec![b.0], ..Default::default() };
            let view = view.resolve(portal.object(a.0)?);
            Ok((200, Json::Object(portal.show(a.0, a.1, &view)?)))
        }
        "DELETE" => {
            portal.dissociate(a, b, Some(&[id]), &actor);
            Ok((204, Json::Null))
        }
        _ => Err(Fault::method_not_allowed()),
    }
}
