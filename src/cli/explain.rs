//! `twinmap explain`: what a finding's code means.

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use crate::diag::codes::REGISTRY;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Severity};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap explain E201\n  twinmap explain unknown-field\n  twinmap explain --list"
)]
pub struct Args {
    /// A code such as `E201`, or its name such as `unknown-field`
    #[arg(required_unless_present = "list")]
    code: Option<String>,
    /// List every code
    #[arg(long)]
    list: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let Some(asked) = args.code.as_deref().filter(|_| !args.list) else {
        let lines: String =
            REGISTRY.iter().map(|info| format!("{}  {:32} {}\n", info.id, info.slug, info.title)).collect();
        app.term.out(&lines);
        return Ok(Exit::Ok);
    };
    let Some(code) = Code::find(&asked.to_ascii_uppercase()).or_else(|| Code::find(asked)) else {
        let known = REGISTRY.iter().flat_map(|info| [info.id, info.slug]);
        let near = nearest(asked, known).map_or_else(
            || "`twinmap explain --list` prints every code".to_owned(),
            |near| format!("did you mean `{near}`? `twinmap explain --list` prints every code"),
        );
        return Err(CliError::usage(format!("there is no finding `{asked}`"), near));
    };
    let info = code.info();
    let (word, effect) = match code.severity() {
        Severity::Error => ("error", "The program does not compile until this is mended."),
        _ => (
            "warning",
            "The program compiles. Accept it in place with `# allow CODE: reason`, or set its level under [lint].",
        ),
    };
    let effect = effect.replace("CODE", info.id);
    app.term.out(&format!(
        "{} {} ({word})\n\nFires when there is {}.\n{effect}\n",
        info.id, info.slug, info.title
    ));
    Ok(Exit::Ok)
}
