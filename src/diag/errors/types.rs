//! E3xx and the expression part of E4xx: types.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

pub fn types_differ(
    span: Span,
    from: (&str, &str),
    to: (&str, &str),
    from_span: Span,
    help: Option<String>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::E301,
        span,
        format!("{} ({}) does not fit {} ({})", from.0, from.1, to.0, to.1),
    )
    .here(to.1.to_owned())
    .label(from_span, from.1.to_owned());
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

pub fn converter_misfit(span: Span, converter: &str, wants: &str, field: &str, is: &str) -> Diagnostic {
    Diagnostic::new(Code::E301, span, format!("`{converter}` does not fit {field}, which is {is}"))
        .here(format!("takes {wants}"))
}

pub fn other_systems(span: Span, converter: &str, wants: &str, systems: &str) -> Diagnostic {
    Diagnostic::new(
        Code::E301,
        span,
        format!("`{converter}` does not belong to this row, which joins {systems}"),
    )
    .here(format!("maps {wants}"))
}

pub fn map_of_another_field(span: Span, map: &str, of: &str, field: &str, value: &str) -> Diagnostic {
    Diagnostic::new(Code::E301, span, format!("`{map}` maps values of {of}, but the row writes {field}"))
        .here(format!("{field} has no value \"{value}\""))
        .help(format!("make a map of its own for {field}"))
}

pub fn map_goes_the_other_way(span: Span, name: &str, arrow: Span) -> Diagnostic {
    Diagnostic::new(Code::E301, span, format!("`{name}` only goes the other way"))
        .here("has nothing to say in this direction")
        .label(arrow, "the row goes this way")
}

pub fn missing_identity(
    span: Span,
    field: &str,
    other: &str,
    missing: &[&str],
    from_span: Span,
) -> Diagnostic {
    let shown: Vec<String> = missing.iter().take(5).map(|value| format!("\"{value}\"")).collect();
    let more = missing.len().saturating_sub(5);
    let list = if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") };
    Diagnostic::new(Code::E301, span, format!("{field} has values that {other} does not have: {list}"))
        .here("these values are missing here")
        .label(from_span, "values come from here")
        .help("name a `values` map: `using my_values`, and list the pairs in `values my_values: ... { ... }`")
}

pub fn value_too_long(span: Span, field: &str, max: u32, length: u32) -> Diagnostic {
    Diagnostic::new(Code::W302, span, format!("this value is longer than {field} allows"))
        .here(format!("{length} characters; at most {max} fit"))
        .note("a longer value is held: it is not written, and reported")
}

pub fn text_may_not_fit(
    span: Span,
    from: &str,
    from_max: u32,
    to: &str,
    to_max: u32,
    from_span: Span,
) -> Diagnostic {
    Diagnostic::new(Code::W302, span, format!("{from} can be longer than {to} allows"))
        .here(format!("at most {to_max} characters"))
        .label(from_span, format!("up to {from_max} characters"))
        .note("a longer value is held: it is not written, and reported")
        .help("accept shortened values: add `cut` to the row")
}

pub fn zone_missing(span: Span, from: &str, to: &str) -> Diagnostic {
    Diagnostic::new(Code::E303, span, format!("{from} and {to} meet without a time zone"))
        .here("one is a date, the other a point in time")
        .help("say whose calendar day counts: `using calendar_day(\"Europe/Rome\")`")
}

pub fn zone_missing_in_call(span: Span, func: &str) -> Diagnostic {
    Diagnostic::new(Code::E303, span, format!("`{func}` of a point in time needs a time zone"))
        .here("which day this is depends on the zone")
        .help(format!("write `{func}(in_zone(..., \"Europe/Rome\"))`"))
}

pub fn zone_missing_in_comparison(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E303, span, "a date is compared with a point in time without a time zone")
        .here("which day this is depends on the zone")
        .help("write `in_zone(..., \"Europe/Rome\")` around the point in time")
}

pub fn number_may_not_fit(span: Span, from: &str, to: &str, to_type: &str) -> Diagnostic {
    Diagnostic::new(Code::W305, span, format!("a number of {from} may not fit {to}"))
        .here(to_type.to_owned())
        .note("a number that does not fit is held: it is not written, and reported")
}

pub fn wrong_operand(span: Span, message: String, here: String) -> Diagnostic {
    Diagnostic::new(Code::E306, span, message).here(here)
}

pub fn currency_missing(span: Span, amount: &str, currency: &str) -> Diagnostic {
    Diagnostic::new(Code::E304, span, format!("{amount} travels without its currency"))
        .here("an amount of a multi-currency account")
        .help(format!("map the currency as well: `{currency}`"))
}

pub fn expression_on_two_way(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E423, span, "an expression can't stand on a two-way row")
        .here("the way back is not known")
        .help("make the row one-way, or move the change of value into a converter: `using ...`")
}

pub fn field_expected(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E101, span, "the head of an arrow is a field").here("expected a field here")
}

pub fn one_way_on_two_way(span: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::E421, span, format!("`{name}` only goes one way, but the row goes both ways"))
        .here(why.to_owned())
        .help("make the row one-way, or give the converter its way back")
}
