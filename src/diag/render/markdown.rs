//! Markdown for a comment on a pull request: a heading with the counts, a list by file.

use std::fmt::Write as _;

use super::Summary;
use crate::diag::{Diagnostic, Severity};
use crate::source::SourceMap;

/// The comment. Findings must be in order.
pub fn comment(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let Summary { errors, warnings } = Summary::of(diagnostics);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let mut text = match (errors, warnings) {
        (0, 0) => "### twinmap check: nothing found\n".to_owned(),
        _ => format!("### twinmap check: {errors} error{}, {warnings} warning{}\n", s(errors), s(warnings)),
    };
    let mut last = None;
    for one in diagnostics {
        let span = one.primary.span;
        if last != Some(span.file) {
            let _ = writeln!(text, "\n**{}**\n", escape(sources.path(span.file)));
            last = Some(span.file);
        }
        let word = if one.severity == Severity::Error { "error" } else { "warning" };
        let line = sources.position(span.file, span.start).line;
        let _ = writeln!(text, "- line {line}: {word} **{}** {}", one.code.id(), escape(&one.message));
        if !one.primary.text.is_empty() {
            let _ = writeln!(text, "  - {}", escape(&one.primary.text));
        }
        for line in one.notes.iter().chain(&one.helps) {
            let _ = writeln!(text, "  - {}", escape(line));
        }
    }
    text
}

/// Names out of files must not become markup; code spans stay, messages use them.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    let balanced = text.matches('`').count().is_multiple_of(2);
    for c in text.chars() {
        match c {
            '`' if balanced => {
                code = !code;
                out.push('`');
            }
            '\n' | '\r' => out.push(' '),
            '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '\\' | '`' | '~' | '@' | '!' if !code => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
