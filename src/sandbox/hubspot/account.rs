//! The account: who it is, how many requests it made today, which scopes the app has.

use serde_json::json;

use super::answer::{Answer, Fault, iso};
use super::portal::Portal;
use super::routes::Area;
use crate::value::Millis;

const DAY: i64 = 86_400_000;

/// `GET details`.
pub fn details(portal: &Portal) -> Answer {
    let body = json!({
        "portalId": portal.id,
        "accountType": "STANDARD",
        "timeZone": portal.time_zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": portal.settings.currencies,
        "utcOffset": "+00:00",
        "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    });
    Ok((200, body))
}

/// `GET api-usage/daily/private-apps`.
pub fn usage(portal: &Portal) -> Answer {
    let now = portal.now();
    let limits = portal.settings.limits.clone().unwrap_or_default();
    let body = json!({ "results": [{
        "name": "private-apps-api-calls-daily",
        "usageLimit": limits.daily,
        "currentUsage": portal.usage.today,
        "collectedAt": iso(now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(Millis(now.0 - now.0.rem_euclid(DAY) + DAY)),
    }] });
    Ok((200, body))
}

/// The scope that a request needs.
fn scope(portal: &Portal, area: Area, rest: &[&str], write: bool) -> Option<String> {
    let verb = if write { "write" } else { "read" };
    let object = || {
        let kind = portal.kind(rest.first()?).ok()?;
        let object = portal.object(kind).ok()?;
        Some(if object.custom.is_some() { "custom".to_owned() } else { object.plural.to_string() })
    };
    match area {
        Area::Objects => Some(format!("crm.objects.{}.{verb}", object()?)),
        Area::Associations | Area::OldAssociations => Some(format!("crm.objects.{}.{verb}", object()?)),
        Area::Properties | Area::OldProperties | Area::Pipelines => {
            Some(format!("crm.schemas.{}.{verb}", object()?))
        }
        Area::Schemas => Some(format!("crm.schemas.custom.{verb}")),
        Area::Owners => Some("crm.objects.owners.read".to_owned()),
        Area::Lists => Some(format!("crm.lists.{verb}")),
        Area::Imports => Some("crm.import".to_owned()),
        Area::Validations | Area::Account | Area::OAuth | Area::Webhooks | Area::Unknown => None,
    }
}

/// Refuses a request for which the app has lost the scope.
pub fn check_scope(portal: &Portal, area: Area, rest: &[&str], method: &str) -> Result<(), Fault> {
    if portal.settings.without_scopes.is_empty() {
        return Ok(());
    }
    let reads = method == "GET" || rest.ends_with(&["search"]) || rest.ends_with(&["batch", "read"]);
    let Some(scope) = scope(portal, area, rest, !reads) else { return Ok(()) };
    if !portal.settings.without_scopes.contains(&scope) {
        return Ok(());
    }
    let mut fault = Fault::new(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: \
         https://developers.hubspot.com/scopes.",
    );
    fault.errors.push(json!({
        "message": "One or more of the following scopes are required.",
        "context": { "requiredGranularScopes": [scope] },
    }));
    fault.more.insert("links".into(), json!({ "scopes": "https://developers.hubspot.com/scopes" }));
    Err(fault)
}
