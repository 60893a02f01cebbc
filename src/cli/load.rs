//! A project from disk to a checked program: texts, snapshots, tree, findings, sync plan.

use std::collections::BTreeMap;
use std::path::Path;

use super::App;
use super::config::LintLevel;
use super::error::CliError;
use super::exit::Exit;
use super::project::{Project, Texts};
use crate::check::check_program;
use crate::diag::errors::text::not_utf8;
use crate::diag::render::text::rich;
use crate::diag::{Diagnostic, Severity, in_order};
use crate::plan::ir::SyncPlan;
use crate::plan::{Origin, lower};
use crate::resolve::Schemas;
use crate::schema::model::{Owner, System};
use crate::schema::snapshot::{self, Lock, SnapshotError};
use crate::schema::{SystemKind, salesnav};
use crate::source::SourceMap;
use crate::syntax::{allow, ast, parse};
use crate::testing::{self, Case};

/// Everything that one look at a project's program gives.
pub struct Loaded {
    pub sources: SourceMap,
    pub program: ast::Program,
    /// In the order of files and lines; the project's lint levels are applied.
    pub diagnostics: Vec<Diagnostic>,
    /// `None` while there are errors.
    pub plan: Option<SyncPlan>,
    pub tests: Vec<Case>,
    /// The owners that the snapshots know, by system.
    pub owners: BTreeMap<String, Vec<Owner>>,
}

impl Loaded {
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }
}

/// Reads `twinmap.lock`; a project without one has an empty lock.
pub fn lock(project: &Project) -> Result<Lock, CliError> {
    let path = project.lock_file();
    match std::fs::read_to_string(&path) {
        Ok(text) => Lock::parse(&text).map_err(|error| unusable(&error)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(cause) => Err(CliError::read(&path, cause)),
    }
}

fn unusable(error: &SnapshotError) -> CliError {
    let help = match error {
        SnapshotError::Tampered { system } | SnapshotError::Unreadable { system, .. } => {
            format!("fetch it anew with `twinmap schema pull {system}`, or restore the committed file")
        }
        SnapshotError::NotLocked { system } => format!("fetch it with `twinmap schema pull {system}`"),
        SnapshotError::OtherFormat { .. } => "update twinmap, or pull the schemas again".to_owned(),
        SnapshotError::BadLock(_) => {
            "restore the committed twinmap.lock, or pull the schemas again".to_owned()
        }
    };
    CliError::Schema { message: error.to_string(), help: Some(help) }
}

/// The snapshots of the project's connections, held against the lock. Each is read by a thread of its own: reading takes
/// most of the time of a check.
pub fn schemas(project: &Project) -> Result<(Schemas, BTreeMap<String, String>), CliError> {
    let lock = lock(project)?;
    let mut schemas = Schemas { systems: BTreeMap::new(), without: Vec::new() };
    let mut hashes = BTreeMap::new();
    let found: Vec<_> = std::thread::scope(|scope| {
        let readers: Vec<_> = project
            .connections()
            .into_iter()
            .map(|(name, connection)| {
                let locked = lock.hash_of(&project.env, &name);
                let reader = (connection.kind != SystemKind::Salesnav).then(|| {
                    let name = name.clone();
                    scope.spawn(move || snapshot_of(project, &name, locked))
                });
                (name, connection, reader)
            })
            .collect();
        readers.into_iter().map(|(name, connection, reader)| (name, connection, reader.map(joined))).collect()
    });
    for (name, connection, read) in found {
        let Some(read) = read else {
            let mut system = salesnav::system();
            if connection.parity == Some(true) {
                salesnav::PARITY.clone_into(&mut system.account.edition);
            }
            schemas.systems.insert(name, system);
            continue;
        };
        match read? {
            Some(system) => {
                let locked = lock.hash_of(&project.env, &name);
                hashes.insert(name.clone(), locked.unwrap_or_default().to_owned());
                schemas.systems.insert(name, system);
            }
            None => schemas.without.push(name),
        }
    }
    Ok((schemas, hashes))
}

/// What a thread came to; its panic goes on in this one.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The snapshot of a connection; `None` = it was never fetched.
fn snapshot_of(project: &Project, name: &str, locked: Option<&str>) -> Result<Option<System>, CliError> {
    let path = project.schema_dir().join(format!("{name}.json"));
    match std::fs::read_to_string(&path) {
        Ok(text) => snapshot::read(name, &text, locked).map(Some).map_err(|error| unusable(&error)),
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(CliError::read(&path, cause)),
        Err(_) if locked.is_some() => Err(missing(project, &path, name)),
        Err(_) => Ok(None),
    }
}

fn missing(project: &Project, path: &Path, name: &str) -> CliError {
    CliError::Schema {
        message: format!(
            "twinmap.lock names a snapshot of `{name}`, but {} is missing",
            project.relative(path)
        ),
        help: Some(format!("restore the committed file, or fetch it with `twinmap schema pull {name}`")),
    }
}

/// Parses, resolves and checks the project's program, and compiles it when there are no errors.
pub fn program(project: &Project) -> Result<Loaded, CliError> {
    program_of(project, project.texts()?)
}

/// The same for texts that may differ from the files.
pub fn program_of(project: &Project, texts: Texts) -> Result<Loaded, CliError> {
    let sources = texts.sources;
    let (schemas, (program, mut found)) = std::thread::scope(|scope| {
        let schemas = scope.spawn(|| schemas(project));
        let parsed = parse(&sources);
        (joined(schemas), parsed)
    });
    let (schemas, hashes) = schemas?;
    found.extend(texts.not_utf8.iter().map(|(file, bad)| not_utf8(&sources, *file, *bad)));
    let (diagnostics, plan, tests) = {
        let checked = check_program(&schemas, &program);
        found.extend(checked.diagnostics);
        let found = in_order(&sources, levelled(project, allow::apply(&program, &sources, found)));
        let sound = found.iter().all(|one| one.severity != Severity::Error);
        let origin = origin(project, hashes);
        let tests = testing::cases(&checked.program, &sources);
        (found, sound.then(|| lower(&checked.program, &schemas, &sources, &origin)), tests)
    };
    let owners = schemas.systems.into_iter().filter_map(|(name, system)| Some((name, system.owners?)));
    let owners = owners.collect();
    Ok(Loaded { sources, program, diagnostics, plan, tests, owners })
}

/// What a plan says of where it comes from.
pub fn origin(project: &Project, schema_hashes: BTreeMap<String, String>) -> Origin {
    let config = &project.config.project;
    Origin { project: config.name.clone(), edition: config.edition.clone(), schema_hashes }
}

/// Applies `[lint]`: a warning may be raised to an error or left out; errors stay errors.
fn levelled(project: &Project, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let level = |one: &Diagnostic| {
        let lint = &project.config.lint;
        lint.get(one.code.id()).or_else(|| lint.get(one.code.slug())).copied()
    };
    let mut kept = Vec::new();
    for mut one in found {
        if one.severity == Severity::Warning {
            match level(&one) {
                Some(LintLevel::Allow) => continue,
                Some(LintLevel::Error) => one.severity = Severity::Error,
                Some(LintLevel::Warn) | None => {}
            }
        }
        kept.push(one);
    }
    kept
}

/// The project's sync plan, or its findings on stderr.
pub fn plan(app: &App, project: &Project) -> Result<Result<(SyncPlan, Loaded), Exit>, CliError> {
    let mut loaded = program(project)?;
    let errors = loaded.errors();
    match loaded.plan.take() {
        Some(plan) => Ok(Ok((plan, loaded))),
        None => {
            app.term.err(&rich(&loaded.sources, &loaded.diagnostics, app.term.colour_err));
            app.term
                .err(&format!("{errors} error{}: nothing was done\n", if errors == 1 { "" } else { "s" }));
            Ok(Err(Exit::Failure))
        }
    }
}
