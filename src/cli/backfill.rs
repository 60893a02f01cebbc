//! `twinmap backfill`: brings a new or changed row in step on every pair that is linked already.

use std::collections::BTreeSet;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::import::told;
use super::operate::{Done, Job, Tier, drive, engage, state_failed, syncs};
use super::output::{self, Format};
use super::project::Project;
use super::run::print;
use super::{App, load, scope};
use crate::engine::portions::backfill_all;
use crate::engine::start::Imported;
use crate::engine::{Only, Options};
use crate::plan::ir::{Sync, SyncPlan};
use crate::report::changes;
use crate::state::Store;

/// The most pairs that are done in one run unless somebody says otherwise, and the size of portions beyond.
const AT_ONCE: u64 = 200_000;
const PORTION: u64 = 20_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap backfill companies --field numberofemployees --dry-run\n  \
    twinmap backfill companies --field numberofemployees\n  twinmap backfill companies --where 'hubspot: numberofemployees > 100'\n  twinmap backfill companies\n\n\
    Every linked pair is merged as on the first day: blanks are filled, else the row's winner stands. Other fields,\n\
    other syncs and records without a counterpart stay as they are. Stopped half-way it goes on from where it was:\n\
    what is written already agrees. With --portion each portion is a run of its own that tells how many pairs are synced and\n\
    how many remain, and a backfill that is stopped goes on behind the last portion. The guards hold for each.")]
pub struct Args {
    /// The sync
    sync: String,
    /// Only rows of this field (its API name on either side)
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Only pairs of which the record of this side meets a condition, written as in a filter
    #[arg(long = "where", value_name = "SYSTEM: CONDITION")]
    condition: Option<String>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Approve the guards that the change set with this hash passes
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
    /// Pairs per run. Default: all at once, above 200,000 in portions of 20,000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    portion: Option<u64>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let ids = syncs(&plan, std::slice::from_ref(&args.sync))?;
    let sync = ids.first().and_then(|id| plan.sync(*id));
    let rows = args.field.as_ref().zip(sync).map(|(field, sync)| rows(&plan, sync, field)).transpose()?;
    let (plan, within) = match &args.condition {
        Some(text) => {
            let (plan, condition) = scope::condition(&project, &plan, &args.sync, text)?;
            (plan, Some(condition))
        }
        None => (plan, None),
    };
    let options = Options {
        syncs: ids,
        only: Only::Pairs { rows, within, portion: None },
        approve: args.approve.clone(),
        ..Options::default()
    };
    let pairs = linked(&project, &args.sync)?;
    let portion = args.portion.or((pairs > AT_ONCE).then_some(PORTION));
    if let Some(portion) = portion.filter(|_| !args.dry_run) {
        return in_portions(app, &project, &plan, &options, (portion, args.format));
    }
    let job = if args.dry_run { Job::Plan } else { Job::Run };
    match drive(app, &project, &plan, &options, &job)? {
        Done::Ran(report) => Ok(print(app, &report, args.format)),
        Done::Planned(set) => {
            output::print(app, args.format, &set, |set| changes::text(set, app.term.colour_out, 40));
            Ok(Exit::Ok)
        }
    }
}

/// How many pairs of the sync are linked, as the state says.
fn linked(project: &Project, sync: &str) -> Result<u64, CliError> {
    let path = project.state_file()?;
    let store = Store::open_reading(&path).map_err(|error| state_failed(&error, &path))?;
    store.map_or(Ok(0), |store| store.live_links(sync).map_err(|error| state_failed(&error, &path)))
}

fn in_portions(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    options: &Options,
    (portion, format): (u64, Format),
) -> CliResult {
    let mut last = None;
    let done = engage(app, project, plan, Tier::Write, async |deps| {
        let mut tell = |now: &Imported| {
            last = Some(*now);
            if now.portions > 0 && now.remaining > 0 {
                app.term.say(&format!("{} synced, {} remaining\n", now.synced, now.remaining));
            }
        };
        backfill_all(deps, options, portion, &mut tell).await
    });
    let Some(now) = last else { return done.map(|()| Exit::Ok) };
    told(app, format, "synced", &now, done)
}

fn rows(plan: &SyncPlan, sync: &Sync, field: &str) -> Result<BTreeSet<String>, CliError> {
    let found = plan.rows_with(sync, field);
    if !found.is_empty() {
        return Ok(found);
    }
    let rows = sync.arms.iter().flat_map(|arm| arm.rows.iter().map(move |row| (arm, row)));
    let known: Vec<&str> = rows
        .flat_map(|(arm, row)| [plan.field_name(sync.left, row.left), plan.field_name(arm.right, row.right)])
        .flatten()
        .collect();
    let help = match crate::diag::suggest::nearest(field, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    Err(CliError::usage(format!("sync `{}` has no row with a field `{field}`", sync.name), help))
}
