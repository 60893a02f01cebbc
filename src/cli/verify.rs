//! `twinmap verify`: compares linked pairs by what the mappings mean, beside what the state believes. Reads the CRMs.

use std::fmt::Write as _;

use super::error::CliResult;
use super::exit::Exit;
use super::operate::{Tier, engage, syncs};
use super::output::{Format, print};
use super::{App, load};
use crate::engine::Options;
use crate::engine::verify::{Verified, verify};
use crate::report::{clean, count};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap verify                 up to 200 pairs of each sync\n  twinmap verify companies --full\n  \
    twinmap verify --sample 50 --format json | jq .classes\n\n\
    Classes of rows: agrees; pending (edited since the last run, it is on its way); held; left-alone (a condition or\n\
    filter says so); at-rest (differs and nobody edited it: `twinmap backfill` mends it); unreachable (a record of the\n\
    pair is deleted or hidden). Exit code 1 when something is at rest or unreachable. Nothing is written."
)]
pub struct Args {
    /// Syncs to compare (all when none is named)
    syncs: Vec<String>,
    /// Compare at most this many pairs of each sync
    #[arg(long, default_value_t = 200, value_name = "N", conflicts_with = "full")]
    sample: usize,
    /// Compare every pair
    #[arg(long)]
    full: bool,
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
    let options = Options { syncs: syncs(&plan, &args.syncs)?, ..Options::default() };
    let sample = (!args.full).then_some(args.sample);
    let done = engage(app, &project, &plan, Tier::Read, async |deps| verify(deps, &options, sample).await)?;
    print(app, args.format, &done, text);
    Ok(if done.diverged() { Exit::Failure } else { Exit::Ok })
}

fn text(done: &Verified) -> String {
    let mut out = String::new();
    for one in done.findings.iter().take(40) {
        let _ = writeln!(
            out,
            "{:<11} {} {} = {}  {}",
            one.class,
            one.sync,
            one.left,
            one.right,
            clean(&one.row, 60)
        );
        if !one.row.is_empty() {
            let (left, right) = (one.left_value.to_string(), one.right_value.to_string());
            let _ = writeln!(
                out,
                "            {} / {} {}",
                clean(&left, 40),
                clean(&right, 40),
                clean(&one.detail, 80)
            );
        }
    }
    if done.findings.len() > 40 {
        let _ = writeln!(out, "… {} more: --format json", done.findings.len() - 40);
    }
    let classes: Vec<String> = done.classes.iter().map(|(class, n)| format!("{n} {class}")).collect();
    let found = if classes.is_empty() { "nothing to compare".to_owned() } else { classes.join(", ") };
    let _ = writeln!(out, "{}, {} compared: {found}", count(done.pairs, "pair"), count(done.rows, "row"));
    out
}
