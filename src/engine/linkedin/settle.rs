//! Activities whose request has no answer: is the record there, or may it be sent again?
//!
//! Where the record has a key of ours, it is found by that; one that is not found may be sent again at once, because a
//! late try with the same key makes no second record. A Salesforce note has no such field: it is found by its title,
//! and sent again only when the first try can't land any more.

use serde_json::Value as Json;

use super::activity::note_title;
use super::writeback::{Pass, UNKNOWN, written};
use crate::connect::remote::{FieldSpec, Reply, Request};
use crate::engine::error::EngineResult;
use crate::schema::FieldType;
use crate::state::{Intent, NavActivity};
use crate::value::Value;

/// What a process that died had sent lands within this time, or never.
const ORPHAN: i64 = 10_000;

/// Whether a journal entry is of a writeback, and none of the merge's business.
pub fn is_writeback(intent: &Intent) -> bool {
    intent.payload.get("writeback").is_some()
}

pub(super) fn text<'j>(payload: &'j Json, name: &str) -> &'j str {
    payload.get(name).and_then(Json::as_str).unwrap_or("")
}

impl Pass<'_> {
    /// Gives the number of requests that were settled.
    pub(super) async fn settle(&self) -> EngineResult<u64> {
        let store = self.nav.deps.store;
        let runs = store.runs(50)?;
        let mut settled = 0;
        let open = store.open_intents()?.into_iter().map(|open| open.intent);
        let own: Vec<Intent> =
            open.filter(|intent| text(&intent.payload, "writeback") == self.item.name).collect();
        for chunk in own.chunks(100) {
            let (mut creates, others): (Vec<&Intent>, Vec<&Intent>) =
                chunk.iter().partition(|intent| text(&intent.payload, "step") == "create");
            for intent in others {
                store.set_outcome(&intent.op, "not-landed", "", "to be done again", self.now())?;
            }
            let keyed: Vec<&Intent> = creates
                .iter()
                .filter(|intent| !text(&intent.payload, "unique").is_empty())
                .copied()
                .collect();
            creates.retain(|intent| text(&intent.payload, "unique").is_empty());
            settled += self.settle_keyed(&keyed).await?;
            for intent in creates {
                let died = runs.iter().any(|run| run.id == intent.run && run.ended.is_none())
                    && intent.run != self.run;
                settled += u64::from(self.settle_note(intent, died).await?);
            }
        }
        Ok(settled)
    }

    async fn settle_keyed(&self, intents: &[&Intent]) -> EngineResult<u64> {
        let mut by_object: std::collections::BTreeMap<(&str, &str), Vec<&Intent>> = Default::default();
        for intent in intents {
            let field = text(&intent.payload, "unique");
            by_object.entry((intent.object.as_str(), field)).or_default().push(intent);
        }
        for ((object, field), intents) in by_object {
            let keys: Vec<&str> = intents.iter().map(|intent| text(&intent.payload, "key")).collect();
            let found = self.find(object, field, &keys).await?;
            for intent in &intents {
                let key = text(&intent.payload, "key");
                let id = found.iter().find(|(known, _)| known == key).map(|(_, id)| id.as_str());
                self.conclude(intent, id)?;
            }
        }
        Ok(intents.len() as u64)
    }

    /// Values of a field and the ids of the records that have them.
    async fn find(&self, object: &str, field: &str, values: &[&str]) -> EngineResult<Vec<(String, String)>> {
        let spec = FieldSpec { name: field.into(), ty: FieldType::Text { max: None } };
        let request = Request::Find {
            object: object.into(),
            field: spec.clone(),
            values: values.iter().map(|value| Value::text(*value)).collect(),
            fields: std::sync::Arc::new([spec]),
            associations: std::sync::Arc::new([]),
        };
        let Reply::Records { records, .. } = self.bridge.remote.call(request).await? else {
            return Ok(Vec::new());
        };
        let named = |record: &crate::record::Record| {
            let value = record.slots.first()?.as_ref()?.as_text()?.to_owned();
            Some((value, record.id.to_string()))
        };
        Ok(records.iter().filter_map(named).collect())
    }

    async fn settle_note(&self, intent: &Intent, died: bool) -> EngineResult<bool> {
        let title = note_title(text(&intent.payload, "activity"));
        let until = if died { intent.until.min(intent.issued.plus(ORPHAN)) } else { intent.until };
        let mut found = self.find(&intent.object, "Title", &[title.as_str()]).await?;
        let left = until.0 - self.now().0;
        if found.is_empty() && (1..=ORPHAN).contains(&left) {
            self.nav.deps.timer.sleep(left + 1).await;
            found = self.find(&intent.object, "Title", &[title.as_str()]).await?;
        }
        match found.first() {
            Some((_, id)) => self.conclude(intent, Some(id))?,
            None if self.now() > until => self.conclude(intent, None)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    fn conclude(&self, intent: &Intent, id: Option<&str>) -> EngineResult<()> {
        let store = self.nav.deps.store;
        let Some(row) = store.activity(&self.item.name, text(&intent.payload, "activity"))? else {
            store.set_outcome(&intent.op, "dropped", "", "the activity is not known", self.now())?;
            return Ok(());
        };
        let on: Option<(String, String)> =
            intent.payload.get("on").cloned().and_then(|on| serde_json::from_value(on).ok());
        let (result, row) = match id {
            Some(id) => ("ok", written(&row, &intent.object, id, on.as_ref())),
            None if row.state == "held" && row.reason == UNKNOWN => {
                ("not-landed", NavActivity { state: "new".into(), reason: String::new(), ..row })
            }
            None => ("not-landed", row),
        };
        store.atomically(|store| {
            store.set_outcome(&intent.op, result, id.unwrap_or(""), "", self.now())?;
            store.settle_activity(&self.item.name, &row)
        })?;
        Ok(())
    }
}
