//! Plain HTTP messages: what a face answers, without a server around it.

use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Percent-decoded, without empty segments.
    pub path: Vec<String>,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Path segments for matching on slices.
    pub fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// An empty body is `null`.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        if self.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&self.body) }
    }
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".into(), "application/json;charset=UTF-8".into())],
            body: body.to_string().into_bytes(),
        }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A simulated CRM: synchronous and deterministic, given its clock and seed.
pub trait Face: Send {
    fn handle(&mut self, request: &Request) -> Response;

    /// What it wants to tell others by itself, now.
    fn outgoing(&mut self) -> Option<Outgoing> {
        None
    }
}

/// Events that a simulated CRM sends to an app.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub url: String,
    pub events: Vec<Value>,
    /// Milliseconds since 1970, by the CRM's clock.
    pub at: i64,
    /// What the receiver checks the signature with.
    pub secret: &'static str,
}
