//! Contracts (documented), seats, admin settings and activities (the sandbox's own contract).

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::restli::{Answer, Fault, body, ids, need, number, ok, page, text, value};
use super::world::{Seat, World, contract_urn};

/// `GET /v2/salesContracts?q=contractsByMember`: contracts where the member has an active seat.
pub fn contracts(world: &World, request: &Request) -> Answer {
    if need(request, "q")? != "contractsByMember" {
        return Err(Fault::new(400, "There is no such finder"));
    }
    let all = world
        .contracts
        .values()
        .map(|contract| {
            json!({
                "contract": contract_urn(contract.id),
                "name": contract.name,
                "description": contract.edition,
                "hasReportingAccess": contract.has_reporting_access,
            })
        })
        .collect();
    page(request, all)
}

fn shown(seat: &Seat) -> Json {
    serde_json::to_value(seat).unwrap_or_default()
}

pub fn seats(world: &mut World, contract: u64, request: &Request) -> Answer {
    match (request.method.as_str(), request.param("action")) {
        ("GET", None) => {
            let edition = world.contracts.get(&contract).map(|found| (found.edition.clone(), found.is_admin));
            let all = world.seats.values().filter(|seat| seat.contract == contract).map(|seat| {
                let mut out = shown(seat);
                if let (Some(map), Some((edition, admin))) = (out.as_object_mut(), &edition) {
                    map.insert("edition".to_owned(), json!(edition));
                    map.insert("contractAdmin".to_owned(), json!(admin));
                }
                out
            });
            page(request, all.collect())
        }
        ("POST", Some(action)) => {
            let body = body(request)?;
            let now = world.now();
            let id = world.seat_by_email(text(&body, "email")?);
            let seat = id.and_then(|id| world.seats.get_mut(&id)).filter(|seat| seat.contract == contract);
            let seat = seat.ok_or_else(|| Fault::new(404, "The contract has no such seat"))?;
            match action {
                "authorizeUser" => {
                    if text(&body, "code")? != seat.sign_in_code {
                        return Err(Fault::new(403, "The seat holder has not signed in with this code"));
                    }
                    seat.user_authorised_at = Some(now);
                }
                "revokeUser" => seat.user_authorised_at = None,
                "setCrmSync" => {
                    let wanted = text(&body, "value")?;
                    if !["ON", "OFF", "INHERIT"].contains(&wanted) {
                        return Err(Fault::new(400, "value is ON, OFF or INHERIT"));
                    }
                    wanted.clone_into(&mut seat.crm_sync);
                }
                other => return Err(Fault::new(400, format!("There is no action '{other}'"))),
            }
            let seat = shown(seat);
            value(&seat)
        }
        _ => Err(Fault::new(405, "Method not allowed")),
    }
}

const SWITCHES: [&str; 4] = ["autoSyncAllSeats", "writeback", "createContacts", "updateContacts"];

/// Admin settings; a partial update names what it sets.
pub fn settings(world: &mut World, contract: u64, request: &Request) -> Answer {
    let settings = world.settings.get_mut(&contract).ok_or_else(|| Fault::new(404, "No such contract"))?;
    if request.method == "POST" {
        let body = body(request)?;
        let set = body.pointer("/patch/$set").and_then(Json::as_object);
        let set: Map<String, Json> = set.cloned().ok_or_else(|| Fault::new(400, "Expected patch.$set"))?;
        for (name, given) in set {
            let wrong = || Fault::new(400, format!("{name} can't be {given}"));
            if SWITCHES.contains(&name.as_str()) {
                let on = given.as_bool().ok_or_else(wrong)?;
                match name.as_str() {
                    "autoSyncAllSeats" => settings.auto_sync_all_seats = on,
                    "writeback" => settings.writeback = on,
                    "createContacts" => settings.create_contacts = on,
                    _ => settings.update_contacts = on,
                }
            } else if name == "writebackItems" {
                let items = given.as_array().ok_or_else(wrong)?;
                settings.writeback_items =
                    items.iter().filter_map(Json::as_str).map(str::to_ascii_uppercase).collect();
            } else {
                return Err(Fault::new(400, format!("There is no setting '{name}'")));
            }
            settings.reviewed.insert(name);
        }
    }
    let shown = serde_json::to_value(&*settings).unwrap_or_default();
    ok(&shown)
}

/// `q=changed`: oldest change first, from `since` or behind `after` (`<ms>,<id>`) on. `ids=List(...)`: by id.
pub fn activities(world: &World, contract: u64, request: &Request) -> Answer {
    let own = |id: &str| world.activities.get(id).filter(|activity| activity.contract == contract);
    let shown = |id: &str| own(id).map(|activity| serde_json::to_value(activity).unwrap_or_default());
    if let Some(list) = request.param("ids") {
        let mut results = Map::new();
        let mut errors = Map::new();
        for id in ids(list)? {
            match shown(&id) {
                Some(activity) => results.insert(id, activity),
                None => errors.insert(id, Fault::new(404, "No such activity").body()),
            };
        }
        return ok(&json!({ "results": results, "statuses": {}, "errors": errors }));
    }
    if need(request, "q")? != "changed" {
        return Err(Fault::new(400, "There is no such finder"));
    }
    let count = request.param("count").and_then(|text| text.parse().ok()).unwrap_or(100_usize).min(1_000);
    let from = match request.param("after").and_then(|after| after.split_once(',')) {
        Some((at, id)) => {
            let at = at.parse().map_err(|_| Fault::new(400, "after is <milliseconds>,<id>"))?;
            (at, format!("{id}\u{0}"))
        }
        None => (number(request, "since")?, String::new()),
    };
    let elements: Vec<Json> =
        world.activity_feed.range(from..).filter_map(|(_, id)| shown(id)).take(count).collect();
    ok(&json!({ "elements": elements, "paging": { "start": 0, "count": count, "links": [] } }))
}
