//! What the connectors need to do their work: calls against the fewest that the vendors' page sizes allow, records in a
//! second, and memory. `cargo bench --bench connect`; `COMPANIES=20000` makes the portal smaller.
//!
//! Everything runs in this process: the connectors on the simulated CRMs without latency, and for the last figure on
//! an endless portal of made-up pages, so that the memory is the connector's own.
//! Targets: calls at most 1.05 of the fewest; reading 50,000 records a second, reading and mapping 150,000, writing 20,000; 150 MB for 1,000,000 records.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise"
)]

mod shared;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use secrecy::SecretString;
use twinmap::connect::auth::Credentials;
use twinmap::connect::remote::{
    Completion, Cursor, FieldSpec, Outcome, Remote, Reply, Request, WriteItem, WriteKind,
};
use twinmap::connect::transport::{Exchange, HttpRequest, HttpResponse, Transport};
use twinmap::connect::{Account, Settings, open};
use twinmap::interp::{self, FilterOutcome, Lookup, NoContext, RowValue, Source, SyncProgram};
use twinmap::plan::ir::{Field, ObjectId, OwnersId, Side as At, SyncId};
use twinmap::record::{Record, RecordId};
use twinmap::sandbox::Sandbox;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::in_process::{InProcess, SimTimer};
use twinmap::sandbox::seed::Size;
use twinmap::schema::{FieldType, SystemKind};
use twinmap::value::{Millis, Value};

const START: Millis = Millis(1_790_000_000_000);

/// Drives a future that never really waits.
fn now<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

struct Side {
    account: Account,
    clock: SimClock,
    object: &'static str,
    fields: Arc<[FieldSpec]>,
    key: &'static str,
    /// Records of a page of reads, and of a batch of writes.
    page: usize,
    batch: usize,
}

fn spec(name: &str) -> FieldSpec {
    FieldSpec { name: name.into(), ty: FieldType::Text { max: None } }
}

fn connect(kind: SystemKind, transport: Rc<dyn Transport>, clock: &SimClock, token: &str) -> Account {
    let base = match kind {
        SystemKind::Hubspot => "https://api.hubapi.com",
        _ => "https://acme.my.salesforce.com",
    };
    let settings = Settings {
        base_url: Some(base.to_owned()),
        api_version: None,
        credentials: Credentials::Token(SecretString::from(token.to_owned())),
    };
    open("crm", kind, settings, transport, Rc::new(SimTimer::new(clock.clone(), 1))).unwrap()
}

fn sides(companies: usize) -> [Side; 2] {
    let clock = SimClock::starting_at(START);
    let sandbox = Sandbox::new(1, Size { companies, contacts: 0, deals: 0 }, clock.clone());
    let hubspot = Rc::new(InProcess::new(Arc::clone(&sandbox.hubspot), clock.clone()));
    let salesforce = Rc::new(InProcess::new(Arc::clone(&sandbox.salesforce), clock.clone()));
    let fields = |names: [&str; 5]| names.iter().map(|name| spec(name)).collect::<Arc<[FieldSpec]>>();
    [
        Side {
            account: connect(SystemKind::Hubspot, hubspot, &clock, &sandbox.hubspot_token),
            clock: clock.clone(),
            object: "company",
            fields: fields(["name", "domain", "city", "phone", "industry"]),
            key: "twinmap_id",
            page: 100,
            batch: 100,
        },
        Side {
            account: connect(SystemKind::Salesforce, salesforce, &clock, &sandbox.salesforce_token),
            clock,
            object: "Account",
            fields: fields(["Name", "Website", "BillingCity", "Phone", "Industry"]),
            key: "Twinmap_Id__c",
            page: 2_000,
            batch: 10_000,
        },
    ]
}

impl Side {
    fn call(&self, request: Request) -> Completion {
        now(self.account.call(request))
    }

    fn calls(&self) -> u64 {
        self.account.calls().values().sum()
    }

    fn list(&self, fields: &Arc<[FieldSpec]>, mut each: impl FnMut(&Record)) -> usize {
        let (mut count, mut after): (usize, Option<Cursor>) = (0, None);
        loop {
            let request = Request::List {
                object: self.object.into(),
                fields: fields.clone(),
                associations: Arc::new([]),
                after,
            };
            let Reply::Records { records, next } = self.call(request).unwrap() else { panic!() };
            count += records.len();
            records.iter().for_each(&mut each);
            match next {
                Some(next) => after = Some(next),
                None => return count,
            }
        }
    }

    fn read(&self, ids: &[RecordId]) -> usize {
        let request = Request::Read {
            object: self.object.into(),
            ids: ids.to_vec(),
            fields: self.fields.clone(),
            associations: Arc::new([]),
            history: Arc::new([]),
        };
        let Reply::Records { records, .. } = self.call(request).unwrap() else { panic!() };
        records.len()
    }

    fn write(&self, items: Vec<WriteItem>) -> Vec<RecordId> {
        let Reply::Written(outcomes) =
            self.call(Request::Write { object: self.object.into(), items }).unwrap()
        else {
            panic!()
        };
        let id = |outcome: Outcome| match outcome {
            Outcome::Created { id } | Outcome::Updated { id } => id,
            other => panic!("{other:?}"),
        };
        outcomes.into_iter().map(|(_, outcome)| id(outcome)).collect()
    }

    fn item(&self, n: usize, kind: WriteKind) -> WriteItem {
        let name = self.fields[0].clone();
        let fields =
            vec![(name, Value::text(format!("Company {n}"))), (self.fields[2].clone(), Value::text("Oslo"))];
        WriteItem { op: format!("op{n}").into(), kind, fields, associations: Vec::new() }
    }
}

fn line(what: &str, used: u64, least: u64, formula: &str) {
    let share = used as f64 / least as f64;
    let verdict = if share <= 1.05 { "ok" } else { "over 1.05" };
    println!("{what:58} {used:>6} calls, least {least:>6} = {formula}: {share:.3} {verdict}");
}

fn pages(count: usize, size: usize) -> u64 {
    count.div_ceil(size) as u64
}

fn rate(what: &str, count: usize, begun: Instant, target: u64) {
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    let verdict = if rate >= target as f64 { "ok" } else { "below the target" };
    println!("{what:58} {rate:>9.0} records/s (target {target}): {verdict}");
}

fn first_read(side: &Side) -> Vec<RecordId> {
    let (before, begun, mut ids) = (side.calls(), Instant::now(), Vec::new());
    let count = side.list(&side.fields, |record| ids.push(record.id.clone()));
    let name = format!("first read of {count} {}", side.object);
    line(&name, side.calls() - before, pages(count, side.page), &format!("ceil({count}/{})", side.page));
    rate(&name, count, begun, 50_000);
    ids
}

/// Every owner has a counterpart of the same name; nothing else is known beyond a record.
struct Owners;

impl interp::Context for Owners {
    fn owner(&self, _: OwnersId, _: At, id: &str) -> Lookup {
        Lookup::Found(id.into())
    }
    fn linked_id(&self, sync: SyncId, to: At, id: &str) -> Lookup {
        NoContext.linked_id(sync, to, id)
    }
    fn is_linked(&self, _: SyncId, _: Option<u32>, _: &Record) -> bool {
        false
    }
    fn is_linked_to_private(&self, _: SyncId, _: &Record) -> bool {
        false
    }
    fn in_list(&self, _: &str, _: &Record) -> bool {
        false
    }
    fn associated(&self, _: ObjectId, _: &Record) -> Vec<Record> {
        Vec::new()
    }
}

/// Records read over the wire and carried through filter and rows of the example project's sync, as a run does before it
/// compares them with their counterparts.
fn read_and_map(side: &Side, at: At) {
    let plan = shared::plan("specs/hubspot-salesforce", "sandbox", &["companies.twin", "industries.twin"]);
    let program = SyncProgram::new(&plan, SyncId(0)).unwrap();
    let object = if at == At::Left { program.sync.left } else { program.sync.arms[0].right };
    let field = |field: &Field| FieldSpec { name: field.name.as_str().into(), ty: field.ty.clone() };
    let fields = plan.object(object).unwrap().fields.iter().map(field).collect::<Arc<[FieldSpec]>>();
    let (begun, mut passed, mut values) = (Instant::now(), 0_u64, 0_u64);
    let count = side.list(&fields, |record| {
        if program.filter(&Owners, at, record) != FilterOutcome::In {
            return;
        }
        passed += 1;
        let rows = program.transfers(0, at.other()).iter();
        let carried =
            rows.map(|(_, row)| program.carry(&Owners, row, at.other(), Source::Record(record), None));
        values += carried.filter(|value| matches!(value, RowValue::Value(_))).count() as u64;
    });
    assert!(
        passed * 4 > count as u64 * 3 && values > passed * 5,
        "{passed} of {count} pass, {values} values"
    );
    rate(&format!("{count} {} read and mapped", side.object), count, begun, 150_000);
}

fn incremental(side: &Side, ids: &[RecordId]) {
    let changed: Vec<&RecordId> = ids.iter().step_by((ids.len() / 1_000).max(1)).take(1_000).collect();
    side.clock.advance(60_000);
    let since = side.clock.now();
    for (n, chunk) in changed.chunks(100).enumerate() {
        let update = |(k, id): (usize, &&RecordId)| {
            side.item(n * 100 + k, WriteKind::Update { id: (*id).clone(), unmodified_since: None })
        };
        side.write(chunk.iter().enumerate().map(update).collect());
    }
    side.clock.advance(60_000);
    let before = side.calls();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let request = Request::Changed { object: side.object.into(), since, after, limit: 2_000 };
        let Reply::Changed { items, next } = side.call(request).unwrap() else { panic!() };
        found.extend(items.into_iter().map(|item| item.id));
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let read = side.read(&found);
    assert_eq!((found.len(), read), (changed.len(), changed.len()));
    let feed = if side.page == 100 { 200 } else { 2_000 };
    let least = pages(read, feed) + pages(read, side.page);
    let formula = format!("ceil({read}/{feed}) + ceil({read}/{})", side.page);
    line(&format!("{read} changes of {} {}", ids.len(), side.object), side.calls() - before, least, &formula);
}

fn first_sync(side: &Side) {
    const COUNT: usize = 20_000;
    let (before, begun) = (side.calls(), Instant::now());
    for start in (0..COUNT).step_by(side.batch) {
        let item = |n: usize| {
            let unique = WriteKind::Create { unique: Some((side.key.into(), format!("bench-{n}").into())) };
            side.item(n, unique)
        };
        let made = side.write((start..COUNT.min(start + side.batch)).map(item).collect());
        assert_eq!(side.read(&made), made.len());
    }
    let (least, formula) = if side.page == 100 {
        (2 * pages(COUNT, 100), "2 ceil(20000/100)".to_owned())
    } else {
        (
            6 * pages(COUNT, side.batch) + pages(COUNT, side.page),
            "6 ceil(20000/10000) + ceil(20000/2000)".to_owned(),
        )
    };
    let name = format!("{COUNT} {} made and read back", side.object);
    line(&name, side.calls() - before, least, &formula);
    rate(&name, COUNT, begun, 20_000);
}

/// A portal of any size whose pages are made up as they are asked for.
struct Endless {
    records: usize,
}

impl Transport for Endless {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        let after =
            request.target.split("after=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok());
        let start: usize = after.unwrap_or(0);
        let end = (start + 100).min(self.records);
        let mut body = String::from("{\"results\":[");
        for n in start..end {
            let comma = if n > start { "," } else { "" };
            let _ = write!(
                body,
                "{comma}{{\"id\":\"{n}\",\"properties\":{{\"name\":\"Company {n}\",\"domain\":\"c{n}.example\",\"city\":\"Oslo\",\
                 \"phone\":null,\"industry\":\"RETAIL\",\"hs_object_id\":\"{n}\",\"createdate\":\"2026-03-12T07:33:46.615Z\",\
                 \"hs_lastmodifieddate\":\"2026-03-12T07:33:46.615Z\"}},\"createdAt\":\"2026-03-12T07:33:46.615Z\",\
                 \"updatedAt\":\"2026-03-12T07:33:46.615Z\",\"archived\":false}}"
            );
        }
        body.push(']');
        if end < self.records {
            let _ = write!(body, ",\"paging\":{{\"next\":{{\"after\":\"{end}\"}}}}");
        }
        body.push('}');
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let response = HttpResponse { status: 200, headers, body: body.into_bytes() };
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// The process's peak in MB, where the system tells it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}

fn memory() {
    const RECORDS: usize = 1_000_000;
    let clock = SimClock::starting_at(START);
    let account =
        connect(SystemKind::Hubspot, Rc::new(Endless { records: RECORDS }), &clock, "pat-na1-bench");
    let fields = ["name", "domain", "city", "phone", "industry"].iter().map(|name| spec(name)).collect();
    let side = Side { account, clock, object: "company", fields, key: "", page: 100, batch: 100 };
    let begun = Instant::now();
    assert_eq!(side.list(&side.fields, |_| {}), RECORDS);
    rate("1,000,000 records of made-up pages", RECORDS, begun, 50_000);
    match peak() {
        Some(peak) => {
            let verdict = if peak < 150 { "ok" } else { "over 150 MB" };
            println!("{:58} {peak:>6} MB at most: {verdict}", "memory after reading 1,000,000 records");
        }
        None => println!("memory is not told by this system"),
    }
}

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // First, because the simulated CRMs need memory of their own.
    memory();
    let companies = std::env::var("COMPANIES").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let begun = Instant::now();
    let sides = sides(companies);
    println!(
        "{:58} {:.1} s",
        format!("a made-up world of {companies} companies"),
        begun.elapsed().as_secs_f64()
    );
    let mut all: BTreeMap<&str, Vec<RecordId>> = BTreeMap::new();
    for side in &sides {
        all.insert(side.object, first_read(side));
    }
    for (side, at) in sides.iter().zip([At::Left, At::Right]) {
        read_and_map(side, at);
    }
    for side in &sides {
        incremental(side, &all[side.object]);
    }
    for side in &sides {
        first_sync(side);
    }
}
