//! Three-way merge of one linked pair, row by row.
//!
//! `changed` compares a side with its own base; agreement is asked of the mapping, never of plain equality. A value
//! that was not in the answer says nothing. Both sides edited within the window is a conflict; uncertainty about
//! when an edit was made counts towards conflict.

use std::collections::{BTreeMap, BTreeSet};

use crate::interp::{Context, RowValue, SyncProgram, same};
use crate::plan::ir::{Arm, Conflict, FieldId, ObjectId, Row, Side, Transfer};
use crate::record::Record;
use crate::schema::SystemKind;
use crate::state::Bases;
use crate::value::{Millis, Value};

/// Why a field is held that was edited on both sides: a person decides.
pub const CONFLICT: &str = "conflict";

/// What is known of a pair.
pub struct Pair<'a> {
    pub arm: usize,
    pub left: &'a Record,
    pub right: &'a Record,
    /// `None` = the pair was just recognised.
    pub bases: Option<&'a Bases>,
    /// Change stamps of the records when the bases were taken.
    pub stamps: (Option<Millis>, Option<Millis>),
    /// Whether a side may be written now: the head's direction, and the other side passes its filter.
    pub may_write: (bool, bool),
    /// What the two servers' clocks show more than ours, in milliseconds.
    pub offsets: (i64, i64),
    /// How wrong those may be.
    pub clock_error: i64,
    pub decided: Option<Decided<'a>>,
    /// What was decided of rows (by id) whose fields more than two systems share; the others are decided here.
    pub calls: Option<&'a BTreeMap<String, Call>>,
}

impl Pair<'_> {
    fn undone(&self, row: &Row) -> Option<&Value> {
        self.bases?.undone.get(&row.id)
    }
}

/// What is to become of a row, decided among all systems that share its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Nobody changed it, or both sides have it from one place.
    Rest,
    /// The value of this side travels.
    From(Side, &'static str),
    /// A person decides.
    Hold(String),
}

/// What a person decided about the conflicts of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<'a> {
    pub winner: Side,
    /// Ids of the rows that it is about; `None` = all of them.
    pub rows: Option<&'a BTreeSet<String>>,
}

/// A field to write.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldWrite {
    pub row: String,
    pub side: Side,
    pub field: FieldId,
    pub before: Value,
    pub after: Value,
    pub source: Option<FieldId>,
    pub source_value: Value,
    /// In words: `first sync: blank filled`, `conflict: hubspot wins`.
    pub rule: &'static str,
    pub conflict: bool,
    /// Somebody wrote `before` since the last agreed value, and it is overwritten now.
    pub loses_edit: bool,
}

impl FieldWrite {
    /// The rule with the systems' own names in it.
    pub fn rule_words(&self, left: &str, right: &str) -> String {
        let winner = if self.side == Side::Right { left } else { right };
        let rule = self.rule.replace("on the left", &format!("in {left}"));
        rule.replace("on the right", &format!("in {right}"))
            .replace("the winner stands", &format!("{winner} wins"))
            .replace("the later edit stands", &format!("{winner} was later"))
    }
}

/// A field that is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub side: Side,
    pub field: String,
    pub reason: &'static str,
    pub detail: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairOutcome {
    pub writes: Vec<FieldWrite>,
    /// Rows that agree as they stand: their new bases.
    pub settled: Vec<(String, (Value, Value))>,
    pub held: Vec<Held>,
    /// The record is left alone in this direction.
    pub skipped: Vec<(Side, &'static str)>,
    /// Fields with edits on both sides whose history would tell the time.
    pub wants_history: Vec<(Side, String)>,
    /// A field was not in the answer: its row was left alone.
    pub absent: bool,
}

/// What one row comes to.
enum Verdict {
    Settled,
    Nothing,
    Write(Side, &'static str, Edits),
    Hold(Side, &'static str, String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edits {
    /// The target was not touched since the last agreed value.
    One,
    /// Both were, at clearly different times, or a rule decides without asking when.
    Both,
    Conflict,
}

pub struct Merger<'m, 'p> {
    pub program: &'m SyncProgram<'p>,
    pub context: &'m dyn Context,
}

impl Merger<'_, '_> {
    pub fn merge(&self, pair: &Pair<'_>) -> PairOutcome {
        let mut out = PairOutcome::default();
        let Some(arm) = self.program.sync.arms.get(pair.arm) else { return out };
        for row in &arm.rows {
            self.row(pair, arm, row, &mut out);
        }
        // A record that is skipped in a direction gets none of its fields.
        let skipped = out.skipped.clone();
        out.writes.retain(|write| !skipped.iter().any(|(side, _)| *side == write.side));
        out.skipped.dedup();
        out
    }

    fn row(&self, pair: &Pair<'_>, arm: &Arm, row: &Row, out: &mut PairOutcome) {
        let (left, right) = (slot(pair.left, row.left), slot(pair.right, row.right));
        if row.left.is_some() && left.is_none() || row.right.is_some() && right.is_none() {
            out.absent = true;
            return;
        }
        let call = pair.calls.and_then(|calls| calls.get(&row.id));
        let verdict = match (&row.to_right, &row.to_left) {
            _ if matches!(call, Some(Call::Hold(_))) => self.called(pair, arm, row, call),
            (Some(transfer), None) => self.one_way(pair, arm, row, Side::Right, transfer, out),
            (None, Some(transfer)) => self.one_way(pair, arm, row, Side::Left, transfer, out),
            (Some(_), Some(_)) => self.two_way(pair, arm, row, call, out),
            (None, None) => Verdict::Nothing,
        };
        match verdict {
            Verdict::Settled => {
                let bases = (left.unwrap_or(Value::Null), right.unwrap_or(Value::Null));
                if pair.bases.and_then(|known| known.rows.get(&row.id)) != Some(&bases) {
                    out.settled.push((row.id.clone(), bases));
                }
            }
            Verdict::Nothing => {}
            Verdict::Write(side, rule, edits) => self.write(pair, arm, row, side, rule, edits, out),
            Verdict::Hold(side, reason, detail) => {
                out.held.push(Held { side, field: self.field_name(arm, row, side), reason, detail });
            }
        }
    }

    fn one_way(
        &self,
        pair: &Pair<'_>,
        arm: &Arm,
        row: &Row,
        to: Side,
        transfer: &Transfer,
        out: &mut PairOutcome,
    ) -> Verdict {
        let (source, target) = sides(pair, to);
        let field = if to == Side::Right { row.right } else { row.left };
        let current = slot(target, field).unwrap_or(Value::Null);
        if !may_write(pair, to) || transfer.on_create {
            return Verdict::Nothing;
        }
        match self.program.transfer(self.context, row, arm, to, source, Some(target)) {
            RowValue::Value(value) if same(&value, &current) => Verdict::Settled,
            // Taken back by a person: it stays so until the source has another one.
            RowValue::Value(value) if pair.undone(row).is_some_and(|undone| same(undone, &value)) => {
                Verdict::Nothing
            }
            RowValue::Value(value) => {
                if transfer.if_empty && !current.is_blank() || value.is_blank() && !transfer.may_blank {
                    return Verdict::Settled;
                }
                let touched =
                    pair.bases.and_then(|bases| bases.rows.get(&row.id)).is_some_and(|(left, right)| {
                        !same(if to == Side::Right { right } else { left }, &current)
                    });
                let first = pair.bases.is_none_or(|bases| !bases.rows.contains_key(&row.id));
                let edits = if touched { Edits::Both } else { Edits::One };
                let rule = match (first, touched) {
                    (true, _) if current.is_blank() => "first sync: blank filled",
                    (true, _) => "first sync: one-way, the source stands",
                    (false, true) => "one-way: the source stands",
                    (false, false) => "changed at the source",
                };
                Verdict::Write(to, rule, edits)
            }
            other => stopped(other, to, out),
        }
    }

    /// What was decided among all systems.
    fn called(&self, pair: &Pair<'_>, arm: &Arm, row: &Row, call: Option<&Call>) -> Verdict {
        match call {
            Some(Call::From(side, rule)) => Verdict::Write(side.other(), rule, Edits::One),
            Some(Call::Hold(why))
                if !self.program.consistent(self.context, row, arm, pair.left, pair.right) =>
            {
                let (left, right) = (value_of(pair, row, Side::Left), value_of(pair, row, Side::Right));
                Verdict::Hold(Side::Left, CONFLICT, format!("{why}: {}", self.both(pair.arm, &left, &right)))
            }
            _ => Verdict::Nothing,
        }
    }

    fn two_way(
        &self,
        pair: &Pair<'_>,
        arm: &Arm,
        row: &Row,
        call: Option<&Call>,
        out: &mut PairOutcome,
    ) -> Verdict {
        let (left, right) = (
            slot(pair.left, row.left).unwrap_or(Value::Null),
            slot(pair.right, row.right).unwrap_or(Value::Null),
        );
        if self.program.consistent(self.context, row, arm, pair.left, pair.right)
            && left.is_blank() == right.is_blank()
        {
            // A stage that is not mapped has no counterpart to agree with: the record waits.
            return if self.unmapped(pair, arm, row, out) { Verdict::Nothing } else { Verdict::Settled };
        }
        if call.is_some() {
            return self.called(pair, arm, row, call);
        }
        let base = pair.bases.and_then(|bases| bases.rows.get(&row.id));
        let verdict = match base {
            None => self.first_link(row, &left, &right),
            Some((base_left, base_right)) => match (!same(base_left, &left), !same(base_right, &right)) {
                (false, false) => Verdict::Nothing,
                (true, false) => self.propagate(pair, row, Side::Left, Edits::One),
                (false, true) => self.propagate(pair, row, Side::Right, Edits::One),
                (true, true) => self.both_changed(pair, row, out),
            },
        };
        let Verdict::Hold(side, CONFLICT, why) = verdict else { return verdict };
        if let Some(decided) = &pair.decided
            && decided.rows.as_ref().is_none_or(|rows| rows.contains(&row.id))
        {
            let rule = "decided by a person: the winner stands";
            return Verdict::Write(decided.winner.other(), rule, Edits::Both);
        }
        Verdict::Hold(side, CONFLICT, format!("{why}: {}", self.both(pair.arm, &left, &right)))
    }

    /// What the two sides hold, for whoever decides.
    fn both(&self, arm: usize, left: &Value, right: &Value) -> String {
        let name = |side| {
            let plan = self.program.plan;
            let object = self.object(arm, side).and_then(|object| plan.object(object));
            object.and_then(|object| plan.system(object.system)).map_or("?", |system| system.name.as_str())
        };
        let [left, right] = [(Side::Left, left), (Side::Right, right)].map(|(side, value)| {
            let value = if value.is_blank() { "nothing".to_owned() } else { format!("`{value}`") };
            format!("{} has {value}", name(side))
        });
        format!("{left}, {right}")
    }

    /// Both sides can say nothing to each other because a stage map leaves the record out.
    fn unmapped(&self, pair: &Pair<'_>, arm: &Arm, row: &Row, out: &mut PairOutcome) -> bool {
        let mut found = false;
        for to in [Side::Right, Side::Left] {
            let (source, target) = sides(pair, to);
            if let RowValue::SkipRecord(reason) =
                self.program.transfer(self.context, row, arm, to, source, Some(target))
            {
                out.skipped.push((to, reason));
                found = true;
            }
        }
        found
    }

    fn first_link(&self, row: &Row, left: &Value, right: &Value) -> Verdict {
        if left.is_blank() {
            return Verdict::Write(Side::Left, "first sync: blank filled", Edits::One);
        }
        if right.is_blank() {
            return Verdict::Write(Side::Right, "first sync: blank filled", Edits::One);
        }
        match row.owned_by.or(row.prefer).or(self.winner()) {
            Some(winner) => Verdict::Write(winner.other(), "first sync: the winner stands", Edits::Both),
            None => {
                Verdict::Hold(Side::Left, CONFLICT, "both sides had a value when they were linked".into())
            }
        }
    }

    fn winner(&self) -> Option<Side> {
        match self.program.sync.conflict {
            Conflict::Winner { side, .. } => Some(side),
            Conflict::Newest => Some(Side::Left),
            Conflict::Hold => None,
        }
    }

    /// `from` changed alone: its value travels, unless the other side owns the field.
    fn propagate(&self, pair: &Pair<'_>, row: &Row, from: Side, edits: Edits) -> Verdict {
        if let Some(owner) = row.owned_by
            && owner != from
            && !value_of(pair, row, owner).is_blank()
        {
            return Verdict::Write(from, "owned: the owner's value stands", Edits::Both);
        }
        let rule = if from == Side::Left { "changed on the left" } else { "changed on the right" };
        Verdict::Write(from.other(), rule, edits)
    }

    fn both_changed(&self, pair: &Pair<'_>, row: &Row, out: &mut PairOutcome) -> Verdict {
        if let Some(owner) = row.owned_by {
            let from = if value_of(pair, row, owner).is_blank() { owner.other() } else { owner };
            return Verdict::Write(from.other(), "owned: the owner's value stands", Edits::Both);
        }
        let (left, right) = (self.edited(pair, row, Side::Left), self.edited(pair, row, Side::Right));
        for (side, interval) in [(Side::Left, &left), (Side::Right, &right)] {
            if let Interval::Ask(field) = interval {
                out.wants_history.push((side, field.clone()));
            }
        }
        let gap = match (&left, &right) {
            (Interval::Known(a, b), Interval::Known(c, d)) => Some((c.0 - b.0).max(a.0 - d.0).max(0)),
            _ => None,
        };
        let later = match (&left, &right) {
            (Interval::Known(a, _), Interval::Known(_, d)) if a.0 > d.0 + pair.clock_error => {
                Some(Side::Left)
            }
            (Interval::Known(_, b), Interval::Known(c, _)) if c.0 > b.0 + pair.clock_error => {
                Some(Side::Right)
            }
            _ => None,
        };
        let prefer = row.prefer;
        match self.program.sync.conflict {
            Conflict::Hold => Verdict::Hold(Side::Left, CONFLICT, "edited on both sides".into()),
            Conflict::Newest => match later.or(prefer) {
                Some(side) => Verdict::Write(side.other(), "both edited: the later edit stands", Edits::Both),
                None => {
                    Verdict::Hold(Side::Left, CONFLICT, "edited on both sides at about the same time".into())
                }
            },
            Conflict::Winner { side, window } => {
                let inside = gap.is_none_or(|gap| gap <= window.saturating_add(pair.clock_error));
                match later {
                    Some(later) if !inside => {
                        Verdict::Write(later.other(), "both edited: the later edit stands", Edits::Both)
                    }
                    _ => Verdict::Write(
                        prefer.unwrap_or(side).other(),
                        "conflict within the window: the winner stands",
                        Edits::Conflict,
                    ),
                }
            }
        }
    }

    /// When the side's value was edited since the base, by our own clock.
    pub fn edited(&self, pair: &Pair<'_>, row: &Row, side: Side) -> Interval {
        let offset = if side == Side::Left { pair.offsets.0 } else { pair.offsets.1 };
        self.interval(pair, row, side).moved(-offset)
    }

    /// When it was edited by its server's clock: exact with a history, else since the base was taken.
    fn interval(&self, pair: &Pair<'_>, row: &Row, side: Side) -> Interval {
        let (record, stamp) =
            if side == Side::Left { (pair.left, pair.stamps.0) } else { (pair.right, pair.stamps.1) };
        let object = self.object(pair.arm, side);
        let plan = self.program.plan;
        let system = object.and_then(|id| plan.object(id)).and_then(|object| plan.system(object.system));
        if system.is_some_and(|system| system.kind == SystemKind::Hubspot) {
            let field = if side == Side::Left { row.left } else { row.right };
            if let Some(name) = object.and_then(|object| plan.field_name(object, field)) {
                match record.history.get(name) {
                    Some(entries) => {
                        if let Some(newest) = entries.iter().map(|entry| entry.at).max() {
                            return Interval::Known(newest, newest);
                        }
                    }
                    None => return Interval::Ask(name.to_owned()),
                }
            }
        }
        match (record.modified, stamp) {
            (Some(modified), Some(stamp)) => Interval::Known(stamp.min(modified), modified),
            _ => Interval::Unknown,
        }
    }

    fn object(&self, arm: usize, side: Side) -> Option<ObjectId> {
        match side {
            Side::Left => Some(self.program.sync.left),
            Side::Right => self.program.sync.arms.get(arm).map(|arm| arm.right),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place that turns a verdict into a write")]
    fn write(
        &self,
        pair: &Pair<'_>,
        arm: &Arm,
        row: &Row,
        to: Side,
        rule: &'static str,
        edits: Edits,
        out: &mut PairOutcome,
    ) {
        let (source, target) = sides(pair, to);
        let (field, source_field) =
            if to == Side::Right { (row.right, row.left) } else { (row.left, row.right) };
        let transfer = if to == Side::Right { &row.to_right } else { &row.to_left };
        let (Some(field), Some(transfer)) = (field, transfer) else { return };
        let current = value_of(pair, row, to);
        let agreed_as_it_stands = |out: &mut PairOutcome| {
            out.settled
                .push((row.id.clone(), (value_of(pair, row, Side::Left), value_of(pair, row, Side::Right))));
        };
        if !may_write(pair, to) {
            return;
        }
        match self.program.transfer(self.context, row, arm, to, source, Some(target)) {
            RowValue::Value(value) if same(&value, &current) => agreed_as_it_stands(out),
            RowValue::Value(value) => {
                let keeps = transfer.on_create
                    || transfer.if_empty && !current.is_blank()
                    || value.is_blank() && !transfer.may_blank;
                if keeps {
                    return agreed_as_it_stands(out);
                }
                out.writes.push(FieldWrite {
                    row: row.id.clone(),
                    side: to,
                    field,
                    before: current,
                    after: value,
                    source: source_field,
                    source_value: value_of(pair, row, to.other()),
                    rule,
                    conflict: edits == Edits::Conflict,
                    loses_edit: edits != Edits::One,
                });
            }
            other => {
                if let Verdict::Hold(side, reason, detail) = stopped(other, to, out) {
                    out.held.push(Held { side, field: self.field_name(arm, row, side), reason, detail });
                }
            }
        }
    }

    fn field_name(&self, arm: &Arm, row: &Row, side: Side) -> String {
        let (object, field) =
            if side == Side::Left { (self.program.sync.left, row.left) } else { (arm.right, row.right) };
        self.program.plan.field_name(object, field).unwrap_or_default().to_owned()
    }

    /// The fields of a record to be made on side `to` from `source`.
    pub fn create(&self, arm_index: usize, to: Side, source: &Record) -> PairOutcome {
        let mut out = PairOutcome::default();
        let Some(arm) = self.program.sync.arms.get(arm_index) else { return out };
        for row in &arm.rows {
            let (field, source_field) =
                if to == Side::Right { (row.right, row.left) } else { (row.left, row.right) };
            let transfer = if to == Side::Right { &row.to_right } else { &row.to_left };
            let (Some(field), Some(_)) = (field, transfer) else { continue };
            match self.program.transfer(self.context, row, arm, to, source, None) {
                RowValue::Value(value) if value.is_blank() => {}
                RowValue::Value(value) => out.writes.push(FieldWrite {
                    row: row.id.clone(),
                    side: to,
                    field,
                    before: Value::Null,
                    after: value,
                    source: source_field,
                    source_value: slot(source, source_field).unwrap_or(Value::Null),
                    rule: "created",
                    conflict: false,
                    loses_edit: false,
                }),
                other => {
                    if let Verdict::Hold(side, reason, detail) = stopped(other, to, &mut out) {
                        out.held.push(Held { side, field: self.field_name(arm, row, side), reason, detail });
                    }
                }
            }
        }
        out
    }
}

/// When an edit was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interval {
    Known(Millis, Millis),
    /// The history of this field would tell.
    Ask(String),
    Unknown,
}

impl Interval {
    fn moved(self, by: i64) -> Interval {
        match self {
            Interval::Known(from, to) => Interval::Known(from.plus(by), to.plus(by)),
            other => other,
        }
    }
}

fn stopped(value: RowValue, to: Side, out: &mut PairOutcome) -> Verdict {
    match value {
        RowValue::SkipRecord(reason) => {
            out.skipped.push((to, reason));
            Verdict::Nothing
        }
        RowValue::Hold(why) => Verdict::Hold(to, "held", why),
        RowValue::Fail(why) => Verdict::Hold(to, "failed", why),
        RowValue::Skip(_) | RowValue::Value(_) => Verdict::Nothing,
    }
}

fn slot(record: &Record, field: Option<FieldId>) -> Option<Value> {
    field.and_then(|field| record.slot(field.index()).cloned())
}

fn value_of(pair: &Pair<'_>, row: &Row, side: Side) -> Value {
    let found = if side == Side::Left { slot(pair.left, row.left) } else { slot(pair.right, row.right) };
    found.unwrap_or(Value::Null)
}

fn sides<'a>(pair: &Pair<'a>, to: Side) -> (&'a Record, &'a Record) {
    if to == Side::Right { (pair.left, pair.right) } else { (pair.right, pair.left) }
}

fn may_write(pair: &Pair<'_>, to: Side) -> bool {
    if to == Side::Left { pair.may_write.0 } else { pair.may_write.1 }
}
