//! Activities of Sales Navigator in the CRM: what is written, where, by whom, once.

use serde_json::{Value, json};

use crate::nav_world::{
    ANA, Crm, KIM, PRIYA, TOMASZ, act, adds_up, connected, edit, fresh, mappings, matched, matches, nav, run,
    salesforce, started, stranger, unresolved, written_back,
};
use crate::registry::behaviours;
use crate::support::{World, ask};

behaviours! {
    [42] "What is written was created by the connection's user and belongs to the seat holder's user."
        => creator_is_the_connection_and_owner_the_seat;
    [43, 67] "Items are a list or `all`; tags are a kind of their own, written nowhere unless named." => items_are_chosen;
    [61, 64, 65] "Without a writeback the program compiles and `status` says off and one-way; the admin's master switch is off until `start --writeback`, two-way after it."
        => writeback_is_optional_and_off_at_first;
    [62] "InMails, messages, notes and calls each have a place in the CRM." => every_kind_has_a_place;
    [68, 69, 71, 73] "`writeback test` makes one contact and one activity of every kind, prints ids, links and every field; `--cleanup` takes them away."
        differs "The test records can be taken away again." => a_test_makes_one_of_each;
    [70] "A validation rule that refuses the test contact is reported in its own words, nothing is left; `--email` gives one."
        differs "An e-mail address can be given." => a_refused_test_leaves_nothing;
    [136] "Every activity that was seen is written, skipped or held, each reason counted." => every_skip_is_counted;
    [72] "Calls that were not made in the mobile app are skipped, with the reason." => only_mobile_calls_are_written;
    [74] "What the seat holder did not choose to copy is never written; choosing later is enough."
        => the_copy_flag_decides;
    [75, 76, 77] "InMails, messages and calls are completed tasks of the contact or lead, notes are notes of contact, lead or account."
        => activities_hang_on_the_right_records;
    [78, 79] "Without a match an activity is written and listed by `unresolved`; a match by hand wins, stays, and attaches it once."
        => unresolved_activities_are_attached_once;
    [80, 81] "Profile match and badge are two facts; `match fix` makes the badge follow the profile, on record."
        => two_matches_are_independent;
    [] "`plan` counts what of the activities would be written, by kind, and the rest by reason; the run then does that."
        => a_plan_counts_activities;
    [] "`undo` of a run archives the records that it made of activities, where nobody touched them since; those activities stay out until `reset`."
        => an_undo_takes_activities_back;
}

pub fn tasks(world: &World) -> Vec<Value> {
    world.query(
        "SELECT Id, Subject, Description, Status, WhoId, OwnerId, CreatedById, Owner.Email, Twinmap_Id__c FROM Task \
         WHERE Twinmap_Id__c != null",
    )
}

fn creator_is_the_connection_and_owner_the_seat() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    for seat in [KIM, ANA, TOMASZ, PRIYA] {
        act(&world, json!({ "kind": "MESSAGE", "seat": seat, "about": urn, "body": "x" }));
    }
    // An inactive user can own nothing.
    nav(
        &world,
        "POST",
        "/_sandbox/seat",
        Some(&json!({ "email": "jean.moreau@twinmap.example", "active": true, "user_authorised": true })),
    );
    act(
        &world,
        json!({ "kind": "MESSAGE", "seat": "jean.moreau@twinmap.example", "about": urn, "body": "x" }),
    );
    let report = written_back(&world);
    assert_eq!(
        (&report["written"], &report["held"]),
        (&json!(4), &json!({ "crm-user-inactive": 1 })),
        "{report}"
    );
    let status = world.json(&["status", "--format", "json"]);
    assert_eq!(status["linkedin"][0]["crm"], "salesforce");
    let rows = tasks(&world);
    let mut owners: Vec<&str> = rows.iter().map(|row| row["Owner"]["Email"].as_str().unwrap()).collect();
    owners.sort_unstable();
    assert_eq!(owners, [ANA, KIM, PRIYA, TOMASZ]);
    let creators: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["CreatedById"].as_str().unwrap()).collect();
    assert_eq!(creators.len(), 1);
    assert!(rows.iter().all(|row| row["CreatedById"] != row["OwnerId"]));
}

fn items_are_chosen() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    for kind in ["INMAIL", "NOTE", "TAG"] {
        act(&world, json!({ "kind": kind, "seat": KIM, "about": urn, "body": "x" }));
    }
    edit(
        &world,
        "writeback.twin",
        "items: inmails, messages, notes, calls, smart_links",
        "items: messages, calls, smart_links, inmails",
    );
    edit(&world, "writeback.twin", "  note -> Note on Contact, Lead, Account\n", "");
    let report = written_back(&world);
    assert_eq!(
        (&report["written"], &report["skipped"]),
        (&json!(1), &json!({ "item-not-chosen": 2 })),
        "{report}"
    );
    mappings(&world, "writeback activities: salesnav -> salesforce {\n  items: all\n}\n");
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["skipped"]), (&json!(2), &json!({ "no-target": 1 })), "{report}");
}

fn writeback_is_optional_and_off_at_first() {
    let world = connected(Crm::Salesforce, 30);
    let without = std::fs::read_to_string(world.path("mappings/writeback.twin")).unwrap();
    std::fs::remove_file(world.path("mappings/writeback.twin")).unwrap();
    world.told(0, &["check"]);
    world.told(0, &["start"]);
    let told = world.told(0, &["status"]);
    assert!(told.contains("one-way; writeback: off"), "{told}");
    std::fs::write(world.path("mappings/writeback.twin"), without).unwrap();
    let report = written_back(&world);
    assert_eq!(report["written"], 0);
    assert!(report["held"]["writeback-off"].as_u64().unwrap() > 0, "{report}");
    assert!(world.told(0, &["status"]).contains("one-way; writeback: off"));
    world.told(0, &["start", "--writeback", "all"]);
    assert!(world.told(0, &["status"]).contains("two-way; writeback: on"));
}

fn every_kind_has_a_place() {
    for crm in [Crm::Salesforce, Crm::HubSpot] {
        let world = fresh(crm, 0);
        let name = if crm == Crm::HubSpot { "hubspot" } else { "salesforce" };
        mappings(&world, &format!("writeback w: salesnav -> {name} {{\n  items: all\n}}\n"));
        let sheet = world.json(&["show", "--format", "json"]);
        let targets = sheet["writebacks"][0]["targets"].as_array().unwrap().clone();
        for kind in ["inmail", "message", "note", "call"] {
            let has = |target: &Value| target["kinds"].as_array().unwrap().iter().any(|known| known == kind);
            assert!(targets.iter().any(has), "{name} {kind}");
        }
    }
}

fn a_test_makes_one_of_each() {
    let world = connected(Crm::Salesforce, 0);
    let told = world.json(&["writeback", "test", "--format", "json"]);
    let made = told["made"].as_array().unwrap();
    let kinds: Vec<&str> = made.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["contact", "inmail", "message", "call", "smart_link", "note"]);
    assert!(made.iter().all(|one| one["id"].as_str().unwrap().len() == 18));
    assert!(made.iter().all(|one| one["fields"].as_object().unwrap().len() >= 2));
    let links = told["links"].as_array().unwrap();
    assert_eq!(links.len(), 6);
    assert!(links[1].as_str().unwrap().ends_with(made[1]["id"].as_str().unwrap()));
    let here = |soql: &str| world.query(soql).len();
    assert_eq!(here("SELECT Id FROM Contact WHERE LastName = 'twinmap test'"), 1);
    assert_eq!(here("SELECT Id FROM Note WHERE Title LIKE 'LinkedIn note test%'"), 1);
    world.told(0, &["writeback", "test", "--cleanup"]);
    assert_eq!(
        here("SELECT Id FROM Contact WHERE LastName = 'twinmap test'"),
        1,
        "only the first one is left"
    );
}

fn a_refused_test_leaves_nothing() {
    let world = connected(Crm::Salesforce, 0);
    let rule = json!({
        "name": "email", "object": "Contact", "when": "Email = null", "message": "Contacts need an e-mail address",
    });
    let answer = salesforce(&world, "validation", &rule);
    assert!(answer.get("errorCode").is_none(), "{answer}");
    let before = world.writes();
    let told = world.told(1, &["writeback", "test"]);
    assert!(told.contains("Contacts need an e-mail address") && told.contains("--email"), "{told}");
    assert_eq!(world.writes(), before);
    // The contact passes and an activity does not: the contact goes as well.
    let rule = json!({
        "name": "task", "object": "Task", "when": "Status = 'Completed'", "message": "No finished tasks here",
    });
    salesforce(&world, "validation", &rule);
    let told = world.told(1, &["writeback", "test", "--email", "test@acme.example"]);
    assert!(told.contains("No finished tasks here"), "{told}");
    assert_eq!(world.query("SELECT Id FROM Contact WHERE LastName = 'twinmap test'").len(), 0);
}

fn only_mobile_calls_are_written() {
    for crm in [Crm::Salesforce, Crm::HubSpot] {
        let world = started(crm, 0);
        run(&world);
        let (_, urn) = matched(&world, if crm == Crm::HubSpot { "contact" } else { "Contact" });
        for origin in ["DESKTOP", "IOS", "ANDROID", "DESKTOP"] {
            act(&world, json!({ "kind": "CALL", "seat": KIM, "about": urn, "origin": origin, "body": "x" }));
        }
        let report = written_back(&world);
        assert_eq!((&report["written"], &report["skipped"]), (&json!(2), &json!({ "call-not-mobile": 2 })));
    }
}

fn every_skip_is_counted() {
    let world = started(Crm::Salesforce, 150);
    let report = written_back(&world);
    assert_eq!(report["seen"], 150);
    let reasons: Vec<&String> = report["skipped"].as_object().unwrap().keys().collect();
    assert_eq!(reasons, ["call-not-mobile", "item-not-chosen", "not-copied"]);
    assert!(report["held"]["user-not-authenticated"].as_u64().unwrap() > 0, "{report}");
    assert!(report["written"].as_u64().unwrap() > 0 && report["unresolved"].as_u64().unwrap() > 0);
    // The same sums without a run, and of a run that would be.
    for command in ["status", "preview"] {
        let told = world.json(&["writeback", command, "--format", "json"]);
        adds_up(&told["writebacks"][0]);
        assert_eq!(told["writebacks"][0]["seen"], 150);
        assert_eq!(told["writebacks"][0]["due"], Value::Null);
    }
}

fn the_copy_flag_decides() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    let id = act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": "x", "copy": false }));
    assert_eq!(written_back(&world)["skipped"], json!({ "not-copied": 1 }));
    assert_eq!(tasks(&world).len(), 0);
    nav(&world, "POST", "/_sandbox/activity", Some(&json!({ "id": id, "copy": true })));
    assert_eq!(written_back(&world)["written"], 1);
    assert_eq!(tasks(&world).len(), 1);
}

fn activities_hang_on_the_right_records() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (contact, person) = matched(&world, "Contact");
    let (account, company) = matched(&world, "Account");
    for (kind, about) in [
        ("INMAIL", &person),
        ("MESSAGE", &person),
        ("CALL", &person),
        ("NOTE", &person),
        ("NOTE", &company),
        // A company can't have messages: there is nothing to hang it on.
        ("MESSAGE", &company),
    ] {
        let activity = json!({ "kind": kind, "seat": KIM, "about": about, "origin": "IOS", "subject": "S", "body": "B" });
        act(&world, activity);
    }
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["unresolved"]), (&json!(6), &json!(1)), "{report}");
    let rows = tasks(&world);
    assert_eq!(rows.iter().filter(|row| row["WhoId"] == contact.as_str()).count(), 3);
    assert!(rows.iter().all(|row| row["Status"] == "Completed" && row["Description"] == "B"));
    let mut subjects: Vec<&str> = rows.iter().map(|row| row["Subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        ["LinkedIn InMail: S", "LinkedIn call: S", "LinkedIn message: S", "LinkedIn message: S"]
    );
    let notes = world.query("SELECT Id, ParentId, Owner.Email FROM Note");
    let mut parents: Vec<&str> = notes.iter().map(|note| note["ParentId"].as_str().unwrap()).collect();
    parents.sort_unstable();
    assert_eq!(parents, [account.as_str(), contact.as_str()]);
    assert!(notes.iter().all(|note| note["Owner"]["Email"] == KIM));
}

fn unresolved_activities_are_attached_once() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let member = stranger(&world);
    let urn = member["urn"].as_str().unwrap();
    act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": "x" }));
    act(&world, json!({ "kind": "NOTE", "seat": KIM, "about": urn, "body": "x" }));
    let report = written_back(&world);
    assert_eq!(
        (&report["written"], &report["held"]),
        (&json!(1), &json!({ "unmatched-note": 1 })),
        "{report}"
    );
    let listed = unresolved(&world);
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one["about"] == urn));
    assert_eq!(tasks(&world)[0]["WhoId"], Value::Null);
    // A person says who it is; the CRM's own idea of that contact does not matter any more.
    let (contact, badge) = matched(&world, "Contact");
    let record = format!("salesforce.Contact:{contact}");
    world.told(0, &["match", "set", &record, urn]);
    let report = written_back(&world);
    assert_eq!(
        (&report["attached_now"], &report["written"], &report["held"]),
        (&json!(1), &json!(2), &json!({}))
    );
    assert_eq!(tasks(&world)[0]["WhoId"], contact.as_str());
    assert!(unresolved(&world).is_empty());
    // It stays over runs, also when LinkedIn matches again; and nothing is moved a second time.
    nav(&world, "POST", "/_sandbox/rematch", None);
    let before = world.writes();
    let report = written_back(&world);
    assert_eq!((&report["attached_now"], world.writes()), (&json!(0), before));
    let found = matches(&world, "matched");
    let one = found.iter().find(|one| one["record"] == contact.as_str()).unwrap();
    assert_eq!((&one["display"], &one["display_source"]), (&json!(urn), &json!("manual")));
    assert_eq!(one["badge"], badge.as_str());
}

fn two_matches_are_independent() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (contact, badge) = matched(&world, "Contact");
    let urn = stranger(&world)["urn"].as_str().unwrap().to_owned();
    let record = format!("salesforce.Contact:{contact}");
    let of = |world: &World| {
        let all = world.json(&["match", "ls", "--format", "json"]);
        let all = all["matches"].as_array().unwrap().clone();
        let one = all.iter().find(|one| one["record"] == contact.as_str()).unwrap().clone();
        (one["badge"].as_str().unwrap().to_owned(), one["display"].as_str().unwrap().to_owned())
    };
    world.told(0, &["match", "set", &record, &urn]);
    assert_eq!(of(&world), (badge.clone(), urn.clone()));
    run(&world);
    assert_eq!(of(&world), (badge.clone(), urn.clone()));
    world.told(0, &["match", "fix", &record]);
    assert_eq!(of(&world), (urn.clone(), urn.clone()));
    world.told(0, &["match", "unset", &record]);
    run(&world);
    assert_eq!(of(&world), (urn, String::new()));
    let store = twinmap::state::Store::open_reading(&world.path(".twinmap/state.db")).unwrap().unwrap();
    let audits = store.nav_audits().unwrap();
    let fixes = audits.iter().filter(|(_, what, detail)| what == "match" && detail["action"] == "fixBadge");
    assert_eq!(fixes.count(), 1);
}

fn a_plan_counts_activities() {
    let world = started(Crm::Salesforce, 0);
    run(&world);
    let (_, urn) = matched(&world, "Contact");
    for (kind, copy) in
        [("MESSAGE", true), ("MESSAGE", true), ("NOTE", true), ("INMAIL", false), ("CALL", true)]
    {
        let activity = json!({
            "kind": kind, "seat": KIM, "about": urn, "origin": "DESKTOP", "subject": "S", "body": "B", "copy": copy,
        });
        act(&world, activity);
    }
    let nobody = stranger(&world)["urn"].clone();
    act(&world, json!({ "kind": "NOTE", "seat": KIM, "about": nobody, "body": "B" }));
    let before = world.writes();
    let plan = world.json(&["plan", "--format", "json"]);
    assert_eq!(
        plan["activities"],
        json!([{
            "writeback": "activities", "system": "salesforce", "due": { "message": 2, "note": 1 }, "attach": 0, "written": 0,
            "skipped": { "call-not-mobile": 1, "not-copied": 1 }, "held": { "unmatched-note": 1 },
        }])
    );
    let told = world.told(2, &["plan", "--detailed-exitcode"]);
    assert!(
        told.contains("3 activities to write to salesforce") && told.contains("+ 2 of kind message"),
        "{told}"
    );
    assert_eq!(world.writes(), before);
    let report = written_back(&world);
    assert_eq!(report["written_now"], 3, "{report}");
    let plan = world.json(&["plan", "--format", "json"]);
    assert_eq!((&plan["activities"][0]["due"], &plan["activities"][0]["written"]), (&json!({}), &json!(3)));
    world.told(0, &["plan", "--detailed-exitcode"]);
}

fn an_undo_takes_activities_back() {
    for crm in [Crm::Salesforce, Crm::HubSpot] {
        let world = started(crm, 0);
        run(&world);
        let (_, urn) = matched(&world, if crm == Crm::HubSpot { "contact" } else { "Contact" });
        for body in ["one", "two", "three"] {
            act(&world, json!({ "kind": "MESSAGE", "seat": KIM, "about": urn, "body": body }));
        }
        let report = world.json(&["run", "--format", "json"]);
        let id = report["run"].as_str().unwrap();
        assert_eq!(report["linkedin"]["writebacks"][0]["written_now"], 3);
        let made = || match crm {
            Crm::HubSpot => {
                let all = world.objects("communications", "hs_communication_body", "contacts");
                let named =
                    |one: &Value| (one["id"].clone(), one["properties"]["hs_communication_body"].clone());
                all.iter().map(named).collect::<Vec<_>>()
            }
            Crm::Salesforce => {
                tasks(&world).iter().map(|one| (one["Id"].clone(), one["Description"].clone())).collect()
            }
        };
        // Later a person works on one of the three.
        let touched = made().into_iter().find(|(_, body)| body == "two").unwrap().0;
        let touched = touched.as_str().unwrap();
        ask(&world.sandbox.hubspot, "POST", "/_sandbox/clock", Some(&json!({ "advance_ms": 60_000 })));
        match crm {
            Crm::HubSpot => {
                world.hubspot_edit("communications", touched, json!({ "hs_communication_body": "two!" }))
            }
            Crm::Salesforce => world.salesforce_edit("Task", touched, json!({ "Subject": "two!" })),
        }
        let shown = world.json(&["undo", id, "--dry-run", "--format", "json"]);
        assert_eq!(shown["changes"]["summary"]["delete"], 2, "{shown}");
        let left = shown["left_alone"].as_array().unwrap();
        let kept = left.iter().find(|one| one["record"] == touched).unwrap_or_else(|| panic!("{shown}"));
        assert!(kept["why"].as_str().unwrap().starts_with("somebody changed it"), "{kept}");
        let report = world.json(&["undo", id, "--yes", "--format", "json"]);
        assert_eq!(report["counts"]["deleted"], 2, "{report}");
        assert_eq!(made().len(), 1);
        // They stay out, and the sums still hold.
        let report = written_back(&world);
        assert_eq!(
            (&report["written"], &report["skipped"]),
            (&json!(1), &json!({ "undone": 2 })),
            "{report}"
        );
        assert_eq!(made().len(), 1);
        world.told(0, &["reset", "--confirm", "reset salesnav"]);
        assert_eq!(written_back(&world)["written"], 3);
        assert_eq!(made().len(), 3);
    }
}
