//! E523, W521, W522, W524: how pairs are recognised.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

pub fn unusable(span: Span, field: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::E523, span, format!("{field} can't be a match key")).here(why.to_owned())
}

pub fn constant_key(span: Span, system: &str) -> Diagnostic {
    Diagnostic::new(Code::E523, span, format!("this match key reads no field of {system}"))
        .here("the same for every record")
}

pub fn key_of_one_side(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E523, span, "both keys of this match read the same side")
        .here("expected a field of the other side")
        .help("compare one key of each side: `match: hubspot.email == salesforce.Email`")
}

pub fn shared(span: Span, field: &str) -> Diagnostic {
    Diagnostic::new(Code::W524, span, format!("many records may have the same {field}"))
        .here("a poor match key")
        .note("a record with several candidates is never linked: it is listed as ambiguous")
}

pub fn changes(span: Span, row: Span, field: &str) -> Diagnostic {
    Diagnostic::new(Code::W522, span, format!("the match key {field} is itself synced both ways"))
        .here("may change on either side")
        .label(row, "written by this row")
        .note("linked pairs stay linked by their ids; a pair that has to be found anew may not be found by this key")
}

pub fn create_without_key(span: Span, created: Span, object: &str, system: &str, field: &str) -> Diagnostic {
    Diagnostic::new(Code::W521, span, format!("a record created in {object} can't be found again by a key"))
        .here("this sync creates without a unique key")
        .label(created, "created here")
        .note("when a create is not answered, nobody can tell whether it happened: a second try may make a duplicate")
        .help(format!("`twinmap setup {system}` adds the unique field `{field}` to it"))
}
