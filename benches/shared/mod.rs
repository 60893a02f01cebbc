//! What several benches need.

use std::path::Path;

use twinmap::check::check_program;
use twinmap::plan::ir::SyncPlan;
use twinmap::plan::{Origin, lower};
use twinmap::resolve::Schemas;
use twinmap::source::SourceMap;
use twinmap::syntax::parse;

/// The sync plan of a project of this repository, by the snapshots of one of its environments.
pub fn plan(project: &str, environment: &str, mappings: &[&str]) -> SyncPlan {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join(project);
    let mut schemas = Schemas::default();
    for name in ["hubspot", "salesforce"] {
        let path = project.join(format!("schema/{environment}/{name}.json"));
        let text = std::fs::read_to_string(path).unwrap();
        schemas.systems.insert(name.to_owned(), serde_json::from_str(&text).unwrap());
    }
    let mut sources = SourceMap::new();
    for name in mappings {
        sources.add(*name, &std::fs::read_to_string(project.join("mappings").join(name)).unwrap());
    }
    let (program, _) = parse(&sources);
    let checked = check_program(&schemas, &program);
    lower(&checked.program, &schemas, &sources, &Origin::default())
}
