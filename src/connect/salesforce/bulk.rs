//! Very many creates as one job of the Bulk API 2.0.
//!
//! Only upserts by our external id: each can be repeated, and its result is found by that id, whatever the order.
//! Never rows with a precondition, which a job does not know. Until the job is closed nothing is written, so
//! whatever fails before is done by collections instead; afterwards a row without a result is unknown.
//! Facts are Salesforce's Bulk API 2.0 guide, see `docs/CONNECTORS.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::write::{Outcomes, Row};
use super::{Salesforce, errors, id};
use crate::connect::client::{Body, Call, encode};
use crate::connect::remote::{CallError, Outcome};
use crate::connect::transport::Method;
use crate::schema::json::text;

/// Below this a job costs more than it saves; Salesforce's own advice.
pub const THRESHOLD: usize = 2_000;
/// Raw bytes of one job: base64 of more would pass the vendor's 150 MB.
const MOST_BYTES: usize = 90 << 20;
/// Pauses between questions for the state, and how long in all.
const FIRST_PAUSE: i64 = 1_000;
const LONGEST_PAUSE: i64 = 10_000;
const PATIENCE: i64 = 600_000;
/// In a cell this word clears the field, so it can't be a value.
const CLEAR: &str = "#N/A";

/// What became of a job.
enum End {
    /// Nothing of it was or will be applied.
    Nothing,
    /// Its results say what was applied.
    Over,
    /// It may go on.
    Open(CallError),
}

impl Salesforce {
    /// Whether these upserts are done as a job.
    pub(super) fn is_bulk(rows: &[Row], field: &str) -> bool {
        let plain = |row: &Row| {
            row.json.as_object().is_some_and(|members| {
                members.iter().all(|(name, value)| name == "attributes" || cell(value).is_some())
            })
        };
        let keys: BTreeSet<String> = rows.iter().map(|row| key(row, field)).collect();
        rows.len() >= THRESHOLD && keys.len() == rows.len() && rows.iter().all(plain)
    }

    /// Answers the rows that are left to do otherwise.
    pub(super) async fn bulk(
        &self,
        object: &str,
        field: &str,
        rows: Vec<Row>,
        into: &mut Outcomes,
    ) -> Result<Vec<Row>, CallError> {
        let jobs = format!("{}/jobs/ingest", self.base);
        let table = table(&rows);
        if table.len() > MOST_BYTES {
            return Ok(rows);
        }
        let body = json!({
            "object": object, "operation": "upsert", "externalIdFieldName": field,
            "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA",
        });
        let made = self.client.send(&Call::write(Method::Post, &jobs, Body::Json(body)).class("bulk")).await;
        let Some(job) = made
            .ok()
            .filter(|answer| answer.ok())
            .and_then(|answer| text(&answer.json, "id").map(|id| format!("{jobs}/{}", encode(id))))
        else {
            return Ok(rows);
        };
        let upload = Call::write(Method::Put, format!("{job}/batches"), Body::Csv(table)).class("bulk");
        if !self.client.send(&upload).await.is_ok_and(|answer| answer.ok()) {
            self.set_state(&job, "Aborted").await.ok();
            return Ok(rows);
        }
        let end = match self.set_state(&job, "UploadComplete").await {
            Ok(()) => self.finished(&job).await,
            Err(error) => self.unclosed(&job, error).await,
        };
        match end {
            End::Nothing => return Ok(rows),
            End::Over => self.results(&job, field, &rows, into).await,
            End::Open(error) => {
                for row in rows {
                    let message = format!("the bulk job may go on: {}", error.message);
                    into.insert(row.op, Outcome::Unknown { message });
                }
            }
        }
        Ok(Vec::new())
    }

    async fn set_state(&self, job: &str, state: &str) -> Result<(), CallError> {
        let call = Call::write(Method::Patch, job, Body::Json(json!({ "state": state }))).class("bulk");
        let answer = self.client.send(&call).await?;
        if answer.ok() { Ok(()) } else { Err(self.misused(errors::summary(&answer.json))) }
    }

    async fn state(&self, job: &str) -> Result<String, CallError> {
        let answer = self.ask(&Call::get(job).class("bulk")).await?;
        Ok(text(&answer.json, "state").unwrap_or_default().to_owned())
    }

    /// A job whose closing was not confirmed: ended if it still is open, else waited for.
    async fn unclosed(&self, job: &str, error: CallError) -> End {
        match self.state(job).await.as_deref() {
            Ok("Open") => match self.set_state(job, "Aborted").await {
                Ok(()) => End::Nothing,
                Err(_) => End::Open(error),
            },
            Ok(_) => self.finished(job).await,
            Err(_) => End::Open(error),
        }
    }

    /// Waits for the end of a closed job; one that takes too long is ended.
    async fn finished(&self, job: &str) -> End {
        let begun = self.client.timer().now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.state(job).await.as_deref() {
                Ok("JobComplete" | "Failed" | "Aborted") => return End::Over,
                Err(error) => return End::Open(error.clone()),
                Ok(_) => {}
            }
            if self.client.timer().now().0 - begun.0 > PATIENCE {
                return match self.set_state(job, "Aborted").await {
                    Ok(()) => End::Over,
                    Err(error) => End::Open(error),
                };
            }
            self.client.timer().sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A row that no list of results mentions was not processed, or is not known of.
    async fn results(&self, job: &str, field: &str, rows: &[Row], into: &mut Outcomes) {
        let mut found: BTreeMap<String, Outcome> = BTreeMap::new();
        let mut whole = true;
        for (part, good) in [("successfulResults", true), ("failedResults", false)] {
            match self
                .ask(&Call::get(format!("{job}/{part}")).class("bulk").header("Accept", "text/csv"))
                .await
            {
                Ok(answer) => read(&answer.response.body, field, good, &mut found),
                Err(_) => whole = false,
            }
        }
        for row in rows {
            let outcome = found.remove(&key(row, field)).unwrap_or_else(|| Outcome::Unknown {
                message: if whole {
                    "the bulk job ended without a result for this record".to_owned()
                } else {
                    "the results of the bulk job could not be read".to_owned()
                },
            });
            into.insert(Arc::clone(&row.op), outcome);
        }
    }
}

fn key(row: &Row, field: &str) -> String {
    text(&row.json, field).unwrap_or_default().to_lowercase()
}

/// A value as a cell; `None` when a cell can't say it.
fn cell(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some(CLEAR.to_owned()),
        Json::String(text) if text == CLEAR || text.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// The rows as CSV; a field that a row does not set is an empty cell, which leaves it as it is.
fn table(rows: &[Row]) -> Vec<u8> {
    let members = rows.iter().filter_map(|row| row.json.as_object());
    let columns: BTreeSet<&String> =
        members.flat_map(|members| members.keys()).filter(|name| *name != "attributes").collect();
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    // Writing into memory does not fail.
    let _ = writer.write_record(&columns);
    for row in rows {
        let cells = columns.iter().map(|name| row.json.get(name.as_str()).and_then(cell).unwrap_or_default());
        let _ = writer.write_record(cells);
    }
    writer.into_inner().unwrap_or_default()
}

fn read(body: &[u8], field: &str, good: bool, into: &mut BTreeMap<String, Outcome>) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let Ok(header) = reader.headers().cloned() else { return };
    let place = |name: &str| header.iter().position(|known| known.eq_ignore_ascii_case(name));
    let Some(at) = place(field) else { return };
    for row in reader.records().flatten() {
        let column = |name: &str| place(name).and_then(|at| row.get(at)).unwrap_or_default();
        let outcome = if good {
            let Some(id) = id::full(column("sf__Id")) else { continue };
            if column("sf__Created") == "true" { Outcome::Created { id } } else { Outcome::Updated { id } }
        } else {
            errors::refused(&refusal(column("sf__Error")))
        };
        into.insert(row.get(at).unwrap_or_default().to_lowercase(), outcome);
    }
}

/// `CODE:message:Field1 Field2 --` as a collection would say it.
fn refusal(error: &str) -> Json {
    let (code, rest) = error.split_once(':').unwrap_or((error, ""));
    let (message, fields) = rest.rsplit_once(':').unwrap_or((rest, ""));
    let fields: Vec<&str> = fields.split_whitespace().filter(|name| *name != "--").collect();
    json!({ "errors": [{ "statusCode": code, "message": message, "fields": fields }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(op: &str, json: Json) -> Row {
        Row { op: op.into(), json, id: None }
    }

    #[test]
    fn cells_say_what_json_says_or_the_row_goes_another_way() {
        let rows = [
            row("a", json!({"attributes": {"type": "X"}, "K": "1", "N": 2.5, "Z": null})),
            row("b", json!({"attributes": {"type": "X"}, "K": "2", "N": 3, "T": "a \"b\", c"})),
        ];
        let text = String::from_utf8(table(&rows)).unwrap();
        assert_eq!(text, "K,N,T,Z\n1,2.5,,#N/A\n2,3,\"a \"\"b\"\", c\",\n");
        assert_eq!(
            (cell(&json!("#N/A")), cell(&json!({"a": 1})), cell(&json!(true))),
            (None, None, Some("true".into()))
        );
    }

    #[test]
    fn results_are_found_by_the_key_in_any_order() {
        let mut found = BTreeMap::new();
        let good = "\"sf__Id\",\"sf__Created\",K\n\"001000000000001AAA\",\"false\",\"B\"\n";
        let bad =
            "\"sf__Id\",\"sf__Error\",K\n\"\",\"REQUIRED_FIELD_MISSING:Required: [Name]:Name --\",\"A\"\n";
        read(good.as_bytes(), "K", true, &mut found);
        read(bad.as_bytes(), "K", false, &mut found);
        assert!(matches!(&found["b"], Outcome::Updated { .. }));
        let Outcome::Refused(refusal) = &found["a"] else { panic!("{found:?}") };
        assert_eq!(
            (refusal.code.as_str(), &refusal.fields[..]),
            ("REQUIRED_FIELD_MISSING", &["Name".to_owned()][..])
        );
    }
}
