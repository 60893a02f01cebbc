//! The built-in converters, each in both directions.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use serde::{Deserialize, Serialize};

use std::borrow::Cow;

use super::Answer;
use super::addresses::{domain, lower, phone};
use crate::record::Side;
use crate::value::{Millis, Value};
use crate::view::{Text, View};

/// Converters with a behaviour of their own (the others lower to plain expressions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convert {
    /// Time of day is kept on the way back when the day is unchanged.
    CalendarDay {
        zone: String,
    },
    WebAddress,
    Email,
    Phone {
        region: Option<String>,
    },
    Percent,
    Cents,
    YesNo,
    Trimmed,
    Lowercase,
    RichText,
    /// Text of a number, date, bool or option, and back.
    Text,
}

/// A converter ready to run: its zone is looked up once.
#[derive(Debug)]
pub struct Converter<'c> {
    what: &'c Convert,
    zone: Option<Result<TimeZone, String>>,
}

/// # Errors
/// The name is no zone's.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("\"{name}\" is no time zone"))
}

impl<'c> Converter<'c> {
    pub fn new(what: &'c Convert) -> Self {
        let zone = match what {
            Convert::CalendarDay { zone: name } => Some(zone(name)),
            _ => None,
        };
        Converter { what, zone }
    }

    pub fn what(&self) -> &'c Convert {
        self.what
    }

    /// One value towards a side. `current` is what the target holds now.
    ///
    /// # Errors
    /// The value is held for this reason.
    pub fn convert<'a>(&self, to: Side, value: View<'a>, current: Option<&Value>) -> Answer<'a> {
        if value.is_blank() {
            return Ok(View::Null);
        }
        Ok(match self.what {
            Convert::CalendarDay { .. } => match &self.zone {
                Some(Ok(zone)) => return calendar_day(zone, value, current),
                Some(Err(why)) => return Err(why.clone()),
                None => View::Null,
            },
            Convert::WebAddress => web_address(to, value.into_text()),
            Convert::Email => View::Text(value.into_text().changed(|text| lower(text.trim()))),
            Convert::Lowercase => View::Text(value.into_text().changed(lower)),
            Convert::Trimmed => View::Text(value.into_text().part(str::trim)),
            Convert::Phone { region } => phone(value.into_text(), region.as_deref()),
            Convert::Percent => scale(&value, Decimal::ONE_HUNDRED, to)?,
            // Left counts in hundredths (cents), right in units.
            Convert::Cents => scale(&value, Decimal::ONE / Decimal::ONE_HUNDRED, to)?,
            Convert::YesNo => yes_no(value)?,
            Convert::RichText => View::Text(value.into_text().changed(|text| Cow::Owned(plain_text(text)))),
            Convert::Text => View::Text(value.into_text()),
        })
    }
}

fn yes_no(value: View<'_>) -> Answer<'_> {
    match value {
        View::Bool(true) => Ok(View::slice("Yes")),
        View::Bool(false) => Ok(View::slice("No")),
        other => match lower(&other.again().into_text()).as_ref() {
            "yes" | "true" | "y" | "1" => Ok(View::Bool(true)),
            "no" | "false" | "n" | "0" => Ok(View::Bool(false)),
            _ => Err(format!("\"{other}\" is neither yes nor no")),
        },
    }
}

/// Multiplies towards the right, divides towards the left.
fn scale(value: &View<'_>, factor: Decimal, to: Side) -> Answer<'static> {
    let View::Number(number) = value else { return Ok(View::Null) };
    let scaled = if to == Side::Right { number.checked_mul(factor) } else { number.checked_div(factor) };
    match scaled {
        Some(number) => Ok(View::Number(number.normalize())),
        None => Err("a number beyond what can be kept exactly".to_owned()),
    }
}

/// A point in time to its day in a zone; a day to a point in time: the time of day that the target has, when its day
/// is the same, else the start of the day.
fn calendar_day<'a>(zone: &TimeZone, value: View<'a>, current: Option<&Value>) -> Answer<'a> {
    let day = |at: Millis| zone.to_datetime(at.timestamp()).date();
    match value {
        View::DateTime(at) => Ok(View::Date(day(at))),
        View::Date(date) => {
            if let Some(Value::DateTime(at)) = current
                && day(*at) == date
            {
                return Ok(View::DateTime(*at));
            }
            let start = date
                .to_zoned_datetime(zone.clone())
                .map_err(|_| "this day does not exist in the zone".to_owned())?;
            Ok(View::DateTime(Millis(start.timestamp().as_millisecond())))
        }
        other => Ok(other),
    }
}

/// Domain on the left, https address on the right.
fn web_address(to: Side, text: Text<'_>) -> View<'_> {
    let host = text.changed(domain);
    if host.is_empty() {
        return View::Null;
    }
    match to {
        Side::Right => View::text(["https://", &*host].concat()),
        Side::Left => View::Text(host),
    }
}

/// HTML to text: tags out, blocks to line ends, the common entities resolved.
fn plain_text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((tag, behind)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            continue;
        };
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or("").to_lowercase();
        if matches!(name.as_str(), "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3")
            && !out.is_empty()
            && !out.ends_with('\n')
        {
            out.push('\n');
        }
        rest = behind;
    }
    out.push_str(rest);
    let entities =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = entities.iter().fold(out, |text, (entity, c)| text.replace(entity, c));
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::values::convert;
    use super::*;

    #[test]
    fn addresses_become_domains_and_back() {
        for (given, want) in [
            ("https://www.Acme.example/path?x", "acme.example"),
            ("acme.example:8080", "acme.example"),
            ("kim@acme.example", "acme.example"),
        ] {
            assert_eq!(domain(given), want);
        }
        let there = convert(&Convert::WebAddress, Side::Right, &Value::text("acme.example"), None).unwrap();
        assert_eq!(there, Value::text("https://acme.example"));
        assert_eq!(
            convert(&Convert::WebAddress, Side::Left, &there, None).unwrap(),
            Value::text("acme.example")
        );
    }

    #[test]
    fn a_calendar_day_keeps_the_time_of_day() {
        let at = Value::DateTime(Millis(1_774_970_400_000)); // 2026-03-31T15:20:00Z
        let rome = Convert::CalendarDay { zone: "Europe/Rome".to_owned() };
        let day = convert(&rome, Side::Right, &at, None).unwrap();
        assert_eq!(day, Value::Date("2026-03-31".parse().unwrap()));
        assert_eq!(convert(&rome, Side::Left, &day, Some(&at)).unwrap(), at);
        let midnight = convert(&rome, Side::Left, &day, None).unwrap();
        assert_eq!(midnight, Value::DateTime(Millis(1_774_908_000_000)));
    }

    #[test]
    fn phones_and_percents() {
        let phone = |text, region| phone(Text::Slice(text), region).into_value();
        assert_eq!(phone("06 1234567", Some("IT")), Value::text("+39061234567"));
        assert_eq!(phone("030 123456", Some("DE")), Value::text("+4930123456"));
        assert_eq!(phone("+1 (415) 555-0100", None), Value::text("+14155550100"));
        let quarter = Value::Number("0.25".parse().unwrap());
        let there = convert(&Convert::Percent, Side::Right, &quarter, None).unwrap();
        assert_eq!(there, Value::Number("25".parse().unwrap()));
        assert_eq!(convert(&Convert::Percent, Side::Left, &there, None).unwrap(), quarter);
    }

    #[test]
    fn html_becomes_text() {
        assert_eq!(plain_text("<p>Hello <b>you</b></p><p>A &amp; B</p>"), "Hello you\nA & B");
        assert_eq!(plain_text("1 < 2"), "1 < 2");
    }
}
