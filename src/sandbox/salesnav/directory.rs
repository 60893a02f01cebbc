//! The CRM's people and companies as handed over for matching, lists, and search with its in-CRM filters.
//! The sandbox's own contract.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::matching;
use super::restli::{Answer, Fault, body, need, number, ok, page, text, value};
use super::world::{CrmKey, Found, Listed, SavedList, World, person};

fn key(record: &Json) -> Result<CrmKey, Fault> {
    let own = |name: &str| text(record, name).map(str::to_owned);
    Ok((own("object")?, own("partner")?, own("instanceId")?, own("recordId")?))
}

fn shown(key: &CrmKey, entry: &Listed) -> Json {
    let status = match (&entry.badge, entry.rivals.is_empty(), &entry.display) {
        (Some(_), ..) => "MATCHED",
        (None, false, _) => "AMBIGUOUS",
        (None, true, Some(_)) => "LOW_CONFIDENCE",
        (None, true, None) => "UNMATCHED",
    };
    json!({
        "object": key.0, "partner": key.1, "instanceId": key.2, "recordId": key.3, "status": status,
        "badge": entry.badge, "display": entry.display, "candidates": entry.rivals, "changedAt": entry.changed,
    })
}

pub fn handle(world: &mut World, request: &Request) -> Answer {
    match (request.method.as_str(), request.param("action")) {
        ("GET", None) => changed(world, request),
        ("POST", Some("publish")) => publish(world, &body(request)?),
        ("POST", Some("remove")) => {
            let body = body(request)?;
            for record in body.get("records").and_then(Json::as_array).into_iter().flatten() {
                matching::forget(world, &key(record)?);
            }
            value(&json!({}))
        }
        ("POST", Some(action)) => by_hand(world, action, &body(request)?),
        _ => Err(Fault::new(405, "Method not allowed")),
    }
}

fn publish(world: &mut World, body: &Json) -> Answer {
    let records = body.get("records").and_then(Json::as_array).ok_or_else(|| Fault::missing("records"))?;
    for record in records {
        let fields = record.get("fields").and_then(Json::as_object).cloned().unwrap_or_default();
        matching::publish(world, key(record)?, fields);
    }
    value(&json!({ "published": records.len() }))
}

/// `q=changed`: matches whose record or verdict changed, oldest first.
fn changed(world: &World, request: &Request) -> Answer {
    if need(request, "q")? != "changed" {
        return Err(Fault::new(400, "There is no such finder"));
    }
    let count = request.param("count").and_then(|text| text.parse().ok()).unwrap_or(200_usize).min(1_000);
    let nobody = || String::new();
    let from = match request.param("after") {
        Some(after) => {
            let parts: Vec<&str> = after.splitn(5, ',').collect();
            let [at, object, partner, instance, record] = parts.as_slice() else {
                return Err(Fault::new(400, "after is <ms>,<object>,<partner>,<instance>,<record>"));
            };
            let at = at.parse().map_err(|_| Fault::new(400, "after begins with milliseconds"))?;
            let own = |text: &str| text.to_owned();
            (at, (own(object), own(partner), own(instance), format!("{record}\u{0}")))
        }
        None => (number(request, "since")?, (nobody(), nobody(), nobody(), nobody())),
    };
    let elements: Vec<Json> = world
        .match_feed
        .range(from..)
        .take(count)
        .filter_map(|(_, key)| Some(shown(key, world.directory.get(key)?)))
        .collect();
    ok(&json!({ "elements": elements, "paging": { "start": 0, "count": count, "links": [] } }))
}

/// `match`: a person says in the embedded profile who a record is. `fixBadge`: the badge follows the profile.
fn by_hand(world: &mut World, action: &str, body: &Json) -> Answer {
    let key = key(body)?;
    let mut entry = world.directory.get(&key).cloned();
    let found = entry.as_mut().ok_or_else(|| Fault::new(404, "The record was not handed over"))?;
    match action {
        "match" => {
            let urn = text(body, "urn")?.to_owned();
            let known = match urn.rsplit_once(':') {
                Some(("urn:li:person", id)) => world.member_by_id.contains_key(id),
                Some(("urn:li:organization", id)) => {
                    world.companies.iter().any(|company| company.id.to_string() == id)
                }
                _ => false,
            };
            if !known {
                return Err(Fault::new(404, format!("{urn} is nobody on LinkedIn")));
            }
            found.display = Some(Found { urn, score: 100, source: "MANUAL" });
        }
        "unmatch" => found.display = None,
        "fixBadge" => {
            let display = found.display.clone().ok_or_else(|| Fault::new(409, "The profile has no match"))?;
            found.badge = Some(Found { source: "FIXED", score: 100, ..display });
            found.rivals.clear();
        }
        other => return Err(Fault::new(400, format!("There is no action '{other}'"))),
    }
    let entry = found.clone();
    world.note("update", "match", &key.3, &Map::new());
    matching::put(world, key.clone(), entry);
    match world.directory.get(&key) {
        Some(entry) => value(&shown(&key, entry)),
        None => value(&Json::Null),
    }
}

pub fn lists(world: &mut World, contract: u64, request: &Request) -> Answer {
    match (request.method.as_str(), request.param("action")) {
        ("GET", None) => {
            let own = world.lists.values().filter(|list| list.contract == contract);
            page(request, own.map(|list| serde_json::to_value(list).unwrap_or_default()).collect())
        }
        ("POST", Some("save")) => save(world, contract, &body(request)?),
        ("POST", Some("remove")) => remove(world, contract, &body(request)?),
        _ => Err(Fault::new(405, "Method not allowed")),
    }
}

fn named(
    world: &World,
    contract: u64,
    body: &Json,
) -> Result<(String, String, Option<u64>, Option<u64>), Fault> {
    let (name, kind) = (text(body, "name")?.to_owned(), text(body, "kind")?.to_owned());
    if kind != "LEAD" && kind != "ACCOUNT" {
        return Err(Fault::new(400, "kind is LEAD or ACCOUNT"));
    }
    let seat = body.get("seat").and_then(Json::as_u64);
    let at = world.lists.values().find(|list| {
        list.contract == contract && list.name == name && list.kind == kind && list.seat == seat
    });
    let id = at.map(|list| list.id);
    Ok((name, kind, seat, id))
}

/// An entry stands in a list once, whatever how often it is saved.
fn save(world: &mut World, contract: u64, body: &Json) -> Answer {
    let (name, kind, seat, id) = named(world, contract, body)?;
    let entries = body.get("entries").and_then(Json::as_array).ok_or_else(|| Fault::missing("entries"))?;
    let id = id.unwrap_or_else(|| world.fresh());
    let fresh = || SavedList { id, contract, name, kind, seat, entries: BTreeMap::new() };
    let list = world.lists.entry(id).or_insert_with(fresh);
    let mut added = Vec::new();
    for entry in entries {
        let urn = text(entry, "urn")?.to_owned();
        let records = list.entries.entry(urn.clone()).or_insert_with(|| {
            added.push(urn);
            BTreeSet::new()
        });
        records.extend(entry.get("recordId").and_then(Json::as_str).map(str::to_owned));
    }
    let total = list.entries.len();
    for urn in &added {
        world.note("create", "list_entry", urn, &Map::new());
    }
    value(&json!({ "id": id, "added": added.len(), "total": total }))
}

fn remove(world: &mut World, contract: u64, body: &Json) -> Answer {
    let (.., id) = named(world, contract, body)?;
    let urns = body.get("urns").and_then(Json::as_array).ok_or_else(|| Fault::missing("urns"))?;
    let mut gone = Vec::new();
    if let Some(list) = id.and_then(|id| world.lists.get_mut(&id)) {
        for urn in urns.iter().filter_map(Json::as_str) {
            if list.entries.remove(urn).is_some() {
                gone.push(urn.to_owned());
            }
        }
    }
    for urn in &gone {
        world.note("archive", "list_entry", urn, &Map::new());
    }
    value(&json!({ "removed": gone.len() }))
}

/// `q=people|companies`, `inCrm=IN|NOT_IN`, `keywords`.
pub fn search(world: &World, request: &Request) -> Answer {
    let wanted = match request.param("inCrm") {
        None => None,
        Some("IN") => Some(true),
        Some("NOT_IN") => Some(false),
        Some(_) => return Err(Fault::new(400, "inCrm is IN or NOT_IN")),
    };
    let keywords = request.param("keywords").unwrap_or("").to_lowercase();
    let fits = |urn: &str, text: &str| {
        let is_in = world.in_crm.get(urn).is_some_and(|keys| !keys.is_empty());
        wanted.is_none_or(|wanted| wanted == is_in) && text.to_lowercase().contains(&keywords)
    };
    let all: Vec<Json> = match need(request, "q")? {
        "people" => world
            .members
            .iter()
            .map(|member| (person(&member.id), format!("{} {}", member.first, member.last), &member.title))
            .filter(|(urn, name, _)| fits(urn, name))
            .map(|(urn, name, title)| json!({ "urn": urn, "name": name, "title": title }))
            .collect(),
        "companies" => (0..world.companies.len())
            .filter_map(|n| Some((world.company_urn(n)?, world.companies.get(n)?)))
            .filter(|(urn, company)| fits(urn, &company.name))
            .map(|(urn, company)| {
                json!({ "urn": urn, 
                "name": company.name, "domain": company.domain, "industry": company.industry,
                "employees": company.employees })
            })
            .collect(),
        _ => return Err(Fault::new(400, "There is no such finder")),
    };
    page(request, all)
}
