//! `twinmap links`: which records are known to be the same thing, and how a person corrects that.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Done, Job, Tier, drive, engage, state_failed, syncs};
use super::output::{Format, print};
use super::project::Project;
use super::target::Target;
use super::{App, load};
use crate::connect::timer::{RealTimer, Timer as _};
use crate::engine::Options;
use crate::engine::adopt::{Adopted, adopt};
use crate::merge::change::{Skip, json};
use crate::plan::ir::SyncPlan;
use crate::record::RecordId;
use crate::report::{clean, count};
use crate::state::{Bases, Link, LinkState, StateResult, Store};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap links ls contacts\n  twinmap links show hubspot:512\n  twinmap links ambiguous\n  \
    twinmap links relink companies 512 0015g00000XyZAAA\n  twinmap links unlink hubspot.company:512\n  \
    twinmap links adopt && twinmap plan\n\n\
    Nothing is written to the CRMs. `adopt` takes over the pairs that the vendors' own integration left in\n\
    salesforceaccountid, salesforcecontactid, salesforceleadid and hs_salesforceopportunityid."
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the links of all syncs, or of one
    Ls {
        /// Of this sync only
        sync: Option<String>,
        /// Also those that are closed
        #[arg(long)]
        all: bool,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// The links of a record and of what it is linked with, with the values that both sides agreed on
    Show {
        /// SYSTEM:ID or SYSTEM.OBJECT:ID
        record: String,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// Records that could not be paired without guessing (reads the CRMs)
    Ambiguous {
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// Say which two records are a pair; links that they had are dropped
    Relink {
        sync: String,
        /// Id of the record on the left
        left: String,
        /// Id of the record on the right
        right: String,
        /// Object on the right, where the sync has several
        #[arg(long, value_name = "OBJECT")]
        object: Option<String>,
    },
    /// Keep a pair from being synced, and from being made again
    Unlink {
        /// SYSTEM:ID or SYSTEM.OBJECT:ID
        record: String,
        /// Of this sync only
        #[arg(long, value_name = "SYNC")]
        sync: Option<String>,
    },
    /// Take over the pairs of the vendors' own integration (reads the CRMs)
    Adopt {
        /// Syncs (all when none is named)
        syncs: Vec<String>,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    sync: String,
    left: String,
    right_object: String,
    right: String,
    state: &'static str,
    reason: String,
    run: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bases: Option<Json>,
}

#[derive(Debug, Serialize)]
struct List {
    format_version: &'static str,
    links: Vec<Shown>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    match &args.action {
        Action::Ls { sync, all, format } => list(app, &project, &plan, sync.as_deref(), *all, *format),
        Action::Show { record, format } => show(app, &project, &plan, record, *format),
        Action::Ambiguous { format } => ambiguous(app, &project, &plan, *format),
        Action::Relink { sync, left, right, object } => {
            relink(app, &project, &plan, (sync, left, right), object.as_deref())
        }
        Action::Unlink { record, sync } => unlink(app, &project, &plan, record, sync.as_deref()),
        Action::Adopt { syncs: names, format } => {
            let options = Options { syncs: syncs(&plan, names)?, ..Options::default() };
            let done =
                engage(app, &project, &plan, Tier::Remember, async |deps| adopt(deps, &options).await)?;
            let clean = done.iter().all(|one| one.conflicts.is_empty());
            print(app, *format, &serde_json::json!({ "format_version": "1", "syncs": done }), |_| {
                adopted(&done)
            });
            Ok(if clean { Exit::Ok } else { Exit::Partial })
        }
    }
}

fn shown(link: &Link, with_bases: bool) -> Shown {
    let bases = with_bases.then(|| {
        let pair = |(row, (left, right)): (&String, &(_, _))| {
            (row.clone(), Json::Array(vec![json(left), json(right)]))
        };
        Json::Object(link.bases.rows.iter().map(pair).collect())
    });
    Shown {
        sync: link.sync.clone(),
        left: link.left.clone(),
        right_object: link.arm.clone(),
        right: link.right.clone(),
        state: link.state.word(),
        reason: link.reason.clone(),
        run: link.run.clone(),
        at: link.at.to_string(),
        bases,
    }
}

fn list(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    sync: Option<&str>,
    all: bool,
    format: Format,
) -> CliResult {
    let names: Vec<String> = sync.map(str::to_owned).into_iter().collect();
    let chosen = syncs(plan, &names)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let mut links = Vec::new();
    if let Some(store) = Store::open_reading(&path).map_err(failed)? {
        for (index, sync) in plan.syncs.iter().enumerate() {
            if chosen.is_empty() || chosen.iter().any(|id| id.index() == index) {
                let own = store.links(&sync.name).map_err(failed)?;
                links.extend(
                    own.iter()
                        .filter(|link| all || link.state == LinkState::Live)
                        .map(|link| shown(link, false)),
                );
            }
        }
    }
    print(app, format, &List { format_version: "1", links }, links_text);
    Ok(Exit::Ok)
}

fn links_text(list: &List) -> String {
    if list.links.is_empty() {
        return "no links\n".to_owned();
    }
    let mut out = String::new();
    for link in &list.links {
        let state = if link.state == "live" { String::new() } else { format!("  [{}]", link.state) };
        let _ = writeln!(
            out,
            "{:<14} {:<14} = {} {}{state}  {}",
            link.sync, link.left, link.right_object, link.right, link.reason
        );
        if let Some(Json::Object(rows)) = &link.bases {
            for (row, pair) in rows {
                let row = row.split_once(':').map_or(row.as_str(), |(_, row)| row);
                let _ = writeln!(out, "    {row:<40} {}", clean(&pair.to_string(), 100));
            }
        }
    }
    out
}

/// The links that a named record takes part in.
fn links_of(store: &Store, plan: &SyncPlan, target: &Target) -> StateResult<Vec<Link>> {
    let mut found = Vec::new();
    for link in store.links_with(target.id.as_str())? {
        let Some((_, sync)) = plan.sync_named(&link.sync) else { continue };
        let right = sync.arms.iter().map(|arm| arm.right);
        let right =
            right.into_iter().find(|right| plan.object(*right).is_some_and(|right| right.name == link.arm));
        let is = |object, id: &str| {
            id == target.id.as_str()
                && target.object.is_none_or(|wanted| wanted == object)
                && plan.object(object).is_some_and(|found| found.system == target.system)
        };
        if is(sync.left, &link.left) || right.is_some_and(|right| is(right, &link.right)) {
            found.push(link);
        }
    }
    Ok(found)
}

/// The links of everything that a record is linked with, directly or through another CRM.
fn links_of_thing(store: &Store, plan: &SyncPlan, target: &Target) -> StateResult<Vec<Link>> {
    let mut all = links_of(store, plan, target)?;
    let mut next = 0;
    while let Some(link) = all.get(next).cloned() {
        next += 1;
        let Some((_, sync)) = plan.sync_named(&link.sync).filter(|_| link.state == LinkState::Live) else {
            continue;
        };
        let named = |object: &crate::plan::ir::ObjectId| {
            plan.object(*object).is_some_and(|found| found.name == link.arm)
        };
        let right = sync.arms.iter().map(|arm| arm.right).find(named);
        for (object, id) in [(Some(sync.left), &link.left), (right, &link.right)] {
            let system = object.and_then(|object| plan.object(object)).map(|object| object.system);
            let Some(system) = system else { continue };
            let end = Target { system, object, id: RecordId::new(id.as_str()) };
            for found in links_of(store, plan, &end)? {
                if !all.iter().any(|known| known.id == found.id) {
                    all.push(found);
                }
            }
        }
    }
    Ok(all)
}

fn show(app: &App, project: &Project, plan: &SyncPlan, record: &str, format: Format) -> CliResult {
    let target = Target::parse(plan, record)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let found = match Store::open_reading(&path).map_err(failed)? {
        Some(store) => links_of_thing(&store, plan, &target).map_err(failed)?,
        None => Vec::new(),
    };
    let links = found.iter().map(|link| shown(link, true)).collect();
    print(app, format, &List { format_version: "1", links }, links_text);
    Ok(Exit::Ok)
}

fn ambiguous(app: &App, project: &Project, plan: &SyncPlan, format: Format) -> CliResult {
    let options = Options { full: true, ..Options::default() };
    let Done::Planned(set) = drive(app, project, plan, &options, &Job::Plan)? else {
        return Err(CliError::Bug("a plan gave no change set".to_owned()));
    };
    let found: Vec<Skip> = set.skips.into_iter().filter(|skip| skip.reason == "ambiguous").collect();
    print(app, format, &serde_json::json!({ "format_version": "1", "ambiguous": found }), |_| {
        if found.is_empty() {
            return "every record has at most one counterpart\n".to_owned();
        }
        let mut out = String::new();
        for skip in &found {
            let _ = writeln!(
                out,
                "{} {}.{} {}: {}",
                skip.sync,
                skip.system,
                skip.object,
                skip.record,
                clean(&skip.detail, 200)
            );
        }
        out.push_str("say which belong together: twinmap links relink SYNC LEFT RIGHT\n");
        out
    });
    Ok(Exit::Ok)
}

fn relink(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    (sync, left, right): (&String, &str, &str),
    object: Option<&str>,
) -> CliResult {
    let id = syncs(plan, std::slice::from_ref(sync))?;
    let Some(found) = id.first().and_then(|id| plan.sync(*id)) else { return Ok(Exit::Failure) };
    let names: Vec<&str> =
        found.arms.iter().filter_map(|arm| plan.object(arm.right)).map(|right| right.name.as_str()).collect();
    let arm = match (object, names.as_slice()) {
        (None, [one]) => *one,
        (Some(object), names) if names.contains(&object) => object,
        (_, names) => {
            return Err(CliError::usage(
                format!("sync `{sync}` has several objects on the right"),
                format!("add `--object` with one of: {}", names.join(", ")),
            ));
        }
    };
    let path = project.state_file()?;
    let store = Store::open(&path).map_err(|error| state_failed(&error, &path))?;
    let now = RealTimer::new().now();
    let place = |object| {
        let found = plan.object(object);
        let system =
            found.and_then(|found| plan.system(found.system)).map_or("?", |system| system.name.as_str());
        (system, found.map_or("?", |found| found.name.as_str()))
    };
    let dropped = store.atomically(|store| {
        let mut dropped = 0;
        for old in
            [store.link_of_left(sync, left)?, store.link_of_right(sync, arm, right)?].into_iter().flatten()
        {
            store.drop_link(old.id)?;
            dropped += 1;
        }
        store.put_link(&Link {
            id: 0,
            sync: sync.clone(),
            left: left.to_owned(),
            arm: arm.to_owned(),
            right: right.to_owned(),
            state: LinkState::Live,
            reason: "linked by hand".to_owned(),
            left_stamp: None,
            right_stamp: None,
            bases: Bases::default(),
            run: "relink".to_owned(),
            at: now,
        })?;
        let (system, name) = place(found.left);
        store.observe(system, name, &[left.to_owned()], now)?;
        store.wake(sync, crate::state::links::LEFT, left, now)?;
        store.wake(sync, arm, right, now)?;
        Ok(dropped)
    });
    let dropped = dropped.map_err(|error| state_failed(&error, &path))?;
    app.term.say(&format!(
        "{left} and {arm} {right} are a pair now ({} dropped); the next run compares them\n",
        count(dropped, "link")
    ));
    Ok(Exit::Ok)
}

fn unlink(app: &App, project: &Project, plan: &SyncPlan, record: &str, sync: Option<&str>) -> CliResult {
    let target = Target::parse(plan, record)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open(&path).map_err(failed)?;
    let mut found = links_of(&store, plan, &target).map_err(failed)?;
    found.retain(|link| link.state == LinkState::Live && sync.is_none_or(|sync| link.sync == sync));
    if found.is_empty() {
        return Err(CliError::usage(
            format!("`{record}` is not linked"),
            "`twinmap links ls` lists the links, `twinmap why` says why a record has none",
        ));
    }
    let now = RealTimer::new().now();
    for link in &found {
        store.set_link_state(link.id, LinkState::Unlinked, "unlinked by hand", now).map_err(failed)?;
        app.term.say(&format!(
            "sync {}: {} and {} {} are no pair any more\n",
            link.sync, link.left, link.arm, link.right
        ));
    }
    Ok(Exit::Ok)
}

fn adopted(done: &[Adopted]) -> String {
    let mut out = String::new();
    for one in done {
        let _ = writeln!(
            out,
            "sync {} by {}: {} adopted, {} known already, {} lead nowhere, {} disputed",
            one.sync,
            one.field,
            one.adopted,
            one.known,
            one.missing.len(),
            one.conflicts.len()
        );
        for line in one.missing.iter().chain(&one.conflicts).take(20) {
            let _ = writeln!(out, "    {line}");
        }
    }
    if done.is_empty() {
        out.push_str("no sync joins objects in which the vendors' integration leaves ids\n");
    }
    out
}
