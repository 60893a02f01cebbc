//! The functions of the language over values: null goes through before they are asked.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Answer;
use super::addresses;
use crate::builtin::Func;
use crate::value::{Millis, Value};

/// The calendar day of a point in time in a zone.
pub fn in_zone(at: &Value, zone: &Value) -> Answer {
    let (Value::DateTime(at), Some(zone)) = (at, zone.as_text()) else { return Ok(Value::Null) };
    let zone = jiff::tz::TimeZone::get(zone).map_err(|_| format!("\"{zone}\" is no time zone"))?;
    Ok(Value::Date(at.timestamp().to_zoned_datetime(zone).date()))
}

/// Every argument is there and not null. `concat`, `coalesce` and `in_zone` are not among these: they treat null themselves.
pub fn apply(func: Func, values: &[Value]) -> Answer {
    let text = |index: usize| values.get(index).map(|value| value.to_string()).unwrap_or_default();
    let number = |index: usize| match values.get(index) {
        Some(Value::Number(number)) => Some(*number),
        Some(Value::Text(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let size = |index: usize| number(index).and_then(|n| usize::try_from(n.trunc()).ok()).unwrap_or(0);
    let of = |text: String| if text.is_empty() { Value::Null } else { Value::text(text) };
    Ok(match func {
        Func::Trim => of(text(0).trim().to_owned()),
        Func::Lower => of(text(0).to_lowercase()),
        Func::Upper => of(text(0).to_uppercase()),
        Func::Title => of(title(&text(0))),
        Func::Truncate => of(text(0).chars().take(size(1)).collect()),
        Func::Replace => of(text(0).replace(&text(1), &text(2))),
        Func::StripPrefix => of(text(0).strip_prefix(&text(1)).map_or_else(|| text(0), str::to_owned)),
        Func::StripSuffix => of(text(0).strip_suffix(&text(1)).map_or_else(|| text(0), str::to_owned)),
        Func::SplitFirst => {
            of(text(0).split_once(&text(1)).map_or_else(|| text(0), |(first, _)| first.to_owned()))
        }
        Func::SplitLast => {
            of(text(0).rsplit_once(&text(1)).map_or_else(|| text(0), |(_, last)| last.to_owned()))
        }
        Func::Pad => {
            of(pad(&text(0), size(1), values.get(2).map_or(' ', |_| text(2).chars().next().unwrap_or(' '))))
        }
        Func::RegexExtract => regex_extract(&text(0), &text(1), size(2)),
        Func::Domain => of(addresses::domain(&text(0))),
        Func::Host => of(addresses::host(&text(0))),
        Func::EmailDomain => {
            of(text(0).rsplit_once('@').map_or_else(String::new, |(_, domain)| domain.to_lowercase()))
        }
        Func::Phone => addresses::phone(&text(0), values.get(1).map(|_| text(1)).as_deref()),
        Func::Round => rounded(number(0), u32::try_from(size(1)).unwrap_or(0)),
        Func::Floor => number(0).map_or(Value::Null, |n| Value::Number(n.floor())),
        Func::Ceil => number(0).map_or(Value::Null, |n| Value::Number(n.ceil())),
        Func::Abs => number(0).map_or(Value::Null, |n| Value::Number(n.abs())),
        Func::Min => values.iter().min().cloned().unwrap_or(Value::Null),
        Func::Max => values.iter().max().cloned().unwrap_or(Value::Null),
        Func::Int => match number(0) {
            Some(n) => Value::Number(n.trunc().normalize()),
            None => return Err(format!("\"{}\" is no number", text(0))),
        },
        Func::Decimal => match number(0) {
            Some(n) => Value::Number(n.normalize()),
            None => return Err(format!("\"{}\" is no number", text(0))),
        },
        Func::Text => of(text(0)),
        Func::Date => match values.first() {
            Some(Value::Date(date)) => Value::Date(*date),
            Some(other) => match other.to_string().get(..10).and_then(|day| day.parse().ok()) {
                Some(date) => Value::Date(date),
                None => return Err(format!("\"{other}\" is no date")),
            },
            None => Value::Null,
        },
        Func::DateTime => match values.first() {
            Some(Value::DateTime(at)) => Value::DateTime(*at),
            Some(other) => match crate::wire::instant(&other.to_string()) {
                Some(at) => Value::DateTime(at),
                None => return Err(format!("\"{other}\" is no point in time")),
            },
            None => Value::Null,
        },
        Func::Year => day(values.first()).map_or(Value::Null, |date| Value::Number(date.year().into())),
        Func::Month => day(values.first()).map_or(Value::Null, |date| Value::Number(date.month().into())),
        Func::DaysBetween => match (day(values.first()), day(values.get(1))) {
            (Some(a), Some(b)) => {
                Value::Number(i64::from(a.until(b).map_or(0, |span| span.get_days())).into())
            }
            _ => Value::Null,
        },
        Func::AddDays => match (values.first(), number(1).and_then(|n| i64::try_from(n.trunc()).ok())) {
            (Some(Value::Date(date)), Some(days)) => jiff::Span::new()
                .try_days(days)
                .ok()
                .and_then(|span| date.checked_add(span).ok())
                .map_or(Value::Null, Value::Date),
            (Some(Value::DateTime(at)), Some(days)) => {
                Value::DateTime(Millis(at.0.saturating_add(days.saturating_mul(86_400_000))))
            }
            _ => Value::Null,
        },
        Func::Join => match values.first() {
            Some(Value::Set(items)) => of(items.join(&text(1))),
            _ => of(text(0)),
        },
        Func::Split => {
            Value::set(text(0).split(text(1).as_str()).map(str::trim).filter(|part| !part.is_empty()))
        }
        Func::Count => match values.first() {
            Some(Value::Set(items)) => Value::Number(Decimal::from(items.len())),
            _ => Value::Number(Decimal::ONE),
        },
        Func::ContainsAll => match (values.first(), values.get(1)) {
            (Some(Value::Set(all)), Some(Value::Set(wanted))) => {
                Value::Bool(wanted.iter().all(|item| all.contains(item)))
            }
            _ => Value::Bool(false),
        },
        Func::Concat | Func::Coalesce | Func::InZone => Value::Null,
    })
}

fn day(value: Option<&Value>) -> Option<jiff::civil::Date> {
    match value? {
        Value::Date(date) => Some(*date),
        Value::DateTime(at) => Some(at.timestamp().to_zoned_datetime(jiff::tz::TimeZone::UTC).date()),
        _ => None,
    }
}

fn rounded(number: Option<Decimal>, digits: u32) -> Value {
    let round =
        |n: Decimal| n.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).normalize();
    number.map_or(Value::Null, |n| Value::Number(round(n)))
}

fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::new();
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = !c.is_alphanumeric() && c != '\'';
    }
    out
}

fn pad(text: &str, width: usize, with: char) -> String {
    let missing = width.min(10_000).saturating_sub(text.chars().count());
    std::iter::repeat_n(with, missing).chain(text.chars()).collect()
}

fn regex_extract(text: &str, pattern: &str, group: usize) -> Value {
    let Ok(regex) = regex::Regex::new(pattern) else { return Value::Null };
    let Some(found) = regex.captures(text) else { return Value::Null };
    // Without a group number: the first group when there is one, else the whole match.
    let index = if group > 0 || found.len() == 1 { group } else { 1 };
    found.get(index).map_or(Value::Null, |part| Value::text(part.as_str()))
}
