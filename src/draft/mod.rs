//! Drafts of mappings from two schemas: which objects, fields, values and stages look like each other.
//!
//! Every proposal has a score of 0 to 100. What is certain stands in the draft, what is only likely stands in it as
//! a comment with its score, and [`program`] leaves out whatever the checker refuses: a draft has no errors.
//! Nothing is ever applied to a mapping that exists.

mod fields;
mod known;
mod maps;
mod similar;
mod sync;

pub use maps::{StagePair, StageProposal, stages};
pub use sync::stage_item;

use crate::check::check_program;
use crate::diag::Severity;
use crate::resolve::Schemas;
use crate::source::SourceMap;
use crate::syntax::fmt::format;
use crate::syntax::parse;
use sync::{Draft, Line};

/// From this score on a proposal is taken as certain.
pub const CERTAIN: u8 = 85;
/// Below this score a proposal is not worth a line.
pub const LIKELY: u8 = 62;

/// One drafted file: its name below `mappings/`, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFile {
    pub name: String,
    pub text: String,
    /// Rows that stand, and rows that are only comments.
    pub rows: usize,
    pub doubtful: usize,
}

/// Drafts the syncs between two connections.
pub fn program(schemas: &Schemas, left: &str, right: &str) -> Vec<DraftFile> {
    let mut drafts = sync::drafts(schemas, left, right);
    // Each round takes out what the checker refuses; what is left is checked again.
    const ROUNDS: usize = 12;
    for _ in 0..ROUNDS {
        if !leave_out_refused(schemas, &mut drafts) {
            break;
        }
    }
    drafts.iter().map(file).collect()
}

fn file(draft: &Draft) -> DraftFile {
    let count = |active: bool| draft.lines().filter(|line| line.is_row && line.active == active).count();
    DraftFile {
        name: format!("{}.twin", draft.name),
        text: format(&draft.text()).text,
        rows: count(true),
        doubtful: count(false),
    }
}

/// Turns every line that an error points at into a comment; says whether anything changed.
fn leave_out_refused(schemas: &Schemas, drafts: &mut [Draft]) -> bool {
    let mut sources = SourceMap::new();
    for draft in drafts.iter() {
        sources.add(format!("{}.twin", draft.name), &draft.text());
    }
    let (program, mut found) = parse(&sources);
    found.extend(check_program(schemas, &program).diagnostics);
    let mut changed = false;
    for one in found.iter().filter(|one| one.severity == Severity::Error) {
        let span = one.primary.span;
        let at = sources.position(span.file, span.start).line;
        let line = sources.slice(sources.line_span(span.file, at)).trim().to_owned();
        let Some(draft) = drafts.get_mut(span.file.0 as usize) else { continue };
        changed |= match one.code.id() {
            "E501" => draft.never_create(&one.message),
            "E520" => draft.match_nothing(),
            _ => draft.leave_out(&line, one.code.id()),
        };
    }
    changed
}

/// A name that fits the language: `Needs Analysis` becomes `needs_analysis`.
fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { format!("map_{name}") }
}

/// A value in quotes, with what quotes need escaped.
fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

impl Line {
    fn row(text: String, score: u8) -> Line {
        Line { text, active: score >= CERTAIN, note: format!("score {score}"), is_row: true }
    }
}
