//! The functions of the language over values: null goes through before they are asked.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Answer;
use super::addresses::{self, lower};
use crate::builtin::Func;
use crate::value::{Millis, Value};
use crate::view::{Text, View, end_of};
use crate::wire;

/// The calendar day of a point in time in a zone.
///
/// # Errors
/// The value is held for this reason.
pub fn in_zone(at: &View<'_>, zone: Option<&jiff::tz::TimeZone>) -> Answer<'static> {
    let (View::DateTime(at), Some(zone)) = (at, zone) else { return Ok(View::Null) };
    Ok(View::Date(zone.to_datetime(at.timestamp()).date()))
}

/// The arguments of one call.
struct Args<'v, 'a>(&'v mut [View<'a>]);

impl<'a> Args<'_, 'a> {
    fn get(&self, index: usize) -> Option<&View<'a>> {
        self.0.get(index)
    }

    /// The argument as text, taken from its place.
    fn text(&mut self, index: usize) -> Text<'a> {
        self.0.get_mut(index).map(std::mem::take).unwrap_or_default().into_text()
    }

    fn number(&self, index: usize) -> Option<Decimal> {
        self.get(index).and_then(number)
    }

    fn size(&self, index: usize) -> usize {
        self.get(index).map_or(0, size)
    }
}

fn number(value: &View<'_>) -> Option<Decimal> {
    match value {
        View::Number(number) => Some(*number),
        View::Text(text) => wire::number(text.trim()).or_else(|| text.trim().parse().ok()),
        _ => None,
    }
}

/// A value as a count of something; 0 when it is none.
pub fn size(value: &View<'_>) -> usize {
    if let View::Number(number) = value
        && number.scale() == 0
    {
        return usize::try_from(number.mantissa()).unwrap_or(0);
    }
    number(value).and_then(|n| usize::try_from(n.trunc()).ok()).unwrap_or(0)
}

fn of(text: Text<'_>) -> View<'_> {
    if text.is_empty() { View::Null } else { View::Text(text) }
}

fn part<'a>(text: Text<'a>, cut: impl FnOnce(&str) -> &str) -> View<'a> {
    of(text.part(cut))
}

fn new(text: String) -> View<'static> {
    of(Text::New(text))
}

/// Every argument is there and not null; they are used up. `concat`, `coalesce`, `in_zone` and `regex_extract` are not
/// among these: the first three treat null themselves, the last wants its pattern compiled.
///
/// # Errors
/// The value is held for this reason.
pub fn apply<'a>(func: Func, values: &mut [View<'a>]) -> Answer<'a> {
    let mut args = Args(values);
    Ok(match func {
        Func::Trim
        | Func::Lower
        | Func::Upper
        | Func::Title
        | Func::Truncate
        | Func::Replace
        | Func::StripPrefix
        | Func::StripSuffix
        | Func::SplitFirst
        | Func::SplitLast
        | Func::Pad
        | Func::Domain
        | Func::Host
        | Func::EmailDomain
        | Func::Text => on_text(func, &mut args),
        Func::RegexExtract => {
            let (pattern, group) = (args.text(1), args.size(2));
            match regex::Regex::new(&pattern) {
                Ok(regex) => regex_extract(args.text(0), &regex, group),
                Err(_) => View::Null,
            }
        }
        Func::Phone => {
            let region = args.get(1).is_some().then(|| args.text(1));
            addresses::phone(args.text(0), region.as_deref())
        }
        Func::Round
        | Func::Floor
        | Func::Ceil
        | Func::Abs
        | Func::Min
        | Func::Max
        | Func::Int
        | Func::Decimal => return on_number(func, &mut args),
        Func::Date | Func::DateTime | Func::Year | Func::Month | Func::DaysBetween | Func::AddDays => {
            return on_time(func, &args);
        }
        Func::Join => match args.0 {
            [View::Set(items), rest @ ..] => {
                let items: Vec<&str> = items.iter().map(|item| &**item).collect();
                new(items.join(&Args(rest).text(0)))
            }
            _ => of(args.text(0)),
        },
        Func::Split => {
            let by = args.text(1);
            split(&args.text(0), &by)
        }
        Func::Count => match args.get(0) {
            Some(View::Set(items)) => View::Number(Decimal::from(items.len())),
            _ => View::Number(Decimal::ONE),
        },
        Func::ContainsAll => match (args.get(0), args.get(1)) {
            (Some(View::Set(all)), Some(View::Set(wanted))) => {
                View::Bool(wanted.iter().all(|item| all.contains(item)))
            }
            _ => View::Bool(false),
        },
        Func::Concat | Func::Coalesce | Func::InZone => View::Null,
    })
}

fn on_text<'a>(func: Func, args: &mut Args<'_, 'a>) -> View<'a> {
    match func {
        Func::Trim => part(args.text(0), str::trim),
        Func::Lower => of(args.text(0).changed(lower)),
        Func::Upper => new(args.text(0).to_uppercase()),
        Func::Title => new(title(&args.text(0))),
        Func::Truncate => {
            let size = args.size(1);
            part(args.text(0), |text| first(text, size))
        }
        Func::Domain => of(args.text(0).changed(addresses::domain)),
        Func::Host => of(args.text(0).changed(addresses::host)),
        Func::EmailDomain => {
            of(args.text(0).changed(|text| text.rsplit_once('@').map_or("".into(), |(_, d)| lower(d))))
        }
        Func::Pad => {
            let (size, with) = (args.size(1), args.text(2));
            new(pad(&args.text(0), size, with.chars().next().unwrap_or(' ')))
        }
        Func::Replace | Func::StripPrefix | Func::StripSuffix | Func::SplitFirst | Func::SplitLast => {
            let (other, with) = (args.text(1), args.text(2));
            with_another(func, args.text(0), &other, &with)
        }
        _ => of(args.text(0)),
    }
}

fn with_another<'a>(func: Func, text: Text<'a>, other: &str, with: &str) -> View<'a> {
    match func {
        Func::StripPrefix => part(text, |text| text.strip_prefix(other).unwrap_or(text)),
        Func::StripSuffix => part(text, |text| text.strip_suffix(other).unwrap_or(text)),
        Func::SplitFirst => part(text, |text| text.split_once(other).map_or(text, |(first, _)| first)),
        Func::SplitLast => part(text, |text| text.rsplit_once(other).map_or(text, |(_, last)| last)),
        _ => new(text.replace(other, with)),
    }
}

/// The first characters of a text.
pub fn first(text: &str, characters: usize) -> &str {
    end_of(text, characters).and_then(|end| text.get(..end)).unwrap_or(text)
}

fn on_number<'a>(func: Func, args: &mut Args<'_, 'a>) -> Answer<'a> {
    let number = args.number(0);
    let of = |number: Option<Decimal>| number.map_or(View::Null, View::Number);
    Ok(match func {
        Func::Round => rounded(number, u32::try_from(args.size(1)).unwrap_or(0)),
        Func::Floor => of(number.map(|n| n.floor())),
        Func::Ceil => of(number.map(|n| n.ceil())),
        Func::Abs => of(number.map(|n| n.abs())),
        Func::Min | Func::Max => {
            // The order over all kinds is that of kept values.
            let values = args.0.iter_mut().map(|value| std::mem::take(value).into_value());
            let found = if func == Func::Min { values.min() } else { values.max() };
            match found {
                Some(Value::Text(text)) => View::text(&*text),
                Some(Value::Set(items)) => View::set(items.iter().map(|item| Text::New(item.to_string()))),
                Some(other) => scalar(&other),
                None => View::Null,
            }
        }
        _ => match number {
            Some(n) if func == Func::Int => View::Number(n.trunc().normalize()),
            Some(n) => View::Number(n.normalize()),
            None => return Err(format!("\"{}\" is no number", &*args.text(0))),
        },
    })
}

/// A value without text.
fn scalar(value: &Value) -> View<'static> {
    match value {
        Value::Bool(value) => View::Bool(*value),
        Value::Number(number) => View::Number(*number),
        Value::Date(date) => View::Date(*date),
        Value::DateTime(at) => View::DateTime(*at),
        Value::Null | Value::Text(_) | Value::Set(_) => View::Null,
    }
}

fn on_time<'a>(func: Func, args: &Args<'_, 'a>) -> Answer<'a> {
    Ok(match func {
        Func::Date => match args.get(0) {
            Some(View::Date(date)) => View::Date(*date),
            Some(other) => match other.to_string().get(..10).and_then(|day| day.parse().ok()) {
                Some(date) => View::Date(date),
                None => return Err(format!("\"{other}\" is no date")),
            },
            None => View::Null,
        },
        Func::DateTime => match args.get(0) {
            Some(View::DateTime(at)) => View::DateTime(*at),
            Some(other) => match wire::instant(&other.to_string()) {
                Some(at) => View::DateTime(at),
                None => return Err(format!("\"{other}\" is no point in time")),
            },
            None => View::Null,
        },
        Func::Year => day(args.get(0)).map_or(View::Null, |date| View::Number(date.year().into())),
        Func::Month => day(args.get(0)).map_or(View::Null, |date| View::Number(date.month().into())),
        Func::DaysBetween => match (day(args.get(0)), day(args.get(1))) {
            (Some(a), Some(b)) => {
                View::Number(i64::from(a.until(b).map_or(0, |span| span.get_days())).into())
            }
            _ => View::Null,
        },
        _ => match (args.get(0), args.number(1).and_then(|n| i64::try_from(n.trunc()).ok())) {
            (Some(View::Date(date)), Some(days)) => jiff::Span::new()
                .try_days(days)
                .ok()
                .and_then(|span| date.checked_add(span).ok())
                .map_or(View::Null, View::Date),
            (Some(View::DateTime(at)), Some(days)) => {
                View::DateTime(Millis(at.0.saturating_add(days.saturating_mul(86_400_000))))
            }
            _ => View::Null,
        },
    })
}

fn split(text: &str, by: &str) -> View<'static> {
    let parts = text.split(by).map(str::trim).filter(|part| !part.is_empty());
    View::set(parts.map(|part| Text::New(part.to_owned())))
}

fn day(value: Option<&View<'_>>) -> Option<jiff::civil::Date> {
    match value? {
        View::Date(date) => Some(*date),
        View::DateTime(at) => Some(at.timestamp().to_zoned_datetime(jiff::tz::TimeZone::UTC).date()),
        _ => None,
    }
}

fn rounded(number: Option<Decimal>, digits: u32) -> View<'static> {
    let round =
        |n: Decimal| n.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).normalize();
    number.map_or(View::Null, |n| View::Number(round(n)))
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

/// The part of a text that a pattern's group finds.
pub fn regex_extract<'a>(text: Text<'a>, regex: &regex::Regex, group: usize) -> View<'a> {
    let range = {
        let Some(found) = regex.captures(&text) else { return View::Null };
        // Without a group number: the first group when there is one, else the whole match.
        let index = if group > 0 || found.len() == 1 { group } else { 1 };
        let Some(range) = found.get(index).map(|part| part.range()) else { return View::Null };
        range
    };
    View::Text(text.part(|text| text.get(range).unwrap_or_default()))
}
