//! What belongs together: syncs that connect more than two systems, and the records of one thing in all of them.
//!
//! Invariant: a record that is still to be made is known here for the time of one draft, and never in the state.

use std::collections::BTreeSet;

use super::draft::Work;
use super::error::EngineResult;
use super::matching::Found;
use super::session::Session;
use super::together::{Key, ends, is_new, object_at};
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::state::{Bases, Link, LinkState};

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
    pub(super) fn seats(&self, group: &[SyncId], object: ObjectId) -> Vec<(SyncId, usize, Side)> {
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
    pub(super) fn works(
        &self,
        group: &[SyncId],
        (object, record): &Key,
    ) -> EngineResult<Vec<(SyncId, Work)>> {
        let mut works = Vec::new();
        if is_new(record) {
            return Ok(works);
        }
        for (id, arm, side) in self.seats(group, *object) {
            let link = self.link_on(id, arm, side, record.as_str())?;
            let Some(link) = link.filter(|link| link.state == LinkState::Live) else { continue };
            let place = |arm: &crate::plan::ir::Arm| self.object_name(arm.right) == link.arm;
            let arm = self.sync(id)?.arms.iter().position(place).unwrap_or(arm);
            works.push((id, Work::new(link, arm)));
        }
        Ok(works)
    }

    /// The match keys of a record that is going to be made, in the syncs that do not make it.
    pub(super) fn note_keys(&mut self, group: &[SyncId], by: SyncId, (object, id): &Key) -> EngineResult<()> {
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
    ) -> EngineResult<Option<Found>> {
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
}
