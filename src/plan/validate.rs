//! Every index of a plan leads somewhere, so that nothing behind needs to ask again.

use super::ir::{Arm, BadPlan, Expr, FieldId, Match, ObjectId, Row, Side, Sync, SyncPlan};

struct Walk<'p> {
    plan: &'p SyncPlan,
    left: ObjectId,
    right: ObjectId,
}

pub fn indices(plan: &SyncPlan) -> Result<(), BadPlan> {
    for object in &plan.objects {
        within(object.system.index(), plan.systems.len(), "system")?;
        for field in [object.external_id, object.op_stamp].into_iter().flatten() {
            within(field.index(), object.fields.len(), "field")?;
        }
    }
    for owners in &plan.owners {
        within(owners.left.index(), plan.systems.len(), "system")?;
        within(owners.right.index(), plan.systems.len(), "system")?;
    }
    for sync in &plan.syncs {
        check_sync(plan, sync)?;
    }
    Ok(())
}

fn within(index: usize, length: usize, what: &str) -> Result<(), BadPlan> {
    if index < length {
        Ok(())
    } else {
        Err(BadPlan(format!("this sync plan is damaged: {what} {index} does not exist")))
    }
}

fn check_sync(plan: &SyncPlan, sync: &Sync) -> Result<(), BadPlan> {
    within(sync.left.index(), plan.objects.len(), "object")?;
    if sync.arms.is_empty() {
        return Err(BadPlan(format!("this sync plan is damaged: `{}` has no object to sync to", sync.name)));
    }
    for line in &sync.route {
        within(line.arm as usize, sync.arms.len(), "arm")?;
    }
    for arm in &sync.arms {
        within(arm.right.index(), plan.objects.len(), "object")?;
        check_arm(plan, sync, arm)?;
    }
    Ok(())
}

fn check_arm(plan: &SyncPlan, sync: &Sync, arm: &Arm) -> Result<(), BadPlan> {
    let walk = Walk { plan, left: sync.left, right: arm.right };
    let conditions = [&sync.filter_left, &sync.filter_right].into_iter().flatten();
    let lines = sync.route.iter().filter_map(|line| line.condition.as_ref());
    for expr in conditions.chain(&sync.veto_left).chain(&sync.veto_right).chain(lines) {
        // A filter of a routed sync may read another arm's fields: only the left side is certain here.
        if sync.arms.len() == 1 {
            walk.expr(expr)?;
        }
    }
    for found in &arm.matches {
        if let Match::Keys { left, right, when } = found {
            walk.expr(left)?;
            walk.expr(right)?;
            when.iter().try_for_each(|when| walk.expr(when))?;
        }
    }
    arm.rows.iter().try_for_each(|row| walk.row(row))?;
    for association in &arm.associations {
        within(association.through.index(), plan.syncs.len(), "sync")?;
    }
    Ok(())
}

impl Walk<'_> {
    fn field(&self, side: Side, field: FieldId) -> Result<(), BadPlan> {
        let object = if side == Side::Left { self.left } else { self.right };
        let fields = self.plan.object(object).map_or(0, |object| object.fields.len());
        within(field.index(), fields, "field")
    }

    fn row(&self, row: &Row) -> Result<(), BadPlan> {
        row.left.iter().try_for_each(|field| self.field(Side::Left, *field))?;
        row.right.iter().try_for_each(|field| self.field(Side::Right, *field))?;
        for transfer in [&row.to_right, &row.to_left].into_iter().flatten() {
            self.expr(&transfer.expr)?;
            transfer.when.iter().try_for_each(|when| self.expr(when))?;
        }
        Ok(())
    }

    fn expr(&self, expr: &Expr) -> Result<(), BadPlan> {
        match expr {
            Expr::Literal(_) | Expr::It | Expr::InList(_) => Ok(()),
            Expr::Linked { sync, arm } => {
                within(sync.index(), self.plan.syncs.len(), "sync")?;
                let arms = self.plan.sync(*sync).map_or(0, |sync| sync.arms.len());
                arm.map_or(Ok(()), |arm| within(arm as usize, arms, "arm"))
            }
            Expr::Field { side, field } => self.field(*side, *field),
            Expr::Let { value, body } => self.expr(value).and_then(|()| self.expr(body)),
            Expr::Not(e) | Expr::Negate(e) | Expr::IsSet(e) | Expr::IsBlank(e) | Expr::IsPrivate(e) => {
                self.expr(e)
            }
            Expr::In { value, .. } | Expr::Matches { value, .. } | Expr::Convert { value, .. } => {
                self.expr(value)
            }
            Expr::Binary { left, right, .. } => self.expr(left).and_then(|()| self.expr(right)),
            Expr::Between { value, low, high } => {
                [value, low, high].into_iter().try_for_each(|e| self.expr(e))
            }
            Expr::If { condition, then, otherwise } => {
                [condition, then, otherwise].into_iter().try_for_each(|e| self.expr(e))
            }
            Expr::Call { args, .. } => args.iter().try_for_each(|e| self.expr(e)),
            Expr::MapValue { map, value, .. } | Expr::MapSet { map, value, .. } => {
                within(map.index(), self.plan.values.len(), "value map")?;
                self.expr(value)
            }
            Expr::MapStage { maps, value, .. } | Expr::MapScope { maps, value, .. } => {
                maps.iter().try_for_each(|map| within(map.index(), self.plan.stages.len(), "stage map"))?;
                self.expr(value)
            }
            Expr::MapOwner { map, value, .. } => {
                within(map.index(), self.plan.owners.len(), "owner map")?;
                self.expr(value)
            }
            Expr::LinkedId { sync, value, .. } => {
                within(sync.index(), self.plan.syncs.len(), "sync")?;
                self.expr(value)
            }
            // The condition reads the associated object, whose table is another one.
            Expr::Associated { object, .. } => within(object.index(), self.plan.objects.len(), "object"),
        }
    }
}
