//! E1xx: what can't be read.

use crate::diag::{Applicability, Code, Diagnostic, Edit};
use crate::source::{FileId, NotUtf8, SourceMap, Span};

pub fn unreadable(span: Span, expected: &[&str], found_end: bool) -> Diagnostic {
    let list = one_of(expected);
    let (message, here) = match (list.is_empty(), found_end) {
        (true, _) => ("this line can't be read".to_owned(), "not understood".to_owned()),
        (false, true) => {
            (format!("this line ends too early: {list} is missing"), format!("expected {list} here"))
        }
        (false, false) => (format!("this line can't be read: expected {list}"), format!("expected {list}")),
    };
    Diagnostic::new(Code::E101, span, message).here(here)
}

/// Something that other languages write and this one does not.
pub fn habit(span: Span, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::E101, span, format!("this line can't be read: {what}"))
        .here("not understood")
        .help(help)
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

pub fn unclosed_list(open: Span) -> Diagnostic {
    Diagnostic::new(Code::E101, open, "a list is not closed").here("opened here").help("close it with `]`")
}

pub fn missing_brace(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E101, span, "this line ends too early: `{` is missing")
        .here("expected `{` behind this")
        .help("put `{` at the end of the line")
}

pub fn stray_brace(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E101, span, "a `}` without a block to close").here("nothing is open here")
}

pub fn block_expected(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(Code::E101, span, format!("`{what}` needs a block")).here("expected `{` after this")
}

pub fn no_block_expected(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E101, span, "no block may follow this line").here("ends before the `{`")
}

pub fn unknown_word(span: Span, kind: &str, word: &str, near: Option<&str>, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E102, span, format!("unknown {kind} `{word}`"));
    match near {
        Some(near) => diagnostic.here(format!("did you mean `{near}`?")).fix(
            format!("write `{near}`"),
            Applicability::Likely,
            vec![Edit { span, text: near.to_owned() }],
        ),
        None => diagnostic
            .here(format!("no {kind} of the language"))
            .note(format!("known here: {}", known.join(", "))),
    }
}

pub fn unclosed_block(header: Span, open: Span) -> Diagnostic {
    Diagnostic::new(Code::E103, header, "a block is not closed")
        .here("this block")
        .label(open, "opened here")
        .help("add the missing `}` after its last line")
}

pub fn unclosed_text(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E104, span, "a quoted text is not closed")
        .here("opened here")
        .help("close it with `\"` on the same line")
}

pub fn wrong_arrow(span: Span, written: &str, meant: &str) -> Diagnostic {
    Diagnostic::new(Code::E105, span, format!("`{written}` is no arrow of the language"))
        .here(format!("write `{meant}`"))
        .note("the arrows are `<->` (both ways), `->` and `<-`")
        .fix(format!("write `{meant}`"), Applicability::Certain, vec![Edit { span, text: meant.to_owned() }])
}

pub fn missing_colon(at: Span, clause: &str) -> Diagnostic {
    let end = Span { start: at.end, ..at };
    Diagnostic::new(Code::E106, at, format!("`{clause}` needs a `:`"))
        .here("the `:` is missing after this")
        .fix("add `:`", Applicability::Certain, vec![Edit { span: end, text: ":".to_owned() }])
}

pub fn extra_colon(colon: Span, clause: &str) -> Diagnostic {
    Diagnostic::new(Code::E106, colon, format!("`{clause}` takes no `:` here")).here("leave this out").fix(
        "remove `:`",
        Applicability::Certain,
        vec![Edit { span: colon, text: String::new() }],
    )
}

pub fn odd_character(span: Span, found: char, meant: Option<&str>) -> Diagnostic {
    let name = match found {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\u{ab}' | '\u{bb}' => {
            "a curly quote"
        }
        '\u{a0}' | '\u{2007}' | '\u{202f}' => "a no-break space",
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => "an invisible character",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "a typographic dash",
        c if c.is_control() => "a control character",
        _ => "a character that only quoted texts may have",
    };
    let shown = format!("{name} (U+{:04X})", u32::from(found));
    let diagnostic =
        Diagnostic::new(Code::E107, span, format!("{shown} outside quotes")).here("can't stand here");
    match meant {
        Some(meant) => diagnostic.fix(
            format!("write `{meant}`"),
            Applicability::Certain,
            vec![Edit { span, text: meant.to_owned() }],
        ),
        None => diagnostic,
    }
}

pub fn given_twice(span: Span, first: Span, what: &str) -> Diagnostic {
    Diagnostic::new(Code::E108, span, format!("`{what}` is given twice"))
        .here("given again here")
        .label(first, "given first here")
        .help("keep one of the two")
}

pub fn bad_number(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(Code::E109, span, format!("this number can't be read: {why}")).here("bad number")
}

pub fn bad_duration(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E109, span, "this duration can't be read")
        .here("bad duration")
        .help("write a whole number and a unit: `30s`, `5m`, `2h` or `7d`")
}

pub fn bad_date(span: Span, func: &str) -> Diagnostic {
    let example = if func == "date" { "2026-01-31" } else { "2026-01-31T10:00:00Z" };
    Diagnostic::new(Code::E109, span, format!("`{func}` can't read this"))
        .here("no such day or time")
        .help(format!("write it as `{func}(\"{example}\")`"))
}

pub fn bad_escape(span: Span, escape: &str) -> Diagnostic {
    Diagnostic::new(Code::E109, span, format!("`{escape}` is no escape of a quoted text"))
        .here("not known")
        .note("the escapes are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{...}`")
}

pub fn bad_regex(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(Code::E109, span, "this pattern can't be read").here(why.to_owned())
}

pub fn not_utf8(sources: &SourceMap, file: FileId, bad: NotUtf8) -> Diagnostic {
    let position = sources.position(file, u32::try_from(bad.valid_up_to).unwrap_or(0));
    let line = sources.line_span(file, position.line);
    Diagnostic::new(Code::E110, line, "this file is not UTF-8")
        .here(format!("the first bad byte stands at offset {}", bad.valid_up_to))
        .help("save the file as UTF-8")
}

pub fn limit(span: Span, what: &str, limit: &str) -> Diagnostic {
    Diagnostic::new(Code::E111, span, format!("{what}: the limit is {limit}")).here("passes the limit")
}

pub fn nested_too_deep(span: Span) -> Diagnostic {
    limit(span, "blocks and brackets are nested too deeply", "64 levels")
}

pub fn allow_without_reason(span: Span) -> Diagnostic {
    Diagnostic::new(Code::W112, span, "`# allow` without a reason")
        .here("no reason given")
        .help("say why behind a colon: `# allow W404: legacy values`")
}

pub fn idle_allow(span: Span, code: &str) -> Diagnostic {
    Diagnostic::new(Code::W112, span, format!("this `# allow` of {code} allows nothing"))
        .here("nothing on its line gives that warning")
        .help("remove it")
}

pub fn not_allowable(span: Span, code: &str) -> Diagnostic {
    Diagnostic::new(Code::W112, span, format!("{code} can't be allowed"))
        .here("only warnings can")
        .help("errors are mended, not allowed")
}
