//! `twinmap compile`: the project's program as an executable sync plan. Offline.

use std::path::PathBuf;

use super::App;
use super::error::CliResult;
use super::exit::Exit;
use super::{load, project};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  twinmap compile -o acme.syncplan\n\nThe same program and snapshots give the same bytes."
)]
pub struct Args {
    /// Write the sync plan to this file; `-` prints it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let mut text = plan.to_json();
    text.push('\n');
    if args.output.as_os_str() == "-" {
        app.term.out(&text);
        return Ok(Exit::Ok);
    }
    project::write_atomically(&args.output, text.as_bytes())?;
    let hash = plan.hash();
    let syncs = plan.syncs.len();
    app.term.say(&format!(
        "{}: {syncs} sync{}, plan {}\n",
        args.output.display(),
        if syncs == 1 { "" } else { "s" },
        hash.get(..12).unwrap_or(&hash)
    ));
    Ok(Exit::Ok)
}
