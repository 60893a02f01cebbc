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
use super::ops::Ref;
use super::overlay::Overlay;
use super::session::{Session, object_on};
use crate::merge::PairOutcome;
use crate::plan::ir::{ObjectId, Side, Sync, SyncId};
use crate::record::{Record, RecordId};
use crate::value::Value;

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
    pub first: BTreeMap<Number, PairOutcome>,
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

pub(super) fn reference(text: &str) -> Ref {
    Ref::parse_new(text).unwrap_or_else(|| Ref::Known(RecordId::new(text)))
}

pub(super) fn is_new(id: &RecordId) -> bool {
    Ref::parse_new(id.as_str()).is_some()
}

/// Both ends of a pair.
pub(super) fn ends(sync: &Sync, work: &Work) -> Option<[Key; 2]> {
    let arm = sync.arms.get(work.arm)?;
    Some([
        (sync.left, RecordId::new(work.link.left.as_str())),
        (arm.right, RecordId::new(work.link.right.as_str())),
    ])
}

impl Session<'_> {
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
        self.lift(&joint, draft)?;
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
            self.follow_moves(*id, &mut pairs, draft).await?;
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
            if self.follow_moves(*id, &mut pairs, draft).await? {
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
        pairs.insert(link.id, Work::new(link, arm));
        self.note_keys(&joint.group, id, &key)?;
        Ok(Some(key))
    }

    pub(super) fn field_id(&self, object: ObjectId, name: &str) -> Option<crate::plan::ir::FieldId> {
        let at = self.plan().object(object)?.fields.iter().position(|field| field.name == name)?;
        u32::try_from(at).ok().map(crate::plan::ir::FieldId)
    }
}

pub(super) fn object_at(sync: &Sync, arm: usize, side: Side) -> ObjectId {
    sync.arms.get(arm).map_or(sync.left, |arm| object_on(sync, arm, side))
}

fn virtual_pairs(joint: &Joint) -> BTreeSet<Number> {
    let all = joint.pairs.iter();
    all.flat_map(|(id, pairs)| pairs.range(..0).map(|(number, _)| (*id, *number))).collect()
}
