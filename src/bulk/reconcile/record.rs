//! A line of an export to the records of one side: what is needed to recognise and compare them, or all of it.
//!
//! Invariant: a value that its field can't have is told and absent, never guessed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::bulk::read::{Found, Keys};
use crate::bulk::scan::{Puzzled, Scan};
use crate::plan::ir::{Object, ObjectId, SyncPlan};
use crate::record::{HistoryEntry, Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::value::Millis;
use crate::wire;

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
    keys: Keys,
}

/// The objects of one side of a sync: the left one, or that of each arm.
pub struct Reader<'p> {
    pub kinds: Vec<Kind<'p>>,
    pub system: SystemKind,
}

/// A record's name and kind; its fields are in the [`Found`] that it was read into.
pub struct Named<'a> {
    pub id: Cow<'a, str>,
    pub kind: usize,
    pub gone: bool,
    /// A field's key that stands there twice.
    pub twice: Option<&'a str>,
}

impl<'p> Reader<'p> {
    pub fn new(plan: &'p SyncPlan, objects: &[ObjectId]) -> Option<Self> {
        let kind = |id: &ObjectId| {
            let object = plan.object(*id)?;
            let system = plan.system(object.system)?.kind;
            Some(Kind { id: *id, object, keys: Keys::new(system, object) })
        };
        let kinds = objects.iter().map(kind).collect::<Option<Vec<_>>>()?;
        let system = kinds.first()?.keys.kind();
        Some(Reader { kinds, system })
    }

    /// Every record of a line: the line itself, or those of a page. Each with its place in the text.
    pub fn line<'a>(&self, text: &'a str, found: &mut Found<'a>, each: &mut Each<'_, 'a>) {
        let Some(first) = self.kinds.first() else { return };
        if let Err(error) = first.keys.read(text, found) {
            return each(0, 0, Err(("invalid-json", told(&error))));
        }
        let shaped = self.system == SystemKind::Hubspot && found.properties;
        let Some(page) = found.page.filter(|page| page.starts_with('[') && !shaped) else {
            let named = self.name(text, found);
            return each(0, text.len(), named.map(|named| (named, &*found)));
        };
        let rows: Vec<&'a RawValue> = match serde_json::from_str(page) {
            Ok(rows) => rows,
            Err(error) => return each(0, 0, Err(("invalid-json", told(&error)))),
        };
        for row in rows {
            let row: &'a str = row.get();
            let at = (row.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let named = match first.keys.read(row, found) {
                Ok(()) => self.name(row, found),
                Err(error) => Err(("invalid-json", told(&error))),
            };
            each(at, row.len(), named.map(|named| (named, &*found)));
        }
    }

    /// The record at which `scan` stands, of a side that has one object.
    pub fn within<'a>(&self, scan: &mut Scan<'a>, found: &mut Found<'a>) -> Result<Named<'a>, Puzzled> {
        let [only] = self.kinds.as_slice() else { return Err(Puzzled) };
        only.keys.object(scan, found)?;
        self.name("", found).map_err(|_| Puzzled)
    }

    /// One record's text that was read before.
    pub fn single<'a>(&self, text: &'a str, found: &mut Found<'a>) -> Result<Named<'a>, Bad> {
        let Some(first) = self.kinds.first() else { return Err(("no-record", String::new())) };
        first.keys.read(text, found).map_err(|error| ("invalid-json", told(&error)))?;
        self.name(text, found)
    }

    fn name<'a>(&self, text: &'a str, found: &mut Found<'a>) -> Result<Named<'a>, Bad> {
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
        if kind > 0
            && let Some(other) = self.kinds.get(kind)
        {
            other.keys.read(text, found).map_err(|error| ("invalid-json", told(&error)))?;
        }
        Ok(Named { id, kind, gone, twice: twice.or(found.twice) })
    }

    /// The fields of a record that was just read; `bad` is told of values that their fields can't have.
    pub fn record(&self, named: &Named<'_>, found: &Found<'_>, bad: &mut dyn FnMut(&str, String)) -> Record {
        let fields = self.kinds.get(named.kind).map_or(&[][..], |kind| &kind.object.fields);
        let mut slots = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let raw = found.slots.get(index).copied().flatten();
            let value = raw.and_then(|raw| match wire::decode_raw(self.system, &field.ty, raw) {
                Ok(value) => Some(value),
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
                *slot = wire::decode_raw(self.system, &field.ty, raw).ok();
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

/// An id's text from its JSON, which may be a string or a number.
pub fn bare(raw: &str) -> Cow<'_, str> {
    let plain = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match plain {
        Some(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => match serde_json::from_str::<Json>(raw) {
            Ok(Json::String(text)) => Cow::Owned(text),
            Ok(Json::Number(number)) => Cow::Owned(number.to_string()),
            _ => Cow::Borrowed(""),
        },
    }
}

/// The `type` in Salesforce's `attributes`.
fn kind_of(attributes: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Attributes<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    let attributes: Attributes<'_> = serde_json::from_str(attributes).ok()?;
    attributes.kind.filter(|name| !name.is_empty())
}

/// The reason without the line, which would always be 1.
pub fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or("").to_owned();
    format!("{text}, at byte {}", error.column())
}
