//! Whole exports at once, without an API: JSON lines of one CRM's records into the other's by one sync's filters and
//! rows; two exports and a base to what a run would change.
//!
//! Invariant: a bad record never stops the others, and records come out in the order in which they went in. Nothing
//! here reads a network.

mod fields;
mod lines;
mod map;
mod pipe;
pub mod reconcile;
mod seen;
mod shape;
mod spread;
mod straight;
mod walk;

pub use lines::LONGEST;
pub use map::{BadEnd, Mapping};
pub use pipe::{Totals, Wanted, pipe};
