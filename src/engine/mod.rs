//! The engine: brings the CRMs in step, one run at a time, over [`crate::connect::remote::Remote`] and the state.
//!
//! settle -> fetch -> draft -> guard -> execute -> remember. A crash anywhere leaves a state from which the next run
//! goes on; nothing depends on memory. The merge itself is `crate::merge`; here is what it takes to feed it and to
//! carry its outcome through calls that may fail half-way.

pub mod adopt;
mod archive;
mod beyond;
mod context;
mod describe;
mod draft;
mod ending;
mod error;
mod execute;
mod fetch;
mod joint;
mod kin;
mod landed;
mod large;
mod likeness;
pub mod linkedin;
mod matching;
mod moved;
pub mod ops;
mod outcome;
mod overlay;
mod pairs;
mod part;
pub mod portions;
mod propagate;
mod relate;
pub mod report;
mod run;
mod session;
mod settle;
pub mod start;
mod together;
pub mod undo;
pub mod verify;
pub mod why;
mod world;

pub use error::{EngineError, EngineResult};
pub use run::{in_scope, plan, run};
pub use session::{Ablation, Decision, Deps, Only, Options, Progress, Silent};
