//! Records that live on under another id: converted leads and merged records. Their links move with them.
//!
//! Invariant: a link moves only to a record that belongs to no other pair. Where two pairs fall together the one that
//! moved first stands; the other is closed, its counterpart is told and left as it is, and nothing is made for it.

use std::collections::BTreeMap;

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::session::{Session, object_on};
use crate::plan::ir::{Side, SyncId};
use crate::record::{Life, RecordId};
use crate::state::{Link, LinkState};

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
    pub(super) fn follow_moves(
        &mut self,
        id: SyncId,
        pairs: &mut BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<bool> {
        let mut moved = false;
        let numbers: Vec<i64> = pairs.keys().copied().collect();
        for number in numbers {
            let Some(work) = pairs.get_mut(&number) else { continue };
            let Some(step) = self.step(id, work)? else { continue };
            moved = true;
            if !self.move_link(id, work, &step, draft)? {
                pairs.remove(&number);
            }
        }
        Ok(moved)
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
