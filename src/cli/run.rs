//! `twinmap run`: one incremental cycle within the guards.

use super::App;
use super::error::CliResult;
use super::exit::Exit;
use super::load;
use super::operate::{Done, Job, drive, syncs};
use super::output::{self, Format};
use crate::engine::Options;
use crate::engine::report::{RunOutcome, RunReport};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap run\n  twinmap run companies contacts\n  twinmap run --format json > report.json\n\n\
        Exit codes: 0 all done, 3 some records failed or are held, 4 authentication, 5 stopped by a guard before any\n\
        write, 7 another run is at work, 8 a limit of a CRM is used up (the next run goes on)."
)]
pub struct Args {
    /// Syncs to run (all when none is named)
    syncs: Vec<String>,
    /// Read every record again, not only the changed ones
    #[arg(long)]
    full: bool,
    /// Approve the guards that the change set with this hash passes
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
    /// Records that are looked at together: when more are due, the run works in portions and takes as much memory as
    /// one of them does
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    portion: Option<u64>,
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
    let options = Options {
        syncs: syncs(&plan, &args.syncs)?,
        full: args.full,
        approve: args.approve.clone(),
        portion: args.portion.unwrap_or(Options::default().portion),
        ..Options::default()
    };
    match drive(app, &project, &plan, &options, &Job::Run)? {
        Done::Ran(report) => Ok(print(app, &report, args.format)),
        Done::Planned(_) => Ok(Exit::Ok),
    }
}

/// Prints a report and gives the exit code that goes with it.
pub fn print(app: &App, report: &RunReport, format: Format) -> Exit {
    output::print(app, format, report, |report| crate::report::run::text(report, app.term.colour_out));
    match report.outcome {
        RunOutcome::Ok => Exit::Ok,
        RunOutcome::Partial => Exit::Partial,
        RunOutcome::Failed => Exit::Failure,
        RunOutcome::Stopped => Exit::Guard,
    }
}
