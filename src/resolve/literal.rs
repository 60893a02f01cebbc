//! Literals as typed values: what stands in tests, lists and comparisons.

use rust_decimal::Decimal;

use crate::schema::FieldType;
use crate::syntax::ast::{self, ExprKind};
use crate::value::{Millis, Value};

/// The number of a literal; `20%` is 0.2.
pub fn number(number: &ast::Number) -> Decimal {
    if number.percent { number.value / Decimal::ONE_HUNDRED } else { number.value }
}

/// A literal of a test as a value of the field's type; `Err` says what the field wants instead.
pub fn typed(expr: &ast::Expr, ty: &FieldType) -> Result<Value, &'static str> {
    match (&expr.kind, ty) {
        (ExprKind::Path(path), _) if path.text() == "null" => Ok(Value::Null),
        (_, FieldType::Unknown) => untyped(expr),
        (ExprKind::Bool(value), FieldType::Bool) => Ok(Value::Bool(*value)),
        (_, FieldType::Bool) => Err("`true` or `false`"),
        (
            ExprKind::Number(value),
            FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. },
        ) => Ok(Value::Number(number(value))),
        (ExprKind::Negate(inner), FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_)) => {
            match &inner.kind {
                ExprKind::Number(value) => Ok(Value::Number(-number(value))),
                _ => Err("a number"),
            }
        }
        (
            _,
            FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. },
        ) => Err("a number"),
        (_, FieldType::Date) => match date_call(expr, "date").and_then(|text| text.parse().ok()) {
            Some(date) => Ok(Value::Date(date)),
            None => Err("a date such as `date(\"2026-01-31\")`"),
        },
        (_, FieldType::DateTime) => {
            match date_call(expr, "datetime").and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
                Some(at) => Ok(Value::DateTime(Millis(at.as_millisecond()))),
                None => Err("a point in time such as `datetime(\"2026-01-31T10:00:00Z\")`"),
            }
        }
        (ExprKind::List(items), FieldType::Options) => {
            let mut values = Vec::new();
            for item in items {
                match &item.kind {
                    ExprKind::Text(text) => values.push(text.value.clone()),
                    _ => return Err("a list of quoted values"),
                }
            }
            Ok(Value::set(values))
        }
        (ExprKind::Text(text), FieldType::Options) => {
            Ok(Value::set(text.value.split(';').filter(|value| !value.is_empty()).map(str::to_owned)))
        }
        (_, FieldType::Options) => Err("a list of quoted values"),
        (ExprKind::Text(text), _) => {
            Ok(if text.value.is_empty() { Value::Null } else { Value::text(text.value.as_str()) })
        }
        _ => Err("a quoted text"),
    }
}

fn untyped(expr: &ast::Expr) -> Result<Value, &'static str> {
    match &expr.kind {
        ExprKind::Bool(value) => Ok(Value::Bool(*value)),
        ExprKind::Number(value) => Ok(Value::Number(number(value))),
        ExprKind::Text(text) => Ok(Value::text(text.value.as_str())),
        _ => Err("a literal"),
    }
}

fn date_call<'e>(expr: &'e ast::Expr, func: &str) -> Option<&'e str> {
    match &expr.kind {
        ExprKind::Call { name, args } if name.text == func => match args.as_slice() {
            [ast::Expr { kind: ExprKind::Text(text), .. }] => Some(&text.value),
            _ => None,
        },
        ExprKind::Text(text) => Some(&text.value),
        _ => None,
    }
}
