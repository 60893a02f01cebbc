//! People at work in a portal and an org: they make, edit, move, merge and delete companies and contacts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use twinmap::connect::transport::Method;

use crate::rough::{Crm, People, Weather};

/// HubSpot and Salesforce, as the people's places.
pub const PORTAL: usize = 0;
pub const ORG: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Company,
    Person,
}

pub const KINDS: [Kind; 2] = [Kind::Company, Kind::Person];
pub const FIELDS: [&str; 2] = ["phone", "city"];

/// A record as people see it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    /// The name that each thing has, in its domain or address.
    pub thing: String,
    pub values: [String; 2],
    /// Of a person: the record of the (primary) company.
    pub company: Option<String>,
}

/// A value that somebody typed; each is typed once.
pub struct Edit {
    pub thing: String,
    pub field: usize,
    pub value: String,
    /// Somebody saw it and typed something else.
    pub replaced: bool,
}

/// What people did so far.
#[derive(Default)]
pub struct Done {
    typed: usize,
    pub edits: Vec<Edit>,
    pub things: BTreeMap<String, Kind>,
    /// The records of things that somebody deleted or merged away, by the CRM in which they did.
    pub gone: BTreeMap<(usize, String), String>,
    /// People who were moved to an account that follows a deletion of its company.
    pub doomed: BTreeSet<String>,
    /// Things that were merged into another one or took one in: their fields are a mixture.
    pub mixed: BTreeSet<String>,
}

impl Done {
    pub fn is_gone(&self, at: usize, thing: &str) -> bool {
        self.gone.contains_key(&(at, thing.to_owned()))
    }

    /// Nobody deleted it anywhere, or merged it with another one.
    pub fn is_as_it_was(&self, thing: &str) -> bool {
        !self.mixed.contains(thing) && [PORTAL, ORG].into_iter().all(|at| !self.is_gone(at, thing))
    }
}

pub struct Crms {
    all: [Crm; 2],
    pub done: RefCell<Done>,
}

fn object(at: usize, kind: Kind) -> &'static str {
    match (at, kind) {
        (PORTAL, Kind::Company) => "companies",
        (PORTAL, Kind::Person) => "contacts",
        (_, Kind::Company) => "Account",
        (_, Kind::Person) => "Contact",
    }
}

fn field(at: usize, kind: Kind, field: usize) -> &'static str {
    match (at, kind, field) {
        (PORTAL, _, field) => FIELDS[field],
        (_, _, 0) => "Phone",
        (_, Kind::Company, _) => "BillingCity",
        (_, Kind::Person, _) => "MailingCity",
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

impl Crms {
    pub fn new(all: [Crm; 2]) -> Crms {
        Crms { all, done: RefCell::default() }
    }

    fn person(&self, at: usize, call: &str, mut body: Value) -> Value {
        body["by"] = json!("person");
        self.all[at].ask(Method::Post, &format!("/_sandbox/{call}"), Some(&body))
    }

    /// The live records of a kind in a CRM.
    pub fn rows(&self, at: usize, kind: Kind) -> Vec<Row> {
        if at == ORG {
            let (key, fields) = match kind {
                Kind::Company => ("Website", "Website,+Phone,+BillingCity"),
                Kind::Person => ("Email", "Email,+Phone,+MailingCity,+AccountId"),
            };
            let soql = format!("SELECT+Id,+{fields}+FROM+{}+ORDER+BY+Id", object(at, kind));
            let answer = self.all[at].ask(Method::Get, &format!("/services/data/v60.0/query?q={soql}"), None);
            let row = |row: &Value| Row {
                id: text(&row["Id"]),
                thing: thing(&text(&row[key])),
                values: [text(&row[field(at, kind, 0)]), text(&row[field(at, kind, 1)])],
                company: row["AccountId"].as_str().map(str::to_owned),
            };
            return answer["records"].as_array().unwrap().iter().map(row).collect();
        }
        let (key, more) = match kind {
            Kind::Company => ("domain", ""),
            Kind::Person => ("email", "&associations=companies"),
        };
        let target =
            format!("/crm/v3/objects/{}?limit=100&properties={key},phone,city{more}", object(at, kind));
        let answer = self.all[at].ask(Method::Get, &target, None);
        let row = |row: &Value| {
            let id = text(&row["id"]);
            Row {
                thing: thing(&text(&row["properties"][key])),
                values: FIELDS.map(|name| text(&row["properties"][name])),
                company: if kind == Kind::Person { self.primary(&id) } else { None },
                id,
            }
        };
        answer["results"].as_array().unwrap().iter().map(row).collect()
    }

    fn primary(&self, contact: &str) -> Option<String> {
        let target = format!("/crm/v4/objects/contacts/{contact}/associations/companies");
        let answer = self.all[PORTAL].ask(Method::Get, &target, None);
        let all = answer["results"].as_array().unwrap();
        let is_primary =
            |one: &&Value| one["associationTypes"].as_array().unwrap().iter().any(|kind| kind["typeId"] == 1);
        all.iter().find(is_primary).map(|one| one["toObjectId"].to_string().trim_matches('"').to_owned())
    }

    fn make(&self, weather: &mut Weather) {
        let mut done = self.done.borrow_mut();
        let kind = *weather.chance.pick(&KINDS).unwrap();
        let thing = format!("{}{}", if kind == Kind::Company { "firm" } else { "person" }, done.things.len());
        // In one CRM or, with the same address, in both; then nobody looks before HubSpot's search shows it.
        let both = weather.chance.chance(30) && !weather.rough;
        let first = weather.chance.below(2);
        for at in [first, 1 - first].into_iter().take(1 + usize::from(both)) {
            done.typed += 1;
            let phone = format!("phone {}", done.typed);
            let site = format!("{thing}.example");
            let mail = format!("{thing}@people.example");
            let fields = match (at, kind) {
                (PORTAL, Kind::Company) => json!({ "name": thing, "domain": site, "phone": phone }),
                (PORTAL, Kind::Person) => json!({ "email": mail, "lastname": thing, "phone": phone }),
                (_, Kind::Company) => {
                    json!({ "Name": thing, "Website": format!("https://{site}"), "Phone": phone })
                }
                (_, Kind::Person) => json!({ "Email": mail, "LastName": thing, "Phone": phone }),
            };
            let object = object(at, kind);
            match at {
                PORTAL => self.person(at, "edit", json!({ "object": object, "properties": fields })),
                _ => self.person(at, "create", json!({ "object": object, "fields": fields })),
            };
            weather.say(format!("somebody makes {thing} at {at} with {phone:?}"));
            done.edits.push(Edit { thing: thing.clone(), field: 0, value: phone, replaced: false });
        }
        done.things.insert(thing, kind);
        if both {
            weather.clock.advance(60_000);
        }
    }

    fn edit(&self, weather: &mut Weather, at: usize, kind: Kind, row: &Row) {
        let mut done = self.done.borrow_mut();
        let which = weather.chance.below(2);
        done.typed += 1;
        let value = format!("{} {}", FIELDS[which], done.typed);
        for edit in &mut done.edits {
            edit.replaced |= edit.field == which && edit.value == row.values[which];
        }
        let fields = json!({ field(at, kind, which): value });
        let name = if at == PORTAL { "properties" } else { "fields" };
        self.person(at, "edit", json!({ "object": object(at, kind), "id": row.id, name: fields }));
        let thing = row.thing.clone();
        weather.say(format!("somebody sets {} of {thing} ({}) at {at} to {value:?}", FIELDS[which], row.id));
        done.edits.push(Edit { thing, field: which, value, replaced: false });
    }

    /// A person goes to another company.
    fn moves(&self, weather: &mut Weather, at: usize, person: &Row) {
        let companies = self.rows(at, Kind::Company);
        let Some(company) = weather.chance.pick(&companies) else { return };
        weather.say(format!("somebody moves {} at {at} to {}", person.thing, company.thing));
        if at == ORG {
            // The account may be on its way into the recycle bin at this moment, with everybody in it.
            if weather.rough && self.done.borrow().is_gone(PORTAL, &company.thing) {
                self.done.borrow_mut().doomed.insert(person.thing.clone());
            }
            let fields = json!({ "AccountId": company.id });
            self.person(at, "edit", json!({ "object": "Contact", "id": person.id, "fields": fields }));
            return;
        }
        if let Some(before) = &person.company {
            let body = json!({ "object": "contacts", "id": person.id, "toObject": "companies", "toId": before, "remove": true });
            self.person(at, "associate", body);
        }
        let body = json!({ "object": "contacts", "id": person.id, "toObject": "companies", "toId": company.id, "type": 1 });
        self.person(at, "associate", body);
    }

    fn deletes(&self, weather: &mut Weather, at: usize, kind: Kind, row: &Row) {
        weather.say(format!("somebody deletes {} ({}) at {at}", row.thing, row.id));
        let mut done = self.done.borrow_mut();
        done.gone.insert((at, row.thing.clone()), row.id.clone());
        if (at, kind) == (ORG, Kind::Company) {
            // Salesforce deletes the contacts of an account along with it.
            for person in self.rows(ORG, Kind::Person) {
                if person.company.as_ref() == Some(&row.id) {
                    done.gone.insert((ORG, person.thing), person.id);
                }
            }
        }
        let call = if at == PORTAL { "archive" } else { "delete" };
        self.person(at, call, json!({ "object": object(at, kind), "id": row.id }));
    }

    fn merges(&self, weather: &mut Weather, at: usize, kind: Kind, rows: &[Row]) {
        let (Some(one), Some(other)) = (weather.chance.pick(rows), weather.chance.pick(rows)) else { return };
        if one.id == other.id {
            return;
        }
        weather.say(format!(
            "somebody merges {} ({}) at {at} into {} ({})",
            other.thing, other.id, one.thing, one.id
        ));
        let mut done = self.done.borrow_mut();
        done.gone.insert((at, other.thing.clone()), other.id.clone());
        done.mixed.extend([one.thing.clone(), other.thing.clone()]);
        let object = object(at, kind);
        match at {
            PORTAL => self.person(
                at,
                "merge",
                json!({ "object": object, "primaryObjectId": one.id, "objectIdToMerge": other.id }),
            ),
            _ => {
                self.person(at, "merge", json!({ "object": object, "master": one.id, "losers": [other.id] }))
            }
        };
    }
}

/// `firm3` of `https://firm3.example` or `firm3@people.example`.
fn thing(key: &str) -> String {
    let key = key.trim_start_matches("https://");
    key.split(['.', '@']).next().unwrap_or("").to_owned()
}

impl People for Crms {
    fn crm(&self, at: usize) -> &Crm {
        &self.all[at]
    }

    fn somebody(&self, weather: &RefCell<Weather>) {
        let mut weather = weather.borrow_mut();
        let what = weather.chance.below(100);
        let few = self.done.borrow().things.len() < 8;
        if what < 30 && few {
            return self.make(&mut weather);
        }
        let (at, kind) = (weather.chance.below(2), *weather.chance.pick(&KINDS).unwrap());
        let rows = self.rows(at, kind);
        let Some(row) = weather.chance.pick(&rows).cloned() else { return };
        match what {
            0..75 => self.edit(&mut weather, at, kind, &row),
            75..88 if kind == Kind::Person => self.moves(&mut weather, at, &row),
            88..94 => self.deletes(&mut weather, at, kind, &row),
            94.. => self.merges(&mut weather, at, kind, &rows),
            _ => self.edit(&mut weather, at, kind, &row),
        }
    }
}
