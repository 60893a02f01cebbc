//! Takes back what a run wrote, from the before-images in the journal.
//!
//! Newest first, and only what still holds our value: what people changed since is listed and stays. A record that the
//! run made is archived only when nobody touched it since. Undoing is journalled like a run, so it can be undone too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::draft::Draft;
use super::error::{EngineError, EngineResult};
use super::landed::stored_as;
use super::linkedin::settle::is_writeback;
use super::linkedin::undo::{Written, is_made};
use super::ops::{Op, OpKind, Ref, Sent, Via};
use super::report::{RunOutcome, RunReport};
use super::run::{calls, run_id};
use super::session::{Deps, Options, Session};
use super::world::named;
use crate::connect::remote::AssociateAction;
use crate::merge::ChangeSet;
use crate::merge::change::Change;
use crate::plan::ir::{ObjectId, Side};
use crate::record::{Life, RecordId};
use crate::state::{Finished, RunRow};
use crate::value::{Millis, Value};

/// How much later than our own write a record's stamp may be without a person having touched it: servers stamp
/// associations and calculated fields a moment after the write.
pub(super) const SETTLING: i64 = 2_000;

/// What undoing would do, and what it leaves alone.
#[derive(Debug, Serialize)]
pub struct Undo {
    pub format_version: &'static str,
    /// The run that is taken back.
    pub run: String,
    pub changes: ChangeSet,
    pub left_alone: Vec<LeftAlone>,
    #[serde(skip)]
    ops: Vec<Op>,
    /// Records of activities; their changes stand behind those of `ops`.
    #[serde(skip)]
    activities: Vec<Written>,
}

impl Undo {
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.activities.is_empty()
    }
}

/// Something that the run wrote and that is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    pub system: String,
    pub object: String,
    pub record: String,
    /// Empty = the whole record.
    pub field: String,
    pub why: String,
}

/// One field's way back: what must stand there now, and what stood there before the run.
struct Back {
    expected: Value,
    restore: Value,
    row: Option<String>,
    op: Op,
}

/// What undoing `run` would do now. Reads the CRMs, writes nothing.
///
/// # Errors
/// The journal has no such run, or it belongs to other mappings.
pub async fn plan_undo(deps: &Deps<'_>, run: &str) -> EngineResult<Undo> {
    let options = Options::default();
    let mut session = Session::new(deps, &options, "undo".to_owned())?;
    session.identify().await?;
    session.draft_undo(run).await
}

/// Takes a run back. `shown` is what was agreed to: anything else that would be done by now is left out.
pub async fn undo(deps: &Deps<'_>, run: &str, shown: &ChangeSet) -> EngineResult<RunReport> {
    let options = Options::default();
    let id = run_id(deps);
    let mut session = Session::new(deps, &options, id.clone())?;
    let mut report = RunReport::new(&id);
    session.identify().await?;
    session.settle().await?;
    let mut row = RunRow {
        id: id.clone(),
        kind: "undo".to_owned(),
        plan: session.plan_hash().to_owned(),
        started: session.started,
        ended: None,
        outcome: "running".to_owned(),
        report: serde_json::Value::Null,
    };
    deps.store.put_run(&row)?;
    let result = carry_out(&mut session, run, shown, &mut report).await;
    let result = result.and(deps.store.close_batch().map_err(Into::into));
    report.counts.read = session.world.read;
    report.calls = calls(deps);
    match &result {
        Ok(()) => report.conclude(),
        Err(_) => report.outcome = RunOutcome::Failed,
    }
    row.ended = Some(deps.timer.now());
    row.outcome = report.outcome.word().to_owned();
    row.report = serde_json::to_value(&report).unwrap_or_default();
    deps.store.put_run(&row)?;
    result.map(|()| report)
}

async fn carry_out(
    session: &mut Session<'_>,
    run: &str,
    shown: &ChangeSet,
    report: &mut RunReport,
) -> EngineResult<()> {
    let plan = session.draft_undo(run).await?;
    let mut ops = Vec::new();
    let agreed = |change: &Change| shown.changes.iter().any(|known| known.same_as(change));
    let (of_ops, of_activities) =
        plan.changes.changes.split_at(plan.ops.len().min(plan.changes.changes.len()));
    for (op, change) in plan.ops.into_iter().zip(of_ops) {
        if agreed(change) {
            ops.push(op);
        }
    }
    let activities = plan.activities.into_iter().zip(of_activities);
    let activities = activities.filter(|(_, change)| agreed(change)).map(|(one, _)| one).collect();
    let missing =
        shown.changes.iter().filter(|known| !plan.changes.changes.iter().any(|now| now.same_as(known)));
    report.moved.extend(missing.map(|change| {
        format!("{}.{} {}", change.system, change.object, change.record.as_deref().unwrap_or("(new)"))
    }));
    let mut draft = Draft::default();
    let again = session.execute(ops, &mut draft, report).await?;
    session.archive_last(report).await?;
    report.moved.extend(again.iter().map(|(object, id)| {
        format!("{}.{} {id} changed meanwhile", session.system_name(*object), session.object_name(*object))
    }));
    session.archive_activities(activities, report).await
}

impl Session<'_> {
    async fn draft_undo(&mut self, run: &str) -> EngineResult<Undo> {
        let entries = self.store().intents_of(run)?;
        if entries.is_empty() && self.store().run(run)?.is_none() {
            return Err(EngineError::Plan(format!("the journal has no run {run}")));
        }
        let mut left_alone = Vec::new();
        let mut done: Vec<(Op, RecordId, Millis)> = Vec::new();
        let mut written = Vec::new();
        let made: BTreeSet<&str> =
            entries.iter().filter(|entry| is_made(entry)).map(|entry| entry.record.as_str()).collect();
        for entry in entries.iter().rev() {
            if is_writeback(&entry.intent) && entry.result == "ok" {
                match Written::of(entry) {
                    // What hangs on a record goes with it.
                    Err(_) if made.contains(entry.record.as_str()) => {}
                    Ok(one) => written.push(one),
                    Err(why) => left_alone.push(self.whole(entry, why)),
                }
                continue;
            }
            match self.undoable(entry)? {
                Ok(found) => done.push(found),
                Err(Some(why)) => left_alone.push(self.whole(entry, why)),
                Err(None) => {}
            }
        }
        let mut records: BTreeMap<ObjectId, BTreeSet<RecordId>> = BTreeMap::new();
        for (op, id, _) in &done {
            records.entry(op.object).or_default().insert(id.clone());
        }
        for (object, ids) in records {
            self.read(object, ids).await?;
        }
        let mut ops = Vec::new();
        let archived = self.undo_creates(&done, &mut ops, &mut left_alone)?;
        self.undo_updates(&done, &archived, &mut ops, &mut left_alone)?;
        self.undo_associations(&done, &archived, &mut ops, &mut left_alone)?;
        let draft = Draft { ops, ..Draft::default() };
        let order = super::describe::order(&draft);
        let mut changes = self.describe(&draft)?;
        // The guards are for what nobody has looked at; undoing is shown first.
        changes.stops.clear();
        let ops = order.into_iter().filter_map(|index| draft.ops.get(index).cloned()).collect();
        let activities = self.untouched(written, &mut left_alone).await?;
        let known = changes.changes.len();
        let more = activities.iter().enumerate();
        changes.changes.extend(more.map(|(index, one)| one.change(format!("c{}", known + index + 1))));
        changes.summarise();
        Ok(Undo { format_version: "1", run: run.to_owned(), changes, left_alone, ops, activities })
    }

    fn whole(&self, entry: &Finished, why: String) -> LeftAlone {
        let record = if entry.record.is_empty() { &entry.intent.record } else { &entry.record };
        LeftAlone {
            system: entry.intent.system.clone(),
            object: entry.intent.object.clone(),
            record: record.clone(),
            field: String::new(),
            why,
        }
    }

    fn alone(&self, op: &Op, record: &RecordId, field: &str, why: String) -> LeftAlone {
        LeftAlone {
            system: self.system_name(op.object).to_owned(),
            object: self.object_name(op.object).to_owned(),
            record: record.to_string(),
            field: field.to_owned(),
            why,
        }
    }

    /// What an entry did; `Err(None)` = nothing, `Err(Some)` = something that can't be taken back.
    fn undoable(&self, entry: &Finished) -> EngineResult<Result<(Op, RecordId, Millis), Option<String>>> {
        match entry.result.as_str() {
            "ok" => {}
            "" => {
                return Ok(Err(Some(
                    "whether it took effect is not known yet: `twinmap run` finds out".into(),
                )));
            }
            _ => return Ok(Err(None)),
        }
        let Ok(op) = serde_json::from_value::<Op>(entry.intent.payload.clone()) else {
            return Ok(Err(Some("its values were forgotten".into())));
        };
        let known = self.plan().object(op.object).is_some_and(|object| object.name == entry.intent.object);
        let same = self.plan().sync(op.sync).is_some_and(|sync| sync.name == entry.intent.sync);
        if !known || !same {
            return Ok(Err(Some("the mappings changed too much since".into())));
        }
        if op.kind == OpKind::Archive {
            return Ok(Err(Some("an archived record is restored from the CRM's recycle bin".into())));
        }
        let at = self.store().outcome_at(&entry.intent.op)?.unwrap_or(entry.intent.issued);
        Ok(Ok((op, RecordId::new(entry.record.as_str()), at)))
    }

    /// Records that the run made and nobody touched since are archived.
    fn undo_creates(
        &self,
        done: &[(Op, RecordId, Millis)],
        ops: &mut Vec<Op>,
        left_alone: &mut Vec<LeftAlone>,
    ) -> EngineResult<BTreeSet<(ObjectId, RecordId)>> {
        let mut archived = BTreeSet::new();
        for (op, id, _) in done.iter().filter(|(op, ..)| op.kind == OpKind::Create) {
            let Some(record) = self.world.get(op.object, id).filter(|record| record.life == Life::Live)
            else {
                left_alone.push(self.alone(op, id, "", "it is gone already".into()));
                continue;
            };
            if let Some(why) = self.touched(op, id, record.modified)? {
                left_alone.push(self.alone(op, id, "", why));
                continue;
            }
            let link = self.link_on(op.sync, op.arm, op.side, id.as_str())?;
            archived.insert((op.object, id.clone()));
            ops.push(Op {
                kind: OpKind::Archive,
                record: Ref::Known(id.clone()),
                link: link.map_or(0, |link| link.id),
                fields: Vec::new(),
                associations: BTreeMap::new(),
                unique: None,
                stamp: record.modified,
                reason: "undo: this run made it".to_owned(),
                ..op.clone()
            });
        }
        Ok(archived)
    }

    /// Why a record that we made is not as we left it.
    fn touched(&self, op: &Op, id: &RecordId, modified: Option<Millis>) -> EngineResult<Option<String>> {
        let system = self.shape(op.object)?.system;
        let (place, object) = (self.system_name(op.object), self.object_name(op.object));
        let mut last = Millis(0);
        for entry in self.store().intents_on(place, object, id.as_str())? {
            let at = self.store().outcome_at(&entry.intent.op)?.unwrap_or(entry.intent.until);
            last = last.max(self.systems.server_time(system, at));
        }
        let link = self.link_on(op.sync, op.arm, op.side, id.as_str())?;
        let stamp =
            link.and_then(|link| if op.side == Side::Left { link.left_stamp } else { link.right_stamp });
        let ours = last.plus(SETTLING).max(stamp.unwrap_or_default());
        let since = modified.filter(|at| *at > ours);
        if let Some(at) = since {
            return Ok(Some(format!("somebody changed it at {at}")));
        }
        let Some(record) = self.world.get(op.object, id) else { return Ok(None) };
        let changed = op.fields.iter().find(|sent| {
            let got = named(self.plan(), op.object, record, &sent.field);
            let ty = self.field_type(op.object, &sent.field);
            let new = sent.after.as_text().is_some_and(|text| Ref::parse_new(text).is_some());
            !new && got.is_some_and(|got| !stored_as(ty.as_ref(), &sent.after, got))
        });
        // Our own later runs may have changed it; then its value is not what this run made.
        Ok(changed.map(|sent| format!("{} changed since", sent.field)))
    }

    fn undo_updates(
        &self,
        done: &[(Op, RecordId, Millis)],
        archived: &BTreeSet<(ObjectId, RecordId)>,
        ops: &mut Vec<Op>,
        left_alone: &mut Vec<LeftAlone>,
    ) -> EngineResult<()> {
        let mut back: BTreeMap<(ObjectId, RecordId), BTreeMap<String, Back>> = BTreeMap::new();
        for (op, id, _) in done.iter().filter(|(op, ..)| op.kind == OpKind::Update) {
            if archived.contains(&(op.object, id.clone())) {
                continue;
            }
            let fields = back.entry((op.object, id.clone())).or_default();
            for sent in &op.fields {
                match fields.get_mut(&sent.field) {
                    // The run wrote it twice: the way back goes through both.
                    Some(known) => known.restore = sent.before.clone(),
                    None => {
                        let (expected, restore) = (sent.after.clone(), sent.before.clone());
                        let entry = Back { expected, restore, row: sent.row.clone(), op: op.clone() };
                        fields.insert(sent.field.clone(), entry);
                    }
                }
            }
        }
        for ((object, id), fields) in back {
            let Some(record) = self.world.get(object, &id).filter(|record| record.life == Life::Live) else {
                if let Some(first) = fields.values().next() {
                    left_alone.push(self.alone(&first.op, &id, "", "the record is gone".into()));
                }
                continue;
            };
            let mut undone: Option<Op> = None;
            for (field, way) in fields {
                let ty = self.field_type(object, &field);
                let now = named(self.plan(), object, record, &field).cloned().unwrap_or(Value::Null);
                if stored_as(ty.as_ref(), &way.restore, &now) {
                    continue;
                }
                if !stored_as(ty.as_ref(), &way.expected, &now) {
                    let why = format!("changed since: it holds \"{now}\" now");
                    left_alone.push(self.alone(&way.op, &id, &field, why));
                    continue;
                }
                let mut sent = self.sent_back(&way, &field, now)?;
                let own = undone.as_ref().unwrap_or(&way.op);
                if sent.via.as_deref() == Some(&own_pair(own)) {
                    sent.via = None;
                }
                let op = undone.get_or_insert_with(|| Op {
                    record: Ref::Known(id.clone()),
                    fields: Vec::new(),
                    associations: BTreeMap::new(),
                    stamp: record.modified,
                    reason: "undo".to_owned(),
                    ..way.op.clone()
                });
                op.fields.push(sent);
            }
            ops.extend(undone);
        }
        Ok(())
    }

    /// The write that restores a field. The other side's agreed value stays what it was, so that the next run finds
    /// nothing changed there.
    fn sent_back(&self, way: &Back, field: &str, now: Value) -> EngineResult<Sent> {
        let original = way.op.fields.iter().find(|sent| sent.field == field);
        let via = original.and_then(|sent| sent.via.as_deref().cloned()).unwrap_or_else(|| own_pair(&way.op));
        let link = match via.link {
            0 => {
                let source = self.resolve(&via.source)?;
                let found = source.map(|id| self.link_on(via.sync, via.arm, via.side.other(), id.as_str()));
                found.transpose()?.flatten()
            }
            number => self.store().link(number)?,
        };
        let base = way.row.as_ref().and_then(|row| link.as_ref()?.bases.rows.get(row));
        let agreed = base.map(|(left, right)| if via.side == Side::Right { left } else { right }.clone());
        Ok(Sent {
            row: way.row.clone(),
            field: field.to_owned(),
            before: now,
            after: way.restore.clone(),
            source: agreed.or_else(|| original.map(|sent| sent.source.clone())).unwrap_or(Value::Null),
            source_field: String::new(),
            rule: "undo".to_owned(),
            conflict: false,
            loses_edit: false,
            via: Some(Box::new(via)),
            ahead: false,
            undone: Some(way.expected.clone()),
        })
    }

    fn undo_associations(
        &self,
        done: &[(Op, RecordId, Millis)],
        archived: &BTreeSet<(ObjectId, RecordId)>,
        ops: &mut Vec<Op>,
        left_alone: &mut Vec<LeftAlone>,
    ) -> EngineResult<()> {
        for (op, id, _) in done {
            let OpKind::Associate(action) = op.kind else { continue };
            let Some((far, Ref::Known(to))) = &op.to else { continue };
            if archived.contains(&(op.object, id.clone())) || archived.contains(&(*far, to.clone())) {
                continue;
            }
            let record = self.world.get(op.object, id);
            let there = record
                .and_then(|record| record.associations.get(&op.key))
                .map(|all| all.iter().any(|known| known.to == *to));
            let removes = action == AssociateAction::Remove;
            if there == Some(removes) || there.is_none() {
                left_alone.push(self.alone(op, id, &op.association, "changed since".into()));
                continue;
            }
            let back = if removes { AssociateAction::Add } else { AssociateAction::Remove };
            ops.push(Op {
                kind: OpKind::Associate(back),
                record: Ref::Known(id.clone()),
                reason: "undo".to_owned(),
                ..op.clone()
            });
        }
        Ok(())
    }
}

/// The pair that an operation itself belongs to.
fn own_pair(op: &Op) -> Via {
    Via { sync: op.sync, arm: op.arm, side: op.side, source: op.source.clone(), link: op.link }
}
