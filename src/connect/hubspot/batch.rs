//! Batches of writes: every input gets an outcome, whatever the answer looks like.
//!
//! A batch that is refused as a whole is cut in halves until the guilty input stands alone. An input that a success
//! does not mention is unknown. Inputs are told apart by their trace id, never by position.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{HubSpot, errors, records};
use crate::connect::client::{Body, Call};
use crate::connect::remote::{CallError, ErrorClass, Outcome, Refusal};
use crate::connect::transport::Method;
use crate::record::RecordId;
use crate::schema::json::{flag, list, text};

/// One input of a batch.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub op: Arc<str>,
    pub json: Json,
    /// The id or unique value that the answer may name instead of the trace id.
    pub key: String,
}

/// What the batch does, which decides how a success is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Create,
    Upsert,
    Update,
}

pub(super) type Outcomes = BTreeMap<Arc<str>, Outcome>;

impl HubSpot {
    /// Sends inputs in batches of `size` and puts each one's outcome into `into`.
    ///
    /// # Errors
    /// Only when nothing of this request was sent yet: otherwise what could not be sent is refused as retryable.
    pub(super) async fn batches(
        &self,
        target: &str,
        deed: Deed,
        inputs: Vec<Input>,
        size: usize,
        into: &mut Outcomes,
    ) -> Result<(), CallError> {
        let mut waiting: Vec<Vec<Input>> = inputs.chunks(size).map(<[Input]>::to_vec).collect();
        waiting.reverse();
        while let Some(mut batch) = waiting.pop() {
            let body = json!({"inputs": batch.iter().map(|input| &input.json).collect::<Vec<_>>()});
            let call = Call::write(Method::Post, target, Body::Json(body));
            match self.client.send(&call).await {
                Ok(answer) if answer.ok() => settle(deed, &batch, &answer.json, into),
                Ok(answer) => match batch.as_slice() {
                    [alone] => {
                        into.insert(Arc::clone(&alone.op), refused(&answer.json));
                    }
                    _ => {
                        let tail = batch.split_off(batch.len() / 2);
                        waiting.push(tail);
                        waiting.push(batch);
                    }
                },
                Err(error) if error.class == ErrorClass::Unknown => {
                    for input in &batch {
                        into.insert(
                            Arc::clone(&input.op),
                            Outcome::Unknown { message: error.message.clone() },
                        );
                    }
                }
                Err(error) if into.is_empty() => return Err(error),
                Err(error) => {
                    waiting.push(batch);
                    for input in waiting.iter().flatten() {
                        into.insert(Arc::clone(&input.op), not_sent(&error));
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// An item whose call could not be made.
pub(super) fn not_sent(error: &CallError) -> Outcome {
    let code = match error.class {
        ErrorClass::Limit => "LIMIT",
        ErrorClass::Auth => "AUTHENTICATION",
        ErrorClass::Permission => "PERMISSION",
        _ => "NOT_SENT",
    };
    Outcome::Refused(Refusal {
        code: code.to_owned(),
        message: error.message.clone(),
        fields: Vec::new(),
        retryable: true,
    })
}

fn refused(error: &Json) -> Outcome {
    if errors::is_conflict(error) {
        let message = text(error, "message").unwrap_or("a record with this value exists").to_owned();
        return Outcome::Exists { candidates: existing_id(&message).into_iter().collect(), message };
    }
    Outcome::Refused(errors::refusal(error))
}

/// `Contact already exists. Existing ID: 12345`.
fn existing_id(message: &str) -> Option<RecordId> {
    let (_, rest) = message.split_once("Existing ID:")?;
    let digits: String = rest.trim().chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| RecordId::new(digits))
}

/// Takes a 2xx answer apart.
fn settle(deed: Deed, batch: &[Input], answer: &Json, into: &mut Outcomes) {
    let mut open: Vec<&Input> = batch.iter().collect();
    for row in list(answer, "results") {
        let Some(id) = row.get("id").and_then(records::id) else { continue };
        let trace = text(row, "objectWriteTraceId");
        let at = open.iter().position(|input| Some(&*input.op) == trace).or_else(|| {
            let own = trace.is_none();
            open.iter().position(|input| own && (input.key == id.as_str() || holds(row, &input.key)))
        });
        let Some(input) = at.map(|at| open.remove(at)) else { continue };
        let new = deed == Deed::Create || (deed == Deed::Upsert && flag(row, "new") == Some(true));
        let outcome = if new { Outcome::Created { id } } else { Outcome::Updated { id } };
        into.insert(Arc::clone(&input.op), outcome);
    }
    let mut nameless = Vec::new();
    for error in list(answer, "errors") {
        let named = named(error);
        let hit: Vec<usize> = open
            .iter()
            .enumerate()
            .filter(|(_, input)| named.iter().any(|name| *name == &*input.op || *name == input.key))
            .map(|(at, _)| at)
            .collect();
        if hit.is_empty() {
            nameless.push(error);
        }
        for at in hit.into_iter().rev() {
            let input = open.remove(at);
            into.insert(Arc::clone(&input.op), refused(error));
        }
    }
    // As many errors without a name as inputs without an answer: each of those inputs failed.
    let all_failed = !open.is_empty() && open.len() == nameless.len();
    for (input, error) in open.iter().zip(nameless.iter().map(Some).chain(std::iter::repeat(None))) {
        let outcome = match error.filter(|_| all_failed) {
            Some(error) => refused(error),
            None => Outcome::Unknown { message: "the answer does not mention this record".to_owned() },
        };
        into.insert(Arc::clone(&input.op), outcome);
    }
}

/// Whether a property of a row has this value (the unique one that was sent).
fn holds(row: &Json, value: &str) -> bool {
    let properties = row.get("properties").and_then(Json::as_object);
    !value.is_empty() && properties.is_some_and(|all| all.values().any(|json| json.as_str() == Some(value)))
}

/// Whatever an error names: trace ids, ids, unique values.
fn named(error: &Json) -> Vec<&str> {
    let context = error.get("context").and_then(Json::as_object);
    let listed = context.into_iter().flat_map(|context| context.values()).flat_map(|value| match value {
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
        Json::String(text) => vec![text.as_str()],
        _ => Vec::new(),
    });
    listed.chain(text(error, "id")).chain(text(error, "objectWriteTraceId")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(op: &str, key: &str) -> Input {
        Input { op: op.into(), json: Json::Null, key: key.to_owned() }
    }

    #[test]
    fn every_input_is_accounted_for() {
        let batch = [input("a", "k1"), input("b", "k2"), input("c", "k3")];
        let answer = json!({"status": "COMPLETE",
            "results": [{"id": "9", "objectWriteTraceId": "b", "new": true}],
            "numErrors": 1,
            "errors": [{"category": "VALIDATION_ERROR", "message": "m", "context": {"objectWriteTraceId": ["a"]}}]});
        let mut into = Outcomes::new();
        settle(Deed::Upsert, &batch, &answer, &mut into);
        assert!(matches!(into["a"], Outcome::Refused(_)));
        assert_eq!(into["b"], Outcome::Created { id: RecordId::new("9") });
        assert!(matches!(into["c"], Outcome::Unknown { .. }));
    }

    #[test]
    fn rows_without_trace_ids_are_matched_by_their_unique_value() {
        let batch = [input("a", "scm1:x"), input("b", "12")];
        let answer = json!({"results": [
            {"id": "12", "properties": {}},
            {"id": "13", "new": false, "properties": {"twinmap_id": "scm1:x"}}]});
        let mut into = Outcomes::new();
        settle(Deed::Upsert, &batch, &answer, &mut into);
        assert_eq!(into["a"], Outcome::Updated { id: RecordId::new("13") });
        assert_eq!(into["b"], Outcome::Updated { id: RecordId::new("12") });
    }

    #[test]
    fn a_conflict_names_the_record_that_stands_there() {
        let error = json!({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 12345"});
        let Outcome::Exists { candidates, .. } = refused(&error) else { panic!() };
        assert_eq!(candidates, [RecordId::new("12345")]);
    }
}
