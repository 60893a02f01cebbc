//! Whole syncs: how pairs are recognised, what creates need, who wins, what policies deny.

use super::Ctx;
use super::rows::comparisons_make_sense;
use crate::diag::errors::rules as wording;
use crate::resolve::hir::{Arm, Conflict, CreateRule, Delete, End, Expr, Kind, Match, Side, Sync};
use crate::schema::{FieldType, SystemKind};
use crate::syntax::ast::{Direction, PolicyRuleKind};

pub fn check<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    objects_can_be_synced(ctx, sync);
    creating_syncs_have_a_match(ctx, sync);
    match_keys_are_usable(ctx, sync);
    required_fields_are_written(ctx, sync);
    one_way_syncs_have_no_contrary_winner(ctx, sync);
    deletes_are_possible(ctx, sync);
    for (_, filter) in sync.filters.iter().chain(&sync.vetoes) {
        comparisons_make_sense(ctx, filter);
    }
    for (_, rule, _) in &sync.creates {
        if let CreateRule::When(condition) = rule {
            comparisons_make_sense(ctx, condition);
        }
    }
    for line in sync.route.iter().flatten() {
        if let Some(condition) = &line.condition {
            comparisons_make_sense(ctx, condition);
        }
    }
}

/// Whether the sync may create records on a side.
pub fn creates(sync: &Sync<'_>, side: Side) -> bool {
    let allowed = match side {
        Side::Left => sync.direction().goes_left(),
        Side::Right => sync.direction().goes_right(),
    };
    let never = sync.creates.iter().any(|(at, rule, _)| *at == side && matches!(rule, CreateRule::Never));
    allowed && !never
}

fn objects_can_be_synced(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    for arm in &sync.arms {
        if arm.right.kind == SystemKind::Salesnav {
            let wanted = match sync.left.name {
                "contact" | "Contact" | "Lead" => "lead",
                "company" | "Account" => "account",
                "deal" | "Opportunity" => "opportunity",
                _ => "",
            };
            if wanted != arm.right.name {
                let message = format!(
                    "{}.{} can't sync to {}.{}",
                    sync.left.system, sync.left.name, arm.right.system, arm.right.name
                );
                ctx.say(wording::not_supported(arm.right.span, message));
            }
        }
    }
}

fn creating_syncs_have_a_match(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    let may_create = creates(sync, Side::Left) || creates(sync, Side::Right);
    if may_create && sync.matches.is_empty() {
        ctx.say(wording::no_match(sync.name.span, &sync.name.text));
    }
}

fn match_keys_are_usable(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    for found in &sync.matches {
        let Match::Keys { left, right, .. } = found else { continue };
        for key in [left, right] {
            key_is_usable(ctx, key);
        }
    }
}

fn key_is_usable(ctx: &mut Ctx<'_, '_>, key: &Expr<'_>) {
    let mut found = None;
    key.walk(&mut |part| {
        if let Kind::Field(_, field) = &part.kind {
            let why = match field.field.ty {
                FieldType::LongText { max } if max.is_some_and(|max| max > 255) => {
                    "a long text can't be searched"
                }
                FieldType::Json => "this type can't be compared",
                _ if !field.field.filterable => "the API can't search it",
                _ => return,
            };
            found = Some((
                part.span,
                format!("{}.{}.{}", field.object.system, field.object.name, field.name),
                why,
            ));
        }
    });
    if let Some((span, field, why)) = found {
        ctx.say(wording::unusable_key(span, &field, why));
    }
}

fn required_fields_are_written(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    for side in [Side::Left, Side::Right] {
        if !creates(sync, side) {
            continue;
        }
        for arm in &sync.arms {
            arm_writes_required(ctx, sync, arm, side);
            if side == Side::Left {
                break;
            }
        }
    }
}

fn arm_writes_required(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, arm: &Arm<'_>, side: Side) {
    let object = if side == Side::Left { sync.left } else { arm.right };
    for (name, field) in &object.schema.fields {
        if !field.required_on_create {
            continue;
        }
        let by_row = arm.rows.iter().any(|row| row.target(side).is_some_and(|target| target.name == name));
        let by_association = arm.associations.iter().any(|association| {
            let end = if side == Side::Left { &association.left } else { &association.right };
            matches!(end, crate::resolve::hir::AssociationEnd::Lookup(field) if field.name == name)
        });
        if by_row || by_association {
            continue;
        }
        let arrow = if side == Side::Right { "->" } else { "<-" };
        let near = near_source(sync, arm, side, name);
        let help = match (near, side) {
            (Some(near), Side::Right) => format!("add a row: `{near} {arrow} {name}`"),
            (Some(near), Side::Left) => format!("add a row: `{name} {arrow} {near}`"),
            (None, _) => format!(
                "add a row that writes {name}, or never create here: `create {}: never`",
                object.system
            ),
        };
        let path = format!("{}.{}", object.system, object.name);
        ctx.say(wording::required_unset(
            sync.map_span,
            object.span,
            &path,
            name,
            &field.ty.to_string(),
            help,
        ));
    }
}

/// A field of the other side that looks as if it were the required one.
fn near_source<'s>(sync: &Sync<'s>, arm: &Arm<'s>, side: Side, name: &str) -> Option<&'s str> {
    let source = if side == Side::Right { sync.left } else { arm.right };
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "");
    let wanted = plain(name);
    source
        .schema
        .fields
        .iter()
        .find(|(known, field)| plain(known) == wanted || plain(&field.label) == wanted)
        .map(|(known, _)| known.as_str())
}

fn one_way_syncs_have_no_contrary_winner(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    let source = match sync.direction() {
        Direction::Both => return,
        Direction::Right => Side::Left,
        Direction::Left => Side::Right,
    };
    if let Some((Conflict::Winner { side, .. }, span)) = &sync.conflict
        && *side != source
    {
        let (winner, source) = (sync.system_of(*side), sync.system_of(source));
        ctx.say(wording::contrary_winner(*span, sync.arrow.span, winner, source));
    }
}

fn deletes_are_possible(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>) {
    if let Some((Delete::Archive { side }, span)) = &sync.delete {
        let writes = match side {
            Side::Left => sync.direction().goes_left(),
            Side::Right => sync.direction().goes_right(),
        };
        let objects: Vec<_> = match side {
            Side::Left => vec![sync.left],
            Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
        };
        if !writes {
            let message =
                format!("this sync never writes to {}, so it can't archive there", sync.system_of(*side));
            ctx.say(wording::delete_not_possible(*span, message));
        } else if let Some(object) = objects.iter().find(|object| !object.schema.deletable) {
            let message = format!("records of {}.{} can't be deleted", object.system, object.name);
            ctx.say(wording::delete_not_possible(*span, message));
        }
    }
    if let Some(leave) = sync.leave.as_ref().filter(|leave| leave.text == "remove") {
        let to_list =
            sync.save_to.is_some() || sync.arms.iter().any(|arm| arm.right.kind == SystemKind::Salesnav);
        if !to_list {
            let message =
                "`leave: remove` takes records out of a Sales Navigator list; this sync has none".to_owned();
            ctx.say(wording::delete_not_possible(leave.span, message));
        }
    }
}

/// `deny write` and `deny send` over the whole program.
pub fn policies(ctx: &mut Ctx<'_, '_>) {
    let mut found = Vec::new();
    for policy in &ctx.program.policies {
        for rule in &policy.rules {
            match &rule.kind {
                PolicyRuleKind::DenyWrite { target, except } => {
                    for sync in &ctx.program.syncs {
                        if except.iter().any(|name| name.text == sync.name.text) {
                            continue;
                        }
                        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
                            for side in [Side::Left, Side::Right] {
                                let Some(written) = row.target(side) else { continue };
                                let path = [written.object.system, written.object.name, written.name];
                                let parts: Vec<&str> =
                                    target.parts.iter().map(|part| part.text.as_str()).collect();
                                if path.starts_with(&parts) {
                                    let what = format!("`{}` writes {}", sync.name.text, path.join("."));
                                    found.push(wording::policy_broken(
                                        row.span,
                                        rule.span,
                                        &policy.name.value,
                                        &what,
                                    ));
                                }
                            }
                        }
                    }
                }
                PolicyRuleKind::DenySend { what, to, except } => {
                    for sync in &ctx.program.syncs {
                        if except.iter().any(|name| name.text == sync.name.text) {
                            continue;
                        }
                        for side in [Side::Left, Side::Right] {
                            if sync.system_of(side) != to.text {
                                continue;
                            }
                            for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
                                let (Some(_), End::Field(source)) = (row.target(side), row.end(side.other()))
                                else {
                                    continue;
                                };
                                let personal = is_personal(source.name, &source.field.ty);
                                if (what.text() == "personal" && personal) || what.text() == source.name {
                                    let what =
                                        format!("`{}` sends {} to {}", sync.name.text, source.name, to.text);
                                    found.push(wording::policy_broken(
                                        row.span,
                                        rule.span,
                                        &policy.name.value,
                                        &what,
                                    ));
                                }
                            }
                        }
                    }
                }
                PolicyRuleKind::DenyPlan { .. } => {}
            }
        }
    }
    found.into_iter().for_each(|finding| ctx.say(finding));
}

/// Names of people, e-mail addresses and phone numbers.
fn is_personal(name: &str, ty: &FieldType) -> bool {
    let name = name.to_lowercase();
    matches!(ty, FieldType::Email | FieldType::Phone)
        || ["firstname", "lastname", "email", "phone", "mobilephone"].iter().any(|part| name.contains(part))
}
