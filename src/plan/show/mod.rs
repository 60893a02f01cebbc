//! A sync plan for people: what each sync reads, writes, decides and refuses, in words.
//!
//! [`describe`] turns a plan into a [`Sheet`] of finished words (also the machine form of `twinmap show`);
//! [`text`] lays it out. Nothing here needs the source.

pub mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::ir::{
    self, Arm, Association, AssociationEnd, Conflict, Create, Delete, Direction, Else, Expr, Leave, Limit,
    Match, ObjectId, OwnerElse, Row, Side, Start, Sync, SyncPlan, Transfer,
};
use super::words::{Reads, duration, origin, share, steps, words};
use crate::builtin::Func;

/// What `twinmap show` says, field by field.
#[derive(Debug, Serialize)]
pub struct Sheet {
    pub format_version: &'static str,
    pub project: String,
    pub edition: String,
    /// Hash of the plan.
    pub plan: String,
    pub systems: Vec<SystemSheet>,
    pub syncs: Vec<SyncSheet>,
    pub values: Vec<MapSheet>,
    pub stages: Vec<MapSheet>,
    pub owners: Vec<OwnersSheet>,
    pub writebacks: Vec<ir::Writeback>,
    pub crm_settings: Vec<ir::CrmSettings>,
    pub policies: Vec<PolicySheet>,
}

#[derive(Debug, Serialize)]
pub struct SystemSheet {
    pub name: String,
    pub kind: crate::schema::SystemKind,
    pub account: String,
    pub snapshot: String,
}

#[derive(Debug, Serialize)]
pub struct SyncSheet {
    pub name: String,
    pub doc: Option<String>,
    pub left: String,
    pub direction: Direction,
    pub right: Vec<String>,
    /// What takes part, how pairs are recognised, what is made, who wins: the clause's word and what it says, in reading order.
    pub rules: Vec<Rule>,
    /// One per direction and right-hand object.
    pub flows: Vec<Flow>,
    /// One per right-hand object; empty = none.
    pub associations: Vec<AssociationSheet>,
}

#[derive(Debug, Serialize)]
pub struct Rule {
    pub about: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    pub words: String,
}

/// The rows that write one object.
#[derive(Debug, Serialize)]
pub struct Flow {
    pub from: String,
    pub to: String,
    pub rows: Vec<RowSheet>,
}

#[derive(Debug, Serialize)]
pub struct RowSheet {
    pub from: String,
    pub to: String,
    /// The row goes both ways.
    pub both_ways: bool,
    /// Converters and options, in words.
    pub how: Vec<String>,
    /// `mappings/accounts.twin:12`
    pub at: String,
}

#[derive(Debug, Serialize)]
pub struct AssociationSheet {
    pub left: String,
    pub direction: Direction,
    pub right: String,
    pub through: String,
    pub primary: bool,
}

#[derive(Debug, Serialize)]
pub struct MapSheet {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    pub rows: Vec<(String, Direction, String)>,
    /// What becomes of a value that is not listed, to the right and to the left.
    pub unlisted: (String, String),
}

#[derive(Debug, Serialize)]
pub struct OwnersSheet {
    pub left: String,
    pub right: String,
    pub exceptions: Vec<(String, Direction, String)>,
    pub inactive: String,
    pub unmatched: String,
}

#[derive(Debug, Serialize)]
pub struct PolicySheet {
    pub name: String,
    pub denies: Vec<String>,
}

/// Says a whole plan in words.
pub fn describe(plan: &SyncPlan) -> Sheet {
    let systems = plan.systems.iter().map(|system| SystemSheet {
        name: system.name.clone(),
        kind: system.kind,
        account: system.account.clone(),
        snapshot: plan.schema_hashes.get(&system.name).cloned().unwrap_or_default(),
    });
    Sheet {
        format_version: "1",
        project: plan.project.clone(),
        edition: plan.edition.clone(),
        plan: plan.hash(),
        systems: systems.collect(),
        syncs: plan.syncs.iter().map(|one| sync(plan, one)).collect(),
        values: plan.values.iter().map(value_map).collect(),
        stages: plan.stages.iter().map(stage_map).collect(),
        owners: plan.owners.iter().map(|one| owners(plan, one)).collect(),
        writebacks: plan.writebacks.clone(),
        crm_settings: plan.crm_settings.clone(),
        policies: plan.policies.iter().map(policy).collect(),
    }
}

fn system_of(plan: &SyncPlan, object: ObjectId) -> String {
    let system = plan.object(object).and_then(|object| plan.system(object.system));
    system.map_or_else(|| "?".to_owned(), |system| system.name.clone())
}

/// `hubspot.company`
fn full_name(plan: &SyncPlan, object: ObjectId) -> String {
    let name = plan.object(object).map_or("?", |object| object.name.as_str());
    format!("{}.{name}", system_of(plan, object))
}

fn sync(plan: &SyncPlan, sync: &Sync) -> SyncSheet {
    let mut flows = Vec::new();
    let mut associations = Vec::new();
    for arm in &sync.arms {
        let reads = Reads { plan, left: sync.left, right: arm.right };
        for (to, goes) in
            [(Side::Right, sync.direction.goes_right()), (Side::Left, sync.direction.goes_left())]
        {
            let rows: Vec<RowSheet> = arm.rows.iter().filter_map(|one| row(reads, sync, one, to)).collect();
            let ends = [full_name(plan, sync.left), full_name(plan, arm.right)];
            let [left, right] = ends;
            let (from, to) = if to == Side::Right { (left, right) } else { (right, left) };
            if goes || !rows.is_empty() {
                flows.push(Flow { from, to, rows });
            }
        }
        associations.extend(arm.associations.iter().map(|one| association(plan, sync, arm, one)));
    }
    SyncSheet {
        name: sync.name.clone(),
        doc: sync.doc.clone(),
        left: full_name(plan, sync.left),
        direction: sync.direction,
        right: sync.arms.iter().map(|arm| full_name(plan, arm.right)).collect(),
        rules: rules(plan, sync),
        flows,
        associations,
    }
}

fn rules(plan: &SyncPlan, sync: &Sync) -> Vec<Rule> {
    let right = sync.arms.first().map_or(sync.left, |arm| arm.right);
    let reads = Reads { plan, left: sync.left, right };
    let names = [system_of(plan, sync.left), system_of(plan, right)];
    let [left_name, right_name] = &names;
    let name = |side: Side| if side == Side::Left { left_name } else { right_name };
    let mut rules = Vec::new();
    let mut say = |about, system: Option<&String>, words: String| {
        rules.push(Rule { about, system: system.cloned(), words });
    };
    say("start", None, start_words(sync.start));
    for (side, filter) in [(Side::Left, &sync.filter_left), (Side::Right, &sync.filter_right)] {
        let all = || "every record".to_owned();
        say("filter", Some(name(side)), filter.as_ref().map_or_else(all, |filter| words(reads, filter)));
    }
    for line in &sync.route {
        let object = sync.arms.get(line.arm as usize).map_or(right, |arm| arm.right);
        let when = line.condition.as_ref().map_or("else".to_owned(), |when| words(reads, when));
        say("route", Some(&full_name(plan, object)), when);
    }
    if sync.follow_conversion {
        say("on convert", None, "a converted lead is followed to its contact".to_owned());
    }
    for found in sync.arms.first().map_or(&[][..], |arm| &arm.matches) {
        say("match", None, match_words(reads, found));
    }
    for (side, create, vetoes) in [
        (Side::Left, &sync.create_left, &sync.veto_left),
        (Side::Right, &sync.create_right, &sync.veto_right),
    ] {
        say("create", Some(name(side)), create_words(reads, create));
        for veto in vetoes {
            say("veto", Some(name(side)), format!("when {}", words(reads, veto)));
        }
    }
    say("conflict", None, conflict_words(sync, left_name, right_name));
    say("delete", None, delete_words(sync.delete, name));
    say("leave", None, leave_words(sync.leave));
    say("guard", None, guard_words(&sync.guard));
    for item in &sync.propagate {
        say("propagate", None, propagate_words(plan, item));
    }
    if let Some(refresh) = sync.refresh {
        say("refresh", None, format!("calculated fields every {}", duration(refresh)));
    }
    if let Some(list) = &sync.save_to {
        say("save_to", None, format!("the list \"{list}\""));
    }
    rules
}

fn start_words(start: Start) -> String {
    match start {
        Start::All => "every record that takes part".to_owned(),
        Start::New => "what is created or changed from now on".to_owned(),
    }
}

fn match_words(reads: Reads<'_>, found: &Match) -> String {
    match found {
        Match::StoredId => "the stored id alone".to_owned(),
        Match::Matcher(name) => format!("Sales Navigator's own matching of a {name}"),
        Match::Keys { left, right, when } => {
            let plan = reads.plan;
            let side = |object: ObjectId, expr: &Expr| {
                format!("{}: {}", system_of(plan, object), words(reads, expr))
            };
            let when = when.as_ref().map(|when| format!(", when {}", words(reads, when))).unwrap_or_default();
            format!("{} = {}{when}", side(reads.left, left), side(reads.right, right))
        }
    }
}

fn create_words(reads: Reads<'_>, create: &Create) -> String {
    match create {
        Create::Never => "never".to_owned(),
        Create::Always => "always".to_owned(),
        Create::When(condition) => format!("when {}", words(reads, condition)),
    }
}

fn conflict_words(sync: &Sync, left: &str, right: &str) -> String {
    match sync.direction {
        Direction::Right => return format!("{left} is the source, its value stands"),
        Direction::Left => return format!("{right} is the source, its value stands"),
        Direction::Both => {}
    }
    match sync.conflict {
        Conflict::Winner { side, window } => {
            let winner = if side == Side::Left { left } else { right };
            format!("{winner} wins within {}, later the later edit wins", duration(window))
        }
        Conflict::Newest => "the later edit wins".to_owned(),
        Conflict::Hold => "nothing is written, a person decides".to_owned(),
    }
}

fn delete_words<'n>(delete: Delete, name: impl Fn(Side) -> &'n String) -> String {
    match delete {
        Delete::Ignore => "nothing happens on the other side".to_owned(),
        Delete::Unlink => "the link ends, the other record stays".to_owned(),
        Delete::Archive { side } => {
            format!("in {} the record in {} is archived", name(side.other()), name(side))
        }
    }
}

fn leave_words(leave: Leave) -> String {
    match leave {
        Leave::Keep => "the link stays, nothing more is written".to_owned(),
        Leave::Unlink => "the link ends, both records stay".to_owned(),
        Leave::Remove => "the record is taken off the list".to_owned(),
    }
}

fn guard_words(guard: &ir::Guard) -> String {
    let limit = |limit: Limit, what: &str| match limit {
        Limit::Count(count) => format!("{count} {what}"),
        Limit::PerMille(part) => format!("{what} of {} of the links", share(part)),
    };
    let parts = [
        limit(guard.creates, "creates"),
        limit(guard.updates, "updates"),
        limit(guard.deletes, "deletes"),
        limit(guard.blanks, "blanked fields"),
    ];
    format!("a run stops above {}", parts.join(", "))
}

fn propagate_words(plan: &SyncPlan, item: &ir::Propagate) -> String {
    let field = |object: ObjectId, field: ir::FieldId| {
        let name = plan.object(object).and_then(|object| object.fields.get(field.index()));
        format!("{}.{}", full_name(plan, object), name.map_or("?", |field| field.name.as_str()))
    };
    let forward = if item.forward { ", forward only" } else { "" };
    format!("{} to {}{forward}", field(item.from_object, item.from), field(item.to_object, item.to))
}

fn row(reads: Reads<'_>, sync: &Sync, row: &Row, to: Side) -> Option<RowSheet> {
    let plan = reads.plan;
    let (transfer, target, source) = match to {
        Side::Right => (row.to_right.as_ref()?, row.right?, row.left),
        Side::Left => (row.to_left.as_ref()?, row.left?, row.right),
    };
    let object = if to == Side::Right { reads.right } else { reads.left };
    let target = plan.object(object)?.fields.get(target.index())?;
    let (expr, default) = without_default(&transfer.expr, source.is_some());
    let mut how = steps(reads, expr);
    if let Some(default) = default {
        how.push(format!("{} when it is blank", words(reads, default)));
    }
    how.extend(options(reads, transfer));
    let name = |side: Side| system_of(plan, if side == Side::Left { sync.left } else { reads.right });
    if row.to_right.is_some() && row.to_left.is_some() {
        how.extend(row.prefer.map(|side| format!("{} wins conflicts", name(side))));
    }
    how.extend(row.owned_by.map(|side| format!("{} owns it", name(side))));
    Some(RowSheet {
        from: origin(reads, expr),
        to: target.name.clone(),
        both_ways: row.to_right.is_some() && row.to_left.is_some(),
        how,
        at: row.at.clone(),
    })
}

/// `default EXPR` lowers to a `coalesce` around the row's field.
fn without_default(expr: &Expr, from_field: bool) -> (&Expr, Option<&Expr>) {
    match expr {
        Expr::Call { func: Func::Coalesce, args } if from_field => match args.as_slice() {
            [value, default] => (value, Some(default)),
            _ => (expr, None),
        },
        _ => (expr, None),
    }
}

fn options(reads: Reads<'_>, transfer: &Transfer) -> Vec<String> {
    let flags = [
        (transfer.if_empty, "only while it is blank"),
        (transfer.on_create, "only when the record is made"),
        (transfer.cut, "cut to fit"),
        (transfer.may_blank, "a blank may overwrite"),
    ];
    let mut words_of: Vec<String> =
        flags.iter().filter(|(on, _)| *on).map(|(_, words)| (*words).to_owned()).collect();
    words_of.extend(transfer.when.as_ref().map(|when| format!("when {}", words(reads, when))));
    words_of
}

fn association(plan: &SyncPlan, sync: &Sync, arm: &Arm, item: &Association) -> AssociationSheet {
    let end = |object: ObjectId, end: &AssociationEnd| {
        let full = full_name(plan, object);
        let Some(object) = plan.object(object) else { return full };
        let part = match end {
            AssociationEnd::Lookup(field) => {
                object.fields.get(field.index()).map(|field| field.name.as_str())
            }
            AssociationEnd::Set(index) => object.associations.get(*index as usize).map(String::as_str),
        };
        format!("{full}.{}", part.unwrap_or("?"))
    };
    AssociationSheet {
        left: end(sync.left, &item.left),
        direction: item.direction,
        right: end(arm.right, &item.right),
        through: plan.sync(item.through).map_or_else(|| "?".to_owned(), |sync| sync.name.clone()),
        primary: item.primary,
    }
}

fn else_words(action: &Else) -> String {
    match action {
        Else::Skip => "left alone".to_owned(),
        Else::Hold => "held".to_owned(),
        Else::Fail => "quarantined".to_owned(),
        Else::To(value) => format!("becomes \"{value}\""),
    }
}

/// Both tables of a map as rows: two-way where the way back is the same.
fn pairs(
    to_right: &BTreeMap<String, String>,
    to_left: &BTreeMap<String, String>,
) -> Vec<(String, Direction, String)> {
    let mut rows = Vec::new();
    for (left, right) in to_right {
        let both = to_left.get(right) == Some(left);
        let direction = if both { Direction::Both } else { Direction::Right };
        rows.push((left.clone(), direction, right.clone()));
    }
    for (right, left) in to_left {
        if to_right.get(left) != Some(right) {
            rows.push((left.clone(), Direction::Left, right.clone()));
        }
    }
    rows
}

fn value_map(map: &ir::ValueMap) -> MapSheet {
    MapSheet {
        name: map.name.clone(),
        scope: None,
        rows: pairs(&map.to_right, &map.to_left),
        unlisted: (else_words(&map.else_right), else_words(&map.else_left)),
    }
}

fn stage_map(map: &ir::StageMap) -> MapSheet {
    let scope = match (&map.left_scope, &map.right_scope) {
        (None, None) => None,
        (left, right) => {
            let word = |scope: &Option<String>| scope.clone().unwrap_or_else(|| "any".to_owned());
            Some(format!("{} <-> {}", word(left), word(right)))
        }
    };
    MapSheet {
        name: map.name.clone(),
        scope,
        rows: pairs(&map.to_right, &map.to_left),
        unlisted: (else_words(&map.else_right), else_words(&map.else_left)),
    }
}

fn owners(plan: &SyncPlan, map: &ir::OwnerMap) -> OwnersSheet {
    let name = |id| plan.system(id).map_or_else(|| "?".to_owned(), |system| system.name.clone());
    let otherwise = |action: &OwnerElse| match action {
        OwnerElse::Hold => "held".to_owned(),
        OwnerElse::Skip => "left alone".to_owned(),
        OwnerElse::Blank => "blanked".to_owned(),
        OwnerElse::Owner(email) => format!("becomes {email}"),
    };
    OwnersSheet {
        left: name(map.left),
        right: name(map.right),
        exceptions: pairs(&map.to_right, &map.to_left),
        inactive: otherwise(&map.inactive),
        unmatched: otherwise(&map.unmatched),
    }
}

fn policy(policy: &ir::Policy) -> PolicySheet {
    let op = |op: ir::BinaryOp| match op {
        ir::BinaryOp::Less => "fewer than",
        ir::BinaryOp::LessEqual => "at most",
        ir::BinaryOp::Greater => "more than",
        ir::BinaryOp::GreaterEqual => "at least",
        ir::BinaryOp::NotEqual => "not exactly",
        _ => "exactly",
    };
    let denies = policy
        .deny_plan
        .iter()
        .map(|one| format!("a change set with {} {} {}", op(one.op), one.value, one.count));
    PolicySheet { name: policy.name.clone(), denies: denies.collect() }
}
