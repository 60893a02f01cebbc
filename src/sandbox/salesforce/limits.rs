//! Daily API calls, and `/limits`.

use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::org::Org;
use super::reply::{Call, Reply};
use super::time::DAY;

/// Calls of the last 24 hours, by hour.
#[derive(Debug)]
pub struct Usage {
    pub max: u64,
    /// Whether calls beyond the maximum are refused; at first the platform lets them pass.
    pub hard: bool,
    /// (start of the hour, calls)
    hours: Vec<(i64, u64)>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { max: 15_000_000, hard: false, hours: Vec::new() }
    }
}

impl Usage {
    /// # Errors
    /// When the day's calls are used up.
    pub fn count(&mut self, now: i64) -> Result<(), Fault> {
        if self.hard && self.used(now) >= self.max {
            return Err(Fault::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
        }
        self.hours.retain(|(hour, _)| now - hour < DAY);
        let hour = now - now.rem_euclid(super::time::HOUR);
        match self.hours.last_mut() {
            Some((last, calls)) if *last == hour => *calls += 1,
            _ => self.hours.push((hour, 1)),
        }
        Ok(())
    }

    /// Sets how many calls are left of the day's.
    pub fn set(&mut self, now: i64, max: u64, remaining: Option<u64>) {
        self.max = max;
        self.hard = true;
        if let Some(remaining) = remaining {
            let hour = now - now.rem_euclid(super::time::HOUR);
            self.hours = vec![(hour, max.saturating_sub(remaining))];
        }
    }

    pub fn used(&self, now: i64) -> u64 {
        self.hours.iter().filter(|(hour, _)| now - hour < DAY).map(|(_, calls)| calls).sum()
    }

    /// `api-usage=54/15000`
    pub fn header(&self, now: i64) -> String {
        format!("api-usage={}/{}", self.used(now), self.max)
    }
}

/// (name, maximum) of limits that the simulated org does not use up.
const OTHERS: &[(&str, i64)] = &[
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 1_000),
    ("DataStorageMB", 1_024),
    ("FileStorageMB", 1_024),
    ("HourlyAsyncReportRuns", 1_200),
    ("HourlyDashboardRefreshes", 200),
    ("HourlyODataCallout", 1_000),
    ("HourlyTimeBasedWorkflow", 50),
    ("MassEmail", 10),
    ("SingleEmail", 15),
];

pub fn limits(usage: &Usage, now: i64) -> Reply {
    let pair = |max: i64, remaining: i64| object([("Max", max.into()), ("Remaining", remaining.into())]);
    let max = usage.max as i64;
    let mut doc = object([("DailyApiRequests", pair(max, (max - usage.used(now) as i64).max(0)))]);
    for (name, max) in OTHERS {
        doc.push(*name, pair(*max, *max));
    }
    Reply::json(200, doc)
}

/// `/limits/recordCount?sObjects=Account,Contact`
pub fn record_count(org: &Org, call: &Call<'_>) -> Reply {
    let wanted = call.request.param("sObjects");
    let counts = org.schema.all().filter(|(_, meta)| org.schema.shows(meta)).filter(|(_, meta)| {
        wanted.is_none_or(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case(&meta.name)))
    });
    let counts = counts.map(|(at, meta)| {
        let count = org.table(at).map_or(0, |table| table.live().count());
        object([("count", count.into()), ("name", (&meta.name).into())])
    });
    let counts: Vec<Doc> = counts.collect();
    Reply::json(200, object([("sObjects", list(counts))]))
}
