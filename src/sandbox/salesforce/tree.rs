//! `/composite/graph` and `/composite/tree/{Object}`: related records in one call, all or none of each graph or tree.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Salesforce;
use super::composite::run;
use super::dml;
use super::doc::{list, object};
use super::fault::Fault;
use super::ids::Id;
use super::org::Org;
use super::reply::{Call, Reply};

const MAX_GRAPHS: usize = 75;
const MAX_NODES: usize = 500;
/// After so many failed graphs the rest is not tried.
const MAX_FAILURES: usize = 14;
const MAX_RECORDS: usize = 200;
const MAX_DEPTH: usize = 5;
const MAX_KINDS: usize = 5;

/// `{"graphs":[{"graphId":"1","compositeRequest":[...]}]}`
pub fn graph(sf: &mut Salesforce, call: &Call<'_>) -> Result<Reply, Fault> {
    let invalid = |message: String| Fault::new(400, "BAD_REQUEST", message);
    if call.version < 50 {
        return Err(Fault::not_found());
    }
    let body = call.object()?;
    let graphs = match body.get("graphs") {
        Some(Value::Array(graphs)) if !graphs.is_empty() => graphs,
        _ => return Err(Fault::malformed("The graphs list is missing or empty at [line:1, column:1]")),
    };
    let calls =
        |graph: &Value| graph.get("compositeRequest").and_then(Value::as_array).cloned().unwrap_or_default();
    if graphs.len() > MAX_GRAPHS || graphs.iter().map(|graph| calls(graph).len()).sum::<usize>() > MAX_NODES {
        return Err(invalid(format!("Limit of {MAX_GRAPHS} graphs or {MAX_NODES} nodes was exceeded")));
    }
    let mut names = BTreeSet::new();
    let mut answers = Vec::new();
    let mut failures = 0;
    for graph in graphs {
        let id = graph.get("graphId").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() || !names.insert(id.to_owned()) {
            return Err(invalid(format!("Invalid or duplicate graphId '{id}'")));
        }
        let calls = calls(graph);
        let row = |call: &Value| {
            let url = call.get("url").and_then(Value::as_str).unwrap_or_default();
            url.contains("/sobjects/") && !url.contains("/composite/")
        };
        if let Some(wrong) = calls.iter().find(|call| !row(call)) {
            let url = wrong.get("url").and_then(Value::as_str).unwrap_or_default();
            return Err(invalid(format!(
                "The url '{url}' is not an sObject row: only those are allowed in a graph"
            )));
        }
        let (responses, good) =
            if failures >= MAX_FAILURES { (Vec::new(), false) } else { run(sf, call, &calls, true) };
        failures += usize::from(!good);
        answers.push(object([
            ("graphId", id.to_owned().into()),
            ("graphResponse", object([("compositeResponse", responses.into())])),
            ("isSuccessful", good.into()),
        ]));
    }
    Ok(Reply::json(200, object([("graphs", answers.into())])))
}

/// One record of a tree that failed.
struct Failure {
    reference: String,
    fault: Box<Fault>,
}

struct Planter<'a> {
    org: &'a mut Org,
    call: &'a Call<'a>,
    made: Vec<(String, Id)>,
    kinds: BTreeSet<String>,
}

/// `POST /composite/tree/{Object}`
pub fn tree(org: &mut Org, call: &Call<'_>, name: &str) -> Result<Reply, Fault> {
    let (_, meta) = org.object(name)?;
    let kind = meta.name.clone();
    let body = call.object()?;
    let Some(Value::Array(records)) = body.get("records") else {
        return Err(Fault::malformed("The records list is missing at [line:1, column:1]"));
    };
    let planted = org.transaction(|org| {
        let mut planter = Planter { org, call, made: Vec::new(), kinds: BTreeSet::new() };
        planter.plant(records, &kind, None, 1)?;
        Ok::<_, Failure>(planter.made)
    });
    let (status, failed, results) = match planted {
        Ok(made) => {
            let item = |(reference, id): (String, Id)| {
                object([("referenceId", reference.into()), ("id", id.to_string().into())])
            };
            (201, false, list(made.into_iter().map(item)))
        }
        Err(failure) => {
            let errors = list([failure.fault.item()]);
            (400, true, list([object([("referenceId", failure.reference.into()), ("errors", errors)])]))
        }
    };
    Ok(Reply::json(status, object([("hasErrors", failed.into()), ("results", results)])))
}

impl Planter<'_> {
    fn plant(
        &mut self,
        records: &[Value],
        kind: &str,
        parent: Option<(&str, Id)>,
        depth: usize,
    ) -> Result<(), Failure> {
        for record in records {
            let attributes = record.get("attributes");
            let text =
                |key: &str| attributes.and_then(|a| a.get(key)?.as_str()).unwrap_or_default().to_owned();
            let reference = text("referenceId");
            let fail = |fault: Fault| Failure { reference: reference.clone(), fault: Box::new(fault) };
            self.check(record, kind, &text("type"), &reference, depth).map_err(fail)?;
            let Some((at, _)) = self.org.schema.find(kind) else { return Err(fail(Fault::not_found())) };
            let (mut own, mut children) = (Map::new(), Vec::new());
            for (key, value) in record.as_object().into_iter().flatten() {
                match value.get("records").and_then(Value::as_array) {
                    Some(inner) => children.push((key.clone(), inner.clone())),
                    None => drop(own.insert(key.clone(), value.clone())),
                }
            }
            if let Some((field, id)) = parent {
                own.insert(field.to_owned(), id.to_string().into());
            }
            let id = dml::create(self.org, &self.call.who, at, &own).map_err(fail)?;
            self.made.push((reference.clone(), id));
            for (name, inner) in children {
                let child = self.org.schema.children(kind).find(|child| {
                    child.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(&name))
                });
                let Some(child) = child.cloned() else {
                    let message = format!("No such relationship '{name}' on {kind}");
                    return Err(fail(Fault::record("INVALID_FIELD", message, [&name])));
                };
                self.plant(&inner, &child.object, Some((child.field.as_ref(), id)), depth + 1)?;
            }
        }
        Ok(())
    }

    fn check(
        &mut self,
        record: &Value,
        kind: &str,
        named: &str,
        reference: &str,
        depth: usize,
    ) -> Result<(), Fault> {
        let invalid = |message: String| Err(Fault::record("INVALID_INPUT", message, [""; 0]));
        if !record.is_object() || reference.is_empty() {
            return invalid("Include a reference ID for each record in the request.".to_owned());
        }
        if !named.eq_ignore_ascii_case(kind) {
            return invalid(format!("The type {named:?} is not {kind}"));
        }
        if self.made.iter().any(|(known, _)| known == reference) {
            return invalid(format!("Duplicate ReferenceId provided in the request: {reference}"));
        }
        self.kinds.insert(kind.to_owned());
        if self.made.len() >= MAX_RECORDS || depth > MAX_DEPTH || self.kinds.len() > MAX_KINDS {
            let message =
                format!("A tree has at most {MAX_RECORDS} records, {MAX_DEPTH} levels and {MAX_KINDS} types");
            return invalid(message);
        }
        Ok(())
    }
}
