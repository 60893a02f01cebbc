//! The recycle bin: deleting with dependants, taking out again, emptying, and its end after 15 days.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::dml::{live, touch};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::replication::BIN_REACH;

/// To the recycle bin, with the records that depend on it.
pub fn delete(org: &mut Org, who: &Who, object: usize, id: Id) -> Result<(), Fault> {
    org.transaction(|org| {
        live(org, object, id)?;
        let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
        if !meta.flag("deletable") {
            let message = format!("entity type {} does not support delete", meta.name);
            return Err(Fault::new(400, "INSUFFICIENT_ACCESS_OR_READONLY", message));
        }
        if !meta.takes("deletable") {
            return Err(super::dml::no_access());
        }
        put_in(org, who, object, id);
        Ok(())
    })
}

pub fn put_in(org: &mut Org, who: &Who, object: usize, id: Id) {
    let Some(meta) = org.schema.get(object) else { return };
    let (name, at) = (meta.name.clone(), org.now());
    let Some(mut row) = org.table(object).and_then(|table| table.get(id)).cloned() else { return };
    if row.deleted.is_some() {
        return;
    }
    row.deleted = Some(at);
    touch(org, who, &mut row);
    org.put(object, row);
    org.binned.insert((at, object, id));
    org.record("archive", &name, id, &who.by, BTreeMap::new());
    for (child, field, cascade) in dependants(org, &name) {
        let Some(table) = org.table(child) else { continue };
        let ids: Vec<Id> =
            table.live().filter(|row| row.cell(field).as_id() == Some(id)).map(|row| row.id).collect();
        for dependant in ids {
            if cascade {
                put_in(org, who, child, dependant);
            } else if let Some(mut row) = org.table(child).and_then(|table| table.get(dependant)).cloned() {
                row.set(field, Cell::Null);
                org.put(child, row);
            }
        }
    }
}

/// (object, field, cascade) of the relationships from a parent.
pub fn dependants(org: &Org, parent: &str) -> Vec<(usize, u16, bool)> {
    let found = org.schema.children(parent).filter_map(|child| {
        let (at, object) = org.schema.find_any(&child.object)?;
        let (field, _) = object.find_any(&child.field)?;
        Some((at, field, child.cascade))
    });
    found.collect()
}

/// Out of the recycle bin, with what went into it at the same time. Merged records do not come back.
pub fn undelete(org: &mut Org, who: &Who, object: usize, id: Id) -> Result<(), Fault> {
    org.transaction(|org| {
        let row = org.table(object).and_then(|table| table.get(id)).ok_or_else(Fault::not_found)?;
        let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
        let merged = !org.read_by_name(meta, row, "MasterRecordId").is_null();
        let Some(at) = row.deleted.filter(|_| !merged && meta.flag("undeletable")) else {
            let message = "Entity is not in the recycle bin";
            return Err(Fault::record("UNDELETE_FAILED", message, [""; 0]));
        };
        take_out(org, who, object, id, at);
        Ok(())
    })
}

fn take_out(org: &mut Org, who: &Who, object: usize, id: Id, at: i64) {
    let Some(name) = org.schema.get(object).map(|meta| meta.name.clone()) else { return };
    let Some(mut row) = org.table(object).and_then(|table| table.get(id)).cloned() else { return };
    row.deleted = None;
    touch(org, who, &mut row);
    org.put(object, row);
    org.record("restore", &name, id, &who.by, BTreeMap::new());
    for (child, field, _) in dependants(org, &name).into_iter().filter(|(.., cascade)| *cascade) {
        let Some(table) = org.table(child) else { continue };
        let of = |row: &&super::store::Row| row.deleted == Some(at) && row.cell(field).as_id() == Some(id);
        let ids: Vec<Id> = table.rows().iter().filter(of).map(|row| row.id).collect();
        for dependant in ids {
            take_out(org, who, child, dependant, at);
        }
    }
}

/// Ends what lies in the recycle bin: everything, or one record.
pub fn empty(org: &mut Org, only: Option<Id>) -> usize {
    let (out, stay): (Vec<_>, Vec<_>) =
        std::mem::take(&mut org.binned).into_iter().partition(|(.., id)| only.is_none_or(|only| only == *id));
    org.binned = stay.into_iter().collect();
    out.into_iter().filter(|entry| end(org, *entry)).count()
}

/// Ends what has lain in the recycle bin too long. Not inside a transaction.
pub fn expire(org: &mut Org) {
    let oldest = org.now() - BIN_REACH;
    while let Some(entry) = org.binned.first().copied().filter(|(at, ..)| *at < oldest) {
        org.binned.pop_first();
        end(org, entry);
    }
}

/// A record that was taken out meanwhile stays.
fn end(org: &mut Org, (at, object, id): (i64, usize, Id)) -> bool {
    let binned = |table: &super::store::Table| table.get(id).is_some_and(|row| row.deleted == Some(at));
    let (Some(meta), Some(table)) = (org.schema.get(object), org.tables.get_mut(object)) else {
        return false;
    };
    if !binned(table) {
        return false;
    }
    table.remove(meta, id);
    table.purged.push((id, at));
    true
}
