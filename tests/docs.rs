//! The documentation holds: each page's wrong example gives exactly its code, each right one nothing, and every
//! program in the reference compiles.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use twinmap::check::check_program;
use twinmap::diag::errors::text::not_utf8;
use twinmap::diag::render::text::rich;
use twinmap::diag::{Code, Diagnostic, in_order};
use twinmap::plan::{Origin, lower};
use twinmap::resolve::Schemas;
use twinmap::schema::salesnav;
use twinmap::source::SourceMap;
use twinmap::syntax::{allow, parse};
use twinmap::testing::{self, Report, render};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A set of the corpus's schemas.
fn schemas(set: &str) -> Schemas {
    let mut schemas = Schemas::default();
    let folder = root().join("tests/corpus/schemas").join(set);
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no schemas `{set}`")) {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let system = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        schemas.systems.insert(name, system);
    }
    for name in ["salesnav", "salesnav2"] {
        schemas.systems.insert(name.to_owned(), salesnav::system());
    }
    schemas
}

/// What is found in a program, and how it reads.
fn check(set: &str, bytes: &[u8]) -> (Vec<&'static str>, String) {
    let schemas = schemas(set);
    let mut sources = SourceMap::new();
    let (id, bad) = sources.add_bytes("example.twin", bytes);
    let (program, mut found): (_, Vec<Diagnostic>) = parse(&sources);
    found.extend(bad.map(|bad| not_utf8(&sources, id, bad)));
    found.extend(check_program(&schemas, &program).diagnostics);
    let found = in_order(&sources, allow::apply(&program, &sources, found));
    (found.iter().map(|one| one.code.id()).collect(), rich(&sources, &found, false))
}

/// The `test` items of a right program, run.
fn run_tests(set: &str, program: &str) -> Report {
    let schemas = schemas(set);
    let mut sources = SourceMap::new();
    sources.add("example.twin", program);
    let (program, _) = parse(&sources);
    let checked = check_program(&schemas, &program);
    let plan = lower(&checked.program, &schemas, &sources, &Origin::default());
    let cases = testing::cases(&checked.program, &sources);
    testing::run(&plan, &cases, &BTreeMap::new(), false)
}

/// The tests that the corpus shows as right also pass.
#[test]
fn tests_of_the_corpus_pass() {
    for case in ["090_tests", "091_tests_of_arms"] {
        let path = root().join("tests/corpus/ok").join(case).join("main.twin");
        let report = run_tests("acme", &std::fs::read_to_string(&path).unwrap());
        assert!(report.summary.passed > 0, "{case} has no tests");
        assert_eq!(report.summary.failed, 0, "{case}: {}", render::text(&report, true, false));
    }
}

/// The `twin` blocks of a page, each with the heading above it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut heading, mut block) = (String::new(), None::<String>);
    for line in page.lines() {
        match (&mut block, line) {
            (Some(text), "```") => {
                found.push((heading.clone(), std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, "```twin") => block = Some(String::new()),
            (None, line) => {
                if let Some(text) = line.strip_prefix('#') {
                    heading = text.trim_start_matches('#').trim().to_owned();
                }
            }
        }
    }
    found
}

fn schema_set(page: &str) -> &str {
    let set = page.lines().find_map(|line| line.strip_prefix("<!-- schemas: ")?.strip_suffix(" -->"));
    set.unwrap_or("acme")
}

#[test]
fn every_code_has_a_page_whose_examples_hold() {
    let mut wrong = Vec::new();
    for code in Code::all() {
        let path = root().join(format!("docs/errors/{}.md", code.id()));
        let page = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        assert!(page.starts_with(&format!("# {} {}\n", code.id(), code.slug())), "{}", path.display());
        let blocks = blocks(&page);
        let named = |name: &str| blocks.iter().find(|(heading, _)| heading == name).map(|(_, text)| text);
        let (Some(bad), Some(good)) = (named("Wrong"), named("Right")) else {
            panic!("{} has no examples", code.id());
        };
        let set = schema_set(&page);
        // The page itself is UTF-8: the example of E110 is saved in Latin 1 here.
        let bytes: Vec<u8> = if code.id() == "E110" {
            bad.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
        } else {
            bad.clone().into_bytes()
        };
        let (codes, text) = check(set, &bytes);
        if codes.is_empty() || codes.iter().any(|found| *found != code.id()) {
            wrong.push(format!("{} wrong example gives {codes:?}\n{text}", code.id()));
        }
        let (codes, text) = check(set, good.as_bytes());
        if !codes.is_empty() {
            wrong.push(format!("{} right example gives {codes:?}\n{text}", code.id()));
        }
        // Examples are laid out as `twinmap fmt` leaves them.
        for text in [bad, good] {
            let formatted = twinmap::syntax::fmt::format(text).text;
            if formatted != *text {
                wrong.push(format!("{} is not laid out:\n{formatted}", code.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} pages:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn there_is_no_page_without_a_code() {
    for entry in std::fs::read_dir(root().join("docs/errors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(Code::find(&name).is_some(), "{}", path.display());
    }
}

/// Every program of the reference is right, and no page links to a page that is not there.
#[test]
fn every_program_of_the_reference_compiles() {
    let text = std::fs::read_to_string(root().join("docs/LANGUAGE.md")).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 14, "only {} programs", blocks.len());
    let mut wrong = Vec::new();
    let mut tested = 0;
    for (heading, program) in blocks {
        let (codes, text) = check("acme", program.as_bytes());
        let report = run_tests("acme", &program);
        tested += report.summary.passed;
        if report.summary.failed > 0 {
            wrong.push(format!("{heading}: {}", render::text(&report, true, false)));
        }
        if !codes.is_empty() {
            wrong.push(format!("{heading}: {codes:?}\n{text}"));
        }
        let formatted = twinmap::syntax::fmt::format(&program).text;
        if formatted != program {
            wrong.push(format!("{heading} is not laid out:\n{formatted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tested >= 3, "only {tested} tests ran");
    for page in ["docs/LANGUAGE.md", "docs/DESIGN.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let outside = file.is_empty() || file.starts_with("http");
            assert!(outside || Path::new(&root().join("docs").join(file)).exists(), "{page} links to {link}");
        }
    }
}
