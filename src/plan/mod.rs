//! The sync plan: the compiled, executable form of a program, and how a checked program is lowered to it.

pub mod compare;
pub mod ir;
mod lookup;
mod lower;
pub mod show;
mod validate;
pub mod words;

pub use ir::SyncPlan;
pub use lower::{Origin, lower};
