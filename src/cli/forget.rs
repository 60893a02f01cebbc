//! `twinmap forget`: takes a record's values out of the state; ids, times and hashes stay. Offline.

use serde::Serialize;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::state_failed;
use super::output::{Format, print};
use super::target::Target;
use super::{App, load};
use crate::connect::timer::{RealTimer, Timer as _};
use crate::plan::ir::SyncPlan;
use crate::state::{StateResult, Store};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap forget hubspot:512 --yes\n  twinmap forget salesforce.Contact:0035g00000XyZ\n\n\
    For requests to erase a person's data. The values of the record and of its counterparts leave the state's links,\n\
    journal, ledger and holds; the pair is unlinked and not synced again. The records in the CRMs stay as they are,\n\
    and a run that is asked to undo these changes no longer can."
)]
pub struct Args {
    /// SYSTEM:ID or SYSTEM.OBJECT:ID
    record: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Default, Serialize)]
struct Forgotten {
    format_version: &'static str,
    /// `SYSTEM.OBJECT ID` of every record whose values are gone.
    records: Vec<String>,
    links: u64,
    journal: u64,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let target = Target::parse(&plan, &args.record)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    if !args.yes {
        let question =
            format!("Forget every stored value of {} and its counterparts, for good?", args.record);
        if !app.term.interactive {
            return Err(CliError::usage("`forget` can't be undone", "say that you mean it: add `--yes`"));
        }
        if !app.term.confirm(&question) {
            app.term.say("nothing was done\n");
            return Ok(Exit::Failure);
        }
    }
    let store = Store::open(&path).map_err(failed)?;
    let object = target.one(&plan, &store, &args.record)?;
    let done = store.atomically(|store| forget(store, &plan, object, target.id.as_str())).map_err(failed)?;
    store.scrub().map_err(failed)?;
    print(app, args.format, &done, |done| {
        format!(
            "forgotten: {} ({} links, {} journal entries)\n",
            done.records.join(", "),
            done.links,
            done.journal
        )
    });
    Ok(Exit::Ok)
}

fn forget(
    store: &Store,
    plan: &SyncPlan,
    object: crate::plan::ir::ObjectId,
    id: &str,
) -> StateResult<Forgotten> {
    let mut places = std::collections::BTreeSet::from([(object, id.to_owned())]);
    let now = RealTimer::new().now();
    let mut done = Forgotten { format_version: "1", ..Forgotten::default() };
    for link in store.links_with(id)? {
        let Some((_, sync)) = plan.sync_named(&link.sync) else { continue };
        let arm = sync.arms.iter().map(|arm| arm.right);
        let right =
            arm.into_iter().find(|right| plan.object(*right).is_some_and(|right| right.name == link.arm));
        let Some(right) = right else { continue };
        if (sync.left, link.left.as_str()) != (object, id) && (right, link.right.as_str()) != (object, id) {
            continue;
        }
        places.insert((sync.left, link.left.clone()));
        places.insert((right, link.right.clone()));
        store.forget_link(&link, now)?;
        done.links += 1;
    }
    for (object, id) in places {
        let Some(found) = plan.object(object) else { continue };
        let system = plan.system(found.system).map_or("?", |system| system.name.as_str());
        done.journal += store.forget(system, &found.name, &id)?;
        done.records.push(format!("{system}.{} {id}", found.name));
    }
    Ok(done)
}
