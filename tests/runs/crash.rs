//! `kill -9` in the middle of an apply: the next runs leave no duplicate and no half-linked record.

use std::time::Duration;

use crate::support::{World, err};

/// Every record of one side has exactly one partner on the other, and every pair is linked.
fn is_whole(world: &World, moment: &str) {
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

#[test]
fn ten_kills_at_different_moments_leave_no_duplicate_and_no_half_linked_record() {
    for round in 0..10_u64 {
        let world = World::new(24, 40, 16);
        let mut child = world.command(&["apply", "--auto-approve"]).spawn().unwrap();
        // The moment is counted in writes that the servers have seen, not in time: it is met on any machine.
        let wanted = 1 + round * 7;
        let mut patience = 3_000;
        while world.writes() < wanted && patience > 0 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            patience -= 1;
        }
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
