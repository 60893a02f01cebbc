//! The built-in converters, each in both directions.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::Answer;
use super::addresses::{domain, phone};
use crate::calc::Convert;
use crate::record::Side;
use crate::value::{Millis, Value};

/// One value through a converter towards a side. `current` is what the target holds now.
pub fn convert(converter: &Convert, to: Side, value: &Value, current: Option<&Value>) -> Answer {
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
                _ => return Err(format!("\"{other}\" is neither yes nor no")),
            },
        },
        Convert::RichText => Value::text(plain_text(&text())),
        Convert::Text => Value::text(text()),
    })
}

/// Multiplies towards the right, divides towards the left.
fn scale(value: &Value, factor: Decimal, to: Side) -> Answer {
    let Value::Number(number) = value else { return Ok(Value::Null) };
    let scaled = if to == Side::Right { number.checked_mul(factor) } else { number.checked_div(factor) };
    match scaled {
        Some(number) => Ok(Value::Number(number.normalize())),
        None => Err("a number beyond what can be kept exactly".to_owned()),
    }
}

/// A point in time to its day in a zone; a day to a point in time: the time of day that the target has, when its day
/// is the same, else the start of the day.
fn calendar_day(zone: &str, value: &Value, current: Option<&Value>) -> Answer {
    let zone = TimeZone::get(zone).map_err(|_| format!("\"{zone}\" is no time zone"))?;
    let day = |at: Millis| at.timestamp().to_zoned_datetime(zone.clone()).date();
    match value {
        Value::DateTime(at) => Ok(Value::Date(day(*at))),
        Value::Date(date) => {
            if let Some(Value::DateTime(at)) = current
                && day(*at) == *date
            {
                return Ok(Value::DateTime(*at));
            }
            let start =
                date.to_zoned_datetime(zone).map_err(|_| "this day does not exist in the zone".to_owned())?;
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
