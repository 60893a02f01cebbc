//! `twinmap lint`: like `check`, but a warning fails too; and which level each warning has in this project.

use super::App;
use super::config::LintLevel;
use super::error::CliResult;
use super::exit::Exit;
use super::findings::{self, FindingArgs};
use crate::diag::{Code, Severity};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap lint\n  twinmap lint --levels             every warning and its level\n  \
    twinmap lint mappings/deals.twin --format short\n\n\
    Levels are set in twinmap.toml:\n  [lint]\n  W409 = \"allow\"             # or its name: unmapped-stages\n  \
    W302 = \"error\"\n\nOne place is accepted in the mapping itself: `# allow W302: why`."
)]
pub struct Args {
    #[command(flatten)]
    findings: FindingArgs,
    /// List every warning with its level in this project
    #[arg(long)]
    levels: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    if args.levels {
        let set = &project.config.lint;
        for code in Code::all().filter(|code| code.severity() == Severity::Warning) {
            let level = set.get(code.id()).or_else(|| set.get(code.slug()));
            let word = match level {
                None => "warn",
                Some(LintLevel::Warn) => "warn (set)",
                Some(LintLevel::Allow) => "allow (set)",
                Some(LintLevel::Error) => "error (set)",
            };
            app.term.out(&format!("{}  {:28} {:12} {}\n", code.id(), code.slug(), word, code.info().title));
        }
        return Ok(Exit::Ok);
    }
    let found = findings::find(app, &project, &args.findings)?;
    findings::print(app, &project, &found, args.findings.format);
    Ok(if found.shown.is_empty() { Exit::Ok } else { Exit::Failure })
}
