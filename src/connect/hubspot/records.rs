//! HubSpot's record JSON to [`Record`]s.
//!
//! Invariant: a property that the answer does not hold, or holds in a form its type can't have, is absent
//! (nothing known), never blank.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::connect::remote::FieldSpec;
use crate::record::{HistoryEntry, Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::schema::json::{flag, text};
use crate::value::{Millis, Slot, Value};
use crate::wire;

/// Property names that are read along with every record: which other records were merged into it.
pub const MERGED: [&str; 2] = ["hs_merged_object_ids", "hs_calculated_merged_vids"];

/// A record with a usable id.
pub fn record(json: &Json, fields: &[FieldSpec], history: &[Arc<str>]) -> Option<Record> {
    let id = id(json.get("id")?)?;
    let properties = json.get("properties");
    let slots = fields.iter().map(|field| slot(properties, field)).collect();
    let mut record = Record::new(id, slots);
    record.merged = merged_ids(json);
    record.merged.retain(|old| *old != record.id);
    record.created = text(json, "createdAt").and_then(wire::instant);
    record.modified = text(json, "updatedAt").and_then(wire::instant);
    if flag(json, "archived") == Some(true) {
        record.life = Life::Deleted;
    }
    for name in history {
        let ty = fields.iter().find(|field| field.name == *name);
        let Some(rows) = json.get("propertiesWithHistory").and_then(|all| all.get(&**name)) else { continue };
        record.history.insert(name.to_string(), entries(rows, ty));
    }
    Some(record)
}

/// An id as text or number.
pub fn id(json: &Json) -> Option<RecordId> {
    match json {
        Json::String(text) if !text.is_empty() => Some(RecordId::new(text.as_str())),
        Json::Number(number) => Some(RecordId::new(number.to_string())),
        _ => None,
    }
}

fn slot(properties: Option<&Json>, field: &FieldSpec) -> Slot {
    wire::decode(SystemKind::Hubspot, &field.ty, properties?.get(&*field.name)?).ok()
}

/// Newest first.
fn entries(rows: &Json, field: Option<&FieldSpec>) -> Vec<HistoryEntry> {
    let one = |row: &Json| {
        let json = row.get("value").unwrap_or(&Json::Null);
        let value = match field {
            Some(field) => wire::decode(SystemKind::Hubspot, &field.ty, json).ok()?,
            None => Value::text(json.as_str().unwrap_or("")),
        };
        Some(HistoryEntry {
            value,
            at: text(row, "timestamp").and_then(wire::instant)?,
            source: text(row, "sourceType").unwrap_or("").to_owned(),
            source_id: text(row, "sourceId").unwrap_or("").to_owned(),
        })
    };
    let mut entries: Vec<HistoryEntry> =
        rows.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(one).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries
}

/// The ids that this record has swallowed.
pub fn merged_ids(json: &Json) -> Vec<RecordId> {
    let Some(properties) = json.get("properties") else { return Vec::new() };
    MERGED
        .iter()
        .filter_map(|name| text(properties, name))
        // `hs_calculated_merged_vids` has `id:time` pairs.
        .flat_map(|ids| ids.split(';').map(|id| id.split(':').next().unwrap_or("").trim()))
        .filter(|id| !id.is_empty())
        .map(RecordId::new)
        .collect()
}

pub fn stamp(json: &Json, property: &str) -> Option<Millis> {
    let own = json.get("properties").and_then(|properties| text(properties, property));
    own.or_else(|| text(json, "updatedAt")).and_then(wire::instant)
}
