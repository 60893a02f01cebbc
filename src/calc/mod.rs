//! What functions, converters and operators do to values: pure, total, without records or plans.
//!
//! The interpreter runs a sync with it; the checker looks for values that a converter does not bring back with the
//! very same code, so that what it promises is what runs. `Err` is the reason why a value is held.

mod addresses;
mod compare;
mod convert;
mod functions;

pub use addresses::{domain, host, phone};
pub use compare::{arithmetic, compare, equal};
pub use convert::{Convert, convert};
pub use functions::{apply, in_zone};

use crate::value::Value;

/// A value, or why there is none.
pub type Answer = Result<Value, String>;
