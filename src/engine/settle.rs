//! Requests of an earlier run whose outcome nobody knows: decided before anything else is written.
//!
//! Landed: remembered as if the answer had come. Not landed, and too late to land any more: forgotten, and the pair is
//! merged afresh. Still on its way, maybe: its records are left alone in this run.

use super::error::{EngineError, EngineResult};
use super::execute::LANDING;
use super::landed::stored_as;
use super::ops::{AT_SERVER, Op, OpKind, Ref};
use super::session::{Session, object_on};
use super::world::named;
use crate::connect::remote::{FieldSpec, Reply, Request};
use crate::plan::ir::ObjectId;
use crate::record::{Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::state::{Intent, RunRow};
use crate::value::{Millis, Value};

/// The connections of a process die with it: what it had sent lands within this time, or never.
const ORPHAN: i64 = 10_000;

/// An answer without the field that would tell is asked for again, for a day: then the field is taken for hidden.
const SILENT: i64 = 24 * 3_600_000;

enum Verdict {
    Landed(RecordId, Option<Box<Record>>),
    NotLanded,
    /// May still land until then.
    Open(Millis),
}

impl Session<'_> {
    /// Gives the number of requests that were settled.
    pub async fn settle(&mut self) -> EngineResult<u64> {
        if self.ablation().no_settle {
            return Ok(0);
        }
        let open = self.store().open_intents()?;
        if open.is_empty() {
            return Ok(0);
        }
        self.deps.progress.stage("settling requests of an earlier run", open.len() as u64);
        let runs = self.store().runs(50)?;
        let mut settled = 0;
        for item in open {
            self.deps.progress.step(1);
            let intent = item.intent;
            if super::linkedin::settle::is_writeback(&intent) {
                continue;
            }
            let Ok(op) = serde_json::from_value::<Op>(intent.payload.clone()) else {
                return Err(EngineError::State(crate::state::StateError::Damaged(format!(
                    "journal entry {} can't be read",
                    intent.op
                ))));
            };
            if !self.fits(&op) {
                // The mapping no longer has this sync: there is nothing left to be merged.
                self.store().set_outcome(&intent.op, "dropped", "", "the mapping changed", self.now())?;
                continue;
            }
            let mut verdict = self.verdict(&intent, &op, &runs).await?;
            if let Verdict::Open(until) = verdict
                && until.0 - self.now().0 <= ORPHAN
            {
                self.deps.timer.sleep(until.0 - self.now().0 + 1).await;
                verdict = self.verdict(&intent, &op, &runs).await?;
            }
            settled += u64::from(self.apply_verdict(&intent, &op, verdict)?);
        }
        Ok(settled)
    }

    fn fits(&self, op: &Op) -> bool {
        let sync = self.plan().sync(op.sync);
        if let Some(from) = op.from {
            return sync.is_some_and(|sync| {
                sync.propagate.iter().any(|item| item.from_object == from && item.to_object == op.object)
            });
        }
        sync.and_then(|sync| sync.arms.get(op.arm).map(|arm| object_on(sync, arm, op.side)))
            .is_some_and(|object| object == op.object)
    }

    fn apply_verdict(&mut self, intent: &Intent, op: &Op, verdict: Verdict) -> EngineResult<bool> {
        let places: Vec<(ObjectId, RecordId)> = self.places(op)?;
        match verdict {
            Verdict::Open(_) => {
                self.unsettled.extend(places);
                return Ok(false);
            }
            Verdict::Landed(id, back) => {
                self.landed(&intent.op, op, &id, back.as_deref())?;
                self.store().observe(
                    self.system_name(op.object),
                    self.object_name(op.object),
                    &[id.to_string()],
                    self.now(),
                )?;
            }
            Verdict::NotLanded => {
                self.store().set_outcome(&intent.op, "not-landed", "", "", self.now())?;
            }
        }
        for (object, id) in places {
            let (system, name) = (self.system_name(object), self.object_name(object));
            self.store().observe(system, name, &[id.to_string()], self.now())?;
            self.world.forget(object, &id)?;
        }
        Ok(true)
    }

    /// The records that the operation is about.
    fn places(&self, op: &Op) -> EngineResult<Vec<(ObjectId, RecordId)>> {
        let mut places = Vec::new();
        places.extend(self.origin(op)?);
        if let Ref::Known(id) = &op.record {
            places.push((op.object, id.clone()));
        }
        Ok(places)
    }

    async fn verdict(&mut self, intent: &Intent, op: &Op, runs: &[RunRow]) -> EngineResult<Verdict> {
        let verdict = match op.kind {
            OpKind::Create => self.was_created(intent, op).await?,
            OpKind::Update => self.was_updated(intent, op).await?,
            // Both are idempotent: what did not land is found and done again.
            OpKind::Associate(_) | OpKind::Archive => None,
        };
        if let Some((id, record)) = verdict {
            if !self.shows(op, record.as_ref()) {
                // It was made, and whose counterpart it is will be known: nothing else may take it for a record of its own.
                self.unsettled.insert((op.object, id));
                return Ok(Verdict::Open(self.now().plus(ORPHAN + 1)));
            }
            return Ok(Verdict::Landed(id, record.map(Box::new)));
        }
        if op.kind == OpKind::Update && self.is_silent(op)? && self.now().0 - intent.issued.0 < SILENT {
            return Ok(Verdict::Open(self.now().plus(ORPHAN + 1)));
        }
        // A late create finds the record that was made meanwhile and overwrites it; a late conditional update still
        // fits the stamp, as long as nobody wrote. Both are waited for.
        let idempotent = matches!(op.kind, OpKind::Associate(_) | OpKind::Archive);
        let limit = self.issued_there(intent, op)?.0 + (intent.until.0 - intent.issued.0);
        let limit = Millis(limit - self.systems.server_time(self.shape(op.object)?.system, Millis(0)).0);
        let crashed = runs.iter().any(|run| run.id == intent.run && run.ended.is_none());
        // What was given longer than a request is a job: it does not die with its run.
        let crashed = crashed && intent.until.0 - intent.issued.0 <= self.options.timeout + LANDING;
        // When it died nobody knows, but that was before this run began; the request may have been under way for long.
        let until = if crashed { limit.min(self.started.plus(ORPHAN)) } else { limit };
        if idempotent || self.ablation().no_quiesce || self.now() > until {
            return Ok(Verdict::NotLanded);
        }
        Ok(Verdict::Open(until))
    }

    /// When the request was sent by its server's clock, which nobody sets between two runs as ours may be.
    fn issued_there(&self, intent: &Intent, op: &Op) -> EngineResult<Millis> {
        let noted = intent.payload.get(AT_SERVER).and_then(serde_json::Value::as_i64).map(Millis);
        let system = self.shape(op.object)?.system;
        Ok(noted.unwrap_or_else(|| self.systems.server_time(system, intent.issued)))
    }

    /// Whether the record's answer left out the stamp of operations, or a field that was sent.
    fn is_silent(&self, op: &Op) -> EngineResult<bool> {
        let Some(id) = self.resolve(&op.record)? else { return Ok(false) };
        let Some(record) = self.world.get(op.object, &id) else { return Ok(false) };
        // Of one that is not there any more no answer will tell.
        if record.life != Life::Live {
            return Ok(false);
        }
        let stamp = self.plan().object(op.object).and_then(|object| object.op_stamp);
        let no_stamp = stamp.is_some_and(|field| record.slot(field.index()).is_none());
        Ok(no_stamp || !self.shows(op, Some(record)))
    }

    /// Looks for the record that a create made: by its unique field, else by what was sent.
    async fn was_created(
        &mut self,
        intent: &Intent,
        op: &Op,
    ) -> EngineResult<Option<(RecordId, Option<Record>)>> {
        let shape = self.shape(op.object)?.clone();
        let remote = self.systems.remote(self.plan(), shape.system)?;
        let spec = |name: &str| shape.fields.iter().find(|field| &*field.name == name).cloned();
        let (field, value): (Option<FieldSpec>, Value) = match &op.unique {
            Some((field, value)) => (spec(field), Value::text(value.as_str())),
            None => {
                let telling =
                    op.fields.iter().find(|sent| sent.row.is_some() && sent.after.as_text().is_some());
                let Some(sent) = telling else { return Ok(None) };
                (spec(&sent.field), sent.after.clone())
            }
        };
        let Some(field) = field else { return Ok(None) };
        let request = Request::Find {
            object: shape.name.clone(),
            field,
            values: vec![value],
            fields: shape.fields.clone(),
            associations: shape.associations.clone(),
        };
        let Reply::Records { records, .. } = remote.call(request).await? else { return Ok(None) };
        let server_issue = self.issued_there(intent, op)?.plus(-5_000);
        let mut candidates: Vec<Record> = records
            .into_iter()
            .filter(|record| op.unique.is_some() || record.created.is_some_and(|at| at >= server_issue))
            .filter(|record| op.unique.is_some() || self.holds_all(op, record))
            .collect();
        if op.unique.is_none() {
            let mut free = Vec::new();
            for record in candidates {
                if self.link_on(op.sync, op.arm, op.side, record.id.as_str())?.is_none() {
                    free.push(record);
                }
            }
            candidates = free;
        }
        match (candidates.pop(), candidates.is_empty()) {
            (Some(record), true) => Ok(Some((record.id.clone(), Some(record)))),
            _ => Ok(None),
        }
    }

    /// The last operation that a record says it was changed by; `None` = records of this object don't say.
    pub(super) fn op_stamp<'r>(&self, object: ObjectId, record: &'r Record) -> Option<Option<&'r str>> {
        let stamp = self.plan().object(object)?.op_stamp?;
        Some(record.slot(stamp.index()).and_then(Value::as_text))
    }

    pub(super) fn holds_all(&self, op: &Op, record: &Record) -> bool {
        op.fields.iter().all(|sent| {
            let got = named(self.plan(), op.object, record, &sent.field);
            let ty = self.field_type(op.object, &sent.field);
            got.is_none_or(|got| stored_as(ty.as_ref(), &sent.after, got))
        })
    }

    /// An update landed when the record carries its stamp, or holds what was sent.
    async fn was_updated(
        &mut self,
        intent: &Intent,
        op: &Op,
    ) -> EngineResult<Option<(RecordId, Option<Record>)>> {
        let Some(id) = self.resolve(&op.record)? else { return Ok(None) };
        self.world.forget(op.object, &id)?;
        let fields = op.fields.iter().map(|sent| sent.field.clone()).collect();
        if self.shape(op.object)?.kind == SystemKind::Hubspot && !self.ablation().no_history_check {
            self.read_history(op.object, vec![id.clone()], &fields).await?;
        } else {
            self.read(op.object, [id.clone()]).await?;
        }
        // What was merged away or deleted does not tell any more.
        let found = self.world.get(op.object, &id).filter(|record| record.life == Life::Live);
        let Some(record) = found.cloned() else { return Ok(None) };
        let stamped = self.op_stamp(op.object, &record) == Some(Some(intent.op.as_str()));
        let server_issue = self.issued_there(intent, op)?.plus(-2_000);
        // Overwritten since: the history still shows that ours was there.
        let in_history = !op.fields.is_empty()
            && op.fields.iter().all(|sent| {
                let ty = self.field_type(op.object, &sent.field);
                record.history.get(&sent.field).is_some_and(|entries| {
                    entries.iter().any(|entry| {
                        entry.at >= server_issue && stored_as(ty.as_ref(), &sent.after, &entry.value)
                    })
                })
            });
        let landed = stamped && !self.ablation().no_op_stamp || in_history || self.holds_all(op, &record);
        Ok(landed.then_some((id, Some(record))))
    }
}
