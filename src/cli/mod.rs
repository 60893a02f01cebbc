//! The command line: arguments, dispatch, exit codes. One file per command; this file only routes.
//!
//! A command is `pub fn run(app: &App, args: Args) -> CliResult` in a file named after it. It prints its result with
//! `app.term.out`, everything else with `app.term.say`, and returns an [`exit::Exit`].

pub mod config;
pub mod error;
pub mod exit;
pub mod project;
pub mod term;

mod apply;
mod backfill;
mod base;
mod check;
mod compile;
mod completions;
mod conflicts;
mod connections;
mod demo;
mod doctor;
mod drift;
mod explain;
mod explain_field;
mod explain_operations;
mod findings;
mod fmt;
mod forget;
mod graph;
mod import;
mod init;
mod linkedin;
mod links;
mod lint;
mod load;
mod lsp;
mod man;
mod map;
mod operate;
mod output;
mod plan;
mod quarantine;
mod reconcile;
mod resync;
mod retry;
mod rights;
mod run;
mod runs;
mod sandbox;
mod schema;
mod schema_of;
mod scope;
mod setup;
mod show;
mod sink;
mod spool;
mod stages;
mod state;
mod status;
mod target;
mod test;
mod undo;
mod verify;
mod version;
mod why;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use error::{CliError, CliResult};
use exit::Exit;
use project::Project;
use term::{ColourChoice, Term};

/// Keeps CRMs in step from mapping files in git: check, plan, apply, explain, undo.
#[derive(Debug, Parser)]
#[command(name = "twinmap", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Start here:\n  twinmap demo              see the main job on simulated CRMs, nothing to set up\n  \
    twinmap init my-project   scaffold a project\n  twinmap explain E201      what a finding means and how to mend it"
)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Globals {
    /// Work in this folder's project instead of the current one
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Environment of `twinmap.toml` to use
    #[arg(long, global = true, env = "TWINMAP_ENV", value_name = "NAME")]
    pub env: Option<String>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColourChoice,
    /// Never ask a question (as when CI is set or there is no terminal)
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a project, or draft its mappings from the schemas
    Init(init::Args),
    /// The main job end to end on simulated CRMs; nothing to set up
    Demo(demo::Args),
    /// Parse and type-check the mappings against the snapshots
    Check(check::Args),
    /// Like `check`, but warnings fail too
    Lint(lint::Args),
    /// Run the unit tests of the mappings
    Test(test::Args),
    /// Dry-run: what a run would do now, field by field, both ways
    Plan(plan::Args),
    /// Make exactly the changes of a reviewed change set
    Apply(apply::Args),
    /// One incremental cycle within the guards
    Run(run::Args),
    /// What the state knows: links, what is due or held, the last runs
    Status(status::Args),
    /// The runs on record: what each wrote and overwrote
    Runs(runs::Args),
    /// Take back what a run wrote, where it still stands
    Undo(undo::Args),
    /// What decides about one record, and what a run would do with it
    Why(why::Args),
    /// Compare linked pairs by what the mappings mean
    Verify(verify::Args),
    /// Sync one record now, making its counterpart even if no rule asks for it
    Resync(resync::Args),
    /// Let records take part that were there before a sync started
    Import(import::Args),
    /// Bring a field of every linked pair in step
    Backfill(backfill::Args),
    /// What is not written, and why
    Quarantine(quarantine::Args),
    /// Fields that were edited on both sides and wait for a person
    Conflicts(conflicts::Args),
    /// Try held records again at the next run
    Retry(retry::Args),
    /// Which records are pairs, and corrections by hand
    Links(links::Args),
    /// Join a Sales Navigator contract with the CRM, step by step
    Connect(linkedin::connect::Args),
    /// A seat holder signs in for writeback
    ConnectUser(linkedin::connect::UserArgs),
    /// Let data flow through a Sales Navigator connection
    Start(linkedin::start::Args),
    /// Stop the flow without uninstalling
    Pause(linkedin::start::PauseArgs),
    /// Let a paused connection go on
    Resume(linkedin::start::PauseArgs),
    /// End a Sales Navigator connection
    Uninstall(linkedin::uninstall::Args),
    /// Sync with Sales Navigator from the beginning
    Reset(linkedin::reset::Args),
    /// Whom LinkedIn takes the CRM's records for, and corrections by hand
    Match(linkedin::matches::Args),
    /// Test, preview and count the writeback of activities
    Writeback(linkedin::writeback::Args),
    /// Which LinkedIn campaigns had a part in which deals
    Attribution(linkedin::attribution::Args),
    /// Activities that hang on no record yet
    Unresolved(linkedin::unresolved::Args),
    /// Take a record's values out of the state
    Forget(forget::Args),
    /// Whether the state file is sound
    State(state::Args),
    /// Run one sync's filters and rows over exported records; offline
    Map(map::Args),
    /// What a run would change, from two exports and what both sides agreed on; offline
    Reconcile(reconcile::Args),
    /// Write the executable sync plan
    Compile(compile::Args),
    /// Lay out mapping files
    Fmt(fmt::Args),
    /// Say what a finding's code means, or what the rows of a field do
    Explain(explain::Args),
    /// Say a sync plan in words
    Show(show::Args),
    /// Look at the CRMs' fields, or import saved answers
    Schema(schema::Args),
    /// Make the fields that exactly-once creation needs; shows them first
    Setup(setup::Args),
    /// Check credentials, permissions, fields, limits and clocks of the connections
    Doctor(doctor::Args),
    /// Say what changes of the schemas mean for the mappings
    Drift(drift::Args),
    /// Draw which objects sync with which
    Graph(graph::Args),
    /// Propose stage maps
    Stages(stages::Args),
    /// Print the JSON Schema of a machine format
    SchemaOf(schema_of::Args),
    /// Run simulated CRMs on this machine
    Sandbox(sandbox::Args),
    /// Serve editors: findings, fixes, hover, formatting
    Lsp(lsp::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page
    Man,
    /// Print the version and what it was built with
    Version(version::Args),
}

/// What every command gets: how to talk, and where it was started.
#[derive(Debug, Clone)]
pub struct App {
    pub term: Term,
    pub globals: Globals,
}

impl App {
    /// The folder that the command works in.
    pub fn directory(&self) -> PathBuf {
        self.globals.directory.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    pub fn project(&self) -> Result<Project, CliError> {
        Project::open(&self.directory(), self.globals.env.as_deref())
    }
}

/// Parses the process's arguments, runs the command and says how it went.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let term = Term::new(cli.globals.color, cli.globals.no_input, cli.globals.quiet);
    let app = App { term, globals: cli.globals.clone() };
    match dispatch(&app, cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            term.err(&error.render(term.colour_err));
            error.exit()
        }
    }
}

fn dispatch(app: &App, command: Command) -> CliResult {
    match command {
        Command::Init(args) => init::run(app, &args),
        Command::Setup(args) => setup::run(app, &args),
        Command::Doctor(args) => doctor::run(app, &args),
        Command::Drift(args) => drift::run(app, &args),
        Command::Graph(args) => graph::run(app, &args),
        Command::Stages(args) => stages::run(app, &args),
        Command::Demo(args) => demo::run(app, &args),
        Command::Check(args) => check::run(app, &args),
        Command::Lint(args) => lint::run(app, &args),
        Command::Test(args) => test::run(app, &args),
        Command::Plan(args) => plan::run(app, &args),
        Command::Apply(args) => apply::run(app, &args),
        Command::Run(args) => run::run(app, &args),
        Command::Status(args) => status::run(app, &args),
        Command::Runs(args) => runs::run(app, &args),
        Command::Undo(args) => undo::run(app, &args),
        Command::Why(args) => why::run(app, &args),
        Command::Verify(args) => verify::run(app, &args),
        Command::Resync(args) => resync::run(app, &args),
        Command::Import(args) => import::run(app, &args),
        Command::Backfill(args) => backfill::run(app, &args),
        Command::Quarantine(args) => quarantine::run(app, &args),
        Command::Conflicts(args) => conflicts::run(app, &args),
        Command::Retry(args) => retry::run(app, &args),
        Command::Links(args) => links::run(app, &args),
        Command::Connect(args) => linkedin::connect::run(app, &args),
        Command::ConnectUser(args) => linkedin::connect::user(app, &args),
        Command::Start(args) => linkedin::start::run(app, &args),
        Command::Pause(args) => linkedin::start::pause(app, &args, linkedin::start::Pause::Stop),
        Command::Resume(args) => linkedin::start::pause(app, &args, linkedin::start::Pause::GoOn),
        Command::Uninstall(args) => linkedin::uninstall::run(app, &args),
        Command::Reset(args) => linkedin::reset::run(app, &args),
        Command::Match(args) => linkedin::matches::run(app, &args),
        Command::Writeback(args) => linkedin::writeback::run(app, &args),
        Command::Attribution(args) => linkedin::attribution::run(app, &args),
        Command::Unresolved(args) => linkedin::unresolved::run(app, &args),
        Command::Forget(args) => forget::run(app, &args),
        Command::State(args) => state::run(app, &args),
        Command::Map(args) => map::run(app, &args),
        Command::Reconcile(args) => reconcile::run(app, &args),
        Command::Compile(args) => compile::run(app, &args),
        Command::Fmt(args) => fmt::run(app, &args),
        Command::Explain(args) => explain::run(app, &args),
        Command::Show(args) => show::run(app, &args),
        Command::Schema(args) => schema::run(app, &args),
        Command::SchemaOf(args) => schema_of::run(app, &args),
        Command::Sandbox(args) => sandbox::run(app, &args),
        Command::Lsp(_) => lsp::run(app),
        Command::Completions(args) => completions::run(app, &args),
        Command::Man => man::run(app),
        Command::Version(args) => version::run(app, &args),
    }
}
