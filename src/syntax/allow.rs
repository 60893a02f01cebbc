//! `# allow CODE[, CODE]: reason`: warnings that are accepted in place.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Allow, Ident, Program};
use super::outline::Comment;
use crate::diag::errors::text as wording;
use crate::diag::{Code, Diagnostic, Severity};
use crate::source::{FileId, SourceMap, Span};

/// Finds the allows among a file's comments. One that stands alone applies to the next line.
pub(super) fn read(sources: &SourceMap, comments: &[Comment]) -> Vec<Allow> {
    comments.iter().filter_map(|comment| one(sources, comment)).collect()
}

fn one(sources: &SourceMap, comment: &Comment) -> Option<Allow> {
    let text = sources.slice(comment.span);
    let rest = text.trim_start_matches('#').trim_start().strip_prefix("allow")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let (codes, reason) = match rest.split_once(':') {
        Some((codes, reason)) => (codes, Some(reason.trim())),
        None => (rest, None),
    };
    let mut at = comment.span.start as usize + (text.len() - rest.len());
    let mut names = Vec::new();
    for piece in codes.split(',') {
        let name = piece.trim();
        let start = at + (piece.len() - piece.trim_start().len());
        if !name.is_empty() {
            let span = Span::new(comment.span.file, start, start + name.len());
            names.push(Ident { text: name.to_owned(), span });
        }
        at += piece.len() + 1;
    }
    // Prose such as `# allow people to ...` is no allow.
    if !names.first().is_some_and(|name| {
        name.text.starts_with(['W', 'E', 'w', 'e']) && name.text.chars().skip(1).all(|c| c.is_ascii_digit())
    }) {
        return None;
    }
    let line = sources.position(comment.span.file, comment.span.start).line;
    Some(Allow {
        codes: names,
        reason: reason.filter(|reason| !reason.is_empty()).map(str::to_owned),
        line: if comment.alone { line + 1 } else { line },
        span: comment.span,
    })
}

/// Takes out the warnings that are allowed, and complains about allows that are idle or give no reason.
pub fn apply(program: &Program, sources: &SourceMap, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept = Vec::new();
    let allows: Vec<&Allow> = program.files.iter().flat_map(|file| &file.allows).collect();
    let mut used: Vec<Vec<bool>> = allows.iter().map(|allow| vec![false; allow.codes.len()]).collect();
    // A line with an error gives no warnings yet: its allows are not idle for that.
    let in_error: BTreeSet<(FileId, u32)> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.primary.span)
        .map(|span| (span.file, sources.position(span.file, span.start).line))
        .collect();
    let mut by_line: BTreeMap<(FileId, u32), Vec<usize>> = BTreeMap::new();
    for (index, allow) in allows.iter().enumerate() {
        by_line.entry((allow.span.file, allow.line)).or_default().push(index);
    }
    for diagnostic in diagnostics {
        let span = diagnostic.primary.span;
        let line = sources.position(span.file, span.start).line;
        let mut allowed = false;
        for index in by_line.get(&(span.file, line)).into_iter().flatten() {
            let (Some(allow), Some(used)) = (allows.get(*index), used.get_mut(*index)) else { continue };
            for (code, used) in allow.codes.iter().zip(used.iter_mut()) {
                if code.text.eq_ignore_ascii_case(diagnostic.code.id())
                    && diagnostic.severity == Severity::Warning
                {
                    *used = true;
                    allowed = true;
                }
            }
        }
        if !allowed {
            kept.push(diagnostic);
        }
    }
    for (allow, used) in allows.iter().zip(&used) {
        if allow.reason.is_none() {
            kept.push(wording::allow_without_reason(allow.span));
        }
        for (code, used) in allow.codes.iter().zip(used) {
            let known = Code::find(&code.text);
            match known {
                Some(known) if known.severity() == Severity::Error => {
                    kept.push(wording::not_allowable(code.span, &code.text));
                }
                _ if !used && !in_error.contains(&(allow.span.file, allow.line)) => {
                    kept.push(wording::idle_allow(code.span, &code.text))
                }
                _ => {}
            }
        }
    }
    kept
}
