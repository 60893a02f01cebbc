//! One simulation: a world, ten runs of the engine in it while everything goes wrong, then quiet, then the oracle.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use twinmap::engine::{Ablation, Deps, Options, Silent, run};
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

/// How one run of the engine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Done,
    Failed(String),
    Crashed,
}

pub struct Sim {
    pub world: RefCell<World>,
    pub store: Rc<Store>,
    pub plan: SyncPlan,
    pub variant: Variant,
    pub options: Options,
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
    pub fn new(mut chance: Chance, faults: Option<Faults>, ablation: Ablation, trace: bool) -> Sim {
        let variant = Variant {
            winner: if chance.below(2) == 0 { Side::Left } else { Side::Right },
            rule: chance.below(3),
            bare: false,
            associations: chance.below(2) == 1,
        };
        let faults = faults.unwrap_or_else(|| Faults::swarm(&mut chance));
        let mut skew = || if faults.skew { i64::from(chance.below(600_000)) - 300_000 } else { 0 };
        let (skew, local) = ([skew(), skew()], skew());
        let commits = Arc::new(AtomicI64::new(-1));
        let mut store = Store::in_memory().unwrap();
        let left = Arc::clone(&commits);
        store
            .before_commit(move || {
                let now = left.load(Ordering::Relaxed);
                if now > 0 {
                    left.store(now - 1, Ordering::Relaxed);
                }
                now != 0
            })
            .unwrap();
        let store = Rc::new(store);
        let (seen, links) = (Rc::clone(&store), Rc::clone(&store));
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
            linked: Box::new(move |id| !links.links_with(id).unwrap().is_empty()),
            late: Vec::new(),
            writes: 0,
            calls: 0,
            drawn: 0,
            crashes: 0,
            effects: Effects::default(),
            violations: Vec::new(),
            trace: trace.then(Vec::new),
            commits,
            calls_left: -1,
            journalled: Box::new(move |op| {
                seen.open_intents().unwrap().iter().any(|open| open.intent.op == op)
            }),
        };
        let reread = if faults.lost_feed { REREAD } else { Options::default().reread };
        let options = Options { ablation, reread, ..Options::default() };
        let mut sim = Sim { world: RefCell::new(world), store, plan: plan(variant), variant, options };
        sim.world.get_mut().say(|| format!("{variant:?} {faults:?} skew {skew:?} local {local}"));
        sim
    }

    /// One run of the engine, until it ends or its process dies.
    pub fn run(&self) -> End {
        self.world.borrow_mut().say(|| "--- run".to_owned());
        let links = [Link { world: &self.world, system: 0 }, Link { world: &self.world, system: 1 }];
        let stop = AtomicBool::new(false);
        let clock = Clock(&self.world);
        let deps = Deps {
            plan: &self.plan,
            remotes: links.iter().map(|link| Some(link as _)).collect(),
            store: &self.store,
            timer: &clock,
            progress: &Silent,
            stop: &stop,
        };
        let end = {
            let mut work = std::pin::pin!(run(&deps, &self.options, "run", None));
            work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        let mut world = self.world.borrow_mut();
        let dead = world.commits.swap(-1, Ordering::Relaxed) == 0;
        world.calls_left = -1;
        match end {
            Poll::Pending => {
                world.die();
                End::Crashed
            }
            Poll::Ready(Err(_)) if dead => {
                world.die();
                End::Crashed
            }
            Poll::Ready(Ok(report)) => {
                world.say(|| format!("--- {:?} {:?}", report.outcome, report.failures));
                End::Done
            }
            Poll::Ready(Err(error)) => {
                world.say(|| format!("--- failed: {error}"));
                End::Failed(error.to_string())
            }
        }
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
                if world.faults.crash_commit && world.chance.permille(250) {
                    let commits = world.chance.below(60);
                    world.commits.store(i64::from(commits), Ordering::Relaxed);
                }
            }
            self.run();
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
        for _ in 0..QUIET {
            let before = {
                let mut world = self.world.borrow_mut();
                world.now += 360_000;
                world.land();
                world.writes
            };
            match self.run() {
                End::Done => {}
                End::Failed(error) => return Err(format!("a run in quiet failed: {error}")),
                End::Crashed => return Err("a run in quiet never ended".to_owned()),
            }
            let wrote = self.world.borrow().writes != before;
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

/// A whole simulation from its choices.
pub fn simulate(chance: Chance, ablation: Ablation, trace: bool) -> Outcome {
    let sim = Sim::new(chance, None, ablation, trace);
    sim.storm();
    let verdict = sim.settle().and_then(|()| oracle::judge(&sim));
    sim.outcome(verdict)
}

/// A failing list of choices made smaller for as long as it fails in the same way.
pub fn shrink(choices: Vec<u32>, ablation: Ablation, patience: usize) -> Outcome {
    let run = |choices: &[u32]| {
        let chance = Chance::scripted(choices.to_vec());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulate(chance, ablation, false))).ok()
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
    simulate(Chance::scripted(best), ablation, true)
}
