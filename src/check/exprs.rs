//! Expressions: operands and arguments of the right type, values that exist.
//!
//! One finding per wrong operand; what is of unknown type is left alone.

use super::Ctx;
use super::fit::{is_number, is_text};
use super::rows::path;
use super::truth::constant;
use super::types::unlisted;
use crate::builtin::Func;
use crate::diag::Diagnostic;
use crate::diag::errors::{names, text, types};
use crate::resolve::hir::{Expr, Kind, Ty};
use crate::schema::FieldType;
use crate::syntax::ast::BinaryOp;
use crate::value::Value;

/// What kinds of values the language tells apart in expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Number,
    Bool,
    Date,
    DateTime,
    /// A multi-select or a list.
    List,
    Other,
    Unknown,
}

impl Sort {
    fn of(expr: &Expr<'_>) -> Sort {
        match &expr.ty {
            Ty::Unknown => Sort::Unknown,
            Ty::List(_) => Sort::List,
            Ty::OptionOf(field) => Sort::of_type(&field.ty),
            Ty::Of(ty) => Sort::of_type(ty),
        }
    }

    fn of_type(ty: &FieldType) -> Sort {
        match ty {
            ty if is_text(ty) => Sort::Text,
            ty if is_number(ty) => Sort::Number,
            FieldType::Option | FieldType::Owner | FieldType::Ref { .. } | FieldType::Id => Sort::Text,
            FieldType::Bool => Sort::Bool,
            FieldType::Date => Sort::Date,
            FieldType::DateTime => Sort::DateTime,
            FieldType::Options => Sort::List,
            FieldType::Unknown => Sort::Unknown,
            _ => Sort::Other,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Sort::Text => "a text",
            Sort::Number => "a number",
            Sort::Bool => "true or false",
            Sort::Date => "a date",
            Sort::DateTime => "a point in time",
            Sort::List => "a list",
            Sort::Other => "a compound value",
            Sort::Unknown => "a value",
        }
    }

    fn is(self, wanted: Sort) -> bool {
        self == wanted || self == Sort::Unknown
    }
}

/// Checks an expression that is a condition.
pub fn condition<'a>(ctx: &mut Ctx<'a, '_>, expr: &Expr<'a>) {
    let mut found = Vec::new();
    wants(expr, Sort::Bool, "a condition", &mut found);
    walk(expr, &mut found);
    found.into_iter().for_each(|finding| ctx.say(finding));
}

/// Checks an expression that is a value of any type.
pub fn value<'a>(ctx: &mut Ctx<'a, '_>, expr: &Expr<'a>) {
    let mut found = Vec::new();
    walk(expr, &mut found);
    found.into_iter().for_each(|finding| ctx.say(finding));
}

/// Checks the two keys of a `match` line against each other.
pub fn keys<'a>(ctx: &mut Ctx<'a, '_>, left: &Expr<'a>, right: &Expr<'a>) {
    let mut found = Vec::new();
    walk(left, &mut found);
    walk(right, &mut found);
    if found.is_empty() {
        alike(left, right, &mut found);
    }
    found.into_iter().for_each(|finding| ctx.say(finding));
}

fn named(expr: &Expr<'_>) -> String {
    match &expr.kind {
        Kind::Field(_, field) => path(*field),
        _ => "this".to_owned(),
    }
}

fn wants(expr: &Expr<'_>, wanted: Sort, as_what: &str, found: &mut Vec<Diagnostic>) -> bool {
    let is = Sort::of(expr);
    if is.is(wanted) {
        return true;
    }
    let message = format!("{} is {}, and {as_what} is expected here", named(expr), is.shown());
    found.push(types::wrong_operand(expr.span, message, format!("expected {as_what}")));
    false
}

fn walk(expr: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    match &expr.kind {
        Kind::Not(inner) => {
            wants(inner, Sort::Bool, "a condition", found);
            walk(inner, found);
        }
        Kind::Negate(inner) => {
            wants(inner, Sort::Number, "a number", found);
            walk(inner, found);
        }
        Kind::IsPrivate(inner) => walk(inner, found),
        Kind::List(items) => items.iter().for_each(|item| walk(item, found)),
        Kind::IsSet { operand, .. } | Kind::IsBlank { operand, .. } => walk(operand, found),
        Kind::Matches { operand, .. } => {
            wants(operand, Sort::Text, "a text", found);
            walk(operand, found);
        }
        Kind::Between { operand, low, high } => {
            [operand, low, high].into_iter().for_each(|part| walk(part, found));
            if ordered(operand, found) {
                compare(operand, low, found);
                compare(operand, high, found);
            }
        }
        Kind::If { condition, then, otherwise } => {
            wants(condition, Sort::Bool, "a condition", found);
            [condition, then, otherwise].into_iter().for_each(|part| walk(part, found));
            let (a, b) = (Sort::of(then), Sort::of(otherwise));
            if !a.is(b) && !b.is(a) {
                let message = format!("one branch is {}, the other {}", a.shown(), b.shown());
                found.push(types::wrong_operand(otherwise.span, message, format!("expected {}", a.shown())));
            }
        }
        Kind::Binary { op, left, right } => {
            walk(left, found);
            walk(right, found);
            binary(*op, left, right, found);
        }
        Kind::Call { func, args } => {
            args.iter().for_each(|arg| walk(arg, found));
            call(*func, args, found);
        }
        Kind::Associated { condition: Some(condition), .. } => {
            wants(condition, Sort::Bool, "a condition", found);
            walk(condition, found);
        }
        _ => {}
    }
}

fn binary(op: BinaryOp, left: &Expr<'_>, right: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    match op {
        BinaryOp::And | BinaryOp::Or => {
            for part in [left, right] {
                wants(part, Sort::Bool, "a condition", found);
            }
        }
        BinaryOp::Equal | BinaryOp::NotEqual => compare(left, right, found),
        BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
            if ordered(left, found) && ordered(right, found) {
                compare(left, right, found);
            }
        }
        BinaryOp::In => match &right.kind {
            Kind::List(items) => items.iter().for_each(|item| compare(left, item, found)),
            _ if Sort::of(right).is(Sort::List) => among(right, left, found),
            _ => {
                wants(right, Sort::List, "a list", found);
            }
        },
        BinaryOp::Contains => {
            if Sort::of(left) == Sort::List {
                among(left, right, found);
            } else if wants(left, Sort::Text, "a text or several values", found) {
                wants(right, Sort::Text, "a quoted text", found);
            }
        }
        BinaryOp::StartsWith | BinaryOp::EndsWith => {
            if wants(left, Sort::Text, "a text", found) {
                wants(right, Sort::Text, "a quoted text", found);
            }
        }
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
            for part in [left, right] {
                let is = Sort::of(part);
                if is.is(Sort::Number) {
                    continue;
                }
                let message = format!("{} is {}, and a number is expected here", named(part), is.shown());
                let finding = types::wrong_operand(part.span, message, "expected a number".to_owned());
                found.push(match is {
                    Sort::Text => finding.help("texts are joined with `concat(...)`"),
                    Sort::Date | Sort::DateTime => finding.help("days are added with `add_days(...)`"),
                    _ => finding,
                });
                return;
            }
        }
    }
}

/// A value of a multi-select.
fn among(list: &Expr<'_>, item: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    if !wants(item, Sort::Text, "a quoted value", found) {
        return;
    }
    if let (Kind::Field(_, field), Some(Value::Text(value))) = (&list.kind, constant(item)) {
        found.extend(unlisted(*field, &value, item.span));
    }
}

/// Two operands that are compared: of one kind, and a literal is a value that the field can have.
fn compare(left: &Expr<'_>, right: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    let before = found.len();
    field_and_literal(left, right, found);
    if found.len() == before {
        field_and_literal(right, left, found);
    }
    if found.len() == before && constant(left).is_none() && constant(right).is_none() {
        alike(left, right, found);
    }
}

fn alike(left: &Expr<'_>, right: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    let (a, b) = (Sort::of(left), Sort::of(right));
    if a.is(b) || b.is(a) {
        return;
    }
    if matches!((a, b), (Sort::Date, Sort::DateTime) | (Sort::DateTime, Sort::Date)) {
        let at = if b == Sort::DateTime { right.span } else { left.span };
        found.push(types::zone_missing_in_comparison(at));
        return;
    }
    let message = format!("{} is compared with {}", a.shown(), b.shown());
    found.push(types::wrong_operand(right.span, message, format!("expected {}", a.shown())));
}

fn field_and_literal(field: &Expr<'_>, other: &Expr<'_>, found: &mut Vec<Diagnostic>) {
    let Some(value) = constant(other) else { return };
    let Kind::Field(_, reference) = &field.kind else {
        if constant(field).is_none() && !matches!(field.kind, Kind::Error) {
            alike(field, other, found);
        }
        return;
    };
    let ty = &reference.field.ty;
    let wants = match (ty, &value) {
        (FieldType::Option, Value::Text(text)) => {
            found.extend(unlisted(*reference, text, other.span));
            return;
        }
        (FieldType::Options, Value::Text(text)) => {
            found.extend(unlisted(*reference, text, other.span));
            return;
        }
        (FieldType::Unknown, _) | (FieldType::Bool, Value::Bool(_)) => return,
        (FieldType::Bool, _) => "`true` or `false`",
        (ty, Value::Number(_)) if is_number(ty) => return,
        (ty, _) if is_number(ty) => "a number",
        (FieldType::Date, Value::Date(_)) | (FieldType::DateTime, Value::DateTime(_)) => return,
        (FieldType::Date, Value::DateTime(_)) | (FieldType::DateTime, Value::Date(_)) => {
            let at = if *ty == FieldType::DateTime { field.span } else { other.span };
            found.push(types::zone_missing_in_comparison(at));
            return;
        }
        (FieldType::Date, _) => "a date such as `date(\"2026-01-31\")`",
        (FieldType::DateTime, _) => "a point in time such as `datetime(\"2026-01-31T10:00:00Z\")`",
        (_, Value::Text(_)) => return,
        _ => "a quoted text",
    };
    let message = format!("{} is {ty} and is compared with something else", path(*reference));
    found.push(types::wrong_operand(other.span, message, format!("expected {wants}")));
}

/// Whether `<` and the like make sense; says so when they don't.
fn ordered(expr: &Expr<'_>, found: &mut Vec<Diagnostic>) -> bool {
    let option = matches!(
        &expr.ty,
        Ty::OptionOf(_) | Ty::Of(FieldType::Owner | FieldType::Ref { .. } | FieldType::Id)
    );
    if !option
        && matches!(Sort::of(expr), Sort::Text | Sort::Number | Sort::Date | Sort::DateTime | Sort::Unknown)
    {
        return true;
    }
    let is = match &expr.kind {
        Kind::Field(_, field) => field.field.ty.to_string(),
        _ => Sort::of(expr).shown().to_owned(),
    };
    let message = format!("{} is {is} and has no order", named(expr));
    found.push(types::wrong_operand(expr.span, message, "compare with `==` or `in`".to_owned()));
    false
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Any,
    Text,
    Number,
    /// A number, or a text that is read as one.
    Numeric,
    /// A day; a point in time has one only in a zone.
    Day,
    Time,
    List,
}

fn parameters(func: Func) -> &'static [Takes] {
    use Takes::{Any, Day, List, Number, Numeric, Text, Time};
    match func {
        Func::Concat | Func::Coalesce | Func::Min | Func::Max | Func::Text => &[Any],
        Func::Trim | Func::Lower | Func::Upper | Func::Title => &[Text],
        Func::Domain | Func::Host | Func::EmailDomain => &[Text],
        Func::Truncate => &[Text, Number],
        Func::Replace => &[Text, Text, Text],
        Func::StripPrefix | Func::StripSuffix | Func::SplitFirst | Func::SplitLast | Func::Split => {
            &[Text, Text]
        }
        Func::Pad => &[Text, Number, Text],
        Func::RegexExtract => &[Text, Text, Number],
        Func::Phone => &[Text, Text],
        Func::Round => &[Number, Number],
        Func::Floor | Func::Ceil | Func::Abs => &[Number],
        Func::Int | Func::Decimal => &[Numeric],
        Func::Date => &[Day],
        Func::DateTime => &[Any],
        Func::Year | Func::Month => &[Day],
        Func::DaysBetween => &[Day, Day],
        Func::AddDays => &[Time, Number],
        Func::InZone => &[Time, Text],
        Func::Join => &[List, Text],
        Func::Count => &[List],
        Func::ContainsAll => &[List, List],
    }
}

fn call(func: Func, args: &[Expr<'_>], found: &mut Vec<Diagnostic>) {
    let takes = parameters(func);
    for (index, arg) in args.iter().enumerate() {
        let wanted = takes.get(index).or(takes.last()).copied().unwrap_or(Takes::Any);
        if !argument(func, wanted, arg, found) {
            return;
        }
    }
    match func {
        Func::Coalesce | Func::Min | Func::Max => one_kind(func, args, found),
        Func::Date | Func::DateTime => readable(func, args, found),
        Func::RegexExtract => {
            if let Some((Value::Text(pattern), at)) =
                args.get(1).and_then(|arg| Some((constant(arg)?, arg.span)))
                && let Err(error) = regex::Regex::new(&pattern)
            {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
                found.push(text::bad_regex(at, &why));
            }
        }
        Func::Phone => {
            if let Some((Value::Text(region), at)) =
                args.get(1).and_then(|arg| Some((constant(arg)?, arg.span)))
                && !crate::calc::is_region(&region)
            {
                found.push(names::unknown_region(at, &region));
            }
        }
        _ => {}
    }
}

fn argument(func: Func, wanted: Takes, arg: &Expr<'_>, found: &mut Vec<Diagnostic>) -> bool {
    let is = Sort::of(arg);
    let fits = match wanted {
        Takes::Any => match func {
            Func::Concat | Func::Text => !matches!(is, Sort::List | Sort::Other),
            Func::DateTime => matches!(is, Sort::Text | Sort::DateTime | Sort::Date | Sort::Unknown),
            _ => true,
        },
        Takes::Text => is.is(Sort::Text),
        Takes::Number => is.is(Sort::Number),
        Takes::Numeric => is.is(Sort::Number) || is == Sort::Text,
        Takes::Day => match func {
            Func::Date => is.is(Sort::Date) || matches!(is, Sort::Text | Sort::DateTime),
            _ => is.is(Sort::Date) || is == Sort::DateTime,
        },
        Takes::Time => match func {
            Func::InZone => is.is(Sort::DateTime),
            _ => is.is(Sort::Date) || is == Sort::DateTime,
        },
        Takes::List => is.is(Sort::List),
    };
    let zone = (wanted == Takes::Day && is == Sort::DateTime) || (func == Func::DateTime && is == Sort::Date);
    if zone {
        found.push(types::zone_missing_in_call(arg.span, func.name()));
        return false;
    }
    if fits {
        return true;
    }
    let expected = match wanted {
        Takes::Any | Takes::Text | Takes::Numeric => "a text",
        Takes::Number => "a number",
        Takes::Day | Takes::Time if func == Func::InZone => "a point in time",
        Takes::Day | Takes::Time => "a date",
        Takes::List => "a list",
    };
    let message = format!("`{}` takes {expected}, and {} is {}", func.name(), named(arg), is.shown());
    let finding = types::wrong_operand(arg.span, message, format!("expected {expected}"));
    found.push(match (wanted, is) {
        (Takes::Text, Sort::Number | Sort::Date | Sort::DateTime | Sort::Bool) => {
            finding.help("turn it into a text first: `text(...)`")
        }
        (Takes::Number, Sort::Text) => finding.help("read it as a number first: `decimal(...)`"),
        (Takes::Any | Takes::Text, Sort::List) => finding.help("join its values first: `join(..., \", \")`"),
        _ => finding,
    });
    false
}

/// The arguments of `coalesce`, `min` and `max` are of one kind.
fn one_kind(func: Func, args: &[Expr<'_>], found: &mut Vec<Diagnostic>) {
    let Some(first) = args.first() else { return };
    let kind = Sort::of(first);
    if let Some(other) = args.iter().find(|arg| !Sort::of(arg).is(kind) && !kind.is(Sort::of(arg))) {
        let message = format!("`{}` mixes {} and {}", func.name(), kind.shown(), Sort::of(other).shown());
        found.push(types::wrong_operand(other.span, message, format!("expected {}", kind.shown())));
    }
}

/// A written-out date is one.
fn readable(func: Func, args: &[Expr<'_>], found: &mut Vec<Diagnostic>) {
    if let Some(arg) = args.first()
        && let Kind::Literal(Value::Text(written)) = &arg.kind
        && crate::calc::values::apply(func, &[Value::Text(written.clone())]).is_err()
    {
        found.push(text::bad_date(arg.span, func.name()));
    }
}
