//! A stream of bytes to chunks of whole lines with their numbers.
//!
//! Invariant: a chunk ends at a line's end or at the end of the input. A line longer than [`LONGEST`] is never held
//! in memory: its number is told and the rest of it is passed over.

use std::io::{self, Read};

use memchr::{memchr_iter, memrchr};

/// No record or page of a CRM is near this.
pub const LONGEST: usize = 16 << 20;
const CHUNK: usize = 256 << 10;

/// Some whole lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    bytes: Vec<u8>,
    used: usize,
    /// Number of the first line, from 1.
    pub first: u64,
    /// A line that is too long stands where this chunk begins; it holds nothing else.
    pub too_long: bool,
}

impl Chunk {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// The buffer, to be filled again.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

pub struct Lines<R> {
    input: R,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    next: u64,
    over: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(input: R) -> Self {
        Lines { input, rest: Vec::new(), next: 1, over: false }
    }

    /// The next chunk: what one read gave, as soon as it has a whole line. `None` at the end. `bytes` is a buffer that
    /// is no longer needed: what stands in it is written over.
    pub fn chunk(&mut self, mut bytes: Vec<u8>) -> io::Result<Option<Chunk>> {
        let mut used = self.rest.len();
        make_room(&mut bytes, used);
        if let Some(start) = bytes.get_mut(..used) {
            start.copy_from_slice(&self.rest);
        }
        self.rest.clear();
        loop {
            if self.over {
                return Ok((used > 0).then(|| self.cut(bytes, used)));
            }
            make_room(&mut bytes, used + CHUNK);
            let got = self.read(bytes.get_mut(used..used + CHUNK).unwrap_or_default())?;
            self.over = got == 0;
            let new = bytes.get(used..used + got).unwrap_or_default();
            match memrchr(b'\n', new) {
                Some(end) => {
                    self.rest.extend_from_slice(new.get(end + 1..).unwrap_or_default());
                    return Ok(Some(self.cut(bytes, used + end + 1)));
                }
                None if used + got > LONGEST => {
                    drop(bytes);
                    return self.pass_over().map(Some);
                }
                None => used += got,
            }
        }
    }

    fn cut(&mut self, bytes: Vec<u8>, used: usize) -> Chunk {
        let chunk = Chunk { bytes, used, first: self.next, too_long: false };
        self.next += memchr_iter(b'\n', chunk.bytes()).count() as u64;
        chunk
    }

    fn pass_over(&mut self) -> io::Result<Chunk> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let got = self.read(&mut buffer)?;
            let read = buffer.get(..got).unwrap_or_default();
            if got == 0 {
                self.over = true;
                break;
            }
            if let Some(end) = memchr::memchr(b'\n', read) {
                self.rest = read.get(end + 1..).unwrap_or_default().to_vec();
                break;
            }
        }
        let first = self.next;
        self.next += 1;
        Ok(Chunk { first, too_long: true, ..Chunk::default() })
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

fn make_room(bytes: &mut Vec<u8>, size: usize) {
    if bytes.len() < size {
        bytes.resize(size, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_lines_and_the_last_needs_no_end() {
        let mut lines = Lines::new(&b"{\"a\":1}\n{}\n{\"b\""[..]);
        let first = lines.chunk(Vec::new()).unwrap().unwrap();
        assert_eq!((first.first, first.bytes()), (1, &b"{\"a\":1}\n{}\n"[..]));
        let last = lines.chunk(Vec::new()).unwrap().unwrap();
        assert_eq!((last.first, last.bytes()), (3, &b"{\"b\""[..]));
        assert_eq!(lines.chunk(Vec::new()).unwrap(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let long = io::repeat(b'x').take(LONGEST as u64 + 5_000_000);
        let mut lines = Lines::new((&b"{}\n"[..]).chain(long).chain(&b"\n{}\n"[..]));
        let mut seen = Vec::new();
        while let Some(chunk) = lines.chunk(Vec::new()).unwrap() {
            seen.push((chunk.first, chunk.too_long, chunk.bytes().len()));
        }
        assert_eq!(seen, [(1, false, 3), (2, true, 0), (3, false, 3)]);
    }
}
