//! What the tests reach of a plan: rows per direction, conditions both ways, rows and `else` of the maps.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::interp::{Context, FilterOutcome, RowValue, SyncProgram};
use crate::plan::ir::{Direction, Else, Expr, Row, Side, Sync, SyncPlan};
use crate::record::Record;

#[derive(Debug, Serialize)]
pub struct Coverage {
    pub covered: usize,
    pub total: usize,
    pub uncovered: Vec<Gap>,
}

/// Something that no test reaches.
#[derive(Debug, Serialize)]
pub struct Gap {
    /// `row`, `condition`, `value` or `else`.
    pub kind: &'static str,
    /// Where it stands: `mappings/a.twin:12`, or the item's name.
    pub at: String,
    pub what: String,
}

/// Key of one thing to reach; ordered as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Row(String, Side),
    /// A row's `when`, met or not.
    When(String, bool),
    /// A sync's filter of a side, passed or not.
    Filter(String, Side, bool),
    /// Map name, direction, value at its source; `None` = an unlisted value.
    Value(String, Side, Option<String>),
}

pub(super) struct Recorder<'p> {
    plan: &'p SyncPlan,
    points: BTreeMap<Point, Gap>,
    reached: BTreeSet<Point>,
}

const SIDES: [Side; 2] = [Side::Right, Side::Left];

impl<'p> Recorder<'p> {
    pub fn new(plan: &'p SyncPlan) -> Self {
        let mut recorder = Recorder { plan, points: BTreeMap::new(), reached: BTreeSet::new() };
        let mut used = BTreeSet::new();
        for sync in &plan.syncs {
            recorder.sync(sync);
            for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
                recorder.row(row, &mut used);
            }
        }
        for (name, to) in used {
            recorder.map(&name, to);
        }
        recorder
    }

    fn add(&mut self, point: Point, kind: &'static str, at: &str, what: String) {
        self.points.entry(point).or_insert_with(|| Gap { kind, at: at.to_owned(), what });
    }

    fn sync(&mut self, sync: &Sync) {
        for (side, filter) in [(Side::Left, &sync.filter_left), (Side::Right, &sync.filter_right)] {
            if filter.is_none() || !goes(sync.direction, side.other()) {
                continue;
            }
            let system = match side {
                Side::Left => Some(sync.left),
                Side::Right => sync.arms.first().map(|arm| arm.right),
            };
            let system = system
                .and_then(|id| self.plan.object(id))
                .and_then(|object| self.plan.system(object.system))
                .map_or("", |system| system.name.as_str());
            for (pass, word) in [(true, "passed"), (false, "not passed")] {
                let what = format!("the filter of {system} {word}");
                let at = format!("sync {}", sync.name);
                self.add(Point::Filter(sync.name.clone(), side, pass), "condition", &at, what);
            }
        }
    }

    fn row(&mut self, row: &Row, used: &mut BTreeSet<(String, Side)>) {
        for to in SIDES {
            let transfer = if to == Side::Right { &row.to_right } else { &row.to_left };
            let Some(transfer) = transfer else { continue };
            let word = if to == Side::Right { "to the right" } else { "to the left" };
            self.add(Point::Row(row.id.clone(), to), "row", &row.at, format!("`{}` {word}", row.text));
            if transfer.when.is_some() {
                for (met, word) in [(true, "met"), (false, "not met")] {
                    let what = format!("`when` of `{}` {word}", row.text);
                    self.add(Point::When(row.id.clone(), met), "condition", &row.at, what);
                }
            }
            for map in maps(self.plan, &transfer.expr) {
                used.insert((map, to));
            }
        }
    }

    fn map(&mut self, name: &str, to: Side) {
        let found = self.plan.values.iter().find(|map| map.name == name).map(|map| {
            if to == Side::Right { (&map.to_right, &map.else_right) } else { (&map.to_left, &map.else_left) }
        });
        let found = found.or_else(|| {
            self.plan.stages.iter().find(|map| map.name == name).map(|map| match to {
                Side::Right => (&map.to_right, &map.else_right),
                Side::Left => (&map.to_left, &map.else_left),
            })
        });
        let Some((table, otherwise)) = found else { return };
        let arrow = if to == Side::Right { "->" } else { "<-" };
        for (from, value) in table.clone() {
            let (left, right) = if to == Side::Right { (&from, &value) } else { (&value, &from) };
            let what = format!("\"{left}\" {arrow} \"{right}\"");
            self.add(Point::Value(name.to_owned(), to, Some(from.clone())), "value", name, what);
        }
        let words = match otherwise {
            Else::Skip => format!("else skip, {arrow}"),
            Else::Hold => format!("else hold, {arrow}"),
            Else::Fail => format!("else fail, {arrow}"),
            Else::To(value) => format!("else {arrow} \"{value}\""),
        };
        self.add(Point::Value(name.to_owned(), to, None), "else", name, words);
    }

    /// A record of `side` went through the program.
    pub fn saw(
        &mut self,
        program: &SyncProgram<'_>,
        context: &dyn Context,
        arm: usize,
        side: Side,
        record: &Record,
        target: Option<&Record>,
    ) {
        let passed = match program.filter(context, side, record) {
            FilterOutcome::In => true,
            FilterOutcome::Out => false,
            FilterOutcome::Unclear(_) => return,
        };
        self.reached.insert(Point::Filter(program.sync.name.clone(), side, passed));
        let to = side.other();
        let Some(arm) = program.sync.arms.get(arm).filter(|_| passed) else { return };
        for row in &arm.rows {
            let transfer = if to == Side::Right { &row.to_right } else { &row.to_left };
            let Some(transfer) = transfer else { continue };
            let outcome = program.transfer(context, row, arm, to, record, target);
            if transfer.when.is_some() {
                let met = outcome != RowValue::Skip("when");
                self.reached.insert(Point::When(row.id.clone(), met));
            }
            match outcome {
                RowValue::Skip("when") => continue,
                RowValue::Value(value) if !value.is_blank() => {
                    self.reached.insert(Point::Row(row.id.clone(), to));
                }
                _ => {}
            }
            self.look_ups(program, context, side, record, &transfer.expr);
        }
    }

    /// The entries of value and stage maps that an expression looks up.
    fn look_ups(
        &mut self,
        program: &SyncProgram<'_>,
        context: &dyn Context,
        side: Side,
        record: &Record,
        expr: &Expr,
    ) {
        let (names, value) = match expr {
            Expr::MapValue { value, .. } | Expr::MapSet { value, .. } => (maps(self.plan, expr), value),
            Expr::MapStage { value, .. } => (maps(self.plan, expr), value),
            Expr::Call { args, .. } => {
                for arg in args {
                    self.look_ups(program, context, side, record, arg);
                }
                return;
            }
            Expr::Let { value, .. } | Expr::Convert { value, .. } => {
                return self.look_ups(program, context, side, record, value);
            }
            _ => return,
        };
        let Ok(found) = program.value(context, side, record, value) else { return };
        if found.is_blank() {
            return;
        }
        let text = found.to_string();
        let to = side.other();
        let listed = |name: &String| {
            let point = Point::Value(name.clone(), to, Some(text.clone()));
            self.points.contains_key(&point).then_some(point)
        };
        // The first map of a list that has the value takes it; else the first one's `else` speaks.
        let point = names.iter().find_map(listed).or_else(|| {
            let first = names.first()?;
            Some(Point::Value(first.clone(), to, None))
        });
        self.reached.extend(point);
    }

    pub fn finish(self) -> Coverage {
        let total = self.points.len();
        let uncovered: Vec<Gap> = self
            .points
            .into_iter()
            .filter(|(point, _)| !self.reached.contains(point))
            .map(|(_, gap)| gap)
            .collect();
        Coverage { covered: total - uncovered.len(), total, uncovered }
    }
}

fn goes(direction: Direction, to: Side) -> bool {
    if to == Side::Right { direction.goes_right() } else { direction.goes_left() }
}

/// Names of the maps that an expression looks a value up in.
fn maps(plan: &SyncPlan, expr: &Expr) -> Vec<String> {
    match expr {
        Expr::MapValue { map, value, .. } | Expr::MapSet { map, value, .. } => {
            let name = plan.values.get(map.index()).map(|map| map.name.clone());
            name.into_iter().chain(maps(plan, value)).collect()
        }
        Expr::MapStage { maps, .. } => {
            maps.iter().filter_map(|id| plan.stages.get(id.index())).map(|map| map.name.clone()).collect()
        }
        Expr::Let { value, .. } | Expr::Convert { value, .. } => maps(plan, value),
        Expr::Call { args, .. } => args.iter().flat_map(|arg| maps(plan, arg)).collect(),
        _ => Vec::new(),
    }
}
