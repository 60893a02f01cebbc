//! A file of lines cut into blocks that threads read by themselves.
//!
//! Invariant: each line belongs to the block in which it begins, whole. A line that is too long is told and never
//! held in memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::str::from_utf8;

use memchr::{memchr, memchr_iter, memrchr};

use crate::bulk::lines::LONGEST;

/// How much of a file one job reads.
const BLOCK: u64 = 4 << 20;

/// A file on the disk with its length when it was looked at.
#[derive(Debug, Clone)]
pub struct Export {
    pub path: PathBuf,
    length: u64,
}

/// The lines that begin in one block.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    text: &'a [u8],
    /// Where the text begins in the file.
    at: u64,
    /// After them comes a line that is too long.
    pub long: bool,
}

/// A file that one thread has open, with its buffer.
pub struct Open {
    file: File,
    buffer: Vec<u8>,
}

impl Export {
    /// # Errors
    /// The file is not there, or is no plain file (it is read twice, so a pipe can't do).
    pub fn new(path: &Path) -> io::Result<Export> {
        let about = std::fs::metadata(path)?;
        if !about.is_file() {
            return Err(io::Error::other("it is read more than once, so it has to be a plain file"));
        }
        Ok(Export { path: path.to_owned(), length: about.len() })
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn blocks(&self) -> usize {
        usize::try_from(self.length.div_ceil(BLOCK)).unwrap_or(usize::MAX)
    }

    pub fn open(&self) -> io::Result<Open> {
        Ok(Open { file: File::open(&self.path)?, buffer: Vec::new() })
    }
}

impl Open {
    /// Reads the lines of a block.
    pub fn block(&mut self, number: usize) -> io::Result<Block<'_>> {
        let start = number as u64 * BLOCK;
        // The byte before tells whether a line begins right here.
        let from = start.saturating_sub(1);
        self.file.seek(SeekFrom::Start(from))?;
        self.buffer.clear();
        (&mut self.file).take(start + BLOCK - from).read_to_end(&mut self.buffer)?;
        let skip = match (number, memchr(b'\n', &self.buffer)) {
            (0, _) => 0,
            (_, Some(end)) => end + 1,
            (_, None) => self.buffer.len(),
        };
        // What begins exactly where the next block does is the next block's.
        if self.buffer.len() <= skip {
            return Ok(Block { text: &[], at: from, long: false });
        }
        let long = !self.complete()?;
        let text = self.buffer.get(skip..).unwrap_or_default();
        Ok(Block { text, at: from + skip as u64, long })
    }

    /// Reads on to the end of the last line; `false` when it is too long.
    fn complete(&mut self) -> io::Result<bool> {
        if self.buffer.last() == Some(&b'\n') {
            return Ok(true);
        }
        let mut reader = BufReader::with_capacity(64 << 10, &mut self.file);
        let begin = memrchr(b'\n', &self.buffer).map_or(0, |end| end + 1);
        loop {
            let part = reader.fill_buf()?;
            if part.is_empty() {
                return Ok(true);
            }
            let (used, ends) = match memchr(b'\n', part) {
                Some(end) => (end + 1, true),
                None => (part.len(), false),
            };
            self.buffer.extend_from_slice(part.get(..used).unwrap_or_default());
            reader.consume(used);
            if ends {
                return Ok(true);
            }
            if self.buffer.len() - begin > LONGEST {
                self.buffer.truncate(begin);
                return Ok(false);
            }
        }
    }

    /// A record's text again, by its place.
    pub fn again(&mut self, at: u64, length: u32) -> io::Result<&str> {
        self.file.seek(SeekFrom::Start(at))?;
        self.buffer.clear();
        (&mut self.file).take(u64::from(length)).read_to_end(&mut self.buffer)?;
        simdutf8::basic::from_utf8(&self.buffer)
            .map_err(|_| io::Error::other("the file changed while it was read"))
    }
}

impl<'a> Block<'a> {
    /// Bytes of the file that it holds.
    pub fn length(&self) -> u64 {
        self.text.len() as u64
    }

    /// Each line without its end and without the byte order mark of a file, and where it begins in the file; or how
    /// many bytes of it are UTF-8.
    pub fn texts(self) -> impl Iterator<Item = (u64, Result<&'a str, usize>)> {
        let whole = simdutf8::basic::from_utf8(self.text).ok();
        self.lines().map(move |(at, line)| {
            // One check for all lines is quicker than one for each.
            let within = usize::try_from(at - self.at).unwrap_or(usize::MAX);
            let text = whole.and_then(|text| text.get(within..within + line.len()));
            let text = text.map_or_else(|| from_utf8(line).map_err(|error| error.valid_up_to()), Ok);
            match (at, text) {
                (0, Ok(text)) => match text.strip_prefix('\u{feff}') {
                    Some(rest) => ((text.len() - rest.len()) as u64, Ok(rest)),
                    None => (0, Ok(text)),
                },
                (at, text) => (at, text),
            }
        })
    }

    fn lines(self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let (mut begin, length) = (0, self.text.len());
        let ends = memchr_iter(b'\n', self.text).chain(std::iter::once(length));
        ends.filter_map(move |end| {
            let line = self.text.get(begin..end).unwrap_or_default();
            let at = self.at + begin as u64;
            begin = end + 1;
            // What follows the last line end is a line only if there is something.
            (end < length || !line.is_empty()).then_some((at, line))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let export = Export::new(file.path()).unwrap();
        let mut open = export.open().unwrap();
        let mut seen = Vec::new();
        for number in 0..export.blocks() {
            let block = open.block(number).unwrap();
            seen.extend(block.lines().map(|(at, line)| (at, line.to_vec())));
            if block.long {
                seen.push((u64::MAX, Vec::new()));
            }
        }
        seen
    }

    #[test]
    fn lines_over_the_edges_of_blocks_are_read_once_and_whole() {
        let block = usize::try_from(BLOCK).unwrap();
        for first in [block - 2, block - 1, block, block + 1, 2 * block + 5] {
            let mut text = vec![b'a'; first];
            text.extend_from_slice(b"\nbb\n\ncc");
            let seen = read(&text);
            let want: Vec<(u64, Vec<u8>)> = vec![
                (0, vec![b'a'; first]),
                (first as u64 + 1, b"bb".to_vec()),
                (first as u64 + 4, Vec::new()),
                (first as u64 + 5, b"cc".to_vec()),
            ];
            assert!(
                seen == want,
                "{first}: {:?}",
                seen.iter().map(|(at, t)| (*at, t.len())).collect::<Vec<_>>()
            );
        }
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_is_read() {
        let mut text = b"{}\n".to_vec();
        text.resize(text.len() + LONGEST + (8 << 20), b'x');
        text.extend_from_slice(b"\n[]\n");
        let seen = read(&text);
        assert_eq!(seen.len(), 3);
        assert_eq!(
            (seen[0].1.as_slice(), seen[1].0, seen[2].1.as_slice()),
            (&b"{}"[..], u64::MAX, &b"[]"[..])
        );
    }
}
