//! Stories made up by a seed: people edit three CRMs between any two calls, requests and answers are lost, land late or
//! twice, and the process dies. In the quiet afterwards all sides agree, nothing stands twice, and no edit is lost.
//!
//! The engine, its connectors and the simulated CRMs are the real ones, in this process and under one clock that only
//! moves when somebody waits. `TWINMAP_FIRST=1 TWINMAP_SEEDS=2000 cargo test --release --test three storm`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use secrecy::SecretString;
use serde_json::{Value, json};
use twinmap::connect::auth::Credentials;
use twinmap::connect::remote::Remote;
use twinmap::connect::transport::{
    Exchange, HttpRequest, HttpResponse, Method, Sent, Transport, TransportError,
};
use twinmap::connect::{Account, Settings, open};
use twinmap::engine::{Ablation, Deps, Options, Silent, run};
use twinmap::plan::ir::SyncPlan;
use twinmap::sandbox::Sandbox;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::core::http::Face;
use twinmap::sandbox::core::rng::Rng;
use twinmap::sandbox::in_process::{InProcess, SimTimer};
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::state::Store;
use twinmap::value::Millis;

use crate::support::{ALL, At, CHAIN, THIRD, World, field};

const START: Millis = Millis(1_790_000_000_000);
const MINUTE: i64 = 60_000;
/// Runs that the quiet may take until one has nothing to do.
const QUIET: usize = 8;
const FIELDS: [&str; 2] = ["phone", "city"];

/// A value that somebody typed; each is typed once.
struct Edit {
    thing: String,
    field: &'static str,
    value: String,
    /// Somebody saw it and typed something else.
    replaced: bool,
}

/// What the transports, the people and the judge share.
struct Storm {
    chance: Rng,
    clock: SimClock,
    /// Faults and people between two calls.
    rough: bool,
    /// How often of a thousand requests something goes wrong, and somebody edits.
    faults: usize,
    haste: usize,
    dead: bool,
    typed: usize,
    edits: Vec<Edit>,
    things: Vec<String>,
    late: Vec<(Millis, At, HttpRequest)>,
    writes: u64,
    trace: Vec<String>,
}

impl Storm {
    fn of_thousand(&mut self, share: usize) -> bool {
        self.chance.below(1000) < share
    }

    fn say(&mut self, what: String) {
        let at = self.clock.now().0 - START.0;
        self.trace.push(format!("{at:>9} {what}"));
    }
}

/// The three CRMs, as people and requests reach them.
struct Crms {
    near: InProcess<twinmap::sandbox::hubspot::HubSpot>,
    org: InProcess<twinmap::sandbox::salesforce::Salesforce>,
    far: InProcess<twinmap::sandbox::hubspot::HubSpot>,
    tokens: [String; 3],
}

impl Crms {
    fn send(&self, at: At, request: HttpRequest) -> HttpResponse {
        let exchange = match at {
            At::Main => self.near.send(request),
            At::Org => self.org.send(request),
            At::Europe => self.far.send(request),
        };
        match pin!(exchange).poll_now() {
            Some(Ok(response)) => response,
            _ => panic!("a CRM in this process answers at once"),
        }
    }

    fn ask(&self, at: At, method: Method, target: &str, body: Option<&Value>) -> Value {
        let position = ALL.iter().position(|known| *known == at).unwrap();
        let response = self.send(
            at,
            HttpRequest {
                method,
                origin: "http://127.0.0.1".into(),
                target: target.to_owned(),
                headers: vec![
                    ("authorization".to_owned(), format!("Bearer {}", self.tokens[position])),
                    ("content-type".to_owned(), "application/json".to_owned()),
                ],
                body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            },
        );
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        assert!(response.status < 400, "{target}: {} {answer}", response.status);
        answer
    }

    /// Records of a CRM: id, name, and the fields of [`FIELDS`].
    fn records(&self, at: At) -> Vec<(String, String, [String; 2])> {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        if at == At::Org {
            let soql = "SELECT+Id,+Name,+Phone,+BillingCity+FROM+Account+ORDER+BY+Id";
            let answer = self.ask(at, Method::Get, &format!("/services/data/v60.0/query?q={soql}"), None);
            let rows = answer["records"].as_array().unwrap().iter();
            return rows
                .map(|row| {
                    (text(&row["Id"]), text(&row["Name"]), [text(&row["Phone"]), text(&row["BillingCity"])])
                })
                .collect();
        }
        let target = "/crm/v3/objects/companies?limit=100&properties=name,phone,city";
        let answer = self.ask(at, Method::Get, target, None);
        let rows = answer["results"].as_array().unwrap().iter();
        rows.map(|row| {
            let own = &row["properties"];
            (text(&row["id"]), text(&own["name"]), [text(&own["phone"]), text(&own["city"])])
        })
        .collect()
    }

    fn make(&self, at: At, name: &str, phone: &str) {
        let domain = format!("{name}.example");
        let (object, fields, target) = match at {
            At::Org => (
                "Account",
                json!({ "Name": name, "Website": format!("https://{domain}"), "Phone": phone }),
                "create",
            ),
            _ => ("company", json!({ "name": name, "domain": domain, "phone": phone }), "edit"),
        };
        let member = if at == At::Org { "fields" } else { "properties" };
        let body = json!({ "object": object, "by": "person", member: fields });
        self.ask(at, Method::Post, &format!("/_sandbox/{target}"), Some(&body));
    }

    fn edit(&self, at: At, id: &str, name: &str, value: &str) {
        let (object, fields) = if at == At::Org { ("Account", "fields") } else { ("company", "properties") };
        let body = json!({ "object": object, "id": id, "by": "person", fields: { field(at, name): value } });
        self.ask(at, Method::Post, "/_sandbox/edit", Some(&body));
    }
}

/// A future that is ready or never will be.
trait PollNow<T> {
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

/// Somebody edits a record that is there.
fn somebody(storm: &RefCell<Storm>, crms: &Crms) {
    let mut storm = storm.borrow_mut();
    let at = *storm.chance.pick(&ALL).unwrap();
    let found = crms.records(at);
    let Some((id, name, values)) = storm.chance.pick(&found).cloned() else { return };
    let which = storm.chance.below(FIELDS.len());
    let field = FIELDS[which];
    storm.typed += 1;
    // A blank city is nothing to sync, a blank phone is.
    let blank = field == "phone" && storm.of_thousand(100);
    let value = if blank { String::new() } else { format!("{field} {}", storm.typed) };
    if value == values[which] {
        return;
    }
    for edit in &mut storm.edits {
        edit.replaced |= edit.field == field && edit.value == values[which];
    }
    crms.edit(at, &id, field, &value);
    storm.say(format!("somebody sets {field} of {name} at {at:?} from {:?} to {value:?}", values[which]));
    if !blank {
        storm.edits.push(Edit { thing: name, field, value, replaced: false });
    }
}

/// The way to one of the CRMs.
struct Way {
    at: At,
    storm: Rc<RefCell<Storm>>,
    crms: Rc<Crms>,
}

impl Way {
    /// What was on its way for longer than it should have been arrives.
    fn arrive(&self) {
        let now = self.storm.borrow().clock.now();
        let due: Vec<_> = self.storm.borrow_mut().late.extract_if(.., |(when, ..)| *when <= now).collect();
        for (_, at, request) in due {
            self.storm.borrow_mut().say(format!("{at:?} late: {}", request.target));
            self.crms.send(at, request);
        }
    }
}

impl Transport for Way {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        self.arrive();
        let lost = || TransportError::new(Sent::Maybe, "the connection ended");
        let mut storm = self.storm.borrow_mut();
        // A call takes a while.
        storm.clock.advance(40);
        let rough = storm.rough;
        if storm.dead {
            return Box::pin(std::future::pending());
        }
        let haste = storm.haste;
        if rough && storm.of_thousand(haste) {
            drop(storm);
            somebody(&self.storm, &self.crms);
            storm = self.storm.borrow_mut();
        }
        let writes = request.method != Method::Get
            && !["search", "batch/read", "oauth"].iter().any(|part| request.target.contains(part));
        storm.writes += u64::from(writes);
        let faults = storm.faults;
        if !rough || !storm.of_thousand(faults) {
            drop(storm);
            return Box::pin(std::future::ready(Ok(self.crms.send(self.at, request))));
        }
        let kind = storm.chance.below(6);
        let (at, target) = (self.at, request.target.split('?').next().unwrap_or("").to_owned());
        let words = ["lost on its way", "answer lost", "late", "twice", "death before", "death after"];
        storm.say(format!("{at:?} {target}: {}", words[kind]));
        storm.dead |= kind >= 4;
        if kind == 2 {
            let when = storm.clock.now().plus(1 + storm.chance.below(50_000) as i64);
            storm.late.push((when, at, request));
            return Box::pin(std::future::ready(Err(lost())));
        }
        drop(storm);
        if kind == 3 {
            self.crms.send(at, request.clone());
        }
        let response = if matches!(kind, 0 | 4) { None } else { Some(self.crms.send(at, request)) };
        match (kind, response) {
            (4 | 5, _) => Box::pin(std::future::pending()),
            (3, Some(response)) => Box::pin(std::future::ready(Ok(response))),
            _ => Box::pin(std::future::ready(Err(lost()))),
        }
    }
}

struct Sim {
    storm: Rc<RefCell<Storm>>,
    crms: Rc<Crms>,
    store: Store,
    plan: SyncPlan,
    options: Options,
    clock: SimClock,
    seed: u64,
}

impl Sim {
    fn new(seed: u64, plan: &SyncPlan) -> Sim {
        let clock = SimClock::starting_at(START);
        let size = Size { companies: 0, contacts: 0, deals: 0 };
        let (near, far) = (Sandbox::new(1, size, clock.clone()), Sandbox::new(2, size, clock.clone()));
        fn door<F: Face>(face: &Arc<Mutex<F>>, clock: &SimClock) -> InProcess<F> {
            InProcess::new(Arc::clone(face), clock.clone())
        }
        let crms = Crms {
            tokens: [near.hubspot_token.clone(), near.salesforce_token.clone(), far.hubspot_token.clone()],
            near: door(&near.hubspot, &clock),
            org: door(&near.salesforce, &clock),
            far: door(&far.hubspot, &clock),
        };
        let mut chance = Rng::new(seed);
        let faults = *chance.pick(&[0, 10, 30, 80]).unwrap();
        let haste = *chance.pick(&[0, 20, 60, 150]).unwrap();
        let portion = if chance.chance(30) { 2 } else { Options::default().portion };
        let batch = if chance.chance(50) { 1 } else { usize::MAX };
        let storm = Storm {
            chance,
            clock: clock.clone(),
            rough: false,
            faults,
            haste,
            dead: false,
            typed: 0,
            edits: Vec::new(),
            things: Vec::new(),
            late: Vec::new(),
            writes: 0,
            trace: Vec::new(),
        };
        Sim {
            storm: Rc::new(RefCell::new(storm)),
            crms: Rc::new(crms),
            store: Store::in_memory().unwrap(),
            plan: plan.clone(),
            options: Options { portion, batch, ..Options::default() },
            clock,
            seed,
        }
    }

    /// One run of a new process; false = it died.
    fn run(&self) -> bool {
        self.storm.borrow_mut().dead = false;
        let timer = Rc::new(SimTimer::new(self.clock.clone(), self.seed));
        let accounts: Vec<Account> = self
            .plan
            .systems
            .iter()
            .map(|system| {
                let at = match system.name.as_str() {
                    "hubspot" => At::Main,
                    "salesforce" => At::Org,
                    _ => At::Europe,
                };
                let base = match system.kind {
                    SystemKind::Hubspot => "https://api.hubapi.com",
                    _ => "https://acme.my.salesforce.com",
                };
                let position = ALL.iter().position(|known| *known == at).unwrap();
                let settings = Settings {
                    base_url: Some(base.to_owned()),
                    api_version: None,
                    credentials: Credentials::Token(SecretString::from(self.crms.tokens[position].clone())),
                };
                let way = Way { at, storm: Rc::clone(&self.storm), crms: Rc::clone(&self.crms) };
                open(&system.name, system.kind, settings, Rc::new(way), timer.clone()).unwrap()
            })
            .collect();
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
        self.storm.borrow_mut().say(told);
        ended.is_some()
    }

    /// People make things and edit them, runs come and go.
    fn rage(&self) {
        let rounds = 3 + self.storm.borrow_mut().chance.below(6);
        for _ in 0..rounds {
            if self.storm.borrow().things.len() < 4 {
                self.make();
            }
            let edits = self.storm.borrow_mut().chance.below(4);
            for _ in 0..edits {
                somebody(&self.storm, &self.crms);
                let gap = self.storm.borrow_mut().chance.below(8 * 60_000) as i64;
                self.clock.advance(gap);
            }
            self.storm.borrow_mut().rough = true;
            self.run();
            self.storm.borrow_mut().rough = false;
            let gap = self.storm.borrow_mut().chance.below(10 * 60_000) as i64;
            self.clock.advance(gap);
        }
    }

    /// A thing that nobody knew, in one CRM or, with the same address, in two.
    fn make(&self) {
        let mut storm = self.storm.borrow_mut();
        let name = format!("thing{}", storm.things.len());
        let first = storm.chance.below(3);
        let count = 1 + storm.chance.below(2);
        for step in 0..count {
            storm.typed += 1;
            let phone = format!("phone {}", storm.typed);
            let at = ALL[(first + step) % 3];
            self.crms.make(at, &name, &phone);
            storm.say(format!("somebody makes {name} at {at:?} with {phone:?}"));
            storm.edits.push(Edit { thing: name.clone(), field: "phone", value: phone, replaced: false });
            drop(storm);
            self.clock.advance(1_500);
            storm = self.storm.borrow_mut();
        }
        storm.things.push(name);
    }

    /// Runs until two in a row have nothing to do.
    fn settle(&self) -> Result<(), String> {
        let mut still = 0;
        for _ in 0..QUIET {
            self.clock.advance(20 * MINUTE);
            let before = self.storm.borrow().writes;
            self.run();
            still = if self.storm.borrow().writes == before { still + 1 } else { 0 };
            if still == 2 {
                return Ok(());
            }
        }
        Err(format!("{QUIET} runs in quiet did not come to rest"))
    }

    fn judge(&self) -> Result<(), String> {
        let storm = self.storm.borrow();
        let mut stand: BTreeMap<(String, &str), String> = BTreeMap::new();
        for at in ALL {
            let found = self.crms.records(at);
            for thing in &storm.things {
                let own: Vec<_> = found.iter().filter(|(_, name, _)| name == thing).collect();
                let [(_, _, values)] = own[..] else {
                    return Err(format!("{thing} stands {} times at {at:?}", own.len()));
                };
                for (field, value) in FIELDS.iter().zip(values) {
                    let known = stand.entry((thing.clone(), *field)).or_insert_with(|| value.clone());
                    if known != value {
                        return Err(format!("{field} of {thing}: {known:?}, and {value:?} at {at:?}"));
                    }
                }
            }
        }
        let mut told: Vec<Value> = Vec::new();
        for run in self.store.runs(1_000).unwrap() {
            told.extend(self.store.ledger_of(&run.id).unwrap().into_iter().map(|row| row.lost));
        }
        for edit in storm.edits.iter().filter(|edit| !edit.replaced) {
            let stands = stand.get(&(edit.thing.clone(), edit.field)) == Some(&edit.value);
            if !stands && !told.contains(&json!(edit.value)) {
                return Err(format!("{:?} of {} is lost, and no ledger has it", edit.value, edit.thing));
            }
        }
        let open = self.store.open_intents().unwrap().len();
        if open > 0 { Err(format!("{open} requests without an outcome")) } else { Ok(()) }
    }
}

/// The plan of a project in files, as `twinmap compile` makes it.
fn compiled(syncs: &[&str]) -> SyncPlan {
    let world = World::new(syncs);
    let made = world.run(&["compile", "-o", "plan.json"]);
    assert!(made.status.success(), "{}", crate::support::told(&made));
    SyncPlan::from_json(&std::fs::read_to_string(world.path("plan.json")).unwrap()).unwrap()
}

/// What a seed comes to: why it fails, and its story.
fn told(seed: u64, plans: &[SyncPlan; 2], ablation: Ablation) -> Result<(), (String, String)> {
    let mut sim = Sim::new(seed, &plans[(seed % 2) as usize]);
    sim.options.ablation = ablation;
    sim.rage();
    sim.settle().and_then(|()| sim.judge()).map_err(|why| {
        let held = sim.store.holds().unwrap();
        let held: Vec<String> = held.iter().map(|hold| format!("{hold:?}")).collect();
        let story = [sim.storm.borrow().trace.join("\n"), held.join("\n")].join("\n");
        (format!("seed {seed}: {why}"), story)
    })
}

/// Chains and triangles of syncs.
fn plans() -> [SyncPlan; 2] {
    [compiled(&CHAIN), compiled(&[CHAIN[0], CHAIN[1], THIRD])]
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_storm_over_three_crms_loses_or_doubles_anything() {
    let (first, seeds) = (number("TWINMAP_FIRST").unwrap_or(1), number("TWINMAP_SEEDS").unwrap_or(60));
    let plans = plans();
    let failed: Vec<(String, String)> =
        (first..first + seeds).filter_map(|seed| told(seed, &plans, Ablation::default()).err()).collect();
    let all: Vec<&str> = failed.iter().map(|(why, _)| why.as_str()).collect();
    let shortest = failed.iter().min_by_key(|(_, story)| story.len());
    let story = shortest.map_or_else(String::new, |(why, story)| format!("{why}\n{story}"));
    assert!(failed.is_empty(), "{} of {seeds} seeds fail\n{}\n\n{story}", all.len(), all.join("\n"));
}

/// Safeguards whose absence shows in three CRMs as well. The simulation of two notices all of them: its clocks are off,
/// its feeds forget, its values are told in two forms.
#[cfg(any(feature = "ablation", debug_assertions))]
#[test]
fn safeguards_taken_away_are_noticed_over_three_crms() {
    let whole = Ablation::default();
    let most = number("TWINMAP_ABLATION_SEEDS").unwrap_or(200);
    let plans = plans();
    let mut unseen = Vec::new();
    for (name, ablation) in [
        ("no watermark overlap", Ablation { no_overlap: true, ..whole }),
        ("updates not journalled", Ablation { no_update_intent: true, ..whole }),
        ("no conditional write", Ablation { no_cas: true, ..whole }),
        ("conditional write within one second", Ablation { naive_cas: true, ..whole }),
        ("no history check after a write", Ablation { no_history_check: true, ..whole }),
        ("base = read-back, whatever it is", Ablation { blind_readback: true, ..whole }),
        ("watermark before the inbox", Ablation { watermark_early: true, ..whole }),
        ("requests not settled first", Ablation { no_settle: true, ..whole }),
        ("no stamp of the operation", Ablation { no_op_stamp: true, ..whole }),
        ("no external id", Ablation { no_external_id: true, ..whole }),
    ] {
        if (1..=most).all(|seed| told(seed, &plans, ablation).is_ok()) {
            unseen.push(name);
        }
    }
    assert!(unseen.is_empty(), "not noticed in {most} seeds: {unseen:?}");
}
