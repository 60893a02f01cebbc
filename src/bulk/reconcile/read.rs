//! The first look at the exports and the base: each record once, in parallel, to the few bytes that are kept of it.

use std::io;

use super::base::{Base, Known, Lines};
use super::blocks::{Export, Open};
use super::context::Linked;
use super::crew::Crew;
use super::digest::{Asked, Desk, Sum};
use super::index::{Batch, Entry, NONE, Side, expected, flag, id_hash};
use super::pairing::ByKey;
use super::record::{Bad, Named, Reader, Trouble, Work};
use super::{Contexts, Setup, Wanted};
use crate::bulk::fields::Found;
use crate::bulk::lines::LONGEST;
use crate::interp::{Context, FilterOutcome};
use crate::plan::ir::{Match, Side as At};
use crate::record::Record;

/// Records for which room is made at once; for more it grows.
const MOST: f64 = 2e6;

/// Everything that a look needs and no thread changes.
pub struct Look<'l, 'p> {
    pub setup: &'l Setup<'p>,
    pub seed: u64,
    pub base: &'l Base,
    pub contexts: Contexts<'l, 'l>,
}

/// What a thread has of its own.
struct Hand<'h> {
    open: Open,
    work: Work,
    context: Linked<'h>,
}

/// What came of a block.
#[derive(Default)]
struct Done<T> {
    found: T,
    trouble: Vec<Trouble>,
    lines: u64,
    bytes: u64,
}

/// Records of one side that are known while the other one is read.
struct Opposite<'o> {
    left: &'o Side,
    /// Left records by each key, to guess the counterpart of one that no base names.
    keys: Vec<ByKey>,
}

/// How many lines and records a file had, and how many of its lines were none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    pub records: u64,
    pub unread: u64,
    pub trouble: u64,
}

impl Look<'_, '_> {
    pub fn left(&self, export: &Export, wanted: &mut Wanted<'_>) -> io::Result<(Side, Count)> {
        self.export(export, wanted, "left", &|hand, number| {
            self.block("left", hand, number, |found, named, context, told| {
                self.left_one(found, named, context, told)
            })
        })
    }

    pub fn right(&self, export: &Export, left: &Side, wanted: &mut Wanted<'_>) -> io::Result<(Side, Count)> {
        let keys = (0..self.setup.slots.count).map(|slot| ByKey::new(left, slot)).collect();
        let opposite = Opposite { left, keys };
        self.export(export, wanted, "right", &|hand, number| {
            self.block("right", hand, number, |found, named, context, told| {
                self.right_one(&opposite, found, named, context, told)
            })
        })
    }

    /// All blocks of an export, taken over in their order.
    fn export(
        &self,
        export: &Export,
        wanted: &mut Wanted<'_>,
        file: &'static str,
        work: &(dyn Fn(&mut Hand<'_>, usize) -> io::Result<Done<Batch>> + Sync),
    ) -> io::Result<(Side, Count)> {
        let (mut side, mut count) =
            (Side::new(self.seed, self.setup.slots.count, self.base.length()), Count::default());
        let mut first = 1;
        let reader = self.reader(file);
        let crew = Crew {
            threads: self.setup.threads,
            jobs: export.blocks(),
            worker: &|| Ok(Hand { open: export.open()?, work: reader.work(), context: (self.contexts)()? }),
            work,
        };
        crew.run(&mut |mut done| {
            if first == 1 {
                side.expect(&done.found, parts(export, done.bytes, done.found.fresh.len()));
            }
            let mut twice = Vec::new();
            side.take(&done.found, &mut |line, id| {
                let detail = "its id stands in this export before; the first one counts".to_owned();
                let id = Some(id.to_owned());
                twice.push(Trouble { file, line, id, field: None, reason: "id-twice", detail });
            });
            done.trouble.append(&mut twice);
            done.trouble.sort_by_key(|trouble| trouble.line);
            for trouble in &mut done.trouble {
                trouble.line += first;
                count.unread += u64::from(trouble.id.is_none());
                count.trouble += 1;
                (wanted.bad)(trouble)?;
            }
            first += done.lines;
            (wanted.progress)(done.bytes);
            Ok(())
        })?;
        count.records = side.entries.len() as u64;
        Ok((side, count))
    }

    fn reader(&self, file: &str) -> &Reader<'_> {
        if file == "left" { &self.setup.left } else { &self.setup.right }
    }

    fn block(
        &self,
        file: &'static str,
        hand: &mut Hand<'_>,
        number: usize,
        one: impl Fn(&Found<'_>, &Named<'_>, &dyn Context, &mut Told<'_>) -> (Entry, Vec<u64>),
    ) -> io::Result<Done<Batch>> {
        let reader = self.reader(file);
        let Hand { open, work, context } = hand;
        let block = open.block(number)?;
        let mut done: Done<Batch> = Done { bytes: block.length(), ..Done::default() };
        let mut found = Found::default();
        for (at, text) in block.texts() {
            let line = done.lines;
            done.lines += 1;
            let text = match text {
                Ok(text) if text.trim_ascii_start().is_empty() => continue,
                Ok(text) => text,
                Err(valid) => {
                    done.trouble.push(trouble(file, line, None, not_utf8(valid)));
                    continue;
                }
            };
            let (batch, told) = (&mut done.found, &mut done.trouble);
            reader.line(work, text, &mut found, &mut |within, length, read| match read {
                Err(bad) => told.push(trouble(file, line, None, bad)),
                Ok((named, found)) => {
                    let id = &*named.id;
                    let mut wrong = |field: &str, detail: String| {
                        let mut wrong = trouble(file, line, Some(id), ("wrong-type", detail));
                        wrong.field = Some(field.to_owned());
                        told.push(wrong);
                    };
                    let (mut entry, keys) = one(found, &named, context, &mut wrong);
                    if let Some(index) = named.twice {
                        let detail = "the key stands there twice; the last one counts".to_owned();
                        let mut twice = trouble(file, line, Some(id), ("key-twice", detail));
                        let kind = reader.kinds.get(named.kind);
                        let field = kind.and_then(|kind| kind.object.fields.get(index));
                        twice.field = field.map(|field| field.name.clone());
                        told.push(twice);
                    }
                    entry.flags |= if named.gone { flag::GONE } else { 0 };
                    batch.push(line, id, self.seed, entry.placed(at + within as u64, length));
                    batch.keys.extend(keys);
                }
            });
        }
        if block.long {
            let detail = format!("a line longer than {} MiB", LONGEST >> 20);
            done.trouble.push(trouble(file, done.lines, None, ("too-long", detail)));
            done.lines += 1;
        }
        context.check()?;
        Ok(done)
    }

    fn left_one(
        &self,
        found: &Found<'_>,
        named: &Named<'_>,
        context: &dyn Context,
        told: &mut Told<'_>,
    ) -> (Entry, Vec<u64>) {
        let setup = self.setup;
        let mut entry = Entry::new();
        let mut keys = vec![0; setup.slots.count];
        entry.known = self.base.find(At::Left, id_hash(self.seed, &*named.id)).unwrap_or(NONE);
        let known = self.base.get(entry.known);
        let plain = |arm: usize| setup.rows.get(arm).map_or(0, |rows| rows.plain(self.seed, At::Left, found));
        let same = known.is_some_and(|known| known.plain_left != 0 && known.plain_left == plain(0));
        let linked = known.is_some_and(|known| known.right != 0);
        if same && linked && !setup.always {
            return (entry, keys);
        }
        let desk = Desk { program: &setup.program, context, seed: self.seed };
        if let (true, true, [rows]) = (same, linked, setup.rows.as_slice())
            && let Some(fields) = rows.always_read(At::Left)
        {
            let record = setup.left.part(named, found, fields);
            entry.take(rows.left(&desk, Asked::Always, &record));
            return (entry, keys);
        }
        let record = setup.left.record(named, found, told);
        entry.flags |= flag::TOLD;
        match setup.program.route(context, &record) {
            Some(arm) => entry.arm = u8::try_from(arm).unwrap_or(u8::MAX),
            None => entry.flags |= flag::NO_ROUTE,
        }
        if !linked {
            self.recognise(At::Left, context, &record, &mut entry, &mut keys);
        }
        let asked = if same { Asked::Always } else { Asked::All };
        if !same {
            entry.flags |= flag::ALL_ROWS;
        }
        if let Some(rows) = setup.rows.get(usize::from(entry.arm)) {
            entry.take(rows.left(&desk, asked, &record));
        }
        (entry, keys)
    }

    fn right_one(
        &self,
        opposite: &Opposite<'_>,
        found: &Found<'_>,
        named: &Named<'_>,
        context: &dyn Context,
        told: &mut Told<'_>,
    ) -> (Entry, Vec<u64>) {
        let setup = self.setup;
        let mut entry = Entry::new();
        entry.arm = u8::try_from(named.kind).unwrap_or(u8::MAX);
        let mut keys = vec![0; setup.slots.count];
        let Some(rows) = setup.rows.get(named.kind) else { return (entry, keys) };
        entry.known = self.base.find(At::Right, id_hash(self.seed, &*named.id)).unwrap_or(NONE);
        let known = self.base.get(entry.known);
        let linked = known.is_some_and(|known| known.left != 0);
        let same = known.is_some_and(|known| {
            known.plain_right != 0 && known.plain_right == rows.plain(self.seed, At::Right, found)
        });
        let partner = opposite.left.of_known(entry.known);
        let changed = |left: &Entry| !same && left.flags & flag::ALL_ROWS == 0;
        let left = partner.and_then(|partner| opposite.left.get(partner));
        let settled = left.is_some_and(|left| left.flags & (flag::ALL_ROWS | flag::ODD) == 0);
        entry.partner = partner.unwrap_or(entry.partner);
        if linked && (left.is_some_and(changed) || left.is_none()) {
            return (entry, keys);
        }
        if linked && same && settled && !setup.always {
            entry.flags |= flag::SAME;
            return (entry, keys);
        }
        let desk = Desk { program: &setup.program, context, seed: self.seed };
        let part = rows.always_read(At::Right).filter(|_| linked && same && settled);
        if let (Some(fields), Some(left)) = (part, left.filter(|left| left.arm == entry.arm)) {
            let answer = rows.right(&desk, Asked::Always, left.mask, &setup.right.part(named, found, fields));
            entry.flags |= if answer.is_agreed(left) { flag::SAME } else { 0 };
            return (entry, keys);
        }
        let record = setup.right.record(named, found, told);
        entry.flags |= flag::TOLD;
        if !linked {
            self.recognise(At::Right, context, &record, &mut entry, &mut keys);
            let slots = setup.slots.rules.get(named.kind).into_iter().flatten();
            let mut hits = slots.filter_map(|(slot, _)| {
                opposite.keys.get(*slot)?.get(keys.get(*slot).copied()?).first().map(|(_, index)| *index)
            });
            if let Some(partner) = hits.next() {
                entry.partner = partner;
            }
        }
        let Some(left) = opposite.left.get(entry.partner).filter(|left| left.arm == entry.arm) else {
            return (entry, keys);
        };
        let asked = if left.flags & flag::ALL_ROWS != 0 { Asked::All } else { Asked::Always };
        if asked == Asked::Always && !same {
            return (entry, keys);
        }
        let answer = rows.right(&desk, asked, left.mask, &record);
        entry.flags |= if answer.is_agreed(left) { flag::SAME } else { 0 };
        (entry, keys)
    }

    /// Filter and match keys of a record that no base names a counterpart of.
    fn recognise(
        &self,
        side: At,
        context: &dyn Context,
        record: &Record,
        entry: &mut Entry,
        keys: &mut [u64],
    ) {
        let program = &self.setup.program;
        entry.flags |= match program.filter(context, side, record) {
            FilterOutcome::In => flag::IN,
            FilterOutcome::Out => 0,
            FilterOutcome::Unclear(_) => flag::UNCLEAR,
        };
        let reader = if side == At::Left { &self.setup.left } else { &self.setup.right };
        let kind = if side == At::Left { 0 } else { usize::from(entry.arm) };
        let carried = reader.kinds.get(kind).and_then(|kind| kind.object.external_id);
        if let (Some(field), Some(slot)) = (carried, keys.first_mut()) {
            let text = record.slot(field.index()).and_then(|value| value.as_text()).unwrap_or_default();
            *slot = if text.is_empty() { 0 } else { id_hash(self.seed, text) };
        }
        for (index, arm) in program.sync.arms.iter().enumerate() {
            if side == At::Right && index != kind {
                continue;
            }
            for (slot, rule) in self.setup.slots.rules.get(index).into_iter().flatten() {
                if !matches!(arm.matches.get(*rule), Some(Match::Keys { .. })) {
                    continue;
                }
                if program.key_is_absent(context, arm, *rule, side, record) {
                    entry.flags |= flag::KEYLESS;
                }
                if let (Some(key), Some(to)) =
                    (program.key(context, arm, *rule, side, record), keys.get_mut(*slot))
                {
                    *to = id_hash(self.seed, &*key);
                }
            }
        }
    }
}

impl Entry {
    fn take(&mut self, sum: Sum) {
        (self.sum, self.mask) = (sum.sum, sum.mask);
        self.flags |= if sum.odd { flag::ODD } else { 0 };
    }
}

impl Sum {
    /// Whether this answer says that nothing has to be written.
    fn is_agreed(self, left: &Entry) -> bool {
        self.sum == left.sum && !self.odd && left.flags & flag::ODD == 0
    }
}

/// Told of a field's value that the field can't have.
type Told<'t> = dyn FnMut(&str, String) + 't;

/// Reads the base's lines.
pub fn base(
    export: &Export,
    lines: &Lines<'_, '_>,
    threads: usize,
    wanted: &mut Wanted<'_>,
) -> io::Result<(Base, Count)> {
    let (mut base, mut count) = (Base::default(), Count::default());
    let mut first = 1;
    let crew = Crew {
        threads,
        jobs: export.blocks(),
        worker: &|| Ok((export.open()?, lines.work())),
        work: &|(open, work): &mut (Open, [Work; 2]), number| base_block(open, work, number, lines),
    };
    crew.run(&mut |mut done: Done<Vec<(u64, Known)>>| {
        if first == 1 {
            base.expect(expected(done.found.len(), parts(export, done.bytes, done.found.len())));
        }
        for (line, known) in &done.found {
            if !base.put(*known) {
                let detail = "one of its records is in the base before; the first one counts".to_owned();
                done.trouble.push(trouble("base", *line, None, ("id-twice", detail)));
            }
        }
        done.trouble.sort_by_key(|trouble| trouble.line);
        for trouble in &mut done.trouble {
            trouble.line += first;
            count.trouble += 1;
            (wanted.bad)(trouble)?;
        }
        count.records += done.found.len() as u64;
        first += done.lines;
        (wanted.progress)(done.bytes);
        Ok(())
    })?;
    Ok((base, count))
}

fn base_block(
    open: &mut Open,
    work: &mut [Work; 2],
    number: usize,
    lines: &Lines<'_, '_>,
) -> io::Result<Done<Vec<(u64, Known)>>> {
    let block = open.block(number)?;
    let mut done: Done<Vec<(u64, Known)>> = Done { bytes: block.length(), ..Done::default() };
    for (at, text) in block.texts() {
        let line = done.lines;
        done.lines += 1;
        let read = text.map_err(not_utf8).and_then(|text| {
            if text.trim_ascii_start().is_empty() {
                return Ok(None);
            }
            lines.known(work, text, (at, u32::try_from(text.len()).unwrap_or(u32::MAX)))
        });
        match read {
            Ok(Some(known)) => done.found.push((line, known)),
            Ok(None) => {}
            Err(bad) => done.trouble.push(trouble("base", line, None, bad)),
        }
    }
    if block.long {
        let detail = format!("a line longer than {} MiB", LONGEST >> 20);
        done.trouble.push(trouble("base", done.lines, None, ("too-long", detail)));
        done.lines += 1;
    }
    Ok(done)
}

/// How many blocks like the first, with so many records, room is made for: as many as the file has, within bounds.
#[expect(clippy::cast_precision_loss, reason = "a guess")]
fn parts(export: &Export, first: u64, records: usize) -> f64 {
    let all = export.length() as f64 / first.max(1) as f64;
    all.min(MOST / records.max(1) as f64)
}

fn not_utf8(valid: usize) -> Bad {
    ("invalid-utf8", format!("no UTF-8, from byte {} on", valid + 1))
}

fn trouble(file: &'static str, line: u64, id: Option<&str>, (reason, detail): Bad) -> Trouble {
    Trouble { file, line, id: id.map(str::to_owned), field: None, reason, detail }
}
