//! Sends what a simulated CRM announces, to loopback addresses only, and again when it was not taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use url::{Host, Url};

use super::core::http::{Face, Outgoing};

const PAUSE: Duration = Duration::from_millis(100);
/// Longer, and it counts as not taken.
const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: u32 = 10;

/// Runs until the sandbox stops.
pub async fn deliver<F: Face>(face: Arc<Mutex<F>>, mut stopped: watch::Receiver<bool>) {
    // The client wants a provider of cryptography even where it needs none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Ok(client) = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build() else { return };
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        loop {
            let next = face.lock().unwrap_or_else(PoisonError::into_inner).outgoing();
            let Some(message) = next else { break };
            if loopback(&message.url) {
                tokio::spawn(send(client.clone(), message));
            }
        }
    }
}

/// The sandbox speaks to nobody outside this machine.
fn loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

async fn send(client: reqwest::Client, message: Outgoing) {
    let begun = Instant::now();
    for attempt in 0..TRIES {
        let body = body(&message.events, attempt);
        let stamp = message.at + begun.elapsed().as_millis() as i64;
        let request = client
            .post(&message.url)
            .header("Content-Type", "application/json")
            .header("User-Agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhookDeliveryService")
            .header("X-HubSpot-Request-Timestamp", stamp.to_string())
            .header("X-HubSpot-Signature-v3", signature(message.secret, &message.url, &body, stamp));
        if request.body(body).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(PAUSE * 2u32.pow(attempt)).await;
    }
}

/// Events tell at which attempt they come.
fn body(events: &[Value], attempt: u32) -> String {
    let mut events = events.to_vec();
    for event in events.iter_mut().filter_map(Value::as_object_mut) {
        event.insert("attemptNumber".into(), attempt.into());
    }
    Value::Array(events).to_string()
}

/// Version 3: of method, address, body and time.
fn signature(secret: &str, url: &str, body: &str, stamp: i64) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, format!("POST{url}{body}{stamp}").as_bytes());
    data_encoding::BASE64.encode(tag.as_ref())
}
