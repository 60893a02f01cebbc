//! From records, links and bases to what should be written: three-way merge, associations, guards. Pure.
//!
//! Invariant: the same inputs give the same change set, and a pair whose sides agree gives no write, whatever the
//! clocks say. Reading, writing and remembering are the engine's business.

pub mod association;
pub mod change;
mod external;
pub mod guard;
pub mod impact;
pub mod pair;
pub mod rank;
pub mod truth;

pub use change::{Action, Change, ChangeSet, FieldChange, Skip, Summary};
pub use external::external_id;
pub use pair::{FieldWrite, Held, Pair, PairOutcome};
