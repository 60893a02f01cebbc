//! Records that live on under another id: converted leads and merged records. Their links move with them.
//!
//! Invariant: a link moves only to a record that belongs to no other pair. Where two pairs fall together the one stands
//! whose counterpart has the survivor's match key, or else whose record the survivor resembles most; the other is
//! closed, its counterpart is told and left as it is, and nothing is made for it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::matching::{ARM, LOOKS};
use super::ops::Op;
use super::session::{Session, object_on};
use crate::interp::same;
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::{Link, LinkState};

/// Counterparts with one key that are looked at.
const FEW: u32 = 6;

/// Where a record of a pair went.
struct Move {
    side: Side,
    /// The arm that the new record belongs to.
    arm: usize,
    to: RecordId,
    why: &'static str,
}

impl Session<'_> {
    /// Moves the links of the pairs whose records were read and live on elsewhere; tells whether there were any.
    pub(super) async fn follow_moves(
        &mut self,
        id: SyncId,
        pairs: &mut BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<bool> {
        self.give_way(id, pairs, draft).await?;
        let moves = self.moves(id, pairs)?;
        if moves.is_empty() {
            return Ok(false);
        }
        self.bring_rivals(id, moves, pairs).await?;
        let mut moves = Vec::new();
        for (number, steps) in self.moves(id, pairs)? {
            if let (Some(work), Some(step)) = (pairs.get(&number), steps.first()) {
                let like = (self.fits_counterpart(id, work, step)?, self.resemblance(id, work, step)?);
                moves.push((Reverse(like), number, steps));
            }
        }
        moves.sort_unstable_by_key(|(like, number, _)| (*like, *number));
        for (_, number, steps) in moves {
            let Some(work) = pairs.get_mut(&number) else { continue };
            // Where both records went somewhere, and one of them to another pair, the pair ends before the other one moves.
            let mut taken = None;
            for step in &steps {
                if taken.is_none() {
                    taken = self.taken(id, work, step)?.map(|detail| (step, detail));
                }
            }
            if let Some((step, detail)) = taken {
                self.close(id, work, step, &detail, draft)?;
                pairs.remove(&number);
                continue;
            }
            for step in &steps {
                self.move_link(id, work, step, draft)?;
            }
        }
        Ok(true)
    }

    /// Pairs of which a record lives on elsewhere, and where.
    fn moves(&self, id: SyncId, pairs: &BTreeMap<i64, Work>) -> EngineResult<Vec<(i64, Vec<Move>)>> {
        let mut moves = Vec::new();
        for (number, work) in pairs {
            let steps = self.steps(id, work)?;
            if !steps.is_empty() {
                moves.push((*number, steps));
            }
        }
        Ok(moves)
    }

    /// HubSpot gives what two records were merged into an id of its own, and does not say whose values it has. The pair
    /// of the other record has to have its say too.
    async fn bring_rivals(
        &mut self,
        id: SyncId,
        moves: Vec<(i64, Vec<Move>)>,
        pairs: &mut BTreeMap<i64, Work>,
    ) -> EngineResult<()> {
        let steps = moves.into_iter().flat_map(|(_, steps)| steps);
        for step in steps.filter(|step| step.why == "merged") {
            let Move { side, arm, to, .. } = &step;
            let sync = self.sync(id)?;
            let Some(here) = sync.arms.get(*arm).map(|at| object_on(sync, at, *side)) else { continue };
            self.read(here, [to.clone()]).await?;
            self.keep_keys(id, (*side == Side::Right).then_some(*arm), *side, here, to)?;
            self.bring_swallowed(id, *side, here, to, pairs)?;
            self.read_swallowed(here, to).await?;
        }
        Ok(())
    }

    /// Reads what was merged into a record. One that was read before the merge, in this portion or an earlier one, is
    /// not there any more.
    async fn read_swallowed(&mut self, object: ObjectId, survivor: &RecordId) -> EngineResult<()> {
        let swallowed =
            self.world.get(object, survivor).map(|record| record.merged.clone()).unwrap_or_default();
        for old in &swallowed {
            let known = self.world.get(object, old).map(|record| &record.life);
            if !matches!(known, Some(Life::MergedInto(_))) {
                self.world.forget(object, old)?;
            }
        }
        self.read(object, swallowed).await
    }

    /// Pairs of the records that were merged into this one; whether there are any.
    pub(super) fn bring_swallowed(
        &self,
        id: SyncId,
        side: Side,
        object: ObjectId,
        survivor: &RecordId,
        pairs: &mut BTreeMap<i64, Work>,
    ) -> EngineResult<bool> {
        let Some(survivor) = self.world.get(object, survivor) else { return Ok(false) };
        let swallowed = self.swallowed(id, side, object, survivor)?;
        let any = !swallowed.is_empty();
        for (link, arm) in swallowed {
            pairs.entry(link.id).or_insert(Work::new(link, arm));
        }
        Ok(any)
    }

    /// Whether a survivor is the counterpart of another record than `partner`: one that was merged into it has a pair of
    /// its own, or another record has its match key. `partner` stands where it alone has the key.
    pub(super) fn is_anothers(
        &self,
        id: SyncId,
        arm: usize,
        side: Side,
        survivor: &Record,
        partner: &RecordId,
    ) -> EngineResult<bool> {
        let sync = self.sync(id)?;
        let Some(object) = sync.arms.get(arm).map(|arm| object_on(sync, arm, side)) else { return Ok(false) };
        if survivor.merged.is_empty() {
            return Ok(false);
        }
        let older = self.swallowed(id, side, object, survivor)?;
        let mut older =
            older.iter().map(|(link, _)| if side == Side::Left { &link.right } else { &link.left });
        let keys = self.with_its_keys(id, arm, side, survivor)?;
        let fits = |other: &str| keys.iter().any(|key| key == other);
        if !older.clone().any(|other| other != partner.as_str()) {
            return Ok(!keys.is_empty() && !fits(partner.as_str()));
        }
        Ok(!fits(partner.as_str()) || older.any(|other| fits(other)))
    }

    /// A new pair that nothing was agreed on yet, with a record into which one of another pair was merged, is none: the
    /// older pair comes first, and the next run says whose counterpart the other record is. It stands where only the new
    /// counterpart has the survivor's match key.
    async fn give_way(
        &mut self,
        id: SyncId,
        pairs: &mut BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let mut contested = Vec::new();
        for work in pairs.values().filter(|work| work.link.bases.rows.is_empty()) {
            let sync = self.sync(id)?;
            let Some(arm) = sync.arms.get(work.arm) else { continue };
            let (left, right) =
                (RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str()));
            for (side, record, partner) in [(Side::Left, &left, &right), (Side::Right, &right, &left)] {
                let (object, there) = (object_on(sync, arm, side), object_on(sync, arm, side.other()));
                let Some(found) = self.world.get(object, record) else { continue };
                if self.swallowed(id, side, object, found)?.is_empty() {
                    continue;
                }
                let over = self.is_anothers(id, work.arm, side, found, partner)?;
                let partner = over.then(|| (there, partner.clone()));
                contested.push((work.link.id, (side, object, record.clone()), partner));
            }
        }
        for (number, (side, object, record), partner) in contested {
            if partner.is_some() {
                self.store().drop_link(number)?;
                pairs.remove(&number);
                draft.unfinished.extend(partner);
            }
            self.bring_swallowed(id, side, object, &record, pairs)?;
            self.read_swallowed(object, &record).await?;
        }
        Ok(())
    }

    /// A record that was just made has been merged into one of another pair: its source has no counterpart, and gets none.
    pub(super) fn close_made(&self, op: &Op, source: &RecordId, survivor: &Record) -> EngineResult<()> {
        for made in &survivor.merged {
            if self.link_on(op.sync, op.arm, op.side, made.as_str())?.is_none() {
                let (left, right) = if op.side == Side::Right { (source, made) } else { (made, source) };
                let why = format!("merged into {}", survivor.id);
                let link = self.new_link(op.sync, op.arm, left.as_str(), right.as_str(), &why)?;
                self.store().put_link(&Link { state: LinkState::MergedAway, ..link })?;
                break;
            }
        }
        Ok(())
    }

    /// The live links of what was merged into a record, each with its arm.
    fn swallowed(
        &self,
        id: SyncId,
        side: Side,
        object: ObjectId,
        survivor: &Record,
    ) -> EngineResult<Vec<(Link, usize)>> {
        let sync = self.sync(id)?;
        let mut swallowed = Vec::new();
        for old in &survivor.merged {
            for (number, arm) in sync.arms.iter().enumerate() {
                if object_on(sync, arm, side) != object {
                    continue;
                }
                let link = self.link_on(id, number, side, old.as_str())?;
                let live = link
                    .filter(|link| link.state == LinkState::Live && link.arm == self.object_name(arm.right));
                swallowed.extend(live.map(|link| (link, number)));
            }
        }
        Ok(swallowed)
    }

    /// Whether the record that a link moves to has a match key of the counterpart.
    fn fits_counterpart(&self, id: SyncId, work: &Work, step: &Move) -> EngineResult<bool> {
        let own = if step.side == Side::Left { &work.link.right } else { &work.link.left };
        Ok(self.keys_where_it_goes(id, step)?.contains(own))
    }

    fn keys_where_it_goes(&self, id: SyncId, step: &Move) -> EngineResult<Vec<String>> {
        let sync = self.sync(id)?;
        let object = sync.arms.get(step.arm).map(|arm| object_on(sync, arm, step.side));
        match object.and_then(|object| self.world.get(object, &step.to)) {
            Some(survivor) => self.with_its_keys(id, step.arm, step.side, survivor),
            None => Ok(Vec::new()),
        }
    }

    /// Records on the other side that have a match key of this one. External ids don't count here: a survivor takes one
    /// over from what was merged into it.
    fn with_its_keys(
        &self,
        id: SyncId,
        arm: usize,
        side: Side,
        survivor: &Record,
    ) -> EngineResult<Vec<String>> {
        let sync = self.sync(id)?;
        let place = self.place(id, arm, side.other())?;
        let mut all = Vec::new();
        for rule in self.rules(id, arm)?.into_iter().filter(|rule| *rule < LOOKS) {
            if let Some(key) = self.key(id, arm, rule, side, survivor)? {
                all.extend(self.store().with_key(&sync.name, arm * ARM + rule, place, &key, FEW)?);
            }
        }
        Ok(all)
    }

    /// Why the pair ends where its record goes: the record there belongs to another pair, or to a record that nobody has
    /// paired with it yet.
    fn taken(&self, id: SyncId, work: &Work, step: &Move) -> EngineResult<Option<String>> {
        let own = if step.side == Side::Left { &work.link.right } else { &work.link.left };
        let other = self.link_on(id, step.arm, step.side, step.to.as_str())?;
        if let Some(other) = other.filter(|other| other.id != work.link.id) {
            let partner = if step.side == Side::Left { &other.right } else { &other.left };
            return Ok((!is_over(&other)).then(|| format!("which belongs to {partner}")));
        }
        if step.why != "merged" {
            return Ok(None);
        }
        let keys = self.keys_where_it_goes(id, step)?;
        if keys.contains(own) {
            return Ok(None);
        }
        for other in keys {
            if self.link_on(id, step.arm, step.side.other(), &other)?.is_none() {
                return Ok(Some(format!("which is the same as {other}")));
            }
        }
        Ok(None)
    }

    /// In how many rows the record that a link moves to holds what was agreed on in the link.
    fn resemblance(&self, id: SyncId, work: &Work, step: &Move) -> EngineResult<usize> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(step.arm) else { return Ok(0) };
        let Some(survivor) = self.world.get(object_on(sync, arm, step.side), &step.to) else { return Ok(0) };
        let held = arm.rows.iter().filter(|row| {
            let agreed = work.link.bases.rows.get(&row.id);
            let (field, value) = match step.side {
                Side::Left => (row.left, agreed.map(|(left, _)| left)),
                Side::Right => (row.right, agreed.map(|(_, right)| right)),
            };
            let now = field.and_then(|field| survivor.slot(field.index()));
            now.zip(value).is_some_and(|(now, value)| !value.is_blank() && same(now, value))
        });
        Ok(held.count())
    }

    fn steps(&self, id: SyncId, work: &Work) -> EngineResult<Vec<Move>> {
        let sync = self.sync(id)?;
        let mut steps = Vec::new();
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(steps) };
        for (side, record) in [(Side::Left, &work.link.left), (Side::Right, &work.link.right)] {
            let object = object_on(sync, arm, side);
            let Some(found) = self.world.get(object, &RecordId::new(record.as_str())) else { continue };
            match &found.life {
                Life::MergedInto(to) => {
                    steps.push(Move { side, arm: work.arm, to: to.clone(), why: "merged" });
                }
                Life::Converted { contact, .. } if sync.follow_conversion && side == Side::Right => {
                    let contacts = sync.arms.iter().position(|at| self.object_name(at.right) == "Contact");
                    steps.extend(contacts.map(|arm| Move {
                        side,
                        arm,
                        to: contact.clone(),
                        why: "converted",
                    }));
                }
                _ => {}
            }
        }
        Ok(steps)
    }

    fn move_link(&self, id: SyncId, work: &mut Work, step: &Move, draft: &mut Draft) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(step.arm) else { return Ok(()) };
        let object = object_on(sync, arm, step.side);
        let other = self.link_on(id, step.arm, step.side, step.to.as_str())?;
        if let Some(other) = other.filter(|other| other.id != work.link.id) {
            // That pair is over.
            self.store().drop_link(other.id)?;
        }
        let place = self.place(id, step.arm, Side::Right)?.to_owned();
        let link = &mut work.link;
        let old = match step.side {
            Side::Left => std::mem::replace(&mut link.left, step.to.to_string()),
            Side::Right => std::mem::replace(&mut link.right, step.to.to_string()),
        };
        // What both objects have a row for was carried over by the CRM itself; the rest is agreed on anew.
        link.bases.rows.retain(|row, _| arm.rows.iter().any(|known| known.id == *row));
        if step.why == "converted" {
            link.bases.associations.clear();
            link.right_stamp = None;
        }
        link.arm = place;
        link.reason = format!("{} from {old}", step.why);
        link.at = self.now();
        work.arm = step.arm;
        self.store().put_link(&work.link)?;
        let detail = format!(
            "{} into {}.{} {}",
            step.why,
            self.system_name(object),
            self.object_name(object),
            step.to
        );
        self.skip(id, object, &RecordId::new(old), step.why, &detail, draft)
    }

    /// Two pairs fall together: this one is closed.
    fn close(
        &self,
        id: SyncId,
        work: &mut Work,
        step: &Move,
        taken: &str,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let (gone, orphan) = match step.side {
            Side::Left => (&work.link.left, &work.link.right),
            Side::Right => (&work.link.right, &work.link.left),
        };
        let object = object_on(sync, arm, step.side.other());
        let orphan = RecordId::new(orphan.as_str());
        let detail =
            format!("its counterpart {gone} was {} into {}, {taken}; it stays as it is", step.why, step.to);
        self.skip(id, object, &orphan, "orphaned", &detail, draft)?;
        work.link.state = LinkState::MergedAway;
        work.link.reason = format!("{} into {}", step.why, step.to);
        work.link.at = self.now();
        self.store().put_link(&work.link)?;
        Ok(())
    }
}

/// Whether a link has ended by what became of its records, and nothing will be done about them.
fn is_over(link: &Link) -> bool {
    matches!(link.state, LinkState::MergedAway | LinkState::Tombstone)
}
