//! Recognising pairs: by the external id that an earlier run left, then by the sync's match rules in order.
//!
//! Invariant: a pair is made only of the one record on each side that has the key; anything else is listed as
//! ambiguous and never written.

use std::collections::BTreeSet;

use super::error::EngineResult;
use super::session::{Session, object_on};
use crate::interp::FilterOutcome;
use crate::merge::external_id;
use crate::plan::ir::{Match, ObjectId, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::links::LEFT;
use crate::state::{Bases, Link, LinkState};

/// Rules of one arm have numbers of its hundred; these two stand behind the program's own.
pub(super) const ARM: usize = 100;
/// What a record is called, where nothing is matched by it.
pub(super) const LOOKS: usize = 97;
const RIGHT_CARRIES: usize = 98;
const LEFT_CARRIES: usize = 99;

/// What came of looking for a record's counterpart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Pair(RecordId),
    Nothing,
    Ambiguous(String),
}

impl Session<'_> {
    pub fn place(&self, sync: SyncId, arm: usize, side: Side) -> EngineResult<&str> {
        if side == Side::Left {
            return Ok(LEFT);
        }
        let right = self.sync(sync)?.arms.get(arm).map(|arm| arm.right);
        Ok(right.map_or("", |right| self.object_name(right)))
    }

    /// The external id that the counterpart of this record gets.
    pub fn external_id_for(&self, object: ObjectId, id: &RecordId) -> String {
        let account = self
            .plan()
            .object(object)
            .map_or(String::new(), |found| self.systems.account(found.system).to_owned());
        external_id(&account, self.object_name(object), id.as_str())
    }

    /// Remembers a record's keys, so that matching never depends on a lagging search.
    pub fn keep_keys(
        &self,
        sync: SyncId,
        arm: Option<usize>,
        side: Side,
        object: ObjectId,
        id: &RecordId,
    ) -> EngineResult<()> {
        let Some(record) = self.world.get(object, id) else { return Ok(()) };
        // A record whose values were forgotten leaves none here again.
        let link = self.link_on(sync, arm.unwrap_or(0), side, id.as_str())?;
        if link.is_some_and(|link| link.is_forgotten()) {
            return Ok(());
        }
        let arms: Vec<usize> = match arm {
            Some(arm) => vec![arm],
            None => (0..self.sync(sync)?.arms.len()).collect(),
        };
        let mut keys = Vec::new();
        for arm in &arms {
            // What is absent says nothing: the keys that are known stand.
            let key = (sync, *arm, side, id.clone());
            if self.key_is_absent(sync, *arm, side, record)? {
                self.keyless.borrow_mut().insert(key);
                return Ok(());
            }
            self.keyless.borrow_mut().remove(&key);
        }
        for arm in arms {
            for rule in self.rules(sync, arm)? {
                if let Some(key) = self.key(sync, arm, rule, side, record)? {
                    keys.push((arm * ARM + rule, key));
                }
            }
            let at = self.sync(sync)?.arms.get(arm);
            keys.extend(
                at.and_then(|at| self.likeness(at, side, record)).map(|key| (arm * ARM + LOOKS, key)),
            );
        }
        let place = self.place(sync, arm.unwrap_or(0), side)?;
        let name = &self.sync(sync)?.name;
        Ok(self.store().put_keys(name, place, id.as_str(), &keys)?)
    }

    /// Numbers of the rules of an arm in the order in which they are tried.
    pub(super) fn rules(&self, sync: SyncId, arm: usize) -> EngineResult<Vec<usize>> {
        let Some(found) = self.sync(sync)?.arms.get(arm) else { return Ok(Vec::new()) };
        let own = if self.ablation().no_external_id { vec![] } else { vec![RIGHT_CARRIES, LEFT_CARRIES] };
        let keys = found.matches.iter().enumerate();
        let keys = keys.filter_map(|(index, rule)| matches!(rule, Match::Keys { .. }).then_some(index));
        Ok(own.into_iter().chain(keys).collect())
    }

    pub(super) fn key(
        &self,
        sync: SyncId,
        arm: usize,
        rule: usize,
        side: Side,
        record: &Record,
    ) -> EngineResult<Option<String>> {
        let found = self.sync(sync)?;
        let Some(at) = found.arms.get(arm) else { return Ok(None) };
        let object = object_on(found, at, side);
        let carries = |side_that_carries: Side| {
            if side == side_that_carries {
                let field = self.plan().object(object)?.external_id?;
                record.slot(field.index())?.as_text().map(str::to_owned).filter(|text| !text.is_empty())
            } else {
                Some(self.external_id_for(object, &record.id))
            }
        };
        Ok(match rule {
            RIGHT_CARRIES => carries(Side::Right),
            LEFT_CARRIES => carries(Side::Left),
            rule => self.program(sync)?.key(&self.facts(), at, rule, side, record),
        })
    }

    /// Whether the answer left out what a match rule of the arm reads: the record's key is not known then.
    pub fn key_is_absent(&self, sync: SyncId, arm: usize, side: Side, record: &Record) -> EngineResult<bool> {
        let found = self.sync(sync)?;
        let Some(at) = found.arms.get(arm) else { return Ok(false) };
        let facts = self.facts();
        for rule in self.rules(sync, arm)? {
            let absent = match rule {
                RIGHT_CARRIES | LEFT_CARRIES => {
                    let carries = (rule == RIGHT_CARRIES) == (side == Side::Right);
                    let field = self.plan().object(object_on(found, at, side)).and_then(|at| at.external_id);
                    carries && field.is_some_and(|field| record.slot(field.index()).is_none())
                }
                rule => self.program(sync)?.key_is_absent(&facts, at, rule, side, record),
            };
            if absent {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Arms and sides of which an unlinked record was read without its match key.
    pub fn keyless(&self, sync: SyncId) -> EngineResult<BTreeSet<(usize, Side)>> {
        let mut keyless = BTreeSet::new();
        for (_, arm, side, id) in self.keyless.borrow().iter().filter(|(at, ..)| *at == sync) {
            if !keyless.contains(&(*arm, *side)) && self.link_on(sync, *arm, *side, id.as_str())?.is_none() {
                keyless.insert((*arm, *side));
            }
        }
        Ok(keyless)
    }

    /// Looks for the counterpart of an unlinked record.
    pub async fn find_counterpart(
        &mut self,
        sync: SyncId,
        arm: usize,
        side: Side,
        id: &RecordId,
    ) -> EngineResult<Found> {
        let found = self.sync(sync)?;
        let Some(at) = found.arms.get(arm) else { return Ok(Found::Nothing) };
        let (here, there) = (object_on(found, at, side), object_on(found, at, side.other()));
        if let Some(found) = self.same_member(sync, arm, side, (here, there), id)? {
            return Ok(found);
        }
        if let Some(found) = self.same_thing(sync, arm, side, (here, there), id)? {
            return Ok(found);
        }
        for rule in self.rules(sync, arm)? {
            let Some(record) = self.world.get(here, id) else { return Ok(Found::Nothing) };
            let Some(key) = self.key(sync, arm, rule, side, record)? else { continue };
            let number = arm * ARM + rule;
            let place = self.place(sync, arm, side.other())?;
            let mut others = self.store().with_key(&found.name, number, place, &key, 6)?;
            others.extend(self.made_with_key(sync, arm, rule, side.other(), &key)?);
            if others.is_empty() {
                continue;
            }
            let place = self.place(sync, arm, side)?;
            let own = self.store().with_key(&found.name, number, place, &key, 6)?;
            let own = self.taking_part(sync, side, here, own).await?;
            return self.judge(sync, arm, side, (here, there), id, &own, &others);
        }
        // Nothing over there; but several here that would each get a counterpart of their own?
        for rule in self.rules(sync, arm)? {
            let Some(record) = self.world.get(here, id) else { return Ok(Found::Nothing) };
            let Some(key) = self.key(sync, arm, rule, side, record)? else { continue };
            let place = self.place(sync, arm, side)?;
            let own = self.store().with_key(&found.name, arm * ARM + rule, place, &key, 6)?;
            let own = self.taking_part(sync, side, here, own).await?;
            if own.len() > 1 {
                let (system, object) = (self.system_name(here), self.object_name(here));
                return Ok(Found::Ambiguous(format!(
                    "{system}.{object} {} have the same key",
                    own.join(", ")
                )));
            }
        }
        Ok(Found::Nothing)
    }

    /// Of a lead that a seat holder handed over: the person of the CRM whom LinkedIn (or a person) takes for its member.
    fn same_member(
        &self,
        sync: SyncId,
        arm: usize,
        side: Side,
        (here, there): (ObjectId, ObjectId),
        id: &RecordId,
    ) -> EngineResult<Option<Found>> {
        let matcher = |rule: &Match| matches!(rule, Match::Matcher(_));
        let found = self.sync(sync)?.arms.get(arm);
        if !found.is_some_and(|arm| arm.matches.iter().any(matcher)) {
            return Ok(None);
        }
        let member = self.world.get(here, id).and_then(|record| {
            super::world::named(self.plan(), here, record, crate::schema::salesnav::MEMBER)?.as_text()
        });
        let Some(member) = member else { return Ok(None) };
        let known = self.store().matches_with(self.system_name(there), member)?;
        let object = self.object_name(there);
        let ids: Vec<String> =
            known.into_iter().filter(|one| one.object == object).map(|one| one.record).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        self.judge(sync, arm, side, (here, there), id, &[], &ids).map(Some)
    }

    /// Those that are live and pass their side's filter.
    async fn taking_part(
        &mut self,
        sync: SyncId,
        side: Side,
        object: ObjectId,
        ids: Vec<String>,
    ) -> EngineResult<Vec<String>> {
        if ids.len() < 2 {
            return Ok(ids);
        }
        self.read(object, ids.iter().map(|id| RecordId::new(id.as_str()))).await?;
        let facts = self.facts();
        let program = self.program(sync)?;
        let takes_part = |id: &String| {
            self.world.get(object, &RecordId::new(id.as_str())).is_some_and(|record| {
                record.life == Life::Live && program.filter(&facts, side, record) == FilterOutcome::In
            })
        };
        Ok(ids.iter().filter(|id| takes_part(id)).cloned().collect())
    }

    #[expect(clippy::too_many_arguments, reason = "both sides of one question")]
    pub(super) fn judge(
        &self,
        sync: SyncId,
        arm: usize,
        side: Side,
        (here, there): (ObjectId, ObjectId),
        id: &RecordId,
        own: &[String],
        others: &[String],
    ) -> EngineResult<Found> {
        let named = |object: ObjectId, ids: &[String]| {
            format!("{}.{} {}", self.system_name(object), self.object_name(object), ids.join(", "))
        };
        let [other] = others else {
            return Ok(Found::Ambiguous(format!("{} have the same key", named(there, others))));
        };
        if own.len() > 1 {
            return Ok(Found::Ambiguous(format!(
                "{} have the same key as {}",
                named(here, own),
                named(there, others)
            )));
        }
        match self.link_on(sync, arm, side.other(), other)? {
            None => Ok(Found::Pair(RecordId::new(other.as_str()))),
            Some(link) => {
                let partner = if side == Side::Left { &link.left } else { &link.right };
                if partner == id.as_str() {
                    return Ok(Found::Nothing);
                }
                Ok(Found::Ambiguous(format!(
                    "{} has the same key and belongs to {}",
                    named(there, others),
                    named(here, std::slice::from_ref(partner))
                )))
            }
        }
    }

    pub fn link_on(&self, sync: SyncId, arm: usize, side: Side, id: &str) -> EngineResult<Option<Link>> {
        let name = &self.sync(sync)?.name;
        Ok(match side {
            Side::Left => self.store().link_of_left(name, id)?,
            Side::Right => {
                let place = self.place(sync, arm, side)?;
                self.store().link_of_right(name, place, id)?
            }
        })
    }

    /// A new pair that nothing has been agreed on yet.
    pub fn new_link(
        &self,
        sync: SyncId,
        arm: usize,
        left: &str,
        right: &str,
        why: &str,
    ) -> EngineResult<Link> {
        let mut link = Link {
            id: 0,
            sync: self.sync(sync)?.name.clone(),
            left: left.to_owned(),
            arm: self.place(sync, arm, Side::Right)?.to_owned(),
            right: right.to_owned(),
            state: LinkState::Live,
            reason: why.to_owned(),
            left_stamp: None,
            right_stamp: None,
            bases: Bases::default(),
            run: self.run.clone(),
            at: self.now(),
        };
        link.id = self.store().put_link(&link)?;
        Ok(link)
    }
}
