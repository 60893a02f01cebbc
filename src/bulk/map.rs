//! One record of a CRM to the other CRM's record shape: filter as soon as its fields are known, route, rows.
//!
//! Invariant: what a record would be made of is what a run would make of it; blanks are left out. A held row leaves
//! its field out and is reported; a failed row leaves the record out.

use serde::Serialize;
use serde_json::value::RawValue;

use super::read::{Found, Keys};
use crate::interp::{Context, FilterOutcome, RowValue, SyncProgram, walk};
use crate::plan::ir::{Arm, Expr, Field, FieldId, Object, ObjectId, Row, Side, SyncId, SyncPlan};
use crate::record::{Record, RecordId};
use crate::schema::SystemKind;
use crate::value::Value;
use crate::wire;

/// A record, field or line that did not come out as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadEnd {
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A stable word: `invalid-json`, `invalid-utf8`, `too-long`, `wrong-type`, `held`, `failed`, ...
    pub reason: &'static str,
    pub detail: String,
}

/// How many records came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub read: u64,
    pub written: u64,
    /// Left out by the filter, a stage map, or because they are deleted.
    pub skipped: u64,
}

/// The source's shape, per arm when the right side is the source.
struct Source<'p> {
    object: &'p Object,
    keys: Keys,
    /// Fields that the filter or the route reads, and all others.
    early: Vec<usize>,
    late: Vec<usize>,
}

struct Target<'p> {
    arm: &'p Arm,
    kind: SystemKind,
    /// What stands before the fields.
    head: Vec<u8>,
    /// Row, its field, `"Name":` as JSON.
    rows: Vec<(&'p Row, &'p Field, Vec<u8>)>,
}

/// One sync in one direction.
pub struct Mapping<'p> {
    program: SyncProgram<'p>,
    from: Side,
    sources: Vec<Source<'p>>,
    targets: Vec<Target<'p>>,
}

/// Buffers that are used again for each record.
#[derive(Default)]
pub struct Work {
    slots: Vec<Option<Value>>,
}

impl<'p> Mapping<'p> {
    pub fn new(plan: &'p SyncPlan, id: SyncId, from: Side) -> Option<Self> {
        let program = SyncProgram::new(plan, id)?;
        let sync = program.sync;
        let objects: Vec<ObjectId> = match from {
            Side::Left => vec![sync.left],
            Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
        };
        let filter = if from == Side::Left { &sync.filter_left } else { &sync.filter_right };
        let mut asks: Vec<&Expr> = filter.iter().collect();
        if from == Side::Left {
            asks.extend(sync.route.iter().filter_map(|line| line.condition.as_ref()));
        }
        let early = fields_of(&asks, from);
        let source = |id: ObjectId| {
            let object = plan.object(id)?;
            let kind = plan.system(object.system)?.kind;
            let (early, late) = (0..object.fields.len()).partition(|index| early.contains(index));
            Some(Source { object, keys: Keys::new(kind, object), early, late })
        };
        let sources = objects.into_iter().map(source).collect::<Option<Vec<_>>>()?;
        let targets = sync
            .arms
            .iter()
            .map(|arm| target(plan, sync.left, arm, from.other()))
            .collect::<Option<Vec<_>>>()?;
        Some(Mapping { program, from, sources, targets })
    }

    /// The source's filter.
    pub fn filter(&self) -> Option<&'p Expr> {
        let sync = self.program.sync;
        if self.from == Side::Left { sync.filter_left.as_ref() } else { sync.filter_right.as_ref() }
    }

    /// One line: a record, or a page of records. Finished records are appended to `out`, each with a line end.
    pub fn line<'a>(
        &self,
        context: &dyn Context,
        number: u64,
        text: &'a str,
        work: &mut Work,
        found: &mut Found<'a>,
        done: &mut Done,
    ) {
        let Some(first) = self.sources.first() else { return };
        if let Err(error) = first.keys.read(text, found) {
            done.tally.read += 1;
            return done.bad(number, None, None, "invalid-json", told(&error));
        }
        let shaped = if first.keys.kind() == SystemKind::Hubspot { found.properties } else { false };
        if let Some(page) = found.page.filter(|page| page.starts_with('[') && !shaped) {
            return self.page(context, number, page, work, done);
        }
        self.record(context, number, text, work, found, done);
    }

    fn page(&self, context: &dyn Context, number: u64, page: &str, work: &mut Work, done: &mut Done) {
        let rows: Vec<&RawValue> = match serde_json::from_str(page) {
            Ok(rows) => rows,
            Err(error) => return done.bad(number, None, None, "invalid-json", told(&error)),
        };
        let Some(first) = self.sources.first() else { return };
        let mut found = Found::default();
        for row in rows {
            match first.keys.read(row.get(), &mut found) {
                Ok(()) => self.record(context, number, row.get(), work, &mut found, done),
                Err(error) => {
                    done.tally.read += 1;
                    done.bad(number, None, None, "invalid-json", told(&error));
                }
            }
        }
    }

    fn record<'a>(
        &self,
        context: &dyn Context,
        number: u64,
        text: &'a str,
        work: &mut Work,
        found: &mut Found<'a>,
        done: &mut Done,
    ) {
        done.tally.read += 1;
        let Some(first) = self.sources.first() else { return };
        let id = found.id.map(bare).unwrap_or_default();
        if first.keys.kind() == SystemKind::Hubspot && !found.properties {
            let detail = "this is no record: it has no `properties`".to_owned();
            return done.bad(number, Some(&id), None, "no-record", detail);
        }
        if found.gone {
            done.tally.skipped += 1;
            return;
        }
        if let Some(key) = found.twice {
            let detail = "the key stands there twice; the last one counts".to_owned();
            done.bad(number, Some(&id), Some(key), "key-twice", detail);
        }
        let Some(at) = self.source_of(found) else {
            let name = found.attributes.map(kind_of).unwrap_or_default();
            let detail = format!("this sync does not read records of `{name}`");
            return done.bad(number, Some(&id), None, "other-object", detail);
        };
        if at > 0 && self.sources.get(at).is_some_and(|source| source.keys.read(text, found).is_err()) {
            return;
        }
        let Some(source) = self.sources.get(at) else { return };
        let mut slots = std::mem::take(&mut work.slots);
        slots.clear();
        slots.resize(source.object.fields.len(), None);
        let mut record = Record::new(RecordId::new(id.as_str()), slots);
        source.decode(&source.early, found, &mut record, number, done);
        match self.program.filter(context, self.from, &record) {
            FilterOutcome::In => {
                source.decode(&source.late, found, &mut record, number, done);
                let arm =
                    if self.from == Side::Right { Some(at) } else { self.program.route(context, &record) };
                match arm.and_then(|arm| self.targets.get(arm)) {
                    Some(target) => self.rows(context, number, target, &record, done),
                    None => done.tally.skipped += 1,
                }
            }
            FilterOutcome::Out => done.tally.skipped += 1,
            FilterOutcome::Unclear(why) => done.bad(number, Some(&id), None, "filter-unclear", why),
        }
        work.slots = record.slots;
    }

    /// Which of the sources a record is, by Salesforce's `attributes`; without them the first.
    fn source_of(&self, found: &Found<'_>) -> Option<usize> {
        match found.attributes.map(kind_of) {
            Some(name) if !name.is_empty() => {
                self.sources.iter().position(|source| source.object.name == name)
            }
            _ => Some(0),
        }
    }

    fn rows(
        &self,
        context: &dyn Context,
        number: u64,
        target: &Target<'_>,
        record: &Record,
        done: &mut Done,
    ) {
        let start = done.out.len();
        let id = record.id.as_str();
        done.out.extend_from_slice(&target.head);
        let mut first = target.kind == SystemKind::Hubspot;
        for (row, field, key) in &target.rows {
            match self.program.transfer(context, row, target.arm, self.from.other(), record, None) {
                RowValue::Value(value) if value.is_blank() => {}
                RowValue::Value(value) => {
                    if !first {
                        done.out.push(b',');
                    }
                    first = false;
                    done.out.extend_from_slice(key);
                    write_value(target.kind, field, &value, &mut done.out);
                }
                RowValue::Skip(_) => {}
                RowValue::Hold(why) => done.bad(number, Some(id), Some(&field.name), "held", why),
                RowValue::SkipRecord(_) => {
                    done.tally.skipped += 1;
                    return done.out.truncate(start);
                }
                RowValue::Fail(why) => {
                    done.bad(number, Some(id), Some(&field.name), "failed", why);
                    return done.out.truncate(start);
                }
            }
        }
        done.out.extend_from_slice(if target.kind == SystemKind::Hubspot { b"}}\n" } else { b"}\n" });
        done.tally.written += 1;
    }
}

impl Source<'_> {
    fn decode(&self, which: &[usize], found: &Found<'_>, record: &mut Record, line: u64, done: &mut Done) {
        for index in which {
            let raw = found.slots.get(*index).copied().flatten();
            let (Some(raw), Some(field)) = (raw, self.object.fields.get(*index)) else { continue };
            match wire::decode_raw(self.keys.kind(), &field.ty, raw) {
                Ok(value) => {
                    if let Some(slot) = record.slots.get_mut(*index) {
                        *slot = Some(value);
                    }
                }
                // Nothing is known then: the field stays absent.
                Err(error) => {
                    let id = record.id.as_str();
                    done.bad(line, Some(id), Some(&field.name), "wrong-type", error.to_string());
                }
            }
        }
    }
}

/// What a chunk of lines came to.
#[derive(Debug, Default)]
pub struct Done {
    pub out: Vec<u8>,
    pub bad: Vec<BadEnd>,
    pub tally: Tally,
}

impl Done {
    pub fn bad(
        &mut self,
        line: u64,
        id: Option<&str>,
        field: Option<&str>,
        reason: &'static str,
        detail: String,
    ) {
        let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        self.bad.push(BadEnd { line, id: owned(id), field: owned(field), reason, detail });
    }
}

fn fields_of(exprs: &[&Expr], side: Side) -> Vec<usize> {
    let mut fields = Vec::new();
    for expr in exprs {
        walk(expr, &mut |part| match part {
            Expr::Field { side: of, field } if *of == side => fields.push(field.index()),
            _ => {}
        });
    }
    fields
}

fn target<'p>(plan: &'p SyncPlan, left: ObjectId, arm: &'p Arm, to: Side) -> Option<Target<'p>> {
    let object = plan.object(if to == Side::Left { left } else { arm.right })?;
    let kind = plan.system(object.system)?.kind;
    let name = serde_json::to_string(&object.name).ok()?;
    let head = match kind {
        SystemKind::Hubspot => "{\"properties\":{".to_owned(),
        _ => format!("{{\"attributes\":{{\"type\":{name}}}"),
    };
    let row = |row: &'p Row| {
        let (field, transfer): (Option<FieldId>, _) =
            if to == Side::Right { (row.right, &row.to_right) } else { (row.left, &row.to_left) };
        transfer.as_ref()?;
        let field = object.fields.get(field?.index())?;
        let key = format!("{}:", serde_json::to_string(&field.name).ok()?);
        Some((row, field, key.into_bytes()))
    };
    let rows = arm.rows.iter().filter_map(row).collect();
    Some(Target { arm, kind, head: head.into_bytes(), rows })
}

fn write_value(kind: SystemKind, field: &Field, value: &Value, out: &mut Vec<u8>) {
    let before = out.len();
    let written = match value {
        Value::Text(text) => serde_json::to_writer(&mut *out, &**text),
        other => serde_json::to_writer(&mut *out, &wire::encode(kind, &field.ty, other)),
    };
    // Writing to memory can't fail; a half value must never stand in a record all the same.
    if written.is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// An id's text from its JSON, which may be a string or a number.
fn bare(raw: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(raw) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn kind_of(attributes: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(attributes).unwrap_or_default();
    json.get("type").and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// The reason without the line, which would always be 1.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or("").to_owned();
    format!("{text}, at byte {}", error.column())
}
