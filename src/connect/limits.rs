//! Keeping below the vendors' rate limits: one sliding window per limit class, fed by what the answers say.
//!
//! A window and not a leaking bucket: "100 in any 10 seconds" is a promise about every interval, and a bucket that
//! starts full breaks it.

use std::collections::{BTreeMap, VecDeque};

use crate::value::Millis;

/// At most `max` requests in any `interval`.
#[derive(Debug)]
pub struct Window {
    max: usize,
    interval: i64,
    sent: VecDeque<Millis>,
    blocked_until: Millis,
}

impl Window {
    pub fn new(max: usize, interval: i64) -> Self {
        Window { max: max.max(1), interval: interval.max(1), sent: VecDeque::new(), blocked_until: Millis(0) }
    }

    /// Takes a place and answers 0, or answers how many milliseconds to wait before asking again.
    pub fn take(&mut self, now: Millis) -> i64 {
        if now < self.blocked_until {
            return self.blocked_until.0 - now.0;
        }
        while self.sent.front().is_some_and(|at| at.0.saturating_add(self.interval) <= now.0) {
            self.sent.pop_front();
        }
        if self.sent.len() < self.max {
            self.sent.push_back(now);
            return 0;
        }
        self.sent.front().map_or(1, |at| (at.0.saturating_add(self.interval) - now.0).max(1))
    }

    /// The vendor says what the window really is. A fortieth is left to calls that take longer on their way than
    /// others; when less is left than that, somebody else is calling too.
    pub fn learn(&mut self, max: usize, interval: i64, remaining: Option<usize>, now: Millis) {
        let spare = max.div_ceil(40);
        self.max = max.saturating_sub(spare).max(1);
        self.interval = interval.max(1);
        if remaining.is_some_and(|left| left + 1 < spare) {
            self.block(now, self.interval / 10);
        }
    }

    pub fn block(&mut self, now: Millis, milliseconds: i64) {
        self.blocked_until = self.blocked_until.max(now.plus(milliseconds));
    }
}

/// What a client has used: calls by limit class, and the account's day.
#[derive(Debug, Default)]
pub struct Meter {
    pub windows: BTreeMap<&'static str, Window>,
    pub calls: BTreeMap<String, u64>,
    pub retries: u64,
    pub daily: Option<Daily>,
}

/// The account's calls in the vendor's day, of everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    pub used: u64,
    pub max: u64,
}

impl Daily {
    /// Whether `percent` of the day or less is left.
    pub fn below(self, percent: u64) -> bool {
        self.max > 0
            && self.max.saturating_sub(self.used).saturating_mul(100) <= self.max.saturating_mul(percent)
    }

    /// Calls that are left before only `percent` of the day is.
    pub fn above(self, percent: u64) -> u64 {
        let left = self.max.saturating_sub(self.used);
        left.saturating_sub(self.max.saturating_mul(percent) / 100)
    }
}

impl Meter {
    pub fn count(&mut self, class: &str) {
        match self.calls.get_mut(class) {
            Some(calls) => *calls += 1,
            None => {
                self.calls.insert(class.to_owned(), 1);
            }
        }
    }

    /// Retries may be a tenth of all calls, and always some.
    pub fn may_retry(&mut self) -> bool {
        let calls: u64 = self.calls.values().sum();
        let may = self.retries < 20 + calls / 10;
        self.retries += u64::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interval_ever_holds_more_than_the_limit() {
        let mut window = Window::new(10, 1_000);
        let (mut now, mut sent) = (Millis(5_000), Vec::new());
        for step in 0..200_i64 {
            let wait = window.take(now);
            if wait == 0 {
                sent.push(now.0);
                now = now.plus(step % 7);
            } else {
                now = now.plus(wait);
            }
        }
        for at in &sent {
            let inside = sent.iter().filter(|other| **other >= *at && **other < at + 1_000).count();
            assert!(inside <= 10, "{inside} in the second from {at}");
        }
        assert!(sent.len() > 50);
    }

    #[test]
    fn the_vendors_numbers_are_taken_over() {
        let mut window = Window::new(100, 10_000);
        window.learn(190, 10_000, Some(3), Millis(0));
        assert_eq!(window.take(Millis(0)), 1_000);
        assert_eq!(window.take(Millis(1_000)), 0);
        assert_eq!(window.max, 185);
        assert!(Daily { used: 14_900, max: 15_000 }.below(1));
        assert!(!Daily { used: 14_000, max: 15_000 }.below(1));
        assert_eq!(Daily { used: 70, max: 100 }.above(20), 10);
        assert_eq!(Daily { used: 90, max: 100 }.above(20), 0);
    }
}
