//! SARIF 2.1.0: one run, rules sorted, positions in code points, fixes as replacements.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::diag::{Applicability, Code, Diagnostic, Fix, Severity};
use crate::source::{SourceMap, Span};

/// The whole log, with a final line end. `folder` is the project's place in the repository, `""` or ending in `/`.
pub fn log(sources: &SourceMap, diagnostics: &[Diagnostic], folder: &str) -> String {
    let used: BTreeSet<&str> = diagnostics.iter().map(|one| one.code.id()).collect();
    let rules: Vec<Code> = used.iter().filter_map(|id| Code::find(id)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "twinmap",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": diagnostics
                .iter()
                .map(|one| result(sources, one, &rules, folder))
                .collect::<Vec<_>>(),
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(code: &Code) -> Value {
    let info = code.info();
    json!({
        "id": info.id,
        "name": info.slug,
        "shortDescription": { "text": format!("There is {}.", info.title) },
        "help": { "text": format!("`twinmap explain {}` says what it means and how to mend it.", info.id) },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(sources: &SourceMap, one: &Diagnostic, rules: &[Code], folder: &str) -> Value {
    let mut text = one.message.clone();
    for (word, lines) in [("note", &one.notes), ("help", &one.helps)] {
        lines.iter().for_each(|line| text.push_str(&format!("\n{word}: {line}")));
    }
    let place = |span: Span| location(sources, span, folder);
    let mut result = json!({
        "ruleId": one.code.id(),
        "ruleIndex": rules.iter().position(|code| *code == one.code).unwrap_or(0),
        "level": level(one.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place(one.primary.span) }],
        "partialFingerprints": { "twinmap/v1": fingerprint(sources, one) },
    });
    let related: Vec<Value> = one
        .labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            json!({
                "id": index + 1,
                "message": { "text": label.text },
                "physicalLocation": place(label.span),
            })
        })
        .collect();
    let fixes: Vec<Value> = one.fixes.iter().map(|one| fix(sources, one, folder)).collect();
    if let Some(object) = result.as_object_mut() {
        if !related.is_empty() {
            object.insert("relatedLocations".to_owned(), related.into());
        }
        if !fixes.is_empty() {
            object.insert("fixes".to_owned(), fixes.into());
        }
    }
    result
}

/// The same finding keeps its fingerprint when lines move.
fn fingerprint(sources: &SourceMap, one: &Diagnostic) -> String {
    let text = format!("{}\n{}\n{}", one.code.id(), sources.path(one.primary.span.file), one.message);
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

fn location(sources: &SourceMap, span: Span, folder: &str) -> Value {
    json!({ "artifactLocation": artifact(sources, span, folder), "region": region(sources, span) })
}

fn artifact(sources: &SourceMap, span: Span, folder: &str) -> Value {
    let path = format!("{folder}{}", sources.path(span.file));
    let encoded = percent_encoding::utf8_percent_encode(&path, PATH).to_string();
    json!({ "uri": encoded })
}

const PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

fn region(sources: &SourceMap, span: Span) -> Value {
    let (start, end) = (sources.position(span.file, span.start), sources.position(span.file, span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

fn fix(sources: &SourceMap, fix: &Fix, folder: &str) -> Value {
    let title = match fix.applicability {
        Applicability::Certain => fix.title.clone(),
        Applicability::Likely => format!("{} (likely)", fix.title),
    };
    let changes: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| {
            json!({
                "artifactLocation": artifact(sources, edit.span, folder),
                "replacements": [{
                    "deletedRegion": region(sources, edit.span),
                    "insertedContent": { "text": edit.text },
                }],
            })
        })
        .collect();
    json!({ "description": { "text": title }, "artifactChanges": changes })
}
