//! Custom objects: their schemas, made and changed by apps.

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, iso};
use super::links::{Category, LinkType};
use super::portal::Portal;
use super::properties;
use super::request::{self, Query};
use super::schema::{Object, Property, catalogue};
use super::store::Kind;
use crate::value::Millis;

/// What the schema of a custom object says besides its properties.
#[derive(Debug, Clone)]
pub struct Custom {
    pub labels: Json,
    pub description: Option<String>,
    pub primary: Option<String>,
    pub secondary: Vec<String>,
    pub required: Vec<String>,
    pub searchable: Vec<String>,
    pub created: Millis,
    pub updated: Millis,
    pub archived: Option<Millis>,
}

fn link_json(portal: &Portal, known: &LinkType) -> Json {
    let type_id = |kind: Kind| portal.object(kind).map_or("", |object| object.type_id.as_str());
    json!({
        "id": known.id.to_string(),
        "fromObjectTypeId": type_id(known.from),
        "toObjectTypeId": type_id(known.to),
        "name": known.name,
    })
}

fn schema_json(portal: &Portal, kind: Kind) -> Result<Json, Fault> {
    let object = portal.object(kind)?;
    let live = object.properties.iter().filter(|property| property.archived.is_none());
    let links = portal.links.types.iter().filter(|known| known.from == kind || known.to == kind);
    let custom = object.custom.clone();
    let custom = custom.unwrap_or_else(|| Custom {
        labels: json!({ "singular": &*object.singular, "plural": &*object.plural }),
        description: None,
        primary: None,
        secondary: Vec::new(),
        required: Vec::new(),
        searchable: Vec::new(),
        created: Millis(0),
        updated: Millis(0),
        archived: None,
    });
    Ok(json!({
        "id": object.type_id.trim_start_matches("2-"),
        "name": &*object.singular,
        "objectTypeId": object.type_id,
        "fullyQualifiedName": object.full_name.as_deref().unwrap_or(&object.singular),
        "labels": custom.labels,
        "description": custom.description,
        "primaryDisplayProperty": custom.primary,
        "secondaryDisplayProperties": custom.secondary,
        "requiredProperties": custom.required,
        "searchableProperties": custom.searchable,
        "properties": live.map(Property::json).collect::<Vec<_>>(),
        "associations": links.map(|known| link_json(portal, known)).collect::<Vec<_>>(),
        "allowsSensitiveProperties": false,
        "archived": custom.archived.is_some(),
        "createdAt": iso(custom.created),
        "updatedAt": iso(custom.updated),
    }))
}

/// `GET schemas`: the custom ones.
pub fn list(portal: &Portal, query: &Query) -> Answer {
    let archived = query.flag("archived")?;
    let mut rows = Vec::new();
    for kind in portal.kinds() {
        let custom = portal.object(kind)?.custom.as_ref();
        if custom.is_some_and(|custom| custom.archived.is_some() == archived) {
            rows.push(schema_json(portal, kind)?);
        }
    }
    Ok((200, json!({ "results": rows })))
}

/// `GET schemas/{object}`, standard ones too.
pub fn get(portal: &Portal, name: &str) -> Answer {
    Ok((200, schema_json(portal, portal.kind(name)?)?))
}

/// `POST schemas`.
pub fn create(portal: &mut Portal, request: &Request) -> Answer {
    let body = request::object(request)?;
    let at = portal.now();
    let given = Json::Object(body.clone());
    let name = request::text(&given, "name").ok_or_else(|| Fault::missing("name"))?.to_lowercase();
    let labels = body.get("labels").cloned().ok_or_else(|| Fault::missing("labels"))?;
    if portal.kind(&name).is_ok() {
        return Err(Fault::conflict(format!("An object named {name} already exists")));
    }
    let number = portal.objects.iter().filter(|object| object.custom.is_some()).count() as u64 + 1;
    let type_id = format!("2-{}", 1_000_000 + number);
    let plural = request::text(&labels, "plural").unwrap_or_else(|| name.clone()).to_lowercase();
    let mut object = Object::new(
        (&name, &plural, &type_id),
        catalogue(include_str!("data/custom.json")),
        20_000_000_000 + number * 1_000_000_000,
    );
    object.full_name = Some(format!("p{}_{name}", portal.id));
    for property in body.get("properties").and_then(Json::as_array).into_iter().flatten() {
        object.add(properties::wanted(property, Some(&format!("{name}_information")), at)?);
    }
    let required = request::texts(&body, "requiredProperties");
    let unknown = required.iter().find(|name| object.live(name).is_none());
    if let Some(unknown) = unknown {
        return Err(Fault::invalid(format!("Required property {unknown} is not among the properties")));
    }
    object.custom = Some(Custom {
        labels,
        description: request::text(&given, "description"),
        primary: request::text(&given, "primaryDisplayProperty"),
        secondary: request::texts(&body, "secondaryDisplayProperties"),
        required,
        searchable: request::texts(&body, "searchableProperties"),
        created: at,
        updated: at,
        archived: None,
    });
    let kinds: Result<Vec<Kind>, Fault> =
        request::texts(&body, "associatedObjects").iter().map(|name| portal.kind(name)).collect();
    let kinds = kinds?;
    portal.objects.push(object);
    let kind = portal.kind(&name)?;
    for other in kinds {
        plain_link(portal, kind, other)?;
    }
    portal.index_unique(kind);
    portal.schema_note(kind, &name);
    Ok((201, schema_json(portal, kind)?))
}

/// The plain association of a custom object with another, unless there is one.
fn plain_link(portal: &mut Portal, from: Kind, to: Kind) -> Result<u32, Fault> {
    if let Some(known) = portal.links.plain(from, to) {
        return Ok(known.id);
    }
    let name = format!("{}_to_{}", portal.object(from)?.singular, portal.object(to)?.singular);
    Ok(portal.links.define(from, to, &name, (None, None)))
}

/// `PATCH schemas/{object}`.
pub fn update(portal: &mut Portal, name: &str, request: &Request) -> Answer {
    let body = request::object(request)?;
    let (kind, at) = (portal.kind(name)?, portal.now());
    let object = portal.object_mut(kind)?;
    let standard = || Fault::invalid("The schema of a standard object can't be changed");
    let custom = object.custom.as_mut().ok_or_else(standard)?;
    custom.updated = at;
    if let Some(labels) = body.get("labels") {
        custom.labels = labels.clone();
    }
    if let Some(primary) = body.get("primaryDisplayProperty").and_then(Json::as_str) {
        custom.primary = Some(primary.to_owned());
    }
    for (name, list) in [
        ("requiredProperties", &mut custom.required),
        ("searchableProperties", &mut custom.searchable),
        ("secondaryDisplayProperties", &mut custom.secondary),
    ] {
        if body.contains_key(name) {
            *list = request::texts(&body, name);
        }
    }
    Ok((200, schema_json(portal, kind)?))
}

/// `DELETE schemas/{object}`: only when no record is left.
pub fn archive(portal: &mut Portal, name: &str) -> Answer {
    let (kind, at) = (portal.kind(name)?, portal.now());
    let object = portal.object_mut(kind)?;
    if object.records.values().any(|record| record.archived.is_none()) {
        return Err(Fault::invalid(format!("Object {name} still has records and can't be deleted")));
    }
    let standard = || Fault::invalid("A standard object can't be deleted");
    object.custom.as_mut().ok_or_else(standard)?.archived = Some(at);
    Ok((204, Json::Null))
}

/// `POST schemas/{object}/associations`: `{fromObjectTypeId, toObjectTypeId, name?}`.
pub fn associate(portal: &mut Portal, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let end = |name: &str| request::text(&body, name).ok_or_else(|| Fault::missing(name));
    let (from, to) = (portal.kind(&end("fromObjectTypeId")?)?, portal.kind(&end("toObjectTypeId")?)?);
    let id = match request::text(&body, "name") {
        Some(name) => portal.links.define(from, to, &name, (None, None)),
        None => plain_link(portal, from, to)?,
    };
    let known = portal.links.kind_of(id).ok_or_else(Fault::not_found)?;
    Ok((201, link_json(portal, known)))
}

/// `DELETE schemas/{object}/associations/{id}`.
pub fn dissociate(portal: &mut Portal, id: &str) -> Answer {
    let known = portal.links.types.iter().find(|known| known.id.to_string() == id || known.name == id);
    let known = known.ok_or_else(Fault::not_found)?;
    if known.category == Category::HubSpot {
        return Err(Fault::invalid("HubSpot's own associations can't be deleted"));
    }
    let id = known.id;
    portal.links.undefine(id);
    Ok((204, Json::Null))
}
