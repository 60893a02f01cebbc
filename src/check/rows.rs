//! Rows: types, what they write, which way they go.

use rust_decimal::Decimal;

use super::Ctx;
use super::fit::{Fit, fits, is_number, is_text};
use crate::builtin::Converter;
use crate::diag::errors::{names, rules, types, values};
use crate::resolve::hir::{Arm, End, Expr, FieldRef, Kind, Row, Side, Sync, Ty, Use};
use crate::resolve::near_value;
use crate::schema::{Field, FieldType, SystemKind};
use crate::syntax::ast::{BinaryOp, Direction};
use crate::value::Value;

const SIDES: [Side; 2] = [Side::Left, Side::Right];

pub fn check<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, arm: &Arm<'a>) {
    for row in &arm.rows {
        rows_are_no_wider_than_their_sync(ctx, sync, row);
        one_way_rows_have_no_contrary_winner(ctx, sync, row);
        written_fields_are_writable(ctx, row);
        types_fit(ctx, row);
        for expr in [&row.when, &row.default].into_iter().flatten() {
            comparisons_make_sense(ctx, expr);
        }
        if let End::Expr(expr) = &row.left {
            comparisons_make_sense(ctx, expr);
        }
        if let End::Expr(expr) = &row.right {
            comparisons_make_sense(ctx, expr);
        }
    }
    each_field_has_one_writer(ctx, arm);
    amounts_travel_with_their_currency(ctx, sync, arm);
}

fn path(field: FieldRef<'_>) -> String {
    format!("{}.{}.{}", field.object.system, field.object.name, field.name)
}

fn rows_are_no_wider_than_their_sync(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, row: &Row<'_>) {
    let (head, own) = (sync.direction(), row.arrow.direction);
    if head != Direction::Both && own != head {
        ctx.say(rules::wider_than_sync(row.arrow.span, sync.arrow.span, own.symbol(), head.symbol()));
    }
}

fn one_way_rows_have_no_contrary_winner(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, row: &Row<'_>) {
    let source = match row.arrow.direction {
        Direction::Both => return,
        Direction::Right => Side::Left,
        Direction::Left => Side::Right,
    };
    for (side, span) in [row.prefer, row.owned_by].into_iter().flatten() {
        if side != source {
            let (winner, source) = (sync.system_of(side), sync.system_of(source));
            ctx.say(rules::contrary_winner(span, row.arrow.span, winner, source));
        }
    }
}

fn written_fields_are_writable(ctx: &mut Ctx<'_, '_>, row: &Row<'_>) {
    for side in SIDES {
        let Some(target) = row.target(side) else { continue };
        let Field { createable, updateable, calculated, .. } = target.field;
        let object = format!("{}.{}", target.object.system, target.object.name);
        let vendor = match target.object.kind {
            SystemKind::Hubspot => "HubSpot",
            SystemKind::Salesforce => "Salesforce",
            SystemKind::Salesnav => "Sales Navigator",
            SystemKind::File => "a file",
        };
        match (createable, updateable, row.on_create) {
            (false, false, _) => {
                ctx.say(rules::read_only(
                    target.span,
                    row.arrow.span,
                    &object,
                    target.name,
                    *calculated,
                    vendor,
                ));
            }
            (true, false, false) => ctx.say(rules::create_only(target.span, &object, target.name)),
            (false, true, true) => ctx.say(rules::not_on_create(target.span, &object, target.name)),
            _ => {}
        }
    }
}

fn each_field_has_one_writer(ctx: &mut Ctx<'_, '_>, arm: &Arm<'_>) {
    for side in SIDES {
        let mut seen: Vec<(&Row<'_>, FieldRef<'_>)> = Vec::new();
        for row in &arm.rows {
            let Some(target) = row.target(side) else { continue };
            if let Some((first, at)) = seen.iter().find(|(_, known)| known.name == target.name) {
                if !exclude_each_other(first, row) {
                    let object = format!("{}.{}", target.object.system, target.object.name);
                    ctx.say(names::two_writers(target.span, at.span, &object, target.name));
                }
            } else {
                seen.push((row, target));
            }
        }
    }
}

/// Conditions that can't be true together: equality of one field with different literals.
fn exclude_each_other(a: &Row<'_>, b: &Row<'_>) -> bool {
    let (Some(a), Some(b)) = (&a.when, &b.when) else { return false };
    let negated = |x: &Expr<'_>, y: &Expr<'_>| match (&x.kind, &y.kind) {
        (Kind::Not(inner), _) => same(inner, y),
        (Kind::IsSet { operand: p, negated: m }, Kind::IsSet { operand: q, negated: n })
        | (Kind::IsBlank { operand: p, negated: m }, Kind::IsBlank { operand: q, negated: n }) => {
            m != n && same(p, q)
        }
        (Kind::IsSet { operand: p, negated: m }, Kind::IsBlank { operand: q, negated: n }) => {
            m == n && same(p, q)
        }
        _ => false,
    };
    if negated(a, b) || negated(b, a) {
        return true;
    }
    match (values_of(a), values_of(b)) {
        (Some((f, xs)), Some((g, ys))) => f == g && xs.iter().all(|x| !ys.contains(x)),
        _ => complement(a, b) || complement(b, a),
    }
}

/// `x == "a"` and `x != "a"`, `x < 5` and `x >= 5`.
fn complement(a: &Expr<'_>, b: &Expr<'_>) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Binary { op: p, left: l, right: r }, Kind::Binary { op: q, left: m, right: s }) => {
            let opposite = matches!(
                (p, q),
                (BinaryOp::Equal, BinaryOp::NotEqual)
                    | (BinaryOp::Less, BinaryOp::GreaterEqual)
                    | (BinaryOp::Greater, BinaryOp::LessEqual)
                    | (BinaryOp::Less, BinaryOp::Greater)
            );
            opposite && same(l, m) && same(r, s)
        }
        _ => false,
    }
}

fn same(a: &Expr<'_>, b: &Expr<'_>) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Field(x, f), Kind::Field(y, g)) => x == y && f.name == g.name,
        (Kind::Literal(x), Kind::Literal(y)) => x == y,
        (Kind::Binary { op: p, left: l, right: r }, Kind::Binary { op: q, left: m, right: s }) => {
            p == q && same(l, m) && same(r, s)
        }
        (Kind::IsSet { operand: p, negated: m }, Kind::IsSet { operand: q, negated: n })
        | (Kind::IsBlank { operand: p, negated: m }, Kind::IsBlank { operand: q, negated: n }) => {
            m == n && same(p, q)
        }
        _ => false,
    }
}

/// The field and the only values of it that make a condition true.
fn values_of<'e>(expr: &'e Expr<'_>) -> Option<(String, Vec<&'e Value>)> {
    match &expr.kind {
        Kind::Binary { op: BinaryOp::Equal, left, right } => match (&left.kind, &right.kind) {
            (Kind::Field(_, field), Kind::Literal(value)) | (Kind::Literal(value), Kind::Field(_, field)) => {
                Some((path(*field), vec![value]))
            }
            _ => None,
        },
        Kind::Binary { op: BinaryOp::In, left, right } => match (&left.kind, &right.kind) {
            (Kind::Field(_, field), Kind::List(items)) => {
                let literal = |item: &'e Expr<'_>| match &item.kind {
                    Kind::Literal(value) => Some(value),
                    _ => None,
                };
                Some((path(*field), items.iter().map(literal).collect::<Option<_>>()?))
            }
            _ => None,
        },
        Kind::Binary { op: BinaryOp::And, left, right } => values_of(left).or_else(|| values_of(right)),
        _ => None,
    }
}

fn amounts_travel_with_their_currency(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, arm: &Arm<'_>) {
    let multi = |object: crate::resolve::hir::Object<'_>| match object.kind {
        SystemKind::Salesforce => {
            object.schema.fields.contains_key("CurrencyIsoCode").then_some("CurrencyIsoCode")
        }
        SystemKind::Hubspot => {
            let several =
                ctx.schemas.systems.get(object.system).is_some_and(|s| s.account.currencies.len() > 1);
            (several && object.schema.fields.contains_key("deal_currency_code"))
                .then_some("deal_currency_code")
        }
        _ => None,
    };
    let (Some(left), Some(right)) = (
        multi(sync.left).or(sync
            .left
            .schema
            .fields
            .contains_key("deal_currency_code")
            .then_some("deal_currency_code")),
        multi(arm.right),
    ) else {
        return;
    };
    let names = |row: &Row<'_>, name: &str| {
        SIDES.iter().any(|side| matches!(row.end(*side), End::Field(f) if f.name == name))
    };
    if arm.rows.iter().any(|row| names(row, left) || names(row, right)) {
        return;
    }
    let amount = arm.rows.iter().find_map(|row| match (&row.left, &row.right) {
        (End::Field(a), End::Field(b))
            if matches!(a.field.ty, FieldType::Money(_)) && matches!(b.field.ty, FieldType::Money(_)) =>
        {
            Some((*a, row.arrow.direction.symbol()))
        }
        _ => None,
    });
    if let Some((amount, arrow)) = amount {
        ctx.say(types::currency_missing(amount.span, &path(amount), &format!("{left} {arrow} {right}")));
    }
}

/// Each direction of a row: from what is read to the field that is written.
fn types_fit<'a>(ctx: &mut Ctx<'a, '_>, row: &Row<'a>) {
    if row.uses.iter().any(|item| matches!(item, Use::Unknown)) {
        return;
    }
    if let Some(first) = row.uses.first() {
        converters_fit(ctx, row, first);
        return;
    }
    let mut said = false;
    for side in SIDES {
        let Some(target) = row.target(side) else { continue };
        let source = row.end(side.other());
        let finding = match source {
            End::Field(from) => field_fit(*from, target),
            End::Expr(expr) => expr_fit(expr, target),
        };
        // Both directions of a two-way row fail for the same reason; lengths and digits are named per direction.
        if let Some((finding, hard)) = finding
            && !(hard && said)
        {
            said |= hard;
            ctx.say(finding);
        }
    }
}

fn described(field: FieldRef<'_>) -> String {
    match &field.field.ty {
        FieldType::Option | FieldType::Options if !field.field.options.is_empty() => {
            format!("{} with {} values", field.field.ty, field.field.options.len())
        }
        ty => ty.to_string(),
    }
}

fn field_fit(from: FieldRef<'_>, to: FieldRef<'_>) -> Option<(crate::diag::Diagnostic, bool)> {
    let (from_path, to_path) = (path(from), path(to));
    Some(match fits(&from.field.ty, Some(from.field), to.field) {
        Fit::Yes => return None,
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

fn expr_fit(expr: &Expr<'_>, to: FieldRef<'_>) -> Option<(crate::diag::Diagnostic, bool)> {
    let to_path = path(to);
    if let Kind::Literal(value) = &expr.kind {
        return literal_fit(value, expr, to, &to_path).map(|finding| (finding, true));
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
        Fit::No(_) if is_text(&ty) && matches!(to.field.ty, FieldType::Option) => None,
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

fn literal_fit(
    value: &Value,
    expr: &Expr<'_>,
    to: FieldRef<'_>,
    to_path: &str,
) -> Option<crate::diag::Diagnostic> {
    let wrong = |what: &str| {
        Some(types::types_differ(to.span, ("this value", what), (to_path, &described(to)), expr.span, None))
    };
    match (value, &to.field.ty) {
        (_, FieldType::Unknown) => None,
        (Value::Text(text), FieldType::Option) => unlisted(to, text, expr.span),
        (Value::Text(text), FieldType::Options) => {
            text.split(';').filter(|value| !value.is_empty()).find_map(|value| unlisted(to, value, expr.span))
        }
        (Value::Text(text), FieldType::Text { max: Some(max) }) if text.chars().count() > *max as usize => {
            Some(types::text_may_not_fit(
                to.span,
                "this text",
                u32::try_from(text.chars().count()).unwrap_or(0),
                to_path,
                *max,
                expr.span,
            ))
        }
        (Value::Text(_), ty)
            if is_text(ty) || matches!(ty, FieldType::Id | FieldType::Ref { .. } | FieldType::Owner) =>
        {
            None
        }
        (Value::Number(number), FieldType::Int { .. }) if number.fract() != Decimal::ZERO => {
            wrong("a number with decimals")
        }
        (Value::Number(_), ty) if is_number(ty) => None,
        (Value::Bool(_), FieldType::Bool) => None,
        (Value::Text(_), _) => wrong("a text"),
        (Value::Number(_), _) => wrong("a number"),
        (Value::Bool(_), _) => wrong("true or false"),
        _ => None,
    }
}

fn unlisted(field: FieldRef<'_>, value: &str, span: crate::source::Span) -> Option<crate::diag::Diagnostic> {
    let options = &field.field.options;
    let known = options.iter().find(|option| option.value == value);
    match known {
        _ if options.is_empty() => None,
        Some(option) if option.active => None,
        Some(_) => Some(values::inactive_value(span, &path(field), value)),
        None => {
            let near = near_value(field.field, value);
            Some(values::unknown_value(span, &path(field), value, near, options.len(), "value"))
        }
    }
}

/// What a named converter takes and gives.
fn converters_fit<'a>(ctx: &mut Ctx<'a, '_>, row: &Row<'a>, first: &Use) {
    let two_way = row.arrow.direction == Direction::Both;
    match first {
        Use::Values(index, span) | Use::Multi { values: index, span } => {
            let Some(map) = ctx.program.values.get(*index) else { return };
            if two_way && map.arrow.direction != Direction::Both {
                ctx.say(types::one_way_on_two_way(*span, &map.name.text, "this map goes one way"));
            }
            for (side, end) in [(Side::Left, &map.left), (Side::Right, &map.right)] {
                let End::Field(field) = row.end(side) else { continue };
                if !takes_values(field.field) {
                    let is = described(*field);
                    let wants = path(end.field);
                    ctx.say(types::converter_misfit(
                        *span,
                        &map.name.text,
                        &format!("values of {wants}"),
                        &path(*field),
                        &is,
                    ));
                    return;
                }
            }
        }
        Use::Convert(index, span) => {
            let Some(item) = ctx.program.converts.get(*index) else { return };
            let missing = (item.right.is_none(), item.left.is_none());
            if two_way && (missing.0 || missing.1) {
                let why = if missing.0 { "it has no `->` line" } else { "it has no `<-` line" };
                ctx.say(types::one_way_on_two_way(*span, &item.name.text, why));
            }
        }
        Use::Owners(_, span) => fields_are(ctx, row, *span, "owners", "owners", |ty| {
            matches!(ty, FieldType::Owner)
                || matches!(ty, FieldType::Ref { to } if to.iter().any(|to| to == "User"))
        }),
        Use::CalendarDay { span, .. } => {
            fields_are(ctx, row, *span, "calendar_day", "a date and a point in time", |ty| {
                matches!(ty, FieldType::Date | FieldType::DateTime)
            });
        }
        Use::Phone { span, .. } => fields_are(ctx, row, *span, "phone", "texts", is_text),
        Use::Builtin(converter, span) => builtin_fits(ctx, row, *converter, *span),
        Use::Stages(..) | Use::IdOf { .. } | Use::Unknown => {}
    }
}

fn takes_values(field: &Field) -> bool {
    matches!(field.ty, FieldType::Option | FieldType::Options | FieldType::Bool | FieldType::Unknown)
        || is_text(&field.ty)
}

fn fields_are(
    ctx: &mut Ctx<'_, '_>,
    row: &Row<'_>,
    span: crate::source::Span,
    name: &str,
    wants: &str,
    accepts: impl Fn(&FieldType) -> bool,
) {
    for side in SIDES {
        if let End::Field(field) = row.end(side)
            && field.field.ty != FieldType::Unknown
            && !accepts(&field.field.ty)
        {
            ctx.say(types::converter_misfit(span, name, wants, &path(*field), &described(*field)));
            return;
        }
    }
}

fn builtin_fits(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, converter: Converter, span: crate::source::Span) {
    let name = converter.name();
    let textual = |ty: &FieldType| is_text(ty);
    let place = |ty: &FieldType| is_text(ty) || matches!(ty, FieldType::Option);
    match converter {
        Converter::WebAddress | Converter::Email | Converter::Trimmed | Converter::Lowercase => {
            fields_are(ctx, row, span, name, "texts", textual);
        }
        Converter::Percent | Converter::Cents => fields_are(ctx, row, span, name, "numbers", is_number),
        Converter::YesNo => {
            let yes_no = |ty: &FieldType| is_text(ty) || matches!(ty, FieldType::Bool | FieldType::Option);
            fields_are(ctx, row, span, name, "a yes/no field and a text or option", yes_no);
        }
        Converter::Country | Converter::State => {
            fields_are(ctx, row, span, name, "a place as text or option", place)
        }
        Converter::RichText => {
            fields_are(ctx, row, span, name, "texts", textual);
            if row.arrow.direction == Direction::Both {
                ctx.say(types::one_way_on_two_way(span, name, "HTML becomes plain text and can't come back"));
            }
        }
        Converter::Owners
        | Converter::CalendarDay
        | Converter::Phone
        | Converter::IdOf
        | Converter::Multi => {}
    }
}

/// Comparisons of a field with literals that it can't have.
pub fn comparisons_make_sense<'a>(ctx: &mut Ctx<'a, '_>, expr: &Expr<'a>) {
    let mut found = Vec::new();
    expr.walk(&mut |part| match &part.kind {
        Kind::Binary { op: BinaryOp::Equal | BinaryOp::NotEqual, left, right } => {
            compare(left, right, &mut found);
            compare(right, left, &mut found);
        }
        Kind::Binary { op: BinaryOp::In, left, right } => {
            if let Kind::List(items) = &right.kind {
                items.iter().for_each(|item| compare(left, item, &mut found));
            }
        }
        Kind::Binary {
            op: BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual,
            left,
            right,
        } => {
            compare(left, right, &mut found);
            ordered(left, &mut found);
        }
        _ => {}
    });
    found.into_iter().for_each(|finding| ctx.say(finding));
}

fn compare(field: &Expr<'_>, other: &Expr<'_>, found: &mut Vec<crate::diag::Diagnostic>) {
    let (Kind::Field(_, reference), Kind::Literal(value)) = (&field.kind, &other.kind) else { return };
    let ty = &reference.field.ty;
    let wants = match (ty, value) {
        (FieldType::Option, Value::Text(text)) => {
            found.extend(unlisted(*reference, text, other.span));
            return;
        }
        (FieldType::Options | FieldType::Unknown, _) => return,
        (FieldType::Bool, Value::Bool(_)) => return,
        (FieldType::Bool, _) => "`true` or `false`",
        (ty, Value::Number(_)) if is_number(ty) => return,
        (ty, _) if is_number(ty) => "a number",
        (FieldType::Date, _) => "a date such as `date(\"2026-01-31\")`",
        (FieldType::DateTime, _) => "a point in time such as `datetime(\"2026-01-31T10:00:00Z\")`",
        (_, Value::Text(_)) => return,
        _ => "a quoted text",
    };
    let message = format!("{} is {ty} and is compared with something else", path(*reference));
    found.push(types::wrong_operand(other.span, message, format!("expected {wants}")));
}

fn ordered(expr: &Expr<'_>, found: &mut Vec<crate::diag::Diagnostic>) {
    if let Kind::Field(_, reference) = &expr.kind
        && matches!(
            reference.field.ty,
            FieldType::Option
                | FieldType::Options
                | FieldType::Bool
                | FieldType::Owner
                | FieldType::Ref { .. }
        )
    {
        let message = format!("{} is {} and has no order", path(*reference), reference.field.ty);
        found.push(types::wrong_operand(expr.span, message, "compare with `==` or `in`".to_owned()));
    }
}
