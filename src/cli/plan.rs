//! `twinmap plan`: what a run would do now, field by field, both ways. Reads the CRMs, writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::App;
use super::base;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use super::operate::{Done, Job, Tier, drive, engage, syncs};
use super::project::{Project, write_atomically};
use crate::engine::{self, Deps, EngineError, Only, Options};
use crate::merge::ChangeSet;
use crate::merge::impact::{Dry, Impact, impact};
use crate::plan::compare::{Part, differences};
use crate::plan::ir::{SyncId, SyncPlan};
use crate::report::{self, changes, html};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap plan\n  twinmap plan deals -o deals.changes && twinmap apply deals.changes\n  \
        twinmap plan --format json --detailed-exitcode\n  \
        twinmap plan --base origin/main --format markdown     what a pull request does\n\n\
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
    /// Compare with the mappings of a git commit, or with a plan saved by `compile`: what comes from the mapping, what
    /// from the data, and what the change does to records that are there
    #[arg(long, value_name = "REF|FILE")]
    base: Option<String>,
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
    let compared = match &args.base {
        None => None,
        Some(named) => Some(compare(app, &project, &plan, named, &options)?),
    };
    let (set, impact) = match compared {
        Some((set, impact)) => (set, Some(impact)),
        None => match drive(app, &project, &plan, &options, &Job::Plan)? {
            Done::Planned(set) => (*set, None),
            Done::Ran(_) => return Err(CliError::Bug("a plan gave no change set".to_owned())),
        },
    };
    let saved = || serde_json::to_string_pretty(&set).map(|text| text + "\n").unwrap_or_default();
    if let Some(path) = &args.output {
        write_atomically(path, saved().as_bytes())?;
    }
    let told = impact.as_ref().map(report::impact::text).unwrap_or_default();
    match args.format {
        Format::Text => {
            app.term.out(&format!("{told}{}", changes::text(&set, app.term.colour_out, args.show)))
        }
        Format::Json => match &impact {
            None => app.term.out(&saved()),
            Some(impact) => {
                let both = Compared { set: &set, impact };
                app.term
                    .out(&serde_json::to_string_pretty(&both).map(|text| text + "\n").unwrap_or_default());
            }
        },
        Format::Markdown => {
            let told = if told.is_empty() { told } else { format!("```text\n{told}```\n\n") };
            app.term.out(&format!("{told}{}", changes::markdown(&set, args.show)));
        }
        Format::Html => {
            // The page is for readers of the change set; what it is compared with goes where notices go.
            app.term.say(&told);
            app.term.out(&html::page(&set, args.show));
        }
    }
    if let Some(path) = &args.output {
        let shown = path.display();
        app.term.say(&format!("saved as {shown}; carry it out with `twinmap apply {shown}`\n"));
    }
    Ok(if args.detailed_exitcode && !set.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// A change set and what became of it against another mapping.
#[derive(Serialize)]
struct Compared<'c> {
    #[serde(flatten)]
    set: &'c ChangeSet,
    impact: &'c Impact,
}

/// Plans with both mappings on the same data and state.
fn compare(
    app: &App,
    project: &Project,
    plan: &SyncPlan,
    named: &str,
    options: &Options,
) -> Result<(ChangeSet, Impact), CliError> {
    let base = base::plan(app, project, named)?;
    let mut found = differences(&base, plan);
    let asked: Vec<&str> =
        options.syncs.iter().filter_map(|id| Some(plan.sync(*id)?.name.as_str())).collect();
    found.retain(|one| asked.is_empty() || asked.contains(&one.sync.as_str()));
    let filtered: BTreeSet<&str> =
        found.iter().filter(|one| one.part == Part::Filter).map(|one| one.sync.as_str()).collect();
    let rows: BTreeSet<String> = found.iter().filter_map(|one| Some(one.row.as_ref()?.id.clone())).collect();
    // A sync that the base does not have is not planned with it.
    let there = asked.iter().filter_map(|name| Some(base.sync_named(name)?.0));
    let old_options = Options { syncs: there.collect(), ..options.clone() };
    let scopes = |plan: &SyncPlan| {
        let each = filtered.iter().filter_map(|name| Some(((*name).to_owned(), plan.sync_named(name)?.0)));
        each.collect::<Vec<(String, SyncId)>>()
    };
    let (old_scopes, new_scopes) = (scopes(&base), scopes(plan));
    let (old, old_inside) = engage(app, project, &base, Tier::Read, async |deps| {
        let inside = inside(deps, &old_scopes).await?;
        let nothing = !asked.is_empty() && old_options.syncs.is_empty();
        let set = if nothing { None } else { Some(engine::plan(deps, &old_options).await?) };
        Ok((set, inside))
    })?;
    let (new, backfill, new_inside) = engage(app, project, plan, Tier::Read, async |deps| {
        let inside = inside(deps, &new_scopes).await?;
        let only = Only::Pairs { rows: Some(rows.clone()), within: None, portion: None };
        let backfill = Options { only, ..options.clone() };
        let backfill = if rows.is_empty() { None } else { Some(engine::plan(deps, &backfill).await?) };
        Ok((engine::plan(deps, options).await?, backfill, inside))
    })?;
    let moves = new_inside.iter().map(|(name, is)| {
        let was = old_inside.get(name).cloned().unwrap_or_default();
        (name.clone(), (was.difference(is).count() as u64, is.difference(&was).count() as u64))
    });
    let moves = moves.collect();
    let nothing = ChangeSet { changes: Vec::new(), skips: Vec::new(), ..new.clone() };
    let dry =
        Dry { old: old.as_ref().unwrap_or(&nothing), new: &new, backfill: backfill.as_ref(), moves: &moves };
    let impact = impact(named, base.hash(), found, &dry);
    Ok((new, impact))
}

async fn inside(
    deps: &Deps<'_>,
    syncs: &[(String, SyncId)],
) -> Result<BTreeMap<String, BTreeSet<i64>>, EngineError> {
    let mut found = BTreeMap::new();
    for (name, id) in syncs {
        let options = Options { syncs: vec![*id], ..Options::default() };
        found.insert(name.clone(), engine::in_scope(deps, &options).await?);
    }
    Ok(found)
}
