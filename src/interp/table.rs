//! Text to text, laid out once for many look-ups: value maps, stage maps, accepted options.
//!
//! Invariant: at most half of the places are taken, so that a look-up ends after few steps.

#[derive(Debug)]
pub struct Table<'p> {
    places: Vec<Option<(&'p str, &'p str)>>,
}

impl<'p> Table<'p> {
    pub fn new(pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone) -> Self {
        let size = (pairs.clone().count() * 2 + 1).next_power_of_two();
        let mut table = Table { places: vec![None; size] };
        for (key, value) in pairs {
            let mut at = table.first(key);
            while let Some(Some((taken, _))) = table.places.get(at)
                && *taken != key
            {
                at = table.next(at);
            }
            if let Some(place) = table.places.get_mut(at) {
                *place = Some((key, value));
            }
        }
        table
    }

    /// A table of keys alone.
    pub fn of(keys: impl Iterator<Item = &'p str> + Clone) -> Self {
        Table::new(keys.map(|key| (key, "")))
    }

    pub fn get(&self, key: &str) -> Option<&'p str> {
        let mut at = self.first(key);
        while let Some(Some((known, value))) = self.places.get(at) {
            if *known == key {
                return Some(value);
            }
            at = self.next(at);
        }
        None
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn first(&self, key: &str) -> usize {
        let hash = hash(key.as_bytes());
        // The high bits are the mixed ones; the mask makes the cut harmless.
        ((hash >> 32) as usize) & (self.places.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}

/// Multiplies and folds eight bytes at a time. Not for keys that an attacker chooses: those of a table come from the
/// plan, and its size is theirs.
pub fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut hash = mix(0, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = mix(hash, word.try_into().map_or(0, u64::from_le_bytes));
    }
    words.remainder().iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_no_other() {
        let keys: Vec<String> = (0..300).map(|n| format!("KEY_{n}")).collect();
        let table = Table::new(keys.iter().map(|key| (key.as_str(), key.as_str())));
        for key in &keys {
            assert_eq!(table.get(key), Some(key.as_str()));
        }
        assert!(!table.has("KEY_300") && !table.has(""));
        assert!(!Table::of([].into_iter()).has("x"));
    }
}
