//! `runs` and `undo`.

use serde_json::json;

use crate::world::World;

#[test]
fn runs_show_what_was_written_and_what_was_lost() {
    let world = World::new();
    let first = world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    // Both sides edit one field within the window: HubSpot wins, and the loss is on record.
    world.edit_company(&company, json!({ "phone": "+390211111111" }));
    world.edit_row("Account", &account, json!({ "Phone": "+390222222222" }));
    let second = world.json(0, &["run"]);
    assert_eq!(second["conflicts"], 1);

    let list = world.json(0, &["runs", "ls"]);
    assert_eq!(list["runs"].as_array().unwrap().len(), 2);
    assert_eq!(list["runs"][0]["run"], second["run"]);
    assert_eq!(list["runs"][1]["counts"], first["counts"]);

    let shown = world.json(0, &["runs", "show", second["run"].as_str().unwrap()]);
    let lost = &shown["ledger"][0];
    assert_eq!(
        (&lost["system"], &lost["object"], &lost["field"]),
        (&json!("salesforce"), &json!("Account"), &json!("Phone"))
    );
    assert_eq!((&lost["lost"], &lost["won"]), (&json!("+390222222222"), &json!("+390211111111")));
    assert_eq!(lost["record"], json!(account));
    let written = &shown["written"][0];
    assert_eq!((&written["action"], &written["result"]), (&json!("update"), &json!("ok")));
    assert_eq!(written["fields"][0]["after"], "+390211111111");
    assert!(world.text(0, &["runs", "show", "latest"]).contains("1 edit overwritten by a rule"));
    world.text(64, &["runs", "show", "r0"]);
}

#[test]
fn undo_restores_what_still_holds_our_value_and_lists_the_rest() {
    let world = World::new();
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    let before = world.row("Account", &account);
    world.edit_company(&company, json!({ "phone": "+390211111111", "city": "Turin" }));
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    assert_eq!(world.row("Account", &account)["BillingCity"], "Turin");
    // A person changes one of the two fields after the run.
    world.edit_row("Account", &account, json!({ "Phone": "+390233333333" }));

    let shown = world.json(0, &["undo", &run, "--dry-run"]);
    assert_eq!(shown["changes"]["changes"].as_array().unwrap().len(), 1);
    assert_eq!(shown["left_alone"][0]["field"], "Phone");
    // Nobody is there to agree.
    world.text(64, &["undo", &run]);
    assert_eq!(world.row("Account", &account)["BillingCity"], "Turin");

    let report = world.json(0, &["undo", &run, "--yes"]);
    assert_eq!(report["counts"]["updated"], 1);
    let now = world.row("Account", &account);
    assert_eq!(now["BillingCity"], before["BillingCity"]);
    assert_eq!(now["Phone"], "+390233333333");
    // The undo stands: the next run brings the person's edit over and nothing else.
    let next = world.json(0, &["run"]);
    assert_eq!(next["counts"]["updated"], 1);
    assert_eq!(world.row("Account", &account)["BillingCity"], before["BillingCity"]);
    assert_eq!(world.company(&company, "city,phone")["phone"], "+390233333333");

    // An undo is a run, and can be taken back.
    let undone = report["run"].as_str().unwrap();
    assert_eq!(world.json(0, &["runs", "show", undone])["kind"], "undo");
    assert_eq!(world.json(0, &["undo", undone, "--yes"])["counts"]["updated"], 1);
    assert_eq!(world.row("Account", &account)["BillingCity"], "Turin");
}

#[test]
fn undo_archives_what_the_run_made_unless_somebody_touched_it() {
    let world = World::new();
    let run = world.json(0, &["run"]);
    assert!(run["counts"]["created"].as_u64().unwrap() > 2);
    let id = run["run"].as_str().unwrap();
    let written = world.json(0, &["runs", "show", id]);
    let made: Vec<&str> = written["written"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["action"] == "create" && one["object"] == "Account")
        .map(|one| one["record"].as_str().unwrap())
        .collect();
    // Servers stamp in seconds: a later second is certainly after our writes.
    std::thread::sleep(std::time::Duration::from_millis(3_500));
    world.edit_row("Account", made[0], json!({ "Fax": "+39021" }));

    let report = world.json(0, &["undo", id, "--yes"]);
    assert_eq!(report["counts"]["deleted"].as_u64().unwrap() + 1, run["counts"]["created"].as_u64().unwrap());
    assert_eq!(world.row("Account", made[0])["Id"], json!(made[0]));
    assert_ne!(world.row("Account", made[1])["Id"], json!(made[1]));
    // What was undone is not made again.
    let next = world.json(0, &["run"]);
    assert_eq!(next["counts"]["created"], 0);
}

/// Of a field that only one side writes: what was taken back is not written again, until the source has another value.
#[test]
fn undo_stands_for_a_one_way_field_until_its_source_changes() {
    let world = World::new();
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    let revenue = |world: &World| world.company(&company, "annualrevenue")["annualrevenue"].clone();
    world.edit_row("Account", &account, json!({ "AnnualRevenue": 1000 }));
    world.json(0, &["run"]);
    assert_eq!(revenue(&world), "1000");
    world.edit_row("Account", &account, json!({ "AnnualRevenue": 2000 }));
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    assert_eq!(revenue(&world), "2000");
    assert_eq!(world.json(0, &["undo", &run, "--yes"])["counts"]["updated"], 1);
    assert_eq!(revenue(&world), "1000");
    // Other fields of the pair still travel.
    world.edit_row("Account", &account, json!({ "BillingCity": "Turin" }));
    let next = world.json(0, &["run"]);
    assert_eq!(next["counts"]["updated"], 1, "{next}");
    assert_eq!(revenue(&world), "1000");
    assert_eq!(world.company(&company, "city")["city"], "Turin");
    assert_eq!(world.json(0, &["run", "--full"])["counts"]["updated"], 0);

    world.edit_row("Account", &account, json!({ "AnnualRevenue": 3000 }));
    world.json(0, &["run"]);
    assert_eq!(revenue(&world), "3000");
    // Asked for by name, a value is written whatever was taken back.
    world.edit_row("Account", &account, json!({ "AnnualRevenue": 4000 }));
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    world.json(0, &["undo", &run, "--yes"]);
    assert_eq!(revenue(&world), "3000");
    world.json(0, &["backfill", "companies", "--field", "annualrevenue"]);
    assert_eq!(revenue(&world), "4000");
}

fn companies_of(world: &World, contact: &str) -> Vec<String> {
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies");
    let (_, found) = world.hubspot.call("GET", &path, None);
    let all = found["results"].as_array().unwrap().iter();
    let mut ids: Vec<String> =
        all.map(|one| one["toObjectId"].to_string().trim_matches('"').to_owned()).collect();
    ids.sort();
    ids
}

/// A contact that stands at an account, and another account: both with their counterparts.
fn a_contact_and_another_account(world: &World) -> ((String, String), (String, String)) {
    let links = |sync: &str| world.json(0, &["links", "ls", sync])["links"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let companies = links("companies");
    for link in links("contacts") {
        let account = world.row("Contact", link["right"].as_str().unwrap())["AccountId"].clone();
        let other = companies.iter().find(|company| company["right"] != account);
        if let (true, Some(other)) = (companies.iter().any(|company| company["right"] == account), other) {
            return (
                (text(&link["left"]), text(&link["right"])),
                (text(&other["left"]), text(&other["right"])),
            );
        }
    }
    panic!("no contact of an account that is linked");
}

#[test]
fn undo_takes_associations_back_unless_somebody_changed_them() {
    let world = World::new();
    world.json(0, &["run"]);
    let ((person, contact), (company, account)) = a_contact_and_another_account(&world);
    let before = companies_of(&world, &person);
    assert!(!before.contains(&company));
    world.edit_row("Contact", &contact, json!({ "AccountId": account }));
    let run = world.json(0, &["run"]);
    assert!(run["counts"]["associated"].as_u64().unwrap() > 0, "{run}");
    assert!(companies_of(&world, &person).contains(&company));
    let id = run["run"].as_str().unwrap();
    let undo = world.json(0, &["undo", id, "--yes"]);
    assert!(undo["counts"]["associated"].as_u64().unwrap() > 0, "{undo}");
    assert_eq!(companies_of(&world, &person), before);

    // Done once more, it finds that it is taken back.
    let again = world.json(0, &["undo", id, "--dry-run"]);
    assert_eq!(again["changes"]["changes"], json!([]), "{again}");
    assert!(
        again["left_alone"].as_array().unwrap().iter().any(|one| one["why"] == "changed since"),
        "{again}"
    );
}

#[test]
fn undo_says_of_what_is_gone_or_not_known_any_more_why_it_stays() {
    let world = World::new();
    let first = world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    world.edit_company(&company, json!({ "phone": "+390211111111" }));
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    let why = |id: &str, record: &str| {
        let undo = world.json(0, &["undo", id, "--dry-run"]);
        let left = undo["left_alone"].as_array().unwrap().clone();
        let one = left.iter().find(|one| one["record"] == record);
        one.unwrap_or_else(|| panic!("{record} is not in {undo}"))["why"].as_str().unwrap().to_owned()
    };

    // A record that the first run made, and somebody deleted.
    let shown = world.json(0, &["runs", "show", first["run"].as_str().unwrap()]);
    let all = shown["written"].as_array().unwrap();
    let made = all.iter().find(|one| one["action"] == "create" && one["object"] == "Contact").unwrap();
    let made = made["record"].as_str().unwrap();
    let path = format!("/services/data/v64.0/sobjects/Contact/{made}");
    assert_eq!(world.salesforce.call("DELETE", &path, None).0, 204);
    assert_eq!(why(first["run"].as_str().unwrap(), made), "it is gone already");

    // Another name of the sync: what the journal says fits nothing that is there.
    std::fs::remove_file(world.path("tests/companies.twin")).unwrap();
    world.edit("mappings/companies.twin", "sync companies:", "sync firms:");
    for file in ["mappings/contacts.twin", "mappings/deals.twin"] {
        world.edit(file, "through companies", "through firms");
    }
    assert_eq!(why(&run, &account), "the mappings changed too much since");
    world.edit("mappings/companies.twin", "sync firms:", "sync companies:");
    for file in ["mappings/contacts.twin", "mappings/deals.twin"] {
        world.edit(file, "through firms", "through companies");
    }

    // Its values were forgotten.
    world.text(0, &["forget", &format!("salesforce:{account}"), "--yes"]);
    assert_eq!(why(&run, &account), "its values were forgotten");

    // No such run.
    let output = world.run(&["undo", "r0", "--dry-run"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("r0"));
}

#[test]
fn undo_leaves_a_record_alone_that_is_gone() {
    let world = World::new();
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    world.edit_row("Account", &account, json!({ "Phone": "+390211111111" }));
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    assert_eq!(world.company(&company, "phone")["phone"], "+390211111111");
    assert_eq!(world.hubspot.call("DELETE", &format!("/crm/v3/objects/companies/{company}"), None).0, 204);
    let undo = world.json(0, &["undo", &run, "--dry-run"]);
    assert_eq!(undo["changes"]["changes"], json!([]), "{undo}");
    assert_eq!(undo["left_alone"][0]["why"], "the record is gone");
}
