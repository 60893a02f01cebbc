//! What both sides held when they last agreed: lines of a file, or the links of a state.
//!
//! A line is a pair (`{"left": RECORD, "right": RECORD}`), a link with its agreed values as `links show` prints it
//! (`{"left": ID, "right": ID, "bases": {ROW: [LEFT, RIGHT]}}`), or one side's record by itself, as an older export
//! has it. Where only one side is known the other one is what the mapping makes of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use hashbrown::HashTable;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::blocks::{Export, Open};
use super::digest::Rows;
use super::index::{NONE, id_hash};
use super::record::{Bad, Reader, Work, modified, raw};
use crate::bulk::fields::{Found, bare, opens};
use crate::bulk::walk::Scan;
use crate::interp::{Context, RowValue, SyncProgram};
use crate::plan::ir::{Side as At, SyncPlan};
use crate::record::Record;
use crate::schema::SystemKind;
use crate::state::{Bases, LinkState, Store};
use crate::value::{Millis, Value};
use crate::wire::{self, Raw};

/// Where the base comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Nothing,
    Lines(Export),
    State(PathBuf),
}

/// One pair or record of the base. Hashes of ids; 0 = not named.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    pub left: u64,
    pub right: u64,
    /// Numbers of the texts of its fields (`Rows::plain`); 0 = only the values are known.
    pub plain_left: u64,
    pub plain_right: u64,
    /// Place of the line, or the link's number.
    at: u64,
    length: u32,
    pub closed: bool,
}

#[derive(Debug, Default)]
pub struct Base {
    known: Vec<Known>,
    by_left: HashTable<u32>,
    by_right: HashTable<u32>,
}

impl Base {
    /// Keeps a pair; `false` when one of its records is in another one already.
    pub fn put(&mut self, known: Known) -> bool {
        if self.find(At::Left, known.left).is_some() || self.find(At::Right, known.right).is_some() {
            return false;
        }
        let index = u32::try_from(self.known.len()).unwrap_or(NONE);
        self.known.push(known);
        let all = &self.known;
        let get = |index: &u32| all.get(*index as usize).copied().unwrap_or_default();
        if known.left != 0 {
            self.by_left.insert_unique(known.left, index, |index| get(index).left);
        }
        if known.right != 0 {
            self.by_right.insert_unique(known.right, index, |index| get(index).right);
        }
        true
    }

    /// Makes room for so many more.
    pub fn expect(&mut self, pairs: usize) {
        self.known.reserve(pairs);
        let all = &self.known;
        let get = |index: &u32| all.get(*index as usize).copied().unwrap_or_default();
        self.by_left.reserve(pairs, |index| get(index).left);
        self.by_right.reserve(pairs, |index| get(index).right);
    }

    /// The number of the entry that names a record by this hash of its id.
    pub fn find(&self, side: At, hash: u64) -> Option<u32> {
        if hash == 0 {
            return None;
        }
        let get = |index: &u32| self.known.get(*index as usize);
        let found = match side {
            At::Left => self.by_left.find(hash, |index| get(index).is_some_and(|known| known.left == hash)),
            At::Right => {
                self.by_right.find(hash, |index| get(index).is_some_and(|known| known.right == hash))
            }
        };
        found.copied()
    }

    pub fn get(&self, index: u32) -> Option<&Known> {
        self.known.get(index as usize)
    }

    pub fn length(&self) -> usize {
        self.known.len()
    }

    /// Entries of two records, with their numbers.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, &Known)> {
        (0..).zip(&self.known).filter(|(_, known)| known.left != 0 && known.right != 0)
    }
}

/// Whether the times of the agreed records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    Not,
    Read,
}

/// The agreed values of a pair, and what else the base knows of it.
#[derive(Debug, Default)]
pub struct Agreed {
    pub bases: Bases,
    pub stamps: (Option<Millis>, Option<Millis>),
    pub link: Option<i64>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    left: Option<&'a RawValue>,
    #[serde(borrow)]
    right: Option<&'a RawValue>,
    #[serde(borrow)]
    sync: Option<Cow<'a, str>>,
    #[serde(default)]
    bases: BTreeMap<String, (Json, Json)>,
    properties: Option<IgnoredAny>,
}

/// How lines of a base are read.
pub struct Lines<'b, 'p> {
    pub plan: &'p SyncPlan,
    pub program: &'b SyncProgram<'p>,
    pub left: &'b Reader<'p>,
    pub right: &'b Reader<'p>,
    pub rows: &'b [Rows<'p>],
    pub seed: u64,
}

impl Lines<'_, '_> {
    /// What a thread keeps from line to line, per side.
    pub fn work(&self) -> [Work; 2] {
        [self.left.work(), self.right.work()]
    }

    /// What a line is about; `None` = another sync's.
    pub fn known(
        &self,
        work: &mut [Work; 2],
        text: &str,
        (at, length): (u64, u32),
    ) -> Result<Option<Known>, Bad> {
        if let Some(known) = self.pair(work, text, Known { at, length, ..Known::default() }) {
            return Ok(Some(known));
        }
        let line: Line<'_> = serde_json::from_str(text).map_err(|error| ("invalid-json", column(&error)))?;
        let mut known = Known { at, length, ..Known::default() };
        if line.sync.is_some_and(|sync| sync != self.program.sync.name) {
            return Ok(None);
        }
        let mut found = Found::default();
        match (line.left, line.right) {
            (None, None) => {
                let side = self.side_of(line.properties.is_some())?;
                let (hash, plain) = self.one(work, side, text, &mut found)?;
                match side {
                    At::Left => (known.left, known.plain_left) = (hash, plain),
                    At::Right => (known.right, known.plain_right) = (hash, plain),
                }
            }
            (left, right) => {
                if let Some(left) = left {
                    (known.left, known.plain_left) = self.one(work, At::Left, left.get(), &mut found)?;
                }
                if let Some(right) = right {
                    (known.right, known.plain_right) =
                        self.one(work, At::Right, right.get(), &mut Found::default())?;
                }
            }
        }
        Ok(Some(known))
    }

    /// A pair in one go; whatever is not so plain is left to others.
    fn pair(&self, [left, right]: &mut [Work; 2], text: &str, mut known: Known) -> Option<Known> {
        let [rows] = self.rows else { return None };
        let (mut scan, mut found) = (Scan::new(text), Found::default());
        scan.space();
        let mut over = !opens(&mut scan).ok()?;
        while !over {
            let key = scan.raw().ok()?;
            scan.colon().ok()?;
            let (side, work, hash, plain) = match key {
                Raw::Plain("left") => (At::Left, &mut *left, &mut known.left, &mut known.plain_left),
                Raw::Plain("right") => (At::Right, &mut *right, &mut known.right, &mut known.plain_right),
                _ => return None,
            };
            if *hash != 0 || scan.byte() != b'{' {
                return None;
            }
            let named = self.reader(side).within(work, &mut scan, &mut found)?;
            *hash = id_hash(self.seed, &*named.id);
            *plain = rows.plain(self.seed, side, &found);
            over = scan.closes(b'}').ok()?;
        }
        (scan.rest().is_empty() && known.left != 0 && known.right != 0).then_some(known)
    }

    fn reader(&self, side: At) -> &Reader<'_> {
        if side == At::Left { self.left } else { self.right }
    }

    /// Whose record stands by itself: told by its shape.
    fn side_of(&self, properties: bool) -> Result<At, Bad> {
        let hubspot = |side: At| self.reader(side).system == SystemKind::Hubspot;
        match (hubspot(At::Left), hubspot(At::Right)) {
            (left, right) if left == right => {
                let detail =
                    "both sides have records of this shape: write `{\"left\": RECORD, \"right\": RECORD}`";
                Err(("no-record", detail.to_owned()))
            }
            (left, _) => Ok(if left == properties { At::Left } else { At::Right }),
        }
    }

    /// Hashes of a record's id and texts; of an id alone, 0 for the texts.
    fn one<'a>(
        &self,
        [left, right]: &mut [Work; 2],
        side: At,
        text: &'a str,
        found: &mut Found<'a>,
    ) -> Result<(u64, u64), Bad> {
        if !text.starts_with('{') {
            let id = bare(raw(text));
            return if id.is_empty() {
                Err(("no-record", "neither a record nor an id".to_owned()))
            } else {
                Ok((id_hash(self.seed, &*id), 0))
            };
        }
        let work = if side == At::Left { left } else { right };
        let named = self.reader(side).single(work, text, found)?;
        // Which arm a left record belongs to is not known here: the texts are those of the first.
        let rows = self.rows.get(if side == At::Left { 0 } else { named.kind });
        let plain = rows.map_or(0, |rows| rows.plain(self.seed, side, found));
        Ok((id_hash(self.seed, &*named.id), if self.rows.len() > 1 { 0 } else { plain }))
    }

    /// The agreed values of a pair of `arm`.
    pub fn agreed(
        &self,
        mut works: [&mut Work; 2],
        context: &dyn Context,
        arm: usize,
        (texts, stamps): (&[String], Stamps),
    ) -> Agreed {
        let mut agreed = Agreed::default();
        let mut whole = |side: At, text: &str, agreed: &mut Agreed| {
            let [left, right] = &mut works;
            self.whole(if side == At::Left { left } else { right }, side, text, agreed, stamps)
        };
        let (mut left, mut right) = (None, None);
        for text in texts {
            let Ok(line) = serde_json::from_str::<Line<'_>>(text) else { continue };
            match (line.left, line.right) {
                (None, None) => match self.side_of(line.properties.is_some()) {
                    Ok(At::Left) => left = whole(At::Left, text, &mut agreed),
                    Ok(At::Right) => right = whole(At::Right, text, &mut agreed),
                    Err(_) => {}
                },
                (one, other) => {
                    left = one.and_then(|one| whole(At::Left, one.get(), &mut agreed)).or(left);
                    right = other.and_then(|other| whole(At::Right, other.get(), &mut agreed)).or(right);
                }
            }
            self.values(arm, line.bases, &mut agreed);
        }
        self.of_records(context, arm, (left.as_ref(), right.as_ref()), &mut agreed);
        agreed
    }

    fn whole(
        &self,
        work: &mut Work,
        side: At,
        raw: &str,
        agreed: &mut Agreed,
        stamps: Stamps,
    ) -> Option<Record> {
        if !raw.starts_with('{') {
            return None;
        }
        let mut found = Found::default();
        let reader = self.reader(side);
        let named = reader.single(work, raw, &mut found).ok()?;
        // A value that its field can't have is no value that anybody agreed on.
        let record = reader.record(&named, &found, &mut |_, _| {});
        match (side, stamps) {
            (_, Stamps::Not) => {}
            (At::Left, Stamps::Read) => agreed.stamps.0 = modified(raw),
            (At::Right, Stamps::Read) => agreed.stamps.1 = modified(raw),
        }
        Some(record)
    }

    fn values(&self, arm: usize, bases: BTreeMap<String, (Json, Json)>, agreed: &mut Agreed) {
        let Some(at) = self.program.sync.arms.get(arm) else { return };
        let (left, right) = (self.plan.object(self.program.sync.left), self.plan.object(at.right));
        for (name, (one, other)) in bases {
            let Some(row) = at.rows.iter().find(|row| row.id == name) else { continue };
            let value = |side: At, json: &Json| {
                let (object, field) = if side == At::Left { (left, row.left) } else { (right, row.right) };
                let Some(field) = field else { return Some(Value::Null) };
                let field = object?.fields.get(field.index())?;
                // As `links show` prints it: sets are lists there.
                if let Json::Array(values) = json {
                    return Some(Value::set(values.iter().filter_map(Json::as_str)));
                }
                wire::decode(self.reader(side).system, &field.ty, json).ok()
            };
            if let Some(pair) = value(At::Left, &one).zip(value(At::Right, &other)) {
                agreed.bases.rows.insert(name, pair);
            }
        }
    }

    fn of_records(
        &self,
        context: &dyn Context,
        arm: usize,
        (left, right): (Option<&Record>, Option<&Record>),
        agreed: &mut Agreed,
    ) {
        let Some(at) = self.program.sync.arms.get(arm) else { return };
        for row in &at.rows {
            let slot = |record: Option<&Record>, field: Option<crate::plan::ir::FieldId>| match field {
                Some(field) => record?.slot(field.index()).cloned(),
                None => Some(Value::Null),
            };
            let derived = |to: At, source: Option<&Record>| match self
                .program
                .transfer(context, row, at, to, source?, None)
            {
                RowValue::Value(value) => Some(value),
                _ => None,
            };
            let pair = match (left, right) {
                (Some(_), Some(_)) => slot(left, row.left).zip(slot(right, row.right)),
                (Some(_), None) => slot(left, row.left).zip(derived(At::Right, left)),
                (None, Some(_)) => derived(At::Left, right).zip(slot(right, row.right)),
                (None, None) => None,
            };
            if let Some(pair) = pair {
                agreed.bases.rows.entry(row.id.clone()).or_insert(pair);
            }
        }
    }
}

/// The reason without the line, which would always be 1.
fn column(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or("").to_owned();
    format!("{text}, at byte {}", error.column())
}

/// What one thread reads agreed values with.
pub enum Look {
    Nothing,
    Lines(Open),
    State(Box<Store>),
}

impl Source {
    pub fn open(&self) -> io::Result<Look> {
        Ok(match self {
            Source::Nothing => Look::Nothing,
            Source::Lines(export) => Look::Lines(export.open()?),
            Source::State(path) => match open_state(path)? {
                Some(store) => Look::State(Box::new(store)),
                None => Look::Nothing,
            },
        })
    }
}

pub fn open_state(path: &Path) -> io::Result<Option<Store>> {
    Store::open_reading(path).map_err(io::Error::other)
}

impl Look {
    /// The agreed values behind up to two entries of the base (a pair, or one record of each side).
    pub fn agreed(
        &mut self,
        lines: &Lines<'_, '_>,
        works: [&mut Work; 2],
        context: &dyn Context,
        arm: usize,
        (known, stamps): (&[Known], Stamps),
    ) -> io::Result<Agreed> {
        match self {
            Look::Nothing => Ok(Agreed::default()),
            Look::Lines(open) => {
                let mut texts = Vec::new();
                for known in known {
                    texts.push(open.again(known.at, known.length)?.to_owned());
                }
                Ok(lines.agreed(works, context, arm, (&texts, stamps)))
            }
            Look::State(store) => {
                let Some(known) = known.first() else { return Ok(Agreed::default()) };
                let id = i64::try_from(known.at).unwrap_or_default();
                let Some(link) = store.link(id).map_err(io::Error::other)? else {
                    return Ok(Agreed::default());
                };
                Ok(Agreed {
                    bases: link.bases,
                    stamps: (link.left_stamp, link.right_stamp),
                    link: Some(link.id),
                })
            }
        }
    }
}

/// The links of a state as a base.
pub fn of_state(store: &Store, sync: &str, seed: u64, base: &mut Base) -> io::Result<()> {
    let mut put = |id: i64, left: &str, right: &str, state: LinkState| {
        base.put(Known {
            left: id_hash(seed, left),
            right: id_hash(seed, right),
            at: id.unsigned_abs(),
            closed: state != LinkState::Live,
            ..Known::default()
        });
    };
    store.each_link(sync, &mut put).map_err(io::Error::other)
}
