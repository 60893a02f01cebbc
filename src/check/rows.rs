//! Rows: which way they go, what they write, and that each field has one writer.

use std::collections::BTreeMap;

use super::Ctx;
use super::truth::exclude;
use super::types::SIDES;
use crate::diag::errors::{names, rules, types};
use crate::resolve::hir::{Arm, Association, AssociationEnd, End, FieldRef, Object, Row, Side, Sync};
use crate::schema::{Field, FieldType, SystemKind};
use crate::source::Span;
use crate::syntax::ast::{Arrow, Direction};

/// `hubspot.company.name`
pub fn path(field: FieldRef<'_>) -> String {
    format!("{}.{}.{}", field.object.system, field.object.name, field.name)
}

pub fn rows_are_no_wider_than_their_sync<'a>(
    ctx: &mut Ctx<'a, '_>,
    sync: &Sync<'a>,
    _: &Arm<'a>,
    row: &Row<'a>,
) {
    no_wider(ctx, sync, row.arrow);
}

pub fn associations_are_no_wider_than_their_sync<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, arm: &Arm<'a>) {
    for Association { arrow, .. } in &arm.associations {
        no_wider(ctx, sync, *arrow);
    }
}

fn no_wider(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, arrow: Arrow) {
    let (head, own) = (sync.direction(), arrow.direction);
    if head != Direction::Both && own != head {
        ctx.say(rules::wider_than_sync(arrow.span, sync.arrow.span, own.symbol(), head.symbol()));
    }
}

pub fn one_way_rows_have_no_contrary_winner<'a>(
    ctx: &mut Ctx<'a, '_>,
    sync: &Sync<'a>,
    _: &Arm<'a>,
    row: &Row<'a>,
) {
    let source = match row.arrow.direction {
        Direction::Both => {
            if let (Some((prefer, span)), Some((owner, first))) = (row.prefer, row.owned_by)
                && prefer != owner
            {
                ctx.say(rules::two_winners(span, first, sync.system_of(owner)));
            }
            return;
        }
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

pub fn written_fields_are_writable<'a>(ctx: &mut Ctx<'a, '_>, _: &Sync<'a>, _: &Arm<'a>, row: &Row<'a>) {
    for side in SIDES {
        let Some(target) = row.target(side) else { continue };
        // An object without any right to write is one finding, not one for each row.
        if !target.object.schema.createable && !target.object.schema.updateable {
            continue;
        }
        let Field { createable, updateable, calculated, .. } = target.field;
        if *createable && *updateable {
            continue;
        }
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

pub fn each_field_has_one_writer<'a>(ctx: &mut Ctx<'a, '_>, _: &Sync<'a>, arm: &Arm<'a>) {
    for side in SIDES {
        let mut seen: BTreeMap<&str, Vec<(&Row<'_>, Span)>> = BTreeMap::new();
        for row in &arm.rows {
            let Some(target) = row.target(side) else { continue };
            let earlier = seen.entry(target.name).or_default();
            if let Some((_, first)) = earlier.iter().find(|(known, _)| !rows_exclude(known, row)) {
                let object = format!("{}.{}", target.object.system, target.object.name);
                ctx.say(names::two_writers(target.span, *first, &object, target.name));
            }
            earlier.push((row, target.span));
        }
        associations_write_alone(ctx, arm, side, &seen);
    }
}

/// A lookup that an `associate` line fills is filled by no row and no second line.
fn associations_write_alone(
    ctx: &mut Ctx<'_, '_>,
    arm: &Arm<'_>,
    side: Side,
    rows: &BTreeMap<&str, Vec<(&Row<'_>, Span)>>,
) {
    let mut filled: BTreeMap<&str, Span> = BTreeMap::new();
    for association in &arm.associations {
        let (end, writes) = association.end(side);
        let AssociationEnd::Lookup(field) = end else { continue };
        if !writes {
            continue;
        }
        let object = format!("{}.{}", field.object.system, field.object.name);
        for (_, span) in rows.get(field.name).into_iter().flatten() {
            ctx.say(names::two_writers(*span, field.span, &object, field.name));
        }
        if let Some(first) = filled.insert(field.name, field.span)
            && first != field.span
        {
            ctx.say(names::two_writers(field.span, first, &object, field.name));
        }
    }
}

/// The conditions of two rows are never true together.
pub fn rows_exclude(a: &Row<'_>, b: &Row<'_>) -> bool {
    matches!((&a.when, &b.when), (Some(a), Some(b)) if exclude(a, b))
}

pub fn amounts_travel_with_their_currency<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, arm: &Arm<'a>) {
    let needed: Vec<&str> =
        [sync.left, arm.right].into_iter().filter_map(|object| currency_field(ctx, object)).collect();
    let names = |row: &Row<'_>, name: &str| {
        SIDES.iter().any(|side| matches!(row.end(*side), End::Field(field) if field.name == name))
    };
    let missing =
        |name: &&str| !sync.lost.contains::<str>(name) && !arm.rows.iter().any(|row| names(row, name));
    if needed.is_empty() || !needed.iter().all(missing) {
        return;
    }
    let is_money =
        |end: &End<'_>| matches!(end, End::Field(field) if matches!(field.field.ty, FieldType::Money(_)));
    let Some(row) = arm.rows.iter().find(|row| is_money(&row.left) || is_money(&row.right)) else { return };
    let written = [Side::Right, Side::Left].into_iter().find_map(|side| row.target(side));
    let Some(amount) = written else { return };
    let own = |object: Object<'_>, known: Option<&str>| -> String {
        let fallback =
            object.schema.fields.contains_key("deal_currency_code").then_some("deal_currency_code");
        known.or(fallback).map_or_else(|| "\"EUR\"".to_owned(), str::to_owned)
    };
    let left = own(sync.left, currency_field(ctx, sync.left));
    let right = own(arm.right, currency_field(ctx, arm.right));
    let arrow = if left.starts_with('"') {
        "->"
    } else if right.starts_with('"') {
        "<-"
    } else {
        row.arrow.direction.symbol()
    };
    ctx.say(types::currency_missing(amount.span, &path(amount), &format!("{left} {arrow} {right}")));
}

/// The field that says the currency of a record, where an account has several.
fn currency_field(ctx: &Ctx<'_, '_>, object: Object<'_>) -> Option<&'static str> {
    let name = match object.kind {
        SystemKind::Salesforce => "CurrencyIsoCode",
        SystemKind::Hubspot
            if ctx.schemas.systems.get(object.system).is_some_and(|s| !s.account.currencies.is_empty()) =>
        {
            "deal_currency_code"
        }
        _ => return None,
    };
    object.schema.fields.contains_key(name).then_some(name)
}
