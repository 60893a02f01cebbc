//! Reading vendors' JSON leniently: a field that is missing or of another type is simply not there.

use serde_json::Value as Json;

/// An answer that is not what it should be, in words for the person who imports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotUnderstood(pub String);

pub fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    json.get(key)?.as_str()
}

pub fn flag(json: &Json, key: &str) -> Option<bool> {
    match json.get(key)? {
        Json::Bool(value) => Some(*value),
        Json::String(text) => Some(text.eq_ignore_ascii_case("true")),
        _ => None,
    }
}

pub fn number(json: &Json, key: &str) -> Option<u32> {
    let value = json.get(key)?;
    match value {
        Json::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().map(|n| n as u64)).and_then(|n| u32::try_from(n).ok())
        }
        _ => None,
    }
}

pub fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The rows of an answer: `{"results":[...]}`, `{"records":[...]}` or a bare list; several pages in a list of pages too.
pub fn rows(json: &Json, what: &str) -> Result<Vec<Json>, NotUnderstood> {
    let direct = |json: &Json| -> Option<Vec<Json>> {
        ["results", "records", "lists"].iter().find_map(|key| json.get(*key)?.as_array().cloned())
    };
    if let Some(rows) = direct(json) {
        return Ok(rows);
    }
    match json.as_array() {
        Some(items) if !items.is_empty() && items.iter().all(|item| direct(item).is_some()) => {
            Ok(items.iter().filter_map(direct).flatten().collect())
        }
        Some(items) => Ok(items.clone()),
        None => Err(NotUnderstood(format!(
            "this is no list of {what}: expected `results`, `records` or a JSON list"
        ))),
    }
}
