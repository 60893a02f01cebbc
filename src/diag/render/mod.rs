//! Diagnostics as text (rich, short) and as machine formats, all from the same [`super::Diagnostic`].

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod text;

use super::{Diagnostic, Severity};

/// How many errors and warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    pub errors: usize,
    pub warnings: usize,
}

impl Summary {
    pub fn of(diagnostics: &[Diagnostic]) -> Self {
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        Summary { errors, warnings: diagnostics.len() - errors }
    }
}
