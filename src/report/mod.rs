//! Change sets, runs and matches as text, Markdown, HTML and JSON.
