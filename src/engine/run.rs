//! The run cycle: identify, settle, fetch, draft, guard, execute, remember; and the dry-run that stops before writing.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::order;
use super::draft::Draft;
use super::error::{EngineError, EngineResult};
use super::execute::Again;
use super::fetch::Dirty;
use super::ops::{Op, Ref};
use super::report::{RunOutcome, RunReport};
use super::session::{Deps, Options, Session, object_on};
use crate::merge::change::{Change, ChangeSet};
use crate::plan::ir::{ObjectId, SyncId};
use crate::record::RecordId;
use crate::state::RunRow;

/// How often records that changed under our hands are merged again in one run.
const ROUNDS: usize = 4;

/// What would be done now. Writes nothing to the CRMs; `deps.store` is a copy of the state that is thrown away.
pub async fn plan(deps: &Deps<'_>, options: &Options) -> EngineResult<ChangeSet> {
    let mut session = Session::new(deps, options, "plan".to_owned())?;
    session.identify().await?;
    session.settle().await?;
    session.load_owners().await?;
    session.fetch().await?;
    let dirty = session.narrowed(session.due()?).await?;
    let mut draft = session.draft(&session.groups.clone(), &dirty).await?;
    session.tell_waiting(dirty.keys(), &mut draft)?;
    session.describe(&draft)
}

/// Ids of linked pairs whose records both pass the filters of their sync now. Reads them all.
pub async fn in_scope(deps: &Deps<'_>, options: &Options) -> EngineResult<BTreeSet<i64>> {
    let mut session = Session::new(deps, options, "scope".to_owned())?;
    session.identify().await?;
    session.load_owners().await?;
    session.in_scope().await
}

/// One cycle. With `approved` it makes exactly those of its changes that still are what should be done.
///
/// # Errors
/// [`EngineError::Stopped`] before any write; authentication and limits; what is wrong with the state. Records that
/// fail are no error: they are in the report.
pub async fn run(
    deps: &Deps<'_>,
    options: &Options,
    kind: &str,
    approved: Option<&ChangeSet>,
) -> EngineResult<RunReport> {
    let id = run_id(deps);
    let mut session = Session::new(deps, options, id.clone())?;
    let mut report = RunReport::new(&id);
    session.identify().await?;
    if let Some(set) = approved {
        check_frame(&session, set)?;
    }
    let mut row = RunRow {
        id: id.clone(),
        kind: kind.to_owned(),
        plan: session.plan_hash().to_owned(),
        started: session.started,
        ended: None,
        outcome: "running".to_owned(),
        report: serde_json::Value::Null,
    };
    // An interrupted run is settled by what it left before this one is on record.
    session.settle().await?;
    deps.store.put_run(&row)?;
    let result = cycle(&mut session, approved, &mut report).await;
    // An error may have left one open: what was learned before it stands.
    let result = result.and(deps.store.close_batch().map_err(Into::into));
    report.counts.read = session.world.read;
    report.calls = calls(deps);
    let outcome = match &result {
        Ok(()) => {
            report.conclude();
            report.outcome
        }
        Err(EngineError::Stopped { .. }) => RunOutcome::Stopped,
        Err(_) => RunOutcome::Failed,
    };
    report.outcome = outcome;
    row.ended = Some(deps.timer.now());
    row.outcome = outcome.word().to_owned();
    row.report = serde_json::to_value(&report).unwrap_or_default();
    deps.store.put_run(&row)?;
    result.map(|()| report)
}

async fn cycle(
    session: &mut Session<'_>,
    approved: Option<&ChangeSet>,
    report: &mut RunReport,
) -> EngineResult<()> {
    session.load_owners().await?;
    session.fetch().await?;
    if approved.is_none() && session.is_large()? {
        session.in_portions(report).await?;
    } else {
        let dirty = session.narrowed(session.due()?).await?;
        let all = dirty.clone();
        let groups = session.groups.clone();
        let worked = work_off(session, &groups, dirty, Gate::Shut(approved), report).await?;
        let done = records(&all).filter(|record| !worked.unfinished.contains(record));
        finish(session, done, &worked.unfinished)?;
    }
    let archived = session.archive_last(report).await?;
    finish(session, archived.into_iter(), &BTreeSet::new())
}

/// Whether guards are still to be asked.
pub(super) enum Gate<'a> {
    /// They are, about everything; with the change set that was approved.
    Shut(Option<&'a ChangeSet>),
    Open,
}

/// What working records off came to.
#[derive(Default)]
pub(super) struct Worked {
    pub unfinished: BTreeSet<(ObjectId, RecordId)>,
    /// Records that were compared with their counterparts.
    pub compared: Vec<(ObjectId, RecordId)>,
    /// Records that were to be written, and what they were written from; of a portion.
    pub touched: BTreeSet<(ObjectId, RecordId)>,
}

/// Drafts what is to be done about some records in some groups of syncs, does it, and merges again what changed
/// meanwhile.
pub(super) async fn work_off(
    session: &mut Session<'_>,
    groups: &[Vec<SyncId>],
    mut dirty: Dirty,
    gate: Gate<'_>,
    report: &mut RunReport,
) -> EngineResult<Worked> {
    let (shut, approved) = match gate {
        Gate::Shut(approved) => (true, approved),
        Gate::Open => (false, None),
    };
    let mut worked = Worked::default();
    for round in 0..ROUNDS {
        let mut draft = session.draft(groups, &dirty).await?;
        if round == 0 && shut {
            session.tell_waiting(dirty.keys(), &mut draft)?;
        }
        let set = session.describe(&draft)?;
        if round == 0 {
            if shut {
                stop_if_guarded(session, &set, approved)?;
            }
            report.counts.skipped += set.summary.skip + set.summary.ambiguous;
            report.counts.held += set.summary.hold;
        }
        let ops = chosen_ops(&mut draft, &set, approved, round, report);
        drop(set);
        if !shut {
            worked.touched.extend(ops.iter().flat_map(|op| touched(session, op)));
        }
        let again = session.execute(ops, &mut draft, report).await?;
        session.link_coming(&draft)?;
        worked.unfinished.append(&mut draft.unfinished);
        worked.compared.append(&mut draft.compared);
        if again.is_empty() {
            break;
        }
        if approved.is_some() || round + 1 == ROUNDS {
            let note = |(object, id): &(ObjectId, RecordId)| {
                format!(
                    "{}.{} {id} changed meanwhile",
                    session.system_name(*object),
                    session.object_name(*object)
                )
            };
            report.moved.extend(again.iter().map(note));
            worked.unfinished.extend(again);
            break;
        }
        dirty = due_again(session, again)?;
    }
    Ok(worked)
}

/// Known records that an operation is about.
fn touched(session: &Session<'_>, op: &Op) -> Vec<(ObjectId, RecordId)> {
    let known = |object: ObjectId, at: &Ref| at.known().map(|id| (object, id.clone()));
    let source = session.sync(op.sync).ok().and_then(|sync| {
        let arm = sync.arms.get(op.arm)?;
        known(op.from.unwrap_or_else(|| object_on(sync, arm, op.side.other())), &op.source)
    });
    let far = op.to.as_ref().and_then(|(object, at)| known(*object, at));
    known(op.object, &op.record).into_iter().chain(source).chain(far).collect()
}

fn stop_if_guarded(session: &Session<'_>, set: &ChangeSet, approved: Option<&ChangeSet>) -> EngineResult<()> {
    if set.stops.is_empty() {
        return Ok(());
    }
    let hash = approved.map_or_else(|| set.hash(), ChangeSet::hash);
    if session.options.approve.as_deref() == Some(&hash) {
        return Ok(());
    }
    Err(EngineError::Stopped { reasons: set.stops.clone(), hash })
}

/// The operations to carry out: all of them, or those whose change was approved as it is.
fn chosen_ops(
    draft: &mut Draft,
    set: &ChangeSet,
    approved: Option<&ChangeSet>,
    round: usize,
    report: &mut RunReport,
) -> Vec<Op> {
    let order = order(draft);
    let mut open: Vec<Option<Op>> = std::mem::take(&mut draft.ops).into_iter().map(Some).collect();
    let ops = order.into_iter().filter_map(|index| open.get_mut(index).and_then(Option::take));
    let Some(approved) = approved else { return ops.collect() };
    let key = |change: &Change| {
        (
            change.sync.clone(),
            change.system.clone(),
            change.source.clone(),
            change.record.clone(),
            change.action,
        )
    };
    let mut wanted: BTreeMap<_, Vec<&Change>> = BTreeMap::new();
    for change in &approved.changes {
        wanted.entry(key(change)).or_default().push(change);
    }
    let mut chosen = Vec::new();
    let mut found = BTreeSet::new();
    for (op, change) in ops.zip(&set.changes) {
        let candidates = wanted.get(&key(change));
        if let Some(same) = candidates.and_then(|all| all.iter().find(|known| known.same_as(change))) {
            found.insert(same.id.clone());
            chosen.push(op);
        }
    }
    if round == 0 {
        let moved = approved.changes.iter().filter(|change| !found.contains(&change.id));
        report.moved.extend(moved.map(|change| {
            let record = change.record.as_deref().unwrap_or("(new)");
            format!("{}: {}.{} {record} from {}", change.id, change.system, change.object, change.source)
        }));
    }
    chosen
}

/// Records that changed under our hands are read and merged again.
fn due_again(session: &mut Session<'_>, again: Again) -> EngineResult<Dirty> {
    let mut dirty = Dirty::new();
    for (object, id) in again {
        session.world.forget(object, &id)?;
        dirty.entry(object).or_default().insert(id);
    }
    Ok(dirty)
}

/// Each due record by itself.
pub(super) fn records(dirty: &Dirty) -> impl Iterator<Item = (ObjectId, RecordId)> {
    dirty.iter().flat_map(|(object, ids)| ids.iter().map(move |id| (*object, id.clone())))
}

/// What is done leaves the inbox, but for records of which a request is open; what is not stays.
pub(super) fn finish(
    session: &Session<'_>,
    done: impl Iterator<Item = (ObjectId, RecordId)>,
    unfinished: &BTreeSet<(ObjectId, RecordId)>,
) -> EngineResult<()> {
    // A sync that was not asked for may still need what this run has looked at.
    if !session.options.syncs.is_empty() {
        return Ok(());
    }
    session.store().atomically(|store| {
        for record in done.filter(|record| !session.unsettled.contains(record)) {
            let (object, id) = record;
            store.done(session.system_name(object), session.object_name(object), id.as_str())?;
        }
        for (object, id) in unfinished {
            let (system, name) = (session.system_name(*object), session.object_name(*object));
            store.observe_once(system, name, id.as_str(), session.now())?;
        }
        Ok(())
    })?;
    Ok(())
}

fn check_frame(session: &Session<'_>, set: &ChangeSet) -> EngineResult<()> {
    let frame = &set.frame;
    let stale = |what: &str| Err(EngineError::Frame(format!("{what} since this change set was made")));
    if frame.plan != session.plan_hash() {
        return stale("the mappings or schemas changed");
    }
    if frame.accounts != session.accounts() {
        return stale("the connected accounts changed");
    }
    if frame.state != session.store().version()? {
        return stale("another run wrote");
    }
    Ok(())
}

pub(super) fn calls(deps: &Deps<'_>) -> BTreeMap<String, u64> {
    let known = deps.plan.systems.iter().zip(&deps.remotes);
    known
        .filter_map(|(system, remote)| Some((system.name.clone(), remote.as_ref()?.calls().values().sum())))
        .collect()
}

/// `r20261124-201533-x7k2`: sorts by time, and two runs in one second differ.
pub(super) fn run_id(deps: &Deps<'_>) -> String {
    let now = deps.timer.now();
    let time = jiff::fmt::strtime::format("%Y%m%d-%H%M%S", now.timestamp()).unwrap_or_default();
    let chance = data_encoding::BASE32_NOPAD.encode(&deps.timer.random().to_le_bytes()).to_lowercase();
    format!("r{time}-{}", chance.get(..5).unwrap_or("aaaaa"))
}
