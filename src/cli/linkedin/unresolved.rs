//! `twinmap unresolved`: activities that hang on no record of the CRM yet. Offline.

use serde::Serialize;

use super::{Access, Desk};
use crate::cli::App;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, print};
use crate::state::NavActivity;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap unresolved\n  twinmap unresolved --format json | jq '.unresolved[].about'\n\n\
        Each is attached by the run after its person or company is matched: by LinkedIn, or by `twinmap match set`."
)]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Told {
    format_version: &'static str,
    unresolved: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    writeback: String,
    activity: String,
    kind: String,
    /// The member or company.
    about: String,
    at: String,
    /// Where it was written; empty = it is held until it can hang on something.
    object: String,
    record: String,
    why: String,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let desk = match Desk::open(app, args.system.as_deref(), Access::Look)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    let mut rows = Vec::new();
    for item in desk.plan.writebacks.iter().filter(|item| item.from == desk.system) {
        let all = desk.store.unresolved(&item.name).map_err(|error| desk.state(error))?;
        rows.extend(all.into_iter().map(|one| row(&item.name, one)));
    }
    print(app, args.format, &Told { format_version: "1", unresolved: rows }, text);
    Ok(Exit::Ok)
}

fn row(writeback: &str, one: NavActivity) -> Row {
    Row {
        writeback: writeback.to_owned(),
        activity: one.id,
        kind: one.kind,
        about: one.about,
        at: one.at.to_string(),
        object: one.object,
        record: one.record,
        why: one.detail,
    }
}

fn text(told: &Told) -> String {
    let mut out = String::new();
    for row in &told.unresolved {
        let place = match row.record.is_empty() {
            true => "not written yet".to_owned(),
            false => format!("{} {}", row.object, row.record),
        };
        out.push_str(&format!(
            "{} {:<10} {:<28} {place}\n    {}\n",
            row.activity, row.kind, row.about, row.why
        ));
    }
    match told.unresolved.len() {
        0 => out.push_str("every activity hangs on a record\n"),
        n => out.push_str(&format!(
            "{n} unresolved; `twinmap match set SYSTEM.OBJECT:ID URN` says who somebody is\n"
        )),
    }
    out
}
