//! E2xx: names.

use crate::diag::{Applicability, Code, Diagnostic, Edit};
use crate::source::Span;

/// A name that does not exist, with the one near name when there is one.
fn unknown(code: Code, span: Span, message: String, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(code, span, message);
    match near {
        Some(near) => diagnostic.here(format!("did you mean `{near}`?")).fix(
            format!("write `{near}`"),
            Applicability::Likely,
            vec![Edit { span, text: near.to_owned() }],
        ),
        None => diagnostic.here("not known"),
    }
}

pub fn unknown_field(
    span: Span,
    object: &str,
    name: &str,
    near: Option<&str>,
    count: usize,
    system: &str,
) -> Diagnostic {
    if ["null", "nil", "none", "empty", "blank"].contains(&name.to_lowercase().as_str()) {
        return unknown(Code::E201, span, format!("{object} has no field `{name}`"), None)
            .help("ask for a missing value with `NAME is blank`, for any value with `NAME is set`");
    }
    unknown(Code::E201, span, format!("{object} has no field `{name}`"), near)
        .note(format!("{count} fields are known for {object}"))
        .help(format!("if the field is new, refresh the schema: `twinmap schema pull {system}`"))
}

/// A value of an option field that was written as a name.
pub fn value_without_quotes(span: Span, from: &str, name: &str) -> Diagnostic {
    let quoted = format!("\"{name}\"");
    Diagnostic::new(Code::E201, span, format!("{from} has no field `{name}`"))
        .here("a value stands in quotes")
        .fix(format!("write `{quoted}`"), Applicability::Likely, vec![Edit { span, text: quoted }])
}

/// `count(deal)`: an object where a field belongs.
pub fn object_for_field(span: Span, from: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Code::E201, span, format!("{from} has no field `{name}`"))
        .here("this is an object")
        .help(format!("count associated records with `count({name} ())`"))
}

/// A field that is named without its object.
pub fn unknown_anywhere(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(Code::E201, span, format!("no object has a field `{name}`"), near)
}

pub fn field_of_other_side(span: Span, object: &str, name: &str, other: &str) -> Diagnostic {
    Diagnostic::new(Code::E213, span, format!("`{name}` is a field of {other}, not of {object}"))
        .here(format!("{object} stands on this side"))
        .help("swap the two ends of the row, or turn its arrow round")
}

pub fn field_of_other_arm(span: Span, object: &str, name: &str, other: &str, arm: &str) -> Diagnostic {
    Diagnostic::new(Code::E213, span, format!("`{name}` is a field of {other}, not of {object}"))
        .here("wrong arm")
        .help(format!("move the row to `map {arm} {{ ... }}`"))
}

/// Both ends of a row are fields of the other side: each is its name, its place and the object that stands there.
pub fn swapped_ends(left: (&str, Span, &str), right: (&str, Span, &str), arrow: &str) -> Diagnostic {
    let ((a, at, left), (b, other, right)) = (left, right);
    let swap = vec![Edit { span: at, text: b.to_owned() }, Edit { span: other, text: a.to_owned() }];
    Diagnostic::new(Code::E213, at, format!("`{a}` is a field of {right}, and `{b}` one of {left}"))
        .here(format!("{left} stands on the left"))
        .label(other, format!("{right} stands on the right"))
        .help(format!("swap the two ends: `{b} {arrow} {a}`"))
        .fix("swap the two ends", Applicability::Likely, swap)
}

pub fn unknown_object(span: Span, system: &str, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(Code::E202, span, format!("{system} has no object `{name}` in its schema"), near)
        .help(format!("if it exists, fetch it: `twinmap schema pull {system}`"))
}

pub fn unknown_system(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(Code::E203, span, format!("no connection is called `{name}`"), near)
        .note("connections are named in `twinmap.toml` as `[connections.NAME]`")
}

pub fn no_schema(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(Code::E203, span, format!("nothing is known yet of the connection `{name}`"))
        .here("no schema snapshot")
        .help(format!("fetch its schema: `twinmap schema pull {name}`"))
}

pub fn unknown_sync(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(Code::E204, span, format!("there is no sync `{name}`"), near)
}

pub fn unknown_use(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(
        Code::E205,
        span,
        format!("there is no converter, `values`, `stages` or `owners` called `{name}`"),
        near,
    )
}

pub fn unknown_scope(span: Span, word: &str, object: &str, name: &str, near: Option<&str>) -> Diagnostic {
    let kind = if word == "pipeline" { "pipeline" } else { "record type" };
    let near = near.map(|near| format!("\"{near}\""));
    unknown(Code::E206, span, format!("{object} has no {kind} \"{name}\""), near.as_deref())
}

pub fn unknown_list(span: Span, system: &str, name: &str, near: Option<&str>) -> Diagnostic {
    let near = near.map(|near| format!("\"{near}\""));
    unknown(Code::E207, span, format!("{system} has no list \"{name}\""), near.as_deref())
}

pub fn list_of_other_object(span: Span, name: &str, of: &str, wanted: &str) -> Diagnostic {
    Diagnostic::new(Code::E207, span, format!("the list \"{name}\" holds {of} records, not {wanted} records"))
        .here(format!("a list of {of} records"))
        .help(format!(
            "ask the associated records: `any {of} (in_list(\"{name}\"))`, or name a list of {wanted} records"
        ))
}

pub fn unknown_function(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = unknown(Code::E208, span, format!("there is no function `{name}`"), near);
    // What other languages call so.
    let help = match name.to_lowercase().as_str() {
        "if" | "iif" | "case" | "switch" => "write `if CONDITION then VALUE else VALUE`",
        "now" | "today" => "a mapping knows no clock: what it gives depends on the record alone",
        "isblank" | "isnull" | "isempty" | "is_null" | "is_empty" => "write `NAME is blank`",
        "ispickval" => "write `NAME == \"...\"`",
        "ifnull" | "nvl" | "blankvalue" | "nullvalue" | "isnull_or" => "write `coalesce(NAME, VALUE)`",
        "join_text" | "concatenate" => "write `concat(...)`",
        "left" | "substring" | "substr" => "write `truncate(NAME, 10)`",
        "to_text" | "string" | "str" => "write `text(NAME)`",
        "to_number" | "number" | "value" => "write `decimal(NAME)`",
        _ => return diagnostic,
    };
    Diagnostic { fixes: Vec::new(), ..diagnostic }.here("not known").help(help)
}

pub fn unknown_association(span: Span, object: &str, name: &str, near: Option<&str>) -> Diagnostic {
    unknown(Code::E209, span, format!("{object} has no association with `{name}`"), near)
}

pub fn same_name(span: Span, first: Span, kind: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Code::E210, span, format!("two items are called `{name}`"))
        .here(format!("this {kind}"))
        .label(first, "the first one")
}

pub fn two_writers(span: Span, first: Span, object: &str, field: &str) -> Diagnostic {
    Diagnostic::new(Code::E211, span, format!("two rows write {object}.{field}"))
        .here("second row")
        .label(first, "first row")
        .help("keep one, or give both a `when` that can't be true together")
}

pub fn same_records(span: Span, first: Span, syncs: (&str, &str), object: &str, rows: usize) -> Diagnostic {
    let (a, b) = syncs;
    Diagnostic::new(
        Code::E211,
        span,
        format!("`{a}` and `{b}` may handle the same records of {object}, and {rows} rows of both write the same fields"),
    )
    .here("the second sync")
    .label(first, "the first sync")
    .help("keep one of the syncs, or give them filters that no record passes both")
}

pub fn unused(span: Span, kind: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Code::W212, span, format!("nothing uses the {kind} `{name}`")).here("never used")
}

pub fn unknown_zone(span: Span, zone: &str) -> Diagnostic {
    Diagnostic::new(Code::E214, span, format!("\"{zone}\" is no time zone"))
        .here("not known")
        .help("write an IANA name, such as \"Europe/Rome\" or \"UTC\"")
}

pub fn unknown_region(span: Span, region: &str) -> Diagnostic {
    Diagnostic::new(Code::E214, span, format!("\"{region}\" is no region of phone numbers"))
        .here("not known")
        .help("write a two-letter country code, such as \"IT\"")
}

pub fn argument_count(span: Span, name: &str, least: usize, most: usize, found: usize) -> Diagnostic {
    let wants = match (least, most) {
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (a, b) if a == b => format!("{a} arguments"),
        (a, 64) => format!("at least {a}"),
        (a, b) => format!("{a} to {b} arguments"),
    };
    Diagnostic::new(Code::E215, span, format!("`{name}` takes {wants}, not {found}"))
        .here("wrong number of arguments")
}

pub fn shadows(span: Span, kind: &str, name: &str) -> Diagnostic {
    Diagnostic::new(
        Code::W216,
        span,
        format!("the {kind} `{name}` hides the built-in converter of that name"),
    )
    .here("this one is used from now on")
}

pub fn unqualified(span: Span, name: &str, left: &str, right: &str) -> Diagnostic {
    Diagnostic::new(Code::E217, span, format!("`{name}` could be a field of either side"))
        .here("say whose field")
        .help(format!("write `{left}.{name}` or `{right}.{name}`"))
}
