//! Imports: a CSV file whose rows become records, at the next look at the import.

use csv::ReaderBuilder;
use serde_json::{Map, Value as Json, json};

use super::super::core::http::Request;
use super::answer::{Answer, Fault, iso};
use super::objects;
use super::portal::{Actor, Portal, Source};
use super::request;
use super::store::Kind;
use crate::value::Millis;

#[derive(Debug, Clone)]
struct Column {
    name: String,
    property: String,
    /// `HUBSPOT_OBJECT_ID`, `HUBSPOT_ALTERNATE_ID` or nothing.
    role: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
pub struct Import {
    id: u64,
    name: String,
    columns: Vec<Column>,
    data: Vec<u8>,
    state: &'static str,
    created: Millis,
    updated: Millis,
    rows: u64,
    made: u64,
    changed: u64,
    errors: Vec<Json>,
}

impl Import {
    fn json(&self) -> Json {
        let counters = json!({
            "TOTAL_ROWS": self.rows,
            "CREATED_OBJECTS": self.made,
            "UPDATED_OBJECTS": self.changed,
            "PROPERTY_VALUES_EMITTED": self.rows * self.columns.len() as u64,
            "ERRORS": self.errors.len(),
        });
        json!({
            "id": self.id.to_string(),
            "importName": self.name,
            "state": self.state,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "importSource": "API",
            "optOutImport": false,
            "mappedObjectTypeIds": [],
            "metadata": { "counters": counters, "fileIds": [], "objectLists": [] },
        })
    }
}

/// `POST imports`: multipart with `importRequest` (JSON) and `files`.
pub fn start(portal: &mut Portal, request: &Request) -> Answer {
    let parts = parts(request)?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let text = part("importRequest").ok_or_else(|| Fault::missing("importRequest"))?;
    let wanted: Json = serde_json::from_slice(text.body)
        .map_err(|_| Fault::invalid("Invalid input JSON: importRequest is not JSON"))?;
    let files = wanted.get("files").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let [file] = files else {
        return Err(Fault::invalid("The sandbox takes imports of one file"));
    };
    let data = part("files").ok_or_else(|| Fault::missing("files"))?.body.to_vec();
    let page = file.get("fileImportPage").ok_or_else(|| Fault::missing("fileImportPage"))?;
    let mappings = page.get("columnMappings").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut columns = Vec::new();
    for mapping in &mappings {
        let text = |name: &str| request::text(mapping, name);
        let object = text("columnObjectTypeId").ok_or_else(|| Fault::missing("columnObjectTypeId"))?;
        columns.push(Column {
            name: text("columnName").ok_or_else(|| Fault::missing("columnName"))?,
            property: text("propertyName").unwrap_or_default(),
            role: text("columnType").or_else(|| text("idColumnType")).unwrap_or_default(),
            kind: portal.kind(&object)?,
        });
    }
    let at = portal.now();
    let import = Import {
        id: 1_000_000 + portal.imports.len() as u64,
        name: request::text(&wanted, "name").unwrap_or_default(),
        columns,
        data,
        state: "STARTED",
        created: at,
        updated: at,
        rows: 0,
        made: 0,
        changed: 0,
        errors: Vec::new(),
    };
    let answer = import.json();
    portal.imports.push(import);
    Ok((200, answer))
}

struct Part<'a> {
    name: String,
    body: &'a [u8],
}

/// The parts of a multipart body.
fn parts(request: &Request) -> Result<Vec<Part<'_>>, Fault> {
    let kind = request.header("content-type").unwrap_or_default();
    let boundary = kind.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let wrong =
        || Fault::new(415, "UNSUPPORTED_MEDIA_TYPE", "An import is multipart/form-data with a boundary");
    let boundary = format!("--{}", boundary.ok_or_else(wrong)?.trim_matches('"'));
    let mut ends: Vec<usize> = memchr::memmem::find_iter(&request.body, boundary.as_bytes()).collect();
    ends.push(request.body.len());
    let mut found = Vec::new();
    for pair in ends.windows(2) {
        let [from, to] = pair else { continue };
        let piece = request.body.get(from + boundary.len()..*to).unwrap_or_default();
        let Some(split) = memchr::memmem::find(piece, b"\r\n\r\n") else { continue };
        let (head, body) = piece.split_at(split);
        let head = String::from_utf8_lossy(head);
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let body = body.get(4..).unwrap_or_default();
        let body = body.strip_suffix(b"\r\n").unwrap_or(body);
        found.push(Part { name: name.to_owned(), body });
    }
    Ok(found)
}

fn place(portal: &Portal, id: &str) -> Result<usize, Fault> {
    portal.imports.iter().position(|import| import.id.to_string() == id).ok_or_else(Fault::not_found)
}

/// `GET imports/{id}`: does the work at the first look.
pub fn get(portal: &mut Portal, id: &str) -> Answer {
    let place = place(portal, id)?;
    let Some(import) = portal.imports.get(place).cloned() else { return Err(Fault::not_found()) };
    if import.state != "STARTED" {
        return Ok((200, import.json()));
    }
    let done = perform(portal, import);
    let answer = done.json();
    if let Some(slot) = portal.imports.get_mut(place) {
        *slot = done;
    }
    Ok((200, answer))
}

/// `GET imports`.
pub fn list(portal: &Portal) -> Answer {
    let rows: Vec<Json> = portal.imports.iter().map(Import::json).collect();
    Ok((200, json!({ "results": rows })))
}

/// `GET imports/{id}/errors`.
pub fn errors(portal: &Portal, id: &str) -> Answer {
    let place = place(portal, id)?;
    let rows = portal.imports.get(place).map(|import| import.errors.clone()).unwrap_or_default();
    Ok((200, json!({ "results": rows })))
}

/// `POST imports/{id}/cancel`.
pub fn cancel(portal: &mut Portal, id: &str) -> Answer {
    let (place, at) = (place(portal, id)?, portal.now());
    let import = portal.imports.get_mut(place).ok_or_else(Fault::not_found)?;
    if import.state != "STARTED" {
        return Err(Fault::invalid("The import is over"));
    }
    import.state = "CANCELED";
    Ok((200, json!({ "status": "COMPLETE", "startedAt": iso(at), "completedAt": iso(at) })))
}

fn perform(portal: &mut Portal, mut import: Import) -> Import {
    let source = Source {
        ty: "IMPORT".into(),
        id: import.id.to_string(),
        label: Some(import.name.clone()),
        user: None,
    };
    let actor = Actor { source: portal.source(source), by: format!("import {}", import.id) };
    let data = std::mem::take(&mut import.data);
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(data.as_slice());
    let header: Vec<String> =
        reader.headers().map(|header| header.iter().map(str::to_owned).collect()).unwrap_or_default();
    for (number, row) in reader.records().enumerate() {
        import.rows += 1;
        let cells = |name: &str| header.iter().position(|known| known == name);
        let result = match &row {
            Ok(row) => {
                let read =
                    |column: &Column| cells(&column.name).and_then(|at| row.get(at)).unwrap_or("").to_owned();
                one(portal, &import.columns, read, &actor)
            }
            Err(error) => Err(Fault::invalid(error.to_string())),
        };
        match result {
            Ok(true) => import.made += 1,
            Ok(false) => import.changed += 1,
            Err(fault) => import.errors.push(json!({
                "id": format!("{}{number}", import.id),
                "createdAt": portal.now().0,
                "errorType": "INVALID_ROW",
                "errorMessage": fault.message,
                "sourceData": { "lineNumber": number + 2 },
            })),
        }
    }
    import.state = "DONE";
    import.updated = portal.now();
    import
}

/// Makes or changes the record of a row; whether it made one.
fn one(
    portal: &mut Portal,
    columns: &[Column],
    read: impl Fn(&Column) -> String,
    actor: &Actor,
) -> Result<bool, Fault> {
    let kind = columns.first().map(|column| column.kind).ok_or_else(|| Fault::missing("columnMappings"))?;
    let mut properties = Map::new();
    let mut known = None;
    for column in columns.iter().filter(|column| column.kind == kind) {
        let value = read(column);
        match column.role.as_str() {
            "HUBSPOT_OBJECT_ID" if !value.is_empty() => known = Some((value, None)),
            "HUBSPOT_OBJECT_ID" => {}
            role => {
                if role == "HUBSPOT_ALTERNATE_ID" {
                    known = Some((value.clone(), Some(column.property.clone())));
                }
                properties.insert(column.property.clone(), Json::String(value));
            }
        }
    }
    let found = known.map(|(name, property)| objects::find(portal, kind, &name, property.as_deref(), false));
    match found {
        Some(Ok(id)) => {
            let values = portal.check(kind, Some(id), &Json::Object(properties))?;
            portal.update(kind, id, values, actor)?;
            Ok(false)
        }
        Some(Err(fault)) if fault.status != 404 => Err(fault),
        _ => {
            let values = portal.check(kind, None, &Json::Object(properties))?;
            portal.create(kind, values, actor)?;
            Ok(true)
        }
    }
}
