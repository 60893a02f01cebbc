//! A whole run: LinkedIn's matching, the syncs, then lists and writeback, under one journal entry.
//!
//! Syncs with a Sales Navigator that is not connected (or not started, or paused) stay out of the run. Those that ran
//! before keep what is due for them until they are back.

use super::{NavDeps, NavLink, NavReport, after, before, crm_of, systems};
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

/// The syncs of a Sales Navigator that is not at work; no run looks at them.
pub fn idle(deps: &Deps<'_>) -> Vec<SyncId> {
    let connected = |system: SystemId| deps.remotes.get(system.index()).is_some_and(Option::is_some);
    let ids = (0..deps.plan.syncs.len()).filter_map(|index| u32::try_from(index).ok().map(SyncId));
    ids.filter(|id| navigator_of(deps.plan, *id).is_some_and(|system| !connected(system))).collect()
}

/// The options of a run that leaves due what an idle sync has missed, when it ran before.
pub fn without_idle(deps: &Deps<'_>, options: &Options) -> EngineResult<Options> {
    let plan = deps.plan;
    let idle = idle(deps);
    let ids = (0..plan.syncs.len()).filter_map(|index| u32::try_from(index).ok().map(SyncId));
    let rest: Vec<SyncId> = ids.filter(|id| !idle.contains(id)).collect();
    let mut options = options.clone();
    for id in idle {
        let name = plan.sync(id).map_or("", |sync| sync.name.as_str());
        // What it has missed stays due.
        if deps.store.meta(&format!("activated:{name}"))?.is_some() && options.syncs.is_empty() {
            options.syncs.clone_from(&rest);
        }
    }
    Ok(options)
}

/// The options of a run, or of a dry-run, under the admin's switches for contacts that come from Sales Navigator.
pub async fn as_switched(nav: &NavDeps<'_>, options: Options) -> EngineResult<Options> {
    let plan = nav.deps.plan;
    let mut options = options;
    for system in systems(plan) {
        let lead =
            |id| plan.object(id).is_some_and(|object| object.system == system && object.name == "lead");
        // LinkedIn takes no leads in: what a sync with it writes, it writes in the CRM.
        let to_crm = plan.syncs.iter().enumerate().filter(|(_, sync)| {
            let (left, right) = (lead(sync.left), sync.arms.iter().any(|arm| lead(arm.right)));
            left && sync.direction.goes_right() || right && sync.direction.goes_left()
        });
        let ids: Vec<SyncId> =
            to_crm.filter_map(|(index, _)| u32::try_from(index).ok().map(SyncId)).collect();
        let name = plan.system(system).map_or("", |system| system.name.as_str());
        let link = NavLink::load(nav.deps.store, name)?.filter(NavLink::flows);
        let (Some(link), Some(Some(at))) = (link, nav.navigators.get(system.index())) else { continue };
        if ids.is_empty() {
            continue;
        }
        let admin = nav.admin(*at, &link.contract).await?;
        if !admin.create_contacts {
            options.no_creates.extend(&ids);
        }
        if !admin.update_contacts {
            options.no_updates.extend(&ids);
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
    let options = as_switched(nav, without_idle(deps, options)?).await?;
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
    // Where the admin's switch is off nobody waits for anything.
    let off = |item: &super::WritebackReport| item.held.get("writeback-off").copied().unwrap_or(0);
    let held: u64 = told.writebacks.iter().map(|item| item.held_in_all() - off(item)).sum();
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
