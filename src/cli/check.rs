//! `twinmap check`: parse and type-check the mappings against the snapshots. Offline.

use std::path::PathBuf;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use crate::diag::render::{json, text};
use crate::diag::{Diagnostic, Severity};
use crate::source::SourceMap;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap check\n  twinmap check mappings/deals.twin --format short\n  \
    twinmap check --format json > findings.json")]
pub struct Args {
    /// Show findings of these files or folders only (the whole program is always checked)
    paths: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value = "rich", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With the lines that they are about, on stderr
    Rich,
    /// One line each
    Short,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let loaded = load::program(&project)?;
    let wanted = wanted(app, &project.root, &args.paths)?;
    let shown: Vec<Diagnostic> = loaded
        .diagnostics
        .iter()
        .filter(|found| wanted.is_empty() || in_paths(&loaded.sources, found, &wanted))
        .cloned()
        .collect();
    let errors = shown.iter().filter(|found| found.severity == Severity::Error).count();
    match args.format {
        Format::Rich => {
            if !shown.is_empty() {
                app.term.err(&text::rich(&loaded.sources, &shown, app.term.colour_err));
            }
            app.term.say(&summary(&shown, loaded.program.files.len()));
        }
        Format::Short => app.term.out(&text::short(&loaded.sources, &shown)),
        Format::Json => app.term.out(&json::document(&loaded.sources, &shown)),
        Format::Jsonl => app.term.out(&json::lines(&loaded.sources, &shown)),
    }
    Ok(if errors > 0 { Exit::Failure } else { Exit::Ok })
}

/// The asked paths relative to the project.
fn wanted(app: &App, root: &std::path::Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut wanted = Vec::new();
    for path in paths {
        let whole =
            std::path::absolute(app.directory().join(path)).map_err(|cause| CliError::read(path, cause))?;
        if !whole.exists() {
            let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(CliError::read(path, cause));
        }
        let inside = whole.strip_prefix(root).map_err(|_| {
            CliError::usage(
                format!("{} is not part of this project", path.display()),
                "name files below its folder",
            )
        })?;
        wanted.push(inside.to_owned());
    }
    Ok(wanted)
}

fn in_paths(sources: &SourceMap, found: &Diagnostic, wanted: &[PathBuf]) -> bool {
    let path = std::path::Path::new(sources.path(found.primary.span.file));
    wanted.iter().any(|folder| path.starts_with(folder))
}

fn summary(shown: &[Diagnostic], files: usize) -> String {
    let errors = shown.iter().filter(|found| found.severity == Severity::Error).count();
    let warnings = shown.len() - errors;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("ok: {} checked, nothing found\n", count(files, "file")),
        _ => format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")),
    }
}
