//! `twinmap man`: the manual page, as roff.

use clap::CommandFactory as _;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::{App, Cli};

pub fn run(app: &App) -> CliResult {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
    rendered.map_err(|cause| CliError::Bug(format!("the manual page can't be rendered: {cause}")))?;
    app.term.out(&String::from_utf8_lossy(&page));
    Ok(Exit::Ok)
}
