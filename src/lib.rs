//! twinmap: mappings between CRMs as text, checked against the fetched schemas, compiled to a sync plan, and run.
//!
//! Phases: text -> `syntax::ast` -> `resolve` -> `check` -> `plan::SyncPlan` -> `merge` -> `engine`. Each imports
//! only from those before it; `tests/arrows.rs` holds that.

pub mod builtin;
pub mod bulk;
pub mod calc;
pub mod check;
pub mod cli;
pub mod connect;
pub mod diag;
pub mod draft;
pub mod drift;
pub mod engine;
pub mod interp;
pub mod lsp;
pub mod merge;
pub mod plan;
pub mod record;
pub mod report;
pub mod resolve;
pub mod sandbox;
pub mod schema;
pub mod source;
pub mod state;
pub mod syntax;
pub mod testing;
pub mod value;
pub mod view;
pub mod wire;
