//! An activity as a record of the CRM: which fields it has there, and the mark by which it is found again.

use crate::connect::remote::FieldSpec;
use crate::connect::salesnav::api::Activity;
use crate::plan::ir::WritebackTarget;
use crate::schema::{FieldType, SystemKind};
use crate::value::Value;

fn text(name: &str, value: &str) -> (FieldSpec, Value) {
    (FieldSpec { name: name.into(), ty: FieldType::Text { max: None } }, Value::text(value))
}

/// The title of a Salesforce note, which has no field for an id of ours: unique by the activity's id in it.
pub fn note_title(id: &str) -> String {
    format!("LinkedIn note {id}")
}

/// Cut at a character boundary.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn subject(one: &Activity) -> String {
    let what = match one.kind.as_str() {
        "INMAIL" => "LinkedIn InMail",
        "MESSAGE" => "LinkedIn message",
        "CALL" => "LinkedIn call",
        "SMART_LINK" => "LinkedIn Smart Link viewed",
        _ => "LinkedIn note",
    };
    if one.subject.is_empty() { what.to_owned() } else { cut(&format!("{what}: {}", one.subject), 255) }
}

/// The fields of a new record. Salesforce takes the record that it hangs on along; HubSpot is told afterwards.
pub fn fields(
    kind: SystemKind,
    target: &WritebackTarget,
    one: &Activity,
    owner: Option<&str>,
    on: Option<&str>,
) -> Vec<(FieldSpec, Value)> {
    match kind {
        SystemKind::Hubspot => hubspot(target, one, owner),
        _ if target.object == "Note" => salesforce_note(one, owner, on),
        _ => salesforce_task(target, one, owner, on),
    }
}

fn hubspot(target: &WritebackTarget, one: &Activity, owner: Option<&str>) -> Vec<(FieldSpec, Value)> {
    let stamp = FieldSpec { name: "hs_timestamp".into(), ty: FieldType::DateTime };
    let mut fields = vec![(stamp, Value::DateTime(one.created_at))];
    let body = match one.subject.is_empty() {
        true => one.body.clone(),
        false => format!("{}\n\n{}", one.subject, one.body),
    };
    match target.object.as_str() {
        "communication" => fields.extend([
            text("hs_communication_channel_type", "LINKEDIN_MESSAGE"),
            text("hs_communication_logged_from", "CRM"),
            text("hs_communication_body", &body),
        ]),
        "call" => fields.extend([
            text("hs_call_title", &subject(one)),
            text("hs_call_body", &body),
            text("hs_call_status", "COMPLETED"),
            text("hs_call_direction", "OUTBOUND"),
        ]),
        _ => fields.push(text("hs_note_body", &body)),
    }
    if let (Some(length), "call") = (one.duration_ms, target.object.as_str()) {
        fields.push(text("hs_call_duration", &length.to_string()));
    }
    fields.extend(owner.map(|owner| text("hubspot_owner_id", owner)));
    fields
}

fn salesforce_note(one: &Activity, owner: Option<&str>, on: Option<&str>) -> Vec<(FieldSpec, Value)> {
    let mut fields = vec![text("Title", &note_title(&one.id)), text("Body", &cut(&one.body, 32_000))];
    fields.extend(owner.map(|owner| text("OwnerId", owner)));
    fields.extend(on.map(|on| text("ParentId", on)));
    fields
}

fn salesforce_task(
    target: &WritebackTarget,
    one: &Activity,
    owner: Option<&str>,
    on: Option<&str>,
) -> Vec<(FieldSpec, Value)> {
    let day = jiff::tz::TimeZone::UTC.to_datetime(one.created_at.timestamp()).date();
    let date = FieldSpec { name: "ActivityDate".into(), ty: FieldType::Date };
    let mut fields = vec![
        text("Subject", &subject(one)),
        text("Description", &cut(&one.body, 32_000)),
        text("Status", "Completed"),
        (date, Value::Date(day)),
    ];
    if one.kind == "CALL" {
        fields.push(text("TaskSubtype", "Call"));
        if let Some(length) = one.duration_ms {
            let seconds =
                FieldSpec { name: "CallDurationInSeconds".into(), ty: FieldType::Int { digits: None } };
            fields.push((seconds, Value::Number(rust_decimal::Decimal::from(length / 1_000))));
        }
    }
    for name in &target.fields {
        match name.as_str() {
            "LID__URL__c" => fields.push(text(name, &profile(&one.about))),
            _ => {
                let sent = FieldSpec { name: name.as_str().into(), ty: FieldType::DateTime };
                fields.push((sent, Value::DateTime(one.created_at)));
            }
        }
    }
    fields.extend(owner.map(|owner| text("OwnerId", owner)));
    fields.extend(on.map(|on| text("WhoId", on)));
    fields
}

/// The page of a member or company in Sales Navigator.
fn profile(urn: &str) -> String {
    let id = urn.rsplit(':').next().unwrap_or("");
    let kind = if urn.contains(":organization:") { "company" } else { "people" };
    format!("https://www.linkedin.com/sales/{kind}/{id}")
}
