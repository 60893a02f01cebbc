//! Expressions: resolved to executable.

use super::Lower;
use crate::plan::ir::{BinaryOp, Expr, PlanCondition};
use crate::resolve::hir::{self, Kind};
use crate::schema::SystemKind;
use crate::syntax::ast::{self, ExprKind};
use crate::value::Value;

impl<'a> Lower<'_, 'a> {
    pub(super) fn expr(&mut self, expr: &hir::Expr<'a>) -> Expr {
        let boxed = |this: &mut Self, expr: &hir::Expr<'a>| Box::new(this.expr(expr));
        let negate = |negated: bool, inner: Expr| if negated { Expr::Not(Box::new(inner)) } else { inner };
        match &expr.kind {
            Kind::Literal(value) => Expr::Literal(value.clone()),
            Kind::List(items) => Expr::Literal(Value::Set(items.iter().filter_map(literal_text).collect())),
            Kind::Field(side, field) => Expr::Field { side: *side, field: self.tables.field(*field) },
            Kind::It => Expr::It,
            Kind::Not(inner) => Expr::Not(boxed(self, inner)),
            Kind::Negate(inner) => match self.expr(inner) {
                Expr::Literal(Value::Number(number)) => Expr::Literal(Value::Number(-number)),
                other => Expr::Negate(Box::new(other)),
            },
            Kind::Binary { op: BinaryOp::In, left, right } => match &right.kind {
                Kind::List(items) => {
                    let list = items.iter().filter_map(literal).collect();
                    Expr::In { value: boxed(self, left), list }
                }
                _ => Expr::Binary { op: BinaryOp::In, left: boxed(self, left), right: boxed(self, right) },
            },
            Kind::Binary { op, left, right } => {
                Expr::Binary { op: *op, left: boxed(self, left), right: boxed(self, right) }
            }
            Kind::IsSet { operand, negated } => {
                let operand = boxed(self, operand);
                negate(*negated, Expr::IsSet(operand))
            }
            Kind::IsBlank { operand, negated } => {
                let operand = boxed(self, operand);
                negate(*negated, Expr::IsBlank(operand))
            }
            Kind::Between { operand, low, high } => {
                Expr::Between { value: boxed(self, operand), low: boxed(self, low), high: boxed(self, high) }
            }
            Kind::Matches { operand, pattern } => {
                Expr::Matches { value: boxed(self, operand), pattern: pattern.clone() }
            }
            Kind::If { condition, then, otherwise } => Expr::If {
                condition: boxed(self, condition),
                then: boxed(self, then),
                otherwise: boxed(self, otherwise),
            },
            Kind::Call { func, args } => {
                Expr::Call { func: *func, args: args.iter().map(|arg| self.expr(arg)).collect() }
            }
            Kind::Associated { quantifier, from, object, condition } => {
                let id = self.tables.object(*object);
                // Who is associated is read along with the record.
                if from.kind == SystemKind::Hubspot {
                    self.tables.association(*from, object.name);
                }
                let condition = condition.as_ref().map(|condition| boxed(self, condition));
                Expr::Associated { quantifier: *quantifier, object: id, condition }
            }
            Kind::InList(name) => Expr::InList(name.clone()),
            Kind::IsPrivate(inner) => {
                if let Kind::Linked { sync, .. } = &inner.kind {
                    self.reads_accounts(sync);
                }
                Expr::IsPrivate(boxed(self, inner))
            }
            Kind::Linked { sync, arm } => Expr::Linked {
                sync: self.sync_id(sync),
                arm: arm.as_ref().and_then(|arm| self.arm_index(sync, arm)),
            },
            Kind::Error => Expr::Literal(Value::Null),
        }
    }
}

impl<'a> Lower<'_, 'a> {
    fn sync_named(&self, name: &str) -> Option<&'_ hir::Sync<'a>> {
        self.program.syncs.iter().find(|sync| sync.name.text == name)
    }

    fn arm_index(&self, sync: &str, arm: &str) -> Option<u32> {
        let place = self.sync_named(sync)?.arms.iter().position(|known| known.right.name == arm)?;
        u32::try_from(place).ok()
    }

    /// Whether a record is private its account tells: it is read along.
    fn reads_accounts(&mut self, sync: &str) {
        let Some(sync) = self.sync_named(sync) else { return };
        let objects: Vec<_> =
            std::iter::once(sync.left).chain(sync.arms.iter().map(|arm| arm.right)).collect();
        for object in objects.into_iter().filter(|object| object.kind == SystemKind::Salesforce) {
            self.tables.named(object, "AccountId");
        }
    }
}

fn literal(expr: &hir::Expr<'_>) -> Option<Value> {
    match &expr.kind {
        Kind::Literal(value) => Some(value.clone()),
        Kind::Negate(inner) => match literal(inner)? {
            Value::Number(number) => Some(Value::Number(-number)),
            _ => None,
        },
        _ => None,
    }
}

fn literal_text(expr: &hir::Expr<'_>) -> Option<std::sync::Arc<str>> {
    match literal(expr)? {
        Value::Text(text) => Some(text),
        other => Some(other.to_string().into()),
    }
}

/// `origin == "mobile"`: the conditions of a writeback compare the activity's origin with texts.
pub fn activity_condition(expr: &ast::Expr) -> Expr {
    match &expr.kind {
        ExprKind::Binary { op, left, right, .. } => Expr::Binary {
            op: *op,
            left: Box::new(activity_condition(left)),
            right: Box::new(activity_condition(right)),
        },
        ExprKind::Not(inner) => Expr::Not(Box::new(activity_condition(inner))),
        ExprKind::Text(text) => Expr::Literal(Value::text(text.value.as_str())),
        ExprKind::Bool(value) => Expr::Literal(Value::Bool(*value)),
        ExprKind::Path(_) => Expr::It,
        _ => Expr::Literal(Value::Null),
    }
}

/// `blanks > 0`.
pub fn plan_condition(expr: &ast::Expr) -> Option<PlanCondition> {
    let ExprKind::Binary { op, left, right, .. } = &expr.kind else { return None };
    let (ExprKind::Path(path), ExprKind::Number(number)) = (&left.kind, &right.kind) else { return None };
    let value = u64::try_from(number.value.trunc()).ok()?;
    Some(PlanCondition { count: path.text(), op: *op, value })
}
