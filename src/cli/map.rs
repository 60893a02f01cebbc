//! `twinmap map`: one sync's filters and rows over exported records. Offline.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::sink::Sink;
use super::{App, load, show, spool};
use crate::bulk::{BadEnd, Mapping, Totals, Wanted, pipe};
use crate::diag::suggest::nearest;
use crate::plan::SyncPlan;
use crate::plan::ir::{Side, SyncId};
use crate::report::clean;
use crate::testing::{Owners, Snapshots, asks_beyond};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap map accounts --from hubspot --in companies.jsonl --out accounts.jsonl\n  \
    zcat export.gz | twinmap map accounts --from hubspot --errors bad.jsonl > accounts.jsonl\n  \
    twinmap map accounts --from salesforce --plan acme.syncplan < accounts.jsonl\n\n\
    In: one record a line, in the CRM's own shape, or one page (`results`, `records`) a line; also records, pages or one\n\
    list of records over many lines, where problems count records as lines; or a table (`.csv`) whose columns are\n\
    named by fields or their labels.\n\
    Out: one record a line in the other CRM's shape, in the same order; blank fields are left out.\n\
    A field that is not in a record says nothing: a filter that reads it leaves the record out.\n    Links and associated records are not known here: fields that need them are reported as held."
)]
pub struct Args {
    /// The sync whose filters and rows are used
    sync: String,
    /// The connection whose records come in
    #[arg(long, value_name = "SYSTEM")]
    from: String,
    /// Read the records from this file; `-` or nothing reads stdin
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the records to this file; `-` or nothing writes stdout
    #[arg(long = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write what was wrong with single records to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// How many threads evaluate records
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
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
    let (id, side) = which(&plan, &args.sync, &args.from)?;
    let Some(mapping) = Mapping::new(&plan, id, side) else {
        return Err(CliError::Bug(format!("the plan's sync `{}` leads nowhere", args.sync)));
    };
    if mapping.filter().is_some_and(asks_beyond) {
        app.term
            .say("note: the filter asks for links, lists or associated records, which are not known here\n");
    }
    let context = Snapshots { plan: &plan, owners: &owners };
    let table = args.input.as_deref().filter(|path| spool::is_table(path));
    let from = plan.sync(id).map(|sync| {
        if side == Side::Left { Some(sync.left) } else { sync.arms.first().map(|arm| arm.right) }
    });
    let lines =
        table.zip(from.flatten()).map(|(path, object)| spool::records(path, &plan, object)).transpose()?;
    let (input, size, name) = open(lines.as_ref().map(|file| file.path()).or(args.input.as_deref()))?;
    let mut out = Sink::open(args.output.as_deref())?;
    let mut errors = args.errors.as_deref().map(|path| Sink::open(Some(path))).transpose()?;
    let bar = app.term.bar(size, "map");
    let mut shown = Vec::new();
    let mut bad = |bad: &BadEnd| match &mut errors {
        Some(errors) => {
            serde_json::to_writer(&mut *errors, bad)?;
            errors.write_all(b"\n")
        }
        None => {
            if shown.len() < 10 {
                shown.push(words(bad));
            }
            Ok(())
        }
    };
    let wanted = Wanted { out: &mut out, bad: &mut bad, progress: &mut |bytes| bar.inc(bytes) };
    let piped = pipe(&mapping, &context, input, usize::from(args.threads), wanted);
    bar.finish_and_clear();
    let totals = match piped {
        Ok(totals) => totals,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Ok),
        Err(error) => {
            return Err(CliError::File { action: "go on with", path: name, cause: error, help: None });
        }
    };
    out.finish()?;
    errors.map(Sink::finish).transpose()?;
    report(app, args, &totals, &shown);
    Ok(if totals.bad > 0 { Exit::Partial } else { Exit::Ok })
}

fn which(plan: &SyncPlan, sync: &str, from: &str) -> Result<(SyncId, Side), CliError> {
    let Some((id, found)) = plan.sync_named(sync) else {
        let names = plan.syncs.iter().map(|sync| sync.name.as_str());
        let help = match nearest(sync, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("this plan has {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(CliError::usage(format!("there is no sync `{sync}`"), help));
    };
    let system = |object| plan.object(object).and_then(|object| plan.system(object.system));
    let left = system(found.left).map_or("", |system| system.name.as_str());
    let right =
        found.arms.first().and_then(|arm| system(arm.right)).map_or("", |system| system.name.as_str());
    let (side, goes) = match from {
        _ if from == left => (Side::Left, found.direction.goes_right()),
        _ if from == right => (Side::Right, found.direction.goes_left()),
        _ => {
            let help = format!("it goes between `{left}` and `{right}`: --from {left} or --from {right}");
            return Err(CliError::usage(format!("sync `{sync}` has no side `{from}`"), help));
        }
    };
    if !goes {
        let other = if side == Side::Left { right } else { left };
        let help = format!("it goes the other way: --from {other}");
        return Err(CliError::usage(format!("sync `{sync}` takes nothing from `{from}`"), help));
    }
    Ok((id, side))
}

fn open(path: Option<&Path>) -> Result<(Box<dyn Read + Send>, u64, PathBuf), CliError> {
    match path.filter(|path| path.as_os_str() != "-") {
        None => Ok((Box::new(io::stdin()), 0, PathBuf::from("the standard streams"))),
        Some(path) => {
            let file = File::open(path).map_err(|cause| CliError::read(path, cause))?;
            let about = file.metadata().map_err(|cause| CliError::read(path, cause))?;
            if about.is_dir() {
                return Err(CliError::usage(format!("{} is a folder", path.display()), "name a file"));
            }
            Ok((Box::new(file), about.len(), path.to_owned()))
        }
    }
}

fn words(bad: &BadEnd) -> String {
    let id = bad.id.as_deref().map(|id| format!(", record {}", clean(id, 40))).unwrap_or_default();
    let field = bad.field.as_deref().map(|field| format!(", {field}")).unwrap_or_default();
    format!("  line {}{id}{field}: {}, {}\n", bad.line, bad.reason, clean(&bad.detail, 120))
}

fn report(app: &App, args: &Args, totals: &Totals, shown: &[String]) {
    let tally = totals.tally;
    let mut text = format!("{} read, {} written, {} left out", tally.read, tally.written, tally.skipped);
    if totals.bad == 0 {
        return app.term.say(&format!("{text}\n"));
    }
    text.push_str(&format!(", {} problem{}", totals.bad, if totals.bad == 1 { "" } else { "s" }));
    match &args.errors {
        Some(path) => text.push_str(&format!(": see {}\n", path.display())),
        None => {
            text.push_str(":\n");
            shown.iter().for_each(|line| text.push_str(line));
            if totals.bad > shown.len() as u64 {
                text.push_str("  and more: --errors FILE has them all\n");
            }
        }
    }
    app.term.err(&text);
}
