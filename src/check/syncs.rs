//! Whole syncs: what the connectors can do, who wins, what is deleted.

use super::Ctx;
use super::rows::path;
use crate::diag::errors::rules as wording;
use crate::resolve::hir::{Conflict, CreateRule, Delete, Match, Side, Sync};
use crate::schema::SystemKind;
use crate::syntax::ast::Direction;

/// Whether the sync may create records on a side.
pub fn creates(sync: &Sync<'_>, side: Side) -> bool {
    let never = sync.creates.iter().any(|(at, rule, _)| *at == side && matches!(rule, CreateRule::Never));
    writes(sync, side) && !never
}

pub fn writes(sync: &Sync<'_>, side: Side) -> bool {
    match side {
        Side::Left => sync.direction().goes_left(),
        Side::Right => sync.direction().goes_right(),
    }
}

pub fn creating_syncs_have_a_match<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let may_create = creates(sync, Side::Left) || creates(sync, Side::Right);
    if may_create && sync.matches.is_empty() && !sync.lost.contains("match") {
        ctx.say(wording::no_match(sync.name.span, &sync.name.text));
    }
}

pub fn one_way_syncs_have_no_contrary_winner<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let source = match sync.direction() {
        Direction::Both => return,
        Direction::Right => Side::Left,
        Direction::Left => Side::Right,
    };
    let winner = match &sync.conflict {
        Some((Conflict::Winner { side, .. }, span)) if *side != source => (sync.system_of(*side), *span),
        Some((Conflict::Newest, span)) => ("the newest value", *span),
        Some((Conflict::Hold, span)) => ("nobody", *span),
        _ => return,
    };
    ctx.say(wording::contrary_winner(winner.1, sync.arrow.span, winner.0, sync.system_of(source)));
}

/// `create SYSTEM` for a side that the sync never writes.
pub fn create_rules_are_within_reach<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (side, rule, span) in &sync.creates {
        if !writes(sync, *side) && !matches!(rule, CreateRule::Never) {
            let system = sync.system_of(*side);
            ctx.say(wording::create_out_of_reach(*span, sync.arrow.span, system));
        }
    }
}

pub fn deletes_are_possible<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    if let Some((Delete::Archive { side }, span)) = &sync.delete {
        let objects: Vec<_> = match side {
            Side::Left => vec![sync.left],
            Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
        };
        if !writes(sync, *side) {
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

/// A conversion is followed from a Salesforce lead to its contact: both are arms of the sync.
pub fn conversions_can_be_followed<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let Some(span) = sync.follow_conversion else { return };
    let has = |name: &str| {
        sync.arms.iter().any(|arm| arm.right.kind == SystemKind::Salesforce && arm.right.name == name)
    };
    if !(has("Lead") && has("Contact")) {
        let message = "a conversion is followed between the arms Lead and Contact of Salesforce".to_owned();
        ctx.say(wording::not_supported(span, message));
    }
}

/// What only some connectors have: lists to save to, matchers of people and companies.
pub fn clauses_fit_the_connector<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let salesnav = sync.arms.iter().find(|arm| arm.right.kind == SystemKind::Salesnav);
    if let Some(list) = sync.save_to.as_ref().filter(|_| salesnav.is_none()) {
        let message = "records are saved to lists of Sales Navigator only".to_owned();
        ctx.say(wording::not_supported(list.span, message));
    }
    // A pair of objects that can't sync is complained about as such.
    if salesnav.is_some_and(|arm| !super::linkedin::partners(arm.right.name).contains(&sync.left.name)) {
        return;
    }
    for found in &sync.matches {
        let Match::Matcher(word) = found else { continue };
        let wanted = match salesnav.map(|arm| arm.right.name) {
            Some("lead") => "person",
            Some("account") => "company",
            Some(_) => "none",
            None => "a key of each side",
        };
        if word.text != wanted {
            let message = format!("`match: {}` does not fit this sync, which matches by {wanted}", word.text);
            ctx.say(wording::not_supported(word.span, message));
        }
    }
}

/// Associations translate ids by the links of a sync that joins the objects at both ends.
pub fn associations_go_through_the_right_sync<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    use crate::resolve::hir::AssociationEnd;
    use crate::schema::FieldType;
    for (arm, association) in sync.arms.iter().flat_map(|arm| arm.associations.iter().map(move |a| (arm, a)))
    {
        let Some(through) =
            ctx.program.syncs.iter().find(|known| known.name.text == association.through.text)
        else {
            continue;
        };
        let linked = |system: &str, name: &str| {
            std::iter::once(through.left)
                .chain(through.arms.iter().map(|arm| arm.right))
                .any(|object| object.system == system && object.name == name)
        };
        for (object, end) in [(sync.left, &association.left), (arm.right, &association.right)] {
            let wanted: Vec<&str> = match end {
                AssociationEnd::Set(key) if object.kind == SystemKind::Hubspot => vec![key],
                AssociationEnd::Lookup(field) => match &field.field.ty {
                    FieldType::Ref { to } if !to.is_empty() => to.iter().map(String::as_str).collect(),
                    FieldType::Ref { .. } | FieldType::Unknown => continue,
                    ty => {
                        ctx.say(wording::no_lookup(field.span, &path(*field), &ty.to_string()));
                        break;
                    }
                },
                AssociationEnd::Set(_) => continue,
            };
            if !wanted.iter().any(|name| linked(object.system, name)) {
                let what = format!("{} of {}", wanted.join(" or "), object.system);
                ctx.say(wording::wrong_through(association.through.span, &association.through.text, &what));
                break;
            }
        }
    }
}
