//! `twinmap plan`: what a run would do now, field by field, both ways. Reads the CRMs, writes nothing.

use std::path::PathBuf;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use super::operate::{Done, Job, drive, syncs};
use super::project::write_atomically;
use crate::engine::Options;
use crate::report::{changes, html};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap plan\n  twinmap plan deals -o deals.changes && twinmap apply deals.changes\n  \
        twinmap plan --format json --detailed-exitcode\n\n\
        Nothing is written to the CRMs. With --detailed-exitcode the exit code is 2 when there are changes."
)]
pub struct Args {
    /// Syncs to plan (all when none is named)
    syncs: Vec<String>,
    /// Save the change set, for `twinmap apply FILE`
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to print the change set
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Read every record again, not only the changed ones
    #[arg(long)]
    full: bool,
    /// Changes shown: per sync in text, in all in Markdown and HTML
    #[arg(long, default_value_t = 40, value_name = "N")]
    show: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// One JSON document
    Json,
    /// For a pull request
    Markdown,
    /// One page that needs nothing else
    Html,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let options = Options { syncs: syncs(&plan, &args.syncs)?, full: args.full, ..Options::default() };
    let Done::Planned(set) = drive(app, &project, &plan, &options, &Job::Plan)? else {
        return Err(CliError::Bug("a plan gave no change set".to_owned()));
    };
    let json = || serde_json::to_string_pretty(&set).map(|text| text + "\n").unwrap_or_default();
    if let Some(path) = &args.output {
        write_atomically(path, json().as_bytes())?;
    }
    match args.format {
        Format::Text => app.term.out(&changes::text(&set, app.term.colour_out, args.show)),
        Format::Json => app.term.out(&json()),
        Format::Markdown => app.term.out(&changes::markdown(&set, args.show)),
        Format::Html => app.term.out(&html::page(&set, args.show)),
    }
    if let Some(path) = &args.output {
        let shown = path.display();
        app.term.say(&format!("saved as {shown}; carry it out with `twinmap apply {shown}`\n"));
    }
    Ok(if args.detailed_exitcode && !set.is_empty() { Exit::Changes } else { Exit::Ok })
}
