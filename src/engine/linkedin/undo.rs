//! Taking back activities that a run wrote: their records are archived, where nobody touched them since.
//!
//! An activity that was taken back is left out from then on, with the reason `undone`; `reset` decides on it again. What
//! the run attached to a record stays attached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::settle::text;
use crate::connect::remote::{Outcome, Reply, Request};
use crate::engine::error::{EngineError, EngineResult};
use crate::engine::report::RunReport;
use crate::engine::session::Session;
use crate::engine::undo::{LeftAlone, SETTLING};
use crate::merge::change::{Action, Change};
use crate::plan::ir::SystemId;
use crate::record::{Life, Record, RecordId};
use crate::state::{Finished, Intent, NavActivity};
use crate::value::Millis;

/// The reason of an activity that was taken back.
pub(super) const UNDONE: &str = "undone";
/// Records in one request.
const BATCH: usize = 100;
/// How long a request may be under way.
const LANDING: i64 = 120_000;

/// A record that a run made of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Written {
    writeback: String,
    activity: String,
    system: String,
    object: String,
    record: String,
}

impl Written {
    /// What an entry of the journal made, or why it stays.
    pub(in crate::engine) fn of(entry: &Finished) -> Result<Written, String> {
        match text(&entry.intent.payload, "step") {
            "create" => Ok(Written {
                writeback: entry.intent.sync.clone(),
                activity: text(&entry.intent.payload, "activity").to_owned(),
                system: entry.intent.system.clone(),
                object: entry.intent.object.clone(),
                record: entry.record.clone(),
            }),
            "attach" => Err("the record that it was attached to stays: it was matched since".to_owned()),
            _ => Err("an archived record is restored from the CRM's recycle bin".to_owned()),
        }
    }

    pub(in crate::engine) fn change(&self, id: String) -> Change {
        Change {
            id,
            sync: self.writeback.clone(),
            system: self.system.clone(),
            object: self.object.clone(),
            record: Some(self.record.clone()),
            link: None,
            action: Action::Delete,
            reason: "undo: this run made it".to_owned(),
            source: format!("activity {}", self.activity),
            fields: Vec::new(),
        }
    }

    fn left(&self, why: &str) -> LeftAlone {
        LeftAlone {
            system: self.system.clone(),
            object: self.object.clone(),
            record: self.record.clone(),
            field: String::new(),
            why: why.to_owned(),
        }
    }
}

/// Whether an entry of the journal made a record of an activity.
pub(in crate::engine) fn is_made(entry: &Finished) -> bool {
    entry.result == "ok" && text(&entry.intent.payload, "step") == "create"
}

/// By system and object.
fn grouped(all: Vec<Written>) -> BTreeMap<(String, String), Vec<Written>> {
    let mut groups: BTreeMap<_, Vec<Written>> = BTreeMap::new();
    for one in all {
        groups.entry((one.system.clone(), one.object.clone())).or_default().push(one);
    }
    groups
}

impl Session<'_> {
    fn system_id(&self, name: &str) -> EngineResult<SystemId> {
        let place = self.plan().systems.iter().position(|system| system.name == name);
        let id = place.and_then(|place| u32::try_from(place).ok()).map(SystemId);
        id.ok_or_else(|| EngineError::Plan(format!("the mappings have no system `{name}` any more")))
    }

    /// Those that nobody touched since.
    pub(in crate::engine) async fn untouched(
        &self,
        all: Vec<Written>,
        left_alone: &mut Vec<LeftAlone>,
    ) -> EngineResult<Vec<Written>> {
        let mut kept = Vec::new();
        for ((system, object), group) in grouped(all) {
            let id = self.system_id(&system)?;
            let remote = self.systems.remote(self.plan(), id)?;
            for chunk in group.chunks(BATCH) {
                let request = Request::Read {
                    object: object.as_str().into(),
                    ids: chunk.iter().map(|one| RecordId::new(one.record.as_str())).collect(),
                    fields: Arc::new([]),
                    associations: Arc::new([]),
                    history: Arc::new([]),
                };
                let Reply::Records { records, .. } = remote.call(request).await? else { continue };
                let there: BTreeMap<&str, &Record> =
                    records.iter().map(|record| (record.id.as_str(), record)).collect();
                for one in chunk {
                    match there.get(one.record.as_str()).filter(|record| record.life == Life::Live) {
                        None => left_alone.push(one.left("it is gone already")),
                        Some(record) => match self.touched_since(one, record)? {
                            Some(why) => left_alone.push(one.left(&why)),
                            None => kept.push(one.clone()),
                        },
                    }
                }
            }
        }
        Ok(kept)
    }

    /// Both stamps are the server's, so that no clock of ours matters. Our own later steps on the record count as ours:
    /// by how much later they ended than the create, which is the same on every clock.
    fn touched_since(&self, one: &Written, record: &Record) -> EngineResult<Option<String>> {
        let (Some(modified), Some(created)) = (record.modified, record.created) else { return Ok(None) };
        let (mut made, mut last) = (None, Millis(0));
        for entry in self.store().intents_on(&one.system, &one.object, &one.record)? {
            let at = self.store().outcome_at(&entry.intent.op)?.unwrap_or(entry.intent.until);
            match text(&entry.intent.payload, "step") {
                "create" => made = Some(entry.intent.issued),
                "attach" => last = last.max(at),
                _ => {}
            }
        }
        let ours = made.map_or(0, |made| (last.0 - made.0).max(0));
        let later = modified > created.plus(ours + SETTLING);
        Ok(later.then(|| format!("somebody changed it at {modified}")))
    }

    /// Archives them and leaves their activities out from now on.
    pub(in crate::engine) async fn archive_activities(
        &self,
        all: Vec<Written>,
        report: &mut RunReport,
    ) -> EngineResult<()> {
        let mut issued = 0_u64;
        for ((system, object), group) in grouped(all) {
            let remote = self.systems.remote(self.plan(), self.system_id(&system)?)?;
            for chunk in group.chunks(BATCH) {
                let mut sent: BTreeMap<&str, (String, &Written)> = BTreeMap::new();
                let mut intents = Vec::new();
                for one in chunk {
                    issued += 1;
                    let intent = self.undoing(one, issued, self.now());
                    sent.insert(&one.record, (intent.op.clone(), one));
                    intents.push(intent);
                }
                self.store().atomically(|store| store.add_intents(&intents))?;
                let ids = chunk.iter().map(|one| RecordId::new(one.record.as_str())).collect();
                let request = Request::Archive { object: object.as_str().into(), ids };
                let Reply::Written(outcomes) = remote.call(request).await? else { continue };
                let gone: BTreeSet<String> = outcomes
                    .into_iter()
                    .filter(|(_, outcome)| matches!(outcome, Outcome::Updated { .. }))
                    .map(|(record, _)| record.to_string())
                    .collect();
                for (record, (op, one)) in sent {
                    if gone.contains(record) {
                        self.undone(&op, one)?;
                        report.counts.deleted += 1;
                    } else {
                        self.store().set_outcome(&op, "refused", "", "the CRM kept it", self.now())?;
                        report.counts.failed += 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn undoing(&self, one: &Written, number: u64, now: Millis) -> Intent {
        Intent {
            op: format!("{}-u{number}", self.run),
            run: self.run.clone(),
            sync: one.writeback.clone(),
            system: one.system.clone(),
            object: one.object.clone(),
            record: one.record.clone(),
            payload: json!({ "writeback": one.writeback, "activity": one.activity, "step": "undo" }),
            issued: now,
            until: now.plus(LANDING),
        }
    }

    fn undone(&self, op: &str, one: &Written) -> EngineResult<()> {
        let now = self.now();
        self.store().atomically(|store| {
            store.set_outcome(op, "ok", &one.record, "", now)?;
            let Some(row) = store.activity(&one.writeback, &one.activity)? else { return Ok(()) };
            let row = NavActivity {
                state: "skipped".to_owned(),
                reason: UNDONE.to_owned(),
                detail: String::new(),
                object: String::new(),
                record: String::new(),
                on_object: String::new(),
                on_record: String::new(),
                ..row
            };
            store.settle_activity(&one.writeback, &row)
        })?;
        Ok(())
    }
}
