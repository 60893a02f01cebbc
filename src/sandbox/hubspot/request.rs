//! What a client asks for: query parameters and JSON bodies, read as leniently as HubSpot reads them.

use serde_json::{Map, Value as Json};

use super::super::core::http::Request;
use super::answer::Fault;

pub struct Query<'r>(pub &'r [(String, String)]);

impl<'r> Query<'r> {
    /// The value, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&'r str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A list, comma-separated or repeated.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    /// A boolean in any case: clients write `true`, `True` and `TRUE`.
    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.get(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(Fault::invalid(format!("{name} must be true or false, not {text}"))),
        }
    }

    /// The page size: `usual` when none is given, refused above `most`.
    pub fn limit(&self, usual: usize, most: usize) -> Result<usize, Fault> {
        let Some(text) = self.get("limit") else { return Ok(usual) };
        match text.parse::<usize>() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            Ok(limit) => Err(Fault::invalid(format!("limit must be between 1 and {most}, not {limit}"))),
            Err(_) => Err(Fault::invalid(format!("limit must be a number, not {text}"))),
        }
    }
}

/// The body as an object.
pub fn object(request: &Request) -> Result<Map<String, Json>, Fault> {
    match request.json() {
        Ok(Json::Object(body)) => Ok(body),
        Ok(Json::Null) => Ok(Map::new()),
        Ok(_) => Err(Fault::invalid("Invalid input JSON: expected an object")),
        Err(error) => Err(bad_json(&error)),
    }
}

/// The body as a list.
pub fn list(request: &Request) -> Result<Vec<Json>, Fault> {
    match request.json() {
        Ok(Json::Array(body)) => Ok(body),
        Ok(_) => Err(Fault::invalid("Invalid input JSON: expected a list")),
        Err(error) => Err(bad_json(&error)),
    }
}

fn bad_json(error: &serde_json::Error) -> Fault {
    let place = format!("line {}, column {}", error.line(), error.column());
    Fault::invalid(format!("Invalid input JSON on {place}: the text is not JSON"))
}

/// `inputs` of a batch, at most `most`.
pub fn inputs(body: &Map<String, Json>, most: usize) -> Result<Vec<Json>, Fault> {
    let Some(inputs) = body.get("inputs").and_then(Json::as_array) else {
        return Err(Fault::missing("inputs"));
    };
    if inputs.len() > most {
        let message = format!("The number of inputs is {}, the limit is {most}", inputs.len());
        return Err(Fault::invalid(message));
    }
    Ok(inputs.clone())
}

/// A member that is a text or a number, as text.
pub fn text(json: &Json, name: &str) -> Option<String> {
    match json.get(name)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A member that is a list of texts, or a text with commas.
pub fn texts(body: &Map<String, Json>, name: &str) -> Vec<String> {
    match body.get(name) {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Some(Json::String(text)) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// A record id.
pub fn id(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| Fault::not_found())
}
