//! `propagate`: a field of one HubSpot record follows the same field of the records that are associated with it, such as
//! the lifecycle stage of a company that of its contacts.
//!
//! Invariant: `forward` never writes an earlier value over a later one; of several records the furthest counts. What a
//! record holds now decides, so that doing it twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Work};
use super::error::EngineResult;
use super::fetch::Dirty;
use super::ops::{Op, OpKind, Ref, Sent};
use super::session::Session;
use crate::interp::FilterOutcome;
use crate::plan::ir::{ObjectId, Propagate, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::value::Value;

/// The label of the one company that counts.
const PRIMARY: &str = "Primary";

impl Session<'_> {
    /// Plans the sync's roll-ups for the records that are looked at.
    pub(super) async fn draft_propagation(
        &mut self,
        id: SyncId,
        dirty: &Dirty,
        pairs: &BTreeMap<i64, Work>,
        draft: &mut Draft,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        for item in &sync.propagate {
            let mut sources: BTreeSet<RecordId> = dirty.get(&item.from_object).cloned().unwrap_or_default();
            if item.from_object == sync.left {
                sources.extend(pairs.values().map(|work| RecordId::new(work.link.left.as_str())));
            }
            self.read(item.from_object, sources.iter().cloned()).await?;
            let targets = self.targets(id, item, &sources)?;
            self.read(item.to_object, targets.keys().cloned()).await?;
            for (target, sources) in targets {
                let furthest = self.furthest(item, &sources);
                if let Some((source, value)) = furthest
                    && let Some(op) = self.propagated(id, item, &target, source, value)
                {
                    draft.ops.push(op);
                }
            }
        }
        Ok(())
    }

    /// The associated record of each source that takes part, with its sources.
    fn targets(
        &self,
        id: SyncId,
        item: &Propagate,
        sources: &BTreeSet<RecordId>,
    ) -> EngineResult<BTreeMap<RecordId, Vec<RecordId>>> {
        let (sync, program, facts) = (self.sync(id)?, self.program(id)?, self.facts());
        let mut targets: BTreeMap<RecordId, Vec<RecordId>> = BTreeMap::new();
        for source in sources {
            let Some(record) = self.world.get(item.from_object, source) else { continue };
            let takes_part = item.from_object != sync.left
                || program.filter(&facts, Side::Left, record) == FilterOutcome::In;
            if record.life == Life::Live
                && takes_part
                && let Some(target) = self.primary(item.to_object, record)
            {
                targets.entry(target).or_default().push(source.clone());
            }
        }
        Ok(targets)
    }

    /// The one record of an object that a record belongs to: the primary one, or the only one.
    fn primary(&self, object: ObjectId, record: &Record) -> Option<RecordId> {
        let all = record.associations.get(self.object_name(object))?;
        let main = all.iter().find(|at| at.labels.iter().any(|label| label == PRIMARY));
        main.or(if let [only] = all.as_slice() { Some(only) } else { None }).map(|at| at.to.clone())
    }

    fn furthest(&self, item: &Propagate, sources: &[RecordId]) -> Option<(RecordId, Value)> {
        let value = |id: &RecordId| {
            let record = self.world.get(item.from_object, id)?;
            record.slot(item.from.index()).filter(|value| !value.is_blank()).cloned()
        };
        let known = sources.iter().filter_map(|id| Some((id.clone(), value(id)?)));
        known.reduce(|best, next| if rank(item, &next.1) > rank(item, &best.1) { next } else { best })
    }

    /// The write that brings the target in step; `None` = it is, or it is further.
    fn propagated(
        &self,
        id: SyncId,
        item: &Propagate,
        target: &RecordId,
        source: RecordId,
        value: Value,
    ) -> Option<Op> {
        let record = self.world.get(item.to_object, target).filter(|record| record.life == Life::Live)?;
        let before = record.slot(item.to.index())?.clone();
        if before == value || item.forward && rank(item, &value) <= rank(item, &before) {
            return None;
        }
        let name = |object: ObjectId, field: crate::plan::ir::FieldId| {
            let object = self.plan().object(object)?;
            object.fields.get(field.index()).map(|field| field.name.clone())
        };
        let sent = Sent {
            row: None,
            field: name(item.to_object, item.to)?,
            before,
            after: value.clone(),
            source: value,
            source_field: name(item.from_object, item.from)?,
            rule: if item.forward { "follows, forward only" } else { "follows" }.to_owned(),
            conflict: false,
            loses_edit: false,
            via: None,
            ahead: false,
            undone: None,
        };
        Some(Op {
            kind: OpKind::Update,
            sync: id,
            arm: 0,
            side: Side::Left,
            object: item.to_object,
            record: Ref::Known(target.clone()),
            source_stamp: self.world.get(item.from_object, &source).and_then(|record| record.modified),
            source: Ref::Known(source),
            link: 0,
            fields: vec![sent],
            associations: BTreeMap::new(),
            to: None,
            key: String::new(),
            association: String::new(),
            from: Some(item.from_object),
            unique: None,
            stamp: record.modified,
            reason: "propagated".to_owned(),
        })
    }
}

/// Where a value stands in the order; a blank or unknown one before all.
fn rank(item: &Propagate, value: &Value) -> Option<usize> {
    let text = value.as_text()?;
    item.order.iter().position(|known| known == text)
}
