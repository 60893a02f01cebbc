//! A folder of exports as a connection that is only read: `company.jsonl` or `company.csv` holds the object `company`.
//!
//! Invariant: nothing is ever written there. A file is read whole once per run, and a row that can't be read fails the
//! run with its line: a record that is silently missing would look like one that has no counterpart. A record that
//! is not in the file any more is no evidence that it was deleted.

pub mod rows;
mod schema;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use self::rows::Fields;
use super::remote::{
    CallError, Changed, Completion, Cursor, ErrorClass, FieldSpec, Identity, Remote, Reply, Request,
};
use super::timer::Timer;
use crate::record::{Life, Record, RecordId};
use crate::schema::{System, SystemKind};
use crate::value::Millis;
use crate::wire;

/// Records of one answer.
const PAGE: usize = 1_000;
/// Keys and columns that may hold the id when none is configured.
const IDS: [&str; 4] = ["id", "Id", "Record ID", "hs_object_id"];
/// Endings of the files that are looked for.
const ENDINGS: [&str; 3] = ["jsonl", "ndjson", "csv"];

/// Where the exports are and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    pub path: PathBuf,
    /// The key or column with the record's id.
    pub id: Option<String>,
    /// The key or column with the time of the last change.
    pub modified: Option<String>,
}

pub struct Files {
    system: Arc<str>,
    folder: Folder,
    timer: Rc<dyn Timer>,
    tables: RefCell<BTreeMap<Arc<str>, Rc<Table>>>,
    reads: Cell<u64>,
}

/// One object's file.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    by_id: BTreeMap<RecordId, usize>,
    /// When the file was written.
    at: Millis,
}

#[derive(Debug)]
struct Row {
    id: RecordId,
    modified: Option<Millis>,
    gone: bool,
    /// The fields as JSON.
    text: Box<str>,
}

impl Files {
    pub fn new(system: Arc<str>, folder: Folder, timer: Rc<dyn Timer>) -> Self {
        Files { system, folder, timer, tables: RefCell::default(), reads: Cell::new(0) }
    }

    /// Takes the types of the named objects' fields from their values; what is missing is told.
    pub fn pull(&self, objects: &[String], system: &mut System) -> Result<Vec<String>, CallError> {
        let mut gaps = Vec::new();
        for name in objects {
            match self.path_of(name) {
                Some(path) => {
                    let object = schema::object(name, &path).map_err(|error| self.failed(&path, &error))?;
                    system.objects.insert(name.clone(), object);
                }
                None => gaps.push(self.no_file(name)),
            }
        }
        Ok(gaps)
    }

    fn path_of(&self, object: &str) -> Option<PathBuf> {
        // An object's name is an identifier of the language: it can't lead out of the folder.
        let plain = !object.is_empty() && object.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let paths = ENDINGS.iter().map(|ending| self.folder.path.join(format!("{object}.{ending}")));
        plain.then(|| paths.into_iter().find(|path| path.is_file())).flatten()
    }

    fn no_file(&self, object: &str) -> String {
        format!("there is no {object}.jsonl or {object}.csv in {}", self.folder.path.display())
    }

    fn refused(&self, class: ErrorClass, message: String) -> CallError {
        CallError { system: self.system.to_string(), class, message, retry_after: None }
    }

    fn failed(&self, path: &Path, error: &io::Error) -> CallError {
        self.refused(ErrorClass::Rejected, format!("{}: {error}", path.display()))
    }

    fn table(&self, object: &Arc<str>) -> Result<Rc<Table>, CallError> {
        if let Some(known) = self.tables.borrow().get(object) {
            return Ok(known.clone());
        }
        let path =
            self.path_of(object).ok_or_else(|| self.refused(ErrorClass::Rejected, self.no_file(object)))?;
        let table = Rc::new(self.load(&path).map_err(|error| self.failed(&path, &error))?);
        self.reads.set(self.reads.get() + 1);
        self.tables.borrow_mut().insert(object.clone(), table.clone());
        Ok(table)
    }

    fn load(&self, path: &Path) -> io::Result<Table> {
        let written = std::fs::metadata(path)?.modified()?;
        let written = jiff::Timestamp::try_from(written).map_err(io::Error::other)?;
        let mut table = Table { at: Millis(written.as_millisecond()), ..Table::default() };
        rows::each(path, &mut |line, row| {
            let row = row.and_then(|fields| self.row(&fields));
            let row = row.map_err(|why| io::Error::other(format!("line {line}: {why}")))?;
            if table.by_id.insert(row.id.clone(), table.rows.len()).is_some() {
                return Err(io::Error::other(format!("line {line}: the id {} stands there twice", row.id)));
            }
            table.rows.push(row);
            Ok(())
        })?;
        Ok(table)
    }

    fn row(&self, fields: &Fields) -> Result<Row, String> {
        let keys: &[&str] = match &self.folder.id {
            Some(id) => &[id.as_str()],
            None => &IDS,
        };
        let id = keys.iter().find_map(|key| match fields.get(*key)? {
            Json::String(text) if !text.is_empty() => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let id = id.ok_or_else(|| format!("no id in `{}`", keys.join("`, `")))?;
        let modified = self.folder.modified.as_ref().and_then(|key| fields.get(key)?.as_str());
        let gone = ["archived", "IsDeleted"].iter().any(|key| {
            fields.get(*key).is_some_and(|value| *value == Json::Bool(true) || value.as_str() == Some("true"))
        });
        Ok(Row {
            id: RecordId::new(id),
            modified: modified.and_then(wire::instant),
            gone,
            text: serde_json::to_string(fields).map_err(|error| error.to_string())?.into(),
        })
    }

    fn changed(&self, object: &Arc<str>, since: Millis, deleted: bool) -> Result<Vec<Changed>, CallError> {
        let table = self.table(object)?;
        let rows = table.rows.iter().filter(|row| row.gone == deleted);
        let stamped = rows.map(|row| Changed { id: row.id.clone(), at: row.modified.unwrap_or(table.at) });
        let mut items: Vec<Changed> = stamped.filter(|item| item.at >= since).collect();
        items.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(items)
    }

    fn answer(&self, request: Request) -> Completion {
        match request {
            Request::Identity => Ok(Reply::Identity(Identity {
                account: "files".to_owned(),
                user: String::new(),
                server_time: self.timer.now(),
            })),
            Request::Owners => Ok(Reply::Owners(Vec::new())),
            Request::Members { list } => Err(self
                .refused(ErrorClass::Rejected, format!("files have no lists, and `{list}` was asked for"))),
            Request::Changed { object, since, .. } => {
                Ok(Reply::Changed { items: self.changed(&object, since, false)?, next: None })
            }
            Request::Deleted { object, since, .. } => {
                Ok(Reply::Changed { items: self.changed(&object, since, true)?, next: None })
            }
            Request::List { object, fields, after, .. } => {
                let table = self.table(&object)?;
                let from = after.and_then(|cursor| cursor.0.parse::<usize>().ok()).unwrap_or(0);
                let rows = table.rows.get(from..).unwrap_or_default();
                let page = rows.iter().take(PAGE).filter(|row| !row.gone);
                let next = (rows.len() > PAGE).then(|| Cursor((from + PAGE).to_string()));
                Ok(Reply::Records { records: page.map(|row| record(row, &fields)).collect(), next })
            }
            Request::Read { object, ids, fields, .. } => {
                let table = self.table(&object)?;
                let rows = ids.iter().filter_map(|id| table.rows.get(*table.by_id.get(id)?));
                Ok(Reply::Records { records: rows.map(|row| record(row, &fields)).collect(), next: None })
            }
            Request::Find { object, field, values, fields, .. } => {
                let table = self.table(&object)?;
                let wanted: Arc<[FieldSpec]> = Arc::new([field]);
                let fits = |row: &&Row| {
                    let found = record(row, &wanted);
                    !row.gone && found.slot(0).is_some_and(|value| values.contains(value))
                };
                let rows = table.rows.iter().filter(fits);
                Ok(Reply::Records { records: rows.map(|row| record(row, &fields)).collect(), next: None })
            }
            Request::Write { .. } | Request::Associate { .. } | Request::Archive { .. } => Err(self.refused(
                ErrorClass::NotApplied,
                "files are only read, and a write was asked for".to_owned(),
            )),
        }
    }
}

impl Remote for Files {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        Box::pin(ready(self.answer(request)))
    }

    /// Files read.
    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("files".to_owned(), self.reads.get())])
    }
}

fn record(row: &Row, fields: &[FieldSpec]) -> Record {
    let all: Fields = serde_json::from_str(&row.text).unwrap_or_default();
    // What the file does not hold, or in a form that its type can't have, is absent: nothing is known.
    let slot = |field: &FieldSpec| wire::decode(SystemKind::File, &field.ty, all.get(&*field.name)?).ok();
    let mut record = Record::new(row.id.clone(), fields.iter().map(slot).collect());
    record.modified = row.modified;
    if row.gone {
        record.life = Life::Deleted;
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::timer::RealTimer;
    use crate::schema::FieldType;
    use crate::schema::import::empty;
    use crate::value::Value;

    fn files(name: &str, text: &str) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let at = Folder { path: folder.path().to_owned(), id: None, modified: Some("changed".to_owned()) };
        (folder, Files::new("old".into(), at, Rc::new(RealTimer::new())))
    }

    const TABLE: &str = "id,name,size,zip,vip,since,changed\n1,A,10,01067,true,2024-01-31,2026-01-01T00:00:00Z\n\
        2,B,2.5,10115,false,,2026-02-01T00:00:00Z\n";

    fn ids(reply: Completion) -> Vec<String> {
        match reply.unwrap() {
            Reply::Records { records, .. } => records.iter().map(|record| record.id.to_string()).collect(),
            Reply::Changed { items, .. } => items.iter().map(|item| item.id.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn types_are_those_of_the_values_and_nothing_can_be_written() {
        let (_folder, files) = files("company.csv", TABLE);
        let mut system = empty(SystemKind::File);
        let gaps = files.pull(&["company".to_owned(), "deal".to_owned()], &mut system).unwrap();
        assert!(gaps.len() == 1 && gaps[0].contains("no deal.jsonl or deal.csv"), "{gaps:?}");
        let object = &system.objects["company"];
        let types: Vec<String> =
            object.fields.iter().map(|(name, field)| format!("{name}:{}", field.ty)).collect();
        let want = [
            "changed:datetime",
            "id:text",
            "name:text",
            "since:date",
            "size:decimal",
            "vip:bool",
            "zip:text",
        ];
        assert_eq!(types, want);
        assert!(
            !object.createable && object.fields.values().all(|field| !field.updateable && !field.createable)
        );
        let refused =
            files.answer(Request::Archive { object: "company".into(), ids: Vec::new() }).unwrap_err();
        assert!(refused.message.contains("only read"));
    }

    #[test]
    fn records_are_listed_read_found_and_told_by_their_stamp() {
        let (_folder, files) = files("company.csv", TABLE);
        let spec = FieldSpec { name: "name".into(), ty: FieldType::Text { max: None } };
        let fields: Arc<[FieldSpec]> = Arc::new([spec.clone()]);
        let none: Arc<[Arc<str>]> = Arc::new([]);
        let object: Arc<str> = "company".into();
        let list = |after| Request::List {
            object: object.clone(),
            fields: fields.clone(),
            associations: none.clone(),
            after,
        };
        assert_eq!(ids(files.answer(list(None))), ["1", "2"]);
        let since = Millis(wire::instant("2026-01-15").unwrap().0);
        let changed = Request::Changed { object: object.clone(), since, after: None, limit: 10 };
        assert_eq!(ids(files.answer(changed)), ["2"]);
        let read = Request::Read {
            object: object.clone(),
            ids: vec![RecordId::new("2"), RecordId::new("9")],
            fields: fields.clone(),
            associations: none.clone(),
            history: none.clone(),
        };
        assert_eq!(ids(files.answer(read)), ["2"]);
        let values = vec![Value::text("A")];
        let find = Request::Find { object, field: spec, values, fields, associations: none.clone() };
        assert_eq!(ids(files.answer(find)), ["1"]);
        assert_eq!(files.calls()["files"], 1, "the file is read once");
    }

    #[test]
    fn a_row_that_cannot_be_used_fails_with_its_line() {
        for (text, want) in [
            ("{\"id\":\"1\"}\n{\"id\":\"1\"}\n", "line 2: the id 1 stands there twice"),
            ("{\"id\":\"1\"}\n{\"name\":\"x\"}\n", "line 2: no id in `id`"),
            ("{\"id\":\"1\"}\n{\"id\":", "line 2: EOF"),
        ] {
            let (_folder, files) = files("company.jsonl", text);
            let error = files.table(&"company".into()).unwrap_err();
            assert!(error.message.contains(want), "{}", error.message);
        }
    }
}
