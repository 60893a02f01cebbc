//! `twinmap check`: parse and type-check the mappings against the snapshots. Offline.

use super::App;
use super::error::CliResult;
use super::exit::Exit;
use super::findings::{self, FindingArgs};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap check\n  twinmap check mappings/deals.twin --format short\n  \
    twinmap check --fix                    mend what is certain, report the rest\n  \
    twinmap check --format json > findings.json\n  \
    twinmap check --format sarif > twinmap.sarif    for code scanning\n  \
    twinmap check --format github          annotations in GitHub Actions\n\n\
    Fails when there is an error. Warnings alone do not fail: see `twinmap lint`.")]
pub struct Args {
    #[command(flatten)]
    findings: FindingArgs,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let found = findings::find(app, &project, &args.findings)?;
    findings::print(app, &project, &found, args.findings.format);
    Ok(if found.summary.errors > 0 { Exit::Failure } else { Exit::Ok })
}
