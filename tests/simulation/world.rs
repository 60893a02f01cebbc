//! The world around the engine: true time, the two CRMs behind [`Remote`], people who edit, and everything that
//! can go wrong between a request and its answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use twinmap::connect::remote::{
    CallError, Changed, Completion, Cursor, ErrorClass, FieldSpec, Identity, Outcome, Remote, Reply, Request,
};
use twinmap::connect::timer::Timer;
use twinmap::record::{Association, HistoryEntry, Life, Record, RecordId};
use twinmap::value::Millis;

use super::chance::Chance;
use super::crm::{Crm, Effects, POISON, Row, payload, value};
use super::program::{ACCOUNT, COMPANY, CONTACT, PERSON, SHAPES, twin};

/// Which faults a seed may have: each one is on in about half of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub crash_call: bool,
    pub crash_commit: bool,
    pub drop_before: bool,
    pub drop_after: bool,
    pub late: bool,
    pub duplicate: bool,
    pub limits: bool,
    pub unlisted: bool,
    pub pages: bool,
    pub missing_field: bool,
    pub lag: bool,
    pub late_stamp: bool,
    pub race: bool,
    pub same_second: bool,
    pub back_and_forth: bool,
    pub spaces: bool,
    pub poison: bool,
    pub deletes: bool,
    pub skew: bool,
    pub lost_feed: bool,
}

impl Faults {
    pub fn swarm(chance: &mut Chance) -> Self {
        let mut on = || chance.below(2) == 1;
        Faults {
            crash_call: on(),
            crash_commit: on(),
            drop_before: on(),
            drop_after: on(),
            late: on(),
            duplicate: on(),
            limits: on(),
            unlisted: on(),
            pages: on(),
            missing_field: on(),
            lag: on(),
            late_stamp: on(),
            race: on(),
            same_second: on(),
            back_and_forth: on(),
            spaces: on(),
            poison: on(),
            deletes: on(),
            skew: on(),
            lost_feed: on(),
        }
    }
}

/// One edit by a person.
#[derive(Clone, Debug)]
pub struct Edit {
    pub payload: String,
    pub object: usize,
    pub id: String,
    pub at: i64,
}

pub struct World {
    pub now: i64,
    /// The engine's own clock minus true time.
    pub local: i64,
    pub chance: Chance,
    pub crm: Crm,
    pub faults: Faults,
    /// Faults happen; people edit.
    pub chaos: bool,
    pub people: bool,
    pub associations: bool,
    /// The left object and field that the right side owns.
    pub owned: Option<(usize, usize)>,
    pub edits: Vec<Edit>,
    /// Payloads that a person has overwritten where they stood.
    pub gone: BTreeSet<String>,
    /// Payloads that a person has set again: putting the agreed value back is no edit that anybody could see.
    pub again: BTreeSet<String>,
    /// Keys of records of which one side was deleted.
    pub deleted: BTreeSet<String>,
    pub poisoned: BTreeSet<String>,
    pub number: u32,
    /// Changes that no feed ever tells of: object, id, stamp.
    pub untold: BTreeSet<(usize, String, i64)>,
    /// Whether a record is linked, asked when it is edited.
    pub linked: Box<dyn Fn(&str) -> bool>,
    /// Requests that land later.
    pub late: Vec<(i64, Request)>,
    pub writes: u64,
    pub calls: u64,
    pub drawn: u64,
    pub crashes: u64,
    pub effects: Effects,
    /// What no engine may do, seen at the server.
    pub violations: Vec<String>,
    pub trace: Option<Vec<String>>,
    /// Commits until the process dies, shared with the store's hook; negative = it does not.
    pub commits: Arc<AtomicI64>,
    /// Calls until the process dies; negative = it does not. For exhaustive boundaries.
    pub calls_left: i64,
    /// Operations that were journalled before their call, asked at the call.
    pub journalled: Box<dyn Fn(&str) -> bool>,
}

/// What happens to a call.
enum Fate {
    Answered,
    Crash,
    Failed(ErrorClass),
    /// Carried out, and then one of the two above.
    AnswerLost,
    CrashAfter,
    Late,
    Twice,
}

impl World {
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", (now - super::scenario::START) as f64 / 1000.0, line()));
        }
    }

    fn lag(&mut self) -> i64 {
        if self.faults.lag { self.chance.millis(30_000) } else { 0 }
    }

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
            stamp =
                (stamp - self.chance.millis(60_000)).max((modified.div_euclid(1000) + 1) * 1000).min(stamp);
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

    /// What was under way and is due now.
    pub fn land(&mut self) {
        let now = self.now;
        let mut due: Vec<(i64, Request)> = Vec::new();
        self.late.retain(|(at, request)| {
            let keep = *at > now;
            if !keep {
                due.push((*at, request.clone()));
            }
            keep
        });
        due.sort_by_key(|(at, _)| *at);
        for (at, request) in due {
            self.say(|| "a late request lands".to_owned());
            self.carry_out(&request, at);
        }
    }

    /// A process that dies: what it had sent lands within ten seconds.
    pub fn die(&mut self) {
        self.crashes += 1;
        self.say(|| "CRASH".to_owned());
        let soon = self.now + self.chance.millis(10_000);
        for (at, _) in &mut self.late {
            *at = (*at).min(soon);
        }
    }

    fn fate(&mut self, writes: bool) -> Fate {
        if self.calls_left == 0 {
            return Fate::Crash;
        }
        if self.calls_left == 1 {
            self.calls_left = 0;
            return Fate::CrashAfter;
        }
        if self.calls_left > 1 {
            self.calls_left -= 2;
        }
        if !self.chaos {
            return Fate::Answered;
        }
        let faults = self.faults;
        let drawn = self.chance.below(1000);
        match drawn {
            992.. if faults.crash_call => Fate::Crash,
            984..992 if faults.crash_call => Fate::CrashAfter,
            965..984 if faults.drop_before => Fate::Failed(ErrorClass::NotApplied),
            958..965 if faults.limits => Fate::Failed(ErrorClass::Limit),
            950..958 if faults.limits => Fate::Failed(ErrorClass::Unknown),
            915..950 if faults.drop_after => Fate::AnswerLost,
            880..915 if faults.late && writes => Fate::Late,
            860..880 if faults.duplicate && writes => Fate::Twice,
            _ => Fate::Answered,
        }
    }

    /// One call from the request to its answer; `None` = the process died.
    fn call(&mut self, system: usize, request: &Request) -> Option<Completion> {
        self.calls += 1;
        self.now += 20 + self.chance.millis(1500);
        self.land();
        if self.people && self.faults.race && self.chance.permille(90) {
            self.person();
        }
        let writes =
            matches!(request, Request::Write { .. } | Request::Associate { .. } | Request::Archive { .. });
        if writes {
            self.inspect(request);
        }
        let fate = self.fate(writes);
        let failed = |class, retry_after| {
            Some(Err(CallError {
                system: ["hubspot", "salesforce"][system].to_owned(),
                class,
                message: "simulated".to_owned(),
                retry_after,
            }))
        };
        let answer = match fate {
            Fate::Crash => None,
            Fate::Failed(class) => failed(class, None),
            Fate::CrashAfter => {
                let now = self.now;
                self.carry_out(request, now);
                None
            }
            Fate::AnswerLost => {
                let now = self.now;
                self.carry_out(request, now);
                failed(ErrorClass::Unknown, None)
            }
            Fate::Late => {
                let delay = self.chance.millis(60_000);
                self.late.push((self.now + delay, request.clone()));
                self.say(|| format!("a request will land {delay} ms late"));
                if self.chance.permille(300) && self.faults.crash_call {
                    None
                } else {
                    self.now += delay / 2;
                    failed(ErrorClass::Unknown, None)
                }
            }
            Fate::Twice => {
                let now = self.now;
                let answer = self.carry_out(request, now);
                let echoes = self.effects.echoes.len();
                self.carry_out(request, now);
                self.effects.echoes.truncate(echoes);
                Some(Ok(answer))
            }
            Fate::Answered => {
                let now = self.now;
                Some(Ok(self.carry_out(request, now)))
            }
        };
        self.say(|| format!("call {} -> {}", short(request), short_answer(&answer)));
        answer.as_ref()?;
        if !(self.faults.same_second && self.chance.below(2) == 1) {
            self.now += self.chance.millis(400);
        }
        if self.people && self.faults.race && self.chance.permille(60) {
            self.person();
        }
        answer
    }

    /// What a write may never be, whatever happens to it.
    fn inspect(&mut self, request: &Request) {
        self.writes += 1;
        if let Request::Archive { .. } = request {
            self.violations.push("I9 a record is archived".to_owned());
        }
        let Request::Write { object, items } = request else { return };
        let mut seen = BTreeSet::new();
        for item in items {
            if !(self.journalled)(&item.op) {
                self.violations.push(format!("I10 {} was not journalled before its call", item.op));
            }
            if !seen.insert(format!("{:?}", item.kind)) {
                self.violations.push("two operations on one record in one request".to_owned());
            }
            for (field, value) in &item.fields {
                if &**object == "company" && &*field.name == "note" {
                    self.violations.push("I8 a one-way field is written at its source".to_owned());
                }
                if value.is_blank() && &*field.name != "AccountId" {
                    self.violations.push(format!("I16 {} is cleared", field.name));
                }
            }
        }
    }

    fn carry_out(&mut self, request: &Request, at: i64) -> Reply {
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
            Request::Archive { ids, .. } => {
                let done = |id: &RecordId| (Arc::clone(&id.0), Outcome::Updated { id: id.clone() });
                Reply::Written(ids.iter().map(done).collect())
            }
            Request::Owners => Reply::Owners(Vec::new()),
            Request::Members { .. } => Reply::Members(Vec::new()),
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

    fn forget_fields(&mut self, reply: &mut Reply) {
        let Reply::Records { records, .. } = reply else { return };
        for record in records {
            if self.chance.permille(60) && !record.slots.is_empty() {
                let count = u32::try_from(record.slots.len()).unwrap();
                let lost = self.chance.below(count) as usize;
                record.slots[lost] = None;
            }
        }
    }

    fn answered(&mut self, system: usize, request: &Request) -> Option<Completion> {
        let mut answer = self.call(system, request);
        if let Some(Ok(reply)) = &mut answer {
            if let Reply::Identity(who) = reply {
                who.server_time = Millis(self.now + self.crm.skew[system]);
            }
            if self.chaos && self.faults.missing_field {
                self.forget_fields(reply);
            }
        }
        answer
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

fn place(object: &str) -> usize {
    SHAPES.iter().position(|shape| shape.name == object).unwrap()
}

fn short(request: &Request) -> String {
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

fn short_answer(answer: &Option<Completion>) -> String {
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

/// One system of the world, as the engine sees it.
pub struct Link<'w> {
    pub world: &'w RefCell<World>,
    pub system: usize,
}

impl Remote for Link<'_> {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        Box::pin(async move {
            let dead = self.world.borrow().commits.load(Ordering::Relaxed) == 0;
            let answer = if dead { None } else { self.world.borrow_mut().answered(self.system, &request) };
            match answer {
                Some(answer) => answer,
                // The process is gone; nobody asks this future again.
                None => std::future::pending().await,
            }
        })
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// The engine's clock.
pub struct Clock<'w>(pub &'w RefCell<World>);

impl Timer for Clock<'_> {
    fn now(&self) -> Millis {
        let world = self.0.borrow();
        Millis(world.now + world.local)
    }

    fn sleep(&self, milliseconds: i64) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let mut world = self.0.borrow_mut();
        world.now += milliseconds.max(0);
        world.land();
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        let mut world = self.0.borrow_mut();
        world.drawn += 1;
        world.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}
