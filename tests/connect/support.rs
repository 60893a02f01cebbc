//! A sandbox with connectors on it, and a transport that can break things on the way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secrecy::SecretString;
use twinmap::connect::auth::Credentials;
use twinmap::connect::remote::{
    CallError, Changed, Completion, FieldSpec, Outcome, Remote, Reply, Request, WriteItem, WriteKind,
};
use twinmap::connect::transport::{Exchange, HttpRequest, HttpResponse, Sent, Transport, TransportError};
use twinmap::connect::{Account, Settings, open};
use twinmap::record::{Record, RecordId};
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::in_process::{InProcess, SimTimer};
use twinmap::sandbox::seed::Size;
use twinmap::sandbox::{Config, Sandbox};
use twinmap::schema::{FieldType, SystemKind};
use twinmap::value::{Millis, Value};

/// What a test does to the next exchanges, in order.
#[derive(Debug, Clone)]
pub enum Twist {
    /// As it is.
    Pass,
    /// The request never leaves.
    Unsent,
    /// The request arrives, its answer is lost.
    Lost,
    /// This answer instead, without asking the CRM.
    Instead(HttpResponse),
    /// The CRM's own answer, cut to so many bytes.
    Cut(usize),
}

/// A transport in front of another one, with a log of what went through.
pub struct Bent {
    inner: Box<dyn Transport>,
    pub twists: RefCell<VecDeque<Twist>>,
    pub seen: RefCell<Vec<HttpRequest>>,
    /// What was asked and answered, of exchanges that were let through.
    pub heard: RefCell<Vec<(HttpRequest, HttpResponse)>>,
}

impl Bent {
    pub fn new(inner: Box<dyn Transport>) -> Rc<Self> {
        Rc::new(Bent {
            inner,
            twists: RefCell::default(),
            seen: RefCell::default(),
            heard: RefCell::default(),
        })
    }

    pub fn next(&self, twist: Twist) {
        self.twists.borrow_mut().push_back(twist);
    }

    /// Method and path of what was sent, since the last time this was asked.
    pub fn paths(&self) -> Vec<String> {
        let path = |request: &HttpRequest| {
            format!("{} {}", request.method.as_str(), request.target.split('?').next().unwrap())
        };
        self.seen.borrow_mut().drain(..).map(|request| path(&request)).collect()
    }
}

impl Transport for Bent {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        self.seen.borrow_mut().push(request.clone());
        let twist = self.twists.borrow_mut().pop_front().unwrap_or(Twist::Pass);
        Box::pin(async move {
            match twist {
                Twist::Pass => {
                    let response = self.inner.send(request.clone()).await?;
                    self.heard.borrow_mut().push((request, response.clone()));
                    Ok(response)
                }
                Twist::Unsent => Err(TransportError::new(Sent::No, "no connection")),
                Twist::Lost => {
                    self.inner.send(request).await?;
                    Err(TransportError::new(Sent::Maybe, "the answer broke off"))
                }
                Twist::Instead(response) => Ok(response),
                Twist::Cut(length) => {
                    let mut response = self.inner.send(request).await?;
                    response.body.truncate(length);
                    Ok(response)
                }
            }
        })
    }
}

pub fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

/// One connector on one simulated CRM.
pub struct World {
    pub account: Account,
    pub transport: Rc<Bent>,
    pub clock: SimClock,
    pub token: String,
}

pub const START: Millis = Millis(1_790_000_000_000);

pub fn world(kind: SystemKind, size: Size) -> World {
    world_of(kind, &Config { size, ..Config::default() })
}

/// `world`, of a sandbox that starts as configured (but for its seed).
pub fn world_of(kind: SystemKind, config: &Config) -> World {
    let clock = SimClock::starting_at(START);
    let sandbox = Sandbox::start(&Config { seed: 7, ..config.clone() }, clock.clone());
    let (inner, base, token): (Box<dyn Transport>, &str, String) = match kind {
        SystemKind::Hubspot => (
            Box::new(InProcess::new(Arc::clone(&sandbox.hubspot), clock.clone())),
            "https://api.hubapi.com",
            sandbox.hubspot_token.clone(),
        ),
        _ => (
            Box::new(InProcess::new(Arc::clone(&sandbox.salesforce), clock.clone())),
            "https://acme.my.salesforce.com",
            sandbox.salesforce_token.clone(),
        ),
    };
    let transport = Bent::new(inner);
    let settings = Settings {
        base_url: Some(base.to_owned()),
        api_version: None,
        credentials: Credentials::Token(SecretString::from(token.clone())),
    };
    let timer = Rc::new(SimTimer::new(clock.clone(), 1));
    let account = open("crm", kind, settings, transport.clone(), timer).unwrap();
    World { account, transport, clock, token }
}

/// Runs a future that never really waits.
pub fn now<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    for _ in 0..1_000 {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
    panic!("the future waits for something that never comes");
}

pub fn spec(name: &str) -> FieldSpec {
    FieldSpec { name: name.into(), ty: FieldType::Text { max: None } }
}

pub fn write(op: &str, kind: WriteKind, fields: &[(&str, Value)]) -> WriteItem {
    WriteItem {
        op: op.into(),
        kind,
        fields: fields.iter().map(|(name, value)| (spec(name), value.clone())).collect(),
        associations: Vec::new(),
    }
}

impl World {
    pub fn call(&self, request: Request) -> Completion {
        now(self.account.call(request))
    }

    pub fn records(&self, request: Request) -> Vec<Record> {
        match self.call(request).unwrap() {
            Reply::Records { records, .. } => records,
            other => panic!("{other:?}"),
        }
    }

    pub fn written(&self, request: Request) -> Vec<Outcome> {
        match self.call(request).unwrap() {
            Reply::Written(outcomes) => outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub fn error(&self, request: Request) -> CallError {
        self.call(request).unwrap_err()
    }

    pub fn write_one(&self, object: &str, item: WriteItem) -> Outcome {
        self.written(Request::Write { object: object.into(), items: vec![item] }).remove(0)
    }

    pub fn read(&self, object: &str, ids: &[RecordId], fields: &[&str]) -> Vec<Record> {
        self.records(Request::Read {
            object: object.into(),
            ids: ids.to_vec(),
            fields: fields.iter().map(|name| spec(name)).collect(),
            associations: Arc::new([]),
            history: Arc::new([]),
        })
    }

    /// Every page of a listing.
    pub fn list(&self, object: &str, fields: &[&str], associations: &[&str]) -> Vec<Record> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let request = Request::List {
                object: object.into(),
                fields: fields.iter().map(|name| spec(name)).collect(),
                associations: associations.iter().map(|key| Arc::from(*key)).collect(),
                after,
            };
            let Reply::Records { records, next } = self.call(request).unwrap() else { panic!() };
            all.extend(records);
            match next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    /// Every page of a feed.
    pub fn changed(&self, object: &str, since: Millis, limit: u32) -> Vec<Changed> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let request = Request::Changed { object: object.into(), since, after, limit };
            let Reply::Changed { items, next } = self.call(request).unwrap() else { panic!() };
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }
}

pub fn created(outcome: Outcome) -> RecordId {
    match outcome {
        Outcome::Created { id } => id,
        other => panic!("{other:?}"),
    }
}
