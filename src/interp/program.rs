//! One sync ready to run: regexes compiled once, and the questions that merge asks of it.

use super::code::{At, Code};
use super::copies::{Copied, Copies};
use super::eval::{Context, Env, Source, Stop};
use super::fit::Fit;
use crate::calc::values::equal;
use crate::plan::ir::{Arm, BinaryOp, Create, Expr, Match, Row, Side, Sync, SyncId, SyncPlan};
use crate::plan::words::{parts, visit};
use crate::record::Record;
use crate::value::Value;
use crate::view::View;

/// A sync of a plan, prepared.
#[derive(Debug)]
pub struct SyncProgram<'p> {
    pub plan: &'p SyncPlan,
    pub id: SyncId,
    pub sync: &'p Sync,
    code: Code<'p>,
    filters: [Option<At>; 2],
    /// The arm of each line, and its condition.
    route: Vec<(usize, Option<At>)>,
    create: [Option<At>; 2],
    veto: [Vec<At>; 2],
    arms: Vec<ArmProgram<'p>>,
}

#[derive(Debug)]
struct ArmProgram<'p> {
    /// Left key, right key, condition; `None` for the other kinds of rules.
    keys: Vec<Option<(At, At, Option<At>)>>,
    /// Per row its place among those to the left, and to the right.
    rows: Vec<[Option<usize>; 2]>,
    /// Those that write on the left, and on the right.
    ways: [Vec<(&'p Row, TransferProgram<'p>)>; 2],
}

/// One direction of a row, prepared.
#[derive(Debug)]
pub struct TransferProgram<'p> {
    expr: At,
    when: Option<At>,
    /// Index of the field that is written.
    field: usize,
    fit: Option<Fit<'p>>,
    copies: Option<Copies>,
}

impl<'p> TransferProgram<'p> {
    /// The way of a row towards a side, when it has one.
    fn new(code: &mut Code<'p>, sync: &'p Sync, arm: &'p Arm, row: &'p Row, to: Side) -> Option<Self> {
        let (object, field, transfer) = match to {
            Side::Left => (sync.left, row.left?, row.to_left.as_ref()?),
            Side::Right => (arm.right, row.right?, row.to_right.as_ref()?),
        };
        let found = code.plan.object(object).and_then(|object| object.fields.get(field.index()));
        let expr = code.add(&transfer.expr);
        let when = transfer.when.as_ref().map(|when| code.add(when));
        let copies = if when.is_none() { Copies::of(code, expr, to.other()) } else { None };
        Some(TransferProgram {
            when,
            expr,
            field: field.index(),
            fit: found.map(|found| Fit::new(found, transfer)),
            copies,
        })
    }

    /// Index of the field that is written.
    pub fn field(&self) -> usize {
        self.field
    }

    /// The row, when its answer is a part of one field's text.
    pub fn copies(&self) -> Option<Copies> {
        self.copies
    }

    /// Whether it takes any text of so many bytes.
    pub fn keeps_length(&self, bytes: usize) -> bool {
        self.fit.as_ref().is_none_or(|fit| fit.keeps_length(bytes))
    }

    /// Whether it takes a number with so many digits before and behind the point.
    pub fn keeps_number(&self, whole: u32, behind: u32) -> bool {
        self.fit.as_ref().is_none_or(|fit| fit.keeps_number(whole, behind))
    }
}

fn at(side: Side) -> usize {
    usize::from(side == Side::Right)
}

/// Whether a record takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterOutcome {
    In,
    Out,
    /// A condition could not be evaluated.
    Unclear(String),
}

/// A part of the rules about missing counterparts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// Forbids it when true, whatever else is.
    Veto,
    /// One true part is enough.
    Create,
}

/// What a row makes of a source record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowValue<V = Value> {
    Value(V),
    /// The row does not apply (`when`), or leaves the field alone; with a stable reason word.
    Skip(&'static str),
    SkipRecord(&'static str),
    Hold(String),
    Fail(String),
}

impl<'p> SyncProgram<'p> {
    pub fn new(plan: &'p SyncPlan, id: SyncId) -> Option<Self> {
        let sync = plan.sync(id)?;
        let mut code = Code::new(plan);
        let mut maybe = |expr: Option<&'p Expr>| expr.map(|expr| code.add(expr));
        let filters = [maybe(sync.filter_left.as_ref()), maybe(sync.filter_right.as_ref())];
        let line = |line: &'p crate::plan::ir::RouteLine| (line.arm as usize, maybe(line.condition.as_ref()));
        let route = sync.route.iter().map(line).collect();
        let mut rule = |create: &'p Create| match create {
            Create::When(condition) => Some(code.add(condition)),
            Create::Always | Create::Never => None,
        };
        let create = [rule(&sync.create_left), rule(&sync.create_right)];
        let mut all = |exprs: &'p [Expr]| exprs.iter().map(|expr| code.add(expr)).collect();
        let veto = [all(&sync.veto_left), all(&sync.veto_right)];
        let arms = sync.arms.iter().map(|arm| ArmProgram::new(&mut code, sync, arm)).collect();
        Some(SyncProgram { plan, id, sync, code, filters, route, create, veto, arms })
    }

    fn env<'e>(&'e self, context: &'e dyn Context, side: Side, record: Source<'e>) -> Env<'e> {
        env(&self.code, context, side, record)
    }

    /// What an expression makes of a side's record.
    ///
    /// # Errors
    /// There is no value, for this reason.
    pub fn value(
        &self,
        context: &dyn Context,
        side: Side,
        record: &Record,
        expr: &Expr,
    ) -> Result<Value, Stop> {
        let mut code = Code::new(self.plan);
        let root = code.add(expr);
        env(&code, context, side, Source::Record(record)).value(root).map(View::into_value)
    }

    /// Whether the record of a side passes that side's filters.
    pub fn filter(&self, context: &dyn Context, side: Side, record: &Record) -> FilterOutcome {
        self.passes(context, side, Source::Record(record))
    }

    /// As `filter`, of a record that is not kept.
    pub fn passes(&self, context: &dyn Context, side: Side, record: Source<'_>) -> FilterOutcome {
        match self.filters.get(at(side)).copied().flatten() {
            None => FilterOutcome::In,
            Some(filter) => verdict(&self.env(context, side, record), filter),
        }
    }

    /// Whether a side's filter reads a field of the record that the answer left out: then nobody knows whether it passes,
    /// not even a filter that asks for blanks.
    pub fn filter_is_absent(&self, side: Side, record: &Record) -> bool {
        let filter = if side == Side::Left { &self.sync.filter_left } else { &self.sync.filter_right };
        let mut open: Vec<&Expr> = filter.iter().collect();
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Field { side: of, field } if *of == side => {
                    if record.slots.get(field.index()).is_none_or(Option::is_none) {
                        return true;
                    }
                }
                // Its condition reads other records.
                Expr::Associated { .. } => {}
                other => open.extend(parts(other)),
            }
        }
        false
    }

    /// Each and-ed clause of a side's filter with its verdict, in the plan's order: for `why`.
    pub fn clauses<'s>(
        &'s self,
        context: &dyn Context,
        side: Side,
        record: &Record,
    ) -> Vec<(&'s Expr, FilterOutcome)> {
        let filter = if side == Side::Left { &self.sync.filter_left } else { &self.sync.filter_right };
        let mut parts = Vec::new();
        let mut open: Vec<&Expr> = filter.iter().collect();
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Binary { op: BinaryOp::And, left, right } => {
                    open.push(right);
                    open.push(left);
                }
                other => parts.push(other),
            }
        }
        parts.into_iter().map(|expr| (expr, self.verdict(context, side, record, expr))).collect()
    }

    /// Whether a condition holds of a side's record.
    pub fn verdict(&self, context: &dyn Context, side: Side, record: &Record, expr: &Expr) -> FilterOutcome {
        let mut code = Code::new(self.plan);
        let root = code.add(expr);
        verdict(&env(&code, context, side, Source::Record(record)), root)
    }

    /// The arm that a left record belongs to.
    pub fn route(&self, context: &dyn Context, left: &Record) -> Option<usize> {
        self.arm_of(context, Source::Record(left))
    }

    /// As `route`, of a record that is not kept.
    pub fn arm_of(&self, context: &dyn Context, left: Source<'_>) -> Option<usize> {
        if self.route.is_empty() {
            return Some(0);
        }
        let env = self.env(context, Side::Left, left);
        self.route.iter().find_map(|(arm, condition)| {
            let taken = condition.is_none_or(|condition| env.holds(condition) == Ok(true));
            taken.then_some(*arm)
        })
    }

    fn arm_program(&self, arm: &Arm) -> Option<&ArmProgram<'p>> {
        self.sync
            .arms
            .iter()
            .zip(&self.arms)
            .find_map(|(known, program)| std::ptr::eq(known, arm).then_some(program))
    }

    /// The match key of a record, as comparable text; `None` = blank, never matches.
    pub fn key(
        &self,
        context: &dyn Context,
        arm: &Arm,
        index: usize,
        side: Side,
        record: &Record,
    ) -> Option<String> {
        let (left, right, when) = (*self.arm_program(arm)?.keys.get(index)?)?;
        let env = self.env(context, side, Source::Record(record));
        if when.is_some_and(|when| env.holds(when) != Ok(true)) {
            return None;
        }
        let value = env.value(if side == Side::Left { left } else { right }).ok()?;
        (!value.is_blank()).then(|| value.to_string())
    }

    /// Whether a match rule reads a field of the record that the answer left out.
    pub fn key_is_absent(
        &self,
        context: &dyn Context,
        arm: &Arm,
        index: usize,
        side: Side,
        record: &Record,
    ) -> bool {
        let keys = self.arm_program(arm).and_then(|arm| *arm.keys.get(index)?);
        let Some((left, right, _)) = keys else { return false };
        let key = if side == Side::Left { left } else { right };
        matches!(self.env(context, side, Source::Record(record)).value(key), Err(Stop::Skip("absent")))
    }

    /// Whether a missing counterpart on `side` may be made for `source`, the record of the other side.
    ///
    /// # Errors
    /// The stable word of the rule that forbids it.
    pub fn may_create(&self, context: &dyn Context, side: Side, source: &Record) -> Result<(), &'static str> {
        let create = if side == Side::Left { &self.sync.create_left } else { &self.sync.create_right };
        let env = self.env(context, side.other(), Source::Record(source));
        if self.veto.get(at(side)).into_iter().flatten().any(|veto| env.holds(*veto) == Ok(true)) {
            return Err("veto");
        }
        match create {
            Create::Always => Ok(()),
            Create::Never => Err("create-never"),
            Create::When(_) => match self.create.get(at(side)).copied().flatten() {
                Some(condition) if env.holds(condition) == Ok(true) => Ok(()),
                _ => Err("create-rule"),
            },
        }
    }

    /// Whether the rules about missing counterparts on `side` ask beyond the record: their answer may change without it.
    pub fn creation_asks_beyond(&self, side: Side) -> bool {
        let (create, vetoes) = match side {
            Side::Left => (&self.sync.create_left, &self.sync.veto_left),
            Side::Right => (&self.sync.create_right, &self.sync.veto_right),
        };
        let rule = match create {
            Create::When(condition) => Some(condition),
            _ => None,
        };
        let mut asks = false;
        for expr in vetoes.iter().chain(rule) {
            visit(expr, &mut |part| {
                asks |= matches!(
                    part,
                    Expr::Associated { .. } | Expr::InList(_) | Expr::Linked { .. } | Expr::IsPrivate(_)
                );
            });
        }
        asks
    }

    /// What decides about a missing counterpart on `side`: vetoes, then the parts of the rule, each with its verdict.
    pub fn creation<'s>(
        &'s self,
        context: &dyn Context,
        side: Side,
        source: &Record,
    ) -> Vec<(Decides, &'s Expr, FilterOutcome)> {
        let (create, vetoes) = match side {
            Side::Left => (&self.sync.create_left, &self.sync.veto_left),
            Side::Right => (&self.sync.create_right, &self.sync.veto_right),
        };
        let mut all: Vec<(Decides, &Expr)> = vetoes.iter().map(|veto| (Decides::Veto, veto)).collect();
        let mut open: Vec<&Expr> = match create {
            Create::When(condition) => vec![condition],
            _ => Vec::new(),
        };
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Binary { op: BinaryOp::Or, left, right } => {
                    open.push(right);
                    open.push(left);
                }
                other => all.push((Decides::Create, other)),
            }
        }
        let verdict = |expr| self.verdict(context, side.other(), source, expr);
        all.into_iter().map(|(decides, expr)| (decides, expr, verdict(expr))).collect()
    }

    /// What a row that copies makes of its field's text, which is not blank; `None` = it has to be evaluated.
    #[inline]
    pub fn copied<'t>(
        &'t self,
        program: &TransferProgram<'p>,
        copies: &Copies,
        text: &'t str,
    ) -> Option<Copied<'t>> {
        copies.text(&self.code, program.fit.as_ref(), text)
    }

    /// What a row would write on side `to`. `target` is the record that stands there now, if there is one.
    pub fn transfer(
        &self,
        context: &dyn Context,
        row: &Row,
        arm: &Arm,
        to: Side,
        source: &Record,
        target: Option<&Record>,
    ) -> RowValue {
        let index = arm.rows.iter().position(|known| std::ptr::eq(known, row));
        let program = index.and_then(|index| {
            let arm = self.arm_program(arm)?;
            let place = *arm.rows.get(index)?.get(at(to))?;
            arm.ways.get(at(to))?.get(place?)
        });
        let Some((_, program)) = program else { return RowValue::Skip("direction") };
        self.carry(context, program, to, Source::Record(source), target).kept()
    }

    /// The prepared rows of an arm that write on side `to`, in order.
    pub fn transfers(&self, arm: usize, to: Side) -> &[(&'p Row, TransferProgram<'p>)] {
        self.arms.get(arm).and_then(|arm| arm.ways.get(at(to))).map_or(&[], Vec::as_slice)
    }

    /// As `transfer`, of a record that may not be kept.
    #[inline(always)]
    pub fn carry<'e>(
        &'e self,
        context: &'e dyn Context,
        program: &'e TransferProgram<'p>,
        to: Side,
        source: Source<'e>,
        target: Option<&'e Record>,
    ) -> RowValue<View<'e>> {
        let mut env = self.env(context, to.other(), source);
        match to {
            Side::Left => env.left = target.map(Source::Record),
            Side::Right => env.right = target.map(Source::Record),
        }
        env.current = target.and_then(|target| target.slot(program.field));
        if let Some(when) = program.when {
            match env.holds(when) {
                Ok(true) => {}
                Ok(false) => return RowValue::Skip("when"),
                Err(stop) => return stopped(stop),
            }
        }
        match env.value(program.expr) {
            Ok(value) => match &program.fit {
                Some(fit) => fit.fit(value),
                None => RowValue::Value(value),
            },
            Err(stop) => stopped(stop),
        }
    }

    /// Whether two values already say the same under this row, in whichever directions it goes.
    pub fn consistent(
        &self,
        context: &dyn Context,
        row: &Row,
        arm: &Arm,
        left: &Record,
        right: &Record,
    ) -> bool {
        let slot = |record: &Record, field: Option<crate::plan::ir::FieldId>| {
            field.and_then(|f| record.slot(f.index()).cloned())
        };
        let toward = |to: Side| {
            let (source, target_record, target) =
                if to == Side::Right { (left, right, row.right) } else { (right, left, row.left) };
            let current = slot(target_record, target);
            match self.transfer(context, row, arm, to, source, Some(target_record)) {
                RowValue::Value(value) => Some(same(&value, current.as_ref().unwrap_or(&Value::Null))),
                RowValue::Skip("absent") => Some(true),
                _ => None,
            }
        };
        match (toward(Side::Right), toward(Side::Left)) {
            (Some(a), Some(b)) => a || b,
            (Some(a), None) | (None, Some(a)) => a,
            // Neither side can say anything to the other.
            (None, None) => true,
        }
    }
}

/// Equality as far as a CRM is concerned: blank is blank, checkboxes have no null, numbers by value.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (a, b) if a.is_blank() && b.is_blank() => true,
        (Value::Null, Value::Bool(false)) | (Value::Bool(false), Value::Null) => true,
        (a, b) => equal(a, b),
    }
}

fn env<'e>(code: &'e Code<'e>, context: &'e dyn Context, side: Side, record: Source<'e>) -> Env<'e> {
    let (left, right) = if side == Side::Left { (Some(record), None) } else { (None, Some(record)) };
    Env { code, context, side, left, right, current: None }
}

fn verdict(env: &Env<'_>, condition: At) -> FilterOutcome {
    match env.holds(condition) {
        Ok(true) => FilterOutcome::In,
        // A field that is not in the answer says nothing: the record stays out, it is not changed.
        Ok(false) | Err(Stop::Skip(_) | Stop::SkipRecord(_)) => FilterOutcome::Out,
        Err(Stop::Hold(why) | Stop::Fail(why)) => FilterOutcome::Unclear(why),
    }
}

impl<'p> ArmProgram<'p> {
    fn new(code: &mut Code<'p>, sync: &'p Sync, arm: &'p Arm) -> Self {
        let mut keys = Vec::new();
        for found in &arm.matches {
            keys.push(match found {
                Match::Keys { left, right, when } => {
                    let (left, right) = (code.add(left), code.add(right));
                    Some((left, right, when.as_ref().map(|when| code.add(when))))
                }
                _ => None,
            });
        }
        let (mut rows, mut to_left, mut to_right) = (Vec::new(), Vec::new(), Vec::new());
        for row in &arm.rows {
            let mut place = |side, way: &mut Vec<_>| {
                let program = TransferProgram::new(code, sync, arm, row, side)?;
                way.push((row, program));
                Some(way.len() - 1)
            };
            rows.push([place(Side::Left, &mut to_left), place(Side::Right, &mut to_right)]);
        }
        ArmProgram { keys, rows, ways: [to_left, to_right] }
    }
}

impl RowValue<View<'_>> {
    /// The value as one to keep.
    pub fn kept(self) -> RowValue {
        match self {
            RowValue::Value(value) => RowValue::Value(value.into_value()),
            RowValue::Skip(reason) => RowValue::Skip(reason),
            RowValue::SkipRecord(reason) => RowValue::SkipRecord(reason),
            RowValue::Hold(why) => RowValue::Hold(why),
            RowValue::Fail(why) => RowValue::Fail(why),
        }
    }
}

fn stopped<V>(stop: Stop) -> RowValue<V> {
    match stop {
        Stop::Skip(reason) => RowValue::Skip(reason),
        Stop::SkipRecord(reason) => RowValue::SkipRecord(reason),
        Stop::Hold(why) => RowValue::Hold(why),
        Stop::Fail(why) => RowValue::Fail(why),
    }
}

/// Every part of an expression, itself included.
pub fn walk<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        visit(expr);
        open.extend(parts(expr));
    }
}
