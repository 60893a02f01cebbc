//! Texts of mapping files and places in them.
//!
//! Turns bytes into texts that the parser can rely on: UTF-8, no BOM, a final newline. All positions are byte
//! offsets into that text. Deliberately not here: reading folders (`cli::project`) and rendering (`diag::render`).

use std::ops::Range;

/// Limits of one mapping file; beyond them a clear E111 instead of a slow or failing parse.
pub const MAX_FILE_BYTES: usize = 1 << 20;
pub const MAX_LINE_CHARS: usize = 10_000;
pub const MAX_NESTING: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct FileId(pub u32);

/// A place in a file: `start..end` in bytes. `Copy`, free of text and paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

/// One line and column, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone)]
struct SourceFile {
    path: String,
    text: String,
    line_starts: Vec<u32>,
}

/// Owns every text of a run. Ids are handed out in the order of adding.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// Bytes that are not UTF-8: where the first bad byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8 {
    pub valid_up_to: usize,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { file, start: clamp(start), end: clamp(end) }
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that covers both; `self`'s file wins.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl SourceMap {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under a path relative to the project, with `/` as separator.
    pub fn add(&mut self, path: impl Into<String>, text: &str) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut text = text.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        let line_starts = starts.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        self.files.push(SourceFile { path: path.into(), text, line_starts });
        id
    }

    /// Adds a file's bytes. Bytes that are not UTF-8 are replaced, so that the rest can still be checked.
    pub fn add_bytes(&mut self, path: impl Into<String>, bytes: &[u8]) -> (FileId, Option<NotUtf8>) {
        match std::str::from_utf8(bytes) {
            Ok(text) => (self.add(path, text), None),
            Err(error) => {
                let id = self.add(path, &String::from_utf8_lossy(bytes));
                (id, Some(NotUtf8 { valid_up_to: error.valid_up_to() }))
            }
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    pub fn path(&self, id: FileId) -> &str {
        self.files.get(id.0 as usize).map_or("", |file| &file.path)
    }

    pub fn text(&self, id: FileId) -> &str {
        self.files.get(id.0 as usize).map_or("", |file| &file.text)
    }

    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    pub fn position(&self, id: FileId, offset: u32) -> Position {
        let Some(file) = self.files.get(id.0 as usize) else {
            return Position { line: 1, column: 1 };
        };
        let line = file.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = file.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = file.text.get(start as usize..offset as usize).map_or(0, |text| text.chars().count());
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: clamp(line), column: clamp(column + 1) }
    }

    /// The span of a whole line (counted from 1), without its line end.
    pub fn line_span(&self, id: FileId, line: u32) -> Span {
        let Some(file) = self.files.get(id.0 as usize) else {
            return Span { file: id, start: 0, end: 0 };
        };
        let index = line.max(1) as usize;
        let start = file.line_starts.get(index - 1).copied().unwrap_or(0) as usize;
        let end = file.line_starts.get(index).map_or(file.text.len(), |next| *next as usize);
        let text = file.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']);
        Span::new(id, start, start + text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut map = SourceMap::new();
        let id = map.add("a.twin", "\u{feff}é x\ny");
        assert_eq!(map.text(id), "é x\ny\n");
        assert_eq!(map.position(id, 3), Position { line: 1, column: 3 });
        assert_eq!(map.position(id, 5), Position { line: 2, column: 1 });
        assert_eq!(map.slice(map.line_span(id, 2)), "y");
    }

    #[test]
    fn bad_bytes_are_reported_and_replaced() {
        let mut map = SourceMap::new();
        let (id, bad) = map.add_bytes("a.twin", b"ab\xffc");
        assert_eq!(bad, Some(NotUtf8 { valid_up_to: 2 }));
        assert_eq!(map.text(id), "ab\u{fffd}c\n");
    }
}
