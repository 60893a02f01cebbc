//! Expressions of a plan to a flat program: operations in one list that name each other by place, parts before wholes.
//!
//! Whatever does not depend on a record is done here, once: fields become slots, value and stage maps tables, patterns
//! regexes, zone names zones, lists of texts tables.

use jiff::tz::TimeZone;
use regex::Regex;

use super::table::Table;
use crate::builtin::Func;
use crate::calc::{self, Converter};
use crate::plan::ir::{
    BinaryOp, Else, Expr, FieldId, ObjectId, OwnersId, Quantifier, Side, StageMap, StagesId, SyncId,
    SyncPlan, ValuesId,
};
use crate::value::Value;
use crate::view::View;

/// The place of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(u32);

#[derive(Debug)]
pub enum Op<'p> {
    Literal(View<'p>),
    Field { side: Side, index: usize },
    It,
    Let { value: At, body: At },
    Not(At),
    Negate(At),
    And(At, At),
    Or(At, At),
    Binary { op: BinaryOp, left: At, right: At },
    In { value: At, list: Members<'p> },
    IsSet(At),
    IsBlank(At),
    Between { value: At, low: At, high: At },
    Matches { value: At, regex: Option<Regex> },
    If { condition: At, then: At, otherwise: At },
    Concat(Box<[At]>),
    Coalesce(Box<[At]>),
    InZone { at: At, zone: Zone },
    RegexExtract { text: At, regex: Option<Regex>, group: Option<At> },
    Call { func: Func, args: Box<[At]> },
    MapValue { map: Option<usize>, value: At },
    MapSet { map: Option<usize>, value: At },
    MapStage { maps: Box<[StageTable<'p>]>, to: Side, value: At },
    MapScope { maps: Box<[StageTable<'p>]>, to: Side, value: At },
    MapOwner { map: OwnersId, to: Side, value: At },
    LinkedId { sync: SyncId, to: Side, value: At },
    Convert { converter: Converter<'p>, to: Side, value: At },
    Associated { quantifier: Quantifier, object: ObjectId, condition: Option<At> },
    InList(&'p str),
    IsPrivate(At),
    Linked { sync: SyncId, arm: Option<u32> },
    IsLinkedToPrivate { sync: SyncId, linked: At },
}

/// What a value may be one of.
#[derive(Debug)]
pub enum Members<'p> {
    Texts(Table<'p>),
    Values(&'p [Value]),
}

#[derive(Debug)]
pub enum Zone {
    Known(Result<TimeZone, String>),
    Asked(Option<At>),
}

/// A value map towards one side.
#[derive(Debug)]
pub struct ValueTable<'p> {
    id: ValuesId,
    to: Side,
    pub name: &'p str,
    pub table: Table<'p>,
    pub back: Table<'p>,
    pub otherwise: &'p Else,
    pub back_otherwise: &'p Else,
}

/// A stage map towards one side.
#[derive(Debug)]
pub struct StageTable<'p> {
    map: &'p StageMap,
    pub table: Table<'p>,
    pub back: Table<'p>,
    pub scope: Option<&'p str>,
    pub otherwise: &'p Else,
}

impl<'p> StageTable<'p> {
    fn new(map: &'p StageMap, to: Side) -> Self {
        let (table, back, scope, otherwise) = match to {
            Side::Right => (&map.to_right, &map.to_left, &map.right_scope, &map.else_right),
            Side::Left => (&map.to_left, &map.to_right, &map.left_scope, &map.else_left),
        };
        StageTable { map, table: texts(table), back: texts(back), scope: scope.as_deref(), otherwise }
    }

    /// The pipeline or record type of a side, and the field that carries it, when the map has both.
    pub fn scoped(&self, side: Side) -> Option<(&'p str, FieldId)> {
        match side {
            Side::Left => self.map.left_scope.as_deref().zip(self.map.left_scope_field),
            Side::Right => self.map.right_scope.as_deref().zip(self.map.right_scope_field),
        }
    }
}

fn texts(pairs: &std::collections::BTreeMap<String, String>) -> Table<'_> {
    Table::new(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// The operations of one sync.
#[derive(Debug)]
pub struct Code<'p> {
    pub plan: &'p SyncPlan,
    ops: Vec<Op<'p>>,
    maps: Vec<ValueTable<'p>>,
}

impl<'p> Code<'p> {
    pub fn new(plan: &'p SyncPlan) -> Self {
        Code { plan, ops: Vec::new(), maps: Vec::new() }
    }

    pub fn op(&self, at: At) -> Option<&Op<'p>> {
        self.ops.get(at.0 as usize)
    }

    pub fn map(&self, map: Option<usize>) -> Option<&ValueTable<'p>> {
        self.maps.get(map?)
    }

    /// Adds an expression with all its parts.
    pub fn add(&mut self, expr: &'p Expr) -> At {
        let op = self.lowered(expr);
        // A plan's expressions come from files of limited size.
        let at = At(u32::try_from(self.ops.len()).unwrap_or(u32::MAX));
        self.ops.push(op);
        at
    }

    fn all(&mut self, exprs: &'p [Expr]) -> Box<[At]> {
        exprs.iter().map(|expr| self.add(expr)).collect()
    }

    fn lowered(&mut self, expr: &'p Expr) -> Op<'p> {
        match expr {
            Expr::Literal(value) => Op::Literal(value.view()),
            Expr::It => Op::It,
            Expr::Field { side, field } => Op::Field { side: *side, index: field.index() },
            Expr::Let { value, body } => Op::Let { value: self.add(value), body: self.add(body) },
            Expr::Not(inner) => Op::Not(self.add(inner)),
            Expr::Negate(inner) => Op::Negate(self.add(inner)),
            Expr::Binary { op, left, right } => {
                let (left, right) = (self.add(left), self.add(right));
                match op {
                    BinaryOp::And => Op::And(left, right),
                    BinaryOp::Or => Op::Or(left, right),
                    op => Op::Binary { op: *op, left, right },
                }
            }
            Expr::In { value, list } => Op::In { value: self.add(value), list: members(list) },
            Expr::IsSet(inner) => Op::IsSet(self.add(inner)),
            Expr::IsBlank(inner) => Op::IsBlank(self.add(inner)),
            Expr::Between { value, low, high } => {
                Op::Between { value: self.add(value), low: self.add(low), high: self.add(high) }
            }
            Expr::Matches { value, pattern } => {
                Op::Matches { value: self.add(value), regex: Regex::new(pattern).ok() }
            }
            Expr::If { condition, then, otherwise } => Op::If {
                condition: self.add(condition),
                then: self.add(then),
                otherwise: self.add(otherwise),
            },
            Expr::Call { func, args } => self.call(*func, args),
            other => self.beyond_values(other),
        }
    }

    fn call(&mut self, func: Func, args: &'p [Expr]) -> Op<'p> {
        match (func, args) {
            (Func::Concat, _) => Op::Concat(self.all(args)),
            (Func::Coalesce, _) => Op::Coalesce(self.all(args)),
            (Func::InZone, [at, Expr::Literal(Value::Text(zone))]) => {
                Op::InZone { at: self.add(at), zone: Zone::Known(calc::zone(zone)) }
            }
            (Func::InZone, [at, zone]) => {
                Op::InZone { at: self.add(at), zone: Zone::Asked(Some(self.add(zone))) }
            }
            (Func::RegexExtract, [text, Expr::Literal(Value::Text(pattern)), group @ ..]) => {
                Op::RegexExtract {
                    text: self.add(text),
                    regex: Regex::new(pattern).ok(),
                    group: group.first().map(|group| self.add(group)),
                }
            }
            _ => Op::Call { func, args: self.all(args) },
        }
    }

    /// Maps, converters, and what asks for more than the record.
    fn beyond_values(&mut self, expr: &'p Expr) -> Op<'p> {
        match expr {
            Expr::MapValue { map, to, value } => {
                Op::MapValue { map: self.value_table(*map, *to), value: self.add(value) }
            }
            Expr::MapSet { map, to, value } => {
                Op::MapSet { map: self.value_table(*map, *to), value: self.add(value) }
            }
            Expr::MapStage { maps, to, value } => {
                Op::MapStage { maps: self.stage_tables(maps, *to), to: *to, value: self.add(value) }
            }
            Expr::MapScope { maps, to, value } => {
                Op::MapScope { maps: self.stage_tables(maps, *to), to: *to, value: self.add(value) }
            }
            Expr::MapOwner { map, to, value } => Op::MapOwner { map: *map, to: *to, value: self.add(value) },
            Expr::LinkedId { sync, to, value } => {
                Op::LinkedId { sync: *sync, to: *to, value: self.add(value) }
            }
            Expr::Convert { converter, to, value } => {
                Op::Convert { converter: Converter::new(converter), to: *to, value: self.add(value) }
            }
            Expr::Associated { quantifier, object, condition } => Op::Associated {
                quantifier: *quantifier,
                object: *object,
                condition: condition.as_deref().map(|condition| self.add(condition)),
            },
            Expr::InList(list) => Op::InList(list),
            Expr::IsPrivate(inner) => match &**inner {
                Expr::Linked { sync, .. } => Op::IsLinkedToPrivate { sync: *sync, linked: self.add(inner) },
                _ => Op::IsPrivate(self.add(inner)),
            },
            Expr::Linked { sync, arm } => Op::Linked { sync: *sync, arm: *arm },
            _ => Op::Literal(View::Null),
        }
    }

    /// The table of a map is laid out once, however many rows use it.
    fn value_table(&mut self, id: ValuesId, to: Side) -> Option<usize> {
        if let Some(known) = self.maps.iter().position(|map| (map.id, map.to) == (id, to)) {
            return Some(known);
        }
        let map = self.plan.values.get(id.index())?;
        let (table, back, otherwise, back_otherwise) = match to {
            Side::Right => (&map.to_right, &map.to_left, &map.else_right, &map.else_left),
            Side::Left => (&map.to_left, &map.to_right, &map.else_left, &map.else_right),
        };
        let (table, back) = (texts(table), texts(back));
        self.maps.push(ValueTable { id, to, name: &map.name, table, back, otherwise, back_otherwise });
        Some(self.maps.len() - 1)
    }

    fn stage_tables(&self, maps: &[StagesId], to: Side) -> Box<[StageTable<'p>]> {
        let maps = maps.iter().filter_map(|id| self.plan.stages.get(id.index()));
        maps.map(|map| StageTable::new(map, to)).collect()
    }
}

fn members(list: &[Value]) -> Members<'_> {
    if list.len() > 2 && list.iter().all(|value| value.as_text().is_some()) {
        Members::Texts(Table::of(list.iter().filter_map(Value::as_text)))
    } else {
        Members::Values(list)
    }
}
