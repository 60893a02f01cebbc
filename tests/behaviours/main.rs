//! The behaviours of the integrations that twinmap replaces, end to end: real commands over HTTP against the simulated
//! CRMs. Each test is registered with the numbers that it shows; the run prints how many of them passed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and this one prints the count"
)]

mod accounts;
mod across;
mod activities;
mod catalogue;
mod deals;
mod linkedin_app;
mod linkedin_connection;
mod linkedin_cut_off;
mod linkedin_runs;
mod linkedin_sync;
mod linkedin_writeback;
mod nav_world;
mod page;
mod people;
mod registry;
mod stages;
#[path = "../runs/support.rs"]
mod support;
mod switch;
mod values;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use registry::Shown;

/// The modules' tests.
const SHOWN: &[&[Shown]] = &[
    accounts::SHOWN,
    across::SHOWN,
    activities::SHOWN,
    deals::SHOWN,
    people::SHOWN,
    stages::SHOWN,
    values::SHOWN,
    switch::SHOWN,
    linkedin_app::SHOWN,
    linkedin_connection::SHOWN,
    linkedin_sync::SHOWN,
    linkedin_writeback::SHOWN,
];

/// Ranges that are counted by themselves.
const COUNTED: &[(&str, std::ops::RangeInclusive<u16>)] = &[("", 83..=136), (" (LinkedIn)", 1..=82)];

/// Which tests passed, by name.
type Results = Arc<Mutex<BTreeMap<&'static str, bool>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    std::panic::set_hook(Box::new(|panic| {
        SAID.with(|said| *said.borrow_mut() = panic.to_string());
    }));
    let shown: Vec<&'static Shown> = SHOWN.iter().copied().flatten().collect();
    let results = Results::default();
    let mut trials: Vec<Trial> = shown.iter().map(|one| trial(one, &results)).collect();
    let registered = shown.clone();
    trials.push(Trial::test("page::is_current", move || finished(|| page::is_current(&registered))));
    for (name, test) in linkedin_runs::TESTS.iter().chain(linkedin_cut_off::TESTS) {
        trials.push(Trial::test(*name, move || finished(*test)));
    }
    let numbers = shown.clone();
    trials.push(Trial::test("registry::numbers_exist_and_names_are_unique", move || {
        finished(|| numbers_exist_and_names_are_unique(&numbers))
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        tell(&shown, &results.lock().unwrap());
    }
    conclusion.exit_code()
}

fn trial(one: &'static Shown, results: &Results) -> Trial {
    let results = results.clone();
    Trial::test(one.name(), move || {
        let outcome = finished(one.run);
        results.lock().unwrap().insert(one.name(), outcome.is_ok());
        outcome
    })
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A test fails by panicking.
fn finished(test: impl FnOnce()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(test)).map_err(|_| Failed::from(SAID.with(RefCell::take)))
}

/// A number counts when a test of it ran and none of them failed.
fn tell(shown: &[&'static Shown], results: &BTreeMap<&'static str, bool>) {
    let passed = |number: u16| {
        let mut of = shown.iter().filter(|one| one.numbers.contains(&number)).peekable();
        of.peek().is_some() && of.all(|one| results.get(one.name()) == Some(&true))
    };
    for (what, range) in COUNTED {
        let (count, all) = (range.clone().filter(|number| passed(*number)).count(), range.clone().count());
        println!("behaviours{what}: {count} of {all}");
        let missing: Vec<String> =
            range.clone().filter(|number| !passed(*number)).map(|number| format!("B{number}")).collect();
        if !missing.is_empty() && count > 0 {
            println!("  not shown by this run: {}", missing.join(" "));
        }
    }
}

fn numbers_exist_and_names_are_unique(shown: &[&'static Shown]) {
    let known: BTreeSet<u16> = catalogue::numbers().collect();
    let mut names = BTreeSet::new();
    for one in shown {
        let unknown: Vec<&u16> = one.numbers.iter().filter(|number| !known.contains(number)).collect();
        assert!(unknown.is_empty(), "{}: no behaviour has the numbers {unknown:?}", one.name());
        assert!(names.insert(one.name()), "{} is registered twice", one.name());
    }
    assert_eq!(known.len(), 136);
}
