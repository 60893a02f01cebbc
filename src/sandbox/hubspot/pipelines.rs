//! Pipelines and their stages.

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, iso};
use super::portal::Portal;
use super::request;
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

fn find_mut<'p>(portal: &'p mut Portal, kind: Kind, id: &str) -> Result<&'p mut Pipeline, Fault> {
    let all = &mut portal.object_mut(kind)?.pipelines;
    all.iter_mut().find(|known| known.id == id && known.archived.is_none()).ok_or_else(Fault::not_found)
}

fn find_stage<'p>(portal: &'p mut Portal, kind: Kind, id: &str, stage: &str) -> Result<&'p mut Stage, Fault> {
    let mut all = find_mut(portal, kind, id)?.stages.iter_mut();
    all.find(|known| known.id == stage && known.archived.is_none()).ok_or_else(Fault::not_found)
}

/// The metadata of a stage of a deal needs a probability, in steps of a tenth; closed is what is sure.
fn metadata(portal: &Portal, kind: Kind, given: &Json) -> Result<Map<String, Json>, Fault> {
    let mut metadata = Map::new();
    for (name, value) in given.as_object().into_iter().flatten() {
        metadata.insert(name.clone(), json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    if &*portal.object(kind)?.singular == "deal" {
        let text = metadata.get("probability").and_then(Json::as_str).unwrap_or_default();
        let probability = text.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p));
        let probability = probability.ok_or_else(|| {
            Fault::invalid("The metadata of a deal stage needs a probability between 0.0 and 1.0")
        })?;
        let closed = probability <= 0.0 || probability >= 1.0;
        metadata.entry("isClosed").or_insert_with(|| json!(closed.to_string()));
    }
    Ok(metadata)
}

fn new_stage(portal: &mut Portal, kind: Kind, given: &Json) -> Result<Stage, Fault> {
    let label = request::text(given, "label").ok_or_else(|| Fault::missing("label"))?;
    let order =
        given.get("displayOrder").and_then(Json::as_i64).ok_or_else(|| Fault::missing("displayOrder"))?;
    let metadata = metadata(portal, kind, given.get("metadata").unwrap_or(&Json::Null))?;
    let (id, at) = (portal.number(), portal.now());
    Ok(Stage { id, label, order, metadata, created: at, updated: at, archived: None })
}

/// `POST pipelines/{object}`.
pub fn create(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let made = from_input(portal, kind, &body)?;
    let answer = made.json();
    portal.object_mut(kind)?.pipelines.push(made);
    portal.schema_note(kind, "pipelines");
    Ok((201, answer))
}

fn from_input(portal: &mut Portal, kind: Kind, body: &Json) -> Result<Pipeline, Fault> {
    let label = request::text(body, "label").ok_or_else(|| Fault::missing("label"))?;
    let order =
        body.get("displayOrder").and_then(Json::as_i64).ok_or_else(|| Fault::missing("displayOrder"))?;
    let given = body.get("stages").and_then(Json::as_array).ok_or_else(|| Fault::missing("stages"))?;
    let mut stages = Vec::new();
    for stage in given {
        stages.push(new_stage(portal, kind, stage)?);
    }
    let (id, at) = (portal.number(), portal.now());
    Ok(Pipeline { id, label, order, stages, created: at, updated: at, archived: None })
}

/// `PUT pipelines/{object}/{id}`: a new set of stages.
pub fn replace(portal: &mut Portal, kind: Kind, id: &str, request: &Request) -> Answer {
    find(portal, kind, id)?;
    let body = Json::Object(request::object(request)?);
    let made = from_input(portal, kind, &body)?;
    let pipeline = find_mut(portal, kind, id)?;
    *pipeline = Pipeline { id: pipeline.id.clone(), created: pipeline.created, ..made };
    let answer = pipeline.json();
    portal.schema_note(kind, "pipelines");
    Ok((200, answer))
}

/// `PATCH pipelines/{object}/{id}`.
pub fn update(portal: &mut Portal, kind: Kind, id: &str, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let at = portal.now();
    let pipeline = find_mut(portal, kind, id)?;
    if let Some(label) = request::text(&body, "label") {
        pipeline.label = label;
    }
    if let Some(order) = body.get("displayOrder").and_then(Json::as_i64) {
        pipeline.order = order;
    }
    pipeline.updated = at;
    let answer = pipeline.json();
    portal.schema_note(kind, "pipelines");
    Ok((200, answer))
}

/// `DELETE pipelines/{object}/{id}`.
pub fn archive(portal: &mut Portal, kind: Kind, id: &str) -> Answer {
    let at = portal.now();
    find_mut(portal, kind, id)?.archived = Some(at);
    portal.schema_note(kind, "pipelines");
    Ok((204, Json::Null))
}

/// `POST pipelines/{object}/{id}/stages`.
pub fn create_stage(portal: &mut Portal, kind: Kind, id: &str, request: &Request) -> Answer {
    find(portal, kind, id)?;
    let body = Json::Object(request::object(request)?);
    let stage = new_stage(portal, kind, &body)?;
    let answer = stage.json();
    find_mut(portal, kind, id)?.stages.push(stage);
    portal.schema_note(kind, "pipelines");
    Ok((201, answer))
}

/// `PATCH` and `PUT pipelines/{object}/{id}/stages/{stage}`.
pub fn update_stage(portal: &mut Portal, kind: Kind, id: &str, stage: &str, request: &Request) -> Answer {
    let body = Json::Object(request::object(request)?);
    let metadata = body.get("metadata").map(|given| metadata(portal, kind, given)).transpose()?;
    let at = portal.now();
    let known = find_stage(portal, kind, id, stage)?;
    if let Some(label) = request::text(&body, "label") {
        known.label = label;
    }
    if let Some(order) = body.get("displayOrder").and_then(Json::as_i64) {
        known.order = order;
    }
    if let Some(metadata) = metadata {
        known.metadata = metadata;
    }
    known.updated = at;
    let answer = known.json();
    portal.schema_note(kind, "pipelines");
    Ok((200, answer))
}

/// `DELETE pipelines/{object}/{id}/stages/{stage}`: records stay in it.
pub fn archive_stage(portal: &mut Portal, kind: Kind, id: &str, stage: &str) -> Answer {
    let at = portal.now();
    find_stage(portal, kind, id, stage)?.archived = Some(at);
    portal.schema_note(kind, "pipelines");
    Ok((204, Json::Null))
}
