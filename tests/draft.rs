//! Drafts over every pair of systems of the test schemas: never an error, whatever the schemas hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::path::Path;

use twinmap::check::check_program;
use twinmap::diag::render::text::rich;
use twinmap::diag::{Severity, in_order};
use twinmap::draft;
use twinmap::resolve::Schemas;
use twinmap::source::SourceMap;
use twinmap::syntax::{fmt::format, parse};

fn schemas(folder: &Path) -> Schemas {
    let mut schemas = Schemas::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let system = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            schemas.systems.insert(name, system);
        }
    }
    schemas
}

#[test]
fn drafts_have_no_errors_between_any_two_systems() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/schemas");
    let mut drafted = 0;
    for set in ["acme", "bare", "locked", "money"] {
        let schemas = schemas(&tests.join(set));
        let names: Vec<&String> = schemas.systems.keys().collect();
        for left in &names {
            for right in names.iter().filter(|right| right != &left) {
                let files = draft::program(&schemas, left, right);
                let mut sources = SourceMap::new();
                for file in &files {
                    assert_eq!(format(&file.text).text, file.text, "{set}: {}", file.name);
                    sources.add(&file.name, &file.text);
                }
                let (program, mut found) = parse(&sources);
                found.extend(check_program(&schemas, &program).diagnostics);
                found.retain(|one| one.severity == Severity::Error);
                let found = in_order(&sources, found);
                assert!(found.is_empty(), "{set}, {left} to {right}:\n{}", rich(&sources, &found, false));
                drafted += files.len();
            }
        }
    }
    assert!(drafted > 15, "only {drafted} files");
}
