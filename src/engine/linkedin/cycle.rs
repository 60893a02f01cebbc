//! A whole run: LinkedIn's matching, the syncs, then lists and writeback, under one journal entry.
//!
//! Syncs with a Sales Navigator that is not connected (or not started, or paused) stay out of the run. Those that ran
//! before keep what is due for them until they are back.

use super::{NavDeps, NavReport, after, before, crm_of, systems};
use crate::engine::error::EngineResult;
use crate::engine::report::{RunOutcome, RunReport};
use crate::engine::session::{Deps, Options};
use crate::merge::ChangeSet;
use crate::plan::ir::{SyncId, SyncPlan, SystemId};

/// The Sales Navigator that a sync touches.
pub fn navigator_of(plan: &SyncPlan, id: SyncId) -> Option<SystemId> {
    let sync = plan.sync(id)?;
    let all = systems(plan);
    let ends = std::iter::once(sync.left).chain(sync.arms.iter().map(|arm| arm.right));
    ends.filter_map(|object| plan.object(object).map(|object| object.system)).find(|id| all.contains(id))
}

/// The options without the syncs of a Sales Navigator that is not at work.
pub fn without_idle(deps: &Deps<'_>, options: &Options) -> EngineResult<Options> {
    let plan = deps.plan;
    let ids = (0..plan.syncs.len()).filter_map(|index| u32::try_from(index).ok().map(SyncId));
    let mut idle = Vec::new();
    let mut rest = Vec::new();
    for id in ids {
        let connected = |system: SystemId| deps.remotes.get(system.index()).is_some_and(Option::is_some);
        match navigator_of(plan, id) {
            Some(system) if !connected(system) => idle.push(id),
            _ => rest.push(id),
        }
    }
    let mut options = Options { idle: idle.clone(), ..options.clone() };
    for id in idle {
        let name = plan.sync(id).map_or("", |sync| sync.name.as_str());
        // What it has missed stays due.
        if deps.store.meta(&format!("activated:{name}"))?.is_some() && options.syncs.is_empty() {
            options.syncs.clone_from(&rest);
        }
    }
    Ok(options)
}

/// One cycle of everything.
pub async fn run(
    nav: &NavDeps<'_>,
    options: &Options,
    kind: &str,
    approved: Option<&ChangeSet>,
) -> EngineResult<RunReport> {
    let deps = nav.deps;
    let everything = options.syncs.is_empty();
    let options = without_idle(deps, options)?;
    let mut told = NavReport::default();
    before(nav, &mut told).await?;
    let mut report = crate::engine::run(deps, &options, kind, approved).await?;
    let joins = systems(deps.plan).into_iter().any(|system| crm_of(deps.plan, system).is_some());
    if !everything || !joins {
        return Ok(report);
    }
    let mut row = deps.store.runs(20)?.into_iter().find(|row| row.id == report.run);
    if let Some(row) = &mut row {
        // Until the writeback is done, the run is not: what it leaves open is settled as that of a run that died.
        (row.ended, row.outcome) = (None, "running".to_owned());
        deps.store.put_run(row)?;
    }
    let result = after(nav, &report.run.clone(), &mut told).await;
    let held: u64 = told.writebacks.iter().map(super::WritebackReport::held_in_all).sum();
    if result.is_err() {
        report.outcome = RunOutcome::Failed;
    } else if held > 0 && report.outcome == RunOutcome::Ok {
        report.outcome = RunOutcome::Partial;
    }
    report.calls = crate::engine::run::calls(deps);
    report.linkedin = (!told.is_empty()).then_some(told);
    if let Some(mut row) = row {
        row.ended = Some(deps.timer.now());
        row.outcome = report.outcome.word().to_owned();
        row.report = serde_json::to_value(&report).unwrap_or_default();
        deps.store.put_run(&row)?;
    }
    result.map(|()| report)
}
