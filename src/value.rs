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

const DAY: i64 = 86_400_000;
/// The last point in time that a timestamp can hold, 9999-12-30T22:00:00.999Z.
const LAST: i64 = 253_402_207_200_999;

/// Year, month and day of a number of days since 1970 in the Gregorian calendar (the usual 400-year cycle arithmetic,
/// with years that begin in March).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The number of days since 1970 of a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl Millis {
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    pub fn plus(self, milliseconds: i64) -> Self {
        Millis(self.0.saturating_add(milliseconds))
    }

    /// `2026-01-31T10:00:00.000Z`, when the year has four digits.
    pub fn digits(self) -> Option<[u8; 24]> {
        let (days, of_day) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        if !(0..=9999).contains(&year) || self.0 > LAST {
            return None;
        }
        let pair = |number: i64| {
            let number = u8::try_from(number.rem_euclid(100)).unwrap_or(0);
            [b'0' + number / 10, b'0' + number % 10]
        };
        let [a, b] = pair(year / 100);
        let [c, d] = pair(year);
        let [e, f] = pair(month);
        let [g, h] = pair(day);
        let [i, j] = pair(of_day / 3_600_000);
        let [k, l] = pair(of_day / 60_000 % 60);
        let [m, n] = pair(of_day / 1000 % 60);
        let [o, p] = pair(of_day % 1000 / 10);
        let [_, q] = pair(of_day % 10);
        Some([a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n, b'.', o, p, q, b'Z'])
    }

    /// The point in time of a day and a time of day in UTC.
    pub fn of(day: Date, of_day: i64) -> Self {
        Millis(days(i64::from(day.year()), i64::from(day.month()), i64::from(day.day())) * DAY + of_day)
    }
}

/// ISO 8601 in UTC with milliseconds: `2026-01-31T10:00:00.000Z`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits() {
            Some(text) => f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => write!(f, "{:.3}", self.timestamp()),
        }
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
    fn times_print_as_the_calendar_says() {
        let step = 86_400_000 * 13 + 3_723_041;
        for at in (-62_135_596_800_000..LAST).step_by(step) {
            assert_eq!(Millis(at).to_string(), format!("{:.3}", Millis(at).timestamp()));
            let day = Millis(at).timestamp().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
            assert_eq!(Millis::of(day, at.rem_euclid(86_400_000)), Millis(at));
        }
    }

    #[test]
    fn false_and_zero_are_not_blank() {
        assert!(!Value::Bool(false).is_blank());
        assert!(!Value::Number(Decimal::ZERO).is_blank());
        assert!(Value::text("").is_blank());
    }
}
