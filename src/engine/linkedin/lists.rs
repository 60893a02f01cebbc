//! Lists of Sales Navigator: what `save_to` names, and what auto-save puts on the lists of deal owners.
//!
//! An entry is a member or company, and stands in a list once; so saving again changes nothing. Only records whose
//! match is certain are saved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::report::ListReport;
use super::{Bridge, NavDeps};
use crate::connect::remote::{Cursor, FieldSpec, Reply, Request};
use crate::connect::salesnav::api::{self, ListName};
use crate::engine::error::EngineResult;
use crate::plan::ir::{CrmSettings, Leave, Side, Sync, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::schema::{FieldType, SystemKind};
use crate::state::{LinkState, Match};
use crate::value::Value;

/// LinkedIn's names of the lists that auto-save keeps.
const MY_LEADS: &str = "Auto-Generated: My CRM Leads and Contacts";
const MY_ACCOUNTS: &str = "Auto-Generated: My CRM Accounts";

/// What a deal says about auto-save.
struct Deal {
    owner: String,
    accounts: Vec<(&'static str, String)>,
    contacts: Vec<(&'static str, String)>,
}

type Entries = BTreeMap<ListName, BTreeSet<(String, String)>>;

impl NavDeps<'_> {
    pub(super) async fn fill_lists(&self, bridge: &Bridge<'_>) -> EngineResult<Vec<ListReport>> {
        let mut wanted = Entries::new();
        let mut unwanted: BTreeMap<ListName, BTreeSet<String>> = BTreeMap::new();
        let plan = self.deps.plan;
        for (index, sync) in plan.syncs.iter().enumerate() {
            let id = SyncId(u32::try_from(index).unwrap_or(u32::MAX));
            self.synced(bridge, id, sync, &mut wanted, &mut unwanted).await?;
        }
        let settings = plan.crm_settings.iter().filter(|item| item.system == bridge.system);
        for item in settings.filter(|item| !item.auto_save.is_empty()) {
            self.auto_saved(bridge, item, &mut wanted).await?;
        }
        let contract = &bridge.link.contract;
        let there = api::lists(bridge.nav, contract).await?;
        let mut reports = Vec::new();
        let names: BTreeSet<ListName> = wanted.keys().chain(unwanted.keys()).cloned().collect();
        let seats = api::seats(bridge.nav, contract).await?;
        for name in names {
            let known = there
                .iter()
                .find(|list| list.name == name.name && list.kind == name.kind && list.seat == name.seat);
            let has = |urn: &str, record: &str| {
                known.and_then(|list| list.entries.get(urn)).is_some_and(|ids| ids.contains(record))
            };
            let empty = BTreeSet::new();
            let all = wanted.get(&name).unwrap_or(&empty);
            let new: Vec<(String, String)> =
                all.iter().filter(|(urn, record)| !has(urn, record)).cloned().collect();
            let kept: BTreeSet<&str> = all.iter().map(|(urn, _)| urn.as_str()).collect();
            // Whoever stands there for records alone that left.
            let left = unwanted.get(&name);
            let gone: Vec<String> = known
                .into_iter()
                .flat_map(|list| &list.entries)
                .filter(|(urn, records)| {
                    let all_left =
                        left.is_some_and(|left| records.iter().all(|record| left.contains(record)));
                    all_left && !records.is_empty() && !kept.contains(urn.as_str())
                })
                .map(|(urn, _)| urn.clone())
                .collect();
            let added = api::save(bridge.nav, contract, &name, &new).await?;
            let removed = match gone.is_empty() {
                true => 0,
                false => api::unsave(bridge.nav, contract, &name, &gone).await?,
            };
            let before = known.map_or(0, |list| list.entries.len() as u64);
            let owner = seats.iter().find(|seat| Some(seat.id) == name.seat);
            reports.push(ListReport {
                list: name.name.clone(),
                kind: name.kind.to_lowercase(),
                owner: owner.map_or(String::new(), |seat| seat.email.clone()),
                added,
                removed,
                entries: before + added - removed.min(before + added),
            });
        }
        Ok(reports)
    }

    /// Linked pairs of a sync with `save_to`: those whose record is still in scope are wanted on the list.
    async fn synced(
        &self,
        bridge: &Bridge<'_>,
        id: SyncId,
        sync: &Sync,
        wanted: &mut Entries,
        unwanted: &mut BTreeMap<ListName, BTreeSet<String>>,
    ) -> EngineResult<()> {
        let (Some(list), Some(arm)) = (&sync.save_to, sync.arms.first()) else { return Ok(()) };
        let plan = self.deps.plan;
        let (Some(left), Some(right)) = (plan.object(sync.left), plan.object(arm.right)) else {
            return Ok(());
        };
        if left.system != bridge.crm || right.system != bridge.system {
            return Ok(());
        }
        let kind = if right.name == "account" { "ACCOUNT" } else { "LEAD" };
        let name = ListName { name: list.clone(), kind, seat: None };
        wanted.entry(name.clone()).or_default();
        let links = self.deps.store.links(&sync.name)?;
        let live = links.iter().filter(|link| link.state == LinkState::Live);
        let ids: Vec<RecordId> = live.map(|link| RecordId::new(link.left.as_str())).collect();
        let outside = self.outside(bridge, id, sync, &ids).await?;
        unwanted.insert(name.clone(), outside.iter().map(ToString::to_string).collect());
        for id in ids.iter().filter(|id| !outside.contains(*id)) {
            let Some(found) = self.deps.store.match_of(bridge.crm_name, &left.name, id.as_str())? else {
                continue;
            };
            let Some(who) = found.who() else { continue };
            wanted.entry(name.clone()).or_default().insert((who.to_owned(), id.to_string()));
        }
        Ok(())
    }

    /// Records that left the filter or are gone; asked for only where leaving means anything.
    async fn outside(
        &self,
        bridge: &Bridge<'_>,
        id: SyncId,
        sync: &Sync,
        ids: &[RecordId],
    ) -> EngineResult<BTreeSet<RecordId>> {
        let mut outside = BTreeSet::new();
        if sync.leave != Leave::Remove || ids.is_empty() {
            return Ok(outside);
        }
        let (Some(object), Some(program)) =
            (self.deps.plan.object(sync.left), crate::interp::SyncProgram::new(self.deps.plan, id))
        else {
            return Ok(outside);
        };
        let fields: Arc<[FieldSpec]> = object
            .fields
            .iter()
            .map(|field| FieldSpec { name: field.name.as_str().into(), ty: field.ty.clone() })
            .collect();
        let (world, lists, pending, trouble) =
            (Default::default(), BTreeMap::new(), BTreeSet::new(), std::cell::RefCell::new(None));
        for chunk in ids.chunks(1_000) {
            let request = Request::Read {
                object: object.name.as_str().into(),
                ids: chunk.to_vec(),
                fields: fields.clone(),
                associations: object.associations.iter().map(|key| key.as_str().into()).collect(),
                history: Arc::new([]),
            };
            let Reply::Records { records, .. } = bridge.remote.call(request).await? else { continue };
            let shown: BTreeMap<&RecordId, &Record> =
                records.iter().map(|record| (&record.id, record)).collect();
            for id in chunk {
                let facts = crate::engine::context::Facts {
                    plan: self.deps.plan,
                    store: self.deps.store,
                    world: &world,
                    lists: &lists,
                    owners: &[],
                    pending: &pending,
                    trouble: &trouble,
                };
                let inside = shown.get(id).is_some_and(|record| {
                    record.life == Life::Live
                        && program.filter(&facts, Side::Left, record) != crate::interp::FilterOutcome::Out
                });
                if !inside {
                    outside.insert(id.clone());
                }
            }
        }
        Ok(outside)
    }

    /// For each open deal past the chosen stage: its account and contacts, on the lists of its owner.
    async fn auto_saved(
        &self,
        bridge: &Bridge<'_>,
        item: &CrmSettings,
        wanted: &mut Entries,
    ) -> EngineResult<()> {
        let seats = api::seats(bridge.nav, &bridge.link.contract).await?;
        let admin = self.admin(bridge.nav, &bridge.link.contract).await?;
        let owners = match bridge.remote.call(Request::Owners).await? {
            Reply::Owners(owners) => owners,
            _ => Vec::new(),
        };
        let seat_of = |owner: &str| {
            let email = owners.iter().find(|known| known.id == owner)?.email.to_lowercase();
            let seat = seats.iter().find(|seat| seat.email.to_lowercase() == email && seat.active)?;
            let on = item.seats.get(&email).copied().unwrap_or(match seat.crm_sync.as_str() {
                "ON" => true,
                "OFF" => false,
                _ => item.all_seats && admin.auto_sync_all_seats,
            });
            on.then_some(seat.id)
        };
        let wants = |what: &str| item.auto_save.iter().any(|word| word == what);
        for deal in self.open_deals(bridge, item).await? {
            let Some(seat) = seat_of(&deal.owner) else { continue };
            let lists = [
                ("account", MY_ACCOUNTS, "ACCOUNT", &deal.accounts),
                ("contact", MY_LEADS, "LEAD", &deal.contacts),
            ];
            for (word, list, kind, records) in lists {
                if !wants(word) {
                    continue;
                }
                let name = ListName { name: list.to_owned(), kind, seat: Some(seat) };
                for (object, record) in records {
                    let found = self.deps.store.match_of(bridge.crm_name, object, record)?;
                    if let Some(who) = found.as_ref().and_then(Match::who) {
                        let entry = (who.to_owned(), record.clone());
                        wanted.entry(name.clone()).or_default().insert(entry);
                    }
                }
            }
        }
        Ok(())
    }

    async fn open_deals(&self, bridge: &Bridge<'_>, item: &CrmSettings) -> EngineResult<Vec<Deal>> {
        let hubspot = bridge.kind == SystemKind::Hubspot;
        let text = |name: &str| FieldSpec { name: name.into(), ty: FieldType::Text { max: None } };
        let (object, fields, associations): (&str, Vec<FieldSpec>, &[&str]) = if hubspot {
            ("deal", vec![text("hubspot_owner_id"), text("dealstage")], &["company", "contact"])
        } else {
            (
                "Opportunity",
                vec![text("OwnerId"), text("StageName"), text("AccountId")],
                &["OpportunityContactRole.ContactId"],
            )
        };
        let (fields, associations): (Arc<[FieldSpec]>, Arc<[Arc<str>]>) =
            (fields.into(), associations.iter().map(|key| Arc::from(*key)).collect());
        let mut deals = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let request = Request::List {
                object: object.into(),
                fields: fields.clone(),
                associations: associations.clone(),
                after: after.take(),
            };
            let Reply::Records { records, next } = bridge.remote.call(request).await? else { break };
            deals.extend(records.iter().filter_map(|record| deal(record, item, hubspot)));
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(deals)
    }
}

fn slot(record: &Record, place: usize) -> Option<String> {
    record.slots.get(place)?.as_ref().filter(|value| !value.is_blank()).map(Value::to_string)
}

/// An open deal past the stage at which it enters the pipeline.
fn deal(record: &Record, item: &CrmSettings, hubspot: bool) -> Option<Deal> {
    let stage = slot(record, 1)?;
    if !past(item, &stage) {
        return None;
    }
    let ends = |key: &str| {
        let all = record.associations.get(key).map_or(&[][..], Vec::as_slice);
        all.iter().map(|end| end.to.to_string()).collect::<Vec<_>>()
    };
    let named = |object: &'static str, ids: Vec<String>| ids.into_iter().map(|id| (object, id)).collect();
    Some(match hubspot {
        true => Deal {
            owner: slot(record, 0)?,
            accounts: named("company", ends("company")),
            contacts: named("contact", ends("contact")),
        },
        false => Deal {
            owner: slot(record, 0)?,
            accounts: named("Account", slot(record, 2).into_iter().collect()),
            contacts: named("Contact", ends("OpportunityContactRole.ContactId")),
        },
    })
}

/// Whether a stage is open and behind the one where deals enter the pipeline; without such a one, just open.
fn past(item: &CrmSettings, stage: &str) -> bool {
    let pipeline = item.stages.iter().find(|pipeline| pipeline.iter().any(|known| known.id == stage));
    let Some(pipeline) = pipeline else { return false };
    let Some(place) = pipeline.iter().position(|known| known.id == stage) else { return false };
    if pipeline.get(place).is_some_and(|known| known.closed) {
        return false;
    }
    match &item.pipeline_entry {
        None => true,
        Some(entry) => {
            pipeline.iter().position(|known| known.id == *entry).is_some_and(|entry| place > entry)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ir::{SettingStage, SystemId};

    #[test]
    fn past_is_behind_the_stage_and_never_closed() {
        let stage = |id: &str, closed| SettingStage { id: id.to_owned(), closed, won: false };
        let mut item = CrmSettings {
            system: SystemId(0),
            crm: SystemId(1),
            all_seats: true,
            seats: BTreeMap::new(),
            pipeline_entry: Some("b".to_owned()),
            won_value: None,
            auto_save: Vec::new(),
            stages: vec![vec![stage("a", false), stage("b", false), stage("c", false), stage("d", true)]],
        };
        let all = |item: &CrmSettings| ["a", "b", "c", "d", "x"].map(|stage| past(item, stage));
        assert_eq!(all(&item), [false, false, true, false, false]);
        item.pipeline_entry = None;
        assert_eq!(all(&item), [true, true, true, false, false]);
    }
}
