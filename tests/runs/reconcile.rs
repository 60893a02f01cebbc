//! `reconcile` over exports of both CRMs says what `plan` says.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Side, World, ask, err};

const PROPERTIES: &str = "name,domain,industry,phone,numberofemployees,annualrevenue,description,city,hubspot_owner_id,\
    lifecyclestage,twinmap_id";

/// Both sides as a user would export them; HubSpot with the history of its properties.
fn export(world: &World) -> (String, String) {
    let companies = world.objects("companies", "name", "contacts");
    let ids: Vec<&Value> = companies.iter().map(|company| &company["id"]).collect();
    let mut left = String::new();
    for chunk in ids.chunks(50) {
        let inputs: Vec<Value> = chunk.iter().map(|id| json!({ "id": id })).collect();
        let properties: Vec<&str> = PROPERTIES.split(',').collect();
        let body = json!({"inputs": inputs, "properties": properties, "propertiesWithHistory": properties});
        let answer = ask(&world.sandbox.hubspot, "POST", "/crm/v3/objects/companies/batch/read", Some(&body));
        for row in answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")) {
            let _ = writeln!(left, "{row}");
        }
    }
    let fields = "Id,Name,Website,Industry,Phone,NumberOfEmployees,AnnualRevenue,Description,BillingCity,OwnerId,Type,\
        SystemModstamp";
    let accounts = world.query(&format!("SELECT {fields} FROM Account"));
    let right = accounts.iter().rev().map(|account| account.to_string() + "\n").collect();
    (left, right)
}

/// (action, system, record, source, fields without what only a run knows).
fn changes<'c>(all: impl Iterator<Item = &'c Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for change in all.filter(|change| change["sync"] == "companies" && !change["action"].is_null()) {
        let parts =
            ["action", "system", "object", "record", "source", "fields"].map(|name| change[name].to_string());
        assert!(found.insert(parts.join(" ")), "twice: {change}");
    }
    found
}

fn reconcile(world: &World, base: &str) -> (BTreeSet<String>, Value) {
    let (left, right, out) = (world.path("left.jsonl"), world.path("right.jsonl"), world.path("out.jsonl"));
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (left, right, out) = (path(&left), path(&right), path(&out));
    let mut args = vec!["reconcile", "companies", "--left", &left, "--right", &right, "--out", &out];
    let base = path(&world.path(base));
    args.extend(["--base", &base]);
    let output = world.run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = std::fs::read_to_string(world.path("out.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (changes(lines.iter()), lines.last().unwrap().clone())
}

fn save(world: &World) {
    let (left, right) = export(world);
    std::fs::write(world.path("left.jsonl"), left).unwrap();
    std::fs::write(world.path("right.jsonl"), right).unwrap();
}

fn planned(world: &World) -> BTreeSet<String> {
    let plan = world.json(&["plan", "companies", "--full", "--format", "json"]);
    changes(plan["changes"].as_array().unwrap().iter())
}

#[test]
fn reconcile_says_what_plan_says_before_the_first_run_and_after_edits() {
    let world = World::new(60, 0, 0);
    save(&world);
    std::fs::write(world.path("none.jsonl"), "").unwrap();
    let want = planned(&world);
    let (got, totals) = reconcile(&world, "none.jsonl");
    assert!(want.len() > 20);
    same(&got, &want);
    assert!(totals["summary"]["create"].as_u64().unwrap() > 10, "{totals}");
    assert_eq!(world.run(&["apply", "--auto-approve"]).status.code(), Some(0));
    for (index, value) in ["Rome", "Turin", "Bari", "Pisa", "Lodi"].iter().enumerate() {
        let (company, account) = world.pair("companies", index);
        if index != 1 {
            world.edit(Side::HubSpot, "company", &company, "city", value);
        }
        if index != 0 {
            world.edit(Side::Salesforce, "Account", &account, "BillingCity", &format!("{value} (SF)"));
        }
        if index == 3 {
            world.sandbox.clock.advance(30 * 60_000);
            world.edit(Side::HubSpot, "company", &company, "phone", "+39 02 1");
            world.edit(Side::HubSpot, "company", &company, "city", "Later");
        }
        world.edit(Side::Salesforce, "Account", &account, "AnnualRevenue", "77000");
    }
    save(&world);
    let want = planned(&world);
    assert!(want.len() >= 5);
    let (got, totals) = reconcile(&world, ".twinmap/state.db");
    same(&got, &want);
    assert_eq!((&totals["pairs"], &totals["problems"]), (&json!(60), &json!(0)), "{totals}");
}

fn same(got: &BTreeSet<String>, want: &BTreeSet<String>) {
    let (more, less): (Vec<_>, Vec<_>) = (got.difference(want).collect(), want.difference(got).collect());
    assert!(more.is_empty() && less.is_empty(), "not planned: {more:#?}\nmissing: {less:#?}");
}
