//! The simulated matcher: how sure it is that a record of the CRM is a member, or a company, of LinkedIn.
//!
//! LinkedIn publishes which inputs count, that no field has to be equal, and that a score has to pass a threshold;
//! the weights here are the sandbox's own. Two equally good candidates are no match.

use serde_json::{Map, Value as Json};

use super::world::{Company, CrmKey, Found, Listed, Member, World, organization, person};

/// Below this the match is not published.
pub const HIGH: u32 = 75;

fn text<'a>(fields: &'a Map<String, Json>, name: &str) -> &'a str {
    fields.get(name).and_then(Json::as_str).unwrap_or("").trim()
}

fn same(a: &str, b: &str) -> bool {
    !a.is_empty() && a.to_lowercase() == b.to_lowercase()
}

/// `https://www.acme.example/x` -> `acme.example`
fn host(address: &str) -> String {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or("");
    bare.trim_start_matches("www.").to_lowercase()
}

/// Company names without their legal form and punctuation.
fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let legal = ["gmbh", "inc", "ltd", "llc", "ag", "spa", "srl", "sa", "as"];
    words.filter(|word| !legal.contains(word)).collect::<Vec<_>>().join(" ")
}

fn person_score(fields: &Map<String, Json>, member: &Member, company: Option<&Company>) -> u32 {
    if !same(text(fields, "lastName"), &member.last) || !same(text(fields, "firstName"), &member.first) {
        return 0;
    }
    let mut score = 40;
    if same(text(fields, "email"), &member.email) {
        score += 45;
    }
    if company.is_some_and(|company| plain(&company.name) == plain(text(fields, "companyName"))) {
        score += 30;
    }
    if same(text(fields, "title"), &member.title) {
        score += 10;
    }
    if same(text(fields, "location"), &member.location) || same(text(fields, "country"), &member.country) {
        score += 5;
    }
    score.min(100)
}

fn company_score(fields: &Map<String, Json>, company: &Company) -> u32 {
    let mut score = 0;
    if plain(text(fields, "companyName")) == plain(&company.name) {
        score += 60;
    }
    if host(text(fields, "website")) == company.domain {
        score += 35;
    }
    if same(text(fields, "city"), &company.city) || same(text(fields, "country"), &company.country) {
        score += 15;
    }
    if score < 35 { 0 } else { score.min(100) }
}

/// The best candidate, and its rivals when there is not one best.
fn best(mut scored: Vec<(u32, String)>) -> (Option<Found>, Vec<String>) {
    scored.retain(|(score, _)| *score > 0);
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let Some((top, urn)) = scored.first().cloned() else { return (None, Vec::new()) };
    let rivals: Vec<String> =
        scored.iter().filter(|(score, _)| *score == top).map(|(_, urn)| urn.clone()).collect();
    if rivals.len() > 1 && top >= HIGH - 5 {
        return (None, rivals);
    }
    (Some(Found { urn, score: top, source: "AUTO" }), Vec::new())
}

/// What the matcher makes of a record now.
pub fn judge(world: &World, object: &str, fields: &Map<String, Json>) -> (Option<Found>, Vec<String>) {
    if matches!(object, "company" | "Account") {
        let scored = world
            .companies
            .iter()
            .map(|company| (company_score(fields, company), organization(company.id)))
            .collect();
        return best(scored);
    }
    let namesakes = world.by_last_name.get(&text(fields, "lastName").to_lowercase());
    let scored = namesakes
        .into_iter()
        .flatten()
        .filter_map(|place| world.members.get(*place))
        .map(|member| {
            let company = member.company.and_then(|company| world.companies.get(company));
            (person_score(fields, member, company), person(&member.id))
        })
        .collect();
    best(scored)
}

/// Keeps a record of the CRM and matches it. What people decided by hand stands.
pub fn publish(world: &mut World, key: CrmKey, fields: Map<String, Json>) {
    let old = world.directory.get(&key).cloned();
    if old.as_ref().is_some_and(|old| old.fields == fields) {
        return;
    }
    let (found, rivals) = judge(world, &key.0, &fields);
    let by_hand = |found: Option<Found>| found.filter(|found| found.source != "AUTO");
    let (badge, display) = old.map_or((None, None), |old| (by_hand(old.badge), by_hand(old.display)));
    let automatic = found.clone().filter(|found| found.score >= HIGH);
    // The embedded profile has a matcher of its own, which is content with less.
    let shown = found.filter(|found| found.score >= 40);
    put(
        world,
        key,
        Listed {
            fields,
            badge: badge.or(automatic),
            display: display.or(shown),
            rivals,
            changed: crate::value::Millis(0),
        },
    );
}

/// Puts an entry into the directory, its feed and the index behind the search filters.
pub fn put(world: &mut World, key: CrmKey, mut entry: Listed) {
    forget(world, &key);
    entry.changed = world.now();
    world.match_feed.insert((entry.changed.0, key.clone()));
    if let Some(found) = &entry.badge {
        world.in_crm.entry(found.urn.clone()).or_default().insert(key.clone());
    }
    world.directory.insert(key, entry);
}

pub fn forget(world: &mut World, key: &CrmKey) {
    let Some(old) = world.directory.remove(key) else { return };
    world.match_feed.remove(&(old.changed.0, key.clone()));
    if let Some(found) = &old.badge
        && let Some(keys) = world.in_crm.get_mut(&found.urn)
    {
        keys.remove(key);
    }
}
