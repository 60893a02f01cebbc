//! Associations between records, with their labels.
//!
//! One direction is written; HubSpot makes the other. Type ids are those of HubSpot's page "Associate records".

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::batch::not_sent;
use super::write::in_order;
use super::{HubSpot, errors, next_page, records};
use crate::connect::client::{Body, Call};
use crate::connect::remote::{AssociateAction, AssociateItem, CallError, ErrorClass, Outcome};
use crate::connect::transport::Method;
use crate::record::{Association, RecordId};
use crate::schema::hubspot::canonical;
use crate::schema::json::{list, text};

/// Inputs of an association batch: reads and writes.
const READS: usize = 1_000;
const WRITES: usize = 2_000;

/// From, to, plain type id, primary type id.
const TYPES: &[(&str, &str, u32, Option<u32>)] = &[
    ("contact", "company", 279, Some(1)),
    ("company", "contact", 280, Some(2)),
    ("deal", "contact", 3, None),
    ("contact", "deal", 4, None),
    ("deal", "company", 341, Some(5)),
    ("company", "deal", 342, Some(6)),
    ("contact", "contact", 449, None),
    ("company", "company", 450, None),
    ("deal", "deal", 451, None),
    ("ticket", "contact", 16, None),
    ("contact", "ticket", 15, None),
    ("ticket", "company", 339, Some(26)),
    ("company", "ticket", 340, Some(25)),
    ("deal", "ticket", 27, None),
    ("ticket", "deal", 28, None),
    ("deal", "line_item", 19, None),
    ("lead", "contact", 608, Some(578)),
    ("lead", "company", 610, None),
    ("contact", "lead", 609, None),
    ("note", "contact", 202, None),
    ("note", "company", 190, None),
    ("note", "deal", 214, None),
    ("note", "ticket", 228, None),
    ("call", "contact", 194, None),
    ("call", "company", 182, None),
    ("call", "deal", 206, None),
    ("call", "ticket", 220, None),
    ("email", "contact", 198, None),
    ("email", "company", 186, None),
    ("email", "deal", 210, None),
    ("email", "ticket", 224, None),
    ("meeting", "contact", 200, None),
    ("meeting", "company", 188, None),
    ("meeting", "deal", 212, None),
    ("meeting", "ticket", 226, None),
    ("task", "contact", 204, None),
    ("task", "company", 192, None),
    ("task", "deal", 216, None),
    ("task", "ticket", 230, None),
    ("communication", "contact", 81, None),
    ("communication", "company", 87, None),
    ("communication", "deal", 85, None),
    ("communication", "ticket", 83, None),
];

fn types(from: &str, to: &str) -> Option<(u32, Option<u32>)> {
    let (from, to) = (canonical(from), canonical(to));
    TYPES.iter().find(|(f, t, ..)| *f == from && *t == to).map(|(.., plain, primary)| (*plain, *primary))
}

/// The id of the plain association between two kinds of objects.
pub(super) fn plain_type(from: &str, to: &str) -> Option<u32> {
    types(from, to).map(|(plain, _)| plain)
}

impl HubSpot {
    /// The associations of records to one other object, with labels.
    pub(super) async fn associated(
        &self,
        from: &str,
        to: &str,
        ids: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Vec<Association>>, CallError> {
        let target = format!("{}/batch/read", self.paths.associations(from, to));
        let mut found: BTreeMap<RecordId, Vec<Association>> = BTreeMap::new();
        // A record with very many associations has further pages, asked for with the next batch.
        let mut waiting: Vec<(RecordId, Option<String>)> =
            ids.iter().rev().map(|id| (id.clone(), None)).collect();
        while !waiting.is_empty() {
            let batch = waiting.split_off(waiting.len().saturating_sub(READS));
            let inputs: Vec<Json> = batch
                .iter()
                .map(|(id, after)| match after {
                    None => json!({"id": id.as_str()}),
                    Some(after) => json!({"id": id.as_str(), "after": after}),
                })
                .collect();
            let call = Call::ask(target.as_str(), json!({"inputs": inputs})).class("associations");
            let answer = self.ask(&call).await?;
            for row in list(&answer.json, "results") {
                let Some(id) = row.get("from").and_then(|from| records::id(from.get("id")?)) else {
                    continue;
                };
                found.entry(id.clone()).or_default().extend(list(row, "to").iter().filter_map(end));
                let asked = batch.iter().find(|(asked, _)| *asked == id).and_then(|(_, after)| after.clone());
                if let Some(next) = next_page(row).filter(|next| Some(next) != asked.as_ref()) {
                    waiting.push((id, Some(next)));
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn associate(
        &self,
        from: &str,
        to: &str,
        items: &[AssociateItem],
    ) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let base = self.paths.associations(from, to);
        let primary = types(from, to).and_then(|(plain, primary)| primary.map(|primary| (plain, primary)));
        let mut outcomes = BTreeMap::new();
        for action in [AssociateAction::Remove, AssociateAction::Add, AssociateAction::AddPrimary] {
            let chosen: Vec<&AssociateItem> = items.iter().filter(|item| item.action == action).collect();
            let (path, shape): (&str, Shape) = match (action, primary) {
                (AssociateAction::Remove, _) => ("batch/archive", Shape::Remove),
                (AssociateAction::AddPrimary, Some((plain, primary))) => {
                    ("batch/create", Shape::Typed(plain, primary))
                }
                _ => ("batch/associate/default", Shape::Plain),
            };
            self.associate_all(&format!("{base}/{path}"), shape, &chosen, &mut outcomes).await?;
        }
        Ok(in_order(items.iter().map(|item| &item.op), outcomes))
    }

    async fn associate_all(
        &self,
        target: &str,
        shape: Shape,
        items: &[&AssociateItem],
        into: &mut BTreeMap<Arc<str>, Outcome>,
    ) -> Result<(), CallError> {
        let mut waiting: Vec<&[&AssociateItem]> = items.chunks(WRITES).rev().collect();
        while let Some(chunk) = waiting.pop() {
            let inputs: Vec<Json> = chunk.iter().map(|item| shape.input(item)).collect();
            let body = Body::Json(json!({"inputs": inputs}));
            let call = Call::write(Method::Post, target, body).class("associations");
            match self.client.send(&call).await {
                Ok(answer) if answer.ok() => settle(chunk, answer.status, &answer.json, into),
                Ok(_) if chunk.len() > 1 => {
                    let (head, tail) = chunk.split_at(chunk.len() / 2);
                    waiting.extend([tail, head]);
                }
                Ok(answer) => {
                    let refusal = errors::refusal(&answer.json);
                    into.extend(chunk.iter().map(|i| (Arc::clone(&i.op), Outcome::Refused(refusal.clone()))));
                }
                Err(error) if error.class == ErrorClass::Unknown => {
                    let unknown = || Outcome::Unknown { message: error.message.clone() };
                    into.extend(chunk.iter().map(|item| (Arc::clone(&item.op), unknown())));
                }
                Err(error) if into.is_empty() => return Err(error),
                Err(error) => {
                    let rest = waiting.iter().flat_map(|rest| rest.iter());
                    into.extend(
                        chunk.iter().chain(rest).map(|item| (Arc::clone(&item.op), not_sent(&error))),
                    );
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Plain,
    /// Plain and primary type together: writing one label replaces the others.
    Typed(u32, u32),
    Remove,
}

impl Shape {
    fn input(self, item: &AssociateItem) -> Json {
        let (from, to) = (json!({"id": item.from.as_str()}), json!({"id": item.to.as_str()}));
        let spec = |id: u32| json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id});
        match self {
            Shape::Plain => json!({"from": from, "to": to}),
            Shape::Typed(plain, primary) => {
                json!({"from": from, "to": to, "types": [spec(plain), spec(primary)]})
            }
            Shape::Remove => json!({"from": from, "to": [to]}),
        }
    }
}

/// One end of `batch/read`: the id, and the labels that are not blank.
fn end(row: &Json) -> Option<Association> {
    let to = records::id(row.get("toObjectId")?)?;
    let mut labels: Vec<String> = list(row, "associationTypes")
        .iter()
        .filter_map(|kind| text(kind, "label"))
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
        .collect();
    labels.sort();
    labels.dedup();
    Some(Association { to, labels })
}

/// An answer without a body means all; otherwise each pair must be named.
fn settle(items: &[&AssociateItem], status: u16, answer: &Json, into: &mut BTreeMap<Arc<str>, Outcome>) {
    let done = |item: &AssociateItem| Outcome::Updated { id: item.from.clone() };
    if status == 204 || answer.is_null() {
        into.extend(items.iter().map(|item| (Arc::clone(&item.op), done(item))));
        return;
    }
    let mut open: Vec<&AssociateItem> = items.to_vec();
    for row in list(answer, "results") {
        let of = |key: &str, flat: &str| {
            row.get(key).and_then(|end| end.get("id")).or_else(|| row.get(flat)).and_then(records::id)
        };
        let (Some(from), Some(to)) = (of("from", "fromObjectId"), of("to", "toObjectId")) else { continue };
        open.retain(|item| {
            let hit = (item.from == from && item.to == to) || (item.from == to && item.to == from);
            if hit {
                into.insert(Arc::clone(&item.op), done(item));
            }
            !hit
        });
    }
    let errors = list(answer, "errors");
    for item in open {
        let named = errors.iter().find(|error| {
            let context = error.get("context").map(Json::to_string).unwrap_or_default();
            let has = |id: &RecordId| context.contains(&format!("\"{id}\""));
            has(&item.from) || has(&item.to)
        });
        let outcome = match named.or_else(|| errors.first().filter(|_| errors.len() == items.len())) {
            Some(error) => Outcome::Refused(errors::refusal(error)),
            None => Outcome::Unknown { message: "the answer does not mention this association".to_owned() },
        };
        into.insert(Arc::clone(&item.op), outcome);
    }
}
