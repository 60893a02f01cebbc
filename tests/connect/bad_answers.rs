//! What a served CRM can answer wrongly, met by the connectors over real sockets: no write is taken for refused or
//! done that may be the other, nothing panics, and the next request works.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value as Json, json};
use twinmap::connect::remote::{ErrorClass, Outcome, Reply, Request, WriteKind};
use twinmap::sandbox::server::{Endpoint, Running};
use twinmap::schema::SystemKind;
use twinmap::value::Value;

use crate::served::{account, call, serve};
use crate::support::write;

fn ask(endpoint: &Endpoint, path: &str, body: &Json) -> Json {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("{}{path}", endpoint.base_url);
    runtime.block_on(async {
        let sent =
            reqwest::Client::new().post(url).bearer_auth(&endpoint.token).body(body.to_string()).send();
        let text = sent.await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Json::Null)
    })
}

fn sides(running: &Running) -> [(SystemKind, &Endpoint, &'static str, &'static str); 2] {
    [
        (SystemKind::Hubspot, &running.hubspot, "company", "name"),
        (SystemKind::Salesforce, &running.salesforce, "Account", "Name"),
    ]
}

#[test]
fn a_write_with_an_unreadable_answer_is_unknown() {
    let running = serve();
    for (kind, endpoint, object, field) in sides(&running) {
        let account = account(kind, &endpoint.base_url, &endpoint.token);
        for fault in ["html", "truncate", "huge", "gzip_bomb", "drop_after", "missing_item"] {
            let rules = json!({ "seed": 5, "rules": [{ "fault": fault, "method": "POST", "times": 1 }] });
            ask(endpoint, "/_sandbox/faults", &rules);
            let item = write("op", WriteKind::Create { unique: None }, &[(field, Value::text(fault))]);
            let request = Request::Write { object: object.into(), items: vec![item] };
            let Reply::Written(outcomes) = call(&account, request).unwrap_or_else(|error| {
                assert_eq!(error.class, ErrorClass::Unknown, "{kind:?} {fault}: {error}");
                Reply::Written(vec![("op".into(), Outcome::Unknown { message: error.message })])
            }) else {
                panic!()
            };
            assert!(matches!(outcomes[0].1, Outcome::Unknown { .. }), "{kind:?} {fault}: {outcomes:?}");
        }
        ask(endpoint, "/_sandbox/faults", &json!({ "rules": [] }));
        assert!(matches!(call(&account, Request::Owners), Ok(Reply::Owners(_))));
    }
}

#[test]
fn a_read_survives_one_bad_answer() {
    let running = serve();
    for (kind, endpoint, ..) in sides(&running) {
        let account = account(kind, &endpoint.base_url, &endpoint.token);
        for fault in ["html", "truncate", "gzip_bomb", "slow"] {
            let rules =
                json!({ "seed": 5, "rules": [{ "fault": fault, "ms": 200, "method": "GET", "times": 1 }] });
            ask(endpoint, "/_sandbox/faults", &rules);
            let owners = call(&account, Request::Owners);
            match owners {
                Ok(Reply::Owners(owners)) => assert!(!owners.is_empty()),
                other => {
                    let error = other.unwrap_err();
                    // An answer that is too large would be so again.
                    let expected = match fault {
                        "gzip_bomb" => error.class == ErrorClass::Rejected,
                        _ => matches!(error.class, ErrorClass::Unknown | ErrorClass::NotApplied),
                    };
                    assert!(expected, "{fault}: {error}");
                }
            }
        }
    }
}

#[test]
fn lost_credentials_and_permissions_are_told_as_such() {
    let running = serve();
    let [(_, hubspot, ..), (_, salesforce, ..)] = sides(&running);
    let portal = account(SystemKind::Hubspot, &hubspot.base_url, &hubspot.token);
    ask(hubspot, "/_sandbox/settings", &json!({ "without_scopes": ["crm.objects.owners.read"] }));
    assert_eq!(call(&portal, Request::Owners).unwrap_err().class, ErrorClass::Permission);
    ask(hubspot, "/_sandbox/settings", &json!({ "token_revoked": true }));
    assert_eq!(call(&portal, Request::Owners).unwrap_err().class, ErrorClass::Auth);
    let org = account(SystemKind::Salesforce, &salesforce.base_url, &salesforce.token);
    ask(salesforce, "/_sandbox/settings", &json!({ "daily": { "max": 100, "remaining": 0 } }));
    assert_eq!(call(&org, Request::Owners).unwrap_err().class, ErrorClass::Limit);
    ask(salesforce, "/_sandbox/expire", &json!({}));
    assert_eq!(call(&org, Request::Owners).unwrap_err().class, ErrorClass::Auth);
}

#[test]
fn webhooks_are_sent_signed_and_again() {
    let running = serve();
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/hook", receiver.local_addr().unwrap());
    put(
        &running.hubspot,
        "/webhooks/v3/1/settings",
        &json!({ "targetUrl": target, "throttling": { "maxConcurrentRequests": 10 } }),
    );
    let subscription =
        json!({ "eventType": "company.propertyChange", "propertyName": "city", "active": true });
    ask(&running.hubspot, "/webhooks/v3/1/subscriptions", &subscription);
    let made =
        ask(&running.hubspot, "/crm/v3/objects/companies", &json!({ "properties": { "name": "Hook" } }));
    let edit = json!({ "object": "company", "id": made["id"], "properties": { "city": "Oslo" } });
    ask(&running.hubspot, "/_sandbox/edit", &edit);
    for (attempt, status) in [(0, "500 No"), (1, "200 OK")] {
        let (mut stream, _) = receiver.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let text = whole(&mut stream);
        stream
            .write_all(
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1.to_owned()
        };
        let events: Json = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&events[0]["propertyName"], &events[0]["propertyValue"]),
            (&json!("city"), &json!("Oslo"))
        );
        assert_eq!(events[0]["attemptNumber"], json!(attempt));
        let stamp = header("x-hubspot-request-timestamp");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"sandbox-secret");
        let tag = ring::hmac::sign(&key, format!("POST{target}{body}{stamp}").as_bytes());
        assert_eq!(header("x-hubspot-signature-v3"), data_encoding::BASE64.encode(tag.as_ref()));
    }
}

fn put(endpoint: &Endpoint, path: &str, body: &Json) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("{}{path}", endpoint.base_url);
    let sent = runtime.block_on(async {
        reqwest::Client::new()
            .put(url)
            .bearer_auth(&endpoint.token)
            .body(body.to_string())
            .send()
            .await
            .unwrap()
    });
    assert!(sent.status().is_success(), "{}", sent.status());
}

/// A request with its whole body.
fn whole(stream: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return text;
            }
        }
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the request ended: {text}");
        bytes.extend_from_slice(&buffer[..n]);
    }
}
