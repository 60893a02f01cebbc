//! Pipelines and their stages.

use serde_json::{Map, Value as Json, json};

use super::answer::{Answer, Fault, iso};
use super::portal::Portal;
use super::store::Kind;
use crate::value::Millis;

#[derive(Debug, Clone)]
pub struct Pipeline {
    pub id: String,
    pub label: String,
    pub order: i64,
    pub stages: Vec<Stage>,
    pub created: Millis,
    pub updated: Millis,
    pub archived: Option<Millis>,
}

#[derive(Debug, Clone)]
pub struct Stage {
    pub id: String,
    pub label: String,
    pub order: i64,
    /// All values are texts: `isClosed`, `probability`; `ticketState` of tickets.
    pub metadata: Map<String, Json>,
    pub created: Millis,
    pub updated: Millis,
    pub archived: Option<Millis>,
}

impl Pipeline {
    fn new(id: &str, label: &str, order: i64, stages: Vec<Stage>) -> Self {
        let at = Millis(0);
        Self { id: id.into(), label: label.into(), order, stages, created: at, updated: at, archived: None }
    }

    pub fn json(&self) -> Json {
        let stages = self.stages.iter().filter(|stage| stage.archived.is_none());
        let mut body = json!({
            "label": self.label,
            "displayOrder": self.order,
            "id": self.id,
            "stages": stages.map(Stage::json).collect::<Vec<_>>(),
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "archived": self.archived.is_some(),
        });
        if let (Some(at), Some(body)) = (self.archived, body.as_object_mut()) {
            body.insert("archivedAt".into(), json!(iso(at)));
        }
        body
    }
}

impl Stage {
    fn new(id: &str, label: &str, order: i64, metadata: Json) -> Self {
        let at = Millis(0);
        let metadata = metadata.as_object().cloned().unwrap_or_default();
        Self { id: id.into(), label: label.into(), order, metadata, created: at, updated: at, archived: None }
    }

    pub fn json(&self) -> Json {
        let mut body = json!({
            "label": self.label,
            "displayOrder": self.order,
            "metadata": self.metadata,
            "id": self.id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": self.archived.is_some(),
        });
        if let (Some(at), Some(body)) = (self.archived, body.as_object_mut()) {
            body.insert("archivedAt".into(), json!(iso(at)));
        }
        body
    }

    pub fn is_closed(&self) -> bool {
        self.metadata.get("isClosed").and_then(Json::as_str) == Some("true")
            || self.metadata.get("ticketState").and_then(Json::as_str) == Some("CLOSED")
    }

    pub fn probability(&self) -> f64 {
        self.metadata.get("probability").and_then(Json::as_str).and_then(|p| p.parse().ok()).unwrap_or(0.0)
    }

    pub fn is_won(&self) -> bool {
        self.is_closed() && self.probability() >= 1.0
    }
}

fn deal_stages(rows: &[(&str, &str, &str)]) -> Vec<Stage> {
    let stage = |(order, (id, label, probability)): (usize, &(&str, &str, &str))| {
        let closed = matches!(*probability, "1.0" | "0.0");
        let metadata = json!({ "isClosed": closed.to_string(), "probability": probability });
        Stage::new(id, label, order as i64, metadata)
    };
    rows.iter().enumerate().map(stage).collect()
}

/// HubSpot's own sales pipeline, and one of the portal for partners.
pub fn of_deals() -> Vec<Pipeline> {
    let sales = deal_stages(&[
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
        ("closedwon", "Closed Won", "1.0"),
        ("closedlost", "Closed Lost", "0.0"),
    ]);
    let partners = deal_stages(&[
        ("partner_new", "New", "0.2"),
        ("partner_qualified", "Qualified", "0.4"),
        ("partner_proposal", "Proposal", "0.6"),
        ("partner_won", "Won", "1.0"),
        ("partner_lost", "Lost", "0.0"),
    ]);
    vec![
        Pipeline::new("default", "Sales Pipeline", 0, sales),
        Pipeline::new("partners", "Partners", 1, partners),
    ]
}

pub fn of_tickets() -> Vec<Pipeline> {
    let stage = |order: i64, id: &str, label: &str, state: &str| {
        let metadata = json!({ "ticketState": state, "isClosed": (state == "CLOSED").to_string() });
        Stage::new(id, label, order, metadata)
    };
    let stages = vec![
        stage(0, "1", "New", "OPEN"),
        stage(1, "2", "Waiting on contact", "OPEN"),
        stage(2, "3", "Waiting on us", "OPEN"),
        stage(3, "4", "Closed", "CLOSED"),
    ];
    vec![Pipeline::new("0", "Support Pipeline", 0, stages)]
}

/// `GET pipelines/{object}`: all of them, without paging.
pub fn list(portal: &Portal, kind: Kind) -> Answer {
    let mut live: Vec<&Pipeline> =
        portal.object(kind)?.pipelines.iter().filter(|pipeline| pipeline.archived.is_none()).collect();
    live.sort_by_key(|pipeline| pipeline.order);
    Ok((200, json!({ "results": live.iter().map(|pipeline| pipeline.json()).collect::<Vec<_>>() })))
}

fn find<'p>(portal: &'p Portal, kind: Kind, id: &str) -> Result<&'p Pipeline, Fault> {
    let all = &portal.object(kind)?.pipelines;
    all.iter().find(|known| known.id == id && known.archived.is_none()).ok_or_else(Fault::not_found)
}

/// `GET pipelines/{object}/{id}`.
pub fn get(portal: &Portal, kind: Kind, id: &str) -> Answer {
    Ok((200, find(portal, kind, id)?.json()))
}

/// `GET pipelines/{object}/{id}/stages`.
pub fn stages(portal: &Portal, kind: Kind, id: &str) -> Answer {
    let live = find(portal, kind, id)?.stages.iter().filter(|stage| stage.archived.is_none());
    Ok((200, json!({ "results": live.map(Stage::json).collect::<Vec<_>>() })))
}

/// `GET pipelines/{object}/{id}/stages/{stage}`.
pub fn stage(portal: &Portal, kind: Kind, id: &str, stage: &str) -> Answer {
    let known = find(portal, kind, id)?.stages.iter().find(|s| s.id == stage && s.archived.is_none());
    Ok((200, known.ok_or_else(Fault::not_found)?.json()))
}
