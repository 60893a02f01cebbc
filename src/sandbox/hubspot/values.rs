//! What a client may write into a property, and the form in which HubSpot keeps it.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

use super::answer::{PropertyFault, iso};
use super::portal::{Portal, Settings};
use super::schema::{Object, Property};
use crate::value::Millis;
use crate::wire::instant;

const DAY: i64 = 86_400_000;
/// The longest text that a property holds.
const MAX_TEXT: usize = 65_536;

/// The text to store; empty clears.
pub fn normalise(
    portal: &Portal,
    object: &Object,
    property: &Property,
    value: &Json,
) -> Result<String, PropertyFault> {
    let text = match value {
        Json::Null => return Ok(String::new()),
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Array(_) | Json::Object(_) => value.to_string(),
    };
    if text.is_empty() {
        return Ok(text);
    }
    if text.chars().count() > MAX_TEXT {
        let message = format!("Property value is too long: the limit is {MAX_TEXT} characters");
        return Err(fault(property, "INVALID_LENGTH", message));
    }
    match property.ty.as_str() {
        "number" => number(property, &text),
        "bool" => one_of(property, &text.to_lowercase(), &["true", "false"]),
        "date" => date(property, &text),
        "datetime" => datetime(property, &text),
        "enumeration" => enumeration(portal, object, property, text),
        _ => string(&portal.settings, object, property, text),
    }
}

fn fault(property: &Property, error: &'static str, message: String) -> PropertyFault {
    PropertyFault { name: property.name.to_string(), error, message }
}

fn number(property: &Property, text: &str) -> Result<String, PropertyFault> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    match text.parse::<Decimal>() {
        Ok(_) if plain => Ok(text.to_owned()),
        _ => Err(fault(property, "INVALID_INTEGER", format!("{text} was not a valid number."))),
    }
}

fn date(property: &Property, text: &str) -> Result<String, PropertyFault> {
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return Ok(date.to_string());
    }
    let Some(at) = instant(text) else {
        return Err(fault(property, "INVALID_DATE", format!("{text} was not a valid date.")));
    };
    if at.0.rem_euclid(DAY) != 0 {
        let clock = at.to_string();
        let time = clock.get(11..23).unwrap_or_default();
        return Err(fault(property, "INVALID_DATE", format!("{text} is at {time} UTC, not midnight!")));
    }
    Ok(at.to_string().get(..10).unwrap_or_default().to_owned())
}

fn datetime(property: &Property, text: &str) -> Result<String, PropertyFault> {
    match instant(text.trim()) {
        Some(at) => Ok(iso(at)),
        None => Err(fault(property, "INVALID_DATE", format!("{text} was not a valid long."))),
    }
}

fn one_of<S: AsRef<str>>(property: &Property, text: &str, allowed: &[S]) -> Result<String, PropertyFault> {
    if allowed.iter().any(|option| option.as_ref() == text) {
        return Ok(text.to_owned());
    }
    let listed: Vec<&str> = allowed.iter().map(AsRef::as_ref).collect();
    let message = format!("{text} was not one of the allowed options: [{}]", listed.join(", "));
    Err(fault(property, "INVALID_OPTION", message))
}

fn enumeration(
    portal: &Portal,
    object: &Object,
    property: &Property,
    text: String,
) -> Result<String, PropertyFault> {
    let stages = || object.pipelines.iter().filter(|p| p.archived.is_none()).flat_map(|p| &p.stages);
    match &*property.name {
        "hubspot_owner_id" => return owner(portal, property, text),
        "dealstage" | "hs_pipeline_stage" if !object.pipelines.is_empty() => {
            let ids: Vec<&str> = stages().filter(|s| s.archived.is_none()).map(|s| s.id.as_str()).collect();
            return one_of(property, &text, &ids);
        }
        "pipeline" | "hs_pipeline" if !object.pipelines.is_empty() => {
            let live = object.pipelines.iter().filter(|p| p.archived.is_none());
            let ids: Vec<&str> = live.map(|p| p.id.as_str()).collect();
            return one_of(property, &text, &ids);
        }
        _ => {}
    }
    // Options that live elsewhere, or of which only some are known, can't be checked.
    if property.options.is_empty() || property.options_cut {
        return Ok(text);
    }
    let options: Vec<&str> = property.options.iter().map(|option| option.value.as_str()).collect();
    if property.field_type == "booleancheckbox" {
        return one_of(property, &text.to_lowercase(), &options);
    }
    if property.field_type != "checkbox" {
        return one_of(property, &text, &options);
    }
    let mut chosen = BTreeSet::new();
    let mut kept = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        one_of(property, part, &options)?;
        if chosen.insert(part) {
            kept.push(part);
        }
    }
    Ok(kept.join(";"))
}

fn owner(portal: &Portal, property: &Property, text: String) -> Result<String, PropertyFault> {
    if portal.owners.iter().any(|owner| owner.id == text && owner.archived.is_none()) {
        return Ok(text);
    }
    let message = format!("{text} is not a valid owner ID");
    Err(fault(property, "INVALID_OWNER_ID", message))
}

/// What a portal does to every text, where it is switched on.
fn tidied(settings: &Settings, text: String) -> String {
    let text = if settings.trim { text.trim().to_owned() } else { text };
    if settings.nfc { text.nfc().collect() } else { text }
}

fn string(
    settings: &Settings,
    object: &Object,
    property: &Property,
    text: String,
) -> Result<String, PropertyFault> {
    match (&*object.singular, &*property.name) {
        ("contact", "email") => {
            let email = text.trim().to_lowercase();
            if is_email(&email) {
                return Ok(email);
            }
            Err(fault(property, "INVALID_EMAIL", format!("Email address {email} is invalid")))
        }
        ("company", "domain") => Ok(text.trim().to_lowercase()),
        _ => Ok(tidied(settings, text)),
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-');
    !local.is_empty()
        && !text.chars().any(|c| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>'))
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// A time of a filter or an admin call: epoch milliseconds or ISO 8601.
pub fn time(text: &str) -> Option<Millis> {
    instant(text.trim())
}
