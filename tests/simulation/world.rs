//! The world around the engine: true time, the two CRMs behind [`Remote`], and what happens between a request and its
//! answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use twinmap::connect::remote::{
    CallError, Completion, ErrorClass, Remote, Reply, Request, WriteItem, WriteKind,
};
use twinmap::connect::timer::Timer;
use twinmap::value::Millis;

use super::chance::Chance;
use super::crm::{Crm, Effects};
use super::faults::{Fate, Faults};
use super::program::{ACCOUNT, COMPANY};
use super::server::place;
use super::tell::{short, short_answer};

/// One edit by a person.
#[derive(Clone, Debug)]
pub struct Edit {
    pub payload: String,
    pub object: usize,
    pub id: String,
    pub at: i64,
}

type LeftsOf = Box<dyn Fn(&str) -> Vec<String>>;

pub struct World {
    pub now: i64,
    /// The engine's own clock minus true time.
    pub local: i64,
    pub chance: Chance,
    pub crm: Crm,
    pub faults: Faults,
    /// Faults happen; people edit.
    pub chaos: bool,
    pub people: bool,
    pub associations: bool,
    /// The left object and field that the right side owns.
    pub owned: Option<(usize, usize)>,
    pub edits: Vec<Edit>,
    /// Payloads that a person has overwritten where they stood.
    pub gone: BTreeSet<String>,
    /// Payloads that a person has set again: putting the agreed value back is no edit that anybody could see.
    pub again: BTreeSet<String>,
    /// Keys of records of which one side was deleted.
    pub deleted: BTreeSet<String>,
    pub poisoned: BTreeSet<String>,
    pub number: u32,
    /// A field that no answer shows: object, field.
    pub withheld: Option<(usize, usize)>,
    /// Changes that no feed ever tells of: object, id, stamp.
    pub untold: BTreeSet<(usize, String, i64)>,
    /// Whether a record is linked, asked when it is edited.
    pub linked: Box<dyn Fn(&str) -> bool>,
    /// The companies that an account is or was linked with.
    pub lefts_of: LeftsOf,
    /// Requests that land later.
    pub late: Vec<(i64, Request)>,
    pub writes: u64,
    pub calls: u64,
    pub drawn: u64,
    pub crashes: u64,
    pub effects: Effects,
    /// What no engine may do, seen at the server.
    pub violations: Vec<String>,
    pub trace: Option<Vec<String>>,
    /// Commits until the process dies, shared with the store's hook; negative = it does not.
    pub commits: Arc<AtomicI64>,
    /// Calls until the process dies; negative = it does not. For exhaustive boundaries.
    pub calls_left: i64,
    /// Calls until each of the two processes is stopped for a while; `None` = it is not.
    pub pauses: [Option<u32>; 2],
    /// Processes that died since they were last asked.
    pub died: [bool; 2],
    /// When the run under way began, in true time.
    pub began: i64,
    /// Companies outside the filter, and since when.
    pub outside: BTreeMap<String, i64>,
    /// Records that the run under way asked to be made, by object.
    pub asked: BTreeMap<usize, BTreeSet<String>>,
    /// Operations that were journalled before their call, asked at the call.
    pub journalled: Box<dyn Fn(&str) -> bool>,
}

impl World {
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", (now - super::scenario::START) as f64 / 1000.0, line()));
        }
    }

    pub fn lag(&mut self) -> i64 {
        if self.faults.lag { self.chance.millis(30_000) } else { 0 }
    }

    /// What was under way and is due now.
    pub fn land(&mut self) {
        let now = self.now;
        let mut due: Vec<(i64, Request)> = Vec::new();
        self.late.retain(|(at, request)| {
            let keep = *at > now;
            if !keep {
                due.push((*at, request.clone()));
            }
            keep
        });
        due.sort_by_key(|(at, _)| *at);
        for (at, request) in due {
            self.say(|| "a late request lands".to_owned());
            self.carry_out(&request, at);
        }
    }

    /// A process that dies: what it had sent lands within ten seconds.
    pub fn die(&mut self) {
        self.crashes += 1;
        self.say(|| "CRASH".to_owned());
        self.hurry();
    }

    /// What is under way lands within ten seconds.
    pub fn hurry(&mut self) {
        let soon = self.now + self.chance.millis(10_000);
        for (at, _) in &mut self.late {
            *at = (*at).min(soon);
        }
    }

    /// One call from the request to its answer; `None` = the process died.
    fn call(&mut self, system: usize, request: &Request) -> Option<Completion> {
        self.calls += 1;
        self.now += 20 + self.chance.millis(1500);
        self.land();
        if self.people && self.faults.race && self.chance.permille(90) {
            self.person();
        }
        let writes =
            matches!(request, Request::Write { .. } | Request::Associate { .. } | Request::Archive { .. });
        if writes {
            self.inspect(request);
        }
        let burst = self.burst(request);
        let fate = self.fate(writes);
        let failed = |class, retry_after| {
            Some(Err(CallError {
                system: ["hubspot", "salesforce"][system].to_owned(),
                class,
                message: "simulated".to_owned(),
                retry_after,
            }))
        };
        let answer = match fate {
            Fate::Crash => None,
            Fate::Failed(class) => failed(class, None),
            Fate::CrashAfter => {
                let now = self.now;
                self.carry_out(request, now);
                None
            }
            Fate::AnswerLost => {
                let now = self.now;
                self.carry_out(request, now);
                failed(ErrorClass::Unknown, None)
            }
            Fate::Late => {
                let delay = self.chance.millis(60_000);
                self.late.push((self.now + delay, request.clone()));
                self.say(|| format!("a request will land {delay} ms late"));
                if self.chance.permille(300) && self.faults.crash_call {
                    None
                } else {
                    self.now += delay / 2;
                    failed(ErrorClass::Unknown, None)
                }
            }
            Fate::Twice => {
                let now = self.now;
                let answer = self.carry_out(request, now);
                let echoes = self.effects.echoes.len();
                self.carry_out(request, now);
                self.effects.echoes.truncate(echoes);
                Some(Ok(answer))
            }
            Fate::Answered => {
                let now = self.now;
                Some(Ok(self.carry_out(request, now)))
            }
        };
        self.say(|| format!("call {} -> {}", short(request), short_answer(&answer)));
        answer.as_ref()?;
        if let Some((object, id)) = burst {
            self.edit_in_this_second(object, &id);
        }
        if !(self.faults.same_second && self.chance.below(2) == 1) {
            self.now += self.chance.millis(400);
        }
        if self.people && self.faults.race && self.chance.permille(60) {
            self.person();
        }
        answer
    }

    /// Whether a process is stopped after the answer that it just got.
    fn is_paused(&mut self, runner: usize) -> bool {
        match &mut self.pauses[runner] {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// What a write may never be, whatever happens to it.
    fn inspect(&mut self, request: &Request) {
        self.writes += 1;
        if let Request::Archive { object, ids } = request {
            for id in ids {
                let companies = &self.crm.tables[COMPANY].rows;
                let gone = |left: &String| companies.get(left).is_some_and(|row| row.archived.is_some());
                if !self.faults.archives
                    || place(object) != ACCOUNT
                    || !(self.lefts_of)(id.as_str()).iter().any(gone)
                {
                    self.violations.push(format!("I9 {object} {id} is archived, and nobody asked for it"));
                }
            }
        }
        let Request::Write { object, items } = request else { return };
        self.inspect_scope(object, items);
        let mut seen = BTreeSet::new();
        for item in items {
            if !(self.journalled)(&item.op) {
                self.violations.push(format!("I10 {} was not journalled before its call", item.op));
            }
            if !seen.insert(format!("{:?}", item.kind)) {
                self.violations.push("two operations on one record in one request".to_owned());
            }
            for (field, value) in &item.fields {
                if &**object == "company" && &*field.name == "note" {
                    self.violations.push("I8 a one-way field is written at its source".to_owned());
                }
                let own = matches!(&*field.name, "twinmap_id" | "Twinmap_Id__c" | "scope");
                if own && matches!(item.kind, WriteKind::Update { .. }) {
                    self.violations.push(format!("I15 {} is no row of the mapping", field.name));
                }
                if value.is_blank() && &*field.name != "AccountId" {
                    self.violations.push(format!("I16 {} is cleared", field.name));
                }
            }
        }
    }

    /// I7: what has been outside the filter since before the run began is not written from its side. I17: no run makes
    /// more than its guard lets pass.
    fn inspect_scope(&mut self, object: &str, items: &[WriteItem]) {
        let object = place(object);
        for item in items {
            let (mut key, mut creates) = (None, false);
            match &item.kind {
                WriteKind::Update { id, .. } if object == ACCOUNT => {
                    key = self.crm.tables[ACCOUNT].rows.get(id.as_str()).map(|row| row.value(0).to_owned());
                }
                WriteKind::Update { .. } => {}
                WriteKind::Create { .. } => {
                    creates = true;
                    let first = item.fields.first().and_then(|(_, value)| value.as_text());
                    key = first.filter(|_| object == ACCOUNT).map(str::to_owned);
                }
            }
            let companies = &self.crm.tables[COMPANY].rows;
            let left = self.outside.iter().filter(|(_, since)| **since < self.began);
            // One that is deleted has no say in what becomes of another of its key.
            let mut left = left.filter_map(|(id, _)| companies.get(id)).filter(|row| row.archived.is_none());
            let left = left.any(|row| key.as_deref() == Some(row.value(0)));
            if left {
                self.violations.push(format!("I7 {key:?} is outside the filter and is written"));
            }
            if creates {
                self.asked.entry(object).or_default().insert(item.op.to_string());
            }
        }
    }

    fn answered(&mut self, system: usize, request: &Request) -> Option<Completion> {
        let mut answer = self.call(system, request);
        if let Some(Ok(reply)) = &mut answer {
            if let Reply::Identity(who) = reply {
                who.server_time = Millis((self.now + self.crm.skew[system]).div_euclid(1000) * 1000);
            }
            self.withhold(request, reply);
        }
        answer
    }
}

/// One system of the world, as the engine sees it.
pub struct Link<'w> {
    pub world: &'w RefCell<World>,
    pub system: usize,
    /// Which of the processes asks.
    pub runner: usize,
}

impl Remote for Link<'_> {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        Box::pin(async move {
            let dead = self.world.borrow().commits.load(Ordering::Relaxed) == 0;
            let answer = if dead { None } else { self.world.borrow_mut().answered(self.system, &request) };
            let Some(answer) = answer else {
                self.world.borrow_mut().died[self.runner] = true;
                // The process is gone; nobody asks this future again.
                return std::future::pending().await;
            };
            let mut waits = self.world.borrow_mut().is_paused(self.runner);
            std::future::poll_fn(|context| {
                if std::mem::take(&mut waits) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            answer
        })
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// The engine's clock.
pub struct Clock<'w>(pub &'w RefCell<World>);

impl Timer for Clock<'_> {
    fn now(&self) -> Millis {
        let world = self.0.borrow();
        Millis(world.now + world.local)
    }

    fn sleep(&self, milliseconds: i64) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let mut world = self.0.borrow_mut();
        world.now += milliseconds.max(0);
        world.land();
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        let mut world = self.0.borrow_mut();
        world.drawn += 1;
        world.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}
