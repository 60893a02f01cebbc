//! Sales Navigator beside the merge of records: who is whom, lists, activities written back to the CRM.
//!
//! [`before`] a run of the syncs LinkedIn is told whom the CRM knows, and says whom it takes them for; [`after`] it,
//! lists are filled and activities are written back. Nothing of it happens before the connection was accepted and
//! started. Activities are events: written once by their id, never merged.

mod activity;
mod attach;
pub mod attribution;
pub mod connection;
pub mod cycle;
mod decide;
mod directory;
mod lists;
pub mod preflight;
mod probe;
mod report;
pub(in crate::engine) mod settle;
pub(in crate::engine) mod undo;
pub mod writeback;

pub use connection::{LinkState, NavLink};
pub use directory::as_match;
pub use probe::{Probe, Probed};
pub use report::{ListReport, MatchReport, NavReport, WritebackReport};

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::error::{EngineError, EngineResult};
use super::session::Deps;
use crate::connect::navigator::Navigator;
use crate::connect::remote::{Remote, Reply, Request};
use crate::connect::salesnav::api::{self, AdminSettings};
use crate::merge::change::Activities;
use crate::plan::ir::{SyncPlan, SystemId};
use crate::schema::SystemKind;

/// What the LinkedIn part is given beyond the rest.
pub struct NavDeps<'d> {
    pub deps: &'d Deps<'d>,
    /// In the order of the plan's systems; `None` = no Sales Navigator, or not connected.
    pub navigators: Vec<Option<&'d dyn Navigator>>,
    /// The admin's switches by contract, as they stood when the run first asked.
    admin: RefCell<BTreeMap<String, AdminSettings>>,
}

/// A Sales Navigator that is at work, with the CRM that it is joined with.
pub struct Bridge<'d> {
    pub nav: &'d dyn Navigator,
    pub system: SystemId,
    pub name: &'d str,
    pub crm: SystemId,
    pub crm_name: &'d str,
    pub kind: SystemKind,
    pub remote: &'d dyn Remote,
    /// The CRM's account, as LinkedIn knows it.
    pub account: String,
    pub link: NavLink,
}

/// The CRM that a Sales Navigator of the plan is joined with: what its syncs, writebacks and settings name.
pub fn crm_of(plan: &SyncPlan, system: SystemId) -> Option<SystemId> {
    let object = |id| plan.object(id).map(|object: &crate::plan::ir::Object| object.system);
    let syncs = plan.syncs.iter().flat_map(|sync| sync.arms.iter().map(move |arm| (sync.left, arm.right)));
    let joined = syncs.filter_map(|(left, right)| Some((object(left)?, object(right)?)));
    let mut all = joined
        .filter_map(|(left, right)| match (left == system, right == system) {
            (true, false) => Some(right),
            (false, true) => Some(left),
            _ => None,
        })
        .chain(plan.writebacks.iter().filter(|item| item.from == system).map(|item| item.to))
        .chain(plan.crm_settings.iter().filter(|item| item.system == system).map(|item| item.crm));
    all.next()
}

/// The Sales Navigators of a plan.
pub fn systems(plan: &SyncPlan) -> Vec<SystemId> {
    let all = plan.systems.iter().enumerate();
    all.filter(|(_, system)| system.kind == SystemKind::Salesnav)
        .filter_map(|(index, _)| u32::try_from(index).ok().map(SystemId))
        .collect()
}

impl<'d> NavDeps<'d> {
    pub fn new(deps: &'d Deps<'d>, navigators: Vec<Option<&'d dyn Navigator>>) -> NavDeps<'d> {
        NavDeps { deps, navigators, admin: RefCell::default() }
    }

    /// What the next run would do about activities, for a change set. On a copy of the state.
    pub async fn due(&self) -> EngineResult<Vec<Activities>> {
        let plan = self.deps.plan;
        let system = |name: &str| {
            let item = plan.writebacks.iter().find(|item| item.name == name);
            item.and_then(|item| plan.system(item.to)).map_or(String::new(), |system| system.name.clone())
        };
        let reports = self.preview().await?.into_iter();
        let activities = reports.map(|report| Activities {
            system: system(&report.name),
            writeback: report.name,
            due: report.due,
            attach: report.attached_now,
            written: report.written,
            skipped: report.skipped,
            held: report.held,
        });
        Ok(activities.collect())
    }

    /// The admin's switches. One run obeys one state of them, and asks once.
    pub(super) async fn admin(&self, nav: &dyn Navigator, contract: &str) -> EngineResult<AdminSettings> {
        if let Some(known) = self.admin.borrow().get(contract) {
            return Ok(known.clone());
        }
        let told = api::settings(nav, contract).await?;
        self.admin.borrow_mut().insert(contract.to_owned(), told.clone());
        Ok(told)
    }

    /// Sales Navigators that are connected, started and not paused.
    pub async fn bridges(&self) -> EngineResult<Vec<Bridge<'d>>> {
        let plan = self.deps.plan;
        let mut all = Vec::new();
        for system in systems(plan) {
            let Some(name) = plan.system(system).map(|found| found.name.as_str()) else { continue };
            let Some(link) = NavLink::load(self.deps.store, name)? else { continue };
            if !link.flows() {
                continue;
            }
            let (Some(Some(nav)), Some(crm)) = (self.navigators.get(system.index()), crm_of(plan, system))
            else {
                continue;
            };
            let crm_system = plan.system(crm);
            let crm_name = crm_system.map_or("?", |found| found.name.as_str());
            let remote = self.deps.remotes.get(crm.index()).copied().flatten();
            let remote =
                remote.ok_or_else(|| EngineError::Plan(format!("there is no connection to `{crm_name}`")))?;
            let Reply::Identity(who) = remote.call(Request::Identity).await? else { continue };
            if !link.crm_account.is_empty() && link.crm_account != who.account {
                return Err(EngineError::Frame(format!(
                    "`{name}` is connected to account {} of `{crm_name}`, and this is account {}",
                    link.crm_account, who.account
                )));
            }
            all.push(Bridge {
                nav: *nav,
                system,
                name,
                crm,
                crm_name,
                kind: crm_system.map_or(SystemKind::File, |found| found.kind),
                remote,
                account: who.account,
                link,
            });
        }
        Ok(all)
    }
}

impl Bridge<'_> {
    /// LinkedIn's word for the CRM. That of HubSpot is not published.
    pub fn partner(&self) -> &'static str {
        partner(self.kind)
    }
}

pub fn partner(kind: SystemKind) -> &'static str {
    if kind == SystemKind::Hubspot { "HUBSPOT" } else { "SFDC" }
}

/// LinkedIn's name of a CRM account.
pub fn instance_urn(kind: SystemKind, account: &str) -> String {
    format!("urn:li:crmInstance:({},{account})", partner(kind))
}

/// Tells LinkedIn whom the CRM knows, and learns whom it takes them for.
pub async fn before(nav: &NavDeps<'_>, report: &mut NavReport) -> EngineResult<()> {
    for bridge in nav.bridges().await? {
        nav.deps.progress.stage("matching with LinkedIn", 0);
        let told = nav.publish(&bridge).await;
        let matches = nav.noted(&bridge, told)?;
        report.matches.insert(bridge.name.to_owned(), matches);
    }
    Ok(())
}

/// Fills lists and writes activities back.
pub async fn after(nav: &NavDeps<'_>, run: &str, report: &mut NavReport) -> EngineResult<()> {
    for bridge in nav.bridges().await? {
        let lists = nav.fill_lists(&bridge).await;
        report.lists.extend(nav.noted(&bridge, lists)?);
        for (index, item) in nav.deps.plan.writebacks.iter().enumerate() {
            if item.from == bridge.system {
                let done = nav.write_back(&bridge, item, index, run).await;
                report.writebacks.push(nav.noted(&bridge, done)?);
            }
        }
        let synced = nav.mark_synced(&bridge).await;
        nav.noted(&bridge, synced)?;
    }
    Ok(())
}
