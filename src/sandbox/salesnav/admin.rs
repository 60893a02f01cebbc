//! Calls under `/_sandbox/` that no LinkedIn has: seat holders at work, people who change jobs, switches for tests.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::restli::{Answer, Fault, body, ok, text};
use super::seed::MAIN_CONTRACT;
use super::world::{Activity, World, organization, person};
use super::{matching, records};
use crate::value::Millis;

const KINDS: [&str; 6] = ["INMAIL", "MESSAGE", "NOTE", "CALL", "SMART_LINK", "TAG"];
const ORIGINS: [&str; 3] = ["DESKTOP", "IOS", "ANDROID"];

pub fn handle(world: &mut World, path: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), path) {
        ("GET", ["members"]) => members(world),
        ("GET", ["companies"]) => ok(&json!({ "companies": world.companies.iter().map(|company| json!({
            "urn": organization(company.id), "name": company.name, "domain": company.domain,
        })).collect::<Vec<_>>() })),
        ("GET", ["seats"]) => ok(&json!({ "seats": world.seats.values().map(|seat| json!({
            "email": seat.email, "name": seat.name, "active": seat.active, "sign_in_code": seat.sign_in_code,
        })).collect::<Vec<_>>() })),
        ("GET", ["activities"]) => ok(&json!({ "activities": world.activities.values()
            .map(|activity| serde_json::to_value(activity).unwrap_or_default()).collect::<Vec<_>>() })),
        ("POST", ["activity"]) => activity(world, &body(request)?),
        ("POST", ["member"]) => member(world, &body(request)?),
        ("POST", ["lead"]) => lead(world, &body(request)?),
        ("POST", ["seat"]) => seat(world, &body(request)?),
        ("POST", ["contract"]) => contract(world, &body(request)?),
        ("POST", ["connection"]) => connection(world, &body(request)?),
        ("POST", ["settings"]) => settings(world, &body(request)?),
        ("POST", ["rematch"]) => rematch(world),
        _ => Err(Fault::new(404, format!("no admin call at /_sandbox/{}", path.join("/")))),
    }
}

fn members(world: &World) -> Answer {
    let all: Vec<Json> = world
        .members
        .iter()
        .map(|member| {
            json!({
                "urn": person(&member.id), "first": member.first, "last": member.last, "title": member.title,
                "company": member.company.and_then(|at| world.companies.get(at)).map(|company| &company.name),
                "email": member.email, "location": member.location,
            })
        })
        .collect();
    ok(&json!({ "members": all }))
}

fn one_of(
    body: &Json,
    name: &str,
    known: &[&'static str],
    usual: &'static str,
) -> Result<&'static str, Fault> {
    let Some(given) = body.get(name).and_then(Json::as_str) else { return Ok(usual) };
    let found = known.iter().find(|word| word.eq_ignore_ascii_case(given));
    found.copied().ok_or_else(|| Fault::new(400, format!("{name} is one of {}", known.join(", "))))
}

/// `{kind, seat (e-mail), about (urn), origin?, body?, subject?, copy?, at?, id?}`: with the `id` of an activity that is
/// there, changes its flag.
fn activity(world: &mut World, body: &Json) -> Answer {
    let now = world.now();
    if let Some(id) = body.get("id").and_then(Json::as_str) {
        let mut known =
            world.activities.get(id).cloned().ok_or_else(|| Fault::new(404, "no such activity"))?;
        known.copy_to_crm = body.get("copy").and_then(Json::as_bool).unwrap_or(known.copy_to_crm);
        known.modified_at = Millis(now.0.max(known.modified_at.0 + 1));
        world.add_activity(known);
        return ok(&json!({ "id": id }));
    }
    let kind = one_of(body, "kind", &KINDS, "MESSAGE")?;
    let seat = world.seat_by_email(text(body, "seat")?).ok_or_else(|| Fault::new(404, "no such seat"))?;
    let at = Millis(body.get("at").and_then(Json::as_i64).unwrap_or(now.0));
    let id = (7_500_000_000_000 + world.fresh()).to_string();
    let words = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or("").to_owned();
    let (subject, words) = (words("subject"), words("body"));
    if subject.chars().count() > 200 || words.chars().count() > 1_900 {
        return Err(Fault::new(422, "a subject has up to 200 characters, a text up to 1,900"));
    }
    world.add_activity(Activity {
        id: id.clone(),
        kind,
        contract: MAIN_CONTRACT,
        seat,
        about: text(body, "about")?.to_owned(),
        origin: one_of(body, "origin", &ORIGINS, "DESKTOP")?,
        created_at: at,
        modified_at: now,
        subject,
        body: words,
        copy_to_crm: body.get("copy").and_then(Json::as_bool).unwrap_or(true),
        duration_ms: body.get("durationMs").and_then(Json::as_i64),
    });
    ok(&json!({ "id": id }))
}

/// `{urn, title?, company?, email?, location?}`: a member changes their profile. Leads that seat holders handed to
/// the CRM follow.
fn member(world: &mut World, body: &Json) -> Answer {
    let urn = text(body, "urn")?.to_owned();
    let place = urn.rsplit(':').next().and_then(|id| world.member_by_id.get(id)).copied();
    let place = place.ok_or_else(|| Fault::new(404, "no such member"))?;
    let company = body.get("company").and_then(Json::as_str);
    let company = company.and_then(|name| world.companies.iter().position(|company| company.name == name));
    if let Some(member) = world.members.get_mut(place) {
        let set = |slot: &mut String, name: &str| {
            if let Some(text) = body.get(name).and_then(Json::as_str) {
                text.clone_into(slot);
            }
        };
        set(&mut member.title, "title");
        set(&mut member.email, "email");
        set(&mut member.location, "location");
        member.company = company.or(member.company);
    }
    let shelf = world.shelves.get("lead").map(|shelf| &shelf.rows);
    let own = |fields: &Map<String, Json>| fields.get("member").and_then(Json::as_str) == Some(&urn);
    let leads: Vec<u64> =
        shelf.into_iter().flatten().filter(|(_, kept)| own(&kept.fields)).map(|(id, _)| *id).collect();
    for id in leads {
        let fields = profile(world, place);
        records::update(world, "lead", id, fields, &[]);
    }
    ok(&json!({}))
}

/// What LinkedIn offers of a member for the CRM.
fn profile(world: &World, place: usize) -> Map<String, Json> {
    let mut fields = Map::new();
    let Some(member) = world.members.get(place) else { return fields };
    let company = member.company.and_then(|at| world.companies.get(at)).map_or("", |company| &company.name);
    for (name, value) in [
        ("first_name", member.first.as_str()),
        ("last_name", &member.last),
        ("title", &member.title),
        ("company", company),
        ("location", &member.location),
        ("country", &member.country),
        ("email", &member.email),
    ] {
        if !value.is_empty() {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let page = format!("https://www.linkedin.com/in/{}", member.id);
    fields.insert("linkedin_url".to_owned(), json!(page));
    fields
}

/// `{urn}`: a seat holder presses "create in CRM" (or "update CRM") on a member's page.
fn lead(world: &mut World, body: &Json) -> Answer {
    let urn = text(body, "urn")?.to_owned();
    let place = urn.rsplit(':').next().and_then(|id| world.member_by_id.get(id)).copied();
    let place = place.ok_or_else(|| Fault::new(404, "no such member"))?;
    let mut fields = profile(world, place);
    fields.insert("member".to_owned(), json!(urn));
    let (id, _) = records::create(world, "lead", fields, "LINKEDIN");
    ok(&json!({ "id": id.to_string() }))
}

/// `{email, active?, user_authorised?, roles?}`
fn seat(world: &mut World, body: &Json) -> Answer {
    let now = world.now();
    let id = world.seat_by_email(text(body, "email")?);
    let seat = id.and_then(|id| world.seats.get_mut(&id)).ok_or_else(|| Fault::new(404, "no such seat"))?;
    if let Some(active) = body.get("active").and_then(Json::as_bool) {
        seat.active = active;
    }
    if let Some(signed) = body.get("user_authorised").and_then(Json::as_bool) {
        seat.user_authorised_at = signed.then_some(now);
    }
    if let Some(roles) = body.get("roles").and_then(Json::as_array) {
        seat.roles = roles.iter().filter_map(Json::as_str).map(str::to_owned).collect();
    }
    ok(&json!({}))
}

/// `{contract, edition?, is_admin?}`
fn contract(world: &mut World, body: &Json) -> Answer {
    let id = body.get("contract").and_then(Json::as_u64).unwrap_or(MAIN_CONTRACT);
    let found = world.contracts.get_mut(&id).ok_or_else(|| Fault::new(404, "no such contract"))?;
    if let Some(edition) = body.get("edition").and_then(Json::as_str) {
        edition.clone_into(&mut found.edition);
    }
    if let Some(admin) = body.get("is_admin").and_then(Json::as_bool) {
        found.is_admin = admin;
    }
    ok(&json!({}))
}

/// `{state}`: LinkedIn finds that the CRM user's rights were taken away (`DISCONNECTED_PERMISSION`).
fn connection(world: &mut World, body: &Json) -> Answer {
    let id = body.get("contract").and_then(Json::as_u64).unwrap_or(MAIN_CONTRACT);
    let found = world.connections.get_mut(&id).ok_or_else(|| Fault::new(404, "not connected"))?;
    text(body, "state")?.clone_into(&mut found.state);
    ok(&json!({}))
}

/// `{initial_sync_ms?, job_ms?}`
fn settings(world: &mut World, body: &Json) -> Answer {
    if let Some(wait) = body.get("initial_sync_ms").and_then(Json::as_i64) {
        world.initial_sync_ms = wait;
    }
    if let Some(wait) = body.get("job_ms").and_then(Json::as_i64) {
        world.job_ms = wait;
    }
    ok(&json!({}))
}

/// The matcher looks at everything again, as it does at night.
fn rematch(world: &mut World) -> Answer {
    let all: Vec<_> = world.directory.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
    let mut changed = 0;
    for (key, mut entry) in all {
        let (found, rivals) = matching::judge(world, &key.0, &entry.fields);
        let fixed = entry.badge.as_ref().is_some_and(|found| found.source != "AUTO");
        let badge = found.filter(|found| found.score >= matching::HIGH);
        if !fixed && badge != entry.badge {
            (entry.badge, entry.rivals) = (badge, rivals);
            matching::put(world, key, entry);
            changed += 1;
        }
    }
    ok(&json!({ "changed": changed }))
}
