//! `twinmap start`, `pause`, `resume`: whether data flows through a connection that stands.

use serde_json::json;

use super::{Access, Desk, face, now};
use crate::cli::App;
use crate::cli::connections::block_on;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::connect::Account;
use crate::connect::remote::{Remote, Request};
use crate::connect::salesnav::{SalesNav, api};
use crate::engine::linkedin::cycle::navigator_of;
use crate::plan::ir::SyncId;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap start salesnav\n  twinmap start salesnav --writeback all\n  \
        twinmap start salesnav --writeback inmails,notes\n\n\
        Owners, companies, contacts and deals are started together or not at all. `--writeback` sets the master switch\n\
        of the admin settings: it is off by default, and each seat holder has to sign in as well.")]
pub struct Args {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
    /// Let activities flow back: `all`, or kinds such as `inmails,notes`; `off` ends it
    #[arg(long, value_name = "ITEMS")]
    writeback: Option<String>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let mut desk = match Desk::open(app, args.system.as_deref(), Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    desk.live()?;
    let account = desk.navigator()?;
    let nav = face(&account)?;
    let crm = desk.crm_account()?;
    block_on(async {
        if let Some(items) = &args.writeback {
            switch(app, &desk, nav, items).await?;
        }
        // Everything is tried before anything is started.
        let objects = try_all(&desk, nav, &crm).await?;
        desk.link.started = true;
        desk.link.paused = false;
        desk.link.objects.clone_from(&objects);
        let mut link = desk.link.clone();
        link.refresh(nav).await.map_err(|error| desk.engine(error))?;
        desk.link = link;
        desk.link.save(&desk.store, &desk.name).map_err(|error| desk.state(error))?;
        let detail = json!({ "system": desk.name, "objects": objects });
        desk.store.nav_audit(now(), "start", &detail).map_err(|error| desk.state(error))?;
        app.term.out(&format!("{} started: {}\n", desk.name, objects.join(", then ")));
        app.term.out("the next `twinmap run` moves data\n");
        Ok(Exit::Ok)
    })
}

/// The object pairs of the program in the order in which they start, each readable on both sides.
async fn try_all(desk: &Desk, nav: &SalesNav, crm: &Account) -> Result<Vec<String>, CliError> {
    let failed = |error| desk.failed(error);
    crm.call(Request::Owners).await.map_err(failed)?;
    api::seats(nav, &desk.link.contract).await.map_err(failed)?;
    let mut objects = vec!["owners".to_owned()];
    for index in 0..desk.plan.syncs.len() {
        let id = SyncId(u32::try_from(index).unwrap_or(u32::MAX));
        if navigator_of(&desk.plan, id) != Some(desk.system) {
            continue;
        }
        let Some(sync) = desk.plan.sync(id) else { continue };
        for end in std::iter::once(sync.left).chain(sync.arms.iter().map(|arm| arm.right)) {
            let Some(object) = desk.plan.object(end).filter(|object| object.system == desk.crm) else {
                continue;
            };
            let request =
                Request::Changed { object: object.name.as_str().into(), since: now(), after: None, limit: 1 };
            crm.call(request).await.map_err(|error| CliError::Remote {
                message: format!(
                    "{}.{} can't be read: {error}; nothing was started",
                    desk.crm_name, object.name
                ),
                help: Some("give the connection's user this right, then start again".to_owned()),
            })?;
            objects.push(format!("{} ({})", sync.name, object.name));
        }
    }
    Ok(objects)
}

async fn switch(app: &App, desk: &Desk, nav: &SalesNav, items: &str) -> Result<(), CliError> {
    let set = match items {
        "off" => json!({ "writeback": false }),
        "all" => json!({ "writeback": true, "writebackItems": ["ALL"] }),
        some => {
            let mut kinds = Vec::new();
            for word in some.split(',').map(str::trim) {
                let known = crate::schema::salesnav::ACTIVITIES.iter().find(|(_, plural)| *plural == word);
                let Some((kind, _)) = known else {
                    let all = crate::schema::salesnav::ACTIVITIES.map(|(_, plural)| plural);
                    let near = crate::diag::suggest::nearest(word, all);
                    let help = near.map_or(format!("there are: all, off, {}", all.join(", ")), |near| {
                        format!("did you mean `{near}`?")
                    });
                    return Err(CliError::usage(format!("`{word}` is no kind of activity"), help));
                };
                kinds.push(kind.to_uppercase());
            }
            json!({ "writeback": true, "writebackItems": kinds })
        }
    };
    let settings =
        api::set_settings(nav, &desk.link.contract, set).await.map_err(|error| desk.failed(error))?;
    let word = if settings.writeback { "on" } else { "off" };
    app.term.out(&format!("writeback: {word} in the admin settings\n"));
    Ok(())
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap pause salesnav\n  twinmap resume salesnav\n\n\
    What changes meanwhile is not lost: it flows when the connection is resumed.")]
pub struct PauseArgs {
    /// The Sales Navigator connection (the only one when left out)
    system: Option<String>,
}

/// Stops the flow, or lets it go on.
pub fn pause(app: &App, args: &PauseArgs, paused: Pause) -> CliResult {
    let mut desk = match Desk::open(app, args.system.as_deref(), Access::Change)? {
        Ok(desk) => desk,
        Err(exit) => return Ok(exit),
    };
    desk.live()?;
    desk.link.paused = paused == Pause::Stop;
    let what = if paused == Pause::Stop { "pause" } else { "resume" };
    let kept = desk.store.atomically(|store| {
        desk.link.save(store, &desk.name)?;
        store.nav_audit(now(), what, &json!({ "system": desk.name }))
    });
    kept.map_err(|error| desk.state(error))?;
    app.term.out(&format!("{} is {}\n", desk.name, desk.link.words(now())));
    Ok(Exit::Ok)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    Stop,
    GoOn,
}
