//! E56x, W57x, W58x: what an account allows.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

pub fn edition(span: Span, system: &str, edition: &str) -> Diagnostic {
    Diagnostic::new(Code::E562, span, format!("{system} is a Salesforce {edition}, which has no API"))
        .here("can't be reached")
        .note("syncing needs Enterprise, Performance, Unlimited or Developer Edition, or Professional with API access")
}

pub fn scope(span: Span, object: &str, scope: &str) -> Diagnostic {
    Diagnostic::new(Code::E562, span, format!("the token for {object} lacks the scope `{scope}`"))
        .here("not permitted")
        .help("add the scope to the private app and refresh the schema")
}

pub fn right(span: Span, object: &str, right: &str, system: &str) -> Diagnostic {
    Diagnostic::new(Code::E562, span, format!("the integration user may not {right} records of {object}"))
        .here(format!("this sync would {right} them"))
        .help(format!("grant the right and refresh the schema: `twinmap schema pull {system}`"))
}

pub fn persons_only(span: Span, sync: &str) -> Diagnostic {
    Diagnostic::new(Code::E561, span, format!("the filters of `{sync}` select person accounts only"))
        .here("business accounts are all left out")
        .note("a person account is a person: it has no company to sync with")
}

pub fn persons_left_out(span: Span, object: &str) -> Diagnostic {
    Diagnostic::new(
        Code::W563,
        span,
        format!("{object} has person accounts, which Sales Navigator does not take"),
    )
    .here("person accounts are left out, and counted")
    .help("say so with a filter: `filter ...: IsPersonAccount == false`")
}

pub fn bulk(span: Span, object: &str, records: u64, parts: u64) -> Diagnostic {
    Diagnostic::new(Code::W580, span, format!("the first sync of {object} covers {records} records"))
        .here(format!("done in {parts} parts"))
        .note("HubSpot syncs at most 200,000 records at once")
        .help("narrow it with a filter, or begin with `start: new`")
}

pub fn foreign_writer(span: Span, field: &str, writer: &str) -> Diagnostic {
    Diagnostic::new(Code::W571, span, format!("{field} is also written by {writer}"))
        .here("two writers")
        .help("leave this field to one of them")
}

pub fn calculated(span: Span, field: &str) -> Diagnostic {
    Diagnostic::new(
        Code::W570,
        span,
        format!("{field} is calculated, and its changes don't mark the record as changed"),
    )
    .here("an incremental run does not notice")
    .help("read such records again now and then: `refresh: every 24h`")
}

pub fn two_contracts(span: Span, first: Span, here: (&str, &str), there: (&str, &str)) -> Diagnostic {
    let message = if here.1 == there.1 {
        format!("the Sales Navigator contract {} is already linked to the portal {}", here.1, there.0)
    } else {
        format!("the HubSpot portal {} is already linked to the Sales Navigator contract {}", here.0, there.1)
    };
    Diagnostic::new(Code::E560, span, message)
        .here("a second link")
        .label(first, "linked first here")
        .note("one portal goes with one contract at a time")
}
