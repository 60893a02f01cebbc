//! Chunks through workers and out again in order.
//!
//! Invariant: at most a few chunks per worker are in memory, however long the input is.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use super::fields::{bare, member};
use super::lines::{Chunk, LONGEST, Lines};
use super::map::{BadEnd, Done, Mapping, Tally, Work};
use super::seen::Seen;
use super::spread::joined;
use crate::interp::Context;

/// What all of it came to.
#[derive(Debug, Default)]
pub struct Totals {
    pub tally: Tally,
    /// Distinct reports.
    pub bad: u64,
}

/// Where things go, and who is told.
pub struct Wanted<'w> {
    pub out: &'w mut dyn Write,
    pub bad: &'w mut dyn FnMut(&BadEnd) -> io::Result<()>,
    /// Told the bytes of each finished chunk.
    pub progress: &'w mut dyn FnMut(u64),
}

/// Runs the whole input through the mapping.
///
/// # Errors
/// Reading or writing failed.
pub fn pipe<R: Read + Send>(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    input: R,
    threads: usize,
    wanted: Wanted<'_>,
) -> io::Result<Totals> {
    let input = joined(input)?;
    if threads <= 1 {
        alone(mapping, context, input, wanted)
    } else {
        many(mapping, context, input, threads, wanted)
    }
}

fn alone<R: Read>(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    input: R,
    mut wanted: Wanted<'_>,
) -> io::Result<Totals> {
    let (mut lines, mut totals, mut work) = (Lines::new(input), Totals::default(), mapping.work());
    let (mut buffer, mut done, mut seen) = (Vec::new(), Done::default(), Seen::new());
    while let Some(chunk) = lines.chunk(buffer)? {
        one(mapping, context, &chunk, &mut work, &mut done);
        totals.take(&mut done, &chunk, &mut seen, &mut wanted)?;
        buffer = chunk.into_buffer();
    }
    wanted.out.flush()?;
    Ok(totals)
}

/// What a worker made of a chunk.
type Finished = (Done, Chunk);

fn many<R: Read + Send>(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    input: R,
    threads: usize,
    mut wanted: Wanted<'_>,
) -> io::Result<Totals> {
    std::thread::scope(|scope| {
        let (mut feeds, mut results) = (Vec::new(), Vec::new());
        let (buffers, free) = channel();
        for _ in 0..threads {
            let (feed, chunks) = sync_channel::<Chunk>(1);
            let (finished, result) = sync_channel::<Finished>(1);
            let (outs, used) = channel::<Done>();
            scope.spawn(move || work_on(mapping, context, &chunks, &finished, &used));
            feeds.push(feed);
            results.push((result, outs));
        }
        let reader = scope.spawn(move || deal(input, &feeds, &free));
        let (mut totals, mut seen) = (Totals::default(), Seen::new());
        // Chunks were dealt in turn: taking them in turn is their order.
        for (result, outs) in results.iter().cycle() {
            let Ok((mut done, chunk)) = result.recv() else { break };
            totals.take(&mut done, &chunk, &mut seen, &mut wanted)?;
            // Who has stopped needs no buffers.
            let _ = buffers.send(chunk.into_buffer());
            let _ = outs.send(done);
        }
        drop(results);
        reader.join().map_err(|_| io::Error::other("the reader stopped"))??;
        wanted.out.flush()?;
        Ok(totals)
    })
}

fn deal<R: Read>(input: R, feeds: &[SyncSender<Chunk>], free: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut lines = Lines::new(input);
    for feed in feeds.iter().cycle() {
        let Some(chunk) = lines.chunk(free.try_recv().unwrap_or_default())? else { break };
        if feed.send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}

fn work_on(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    chunks: &Receiver<Chunk>,
    finished: &SyncSender<Finished>,
    used: &Receiver<Done>,
) {
    let mut work = mapping.work();
    while let Ok(chunk) = chunks.recv() {
        let mut done = used.try_recv().unwrap_or_default();
        one(mapping, context, &chunk, &mut work, &mut done);
        if finished.send((done, chunk)).is_err() {
            break;
        }
    }
}

fn one(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    chunk: &Chunk,
    work: &mut Work,
    done: &mut Done,
) {
    if chunk.too_long {
        done.tally.read += 1;
        return done.bad(
            chunk.first,
            None,
            None,
            "too-long",
            format!("a line longer than {} MiB", LONGEST >> 20),
        );
    }
    let bytes = chunk.bytes();
    let bytes = if chunk.first == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return mapping.lines(context, &|line| chunk.first + line, text, work, done);
    }
    // Somewhere in the chunk is a bad line: each is looked at alone.
    for (number, line) in (chunk.first..).zip(bytes.split(|byte| *byte == b'\n')) {
        match std::str::from_utf8(line) {
            Ok(text) => mapping.lines(context, &|_| number, text, work, done),
            Err(error) => {
                done.tally.read += 1;
                let detail = format!("no UTF-8, from byte {} on", error.valid_up_to() + 1);
                done.bad(number, None, None, "invalid-utf8", detail);
            }
        }
    }
}

impl Totals {
    fn take(
        &mut self,
        done: &mut Done,
        chunk: &Chunk,
        seen: &mut Seen,
        wanted: &mut Wanted<'_>,
    ) -> io::Result<()> {
        wanted.out.write_all(&done.out)?;
        for (line, number) in &done.ids {
            if seen.again(*number) {
                done.bad.push(twice(chunk, *line));
            }
        }
        for bad in &done.bad {
            (wanted.bad)(bad)?;
        }
        self.tally.read += done.tally.read;
        self.tally.written += done.tally.written;
        self.tally.skipped += done.tally.skipped;
        self.bad += done.bad.len() as u64;
        done.clear();
        (wanted.progress)(chunk.bytes().len() as u64);
        Ok(())
    }
}

/// The report of a record whose id stood there before.
fn twice(chunk: &Chunk, line: u64) -> BadEnd {
    let place = usize::try_from(line.saturating_sub(chunk.first)).unwrap_or(usize::MAX);
    let text = chunk.bytes().split(|byte| *byte == b'\n').nth(place);
    let text = text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    // In a page's line stand several: there the line has to do.
    let id = ["id", "Id"].into_iter().find_map(|key| Some(bare(member(text.trim(), key)?).into_owned()));
    let detail = "its id stands in this input before".to_owned();
    BadEnd { line, id, field: None, reason: "id-twice", detail }
}
