//! The typed values that travel between CRMs.
//!
//! Invariant: a `Value` is in canonical form for comparison (sets sorted and free of duplicates, times in
//! whole milliseconds of UTC). A value that a response did not contain is *absent* and is no `Value` at all:
//! see [`Slot`]. How a value looks on a vendor's wire is the business of `crate::wire`.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// One value of one field. `Null` is "the field is known to be blank".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Null,
    Bool(bool),
    /// Exact decimal; never a float.
    Number(Decimal),
    /// Text, and also option values, record ids, owner ids, e-mail addresses, phones, URLs.
    Text(Arc<str>),
    Date(Date),
    DateTime(Millis),
    /// The chosen values of a multi-select, sorted, each once.
    Set(Vec<Arc<str>>),
}

/// What a read says of a field: `None` = absent from the response (nothing is known), else the value.
pub type Slot = Option<Value>;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Value {
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Value::Text(text.into())
    }

    pub fn set<I, S>(values: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<Arc<str>>,
    {
        let mut values: Vec<Arc<str>> = values.into_iter().map(Into::into).collect();
        values.sort();
        values.dedup();
        Value::Set(values)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Blank as an admin sees it: null, empty text or an empty set. `false` and `0` are values.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::Set(values) => values.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Date(_) | Value::DateTime(_) => false,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Millis {
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    pub fn plus(self, milliseconds: i64) -> Self {
        Millis(self.0.saturating_add(milliseconds))
    }
}

/// ISO 8601 in UTC with milliseconds: `2026-01-31T10:00:00.000Z`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

/// The value as a person reads it in a plan: texts bare, sets joined by `;`, null as nothing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{}", number.normalize()),
            Value::Text(text) => f.write_str(text),
            Value::Date(date) => write!(f, "{date}"),
            Value::DateTime(at) => write!(f, "{at}"),
            Value::Set(values) => f.write_str(&values.join(";")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_canonical_and_times_print_with_milliseconds() {
        assert_eq!(Value::set(["b", "a", "b"]), Value::set(["a", "b"]));
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Value::Number("10.50".parse().unwrap()).to_string(), "10.5");
    }

    #[test]
    fn false_and_zero_are_not_blank() {
        assert!(!Value::Bool(false).is_blank());
        assert!(!Value::Number(Decimal::ZERO).is_blank());
        assert!(Value::text("").is_blank());
    }
}
