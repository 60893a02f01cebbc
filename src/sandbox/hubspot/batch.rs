//! Batches of records: which inputs may fail alone, and which make the whole call fail.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, batch};
use super::objects;
use super::portal::Portal;
use super::records::View;
use super::request::{self, Query};
use super::store::Kind;

/// The most inputs of one call.
const MOST: usize = 100;
/// The same when histories are asked for.
const MOST_WITH_HISTORY: usize = 50;

/// `POST batch/read`: ids that are not there are one error of the answer.
pub fn read(portal: &Portal, kind: Kind, query: &Query, request: &Request) -> Answer {
    let body = request::object(request)?;
    let history = request::texts(&body, "propertiesWithHistory");
    let inputs = request::inputs(&body, if history.is_empty() { MOST } else { MOST_WITH_HISTORY })?;
    let properties = request::texts(&body, "properties");
    let view = View { properties, history, ..View::default() };
    let id_property = body.get("idProperty").and_then(Json::as_str).filter(|name| !name.is_empty());
    let archived = query.flag("archived")?;
    let object = portal.object(kind)?;
    let resolved = view.resolve(object);
    let (mut results, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for input in &inputs {
        let name = request::text(input, "id").ok_or_else(|| Fault::missing("id"))?;
        match objects::find(portal, kind, &name, id_property, archived) {
            Ok(id) if seen.insert(id) => results.push(Json::Object(portal.show(kind, id, &resolved)?)),
            Ok(_) => {}
            Err(fault) if fault.status == 404 => missing.push(name),
            Err(fault) => return Err(fault),
        }
    }
    let mut faults = Vec::new();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(String::as_str).collect();
        faults.push(not_there("get", &object.singular).with_context("ids", &ids));
    }
    Ok(batch(200, results, &faults, portal.now()))
}

fn not_there(verb: &str, singular: &str) -> Fault {
    let message = format!(
        "Could not {verb} some {} objects, they may be deleted or not exist. Check that ids are valid.",
        singular.to_uppercase()
    );
    Fault { message, ..Fault::not_found() }
}

/// The trace ids of all inputs, if every one has its own.
fn traces(inputs: &[Json]) -> Option<Vec<&str>> {
    let traces: Option<Vec<&str>> =
        inputs.iter().map(|input| input.get("objectWriteTraceId").and_then(Json::as_str)).collect();
    let traces = traces?;
    let all: BTreeSet<&str> = traces.iter().copied().collect();
    (all.len() == traces.len()).then_some(traces)
}

/// `POST batch/create`: all or nothing, unless every input has a trace id of its own.
pub fn create(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, MOST)?;
    let traces = traces(&inputs);
    if traces.is_none() {
        check_all(portal, kind, &inputs)?;
    }
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for (place, input) in inputs.iter().enumerate() {
        let made = objects::create_one(portal, kind, input);
        match made.and_then(|id| objects::written(portal, kind, id, input)) {
            Ok(body) => results.push(Json::Object(body)),
            Err(fault) => match traces.as_ref().and_then(|traces| traces.get(place)) {
                Some(trace) => faults.push(fault.with_context("objectWriteTraceId", &[trace])),
                None => return Err(fault),
            },
        }
    }
    Ok(batch(201, results, &faults, portal.now()))
}

/// Refuses a batch of which one input would be refused.
fn check_all(portal: &Portal, kind: Kind, inputs: &[Json]) -> Result<(), Fault> {
    let mut taken = BTreeSet::new();
    for input in inputs {
        let values = portal.check(kind, None, input.get("properties").unwrap_or(&Json::Null))?;
        super::associations::Wanted::of_new(portal, kind, input.get("associations").unwrap_or(&Json::Null))?;
        for (prop, value) in values {
            let unique = portal.is_unique(kind, prop) && !value.is_empty();
            if unique && !taken.insert((prop, value.clone())) {
                let message = format!("Duplicate values found in batch input: [{value}]");
                return Err(Fault::conflict(message));
            }
        }
    }
    Ok(())
}

/// How one input of an update or upsert names its record.
struct Target {
    /// As given.
    name: String,
    property: Option<String>,
}

fn targets(portal: &Portal, kind: Kind, inputs: &[Json]) -> Result<Vec<Target>, Fault> {
    let object = portal.object(kind)?;
    let (mut targets, mut seen, mut twice) = (Vec::new(), BTreeSet::new(), Vec::new());
    for input in inputs {
        let name = request::text(input, "id").ok_or_else(|| Fault::missing("id"))?;
        let property = input.get("idProperty").and_then(Json::as_str).filter(|name| !name.is_empty());
        if let Some(property) = property {
            let unique = object.live(property).is_some_and(|(prop, _)| portal.is_unique(kind, prop));
            if !unique {
                return Err(objects::not_unique(portal, kind, property));
            }
        }
        if !seen.insert((property, name.to_lowercase())) {
            twice.push(name.clone());
        }
        targets.push(Target { name, property: property.map(str::to_owned) });
    }
    if !twice.is_empty() {
        return Err(Fault::invalid(format!("Duplicate IDs found in batch input: [{}]", twice.join(", "))));
    }
    Ok(targets)
}

/// What an error of one input says about it.
fn place_fault(fault: Fault, input: &Json, target: &Target) -> Fault {
    match input.get("objectWriteTraceId").and_then(Json::as_str) {
        Some(trace) => fault.with_context("objectWriteTraceId", &[trace]),
        None => fault.with_context("ids", &[&target.name]),
    }
}

/// `POST batch/update`: each input alone.
pub fn update(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, MOST)?;
    let targets = targets(portal, kind, &inputs)?;
    let singular = portal.object(kind)?.singular.clone();
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for (input, target) in inputs.iter().zip(&targets) {
        match update_input(portal, kind, input, target) {
            Ok(body) => results.push(Json::Object(body)),
            Err(fault) => {
                let fault = if fault.status == 404 { not_there("update", &singular) } else { fault };
                faults.push(place_fault(fault, input, target));
            }
        }
    }
    Ok(batch(200, results, &faults, portal.now()))
}

fn update_input(
    portal: &mut Portal,
    kind: Kind,
    input: &Json,
    target: &Target,
) -> Result<Map<String, Json>, Fault> {
    let id = objects::find(portal, kind, &target.name, target.property.as_deref(), false)?;
    objects::update_one(portal, kind, id, input)?;
    objects::written(portal, kind, id, input)
}

/// `POST batch/upsert`: changes the record that has the unique value, or creates it.
pub fn upsert(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, MOST)?;
    let targets = targets(portal, kind, &inputs)?;
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for (input, target) in inputs.iter().zip(&targets) {
        match upsert_input(portal, kind, input, target) {
            Ok(body) => results.push(Json::Object(body)),
            Err(fault) => faults.push(place_fault(fault, input, target)),
        }
    }
    Ok(batch(200, results, &faults, portal.now()))
}

fn upsert_input(
    portal: &mut Portal,
    kind: Kind,
    input: &Json,
    target: &Target,
) -> Result<Map<String, Json>, Fault> {
    let found = objects::find(portal, kind, &target.name, target.property.as_deref(), false);
    let (id, new) = match (found, &target.property) {
        (Ok(id), _) => {
            objects::update_one(portal, kind, id, input)?;
            (id, false)
        }
        (Err(fault), Some(property)) if fault.status == 404 => {
            let mut properties =
                input.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
            properties.entry(property.clone()).or_insert_with(|| json!(target.name));
            (objects::create_one(portal, kind, &json!({ "properties": properties }))?, true)
        }
        (Err(fault), _) => return Err(fault),
    };
    let mut body = objects::written(portal, kind, id, input)?;
    body.insert("new".into(), json!(new));
    Ok(body)
}

/// `POST batch/archive`: 204 also for ids that are not there.
pub fn archive(portal: &mut Portal, kind: Kind, request: &Request) -> Answer {
    let inputs = request::inputs(&request::object(request)?, MOST)?;
    let actor = portal.api();
    for input in &inputs {
        let name = request::text(input, "id").ok_or_else(|| Fault::missing("id"))?;
        if let Ok(id) = request::id(&name) {
            portal.archive(kind, id, &actor)?;
        }
    }
    Ok((204, Json::Null))
}
