//! What functions, converters and operators do to values: pure, total, without records or plans.
//!
//! The interpreter runs a sync with it; the checker looks for values that a converter does not bring back with the
//! very same code, so that what it promises is what runs. `Err` is the reason why a value is held.

mod addresses;
mod calling_codes;
mod compare;
mod convert;
mod functions;

pub use addresses::{domain, host, phone};
/// Whether telephone numbers of a region (two letters) can be completed.
pub fn is_region(region: &str) -> bool {
    calling_codes::of(region).is_some()
}
pub use compare::{arithmetic, compare, equal};
pub use convert::{Convert, convert};
pub use functions::{apply, in_zone};

use crate::value::Value;

/// A value, or why there is none.
pub type Answer = Result<Value, String>;
