//! Activities of Sales Navigator in the CRM: what is written, where, by whom, once.

use serde_json::{Value, json};

use crate::nav_world::{
    ANA, Crm, KIM, PRIYA, TOMASZ, act, adds_up, connect, connected, edit, fresh, mappings, matched, matches,
    nav, run, salesforce, sized, started, stranger, unresolved, written_back,
};
use crate::registry::behaviours;
use crate::support::{World, err, out};

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
}

fn tasks(world: &World) -> Vec<Value> {
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

/// Not registered by number: both demos run to their end, where nothing is left to do.
pub fn demos_end_well() {
    for (variant, parts) in [
        (
            "linkedin",
            ["list \"HubSpot contacts\"", "LinkedIn's influence on deals", "Again: nothing is left to do"],
        ),
        ("writeback", ["Task", "view in CRM", "two-way; writeback: on"]),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .args(["demo", variant, "--companies", "20", "--contacts", "40", "--deals", "12"])
            .env("CI", "true")
            .env_remove("TWINMAP_ENV")
            .output()
            .unwrap();
        let told = out(&output);
        assert!(output.status.success(), "{told}\n{}", err(&output));
        for part in parts {
            assert!(told.contains(part), "{variant}: {part} is not in\n{told}");
        }
    }
}

/// Not registered by number: HubSpot, Salesforce and Sales Navigator in one program come to rest.
pub fn three_systems_come_to_rest() {
    let world = World::new(20, 40, 8);
    let hubspot = json!({ "search_lag_ms": 0 });
    crate::support::ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&hubspot));
    let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
    let salesnav = format!(
        "[connections.salesnav]\nkind = \"salesnav\"\nbase_url = \"{}\"\ntoken = \"cmd:echo {}\"\n\n[state]",
        world.sandbox.salesnav.base_url, world.sandbox.salesnav.token
    );
    std::fs::write(world.path("twinmap.toml"), config.replacen("[state]", &salesnav, 1)).unwrap();
    let specs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-linkedin/mappings");
    for file in ["app.twin", "writeback.twin"] {
        let text = std::fs::read_to_string(specs.join(file)).unwrap();
        std::fs::write(world.path("mappings").join(file), text.replace("start: new", "start: all")).unwrap();
    }
    world.told(0, &["schema", "pull"]);
    connect(&world);
    world.told(0, &["start", "--writeback", "all"]);
    for email in [KIM, ANA, TOMASZ, PRIYA] {
        crate::nav_world::sign_in(&world, email);
    }
    // Somebody handed over from LinkedIn reaches HubSpot, and from there Salesforce.
    let urn = stranger(&world)["urn"].clone();
    nav(&world, "POST", "/_sandbox/member", Some(&json!({ "urn": urn, "email": "new@person.example" })));
    nav(&world, "POST", "/_sandbox/lead", Some(&json!({ "urn": urn })));
    world.json(&["apply", "--auto-approve", "--format", "json"]);
    world.json(&["run", "--full", "--format", "json"]);
    let people = world.query("SELECT Id FROM Contact WHERE Email = 'new@person.example'");
    assert_eq!(people.len(), 1);
    let before = world.writes();
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!((world.writes(), &report["counts"]["created"]), (before, &json!(0)), "{report}");
}

/// Every seat holder is a user of the CRM and has signed in, so that most activities are due.
fn everybody_signs_in(world: &World) {
    let users = world.query("SELECT Email, IsActive, ProfileId FROM User");
    let profile = users.iter().find(|user| user["Email"] == KIM).unwrap()["ProfileId"].clone();
    let seats = nav(world, "GET", "/_sandbox/seats", None);
    for seat in seats["seats"].as_array().unwrap() {
        let email = seat["email"].as_str().unwrap();
        match users.iter().find(|user| user["Email"] == email) {
            Some(user) if user["IsActive"] == true => {}
            Some(_) => world.salesforce_admin("owner", json!({ "id": email, "active": true })),
            None => {
                let (name, _) = email.split_once('@').unwrap();
                let fields = json!({
                    "Username": email, "Email": email, "LastName": name, "Alias": &name[..name.len().min(8)],
                    "IsActive": true, "CommunityNickname": name, "TimeZoneSidKey": "Europe/Rome", "LocaleSidKey": "en_GB",
                    "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8", "ProfileId": profile,
                });
                world.salesforce("User", fields);
            }
        }
        let authorised = json!({ "email": email, "active": true, "user_authorised": true });
        nav(world, "POST", "/_sandbox/seat", Some(&authorised));
    }
}

/// Not registered by number: 2,000 activities (or `TWINMAP_ACTIVITIES`) under faults, killed twice, come out once each.
pub fn many_activities_under_faults_and_kills() {
    use twinmap::sandbox::seed::Size;
    let many: usize = std::env::var("TWINMAP_ACTIVITIES").map_or(2_000, |n| n.parse().unwrap());
    let world = sized(Crm::Salesforce, Size { companies: 20, contacts: 40, deals: 0 }, many);
    connect(&world);
    world.told(0, &["start", "--writeback", "all"]);
    everybody_signs_in(&world);
    let faults = json!({ "seed": 7, "rules": [
        { "fault": "drop_after", "percent": 12, "method": "POST" },
        { "fault": "drop_after", "percent": 12, "method": "PATCH" },
        { "fault": "status", "status": 503, "percent": 6 },
    ]});
    salesforce(&world, "faults", &faults);
    for pause in [350_u64, 900] {
        let mut child = world
            .command(&["run"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        // SIGKILL: nothing is tidied up.
        let _ = child.kill();
        let _ = child.wait();
    }
    for _ in 0..4 {
        let _ = world.run(&["run"]);
    }
    salesforce(&world, "faults", &json!({ "rules": [] }));
    let output = world.run(&["run", "--format", "json"]);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{} {}", out(&output), err(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &report["linkedin"]["writebacks"][0];
    adds_up(report);
    assert_eq!(report["seen"], many, "{report}");
    let written = report["written"].as_u64().unwrap();
    let rows = tasks(&world);
    let keys: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["Twinmap_Id__c"].as_str().unwrap()).collect();
    let titles: Vec<Value> = world.query("SELECT Title FROM Note WHERE Title LIKE 'LinkedIn note%'");
    let notes: std::collections::BTreeSet<&str> =
        titles.iter().map(|row| row["Title"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), titles.len()), (keys.len(), notes.len()), "each once");
    assert_eq!((keys.len() + notes.len()) as u64, written, "{report}");
    if many > 2_000 {
        println!("{report}");
    }
    // Who is left out wanted it so, or has nothing to hang a note on.
    assert_eq!(report["skipped"].as_object().unwrap().keys().collect::<Vec<_>>(), ["call-not-mobile", "item-not-chosen", "not-copied"]);
    assert_eq!(report["held"].as_object().unwrap().keys().collect::<Vec<_>>(), ["unmatched-note"]);
    assert!(written * 2 > many as u64, "{report}");
}
