//! What the two CRMs answer to a request that reached them.

use std::sync::Arc;

use twinmap::connect::remote::{Changed, Cursor, FieldSpec, Identity, Outcome, Reply, Request};
use twinmap::record::{Association, HistoryEntry, Life, Record, RecordId};
use twinmap::value::Millis;

use super::crm::{Row, value};
use super::program::{CONTACT, SHAPES};
use super::world::World;

impl World {
    pub fn carry_out(&mut self, request: &Request, at: i64) -> Reply {
        match request {
            Request::Identity => Reply::Identity(Identity {
                account: "1".to_owned(),
                user: "u".to_owned(),
                server_time: Millis(0),
            }),
            Request::Changed { object, since, after, limit } => {
                self.changed(place(object), *since, after, *limit)
            }
            Request::Deleted { object, since, .. } => {
                let rows = self.crm.tables[place(object)].rows.iter();
                let gone = rows.filter_map(|(id, row)| {
                    let at = row.archived.filter(|at| *at >= since.0)?;
                    Some(Changed { id: RecordId::new(id.as_str()), at: Millis(at) })
                });
                Reply::Changed { items: gone.collect(), next: None }
            }
            Request::List { object, fields, associations, after } => {
                let object = place(object);
                let from = after.as_ref().map_or("", |cursor| cursor.0.as_str()).to_owned();
                let ids: Vec<String> = self.crm.live(object).into_iter().filter(|id| *id > from).collect();
                let next = (ids.len() > 4).then(|| Cursor(ids[3].clone()));
                let ids = ids.into_iter().take(4);
                let records = ids.map(|id| self.record(object, &id, fields, associations, &[])).collect();
                Reply::Records { records, next }
            }
            Request::Read { object, ids, fields, associations, history } => {
                let object = place(object);
                let known = |id: &&RecordId| self.crm.tables[object].rows.contains_key(id.as_str());
                let ids: Vec<RecordId> = ids.iter().filter(known).cloned().collect();
                let read = |id: &RecordId| self.record(object, id.as_str(), fields, associations, history);
                Reply::Records { records: ids.iter().map(read).collect::<Vec<_>>(), next: None }
            }
            Request::Find { object, field, values, fields, associations } => {
                let object = place(object);
                let at = SHAPES[object].fields.iter().position(|name| *name == &*field.name).unwrap();
                let fits = |id: &&String| {
                    let found = value(self.crm.tables[object].rows[*id].value(at));
                    values.contains(&found)
                };
                let live = self.crm.live(object);
                let records = live.iter().filter(fits);
                let records = records.map(|id| self.record(object, id, fields, associations, &[])).collect();
                Reply::Records { records, next: None }
            }
            Request::Write { object, items } => {
                let object = place(object);
                let mut outcomes = Vec::new();
                for item in items {
                    let lag = self.lag();
                    let from = self.effects.applied.len();
                    let outcome = self.crm.write(object, item, at, lag, &mut self.effects);
                    let applied: Vec<String> = self.effects.applied.drain(from..).collect();
                    for line in applied {
                        self.say(|| format!("   {} {line} by {}", SHAPES[object].name, item.op));
                    }
                    outcomes.push((Arc::clone(&item.op), outcome));
                }
                if self.chaos && self.faults.unlisted && self.chance.permille(40) {
                    let lost = self.chance.below(u32::try_from(outcomes.len()).unwrap()) as usize;
                    outcomes[lost].1 = Outcome::Unknown { message: "not mentioned".to_owned() };
                }
                Reply::Written(outcomes)
            }
            Request::Associate { items, .. } => {
                let mut outcomes = Vec::new();
                for item in items {
                    let lag = self.lag();
                    outcomes.push((Arc::clone(&item.op), self.crm.associate(item, at, lag)));
                }
                Reply::Written(outcomes)
            }
            Request::Archive { object, ids } => {
                for id in ids {
                    self.archive(place(object), id.as_str(), at);
                }
                let done = |id: &RecordId| (Arc::clone(&id.0), Outcome::Updated { id: id.clone() });
                Reply::Written(ids.iter().map(done).collect())
            }
            Request::Owners => Reply::Owners(Vec::new()),
            Request::Members { .. } => Reply::Members(Vec::new()),
        }
    }

    /// Into the recycle bin, and what hangs on it too. Nothing that hung there when the run began may.
    fn archive(&mut self, object: usize, id: &str, at: i64) {
        let stamp = self.crm.server(object, at);
        let row = self.crm.tables[object].rows.get_mut(id).unwrap();
        if row.archived.is_some() {
            return;
        }
        row.archived = Some(stamp);
        let began = self.crm.server(CONTACT, self.began);
        for (contact, row) in &mut self.crm.tables[CONTACT].rows {
            let Some(last) = row.fields[3].last().filter(|last| last.value == id) else { continue };
            if row.archived.is_some() {
                continue;
            }
            if last.ours || last.at < began - 60_000 {
                self.violations.push(format!("I9 contact {contact} is deleted along with account {id}"));
            }
            row.archived = Some(stamp);
            self.deleted.insert(row.value(0).to_owned());
        }
    }

    fn changed(&mut self, object: usize, since: Millis, after: &Option<Cursor>, limit: u32) -> Reply {
        let limit = if self.faults.pages { 3 } else { limit as usize };
        let mut all: Vec<(i64, String)> = self.crm.tables[object]
            .rows
            .iter()
            .filter(|(_, row)| row.archived.is_none() && row.modified >= since.0 && row.visible <= self.now)
            .map(|(id, row)| (row.modified, id.clone()))
            .filter(|(at, id)| !self.untold.contains(&(object, id.clone(), *at)))
            .collect();
        all.sort();
        let repeated = self.chaos && self.faults.pages && self.chance.permille(100);
        let key = |cursor: &Cursor| {
            let (at, id) = cursor.0.split_once(' ').unwrap();
            (at.parse::<i64>().unwrap(), id.to_owned())
        };
        let from = after.as_ref().map(key);
        let rest: Vec<(i64, String)> =
            all.iter().filter(|item| from.as_ref().is_none_or(|from| *item > from)).cloned().collect();
        let mut page: Vec<(i64, String)> = rest.iter().take(limit).cloned().collect();
        let next = (rest.len() > limit).then(|| page.last().map(|(at, id)| Cursor(format!("{at} {id}"))));
        if repeated {
            page.extend(all.into_iter().take(2));
        }
        let items =
            page.into_iter().map(|(at, id)| Changed { id: RecordId::new(id), at: Millis(at) }).collect();
        Reply::Changed { items, next: next.flatten() }
    }

    fn record(
        &self,
        object: usize,
        id: &str,
        fields: &[FieldSpec],
        associations: &[Arc<str>],
        history: &[Arc<str>],
    ) -> Record {
        let row = &self.crm.tables[object].rows[id];
        let at = |name: &str| SHAPES[object].fields.iter().position(|field| *field == name);
        let slots = fields.iter().map(|field| at(&field.name).map(|at| value(row.value(at)))).collect();
        let mut record = Record::new(RecordId::new(id), slots);
        record.created = Some(Millis(row.created));
        record.modified = Some(Millis(row.modified));
        if row.archived.is_some() {
            record.life = Life::Deleted;
        }
        for key in associations {
            let of = |(id, primary): (&String, &bool)| Association {
                to: RecordId::new(id.as_str()),
                labels: if *primary { vec!["Primary".to_owned()] } else { Vec::new() },
            };
            record.associations.insert(key.to_string(), row.companies.iter().map(of).collect());
        }
        if SHAPES[object].system == 0 {
            for name in history {
                let entries = at(name).map(|at| entries(row, at)).unwrap_or_default();
                record.history.insert(name.to_string(), entries);
            }
        }
        record
    }

    /// Leaves fields out of an answer.
    pub fn withhold(&mut self, request: &Request, reply: &mut Reply) {
        let object = match request {
            Request::Read { object, .. } | Request::List { object, .. } | Request::Find { object, .. } => {
                place(object)
            }
            _ => return,
        };
        let Reply::Records { records, .. } = reply else { return };
        for record in records {
            if let Some((at, field)) = self.withheld
                && at == object
            {
                record.slots[field] = None;
            }
            if self.chaos && self.faults.missing_field && self.chance.permille(60) && !record.slots.is_empty()
            {
                let count = u32::try_from(record.slots.len()).unwrap();
                let lost = self.chance.below(count) as usize;
                record.slots[lost] = None;
                self.say(|| {
                    format!(
                        "   {} {} without {}",
                        SHAPES[object].name, record.id, SHAPES[object].fields[lost]
                    )
                });
            }
        }
    }
}

fn entries(row: &Row, field: usize) -> Vec<HistoryEntry> {
    let entry = |entry: &super::crm::Entry| HistoryEntry {
        value: value(&entry.value),
        at: Millis(entry.at),
        source: if entry.ours { "INTEGRATION" } else { "CRM_UI" }.to_owned(),
        source_id: if entry.ours { "u" } else { "person" }.to_owned(),
    };
    row.fields[field].iter().rev().map(entry).collect()
}

pub fn place(object: &str) -> usize {
    SHAPES.iter().position(|shape| shape.name == object).unwrap()
}
