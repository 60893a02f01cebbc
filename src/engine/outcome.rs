//! What came of a call: each item to its one outcome, its record read back, its refusal remembered.
//!
//! Invariant: an item whose outcome is not known keeps its intent open; the next run settles it.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::error::{EngineError, EngineResult};
use super::execute::{Again, Sending};
use super::landed::Landed;
use super::ops::{Op, OpKind, Ref};
use super::report::{Failure, RunReport};
use super::session::Session;
use crate::connect::remote::{CallError, ErrorClass, Outcome, Refusal};
use crate::plan::ir::ObjectId;
use crate::record::{Life, RecordId};
use crate::schema::SystemKind;
use crate::state::Hold;

/// How long a refused record waits until it is tried again.
const REFUSED: i64 = 5 * 60_000;

/// The code of a failure whose outcome the next run finds out.
const UNKNOWN: &str = "unknown";

/// Without an account there is no going on; one call that failed is no reason to stop.
fn stops_the_run(error: CallError) -> EngineResult<()> {
    match error.class {
        ErrorClass::Auth | ErrorClass::Limit => Err(EngineError::Remote(error)),
        _ => Ok(()),
    }
}

impl Session<'_> {
    /// The whole call failed: certainly not applied, or not known.
    pub(super) fn call_failed(
        &mut self,
        sending: &[Sending],
        error: &CallError,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        let unknown = error.class == ErrorClass::Unknown;
        let now = self.now();
        self.store().atomically(|store| {
            for item in sending {
                if !unknown {
                    store.set_outcome(&item.id, "failed", "", &error.message, now)?;
                }
            }
            Ok(())
        })?;
        for item in sending {
            self.failed(item, if unknown { UNKNOWN } else { "call" }, &error.message, draft, report)?;
        }
        stops_the_run(error.clone())
    }

    pub(super) fn failed(
        &mut self,
        item: &Sending,
        code: &str,
        message: &str,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        if code == UNKNOWN {
            // Whatever comes later in this run leaves the pair alone: its request may still land.
            self.unsettled.extend(self.origin(&item.op)?);
            self.unsettled.extend(item.record.clone().map(|record| (item.op.object, record)));
        }
        draft.unfinished.extend(item.record.clone().map(|record| (item.op.object, record)));
        self.told(item, code, message, draft, report)
    }

    /// Says what failed. Its source stays due.
    fn told(
        &self,
        item: &Sending,
        code: &str,
        message: &str,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        report.counts.failed += 1;
        let origin = self.origin(&item.op)?;
        report.failures.push(Failure {
            sync: self.sync(item.op.sync)?.name.clone(),
            system: self.system_name(item.op.object).to_owned(),
            object: self.object_name(item.op.object).to_owned(),
            record: item.record.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: origin.as_ref().map(|(_, id)| id.to_string()).unwrap_or_default(),
            code: code.to_owned(),
            message: message.to_owned(),
        });
        draft.unfinished.extend(origin);
        Ok(())
    }

    pub(super) async fn conclude(
        &mut self,
        object: ObjectId,
        answered: Vec<(Sending, Outcome)>,
        again: &mut Again,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        let written: Vec<RecordId> = answered
            .iter()
            .filter_map(|(item, outcome)| match outcome {
                Outcome::Created { id } | Outcome::Updated { id } => Some(id.clone()),
                Outcome::Stale => item.record.clone(),
                _ => None,
            })
            .collect();
        let unseen = self.read_back(object, &answered, written).await?;
        let unmet = self.read_met(object, &answered).await?;
        self.store().open_batch()?;
        for (item, outcome) in answered {
            let item = &item;
            self.check_trouble()?;
            // A request that arrived twice meets its own change, and is refused for it.
            let outcome = match (outcome, &item.record) {
                (Outcome::Stale, Some(id)) if unseen.is_some() || self.carries(item, id) => {
                    Outcome::Updated { id: id.clone() }
                }
                (outcome, _) => outcome,
            };
            match outcome {
                // What the server made of it is not known: the next run settles it by reading.
                Outcome::Created { ref id } | Outcome::Updated { ref id }
                    if unseen.is_some() || !self.shows(&item.op, self.world.get(object, id)) =>
                {
                    let message = "written, and not read back";
                    self.failed(item, UNKNOWN, message, draft, report)?;
                }
                Outcome::Created { id } | Outcome::Updated { id } => {
                    let back = match item.op.kind {
                        OpKind::Create | OpKind::Update => self.world.get(object, &id).cloned(),
                        _ => None,
                    };
                    match self.landed(&item.id, &item.op, &id, back.as_ref())? {
                        Landed::Done => {}
                        Landed::Differs => {
                            draft.unfinished.insert((object, id.clone()));
                        }
                        Landed::Clone => {
                            let message = format!("{id} carries this id and belongs to another pair");
                            self.failed(item, "clone", &message, draft, report)?;
                            continue;
                        }
                    }
                    count(&item.op, report);
                }
                Outcome::Exists { candidates, message } => {
                    self.exists(item, &candidates, &message, again, draft, report)?;
                }
                Outcome::Stale => {
                    self.store().set_outcome(&item.id, "stale", "", "changed meanwhile", self.now())?;
                    again.extend(item.record.clone().map(|id| (object, id)));
                }
                Outcome::Refused(refusal) => {
                    self.store().set_outcome(&item.id, "refused", "", &refusal.message, self.now())?;
                    self.refused(item, &refusal, draft, report)?;
                }
                Outcome::Unknown { message } => self.failed(item, UNKNOWN, &message, draft, report)?,
            }
        }
        self.store().close_batch()?;
        unseen.or(unmet).map_or(Ok(()), stops_the_run)
    }

    /// Whether a record shows that this very operation has changed it last.
    fn carries(&self, item: &Sending, id: &RecordId) -> bool {
        let Some(record) = self.world.get(item.op.object, id) else { return false };
        match self.op_stamp(item.op.object, record) {
            Some(stamp) => stamp == Some(item.id.as_str()),
            None => self.holds_all(&item.op, record),
        }
    }

    /// Reads what was written as the server has it now; gives why it could not be read.
    async fn read_back(
        &mut self,
        object: ObjectId,
        answered: &[(Sending, Outcome)],
        written: Vec<RecordId>,
    ) -> EngineResult<Option<CallError>> {
        let fields: BTreeSet<String> = answered
            .iter()
            .filter(|(item, _)| matches!(item.op.kind, OpKind::Create | OpKind::Update))
            .flat_map(|(item, _)| item.op.fields.iter().map(|sent| sent.field.clone()))
            .collect();
        if fields.is_empty() || written.is_empty() {
            return Ok(None);
        }
        for id in &written {
            self.world.forget(object, id)?;
        }
        let updates = answered.iter().any(|(item, _)| item.op.kind == OpKind::Update);
        let history = updates && self.shape(object)?.kind == SystemKind::Hubspot;
        let read = if history && !self.ablation().no_history_check {
            self.read_history(object, written, &fields).await
        } else {
            self.read(object, written).await
        };
        match read {
            Ok(()) => Ok(None),
            Err(EngineError::Remote(error)) => Ok(Some(error)),
            Err(other) => Err(other),
        }
    }

    /// Reads the records that creates have met; gives why they could not be read.
    async fn read_met(
        &mut self,
        object: ObjectId,
        answered: &[(Sending, Outcome)],
    ) -> EngineResult<Option<CallError>> {
        let met: Vec<RecordId> = answered
            .iter()
            .filter_map(|(_, outcome)| match outcome {
                Outcome::Exists { candidates, .. } => match candidates.as_slice() {
                    [one] => Some(one.clone()),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        match self.read(object, met).await {
            Ok(()) => Ok(None),
            Err(EngineError::Remote(error)) => Ok(Some(error)),
            Err(other) => Err(other),
        }
    }

    /// Whether a record that a create has met is there, and can be the counterpart of its source.
    fn is_free(&self, op: &Op, source: &RecordId, met: &RecordId) -> EngineResult<bool> {
        let Some(record) = self.world.get(op.object, met).filter(|record| record.life == Life::Live) else {
            return Ok(false);
        };
        Ok(self.link_on(op.sync, op.arm, op.side, met.as_str())?.is_none()
            && self.link_on(op.sync, op.arm, op.side.other(), source.as_str())?.is_none()
            && !self.is_anothers(op.sync, op.arm, op.side, record, source)?)
    }

    /// A create that met a record of the same key: it is a match, when there is exactly one and nobody has it.
    fn exists(
        &mut self,
        item: &Sending,
        candidates: &[RecordId],
        message: &str,
        again: &mut Again,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        self.store().set_outcome(&item.id, "exists", "", message, self.now())?;
        let Ref::Known(source) = &item.op.source else { return Ok(()) };
        if let [one] = candidates
            && self.is_free(&item.op, source, one)?
        {
            let (left, right) = match item.op.side {
                crate::plan::ir::Side::Right => (source, one),
                crate::plan::ir::Side::Left => (one, source),
            };
            self.new_link(item.op.sync, item.op.arm, left.as_str(), right.as_str(), "met by a create")?;
            again.extend(self.origin(&item.op)?);
            return Ok(());
        }
        let (code, message) = ("exists".to_owned(), message.to_owned());
        let refusal = Refusal { code, message, fields: Vec::new(), retryable: false };
        self.refused(item, &refusal, draft, report)
    }

    /// Remembers the refusal, and leaves the pair alone for a while: until its source is due again, the other record
    /// alone is no reason to try once more.
    fn refused(
        &self,
        item: &Sending,
        refusal: &Refusal,
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        self.told(item, &refusal.code, &refusal.message, draft, report)?;
        let Some((object, id)) = self.origin(&item.op)? else { return Ok(()) };
        let (system, name) = (self.system_name(object), self.object_name(object));
        let now = self.now();
        let detail = format!("{}: {}", refusal.code, refusal.message);
        let hold = Hold {
            sync: self.sync(item.op.sync)?.name.clone(),
            system: system.to_owned(),
            object: name.to_owned(),
            record: id.to_string(),
            field: refusal.fields.join(", "),
            reason: "refused".to_owned(),
            detail: detail.clone(),
            since: now,
        };
        self.store().atomically(|store| {
            store.add_hold(&hold)?;
            store.put_off(system, name, id.as_str(), (now, REFUSED), &detail)
        })?;
        Ok(())
    }
}

fn count(op: &Op, report: &mut RunReport) {
    match op.kind {
        OpKind::Create => report.counts.created += 1,
        OpKind::Update => report.counts.updated += 1,
        OpKind::Associate(_) => report.counts.associated += 1,
        OpKind::Archive => report.counts.deleted += 1,
    }
    report.conflicts += op.fields.iter().filter(|sent| sent.conflict).count() as u64;
}
