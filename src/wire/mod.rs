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
            | FieldType::Percent { .. } => decimal(&number.to_string(), ty),
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

/// Reads a value from its JSON text, which is known to be valid JSON. Plain strings are read where they stand.
pub fn decode_raw(kind: SystemKind, ty: &FieldType, raw: &str) -> Result<Value, WireError> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some("") => Ok(Value::Null),
        Some(text) if !text.as_bytes().contains(&b'\\') => text_value(ty, text),
        _ if raw == "null" => Ok(Value::Null),
        _ => {
            let json: Json = serde_json::from_str(raw).map_err(|_| WireError(ty.to_string()))?;
            decode(kind, ty, &json)
        }
    }
}

fn text_value(ty: &FieldType, text: &str) -> Result<Value, WireError> {
    let wrong = || WireError(ty.to_string());
    Ok(match ty {
        FieldType::Int { .. } | FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. } => {
            return decimal(text, ty);
        }
        FieldType::Bool => match text {
            t if t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("yes") => Value::Bool(true),
            t if t.eq_ignore_ascii_case("false") || t.eq_ignore_ascii_case("no") => Value::Bool(false),
            _ => return Err(wrong()),
        },
        FieldType::Date => match date(text) {
            Some(date) => Value::Date(date),
            None => return Err(wrong()),
        },
        FieldType::DateTime => Value::DateTime(instant(text).ok_or_else(wrong)?),
        FieldType::Options => Value::set(text.split(';').filter(|value| !value.is_empty())),
        _ => Value::text(text),
    })
}

/// Exact; digits beyond what a decimal holds (computed values of HubSpot have fifty) are rounded off, but only
/// behind the point.
fn decimal(text: &str, ty: &FieldType) -> Result<Value, WireError> {
    let text = text.trim();
    let number = Decimal::from_str_exact(text)
        .or_else(|_| text.parse::<Decimal>())
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| WireError(ty.to_string()))?;
    Ok(Value::Number(number.normalize()))
}

fn date(text: &str) -> Option<Date> {
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
}
