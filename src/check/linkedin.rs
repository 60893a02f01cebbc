//! Sales Navigator: what flows which way, writeback of activities, settings of its CRM sync.

use super::Ctx;
use super::fit::is_number;
use super::types::unlisted;
use crate::diag::Diagnostic;
use crate::diag::errors::{conditions, names, rules, text, types, values};
use crate::diag::suggest::nearest;
use crate::resolve::hir::{Arm, End, FieldRef, Object, Row, Side, Sync};
use crate::schema::salesnav::{ACTIVITIES, PARITY, TARGETS, UPDATED};
use crate::schema::{FieldType, System, SystemKind, hubspot};
use crate::source::Span;
use crate::syntax::ast::{
    CrmSettings, Expr, ExprKind, Ident, SettingValue, SettingsClauseKind, Writeback, WritebackClauseKind,
};

/// Which CRM objects are which of Sales Navigator's.
const PAIRS: [(&str, &[&str]); 3] = [
    ("lead", &["contact", "Contact", "Lead"]),
    ("account", &["company", "Account"]),
    ("opportunity", &["deal", "Opportunity"]),
];

/// Where an activity was made; `mobile` is any of the apps.
const ORIGINS: [&str; 4] = ["mobile", "desktop", "ios", "android"];

/// The objects of CRMs that may sync with one of Sales Navigator.
pub(super) fn partners(nav: &str) -> &'static [&'static str] {
    PAIRS.iter().find(|(object, _)| *object == nav).map_or(&[][..], |(_, with)| with)
}

pub fn records_flow_as_linkedin_lets_them<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for arm in &sync.arms {
        let (crm, nav, to_crm) = match (sync.left.kind, arm.right.kind) {
            (_, SystemKind::Salesnav) => (sync.left, arm.right, sync.direction().goes_left()),
            (SystemKind::Salesnav, _) => (arm.right, sync.left, sync.direction().goes_right()),
            _ => continue,
        };
        let known = partners(nav.name);
        if !known.contains(&crm.name) {
            let message = format!("{}.{} can't sync to {}.{}", crm.system, crm.name, nav.system, nav.name);
            let pairs = format!("{}.{} takes {}", nav.system, nav.name, known.join(", "));
            ctx.say(rules::not_supported(nav.span, message).note(pairs));
        } else if to_crm && nav.name != "lead" {
            let message = format!("Sales Navigator gives nothing back of its {}s", nav.name);
            ctx.say(
                rules::not_supported(sync.arrow.span, message).help("sync it one way, to Sales Navigator"),
            );
        }
        let fixed =
            ctx.schemas.systems.get(nav.system).is_some_and(|system| system.account.edition == PARITY);
        if let Some(row) = arm.rows.first().filter(|_| fixed) {
            let message =
                format!("the mappings of {} are fixed: `{}` is in parity mode", nav.name, nav.system);
            ctx.say(
                rules::not_supported(row.span, message)
                    .note("LinkedIn's own sync can't be edited field by field".to_owned())
                    .help("leave the `map` out, or take `parity` out of the connection"),
            );
        }
        if let Some(association) = arm.associations.first() {
            let message =
                "Sales Navigator joins its records itself; a sync to it has no associations".to_owned();
            ctx.say(rules::not_supported(association.span, message));
        }
    }
}

/// Of a lead, LinkedIn offers few fields to the CRM, and fewer still once the person exists there.
pub fn lead_fields_flow_as_linkedin_lets_them<'a>(
    ctx: &mut Ctx<'a, '_>,
    _: &Sync<'a>,
    _: &Arm<'a>,
    row: &Row<'a>,
) {
    for side in [Side::Left, Side::Right] {
        let (Some(_), End::Field(source)) = (row.target(side.other()), row.end(side)) else { continue };
        if source.object.kind != SystemKind::Salesnav || source.object.name != "lead" {
            continue;
        }
        if source.name == "phone" {
            let message = "Sales Navigator gives no phone numbers to a CRM".to_owned();
            ctx.say(rules::not_supported(source.span, message));
        } else if !UPDATED.contains(&source.name) && !row.on_create {
            let message = format!("LinkedIn gives `{}` only when a person is created", source.name);
            ctx.say(rules::not_supported(source.span, message).help("add `on create` to the row"));
        }
    }
}

fn system_of<'a>(
    ctx: &Ctx<'a, '_>,
    name: &Ident,
    kinds: &[SystemKind],
) -> Result<Option<&'a System>, Box<Diagnostic>> {
    match ctx.schemas.systems.get(&name.text) {
        Some(system) if kinds.contains(&system.kind) => Ok(Some(system)),
        Some(_) => {
            let wanted = if kinds.contains(&SystemKind::Salesnav) {
                "Sales Navigator"
            } else {
                "HubSpot or Salesforce"
            };
            Err(Box::new(rules::not_supported(name.span, format!("`{}` is not {wanted}", name.text))))
        }
        None => Ok(None),
    }
}

const CRMS: [SystemKind; 2] = [SystemKind::Hubspot, SystemKind::Salesforce];

pub fn writebacks_are_possible<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    for item in &program.writebacks {
        if let Err(finding) = system_of(ctx, &item.from, &[SystemKind::Salesnav]) {
            ctx.say(*finding);
        }
        match system_of(ctx, &item.to, &CRMS) {
            Err(finding) => ctx.say(*finding),
            Ok(None) => {}
            Ok(Some(crm)) => writeback(ctx, item, crm),
        }
    }
}

fn writeback(ctx: &mut Ctx<'_, '_>, item: &Writeback, crm: &System) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    let mut items: Vec<&Ident> = Vec::new();
    let mut targeted: Vec<&Ident> = Vec::new();
    for clause in &item.clauses {
        match &clause.kind {
            WritebackClauseKind::Items(words) => {
                once(ctx, &mut seen, "items", clause.span);
                let plural = || ACTIVITIES.iter().map(|(_, plural)| *plural).chain(["all"]);
                items.extend(words.iter().filter(|word| known_word(ctx, word, "item", plural())));
            }
            WritebackClauseKind::Seats(word) => {
                once(ctx, &mut seen, "seats", clause.span);
                known_word(ctx, word, "seats rule", ["all", "none"].into_iter());
            }
            WritebackClauseKind::Seat { state, .. } => {
                known_word(ctx, state, "seat rule", ["on", "off"].into_iter());
            }
            WritebackClauseKind::Owner(word) => {
                once(ctx, &mut seen, "owner", clause.span);
                known_word(ctx, word, "owner", ["seat", "connection"].into_iter());
            }
            WritebackClauseKind::Creator(word) => {
                once(ctx, &mut seen, "creator", clause.span);
                known_word(ctx, word, "creator", ["connection", "seat"].into_iter());
            }
            WritebackClauseKind::Unresolved(word) => {
                once(ctx, &mut seen, "unresolved", clause.span);
                known_word(ctx, word, "unresolved rule", ["keep", "drop"].into_iter());
            }
            WritebackClauseKind::Target { kinds, object, on } => {
                for kind in kinds {
                    if !known_word(ctx, kind, "kind of activity", ACTIVITIES.iter().map(|(kind, _)| *kind)) {
                        continue;
                    }
                    target_is_possible(ctx, item, crm, kind, object, on);
                    match targeted.iter().find(|known| known.text == kind.text) {
                        Some(first) => ctx.say(text::given_twice(kind.span, first.span, &kind.text)),
                        None => targeted.push(kind),
                    }
                }
            }
            WritebackClauseKind::Only { kind, condition } => {
                known_word(ctx, kind, "kind of activity", ACTIVITIES.iter().map(|(kind, _)| *kind));
                activity_condition(ctx, condition);
            }
        }
    }
    items_have_targets(ctx, &items, &targeted);
}

fn once<'w>(ctx: &mut Ctx<'_, '_>, seen: &mut Vec<(&'w str, Span)>, word: &'w str, at: Span) {
    match seen.iter().find(|(known, _)| *known == word) {
        Some((_, first)) => ctx.say(text::given_twice(at, *first, word)),
        None => seen.push((word, at)),
    }
}

fn known_word<'w>(
    ctx: &mut Ctx<'_, '_>,
    word: &Ident,
    kind: &str,
    known: impl Iterator<Item = &'w str>,
) -> bool {
    let known: Vec<&str> = known.collect();
    if known.contains(&word.text.as_str()) {
        return true;
    }
    let near = nearest(&word.text, known.iter().copied());
    ctx.say(text::unknown_word(word.span, kind, &word.text, near, &known));
    false
}

fn canonical(kind: SystemKind, name: &str) -> &str {
    if kind == SystemKind::Hubspot { hubspot::canonical(name) } else { name }
}

fn target_is_possible(
    ctx: &mut Ctx<'_, '_>,
    item: &Writeback,
    crm: &System,
    kind: &Ident,
    object: &Ident,
    on: &[Ident],
) {
    let of_crm = || TARGETS.iter().filter(|(of, ..)| *of == crm.kind);
    let name = canonical(crm.kind, &object.text);
    let Some((_, _, kinds, records)) = of_crm().find(|(_, known, ..)| *known == name) else {
        if crm.object(name).is_some() {
            let message = format!("activities can't be written to {}.{name}", item.to.text);
            ctx.say(rules::not_supported(object.span, message));
        } else {
            let near = nearest(&object.text, of_crm().map(|(_, known, ..)| *known));
            ctx.say(names::unknown_object(object.span, &item.to.text, &object.text, near));
        }
        return;
    };
    if !kinds.contains(&kind.text.as_str()) {
        let message = format!("a {} can't become a {name} in {}", kind.text, item.to.text);
        let place = of_crm().find(|(_, _, kinds, _)| kinds.contains(&kind.text.as_str()));
        let finding = rules::not_supported(kind.span, message);
        ctx.say(match place {
            Some((_, place, ..)) => finding.help(format!("write it as `{} -> {place} on ...`", kind.text)),
            None => finding,
        });
    }
    for record in on {
        let known = canonical(crm.kind, &record.text);
        if records.contains(&known) {
            continue;
        }
        if crm.object(known).is_some() || TARGETS.iter().any(|(.., records)| records.contains(&known)) {
            let message = format!("a {name} of an activity can't hang on {}.{known}", item.to.text);
            ctx.say(
                rules::not_supported(record.span, message).note(format!("possible: {}", records.join(", "))),
            );
        } else {
            let near = nearest(&record.text, records.iter().copied());
            ctx.say(names::unknown_object(record.span, &item.to.text, &record.text, near));
        }
    }
}

/// Once one kind has a target line, each enabled one needs one; and a target without its item does nothing.
fn items_have_targets(ctx: &mut Ctx<'_, '_>, items: &[&Ident], targeted: &[&Ident]) {
    let all = items.is_empty() || items.iter().any(|item| item.text == "all");
    let plural_of =
        |kind: &str| ACTIVITIES.iter().find(|(known, _)| *known == kind).map(|(_, plural)| *plural);
    for kind in targeted {
        if !all && !items.iter().any(|item| Some(item.text.as_str()) == plural_of(&kind.text)) {
            ctx.say(conditions::activity_never_written(kind.span, &kind.text));
        }
    }
    if targeted.is_empty() {
        return;
    }
    for item in items.iter().filter(|item| item.text != "all" && item.text != "tags") {
        if !targeted.iter().any(|kind| plural_of(&kind.text) == Some(item.text.as_str())) {
            ctx.say(rules::activity_without_target(item.span, &item.text));
        }
    }
}

/// `origin == "mobile"`, and the like joined by `and`, `or`, `not`.
fn activity_condition(ctx: &mut Ctx<'_, '_>, condition: &Expr) {
    match &condition.kind {
        ExprKind::Binary { op, left, right, .. } => {
            use crate::syntax::ast::BinaryOp;
            match op {
                BinaryOp::And | BinaryOp::Or => {
                    activity_condition(ctx, left);
                    activity_condition(ctx, right);
                }
                BinaryOp::Equal | BinaryOp::NotEqual => match (&left.kind, &right.kind) {
                    (ExprKind::Path(path), ExprKind::Text(origin)) => {
                        if path.text() != "origin" {
                            let near = nearest(&path.text(), ["origin"]);
                            ctx.say(text::unknown_word(
                                path.span,
                                "activity field",
                                &path.text(),
                                near,
                                &["origin"],
                            ));
                        } else if !ORIGINS.contains(&origin.value.as_str()) {
                            let near = nearest(&origin.value, ORIGINS);
                            ctx.say(values::unknown_value(
                                origin.span,
                                "the origin of an activity",
                                &origin.value,
                                near,
                                ORIGINS.len(),
                                "value",
                            ));
                        }
                    }
                    _ => not_understood(ctx, condition.span),
                },
                _ => not_understood(ctx, condition.span),
            }
        }
        ExprKind::Not(inner) => activity_condition(ctx, inner),
        ExprKind::Error => {}
        _ => not_understood(ctx, condition.span),
    }
}

fn not_understood(ctx: &mut Ctx<'_, '_>, at: Span) {
    let message = "an activity is chosen by its origin".to_owned();
    ctx.say(types::wrong_operand(
        at,
        message,
        "expected a comparison such as `origin == \"mobile\"`".to_owned(),
    ));
}

pub fn settings_fit_the_crm<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    let mut systems: Vec<&Ident> = Vec::new();
    for item in &program.crm_settings {
        match systems.iter().find(|known| known.text == item.system.text) {
            Some(first) => {
                let found =
                    names::same_name(item.system.span, first.span, "settings block", &item.system.text);
                ctx.say(found);
            }
            None => systems.push(&item.system),
        }
        if let Err(finding) = system_of(ctx, &item.system, &[SystemKind::Salesnav]) {
            ctx.say(*finding);
        }
        match system_of(ctx, &item.crm, &CRMS) {
            Err(finding) => ctx.say(*finding),
            Ok(None) => {}
            Ok(Some(crm)) => settings(ctx, item, crm),
        }
    }
}

fn settings<'a>(ctx: &mut Ctx<'a, '_>, item: &CrmSettings, crm: &'a System) {
    let (object, stage_field) =
        if crm.kind == SystemKind::Hubspot { ("deal", "dealstage") } else { ("Opportunity", "StageName") };
    let opportunity = crm.object(object).map(|(name, schema)| Object {
        system: ctx.schemas.systems.get_key_value(&item.crm.text).map_or("", |(name, _)| name.as_str()),
        kind: crm.kind,
        name,
        schema,
        span: item.crm.span,
    });
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for clause in &item.clauses {
        match &clause.kind {
            SettingsClauseKind::Seats(word) => {
                once(ctx, &mut seen, "seats", clause.span);
                known_word(ctx, word, "seats rule", ["all", "none"].into_iter());
            }
            SettingsClauseKind::Seat { state, .. } => {
                known_word(ctx, state, "seat rule", ["on", "off"].into_iter());
            }
            SettingsClauseKind::PipelineEntry(value) => {
                once(ctx, &mut seen, "pipeline_entry", clause.span);
                match value {
                    SettingValue::Name(word) => {
                        known_word(ctx, word, "pipeline entry", ["not_sure"].into_iter());
                    }
                    SettingValue::Text(stage) => {
                        if let Some(object) = opportunity {
                            stage_exists(ctx, object, stage_field, &stage.value, stage.span);
                        }
                    }
                }
            }
            SettingsClauseKind::WonValue(value) => {
                once(ctx, &mut seen, "won_value", clause.span);
                let (name, span) = match value {
                    SettingValue::Name(word) => (word.text.as_str(), word.span),
                    SettingValue::Text(text) => (text.value.as_str(), text.span),
                };
                if name != "not_sure"
                    && let Some(object) = opportunity
                {
                    amount_exists(ctx, object, name, span);
                }
            }
            SettingsClauseKind::AutoSave(words) => {
                once(ctx, &mut seen, "auto_save", clause.span);
                for word in words {
                    known_word(ctx, word, "kind of record", ["account", "contact"].into_iter());
                }
            }
        }
    }
}

fn stage_exists(ctx: &mut Ctx<'_, '_>, object: Object<'_>, field: &str, value: &str, span: Span) {
    let pipelines = object.schema.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    let stages: Vec<&crate::schema::model::Stage> = pipelines.chain(&object.schema.stages).collect();
    let full = format!("{}.{}.{field}", object.system, object.name);
    if stages.is_empty() {
        if let Some((name, known)) = object.schema.fields.get_key_value(field) {
            let finding = unlisted(FieldRef { object, name, field: known, span }, value, span);
            finding.into_iter().for_each(|finding| ctx.say(finding));
        }
        return;
    }
    match stages.iter().find(|stage| stage.id == value) {
        None => {
            let labelled =
                stages.iter().find(|stage| stage.label.eq_ignore_ascii_case(value)).map(|s| s.id.as_str());
            let near = labelled.or_else(|| nearest(value, stages.iter().map(|stage| stage.id.as_str())));
            ctx.say(values::unknown_value(span, &full, value, near, stages.len(), "stage"));
        }
        Some(stage) if !stage.active => ctx.say(values::inactive_value(span, &full, value)),
        Some(_) => {}
    }
}

/// The value of a won deal stands in a number.
fn amount_exists(ctx: &mut Ctx<'_, '_>, object: Object<'_>, name: &str, span: Span) {
    let full = format!("{}.{}", object.system, object.name);
    match object.schema.fields.get(name) {
        None => {
            let near = crate::resolve::near_field(&object.schema.fields, name);
            let count = object.schema.fields.len();
            ctx.say(names::unknown_field(span, &full, name, near, count, object.system));
        }
        Some(field) if is_number(&field.ty) || field.ty == FieldType::Unknown => {}
        Some(field) => {
            let message = format!("{full}.{name} is {}, and the value of a won deal is a number", field.ty);
            ctx.say(types::wrong_operand(span, message, "expected an amount".to_owned()));
        }
    }
}
