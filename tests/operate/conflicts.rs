//! Conflicts that wait for a person, and backfills of a part of the pairs.

use serde_json::json;

use crate::world::World;

/// B122: with `conflict: hold` nothing is written until a person decides, and then exactly what was decided; the edit
/// that lost is on the ledger.
#[test]
fn a_person_decides_what_was_edited_on_both_sides() {
    let world = World::new();
    world.edit("mappings/companies.twin", "conflict: hubspot within 5m", "conflict: hold");
    world.text(0, &["schema", "pull"]);
    world.run(&["run"]);
    world.run(&["run"]);
    let (company, account) = world.pair("companies");
    world.edit_company(&company, json!({ "description": "from the left", "city": "Lyon" }));
    world.edit_row("Account", &account, json!({ "Description": "from the right", "BillingCity": "Porto" }));
    world.run(&["run"]);

    let found = world.json(0, &["conflicts", "ls"]);
    let of_pair: Vec<_> = found["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["left"]["record"] == company)
        .collect();
    let fields: Vec<_> = of_pair.iter().map(|one| one["right"]["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["BillingCity", "Description"]);
    assert_eq!(of_pair[0]["detail"], "edited on both sides: hubspot has `Lyon`, salesforce has `Porto`");
    assert_eq!(world.company(&company, "city")["city"], "Lyon");
    assert_eq!(world.row("Account", &account)["BillingCity"], "Porto");

    let record = format!("salesforce:{account}");
    let shown = world
        .json(0, &["conflicts", "resolve", &record, "--keep", "salesforce", "--field", "city", "--dry-run"]);
    assert_eq!(shown["summary"]["update"], 1, "{shown}");
    assert_eq!(world.company(&company, "city")["city"], "Lyon");

    let report = world.json(3, &["conflicts", "resolve", &record, "--keep", "salesforce", "--field", "city"]);
    assert_eq!(report["counts"]["updated"], 1, "{report}");
    assert_eq!(world.company(&company, "city")["city"], "Porto");
    assert_eq!(world.row("Account", &account)["Description"], "from the right");
    let run = report["run"].as_str().unwrap();
    let shown = world.json(0, &["runs", "show", run]);
    assert_eq!(shown["ledger"][0]["lost"], "Lyon", "{shown}");
    assert_eq!(shown["ledger"][0]["rule"], "decided by a person: salesforce wins");

    world.json(0, &["conflicts", "resolve", &format!("hubspot:{company}"), "--keep", "hubspot"]);
    assert_eq!(world.row("Account", &account)["Description"], "from the left");
    let found = world.json(0, &["conflicts", "ls"]);
    let left = found["conflicts"].as_array().unwrap();
    assert!(left.iter().all(|one| one["left"]["record"] != company), "{found}");
    let again = world.run(&["conflicts", "resolve", &record, "--keep", "hubspot"]);
    assert_eq!(again.status.code(), Some(64));
}

/// Only pairs that meet the condition are written; a mistake in it is told as in a mapping file.
#[test]
fn a_backfill_can_be_about_some_pairs() {
    let world = World::new();
    world.edit("mappings/companies.twin", "    description              <-> Description\n", "");
    world.text(0, &["schema", "pull"]);
    world.run(&["run"]);
    let links = world.json(0, &["links", "ls", "companies"]);
    let pairs: Vec<(String, String)> = (0..2)
        .map(|index| {
            let link = &links["links"][index];
            (link["left"].as_str().unwrap().to_owned(), link["right"].as_str().unwrap().to_owned())
        })
        .collect();
    for (index, (company, account)) in pairs.iter().enumerate() {
        world
            .edit_company(company, json!({ "description": "mapped later", "city": format!("Town {index}") }));
        world.edit_row("Account", account, json!({ "Description": null }));
    }
    world.run(&["run"]);
    world.edit("mappings/companies.twin", "  map {\n", "  map {\n    description <-> Description\n");

    let field = ["backfill", "companies", "--field", "description", "--where"];
    let args: Vec<&str> = field.iter().copied().chain(["hubspot: city == \"Town 1\""]).collect();
    let report = world.json(0, &args);
    assert_eq!(report["counts"]["updated"], 1, "{report}");
    assert_eq!(world.row("Account", &pairs[0].1)["Description"], json!(null));
    assert_eq!(world.row("Account", &pairs[1].1)["Description"], "mapped later");

    for (wrong, told) in [
        ("hubspot: citty == \"x\"", "citty"),
        ("hubspot: city ==", "is no condition"),
        ("city == \"x\"", "whose fields"),
        ("hubspott: city is set", "hubspott"),
    ] {
        let args: Vec<&str> = field.iter().copied().chain([wrong]).collect();
        let output = world.run(&args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(told), "{wrong}: {said}");
    }
}
