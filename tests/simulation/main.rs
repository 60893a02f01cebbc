//! The engine in a simulated world: real merge, real engine, real store in memory; virtual time, simulated CRMs, faults.
//!
//! `TWINMAP_SEEDS=200000 cargo test --release --test simulation -- --nocapture` for more than the few seeds of a test
//! run; `TWINMAP_SEED=17` for the story of one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and says what it does"
)]

mod chance;
mod crm;
mod faults;
mod oracle;
mod people;
mod program;
mod scenario;
mod server;
mod tell;
mod world;

use std::collections::BTreeMap;

use chance::Chance;
use faults::Faults;
use program::{ACCOUNT, COMPANY, CONTACT, PERSON};
use scenario::{End, Outcome, Sim, Without, shrink, simulate};
#[cfg(any(feature = "ablation", debug_assertions))]
use twinmap::engine::Ablation;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn story(outcome: &Outcome) -> String {
    let end = outcome.choices.iter().rposition(|choice| *choice != 0).map_or(0, |at| at + 1);
    format!("{}\n{:?}\nchoices {:?}", outcome.trace.join("\n"), outcome.verdict, &outcome.choices[..end])
}

#[test]
fn no_seed_breaks_an_invariant() {
    if let Some(seed) = number("TWINMAP_SEED") {
        let mut outcome = simulate(Chance::seeded(seed), Without::default(), true);
        if outcome.verdict.is_err() && number("TWINMAP_SHRINK").is_some() {
            outcome =
                shrink(outcome.choices, Without::default(), number("TWINMAP_SHRINK").unwrap_or(0) as usize);
        }
        println!("{}", story(&outcome));
        assert!(outcome.verdict.is_ok());
        return;
    }
    let seeds = number("TWINMAP_SEEDS").unwrap_or(150);
    let first = number("TWINMAP_FIRST").unwrap_or(1);
    let started = std::time::Instant::now();
    let (mut calls, mut writes, mut crashes) = (0, 0, 0);
    let mut bad: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    for seed in first..first + seeds {
        let outcome = simulate(Chance::seeded(seed), Without::default(), false);
        calls += outcome.calls;
        writes += outcome.writes;
        crashes += outcome.crashes;
        if let Err(why) = outcome.verdict {
            let kind = why.split(':').next().unwrap().to_owned();
            bad.entry(kind).or_insert((0, seed, why)).0 += 1;
        }
    }
    let time = started.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds in {time:.1} s ({:.0} seeds/s), {calls} calls, {writes} writes, {crashes} crashes",
        seeds as f64 / time
    );
    for (kind, (count, seed, why)) in &bad {
        println!("{count:>6} x {kind}; first seed {seed}: {why}");
    }
    if let Some((_, seed, _)) = bad.values().min_by_key(|(_, seed, _)| *seed) {
        let choices = simulate(Chance::seeded(*seed), Without::default(), false).choices;
        let small = shrink(choices, Without::default(), 3000);
        panic!("seed {seed} fails; shrunk:\n{}", story(&small));
    }
}

/// Found by long searches: two edits in the millisecond of a read, a process that settled the requests of the one that
/// had taken the state over from it, records whose key a deleted one had before, a record that was made and not shown whole;
/// contacts that an account took along, and one that waited for a link that lives again.
#[test]
fn seeds_that_failed_once_pass() {
    for seed in
        [18_293, 22_841, 36_087, 56_593, 104_385, 120_899, 151_593, 510_167, 510_513, 519_127, 571_665]
    {
        let outcome = simulate(Chance::seeded(seed), Without::default(), true);
        assert!(outcome.verdict.is_ok(), "seed {seed}\n{}", story(&outcome));
    }
}

#[test]
fn the_same_seed_has_the_same_story() {
    for seed in 1..=10 {
        let tell = || simulate(Chance::seeded(seed), Without::default(), true);
        let (once, again) = (tell(), tell());
        assert_eq!(once.trace, again.trace);
        let scripted = simulate(Chance::scripted(once.choices), Without::default(), true);
        assert_eq!(once.trace, scripted.trace);
    }
}

/// Each safeguard taken away is noticed: a simulation that sees nothing proves nothing.
#[cfg(any(feature = "ablation", debug_assertions))]
#[test]
fn every_ablation_is_noticed() {
    let full = Ablation::default();
    let whole = Without::default();
    // The last number is the seed to begin with: what few seeds show is looked for near the first of them.
    let all = [
        ("one base for both sides", Ablation { shared_base: true, ..full }.into(), 1),
        ("no watermark overlap", Ablation { no_overlap: true, ..full }.into(), 1),
        ("echo told by timestamps", Ablation { timestamp_echo: true, ..full }.into(), 1),
        ("updates not journalled", Ablation { no_update_intent: true, ..full }.into(), 1),
        ("watermark before the inbox", Ablation { watermark_early: true, ..full }.into(), 1),
        ("no history check after a write", Ablation { no_history_check: true, ..full }.into(), 1),
        ("creates not journalled", Ablation { no_create_intent: true, ..full }.into(), 1),
        ("no conditional write", Ablation { no_cas: true, ..full }.into(), 1),
        ("base = read-back, whatever it is", Ablation { blind_readback: true, ..full }.into(), 1),
        ("no external id", Ablation { no_external_id: true, ..full }.into(), 1),
        ("no stamp of the operation", Ablation { no_op_stamp: true, ..full }.into(), 1),
        ("requests not settled first", Ablation { no_settle: true, ..full }.into(), 1),
        ("no waiting for late requests", Ablation { no_quiesce: true, ..full }.into(), 1),
        ("no second look at old pairs", Ablation { no_reread: true, ..full }.into(), 1),
        ("conditional write within one second", Ablation { naive_cas: true, ..full }.into(), 1),
        ("archives in the order of their syncs", Ablation { archive_early: true, ..full }.into(), 1001),
        ("archives whatever hangs on them", Ablation { archive_unasked: true, ..full }.into(), 7001),
        ("no filter", Without { filter: true, ..whole }, 1),
        ("no guard", Without { guard: true, ..whole }, 801),
        ("a process that lost the state goes on", Without { epoch: true, ..whole }, 1),
    ];
    let most = number("TWINMAP_ABLATION_SEEDS").unwrap_or(20_000);
    let mut unseen = Vec::new();
    for (name, without, first) in all {
        let found = (first..first + most).find_map(|seed| {
            let verdict = simulate(Chance::seeded(seed), without, false).verdict;
            verdict.err().map(|why| (seed, why))
        });
        match found {
            Some((seed, why)) => println!("{name}: seed {seed}: {why}"),
            None => {
                println!("{name}: NOT noticed in {most} seeds");
                unseen.push(name);
            }
        }
    }
    assert!(unseen.is_empty(), "not noticed in {most} seeds: {unseen:?}");
}

/// A world in which new records and edits on both sides wait for one run.
fn prepared(faults: Faults) -> Sim {
    let sim = Sim::new(Chance::scripted(vec![0, 0, 1]), Some(faults), Without::default(), false);
    let (company, account) = {
        let mut world = sim.world.borrow_mut();
        world.now += 60_000;
        let company = world.new_record_with(COMPANY, "k1");
        world.new_record_with(PERSON, "p1@x.example");
        (company, world.new_record_with(ACCOUNT, "k2"))
    };
    assert_eq!(sim.run(), End::Done);
    let mut world = sim.world.borrow_mut();
    world.now += 600_000;
    world.new_record_with(COMPANY, "k3");
    world.new_record_with(CONTACT, "p2@x.example");
    world.edit(COMPANY, &company, 2);
    world.edit(ACCOUNT, &account, 3);
    drop(world);
    sim
}

#[test]
fn a_crash_at_any_call_or_commit_is_recovered() {
    let mut tried = 0;
    for commits in [false, true] {
        for boundary in 0.. {
            let sim = prepared(Faults::default());
            {
                let mut world = sim.world.borrow_mut();
                if commits {
                    world.commits.store(boundary, std::sync::atomic::Ordering::Relaxed);
                } else {
                    world.calls_left = boundary;
                }
            }
            let end = sim.run();
            sim.settle().and_then(|()| oracle::judge(&sim)).unwrap_or_else(|why| {
                panic!("a crash at boundary {boundary} (commits: {commits}): {why}");
            });
            tried += 1;
            if end != End::Crashed {
                break;
            }
        }
    }
    assert!(tried > 60, "only {tried} boundaries");
}

#[test]
fn a_process_that_lost_the_state_at_any_call_does_no_harm() {
    let mut tried = 0;
    for calls in 0.. {
        let sim = prepared(Faults { takeover: true, ..Faults::default() });
        let both = sim.contend(calls);
        sim.settle().and_then(|()| oracle::judge(&sim)).unwrap_or_else(|why| {
            panic!("another process takes the state over after {calls} calls: {why}");
        });
        if !both {
            break;
        }
        tried += 1;
    }
    assert!(tried > 20, "only {tried} boundaries");
}

/// I19: what becomes of the other records is the same with and without one that the CRM refuses.
#[test]
fn a_record_that_always_fails_changes_nothing_for_the_others() {
    let told = |value: &str| {
        let sim = prepared(Faults::default());
        {
            let mut world = sim.world.borrow_mut();
            let first = world.crm.live(COMPANY)[0].clone();
            let other = world.new_record_with(COMPANY, "k7");
            world.edit_to(COMPANY, &first, 2, value);
            world.edit_to(COMPANY, &other, 3, "there");
        }
        for _ in 0..4 {
            assert_eq!(sim.run(), End::Done);
            sim.world.borrow_mut().now += 60_000;
        }
        let world = sim.world.borrow();
        let rows = world.crm.tables.iter().flat_map(|table| table.rows.values());
        let rows = rows.filter(|row| row.value(0) != "k1");
        rows.map(|row| (0..row.fields.len().min(4)).map(|at| row.value(at).to_owned()).collect::<Vec<_>>())
            .map(|mut values| {
                values.remove(1);
                values
            })
            .collect::<Vec<_>>()
    };
    let (sound, poisoned) = (told("fine"), told(crm::POISON));
    assert!(sound.len() >= 8, "{sound:?}");
    assert_eq!(sound, poisoned);
}

/// An answer that leaves out the look-up of a contact says nothing of its account, and no feed tells of the change again.
#[test]
fn an_association_that_an_answer_left_out_is_made_later() {
    let sim = Sim::new(Chance::scripted(vec![0, 0, 1]), Some(Faults::default()), Without::default(), false);
    let (company, contact) = {
        let mut world = sim.world.borrow_mut();
        (world.new_record_with(COMPANY, "k1"), world.new_record_with(CONTACT, "p1@x.example"))
    };
    let later = |minutes: i64| sim.world.borrow_mut().now += minutes * 60_000;
    let run = || {
        later(20);
        assert_eq!(sim.run(), End::Done);
    };
    run();
    run();
    {
        let mut world = sim.world.borrow_mut();
        world.now += 60_000;
        let account = world.crm.live(ACCOUNT)[0].clone();
        let now = world.now;
        world.crm.set(CONTACT, &contact, 3, &account, false, now, now);
        world.withheld = Some((CONTACT, 3));
    }
    assert_eq!(sim.run(), End::Done);
    // The overlap of the feed tells of it once more.
    run();
    sim.world.borrow_mut().withheld = None;
    run();
    let world = sim.world.borrow();
    let people: Vec<_> = world.crm.tables[PERSON].rows.values().map(|row| &row.companies).collect();
    assert_eq!(people, [&BTreeMap::from([(company, true)])]);
}
