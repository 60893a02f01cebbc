//! One run's desk: the plan, the connections, the state, the clock, and what has been read so far.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join_all;

use super::context::Facts;
use super::error::{EngineError, EngineResult};
use super::ops::Ref;
use super::world::{self, Shape, Systems, World};
use crate::connect::remote::{Remote, Reply, Request};
use crate::connect::timer::Timer;
use crate::interp::SyncProgram;
use crate::plan::ir::{Arm, Expr, ObjectId, Side, Sync, SyncId, SyncPlan, SystemId};
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::state::Store;
use crate::value::Millis;

/// Safeguards that tests switch off one by one, to see the simulation notice. In a release all of them are on, whatever
/// is said here; builds with debug assertions, and those with the feature `ablation`, obey.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ablation {
    /// One value for both sides of a base instead of each side's own form.
    pub shared_base: bool,
    /// Records that did not change after our last write are not looked at.
    pub timestamp_echo: bool,
    pub no_overlap: bool,
    pub no_update_intent: bool,
    pub no_create_intent: bool,
    pub no_cas: bool,
    pub naive_cas: bool,
    pub no_history_check: bool,
    pub blind_readback: bool,
    pub watermark_early: bool,
    pub no_settle: bool,
    pub no_quiesce: bool,
    pub no_op_stamp: bool,
    pub no_external_id: bool,
    pub no_reread: bool,
    /// Archives in the order of their syncs, with what hangs on them.
    pub archive_early: bool,
    /// Archives at the end, with what hangs on them.
    pub archive_unasked: bool,
}

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Only {
    /// Whatever is due.
    #[default]
    Everything,
    /// One record, and its counterpart is made even if no rule asks for it.
    Record(ObjectId, RecordId),
    /// These records, also when they were there before their sync started. The rules hold.
    Records(Vec<(ObjectId, RecordId)>),
    /// Every linked pair of the chosen syncs; with ids of rows, these rows alone; with a condition, pairs whose record
    /// on this side meets it. What was agreed on before does not count: the rows are merged as on the first
    /// day.
    Pairs {
        rows: Option<BTreeSet<String>>,
        within: Option<(Side, Expr)>,
        /// Of the links behind this one so many; `None` = all of them.
        portion: Option<(i64, u64)>,
    },
}

/// What a person decided about fields that were edited on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its values stand.
    pub winner: SystemId,
    /// Ids of the rows that it is about; `None` = all rows in conflict.
    pub rows: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Syncs to run; empty = all.
    pub syncs: Vec<SyncId>,
    /// Read every record again instead of the changed ones.
    pub full: bool,
    /// Only this part of the work.
    pub only: Only,
    /// Syncs that make nothing in the CRM, and those that change nothing there: an admin switched it off.
    pub no_creates: Vec<SyncId>,
    pub no_updates: Vec<SyncId>,
    /// Settles conflicts that wait for a person.
    pub decision: Option<Decision>,
    /// Approves the guards that a change set with this hash passes.
    pub approve: Option<String>,
    /// Linked records that nobody has looked at for this long are read again, whatever the feeds say; milliseconds.
    pub reread: i64,
    /// Records that are looked at together. When more are due, the run takes as much memory as so many do.
    pub portion: u64,
    /// Records in a call that writes, when that is fewer than the CRM takes.
    pub batch: usize,
    /// How long a request may take until its outcome is called unknown, in milliseconds.
    pub timeout: i64,
    pub ablation: Ablation,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            syncs: Vec::new(),
            full: false,
            only: Only::Everything,
            no_creates: Vec::new(),
            no_updates: Vec::new(),
            decision: None,
            approve: None,
            reread: 7 * 24 * 60 * 60 * 1000,
            portion: 4_000,
            batch: usize::MAX,
            timeout: 60_000,
            ablation: Ablation::default(),
        }
    }
}

/// Where the engine tells how far it is.
pub trait Progress {
    /// A new stage of the run with this many steps (0 = not known).
    fn stage(&self, what: &str, steps: u64);
    fn step(&self, steps: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &str, _: u64) {}
    fn step(&self, _: u64) {}
}

/// What the engine is given.
pub struct Deps<'d> {
    pub plan: &'d SyncPlan,
    /// In the order of the plan's systems; `None` = not connected.
    pub remotes: Vec<Option<&'d dyn Remote>>,
    pub store: &'d Store,
    pub timer: &'d dyn Timer,
    pub progress: &'d dyn Progress,
    /// Set by a signal: finish what is in flight and stop.
    pub stop: &'d AtomicBool,
}

pub struct Session<'d> {
    pub deps: &'d Deps<'d>,
    pub options: &'d Options,
    pub run: String,
    pub started: Millis,
    /// Operations written to the journal so far.
    pub issued: u64,
    pub programs: Vec<SyncProgram<'d>>,
    /// Syncs that are left out because their Sales Navigator is not at work.
    pub idle: BTreeSet<SyncId>,
    pub shapes: Vec<Shape>,
    pub systems: Systems<'d>,
    pub world: World,
    pub lists: super::beyond::Lists,
    /// Records that this plan makes, by (sync, side, id of the source).
    pub pending: BTreeSet<Ref>,
    /// The chosen syncs; those that connect more than two systems stand together.
    pub groups: Vec<Vec<SyncId>>,
    /// Records of which other syncs make what one makes, and what stands for the same thing there.
    pub kin: BTreeMap<super::together::Key, BTreeSet<super::together::Key>>,
    /// Records that are going to be made by their match keys, by (sync, arm, rule, side, key).
    pub made_keys: BTreeMap<(SyncId, usize, usize, Side, String), BTreeSet<RecordId>>,
    /// What the last writes put into fields that several syncs share, by object, record and field.
    pub kept: RefCell<BTreeMap<(ObjectId, RecordId, String), crate::value::Value>>,
    /// Records with a request whose outcome is not known yet: left alone until it is.
    pub unsettled: BTreeSet<(ObjectId, RecordId)>,
    /// Archives that wait for everything else.
    pub archives: Vec<super::ops::Op>,
    /// A look at everything that only counts, before a run in portions makes its first change.
    pub rehearsal: bool,
    plan_hash: OnceCell<String>,
    /// Records that were called in a run in portions because a counterpart was made that they waited for.
    pub woken: RefCell<BTreeSet<(String, String, String)>>,
    /// Records that were read without their match key, by (sync, arm, side).
    pub keyless: RefCell<BTreeSet<(SyncId, usize, Side, RecordId)>>,
    /// What a look-up of links ran into inside the interpreter, which has no way to say it.
    pub trouble: RefCell<Option<crate::state::StateError>>,
}

impl<'d> Session<'d> {
    pub fn new(deps: &'d Deps<'d>, options: &'d Options, run: String) -> EngineResult<Self> {
        let plan = deps.plan;
        let ids = (0..plan.syncs.len()).map(|index| SyncId(u32::try_from(index).unwrap_or(u32::MAX)));
        let programs = ids.filter_map(|id| SyncProgram::new(plan, id)).collect();
        let count = plan.systems.len();
        let mut session = Session {
            deps,
            options,
            run,
            started: deps.timer.now(),
            issued: 0,
            programs,
            idle: super::linkedin::cycle::idle(deps).into_iter().collect(),
            shapes: world::shapes(plan),
            systems: Systems {
                remotes: deps.remotes.clone(),
                identities: vec![None; count],
                owners: vec![Vec::new(); count],
                offsets: vec![0; count],
                errors: vec![0; count],
            },
            world: World::default(),
            lists: BTreeMap::new(),
            pending: BTreeSet::new(),
            kin: BTreeMap::new(),
            made_keys: BTreeMap::new(),
            kept: RefCell::new(BTreeMap::new()),
            unsettled: BTreeSet::new(),
            archives: Vec::new(),
            rehearsal: false,
            plan_hash: OnceCell::new(),
            woken: RefCell::new(BTreeSet::new()),
            keyless: RefCell::new(BTreeSet::new()),
            trouble: RefCell::new(None),
            groups: Vec::new(),
        };
        session.groups = session.find_groups();
        Ok(session)
    }

    pub fn ablation(&self) -> Ablation {
        if cfg!(any(feature = "ablation", debug_assertions)) {
            self.options.ablation
        } else {
            Ablation::default()
        }
    }

    pub fn plan(&self) -> &'d SyncPlan {
        self.deps.plan
    }

    /// Names the plan; made once, as it takes the whole plan.
    pub fn plan_hash(&self) -> &str {
        self.plan_hash.get_or_init(|| self.deps.plan.hash())
    }

    pub fn store(&self) -> &'d Store {
        self.deps.store
    }

    pub fn now(&self) -> Millis {
        self.deps.timer.now()
    }

    pub fn sync(&self, id: SyncId) -> EngineResult<&'d Sync> {
        self.deps.plan.sync(id).ok_or_else(|| EngineError::Plan(format!("sync {} does not exist", id.0)))
    }

    pub fn program(&self, id: SyncId) -> EngineResult<&SyncProgram<'d>> {
        let found = self.programs.get(id.index());
        found.ok_or_else(|| EngineError::Plan(format!("sync {} does not exist", id.0)))
    }

    /// The syncs of this run, in the plan's order.
    pub fn chosen(&self) -> Vec<SyncId> {
        let all = self.programs.iter().map(|program| program.id);
        let asked = |id: &SyncId| self.options.syncs.is_empty() || self.options.syncs.contains(id);
        all.filter(|id| asked(id) && !self.idle.contains(id)).collect()
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            plan: self.deps.plan,
            store: self.deps.store,
            world: &self.world,
            lists: &self.lists,
            owners: &self.systems.owners,
            pending: &self.pending,
            trouble: &self.trouble,
        }
    }

    /// Commits what `work` writes into the state at once: all of it is kept, or nothing.
    pub fn in_one_commit<T>(&self, work: impl FnOnce() -> EngineResult<T>) -> EngineResult<T> {
        let mut failed = None;
        let done = self.store().atomically(|_| {
            work().map_err(|error| {
                let told = crate::state::StateError::Other(error.to_string());
                failed = Some(error);
                told
            })
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    }

    /// Fails with what a look-up inside the interpreter ran into.
    pub fn check_trouble(&self) -> EngineResult<()> {
        match self.trouble.borrow_mut().take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    pub fn check_stop(&self) -> EngineResult<()> {
        if self.deps.stop.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
    }

    pub fn shape(&self, object: ObjectId) -> EngineResult<&Shape> {
        let found = self.shapes.get(object.index());
        found.ok_or_else(|| EngineError::Plan(format!("object {} does not exist", object.0)))
    }

    pub fn system_name(&self, object: ObjectId) -> &'d str {
        let plan = self.deps.plan;
        let system = plan.object(object).and_then(|object| plan.system(object.system));
        system.map_or("?", |system| system.name.as_str())
    }

    pub fn object_name(&self, object: ObjectId) -> &'d str {
        self.deps.plan.object(object).map_or("?", |object| object.name.as_str())
    }

    pub async fn read(
        &mut self,
        object: ObjectId,
        ids: impl IntoIterator<Item = RecordId>,
    ) -> EngineResult<()> {
        self.read_all(BTreeMap::from([(object, ids.into_iter().collect())])).await
    }

    /// Reads records of several objects, all at once; each is kept in the order of the objects.
    pub async fn read_all(&mut self, wanted: BTreeMap<ObjectId, Vec<RecordId>>) -> EngineResult<()> {
        let none: Arc<[Arc<str>]> = Arc::new([]);
        let mut unread: Vec<(ObjectId, Vec<RecordId>)> = Vec::new();
        for (object, ids) in wanted {
            let ids = self.world.unread(object, ids)?;
            if !ids.is_empty() {
                unread.push((object, ids));
            }
        }
        if unread.is_empty() {
            return Ok(());
        }
        self.store().close_batch()?;
        let (plan, systems, shapes) = (self.deps.plan, &self.systems, &self.shapes);
        let asked = unread.into_iter().map(async |(object, ids)| {
            let portions = world::read(plan, systems, shapes, object, ids, none.clone()).await?;
            Ok::<_, EngineError>((object, portions))
        });
        for (object, portions) in try_join_all(asked).await? {
            self.keep(object, portions);
        }
        Ok(())
    }

    fn keep(&mut self, object: ObjectId, portions: Vec<world::Portion>) {
        for (asked, records) in portions {
            self.world.take(object, &asked, records);
        }
    }

    /// Reads again, with the history of the named fields.
    pub async fn read_history(
        &mut self,
        object: ObjectId,
        ids: Vec<RecordId>,
        fields: &BTreeSet<String>,
    ) -> EngineResult<()> {
        let history: Arc<[Arc<str>]> = fields.iter().map(|name| name.as_str().into()).collect();
        self.store().close_batch()?;
        let plan = self.deps.plan;
        let portions = world::read(plan, &self.systems, &self.shapes, object, ids, history).await?;
        self.keep(object, portions);
        Ok(())
    }

    /// Who and where we are; refuses an account that the plan was not compiled for. Measures the servers' clocks.
    pub async fn identify(&mut self) -> EngineResult<()> {
        let plan = self.deps.plan;
        let used: BTreeSet<SystemId> = self.shapes.iter().map(|shape| shape.system).collect();
        for id in used {
            let connected = self.systems.remotes.get(id.index()).is_some_and(Option::is_some);
            // One that is not connected has no part in this run.
            if !connected && plan.system(id).is_some_and(|system| system.kind == SystemKind::Salesnav) {
                continue;
            }
            let remote = self.systems.remote(plan, id)?;
            let before = self.now();
            let Reply::Identity(who) = remote.call(Request::Identity).await? else { continue };
            let after = self.now();
            let middle = before.0 / 2 + after.0 / 2;
            let system = plan.system(id);
            let wanted = system.map_or("", |system| system.account.as_str());
            if !wanted.is_empty() && !same_account(wanted, &who.account) {
                let name = system.map_or("?", |system| system.name.as_str());
                return Err(EngineError::Frame(format!(
                    "`{name}` is account {}, the mappings were checked against account {wanted}",
                    who.account
                )));
            }
            let index = id.index();
            if let Some(offset) = self.systems.offsets.get_mut(index) {
                *offset = who.server_time.0 - middle;
            }
            if let Some(error) = self.systems.errors.get_mut(index) {
                *error = (after.0 - before.0) / 2;
            }
            if let Some(slot) = self.systems.identities.get_mut(index) {
                *slot = Some(who);
            }
        }
        Ok(())
    }

    /// The people of each system that an owner map translates, and the members of lists.
    pub async fn load_owners(&mut self) -> EngineResult<()> {
        let plan = self.deps.plan;
        let used: BTreeSet<SystemId> = plan.owners.iter().flat_map(|map| [map.left, map.right]).collect();
        for id in used {
            let remote = self.systems.remote(plan, id)?;
            if let Reply::Owners(owners) = remote.call(Request::Owners).await?
                && let Some(slot) = self.systems.owners.get_mut(id.index())
            {
                *slot = owners;
            }
        }
        self.load_lists().await
    }

    pub fn accounts(&self) -> BTreeMap<String, String> {
        let plan = self.deps.plan;
        let known = plan.systems.iter().zip(&self.systems.identities);
        known.filter_map(|(system, who)| Some((system.name.clone(), who.as_ref()?.account.clone()))).collect()
    }
}

/// Salesforce ids have 15 or 18 characters.
fn same_account(a: &str, b: &str) -> bool {
    a == b || (a.len() >= 15 && b.len() >= 15 && a.get(..15) == b.get(..15))
}

/// The object that stands on a side of a sync's arm.
pub fn object_on(sync: &Sync, arm: &Arm, side: Side) -> ObjectId {
    if side == Side::Left { sync.left } else { arm.right }
}
