//! The part of `twinmap doctor` about Sales Navigator: LinkedIn's prerequisites, each by name, and what needs partners.

use super::{face, now};
use crate::cli::App;
use crate::cli::connections::{self, block_on};
use crate::cli::doctor::{Mark, Sheet};
use crate::cli::error::CliError;
use crate::cli::operate::state_failed;
use crate::cli::project::Project;
use crate::connect::salesnav::api;
use crate::engine::linkedin::preflight::{Grade, Subject, checks};
use crate::engine::linkedin::{self, NavLink};
use crate::plan::ir::{SyncPlan, SystemId};
use crate::schema::SystemKind;
use crate::state::Store;

/// True when something fails.
pub fn look(
    app: &App,
    project: &Project,
    plan: Option<&SyncPlan>,
    asked: &[String],
) -> Result<bool, CliError> {
    let Some(plan) = plan else { return Ok(false) };
    let mut failed = false;
    for system in linkedin::systems(plan) {
        let Some(name) = plan.system(system).map(|system| system.name.clone()) else { continue };
        if !asked.is_empty() && !asked.contains(&name) {
            continue;
        }
        let mut sheet = Sheet::default();
        if let Err(error) = one(project, plan, system, &name, &mut sheet) {
            sheet.error(&error);
        }
        app.term.out(&format!("{name}\n{}", sheet.text));
        failed |= sheet.failed;
    }
    Ok(failed)
}

fn one(
    project: &Project,
    plan: &SyncPlan,
    system: SystemId,
    name: &str,
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let Some(crm) = linkedin::crm_of(plan, system) else {
        sheet.line(Mark::Warn, "no mapping joins it with a CRM", "");
        return Ok(());
    };
    let path = project.state_file()?;
    let store = Store::open_reading(&path).map_err(|error| state_failed(&error, &path))?;
    let link = match &store {
        Some(store) => NavLink::load(store, name).map_err(|error| state_failed(&error, &path))?,
        None => None,
    }
    .unwrap_or_default();
    let kind = plan.system(crm).map_or(SystemKind::File, |system| system.kind);
    let crm_name = plan.system(crm).map_or("", |system| system.name.as_str());
    let account = connections::open(project, name)?;
    let nav = face(&account)?;
    nav.choose(&link.contract);
    if !nav.is_sandbox() {
        sheet.line(
            Mark::Warn,
            "LinkedIn has no public API for connecting, lists and writeback; contracts, exports and matches need its \
             partner programme",
            "use the sandbox (`twinmap sandbox`) to try mappings; see docs/CONNECTORS.md",
        );
    }
    let crm_account = connections::open(project, crm_name)?;
    let failed = |kind| move |error| connections::failed(kind, error);
    block_on(async {
        let facts = crm_account.facts().await.map_err(failed(kind))?;
        let contracts = api::contracts(nav).await.map_err(failed(SystemKind::Salesnav))?;
        let contract = contracts.iter().find(|contract| contract.contract == link.contract);
        let seats = match link.is_live() {
            true => Some(api::seats(nav, &link.contract).await.map_err(failed(SystemKind::Salesnav))?),
            false => None,
        };
        let subject = Subject {
            kind,
            facts: &facts,
            contract,
            seats: seats.as_deref(),
            writeback: plan.writebacks.iter().any(|item| item.from == system),
            parity: connections::find(project, name)?.parity.unwrap_or(false),
        };
        for check in checks(&subject) {
            let mark = match check.grade {
                Grade::Ok => Mark::Ok,
                Grade::Warn => Mark::Warn,
                Grade::Fail => Mark::Fail,
            };
            sheet.line(mark, &format!("{}: {}", check.name, check.what), &check.fix);
        }
        let mark = if link.flows() { Mark::Ok } else { Mark::Warn };
        let fix = match link.is_live() {
            true if link.paused => format!("twinmap resume {name}"),
            true if !link.started => format!("twinmap start {name}"),
            true => String::new(),
            false => format!("twinmap connect {name}"),
        };
        sheet.line(mark, &format!("connection: {}", link.words(now())), &fix);
        Ok(())
    })
}
