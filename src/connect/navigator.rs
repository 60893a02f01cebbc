//! The door between the engine and Sales Navigator for everything that is no record: connection, seats, activities,
//! matches, lists. One method, so that it can be recorded, counted and refused like a [`super::remote::Remote`].

use std::future::Future;
use std::pin::Pin;

use serde_json::Value as Json;

use super::client::Effect;
use super::remote::CallError;
use super::transport::Method;

pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Told, CallError>> + 'a>>;

pub trait Navigator {
    /// An answer of any status below 500 that is no matter of credentials, rights or limits.
    fn ask(&self, ask: Ask) -> Asked<'_>;
}

/// Whether LinkedIn documents the resource, or it is the sandbox's own contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Documented,
    /// Documented, and of the versioned API.
    Versioned,
    Sandbox,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Ask {
    pub family: Family,
    pub method: Method,
    /// Below `/v2`, `/rest` or `/sandbox`; parts that come from data are encoded already.
    pub resource: String,
    /// Values as they are; Rest.li lists and keys are written with [`super::salesnav::restli`].
    pub query: Vec<(String, String)>,
    pub body: Json,
    /// `X-RestLi-Method`, where the HTTP method does not say it.
    pub hint: Option<&'static str>,
    pub effect: Effect,
}

#[derive(Debug, Clone)]
pub struct Told {
    pub status: u16,
    pub json: Json,
    pub body: Vec<u8>,
    /// `X-RestLi-Id`: the id of what was created.
    pub id: Option<String>,
}

impl Ask {
    pub fn get(family: Family, resource: impl Into<String>) -> Self {
        Ask {
            family,
            method: Method::Get,
            resource: resource.into(),
            query: Vec::new(),
            body: Json::Null,
            hint: None,
            effect: Effect::Read,
        }
    }

    /// A Rest.li action that changes something.
    pub fn action(family: Family, resource: &str, action: &str, body: Json) -> Self {
        let ask = Ask { method: Method::Post, body, effect: Effect::Write, ..Ask::get(family, resource) };
        Ask { hint: Some("ACTION"), ..ask }.with("action", action)
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }
}

impl Told {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// LinkedIn's words for a refusal.
    pub fn message(&self) -> &str {
        self.json.get("message").and_then(Json::as_str).unwrap_or("no reason given")
    }
}
