//! Schemas of the CRMs: the canonical model, how each vendor's answers become it, snapshot files and their lock.

pub mod diff;
pub mod hubspot;
pub mod import;
pub mod json;
pub mod model;
pub mod salesforce;
pub mod salesnav;
pub mod show;
pub mod snapshot;
pub mod types;

pub use model::{Field, Object, Owner, System, SystemKind};
pub use types::FieldType;
