//! `kill -9` in the middle of an apply: the next runs leave no duplicate and no half-linked record.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{World, err};

/// Every record of one side has exactly one partner on the other, and every pair is linked.
pub fn is_whole(world: &World, moment: &str) {
    let store = twinmap::state::Store::open_reading(&world.path(".twinmap/state.db")).unwrap().unwrap();
    let checks = [
        ("companies", "companies", "Account", "domain", "Website"),
        ("contacts", "contacts", "Contact", "email", "Email"),
        ("deals", "deals", "Opportunity", "dealname", "Name"),
    ];
    for (sync, plural, object, property, field) in checks {
        let left = world.objects(plural, property, "contacts");
        let right = world.query(&format!("SELECT Id, {field} FROM {object}"));
        let links = store.live_links(sync).unwrap() as usize;
        assert_eq!((left.len(), right.len()), (links, links), "{moment}: {sync}");
        let mut keys: Vec<String> =
            left.iter().map(|record| record["properties"][property].to_string()).collect();
        keys.sort();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all, "{moment}: a duplicate in {plural}");
    }
    assert_eq!(store.open_intents().unwrap().len(), 0, "{moment}");
}

/// Starts an apply and waits until the servers have seen this many writes of it. Counted so, and not in time, the moment
/// is met on any machine.
fn started(world: &World, wanted: u64) -> Child {
    let mut child = world
        .command(&["apply", "--auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..3_000 {
        if world.writes() >= wanted || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// `TWINMAP_KILLS=1000 cargo test --test runs kills` for more of them.
#[test]
fn kills_at_different_moments_leave_no_duplicate_and_no_half_linked_record() {
    let kills = std::env::var("TWINMAP_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_u64);
    for round in 0..kills {
        let world = World::new(24, 40, 16);
        let mut child = started(&world, 1 + round * 7 % 97);
        let _ = child.kill();
        let _ = child.wait();
        let moment = format!("killed after {} writes", world.writes());
        let run = world.run(&["run"]);
        assert_eq!(run.status.code(), Some(0), "{moment}: {}", err(&run));
        is_whole(&world, &moment);
        let writes = world.writes();
        assert_eq!(world.run(&["run"]).status.code(), Some(0), "{moment}");
        assert_eq!(world.writes(), writes, "{moment}: the next run had nothing to do");
    }
}

/// A job of the Bulk API works on when its client is dead: the next runs wait for it, and make nothing twice.
#[test]
fn a_job_that_outlives_its_run_is_waited_for() {
    let world = World::new(40, 6_000, 0);
    let tell = |path: &str, body: serde_json::Value| {
        crate::support::ask(&world.sandbox.salesforce, "POST", path, Some(&body));
    };
    tell("/_sandbox/settings", serde_json::json!({ "bulk_ms": 3_600_000 }));
    let mut child = world
        .command(&["apply", "--auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let closed = || {
        let path = "/services/data/v60.0/jobs/ingest";
        let jobs = crate::support::ask(&world.sandbox.salesforce, "GET", path, None);
        jobs["records"].as_array().is_some_and(|all| all.iter().any(|job| job["state"] == "InProgress"))
    };
    while !closed() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a job");
        std::thread::sleep(Duration::from_millis(20));
    }
    let newest = || world.json(&["status", "--format", "json"])["runs"][0]["outcome"].clone();
    assert_eq!(newest(), "running");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(newest(), "interrupted");
    assert_eq!(world.json(&["runs", "show", "latest", "--format", "json"])["outcome"], "interrupted");
    let made = || world.query("SELECT Id FROM Contact").len();
    let before = made();
    let waiting = world.run(&["run"]);
    assert_eq!(waiting.status.code(), Some(3), "{}", err(&waiting));
    assert_eq!(made(), before, "nothing is made beside the job");
    tell("/_sandbox/clock", serde_json::json!({ "advance_ms": 3_700_000 }));
    for _ in 0..2 {
        let run = world.run(&["run"]);
        assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    }
    is_whole(&world, "a job outlived its run");
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// I24: a process that was taken for dead, and whose lock was removed by hand, wakes up beside its successor: it stops
/// before it writes again, and nothing is doubled.
#[test]
fn a_run_whose_state_was_taken_over_stops() {
    // A process that was stopped inside a transaction keeps the state, which nobody can take from it (exit 7): such an
    // attempt says nothing, and a new world is tried.
    let taken = (0..20).find_map(|attempt| taken_over(9 + attempt));
    let (world, first) = taken.expect("no stop came outside of a transaction");
    // 7 when it meets the new owner at its next commit, 1 when its own request has timed out by then.
    assert!(matches!(first, Some(1 | 7)), "{first:?}");
    assert!(matches!(world.run(&["run"]).status.code(), Some(0 | 3)));
    let writes = world.writes();
    assert_eq!(world.run(&["run"]).status.code(), Some(0));
    assert_eq!(world.writes(), writes);
    is_whole(&world, "taken over");
}

/// A first run stopped after so many writes, a second one that took its state over and finished, and the first one's
/// exit code after it was woken up.
fn taken_over(writes: u64) -> Option<(World, Option<i32>)> {
    let world = World::new(24, 40, 16);
    let mut first = started(&world, writes);
    signal(&first, "-STOP");
    std::fs::remove_file(world.path(".twinmap/state.lock")).unwrap_or_default();
    let second = world.run(&["run"]).status.code();
    if first.try_wait().unwrap().is_some() {
        return None;
    }
    signal(&first, "-CONT");
    let code = first.wait().unwrap().code();
    if second == Some(7) {
        return None;
    }
    assert_eq!(second, Some(0));
    Some((world, code))
}
