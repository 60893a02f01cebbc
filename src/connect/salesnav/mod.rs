//! Sales Navigator: as a [`Remote`] for the records of its CRM sync, as a [`Navigator`] for all the rest.
//!
//! LinkedIn documents contracts, export jobs, profile associations, data validation, display tokens and revenue
//! attribution; taking records in and giving activities out is done by LinkedIn itself, for partners, and no public
//! API does it. Those calls speak the sandbox's own contract and are refused before they are sent anywhere else.
//! See `docs/CONNECTORS.md`.

pub mod api;
mod records;
pub mod restli;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value as Json;

use super::client::{Body, Call, Client, Dialect, Effect, Verdict};
use super::limits::{Meter, Window};
use super::navigator::{Ask, Asked, Family, Navigator, Told};
use super::remote::{CallError, Completion, ErrorClass, Identity, Remote, Reply, Request};
use super::transport::{HttpResponse, Method};
use crate::schema::json::text;
use crate::value::Millis;

pub const SALESNAV_URL: &str = "https://api.linkedin.com";
/// The month of the versioned API that this version of twinmap was written against.
const VERSION: &str = "202607";

pub struct SalesNav {
    client: Client,
    /// Whether the sandbox's own contract is spoken here.
    sandbox: bool,
    version: String,
    /// The contract that is connected; its records are read and written.
    contract: RefCell<String>,
}

#[derive(Debug)]
pub struct LinkedInDialect;

impl Dialect for LinkedInDialect {
    fn judge(&self, response: &HttpResponse, json: Option<&Json>) -> Verdict {
        let said = json.and_then(|json| text(json, "message")).unwrap_or("no reason given");
        let why = || format!("status {}: {said}", response.status);
        match response.status {
            401 => Verdict::Expired(format!("the token was refused ({})", why())),
            403 => Verdict::Permission(said.to_owned()),
            // Quotas are of a day; but bursts are answered so as well.
            429 => Verdict::Wait(None, why()),
            500.. => Verdict::Broken(why()),
            _ => Verdict::Answer,
        }
    }

    fn learn(&self, _: &'static str, _: &HttpResponse, _: &mut Meter, _: Millis) {}

    fn window(&self, _: &'static str) -> Option<(&'static str, Window)> {
        None
    }
}

impl SalesNav {
    pub fn new(client: Client, origin: &str, version: Option<&str>) -> Result<Self, String> {
        let version = version.unwrap_or(VERSION);
        let digits = version.split('.').next().unwrap_or("");
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("`{version}` is no month of the LinkedIn API: write `{VERSION}`"));
        }
        let sandbox = origin.starts_with("http://");
        Ok(SalesNav { client, sandbox, version: version.to_owned(), contract: RefCell::default() })
    }

    /// Whether calls of the sandbox's own contract are answered here.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox
    }

    /// The contract whose records this connection is about.
    pub fn choose(&self, contract: &str) {
        contract.clone_into(&mut self.contract.borrow_mut());
    }

    pub(super) fn contract(&self) -> String {
        self.contract.borrow().clone()
    }

    fn error(&self, class: ErrorClass, message: impl Into<String>) -> CallError {
        self.client.error(class, message)
    }

    async fn tell(&self, ask: Ask) -> Result<Told, CallError> {
        if ask.family == Family::Sandbox && !self.sandbox {
            return Err(self.error(
                ErrorClass::Permission,
                "LinkedIn has no public API for this: its CRM sync is done by LinkedIn, with partners only",
            ));
        }
        let root = match ask.family {
            Family::Documented => "/v2",
            Family::Versioned => "/rest",
            Family::Sandbox => "/sandbox",
        };
        let query = restli::query(&ask.query);
        let path = format!("{root}/{}", ask.resource);
        let tunnelled = ask.method == Method::Get && query.len() > restli::LONGEST_QUERY;
        let target = if query.is_empty() || tunnelled { path } else { format!("{path}?{query}") };
        let mut call = Call::get(target).header("X-RestLi-Protocol-Version", "2.0.0");
        call.method = ask.method;
        call.effect = ask.effect;
        if ask.family == Family::Versioned {
            call = call.header("LinkedIn-Version", self.version.clone());
        }
        if let Some(hint) = ask.hint {
            call = call.header("X-RestLi-Method", hint);
        }
        if tunnelled {
            call.method = Method::Post;
            call.body = Body::Csv(query.into_bytes());
            call = call
                .header("X-HTTP-Method-Override", "GET")
                .header("Content-Type", "application/x-www-form-urlencoded");
        } else if !ask.body.is_null() {
            call.body = Body::Json(ask.body);
        }
        let answer = self.client.send(&call).await?;
        let id = answer.response.header("x-restli-id").map(str::to_owned);
        Ok(Told { status: answer.status, json: answer.json, body: answer.response.body, id })
    }

    /// A file that an export left, by the link of its job.
    pub async fn download(&self, link: &str) -> Result<Vec<u8>, CallError> {
        if !link.starts_with('/') {
            let message = "the export lies on another host, and credentials are not sent there";
            return Err(self.error(ErrorClass::Rejected, message));
        }
        let answer = self.client.send(&Call::get(link)).await?;
        match answer.ok() {
            true => Ok(answer.response.body),
            false => Err(self.error(ErrorClass::Rejected, format!("status {}", answer.status))),
        }
    }

    async fn identity(&self) -> Result<Identity, CallError> {
        let call = Call::get("/v2/salesContracts?q=contractsByMember&count=1")
            .header("X-RestLi-Protocol-Version", "2.0.0");
        let answer = self.client.send(&call).await?;
        if !answer.ok() {
            return Err(self.error(ErrorClass::Rejected, format!("status {}", answer.status)));
        }
        let server_time = answer.server_time().unwrap_or_else(|| self.client.timer().now());
        Ok(Identity { account: self.contract(), user: String::new(), server_time })
    }

    async fn answer(&self, request: Request) -> Completion {
        match request {
            Request::Identity => self.identity().await.map(Reply::Identity),
            Request::Owners => {
                let seats = api::seats(self, &self.contract()).await?;
                Ok(Reply::Owners(seats.into_iter().map(api::Seat::into_owner).collect()))
            }
            Request::Changed { object, since, after, .. } => {
                self.feed(&object, "changed", since, after).await
            }
            Request::Deleted { object, since, after } => self.feed(&object, "deleted", since, after).await,
            Request::List { object, fields, after, .. } => self.list(&object, &fields, after).await,
            Request::Read { object, ids, fields, .. } => self.read(&object, &ids, &fields).await,
            Request::Find { object, field, values, fields, .. } => {
                self.find(&object, &field, &values, &fields).await
            }
            Request::Write { object, items } => self.write(&object, &items).await.map(Reply::Written),
            Request::Archive { object, ids } => self.archive(&object, &ids).await.map(Reply::Written),
            Request::Associate { .. } | Request::Members { .. } => {
                Err(self.error(ErrorClass::Rejected, "Sales Navigator joins its records itself"))
            }
        }
    }
}

impl Navigator for SalesNav {
    fn ask(&self, ask: Ask) -> Asked<'_> {
        Box::pin(self.tell(ask))
    }
}

impl Remote for SalesNav {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        Box::pin(self.answer(request))
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.client.calls()
    }
}

/// A refusal of something that a navigator was asked to write.
pub fn read_only() -> CallError {
    CallError {
        system: "twinmap".to_owned(),
        class: ErrorClass::NotApplied,
        message: "this command only reads, and a write was asked for".to_owned(),
        retry_after: None,
    }
}

/// Whether an ask changes anything.
pub fn writes(ask: &Ask) -> bool {
    ask.effect == Effect::Write
}
