//! Change sets and runs as people read them: terminal text, Markdown and HTML. JSON is the types' own.
//!
//! Values come from CRMs: control characters never reach a terminal, and markup is escaped.

pub mod attribution;
pub mod attribution_page;
pub mod changes;
pub mod html;
pub mod impact;
pub mod linkedin;
pub mod run;

/// A value's text without control and direction characters, at most `most` characters.
pub fn clean(text: &str, most: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    if out.chars().count() > most {
        out = out.chars().take(most.saturating_sub(1)).collect();
        out.push('…');
    }
    out
}

/// `1 record`, `2 records`.
pub fn count(n: u64, one: &str) -> String {
    let many = match one {
        "company" => "companies".to_owned(),
        other => format!("{other}s"),
    };
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_characters() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c", 20), "a [31mb c");
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!((count(1, "change"), count(3, "company")), ("1 change".into(), "3 companies".into()));
    }
}
