//! `twinmap fmt`: mapping files in the one layout of the language. Offline; needs no project when files are named.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::project;
use crate::syntax::fmt::{Formatted, format};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap fmt                       lay out every file of the project\n  \
    twinmap fmt --check               say which files would change (for CI)\n  \
    twinmap fmt --diff mappings       show the changes, write nothing\n  \
    twinmap fmt - < a.twin            from stdin to stdout (for editors)\n\n\
    Lines that can't be read stay as they are; `twinmap check` says what is wrong with them."
)]
pub struct Args {
    /// Files or folders; `-` reads stdin and prints the result. Default: the whole project
    paths: Vec<PathBuf>,
    /// Write nothing; fail when a file would change
    #[arg(long)]
    check: bool,
    /// Write nothing; print what would change, and fail when there is something
    #[arg(long)]
    diff: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        return standard_input(app, args);
    }
    let files = files(app, &args.paths)?;
    let (mut changed, mut unreadable) = (0_usize, 0_usize);
    for (path, name) in &files {
        let Some(text) = read(path, name, app)? else {
            unreadable += 1;
            continue;
        };
        let formatted = format(&text);
        if formatted.unreadable > 0 {
            app.term.err(&left_alone(name, &formatted));
        }
        if formatted.text == text {
            continue;
        }
        changed += 1;
        if args.diff {
            app.term.out(&unified(name, &text, &formatted.text));
        } else if args.check {
            app.term.out(&format!("{name}\n"));
        } else {
            project::write_atomically(path, formatted.text.as_bytes())?;
            app.term.out(&format!("{name}\n"));
        }
    }
    let writes = !args.check && !args.diff;
    app.term.say(&summary(files.len(), changed, writes));
    let failed = unreadable > 0 || changed > 0 && !writes;
    Ok(if failed { Exit::Failure } else { Exit::Ok })
}

fn standard_input(app: &App, args: &Args) -> CliResult {
    if args.paths.len() > 1 {
        return Err(CliError::usage("`-` stands alone", "name files, or read one text from stdin"));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|cause| CliError::read(Path::new("standard input"), cause))?;
    let formatted = format(&text);
    if formatted.unreadable > 0 {
        app.term.err(&left_alone("standard input", &formatted));
    }
    let changed = formatted.text != text;
    match (args.check, args.diff) {
        (_, true) => app.term.out(&unified("standard input", &text, &formatted.text)),
        (true, false) => {}
        (false, false) => {
            app.term.out(&formatted.text);
            return Ok(Exit::Ok);
        }
    }
    Ok(if changed { Exit::Failure } else { Exit::Ok })
}

/// The files to look at, each with the name that messages give it, sorted.
fn files(app: &App, paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, CliError> {
    if paths.is_empty() {
        let project = app.project()?;
        let named = |path: PathBuf| {
            let name = project.relative(&path);
            (path, name)
        };
        return Ok(project.files()?.into_iter().map(named).collect());
    }
    let mut found = Vec::new();
    for path in paths {
        let whole = app.directory().join(path);
        let kind = std::fs::metadata(&whole).map_err(|cause| CliError::read(path, cause))?;
        if kind.is_dir() {
            project::collect(&whole, &mut found)?;
        } else {
            found.push(whole);
        }
    }
    found.sort();
    found.dedup();
    let shown = |path: PathBuf| {
        let name = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        (path, name)
    };
    Ok(found.into_iter().map(shown).collect())
}

/// The text of a file; `None` (and a word about it) when it is not UTF-8.
fn read(path: &Path, name: &str, app: &App) -> Result<Option<String>, CliError> {
    let bytes = std::fs::read(path).map_err(|cause| CliError::read(path, cause))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => {
            app.term.err(&format!("{name}: not UTF-8, left as it was\n"));
            Ok(None)
        }
    }
}

fn left_alone(name: &str, formatted: &Formatted) -> String {
    let count = formatted.unreadable;
    let (s, verb) = if count == 1 { ("", "was") } else { ("s", "were") };
    format!("{name}: {count} place{s} can't be read and {verb} left alone; `twinmap check` says why\n")
}

fn summary(files: usize, changed: usize, writes: bool) -> String {
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let rest = files - changed;
    match (changed, writes) {
        (0, _) => format!("{files} file{} already laid out\n", s(files)),
        (_, true) => format!("{changed} file{} laid out, {rest} left as they were\n", s(changed)),
        (_, false) => format!("{changed} file{} would change, {rest} would not\n", s(changed)),
    }
}

/// The change as a unified diff.
pub fn unified(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
