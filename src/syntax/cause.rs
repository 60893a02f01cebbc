//! Why a statement can't be read: near misses with a certain cause first, then what the grammar expected.

use super::grammar::{Piece, Rule, Stop};
use super::outline::strip_strings_and_comment;
use crate::diag::Diagnostic;
use crate::diag::errors::text as wording;
use crate::source::Span;

/// Arrows that people write, longest first, and what they mean.
const ARROWS: [(&str, &str); 14] = [
    ("<==>", "<->"),
    ("<-->", "<->"),
    ("<=>", "<->"),
    ("-->", "->"),
    ("<--", "<-"),
    ("==>", "->"),
    ("=>", "->"),
    ("<>", "<->"),
    ("\u{2194}", "<->"),
    ("\u{21d4}", "<->"),
    ("\u{2192}", "->"),
    ("\u{21d2}", "->"),
    ("\u{2190}", "<-"),
    ("\u{21d0}", "<-"),
];

/// Characters that look like ones of the language, and which.
fn look_alike(c: char) -> Option<Option<&'static str>> {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => Some(Some("\"")),
        '\u{2018}' | '\u{2019}' => Some(Some("\"")),
        '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' => Some(Some(" ")),
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' => Some(Some("")),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some(Some("-")),
        c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => Some(None),
        _ => None,
    }
}

/// The text with quoted parts and comments blanked, byte for byte, so that offsets stay.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let (mut quoted, mut comment, mut escaped) = (false, false, false);
    for c in text.chars() {
        let hide = match c {
            '\n' => {
                (quoted, comment, escaped) = (false, false, false);
                false
            }
            _ if comment => true,
            '#' if !quoted => {
                comment = true;
                true
            }
            '"' if !escaped => {
                quoted = !quoted;
                false
            }
            _ => quoted,
        };
        escaped = quoted && c == '\\' && !escaped;
        if hide { code.extend(std::iter::repeat_n(' ', c.len_utf8())) } else { code.push(c) }
    }
    code
}

/// Characters outside quotes that no statement may have (E107, E105 for arrows); found before any parse.
pub fn odd_characters(piece: Piece<'_>) -> Option<Diagnostic> {
    // Nearly every statement is plain: nothing to look for.
    if piece.text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')) {
        return None;
    }
    let code = code_only(piece.text);
    for (at, c) in code.char_indices() {
        let span = |length: usize| Span::new(piece.file, piece.start + at, piece.start + at + length);
        if let Some((written, meant)) = ARROWS.iter().find(|(arrow, _)| arrow.starts_with(c) && !c.is_ascii())
        {
            return Some(wording::wrong_arrow(span(c.len_utf8()), written, meant));
        }
        if let Some(meant) = look_alike(c) {
            return Some(wording::odd_character(span(c.len_utf8()), c, meant));
        }
    }
    None
}

/// What a statement of some block may be, for the search of a cause.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its first word when that is a clause that takes a `:`, and how many words stand before the `:`.
    pub colon: Option<(&'a str, usize)>,
    /// Its first word when that is a clause that takes none.
    pub no_colon: Option<&'a str>,
    /// An arrow belongs into it.
    pub has_arrow: bool,
}

/// The one diagnostic for a statement that the grammar refused.
pub fn cause(piece: Piece<'_>, stop: &Stop, frame: Frame<'_>) -> Diagnostic {
    let code = code_only(piece.text);
    let span = |at: usize, length: usize| Span::new(piece.file, piece.start + at, piece.start + at + length);
    if frame.has_arrow
        && let Some((at, written, meant)) = wrong_arrow(&code)
    {
        return wording::wrong_arrow(span(at, written.len()), written, meant);
    }
    if let Some((word, words)) = frame.colon
        && let Some(diagnostic) = missing_colon(piece, &code, word, words)
    {
        return diagnostic;
    }
    if let Some(word) = frame.no_colon
        && let Some(at) = code.find(':')
        && code.get(..at).is_some_and(|before| before.trim() == word)
    {
        return wording::extra_colon(span(at, 1), word);
    }
    if let Some(diagnostic) = habit(piece, &code, stop.at - piece.start.min(stop.at)) {
        return diagnostic;
    }
    let found_end = stop.at >= piece.start + strip_trailing(piece.text);
    let at = if found_end { piece.start + strip_trailing(piece.text) } else { stop.at };
    let length = token_length(text_at(piece, at));
    let place =
        if found_end { span(0, strip_trailing(piece.text)) } else { Span::new(piece.file, at, at + length) };
    let expected = human(&stop.expected);
    if !found_end && expected == [DURATION] {
        return wording::bad_duration(place);
    }
    if !found_end && expected == [NUMBER] && text_at(piece, at).starts_with('-') {
        return wording::bad_number(place, "it can't be negative");
    }
    wording::unreadable(place, &expected, found_end)
}

fn text_at(piece: Piece<'_>, at: usize) -> &str {
    piece.text.get(at - piece.start..).unwrap_or("")
}

const DURATION: &str = "a duration such as `5m`";
const NUMBER: &str = "a number";

/// Signs of other languages where the grammar stopped: as written, what it is called, what to write.
const SIGNS: [(&str, &str, &str); 10] = [
    ("<>", "`<>` is no operator here", "write `!=`"),
    ("===", "`===` is no operator here", "write `==`"),
    ("=", "`=` compares nothing", "write `==`"),
    ("&", "`&` is no operator here", "write `and`; texts are joined with `concat(...)`"),
    ("|", "`|` is no operator here", "write `or`; texts are joined with `concat(...)`"),
    ("!", "`!` is no operator here", "write `not`"),
    ("'", "texts stand in double quotes", "write `\"...\"`"),
    ("`", "texts stand in double quotes", "write `\"...\"`, and names as they are"),
    ("//", "comments begin with `#`", "write `# ...`"),
    ("--", "comments begin with `#`", "write `# ...`"),
];

/// Words of other languages where the grammar stopped, and what to write.
const WORDS: [(&str, &str); 13] = [
    ("empty", "write `is blank`"),
    ("null", "write `is blank`"),
    ("none", "write `is blank`"),
    ("nothing", "write `is blank`"),
    ("present", "write `is set`"),
    ("known", "write `is set`"),
    ("unknown", "write `is blank`"),
    ("exists", "write `is set`"),
    ("like", "write `contains \"...\"`, or `matches \"...\"` with a regular expression"),
    ("equals", "write `==`"),
    ("has", "write `contains \"...\"`"),
    ("includes", "write `contains \"...\"`"),
    ("unless", "write `when not (...)`"),
];

/// Operators that stand in lower case between their operands.
const OPERATORS: [&str; 16] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "set",
    "blank",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "between",
    "when",
    "then",
    "else",
    "if",
];

/// A habit of other languages at the place where the grammar stopped, or just before it.
fn habit(piece: Piece<'_>, code: &str, at: usize) -> Option<Diagnostic> {
    let rest = code.get(at..)?;
    let begin = at + rest.len() - rest.trim_start().len();
    let rest = code.get(begin..)?;
    let span = |at: usize, length: usize| Span::new(piece.file, piece.start + at, piece.start + at + length);
    // The first half of a sign may have been taken as an operator of its own.
    let halves = ["<>", "//"].into_iter().any(|sign| {
        begin.checked_sub(1).and_then(|at| code.get(at..)).is_some_and(|rest| rest.starts_with(sign))
    });
    let (begin, rest) = if halves { (begin - 1, code.get(begin - 1..)?) } else { (begin, rest) };
    if let Some((sign, what, help)) = SIGNS.iter().find(|(sign, ..)| rest.starts_with(sign)) {
        return Some(wording::habit(span(begin, sign.len()), what, help));
    }
    let word = first_word(rest);
    let lower = word.to_lowercase();
    if let Some((_, help)) = WORDS.iter().find(|(known, _)| *known == lower) {
        return Some(wording::habit(
            span(begin, word.len()),
            &format!("`{word}` is not understood here"),
            help,
        ));
    }
    if lower != word && OPERATORS.contains(&lower.as_str()) {
        let what = format!("`{word}` is written in lower case");
        return Some(wording::habit(span(begin, word.len()), &what, &format!("write `{lower}`")));
    }
    let called = rest.get(word.len()..)?.trim_start().starts_with('(');
    if called && ["contains", "starts_with", "ends_with", "matches"].contains(&lower.as_str()) {
        let what = format!("`{word}` is no function");
        let help = format!("write it between its operands: `name {lower} \"...\"`");
        return Some(wording::habit(span(begin, word.len()), &what, &help));
    }
    let before = code.get(..begin)?.trim_end();
    let last = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let (start, last) = (last, before.get(last..)?);
    let lower = last.to_lowercase();
    if lower != last && OPERATORS.contains(&lower.as_str()) {
        let what = format!("`{last}` is written in lower case");
        return Some(wording::habit(span(start, last.len()), &what, &format!("write `{lower}`")));
    }
    list_without_brackets(before, rest).then(|| {
        let help = "a list stands in square brackets: `in [\"a\", \"b\"]`";
        wording::habit(span(begin, 1), "`in` is followed by a list", help)
    })
}

/// `in "a", "b"` and `in ("a", "b")`, where the grammar stops at the first value, bracket or comma.
fn list_without_brackets(before: &str, rest: &str) -> bool {
    let open = before.rfind('(').filter(|at| !before.get(*at..).unwrap_or("").contains(')'));
    let (quoted, comma) = (rest.starts_with(['"', '(']), rest.starts_with(','));
    let bracketed =
        open.and_then(|at| before.get(..at)).is_some_and(|before| ends_with_word(before.trim_end(), "in"));
    let value =
        before.strip_suffix('"').and_then(|before| Some(before.get(..before.rfind('"')?)?.trim_end()));
    (quoted && ends_with_word(before, "in"))
        || (comma && (bracketed || value.is_some_and(|before| ends_with_word(before, "in"))))
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word)
        .is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

fn strip_trailing(text: &str) -> usize {
    text.trim_end().len()
}

fn token_length(text: &str) -> usize {
    let word = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    match word {
        0 => text.chars().next().map_or(0, char::len_utf8),
        word => word,
    }
}

fn wrong_arrow(code: &str) -> Option<(usize, &'static str, &'static str)> {
    for (at, _) in code.char_indices() {
        let rest = code.get(at..).unwrap_or("");
        if rest.starts_with("<->")
            || rest.starts_with("->")
            || (rest.starts_with("<-") && !rest.starts_with("<--"))
        {
            return None;
        }
        if let Some((written, meant)) = ARROWS.iter().find(|(arrow, _)| rest.starts_with(arrow)) {
            return Some((at, written, meant));
        }
        let single = rest.starts_with('=') && !rest.starts_with("==");
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        if single && !matches!(before, Some('=' | '!' | '<' | '>')) {
            return Some((at, "=", "<->"));
        }
        if rest.starts_with("<=")
            && !rest.starts_with("<=>")
            && !code.contains("when")
            && !code.contains("if ")
        {
            return Some((at, "<=", "<-"));
        }
    }
    None
}

/// `filter hubspot domain is set`: the words are there, the `:` is not.
fn missing_colon(piece: Piece<'_>, code: &str, word: &str, words: usize) -> Option<Diagnostic> {
    let mut end = 0;
    let mut rest = code;
    for _ in 0..words {
        let skipped = rest.len() - rest.trim_start().len();
        let token = rest.trim_start();
        let length = token.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(token.len());
        if length == 0 {
            return None;
        }
        end += skipped + length;
        rest = token.get(length..).unwrap_or("");
    }
    if rest.trim_start().starts_with(':') || rest.trim_start().is_empty() {
        return None;
    }
    let at = Span::new(piece.file, piece.start + end.saturating_sub(1).max(end - 1), piece.start + end);
    let name_start = code.get(..end)?.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let at = Span { start: Span::new(piece.file, piece.start + name_start, 0).start, ..at };
    Some(wording::missing_colon(at, word))
}

/// What the grammar would have taken, in the words of people; rules without a name of their own are dropped.
fn human(expected: &[Rule]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = expected.iter().filter_map(|rule| name_of(*rule)).collect();
    words.sort_unstable();
    words.dedup();
    // An operator is possible almost everywhere: it only says something when nothing else does.
    if words.len() > 1 {
        words.retain(|word| *word != "an operator");
    }
    if words.len() > 4 { Vec::new() } else { words }
}

fn name_of(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::arrow => "an arrow",
        Rule::right_arrow => "`->`",
        Rule::name | Rule::part => "a name",
        Rule::path => "a field",
        Rule::object => "an object such as `hubspot.company`",
        Rule::string => "a quoted text",
        Rule::number | Rule::guard_limit => NUMBER,
        Rule::duration => DURATION,
        Rule::expr | Rule::primary | Rule::sum => "a value",
        Rule::option => "an option",
        Rule::op_or | Rule::op_and | Rule::op_eq | Rule::op_add | Rule::op_in => "an operator",
        Rule::kw_when => "`when`",
        Rule::kw_through => "`through`",
        Rule::kw_then => "`then`",
        Rule::kw_else => "`else`",
        Rule::kw_in => "`in`",
        Rule::kw_set | Rule::kw_blank => "`set` or `blank`",
        Rule::kw_every => "`every`",
        Rule::kw_sync => "`sync`",
        Rule::kw_create => "`create`",
        Rule::kw_empty => "`empty`",
        Rule::kw_by => "`by`",
        _ => return None,
    })
}

/// The first word of a statement.
pub fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

/// Whether an arrow (or something that was meant as one) stands in the code of a statement.
pub fn looks_like_row(text: &str) -> bool {
    let code = strip_strings_and_comment(text);
    code.contains("->") || code.contains("<-") || ARROWS.iter().any(|(arrow, _)| code.contains(arrow))
}
