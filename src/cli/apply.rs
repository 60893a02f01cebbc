//! `twinmap apply`: makes exactly the changes of a reviewed change set.

use std::path::PathBuf;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use super::operate::{Done, Job, drive, syncs};
use super::output::Format;
use super::run::print;
use crate::engine::Options;
use crate::merge::ChangeSet;
use crate::report::changes;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap plan -o today.changes && twinmap apply today.changes\n  twinmap apply --auto-approve\n\n\
        What a record holds by then is read again: a change that no longer fits is left out and listed (exit 3). If the\n\
        mappings, the accounts or the state moved on, nothing is written (exit 6)."
)]
pub struct Args {
    /// The change set that `twinmap plan -o FILE` saved
    #[arg(required_unless_present = "auto_approve", conflicts_with = "auto_approve")]
    file: Option<PathBuf>,
    /// Plan and apply in one go, without a look
    #[arg(long)]
    auto_approve: bool,
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
    let set = match &args.file {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let names = set.as_ref().map(|set| set.frame.syncs.clone()).unwrap_or_default();
    let options =
        Options { syncs: syncs(&plan, &names)?, approve: args.approve.clone(), ..Options::default() };
    let job = match &set {
        Some(set) => Job::Apply(set),
        None => Job::Run,
    };
    if let (Some(set), false) = (&set, app.term.quiet) {
        app.term.say(&changes::summary(set));
    }
    match drive(app, &project, &plan, &options, &job)? {
        Done::Ran(report) => Ok(print(app, &report, args.format)),
        Done::Planned(_) => Ok(Exit::Ok),
    }
}

fn read(path: &std::path::Path) -> Result<ChangeSet, CliError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CliError::read(path, cause))?;
    let set: ChangeSet = serde_json::from_str(&text).map_err(|error| CliError::Artefact {
        message: format!("{} is no change set: {error}", path.display()),
        help: Some("make one with `twinmap plan -o FILE`".to_owned()),
    })?;
    if set.format_version != crate::merge::change::FORMAT_VERSION {
        return Err(CliError::Artefact {
            message: format!("{} has format {}", path.display(), set.format_version),
            help: Some("make it again with this twinmap: `twinmap plan -o FILE`".to_owned()),
        });
    }
    Ok(set)
}
