//! What a handler gives back, and what it gets.

use serde_json::{Map, Value};

use super::super::core::http::{Request, Response};
use super::doc::{Doc, Layout};
use super::fault::Fault;
use super::org::Who;

/// One call of the REST API, in a version of it.
pub struct Call<'a> {
    /// 62 for `v62.0`.
    pub version: u16,
    pub who: Who,
    pub request: &'a Request,
}

impl Call<'_> {
    /// The body as an object.
    pub fn object(&self) -> Result<Map<String, Value>, Fault> {
        match self.json()? {
            Value::Object(map) => Ok(map),
            _ => Err(Fault::malformed("The request body must be a JSON object at [line:1, column:1]")),
        }
    }

    pub fn json(&self) -> Result<Value, Fault> {
        let refuse = |error: serde_json::Error| {
            let place = format!("at [line:{}, column:{}]", error.line(), error.column());
            Fault::malformed(format!("Unexpected character or end of input {place}"))
        };
        self.request.json().map_err(refuse)
    }

    /// A query parameter that says `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.request.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Empty,
    Json(Doc),
    Csv(String),
    Xml(String),
}

impl Reply {
    pub fn json(status: u16, doc: impl Into<Doc>) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Json(doc.into()) }
    }

    pub fn csv(text: String) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: Body::Csv(text) }
    }

    pub fn xml(status: u16, text: String) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Xml(text) }
    }

    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Empty }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    pub fn into_response(self, layout: Layout) -> Response {
        let (kind, body) = match self.body {
            Body::Empty => (None, Vec::new()),
            Body::Json(doc) => (Some("application/json;charset=UTF-8"), doc.to_text(layout).into_bytes()),
            Body::Csv(text) => (Some("text/csv"), text.into_bytes()),
            Body::Xml(text) => (Some("text/xml;charset=UTF-8"), text.into_bytes()),
        };
        let mut response = Response { status: self.status, headers: Vec::new(), body };
        if let Some(kind) = kind {
            response = response.with("Content-Type", kind);
        }
        for (name, value) in self.headers {
            response = response.with(name, value);
        }
        response.with("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private")
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Reply {
        Reply::json(fault.status, fault.body())
    }
}
