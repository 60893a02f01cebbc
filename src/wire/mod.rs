//! How values look on the vendors' wires: [`Value`] to and from JSON, per kind of system and field type.
//!
//! HubSpot: every value is a text, `""` clears, multi-selects are joined by `;`, dates are `YYYY-MM-DD` or midnight
//! UTC in epoch milliseconds, points in time ISO 8601 or epoch milliseconds. Salesforce: JSON types, `null` clears,
//! points in time with an offset without colon (`+0000`). Facts: HubSpot's properties guide, Salesforce's REST guide.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::schema::{FieldType, SystemKind};
use crate::value::{Millis, Value};
use crate::view::{Text, View};

mod text;

pub use text::{digits, is_date, is_instant, number, special};

/// A value of the wire that its field can't have. Holds no record data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of type {0}")]
pub struct WireError(pub String);

/// Reads a value. Empty text is null.
pub fn decode(kind: SystemKind, ty: &FieldType, json: &Json) -> Result<Value, WireError> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) if text.is_empty() => Ok(Value::Null),
        Json::String(text) => text_value(ty, text),
        Json::Bool(value) => match ty {
            FieldType::Bool => Ok(Value::Bool(*value)),
            _ => Ok(Value::text(if *value { "true" } else { "false" })),
        },
        Json::Number(number) => match ty {
            FieldType::Int { .. }
            | FieldType::Decimal(_)
            | FieldType::Money(_)
            | FieldType::Percent { .. } => {
                let number = decimal(&number.to_string()).ok_or_else(|| WireError(ty.to_string()))?;
                Ok(Value::Number(number))
            }
            FieldType::Date | FieldType::DateTime => text_value(ty, &number.to_string()),
            _ => Ok(Value::text(number.to_string())),
        },
        // Compound values (addresses) and unknown shapes are read as their JSON text.
        Json::Array(_) | Json::Object(_) if kind == SystemKind::Salesforce || *ty == FieldType::Json => {
            Ok(Value::text(json.to_string()))
        }
        Json::Array(_) | Json::Object(_) => Err(WireError(ty.to_string())),
    }
}

/// A value's JSON text, known to be valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    Null,
    /// What stands between the quotation marks, without escapes.
    Plain(&'a str),
    /// With the quotation marks and escapes.
    Escaped(&'a str),
    /// A boolean, number, array or object.
    Other(&'a str),
}

/// Reads a value where it stands; the same as [`decode`] of its JSON.
pub fn decode_view<'a>(kind: SystemKind, ty: &FieldType, raw: Raw<'a>) -> Result<View<'a>, WireError> {
    let wrong = || WireError(ty.to_string());
    match raw {
        Raw::Null | Raw::Plain("") => Ok(View::Null),
        Raw::Plain(text) => text_view(ty, Text::Slice(text)),
        Raw::Escaped(json) => {
            let text = match text::unescaped(json) {
                Some(text) => text,
                None => serde_json::from_str(json).map_err(|_| wrong())?,
            };
            if text.is_empty() { Ok(View::Null) } else { text_view(ty, Text::New(text)) }
        }
        Raw::Other("true") if *ty == FieldType::Bool => Ok(View::Bool(true)),
        Raw::Other("false") if *ty == FieldType::Bool => Ok(View::Bool(false)),
        Raw::Other(json) => {
            let json: Json = serde_json::from_str(json).map_err(|_| wrong())?;
            decode(kind, ty, &json).map(|value| owned(&value))
        }
    }
}

fn owned(value: &Value) -> View<'static> {
    match value {
        Value::Null => View::Null,
        Value::Bool(value) => View::Bool(*value),
        Value::Number(number) => View::Number(*number),
        Value::Text(text) => View::text(&**text),
        Value::Date(date) => View::Date(*date),
        Value::DateTime(at) => View::DateTime(*at),
        Value::Set(items) => View::set(items.iter().map(|item| Text::New(item.to_string()))),
    }
}

fn text_value(ty: &FieldType, text: &str) -> Result<Value, WireError> {
    text_view(ty, Text::Slice(text)).map(View::into_value)
}

fn text_view<'a>(ty: &FieldType, text: Text<'a>) -> Result<View<'a>, WireError> {
    let wrong = || WireError(ty.to_string());
    Ok(match ty {
        FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. } => {
            View::Number(decimal(&text).ok_or_else(wrong)?)
        }
        FieldType::Bool => match &*text {
            t if t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("yes") => View::Bool(true),
            t if t.eq_ignore_ascii_case("false") || t.eq_ignore_ascii_case("no") => View::Bool(false),
            _ => return Err(wrong()),
        },
        FieldType::Date => View::Date(date(&text).ok_or_else(wrong)?),
        FieldType::DateTime => View::DateTime(instant(&text).ok_or_else(wrong)?),
        FieldType::Options => match text {
            Text::Slice(text) => View::set(items(text).map(Text::Slice)),
            text => View::set(items(&text).map(|item| Text::New(item.to_owned()))),
        },
        _ => View::Text(text),
    })
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').filter(|value| !value.is_empty())
}

/// Exact; digits beyond what a decimal holds (computed values of HubSpot have fifty) are rounded off, but only
/// behind the point.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    text::number(text).or_else(|| {
        let number = Decimal::from_str_exact(text)
            .or_else(|_| text.parse::<Decimal>())
            .or_else(|_| Decimal::from_scientific(text))
            .ok()?;
        Some(number.normalize())
    })
}

fn date(text: &str) -> Option<Date> {
    if let Some(date) = text.as_bytes().get(..10).and_then(text::date) {
        return Some(date);
    }
    if let Ok(date) = text.get(..10).unwrap_or(text).parse::<Date>() {
        return Some(date);
    }
    let at = epoch(text)?;
    Some(at.timestamp().to_zoned_datetime(jiff::tz::TimeZone::UTC).date())
}

fn epoch(text: &str) -> Option<Millis> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok().map(Millis))?
}

/// A point in time: ISO 8601 with `Z`, `+01:00` or `+0000`; epoch milliseconds; a bare date is its midnight in UTC.
pub fn instant(text: &str) -> Option<Millis> {
    if let Some(at) = text::instant(text) {
        return Some(at);
    }
    if let Some(at) = epoch(text) {
        return Some(at);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Millis(at.as_millisecond()));
    }
    let date = text.parse::<Date>().ok()?;
    let at = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Millis(at.as_millisecond()))
}

/// Writes a value.
pub fn encode(kind: SystemKind, ty: &FieldType, value: &Value) -> Json {
    match kind {
        SystemKind::Hubspot => Json::String(match value {
            Value::Null => String::new(),
            Value::Set(values) => values.join(";"),
            other => other.to_string(),
        }),
        _ => match value {
            Value::Null => match ty {
                // A Salesforce checkbox has no null.
                FieldType::Bool if kind == SystemKind::Salesforce => Json::Bool(false),
                _ => Json::Null,
            },
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => number
                .normalize()
                .to_string()
                .parse::<serde_json::Number>()
                .map_or_else(|_| Json::String(number.to_string()), Json::Number),
            Value::Set(values) => Json::String(values.join(";")),
            other => Json::String(other.to_string()),
        },
    }
}

/// Writes a value as JSON, the same as [`encode`] gives it.
pub fn write(kind: SystemKind, ty: &FieldType, value: &View<'_>, out: &mut Vec<u8>) {
    let bare = kind != SystemKind::Hubspot;
    match value {
        View::Text(text) => quoted(text, out),
        View::Null if !bare => out.extend_from_slice(b"\"\""),
        View::Null if kind == SystemKind::Salesforce && *ty == FieldType::Bool => {
            out.extend_from_slice(b"false");
        }
        View::Null => out.extend_from_slice(b"null"),
        View::Bool(value) if bare => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        View::Number(number) if bare => plain_number(*number, out),
        View::DateTime(at) => match at.digits() {
            Some(digits) => {
                out.push(b'"');
                out.extend_from_slice(&digits);
                out.push(b'"');
            }
            None => quoted(&at.to_string(), out),
        },
        View::Date(date) if (0..=9999).contains(&date.year()) => {
            out.push(b'"');
            out.extend_from_slice(&text::day_digits(*date));
            out.push(b'"');
        }
        View::Set(items) => {
            out.push(b'"');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b';');
                }
                escaped(item, out);
            }
            out.push(b'"');
        }
        other => quoted(&other.to_string(), out),
    }
}

/// The digits of a decimal, without trailing zeros.
fn plain_number(number: Decimal, out: &mut Vec<u8>) {
    let number = if number.scale() == 0 { number } else { number.normalize() };
    let Ok(mut rest) = u64::try_from(number.mantissa().unsigned_abs()) else {
        return out.extend_from_slice(number.to_string().as_bytes());
    };
    if number.is_sign_negative() {
        out.push(b'-');
    }
    // From the right; at least one digit before the point.
    let (mut buffer, scale, mut at) = ([b'0'; 40], number.scale() as usize, 40);
    for (count, place) in buffer.iter_mut().rev().enumerate() {
        if count > scale + usize::from(scale > 0) && rest == 0 {
            break;
        }
        at -= 1;
        if scale > 0 && count == scale {
            *place = b'.';
            continue;
        }
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if scale == 0 && rest == 0 {
            break;
        }
    }
    out.extend_from_slice(buffer.get(at..).unwrap_or_default());
}

/// Appends a text as JSON.
pub fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// The inside of a JSON text, escaped as `serde_json` does it.
fn escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, behind) = rest.split_at(special(rest));
        out.extend_from_slice(plain);
        let Some((byte, behind)) = behind.split_first() else { return };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            8 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            byte => {
                let digit = |digit: u8| digit + if digit < 10 { b'0' } else { b'a' - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::types::Digits;
    use serde_json::json;

    #[test]
    fn both_wires_round_trip() {
        let money = FieldType::Money(Digits::new(18, 2));
        let cases = [
            (FieldType::Text { max: None }, Value::text("Müller")),
            (money.clone(), Value::Number("12345678901234567.89".parse().unwrap())),
            (FieldType::Bool, Value::Bool(true)),
            (FieldType::Date, Value::Date("2026-01-31".parse().unwrap())),
            (FieldType::DateTime, Value::DateTime(Millis(1_769_853_600_123))),
            (FieldType::Options, Value::set(["a", "b"])),
            (money, Value::Null),
        ];
        for (ty, value) in cases {
            for kind in [SystemKind::Hubspot, SystemKind::Salesforce] {
                assert_eq!(decode(kind, &ty, &encode(kind, &ty, &value)).unwrap(), value, "{kind:?} {ty}");
            }
        }
    }

    #[test]
    fn vendors_spellings_are_read() {
        let at = |text: &str| decode(SystemKind::Hubspot, &FieldType::DateTime, &json!(text)).unwrap();
        assert_eq!(at("1773300826615"), Value::DateTime(Millis(1_773_300_826_615)));
        assert_eq!(at("2026-05-01T07:25:37.000+0000"), at("2026-05-01T07:25:37Z"));
        let probability = json!("0.40000000000000002220446049250313080847263336181640625");
        let read = decode(SystemKind::Hubspot, &FieldType::Decimal(Digits::default()), &probability).unwrap();
        assert!(read.to_string().starts_with("0.4000000000000000222"));
        assert!(decode(SystemKind::Hubspot, &FieldType::Date, &json!("soon")).is_err());
    }

    #[test]
    fn writing_is_encoding() {
        let texts = [
            "",
            "Müller",
            "a\"b\\c\n\t\r\u{8}\u{c}\u{1}\u{1f}",
            "long enough to fill a block or two\nand then",
        ];
        let mut values: Vec<Value> = texts.map(Value::text).to_vec();
        for number in [
            "0",
            "-0",
            "-0.0",
            "12",
            "-12.50",
            "1000",
            "0.5",
            "-0.05",
            "0.0000000000000000000000000001",
            "1.0000000000000000001",
            "10.01",
            "12345678901234567.89",
            "18446744073709551615",
            "79228162514264337593543950335",
        ] {
            values.push(Value::Number(number.parse().unwrap()));
        }
        values.extend([Value::Null, Value::Bool(true), Value::set(["b", "a"]), Value::DateTime(Millis(-1))]);
        values.push(Value::Date("2026-01-31".parse().unwrap()));
        for kind in [SystemKind::Hubspot, SystemKind::Salesforce] {
            for ty in [FieldType::Bool, FieldType::Unknown] {
                for value in &values {
                    let mut out = Vec::new();
                    write(kind, &ty, &value.view(), &mut out);
                    let want = encode(kind, &ty, value).to_string();
                    assert_eq!(String::from_utf8(out).unwrap(), want, "{kind:?} {value:?}");
                }
            }
        }
    }
}
