//! The account: who it is, and how many requests it may make.

use serde_json::json;

use super::super::core::http::Response;
use super::answer::{Answer, iso};
use super::portal::Portal;

/// Requests of one app in ten seconds.
const BURST: u64 = 190;
/// Requests of the account in a day.
const DAILY: u64 = 625_000;

/// `GET details`.
pub fn details(portal: &Portal) -> Answer {
    let body = json!({
        "portalId": portal.id,
        "accountType": "STANDARD",
        "timeZone": portal.time_zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": [],
        "utcOffset": "+00:00",
        "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    });
    Ok((200, body))
}

fn used(portal: &Portal) -> u64 {
    let stats = portal.log.stats();
    stats.get("hubspot").map_or(0, |all| all.get("api").unwrap_or(&0) + all.get("search").unwrap_or(&0))
}

/// `GET api-usage/daily/private-apps`.
pub fn usage(portal: &Portal) -> Answer {
    let now = portal.now();
    let midnight = crate::value::Millis(now.0 - now.0.rem_euclid(86_400_000) + 86_400_000);
    let body = json!({ "results": [{
        "name": "private-apps-api-calls-daily",
        "usageLimit": DAILY,
        "currentUsage": used(portal),
        "collectedAt": iso(now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(midnight),
    }] });
    Ok((200, body))
}

/// The headers of the limits.
pub fn limits(portal: &Portal, response: Response) -> Response {
    response
        .with("X-HubSpot-RateLimit-Daily", DAILY.to_string())
        .with("X-HubSpot-RateLimit-Daily-Remaining", DAILY.saturating_sub(used(portal)).to_string())
        .with("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
        .with("X-HubSpot-RateLimit-Max", BURST.to_string())
        .with("X-HubSpot-RateLimit-Remaining", (BURST - 1).to_string())
        .with("X-HubSpot-RateLimit-Secondly", (BURST / 10).to_string())
        .with("X-HubSpot-RateLimit-Secondly-Remaining", (BURST / 10 - 1).to_string())
}
