//! Leads, accounts and opportunities of the CRM sync as records, over the sandbox's own contract.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{SalesNav, restli};
use crate::connect::client::Effect;
use crate::connect::navigator::{Ask, Family, Told};
use crate::connect::remote::{
    CallError, Changed, Completion, Cursor, ErrorClass, FieldSpec, Outcome, Refusal, Reply, WriteItem,
    WriteKind,
};
use crate::connect::transport::Method;
use crate::record::{Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::schema::json::{list, text};
use crate::value::{Millis, Value};
use crate::wire;

const PAGE: usize = 200;

fn collection(object: &str) -> &'static str {
    match object {
        "account" => "accounts",
        "opportunity" => "opportunities",
        _ => "leads",
    }
}

impl SalesNav {
    fn about(&self, object: &str) -> Ask {
        Ask::get(Family::Sandbox, collection(object)).with("contract", self.contract())
    }

    async fn answered(&self, ask: Ask) -> Result<Told, CallError> {
        let told = self.tell(ask).await?;
        if told.ok() {
            return Ok(told);
        }
        let message = format!("status {}: {}", told.status, told.message());
        Err(self.error(ErrorClass::Rejected, message))
    }

    pub(super) async fn feed(
        &self,
        object: &str,
        finder: &str,
        since: Millis,
        after: Option<Cursor>,
    ) -> Completion {
        let mut ask = self.about(object).with("q", finder).with("since", since.0.to_string());
        ask = ask.with("count", PAGE.to_string());
        if let Some(Cursor(after)) = after {
            ask = ask.with("after", after);
        }
        let told = self.answered(ask).await?;
        let rows = list(&told.json, "elements");
        let items: Vec<Changed> = rows
            .iter()
            .filter_map(|row| {
                let at = Millis(row.get("modifiedAt")?.as_i64()?);
                Some(Changed { id: RecordId::new(text(row, "id")?), at })
            })
            .collect();
        let next = items.last().filter(|_| rows.len() >= PAGE);
        let next = next.map(|last| Cursor(format!("{},{}", last.at.0, last.id)));
        Ok(Reply::Changed { items, next })
    }

    pub(super) async fn list(&self, object: &str, fields: &[FieldSpec], after: Option<Cursor>) -> Completion {
        let mut ask = self.about(object).with("q", "all").with("count", PAGE.to_string());
        if let Some(Cursor(after)) = after {
            ask = ask.with("after", after);
        }
        let told = self.answered(ask).await?;
        let records = self.records(list(&told.json, "elements").iter(), fields)?;
        let next = records.last().filter(|_| records.len() >= PAGE);
        let next = next.map(|last| Cursor(last.id.to_string()));
        Ok(Reply::Records { records, next })
    }

    pub(super) async fn read(&self, object: &str, ids: &[RecordId], fields: &[FieldSpec]) -> Completion {
        let mut records = Vec::new();
        for chunk in ids.chunks(PAGE) {
            let keys = restli::list(chunk.iter().map(RecordId::as_str));
            let told = self.answered(self.about(object).with("ids", keys)).await?;
            let results = told.json.get("results").and_then(Json::as_object);
            records.extend(self.records(results.into_iter().flat_map(Map::values), fields)?);
        }
        Ok(Reply::Records { records, next: None })
    }

    pub(super) async fn find(
        &self,
        object: &str,
        field: &FieldSpec,
        values: &[Value],
        fields: &[FieldSpec],
    ) -> Completion {
        let mut records = Vec::new();
        for chunk in values.chunks(PAGE) {
            let texts: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            let wanted = restli::list(texts.iter().map(String::as_str));
            let ask = self.about(object).with("q", "field").with("field", &*field.name);
            let told = self.answered(ask.with("values", wanted)).await?;
            records.extend(self.records(list(&told.json, "elements").iter(), fields)?);
        }
        Ok(Reply::Records { records, next: None })
    }

    fn records<'j>(
        &self,
        rows: impl Iterator<Item = &'j Json>,
        fields: &[FieldSpec],
    ) -> Result<Vec<Record>, CallError> {
        rows.map(|row| self.record(row, fields)).collect()
    }

    fn record(&self, row: &Json, fields: &[FieldSpec]) -> Result<Record, CallError> {
        let stamp = |name: &str| row.get(name).and_then(Json::as_i64).map(Millis);
        let mut slots = Vec::with_capacity(fields.len());
        for field in fields {
            // What is blank is left out of an answer here; the record as a whole is always told.
            let value = row.get(&*field.name).unwrap_or(&Json::Null);
            let value = wire::decode(SystemKind::Salesnav, &field.ty, value);
            let wrong = |_| self.error(ErrorClass::Rejected, format!("{} can't be read", field.name));
            slots.push(Some(value.map_err(wrong)?));
        }
        let id = text(row, "id").ok_or_else(|| self.error(ErrorClass::Rejected, "a record without an id"))?;
        Ok(Record {
            id: RecordId::new(id),
            slots,
            created: stamp("createdAt"),
            modified: stamp("modifiedAt"),
            life: if row.get("deleted").and_then(Json::as_bool) == Some(true) {
                Life::Deleted
            } else {
                Life::Live
            },
            merged: Vec::new(),
            associations: Default::default(),
            history: Default::default(),
        })
    }

    pub(super) async fn write(
        &self,
        object: &str,
        items: &[WriteItem],
    ) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let mut out = Vec::with_capacity(items.len());
        let (creates, updates): (Vec<&WriteItem>, Vec<&WriteItem>) =
            items.iter().partition(|item| matches!(item.kind, WriteKind::Create { .. }));
        for chunk in creates.chunks(PAGE) {
            let elements: Vec<Json> = chunk.iter().map(|item| Json::Object(created(item))).collect();
            let ask = self.writing(object, Method::Post, "BATCH_CREATE", json!({ "elements": elements }));
            let told = self.tell(ask).await;
            self.read_created(chunk, told, &mut out)?;
        }
        for chunk in updates.chunks(PAGE) {
            let entities: Map<String, Json> = chunk.iter().filter_map(|item| patched(item)).collect();
            let body = json!({ "entities": entities });
            let told = self.tell(self.writing(object, Method::Post, "BATCH_PARTIAL_UPDATE", body)).await;
            let ids = chunk.iter().filter_map(|item| match &item.kind {
                WriteKind::Update { id, .. } => Some((item.op.clone(), id.clone())),
                WriteKind::Create { .. } => None,
            });
            self.read_updated(ids.collect(), told, &mut out)?;
        }
        Ok(out)
    }

    fn writing(&self, object: &str, method: Method, hint: &'static str, body: Json) -> Ask {
        Ask { method, body, hint: Some(hint), effect: Effect::Write, ..self.about(object) }
    }

    fn read_created(
        &self,
        chunk: &[&WriteItem],
        told: Result<Told, CallError>,
        out: &mut Vec<(Arc<str>, Outcome)>,
    ) -> Result<(), CallError> {
        let told = match told {
            Ok(told) => told,
            Err(error) => return unanswered(error, chunk.iter().map(|item| item.op.clone()), out),
        };
        let rows = list(&told.json, "elements");
        for (place, item) in chunk.iter().enumerate() {
            let row = rows.get(place).filter(|_| rows.len() == chunk.len());
            let outcome = match row.and_then(|row| Some((row, row.get("status")?.as_u64()?))) {
                Some((row, 201)) => named(row).map(|id| Outcome::Created { id }),
                Some((row, 200)) => named(row).map(|id| Outcome::Updated { id }),
                Some((row, status)) => Some(Outcome::Refused(refusal(status, row.get("error")))),
                None if !told.ok() => {
                    Some(Outcome::Refused(refusal(u64::from(told.status), Some(&told.json))))
                }
                None => None,
            };
            out.push((item.op.clone(), outcome.unwrap_or_else(unmentioned)));
        }
        Ok(())
    }

    fn read_updated(
        &self,
        ids: Vec<(Arc<str>, RecordId)>,
        told: Result<Told, CallError>,
        out: &mut Vec<(Arc<str>, Outcome)>,
    ) -> Result<(), CallError> {
        let told = match told {
            Ok(told) => told,
            Err(error) => return unanswered(error, ids.into_iter().map(|(op, _)| op), out),
        };
        for (op, id) in ids {
            let part = |name: &str| told.json.get(name).and_then(|map| map.get(id.as_str()));
            let outcome = match (part("results"), part("errors")) {
                (Some(_), _) => Outcome::Updated { id: id.clone() },
                (None, Some(error)) => {
                    let status = error.get("status").and_then(Json::as_u64).unwrap_or(400);
                    Outcome::Refused(refusal(status, Some(error)))
                }
                (None, None) if !told.ok() => {
                    Outcome::Refused(refusal(u64::from(told.status), Some(&told.json)))
                }
                (None, None) => unmentioned(),
            };
            out.push((op, outcome));
        }
        Ok(())
    }

    pub(super) async fn archive(
        &self,
        object: &str,
        ids: &[RecordId],
    ) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let mut out = Vec::new();
        for chunk in ids.chunks(PAGE) {
            let keys = restli::list(chunk.iter().map(RecordId::as_str));
            let ask = self.writing(object, Method::Delete, "BATCH_DELETE", Json::Null).with("ids", keys);
            let told = self.tell(ask).await;
            self.read_updated(chunk.iter().map(|id| (id.0.clone(), id.clone())).collect(), told, &mut out)?;
        }
        Ok(out)
    }
}

fn created(item: &WriteItem) -> Map<String, Json> {
    let mut body = Map::new();
    for (field, value) in item.fields.iter().filter(|(_, value)| !value.is_null()) {
        body.insert(field.name.to_string(), wire::encode(SystemKind::Salesnav, &field.ty, value));
    }
    if let WriteKind::Create { unique: Some((field, value)) } = &item.kind {
        body.insert(field.to_string(), json!(&**value));
    }
    body
}

fn patched(item: &WriteItem) -> Option<(String, Json)> {
    let WriteKind::Update { id, .. } = &item.kind else { return None };
    let (blank, set): (Vec<_>, Vec<_>) = item.fields.iter().partition(|(_, value)| value.is_null());
    let set: Map<String, Json> = set
        .into_iter()
        .map(|(field, value)| (field.name.to_string(), wire::encode(SystemKind::Salesnav, &field.ty, value)))
        .collect();
    let delete: Vec<&str> = blank.iter().map(|(field, _)| &*field.name).collect();
    Some((id.to_string(), json!({ "patch": { "$set": set, "$delete": delete } })))
}

fn named(row: &Json) -> Option<RecordId> {
    text(row, "id").map(RecordId::new)
}

fn refusal(status: u64, error: Option<&Json>) -> Refusal {
    let message = error.and_then(|error| text(error, "message")).unwrap_or("no reason given");
    Refusal {
        code: format!("HTTP_{status}"),
        message: message.to_owned(),
        fields: Vec::new(),
        retryable: status == 429,
    }
}

fn unmentioned() -> Outcome {
    Outcome::Unknown { message: "the answer does not mention this record".to_owned() }
}

/// What was certainly not applied fails the request; what may have been is unknown, item by item.
fn unanswered(
    error: CallError,
    ops: impl Iterator<Item = Arc<str>>,
    out: &mut Vec<(Arc<str>, Outcome)>,
) -> Result<(), CallError> {
    if error.class != ErrorClass::Unknown && out.is_empty() {
        return Err(error);
    }
    let outcome = match error.class {
        ErrorClass::Unknown => Outcome::Unknown { message: error.message.clone() },
        _ => Outcome::Refused(Refusal {
            code: "NOT_SENT".to_owned(),
            message: error.message.clone(),
            fields: Vec::new(),
            retryable: true,
        }),
    };
    out.extend(ops.map(|op| (op, outcome.clone())));
    Ok(())
}
