//! Associations of a sync's pairs: sets on both sides, compared by the links of the sync that they lead through.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::ops::{Op, OpKind, Ref, Sent};
use super::session::{Session, object_on};
use crate::connect::remote::AssociateAction;
use crate::merge::association::{Move, merge};
use crate::plan::ir::{Association, AssociationEnd, ObjectId, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::links::LEFT;
use crate::value::{Millis, Value};

/// The label that HubSpot gives the one company that matters.
const PRIMARY: &str = "Primary";

/// Both ends of one association of one pair; a record to be made has no ids yet.
struct Ends<'e> {
    sync: SyncId,
    arm: usize,
    association: &'e Association,
    left: Ref,
    right: Ref,
    link: i64,
    base: BTreeSet<String>,
    stamps: (Option<Millis>, Option<Millis>),
}

impl Session<'_> {
    /// Plans what associations need, for the pairs and for the records that are going to be made.
    pub(super) fn draft_associations(
        &mut self,
        id: SyncId,
        pairs: &BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let mut all = Vec::new();
        for work in pairs.values() {
            // The draft may have settled rows of this link since it was read.
            let Some(link) = self.store().link(work.link.id)? else { continue };
            if link.state != crate::state::LinkState::Live {
                continue;
            }
            for association in sync.arms.get(work.arm).into_iter().flat_map(|arm| &arm.associations) {
                all.push(Ends {
                    sync: id,
                    arm: work.arm,
                    association,
                    left: Ref::Known(RecordId::new(link.left.as_str())),
                    right: Ref::Known(RecordId::new(link.right.as_str())),
                    link: link.id,
                    base: link.bases.associations.get(&association.text).cloned().unwrap_or_default(),
                    stamps: (link.left_stamp, link.right_stamp),
                });
            }
        }
        for op in draft.ops.iter().filter(|op| op.sync == id && op.kind == OpKind::Create) {
            let (left, right) = match op.side {
                Side::Left => (op.record.clone(), op.source.clone()),
                Side::Right => (op.source.clone(), op.record.clone()),
            };
            for association in sync.arms.get(op.arm).into_iter().flat_map(|arm| &arm.associations) {
                all.push(Ends {
                    sync: id,
                    arm: op.arm,
                    association,
                    left: left.clone(),
                    right: right.clone(),
                    link: 0,
                    base: BTreeSet::new(),
                    stamps: (None, None),
                });
            }
        }
        let mut open = Open::of(id, draft);
        self.in_one_commit(|| all.iter().try_for_each(|ends| self.relate(ends, draft, &mut open)))
    }

    fn record(&self, object: ObjectId, at: &Ref) -> Option<&Record> {
        self.world.get(object, at.known()?)
    }

    /// Ids at the far end of an association of a record; `None` = the answer did not say.
    fn far_ids(
        &self,
        object: ObjectId,
        at: &Ref,
        end: &AssociationEnd,
        primary: bool,
    ) -> Option<BTreeSet<String>> {
        if matches!(at, Ref::New { .. }) {
            return Some(BTreeSet::new());
        }
        let record = self.record(object, at)?;
        match end {
            AssociationEnd::Lookup(field) => {
                let value = record.slot(field.index())?;
                Some(value.as_text().filter(|id| !id.is_empty()).map(str::to_owned).into_iter().collect())
            }
            AssociationEnd::Set(key) => {
                let key = self.plan().object(object)?.associations.get(*key as usize)?;
                let all = record.associations.get(key)?;
                let labelled = |at: &&crate::record::Association| at.labels.iter().any(|l| l == PRIMARY);
                let main: BTreeSet<String> =
                    all.iter().filter(labelled).map(|at| at.to.to_string()).collect();
                if primary && (!main.is_empty() || all.len() > 1) {
                    return Some(main);
                }
                Some(all.iter().map(|at| at.to.to_string()).collect())
            }
        }
    }

    /// The counterpart of a record at the far end: `to` is the side of the association's own sync.
    fn far(&self, ends: &Ends<'_>, to: Side, id: &str) -> EngineResult<Option<Ref>> {
        let flipped = self.is_flipped(ends)?;
        let to = if flipped { to.other() } else { to };
        Ok(self.facts().counterpart(ends.association.through, to, id))
    }

    /// Whether the other sync has its sides the other way round.
    fn is_flipped(&self, ends: &Ends<'_>) -> EngineResult<bool> {
        let (own, through) = (self.sync(ends.sync)?, self.sync(ends.association.through)?);
        Ok(self.system_name(own.left) != self.system_name(through.left))
    }

    fn relate(&self, ends: &Ends<'_>, draft: &mut Draft, open: &mut Open) -> EngineResult<()> {
        let sync = self.sync(ends.sync)?;
        let Some(arm) = sync.arms.get(ends.arm) else { return Ok(()) };
        let association = ends.association;
        let left = self.far_ids(sync.left, &ends.left, &association.left, association.primary);
        let right = self.far_ids(arm.right, &ends.right, &association.right, association.primary);
        let (Some(left), Some(right)) = (left, right) else { return self.look_again(ends, draft) };
        // Everything is said in ids of the left; what has no counterpart waits.
        let mut left_known = BTreeSet::new();
        for id in left {
            if self.far(ends, Side::Right, &id)?.is_some() {
                left_known.insert(id);
            } else {
                self.wait(ends, Side::Left, &id)?;
            }
        }
        let mut right_known = BTreeSet::new();
        for id in &right {
            match self.far(ends, Side::Left, id)? {
                Some(at) => {
                    right_known.insert(at.text());
                }
                None => self.wait(ends, Side::Right, id)?,
            }
        }
        let may_write = (
            sync.direction.goes_left() && association.direction.goes_left(),
            sync.direction.goes_right() && association.direction.goes_right(),
        );
        let single = match (&association.left, &association.right) {
            (_, AssociationEnd::Lookup(_)) => Some(Side::Right),
            (AssociationEnd::Lookup(_), _) => Some(Side::Left),
            _ => None,
        };
        if single == Some(Side::Right) && right_known.len() == 1 && right_known.is_subset(&left_known) {
            return self.agree(ends, left_known);
        }
        // A lookup holds one: without a primary among several there is nothing to choose by.
        if single == Some(Side::Right) && left_known.len() > 1 {
            return Ok(());
        }
        // A lookup that holds somebody we do not know is not ours to replace.
        if single == Some(Side::Right) && right_known.len() < right.len() && !left_known.is_empty() {
            return Ok(());
        }
        let moves = merge(&left_known, &right_known, &ends.base, may_write, single);
        if moves.is_empty() {
            return self.agree(ends, left_known.intersection(&right_known).cloned().collect());
        }
        for step in moves {
            self.move_one(ends, &step, draft, open)?;
        }
        Ok(())
    }

    /// An answer did not say what a record is associated with: nothing is known, and the pair is looked at again.
    fn look_again(&self, ends: &Ends<'_>, draft: &mut Draft) -> EngineResult<()> {
        let sync = self.sync(ends.sync)?;
        let Some(arm) = sync.arms.get(ends.arm) else { return Ok(()) };
        let (Ref::Known(left), Ref::Known(right)) = (&ends.left, &ends.right) else { return Ok(()) };
        // A record that is not shown at all has nothing to say, now or later.
        let pair = [(sync.left, left), (arm.right, right)];
        let shown = |(object, id)| self.world.get(object, id).is_some_and(|at| at.life == Life::Live);
        if pair.into_iter().all(shown) { self.absent(pair, draft) } else { Ok(()) }
    }

    /// Both sides say the same: remember it.
    fn agree(&self, ends: &Ends<'_>, set: BTreeSet<String>) -> EngineResult<()> {
        if ends.link == 0 || set == ends.base {
            return Ok(());
        }
        if let Some(mut link) = self.store().link(ends.link)? {
            link.bases.associations.insert(ends.association.text.clone(), set);
            self.store().put_link(&link)?;
        }
        Ok(())
    }

    /// Whoever makes the missing counterpart wakes this record.
    fn wait(&self, ends: &Ends<'_>, side: Side, id: &str) -> EngineResult<()> {
        // What it waits for may be made in this very run.
        if self.rehearsal {
            return Ok(());
        }
        let sync = self.sync(ends.sync)?;
        let through = self.sync(ends.association.through)?;
        let side_there = if self.is_flipped(ends)? { side.other() } else { side };
        let places: Vec<&str> = match side_there {
            Side::Left => vec![LEFT],
            Side::Right => through.arms.iter().map(|arm| self.object_name(arm.right)).collect(),
        };
        let (object, at) = match side {
            Side::Left => (sync.left, &ends.left),
            Side::Right => (sync.arms.get(ends.arm).map_or(sync.left, |arm| arm.right), &ends.right),
        };
        let Ref::Known(record) = at else { return Ok(()) };
        for place in places {
            self.store().wait_for(
                (&through.name, place, id),
                (self.system_name(object), self.object_name(object), record.as_str()),
            )?;
        }
        Ok(())
    }

    fn move_one(&self, ends: &Ends<'_>, step: &Move, draft: &mut Draft, open: &mut Open) -> EngineResult<()> {
        let sync = self.sync(ends.sync)?;
        let Some(arm) = sync.arms.get(ends.arm) else { return Ok(()) };
        let object = object_on(sync, arm, step.side);
        let other = match step.side {
            Side::Left => Some(Ref::parse_new(&step.left_id))
                .map(|new| new.unwrap_or_else(|| Ref::Known(RecordId::new(step.left_id.as_str())))),
            Side::Right => self.far(ends, Side::Right, &step.left_id)?,
        };
        let Some(other) = other else { return Ok(()) };
        // What is deleted there is nothing to be associated with.
        let gone = |(far, id): (ObjectId, &RecordId)| self.world.is_gone(far, id);
        if step.add && self.far_object(ends, step.side).zip(other.known()).is_some_and(gone) {
            return Ok(());
        }
        let (record, source, stamp, source_stamp) = match step.side {
            Side::Left => (&ends.left, &ends.right, ends.stamps.0, ends.stamps.1),
            Side::Right => (&ends.right, &ends.left, ends.stamps.1, ends.stamps.0),
        };
        let end = if step.side == Side::Left { &ends.association.left } else { &ends.association.right };
        let text = ends.association.text.clone();
        let mut op = Op {
            kind: OpKind::Update,
            sync: ends.sync,
            arm: ends.arm,
            side: step.side,
            object,
            record: record.clone(),
            source: source.clone(),
            link: ends.link,
            fields: Vec::new(),
            associations: BTreeMap::from([(text.clone(), BTreeSet::from([step.left_id.clone()]))]),
            to: None,
            key: String::new(),
            association: text.clone(),
            from: None,
            unique: None,
            source_stamp,
            stamp: self.record(object, record).and_then(|found| found.modified).or(stamp),
            reason: format!("associate {text}"),
        };
        match end {
            AssociationEnd::Lookup(field) => {
                let field = self.plan().object(object).and_then(|object| object.fields.get(field.index()));
                let Some(field) = field else { return Ok(()) };
                let before = self
                    .record(object, record)
                    .and_then(|found| super::world::named(self.plan(), object, found, &field.name))
                    .cloned()
                    .unwrap_or(Value::Null);
                let after = if step.add { Value::text(other.text()) } else { Value::Null };
                let sent = Sent {
                    row: None,
                    field: field.name.clone(),
                    before,
                    after,
                    source: Value::Null,
                    source_field: String::new(),
                    rule: "associated on the other side".to_owned(),
                    conflict: false,
                    loses_edit: false,
                    via: None,
                    ahead: false,
                    undone: None,
                };
                if !step.add {
                    op.associations.insert(text, BTreeSet::new());
                }
                open.join(op, sent, draft);
            }
            AssociationEnd::Set(key) => {
                let name = self.plan().object(object).and_then(|at| at.associations.get(*key as usize));
                let (Some(far), Some(name)) = (self.far_object(ends, step.side), name) else { return Ok(()) };
                op.key.clone_from(name);
                op.kind = OpKind::Associate(match (step.add, ends.association.primary) {
                    (false, _) => AssociateAction::Remove,
                    (true, true) => AssociateAction::AddPrimary,
                    (true, false) => AssociateAction::Add,
                });
                op.to = Some((far, other));
                draft.ops.push(op);
            }
        }
        Ok(())
    }

    /// The object at the far end of a set: the one of the other sync on this side.
    fn far_object(&self, ends: &Ends<'_>, side: Side) -> Option<ObjectId> {
        let through = self.sync(ends.association.through).ok()?;
        let side = if self.is_flipped(ends).ok()? { side.other() } else { side };
        match side {
            Side::Left => Some(through.left),
            Side::Right => through.arms.first().map(|arm| arm.right),
        }
    }
}

/// The creates and updates of one sync by the record that they write: a lookup travels with the record's other fields
/// when it has one already.
struct Open(BTreeMap<(Side, Ref), usize>);

impl Open {
    fn of(sync: SyncId, draft: &Draft) -> Self {
        let mut open = BTreeMap::new();
        for (index, op) in draft.ops.iter().enumerate() {
            if op.sync == sync && matches!(op.kind, OpKind::Create | OpKind::Update) {
                open.entry((op.side, op.record.clone())).or_insert(index);
            }
        }
        Open(open)
    }

    fn join(&mut self, mut op: Op, sent: Sent, draft: &mut Draft) {
        let key = (op.side, op.record.clone());
        if let Some(known) = self.0.get(&key).and_then(|index| draft.ops.get_mut(*index)) {
            known.fields.push(sent);
            known.associations.append(&mut op.associations);
        } else {
            self.0.insert(key, draft.ops.len());
            op.fields.push(sent);
            draft.ops.push(op);
        }
    }
}
