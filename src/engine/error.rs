//! Why a run ended before its end. What concerns single records is no error of this kind: it is in the report.

use crate::connect::remote::CallError;
use crate::state::StateError;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Remote(#[from] CallError),
    #[error(transparent)]
    State(#[from] StateError),
    /// The account, program or state is not the one that this was made for.
    #[error("{0}")]
    Frame(String),
    /// Guards or policies forbid it; nothing was written. With the hash that approves it.
    #[error("stopped before any write: {}", .reasons.join("; "))]
    Stopped { reasons: Vec<String>, hash: String },
    /// Asked to stop by a signal; what was in flight is finished and recorded.
    #[error("interrupted")]
    Interrupted,
    /// The mapping asks for something that a run can't do; nothing was written.
    #[error("{0}")]
    Unsupported(String),
    /// A record that was asked for by name is not there.
    #[error("{0}")]
    Missing(String),
    /// The plan leads somewhere that does not exist.
    #[error("the sync plan does not fit: {0}")]
    Plan(String),
}

pub type EngineResult<T> = Result<T, EngineError>;
