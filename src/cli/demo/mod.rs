//! `twinmap demo`: the main job end to end on the embedded sandbox, over real HTTP.
//!
//! Everything that a user would do with commands is done with the same code: scaffold, pull, check, compile, plan,
//! apply, edit on both sides, run, run again. At the end the servers' own counters say what was written.

mod linkedin;
mod people;
mod scaffold;

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Done, Job, drive};
use super::project::Project;
use super::schema::pull;
use super::{App, load};
use crate::engine::Options;
use crate::engine::report::RunReport;
use crate::plan::SyncPlan;
use crate::report::{changes, count, run as reports};
use crate::sandbox::Config;
use crate::sandbox::seed::Size;
use crate::sandbox::server::{self, Running};
use crate::state::{Link, Store};
use people::Edit;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap demo\n  twinmap demo linkedin\n  twinmap demo writeback\n  twinmap demo --dir /tmp/acme --keep\n  twinmap demo --companies 2000 --contacts 5000\n\n\
        Nothing outside its folder is touched, and no network but loopback is used."
)]
pub struct Args {
    /// Another demo: Sales Navigator with HubSpot, or its activities in Salesforce
    #[arg(value_enum, value_name = "WHAT")]
    variant: Option<Variant>,
    /// Folder for the project (must be new or empty). Default: a temporary one
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Leave the project's folder when the demo ends
    #[arg(long)]
    keep: bool,
    /// Seed of the made-up data
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Companies in the made-up world
    #[arg(long, value_name = "N", default_value_t = Size::default().companies)]
    companies: usize,
    /// People in the made-up world
    #[arg(long, value_name = "N", default_value_t = Size::default().contacts)]
    contacts: usize,
    /// Deals in the made-up world
    #[arg(long, value_name = "N", default_value_t = Size::default().deals)]
    deals: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Variant {
    /// HubSpot and Sales Navigator: connecting, lists, matches, attribution
    Linkedin,
    /// Activities of Sales Navigator in Salesforce
    Writeback,
}

struct Demo<'a> {
    app: &'a App,
    project: Project,
    sandbox: Running,
    step: u32,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    if let Some(variant) = args.variant {
        return linkedin::run(app, args, variant);
    }
    let started = Instant::now();
    let (folder, temporary) = folder(args)?;
    let size = Size { companies: args.companies, contacts: args.contacts, deals: args.deals };
    let sandbox = server::start(&Config { seed: args.seed, size, ..Config::default() }).map_err(|cause| {
        CliError::Remote { message: format!("the sandbox can't start: {cause}"), help: None }
    })?;
    scaffold::write(&folder, &sandbox)?;
    let mut inside = app.clone();
    inside.globals.directory = Some(folder.clone());
    inside.globals.env = None;
    let project = inside.project()?;
    let mut demo = Demo { app: &inside, project, sandbox, step: 0 };
    let exit = demo.play()?;
    demo.say(&format!("\nDone in {:.1} s{}.\n", started.elapsed().as_secs_f64(), peak_memory()));
    if args.keep || args.dir.is_some() {
        if let Some(temporary) = temporary {
            let _ = temporary.keep();
        }
        demo.say(&format!("The project is in {}.\n", folder.display()));
    }
    demo.say(NEXT);
    Ok(exit)
}

const NEXT: &str = "\nNext:\n  \
    twinmap demo --dir acme     the same, and the project stays to be read\n  \
    twinmap sandbox             the simulated CRMs, for as long as you like\n  \
    twinmap init my-project     a project for your own portal and org\n  \
    twinmap explain --list      everything that `check` can find\n";

/// The project's folder, and the guard that removes it when it is a temporary one.
fn folder(args: &Args) -> Result<(PathBuf, Option<tempfile::TempDir>), CliError> {
    let Some(dir) = &args.dir else {
        let temporary = tempfile::Builder::new().prefix("twinmap-demo-").tempdir();
        let temporary = temporary.map_err(|cause| CliError::write(Path::new("a temporary folder"), cause))?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    std::fs::create_dir_all(dir).map_err(|cause| CliError::write(dir, cause))?;
    let mut entries = std::fs::read_dir(dir).map_err(|cause| CliError::read(dir, cause))?;
    if entries.next().is_some() {
        return Err(CliError::usage(
            format!("{} is not empty", dir.display()),
            "name a new folder: the demo never overwrites files",
        ));
    }
    let whole = std::path::absolute(dir).map_err(|cause| CliError::read(dir, cause))?;
    Ok((whole, None))
}

impl Demo<'_> {
    fn say(&self, text: &str) {
        self.app.term.out(text);
    }

    fn heading(&mut self, text: &str) {
        self.step += 1;
        let line = format!("{}. {text}", self.step);
        let painted = if self.app.term.colour_out { format!("\u{1b}[1;36m{line}\u{1b}[0m") } else { line };
        self.say(&format!("\n{painted}\n"));
    }

    fn play(&mut self) -> CliResult {
        self.heading("Two simulated CRMs on loopback, and a project with three mappings");
        self.say(&format!("  HubSpot     {}\n", self.sandbox.hubspot.base_url));
        self.say(&format!("  Salesforce  {}\n\n", self.sandbox.salesforce.base_url));
        self.say(&scaffold::excerpt("mappings/companies.twin", 24));
        self.say("    ...\n");

        self.heading("twinmap schema pull: what fields, options and stages the CRMs have");
        pull::run(self.app, &pull::Args::everything())?;

        self.heading("twinmap check, compile: the mappings against those schemas");
        let plan = match load::plan(self.app, &self.project)? {
            Ok((plan, _)) => plan,
            Err(exit) => return Ok(exit),
        };
        let rows: usize = plan.syncs.iter().flat_map(|sync| &sync.arms).map(|arm| arm.rows.len()).sum();
        self.say(&format!(
            "  ok: {}, {}, nothing found; plan {}\n",
            count(plan.syncs.len() as u64, "sync"),
            count(rows as u64, "row"),
            plan.hash().get(..12).unwrap_or("")
        ));

        self.heading("twinmap plan: what would be done, field by field, both ways");
        let Done::Planned(set) = self.drive(&plan, &Job::Plan)? else { return Ok(Exit::Bug) };
        self.say(&changes::text(&set, self.app.term.colour_out, 2));

        self.heading("twinmap apply: exactly that");
        self.cycle(&plan, &Job::Apply(&set))?;

        self.heading("People edit on both sides");
        let edits = self.edits()?;
        for edit in &edits {
            self.say(&format!("  {}\n", edit.words()));
        }
        people::make(&self.sandbox, &edits)?;

        self.heading("twinmap run: the edits travel; the conflict goes by the rule");
        let Done::Planned(set) = self.drive(&plan, &Job::Plan)? else { return Ok(Exit::Bug) };
        self.say(&changes::text(&set, self.app.term.colour_out, 20));
        let second = self.cycle(&plan, &Job::Run)?;
        self.losses(&second)?;

        self.heading("twinmap run again: nothing is left to do");
        let third = self.cycle(&plan, &Job::Run)?;
        Ok(if third.counts.written() == 0 { Exit::Ok } else { Exit::Failure })
    }

    fn drive(&self, plan: &SyncPlan, job: &Job<'_>) -> Result<Done, CliError> {
        drive(self.app, &self.project, plan, &Options::default(), job)
    }

    /// One run, with the writes that the servers counted during it.
    fn cycle(&self, plan: &SyncPlan, job: &Job<'_>) -> Result<RunReport, CliError> {
        let before = self.writes();
        let Done::Ran(report) = self.drive(plan, job)? else {
            return Err(CliError::Bug("a run gave no report".to_owned()));
        };
        let after = self.writes();
        self.say(&indented(&reports::text(&report, self.app.term.colour_out)));
        self.say(&format!(
            "  writes as counted by the servers: hubspot {}, salesforce {}\n",
            after.0 - before.0,
            after.1 - before.1
        ));
        Ok(*report)
    }

    fn writes(&self) -> (u64, u64) {
        let stats = self.sandbox.log.stats();
        let of =
            |system: &str| stats.get(system).and_then(|kinds| kinds.get("mutations")).copied().unwrap_or(0);
        (of("hubspot"), of("salesforce"))
    }

    /// Three edits on three linked companies; the last one on both sides within five minutes.
    fn edits(&self) -> Result<Vec<Edit>, CliError> {
        let links = self.links("companies")?;
        let edit = |link: Option<&Link>, hubspot_side, field, value, by| {
            let link = link?;
            let (object, id) = if hubspot_side { ("company", &link.left) } else { ("Account", &link.right) };
            Some(Edit { hubspot_side, object, id: id.clone(), field, value, by })
        };
        let mut links = links.iter();
        let (first, second, third) = (links.next(), links.next(), links.next());
        Ok([
            edit(first, true, "phone", "+49 89 5550100", "Kim"),
            edit(second, false, "BillingCity", "Lisbon", "Ana"),
            edit(third, true, "city", "Rome", "Kim"),
            edit(third, false, "BillingCity", "Turin", "Ana"),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    fn links(&self, sync: &str) -> Result<Vec<Link>, CliError> {
        let path = self.project.state_file()?;
        let failed = |error| super::operate::state_failed(&error, &path);
        let store = Store::open_reading(&path).map_err(failed)?;
        Ok(match store {
            Some(store) => store.links(sync).map_err(failed)?,
            None => Vec::new(),
        })
    }

    /// What the rule overwrote, from the ledger.
    fn losses(&self, report: &RunReport) -> Result<(), CliError> {
        let path = self.project.state_file()?;
        let failed = |error| super::operate::state_failed(&error, &path);
        let Some(store) = Store::open_reading(&path).map_err(failed)? else { return Ok(()) };
        for row in store.ledger_of(&report.run).map_err(failed)? {
            self.say(&format!(
                "  overwritten, and kept in the ledger:\n    {}.{} {} {} {}\n",
                row.system, row.object, row.record, row.field, row.lost
            ));
        }
        Ok(())
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The most memory that this process had, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map(|kib| format!(", at most {} MB of memory (both CRMs included)", kib / 1024)).unwrap_or_default()
}
