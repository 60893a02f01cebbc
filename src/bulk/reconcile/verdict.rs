//! Pairs and lone records to changes: the engine's merge on whole records.
//!
//! Invariant: a pair is merged exactly as a run would merge it; what a run could only learn from the CRM (links of other
//! syncs, lists, associated records) is not known here and held or left out, never guessed.

use std::io::{self, Write};

use super::base::{Agreed, Known, Lines, Look, Stamps};
use super::blocks::Open;
use super::context::Linked;
use super::index::{Entry, NONE, flag};
use super::pairing::Pairing;
use super::record::{Reader, Trouble, Work};
use crate::bulk::fields::Found;
use crate::interp::{Context, FilterOutcome, SyncProgram};
use crate::merge::change::{self, Action, Change, FieldChange, Skip};
use crate::merge::pair::Merger;
use crate::merge::{Held, Pair, PairOutcome, Summary};
use crate::plan::ir::{Arm, Delete, Leave, ObjectId, Side, SyncPlan};
use crate::record::{Life, Record};

/// What some records came to, in their order.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Lines of changes (from behind the number) and skips, one after the other.
    text: Vec<u8>,
    /// Where each line ends, and whether it is a change.
    ends: Vec<(usize, bool)>,
    pub summary: Summary,
    pub trouble: Vec<Trouble>,
}

impl Verdicts {
    fn change(&mut self, change: &Change) {
        self.summary.count(change);
        self.line(change, true);
    }

    fn line(&mut self, line: &impl serde::Serialize, is_change: bool) {
        let before = self.text.len();
        // Writing to memory can't fail; half a line must not come out all the same.
        if serde_json::to_writer(&mut self.text, line).is_err() {
            self.text.truncate(before);
            return;
        }
        self.text.push(b'\n');
        self.ends.push((self.text.len(), is_change));
    }

    /// Writes the lines; changes are numbered from behind `number`.
    pub fn write(&self, number: &mut u64, out: &mut dyn Write) -> io::Result<()> {
        let mut from = 0;
        for (end, is_change) in &self.ends {
            let line = self.text.get(from..*end).unwrap_or_default();
            match line.strip_prefix(NUMBER) {
                Some(rest) if *is_change => {
                    *number += 1;
                    write!(out, "{{\"id\":\"c{number}\"")?;
                    out.write_all(rest)?;
                }
                _ => out.write_all(line)?,
            }
            from = *end;
        }
        Ok(())
    }
}

/// How a change begins before it has its number.
const NUMBER: &[u8] = b"{\"id\":\"\"";

/// One thread's files and context.
pub struct Worker<'w> {
    pub context: Linked<'w>,
    pub left: (Open, Work),
    pub right: (Open, Work),
    pub base: Look,
}

/// Everything that a verdict needs and no thread changes.
pub struct Judge<'j, 'p> {
    pub plan: &'p SyncPlan,
    pub program: &'j SyncProgram<'p>,
    pub left: &'j Reader<'p>,
    pub right: &'j Reader<'p>,
    pub lines: &'j Lines<'j, 'p>,
    pub base: &'j super::base::Base,
    pub pairing: &'j Pairing<'j, 'p>,
    /// Lines of each export, left and right, that no record could be read of.
    pub unread: [u64; 2],
    /// Per arm, for left and right: an unlinked record there came without its match key.
    pub keyless: Vec<[bool; 2]>,
}

/// A record and what else its export says.
struct Whole {
    record: Record,
    kind: usize,
}

impl Judge<'_, '_> {
    /// The fate of one left record, with its counterpart if it has one.
    pub fn left(&self, worker: &mut Worker<'_>, index: u32, out: &mut Verdicts) -> io::Result<()> {
        let Some(entry) = self.pairing.left.get(index) else { return Ok(()) };
        match self.pairing.right.get(entry.partner) {
            Some(_) if entry.flags & flag::CLOSED != 0 => Ok(()),
            Some(other) => self.pair(worker, (index, entry), (entry.partner, other), out),
            None => self.lone(worker, Side::Left, index, entry, out),
        }
    }

    /// The fate of one right record without a counterpart.
    pub fn right(&self, worker: &mut Worker<'_>, index: u32, out: &mut Verdicts) -> io::Result<()> {
        match self.pairing.right.get(index) {
            Some(entry) if entry.partner == NONE => self.lone(worker, Side::Right, index, entry, out),
            _ => Ok(()),
        }
    }

    /// Whether there is anything to look at.
    pub fn is_due(&self, side: Side, index: u32) -> bool {
        let entry = match side {
            Side::Left => self.pairing.left.get(index),
            Side::Right => self.pairing.right.get(index),
        };
        let Some(entry) = entry.filter(|entry| entry.flags & flag::CLOSED == 0) else { return false };
        match (side, self.pairing.right.get(entry.partner)) {
            (Side::Left, Some(other)) => !in_step(entry, other),
            (Side::Left, None) => true,
            (Side::Right, _) => entry.partner == NONE,
        }
    }

    fn whole(
        &self,
        reader: &Reader<'_>,
        (open, work): &mut (Open, Work),
        file: &'static str,
        entry: &Entry,
        trouble: &mut Vec<Trouble>,
    ) -> io::Result<Whole> {
        let text = open.again(entry.at, entry.length)?;
        let mut found = Found::default();
        let Ok(named) = reader.single(work, text, &mut found) else {
            return Err(io::Error::other(format!("the {file} export changed while it was read")));
        };
        let kind = named.kind;
        let told = entry.flags & flag::TOLD != 0;
        let record = reader.record(&named, &found, &mut |field, detail| {
            if told {
                return;
            }
            let id = Some(named.id.to_string());
            let field = Some(field.to_owned());
            trouble.push(Trouble { file, line: 0, id, field, reason: "wrong-type", detail });
        });
        Ok(Whole { record, kind })
    }

    fn pair(
        &self,
        worker: &mut Worker<'_>,
        (left_index, left): (u32, &Entry),
        (right_index, right): (u32, &Entry),
        out: &mut Verdicts,
    ) -> io::Result<()> {
        let sync = self.program.sync;
        let one = self.whole(self.left, &mut worker.left, "left", left, &mut out.trouble)?;
        let other = self.whole(self.right, &mut worker.right, "right", right, &mut out.trouble)?;
        let Some(arm) = sync.arms.get(other.kind) else { return Ok(()) };
        for (record, side) in [(&one.record, Side::Left), (&other.record, Side::Right)] {
            if record.life == Life::Deleted {
                self.deleted(arm, (left_index, right_index), side, out);
                return Ok(());
            }
        }
        let (mut one, mut other, arm_index) = (one.record, other.record, other.kind);
        if sync.leave == Leave::Unlink {
            for (side, record) in [(Side::Left, &one), (Side::Right, &other)] {
                if self.program.filter(&worker.context, side, record) == FilterOutcome::Out {
                    let detail = "it is outside its filter: the link ends, both records stay";
                    self.skip(self.object(arm, side), record.id.as_str(), "left", detail, out);
                    return Ok(());
                }
            }
        }
        let mut agreed = self.agreed(worker, arm_index, (left_index, right_index), Stamps::Not)?;
        let mut outcome = self.merge(&worker.context, arm_index, &one, &other, &agreed);
        if asks_when(&outcome) {
            // Both sides were edited: now it matters when.
            self.left.stamps(0, worker.left.0.again(left.at, left.length)?, &mut one);
            self.right.stamps(arm_index, worker.right.0.again(right.at, right.length)?, &mut other);
            agreed = self.agreed(worker, arm_index, (left_index, right_index), Stamps::Read)?;
            for (side, field) in outcome.wants_history {
                // Where the export has no history of the field the record's own stamp says when, as in Salesforce.
                let record = if side == Side::Left { &mut one } else { &mut other };
                record.history.entry(field).or_default();
            }
            outcome = self.merge(&worker.context, arm_index, &one, &other, &agreed);
        }
        self.keep(arm, (left_index, right_index), &outcome, &agreed, out);
        Ok(())
    }

    fn agreed(
        &self,
        worker: &mut Worker<'_>,
        arm: usize,
        (left, right): (u32, u32),
        stamps: Stamps,
    ) -> io::Result<Agreed> {
        let known = |entry: Option<&Entry>| entry.map_or(NONE, |entry| entry.known);
        let (one, other) = (known(self.pairing.left.get(left)), known(self.pairing.right.get(right)));
        let other = if one == other { NONE } else { other };
        let known: Vec<Known> = [one, other].iter().filter_map(|at| self.base.get(*at)).copied().collect();
        let Worker { context, base, left: (_, left), right: (_, right) } = worker;
        base.agreed(self.lines, [left, right], &*context, arm, (&known, stamps))
    }

    fn merge(
        &self,
        context: &dyn Context,
        arm: usize,
        left: &Record,
        right: &Record,
        agreed: &Agreed,
    ) -> PairOutcome {
        let program = self.program;
        let (from_left, from_right) =
            (program.filter(context, Side::Left, left), program.filter(context, Side::Right, right));
        let direction = program.sync.direction;
        Merger { program, context }.merge(&Pair {
            arm,
            left,
            right,
            bases: (!agreed.bases.rows.is_empty()).then_some(&agreed.bases),
            stamps: agreed.stamps,
            may_write: (
                direction.goes_left() && from_right == FilterOutcome::In,
                direction.goes_right() && from_left == FilterOutcome::In,
            ),
            offsets: (0, 0),
            clock_error: 0,
            decided: None,
            calls: None,
        })
    }

    /// A record was deleted, and its export says so.
    fn deleted(&self, arm: &Arm, (left, right): (u32, u32), side: Side, out: &mut Verdicts) {
        let sync = self.program.sync;
        let (gone, stays) = match side {
            Side::Left => (self.pairing.left.id(left), self.pairing.right.id(right)),
            Side::Right => (self.pairing.right.id(right), self.pairing.left.id(left)),
        };
        let (object, other) = (self.object(arm, side), self.object(arm, side.other()));
        let stays_gone = match side {
            Side::Left => self.pairing.right.get(right),
            Side::Right => self.pairing.left.get(left),
        };
        let stays_gone = stays_gone.is_some_and(|entry| entry.flags & flag::GONE != 0);
        if matches!(sync.delete, Delete::Archive { side: at } if at == side.other()) && !stays_gone {
            out.change(&Change {
                id: String::new(),
                sync: sync.name.clone(),
                system: self.system(other).to_owned(),
                object: self.name(other).to_owned(),
                record: Some(stays.to_owned()),
                link: None,
                action: Action::Delete,
                reason: format!("deleted in {}", self.system(object)),
                source: format!("{}.{} {gone}", self.system(object), self.name(object)),
                fields: Vec::new(),
            });
            return;
        }
        self.skip(object, gone, "deleted", "deleted there; its counterpart stays as it is", out);
    }

    fn keep(
        &self,
        arm: &Arm,
        (left, right): (u32, u32),
        outcome: &PairOutcome,
        agreed: &Agreed,
        out: &mut Verdicts,
    ) {
        let ids = (self.pairing.left.id(left), self.pairing.right.id(right));
        for (side, reason) in &outcome.skipped {
            let id = if *side == Side::Left { ids.1 } else { ids.0 };
            self.skip(self.object(arm, side.other()), id, reason, "left alone by the mapping", out);
        }
        for (side, id, source) in [(Side::Left, ids.0, ids.1), (Side::Right, ids.1, ids.0)] {
            let object = self.object(arm, side);
            self.held(object, id, outcome.held.iter().filter(|held| held.side == side), out);
            let fields = self.fields(arm, side, outcome);
            if fields.is_empty() {
                continue;
            }
            let from = self.object(arm, side.other());
            out.change(&Change {
                id: String::new(),
                sync: self.program.sync.name.clone(),
                system: self.system(object).to_owned(),
                object: self.name(object).to_owned(),
                record: Some(id.to_owned()),
                link: agreed.link.map(|link| link.to_string()),
                action: Action::Update,
                reason: "changed".to_owned(),
                source: format!("{}.{} {source}", self.system(from), self.name(from)),
                fields,
            });
        }
    }

    fn fields(&self, arm: &Arm, side: Side, outcome: &PairOutcome) -> Vec<FieldChange> {
        let (target, source) = (self.object(arm, side), self.object(arm, side.other()));
        let place = format!("{}.{}", self.system(source), self.name(source));
        let (left, right) = (self.system(self.program.sync.left), self.system(arm.right));
        let writes = outcome.writes.iter().filter(|write| write.side == side);
        writes
            .map(|write| FieldChange {
                name: self.plan.field_name(target, Some(write.field)).unwrap_or_default().to_owned(),
                before: change::json(&write.before),
                after: change::json(&write.after),
                origin: match self.plan.field_name(source, write.source) {
                    Some(field) => format!("{place}.{field}"),
                    None => place.clone(),
                },
                rule: write.rule_words(left, right),
                conflict: write.conflict,
            })
            .collect()
    }

    fn held<'h>(&self, object: ObjectId, id: &str, held: impl Iterator<Item = &'h Held>, out: &mut Verdicts) {
        for held in held {
            self.skip(object, id, held.reason, &format!("{}: {}", held.field, held.detail), out);
        }
    }

    /// A record without a counterpart: one is made, or it is said why not.
    fn lone(
        &self,
        worker: &mut Worker<'_>,
        side: Side,
        index: u32,
        entry: &Entry,
        out: &mut Verdicts,
    ) -> io::Result<()> {
        let sync = self.program.sync;
        let arm_index = usize::from(entry.arm);
        let Some(arm) = sync.arms.get(arm_index) else { return Ok(()) };
        let (here, there) = (self.object(arm, side), self.object(arm, side.other()));
        let of = if side == Side::Left { &self.pairing.left } else { &self.pairing.right };
        let id = of.id(index);
        let has = |bit: u16| entry.flags & bit != 0;
        if has(flag::ASTRAY) {
            let detail = format!("its counterpart in {} is not in the export", self.system(there));
            self.skip(here, id, "unreachable", &detail, out);
            return Ok(());
        }
        if has(flag::GONE) {
            return Ok(());
        }
        let fate = match () {
            () if has(flag::NO_ROUTE) => Some(("no-route", "no route takes it")),
            () if !has(flag::IN) && !has(flag::UNCLEAR) => Some(("filter", "outside the filter")),
            () if has(flag::KEYLESS) && !has(flag::UNCLEAR) => {
                Some(("held", "its match key was not in the export"))
            }
            () => None,
        };
        if let Some((reason, detail)) = fate {
            self.skip(here, id, reason, detail, out);
            return Ok(());
        }
        if has(flag::AMBIGUOUS) {
            let why = self.pairing.why.get(&(side, index)).map_or("", String::as_str);
            self.skip(here, id, "ambiguous", why, out);
            return Ok(());
        }
        let (reader, open, file) = match side {
            Side::Left => (self.left, &mut worker.left, "left"),
            Side::Right => (self.right, &mut worker.right, "right"),
        };
        let whole = self.whole(reader, open, file, entry, &mut out.trouble)?;
        self.create(&worker.context, (side, arm_index), (here, there), &whole.record, out);
        Ok(())
    }

    fn create(
        &self,
        context: &dyn Context,
        (side, arm_index): (Side, usize),
        (here, there): (ObjectId, ObjectId),
        record: &Record,
        out: &mut Verdicts,
    ) {
        let (program, id) = (self.program, record.id.as_str());
        if let FilterOutcome::Unclear(why) = program.filter(context, side, record) {
            return self.skip(here, id, "held", &why, out);
        }
        let goes = match side {
            Side::Left => program.sync.direction.goes_right(),
            Side::Right => program.sync.direction.goes_left(),
        };
        if !goes {
            return;
        }
        if let Err(reason) = program.may_create(context, side.other(), record) {
            return self.skip(here, id, reason, "the mapping makes no counterpart for it", out);
        }
        let other = usize::from(side == Side::Left);
        let keyless =
            self.keyless.get(arm_index).and_then(|sides| sides.get(other)).copied().unwrap_or(false);
        if keyless {
            let why = "a record on the other side came without its match key and may be the counterpart";
            return self.skip(here, id, "held", why, out);
        }
        let Some(arm) = program.sync.arms.get(arm_index) else { return };
        let outcome = Merger { program, context }.create(arm_index, side.other(), record);
        if let Some((_, reason)) = outcome.skipped.first() {
            return self.skip(here, id, reason, "left alone by the mapping", out);
        }
        // A run keeps them with the source: the record that is to be made has no id yet.
        self.held(here, id, outcome.held.iter(), out);
        if outcome.writes.is_empty() || outcome.held.iter().any(|held| held.reason == "failed") {
            return;
        }
        let unread = self.unread.get(usize::from(side == Side::Left)).copied().unwrap_or(0);
        let mut reason = format!("no counterpart in {}", self.system(there));
        if unread > 0 {
            let plural = if unread == 1 { "line" } else { "lines" };
            reason.push_str(&format!(" ({unread} {plural} of its export could not be read)"));
        }
        out.change(&Change {
            id: String::new(),
            sync: program.sync.name.clone(),
            system: self.system(there).to_owned(),
            object: self.name(there).to_owned(),
            record: None,
            link: None,
            action: Action::Create,
            reason,
            source: format!("{}.{} {id}", self.system(here), self.name(here)),
            fields: self.fields(arm, side.other(), &outcome),
        });
    }

    fn skip(&self, object: ObjectId, id: &str, reason: &str, detail: &str, out: &mut Verdicts) {
        let skip = Skip {
            sync: self.program.sync.name.clone(),
            system: self.system(object).to_owned(),
            object: self.name(object).to_owned(),
            record: id.to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        };
        out.summary.leave(&skip);
        out.line(&skip, false);
    }

    fn object(&self, arm: &Arm, side: Side) -> ObjectId {
        if side == Side::Left { self.program.sync.left } else { arm.right }
    }

    fn system(&self, object: ObjectId) -> &str {
        let system = self.plan.object(object).and_then(|object| self.plan.system(object.system));
        system.map_or("?", |system| system.name.as_str())
    }

    fn name(&self, object: ObjectId) -> &str {
        self.plan.object(object).map_or("?", |object| object.name.as_str())
    }
}

/// Whether the times of edits may decide.
fn asks_when(outcome: &PairOutcome) -> bool {
    !outcome.wants_history.is_empty()
        || outcome.writes.iter().any(|write| write.loses_edit)
        || outcome.held.iter().any(|held| held.reason == "conflict")
}

/// Whether a pair is known to need no write.
fn in_step(left: &Entry, right: &Entry) -> bool {
    let bad = flag::ODD | flag::GONE;
    right.flags & flag::SAME != 0 && (left.flags | right.flags) & bad == 0
}
