//! `twinmap reset`: a full sync with Sales Navigator from the beginning, what was there before included.

use serde::Serialize;

use super::{Access, Desk, confirmed, now};
use crate::cli::App;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, print};
use crate::engine::linkedin::cycle::navigator_of;
use crate::plan::ir::SyncId;
use crate::report::count;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap reset salesnav --dry-run\n  twinmap reset salesnav --confirm \"reset salesnav\"\n\n\
        The next run takes in every record and decides on every activity again. Links stay, so nothing is made twice."
)]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// Only say how much it is
    #[arg(long)]
    dry_run: bool,
    /// The phrase, for when nobody can be asked
    #[arg(long, value_name = "TEXT")]
    confirm: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Told {
    format_version: &'static str,
    dry_run: bool,
    syncs: Vec<SyncCount>,
    /// Activities that are not written and are decided on again.
    activities: u64,
}

#[derive(Debug, Serialize)]
struct SyncCount {
    sync: String,
    /// Pairs that are read and compared again.
    linked: u64,
    /// Records that were there before the sync started and come in now.
    older: u64,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let access = if args.dry_run { Access::Look } else { Access::Change };
    let desk = match Desk::open(app, args.system.as_deref(), access)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    let failed = |error| desk.state(error);
    let mut told = Told { format_version: "1", dry_run: args.dry_run, syncs: Vec::new(), activities: 0 };
    let own = (0..desk.plan.syncs.len()).filter_map(|index| u32::try_from(index).ok().map(SyncId));
    let own: Vec<SyncId> = own.filter(|id| navigator_of(&desk.plan, *id) == Some(desk.system)).collect();
    let mut places = Vec::new();
    for id in &own {
        let Some(sync) = desk.plan.sync(*id) else { continue };
        let rights = sync.arms.iter().filter_map(|arm| desk.plan.object(arm.right));
        let names: Vec<String> = std::iter::once(crate::state::links::LEFT.to_owned())
            .chain(rights.map(|object| object.name.clone()))
            .collect();
        let mut older = 0;
        for place in &names {
            older += desk.store.older_count(&sync.name, place).map_err(failed)?;
        }
        let linked = desk.store.live_links(&sync.name).map_err(failed)?;
        told.syncs.push(SyncCount { sync: sync.name.clone(), linked, older });
        places.push((sync.name.clone(), names));
    }
    let writebacks = desk.plan.writebacks.iter().filter(|item| item.from == desk.system);
    for item in writebacks.clone() {
        let tally = desk.store.activity_tally(&item.name).map_err(failed)?;
        told.activities +=
            tally.iter().filter(|((state, _), _)| state != "written").map(|(_, n)| n).sum::<u64>();
    }
    if !args.dry_run {
        let phrase = format!("reset {}", desk.name);
        confirmed(app, args.confirm.as_deref(), &phrase, "Everything is synced again from the beginning.")?;
        desk.store
            .atomically(|store| {
                for (sync, places) in &places {
                    for place in places {
                        for id in store.older(sync, place, u64::MAX / 2)? {
                            store.forget_older(sync, place, &id)?;
                        }
                    }
                    store.set_meta(&format!("scope:{sync}"), "reset")?;
                }
                for item in writebacks {
                    store.reset_activities(&item.name)?;
                }
                store.nav_audit(now(), "reset", &serde_json::json!({ "system": desk.name }))
            })
            .map_err(failed)?;
    }
    print(app, args.format, &told, text);
    Ok(Exit::Ok)
}

fn text(told: &Told) -> String {
    let mut out = String::new();
    for sync in &told.syncs {
        out.push_str(&format!(
            "sync {}: {} compared again, {} from before the start come in\n",
            sync.sync,
            count(sync.linked, "pair"),
            count(sync.older, "record")
        ));
    }
    let word = if told.activities == 1 { "activity" } else { "activities" };
    out.push_str(&format!("{} {word} decided on again\n", told.activities));
    out.push_str(if told.dry_run { "nothing was changed\n" } else { "the next `twinmap run` does it\n" });
    out
}
