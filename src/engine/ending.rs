//! How a link ends: a record was deleted, or left its filter where the mapping says so.

use std::collections::BTreeMap;

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::ops::{Op, OpKind, Ref};
use super::session::{Session, object_on};
use crate::interp::FilterOutcome;
use crate::plan::ir::{Delete, Leave, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::links::LEFT;
use crate::state::{LEFT_FILTER, LinkState};

impl Session<'_> {
    /// A record was deleted, on positive evidence: the pair is closed, and never made again. Nothing is deleted on the
    /// other side unless the mapping says so.
    pub(super) fn deleted(&self, id: SyncId, work: &Work, side: Side, draft: &mut Draft) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let (object, other) = (object_on(sync, arm, side), object_on(sync, arm, side.other()));
        let (gone, stays) = if side == Side::Left {
            (&work.link.left, &work.link.right)
        } else {
            (&work.link.right, &work.link.left)
        };
        let archive = matches!(sync.delete, Delete::Archive { side: at } if at == side.other());
        if work.away {
            // The link had ended before.
            return self.end(work, LinkState::Tombstone, "deleted");
        }
        let stays_id = RecordId::new(stays.as_str());
        let is_gone = self.world.is_missing(other, &stays_id) || self.world.is_gone(other, &stays_id);
        if archive && !is_gone {
            draft.ops.push(Op {
                kind: OpKind::Archive,
                sync: id,
                arm: work.arm,
                side: side.other(),
                object: other,
                record: Ref::Known(stays_id),
                source: Ref::Known(RecordId::new(gone.as_str())),
                link: work.link.id,
                fields: Vec::new(),
                associations: BTreeMap::new(),
                to: None,
                key: String::new(),
                association: String::new(),
                from: None,
                unique: None,
                source_stamp: None,
                stamp: None,
                reason: format!("deleted in {}", self.system_name(object)),
            });
            return Ok(());
        }
        let state = if sync.delete == Delete::Unlink { LinkState::Unlinked } else { LinkState::Tombstone };
        self.end(work, state, &format!("deleted in {}", self.system_name(object)))?;
        let detail = "deleted there; its counterpart stays as it is";
        self.skip(id, object, &RecordId::new(gone.as_str()), "deleted", detail, draft)
    }

    /// With `leave: unlink`: a record outside its filter ends the link until both are back. What they had agreed on is
    /// kept for then.
    pub(super) fn has_left(
        &self,
        id: SyncId,
        work: &Work,
        (left, right): (&Record, &Record),
        draft: &mut Draft,
    ) -> EngineResult<bool> {
        let sync = self.sync(id)?;
        for (side, record) in [(Side::Left, left), (Side::Right, right)] {
            if sync.leave == Leave::Unlink && self.is_outside(id, side, record)? {
                if !work.away {
                    let object = sync.arms.get(work.arm).map_or(sync.left, |arm| object_on(sync, arm, side));
                    let detail = "it left its filter: the link ends, both records stay";
                    self.skip(id, object, &record.id, "left", detail, draft)?;
                    self.end(work, LinkState::Unlinked, LEFT_FILTER)?;
                }
                return Ok(true);
            }
        }
        if work.away {
            let (link, now) = (&work.link, self.now());
            self.store().put_link(link)?;
            // Who is to be associated with one of them has waited for the link.
            let mut woken = self.woken.borrow_mut();
            woken.extend(self.store().wake(&link.sync, LEFT, &link.left, now)?);
            woken.extend(self.store().wake(&link.sync, &link.arm, &link.right, now)?);
        }
        Ok(false)
    }

    fn end(&self, work: &Work, state: LinkState, reason: &str) -> EngineResult<()> {
        let mut link = work.link.clone();
        (link.state, link.at) = (state, self.now());
        reason.clone_into(&mut link.reason);
        self.store().put_link(&link)?;
        Ok(())
    }

    /// Why a pair is not made although its records match: the link would end at once.
    pub(super) async fn must_stay_apart(
        &mut self,
        id: SyncId,
        arm: usize,
        side: Side,
        record: &RecordId,
    ) -> EngineResult<Option<String>> {
        let sync = self.sync(id)?;
        let object = sync.arms.get(arm).map_or(sync.left, |arm| object_on(sync, arm, side));
        if sync.leave != Leave::Unlink {
            return Ok(None);
        }
        self.read(object, [record.clone()]).await?;
        let found = self.world.get(object, record).filter(|found| found.life == Life::Live);
        let outside = found.map(|found| self.is_outside(id, side, found)).transpose()?.unwrap_or(false);
        Ok(outside.then(|| {
            format!(
                "{}.{} {record} is outside its filter",
                self.system_name(object),
                self.object_name(object)
            )
        }))
    }

    fn is_outside(&self, id: SyncId, side: Side, record: &Record) -> EngineResult<bool> {
        Ok(self.program(id)?.filter(&self.facts(), side, record) == FilterOutcome::Out)
    }
}
