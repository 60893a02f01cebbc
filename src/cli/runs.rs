//! `twinmap runs`: the runs on record, what each wrote, and what it overwrote. Offline.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::state_failed;
use super::output::{Format, print};
use crate::connect::remote::AssociateAction;
use crate::engine::ops::{Op, OpKind};
use crate::merge::change;
use crate::report::{clean, count};
use crate::state::{Finished, LedgerRow, RunRow, Store};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap runs ls\n  twinmap runs show latest\n  twinmap runs show r20260131-101500-abcde --format json | jq .ledger"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the runs, newest first
    Ls {
        /// At most this many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
    /// What one run wrote, what failed, and every edit that it overwrote
    Show {
        /// Id of the run, or `latest`
        run: String,
        /// How to print it
        #[arg(long, value_enum, default_value = "text", value_name = "F")]
        format: Format,
    },
}

#[derive(Debug, Serialize)]
struct Summary {
    run: String,
    kind: String,
    outcome: String,
    started: String,
    ended: Option<String>,
    counts: Json,
}

#[derive(Debug, Serialize)]
struct List {
    format_version: &'static str,
    runs: Vec<Summary>,
}

/// One operation of a run, from the journal.
#[derive(Debug, Serialize)]
struct Written {
    op: String,
    sync: String,
    system: String,
    object: String,
    record: String,
    action: &'static str,
    /// `ok`, `refused`, `stale`, ...; `unknown` while nobody knows.
    result: String,
    detail: String,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    name: String,
    before: Json,
    after: Json,
    rule: String,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open_reading(&path).map_err(failed)?;
    match &args.action {
        Action::Ls { limit, format } => {
            let runs = store.map(|store| store.runs(*limit)).transpose().map_err(failed)?.unwrap_or_default();
            let list = List { format_version: "1", runs: runs.into_iter().map(summary).collect() };
            print(app, *format, &list, list_text);
        }
        Action::Show { run, format } => {
            let store = store.ok_or_else(|| unknown(run))?;
            let found = match run.as_str() {
                "latest" => store.runs(1).map_err(failed)?.pop(),
                id => store.run(id).map_err(failed)?,
            };
            let found = found.ok_or_else(|| unknown(run))?;
            let written = store.intents_of(&found.id).map_err(failed)?;
            let ledger = store.ledger_of(&found.id).map_err(failed)?;
            let written: Vec<Written> = written.iter().map(written_of).collect();
            match format {
                Format::Json => print(app, *format, &document(&found, &written, &ledger), |_| String::new()),
                Format::Text => app.term.out(&show_text(&found, &written, &ledger)),
            }
        }
    }
    Ok(Exit::Ok)
}

fn unknown(run: &str) -> CliError {
    CliError::usage(format!("there is no run `{run}`"), "`twinmap runs ls` lists them")
}

fn summary(run: RunRow) -> Summary {
    Summary {
        started: run.started.to_string(),
        ended: run.ended.map(|at| at.to_string()),
        outcome: run.outcome,
        counts: run.report.get("counts").cloned().unwrap_or(Json::Null),
        run: run.id,
        kind: run.kind,
    }
}

fn list_text(list: &List) -> String {
    if list.runs.is_empty() {
        return "no run yet\n".to_owned();
    }
    let mut out = String::new();
    for run in &list.runs {
        let of = |name: &str| run.counts.get(name).and_then(Json::as_u64).unwrap_or(0);
        let _ = writeln!(
            out,
            "{}  {:<8} {:<11} {}  {} created, {} updated, {} failed",
            run.run,
            run.kind,
            run.outcome,
            run.started.get(..19).unwrap_or(&run.started),
            of("created"),
            of("updated"),
            of("failed")
        );
    }
    out
}

fn written_of(entry: &Finished) -> Written {
    let op: Option<Op> = serde_json::from_value(entry.intent.payload.clone()).ok();
    let record = if entry.record.is_empty() { &entry.intent.record } else { &entry.record };
    let mut fields: Vec<Field> = op
        .iter()
        .flat_map(|op| &op.fields)
        .map(|sent| Field {
            name: sent.field.clone(),
            before: change::json(&sent.before),
            after: change::json(&sent.after),
            rule: sent.rule.clone(),
        })
        .collect();
    if let Some((op, (_, to))) = op.as_ref().and_then(|op| Some((op, op.to.as_ref()?))) {
        fields.push(Field {
            name: op.association.clone(),
            before: Json::Null,
            after: Json::String(to.text()),
            rule: op.reason.clone(),
        });
    }
    Written {
        op: entry.intent.op.clone(),
        sync: entry.intent.sync.clone(),
        system: entry.intent.system.clone(),
        object: entry.intent.object.clone(),
        record: record.clone(),
        action: op.as_ref().map_or("forgotten", |op| action(op.kind)),
        result: if entry.result.is_empty() { "unknown".to_owned() } else { entry.result.clone() },
        detail: entry.detail.clone(),
        fields,
    }
}

pub fn action(kind: OpKind) -> &'static str {
    match kind {
        OpKind::Create => "create",
        OpKind::Update => "update",
        OpKind::Archive => "delete",
        OpKind::Associate(AssociateAction::Remove) => "dissociate",
        OpKind::Associate(_) => "associate",
    }
}

/// The run's own report with what the journal and the ledger add to it.
fn document(run: &RunRow, written: &[Written], ledger: &[LedgerRow]) -> Json {
    let mut all = match &run.report {
        Json::Object(report) => report.clone(),
        _ => serde_json::Map::new(),
    };
    let mut put = |name: &str, value: Json| all.insert(name.to_owned(), value);
    put("format_version", json!("1"));
    put("run", json!(run.id));
    put("kind", json!(run.kind));
    put("outcome", json!(run.outcome));
    put("started", json!(run.started.to_string()));
    put("ended", json!(run.ended.map(|at| at.to_string())));
    put("plan", json!(run.plan));
    put("written", json!(written));
    put("ledger", json!(ledger));
    for (name, empty) in [("counts", json!({})), ("calls", json!({})), ("failures", json!([]))] {
        all.entry(name).or_insert(empty);
    }
    Json::Object(all)
}

fn show_text(run: &RunRow, written: &[Written], ledger: &[LedgerRow]) -> String {
    let ended = run.ended.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let mut out = format!("run {} ({}): {}\n  {} .. {ended}\n", run.id, run.kind, run.outcome, run.started);
    let show = |json: &Json| match json {
        Json::Null => "(blank)".to_owned(),
        Json::String(text) => format!("\"{}\"", clean(text, 40)),
        other => clean(&other.to_string(), 40),
    };
    for item in written {
        let result = if item.result == "ok" { String::new() } else { format!("  [{}]", item.result) };
        let record = if item.record.is_empty() { "(new)" } else { &item.record };
        let _ = writeln!(out, "  {} {}.{} {record}{result}", item.action, item.system, item.object);
        for field in &item.fields {
            let change = if item.action == "update" {
                format!("{} -> {}", show(&field.before), show(&field.after))
            } else {
                show(&field.after)
            };
            let _ = writeln!(out, "      {:<20} {change}", field.name);
        }
        if !item.detail.is_empty() {
            let _ = writeln!(out, "      {}", clean(&item.detail, 160));
        }
    }
    if written.is_empty() {
        out.push_str("  it wrote nothing\n");
    }
    if !ledger.is_empty() {
        let _ = writeln!(out, "{} overwritten by a rule:", count(ledger.len() as u64, "edit"));
    }
    for row in ledger {
        let _ = writeln!(
            out,
            "  {}.{} {} {}: {} lost to {} ({})",
            row.system,
            row.object,
            row.record,
            row.field,
            show(&row.lost),
            show(&row.won),
            row.rule
        );
    }
    if !written.is_empty() {
        let _ = writeln!(out, "take it back: twinmap undo {}", run.id);
    }
    out
}
