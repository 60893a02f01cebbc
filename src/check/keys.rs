//! Match keys: usable, not shared by many, not changing under the sync; and what a create needs to be found again.

use super::Ctx;
use super::rows::path;
use super::syncs::creates;
use crate::diag::errors::keys as wording;
use crate::resolve::hir::{Arm, Expr, FieldRef, Kind, Match, Object, Side, Sync};
use crate::schema::{FieldType, SystemKind};
use crate::source::Span;
use crate::syntax::ast::Direction;

/// Fields that twinmap's own external id is kept in, once `twinmap setup` has made them.
const OWN_IDS: [&str; 2] = ["twinmap_id", "Twinmap_Id__c"];

/// Names of fields that many records have in common, though their type does not say so.
const SHARED: [&str; 20] = [
    "firstname",
    "lastname",
    "city",
    "state",
    "country",
    "jobtitle",
    "title",
    "salutation",
    "zip",
    "postalcode",
    "billingcity",
    "billingstate",
    "billingcountry",
    "billingpostalcode",
    "mailingcity",
    "mailingstate",
    "mailingcountry",
    "mailingpostalcode",
    "leadsource",
    "department",
];

fn fields_of<'a>(key: &Expr<'a>) -> Vec<(FieldRef<'a>, Span)> {
    let mut fields = Vec::new();
    key.walk(&mut |part| {
        if let Kind::Field(_, field) = &part.kind {
            fields.push((*field, part.span));
        }
    });
    fields
}

/// The keys of a `match` line, each with the side that it should read.
fn keys<'s, 'a>(sync: &'s Sync<'a>) -> impl Iterator<Item = (&'s Expr<'a>, Side)> {
    sync.matches.iter().flat_map(|found| match found {
        Match::Keys { left, right, .. } => vec![(left, Side::Left), (right, Side::Right)],
        _ => Vec::new(),
    })
}

pub fn match_keys_are_usable<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (key, side) in keys(sync) {
        if matches!(key.kind, Kind::Error) || ctx.said_within(key.span) {
            continue;
        }
        let fields = fields_of(key);
        if fields.is_empty() && !mentions_errors(key) {
            ctx.say(wording::constant_key(key.span, sync.system_of(side)));
            continue;
        }
        let reads_other = fields.iter().any(|(field, _)| {
            field.object.system != sync.system_of(side) && sync.left.system != sync.system_of(Side::Right)
        });
        if reads_other {
            ctx.say(wording::key_of_one_side(key.span));
            continue;
        }
        let unusable =
            fields.iter().find_map(|(field, at)| why_unusable(*field).map(|why| (*field, *at, why)));
        if let Some((field, at, why)) = unusable {
            ctx.say(wording::unusable(at, &path(field), why));
        }
    }
}

fn mentions_errors(key: &Expr<'_>) -> bool {
    let mut found = false;
    key.walk(&mut |part| found |= matches!(part.kind, Kind::Error));
    found
}

fn why_unusable(field: FieldRef<'_>) -> Option<&'static str> {
    match field.field.ty {
        _ if !field.field.readable => Some("the integration user can't read it"),
        FieldType::LongText { max } if max.is_some_and(|max| max > 255) => {
            Some("a long text can't be searched")
        }
        FieldType::Json => Some("this type can't be compared"),
        FieldType::Options => Some("a multi-select can't be compared"),
        _ if !field.field.filterable && field.object.kind != SystemKind::Salesnav => {
            Some("the API can't search by it")
        }
        _ => None,
    }
}

/// A key that many records have in common finds many candidates, and several candidates are never linked.
pub fn match_keys_tell_records_apart<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (key, side) in keys(sync) {
        let fields = fields_of(key);
        // Several fields in one key may well tell records apart together.
        let [(field, at)] = fields.as_slice() else { continue };
        if field.object.system != sync.system_of(side) || why_unusable(*field).is_some() {
            continue;
        }
        if is_shared(*field) && !ctx.said_within(key.span) {
            ctx.say(wording::shared(*at, &path(*field)));
        }
    }
}

fn is_shared(field: FieldRef<'_>) -> bool {
    let plain = field.name.to_lowercase().replace('_', "");
    match field.field.ty {
        _ if field.field.unique || field.field.external_id => false,
        FieldType::Option
        | FieldType::Bool
        | FieldType::Owner
        | FieldType::Ref { .. }
        | FieldType::Date
        | FieldType::Percent { .. }
        | FieldType::Money(_) => true,
        _ => SHARED.contains(&plain.as_str()),
    }
}

/// Keys that name one record for good: unique fields, e-mail addresses, web addresses.
fn is_lasting(field: FieldRef<'_>) -> bool {
    field.field.unique
        || field.field.external_id
        || matches!(field.field.ty, FieldType::Email | FieldType::Id | FieldType::Url)
        || matches!(field.name, "domain" | "website" | "email")
}

fn has_own_id(object: Object<'_>) -> bool {
    OWN_IDS.iter().any(|name| object.schema.fields.contains_key(*name))
}

/// Keys that the sync itself writes on both sides: when one is edited, the pair is not found by it again.
pub fn match_keys_stay<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let objects = || std::iter::once(sync.left).chain(sync.arms.iter().map(|arm| arm.right));
    if objects().all(has_own_id) {
        return;
    }
    // A sync with a key that lasts tries the others only where that one is blank.
    let lasting = |found: &Match<'_>| match found {
        Match::Keys { left, right, .. } => {
            [left, right].iter().all(|key| fields_of(key).iter().any(|(field, _)| is_lasting(*field)))
        }
        _ => false,
    };
    if sync.matches.iter().any(lasting) {
        return;
    }
    for found in &sync.matches {
        let Match::Keys { left, right, span, .. } = found else { continue };
        let (a, b) = (fields_of(left), fields_of(right));
        let ([(a, at)], [(b, _)]) = (a.as_slice(), b.as_slice()) else { continue };
        if is_lasting(*a) || is_lasting(*b) || ctx.said_within(*span) {
            continue;
        }
        let row = sync.arms.iter().flat_map(|arm| &arm.rows).find(|row| {
            row.arrow.direction == Direction::Both
                && row.target(Side::Left).is_some_and(|field| field.name == a.name)
                && row.target(Side::Right).is_some_and(|field| field.name == b.name)
        });
        if let Some(row) = row {
            ctx.say(wording::changes(*at, row.span, &path(*a)));
        }
    }
}

/// A record whose creation was not answered is found again by a key, or by an id that we write along.
pub fn creates_can_be_found_again<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for side in [Side::Left, Side::Right] {
        if !creates(sync, side) {
            continue;
        }
        let arms: Vec<&Arm<'a>> = match side {
            Side::Left => sync.arms.iter().take(1).collect(),
            Side::Right => sync.arms.iter().collect(),
        };
        for arm in arms {
            let object = if side == Side::Left { sync.left } else { arm.right };
            let by_key = keys(sync)
                .any(|(key, at)| at == side && fields_of(key).iter().any(|(field, _)| is_lasting(*field)));
            // `match: none` says that pairs are known by their stored ids only.
            let by_id = sync.matches.iter().any(|found| matches!(found, Match::StoredId));
            let matcher = sync.matches.iter().any(|found| matches!(found, Match::Matcher(_)));
            let broken = keys(sync).any(|(key, _)| mentions_errors(key));
            let nothing_said = broken
                || sync.matches.is_empty()
                || matches!(object.kind, SystemKind::Salesnav | SystemKind::File);
            if has_own_id(object) || by_key || by_id || matcher || nothing_said {
                continue;
            }
            let full = format!("{}.{}", object.system, object.name);
            if ctx.first_time(("W521", full.clone())) {
                let field = if object.kind == SystemKind::Hubspot { OWN_IDS[0] } else { OWN_IDS[1] };
                ctx.say(wording::create_without_key(
                    sync.name.span,
                    object.span,
                    &full,
                    object.system,
                    field,
                ));
            }
        }
    }
}
