//! HubSpot with LinkedIn: connecting, the object pairs, lists, contacts from Sales Navigator.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::nav_world::{
    CONTRACT, Crm, KIM, act, configure, connect, edit, fresh, mappings, matched, matches, nav, run, started,
    stranger, written_back,
};
use crate::registry::behaviours;
use crate::support::{Side, World, out};

behaviours! {
    [1, 6] "Sales Navigator (syncs, writeback) and Business Manager's report (`attribution`) are used each by itself; the report needs syncs of deals and contacts and refuses with the reason."
        => revenue_is_attributed_to_campaigns;
    [2] "`save_to` fills a named list of leads and one of accounts with every matched record in scope, each once; what leaves the filter leaves the list with `leave: remove`."
        => lists_hold_every_matched_record_once;
    [3] "InMails and messages are communications, notes and calls engagements of their contact, each once."
        => activities_are_engagements_of_their_contact;
    [4] "A sync from `salesnav.lead` makes contacts of people that seat holders hand over, and carries on title, company and place; the admin's switches for making and for changing them are obeyed, and `create: never` rules making out."
        => contacts_are_made_and_updated_from_sales_navigator;
    [5] "Search with the in-CRM filter agrees with the matches, for people and companies."
        => search_agrees_with_the_matches;
    [13] "contact-lead, company-account, deal-opportunity are the only pairs; anything else does not compile."
        => only_the_pairs_of_linkedin_compile;
    [14, 15, 16, 17, 25] "`show --sync` says direction, fields, who takes part, and that Sales Navigator has no associations and deletes nothing, without a run."
        => a_sync_is_shown_without_running;
    [22] "With `start: new` what was there before the start stays out until it changes."
        => only_new_and_changed_records_sync;
    [23] "`reset` takes everything in, and `reset --dry-run` says how much that is; uninstalling and connecting again makes nothing twice."
        differs "No new installation is needed." => a_full_sync_makes_nothing_twice;
    [24, 134] "With `parity = true` a `map` of one's own is refused with the reason; without it mappings are source text. A one-way sync to LinkedIn has no winner but its source."
        differs "Mappings can be edited unless the connection is in parity mode." => mappings_are_fixed_in_parity_mode;
}

fn revenue_is_attributed_to_campaigns() {
    let world = fresh(Crm::HubSpot, 0);
    let whole = std::fs::read_to_string(world.path("mappings/app.twin")).unwrap();
    // No target at all is nothing to connect.
    mappings(&world, "");
    let told = world.told(64, &["connect"]);
    assert!(told.contains("no mapping of this project names a Sales Navigator"), "{told}");
    // Leads alone are legal, and not enough for the report.
    mappings(&world, "sync leads: hubspot.contact -> salesnav.lead {\n  match: person\n}\n");
    connect(&world);
    world.told(0, &["start"]);
    let told = world.told(64, &["attribution"]);
    assert!(told.contains("deals are not synced with salesnav") && told.contains("help:"), "{told}");
    mappings(&world, &whole);
    world.told(0, &["start"]);
    run(&world);
    let report = world.json(&["attribution", "--format", "json"]);
    let groups = report["groups"].as_array().unwrap();
    assert!(!groups.is_empty() && report["window_days"] == 180, "{report}");
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let (all, part) = (&report["all"], &report["influenced"]);
    assert!(part["deals"].as_u64().unwrap() > 0 && part["deals"].as_u64() <= all["deals"].as_u64());
    assert!(
        number(&part["revenue"]) <= number(&all["revenue"])
            && number(&part["pipeline"]) <= number(&all["pipeline"])
    );
    assert!(groups.iter().all(|group| number(&group["revenue"]) <= number(&part["revenue"])), "{report}");
    // A shorter window credits no more.
    let short = world.json(&["attribution", "--window", "30", "--format", "json"]);
    assert!(short["influenced"]["deals"].as_u64() <= part["deals"].as_u64());
    let csv = out(&world.run(&["attribution", "--format", "csv"]));
    assert_eq!(csv.lines().count(), groups.len() + 1, "{csv}");
    world.told(0, &["attribution", "--format", "html", "-o", world.path("a.html").to_str().unwrap()]);
    let page = std::fs::read_to_string(world.path("a.html")).unwrap();
    assert!(page.contains("default-src 'none'") && page.contains("<svg") && !page.contains("<script"));
    assert_eq!(page.matches("<rect").count(), groups.len() * 4);
}

/// The example's syncs, taking in what is there already.
pub fn everything(world: &World) {
    let path = world.path("mappings/app.twin");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replace("start: new", "start: all")).unwrap();
}

pub fn lists(world: &World) -> Vec<Value> {
    let answer = nav(world, "GET", &format!("/sandbox/lists?{CONTRACT}&count=50"), None);
    answer["elements"].as_array().unwrap().clone()
}

fn list<'l>(lists: &'l [Value], name: &str) -> &'l Value {
    lists.iter().find(|list| list["name"] == name).unwrap_or_else(|| panic!("no list {name}"))
}

fn urns(matches: &[Value], object: &str) -> BTreeSet<String> {
    let own = matches.iter().filter(|found| found["object"] == object);
    own.map(|found| found["badge"].as_str().unwrap().to_owned()).collect()
}

fn lists_hold_every_matched_record_once() {
    let world = fresh(Crm::HubSpot, 0);
    everything(&world);
    edit(
        &world,
        "app.twin",
        "  match: person\n",
        "  filter hubspot: firstname != \"Nobody\"\n  match: person\n",
    );
    connect(&world);
    world.told(0, &["start"]);
    let first = run(&world);
    let all = matches(&world, "matched");
    let there = lists(&world);
    for (name, object) in [("HubSpot contacts", "contact"), ("HubSpot companies", "company")] {
        let entries = list(&there, name)["entries"].as_object().unwrap();
        let entries: BTreeSet<String> = entries.keys().cloned().collect();
        assert!(!entries.is_empty());
        assert_eq!(entries, urns(&all, object), "{name}");
    }
    let added = |told: &Value| -> u64 {
        told["lists"].as_array().unwrap().iter().map(|list| list["added"].as_u64().unwrap()).sum()
    };
    assert!(added(&first) > 0);
    assert_eq!(added(&run(&world)), 0);
    // Who leaves the scope leaves the list.
    let (contact, urn) = matched(&world, "contact");
    world.edit(Side::HubSpot, "contacts", &contact, "firstname", "Nobody");
    let told = run(&world);
    let removed: u64 =
        told["lists"].as_array().unwrap().iter().map(|list| list["removed"].as_u64().unwrap()).sum();
    assert_eq!(removed, 1);
    assert!(list(&lists(&world), "HubSpot contacts")["entries"].get(&urn).is_none());
}

fn activities_are_engagements_of_their_contact() {
    let world = started(Crm::HubSpot, 0);
    run(&world);
    let (contact, urn) = matched(&world, "contact");
    for (kind, origin) in
        [("INMAIL", "DESKTOP"), ("MESSAGE", "IOS"), ("NOTE", "DESKTOP"), ("CALL", "ANDROID")]
    {
        act(&world, json!({ "kind": kind, "seat": KIM, "about": urn, "origin": origin, "body": "x" }));
    }
    let report = written_back(&world);
    assert_eq!((report["written"].as_u64(), report["unresolved"].as_u64()), (Some(4), Some(0)), "{report}");
    let of_contact = |object: &str, field: &str| {
        let all = world.objects(object, field, "contacts");
        let own = all.iter().filter(|one| {
            let ends = one["associations"]["contacts"]["results"].as_array();
            ends.is_some_and(|ends| ends.iter().any(|end| end["id"] == contact.as_str()))
        });
        own.count()
    };
    let count = || {
        (
            of_contact("communications", "hs_communication_body"),
            of_contact("notes", "hs_note_body"),
            of_contact("calls", "hs_call_title"),
        )
    };
    assert_eq!(count(), (2, 1, 1));
    let mail = world.objects("communications", "hs_communication_channel_type,hubspot_owner_id", "contacts");
    assert!(mail.iter().all(|one| one["properties"]["hs_communication_channel_type"] == "LINKEDIN_MESSAGE"));
    assert!(mail.iter().all(|one| one["properties"]["hubspot_owner_id"] == crate::world::OWNER));
    let before = world.writes();
    written_back(&world);
    assert_eq!((count(), world.writes()), ((2, 1, 1), before));
}

fn contact_with(world: &World, email: &str) -> Option<Value> {
    let all = world.objects("contacts", "email,firstname,jobtitle,city", "companies");
    all.into_iter().find(|one| one["properties"]["email"] == email)
}

fn contacts_are_made_and_updated_from_sales_navigator() {
    let world = started(Crm::HubSpot, 0);
    run(&world);
    let member = stranger(&world);
    let urn = member["urn"].as_str().unwrap();
    nav(&world, "POST", "/_sandbox/member", Some(&json!({ "urn": urn, "email": "new@person.example" })));
    nav(&world, "POST", "/_sandbox/lead", Some(&json!({ "urn": urn })));
    run(&world);
    let made = contact_with(&world, "new@person.example").expect("the contact");
    assert_eq!(made["properties"]["firstname"], member["first"]);
    assert_eq!(made["properties"]["jobtitle"], member["title"]);
    // News of the title travels; the address is given once only.
    let news = json!({ "urn": urn, "title": "Chief Tester", "email": "other@person.example" });
    nav(&world, "POST", "/_sandbox/member", Some(&news));
    run(&world);
    let now = contact_with(&world, "new@person.example").expect("the same contact");
    assert_eq!(
        (now["id"].clone(), &now["properties"]["jobtitle"]),
        (made["id"].clone(), &json!("Chief Tester"))
    );
    // The admin's switches are obeyed, each by itself; a person who waited comes when they are on again.
    let switch = |set: Value| {
        nav(
            &world,
            "POST",
            &format!("/sandbox/crmSettings?{CONTRACT}"),
            Some(&json!({ "patch": { "$set": set } })),
        );
    };
    switch(json!({ "createContacts": false, "updateContacts": false }));
    let second = nav(&world, "GET", "/_sandbox/members", None)["members"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .nth(2)
        .unwrap()["urn"]
        .clone();
    nav(
        &world,
        "POST",
        "/_sandbox/member",
        Some(&json!({ "urn": second, "email": "second@person.example" })),
    );
    nav(&world, "POST", "/_sandbox/lead", Some(&json!({ "urn": second })));
    nav(&world, "POST", "/_sandbox/member", Some(&json!({ "urn": urn, "title": "Nobody" })));
    let shown = world.json(&["plan", "--format", "json"]);
    let skips = shown["skips"].as_array().unwrap();
    assert_eq!(skips.iter().filter(|skip| skip["reason"] == "switched-off").count(), 2, "{shown}");
    run(&world);
    assert!(contact_with(&world, "second@person.example").is_none());
    let title =
        |world: &World| contact_with(world, "new@person.example").unwrap()["properties"]["jobtitle"].clone();
    assert_eq!(title(&world), "Chief Tester");
    switch(json!({ "updateContacts": true }));
    let news = json!({ "urn": urn, "title": "Head of Tests" });
    nav(&world, "POST", "/_sandbox/member", Some(&news));
    run(&world);
    assert_eq!(title(&world), "Head of Tests");
    assert!(contact_with(&world, "second@person.example").is_none());
    switch(json!({ "createContacts": true }));
    run(&world);
    assert!(contact_with(&world, "second@person.example").is_some());
    // Somebody whom the CRM knows is no new contact.
    let (known, urn) = matched(&world, "contact");
    let contacts = world.objects("contacts", "email", "companies").len();
    nav(&world, "POST", "/_sandbox/lead", Some(&json!({ "urn": urn })));
    nav(&world, "POST", "/_sandbox/member", Some(&json!({ "urn": urn, "title": "Vice President" })));
    run(&world);
    let all = world.objects("contacts", "jobtitle", "companies");
    assert_eq!(all.len(), contacts);
    let one = all.iter().find(|one| one["id"] == known.as_str()).unwrap();
    assert_eq!(one["properties"]["jobtitle"], "Vice President");
    // Making is switched by itself.
    edit(&world, "app.twin", "<- salesnav.lead {", "<- salesnav.lead {\n  create hubspot: never");
    let members = nav(&world, "GET", "/_sandbox/members", None);
    let other = members["members"].as_array().unwrap().iter().rev().nth(1).unwrap()["urn"].clone();
    nav(&world, "POST", "/_sandbox/lead", Some(&json!({ "urn": other })));
    run(&world);
    assert_eq!(world.objects("contacts", "email", "companies").len(), contacts);
}

fn search_agrees_with_the_matches() {
    let world = started(Crm::HubSpot, 0);
    run(&world);
    let all = matches(&world, "matched");
    for (finder, object) in [("people", "contact"), ("companies", "company")] {
        let found = |filter: &str| -> BTreeSet<String> {
            let path = format!("/sandbox/search?{CONTRACT}&q={finder}&inCrm={filter}&count=1000");
            let answer = nav(&world, "GET", &path, None);
            let rows = answer["elements"].as_array().unwrap().clone();
            rows.iter().map(|row| row["urn"].as_str().unwrap().to_owned()).collect()
        };
        let (inside, outside) = (found("IN"), found("NOT_IN"));
        assert_eq!(inside, urns(&all, object), "{finder}");
        assert!(inside.is_disjoint(&outside));
    }
}

fn only_the_pairs_of_linkedin_compile() {
    let world = fresh(Crm::HubSpot, 0);
    for (pair, matcher) in
        [("hubspot.company -> salesnav.lead", "person"), ("hubspot.contact -> salesnav.account", "company")]
    {
        mappings(&world, &format!("sync wrong: {pair} {{\n  match: {matcher}\n}}\n"));
        let told = world.told(1, &["check"]);
        assert!(told.contains("E533"), "{told}");
    }
    mappings(&world, "sync wrong: hubspot.owner -> salesnav.lead {\n  match: person\n}\n");
    assert!(world.told(1, &["check"]).contains("E202"));
}

fn a_sync_is_shown_without_running() {
    let world = fresh(Crm::HubSpot, 0);
    edit(&world, "app.twin", "  match: person\n", "  filter hubspot: email is set\n  match: person\n");
    let before = world.writes();
    let text = out(&world.run(&["show", "--sync", "leads"]));
    for part in ["firstname", "first_name", "email", "HubSpot contacts"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let sheet = world.json(&["show", "--sync", "leads", "--format", "json"]);
    let sync = &sheet["syncs"][0];
    assert_eq!(sync["direction"], "->");
    assert_eq!(sync["associations"], json!([]));
    assert!(sync["flows"][0]["rows"].as_array().unwrap().len() >= 7, "{sync}");
    let rules = sync["rules"].as_array().unwrap();
    let says = |word: &str| rules.iter().any(|rule| rule["words"].as_str().unwrap().contains(word));
    assert!(says("email"), "{rules:?}");
    assert_eq!(world.writes(), before);
    // Neither associations nor deletions can be asked for.
    edit(
        &world,
        "app.twin",
        "  match: company\n",
        "  match: company\n  delete: archive salesnav when deleted in hubspot\n",
    );
    assert!(world.told(1, &["check"]).contains("E532"));
}

fn only_new_and_changed_records_sync() {
    let world = started(Crm::HubSpot, 0);
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["created"], 0, "{report}");
    let contacts = world.objects("contacts", "email", "companies");
    let id = contacts[0]["id"].as_str().unwrap();
    world.edit(Side::HubSpot, "contacts", id, "jobtitle", "Head of Peas");
    assert_eq!(world.json(&["run", "--format", "json"])["counts"]["created"], 1);
    let links = world.json(&["links", "ls", "leads", "--format", "json"]);
    assert_eq!(links["links"][0]["left"], id);
    assert_eq!(world.json(&["run", "--format", "json"])["counts"]["created"], 0);
}

fn a_full_sync_makes_nothing_twice() {
    let world = started(Crm::HubSpot, 20);
    run(&world);
    let told = world.json(&["reset", "--dry-run", "--format", "json"]);
    let older: u64 =
        told["syncs"].as_array().unwrap().iter().map(|sync| sync["older"].as_u64().unwrap()).sum();
    assert!(older > 40 && told["dry_run"] == true, "{told}");
    let told = world.told(64, &["reset"]);
    assert!(told.contains("nothing was done"), "{told}");
    world.told(0, &["reset", "--confirm", "reset salesnav"]);
    let report = world.json(&["run", "--format", "json"]);
    let made = report["counts"]["created"].as_u64().unwrap();
    assert!(made >= 40, "{report}");
    // Uninstall, connect again, reset again: everything is there already.
    world.told(0, &["uninstall", "--confirm", "uninstall salesnav"]);
    connect(&world);
    world.told(0, &["start", "--writeback", "all"]);
    world.told(0, &["reset", "--confirm", "reset salesnav"]);
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["created"], 0, "{report}");
    let leads = nav(&world, "GET", &format!("/sandbox/leads?{CONTRACT}&q=all&count=1000"), None);
    let contacts = world.objects("contacts", "email", "companies").len();
    assert!(leads["elements"].as_array().unwrap().len() <= contacts);
}

fn mappings_are_fixed_in_parity_mode() {
    let world = fresh(Crm::HubSpot, 0);
    configure(&world, Crm::HubSpot, "parity = true");
    let own = "sync leads: hubspot.contact -> salesnav.lead {\n  match: person\n  map {\n    lastname -> last_name\n  }\n}\n";
    mappings(&world, own);
    let told = world.told(1, &["check"]);
    assert!(
        told.contains("E533") && told.contains("parity mode") && told.contains("can't be edited"),
        "{told}"
    );
    let fixed = "sync leads: hubspot.contact -> salesnav.lead {\n  match: person\n}\n";
    mappings(&world, fixed);
    world.told(0, &["check"]);
    let sheet = world.json(&["show", "--sync", "leads", "--format", "json"]);
    assert_eq!(sheet["syncs"][0]["flows"][0]["rows"].as_array().unwrap().len(), 8);
    configure(&world, Crm::HubSpot, "");
    mappings(&world, own);
    world.told(0, &["check"]);
    mappings(&world, &fixed.replace("  match", "  conflict: salesnav within 5m\n  match"));
    assert!(world.told(1, &["check"]).contains("E530"));
}
