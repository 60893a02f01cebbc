//! Records that live on under another id: converted leads and merged records. Their links move with them.
//!
//! Invariant: a link moves only to a record that belongs to no other pair. Where two pairs fall together the one stands
//! whose record the survivor resembles most; the other is closed, its counterpart is told and left as it is, and nothing
//! is made for it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::matching::ARM;
use super::session::{Session, object_on};
use crate::interp::same;
use crate::plan::ir::{Side, SyncId};
use crate::record::{Life, RecordId};
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
        self.bring_rivals(id, pairs).await?;
        let mut moved = false;
        let mut numbers = Vec::new();
        for (number, work) in pairs.iter() {
            if let Some(step) = self.step(id, work)? {
                numbers.push((Reverse(self.resemblance(id, work, &step)?), *number));
            }
        }
        numbers.sort_unstable();
        for (_, number) in numbers {
            let Some(work) = pairs.get_mut(&number) else { continue };
            let Some(step) = self.step(id, work)? else { continue };
            moved = true;
            if !self.move_link(id, work, &step, draft)? {
                pairs.remove(&number);
            }
        }
        Ok(moved)
    }

    /// HubSpot gives what two records were merged into an id of its own, and does not say whose values it has. The pair
    /// of the other record may have no part in this draft: the survivor's match keys lead to its counterpart.
    async fn bring_rivals(&mut self, id: SyncId, pairs: &mut BTreeMap<i64, Work>) -> EngineResult<()> {
        let mut merged = Vec::new();
        for work in pairs.values() {
            if let Some(step) = self.step(id, work)?.filter(|step| step.why == "merged")
                && self.link_on(id, step.arm, step.side, step.to.as_str())?.is_none()
            {
                merged.push(step);
            }
        }
        for Move { side, arm, to, .. } in merged {
            let sync = self.sync(id)?;
            let Some(at) = sync.arms.get(arm) else { continue };
            let (here, name) = (object_on(sync, at, side), sync.name.clone());
            self.read(here, [to.clone()]).await?;
            let place = self.place(id, arm, side.other())?.to_owned();
            let mut found = Vec::new();
            for rule in self.rules(id, arm)? {
                let Some(survivor) = self.world.get(here, &to) else { continue };
                let Some(key) = self.key(id, arm, rule, side, survivor)? else { continue };
                for other in self.store().with_key(&name, arm * ARM + rule, &place, &key, FEW)? {
                    found.extend(self.link_on(id, arm, side.other(), &other)?);
                }
            }
            for link in found {
                let old =
                    RecordId::new(if side == Side::Left { link.left.as_str() } else { link.right.as_str() });
                if link.state != LinkState::Live || pairs.contains_key(&link.id) {
                    continue;
                }
                self.read(here, [old.clone()]).await?;
                let life = self.world.get(here, &old).map(|record| &record.life);
                if life == Some(&Life::MergedInto(to.clone())) {
                    pairs.insert(link.id, Work::new(link, arm));
                }
            }
        }
        Ok(())
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

    fn step(&self, id: SyncId, work: &Work) -> EngineResult<Option<Move>> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(None) };
        for (side, record) in [(Side::Left, &work.link.left), (Side::Right, &work.link.right)] {
            let object = object_on(sync, arm, side);
            let Some(found) = self.world.get(object, &RecordId::new(record.as_str())) else { continue };
            match &found.life {
                Life::MergedInto(to) => {
                    return Ok(Some(Move { side, arm: work.arm, to: to.clone(), why: "merged" }));
                }
                Life::Converted { contact, .. } if sync.follow_conversion && side == Side::Right => {
                    let contacts = sync.arms.iter().position(|at| self.object_name(at.right) == "Contact");
                    return Ok(contacts.map(|arm| Move { side, arm, to: contact.clone(), why: "converted" }));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Whether the pair lives on.
    fn move_link(&self, id: SyncId, work: &mut Work, step: &Move, draft: &mut Draft) -> EngineResult<bool> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(step.arm) else { return Ok(true) };
        let object = object_on(sync, arm, step.side);
        let other = self.link_on(id, step.arm, step.side, step.to.as_str())?;
        if let Some(other) = other.filter(|other| other.id != work.link.id) {
            return self.close(id, work, step, &other, draft).map(|()| false);
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
        self.skip(id, object, &RecordId::new(old), step.why, &detail, draft)?;
        Ok(true)
    }

    /// Two pairs fall together: this one is closed.
    fn close(
        &self,
        id: SyncId,
        work: &mut Work,
        step: &Move,
        other: &Link,
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
        let partner = if step.side == Side::Left { &other.right } else { &other.left };
        let detail = format!(
            "its counterpart {gone} was {} into {}, which belongs to {partner}; it stays as it is",
            step.why, step.to
        );
        self.skip(id, object, &orphan, "orphaned", &detail, draft)?;
        work.link.state = LinkState::MergedAway;
        work.link.reason = format!("{} into {}", step.why, step.to);
        work.link.at = self.now();
        self.store().put_link(&work.link)?;
        Ok(())
    }
}
