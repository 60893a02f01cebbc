//! Lists of records that people or apps put together, and who is in them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, iso};
use super::portal::Portal;
use super::request::{self, Query};
use super::store::Kind;
use crate::value::Millis;

#[derive(Debug, Clone)]
pub struct List {
    pub id: u64,
    pub name: String,
    pub kind: Kind,
    /// `MANUAL`, `SNAPSHOT` or `DYNAMIC`.
    pub processing: String,
    pub filter: Option<Json>,
    pub created: Millis,
    pub updated: Millis,
    pub deleted: bool,
    pub version: u64,
    /// Record -> since when.
    members: BTreeMap<u64, Millis>,
}

impl List {
    fn json(&self, portal: &Portal, with_filter: bool) -> Json {
        let mut body = json!({
            "listId": self.id.to_string(),
            "name": self.name,
            "objectTypeId": portal.object(self.kind).map_or("", |object| object.type_id.as_str()),
            "processingType": self.processing,
            "processingStatus": "COMPLETE",
            "listVersion": self.version,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "filtersUpdatedAt": iso(self.created),
            "size": self.members.len(),
        });
        if let (true, Some(filter), Some(body)) = (with_filter, &self.filter, body.as_object_mut()) {
            body.insert("filterBranch".into(), filter.clone());
        }
        body
    }

    /// After a merge the new record is in every list that one of the old ones was in.
    pub fn replace(&mut self, kind: Kind, old: &[u64], new: u64) {
        if kind == self.kind {
            let since: Vec<Millis> = old.iter().filter_map(|id| self.members.remove(id)).collect();
            if let Some(at) = since.into_iter().min() {
                self.members.insert(new, at);
            }
        }
    }
}

fn find<'p>(portal: &'p Portal, id: &str) -> Result<&'p List, Fault> {
    let known = portal.lists.iter().find(|list| list.id.to_string() == id && !list.deleted);
    known.ok_or_else(|| {
        let fault = Fault::not_found();
        Fault { message: format!("List does not exist with ID {id}."), ..fault }
    })
}

fn find_mut<'p>(portal: &'p mut Portal, id: &str) -> Result<&'p mut List, Fault> {
    let place = find(portal, id)?.id;
    portal.lists.iter_mut().find(|list| list.id == place).ok_or_else(Fault::not_found)
}

/// `GET lists/?listIds=`.
pub fn by_ids(portal: &Portal, query: &Query) -> Answer {
    let with_filter = query.flag("includeFilters")?;
    let ids = query.all("listIds");
    let rows = ids.iter().filter_map(|id| find(portal, id).ok()).map(|list| list.json(portal, with_filter));
    Ok((200, json!({ "lists": rows.collect::<Vec<_>>() })))
}

/// `GET lists/{id}`.
pub fn get(portal: &Portal, id: &str, query: &Query) -> Answer {
    Ok((200, json!({ "list": find(portal, id)?.json(portal, query.flag("includeFilters")?) })))
}

/// `GET lists/object-type-id/{type}/name/{name}`.
pub fn by_name(portal: &Portal, object: &str, name: &str, query: &Query) -> Answer {
    let kind = portal.kind(object)?;
    let known = portal.lists.iter().find(|list| list.kind == kind && list.name == name && !list.deleted);
    let list = known.ok_or_else(Fault::not_found)?;
    Ok((200, json!({ "list": list.json(portal, query.flag("includeFilters")?) })))
}

/// A list that was there before, of records that somebody put into it by hand.
pub fn seed(portal: &mut Portal, name: &str, kind: Kind, members: Vec<u64>, at: Millis) {
    let members = members.into_iter().map(|id| (id, at)).collect();
    let list =
        List { created: at, updated: at, members, ..new(portal, name.to_owned(), kind, "MANUAL".to_owned()) };
    portal.lists.push(list);
}

/// An empty list under the next id.
fn new(portal: &Portal, name: String, kind: Kind, processing: String) -> List {
    let at = portal.now();
    List {
        id: portal.lists.len() as u64 + 1,
        name,
        kind,
        processing,
        filter: None,
        created: at,
        updated: at,
        deleted: false,
        version: 1,
        members: BTreeMap::new(),
    }
}

/// `POST lists/`.
pub fn create(portal: &mut Portal, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let need = |name: &str| request::text(&body, name).ok_or_else(|| Fault::missing(name));
    let (name, object, processing) = (need("name")?, need("objectTypeId")?, need("processingType")?);
    let kind = portal.kind(&object)?;
    if !matches!(processing.as_str(), "MANUAL" | "SNAPSHOT" | "DYNAMIC") {
        return Err(Fault::invalid(format!("{processing} is not a processing type")));
    }
    if portal.lists.iter().any(|list| list.name == name && !list.deleted) {
        let fault = Fault::invalid(format!("A list already exists with the name {name}."));
        return Err(Fault { sub_category: Some("ListError.DUPLICATE_LIST_NAMES"), ..fault });
    }
    let list = List { filter: body.get("filterBranch").cloned(), ..new(portal, name, kind, processing) };
    let answer = json!({ "list": list.json(portal, true) });
    portal.lists.push(list);
    Ok((200, answer))
}

/// `POST lists/search`.
pub fn search(portal: &Portal, request: &Request) -> Answer {
    let body = request::object(request)?;
    let given = Json::Object(body.clone());
    let query = request::text(&given, "query").unwrap_or_default().to_lowercase();
    let kind = request::text(&given, "objectTypeId").map(|name| portal.kind(&name)).transpose()?;
    let types = request::texts(&body, "processingTypes");
    let ids = request::texts(&body, "listIds");
    let number = |name: &str| body.get(name).and_then(Json::as_u64).map(|n| n as usize);
    let (count, offset) = (number("count").unwrap_or(20).min(500), number("offset").unwrap_or(0));
    let all: Vec<&List> = portal
        .lists
        .iter()
        .filter(|list| !list.deleted && list.name.to_lowercase().contains(&query))
        .filter(|list| kind.is_none_or(|kind| kind == list.kind))
        .filter(|list| types.is_empty() || types.contains(&list.processing))
        .filter(|list| ids.is_empty() || ids.contains(&list.id.to_string()))
        .collect();
    let rows = all.iter().skip(offset).take(count).map(|list| {
        let mut row = list.json(portal, false);
        if let Some(row) = row.as_object_mut() {
            let extra = Map::from_iter([("hs_list_size".to_owned(), json!(list.members.len().to_string()))]);
            row.insert("additionalProperties".into(), Json::Object(extra));
        }
        row
    });
    let body = json!({
        "lists": rows.collect::<Vec<_>>(),
        "offset": (offset + count).min(all.len()),
        "hasMore": offset + count < all.len(),
        "total": all.len(),
    });
    Ok((200, body))
}

/// `DELETE lists/{id}`, `PUT lists/{id}/restore`.
pub fn set_deleted(portal: &mut Portal, id: &str, deleted: bool) -> Answer {
    let known = portal.lists.iter_mut().find(|list| list.id.to_string() == id && list.deleted != deleted);
    known.ok_or_else(Fault::not_found)?.deleted = deleted;
    Ok((204, Json::Null))
}

/// `PUT lists/{id}/update-list-name?listName=`.
pub fn rename(portal: &mut Portal, id: &str, query: &Query) -> Answer {
    let name = query.get("listName").ok_or_else(|| Fault::missing("listName"))?.to_owned();
    let at = portal.now();
    let list = find_mut(portal, id)?;
    list.name = name;
    list.updated = at;
    Ok((200, json!({ "updatedList": find(portal, id)?.json(portal, query.flag("includeFilters")?) })))
}

/// `GET lists/{id}/memberships`, by record id or by the time of joining.
pub fn members(portal: &Portal, id: &str, query: &Query, by_time: bool) -> Answer {
    let list = find(portal, id)?;
    let limit = query.limit(100, 250)?;
    let mut all: Vec<(u64, Millis)> = list
        .members
        .iter()
        .map(|(id, at)| (*id, *at))
        .filter(|(id, _)| portal.live(list.kind, *id).is_some())
        .collect();
    if by_time {
        all.sort_by_key(|(id, at)| (*at, *id));
    }
    let start = match query.get("after") {
        None => 0,
        Some(text) => all.iter().position(|(id, _)| id.to_string() == text).map_or(all.len(), |n| n + 1),
    };
    let page: Vec<&(u64, Millis)> = all.iter().skip(start).take(limit).collect();
    let rows: Vec<Json> = page
        .iter()
        .map(|(id, at)| json!({ "recordId": id.to_string(), "membershipTimestamp": iso(*at) }))
        .collect();
    let mut body = json!({ "results": rows, "total": all.len() });
    let more = start + page.len() < all.len();
    if let (true, Some((last, _)), Some(body)) = (more, page.last(), body.as_object_mut()) {
        body.insert("paging".into(), json!({ "next": { "after": last.to_string() } }));
    }
    Ok((200, body))
}

fn record_ids(list: &[Json]) -> Vec<String> {
    list.iter().map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).collect()
}

/// `PUT lists/{id}/memberships/add`, `remove`, `add-and-remove`.
pub fn change_members(portal: &mut Portal, id: &str, verb: &str, request: &Request) -> Answer {
    let (add, remove) = match verb {
        "add-and-remove" => {
            let body = request::object(request)?;
            let ids =
                |name: &str| record_ids(body.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice));
            (ids("recordIdsToAdd"), ids("recordIdsToRemove"))
        }
        "add" => (record_ids(&request::list(request)?), Vec::new()),
        _ => (Vec::new(), record_ids(&request::list(request)?)),
    };
    let (list, at) = (find(portal, id)?, portal.now());
    if list.processing == "DYNAMIC" {
        return Err(Fault::invalid("The members of a DYNAMIC list follow from its filters"));
    }
    let kind = list.kind;
    let known = |id: &String| id.parse().ok().and_then(|id| portal.live(kind, id)).map(|(id, _)| id);
    let missing: Vec<&String> = add.iter().filter(|id| known(id).is_none()).collect();
    let missing: Vec<String> = missing.into_iter().cloned().collect();
    let add: Vec<u64> = add.iter().filter_map(known).collect();
    let remove: Vec<u64> = remove.iter().filter_map(known).collect();
    let list = find_mut(portal, id)?;
    let mut added = Vec::new();
    for id in add {
        if list.members.insert(id, at).is_none() {
            added.push(id.to_string());
        }
    }
    let removed: Vec<String> =
        remove.into_iter().filter(|id| list.members.remove(id).is_some()).map(|id| id.to_string()).collect();
    let body = json!({ "recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing });
    Ok((200, body))
}

/// `DELETE lists/{id}/memberships`.
pub fn clear(portal: &mut Portal, id: &str) -> Answer {
    find_mut(portal, id)?.members.clear();
    Ok((204, Json::Null))
}

/// `GET lists/records/{type}/{id}/memberships`.
pub fn of_record(portal: &Portal, object: &str, id: &str) -> Answer {
    let kind = portal.kind(object)?;
    let id = portal.live(kind, request::id(id)?).map(|(id, _)| id).ok_or_else(Fault::not_found)?;
    let rows: Vec<Json> = portal
        .lists
        .iter()
        .filter(|list| list.kind == kind && !list.deleted)
        .filter_map(|list| {
            let at = list.members.get(&id)?;
            Some(json!({
                "listId": list.id.to_string(),
                "listVersion": list.version,
                "firstAddedTimestamp": iso(*at),
                "lastAddedTimestamp": iso(*at),
            }))
        })
        .collect();
    Ok((200, json!({ "total": rows.len(), "results": rows })))
}

/// `POST lists/records/memberships/batch/read`: `{inputs: [{objectTypeId, recordId}]}`.
pub fn of_records(portal: &Portal, request: &Request) -> Answer {
    let mut results = Vec::new();
    for input in request::inputs(&request::object(request)?, 100)? {
        let need = |name: &str| request::text(&input, name).ok_or_else(|| Fault::missing(name));
        let (object, record) = (need("objectTypeId")?, need("recordId")?);
        let (_, found) = of_record(portal, &object, &record)?;
        results.push(json!({
            "objectTypeId": object,
            "recordId": record,
            "recordListMemberships": found.get("results"),
        }));
    }
    Ok(super::answer::batch(200, results, &[], portal.now()))
}

/// `PUT lists/{id}/memberships/add-from/{other}`.
pub fn add_from(portal: &mut Portal, id: &str, other: &str) -> Answer {
    let (more, at) = (find(portal, other)?.members.clone(), portal.now());
    let list = find_mut(portal, id)?;
    if list.processing == "DYNAMIC" {
        return Err(Fault::invalid("The members of a DYNAMIC list follow from its filters"));
    }
    for record in more.into_keys() {
        list.members.entry(record).or_insert(at);
    }
    Ok((204, Json::Null))
}
