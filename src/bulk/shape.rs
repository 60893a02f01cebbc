//! The keys of an object, and in which order they came last.
//!
//! An export has the same keys in the same order in almost every record: after a key, the one that followed it last is
//! compared first, which is one or two wide comparisons; only another key is read and looked up.

use std::collections::BTreeMap;

use wide::u8x16;

use super::fields::Place;
use super::walk::{Scan, Wrong};

/// Keys that are no fields are remembered up to this many.
const MOST: usize = 2000;
const FIRST: usize = 0;

#[derive(Debug, Clone)]
pub struct Shape {
    /// The first one stands for the opening bracket.
    steps: Vec<Step>,
    index: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Step {
    /// The key with quotation marks and colon: its first 32 bytes, with a bit for each that counts.
    head: [Part; 2],
    /// The bytes behind them.
    rest: Vec<u8>,
    length: usize,
    places: Places,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    bytes: [u8; 16],
    bits: u32,
}

pub type Places = (Place, Option<Place>);

impl Part {
    fn new(written: &[u8]) -> Self {
        let mut bytes = [0_u8; 16];
        let mut bits = 0;
        for (number, (byte, place)) in written.iter().zip(&mut bytes).enumerate() {
            *place = *byte;
            bits |= 1 << number;
        }
        Part { bytes, bits }
    }

    #[inline(always)]
    fn stands_at(&self, rest: &[u8]) -> bool {
        rest.first_chunk().is_some_and(|block| {
            u8x16::new(*block).simd_eq(u8x16::new(self.bytes)).to_bitmask() & self.bits == self.bits
        })
    }
}

impl Step {
    fn new(key: &str, places: Places) -> Self {
        let written = [serde_json::to_string(key).unwrap_or_default().as_bytes(), b":"].concat();
        let behind = |from: usize| written.get(from..).unwrap_or_default();
        let head = [Part::new(&written), Part::new(behind(16))];
        Step { head, rest: behind(32).to_vec(), length: written.len(), places, next: FIRST }
    }

    #[inline(always)]
    fn stands_at(&self, rest: &[u8]) -> bool {
        let [first, second] = &self.head;
        first.stands_at(rest)
            && (self.length <= 16 || (second.stands_at(rest.get(16..).unwrap_or_default())))
            && (self.length <= 32 || rest.get(32..).is_some_and(|rest| rest.starts_with(&self.rest)))
    }
}

impl Default for Shape {
    fn default() -> Self {
        Shape { steps: vec![Step::new("", (Place::Other, None))], index: BTreeMap::new() }
    }
}

impl Shape {
    /// Adds a place of a key; the first two count.
    pub fn add(&mut self, key: &str, place: Place) {
        match self.index.get(key).and_then(|at| self.steps.get_mut(*at)) {
            Some(step) => step.places.1 = Some(place),
            None => _ = self.learn(key, (place, None)),
        }
    }

    fn learn(&mut self, key: &str, places: Places) -> usize {
        self.steps.push(Step::new(key, places));
        self.index.insert(key.to_owned(), self.steps.len() - 1);
        self.steps.len() - 1
    }

    /// Passes a key and its colon. `last` is the step of the key before; the places of this one come back.
    #[inline(always)]
    pub fn key(&mut self, scan: &mut Scan<'_>, last: &mut usize) -> Result<Places, Wrong> {
        let expected = self.steps.get(*last).map_or(FIRST, |step| step.next);
        if let Some(step) = self.steps.get(expected)
            && expected != FIRST
            && step.stands_at(scan.rest())
        {
            scan.pass(step.length);
            scan.space();
            *last = expected;
            return Ok(step.places);
        }
        self.other(scan, last)
    }

    #[cold]
    fn other(&mut self, scan: &mut Scan<'_>, last: &mut usize) -> Result<Places, Wrong> {
        if scan.byte() != b'"' {
            return Err(scan.wrong("a key is expected"));
        }
        let from = scan.at();
        let escapes = scan.string()?;
        let written = scan.since(from);
        scan.colon()?;
        let decoded: String;
        let key = if escapes {
            decoded = serde_json::from_str(written)
                .map_err(|_| Wrong { at: from, why: "a key with half a character" })?;
            decoded.as_str()
        } else {
            written.get(1..written.len().saturating_sub(1)).unwrap_or_default()
        };
        let found = match self.index.get(key) {
            Some(found) => *found,
            None if self.steps.len() < MOST => self.learn(key, (Place::Other, None)),
            None => return Ok((Place::Other, None)),
        };
        if let Some(step) = self.steps.get_mut(*last) {
            step.next = found;
        }
        *last = found;
        Ok(self.steps.get(found).map_or((Place::Other, None), |step| step.places))
    }

    pub const START: usize = FIRST;
}
