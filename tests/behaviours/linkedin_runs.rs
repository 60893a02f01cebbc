//! Whole runs with LinkedIn: the demos, three systems that come to rest, very many activities under faults and kills.

use serde_json::{Value, json};

use crate::linkedin_writeback::tasks;
use crate::nav_world::{ANA, Crm, KIM, PRIYA, TOMASZ, adds_up, connect, nav, salesforce, sized, stranger};
use crate::support::{World, err, out};

/// By name; no help page numbers them.
pub const TESTS: &[(&str, fn())] = &[
    ("linkedin_runs::demos_end_well", demos_end_well),
    ("linkedin_runs::parity_templates_come_to_rest", parity_templates_come_to_rest),
    ("linkedin_runs::three_systems_come_to_rest", three_systems_come_to_rest),
    ("linkedin_runs::many_activities_under_faults_and_kills", many_activities_under_faults_and_kills),
];

/// Both demos run to their end, where nothing is left to do.
fn demos_end_well() {
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

/// The templates of LinkedIn's own two apps, in parity mode: what is new flows (on Salesforce what is there, too), a
/// second run has nothing to do, and the decisions on the way are on record.
fn parity_templates_come_to_rest() {
    for (crm, template) in [(Crm::HubSpot, "hubspot-linkedin"), (Crm::Salesforce, "salesforce-linkedin")] {
        let world = crate::nav_world::fresh(crm, 60);
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/templates").join(template);
        crate::nav_world::mappings(&world, "");
        crate::nav_world::copy(&folder, &world.path("mappings"));
        crate::nav_world::configure(&world, crm, "parity = true\n");
        world.told(0, &["schema", "pull"]);
        connect(&world);
        world.told(0, &["start", "--writeback", "all"]);
        for email in [KIM, ANA, TOMASZ, PRIYA] {
            crate::nav_world::sign_in(&world, email);
        }
        let run = || world.json(&["run", "--format", "json"]);
        let quiet = run();
        let new = crm == Crm::HubSpot;
        assert_eq!(quiet["counts"]["created"] == 0, new, "{template}: `start: new` or `all`: {quiet}");
        let email = format!("new.person@{template}.example");
        if crm == Crm::HubSpot {
            world.hubspot("contacts", json!({ "email": email, "firstname": "Nia", "lastname": "Brook" }));
        } else {
            world.salesforce("Contact", json!({ "Email": email, "FirstName": "Nia", "LastName": "Brook" }));
        }
        let first = run();
        assert_eq!(first["counts"]["created"], 1, "{template}: {first}");
        adds_up(&first["linkedin"]["writebacks"][0]);
        let again = run();
        assert_eq!(
            (&again["counts"]["created"], &again["counts"]["updated"]),
            (&json!(0), &json!(0)),
            "{again}"
        );
        let said = world.told(0, &["status", "--decisions"]);
        for part in ["accept, ", "by Ana Costa", "start, "] {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
    }
}

/// HubSpot, Salesforce and Sales Navigator in one program come to rest.
fn three_systems_come_to_rest() {
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

/// 2,000 activities (or `TWINMAP_ACTIVITIES`) under faults, killed twice, come out once each.
fn many_activities_under_faults_and_kills() {
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
    assert_eq!(
        report["skipped"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["call-not-mobile", "item-not-chosen", "not-copied"]
    );
    assert_eq!(report["held"].as_object().unwrap().keys().collect::<Vec<_>>(), ["unmatched-note"]);
    assert!(written * 2 > many as u64, "{report}");
}
