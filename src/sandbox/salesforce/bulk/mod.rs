//! Bulk API 2.0: jobs that take records as CSV, and jobs that give a query's records as CSV.
//!
//! A job is done some time after the client handed it over (at the next request, or `bulk_ms` later), never within a
//! request for it: a client must ask until it is done. Results stay until the job is deleted.

mod ingest;
mod query;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::reply::{Call, Reply};
use super::rows::not_allowed;
use super::time;

/// The key prefix of jobs.
const PREFIX: &str = "750";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    UploadComplete,
    InProgress,
    Aborted,
    JobComplete,
    Failed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Open => "Open",
            State::UploadComplete => "UploadComplete",
            State::InProgress => "InProgress",
            State::Aborted => "Aborted",
            State::JobComplete => "JobComplete",
            State::Failed => "Failed",
        }
    }

    fn over(self) -> bool {
        matches!(self, State::Aborted | State::JobComplete | State::Failed)
    }
}

/// How the CSV of a job is written.
#[derive(Debug, Clone, Copy)]
struct Layout {
    delimiter: &'static (&'static str, u8),
    crlf: bool,
}

const DELIMITERS: &[(&str, u8)] = &[
    ("COMMA", b','),
    ("TAB", b'\t'),
    ("PIPE", b'|'),
    ("SEMICOLON", b';'),
    ("CARET", b'^'),
    ("BACKQUOTE", b'`'),
];

#[derive(Debug)]
enum Work {
    Ingest(ingest::Ingest),
    Query(query::Selected),
}

#[derive(Debug)]
struct Job {
    id: Id,
    operation: String,
    object: String,
    who: Who,
    version: u16,
    created: i64,
    changed: i64,
    state: State,
    /// When the work is done, once it was handed over.
    due: Option<i64>,
    layout: Layout,
    error: Option<String>,
    processed: usize,
    failed: usize,
    work: Work,
}

#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<Id, Job>,
    last: u64,
    /// How long a job takes.
    pub takes_ms: i64,
}

/// `/jobs/{path...}`
pub fn route(org: &mut Org, jobs: &mut Jobs, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    let method = call.request.method.as_str();
    let Some((kind, rest)) = path.split_first() else { return Err(Fault::not_found()) };
    let of = |job: &Job| matches!(job.work, Work::Ingest(_)) == (*kind == "ingest");
    if !matches!(*kind, "ingest" | "query") {
        return Err(Fault::not_found());
    }
    match (method, rest) {
        ("GET", []) => Ok(Reply::json(200, listing(jobs, of))),
        ("POST", []) if *kind == "ingest" => ingest::open(org, jobs, call),
        ("POST", []) => query::open(org, jobs, call),
        (_, [id, rest @ ..]) => {
            let id = Id::parse(id).filter(|id| jobs.jobs.get(id).is_some_and(of)).ok_or_else(unknown)?;
            one(org, jobs, call, id, rest)
        }
        _ => Err(not_allowed(method, "GET,POST")),
    }
}

fn unknown() -> Fault {
    Fault::new(404, "NOT_FOUND", "The requested resource does not exist")
}

fn invalid_state(message: impl Into<String>) -> Fault {
    Fault::new(400, "INVALIDJOBSTATE", message)
}

fn one(org: &mut Org, jobs: &mut Jobs, call: &Call<'_>, id: Id, rest: &[&str]) -> Result<Reply, Fault> {
    let takes = jobs.takes_ms;
    let job = jobs.jobs.get_mut(&id).ok_or_else(unknown)?;
    match (call.request.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::json(200, info(job, Detail::Full))),
        ("PATCH", []) => {
            set_state(org, job, &call.object()?, takes)?;
            Ok(Reply::json(200, info(job, Detail::Brief)))
        }
        ("DELETE", []) if job.state.over() => {
            jobs.jobs.remove(&id);
            Ok(Reply::empty(204))
        }
        ("DELETE", []) => Err(invalid_state("Job is not in a state in which it can be deleted")),
        (method, [part]) => match (&mut job.work, method, part.to_ascii_lowercase().as_str()) {
            (Work::Ingest(work), "PUT", "batches") => {
                if job.state != State::Open || work.has_data() {
                    return Err(invalid_state("Data can be uploaded once, to an open job"));
                }
                work.take(call.request.body.clone());
                Ok(Reply::empty(201))
            }
            (Work::Ingest(work), "GET", part) => work.results(part, job.layout).ok_or_else(unknown),
            (Work::Query(work), "GET", "results") if job.state == State::JobComplete => {
                work.page(org, call, job.layout)
            }
            (Work::Query(_), "GET", "results") => Err(invalid_state("The job is not complete")),
            (_, method, _) => Err(not_allowed(method, "GET,PUT")),
        },
        _ => Err(unknown()),
    }
}

fn set_state(org: &Org, job: &mut Job, body: &Map<String, Value>, takes: i64) -> Result<(), Fault> {
    let wanted = body.get("state").and_then(Value::as_str).unwrap_or_default();
    let now = org.now();
    match (job.state, wanted) {
        (State::Open, "UploadComplete") => {
            job.state = State::UploadComplete;
            job.due = Some(org.clock.now().0 + takes);
        }
        (state, "Aborted") if !state.over() => {
            job.state = State::Aborted;
            job.due = None;
        }
        (state, _) => {
            let message = format!("Transition of the job from {} to {wanted:?} is not allowed", state.name());
            return Err(invalid_state(message));
        }
    }
    job.changed = now;
    Ok(())
}

impl Jobs {
    fn open(&mut self, org: &Org, call: &Call<'_>, start: Start) -> &Job {
        self.last += 1;
        let id = Id::new(PREFIX, self.last);
        let now = org.now();
        let due = matches!(start.work, Work::Query(_)).then(|| org.clock.now().0 + self.takes_ms);
        let job = Job {
            id,
            operation: start.operation,
            object: start.object,
            who: Who { allow_duplicates: false, ..call.who.clone() },
            version: call.version,
            created: now,
            changed: now,
            state: if due.is_some() { State::UploadComplete } else { State::Open },
            due,
            layout: start.layout,
            error: None,
            processed: 0,
            failed: 0,
            work: start.work,
        };
        self.jobs.entry(id).insert_entry(job).into_mut()
    }

    /// Does the jobs whose time has come. Not inside a transaction.
    pub fn run_due(&mut self, org: &mut Org) {
        let now = org.clock.now().0;
        for job in self.jobs.values_mut() {
            match job.due {
                Some(due) if due <= now => {
                    job.due = None;
                    org.act_as(Some(job.who.user));
                    perform(org, job);
                    job.changed = org.now();
                    org.act_as(None);
                }
                Some(_) => job.state = State::InProgress,
                None => {}
            }
        }
    }
}

fn perform(org: &mut Org, job: &mut Job) {
    let done = match &mut job.work {
        Work::Ingest(work) => {
            let target = ingest::Target { object: &job.object, operation: &job.operation, who: &job.who };
            work.perform(org, &target, job.layout)
        }
        Work::Query(work) => work.perform(org),
    };
    match done {
        Ok((processed, failed)) => {
            (job.processed, job.failed) = (processed, failed);
            job.state = State::JobComplete;
        }
        Err(message) => {
            job.state = State::Failed;
            job.error = Some(message);
        }
    }
}

struct Start {
    operation: String,
    object: String,
    layout: Layout,
    work: Work,
}

fn layout(body: &Map<String, Value>) -> Result<Layout, Fault> {
    let text = |key: &str, usual: &'static str| {
        body.get(key).and_then(Value::as_str).unwrap_or(usual).to_ascii_uppercase()
    };
    let wrong = |key: &str| Fault::new(400, "INVALID_ENUM_VALUE", format!("{key}: bad value"));
    if text("contentType", "CSV") != "CSV" {
        return Err(wrong("contentType"));
    }
    let delimiter = text("columnDelimiter", "COMMA");
    let delimiter =
        DELIMITERS.iter().find(|(name, _)| *name == delimiter).ok_or_else(|| wrong("columnDelimiter"))?;
    match text("lineEnding", "LF").as_str() {
        "LF" => Ok(Layout { delimiter, crlf: false }),
        "CRLF" => Ok(Layout { delimiter, crlf: true }),
        _ => Err(wrong("lineEnding")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Brief,
    Full,
}

fn info(job: &Job, detail: Detail) -> Doc {
    let mut doc = object([
        ("id", job.id.to_string().into()),
        ("operation", (&job.operation).into()),
        ("object", (&job.object).into()),
        ("createdById", job.who.user.to_string().into()),
        ("createdDate", time::datetime(job.created).into()),
        ("systemModstamp", time::datetime(job.changed).into()),
        ("state", job.state.name().into()),
    ]);
    if let Work::Ingest(ingest) = &job.work
        && let Some(key) = &ingest.key
    {
        doc.push("externalIdFieldName", key);
    }
    doc.push("concurrencyMode", "Parallel");
    doc.push("contentType", "CSV");
    doc.push("apiVersion", Doc::Number(format!("{}.0", job.version).into()));
    if matches!(job.work, Work::Ingest(_)) && job.state == State::Open {
        doc.push("contentUrl", format!("services/data/v{}.0/jobs/ingest/{}/batches", job.version, job.id));
    }
    doc.push("lineEnding", if job.layout.crlf { "CRLF" } else { "LF" });
    doc.push("columnDelimiter", job.layout.delimiter.0);
    if detail == Detail::Full {
        let ingest = matches!(job.work, Work::Ingest(_));
        doc.push("jobType", if ingest { "V2Ingest" } else { "V2Query" });
        doc.push("numberRecordsProcessed", job.processed);
        if ingest {
            doc.push("numberRecordsFailed", job.failed);
            doc.push("apiActiveProcessingTime", job.processed);
            doc.push("apexProcessingTime", 0i64);
        }
        doc.push("retries", 0i64);
        doc.push("totalProcessingTime", job.processed);
        doc.push("isPkChunkingSupported", true);
        if let Some(error) = &job.error {
            doc.push("errorMessage", error);
        }
    }
    doc
}

fn listing(jobs: &Jobs, of: impl Fn(&Job) -> bool) -> Doc {
    let records = jobs.jobs.values().filter(|job| of(job)).map(|job| info(job, Detail::Brief));
    object([("done", true.into()), ("records", list(records)), ("nextRecordsUrl", Doc::Null)])
}

/// One line of CSV, every cell in quotes.
fn line<'a>(out: &mut String, layout: Layout, cells: impl IntoIterator<Item = &'a str>) {
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(char::from(layout.delimiter.1));
        }
        out.push('"');
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str(if layout.crlf { "\r\n" } else { "\n" });
}
