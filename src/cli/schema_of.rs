//! `twinmap schema-of`: the JSON Schemas of the machine formats. Offline.

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use crate::diag::suggest::nearest;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap schema-of check\n  twinmap schema-of --list")]
pub struct Args {
    /// A machine format, such as `check` or `plan`
    #[arg(required_unless_present = "list")]
    format: Option<String>,
    /// List the formats
    #[arg(long)]
    list: bool,
}

/// Name, what has this format, the schema.
const FORMATS: [(&str, &str, &str); 8] = [
    ("check", "check and lint --format json", include_str!("schemas/check.json")),
    ("drift", "drift and schema diff --format json", include_str!("schemas/drift.json")),
    ("plan", "plan --format json, and the files of plan -o", include_str!("schemas/plan.json")),
    ("reconcile", "a line of reconcile", include_str!("schemas/reconcile.json")),
    ("run", "run, apply and runs show --format json", include_str!("schemas/run.json")),
    ("show", "show --format json", include_str!("schemas/show.json")),
    ("snapshot", "the files schema/<env>/<system>.json", include_str!("schemas/snapshot.json")),
    ("test", "test --format json", include_str!("schemas/test.json")),
];

pub fn run(app: &App, args: &Args) -> CliResult {
    let Some(asked) = args.format.as_deref().filter(|_| !args.list) else {
        let lines: String = FORMATS.iter().map(|(name, what, _)| format!("{name:10} {what}\n")).collect();
        app.term.out(&lines);
        return Ok(Exit::Ok);
    };
    match FORMATS.iter().find(|(name, ..)| *name == asked) {
        Some((_, _, schema)) => app.term.out(schema),
        None => {
            let help = match nearest(asked, FORMATS.iter().map(|(name, ..)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`twinmap schema-of --list` names them".to_owned(),
            };
            return Err(CliError::usage(format!("there is no machine format `{asked}`"), help));
        }
    }
    Ok(Exit::Ok)
}
