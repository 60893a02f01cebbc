//! Export jobs, documented: analytics (answers 200 with a body, one `downloadUrl`, `id`) and data validation
//! (answers 201 with headers alone, many `downloadUrls`, `jobId`). The two differ on purpose, as the real ones do.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::super::core::http::{Request, Response};
use super::matching::HIGH;
use super::restli::{Answer, Fault, body, need, ok, text, value};
use super::world::{Job, JobKind, World, tail};
use crate::value::Millis;

const DAY: i64 = 86_400_000;

/// `POST ?action=exportActivityData|exportActivityOutcomeData|exportSeatData`
pub fn start_analytics(world: &mut World, request: &Request) -> Answer {
    let kind = match need(request, "action")? {
        "exportActivityData" => JobKind::Activity,
        "exportActivityOutcomeData" => JobKind::Outcome,
        "exportSeatData" => JobKind::Seat,
        other => return Err(Fault::new(400, format!("There is no action '{other}'"))),
    };
    let body = body(request)?;
    let contract = text(&body, "contract")?.to_owned();
    let known = tail(&contract).and_then(|id| world.contracts.get(&id));
    let known = known.ok_or_else(|| Fault::new(404, format!("{contract} is not a contract of yours")))?;
    if !known.has_reporting_access || known.edition == "CORE" {
        return Err(Fault::new(403, "Not enough permissions to export data of this contract"));
    }
    let time = |name: &str| body.get(name).and_then(Json::as_i64).ok_or_else(|| Fault::missing(name));
    let (start, end) = (time("startAt")?, time("endAt")?);
    if end <= start || end - start > 90 * DAY {
        return Err(Fault::new(400, "The interval is at most 90 days"));
    }
    let id = world.fresh();
    world.jobs.insert(id, Job { id, kind, created: world.now(), owner: contract, start, end });
    value(&json!({ "id": id, "status": "ENQUEUED" }))
}

fn job<'w>(world: &'w World, id: &str, owner: &str) -> Result<&'w Job, Fault> {
    let job = id.parse().ok().and_then(|id: u64| world.jobs.get(&id)).filter(|job| job.owner == owner);
    job.ok_or_else(|| Fault::new(404, "There is no such job"))
}

fn link(id: u64, part: u32) -> String {
    format!("/ambry/{id}?x-li-ambry-ep={part}")
}

pub fn analytics_job(world: &World, id: &str, request: &Request) -> Answer {
    let job = job(world, id, need(request, "contract")?)?;
    let age = world.now().0 - job.created.0;
    if age < world.job_ms {
        let status = if age * 2 < world.job_ms { "ENQUEUED" } else { "PROCESSING" };
        return ok(&json!({ "id": job.id, "status": status }));
    }
    let rows = csv(world, job).lines().count().saturating_sub(1);
    ok(&json!({
        "id": job.id, "status": "COMPLETED", "rowCount": rows, "downloadUrl": link(job.id, 0),
        "expireAt": job.created.plus(world.job_ms + 3 * 3_600_000),
    }))
}

/// `POST ?crmInstanceId=urn:li:crmInstance:(KEY,ID)`: 201, no body.
pub fn start_validation(world: &mut World, request: &Request) -> Answer {
    let instance = need(request, "crmInstanceId")?.to_owned();
    if !instance.starts_with("urn:li:crmInstance:(") {
        return Err(Fault::new(400, "Parameter 'crmInstanceId' is not a urn of a CRM instance"));
    }
    let start = body(request)?.get("exportStartAt").and_then(Json::as_i64);
    let start = start.ok_or_else(|| Fault::missing("exportStartAt"))?;
    let (id, now) = (world.fresh(), world.now());
    world
        .jobs
        .insert(id, Job { id, kind: JobKind::Validation, created: now, owner: instance, start, end: now.0 });
    let answer = Response::empty(201).with("Location", format!("/crmDataValidationExportJobs/{id}"));
    Ok(answer.with("X-RestLi-Id", id.to_string()))
}

pub fn validation_job(world: &World, id: &str, request: &Request) -> Answer {
    let job = job(world, id, need(request, "crmInstanceId")?)?;
    let age = world.now().0 - job.created.0;
    if age > 7 * DAY {
        return Err(Fault::new(404, "The job has expired"));
    }
    if age < world.job_ms {
        return ok(&json!({ "jobId": job.id, "exportStartAt": job.start, "status": "PROCESSING" }));
    }
    ok(&json!({
        "jobId": job.id, "exportStartAt": job.start, "exportEndAt": job.end, "status": "COMPLETED",
        "downloadUrls": [link(job.id, 0), link(job.id, 1)], "nextExportStartAt": job.end,
        "expireAt": job.created.plus(world.job_ms + 3_600_000),
    }))
}

/// The file behind a download link; the halves of a validation export are two files.
pub fn download(world: &World, id: &str, request: &Request) -> Answer {
    let job = id.parse().ok().and_then(|id: u64| world.jobs.get(&id));
    let job = job.ok_or_else(|| Fault::new(404, "There is no such file"))?;
    let hours = if job.kind == JobKind::Validation { 1 } else { 3 };
    if world.now().0 - job.created.0 > world.job_ms + hours * 3_600_000 {
        return Err(Fault::new(403, "The link has expired"));
    }
    let whole = csv(world, job);
    let text = match (job.kind, request.param("x-li-ambry-ep")) {
        (JobKind::Validation, Some(part)) => {
            let odd = part == "1";
            let rows = whole.lines().enumerate();
            let rows =
                rows.filter(|(n, _)| *n == 0 || (n % 2 == 0) == odd).map(|(_, row)| format!("{row}\n"));
            rows.collect()
        }
        _ => whole,
    };
    Ok(Response {
        status: 200,
        headers: vec![("Content-Type".into(), "text/csv".into())],
        body: text.into_bytes(),
    })
}

fn csv(world: &World, job: &Job) -> String {
    match job.kind {
        JobKind::Activity => activity_csv(world, job),
        JobKind::Outcome => outcome_csv(world, job),
        JobKind::Seat => seat_csv(world, job),
        JobKind::Validation => validation_csv(world, job),
    }
}

/// `MM-DD-YYYY HH:MM:SS`, UTC.
fn stamp(at: Millis) -> String {
    jiff::fmt::strtime::format("%m-%d-%Y %H:%M:%S", at.timestamp()).unwrap_or_default()
}

/// What LinkedIn's export knows of activities: no notes, no calls, and never a text.
fn exported(kind: &str) -> Option<&'static str> {
    match kind {
        "INMAIL" => Some("INMAIL_SENT"),
        "MESSAGE" => Some("MESSAGE_SENT"),
        _ => None,
    }
}

fn activity_csv(world: &World, job: &Job) -> String {
    let mut out = "activityId,activityType,createdAt,seatId,memberIdentityKey\n".to_owned();
    let own = world.activities.values().filter(|a| (job.start..job.end).contains(&a.created_at.0));
    for activity in own.filter(|activity| tail(&job.owner) == Some(activity.contract)) {
        let Some(kind) = exported(activity.kind) else { continue };
        let member = activity.about.rsplit(':').next().unwrap_or("");
        let _ =
            writeln!(out, "{},{kind},{},{},{member}", activity.id, stamp(activity.created_at), activity.seat);
    }
    out
}

/// The real names of the columns behind the first two are not published.
fn outcome_csv(world: &World, job: &Job) -> String {
    let mut out = "activityId,activityType\n".to_owned();
    let own = world.activities.values().filter(|a| (job.start..job.end).contains(&a.created_at.0));
    for (n, activity) in own.filter(|activity| activity.kind == "INMAIL").enumerate() {
        let word = if n % 3 == 0 { "INMAIL_DECLINED" } else { "INMAIL_ACCEPTED" };
        let _ = writeln!(out, "{},{word}", activity.id);
    }
    out
}

/// The real names of these columns are not published.
fn seat_csv(world: &World, job: &Job) -> String {
    let mut out = "seatId,name,status,leadsSaved\n".to_owned();
    for seat in world.seats.values().filter(|seat| tail(&job.owner) == Some(seat.contract)) {
        let saved: usize = world
            .lists
            .values()
            .filter(|list| list.seat == Some(seat.id) && list.kind == "LEAD")
            .map(|list| list.entries.len())
            .sum();
        let status = if seat.active { "ACTIVE" } else { "INACTIVE" };
        let _ = writeln!(out, "{},{},{status},{saved}", seat.id, seat.name);
    }
    out
}

/// People of the CRM whose company on LinkedIn is another one. The real names of the columns are not published.
fn validation_csv(world: &World, job: &Job) -> String {
    let mut out = "recordId,recordType,member,status\n".to_owned();
    for ((object, partner, instance, record), entry) in &world.directory {
        let urn = format!("urn:li:crmInstance:({partner},{instance})");
        if urn != job.owner || entry.changed.0 < job.start || matches!(object.as_str(), "company" | "Account")
        {
            continue;
        }
        let Some(found) = entry.badge.as_ref().filter(|found| found.score >= HIGH) else { continue };
        let id = found.urn.rsplit(':').next().unwrap_or("");
        let member = world.member_by_id.get(id).and_then(|place| world.members.get(*place));
        let now = member.and_then(|m| m.company).and_then(|company| world.companies.get(company));
        let listed = entry.fields.get("companyName").and_then(Json::as_str).unwrap_or("");
        if now.is_some_and(|now| !listed.is_empty() && !now.name.eq_ignore_ascii_case(listed)) {
            let _ = writeln!(out, "{record},{object},{},NOT_AT_COMPANY", found.urn);
        }
    }
    out
}
