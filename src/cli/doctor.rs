//! `twinmap doctor`: whether the connections can do what the mappings ask of them, with a fix for what can't.

use std::collections::BTreeMap;

use super::App;
use super::connections;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use super::project::Project;
use super::rights::needed;
use super::schema::pull::{synced, wanted};
use crate::connect::Account;
use crate::connect::remote::{Identity, Remote, Reply, Request};
use crate::connect::setup::NeedState;
use crate::plan::ir::SyncPlan;
use crate::schema::import::empty;
use crate::schema::{System, SystemKind};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with 1 when something fails.\n\nExamples:\n  twinmap doctor\n  twinmap doctor --scopes   what to grant before connecting\n  twinmap doctor salesforce"
)]
pub struct Args {
    /// Connections to look at; all of them when none is named
    systems: Vec<String>,
    /// Say which scopes and rights the mappings need, and look at nothing
    #[arg(long)]
    scopes: bool,
}

/// Clocks that differ by more are worth a word: signed assertions live for two minutes.
const CLOCK_TOLERANCE: i64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Ok,
    Warn,
    Fail,
}

/// The findings of one look.
#[derive(Default)]
pub struct Sheet {
    pub text: String,
    pub failed: bool,
}

impl Sheet {
    pub fn line(&mut self, mark: Mark, what: &str, fix: &str) {
        let word = match mark {
            Mark::Ok => "ok  ",
            Mark::Warn => "warn",
            Mark::Fail => "FAIL",
        };
        self.failed |= mark == Mark::Fail;
        self.text.push_str(&format!("  {word}  {what}\n"));
        if !fix.is_empty() {
            self.text.push_str(&format!("        fix: {fix}\n"));
        }
    }

    pub fn error(&mut self, error: &CliError) {
        let fix = miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default();
        self.line(Mark::Fail, &error.to_string(), &fix);
    }
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let mut failed = false;
    let (plan, snapshots, own) = program(&project);
    if args.scopes {
        return scopes(app, plan.as_ref(), &own);
    }
    app.term.out(&format!("project\n{}", own.text));
    failed |= own.failed;
    for name in &args.systems {
        connections::find(&project, name)?;
    }
    for (name, connection) in project.connections() {
        let asked = args.systems.is_empty() || args.systems.contains(&name);
        if !asked || !matches!(connection.kind, SystemKind::Hubspot | SystemKind::Salesforce) {
            continue;
        }
        let mut sheet = Sheet::default();
        let look = Look {
            project: &project,
            name: &name,
            kind: connection.kind,
            plan: plan.as_ref(),
            known: snapshots.get(&name),
        };
        if let Err(error) = look.all(&mut sheet) {
            sheet.error(&error);
        }
        app.term.out(&format!("{name}\n{}", sheet.text));
        failed |= sheet.failed;
    }
    failed |= super::linkedin::doctor::look(app, &project, plan.as_ref(), &args.systems)?;
    Ok(if failed { Exit::Failure } else { Exit::Ok })
}

/// What to give the integration before it is connected: this much and no more.
fn scopes(app: &App, plan: Option<&SyncPlan>, own: &Sheet) -> CliResult {
    let Some(plan) = plan else {
        app.term.out(&format!("project\n{}", own.text));
        return Ok(Exit::Failure);
    };
    for (system, rights) in needed(plan) {
        app.term.out(&format!("{system}\n"));
        for right in rights {
            app.term.out(&format!("  {right}\n"));
        }
    }
    Ok(Exit::Ok)
}

/// The compiled program, the snapshots, and whether they are sound.
fn program(project: &Project) -> (Option<SyncPlan>, BTreeMap<String, System>, Sheet) {
    let mut sheet = Sheet::default();
    let snapshots = match load::schemas(project) {
        Ok((schemas, _)) => schemas.systems,
        Err(error) => {
            sheet.error(&error);
            BTreeMap::new()
        }
    };
    let mut plan = None;
    match load::program(project) {
        Ok(loaded) => {
            let errors = loaded.errors();
            plan = loaded.plan;
            match errors {
                0 => sheet.line(Mark::Ok, "the mappings compile", ""),
                _ => sheet.line(Mark::Fail, &format!("the mappings have {errors} errors"), "`twinmap check`"),
            }
        }
        Err(error) => sheet.error(&error),
    }
    match project.state_file() {
        Ok(path) => {
            let folder = path.parent().unwrap_or(&project.root);
            let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(&project.root);
            match tempfile::NamedTempFile::new_in(there) {
                Ok(_) => sheet.line(Mark::Ok, "the state's folder can be written", ""),
                Err(error) => sheet.line(
                    Mark::Fail,
                    &format!("the state's folder {} can't be written: {error}", there.display()),
                    "make it writable for this user",
                ),
            }
        }
        Err(error) => sheet.error(&error),
    }
    (plan, snapshots, sheet)
}

struct Look<'a> {
    project: &'a Project,
    name: &'a str,
    kind: SystemKind,
    plan: Option<&'a SyncPlan>,
    known: Option<&'a System>,
}

impl Look<'_> {
    fn all(&self, sheet: &mut Sheet) -> Result<(), CliError> {
        let account = connections::open(self.project, self.name)?;
        let objects = wanted(self.project, self.name, self.kind, &[])?;
        let records = synced(self.project, self.name, self.kind, &[])?;
        let failed = |error| connections::failed(self.kind, error);
        connections::block_on(async {
            let Reply::Identity(identity) = account.call(Request::Identity).await.map_err(failed)? else {
                return Err(CliError::Bug("an identity was asked for".to_owned()));
            };
            self.identity(sheet, &identity);
            let mut live = empty(self.kind);
            match account.pull(&objects, &mut live).await {
                Ok(gaps) => {
                    for gap in gaps {
                        sheet.line(
                            Mark::Warn,
                            &gap,
                            "give the integration user or app this right if a mapping needs it",
                        );
                    }
                    self.fields(sheet, &live);
                }
                Err(error) => sheet.error(&failed(error)),
            }
            // Not every answer tells the day's calls; by now one has.
            budget(sheet, &account);
            for need in account.needs(&records).await.map_err(failed)? {
                let path = format!("{}.{}", need.object, need.field);
                match need.state {
                    NeedState::Present => sheet.line(Mark::Ok, &format!("{path} is there"), ""),
                    NeedState::Missing => sheet.line(
                        Mark::Warn,
                        &format!("{path} is missing: creates into {} can't be exactly-once", need.object),
                        &format!(
                            "`twinmap setup {} --yes`, then `twinmap schema pull {}`",
                            self.name, self.name
                        ),
                    ),
                    NeedState::Unusable(why) => sheet.line(Mark::Fail, &format!("{path}: {why}"), ""),
                }
            }
            Ok(())
        })
    }

    fn identity(&self, sheet: &mut Sheet, identity: &Identity) {
        let who = match identity.user.is_empty() {
            true => String::new(),
            false => format!(" as user {}", identity.user),
        };
        sheet.line(Mark::Ok, &format!("signed in to account {}{who}", identity.account), "");
        let known = self.known.map_or("", |known| known.account.id.as_str());
        // A snapshot may hold the short form of an id.
        if !known.is_empty() && !identity.account.starts_with(known.get(..15).unwrap_or(known)) {
            sheet.line(
                Mark::Fail,
                &format!("the snapshot is of account {known}"),
                "check the credentials and `--env`, or pull the schema anew",
            );
        }
        let offset = jiff::Timestamp::now().as_millisecond() - identity.server_time.0;
        match offset.abs() > CLOCK_TOLERANCE {
            true => sheet.line(
                Mark::Warn,
                &format!("this machine's clock is {} seconds off the server's", offset / 1_000),
                "synchronise the clock (NTP)",
            ),
            false => sheet.line(Mark::Ok, "the clocks agree", ""),
        }
    }

    /// Every field that the plan uses, against what this user sees now.
    fn fields(&self, sheet: &mut Sheet, live: &System) {
        let Some(plan) = self.plan else { return };
        let (mut checked, before) = (0, sheet.text.len());
        for object in &plan.objects {
            let own = plan.system(object.system).is_some_and(|system| system.name == self.name);
            let Some((_, found)) = live.object(&object.name).filter(|_| own) else { continue };
            for field in &object.fields {
                checked += 1;
                let path = format!("{}.{}", object.name, field.name);
                let fix = "give this user or app access to the field, or `twinmap schema pull` and mend the mapping";
                match found.fields.get(&field.name) {
                    None => sheet.line(
                        Mark::Fail,
                        &format!("{path} is mapped, and is not there or hidden from this user"),
                        fix,
                    ),
                    Some(now) if field.updateable && !now.updateable => {
                        sheet.line(Mark::Fail, &format!("{path} can no longer be written by this user"), fix);
                    }
                    Some(now) if now.ty != field.ty => sheet.line(
                        Mark::Warn,
                        &format!("{path} is {} now, {} in the snapshot", now.ty, field.ty),
                        "`twinmap schema pull`, then `twinmap check`",
                    ),
                    Some(_) => {}
                }
            }
        }
        if sheet.text.len() == before {
            sheet.line(
                Mark::Ok,
                &format!("all {checked} mapped fields are there with the rights they need"),
                "",
            );
        }
    }
}

fn budget(sheet: &mut Sheet, account: &Account) {
    let Some(daily) = account.daily() else { return };
    let words = format!("API calls of the day: {} of {} used", daily.used, daily.max);
    if daily.below(1) {
        sheet.line(Mark::Fail, &words, "wait for the reset, or buy more calls");
    } else if daily.below(20) {
        sheet.line(Mark::Warn, &words, "find out what else uses them");
    } else {
        sheet.line(Mark::Ok, &words, "");
    }
}
