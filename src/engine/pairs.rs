//! Pairs to operations: merge, what agrees as it stands, holds; and the counterparts that are to be made.
//!
//! Invariant: what a pair learns without a write (new bases, holds, a closed link) goes into the state; every write
//! becomes an operation of the draft.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::ops::{Op, OpKind, Ref, Sent};
use super::session::{Session, object_on};
use crate::interp::FilterOutcome;
use crate::merge::pair::{Call, Merger};
use crate::merge::{FieldWrite, Held, Pair, PairOutcome};
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::{Bases, Hold};
use crate::value::Value;

/// A server's clock is read to the second, somewhere between a request and its answer.
const CLOCK_ERROR: i64 = 2_000;
/// How long a pair of which a field was not in the answer waits to be looked at again.
const ABSENT: i64 = 5 * 60_000;

/// Whether the records' change stamps are taken with what is agreed: only when nothing is left to be done about them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamps {
    Taken,
    Left,
}

impl Session<'_> {
    pub(super) async fn merge_pairs(
        &mut self,
        id: SyncId,
        pairs: &BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        // First look; where both sides were edited the history of the fields tells when.
        let mut wanted: BTreeMap<ObjectId, (BTreeSet<RecordId>, BTreeSet<String>)> = BTreeMap::new();
        let mut late = BTreeSet::new();
        self.in_one_commit(|| {
            for (number, work) in pairs {
                let Some(outcome) = self.merge_pair(id, work, draft)? else { continue };
                if outcome.wants_history.is_empty() {
                    self.keep_outcome(id, work, &outcome, draft)?;
                    continue;
                }
                late.insert(*number);
                let sync = self.sync(id)?;
                let Some(arm) = sync.arms.get(work.arm) else { continue };
                for (side, field) in &outcome.wants_history {
                    let entry = wanted.entry(object_on(sync, arm, *side)).or_default();
                    let at = if *side == Side::Left { &work.link.left } else { &work.link.right };
                    entry.0.insert(RecordId::new(at.as_str()));
                    entry.1.insert(field.clone());
                }
            }
            Ok(())
        })?;
        for (object, (ids, fields)) in wanted {
            self.read_history(object, ids.into_iter().collect(), &fields).await?;
        }
        self.in_one_commit(|| {
            for number in late {
                let Some(work) = pairs.get(&number) else { continue };
                if let Some(outcome) = self.merge_pair(id, work, draft)? {
                    self.keep_outcome(id, work, &outcome, draft)?;
                }
            }
            Ok(())
        })
    }

    /// Both records of a pair, or `None` with the pair's fate decided.
    pub(super) fn sides(
        &self,
        id: SyncId,
        work: &Work,
        draft: &mut Draft,
    ) -> EngineResult<Option<(&Record, &Record)>> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(None) };
        let (left_id, right_id) =
            (RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str()));
        for (object, record, side) in [(sync.left, &left_id, Side::Left), (arm.right, &right_id, Side::Right)]
        {
            if self.unsettled.contains(&(object, record.clone())) {
                return Ok(None);
            }
            if self.world.is_gone(object, record) {
                self.deleted(id, work, side, draft)?;
                return Ok(None);
            }
            if self.world.is_missing(object, record) {
                self.skip(id, object, record, "unreachable", "the CRM does not show it to us", draft)?;
                return Ok(None);
            }
        }
        let converted = self.world.get(arm.right, &right_id).map(|record| &record.life);
        if let Some(Life::Converted { contact, .. }) = converted {
            let detail = format!("converted into contact {contact}; `on convert: follow` would follow it");
            self.skip(id, arm.right, &right_id, "converted", &detail, draft)?;
            return Ok(None);
        }
        let found = self.world.get(sync.left, &left_id).zip(self.world.get(arm.right, &right_id));
        let Some((left, right)) = found.filter(|(a, b)| a.life == Life::Live && b.life == Life::Live) else {
            return Ok(None);
        };
        let program = self.program(id)?;
        if program.filter_is_absent(Side::Left, left) || program.filter_is_absent(Side::Right, right) {
            self.absent([(sync.left, &left_id), (arm.right, &right_id)], draft)?;
            return Ok(None);
        }
        if self.has_left(id, work, (left, right), draft)? {
            return Ok(None);
        }
        Ok(Some((left, right)))
    }

    fn merge_pair(&self, id: SyncId, work: &Work, draft: &mut Draft) -> EngineResult<Option<PairOutcome>> {
        let Some((left, right)) = self.sides(id, work, draft)? else { return Ok(None) };
        let old = |record: &Record| record.modified.is_some_and(|at| at <= work.link.at);
        if self.ablation().timestamp_echo && old(left) && old(right) {
            return Ok(None);
        }
        if !self.is_asked_pair(id, left, right)? {
            return Ok(None);
        }
        if self.options.no_updates.contains(&id) {
            let (sync, record) = (self.sync(id)?, RecordId::new(work.link.left.as_str()));
            draft.unfinished.insert((sync.left, record.clone()));
            let why = "changing contacts is switched off in the admin settings of Sales Navigator";
            self.skip(id, sync.left, &record, "switched-off", why, draft)?;
            return Ok(None);
        }
        self.merged(id, work, (left, right), None).map(Some)
    }

    /// What the merge of a pair says. `calls` are decisions among more systems than the two.
    pub(super) fn merged(
        &self,
        id: SyncId,
        work: &Work,
        (left, right): (&Record, &Record),
        calls: Option<&BTreeMap<String, Call>>,
    ) -> EngineResult<PairOutcome> {
        let program = self.program(id)?;
        let facts = self.facts();
        let bases = self.bases_that_count(work);
        let pair = self.pair(id, work, (left, right), &bases)?;
        let pair = Pair { decided: self.decided(id, work.arm)?, calls, ..pair };
        let mut outcome = Merger { program, context: &facts }.merge(&pair);
        self.keep_asked_rows(&mut outcome);
        Ok(outcome)
    }

    /// What is known of a pair.
    pub(super) fn pair<'p>(
        &self,
        id: SyncId,
        work: &Work,
        (left, right): (&'p Record, &'p Record),
        bases: &'p Bases,
    ) -> EngineResult<Pair<'p>> {
        let program = self.program(id)?;
        let facts = self.facts();
        let (from_left, from_right) =
            (program.filter(&facts, Side::Left, left), program.filter(&facts, Side::Right, right));
        let direction = program.sync.direction;
        let (offsets, clock_error) = self.clocks(id, work.arm)?;
        Ok(Pair {
            arm: work.arm,
            left,
            right,
            bases: (!bases.rows.is_empty()).then_some(bases),
            stamps: (work.link.left_stamp, work.link.right_stamp),
            may_write: (
                direction.goes_left() && from_right == FilterOutcome::In,
                direction.goes_right() && from_left == FilterOutcome::In,
            ),
            offsets,
            clock_error,
            decided: None,
            calls: None,
        })
    }

    /// What the two servers' clocks show more than ours, and how wrong that may be. Clocks that agree within the
    /// measurement are taken for equal.
    pub(super) fn clocks(&self, id: SyncId, arm: usize) -> EngineResult<((i64, i64), i64)> {
        let sync = self.sync(id)?;
        let offset = |object: Option<ObjectId>| {
            let system = object.and_then(|object| self.shape(object).ok()).map(|shape| shape.system.index());
            system.and_then(|index| self.systems.offsets.get(index).copied()).unwrap_or(0)
        };
        let (left, right) = (offset(Some(sync.left)), offset(sync.arms.get(arm).map(|arm| arm.right)));
        Ok(if (left - right).abs() > CLOCK_ERROR { ((left, right), CLOCK_ERROR) } else { ((0, 0), 0) })
    }

    fn keep_outcome(
        &self,
        id: SyncId,
        work: &Work,
        outcome: &PairOutcome,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let quiet = outcome.writes.is_empty() && outcome.held.is_empty() && !outcome.absent;
        self.keep_agreed(id, work, &outcome.settled, if quiet { Stamps::Taken } else { Stamps::Left })?;
        self.keep_told(id, work, outcome, draft)?;
        self.push_updates(id, work, outcome, draft)
    }

    /// Remembers what both sides agree on as they stand.
    pub(super) fn keep_agreed(
        &self,
        id: SyncId,
        work: &Work,
        settled: &[(String, (Value, Value))],
        stamps: Stamps,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let stamp = |object: ObjectId, record: &str| {
            self.world.get(object, &RecordId::new(record)).and_then(|record| record.modified)
        };
        let (left_stamp, right_stamp) =
            (stamp(sync.left, &work.link.left), stamp(arm.right, &work.link.right));
        let quiet = stamps == Stamps::Taken;
        let moved = (work.link.left_stamp, work.link.right_stamp) != (left_stamp, right_stamp);
        if !settled.is_empty() || quiet && moved {
            let mut link = work.link.clone();
            link.bases.rows.extend(settled.iter().cloned());
            if quiet {
                (link.left_stamp, link.right_stamp) = (left_stamp, right_stamp);
            }
            link.at = self.now();
            self.store().put_link(&link)?;
        }
        Ok(())
    }

    /// Remembers and says what is not written, and why.
    pub(super) fn keep_told(
        &self,
        id: SyncId,
        work: &Work,
        outcome: &PairOutcome,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let (left, right) = (RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str()));
        if outcome.absent {
            self.absent([(sync.left, &left), (arm.right, &right)], draft)?;
        }
        for (side, reason) in &outcome.skipped {
            // `side` would have been written; the record that does not travel is the other one.
            let (object, record) = match side {
                Side::Left => (arm.right, &right),
                Side::Right => (sync.left, &left),
            };
            self.skip(id, object, record, reason, "left alone by the mapping", draft)?;
        }
        for (side, object, record) in [(Side::Left, sync.left, &left), (Side::Right, arm.right, &right)] {
            let held: Vec<&Held> = outcome.held.iter().filter(|held| held.side == side).collect();
            self.keep_holds(id, object, record, &held, draft)?;
        }
        Ok(())
    }

    fn push_updates(
        &self,
        id: SyncId,
        work: &Work,
        outcome: &PairOutcome,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let (left, right) = (RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str()));
        let stamp = |object: ObjectId, record: &RecordId| {
            self.world.get(object, record).and_then(|record| record.modified)
        };
        let (left_stamp, right_stamp) = (stamp(sync.left, &left), stamp(arm.right, &right));
        for (side, object, record) in [(Side::Left, sync.left, &left), (Side::Right, arm.right, &right)] {
            let writes: Vec<&FieldWrite> = outcome.writes.iter().filter(|w| w.side == side).collect();
            if writes.is_empty() {
                continue;
            }
            let (source, source_stamp, written_stamp) = match side {
                Side::Left => (&right, right_stamp, left_stamp),
                Side::Right => (&left, left_stamp, right_stamp),
            };
            draft.ops.push(Op {
                kind: OpKind::Update,
                sync: id,
                arm: work.arm,
                side,
                object,
                record: Ref::Known(record.clone()),
                source: Ref::Known(source.clone()),
                link: work.link.id,
                fields: writes.iter().map(|write| self.sent(id, work.arm, write)).collect(),
                associations: BTreeMap::new(),
                to: None,
                key: String::new(),
                association: String::new(),
                from: None,
                unique: None,
                source_stamp,
                stamp: written_stamp,
                reason: "changed".to_owned(),
            });
        }
        Ok(())
    }

    /// Nothing is known of a field of the pair: it is looked at again, and not in every run for ever.
    pub(super) fn absent(&self, pair: [(ObjectId, &RecordId); 2], draft: &mut Draft) -> EngineResult<()> {
        for (object, record) in pair {
            let (system, name) = (self.system_name(object), self.object_name(object));
            let times = (self.now(), self.now().plus(ABSENT));
            self.store().look_again(system, name, record.as_str(), times, "a field was not in the answer")?;
            draft.unfinished.insert((object, record.clone()));
        }
        Ok(())
    }

    fn keep_holds(
        &self,
        id: SyncId,
        object: ObjectId,
        record: &RecordId,
        held: &[&Held],
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let (system, name) = (self.system_name(object), self.object_name(object));
        let sync = &self.sync(id)?.name;
        // A record that is still to be made is not remembered; its source is looked at again.
        if Ref::parse_new(record.as_str()).is_some() {
            for held in held {
                let detail = format!("{}: {}", held.field, held.detail);
                self.skip(id, object, record, held.reason, &detail, draft)?;
            }
            return Ok(());
        }
        let holds: Vec<Hold> = held
            .iter()
            .map(|held| Hold {
                sync: sync.clone(),
                system: system.to_owned(),
                object: name.to_owned(),
                record: record.to_string(),
                field: held.field.clone(),
                reason: held.reason.to_owned(),
                detail: held.detail.clone(),
                since: self.now(),
            })
            .collect();
        self.store().set_holds(sync, system, name, record.as_str(), &holds)?;
        for held in held {
            draft.unfinished.insert((object, record.clone()));
            let detail = format!("{}: {}", held.field, held.detail);
            self.skip(id, object, record, held.reason, &detail, draft)?;
        }
        Ok(())
    }

    pub(super) fn sent(&self, id: SyncId, arm: usize, write: &FieldWrite) -> Sent {
        let objects = self.sync(id).ok().and_then(|sync| {
            let at = sync.arms.get(arm)?;
            Some((object_on(sync, at, write.side), object_on(sync, at, write.side.other())))
        });
        let name = |object: Option<ObjectId>, field: Option<crate::plan::ir::FieldId>| {
            let name = object.and_then(|object| self.plan().field_name(object, field));
            name.unwrap_or_default().to_owned()
        };
        Sent {
            row: Some(write.row.clone()),
            field: name(objects.map(|(target, _)| target), Some(write.field)),
            before: write.before.clone(),
            after: write.after.clone(),
            source: write.source_value.clone(),
            source_field: name(objects.map(|(_, source)| source), write.source),
            rule: self.rule(id, arm, write),
            conflict: write.conflict,
            loses_edit: write.loses_edit,
            via: None,
            ahead: false,
            undone: None,
        }
    }

    /// The merge's rule with the systems' own names in it.
    fn rule(&self, id: SyncId, arm: usize, write: &FieldWrite) -> String {
        let Ok(sync) = self.sync(id) else { return write.rule.to_owned() };
        let left = self.system_name(sync.left);
        let right = sync.arms.get(arm).map_or("?", |arm| self.system_name(arm.right));
        write.rule_words(left, right)
    }

    /// A counterpart on side `to` for a record of the other side.
    pub(super) fn draft_create(
        &mut self,
        id: SyncId,
        arm: usize,
        to: Side,
        source: &RecordId,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(at) = sync.arms.get(arm) else { return Ok(()) };
        let (object, here) = (object_on(sync, at, to), object_on(sync, at, to.other()));
        if self.options.no_creates.contains(&id) {
            draft.unfinished.insert((here, source.clone()));
            let why = "making contacts is switched off in the admin settings of Sales Navigator";
            return self.skip(id, here, source, "switched-off", why, draft);
        }
        let Some(record) = self.world.get(here, source) else { return Ok(()) };
        let facts = self.facts();
        let outcome = Merger { program: self.program(id)?, context: &facts }.create(arm, to, record);
        if let Some((_, reason)) = outcome.skipped.first() {
            return self.skip(id, here, source, reason, "left alone by the mapping", draft);
        }
        let source_stamp = record.modified;
        let held: Vec<&Held> = outcome.held.iter().collect();
        self.keep_holds(id, here, source, &held, draft)?;
        if outcome.writes.is_empty() || outcome.held.iter().any(|held| held.reason == "failed") {
            return Ok(());
        }
        let unique = self.plan().object(object).and_then(|found| {
            let field = found.fields.get(found.external_id?.index())?;
            Some((field.name.clone(), self.external_id_for(here, source)))
        });
        let looks = self.looks_like(id, arm, to, record)?;
        let new = Ref::New { sync: id, side: to, source: source.clone() };
        let from = Ref::parse_new(source.as_str()).unwrap_or_else(|| Ref::Known(source.clone()));
        draft.ops.push(Op {
            kind: OpKind::Create,
            sync: id,
            arm,
            side: to,
            object,
            record: new.clone(),
            source: from,
            link: 0,
            fields: outcome.writes.iter().map(|write| self.sent(id, arm, write)).collect(),
            associations: BTreeMap::new(),
            to: None,
            key: String::new(),
            association: String::new(),
            from: None,
            unique: unique.filter(|_| !self.ablation().no_external_id),
            source_stamp,
            stamp: None,
            reason: format!("no counterpart in {}{looks}", self.system_name(object)),
        });
        self.pending.insert(new);
        Ok(())
    }
}
