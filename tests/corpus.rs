//! Programs that are right and programs that are wrong, as data: `corpus/ok` and `corpus/fail`.
//!
//! A case is a folder with `.twin` files; the first line of `main.twin` names its schemas (`# schema: acme`, a folder
//! of `corpus/schemas`). An `ok` case is accepted without a word and compiles. A `fail` case marks each line that
//! something is said about (`# error: E302`, `# warning: W404`; alone on a line it means the next one); the marks are
//! held against what is found, and the whole text against `expect.txt`. `UPDATE=1 cargo test --test corpus` rewrites
//! the texts, never the marks; CI never sets it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use twinmap::check::check_program;
use twinmap::diag::render::text::rich;
use twinmap::diag::{Code, Diagnostic, Severity, errors::text::not_utf8, in_order};
use twinmap::plan::{Origin, ir::SyncPlan, lower};
use twinmap::resolve::Schemas;
use twinmap::schema::salesnav;
use twinmap::source::SourceMap;
use twinmap::syntax::{allow, parse};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// The schemas of a set: its snapshots, and Sales Navigator's built-in one.
fn schemas(set: &str) -> Schemas {
    let folder = if set == "sandbox" {
        corpus().join("../../specs/hubspot-salesforce/schema/sandbox")
    } else {
        corpus().join("schemas").join(set)
    };
    let mut schemas = Schemas::default();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no schemas `{set}`")) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let system = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            schemas.systems.insert(name, system);
        }
    }
    for name in ["salesnav", "salesnav2"] {
        schemas.systems.insert(name.to_owned(), salesnav::system());
    }
    schemas.without.push("dynamics".to_owned());
    schemas
}

struct Outcome {
    sources: SourceMap,
    found: Vec<Diagnostic>,
    plan: Option<SyncPlan>,
}

fn run(case: &Path, cache: &mut BTreeMap<String, Schemas>) -> Outcome {
    let mut sources = SourceMap::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "twin"));
    files.sort();
    let mut found = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (id, bad) = sources.add_bytes(name, &std::fs::read(path).unwrap());
        found.extend(bad.map(|bad| not_utf8(&sources, id, bad)));
    }
    let set = sources
        .ids()
        .find_map(|id| sources.text(id).lines().next()?.strip_prefix("# schema: ").map(str::to_owned))
        .unwrap_or_else(|| panic!("{}: no `# schema:` line", case.display()));
    let schemas = &*cache.entry(set.clone()).or_insert_with(|| schemas(&set));
    let (program, parsed) = parse(&sources);
    found.extend(parsed);
    let checked = check_program(schemas, &program);
    found.extend(checked.diagnostics);
    let found = in_order(&sources, allow::apply(&program, &sources, found));
    let sound = found.iter().all(|one| one.severity != Severity::Error);
    let plan = sound.then(|| lower(&checked.program, schemas, &sources, &Origin::default()));
    Outcome { sources, found, plan }
}

fn place(sources: &SourceMap, one: &Diagnostic) -> (String, u32, &'static str) {
    let span = one.primary.span;
    (sources.path(span.file).to_owned(), sources.position(span.file, span.start).line, one.code.id())
}

/// The marks of a case: (file, line, code).
fn marks(sources: &SourceMap) -> BTreeSet<(String, u32, &'static str)> {
    let mut marks = BTreeSet::new();
    for id in sources.ids() {
        for (index, line) in sources.text(id).lines().enumerate() {
            let Some((before, list)) =
                line.split_once("# error: ").or_else(|| line.split_once("# warning: "))
            else {
                continue;
            };
            let number = u32::try_from(index).unwrap() + if before.trim().is_empty() { 2 } else { 1 };
            for code in list.split(',') {
                let code = code.trim();
                let known = Code::find(code).unwrap_or_else(|| panic!("`{code}` is no code"));
                marks.insert((sources.path(id).to_owned(), number, known.id()));
            }
        }
    }
    marks
}

#[test]
fn right_programs_are_accepted_without_a_word() {
    let mut cache = BTreeMap::new();
    let mut wrong = Vec::new();
    let cases = folders(&corpus().join("ok"));
    assert!(cases.len() >= 5, "only {} cases found", cases.len());
    for case in &cases {
        let Outcome { sources, found, plan } = run(case, &mut cache);
        if !found.is_empty() {
            wrong.push(format!("{}:\n{}", case.display(), rich(&sources, &found, false)));
            continue;
        }
        let text = plan.unwrap().to_json();
        match SyncPlan::from_json(&text) {
            Ok(again) if again.to_json() == text => {}
            Ok(_) => wrong.push(format!("{}: the plan reads back differently", case.display())),
            Err(bad) => wrong.push(format!("{}: {bad}", case.display())),
        }
    }
    assert!(wrong.is_empty(), "{} right programs are complained about\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn wrong_programs_are_told_what_is_wrong_and_where() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut cache = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &folders(&corpus().join("fail")) {
        let Outcome { sources, found, .. } = run(case, &mut cache);
        let text = rich(&sources, &found, false);
        let got: BTreeSet<_> = found.iter().map(|one| place(&sources, one)).collect();
        let want = marks(&sources);
        let name = case.file_name().unwrap().to_str().unwrap();
        if got != want {
            let missing: Vec<_> = want.difference(&got).collect();
            let extra: Vec<_> = got.difference(&want).collect();
            wrong.push(format!("{name}: not said {missing:?}, said too much {extra:?}\n{text}"));
            continue;
        }
        if want.is_empty() {
            wrong.push(format!("{name}: nothing is marked"));
        }
        let expect = case.join("expect.txt");
        if update {
            std::fs::write(&expect, &text).unwrap();
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != text {
            wrong.push(format!("{name}: the text differs from expect.txt:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

/// Each code of the registry is shown by a wrong program.
#[test]
fn every_code_has_a_wrong_program() {
    let mut shown = BTreeSet::new();
    for case in &folders(&corpus().join("fail")) {
        for entry in std::fs::read_dir(case).unwrap() {
            let text = std::fs::read(entry.unwrap().path()).unwrap();
            for line in String::from_utf8_lossy(&text).lines() {
                let list = line.split_once("# error: ").or_else(|| line.split_once("# warning: "));
                shown.extend(
                    list.into_iter().flat_map(|(_, list)| list.split(',').map(|code| code.trim().to_owned())),
                );
            }
        }
    }
    let missing: Vec<&str> = Code::all().map(Code::id).filter(|id| !shown.contains(*id)).collect();
    assert!(missing.is_empty(), "no wrong program shows {missing:?}");
}
