//! `twinmap test`: the unit tests of the mappings. Offline.

use std::path::PathBuf;

use super::error::CliResult;
use super::exit::Exit;
use super::{App, findings, load};
use crate::testing::{self, render};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap test\n  twinmap test tests/deals.twin --names\n  \
    twinmap test --only bank               tests whose name has this text\n  \
    twinmap test --coverage                which rows, conditions and values no test reaches\n  \
    twinmap test --format junit > tests.xml\n\n\
    A test gives a record of one side, or of both, and says what is expected:\n  \
    test \"a bank becomes an account\" in companies {\n    \
    given hubspot { name: \"Acme\", domain: \"acme.example\", industry: \"BANKING\" }\n    \
    expect salesforce { Name: \"Acme\", Industry: \"Banking\" }\n  }")]
pub struct Args {
    /// Run the tests of these files or folders only
    paths: Vec<PathBuf>,
    /// Run the tests whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Also say what no test reaches
    #[arg(long)]
    coverage: bool,
    /// List the tests that passed, too
    #[arg(long)]
    names: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Failures with the fields that differ
    Text,
    /// One JSON document
    Json,
    /// JUnit XML
    Junit,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let wanted = findings::wanted(app, &project.root, &args.paths)?;
    let (plan, loaded) = match load::plan(app, &project)? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let mut cases = loaded.tests;
    cases.retain(|case| {
        let file = std::path::Path::new(&case.file);
        let asked = wanted.is_empty() || wanted.iter().any(|folder| file.starts_with(folder));
        asked && args.only.as_ref().is_none_or(|text| case.name.contains(text))
    });
    let report = testing::run(&plan, &cases, &loaded.owners, args.coverage);
    match args.format {
        Format::Text => app.term.out(&render::text(&report, args.names, app.term.colour_out)),
        Format::Junit => app.term.out(&render::junit(&report)),
        Format::Json => {
            let mut document = serde_json::to_string_pretty(&report).unwrap_or_default();
            document.push('\n');
            app.term.out(&document);
        }
    }
    Ok(if report.summary.failed > 0 { Exit::Failure } else { Exit::Ok })
}
