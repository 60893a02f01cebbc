//! `twinmap status`: what the state knows: links, what is due, held or undecided, the last runs. Offline.

use serde::Serialize;

use super::App;
use super::error::CliResult;
use super::exit::Exit;
use super::load;
use super::operate::state_failed;
use super::output::{Format, print};
use crate::engine::linkedin::{self, LinkState, NavLink};
use crate::plan::ir::SyncPlan;
use crate::report::count;
use crate::state::{StateResult, Store};
use crate::value::Millis;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap status\n  twinmap status --decisions\n  twinmap status --format json | jq '.syncs[].links'"
)]
pub struct Args {
    /// Also what people decided about Sales Navigator connections: who accepted, started, paused, matched, and when
    #[arg(long)]
    decisions: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Default, Serialize)]
struct Status {
    format_version: &'static str,
    env: String,
    syncs: Vec<SyncStatus>,
    /// Sales Navigators of the program and how far their connection is.
    linkedin: Vec<NavStatus>,
    /// Records that wait to be looked at by the next run.
    due: u64,
    /// Requests whose outcome is not known; the next run finds out.
    unsettled: usize,
    held: usize,
    runs: Vec<RunStatus>,
    /// Oldest first; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Vec<Decision>>,
}

#[derive(Debug, Serialize)]
struct Decision {
    at: String,
    /// `accept`, `start`, `pause`, `resume`, `match`, `reset`, `uninstall`, `writeback test`.
    what: String,
    detail: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct SyncStatus {
    name: String,
    links: u64,
    /// Whether it has run.
    active: bool,
}

#[derive(Debug, Serialize)]
struct NavStatus {
    system: String,
    crm: String,
    state: LinkState,
    words: String,
    environment: String,
    last_sync: Option<String>,
    /// `two-way` once activities flow back, `one-way` before.
    direction: &'static str,
    /// `on`, `off`.
    writeback: &'static str,
    /// Admin settings that stand at their defaults and were never looked at.
    not_reviewed: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RunStatus {
    run: String,
    kind: String,
    started: String,
    ended: Option<String>,
    outcome: String,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let names: Vec<&str> = plan.syncs.iter().map(|sync| sync.name.as_str()).collect();
    let store = Store::open_reading(&path).map_err(failed)?;
    let mut status = match &store {
        Some(store) => gather(store, &names).map_err(failed)?,
        None => Status {
            syncs: names
                .iter()
                .map(|name| SyncStatus { name: (*name).to_owned(), links: 0, active: false })
                .collect(),
            ..Status::default()
        },
    };
    if let Some(store) = &store {
        status.linkedin = navigators(&plan, store).map_err(failed)?;
        if args.decisions {
            status.decisions = Some(decisions(store).map_err(failed)?);
        }
    }
    status.format_version = "1";
    status.env.clone_from(&project.env);
    print(app, args.format, &status, text);
    Ok(Exit::Ok)
}

fn navigators(plan: &SyncPlan, store: &Store) -> StateResult<Vec<NavStatus>> {
    let mut all = Vec::new();
    for system in linkedin::systems(plan) {
        let name = |id| plan.system(id).map_or(String::new(), |system| system.name.clone());
        let Some(crm) = linkedin::crm_of(plan, system) else { continue };
        let link = NavLink::load(store, &name(system))?.unwrap_or_default();
        let now = Millis(jiff::Timestamp::now().as_millisecond());
        let has = plan.writebacks.iter().any(|item| item.from == system);
        let on = has && link.writeback && link.flows();
        all.push(NavStatus {
            system: name(system),
            crm: name(crm),
            state: link.state,
            words: link.words(now),
            environment: link.contract_name.clone(),
            last_sync: link.last_sync.map(|at| at.to_string()),
            direction: if on { "two-way" } else { "one-way" },
            writeback: if on { "on" } else { "off" },
            not_reviewed: link.not_reviewed.clone(),
        });
    }
    Ok(all)
}

fn decisions(store: &Store) -> StateResult<Vec<Decision>> {
    let all = store.nav_audits()?.into_iter();
    Ok(all.map(|(at, what, detail)| Decision { at: at.to_string(), what, detail }).collect())
}

fn gather(store: &Store, names: &[&str]) -> StateResult<Status> {
    let mut syncs = Vec::new();
    for name in names {
        syncs.push(SyncStatus {
            name: (*name).to_owned(),
            links: store.live_links(name)?,
            active: store.meta(&format!("activated:{name}"))?.is_some(),
        });
    }
    let runs = store.runs(5)?.into_iter().map(|run| RunStatus {
        run: run.id,
        kind: run.kind,
        started: run.started.to_string(),
        ended: run.ended.map(|at| at.to_string()),
        outcome: run.outcome,
    });
    Ok(Status {
        syncs,
        due: store.inbox_size()?,
        unsettled: store.open_intents()?.len(),
        held: store.holds()?.len(),
        runs: runs.collect(),
        ..Status::default()
    })
}

fn text(status: &Status) -> String {
    let mut out = format!("environment {}\n", status.env);
    for sync in &status.syncs {
        let state = if sync.active { count(sync.links, "link") } else { "has not run yet".to_owned() };
        out.push_str(&format!("  sync {:<20} {state}\n", sync.name));
    }
    for nav in &status.linkedin {
        let last = nav.last_sync.as_deref().unwrap_or("never");
        out.push_str(&format!("  {}: {} (with {}; last sync {last})\n", nav.system, nav.words, nav.crm));
        out.push_str(&format!("    {}; writeback: {}\n", nav.direction, nav.writeback));
        if !nav.not_reviewed.is_empty() {
            out.push_str(&format!("    settings not reviewed: {}\n", nav.not_reviewed.join(", ")));
        }
    }
    out.push_str(&format!(
        "  {} due, {} held, {} without a known outcome\n",
        count(status.due, "record"),
        count(status.held as u64, "field"),
        count(status.unsettled as u64, "request")
    ));
    for run in &status.runs {
        let ended = run.ended.as_deref().unwrap_or("-");
        out.push_str(&format!(
            "  {} {:<6} {:<12} {} .. {ended}\n",
            run.run, run.kind, run.outcome, run.started
        ));
    }
    for decision in status.decisions.iter().flatten() {
        out.push_str(&format!("  {} {}{}\n", decision.at, decision.what, words(&decision.detail)));
    }
    if status.decisions.as_ref().is_some_and(Vec::is_empty) {
        out.push_str("  nothing was decided yet\n");
    }
    out
}

/// `, system salesnav, by Ana Costa`: what belongs to a decision, as far as it is short.
fn words(detail: &serde_json::Value) -> String {
    let parts = detail.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => return None,
            other => other.to_string(),
        };
        Some(format!(", {} {}", name.replace('_', " "), crate::report::clean(&value, 60)))
    });
    parts.collect()
}
