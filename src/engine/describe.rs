//! Operations as the change set that people read and approve: risky things first, stable numbers, predicted calls.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::error::EngineResult;
use super::execute::{ARCHIVE, ASSOCIATE, ASSOCIATIONS, CREATE, LARGE_BATCH, MANY_CREATES, UPDATE, stage};
use super::ops::{Op, OpKind};
use super::session::Session;
use crate::connect::remote::AssociateAction;
use crate::merge::Action;
use crate::merge::change::{self, Change, ChangeSet, Cost, FieldChange, Frame, Summary};
use crate::merge::guard::{Tally, broken_policies, passed_limits};
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::schema::SystemKind;

impl Session<'_> {
    /// The change set of a draft. Its changes stand in the order of `order`.
    pub fn describe(&self, draft: &Draft) -> EngineResult<ChangeSet> {
        let mut changes = Vec::new();
        for index in order(draft) {
            let Some(op) = draft.ops.get(index) else { continue };
            let mut change = self.change(op)?;
            change.id = format!("c{}", changes.len() + 1);
            changes.push(change);
        }
        let mut tally = Tally::default();
        tally.add(&changes, &draft.skips);
        let stops = self.stops(&tally, &draft.links)?;
        let names = |ids: &[SyncId]| {
            ids.iter().filter_map(|id| self.plan().sync(*id)).map(|sync| sync.name.clone()).collect()
        };
        let mut set = ChangeSet {
            format_version: change::FORMAT_VERSION.to_owned(),
            frame: Frame {
                plan: self.plan_hash().to_owned(),
                state: self.store().version()?,
                accounts: self.accounts(),
                syncs: names(&self.options.syncs),
            },
            summary: Summary::default(),
            changes,
            skips: draft.skips.clone(),
            activities: Vec::new(),
            cost: self.cost(draft),
            stops,
        };
        set.summarise();
        Ok(set)
    }

    /// Guards and policies that forbid what was counted.
    pub(super) fn stops(&self, tally: &Tally, links: &BTreeMap<SyncId, u64>) -> EngineResult<Vec<String>> {
        let mut stops = Vec::new();
        for (id, links) in links {
            stops.extend(passed_limits(self.sync(*id)?, tally, *links));
        }
        stops.extend(broken_policies(&self.plan().policies, &tally.counts()));
        Ok(stops)
    }

    fn change(&self, op: &Op) -> EngineResult<Change> {
        let sync = self.sync(op.sync)?;
        let (system, object) = (self.system_name(op.object), self.object_name(op.object));
        let source_object = match (op.from, op.side) {
            (Some(from), _) => from,
            (None, Side::Right) => sync.left,
            (None, Side::Left) => sync.arms.get(op.arm).map_or(sync.left, |arm| arm.right),
        };
        let place = |object: ObjectId| format!("{}.{}", self.system_name(object), self.object_name(object));
        let fields = op.fields.iter().map(|sent| FieldChange {
            name: sent.field.clone(),
            before: change::json(&sent.before),
            after: change::json(&sent.after),
            origin: if sent.source_field.is_empty() {
                place(source_object)
            } else {
                format!("{}.{}", place(source_object), sent.source_field)
            },
            rule: sent.rule.clone(),
            conflict: sent.conflict,
        });
        let mut fields: Vec<FieldChange> = fields.collect();
        if let Some((to, at)) = &op.to {
            fields.push(FieldChange {
                name: op.association.clone(),
                before: serde_json::Value::Null,
                after: serde_json::Value::String(format!("{} {}", place(*to), at.text())),
                origin: place(source_object),
                rule: "associated on the other side".to_owned(),
                conflict: false,
            });
        }
        Ok(Change {
            id: String::new(),
            sync: sync.name.clone(),
            system: system.to_owned(),
            object: object.to_owned(),
            record: op.record.known().map(ToString::to_string),
            link: (op.link != 0).then(|| op.link.to_string()),
            action: match op.kind {
                OpKind::Create => Action::Create,
                OpKind::Update => Action::Update,
                OpKind::Archive => Action::Delete,
                OpKind::Associate(AssociateAction::Remove) => Action::Dissociate,
                OpKind::Associate(_) => Action::Associate,
            },
            reason: op.reason.clone(),
            source: format!("{} {}", place(source_object), op.source.words()),
            fields,
        })
    }

    /// Calls that an apply will make: batches of writes, their read-backs, and what it took to come here, which an
    /// apply does once more.
    fn cost(&self, draft: &Draft) -> BTreeMap<String, Cost> {
        // As `execute` groups them.
        let mut groups: BTreeMap<(ObjectId, u8, SyncId, &str), usize> = BTreeMap::new();
        for op in &draft.ops {
            *groups.entry((op.object, stage(op.kind), op.sync, op.key.as_str())).or_default() += 1;
        }
        let reading = super::run::calls(self.deps).into_iter().filter(|(_, calls)| *calls > 0);
        let mut cost: BTreeMap<String, Cost> =
            reading.map(|(system, calls)| (system, Cost { calls })).collect();
        for ((object, stage, ..), count) in groups {
            let Ok(shape) = self.shape(object) else { continue };
            let beside = match stage {
                ARCHIVE => self.looks_before_archive(object),
                _ => shape.associations.len(),
            };
            let calls = calls(shape.kind, beside, stage, count);
            cost.entry(self.system_name(object).to_owned()).or_default().calls += calls;
        }
        cost
    }
}

/// Writes of one kind and their read-backs, with a call for each kind of association that is read along; before an
/// archive, for each lookup by which something may hang on the record. What a write
/// meets (a stamp that moved, a refused item) costs more.
fn calls(kind: SystemKind, associations: usize, stage: u8, count: usize) -> u64 {
    let batches = |size: usize| count.div_ceil(size);
    let calls = match (kind, stage) {
        (SystemKind::Hubspot, CREATE) => batches(100) * (2 + associations),
        // Read back with the history of what was written.
        (SystemKind::Hubspot, UPDATE) => batches(100) * (1 + associations) + batches(50),
        (SystemKind::Hubspot, ASSOCIATE) => batches(ASSOCIATIONS),
        (SystemKind::Hubspot, _) => batches(100),
        // A job is made, filled, closed, asked for once and read twice.
        (_, CREATE) if count >= MANY_CREATES => batches(LARGE_BATCH) * (6 + associations) + batches(2_000),
        (_, CREATE) => batches(200) * (2 + associations),
        // Updates have preconditions and go by 25 in a composite.
        (_, UPDATE) => batches(25) + batches(200) * (1 + associations),
        (_, ARCHIVE) => batches(200) * (1 + associations),
        _ => batches(200),
    };
    calls as u64
}

/// Indices of a draft's operations in the order in which people should see them: what may hurt first.
pub fn order(draft: &Draft) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..draft.ops.len()).collect();
    indices.sort_by_key(|index| {
        let op = draft.ops.get(*index);
        op.map(|op| {
            let rank = match op.kind {
                OpKind::Archive => 0,
                _ if op.is_risky() => 1,
                OpKind::Update => 2,
                OpKind::Create => 3,
                OpKind::Associate(_) => 4,
            };
            (rank, op.sync, op.side, op.kind, op.record.clone(), op.to.clone())
        })
    });
    indices
}
