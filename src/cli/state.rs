//! `twinmap state`: whether the state file is sound. Offline.

use std::fmt::Write as _;

use serde::Serialize;

use super::App;
use super::error::CliResult;
use super::exit::Exit;
use super::operate::state_failed;
use super::output::{Format, print};
use crate::state::{StateCounts, StateResult, Store};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap state check\n  twinmap state check --format json\n\n\
    Exit code 1 when the file is damaged or the journal was changed from outside.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check the file and the chain of the journal, and count what is in it
    Check {
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
}

#[derive(Debug, Default, Serialize)]
struct Checked {
    format_version: &'static str,
    ok: bool,
    /// What SQLite finds wrong with the file.
    faults: Vec<String>,
    /// The first journal entry that was changed after it was written.
    broken_chain: Option<String>,
    counts: StateCounts,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let Action::Check { format } = &args.action;
    let Some(store) = Store::open_reading(&path).map_err(failed)? else {
        app.term.say("there is no state yet: nothing has run\n");
        print(app, *format, &Checked { format_version: "1", ok: true, ..Checked::default() }, text);
        return Ok(Exit::Ok);
    };
    let checked = check(&store).map_err(failed)?;
    print(app, *format, &checked, text);
    Ok(if checked.ok { Exit::Ok } else { Exit::Failure })
}

fn check(store: &Store) -> StateResult<Checked> {
    let (faults, broken_chain) = (store.faults()?, store.broken_chain()?);
    Ok(Checked {
        format_version: "1",
        ok: faults.is_empty() && broken_chain.is_none(),
        faults,
        broken_chain,
        counts: store.counts()?,
    })
}

fn text(checked: &Checked) -> String {
    let mut out = String::new();
    for fault in &checked.faults {
        let _ = writeln!(out, "damaged: {fault}");
    }
    if let Some(op) = &checked.broken_chain {
        let _ = writeln!(out, "the journal was changed from outside, at entry {op}");
    }
    if checked.ok {
        out.push_str("sound: the file and the journal's chain\n");
    }
    let counts = &checked.counts;
    let _ = writeln!(
        out,
        "{} links, {} in the inbox, {} held; {} journal entries ({} open), {} in the ledger, {} runs",
        counts.links, counts.inbox, counts.holds, counts.journal, counts.open, counts.ledger, counts.runs
    );
    out
}
