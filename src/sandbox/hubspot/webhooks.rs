//! Webhooks: an app's subscriptions, and the events that wait to be sent.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value as Json, json};

use super::super::core::http::{Outgoing, Request};
use super::answer::{Answer, Fault, iso};
use super::portal::{Actor, Portal};
use super::request;
use super::store::Key;
use crate::value::Millis;

/// The most events that wait; older ones are lost.
const MOST_WAITING: usize = 10_000;
/// The most events of one delivery.
const MOST_AT_ONCE: usize = 100;

#[derive(Debug, Clone)]
struct Subscription {
    id: u64,
    event_type: String,
    property: Option<String>,
    active: bool,
    created: Millis,
}

#[derive(Debug, Default)]
pub struct Webhooks {
    pub target: Option<String>,
    subscriptions: Vec<Subscription>,
    last_id: u64,
    last_event: u64,
    waiting: VecDeque<Json>,
}

impl Subscription {
    fn json(&self) -> Json {
        json!({
            "id": self.id.to_string(),
            "eventType": self.event_type,
            "propertyName": self.property,
            "active": self.active,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.created),
        })
    }

    fn wants(&self, object: &str, event: &str, property: Option<&str>) -> bool {
        let ty = self.event_type.split_once('.');
        self.active
            && ty.is_some_and(|(of, what)| (of == object || of == "object") && what == event)
            && (self.property.is_none() || self.property.as_deref() == property)
    }
}

impl Webhooks {
    /// The next events to deliver, oldest first; they are gone from the queue.
    pub fn take(&mut self) -> Vec<Json> {
        let n = self.waiting.len().min(MOST_AT_ONCE);
        self.waiting.drain(..n).collect()
    }
}

impl Portal {
    /// The next delivery to the app's address, when it has one.
    pub fn delivery(&mut self) -> Option<Outgoing> {
        let url = self.webhooks.target.clone()?;
        let events = self.webhooks.take();
        let at = self.now().0;
        (!events.is_empty()).then_some(Outgoing { url, events, at, secret: super::oauth::CLIENT_SECRET })
    }

    /// Queues the events of a mutation for the subscriptions that want them.
    pub fn announce(&mut self, actor: &Actor, action: &str, record: Key, fields: &BTreeMap<String, Json>) {
        if self.webhooks.subscriptions.is_empty() {
            return;
        }
        let object =
            self.object(record.0).map_or_else(|_| String::new(), |object| object.singular.to_string());
        let event = match action {
            "create" => "creation",
            "archive" => "deletion",
            "update" => "propertyChange",
            "associate" | "dissociate" => "associationChange",
            "merge" => "merge",
            "restore" => "restore",
            _ => return,
        };
        let properties: Vec<Option<&String>> =
            if event == "propertyChange" { fields.keys().map(Some).collect() } else { vec![None] };
        for property in properties {
            let all = self.webhooks.subscriptions.iter();
            let wanting: Vec<Subscription> = all
                .filter(|known| known.wants(&object, event, property.map(String::as_str)))
                .cloned()
                .collect();
            for subscription in wanting {
                let value = property.and_then(|name| fields.get(name));
                self.queue(&subscription, actor, record, property.zip(value));
            }
        }
    }

    fn queue(
        &mut self,
        subscription: &Subscription,
        actor: &Actor,
        record: Key,
        change: Option<(&String, &Json)>,
    ) {
        self.webhooks.last_event += 1;
        let by_api = actor.by == "api";
        let mut event = json!({
            "eventId": self.webhooks.last_event,
            "subscriptionId": subscription.id,
            "portalId": self.id,
            "appId": self.app_id,
            "occurredAt": self.now().0,
            "subscriptionType": subscription.event_type,
            "attemptNumber": 0,
            "objectId": record.1,
            "changeSource": if by_api { "INTEGRATION" } else { "CRM_UI" },
        });
        if let Some(event) = event.as_object_mut() {
            if by_api {
                event.insert("sourceId".into(), json!(self.app_id.to_string()));
            }
            if let Some((name, value)) = change {
                event.insert("propertyName".into(), json!(name));
                event.insert("propertyValue".into(), value.clone());
            }
        }
        if self.webhooks.waiting.len() >= MOST_WAITING {
            self.webhooks.waiting.pop_front();
        }
        self.webhooks.waiting.push_back(event);
    }
}

/// `GET`, `PUT` and `DELETE settings`.
pub fn settings(portal: &mut Portal, request: &Request) -> Answer {
    match request.method.as_str() {
        "PUT" => {
            let body = Json::Object(request::object(request)?);
            let target = request::text(&body, "targetUrl").ok_or_else(|| Fault::missing("targetUrl"))?;
            portal.webhooks.target = Some(target);
        }
        "DELETE" => {
            portal.webhooks.target = None;
            return Ok((204, Json::Null));
        }
        _ => {}
    }
    let target = portal.webhooks.target.clone().ok_or_else(Fault::not_found)?;
    let body = json!({
        "targetUrl": target,
        "throttling": { "maxConcurrentRequests": 10 },
        "createdAt": iso(Millis(0)),
    });
    Ok((200, body))
}

/// `GET subscriptions`.
pub fn list(portal: &Portal) -> Answer {
    let rows: Vec<Json> = portal.webhooks.subscriptions.iter().map(Subscription::json).collect();
    Ok((200, json!({ "results": rows })))
}

/// `POST subscriptions`: `{eventType, propertyName?, active?}`.
pub fn create(portal: &mut Portal, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let event_type = request::text(&body, "eventType").ok_or_else(|| Fault::missing("eventType"))?;
    let property = request::text(&body, "propertyName");
    if event_type.ends_with(".propertyChange") && property.is_none() {
        return Err(Fault::missing("propertyName"));
    }
    portal.webhooks.last_id += 1;
    let subscription = Subscription {
        id: portal.webhooks.last_id,
        event_type,
        property,
        active: body.get("active").and_then(Json::as_bool).unwrap_or(false),
        created: portal.now(),
    };
    let answer = subscription.json();
    portal.webhooks.subscriptions.push(subscription);
    Ok((201, answer))
}

/// `GET`, `PATCH` and `DELETE subscriptions/{id}`.
pub fn one(portal: &mut Portal, id: &str, request: &Request) -> Answer {
    let all = &mut portal.webhooks.subscriptions;
    let place = all.iter().position(|known| known.id.to_string() == id).ok_or_else(Fault::not_found)?;
    if request.method == "DELETE" {
        all.remove(place);
        return Ok((204, Json::Null));
    }
    let known = all.get_mut(place).ok_or_else(Fault::not_found)?;
    if request.method == "PATCH" {
        let body = request::object(request)?;
        known.active = body.get("active").and_then(Json::as_bool).unwrap_or(known.active);
    }
    Ok((200, known.json()))
}
