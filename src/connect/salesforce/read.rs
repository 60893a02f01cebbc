//! Reading records by query: changed, deleted, by page, by id, by a field's value.
//!
//! Pages are keyset pages over (SystemModstamp, Id) or Id, so a mark needs no server-side cursor and survives any
//! pause. A column that the user can't see is dropped from the query and its values are absent, not blank.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value as Json;

use super::campaigns::is_made;
use super::query::{MAX_QUERY, Rows};
use super::{Salesforce, id, soql};
use crate::connect::client::IN_FLIGHT;
use crate::connect::remote::{CallError, Changed, Completion, Cursor, ErrorClass, FieldSpec, Reply};
use crate::record::{Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::schema::json::{flag, text};
use crate::value::{Millis, Slot, Value};
use crate::wire;

/// Rows of a page; also the vendor's largest.
pub(super) const PAGE: usize = 2_000;

impl Salesforce {
    pub(super) async fn changed(
        &self,
        object: &str,
        since: Millis,
        after: Option<Cursor>,
        limit: u32,
    ) -> Completion {
        let limit = usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
        self.feed(object, since, after, limit, Rows::Live).await
    }

    pub(super) async fn deleted(&self, object: &str, since: Millis, after: Option<Cursor>) -> Completion {
        self.feed(object, since, after, PAGE, Rows::All).await
    }

    async fn feed(
        &self,
        object: &str,
        since: Millis,
        after: Option<Cursor>,
        limit: usize,
        rows: Rows,
    ) -> Completion {
        let place = match &after {
            None => format!("SystemModstamp >= {}", soql::stamp(since)),
            Some(cursor) => {
                let (at, id) =
                    mark(cursor).ok_or_else(|| self.misused("a page mark of another connection"))?;
                let (at, id) = (soql::stamp(at), soql::quoted(id.as_str()));
                format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {id}))")
            }
        };
        let deleted = if rows == Rows::All { "IsDeleted = true AND " } else { "" };
        let object = soql::name(object).map_err(|error| self.misused(error))?;
        let query = format!(
            "SELECT Id, SystemModstamp FROM {object} WHERE {deleted}{place} ORDER BY SystemModstamp, Id LIMIT {limit}"
        );
        let found = self.query(&query, rows).await.map_err(|error| error.error)?;
        let items = self.rows(&found, |row| {
            let at = text(row, "SystemModstamp").and_then(wire::instant)?;
            Some(Changed { id: text(row, "Id").and_then(id::full)?, at })
        })?;
        let next = items
            .last()
            .filter(|_| found.len() >= limit)
            .map(|last| Cursor(format!("{}:{}", last.at.0, last.id)));
        Ok(Reply::Changed { items, next })
    }

    pub(super) async fn list(
        &self,
        object: &str,
        fields: &[FieldSpec],
        associations: &[Arc<str>],
        after: Option<Cursor>,
    ) -> Completion {
        let place =
            after.map(|cursor| format!("WHERE Id > {} ", soql::quoted(&cursor.0))).unwrap_or_default();
        let rest = format!("{place}ORDER BY Id LIMIT {PAGE}");
        let mut records = self.select(object, fields, &rest, Rows::Live).await?;
        let next = records.last().filter(|_| records.len() >= PAGE).map(|last| Cursor(last.id.to_string()));
        self.campaigns(object, fields, &mut records).await?;
        self.attach(object, &mut records, associations).await?;
        Ok(Reply::Records { records, next })
    }

    pub(super) async fn read(
        &self,
        object: &str,
        ids: &[RecordId],
        fields: &[FieldSpec],
        associations: &[Arc<str>],
    ) -> Completion {
        let ids: BTreeSet<RecordId> = ids.iter().filter_map(|id| id::full(id.as_str())).collect();
        let ids: Vec<RecordId> = ids.into_iter().collect();
        let chunks = ids.chunks(PAGE).map(async |chunk| {
            let wanted = soql::list(chunk.iter().map(RecordId::as_str));
            self.select(object, fields, &format!("WHERE Id IN ({wanted})"), Rows::All).await
        });
        let chunks: Vec<Vec<Record>> = stream::iter(chunks).buffered(IN_FLIGHT).try_collect().await?;
        let mut records: Vec<Record> = chunks.into_iter().flatten().collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        self.campaigns(object, fields, &mut records).await?;
        self.attach(object, &mut records, associations).await?;
        Ok(Reply::Records { records, next: None })
    }

    pub(super) async fn find(
        &self,
        object: &str,
        field: &FieldSpec,
        values: &[Value],
        fields: &[FieldSpec],
        associations: &[Arc<str>],
    ) -> Completion {
        let name = soql::name(&field.name).map_err(|error| self.misused(error))?;
        let literals: BTreeSet<String> = values
            .iter()
            .filter(|value| !value.is_blank())
            .map(|value| soql::literal(&field.ty, value))
            .collect();
        let mut records: Vec<Record> = Vec::new();
        for chunk in chunks(literals.into_iter().collect()) {
            let rest = format!("WHERE {name} IN ({})", chunk.join(","));
            records.extend(self.select(object, fields, &rest, Rows::Live).await?);
        }
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records.dedup_by(|a, b| a.id == b.id);
        self.campaigns(object, fields, &mut records).await?;
        self.attach(object, &mut records, associations).await?;
        Ok(Reply::Records { records, next: None })
    }

    /// Every row of an answer. A row that can't be told apart is no reason to go on without it.
    fn rows<T>(&self, found: &[Json], read: impl Fn(&Json) -> Option<T>) -> Result<Vec<T>, CallError> {
        let bad = || self.client.error(ErrorClass::Unknown, "a row of a query's answer that can't be read");
        found.iter().map(|row| read(row).ok_or_else(bad)).collect()
    }

    /// The records of a query whose columns are chosen here.
    async fn select(
        &self,
        object: &str,
        fields: &[FieldSpec],
        rest: &str,
        rows: Rows,
    ) -> Result<Vec<Record>, CallError> {
        let object = soql::name(object).map_err(|error| self.misused(error))?;
        let mut columns = system_columns(object);
        for field in fields.iter().filter(|field| !is_made(object, &field.name)) {
            columns.insert(soql::name(&field.name).map_err(|error| self.misused(error))?.to_owned());
        }
        loop {
            let hidden = |column: &str| {
                self.hidden.borrow().contains(&(object.to_owned(), column.to_ascii_lowercase()))
            };
            let shown: Vec<&str> = columns.iter().map(String::as_str).filter(|c| !hidden(c)).collect();
            let query = format!("SELECT {} FROM {object} {rest}", shown.join(","));
            match self.query(&query, rows).await {
                Ok(found) => return self.rows(&found, |row| record(row, fields)),
                Err(refused) => match refused.no_column {
                    Some(name)
                        if shown.iter().any(|c| c.eq_ignore_ascii_case(&name))
                            && !name.eq_ignore_ascii_case("id") =>
                    {
                        self.hidden.borrow_mut().insert((object.to_owned(), name.to_ascii_lowercase()));
                    }
                    _ => return Err(refused.error),
                },
            }
        }
    }
}

/// Columns that say what became of a record, for every object that has them.
fn system_columns(object: &str) -> BTreeSet<String> {
    let mut columns = vec!["Id", "CreatedDate", "SystemModstamp", "IsDeleted"];
    if matches!(object, "Account" | "Contact" | "Lead") {
        columns.push("MasterRecordId");
    }
    if object == "Lead" {
        columns.extend(["IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId"]);
    }
    if object == "User" {
        columns.retain(|column| *column != "IsDeleted");
    }
    columns.into_iter().map(str::to_owned).collect()
}

fn record(row: &Json, fields: &[FieldSpec]) -> Option<Record> {
    let slots = fields.iter().map(|field| slot(row, field)).collect();
    let mut record = Record::new(text(row, "Id").and_then(id::full)?, slots);
    record.created = text(row, "CreatedDate").and_then(wire::instant);
    record.modified = text(row, "SystemModstamp").and_then(wire::instant);
    record.life = life(row);
    Some(record)
}

fn life(row: &Json) -> Life {
    let reference = |key: &str| text(row, key).and_then(id::full);
    if flag(row, "IsDeleted") == Some(true) {
        return reference("MasterRecordId").map_or(Life::Deleted, Life::MergedInto);
    }
    match (flag(row, "IsConverted"), reference("ConvertedContactId")) {
        (Some(true), Some(contact)) => Life::Converted {
            contact,
            account: reference("ConvertedAccountId"),
            opportunity: reference("ConvertedOpportunityId"),
        },
        _ => Life::Live,
    }
}

/// A field or a parent's field; a parent that is null makes its fields null.
fn slot(row: &Json, field: &FieldSpec) -> Slot {
    let mut json = row;
    for part in field.name.split('.') {
        json = match json {
            Json::Null => json,
            _ => json.get(part)?,
        };
    }
    wire::decode(SystemKind::Salesforce, &field.ty, json).ok()
}

fn mark(cursor: &Cursor) -> Option<(Millis, RecordId)> {
    let (at, record) = cursor.0.split_once(':')?;
    Some((Millis(at.parse().ok()?), id::full(record)?))
}

/// Literals in chunks that keep a query below its longest.
pub(super) fn chunks(literals: Vec<String>) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut size = 0;
    for literal in literals {
        size += literal.len() + 1;
        match chunks.last_mut().filter(|chunk| chunk.len() < PAGE && size < MAX_QUERY / 2) {
            Some(chunk) => chunk.push(literal),
            None => {
                size = literal.len() + 1;
                chunks.push(vec![literal]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldType;
    use serde_json::json;

    fn spec(name: &str) -> FieldSpec {
        FieldSpec { name: name.into(), ty: FieldType::Text { max: None } }
    }

    #[test]
    fn lives_are_told_by_evidence() {
        let merged =
            json!({"Id": "003000000000001AAA", "IsDeleted": true, "MasterRecordId": "003000000000002"});
        let expected = id::full("003000000000002").unwrap();
        assert_eq!(record(&merged, &[]).unwrap().life, Life::MergedInto(expected));
        let deleted = json!({"Id": "003000000000001AAA", "IsDeleted": true, "MasterRecordId": null});
        assert_eq!(record(&deleted, &[]).unwrap().life, Life::Deleted);
        let lead =
            json!({"Id": "00Q000000000001AAA", "IsConverted": true, "ConvertedContactId": "003000000000002"});
        assert!(matches!(record(&lead, &[]).unwrap().life, Life::Converted { account: None, .. }));
    }

    #[test]
    fn absent_is_not_blank() {
        let row = json!({"Id": "003000000000001AAA", "Phone": null, "Owner": null});
        let read = record(&row, &[spec("Phone"), spec("Fax"), spec("Owner.Email")]).unwrap();
        assert_eq!(read.slots, [Some(Value::Null), None, Some(Value::Null)]);
    }

    #[test]
    fn literals_are_cut_into_queries() {
        let chunks = chunks((0..5_000).map(|n| format!("'{n:040}'")).collect());
        assert_eq!(chunks.iter().map(Vec::len).sum::<usize>(), 5_000);
        assert!(chunks.iter().all(|chunk| chunk.iter().map(|l| l.len() + 1).sum::<usize>() < MAX_QUERY));
    }
}
