//! Jobs that write: records from CSV, each with its own result.

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value, json};

use super::super::bin;
use super::super::collections::as_item;
use super::super::dml::{self, Upserted};
use super::super::fault::Fault;
use super::super::ids::Id;
use super::super::meta::Object;
use super::super::org::{Org, Who};
use super::super::reply::{Call, Reply};
use super::{Detail, Jobs, Layout, Start, Work, info, layout, line};

const OPERATIONS: &[&str] = &["insert", "update", "upsert", "delete", "hardDelete"];
/// More is refused.
const MOST_BYTES: usize = 150 << 20;

#[derive(Debug, Default)]
pub struct Ingest {
    /// The external id field of an upsert.
    pub key: Option<String>,
    data: Option<Vec<u8>>,
    header: Vec<String>,
    /// (id, created, cells)
    succeeded: Vec<(Id, bool, StringRecord)>,
    /// (id as given, error, cells)
    failed: Vec<(String, String, StringRecord)>,
    unprocessed: Vec<StringRecord>,
}

/// What the records of a job are written to.
pub struct Target<'a> {
    pub object: &'a str,
    pub operation: &'a str,
    pub who: &'a Who,
}

pub fn open(org: &Org, jobs: &mut Jobs, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = call.object()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let invalid = |code: &'static str, message: String| Err(Fault::new(400, code, message));
    let Some(operation) = text("operation").filter(|name| OPERATIONS.contains(name)) else {
        return invalid("INVALIDOPERATION", format!("operation must be one of {}", OPERATIONS.join(", ")));
    };
    let name = text("object").unwrap_or_default();
    let Some((_, meta)) = org.schema.find(name) else {
        return invalid("INVALIDENTITY", format!("Unable to find object: {name}"));
    };
    let key = match (operation, text("externalIdFieldName")) {
        ("upsert", Some(key)) => match dml::key_field(meta, key) {
            Ok((_, field)) => Some(field.name.clone()),
            Err(_) => {
                return invalid(
                    "INVALIDJOB",
                    format!(
                        "Field name provided, {key} does not match an External ID, Salesforce Id, or indexed field for {name}"
                    ),
                );
            }
        },
        ("upsert", None) => {
            return invalid("INVALIDJOB", "externalIdFieldName is required for upsert".to_owned());
        }
        _ => None,
    };
    let layout = layout(&body)?;
    let work = Work::Ingest(Ingest { key, ..Ingest::default() });
    let start = Start { operation: operation.to_owned(), object: meta.name.clone(), layout, work };
    Ok(Reply::json(200, info(jobs.open(org, call, start), Detail::Brief)))
}

impl Ingest {
    pub fn has_data(&self) -> bool {
        self.data.is_some()
    }

    pub fn take(&mut self, data: Vec<u8>) {
        self.data = Some(data);
    }

    /// The CSV of a kind of results.
    pub fn results(&self, part: &str, layout: Layout) -> Option<Reply> {
        let mut out = String::new();
        let mut head = |own: &[&str]| {
            let own = own.iter().map(|name| format!("\"{name}\""));
            let all: Vec<String> = own.chain(self.header.iter().cloned()).collect();
            out.push_str(&all.join(&char::from(layout.delimiter.1).to_string()));
            out.push_str(if layout.crlf { "\r\n" } else { "\n" });
        };
        match part {
            "successfulresults" => {
                head(&["sf__Id", "sf__Created"]);
                for (id, created, cells) in &self.succeeded {
                    let (id, created) = (id.to_string(), created.to_string());
                    line(&mut out, layout, [id.as_str(), &created].into_iter().chain(cells.iter()));
                }
            }
            "failedresults" => {
                head(&["sf__Id", "sf__Error"]);
                for (id, error, cells) in &self.failed {
                    line(&mut out, layout, [id.as_str(), error].into_iter().chain(cells.iter()));
                }
            }
            "unprocessedrecords" => {
                head(&[]);
                for cells in &self.unprocessed {
                    line(&mut out, layout, cells.iter());
                }
            }
            _ => return None,
        }
        Some(Reply::csv(out))
    }

    /// (processed, failed), or why nothing was done.
    pub fn perform(
        &mut self,
        org: &mut Org,
        target: &Target<'_>,
        layout: Layout,
    ) -> Result<(usize, usize), String> {
        let data = self.data.take().unwrap_or_default();
        if data.len() > MOST_BYTES {
            return Err("InvalidBatch : The upload is larger than 150 MB".to_owned());
        }
        let mut reader =
            ReaderBuilder::new().delimiter(layout.delimiter.1).flexible(false).from_reader(data.as_slice());
        let header = reader.headers().map_err(|error| format!("InvalidBatch : {error}"))?.clone();
        self.header = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let records = reader.records().collect::<Result<Vec<_>, _>>();
        let records = records.map_err(|error| format!("InvalidBatch : {error}"))?;
        let Some((at, meta)) = org.schema.find(target.object) else {
            self.unprocessed = records;
            return Err(format!("InvalidEntity : {}", target.object));
        };
        if let Some(name) = self.header.iter().find(|name| !known(meta, name)) {
            let message = format!("InvalidBatch : Field name not found : {name}");
            self.unprocessed = records;
            return Err(message);
        }
        for cells in records {
            let body = body(&self.header, &cells, target.operation);
            let given = body.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
            match write(org, target, at, self.key.as_deref(), body) {
                Ok((id, created)) => self.succeeded.push((id, created, cells)),
                Err(fault) => self.failed.push((given, error_text(&as_item(fault)), cells)),
            }
        }
        Ok((self.succeeded.len() + self.failed.len(), self.failed.len()))
    }
}

/// `Name`, `Account.Ext__c`, `Lead:Who.Email`
fn known(meta: &Object, column: &str) -> bool {
    match column.split_once('.') {
        Some((relation, _)) => {
            let relation = relation.split_once(':').map_or(relation, |(_, relation)| relation);
            meta.relationship(relation).is_some()
        }
        None => meta.find(column).is_some(),
    }
}

/// An empty cell says nothing; `#N/A` clears.
fn body(header: &[String], cells: &StringRecord, operation: &str) -> Map<String, Value> {
    let mut body = Map::new();
    for (name, cell) in header.iter().zip(cells) {
        let value = match cell {
            "" => continue,
            "#N/A" if operation == "insert" => continue,
            "#N/A" => Value::Null,
            text => Value::String(text.to_owned()),
        };
        match name.split_once('.') {
            Some((relation, key)) => {
                let (kind, relation) =
                    relation.split_once(':').map_or((None, relation), |(k, r)| (Some(k), r));
                let mut parent = json!({ key: value });
                if let (Some(kind), Value::Object(parent)) = (kind, &mut parent) {
                    parent.insert("attributes".to_owned(), json!({ "type": kind }));
                }
                body.insert(relation.to_owned(), parent);
            }
            None => {
                body.insert(name.clone(), value);
            }
        }
    }
    body
}

/// Takes a member out, whatever its case.
fn take(body: &mut Map<String, Value>, name: &str) -> String {
    let key = body.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let value = key.and_then(|key| body.remove(&key));
    value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn write(
    org: &mut Org,
    target: &Target<'_>,
    at: usize,
    key: Option<&str>,
    mut body: Map<String, Value>,
) -> Result<(Id, bool), Fault> {
    let who = target.who;
    let missing = |name: &str| Fault::record("MISSING_ARGUMENT", format!("{name} not specified"), [""; 0]);
    if let Some(key) = key.filter(|_| target.operation == "upsert") {
        let value = take(&mut body, key);
        if value.is_empty() {
            return Err(missing(key));
        }
        let done = dml::upsert(org, who, at, key, &value, &body, false)?;
        return match done {
            Upserted::Created(id) => Ok((id, true)),
            Upserted::Updated(id) => Ok((id, false)),
            Upserted::Several(ids) => {
                let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
                let message =
                    format!("{key}: more than one record found for external id field: {}", ids.join(" "));
                Err(Fault::record("DUPLICATE_EXTERNAL_ID", message, [""; 0]))
            }
        };
    }
    if target.operation == "insert" {
        return dml::create(org, who, at, &body).map(|id| (id, true));
    }
    let text = take(&mut body, "Id");
    if text.is_empty() {
        return Err(missing("Id"));
    }
    let malformed = || Fault::record("MALFORMED_ID", format!("bad id {text}"), ["Id"]);
    let id = Id::parse(&text).ok_or_else(malformed)?;
    match target.operation {
        "update" => dml::update(org, who, at, id, &body)?,
        operation => {
            bin::delete(org, who, at, id)?;
            if operation == "hardDelete" {
                bin::empty(org, Some(id));
            }
        }
    }
    Ok((id, false))
}

/// `CODE:message:Field1 Field2 --`
fn error_text(fault: &Fault) -> String {
    // Of a cell there is no JSON to be wrong.
    let code = if fault.code == "JSON_PARSER_ERROR" { "INVALID_TYPE_ON_FIELD_IN_RECORD" } else { fault.code };
    let fields: Vec<&String> = fault.fields.iter().flatten().collect();
    let names: String = fields.iter().map(|name| format!("{name} ")).collect();
    format!("{code}:{}:{names}--", fault.message)
}
