//! A run over very many records, such as the first one of a large account: in portions, so that it takes as much memory
//! as a portion does.
//!
//! Twice over everything: first each portion is only drafted and counted, for the guards and policies ask about the whole
//! run and before its first write; then portion by portion is drafted again and carried out. What was read for the first
//! look waits in a file for the second, so that nothing is read twice.
//!
//! Invariant: a record leaves the inbox only after the last group of syncs that it takes part in has had its turn, and
//! not when it was called again meanwhile. Runs of three systems or with Sales Navigator are never cut: they look at
//! kin of records across syncs.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::error::{EngineError, EngineResult};
use super::fetch::Dirty;
use super::report::RunReport;
use super::run::{Gate, finish, records, work_off};
use super::session::{Only, Session};
use crate::merge::change::{ChangeSet, approval};
use crate::merge::guard::Tally;
use crate::plan::ir::{ObjectId, SyncId};
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::value::Millis;

/// What a look at everything has counted.
#[derive(Default)]
struct Count {
    tally: Tally,
    links: BTreeMap<SyncId, u64>,
    /// Over the portions' change sets: names what is approved.
    hash: blake3::Hasher,
    held: u64,
}

/// Where a pass over what is due stands.
struct Place {
    object: ObjectId,
    after: String,
}

impl Session<'_> {
    /// Whether more is due than one portion.
    pub(super) fn is_large(&self) -> EngineResult<bool> {
        if self.options.only != Only::Everything || self.groups.iter().any(|group| group.len() > 1) {
            return Ok(false);
        }
        let mut due = 0;
        for object in self.objects(&self.chosen())? {
            if self.shape(object)?.kind == SystemKind::Salesnav {
                return Ok(false);
            }
            let (system, name) = (self.system_name(object), self.object_name(object));
            due += self.store().due_count(system, name, self.now())?;
        }
        Ok(due > self.options.portion)
    }

    pub(super) async fn in_portions(&mut self, report: &mut RunReport) -> EngineResult<()> {
        let due_at = self.now();
        self.world.set_aside()?;
        self.rehearsal = true;
        let count = self.count_all(due_at).await;
        self.rehearsal = false;
        let count = count?;
        let stops = self.stops(&count.tally, &count.links)?;
        let hash = approval(&count.hash);
        if !stops.is_empty() && self.options.approve.as_deref() != Some(&hash) {
            return Err(EngineError::Stopped { reasons: stops, hash });
        }
        report.counts.held += count.held;
        self.carry_out_all(due_at, report).await
    }

    /// Drafts every portion and writes nothing.
    async fn count_all(&mut self, due_at: Millis) -> EngineResult<Count> {
        let mut count = Count::default();
        let mut waiting = Draft::default();
        self.tell_waiting(&self.objects(&self.chosen())?, &mut waiting)?;
        let set = self.describe(&waiting)?;
        count.held = set.summary.hold;
        count.add(&set);
        for group in self.groups.clone() {
            self.world.spill.start_over()?;
            for object in self.objects(&group)? {
                let mut place = Place { object, after: String::new() };
                while let Some(dirty) = self.next_portion(&mut place, due_at)? {
                    let mut draft = self.draft(std::slice::from_ref(&group), &dirty).await?;
                    let set = self.describe(&draft)?;
                    count.add(&set);
                    for (id, links) in &draft.links {
                        count.links.entry(*id).or_insert(*links);
                    }
                    draft.compared.extend(records(&dirty));
                    self.handled(&draft.compared)?;
                    self.world.set_aside()?;
                }
            }
        }
        Ok(count)
    }

    async fn carry_out_all(&mut self, due_at: Millis, report: &mut RunReport) -> EngineResult<()> {
        let groups = self.groups.clone();
        let mut unfinished = BTreeSet::new();
        let mut seen: BTreeSet<ObjectId> = BTreeSet::new();
        self.woken.borrow_mut().clear();
        for (number, group) in groups.iter().enumerate() {
            self.world.spill.start_over()?;
            let objects = self.objects(group)?;
            let mut last = objects.clone();
            for later in groups.iter().skip(number + 1) {
                last = &last - &self.objects(later)?;
            }
            for object in &objects {
                let mut place = Place { object: *object, after: String::new() };
                while let Some(dirty) = self.next_portion(&mut place, due_at)? {
                    let mut turn: Vec<_> = records(&dirty).collect();
                    // Nobody has looked at these records yet, so that being called changes nothing for them.
                    if !seen.contains(object) && !self.woken.borrow().is_empty() {
                        let mut woken = self.woken.borrow_mut();
                        turn.iter().for_each(|record| {
                            woken.remove(&self.in_inbox(record));
                        });
                    }
                    let own = std::slice::from_ref(group);
                    let mut worked = work_off(self, own, dirty, Gate::Open, report).await?;
                    turn.append(&mut worked.compared);
                    self.handled(&turn)?;
                    unfinished.extend(worked.unfinished.iter().cloned());
                    let woken = self.woken.borrow();
                    let is_done = |record: &(ObjectId, RecordId)| {
                        last.contains(&record.0)
                            && !unfinished.contains(record)
                            && !woken.contains(&self.in_inbox(record))
                    };
                    finish(self, turn.into_iter().filter(is_done), &worked.unfinished)?;
                    drop(woken);
                    // What was written may look different now, and what it was written from was read long ago.
                    for (object, id) in worked.touched {
                        self.world.forget(object, &id)?;
                    }
                    self.world.set_aside()?;
                }
            }
            seen.extend(objects);
        }
        Ok(())
    }

    /// The next records of an object that are due and have not had their turn; `None` = there are none.
    fn next_portion(&mut self, place: &mut Place, due_at: Millis) -> EngineResult<Option<Dirty>> {
        let object = place.object;
        let names = (self.system_name(object), self.object_name(object));
        loop {
            self.check_stop()?;
            let ids = self.store().due_after(names, due_at, &place.after, self.options.portion)?;
            let Some(end) = ids.last() else { return Ok(None) };
            place.after.clone_from(end);
            let mut open = BTreeSet::new();
            for id in ids {
                if !self.world.spill.is_handled(object.0, &id)? {
                    open.insert(RecordId::new(id));
                }
            }
            if !open.is_empty() {
                return Ok(Some(Dirty::from([(object, open)])));
            }
        }
    }

    /// These records have had their turn in the group.
    fn handled(&self, turn: &[(ObjectId, RecordId)]) -> EngineResult<()> {
        for (object, id) in turn {
            self.world.spill.handle(object.0, id.as_str())?;
        }
        Ok(())
    }

    /// A record as the inbox names it.
    fn in_inbox(&self, (object, id): &(ObjectId, RecordId)) -> (String, String, String) {
        (self.system_name(*object).to_owned(), self.object_name(*object).to_owned(), id.to_string())
    }
}

impl Count {
    fn add(&mut self, set: &ChangeSet) {
        self.tally.add(&set.changes, &set.skips);
        self.hash.update(set.hash().as_bytes());
    }
}
