//! The embedded interpreter: filters, rows and converters over typed values; pure, total, fast.
//!
//! A value that can't be computed is never guessed: it becomes a [`Stop`] with a reason, and the field or record is
//! held, skipped or failed as the mapping says.

mod code;
mod copies;
mod eval;
mod fit;
mod functions;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]
mod plain;
mod program;
mod table;

pub use copies::{Copied, Copies};
pub use eval::{Context, Lookup, NoContext, Slots, Source, Stop};
pub use program::{Decides, FilterOutcome, RowValue, SyncProgram, TransferProgram, same, walk};
pub use table::hash;
