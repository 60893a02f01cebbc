//! Records that go to the recycle bin, when everything else of a run is done.
//!
//! Salesforce deletes the contacts and opportunities of an account along with it. So what moves to another account, or
//! away from this one, moves first; and what still hangs on a record keeps it from being archived.
//!
//! Invariant: of the objects of the plan no record goes because another one does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::Draft;
use super::error::EngineResult;
use super::execute::{ARCHIVE, Again, Batches};
use super::ops::{Op, OpKind};
use super::report::{Failure, RunReport};
use super::session::Session;
use crate::connect::remote::{FieldSpec, Reply, Request};
use crate::plan::ir::{AssociationEnd, ObjectId, SyncId};
use crate::record::{Record, RecordId};
use crate::schema::{FieldType, SystemKind};
use crate::value::Value;

/// A lookup field by which records of an object hang on those of another one, in one CRM.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Lookup {
    object: ObjectId,
    field: Arc<str>,
}

impl Session<'_> {
    /// Puts archives off to the end of the run, and gives the other operations. Until then their sources stay due.
    pub(super) fn put_off_archives(&mut self, ops: Vec<Op>, draft: &mut Draft) -> EngineResult<Vec<Op>> {
        if self.ablation().archive_early {
            return Ok(ops);
        }
        let (archives, others): (Vec<Op>, Vec<Op>) =
            ops.into_iter().partition(|op| op.kind == OpKind::Archive);
        for op in &archives {
            draft.unfinished.extend(self.origin(op)?);
        }
        self.archives.extend(archives);
        Ok(others)
    }

    /// Does what was put off: what hangs on others before what they hang on. Gives the sources that are dealt with.
    pub(super) async fn archive_last(
        &mut self,
        report: &mut RunReport,
    ) -> EngineResult<Vec<(ObjectId, RecordId)>> {
        let mut finished = Vec::new();
        let mut groups: BTreeMap<(Reverse<SyncId>, ObjectId), Vec<Op>> = BTreeMap::new();
        for op in std::mem::take(&mut self.archives) {
            groups.entry((Reverse(op.sync), op.object)).or_default().push(op);
        }
        let (mut draft, mut again, mut late) = (Draft::default(), Again::new(), Vec::new());
        for ((_, object), ops) in groups {
            let what = format!("archiving {}.{}", self.system_name(object), self.object_name(object));
            self.deps.progress.stage(&what, ops.len() as u64);
            let origins = ops.iter().map(|op| self.origin(op)).collect::<EngineResult<Vec<_>>>()?;
            let (size, together) = self.batch_size(object, ARCHIVE, ops.len())?;
            for ops in ops.chunks(size * together) {
                self.check_stop()?;
                let free = self.free_of_others(object, ops, &mut draft, report).await?;
                let all = Batches { object, size, ops: &free };
                self.batches(all, &mut late, &mut again, &mut draft, report).await?;
                self.deps.progress.step(ops.len() as u64);
            }
            let done = origins.into_iter().flatten();
            let done = done.filter(|origin| !draft.unfinished.contains(origin) && !again.contains(origin));
            finished.extend(done);
        }
        Ok(finished)
    }

    /// Those whose record nothing hangs on; the others wait, and it is said why.
    async fn free_of_others(
        &self,
        object: ObjectId,
        ops: &[Op],
        draft: &mut Draft,
        report: &mut RunReport,
    ) -> EngineResult<Vec<Op>> {
        let ids: Vec<&RecordId> = ops.iter().filter_map(|op| op.record.known()).collect();
        let mut clinging = self.clinging(object, &ids).await?;
        // A request that may still land may hang something on the record.
        for open in self.store().open_intents()? {
            let text = open.intent.payload.to_string();
            for id in ids.iter().filter(|id| text.contains(&format!("\"{id}\""))) {
                let what = format!("{} {}", open.intent.object, open.intent.record);
                clinging.entry((*id).clone()).or_default().push(what);
            }
        }
        let mut free = Vec::new();
        for op in ops {
            let Some(others) = op.record.known().and_then(|id| clinging.get(id)) else {
                free.push(op.clone());
                continue;
            };
            let origin = self.origin(op)?;
            report.counts.failed += 1;
            report.failures.push(Failure {
                sync: self.sync(op.sync)?.name.clone(),
                system: self.system_name(object).to_owned(),
                object: self.object_name(object).to_owned(),
                record: op.record.known().map(ToString::to_string).unwrap_or_default(),
                source: origin.as_ref().map(|(_, id)| id.to_string()).unwrap_or_default(),
                code: "still-needed".to_owned(),
                message: format!("{} would be deleted with it", others.join(", ")),
            });
            draft.unfinished.extend(origin);
        }
        Ok(free)
    }

    /// Records that a CRM would delete along with these, by the record that they hang on.
    async fn clinging(
        &self,
        object: ObjectId,
        ids: &[&RecordId],
    ) -> EngineResult<BTreeMap<RecordId, Vec<String>>> {
        let mut clinging: BTreeMap<RecordId, Vec<String>> = BTreeMap::new();
        for lookup in self.lookups_to(object) {
            let shape = self.shape(lookup.object)?;
            let remote = self.systems.remote(self.plan(), shape.system)?;
            let field = FieldSpec { name: lookup.field.clone(), ty: FieldType::Text { max: None } };
            let request = Request::Find {
                object: shape.name.clone(),
                field: field.clone(),
                values: ids.iter().map(|id| Value::text(id.as_str())).collect(),
                fields: Arc::new([field]),
                associations: Arc::new([]),
            };
            let Reply::Records { records, .. } = remote.call(request).await? else { continue };
            let ids: BTreeSet<&str> = ids.iter().map(|id| id.as_str()).collect();
            for record in records {
                let name = format!("{} {}", self.object_name(lookup.object), record.id);
                // Of one whose answer leaves out where it hangs nobody knows which of them it is.
                let hangs = |id: &&str| parent(&record).is_none_or(|parent| parent == *id);
                for id in ids.iter().copied().filter(hangs) {
                    clinging.entry(RecordId::new(id)).or_default().push(name.clone());
                }
            }
        }
        Ok(clinging)
    }

    /// Calls that look for what hangs on records of an object, for each batch of archives.
    pub(super) fn looks_before_archive(&self, object: ObjectId) -> usize {
        self.lookups_to(object).len()
    }

    /// Lookups of the plan to records of an object whose CRM deletes what hangs on them.
    fn lookups_to(&self, object: ObjectId) -> BTreeSet<Lookup> {
        let mut found = BTreeSet::new();
        let keeps = self.shape(object).is_ok_and(|shape| shape.kind != SystemKind::Salesforce);
        if keeps || self.ablation().archive_unasked {
            return found;
        }
        for sync in &self.plan().syncs {
            for arm in &sync.arms {
                for association in &arm.associations {
                    let Some(through) = self.plan().sync(association.through) else { continue };
                    let ends = [
                        (sync.left, &association.left, through.left == object),
                        (arm.right, &association.right, through.arms.iter().any(|arm| arm.right == object)),
                    ];
                    for (from, end, leads_there) in ends {
                        let AssociationEnd::Lookup(field) = end else { continue };
                        let Some(name) = self.plan().field_name(from, Some(*field)) else { continue };
                        if leads_there {
                            found.insert(Lookup { object: from, field: name.into() });
                        }
                    }
                }
            }
        }
        found
    }
}

fn parent(record: &Record) -> Option<&str> {
    record.slots.first()?.as_ref()?.as_text()
}
