//! W412, W55x: conditions that decide nothing, feed themselves or cost a full read.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

pub fn constant(span: Span, what: &str, truth: bool) -> Diagnostic {
    let (message, here) = if truth {
        (format!("this {what} is always true"), "true of every record")
    } else {
        (format!("this {what} is never true"), "no record fulfils this")
    };
    Diagnostic::new(Code::W551, span, message).here(here)
}

pub fn filters_contradict(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(Code::W551, span, "the filters of this side contradict each other: no record takes part")
        .here("never true together")
        .label(first, "with this one")
}

pub fn row_never_taken(span: Span, filter: Option<Span>) -> Diagnostic {
    let found = Diagnostic::new(Code::W412, span, "this row is never used: its condition is never true");
    match filter {
        Some(filter) => found
            .here("never true of a record that passes the filter")
            .label(filter, "only these records take part"),
        None => found.here("no record fulfils this"),
    }
}

pub fn branch_never_taken(span: Span, condition: Span, truth: bool) -> Diagnostic {
    let always = if truth { "always true" } else { "never true" };
    Diagnostic::new(Code::W412, span, "this branch is never taken")
        .here("never used")
        .label(condition, format!("this condition is {always}"))
}

pub fn route_never_taken(span: Span, first: Option<Span>) -> Diagnostic {
    let found = Diagnostic::new(Code::W412, span, "this line of the route is never taken");
    match first {
        Some(first) => found.here("nothing is left for it").label(first, "earlier lines take these records"),
        None => found.here("no record fulfils this"),
    }
}

pub fn filter_feeds_itself(span: Span, row: Span, field: &str) -> Diagnostic {
    Diagnostic::new(Code::W550, span, format!("this filter reads {field}, which this sync itself writes"))
        .here("a write may move the record out of the sync")
        .label(row, "written here")
        .note("a record that leaves the filter stops syncing; it is not deleted")
}

pub fn local_filter(span: Span, object: &str, cost: Option<(u64, u64)>) -> Diagnostic {
    let found = Diagnostic::new(Code::W552, span, format!("the API can't evaluate this filter of {object}"))
        .here("looked at here, record by record");
    let found = match cost {
        Some((records, calls)) => found.note(format!(
            "every run that looks at all records reads {records} of them: about {calls} calls"
        )),
        None => {
            found.note("every record is read before the filter is looked at: one call for each 100 of them")
        }
    };
    found.help("add a condition that the API can search by, such as a comparison of a field with a value")
}

pub fn activity_never_written(span: Span, kind: &str) -> Diagnostic {
    Diagnostic::new(
        Code::W412,
        span,
        format!("this line is never used for a {kind}: `items` does not name it"),
    )
    .here("not among the items")
}
