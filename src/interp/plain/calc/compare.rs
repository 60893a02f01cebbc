//! Comparing and computing with two values.

use std::cmp::Ordering;

use super::Answer;
use crate::syntax::ast::BinaryOp;
use crate::value::Value;

/// Equality of expressions: nothing equals null, not even null.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bool(a), Value::Text(b)) | (Value::Text(b), Value::Bool(a)) => **b == *a.to_string(),
        (a, b) => a == b,
    }
}

/// The order of two values of one kind; others have none.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// `+ - * /` in exact decimals.
pub fn arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Answer {
    let (Value::Number(a), Value::Number(b)) = (a, b) else { return Ok(Value::Null) };
    let result = match op {
        BinaryOp::Add => a.checked_add(*b),
        BinaryOp::Subtract => a.checked_sub(*b),
        BinaryOp::Multiply => a.checked_mul(*b),
        _ => a.checked_div(*b),
    };
    match result {
        Some(number) => Ok(Value::Number(number.normalize())),
        None if b.is_zero() => Err("a division by zero".to_owned()),
        None => Err("a number beyond what can be kept exactly".to_owned()),
    }
}
