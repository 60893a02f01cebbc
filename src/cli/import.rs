//! `twinmap import`: records that were there before a sync of what is new started.

use serde::Serialize;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Done, Job, Tier, drive, engage, syncs};
use super::output::{self, Format};
use super::target::Target;
use super::{App, load, run};
use crate::engine::start::{Imported, import_all};
use crate::engine::{Only, Options};
use crate::plan::ir::{Create, Limit, ObjectId, Side, Sync, SyncId, SyncPlan};
use crate::state::links::LEFT;

/// Records a run where the guard says no number of its own.
const PORTION: u64 = 2_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap import companies salesforce:0015g00000XyZAAA salesforce:0015g00000XyZAAB\n  \
    twinmap import companies salesforce.Account --all\n\n\
    A sync with `start: new` leaves alone what was there before it started, until a mapped field changes. Imported records\n\
    take part at once: filters, match, create rules and guards hold as in any run. `--all` goes in portions and tells how\n\
    many are left; stopped half-way it goes on from there."
)]
pub struct Args {
    /// The sync
    sync: String,
    /// SYSTEM:ID of each record; with --all one SYSTEM.OBJECT
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<String>,
    /// Every record of this object that was there before
    #[arg(long)]
    all: bool,
    /// Records per run. Default: the creates that the sync's guard allows
    #[arg(long, requires = "all", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    portion: Option<u64>,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Serialize)]
struct Report {
    format_version: &'static str,
    outcome: &'static str,
    #[serde(flatten)]
    imported: Imported,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let ids = syncs(&plan, std::slice::from_ref(&args.sync))?;
    let Some((id, sync)) = ids.first().and_then(|id| Some((*id, plan.sync(*id)?))) else {
        return Ok(Exit::Failure);
    };
    if args.all {
        return everything(app, &project, &plan, args, (id, sync));
    }
    let mut records = Vec::new();
    for text in &args.records {
        let target = Target::parse(&plan, text)?;
        let objects = objects(sync).into_iter().filter(|(_, _, object)| {
            plan.object(*object).is_some_and(|found| found.system == target.system)
                && target.object.is_none_or(|asked| asked == *object)
        });
        let objects: Vec<ObjectId> = objects.map(|(_, _, object)| object).collect();
        let [object] = objects.as_slice() else {
            return Err(CliError::usage(
                format!("`{text}` is no record of sync `{}`", sync.name),
                format!("write SYSTEM.OBJECT:ID with one of: {}", names(&plan, sync).join(", ")),
            ));
        };
        warn_if_nothing_is_made(app, &plan, sync, *object);
        records.push((*object, target.id));
    }
    let options = Options { syncs: vec![id], only: Only::Records(records), ..Options::default() };
    match drive(app, &project, &plan, &options, &Job::Run)? {
        Done::Ran(report) => Ok(run::print(app, &report, args.format)),
        Done::Planned(_) => Ok(Exit::Ok),
    }
}

/// The objects of a sync with the side and arm that they stand on.
fn objects(sync: &Sync) -> Vec<(Side, usize, ObjectId)> {
    let right = sync.arms.iter().enumerate().map(|(arm, at)| (Side::Right, arm, at.right));
    std::iter::once((Side::Left, 0, sync.left)).chain(right).collect()
}

fn names(plan: &SyncPlan, sync: &Sync) -> Vec<String> {
    objects(sync).into_iter().map(|(_, _, object)| full_name(plan, object)).collect()
}

fn full_name(plan: &SyncPlan, object: ObjectId) -> String {
    let found = plan.object(object);
    let system = found.and_then(|found| plan.system(found.system)).map_or("?", |system| system.name.as_str());
    format!("{system}.{}", found.map_or("?", |found| found.name.as_str()))
}

/// An import into a sync that makes no counterparts does little: better said before than found out after.
fn warn_if_nothing_is_made(app: &App, plan: &SyncPlan, sync: &Sync, object: ObjectId) {
    let (create, to, goes) = if object == sync.left {
        (&sync.create_right, sync.arms.first().map_or(object, |arm| arm.right), sync.direction.goes_right())
    } else {
        (&sync.create_left, sync.left, sync.direction.goes_left())
    };
    if !goes || *create == Create::Never {
        app.term.err(&format!(
            "warning: sync `{}` makes no {}: imported records without a counterpart stay without one\n",
            sync.name,
            full_name(plan, to)
        ));
    }
}

fn everything(
    app: &App,
    project: &super::project::Project,
    plan: &SyncPlan,
    args: &Args,
    (id, sync): (SyncId, &Sync),
) -> CliResult {
    let asked = match args.records.as_slice() {
        [one] => objects(sync).into_iter().find(|(_, _, object)| full_name(plan, *object) == *one),
        _ => None,
    };
    let Some((side, _, object)) = asked else {
        return Err(CliError::usage(
            format!("`--all` takes one object of sync `{}`", sync.name),
            format!("one of: {}", names(plan, sync).join(", ")),
        ));
    };
    warn_if_nothing_is_made(app, plan, sync, object);
    let place = match side {
        Side::Left => LEFT,
        Side::Right => plan.object(object).map_or("", |object| object.name.as_str()),
    };
    let portion = args.portion.unwrap_or(match sync.guard.creates {
        Limit::Count(most) => most.clamp(1, PORTION),
        Limit::PerMille(_) => PORTION,
    });
    let mut last = None;
    let done = engage(app, project, plan, Tier::Write, async |deps| {
        let mut tell = |now: &Imported| {
            last = Some(*now);
            if now.portions > 0 && now.remaining > 0 {
                app.term.say(&format!("{} imported, {} remaining\n", now.synced, now.remaining));
            }
        };
        import_all(deps, (id, object, place), portion, &mut tell).await
    });
    let Some(imported) = last else { return done.map(|()| Exit::Ok) };
    told(app, args.format, "imported", &imported, done)
}

/// Says how far something done in portions came, also when it was cut off.
pub fn told(
    app: &App,
    format: Format,
    word: &str,
    now: &Imported,
    done: Result<(), super::error::CliError>,
) -> CliResult {
    let outcome = match (&done, now.partial) {
        (Err(_), _) => "failed",
        (Ok(()), true) => "partial",
        (Ok(()), false) => "ok",
    };
    output::print(app, format, &Report { format_version: "1", outcome, imported: *now }, |report| {
        let counts = &report.imported.counts;
        format!(
            "{outcome}: {} {word}, {} remaining; {} created, {} updated, {} left alone, {} held, {} failed\n",
            now.synced,
            now.remaining,
            counts.created,
            counts.updated,
            counts.skipped,
            counts.held,
            counts.failed
        )
    });
    done?;
    Ok(if now.partial { Exit::Partial } else { Exit::Ok })
}
