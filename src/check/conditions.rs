//! Conditions as a whole: always true, never true, fed by the sync's own rows, or beyond what an API can filter.

use super::Ctx;
use super::exprs;
use super::rows::path;
use super::truth::{self, Assumed, constant, impossible};
use crate::diag::errors::{conditions as wording, values};
use crate::resolve::hir::{
    Arm, CreateRule, End, Expr, FieldRef, Kind, Match, Object, Row, Side, StageMap, Sync, Use, ValueMap,
};
use crate::schema::{FieldType, SystemKind};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, ElseAction};
use crate::value::Value;

/// Types and values in every condition and expression of a sync.
pub fn conditions_make_sense<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (_, condition) in sync.filters.iter().chain(&sync.vetoes) {
        exprs::condition(ctx, condition);
    }
    for (_, rule, _) in &sync.creates {
        if let CreateRule::When(condition) = rule {
            exprs::condition(ctx, condition);
        }
    }
    for line in sync.route.iter().flatten() {
        if let Some(condition) = &line.condition {
            exprs::condition(ctx, condition);
        }
    }
    for found in &sync.matches {
        if let Match::Keys { left, right, when, .. } = found {
            exprs::keys(ctx, left, right);
            if let Some(when) = when {
                exprs::condition(ctx, when);
            }
        }
    }
}

pub fn rows_make_sense<'a>(ctx: &mut Ctx<'a, '_>, _: &Sync<'a>, _: &Arm<'a>, row: &Row<'a>) {
    for end in [&row.left, &row.right] {
        if let End::Expr(expr) = end {
            exprs::value(ctx, expr);
        }
    }
    if let Some(when) = &row.when {
        exprs::condition(ctx, when);
    }
    if let Some(default) = &row.default {
        exprs::value(ctx, default);
    }
}

pub fn converters_make_sense<'a>(ctx: &mut Ctx<'a, '_>) {
    for item in &ctx.program.converts {
        for body in [&item.right, &item.left].into_iter().flatten() {
            exprs::value(ctx, body);
        }
    }
}

/// Whether a condition always has one truth. What has been complained about already is taken as open.
fn fixed(ctx: &Ctx<'_, '_>, expr: &Expr<'_>) -> Option<bool> {
    let fixed =
        if impossible(&[(expr, true)]) { Some(false) } else { impossible(&[(expr, false)]).then_some(true) };
    fixed.filter(|_| !ctx.said_within(expr.span))
}

/// Filters, vetoes and create rules that say the same of every record.
pub fn conditions_decide_something<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let mut conditions: Vec<(&Expr<'a>, &str)> = Vec::new();
    conditions.extend(sync.filters.iter().map(|(_, expr)| (expr, "filter")));
    conditions.extend(sync.vetoes.iter().map(|(_, expr)| (expr, "veto")));
    for (_, rule, _) in &sync.creates {
        if let CreateRule::When(expr) = rule {
            conditions.push((expr, "create rule"));
        }
    }
    for (expr, what) in conditions {
        match fixed(ctx, expr) {
            Some(truth) => ctx.say(wording::constant(expr.span, what, truth)),
            None => branches_can_be_taken(ctx, expr),
        }
    }
    // Several filter lines are and-ed: together they may leave nothing.
    for side in [Side::Left, Side::Right] {
        let of_side: Vec<&Expr<'a>> =
            sync.filters.iter().filter(|(at, _)| *at == side).map(|(_, expr)| expr).collect();
        let all: Vec<Assumed<'_, 'a>> = of_side.iter().map(|expr| (*expr, true)).collect();
        let alone = of_side.iter().any(|expr| fixed(ctx, expr).is_some() || ctx.said_within(expr.span));
        if let [first, .., last] = of_side.as_slice()
            && !alone
            && impossible(&all)
        {
            ctx.say(wording::filters_contradict(last.span, first.span));
        }
    }
}

/// Rows whose `when` is never or always true, alone or under the filter of their source.
pub fn rows_can_be_taken<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, _: &Arm<'a>, row: &Row<'a>) {
    for end in [&row.left, &row.right] {
        if let End::Expr(expr) = end {
            branches_can_be_taken(ctx, expr);
        }
    }
    let Some(when) = &row.when else { return };
    match fixed(ctx, when) {
        Some(true) => return ctx.say(wording::constant(when.span, "condition", true)),
        Some(false) => return ctx.say(wording::row_never_taken(when.span, None)),
        None => branches_can_be_taken(ctx, when),
    }
    let source = if row.target(Side::Right).is_some() { Side::Left } else { Side::Right };
    if row.target(Side::Left).is_some() && row.target(Side::Right).is_some() {
        return;
    }
    let mut assumed: Vec<Assumed<'_, 'a>> = vec![(when, true)];
    let filters: Vec<&Expr<'a>> =
        sync.filters.iter().filter(|(side, _)| *side == source).map(|(_, expr)| expr).collect();
    assumed.extend(filters.iter().map(|filter| (*filter, true)));
    let filters_alone: Vec<Assumed<'_, 'a>> = filters.iter().map(|filter| (*filter, true)).collect();
    if let Some(filter) = filters.first()
        && !ctx.said_within(when.span)
        && !filters.iter().any(|filter| ctx.said_within(filter.span))
        && impossible(&assumed)
        && !impossible(&filters_alone)
    {
        ctx.say(wording::row_never_taken(when.span, Some(filter.span)));
    }
}

/// Branches of `if` whose condition always has one truth.
fn branches_can_be_taken<'a>(ctx: &mut Ctx<'a, '_>, expr: &Expr<'a>) {
    let mut ifs = Vec::new();
    expr.walk(&mut |part| {
        if let Kind::If { condition, then, otherwise } = &part.kind {
            ifs.push((condition, then.span, otherwise.span));
        }
    });
    for (condition, then, otherwise) in ifs {
        if let Some(truth) = fixed(ctx, condition) {
            let dead = if truth { otherwise } else { then };
            ctx.say(wording::branch_never_taken(dead, condition.span, truth));
        }
    }
}

/// Lines of a route that earlier lines leave nothing for.
pub fn routes_can_be_taken<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let Some(lines) = &sync.route else { return };
    let mut earlier: Vec<Assumed<'_, 'a>> = Vec::new();
    for line in lines {
        if let Some(condition) = &line.condition {
            let mut all = earlier.clone();
            all.push((condition, true));
            if impossible(&all) && !ctx.said_within(condition.span) {
                ctx.say(wording::route_never_taken(
                    condition.span,
                    earlier.first().map(|(expr, _)| expr.span),
                ));
            }
            earlier.push((condition, false));
        }
    }
}

/// The other end of a two-armed sync is reached only through a route.
pub fn arms_are_routed<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    if sync.arms.len() > 1
        && sync.route.is_none()
        && sync.direction().goes_right()
        && !sync.lost.contains("route")
    {
        ctx.say(values::arms_without_route(sync.header));
    }
}

/// A filter that the sync's own rows may make false moves records out of the sync that it has just written.
pub fn filters_do_not_feed_themselves<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (side, filter) in &sync.filters {
        if ctx.said_within(filter.span) {
            continue;
        }
        let mut parts = Vec::new();
        conjuncts(filter, &mut parts);
        let fed = parts.iter().find_map(|part| {
            sync.arms.iter().flat_map(|arm| &arm.rows).find_map(|row| feeds(ctx, row, *side, part))
        });
        if let Some((field, at)) = fed {
            ctx.say(wording::filter_feeds_itself(filter.span, at, &path(field)));
        }
    }
}

pub fn conjuncts<'e, 'a>(expr: &'e Expr<'a>, into: &mut Vec<&'e Expr<'a>>) {
    match &expr.kind {
        Kind::Binary { op: BinaryOp::And, left, right } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        _ => into.push(expr),
    }
}

/// Whether a row may write a value that makes a condition of the same side false.
fn feeds<'a>(ctx: &Ctx<'a, '_>, row: &Row<'a>, side: Side, part: &Expr<'a>) -> Option<(FieldRef<'a>, Span)> {
    let target = row.target(side)?;
    let mut reader = None;
    part.walk(&mut |inner| {
        if let Kind::Field(_, field) = &inner.kind
            && field.name == target.name
            && field.object.name == target.object.name
        {
            reader = Some(inner);
        }
    });
    let read = reader?;
    let harmless = match written(ctx, row, side) {
        // Each value that the row can write keeps the condition true.
        Some(values) => values.iter().all(|value| {
            let is = equals(read, value.clone());
            impossible(&[(part, false), (&is, true)])
        }),
        // Any value may come: only "is set" stays true for all of them.
        None => {
            let set = Expr {
                kind: Kind::IsSet { operand: Box::new(read.clone()), negated: false },
                ..part.clone()
            };
            impossible(&[(part, false), (&set, true)])
        }
    };
    let blank =
        Expr { kind: Kind::IsBlank { operand: Box::new(read.clone()), negated: false }, ..part.clone() };
    let blank_harmless = !row.may_blank || impossible(&[(part, false), (&blank, true)]);
    (!harmless || !blank_harmless).then_some((target, target.span))
}

fn equals<'a>(field: &Expr<'a>, value: Value) -> Expr<'a> {
    let literal = Expr { kind: Kind::Literal(value), ..field.clone() };
    Expr {
        kind: Kind::Binary { op: BinaryOp::Equal, left: Box::new(field.clone()), right: Box::new(literal) },
        ..field.clone()
    }
}

/// Every value that a row can write to a side, when that is a small known set.
fn written(ctx: &Ctx<'_, '_>, row: &Row<'_>, side: Side) -> Option<Vec<Value>> {
    let mut values = match row.uses.as_slice() {
        [] => match row.end(side.other()) {
            End::Expr(expr) => vec![constant(expr)?],
            End::Field(_) => return None,
        },
        uses => {
            let mut all = Vec::new();
            for item in uses {
                let (rows, elses, map_left) = match item {
                    Use::Values(index, _) => {
                        let ValueMap { rows, elses, left, .. } = ctx.program.values.get(*index)?;
                        (rows, elses, left.object)
                    }
                    Use::Stages(index, _) => {
                        let StageMap { rows, elses, left, .. } = ctx.program.stages.get(*index)?;
                        (rows, elses, left.object)
                    }
                    _ => return None,
                };
                let target = row.target(side)?.object;
                let left = map_left.system == target.system && map_left.name == target.name;
                for pair in *rows {
                    let goes = if left {
                        pair.arrow.direction.goes_left()
                    } else {
                        pair.arrow.direction.goes_right()
                    };
                    if goes {
                        all.push(Value::text(if left {
                            pair.left.value.as_str()
                        } else {
                            &pair.right.value
                        }));
                    }
                }
                for row in *elses {
                    if let ElseAction::To { direction, value } = &row.action {
                        let goes = if left {
                            direction.direction.goes_left()
                        } else {
                            direction.direction.goes_right()
                        };
                        if goes {
                            all.push(Value::text(value.value.as_str()));
                        }
                    }
                }
            }
            all
        }
    };
    if let Some(default) = &row.default {
        values.push(constant(default)?);
    }
    Some(values)
}

/// A filter of which the API can evaluate nothing: every record is read to look at it here.
pub fn filters_can_be_pushed_down<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (side, filter) in &sync.filters {
        let object = match side {
            Side::Left => sync.left,
            Side::Right => match sync.arms.first() {
                Some(arm) => arm.right,
                None => continue,
            },
        };
        if matches!(object.kind, SystemKind::File | SystemKind::Salesnav) || ctx.said_within(filter.span) {
            continue;
        }
        let mut parts = Vec::new();
        conjuncts(filter, &mut parts);
        if parts.iter().any(|part| pushable(object, part) || unreadable_pattern(part)) {
            continue;
        }
        let cost = object.schema.records.map(|records| (records, records.div_ceil(100)));
        let name = format!("{}.{}", object.system, object.name);
        ctx.say(wording::local_filter(filter.span, &name, cost));
    }
}

/// A pattern that was found wrong where it was read.
fn unreadable_pattern(expr: &Expr<'_>) -> bool {
    matches!(&expr.kind, Kind::Matches { pattern, .. } if regex::Regex::new(pattern).is_err())
}

/// Whether the search of the CRM can evaluate a condition (HubSpot search filters, a SOQL `WHERE`).
pub fn pushable(object: Object<'_>, expr: &Expr<'_>) -> bool {
    let field = |expr: &Expr<'_>| match &expr.kind {
        Kind::Field(_, field) => field.field.filterable && field.object.name == object.name,
        _ => false,
    };
    match &expr.kind {
        Kind::Field(_, reference) => reference.field.ty == FieldType::Bool && reference.field.filterable,
        Kind::Not(inner) => pushable(object, inner),
        Kind::IsSet { operand, .. } | Kind::IsBlank { operand, .. } => field(operand),
        Kind::Between { operand, low, high } => {
            field(operand) && constant(low).is_some() && constant(high).is_some()
        }
        Kind::Binary { op: BinaryOp::And, left, right } => pushable(object, left) || pushable(object, right),
        Kind::Binary { op: BinaryOp::Or, left, right } => pushable(object, left) && pushable(object, right),
        Kind::Binary { op: BinaryOp::In, left, right } => {
            field(left)
                && matches!(&right.kind, Kind::List(items) if items.iter().all(|i| constant(i).is_some()))
        }
        Kind::Binary { op: BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith, left, right } => {
            // SOQL has LIKE and INCLUDES; HubSpot only searches whole words.
            let several = matches!(&left.kind, Kind::Field(_, f) if f.field.ty == FieldType::Options);
            (object.kind == SystemKind::Salesforce || several) && field(left) && constant(right).is_some()
        }
        Kind::Binary { op, left, right } => {
            let compares = matches!(
                op,
                BinaryOp::Equal
                    | BinaryOp::NotEqual
                    | BinaryOp::Less
                    | BinaryOp::LessEqual
                    | BinaryOp::Greater
                    | BinaryOp::GreaterEqual
            );
            compares
                && ((field(left) && constant(right).is_some()) || (field(right) && constant(left).is_some()))
        }
        Kind::InList(_) => object.kind == SystemKind::Hubspot,
        Kind::Literal(_) => true,
        _ => false,
    }
}

/// Conditions under which a sync handles a record at all: for telling two syncs apart.
pub fn scope_of<'s, 'a>(sync: &'s Sync<'a>) -> Vec<Assumed<'s, 'a>> {
    sync.filters.iter().map(|(_, expr)| (expr, true)).collect()
}

/// Two syncs never handle the same record.
pub fn disjoint(a: &Sync<'_>, b: &Sync<'_>, rows: &[&Row<'_>]) -> bool {
    let mut assumed = scope_of(a);
    assumed.extend(scope_of(b));
    assumed.extend(rows.iter().filter_map(|row| row.when.as_ref()).map(|when| (when, true)));
    truth::impossible(&assumed)
}
