//! `twinmap version`.

use super::App;
use super::error::CliResult;
use super::exit::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let version = env!("CARGO_PKG_VERSION");
    let plan = crate::plan::ir::FORMAT_VERSION;
    match args.format {
        Format::Text => app.term.out(&format!("twinmap {version} (sync plan format {plan}, edition 2026)\n")),
        Format::Json => {
            let value = serde_json::json!({
                "format_version": "1", "version": version, "sync_plan_format": plan, "editions": ["2026"],
            });
            app.term.out(&format!("{value}\n"));
        }
    }
    Ok(Exit::Ok)
}
