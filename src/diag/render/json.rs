//! `check --format json`: one document, stable.

use serde::Serialize;

use super::Summary;
use crate::diag::{Applicability, Diagnostic, Severity};
use crate::source::{SourceMap, Span};

#[derive(Debug, Serialize)]
struct Document<'a> {
    format_version: &'static str,
    diagnostics: Vec<One<'a>>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct One<'a> {
    code: &'static str,
    slug: &'static str,
    severity: Severity,
    message: &'a str,
    file: &'a str,
    span: Place,
    labels: Vec<JsonLabel<'a>>,
    notes: &'a [String],
    help: &'a [String],
    fixes: Vec<JsonFix<'a>>,
}

#[derive(Debug, Serialize)]
struct Place {
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Debug, Serialize)]
struct JsonLabel<'a> {
    file: &'a str,
    span: Place,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct JsonFix<'a> {
    title: &'a str,
    applicability: Applicability,
    edits: Vec<JsonEdit<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonEdit<'a> {
    file: &'a str,
    start: u32,
    end: u32,
    text: &'a str,
}

/// The whole document, with a final line end. Findings must be in order.
pub fn document(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let document = Document {
        format_version: "1",
        diagnostics: diagnostics.iter().map(|d| one(sources, d)).collect(),
        summary: Summary::of(diagnostics),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// One finding a line.
pub fn lines(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&serde_json::to_string(&one(sources, diagnostic)).unwrap_or_default());
        text.push('\n');
    }
    text
}

fn one<'a>(sources: &'a SourceMap, diagnostic: &'a Diagnostic) -> One<'a> {
    let label = |label: &'a crate::diag::Label| JsonLabel {
        file: sources.path(label.span.file),
        span: place(sources, label.span),
        text: &label.text,
    };
    let edit = |edit: &'a crate::diag::Edit| JsonEdit {
        file: sources.path(edit.span.file),
        start: edit.span.start,
        end: edit.span.end,
        text: &edit.text,
    };
    One {
        code: diagnostic.code.id(),
        slug: diagnostic.code.slug(),
        severity: diagnostic.severity,
        message: &diagnostic.message,
        file: sources.path(diagnostic.primary.span.file),
        span: place(sources, diagnostic.primary.span),
        labels: std::iter::once(&diagnostic.primary).chain(&diagnostic.labels).map(label).collect(),
        notes: &diagnostic.notes,
        help: &diagnostic.helps,
        fixes: diagnostic
            .fixes
            .iter()
            .map(|fix| JsonFix {
                title: &fix.title,
                applicability: fix.applicability,
                edits: fix.edits.iter().map(edit).collect(),
            })
            .collect(),
    }
}

fn place(sources: &SourceMap, span: Span) -> Place {
    let (start, end) = (sources.position(span.file, span.start), sources.position(span.file, span.end));
    Place {
        start: span.start,
        end: span.end,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
