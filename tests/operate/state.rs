//! `quarantine`, `retry`, `state check`, `forget`.

use serde_json::json;

use crate::world::World;

#[test]
fn a_refused_record_is_in_quarantine_until_it_is_tried_again() {
    let world = World::new();
    world.json(0, &["run"]);
    assert_eq!(world.text(0, &["quarantine", "ls"]), "nothing is held\n");
    let (company, account) = world.pair("companies");
    world.edit_company(&company, json!({ "phone": "1".repeat(60) }));
    world.json(3, &["run"]);
    let held = world.json(0, &["quarantine", "ls"]);
    assert_eq!(held["holds"][0]["sync"], "companies");
    assert_eq!(held["holds"][0]["field"], "Phone");
    let shown = world.text(0, &["quarantine", "show", &format!("hubspot:{company}")]);
    assert!(shown.contains("Phone"), "{shown}");
    world.text(64, &["retry", "hubspot:999"]);
    let due = world.json(0, &["retry"]);
    assert_eq!(due["due"].as_array().unwrap().len(), 1);
    world.edit_company(&company, json!({ "phone": "+390212345678" }));
    world.json(0, &["run"]);
    assert_eq!(world.text(0, &["quarantine", "ls"]), "nothing is held\n");
    assert_eq!(world.row("Account", &account)["Phone"], "+390212345678");
}

#[test]
fn forgotten_values_leave_the_state_and_its_chain_holds() {
    let world = World::new();
    world.json(0, &["run"]);
    let links = world.json(0, &["links", "ls", "contacts"]);
    let contact = links["links"][0]["left"].as_str().unwrap();
    let (_, record) =
        world.hubspot.call("GET", &format!("/crm/v3/objects/contacts/{contact}?properties=email"), None);
    let email = record["properties"]["email"].as_str().unwrap().to_owned();
    let held = |world: &World| {
        let mut bytes = Vec::new();
        for name in ["state.db", "state.db-wal"] {
            bytes.extend(std::fs::read(world.path(&format!(".twinmap/{name}"))).unwrap_or_default());
        }
        bytes.windows(email.len()).any(|window| window == email.as_bytes())
    };
    assert!(held(&world));
    world.text(64, &["forget", &format!("hubspot.contact:{contact}")]);
    let done = world.json(0, &["forget", &format!("hubspot.contact:{contact}"), "--yes"]);
    assert_eq!(done["records"].as_array().unwrap().len(), 2);
    assert!(!held(&world));
    assert_eq!(world.json(0, &["state", "check"])["ok"], true);
    // It is not synced again.
    let again = world.json(0, &["run", "--full"]);
    assert_eq!((&again["counts"]["created"], &again["counts"]["updated"]), (&json!(0), &json!(0)));
    assert!(!held(&world));
}

#[test]
fn the_state_is_checked() {
    let world = World::new();
    assert_eq!(world.json(0, &["state", "check"])["counts"]["links"], 0);
    world.json(0, &["run"]);
    let checked = world.json(0, &["state", "check"]);
    assert_eq!((&checked["ok"], &checked["broken_chain"]), (&json!(true), &json!(null)));
    assert!(checked["counts"]["journal"].as_u64().unwrap() > 0);
    world.write(".twinmap/state.db", "this is no state");
    let _ = std::fs::remove_file(world.path(".twinmap/state.db-wal"));
    let output = world.run(&["state", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("E708"));
}
