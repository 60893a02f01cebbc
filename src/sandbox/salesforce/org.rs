//! The org: its schema, its rows, its users, and transactions over them.
//!
//! Invariant: between requests no transaction is open; what one rolled back is in no row and not in the log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::core::clock::SimClock;
use super::super::core::log::{Log, Mutation};
use super::super::core::rng::Rng;
use super::access::Permissions;
use super::automation::Automation;
use super::cell::Cell;
use super::derived;
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Object, Schema, Source};
use super::rules::Rules;
use super::store::{Row, Table};
use super::time::whole_second;

/// On whose behalf something is written.
#[derive(Debug, Clone)]
pub struct Who {
    pub user: Id,
    /// For the log: `api`, or the name an admin call gave.
    pub by: String,
    /// The request's `Sforce-Duplicate-Rule-Header` says `allowSave=true`.
    pub allow_duplicates: bool,
}

impl Who {
    pub fn new(user: Id, by: impl Into<String>) -> Who {
        Who { user, by: by.into(), allow_duplicates: false }
    }
}

/// What an admin switched on.
#[derive(Debug, Default)]
pub struct Settings {
    /// The org's clock minus the true one.
    pub skew_ms: i64,
    /// Changes are stamped up to so long before they can be seen.
    pub late_stamp_ms: i64,
}

#[derive(Debug)]
enum Undo {
    Remove { object: usize, id: Id },
    Restore { object: usize, row: Row },
}

pub struct Org {
    pub clock: SimClock,
    pub log: Log,
    pub id: Id,
    /// The user that the API client logs in as.
    pub integration_user: Id,
    pub schema: Schema,
    /// When an admin last changed objects or fields.
    pub schema_changed: i64,
    pub tables: Vec<Table>,
    pub settings: Settings,
    pub permissions: Permissions,
    pub rules: Rules,
    pub automation: Automation,
    /// (since when, object, record) of what was put into the recycle bin.
    pub binned: BTreeSet<(i64, usize, Id)>,
    rng: Rng,
    undo: Vec<Undo>,
    pending: Vec<Mutation>,
    /// Open transactions, as places in `undo`, `pending` and the waiting workflows.
    marks: Vec<(usize, usize, usize)>,
}

impl Org {
    pub fn new(clock: SimClock, log: Log, id: Id, integration_user: Id, schema: Schema) -> Org {
        let tables = schema.all().map(|_| Table::default()).collect();
        let schema_changed = whole_second(clock.now().0);
        Org {
            schema_changed,
            clock,
            log,
            id,
            integration_user,
            schema,
            tables,
            settings: Settings::default(),
            permissions: Permissions::default(),
            rules: Rules::default(),
            automation: Automation::default(),
            binned: BTreeSet::new(),
            rng: Rng::new(0x5f0c),
            undo: Vec::new(),
            pending: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// The time of what happens now, by the org's clock.
    pub fn now(&self) -> i64 {
        whole_second(self.clock.now().0 + self.settings.skew_ms)
    }

    /// The stamp of a change that can be seen from now on.
    pub fn stamp(&mut self) -> i64 {
        let late = self.rng.below(usize::try_from(self.settings.late_stamp_ms).unwrap_or(0));
        if late == 0 { self.now() } else { whole_second(self.now() - late as i64) }
    }

    /// An object that an admin made.
    pub fn add_object(&mut self, object: Object) -> usize {
        self.tables.push(Table::default());
        self.schema.add(object)
    }

    pub fn object(&self, name: &str) -> Result<(usize, &Object), Fault> {
        self.schema.find(name).ok_or_else(Fault::not_found)
    }

    pub fn table(&self, object: usize) -> Option<&Table> {
        self.tables.get(object)
    }

    /// The row of an id, whatever its object.
    pub fn find(&self, id: Id) -> Option<(usize, &Row)> {
        let (at, _) = self.schema.all().find(|(at, object)| {
            object.key_prefix == id.prefix() && self.table(*at).is_some_and(|table| table.get(id).is_some())
        })?;
        self.table(at)?.get(id).map(|row| (at, row))
    }

    /// What a client sees in a field.
    pub fn read(&self, object: &Object, row: &Row, field: u16) -> Cell {
        let Some(meta) = object.field(field) else { return Cell::Null };
        match meta.source {
            Source::Stored => row.cell(field).clone(),
            Source::Id => Cell::Ref(row.id),
            Source::Created => Cell::Stamp(row.created),
            Source::CreatedBy => Cell::Ref(row.created_by),
            Source::Modified => Cell::Stamp(row.modified),
            Source::ModifiedBy => Cell::Ref(row.modified_by),
            Source::Stamp => Cell::Stamp(row.stamp),
            Source::Deleted => Cell::Bool(row.deleted.is_some()),
            Source::Flag => match row.cell(field) {
                Cell::Null => Cell::Bool(false),
                cell => cell.clone(),
            },
            Source::Derived => derived::value(self, object, row, meta),
        }
    }

    /// `read` by name; null when there is no such field.
    pub fn read_by_name(&self, object: &Object, row: &Row, name: &str) -> Cell {
        object.find_any(name).map_or(Cell::Null, |(at, _)| self.read(object, row, at))
    }

    pub fn put(&mut self, object: usize, row: Row) {
        let (Some(meta), Some(table)) = (self.schema.get(object), self.tables.get_mut(object)) else {
            return;
        };
        let id = row.id;
        let undo = match table.put(meta, row) {
            Some(row) => Undo::Restore { object, row },
            None => Undo::Remove { object, id },
        };
        if !self.marks.is_empty() {
            self.undo.push(undo);
        }
    }

    pub fn record(
        &mut self,
        action: &'static str,
        object: &str,
        id: Id,
        by: &str,
        fields: BTreeMap<String, Value>,
    ) {
        self.record_as(action, object, id.to_string(), by, fields);
    }

    /// `record`, of something that has no id.
    pub fn record_as(
        &mut self,
        action: &'static str,
        object: &str,
        record: String,
        by: &str,
        fields: BTreeMap<String, Value>,
    ) {
        self.permissions.note(object);
        self.pending.push(Mutation {
            seq: 0,
            at: self.clock.now(),
            system: "salesforce",
            action,
            object: object.to_owned(),
            record,
            by: by.to_owned(),
            fields,
        });
        if self.marks.is_empty() {
            self.flush();
        }
    }

    /// Runs `work`; when it fails, nothing of it stays.
    pub fn transaction<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.begin();
        let result = work(self);
        if result.is_ok() {
            self.commit()
        } else {
            self.rollback()
        }
        result
    }

    pub fn begin(&mut self) {
        self.marks.push((self.undo.len(), self.pending.len(), self.automation.mark()));
    }

    pub fn commit(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.undo.clear();
            self.flush();
        }
    }

    pub fn rollback(&mut self) {
        let Some((undo, pending, waiting)) = self.marks.pop() else { return };
        self.pending.truncate(pending);
        self.automation.back_to(waiting);
        self.permissions.forget();
        while self.undo.len() > undo {
            let Some(step) = self.undo.pop() else { break };
            let (object, row) = match step {
                Undo::Remove { object, id } => (object, Err(id)),
                Undo::Restore { object, row } => (object, Ok(row)),
            };
            let (Some(meta), Some(table)) = (self.schema.get(object), self.tables.get_mut(object)) else {
                continue;
            };
            match row {
                Ok(row) => drop(table.put(meta, row)),
                Err(id) => drop(table.remove(meta, id)),
            }
        }
    }

    fn flush(&mut self) {
        for mutation in self.pending.drain(..) {
            self.log.add(mutation);
        }
    }
}
