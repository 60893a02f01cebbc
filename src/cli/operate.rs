//! What `plan`, `apply` and `run` share: open accounts and state, drive the engine, translate how it ended.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use super::App;
use super::connections;
use super::error::CliError;
use super::project::Project;
use super::term::Term;
use crate::connect::navigator::Navigator;
use crate::connect::remote::Remote;
use crate::connect::timer::RealTimer;
use crate::connect::{Account, ReadOnly};
use crate::engine::linkedin::{self, LinkState, NavDeps, NavLink, cycle};
use crate::engine::report::RunReport;
use crate::engine::{self, Deps, EngineError, Options, Progress};
use crate::merge::ChangeSet;
use crate::plan::ir::{SyncId, SyncPlan};
use crate::schema::SystemKind;
use crate::state::{StateError, Store};
use crate::value::Millis;

/// What the engine is asked for.
pub enum Job<'j> {
    Plan,
    Run,
    Apply(&'j ChangeSet),
}

pub enum Done {
    Planned(Box<ChangeSet>),
    Ran(Box<RunReport>),
}

/// The named syncs as ids; an unknown name is a usage error with the nearest one.
pub fn syncs(plan: &SyncPlan, names: &[String]) -> Result<Vec<SyncId>, CliError> {
    let mut ids = Vec::new();
    for name in names {
        match plan.sync_named(name) {
            Some((id, _)) => ids.push(id),
            None => {
                let known = plan.syncs.iter().map(|sync| sync.name.as_str());
                let help = match crate::diag::suggest::nearest(name, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
                };
                return Err(CliError::usage(format!("there is no sync `{name}`"), help));
            }
        }
    }
    Ok(ids)
}

/// The names of the systems that the plan's objects stand in.
fn used_systems(plan: &SyncPlan) -> Vec<String> {
    let beside = plan.writebacks.iter().flat_map(|item| [item.from, item.to]);
    let beside: Vec<usize> = beside
        .chain(plan.crm_settings.iter().flat_map(|item| [item.system, item.crm]))
        .map(|system| system.index())
        .collect();
    let used = |index: usize| {
        beside.contains(&index) || plan.objects.iter().any(|object| object.system.index() == index)
    };
    let named = plan.systems.iter().enumerate().filter(|(index, _)| used(*index));
    named.map(|(_, system)| system.name.clone()).collect()
}

/// Runs the engine on the project's accounts and state.
pub fn drive(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    options: &Options,
    job: &Job<'_>,
) -> Result<Done, CliError> {
    tell_unassociated(app, plan, &options.syncs);
    match job {
        Job::Plan => engage_all(app, project, plan, Tier::Read, async |nav| {
            let everything = options.syncs.is_empty();
            let options = cycle::without_idle(nav.deps, options)?;
            let options = cycle::as_switched(nav, options).await?;
            let mut set = engine::plan(nav.deps, &options).await?;
            if everything {
                set.activities = nav.due().await?;
            }
            tell_pauses(app, nav.deps, &set);
            Ok(Done::Planned(Box::new(set)))
        }),
        Job::Run => engage_all(app, project, plan, Tier::Write, async |nav| {
            cycle::run(nav, options, "run", None).await.map(|report| Done::Ran(Box::new(report)))
        }),
        Job::Apply(set) => engage_all(app, project, plan, Tier::Write, async |nav| {
            cycle::run(nav, options, "apply", Some(set)).await.map(|report| Done::Ran(Box::new(report)))
        }),
    }
}

/// What a command may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Reads the CRMs, on a copy of the state that is thrown away.
    Read,
    /// Reads the CRMs and changes the state.
    Remember,
    /// Writes to the CRMs.
    Write,
}

/// Opens accounts and state, and hands them to `work`.
pub fn engage<T>(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    tier: Tier,
    work: impl AsyncFnOnce(&Deps<'_>) -> Result<T, EngineError>,
) -> Result<T, CliError> {
    engage_all(app, project, plan, tier, async |nav| work(nav.deps).await)
}

/// The same, with Sales Navigator's other face.
pub fn engage_all<T>(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    tier: Tier,
    work: impl AsyncFnOnce(&NavDeps<'_>) -> Result<T, EngineError>,
) -> Result<T, CliError> {
    if tier == Tier::Write {
        refuse_files(plan)?;
    }
    let path = project.state_file()?;
    let store = if tier == Tier::Read { Store::scratch(&path) } else { Store::open(&path) };
    let store = store.map_err(|error| state_failed(&error, &path))?;
    let idle = idle_navigators(app, plan, &store).map_err(|error| state_failed(&error, &path))?;
    let accounts = used_systems(plan)
        .into_iter()
        .filter(|name| !idle.contains(name))
        .map(|name| connections::open(project, &name).map(|account| (name, account)))
        .collect::<Result<BTreeMap<String, Account>, CliError>>()?;
    for (name, account) in &accounts {
        if let Some(account) = account.sales_navigator() {
            let link = NavLink::load(&store, name).map_err(|error| state_failed(&error, &path))?;
            account.choose(&link.unwrap_or_default().contract);
        }
    }
    let bars = Bars::new(app.term);
    let stop = Arc::new(AtomicBool::new(false));
    let done = connections::block_on(async {
        tokio::spawn(watch_signals(stop.clone()));
        let done = if tier == Tier::Write {
            let deps = deps(plan, &accounts, &store, &bars, &stop);
            work(&NavDeps::new(&deps, navigators(plan, &accounts))).await
        } else {
            let guarded: BTreeMap<String, ReadOnly<Account>> =
                accounts.into_iter().map(|(name, account)| (name, ReadOnly(account))).collect();
            let deps = deps(plan, &guarded, &store, &bars, &stop);
            work(&NavDeps::new(&deps, navigators(plan, &guarded))).await
        };
        done.map_err(|error| failed(plan, error, &path))
    });
    bars.clear();
    done
}

/// A folder of exports takes part in what only reads.
fn refuse_files(plan: &SyncPlan) -> Result<(), CliError> {
    let used = used_systems(plan);
    let files =
        plan.systems.iter().find(|system| system.kind == SystemKind::File && used.contains(&system.name));
    match files {
        None => Ok(()),
        Some(system) => Err(CliError::usage(
            format!(
                "`{}` is a folder of files, which are only read: nothing can be carried out with it",
                system.name
            ),
            "`twinmap plan`, `map` and `reconcile` show what would be written; connect the CRM itself to write",
        )),
    }
}

/// A change set that needs more calls than the account has left today pauses on its way: that is said before it begins.
fn tell_pauses(app: &App, deps: &Deps<'_>, set: &ChangeSet) {
    for (system, remote) in deps.plan.systems.iter().zip(&deps.remotes) {
        let needed = set.cost.get(&system.name).map_or(0, |cost| cost.calls);
        let Some(left) = remote.and_then(|remote| remote.left_today()).filter(|left| *left < needed) else {
            continue;
        };
        app.term.say(&format!(
            "note: {} needs about {needed} calls and has {left} left today before its reserve: the run will pause \
             (exit 8), and the next one goes on\n",
            system.name
        ));
    }
}

/// Deals alone are legal, and seldom what people want: said once a command.
fn tell_unassociated(app: &App, plan: &SyncPlan, chosen: &[SyncId]) {
    for (index, sync) in plan.syncs.iter().enumerate() {
        let asked = chosen.is_empty() || chosen.iter().any(|id| id.index() == index);
        let is_deal = |id| {
            plan.object(id).is_some_and(|object| ["deal", "Opportunity"].contains(&object.name.as_str()))
        };
        let deals = is_deal(sync.left) && sync.arms.iter().all(|arm| is_deal(arm.right));
        if asked && deals && sync.arms.iter().all(|arm| arm.associations.is_empty()) {
            app.term.say(&format!(
                "note: sync `{}` makes no associations: `associate` lines through syncs of companies and contacts would\n",
                sync.name
            ));
        }
    }
}

/// Sales Navigators that are not at work, each said with its next step.
fn idle_navigators(app: &App, plan: &SyncPlan, store: &Store) -> Result<Vec<String>, StateError> {
    let mut idle = Vec::new();
    for system in linkedin::systems(plan) {
        let Some(name) = plan.system(system).map(|system| system.name.as_str()) else { continue };
        if linkedin::crm_of(plan, system).is_none() {
            continue;
        }
        let link = NavLink::load(store, name)?.unwrap_or_default();
        if link.flows() {
            continue;
        }
        let next = match link.state {
            LinkState::Connected if link.paused => format!("twinmap resume {name}"),
            LinkState::Connected => format!("twinmap start {name}"),
            _ => format!("twinmap connect {name}"),
        };
        let words = link.words(Millis(jiff::Timestamp::now().as_millisecond()));
        app.term.err(&format!("note: {name} is {words}; its part is left out (`{next}`)\n"));
        idle.push(name.to_owned());
    }
    Ok(idle)
}

fn navigators<'d, R: Navigator>(
    plan: &SyncPlan,
    accounts: &'d BTreeMap<String, R>,
) -> Vec<Option<&'d dyn Navigator>> {
    let one = |system: &crate::plan::ir::System| {
        let account = accounts.get(&system.name).filter(|_| system.kind == SystemKind::Salesnav);
        account.map(|account| account as &dyn Navigator)
    };
    plan.systems.iter().map(one).collect()
}

fn deps<'d, R: Remote>(
    plan: &'d SyncPlan,
    accounts: &'d BTreeMap<String, R>,
    store: &'d Store,
    progress: &'d Bars,
    stop: &'d AtomicBool,
) -> Deps<'d> {
    Deps {
        plan,
        remotes: plan
            .systems
            .iter()
            .map(|system| accounts.get(&system.name).map(|account| account as &dyn Remote))
            .collect(),
        store,
        timer: &progress.timer,
        progress,
        stop,
    }
}

/// The first signal lets the batch in flight finish, the second ends the process.
async fn watch_signals(stop: Arc<AtomicBool>) {
    loop {
        let interrupted = tokio::signal::ctrl_c();
        #[cfg(unix)]
        {
            let Ok(mut terminated) =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            else {
                return;
            };
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = interrupted.await;
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    }
}

pub fn state_failed(error: &StateError, path: &Path) -> CliError {
    let message = error.to_string();
    let shown = path.display();
    match error {
        StateError::Locked(_) => CliError::Locked {
            message,
            help: Some("wait for it to end, or end that process; nothing was written".to_owned()),
        },
        StateError::NotWritable { .. } => CliError::State {
            message,
            help: Some(format!("make {shown} and its folder writable for this user")),
        },
        StateError::Full => CliError::State {
            message,
            help: Some("free some space on that disk and run again: it goes on from here".to_owned()),
        },
        StateError::Damaged(_) => CliError::State {
            message,
            help: Some(format!(
                "restore {shown} from a backup, or move it away: the next run then links records again by their \
                 external ids"
            )),
        },
        StateError::Format(_) => CliError::State {
            message,
            help: Some("use the twinmap version that wrote it, or a newer one".to_owned()),
        },
        StateError::Other(_) => CliError::State { message, help: None },
    }
}

pub fn failed(plan: &SyncPlan, error: EngineError, path: &Path) -> CliError {
    match error {
        EngineError::Remote(error) => {
            let kind = plan.systems.iter().find(|system| system.name == error.system);
            connections::failed(kind.map_or(SystemKind::File, |system| system.kind), error)
        }
        EngineError::State(error) => state_failed(&error, path),
        EngineError::Frame(message) => CliError::Stale {
            message,
            help: Some("make a new change set with `twinmap plan -o FILE` and look at it again".to_owned()),
        },
        EngineError::Stopped { reasons, hash } => CliError::Guard {
            message: format!("stopped before any write: {}", reasons.join("; ")),
            help: Some(format!(
                "look at `twinmap plan`; when it is right, run again with `--approve {hash}`, or widen `guard:`"
            )),
        },
        EngineError::Unsupported(message) => {
            CliError::usage(message, "ask on the HubSpot side, or leave the condition out")
        }
        EngineError::Missing(message) => CliError::Remote {
            message,
            help: Some("check the id, and what the integration user may see".to_owned()),
        },
        EngineError::Interrupted => CliError::Interrupted,
        EngineError::Plan(message) => CliError::Bug(message),
    }
}

/// Progress bars on a terminal; nothing elsewhere.
struct Bars {
    term: Term,
    timer: RealTimer,
    current: RefCell<ProgressBar>,
}

impl Bars {
    fn new(term: Term) -> Self {
        Bars { term, timer: RealTimer::new(), current: RefCell::new(ProgressBar::hidden()) }
    }

    fn clear(&self) {
        self.current.borrow().finish_and_clear();
    }
}

impl Progress for Bars {
    fn stage(&self, what: &str, steps: u64) {
        self.clear();
        *self.current.borrow_mut() = self.term.bar(steps, what);
    }

    fn step(&self, steps: u64) {
        self.current.borrow().inc(steps);
    }
}
