//! Syncs that connect more than two systems are drafted together: one thing has as many sides as there are records of
//! it, every side gets the same result in one run, and one operation writes a record whichever syncs ask for it.
//!
//! The pairs and their bases stay those of each sync. What one pair comes to is laid over its records (`overlay`) and is
//! what the next pair merges; a record that is going to be made is there for the other syncs as if it existed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::fetch::Dirty;
use super::ops::{Op, OpKind, Ref, Sent, Via};
use super::overlay::{Laid, Overlay};
use super::pairs::Stamps;
use super::session::{Session, object_on};
use crate::interp::same;
use crate::merge::PairOutcome;
use crate::plan::ir::{ObjectId, Side, Sync, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::state::{Bases, Link, LinkState};
use crate::value::{Millis, Value};

/// A record of an object.
pub type Key = (ObjectId, RecordId);

/// A pair: its sync and its number there, below zero when one of its records is still to be made.
pub(super) type Number = (SyncId, i64);

/// A record without a counterpart in a sync: the arm and side that it stands on.
type Open = (SyncId, usize, Side, RecordId);

/// The pairs of a group of syncs under work.
#[derive(Default)]
pub(super) struct Joint {
    /// By name, so that the order of the mappings decides nothing.
    pub group: Vec<SyncId>,
    pub pairs: BTreeMap<SyncId, BTreeMap<i64, Work>>,
    /// The pairs that a record takes part in.
    pub at: BTreeMap<Key, BTreeSet<Number>>,
    /// Records that are going to be made, with the place of their operation in the draft.
    pub made: BTreeMap<Key, usize>,
    pub overlay: Overlay,
    /// What each pair came to before anything was laid over its records.
    first: BTreeMap<Number, PairOutcome>,
}

impl Joint {
    pub fn work(&self, (id, number): Number) -> Option<&Work> {
        self.pairs.get(&id)?.get(&number)
    }
}

/// Whether two records are to be linked once both are there, and where.
pub struct Coming {
    pub sync: SyncId,
    pub arm: usize,
    pub left: Ref,
    pub right: Ref,
}

fn reference(text: &str) -> Ref {
    Ref::parse_new(text).unwrap_or_else(|| Ref::Known(RecordId::new(text)))
}

fn is_new(id: &RecordId) -> bool {
    Ref::parse_new(id.as_str()).is_some()
}

/// Both ends of a pair.
fn ends(sync: &Sync, work: &Work) -> Option<[Key; 2]> {
    let arm = sync.arms.get(work.arm)?;
    Some([
        (sync.left, RecordId::new(work.link.left.as_str())),
        (arm.right, RecordId::new(work.link.right.as_str())),
    ])
}

impl Session<'_> {
    /// The chosen syncs in the plan's order; those that share objects of three systems or more stand together. Lists of
    /// Sales Navigator hold no fields that travel on.
    pub(super) fn find_groups(&self) -> Vec<Vec<SyncId>> {
        let mut groups: Vec<(BTreeSet<ObjectId>, Vec<SyncId>)> = Vec::new();
        let mut alone: Vec<Vec<SyncId>> = Vec::new();
        for id in self.chosen() {
            let Some(sync) = self.plan().sync(id) else { continue };
            let mut objects: BTreeSet<ObjectId> = sync.arms.iter().map(|arm| arm.right).collect();
            objects.insert(sync.left);
            let lists =
                |object: &ObjectId| self.shape(*object).is_ok_and(|shape| shape.kind == SystemKind::Salesnav);
            if objects.iter().any(lists) {
                alone.push(vec![id]);
                continue;
            }
            let mut ids = vec![id];
            groups.retain(|(known, members)| {
                let apart = known.is_disjoint(&objects);
                if !apart {
                    objects.extend(known.iter().copied());
                    ids.extend(members.iter().copied());
                }
                apart
            });
            groups.push((objects, ids));
        }
        for (objects, mut ids) in groups {
            let systems: BTreeSet<_> =
                objects.iter().filter_map(|object| self.plan().object(*object)).map(|at| at.system).collect();
            if systems.len() > 2 {
                ids.sort_by_key(|id| self.plan().sync(*id).map(|sync| sync.name.as_str()));
                alone.push(ids);
            } else {
                alone.extend(ids.into_iter().map(|id| vec![id]));
            }
        }
        alone.sort_by_key(|ids| ids.iter().min().copied());
        alone
    }

    /// The group of a sync that shares objects with others; empty for one that stands alone.
    pub(super) fn group_of(&self, id: SyncId) -> Vec<SyncId> {
        let found = self.groups.iter().find(|group| group.len() > 1 && group.contains(&id));
        found.cloned().unwrap_or_default()
    }

    pub(super) fn is_shared(&self, id: SyncId) -> bool {
        self.groups.iter().any(|group| group.len() > 1 && group.contains(&id))
    }

    /// Where records of an object stand in the syncs of a group.
    fn seats(&self, group: &[SyncId], object: ObjectId) -> Vec<(SyncId, usize, Side)> {
        let mut seats = Vec::new();
        for id in group {
            let Some(sync) = self.plan().sync(*id) else { continue };
            if sync.left == object {
                seats.push((*id, 0, Side::Left));
            }
            let arms = sync.arms.iter().enumerate().filter(|(_, arm)| arm.right == object);
            seats.extend(arms.map(|(arm, _)| (*id, arm, Side::Right)));
        }
        seats
    }

    /// The live pairs of a record in the syncs of a group.
    fn works(&self, group: &[SyncId], (object, record): &Key) -> EngineResult<Vec<(SyncId, Work)>> {
        let mut works = Vec::new();
        if is_new(record) {
            return Ok(works);
        }
        for (id, arm, side) in self.seats(group, *object) {
            let link = self.link_on(id, arm, side, record.as_str())?;
            let Some(link) = link.filter(|link| link.state == LinkState::Live) else { continue };
            let place = |arm: &crate::plan::ir::Arm| self.object_name(arm.right) == link.arm;
            let arm = self.sync(id)?.arms.iter().position(place).unwrap_or(arm);
            works.push((id, Work { link, arm }));
        }
        Ok(works)
    }

    pub(super) async fn draft_together(
        &mut self,
        group: &[SyncId],
        dirty: &Dirty,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        self.kin.clear();
        self.made_keys.clear();
        let dirty = self.with_partners(group, dirty)?;
        let steps = dirty.values().map(BTreeSet::len).sum::<usize>() as u64;
        let names: Vec<&str> =
            group.iter().filter_map(|id| self.plan().sync(*id)).map(|sync| sync.name.as_str()).collect();
        self.deps.progress.stage(&format!("comparing {}", names.join(", ")), steps);
        for id in group {
            self.read_dirty(*id, &dirty).await?;
        }
        for id in group {
            self.read_associated(*id).await?;
        }
        let (mut joint, open) = self.join(group, &dirty, draft).await?;
        self.judge_edits(&mut joint).await?;
        self.look_first(&mut joint)?;
        self.flood(&mut joint)?;
        self.make_missing(&mut joint, open, draft).await?;
        self.keep_joint(&joint, draft)?;
        self.write_joint(&joint, draft)?;
        self.lift(&joint, draft);
        self.check_trouble()?;
        if !self.leaves_associations() {
            for id in group {
                let mut pairs = joint.pairs.remove(id).unwrap_or_default();
                pairs.retain(|number, _| *number > 0);
                self.draft_associations(*id, &pairs, draft)?;
                self.draft_propagation(*id, &dirty, &pairs, draft).await?;
            }
        }
        self.deps.progress.step(steps);
        Ok(())
    }

    /// What is due, and every record that is the same thing.
    fn with_partners(&self, group: &[SyncId], dirty: &Dirty) -> EngineResult<Dirty> {
        let mut wider = Dirty::new();
        let mut queue: Vec<Key> = Vec::new();
        for (object, ids) in dirty {
            if !self.seats(group, *object).is_empty() {
                queue.extend(ids.iter().map(|id| (*object, id.clone())));
            }
        }
        while let Some(key) = queue.pop() {
            if !wider.entry(key.0).or_default().insert(key.1.clone()) {
                continue;
            }
            for (id, work) in self.works(group, &key)? {
                queue.extend(ends(self.sync(id)?, &work).into_iter().flatten().filter(|end| *end != key));
            }
        }
        Ok(wider)
    }

    /// The pairs of all syncs, and the records that have none in one of them.
    async fn join(
        &mut self,
        group: &[SyncId],
        dirty: &Dirty,
        draft: &mut Draft,
    ) -> EngineResult<(Joint, Vec<Open>)> {
        let mut joint = Joint { group: group.to_vec(), ..Joint::default() };
        let mut open = Vec::new();
        for id in group {
            let (mut pairs, unlinked) = self.sort_out(*id, dirty)?;
            self.follow_moves(*id, &mut pairs, draft)?;
            // Only pairs are looked for here; what becomes of the others is said when all values are known.
            let (mut makers, mut aside) = (Vec::new(), Draft::default());
            for (arm, side, record) in unlinked {
                if self.link_on(*id, arm, side, record.as_str())?.is_none() {
                    open.push((*id, arm, side, record.clone()));
                    self.unlinked(*id, arm, side, record, &mut pairs, &mut makers, &mut aside).await?;
                }
            }
            joint.pairs.insert(*id, pairs);
        }
        self.bring_along(&mut joint)?;
        for id in group {
            let mut pairs = joint.pairs.remove(id).unwrap_or_default();
            self.read_pairs(*id, &pairs).await?;
            if self.follow_moves(*id, &mut pairs, draft)? {
                self.read_pairs(*id, &pairs).await?;
            }
            self.read_associated(*id).await?;
            let mut kept = BTreeMap::new();
            for (number, work) in pairs {
                let Some((left, right)) = self.sides(*id, &work, draft)? else { continue };
                if self.is_asked_pair(*id, left, right)? {
                    kept.insert(number, work);
                }
            }
            joint.pairs.insert(*id, kept);
        }
        for (id, pairs) in &joint.pairs {
            for (number, work) in pairs {
                for end in ends(self.sync(*id)?, work).into_iter().flatten() {
                    joint.at.entry(end).or_default().insert((*id, *number));
                }
            }
        }
        Ok((joint, open))
    }

    /// Pairs that were just recognised bring those of the other syncs along.
    fn bring_along(&self, joint: &mut Joint) -> EngineResult<()> {
        let mut queue: Vec<Key> = Vec::new();
        for (id, pairs) in &joint.pairs {
            for work in pairs.values() {
                queue.extend(ends(self.sync(*id)?, work).into_iter().flatten());
            }
        }
        while let Some(key) = queue.pop() {
            for (id, work) in self.works(&joint.group, &key)? {
                let pairs = joint.pairs.entry(id).or_default();
                if let Entry::Vacant(free) = pairs.entry(work.link.id) {
                    queue.extend(ends(self.sync(id)?, &work).into_iter().flatten());
                    free.insert(work);
                }
            }
        }
        Ok(())
    }

    /// What each pair comes to by itself: most of them to nothing, and are not looked at again.
    fn look_first(&mut self, joint: &mut Joint) -> EngineResult<()> {
        let all: Vec<Number> =
            joint.pairs.iter().flat_map(|(id, pairs)| pairs.keys().map(|number| (*id, *number))).collect();
        for number in all {
            let outcome = self.outcome(joint, number)?;
            if !outcome.writes.is_empty() {
                joint.overlay.stirred.insert(number);
            }
            joint.first.insert(number, outcome);
        }
        Ok(())
    }

    /// Plans the records that are missing, and lets what they are made of travel on.
    async fn make_missing(
        &mut self,
        joint: &mut Joint,
        mut open: Vec<Open>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        for _ in 0..=joint.group.len() {
            let mut made: Vec<Key> = Vec::new();
            let before: BTreeSet<Number> = virtual_pairs(joint);
            for (id, arm, side, record) in std::mem::take(&mut open) {
                if self.is_paired(joint, id, arm, side, &record)? {
                    continue;
                }
                let mut pairs = joint.pairs.remove(&id).unwrap_or_default();
                let mut makers = Vec::new();
                let found = self.unlinked(id, arm, side, record, &mut pairs, &mut makers, draft).await;
                joint.pairs.insert(id, pairs);
                found?;
                let keyless = if makers.is_empty() { BTreeSet::new() } else { self.keyless(id)? };
                for (arm, side, source) in makers {
                    made.extend(self.make(joint, (id, arm, side, source), &keyless, draft)?);
                }
            }
            for number in virtual_pairs(joint).difference(&before) {
                let Some(work) = joint.work(*number) else { continue };
                for end in ends(self.sync(number.0)?, work).into_iter().flatten() {
                    let at = joint.at.entry(end).or_default();
                    at.insert(*number);
                    joint.overlay.stirred.extend(at.iter().copied());
                }
            }
            if made.is_empty() && virtual_pairs(joint) == before {
                break;
            }
            self.judge_edits(joint).await?;
            self.flood(joint)?;
            for (object, record) in made {
                let seats = self.seats(&joint.group, object);
                open.extend(seats.into_iter().map(|(id, arm, side)| (id, arm, side, record.clone())));
            }
        }
        Ok(())
    }

    fn is_paired(
        &self,
        joint: &Joint,
        id: SyncId,
        arm: usize,
        side: Side,
        record: &RecordId,
    ) -> EngineResult<bool> {
        let object = object_at(self.sync(id)?, arm, side);
        let own = joint.at.get(&(object, record.clone())).into_iter().flatten();
        if own.filter_map(|number| Some((number.0, joint.work(*number)?))).any(|(sync, _)| sync == id) {
            return Ok(true);
        }
        Ok(!is_new(record) && self.link_on(id, arm, side, record.as_str())?.is_some())
    }

    /// Plans the counterpart of a record, and lays it among the records.
    fn make(
        &mut self,
        joint: &mut Joint,
        (id, arm, side, source): Open,
        keyless: &BTreeSet<(usize, Side)>,
        draft: &mut Draft,
    ) -> EngineResult<Option<Key>> {
        let here = object_at(self.sync(id)?, arm, side);
        if keyless.contains(&(arm, side.other())) {
            draft.unfinished.insert((here, source.clone()));
            let why = "a record on the other side came without its match key and may be the counterpart";
            self.skip(id, here, &source, "held", why, draft)?;
            return Ok(None);
        }
        let place = draft.ops.len();
        self.draft_create(id, arm, side.other(), &source, draft)?;
        let Some(op) = draft.ops.get(place) else { return Ok(None) };
        let key: Key = (op.object, RecordId::new(op.record.text()));
        let fields = self.plan().object(op.object).map_or(&[][..], |object| &object.fields);
        let mut record = Record::new(key.1.clone(), vec![Some(Value::Null); fields.len()]);
        let mut came = Vec::new();
        for sent in &op.fields {
            let Some(at) = self.field_id(op.object, &sent.field) else { continue };
            if let Some(slot) = record.slots.get_mut(at.index()) {
                *slot = Some(sent.after.clone());
            }
            came.extend(self.field_id(here, &sent.source_field).map(|from| (at, from)));
        }
        self.world.put(key.0, record);
        joint.made.insert(key.clone(), place);
        let from = (here, source.clone());
        self.note_origins(&mut joint.overlay, &key, &from, &came);
        let (left, right) = if side == Side::Left { (&source, &key.1) } else { (&key.1, &source) };
        let pairs = joint.pairs.entry(id).or_default();
        let link = self.pair_up(id, arm, left, right, pairs.len())?;
        pairs.insert(link.id, Work { link, arm });
        self.note_keys(&joint.group, id, &key)?;
        Ok(Some(key))
    }

    pub(super) fn field_id(&self, object: ObjectId, name: &str) -> Option<crate::plan::ir::FieldId> {
        let at = self.plan().object(object)?.fields.iter().position(|field| field.name == name)?;
        u32::try_from(at).ok().map(crate::plan::ir::FieldId)
    }

    /// The match keys of a record that is going to be made, in the syncs that do not make it.
    fn note_keys(&mut self, group: &[SyncId], by: SyncId, (object, id): &Key) -> EngineResult<()> {
        let mut keys = Vec::new();
        for (sync, arm, side) in self.seats(group, *object) {
            let arms = if side == Side::Left { 0..self.sync(sync)?.arms.len() } else { arm..arm + 1 };
            let Some(record) = self.world.get(*object, id).filter(|_| sync != by) else { continue };
            for arm in arms {
                for rule in self.rules(sync, arm)? {
                    let key = self.key(sync, arm, rule, side, record)?;
                    keys.extend(key.map(|key| (sync, arm, rule, side, key)));
                }
            }
        }
        for key in keys {
            self.made_keys.entry(key).or_default().insert(id.clone());
        }
        Ok(())
    }

    /// Records with this key that another sync is going to make and that have no partner here yet.
    pub(super) fn made_with_key(
        &self,
        sync: SyncId,
        arm: usize,
        rule: usize,
        side: Side,
        key: &str,
    ) -> EngineResult<Vec<String>> {
        let found = self.made_keys.get(&(sync, arm, rule, side, key.to_owned()));
        let Some(found) = found else { return Ok(Vec::new()) };
        let (here, there) =
            (object_at(self.sync(sync)?, arm, side), object_at(self.sync(sync)?, arm, side.other()));
        let free = |id: &&RecordId| {
            let kin = self.kin.get(&(here, (*id).clone()));
            !kin.into_iter().flatten().any(|(object, _)| *object == there)
        };
        Ok(found.iter().filter(free).map(ToString::to_string).collect())
    }

    /// Every record that the pairs of a group know to be the same thing.
    pub(super) fn thing(&self, group: &[SyncId], key: &Key) -> EngineResult<BTreeSet<Key>> {
        let (mut queue, mut seen) = (vec![key.clone()], BTreeSet::new());
        while let Some(key) = queue.pop() {
            if !seen.insert(key.clone()) {
                continue;
            }
            for (id, work) in self.works(group, &key)? {
                queue.extend(ends(self.sync(id)?, &work).into_iter().flatten());
            }
            queue.extend(self.kin.get(&key).into_iter().flatten().cloned());
        }
        Ok(seen)
    }

    /// The record of another object that other syncs know to be the same thing.
    pub(super) fn same_thing(
        &self,
        sync: SyncId,
        arm: usize,
        side: Side,
        (here, there): (ObjectId, ObjectId),
        id: &RecordId,
    ) -> EngineResult<Option<super::matching::Found>> {
        let group = self.group_of(sync);
        if group.is_empty() {
            return Ok(None);
        }
        let seen = self.thing(&group, &(here, id.clone()))?;
        let others: Vec<String> =
            seen.iter().filter(|(object, _)| *object == there).map(|(_, id)| id.to_string()).collect();
        if others.is_empty() {
            return Ok(None);
        }
        self.judge(sync, arm, side, (here, there), id, &[], &others).map(Some)
    }

    /// A new pair: remembered at once, or for the time of this draft when one of its records is still to be made.
    pub(super) fn pair_up(
        &mut self,
        id: SyncId,
        arm: usize,
        left: &RecordId,
        right: &RecordId,
        known: usize,
    ) -> EngineResult<Link> {
        if !is_new(left) && !is_new(right) {
            return self.new_link(id, arm, left.as_str(), right.as_str(), "matched");
        }
        let sync = self.sync(id)?;
        let both = [(sync.left, left.clone()), (object_at(sync, arm, Side::Right), right.clone())];
        let [a, b] = both;
        self.kin.entry(a.clone()).or_default().insert(b.clone());
        self.kin.entry(b).or_default().insert(a);
        Ok(Link {
            id: -1 - i64::try_from(known).unwrap_or(0),
            sync: sync.name.clone(),
            left: left.to_string(),
            arm: self.place(id, arm, Side::Right)?.to_owned(),
            right: right.to_string(),
            state: LinkState::Live,
            reason: "matched".to_owned(),
            left_stamp: None,
            right_stamp: None,
            bases: Bases::default(),
            run: self.run.clone(),
            at: self.now(),
        })
    }

    /// Remembers what agrees as it stands, and says what is held or left alone.
    fn keep_joint(&self, joint: &Joint, draft: &mut Draft) -> EngineResult<()> {
        self.in_one_commit(|| {
            for (number, first) in &joint.first {
                let Some(work) = joint.work(*number) else { continue };
                let touched = ends(self.sync(number.0)?, work)
                    .into_iter()
                    .flatten()
                    .any(|key| joint.overlay.real.contains_key(&key));
                if !touched && !joint.overlay.stirred.contains(number) {
                    let quiet = first.writes.is_empty() && first.held.is_empty() && !first.absent;
                    let stamps = if quiet { Stamps::Taken } else { Stamps::Left };
                    self.keep_agreed(number.0, work, &first.settled, stamps)?;
                    self.keep_told(number.0, work, first, draft)?;
                    continue;
                }
                self.keep_agreed(number.0, work, &first.settled, Stamps::Left)?;
                self.keep_told(number.0, work, &self.outcome(joint, *number)?, draft)?;
            }
            Ok(())
        })
    }

    /// One operation for each record that something was laid over.
    fn write_joint(&self, joint: &Joint, draft: &mut Draft) -> EngineResult<()> {
        let mut by_record: BTreeMap<Key, Vec<&Laid>> = BTreeMap::new();
        for ((object, record, field), laid) in &joint.overlay.laid {
            let key = (*object, record.clone());
            let before = joint.overlay.real.get(&key).and_then(|real| real.slot(field.index()));
            if before.is_none_or(|before| !same(before, &laid.write.after)) {
                by_record.entry(key).or_default().push(laid);
            }
        }
        for (key, all) in by_record {
            match joint.made.get(&key) {
                Some(place) => {
                    for laid in all {
                        let Some(sent) = self.laid(joint, &key, laid)? else { continue };
                        let Some(op) = draft.ops.get_mut(*place) else { continue };
                        op.fields.retain(|known| known.field != sent.field);
                        op.fields.push(sent);
                    }
                }
                None => draft.ops.extend(self.joint_update(joint, &key, &all)?),
            }
        }
        for (id, pairs) in &joint.pairs {
            for (_, work) in pairs.range(..0) {
                draft.coming.push(Coming {
                    sync: *id,
                    arm: work.arm,
                    left: reference(&work.link.left),
                    right: reference(&work.link.right),
                });
            }
        }
        Ok(())
    }

    /// A field of an operation with the pair that it travels through.
    fn laid(&self, joint: &Joint, key: &Key, laid: &Laid) -> EngineResult<Option<Sent>> {
        let (id, _) = laid.pair;
        let Some(work) = joint.work(laid.pair) else { return Ok(None) };
        let side = laid.write.side;
        let Some([left, right]) = ends(self.sync(id)?, work) else { return Ok(None) };
        let from = if side == Side::Left { right } else { left };
        let real = |key: &Key, field: crate::plan::ir::FieldId| {
            let record = joint.overlay.real.get(key).or_else(|| self.world.get(key.0, &key.1));
            record.and_then(|record| record.slot(field.index())).cloned().unwrap_or(Value::Null)
        };
        let mut sent = self.sent(id, work.arm, &laid.write);
        sent.before = match joint.made.contains_key(key) {
            true => Value::Null,
            false => real(key, laid.write.field),
        };
        if let Some(field) = laid.write.source {
            sent.source = real(&from, field);
        }
        sent.rule.clone_from(&laid.rule);
        (sent.conflict, sent.loses_edit) = (laid.conflict, laid.loses_edit);
        let source = reference(from.1.as_str());
        sent.via = Some(Box::new(Via { sync: id, arm: work.arm, side, source, link: work.link.id.max(0) }));
        Ok(Some(sent))
    }

    fn joint_update(&self, joint: &Joint, key: &Key, all: &[&Laid]) -> EngineResult<Option<Op>> {
        let stamp = |key: &Key| -> Option<Millis> {
            let record = joint.overlay.real.get(key).or_else(|| self.world.get(key.0, &key.1));
            record.and_then(|record| record.modified)
        };
        let mut fields = Vec::new();
        for laid in all {
            fields.extend(self.laid(joint, key, laid)?);
        }
        // The operation is that of the first pair; what comes through others says so.
        let first = fields.iter().filter_map(|sent| sent.via.clone());
        let place = |via: &Via| joint.group.iter().position(|id| *id == via.sync);
        let Some(own) = first.min_by_key(|via| (place(via), via.link, via.source.clone())) else {
            return Ok(None);
        };
        for sent in &mut fields {
            if sent.via.as_deref() == Some(&*own) {
                sent.via = None;
            }
        }
        let sync = self.sync(own.sync)?;
        let from = object_at(sync, own.arm, own.side.other());
        Ok(Some(Op {
            kind: OpKind::Update,
            sync: own.sync,
            arm: own.arm,
            side: own.side,
            object: key.0,
            record: Ref::Known(key.1.clone()),
            source_stamp: match &own.source {
                Ref::Known(id) => stamp(&(from, id.clone())),
                Ref::New { .. } => None,
            },
            source: own.source,
            link: own.link,
            fields,
            associations: BTreeMap::new(),
            to: None,
            key: String::new(),
            association: String::new(),
            from: None,
            unique: None,
            stamp: stamp(key),
            reason: "changed".to_owned(),
        }))
    }

    /// The records are again what was read.
    fn lift(&mut self, joint: &Joint, draft: &mut Draft) {
        for ((object, _), record) in &joint.overlay.real {
            self.world.put(*object, record.clone());
        }
        for (object, id) in joint.made.keys() {
            self.world.forget(*object, id);
        }
        draft.unfinished.retain(|(_, id)| !is_new(id));
        for skip in &mut draft.skips {
            if let Some(new) = Ref::parse_new(&skip.record) {
                skip.record = new.words();
            }
        }
    }

    /// After a write: what the pairs of the record agree on now, with the writes of this run that came before.
    pub(super) fn agree_around(&self, op: &Op, id: &RecordId) -> EngineResult<()> {
        let group = self.group_of(op.sync);
        if group.is_empty() || !matches!(op.kind, OpKind::Create | OpKind::Update) {
            return Ok(());
        }
        for (sync, work) in self.works(&group, &(op.object, id.clone()))? {
            self.agree_on(sync, &work)?;
        }
        Ok(())
    }

    fn agree_on(&self, id: SyncId, work: &Work) -> EngineResult<()> {
        let Some([left, right]) = ends(self.sync(id)?, work) else { return Ok(()) };
        let found = self.world.get(left.0, &left.1).zip(self.world.get(right.0, &right.1));
        let Some((left, right)) = found.filter(|(a, b)| a.life == Life::Live && b.life == Life::Live) else {
            return Ok(());
        };
        let outcome = self.merged(id, work, (left, right), None)?;
        self.keep_agreed(id, work, &outcome.settled, Stamps::Left)
    }

    /// Links records that were both made by now, or one of them.
    pub(super) fn link_coming(&self, draft: &Draft) -> EngineResult<()> {
        self.in_one_commit(|| {
            for coming in &draft.coming {
                let (Some(left), Some(right)) = (self.resolve(&coming.left)?, self.resolve(&coming.right)?)
                else {
                    continue;
                };
                let link = self.pair_of(coming.sync, coming.arm, Side::Right, (&right, &left))?;
                if let Some(link) = link {
                    self.agree_on(coming.sync, &Work { link, arm: coming.arm })?;
                }
            }
            Ok(())
        })
    }
}

fn object_at(sync: &Sync, arm: usize, side: Side) -> ObjectId {
    sync.arms.get(arm).map_or(sync.left, |arm| object_on(sync, arm, side))
}

fn virtual_pairs(joint: &Joint) -> BTreeSet<Number> {
    let all = joint.pairs.iter();
    all.flat_map(|(id, pairs)| pairs.range(..0).map(|(number, _)| (*id, *number))).collect()
}
