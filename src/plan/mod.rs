//! The sync plan: the compiled, executable form of a program, and how a checked program is lowered to it.

pub mod ir;

pub use ir::SyncPlan;
