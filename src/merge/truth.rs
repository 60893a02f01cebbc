//! What a row does in every situation that matters, found by merging sample records: its truth table.
//!
//! Invariant: the table is the merge's own answer, not a description of it. The row's `when` is taken as true, filters
//! as passed. Situations that the row's values can't show (two checkboxes have no third value) are left out.

use super::pair::{Merger, Pair};
use crate::interp::{Context, RowValue, SyncProgram};
use crate::plan::ir::{Arm, Expr, FieldId, ObjectId, Row, Side, SyncId, SyncPlan};
use crate::plan::words::visit;
use crate::record::{HistoryEntry, Record, RecordId};
use crate::schema::FieldType;
use crate::state::Bases;
use crate::value::{Millis, Value};

/// One situation and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Case {
    pub situation: &'static str,
    pub outcome: Outcome,
    /// The merge's word for why; empty where nothing is written.
    pub rule: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Nothing,
    WritesLeft,
    WritesRight,
    BlanksLeft,
    BlanksRight,
    /// A person decides.
    Held,
}

/// When the last agreed value was taken, and an hour later.
const AGREED: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// Two edits: on the left, on the right; `None` = as agreed.
struct Situation {
    name: &'static str,
    /// Which of the agreed pairs each side shows: 0 = blank, 1 = the agreed one, 2 and 3 = others.
    left: usize,
    right: usize,
    first: bool,
    /// When each side was edited, in milliseconds after the agreement.
    edited: (i64, i64),
}

const fn at_first(name: &'static str, left: usize, right: usize) -> Situation {
    Situation { name, left, right, first: true, edited: (0, 0) }
}

const fn later(name: &'static str, left: usize, right: usize, edited: (i64, i64)) -> Situation {
    Situation { name, left, right, first: false, edited }
}

const SITUATIONS: [Situation; 12] = [
    at_first("first sync, only LEFT has a value", 1, 0),
    at_first("first sync, only RIGHT has a value", 0, 1),
    at_first("first sync, two values", 1, 2),
    later("changed in LEFT", 2, 1, (HOUR, 0)),
    later("changed in RIGHT", 1, 2, (0, HOUR)),
    later("changed in both at the same time", 2, 3, (HOUR, HOUR)),
    later("changed in both, LEFT an hour later", 2, 3, (3 * HOUR, 2 * HOUR)),
    later("changed in both, RIGHT an hour later", 2, 3, (2 * HOUR, 3 * HOUR)),
    later("cleared in LEFT", 0, 1, (HOUR, 0)),
    later("cleared in RIGHT", 1, 0, (0, HOUR)),
    later("cleared in LEFT, changed in RIGHT an hour later", 0, 2, (2 * HOUR, 3 * HOUR)),
    later("changed in LEFT, cleared in RIGHT an hour later", 2, 0, (2 * HOUR, 3 * HOUR)),
];

/// The truth table of one row of a sync's arm; empty where no sample fits the row.
pub fn table(plan: &SyncPlan, sync: SyncId, arm: usize, row: &Row) -> Vec<Case> {
    let plan = alone(plan, sync, arm, row);
    let Some(program) = SyncProgram::new(&plan, sync) else { return Vec::new() };
    let Some((at, row)) = program.sync.arms.get(arm).and_then(|at| Some((at, at.rows.first()?))) else {
        return Vec::new();
    };
    let desk = Desk { plan: &plan, program: &program, arm: at, row };
    let samples = desk.samples();
    let cases = SITUATIONS.iter().filter_map(|situation| desk.case(arm, situation, &samples));
    cases.collect()
}

/// The plan with this row as the arm's only one, its conditions gone.
fn alone(plan: &SyncPlan, sync: SyncId, arm: usize, row: &Row) -> SyncPlan {
    let mut plan = plan.clone();
    let mut row = row.clone();
    for transfer in [&mut row.to_right, &mut row.to_left].into_iter().flatten() {
        transfer.when = None;
    }
    if let Some(arm) = plan.syncs.get_mut(sync.index()).and_then(|sync| sync.arms.get_mut(arm)) {
        arm.rows = vec![row];
    }
    plan
}

struct Desk<'d> {
    plan: &'d SyncPlan,
    program: &'d SyncProgram<'d>,
    arm: &'d Arm,
    row: &'d Row,
}

impl Desk<'_> {
    fn case(&self, arm: usize, situation: &Situation, samples: &[(Value, Value)]) -> Option<Case> {
        let pair = |number: usize| match number {
            0 => Some((Value::Null, Value::Null)),
            number => samples.get(number - 1).cloned(),
        };
        let (left_value, right_value) = (pair(situation.left)?.0, pair(situation.right)?.1);
        let left = self.record(Side::Left, left_value, situation.edited.0);
        let right = self.record(Side::Right, right_value, situation.edited.1);
        let mut bases = Bases::default();
        bases.rows.insert(self.row.id.clone(), pair(1)?);
        let direction = self.program.sync.direction;
        let stamp = Some(Millis(AGREED));
        // An edit in Salesforce is known to lie between two stamps: the sample's is as exact as HubSpot's.
        let (left_stamp, right_stamp) = (exact(&left, stamp), exact(&right, stamp));
        let merged = Merger { program: self.program, context: &Samples }.merge(&Pair {
            arm,
            left: &left,
            right: &right,
            bases: (!situation.first).then_some(&bases),
            stamps: (left_stamp, right_stamp),
            may_write: (direction.goes_left(), direction.goes_right()),
            offsets: (0, 0),
            clock_error: 0,
            decided: None,
            calls: None,
        });
        let (outcome, rule) = match (merged.writes.first(), merged.held.first()) {
            (Some(write), _) => {
                let outcome = match (write.side, write.after.is_blank()) {
                    (Side::Left, false) => Outcome::WritesLeft,
                    (Side::Right, false) => Outcome::WritesRight,
                    (Side::Left, true) => Outcome::BlanksLeft,
                    (Side::Right, true) => Outcome::BlanksRight,
                };
                (outcome, write.rule.to_owned())
            }
            (None, Some(held)) => (Outcome::Held, held.detail.clone()),
            (None, None) => (Outcome::Nothing, String::new()),
        };
        Some(Case { situation: situation.name, outcome, rule })
    }

    fn object(&self, side: Side) -> ObjectId {
        if side == Side::Left { self.program.sync.left } else { self.arm.right }
    }

    fn field(&self, side: Side) -> Option<FieldId> {
        if side == Side::Left { self.row.left } else { self.row.right }
    }

    /// A record with this value in the row's field, or in the first field that the row's expression reads.
    fn record(&self, side: Side, value: Value, edited: i64) -> Record {
        let fields = self.plan.object(self.object(side)).map_or(0, |object| object.fields.len());
        let mut record = Record::new(RecordId::new("sample"), vec![Some(Value::Null); fields]);
        let at = Millis(AGREED + edited);
        record.modified = Some(at);
        for (field, scope) in self.scopes(side) {
            set(&mut record, field, Value::text(scope));
        }
        if let Some(field) = self.field(side).or_else(|| self.reads(side)) {
            let object = self.plan.object(self.object(side));
            if let Some(field) = object.and_then(|object| object.fields.get(field.index())) {
                let entry = HistoryEntry {
                    value: value.clone(),
                    at,
                    source: "CRM_UI".to_owned(),
                    source_id: String::new(),
                };
                record.history.insert(field.name.clone(), vec![entry]);
            }
            set(&mut record, field, value);
        }
        record
    }

    /// Pipelines and record types of the row's first stage map.
    fn scopes(&self, side: Side) -> Vec<(FieldId, &str)> {
        let mut found = Vec::new();
        for transfer in [&self.row.to_right, &self.row.to_left].into_iter().flatten() {
            visit(&transfer.expr, &mut |part| {
                if let Expr::MapStage { maps, .. } | Expr::MapScope { maps, .. } = part {
                    let map = maps.first().and_then(|map| self.plan.stages.get(map.index()));
                    found.extend(map.and_then(|map| match side {
                        Side::Left => Some((map.left_scope_field?, map.left_scope.as_deref()?)),
                        Side::Right => Some((map.right_scope_field?, map.right_scope.as_deref()?)),
                    }));
                }
            });
        }
        found
    }

    fn reads(&self, side: Side) -> Option<FieldId> {
        let transfer = if side == Side::Left { &self.row.to_right } else { &self.row.to_left };
        let mut read = None;
        visit(&transfer.as_ref()?.expr, &mut |part| {
            if let Expr::Field { side: at, field } = part
                && *at == side
            {
                read.get_or_insert(*field);
            }
        });
        read
    }

    /// Up to three pairs of values that mean the same under the row, all different.
    fn samples(&self) -> Vec<(Value, Value)> {
        let to = if self.row.to_right.is_some() { Side::Right } else { Side::Left };
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        for value in self.candidates(to.other()) {
            let source = self.record(to.other(), value.clone(), 0);
            let sent = self.program.transfer(&Samples, self.row, self.arm, to, &source, None);
            let RowValue::Value(other) = sent else { continue };
            if other.is_blank() || value.is_blank() {
                continue;
            }
            let (left, right) = if to == Side::Right { (value, other) } else { (other, value) };
            let back = self.row.to_right.is_some() && self.row.to_left.is_some();
            let new = pairs.iter().all(|(a, b)| *a != left && *b != right);
            if new && (!back || self.comes_back(&left, &right)) {
                pairs.push((left, right));
            }
            if pairs.len() == 3 {
                break;
            }
        }
        pairs
    }

    fn comes_back(&self, left: &Value, right: &Value) -> bool {
        let source = self.record(Side::Right, right.clone(), 0);
        let back = self.program.transfer(&Samples, self.row, self.arm, Side::Left, &source, None);
        matches!(back, RowValue::Value(value) if crate::interp::same(&value, left))
    }

    /// Values that a side's field may hold: of the maps on its way, of its options, of its type.
    fn candidates(&self, side: Side) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        let transfer = if side == Side::Left { &self.row.to_right } else { &self.row.to_left };
        if let Some(transfer) = transfer {
            visit(&transfer.expr, &mut |part| match part {
                Expr::MapValue { map, to, .. } | Expr::MapSet { map, to, .. } => {
                    if let Some(map) = self.plan.values.get(map.index()) {
                        let table = if *to == Side::Right { &map.to_right } else { &map.to_left };
                        found.extend(table.keys().map(|key| Value::text(key.as_str())));
                    }
                }
                Expr::MapStage { maps, to, .. } => {
                    if let Some(map) = maps.first().and_then(|map| self.plan.stages.get(map.index())) {
                        let table = if *to == Side::Right { &map.to_right } else { &map.to_left };
                        found.extend(table.keys().map(|key| Value::text(key.as_str())));
                    }
                }
                _ => {}
            });
        }
        let field = self.field(side).or_else(|| self.reads(side));
        let Some(field) = self.plan.field(self.object(side), field) else { return found };
        found.extend(field.options.iter().map(|option| Value::text(option.as_str())));
        found.extend(typical(&field.ty));
        if field.ty == FieldType::Options {
            found = found.into_iter().map(|value| Value::set([value.to_string()])).collect();
        }
        found
    }
}

fn set(record: &mut Record, field: FieldId, value: Value) {
    if let Some(slot) = record.slots.get_mut(field.index()) {
        *slot = Some(value);
    }
}

/// The stamp that makes the interval of an edit a point.
fn exact(record: &Record, agreed: Option<Millis>) -> Option<Millis> {
    record.modified.max(agreed)
}

fn typical(ty: &FieldType) -> Vec<Value> {
    let texts = |all: [&str; 3]| all.map(Value::text).to_vec();
    match ty {
        FieldType::Email => texts(["a@one.example", "b@two.example", "c@three.example"]),
        FieldType::Url => texts(["https://one.example", "https://two.example", "https://three.example"]),
        FieldType::Phone => texts(["+390211111111", "+390222222222", "+390233333333"]),
        FieldType::Bool => vec![Value::Bool(true), Value::Bool(false)],
        FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) => {
            [1, 2, 3].map(|number| Value::Number(number.into())).to_vec()
        }
        FieldType::Percent { .. } => {
            [1, 2, 3].map(|n| Value::Number(rust_decimal::Decimal::new(n, 1))).to_vec()
        }
        FieldType::Date => {
            (1..=3).filter_map(|day| jiff::civil::Date::new(2026, 1, day).ok()).map(Value::Date).collect()
        }
        FieldType::DateTime => {
            [0, 1, 2].map(|day| Value::DateTime(Millis(1_767_225_600_000 + day * 86_400_000))).to_vec()
        }
        FieldType::Text { .. } | FieldType::LongText { .. } => {
            texts(["one.example", "two.example", "three.example"])
        }
        _ => texts(["1", "2", "3"]),
    }
}

/// Everybody is known on both sides by one id.
struct Samples;

impl Context for Samples {
    fn owner(&self, _: crate::plan::ir::OwnersId, _: Side, id: &str) -> crate::interp::Lookup {
        crate::interp::Lookup::Found(id.into())
    }

    fn linked_id(&self, _: SyncId, _: Side, id: &str) -> crate::interp::Lookup {
        crate::interp::Lookup::Found(id.into())
    }

    fn is_linked(&self, _: SyncId, _: Option<u32>, _: &Record) -> bool {
        true
    }

    fn is_linked_to_private(&self, _: SyncId, _: &Record) -> bool {
        false
    }

    fn in_list(&self, _: &str, _: &Record) -> bool {
        true
    }

    fn associated(&self, _: ObjectId, _: &Record) -> Vec<Record> {
        Vec::new()
    }
}
