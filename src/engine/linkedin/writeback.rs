//! Activities of Sales Navigator into the CRM, each once.
//!
//! The feed is taken into the state page by page, its place in the same transaction. Then every activity that is not
//! written is decided on; what is to be written goes out in batches whose intents are durable before the call. A
//! record carries a key made of the activity's id, so a try whose answer was lost is found, not repeated. What hangs on
//! nothing is attached once a match appears, and never moved after that.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::decide::{Decider, Decision};
use super::report::WritebackReport;
use super::undo::UNDONE;
use super::{Bridge, NavDeps, activity};
use crate::connect::remote::{CallError, ErrorClass, Outcome, Reply, Request, WriteItem, WriteKind};
use crate::connect::salesnav::api::{self, Activity};
use crate::engine::error::{EngineError, EngineResult};
use crate::merge::external_id;
use crate::plan::ir::{Writeback, WritebackTarget};
use crate::schema::SystemKind;
use crate::state::{Intent, NavActivity};
use crate::value::Millis;

const PAGE: usize = 500;
/// How long a request may be under way, and land after its client gave up.
const LANDING: i64 = 120_000;
/// The reason of an activity whose request has no answer yet: nothing is done about it until that is settled.
pub(super) const UNKNOWN: &str = "outcome-unknown";

/// The reason of what was seen and not decided on yet.
const UNDECIDED: &str = "undecided";

/// One activity on its way into the CRM.
struct Going {
    row: NavActivity,
    target: usize,
    owner: Option<String>,
    on: Option<(String, String)>,
}

/// One step of one activity, with its id in the journal.
pub(super) struct Sent {
    pub op: String,
    pub row: NavActivity,
    pub on: Option<(String, String)>,
}

/// One pass over a writeback.
pub(super) struct Pass<'p> {
    pub nav: &'p NavDeps<'p>,
    pub bridge: &'p Bridge<'p>,
    pub item: &'p Writeback,
    pub index: usize,
    pub run: &'p str,
    pub issued: std::cell::Cell<u64>,
}

impl NavDeps<'_> {
    pub(super) async fn write_back(
        &self,
        bridge: &Bridge<'_>,
        item: &Writeback,
        index: usize,
        run: &str,
    ) -> EngineResult<WritebackReport> {
        let pass = Pass { nav: self, bridge, item, index, run, issued: std::cell::Cell::new(0) };
        pass.settle().await?;
        pass.take_feed().await?;
        let decider = pass.decider().await?;
        let mut report = WritebackReport { name: item.name.clone(), ..WritebackReport::default() };
        pass.write_due(&decider, &mut report).await?;
        pass.attach_due(&decider, &mut report).await?;
        // A look right away at what had no answer: most of it is there.
        if pass.settle().await? > 0 {
            pass.write_due(&decider, &mut report).await?;
            pass.attach_due(&decider, &mut report).await?;
        }
        tally(self.deps.store, &item.name, &mut report)?;
        Ok(report)
    }

    /// What would be done: everything is decided and nothing is sent to the CRM. For a copy of the state.
    pub async fn preview(&self) -> EngineResult<Vec<WritebackReport>> {
        let mut all = Vec::new();
        for bridge in self.bridges().await? {
            for (index, item) in self.deps.plan.writebacks.iter().enumerate() {
                if item.from != bridge.system {
                    continue;
                }
                let issued = std::cell::Cell::new(0);
                let pass = Pass { nav: self, bridge: &bridge, item, index, run: "plan", issued };
                pass.take_feed().await?;
                let decider = pass.decider().await?;
                let mut report = WritebackReport { name: item.name.clone(), ..WritebackReport::default() };
                report.due = pass.decide_all(&decider)?;
                report.written_now = report.due.values().sum();
                report.attached_now = pass.attachable(&decider)?.values().map(Vec::len).sum::<usize>() as u64;
                tally(self.deps.store, &item.name, &mut report)?;
                // What is due is not decided on in the state; it is told by itself.
                report.held.remove(UNDECIDED);
                all.push(report);
            }
        }
        Ok(all)
    }
}

/// Counts by state and reason; every activity is in one of them.
pub fn tally(store: &crate::state::Store, name: &str, report: &mut WritebackReport) -> EngineResult<()> {
    for ((state, reason), count) in store.activity_tally(name)? {
        report.seen += count;
        match state.as_str() {
            "written" => report.written += count,
            "skipped" => *report.skipped.entry(reason).or_default() += count,
            "held" => *report.held.entry(reason).or_default() += count,
            // Seen and not decided yet: an interrupted run.
            _ => *report.held.entry(UNDECIDED.to_owned()).or_default() += count,
        }
    }
    report.unresolved = store.unresolved(name)?.len() as u64;
    Ok(())
}

impl Pass<'_> {
    pub(super) fn now(&self) -> Millis {
        self.nav.deps.timer.now()
    }

    pub(super) fn contract(&self) -> &str {
        &self.bridge.link.contract
    }

    /// The name of the place in the feed.
    fn mark(&self) -> String {
        format!("writeback:{}", self.item.name)
    }

    async fn take_feed(&self) -> EngineResult<()> {
        let store = self.nav.deps.store;
        let since = store.watermark(self.bridge.name, &self.mark())?;
        // Changes of one millisecond may be told apart by nothing but their id; a little is read twice.
        let since = since.map_or(Millis(0), |at| at.plus(-5_000));
        self.nav.deps.progress.stage(&format!("reading activities of {}", self.bridge.name), 0);
        let mut after: Option<String> = None;
        loop {
            if self.nav.deps.stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
            let page =
                api::activities(self.bridge.nav, self.contract(), since, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let (at, id, full) = (last.modified_at, last.id.clone(), page.len() >= PAGE);
            store.atomically(|store| {
                for one in &page {
                    store.observe_activity(&self.item.name, &row(one))?;
                }
                store.set_watermark(self.bridge.name, &self.mark(), at)
            })?;
            self.nav.deps.progress.step(page.len() as u64);
            if !full {
                return Ok(());
            }
            after = Some(format!("{},{id}", at.0));
        }
    }

    async fn decider(&self) -> EngineResult<Decider<'_>> {
        let (nav, contract) = (self.bridge.nav, self.contract());
        let seats = api::seats(nav, contract).await?;
        let admin = self.nav.admin(nav, contract).await?;
        let connection = api::connection(nav, contract).await?;
        let owners = match self.bridge.remote.call(Request::Owners).await? {
            Reply::Owners(owners) => owners,
            _ => Vec::new(),
        };
        let settings =
            self.nav.deps.plan.crm_settings.iter().find(|known| known.system == self.bridge.system);
        Ok(Decider {
            store: self.nav.deps.store,
            bridge: self.bridge,
            item: self.item,
            settings,
            admin,
            seats: seats.into_iter().map(|seat| (seat.id, seat)).collect(),
            owners: owners.into_iter().map(|owner| (owner.email.to_lowercase(), owner)).collect(),
            pending_initial_sync: connection.initial_sync == "PENDING",
        })
    }

    /// Decides on everything that is not written; gives how many of each kind would be.
    fn decide_all(&self, decider: &Decider<'_>) -> EngineResult<BTreeMap<String, u64>> {
        let (mut after, mut due) = (String::new(), BTreeMap::new());
        loop {
            let rows = self.nav.deps.store.unwritten(&self.item.name, &after, PAGE)?;
            let Some(last) = rows.last() else { return Ok(due) };
            after.clone_from(&last.id);
            for one in self.sorted(decider, rows)? {
                *due.entry(one.row.kind).or_default() += 1;
            }
        }
    }

    /// Those to be written; of the others it is noted why they are not.
    fn sorted(&self, decider: &Decider<'_>, rows: Vec<NavActivity>) -> EngineResult<Vec<Going>> {
        let mut going = Vec::new();
        let mut noted = Vec::new();
        for row in rows {
            if row.reason == UNKNOWN || row.reason == UNDONE {
                continue;
            }
            let (state, reason, detail) = match decider.decide(&row)? {
                Decision::Write { target, owner, on, detail } => {
                    going.push(Going { row: NavActivity { detail, ..row }, target, owner, on });
                    continue;
                }
                Decision::Skip(reason) => ("skipped", reason, String::new()),
                Decision::Hold(reason, detail) => ("held", reason, detail),
            };
            if row.state != state || row.reason != reason || row.detail != detail {
                noted.push(NavActivity { state: state.into(), reason: reason.into(), detail, ..row });
            }
        }
        self.nav.deps.store.atomically(|store| {
            noted.iter().try_for_each(|row| store.settle_activity(&self.item.name, row))
        })?;
        Ok(going)
    }

    async fn write_due(&self, decider: &Decider<'_>, report: &mut WritebackReport) -> EngineResult<()> {
        self.nav.deps.progress.stage(&format!("writing activities to {}", self.bridge.crm_name), 0);
        let mut after = String::new();
        loop {
            if self.nav.deps.stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(EngineError::Interrupted);
            }
            let rows = self.nav.deps.store.unwritten(&self.item.name, &after, PAGE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after.clone_from(&last.id);
            let seen = rows.len() as u64;
            let going = self.sorted(decider, rows)?;
            let ids: Vec<String> = going.iter().map(|one| one.row.id.clone()).collect();
            let texts = match ids.is_empty() {
                true => BTreeMap::new(),
                false => api::activities_by_id(self.bridge.nav, self.contract(), &ids).await?,
            };
            let mut batches: BTreeMap<usize, Vec<(Going, &Activity)>> = BTreeMap::new();
            for one in going {
                match texts.get(&one.row.id) {
                    Some(text) => batches.entry(one.target).or_default().push((one, text)),
                    None => self.note(one.row, "skipped", "deleted", "")?,
                }
            }
            for (target, mut all) in batches {
                let Some(found) = self.item.targets.get(target) else { continue };
                while !all.is_empty() {
                    let rest = all.split_off(all.len().min(self.batch()));
                    self.create(found, all, report).await?;
                    all = rest;
                }
            }
            self.nav.deps.progress.step(seen);
        }
    }

    pub(super) fn batch(&self) -> usize {
        if self.bridge.kind == SystemKind::Hubspot { 100 } else { 200 }
    }

    fn note(&self, row: NavActivity, state: &str, reason: &str, detail: &str) -> EngineResult<()> {
        let row = NavActivity { state: state.into(), reason: reason.into(), detail: detail.into(), ..row };
        Ok(self.nav.deps.store.settle_activity(&self.item.name, &row)?)
    }

    pub(super) fn key(&self, id: &str) -> String {
        external_id(self.contract(), "activity", id)
    }

    pub(super) fn intent(&self, object: &str, record: &str, payload: Json) -> Intent {
        self.issued.set(self.issued.get() + 1);
        let now = self.now();
        Intent {
            op: format!("{}-w{}-{}", self.run, self.index, self.issued.get()),
            run: self.run.to_owned(),
            sync: self.item.name.clone(),
            system: self.bridge.crm_name.to_owned(),
            object: object.to_owned(),
            record: record.to_owned(),
            payload,
            issued: now,
            until: now.plus(LANDING),
        }
    }

    async fn create(
        &self,
        target: &WritebackTarget,
        batch: Vec<(Going, &Activity)>,
        report: &mut WritebackReport,
    ) -> EngineResult<()> {
        let store = self.nav.deps.store;
        let (mut intents, mut items, mut sent) = (Vec::new(), Vec::new(), Vec::new());
        for (one, text) in batch {
            let along = one.on.clone().filter(|_| self.bridge.kind != SystemKind::Hubspot);
            let payload = json!({
                "writeback": self.item.name, "activity": one.row.id, "step": "create", "on": along,
                "unique": target.unique, "key": self.key(&one.row.id),
            });
            let intent = self.intent(&target.object, "", payload);
            let on = along.as_ref().map(|(_, id)| id.as_str());
            let fields = activity::fields(self.bridge.kind, target, text, one.owner.as_deref(), on);
            let unique = target.unique.as_ref();
            items.push(WriteItem {
                op: intent.op.as_str().into(),
                kind: WriteKind::Create {
                    unique: unique.map(|field| (field.as_str().into(), self.key(&one.row.id).into())),
                },
                fields,
                associations: Vec::new(),
            });
            sent.push(Sent { op: intent.op.clone(), row: one.row, on: along });
            intents.push(intent);
        }
        store.atomically(|store| {
            store.add_intents(&intents)?;
            // From here on the request may be under way: whoever comes next asks before it sends again.
            sent.iter().try_for_each(|one| {
                let row = NavActivity { state: "held".into(), reason: UNKNOWN.into(), ..one.row.clone() };
                store.settle_activity(&self.item.name, &row)
            })
        })?;
        let request = Request::Write { object: target.object.as_str().into(), items };
        let outcomes = self.outcomes(&sent, self.bridge.remote.call(request).await)?;
        store.atomically(|store| {
            for one in &sent {
                let outcome = outcomes.get(&one.op);
                let (result, record, detail) = said(outcome);
                if result == "unknown" {
                    continue;
                }
                store.set_outcome(&one.op, result, record, detail, self.now())?;
                let row = match result {
                    "ok" => {
                        report.written_now += 1;
                        written(&one.row, &target.object, record, one.on.as_ref())
                    }
                    reason => NavActivity {
                        state: "held".into(),
                        reason: reason.into(),
                        detail: detail.to_owned(),
                        ..one.row.clone()
                    },
                };
                store.settle_activity(&self.item.name, &row)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The outcome of every item. A call that was certainly not made leaves everything as it was before it.
    pub(super) fn outcomes(
        &self,
        sent: &[Sent],
        answer: Result<Reply, CallError>,
    ) -> EngineResult<BTreeMap<String, Outcome>> {
        match answer {
            Ok(Reply::Written(outcomes)) => {
                Ok(outcomes.into_iter().map(|(op, outcome)| (op.to_string(), outcome)).collect())
            }
            Ok(_) => Ok(BTreeMap::new()),
            Err(error) if error.class == ErrorClass::Unknown => Ok(BTreeMap::new()),
            Err(error) => {
                self.nav.deps.store.atomically(|store| {
                    for one in sent {
                        store.set_outcome(&one.op, "not-sent", "", &error.message, self.now())?;
                        let row = NavActivity {
                            state: if one.row.record.is_empty() { "new" } else { "written" }.into(),
                            reason: String::new(),
                            ..one.row.clone()
                        };
                        store.settle_activity(&self.item.name, &row)?;
                    }
                    Ok(())
                })?;
                Err(error.into())
            }
        }
    }
}

/// The activity as it stands once its record is there.
pub(super) fn written(
    row: &NavActivity,
    object: &str,
    record: &str,
    on: Option<&(String, String)>,
) -> NavActivity {
    let (on_object, on_record) = on.cloned().unwrap_or_default();
    NavActivity {
        state: "written".into(),
        reason: String::new(),
        detail: if on.is_some() { String::new() } else { row.detail.clone() },
        object: object.to_owned(),
        record: record.to_owned(),
        on_object,
        on_record,
        ..row.clone()
    }
}

pub(super) fn said(outcome: Option<&Outcome>) -> (&'static str, &str, &str) {
    match outcome {
        Some(Outcome::Created { id } | Outcome::Updated { id }) => ("ok", id.as_str(), ""),
        Some(Outcome::Refused(refusal)) => ("refused", "", &refusal.message),
        Some(Outcome::Exists { message, .. }) => ("exists", "", message),
        Some(Outcome::Stale) => ("stale", "", "changed meanwhile"),
        Some(Outcome::Unknown { .. }) | None => ("unknown", "", ""),
    }
}

fn row(one: &Activity) -> NavActivity {
    NavActivity {
        id: one.id.clone(),
        kind: one.kind.to_lowercase(),
        seat: i64::try_from(one.seat).unwrap_or(i64::MAX),
        about: one.about.clone(),
        origin: one.origin.to_lowercase(),
        at: one.created_at,
        copied: one.copy_to_crm,
        ..NavActivity::default()
    }
}
