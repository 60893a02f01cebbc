//! Writebacks whose answers are lost, or whose process dies: the next run finds what is there, and each activity is
//! written once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::linkedin_writeback::tasks;
use crate::nav_world::{Crm, KIM, act, matched, run, salesforce, started, written_back};
use crate::support::{World, ask};

/// By name; no help page numbers them.
pub const TESTS: &[(&str, fn())] = &[
    ("linkedin_cut_off::lost_answers_are_looked_up", lost_answers_are_looked_up),
    ("linkedin_cut_off::what_a_dead_process_sent_is_found", what_a_dead_process_sent_is_found),
    ("linkedin_cut_off::what_a_dead_process_did_not_send_is_sent", what_a_dead_process_did_not_send_is_sent),
];

/// A message and a note about somebody whom the CRM knows.
fn two_activities(world: &World) {
    run(world);
    let (_, urn) = matched(world, "Contact");
    for kind in ["MESSAGE", "NOTE"] {
        act(world, json!({ "kind": kind, "seat": KIM, "about": urn, "body": "x" }));
    }
}

fn notes(world: &World) -> usize {
    world.query("SELECT Id FROM Note WHERE Title LIKE 'LinkedIn note%'").len()
}

/// The fault happens to every call that writes.
fn on_writes(world: &World, fault: &Value) {
    let rule = |method: &str| {
        let mut rule = fault.clone();
        rule["method"] = json!(method);
        rule["path"] = json!("composite");
        rule
    };
    salesforce(world, "faults", &json!({ "seed": 1, "rules": [rule("POST"), rule("PATCH")] }));
}

fn calm(world: &World) {
    salesforce(world, "faults", &json!({ "rules": [] }));
}

fn written_once(world: &World) {
    let report = written_back(world);
    assert_eq!((&report["written"], &report["held"]), (&json!(2), &json!({})), "{report}");
    assert_eq!((tasks(world).len(), notes(world)), (1, 1));
    let again = written_back(world);
    assert_eq!(again["written_now"].as_u64().unwrap_or(0), 0, "{again}");
    assert_eq!((tasks(world).len(), notes(world)), (1, 1));
}

fn lost_answers_are_looked_up() {
    let world = started(Crm::Salesforce, 0);
    two_activities(&world);
    on_writes(&world, &json!({ "fault": "drop_after" }));
    let report = written_back(&world);
    assert_eq!((&report["written"], &report["written_now"]), (&json!(2), &json!(0)), "{report}");
    let told = ask(&world.sandbox.salesforce, "GET", "/_sandbox/faults", None);
    assert_eq!(told["happened"], json!([["drop_after", 1], ["drop_after", 1]]));
    calm(&world);
    written_once(&world);

    // HubSpot finds its own by the property that carries the key.
    let world = started(Crm::HubSpot, 0);
    run(&world);
    let (_, urn) = matched(&world, "contact");
    for kind in ["MESSAGE", "NOTE"] {
        act(&world, json!({ "kind": kind, "seat": KIM, "about": urn, "body": "x" }));
    }
    let faults = |rules: Value| ask(&world.sandbox.hubspot, "POST", "/_sandbox/faults", Some(&rules));
    faults(json!({ "seed": 1, "rules": [
        { "fault": "drop_after", "method": "POST", "path": "batch/upsert" },
        { "fault": "drop_after", "method": "POST", "path": "batch/create" },
    ]}));
    let report = written_back(&world);
    let told = ask(&world.sandbox.hubspot, "GET", "/_sandbox/faults", None);
    assert_ne!(told["happened"], json!([["drop_after", 0], ["drop_after", 0]]));
    faults(json!({ "rules": [] }));
    assert_eq!((&report["written"], &report["held"]), (&json!(2), &json!({})), "{report}");
    for object in ["communications", "notes"] {
        assert_eq!(world.objects(object, "hs_timestamp", "contacts").len(), 1, "{object}");
    }
}

/// A run that is killed as soon as `ready` says so.
fn killed(world: &World, ready: impl Fn() -> bool) {
    let mut child = world
        .command(&["run"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !ready() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ready(), "nothing happened within half a minute");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn what_a_dead_process_sent_is_found() {
    let world = started(Crm::Salesforce, 0);
    two_activities(&world);
    on_writes(&world, &json!({ "fault": "delay", "ms": 3_000 }));
    killed(&world, || notes(&world) + tasks(&world).len() > 0);
    calm(&world);
    written_once(&world);
}

/// Of a note nobody can tell whether it is still on its way; ten seconds after its process died it is not.
fn what_a_dead_process_did_not_send_is_sent() {
    let world = started(Crm::Salesforce, 0);
    two_activities(&world);
    // What it asks after that takes a second, and it is killed before that.
    let rules = json!([
        { "fault": "late", "ms": 10_000_000, "method": "POST", "path": "composite" },
        { "fault": "delay", "ms": 1_000, "method": "GET", "path": "query" },
    ]);
    salesforce(&world, "faults", &json!({ "seed": 1, "rules": rules }));
    killed(&world, || ask(&world.sandbox.salesforce, "GET", "/_sandbox/faults", None)["happened"][0][1] == 1);
    assert_eq!(notes(&world), 0);
    calm(&world);
    written_once(&world);
}
