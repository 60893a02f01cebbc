//! A run in portions does what a run in one piece does.

use serde_json::{Value, json};

use crate::support::{World, ask, err};

fn world() -> World {
    let world = World::new(40, 60, 15);
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&json!({ "search_lag_ms": 0 })));
    world
}

/// What both CRMs hold, without ids and times: both worlds are made from one seed.
fn held(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for (soql, name) in [
        ("SELECT Name, Phone, BillingCity FROM Account", "account"),
        ("SELECT LastName, Email, Account.Name FROM Contact", "contact"),
        ("SELECT Name, StageName, Amount, Account.Name FROM Opportunity", "opportunity"),
        ("SELECT Opportunity.Name, Contact.Email FROM OpportunityContactRole", "role"),
    ] {
        for mut record in world.query(soql) {
            strip(&mut record);
            all.push(format!("{name} {record}"));
        }
    }
    for (object, properties, associations) in [
        ("companies", "name,phone,city", ""),
        ("contacts", "lastname,email", "companies"),
        ("deals", "dealname,dealstage,amount", "companies"),
    ] {
        for record in world.objects(object, properties, associations) {
            let mut fields = record["properties"].clone();
            for name in ["hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate"] {
                fields.as_object_mut().unwrap().remove(name);
            }
            let joined = record["associations"]["companies"]["results"].as_array().map_or(0, Vec::len);
            all.push(format!("{object} {fields} {joined}"));
        }
    }
    all.sort();
    all
}

fn strip(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.remove("attributes");
        map.values_mut().for_each(strip);
    }
}

#[test]
fn portions_lead_to_what_one_piece_leads_to() {
    let (whole, cut) = (world(), world());
    let of_whole = whole.json(&["run", "--format", "json"]);
    let of_cut = cut.json(&["run", "--portion", "7", "--format", "json"]);
    for count in ["created", "updated", "skipped", "held", "failed"] {
        assert_eq!(of_whole["counts"][count], of_cut["counts"][count], "{count}: {of_whole} {of_cut}");
    }
    // What an association waits for in a later portion is there in the next run at the latest.
    whole.json(&["run", "--format", "json"]);
    cut.json(&["run", "--portion", "7", "--format", "json"]);
    assert_eq!(held(&whole), held(&cut));
    let before = cut.writes();
    let idle = cut.json(&["run", "--portion", "7", "--format", "json"]);
    assert_eq!(cut.writes(), before, "{idle}");
    let status = cut.json(&["status", "--format", "json"]);
    assert_eq!((&status["due"], &status["held"]), (&json!(0), &json!(0)), "{status}");
}

#[test]
fn a_guard_is_asked_about_all_portions_before_the_first_write() {
    let world = world();
    let path = world.path("mappings/companies.twin");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("creates 5000", "creates 10")).unwrap();
    let output = world.run(&["run", "--portion", "4", "companies"]);
    let told = err(&output);
    assert_eq!((output.status.code(), world.writes()), (Some(5), 0), "{told}");
    assert!(told.contains("E710") && told.contains("the guard allows 10"), "{told}");
    let hash = told.split("--approve ").nth(1).unwrap().split('`').next().unwrap();
    let done = world.json(&["run", "--portion", "4", "companies", "--approve", hash, "--format", "json"]);
    assert!(done["counts"]["created"].as_u64().unwrap() > 10, "{done}");
}
