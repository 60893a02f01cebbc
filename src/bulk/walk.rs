//! Walks over JSON text and checks all of it, without building anything.
//!
//! Invariant: what is passed over is valid JSON as RFC 8259 has it, in one line, at most [`DEEPEST`] levels deep. The
//! text is known to be UTF-8.

use crate::wire::{Raw, special};

/// Levels of arrays and objects inside each other.
pub const DEEPEST: u32 = 127;

/// What is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub at: usize,
    pub why: &'static str,
}

/// A place in a text.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    text: &'a str,
    /// From the place on.
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str) -> Self {
        Scan { text, rest: text.as_bytes() }
    }

    /// Bytes before the place.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on by some bytes, at most to the end.
    #[inline(always)]
    pub fn pass(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// The byte at hand; behind the text stands a line end.
    #[inline(always)]
    pub fn byte(&self) -> u8 {
        self.rest.first().copied().unwrap_or(b'\n')
    }

    #[inline(always)]
    pub fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at()).unwrap_or_default()
    }

    #[cold]
    pub fn wrong(&self, why: &'static str) -> Wrong {
        let why = if self.byte() == b'\n' { "the line ends too early" } else { why };
        Wrong { at: self.at(), why }
    }

    /// Passes blanks; a line end is none.
    #[inline(always)]
    pub fn space(&mut self) {
        if self.byte() <= b' ' {
            self.blanks();
        }
    }

    #[cold]
    fn blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r') {
            self.pass(1);
        }
    }

    /// Passes a text whose quotation mark is at hand; whether it has escapes.
    #[inline(always)]
    pub fn string(&mut self) -> Result<bool, Wrong> {
        self.pass(1);
        match self.plain() {
            b'"' => {
                self.pass(1);
                Ok(false)
            }
            _ => self.escapes(),
        }
    }

    #[cold]
    fn escapes(&mut self) -> Result<bool, Wrong> {
        loop {
            match self.plain() {
                b'"' => {
                    self.pass(1);
                    return Ok(true);
                }
                b'\\' => self.escape()?,
                _ => return Err(self.wrong("a control character in a text")),
            }
        }
    }

    /// Passes everything up to a quotation mark, backslash, control character or the end, which is given.
    #[inline(always)]
    fn plain(&mut self) -> u8 {
        self.pass(special(self.rest));
        self.byte()
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        self.pass(1);
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.pass(1),
            b'u' if self.rest.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => {
                self.pass(5);
            }
            _ => return Err(self.wrong("an escape that JSON does not have")),
        }
        Ok(())
    }

    /// Passes any value and gives it.
    #[inline(always)]
    pub fn raw(&mut self) -> Result<Raw<'a>, Wrong> {
        let from = self.at();
        match self.byte() {
            b'"' => {
                if self.string()? {
                    return Ok(Raw::Escaped(self.since(from)));
                }
                Ok(Raw::Plain(self.text.get(from + 1..self.at() - 1).unwrap_or_default()))
            }
            b'n' => self.word(b"null").map(|()| Raw::Null),
            _ => {
                self.value()?;
                Ok(Raw::Other(self.since(from)))
            }
        }
    }

    /// Passes any value.
    #[inline(always)]
    pub fn value(&mut self) -> Result<(), Wrong> {
        match self.byte() {
            b'"' => self.string().map(|_| ()),
            b'n' => self.word(b"null"),
            b'{' | b'[' => self.nested(),
            _ => self.scalar(),
        }
    }

    #[cold]
    fn scalar(&mut self) -> Result<(), Wrong> {
        match self.byte() {
            b'"' => self.string().map(|_| ()),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.wrong("a value is expected")),
        }
    }

    #[inline(always)]
    fn word<const N: usize>(&mut self, word: &[u8; N]) -> Result<(), Wrong> {
        if self.rest.first_chunk() != Some(word) {
            return Err(self.wrong("a value is expected"));
        }
        self.pass(N);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Wrong> {
        self.pass(usize::from(self.byte() == b'-'));
        if self.byte() == b'0' {
            self.pass(1);
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.pass(1);
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.pass(1);
            self.pass(usize::from(matches!(self.byte(), b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        if !self.byte().is_ascii_digit() {
            return Err(self.wrong("a digit is expected"));
        }
        while self.byte().is_ascii_digit() {
            self.pass(1);
        }
        Ok(())
    }

    /// Passes an array or object. A bit for each level that is open: 1 = an object.
    #[cold]
    fn nested(&mut self) -> Result<(), Wrong> {
        let (mut open, mut depth) = (0_u128, 0_u32);
        loop {
            // At a value.
            match self.byte() {
                bracket @ (b'{' | b'[') => {
                    if depth == DEEPEST {
                        return Err(self.wrong("nested too deep"));
                    }
                    self.pass(1);
                    self.space();
                    depth += 1;
                    open = open << 1 | u128::from(bracket == b'{');
                    match (bracket, self.byte()) {
                        (b'{', b'}') | (b'[', b']') => {}
                        (b'{', _) => {
                            self.key()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                _ => {
                    self.scalar()?;
                    self.space();
                }
            }
            // Behind a value, or at the bracket that closes an empty one.
            loop {
                match self.byte() {
                    b'}' if open & 1 == 1 => {}
                    b']' if open & 1 == 0 => {}
                    b',' => break,
                    _ => return Err(self.wrong("a comma or a closing bracket is expected")),
                }
                self.pass(1);
                open >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Ok(());
                }
                self.space();
            }
            self.pass(1);
            self.space();
            if open & 1 == 1 {
                self.key()?;
            }
        }
    }

    /// Passes a key with its colon, up to its value.
    fn key(&mut self) -> Result<(), Wrong> {
        if self.byte() != b'"' {
            return Err(self.wrong("a key is expected"));
        }
        self.string()?;
        self.colon()
    }

    #[inline(always)]
    pub fn colon(&mut self) -> Result<(), Wrong> {
        self.space();
        if self.byte() != b':' {
            return Err(self.wrong("a colon is expected"));
        }
        self.pass(1);
        self.space();
        Ok(())
    }

    /// Behind a value of an object or array: passes the comma, or the closing bracket and says so.
    #[inline(always)]
    pub fn closes(&mut self, bracket: u8) -> Result<bool, Wrong> {
        self.space();
        let byte = self.byte();
        if byte != b',' && byte != bracket {
            return Err(self.wrong("a comma or a closing bracket is expected"));
        }
        self.pass(1);
        self.space();
        Ok(byte == bracket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn accepts(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.space();
        scan.value().is_ok() && {
            scan.space();
            scan.rest().is_empty()
        }
    }

    /// What serde_json says; a line end is no blank here.
    fn agrees(text: &str) {
        let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok() && !text.contains('\n');
        assert_eq!(accepts(text), theirs, "{text:?}");
    }

    #[test]
    fn the_grammar_is_that_of_json() {
        for text in [
            "",
            " ",
            "1",
            "-1",
            "01",
            "1.",
            "1.5e+9",
            "1e",
            "-",
            "+1",
            "1e400",
            "nul",
            "null",
            "nulll",
            "true",
            "tru",
            "\"a",
            "\"\\u12\"",
            "\"\\u12aF\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\t\"",
            "[]",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "{\"a\":[{},[],{\"b\":[[]]}]}",
            "[}",
            "{]",
            "[[1],{\"k\":\"v\"}] ",
            "[1]]",
            "\u{feff}1",
            "{\"a\":\"0123456789abcdef0123456789abcdef\\n\",\"b\":\"\\\"\"}",
        ] {
            agrees(text);
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(accepts(&deep(127)));
        assert!(!accepts(&deep(128)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn pieces_of_json_are_judged_alike(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\u00", "1", "-", ".", "0", "e5", "null", "true", "false", " ",
            "é", "0123456789abcdef", "\t", "\u{1}", "\"\\n\"", "[]", "{}", "\"k\":1",
        ]), 0..14)) {
            agrees(&pieces.concat());
        }

        #[test]
        fn valid_values_with_one_byte_changed_are_judged_alike(
            keys in prop::collection::vec("\\PC{0,20}", 1..6), numbers in prop::collection::vec(any::<f64>(), 6..7), at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f,
        ) {
            let mut map = serde_json::Map::new();
            for (key, number) in keys.iter().zip(numbers) {
                map.insert(key.clone(), serde_json::json!([{"text": key, "number": number}, null, true]));
            }
            let text = serde_json::Value::Object(map).to_string();
            agrees(&text);
            let mut bytes = text.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(text) = String::from_utf8(bytes) {
                agrees(&text);
            }
            if let Some(cut) = text.get(..at) {
                agrees(cut);
            }
        }
    }
}
