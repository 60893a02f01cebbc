//! `twinmap conflicts`: fields that were edited on both sides and wait for a person, and what that person decides.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Done, Job, drive, state_failed};
use super::output::{self, Format, print};
use super::quarantine::names;
use super::{App, load, run as run_command};
use crate::engine::{Decision, Only, Options};
use crate::merge::change::json;
use crate::merge::pair::CONFLICT;
use crate::plan::ir::{ObjectId, Side, SyncId, SyncPlan, SystemId};
use crate::record::RecordId;
use crate::report::{changes, clean, count};
use crate::state::{Hold, StateResult, Store};
use crate::value::Millis;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap conflicts ls\n  \
    twinmap conflicts resolve hubspot:512 --keep salesforce --field phone --dry-run\n  \
    twinmap conflicts resolve hubspot:512 --keep hubspot\n\n\
    Conflicts wait where a sync says `conflict: hold`, and where `newest` can't tell which edit was later.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List what waits for a decision (offline)
    Ls {
        /// Of this sync only
        #[arg(long, value_name = "SYNC")]
        sync: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// Let one system's values stand
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
struct Resolve {
    /// SYSTEM:ID or SYSTEM.OBJECT:ID, of either side
    record: String,
    /// The system whose values stand
    #[arg(long, value_name = "SYSTEM")]
    keep: String,
    /// Only this field (its API name on either side)
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Conflicts {
    format_version: &'static str,
    conflicts: Vec<Conflict>,
}

/// One field of one pair.
#[derive(Debug, Serialize)]
struct Conflict {
    sync: String,
    left: End,
    right: End,
    /// When it was first seen.
    since: Millis,
    detail: String,
    #[serde(skip)]
    hold: Hold,
}

#[derive(Debug, Serialize)]
struct End {
    system: String,
    object: String,
    record: String,
    field: String,
    /// The last value that both sides agreed on, in this side's form; `null` also when they never did.
    agreed: Json,
}

impl Conflict {
    fn is_of(&self, text: &str) -> bool {
        [&self.left, &self.right].iter().any(|end| names(text, &end.system, &end.object, &end.record))
    }
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open_reading(&path).map_err(failed)?;
    let mut found = match &store {
        Some(store) => read(&plan, store).map_err(failed)?,
        None => Vec::new(),
    };
    drop(store);
    let asked = match &args.action {
        Action::Ls { sync, format } => {
            found.retain(|one| sync.as_ref().is_none_or(|sync| one.sync == *sync));
            print(app, *format, &Conflicts { format_version: "1", conflicts: found }, text);
            return Ok(Exit::Ok);
        }
        Action::Resolve(asked) => asked,
    };
    let options = decide(&plan, &found, asked)?;
    let job = if asked.dry_run { Job::Plan } else { Job::Run };
    match drive(app, &project, &plan, &options, &job)? {
        Done::Ran(report) => Ok(run_command::print(app, &report, asked.format)),
        Done::Planned(set) => {
            output::print(app, asked.format, &set, |set| changes::text(set, app.term.colour_out, 40));
            Ok(Exit::Ok)
        }
    }
}

/// What waits, with both ends and what they last agreed on.
fn read(plan: &SyncPlan, store: &Store) -> StateResult<Vec<Conflict>> {
    let mut found = Vec::new();
    for hold in store.holds()?.into_iter().filter(|hold| hold.reason == CONFLICT) {
        let Some((_, sync)) = plan.sync_named(&hold.sync) else { continue };
        let Some(link) = store.link_of_left(&hold.sync, &hold.record)? else { continue };
        let arm = sync.arms.iter().find(|arm| name_of(plan, arm.right).1 == link.arm);
        let Some(arm) = arm else { continue };
        let row = arm.rows.iter().find(|row| plan.field_name(sync.left, row.left) == Some(&hold.field));
        let Some(row) = row else { continue };
        let agreed = link.bases.rows.get(&row.id);
        let end = |object: ObjectId, record: &str, side: Side| {
            let (system, name) = name_of(plan, object);
            let at = if side == Side::Left { row.left } else { row.right };
            let agreed = agreed.map(|(left, right)| if side == Side::Left { left } else { right });
            End {
                system,
                object: name,
                record: record.to_owned(),
                field: plan.field_name(object, at).unwrap_or_default().to_owned(),
                agreed: agreed.map_or(Json::Null, json),
            }
        };
        found.push(Conflict {
            sync: hold.sync.clone(),
            left: end(sync.left, &link.left, Side::Left),
            right: end(arm.right, &link.right, Side::Right),
            since: hold.since,
            detail: hold.detail.clone(),
            hold,
        });
    }
    Ok(found)
}

fn name_of(plan: &SyncPlan, object: ObjectId) -> (String, String) {
    let object = plan.object(object);
    let system = object.and_then(|object| plan.system(object.system));
    (
        system.map(|system| system.name.clone()).unwrap_or_default(),
        object.map(|object| object.name.clone()).unwrap_or_default(),
    )
}

fn decide(plan: &SyncPlan, found: &[Conflict], asked: &Resolve) -> Result<Options, CliError> {
    if !asked.record.contains(':') {
        return Err(CliError::usage(
            format!("`{}` does not name a record", asked.record),
            "write SYSTEM:ID, such as `hubspot:512`",
        ));
    }
    let here: Vec<&Conflict> = found.iter().filter(|one| one.is_of(&asked.record)).collect();
    let Some(first) = here.first() else {
        return Err(CliError::usage(
            format!("nothing of `{}` waits for a decision", asked.record),
            "`twinmap conflicts ls` lists what does",
        ));
    };
    let fields = || here.iter().flat_map(|one| [one.left.field.as_str(), one.right.field.as_str()]);
    if let Some(field) = &asked.field
        && !fields().any(|known| known == field)
    {
        let known: Vec<&str> = fields().collect();
        return Err(CliError::usage(
            format!("field `{field}` of `{}` is in no conflict", asked.record),
            format!("there are: {}", known.join(", ")),
        ));
    }
    if asked.keep != first.left.system && asked.keep != first.right.system {
        return Err(CliError::usage(
            format!("`{}` is neither side of it", asked.keep),
            format!("write `--keep {}` or `--keep {}`", first.left.system, first.right.system),
        ));
    }
    let winner = plan.systems.iter().position(|system| system.name == asked.keep);
    let winner = winner.and_then(|at| u32::try_from(at).ok()).map(SystemId);
    let syncs: Vec<SyncId> = here.iter().filter_map(|one| Some(plan.sync_named(&one.sync)?.0)).collect();
    let object = syncs.first().and_then(|id| plan.sync(*id)).map(|sync| sync.left);
    let (Some(winner), Some(object)) = (winner, object) else {
        return Err(CliError::Bug("a conflict of no sync".to_owned()));
    };
    let rows = asked.field.as_ref().map(|field| {
        let rows = syncs.iter().filter_map(|id| plan.sync(*id)).map(|sync| plan.rows_with(sync, field));
        rows.flatten().collect()
    });
    Ok(Options {
        syncs,
        only: Only::Record(object, RecordId::new(first.hold.record.as_str())),
        decision: Some(Decision { winner, rows }),
        ..Options::default()
    })
}

fn text(found: &Conflicts) -> String {
    let mut out = String::new();
    for one in &found.conflicts {
        let end = |end: &End| format!("{}.{} {}", end.system, end.object, end.record);
        let _ = writeln!(
            out,
            "{} {} <-> {}: {} <-> {} since {}\n    {}",
            one.sync,
            end(&one.left),
            end(&one.right),
            one.left.field,
            one.right.field,
            one.since,
            clean(&one.detail, 400)
        );
        if !one.left.agreed.is_null() {
            let _ = writeln!(out, "    last agreed: {}", clean(&one.left.agreed.to_string(), 200));
        }
    }
    match found.conflicts.first() {
        None => out.push_str("no conflict waits for a decision\n"),
        Some(one) => {
            let _ = writeln!(
                out,
                "{}; decide: twinmap conflicts resolve {}:{} --keep {}|{}",
                count(found.conflicts.len() as u64, "conflict"),
                one.left.system,
                one.left.record,
                one.left.system,
                one.right.system
            );
        }
    }
    out
}
