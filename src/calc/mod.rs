//! What functions, converters and operators do to values: pure, total, without records or plans.
//!
//! The interpreter runs a sync with it; the checker looks for values that a converter does not bring back with the
//! very same code, so that what it promises is what runs. `Err` is the reason why a value is held. What does not
//! change a text gives it back without copying it.

mod addresses;
pub mod calling_codes;
mod compare;
mod convert;
mod functions;
pub mod values;

pub use addresses::{domain, host, lower, phone};
/// Whether telephone numbers of a region (two letters) can be completed.
pub fn is_region(region: &str) -> bool {
    calling_codes::of(region).is_some()
}
pub use compare::{arithmetic, compare, equal};
pub use convert::{Convert, Converter, zone};
pub use functions::{apply, in_zone, regex_extract, size};

use crate::view::View;

/// A value, or why there is none.
pub type Answer<'a> = Result<View<'a>, String>;
