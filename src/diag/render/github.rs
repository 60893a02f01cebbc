//! Workflow commands of GitHub Actions: findings as annotations of a pull request, worst first.

use std::fmt::Write as _;

use crate::diag::{Diagnostic, Severity};
use crate::source::SourceMap;

/// GitHub shows ten annotations of a kind per step; more are dropped without a word.
const SHOWN: usize = 10;

/// One command a line. `folder` is the project's place in the repository, `""` or ending in `/`.
pub fn commands(sources: &SourceMap, diagnostics: &[Diagnostic], folder: &str) -> String {
    let mut text = String::new();
    for (severity, word) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let of_kind: Vec<&Diagnostic> = diagnostics.iter().filter(|one| one.severity == severity).collect();
        // The last place is kept for the word about the rest.
        let shown = if of_kind.len() > SHOWN { SHOWN - 1 } else { of_kind.len() };
        for one in of_kind.iter().take(shown) {
            let span = one.primary.span;
            let (start, end) =
                (sources.position(span.file, span.start), sources.position(span.file, span.end));
            let columns = if start.line == end.line {
                format!(",col={},endColumn={}", start.column, end.column)
            } else {
                String::new()
            };
            let _ = writeln!(
                text,
                "::{word} file={},line={},endLine={}{columns},title={}::{}",
                property(&format!("{folder}{}", sources.path(span.file))),
                start.line,
                end.line,
                property(&format!("{} {}", one.code.id(), one.code.slug())),
                data(&whole(one))
            );
        }
        let rest = of_kind.len() - shown;
        if rest > 0 {
            let _ = writeln!(text, "::{word} title=twinmap::{rest} more {word}s; `twinmap check` shows all");
        }
    }
    text
}

fn whole(one: &Diagnostic) -> String {
    let mut text = one.message.clone();
    if !one.primary.text.is_empty() {
        let _ = write!(text, "\n{}", one.primary.text);
    }
    for (word, lines) in [("note", &one.notes), ("help", &one.helps)] {
        for line in lines {
            let _ = write!(text, "\n{word}: {line}");
        }
    }
    text
}

/// Escapes as GitHub's runner undoes them.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
