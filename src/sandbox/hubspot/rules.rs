//! What HubSpot does to a write by itself: checks across properties, defaults, and the values that follow from others.

use super::answer::{PropertyFault, iso};
use super::portal::{Portal, Values};
use super::schema::Object;
use super::store::{Kind, Prop, Record};
use crate::value::Millis;

/// The order in which a contact or company may move; backwards is ignored without a word.
const LIFECYCLE: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
];

/// The pipeline and stage properties of an object.
fn stage_properties(object: &Object) -> Option<(Prop, Prop)> {
    let (pipeline, stage) = match &*object.singular {
        "deal" => ("pipeline", "dealstage"),
        _ if object.pipelines.is_empty() => return None,
        _ => ("hs_pipeline", "hs_pipeline_stage"),
    };
    Some((object.prop(pipeline)?, object.prop(stage)?))
}

fn given(values: &Values, prop: Prop) -> Option<&str> {
    values.iter().find(|(known, _)| *known == prop).map(|(_, value)| value.as_str())
}

/// The value after the write.
fn after<'a>(values: &'a Values, record: Option<&'a Record>, prop: Prop) -> Option<&'a str> {
    match given(values, prop) {
        Some(value) => Some(value).filter(|value| !value.is_empty()),
        None => record?.get(prop),
    }
}

/// Checks what one property can't tell alone.
pub fn check(portal: &Portal, kind: Kind, id: Option<u64>, values: &Values, faults: &mut Vec<PropertyFault>) {
    let Ok(object) = portal.object(kind) else { return };
    let record = id.and_then(|id| object.records.get(&id));
    if let Some((pipeline, stage)) = stage_properties(object) {
        let touched = given(values, pipeline).is_some() || given(values, stage).is_some();
        let (in_pipeline, in_stage) = (after(values, record, pipeline), after(values, record, stage));
        if let (true, Some(pipeline), Some(stage_id)) = (touched, in_pipeline, in_stage) {
            let pipeline = object.pipelines.iter().find(|known| known.id == pipeline);
            if pipeline.is_some_and(|known| !known.stages.iter().any(|s| s.id == stage_id)) {
                let ids: Vec<&str> =
                    pipeline.map_or_else(Vec::new, |p| p.stages.iter().map(|s| s.id.as_str()).collect());
                let message = format!("{stage_id} was not one of the allowed options: [{}]", ids.join(", "));
                let name = object.property(stage).map_or_else(String::new, |p| p.name.to_string());
                faults.push(PropertyFault { name, error: "INVALID_OPTION", message });
            }
        }
    }
    let activity =
        matches!(&*object.singular, "note" | "call" | "email" | "meeting" | "task" | "communication");
    if let (true, None, Some(prop)) = (activity, id, object.prop("hs_timestamp"))
        && given(values, prop).is_none_or(str::is_empty)
    {
        let message = "hs_timestamp is required to create this object".to_owned();
        faults.push(PropertyFault { name: "hs_timestamp".into(), error: "REQUIRED_FIELD", message });
    }
}

/// Adds the values that HubSpot sets on creation.
pub fn complete_new(portal: &Portal, kind: Kind, mut values: Values, at: Millis) -> Values {
    let Ok(object) = portal.object(kind) else { return values };
    let set = |values: &mut Values, name: &str, value: &str| {
        if let Some(prop) = object.prop(name)
            && given(values, prop).is_none_or(str::is_empty)
            && !value.is_empty()
        {
            values.retain(|(known, _)| *known != prop);
            values.push((prop, value.to_owned()));
        }
    };
    match &*object.singular {
        "contact" => {
            set(&mut values, "lifecyclestage", "lead");
            set(&mut values, "hs_pipeline", "contacts-lifecycle-pipeline");
        }
        "company" => {
            set(&mut values, "lifecyclestage", "lead");
            set(&mut values, "hs_pipeline", "companies-lifecycle-pipeline");
            let of = |name: &str| object.prop(name).and_then(|prop| given(&values, prop)).map(str::to_owned);
            let (name, domain, website) = (of("name"), of("domain"), of("website"));
            let host = website.as_deref().map(host).unwrap_or_default();
            set(&mut values, "domain", &host);
            set(&mut values, "website", domain.as_deref().unwrap_or_default());
            let fallback = domain.unwrap_or(host);
            if name.is_none_or(|name| name.is_empty()) {
                set(&mut values, "name", &fallback);
            }
        }
        "deal" => set(&mut values, "createdate", &iso(at)),
        "ticket" => set(&mut values, "hs_pipeline", "0"),
        _ => {}
    }
    follow_stage(object, None, &mut values);
    values
}

/// `https://www.acme.com/about` -> `acme.com`
fn host(website: &str) -> String {
    let text = website.trim().to_lowercase();
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let text = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    text.strip_prefix("www.").unwrap_or(text).to_owned()
}

/// Drops and adds what HubSpot does on a change.
pub fn complete_change(portal: &Portal, kind: Kind, id: u64, mut values: Values) -> Values {
    let Ok(object) = portal.object(kind) else { return values };
    let Some(record) = object.records.get(&id) else { return values };
    if let Some(prop) = object.prop("lifecyclestage") {
        let rank = |stage: &str| LIFECYCLE.iter().position(|known| *known == stage);
        let now = record.get(prop).and_then(rank);
        values.retain(|(known, value)| {
            *known != prop || value.is_empty() || rank(value).is_none() || rank(value) >= now
        });
    }
    follow_stage(object, Some(record), &mut values);
    values
}

/// A stage without a pipeline brings its own.
fn follow_stage(object: &Object, record: Option<&Record>, values: &mut Values) {
    let Some((pipeline, stage)) = stage_properties(object) else { return };
    if after(values, record, pipeline).is_some() {
        return;
    }
    let Some(stage) = given(values, stage).filter(|stage| !stage.is_empty()) else { return };
    let home = object.pipelines.iter().find(|known| known.stages.iter().any(|s| s.id == stage));
    if let Some(home) = home {
        values.retain(|(known, _)| *known != pipeline);
        values.push((pipeline, home.id.clone()));
    }
}
