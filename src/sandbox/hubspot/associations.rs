//! Associations: single and batch calls of v4, the older v3 batch, labels.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, batch};
use super::links::Category;
use super::portal::{Actor, Portal};
use super::request::{self, Query};
use super::store::{Key, Kind};

/// One association to make.
pub struct Wanted {
    pub to: Key,
    pub types: Vec<u32>,
}

impl Wanted {
    /// `associations` of a new record: `[{to:{id},types:[{associationCategory,associationTypeId}]}]`.
    pub fn of_new(portal: &Portal, from: Kind, given: &Json) -> Result<Vec<Wanted>, Fault> {
        let mut wanted = Vec::new();
        for entry in given.as_array().into_iter().flatten() {
            let id = entry.get("to").and_then(|to| request::text(to, "id"));
            let id = id.ok_or_else(|| Fault::missing("to"))?;
            let types = type_ids(entry.get("types").unwrap_or(&Json::Null))?;
            let first = types.first().ok_or_else(|| Fault::missing("types"))?;
            let known = portal.links.kind_of(*first).filter(|known| known.from == from);
            let to = known.map(|known| known.to).ok_or_else(|| wrong_type(portal, from, None, *first))?;
            check_types(portal, from, to, &types)?;
            let id = existing(portal, to, &id)?;
            wanted.push(Wanted { to: (to, id), types });
        }
        Ok(wanted)
    }
}

fn type_ids(specs: &Json) -> Result<Vec<u32>, Fault> {
    let mut ids = Vec::new();
    for spec in specs.as_array().into_iter().flatten() {
        let id = request::text(spec, "associationTypeId").and_then(|text| text.parse().ok());
        ids.push(id.ok_or_else(|| Fault::missing("associationTypeId"))?);
    }
    Ok(ids)
}

fn wrong_type(portal: &Portal, from: Kind, to: Option<Kind>, id: u32) -> Fault {
    let name = |kind: Kind| portal.object(kind).map_or("", |object| object.type_id.as_str());
    let pair = match to {
        Some(to) => format!("{} to {}", name(from), name(to)),
        None => format!("{} to another object", name(from)),
    };
    Fault::invalid(format!("Association type {id} is not a type from {pair}"))
}

fn check_types(portal: &Portal, from: Kind, to: Kind, types: &[u32]) -> Result<(), Fault> {
    let wrong = types.iter().find(|id| portal.links.between(from, to, **id).is_none());
    wrong.map_or(Ok(()), |id| Err(wrong_type(portal, from, Some(to), *id)))
}

/// The id of a record that is there.
fn existing(portal: &Portal, kind: Kind, id: &str) -> Result<u64, Fault> {
    let found = id.parse().ok().and_then(|id| portal.live(kind, id)).map(|(id, _)| id);
    found.ok_or_else(|| {
        let object = portal.object(kind).map_or("", |object| &object.singular).to_uppercase();
        let fault = Fault::not_found();
        Fault { message: format!("{object}={id} is not valid"), ..fault }.with_context("id", &[id])
    })
}

impl Portal {
    /// The plain type from one object to another.
    fn plain(&self, from: Kind, to: Kind) -> Result<u32, Fault> {
        let known = self.links.plain(from, to).map(|known| known.id);
        known.ok_or_else(|| {
            let name = |kind: Kind| self.object(kind).map_or("", |object| object.type_id.as_str());
            Fault::invalid(format!("No association is defined from {} to {}", name(from), name(to)))
        })
    }

    /// Associates two records. Labels replace the labels that the pair has; the plain type is always there.
    pub fn associate(&mut self, from: Key, to: Key, types: &[u32], actor: &Actor) -> Result<(), Fault> {
        let plain = self.plain(from.0, to.0)?;
        let mut ids = vec![plain];
        let labelled = types.iter().any(|id| *id != plain);
        ids.extend(if labelled { types } else { self.links.get(from, to) });
        for (here, there) in [(from, to), (to, from)] {
            let primary = self.links.primary(here.0, there.0);
            let wants = |id: u32| {
                if here == from { ids.contains(&id) } else { inverse_in(self, &ids, id) }
            };
            if let Some(primary) = primary.filter(|id| one_sided(self, here.0, there.0) && wants(*id)) {
                self.demote(here, there, primary);
            }
        }
        if self.links.set(from, to, ids) {
            self.linked("associate", from, to, actor);
        }
        Ok(())
    }

    /// Takes the primary type from the other records of an object: there is only one.
    fn demote(&mut self, here: Key, there: Key, primary: u32) {
        let others: Vec<(u64, Vec<u32>)> = self
            .links
            .of(here, there.0)
            .filter(|(id, types)| *id != there.1 && types.contains(&primary))
            .map(|(id, types)| (id, types.iter().copied().filter(|id| *id != primary).collect()))
            .collect();
        for (id, types) in others {
            self.links.set(here, (there.0, id), types);
        }
    }

    /// Ends the association, or only some types of it.
    pub fn dissociate(&mut self, from: Key, to: Key, types: Option<&[u32]>, actor: &Actor) {
        let left: Vec<u32> = match types {
            None => Vec::new(),
            // Without the plain type no label can stay.
            Some(types) if self.links.plain(from.0, to.0).is_some_and(|plain| types.contains(&plain.id)) => {
                Vec::new()
            }
            Some(types) => {
                self.links.get(from, to).iter().copied().filter(|id| !types.contains(id)).collect()
            }
        };
        if self.links.set(from, to, left) {
            self.linked("dissociate", from, to, actor);
        }
    }

    /// Counts and the primary company follow from associations, so both records change.
    fn linked(&mut self, action: &'static str, from: Key, to: Key, actor: &Actor) {
        let at = self.now();
        self.touch(from.0, from.1, at);
        self.touch(to.0, to.1, at);
        let name = self.object(to.0).map_or_else(|_| String::new(), |object| object.singular.to_string());
        let types = self.links.get(from, to).to_vec();
        let fields = BTreeMap::from([
            ("to_object".to_owned(), json!(name)),
            ("to".to_owned(), json!(to.1.to_string())),
            ("types".to_owned(), json!(types)),
        ]);
        self.note(actor, action, from, fields);
    }

    fn label_json(&self, id: u32) -> Json {
        let known = self.links.kind_of(id);
        json!({
            "category": known.map_or("HUBSPOT_DEFINED", |known| known.category.name()),
            "typeId": id,
            "label": known.and_then(|known| known.label.clone()),
        })
    }

    /// The associated records of one record, a page of them: `toObjectId` with all types.
    fn page_of(&self, from: Key, to: Kind, after: u64, limit: usize) -> (Vec<Json>, Option<u64>) {
        let mut rows = self.links.of(from, to).filter(|(id, _)| *id >= after && self.live(to, *id).is_some());
        let page: Vec<Json> = rows
            .by_ref()
            .take(limit)
            .map(|(id, types)| {
                let types: Vec<Json> = types.iter().map(|id| self.label_json(*id)).collect();
                json!({ "toObjectId": id, "associationTypes": types })
            })
            .collect();
        (page, rows.next().map(|(id, _)| id))
    }
}

/// Whether only one record of `there` can be primary for one of `here`: a contact has one primary company,
/// a company any number of contacts.
fn one_sided(portal: &Portal, here: Kind, there: Kind) -> bool {
    Some(there) == portal.named("company") && here != there
}

fn inverse_in(portal: &Portal, ids: &[u32], id: u32) -> bool {
    portal.links.kind_of(id).is_some_and(|known| ids.contains(&known.inverse))
}

/// The record that an end of an association names.
pub fn record(portal: &Portal, kind: Kind, id: &str) -> Result<Key, Fault> {
    existing(portal, kind, id).map(|id| (kind, id))
}

/// `GET objects/{from}/{id}/associations/{to}`.
pub fn list(portal: &Portal, from: (Kind, &str), to: Kind, query: &Query) -> Answer {
    let from = portal.live(from.0, request::id(from.1)?).map(|(id, _)| (from.0, id));
    let from = from.ok_or_else(Fault::not_found)?;
    let limit = query.limit(500, 500)?;
    let after = query.get("after").and_then(|text| text.parse().ok()).unwrap_or(0);
    let (page, next) = portal.page_of(from, to, after, limit);
    let mut body = json!({ "results": page });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("paging".into(), json!({ "next": { "after": next.to_string() } }));
    }
    Ok((200, body))
}

/// `PUT objects/{from}/{id}/associations/{to}/{id}` with a list of types.
pub fn put(portal: &mut Portal, from: (Kind, &str), to: (Kind, &str), request: &Request) -> Answer {
    let types = type_ids(&Json::Array(request::list(request)?))?;
    check_types(portal, from.0, to.0, &types)?;
    let (from, to) = (record(portal, from.0, from.1)?, record(portal, to.0, to.1)?);
    let actor = portal.api();
    portal.associate(from, to, &types, &actor)?;
    Ok((201, pair_json(portal, from, to, &types)))
}

fn pair_json(portal: &Portal, from: Key, to: Key, types: &[u32]) -> Json {
    let name = |kind: Kind| portal.object(kind).map_or("", |object| object.type_id.as_str());
    let labels: Vec<String> = types
        .iter()
        .filter_map(|id| portal.links.kind_of(*id))
        .filter_map(|known| known.label.clone())
        .collect();
    json!({
        "fromObjectTypeId": name(from.0),
        "fromObjectId": from.1,
        "toObjectTypeId": name(to.0),
        "toObjectId": to.1,
        "labels": labels,
    })
}

/// `PUT objects/{from}/{id}/associations/default/{to}/{id}`.
pub fn put_default(portal: &mut Portal, from: (Kind, &str), to: (Kind, &str)) -> Answer {
    let (from, to) = (record(portal, from.0, from.1)?, record(portal, to.0, to.1)?);
    let actor = portal.api();
    let results = associate_default(portal, from, to, &actor)?;
    Ok(batch(200, results, &[], portal.now()))
}

fn associate_default(portal: &mut Portal, from: Key, to: Key, actor: &Actor) -> Result<Vec<Json>, Fault> {
    let there = portal.plain(from.0, to.0)?;
    portal.associate(from, to, &[there], actor)?;
    let back = portal.links.kind_of(there).map_or(there, |known| known.inverse);
    let one = |a: Key, b: Key, id: u32| {
        json!({
            "from": { "id": a.1.to_string() },
            "to": { "id": b.1.to_string() },
            "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id },
        })
    };
    Ok(vec![one(from, to, there), one(to, from, back)])
}

/// `DELETE objects/{from}/{id}/associations/{to}/{id}`: all types.
pub fn delete(portal: &mut Portal, from: (Kind, &str), to: (Kind, &str)) -> Answer {
    let (from, to) = ((from.0, request::id(from.1)?), (to.0, request::id(to.1)?));
    let actor = portal.api();
    portal.dissociate(from, to, None, &actor);
    Ok((204, Json::Null))
}

/// The two ends that an input of a batch names.
fn ends(portal: &Portal, from: Kind, to: Kind, input: &Json) -> Result<(Key, Key), Fault> {
    let end = |name: &str| input.get(name).and_then(|end| request::text(end, "id"));
    let a = end("from").ok_or_else(|| Fault::missing("from"))?;
    let b = end("to").ok_or_else(|| Fault::missing("to"))?;
    Ok((record(portal, from, &a)?, record(portal, to, &b)?))
}

/// `POST associations/{from}/{to}/batch/create`.
pub fn batch_create(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, 2000)?;
    let actor = portal.api();
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in &inputs {
        let types = type_ids(input.get("types").unwrap_or(&Json::Null))?;
        if types.is_empty() {
            return Err(Fault::missing("types"));
        }
        check_types(portal, from, to, &types)?;
        let made = ends(portal, from, to, input)
            .and_then(|(a, b)| portal.associate(a, b, &types, &actor).map(|()| (a, b)));
        match made {
            Ok((a, b)) => results.push(pair_json(portal, a, b, &types)),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(batch(201, results, &faults, portal.now()))
}

/// `POST associations/{from}/{to}/batch/associate/default`.
pub fn batch_default(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, 2000)?;
    let actor = portal.api();
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in &inputs {
        let made = ends(portal, from, to, input).and_then(|(a, b)| associate_default(portal, a, b, &actor));
        match made {
            Ok(rows) => results.extend(rows),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(batch(200, results, &faults, portal.now()))
}

/// `POST associations/{from}/{to}/batch/read`.
pub fn batch_read(portal: &Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, 1000)?;
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for input in &inputs {
        let name = request::text(input, "id").ok_or_else(|| Fault::missing("id"))?;
        let after = request::text(input, "after").and_then(|text| text.parse().ok()).unwrap_or(0);
        let Ok((kind, id)) = record(portal, from, &name) else {
            missing.push(name);
            continue;
        };
        let (page, next) = portal.page_of((kind, id), to, after, 500);
        if page.is_empty() {
            missing.push(name);
            continue;
        }
        let mut body = json!({ "from": { "id": id.to_string() }, "to": page });
        if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
            body.insert("paging".into(), json!({ "next": { "after": next.to_string() } }));
        }
        results.push(body);
    }
    let (a, b) = (portal.object(from)?, portal.object(to)?);
    let faults: Vec<Fault> = missing
        .iter()
        .map(|id| {
            let message = format!("No {} is associated with {} {id}.", b.singular, a.singular);
            let fault = Fault { message, ..Fault::not_found() };
            let sub_category = Some("crm.associations.NO_ASSOCIATIONS_FOUND");
            Fault { sub_category, ..fault }.with_context("fromObjectId", &[id])
        })
        .collect();
    Ok(batch(200, results, &faults, portal.now()))
}

/// `POST associations/{from}/{to}/batch/archive`: `[{from:{id},to:[{id}]}]`.
pub fn batch_archive(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, 2000)?;
    let actor = portal.api();
    for input in &inputs {
        let a = input.get("from").and_then(|end| request::text(end, "id"));
        let a = request::id(&a.ok_or_else(|| Fault::missing("from"))?)?;
        for end in input.get("to").and_then(Json::as_array).into_iter().flatten() {
            let b = request::text(end, "id").ok_or_else(|| Fault::missing("to"))?;
            portal.dissociate((from, a), (to, request::id(&b)?), None, &actor);
        }
    }
    Ok((204, Json::Null))
}

/// `POST associations/{from}/{to}/batch/labels/archive`: some types of a pair.
pub fn batch_unlabel(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, 2000)?;
    let actor = portal.api();
    for input in &inputs {
        let types = type_ids(input.get("types").unwrap_or(&Json::Null))?;
        let (a, b) = ends(portal, from, to, input)?;
        portal.dissociate(a, b, Some(&types), &actor);
    }
    Ok((204, Json::Null))
}

/// `GET associations/{from}/{to}/labels`.
pub fn labels(portal: &Portal, from: Kind, to: Kind) -> Answer {
    let known = portal.links.types.iter().filter(|known| known.from == from && known.to == to);
    let rows: Vec<Json> = known.map(|known| portal.label_json(known.id)).collect();
    Ok((200, json!({ "results": rows })))
}

/// `POST associations/{from}/{to}/labels`: both directions.
pub fn create_label(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let name = request::text(&body, "name").ok_or_else(|| Fault::missing("name"))?;
    let label = request::text(&body, "label").ok_or_else(|| Fault::missing("label"))?;
    if portal.links.types.iter().any(|known| known.from == from && known.to == to && known.name == name) {
        return Err(Fault::conflict(format!("An association label named {name} already exists")));
    }
    let inverse = request::text(&body, "inverseLabel").unwrap_or_else(|| label.clone());
    let id = portal.links.define(from, to, &name, (Some(label), Some(inverse)));
    let back = portal.links.kind_of(id).map_or(id, |known| known.inverse);
    Ok((201, json!({ "results": [portal.label_json(id), portal.label_json(back)] })))
}

fn own_label(portal: &Portal, from: Kind, to: Kind, id: &str) -> Result<u32, Fault> {
    let known = id.parse().ok().and_then(|id| portal.links.between(from, to, id));
    match known {
        None => Err(Fault::not_found()),
        Some(known) if known.category == Category::HubSpot => {
            Err(Fault::invalid(format!("Association type {id} is HubSpot's own and can't be changed")))
        }
        Some(known) => Ok(known.id),
    }
}

/// `PUT associations/{from}/{to}/labels`: `{associationTypeId, label, inverseLabel?}`.
pub fn change_label(portal: &mut Portal, from: Kind, to: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let id = request::text(&body, "associationTypeId").ok_or_else(|| Fault::missing("associationTypeId"))?;
    let label = request::text(&body, "label").ok_or_else(|| Fault::missing("label"))?;
    let id = own_label(portal, from, to, &id)?;
    let back = portal.links.kind_of(id).map_or(id, |known| known.inverse);
    for known in &mut portal.links.types {
        if known.id == id {
            known.label = Some(label.clone());
        } else if known.id == back
            && let Some(inverse) = request::text(&body, "inverseLabel")
        {
            known.label = Some(inverse);
        }
    }
    Ok((204, Json::Null))
}

/// `DELETE associations/{from}/{to}/labels/{id}`.
pub fn delete_label(portal: &mut Portal, from: Kind, to: Kind, id: &str) -> Answer {
    let id = own_label(portal, from, to, id)?;
    portal.links.undefine(id);
    Ok((204, Json::Null))
}
