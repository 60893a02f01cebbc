//! `twinmap retry`: what was held or put off is due at the next run. Offline.

use std::collections::BTreeSet;

use serde::Serialize;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::state_failed;
use super::output::{Format, print};
use super::quarantine::{Quarantine, names};
use crate::connect::timer::{RealTimer, Timer as _};
use crate::report::count;
use crate::state::Store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap retry && twinmap run\n  twinmap retry hubspot:512 salesforce.Account:0015g00000XyZ\n\n\
    Nothing is sent: the next `twinmap run` looks at these records first thing."
)]
pub struct Args {
    /// SYSTEM:ID or SYSTEM.OBJECT:ID (everything that is held when none is named)
    records: Vec<String>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Due {
    format_version: &'static str,
    due: Vec<Record>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Record {
    system: String,
    object: String,
    record: String,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open(&path).map_err(failed)?;
    let found = Quarantine::read(&store).map_err(failed)?;
    let record = |system: &str, object: &str, record: &str| Record {
        system: system.to_owned(),
        object: object.to_owned(),
        record: record.to_owned(),
    };
    let held = found.holds.iter().map(|hold| record(&hold.system, &hold.object, &hold.record));
    let put_off = found.put_off.iter().map(|one| record(&one.system, &one.object, &one.record));
    let all: BTreeSet<Record> = held.chain(put_off).collect();
    for text in &args.records {
        if !all.iter().any(|one| names(text, &one.system, &one.object, &one.record)) {
            return Err(CliError::usage(
                format!("nothing is held of `{text}`"),
                "`twinmap quarantine ls` lists what is held",
            ));
        }
    }
    let wanted = |one: &Record| {
        args.records.is_empty()
            || args.records.iter().any(|text| names(text, &one.system, &one.object, &one.record))
    };
    let due: Vec<Record> = all.into_iter().filter(wanted).collect();
    let now = RealTimer::new().now();
    let kept = store.atomically(|store| {
        for one in &due {
            store.observe(&one.system, &one.object, std::slice::from_ref(&one.record), now)?;
        }
        Ok(())
    });
    kept.map_err(failed)?;
    print(app, args.format, &Due { format_version: "1", due }, |found| {
        let records = count(found.due.len() as u64, "record");
        let verb = if found.due.len() == 1 { "is" } else { "are" };
        format!("{records} {verb} due at the next `twinmap run`\n")
    });
    Ok(Exit::Ok)
}
