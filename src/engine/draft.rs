//! From what is due to what should be done: pairs found, merged, missing counterparts planned, sync by sync.
//!
//! Invariant: a draft only reads the CRMs. What it learns (new pairs, values that agree as they stand, holds) goes into
//! the state it is given; for a dry-run that is a copy.

use std::collections::{BTreeMap, BTreeSet};

use super::error::EngineResult;
use super::fetch::Dirty;
use super::matching::Found;
use super::ops::Op;
use super::session::{Session, object_on};
use crate::interp::FilterOutcome;
use crate::merge::change::Skip;
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{Life, RecordId};
use crate::state::{CAME_BACK, Link, LinkState};

/// What a run would do.
#[derive(Default)]
pub struct Draft {
    pub ops: Vec<Op>,
    pub skips: Vec<Skip>,
    /// Records that something is still to be done about after this run, by object.
    pub unfinished: BTreeSet<(ObjectId, RecordId)>,
    /// Pairs of which a record is still to be made.
    pub coming: Vec<super::together::Coming>,
    /// Live links per sync before this run.
    pub links: BTreeMap<SyncId, u64>,
    /// Records of the pairs that were compared, by object.
    pub compared: Vec<(ObjectId, RecordId)>,
}

/// A pair under work.
pub struct Work {
    pub link: Link,
    pub arm: usize,
    /// The link ended when a record left its filter, and lives again when both are back.
    pub away: bool,
}

impl Work {
    pub fn new(link: Link, arm: usize) -> Work {
        Work { link, arm, away: false }
    }
}

impl Session<'_> {
    /// What is to be done about these records in the syncs of some groups.
    pub async fn draft(&mut self, groups: &[Vec<SyncId>], dirty: &Dirty) -> EngineResult<Draft> {
        let mut draft = Draft::default();
        self.pending.clear();
        for group in groups {
            self.check_stop()?;
            for id in group {
                draft.links.insert(*id, self.pairs_at_stake(&self.sync(*id)?.name)?);
            }
            match group.as_slice() {
                [id] => self.draft_sync(*id, dirty, &mut draft).await?,
                group => self.draft_together(group, dirty, &mut draft).await?,
            }
            self.check_trouble()?;
        }
        Ok(draft)
    }

    /// Records that wait, for their next try or for the outcome of a request, are not forgotten in what people read.
    pub fn tell_waiting<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o ObjectId>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        for object in objects {
            let takes_part = |sync: &crate::plan::ir::Sync| {
                sync.left == *object || sync.arms.iter().any(|arm| arm.right == *object)
            };
            let chosen = self.chosen();
            let Some(id) = chosen.into_iter().find(|id| self.plan().sync(*id).is_some_and(takes_part)) else {
                continue;
            };
            let (system, name) = (self.system_name(*object), self.object_name(*object));
            for entry in self.store().waiting(system, name, self.now())? {
                let detail = format!("{} (tried again after {})", entry.error, entry.not_before);
                self.skip(id, *object, &RecordId::new(entry.id), "waiting", &detail, draft)?;
            }
            for (_, record) in self.unsettled.iter().filter(|(at, _)| at == object) {
                let detail = "a request of an earlier run may still land: 2 minutes after it (a bulk job: 14) a run decides";
                self.skip(id, *object, record, "waiting", detail, draft)?;
            }
        }
        Ok(())
    }

    async fn draft_sync(&mut self, id: SyncId, dirty: &Dirty, draft: &mut Draft) -> EngineResult<()> {
        self.read_dirty(id, dirty).await?;
        self.read_associated(id).await?;
        let (mut pairs, unlinked) = self.sort_out(id, dirty)?;
        // Before new records are looked at: one of them may be what an old one became.
        self.follow_moves(id, &mut pairs, draft).await?;
        let mut makers = Vec::new();
        let steps = (pairs.len() + unlinked.len()) as u64;
        self.deps.progress.stage(&format!("comparing {}", self.sync(id)?.name), steps);
        for (arm, side, record) in unlinked {
            self.store().open_batch()?;
            // A record may have been paired with one that came before it.
            if self.link_on(id, arm, side, record.as_str())?.is_some() {
                continue;
            }
            self.unlinked(id, arm, side, record, &mut pairs, &mut makers, draft).await?;
        }
        self.read_pairs(id, &pairs).await?;
        if self.follow_moves(id, &mut pairs, draft).await? {
            // What a record became may be the counterpart of one that seemed to have none.
            for (arm, side, record) in std::mem::take(&mut makers) {
                self.unlinked(id, arm, side, record, &mut pairs, &mut makers, draft).await?;
            }
            self.read_pairs(id, &pairs).await?;
        }
        self.read_associated(id).await?;
        self.merge_pairs(id, &pairs, draft).await?;
        draft.compared.extend(self.records_of(id, &pairs)?);
        let keyless = if makers.is_empty() { BTreeSet::new() } else { self.keyless(id)? };
        for (arm, side, source) in makers {
            self.store().open_batch()?;
            if keyless.contains(&(arm, side.other())) {
                let sync = self.sync(id)?;
                let here = sync.arms.get(arm).map_or(sync.left, |at| object_on(sync, at, side));
                draft.unfinished.insert((here, source.clone()));
                let why = "a record on the other side came without its match key and may be the counterpart";
                self.skip(id, here, &source, "held", why, draft)?;
                continue;
            }
            self.draft_create(id, arm, side.other(), &source, draft)?;
        }
        self.store().open_batch()?;
        if !self.leaves_associations() {
            self.draft_associations(id, &pairs, draft)?;
            self.draft_propagation(id, dirty, &pairs, draft).await?;
        }
        self.store().close_batch()?;
        self.deps.progress.step(steps);
        Ok(())
    }

    /// Due records by whether they are linked; pairs each once.
    #[expect(clippy::type_complexity, reason = "pairs, and (arm, side, id) of the others")]
    pub(super) fn sort_out(
        &self,
        id: SyncId,
        dirty: &Dirty,
    ) -> EngineResult<(BTreeMap<i64, Work>, Vec<(usize, Side, RecordId)>)> {
        let sync = self.sync(id)?;
        let mut pairs = BTreeMap::new();
        let mut unlinked = Vec::new();
        let mut take = |link: Option<Link>, arm: usize, side: Side, record: &RecordId| match link {
            Some(mut link) if link.state == LinkState::Live || link.has_left() => {
                let place = |arm: &crate::plan::ir::Arm| self.object_name(arm.right) == link.arm;
                let arm = sync.arms.iter().position(place).unwrap_or(arm);
                let away = link.has_left();
                if away {
                    (link.state, link.reason) = (LinkState::Live, CAME_BACK.to_owned());
                }
                pairs.insert(link.id, Work { link, arm, away });
            }
            Some(_) => {}
            None => unlinked.push((arm, side, record.clone())),
        };
        for record in dirty.get(&sync.left).into_iter().flatten() {
            if !self.unsettled.contains(&(sync.left, record.clone())) {
                take(self.link_on(id, 0, Side::Left, record.as_str())?, 0, Side::Left, record);
            }
        }
        for (index, arm) in sync.arms.iter().enumerate() {
            for record in dirty.get(&arm.right).into_iter().flatten() {
                if !self.unsettled.contains(&(arm.right, record.clone())) {
                    take(self.link_on(id, index, Side::Right, record.as_str())?, index, Side::Right, record);
                }
            }
        }
        Ok((pairs, unlinked))
    }

    pub(super) async fn read_pairs(&mut self, id: SyncId, pairs: &BTreeMap<i64, Work>) -> EngineResult<()> {
        let mut objects: BTreeMap<ObjectId, Vec<RecordId>> = BTreeMap::new();
        for (object, record) in self.records_of(id, pairs)? {
            objects.entry(object).or_default().push(record);
        }
        self.read_all(objects).await?;
        Ok(())
    }

    /// The records of pairs, both sides.
    fn records_of(&self, id: SyncId, pairs: &BTreeMap<i64, Work>) -> EngineResult<Vec<(ObjectId, RecordId)>> {
        let sync = self.sync(id)?;
        let mut records = Vec::new();
        for work in pairs.values() {
            let Some(arm) = sync.arms.get(work.arm) else { continue };
            records.push((sync.left, RecordId::new(work.link.left.as_str())));
            records.push((arm.right, RecordId::new(work.link.right.as_str())));
        }
        Ok(records)
    }

    /// A record without a counterpart: pair it, plan to make one, or say why not.
    #[expect(clippy::too_many_arguments, reason = "one record and where its fate goes")]
    pub(super) async fn unlinked(
        &mut self,
        id: SyncId,
        arm: usize,
        side: Side,
        record: RecordId,
        pairs: &mut BTreeMap<i64, Work>,
        makers: &mut Vec<(usize, Side, RecordId)>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let here = sync.arms.get(arm).map_or(sync.left, |at| object_on(sync, at, side));
        let Some(found) = self.world.get(here, &record) else { return Ok(()) };
        if found.life != Life::Live {
            return Ok(());
        }
        if self.bring_swallowed(id, side, here, &record, pairs)? {
            // Whose counterpart becomes its own is known when those are read.
            draft.unfinished.insert((here, record));
            return Ok(());
        }
        if self.is_older(id, arm, side, here, found)? {
            let why = "it was there before the sync started, and no mapped field changed since";
            return self.skip(id, here, &record, "not-new", why, draft);
        }
        let facts = self.facts();
        let arm = if side == Side::Left {
            match self.program(id)?.route(&facts, found) {
                Some(arm) => arm,
                None => return self.skip(id, here, &record, "no-route", "no route takes it", draft),
            }
        } else {
            arm
        };
        if self.program(id)?.filter_is_absent(side, found) {
            draft.unfinished.insert((here, record.clone()));
            let why = "a field of its filter was not in the answer";
            return self.skip(id, here, &record, "held", why, draft);
        }
        match self.program(id)?.filter(&facts, side, found) {
            FilterOutcome::In => {}
            FilterOutcome::Out => return self.skip(id, here, &record, "filter", "outside the filter", draft),
            FilterOutcome::Unclear(why) => {
                draft.unfinished.insert((here, record.clone()));
                return self.skip(id, here, &record, "held", &why, draft);
            }
        }
        if let Some(found) = self.world.get(here, &record)
            && self.key_is_absent(id, arm, side, found)?
        {
            draft.unfinished.insert((here, record.clone()));
            return self.skip(id, here, &record, "held", "its match key was not in the answer", draft);
        }
        match self.find_counterpart(id, arm, side, &record).await? {
            Found::Pair(other) => {
                if let Some(why) = self.must_stay_apart(id, arm, side.other(), &other).await? {
                    return self.skip(id, here, &record, "filter", &why, draft);
                }
                let (left, right) = if side == Side::Left { (&record, &other) } else { (&other, &record) };
                let link = self.pair_up(id, arm, left, right, pairs.len())?;
                pairs.insert(link.id, Work::new(link, arm));
                Ok(())
            }
            Found::Ambiguous(why) => {
                draft.unfinished.insert((here, record.clone()));
                self.skip(id, here, &record, "ambiguous", &why, draft)
            }
            Found::Nothing => {
                let goes = match side {
                    Side::Left => sync.direction.goes_right(),
                    Side::Right => sync.direction.goes_left(),
                };
                if !goes {
                    return Ok(());
                }
                let Some(found) = self.world.get(here, &record) else { return Ok(()) };
                match self.program(id)?.may_create(&self.facts(), side.other(), found) {
                    Ok(()) => {
                        makers.push((arm, side, record));
                        Ok(())
                    }
                    // Asked for by name: rules about making records don't apply, the direction does.
                    Err(_) if self.is_asked_for(here, &record) => {
                        makers.push((arm, side, record));
                        Ok(())
                    }
                    Err(reason) => {
                        // What it depends on may change without a trace on the record: it is asked again.
                        if self.program(id)?.creation_asks_beyond(side.other()) {
                            draft.unfinished.insert((here, record.clone()));
                        }
                        self.skip(id, here, &record, reason, "the mapping makes no counterpart for it", draft)
                    }
                }
            }
        }
    }

    pub fn skip(
        &self,
        id: SyncId,
        object: ObjectId,
        record: &RecordId,
        reason: &str,
        detail: &str,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        draft.skips.push(Skip {
            sync: self.sync(id)?.name.clone(),
            system: self.system_name(object).to_owned(),
            object: self.object_name(object).to_owned(),
            record: record.to_string(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        });
        Ok(())
    }
}
