//! People who work in the CRMs: they make, edit, delete and relate records, each with values of their own.

use twinmap::connect::remote::Request;

use super::crm::{POISON, payload};
use super::program::{ACCOUNT, COMPANY, CONTACT, PERSON, SCOPE, SHAPES, twin};
use super::server::place;
use super::world::{Edit, World};

impl World {
    fn fresh(&mut self, prefix: &str) -> String {
        self.number += 1;
        let spaces = self.faults.spaces && self.chance.permille(200);
        if spaces { format!("{prefix}{}  ", self.number) } else { format!("{prefix}{}", self.number) }
    }

    /// A person does something.
    pub fn person(&mut self) {
        let object = self.chance.below(4) as usize;
        let live = self.crm.live(object);
        if live.is_empty() || self.chance.permille(120) {
            return self.new_record(object);
        }
        let id = self.chance.pick(&live).clone();
        if self.faults.deletes && self.chance.permille(25) {
            return self.delete(object, &id);
        }
        if self.faults.leaves && object == COMPANY && self.chance.permille(120) {
            return self.leave_or_return(&id);
        }
        if self.associations && object >= PERSON && self.chance.permille(300) {
            return self.relate(object, &id);
        }
        let field = *self.chance.pick(SHAPES[object].edited);
        self.edit(object, &id, field);
    }

    pub fn new_record(&mut self, object: usize) {
        self.number += 1;
        let key = if object >= PERSON {
            format!("k{}@x.example", self.number)
        } else {
            format!("k{}", self.number)
        };
        self.new_record_with(object, &key);
        // Somebody else enters the same thing on the other side; only where the CRM would refuse a second one it may
        // happen at any time.
        if object >= PERSON && self.chance.permille(150) && !self.people {
            self.new_record_with(twin(object), &key);
        }
    }

    pub fn new_record_with(&mut self, object: usize, key: &str) -> String {
        let mut values = vec![(0, key.to_owned())];
        let mut edited = Vec::new();
        for field in SHAPES[object].edited {
            if self.chance.permille(200) {
                continue;
            }
            let text = self.fresh("v");
            edited.push(payload(&text).to_owned());
            values.push((*field, text));
        }
        let (now, lag) = (self.now, self.lag());
        let id = self.crm.make(object, &values, false, now, lag);
        self.say(|| format!("person makes {} {id} {values:?}", SHAPES[object].name));
        for payload in edited {
            self.edits.push(Edit { payload, object, id: id.clone(), at: now });
        }
        id
    }

    pub fn edit(&mut self, object: usize, id: &str, field: usize) {
        let row = &self.crm.tables[object].rows[id];
        let former: Vec<String> = row.fields[field].iter().map(|entry| entry.value.clone()).collect();
        let back = self.faults.back_and_forth && former.len() > 1 && self.chance.permille(250);
        let text = if back {
            former[former.len() - 2].clone()
        } else if self.faults.poison && object == COMPANY && self.chance.permille(30) {
            self.fresh(POISON)
        } else {
            self.fresh("v")
        };
        self.edit_to(object, id, field, &text);
        if self.chaos && self.faults.lost_feed && self.chance.permille(150) && (self.linked)(id) {
            let stamp = self.crm.tables[object].rows[id].modified;
            self.say(|| "   and no feed tells of it".to_owned());
            self.untold.insert((object, id.to_owned(), stamp));
        }
    }

    pub fn edit_to(&mut self, object: usize, id: &str, field: usize, text: &str) {
        let row = &self.crm.tables[object].rows[id];
        let (before, modified, key) = (row.value(field).to_owned(), row.modified, row.value(0).to_owned());
        let mut stamp = self.crm.server(object, self.now);
        // A long transaction that commits with the time at which it changed the record, in a later second than the
        // change before: two in one second look the same to everybody.
        if self.faults.late_stamp && SHAPES[object].system == 1 {
            stamp = (stamp - self.chance.millis(60) * 1000)
                .max((modified.div_euclid(1000) + 1) * 1000)
                .min(stamp);
        }
        let visible = self.now + self.lag();
        if payload(&before) == payload(text) {
            return;
        }
        self.say(|| {
            format!(
                "person sets {}.{} {id} {before:?} -> {text:?}",
                SHAPES[object].name, SHAPES[object].fields[field]
            )
        });
        self.gone.insert(payload(&before).to_owned());
        if self.gone.remove(payload(text)) {
            self.again.insert(payload(text).to_owned());
        }
        if text.contains(POISON) {
            self.poisoned.insert(key);
        }
        self.crm.set(object, id, field, text, false, stamp, visible);
        let at = self.now;
        self.edits.push(Edit { payload: payload(text).to_owned(), object, id: id.to_owned(), at });
    }

    pub fn delete(&mut self, object: usize, id: &str) {
        self.say(|| format!("person deletes {} {id}", SHAPES[object].name));
        let (server, now) = (self.crm.server(object, self.now), self.now);
        let row = self.crm.tables[object].rows.get_mut(id).unwrap();
        row.archived = Some(server);
        row.modified = row.modified.max(server);
        row.visible = now;
        let key = row.value(0).to_owned();
        self.deleted.insert(key);
        if self.faults.archives && object == COMPANY {
            for row in self.crm.tables[PERSON].rows.values_mut() {
                row.companies.remove(id);
            }
        }
    }

    /// A company leaves the filter, or comes back into it.
    fn leave_or_return(&mut self, id: &str) {
        let (at, visible) = (self.crm.server(COMPANY, self.now), self.now + self.lag());
        let returns = self.outside.remove(id).is_some();
        self.say(|| {
            format!("person moves company {id} {} the filter", if returns { "into" } else { "out of" })
        });
        if !returns {
            self.outside.insert(id.to_owned(), self.now);
        }
        let value = if returns { "" } else { "out" };
        self.crm.set(COMPANY, id, SCOPE, value, false, at, visible);
    }

    /// A record of Salesforce that is about to be read, edited by somebody who will do it once more in this second.
    pub fn burst(&mut self, request: &Request) -> Option<(usize, String)> {
        let Request::Read { object, ids, .. } = request else { return None };
        let object = place(object);
        if !self.people || !self.faults.bursts || SHAPES[object].system == 0 || !self.chance.permille(250) {
            return None;
        }
        let id = self.chance.pick(ids).to_string();
        self.crm.tables[object].rows.get(&id).filter(|row| row.archived.is_none())?;
        self.edit_in_this_second(object, &id);
        Some((object, id))
    }

    /// An edit at most a second after the last change of the record, and in the same second of its server.
    pub fn edit_in_this_second(&mut self, object: usize, id: &str) {
        let left = 999 - (self.now + self.crm.skew[1]).rem_euclid(1000);
        self.now += self.chance.millis(u32::try_from(left + 1).unwrap());
        let field = *self.chance.pick(SHAPES[object].edited);
        let text = self.fresh("v");
        let late = std::mem::take(&mut self.faults.late_stamp);
        self.edit_to(object, id, field, &text);
        self.faults.late_stamp = late;
    }

    fn relate(&mut self, object: usize, id: &str) {
        let companies = self.crm.live(if object == PERSON { COMPANY } else { ACCOUNT });
        if companies.is_empty() {
            return;
        }
        let company = self.chance.pick(&companies).clone();
        let remove = self.chance.permille(250);
        let (server, visible) = (self.crm.server(object, self.now), self.now + self.lag());
        self.say(|| {
            format!("person relates {} {id} with {company}, removing: {remove}", SHAPES[object].name)
        });
        if object == PERSON {
            let row = self.crm.tables[object].rows.get_mut(id).unwrap();
            row.companies.clear();
            if !remove {
                row.companies.insert(company, true);
            }
            row.modified = row.modified.max(server);
            row.visible = row.visible.max(visible);
        } else {
            let company = if remove { String::new() } else { company };
            self.crm.set(CONTACT, id, 3, &company, false, server, visible);
        }
    }
}
