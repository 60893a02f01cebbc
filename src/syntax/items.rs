//! From the outline to items: each statement goes to the strict rule of its block and first word.

use super::allow;
use super::ast::{File, Item, Program};
use super::build::Builder;
use super::cause::{self, Frame};
use super::grammar::{Piece, Rule};
use super::outline::{self, ITEM_WORDS, Node};
use std::collections::BTreeSet;

use crate::diag::errors::text as wording;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, MAX_FILE_BYTES, MAX_LINE_CHARS, MAX_NESTING, SourceMap, Span};
use pest::iterators::Pair;

/// Parses every file of a source map. Never fails: what can't be read is reported and left out.
pub fn parse(sources: &SourceMap) -> (Program, Vec<Diagnostic>) {
    let mut program = Program::default();
    let mut diagnostics = Vec::new();
    for id in sources.ids() {
        let (file, found) = parse_file(sources, id);
        program.files.push(file);
        diagnostics.extend(found);
    }
    (program, diagnostics)
}

/// Parses one file.
pub fn parse_file(sources: &SourceMap, id: FileId) -> (File, Vec<Diagnostic>) {
    let text = sources.text(id);
    let mut file = File { id, items: Vec::new(), allows: Vec::new(), lost: Vec::new() };
    if let Some(diagnostic) = over_limit(id, text) {
        return (file, vec![diagnostic]);
    }
    let outline = outline::outline(id, text);
    let complained = outline
        .diagnostics
        .iter()
        .filter(|found| found.code != Code::E103)
        .map(|found| (found.primary.span.start, found.primary.span.end))
        .filter(|(_, end)| !outline.without_brace.contains(end))
        .collect();
    let mut reader =
        Reader { file: id, text, diagnostics: outline.diagnostics, complained, lost: Vec::new() };
    file.allows = allow::read(sources, &outline.comments);
    for node in &outline.nodes {
        reader.lost.clear();
        match reader.item(node) {
            Some(item) => file.items.push(item),
            None => file.lost.extend(words(reader.piece(node.span).text)),
        }
    }
    (file, reader.diagnostics)
}

fn over_limit(id: FileId, text: &str) -> Option<Diagnostic> {
    if text.len() > MAX_FILE_BYTES {
        return Some(wording::limit(Span::new(id, 0, 0), "this file is too large", "1 MiB"));
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if content.len() > MAX_LINE_CHARS && content.chars().count() > MAX_LINE_CHARS {
            return Some(wording::limit(
                Span::new(id, at, at + content.chars().next().map_or(0, char::len_utf8)),
                "this line is too long",
                "10,000 characters",
            ));
        }
        at += line.len();
    }
    None
}

pub(super) struct Reader<'t> {
    pub(super) file: FileId,
    text: &'t str,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Places that the outline has complained about, but for missing braces: not read again.
    complained: BTreeSet<(u32, u32)>,
    /// Words of the lines of this item that could not be read.
    pub(super) lost: Vec<String>,
}

/// The names in a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Clauses of a sync by first word: the rule, and the words before the `:` (0 = takes none).
pub(super) const CLAUSES: [(&str, Rule, usize); 14] = [
    ("start", Rule::start_clause, 1),
    ("filter", Rule::filter_clause, 2),
    ("match", Rule::match_clause, 1),
    ("create", Rule::create_clause, 2),
    ("veto", Rule::veto_clause, 2),
    ("conflict", Rule::conflict_clause, 1),
    ("delete", Rule::delete_clause, 1),
    ("leave", Rule::leave_clause, 1),
    ("guard", Rule::guard_clause, 1),
    ("on", Rule::convert_clause, 2),
    ("associate", Rule::associate_clause, 0),
    ("propagate", Rule::propagate_clause, 0),
    ("refresh", Rule::refresh_clause, 1),
    ("save_to", Rule::save_to_clause, 1),
];

impl<'t> Reader<'t> {
    pub(super) fn piece(&self, span: Span) -> Piece<'t> {
        Piece { file: self.file, text: self.text.get(span.range()).unwrap_or(""), start: span.start as usize }
    }

    /// The strict parse of a statement, or its one diagnostic.
    pub(super) fn strict(&mut self, span: Span, rule: Rule, frame: Frame<'_>) -> Option<Pair<'t, Rule>> {
        let read = self.try_strict(span, rule, frame);
        if read.is_none() {
            let text = self.piece(span).text;
            self.lost.extend(words(text));
        }
        read
    }

    fn try_strict(&mut self, span: Span, rule: Rule, frame: Frame<'_>) -> Option<Pair<'t, Rule>> {
        if self.is_complained(span) {
            return None;
        }
        let piece = self.piece(span);
        if let Some(diagnostic) = cause::odd_characters(piece) {
            self.diagnostics.push(diagnostic);
            return None;
        }
        if too_deep(piece.text) {
            self.diagnostics.push(wording::nested_too_deep(span));
            return None;
        }
        match piece.parse(rule) {
            Ok(pair) => Some(pair),
            Err(stop) => {
                self.diagnostics.push(cause::cause(piece, &stop, frame));
                None
            }
        }
    }

    fn is_complained(&self, span: Span) -> bool {
        self.complained.range((span.start, 0)..=(span.end, u32::MAX)).any(|(_, end)| *end <= span.end)
    }

    pub(super) fn builder(&mut self, span: Span) -> Builder<'t, '_> {
        Builder { piece: self.piece(span), diagnostics: &mut self.diagnostics }
    }

    /// A word that is none of the known ones.
    pub(super) fn unknown(&mut self, span: Span, kind: &str, word: &str, known: &[&str]) {
        if word.is_empty() {
            let first = self.piece(span).text.chars().next().map_or(0, char::len_utf8);
            let at = Span::new(span.file, span.start as usize, span.start as usize + first);
            self.diagnostics.push(wording::unreadable(at, &[], false));
            return;
        }
        let at = Span::new(span.file, span.start as usize, span.start as usize + word.len());
        let near = nearest(word, known.iter().copied());
        self.diagnostics.push(wording::unknown_word(at, kind, word, near, known));
    }

    /// A statement that must not open a block.
    pub(super) fn line_only(&mut self, node: &Node) {
        if node.block.is_some() {
            self.diagnostics.push(wording::no_block_expected(node.span));
            self.complained.insert((node.span.start, node.span.end));
        }
    }

    fn item(&mut self, node: &Node) -> Option<Item> {
        let text = self.piece(node.span).text;
        let word = cause::first_word(text);
        if node.block.is_none() {
            if ITEM_WORDS.contains(&word) {
                self.diagnostics.push(wording::block_expected(node.span, word));
            } else if let Some(diagnostic) = cause::odd_characters(self.piece(node.span)) {
                self.diagnostics.push(diagnostic);
            } else if !self.is_complained(node.span) {
                self.diagnostics.push(if word.is_empty() {
                    wording::unreadable(node.span, &["an item such as `sync`"], false)
                } else {
                    let near = nearest(word, ITEM_WORDS);
                    let at =
                        Span::new(self.file, node.span.start as usize, node.span.start as usize + word.len());
                    wording::unknown_word(at, "item", word, near, &ITEM_WORDS)
                });
            }
            return None;
        }
        match word {
            "sync" => self.sync(node).map(Item::Sync),
            "stages" => self.stages(node).map(Item::Stages),
            "values" => self.values(node).map(Item::Values),
            "convert" => self.convert(node).map(Item::Convert),
            "owners" => self.owners(node).map(Item::Owners),
            "writeback" => self.writeback(node).map(Item::Writeback),
            "crm_settings" => self.crm_settings(node).map(Item::CrmSettings),
            "test" => self.test(node).map(Item::Test),
            "policy" => self.policy(node).map(Item::Policy),
            _ => {
                if let Some(diagnostic) = cause::odd_characters(self.piece(node.span)) {
                    self.diagnostics.push(diagnostic);
                } else {
                    self.unknown(node.span, "item", word, &ITEM_WORDS);
                }
                None
            }
        }
    }

    /// The header of an item. `None` also when it can't be read; its block is then not read either.
    pub(super) fn header(&mut self, node: &Node, rule: Rule, words: usize) -> Option<Pair<'t, Rule>> {
        let word = cause::first_word(self.piece(node.span).text);
        let colon = (words > 0).then_some((word, words));
        self.strict(node.span, rule, Frame { colon, no_colon: None, has_arrow: true })
    }

    /// A line of a plain shape, unless something was said about it before.
    pub(super) fn plain<T>(&self, span: Span, read: impl FnOnce(Piece<'t>) -> Option<T>) -> Option<T> {
        read(self.piece(span)).filter(|_| !self.is_complained(span))
    }
}

/// From the statement's first byte to its block's last.
pub(super) fn whole(node: &Node) -> Span {
    node.block.as_ref().map_or(node.span, |block| node.span.to(block.span))
}

pub(super) fn block(node: &Node) -> &[Node] {
    node.block.as_ref().map_or(&[], |block| &block.nodes)
}

/// Whether a statement nests more deeply than the grammar may be asked to read.
pub(super) fn too_deep(text: &str) -> bool {
    // Each level takes a character at least.
    text.len() > MAX_NESTING && depth(text) > MAX_NESTING
}

/// How deeply brackets are nested in the code of a statement.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in outline::strip_strings_and_comment(text).chars() {
        match c {
            '(' | '[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // `not not not ...`, `- - -` and `if if if` nest without brackets.
    let code = outline::strip_strings_and_comment(text);
    let words = code.split_whitespace().filter(|word| *word == "not" || *word == "if").count();
    let minus = code
        .bytes()
        .zip(code.bytes().skip(1).chain([0]))
        .filter(|pair| pair.0 == b'-' && pair.1 != b'>')
        .count();
    deepest.max(words).max(minus)
}
