//! Trying values out: what an expression or a converter makes of one, and values worth trying for a field.
//!
//! Runs the same functions as the interpreter. `None` = not known at compile time (links, owners), or held at run time.

use std::collections::BTreeSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::fit::{is_number, is_text};
use crate::builtin::{Converter, Func};
use crate::calc::{Convert, values as calc};
use crate::resolve::hir::{Expr, FieldRef, Kind, Program, Side, Use};
use crate::schema::types::Digits;
use crate::schema::{Field, FieldType};
use crate::syntax::ast::BinaryOp;
use crate::value::{Millis, Value};

/// What an expression reads.
pub struct Given<'g> {
    /// The value under conversion.
    pub it: Option<&'g Value>,
    /// The value of a field.
    pub field: &'g dyn Fn(FieldRef<'_>) -> Value,
}

pub fn eval(expr: &Expr<'_>, given: &Given<'_>) -> Option<Value> {
    Some(match &expr.kind {
        Kind::Literal(value) => value.clone(),
        Kind::It => given.it.cloned().unwrap_or(Value::Null),
        Kind::Field(_, field) => (given.field)(*field),
        Kind::Not(inner) => Value::Bool(!truth(inner, given)?),
        Kind::Negate(inner) => match eval(inner, given)? {
            Value::Number(number) => Value::Number(-number),
            _ => Value::Null,
        },
        Kind::IsSet { operand, negated } => Value::Bool(eval(operand, given)?.is_blank() == *negated),
        Kind::IsBlank { operand, negated } => Value::Bool(eval(operand, given)?.is_blank() != *negated),
        Kind::If { condition, then, otherwise } => {
            if truth(condition, given)? {
                eval(then, given)?
            } else {
                eval(otherwise, given)?
            }
        }
        Kind::Binary { op, left, right } => binary(*op, left, right, given)?,
        Kind::Between { operand, low, high } => {
            let (value, low, high) = (eval(operand, given)?, eval(low, given)?, eval(high, given)?);
            let within = calc::compare(&value, &low).is_some_and(|order| order.is_ge())
                && calc::compare(&value, &high).is_some_and(|order| order.is_le());
            Value::Bool(within)
        }
        Kind::Call { func, args } => call(*func, args, given)?,
        _ => return None,
    })
}

fn truth(expr: &Expr<'_>, given: &Given<'_>) -> Option<bool> {
    Some(eval(expr, given)? == Value::Bool(true))
}

fn binary(op: BinaryOp, left: &Expr<'_>, right: &Expr<'_>, given: &Given<'_>) -> Option<Value> {
    let text = |value: &Value| value.as_text().map(str::to_owned);
    Some(match op {
        BinaryOp::And => Value::Bool(truth(left, given)? && truth(right, given)?),
        BinaryOp::Or => Value::Bool(truth(left, given)? || truth(right, given)?),
        BinaryOp::In => {
            let value = eval(left, given)?;
            let Kind::List(items) = &right.kind else { return None };
            let mut found = false;
            for item in items {
                found |= calc::equal(&value, &eval(item, given)?);
            }
            Value::Bool(found)
        }
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
            calc::arithmetic(op, &eval(left, given)?, &eval(right, given)?).ok()?
        }
        _ => {
            let (a, b) = (eval(left, given)?, eval(right, given)?);
            let order = calc::compare(&a, &b);
            Value::Bool(match op {
                BinaryOp::Equal => calc::equal(&a, &b),
                BinaryOp::NotEqual => !calc::equal(&a, &b),
                BinaryOp::Less => order.is_some_and(|order| order.is_lt()),
                BinaryOp::LessEqual => order.is_some_and(|order| order.is_le()),
                BinaryOp::Greater => order.is_some_and(|order| order.is_gt()),
                BinaryOp::GreaterEqual => order.is_some_and(|order| order.is_ge()),
                BinaryOp::StartsWith => text(&a)?.starts_with(&text(&b)?),
                BinaryOp::EndsWith => text(&a)?.ends_with(&text(&b)?),
                BinaryOp::Contains => text(&a)?.contains(&text(&b)?),
                _ => return None,
            })
        }
    })
}

fn call(func: Func, args: &[Expr<'_>], given: &Given<'_>) -> Option<Value> {
    let values: Vec<Value> = args.iter().map(|arg| eval(arg, given)).collect::<Option<_>>()?;
    Some(match func {
        Func::Concat => {
            let text: String = values.iter().map(ToString::to_string).collect();
            if text.is_empty() { Value::Null } else { Value::text(text) }
        }
        Func::Coalesce => values.into_iter().find(|value| !value.is_blank()).unwrap_or(Value::Null),
        Func::InZone => calc::in_zone(values.first()?, values.get(1)?).ok()?,
        _ if values.iter().any(Value::is_null) => Value::Null,
        _ => calc::apply(func, &values).ok()?,
    })
}

/// A value through one body of a `convert`; null stays null.
pub fn body(expr: &Expr<'_>, value: &Value) -> Option<Value> {
    if value.is_null() {
        return Some(Value::Null);
    }
    eval(expr, &Given { it: Some(value), field: &|_| Value::Null })
}

/// A value through what stands behind `using`, towards a side. `current` is what the target held before.
pub fn through(
    program: &Program<'_>,
    item: &Use,
    to: Side,
    value: &Value,
    current: Option<&Value>,
) -> Option<Value> {
    let builtin = |converter: Convert| calc::convert(&converter, to, value, current).ok();
    match item {
        Use::Convert(index, _) => {
            let found = program.converts.get(*index)?;
            let arm = if to == Side::Right { &found.right } else { &found.left };
            body(arm.as_ref()?, value)
        }
        Use::Values(index, _) => {
            let map = program.values.get(*index)?;
            let text = value.to_string();
            map.rows.iter().find_map(|row| {
                let (from, into, goes) = match to {
                    Side::Right => (&row.left, &row.right, row.arrow.direction.goes_right()),
                    Side::Left => (&row.right, &row.left, row.arrow.direction.goes_left()),
                };
                (goes && from.value == text).then(|| Value::text(into.value.as_str()))
            })
        }
        Use::CalendarDay { zone, .. } => builtin(Convert::CalendarDay { zone: zone.clone() }),
        Use::Phone { region, .. } => builtin(Convert::Phone { region: region.clone() }),
        Use::Builtin(converter, _) => builtin(match converter {
            Converter::WebAddress => Convert::WebAddress,
            Converter::Email => Convert::Email,
            Converter::Percent => Convert::Percent,
            Converter::Cents => Convert::Cents,
            Converter::YesNo => Convert::YesNo,
            Converter::Trimmed => Convert::Trimmed,
            Converter::Lowercase => Convert::Lowercase,
            Converter::RichText => Convert::RichText,
            _ => return None,
        }),
        _ => None,
    }
}

/// Whether two values are the same to a CRM: texts but for blanks around them, numbers by value, null and "" alike.
pub fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.trim() == b.trim(),
        (Value::Number(a), Value::Number(b)) => a.normalize() == b.normalize(),
        (a, b) => a == b || (a.is_blank() && b.is_blank()),
    }
}

/// Every text that an expression writes out, for values that touch its edge cases.
pub fn texts_in(expr: &Expr<'_>, into: &mut BTreeSet<String>) {
    expr.walk(&mut |part| {
        if let Kind::Literal(Value::Text(text)) = &part.kind {
            into.insert(text.to_string());
        }
    });
}

/// Values worth trying for a field: all options, the corners of numbers and times, texts around `seeds`.
pub fn samples(field: &Field, seeds: &BTreeSet<String>) -> Vec<Value> {
    let ty = &field.ty;
    match ty {
        FieldType::Bool => vec![Value::Bool(true), Value::Bool(false)],
        FieldType::Option if !field.options.is_empty() => {
            field.options.iter().take(2_000).map(|option| Value::text(option.value.as_str())).collect()
        }
        FieldType::Options => {
            let values: Vec<&str> = field.options.iter().map(|option| option.value.as_str()).collect();
            let single = values.iter().take(100).map(|value| Value::set([*value]));
            single.chain(values.windows(2).take(100).map(|pair| Value::set(pair.iter().copied()))).collect()
        }
        FieldType::Date => dates().into_iter().map(Value::Date).collect(),
        FieldType::DateTime => [0, 1_774_970_400_000, 1_774_908_000_000, 1_800_000_000_123, -86_400_001]
            .into_iter()
            .map(|at| Value::DateTime(Millis(at)))
            .collect(),
        ty if is_number(ty) => numbers(ty),
        _ => texts(ty, seeds),
    }
}

fn dates() -> Vec<Date> {
    ["1970-01-01", "2024-02-29", "2026-01-31", "2026-03-29", "2026-12-31"]
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// Numbers that the type can hold.
fn numbers(ty: &FieldType) -> Vec<Value> {
    let texts = [
        "0",
        "1",
        "-1",
        "7",
        "100",
        "0.5",
        "0.125",
        "0.1",
        "0.01",
        "-2.75",
        "1.005",
        "33.3",
        "99.99",
        "12345.678",
        "0.333333",
        "1000000",
        "987654",
    ];
    let all = texts.into_iter().filter_map(|text| text.parse::<Decimal>().ok());
    all.filter(|number| holds(ty, *number)).map(|number| Value::Number(number.normalize())).collect()
}

/// Whether a number type keeps a number as it is.
fn holds(ty: &FieldType, number: Decimal) -> bool {
    let (precision, scale) = match ty {
        FieldType::Int { digits } => (*digits, Some(0)),
        FieldType::Decimal(Digits { precision, scale })
        | FieldType::Money(Digits { precision, scale })
        | FieldType::Percent { digits: Digits { precision, scale }, .. } => (*precision, *scale),
        _ => return true,
    };
    let number = number.normalize();
    let whole = number.trunc().abs().to_string().len();
    scale.is_none_or(|scale| number.scale() <= scale)
        && precision.is_none_or(|all| whole <= all.saturating_sub(scale.unwrap_or(0)) as usize)
}

fn texts(ty: &FieldType, seeds: &BTreeSet<String>) -> Vec<Value> {
    let max = match ty {
        FieldType::Text { max } | FieldType::LongText { max } => max.unwrap_or(400) as usize,
        _ => 400,
    };
    let mut all: Vec<String> = [
        "a",
        "Acme Ltd",
        "ACME",
        "acme",
        "Ab1 cD",
        "x y z",
        "\u{dc}n\u{ef}",
        "0",
        "12.50",
        "a;b",
        "a, b",
        "a-b_c",
        "https://Acme.example/Path?q=1",
        "http://www.acme.example",
        "acme.example",
        "Kim@Acme.example",
        "+39 06 1234567",
        "2026-01-31",
        "Yes",
        "true",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("lorem ipsum ".repeat(25).trim_end().to_owned());
    for seed in seeds.iter().filter(|seed| !seed.is_empty()).take(50) {
        all.extend([
            seed.clone(),
            format!("{seed}x"),
            format!("x{seed}"),
            format!("x{seed}y"),
            format!("{seed}{seed}"),
        ]);
    }
    all.retain(|text| text.chars().count() <= max);
    all.into_iter().map(Value::text).collect()
}

/// Whether a field would take a value that came out of a converter; else it is held, and nothing is lost.
pub fn takes(field: &Field, value: &Value) -> bool {
    match (&field.ty, value) {
        (_, Value::Null) => true,
        (FieldType::Option, Value::Text(text)) => {
            field.options.is_empty() || field.options.iter().any(|option| option.value == **text)
        }
        (FieldType::Text { max: Some(max) } | FieldType::LongText { max: Some(max) }, Value::Text(text)) => {
            text.chars().count() <= *max as usize
        }
        (ty, Value::Number(number)) if is_number(ty) => holds(ty, *number),
        (ty, Value::Number(_)) => !is_text(ty) && !matches!(ty, FieldType::Date | FieldType::DateTime),
        (ty, Value::Text(_)) => {
            !is_number(ty) && !matches!(ty, FieldType::Date | FieldType::DateTime | FieldType::Bool)
        }
        (FieldType::Bool, Value::Bool(_)) | (FieldType::Date, Value::Date(_)) => true,
        (FieldType::DateTime, Value::DateTime(_)) | (FieldType::Options, Value::Set(_)) => true,
        (FieldType::Unknown, _) => true,
        _ => false,
    }
}
