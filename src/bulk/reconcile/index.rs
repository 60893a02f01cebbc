//! What is remembered of each record of an export while the other one is read: a few dozen bytes.
//!
//! Invariant: records stand in the order of the file, each id once.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// No record.
pub const NONE: u32 = u32::MAX;

/// One bit each.
pub mod flag {
    /// In the recycle bin.
    pub const GONE: u16 = 1;
    /// Passes its side's filter.
    pub const IN: u16 = 1 << 1;
    /// The filter could not be evaluated.
    pub const UNCLEAR: u16 = 1 << 2;
    /// No route takes it.
    pub const NO_ROUTE: u16 = 1 << 3;
    /// The export leaves out what a match rule reads.
    pub const KEYLESS: u16 = 1 << 4;
    /// The number is of all rows, because no base tells that the others are as they were.
    pub const ALL_ROWS: u16 = 1 << 5;
    /// The whole merge has to look at it.
    pub const ODD: u16 = 1 << 6;
    /// Right side: says the same as the left record that was taken for its counterpart when it was read.
    pub const SAME: u16 = 1 << 7;
    /// A link that is closed: nothing is done about it.
    pub const CLOSED: u16 = 1 << 8;
    /// The base names a counterpart that is not in the other export.
    pub const ASTRAY: u16 = 1 << 9;
    /// Several could be its counterpart.
    pub const AMBIGUOUS: u16 = 1 << 10;
    /// Its values were read, and what is wrong with them is told.
    pub const TOLD: u16 = 1 << 11;
}

#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Place of the record in the file.
    pub at: u64,
    pub sum: u64,
    pub mask: u64,
    pub length: u32,
    id_at: u32,
    id_length: u16,
    /// The arm that it belongs to.
    pub arm: u8,
    pub flags: u16,
    /// The counterpart: for a right record first the one that it is compared with while reading, then the pair's.
    pub partner: u32,
    /// The entry of the base that names it.
    pub known: u32,
}

impl Entry {
    pub fn new() -> Self {
        Entry {
            at: 0,
            sum: 0,
            mask: 0,
            length: 0,
            id_at: 0,
            id_length: 0,
            arm: 0,
            flags: 0,
            partner: NONE,
            known: NONE,
        }
    }

    pub fn placed(self, at: u64, length: usize) -> Self {
        Entry { at, length: u32::try_from(length).unwrap_or(u32::MAX), ..self }
    }
}

/// One record as a thread hands it over.
#[derive(Debug)]
pub struct Fresh {
    pub line: u64,
    pub entry: Entry,
    pub id_hash: u64,
}

/// The records of a block.
#[derive(Debug, Default)]
pub struct Batch {
    pub fresh: Vec<Fresh>,
    pub ids: Vec<u8>,
    /// `stride` per record.
    pub keys: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Side {
    pub entries: Vec<Entry>,
    ids: Vec<u8>,
    /// Hashes of match keys, `stride` per record; 0 = no key.
    pub keys: Vec<u64>,
    pub stride: usize,
    seed: u64,
    table: HashTable<u32>,
    /// The record that each entry of the base names.
    of_known: Vec<u32>,
}

pub fn id_hash(seed: u64, id: impl AsRef<[u8]>) -> u64 {
    xxh3_64_with_seed(id.as_ref(), seed).max(1)
}

impl Batch {
    pub fn push(&mut self, line: u64, id: &str, seed: u64, entry: Entry) {
        let id_at = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let id_length = u16::try_from(id.len()).unwrap_or(u16::MAX);
        self.ids.extend_from_slice(id.as_bytes());
        self.fresh.push(Fresh {
            line,
            entry: Entry { id_at, id_length, ..entry },
            id_hash: id_hash(seed, id),
        });
    }

    fn id(&self, entry: &Entry) -> &[u8] {
        let from = entry.id_at as usize;
        self.ids.get(from..from + usize::from(entry.id_length)).unwrap_or_default()
    }
}

impl Side {
    /// `known`: how many entries the base has.
    pub fn new(seed: u64, stride: usize, known: usize) -> Self {
        Side { seed, stride, of_known: vec![NONE; known], ..Side::default() }
    }

    /// Makes room for `times` as many records as the batch has.
    pub fn expect(&mut self, batch: &Batch, times: f64) {
        let room = |length: usize| expected(length, times);
        let (entries, ids, seed) = (&self.entries, &self.ids, self.seed);
        self.table.reserve(room(batch.fresh.len()), |index| hash_of(entries, ids, seed, *index));
        self.entries.reserve(room(batch.fresh.len()));
        self.ids.reserve(room(batch.ids.len()));
        self.keys.reserve(room(batch.keys.len()));
    }

    /// Takes over a block's records; tells those whose id is there already.
    pub fn take(&mut self, batch: &Batch, twice: &mut dyn FnMut(u64, &str)) {
        for (number, fresh) in batch.fresh.iter().enumerate() {
            let id = batch.id(&fresh.entry);
            let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
            let (Ok(id_at), false) = (u32::try_from(self.ids.len()), index == NONE) else { continue };
            if self.find_bytes(fresh.id_hash, id).is_some() {
                twice(fresh.line, &String::from_utf8_lossy(id));
                continue;
            }
            let (entries, ids, seed) = (&self.entries, &self.ids, self.seed);
            self.table.insert_unique(fresh.id_hash, index, |index| hash_of(entries, ids, seed, *index));
            if let Some(of) = self.of_known.get_mut(fresh.entry.known as usize) {
                *of = index;
            }
            self.ids.extend_from_slice(id);
            self.entries.push(Entry { id_at, ..fresh.entry });
            let keys = batch.keys.get(number * self.stride..(number + 1) * self.stride);
            self.keys.extend_from_slice(keys.unwrap_or_default());
        }
    }

    fn find_bytes(&self, hash: u64, id: &[u8]) -> Option<u32> {
        let is = |index: &u32| {
            self.entries.get(*index as usize).is_some_and(|entry| bytes(&self.ids, entry) == id)
        };
        self.table.find(hash, is).copied()
    }

    /// The record that an entry of the base names.
    pub fn of_known(&self, known: u32) -> Option<u32> {
        self.of_known.get(known as usize).copied().filter(|index| *index != NONE)
    }

    pub fn get(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    pub fn id(&self, index: u32) -> &str {
        let id = self.get(index).map(|entry| bytes(&self.ids, entry)).unwrap_or_default();
        std::str::from_utf8(id).unwrap_or_default()
    }

    pub fn key(&self, index: u32, slot: usize) -> u64 {
        self.keys.get(index as usize * self.stride + slot).copied().unwrap_or(0)
    }

    pub fn set(&mut self, index: u32, flags: u16) {
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.flags |= flags;
        }
    }
}

fn bytes<'i>(ids: &'i [u8], entry: &Entry) -> &'i [u8] {
    let from = entry.id_at as usize;
    ids.get(from..from + usize::from(entry.id_length)).unwrap_or_default()
}

fn hash_of(entries: &[Entry], ids: &[u8], seed: u64, index: u32) -> u64 {
    id_hash(seed, entries.get(index as usize).map(|entry| bytes(ids, entry)).unwrap_or_default())
}

/// What a file has when its first block has `length` of it and is one of `times` parts; a little more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a guess"
)]
pub fn expected(length: usize, times: f64) -> usize {
    (length as f64 * times * 1.02) as usize
}
