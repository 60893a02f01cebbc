//! The shapes of Rest.li 2.0.0 that the face speaks: refusals, collections, actions, complex keys, tunnelled queries.
//!
//! Facts: LinkedIn's protocol pages and its published Python client. A request arrives with its query decoded, so
//! complex keys are told apart by the names of their members, which are known.

use serde_json::{Value as Json, json};

use super::super::core::http::{Request, Response};

/// A refusal of a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub status: u16,
    pub code: u32,
    pub message: String,
}

pub type Answer = Result<Response, Fault>;

impl Fault {
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        // 65600: invalid token; 100: not entitled; 0: everything else.
        let code = match status {
            401 => 65_600,
            403 => 100,
            _ => 0,
        };
        Fault { status, code, message: message.into() }
    }

    pub fn missing(name: &str) -> Self {
        Fault::new(400, format!("Parameter '{name}' is required"))
    }

    pub fn body(&self) -> Json {
        json!({ "message": self.message, "serviceErrorCode": self.code, "status": self.status })
    }

    pub fn response(&self) -> Response {
        Response::json(self.status, &self.body())
    }
}

pub fn ok(body: &Json) -> Answer {
    Ok(Response::json(200, body))
}

/// What an action gives stands under `value`.
pub fn value(body: &Json) -> Answer {
    ok(&json!({ "value": body }))
}

/// One page of a collection, by `start` and `count`.
pub fn page(request: &Request, all: Vec<Json>) -> Answer {
    let number = |name: &str, usual: usize| -> Result<usize, Fault> {
        match request.param(name) {
            None => Ok(usual),
            Some(text) => {
                text.parse().map_err(|_| Fault::new(400, format!("Parameter '{name}' is not a number")))
            }
        }
    };
    let (start, count) = (number("start", 0)?, number("count", 10)?);
    if start > 10_000 || count > 1_000 {
        return Err(Fault::new(400, "Exceeds the pagination limit"));
    }
    let total = all.len();
    let elements: Vec<Json> = all.into_iter().skip(start).take(count).collect();
    ok(&json!({
        "elements": elements,
        "paging": { "start": start, "count": count, "total": total, "links": [] },
    }))
}

pub fn need<'r>(request: &'r Request, name: &str) -> Result<&'r str, Fault> {
    request.param(name).filter(|text| !text.is_empty()).ok_or_else(|| Fault::missing(name))
}

pub fn number(request: &Request, name: &str) -> Result<i64, Fault> {
    need(request, name)?.parse().map_err(|_| Fault::new(400, format!("Parameter '{name}' is not a number")))
}

pub fn body(request: &Request) -> Result<Json, Fault> {
    request.json().map_err(|_| Fault::new(400, "The body is not JSON"))
}

pub fn text<'j>(body: &'j Json, name: &str) -> Result<&'j str, Fault> {
    body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()).ok_or_else(|| Fault::missing(name))
}

/// The inside of `List(...)`.
fn inside(list: &str) -> Result<&str, Fault> {
    let inner = list.strip_prefix("List(").and_then(|rest| rest.strip_suffix(')'));
    inner.ok_or_else(|| Fault::new(400, "Expected a list of the form List(...)"))
}

/// `List(a,b)` of plain ids.
pub fn ids(list: &str) -> Result<Vec<String>, Fault> {
    let inner = inside(list)?;
    Ok(inner.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect())
}

/// `(instanceId:X,partner:Y,recordId:Z)`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssociationKey {
    pub instance: String,
    pub partner: String,
    pub record: String,
}

impl AssociationKey {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |name: &str| Fault::new(400, format!("The key has no member '{name}'"));
        let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| Fault::new(400, "Expected a complex key"))?;
        let rest = inner.strip_prefix("instanceId:").ok_or_else(|| wrong("instanceId"))?;
        let (instance, rest) = rest.split_once(",partner:").ok_or_else(|| wrong("partner"))?;
        let (partner, record) = rest.split_once(",recordId:").ok_or_else(|| wrong("recordId"))?;
        if instance.is_empty() || partner.is_empty() || record.is_empty() {
            return Err(Fault::new(400, "A member of the key is blank"));
        }
        let own = |text: &str| text.to_owned();
        Ok(AssociationKey { instance: own(instance), partner: own(partner), record: own(record) })
    }

    /// `List((...),(...))`
    pub fn parse_list(list: &str) -> Result<Vec<Self>, Fault> {
        let inner = inside(list)?;
        let inner = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| Fault::new(400, "Expected complex keys"))?;
        inner.split("),(").map(|key| AssociationKey::parse(&format!("({key})"))).collect()
    }

    /// As it stands in an answer: values encoded, members in alphabetical order.
    pub fn encoded(&self) -> String {
        format!(
            "(instanceId:{},partner:{},recordId:{})",
            encode(&self.instance),
            encode(&self.partner),
            encode(&self.record)
        )
    }
}

/// Percent-encodes a value: nothing but letters, digits and `-._~` stays.
pub fn encode(text: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEEP).to_string()
}

/// A GET whose query was too long for an address comes as a POST with the query in its body.
pub fn untunnelled(request: &Request) -> Request {
    let method = request.header("x-http-method-override").map(str::to_ascii_uppercase);
    let form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match method {
        Some(method) if request.method == "POST" && form => {
            let mut query = request.query.clone();
            query.extend(url::form_urlencoded::parse(&request.body).into_owned());
            Request { method, query, body: Vec::new(), ..request.clone() }
        }
        _ => request.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complex_keys_are_read_with_whatever_their_values_hold() {
        let text = "List((instanceId:https://a.example/x,partner:SFDC,recordId:003),(instanceId:9,partner:HUBSPOT,recordId:5))";
        let keys = AssociationKey::parse_list(text).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].encoded(), "(instanceId:https%3A%2F%2Fa.example%2Fx,partner:SFDC,recordId:003)");
        assert!(AssociationKey::parse("(instanceId:1,recordId:2)").is_err());
    }
}
