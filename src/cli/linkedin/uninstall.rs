//! `twinmap uninstall`: ends the connection with Sales Navigator and all its flows. Asks for a typed phrase.

use super::{Access, Desk, confirmed, face, now};
use crate::cli::App;
use crate::cli::connections::block_on;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap uninstall salesnav\n  twinmap uninstall salesnav --confirm \"uninstall salesnav\"\n\n\
        What was written stays, links and matches are kept: connecting again makes nothing twice."
)]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// The phrase, for when nobody can be asked
    #[arg(long, value_name = "TEXT")]
    confirm: Option<String>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let mut desk = match Desk::open(app, args.system.as_deref(), Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    if desk.link.contract.is_empty() {
        app.term.out(&format!("{} is {}: there is nothing to end\n", desk.name, desk.link.words(now())));
        return Ok(Exit::Ok);
    }
    let what = format!("All flows between {} and {} end.", desk.crm_name, desk.name);
    confirmed(app, args.confirm.as_deref(), &format!("uninstall {}", desk.name), &what)?;
    let account = desk.navigator()?;
    let nav = face(&account)?;
    block_on(async {
        let mut link = desk.link.clone();
        let done = link.uninstall(nav, &desk.store, &desk.name, now()).await;
        done.map_err(|error| desk.engine(error))?;
        desk.link = link;
        app.term.out(&format!("{} is uninstalled\n", desk.name));
        Ok(Exit::Ok)
    })
}
