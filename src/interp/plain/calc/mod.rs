//! Values under functions and converters, each owned and copied.

mod addresses;
mod compare;
mod convert;
mod functions;

pub use compare::{arithmetic, compare, equal};
pub use convert::convert;
pub use functions::{apply, in_zone};

use crate::value::Value;

/// A value, or why there is none.
pub type Answer = Result<Value, String>;
