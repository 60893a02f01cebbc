//! What several syncs came to together becomes operations, one a record, and after the writes what their pairs agree on.
//!
//! Invariant: nothing that is only laid over a record goes into the state; bases are taken of what the CRMs hold.

use std::collections::BTreeMap;

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::ops::{Op, OpKind, Ref, Sent, Via};
use super::overlay::Laid;
use super::pairs::Stamps;
use super::session::Session;
use super::together::{Coming, Joint, Key, ends, is_new, object_at, reference};
use crate::interp::same;
use crate::plan::ir::{FieldId, Side, SyncId};
use crate::record::{Life, RecordId};
use crate::value::{Millis, Value};

impl Session<'_> {
    /// Remembers what agrees as it stands, and says what is held or left alone.
    pub(super) fn keep_joint(&self, joint: &Joint, draft: &mut Draft) -> EngineResult<()> {
        self.in_one_commit(|| {
            for (number, first) in &joint.first {
                let Some(work) = joint.work(*number) else { continue };
                let touched = ends(self.sync(number.0)?, work)
                    .into_iter()
                    .flatten()
                    .any(|key| joint.overlay.real.contains_key(&key));
                if !touched && !joint.overlay.stirred.contains(number) {
                    let quiet = first.writes.is_empty() && first.held.is_empty() && !first.absent;
                    let stamps = if quiet { Stamps::Taken } else { Stamps::Left };
                    self.keep_agreed(number.0, work, &first.settled, stamps)?;
                    self.keep_told(number.0, work, first, draft)?;
                    continue;
                }
                self.keep_agreed(number.0, work, &first.settled, Stamps::Left)?;
                self.keep_told(number.0, work, &self.outcome(joint, *number)?, draft)?;
            }
            Ok(())
        })
    }

    /// One operation for each record that something was laid over.
    pub(super) fn write_joint(&self, joint: &Joint, draft: &mut Draft) -> EngineResult<()> {
        let mut by_record: BTreeMap<Key, Vec<&Laid>> = BTreeMap::new();
        for ((object, record, field), laid) in &joint.overlay.laid {
            let key = (*object, record.clone());
            let before = joint.overlay.real.get(&key).and_then(|real| real.slot(field.index()));
            if before.is_none_or(|before| !same(before, &laid.write.after)) {
                by_record.entry(key).or_default().push(laid);
            }
        }
        for (key, all) in by_record {
            match joint.made.get(&key) {
                Some(place) => {
                    for laid in all {
                        let Some(sent) = self.laid(joint, &key, laid)? else { continue };
                        let Some(op) = draft.ops.get_mut(*place) else { continue };
                        op.fields.retain(|known| known.field != sent.field);
                        op.fields.push(sent);
                    }
                }
                None => draft.ops.extend(self.joint_update(joint, &key, &all)?),
            }
        }
        for (id, pairs) in &joint.pairs {
            for (_, work) in pairs.range(..0) {
                draft.coming.push(Coming {
                    sync: *id,
                    arm: work.arm,
                    left: reference(&work.link.left),
                    right: reference(&work.link.right),
                });
            }
        }
        Ok(())
    }

    /// A field of an operation with the pair that it travels through.
    fn laid(&self, joint: &Joint, key: &Key, laid: &Laid) -> EngineResult<Option<Sent>> {
        let (id, _) = laid.pair;
        let Some(work) = joint.work(laid.pair) else { return Ok(None) };
        let side = laid.write.side;
        let Some([left, right]) = ends(self.sync(id)?, work) else { return Ok(None) };
        let from = if side == Side::Left { right } else { left };
        let real = |key: &Key, field: FieldId| {
            let record = joint.overlay.real.get(key).or_else(|| self.world.get(key.0, &key.1));
            record.and_then(|record| record.slot(field.index())).cloned().unwrap_or(Value::Null)
        };
        let mut sent = self.sent(id, work.arm, &laid.write);
        sent.before = match joint.made.contains_key(key) {
            true => Value::Null,
            false => real(key, laid.write.field),
        };
        if let Some(field) = laid.write.source {
            sent.source = real(&from, field);
            let node = (from.0, from.1.clone(), field);
            let coming = joint.overlay.laid.get(&node);
            sent.ahead = coming.is_some_and(|coming| !same(&coming.write.after, &sent.source));
        }
        sent.rule.clone_from(&laid.rule);
        (sent.conflict, sent.loses_edit) = (laid.conflict, laid.loses_edit);
        let source = reference(from.1.as_str());
        sent.via = Some(Box::new(Via { sync: id, arm: work.arm, side, source, link: work.link.id.max(0) }));
        Ok(Some(sent))
    }

    fn joint_update(&self, joint: &Joint, key: &Key, all: &[&Laid]) -> EngineResult<Option<Op>> {
        let stamp = |key: &Key| -> Option<Millis> {
            let record = joint.overlay.real.get(key).or_else(|| self.world.get(key.0, &key.1));
            record.and_then(|record| record.modified)
        };
        let mut fields = Vec::new();
        for laid in all {
            fields.extend(self.laid(joint, key, laid)?);
        }
        // The operation is that of the first pair; what comes through others says so.
        let first = fields.iter().filter_map(|sent| sent.via.clone());
        let place = |via: &Via| joint.group.iter().position(|id| *id == via.sync);
        let Some(own) = first.min_by_key(|via| (place(via), via.link, via.source.clone())) else {
            return Ok(None);
        };
        for sent in &mut fields {
            if sent.via.as_deref() == Some(&*own) {
                sent.via = None;
            }
        }
        let sync = self.sync(own.sync)?;
        let from = object_at(sync, own.arm, own.side.other());
        Ok(Some(Op {
            kind: OpKind::Update,
            sync: own.sync,
            arm: own.arm,
            side: own.side,
            object: key.0,
            record: Ref::Known(key.1.clone()),
            source_stamp: match &own.source {
                Ref::Known(id) => stamp(&(from, id.clone())),
                Ref::New { .. } => None,
            },
            source: own.source,
            link: own.link,
            fields,
            associations: BTreeMap::new(),
            to: None,
            key: String::new(),
            association: String::new(),
            from: None,
            unique: None,
            stamp: stamp(key),
            reason: "changed".to_owned(),
        }))
    }

    /// The records are again what was read.
    pub(super) fn lift(&mut self, joint: &Joint, draft: &mut Draft) -> EngineResult<()> {
        for ((object, _), record) in &joint.overlay.real {
            self.world.put(*object, record.clone());
        }
        for (object, id) in joint.made.keys() {
            self.world.forget(*object, id)?;
        }
        draft.unfinished.retain(|(_, id)| !is_new(id));
        for skip in &mut draft.skips {
            if let Some(new) = Ref::parse_new(&skip.record) {
                skip.record = new.words();
            }
        }
        Ok(())
    }

    /// After a write: what the pairs of the record agree on now, with the writes of this run that came before.
    pub(super) fn agree_around(&self, op: &Op, id: &RecordId) -> EngineResult<()> {
        let group = self.group_of(op.sync);
        if group.is_empty() || !matches!(op.kind, OpKind::Create | OpKind::Update) {
            return Ok(());
        }
        for (sync, work) in self.works(&group, &(op.object, id.clone()))? {
            self.agree_on(sync, &work)?;
        }
        Ok(())
    }

    fn agree_on(&self, id: SyncId, work: &Work) -> EngineResult<()> {
        let Some([left, right]) = ends(self.sync(id)?, work) else { return Ok(()) };
        let found = self.world.get(left.0, &left.1).zip(self.world.get(right.0, &right.1));
        let Some((left, right)) = found.filter(|(a, b)| a.life == Life::Live && b.life == Life::Live) else {
            return Ok(());
        };
        let outcome = self.merged(id, work, (left, right), None)?;
        self.keep_agreed(id, work, &outcome.settled, Stamps::Left)
    }

    /// Links records that were both made by now, or one of them.
    pub(super) fn link_coming(&self, draft: &Draft) -> EngineResult<()> {
        self.in_one_commit(|| {
            for coming in &draft.coming {
                let (Some(left), Some(right)) = (self.resolve(&coming.left)?, self.resolve(&coming.right)?)
                else {
                    continue;
                };
                let link = self.pair_of(coming.sync, coming.arm, Side::Right, (&right, &left))?;
                if let Some(link) = link {
                    self.agree_on(coming.sync, &Work::new(link, coming.arm))?;
                }
            }
            Ok(())
        })
    }
}
