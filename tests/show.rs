//! `show` over every right program of the corpus: all parts of the language have words, within 80 columns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};

use twinmap::check::check_program;
use twinmap::plan::show::{describe, text};
use twinmap::plan::{Origin, SyncPlan, lower};
use twinmap::resolve::Schemas;
use twinmap::schema::salesnav;
use twinmap::source::SourceMap;
use twinmap::syntax::parse;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn schemas(set: &str) -> Schemas {
    let folder = match set {
        "sandbox" => corpus().join("../../specs/hubspot-salesforce/schema/sandbox"),
        set => corpus().join("schemas").join(set),
    };
    let mut schemas = Schemas::default();
    for entry in std::fs::read_dir(&folder).unwrap() {
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
    schemas
}

fn plan(case: &Path) -> SyncPlan {
    let mut sources = SourceMap::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "twin"));
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        sources.add_bytes(name, &std::fs::read(path).unwrap());
    }
    let set = sources
        .ids()
        .find_map(|id| sources.text(id).lines().next()?.strip_prefix("# schema: ").map(str::to_owned))
        .unwrap();
    let schemas = schemas(&set);
    let (program, _) = parse(&sources);
    let checked = check_program(&schemas, &program);
    lower(&checked.program, &schemas, &sources, &Origin::default())
}

#[test]
fn every_right_program_has_words() {
    let mut seen = 0;
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(corpus().join("ok")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases {
        let plan = plan(&case);
        let sheet = describe(&plan);
        let shown = text::render(&sheet, text::Detail::Full);
        for line in shown.lines() {
            let one_word = line.split_whitespace().count() <= 1;
            assert!(line.chars().count() <= 80 || one_word, "{}: {line}", case.display());
            assert!(
                !line.contains('?') || shown.contains("matches the pattern"),
                "{}: {line}",
                case.display()
            );
        }
        for sync in &plan.syncs {
            assert!(shown.contains(&format!("sync {}: ", sync.name)), "{}", case.display());
            for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
                let ways = usize::from(row.to_right.is_some()) + usize::from(row.to_left.is_some());
                let said = sheet
                    .syncs
                    .iter()
                    .flat_map(|sync| &sync.flows)
                    .flat_map(|flow| &flow.rows)
                    .filter(|said| said.at == row.at)
                    .count();
                assert!(said >= ways, "{}: {} is said {said} times", case.display(), row.text);
            }
        }
        seen += 1;
    }
    assert!(seen > 100, "only {seen} programs");
}
