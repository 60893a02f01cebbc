//! The embedded interpreter: filters, rows and converters over typed values; pure, total, fast.
//!
//! A value that can't be computed is never guessed: it becomes a [`Stop`] with a reason, and the field or record is
//! held, skipped or failed as the mapping says.

mod eval;
mod functions;
mod program;

pub use eval::{Context, Lookup, NoContext, Stop};
pub use program::{Decides, FilterOutcome, RowValue, SyncProgram, same, walk};
