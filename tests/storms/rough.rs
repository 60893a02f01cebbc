//! Rough weather between an engine and simulated CRMs in this process: requests and answers are lost, late or doubled, the
//! process dies, and somebody is at work between any two calls.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use secrecy::SecretString;
use serde_json::Value;
use twinmap::connect::auth::Credentials;
use twinmap::connect::remote::Remote;
use twinmap::connect::transport::{
    Exchange, HttpRequest, HttpResponse, Method, Sent, Transport, TransportError,
};
use twinmap::connect::{Account, Settings, open};
use twinmap::engine::{Deps, Options, Silent, run};
use twinmap::plan::ir::SyncPlan;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::core::http::Face;
use twinmap::sandbox::core::rng::Rng;
use twinmap::sandbox::in_process::{InProcess, SimTimer};
use twinmap::schema::SystemKind;
use twinmap::state::Store;
use twinmap::value::Millis;

pub const START: Millis = Millis(1_790_000_000_000);

/// A CRM of the story: how it is reached, and with which token.
pub struct Crm {
    pub door: Box<dyn Transport>,
    pub token: String,
}

impl Crm {
    pub fn new<F: Face + 'static>(face: &Arc<Mutex<F>>, clock: &SimClock, token: &str) -> Crm {
        let door = InProcess::new(Arc::clone(face), clock.clone());
        Crm { door: Box::new(door), token: token.to_owned() }
    }

    pub fn send(&self, request: HttpRequest) -> HttpResponse {
        match pin!(self.door.send(request)).poll_now() {
            Some(Ok(response)) => response,
            _ => panic!("a CRM in this process answers at once"),
        }
    }

    pub fn try_ask(&self, method: Method, target: &str, body: Option<&Value>) -> (u16, Value) {
        let response = self.send(HttpRequest {
            method,
            origin: "http://127.0.0.1".into(),
            target: target.to_owned(),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {}", self.token)),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        });
        (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
    }

    pub fn ask(&self, method: Method, target: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.try_ask(method, target, body);
        assert!(status < 400, "{target}: {status} {answer}");
        answer
    }
}

/// A future that is ready or never will be.
pub trait PollNow<T> {
    fn poll_now(self) -> Option<T>;
}

impl<F: Future> PollNow<F::Output> for std::pin::Pin<&mut F> {
    fn poll_now(self) -> Option<F::Output> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }
}

/// What the transports, the people and the judge share.
pub struct Weather {
    pub chance: Rng,
    pub clock: SimClock,
    /// Faults and people between two calls.
    pub rough: bool,
    /// How often of a thousand requests something goes wrong, and somebody is at work.
    faults: usize,
    haste: usize,
    dead: bool,
    late: Vec<(Millis, usize, HttpRequest)>,
    pub writes: u64,
    pub trace: Vec<String>,
}

impl Weather {
    /// The weather of a seed, and the options of its runs.
    pub fn new(seed: u64, clock: &SimClock) -> (Weather, Options) {
        let mut chance = Rng::new(seed);
        let faults = *chance.pick(&[0, 10, 30, 80]).unwrap();
        let haste = *chance.pick(&[0, 20, 60, 150]).unwrap();
        let portion = if chance.chance(30) { 2 } else { Options::default().portion };
        let batch = if chance.chance(50) { 1 } else { usize::MAX };
        let weather = Weather {
            chance,
            clock: clock.clone(),
            rough: false,
            faults,
            haste,
            dead: false,
            late: Vec::new(),
            writes: 0,
            trace: Vec::new(),
        };
        (weather, Options { portion, batch, ..Options::default() })
    }

    pub fn of_thousand(&mut self, share: usize) -> bool {
        self.chance.below(1000) < share
    }

    pub fn say(&mut self, what: String) {
        let at = self.clock.now().0 - START.0;
        self.trace.push(format!("{at:>9} {what}"));
    }
}

/// The people, and where they work.
pub trait People {
    fn crm(&self, at: usize) -> &Crm;
    /// Somebody does something.
    fn somebody(&self, weather: &RefCell<Weather>);
}

/// The way to one of the CRMs.
struct Way<P> {
    at: usize,
    weather: Rc<RefCell<Weather>>,
    people: Rc<P>,
}

impl<P: People> Way<P> {
    /// What was on its way for longer than it should have been arrives.
    fn arrive(&self) {
        let now = self.weather.borrow().clock.now();
        let due: Vec<_> = self.weather.borrow_mut().late.extract_if(.., |(when, ..)| *when <= now).collect();
        for (_, at, request) in due {
            self.weather.borrow_mut().say(format!("{at} late: {}", request.target));
            self.people.crm(at).send(request);
        }
    }
}

impl<P: People> Transport for Way<P> {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        self.arrive();
        let lost = || TransportError::new(Sent::Maybe, "the connection ended");
        let mut weather = self.weather.borrow_mut();
        // A call takes a while.
        weather.clock.advance(40);
        let rough = weather.rough;
        if weather.dead {
            return Box::pin(std::future::pending());
        }
        let haste = weather.haste;
        if rough && weather.of_thousand(haste) {
            drop(weather);
            self.people.somebody(&self.weather);
            weather = self.weather.borrow_mut();
        }
        let writes = request.method != Method::Get
            && !["search", "batch/read", "oauth"].iter().any(|part| request.target.contains(part));
        weather.writes += u64::from(writes);
        let faults = weather.faults;
        let crm = self.people.crm(self.at);
        if !rough || !weather.of_thousand(faults) {
            drop(weather);
            return Box::pin(std::future::ready(Ok(crm.send(request))));
        }
        let kind = weather.chance.below(6);
        let (at, target) = (self.at, request.target.split('?').next().unwrap_or("").to_owned());
        let words = ["lost on its way", "answer lost", "late", "twice", "death before", "death after"];
        weather.say(format!("{at} {target}: {}", words[kind]));
        weather.dead |= kind >= 4;
        if kind == 2 {
            let when = weather.clock.now().plus(1 + weather.chance.below(50_000) as i64);
            weather.late.push((when, at, request));
            return Box::pin(std::future::ready(Err(lost())));
        }
        drop(weather);
        if kind == 3 {
            crm.send(request.clone());
        }
        let response = if matches!(kind, 0 | 4) { None } else { Some(crm.send(request)) };
        match (kind, response) {
            (4 | 5, _) => Box::pin(std::future::pending()),
            (3, Some(response)) => Box::pin(std::future::ready(Ok(response))),
            _ => Box::pin(std::future::ready(Err(lost()))),
        }
    }
}

/// Everything that a story takes.
pub struct Sim<P> {
    pub weather: Rc<RefCell<Weather>>,
    pub people: Rc<P>,
    pub store: Store,
    pub plan: SyncPlan,
    pub options: Options,
    pub clock: SimClock,
    pub seed: u64,
    /// Where the CRM of a connection stands among the people's.
    pub place: fn(&str) -> usize,
}

impl<P: People + 'static> Sim<P> {
    /// One run of a new process; false = it died.
    pub fn run(&self) -> bool {
        self.weather.borrow_mut().dead = false;
        let timer = Rc::new(SimTimer::new(self.clock.clone(), self.seed));
        let account = |system: &twinmap::plan::ir::System| {
            let at = (self.place)(&system.name);
            let base = match system.kind {
                SystemKind::Hubspot => "https://api.hubapi.com",
                _ => "https://acme.my.salesforce.com",
            };
            let token = self.people.crm(at).token.clone();
            let settings = Settings {
                base_url: Some(base.to_owned()),
                api_version: None,
                credentials: Credentials::Token(SecretString::from(token)),
            };
            let way = Way { at, weather: Rc::clone(&self.weather), people: Rc::clone(&self.people) };
            open(&system.name, system.kind, settings, Rc::new(way), timer.clone()).unwrap()
        };
        let accounts: Vec<Account> = self.plan.systems.iter().map(account).collect();
        let stop = AtomicBool::new(false);
        let deps = Deps {
            plan: &self.plan,
            remotes: accounts.iter().map(|account| Some(account as &dyn Remote)).collect(),
            store: &self.store,
            timer: &*timer,
            progress: &Silent,
            stop: &stop,
        };
        let ended = pin!(run(&deps, &self.options, "run", None)).poll_now();
        let told = match &ended {
            None => "--- died".to_owned(),
            Some(Ok(report)) => format!("--- {:?} {:?}", report.outcome, report.failures),
            Some(Err(error)) => format!("--- failed: {error}"),
        };
        self.weather.borrow_mut().say(told);
        ended.is_some()
    }

    /// Lets somebody be at work for a while, then a run in rough weather, and some time pass.
    pub fn round(&self) {
        let acts = self.weather.borrow_mut().chance.below(4);
        for _ in 0..acts {
            self.people.somebody(&self.weather);
            let gap = self.weather.borrow_mut().chance.below(8 * 60_000) as i64;
            self.clock.advance(gap);
        }
        self.weather.borrow_mut().rough = true;
        self.run();
        self.weather.borrow_mut().rough = false;
        let gap = self.weather.borrow_mut().chance.below(10 * 60_000) as i64;
        self.clock.advance(gap);
    }

    /// Runs until two in a row have nothing to do.
    pub fn settle(&self, most: usize) -> Result<(), String> {
        let mut still = 0;
        for _ in 0..most {
            self.clock.advance(20 * 60_000);
            let before = self.weather.borrow().writes;
            self.run();
            still = if self.weather.borrow().writes == before { still + 1 } else { 0 };
            if still == 2 {
                return Ok(());
            }
        }
        Err(format!("{most} runs in quiet did not come to rest"))
    }

    /// Why the story failed, and the story.
    pub fn story(&self, why: &str) -> (String, String) {
        let held = self.store.holds().unwrap();
        let held: Vec<String> = held.iter().map(|hold| format!("{hold:?}")).collect();
        let story = [self.weather.borrow().trace.join("\n"), held.join("\n")].join("\n");
        (format!("seed {}: {why}", self.seed), story)
    }

    /// Values that were overwritten, as the ledger tells them.
    pub fn lost(&self) -> Vec<Value> {
        let runs = self.store.runs(1_000).unwrap();
        runs.iter().flat_map(|run| self.store.ledger_of(&run.id).unwrap()).map(|row| row.lost).collect()
    }
}

/// Fails with every seed that failed, and the shortest of their stories.
pub fn all_pass(seeds: u64, failed: &[(String, String)]) {
    let all: Vec<&str> = failed.iter().map(|(why, _)| why.as_str()).collect();
    let shortest = failed.iter().min_by_key(|(_, story)| story.len());
    let story = shortest.map_or_else(String::new, |(why, story)| format!("{why}\n{story}"));
    assert!(failed.is_empty(), "{} of {seeds} seeds fail\n{}\n\n{story}", all.len(), all.join("\n"));
}

pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
