//! `start: new`: what was there before a sync started stays out of it until a mapped field changes, or until somebody
//! imports it by name.
//!
//! Invariant: only the first listing of a sync remembers records; what is made later is never among them.

use std::collections::BTreeSet;

use super::error::{EngineError, EngineResult};
use super::report::{Counts, RunOutcome};
use super::session::{Deps, Only, Options, Session};
use crate::plan::ir::{Expr, FieldId, ObjectId, Side, Start, SyncId};
use crate::plan::words::visit;
use crate::record::{Record, RecordId};

/// How far an import is, after each of its portions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Records that take part now.
    pub synced: u64,
    /// Records that were there before the sync started and still stay out.
    pub remaining: u64,
    pub portions: u64,
    pub counts: Counts,
    pub partial: bool,
}

/// Imports every record of an object that was there before its sync started, `portion` records a run. What is done stays
/// done: an import that is stopped goes on where it was.
///
/// # Errors
/// Those of a run; `tell` has heard before how far it came.
pub async fn import_all(
    deps: &Deps<'_>,
    (sync, object, place): (SyncId, ObjectId, &str),
    portion: u64,
    tell: &mut dyn FnMut(&Imported),
) -> EngineResult<()> {
    let name = deps.plan.sync(sync).map(|sync| sync.name.clone());
    let name = name.ok_or_else(|| EngineError::Plan(format!("sync {} does not exist", sync.0)))?;
    let mut done =
        Imported { synced: 0, remaining: 0, portions: 0, counts: Counts::default(), partial: false };
    // The first run of a sync finds out what was there before.
    if deps.store.meta(&format!("activated:{name}"))?.is_none() {
        import(deps, sync, Vec::new(), &mut done).await?;
    }
    done.remaining = deps.store.older_count(&name, place)?;
    tell(&done);
    loop {
        let ids = deps.store.older(&name, place, portion)?;
        if ids.is_empty() {
            return Ok(());
        }
        let records: Vec<(ObjectId, RecordId)> =
            ids.into_iter().map(|id| (object, RecordId::new(id))).collect();
        let count = records.len() as u64;
        import(deps, sync, records, &mut done).await?;
        done.synced += count;
        done.remaining = deps.store.older_count(&name, place)?;
        done.portions += 1;
        tell(&done);
    }
}

async fn import(
    deps: &Deps<'_>,
    sync: SyncId,
    records: Vec<(ObjectId, RecordId)>,
    done: &mut Imported,
) -> EngineResult<()> {
    let options = Options { syncs: vec![sync], only: Only::Records(records), ..Options::default() };
    let report = super::run::run(deps, &options, "import", None).await?;
    done.counts.add(&report.counts);
    done.partial |= report.outcome != RunOutcome::Ok;
    Ok(())
}

impl Session<'_> {
    /// Remembers a record that the first listing shows.
    pub(super) fn keep_older(
        &self,
        sync: SyncId,
        arm: Option<usize>,
        side: Side,
        object: ObjectId,
        id: &RecordId,
    ) -> EngineResult<()> {
        let Some(record) = self.world.get(object, id) else { return Ok(()) };
        let place = self.place(sync, arm.unwrap_or(0), side)?;
        let mark = self.mark(sync, side, object, record)?;
        Ok(self.store().put_older(&self.sync(sync)?.name, place, id.as_str(), &mark)?)
    }

    /// Whether the record was there before the sync started and has the same mapped values since.
    pub(super) fn is_older(
        &self,
        sync: SyncId,
        arm: usize,
        side: Side,
        object: ObjectId,
        record: &Record,
    ) -> EngineResult<bool> {
        let found = self.sync(sync)?;
        if found.start == Start::All || self.is_asked_for(object, &record.id) {
            return Ok(false);
        }
        let place = self.place(sync, arm, side)?;
        let Some(known) = self.store().older_mark(&found.name, place, record.id.as_str())? else {
            return Ok(false);
        };
        if known == self.mark(sync, side, object, record)? {
            return Ok(true);
        }
        self.store().forget_older(&found.name, place, record.id.as_str())?;
        Ok(false)
    }

    /// A fingerprint of what the rows of the sync take from this side of the record.
    fn mark(&self, sync: SyncId, side: Side, object: ObjectId, record: &Record) -> EngineResult<String> {
        let found = self.sync(sync)?;
        let arms = found.arms.iter().filter(|arm| side == Side::Left || arm.right == object);
        let mut fields: BTreeSet<FieldId> = BTreeSet::new();
        for row in arms.flat_map(|arm| &arm.rows) {
            let transfer = if side == Side::Left { &row.to_right } else { &row.to_left };
            if let Some(transfer) = transfer {
                visit(&transfer.expr, &mut |part| {
                    if let Expr::Field { side: at, field } = part
                        && *at == side
                    {
                        fields.insert(*field);
                    }
                });
            }
        }
        let mut hasher = blake3::Hasher::new();
        for field in fields {
            let value = record.slot(field.index()).map(ToString::to_string);
            hasher.update(serde_json::json!([field, value]).to_string().as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string().chars().take(16).collect())
    }
}
