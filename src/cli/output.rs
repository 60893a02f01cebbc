//! How the commands around the state print: text for people, one JSON document for machines.

use serde::Serialize;

use super::App;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Prints `document` as JSON, or the text that `text` makes of it.
pub fn print<T: Serialize>(app: &App, format: Format, document: &T, text: impl FnOnce(&T) -> String) {
    match format {
        Format::Text => app.term.out(&text(document)),
        Format::Json => {
            app.term.out(&serde_json::to_string_pretty(document).map(|text| text + "\n").unwrap_or_default());
        }
    }
}
