//! `/sobjects/{Object}/updated` and `/deleted`.

use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::org::Org;
use super::reply::{Call, Reply};
use super::time::{self, DAY, MINUTE};

/// How far back the platform remembers.
const UPDATED_REACH: i64 = 30 * DAY;
pub const BIN_REACH: i64 = 15 * DAY;

/// `start` and `end`, with seconds cut off.
fn window(org: &Org, call: &Call<'_>, object: usize, reach: i64) -> Result<(i64, i64), Fault> {
    let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
    if !meta.flag("replicateable") {
        let message = format!("entity type {} does not support replication", meta.name);
        return Err(Fault::new(400, "INVALID_TYPE_FOR_OPERATION", message));
    }
    let at = |name: &'static str| {
        let text = call.request.param(name).unwrap_or_default();
        // A `+` that the client did not encode arrives as a blank.
        let millis = time::parse_datetime(&text.replace(' ', "+"));
        let message = format!("{name}: '{text}' is not a valid date and time");
        millis
            .map(|m| m - m.rem_euclid(MINUTE))
            .ok_or_else(|| Fault::new(400, "INVALID_REPLICATION_DATE", message))
    };
    let (start, end) = (at("start")?, at("end")?);
    let refuse = |message: &str| Err(Fault::new(400, "INVALID_REPLICATION_DATE", message));
    if end - start < MINUTE {
        return refuse("endDate must be at least one minute greater than startDate");
    }
    if start < org.now() - reach {
        return refuse(&format!("startDate cannot be more than {} days ago", reach / DAY));
    }
    Ok((start, end))
}

pub fn updated(org: &Org, call: &Call<'_>, at: usize) -> Result<Reply, Fault> {
    let (start, end) = window(org, call, at, UPDATED_REACH)?;
    let covered = end.min(org.now());
    let Some(table) = org.table(at) else { return Err(Fault::not_found()) };
    let ids = table.live().filter(|row| row.stamp >= start && row.stamp < end).map(|row| row.id.to_string());
    Ok(Reply::json(200, object([("ids", list(ids)), ("latestDateCovered", time::datetime(covered).into())])))
}

pub fn deleted(org: &Org, call: &Call<'_>, at: usize) -> Result<Reply, Fault> {
    let (start, end) = window(org, call, at, BIN_REACH)?;
    let covered = end.min(org.now());
    let Some(table) = org.table(at) else { return Err(Fault::not_found()) };
    let binned = table.rows().iter().filter_map(|row| Some((row.id, row.deleted?)));
    let mut all: Vec<_> = binned.chain(table.purged.iter().copied()).collect();
    all.retain(|(_, when)| *when >= start && *when < end);
    all.sort_by_key(|(id, when)| (*when, *id));
    let records = all.into_iter().map(|(id, when)| {
        object([("id", id.to_string().into()), ("deletedDate", time::datetime(when).into())])
    });
    let records: Vec<Doc> = records.collect();
    let earliest = org.now() - BIN_REACH;
    Ok(Reply::json(
        200,
        object([
            ("deletedRecords", records.into()),
            ("earliestDateAvailable", time::datetime(earliest - earliest.rem_euclid(MINUTE)).into()),
            ("latestDateCovered", time::datetime(covered).into()),
        ]),
    ))
}
