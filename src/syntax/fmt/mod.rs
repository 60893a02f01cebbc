//! The formatter: a text to the same text in the one layout of the language.
//!
//! Walks the outline and the parser's pairs, not the tree, so that comments, blank lines and what can't be read are
//! carried over. Invariants: the result is a fixed point, has the same tree and the same comments, and a line's
//! layout depends on that line alone. Lines with an error stay as they are. Deliberately not here: files.

mod kinds;
mod shape;
mod spacing;

use super::items;
use super::outline::{self, Comment, Node};
use crate::diag::Severity;
use crate::source::{FileId, SourceMap, Span};
use kinds::{Kind, kind_of};

/// What came of formatting one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    pub text: String,
    /// How many statements can't be read and stand as they were.
    pub unreadable: usize,
}

/// Formats a whole text. Never fails: what can't be laid out safely is returned as it was.
pub fn format(text: &str) -> Formatted {
    let crlf = text.contains("\r\n");
    let mut sources = SourceMap::new();
    let id = sources.add("", &text.replace("\r\n", "\n"));
    let source = sources.text(id);
    let (_, found) = items::parse_file(&sources, id);
    let errors: Vec<Span> = found
        .iter()
        .filter(|one| one.severity == Severity::Error && one.code.id() != "E103")
        .map(|one| one.primary.span)
        .collect();
    let unreadable = errors.len();
    let as_it_was = Formatted { text: text.to_owned(), unreadable };
    if found.iter().any(|one| one.code.id() == "E111") {
        return as_it_was;
    }
    let outline = outline::outline(id, source);
    let mut printer =
        Printer { file: id, text: source, comments: &outline.comments, errors: &errors, out: String::new() };
    let strays: Vec<Node> =
        outline.strays.iter().map(|span| Node { span: *span, block: None, doc: None }).collect();
    let mut nodes: Vec<Node> = outline.nodes.iter().cloned().chain(strays).collect();
    nodes.sort_by_key(|node| node.span.start);
    printer.body(&nodes, 0..source.len(), 0, Kind::File);
    let laid_out = printer.out;
    // The layout is only believed when the text reads back as the same program.
    if shape::shape(&laid_out) != shape::shape(source) {
        return as_it_was;
    }
    let text = if crlf { laid_out.replace('\n', "\r\n") } else { laid_out };
    Formatted { text, unreadable }
}

/// Statements that are laid out (and, in a sync, moved) together with the comments above and behind them.
struct Chunk<'n> {
    blank_before: bool,
    /// Comments above, each with whether a blank line stands before it.
    above: Vec<(bool, Span)>,
    nodes: &'n [Node],
    raw: bool,
    behind: Option<Span>,
}

/// The parts of a block's inside.
struct Inside<'n> {
    /// A comment on the line of the `{`.
    opening: Option<Span>,
    chunks: Vec<Chunk<'n>>,
    /// Comments below the last statement.
    below: Vec<(bool, Span)>,
}

struct Printer<'t> {
    file: FileId,
    text: &'t str,
    comments: &'t [Comment],
    errors: &'t [Span],
    out: String,
}

fn end_of(node: &Node) -> usize {
    node.block.as_ref().map_or(node.span.end, |block| block.span.end.max(node.span.end)) as usize
}

impl<'t> Printer<'t> {
    fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    /// Whether the statement itself (not its block) can't be read.
    fn bad(&self, node: &Node, kind: Kind) -> bool {
        let within = |at: &Span| at.start >= node.span.start && at.end <= node.span.end.max(at.start);
        self.errors.iter().any(within) || kind_of(kind, self.statement(node), node.block.is_some()).is_none()
    }

    fn statement(&self, node: &Node) -> &'t str {
        self.slice(node.span.start as usize, node.span.end as usize)
    }

    fn same_line(&self, from: usize, to: usize) -> bool {
        !self.slice(from, to).contains('\n')
    }

    fn blank_between(&self, from: usize, to: usize) -> bool {
        self.slice(from, to).bytes().filter(|byte| *byte == b'\n').count() > 1
    }

    /// Gathers what stands between two offsets: statements, and comments that belong to none of them.
    fn inside<'n>(&self, nodes: &'n [Node], range: std::ops::Range<usize>, kind: Kind) -> Inside<'n> {
        let own = |comment: &&Comment| {
            let at = comment.span.start as usize;
            range.contains(&at)
                && !nodes.iter().any(|node| at >= node.span.start as usize && at < end_of(node))
        };
        let mut comments = self.comments.iter().filter(own).map(|comment| comment.span).peekable();
        let mut inside = Inside { opening: None, chunks: Vec::new(), below: Vec::new() };
        let mut last = range.start;
        if kind != Kind::File
            && let Some(first) = comments.next_if(|at| self.same_line(range.start, at.start as usize))
        {
            inside.opening = Some(first);
            last = first.end as usize;
        }
        let mut rest = nodes;
        while let Some(node) = rest.first() {
            let mut above = Vec::new();
            while let Some(at) = comments.next_if(|at| at.start < node.span.start) {
                above.push((self.blank_between(last, at.start as usize), at));
                last = at.end as usize;
            }
            let (count, raw) = self.run(rest, kind);
            let (taken, others) = rest.split_at(count.min(rest.len()));
            let end = taken.last().map_or(last, end_of);
            let behind = comments.next_if(|at| self.same_line(end, at.start as usize));
            inside.chunks.push(Chunk {
                blank_before: self.blank_between(last, node.span.start as usize),
                above,
                nodes: taken,
                raw,
                behind,
            });
            last = behind.map_or(end, |at| at.end as usize);
            rest = others;
        }
        for at in comments {
            inside.below.push((self.blank_between(last, at.start as usize), at));
            last = at.end as usize;
        }
        inside
    }

    /// How many statements go together, and whether they stay as they are: those that share a line with a bad one.
    fn run(&self, nodes: &[Node], kind: Kind) -> (usize, bool) {
        let mut count = 1;
        for pair in nodes.windows(2) {
            match pair {
                [a, b] if self.same_line(end_of(a), b.span.start as usize) => count += 1,
                _ => break,
            }
        }
        let bad = nodes.iter().take(count).any(|node| self.bad(node, kind));
        if bad { (count, true) } else { (1, false) }
    }

    fn body(&mut self, nodes: &[Node], range: std::ops::Range<usize>, depth: usize, kind: Kind) {
        let inside = self.inside(nodes, range, kind);
        self.chunks(inside, depth, kind);
    }

    fn chunks(&mut self, inside: Inside<'_>, depth: usize, kind: Kind) {
        let Inside { mut chunks, below, .. } = inside;
        if kind == Kind::Sync && !chunks.iter().any(|chunk| chunk.raw) {
            chunks.sort_by_key(|chunk| {
                chunk.nodes.first().map_or(usize::MAX, |node| kinds::clause_rank(self.statement(node)))
            });
        }
        let mut first = true;
        for chunk in &chunks {
            for (blank, comment) in &chunk.above {
                self.line_break(*blank && !first);
                self.comment_line(*comment, depth);
                first = false;
            }
            self.line_break(chunk.blank_before && !first);
            first = false;
            if chunk.raw {
                self.raw(chunk.nodes, depth);
            } else {
                for node in chunk.nodes {
                    self.indent(depth);
                    self.node(node, depth, kind);
                }
            }
            if let Some(comment) = chunk.behind {
                self.out.push(' ');
                self.out.push_str(self.slice(comment.start as usize, comment.end as usize));
            }
            self.out.push('\n');
        }
        for (blank, comment) in &below {
            self.line_break(*blank && !first);
            self.comment_line(*comment, depth);
            first = false;
        }
    }

    fn line_break(&mut self, wanted: bool) {
        if wanted {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("  ", depth));
    }

    fn comment_line(&mut self, comment: Span, depth: usize) {
        self.indent(depth);
        self.out.push_str(self.slice(comment.start as usize, comment.end as usize));
        self.out.push('\n');
    }

    /// Statements as they stand, with their own indentation.
    fn raw(&mut self, nodes: &[Node], depth: usize) {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else { return };
        let start = first.span.start as usize;
        let line = self.slice(0, start).rfind('\n').map_or(0, |at| at + 1);
        let before = self.slice(line, start);
        if before.trim().is_empty() {
            self.out.push_str(before);
        } else {
            self.indent(depth);
        }
        // A block that is never closed runs to the end of the text: its last line end is the caller's.
        self.out.push_str(self.slice(start, end_of(last)).trim_end_matches('\n'));
    }

    fn node(&mut self, node: &Node, depth: usize, kind: Kind) {
        let text = self.statement(node);
        let Some((rule, inner)) = kind_of(kind, text, node.block.is_some()) else { return };
        let piece = super::grammar::Piece { file: self.file, text, start: node.span.start as usize };
        let aligned = kind.aligns_arrows();
        self.out.push_str(&spacing::statement(piece, rule, depth, aligned));
        if node.block.is_some() {
            self.out.push(' ');
            self.block(node, depth, inner);
        }
    }

    fn block(&mut self, node: &Node, depth: usize, kind: Kind) {
        let Some(block) = &node.block else { return };
        let (open, end) = (block.span.start as usize, block.span.end as usize);
        let closed = end > open + 1 && self.slice(end - 1, end) == "}";
        let range = open + 1..if closed { end - 1 } else { end };
        let inside = self.inside(&block.nodes, range.clone(), kind);
        let empty = inside.chunks.is_empty() && inside.below.is_empty() && inside.opening.is_none();
        if empty && closed {
            return self.out.push_str("{}");
        }
        let flat = closed
            && self.same_line(open, end)
            && kind.stays_on_one_line(block.nodes.len())
            && inside.chunks.iter().all(|chunk| !chunk.raw && chunk.behind.is_none())
            && block.nodes.iter().all(|inner| inner.block.is_none());
        if flat {
            self.out.push_str("{ ");
            for (index, inner) in block.nodes.iter().enumerate() {
                self.out.push_str(if index > 0 { "; " } else { "" });
                self.node(inner, 0, kind);
            }
            return self.out.push_str(" }");
        }
        self.out.push('{');
        if let Some(comment) = inside.opening {
            self.out.push(' ');
            self.out.push_str(self.slice(comment.start as usize, comment.end as usize));
        }
        self.out.push('\n');
        self.chunks(inside, depth + 1, kind);
        if closed {
            self.indent(depth);
            self.out.push('}');
        } else if self.out.ends_with('\n') {
            // The `}` is missing: the caller ends the line.
            self.out.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    fn fmt(text: &str) -> String {
        let once = format(text).text;
        assert_eq!(format(&once).text, once, "not a fixed point");
        once
    }

    #[test]
    fn rows_get_their_gutter_and_options_their_order() {
        let text = "sync a:hubspot.company<->salesforce.Account{\n map {\nname<->Name if   empty using x;\n  \
                    a->B  when ( p ==- 1 )  # why\n}\n match:none\n}";
        let want = "sync a: hubspot.company <-> salesforce.Account {\n  match: none\n  map {\n    \
                    name                     <-> Name using x if empty\n    \
                    a                        ->  B when (p == -1) # why\n  }\n}\n";
        assert_eq!(fmt(text), want);
    }

    #[test]
    fn bad_lines_stay_and_the_rest_is_laid_out() {
        let text = "sync a: b.c <-> d.e {\n    map {\n  x  <=>   Y\n a<->B\n  }\n}\n}\nsynch   q {\n x\n}\n";
        let want = "sync a: b.c <-> d.e {\n  map {\n  x  <=>   Y\n    \
                    a                        <-> B\n  }\n}\n}\nsynch   q {\n x\n}\n";
        assert_eq!(fmt(text), want);
    }

    #[test]
    fn questions_about_associated_records_keep_their_blank() {
        let text = "sync a: b.c <-> d.e {\n  create d: any contact(in_list(\"x\")) or count(contact(email is set))>=2\n}\n";
        assert!(
            fmt(text).contains("any contact (in_list(\"x\")) or count(contact (email is set)) >= 2"),
            "{}",
            fmt(text)
        );
    }

    #[test]
    fn a_bad_block_without_its_end_does_not_grow() {
        assert_eq!(
            fmt("policy \"p\" {{ deny plan when blanks > 0 }\n\n"),
            "policy \"p\" {{ deny plan when blanks > 0 }\n"
        );
    }

    #[test]
    fn an_unclosed_block_and_carriage_returns_survive() {
        let text = "sync a: b.c <-> d.e {\r\n  match:none\r\nsync b: b.c <-> d.e {\r\n}\r\n";
        assert_eq!(fmt(text), "sync a: b.c <-> d.e {\r\n  match: none\r\nsync b: b.c <-> d.e {}\r\n");
    }
}
