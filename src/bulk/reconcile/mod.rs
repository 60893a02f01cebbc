//! Two exports and what both sides agreed on to the change set of one sync, without an API.
//!
//! One pass over each file keeps a number per record that says whether its pair is in step; only records whose numbers
//! differ are read again, whole, and given to the engine's merge. So the memory that it takes does not grow with the
//! size of the records, and the files may be in any order.
//!
//! Invariant: a pair is left out only when the merge would write nothing between its records. A bad record stops
//! nothing else. Associations are not looked at: their other ends are in other files.

mod base;
mod blocks;
mod context;
mod crew;
mod digest;
mod index;
mod pairing;
mod read;
mod record;
mod verdict;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write};

use serde::Serialize;

pub use base::Source;
pub use blocks::Export;
pub use record::Trouble;

use self::base::{Base, Lines};
use self::context::Linked;
use self::crew::Crew;
use self::digest::Rows;
use self::index::{NONE, flag};
use self::pairing::{Pairing, Slots};
use self::read::Look;
use self::record::Reader;
use self::verdict::{Judge, Verdicts, Worker};
use crate::interp::{Context, SyncProgram};
use crate::merge::Summary;
use crate::merge::change::FORMAT_VERSION;
use crate::plan::ir::{Side, SyncId, SyncPlan};

/// Records between two hand-overs of verdicts.
const PORTION: usize = 512;

/// One sync, prepared.
pub struct Setup<'p> {
    plan: &'p SyncPlan,
    program: SyncProgram<'p>,
    left: Reader<'p>,
    right: Reader<'p>,
    rows: Vec<Rows<'p>>,
    slots: Slots,
    /// Some row is asked of records that did not change.
    always: bool,
    threads: usize,
}

/// The files of one run.
pub struct Files {
    pub left: Export,
    pub right: Export,
    pub base: Source,
}

/// Makes what mappings may ask beyond a record; once per thread.
type Contexts<'c, 'k> = &'c (dyn Fn() -> io::Result<Linked<'k>> + Sync);

/// Where things go, and who is told.
pub struct Wanted<'w> {
    pub out: &'w mut dyn Write,
    pub bad: &'w mut dyn FnMut(&Trouble) -> io::Result<()>,
    /// Told the bytes that were read.
    pub progress: &'w mut dyn FnMut(u64),
}

/// The last line of the output.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    pub format_version: &'static str,
    pub sync: String,
    pub summary: Summary,
    /// Records read.
    pub left: u64,
    pub right: u64,
    pub pairs: u64,
    /// Pairs that nothing has to be written between, as their numbers show.
    pub in_step: u64,
    /// Lines, records and fields that could not be used.
    pub problems: u64,
}

impl<'p> Setup<'p> {
    pub fn new(plan: &'p SyncPlan, id: SyncId, threads: usize) -> Option<Self> {
        let program = SyncProgram::new(plan, id)?;
        let sync = program.sync;
        let left = Reader::new(plan, &[sync.left])?;
        let right = Reader::new(plan, &sync.arms.iter().map(|arm| arm.right).collect::<Vec<_>>())?;
        let rows: Vec<Rows<'p>> = sync.arms.iter().map(|arm| Rows::new(&program, arm)).collect();
        let slots = Slots::new(&program);
        let always = rows.iter().any(Rows::any_always);
        Some(Setup { plan, program, left, right, rows, slots, always, threads: threads.max(1) })
    }

    /// Compares the exports and writes one change or skip a line, then the totals.
    ///
    /// # Errors
    /// Reading or writing failed, or a file changed meanwhile.
    pub fn run(
        &self,
        files: &Files,
        known: &(dyn Context + Sync),
        mut wanted: Wanted<'_>,
    ) -> io::Result<Totals> {
        // Nobody can make up records whose numbers are the same by chance.
        let seed = RandomState::new().build_hasher().finish();
        let lines = Lines {
            plan: self.plan,
            program: &self.program,
            left: &self.left,
            right: &self.right,
            rows: &self.rows,
            seed,
        };
        let (base, of_base) = self.base(&files.base, &lines, &mut wanted)?;
        let contexts = || Linked::new(self.plan, known, &files.base);
        let look = Look { setup: self, seed, base: &base, contexts: &contexts };
        let (left, of_left) = look.left(&files.left, &mut wanted)?;
        let (right, of_right) = look.right(&files.right, &left, &mut wanted)?;
        let (plan, program, slots) = (self.plan, &self.program, &self.slots);
        let mut pairing = Pairing { plan, program, slots, left, right, seed, why: BTreeMap::new() };
        pairing.by_base(&base);
        let judge = Judge {
            plan,
            program,
            left: &self.left,
            right: &self.right,
            lines: &lines,
            base: &base,
            keyless: self.keyless(&pairing),
            pairing: &pairing,
            unread: [of_left.unread, of_right.unread],
        };
        let mut totals = Totals {
            format_version: FORMAT_VERSION,
            sync: program.sync.name.clone(),
            left: of_left.records,
            right: of_right.records,
            problems: of_base.trouble + of_left.trouble + of_right.trouble,
            ..Totals::default()
        };
        self.judge(&judge, files, &contexts, &mut totals, &mut wanted)?;
        serde_json::to_writer(&mut *wanted.out, &totals)?;
        wanted.out.write_all(b"\n")?;
        wanted.out.flush()?;
        Ok(totals)
    }

    fn base(
        &self,
        source: &Source,
        lines: &Lines<'_, '_>,
        wanted: &mut Wanted<'_>,
    ) -> io::Result<(Base, read::Count)> {
        match source {
            Source::Nothing => Ok((Base::default(), read::Count::default())),
            Source::Lines(export) => read::base(export, lines, self.threads, wanted),
            Source::State(path) => {
                let mut base = Base::default();
                if let Some(store) = base::open_state(path)? {
                    base::of_state(&store, &self.program.sync.name, lines.seed, &mut base)?;
                }
                Ok((base, read::Count::default()))
            }
        }
    }

    fn keyless(&self, pairing: &Pairing<'_, '_>) -> Vec<[bool; 2]> {
        let mut keyless = vec![[false; 2]; self.rows.len()];
        for (side, of) in [&pairing.left, &pairing.right].into_iter().enumerate() {
            for entry in &of.entries {
                let open =
                    entry.partner == NONE && entry.flags & (flag::KEYLESS | flag::GONE) == flag::KEYLESS;
                let at = keyless.get_mut(usize::from(entry.arm)).and_then(|sides| sides.get_mut(side));
                if let (true, Some(at)) = (open, at) {
                    *at = true;
                }
            }
        }
        keyless
    }

    fn judge(
        &self,
        judge: &Judge<'_, '_>,
        files: &Files,
        contexts: Contexts<'_, '_>,
        totals: &mut Totals,
        wanted: &mut Wanted<'_>,
    ) -> io::Result<()> {
        let mut due = Vec::new();
        for (side, of) in [(Side::Left, &judge.pairing.left), (Side::Right, &judge.pairing.right)] {
            for index in 0..u32::try_from(of.entries.len()).unwrap_or(NONE) {
                let paired = side == Side::Left && of.get(index).is_some_and(|entry| entry.partner != NONE);
                let is_due = judge.is_due(side, index);
                totals.pairs += u64::from(paired);
                totals.in_step += u64::from(paired && !is_due);
                if is_due {
                    due.push((side, index));
                }
            }
        }
        let crew = Crew {
            threads: self.threads,
            jobs: due.len().div_ceil(PORTION),
            worker: &|| {
                Ok(Worker {
                    context: contexts()?,
                    left: (files.left.open()?, self.left.work()),
                    right: (files.right.open()?, self.right.work()),
                    base: files.base.open()?,
                })
            },
            work: &|worker, job| {
                let mut out = Verdicts::default();
                let portion = due.get(job * PORTION..due.len().min((job + 1) * PORTION)).unwrap_or_default();
                for (side, index) in portion {
                    match side {
                        Side::Left => judge.left(worker, *index, &mut out)?,
                        Side::Right => judge.right(worker, *index, &mut out)?,
                    }
                }
                worker.context.check()?;
                Ok(out)
            },
        };
        let mut number = 0;
        crew.run(&mut |verdicts| {
            totals.summary.add(&verdicts.summary);
            verdicts.write(&mut number, &mut *wanted.out)?;
            for trouble in verdicts.trouble {
                totals.problems += 1;
                (wanted.bad)(&trouble)?;
            }
            Ok(())
        })
    }
}
