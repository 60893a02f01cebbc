//! `twinmap show`: a sync plan in words, from a file or of the project at hand. Offline.

use std::path::PathBuf;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::{App, load};
use crate::plan::SyncPlan;
use crate::plan::show::{describe, text};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap show                      the plan of this project\n  \
    twinmap show acme.syncplan        a compiled plan, without its source\n  \
    twinmap show --sync deals         one sync only\n  \
    twinmap show --format json | jq '.syncs[].flows'")]
pub struct Args {
    /// A file that `twinmap compile` wrote. Default: the project's program
    file: Option<PathBuf>,
    /// Show these syncs only
    #[arg(long = "sync", value_name = "NAME")]
    syncs: Vec<String>,
    /// Show every row of every value map
    #[arg(long)]
    full: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, 80 columns
    Text,
    /// One JSON document
    Json,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let plan = match &args.file {
        Some(file) => read(&app.directory().join(file))?,
        None => {
            let project = app.project()?;
            match load::plan(app, &project)? {
                Ok((plan, _)) => plan,
                Err(exit) => return Ok(exit),
            }
        }
    };
    let mut sheet = describe(&plan);
    if let Some(unknown) = args.syncs.iter().find(|name| plan.sync_named(name).is_none()) {
        let names = plan.syncs.iter().map(|sync| sync.name.as_str());
        let help = match crate::diag::suggest::nearest(unknown, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("this plan has {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(CliError::usage(format!("there is no sync `{unknown}`"), help));
    }
    if !args.syncs.is_empty() {
        sheet.syncs.retain(|sync| args.syncs.contains(&sync.name));
    }
    match args.format {
        Format::Text => {
            let detail = if args.full { text::Detail::Full } else { text::Detail::Short };
            app.term.out(&text::render(&sheet, detail));
        }
        Format::Json => {
            let mut document = serde_json::to_string_pretty(&sheet).unwrap_or_default();
            document.push('\n');
            app.term.out(&document);
        }
    }
    Ok(Exit::Ok)
}

/// A compiled plan from a file.
pub fn read(path: &std::path::Path) -> Result<SyncPlan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CliError::read(path, cause))?;
    SyncPlan::from_json(&text).map_err(|bad| CliError::Artefact {
        message: format!("{}: {bad}", path.display()),
        help: Some("compile it anew with `twinmap compile -o FILE`".to_owned()),
    })
}
