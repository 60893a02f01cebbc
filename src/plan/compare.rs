//! Two sync plans of one project: what the later one does differently, by what it means and not by how it is written.
//!
//! Indices differ between plans, so everything is compared in the words and tables that it comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::ir::{Arm, Create, Expr, Match, ObjectId, Row, Side, Sync, SyncPlan, Transfer};
use super::words::{Reads, visit, words};

/// What of a sync differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The sync as a whole.
    Sync,
    Filter,
    /// Match rules and routes.
    Matching,
    /// When a counterpart is made.
    Creation,
    Association,
    /// Conflicts, deletes, leaving records, guards.
    Rules,
    Row,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub sync: String,
    pub part: Part,
    /// Of rows: the row as it is written; else what it is about.
    pub name: String,
    /// `null` = it is new.
    pub before: Option<String>,
    /// `null` = it is gone.
    pub after: Option<String>,
    /// The row that there is now.
    #[serde(skip)]
    pub row: Option<RowPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlace {
    pub id: String,
    /// Its fields: `hubspot.company` and `industry`.
    pub ends: Vec<(String, String)>,
    /// It writes when a record is made, and never later.
    pub on_create: bool,
}

/// Differences in the order of syncs, parts and rows of the new plan; what is gone comes last.
pub fn differences(old: &SyncPlan, new: &SyncPlan) -> Vec<Difference> {
    let mut found = Vec::new();
    for sync in &new.syncs {
        match old.sync_named(&sync.name) {
            Some((_, before)) => of_sync((old, before), (new, sync), &mut found),
            None => found.push(whole(&sync.name, None, Some(head(new, sync)))),
        }
    }
    for sync in old.syncs.iter().filter(|sync| new.sync_named(&sync.name).is_none()) {
        found.push(whole(&sync.name, Some(head(old, sync)), None));
    }
    found
}

fn whole(sync: &str, before: Option<String>, after: Option<String>) -> Difference {
    let name = sync.to_owned();
    Difference { sync: name.clone(), part: Part::Sync, name, before, after, row: None }
}

/// `hubspot.company <-> salesforce.Account`
fn head(plan: &SyncPlan, sync: &Sync) -> String {
    let arms: Vec<String> = sync.arms.iter().map(|arm| place(plan, arm.right)).collect();
    format!("{} {} {}", place(plan, sync.left), sync.direction.symbol(), arms.join(" | "))
}

fn place(plan: &SyncPlan, object: ObjectId) -> String {
    let object = plan.object(object);
    let system = object.and_then(|object| plan.system(object.system));
    format!(
        "{}.{}",
        system.map_or("?", |system| system.name.as_str()),
        object.map_or("?", |object| object.name.as_str())
    )
}

/// What a part of a sync comes to, in words.
type Meaning = fn(&SyncPlan, &Sync) -> String;

fn of_sync(old: (&SyncPlan, &Sync), new: (&SyncPlan, &Sync), found: &mut Vec<Difference>) {
    let heads = (head(old.0, old.1), head(new.0, new.1));
    if heads.0 != heads.1 {
        found.push(whole(&new.1.name, Some(heads.0), Some(heads.1)));
    }
    let parts: [(Part, &'static str, Meaning); 4] = [
        (Part::Filter, "filter", filters),
        (Part::Matching, "match", matching),
        (Part::Creation, "create", creation),
        (Part::Association, "associate", associations),
    ];
    let meanings = parts.map(|(part, name, of)| (part, name, of(old.0, old.1), of(new.0, new.1)));
    let rules = rules(old.1).into_iter().zip(rules(new.1));
    let rules = rules.map(|((name, before), (_, after))| (Part::Rules, name, before, after));
    for (part, name, before, after) in meanings.into_iter().chain(rules) {
        if before != after {
            let some = |text: String| (!text.is_empty()).then_some(text);
            found.push(Difference {
                sync: new.1.name.clone(),
                part,
                name: name.to_owned(),
                before: some(before),
                after: some(after),
                row: None,
            });
        }
    }
    of_rows(old, new, found);
}

fn of_rows(old: (&SyncPlan, &Sync), new: (&SyncPlan, &Sync), found: &mut Vec<Difference>) {
    let (was, is) = (all_rows(old.0, old.1), all_rows(new.0, new.1));
    for (key, (row, arm, meaning)) in &is {
        let before = was.get(key);
        if before.is_some_and(|(.., known)| known == meaning) {
            continue;
        }
        // The same words and another meaning: a map behind them changed.
        let note = |(other, ..): &(&Row, &Arm, String)| {
            if other.text == row.text {
                format!("{} (a map behind it differs)", other.text)
            } else {
                other.text.clone()
            }
        };
        found.push(Difference {
            sync: new.1.name.clone(),
            part: Part::Row,
            name: row.text.clone(),
            before: before.map(note),
            after: Some(row.text.clone()),
            row: Some(row_place(new, row, arm)),
        });
    }
    for (row, ..) in was.iter().filter(|(key, _)| !is.contains_key(*key)).map(|(_, known)| known) {
        found.push(Difference {
            sync: new.1.name.clone(),
            part: Part::Row,
            name: row.text.clone(),
            before: Some(row.text.clone()),
            after: None,
            row: None,
        });
    }
}

/// By arm and id, with what they mean.
type Rows<'p> = BTreeMap<(String, String), (&'p Row, &'p Arm, String)>;

fn row_place((plan, sync): (&SyncPlan, &Sync), row: &Row, arm: &Arm) -> RowPlace {
    let ends = [(sync.left, row.left), (arm.right, row.right)].into_iter();
    let ends = ends.filter_map(|(object, field)| {
        Some((place(plan, object), plan.field_name(object, field)?.to_owned()))
    });
    let mut transfers = [&row.to_right, &row.to_left].into_iter().flatten();
    RowPlace {
        id: row.id.clone(),
        ends: ends.collect(),
        on_create: transfers.all(|transfer| transfer.on_create),
    }
}

fn all_rows<'p>(plan: &'p SyncPlan, sync: &'p Sync) -> Rows<'p> {
    let mut rows = BTreeMap::new();
    for arm in &sync.arms {
        for row in &arm.rows {
            rows.insert(
                (place(plan, arm.right), row.id.clone()),
                (row, arm, row_meaning(plan, sync, arm, row)),
            );
        }
    }
    rows
}

fn row_meaning(plan: &SyncPlan, sync: &Sync, arm: &Arm, row: &Row) -> String {
    let reads = Reads { plan, left: sync.left, right: arm.right };
    let mut text =
        format!("{:?} {:?}", plan.field_name(sync.left, row.left), plan.field_name(arm.right, row.right));
    let _ = write!(text, " {:?} {:?}", row.prefer, row.owned_by);
    for (side, transfer) in [(Side::Right, &row.to_right), (Side::Left, &row.to_left)] {
        let Some(Transfer { expr, when, if_empty, on_create, cut, may_blank }) = transfer else { continue };
        let _ = write!(text, " to {side:?}: {}", meaning(reads, expr));
        if let Some(when) = when {
            let _ = write!(text, " when {}", meaning(reads, when));
        }
        let _ = write!(text, " {if_empty} {on_create} {cut} {may_blank}");
    }
    text
}

/// The words of an expression with the tables that it looks things up in.
fn meaning(reads: Reads<'_>, expr: &Expr) -> String {
    let mut tables = BTreeSet::new();
    visit(expr, &mut |part| match part {
        Expr::MapValue { map, .. } | Expr::MapSet { map, .. } => {
            tables.extend(reads.plan.values.get(map.index()).map(|map| format!("{map:?}")));
        }
        Expr::MapStage { maps, .. } | Expr::MapScope { maps, .. } => {
            for map in maps.iter().filter_map(|map| reads.plan.stages.get(map.index())) {
                let scope = (&map.left_scope, &map.right_scope);
                tables.insert(format!(
                    "{scope:?} {:?} {:?} {:?} {:?}",
                    map.to_right, map.to_left, map.else_right, map.else_left
                ));
            }
        }
        Expr::MapOwner { map, .. } => {
            tables.extend(reads.plan.owners.get(map.index()).map(|map| format!("{map:?}")));
        }
        _ => {}
    });
    let mut text = words(reads, expr);
    for table in tables {
        let _ = write!(text, " {table}");
    }
    text
}

fn reads<'p>(plan: &'p SyncPlan, sync: &Sync) -> Reads<'p> {
    let right = sync.arms.first().map_or(sync.left, |arm| arm.right);
    Reads { plan, left: sync.left, right }
}

fn filters(plan: &SyncPlan, sync: &Sync) -> String {
    let reads = reads(plan, sync);
    let sides = [(sync.left, &sync.filter_left), (reads.right, &sync.filter_right)];
    let lines = sides.into_iter().filter_map(|(object, filter)| {
        filter.as_ref().map(|filter| format!("{}: {}", place(plan, object), words(reads, filter)))
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn matching(plan: &SyncPlan, sync: &Sync) -> String {
    let mut lines = Vec::new();
    for arm in &sync.arms {
        let reads = Reads { plan, left: sync.left, right: arm.right };
        for rule in &arm.matches {
            lines.push(match rule {
                Match::StoredId => "stored ids".to_owned(),
                Match::Matcher(name) => format!("by {name}"),
                Match::Keys { left, right, when } => {
                    let when = when.as_ref().map(|when| format!(" when {}", words(reads, when)));
                    format!("{} == {}{}", words(reads, left), words(reads, right), when.unwrap_or_default())
                }
            });
        }
    }
    for line in &sync.route {
        let to = sync.arms.get(line.arm as usize).map(|arm| place(plan, arm.right)).unwrap_or_default();
        let when = line.condition.as_ref().map_or("else".to_owned(), |when| words(reads(plan, sync), when));
        lines.push(format!("{when} -> {to}"));
    }
    lines.join("; ")
}

fn creation(plan: &SyncPlan, sync: &Sync) -> String {
    let reads = reads(plan, sync);
    let mut lines = Vec::new();
    for (object, create, vetoes) in
        [(sync.left, &sync.create_left, &sync.veto_left), (reads.right, &sync.create_right, &sync.veto_right)]
    {
        let rule = match create {
            Create::Never => "never".to_owned(),
            Create::Always => "always".to_owned(),
            Create::When(expr) => words(reads, expr),
        };
        let mut line = format!("{}: {rule}", place(plan, object));
        for veto in vetoes {
            let _ = write!(line, ", never when {}", words(reads, veto));
        }
        lines.push(line);
    }
    lines.join("; ")
}

fn associations(_: &SyncPlan, sync: &Sync) -> String {
    let all = sync.arms.iter().flat_map(|arm| &arm.associations).map(|one| one.text.as_str());
    all.collect::<Vec<_>>().join("; ")
}

/// Rules that say what happens to records, in the words of the plan file.
fn rules(sync: &Sync) -> [(&'static str, String); 5] {
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    [
        ("conflict", text(serde_json::to_string(&sync.conflict))),
        ("delete", text(serde_json::to_string(&sync.delete))),
        ("leave", text(serde_json::to_string(&sync.leave))),
        ("start", text(serde_json::to_string(&sync.start))),
        ("guard", text(serde_json::to_string(&sync.guard))),
    ]
}
