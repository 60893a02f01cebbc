//! What a text says, free of its layout: two texts with one shape are the same program with the same comments.

use std::fmt::Write as _;

use pest::iterators::Pair;

use super::kinds::{Kind, clause_rank, kind_of, option_rank};
use crate::source::{FileId, SourceMap};
use crate::syntax::grammar::{Piece, Rule};
use crate::syntax::items;
use crate::syntax::outline::{self, Node};

/// The shape of a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// One entry a statement, in the order of the layout.
    statements: Vec<String>,
    comments: Vec<String>,
    /// The codes of what is wrong in it.
    findings: Vec<&'static str>,
}

pub fn shape(text: &str) -> Shape {
    let mut sources = SourceMap::new();
    let id = sources.add("", text);
    let text = sources.text(id);
    let outline = outline::outline(id, text);
    let mut statements = Vec::new();
    nodes(id, text, &outline.nodes, Kind::File, &mut statements);
    let slice = |span: crate::source::Span| text.get(span.range()).unwrap_or("").to_owned();
    let mut comments: Vec<String> = outline.comments.iter().map(|comment| slice(comment.span)).collect();
    comments.sort();
    let mut findings: Vec<&str> =
        items::parse_file(&sources, id).1.iter().map(|found| found.code.id()).collect();
    findings.sort_unstable();
    Shape { statements, comments, findings }
}

fn nodes(file: FileId, text: &str, nodes_of: &[Node], kind: Kind, into: &mut Vec<String>) {
    let mut own: Vec<&Node> = nodes_of.iter().collect();
    if kind == Kind::Sync {
        own.sort_by_key(|node| clause_rank(text.get(node.span.range()).unwrap_or("")));
    }
    for node in own {
        let statement = text.get(node.span.range()).unwrap_or("");
        let known = kind_of(kind, statement, node.block.is_some());
        let piece = Piece { file, text: statement, start: node.span.start as usize };
        // What nests too deeply for the grammar is only ever copied.
        let parsed = known.filter(|_| !items::too_deep(statement)).and_then(|(rule, inner)| {
            let pair = piece.parse(rule).ok()?;
            Some((pair, inner))
        });
        let Some((pair, inner)) = parsed else {
            let end = node.block.as_ref().map_or(node.span.end, |block| block.span.end) as usize;
            into.push(text.get(node.span.start as usize..end).unwrap_or("").to_owned());
            continue;
        };
        let mut line = node.doc.clone().unwrap_or_default();
        write_pair(&pair, &mut line);
        into.push(line);
        if let Some(block) = &node.block {
            into.push("{".to_owned());
            nodes(file, text, &block.nodes, inner, into);
            into.push("}".to_owned());
        }
    }
}

fn write_pair(pair: &Pair<'_, Rule>, out: &mut String) {
    let _ = write!(out, "({:?}", pair.as_rule());
    let mut inner: Vec<Pair<'_, Rule>> = pair.clone().into_inner().collect();
    if pair.as_rule() == Rule::row {
        inner.sort_by_key(|part| match part.as_rule() {
            Rule::option => {
                1 + part.clone().into_inner().next().map_or(0, |option| option_rank(option.as_rule()))
            }
            _ => 0,
        });
    }
    if inner.is_empty() {
        let _ = write!(out, " {}", pair.as_str().trim_end());
    }
    inner.iter().for_each(|part| write_pair(part, out));
    out.push(')');
}
