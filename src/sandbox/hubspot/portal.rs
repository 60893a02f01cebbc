//! A portal's state and the only ways to change it: every change has a time, a source, and an entry in the log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::super::core::clock::SimClock;
use super::super::core::log::{Log, Mutation};
use super::super::core::rng::Rng;
use super::answer::{Fault, PropertyFault, property_faults};
use super::automation::Automation;
use super::imports::Import;
use super::limits::{Limits, Usage};
use super::links::Links;
use super::lists::List;
use super::oauth::Grant;
use super::owners::Owner;
use super::schema::Object;
use super::store::{Key, Kind, Prop, Record, SourceId, Version};
use super::webhooks::Webhooks;
use super::{rules, values};
use crate::value::Millis;

/// Where a value came from, as the history says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// `INTEGRATION`, `CRM_UI`, `IMPORT`, `AUTOMATION_PLATFORM`, ...
    pub ty: String,
    pub id: String,
    pub label: Option<String>,
    pub user: Option<u64>,
}

/// Who is writing now.
#[derive(Debug, Clone)]
pub struct Actor {
    pub source: SourceId,
    /// For the log.
    pub by: String,
}

/// What an admin call can switch.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The server's clock minus the true one.
    pub skew_ms: i64,
    /// How far behind a search may be; each record lags by its own part of it, so changes appear out of order.
    pub search_lag_ms: i64,
    /// Stamps of changes may be older than the moment they become visible, up to this.
    pub late_stamp_ms: i64,
    /// Companies are made from the e-mail addresses of new contacts.
    pub auto_companies: bool,
    pub limits: Option<Limits>,
    /// Blanks around texts are taken off.
    pub trim: bool,
    /// Texts are kept in Unicode's composed form.
    pub nfc: bool,
    /// The private app's token is not taken any more.
    pub token_revoked: bool,
    /// Currencies beyond that of the company.
    pub currencies: BTreeSet<String>,
    /// Scopes that the app has lost.
    pub without_scopes: BTreeSet<String>,
}

pub struct Portal {
    pub id: u64,
    /// The app that the token belongs to.
    pub app_id: u64,
    pub time_zone: String,
    pub currency: String,
    pub objects: Vec<Object>,
    pub owners: Vec<Owner>,
    pub links: Links,
    pub sources: Vec<Source>,
    pub settings: Settings,
    pub log: Log,
    clock: SimClock,
    pub rng: Rng,
    pub lists: Vec<List>,
    pub usage: Usage,
    /// OAuth access tokens.
    pub grants: Vec<Grant>,
    /// OAuth tokens that were revoked.
    pub revoked: BTreeSet<String>,
    /// E-mail addresses that were forgotten for privacy and can't come back.
    pub blocked: BTreeSet<String>,
    pub automation: Automation,
    pub webhooks: Webhooks,
    pub imports: Vec<Import>,
    last_number: u64,
    unique: BTreeMap<(Kind, Prop), BTreeMap<Box<str>, u64>>,
}

/// Validated values, in the order of their properties.
pub type Values = Vec<(Prop, String)>;

impl Portal {
    pub fn new(clock: SimClock, log: Log, objects: Vec<Object>, seed: u64) -> Self {
        let links = Links::new(|name| place(&objects, |object| &*object.singular == name));
        let mut portal = Self {
            id: 12_345_678,
            app_id: 1_000_001,
            time_zone: "US/Eastern".into(),
            currency: "EUR".into(),
            objects,
            owners: Vec::new(),
            links,
            sources: Vec::new(),
            settings: Settings::default(),
            log,
            clock,
            rng: Rng::new(seed ^ 0x4855_4253),
            lists: Vec::new(),
            usage: Usage::default(),
            grants: Vec::new(),
            revoked: BTreeSet::new(),
            blocked: BTreeSet::new(),
            automation: Automation::default(),
            webhooks: Webhooks::default(),
            imports: Vec::new(),
            last_number: 1_100_000_000,
            unique: BTreeMap::new(),
        };
        for kind in portal.kinds() {
            portal.index_unique(kind);
        }
        portal
    }

    /// The server's time.
    pub fn now(&self) -> Millis {
        self.clock.now().plus(self.settings.skew_ms)
    }

    pub fn kinds(&self) -> Vec<Kind> {
        (0..self.objects.len() as u16).map(Kind).collect()
    }

    /// The object that a path names.
    pub fn kind(&self, name: &str) -> Result<Kind, Fault> {
        place(&self.objects, |object| object.is_called(name))
            .ok_or_else(|| Fault::invalid(format!("Unable to infer object type from: {name}")))
    }

    /// By singular name; for objects that every portal has.
    pub fn named(&self, singular: &str) -> Option<Kind> {
        place(&self.objects, |object| &*object.singular == singular)
    }

    pub fn object(&self, kind: Kind) -> Result<&Object, Fault> {
        self.objects.get(usize::from(kind.0)).ok_or_else(Fault::not_found)
    }

    pub fn object_mut(&mut self, kind: Kind) -> Result<&mut Object, Fault> {
        self.objects.get_mut(usize::from(kind.0)).ok_or_else(Fault::not_found)
    }

    /// A record that is not archived, by an id that may be one of before a merge.
    pub fn live(&self, kind: Kind, id: u64) -> Option<(u64, &Record)> {
        let object = self.object(kind).ok()?;
        let id = object.resolve(id);
        object.records.get(&id).filter(|record| record.archived.is_none()).map(|record| (id, record))
    }

    pub fn source(&mut self, source: Source) -> SourceId {
        let place = self.sources.iter().position(|known| *known == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        SourceId(place as u32)
    }

    /// The app that the request's token belongs to.
    pub fn api(&mut self) -> Actor {
        let id = self.app_id.to_string();
        let source = Source { ty: "INTEGRATION".into(), id, label: None, user: None };
        Actor { source: self.source(source), by: "api".into() }
    }

    /// A person at HubSpot's screens.
    pub fn person(&mut self, by: &str) -> Actor {
        let known = self.owners.iter().find(|owner| owner.id == by || owner.email == by);
        let user = known.map_or(9_000_001, |owner| owner.user_id);
        let source =
            Source { ty: "CRM_UI".into(), id: format!("userId:{user}"), label: None, user: Some(user) };
        Actor { source: self.source(source), by: by.into() }
    }

    pub fn note(&mut self, actor: &Actor, action: &'static str, record: Key, fields: BTreeMap<String, Json>) {
        self.announce(actor, action, record, &fields);
        let object = self.object(record.0).map_or_else(|_| String::new(), |o| o.singular.to_string());
        self.log.add(Mutation {
            seq: 0,
            at: self.now(),
            system: "hubspot",
            action,
            object,
            record: record.1.to_string(),
            by: actor.by.clone(),
            fields,
        });
    }

    /// Changes of the schema are in the log, too.
    pub fn schema_note(&mut self, kind: Kind, name: &str) {
        let actor = self.api();
        let fields = BTreeMap::from([("name".to_owned(), json!(name))]);
        self.note(&actor, "schema", (kind, 0), fields);
    }

    /// The record that has this value in a unique property.
    pub fn by_unique(&self, kind: Kind, prop: Prop, value: &str) -> Option<u64> {
        self.unique.get(&(kind, prop))?.get(value).copied()
    }

    pub fn is_unique(&self, kind: Kind, prop: Prop) -> bool {
        self.unique.contains_key(&(kind, prop))
    }

    /// Keeps an index of each unique property of an object; to call after its properties changed.
    pub fn index_unique(&mut self, kind: Kind) {
        let Some(object) = self.objects.get(usize::from(kind.0)) else { return };
        for (place, property) in object.properties.iter().enumerate() {
            // The e-mail address does not say so, but is unique.
            let email = &*object.singular == "contact" && &*property.name == "email";
            if property.unique || email {
                self.unique.entry((kind, Prop(place as u16))).or_default();
            }
        }
    }

    fn reindex(&mut self, kind: Kind, id: u64, prop: Prop, before: Option<&str>, after: Option<&str>) {
        let Some(index) = self.unique.get_mut(&(kind, prop)) else { return };
        if let Some(before) = before.filter(|value| index.get(*value) == Some(&id)) {
            index.remove(before);
        }
        if let Some(after) = after {
            index.insert(after.into(), id);
        }
    }

    /// The unique values of records that became one lead to that one.
    pub fn move_unique(&mut self, kind: Kind, old: &[u64], new: u64) {
        for ((of, _), index) in &mut self.unique {
            if *of == kind {
                index.values_mut().filter(|id| old.contains(id)).for_each(|id| *id = new);
            }
        }
    }

    /// When a change of now is stamped.
    fn stamp(&mut self) -> Millis {
        let late = self.rng_below(self.settings.late_stamp_ms);
        self.now().plus(-late)
    }

    fn rng_below(&mut self, below: i64) -> i64 {
        if below <= 0 { 0 } else { self.rng.below(below as usize) as i64 }
    }

    /// Checks what a client wants to write. `id`: the record, if there is one already.
    pub fn check(&self, kind: Kind, id: Option<u64>, given: &Json) -> Result<Values, Fault> {
        let object = self.object(kind)?;
        let none = serde_json::Map::new();
        let given = given.as_object().unwrap_or(&none);
        let (mut values, mut faults) = (Values::new(), Vec::new());
        for (name, value) in given {
            let Some((prop, property)) = object.live(name) else {
                let message = format!("Property \"{name}\" does not exist");
                faults.push(PropertyFault { name: name.clone(), error: "PROPERTY_DOESNT_EXIST", message });
                continue;
            };
            if property.read_only_value {
                let message = format!("\"{name}\" is a read only property; its value cannot be set.");
                faults.push(PropertyFault { name: name.clone(), error: "READ_ONLY_VALUE", message });
                continue;
            }
            match values::normalise(self, object, property, value) {
                Ok(text) => values.push((prop, text)),
                Err(fault) => faults.push(fault),
            }
        }
        rules::check(self, kind, id, &values, &mut faults);
        if !faults.is_empty() {
            return Err(property_faults(&faults, self.id));
        }
        self.check_unique(kind, id, &values)?;
        Ok(values)
    }

    fn check_unique(&self, kind: Kind, id: Option<u64>, values: &Values) -> Result<(), Fault> {
        let object = self.object(kind)?;
        for (prop, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            let Some(other) = self.by_unique(kind, *prop, value).filter(|other| Some(*other) != id) else {
                continue;
            };
            let name = object.property(*prop).map_or("", |property| &property.name);
            if &*object.singular == "contact" && name == "email" {
                return Err(Fault::conflict(format!("Contact already exists. Existing ID: {other}")));
            }
            let message = format!("{other} already has that value.");
            let error = "CONFLICTING_UNIQUE_VALUE";
            let fault = PropertyFault { name: name.into(), error, message };
            return Err(property_faults(&[fault], self.id));
        }
        Ok(())
    }

    pub fn create(&mut self, kind: Kind, values: Values, actor: &Actor) -> Result<u64, Fault> {
        let at = self.stamp();
        let (id, fields) = self.add(kind, at, values, actor)?;
        let changed: Vec<String> = fields.keys().cloned().collect();
        self.note(actor, "create", (kind, id), fields);
        self.react(kind, id, &changed, actor);
        Ok(id)
    }

    fn add(
        &mut self,
        kind: Kind,
        at: Millis,
        values: Values,
        actor: &Actor,
    ) -> Result<(u64, BTreeMap<String, Json>), Fault> {
        let mut values = rules::complete_new(self, kind, values, at);
        values.sort_by_key(|(prop, _)| *prop);
        let id = self.next_id(kind)?;
        let object = self.object_mut(kind)?;
        object.records.insert(id, Record::with_room(at, actor.source, values.len()));
        let fields = self.write(kind, id, values, actor, at)?;
        Ok((id, fields))
    }

    /// A new record's id: higher than all before.
    pub fn next_id(&mut self, kind: Kind) -> Result<u64, Fault> {
        let step = 1 + self.rng.below(900) as u64;
        let object = self.object_mut(kind)?;
        object.last_id += step;
        Ok(object.last_id)
    }

    /// The id of a new pipeline or stage: digits, unique in the portal.
    pub fn number(&mut self) -> String {
        self.last_number += 1 + self.rng.below(90) as u64;
        self.last_number.to_string()
    }

    /// A record that was there before the sandbox started: not in the log.
    pub fn seed(&mut self, kind: Kind, at: Millis, values: Values, actor: &Actor) -> Result<u64, Fault> {
        self.add(kind, at, values, actor).map(|(id, _)| id)
    }

    /// The properties that changed.
    pub fn update(
        &mut self,
        kind: Kind,
        id: u64,
        values: Values,
        actor: &Actor,
    ) -> Result<Vec<String>, Fault> {
        let values = rules::complete_change(self, kind, id, values);
        self.update_freely(kind, id, values, actor)
    }

    /// The same without what HubSpot does to the writes of apps.
    pub fn update_freely(
        &mut self,
        kind: Kind,
        id: u64,
        values: Values,
        actor: &Actor,
    ) -> Result<Vec<String>, Fault> {
        let at = self.stamp();
        let fields = self.write(kind, id, values, actor, at)?;
        let changed = fields.keys().cloned().collect::<Vec<_>>();
        if !changed.is_empty() {
            self.touch(kind, id, at);
            self.note(actor, "update", (kind, id), fields);
            self.react(kind, id, &changed, actor);
        }
        Ok(changed)
    }

    /// Stores values; answers those that changed.
    pub fn write(
        &mut self,
        kind: Kind,
        id: u64,
        values: Values,
        actor: &Actor,
        at: Millis,
    ) -> Result<BTreeMap<String, Json>, Fault> {
        let mut fields = BTreeMap::new();
        for (prop, value) in values {
            let object = self.object_mut(kind)?;
            let name = object.property(prop).map(|property| property.name.to_string());
            let record = object.records.get_mut(&id).ok_or_else(Fault::not_found)?;
            let before = record.get(prop).map(str::to_owned);
            let version = Version { prop, source: actor.source, at, value: value.clone().into() };
            if record.set(version) {
                let after = Some(value.as_str()).filter(|value| !value.is_empty());
                self.reindex(kind, id, prop, before.as_deref(), after);
                fields.insert(name.unwrap_or_default(), json!(value));
            }
        }
        Ok(fields)
    }

    /// Moves the time of the last change.
    pub fn touch(&mut self, kind: Kind, id: u64, at: Millis) {
        let record = self.objects.get_mut(usize::from(kind.0)).and_then(|o| o.records.get_mut(&id));
        if let Some(record) = record {
            record.updated = record.updated.max(at);
        }
    }

    /// Moves a record to the recycle bin. Once there, again is no change; an unknown id neither.
    pub fn archive(&mut self, kind: Kind, id: u64, actor: &Actor) -> Result<(), Fault> {
        let at = self.now();
        let object = self.object_mut(kind)?;
        let id = object.resolve(id);
        let Some(record) = object.records.get_mut(&id).filter(|record| record.archived.is_none()) else {
            return Ok(());
        };
        record.archived = Some(at);
        record.updated = record.updated.max(at);
        let values: Vec<(Prop, String)> = record
            .props()
            .filter_map(|prop| record.get(prop).map(|value| (prop, value.to_owned())))
            .collect();
        for (prop, value) in values {
            self.reindex(kind, id, prop, Some(&value), None);
        }
        self.note(actor, "archive", (kind, id), BTreeMap::new());
        Ok(())
    }

    /// As of when a search sees a record.
    pub fn indexed(&self, id: u64) -> Millis {
        if self.settings.search_lag_ms <= 0 {
            return Millis(i64::MAX);
        }
        let part = (id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as i64;
        self.now().plus(-(self.settings.search_lag_ms * part / 127))
    }

    /// Takes a record out of the recycle bin again.
    pub fn restore(&mut self, kind: Kind, id: u64, actor: &Actor) -> Result<(), Fault> {
        let at = self.now();
        let record = self.object_mut(kind)?.records.get_mut(&id).ok_or_else(Fault::not_found)?;
        if record.archived.take().is_none() {
            return Ok(());
        }
        record.updated = record.updated.max(at);
        let values: Vec<(Prop, String)> =
            record.props().filter_map(|prop| Some((prop, record.get(prop)?.to_owned()))).collect();
        for (prop, value) in values {
            self.reindex(kind, id, prop, None, Some(&value));
        }
        self.note(actor, "restore", (kind, id), BTreeMap::new());
        Ok(())
    }

    /// A random version 4 UUID.
    pub fn correlation(&mut self) -> String {
        let (a, b) = (self.rng.roll(), self.rng.roll());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 48) & 0x3fff,
            b & 0xffff_ffff_ffff
        )
    }
}

fn place(objects: &[Object], is: impl Fn(&Object) -> bool) -> Option<Kind> {
    objects.iter().position(is).map(|place| Kind(place as u16))
}
