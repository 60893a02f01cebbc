//! A run about a part of the work: one record (`resync`), chosen ones (`import`), or one field of every pair
//! (`backfill`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::draft::Work;
use super::error::{EngineError, EngineResult};
use super::fetch::Dirty;
use super::session::{Only, Session};
use crate::interp::FilterOutcome;
use crate::merge::PairOutcome;
use crate::merge::pair::Decided;
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{Record, RecordId};
use crate::state::{Bases, LinkState};

impl Session<'_> {
    /// What this run looks at, out of what is due.
    pub(super) async fn narrowed(&mut self, due: Dirty) -> EngineResult<Dirty> {
        match self.options.only.clone() {
            Only::Everything => Ok(due),
            Only::Record(object, id) => self.named(&due, vec![(object, id)]).await,
            Only::Records(records) => {
                let dirty = self.named(&due, records).await?;
                self.let_in(&dirty)?;
                Ok(dirty)
            }
            Only::Pairs { portion, .. } => {
                let mut dirty = Dirty::new();
                for id in self.chosen() {
                    let sync = self.sync(id)?;
                    let links = match portion {
                        Some((after, most)) => self.store().live_links_after(&sync.name, after, most)?,
                        None => self.store().links(&sync.name)?,
                    };
                    let live = links.into_iter().filter(|link| link.state == LinkState::Live);
                    dirty.entry(sync.left).or_default().extend(live.map(|link| RecordId::new(link.left)));
                }
                Ok(dirty)
            }
        }
    }

    /// Records that somebody named, read anew.
    async fn named(&mut self, due: &Dirty, records: Vec<(ObjectId, RecordId)>) -> EngineResult<Dirty> {
        // New records elsewhere have to be known before a counterpart is looked for.
        for sync in self.chosen() {
            self.read_dirty(sync, due).await?;
        }
        let mut dirty = Dirty::new();
        for (object, id) in records {
            self.world.forget(object, &id)?;
            dirty.entry(object).or_default().insert(id);
        }
        for (object, ids) in &dirty {
            self.read(*object, ids.iter().cloned()).await?;
            if let Some(id) = ids.iter().find(|id| self.world.get(*object, id).is_none()) {
                return Err(EngineError::Missing(format!(
                    "{}.{} {id} is deleted or not shown to us",
                    self.system_name(*object),
                    self.object_name(*object)
                )));
            }
        }
        Ok(dirty)
    }

    /// Records that were there before a sync started take part in it from now on, also when this run is cut off.
    fn let_in(&self, dirty: &Dirty) -> EngineResult<()> {
        for (object, ids) in dirty {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            self.store().observe(self.system_name(*object), self.object_name(*object), &ids, self.now())?;
        }
        for id in self.chosen() {
            let sync = self.sync(id)?;
            let sides = std::iter::once((Side::Left, 0, sync.left));
            let sides = sides.chain(sync.arms.iter().enumerate().map(|(n, arm)| (Side::Right, n, arm.right)));
            for (side, arm, object) in sides {
                let place = self.place(id, arm, side)?;
                for record in dirty.get(&object).into_iter().flatten() {
                    self.store().forget_older(&sync.name, place, record.as_str())?;
                }
            }
        }
        Ok(())
    }

    /// How many pairs shares of the guards are shares of.
    pub(super) fn pairs_at_stake(&self, sync: &str) -> EngineResult<u64> {
        Ok(match self.options.only {
            Only::Pairs { portion: Some((after, most)), .. } => {
                self.store().live_links_behind(sync, after)?.min(most)
            }
            _ => self.store().live_links(sync)?,
        })
    }

    pub(super) fn is_asked_for(&self, object: ObjectId, id: &RecordId) -> bool {
        matches!(&self.options.only, Only::Record(at, wanted) if *at == object && wanted == id)
    }

    pub(super) fn leaves_associations(&self) -> bool {
        matches!(&self.options.only, Only::Pairs { rows: Some(_), .. } | Only::Pairs { within: Some(_), .. })
    }

    /// Ids of the rows that the run is about; `None` = all of them.
    fn asked_rows(&self) -> Option<&BTreeSet<String>> {
        match &self.options.only {
            Only::Pairs { rows, .. } => rows.as_ref(),
            _ => None,
        }
    }

    /// Whether the pair is one that the run is about.
    pub(super) fn is_asked_pair(&self, id: SyncId, left: &Record, right: &Record) -> EngineResult<bool> {
        let Only::Pairs { within: Some((side, condition)), .. } = &self.options.only else { return Ok(true) };
        let record = if *side == Side::Left { left } else { right };
        let verdict = self.program(id)?.verdict(&self.facts(), *side, record, condition);
        Ok(verdict == FilterOutcome::In)
    }

    /// What a person decided of this pair's conflicts: the side that stands, by row; an empty name = every row.
    pub(super) fn decided(&self, id: SyncId, arm: usize) -> EngineResult<Option<Decided<'_>>> {
        let Some(decision) = &self.options.decision else { return Ok(None) };
        let sync = self.sync(id)?;
        let is = |object: ObjectId| {
            self.plan().object(object).is_some_and(|object| object.system == decision.winner)
        };
        let winner = match sync.arms.get(arm) {
            _ if is(sync.left) => Side::Left,
            Some(arm) if is(arm.right) => Side::Right,
            _ => return Ok(None),
        };
        Ok(Some(Decided { winner, rows: decision.rows.as_ref() }))
    }

    /// The agreed values that the merge goes by: those of rows that are backfilled don't count.
    pub(super) fn bases_that_count<'w>(&self, work: &'w Work) -> Cow<'w, Bases> {
        if !matches!(self.options.only, Only::Pairs { .. }) {
            return Cow::Borrowed(&work.link.bases);
        }
        let mut bases = work.link.bases.clone();
        match self.asked_rows() {
            Some(rows) => {
                bases.rows.retain(|row, _| !rows.contains(row));
                bases.undone.retain(|row, _| !rows.contains(row));
            }
            None => (bases.rows, bases.undone) = Default::default(),
        }
        Cow::Owned(bases)
    }

    /// Drops what the merge says of other rows.
    pub(super) fn keep_asked_rows(&self, outcome: &mut PairOutcome) {
        if let Some(rows) = self.asked_rows() {
            outcome.writes.retain(|write| rows.contains(&write.row));
            outcome.settled.retain(|(row, _)| rows.contains(row));
            outcome.wants_history.clear();
        }
    }

    /// Links of the chosen syncs whose records both pass their filters now.
    pub(super) async fn in_scope(&mut self) -> EngineResult<BTreeSet<i64>> {
        let mut inside = BTreeSet::new();
        for id in self.chosen() {
            let sync = self.sync(id)?;
            let mut links = self.store().links(&sync.name)?;
            links.retain(|link| link.state == LinkState::Live);
            self.read(sync.left, links.iter().map(|link| RecordId::new(link.left.as_str()))).await?;
            for arm in &sync.arms {
                let here = links.iter().filter(|link| link.arm == self.object_name(arm.right));
                let ids: Vec<RecordId> = here.map(|link| RecordId::new(link.right.as_str())).collect();
                self.read(arm.right, ids).await?;
            }
            self.read_associated(id).await?;
            for link in links {
                let arm = sync.arms.iter().find(|arm| self.object_name(arm.right) == link.arm);
                let Some(arm) = arm else { continue };
                let left = self.world.get(sync.left, &RecordId::new(link.left.as_str()));
                let right = self.world.get(arm.right, &RecordId::new(link.right.as_str()));
                let (Some(left), Some(right)) = (left, right) else { continue };
                let facts = self.facts();
                let program = self.program(id)?;
                let passes = |side, record| program.filter(&facts, side, record) == FilterOutcome::In;
                if passes(Side::Left, left) && passes(Side::Right, right) {
                    inside.insert(link.id);
                }
            }
        }
        self.check_trouble()?;
        Ok(inside)
    }
}
