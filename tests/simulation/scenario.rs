//! One simulation: a world, ten runs of the engine in it while everything goes wrong, then quiet, then the oracle.
//! Some of the runs are two processes at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use twinmap::engine::report::RunReport;
use twinmap::engine::{Ablation, Deps, EngineError, EngineResult, Options, Silent, run};
use twinmap::plan::ir::{Side, SyncPlan};
use twinmap::state::Store;

use super::chance::Chance;
use super::crm::{Crm, Effects};
use super::faults::Faults;
use super::oracle;
use super::program::{Variant, plan};
use super::world::{Clock, Link, World};

pub const START: i64 = 1_790_000_000_000;
/// When pairs are read again although no feed asks for it, where feeds lose changes.
const REREAD: i64 = 20 * 60_000;
/// Runs in quiet until nothing is left to do; the third one writes nothing.
const QUIET: usize = 8;
/// Calls of a run that has nothing to do: two identities, eight feeds, and what their overlap names read again.
const IDLE_CALLS: u64 = 60;
/// What a seed with small guards lets a run make.
const FEW: u64 = 3;

/// How one run of the engine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Done,
    Failed(String),
    /// By a guard, with the hash that approves it.
    Stopped(String),
    Crashed,
}

/// What a simulation goes without, to see whether it notices.
#[derive(Debug, Clone, Copy, Default)]
pub struct Without {
    pub engine: Ablation,
    /// The filter, of the sync plan alone: the oracle still goes by it. So with the guard.
    pub filter: bool,
    pub guard: bool,
    /// The number that a process loses when another one opens the state.
    pub epoch: bool,
}

impl From<Ablation> for Without {
    fn from(engine: Ablation) -> Without {
        Without { engine, ..Without::default() }
    }
}

pub struct Sim {
    pub world: RefCell<World>,
    /// As the process opened it that has it now.
    pub store: RefCell<Rc<Store>>,
    /// The name under which other processes open it; `None` = it has no second one.
    shared: Option<String>,
    commits: Arc<AtomicI64>,
    /// The hash of a change set that a person approved.
    approved: RefCell<Option<String>>,
    pub plan: SyncPlan,
    pub variant: Variant,
    pub options: Options,
    without: Without,
}

/// What a simulation came to.
pub struct Outcome {
    pub verdict: Result<(), String>,
    pub calls: u64,
    pub writes: u64,
    pub crashes: u64,
    pub choices: Vec<u32>,
    pub trace: Vec<String>,
}

impl Sim {
    pub fn new(mut chance: Chance, faults: Option<Faults>, without: Without, trace: bool) -> Sim {
        let mut variant = Variant {
            winner: if chance.below(2) == 0 { Side::Left } else { Side::Right },
            rule: chance.below(3),
            bare: false,
            associations: chance.below(2) == 1,
            filter: false,
            archives: false,
            unlinks: false,
            creates: 1000,
        };
        let faults = faults.unwrap_or_else(|| Faults::swarm(&mut chance));
        variant.filter = faults.leaves;
        variant.archives = faults.archives;
        variant.unlinks = faults.unlinks;
        if faults.small_guard {
            variant.creates = FEW;
        }
        let mut skew = || if faults.skew { i64::from(chance.below(600_000)) - 300_000 } else { 0 };
        let (skew, local) = ([skew(), skew()], skew());
        let commits = Arc::new(AtomicI64::new(-1));
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let shared =
            faults.takeover.then(|| format!("simulation-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let store = opened(shared.as_deref(), &commits, without);
        let (seen, links, lefts) = (Rc::clone(&store), Rc::clone(&store), Rc::clone(&store));
        let world = World {
            now: START,
            local,
            chance,
            crm: Crm::new(skew),
            faults,
            chaos: false,
            people: false,
            associations: variant.associations,
            owned: (variant.rule == 2).then_some((super::program::COMPANY, 3)),
            edits: Vec::new(),
            gone: BTreeSet::new(),
            again: BTreeSet::new(),
            deleted: BTreeSet::new(),
            poisoned: BTreeSet::new(),
            number: 0,
            withheld: None,
            untold: BTreeSet::new(),
            lefts_of: Box::new(move |id| {
                let all = lefts.links_with(id).unwrap().into_iter();
                all.filter(|link| link.right == id).map(|link| link.left).collect()
            }),
            linked: Box::new(move |id| !links.links_with(id).unwrap().is_empty()),
            late: Vec::new(),
            writes: 0,
            calls: 0,
            drawn: 0,
            crashes: 0,
            effects: Effects::default(),
            violations: Vec::new(),
            trace: trace.then(Vec::new),
            commits: Arc::clone(&commits),
            calls_left: -1,
            pauses: [None; 2],
            died: [false; 2],
            began: START,
            outside: BTreeMap::new(),
            asked: BTreeMap::new(),
            journalled: Box::new(move |op| {
                seen.open_intents().unwrap().iter().any(|open| open.intent.op == op)
            }),
        };
        let reread = if faults.lost_feed { REREAD } else { Options::default().reread };
        let portion = if faults.portions { 2 } else { Options::default().portion };
        let batch = if faults.small_calls { 1 } else { Options::default().batch };
        let options = Options { ablation: without.engine, reread, portion, batch, ..Options::default() };
        let mut sim = Sim {
            world: RefCell::new(world),
            store: RefCell::new(store),
            shared,
            commits,
            approved: RefCell::new(None),
            plan: plan(Variant {
                filter: variant.filter && !without.filter,
                creates: if without.guard { 1000 } else { variant.creates },
                ..variant
            }),
            variant,
            options,
            without,
        };
        sim.world.get_mut().say(|| format!("{variant:?} {faults:?} skew {skew:?} local {local}"));
        sim
    }

    pub fn store(&self) -> Rc<Store> {
        Rc::clone(&self.store.borrow())
    }

    /// One run of the engine, until it ends or its process dies.
    pub fn run(&self) -> End {
        self.begin();
        let mut end = None;
        self.with_run(0, &self.store(), |work| end = self.turn(work, 0, None));
        end.unwrap_or(End::Crashed)
    }

    fn begin(&self) {
        let mut world = self.world.borrow_mut();
        world.say(|| "--- run".to_owned());
        world.began = world.now;
        world.asked.clear();
    }

    /// A run of process `runner` over `store`, as something that can be asked to go on.
    fn with_run(
        &self,
        runner: usize,
        store: &Store,
        with: impl FnOnce(Pin<&mut dyn Future<Output = EngineResult<RunReport>>>),
    ) {
        let links = [0, 1].map(|system| Link { world: &self.world, system, runner });
        let (stop, clock) = (AtomicBool::new(false), Clock(&self.world));
        let deps = Deps {
            plan: &self.plan,
            remotes: links.iter().map(|link| Some(link as _)).collect(),
            store,
            timer: &clock,
            progress: &Silent,
            stop: &stop,
        };
        let options = Options { approve: self.approved.borrow().clone(), ..self.options.clone() };
        with(pin!(run(&deps, &options, "run", None)));
    }

    /// Lets a process go on for so many calls; `None` = it goes on after that.
    fn turn(
        &self,
        work: Pin<&mut dyn Future<Output = EngineResult<RunReport>>>,
        runner: usize,
        calls: Option<u32>,
    ) -> Option<End> {
        {
            let mut world = self.world.borrow_mut();
            world.pauses[runner] = calls;
            world.died[runner] = false;
        }
        let end = work.poll(&mut Context::from_waker(Waker::noop()));
        let mut world = self.world.borrow_mut();
        if end.is_pending() && !world.died[runner] {
            return None;
        }
        let dead = world.commits.swap(-1, Ordering::Relaxed) == 0;
        world.calls_left = -1;
        let end = match end {
            Poll::Pending => End::Crashed,
            Poll::Ready(Err(_)) if dead => End::Crashed,
            Poll::Ready(Ok(report)) => {
                world.say(|| format!("--- {:?} {:?}", report.outcome, report.failures));
                End::Done
            }
            Poll::Ready(Err(error)) => {
                world.say(|| format!("--- failed: {error}"));
                match error {
                    EngineError::Stopped { hash, .. } => End::Stopped(hash),
                    other => End::Failed(other.to_string()),
                }
            }
        };
        if end == End::Crashed {
            world.die();
        }
        drop(world);
        self.guarded(&end);
        Some(end)
    }

    /// I17: what a guard stopped has written nothing, and what it let pass was within its limit.
    fn guarded(&self, end: &End) {
        let mut world = self.world.borrow_mut();
        let made = world.asked.values().map(BTreeSet::len).max().unwrap_or(0) as u64;
        // Of two processes at once nobody knows whose records those are.
        let alone = world.pauses == [None; 2];
        if alone && matches!(end, End::Stopped(_)) && made > 0 {
            world.violations.push("I17 a run that a guard stopped has made records".to_owned());
        }
        if alone && self.approved.borrow().is_none() && made > self.variant.creates {
            world.violations.push(format!("I17 {made} records made without approval"));
        }
        // Whoever looks at the change set approves it.
        *self.approved.borrow_mut() = match end {
            End::Stopped(hash) => Some(hash.clone()),
            _ => None,
        };
    }

    /// Two processes on one state: the second takes it over while the first one stands still, and the first goes on
    /// without knowing it. What it had sent is answered by then, or lands within ten seconds. False = the first one ended
    /// before it stood still.
    pub fn contend(&self, calls: u32) -> bool {
        self.begin();
        let name = self.shared.as_deref();
        let former = self.store();
        let mut both = false;
        self.with_run(0, &former, |mut one| {
            if self.turn(one.as_mut(), 0, Some(calls)).is_some() {
                return;
            }
            both = true;
            let store = opened(name, &self.commits, self.without);
            *self.store.borrow_mut() = Rc::clone(&store);
            {
                let mut world = self.world.borrow_mut();
                world.say(|| "=== another process takes the state over".to_owned());
                world.hurry();
            }
            self.with_run(1, &store, |mut two| {
                let (mut first, mut second) = (None, None);
                while first.is_none() || second.is_none() {
                    let calls = self.world.borrow_mut().chance.below(12);
                    let alone = second.is_some();
                    if second.is_none() {
                        second = self.turn(two.as_mut(), 1, Some(calls));
                    }
                    if first.is_none() && (alone || self.world.borrow_mut().chance.below(4) == 1) {
                        first = self.turn(one.as_mut(), 0, Some(calls));
                    }
                }
            });
        });
        self.world.borrow_mut().pauses = [None; 2];
        both
    }

    /// People and the engine, with everything that may go wrong.
    pub fn storm(&self) {
        {
            let mut world = self.world.borrow_mut();
            for _ in 0..4 {
                world.person();
            }
            // What people enter on both sides is seen by a first run that nothing disturbs in its listing.
            world.now += 60_000;
            (world.chaos, world.people) = (true, true);
        }
        for _ in 0..10 {
            {
                let mut world = self.world.borrow_mut();
                let long = world.chance.permille(300);
                world.now += world.chance.millis(if long { 900_000 } else { 90_000 });
                world.land();
                for _ in 0..world.chance.below(4) {
                    world.person();
                }
                if world.faults.clock_set && world.chance.permille(250) {
                    world.local += world.chance.millis(1_200_000) - 600_000;
                    let local = world.local;
                    world.say(|| format!("our clock is set: {local}"));
                }
                if world.faults.crash_commit && world.chance.permille(250) {
                    let commits = world.chance.below(60);
                    world.commits.store(i64::from(commits), Ordering::Relaxed);
                }
            }
            let second = {
                let mut world = self.world.borrow_mut();
                let second = world.faults.takeover && world.chance.permille(250);
                second.then(|| world.chance.below(50))
            };
            match second {
                Some(calls) => {
                    self.contend(calls);
                }
                None => {
                    self.run();
                }
            }
        }
    }

    /// Quiet, until nothing more is to be done.
    pub fn settle(&self) -> Result<(), String> {
        {
            let mut world = self.world.borrow_mut();
            world.say(|| "=== quiet".to_owned());
            (world.chaos, world.people) = (false, false);
            if world.faults.lost_feed {
                world.now += 2 * REREAD;
            }
        }
        let mut idle = 0;
        for _ in 0..QUIET + if self.variant.creates == FEW { QUIET } else { 0 } {
            let (before, calls) = {
                let mut world = self.world.borrow_mut();
                world.now += 360_000;
                world.land();
                (world.writes, world.calls)
            };
            match self.run() {
                End::Done => {}
                // A guard is asked about before anything is done.
                End::Stopped(_) => continue,
                End::Failed(error) => return Err(format!("a run in quiet failed: {error}")),
                End::Crashed => return Err("a run in quiet never ended".to_owned()),
            }
            let world = self.world.borrow();
            let (wrote, calls) = (world.writes != before, world.calls - calls);
            if !wrote && calls > IDLE_CALLS {
                return Err(format!("I20 a run with nothing to do makes {calls} calls"));
            }
            if !wrote && idle == 1 {
                return Ok(());
            }
            idle = if wrote { 0 } else { idle + 1 };
        }
        // Refused values are tried again for ever.
        let world = self.world.borrow();
        if world.poisoned.is_empty() && world.deleted.is_empty() {
            return Err("I4 no fixed point: it goes on writing".to_owned());
        }
        Ok(())
    }

    pub fn outcome(self, verdict: Result<(), String>) -> Outcome {
        let mut world = self.world.into_inner();
        Outcome {
            verdict,
            calls: world.calls,
            writes: world.writes,
            crashes: world.crashes,
            choices: std::mem::take(&mut world.chance.made),
            trace: world.trace.take().unwrap_or_default(),
        }
    }
}

/// The state as a process opens it, which may die at any of its commits.
fn opened(name: Option<&str>, commits: &Arc<AtomicI64>, without: Without) -> Rc<Store> {
    let mut store = match name {
        Some(name) => Store::in_shared_memory(name),
        None => Store::in_memory(),
    }
    .unwrap();
    if without.epoch {
        store = store.without_epoch();
    }
    let left = Arc::clone(commits);
    store
        .before_commit(move || {
            let now = left.load(Ordering::Relaxed);
            if now > 0 {
                left.store(now - 1, Ordering::Relaxed);
            }
            now != 0
        })
        .unwrap();
    Rc::new(store)
}

/// A whole simulation from its choices.
pub fn simulate(chance: Chance, without: Without, trace: bool) -> Outcome {
    let sim = Sim::new(chance, None, without, trace);
    sim.storm();
    let verdict = sim.settle().and_then(|()| oracle::judge(&sim));
    sim.outcome(verdict)
}

/// A failing list of choices made smaller for as long as it fails in the same way.
pub fn shrink(choices: Vec<u32>, without: Without, patience: usize) -> Outcome {
    let run = |choices: &[u32]| {
        let chance = Chance::scripted(choices.to_vec());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulate(chance, without, false))).ok()
    };
    let kind =
        |outcome: &Outcome| outcome.verdict.as_ref().err().map(|text| text[..text.len().min(12)].to_owned());
    let mut best = choices;
    let wanted = run(&best).and_then(|outcome| kind(&outcome));
    let mut left = patience;
    let mut size = best.len() / 2;
    while size > 0 && left > 0 {
        let mut at = 0;
        while at < best.len() && left > 0 {
            let end = (at + size).min(best.len());
            let mut shorter = best.clone();
            shorter.drain(at..end);
            let mut quieter = best.clone();
            quieter[at..end].iter_mut().for_each(|choice| *choice = 0);
            let candidates = if best[at..end].iter().all(|choice| *choice == 0) {
                vec![shorter]
            } else {
                vec![shorter, quieter]
            };
            let mut taken = false;
            for candidate in candidates {
                left = left.saturating_sub(1);
                if run(&candidate).is_some_and(|outcome| kind(&outcome) == wanted) {
                    taken = candidate.len() < best.len();
                    best = candidate;
                    break;
                }
            }
            if !taken {
                at = end;
            }
        }
        size /= 2;
    }
    simulate(Chance::scripted(best), without, true)
}
