//! One HTTP exchange, without a socket in sight: what a connector asks and what came back.
//!
//! Invariant: a failed exchange says whether the request certainly never left; without that nobody may send a write
//! again. Real sockets are in [`super::http`]; tests put a simulated CRM behind the same trait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + 'a>>;

/// Sends one request and waits for the whole answer. No retries, no redirects, no cookies.
pub trait Transport {
    fn send(&self, request: HttpRequest) -> Exchange<'_>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    /// Scheme, host and port: `https://api.hubapi.com`.
    pub origin: Arc<str>,
    /// Path and query, percent-encoded, beginning with `/`.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Neither the credentials nor the body, which holds record values.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or("");
        write!(f, "{} {}{path} ({} bytes)", self.method.as_str(), self.origin, self.body.len())
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

impl HttpResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    pub sent: Sent,
    /// Without credentials.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// No connection, no TLS, a host that is not allowed: the server saw nothing.
    No,
    /// The request or a part of it left; no whole answer came back.
    Maybe,
    /// An answer came that is refused (too large, a compression bomb): asking again would bring it again.
    Refused,
}

impl TransportError {
    pub fn new(sent: Sent, message: impl Into<String>) -> Self {
        TransportError { sent, message: message.into() }
    }
}
