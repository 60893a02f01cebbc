//! Everything that decides about one record: links, route, filter clauses, rows, holds, the last outcome, and what a
//! run would do with it now. Reads the CRMs, writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::error::EngineResult;
use super::ops::Op;
use super::session::{Deps, Options, Session, object_on};
use super::world::named;
use crate::interp::{Decides, FilterOutcome, RowValue};
use crate::merge::change::{Change, Skip, json as shown};
use crate::plan::ir::{ObjectId, Row, Side, SyncId};
use crate::plan::words::{Reads, fields_read, words};
use crate::record::{Life, Record, RecordId};
use crate::state::{Hold, Link, LinkState};
use crate::value::Value;

#[derive(Debug, Serialize)]
pub struct Why {
    pub format_version: &'static str,
    pub system: String,
    pub object: String,
    pub record: String,
    /// `live`, `deleted`, `merged`, `converted`.
    pub life: &'static str,
    pub syncs: Vec<WhySync>,
    /// The records that are the same thing, itself among them, where syncs connect more than two systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<WhySide>,
    /// What a run would write now because of this record.
    pub changes: Vec<Change>,
    /// Why it would leave it, or its counterpart, alone.
    pub skips: Vec<Skip>,
    pub holds: Vec<Hold>,
    /// When it is looked at next; `None` = when it changes.
    pub next: Option<Next>,
    pub last: Option<Last>,
}

#[derive(Debug, Serialize)]
pub struct WhySide {
    pub system: String,
    pub object: String,
    pub record: String,
}

#[derive(Debug, Serialize)]
pub struct Next {
    /// In the past or 0 = at the next run.
    pub not_before: String,
    pub attempts: u32,
    pub error: String,
}

/// The last operation on the record.
#[derive(Debug, Serialize)]
pub struct Last {
    pub run: String,
    pub kind: String,
    pub result: String,
    pub detail: String,
    pub at: String,
}

#[derive(Debug, Serialize)]
pub struct WhySync {
    pub sync: String,
    pub side: Side,
    /// The object at the other end.
    pub counterpart_object: String,
    pub link: Option<WhyLink>,
    pub filter: Vec<Clause>,
    /// `in`, `out`, `unclear`.
    pub passes: &'static str,
    /// Whether a missing counterpart is made: `yes`, or the stable word of what forbids it.
    pub create: &'static str,
    /// The vetoes, and the parts of the rule that may make one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub creation: Vec<Rule>,
    pub rows: Vec<WhyRow>,
}

#[derive(Debug, Serialize)]
pub struct WhyLink {
    pub state: &'static str,
    pub counterpart: String,
    pub reason: String,
    pub run: String,
}

/// One and-ed part of a filter.
#[derive(Debug, Serialize)]
pub struct Clause {
    pub clause: String,
    pub values: BTreeMap<String, Json>,
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A veto, or one of the or-ed parts of a `create` rule.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// `veto` or `create`.
    pub kind: &'static str,
    pub rule: String,
    /// Whether it is true of this record.
    pub holds: bool,
}

/// Both values of a row, the agreed ones, and what each side would send.
#[derive(Debug, Serialize)]
pub struct WhyRow {
    pub row: String,
    pub at: String,
    pub left: Json,
    pub right: Json,
    pub base: Option<[Json; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_right: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_left: Option<Json>,
}

/// What is known of a record id among the objects that it may be of; nothing when no CRM shows it.
pub async fn why(deps: &Deps<'_>, objects: &[ObjectId], id: &RecordId) -> EngineResult<Vec<Why>> {
    // Syncs that share its thing with the others belong to it as well.
    let everything = Options::default();
    let groups = Session::new(deps, &everything, "why".to_owned())?.groups;
    let takes_part = |id: &SyncId, object: ObjectId| {
        let found = deps.plan.sync(*id);
        found.is_some_and(|sync| sync.left == object || sync.arms.iter().any(|arm| arm.right == object))
    };
    let taking_part = |object: &ObjectId| {
        let with = groups.iter().filter(|group| group.iter().any(|id| takes_part(id, *object)));
        let mut syncs: Vec<SyncId> = with.flatten().copied().collect();
        syncs.sort();
        syncs
    };
    let mut all = Vec::new();
    for object in objects {
        let options = Options { syncs: taking_part(object), ..Options::default() };
        let mut session = Session::new(deps, &options, "why".to_owned())?;
        session.identify().await?;
        session.load_owners().await?;
        session.read(*object, [id.clone()]).await?;
        if session.world.get(*object, id).is_some() {
            all.push(session.explain(*object, id).await?);
        }
    }
    Ok(all)
}

impl Session<'_> {
    async fn explain(&mut self, object: ObjectId, id: &RecordId) -> EngineResult<Why> {
        let dirty = BTreeMap::from([(object, BTreeSet::from([id.clone()]))]);
        let mut draft = self.draft(&self.groups.clone(), &dirty).await?;
        self.tell_waiting(dirty.keys(), &mut draft)?;
        let set = self.describe(&draft)?;
        let mut syncs = Vec::new();
        if !self.options.syncs.is_empty() {
            for sync in self.chosen() {
                syncs.extend(self.explain_sync(sync, object, id)?);
            }
        }
        let sides = self.sides_of(object, id)?;
        let (system, name) = (self.system_name(object).to_owned(), self.object_name(object).to_owned());
        let is = |at: (&str, &str, &str)| at == (system.as_str(), name.as_str(), id.as_str());
        let mut holds = self.store().holds()?;
        holds.retain(|hold| is((&hold.system, &hold.object, &hold.record)));
        let inbox = self.store().inbox()?;
        let next = inbox.into_iter().find(|one| is((&one.system, &one.object, &one.record)));
        let life = match self.world.get(object, id).map(|record| &record.life) {
            Some(Life::Live) | None => "live",
            Some(Life::Deleted) => "deleted",
            Some(Life::MergedInto(_)) => "merged",
            Some(Life::Converted { .. }) => "converted",
        };
        Ok(Why {
            format_version: "1",
            life,
            syncs,
            sides,
            changes: set.changes,
            skips: set.skips,
            holds,
            next: next.map(|one| Next {
                not_before: one.not_before.to_string(),
                attempts: one.attempts,
                error: one.error,
            }),
            last: self.last_of(&system, &name, id)?,
            system,
            object: name,
            record: id.to_string(),
        })
    }

    fn sides_of(&self, object: ObjectId, id: &RecordId) -> EngineResult<Vec<WhySide>> {
        let takes_part = |group: &&Vec<SyncId>| {
            let here = |sync: &crate::plan::ir::Sync| {
                sync.left == object || sync.arms.iter().any(|arm| arm.right == object)
            };
            group.len() > 1 && group.iter().filter_map(|id| self.plan().sync(*id)).any(here)
        };
        let Some(group) = self.groups.iter().find(takes_part) else { return Ok(Vec::new()) };
        let side = |(object, id): (ObjectId, RecordId)| WhySide {
            system: self.system_name(object).to_owned(),
            object: self.object_name(object).to_owned(),
            record: id.to_string(),
        };
        let thing = self.thing(group, &(object, id.clone()))?;
        let real = thing.into_iter().filter(|(_, id)| super::ops::Ref::parse_new(id.as_str()).is_none());
        Ok(real.map(side).collect())
    }

    fn last_of(&self, system: &str, object: &str, id: &RecordId) -> EngineResult<Option<Last>> {
        let entries = self.store().intents_on(system, object, id.as_str())?;
        let Some(entry) = entries.into_iter().next_back() else { return Ok(None) };
        let op: Option<Op> = serde_json::from_value(entry.intent.payload).ok();
        Ok(Some(Last {
            run: entry.intent.run,
            kind: op.map_or("forgotten".to_owned(), |op| op.reason),
            result: if entry.result.is_empty() { "unknown".to_owned() } else { entry.result },
            detail: entry.detail,
            at: entry.intent.issued.to_string(),
        }))
    }

    fn explain_sync(&self, id: SyncId, object: ObjectId, record: &RecordId) -> EngineResult<Vec<WhySync>> {
        let sync = self.sync(id)?;
        let mut all = Vec::new();
        let arms: Vec<(usize, Side)> = if sync.left == object {
            let found = self.world.get(object, record);
            let routed = match found {
                Some(found) => self.program(id)?.route(&self.facts(), found),
                None => None,
            };
            vec![(routed.unwrap_or(0), Side::Left)]
        } else {
            let arms = sync.arms.iter().enumerate().filter(|(_, arm)| arm.right == object);
            arms.map(|(index, _)| (index, Side::Right)).collect()
        };
        for (index, side) in arms {
            if let Some(found) = self.world.get(object, record) {
                all.push(self.explain_arm(id, index, side, found)?);
            }
        }
        self.check_trouble()?;
        Ok(all)
    }

    fn explain_arm(&self, id: SyncId, index: usize, side: Side, record: &Record) -> EngineResult<WhySync> {
        let (sync, program, facts) = (self.sync(id)?, self.program(id)?, self.facts());
        let link = self.link_on(id, index, side, record.id.as_str())?;
        // A link says better than the route where the record belongs.
        let own = |link: &Link| sync.arms.iter().position(|arm| self.object_name(arm.right) == link.arm);
        let index = link.as_ref().and_then(own).unwrap_or(index);
        let arm = sync.arms.get(index);
        let there = arm.map_or(sync.left, |arm| object_on(sync, arm, side.other()));
        let other = link.as_ref().map(|link| if side == Side::Left { &link.right } else { &link.left });
        let other = other.and_then(|id| self.world.get(there, &RecordId::new(id.as_str())));
        let (left, right) = match side {
            Side::Left => (Some(record), other),
            Side::Right => (other, Some(record)),
        };
        let rows = arm.into_iter().flat_map(|arm| &arm.rows);
        Ok(WhySync {
            sync: sync.name.clone(),
            side,
            counterpart_object: format!("{}.{}", self.system_name(there), self.object_name(there)),
            filter: self.clauses(id, index, side, record)?,
            passes: verdict(&program.filter(&facts, side, record)).0,
            create: program.may_create(&facts, side.other(), record).err().unwrap_or("yes"),
            creation: self.creation(id, index, side, record)?,
            rows: rows.map(|row| self.explain_row(id, index, row, left, right, link.as_ref())).collect(),
            link: link.map(|link| WhyLink {
                state: link.state.word(),
                counterpart: if side == Side::Left { link.right.clone() } else { link.left.clone() },
                reason: link.reason,
                run: link.run,
            }),
        })
    }

    fn creation(&self, id: SyncId, arm: usize, side: Side, record: &Record) -> EngineResult<Vec<Rule>> {
        let sync = self.sync(id)?;
        let right = sync.arms.get(arm).map_or(sync.left, |arm| arm.right);
        let reads = Reads { plan: self.plan(), left: sync.left, right };
        let found = self.program(id)?.creation(&self.facts(), side.other(), record);
        let rule = |(decides, expr, outcome): (Decides, _, FilterOutcome)| Rule {
            kind: if decides == Decides::Veto { "veto" } else { "create" },
            rule: words(reads, expr),
            holds: outcome == FilterOutcome::In,
        };
        Ok(found.into_iter().map(rule).collect())
    }

    fn clauses(&self, id: SyncId, arm: usize, side: Side, record: &Record) -> EngineResult<Vec<Clause>> {
        let sync = self.sync(id)?;
        let right = sync.arms.get(arm).map_or(sync.left, |arm| arm.right);
        let reads = Reads { plan: self.plan(), left: sync.left, right };
        let found = self.program(id)?.clauses(&self.facts(), side, record);
        let object = if side == Side::Left { sync.left } else { right };
        Ok(found
            .into_iter()
            .map(|(expr, outcome)| {
                let (verdict, detail) = verdict(&outcome);
                let names = fields_read(reads, expr);
                let value =
                    |name: &String| named(self.plan(), object, record, name).map_or(Json::Null, shown);
                Clause {
                    clause: words(reads, expr),
                    values: names.into_iter().map(|name| (name.clone(), value(&name))).collect(),
                    verdict,
                    detail,
                }
            })
            .collect())
    }

    fn explain_row(
        &self,
        id: SyncId,
        arm: usize,
        row: &Row,
        left: Option<&Record>,
        right: Option<&Record>,
        link: Option<&Link>,
    ) -> WhyRow {
        let facts = self.facts();
        let slot = |record: Option<&Record>, field: Option<crate::plan::ir::FieldId>| {
            let value: Option<&Value> =
                record.zip(field).and_then(|(record, field)| record.slot(field.index()));
            value.map_or(Json::Null, shown)
        };
        let sends = |to: Side| {
            let (source, target) = if to == Side::Right { (left, right) } else { (right, left) };
            let transfer = if to == Side::Right { &row.to_right } else { &row.to_left };
            let (source, _) = source.zip(transfer.as_ref())?;
            let program = self.program(id).ok()?;
            let arm = program.sync.arms.get(arm)?;
            Some(match program.transfer(&facts, row, arm, to, source, target) {
                RowValue::Value(value) => json!({ "value": shown(&value) }),
                RowValue::Skip(why) => json!({ "skip": why }),
                RowValue::SkipRecord(why) => json!({ "skip_record": why }),
                RowValue::Hold(why) => json!({ "hold": why }),
                RowValue::Fail(why) => json!({ "fail": why }),
            })
        };
        let base = link.filter(|link| link.state == LinkState::Live);
        let base = base.and_then(|link| link.bases.rows.get(&row.id));
        WhyRow {
            row: row.text.clone(),
            at: row.at.clone(),
            left: slot(left, row.left),
            right: slot(right, row.right),
            base: base.map(|(left, right)| [shown(left), shown(right)]),
            to_right: sends(Side::Right),
            to_left: sends(Side::Left),
        }
    }
}

fn verdict(outcome: &FilterOutcome) -> (&'static str, String) {
    match outcome {
        FilterOutcome::In => ("in", String::new()),
        FilterOutcome::Out => ("out", String::new()),
        FilterOutcome::Unclear(why) => ("unclear", why.clone()),
    }
}
