//! E4xx: value maps and stage maps.

use crate::diag::{Applicability, Code, Diagnostic, Edit};
use crate::source::Span;

fn quoted(values: &[&str]) -> String {
    let shown: Vec<String> = values.iter().take(8).map(|value| format!("\"{value}\"")).collect();
    match values.len().saturating_sub(8) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub fn unmapped_values(span: Span, map: &str, field: &str, missing: &[&str], free_text: bool) -> Diagnostic {
    let message = if free_text {
        format!("`{map}` maps {field}, which can hold any text, and has no `else`")
    } else {
        format!("`{map}` does not say what becomes of {} of {field}", quoted(missing))
    };
    Diagnostic::new(Code::E401, span, message)
        .here("no `else` in this map")
        .help("list the missing values, or end the map with `else skip`, `else hold` or `else -> \"Value\"`")
}

pub fn row_after_else(span: Span, else_span: Span) -> Diagnostic {
    Diagnostic::new(Code::E402, span, "a row after `else`")
        .here("never looked at")
        .label(else_span, "`else` ends the map")
        .help("move `else` to the end")
}

pub fn unknown_value(
    span: Span,
    field: &str,
    value: &str,
    near: Option<&str>,
    total: usize,
    what: &str,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E403, span, format!("{field} has no {what} \"{value}\""));
    let diagnostic = match near {
        Some(near) => diagnostic.here(format!("did you mean \"{near}\"?")).fix(
            format!("write \"{near}\""),
            Applicability::Likely,
            vec![Edit { span, text: format!("\"{near}\"") }],
        ),
        None => diagnostic.here("not among its values"),
    };
    diagnostic.note(format!("{field} has {total} {what}s"))
}

pub fn inactive_value(span: Span, field: &str, value: &str) -> Diagnostic {
    Diagnostic::new(Code::W404, span, format!("\"{value}\" is an inactive value of {field}")).here("inactive")
}

pub fn inactive_record_type(span: Span, object: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Code::W404, span, format!("the record type \"{name}\" of {object} is inactive"))
        .here("inactive")
}

/// An owner that is one slip of the keyboard away from one that exists.
pub fn misspelt_owner(span: Span, system: &str, email: &str, near: &str) -> Diagnostic {
    Diagnostic::new(Code::E403, span, format!("{system} has no owner \"{email}\""))
        .here(format!("did you mean \"{near}\"?"))
        .fix(
            format!("write \"{near}\""),
            Applicability::Likely,
            vec![Edit { span, text: format!("\"{near}\"") }],
        )
}

pub fn inactive_owner(span: Span, system: &str, email: &str) -> Diagnostic {
    Diagnostic::new(Code::W404, span, format!("\"{email}\" is no longer active in {system}"))
        .here("inactive")
        .note("records can't be given to an inactive owner; the field is held")
}

pub fn won_meets_lost(span: Span, left: &str, right: &str) -> Diagnostic {
    Diagnostic::new(Code::E405, span, format!("\"{left}\" and \"{right}\" are a won and a lost stage"))
        .here("a deal would change from won to lost on the way")
}

pub fn open_meets_closed(span: Span, left: &str, right: &str) -> Diagnostic {
    Diagnostic::new(Code::E406, span, format!("\"{left}\" and \"{right}\" are an open and a closed stage"))
        .here("a deal would be closed (or opened again) on the way")
}

pub fn out_of_order(span: Span, first: Span, later: &str, earlier: &str) -> Diagnostic {
    Diagnostic::new(
        Code::W407,
        span,
        format!("\"{later}\" comes before \"{earlier}\" on one side and after it on the other"),
    )
    .here("this pair goes back")
    .label(first, "compared with this pair")
}

pub fn no_closed_stage(span: Span, map: &str) -> Diagnostic {
    Diagnostic::new(Code::W408, span, format!("`{map}` maps no closed stage"))
        .here("won and lost deals stay out of this sync")
        .help("map the closed stages too, or closed deals will look open in the other system")
}

pub fn unmapped_stages(span: Span, map: &str, left: (&str, &[&str]), right: (&str, &[&str])) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(Code::W409, span, format!("`{map}` leaves stages unmapped"))
        .here("records in unmapped stages do not sync");
    for (side, stages) in [left, right] {
        if !stages.is_empty() {
            diagnostic = diagnostic.note(format!("unmapped in {side}: {}", quoted(stages)));
        }
    }
    diagnostic
}

pub fn no_way_back(span: Span, first: Span, value: &str) -> Diagnostic {
    Diagnostic::new(
        Code::E411,
        span,
        format!("two two-way rows share \"{value}\", so the way back is ambiguous"),
    )
    .here("second two-way row")
    .label(first, "first two-way row")
    .help("make one of the rows one-way (`->` or `<-`)")
}

pub fn value_twice(span: Span, first: Span, value: &str) -> Diagnostic {
    Diagnostic::new(Code::E413, span, format!("\"{value}\" is mapped twice in one direction"))
        .here("mapped again")
        .label(first, "mapped first here")
}

pub fn cannot_come_back(span: Span, value: &str) -> Diagnostic {
    Diagnostic::new(Code::W415, span, format!("\"{value}\" can come in but has no way back"))
        .here("no row leads back from this value")
        .help("make one of the rows to it two-way")
}

pub fn route_without_else(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E416, span, "this route has no `else`")
        .here("records that no line takes have nowhere to go")
        .help("end it with `else -> OBJECT`")
}

pub fn arms_without_route(header: Span) -> Diagnostic {
    Diagnostic::new(Code::E416, header, "this sync has several objects on the right and no `route`")
        .here("which object is a record of the left side?")
        .help("add `route { CONDITION -> OBJECT; else -> OBJECT }`")
}

pub fn pipeline_twice(span: Span, first: Span, pipeline: &str) -> Diagnostic {
    Diagnostic::new(Code::E414, span, format!("the pipeline \"{pipeline}\" is mapped twice"))
        .here("mapped again here")
        .label(first, "mapped first here")
        .help("merge the two maps, or give their syncs filters that no deal passes both")
}

/// `trip`: a value, what it becomes on the other side, what that becomes on the way back.
pub fn not_round_trip(span: Span, line: Span, name: &str, trip: (&str, &str, &str)) -> Diagnostic {
    let short = |text: &str| match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or("")),
        None => text.to_owned(),
    };
    let (value, there, back) = (short(trip.0), short(trip.1), short(trip.2));
    Diagnostic::new(
        Code::E420,
        span,
        format!(
            "`{name}` does not bring every value back: \"{value}\" becomes \"{there}\" becomes \"{back}\""
        ),
    )
    .here("this row goes both ways")
    .label(line, "the way there")
    .help("make the row one-way, or change the converter so that the way back restores the value")
}

pub fn undo_not_restoring(span: Span) -> Diagnostic {
    Diagnostic::new(Code::W422, span, "a default on a two-way row is not taken back")
        .here("can't be told from a value that someone chose")
        .note("a blank becomes this value on the other side; when it is blanked there, it is filled again")
        .help("give the default on a one-way row of its own, or leave it out")
}
