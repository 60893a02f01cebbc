//! Creates, updates and deletes.
//!
//! Collections answer in the order of their request, and that order is all there is to tell items by; an answer of
//! another length is unknown as a whole. Conditional updates go one by one inside a composite, each with its own
//! `If-Unmodified-Since`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Salesforce, errors, id};
use crate::connect::client::{Body, Call, encode};
use crate::connect::remote::{CallError, ErrorClass, Outcome, Refusal, WriteItem, WriteKind};
use crate::connect::transport::Method;
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::schema::json::{flag, list, text};
use crate::value::Millis;
use crate::wire;

/// Most records of a collection, most subrequests of a composite.
const COLLECTION: usize = 200;
const COMPOSITE: usize = 25;

pub(super) type Outcomes = BTreeMap<Arc<str>, Outcome>;

/// One record of a collection call.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub op: Arc<str>,
    pub json: Json,
    /// Known before the call for updates and deletes.
    pub id: Option<RecordId>,
}

impl Salesforce {
    pub(super) async fn write(
        &self,
        object: &str,
        items: &[WriteItem],
    ) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let mut outcomes = Outcomes::new();
        let mut creates = Vec::new();
        let mut upserts: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        let mut updates = Vec::new();
        let mut conditional = Vec::new();
        for item in items {
            let mut body = body(object, item);
            match &item.kind {
                WriteKind::Create { unique: None } => creates.push(row(item, body, None)),
                WriteKind::Create { unique: Some((field, value)) } => {
                    body.insert(field.to_string(), Json::String(value.to_string()));
                    upserts.entry(field).or_default().push(row(item, body, None));
                }
                WriteKind::Update { id, unmodified_since: Some(at) } => conditional.push((item, id, *at)),
                WriteKind::Update { id, unmodified_since: None } => {
                    body.insert("id".to_owned(), Json::String(id.to_string()));
                    updates.push(row(item, body, Some(id.clone())));
                }
            }
        }
        let collection = format!("{}/composite/sobjects", self.base);
        self.collection(Method::Post, &collection, creates, &mut outcomes).await?;
        for (field, rows) in upserts {
            let target = format!("{collection}/{}/{}", encode(object), encode(field));
            let rows = match Self::is_bulk(&rows, field) {
                true => self.bulk(object, field, rows, &mut outcomes).await?,
                false => rows,
            };
            for wave in waves(rows, |row| text(&row.json, field).unwrap_or("").to_lowercase()) {
                self.collection(Method::Patch, &target, wave, &mut outcomes).await?;
            }
        }
        for wave in waves(updates, |row| row.id.as_ref().map(RecordId::to_string).unwrap_or_default()) {
            self.collection(Method::Patch, &collection, wave, &mut outcomes).await?;
        }
        self.conditional(object, &conditional, &mut outcomes).await?;
        self.name_candidates(object, items, &mut outcomes).await;
        Ok(in_order(items.iter().map(|item| &item.op), outcomes))
    }

    pub(super) async fn archive(&self, ids: &[RecordId]) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let rows: Vec<Row> = ids
            .iter()
            .map(|id| Row { op: Arc::clone(&id.0), json: Json::Null, id: Some(id.clone()) })
            .collect();
        let mut outcomes = Outcomes::new();
        self.delete(rows, &mut outcomes).await?;
        Ok(in_order(ids.iter().map(|id| &id.0), outcomes))
    }

    /// Moves rows to the recycle bin. One that lies there already is as wanted.
    pub(super) async fn delete(&self, rows: Vec<Row>, into: &mut Outcomes) -> Result<(), CallError> {
        for chunk in rows.chunks(COLLECTION) {
            let ids: Vec<String> =
                chunk.iter().filter_map(|row| row.id.as_ref()).map(RecordId::to_string).collect();
            let target = format!("{}/composite/sobjects?allOrNone=false&ids={}", self.base, ids.join(","));
            let call = Call::write(Method::Delete, target, Body::None);
            self.one_collection(&call, chunk, into).await?;
        }
        for row in &rows {
            let gone = |outcome: &Outcome| matches!(outcome, Outcome::Refused(refusal) if refusal.code == "ENTITY_IS_DELETED");
            if let (Some(outcome), Some(id)) = (into.get_mut(&row.op), &row.id)
                && gone(outcome)
            {
                *outcome = Outcome::Updated { id: id.clone() };
            }
        }
        Ok(())
    }

    pub(super) async fn collection(
        &self,
        method: Method,
        target: &str,
        rows: Vec<Row>,
        into: &mut Outcomes,
    ) -> Result<(), CallError> {
        for chunk in rows.chunks(COLLECTION) {
            let records: Vec<String> = chunk.iter().map(|row| record_text(&row.json)).collect();
            let body = format!("{{\"allOrNone\":false,\"records\":[{}]}}", records.join(","));
            let call = polite(Call::write(method, target, Body::JsonText(body)));
            self.one_collection(&call, chunk, into).await?;
        }
        Ok(())
    }

    /// # Errors
    /// Only when nothing of this request was sent yet.
    async fn one_collection(&self, call: &Call, rows: &[Row], into: &mut Outcomes) -> Result<(), CallError> {
        match self.client.send(call).await {
            Ok(answer) if answer.ok() => {
                let items = answer.json.as_array().map(Vec::as_slice).unwrap_or_default();
                let whole = items.len() == rows.len();
                for (at, row) in rows.iter().enumerate() {
                    let outcome = match items.get(at).filter(|_| whole) {
                        Some(item) => outcome(row, item),
                        None => unmentioned(),
                    };
                    into.insert(Arc::clone(&row.op), outcome);
                }
            }
            // Only a request that can't be read is refused as a whole: none of it was applied.
            Ok(answer) => {
                for row in rows {
                    into.insert(Arc::clone(&row.op), errors::refused(&answer.json));
                }
            }
            Err(error) => self.not_answered(error, rows.iter().map(|row| &row.op), into)?,
        }
        Ok(())
    }

    fn not_answered<'a>(
        &self,
        error: CallError,
        ops: impl Iterator<Item = &'a Arc<str>>,
        into: &mut Outcomes,
    ) -> Result<(), CallError> {
        let outcome = match error.class {
            ErrorClass::Unknown => Outcome::Unknown { message: error.message.clone() },
            _ if into.is_empty() => return Err(error),
            class => Outcome::Refused(Refusal {
                code: if class == ErrorClass::Limit { "LIMIT" } else { "NOT_SENT" }.to_owned(),
                message: error.message.clone(),
                fields: Vec::new(),
                retryable: true,
            }),
        };
        into.extend(ops.map(|op| (Arc::clone(op), outcome.clone())));
        Ok(())
    }

    async fn conditional(
        &self,
        object: &str,
        items: &[(&WriteItem, &RecordId, Millis)],
        into: &mut Outcomes,
    ) -> Result<(), CallError> {
        for chunk in items.chunks(COMPOSITE) {
            let requests: Vec<Json> =
                chunk.iter().enumerate().map(|(at, item)| self.subrequest(object, at, item)).collect();
            let body = json!({"allOrNone": false, "collateSubrequests": false, "compositeRequest": requests});
            let target = format!("{}/composite", self.base);
            let call = polite(Call::write(Method::Post, target, Body::Json(body)));
            match self.client.send(&call).await {
                Ok(answer) if answer.ok() => {
                    let rows = list(&answer.json, "compositeResponse");
                    for (at, (item, id, _)) in chunk.iter().enumerate() {
                        let own = rows.iter().find(|row| text(row, "referenceId") == Some(&format!("r{at}")));
                        let outcome = own.map_or_else(unmentioned, |row| sub_outcome(id, row));
                        into.insert(Arc::clone(&item.op), outcome);
                    }
                }
                Ok(answer) => {
                    for (item, ..) in chunk {
                        into.insert(Arc::clone(&item.op), errors::refused(&answer.json));
                    }
                }
                Err(error) => self.not_answered(error, chunk.iter().map(|(item, ..)| &item.op), into)?,
            }
        }
        Ok(())
    }

    fn subrequest(
        &self,
        object: &str,
        at: usize,
        (item, id, stamp): &(&WriteItem, &RecordId, Millis),
    ) -> Json {
        let mut fields = body(object, item);
        fields.remove("attributes");
        let mut headers = Map::new();
        headers.insert("If-Unmodified-Since".to_owned(), Json::String(http_date(*stamp)));
        if matches!(object, "Lead" | "Case") {
            headers.insert("Sforce-Auto-Assign".to_owned(), Json::String("FALSE".to_owned()));
        }
        json!({
            "method": "PATCH",
            "url": format!("{}/sobjects/{}/{}", self.base, encode(object), encode(id.as_str())),
            "referenceId": format!("r{at}"),
            "httpHeaders": headers,
            "body": fields,
        })
    }

    /// A create that met a duplicate rule: a collection names no records, a single create that is refused does.
    /// It carries the same external id, so it can't make a second record.
    async fn name_candidates(&self, object: &str, items: &[WriteItem], into: &mut Outcomes) {
        for item in items {
            let Some(Outcome::Exists { candidates, .. }) = into.get(&item.op) else { continue };
            let WriteKind::Create { unique: Some((field, value)) } = &item.kind else { continue };
            if !candidates.is_empty() {
                continue;
            }
            let mut fields = body(object, item);
            fields.remove("attributes");
            fields.remove(&**field);
            let target =
                format!("{}/sobjects/{}/{}/{}", self.base, encode(object), encode(field), encode(value));
            let call = Call::write(Method::Patch, target, Body::Json(Json::Object(fields)));
            let outcome = match self.client.send(&polite(call)).await {
                Ok(answer) if answer.ok() => single(&answer.json).unwrap_or_else(unmentioned),
                Ok(answer) if answer.status == 300 => Outcome::Exists {
                    candidates: several(&answer.json),
                    message: "several records have this external id".to_owned(),
                },
                Ok(answer) => errors::refused(&answer.json),
                Err(error) if error.class == ErrorClass::Unknown => {
                    Outcome::Unknown { message: error.message }
                }
                Err(_) => continue,
            };
            into.insert(Arc::clone(&item.op), outcome);
        }
    }
}

/// Writes that start no assignment rules.
fn polite(call: Call) -> Call {
    call.header("Sforce-Auto-Assign", "FALSE").header("Sforce-Call-Options", "client=twinmap")
}

fn row(item: &WriteItem, body: Map<String, Json>, id: Option<RecordId>) -> Row {
    Row { op: Arc::clone(&item.op), json: Json::Object(body), id }
}

fn body(object: &str, item: &WriteItem) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("attributes".to_owned(), json!({"type": object}));
    for (field, value) in &item.fields {
        body.insert(field.name.to_string(), wire::encode(SystemKind::Salesforce, &field.ty, value));
    }
    body
}

/// A record with its `attributes` first: Salesforce reads a record in one pass and wants the type before the fields.
fn record_text(record: &Json) -> String {
    let Json::Object(map) = record else { return record.to_string() };
    let mut rest = map.clone();
    let first = rest.remove("attributes").map(|attributes| format!("\"attributes\":{attributes}"));
    let members = rest.iter().map(|(name, value)| format!("{}:{value}", Json::String(name.clone())));
    format!("{{{}}}", first.into_iter().chain(members).collect::<Vec<_>>().join(","))
}

/// The outcomes in the order of the request; every operation has one.
pub(super) fn in_order<'a>(
    ops: impl Iterator<Item = &'a Arc<str>>,
    mut outcomes: Outcomes,
) -> Vec<(Arc<str>, Outcome)> {
    ops.map(|op| (Arc::clone(op), outcomes.remove(op).unwrap_or_else(unmentioned))).collect()
}

fn unmentioned() -> Outcome {
    Outcome::Unknown { message: "the answer does not mention this record".to_owned() }
}

fn outcome(row: &Row, item: &Json) -> Outcome {
    if flag(item, "success") == Some(true) {
        let Some(id) = text(item, "id").and_then(id::full).or_else(|| row.id.clone()) else {
            return unmentioned();
        };
        // Creates have no `created`, upserts have, updates and deletes know their id.
        let created = flag(item, "created").unwrap_or(row.id.is_none());
        return if created { Outcome::Created { id } } else { Outcome::Updated { id } };
    }
    match flag(item, "success") {
        Some(false) => errors::refused(item),
        _ => unmentioned(),
    }
}

fn sub_outcome(id: &RecordId, row: &Json) -> Outcome {
    let body = row.get("body").unwrap_or(&Json::Null);
    match row.get("httpStatusCode").and_then(Json::as_u64) {
        Some(200..=299) => Outcome::Updated { id: id.clone() },
        Some(412) => Outcome::Stale,
        Some(400..=499) => errors::refused(body),
        Some(500..) => Outcome::Unknown { message: errors::summary(body) },
        _ => unmentioned(),
    }
}

fn single(json: &Json) -> Option<Outcome> {
    let id = text(json, "id").and_then(id::full)?;
    Some(if flag(json, "created") == Some(false) { Outcome::Updated { id } } else { Outcome::Created { id } })
}

/// `["/services/data/v66.0/sobjects/Account/001..."]`
fn several(json: &Json) -> Vec<RecordId> {
    let paths = json.as_array().map(Vec::as_slice).unwrap_or_default();
    paths.iter().filter_map(|path| id::full(path.as_str()?.rsplit('/').next()?)).collect()
}

fn waves(rows: Vec<Row>, key: impl Fn(&Row) -> String) -> Vec<Vec<Row>> {
    let mut waves: Vec<(BTreeSet<String>, Vec<Row>)> = Vec::new();
    for row in rows {
        let key = key(&row);
        match waves.iter_mut().find(|(keys, _)| !keys.contains(&key)) {
            Some((keys, wave)) => {
                keys.insert(key);
                wave.push(row);
            }
            None => waves.push((BTreeSet::from([key]), vec![row])),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}

/// `Tue, 24 Nov 2026 20:19:18 GMT`: whole seconds, rounded down.
fn http_date(at: Millis) -> String {
    jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", at.timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_stands_before_the_fields() {
        let record = json!({"Name": "A \"quoted\"", "attributes": {"type": "Account"}});
        assert_eq!(record_text(&record), r#"{"attributes":{"type":"Account"},"Name":"A \"quoted\""}"#);
    }

    #[test]
    fn dates_of_conditions_are_http_dates() {
        assert_eq!(http_date(Millis(1_769_853_600_999)), "Sat, 31 Jan 2026 10:00:00 GMT");
    }

    #[test]
    fn items_are_read_by_place_and_only_when_complete() {
        let row =
            |op: &str, id: Option<&str>| Row { op: op.into(), json: Json::Null, id: id.and_then(id::full) };
        let created = json!({"id": "001000000000001AAA", "success": true, "errors": []});
        assert!(matches!(outcome(&row("a", None), &created), Outcome::Created { .. }));
        let found = json!({"id": "001000000000001AAA", "success": true, "errors": [], "created": false});
        assert!(matches!(outcome(&row("a", None), &found), Outcome::Updated { .. }));
        assert!(matches!(outcome(&row("a", Some("001000000000001")), &created), Outcome::Updated { .. }));
        let stale = json!({"httpStatusCode": 412, "body": [{"errorCode": "PRECONDITION_FAILED"}]});
        assert_eq!(sub_outcome(&RecordId::new("x"), &stale), Outcome::Stale);
    }
}
