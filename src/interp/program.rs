//! One sync ready to run: regexes compiled once, and the questions that merge asks of it.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::eval::{Context, Env, Stop};
use crate::calc::equal;
use crate::plan::ir::{Arm, Expr, Field, Match, Row, Side, Sync, SyncId, SyncPlan, Transfer};
use crate::plan::words::{parts, visit};
use crate::record::Record;
use crate::schema::FieldType;
use crate::value::Value;

/// A sync of a plan, prepared.
#[derive(Debug)]
pub struct SyncProgram<'p> {
    pub plan: &'p SyncPlan,
    pub id: SyncId,
    pub sync: &'p Sync,
    regexes: BTreeMap<String, regex::Regex>,
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
pub enum RowValue {
    Value(Value),
    /// The row does not apply (`when`), or leaves the field alone; with a stable reason word.
    Skip(&'static str),
    SkipRecord(&'static str),
    Hold(String),
    Fail(String),
}

impl<'p> SyncProgram<'p> {
    pub fn new(plan: &'p SyncPlan, id: SyncId) -> Option<Self> {
        let sync = plan.sync(id)?;
        let mut regexes = BTreeMap::new();
        let mut add = |expr: &Expr| collect_regexes(expr, &mut regexes);
        for expr in [&sync.filter_left, &sync.filter_right].into_iter().flatten() {
            add(expr);
        }
        sync.veto_left.iter().chain(&sync.veto_right).for_each(&mut add);
        for create in [&sync.create_left, &sync.create_right] {
            if let crate::plan::ir::Create::When(expr) = create {
                add(expr);
            }
        }
        sync.route.iter().filter_map(|line| line.condition.as_ref()).for_each(&mut add);
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            for transfer in [&row.to_right, &row.to_left].into_iter().flatten() {
                add(&transfer.expr);
                transfer.when.iter().for_each(&mut add);
            }
        }
        for arm in &sync.arms {
            for found in &arm.matches {
                if let Match::Keys { left, right, when } = found {
                    [Some(left), Some(right), when.as_ref()].into_iter().flatten().for_each(&mut add);
                }
            }
        }
        Some(SyncProgram { plan, id, sync, regexes })
    }

    fn env<'e>(&'e self, context: &'e dyn Context, side: Side, record: &'e Record) -> Env<'e> {
        let (left, right) = if side == Side::Left { (Some(record), None) } else { (None, Some(record)) };
        Env { plan: self.plan, context, side, left, right, it: None, current: None, regexes: &self.regexes }
    }

    /// What an expression makes of a side's record.
    pub fn value(
        &self,
        context: &dyn Context,
        side: Side,
        record: &Record,
        expr: &Expr,
    ) -> Result<Value, Stop> {
        self.env(context, side, record).eval(expr)
    }

    /// Whether the record of a side passes that side's filters.
    pub fn filter(&self, context: &dyn Context, side: Side, record: &Record) -> FilterOutcome {
        let filter = if side == Side::Left { &self.sync.filter_left } else { &self.sync.filter_right };
        match filter {
            None => FilterOutcome::In,
            Some(filter) => self.verdict(context, side, record, filter),
        }
    }

    /// Whether a condition holds of a side's record.
    pub fn verdict(&self, context: &dyn Context, side: Side, record: &Record, expr: &Expr) -> FilterOutcome {
        match self.env(context, side, record).truth(expr) {
            Ok(true) => FilterOutcome::In,
            // A field that is not in the answer says nothing: the record stays out, it is not changed.
            Ok(false) | Err(Stop::Skip(_) | Stop::SkipRecord(_)) => FilterOutcome::Out,
            Err(Stop::Hold(why) | Stop::Fail(why)) => FilterOutcome::Unclear(why),
        }
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
                Expr::Binary { op: crate::plan::ir::BinaryOp::And, left, right } => {
                    open.push(right);
                    open.push(left);
                }
                other => parts.push(other),
            }
        }
        parts.into_iter().map(|expr| (expr, self.verdict(context, side, record, expr))).collect()
    }

    /// The arm that a left record belongs to.
    pub fn route(&self, context: &dyn Context, left: &Record) -> Option<usize> {
        if self.sync.route.is_empty() {
            return Some(0);
        }
        let env = self.env(context, Side::Left, left);
        self.sync.route.iter().find_map(|line| {
            let taken = line.condition.as_ref().is_none_or(|condition| env.truth(condition) == Ok(true));
            taken.then_some(line.arm as usize)
        })
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
        let Match::Keys { left, right, when } = arm.matches.get(index)? else { return None };
        let env = self.env(context, side, record);
        if when.as_ref().is_some_and(|when| env.truth(when) != Ok(true)) {
            return None;
        }
        let value = env.eval(if side == Side::Left { left } else { right }).ok()?;
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
        let Some(Match::Keys { left, right, .. }) = arm.matches.get(index) else { return false };
        let key = if side == Side::Left { left } else { right };
        self.value(context, side, record, key) == Err(Stop::Skip("absent"))
    }

    /// Whether a missing counterpart on `side` may be made for `source`, the record of the other side.
    pub fn may_create(&self, context: &dyn Context, side: Side, source: &Record) -> Result<(), &'static str> {
        let (create, vetoes) = match side {
            Side::Left => (&self.sync.create_left, &self.sync.veto_left),
            Side::Right => (&self.sync.create_right, &self.sync.veto_right),
        };
        let env = self.env(context, side.other(), source);
        if vetoes.iter().any(|veto| env.truth(veto) == Ok(true)) {
            return Err("veto");
        }
        match create {
            crate::plan::ir::Create::Always => Ok(()),
            crate::plan::ir::Create::Never => Err("create-never"),
            crate::plan::ir::Create::When(condition) => match env.truth(condition) {
                Ok(true) => Ok(()),
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
            crate::plan::ir::Create::When(condition) => Some(condition),
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
            crate::plan::ir::Create::When(condition) => vec![condition],
            _ => Vec::new(),
        };
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Binary { op: crate::plan::ir::BinaryOp::Or, left, right } => {
                    open.push(right);
                    open.push(left);
                }
                other => all.push((Decides::Create, other)),
            }
        }
        let verdict = |expr| self.verdict(context, side.other(), source, expr);
        all.into_iter().map(|(decides, expr)| (decides, expr, verdict(expr))).collect()
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
        let (transfer, field) = match to {
            Side::Right => (&row.to_right, row.right),
            Side::Left => (&row.to_left, row.left),
        };
        let (Some(transfer), Some(field)) = (transfer, field) else { return RowValue::Skip("direction") };
        let mut env = self.env(context, to.other(), source);
        match to {
            Side::Left => env.left = target,
            Side::Right => env.right = target,
        }
        env.current = target.and_then(|target| target.slot(field.index()));
        if let Some(when) = &transfer.when {
            match env.truth(when) {
                Ok(true) => {}
                Ok(false) => return RowValue::Skip("when"),
                Err(stop) => return stopped(stop),
            }
        }
        let object = if to == Side::Left { self.sync.left } else { arm.right };
        let field = self.plan.object(object).and_then(|object| object.fields.get(field.index()));
        match env.eval(&transfer.expr) {
            Ok(value) => match field {
                Some(field) => fit(value, field, transfer),
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

fn stopped(stop: Stop) -> RowValue {
    match stop {
        Stop::Skip(reason) => RowValue::Skip(reason),
        Stop::SkipRecord(reason) => RowValue::SkipRecord(reason),
        Stop::Hold(why) => RowValue::Hold(why),
        Stop::Fail(why) => RowValue::Fail(why),
    }
}

/// The value in the form that the target keeps, or why it does not fit.
fn fit(value: Value, field: &Field, transfer: &Transfer) -> RowValue {
    if value.is_blank() {
        return RowValue::Value(Value::Null);
    }
    match (&field.ty, &value) {
        (FieldType::Text { max: Some(max) } | FieldType::LongText { max: Some(max) }, Value::Text(text)) => {
            if text.chars().count() <= *max as usize {
                return RowValue::Value(value);
            }
            if transfer.cut {
                return RowValue::Value(Value::text(
                    text.chars().take(*max as usize).collect::<String>().trim_end(),
                ));
            }
            RowValue::Hold(format!(
                "{} takes {max} characters, the value has {}",
                field.name,
                text.chars().count()
            ))
        }
        (FieldType::Option, Value::Text(text))
            if !field.options.is_empty() && !field.options.iter().any(|o| **o == **text) =>
        {
            RowValue::Hold(format!("{} has no value \"{text}\"", field.name))
        }
        (
            FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. },
            Value::Number(number),
        ) => fit_number(*number, field),
        _ => RowValue::Value(value),
    }
}

fn fit_number(number: Decimal, field: &Field) -> RowValue {
    let (precision, scale) = match &field.ty {
        FieldType::Int { digits } => (digits.or(Some(9)), Some(0)),
        FieldType::Decimal(d) | FieldType::Money(d) | FieldType::Percent { digits: d, .. } => {
            (d.precision, d.scale)
        }
        _ => (None, None),
    };
    let number = match scale {
        // The CRM would round it anyway; rounding here keeps both sides comparable.
        Some(scale) => number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero),
        None => number,
    };
    if let Some(precision) = precision {
        let whole = precision.saturating_sub(scale.unwrap_or(0));
        let limit = Decimal::from_i128_with_scale(10_i128.pow(whole.min(27)), 0);
        if number.abs() >= limit {
            return RowValue::Hold(format!("{} takes {whole} digits before the point", field.name));
        }
    }
    RowValue::Value(Value::Number(number.normalize()))
}

fn collect_regexes(expr: &Expr, into: &mut BTreeMap<String, regex::Regex>) {
    walk(expr, &mut |expr| {
        if let Expr::Matches { pattern, .. } = expr
            && let Ok(regex) = regex::Regex::new(pattern)
        {
            into.insert(pattern.clone(), regex);
        }
    });
}

/// Every part of an expression, itself included.
pub fn walk<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        visit(expr);
        open.extend(parts(expr));
    }
}
