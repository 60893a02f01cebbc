//! Property definitions: list, read, create, change, archive, groups.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, batch};
use super::portal::Portal;
use super::request::{self, Query};
use super::schema::{Choice, Group, Property};
use super::store::Kind;
use crate::value::Millis;

/// `GET properties/{object}`: all of them, without paging.
pub fn list(portal: &Portal, kind: Kind, query: &Query) -> Answer {
    let archived = query.flag("archived")?;
    let all = portal.object(kind)?.properties.iter();
    let rows: Vec<Json> =
        all.filter(|property| property.archived.is_some() == archived).map(Property::json).collect();
    Ok((200, json!({ "results": rows })))
}

fn find<'p>(portal: &'p Portal, kind: Kind, name: &str, archived: bool) -> Result<&'p Property, Fault> {
    let object = portal.object(kind)?;
    let property = object.prop(name).and_then(|prop| object.property(prop));
    property.filter(|property| property.archived.is_some() == archived).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Fault {
    let message = format!("Property {name} does not exist");
    Fault { message, ..Fault::not_found() }
}

/// `GET properties/{object}/{name}`.
pub fn get(portal: &Portal, kind: Kind, name: &str, query: &Query) -> Answer {
    Ok((200, find(portal, kind, name, query.flag("archived")?)?.json()))
}

/// `POST properties/{object}/batch/read`.
pub fn batch_read(portal: &Portal, kind: Kind, request: &Request) -> Answer {
    let body = request::object(request)?;
    let archived = body.get("archived").and_then(Json::as_bool).unwrap_or(false);
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in request::inputs(&body, 100)? {
        let name = request::text(&input, "name").ok_or_else(|| Fault::missing("name"))?;
        match find(portal, kind, &name, archived) {
            Ok(property) => results.push(property.json()),
            Err(fault) => faults.push(fault.with_context("name", &[&name])),
        }
    }
    Ok(batch(200, results, &faults, portal.now()))
}

/// The pairs of `type` and `fieldType` that a property can be created with.
fn fits(ty: &str, field_type: &str) -> bool {
    let field_types: &[&str] = match ty {
        "bool" => &["booleancheckbox", "calculation_equation"],
        "enumeration" => &["booleancheckbox", "checkbox", "radio", "select", "calculation_equation"],
        "date" | "datetime" => &["date"],
        "string" => &["file", "text", "textarea", "html", "phonenumber", "calculation_equation"],
        "number" => &["number", "calculation_equation"],
        "phone_number" => &["phonenumber"],
        _ => &[],
    };
    field_types.contains(&field_type)
}

/// Options as a client gives them.
pub fn choices(given: &Json) -> Vec<Choice> {
    let one = |row: &Json| {
        let value = request::text(row, "value")?;
        let label = request::text(row, "label").unwrap_or_else(|| value.clone());
        Some(Choice { value, label, hidden: row.get("hidden").and_then(Json::as_bool).unwrap_or(false) })
    };
    given.as_array().into_iter().flatten().filter_map(one).collect()
}

/// A property as a client wants it.
pub fn wanted(given: &Json, group: Option<&str>, at: Millis) -> Result<Property, Fault> {
    let need = |name: &str| request::text(given, name).filter(|text| !text.is_empty());
    let name = need("name").ok_or_else(|| Fault::missing("name"))?;
    let label = need("label").ok_or_else(|| Fault::missing("label"))?;
    let ty = need("type").ok_or_else(|| Fault::missing("type"))?;
    let field_type = need("fieldType").ok_or_else(|| Fault::missing("fieldType"))?;
    let group = need("groupName").or_else(|| group.map(str::to_owned));
    let group = group.ok_or_else(|| Fault::missing("groupName"))?;
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !letters || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        let message = format!(
            "Property name {name} is not valid: it must start with a lower-case letter and hold only lower-case \
             letters, digits and underscores"
        );
        return Err(Fault::invalid(message));
    }
    if !fits(&ty, &field_type) {
        return Err(Fault::invalid(format!("fieldType {field_type} is not valid for type {ty}")));
    }
    let mut property = Property::custom(&name, &label, &ty, &field_type, &group, at);
    property.unique = given.get("hasUniqueValue").and_then(Json::as_bool).unwrap_or(false);
    if property.unique && !matches!(ty.as_str(), "string" | "number") {
        return Err(Fault::invalid(format!("A property of type {ty} can't have unique values")));
    }
    change(&mut property, given);
    if property.ty == "bool" && property.options.is_empty() {
        let choice =
            |value: &str, label: &str| Choice { value: value.into(), label: label.into(), hidden: false };
        property.options = vec![choice("true", "Yes"), choice("false", "No")];
    }
    Ok(property)
}

/// Takes over what a client may change.
fn change(property: &mut Property, given: &Json) {
    let text = |name: &str| request::text(given, name);
    if let Some(label) = text("label") {
        property.label = label;
    }
    if let Some(group) = text("groupName") {
        property.group = group;
    }
    if let Some(description) = text("description") {
        property.description = description;
    }
    if let Some(order) = given.get("displayOrder").and_then(Json::as_i64) {
        property.display_order = order;
    }
    for (name, flag) in [("hidden", &mut property.hidden), ("formField", &mut property.form_field)] {
        if let Some(value) = given.get(name).and_then(Json::as_bool) {
            *flag = value;
        }
    }
    if let Some(options) = given.get("options").filter(|options| options.is_array()) {
        property.options = choices(options);
        property.options_cut = false;
    }
    if let Some(formula) = text("calculationFormula") {
        property.calculated = true;
        property.read_only_value = true;
        property.formula = Some(formula);
    }
    if let Some(referenced) = text("referencedObjectType") {
        property.referenced = Some(referenced);
        property.external_options = true;
    }
}

fn create_one(portal: &mut Portal, kind: Kind, given: &Json) -> Result<Json, Fault> {
    let at = portal.now();
    let property = wanted(given, None, at)?;
    let object = portal.object(kind)?;
    if object.live(&property.name).is_some() {
        let message = format!("A property named '{}' already exists.", property.name);
        let fault = Fault::conflict(message).with_context("name", &[&property.name]);
        return Err(Fault { sub_category: Some("PropertiesError.PROPERTY_EXISTS"), ..fault });
    }
    if !object.groups.iter().any(|group| group.name == property.group && !group.archived) {
        return Err(Fault::invalid(format!("Property group {} does not exist", property.group)));
    }
    let unique = object.properties.iter().filter(|known| known.unique && !known.defined);
    if property.unique && unique.count() >= 10 {
        return Err(Fault::invalid("An object can have at most 10 properties with unique values"));
    }
    let (name, body) = (property.name.clone(), property.json());
    portal.object_mut(kind)?.add(property);
    portal.index_unique(kind);
    portal.schema_note(kind, &name);
    Ok(body)
}

/// `POST properties/{object}`.
pub fn create(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    Ok((201, create_one(portal, kind, &body)?))
}

/// `POST properties/{object}/batch/create`.
pub fn batch_create(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in request::inputs(&request::object(request)?, 100)? {
        match create_one(portal, kind, &input) {
            Ok(body) => results.push(body),
            Err(fault) => {
                let name = request::text(&input, "name").unwrap_or_default();
                faults.push(fault.with_context("name", &[&name]));
            }
        }
    }
    Ok(batch(201, results, &faults, portal.now()))
}

/// `PATCH properties/{object}/{name}`.
pub fn update(portal: &mut Portal, kind: Kind, name: &str, request: &Request) -> Answer {
    let body: Map<String, Json> = request::object(request)?;
    let at = portal.now();
    find(portal, kind, name, false)?;
    let object = portal.object_mut(kind)?;
    let prop = object.prop(name).ok_or_else(|| unknown(name))?;
    let property = object.properties.get_mut(usize::from(prop.0)).ok_or_else(|| unknown(name))?;
    if property.read_only_definition {
        return Err(Fault::invalid(format!("Property {name} is read only and can't be changed")));
    }
    change(property, &Json::Object(body));
    property.updated = at;
    let answer = property.json();
    portal.schema_note(kind, name);
    Ok((200, answer))
}

/// Archives a property; its values stay with the records, unseen.
pub fn archive_one(portal: &mut Portal, kind: Kind, name: &str) -> Result<(), Fault> {
    let at = portal.now();
    let object = portal.object_mut(kind)?;
    let prop = object.live(name).map(|(prop, _)| prop).ok_or_else(|| unknown(name))?;
    let property = object.properties.get_mut(usize::from(prop.0)).ok_or_else(|| unknown(name))?;
    if property.defined && !property.archivable {
        return Err(Fault::invalid(format!("Property {name} can't be archived")));
    }
    property.archived = Some(at);
    portal.schema_note(kind, name);
    Ok(())
}

/// `DELETE properties/{object}/{name}`.
pub fn archive(portal: &mut Portal, kind: Kind, name: &str) -> Answer {
    archive_one(portal, kind, name)?;
    Ok((204, Json::Null))
}

/// `POST properties/{object}/batch/archive`.
pub fn batch_archive(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    for input in request::inputs(&request::object(request)?, 100)? {
        let name = request::text(&input, "name").ok_or_else(|| Fault::missing("name"))?;
        archive_one(portal, kind, &name)?;
    }
    Ok((204, Json::Null))
}

impl Group {
    fn json(&self) -> Json {
        json!({
            "name": self.name,
            "label": self.label,
            "displayOrder": self.display_order,
            "archived": self.archived,
        })
    }
}

/// `GET properties/{object}/groups`.
pub fn groups(portal: &Portal, kind: Kind) -> Answer {
    let all = portal.object(kind)?.groups.iter().filter(|group| !group.archived);
    Ok((200, json!({ "results": all.map(Group::json).collect::<Vec<_>>() })))
}

/// `GET properties/{object}/groups/{name}`.
pub fn group(portal: &Portal, kind: Kind, name: &str) -> Answer {
    let mut all = portal.object(kind)?.groups.iter();
    let group = all.find(|group| group.name == name && !group.archived).ok_or_else(Fault::not_found)?;
    Ok((200, group.json()))
}

/// `POST properties/{object}/groups`.
pub fn create_group(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let name = request::text(&body, "name").ok_or_else(|| Fault::missing("name"))?;
    let label = request::text(&body, "label").ok_or_else(|| Fault::missing("label"))?;
    let display_order = body.get("displayOrder").and_then(Json::as_i64).unwrap_or(-1);
    let object = portal.object_mut(kind)?;
    if object.groups.iter().any(|group| group.name == name && !group.archived) {
        return Err(Fault::conflict(format!("A property group named '{name}' already exists.")));
    }
    object.groups.retain(|group| group.name != name);
    let group = Group { name, label, display_order, archived: false };
    let answer = group.json();
    object.groups.push(group);
    Ok((201, answer))
}

/// `PATCH` and `DELETE properties/{object}/groups/{name}`; `None` archives.
pub fn change_group(portal: &mut Portal, kind: Kind, name: &str, request: Option<&Request>) -> Answer {
    let body = request.map(request::object).transpose()?.map(Json::Object);
    let mut all = portal.object_mut(kind)?.groups.iter_mut();
    let group = all.find(|group| group.name == name && !group.archived).ok_or_else(Fault::not_found)?;
    let Some(body) = body else {
        group.archived = true;
        return Ok((204, Json::Null));
    };
    if let Some(label) = request::text(&body, "label") {
        group.label = label;
    }
    if let Some(order) = body.get("displayOrder").and_then(Json::as_i64) {
        group.display_order = order;
    }
    Ok((200, group.json()))
}

/// `GET property-validations/{object}`: no portal of the sandbox has any.
pub fn validations(portal: &Portal, rest: &[&str]) -> Answer {
    let [object] = rest else { return Err(Fault::not_found()) };
    portal.kind(object)?;
    Ok((200, json!({ "results": [] })))
}
