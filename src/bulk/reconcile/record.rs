//! A line of an export to the records of one side: what is needed to recognise and compare them, or all of it.
//!
//! Invariant: a value that its field can't have is told and absent, never guessed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::bulk::fields::{Found, Keys, bare, kind_of, told};
use crate::bulk::walk::{Scan, Wrong};
use crate::plan::ir::{Object, ObjectId, SyncPlan};
use crate::record::{HistoryEntry, Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::value::Millis;
use crate::view::View;
use crate::wire::{self, Raw};

/// What is wrong with a line, record or field of one of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// `left`, `right` or `base`.
    pub file: &'static str,
    /// From 1; 0 = found when the record was looked at again, by its id.
    #[serde(skip_serializing_if = "is_zero")]
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A stable word: `invalid-json`, `invalid-utf8`, `too-long`, `id-twice`, `key-twice`, `no-record`,
    /// `other-object`, `wrong-type`.
    pub reason: &'static str,
    pub detail: String,
}

fn is_zero(line: &u64) -> bool {
    *line == 0
}

/// Why a text is no record.
pub type Bad = (&'static str, String);

/// One object that the side's records may be of.
pub struct Kind<'p> {
    pub id: ObjectId,
    pub object: &'p Object,
    /// As it is before any record was seen.
    keys: Keys,
}

/// The objects of one side of a sync: the left one, or that of each arm.
pub struct Reader<'p> {
    pub kinds: Vec<Kind<'p>>,
    pub system: SystemKind,
}

/// What a thread keeps from record to record: the order of keys as it saw it, per object of a side.
pub struct Work {
    keys: Vec<Keys>,
}

/// A record's name and kind; its fields are in the [`Found`] that it was read into.
pub struct Named<'a> {
    pub id: Cow<'a, str>,
    pub kind: usize,
    pub gone: bool,
    /// Index of a field whose key stands there twice.
    pub twice: Option<usize>,
}

impl<'p> Reader<'p> {
    pub fn new(plan: &'p SyncPlan, objects: &[ObjectId]) -> Option<Self> {
        let kind = |id: &ObjectId| {
            let object = plan.object(*id)?;
            let system = plan.system(object.system)?.kind;
            let all: Vec<usize> = (0..object.fields.len()).collect();
            Some(Kind { id: *id, object, keys: Keys::new(system, object, &all) })
        };
        let kinds = objects.iter().map(kind).collect::<Option<Vec<_>>>()?;
        let system = plan.system(kinds.first()?.object.system)?.kind;
        Some(Reader { kinds, system })
    }

    pub fn work(&self) -> Work {
        Work { keys: self.kinds.iter().map(|kind| kind.keys.clone()).collect() }
    }

    /// Every record of a line: the line itself, or those of a page. Each with its place in the text.
    pub fn line<'a>(&self, work: &mut Work, text: &'a str, found: &mut Found<'a>, each: &mut Each<'_, 'a>) {
        if let Err(bad) = first(work, text, found) {
            return each(0, 0, Err(bad));
        }
        let shaped = self.system == SystemKind::Hubspot && found.properties;
        let Some(page) = found.page.filter(|page| page.starts_with('[') && !shaped) else {
            let named = self.name(work, text, found);
            return each(0, text.len(), named.map(|named| (named, &*found)));
        };
        let before = (page.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let mut scan = Scan::new(page);
        scan.pass(1);
        scan.space();
        // What was read before is valid: only an empty list ends here at once.
        let mut over = scan.byte() == b']';
        while !over {
            let from = scan.at();
            if scan.value().is_err() {
                return;
            }
            let row = scan.since(from);
            let named = first(work, row, found).and_then(|()| self.name(work, row, found));
            each(before + from, row.len(), named.map(|named| (named, &*found)));
            over = scan.closes(b']').unwrap_or(true);
        }
    }

    /// The record at which `scan` stands, of a side that has one object.
    pub fn within<'a>(
        &self,
        work: &mut Work,
        scan: &mut Scan<'a>,
        found: &mut Found<'a>,
    ) -> Option<Named<'a>> {
        let [only] = work.keys.as_mut_slice() else { return None };
        only.read(scan, found).ok()?;
        self.name(work, "", found).ok()
    }

    /// One record's text that was read before.
    pub fn single<'a>(
        &self,
        work: &mut Work,
        text: &'a str,
        found: &mut Found<'a>,
    ) -> Result<Named<'a>, Bad> {
        first(work, text, found)?;
        self.name(work, text, found)
    }

    fn name<'a>(&self, work: &mut Work, text: &'a str, found: &mut Found<'a>) -> Result<Named<'a>, Bad> {
        if self.system == SystemKind::Hubspot && !found.properties {
            return Err(("no-record", "this is no record: it has no `properties`".to_owned()));
        }
        let id = found.id.map(bare).filter(|id| !id.is_empty());
        let Some(id) = id else {
            return Err(("no-record", "this record has no id".to_owned()));
        };
        let kind = match found.attributes.and_then(kind_of) {
            Some(name) => self.kinds.iter().position(|kind| kind.object.name == name).ok_or_else(|| {
                ("other-object", format!("record {id}: this sync does not read records of `{name}`"))
            })?,
            None => 0,
        };
        let (gone, twice) = (found.gone, found.twice);
        if kind == 0 {
            return Ok(Named { id, kind, gone, twice });
        }
        if let Some(keys) = work.keys.get_mut(kind) {
            whole(keys, text, found)?;
        }
        Ok(Named { id, kind, gone, twice: found.twice })
    }

    /// The fields of a record that was just read; `bad` is told of values that their fields can't have.
    pub fn record(&self, named: &Named<'_>, found: &Found<'_>, bad: &mut dyn FnMut(&str, String)) -> Record {
        let fields = self.kinds.get(named.kind).map_or(&[][..], |kind| &kind.object.fields);
        let mut slots = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let raw = found.slots.get(index).copied().flatten();
            let value = raw.and_then(|raw| match wire::decode_view(self.system, &field.ty, raw) {
                Ok(value) => Some(value.into_value()),
                Err(error) => {
                    bad(&field.name, error.to_string());
                    None
                }
            });
            slots.push(value);
        }
        let mut record = Record::new(RecordId::new(&*named.id), slots);
        if named.gone {
            record.life = Life::Deleted;
        }
        record
    }

    /// The same for some of the fields; the others are absent, and nothing is told.
    pub fn part(&self, named: &Named<'_>, found: &Found<'_>, wanted: &[usize]) -> Record {
        let fields = self.kinds.get(named.kind).map_or(&[][..], |kind| &kind.object.fields);
        let mut slots = vec![None; fields.len()];
        for index in wanted {
            let raw = found.slots.get(*index).copied().flatten();
            if let (Some(raw), Some(field), Some(slot)) = (raw, fields.get(*index), slots.get_mut(*index)) {
                *slot = wire::decode_view(self.system, &field.ty, raw).ok().map(View::into_value);
            }
        }
        Record::new(RecordId::new(&*named.id), slots)
    }

    /// Stamps and property history, which few records are asked for.
    pub fn stamps(&self, kind: usize, text: &str, record: &mut Record) {
        let beside: Beside = serde_json::from_str(text).unwrap_or_default();
        let at = |text: &Option<String>| text.as_deref().and_then(wire::instant);
        record.modified = at(&beside.updated).or(at(&beside.system_mod)).or(at(&beside.last_modified));
        record.created = at(&beside.created).or(at(&beside.created_date));
        let fields = self.kinds.get(kind).map_or(&[][..], |kind| &kind.object.fields);
        for (name, rows) in beside.history {
            let Some(field) = fields.iter().find(|field| field.name == name) else { continue };
            let entry = |row: &Json| {
                let text = |key: &str| row.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
                Some(HistoryEntry {
                    value: wire::decode(self.system, &field.ty, row.get("value")?).ok()?,
                    at: wire::instant(&text("timestamp"))?,
                    source: text("sourceType"),
                    source_id: text("sourceId"),
                })
            };
            record.history.insert(name, rows.iter().filter_map(entry).collect());
        }
    }
}

/// What is told of each record: its place in the text, its length, and the record or what is wrong with it.
pub type Each<'e, 'a> = dyn FnMut(usize, usize, Result<(Named<'a>, &Found<'a>), Bad>) + 'e;

#[derive(Debug, Default, Deserialize)]
struct Beside {
    #[serde(rename = "updatedAt")]
    updated: Option<String>,
    #[serde(rename = "createdAt")]
    created: Option<String>,
    #[serde(rename = "SystemModstamp")]
    system_mod: Option<String>,
    #[serde(rename = "LastModifiedDate")]
    last_modified: Option<String>,
    #[serde(rename = "CreatedDate")]
    created_date: Option<String>,
    #[serde(rename = "propertiesWithHistory", default)]
    history: BTreeMap<String, Vec<Json>>,
}

/// When a record of one of the base's lines was changed last.
pub fn modified(text: &str) -> Option<Millis> {
    let beside: Beside = serde_json::from_str(text).unwrap_or_default();
    let at = |text: &Option<String>| text.as_deref().and_then(wire::instant);
    at(&beside.updated).or(at(&beside.system_mod)).or(at(&beside.last_modified))
}

/// An object's text to its fields, by the keys of the side's first object.
fn first<'a>(work: &mut Work, text: &'a str, found: &mut Found<'a>) -> Result<(), Bad> {
    work.keys.first_mut().map_or(Ok(()), |keys| whole(keys, text, found))
}

fn whole<'a>(keys: &mut Keys, text: &'a str, found: &mut Found<'a>) -> Result<(), Bad> {
    let mut scan = Scan::new(text);
    scan.space();
    let read = keys.read(&mut scan, found);
    let read = read.and_then(|()| if scan.rest().is_empty() { Ok(()) } else { Err(more(&scan)) });
    read.map_err(|wrong| ("invalid-json", told(wrong, 0)))
}

fn more(scan: &Scan<'_>) -> Wrong {
    scan.wrong("more stands behind the record")
}

/// The JSON of an id or record that stands in a line.
pub fn raw(text: &str) -> Raw<'_> {
    Scan::new(text).raw().unwrap_or(Raw::Null)
}
