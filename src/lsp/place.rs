//! Places as the protocol counts them (lines from 0, UTF-16 code units) to and from byte offsets.

use serde_json::{Value, json};

use crate::source::{FileId, SourceMap, Span};

/// A range of the protocol.
pub fn range(sources: &SourceMap, span: Span) -> Value {
    json!({ "start": position(sources, span.file, span.start), "end": position(sources, span.file, span.end) })
}

fn position(sources: &SourceMap, file: FileId, offset: u32) -> Value {
    let line = sources.position(file, offset).line;
    let start = sources.line_span(file, line).start as usize;
    let before = sources.text(file).get(start..offset as usize).unwrap_or("");
    let units: usize = before.chars().map(char::len_utf16).sum();
    json!({ "line": line - 1, "character": units })
}

/// The byte offset of a position of the protocol; beyond a line's end it is the end.
pub fn offset(sources: &SourceMap, file: FileId, position: &Value) -> Option<u32> {
    let line = u32::try_from(position.get("line")?.as_u64()?).ok()?;
    let wanted = position.get("character")?.as_u64()?;
    let span = sources.line_span(file, line.checked_add(1)?);
    let text = sources.slice(span);
    let mut units = 0;
    for (at, c) in text.char_indices() {
        if units >= wanted {
            return Some(span.start + u32::try_from(at).ok()?);
        }
        units += c.len_utf16() as u64;
    }
    Some(span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_units_are_counted() {
        let mut sources = SourceMap::new();
        let id = sources.add("a", "x\n\u{1f600}y é z\n");
        let span = Span::new(id, 6, 7);
        assert_eq!(sources.slice(span), "y");
        let found = range(&sources, span);
        assert_eq!(found["start"], json!({ "line": 1, "character": 2 }));
        assert_eq!(offset(&sources, id, &found["end"]), Some(7));
        assert_eq!(offset(&sources, id, &json!({ "line": 1, "character": 99 })), Some(12));
    }
}
