//! `twinmap quarantine`: what is not written, and why. Offline.

use std::fmt::Write as _;

use serde::Serialize;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::state_failed;
use super::output::{Format, print};
use crate::report::{clean, count};
use crate::state::{Hold, StateResult, Store, Waiting};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap quarantine ls\n  twinmap quarantine ls --sync contacts --format json\n  twinmap quarantine show hubspot:512\n  twinmap retry hubspot:512"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List held fields and records that were put off
    Ls {
        /// Of this sync only
        #[arg(long, value_name = "SYNC")]
        sync: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// Everything that is held of one record
    Show {
        /// SYSTEM:ID or SYSTEM.OBJECT:ID
        record: String,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
}

/// What is left alone until something changes.
#[derive(Debug, Default, Serialize)]
pub struct Quarantine {
    format_version: &'static str,
    pub holds: Vec<Hold>,
    /// Records that are not looked at before their time.
    pub put_off: Vec<Waiting>,
}

impl Quarantine {
    pub fn read(store: &Store) -> StateResult<Quarantine> {
        let put_off = store.inbox()?.into_iter().filter(|one| one.not_before.0 > 0).collect();
        Ok(Quarantine { format_version: "1", holds: store.holds()?, put_off })
    }

    /// Keeps what is about one record, named as `SYSTEM:ID` or `SYSTEM.OBJECT:ID`.
    pub fn keep_record(&mut self, text: &str) {
        self.holds.retain(|hold| names(text, &hold.system, &hold.object, &hold.record));
        self.put_off.retain(|one| names(text, &one.system, &one.object, &one.record));
    }
}

/// Whether `text` names this record.
pub fn names(text: &str, system: &str, object: &str, record: &str) -> bool {
    text.split_once(':').is_some_and(|(place, id)| {
        id == record
            && (place == system || place.split_once('.').is_some_and(|place| place == (system, object)))
    })
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open_reading(&path).map_err(failed)?;
    let found = store.as_ref().map(Quarantine::read).transpose().map_err(failed)?;
    let mut found = found.unwrap_or(Quarantine { format_version: "1", ..Quarantine::default() });
    let format = match &args.action {
        Action::Ls { sync, format } => {
            if let Some(sync) = sync {
                found.holds.retain(|hold| hold.sync == *sync);
                found.put_off.clear();
            }
            *format
        }
        Action::Show { record, format } => {
            if !record.contains(':') {
                return Err(CliError::usage(
                    format!("`{record}` does not name a record"),
                    "write SYSTEM:ID, such as `hubspot:512`",
                ));
            }
            found.keep_record(record);
            *format
        }
    };
    print(app, format, &found, text);
    Ok(Exit::Ok)
}

fn text(found: &Quarantine) -> String {
    let mut out = String::new();
    for hold in &found.holds {
        let field = if hold.field.is_empty() { String::new() } else { format!(" {}", hold.field) };
        let _ = writeln!(
            out,
            "{} {}.{} {}{field}: {} since {}\n    {}",
            hold.sync,
            hold.system,
            hold.object,
            hold.record,
            hold.reason,
            hold.since,
            clean(&hold.detail, 200)
        );
    }
    for one in &found.put_off {
        let _ = writeln!(
            out,
            "{}.{} {}: put off until {} ({})\n    {}",
            one.system,
            one.object,
            one.record,
            one.not_before,
            count(u64::from(one.attempts), "try").replace("trys", "tries"),
            clean(&one.error, 200)
        );
    }
    if out.is_empty() {
        return "nothing is held\n".to_owned();
    }
    out.push_str("try again at the next run: twinmap retry [SYSTEM:ID...]\n");
    out
}
