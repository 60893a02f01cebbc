//! The HTTP client of every connector: signs in, keeps the pace, retries what is safe, counts, and reads JSON.
//!
//! Invariants: a write is sent again only when the earlier try was certainly not applied; an error holds neither
//! credentials nor record values; every call is counted under its limit class. What an answer means is the vendor's
//! business: see [`Dialect`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use super::auth::Auth;
use super::limits::{Meter, Window};
use super::remote::{CallError, ErrorClass};
use super::timer::Timer;
use super::transport::{HttpRequest, HttpResponse, Method, Sent, Transport};
use crate::value::Millis;

/// Calls of one piece of work that are under way at once: enough to use up a vendor's rate while answers take their
/// time. The rate itself is kept by the windows.
pub const IN_FLIGHT: usize = 8;

/// Tries of one call, the first included.
const TRIES: u32 = 8;
/// Tries of a call that does not reach the server, or that something else answers in its place (a proxy's page): a
/// wrong address should be said soon.
const TRIES_ASTRAY: u32 = 3;
const BACKOFF_BASE: i64 = 1_000;
const BACKOFF_CAP: i64 = 64_000;
/// Percent of the account's day that writes leave: for finding out what became of them, and for others.
const WRITE_RESERVE: u64 = 20;
/// The same of reads.
const READ_RESERVE: u64 = 1;
/// A longer wait that a server asks for is handed to the caller.
const PATIENCE: i64 = 120_000;

/// One call of the vendor's API.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// Path and query, percent-encoded.
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    /// The limit that it counts against.
    pub class: &'static str,
    pub effect: Effect,
}

#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Json),
    /// JSON whose members stand in an order that matters.
    JsonText(String),
    Csv(Vec<u8>),
}

/// Whether a call changes anything on the other side; decides what may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
}

impl Call {
    pub fn get(target: impl Into<String>) -> Self {
        Call {
            method: Method::Get,
            target: target.into(),
            headers: Vec::new(),
            body: Body::None,
            class: "api",
            effect: Effect::Read,
        }
    }

    /// A POST that only asks.
    pub fn ask(target: impl Into<String>, body: Json) -> Self {
        Call { method: Method::Post, body: Body::Json(body), ..Call::get(target) }
    }

    pub fn write(method: Method, target: impl Into<String>, body: Body) -> Self {
        Call { method, body, effect: Effect::Write, ..Call::get(target) }
    }

    pub fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer that the vendor's code has to read: a success, or a refusal of the request as it stands.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Null when there was no body.
    pub json: Json,
    pub response: HttpResponse,
}

impl Answer {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The server's clock when it answered (whole seconds).
    pub fn server_time(&self) -> Option<Millis> {
        server_time(&self.response)
    }
}

pub fn server_time(response: &HttpResponse) -> Option<Millis> {
    let date = jiff::fmt::rfc2822::parse(response.header("date")?).ok()?;
    Some(Millis(date.timestamp().as_millisecond()))
}

/// What an answer is for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// For the vendor's code to read.
    Answer,
    /// The token is no longer good.
    Expired(String),
    Permission(String),
    /// Too fast, or busy; certainly not applied. Goes on after so many milliseconds.
    Wait(Option<i64>, String),
    /// The day's budget, or a wait longer than a run.
    Exhausted(Option<i64>, String),
    /// The server broke on the way: may have been applied.
    Broken(String),
}

/// How a vendor words its answers.
pub trait Dialect {
    fn judge(&self, response: &HttpResponse, json: Option<&Json>) -> Verdict;

    /// Takes rate limits out of an answer's headers.
    fn learn(&self, class: &'static str, response: &HttpResponse, meter: &mut Meter, now: Millis);

    /// The limit that calls of a class count against, and its window before the first answer.
    fn window(&self, class: &'static str) -> Option<(&'static str, Window)>;
}

pub struct Client {
    pub system: Arc<str>,
    /// Where the API answers until a token names another place.
    origin: Arc<str>,
    transport: Rc<dyn Transport>,
    timer: Rc<dyn Timer>,
    auth: Auth,
    dialect: Box<dyn Dialect>,
    meter: RefCell<Meter>,
    user_agent: String,
}

enum Step {
    Done(Answer),
    Fail(CallError),
    Renew(u64, CallError),
    /// After so many milliseconds, or after a back-off; at most so many tries in all.
    Again(Option<i64>, u32, CallError),
}

pub struct ClientParts {
    pub system: Arc<str>,
    pub origin: String,
    pub transport: Rc<dyn Transport>,
    pub timer: Rc<dyn Timer>,
    pub auth: Auth,
    pub dialect: Box<dyn Dialect>,
}

impl Client {
    pub fn new(parts: ClientParts) -> Self {
        Client {
            system: parts.system,
            origin: parts.origin.into(),
            transport: parts.transport,
            timer: parts.timer,
            auth: parts.auth,
            dialect: parts.dialect,
            meter: RefCell::default(),
            user_agent: concat!("twinmap/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    pub fn calls(&self) -> std::collections::BTreeMap<String, u64> {
        self.meter.borrow().calls.clone()
    }

    /// Calls that writes may still make today.
    pub fn left_today(&self) -> Option<u64> {
        self.meter.borrow().daily.map(|daily| daily.above(WRITE_RESERVE))
    }

    pub fn daily(&self) -> Option<super::limits::Daily> {
        self.meter.borrow().daily
    }

    pub fn timer(&self) -> &dyn Timer {
        &*self.timer
    }

    pub fn error(&self, class: ErrorClass, message: impl Into<String>) -> CallError {
        CallError { system: self.system.to_string(), class, message: message.into(), retry_after: None }
    }

    /// Sends a call until there is an answer to read, or a reason to give up.
    pub async fn send(&self, call: &Call) -> Result<Answer, CallError> {
        let mut tries = 1;
        let mut renewed = false;
        loop {
            self.keep_pace(call).await?;
            match self.once(call).await {
                Step::Done(answer) => return Ok(answer),
                Step::Fail(error) => return Err(error),
                Step::Renew(_, error) if renewed || !self.auth.renewable() => return Err(error),
                Step::Renew(refused, _) => {
                    renewed = true;
                    let token = self.auth.renew(refused, &*self.transport, &*self.timer).await;
                    token.map_err(|error| self.error(ErrorClass::Auth, error.to_string()))?;
                }
                Step::Again(_, most, error) if tries >= most || !self.meter.borrow_mut().may_retry() => {
                    return Err(error);
                }
                Step::Again(wait, ..) => {
                    self.timer.sleep(wait.unwrap_or_else(|| self.backoff(tries))).await;
                    tries += 1;
                }
            }
        }
    }

    /// Full jitter: anything between nothing and the doubled base.
    fn backoff(&self, tries: u32) -> i64 {
        let most = BACKOFF_BASE.saturating_mul(1 << tries.min(10)).min(BACKOFF_CAP);
        i64::try_from(self.timer.random() % u64::try_from(most).unwrap_or(1)).unwrap_or(0)
    }

    async fn keep_pace(&self, call: &Call) -> Result<(), CallError> {
        let class = call.class;
        let (reserve, message) = match call.effect {
            Effect::Read => (READ_RESERVE, "the account's calls of the day are used up"),
            Effect::Write => {
                (WRITE_RESERVE, "the last fifth of the account's calls of the day is kept in reserve")
            }
        };
        if self.meter.borrow().daily.is_some_and(|daily| daily.below(reserve)) {
            return Err(self.error(ErrorClass::Limit, message));
        }
        loop {
            let wait = {
                let Some((limit, window)) = self.dialect.window(class) else { return Ok(()) };
                let mut meter = self.meter.borrow_mut();
                meter.windows.entry(limit).or_insert(window).take(self.timer.now())
            };
            if wait == 0 {
                return Ok(());
            }
            self.timer.sleep(wait).await;
        }
    }

    async fn once(&self, call: &Call) -> Step {
        let token = match self.auth.token(&*self.transport, &*self.timer).await {
            Ok(token) => token,
            Err(error) => return Step::Fail(self.error(ErrorClass::Auth, error.to_string())),
        };
        let origin = token.instance.as_deref().map_or_else(|| Arc::clone(&self.origin), Arc::from);
        let result = self.transport.send(self.request(call, origin, token.bearer())).await;
        if !matches!(&result, Err(error) if error.sent == Sent::No) {
            self.meter.borrow_mut().count(call.class);
        }
        match result {
            Ok(response) => self.read(call, response, token.generation),
            Err(error) => match error.sent {
                Sent::No => {
                    Step::Again(None, TRIES_ASTRAY, self.error(ErrorClass::NotApplied, error.message))
                }
                Sent::Maybe => self.broken(call, TRIES, error.message),
                Sent::Refused if call.effect == Effect::Read => {
                    Step::Fail(self.error(ErrorClass::Rejected, error.message))
                }
                Sent::Refused => Step::Fail(self.error(ErrorClass::Unknown, error.message)),
            },
        }
    }

    fn broken(&self, call: &Call, most: u32, message: String) -> Step {
        let error = self.error(ErrorClass::Unknown, message);
        match call.effect {
            Effect::Read => Step::Again(None, most, error),
            Effect::Write => Step::Fail(error),
        }
    }

    fn request(&self, call: &Call, origin: Arc<str>, bearer: String) -> HttpRequest {
        let mut headers = vec![
            ("Authorization".to_owned(), bearer),
            ("Accept".to_owned(), "application/json".to_owned()),
            ("User-Agent".to_owned(), self.user_agent.clone()),
        ];
        let body = match &call.body {
            Body::None => Vec::new(),
            Body::Json(json) => {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                json.to_string().into_bytes()
            }
            Body::JsonText(text) => {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                text.clone().into_bytes()
            }
            Body::Csv(bytes) => {
                headers.push(("Content-Type".to_owned(), "text/csv; charset=UTF-8".to_owned()));
                bytes.clone()
            }
        };
        for (name, value) in &call.headers {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push(((*name).to_owned(), value.clone()));
        }
        HttpRequest { method: call.method, origin, target: call.target.clone(), headers, body }
    }

    fn read(&self, call: &Call, response: HttpResponse, generation: u64) -> Step {
        let now = self.timer.now();
        self.dialect.learn(call.class, &response, &mut self.meter.borrow_mut(), now);
        let json: Option<Json> = match response.body.is_empty() {
            true => Some(Json::Null),
            false => serde_json::from_slice(&response.body).ok(),
        };
        let csv = response.header("content-type").is_some_and(|kind| kind.starts_with("text/csv"));
        if (301..400).contains(&response.status) && response.status != 304 {
            return Step::Fail(self.error(
                ErrorClass::Rejected,
                "the server sent a redirect, and redirects are not followed: check the connection's `base_url`",
            ));
        }
        match self.dialect.judge(&response, json.as_ref()) {
            Verdict::Answer => match json {
                Some(json) => Step::Done(Answer { status: response.status, json, response }),
                None if csv => Step::Done(Answer { status: response.status, json: Json::Null, response }),
                None => self.broken(call, TRIES_ASTRAY, unreadable(&response)),
            },
            Verdict::Expired(why) => Step::Renew(generation, self.error(ErrorClass::Auth, why)),
            Verdict::Permission(why) => Step::Fail(self.error(ErrorClass::Permission, why)),
            Verdict::Exhausted(wait, why) => Step::Fail(self.limit(wait, why)),
            Verdict::Wait(wait, why) => {
                let asked = wait.or_else(|| retry_after(&response));
                let error = self.limit(asked, why);
                if asked.is_some_and(|wait| wait > PATIENCE) {
                    return Step::Fail(error);
                }
                if let (Some((limit, window)), Some(wait)) = (self.dialect.window(call.class), asked) {
                    self.meter.borrow_mut().windows.entry(limit).or_insert(window).block(now, wait);
                }
                Step::Again(asked, TRIES, error)
            }
            Verdict::Broken(why) => self.broken(call, TRIES, why),
        }
    }

    fn limit(&self, retry_after: Option<i64>, why: String) -> CallError {
        CallError { retry_after, ..self.error(ErrorClass::Limit, why) }
    }
}

fn unreadable(response: &HttpResponse) -> String {
    let status = response.status;
    let page = response.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    match page {
        true => format!("a web page in place of an answer (status {status}): does a proxy stand in between?"),
        false => format!("status {status} with a body that is not JSON"),
    }
}

/// `Retry-After` in milliseconds; its date form is not used by these vendors.
fn retry_after(response: &HttpResponse) -> Option<i64> {
    let seconds: i64 = response.header("retry-after")?.trim().parse().ok()?;
    (0..=86_400).contains(&seconds).then(|| seconds * 1_000)
}

/// Percent-encodes one path segment or query value.
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, KEEP).to_string()
}

/// Everything but the unreserved characters of RFC 3986.
const KEEP: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
