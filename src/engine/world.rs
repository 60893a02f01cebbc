//! The records that a run has read, each once, in the shape that the plan asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::{EngineError, EngineResult};
use crate::connect::remote::{FieldSpec, Identity, Remote, Reply, Request};
use crate::plan::ir::{ObjectId, SyncPlan, SystemId};
use crate::record::{Life, Record, RecordId};
use crate::schema::SystemKind;
use crate::schema::model::Owner;
use crate::state::{Spill, StateResult};
use crate::value::{Millis, Value};

/// How records of one object are asked for.
#[derive(Debug, Clone)]
pub struct Shape {
    pub system: SystemId,
    pub kind: SystemKind,
    pub name: Arc<str>,
    pub fields: Arc<[FieldSpec]>,
    pub associations: Arc<[Arc<str>]>,
}

/// The connections of a run, in the order of the plan's systems.
pub struct Systems<'r> {
    pub remotes: Vec<Option<&'r dyn Remote>>,
    /// Who and where we are, by system; filled by `identify`.
    pub identities: Vec<Option<Identity>>,
    pub owners: Vec<Vec<Owner>>,
    /// Server time minus our own, in milliseconds, by system.
    pub offsets: Vec<i64>,
    /// How wrong those may be beyond the second in which servers tell the time.
    pub errors: Vec<i64>,
}

/// A record in memory, and whether the file of what was put aside has it as it is.
#[derive(Debug)]
struct Held {
    record: Record,
    aside: bool,
}

#[derive(Debug, Default)]
pub struct World {
    records: BTreeMap<(ObjectId, RecordId), Held>,
    /// What was read and is not needed now; [`World::unread`] takes it back.
    pub spill: Spill,
    /// Asked for and not shown by the CRM.
    missing: BTreeSet<(ObjectId, RecordId)>,
    /// Deleted, on positive evidence.
    pub deleted: BTreeSet<(ObjectId, RecordId)>,
    pub read: u64,
}

pub fn shapes(plan: &SyncPlan) -> Vec<Shape> {
    plan.objects
        .iter()
        .map(|object| Shape {
            system: object.system,
            kind: plan.system(object.system).map_or(SystemKind::File, |system| system.kind),
            name: object.name.as_str().into(),
            fields: object
                .fields
                .iter()
                .map(|field| FieldSpec { name: field.name.as_str().into(), ty: field.ty.clone() })
                .collect(),
            associations: object.associations.iter().map(|key| key.as_str().into()).collect(),
        })
        .collect()
}

impl<'r> Systems<'r> {
    pub fn remote(&self, plan: &SyncPlan, id: SystemId) -> EngineResult<&'r dyn Remote> {
        self.remotes.get(id.index()).copied().flatten().ok_or_else(|| {
            let name = plan.system(id).map_or("?", |system| system.name.as_str());
            EngineError::Plan(format!("there is no connection to `{name}`"))
        })
    }

    pub fn server_time(&self, id: SystemId, now: Millis) -> Millis {
        now.plus(self.offsets.get(id.index()).copied().unwrap_or(0))
    }

    pub fn account(&self, id: SystemId) -> &str {
        self.identities.get(id.index()).and_then(Option::as_ref).map_or("", |who| who.account.as_str())
    }
}

impl World {
    pub fn get(&self, object: ObjectId, id: &RecordId) -> Option<&Record> {
        self.records.get(&(object, id.clone())).map(|held| &held.record)
    }

    pub fn put(&mut self, object: ObjectId, record: Record) {
        self.missing.remove(&(object, record.id.clone()));
        self.records.insert((object, record.id.clone()), Held { record, aside: false });
    }

    /// What was read of one object.
    pub fn of(&self, object: ObjectId) -> impl Iterator<Item = &Record> {
        // The empty id comes before every other one.
        let from = self.records.range((object, RecordId::new(""))..);
        from.take_while(move |((at, _), _)| *at == object).map(|(_, held)| &held.record)
    }

    pub fn forget(&mut self, object: ObjectId, id: &RecordId) -> StateResult<()> {
        let key = (object, id.clone());
        self.records.remove(&key);
        self.missing.remove(&key);
        self.spill.forget(object.0, id.as_str())
    }

    /// Puts aside everything that was read: what is asked for again is taken from there instead of being read anew.
    pub fn set_aside(&mut self) -> StateResult<()> {
        for ((object, id), held) in std::mem::take(&mut self.records) {
            if !held.aside {
                self.spill.put(object.0, id.as_str(), &held.record)?;
            }
        }
        Ok(())
    }

    /// How many records are in memory.
    pub fn held(&self) -> usize {
        self.records.len()
    }

    /// Ids under an association key of every record of an object.
    pub fn associated(&self, object: ObjectId, key: &str) -> BTreeSet<RecordId> {
        let all = self.of(object).filter_map(|record| record.associations.get(key));
        all.flatten().map(|association| association.to.clone()).collect()
    }

    /// Whether there is evidence that a record was deleted.
    pub fn is_gone(&self, object: ObjectId, id: &RecordId) -> bool {
        self.deleted.contains(&(object, id.clone()))
            || self.get(object, id).is_some_and(|record| record.life == Life::Deleted)
    }

    pub fn is_missing(&self, object: ObjectId, id: &RecordId) -> bool {
        self.missing.contains(&(object, id.clone()))
    }

    /// Those of `ids` that were neither read nor found missing. Those that were put aside are taken back.
    pub fn unread(
        &mut self,
        object: ObjectId,
        ids: impl IntoIterator<Item = RecordId>,
    ) -> StateResult<Vec<RecordId>> {
        let wanted: BTreeSet<RecordId> = ids.into_iter().collect();
        let mut unread = Vec::new();
        for id in wanted {
            let key = (object, id);
            if self.records.contains_key(&key) || self.missing.contains(&key) {
                continue;
            }
            match self.spill.get(object.0, key.1.as_str())? {
                Some(record) => {
                    self.records.insert(key, Held { record, aside: true });
                }
                None => unread.push(key.1),
            }
        }
        Ok(unread)
    }

    /// Keeps an answer to a read by id; what was asked for and is not in it is missing.
    pub fn take(&mut self, object: ObjectId, asked: &[RecordId], records: Vec<Record>) {
        self.read += records.len() as u64;
        let mut open: BTreeSet<&RecordId> = asked.iter().collect();
        for record in &records {
            open.remove(&record.id);
        }
        for id in open {
            self.missing.insert((object, id.clone()));
        }
        for record in records {
            self.put(object, record);
        }
    }
}

/// A portion of ids that were asked for, and the records that came.
pub type Portion = (Vec<RecordId>, Vec<Record>);

/// Reads records by id in portions.
pub async fn read(
    plan: &SyncPlan,
    systems: &Systems<'_>,
    shapes: &[Shape],
    object: ObjectId,
    ids: Vec<RecordId>,
    history: Arc<[Arc<str>]>,
) -> EngineResult<Vec<Portion>> {
    let Some(shape) = shapes.get(object.index()) else {
        return Err(EngineError::Plan(format!("object {} does not exist", object.0)));
    };
    let remote = systems.remote(plan, shape.system)?;
    let mut portions = Vec::new();
    for portion in ids.chunks(2_000) {
        let request = Request::Read {
            object: shape.name.clone(),
            ids: portion.to_vec(),
            fields: shape.fields.clone(),
            associations: shape.associations.clone(),
            history: history.clone(),
        };
        if let Reply::Records { records, .. } = remote.call(request).await? {
            portions.push((portion.to_vec(), records));
        }
    }
    Ok(portions)
}

/// A value of a record by field name.
pub fn named<'w>(plan: &SyncPlan, object: ObjectId, record: &'w Record, field: &str) -> Option<&'w Value> {
    let index = plan.object(object)?.fields.iter().position(|known| known.name == field)?;
    record.slot(index)
}
