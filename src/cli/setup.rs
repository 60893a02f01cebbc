//! `twinmap setup SYSTEM`: makes the fields that exactly-once creation needs, and shows them first.

use super::App;
use super::connections;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::schema::pull::synced;
use crate::connect::setup::{Need, NeedState};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap setup hubspot\n  twinmap setup salesforce --yes")]
pub struct Args {
    /// The connection
    system: String,
    /// An object besides those that the mappings name
    #[arg(long = "object", value_name = "OBJECT")]
    objects: Vec<String>,
    /// Make what is missing without asking
    #[arg(long)]
    yes: bool,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let name = &args.system;
    let kind = connections::find(&project, name)?.kind;
    let objects = synced(&project, name, kind, &args.objects)?;
    let account = connections::open(&project, name)?;
    let failed = |error| connections::failed(kind, error);
    let needs = connections::block_on(async { account.needs(&objects).await.map_err(failed) })?;
    app.term.out(&shown(&needs));
    if let Some(need) = needs.iter().find(|need| matches!(need.state, NeedState::Unusable(_))) {
        return Err(CliError::Remote {
            message: format!("{name}: {}.{} can't be used as it is", need.object, need.field),
            help: Some("see the line above; nothing was made".to_owned()),
        });
    }
    let missing: Vec<&Need> = needs.iter().filter(|need| need.state == NeedState::Missing).collect();
    if missing.is_empty() {
        app.term.say("everything is there\n");
        return Ok(Exit::Ok);
    }
    let question =
        format!("Make {} field{} in {name}?", missing.len(), if missing.len() == 1 { "" } else { "s" });
    let agreed = args.yes || (app.term.interactive && app.term.confirm(&question));
    if !agreed {
        app.term.err("nothing was made: `--yes` makes what is missing\n");
        return Ok(Exit::Ok);
    }
    connections::block_on(async {
        for need in missing {
            account.provide(need).await.map_err(failed)?;
            app.term.out(&format!("made {}.{}\n", need.object, need.field));
        }
        Ok(())
    })?;
    app.term.say(&format!("now fetch the schema again: `twinmap schema pull {name}`\n"));
    Ok(Exit::Ok)
}

fn shown(needs: &[Need]) -> String {
    let width = needs.iter().map(|need| need.object.len() + need.field.len() + 1).max().unwrap_or(0);
    let line = |need: &Need| {
        let path = format!("{}.{}", need.object, need.field);
        match &need.state {
            NeedState::Present => format!("  ok    {path:width$}  {}\n", need.what),
            NeedState::Missing => format!("  make  {path:width$}  {}\n", need.what),
            NeedState::Unusable(why) => format!("  FAIL  {path:width$}  {why}\n"),
        }
    };
    needs.iter().map(line).collect()
}
