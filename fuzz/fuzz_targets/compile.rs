//! From text to plan: what is accepted compiles to a plan that reads back.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use twinmap::check::check_program;
use twinmap::diag::Severity;
use twinmap::plan::ir::SyncPlan;
use twinmap::plan::{Origin, lower};
use twinmap::resolve::Schemas;
use twinmap::schema::salesnav;
use twinmap::source::SourceMap;
use twinmap::syntax::parse;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let mut schemas = Schemas::default();
    for (name, text) in [
        ("hubspot", include_str!("../../tests/corpus/schemas/acme/hubspot.json")),
        ("salesforce", include_str!("../../tests/corpus/schemas/acme/salesforce.json")),
    ] {
        schemas.systems.insert(name.to_owned(), serde_json::from_str(text).unwrap());
    }
    schemas.systems.insert("salesnav".to_owned(), salesnav::system());
    schemas
});

fuzz_target!(|bytes: &[u8]| {
    let mut sources = SourceMap::new();
    sources.add_bytes("a.twin", bytes);
    let (program, found) = parse(&sources);
    let checked = check_program(&SCHEMAS, &program);
    if found.iter().chain(&checked.diagnostics).any(|one| one.severity == Severity::Error) {
        return;
    }
    let plan = lower(&checked.program, &SCHEMAS, &sources, &Origin::default());
    let text = plan.to_json();
    assert_eq!(SyncPlan::from_json(&text).unwrap().to_json(), text);
});
