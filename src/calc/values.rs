//! The same over kept values, for the checker.

use std::cmp::Ordering;

use super::{Convert, Converter};
use crate::builtin::Func;
use crate::record::Side;
use crate::syntax::ast::BinaryOp;
use crate::value::Value;
use crate::view::View;

type Kept = Result<Value, String>;

pub fn equal(a: &Value, b: &Value) -> bool {
    super::equal(&a.view(), &b.view())
}

pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    super::compare(&a.view(), &b.view())
}

pub fn arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Kept {
    super::arithmetic(op, &a.view(), &b.view()).map(View::into_value)
}

pub fn apply(func: Func, values: &[Value]) -> Kept {
    let mut views: Vec<View<'_>> = values.iter().map(Value::view).collect();
    super::apply(func, &mut views).map(View::into_value)
}

pub fn in_zone(at: &Value, zone: &Value) -> Kept {
    let (Value::DateTime(_), Some(zone)) = (at, zone.as_text()) else { return Ok(Value::Null) };
    let zone = Some(super::zone(zone)?);
    super::in_zone(&at.view(), zone.as_ref()).map(View::into_value)
}

pub fn convert(converter: &Convert, to: Side, value: &Value, current: Option<&Value>) -> Kept {
    Converter::new(converter).convert(to, value.view(), current).map(View::into_value)
}
