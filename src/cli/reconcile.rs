//! `twinmap reconcile`: what a run would change, from two exports and what both sides agreed on. Offline.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::sink::Sink;
use super::{App, load, operate, show, spool};
use crate::bulk::reconcile::{Export, Files, Setup, Source, Totals, Trouble, Wanted};
use crate::plan::SyncPlan;
use crate::plan::ir::{Expr, ObjectId, SyncId};
use crate::report::clean;
use crate::testing::{Owners, Snapshots, asks_beyond};

/// How a file begins that is a state.
const SQLITE: &[u8] = b"SQLite format 3\0";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap reconcile companies --left companies.jsonl --right accounts.jsonl --base agreed.jsonl\n  \
    twinmap reconcile companies --left companies.jsonl --right accounts.jsonl --base .twinmap/state.db --out changes.jsonl\n\n\
    Exports: one record a line in the CRM's own shape, or one page (`results`, `records`) a line, in any order; or\n\
    tables (`.csv`) whose columns are named by fields or their labels.\n\
    Base: what both sides held when they last agreed. The state of a project, or lines of\n  \
    {\"left\": RECORD, \"right\": RECORD}                        both records as they were\n  \
    {\"left\": ID, \"right\": ID, \"bases\": {ROW: [LEFT, RIGHT]}}  as `links show --format json` prints them\n  \
    RECORD                                                  an older export; the other side is then what the\n                                                          \
    mapping makes of it\n\
    Without a base every pair is a first sync. Pairs are those of the base, then the sync's match rules.\n\
    Out: one change or skip a line, as in `plan --format json`, then one line with the totals\n\
    (`twinmap schema-of reconcile`). Associations are not compared: their other ends are in other files.\n\
    Exit code 3 when a line, record or field could not be used; all others are processed."
)]
pub struct Args {
    /// The sync whose rules are used
    sync: String,
    /// The left side's records now
    #[arg(long, value_name = "FILE")]
    left: PathBuf,
    /// The right side's records now
    #[arg(long, value_name = "FILE")]
    right: PathBuf,
    /// What both sides agreed on: a state, or JSON lines
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Write the changes to this file; `-` or nothing writes stdout
    #[arg(long = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write what was wrong with single lines to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// How many threads read and compare (as many as there are processors)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Use this compiled sync plan instead of the project
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let (plan, owners) = match &args.plan {
        Some(file) => (show::read(&app.directory().join(file))?, Owners::new()),
        None => match load::plan(app, &app.project()?)? {
            Ok((plan, loaded)) => (plan, loaded.owners),
            Err(exit) => return Ok(exit),
        },
    };
    let id = operate::syncs(&plan, std::slice::from_ref(&args.sync))?.first().copied().unwrap_or(SyncId(0));
    let threads =
        args.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let Some(setup) = Setup::new(&plan, id, threads) else {
        return Err(CliError::Bug(format!("the plan's sync `{}` leads nowhere", args.sync)));
    };
    note(app, &plan, id);
    let sync = plan.sync(id);
    let tables = [
        table(&args.left, &plan, sync.map(|sync| sync.left))?,
        table(&args.right, &plan, sync.and_then(|sync| sync.arms.first()).map(|arm| arm.right))?,
    ];
    let [left, right] = tables.each_ref().map(|table| table.as_ref().map(|file| file.path()));
    let files = Files {
        left: export(left.unwrap_or(&args.left))?,
        right: export(right.unwrap_or(&args.right))?,
        base: args.base.as_deref().map_or(Ok(Source::Nothing), base)?,
    };
    let sink = Sink::open(args.output.as_deref())?;
    let mut out = BufWriter::with_capacity(64 << 10, sink);
    let mut errors = args.errors.as_deref().map(|path| Sink::open(Some(path))).transpose()?;
    let base_length = if let Source::Lines(export) = &files.base { export.length() } else { 0 };
    let bar = app.term.bar(files.left.length() + files.right.length() + base_length, "reconcile");
    let mut shown = Vec::new();
    let mut bad = |trouble: &Trouble| tell(trouble, errors.as_mut(), &mut shown);
    let wanted = Wanted { out: &mut out, bad: &mut bad, progress: &mut |bytes| bar.inc(bytes) };
    let done = setup.run(&files, &Snapshots { plan: &plan, owners: &owners }, wanted);
    bar.finish_and_clear();
    let totals = match done {
        Ok(totals) => totals,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Ok),
        Err(cause) => {
            let path = args.left.clone();
            return Err(CliError::File { action: "go on with", path, cause, help: None });
        }
    };
    let sink = out.into_inner().map_err(|error| {
        CliError::write(args.output.as_deref().unwrap_or(Path::new("stdout")), error.into_error())
    })?;
    sink.finish()?;
    errors.map(Sink::finish).transpose()?;
    report(app, args, &totals, &shown);
    Ok(if totals.problems > 0 { Exit::Partial } else { Exit::Ok })
}

/// What the sync asks that is not in the files.
fn note(app: &App, plan: &SyncPlan, id: SyncId) {
    let Some(sync) = plan.sync(id) else { return };
    let filters: Vec<&Expr> = sync.filter_left.iter().chain(&sync.filter_right).collect();
    if filters.iter().any(|filter| asks_beyond(filter)) {
        app.term.say("note: a filter asks for lists or associated records, which are not known here\n");
    }
    if sync.arms.iter().any(|arm| !arm.associations.is_empty()) {
        app.term.say("note: associations are not compared\n");
    }
}

/// A table's rows as lines, as long as the value lives.
fn table(path: &Path, plan: &SyncPlan, object: Option<ObjectId>) -> Result<Option<NamedTempFile>, CliError> {
    let object = object.filter(|_| spool::is_table(path));
    object.map(|object| spool::records(path, plan, object)).transpose()
}

fn export(path: &Path) -> Result<Export, CliError> {
    Export::new(path).map_err(|cause| CliError::read(path, cause))
}

fn base(path: &Path) -> Result<Source, CliError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut head));
    read.map_err(|cause| CliError::read(path, cause))?;
    if head == SQLITE { Ok(Source::State(path.to_owned())) } else { export(path).map(Source::Lines) }
}

fn tell(trouble: &Trouble, errors: Option<&mut Sink>, shown: &mut Vec<String>) -> io::Result<()> {
    if let Some(errors) = errors {
        serde_json::to_writer(&mut *errors, trouble)?;
        return errors.write_all(b"\n");
    }
    if shown.len() < 10 {
        let mut words = format!("  {}", trouble.file);
        if trouble.line > 0 {
            let _ = write!(words, " line {}", trouble.line);
        }
        if let Some(id) = &trouble.id {
            let _ = write!(words, ", record {}", clean(id, 40));
        }
        if let Some(field) = &trouble.field {
            let _ = write!(words, ", {field}");
        }
        let _ = writeln!(words, ": {}, {}", trouble.reason, clean(&trouble.detail, 120));
        shown.push(words);
    }
    Ok(())
}

fn report(app: &App, args: &Args, totals: &Totals, shown: &[String]) {
    let sum = &totals.summary;
    let mut text = format!(
        "{} and {} records, {} pairs of which {} are in step\n{} to create, {} to update, {} to delete, {} conflicts; \
         {} held, {} ambiguous, {} left alone\n",
        totals.left,
        totals.right,
        totals.pairs,
        totals.in_step,
        sum.create,
        sum.update,
        sum.delete,
        sum.conflicts,
        sum.hold,
        sum.ambiguous,
        sum.skip
    );
    if totals.problems == 0 {
        return app.term.say(&text);
    }
    let _ = write!(text, "{} problem{}", totals.problems, if totals.problems == 1 { "" } else { "s" });
    match &args.errors {
        Some(path) => {
            let _ = writeln!(text, ": see {}", path.display());
        }
        None => {
            text.push_str(":\n");
            shown.iter().for_each(|line| text.push_str(line));
            if totals.problems > shown.len() as u64 {
                text.push_str("  and more: --errors FILE has them all\n");
            }
        }
    }
    app.term.err(&text);
}
