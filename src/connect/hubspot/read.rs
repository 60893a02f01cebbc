//! Reading records: by page, by id, by a field's value. Batches are filled to the vendor's limits.
//!
//! Invariant: what an answer leaves out is left out here; "deleted" and "merged" are said on positive evidence only
//! (the archived listing, another id under the asked one, the list of swallowed ids).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value as Json, json};

use super::{BATCH, HubSpot, next_page, records};
use crate::connect::client::{Call, IN_FLIGHT, encode};
use crate::connect::remote::{CallError, Completion, Cursor, FieldSpec, Reply};
use crate::record::{Association, Life, Record, RecordId};
use crate::schema::hubspot::canonical;
use crate::schema::json::flag;
use crate::value::Value;

/// Most inputs of a batch read with property history.
const BATCH_WITH_HISTORY: usize = 50;
/// A list's query longer than this becomes a list of ids and a batch read: long addresses are refused (414).
const MAX_QUERY: usize = 6_000;
/// List pages taken together when associations are read along, which come by the thousand.
const PAGES_WITH_ASSOCIATIONS: usize = 10;
/// Missing ids that are asked for one by one, in case they stand for a merged record.
const SINGLES: usize = 20;
/// Values of one `IN` filter; a search's body ends at 3,000 characters.
const IN_VALUES: usize = 100;
const MAX_SEARCH_VALUES: usize = 2_000;

pub(super) struct Wanted<'a> {
    pub object: &'a str,
    pub fields: &'a [FieldSpec],
    pub history: &'a [Arc<str>],
}

impl Wanted<'_> {
    fn properties(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.fields.iter().map(|field| &*field.name).collect();
        names.extend(records::MERGED);
        names.push("hs_object_id");
        names.sort_unstable();
        names.dedup();
        names
    }

    fn record(&self, json: &Json) -> Option<Record> {
        records::record(json, self.fields, self.history)
    }
}

impl HubSpot {
    pub(super) async fn list(
        &self,
        object: &str,
        fields: &[FieldSpec],
        associations: &[Arc<str>],
        after: Option<Cursor>,
    ) -> Completion {
        let wanted = Wanted { object, fields, history: &[] };
        let pages = if associations.is_empty() { 1 } else { PAGES_WITH_ASSOCIATIONS };
        let mut after = after.map(|cursor| cursor.0);
        let mut records = Vec::new();
        for _ in 0..pages {
            let (page, next) = self.list_page(&wanted, after.as_deref()).await?;
            records.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        self.attach(object, &mut records, associations).await?;
        Ok(Reply::Records { records, next: after.map(Cursor) })
    }

    async fn list_page(
        &self,
        wanted: &Wanted<'_>,
        after: Option<&str>,
    ) -> Result<(Vec<Record>, Option<String>), CallError> {
        let properties = encode(&wanted.properties().join(","));
        let long = properties.len() > MAX_QUERY;
        let asked = if long { "hs_object_id" } else { properties.as_str() };
        let mut target = format!("{}?limit={BATCH}&properties={asked}", self.paths.objects(wanted.object));
        if let Some(after) = after {
            target.push_str(&format!("&after={}", encode(after)));
        }
        let answer = self.ask(&Call::get(target)).await?;
        let next = next_page(&answer.json).filter(|next| after != Some(next.as_str()));
        if !long {
            return Ok((self.rows(&answer.json, |row| wanted.record(row))?, next));
        }
        let ids = self.rows(&answer.json, |row| Some(records::id(row.get("id")?)?.to_string()))?;
        let rows = self.batch_read(wanted, &ids, None, false).await?;
        Ok((rows.iter().filter_map(|row| wanted.record(row)).collect(), next))
    }

    /// One `batch/read`; the rows that the CRM shows.
    async fn batch_read(
        &self,
        wanted: &Wanted<'_>,
        ids: &[String],
        id_property: Option<&str>,
        archived: bool,
    ) -> Result<Vec<Json>, CallError> {
        let inputs: Vec<Json> = ids.iter().map(|id| json!({"id": id})).collect();
        let mut body = json!({
            "inputs": inputs,
            "properties": wanted.properties(),
            "propertiesWithHistory": wanted.history,
        });
        if let (Some(property), Some(map)) = (id_property, body.as_object_mut()) {
            map.insert("idProperty".to_owned(), json!(property));
        }
        let archived = if archived { "?archived=true" } else { "" };
        let target = format!("{}/batch/read{archived}", self.paths.objects(wanted.object));
        let answer = self.client.send(&Call::ask(target, body)).await?;
        match answer.status {
            404 => Ok(Vec::new()),
            _ if answer.ok() => self.rows(&answer.json, |row| Some(row.clone())),
            _ => Err(self.refused(&answer)),
        }
    }

    pub(super) async fn read(
        &self,
        wanted: &Wanted<'_>,
        ids: &[RecordId],
        associations: &[Arc<str>],
    ) -> Completion {
        let size = if wanted.history.is_empty() { BATCH } else { BATCH_WITH_HISTORY };
        let mut ids: Vec<&RecordId> = ids.iter().collect();
        ids.sort();
        ids.dedup();
        let chunks = stream::iter(ids.chunks(size).map(|chunk| self.read_chunk(wanted, chunk)));
        let chunks: Vec<Vec<Record>> = chunks.buffered(IN_FLIGHT).try_collect().await?;
        let mut records: Vec<Record> = chunks.into_iter().flatten().collect();
        self.attach(wanted.object, &mut records, associations).await?;
        Ok(Reply::Records { records, next: None })
    }

    async fn read_chunk(&self, wanted: &Wanted<'_>, ids: &[&RecordId]) -> Result<Vec<Record>, CallError> {
        let mut into = Vec::new();
        let texts: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
        let rows = self.batch_read(wanted, &texts, None, false).await?;
        let mut missing: BTreeSet<RecordId> = ids.iter().map(|id| (*id).clone()).collect();
        // A record under another id than the asked ones is the survivor of a merge.
        let mut swallowed: BTreeMap<RecordId, RecordId> = BTreeMap::new();
        for row in &rows {
            let Some(record) = wanted.record(row) else { continue };
            swallowed.extend(records::merged_ids(row).into_iter().map(|old| (old, record.id.clone())));
            if missing.remove(&record.id) {
                into.push(record);
            }
        }
        self.explain_missing(wanted, missing, &swallowed, &mut into).await?;
        Ok(into)
    }

    /// What became of ids that a read did not show: merged, archived, or nothing known.
    async fn explain_missing(
        &self,
        wanted: &Wanted<'_>,
        mut missing: BTreeSet<RecordId>,
        swallowed: &BTreeMap<RecordId, RecordId>,
        into: &mut Vec<Record>,
    ) -> Result<(), CallError> {
        let gone =
            |id: RecordId, life: Life| Record { life, ..Record::new(id, vec![None; wanted.fields.len()]) };
        for (old, survivor) in swallowed {
            if missing.remove(old) {
                into.push(gone(old.clone(), Life::MergedInto(survivor.clone())));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = missing.iter().map(|id| id.to_string()).collect();
        for row in self.batch_read(wanted, &texts, None, true).await? {
            let Some(record) = wanted.record(&row) else { continue };
            if flag(&row, "archived") == Some(true) && missing.remove(&record.id) {
                into.push(record);
            }
        }
        for id in missing.into_iter().take(SINGLES) {
            let target = format!("{}/{}", self.paths.objects(wanted.object), encode(id.as_str()));
            let answer = self.client.send(&Call::get(target)).await?;
            let found = answer.json.get("id").filter(|_| answer.ok()).and_then(records::id);
            if let Some(survivor) = found.filter(|found| *found != id) {
                into.push(gone(id, Life::MergedInto(survivor)));
            }
        }
        Ok(())
    }

    pub(super) async fn find(
        &self,
        wanted: &Wanted<'_>,
        field: &FieldSpec,
        values: &[Value],
        associations: &[Arc<str>],
    ) -> Completion {
        let mut texts: Vec<String> =
            values.iter().filter(|value| !value.is_blank()).map(Value::to_string).collect();
        texts.sort();
        texts.dedup();
        if &*field.name == "hs_object_id" {
            let ids: Vec<RecordId> = texts.into_iter().map(RecordId::new).collect();
            return self.read(wanted, &ids, associations).await;
        }
        let mut rows = Vec::new();
        if self.is_unique(wanted.object, &field.name).await? {
            for chunk in texts.chunks(BATCH) {
                rows.extend(self.batch_read(wanted, chunk, Some(&field.name), false).await?);
            }
        } else {
            for chunk in search_chunks(&texts) {
                rows.extend(self.search_in(wanted, field, chunk).await?);
            }
        }
        let mut records: Vec<Record> = rows.iter().filter_map(|row| wanted.record(row)).collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records.dedup_by(|a, b| a.id == b.id);
        self.attach(wanted.object, &mut records, associations).await?;
        Ok(Reply::Records { records, next: None })
    }

    /// Whether records can be looked up by a property without the search index. A contact's `email` can, although
    /// its definition says otherwise.
    pub(super) async fn is_unique(&self, object: &str, property: &str) -> Result<bool, CallError> {
        if canonical(object) == "contact" && property == "email" {
            return Ok(true);
        }
        let key = (canonical(object).to_owned(), property.to_owned());
        if let Some(known) = self.unique.borrow().get(&key) {
            return Ok(*known);
        }
        let target = format!("{}/{}", self.paths.properties(object), encode(property));
        let answer = self.ask(&Call::get(target)).await?;
        let unique = flag(&answer.json, "hasUniqueValue").unwrap_or(false);
        self.unique.borrow_mut().insert(key, unique);
        Ok(unique)
    }

    /// All records whose property is one of `values`, by the search index: in order of id, from the last id seen.
    async fn search_in(
        &self,
        wanted: &Wanted<'_>,
        field: &FieldSpec,
        values: &[String],
    ) -> Result<Vec<Json>, CallError> {
        // `IN` wants texts in lower case; on enumerations it compares exactly.
        let option = matches!(field.ty, crate::schema::FieldType::Option | crate::schema::FieldType::Options);
        let values: Vec<String> =
            values.iter().map(|value| if option { value.clone() } else { value.to_lowercase() }).collect();
        let mut found = Vec::new();
        let mut above = "0".to_owned();
        loop {
            let body = json!({
                "filterGroups": [{"filters": [
                    {"propertyName": &*field.name, "operator": "IN", "values": values},
                    {"propertyName": "hs_object_id", "operator": "GT", "value": above},
                ]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": ["hs_object_id"],
                "limit": 200,
            });
            let target = format!("{}/search", self.paths.objects(wanted.object));
            let answer = self.ask(&Call::ask(target, body).class("search")).await?;
            let ids = self.rows(&answer.json, |row| Some(records::id(row.get("id")?)?.to_string()))?;
            let last = ids.last().cloned();
            // The index only says where to look: the values are read from the records themselves.
            for chunk in ids.chunks(BATCH) {
                found.extend(self.batch_read(wanted, chunk, None, false).await?);
            }
            match last {
                Some(last) if ids.len() == 200 && last != above => above = last,
                _ => return Ok(found),
            }
        }
    }

    /// Reads the associations of records with their labels.
    async fn attach(&self, object: &str, records: &mut [Record], keys: &[Arc<str>]) -> Result<(), CallError> {
        let ids: Vec<RecordId> = records
            .iter()
            .filter(|record| record.life == Life::Live)
            .map(|record| record.id.clone())
            .collect();
        for key in keys {
            let mut found = self.associated(object, key, &ids).await?;
            for record in records.iter_mut().filter(|record| record.life == Life::Live) {
                let mut ends: Vec<Association> = found.remove(&record.id).unwrap_or_default();
                ends.sort();
                record.associations.insert(key.to_string(), ends);
            }
        }
        Ok(())
    }
}

/// Values in chunks that fit a search's body.
fn search_chunks(values: &[String]) -> Vec<&[String]> {
    let mut chunks = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (at, value) in values.iter().enumerate() {
        let length = serde_json::to_string(value).map_or(value.len(), |text| text.len()) + 1;
        if at > start && (at - start >= IN_VALUES || size + length > MAX_SEARCH_VALUES) {
            chunks.extend(values.get(start..at));
            (start, size) = (at, 0);
        }
        size += length;
    }
    chunks.extend(values.get(start..).filter(|rest| !rest.is_empty()));
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_stay_below_the_vendors_body_limit() {
        let values: Vec<String> = (0..250).map(|n| format!("value-number-{n}-with-some-length")).collect();
        let chunks = search_chunks(&values);
        assert_eq!(chunks.iter().map(|chunk| chunk.len()).sum::<usize>(), 250);
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.iter().map(|v| v.len() + 3).sum::<usize>() <= 2_000 && chunk.len() <= 100)
        );
        assert!(search_chunks(&[]).is_empty());
    }
}
