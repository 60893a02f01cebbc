//! Carrying operations out: intent, call, outcome, read-back, memory; batch by batch, what others refer to first.
//!
//! Invariant: an intent is durable before its call; every item of a call ends in exactly one outcome, or stays open
//! and is settled by the next run. One record that fails never stops another.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::draft::Draft;
use super::error::{EngineError, EngineResult};
use super::ops::{AT_SERVER, Op, OpKind, Ref};
use super::report::RunReport;
use super::session::{Session, object_on};
use crate::connect::remote::{
    AssociateItem, CallError, ErrorClass, Outcome, Reply, Request, WriteItem, WriteKind,
};
use crate::plan::ir::{ObjectId, SyncId};
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::state::Intent;
use crate::value::{Millis, Value};

/// After the client has given up on a request, it may still land for this long.
pub const LANDING: i64 = 60_000;
/// From here on creates in Salesforce go out in large batches, which its connector makes jobs of.
pub const MANY_CREATES: usize = 2_000;
pub const LARGE_BATCH: usize = 10_000;
/// A job works on when nobody waits for it any more; its connector ends one that takes longer than ten minutes.
const JOB: i64 = 12 * 60_000;
/// HubSpot takes so many associations in a call.
pub const ASSOCIATIONS: usize = 2_000;
/// Calls of one kind of write that are under way together, where the CRM takes that well.
const TOGETHER: usize = 4;

pub const CREATE: u8 = 0;
pub const UPDATE: u8 = 1;
pub const ASSOCIATE: u8 = 2;
pub const ARCHIVE: u8 = 3;

/// In which order kinds of operations are carried out.
pub fn stage(kind: OpKind) -> u8 {
    match kind {
        OpKind::Create => CREATE,
        OpKind::Update => UPDATE,
        OpKind::Associate(_) => ASSOCIATE,
        OpKind::Archive => ARCHIVE,
    }
}

/// Records that changed under our hands: to be merged again in this run.
pub type Again = BTreeSet<(ObjectId, RecordId)>;

/// One operation on its way, with its id in the journal.
pub(super) struct Sending {
    pub id: String,
    pub op: Op,
    /// The record that is written; `None` for a create.
    pub record: Option<RecordId>,
}

/// Operations of one kind on one object, so many in a call, that are under way together.
pub(super) struct Batches<'o> {
    pub object: ObjectId,
    pub size: usize,
    pub ops: &'o [Op],
}

impl Session<'_> {
    pub async fn execute(
        &mut self,
        ops: Vec<Op>,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<Again> {
        let mut again = Again::new();
        if ops.is_empty() {
            return Ok(again);
        }
        self.store().bump_version()?;
        self.kept.borrow_mut().clear();
        let ops = self.put_off_archives(ops, draft)?;
        let mut groups: BTreeMap<(usize, SyncId, u8, ObjectId, String), Vec<Op>> = BTreeMap::new();
        for op in ops {
            groups
                .entry((depth(&op), op.sync, stage(op.kind), op.object, op.key.clone()))
                .or_default()
                .push(op);
        }
        let mut late = Vec::new();
        for ((_, _, stage, object, _), ops) in groups {
            let verb = ["creating", "updating", "associating"].get(stage as usize).unwrap_or(&"");
            let what = format!("{verb} {}.{}", self.system_name(object), self.object_name(object));
            self.deps.progress.stage(&what, ops.len() as u64);
            let (size, together) = self.batch_size(object, stage, ops.len())?;
            for batches in ops.chunks(size * together) {
                self.check_stop()?;
                let all = Batches { object, size, ops: batches };
                self.batches(all, &mut late, &mut again, draft, report).await?;
                self.deps.progress.step(batches.len() as u64);
            }
        }
        // Look-ups among records that were made in this run: now every one of them has an id.
        let mut waiting: BTreeMap<(ObjectId, SyncId), Vec<Op>> = BTreeMap::new();
        for op in late {
            waiting.entry((op.object, op.sync)).or_default().push(op);
        }
        let mut ignored = Vec::new();
        for ((object, _), ops) in waiting {
            let (size, together) = self.batch_size(object, UPDATE, ops.len())?;
            for batches in ops.chunks(size * together) {
                self.check_stop()?;
                let all = Batches { object, size, ops: batches };
                self.batches(all, &mut ignored, &mut again, draft, report).await?;
            }
        }
        for op in ignored {
            if let Some(origin) = self.origin(&op)? {
                draft.unfinished.insert(origin);
            }
        }
        Ok(again)
    }

    /// The most operations of a call, and how many calls are under way together. HubSpot's limit is one of calls, which
    /// is reached only by several at once; Salesforce locks the records around those that it writes, and answers calls
    /// that touch the same ones with an error.
    pub(super) fn batch_size(
        &self,
        object: ObjectId,
        stage: u8,
        count: usize,
    ) -> EngineResult<(usize, usize)> {
        let (size, together) = match self.shape(object)?.kind {
            SystemKind::Hubspot if stage == ASSOCIATE => (ASSOCIATIONS, 1),
            SystemKind::Hubspot => (100, TOGETHER),
            _ if stage == CREATE && count >= MANY_CREATES => (LARGE_BATCH, 1),
            _ => (200, 1),
        };
        Ok((size.min(self.options.batch), together))
    }

    pub(super) async fn batches(
        &mut self,
        Batches { object, size, ops }: Batches<'_>,
        late: &mut Vec<Op>,
        again: &mut Again,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        let stale = self.refresh_stamps(object, ops).await?;
        let mut sending = Vec::new();
        for op in ops {
            if let Some(id) = op.record.known().filter(|id| stale.contains(id)) {
                again.insert((object, id.clone()));
                continue;
            }
            match self.resolved(op, late)? {
                Some(sent) => sending.push(sent),
                None => {
                    if let Some(origin) = self.origin(op)? {
                        draft.unfinished.insert(origin);
                    }
                }
            }
        }
        if sending.is_empty() {
            return Ok(());
        }
        self.journal(&sending)?;
        let answers = join_all(sending.chunks(size).map(|batch| self.call(object, batch))).await;
        let (mut answered, mut stopped) = (Vec::new(), Ok(()));
        let mut rest = sending.into_iter();
        for answer in answers {
            let batch: Vec<Sending> = rest.by_ref().take(size).collect();
            match answer {
                Ok(outcomes) => answered.extend(batch.into_iter().zip(outcomes)),
                Err(error) => stopped = stopped.and(self.call_failed(&batch, &error, draft, report)),
            }
        }
        self.conclude(object, answered, again, draft, report).await?;
        stopped
    }

    /// Records whose stamp lies in the second in which they were read: nobody can tell whether they changed since.
    async fn refresh_stamps(&mut self, object: ObjectId, ops: &[Op]) -> EngineResult<BTreeSet<RecordId>> {
        let shape = self.shape(object)?;
        let mut stale = BTreeSet::new();
        if shape.kind != SystemKind::Salesforce || self.ablation().naive_cas || self.ablation().no_cas {
            return Ok(stale);
        }
        let server_now = self.systems.server_time(shape.system, self.now());
        // What the server's clock shows is known within a second and half of the call that told it.
        let error = self.systems.errors.get(shape.system.index()).copied().unwrap_or(0);
        let began = self.systems.server_time(shape.system, self.started);
        let fresh = |stamp: &Millis| stamp.0 > began.0 - 2_000 - error;
        let young: Vec<(RecordId, Millis)> = ops
            .iter()
            .filter(|op| op.kind == OpKind::Update)
            .filter_map(|op| match (&op.record, op.stamp) {
                (Ref::Known(id), Some(stamp)) if fresh(&stamp) => Some((id.clone(), stamp)),
                _ => None,
            })
            .collect();
        let Some(newest) = young.iter().map(|(_, stamp)| *stamp).max() else { return Ok(stale) };
        let next_second = (newest.0.div_euclid(1000) + 1) * 1000;
        if server_now.0 - error <= next_second {
            // Whatever the clocks show: the stamp was given before we read it.
            self.deps.timer.sleep(1_001).await;
        }
        let before: Vec<_> = young.iter().map(|(id, _)| self.world.get(object, id).cloned()).collect();
        for (id, _) in &young {
            self.world.forget(object, id)?;
        }
        self.read(object, young.iter().map(|(id, _)| id.clone())).await?;
        for ((id, stamp), before) in young.into_iter().zip(before) {
            // Two changes in one second have one stamp: only the values tell them apart.
            let same = self.world.get(object, &id).is_some_and(|now| {
                now.modified == Some(stamp) && before.is_none_or(|before| before.slots == now.slots)
            });
            if !same {
                stale.insert(id);
            }
        }
        Ok(stale)
    }

    /// The operation with real ids in place of records that were to be made. `None` = what it is about was not made.
    fn resolved(&mut self, op: &Op, late: &mut Vec<Op>) -> EngineResult<Option<Sending>> {
        let mut op = op.clone();
        let record = match op.kind {
            OpKind::Create => None,
            _ => match self.resolve(&op.record)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
        };
        if let Some((object, at)) = op.to.take() {
            let Some(id) = self.resolve(&at)? else { return Ok(None) };
            op.to = Some((object, Ref::Known(id)));
        }
        if matches!(op.source, Ref::New { .. }) {
            let Some(source) = self.resolve(&op.source)? else { return Ok(None) };
            if op.kind == OpKind::Create {
                self.source_is_made(&mut op, &source)?;
            }
            op.source = Ref::Known(source);
        }
        self.take_kept(&mut op)?;
        let mut waiting = op.clone();
        waiting.fields.clear();
        let mut fields = Vec::new();
        for mut sent in std::mem::take(&mut op.fields) {
            let new = sent.after.as_text().and_then(Ref::parse_new);
            if let Some(new) = new {
                match self.resolve(&new)? {
                    Some(id) => sent.after = Value::text(id.as_str()),
                    None => {
                        waiting.fields.push(sent);
                        continue;
                    }
                }
            }
            fields.push(sent);
        }
        op.fields = fields;
        self.resolve_sets(&mut op)?;
        if !waiting.fields.is_empty() {
            for text in waiting.associations.keys() {
                op.associations.remove(text);
            }
            waiting.kind = OpKind::Update;
            late.push(waiting);
            if op.fields.is_empty() && op.kind == OpKind::Update {
                return Ok(None);
            }
        }
        self.issued += 1;
        Ok(Some(Sending { id: format!("{}-{}", self.run, self.issued), op, record }))
    }

    /// A counterpart of a record that was made in this run itself: its external id comes from that record's.
    fn source_is_made(&self, op: &mut Op, source: &RecordId) -> EngineResult<()> {
        let Some(arm) = self.sync(op.sync)?.arms.get(op.arm) else { return Ok(()) };
        let here = object_on(self.sync(op.sync)?, arm, op.side.other());
        if let Some((_, value)) = &mut op.unique {
            *value = self.external_id_for(here, source);
        }
        op.record = Ref::New { sync: op.sync, side: op.side, source: source.clone() };
        Ok(())
    }

    /// What an earlier write of this run put where a value comes from is what both sides agree on then.
    fn take_kept(&self, op: &mut Op) -> EngineResult<()> {
        let own = (op.sync, op.arm, op.side, op.source.clone());
        for sent in &mut op.fields {
            let (sync, arm, side, source) = match &sent.via {
                Some(via) => (via.sync, via.arm, via.side, via.source.clone()),
                None => own.clone(),
            };
            let Some(source) = self.resolve(&source)? else { continue };
            if let Some(via) = &mut sent.via {
                via.source = Ref::Known(source.clone());
            }
            let found = self.sync(sync)?;
            let Some(at) = found.arms.get(arm) else { continue };
            let node = (object_on(found, at, side.other()), source, sent.source_field.clone());
            if let Some(kept) = self.kept.borrow().get(&node) {
                sent.source = kept.clone();
                sent.ahead = false;
            }
        }
        Ok(())
    }

    fn resolve_sets(&self, op: &mut Op) -> EngineResult<()> {
        for ids in op.associations.values_mut() {
            let mut real = BTreeSet::new();
            for id in ids.iter() {
                let found = match Ref::parse_new(id) {
                    Some(new) => self.resolve(&new)?.map(|id| id.to_string()),
                    None => Some(id.clone()),
                };
                real.extend(found);
            }
            *ids = real;
        }
        Ok(())
    }

    fn journal(&self, sending: &[Sending]) -> EngineResult<()> {
        let now = self.now();
        let job = if sending.len() >= MANY_CREATES { JOB } else { 0 };
        let mut intents = Vec::new();
        for item in sending {
            let create = item.op.kind == OpKind::Create;
            if if create { self.ablation().no_create_intent } else { self.ablation().no_update_intent } {
                continue;
            }
            intents.push(Intent {
                op: item.id.clone(),
                run: self.run.clone(),
                sync: self.sync(item.op.sync)?.name.clone(),
                system: self.system_name(item.op.object).to_owned(),
                object: self.object_name(item.op.object).to_owned(),
                record: item.record.as_ref().map(ToString::to_string).unwrap_or_default(),
                payload: self.payload(&item.op)?,
                issued: now,
                until: now.plus(job + self.options.timeout + LANDING),
            });
        }
        Ok(self.store().atomically(|store| store.add_intents(&intents))?)
    }

    /// The operation with the time at its server: our own clock may be set before it is settled.
    fn payload(&self, op: &Op) -> EngineResult<serde_json::Value> {
        let mut payload = serde_json::to_value(op).map_err(crate::state::StateError::from)?;
        let there = self.systems.server_time(self.shape(op.object)?.system, self.now());
        if let Some(map) = payload.as_object_mut() {
            map.insert(AT_SERVER.to_owned(), there.0.into());
        }
        Ok(payload)
    }

    /// The outcome of each item, in their order.
    async fn call(&self, object: ObjectId, sending: &[Sending]) -> Result<Vec<Outcome>, CallError> {
        let failed = |error: EngineError| match error {
            EngineError::Remote(error) => error,
            other => CallError {
                system: self.system_name(object).to_owned(),
                class: ErrorClass::NotApplied,
                message: other.to_string(),
                retry_after: None,
            },
        };
        let shape = self.shape(object).map_err(failed)?;
        let remote = self.systems.remote(self.plan(), shape.system).map_err(failed)?;
        let kind = sending.first().map(|item| item.op.kind);
        let request = match kind {
            Some(OpKind::Associate(_)) => {
                let to = sending.first().map_or("", |item| item.op.key.as_str()).into();
                let items = sending.iter().filter_map(associate_item).collect();
                Request::Associate { from: shape.name.clone(), to, items }
            }
            Some(OpKind::Archive) => Request::Archive {
                object: shape.name.clone(),
                ids: sending.iter().filter_map(|item| item.record.clone()).collect(),
            },
            _ => Request::Write {
                object: shape.name.clone(),
                items: sending.iter().map(|item| self.write_item(object, item)).collect(),
            },
        };
        match remote.call(request).await? {
            Reply::Written(outcomes) => {
                let mut all: BTreeMap<String, Outcome> =
                    outcomes.into_iter().map(|(op, outcome)| (op.to_string(), outcome)).collect();
                // An archive is answered by record.
                let missing = || Outcome::Unknown { message: "the answer does not mention it".to_owned() };
                Ok(sending
                    .iter()
                    .map(|item| {
                        let by_record = item.record.as_ref().map(ToString::to_string);
                        let outcome = all.remove(&item.id);
                        let outcome = outcome.or_else(|| by_record.and_then(|id| all.remove(&id)));
                        outcome.unwrap_or_else(missing)
                    })
                    .collect())
            }
            _ => Ok(sending
                .iter()
                .map(|_| Outcome::Unknown { message: "no answer to a write".to_owned() })
                .collect()),
        }
    }

    fn write_item(&self, object: ObjectId, item: &Sending) -> WriteItem {
        let shape = self.shape(object).ok();
        let spec = |name: &str| {
            shape.and_then(|shape| shape.fields.iter().find(|field| &*field.name == name)).cloned()
        };
        let mut fields: Vec<_> =
            item.op.fields.iter().filter_map(|sent| Some((spec(&sent.field)?, sent.after.clone()))).collect();
        let found = self.plan().object(object);
        let stamp = found.and_then(|found| found.fields.get(found.op_stamp?.index()));
        if let Some(field) = stamp.and_then(|field| spec(&field.name))
            && !self.ablation().no_op_stamp
        {
            fields.push((field, Value::text(item.id.as_str())));
        }
        let kind = match &item.record {
            None => WriteKind::Create {
                unique: item
                    .op
                    .unique
                    .as_ref()
                    .map(|(field, value)| (field.as_str().into(), value.as_str().into())),
            },
            Some(id) => {
                let cas = shape.is_some_and(|shape| shape.kind == SystemKind::Salesforce)
                    && !self.ablation().no_cas;
                WriteKind::Update { id: id.clone(), unmodified_since: item.op.stamp.filter(|_| cas) }
            }
        };
        WriteItem { op: item.id.as_str().into(), kind, fields, associations: Vec::new() }
    }
}

/// What a write waits for comes first: records of which others are made in the same run.
fn depth(op: &Op) -> usize {
    let source = match (&op.source, op.kind) {
        (Ref::New { .. }, OpKind::Create | OpKind::Update) => 1 + op.source.depth(),
        _ => 0,
    };
    let far = op.to.as_ref().map_or(0, |(_, at)| at.depth());
    let via = |sent: &super::ops::Sent| match sent.via.as_ref().map(|via| &via.source) {
        Some(at @ Ref::New { .. }) if op.kind == OpKind::Update => 1 + at.depth(),
        _ => 0,
    };
    let fields = op.fields.iter().map(via).max().unwrap_or(0);
    source.max(op.record.depth()).max(far).max(fields)
}

fn associate_item(item: &Sending) -> Option<AssociateItem> {
    let OpKind::Associate(action) = item.op.kind else { return None };
    let (_, Ref::Known(to)) = item.op.to.as_ref()? else { return None };
    Some(AssociateItem { op: item.id.as_str().into(), from: item.record.clone()?, to: to.clone(), action })
}
