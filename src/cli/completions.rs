//! `twinmap completions SHELL`.

use clap::CommandFactory as _;

use super::error::CliResult;
use super::exit::Exit;
use super::{App, Cli};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  twinmap completions bash > ~/.local/share/bash-completion/completions/twinmap"
)]
pub struct Args {
    /// Which shell to write for
    shell: clap_complete::Shell,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "twinmap", &mut script);
    app.term.out(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
