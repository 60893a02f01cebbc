//! Quoted texts, numbers, durations: from their spelling to their value.

use rust_decimal::Decimal;

use super::ast::{Duration, Number, Str};
use crate::diag::Diagnostic;
use crate::diag::errors::text as wording;
use crate::source::Span;

const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A quoted text with its escapes resolved. `raw` includes the quotes.
pub fn text(raw: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Str {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    if inner.len() > MAX_TEXT_BYTES {
        diagnostics.push(wording::limit(span, "this quoted text is too long", "64 KiB"));
        return Str { value: String::new(), span };
    }
    if !inner.contains('\\') {
        return Str { value: inner.to_owned(), span };
    }
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        let escape = chars.next().map(|(_, c)| c);
        match escape {
            Some('"') => value.push('"'),
            Some('\\') => value.push('\\'),
            Some('n') => value.push('\n'),
            Some('t') => value.push('\t'),
            Some('u') => {
                let rest = inner.get(at + 2..).unwrap_or("");
                let hex = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(hex, _)| hex);
                match hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32) {
                    Some(c) => {
                        value.push(c);
                        for _ in 0..hex.map_or(0, |hex| hex.chars().count() + 2) {
                            chars.next();
                        }
                    }
                    None => diagnostics.push(bad_escape(span, at, "\\u")),
                }
            }
            Some(other) => diagnostics.push(bad_escape(span, at, &format!("\\{other}"))),
            None => diagnostics.push(bad_escape(span, at, "\\")),
        }
    }
    Str { value, span }
}

fn bad_escape(text: Span, at: usize, escape: &str) -> Diagnostic {
    // `at` counts behind the opening quote.
    let start = text.start as usize + 1 + at;
    wording::bad_escape(Span::new(text.file, start, start + escape.len()), escape)
}

/// `12`, `0.5`, `20%`.
pub fn number(raw: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Number {
    let (digits, percent) = match raw.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (raw, false),
    };
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let value = Decimal::from_str_exact(digits);
    let value = match value {
        _ if count > 38 => {
            diagnostics.push(wording::limit(span, "this number has too many digits", "38 digits"));
            Decimal::ZERO
        }
        Ok(value) => value,
        Err(_) => {
            diagnostics.push(wording::bad_number(span, "it has more digits than can be kept exactly (28)"));
            Decimal::ZERO
        }
    };
    Number { value, percent, span }
}

/// `30s`, `5m`, `2h`, `7d`, in milliseconds.
pub fn duration(raw: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Duration {
    let unit = match raw.as_bytes().last() {
        Some(b's') => 1_000,
        Some(b'm') => 60_000,
        Some(b'h') => 3_600_000,
        _ => 86_400_000,
    };
    let count = raw.get(..raw.len().saturating_sub(1)).and_then(|digits| digits.parse::<i64>().ok());
    let milliseconds = count.and_then(|count| count.checked_mul(unit)).unwrap_or_else(|| {
        diagnostics.push(wording::bad_duration(span));
        0
    });
    Duration { milliseconds, span }
}
