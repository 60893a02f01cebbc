//! Comparing and computing with two values.

use std::cmp::Ordering;

use super::Answer;
use crate::syntax::ast::BinaryOp;
use crate::view::View;

/// Equality of expressions: nothing equals null, not even null.
pub fn equal(a: &View<'_>, b: &View<'_>) -> bool {
    match (a, b) {
        (View::Text(a), View::Text(b)) => a == b,
        (View::Bool(a), View::Text(b)) | (View::Text(b), View::Bool(a)) => {
            **b == *(if *a { "true" } else { "false" })
        }
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Number(a), View::Number(b)) => a == b,
        (View::Date(a), View::Date(b)) => a == b,
        (View::DateTime(a), View::DateTime(b)) => a == b,
        (View::Set(a), View::Set(b)) => a == b,
        _ => false,
    }
}

/// The order of two values of one kind; others have none.
pub fn compare(a: &View<'_>, b: &View<'_>) -> Option<Ordering> {
    match (a, b) {
        (View::Number(a), View::Number(b)) => Some(a.cmp(b)),
        (View::Text(a), View::Text(b)) => Some(a.cmp(b)),
        (View::Date(a), View::Date(b)) => Some(a.cmp(b)),
        (View::DateTime(a), View::DateTime(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// `+ - * /` in exact decimals.
pub fn arithmetic(op: BinaryOp, a: &View<'_>, b: &View<'_>) -> Answer<'static> {
    let (View::Number(a), View::Number(b)) = (a, b) else { return Ok(View::Null) };
    let result = match op {
        BinaryOp::Add => a.checked_add(*b),
        BinaryOp::Subtract => a.checked_sub(*b),
        BinaryOp::Multiply => a.checked_mul(*b),
        _ => a.checked_div(*b),
    };
    match result {
        Some(number) => Ok(View::Number(number.normalize())),
        None if b.is_zero() => Err("a division by zero".to_owned()),
        None => Err("a number beyond what can be kept exactly".to_owned()),
    }
}
