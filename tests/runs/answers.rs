//! Answers that no CRM should give, met by whole runs: the right exit code, a next step, and with good answers again
//! everything is there once.

use serde_json::{Value, json};

use crate::crash::is_whole;
use crate::support::{Side, World, ask, err, out};

const SYSTEMS: [&str; 2] = ["hubspot", "salesforce"];

fn faults(world: &World, rules: &[Value]) {
    let body = json!({ "seed": 5, "rules": rules });
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/faults", Some(&body));
}

/// A fault of one CRM: `more` are its other members.
fn fault(kind: &str, system: &str, more: &Value) -> Value {
    let mut rule = json!({ "fault": kind, "system": system });
    let members = more.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    rule
}

/// Where records are written.
fn writes(system: &str) -> &'static str {
    if system == "hubspot" { "batch" } else { "composite" }
}

/// A run under the fault ends with this code and says this; nothing is printed that must not be.
fn ends(world: &World, rule: &Value, code: i32, says: &str) {
    faults(world, std::slice::from_ref(rule));
    let output = world.run(&["run"]);
    let told = format!("{}{}", out(&output), err(&output));
    assert_eq!(output.status.code(), Some(code), "{rule}: {told}");
    assert!(told.contains(says), "{rule}: {told}");
    assert!(code != 1 && code != 4 || told.contains("help:"), "{rule}: {told}");
    assert!(!told.contains(&world.sandbox.salesforce.token), "{rule}: {told}");
    faults(world, &[]);
}

#[test]
fn what_is_no_answer_stops_the_run_before_a_write_and_the_next_one_does_it_all() {
    let cases = [
        ("html", "error[E706]: {}: a web page in place of an answer"),
        ("huge", "error[E706]: {}: the answer is larger than 32 MiB"),
        ("gzip_bomb", "error[E706]: {}: the answer is larger than 32 MiB"),
        ("redirect", "error[E706]: {}: the server sent a redirect"),
    ];
    for system in SYSTEMS {
        let world = World::new(6, 6, 3);
        for (kind, says) in cases {
            ends(&world, &fault(kind, system, &json!({})), 1, &says.replace("{}", system));
            assert_eq!(world.writes(), 0, "{system} {kind}");
        }
        // Another name of the same content: read all the same.
        ends(&world, &fault("wrong_type", system, &json!({})), 0, "created");
        is_whole(&world, system);
    }
}

#[test]
fn a_right_that_is_lost_in_the_middle_is_exit_4_and_the_next_run_goes_on() {
    for system in SYSTEMS {
        for skip in [0, 4, 9] {
            let world = World::new(12, 12, 6);
            let rule = fault("status", system, &json!({ "status": 401, "skip": skip }));
            ends(&world, &rule, 4, "error[E705]");
            let next = world.run(&["run"]);
            assert_eq!(next.status.code(), Some(0), "{rule}: {}", err(&next));
            is_whole(&world, &rule.to_string());
        }
        let world = World::new(6, 6, 3);
        let rule = fault("status", system, &json!({ "status": 403, "path": writes(system) }));
        ends(&world, &rule, if system == "hubspot" { 1 } else { 3 }, "access was refused");
        assert_eq!(world.run(&["run"]).status.code(), Some(0));
        is_whole(&world, &rule.to_string());
    }
}

#[test]
fn a_page_that_lacks_a_row_its_id_or_its_rows_is_not_taken_for_the_whole() {
    for (system, id, rows) in [("hubspot", "id", "results"), ("salesforce", "Id", "records")] {
        for field in [id, rows] {
            let world = World::new(6, 6, 3);
            let path = if system == "hubspot" { "objects" } else { "query" };
            let rule = fault("missing_field", system, &json!({ "field": field, "path": path }));
            ends(&world, &rule, 1, &format!("error[E706]: {system}: a "));
            assert_eq!(world.writes(), 0, "{rule}");
            assert_eq!(world.run(&["run"]).status.code(), Some(0), "{rule}");
            is_whole(&world, &rule.to_string());
        }
    }
    let world = World::new(6, 6, 3);
    let rule = fault("missing_item", "salesforce", &json!({ "path": "query" }));
    ends(&world, &rule, 1, "with fewer rows than it says");
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    is_whole(&world, "missing_item");
}

#[test]
fn an_answer_to_a_write_that_lacks_items_leaves_them_to_the_next_run() {
    for system in SYSTEMS {
        for more in [json!({}), json!({ "field": "id" })] {
            let world = World::new(12, 12, 6);
            let kind = if more.get("field").is_some() { "missing_field" } else { "missing_item" };
            let mut rule = fault(kind, system, &more);
            rule["path"] = json!(writes(system));
            ends(&world, &rule, 3, "failed");
            let next = world.run(&["run"]);
            assert_eq!(next.status.code(), Some(0), "{rule}: {}", err(&next));
            is_whole(&world, &rule.to_string());
        }
    }
}

/// What may still land is waited for, and said: neither forgotten nor done twice.
#[test]
fn a_request_without_an_answer_is_waited_for_and_told() {
    let clock = twinmap::sandbox::core::clock::SimClock::real();
    let world = World::by_clock(6, 6, 3, clock);
    ends(&world, &fault("html", "salesforce", &json!({ "path": "composite" })), 3, "unknown a web page");
    let planned = world.json(&["plan", "--format", "json"]);
    let waiting =
        planned["skips"].as_array().unwrap().iter().filter(|skip| skip["reason"] == "waiting").count();
    assert!(waiting > 0, "{planned}");
    assert_eq!(planned["summary"]["hold"], json!(waiting));
    assert_eq!(planned["summary"]["create"], json!(0), "nothing is planned twice: {planned}");
    let run = world.run(&["run", "--format", "json"]);
    assert_eq!(run.status.code(), Some(3), "{}", err(&run));
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["counts"]["held"], json!(waiting));
}

/// A pair of whose filter nothing is known is neither written nor taken for settled.
#[test]
fn a_filter_field_that_an_answer_left_out_is_asked_for_again() {
    let world = World::new(6, 0, 0);
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&json!({ "search_lag_ms": 0 })));
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    let (company, account) = world.pair("companies", 0);
    world.edit(Side::HubSpot, "company", &company, "city", "Ravenna");
    let city = || {
        let rows = world.query(&format!("SELECT BillingCity FROM Account WHERE Id = '{account}'"));
        rows[0]["BillingCity"].as_str().unwrap_or_default().to_owned()
    };
    let before = city();
    faults(&world, &[fault("missing_field", "hubspot", &json!({ "field": "domain" }))]);
    world.run(&["run"]);
    assert_eq!(city(), before);
    faults(&world, &[]);
    assert_eq!(world.run(&["retry"]).status.code(), Some(0));
    world.run(&["run"]);
    assert_eq!(city(), "Ravenna");
}
