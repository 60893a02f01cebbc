//! `twinmap drift` and `twinmap schema diff`: what changed in the CRMs' schemas, and what that means for the mappings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::project::Project;
use super::schema::pull;
use super::{App, load};
use crate::drift::{Drift, Severity, drifts, uses};
use crate::resolve::Schemas;
use crate::schema::{System, SystemKind};
use crate::syntax::parse;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap drift --against fresh/         compare with snapshots in another folder\n  \
    twinmap drift --locked                 are the committed snapshots the locked ones? (for CI)\n  \
    twinmap drift --against fresh/ --format json\n\n\
    Fails when a change is breaking. The classes:\n  breaking   a run would fail or write wrongly: edit the mapping\n  \
    risky      values may be held or left out\n  harmless   no mapping sees it"
)]
pub struct Args {
    /// A folder with newer snapshots (`SYSTEM.json`), or an environment of the project
    #[arg(long, value_name = "DIR|ENV")]
    against: Option<String>,
    /// Only hold the committed snapshots against twinmap.lock
    #[arg(long, conflicts_with = "against")]
    locked: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap schema diff sandbox production        two environments\n  \
    twinmap schema diff schema/sandbox/hubspot.json fresh/hubspot.json\n\n\
    Inside a project the classes are those of `twinmap drift`.")]
pub struct DiffArgs {
    /// A snapshot file, a folder of them, or an environment
    before: String,
    /// The newer one
    after: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, clap::Args)]
struct Output {
    /// List harmless changes, too
    #[arg(long)]
    all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

#[derive(Serialize)]
struct Document<'d> {
    format_version: &'static str,
    changes: &'d [Drift],
    summary: Summary,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Summary {
    breaking: usize,
    risky: usize,
    harmless: usize,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    // Reading the snapshots holds each against the lock.
    let (schemas, _) = load::schemas(&project)?;
    if args.locked {
        if let Some(name) = schemas.without.first() {
            return Err(CliError::Schema {
                message: format!("`{name}` has no snapshot in environment `{}`", project.env),
                help: Some(format!("fetch and commit it: `twinmap schema pull {name}`")),
            });
        }
        let count = schemas.systems.len();
        let s = if count == 1 { "" } else { "s" };
        app.term.say(&format!("ok: {count} snapshot{s} as locked\n"));
        return Ok(Exit::Ok);
    }
    let after = match &args.against {
        Some(against) => snapshots(app, Some(&project), against)?,
        None => live(app, &project, &schemas)?,
    };
    report(app, Some(&project), &schemas, &after, &args.output)
}

pub fn diff(app: &App, args: &DiffArgs) -> CliResult {
    let project = app.project().ok();
    let before = snapshots(app, project.as_ref(), &args.before)?;
    let after = snapshots(app, project.as_ref(), &args.after)?;
    let before = same_name(before, &after);
    report(app, project.as_ref(), &before, &after, &args.output)
}

/// The present schemas of the objects that the snapshots hold, asked of the CRMs.
fn live(app: &App, project: &Project, before: &Schemas) -> Result<Schemas, CliError> {
    let mut systems = BTreeMap::new();
    for (name, connection) in project.connections() {
        let Some(known) = before.systems.get(&name) else { continue };
        if matches!(connection.kind, SystemKind::Hubspot | SystemKind::Salesforce) {
            let objects: Vec<String> = known.objects.keys().cloned().collect();
            app.term.say(&format!("{name}: fetching {}\n", objects.join(", ")));
            let (system, gaps) = pull::fetch(project, &name, connection.kind, &objects)?;
            for gap in gaps {
                app.term.err(&format!("warning: {name}: {gap}\n"));
            }
            systems.insert(name, system);
        }
    }
    if systems.is_empty() {
        return Err(CliError::usage(
            "there is no snapshot to compare with",
            "fetch one first: `twinmap schema pull`",
        ));
    }
    Ok(Schemas { systems, without: Vec::new() })
}

/// Two single files are one system, whatever they are called.
fn same_name(before: Schemas, after: &Schemas) -> Schemas {
    match (before.systems.len(), after.systems.keys().next()) {
        (1, Some(name)) if after.systems.len() == 1 => {
            let systems = before.systems.into_values().map(|system| (name.clone(), system)).collect();
            Schemas { systems, ..before }
        }
        _ => before,
    }
}

/// Snapshots from a file, a folder or an environment.
fn snapshots(app: &App, project: Option<&Project>, place: &str) -> Result<Schemas, CliError> {
    let path = app.directory().join(place);
    let folder = match project {
        _ if path.exists() => path,
        Some(project) if project.root.join("schema").join(place).is_dir() => {
            project.root.join("schema").join(place)
        }
        _ => {
            return Err(CliError::usage(
                format!("`{place}` is no snapshot file, no folder and no environment with snapshots"),
                "name a file such as `schema/sandbox/hubspot.json`, its folder, or an environment",
            ));
        }
    };
    let mut files: Vec<PathBuf> = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder).map_err(|cause| CliError::read(&folder, cause))? {
            let path = entry.map_err(|cause| CliError::read(&folder, cause))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    } else {
        files.push(folder);
    }
    files.sort();
    let mut systems = BTreeMap::new();
    for file in files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        systems.insert(name, read(&file)?);
    }
    Ok(Schemas { systems, without: Vec::new() })
}

fn read(file: &Path) -> Result<System, CliError> {
    let text = std::fs::read_to_string(file).map_err(|cause| CliError::read(file, cause))?;
    serde_json::from_str(&text).map_err(|error| CliError::Artefact {
        message: format!("{} is no snapshot: {error}", file.display()),
        help: Some("snapshots are written by `twinmap schema pull` and `twinmap schema import`".to_owned()),
    })
}

fn report(
    app: &App,
    project: Option<&Project>,
    before: &Schemas,
    after: &Schemas,
    output: &Output,
) -> CliResult {
    let seen = match project {
        Some(project) => {
            let texts = project.texts()?;
            let (program, _) = parse(&texts.sources);
            uses(&texts.sources, before, &program)
        }
        None => crate::drift::Uses::default(),
    };
    let changes = drifts(before, after, &seen);
    let count = |severity: Severity| changes.iter().filter(|one| one.severity == severity).count();
    let summary = Summary {
        breaking: count(Severity::Breaking),
        risky: count(Severity::Risky),
        harmless: count(Severity::Harmless),
    };
    match output.format {
        Format::Json => {
            let document = Document { format_version: "1", changes: &changes, summary };
            let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
            text.push('\n');
            app.term.out(&text);
        }
        Format::Text => app.term.out(&text(&changes, summary, output.all || project.is_none())),
    }
    Ok(if summary.breaking > 0 { Exit::Failure } else { Exit::Ok })
}

fn text(changes: &[Drift], summary: Summary, all: bool) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for one in changes.iter().filter(|one| all || one.severity != Severity::Harmless) {
        let word = match one.severity {
            Severity::Breaking => "breaking",
            Severity::Risky => "risky   ",
            Severity::Harmless => "harmless",
        };
        let _ = writeln!(out, "{word}  {}: {}", one.path, one.words);
        for line in &one.lines {
            let _ = writeln!(out, "            {}:{}  {}", line.file, line.line, line.text);
        }
        if !one.edit.is_empty() {
            let _ = writeln!(out, "            edit: {}", one.edit);
        }
    }
    let Summary { breaking, risky, harmless } = summary;
    if breaking + risky + harmless == 0 {
        out.push_str("no change\n");
    } else {
        let _ = writeln!(out, "{breaking} breaking, {risky} risky, {harmless} harmless");
    }
    out
}
