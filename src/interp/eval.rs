//! Evaluation of one expression. Null goes through; a comparison with null is false, `!=` with null is true.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::code::{At, Code, Members, Op, StageTable, ValueTable};
use super::functions;
use crate::calc::{arithmetic, compare, equal};
use crate::plan::ir::{BinaryOp, Else, ObjectId, OwnersId, Quantifier, Side, SyncId};
use crate::record::{Record, RecordId};
use crate::value::Value;
use crate::view::{Text, View};

/// Why a value was not computed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Stop {
    /// Leave the field alone; the reason is a stable word such as `unmapped`.
    Skip(&'static str),
    /// Leave the whole record alone: `stage-unmapped`.
    SkipRecord(&'static str),
    /// Write nothing, remember, try again.
    Hold(String),
    /// Quarantine the record.
    Fail(String),
}

/// The answer to a look-up that needs more than the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    Found(Arc<str>),
    /// Known to have no counterpart (yet).
    Missing(String),
    /// The mapping says to leave it alone, or to write a blank.
    Skip,
    Blank,
}

/// What expressions may ask beyond the record at hand.
pub trait Context {
    fn owner(&self, map: OwnersId, to: Side, id: &str) -> Lookup;
    fn linked_id(&self, sync: SyncId, to: Side, id: &str) -> Lookup;
    /// Whether the record at hand is linked in another sync, with a record of this arm when one is given.
    fn is_linked(&self, sync: SyncId, arm: Option<u32>, record: &Record) -> bool;
    /// Whether the record that it is linked with there belongs to no account.
    fn is_linked_to_private(&self, sync: SyncId, record: &Record) -> bool;
    fn in_list(&self, list: &str, record: &Record) -> bool;
    /// Records of `object` that are associated with the record at hand.
    fn associated(&self, object: ObjectId, record: &Record) -> Vec<Record>;
}

/// Knows nothing beyond the record: for `map` and for unit tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn owner(&self, _: OwnersId, _: Side, _: &str) -> Lookup {
        Lookup::Missing("owners are only known in a run".to_owned())
    }
    fn linked_id(&self, _: SyncId, _: Side, _: &str) -> Lookup {
        Lookup::Missing("links are only known in a run".to_owned())
    }
    fn is_linked(&self, _: SyncId, _: Option<u32>, _: &Record) -> bool {
        false
    }
    fn is_linked_to_private(&self, _: SyncId, _: &Record) -> bool {
        false
    }
    fn in_list(&self, _: &str, _: &Record) -> bool {
        false
    }
    fn associated(&self, _: ObjectId, _: &Record) -> Vec<Record> {
        Vec::new()
    }
}

/// A record that is not kept: its values stand where they were read.
#[derive(Debug, Default)]
pub struct Slots<'s> {
    pub id: Cow<'s, str>,
    /// As `Record::slots`.
    pub slots: Vec<Option<View<'s>>>,
}

/// The record that fields are read of.
#[derive(Debug, Clone, Copy)]
pub enum Source<'e> {
    Record(&'e Record),
    Slots(&'e Slots<'e>),
}

impl<'e> Source<'e> {
    #[inline]
    pub fn slot(self, index: usize) -> Option<View<'e>> {
        match self {
            Source::Record(record) => record.slot(index).map(Value::view),
            Source::Slots(slots) => slots.slots.get(index)?.as_ref().map(View::again),
        }
    }

    fn len(self) -> usize {
        match self {
            Source::Record(record) => record.slots.len(),
            Source::Slots(slots) => slots.slots.len(),
        }
    }

    /// As a record, for what asks beyond it.
    fn kept(self) -> Cow<'e, Record> {
        match self {
            Source::Record(record) => Cow::Borrowed(record),
            Source::Slots(slots) => {
                let values =
                    slots.slots.iter().map(|slot| slot.as_ref().map(|view| view.again().into_value()));
                Cow::Owned(Record::new(RecordId::new(&*slots.id), values.collect()))
            }
        }
    }
}

/// Everything an evaluation reads.
#[derive(Clone, Copy)]
pub struct Env<'e> {
    pub code: &'e Code<'e>,
    pub context: &'e dyn Context,
    /// The side of the record that is asked about; the other one, if given, is what would be written.
    pub side: Side,
    pub left: Option<Source<'e>>,
    pub right: Option<Source<'e>>,
    /// What the target holds now: the way back of a many-to-one map keeps it while it still fits.
    pub current: Option<&'e Value>,
}

pub type Answer<'e> = Result<View<'e>, Stop>;

/// The value under conversion.
pub type It<'i, 'e> = Option<&'i View<'e>>;

impl<'e> Env<'e> {
    fn record(&self, side: Side) -> Option<Source<'e>> {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    #[inline(always)]
    pub fn value(&self, at: At) -> Answer<'e> {
        self.eval(at, None)
    }

    pub fn holds(&self, at: At) -> Result<bool, Stop> {
        self.truth(at, None)
    }

    /// Most operations are fields and literals: those are answered without the frame that the others need.
    #[inline(always)]
    pub fn eval(&self, at: At, it: It<'_, 'e>) -> Answer<'e> {
        match self.code.op(at) {
            Some(Op::Literal(value)) => Ok(value.again()),
            Some(Op::Field { side, index }) => {
                // Absent says nothing: for a value that is "leave alone", never "blank".
                match self.record(*side).map(|record| record.slot(*index)) {
                    Some(Some(value)) => Ok(value),
                    Some(None) => Err(Stop::Skip("absent")),
                    None => Ok(View::Null),
                }
            }
            Some(op) => self.computed(op, it),
            None => Ok(View::Null),
        }
    }

    /// As `eval`, for who only looks at the value: what stands in a slot or in the program is not moved.
    #[inline]
    fn look<R>(&self, at: At, it: It<'_, 'e>, look: impl FnOnce(&View<'e>) -> R) -> Result<R, Stop> {
        match self.code.op(at) {
            Some(Op::Literal(value)) => Ok(look(value)),
            Some(Op::Field { side, index }) => match self.record(*side) {
                Some(Source::Slots(slots)) => match slots.slots.get(*index) {
                    Some(Some(value)) => Ok(look(value)),
                    _ => Err(Stop::Skip("absent")),
                },
                _ => self.eval(at, it).map(|value| look(&value)),
            },
            _ => self.eval(at, it).map(|value| look(&value)),
        }
    }

    /// As `look`, but what is absent reads as null: `is set` asks, it writes nothing.
    #[inline]
    fn is_blank(&self, at: At, it: It<'_, 'e>) -> Result<bool, Stop> {
        match self.look(at, it, View::is_blank) {
            Err(Stop::Skip("absent")) => Ok(true),
            other => other,
        }
    }

    fn computed(&self, op: &'e Op<'e>, it: It<'_, 'e>) -> Answer<'e> {
        Ok(match op {
            Op::It => it.cloned().unwrap_or_default(),
            Op::Let { value, body } => {
                let value = self.eval(*value, it)?;
                if value.is_null() {
                    return Ok(View::Null);
                }
                self.eval(*body, Some(&value))?
            }
            Op::Negate(inner) => match self.eval(*inner, it)? {
                View::Number(number) => View::Number(-number),
                _ => View::Null,
            },
            Op::If { condition, then, otherwise } => {
                let taken = if self.truth(*condition, it)? { then } else { otherwise };
                self.eval(*taken, it)?
            }
            Op::Concat(args) => functions::concat(self, args, it)?,
            Op::Coalesce(args) => functions::coalesce(self, args, it)?,
            Op::InZone { at, zone } => functions::in_zone(self, *at, zone, it)?,
            Op::RegexExtract { text, regex, group } => {
                functions::regex_extract(self, *text, regex.as_ref(), *group, it)?
            }
            Op::Call { func, args } => functions::call(self, *func, args, it)?,
            Op::MapValue { map, value } => {
                let value = self.eval(*value, it)?;
                let Some(map) = self.code.map(*map) else { return Ok(View::Null) };
                self.map_value(map, value)?
            }
            Op::MapSet { map, value } => self.map_set(*map, self.eval(*value, it)?)?,
            Op::MapStage { maps, to, value } => self.map_stage(maps, *to, self.eval(*value, it)?)?.0,
            Op::MapScope { maps, to, value } => self.map_stage(maps, *to, self.eval(*value, it)?)?.1,
            Op::MapOwner { map, to, value } => {
                let value = self.eval(*value, it)?;
                look_up(&value, |id| self.context.owner(*map, *to, id))?
            }
            Op::LinkedId { sync, to, value } => {
                let value = self.eval(*value, it)?;
                look_up(&value, |id| self.context.linked_id(*sync, *to, id))?
            }
            Op::Convert { converter, to, value } => {
                converter.convert(*to, self.eval(*value, it)?, self.current).map_err(Stop::Hold)?
            }
            Op::Binary {
                op: op @ (BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide),
                left,
                right,
            } => {
                let (a, b) = (self.eval(*left, it)?, self.eval(*right, it)?);
                arithmetic(*op, &a, &b).map_err(Stop::Hold)?
            }
            Op::Associated { quantifier, object, condition } => {
                self.associated(*quantifier, *object, *condition, it)?
            }
            asked => View::Bool(self.answer(asked, it)?),
        })
    }

    /// The operations that answer yes or no.
    fn answer(&self, op: &Op<'e>, it: It<'_, 'e>) -> Result<bool, Stop> {
        Ok(match op {
            Op::Not(inner) => !self.truth(*inner, it)?,
            Op::And(left, right) => self.truth(*left, it)? && self.truth(*right, it)?,
            Op::Or(left, right) => self.truth(*left, it)? || self.truth(*right, it)?,
            Op::In { value, list } => self.look(*value, it, |value| is_in(value, list))?,
            Op::IsSet(inner) => !self.is_blank(*inner, it)?,
            Op::IsBlank(inner) => self.is_blank(*inner, it)?,
            Op::Binary { op, left, right } => {
                self.look(*left, it, |a| self.look(*right, it, |b| holds(*op, a, b)))??
            }
            Op::Between { value, low, high } => self.look(*value, it, |value| {
                let above = self.look(*low, it, |low| compare(value, low).is_some_and(Ordering::is_ge))?;
                let below = self.look(*high, it, |high| compare(value, high).is_some_and(Ordering::is_le))?;
                Ok(above && below)
            })??,
            Op::Matches { value, regex } => self.look(*value, it, |value| {
                value.as_text().zip(regex.as_ref()).is_some_and(|(text, regex)| regex.is_match(text))
            })?,
            Op::InList(list) => self.at_hand().is_some_and(|found| self.context.in_list(list, &found.kept())),
            Op::Linked { sync, arm } => {
                self.at_hand().is_some_and(|found| self.context.is_linked(*sync, *arm, &found.kept()))
            }
            Op::IsLinkedToPrivate { sync, linked } => {
                let private = |found: Source<'_>| self.context.is_linked_to_private(*sync, &found.kept());
                self.truth(*linked, it)? && self.at_hand().is_some_and(private)
            }
            Op::IsPrivate(inner) => self.truth(*inner, it)? && self.is_private(),
            _ => false,
        })
    }

    fn at_hand(&self) -> Option<Source<'e>> {
        self.record(self.side)
    }

    /// A Salesforce contact that belongs to no account: every `AccountId` slot that was read is blank.
    fn is_private(&self) -> bool {
        let Some(record) = self.at_hand() else { return false };
        let mut ids = self.code.plan.objects.iter().filter_map(|object| {
            let index = object.fields.iter().position(|field| field.name == "AccountId")?;
            (object.fields.len() == record.len()).then(|| record.slot(index))
        });
        ids.all(|slot| slot.is_none_or(|value| value.is_blank()))
    }

    fn truth(&self, at: At, it: It<'_, 'e>) -> Result<bool, Stop> {
        match self.code.op(at) {
            Some(
                op @ (Op::Not(_)
                | Op::And(..)
                | Op::Or(..)
                | Op::In { .. }
                | Op::IsSet(_)
                | Op::IsBlank(_)
                | Op::Between { .. }
                | Op::Matches { .. }),
            ) => self.answer(op, it),
            Some(op @ Op::Binary { op: asked, .. }) if !computes(*asked) => self.answer(op, it),
            _ => self.look(at, it, |value| matches!(value, View::Bool(true))),
        }
    }

    fn map_value(&self, map: &ValueTable<'e>, value: View<'e>) -> Answer<'e> {
        if value.is_blank() {
            return Ok(View::Null);
        }
        let text = value.into_text();
        // Several values may come from one: the target keeps its own while that still means the same.
        if let Some(Value::Text(current)) = self.current
            && !current.is_empty()
        {
            let means = match (map.back.get(current), map.back_otherwise) {
                (Some(mapped), _) => *mapped == *text,
                (None, Else::To(mapped)) => **mapped == *text,
                _ => false,
            };
            if means {
                return Ok(View::Text(Text::Kept(current)));
            }
        }
        match map.table.get(&text) {
            Some(mapped) => Ok(View::slice(mapped)),
            None => unlisted(map.otherwise, map.name, &text),
        }
    }

    fn map_set(&self, map: Option<usize>, value: View<'e>) -> Answer<'e> {
        let Some(map) = self.code.map(map) else { return Ok(value) };
        let View::Set(items) = value else { return Ok(value) };
        let mut mapped = Vec::with_capacity(items.len());
        for item in items {
            match self.map_value(map, View::Text(item)) {
                Ok(View::Text(text)) => mapped.push(text),
                Ok(_) | Err(Stop::Skip(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(View::set(mapped))
    }

    /// The stage and the scope (pipeline, record type) that go with the source's stage.
    fn map_stage(
        &self,
        maps: &[StageTable<'e>],
        to: Side,
        value: View<'e>,
    ) -> Result<(View<'e>, View<'e>), Stop> {
        let Some(stage) = value.as_text().filter(|stage| !stage.is_empty()) else {
            return Err(Stop::SkipRecord("stage-unmapped"));
        };
        let mut otherwise: Option<&'e Else> = None;
        // What is to be written stays in its pipeline or record type as long as that has the stage.
        for same_scope in [true, false] {
            for map in maps {
                if self.in_scope(map, to) != same_scope || !self.in_scope(map, to.other()) {
                    continue;
                }
                let scope = map.scope.map_or(View::Null, View::slice);
                if let Some(Value::Text(current)) = self.current
                    && map.back.get(current).is_some_and(|mapped| mapped == stage)
                {
                    return Ok((View::Text(Text::Kept(current)), scope));
                }
                if let Some(mapped) = map.table.get(stage) {
                    return Ok((View::slice(mapped), scope));
                }
                otherwise.get_or_insert(map.otherwise);
            }
        }
        match otherwise {
            Some(Else::Fail) => Err(Stop::Fail(format!("stage \"{stage}\" is not mapped"))),
            Some(Else::Hold) => Err(Stop::Hold(format!("stage \"{stage}\" is not mapped"))),
            Some(Else::To(value)) => Ok((View::slice(value), View::Null)),
            _ => Err(Stop::SkipRecord("stage-unmapped")),
        }
    }

    /// Whether a side's record stands in the map's pipeline or record type.
    fn in_scope(&self, map: &StageTable<'e>, side: Side) -> bool {
        let Some((scope, field)) = map.scoped(side) else { return true };
        match self.record(side).and_then(|record| record.slot(field.index())) {
            Some(View::Text(value)) => same_id(&value, scope),
            // A record without one stands in the default: it takes the first map that lists its stage.
            _ => true,
        }
    }

    fn associated(
        &self,
        quantifier: Quantifier,
        object: ObjectId,
        condition: Option<At>,
        it: It<'_, 'e>,
    ) -> Answer<'e> {
        let Some(record) = self.at_hand() else { return Ok(View::Bool(false)) };
        let others = self.context.associated(object, &record.kept());
        let mut count = 0_u32;
        for other in &others {
            let holds = match condition {
                None => true,
                Some(condition) => {
                    let other = Some(Source::Record(other));
                    Env { left: other, right: other, ..*self }.truth(condition, it)?
                }
            };
            count += u32::from(holds);
        }
        let all = others.len() == count as usize;
        Ok(match quantifier {
            Quantifier::Any => View::Bool(count > 0),
            Quantifier::All => View::Bool(all && count > 0),
            Quantifier::No => View::Bool(count == 0),
            Quantifier::Count => View::Number(Decimal::from(count)),
        })
    }
}

/// Whether an operator gives a number.
fn computes(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide)
}

/// What an operator that compares says of two values.
fn holds(op: BinaryOp, a: &View<'_>, b: &View<'_>) -> bool {
    match op {
        BinaryOp::Equal => equal(a, b),
        BinaryOp::NotEqual => !equal(a, b),
        BinaryOp::Less => compare(a, b).is_some_and(Ordering::is_lt),
        BinaryOp::LessEqual => compare(a, b).is_some_and(Ordering::is_le),
        BinaryOp::Greater => compare(a, b).is_some_and(Ordering::is_gt),
        BinaryOp::GreaterEqual => compare(a, b).is_some_and(Ordering::is_ge),
        BinaryOp::In | BinaryOp::Contains => {
            let (whole, part) = if op == BinaryOp::In { (b, a) } else { (a, b) };
            match (whole, part) {
                (View::Set(items), View::Text(text)) => items.contains(text),
                (View::Text(whole), View::Text(part)) => whole.contains(&**part),
                _ => false,
            }
        }
        BinaryOp::StartsWith => a.as_text().zip(b.as_text()).is_some_and(|(a, b)| a.starts_with(b)),
        BinaryOp::EndsWith => a.as_text().zip(b.as_text()).is_some_and(|(a, b)| a.ends_with(b)),
        BinaryOp::Add
        | BinaryOp::Subtract
        | BinaryOp::Multiply
        | BinaryOp::Divide
        | BinaryOp::And
        | BinaryOp::Or => false,
    }
}

fn is_in(value: &View<'_>, list: &Members<'_>) -> bool {
    match (value, list) {
        (View::Text(text), Members::Texts(texts)) => texts.has(text),
        (View::Set(items), Members::Texts(texts)) => items.iter().any(|item| texts.has(item)),
        (View::Bool(value), Members::Texts(texts)) => texts.has(if *value { "true" } else { "false" }),
        (_, Members::Texts(_)) => false,
        (View::Set(items), Members::Values(list)) => {
            list.iter().filter_map(Value::as_text).any(|wanted| items.iter().any(|item| **item == *wanted))
        }
        (value, Members::Values(list)) => list.iter().any(|wanted| equal(value, &wanted.view())),
    }
}

fn look_up(value: &View<'_>, find: impl Fn(&str) -> Lookup) -> Answer<'static> {
    let Some(id) = value.as_text().filter(|id| !id.is_empty()) else { return Ok(View::Null) };
    match find(id) {
        Lookup::Found(found) => Ok(View::text(&*found)),
        Lookup::Missing(why) => Err(Stop::Hold(why)),
        Lookup::Skip => Err(Stop::Skip("unmatched")),
        Lookup::Blank => Ok(View::Null),
    }
}

/// Salesforce ids are the same in 15 and in 18 characters.
fn same_id(a: &str, b: &str) -> bool {
    a == b || (a.len() >= 15 && b.len() >= 15 && a.len() != b.len() && a.get(..15) == b.get(..15))
}

fn unlisted<'e>(otherwise: &'e Else, map: &str, value: &str) -> Answer<'e> {
    match otherwise {
        Else::Skip => Err(Stop::Skip("unmapped")),
        Else::Hold => Err(Stop::Hold(format!("`{map}` does not list \"{value}\""))),
        Else::Fail => Err(Stop::Fail(format!("`{map}` does not list \"{value}\""))),
        Else::To(value) => Ok(View::slice(value)),
    }
}
