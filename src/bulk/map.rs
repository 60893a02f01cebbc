//! One record of a CRM to the other CRM's record shape: filter as soon as its fields are known, route, rows.
//!
//! Invariant: what a record would be made of is what a run would make of it; blanks are left out. A held row leaves
//! its field out and is reported; a failed row leaves the record out.

use serde::Serialize;

use super::fields::{Found, Keys, bare, kind_of, told};
use super::seen;
use super::straight::{Straight, Went};
use super::walk::{Scan, Wrong};
use crate::interp::{
    Context, FilterOutcome, RowValue, Slots, Source as Fields, SyncProgram, TransferProgram, walk,
};
use crate::plan::ir::{Expr, Field, FieldId, Object, ObjectId, Row, Side, SyncId, SyncPlan};
use crate::schema::SystemKind;
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
    kind: SystemKind,
    /// As it is before any record was seen.
    keys: Keys,
    /// Fields that the filter or the route reads, and those that only rows read which do more than copy them.
    early: Vec<usize>,
    late: Vec<usize>,
}

struct Target<'p> {
    kind: SystemKind,
    /// What stands before the fields.
    head: Vec<u8>,
    rows: Vec<Written<'p>>,
}

/// A row of the plan, by its place among the arm's transfers.
struct Written<'p> {
    field: &'p Field,
    /// `,"Name":` as JSON.
    key: Vec<u8>,
    /// The row only copies.
    straight: Option<Straight>,
}

/// One sync in one direction.
pub struct Mapping<'p> {
    program: SyncProgram<'p>,
    from: Side,
    sources: Vec<Source<'p>>,
    targets: Vec<Target<'p>>,
}

/// What a thread keeps from chunk to chunk: the order of keys as it saw it, per source.
pub struct Work {
    keys: Vec<Keys>,
}

/// What is used again for each record of a chunk.
#[derive(Default)]
struct Record<'a> {
    found: Found<'a>,
    fields: Slots<'a>,
    /// The slots that hold something.
    filled: Vec<usize>,
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
        let source = |(arm, id): (usize, ObjectId)| {
            let object = plan.object(id)?;
            let kind = plan.system(object.system)?.kind;
            let arms = (0..sync.arms.len()).filter(|index| from == Side::Left || *index == arm);
            let (copied, mut late) = read_by(&program, arms, object, from);
            late.extend(scopes(plan, from));
            let all = 0..object.fields.len();
            let decoded = |index: &usize| early.contains(index) || late.contains(index);
            let wanted: Vec<usize> =
                all.clone().filter(|index| decoded(index) || copied.contains(index)).collect();
            let keys = Keys::new(kind, object, &wanted);
            let (early, late) = all.filter(decoded).partition(|index| early.contains(index));
            Some(Source { object, kind, keys, early, late })
        };
        let sources = objects.into_iter().enumerate().map(source).collect::<Option<Vec<_>>>()?;
        let targets = (0..sync.arms.len())
            .map(|arm| {
                let source = sources.get(if from == Side::Left { 0 } else { arm })?;
                target(plan, &program, arm, from.other(), source)
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Mapping { program, from, sources, targets })
    }

    /// The source's filter.
    pub fn filter(&self) -> Option<&'p Expr> {
        let sync = self.program.sync;
        if self.from == Side::Left { sync.filter_left.as_ref() } else { sync.filter_right.as_ref() }
    }

    pub fn work(&self) -> Work {
        Work { keys: self.sources.iter().map(|source| source.keys.clone()).collect() }
    }

    /// Some lines, each a record or a page of records. Finished records are appended to `done.out`, each with a line end.
    pub fn lines(
        &self,
        context: &dyn Context,
        numbers: &dyn Fn(u64) -> u64,
        text: &str,
        work: &mut Work,
        done: &mut Done,
    ) {
        let (mut scan, mut record, mut line) = (Scan::new(text), Record::default(), 0);
        while !scan.rest().is_empty() {
            let from = scan.at();
            let number = numbers(line);
            line += 1;
            scan.space();
            if scan.byte() != b'\n' {
                let read = self.line(context, number, &mut scan, &mut record, work, done);
                if let Err(wrong) = read {
                    done.tally.read += 1;
                    done.bad(number, None, None, "invalid-json", told(wrong, from));
                    scan.pass(memchr::memchr(b'\n', scan.rest()).unwrap_or(scan.rest().len()));
                }
            }
            scan.pass(1);
        }
    }

    fn line<'a>(
        &self,
        context: &dyn Context,
        number: u64,
        scan: &mut Scan<'a>,
        record: &mut Record<'a>,
        work: &mut Work,
        done: &mut Done,
    ) -> Result<(), Wrong> {
        let Some(keys) = work.keys.first_mut() else { return Ok(()) };
        if scan.byte() == b'[' {
            let from = scan.at();
            scan.value()?;
            let list = scan.since(from);
            ends(scan)?;
            self.list(context, number, list, record, work, done);
            return Ok(());
        }
        let from = scan.at();
        keys.read(scan, &mut record.found)?;
        let text = scan.since(from);
        ends(scan)?;
        match record.found.page.filter(|page| page.starts_with('[') && !record.found.properties) {
            Some(page) => self.list(context, number, page, record, work, done),
            None => self.record(context, number, text, record, work, done),
        }
        Ok(())
    }

    /// The records of a list, which is valid JSON.
    fn list<'a>(
        &self,
        context: &dyn Context,
        number: u64,
        list: &'a str,
        record: &mut Record<'a>,
        work: &mut Work,
        done: &mut Done,
    ) {
        let mut scan = Scan::new(list);
        scan.pass(1);
        scan.space();
        if scan.byte() == b']' {
            return;
        }
        loop {
            let from = scan.at();
            let Some(keys) = work.keys.first_mut() else { return };
            match keys.read(&mut scan, &mut record.found) {
                Ok(()) => {
                    let text = scan.since(from);
                    self.record(context, number, text, record, work, done);
                }
                Err(wrong) => {
                    done.tally.read += 1;
                    done.bad(number, None, None, "invalid-json", told(wrong, 0));
                    scan = Scan::new(list);
                    scan.pass(from);
                    if scan.value().is_err() {
                        return;
                    }
                }
            }
            if scan.closes(b']').unwrap_or(true) {
                return;
            }
        }
    }

    fn record<'a>(
        &self,
        context: &dyn Context,
        number: u64,
        text: &'a str,
        record: &mut Record<'a>,
        work: &mut Work,
        done: &mut Done,
    ) {
        done.tally.read += 1;
        let Some(first) = self.sources.first() else { return };
        let id = record.found.id.map(bare).unwrap_or_default();
        if first.kind == SystemKind::Hubspot && !record.found.properties {
            let detail = "this is no record: it has no `properties`".to_owned();
            return done.bad(number, Some(&id), None, "no-record", detail);
        }
        done.ids.push((number, seen::number(&id)));
        if record.found.gone {
            done.tally.skipped += 1;
            return;
        }
        let Some(at) = self.source_of(&record.found) else {
            let name = record.found.attributes.and_then(kind_of).unwrap_or_default();
            let detail = format!("this sync does not read records of `{name}`");
            return done.bad(number, Some(&id), None, "other-object", detail);
        };
        if at > 0 {
            let mut scan = Scan::new(text);
            let Some(keys) = work.keys.get_mut(at) else { return };
            if keys.read(&mut scan, &mut record.found).is_err() {
                return;
            }
        }
        let Some(source) = self.sources.get(at) else { return };
        if let Some(field) = record.found.twice.and_then(|index| source.object.fields.get(index)) {
            let detail = "the key stands there twice; the last one counts".to_owned();
            done.bad(number, Some(&id), Some(&field.name), "key-twice", detail);
        }
        record.fields.id = id;
        self.mapped(context, number, source, at, record, done);
    }

    fn mapped(
        &self,
        context: &dyn Context,
        number: u64,
        source: &Source<'_>,
        at: usize,
        record: &mut Record<'_>,
        done: &mut Done,
    ) {
        record.empty(source.object.fields.len());
        source.decode(&source.early, record, number, done);
        match self.program.passes(context, self.from, Fields::Slots(&record.fields)) {
            FilterOutcome::In => {
                source.decode(&source.late, record, number, done);
                let fields = Fields::Slots(&record.fields);
                let arm =
                    if self.from == Side::Right { Some(at) } else { self.program.arm_of(context, fields) };
                match arm.and_then(|arm| Some((arm, self.targets.get(arm)?))) {
                    Some((arm, target)) => self.rows(context, (number, arm, target), source, record, done),
                    None => done.tally.skipped += 1,
                }
            }
            FilterOutcome::Out => done.tally.skipped += 1,
            FilterOutcome::Unclear(why) => {
                done.bad(number, Some(&record.fields.id), None, "filter-unclear", why);
            }
        }
    }

    /// Which of the sources a record is, by Salesforce's `attributes`; without them the first.
    fn source_of(&self, found: &Found<'_>) -> Option<usize> {
        match found.attributes.and_then(kind_of) {
            Some(name) => self.sources.iter().position(|source| source.object.name == name),
            None => Some(0),
        }
    }

    fn rows(
        &self,
        context: &dyn Context,
        (number, arm, target): (u64, usize, &Target<'_>),
        source: &Source<'_>,
        record: &mut Record<'_>,
        done: &mut Done,
    ) {
        let start = done.out.len();
        let to = self.from.other();
        done.out.extend_from_slice(&target.head);
        // HubSpot's fields have an object of their own: its first has no comma before it.
        let body = if target.kind == SystemKind::Hubspot { done.out.len() } else { 0 };
        let transfers = self.program.transfers(arm, to);
        for ((_, transfer), Written { field, key, straight }) in transfers.iter().zip(&target.rows) {
            let key = key.get(usize::from(done.out.len() == body)..).unwrap_or_default();
            if let Some(straight) = straight {
                // What was not read says nothing.
                let raw = record.found.slots.get(straight.field).copied().flatten();
                let Some(raw) = raw else { continue };
                if straight.write(&self.program, transfer, raw, key, &mut done.out) != Went::Unclear {
                    continue;
                }
                source.decode_late(straight.field, record, number, done);
            }
            let Record { fields, .. } = &*record;
            match self.program.carry(context, transfer, to, Fields::Slots(fields), None) {
                RowValue::Value(value) if value.is_blank() => {}
                RowValue::Value(value) => {
                    done.out.extend_from_slice(key);
                    wire::write(target.kind, &field.ty, &value, &mut done.out);
                }
                RowValue::Skip(_) => {}
                RowValue::Hold(why) => done.bad(number, Some(&fields.id), Some(&field.name), "held", why),
                RowValue::SkipRecord(_) => {
                    done.tally.skipped += 1;
                    return done.out.truncate(start);
                }
                RowValue::Fail(why) => {
                    done.bad(number, Some(&fields.id), Some(&field.name), "failed", why);
                    return done.out.truncate(start);
                }
            }
        }
        done.out.extend_from_slice(if target.kind == SystemKind::Hubspot { b"}}\n" } else { b"}\n" });
        done.tally.written += 1;
    }
}

impl Record<'_> {
    fn empty(&mut self, slots: usize) {
        for index in self.filled.drain(..) {
            if let Some(slot) = self.fields.slots.get_mut(index) {
                *slot = None;
            }
        }
        self.fields.slots.resize_with(slots, || None);
    }
}

impl Source<'_> {
    fn decode(&self, which: &[usize], record: &mut Record<'_>, line: u64, done: &mut Done) {
        for index in which {
            let raw = record.found.slots.get_mut(*index);
            let (Some(Some(place)), Some(field)) = (raw, self.object.fields.get(*index)) else { continue };
            match wire::decode_view(self.kind, &field.ty, *place) {
                Ok(value) => {
                    if let Some(slot) = record.fields.slots.get_mut(*index) {
                        *slot = Some(value);
                        record.filled.push(*index);
                    }
                }
                // Nothing is known then: the field stays absent.
                Err(error) => self.undecoded(*index, &error, record, line, done),
            }
        }
    }

    #[cold]
    fn undecoded(
        &self,
        index: usize,
        error: &wire::WireError,
        record: &mut Record<'_>,
        line: u64,
        done: &mut Done,
    ) {
        if let Some(place) = record.found.slots.get_mut(index) {
            *place = None;
        }
        let name = self.object.fields.get(index).map(|field| field.name.as_str());
        done.bad(line, Some(&record.fields.id), name, "wrong-type", error.to_string());
    }

    /// Decodes a field that only rows read which copy, because one of them can't.
    fn decode_late(&self, index: usize, record: &mut Record<'_>, line: u64, done: &mut Done) {
        if record.fields.slots.get(index).is_some_and(Option::is_none) {
            self.decode(&[index], record, line, done);
        }
    }
}

/// What a chunk of lines came to.
#[derive(Debug, Default)]
pub struct Done {
    pub out: Vec<u8>,
    pub bad: Vec<BadEnd>,
    /// Of each record its line and its id's number (`seen::number`).
    pub ids: Vec<(u64, u64)>,
    pub tally: Tally,
}

impl Done {
    /// Empty, with its memory.
    pub fn clear(&mut self) {
        self.out.clear();
        self.bad.clear();
        self.ids.clear();
        self.tally = Tally::default();
    }

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

/// The fields of the source that rows copy, and those that they evaluate.
fn read_by(
    program: &SyncProgram<'_>,
    arms: impl Iterator<Item = usize>,
    object: &Object,
    from: Side,
) -> (Vec<usize>, Vec<usize>) {
    let (mut copied, mut exprs) = (Vec::new(), Vec::new());
    let ty = |index: usize| object.fields.get(index).map(|field| &field.ty);
    for (row, transfer) in arms.flat_map(|arm| program.transfers(arm, from.other())) {
        let way = if from == Side::Left { &row.to_right } else { &row.to_left };
        // Whatever the target is: that decides how a copy is written, not whether it is one.
        match (Straight::of(transfer, SystemKind::Hubspot, ty), way) {
            (Some(straight), _) => copied.push(straight.field),
            (None, Some(way)) => exprs.extend(way.when.iter().chain([&way.expr])),
            (None, None) => {}
        }
    }
    (copied, fields_of(&exprs, from))
}

/// The fields that carry pipelines and record types: stage maps read them without naming them.
fn scopes(plan: &SyncPlan, from: Side) -> impl Iterator<Item = usize> {
    let field = move |map: &crate::plan::ir::StageMap| {
        if from == Side::Left { map.left_scope_field } else { map.right_scope_field }
    };
    plan.stages.iter().filter_map(field).map(FieldId::index)
}

fn target<'p>(
    plan: &'p SyncPlan,
    program: &SyncProgram<'p>,
    arm: usize,
    to: Side,
    source: &Source<'p>,
) -> Option<Target<'p>> {
    let id = if to == Side::Left { program.sync.left } else { program.sync.arms.get(arm)?.right };
    let object = plan.object(id)?;
    let kind = plan.system(object.system)?.kind;
    let name = serde_json::to_string(&object.name).ok()?;
    let head = match kind {
        SystemKind::Hubspot => "{\"properties\":{".to_owned(),
        _ => format!("{{\"attributes\":{{\"type\":{name}}}"),
    };
    let written = |(_, transfer): &(&Row, TransferProgram<'p>)| {
        let field = object.fields.get(transfer.field())?;
        let key = format!(",{}:", serde_json::to_string(&field.name).ok()?).into_bytes();
        let ty = |index: usize| source.object.fields.get(index).map(|field| &field.ty);
        Some(Written { field, key, straight: Straight::of(transfer, kind, ty) })
    };
    let rows = program.transfers(arm, to).iter().map(written).collect::<Option<Vec<_>>>()?;
    Some(Target { kind, head: head.into_bytes(), rows })
}

/// Nothing may stand behind a line's record.
fn ends(scan: &Scan<'_>) -> Result<(), Wrong> {
    if scan.byte() == b'\n' { Ok(()) } else { Err(scan.wrong("more stands behind the record")) }
}
