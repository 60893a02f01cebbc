//! What `check` and `lint` share: which findings are shown, in which format, and fixes that are certain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::App;
use super::error::CliError;
use super::load::{self, Loaded};
use super::project::{self, Project};
use crate::diag::render::{Summary, github, json, junit, markdown, sarif, text};
use crate::diag::{Applicability, Diagnostic, Edit};
use crate::source::{FileId, SourceMap};

#[derive(Debug, Clone, clap::Args)]
pub struct FindingArgs {
    /// Show findings of these files or folders only (the whole program is always checked)
    pub paths: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value = "rich", value_name = "F")]
    pub format: Format,
    /// Apply the fixes that are certain, then report what is left
    #[arg(long)]
    pub fix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With the lines that they are about, on stderr
    Rich,
    /// One line each
    Short,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// JUnit XML
    Junit,
    /// A comment for a pull request
    Markdown,
}

/// The program as it stands after the certain fixes, and the findings to show.
pub struct Found {
    pub loaded: Loaded,
    pub shown: Vec<Diagnostic>,
    pub summary: Summary,
}

/// Loads the project, mends what is certain when asked, and picks the findings of the asked paths.
pub fn find(app: &App, project: &Project, args: &FindingArgs) -> Result<Found, CliError> {
    let wanted = wanted(app, &project.root, &args.paths)?;
    let mut loaded = load::program(project)?;
    if args.fix {
        loaded = mend(app, project, loaded, &wanted)?;
    }
    let asked = |found: &&Diagnostic| wanted.is_empty() || in_paths(&loaded.sources, found, &wanted);
    let shown: Vec<Diagnostic> = loaded.diagnostics.iter().filter(asked).cloned().collect();
    let summary = Summary::of(&shown);
    Ok(Found { loaded, shown, summary })
}

/// Prints the findings; the rich form goes to stderr and ends with a summary, the others are the result.
pub fn print(app: &App, project: &Project, found: &Found, format: Format) {
    let (sources, shown) = (&found.loaded.sources, &found.shown);
    match format {
        Format::Rich => {
            if !shown.is_empty() {
                app.term.err(&text::rich(sources, shown, app.term.colour_err));
            }
            app.term.say(&summary(found.summary, found.loaded.program.files.len()));
        }
        Format::Short => app.term.out(&text::short(sources, shown)),
        Format::Json => app.term.out(&json::document(sources, shown)),
        Format::Jsonl => app.term.out(&json::lines(sources, shown)),
        Format::Sarif => app.term.out(&sarif::log(sources, shown, &place_in_repository(project))),
        Format::Github => app.term.out(&github::commands(sources, shown, &place_in_repository(project))),
        Format::Junit => app.term.out(&junit::document(sources, shown)),
        Format::Markdown => app.term.out(&markdown::comment(sources, shown)),
    }
}

fn summary(Summary { errors, warnings }: Summary, files: usize) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("ok: {} checked, nothing found\n", count(files, "file")),
        _ => format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")),
    }
}

/// The asked paths relative to the project.
pub fn wanted(app: &App, root: &Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
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
    let path = Path::new(sources.path(found.primary.span.file));
    wanted.iter().any(|folder| path.starts_with(folder))
}

/// Where the project stands in its repository, for formats whose paths start there: the folder with `.git`.
fn place_in_repository(project: &Project) -> String {
    let Some(top) = project.root.ancestors().find(|folder| folder.join(".git").exists()) else {
        return String::new();
    };
    let inside = project.root.strip_prefix(top).unwrap_or(Path::new(""));
    inside.components().map(|part| format!("{}/", part.as_os_str().to_string_lossy())).collect()
}

/// Applies certain fixes until there are none left. A fix may bring the next mistake of its line to light.
fn mend(app: &App, project: &Project, mut loaded: Loaded, wanted: &[PathBuf]) -> Result<Loaded, CliError> {
    const ROUNDS: usize = 8;
    let mut applied = 0;
    for _ in 0..ROUNDS {
        let edits = certain(&loaded, wanted);
        if edits.is_empty() {
            break;
        }
        for (file, edits) in edits {
            applied += edits.len();
            let text = edited(loaded.sources.text(file), &edits);
            project::write_atomically(&project.root.join(loaded.sources.path(file)), text.as_bytes())?;
        }
        loaded = load::program(project)?;
    }
    app.term.say(&format!("{applied} fix{} applied\n", if applied == 1 { "" } else { "es" }));
    Ok(loaded)
}

/// The edits of certain fixes by file, in order, without overlaps. Files that are not UTF-8 are left alone.
fn certain(loaded: &Loaded, wanted: &[PathBuf]) -> BTreeMap<FileId, Vec<Edit>> {
    let mut edits: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    let not_utf8 = |file: FileId| {
        loaded.diagnostics.iter().any(|one| one.code.id() == "E110" && one.primary.span.file == file)
    };
    for found in &loaded.diagnostics {
        if !wanted.is_empty() && !in_paths(&loaded.sources, found, wanted) {
            continue;
        }
        let fix = found.fixes.iter().find(|fix| fix.applicability == Applicability::Certain);
        for edit in fix.iter().flat_map(|fix| &fix.edits).filter(|edit| !not_utf8(edit.span.file)) {
            edits.entry(edit.span.file).or_default().push(edit.clone());
        }
    }
    for list in edits.values_mut() {
        list.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut end = 0;
        list.retain(|edit| {
            let free = edit.span.start >= end;
            if free {
                end = edit.span.end.max(edit.span.start + 1);
            }
            free
        });
    }
    edits
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.span.start as usize).unwrap_or(""));
        out.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}
