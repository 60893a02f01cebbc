//! The calls that a plan foretells are those that the run then makes, counted by the servers' own client.

use serde_json::{Value, json};

use crate::support::{Side, World, ask};

/// What `plan` says that an apply takes, and what the run then takes, by system.
fn foretold_and_made(world: &World) -> (Value, Value, Value) {
    let plan = world.json(&["plan", "--format", "json"]);
    let told: serde_json::Map<String, Value> = plan["cost"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(system, cost)| (system.clone(), cost["calls"].clone()))
        .collect();
    let run = world.json(&["run", "--format", "json"]);
    (Value::Object(told), run["calls"].clone(), run["counts"].clone())
}

#[test]
fn the_calls_of_a_run_are_foretold_exactly() {
    // More than one batch of each kind.
    let world = World::new(260, 230, 40);
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&json!({ "search_lag_ms": 0 })));
    let (told, made, counts) = foretold_and_made(&world);
    assert!(counts["created"].as_u64().unwrap() > 200, "{counts}");
    assert_eq!(told, made, "the first sync: {counts}");
    let (told, made, counts) = foretold_and_made(&world);
    assert_eq!((&counts["created"], &counts["updated"]), (&json!(0), &json!(0)));
    assert_eq!(told, made, "nothing to do");
    for index in 0..60 {
        let (company, account) = world.pair("companies", index);
        let town = format!("Town {index}");
        if index % 2 == 0 {
            world.edit(Side::HubSpot, "company", &company, "city", &town);
        } else {
            world.edit(Side::Salesforce, "Account", &account, "BillingCity", &town);
        }
    }
    let (told, made, counts) = foretold_and_made(&world);
    assert_eq!(counts["updated"], json!(60));
    assert_eq!(told, made, "edits on both sides");
}
