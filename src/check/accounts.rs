//! What an account allows: editions, rights, limits, person accounts, fields that others write.

use std::collections::BTreeMap;

use super::Ctx;
use super::rows::path;
use super::syncs::{creates, writes};
use super::truth::{Assumed, impossible};
use crate::diag::errors::accounts as wording;
use crate::resolve::hir::{Arm, End, Expr, Kind, Object, Row, Side, Sync};
use crate::schema::{FieldType, SystemKind, hubspot};
use crate::source::Span;

/// Salesforce editions without an API.
const NO_API: [&str; 6] = [
    "Group Edition",
    "Personal Edition",
    "Contact Manager Edition",
    "Team Edition",
    "Base Edition",
    "Essentials Edition",
];

/// A first sync above this many records is done by HubSpot in parts.
const BULK: u64 = 200_000;

/// HubSpot objects with scopes of their own name; custom objects share those of `custom`.
const SCOPED: [&str; 6] = ["contact", "company", "deal", "line_item", "quote", "lead"];

/// Properties and fields that a vendor's own integration fills.
const FOREIGN: [(&str, &str); 8] = [
    ("salesforceaccountid", "HubSpot's Salesforce connector"),
    ("salesforcecontactid", "HubSpot's Salesforce connector"),
    ("salesforceleadid", "HubSpot's Salesforce connector"),
    ("salesforceownerid", "HubSpot's Salesforce connector"),
    ("salesforcelastsynctime", "HubSpot's Salesforce connector"),
    ("salesforceopportunitystage", "HubSpot's Salesforce connector"),
    ("salesforcecampaignids", "HubSpot's Salesforce connector"),
    ("hs_salesforceopportunityid", "HubSpot's Salesforce connector"),
];

fn objects<'s, 'a>(sync: &'s Sync<'a>) -> impl Iterator<Item = (Side, Object<'a>, Option<&'s Arm<'a>>)> {
    std::iter::once((Side::Left, sync.left, None))
        .chain(sync.arms.iter().map(|arm| (Side::Right, arm.right, Some(arm))))
}

/// Editions, scopes and object rights, as the snapshot recorded them.
pub fn rights_are_there<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for (side, object, arm) in objects(sync) {
        let Some(system) = ctx.schemas.systems.get(object.system) else { continue };
        let edition = system.account.edition.as_str();
        if object.kind == SystemKind::Salesforce && NO_API.contains(&edition) {
            if ctx.first_time(("E562", object.system.to_owned())) {
                ctx.say(wording::edition(object.span, object.system, edition));
            }
            continue;
        }
        let full = format!("{}.{}", object.system, object.name);
        if let Some(scope) = missing_scope(&system.account.scopes, object, writes(sync, side)) {
            ctx.say(wording::scope(object.span, &full, &scope));
            continue;
        }
        let rows = arm.map_or_else(|| sync.arms.iter().collect(), |arm| vec![arm]);
        let updates =
            rows.iter().flat_map(|arm| &arm.rows).any(|row| row.target(side).is_some() && !row.on_create);
        if creates(sync, side) && !object.schema.createable {
            ctx.say(wording::right(object.span, &full, "create", object.system));
        } else if writes(sync, side) && updates && !object.schema.updateable {
            ctx.say(wording::right(object.span, &full, "edit", object.system));
        }
    }
}

fn missing_scope(scopes: &[String], object: Object<'_>, writes: bool) -> Option<String> {
    // No scope at all means that they were not recorded.
    if scopes.is_empty() || object.kind != SystemKind::Hubspot {
        return None;
    }
    let custom = !hubspot::OBJECTS.iter().any(|(singular, ..)| *singular == object.name);
    let plural = match object.name {
        _ if custom => "custom",
        name if SCOPED.contains(&name) => hubspot::plural(name),
        // Tickets, products and activities go by older scopes of other names.
        _ => return None,
    };
    let needed = ["read", "write"].into_iter().take(if writes { 2 } else { 1 });
    needed
        .map(|right| format!("crm.objects.{plural}.{right}"))
        .find(|scope| !scopes.iter().any(|granted| granted == scope))
}

fn person_field<'e, 'a>(filters: &[&'e Expr<'a>]) -> Option<&'e Expr<'a>> {
    let mut found = None;
    for filter in filters {
        filter.walk(&mut |part| {
            if matches!(&part.kind, Kind::Field(_, field) if field.name == "IsPersonAccount") {
                found = Some(part);
            }
        });
    }
    found
}

/// Person accounts: no sync of companies is for them alone, and Sales Navigator leaves them out.
pub fn person_accounts_are_not_the_only_ones<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    let to_salesnav = sync.arms.iter().any(|arm| arm.right.kind == SystemKind::Salesnav);
    for (side, object, _) in objects(sync) {
        let known = object.schema.fields.contains_key("IsPersonAccount");
        if object.kind != SystemKind::Salesforce || !known {
            continue;
        }
        let filters: Vec<&Expr<'a>> =
            sync.filters.iter().filter(|(at, _)| *at == side).map(|(_, expr)| expr).collect();
        let person = person_field(&filters);
        let with = |truth: bool| {
            let mut assumed: Vec<Assumed<'_, 'a>> = filters.iter().map(|filter| (*filter, true)).collect();
            assumed.extend(person.map(|field| (field, truth)));
            impossible(&assumed)
        };
        if let Some(field) = person
            && with(false)
            && !with(true)
        {
            ctx.say(wording::persons_only(field.span, &sync.name.text));
        } else if to_salesnav && !(person.is_some() && with(true)) {
            ctx.say(wording::persons_left_out(object.span, &format!("{}.{}", object.system, object.name)));
        }
    }
}

/// A first sync of everything in an object with more records than HubSpot takes at once.
pub fn first_syncs_are_within_bulk_limits<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    if sync.start.as_ref().is_some_and(|word| word.text == "new") {
        return;
    }
    for (_, object, _) in objects(sync) {
        if let Some(records) = object.schema.records.filter(|records| *records > BULK) {
            let full = format!("{}.{}", object.system, object.name);
            ctx.say(wording::bulk(object.span, &full, records, records.div_ceil(BULK)));
        }
    }
}

/// A field that a workflow or another integration writes as well: the two would undo each other's work.
pub fn written_fields_are_not_owned_by_others<'a>(
    ctx: &mut Ctx<'a, '_>,
    _: &Sync<'a>,
    _: &Arm<'a>,
    row: &Row<'a>,
) {
    for side in [Side::Left, Side::Right] {
        let Some(field) = row.target(side) else { continue };
        let writer = if field.field.written_by.is_empty() {
            let vendor = FOREIGN
                .iter()
                .find(|(name, _)| field.object.kind == SystemKind::Hubspot && *name == field.name);
            let package = field.object.kind == SystemKind::Salesforce && field.name.starts_with("LID__");
            vendor.map(|(_, writer)| *writer).or(package.then_some("the Sales Navigator package"))
        } else {
            Some(field.field.written_by.as_str())
        };
        if let Some(writer) = writer
            && (field.field.createable || field.field.updateable)
        {
            ctx.say(wording::foreign_writer(field.span, &path(field), writer));
        }
    }
}

/// A formula of Salesforce changes without a trace on the record: an incremental sync does not see it.
pub fn calculated_fields_are_refreshed<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    if sync.refresh.is_some() || sync.lost.contains("refresh") {
        return;
    }
    let mut read: Vec<(Span, String)> = Vec::new();
    let mut look = |expr: &Expr<'a>| {
        expr.walk(&mut |part| {
            if let Kind::Field(_, field) = &part.kind
                && changes_silently(*field)
            {
                read.push((part.span, path(*field)));
            }
        });
    };
    sync.filters.iter().for_each(|(_, filter)| look(filter));
    for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
        row.when.iter().for_each(&mut look);
        for side in [Side::Left, Side::Right] {
            if let End::Expr(expr) = row.end(side) {
                look(expr);
            }
        }
    }
    for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
        for side in [Side::Left, Side::Right] {
            if let (Some(_), End::Field(field)) = (row.target(side.other()), row.end(side))
                && changes_silently(*field)
            {
                read.push((field.span, path(*field)));
            }
        }
    }
    read.sort();
    for (span, field) in read {
        if ctx.first_time(("W570", format!("{}:{field}", sync.name.text))) {
            ctx.say(wording::calculated(span, &field));
        }
    }
}

/// Formulas and roll-ups; an auto-number is set once, at creation, and is never blank.
fn changes_silently(field: crate::resolve::hir::FieldRef<'_>) -> bool {
    let number = !field.field.nullable && matches!(field.field.ty, FieldType::Text { .. });
    field.object.kind == SystemKind::Salesforce && field.field.calculated && !number
}

/// One HubSpot portal goes with one Sales Navigator contract, and the reverse.
pub fn one_portal_has_one_contract<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    let mut pairs: Vec<(&str, &str, Span)> = Vec::new();
    for sync in &program.syncs {
        for arm in &sync.arms {
            match (sync.left.kind, arm.right.kind) {
                (SystemKind::Hubspot, SystemKind::Salesnav) => {
                    pairs.push((sync.left.system, arm.right.system, arm.right.span));
                }
                (SystemKind::Salesnav, SystemKind::Hubspot) => {
                    pairs.push((arm.right.system, sync.left.system, sync.left.span));
                }
                _ => {}
            }
        }
    }
    let is_hubspot =
        |name: &str| ctx.schemas.systems.get(name).is_some_and(|s| s.kind == SystemKind::Hubspot);
    for item in program.writebacks.iter().filter(|item| is_hubspot(&item.to.text)) {
        pairs.push((&item.to.text, &item.from.text, item.header));
    }
    for item in program.crm_settings.iter().filter(|item| is_hubspot(&item.crm.text)) {
        pairs.push((&item.crm.text, &item.system.text, item.header));
    }
    // Two connections of one portal are one portal.
    let portal = |name: &str| -> String {
        let id = ctx.schemas.systems.get(name).map_or("", |system| &system.account.id);
        if id.is_empty() { name.to_owned() } else { id.to_owned() }
    };
    let mut found = Vec::new();
    let (mut by_portal, mut by_contract) = (BTreeMap::new(), BTreeMap::new());
    for pair in &pairs {
        let (hub, nav, span) = *pair;
        let first: (&str, &str, Span) = *by_portal.entry(portal(hub)).or_insert(*pair);
        let other: (&str, &str, Span) = *by_contract.entry(nav).or_insert(*pair);
        let clash =
            if first.1 != nav { Some(first) } else { (portal(other.0) != portal(hub)).then_some(other) };
        if let Some((other_hub, other_nav, first)) = clash {
            found.push(wording::two_contracts(span, first, (hub, nav), (other_hub, other_nav)));
        }
    }
    found.into_iter().for_each(|finding| ctx.say(finding));
}
