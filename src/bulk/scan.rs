//! JSON text to the places of its parts, validated, without making values.
//!
//! Invariant: what is accepted here is JSON by RFC 8259 (nesting up to [`DEEPEST`]); what is not may still be JSON
//! to a reader that takes its time. Strings are walked eight bytes at a time.

/// Objects and lists inside one another.
pub const DEEPEST: u32 = 120;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Not understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Puzzled;

type At = Result<usize, Puzzled>;

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a> {
    pub inner: &'a str,
    pub escaped: bool,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str) -> Self {
        Scan { text, bytes: text.as_bytes(), at: 0 }
    }

    /// Goes into the object that begins here.
    pub fn open(&mut self) -> Result<(), Puzzled> {
        self.space();
        self.expect(b'{')
    }

    /// The next key of the object, at its value then; `None` after the last member.
    pub fn key(&mut self, first: bool) -> Result<Option<Quoted<'a>>, Puzzled> {
        self.space();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.space();
            }
            _ if first => {}
            _ => return Err(Puzzled),
        }
        self.expect(b'"')?;
        let from = self.at;
        let (end, escaped) = string(self.bytes, from)?;
        let inner = self.text.get(from..end - 1).ok_or(Puzzled)?;
        self.at = end;
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(Some(Quoted { inner, escaped }))
    }

    /// The value that begins here, as it stands.
    pub fn value(&mut self) -> Result<&'a str, Puzzled> {
        let from = self.at;
        self.at = value(self.bytes, from, 0)?;
        self.text.get(from..self.at).ok_or(Puzzled)
    }

    /// Whether the value that begins here is an object.
    pub fn at_object(&self) -> bool {
        self.peek() == Some(b'{')
    }

    /// Nothing but space follows.
    pub fn end(mut self) -> Result<(), Puzzled> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Puzzled) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Puzzled> {
        if self.peek() != Some(wanted) {
            return Err(Puzzled);
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) {
        self.at = space(self.bytes, self.at);
    }
}

fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// From behind the opening quote to behind the closing one, and whether a backslash stands between.
fn string(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Puzzled> {
    let mut escaped = false;
    loop {
        if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let quote = word ^ (ONES * u64::from(b'"'));
            let slash = word ^ (ONES * u64::from(b'\\'));
            // The lowest bit that is set is right; those above it may be borrowed.
            let low = word.wrapping_sub(ONES * 0x20) & !word;
            let hit = (quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash) | low;
            let hit = hit & HIGH;
            if hit == 0 {
                at += 8;
                continue;
            }
            at += (hit.trailing_zeros() / 8) as usize;
        }
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape(bytes, at + 1)?;
            }
            Some(0x20..) => at += 1,
            Some(_) | None => return Err(Puzzled),
        }
    }
}

/// From behind a backslash to behind what it stands for.
fn escape(bytes: &[u8], at: usize) -> At {
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => {
            let digits = bytes.get(at + 1..at + 5).ok_or(Puzzled)?;
            if digits.iter().all(u8::is_ascii_hexdigit) { Ok(at + 5) } else { Err(Puzzled) }
        }
        _ => Err(Puzzled),
    }
}

fn value(bytes: &[u8], at: usize, depth: u32) -> At {
    match bytes.get(at) {
        Some(b'"') => string(bytes, at + 1).map(|(end, _)| end),
        Some(b'{') => object(bytes, at + 1, depth + 1),
        Some(b'[') => list(bytes, at + 1, depth + 1),
        Some(b'n') => word(bytes, at, b"null"),
        Some(b't') => word(bytes, at, b"true"),
        Some(b'f') => word(bytes, at, b"false"),
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        _ => Err(Puzzled),
    }
}

fn word(bytes: &[u8], at: usize, wanted: &[u8]) -> At {
    let end = at + wanted.len();
    if bytes.get(at..end) == Some(wanted) { Ok(end) } else { Err(Puzzled) }
}

fn object(bytes: &[u8], at: usize, depth: u32) -> At {
    if depth > DEEPEST {
        return Err(Puzzled);
    }
    let mut at = space(bytes, at);
    if bytes.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return Err(Puzzled);
        }
        at = space(bytes, string(bytes, at + 1)?.0);
        if bytes.get(at) != Some(&b':') {
            return Err(Puzzled);
        }
        at = space(bytes, value(bytes, space(bytes, at + 1), depth)?);
        match bytes.get(at) {
            Some(b',') => at = space(bytes, at + 1),
            Some(b'}') => return Ok(at + 1),
            _ => return Err(Puzzled),
        }
    }
}

fn list(bytes: &[u8], at: usize, depth: u32) -> At {
    if depth > DEEPEST {
        return Err(Puzzled);
    }
    let mut at = space(bytes, at);
    if bytes.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    loop {
        at = space(bytes, value(bytes, at, depth)?);
        match bytes.get(at) {
            Some(b',') => at = space(bytes, at + 1),
            Some(b']') => return Ok(at + 1),
            _ => return Err(Puzzled),
        }
    }
}

fn number(bytes: &[u8], mut at: usize) -> At {
    let digits = |mut at: usize| {
        let from = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at > from { Ok(at) } else { Err(Puzzled) }
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the text is one object, by this reader.
    fn accepts(text: &str) -> bool {
        let walk = || {
            let mut scan = Scan::new(text);
            scan.open()?;
            let mut first = true;
            while scan.key(first)?.is_some() {
                first = false;
                scan.value()?;
            }
            scan.end()
        };
        walk() == Ok(())
    }

    fn is_object(text: &str) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() && text.trim_start().starts_with('{')
    }

    #[test]
    fn it_accepts_what_serde_accepts() {
        let texts = [
            r#"{}"#,
            r#" { } "#,
            r#"{"a":1}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a" : [1, 2 ,{"b":null}] , "c":"x"}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":1.5e+3}"#,
            r#"{"a":1e}"#,
            r#"{"a":-0}"#,
            r#"{"a":.5}"#,
            r#"{"a":"\u00e9\n\\"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            "{\"a\":\"\t\"}",
            "{\"a\":\"\u{7f}é\"}",
            r#"{"a":tru}"#,
            r#"{"a":true}x"#,
            r#"{"a":true} {}"#,
            r#"{"a"}"#,
            r#"{a:1}"#,
            r#"[1]"#,
            r#"{"a":[}"#,
            r#"{"a":"x"#,
            r#"{"a":{"b":{"c":[[],[[]],{}]}}}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":nulls}"#,
            r#"{"12345678":"12345678\"9"}"#,
        ];
        for text in texts {
            assert_eq!(accepts(text), is_object(text), "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(!accepts(&deep));
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_on_mutations(
            at in 0_usize..80,
            with in "[\\[\\]{}\":,\\\\0-9eE+\\-.a-ntu \u{1}é]{0,3}",
            cut in 0_usize..4,
        ) {
            let whole = "{\"id\":\"12\",\"p\":{\"näme\":\"A \\\"q\\\"\",\"n\":-1.5e2,\"l\":[true,null]},\"z\":\"\\u00e9\"}";
            let mut text: Vec<char> = whole.chars().collect();
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, with.chars());
            let text: String = text.into_iter().collect();
            prop_assert_eq!(accepts(&text), is_object(&text), "{}", text);
        }
    }
}
