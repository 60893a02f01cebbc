//! One statement in its layout: its own tokens with the blanks of the language between them.

use std::collections::BTreeSet;

use pest::iterators::Pair;

use super::kinds::option_rank;
use crate::syntax::grammar::{Piece, Rule};

/// Characters before the arrow of a row: the arrow stands in column 30.
const GUTTER: usize = 29;

/// What the pairs say about single places of a statement, as offsets into its text.
#[derive(Default)]
struct Places {
    /// `(` of a call: no blank before it.
    calls: BTreeSet<usize>,
    /// `-` of a negative value: no blank behind it.
    minus: BTreeSet<usize>,
    /// Parts that stand as they are (`stage-unmapped`): start and end.
    whole: Vec<(usize, usize)>,
}

/// The statement as one text; lists that ran over several lines still do, indented below `depth`. A statement that
/// does not follow its rule comes back as it was.
pub fn statement(piece: Piece<'_>, rule: Rule, depth: usize, aligned: bool) -> String {
    let Ok(pair) = piece.parse(rule) else { return piece.text.to_owned() };
    let mut places = Places::default();
    look(&pair, piece.text, &mut places);
    let inner: Vec<Pair<'_, Rule>> = match rule {
        Rule::value_line => pair.clone().into_inner().flat_map(Pair::into_inner).collect(),
        _ => pair.clone().into_inner().collect(),
    };
    let is_row = rule == Rule::row
        || rule == Rule::value_line && inner.first().is_some_and(|first| first.as_rule() == Rule::string);
    let at = inner.iter().position(|part| part.as_rule() == Rule::arrow);
    let Some(at) = at.filter(|_| is_row && aligned) else {
        return spaced(piece.text, 0, piece.text.len(), &places, depth);
    };
    let part = |pair: &Pair<'_, Rule>| {
        let span = pair.as_span();
        spaced(piece.text, span.start(), span.end(), &places, depth)
    };
    let tail = inner.get(at.wrapping_sub(1)).map(part).unwrap_or_default();
    let arrow = inner.get(at).map_or("", |pair| pair.as_str());
    let head = inner.get(at + 1).map(part).unwrap_or_default();
    let mut options: Vec<(usize, String)> = inner
        .iter()
        .skip(at + 2)
        .filter_map(|option| Some((option_rank(option.clone().into_inner().next()?.as_rule()), part(option))))
        .collect();
    options.sort_by_key(|(rank, _)| *rank);
    let width = depth * 2 + tail.chars().count();
    let blanks = if tail.contains('\n') || width >= GUTTER { 1 } else { GUTTER - width };
    let mut text = format!("{tail}{}{arrow:3} {head}", " ".repeat(blanks));
    for (_, option) in options {
        text.push(' ');
        text.push_str(&option);
    }
    text
}

fn look(pair: &Pair<'_, Rule>, text: &str, places: &mut Places) {
    let span = pair.as_span();
    match pair.as_rule() {
        Rule::call | Rule::use_item => {
            let name_end = pair.clone().into_inner().next().map_or(span.start(), |name| name.as_span().end());
            let rest = text.get(name_end..span.end()).unwrap_or("");
            if rest.trim_start().starts_with('(') && !asks_about_records(pair) {
                places.calls.insert(name_end + (rest.len() - rest.trim_start().len()));
            }
        }
        Rule::op_neg => {
            places.minus.insert(span.start());
        }
        Rule::reason => places.whole.push((span.start(), span.end())),
        _ => {}
    }
    for inner in pair.clone().into_inner() {
        look(&inner, text, places);
    }
}

/// `contact (...)` inside `count(...)`: written with a blank, like `any contact (...)`.
fn asks_about_records(pair: &Pair<'_, Rule>) -> bool {
    let name = pair.clone().into_inner().next().map_or("", |name| name.as_str());
    let known = crate::builtin::Func::find(name).is_some()
        || crate::builtin::Converter::find(name).is_some()
        || matches!(name, "linked" | "in_list" | "is_private");
    let span = pair.as_span();
    let before = span.get_input().get(..span.start()).unwrap_or("").trim_end();
    !known && before.strip_suffix('(').is_some_and(|rest| rest.trim_end().ends_with("count"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Start,
    Word,
    Open,
    Close,
    Comma,
    Colon,
    Dot,
    /// An operator or arrow with blanks on both sides.
    Operator,
    /// A minus that belongs to what follows.
    Minus,
    LineEnd,
    Comment,
}

/// The tokens between two offsets with the language's blanks.
fn spaced(text: &str, start: usize, end: usize, places: &Places, depth: usize) -> String {
    let mut out = String::new();
    let mut before = Token::Start;
    let mut brackets = 0_usize;
    let mut at = start;
    while at < end {
        let rest = text.get(at..end).unwrap_or("");
        let Some(c) = rest.chars().next() else { break };
        if matches!(c, ' ' | '\t' | '\r') {
            at += 1;
            continue;
        }
        let (token, length) = next_token(rest, at, places);
        if token == Token::LineEnd {
            // Only lists hold line ends: blank lines and one behind another are dropped.
            before = Token::LineEnd;
            at += length;
            continue;
        }
        if c == ']' {
            brackets = brackets.saturating_sub(1);
        }
        if before == Token::LineEnd || before == Token::Comment {
            trim_blanks(&mut out);
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth + brackets));
        } else if blank_between(before, token, at, places) {
            out.push(' ');
        }
        if c == '[' {
            brackets += 1;
        }
        out.push_str(rest.get(..length).unwrap_or("").trim_end());
        before = token;
        at += length;
    }
    trim_blanks(&mut out);
    out
}

fn trim_blanks(out: &mut String) {
    let length = out.trim_end_matches(' ').len();
    out.truncate(length);
}

fn next_token(rest: &str, at: usize, places: &Places) -> (Token, usize) {
    if let Some((_, end)) = places.whole.iter().find(|(start, _)| *start == at) {
        return (Token::Word, end - at);
    }
    for arrow in ["<->", "->", "<-", "==", "!=", "<=", ">="] {
        if rest.starts_with(arrow) {
            return (Token::Operator, arrow.len());
        }
    }
    let c = rest.chars().next().unwrap_or(' ');
    match c {
        '\n' => (Token::LineEnd, 1),
        '#' => (Token::Comment, rest.find('\n').unwrap_or(rest.len())),
        '"' => (Token::Word, string_length(rest)),
        '(' | '[' => (Token::Open, 1),
        ')' | ']' => (Token::Close, 1),
        ',' => (Token::Comma, 1),
        ':' => (Token::Colon, 1),
        '.' => (Token::Dot, 1),
        '-' if places.minus.contains(&at) => (Token::Minus, 1),
        c if c.is_ascii_digit() => {
            let more = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '%' | '_');
            (Token::Word, rest.find(|c: char| !more(c)).unwrap_or(rest.len()))
        }
        c if c.is_ascii_alphanumeric() || c == '_' => {
            let more = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (Token::Word, rest.find(|c: char| !more(c)).unwrap_or(rest.len()))
        }
        c => (Token::Operator, c.len_utf8()),
    }
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn blank_between(before: Token, token: Token, at: usize, places: &Places) -> bool {
    match (before, token) {
        (Token::Start | Token::Open | Token::Dot | Token::Minus, _) => false,
        (_, Token::Close | Token::Comma | Token::Colon | Token::Dot) => false,
        (Token::Word, Token::Open) => !places.calls.contains(&at),
        _ => true,
    }
}
