//! Rows of one object, sorted by id, with an index over the values that upserts and unique fields look up.
//!
//! Invariant: the index holds exactly the indexed values of the rows that are not deleted.

use std::collections::BTreeSet;

use super::cell::{Cell, fold};
use super::ids::Id;
use super::meta::Object;

#[derive(Debug, Clone)]
pub struct Row {
    pub id: Id,
    pub created: i64,
    pub created_by: Id,
    pub modified: i64,
    pub modified_by: Id,
    /// SystemModstamp; not before `modified`.
    pub stamp: i64,
    /// In the recycle bin since then.
    pub deleted: Option<i64>,
    /// Sorted by field; without nulls.
    pub(super) cells: Vec<(u16, Cell)>,
}

static NULL: Cell = Cell::Null;

impl Row {
    pub fn new(id: Id, at: i64, by: Id) -> Row {
        Row {
            id,
            created: at,
            created_by: by,
            modified: at,
            modified_by: by,
            stamp: at,
            deleted: None,
            cells: Vec::new(),
        }
    }

    pub fn cell(&self, field: u16) -> &Cell {
        match self.cells.binary_search_by_key(&field, |(at, _)| *at) {
            Ok(at) => self.cells.get(at).map_or(&NULL, |(_, cell)| cell),
            Err(_) => &NULL,
        }
    }

    pub fn set(&mut self, field: u16, cell: Cell) {
        match (self.cells.binary_search_by_key(&field, |(at, _)| *at), cell) {
            (Ok(at), Cell::Null) => drop(self.cells.remove(at)),
            (Ok(at), cell) => {
                if let Some(slot) = self.cells.get_mut(at) {
                    slot.1 = cell;
                }
            }
            (Err(_), Cell::Null) => {}
            (Err(at), cell) => self.cells.insert(at, (field, cell)),
        }
    }

    pub fn shrink(&mut self) {
        self.cells.shrink_to_fit();
    }
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Row>,
    /// (field, value as compared, row)
    index: BTreeSet<(u16, Box<str>, Id)>,
    /// The number of the newest id.
    last: u64,
    /// Rows that a purge removed for good.
    pub purged: Vec<(Id, i64)>,
}

/// Ids of a table start here, so that they have letters in them.
const FIRST: u64 = 62 * 62 * 62 * 62 * 11;

impl Table {
    pub fn next_id(&mut self, prefix: &str) -> Id {
        self.last = self.last.max(FIRST) + 1;
        Id::new(prefix, self.last)
    }

    pub fn get(&self, id: Id) -> Option<&Row> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows.get(at)
    }

    /// Also deleted ones.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn live(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.deleted.is_none())
    }

    /// Puts a row in and gives the one that it replaces.
    pub fn put(&mut self, object: &Object, row: Row) -> Option<Row> {
        match self.rows.binary_search_by_key(&row.id, |row| row.id) {
            Ok(at) => {
                let slot = self.rows.get_mut(at)?;
                let old = std::mem::replace(slot, row);
                let new = slot.clone();
                self.unindex(object, &old);
                self.enter(object, &new);
                Some(old)
            }
            Err(at) => {
                self.enter(object, &row);
                self.rows.insert(at, row);
                None
            }
        }
    }

    pub fn remove(&mut self, object: &Object, id: Id) -> Option<Row> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        let row = self.rows.remove(at);
        self.unindex(object, &row);
        Some(row)
    }

    /// Live rows whose indexed field has this value.
    pub fn lookup(&self, object: &Object, field: u16, value: &str) -> Vec<Id> {
        let Some(field_of) = object.field(field) else { return Vec::new() };
        let key = key(value, field_of.case_sensitive);
        let low = (field, key.clone(), Id::FIRST);
        self.index
            .range(low..)
            .take_while(|(at, text, _)| *at == field && *text == key)
            .map(|(_, _, id)| *id)
            .collect()
    }

    /// After a field's definition changed: what is looked up may be another field now.
    pub fn reindex(&mut self, object: &Object) {
        self.index.clear();
        let rows = std::mem::take(&mut self.rows);
        rows.iter().for_each(|row| self.enter(object, row));
        self.rows = rows;
    }

    /// Forgets the values of a field.
    pub fn clear_field(&mut self, object: &Object, field: u16) {
        for row in &mut self.rows {
            row.set(field, Cell::Null);
        }
        self.reindex(object);
    }

    fn enter(&mut self, object: &Object, row: &Row) {
        if row.deleted.is_none() {
            self.index.extend(keys(object, row).map(|(field, key)| (field, key, row.id)));
        }
    }

    fn unindex(&mut self, object: &Object, row: &Row) {
        if row.deleted.is_none() {
            for (field, key) in keys(object, row) {
                self.index.remove(&(field, key, row.id));
            }
        }
    }
}

fn key(text: &str, case_sensitive: bool) -> Box<str> {
    if case_sensitive { text.into() } else { fold(text).collect::<String>().into() }
}

fn keys<'a>(object: &'a Object, row: &'a Row) -> impl Iterator<Item = (u16, Box<str>)> + 'a {
    row.cells.iter().filter_map(|(at, cell)| {
        let field = object.field(*at).filter(|field| field.indexed())?;
        let text = match cell {
            Cell::Text(text) => text.to_string(),
            Cell::Number(number) => number.normalize().to_string(),
            Cell::Ref(id) => id.to_string(),
            _ => return None,
        };
        Some((*at, key(&text, field.case_sensitive)))
    })
}
