//! `setup`: the fields that exactly-once creation needs, made in accounts that have none of them.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn setup_makes_in_both_crms_what_a_run_needs() {
    let world = World::with(&["--companies", "12", "--contacts", "10", "--deals", "4", "--without-setup"]);
    let before = world.text(1, &["doctor"]);
    assert!(before.contains("company.twinmap_id") && before.contains("Account.Twinmap_Id__c"), "{before}");
    for system in ["hubspot", "salesforce"] {
        let first = world.text(0, &["setup", system, "--yes"]);
        assert!(first.contains("\nmade "), "{first}");
        let again = world.text(0, &["setup", system, "--yes"]);
        assert!(!again.contains("made "), "{again}");
    }
    world.text(0, &["doctor"]);
    let told = world.json(0, &["run"]);
    assert!(told["counts"]["created"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(world.json(0, &["run"])["counts"]["created"], json!(0));
    // Each account that was made carries the id that keeps it from being made twice.
    let soql = "SELECT+COUNT()+FROM+Account+WHERE+Twinmap_Id__c+!=+null";
    let (_, answer) = world.salesforce.call("GET", &format!("/services/data/v64.0/query?q={soql}"), None);
    let made = answer["totalSize"].as_u64().unwrap();
    assert!(made > 0, "no account carries an id");
}

#[test]
fn the_examples_snapshots_are_what_the_sandbox_gives() {
    let world = World::new();
    let read = |name: &str| {
        let text = std::fs::read_to_string(world.path(&format!("schema/sandbox/{name}.json"))).unwrap();
        let mut snapshot: Value = serde_json::from_str(&text).unwrap();
        snapshot["pulled"] = Value::Null;
        snapshot
    };
    let kept = ["hubspot", "salesforce"].map(read);
    world.text(0, &["schema", "pull"]);
    let pulled = ["hubspot", "salesforce"].map(read);
    for (kept, pulled) in kept.iter().zip(&pulled) {
        assert_eq!(
            kept, pulled,
            "fetch the example's snapshots anew: `twinmap schema pull` against a sandbox"
        );
    }
}
