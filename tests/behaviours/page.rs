//! `docs/BEHAVIOURS.md`, made of the catalogue and of what the tests register. `UPDATE=1 cargo test --test behaviours`
//! rewrites it; without that a page that says something else is a failure.

use std::fmt::Write as _;

use crate::catalogue::{SECTIONS, Section};
use crate::registry::Shown;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/BEHAVIOURS.md");

const HEAD: &str = "\
# Behaviours

What the help pages of the integrations that twinmap replaces promise, rule by rule, and what twinmap does about each.
\"Shown by\" names the test under `tests/behaviours/` that shows it end to end: the real commands, over HTTP, against the
simulated CRMs. A rule without a test says **not shown**; nothing is claimed for it.

`cargo test --test behaviours` runs them and prints how many passed. This page is made by
`UPDATE=1 cargo test --test behaviours page`.
";

/// The tests of a number.
fn of(shown: &[&'static Shown], number: u16) -> Vec<&'static Shown> {
    shown.iter().copied().filter(|one| one.numbers.contains(&number)).collect()
}

fn section(section: &Section, shown: &[&'static Shown], out: &mut String) {
    let numbers = (section.first..).take(section.rules.len());
    let count = numbers.clone().filter(|number| !of(shown, *number).is_empty()).count();
    let _ = writeln!(out, "\n## {}\n\n{count} of {} shown.\n", section.title, section.rules.len());
    out.push_str(
        "| | The rule | What twinmap does | Differs on purpose | Shown by |\n|---|---|---|---|---|\n",
    );
    for (number, rule) in numbers.zip(section.rules) {
        let tests = of(shown, number);
        let join = |part: fn(&Shown) -> String| {
            let all: Vec<String> =
                tests.iter().map(|one| part(one)).filter(|text| !text.is_empty()).collect();
            all.join(" ")
        };
        let by = if tests.is_empty() {
            "**not shown**".to_owned()
        } else {
            join(|one| format!("`{}`", one.name()))
        };
        let (does, differs) = (join(|one| one.does.to_owned()), join(|one| one.differs.to_owned()));
        let _ = writeln!(out, "| B{number} | {rule} | {does} | {differs} | {by} |");
    }
}

fn page(shown: &[&'static Shown]) -> String {
    let mut out = HEAD.to_owned();
    for one in SECTIONS {
        section(one, shown, &mut out);
    }
    out.push_str("\n## What no help page numbers\n\n| What twinmap does | Differs on purpose | Shown by |\n|---|---|---|\n");
    for one in shown.iter().filter(|one| one.numbers.is_empty()) {
        let _ = writeln!(out, "| {} | {} | `{}` |", one.does, one.differs, one.name());
    }
    out
}

/// Compares the page with the registry, or rewrites it.
pub fn is_current(shown: &[&'static Shown]) {
    let wanted = page(shown);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(PAGE, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    let stale = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/BEHAVIOURS.md does not say what the tests register; `UPDATE=1 cargo test --test behaviours page` rewrites \
         it. First difference: {stale:?}"
    );
}
