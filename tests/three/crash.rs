//! `kill -9` between the writes of one thing: the next run finishes, and an edit that came meanwhile is not mistaken.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::support::{At, CHAIN, World, told};

/// Runs until the answer to the first request that fits is under way, and kills the run there: the CRM has done it, and
/// nobody has heard.
fn killed_at(world: &World, system: &str, path: &str) {
    let rules = json!({ "rules": [
        { "fault": "delay", "ms": 600_000, "system": system, "path": path, "times": 1 }
    ] });
    world.faults(&rules);
    let before = world.writes();
    let mut child = world.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while world.delayed() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {system} {path}");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.writes() > before, "{system} {path}: written, and not heard of");
    world.faults(&json!({ "rules": [] }));
}

fn recovers(system: &str, path: &str, meanwhile: Option<At>) {
    let world = World::new(&CHAIN);
    world.make(At::Main, "acme", "1");
    world.sync();
    let thing = world.thing("acme");
    thing.edit(At::Europe, "phone", "2");
    killed_at(&world, system, path);
    let mut last = "2";
    if let Some(at) = meanwhile {
        // Somebody goes on where the value has arrived, or not yet.
        world.clock.advance(20 * 60_000);
        thing.edit(at, "phone", "3");
        last = "3";
    }
    let run = world.run(&["run"]);
    assert_eq!(run.status.code(), Some(0), "{}", told(&run));
    thing.holds("phone", last);
    world.is_at_rest();
    thing.holds("phone", last);
}

#[test]
fn a_kill_after_the_write_to_the_org_is_recovered() {
    for meanwhile in [None, Some(At::Main), Some(At::Europe)] {
        recovers("salesforce", "composite", meanwhile);
    }
}

#[test]
fn a_kill_after_the_write_to_the_portal_is_recovered() {
    for meanwhile in [Some(At::Org), Some(At::Europe)] {
        recovers("hubspot", "batch/update", meanwhile);
    }
}

#[test]
fn a_kill_between_two_creates_makes_no_duplicate() {
    for (system, path) in [("salesforce", "composite"), ("hubspot", "batch/upsert")] {
        let world = World::new(&CHAIN);
        world.make(At::Main, "acme", "1");
        killed_at(&world, system, path);
        let run = world.run(&["run"]);
        assert_eq!(run.status.code(), Some(0), "{}", told(&run));
        world.thing("acme").holds("phone", "1");
        world.is_at_rest();
        world.thing("acme").holds("phone", "1");
    }
}
