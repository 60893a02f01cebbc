//! `/composite`: up to 25 calls in one, later ones referring to the answers of earlier ones.

use serde_json::{Map, Value};

use super::super::core::http::Request;
use super::Salesforce;
use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::reply::{Body, Call, Reply};

const MAX_CALLS: usize = 25;
/// Of which at most this many are queries or collections.
const MAX_WIDE: usize = 5;

/// `POST /composite`
pub fn composite(sf: &mut Salesforce, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = call.object()?;
    let calls = match body.get("compositeRequest") {
        Some(Value::Array(calls)) if !calls.is_empty() => calls,
        _ => {
            return Err(Fault::malformed(
                "The compositeRequest list is missing or empty at [line:1, column:1]",
            ));
        }
    };
    check(calls)?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let (answers, _) = run(sf, call, calls, all_or_none);
    Ok(Reply::json(200, object([("compositeResponse", answers.into())])))
}

fn check(calls: &[Value]) -> Result<(), Fault> {
    let invalid = |message: String| Err(Fault::new(400, "BAD_REQUEST", message));
    if calls.len() > MAX_CALLS {
        return invalid(format!("Limit of {MAX_CALLS} subrequests in a composite request was exceeded"));
    }
    let url = |call: &Value| call.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    let wide = calls.iter().filter(|call| {
        let url = url(call);
        url.contains("/query") || url.contains("/composite/sobjects")
    });
    if wide.count() > MAX_WIDE {
        return invalid(format!("Limit of {MAX_WIDE} query and collection subrequests was exceeded"));
    }
    let mut names = Vec::new();
    for call in calls {
        let name = call.get("referenceId").and_then(Value::as_str).unwrap_or_default();
        let fits = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
        if !fits {
            return invalid(format!(
                "Invalid referenceId '{name}': letters, digits and underscores are allowed"
            ));
        }
        if names.contains(&name) {
            return invalid(format!("Duplicate referenceId '{name}'"));
        }
        names.push(name);
    }
    Ok(())
}

/// The answers, and whether all went well. With `all_or_none`, a failure undoes everything.
pub fn run(sf: &mut Salesforce, outer: &Call<'_>, calls: &[Value], all_or_none: bool) -> (Vec<Doc>, bool) {
    let mut done: Vec<(String, Reply)> = Vec::new();
    sf.org.begin();
    let mut failed = false;
    for call in calls {
        let name = call.get("referenceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let reply = if failed && all_or_none { halted() } else { one(sf, outer, call, &done) };
        failed |= reply.status >= 300 && reply.status != 304;
        done.push((name, reply));
    }
    let undo = failed && all_or_none;
    if undo {
        sf.org.rollback()
    } else {
        sf.org.commit()
    }
    let answers = done.into_iter().map(|(name, reply)| {
        let reply = if undo && reply.status < 300 { halted() } else { reply };
        answer(name, reply)
    });
    (answers.collect(), !failed)
}

fn halted() -> Reply {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    Reply::from(Fault::new(400, "PROCESSING_HALTED", message))
}

fn answer(name: String, reply: Reply) -> Doc {
    let body = match reply.body {
        Body::Json(doc) => doc,
        Body::Empty | Body::Csv(_) | Body::Xml(_) => Doc::Null,
    };
    let headers = reply.headers.into_iter().filter(|(name, _)| *name != "Sforce-Limit-Info");
    let mut shown = object([]);
    for (name, value) in headers {
        shown.push(name, value);
    }
    object([
        ("body", body),
        ("httpHeaders", shown),
        ("httpStatusCode", Doc::from(i64::from(reply.status))),
        ("referenceId", name.into()),
    ])
}

fn one(sf: &mut Salesforce, outer: &Call<'_>, call: &Value, done: &[(String, Reply)]) -> Reply {
    match request(outer, call, done) {
        Ok((version, request)) => sf.inner(version, &outer.who, &request),
        Err(fault) => Reply::from(fault),
    }
}

/// A subrequest as a request of its own, with its references filled in.
fn request(outer: &Call<'_>, call: &Value, done: &[(String, Reply)]) -> Result<(u16, Request), Fault> {
    let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
    let url = fill(text("url"), done, Fill::Url)?;
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let rest = parts.strip_prefix(&["services".to_owned(), "data".to_owned()]).unwrap_or_default();
    let version = rest.first().and_then(|version| super::version(version));
    let (Some(version), Some(rest)) = (version, rest.get(1..)) else {
        let message = format!("The url '{url}' must start with /services/data/vXX.X");
        return Err(Fault::new(400, "BAD_REQUEST", message));
    };
    let refused = matches!(
        rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        ["composite"] | ["composite", "batch" | "tree" | "graph", ..]
    );
    if refused {
        return Err(Fault::new(400, "BAD_REQUEST", "This resource is not allowed in a composite request"));
    }
    let mut headers: Vec<(String, String)> =
        outer.request.headers.iter().filter(|(name, _)| !name.starts_with("if-")).cloned().collect();
    if let Some(Value::Object(own)) = call.get("httpHeaders") {
        for (name, value) in own {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            headers.retain(|(has, _)| !has.eq_ignore_ascii_case(name));
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    let body = match call.get("body") {
        Some(body) if !body.is_null() => fill_value(body, done)?.to_string().into_bytes(),
        _ => Vec::new(),
    };
    let request = Request {
        method: text("method").to_ascii_uppercase(),
        path: rest.to_vec(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body,
    };
    Ok((version, request))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Url,
    Body,
}

fn fill_value(value: &Value, done: &[(String, Reply)]) -> Result<Value, Fault> {
    Ok(match value {
        Value::String(text) => Value::String(fill(text, done, Fill::Body)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill_value(item, done)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let mut filled = Map::new();
            for (key, value) in members {
                filled.insert(key.clone(), fill_value(value, done)?);
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}

/// `@{ref.records[0].Id}` replaced by what the answer of `ref` says there.
fn fill(text: &str, done: &[(String, Reply)], place: Fill) -> Result<String, Fault> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((reference, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = look_up(reference, done).ok_or_else(|| {
            let message = format!("Invalid reference specified. No value for {reference} found in response");
            Fault::new(400, "PROCESSING_HALTED", message)
        })?;
        if place == Fill::Url {
            out.push_str(
                &percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC)
                    .to_string(),
            );
        } else {
            out.push_str(&value);
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn look_up(reference: &str, done: &[(String, Reply)]) -> Option<String> {
    let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
    let (_, reply) = done.iter().find(|(has, _)| has == name)?;
    let Body::Json(mut doc) = reply.body.clone() else { return None };
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, indices) = part.split_once('[').map_or((part, ""), |(key, rest)| (key, rest));
        if !key.is_empty() {
            doc = doc.get(key)?.clone();
        }
        for index in
            indices.split('[').map(|index| index.trim_end_matches(']')).filter(|index| !index.is_empty())
        {
            doc = doc.at(index.parse().ok()?)?.clone();
        }
    }
    match doc {
        Doc::Text(text) => Some(text.into_owned()),
        Doc::Number(digits) => Some(digits.into_owned()),
        Doc::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// `POST /composite/batch`: independent calls, `url` without `/services/data`.
pub fn batch(sf: &mut Salesforce, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = call.object()?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let calls = match body.get("batchRequests") {
        Some(Value::Array(calls)) if calls.len() <= MAX_CALLS => calls,
        Some(Value::Array(_)) => {
            let message = format!("Limit of {MAX_CALLS} subrequests in a batch request was exceeded");
            return Err(Fault::new(400, "BAD_REQUEST", message));
        }
        _ => return Err(Fault::malformed("The batchRequests list is missing at [line:1, column:1]")),
    };
    let mut results = Vec::new();
    let mut failed = false;
    for inner in calls {
        if failed && halt {
            let fault =
                Fault::new(412, "BATCH_PROCESSING_HALTED", "Batch processing was halted by a failed request");
            results.push(object([("statusCode", Doc::from(412i64)), ("result", fault.body())]));
            continue;
        }
        let mut inner = inner.clone();
        if let Value::Object(members) = &mut inner {
            let url = members.get("url").and_then(Value::as_str).unwrap_or_default().trim_start_matches('/');
            let url = format!("/services/data/{}", url.trim_start_matches("services/data/"));
            members.insert("url".into(), url.into());
            if let Some(rich) = members.remove("richInput") {
                members.insert("body".into(), rich);
            }
        }
        let reply = one(sf, call, &inner, &[]);
        failed |= reply.status >= 400;
        let result = match reply.body {
            Body::Json(doc) => doc,
            Body::Empty | Body::Csv(_) | Body::Xml(_) => Doc::Null,
        };
        results.push(object([("statusCode", Doc::from(i64::from(reply.status))), ("result", result)]));
    }
    Ok(Reply::json(200, object([("hasErrors", failed.into()), ("results", list(results))])))
}
