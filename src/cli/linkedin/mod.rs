//! The commands of Sales Navigator: connecting, starting, matching by hand, what became of activities.

pub mod attribution;
pub mod connect;
pub mod doctor;
pub mod matches;
pub mod reset;
pub mod start;
pub mod uninstall;
pub mod unresolved;
pub mod writeback;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::cli::App;
use crate::cli::connections;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::load;
use crate::cli::operate::state_failed;
use crate::cli::project::Project;
use crate::connect::Account;
use crate::connect::remote::{CallError, Remote};
use crate::connect::salesnav::SalesNav;
use crate::connect::timer::RealTimer;
use crate::diag::suggest::nearest;
use crate::engine::linkedin::{self, Bridge, NavDeps, NavLink};
use crate::engine::{Deps, EngineError, Silent};
use crate::plan::ir::{SyncPlan, SystemId};
use crate::schema::SystemKind;
use crate::state::{StateError, Store};
use crate::value::Millis;

/// A Sales Navigator, the CRM that it is joined with, and what is remembered of the two.
pub struct Desk {
    pub project: Project,
    pub plan: SyncPlan,
    pub store: Store,
    pub path: PathBuf,
    pub system: SystemId,
    pub name: String,
    pub crm: SystemId,
    pub crm_name: String,
    pub kind: SystemKind,
    pub link: NavLink,
}

/// Whether a command changes the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Look,
    Change,
}

impl Desk {
    /// Opens the project's Sales Navigator: the named one, or the only one.
    pub fn open(app: &App, name: Option<&str>, access: Access) -> Result<Result<Desk, Exit>, CliError> {
        let project = app.project()?;
        let plan = match load::plan(app, &project)? {
            Ok((plan, _)) => plan,
            Err(exit) => return Ok(Err(exit)),
        };
        let joined: Vec<(SystemId, SystemId)> = linkedin::systems(&plan)
            .into_iter()
            .filter_map(|system| Some((system, linkedin::crm_of(&plan, system)?)))
            .collect();
        let name_of = |id: SystemId| plan.system(id).map_or("", |system| system.name.as_str());
        let (system, crm) = match (name, joined.as_slice()) {
            (_, []) => {
                return Err(CliError::usage(
                    "no mapping of this project names a Sales Navigator",
                    "add `[connections.salesnav]` with `kind = \"salesnav\"`, and a sync, writeback or crm_settings",
                ));
            }
            (None, [one]) => *one,
            (None, many) => {
                let names: Vec<&str> = many.iter().map(|(system, _)| name_of(*system)).collect();
                return Err(CliError::usage(
                    "the project has several Sales Navigators",
                    format!("say which: {}", names.join(", ")),
                ));
            }
            (Some(name), all) => {
                let known = all.iter().find(|(system, _)| name_of(*system) == name);
                *known.ok_or_else(|| {
                    let near = nearest(name, all.iter().map(|(system, _)| name_of(*system)));
                    let help = near
                        .map_or("see `twinmap status`".to_owned(), |near| format!("did you mean `{near}`?"));
                    CliError::usage(format!("`{name}` is no Sales Navigator of the mappings"), help)
                })?
            }
        };
        let path = project.state_file()?;
        let store = match access {
            Access::Look => Store::scratch(&path),
            Access::Change => Store::open(&path),
        };
        let store = store.map_err(|error| state_failed(&error, &path))?;
        let name = name_of(system).to_owned();
        let crm_name = name_of(crm).to_owned();
        let kind = plan.system(crm).map_or(SystemKind::File, |system| system.kind);
        let link = NavLink::load(&store, &name).map_err(|error| state_failed(&error, &path))?;
        let link = link.unwrap_or_default();
        Ok(Ok(Desk { project, plan, store, path, system, name, crm, crm_name, kind, link }))
    }

    pub fn navigator(&self) -> Result<Account, CliError> {
        let account = connections::open(&self.project, &self.name)?;
        if let Some(account) = account.sales_navigator() {
            account.choose(&self.link.contract);
        }
        Ok(account)
    }

    pub fn crm_account(&self) -> Result<Account, CliError> {
        connections::open(&self.project, &self.crm_name)
    }

    pub fn state(&self, error: StateError) -> CliError {
        state_failed(&error, &self.path)
    }

    /// A failure of either account.
    pub fn failed(&self, error: CallError) -> CliError {
        let kind = if error.system == self.name { SystemKind::Salesnav } else { self.kind };
        connections::failed(kind, error)
    }

    pub fn engine(&self, error: EngineError) -> CliError {
        crate::cli::operate::failed(&self.plan, error, &self.path)
    }

    /// Hands the engine the Sales Navigator with its CRM, for work beside a run.
    pub fn bridged<T>(
        &self,
        work: impl AsyncFnOnce(&NavDeps<'_>, &Bridge<'_>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let (account, crm) = (self.navigator()?, self.crm_account()?);
        let mut remotes: Vec<Option<&dyn Remote>> = vec![None; self.plan.systems.len()];
        if let Some(slot) = remotes.get_mut(self.crm.index()) {
            *slot = Some(&crm);
        }
        let (timer, stop) = (RealTimer::new(), AtomicBool::new(false));
        let (plan, store) = (&self.plan, &self.store);
        let deps = Deps { plan, remotes, store, timer: &timer, progress: &Silent, stop: &stop };
        let bridge = Bridge {
            nav: face(&account)?,
            system: self.system,
            name: &self.name,
            crm: self.crm,
            crm_name: &self.crm_name,
            kind: self.kind,
            remote: &crm,
            account: self.link.crm_account.clone(),
            link: self.link.clone(),
        };
        connections::block_on(work(&NavDeps::new(&deps, Vec::new()), &bridge))
    }

    /// Refuses while there is no live connection.
    pub fn live(&self) -> Result<(), CliError> {
        if self.link.is_live() {
            return Ok(());
        }
        Err(CliError::usage(
            format!("`{}` is {}", self.name, self.link.words(now())),
            format!("connect first: `twinmap connect {}`", self.name),
        ))
    }
}

pub fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

/// The Sales Navigator behind an opened account.
pub fn face(account: &Account) -> Result<&SalesNav, CliError> {
    account.sales_navigator().ok_or_else(|| CliError::Bug("a Sales Navigator was opened".to_owned()))
}

/// A secret of a handshake: nobody guesses it.
pub fn nonce() -> String {
    use crate::connect::timer::Timer as _;
    let timer = RealTimer::new();
    format!("{:016x}{:016x}", timer.random(), timer.random())
}

/// Asks for the phrase that a destructive command needs, or takes it from the flag.
pub fn confirmed(app: &App, given: Option<&str>, phrase: &str, what: &str) -> Result<(), CliError> {
    let typed = match given {
        Some(given) => given.to_owned(),
        None => app.term.ask(&format!("{what} Type `{phrase}` to go on: ")).unwrap_or_default(),
    };
    if typed.trim() == phrase {
        return Ok(());
    }
    Err(CliError::usage(
        "nothing was done: the confirmation is missing or wrong",
        format!("type it when asked, or give `--confirm \"{phrase}\"`"),
    ))
}
