//! What HubSpot's refusals mean: for the client (again, later, never) and for one record.
//!
//! Every key of an error body is optional, and property faults are a JSON list inside the message text. Source:
//! HubSpot's error-handling page.

use serde_json::Value as Json;

use crate::connect::client::{Dialect, Verdict};
use crate::connect::limits::{Meter, Window};
use crate::connect::remote::Refusal;
use crate::connect::transport::HttpResponse;
use crate::schema::json::{list, text};
use crate::value::Millis;

/// Until an answer says more: the limit of the smallest tier, less a tenth.
const BURST: usize = 90;
const BURST_INTERVAL: i64 = 10_000;
/// Search has its own limit for the whole account, 5 in a second, and does not report it.
const SEARCHES: usize = 4;
const SEARCH: &str = "search";

#[derive(Debug)]
pub struct HubSpotDialect;

impl Dialect for HubSpotDialect {
    fn judge(&self, response: &HttpResponse, json: Option<&Json>) -> Verdict {
        let why = || format!("status {}: {}", response.status, summary(json));
        match response.status {
            401 => Verdict::Expired(format!("the token was refused ({})", why())),
            403 => Verdict::Permission(permission(json)),
            423 => Verdict::Wait(Some(2_000), why()),
            429 => throttled(json, why()),
            477 => Verdict::Wait(None, "the account is being moved to another data centre".to_owned()),
            500.. => Verdict::Broken(why()),
            _ => Verdict::Answer,
        }
    }

    fn learn(&self, class: &'static str, response: &HttpResponse, meter: &mut Meter, now: Millis) {
        let number = |name: &str| response.header(name)?.trim().parse::<usize>().ok();
        let (max, interval) =
            (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-interval-milliseconds"));
        let window = meter.windows.get_mut(limit(class));
        if let (Some(max), Some(interval), Some(window)) = (max, interval, window) {
            let interval = i64::try_from(interval).unwrap_or(BURST_INTERVAL);
            window.learn(max, interval, number("x-hubspot-ratelimit-remaining"), now);
        }
        let (day, left) =
            (number("x-hubspot-ratelimit-daily"), number("x-hubspot-ratelimit-daily-remaining"));
        if let (Some(day), Some(left)) = (day, left) {
            let used = day.saturating_sub(left);
            meter.daily = Some(crate::connect::limits::Daily { used: used as u64, max: day as u64 });
        }
    }

    fn window(&self, class: &'static str) -> Option<(&'static str, Window)> {
        let window = match limit(class) {
            SEARCH => Window::new(SEARCHES, 1_000),
            _ => Window::new(BURST, BURST_INTERVAL),
        };
        Some((limit(class), window))
    }
}

/// All calls of an app share one limit, but for searches.
fn limit(class: &str) -> &'static str {
    if class == SEARCH { SEARCH } else { "app" }
}

fn throttled(json: Option<&Json>, why: String) -> Verdict {
    let policy = json.and_then(|json| text(json, "policyName")).unwrap_or("");
    let message = json.and_then(|json| text(json, "message")).unwrap_or("");
    if policy.eq_ignore_ascii_case("DAILY") || message.contains("daily limit") {
        return Verdict::Exhausted(None, "the account's API calls of the day are used up".to_owned());
    }
    match policy {
        "TEN_SECONDLY_ROLLING" => Verdict::Wait(Some(10_000), why),
        "SECONDLY" => Verdict::Wait(Some(1_000), why),
        _ => Verdict::Wait(None, why),
    }
}

/// Names the scopes that are missing.
fn permission(json: Option<&Json>) -> String {
    let Some(json) = json else { return "access was refused".to_owned() };
    let scopes: Vec<&str> = list(json, "errors")
        .iter()
        .filter_map(|error| error.get("context"))
        .flat_map(|context| ["requiredGranularScopes", "requiredScopes"].map(|key| list(context, key)))
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    match scopes.is_empty() {
        true => format!("access was refused: {}", summary(Some(json))),
        false => format!("the token lacks a scope: one of {}", scopes.join(", ")),
    }
}

/// An error body in words without record values: category, and each fault with its property.
pub fn summary(json: Option<&Json>) -> String {
    let Some(json) = json else { return "no JSON body".to_owned() };
    let category = text(json, "category").or_else(|| text(json, "errorType")).unwrap_or("no category");
    let faults: Vec<String> = faults(json)
        .into_iter()
        .map(|fault| match fault.field.is_empty() {
            true => fault.code,
            false => format!("{} on `{}`", fault.code, fault.field),
        })
        .collect();
    match faults.is_empty() {
        true => category.to_owned(),
        false => format!("{category}: {}", faults.join(", ")),
    }
}

struct Fault {
    code: String,
    field: String,
    message: String,
}

/// The property faults of an error, from the list inside its message or from `errors`.
fn faults(json: &Json) -> Vec<Fault> {
    let message = text(json, "message").unwrap_or("");
    let inner = message.find('[').and_then(|at| message.get(at..)).map(serde_json::from_str::<Json>);
    let one = |code: &str, field: &str, message: &str| Fault {
        code: code.to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    };
    if let Some(Ok(Json::Array(rows))) = inner {
        let row = |row: &Json| {
            Some(one(
                text(row, "error")?,
                text(row, "name").unwrap_or(""),
                text(row, "message").unwrap_or(""),
            ))
        };
        let found: Vec<Fault> = rows.iter().filter_map(row).collect();
        if !found.is_empty() {
            return found;
        }
    }
    list(json, "errors")
        .iter()
        .filter_map(|row| {
            let field = row
                .get("context")
                .and_then(|context| list(context, "propertyName").first().and_then(Json::as_str))
                .or_else(|| text(row, "in"))
                .unwrap_or("");
            Some(one(text(row, "code")?, field, text(row, "message").unwrap_or("")))
        })
        .collect()
}

/// Why one record was refused.
pub fn refusal(json: &Json) -> Refusal {
    let faults = faults(json);
    let category = text(json, "category").unwrap_or("REFUSED");
    let message = text(json, "message").unwrap_or("the record was refused without a reason");
    Refusal {
        code: faults.first().map_or_else(|| category.to_owned(), |fault| fault.code.clone()),
        message: faults.first().map_or_else(|| message.to_owned(), |fault| fault.message.clone()),
        fields: faults.iter().filter(|fault| !fault.field.is_empty()).map(|f| f.field.clone()).collect(),
        retryable: matches!(category, "RATE_LIMITS" | "RATE_LIMIT" | "LOCKED"),
    }
}

/// Whether a refusal says that the record stands there already.
pub fn is_conflict(json: &Json) -> bool {
    text(json, "category") == Some("CONFLICT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn response(status: u16) -> HttpResponse {
        HttpResponse { status, headers: Vec::new(), body: Vec::new() }
    }

    #[test]
    fn property_faults_are_read_from_both_places() {
        let old = json!({"status": "error", "category": "VALIDATION_ERROR",
            "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"Email address x is invalid\",\
            \"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]"});
        let refused = refusal(&old);
        assert_eq!((refused.code.as_str(), refused.fields), ("INVALID_EMAIL", vec!["email".to_owned()]));
        assert_eq!(summary(Some(&old)), "VALIDATION_ERROR: INVALID_EMAIL on `email`");
        let new = json!({"category": "VALIDATION_ERROR", "message": "no",
            "errors": [{"code": "INVALID_OPTION", "message": "m", "context": {"propertyName": ["industry"]}}]});
        assert_eq!(refusal(&new).fields, ["industry"]);
        assert_eq!(refusal(&json!({})).code, "REFUSED");
    }

    #[test]
    fn limits_and_scopes_are_told_apart() {
        let daily = json!({"policyName": "DAILY", "errorType": "RATE_LIMIT", "message": "You have reached your daily limit."});
        let judge = |status, json: &Json| HubSpotDialect.judge(&response(status), Some(json));
        assert!(matches!(judge(429, &daily), Verdict::Exhausted(..)));
        let burst = json!({"policyName": "TEN_SECONDLY_ROLLING", "message": "x"});
        assert!(matches!(judge(429, &burst), Verdict::Wait(Some(10_000), _)));
        let scope = json!({"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}]});
        let Verdict::Permission(why) = judge(403, &scope) else { panic!() };
        assert!(why.contains("crm.objects.deals.read"), "{why}");
        assert!(matches!(HubSpotDialect.judge(&response(503), None), Verdict::Broken(_)));
        assert_eq!(judge(409, &json!({})), Verdict::Answer);
    }
}
