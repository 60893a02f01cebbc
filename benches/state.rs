//! What a run asks of the state, over more and more links: `cargo bench --bench state -- 100000 1000000`.
//!
//! The figures to look at are those that must not grow: opening, counting, what is open, and the look-ups and updates
//! of a thousand changed records. Also prints the size per link.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may stop at the first surprise, and prints what it measures"
)]

use std::time::Instant;

use twinmap::state::{Bases, Intent, Link, LinkState, Store};
use twinmap::value::{Millis, Value};

/// Records that changed since the last run.
const CHANGED: usize = 1_000;
const ROWS: [&str; 10] =
    ["name", "domain", "industry", "phone", "employees", "revenue", "description", "city", "owner", "type"];

fn link(number: usize) -> Link {
    let mut bases = Bases::default();
    for row in ROWS {
        let value = Value::text(format!("{row} of {number}"));
        bases.rows.insert(format!("companies:{row}<->{row}"), (value.clone(), value));
    }
    Link {
        id: 0,
        sync: "companies".to_owned(),
        left: (1_000_000_000 + number).to_string(),
        arm: "Account".to_owned(),
        right: format!("001{number:012}AAA"),
        state: LinkState::Live,
        reason: "created".to_owned(),
        left_stamp: Some(Millis(1_790_000_000_000)),
        right_stamp: Some(Millis(1_790_000_000_000)),
        bases,
        run: "r20261124-201533-x7k2".to_owned(),
        at: Millis(1_790_000_000_000),
    }
}

/// A state after a first run: links, match keys, and a settled request for each.
fn fill(store: &Store, links: usize) {
    for from in (0..links).step_by(10_000) {
        store
            .atomically(|store| {
                for number in from..links.min(from + 10_000) {
                    let link = link(number);
                    let id = store.put_link(&link)?;
                    let key = [(0, format!("company-{number}.example"))];
                    store.put_keys("companies", "left", &link.left, &key)?;
                    store.put_keys("companies", "Account", &link.right, &key)?;
                    assert!(id > 0);
                }
                Ok(())
            })
            .unwrap();
    }
}

/// Settled requests of earlier runs.
fn journal(store: &Store, entries: usize) {
    for from in (0..entries).step_by(10_000) {
        let numbers = from..entries.min(from + 10_000);
        let intents: Vec<Intent> = numbers
            .map(|number| Intent {
                op: format!("op{number}"),
                run: "r1".to_owned(),
                sync: "companies".to_owned(),
                system: "salesforce".to_owned(),
                object: "Account".to_owned(),
                record: String::new(),
                payload: serde_json::json!({"Name": number}),
                issued: Millis(0),
                until: Millis(1),
            })
            .collect();
        store.atomically(|store| store.add_intents(&intents)).unwrap();
        store
            .atomically(|store| {
                intents
                    .iter()
                    .try_for_each(|intent| store.set_outcome(&intent.op, "ok", "001", "", Millis(1)))
            })
            .unwrap();
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    println!("  {what:52} {:>10.1} ms", started.elapsed().as_secs_f64() * 1e3);
    done
}

fn measure(links: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = Store::open(&path).unwrap();
    let started = Instant::now();
    fill(&store, links);
    drop(store);
    let size = std::fs::metadata(&path).unwrap().len();
    println!(
        "{links} links, written in {:.1} s: {} bytes a link with ten rows and two match keys",
        started.elapsed().as_secs_f64(),
        size / links as u64
    );
    let store = Store::open(&path).unwrap();
    journal(&store, links);
    drop(store);
    let store = timed("open", || Store::open(&path).unwrap());
    timed("count the live links", || store.live_links("companies").unwrap());
    timed("requests without an outcome", || store.open_intents().unwrap());
    let ids: Vec<String> =
        (0..CHANGED).map(|at| (1_000_000_000 + at * (links / CHANGED)).to_string()).collect();
    timed("inbox: 1,000 changes in, and what is due", || {
        store.observe("hubspot", "company", &ids, Millis(1)).unwrap();
        store.due("hubspot", "company", Millis(2)).unwrap()
    });
    let found = timed("links of 1,000 changed records", || {
        ids.iter().map(|id| store.link_of_left("companies", id).unwrap().unwrap()).collect::<Vec<_>>()
    });
    timed("1,000 match keys looked up", || {
        for at in 0..CHANGED {
            let key = format!("company-{}.example", at * (links / CHANGED));
            assert_eq!(store.with_key("companies", 0, "left", &key, 6).unwrap().len(), 1);
        }
    });
    timed("1,000 links updated in one transaction", || {
        store
            .atomically(|store| {
                for link in &found {
                    store.put_link(link)?;
                }
                Ok(())
            })
            .unwrap();
    });
    drop(store);
    timed("a copy for a dry-run", || Store::scratch(&path).unwrap());
}

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut sizes: Vec<usize> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    for links in sizes {
        measure(links.max(CHANGED));
    }
}
