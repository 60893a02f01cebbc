//! Cuts a text into statements and blocks: the line structure of the language, before any grammar.
//!
//! A statement ends at a line end, a `;`, a `{` (then its block follows) or a `}`; inside `[ ]` it may run over
//! several lines. A line that opens a new item inside a block ends every open block (a `}` was forgotten), so a
//! mistake stays where it was made. Never fails; deliberately knows nothing of what statements mean.

use std::collections::BTreeSet;

use crate::diag::errors::text as wording;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, MAX_NESTING, Span};

/// Words that start an item at the top of a file.
pub const ITEM_WORDS: [&str; 9] =
    ["sync", "stages", "values", "convert", "owners", "writeback", "crm_settings", "test", "policy"];

/// One statement and, when it opens one, its block.
#[derive(Debug, Clone)]
pub struct Node {
    /// The statement's text without surrounding blanks and without its comment; may be empty before a block.
    pub span: Span,
    pub block: Option<Block>,
    /// The `##` lines right above it.
    pub doc: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Block {
    pub nodes: Vec<Node>,
    /// From `{` to `}`.
    pub span: Span,
}

/// A comment with its text behind the `#`.
#[derive(Debug, Clone)]
pub struct Comment {
    pub span: Span,
    /// It stands alone on its line.
    pub alone: bool,
}

#[derive(Debug, Default)]
pub struct Outline {
    pub nodes: Vec<Node>,
    pub comments: Vec<Comment>,
    /// Each `}` that closes nothing.
    pub strays: Vec<Span>,
    /// Where heads end that lack only their `{`: they are read nevertheless.
    pub without_brace: BTreeSet<u32>,
    pub diagnostics: Vec<Diagnostic>,
}

struct Scanner<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    outline: Outline,
    doc: Vec<String>,
    /// An item begins here although blocks are open: they end before it.
    resync: bool,
    /// The first block of this item whose `}` stands further left than its line: probably another block's.
    misplaced: Option<(Span, Span)>,
}

/// Reads a whole file.
pub fn outline(file: FileId, text: &str) -> Outline {
    let mut scanner = Scanner {
        file,
        text,
        at: 0,
        outline: Outline::default(),
        doc: Vec::new(),
        resync: false,
        misplaced: None,
    };
    loop {
        let nodes = scanner.nodes(0, None);
        scanner.outline.nodes.extend(nodes);
        scanner.resync = false;
        if scanner.at >= text.len() {
            break;
        }
        // Only a stray `}` ends the nodes of the top level early.
        if scanner.peek() == Some(b'}') {
            let span = scanner.span(scanner.at, scanner.at + 1);
            scanner.outline.diagnostics.push(wording::stray_brace(span));
            scanner.outline.strays.push(span);
            scanner.at += 1;
        }
    }
    scanner.outline
}

impl Scanner<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or(&[]);
        memchr::memchr(b'\n', rest).map_or(self.text.len(), |offset| from + offset)
    }

    /// Statements up to the block's end (or the text's), which is not consumed.
    fn nodes(&mut self, depth: usize, opened_by: Option<Span>) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut fresh_line = opened_by.is_none();
        loop {
            match self.peek() {
                None => return nodes,
                Some(b'\n') => {
                    self.at += 1;
                    fresh_line = true;
                }
                Some(b' ' | b'\t' | b'\r' | b';') => self.at += 1,
                Some(b'#') => self.comment(fresh_line),
                Some(b'}') => return nodes,
                Some(_) if opened_by.is_some() && fresh_line && self.item_ahead() => {
                    self.resync = true;
                    return nodes;
                }
                Some(_) => {
                    fresh_line = false;
                    let node = self.node(depth);
                    nodes.push(node);
                    if self.resync {
                        if opened_by.is_some() {
                            return nodes;
                        }
                        self.resync = false;
                    }
                }
            }
        }
    }

    fn comment(&mut self, alone: bool) {
        let end = self.line_end(self.at);
        let text = self.text.get(self.at..end).unwrap_or("").trim_end();
        let span = self.span(self.at, self.at + text.len());
        match text.strip_prefix("##") {
            Some(doc) if alone => self.doc.push(doc.trim().to_owned()),
            _ => {}
        }
        self.outline.comments.push(Comment { span, alone });
        self.at = end;
    }

    /// A line such as `sync x: a.b <-> c.d {`: a known item word, then a blank or `:`, and a `{` on the line.
    fn item_ahead(&self) -> bool {
        let line = self.text.get(self.at..self.line_end(self.at)).unwrap_or("");
        let word_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(line.len());
        let (word, rest) = line.split_at(word_end);
        ITEM_WORDS.contains(&word) && rest.starts_with([' ', '\t', ':']) && {
            let code = strip_strings_and_comment(rest);
            // `expect conflict {` or a row never starts with an item word and opens a block.
            code.contains('{')
        }
    }

    fn node(&mut self, depth: usize) -> Node {
        let doc = std::mem::take(&mut self.doc);
        let doc = (!doc.is_empty()).then(|| doc.join("\n"));
        let start = self.at;
        let end = self.statement();
        let text = self.text.get(start..end).unwrap_or("").trim_end();
        let span = self.span(start, start + text.len());
        let block = if self.peek() == Some(b'{') {
            Some(self.block(depth, span))
        } else {
            self.lacks_brace(depth, span).then(|| self.block_without_brace(depth, span))
        };
        Node { span, block, doc }
    }

    fn block(&mut self, depth: usize, header: Span) -> Block {
        let open = self.at;
        self.at += 1;
        if depth >= MAX_NESTING {
            self.outline.diagnostics.push(wording::nested_too_deep(self.span(open, open + 1)));
            self.at = self.text.len();
            return Block { nodes: Vec::new(), span: self.span(open, open + 1) };
        }
        let nodes = self.nodes(depth + 1, Some(header));
        let at = if header.start == header.end { self.span(open, open + 1) } else { header };
        if self.peek() == Some(b'}') {
            if self.misplaced.is_none() && self.stands_further_left(self.at, open) {
                self.misplaced = Some((at, self.span(open, open + 1)));
            }
            self.at += 1;
        } else {
            // Of the blocks inside, one was closed by a `}` that stands where this one's should.
            let inside = self.misplaced.take().filter(|(_, inner)| inner.start as usize > open);
            let (at, open) = inside.unwrap_or((at, self.span(open, open + 1)));
            self.outline.diagnostics.push(wording::unclosed_block(at, open));
        }
        if depth == 0 {
            self.misplaced = None;
        }
        Block { nodes, span: self.span(open, self.at) }
    }

    /// The head of an item or of a block inside one, without its `{` but with lines that stand deeper below it.
    fn lacks_brace(&self, depth: usize, head: Span) -> bool {
        if !matches!(self.peek(), Some(b'\n' | b'#')) || depth >= MAX_NESTING {
            return false;
        }
        let text = self.text.get(head.start as usize..head.end as usize).unwrap_or("");
        let word_end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (word, rest) = text.split_at(word_end);
        let opens = if depth == 0 {
            ITEM_WORDS.contains(&word) && rest.starts_with([' ', '\t', ':'])
        } else {
            ["map", "route"].contains(&word) && rest.chars().all(|c| c == ' ' || c.is_ascii_alphanumeric())
        };
        let indent = |line: &str| line.len() - line.trim_start().len();
        let start = self
            .text
            .get(..head.start as usize)
            .map_or(0, |before| before.rfind('\n').map_or(0, |at| at + 1));
        let own = indent(self.text.get(start..).unwrap_or(""));
        let below = self.text.get(self.line_end(self.at)..).unwrap_or("");
        let next = below.lines().find(|line| !line.trim().is_empty());
        opens && next.is_some_and(|line| indent(line) > own && !line.trim_start().starts_with('}'))
    }

    /// Reads on as if the `{` were there: what stands below is the block's.
    fn block_without_brace(&mut self, depth: usize, head: Span) -> Block {
        let open = self.at;
        let end = head.end as usize;
        let said = |found: &Diagnostic| {
            let at = found.primary.span;
            at.start >= head.start && at.end <= head.end
        };
        // What is wrong with the head may have hidden the brace.
        if !self.outline.diagnostics.iter().rev().take(8).any(said) {
            let last = self.text.get(..end).and_then(|text| text.char_indices().next_back());
            let last = last.map_or(end, |(at, _)| at);
            self.outline.diagnostics.push(wording::missing_brace(self.span(last, end)));
            self.outline.without_brace.insert(head.end);
        }
        let nodes = self.nodes(depth + 1, Some(head));
        if self.peek() == Some(b'}') {
            self.at += 1;
        }
        Block { nodes, span: self.span(open, self.at) }
    }

    /// A `}` alone at the start of its line, left of where the line of its `{` starts.
    fn stands_further_left(&self, close: usize, open: usize) -> bool {
        let indent = |at: usize| {
            let line = self.text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
            let rest = self.text.get(line..at).unwrap_or("");
            (line, rest.len() - rest.trim_start().len(), rest.trim_start().is_empty())
        };
        let ((close_line, close_at, alone), (open_line, open_at, _)) = (indent(close), indent(open));
        alone && close_line != open_line && close_at < open_at
    }

    /// Moves to the end of the statement and returns it; stops before `;`, `{`, `}`, a comment or a line end.
    fn statement(&mut self) -> usize {
        let mut brackets: Vec<usize> = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'[' => {
                    brackets.push(self.at);
                    self.at += 1;
                }
                b']' => {
                    brackets.pop();
                    self.at += 1;
                }
                b'#' if brackets.is_empty() => return self.at,
                b'#' => self.comment(false),
                b'{' | b'}' if !brackets.is_empty() => return self.unclosed_list(&brackets),
                b'\n' if !brackets.is_empty() => match self.list_goes_on() {
                    Some(next) => self.at = next,
                    None => return self.unclosed_list(&brackets),
                },
                b'\n' | b';' if brackets.is_empty() => return self.at,
                b'{' | b'}' => return self.at,
                _ => self.at += 1,
            }
            if brackets.len() > MAX_NESTING {
                let end = self.line_end(self.at);
                self.outline.diagnostics.push(wording::nested_too_deep(self.span(self.at - 1, self.at)));
                self.at = end;
                return end;
            }
        }
        if brackets.is_empty() { self.at } else { self.unclosed_list(&brackets) }
    }

    /// Inside a list at a line end: where the next line that is not blank begins, when it looks like more of the list.
    fn list_goes_on(&self) -> Option<usize> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let next = rest.trim_start();
        let goes_on =
            next.starts_with(['"', ']', ',', '#', '-']) || next.starts_with(|c: char| c.is_ascii_digit());
        goes_on.then_some(self.at + (rest.len() - next.len()))
    }

    fn unclosed_list(&mut self, brackets: &[usize]) -> usize {
        let open = brackets.first().copied().unwrap_or(self.at);
        let end = self.line_end(open);
        // A quoted text that is not closed has swallowed the `]`.
        let swallowed = self.outline.diagnostics.iter().rev().take(8).any(|found| {
            let span = found.primary.span;
            found.code == Code::E104 && span.start as usize > open && span.end as usize <= end
        });
        if !swallowed {
            self.outline.diagnostics.push(wording::unclosed_list(self.span(open, open + 1)));
        }
        self.at = end;
        self.at
    }

    fn string(&mut self) {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if self.byte(self.at + 1).is_some_and(|next| next != b'\n') => self.at += 2,
                b'\n' => break,
                _ => self.at += 1,
            }
        }
        let end = start + self.text.get(start..self.at).unwrap_or("").trim_end().len();
        // A brace at the end of the line was meant for the block.
        let swallowed = self.text.get(start + 1..self.at).unwrap_or("");
        let brace = swallowed.rfind(['{', '}']).filter(|at| {
            let behind = swallowed.get(at + 1..).unwrap_or("").trim_start();
            behind.is_empty() || behind.starts_with('#')
        });
        let brace = brace.map(|at| start + 1 + at);
        let end = brace.map_or(end, |at| {
            self.at = at;
            start + self.text.get(start..at).unwrap_or("").trim_end().len()
        });
        self.outline.diagnostics.push(wording::unclosed_text(self.span(start, end)));
    }
}

/// The code of a line with its quoted texts and its comment taken out.
pub fn strip_strings_and_comment(line: &str) -> String {
    let mut code = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            '"' => {
                code.push('"');
                while let Some(inner) = chars.next() {
                    match inner {
                        '"' => break,
                        '\\' => {
                            chars.next();
                        }
                        _ => {}
                    }
                }
                code.push('"');
            }
            _ => code.push(c),
        }
    }
    code
}
