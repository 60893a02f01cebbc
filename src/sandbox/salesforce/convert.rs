//! A JSON value that a client sent to what the platform stores, or its refusal: trimming, rounding, lengths,
//! restricted picklists, references.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::cell::Cell;
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Field, Type};
use super::org::Org;
use super::time;

/// `Cell::Null` for null and for text that is blank.
pub fn cell(org: &Org, field: &Field, json: &Value) -> Result<Cell, Fault> {
    let text = match json {
        Value::Null => return Ok(Cell::Null),
        Value::Object(_) => return Err(cannot_read(field, "START_OBJECT", "{")),
        Value::Array(_) => return Err(cannot_read(field, "START_ARRAY", "[")),
        Value::Bool(value) if field.ty == Type::Boolean => return Ok(Cell::Bool(*value)),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
    };
    if text.is_empty() {
        return Ok(Cell::Null);
    }
    match field.ty {
        Type::Boolean => boolean(field, &text),
        Type::Int => int(field, &text),
        Type::Double => double(field, &text),
        Type::Date => date(field, &text),
        Type::DateTime => time::parse_datetime(&text)
            .map(|millis| Cell::Stamp(time::whole_second(millis)))
            .ok_or_else(|| cannot_read(field, "VALUE_STRING", &text)),
        Type::Picklist => picklist(field, &text),
        Type::MultiPicklist => multi_picklist(field, &text),
        Type::Email => email(field, &text),
        Type::Reference | Type::Id => reference(org, field, &text),
        Type::Text | Type::Time | Type::Compound => fits(field, text).map(Cell::text),
    }
}

fn cannot_read(field: &Field, token: &str, value: &str) -> Fault {
    let kind = if field.ty == Type::Text { "string" } else { &field.wire };
    Fault::malformed(format!(
        "Cannot deserialize instance of {kind} from {token} value {value} or request may be missing a required \
         field at [line:1, column:2]"
    ))
}

fn fits(field: &Field, text: String) -> Result<String, Fault> {
    let units = text.encode_utf16().count();
    if field.length > 0 && units > field.length {
        let shown: String = text.chars().take(1_000).collect();
        let message = format!("{}: data value too large: {shown} (max length={})", field.label, field.length);
        return Err(Fault::record("STRING_TOO_LONG", message, [&field.name]));
    }
    Ok(text)
}

fn boolean(field: &Field, text: &str) -> Result<Cell, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Cell::Bool(true)),
        "false" | "0" => Ok(Cell::Bool(false)),
        _ => Err(cannot_read(field, "VALUE_STRING", text)),
    }
}

fn number(field: &Field, text: &str) -> Result<Decimal, Fault> {
    let read = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
    match read {
        Ok(number) => Ok(number),
        Err(_) if text.parse::<f64>().is_ok_and(f64::is_finite) => Err(out_of_range(field, text)),
        Err(_) => Err(cannot_read(field, "VALUE_STRING", text)),
    }
}

fn out_of_range(field: &Field, text: &str) -> Fault {
    let message = format!("{}: value outside of valid range on numeric field: {text}", field.label);
    Fault::record("NUMBER_OUTSIDE_VALID_RANGE", message, [&field.name])
}

fn int(field: &Field, text: &str) -> Result<Cell, Fault> {
    let number = number(field, text)?;
    if !number.fract().is_zero() {
        return Err(cannot_read(field, "VALUE_NUMBER_FLOAT", text));
    }
    let digits = if field.digits > 0 { field.digits } else { 9 };
    if digits_before_point(number) > digits {
        return Err(out_of_range(field, text));
    }
    Ok(Cell::Number(number.normalize()))
}

/// Rounds to the field's scale, half away from zero.
fn double(field: &Field, text: &str) -> Result<Cell, Fault> {
    let number =
        number(field, text)?.round_dp_with_strategy(field.scale, RoundingStrategy::MidpointAwayFromZero);
    let places = if field.precision > 0 { field.precision.saturating_sub(field.scale) } else { 18 };
    if digits_before_point(number) > places {
        return Err(out_of_range(field, text));
    }
    Ok(Cell::Number(number.normalize()))
}

fn digits_before_point(number: Decimal) -> u32 {
    let whole = number.trunc().abs();
    if whole.is_zero() { 0 } else { whole.normalize().to_string().len() as u32 }
}

fn date(field: &Field, text: &str) -> Result<Cell, Fault> {
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        return Ok(Cell::Date(day));
    }
    // A datetime stands for its day.
    text.contains('T')
        .then(|| time::parse_datetime(text))
        .flatten()
        .map(|millis| Cell::Date(time::day_of(millis)))
        .ok_or_else(|| cannot_read(field, "VALUE_STRING", text))
}

fn picklist(field: &Field, text: &str) -> Result<Cell, Fault> {
    if field.restricted && !field.choice(text).is_some_and(|choice| choice.active) {
        return Err(bad_choice(field, text));
    }
    fits(field, text.to_owned()).map(Cell::text)
}

/// Joined with `;`, in the order of the field's definition, each once.
fn multi_picklist(field: &Field, text: &str) -> Result<Cell, Fault> {
    let mut chosen: Vec<&str> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
    if let Some(bad) = chosen.iter().find(|part| field.restricted && field.choice(part).is_none()) {
        return Err(bad_choice(field, bad));
    }
    let place = |part: &str| field.choices.iter().position(|choice| choice.value == part);
    chosen.sort_by_key(|part| place(part).unwrap_or(usize::MAX));
    chosen.dedup();
    fits(field, chosen.join(";")).map(Cell::text)
}

fn bad_choice(field: &Field, text: &str) -> Fault {
    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
    Fault::record("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [&field.name])
}

/// Stored in lower case.
fn email(field: &Field, text: &str) -> Result<Cell, Fault> {
    let ok = text.split_once('@').is_some_and(|(local, domain)| {
        let labels: Vec<&str> = domain.split('.').collect();
        !local.is_empty()
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && labels.len() > 1
            && labels.iter().all(|label| !label.is_empty() && !label.starts_with('-'))
            && !text.chars().any(|c| c.is_whitespace() || ",;:<>()[]\\\"".contains(c))
            && !domain.contains('@')
    });
    if !ok {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(Fault::record("INVALID_EMAIL_ADDRESS", message, [&field.name]));
    }
    fits(field, text.to_lowercase()).map(Cell::text)
}

fn reference(org: &Org, field: &Field, text: &str) -> Result<Cell, Fault> {
    let wrong = || {
        let shown: String = text.chars().take(15).collect();
        let message = format!("{}: id value of incorrect type: {shown}", field.label);
        Fault::record("MALFORMED_ID", message, [&field.name])
    };
    let id = Id::parse(text).ok_or_else(wrong)?;
    if id == Id::MASTER {
        return Ok(Cell::Null);
    }
    let prefixes: Vec<&str> = field
        .refers
        .iter()
        .filter_map(|name| org.schema.find_any(name))
        .map(|(_, object)| object.key_prefix.as_str())
        .collect();
    if !prefixes.is_empty() && !prefixes.contains(&id.prefix()) {
        return Err(wrong());
    }
    match org.find(id) {
        Some((_, row)) if row.deleted.is_none() => Ok(Cell::Ref(id)),
        Some(_) => Err(Fault::record("ENTITY_IS_DELETED", "entity is deleted", [] as [&str; 0])),
        // An object that the simulated org does not have cannot be looked up.
        None if prefixes.is_empty() => Ok(Cell::Ref(id)),
        None => {
            let fields = [&field.name];
            Err(Fault::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields))
        }
    }
}
