//! The exit codes of `twinmap`. They are part of the interface and never change their meaning.

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    /// Findings, or a failure that has no code of its own.
    Failure = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// Finished, some records failed or are held.
    Partial = 3,
    Authentication = 4,
    /// Stopped by a guard or policy before any write.
    Guard = 5,
    /// The change set no longer fits the program, the schema, the state or the account.
    Stale = 6,
    /// Another run holds the state.
    Locked = 7,
    /// API budget or remote limit exhausted; the next run resumes.
    Exhausted = 8,
    Usage = 64,
    /// A bug of ours.
    Bug = 70,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
