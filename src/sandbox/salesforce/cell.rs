//! Stored values: small, typed, cheap to copy.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::doc::{Doc, object};
use super::ids::Id;
use super::meta::{Field, Type};
use super::time;

#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    #[default]
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Arc<str>),
    Date(Date),
    Stamp(i64),
    Ref(Id),
    /// The parts of an address, by name: read only, made from the fields next to it.
    Address(Arc<[(&'static str, Cell)]>),
}

impl Cell {
    pub fn text(text: impl Into<Arc<str>>) -> Cell {
        Cell::Text(text.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub fn as_id(&self) -> Option<Id> {
        match self {
            Cell::Ref(id) => Some(*id),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON of the REST API.
    pub fn doc(&self, field: &Field) -> Doc {
        match self {
            Cell::Null if field.ty == Type::Boolean => Doc::Bool(false),
            Cell::Null => Doc::Null,
            Cell::Bool(value) => Doc::Bool(*value),
            Cell::Number(number) if field.ty == Type::Int => Doc::Number(number.trunc().to_string().into()),
            Cell::Number(number) => Doc::Number(double(*number).into()),
            Cell::Text(text) => Doc::Text(text.to_string().into()),
            Cell::Date(day) => Doc::Text(day.to_string().into()),
            Cell::Stamp(millis) => Doc::Text(time::datetime(*millis).into()),
            Cell::Ref(id) => Doc::Text(id.to_string().into()),
            Cell::Address(parts) => {
                let mut doc = object([]);
                for (name, part) in parts.iter() {
                    doc.push(*name, part.plain());
                }
                doc
            }
        }
    }

    /// Without a field to say how: numbers as doubles.
    pub fn plain(&self) -> Doc {
        match self {
            Cell::Null => Doc::Null,
            Cell::Number(number) => Doc::Number(double(*number).into()),
            other => other.doc(&Field::default()),
        }
    }

    /// As one cell of a CSV file.
    pub fn csv(&self, field: &Field) -> String {
        match self {
            Cell::Stamp(millis) => time::datetime_csv(*millis),
            Cell::Null if field.ty != Type::Boolean => String::new(),
            other => match other.doc(field) {
                Doc::Text(text) => text.into_owned(),
                doc => doc.to_text(super::doc::Layout::Compact),
            },
        }
    }

    /// As it goes into the log of mutations.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Cell::Number(number) => {
                let digits = number.normalize().to_string();
                digits.parse::<serde_json::Number>().map_or(serde_json::Value::Null, Into::into)
            }
            other => other.plain().to_value(),
        }
    }

    /// The order of `ORDER BY` among values that are not null: text without regard to case.
    pub fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Text(a), Cell::Text(b)) => fold(a).cmp(fold(b)).then_with(|| a.cmp(b)),
            (Cell::Number(a), Cell::Number(b)) => a.cmp(b),
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
            (Cell::Date(a), Cell::Date(b)) => a.cmp(b),
            (Cell::Stamp(a), Cell::Stamp(b)) => a.cmp(b),
            (Cell::Ref(a), Cell::Ref(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// Text without regard to case, for comparing.
pub fn fold(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// A double as Java prints it: `15000.0`, `1.39E8`.
pub fn double(number: Decimal) -> String {
    let number = number.normalize();
    let value = number.to_f64().unwrap_or_default();
    if value != 0.0 && !(1e-3..1e7).contains(&value.abs()) {
        let text = format!("{value:E}");
        let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let point = if mantissa.contains('.') { "" } else { ".0" };
        return format!("{mantissa}{point}E{exponent}");
    }
    if number.scale() == 0 { format!("{number}.0") } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::double;

    #[test]
    fn doubles_look_like_javas() {
        let of = |text: &str| double(text.parse().unwrap());
        assert_eq!(of("15000"), "15000.0");
        assert_eq!(of("139000000"), "1.39E8");
        assert_eq!(of("10000000"), "1.0E7");
        assert_eq!(of("123456789012.25"), "1.2345678901225E11");
        assert_eq!(of("0.5"), "0.5");
        assert_eq!(of("0"), "0.0");
        assert_eq!(of("-20.50"), "-20.5");
    }
}
