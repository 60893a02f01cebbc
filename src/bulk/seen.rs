//! Which ids stood in the input before, in memory that does not grow with it.
//!
//! Invariant: no id is called repeated that is not (but for a chance of 1 in 2^64 for each pair). What is kept are the
//! last ids, half a million and more; a repetition beyond them is not noticed.

use xxhash_rust::xxh3::xxh3_64;

/// Ids of one bucket: one line of a processor's cache.
type Bucket = [u64; 8];

const BUCKETS: usize = 1 << 17;

pub struct Seen {
    /// The newest id of a bucket comes first; 0 = none.
    buckets: Vec<Bucket>,
}

/// The number that an id is known by; 0 for a blank one.
pub fn number(id: &str) -> u64 {
    if id.is_empty() { 0 } else { xxh3_64(id.as_bytes()).max(1) }
}

impl Seen {
    pub fn new() -> Self {
        Seen { buckets: vec![[0; 8]; BUCKETS] }
    }

    /// Remembers an id's number; whether it was there before.
    pub fn again(&mut self, number: u64) -> bool {
        // The upper bits choose the bucket: as many as there are buckets.
        let place = (number >> (u64::BITS - BUCKETS.trailing_zeros())) as usize;
        let Some(bucket) = self.buckets.get_mut(place).filter(|_| number != 0) else { return false };
        if bucket.contains(&number) {
            return true;
        }
        bucket.rotate_right(1);
        if let Some(first) = bucket.first_mut() {
            *first = number;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_again_and_no_other_is() {
        let mut seen = Seen::new();
        for n in 0..300_000 {
            assert!(!seen.again(number(&n.to_string())), "{n}");
        }
        for n in (0..300_000).step_by(1000) {
            assert!(seen.again(number(&n.to_string())), "{n}");
        }
        assert!(!seen.again(number("")) && !seen.again(number("")));
    }
}
