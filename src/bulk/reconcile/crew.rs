//! Numbered jobs through several threads, their results taken in the order of the numbers.
//!
//! Invariant: what `take` sees does not depend on the number of threads, and only a few results wait at a time.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

/// What a thread needs of its own (an open file, a state), made inside the thread, and what it does with it.
pub struct Crew<'c, W, T> {
    pub threads: usize,
    pub jobs: usize,
    pub worker: &'c (dyn Fn() -> io::Result<W> + Sync),
    pub work: &'c (dyn Fn(&mut W, usize) -> io::Result<T> + Sync),
}

impl<W, T: Send> Crew<'_, W, T> {
    /// # Errors
    /// The first error of any job, or of `take`.
    pub fn run(&self, take: &mut dyn FnMut(T) -> io::Result<()>) -> io::Result<()> {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (finished, results) = sync_channel(1);
            for _ in 0..self.threads.clamp(1, self.jobs.max(1)) {
                let (finished, next) = (finished.clone(), &next);
                scope.spawn(move || self.one(next, &finished));
            }
            drop(finished);
            let mut early = BTreeMap::new();
            let mut wanted = 0;
            for (job, result) in results {
                early.insert(job, result?);
                while let Some(result) = early.remove(&wanted) {
                    take(result)?;
                    wanted += 1;
                }
            }
            Ok(())
        })
    }

    fn one(&self, next: &AtomicUsize, finished: &SyncSender<(usize, io::Result<T>)>) {
        let mut worker = match (self.worker)() {
            Ok(worker) => worker,
            Err(error) => {
                let _ = finished.send((usize::MAX, Err(error)));
                return;
            }
        };
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= self.jobs {
                return;
            }
            let result = (self.work)(&mut worker, job);
            let failed = result.is_err();
            // Nobody listens any more when an earlier result could not be taken.
            if finished.send((job, result)).is_err() || failed {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_it() {
        let crew = Crew { threads: 3, jobs: 100, worker: &|| Ok(()), work: &|(), job| Ok(job) };
        let mut seen = Vec::new();
        crew.run(&mut |job| {
            seen.push(job);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        let work = |(): &mut (), job| if job == 7 { Err(io::Error::other("no")) } else { Ok(job) };
        let crew = Crew { threads: 3, jobs: 100, worker: &|| Ok(()), work: &work };
        assert_eq!(crew.run(&mut |_| Ok(())).unwrap_err().to_string(), "no");
    }
}
