//! SOQL texts. Values become literals in one place and names are checked in one place, so that no record value and
//! no mapping can change what a query does.

use std::fmt::Write as _;

use crate::schema::FieldType;
use crate::value::{Millis, Value};

/// A name that can't be part of a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name that a query can hold")]
pub struct BadName(pub String);

/// A field path or object name: letters, digits and underscores, parts joined by dots.
pub fn name(text: &str) -> Result<&str, BadName> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match text.split('.').all(part) {
        true => Ok(text),
        false => Err(BadName(text.to_owned())),
    }
}

/// A quoted text.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A value as its field compares it: dates and times bare, numbers bare, everything else quoted.
pub fn literal(ty: &FieldType, value: &Value) -> String {
    match (ty, value) {
        (_, Value::Null) => "null".to_owned(),
        (FieldType::Bool, Value::Bool(value)) => value.to_string(),
        (FieldType::Date, Value::Date(date)) => date.to_string(),
        (FieldType::DateTime, Value::DateTime(at)) => stamp(*at),
        (
            FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. },
            Value::Number(number),
        ) => number.normalize().to_string(),
        (_, other) => quoted(&other.to_string()),
    }
}

/// A point in time as a literal.
pub fn stamp(at: Millis) -> String {
    at.to_string()
}

/// `'a','b'`
pub fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::types::Digits;

    #[test]
    fn values_stay_values() {
        assert_eq!(quoted("O'Neil\\ \n x"), "'O\\'Neil\\\\ \\n x'");
        assert_eq!(quoted("a' OR Id != '"), "'a\\' OR Id != \\''");
        let number = Value::Number("12.50".parse().unwrap());
        assert_eq!(literal(&FieldType::Decimal(Digits::default()), &number), "12.5");
        assert_eq!(literal(&FieldType::Text { max: None }, &number), "'12.5'");
        assert_eq!(literal(&FieldType::DateTime, &Value::DateTime(Millis(0))), "1970-01-01T00:00:00.000Z");
        assert_eq!(literal(&FieldType::Bool, &Value::text("true OR true")), "'true OR true'");
    }

    #[test]
    fn names_are_names() {
        assert!(name("Owner.Email").is_ok() && name("Twinmap_Id__c").is_ok());
        for bad in ["", "a b", "Id FROM User", "x'", "1x", "a..b", "Größe"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
