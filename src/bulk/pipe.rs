//! Chunks through workers and out again in order.
//!
//! Invariant: at most a few chunks per worker are in memory, however long the input is.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::lines::{Chunk, LONGEST, Lines};
use super::map::{BadEnd, Done, Mapping, Tally, Work};
use super::read::Found;
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
    let (mut lines, mut totals, mut work) = (Lines::new(input), Totals::default(), Work::default());
    while let Some(chunk) = lines.chunk()? {
        let done = one(mapping, context, &chunk, &mut work);
        totals.take(&done, chunk.bytes.len(), &mut wanted)?;
    }
    wanted.out.flush()?;
    Ok(totals)
}

type Finished = (Done, usize);

fn many<R: Read + Send>(
    mapping: &Mapping<'_>,
    context: &(dyn Context + Sync),
    input: R,
    threads: usize,
    mut wanted: Wanted<'_>,
) -> io::Result<Totals> {
    std::thread::scope(|scope| {
        let (mut feeds, mut results) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (feed, chunks) = sync_channel::<Chunk>(1);
            let (finished, result) = sync_channel::<Finished>(1);
            scope.spawn(move || work_on(mapping, context, &chunks, &finished));
            feeds.push(feed);
            results.push(result);
        }
        let reader = scope.spawn(move || deal(input, &feeds));
        let mut totals = Totals::default();
        // Chunks were dealt in turn: taking them in turn is their order.
        for result in results.iter().cycle() {
            let Ok((done, bytes)) = result.recv() else { break };
            totals.take(&done, bytes, &mut wanted)?;
        }
        drop(results);
        reader.join().map_err(|_| io::Error::other("the reader stopped"))??;
        wanted.out.flush()?;
        Ok(totals)
    })
}

fn deal<R: Read>(input: R, feeds: &[SyncSender<Chunk>]) -> io::Result<()> {
    let mut lines = Lines::new(input);
    for feed in feeds.iter().cycle() {
        let Some(chunk) = lines.chunk()? else { break };
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
) {
    let mut work = Work::default();
    while let Ok(chunk) = chunks.recv() {
        let done = one(mapping, context, &chunk, &mut work);
        if finished.send((done, chunk.bytes.len())).is_err() {
            break;
        }
    }
}

fn one(mapping: &Mapping<'_>, context: &(dyn Context + Sync), chunk: &Chunk, work: &mut Work) -> Done {
    let mut done = Done::default();
    if chunk.too_long {
        done.tally.read += 1;
        done.bad(chunk.first, None, None, "too-long", format!("a line longer than {} MiB", LONGEST >> 20));
        return done;
    }
    let mut found = Found::default();
    for (number, line) in (chunk.first..).zip(chunk.bytes.split(|byte| *byte == b'\n')) {
        let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        match std::str::from_utf8(line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => mapping.line(context, number, text, work, &mut found, &mut done),
            Err(error) => {
                done.tally.read += 1;
                let detail = format!("no UTF-8, from byte {} on", error.valid_up_to() + 1);
                done.bad(number, None, None, "invalid-utf8", detail);
            }
        }
    }
    done
}

impl Totals {
    fn take(&mut self, done: &Done, bytes: usize, wanted: &mut Wanted<'_>) -> io::Result<()> {
        wanted.out.write_all(&done.out)?;
        for bad in &done.bad {
            (wanted.bad)(bad)?;
        }
        self.tally.read += done.tally.read;
        self.tally.written += done.tally.written;
        self.tally.skipped += done.tally.skipped;
        self.bad += done.bad.len() as u64;
        (wanted.progress)(bytes as u64);
        Ok(())
    }
}
