//! Merging: the losers go to the recycle bin and name the winner, what hung on them hangs on the winner.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bin::dependants;
use super::cell::Cell;
use super::dml::{self, live, touch};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};

/// The platform merges at most this many into one.
const MOST: usize = 2;

/// Merges `losers` into `master`, and sets `fields` there.
pub fn merge(
    org: &mut Org,
    who: &Who,
    object: usize,
    master: Id,
    losers: &[Id],
    fields: &Map<String, Value>,
) -> Result<(), Fault> {
    let invalid = |message: String| Err(Fault::record("INVALID_OPERATION", message, [""; 0]));
    let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
    if !meta.flag("mergeable") {
        return invalid(format!("merge is not supported for {}", meta.name));
    }
    if losers.is_empty() || losers.len() > MOST || losers.contains(&master) {
        return invalid(format!("give one to {MOST} other records to merge"));
    }
    org.transaction(|org| {
        live(org, object, master)?;
        for loser in losers {
            live(org, object, *loser)?;
        }
        for loser in losers {
            absorb(org, who, object, master, *loser);
        }
        if fields.is_empty() { Ok(()) } else { dml::update(org, who, object, master, fields) }
    })
}

fn absorb(org: &mut Org, who: &Who, object: usize, master: Id, loser: Id) {
    let Some(meta) = org.schema.get(object) else { return };
    let name = meta.name.clone();
    let place = meta.find_any("MasterRecordId").map(|(place, _)| place);
    for (child, field, _) in dependants(org, &name) {
        let Some(table) = org.table(child) else { continue };
        let rows: Vec<_> =
            table.live().filter(|row| row.cell(field).as_id() == Some(loser)).cloned().collect();
        for mut row in rows {
            row.set(field, Cell::Ref(master));
            touch(org, who, &mut row);
            org.put(child, row);
        }
    }
    let Some(mut row) = org.table(object).and_then(|table| table.get(loser)).cloned() else { return };
    if let Some(place) = place {
        row.set(place, Cell::Ref(master));
    }
    let at = org.now();
    row.deleted = Some(at);
    touch(org, who, &mut row);
    org.put(object, row);
    org.binned.insert((at, object, loser));
    let note = BTreeMap::from([("MasterRecordId".to_owned(), Value::String(master.to_string()))]);
    org.record("merge", &name, loser, &who.by, note);
    // The winner counts as changed, also when none of its fields is.
    if let Some(mut row) = org.table(object).and_then(|table| table.get(master)).cloned() {
        touch(org, who, &mut row);
        org.put(object, row);
    }
}
