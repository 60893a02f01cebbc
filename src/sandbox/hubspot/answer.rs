//! What HubSpot answers: JSON bodies, error bodies with their categories, batch envelopes, times as text.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Response;
use crate::value::Millis;

/// A refused request.
#[derive(Debug, Clone)]
pub struct Fault {
    pub status: u16,
    pub message: String,
    pub category: &'static str,
    pub sub_category: Option<&'static str>,
    pub errors: Vec<Json>,
    /// Members that only some bodies have (`context`, `errorType`, `policyName`, `links`).
    pub more: Map<String, Json>,
}

/// A success with its status, or a refusal. A body of `null` is sent as no body.
pub type Answer = Result<(u16, Json), Fault>;

impl Fault {
    pub fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            category,
            sub_category: None,
            errors: Vec::new(),
            more: Map::new(),
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "CONFLICT", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "", "HTTP 405 Method Not Allowed")
    }

    pub fn missing(field: &str) -> Self {
        Self::invalid(format!("Some required fields were not set: [{field}]"))
    }

    pub fn with_context(mut self, name: &str, values: &[&str]) -> Self {
        let context = self.more.entry("context").or_insert_with(|| json!({}));
        if let Some(context) = context.as_object_mut() {
            context.insert(name.into(), json!(values));
        }
        self
    }

    /// The body of an answer that is an error as a whole.
    pub fn body(&self, correlation: &str) -> Json {
        let mut body = Map::new();
        body.insert("status".into(), json!("error"));
        body.insert("message".into(), json!(self.message));
        body.insert("correlationId".into(), json!(correlation));
        if !self.category.is_empty() {
            body.insert("category".into(), json!(self.category));
        }
        if let Some(sub) = self.sub_category {
            body.insert("subCategory".into(), json!(sub));
        }
        if !self.errors.is_empty() {
            body.insert("errors".into(), json!(self.errors));
        }
        body.extend(self.more.clone());
        Json::Object(body)
    }

    /// The same as an item of a 207 answer. The official clients insist on every one of these members.
    pub fn item(&self) -> Json {
        let mut item = json!({
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": self.more.get("context").unwrap_or(&json!({})),
            "errors": self.errors,
            "links": {},
        });
        if let (Some(sub), Some(item)) = (self.sub_category, item.as_object_mut()) {
            item.insert("subCategory".into(), json!(sub));
        }
        item
    }
}

/// One property's fault in a write.
#[derive(Debug, Clone)]
pub struct PropertyFault {
    pub name: String,
    pub error: &'static str,
    pub message: String,
}

/// HubSpot puts the faults of properties as a JSON array into the text of the message, and (newer) into `errors` too.
pub fn property_faults(faults: &[PropertyFault], portal: u64) -> Fault {
    let rows: Vec<Json> = faults
        .iter()
        .map(|fault| {
            json!({
                "isValid": false,
                "message": fault.message,
                "error": fault.error,
                "name": fault.name,
                "localizedErrorMessage": fault.message,
                "portalId": portal,
            })
        })
        .collect();
    let mut all = Fault::invalid(format!("Property values were not valid: {}", Json::Array(rows)));
    all.errors = faults
        .iter()
        .map(|fault| {
            json!({
                "message": fault.message,
                "code": fault.error,
                "context": { "propertyName": [fault.name] },
            })
        })
        .collect();
    all
}

/// The envelope of a batch answer: `all_well` is the status when nothing failed.
pub fn batch(all_well: u16, results: Vec<Json>, faults: &[Fault], at: Millis) -> (u16, Json) {
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(at),
        "completedAt": iso(at),
    });
    if faults.is_empty() {
        return (all_well, body);
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("numErrors".into(), json!(faults.len()));
        body.insert("errors".into(), faults.iter().map(Fault::item).collect());
    }
    (207, body)
}

/// ISO 8601 in UTC as Java prints an instant: milliseconds only where there are some.
pub fn iso(at: Millis) -> String {
    if at.0.rem_euclid(1000) == 0 { format!("{:.0}", at.timestamp()) } else { at.to_string() }
}

/// A JSON answer with HubSpot's content type.
pub fn respond(status: u16, body: &Json) -> Response {
    if body.is_null() {
        return Response::empty(status);
    }
    Response {
        status,
        headers: vec![("Content-Type".into(), "application/json;charset=utf-8".into())],
        body: body.to_string().into_bytes(),
    }
}
