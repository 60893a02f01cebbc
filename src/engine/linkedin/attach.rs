//! Activities that were written without a record to hang on, attached once a match appears, and never moved after that.

use std::collections::BTreeMap;

use serde_json::json;

use super::decide::Decider;
use super::report::WritebackReport;
use super::writeback::{Pass, Sent, said};
use crate::connect::remote::{AssociateAction, AssociateItem, FieldSpec, Request, WriteItem, WriteKind};
use crate::engine::error::EngineResult;
use crate::record::RecordId;
use crate::schema::{FieldType, SystemKind};
use crate::state::NavActivity;
use crate::value::Value;

/// Written activities and the records that they are attached to, by the objects of both.
type Attachable = BTreeMap<(String, String), Vec<(NavActivity, String)>>;

impl Pass<'_> {
    /// What is written, hangs on nothing, and has a match now: by the objects of both ends.
    pub(super) fn attachable(&self, decider: &Decider<'_>) -> EngineResult<Attachable> {
        let mut due = Attachable::new();
        for row in self.nav.deps.store.unresolved(&self.item.name)? {
            if row.state != "written" {
                continue;
            }
            let Some(target) = self.item.targets.iter().find(|target| target.object == row.object) else {
                continue;
            };
            if let (Some((object, record)), _) = decider.resolve(target, &row.about)? {
                due.entry((row.object.clone(), object)).or_default().push((row, record));
            }
        }
        Ok(due)
    }

    pub(super) async fn attach_due(
        &self,
        decider: &Decider<'_>,
        report: &mut WritebackReport,
    ) -> EngineResult<()> {
        let due = self.attachable(decider)?;
        for ((from, to), rows) in due {
            for chunk in rows.chunks(self.batch()) {
                self.attach(&from, &to, chunk, report).await?;
            }
        }
        Ok(())
    }

    async fn attach(
        &self,
        from: &str,
        to: &str,
        rows: &[(NavActivity, String)],
        report: &mut WritebackReport,
    ) -> EngineResult<()> {
        let store = self.nav.deps.store;
        let mut intents = Vec::new();
        let mut sent = Vec::new();
        for (row, record) in rows {
            let on = (to.to_owned(), record.clone());
            let payload = json!({
                "writeback": self.item.name, "activity": row.id, "step": "attach", "on": on,
            });
            let intent = self.intent(from, &row.record, payload);
            sent.push(Sent { op: intent.op.clone(), row: row.clone(), on: Some(on) });
            intents.push(intent);
        }
        store.atomically(|store| store.add_intents(&intents))?;
        let answer = self.bridge.remote.call(self.attaching(from, to, &sent)).await;
        let outcomes = self.outcomes(&sent, answer)?;
        store.atomically(|store| {
            for one in &sent {
                let (result, record, detail) = said(outcomes.get(&one.op));
                // To attach again is to attach once: an unknown outcome needs no looking into.
                store.set_outcome(&one.op, result, record, detail, self.now())?;
                if let ("ok", Some((object, record))) = (result, &one.on) {
                    report.attached_now += 1;
                    let row = NavActivity {
                        on_object: object.clone(),
                        on_record: record.clone(),
                        detail: String::new(),
                        ..one.row.clone()
                    };
                    store.settle_activity(&self.item.name, &row)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn attaching(&self, from: &str, to: &str, sent: &[Sent]) -> Request {
        if self.bridge.kind == SystemKind::Hubspot {
            let item = |one: &Sent| {
                let (_, to) = one.on.as_ref()?;
                Some(AssociateItem {
                    op: one.op.as_str().into(),
                    from: RecordId::new(one.row.record.as_str()),
                    to: RecordId::new(to.as_str()),
                    action: AssociateAction::Add,
                })
            };
            let items = sent.iter().filter_map(item).collect();
            return Request::Associate { from: from.into(), to: to.into(), items };
        }
        let who = || FieldSpec { name: "WhoId".into(), ty: FieldType::Text { max: None } };
        let item = |one: &Sent| {
            let (_, to) = one.on.as_ref()?;
            Some(WriteItem {
                op: one.op.as_str().into(),
                kind: WriteKind::Update {
                    id: RecordId::new(one.row.record.as_str()),
                    unmodified_since: None,
                },
                fields: vec![(who(), Value::text(to.as_str()))],
                associations: Vec::new(),
            })
        };
        Request::Write { object: from.into(), items: sent.iter().filter_map(item).collect() }
    }
}
