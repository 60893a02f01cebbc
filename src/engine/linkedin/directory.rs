//! Whom the CRM knows, for LinkedIn's matching, and the verdicts that come back.
//!
//! Records go out whole once, then as they change; LinkedIn keeps them by their key, so handing one over twice changes
//! nothing. Only matches of high confidence count, or what a person decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::report::MatchReport;
use super::{Bridge, NavDeps};
use crate::connect::remote::{Cursor, FieldSpec, Reply, Request};
use crate::connect::salesnav::api::{self, CrmRecord, Verdict};
use crate::engine::error::EngineResult;
use crate::engine::fetch::OVERLAP;
use crate::plan::ir::Writeback;
use crate::record::{Record, RecordId};
use crate::schema::{FieldType, SystemKind};
use crate::state::Match;
use crate::value::{Millis, Value};

/// The fields that go to LinkedIn: the CRM's name, LinkedIn's.
type Fields = &'static [(&'static str, &'static str)];

const HUBSPOT_PERSON: Fields = &[
    ("firstname", "firstName"),
    ("lastname", "lastName"),
    ("jobtitle", "title"),
    ("company", "companyName"),
    ("country", "country"),
    ("city", "location"),
    ("phone", "phone"),
    ("email", "email"),
];
const HUBSPOT_COMPANY: Fields = &[
    ("name", "companyName"),
    ("domain", "website"),
    ("city", "city"),
    ("country", "country"),
    ("phone", "phone"),
];
const CONTACT: Fields = &[
    ("FirstName", "firstName"),
    ("LastName", "lastName"),
    ("Title", "title"),
    ("MailingCountry", "country"),
    ("MailingCity", "location"),
    ("Phone", "phone"),
    ("Email", "email"),
    ("AccountId", ""),
];
const LEAD: Fields = &[
    ("FirstName", "firstName"),
    ("LastName", "lastName"),
    ("Title", "title"),
    ("Company", "companyName"),
    ("Country", "country"),
    ("City", "location"),
    ("Phone", "phone"),
    ("Email", "email"),
];
const ACCOUNT: Fields = &[
    ("Name", "companyName"),
    ("Website", "website"),
    ("BillingCity", "city"),
    ("BillingCountry", "country"),
    ("Phone", "phone"),
];
const PERSON_ACCOUNT: &str = "IsPersonAccount";
const PAGE: usize = 200;

fn fields_of(object: &str) -> Option<Fields> {
    Some(match object {
        "contact" => HUBSPOT_PERSON,
        "company" => HUBSPOT_COMPANY,
        "Contact" => CONTACT,
        "Lead" => LEAD,
        "Account" => ACCOUNT,
        _ => return None,
    })
}

fn specs(object: &str, fields: Fields) -> Arc<[FieldSpec]> {
    let text = |name: &str| FieldSpec { name: name.into(), ty: FieldType::Text { max: None } };
    let mut specs: Vec<FieldSpec> = fields.iter().map(|(name, _)| text(name)).collect();
    if matches!(object, "Contact" | "Account") {
        specs.push(FieldSpec { name: PERSON_ACCOUNT.into(), ty: FieldType::Bool });
    }
    specs.into()
}

impl NavDeps<'_> {
    /// The objects whose records LinkedIn has to know: what activities hang on, what is synced, what is auto-saved.
    fn directory_objects(&self, bridge: &Bridge<'_>) -> BTreeSet<String> {
        let plan = self.deps.plan;
        let hung_on = |item: &Writeback| item.targets.iter().flat_map(|t| t.on.clone()).collect::<Vec<_>>();
        let back = plan.writebacks.iter().filter(|item| item.from == bridge.system);
        let mut objects: BTreeSet<String> = back.flat_map(hung_on).collect();
        for sync in &plan.syncs {
            for arm in &sync.arms {
                let ends = [sync.left, arm.right].map(|id| plan.object(id));
                let joins = ends.iter().flatten().any(|object| object.system == bridge.system);
                let crm = ends.iter().flatten().find(|object| object.system == bridge.crm);
                objects.extend(crm.filter(|_| joins).map(|object| object.name.clone()));
            }
        }
        if plan.crm_settings.iter().any(|item| item.system == bridge.system && !item.auto_save.is_empty()) {
            let both = match bridge.kind {
                SystemKind::Hubspot => ["contact", "company"],
                _ => ["Contact", "Account"],
            };
            objects.extend(both.map(str::to_owned));
        }
        objects.retain(|object| fields_of(object).is_some());
        objects
    }

    pub(super) async fn publish(&self, bridge: &Bridge<'_>) -> EngineResult<MatchReport> {
        let mut report = MatchReport::default();
        for object in self.directory_objects(bridge) {
            self.publish_object(bridge, &object, &mut report).await?;
        }
        self.learn(bridge).await?;
        for found in self.deps.store.matches(bridge.crm_name)? {
            match found.status.as_str() {
                "person-account" => report.person_accounts += 1,
                "ambiguous" if found.who().is_none() => report.ambiguous += 1,
                _ if found.who().is_some() => report.matched += 1,
                _ => report.unmatched += 1,
            }
        }
        Ok(report)
    }

    async fn publish_object(
        &self,
        bridge: &Bridge<'_>,
        object: &str,
        report: &mut MatchReport,
    ) -> EngineResult<()> {
        let Some(fields) = fields_of(object) else { return Ok(()) };
        let store = self.deps.store;
        let mark = format!("{}:{object}", bridge.name);
        let started = self.deps.timer.now();
        let specs = specs(object, fields);
        match store.watermark(bridge.crm_name, &mark)? {
            None => {
                let mut after: Option<Cursor> = None;
                loop {
                    let request = Request::List {
                        object: object.into(),
                        fields: specs.clone(),
                        associations: Arc::new([]),
                        after: after.take(),
                    };
                    let Reply::Records { records, next } = bridge.remote.call(request).await? else { break };
                    self.hand_over(bridge, object, fields, &records, report).await?;
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            Some(since) => {
                let since = since.plus(-OVERLAP);
                for ids in self.changed(bridge, object, since).await?.chunks(PAGE) {
                    let request = Request::Read {
                        object: object.into(),
                        ids: ids.to_vec(),
                        fields: specs.clone(),
                        associations: Arc::new([]),
                        history: Arc::new([]),
                    };
                    let Reply::Records { records, .. } = bridge.remote.call(request).await? else { continue };
                    self.hand_over(bridge, object, fields, &records, report).await?;
                }
            }
        }
        store.set_watermark(bridge.crm_name, &mark, started)?;
        Ok(())
    }

    async fn changed(&self, bridge: &Bridge<'_>, object: &str, since: Millis) -> EngineResult<Vec<RecordId>> {
        let mut ids = BTreeSet::new();
        let mut after: Option<Cursor> = None;
        loop {
            let request = Request::Changed { object: object.into(), since, after: after.take(), limit: 200 };
            let Reply::Changed { items, next } = bridge.remote.call(request).await? else { break };
            ids.extend(items.into_iter().map(|item| item.id));
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(ids.into_iter().collect())
    }

    async fn hand_over(
        &self,
        bridge: &Bridge<'_>,
        object: &str,
        fields: Fields,
        records: &[Record],
        report: &mut MatchReport,
    ) -> EngineResult<()> {
        let companies = self.employers(bridge, object, records).await?;
        let mut out = Vec::new();
        for record in records {
            let flag = record.slots.get(fields.len()).and_then(Option::as_ref);
            if flag == Some(&Value::Bool(true)) {
                self.keep_person_account(bridge, object, record)?;
                continue;
            }
            let mut told = Map::new();
            for (slot, (_, name)) in record.slots.iter().zip(fields) {
                let Some(text) = slot.as_ref().map(ToString::to_string).filter(|text| !text.is_empty())
                else {
                    continue;
                };
                match (name.is_empty(), companies.get(&text)) {
                    (false, _) => told.insert((*name).to_owned(), json!(text)),
                    (true, Some(company)) => told.insert("companyName".to_owned(), json!(company)),
                    (true, None) => None,
                };
            }
            out.push(self.key(bridge, object, record.id.as_str(), told));
        }
        report.published += out.len() as u64;
        Ok(api::publish(bridge.nav, &bridge.link.contract, &out).await?)
    }

    pub(super) fn key(
        &self,
        bridge: &Bridge<'_>,
        object: &str,
        record: &str,
        fields: Map<String, Json>,
    ) -> CrmRecord {
        CrmRecord {
            object: object.to_owned(),
            partner: bridge.partner().to_owned(),
            instance_id: bridge.account.clone(),
            record_id: record.to_owned(),
            fields,
        }
    }

    fn keep_person_account(&self, bridge: &Bridge<'_>, object: &str, record: &Record) -> EngineResult<()> {
        Ok(self.deps.store.put_match(&Match {
            crm: bridge.crm_name.to_owned(),
            object: object.to_owned(),
            record: record.id.to_string(),
            status: "person-account".to_owned(),
            badge: String::new(),
            badge_source: String::new(),
            display: String::new(),
            display_source: String::new(),
            score: 0,
            candidates: String::new(),
            at: self.deps.timer.now(),
        })?)
    }

    /// Names of the accounts that Salesforce contacts belong to.
    async fn employers(
        &self,
        bridge: &Bridge<'_>,
        object: &str,
        records: &[Record],
    ) -> EngineResult<BTreeMap<String, String>> {
        let mut names = BTreeMap::new();
        if object != "Contact" {
            return Ok(names);
        }
        let place = CONTACT.iter().position(|(name, _)| *name == "AccountId");
        let account = |record: &Record| {
            let slot = record.slots.get(place?)?.as_ref()?;
            Some(RecordId::new(slot.as_text()?))
        };
        let ids: BTreeSet<RecordId> = records.iter().filter_map(account).collect();
        if ids.is_empty() {
            return Ok(names);
        }
        let text = FieldType::Text { max: None };
        let request = Request::Read {
            object: "Account".into(),
            ids: ids.into_iter().collect(),
            fields: Arc::new([FieldSpec { name: "Name".into(), ty: text }]),
            associations: Arc::new([]),
            history: Arc::new([]),
        };
        if let Reply::Records { records, .. } = bridge.remote.call(request).await? {
            for record in records {
                if let Some(Some(name)) = record.slots.first() {
                    names.insert(record.id.to_string(), name.to_string());
                }
            }
        }
        Ok(names)
    }

    /// Takes in the verdicts that changed.
    async fn learn(&self, bridge: &Bridge<'_>) -> EngineResult<()> {
        let mark = format!("{}:verdicts", bridge.name);
        let since = self.deps.store.watermark(bridge.crm_name, &mark)?;
        // The feed is ordered by a time that may be shared; a little is read twice.
        let since = since.map_or(Millis(0), |at| at.plus(-5_000));
        let mut after: Option<String> = None;
        loop {
            let contract = &bridge.link.contract;
            let page = api::verdicts(bridge.nav, contract, since, after.as_deref(), 500).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let (cursor, at, full) = (last.cursor(), last.changed_at, page.len() >= 500);
            self.deps.store.atomically(|store| {
                for verdict in &page {
                    if verdict.partner == bridge.partner() && verdict.instance_id == bridge.account {
                        store.put_match(&as_match(bridge.crm_name, verdict))?;
                    }
                }
                store.set_watermark(bridge.crm_name, &mark, at)
            })?;
            if !full {
                return Ok(());
            }
            after = Some(cursor);
        }
    }
}

/// A verdict as it is remembered.
pub fn as_match(crm: &str, verdict: &Verdict) -> Match {
    let urn = |found: &Option<api::Found>| found.as_ref().map_or(String::new(), |found| found.urn.clone());
    let source = |found: &Option<api::Found>| {
        found.as_ref().map_or(String::new(), |found| found.source.to_lowercase())
    };
    Match {
        crm: crm.to_owned(),
        object: verdict.object.clone(),
        record: verdict.record_id.clone(),
        status: verdict.status.to_lowercase().replace('_', "-"),
        badge: urn(&verdict.badge),
        badge_source: source(&verdict.badge),
        display: urn(&verdict.display),
        display_source: source(&verdict.display),
        score: verdict.badge.as_ref().or(verdict.display.as_ref()).map_or(0, |found| found.score),
        candidates: verdict.candidates.join(" "),
        at: verdict.changed_at,
    }
}
