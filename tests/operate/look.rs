//! `why`, `verify`, `resync`, `backfill`.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn why_tells_link_filter_rows_and_what_would_happen() {
    let world = World::new();
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    world.edit_company(&company, json!({ "phone": "+390211111111" }));
    let why = world.json(0, &["why", &format!("hubspot:{company}")]);
    let sync = &why["syncs"][0];
    assert_eq!((&sync["sync"], &sync["passes"]), (&json!("companies"), &json!("in")));
    assert_eq!(sync["link"]["counterpart"], json!(account));
    let clause = &sync["filter"][0];
    assert_eq!(clause["verdict"], "in");
    assert!(clause["values"]["domain"].is_string(), "{clause}");
    let row =
        sync["rows"].as_array().unwrap().iter().find(|row| row["row"].as_str().unwrap().contains("Phone"));
    let row = row.unwrap();
    assert_eq!((&row["left"], &row["to_right"]["value"]), (&json!("+390211111111"), &json!("+390211111111")));
    assert_ne!(row["base"][0], row["left"]);
    assert_eq!(why["changes"][0]["fields"][0]["name"], "Phone");
    // Nothing was written, and the state was not touched.
    assert_ne!(world.row("Account", &account)["Phone"], "+390211111111");

    let body = json!({ "object": "companies", "properties": { "name": "No domain" } });
    let (_, lonely) = world.hubspot.call("POST", "/_sandbox/edit", Some(body));
    let lonely = lonely["id"].as_str().unwrap();
    let text = world.text(0, &["why", &format!("hubspot.company:{lonely}")]);
    assert!(text.contains("not linked") && text.contains("outside the filter"), "{text}");
    world.text(1, &["why", "hubspot.company:1"]);
    world.text(64, &["why", "hubspt:1"]);
    world.text(64, &["why", "nonsense"]);
}

#[test]
fn verify_tells_edits_on_their_way_from_differences_at_rest() {
    let world = World::new();
    world.json(0, &["run"]);
    let clean = world.json(0, &["verify", "--full"]);
    assert!(clean["rows"].as_u64().unwrap() > 50);
    assert_eq!(clean["findings"].as_array().unwrap().len(), 0);

    let (company, account) = world.pair("companies");
    world.edit_company(&company, json!({ "city": "Turin" }));
    let pending = world.json(0, &["verify", "--full"]);
    assert_eq!(
        (&pending["classes"]["pending"], &pending["findings"][0]["left_value"]),
        (&json!(1), &json!("Turin"))
    );

    // Undone: it differs, and nobody edited it since.
    let run = world.json(0, &["run"])["run"].as_str().unwrap().to_owned();
    world.json(0, &["undo", &run, "--yes"]);
    let rest = world.json(1, &["verify", "companies", "--full"]);
    assert_eq!((&rest["classes"]["at-rest"], &rest["findings"][0]["right"]), (&json!(1), &json!(account)));

    // A backfill of that field mends it, and touches nothing else.
    world.edit_company(&company, json!({ "phone": "+390211111111" }));
    let shown = world.json(0, &["backfill", "companies", "--field", "city", "--dry-run"]);
    assert_eq!(shown["summary"]["update"], 1);
    let done = world.json(0, &["backfill", "companies", "--field", "city"]);
    assert_eq!(done["counts"]["updated"], 1);
    let row = world.row("Account", &account);
    assert_eq!(row["BillingCity"], "Turin");
    assert_ne!(row["Phone"], "+390211111111");
    assert_eq!(world.json(0, &["backfill", "companies", "--field", "city"])["counts"]["updated"], 0);
    world.text(64, &["backfill", "companies", "--field", "cty"]);
}

#[test]
fn resync_makes_the_counterpart_that_no_rule_makes_and_is_idempotent() {
    let world = World::new();
    world.edit(
        "mappings/companies.twin",
        "create salesforce: always",
        "create salesforce: city == \"Nowhere\"",
    );
    world.json(0, &["run"]);
    let body = json!({ "object": "companies", "properties": { "name": "By hand", "domain": "by-hand.example", "hubspot_owner_id": "70000001" } });
    let (_, company) = world.hubspot.call("POST", "/_sandbox/edit", Some(body));
    let name = format!("hubspot.company:{}", company["id"].as_str().unwrap());
    assert_eq!(world.json(0, &["run"])["counts"]["created"], 0);
    let made = |report: &Value| report["counts"]["created"].as_u64().unwrap();
    assert_eq!(made(&world.json(0, &["resync", &name])), 1);
    assert_eq!(made(&world.json(0, &["resync", &name])), 0);
    assert_eq!(world.json(0, &["run"])["counts"]["created"], 0);
    world.text(1, &["resync", "hubspot.company:1"]);
}
