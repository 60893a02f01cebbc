//! The language: what parses, and what is said about what does not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::path::Path;

use twinmap::diag::render::text;
use twinmap::diag::{Diagnostic, in_order};
use twinmap::source::SourceMap;
use twinmap::syntax;

fn parse(source: &str) -> (SourceMap, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    sources.add("a.twin", source);
    let (_, found) = syntax::parse(&sources);
    let found = in_order(&sources, found);
    (sources, found)
}

/// Every block of the language reference is a program without syntax errors.
const REFERENCE: &str = include_str!("corpus/reference.twin");

#[test]
fn the_whole_language_parses() {
    let (sources, found) = parse(REFERENCE);
    assert!(found.is_empty(), "{}", text::rich(&sources, &found, false));
}

#[test]
fn the_example_project_parses() {
    let mut sources = SourceMap::new();
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce");
    for folder in ["mappings", "tests", "policies"] {
        for entry in std::fs::read_dir(specs.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            sources.add(path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        }
    }
    let (program, found) = syntax::parse(&sources);
    assert!(found.is_empty(), "{}", text::rich(&sources, &in_order(&sources, found), false));
    assert!(program.files.iter().map(|file| file.items.len()).sum::<usize>() >= 14);
}

/// One mistake a line; each gives one finding, on its own line, and nothing follows from it.
#[test]
fn each_planted_mistake_gives_one_finding_on_its_line() {
    let source = r#"synch companies: hubspot.company <-> salesforce.Account {
  start: all
}
sync a: hubspot.company <-> salesforce.Account {
  filter hubspot domain is set
  match: hubspot.domain
  start: all
  start: new
  delete: wipe
  colour: red
  map {
    name <=> Name
    domain => Website
    phone -> Phone prefre hubspot
    city <-> BillingCity using
    zip <-> "unclosed
    “state” -> BillingState
    country -> BillingCountry when
    x -> Y when z == 12345678901234567890123456789012345678901
    a -> B when c matches "("
  }
}
values v: hubspot.company.industry <-> salesforce.Account.Industry {
  "A" <-> "B
  else perhaps
}
sync b: hubspot.contact <-> salesforce.Contact {
  map {
    email <-> Email
sync c: hubspot.deal <-> salesforce.Opportunity {
  match: none
}
"#;
    let (sources, found) = parse(source);
    let got: Vec<(u32, &str)> = found
        .iter()
        .map(|d| (sources.position(d.primary.span.file, d.primary.span.start).line, d.code.id()))
        .collect();
    let want = [
        (1, "E102"),
        (5, "E106"),
        (6, "E101"),
        (8, "E108"),
        (9, "E102"),
        (10, "E102"),
        (12, "E105"),
        (13, "E105"),
        (14, "E102"),
        (15, "E101"),
        (16, "E104"),
        (17, "E107"),
        (18, "E101"),
        (19, "E111"),
        (20, "E109"),
        (24, "E104"),
        (25, "E102"),
        (27, "E103"),
        (28, "E103"),
    ];
    assert_eq!(got, want, "\n{}", text::rich(&sources, &found, false));
}

#[test]
fn any_bytes_are_answered() {
    for hostile in [
        "{".repeat(5000),
        "[".repeat(5000),
        "(".repeat(5000),
        "\"".repeat(999),
        "sync a: x.y <-> ".repeat(400),
    ] {
        let (_, found) = parse(&format!("sync a: b.c <-> d.e {{\n map {{\n x -> {hostile}\n }}\n}}\n"));
        assert!(!found.is_empty());
    }
    let nots = format!("sync a: b.c <-> d.e {{\n filter b: {} x\n}}\n", "not ".repeat(2000));
    assert!(!parse(&nots).1.is_empty());
    let minus = format!("sync a: b.c <-> d.e {{\n filter b: x == {}1\n}}\n", "-".repeat(3000));
    let _ = parse(&minus);
}
