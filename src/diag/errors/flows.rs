//! E54x: circles of rows.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

fn circle(code: Code, span: Span, others: &[Span], message: String) -> Diagnostic {
    let found = Diagnostic::new(code, span, message).here("this row closes the circle");
    others.iter().fold(found, |found, other| found.label(*other, "part of the circle"))
}

pub fn oscillates(span: Span, others: &[Span], field: &str, value: &str, becomes: &str) -> Diagnostic {
    let message = format!(
        "{field} never comes to rest: \"{value}\" comes back as \"{becomes}\", and each run changes it again"
    );
    circle(Code::E541, span, others, message)
        .help("break the circle: give one of the rows `if empty` or `on create`")
}

pub fn drifts(span: Span, others: &[Span], field: &str, value: &str, becomes: &str) -> Diagnostic {
    let message = format!("{field} changes on its way round: \"{value}\" comes back as \"{becomes}\"");
    circle(Code::E542, span, others, message)
        .help("use a converter that brings the value back, or give one of the rows `if empty` or `on create`")
}

pub fn ownerless(span: Span, others: &[Span], field: &str) -> Diagnostic {
    let message = format!("{field} is written in a circle of one-way rows, so no side owns it");
    circle(Code::E543, span, others, message)
        .note("each side overwrites the other, whoever changed the value last")
        .help("make it one two-way row `<->`, or give one of the rows `if empty` or `on create`")
}
