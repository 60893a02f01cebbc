//! What Salesforce's refusals mean: for the client (again, later, never) and for one record.
//!
//! Errors of a request are a list with `errorCode`, errors of a collection's item a list with `statusCode`. Limits
//! come as 403, not 429. Source: Salesforce's REST guide, status codes and error responses.

use serde_json::Value as Json;

use super::id;
use crate::connect::client::{Dialect, Verdict};
use crate::connect::limits::{Daily, Meter, Window};
use crate::connect::remote::{Outcome, Refusal};
use crate::connect::transport::HttpResponse;
use crate::record::RecordId;
use crate::schema::json::{list, text};
use crate::value::Millis;

#[derive(Debug)]
pub struct SalesforceDialect;

impl Dialect for SalesforceDialect {
    fn judge(&self, response: &HttpResponse, json: Option<&Json>) -> Verdict {
        let code = json.and_then(code).unwrap_or("");
        let why = || match code.is_empty() {
            true => format!("status {}", response.status),
            false => format!("status {}: {code}", response.status),
        };
        match (response.status, code) {
            (401, _) => Verdict::Expired(format!("the session was refused ({})", why())),
            (403, "REQUEST_LIMIT_EXCEEDED") => {
                Verdict::Exhausted(None, "the org's API calls of the day are used up".to_owned())
            }
            (403, _) => Verdict::Permission(format!("access was refused ({})", why())),
            (429, _) => Verdict::Wait(None, why()),
            (400, "QUERY_TIMEOUT" | "REQUEST_RUNNING_TOO_LONG") => Verdict::Broken(why()),
            // The edge proxy of an org that starts up answers so, without JSON.
            (406 | 420, "") => Verdict::Broken(why()),
            (500.., _) => Verdict::Broken(why()),
            _ => Verdict::Answer,
        }
    }

    fn learn(&self, _class: &'static str, response: &HttpResponse, meter: &mut Meter, _now: Millis) {
        if let Some(daily) = response.header("sforce-limit-info").and_then(usage) {
            meter.daily = Some(daily);
        }
    }

    fn window(&self, _class: &'static str) -> Option<(&'static str, Window)> {
        None
    }
}

/// `api-usage=54/15000; per-app-api-usage=17/250(appName=x)`.
fn usage(header: &str) -> Option<Daily> {
    let own = header.split(';').find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, max) = own.split_once('/')?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    Some(Daily { used: digits(used)?, max: digits(max)? })
}

/// The first error's code.
pub fn code(json: &Json) -> Option<&str> {
    let error = first(json)?;
    text(error, "errorCode").or_else(|| text(error, "statusCode"))
}

pub fn message(json: &Json) -> Option<&str> {
    text(first(json)?, "message")
}

fn first(json: &Json) -> Option<&Json> {
    match json {
        Json::Array(rows) => rows.first(),
        Json::Object(map) if map.contains_key("errors") => list(json, "errors").first(),
        Json::Object(_) => Some(json),
        _ => None,
    }
}

/// An error in words without record values: its code, and the fields it names.
pub fn summary(json: &Json) -> String {
    let Some(error) = first(json) else { return "no reason given".to_owned() };
    let code = code(json).or_else(|| text(error, "error")).unwrap_or("no code");
    let fields: Vec<&str> = list(error, "fields").iter().filter_map(Json::as_str).collect();
    // These two only ever name fields and objects.
    let schema = matches!(code, "INVALID_FIELD" | "INVALID_TYPE" | "NOT_FOUND" | "MALFORMED_QUERY");
    let message =
        text(error, "message").filter(|_| schema).map(|text| text.split_whitespace().collect::<Vec<_>>());
    let mut words = code.to_owned();
    if let Some(message) = message {
        words = format!("{words}: {}", message.join(" "));
    }
    if !fields.is_empty() {
        words = format!("{words} ({})", fields.join(", "));
    }
    words
}

/// Why one record was refused, or what it met.
pub fn refused(json: &Json) -> Outcome {
    let Some(error) = first(json) else {
        return Outcome::Unknown { message: "an error without a reason".to_owned() };
    };
    let code = code(json).unwrap_or("REFUSED");
    let message = text(error, "message").unwrap_or("the record was refused without a reason").to_owned();
    match code {
        "DUPLICATES_DETECTED" => Outcome::Exists { candidates: duplicates(error), message },
        "DUPLICATE_VALUE" | "DUPLICATE_EXTERNAL_ID" => {
            Outcome::Exists { candidates: named_id(&message).into_iter().collect(), message }
        }
        "PRECONDITION_FAILED" | "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK" => Outcome::Stale,
        _ => Outcome::Refused(Refusal {
            code: code.to_owned(),
            message,
            fields: list(error, "fields").iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            retryable: matches!(
                code,
                "UNABLE_TO_LOCK_ROW"
                    | "REQUEST_RUNNING_TOO_LONG"
                    | "SERVER_UNAVAILABLE"
                    | "QUERY_TIMEOUT"
                    | "PROCESSING_HALTED"
                    | "ALL_OR_NONE_OPERATION_ROLLED_BACK"
            ),
        }),
    }
}

/// The matching records of a duplicate rule's refusal. The key has been spelled both ways.
fn duplicates(error: &Json) -> Vec<RecordId> {
    let Some(result) = error.get("duplicateResult").or_else(|| error.get("duplicateResut")) else {
        return Vec::new();
    };
    let mut ids: Vec<RecordId> = list(result, "matchResults")
        .iter()
        .flat_map(|rule| list(rule, "matchRecords"))
        .filter_map(|hit| text(hit.get("record")?, "Id"))
        .filter_map(id::full)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// `duplicate value found: X duplicates value on record with id: 0018M000003uKqq`.
fn named_id(message: &str) -> Option<RecordId> {
    let (_, rest) = message.split_once("with id:")?;
    id::full(rest.split_whitespace().next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_hide_behind_403() {
        let response = |status| HttpResponse { status, headers: Vec::new(), body: Vec::new() };
        let limit =
            json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]);
        assert!(matches!(SalesforceDialect.judge(&response(403), Some(&limit)), Verdict::Exhausted(..)));
        let access = json!([{"message": "no", "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY"}]);
        assert!(matches!(SalesforceDialect.judge(&response(403), Some(&access)), Verdict::Permission(_)));
        let expired = json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]);
        assert!(matches!(SalesforceDialect.judge(&response(401), Some(&expired)), Verdict::Expired(_)));
        assert_eq!(usage("api-usage=54/15000"), Some(Daily { used: 54, max: 15_000 }));
    }

    #[test]
    fn both_spellings_of_duplicates_and_short_ids_are_read() {
        let hit = json!({"matchResults": [{"matchRecords": [{"record": {"Id": "003000000000001AAA"}}]}]});
        for key in ["duplicateResult", "duplicateResut"] {
            let body = json!([{"errorCode": "DUPLICATES_DETECTED", "message": "m", key: hit}]);
            let Outcome::Exists { candidates, .. } = refused(&body) else { panic!() };
            assert_eq!(candidates, [RecordId::new("003000000000001AAA")]);
        }
        let value = json!({"success": false, "errors": [{"statusCode": "DUPLICATE_VALUE", "fields": [],
            "message": "duplicate value found: Ext__c duplicates value on record with id: 0018M000003uKqq"}]});
        let Outcome::Exists { candidates, .. } = refused(&value) else { panic!() };
        assert_eq!(candidates[0].as_str().len(), 18);
    }

    #[test]
    fn summaries_hold_no_record_values() {
        let body = json!([{"errorCode": "STRING_TOO_LONG", "message": "Last Name: data value too large: secret", "fields": ["LastName"]}]);
        assert_eq!(summary(&body), "STRING_TOO_LONG (LastName)");
    }
}
