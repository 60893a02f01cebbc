//! The sandbox's clock: real time plus what an admin call advanced, or wholly virtual for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::value::Millis;

/// Cheap to clone; all clones tell the same time. Milliseconds since 1970, UTC.
#[derive(Debug, Clone)]
pub struct SimClock {
    /// Real: added to the machine's time. Virtual: the time itself.
    offset: Arc<AtomicI64>,
    real: bool,
}

impl SimClock {
    pub fn real() -> Self {
        Self { offset: Arc::new(AtomicI64::new(0)), real: true }
    }

    pub fn starting_at(now: Millis) -> Self {
        Self { offset: Arc::new(AtomicI64::new(now.0)), real: false }
    }

    pub fn now(&self) -> Millis {
        let offset = self.offset.load(Ordering::SeqCst);
        Millis(if self.real { jiff::Timestamp::now().as_millisecond() + offset } else { offset })
    }

    pub fn advance(&self, millis: i64) {
        self.offset.fetch_add(millis, Ordering::SeqCst);
    }
}
