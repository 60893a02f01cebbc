//! Creates, updates and archives.
//!
//! A create with a unique property is an upsert by it, so that trying again finds what the first try made. A record
//! never stands twice in one batch, because HubSpot refuses such a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::batch::{Deed, Input, Outcomes, not_sent};
use super::{BATCH, HubSpot, associations, errors, read};
use crate::connect::client::{Body, Call};
use crate::connect::remote::{
    AssociateAction, AssociateItem, CallError, ErrorClass, Outcome, Reply, WriteItem, WriteKind,
};
use crate::connect::transport::Method;
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::schema::hubspot::canonical;
use crate::value::Value;
use crate::wire;

type Accounts = Vec<(Arc<str>, Outcome)>;

impl HubSpot {
    pub(super) async fn write(&self, object: &str, items: &[WriteItem]) -> Result<Accounts, CallError> {
        let mut outcomes = Outcomes::new();
        let base = self.paths.objects(object);
        let creates = inputs(items, |item| plain_create(object, item));
        self.batches(&format!("{base}/batch/create"), Deed::Create, creates, BATCH, &mut outcomes).await?;
        for wave in waves(inputs(items, upsert)) {
            self.batches(&format!("{base}/batch/upsert"), Deed::Upsert, wave, BATCH, &mut outcomes).await?;
        }
        for wave in waves(inputs(items, update)) {
            self.batches(&format!("{base}/batch/update"), Deed::Update, wave, BATCH, &mut outcomes).await?;
        }
        self.name_candidates(object, items, &mut outcomes).await;
        self.associate_created(object, items, &outcomes).await;
        Ok(in_order(items.iter().map(|item| &item.op), outcomes))
    }

    /// A contact whose e-mail address is taken: which record has it, by a look-up and not by the message's text.
    async fn name_candidates(&self, object: &str, items: &[WriteItem], outcomes: &mut Outcomes) {
        if canonical(object) != "contact" {
            return;
        }
        for item in items {
            let Some(Outcome::Exists { candidates, .. }) = outcomes.get_mut(&item.op) else { continue };
            let email = item.fields.iter().find(|(field, _)| &*field.name == "email");
            let Some((field, value)) = email else { continue };
            let wanted = read::Wanted { object, fields: &[], history: &[] };
            let found = self.find(&wanted, field, std::slice::from_ref(value), &[]).await;
            if let Ok(Reply::Records { records, .. }) = found
                && !records.is_empty()
            {
                *candidates = records.into_iter().map(|record| record.id).collect();
            }
        }
    }

    /// An upsert takes no associations: they follow in a second call. One that fails is seen at the next read.
    async fn associate_created(&self, object: &str, items: &[WriteItem], outcomes: &Outcomes) {
        let mut wanted: BTreeMap<&str, Vec<AssociateItem>> = BTreeMap::new();
        for item in items.iter().filter(|item| matches!(item.kind, WriteKind::Create { unique: Some(_) })) {
            let Some(Outcome::Created { id } | Outcome::Updated { id }) = outcomes.get(&item.op) else {
                continue;
            };
            for (number, (to, other)) in item.associations.iter().enumerate() {
                wanted.entry(&**to).or_default().push(AssociateItem {
                    op: format!("{}:{number}", item.op).into(),
                    from: id.clone(),
                    to: other.clone(),
                    action: AssociateAction::Add,
                });
            }
        }
        for (to, items) in wanted {
            let _ = self.associate(object, to, &items).await;
        }
    }

    pub(super) async fn archive(&self, object: &str, ids: &[RecordId]) -> Result<Accounts, CallError> {
        let target = format!("{}/batch/archive", self.paths.objects(object));
        let mut done: Accounts = Vec::new();
        let ids: Vec<&RecordId> = ids.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut waiting: Vec<&[&RecordId]> = ids.chunks(BATCH).rev().collect();
        while let Some(chunk) = waiting.pop() {
            let inputs: Vec<Json> = chunk.iter().map(|id| json!({"id": id.as_str()})).collect();
            let call = Call::write(Method::Post, &target, Body::Json(json!({"inputs": inputs})));
            let account = |outcome: &dyn Fn(&RecordId) -> Outcome| -> Accounts {
                chunk.iter().map(|id| (Arc::clone(&id.0), outcome(id))).collect()
            };
            match self.client.send(&call).await {
                Ok(answer) if answer.ok() => done.extend(account(&|id| Outcome::Updated { id: id.clone() })),
                Ok(_) if chunk.len() > 1 => {
                    let (head, tail) = chunk.split_at(chunk.len() / 2);
                    waiting.extend([tail, head]);
                }
                Ok(answer) => {
                    done.extend(account(&|_| Outcome::Refused(errors::refusal(&answer.json))));
                }
                Err(error) if error.class == ErrorClass::Unknown => {
                    done.extend(account(&|_| Outcome::Unknown { message: error.message.clone() }));
                }
                Err(error) if done.is_empty() => return Err(error),
                Err(error) => {
                    done.extend(account(&|_| not_sent(&error)));
                    done.extend(
                        waiting
                            .iter()
                            .flat_map(|rest| rest.iter())
                            .map(|id| (Arc::clone(&id.0), not_sent(&error))),
                    );
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }
}

/// The outcomes in the order of the request; every operation has one.
pub(super) fn in_order<'a>(ops: impl Iterator<Item = &'a Arc<str>>, mut outcomes: Outcomes) -> Accounts {
    ops.map(|op| {
        let unknown = || Outcome::Unknown { message: "the answer does not mention this record".to_owned() };
        (Arc::clone(op), outcomes.remove(op).unwrap_or_else(unknown))
    })
    .collect()
}

fn inputs(items: &[WriteItem], one: impl Fn(&WriteItem) -> Option<(Json, String)>) -> Vec<Input> {
    items
        .iter()
        .filter_map(|item| one(item).map(|(json, key)| Input { op: Arc::clone(&item.op), json, key }))
        .collect()
}

/// Cuts inputs so that no key stands twice in one wave.
fn waves(inputs: Vec<Input>) -> Vec<Vec<Input>> {
    let mut waves: Vec<(BTreeSet<String>, Vec<Input>)> = Vec::new();
    for input in inputs {
        let key = input.key.to_lowercase();
        match waves.iter_mut().find(|(keys, _)| !keys.contains(&key)) {
            Some((keys, wave)) => {
                keys.insert(key);
                wave.push(input);
            }
            None => waves.push((BTreeSet::from([key]), vec![input])),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}

fn properties(item: &WriteItem) -> Map<String, Json> {
    let encoded = |value: &Value, ty| wire::encode(SystemKind::Hubspot, ty, value);
    item.fields.iter().map(|(field, value)| (field.name.to_string(), encoded(value, &field.ty))).collect()
}

fn plain_create(object: &str, item: &WriteItem) -> Option<(Json, String)> {
    let WriteKind::Create { unique: None } = item.kind else { return None };
    let associations: Vec<Json> = item
        .associations
        .iter()
        .filter_map(|(to, id)| {
            let types = associations::plain_type(object, to)?;
            Some(json!({"to": {"id": id.as_str()},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": types}]}))
        })
        .collect();
    let mut json = json!({"properties": properties(item), "objectWriteTraceId": &*item.op});
    if let (false, Some(map)) = (associations.is_empty(), json.as_object_mut()) {
        map.insert("associations".to_owned(), Json::Array(associations));
    }
    Some((json, String::new()))
}

fn upsert(item: &WriteItem) -> Option<(Json, String)> {
    let WriteKind::Create { unique: Some((field, value)) } = &item.kind else { return None };
    let mut properties = properties(item);
    // The key is written too: an upsert by e-mail sets nothing that is not among the properties.
    properties.insert(field.to_string(), Json::String(value.to_string()));
    let json = json!({"id": &**value, "idProperty": &**field, "properties": properties, "objectWriteTraceId": &*item.op});
    Some((json, value.to_string()))
}

fn update(item: &WriteItem) -> Option<(Json, String)> {
    let WriteKind::Update { id, .. } = &item.kind else { return None };
    let json = json!({"id": id.as_str(), "properties": properties(item), "objectWriteTraceId": &*item.op});
    Some((json, id.to_string()))
}
