//! `twinmap resync`: one record now, whatever is due.

use super::error::CliResult;
use super::exit::Exit;
use super::operate::{Done, Job, drive, state_failed};
use super::output::Format;
use super::run::print;
use super::target::Target;
use super::{App, load};
use crate::engine::{Only, Options};
use crate::plan::ir::SyncId;
use crate::state::Store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap resync hubspot:512\n  twinmap resync salesforce.Account:0015g00000XyZAAA --format json\n\n\
    The record is compared with its counterpart in every sync that takes it. A missing counterpart is made even if the\n\
    mapping's `create` rules would not; filters, directions and stage maps still hold. Doing it twice changes nothing."
)]
pub struct Args {
    /// SYSTEM:ID or SYSTEM.OBJECT:ID
    record: String,
    /// Approve the guards that the change set with this hash passes
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let target = Target::parse(&plan, &args.record)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let objects = match Store::open_reading(&path).map_err(failed)? {
        Some(store) => target.candidates(&plan, Some(&store)).map_err(failed)?,
        None => target.candidates(&plan, None).map_err(failed)?,
    };
    let [object] = objects.as_slice() else {
        return Err(super::target::several(&plan, &args.record, &objects));
    };
    let takes = |sync: &crate::plan::ir::Sync| {
        sync.left == *object || sync.arms.iter().any(|arm| arm.right == *object)
    };
    let syncs = plan.syncs.iter().enumerate().filter(|(_, sync)| takes(sync));
    let options = Options {
        syncs: syncs.filter_map(|(index, _)| Some(SyncId(u32::try_from(index).ok()?))).collect(),
        only: Only::Record(*object, target.id.clone()),
        approve: args.approve.clone(),
        ..Options::default()
    };
    match drive(app, &project, &plan, &options, &Job::Run)? {
        Done::Ran(report) => Ok(print(app, &report, args.format)),
        Done::Planned(_) => Ok(Exit::Ok),
    }
}
