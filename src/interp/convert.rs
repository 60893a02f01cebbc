//! The built-in converters, each in both directions.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::eval::{Answer, Stop};
use crate::plan::ir::{Convert, Side};
use crate::value::{Millis, Value};

pub fn apply(converter: &Convert, to: Side, value: &Value, current: Option<&Value>) -> Answer {
    if value.is_blank() {
        return Ok(Value::Null);
    }
    let text = || value.to_string();
    Ok(match converter {
        Convert::CalendarDay { zone } => return calendar_day(zone, value, current),
        Convert::WebAddress => web_address(to, &text()),
        Convert::Email => Value::text(text().trim().to_lowercase()),
        Convert::Lowercase => Value::text(text().to_lowercase()),
        Convert::Trimmed => Value::text(text().trim()),
        Convert::Phone { region } => phone(&text(), region.as_deref()),
        Convert::Percent => scale(value, Decimal::ONE_HUNDRED, to)?,
        // Left counts in hundredths (cents), right in units.
        Convert::Cents => scale(value, Decimal::ONE / Decimal::ONE_HUNDRED, to)?,
        Convert::YesNo => match value {
            Value::Bool(true) => Value::text("Yes"),
            Value::Bool(false) => Value::text("No"),
            other => match other.to_string().to_lowercase().as_str() {
                "yes" | "true" | "y" | "1" => Value::Bool(true),
                "no" | "false" | "n" | "0" => Value::Bool(false),
                _ => return Err(Stop::Hold(format!("\"{other}\" is neither yes nor no"))),
            },
        },
        Convert::RichText => Value::text(plain_text(&text())),
        Convert::Text => Value::text(text()),
        Convert::Country | Convert::State => {
            return Err(Stop::Hold("names of countries and states are not known to this version".to_owned()));
        }
    })
}

/// Multiplies towards the right, divides towards the left.
fn scale(value: &Value, factor: Decimal, to: Side) -> Answer {
    let Value::Number(number) = value else { return Ok(Value::Null) };
    let scaled = if to == Side::Right { number.checked_mul(factor) } else { number.checked_div(factor) };
    match scaled {
        Some(number) => Ok(Value::Number(number.normalize())),
        None => Err(Stop::Hold("a number beyond what can be kept exactly".to_owned())),
    }
}

/// A point in time to its day in a zone; a day to a point in time: the time of day that the target has, when its day
/// is the same, else the start of the day.
fn calendar_day(zone: &str, value: &Value, current: Option<&Value>) -> Answer {
    let zone = TimeZone::get(zone).map_err(|_| Stop::Hold(format!("\"{zone}\" is no time zone")))?;
    let day = |at: Millis| at.timestamp().to_zoned_datetime(zone.clone()).date();
    match value {
        Value::DateTime(at) => Ok(Value::Date(day(*at))),
        Value::Date(date) => {
            if let Some(Value::DateTime(at)) = current
                && day(*at) == *date
            {
                return Ok(Value::DateTime(*at));
            }
            let start = date
                .to_zoned_datetime(zone)
                .map_err(|_| Stop::Hold("this day does not exist in the zone".to_owned()))?;
            Ok(Value::DateTime(Millis(start.timestamp().as_millisecond())))
        }
        other => Ok(other.clone()),
    }
}

/// Domain on the left, https address on the right.
fn web_address(to: Side, text: &str) -> Value {
    let host = domain(text);
    if host.is_empty() {
        return Value::Null;
    }
    match to {
        Side::Right => Value::text(format!("https://{host}")),
        Side::Left => Value::text(host),
    }
}

/// The host of an address or e-mail, without scheme, `www.`, port and path.
pub fn domain(text: &str) -> String {
    let host = host(text);
    host.strip_prefix("www.").map_or(host.clone(), str::to_owned)
}

pub fn host(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or("");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(':').next().unwrap_or("").trim_end_matches('.').to_owned()
}

/// Country calling codes of regions that people sell in; others need a number with `+`.
const CALLING_CODES: [(&str, &str, bool); 30] = [
    ("US", "1", false),
    ("CA", "1", false),
    ("GB", "44", true),
    ("IE", "353", true),
    ("DE", "49", true),
    ("FR", "33", true),
    ("IT", "39", false),
    ("ES", "34", false),
    ("PT", "351", false),
    ("NL", "31", true),
    ("BE", "32", true),
    ("LU", "352", false),
    ("AT", "43", true),
    ("CH", "41", true),
    ("SE", "46", true),
    ("NO", "47", false),
    ("DK", "45", false),
    ("FI", "358", true),
    ("PL", "48", false),
    ("CZ", "420", false),
    ("AU", "61", true),
    ("NZ", "64", true),
    ("JP", "81", true),
    ("CN", "86", true),
    ("IN", "91", true),
    ("BR", "55", true),
    ("MX", "52", false),
    ("SG", "65", false),
    ("ZA", "27", true),
    ("AE", "971", true),
];

/// Digits in E.164 when the number says its country or the region is known; else the text as it is.
pub fn phone(text: &str, region: Option<&str>) -> Value {
    let trimmed = text.trim();
    let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 5 || trimmed.chars().any(char::is_alphabetic) {
        return Value::text(trimmed);
    }
    if trimmed.starts_with('+') {
        return Value::text(format!("+{digits}"));
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return Value::text(format!("+{rest}"));
    }
    let known = region.and_then(|region| CALLING_CODES.iter().find(|(code, ..)| *code == region));
    match known {
        Some((_, code, trunk_zero)) => {
            let national = if *trunk_zero { digits.strip_prefix('0').unwrap_or(&digits) } else { &digits };
            Value::text(format!("+{code}{national}"))
        }
        None => Value::text(trimmed),
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
        let there = apply(&Convert::WebAddress, Side::Right, &Value::text("acme.example"), None).unwrap();
        assert_eq!(there, Value::text("https://acme.example"));
        assert_eq!(
            apply(&Convert::WebAddress, Side::Left, &there, None).unwrap(),
            Value::text("acme.example")
        );
    }

    #[test]
    fn a_calendar_day_keeps_the_time_of_day() {
        let at = Value::DateTime(Millis(1_774_970_400_000)); // 2026-03-31T15:20:00Z
        let rome = Convert::CalendarDay { zone: "Europe/Rome".to_owned() };
        let day = apply(&rome, Side::Right, &at, None).unwrap();
        assert_eq!(day, Value::Date("2026-03-31".parse().unwrap()));
        assert_eq!(apply(&rome, Side::Left, &day, Some(&at)).unwrap(), at);
        let midnight = apply(&rome, Side::Left, &day, None).unwrap();
        assert_eq!(midnight, Value::DateTime(Millis(1_774_908_000_000)));
    }

    #[test]
    fn phones_and_percents() {
        assert_eq!(phone("06 1234567", Some("IT")), Value::text("+39061234567"));
        assert_eq!(phone("030 123456", Some("DE")), Value::text("+4930123456"));
        assert_eq!(phone("+1 (415) 555-0100", None), Value::text("+14155550100"));
        let quarter = Value::Number("0.25".parse().unwrap());
        let there = apply(&Convert::Percent, Side::Right, &quarter, None).unwrap();
        assert_eq!(there, Value::Number("25".parse().unwrap()));
        assert_eq!(apply(&Convert::Percent, Side::Left, &there, None).unwrap(), quarter);
    }

    #[test]
    fn html_becomes_text() {
        assert_eq!(plain_text("<p>Hello <b>you</b></p><p>A &amp; B</p>"), "Hello you\nA & B");
        assert_eq!(plain_text("1 < 2"), "1 < 2");
    }
}
