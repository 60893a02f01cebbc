//! JSON that is spread over many lines (pretty-printed records, one list of them) to lines, byte for byte.
//!
//! Invariant: no byte is added or left out: only line ends, and of an outermost list its brackets and commas, become
//! blanks or line ends. What begins like lines of records goes through untouched. Deliberately not here: whether it is
//! JSON at all, which whoever reads the lines finds out.

use std::io::{self, Read};

/// How far it looks for the end of the first line.
const LOOK: usize = 64 << 10;

/// A stream whose first bytes were read already.
pub struct Joined<R> {
    head: io::Cursor<Vec<u8>>,
    rest: R,
    joiner: Option<Joiner>,
}

#[derive(Debug, Default)]
struct Joiner {
    depth: u32,
    quoted: bool,
    escaped: bool,
    /// The outermost value is a list, whose items are records.
    list: bool,
}

/// Looks at how the input begins.
///
/// # Errors
/// Reading failed.
pub fn joined<R: Read>(mut input: R) -> io::Result<Joined<R>> {
    let mut head = Vec::new();
    let spread = loop {
        let from = head.len();
        head.resize(from + LOOK, 0);
        let got = read(&mut input, head.get_mut(from..).unwrap_or_default())?;
        head.truncate(from + got);
        match is_spread(&head, got == 0 || head.len() >= LOOK) {
            Some(spread) => break spread,
            None => continue,
        }
    };
    let joiner = spread.then(Joiner::default);
    Ok(Joined { head: io::Cursor::new(head), rest: input, joiner })
}

fn read(input: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Whether one value goes over several lines; `None` = more has to be seen. A line that is cut off is followed by one
/// that begins with a record; a value that goes on is followed by one that is indented, or it is a bare bracket.
fn is_spread(head: &[u8], whole: bool) -> Option<bool> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', text) else { return whole.then_some(false) };
    let (first, behind) = text.split_at(end);
    let mut joiner = Joiner::default();
    for byte in first {
        joiner.step(*byte);
    }
    if joiner.depth == 0 || joiner.quoted {
        return Some(false);
    }
    match (first.trim_ascii_end(), behind.get(1)) {
        (b"[" | b"{", _) | (_, Some(b' ' | b'\t' | b'\r')) => Some(true),
        (_, Some(_)) => Some(false),
        (_, None) => whole.then_some(false),
    }
}

impl Joiner {
    /// What stands in place of a byte.
    fn step(&mut self, byte: u8) -> u8 {
        if self.quoted {
            (self.quoted, self.escaped) = (self.escaped || byte != b'"', !self.escaped && byte == b'\\');
            return byte;
        }
        match byte {
            b'"' => self.quoted = true,
            b'[' if self.depth == 0 => {
                (self.depth, self.list) = (1, true);
                return b' ';
            }
            b'{' | b'[' => self.depth += 1,
            b']' if self.list && self.depth == 1 => {
                (self.depth, self.list) = (0, false);
                return b'\n';
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if self.list && self.depth == 1 => return b'\n',
            b'\n' | b'\r' if self.depth > 0 => return b' ',
            _ => {}
        }
        byte
    }
}

impl<R: Read> Read for Joined<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = match self.head.read(into)? {
            0 => self.rest.read(into)?,
            got => got,
        };
        if let Some(joiner) = &mut self.joiner {
            for byte in into.iter_mut().take(got) {
                *byte = joiner.step(*byte);
            }
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let mut out = String::new();
        joined(text.as_bytes()).unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out.len(), text.len());
        out.lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|line: &String| !line.is_empty())
            .collect()
    }

    #[test]
    fn values_over_many_lines_become_lines() {
        assert_eq!(
            lines("{\n  \"a\": \"]}\\\"{\",\n  \"b\": [1,\n 2]\n}\n{\n\"c\":1}"),
            ["{\"a\":\"]}\\\"{\",\"b\":[1,2]}", "{\"c\":1}"]
        );
        assert_eq!(lines("[\n{\"a\":1},\n{\"b\":[\n{}]}\n]\n"), ["{\"a\":1}", "{\"b\":[{}]}"]);
        assert_eq!(lines("{\"results\": [\n  {\"a\":1}\n]}"), ["{\"results\":[{\"a\":1}]}"]);
        assert_eq!(lines("\u{feff}[\r\n1,\r\n2]")[1..], ["2"]);
    }

    #[test]
    fn lines_of_records_stay_as_they_are() {
        for text in [
            "{\"a\":1}\n{\"b\":2}\n",
            "{\"a\":{\"b\":\n{\"c\":1}\n",
            "[1,2]\n{}\n",
            "{\"a\":\"\n",
            "",
            "{",
            "x\n y",
        ] {
            let mut out = String::new();
            joined(text.as_bytes()).unwrap().read_to_string(&mut out).unwrap();
            assert_eq!(out, text);
        }
    }
}
