//! What an editor asks, answered from the same phases as `check` and `fmt`: framing, places, hover, documents.
//!
//! Thin on purpose: nothing is known here that the command line does not know. The loop is in `cli::lsp`.

pub mod hover;
pub mod place;
pub mod rpc;
