//! A CSV export as the JSON lines of records that `map` and `reconcile` read.
//!
//! Invariant: a row's record stands in the line that the row begins in; a row that can't be read becomes a line that
//! says why and is no record.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use tempfile::NamedTempFile;

use super::error::CliError;
use crate::connect::file::rows;
use crate::plan::ir::{Object, ObjectId, SyncPlan};
use crate::schema::SystemKind;

/// Names that the column with the record's id has in the vendors' exports.
const IDS: [&str; 4] = ["id", "Id", "Record ID", "hs_object_id"];

/// Whether the file has to go through here.
pub fn is_table(path: &Path) -> bool {
    rows::is_csv(path)
}

/// The rows of a table as records of an object. Columns are named by the fields or by their labels.
pub fn records(path: &Path, plan: &SyncPlan, id: ObjectId) -> Result<NamedTempFile, CliError> {
    let fail = |cause| CliError::read(path, cause);
    let mut file = NamedTempFile::new().map_err(fail)?;
    let object = plan.object(id);
    let kind =
        object.and_then(|object| plan.system(object.system)).map_or(SystemKind::File, |system| system.kind);
    let mut out = BufWriter::new(file.as_file_mut());
    let mut lines = 1;
    rows::each(path, &mut |line, row| {
        while lines < line {
            out.write_all(b"\n")?;
            lines += 1;
        }
        match (row, object) {
            (Ok(fields), Some(object)) => writeln!(out, "{}", record(kind, object, fields))?,
            (Ok(fields), None) => writeln!(out, "{}", Json::Object(fields))?,
            (Err(why), _) => writeln!(out, "{}", Json::String(why))?,
        }
        lines += 1;
        Ok(())
    })
    .map_err(fail)?;
    out.flush().map_err(fail)?;
    drop(out);
    Ok(file)
}

fn record(kind: SystemKind, object: &Object, cells: rows::Fields) -> Json {
    let (mut id, mut fields) = (Json::Null, Map::new());
    for (column, value) in cells {
        if IDS.contains(&column.as_str()) && id.is_null() {
            id = value.clone();
        }
        let named = object.fields.iter().find(|field| field.name == column);
        let named =
            named.or_else(|| object.fields.iter().find(|field| field.label.eq_ignore_ascii_case(&column)));
        let name = named.map_or(column, |field| field.name.clone());
        match name.split_once('.') {
            // Fields of a parent stand in an object of their own: `Owner.Email`.
            Some((parent, rest)) if kind == SystemKind::Salesforce => {
                let inner = fields.entry(parent.to_owned()).or_insert_with(|| json!({}));
                if let Json::Object(inner) = inner {
                    inner.insert(rest.to_owned(), value);
                }
            }
            _ => {
                fields.insert(name, value);
            }
        }
    }
    match kind {
        SystemKind::Hubspot => json!({ "id": id, "properties": fields }),
        SystemKind::Salesforce => {
            fields.insert("Id".to_owned(), id);
            Json::Object(fields)
        }
        SystemKind::Salesnav | SystemKind::File => {
            fields.entry("id").or_insert(id);
            Json::Object(fields)
        }
    }
}
