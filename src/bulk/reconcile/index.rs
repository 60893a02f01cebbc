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
}

impl Entry {
    pub fn new() -> Self {
        Entry { at: 0, sum: 0, mask: 0, length: 0, id_at: 0, id_length: 0, arm: 0, flags: 0, partner: NONE }
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
}

pub fn id_hash(seed: u64, id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), seed).max(1)
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
    pub fn new(seed: u64, stride: usize) -> Self {
        Side { seed, stride, ..Side::default() }
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
            let again = |index: &u32| {
                let id = entries.get(*index as usize).map(|entry| text(ids, entry)).unwrap_or_default();
                id_hash(seed, id)
            };
            self.table.insert_unique(fresh.id_hash, index, again);
            self.ids.extend_from_slice(id);
            self.entries.push(Entry { id_at, ..fresh.entry });
            let keys = batch.keys.get(number * self.stride..(number + 1) * self.stride);
            self.keys.extend_from_slice(keys.unwrap_or_default());
        }
    }

    fn find_bytes(&self, hash: u64, id: &[u8]) -> Option<u32> {
        let is = |index: &u32| {
            self.entries.get(*index as usize).is_some_and(|entry| text(&self.ids, entry).as_bytes() == id)
        };
        self.table.find(hash, is).copied()
    }

    /// The record with this hash of its id; what is made of it is checked against the whole id later.
    pub fn find_hash(&self, hash: u64) -> Option<u32> {
        let is = |index: &u32| {
            let id =
                self.entries.get(*index as usize).map(|entry| text(&self.ids, entry)).unwrap_or_default();
            id_hash(self.seed, id) == hash
        };
        self.table.find(hash, is).copied()
    }

    pub fn get(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    pub fn id(&self, index: u32) -> &str {
        self.get(index).map(|entry| text(&self.ids, entry)).unwrap_or_default()
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

fn text<'i>(ids: &'i [u8], entry: &Entry) -> &'i str {
    let from = entry.id_at as usize;
    let bytes = ids.get(from..from + usize::from(entry.id_length)).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}
