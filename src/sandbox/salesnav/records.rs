//! Leads, accounts and opportunities as the CRM sync keeps them, as Rest.li collections. The sandbox's own contract.
//!
//! A record is created with `twinmap_id`, which is unique: the same create again changes the record that is there.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::{Request, Response};
use super::restli::{Answer, Fault, body, ids, need, number, ok};
use super::world::{Kept, World};
use crate::value::Millis;

pub const KEY: &str = "twinmap_id";

pub fn handle(world: &mut World, object: &'static str, request: &Request) -> Answer {
    let hint = request.header("x-restli-method").unwrap_or("").to_ascii_uppercase();
    match (request.method.as_str(), hint.as_str()) {
        ("GET", _) if request.param("ids").is_some() => batch_get(world, object, request),
        ("GET", _) => find(world, object, request),
        ("POST", "BATCH_CREATE") => batch_create(world, object, &body(request)?),
        ("POST", "BATCH_PARTIAL_UPDATE") => batch_update(world, object, &body(request)?),
        ("DELETE", _) => batch_delete(world, object, request),
        _ => Err(Fault::new(405, "Method not allowed")),
    }
}

fn shown(id: u64, kept: &Kept) -> Json {
    let mut out = kept.fields.clone();
    out.insert("id".to_owned(), json!(id.to_string()));
    out.insert("createdAt".to_owned(), json!(kept.created));
    out.insert("modifiedAt".to_owned(), json!(kept.modified));
    out.insert("deleted".to_owned(), json!(kept.deleted));
    Json::Object(out)
}

fn batch_get(world: &World, object: &str, request: &Request) -> Answer {
    let (mut results, mut errors) = (Map::new(), Map::new());
    let shelf = world.shelves.get(object);
    for id in ids(need(request, "ids")?)? {
        let kept = id.parse().ok().and_then(|n: u64| shelf?.rows.get(&n)).filter(|kept| !kept.deleted);
        match kept {
            Some(kept) => results.insert(id.clone(), shown(id.parse().unwrap_or(0), kept)),
            None => errors.insert(id, Fault::new(404, "No such record").body()),
        };
    }
    ok(&json!({ "results": results, "statuses": {}, "errors": errors }))
}

/// `q=all` (by id), `q=changed`, `q=deleted` (by stamp and id), `q=field` (`field`, `values=List(...)`).
fn find(world: &World, object: &str, request: &Request) -> Answer {
    let Some(shelf) = world.shelves.get(object) else { return Err(Fault::new(404, "No such collection")) };
    let count = request.param("count").and_then(|text| text.parse().ok()).unwrap_or(200_usize).min(1_000);
    let finder = need(request, "q")?;
    let rows: Vec<Json> = match finder {
        "all" => {
            let after: u64 = request.param("after").and_then(|text| text.parse().ok()).unwrap_or(0);
            let behind = shelf.rows.range(after + 1..).filter(|(_, kept)| !kept.deleted);
            behind.take(count).map(|(id, kept)| shown(*id, kept)).collect()
        }
        "changed" | "deleted" => {
            let since = number(request, "since")?;
            let after = request.param("after").and_then(|text| text.split_once(','));
            let after = after.and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
            let mut rows: Vec<(i64, u64)> = shelf
                .rows
                .iter()
                .filter(|(_, kept)| kept.deleted == (finder == "deleted") && kept.modified.0 >= since)
                .map(|(id, kept)| (kept.modified.0, *id))
                .filter(|place| after.is_none_or(|after: (i64, u64)| *place > after))
                .collect();
            rows.sort_unstable();
            let rows = rows.into_iter().take(count);
            rows.filter_map(|(_, id)| Some(shown(id, shelf.rows.get(&id)?))).collect()
        }
        "field" => {
            let field = need(request, "field")?;
            let values = ids(need(request, "values")?)?;
            let is = |kept: &Kept| {
                let value = kept.fields.get(field).and_then(Json::as_str);
                !kept.deleted && value.is_some_and(|value| values.iter().any(|wanted| wanted == value))
            };
            shelf.rows.iter().filter(|(_, kept)| is(kept)).map(|(id, kept)| shown(*id, kept)).collect()
        }
        _ => return Err(Fault::new(400, "There is no such finder")),
    };
    ok(&json!({ "elements": rows, "paging": { "start": 0, "count": count, "links": [] } }))
}

fn refused(fields: &Map<String, Json>) -> Option<Fault> {
    let long = fields.iter().find(|(_, value)| value.as_str().is_some_and(|text| text.len() > 4_000));
    long.map(|(name, _)| Fault::new(422, format!("{name} is longer than 4000 characters")))
}

fn batch_create(world: &mut World, object: &'static str, body: &Json) -> Answer {
    let elements = body.get("elements").and_then(Json::as_array).ok_or_else(|| Fault::missing("elements"))?;
    let mut out = Vec::new();
    for element in elements {
        let fields = element.as_object().cloned().unwrap_or_default();
        if let Some(fault) = refused(&fields) {
            out.push(json!({ "status": fault.status, "error": fault.body() }));
            continue;
        }
        let (id, created) = create(world, object, fields, "CRM");
        out.push(json!({ "status": if created { 201 } else { 200 }, "id": id.to_string() }));
    }
    ok(&json!({ "elements": out }))
}

/// Makes a record, or changes the one of the same key; true when it is new.
pub fn create(
    world: &mut World,
    object: &'static str,
    mut fields: Map<String, Json>,
    origin: &str,
) -> (u64, bool) {
    let now = world.now();
    fields.retain(|_, value| !value.is_null());
    let key = fields.get(KEY).and_then(Json::as_str).map(str::to_owned);
    let shelf = world.shelves.entry(object).or_default();
    let known = key.as_ref().and_then(|key| shelf.by_key.get(key)).copied();
    let known = known.filter(|id| shelf.rows.get(id).is_some_and(|kept| !kept.deleted));
    if let Some(id) = known {
        update(world, object, id, fields, &[]);
        return (id, false);
    }
    shelf.next += 1;
    let id = 1_000 + shelf.next;
    fields.insert("origin".to_owned(), json!(origin));
    shelf.rows.insert(id, Kept { fields: fields.clone(), created: now, modified: now, deleted: false });
    if let Some(key) = key {
        shelf.by_key.insert(key, id);
    }
    world.note("create", object, &id.to_string(), &fields);
    (id, true)
}

pub fn update(
    world: &mut World,
    object: &'static str,
    id: u64,
    set: Map<String, Json>,
    clear: &[String],
) -> bool {
    let now = world.now();
    let kept = world.shelves.get_mut(object).and_then(|shelf| shelf.rows.get_mut(&id));
    let Some(kept) = kept.filter(|kept| !kept.deleted) else { return false };
    for name in clear {
        kept.fields.remove(name);
    }
    kept.fields.extend(set.clone());
    kept.modified = Millis(now.0.max(kept.modified.0 + 1));
    world.note("update", object, &id.to_string(), &set);
    true
}

fn batch_update(world: &mut World, object: &'static str, body: &Json) -> Answer {
    let entities =
        body.get("entities").and_then(Json::as_object).ok_or_else(|| Fault::missing("entities"))?;
    let (mut results, mut errors) = (Map::new(), Map::new());
    for (id, patch) in entities {
        let set = patch.pointer("/patch/$set").and_then(Json::as_object).cloned().unwrap_or_default();
        let clear = patch.pointer("/patch/$delete").and_then(Json::as_array);
        let clear: Vec<String> =
            clear.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
        let fault = match refused(&set) {
            Some(fault) => Some(fault),
            None if update(world, object, id.parse().unwrap_or(0), set, &clear) => None,
            None => Some(Fault::new(404, "No such record")),
        };
        match fault {
            None => results.insert(id.clone(), json!({ "status": 204 })),
            Some(fault) => errors.insert(id.clone(), fault.body()),
        };
    }
    ok(&json!({ "results": results, "errors": errors }))
}

fn batch_delete(world: &mut World, object: &'static str, request: &Request) -> Answer {
    let now = world.now();
    let (mut results, mut errors) = (Map::new(), Map::new());
    for id in ids(need(request, "ids")?)? {
        let n: u64 = id.parse().unwrap_or(0);
        let kept = world.shelves.get_mut(object).and_then(|shelf| shelf.rows.get_mut(&n));
        match kept {
            Some(kept) => {
                kept.deleted = true;
                kept.modified = Millis(now.0.max(kept.modified.0 + 1));
                world.note("archive", object, &id, &Map::new());
                results.insert(id, json!({ "status": 204 }));
            }
            None => {
                errors.insert(id, Fault::new(404, "No such record").body());
            }
        }
    }
    Ok(Response::json(200, &json!({ "results": results, "errors": errors })))
}
