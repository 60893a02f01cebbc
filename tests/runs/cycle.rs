//! Plan, apply, edit, run, and run again.

use serde_json::json;

use crate::json_schema::misfits;
use crate::support::{Side, World, err, out};

#[test]
fn a_plan_is_applied_exactly_and_then_there_is_nothing_to_do() {
    let world = World::new(40, 60, 20);
    let plan = world.json(&["plan", "-o", "a.changes", "--format", "json"]);
    assert_eq!(world.writes(), 0, "a dry-run writes nothing");
    assert!(plan["summary"]["create"].as_u64().unwrap() > 20);
    assert!(!world.path(".twinmap/state.db").exists(), "a dry-run leaves no state");
    let report = world.json(&["apply", "a.changes", "--format", "json"]);
    assert_eq!(report["outcome"], "ok", "{report}");
    assert_eq!(report["counts"]["created"], plan["summary"]["create"]);
    assert_eq!(report["counts"]["associated"], plan["summary"]["associate"]);
    let written = world.writes();
    let second = world.json(&["run", "--format", "json"]);
    let schema = |name: &str| world.json(&["schema-of", name]);
    assert_eq!(misfits(&schema("plan"), &plan), Vec::<String>::new());
    for report in [&report, &second] {
        assert_eq!(misfits(&schema("run"), report), Vec::<String>::new());
    }
    assert_eq!(
        (second["counts"]["created"].clone(), second["counts"]["updated"].clone()),
        (json!(0), json!(0))
    );
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).status.code(), Some(0));
    assert_eq!(world.run(&["run", "--full"]).status.code(), Some(0));
    assert_eq!(world.writes(), written, "nothing was written after the apply");
}

#[test]
fn every_record_has_one_counterpart_and_associations_follow() {
    let world = World::new(40, 60, 20);
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    let companies = world.objects("companies", "name,domain", "contacts");
    let accounts = world.query("SELECT Id, Name, Website FROM Account");
    assert_eq!(companies.len(), accounts.len());
    let contacts = world.objects("contacts", "email", "companies");
    let people = world.query("SELECT Id, Email, AccountId FROM Contact");
    assert_eq!(contacts.len(), people.len());
    let with_company =
        contacts.iter().filter(|contact| !contact["associations"]["companies"].is_null()).count();
    let with_account = people.iter().filter(|person| !person["AccountId"].is_null()).count();
    assert_eq!((with_company, with_account), (contacts.len(), people.len()));
    let deals = world.objects("deals", "dealname,pipeline,dealstage", "companies");
    let opportunities = world.query("SELECT Id, Name, StageName, RecordTypeId, AccountId FROM Opportunity");
    assert_eq!(deals.len(), opportunities.len());
    assert!(opportunities.iter().all(|opportunity| !opportunity["AccountId"].is_null()));
}

#[test]
fn a_conflict_within_five_minutes_goes_to_the_winner_and_the_loser_is_kept() {
    let world = World::new(20, 0, 0);
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    let (company, account) = world.pair("companies", 0);
    world.edit(Side::HubSpot, "company", &company, "city", "Rome");
    world.edit(Side::Salesforce, "Account", &account, "BillingCity", "Turin");
    let plan = world.json(&["plan", "--format", "json"]);
    assert_eq!(plan["summary"]["conflicts"], 1, "B122: {plan}");
    assert_eq!(misfits(&world.json(&["schema-of", "plan"]), &plan), Vec::<String>::new());
    let page = out(&world.run(&["plan", "--format", "html"]));
    assert!(
        page.starts_with("<!doctype html>") && page.contains("hubspot wins") && !page.contains("<script")
    );
    let table = out(&world.run(&["plan", "--format", "markdown"]));
    assert!(table.contains("| update | salesforce.Account") && table.contains("Turin"), "{table}");
    let field = &plan["changes"][0]["fields"][0];
    assert_eq!(
        (&field["before"], &field["after"], &field["rule"]),
        (&json!("Turin"), &json!("Rome"), &json!("conflict within the window: hubspot wins"))
    );
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["updated"], 1);
    let city = world.query(&format!("SELECT BillingCity FROM Account WHERE Id = '{account}'"));
    assert_eq!(city[0]["BillingCity"], "Rome");
    let store = twinmap::state::Store::open_reading(&world.path(".twinmap/state.db")).unwrap().unwrap();
    let ledger = store.ledger_of(report["run"].as_str().unwrap()).unwrap();
    assert_eq!((ledger.len(), &ledger[0].lost), (1, &json!("Turin")));
}

/// Salesforce wins inside the window; the edit in HubSpot comes this many milliseconds after the one in Salesforce.
fn city_after(gap: i64) -> (String, String) {
    let world = World::new(20, 0, 0);
    let mapping = world.path("mappings/companies.twin");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, text.replace("conflict: hubspot within 5m", "conflict: salesforce within 5m"))
        .unwrap();
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    let (company, account) = world.pair("companies", 1);
    world.edit(Side::Salesforce, "Account", &account, "BillingCity", "Turin");
    world.edit(Side::HubSpot, "company", &company, "phone", "+39 02 1");
    world.edit(Side::Salesforce, "Account", &account, "Description", "A good one");
    world.sandbox.clock.advance(gap);
    world.edit(Side::HubSpot, "company", &company, "city", "Rome");
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    let soql = format!("SELECT BillingCity, Phone, Description FROM Account WHERE Id = '{account}'");
    let row = &world.query(&soql)[0];
    assert_eq!(row["Phone"], "+39 02 1", "B122: different fields merge");
    let companies = world.objects("companies", "city,description", "contacts");
    let found = companies.iter().find(|found| found["id"] == company.as_str()).unwrap();
    assert_eq!(found["properties"]["description"], "A good one", "B122: different fields merge");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&row["BillingCity"]), text(&found["properties"]["city"]))
}

#[test]
fn inside_five_minutes_the_winner_stands_and_beyond_them_the_later_edit() {
    assert_eq!(city_after(4 * 60_000), ("Turin".into(), "Turin".into()), "B122");
    assert_eq!(city_after(5 * 60_000 + 3_000), ("Rome".into(), "Rome".into()), "B122");
}

#[test]
fn a_change_set_that_moved_is_not_made_and_another_frame_is_refused() {
    let world = World::new(20, 0, 0);
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    let (company, account) = world.pair("companies", 0);
    world.edit(Side::HubSpot, "company", &company, "city", "Rome");
    world.run(&["plan", "-o", "a.changes"]);
    world.edit(Side::HubSpot, "company", &company, "city", "Naples");
    let writes = world.writes();
    let applied = world.run(&["apply", "a.changes"]);
    assert_eq!(applied.status.code(), Some(3), "{}", err(&applied));
    assert!(out(&applied).contains("moved"), "{}", out(&applied));
    assert_eq!(world.writes(), writes, "what was not approved is not written");
    world.run(&["plan", "-o", "b.changes"]);
    world.run(&["run"]);
    let stale = world.run(&["apply", "b.changes"]);
    assert_eq!(stale.status.code(), Some(6), "{}", err(&stale));
    let city = world.query(&format!("SELECT BillingCity FROM Account WHERE Id = '{account}'"));
    assert_eq!(city[0]["BillingCity"], "Naples");
}

#[test]
fn a_guard_stops_before_any_write_until_its_hash_is_approved() {
    let world = World::new(40, 0, 0);
    let mapping = world.path("mappings/companies.twin");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, text.replace("creates 5000", "creates 3")).unwrap();
    let stopped = world.run(&["run"]);
    assert_eq!(stopped.status.code(), Some(5), "{}", err(&stopped));
    assert_eq!(world.writes(), 0);
    let said = err(&stopped);
    assert!(said.contains("creates, the guard allows 3"), "{said}");
    let hash = said.split("--approve ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    assert_eq!(world.run(&["run", "--approve", "0123456789abcdef"]).status.code(), Some(5));
    assert_eq!(world.run(&["run", "--approve", &hash]).status.code(), Some(0));
    assert!(world.writes() > 3);
}

#[test]
fn a_lost_state_links_again_by_external_id_and_makes_no_duplicate() {
    let world = World::new(30, 30, 15);
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    let before = (
        world.objects("deals", "dealname", "companies").len(),
        world.query("SELECT Id FROM Opportunity").len(),
    );
    std::fs::remove_dir_all(world.path(".twinmap")).unwrap();
    let report = world.json(&["run", "--format", "json"]);
    assert_eq!(report["counts"]["created"], 0, "{report}");
    let after = (
        world.objects("deals", "dealname", "companies").len(),
        world.query("SELECT Id FROM Opportunity").len(),
    );
    assert_eq!(before, after);
}
