//! Evaluation of one expression. Null goes through; a comparison with null is false, `!=` with null is true.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::calc::{self, arithmetic, compare, equal};
use super::functions;
use crate::interp::{Context, Lookup, Stop};
use crate::plan::ir::{
    BinaryOp, Else, Expr, ObjectId, Quantifier, Side, StageMap, StagesId, SyncPlan, ValueMap,
};
use crate::record::Record;
use crate::value::Value;

/// Everything an evaluation reads.
pub struct Env<'e> {
    pub plan: &'e SyncPlan,
    pub context: &'e dyn Context,
    /// The side of the record that is asked about; the other one, if given, is what would be written.
    pub side: Side,
    pub left: Option<&'e Record>,
    pub right: Option<&'e Record>,
    /// The value under conversion.
    pub it: Option<&'e Value>,
    /// What the target holds now: the way back of a many-to-one map keeps it while it still fits.
    pub current: Option<&'e Value>,
    pub regexes: &'e BTreeMap<String, regex::Regex>,
}

pub type Answer = Result<Value, Stop>;

impl<'e> Env<'e> {
    fn record(&self, side: Side) -> Option<&'e Record> {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    pub fn eval(&self, expr: &Expr) -> Answer {
        Ok(match expr {
            Expr::Literal(value) => value.clone(),
            Expr::It => self.it.cloned().unwrap_or(Value::Null),
            Expr::Field { side, field } => {
                // Absent says nothing: for a value that is "leave alone", never "blank".
                match self.record(*side).map(|record| record.slot(field.index())) {
                    Some(Some(value)) => value.clone(),
                    Some(None) => return Err(Stop::Skip("absent")),
                    None => Value::Null,
                }
            }
            Expr::Let { value, body } => {
                let value = self.eval(value)?;
                if value.is_null() {
                    return Ok(Value::Null);
                }
                Env { it: Some(&value), ..*self }.eval(body)?
            }
            Expr::Not(inner) => Value::Bool(!self.truth(inner)?),
            Expr::Negate(inner) => match self.eval(inner)? {
                Value::Number(number) => Value::Number(-number),
                _ => Value::Null,
            },
            Expr::Binary { op, left, right } => self.binary(*op, left, right)?,
            Expr::In { value, list } => {
                let value = self.eval(value)?;
                Value::Bool(match &value {
                    Value::Set(items) => {
                        list.iter().any(|wanted| items.iter().any(|item| Some(&**item) == wanted.as_text()))
                    }
                    value => list.iter().any(|wanted| equal(value, wanted)),
                })
            }
            Expr::IsSet(inner) => Value::Bool(!self.eval_or_null(inner)?.is_blank()),
            Expr::IsBlank(inner) => Value::Bool(self.eval_or_null(inner)?.is_blank()),
            Expr::Between { value, low, high } => {
                let (value, low, high) = (self.eval(value)?, self.eval(low)?, self.eval(high)?);
                let at_least = compare(&value, &low).is_some_and(|order| order != Ordering::Less);
                Value::Bool(
                    at_least && compare(&value, &high).is_some_and(|order| order != Ordering::Greater),
                )
            }
            Expr::Matches { value, pattern } => {
                let value = self.eval(value)?;
                let regex = self.regexes.get(pattern);
                Value::Bool(value.as_text().zip(regex).is_some_and(|(text, regex)| regex.is_match(text)))
            }
            Expr::If { condition, then, otherwise } => {
                if self.truth(condition)? {
                    self.eval(then)?
                } else {
                    self.eval(otherwise)?
                }
            }
            Expr::Call { func, args } => functions::call(self, *func, args)?,
            Expr::MapValue { map, to, value } => {
                let value = self.eval(value)?;
                let Some(map) = self.plan.values.get(map.index()) else { return Ok(Value::Null) };
                self.map_value(map, *to, &value)?
            }
            Expr::MapSet { map, to, value } => {
                let value = self.eval(value)?;
                let (Some(map), Value::Set(items)) = (self.plan.values.get(map.index()), &value) else {
                    return Ok(value);
                };
                let mut mapped = Vec::new();
                for item in items {
                    match self.map_value(map, *to, &Value::Text(item.clone())) {
                        Ok(Value::Text(text)) => mapped.push(text),
                        Ok(_) | Err(Stop::Skip(_)) => {}
                        Err(stop) => return Err(stop),
                    }
                }
                Value::set(mapped)
            }
            Expr::MapStage { maps, to, value } => self.map_stage(maps, *to, value)?.0,
            Expr::MapScope { maps, to, value } => self.map_stage(maps, *to, value)?.1,
            Expr::MapOwner { map, to, value } => {
                let value = self.eval(value)?;
                self.look_up(&value, |id| self.context.owner(*map, *to, id))?
            }
            Expr::LinkedId { sync, to, value } => {
                let value = self.eval(value)?;
                self.look_up(&value, |id| self.context.linked_id(*sync, *to, id))?
            }
            Expr::Convert { converter, to, value } => {
                let value = self.eval(value)?;
                calc::convert(converter, *to, &value, self.current).map_err(Stop::Hold)?
            }
            Expr::Associated { quantifier, object, condition } => {
                self.associated(*quantifier, *object, condition.as_deref())?
            }
            Expr::InList(list) => {
                Value::Bool(self.at_hand().is_some_and(|record| self.context.in_list(list, record)))
            }
            Expr::Linked { sync, arm } => {
                Value::Bool(self.at_hand().is_some_and(|record| self.context.is_linked(*sync, *arm, record)))
            }
            Expr::IsPrivate(inner) if let Expr::Linked { sync, .. } = &**inner => {
                let private = |record| self.context.is_linked_to_private(*sync, record);
                Value::Bool(self.truth(inner)? && self.at_hand().is_some_and(private))
            }
            Expr::IsPrivate(inner) => Value::Bool(self.truth(inner)? && self.is_private()),
        })
    }

    fn at_hand(&self) -> Option<&'e Record> {
        self.record(self.side)
    }

    /// A Salesforce contact that belongs to no account: every `AccountId` slot that was read is blank.
    fn is_private(&self) -> bool {
        let Some(record) = self.at_hand() else { return false };
        let ids = self.plan.objects.iter().filter_map(|object| {
            let index = object.fields.iter().position(|field| field.name == "AccountId")?;
            (object.fields.len() == record.slots.len()).then(|| record.slot(index))
        });
        ids.into_iter().all(|slot| slot.is_none_or(Value::is_blank))
    }

    /// Like `eval`, but what is absent reads as null: `is set` asks, it writes nothing.
    fn eval_or_null(&self, expr: &Expr) -> Answer {
        match self.eval(expr) {
            Err(Stop::Skip("absent")) => Ok(Value::Null),
            other => other,
        }
    }

    pub fn truth(&self, expr: &Expr) -> Result<bool, Stop> {
        Ok(matches!(self.eval(expr)?, Value::Bool(true)))
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Answer {
        match op {
            BinaryOp::And => return Ok(Value::Bool(self.truth(left)? && self.truth(right)?)),
            BinaryOp::Or => return Ok(Value::Bool(self.truth(left)? || self.truth(right)?)),
            _ => {}
        }
        let (a, b) = (self.eval(left)?, self.eval(right)?);
        Ok(match op {
            BinaryOp::Equal => Value::Bool(equal(&a, &b)),
            BinaryOp::NotEqual => Value::Bool(!equal(&a, &b)),
            BinaryOp::Less => Value::Bool(compare(&a, &b) == Some(Ordering::Less)),
            BinaryOp::LessEqual => {
                Value::Bool(matches!(compare(&a, &b), Some(Ordering::Less | Ordering::Equal)))
            }
            BinaryOp::Greater => Value::Bool(compare(&a, &b) == Some(Ordering::Greater)),
            BinaryOp::GreaterEqual => {
                Value::Bool(matches!(compare(&a, &b), Some(Ordering::Greater | Ordering::Equal)))
            }
            BinaryOp::In | BinaryOp::Contains => {
                let (whole, part) = if op == BinaryOp::In { (&b, &a) } else { (&a, &b) };
                Value::Bool(match (whole, part) {
                    (Value::Set(items), Value::Text(text)) => items.contains(text),
                    (Value::Text(whole), Value::Text(part)) => whole.contains(&**part),
                    _ => false,
                })
            }
            BinaryOp::StartsWith | BinaryOp::EndsWith => {
                let both = a.as_text().zip(b.as_text());
                let starts = op == BinaryOp::StartsWith;
                Value::Bool(both.is_some_and(|(a, b)| if starts { a.starts_with(b) } else { a.ends_with(b) }))
            }
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
                arithmetic(op, &a, &b).map_err(Stop::Hold)?
            }
            BinaryOp::And | BinaryOp::Or => Value::Null,
        })
    }

    fn map_value(&self, map: &ValueMap, to: Side, value: &Value) -> Answer {
        if value.is_blank() {
            return Ok(Value::Null);
        }
        let text = value.to_string();
        let (table, back, otherwise, back_otherwise) = match to {
            Side::Right => (&map.to_right, &map.to_left, &map.else_right, &map.else_left),
            Side::Left => (&map.to_left, &map.to_right, &map.else_left, &map.else_right),
        };
        // Several values may come from one: the target keeps its own while that still means the same.
        let means = |current: &str| match (back.get(current), back_otherwise) {
            (Some(mapped), _) => *mapped == text,
            (None, Else::To(mapped)) => *mapped == text,
            _ => false,
        };
        if let Some(Value::Text(current)) = self.current
            && !current.is_empty()
            && means(current)
        {
            return Ok(Value::Text(current.clone()));
        }
        match table.get(&text) {
            Some(mapped) => Ok(Value::text(mapped.as_str())),
            None => unlisted(otherwise, &map.name, &text),
        }
    }

    /// The stage and the scope (pipeline, record type) that go with the source's stage.
    fn map_stage(&self, maps: &[StagesId], to: Side, value: &Expr) -> Result<(Value, Value), Stop> {
        let value = self.eval(value)?;
        let Some(stage) = value.as_text().filter(|stage| !stage.is_empty()) else {
            return Err(Stop::SkipRecord("stage-unmapped"));
        };
        let mut otherwise: Option<&Else> = None;
        // What is to be written stays in its pipeline or record type as long as that has the stage.
        let maps = maps.iter().filter_map(|id| self.plan.stages.get(id.index()));
        let mut maps: Vec<&StageMap> = maps.filter(|map| self.in_scope(map, to.other())).collect();
        maps.sort_by_key(|map| !self.in_scope(map, to));
        for map in maps {
            let (table, back, scope, other) = match to {
                Side::Right => (&map.to_right, &map.to_left, &map.right_scope, &map.else_right),
                Side::Left => (&map.to_left, &map.to_right, &map.left_scope, &map.else_left),
            };
            let scope = scope.as_ref().map_or(Value::Null, |scope| Value::text(scope.as_str()));
            if let Some(Value::Text(current)) = self.current
                && back.get(&**current).is_some_and(|mapped| mapped == stage)
            {
                return Ok((Value::Text(current.clone()), scope));
            }
            if let Some(mapped) = table.get(stage) {
                return Ok((Value::text(mapped.as_str()), scope));
            }
            otherwise.get_or_insert(other);
        }
        match otherwise {
            Some(Else::Fail) => Err(Stop::Fail(format!("stage \"{stage}\" is not mapped"))),
            Some(Else::Hold) => Err(Stop::Hold(format!("stage \"{stage}\" is not mapped"))),
            Some(Else::To(value)) => Ok((Value::text(value.as_str()), Value::Null)),
            _ => Err(Stop::SkipRecord("stage-unmapped")),
        }
    }

    /// Whether the source record stands in the map's pipeline or record type.
    fn in_scope(&self, map: &StageMap, source: Side) -> bool {
        let (scope, field) = match source {
            Side::Left => (&map.left_scope, map.left_scope_field),
            Side::Right => (&map.right_scope, map.right_scope_field),
        };
        let (Some(scope), Some(field)) = (scope, field) else { return true };
        match self.record(source).and_then(|record| record.slot(field.index())) {
            Some(Value::Text(value)) => same_id(value, scope),
            // A record without one stands in the default: it takes the first map that lists its stage.
            _ => true,
        }
    }

    fn look_up(&self, value: &Value, find: impl Fn(&str) -> Lookup) -> Answer {
        let Some(id) = value.as_text().filter(|id| !id.is_empty()) else { return Ok(Value::Null) };
        match find(id) {
            Lookup::Found(found) => Ok(Value::Text(found)),
            Lookup::Missing(why) => Err(Stop::Hold(why)),
            Lookup::Skip => Err(Stop::Skip("unmatched")),
            Lookup::Blank => Ok(Value::Null),
        }
    }

    fn associated(&self, quantifier: Quantifier, object: ObjectId, condition: Option<&Expr>) -> Answer {
        let Some(record) = self.at_hand() else { return Ok(Value::Bool(false)) };
        let others = self.context.associated(object, record);
        let mut count = 0_u32;
        for other in &others {
            let holds = match condition {
                None => true,
                Some(condition) => Env { left: Some(other), right: Some(other), ..*self }.truth(condition)?,
            };
            count += u32::from(holds);
        }
        let all = others.len() == count as usize;
        Ok(match quantifier {
            Quantifier::Any => Value::Bool(count > 0),
            Quantifier::All => Value::Bool(all && count > 0),
            Quantifier::No => Value::Bool(count == 0),
            Quantifier::Count => Value::Number(Decimal::from(count)),
        })
    }
}

/// Salesforce ids are the same in 15 and in 18 characters.
fn same_id(a: &str, b: &str) -> bool {
    a == b || (a.len() >= 15 && b.len() >= 15 && a.len() != b.len() && a.get(..15) == b.get(..15))
}

fn unlisted(otherwise: &Else, map: &str, value: &str) -> Answer {
    match otherwise {
        Else::Skip => Err(Stop::Skip("unmapped")),
        Else::Hold => Err(Stop::Hold(format!("`{map}` does not list \"{value}\""))),
        Else::Fail => Err(Stop::Fail(format!("`{map}` does not list \"{value}\""))),
        Else::To(value) => Ok(Value::text(value.as_str())),
    }
}
