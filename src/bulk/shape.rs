//! The keys of an object, and in which order they came last.
//!
//! An export has the same keys in the same order in almost every record: after a key, the one that followed it last is
//! compared first, which is one or two wide comparisons; only another key is read and looked up.

use std::collections::BTreeMap;

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
    /// The key with quotation marks and colon: its first 32 bytes, with masks of those that count, and the others.
    head: [(u128, u128); 2],
    rest: Vec<u8>,
    length: usize,
    places: Places,
    next: usize,
}

pub type Places = (Place, Option<Place>);

impl Step {
    fn new(key: &str, places: Places) -> Self {
        let written = [serde_json::to_string(key).unwrap_or_default().as_bytes(), b":"].concat();
        let word = |from: usize| {
            let (mut bytes, mut mask) = ([0_u8; 16], [0_u8; 16]);
            let part = written.get(from..).unwrap_or_default();
            for ((byte, place), mask) in part.iter().zip(&mut bytes).zip(&mut mask) {
                *place = *byte;
                *mask = 0xff;
            }
            (u128::from_le_bytes(bytes), u128::from_le_bytes(mask))
        };
        let rest = written.get(32..).unwrap_or_default().to_vec();
        Step { head: [word(0), word(16)], rest, length: written.len(), places, next: FIRST }
    }

    #[inline]
    fn stands_at(&self, scan: &Scan<'_>) -> bool {
        let [first, second] = self.head;
        let same = |ahead, (bytes, mask): (u128, u128)| {
            scan.block(ahead).is_some_and(|block| (u128::from_le_bytes(block) ^ bytes) & mask == 0)
        };
        same(0, first)
            && (self.length <= 16 || same(16, second))
            && (self.rest.is_empty() || scan.rest(32, self.rest.len()) == Some(&self.rest))
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
    #[inline]
    pub fn key(&mut self, scan: &mut Scan<'_>, last: &mut usize) -> Result<Places, Wrong> {
        let expected = self.steps.get(*last).map_or(FIRST, |step| step.next);
        if let Some(step) = self.steps.get(expected)
            && expected != FIRST
            && step.stands_at(scan)
        {
            scan.at += step.length;
            scan.space();
            *last = expected;
            return Ok(step.places);
        }
        self.other(scan, last)
    }

    fn other(&mut self, scan: &mut Scan<'_>, last: &mut usize) -> Result<Places, Wrong> {
        if scan.byte() != b'"' {
            return Err(scan.wrong("a key is expected"));
        }
        let from = scan.at;
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
