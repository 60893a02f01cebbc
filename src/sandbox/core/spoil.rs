//! Answers that went wrong on the way: errors of proxies, spoiled bodies, wrong pages.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::faults::Rule;
use super::http::{Request, Response};

pub fn failure(system: &str, rule: &Rule) -> Response {
    let status = rule.status.unwrap_or(503);
    let response = match &rule.code {
        None => page(status),
        Some(code) if system == "salesforce" => {
            Response::json(status, &json!([{ "message": "A fault of the sandbox", "errorCode": code }]))
        }
        Some(code) => {
            let body = json!({ "status": "error", "message": "A fault of the sandbox", "category": code });
            Response::json(status, &body)
        }
    };
    match rule.retry_after {
        Some(seconds) => response.with("Retry-After", seconds.to_string()),
        None => response,
    }
}

/// What a proxy in front of a CRM answers.
pub fn page(status: u16) -> Response {
    let body =
        format!("<html><body><h1>{status}</h1><p>The request could not be answered.</p></body></html>");
    Response {
        status,
        headers: vec![("Content-Type".into(), "text/html; charset=utf-8".into())],
        body: body.into_bytes(),
    }
}

pub fn huge() -> Response {
    let mut body = vec![b' '; 64 << 20];
    if let Some(first) = body.first_mut() {
        *first = b'[';
    }
    Response { status: 200, headers: vec![("Content-Type".into(), "application/json".into())], body }
}

/// Leaves out one item of the first list that has any.
pub fn drop_item(json: &mut Json, roll: &mut dyn FnMut(usize) -> usize) -> bool {
    match json {
        Json::Array(items) if !items.is_empty() => {
            items.remove(roll(items.len()));
            true
        }
        Json::Object(members) => {
            for name in ["results", "records", "to", "compositeResponse"] {
                if members.get_mut(name).is_some_and(|list| drop_item(list, roll)) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

pub fn drop_named(json: &mut Json, name: &str) {
    match json {
        Json::Object(members) => {
            members.remove(name);
            members.values_mut().for_each(|member| drop_named(member, name));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| drop_named(item, name)),
        _ => {}
    }
}

/// Walks down by chance and leaves out one member of the innermost object it reaches.
pub fn drop_any(json: &mut Json, roll: &mut dyn FnMut(usize) -> usize) {
    match json {
        Json::Object(members) if !members.is_empty() => {
            let Some(name) = members.keys().nth(roll(members.len())).cloned() else { return };
            let deeper = members.get(&name).is_some_and(|member| {
                member.as_object().is_some_and(|m| !m.is_empty())
                    || member.as_array().is_some_and(|m| !m.is_empty())
            });
            match members.get_mut(&name).filter(|_| deeper) {
                Some(member) => drop_any(member, roll),
                None => {
                    members.remove(&name);
                }
            }
        }
        Json::Array(items) if !items.is_empty() => {
            let place = roll(items.len());
            if let Some(item) = items.get_mut(place) {
                drop_any(item, roll);
            }
        }
        _ => {}
    }
}

/// A body that is small on the wire and 256 MB when it is unpacked.
pub fn bomb() -> Response {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let piece = vec![b' '; 1 << 20];
    // Writing into memory does not fail.
    let _ = packed.write_all(b"[");
    for _ in 0..256 {
        let _ = packed.write_all(&piece);
    }
    let headers =
        vec![("Content-Type".into(), "application/json".into()), ("Content-Encoding".into(), "gzip".into())];
    Response { status: 200, headers, body: packed.finish().unwrap_or_default() }
}

/// Other places for the items of every list of an answer that has records.
pub fn reorder(json: &mut Json, roll: &mut dyn FnMut(usize) -> usize) {
    match json {
        Json::Array(items) => {
            for place in (1..items.len()).rev() {
                items.swap(place, roll(place + 1));
            }
        }
        Json::Object(members) => {
            for name in ["results", "records"] {
                if let Some(list) = members.get_mut(name) {
                    reorder(list, roll);
                }
            }
        }
        _ => {}
    }
}

/// The request for the page after this answer.
pub fn following(request: &Request, response: &Response) -> Option<Request> {
    let answer: Json = serde_json::from_slice(&response.body).ok()?;
    let mut next = request.clone();
    if let Some(url) = answer.get("nextRecordsUrl").and_then(Json::as_str) {
        next.path = url.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        next.query.clear();
        return Some(next);
    }
    let after = answer.get("paging")?.get("next")?.get("after")?.as_str()?.to_owned();
    if request.method == "POST" {
        let mut body: Json = serde_json::from_slice(&request.body).ok()?;
        body.as_object_mut()?.insert("after".into(), after.into());
        next.body = body.to_string().into_bytes();
    } else {
        next.query.retain(|(name, _)| name != "after");
        next.query.push(("after".to_owned(), after));
    }
    Some(next)
}
