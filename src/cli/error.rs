//! What can go wrong at the edge of the process: files, configuration, accounts, state. Codes E7xx.
//!
//! Findings in mapping files are no errors of this kind: they are `diag::Diagnostic`s.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceSpan};
use thiserror::Error;

use super::exit::Exit;

/// An operational failure: what happened, why, and the next step.
#[derive(Debug, Error, Diagnostic)]
pub enum CliError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(Box<BadConfig>),
    #[error("no `twinmap.toml` in {} or a folder above it", .0.display())]
    #[diagnostic(
        code("E702"),
        help("start a project with `twinmap init`, or name its folder: `twinmap -C DIR ...`")
    )]
    NoProject(PathBuf),
    #[error("can't {action} {}: {cause}", .path.display())]
    #[diagnostic(code("E703"))]
    File {
        action: &'static str,
        path: PathBuf,
        cause: std::io::Error,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E704"))]
    Schema {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E705"))]
    Authentication {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E706"))]
    Remote {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E707"))]
    Locked {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E708"))]
    State {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E709"))]
    Stale {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E710"))]
    Guard {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E711"))]
    Exhausted {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E712"))]
    Usage {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("{message}")]
    #[diagnostic(code("E713"))]
    Artefact {
        message: String,
        #[help]
        help: Option<String>,
    },
    #[error("interrupted; what was in flight is finished and the state is saved")]
    #[diagnostic(code("E714"), help("the next `twinmap run` goes on from here"))]
    Interrupted,
    #[error("{0}")]
    #[diagnostic(
        code("E799"),
        help("this is a bug of twinmap: please report it with the command that led here")
    )]
    Bug(String),
}

/// Something in `twinmap.toml` that can't be accepted, with its place.
#[derive(Debug, Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code("E701"))]
pub struct BadConfig {
    pub message: String,
    #[source_code]
    pub source_code: NamedSource<String>,
    #[label("{label}")]
    pub span: Option<SourceSpan>,
    pub label: String,
    #[help]
    pub help: Option<String>,
}

pub type CliResult = Result<Exit, CliError>;

impl CliError {
    pub fn read(path: &Path, cause: std::io::Error) -> Self {
        CliError::File { action: "read", path: path.to_owned(), cause, help: None }
    }

    pub fn write(path: &Path, cause: std::io::Error) -> Self {
        let help = match cause.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("make the folder writable for this user".to_owned())
            }
            std::io::ErrorKind::StorageFull => {
                Some("free some space on that disk; nothing was lost".to_owned())
            }
            _ => None,
        };
        CliError::File { action: "write", path: path.to_owned(), cause, help }
    }

    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        CliError::Usage { message: message.into(), help: Some(help.into()) }
    }

    pub fn exit(&self) -> Exit {
        match self {
            CliError::Authentication { .. } => Exit::Authentication,
            CliError::Locked { .. } => Exit::Locked,
            CliError::Stale { .. } => Exit::Stale,
            CliError::Guard { .. } => Exit::Guard,
            CliError::Exhausted { .. } => Exit::Exhausted,
            CliError::Usage { .. } => Exit::Usage,
            CliError::Interrupted => Exit::Interrupted,
            CliError::Bug(_) => Exit::Bug,
            _ => Exit::Failure,
        }
    }

    /// The failure as a person reads it, in the same shape as the findings of `check`.
    pub fn render(&self, colour: bool) -> String {
        let (red, bold, dim, reset) =
            if colour { ("\u{1b}[1;31m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m") } else { ("", "", "", "") };
        let code = self.code().map(|code| code.to_string()).unwrap_or_default();
        let mut text = format!("{red}error[{code}]{reset}{bold}: {self}{reset}\n");
        if let (Some(source), Some(labels)) = (self.source_code(), self.labels()) {
            for label in labels {
                place(&mut text, source, &label, dim, reset);
            }
        }
        if let Some(help) = self.help() {
            let _ = writeln!(text, "  = help: {help}");
        }
        text
    }
}

/// `file:line:column`, the line and an underline.
fn place(text: &mut String, source: &dyn miette::SourceCode, label: &LabeledSpan, dim: &str, reset: &str) {
    let Ok(contents) = source.read_span(label.inner(), 0, 0) else { return };
    let line = String::from_utf8_lossy(contents.data());
    let line = line.lines().next().unwrap_or("");
    let (number, column) = (contents.line() + 1, contents.column());
    let gutter = " ".repeat(number.to_string().len());
    let name = contents.name().unwrap_or("twinmap.toml");
    let _ = writeln!(text, "{gutter} {dim}┌─{reset} {name}:{number}:{}", column + 1);
    let _ = writeln!(text, "{gutter} {dim}│{reset}");
    let _ = writeln!(text, "{number} {dim}│{reset} {line}");
    let carets = "^".repeat(label.len().clamp(1, line.len().saturating_sub(column).max(1)));
    let _ = writeln!(
        text,
        "{gutter} {dim}│{reset} {}{carets} {}",
        " ".repeat(column),
        label.label().unwrap_or("")
    );
}
