//! Time, waiting and chance as the connectors know them, so that tests can make all three virtual.

use std::cell::Cell;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::pin::Pin;

use crate::value::Millis;

pub trait Timer {
    /// The wall clock. Only differences, token life times and assertions are read from it, never record stamps.
    fn now(&self) -> Millis;

    fn sleep(&self, milliseconds: i64) -> Pin<Box<dyn Future<Output = ()> + '_>>;

    /// Any number, each as likely as the other.
    fn random(&self) -> u64;
}

/// The machine's clock and tokio's timer.
#[derive(Debug)]
pub struct RealTimer {
    chance: Cell<u64>,
}

impl RealTimer {
    pub fn new() -> Self {
        // The standard library seeds its hash maps from the system; that is all the chance a back-off needs.
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        RealTimer { chance: Cell::new(seed) }
    }
}

impl Default for RealTimer {
    fn default() -> Self {
        RealTimer::new()
    }
}

impl Timer for RealTimer {
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }

    fn sleep(&self, milliseconds: i64) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let time = std::time::Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        let state = self.chance.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.chance.set(state);
        mix(state)
    }
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
