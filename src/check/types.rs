//! Rows: whether the value that travels fits the field it is written to.

use rust_decimal::Decimal;

use super::Ctx;
use super::converters::converters_fit;
use super::fit::{Fit, fits, is_number, is_text};
use super::rows::path;
use crate::builtin::{Converter, Func};
use crate::diag::Diagnostic;
use crate::diag::errors::{types, values};
use crate::resolve::hir::{Arm, End, Expr, FieldRef, Kind, MapEnd, Row, Side, Sync, Ty, Use};
use crate::resolve::near_value;
use crate::schema::FieldType;
use crate::source::Span;
use crate::value::Value;

pub const SIDES: [Side; 2] = [Side::Left, Side::Right];

/// Each direction of a row: from what is read to the field that is written.
pub fn types_fit<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, arm: &Arm<'a>, row: &Row<'a>) {
    if row.uses.iter().any(|item| matches!(item, Use::Unknown)) {
        return;
    }
    // A row that writes what can't be written is turned round or dropped: its types are no matter yet.
    if SIDES.iter().filter_map(|side| row.target(*side)).any(|target| ctx.said_within(target.span)) {
        return;
    }
    default_fits(ctx, row);
    if !row.uses.is_empty() {
        if converters_fit(ctx, row, (sync.left, arm.right)) && row.uses.iter().all(keeps_length) {
            lengths_fit(ctx, row);
        }
        return;
    }
    let mut said = false;
    for side in SIDES {
        let Some(target) = row.target(side) else { continue };
        let source = row.end(side.other());
        let finding = match source {
            End::Field(from) => field_fit(row, *from, target),
            End::Expr(expr) if ctx.said_within(expr.span) => None,
            End::Expr(expr) => expr_fit(expr, target),
        };
        // Both directions of a two-way row fail for the same reason; lengths and digits are named per direction.
        if let Some((finding, hard)) = finding
            && !(hard && said)
        {
            said |= hard;
            let map = if hard { map_between(ctx, row) } else { None };
            ctx.say(match map {
                Some(name) => finding.instead(format!("a map for these fields exists: `using {name}`")),
                None => finding,
            });
        }
    }
}

/// Whether a converter gives back at most as many characters as it gets, and may give as many.
fn keeps_length(item: &Use) -> bool {
    matches!(item, Use::Builtin(Converter::Trimmed | Converter::Lowercase | Converter::Email, _))
}

/// Texts whose length no converter of the row changes for certain.
fn lengths_fit(ctx: &mut Ctx<'_, '_>, row: &Row<'_>) {
    for side in SIDES {
        let Some(target) = row.target(side) else { continue };
        if let End::Field(from) = row.end(side.other())
            && let Some((finding, false)) = field_fit(row, *from, target)
        {
            ctx.say(finding);
        }
    }
}

/// A map between the two fields of a row that names none.
pub fn map_between(ctx: &mut Ctx<'_, '_>, row: &Row<'_>) -> Option<String> {
    let (End::Field(a), End::Field(b)) = (&row.left, &row.right) else { return None };
    let (a, b) = (path(*a), path(*b));
    let values = ctx.program.values.iter().map(|map| (&map.name, &map.left, &map.right));
    let stages = ctx.program.stages.iter().map(|map| (&map.name, &map.left, &map.right));
    let joins = |left: &MapEnd<'_>, right: &MapEnd<'_>| {
        let (c, d) = (path(left.field), path(right.field));
        (a == c && b == d) || (a == d && b == c)
    };
    let name = values
        .chain(stages)
        .find(|(_, left, right)| joins(left, right))
        .map(|(name, ..)| name.text.clone())?;
    ctx.first_time(("offered", name.clone()));
    Some(name)
}

/// The type of a field as messages name it.
pub fn described(field: FieldRef<'_>) -> String {
    match &field.field.ty {
        FieldType::Option | FieldType::Options if !field.field.options.is_empty() => {
            format!("{} with {} values", field.field.ty, field.field.options.len())
        }
        ty => ty.to_string(),
    }
}

fn field_fit(row: &Row<'_>, from: FieldRef<'_>, to: FieldRef<'_>) -> Option<(Diagnostic, bool)> {
    let fit = fits(&from.field.ty, Some(from.field), to.field);
    if matches!(fit, Fit::Yes) {
        return None;
    }
    let (from_path, to_path) = (path(from), path(to));
    Some(match fit {
        Fit::Yes => return None,
        // The author has said what becomes of a text that is too long.
        Fit::Length(..) if row.cut.is_some() => return None,
        Fit::No(help) => {
            let (a, b) = (described(from), described(to));
            (types::types_differ(to.span, (&from_path, &a), (&to_path, &b), from.span, help), true)
        }
        Fit::Zone => (types::zone_missing(to.span, &from_path, &to_path), true),
        Fit::Length(from_max, to_max) => {
            (types::text_may_not_fit(to.span, &from_path, from_max, &to_path, to_max, from.span), false)
        }
        Fit::Digits => {
            (types::number_may_not_fit(to.span, &from_path, &to_path, &to.field.ty.to_string()), false)
        }
        Fit::Missing(missing) => {
            (types::missing_identity(to.span, &from_path, &to_path, &missing, from.span), true)
        }
    })
}

/// The parts of an expression that may be its result: the branches of `if`, the arguments of `coalesce`.
fn results<'e, 'a>(expr: &'e Expr<'a>, into: &mut Vec<&'e Expr<'a>>) {
    match &expr.kind {
        Kind::If { then, otherwise, .. } => {
            results(then, into);
            results(otherwise, into);
        }
        Kind::Call { func: Func::Coalesce, args } => args.iter().for_each(|arg| results(arg, into)),
        _ => into.push(expr),
    }
}

fn expr_fit(expr: &Expr<'_>, to: FieldRef<'_>) -> Option<(Diagnostic, bool)> {
    let mut parts = Vec::new();
    results(expr, &mut parts);
    parts.into_iter().find_map(|part| result_fit(part, to))
}

fn result_fit(expr: &Expr<'_>, to: FieldRef<'_>) -> Option<(Diagnostic, bool)> {
    let to_path = path(to);
    if let Kind::Literal(value) = &expr.kind {
        return literal_fit(value, expr.span, to).map(|finding| (finding, true));
    }
    let (ty, field) = match &expr.ty {
        Ty::Of(ty) => (ty.clone(), None),
        Ty::OptionOf(field) => (field.ty.clone(), Some(*field)),
        Ty::List(_) => (FieldType::Options, None),
        Ty::Unknown => return None,
    };
    // The result of a function declares no size of its own.
    let shown = format!("a value of type {ty}");
    match fits(&ty, field, to.field) {
        Fit::Yes | Fit::Length(..) | Fit::Digits => None,
        // A function may well give a listed value; it is looked at when it is written.
        Fit::No(_)
            if is_text(&ty)
                && matches!(to.field.ty, FieldType::Option)
                && !matches!(expr.kind, Kind::Field(..)) =>
        {
            None
        }
        Fit::No(help) => Some((
            types::types_differ(to.span, ("this value", &shown), (&to_path, &described(to)), expr.span, help),
            true,
        )),
        Fit::Zone => Some((types::zone_missing(to.span, "this value", &to_path), true)),
        Fit::Missing(missing) => {
            Some((types::missing_identity(to.span, "this value", &to_path, &missing, expr.span), true))
        }
    }
}

/// What is wrong with a written-out value as a value of a field.
pub fn literal_fit(value: &Value, at: Span, to: FieldRef<'_>) -> Option<Diagnostic> {
    let to_path = path(to);
    let wrong = |what: &str| {
        Some(types::types_differ(to.span, ("this value", what), (&to_path, &described(to)), at, None))
    };
    match (value, &to.field.ty) {
        (_, FieldType::Unknown) => None,
        (Value::Text(text), FieldType::Option) => unlisted(to, text, at),
        (Value::Text(text), FieldType::Options) => {
            text.split(';').filter(|value| !value.is_empty()).find_map(|value| unlisted(to, value, at))
        }
        (Value::Text(text), FieldType::Text { max: Some(max) }) if text.chars().count() > *max as usize => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            Some(types::text_may_not_fit(to.span, "this text", length, &to_path, *max, at))
        }
        (Value::Text(_), ty)
            if is_text(ty) || matches!(ty, FieldType::Id | FieldType::Ref { .. } | FieldType::Owner) =>
        {
            None
        }
        (Value::Number(number), FieldType::Int { .. }) if number.fract() != Decimal::ZERO => {
            wrong("a number with decimals")
        }
        (Value::Number(number), ty) if is_number(ty) => {
            let shown = ty.to_string();
            (!has_room(*number, ty))
                .then(|| types::number_may_not_fit(at, &format!("this number, {number},"), &to_path, &shown))
        }
        (Value::Bool(_), FieldType::Bool) => None,
        (Value::Text(_), _) => wrong("a text"),
        (Value::Number(_), _) => wrong("a number"),
        (Value::Bool(_), _) => wrong("true or false"),
        _ => None,
    }
}

/// Whether the whole digits of a number fit.
fn has_room(number: Decimal, ty: &FieldType) -> bool {
    let whole = match ty {
        FieldType::Int { digits } => *digits,
        FieldType::Decimal(size) | FieldType::Money(size) | FieldType::Percent { digits: size, .. } => {
            size.precision.map(|all| all.saturating_sub(size.scale.unwrap_or(0)))
        }
        _ => None,
    };
    let digits = number.abs().trunc().normalize().to_string().len();
    number.trunc().is_zero() || whole.is_none_or(|whole| digits <= whole as usize)
}

/// A value that the field does not list, or lists as inactive.
pub fn unlisted(field: FieldRef<'_>, value: &str, at: Span) -> Option<Diagnostic> {
    let options = &field.field.options;
    // A value may be listed several times (states of several countries): one active entry is enough.
    let called = options.iter().filter(|option| option.value == value);
    match called.max_by_key(|option| option.active) {
        _ if options.is_empty() => None,
        Some(option) if option.active => None,
        Some(_) => Some(values::inactive_value(at, &path(field), value)),
        None => {
            let near = near_value(field.field, value);
            Some(values::unknown_value(at, &path(field), value, near, options.len(), "value"))
        }
    }
}

/// The value of `default` fits a field that the row writes; on a two-way row one of them is enough.
fn default_fits(ctx: &mut Ctx<'_, '_>, row: &Row<'_>) {
    let Some(default) = row.default.as_ref().filter(|default| !ctx.said_within(default.span)) else { return };
    let targets: Vec<FieldRef<'_>> =
        [Side::Right, Side::Left].into_iter().filter_map(|side| row.target(side)).collect();
    let findings: Vec<Option<Diagnostic>> =
        targets.iter().map(|target| expr_fit(default, *target).map(|(finding, _)| finding)).collect();
    if findings.iter().all(Option::is_some)
        && let Some(finding) = findings.into_iter().flatten().next()
    {
        ctx.say(finding);
    }
}
