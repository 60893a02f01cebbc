//! Requests and answers in the story of a simulation.

use twinmap::connect::remote::{Completion, Reply, Request};
use twinmap::record::{Record, RecordId};

pub fn short(request: &Request) -> String {
    match request {
        Request::Write { object, items } => {
            let items = items.iter().map(|item| {
                let fields: Vec<String> =
                    item.fields.iter().map(|(field, value)| format!("{}={value}", field.name)).collect();
                format!("{} {:?} {}", item.op, item.kind, fields.join(","))
            });
            format!("write {object} [{}]", items.collect::<Vec<_>>().join("; "))
        }
        Request::Read { object, ids, history, .. } => {
            let ids: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
            format!("read {object} {}{}", ids.join(" "), if history.is_empty() { "" } else { " +history" })
        }
        Request::Changed { object, since, .. } => format!("changed {object} since {}", since.0),
        Request::List { object, .. } => format!("list {object}"),
        Request::Find { object, values, .. } => format!("find {object} {values:?}"),
        Request::Associate { items, .. } => format!("associate {items:?}"),
        Request::Deleted { object, .. } => format!("deleted {object}"),
        other => format!("{other:?}"),
    }
}

pub fn short_answer(answer: &Option<Completion>) -> String {
    match answer {
        None => "CRASH".to_owned(),
        Some(Err(error)) => format!("{:?}", error.class),
        Some(Ok(Reply::Records { records, .. })) => {
            let one = |record: &Record| {
                let values: Vec<String> = record
                    .slots
                    .iter()
                    .map(|slot| slot.as_ref().map_or("?".to_owned(), ToString::to_string))
                    .collect();
                format!("{}({}) at {}", record.id, values.join("|"), record.modified.map_or(0, |at| at.0))
            };
            records.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        Some(Ok(Reply::Changed { items, .. })) => {
            items.iter().map(|item| item.id.to_string()).collect::<Vec<_>>().join(" ")
        }
        Some(Ok(reply)) => format!("{reply:?}"),
    }
}
