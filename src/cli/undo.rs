//! `twinmap undo`: takes back what a run wrote, where it still stands. Shown first.

use std::fmt::Write as _;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Tier, engage, state_failed};
use super::output::Format;
use super::{App, load, run as run_command};
use crate::engine::undo::{Undo, plan_undo, undo};
use crate::report::{changes, clean, count};
use crate::state::Store;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap undo latest                         show it, ask, do it\n  \
    twinmap undo r20260131-101500-abcde --dry-run --format json\n  twinmap undo r20260131-101500-abcde --yes\n\n\
    Only what still holds the value that the run wrote is restored; what people changed since is listed and stays.\n\
    Records that the run made are archived when nobody touched them since. An undo is a run of its own: `undo` takes it\n\
    back too. Two-way fields stay undone; a one-way row writes again at the next run until its mapping changes.")]
pub struct Args {
    /// Id of the run, or `latest` for the last one that is on record
    run: String,
    /// Show what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Changes shown per sync
    #[arg(long, default_value_t = 40, value_name = "N")]
    show: usize,
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
    let id = find(&project, &args.run)?;
    let shown = engage(app, &project, &plan, Tier::Read, async |deps| plan_undo(deps, &id).await)?;
    if args.dry_run || shown.is_empty() {
        match args.format {
            Format::Json => app.term.out(&(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n")),
            Format::Text => app.term.out(&text(&shown, app.term.colour_out, args.show)),
        }
        return Ok(Exit::Ok);
    }
    app.term.say(&text(&shown, app.term.colour_err, args.show));
    if !args.yes {
        if !app.term.interactive {
            return Err(CliError::usage(
                "undo writes to the CRMs and nobody is there to agree",
                "look at it with `--dry-run`, then add `--yes`",
            ));
        }
        if !app.term.confirm(&format!("Take run {id} back?")) {
            app.term.say("nothing was done\n");
            return Ok(Exit::Failure);
        }
    }
    let report =
        engage(app, &project, &plan, Tier::Write, async |deps| undo(deps, &id, &shown.changes).await)?;
    Ok(run_command::print(app, &report, args.format))
}

fn find(project: &super::project::Project, run: &str) -> Result<String, CliError> {
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open_reading(&path).map_err(failed)?;
    let found = match (&store, run) {
        (Some(store), "latest") => store.runs(1).map_err(failed)?.pop(),
        (Some(store), id) => store.run(id).map_err(failed)?,
        (None, _) => None,
    };
    let found = found.map(|run| run.id);
    found.ok_or_else(|| CliError::usage(format!("there is no run `{run}`"), "`twinmap runs ls` lists them"))
}

fn text(undo: &Undo, colour: bool, most: usize) -> String {
    let mut out = format!("undo of run {}\n", undo.run);
    if undo.is_empty() {
        out.push_str("nothing of it can be taken back\n");
    } else {
        out.push_str(&changes::text(&undo.changes, colour, most));
    }
    if !undo.left_alone.is_empty() {
        let n = undo.left_alone.len() as u64;
        let _ = writeln!(out, "{} left as it is:", count(n, "thing").replacen("things", "things are", 1));
    }
    for one in undo.left_alone.iter().take(most) {
        let field = if one.field.is_empty() { String::new() } else { format!(" {}", one.field) };
        let _ =
            writeln!(out, "  {}.{} {}{field}: {}", one.system, one.object, one.record, clean(&one.why, 160));
    }
    if undo.left_alone.len() > most {
        let _ = writeln!(out, "  … {} more: --format json", undo.left_alone.len() - most);
    }
    out
}
