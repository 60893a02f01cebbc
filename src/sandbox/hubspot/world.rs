//! A portal with the default catalogue, filled with HubSpot's part of the business world.

use std::collections::BTreeMap;

use super::super::core::clock::SimClock;
use super::super::core::log::Log;
use super::super::seed::{self, Universe};
use super::Start;
use super::owners::Owner;
use super::pipelines;
use super::portal::{Actor, Portal, Source, Values};
use super::schema::{Object, Property, catalogue};
use super::store::{Key, Kind};
use crate::value::Millis;

const DAY: i64 = 86_400_000;
/// How far back the oldest record was made.
const OLDEST: i64 = 400 * DAY;
/// The youngest one.
const YOUNGEST: i64 = 2 * DAY;

/// What every record has. Objects that nothing here is mapped to have no more, and no records at first: they are there
/// for clients that look at everything.
const STANDARD: &str = include_str!("data/standard.json");

/// Names, catalogue, the number before the first record's id.
const OBJECTS: &[((&str, &str, &str), &str, u64)] = &[
    (("contact", "contacts", "0-1"), include_str!("data/contacts.json"), 734_931_000_000),
    (("company", "companies", "0-2"), include_str!("data/companies.json"), 421_355_000_000),
    (("deal", "deals", "0-3"), include_str!("data/deals.json"), 493_561_000_000),
    (("ticket", "tickets", "0-5"), include_str!("data/tickets.json"), 35_120_000_000),
    (("product", "products", "0-7"), STANDARD, 12_300_000_000),
    (("line_item", "line_items", "0-8"), STANDARD, 14_500_000_000),
    (("quote", "quotes", "0-14"), STANDARD, 16_700_000_000),
    (("feedback_submission", "feedback_submissions", "0-19"), STANDARD, 18_900_000_000),
    (("form", "forms", "0-28"), STANDARD, 19_200_000_000),
    (("deal_split", "deal_splits", "0-72"), STANDARD, 20_100_000_000),
    (("goal_target", "goal_targets", "0-74"), STANDARD, 22_300_000_000),
    (("lead", "leads", "0-136"), STANDARD, 24_500_000_000),
    (("communication", "communications", "0-18"), include_str!("data/communications.json"), 81_300_000_000),
    (("task", "tasks", "0-27"), include_str!("data/tasks.json"), 90_410_000_000),
    (("note", "notes", "0-46"), include_str!("data/notes.json"), 478_016_000_000),
    (("meeting", "meetings", "0-47"), include_str!("data/meetings.json"), 70_230_000_000),
    (("call", "calls", "0-48"), include_str!("data/calls.json"), 60_150_000_000),
    (("email", "emails", "0-49"), include_str!("data/emails.json"), 52_700_000_000),
];

pub fn portal(clock: SimClock, log: Log, universe: &Universe, start: &Start) -> Portal {
    let objects = OBJECTS.iter().map(|(names, text, id)| object(*names, text, *id, start.setup)).collect();
    let mut portal = Portal::new(clock, log, objects, start.seed);
    let now = portal.now();
    portal.owners = universe.owners.iter().enumerate().map(|(n, owner)| own(n, owner, now)).collect();
    let source = Source { ty: "IMPORT".into(), id: "30000001".into(), label: None, user: None };
    let actor = Actor { source: portal.source(source), by: "import".into() };
    let mut fill = Fill { portal, actor, now, companies: BTreeMap::new(), contacts: BTreeMap::new() };
    fill.companies(universe);
    fill.contacts(universe);
    fill.deals(universe);
    fill.lists();
    fill.portal
}

fn object(names: (&str, &str, &str), text: &str, first_id: u64, setup: bool) -> Object {
    let mut object = Object::new(names, catalogue(text), first_id);
    for group in &mut object.groups {
        group.label = title(&group.name);
    }
    object.pipelines = match names.0 {
        "deal" => pipelines::of_deals(),
        "ticket" => pipelines::of_tickets(),
        _ => Vec::new(),
    };
    if setup {
        let group = object.groups.first().map_or_else(String::new, |group| group.name.clone());
        let home = format!("{}information", names.0);
        let group = if object.groups.iter().any(|known| known.name == home) { home } else { group };
        let mut id = Property::custom("twinmap_id", "Twinmap id", "string", "text", &group, Millis(0));
        id.unique = true;
        object.add(id);
    }
    object
}

/// `deal_information` -> `Deal information`
fn title(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn own(n: usize, owner: &seed::Owner, now: Millis) -> Owner {
    let n = n as u64 + 1;
    Owner {
        id: (70_000_000 + n).to_string(),
        email: owner.email.clone(),
        first: owner.first.into(),
        last: owner.last.into(),
        user_id: 9_000_000 + n,
        created: now.plus(-OLDEST - DAY),
        updated: now.plus(-OLDEST),
        archived: (!owner.active).then(|| now.plus(-30 * DAY)),
    }
}

/// The records being made, and which of the world each one is.
struct Fill {
    portal: Portal,
    actor: Actor,
    now: Millis,
    companies: BTreeMap<usize, u64>,
    contacts: BTreeMap<usize, u64>,
}

impl Fill {
    /// When the `n`th of `of` records was made: older ones have lower ids.
    fn made(&self, n: usize, of: usize) -> Millis {
        let part = (OLDEST - YOUNGEST) / (of.max(1) as i64) * n as i64;
        self.now.plus(part - OLDEST)
    }

    fn owner(&self, n: usize) -> String {
        self.portal.owners.get(n).map_or_else(String::new, |owner| owner.id.clone())
    }

    fn kind(&self, name: &str) -> Kind {
        self.portal.named(name).unwrap_or(Kind(u16::MAX))
    }

    fn add(&mut self, kind: Kind, at: Millis, values: &[(&str, &str)]) -> Option<u64> {
        let object = self.portal.object(kind).ok()?;
        let given: Values = values
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| Some((object.prop(name)?, (*value).to_owned())))
            .collect();
        self.portal.seed(kind, at, given, &self.actor).ok()
    }

    fn link(&mut self, from: Key, to: Key, types: &[u32]) {
        self.portal.links.set(from, to, types.to_vec());
    }

    /// Lists that marketing people keep by hand.
    fn lists(&mut self) {
        for (object, name, ids, every) in [
            ("contact", "Newsletter", &self.contacts, 3),
            ("company", "Key accounts", &self.companies, 5),
            ("contact", "Salesforce inclusion list", &self.contacts, 2),
        ] {
            let kind = self.portal.named(object).unwrap_or(Kind(u16::MAX));
            let members = ids.values().copied().step_by(every).collect();
            super::lists::seed(&mut self.portal, name, kind, members, self.now.plus(-YOUNGEST));
        }
    }

    fn companies(&mut self, universe: &Universe) {
        let kind = self.kind("company");
        let all = universe.companies.len();
        for (n, company) in universe.companies.iter().enumerate().filter(|(_, c)| c.known.hubspot) {
            let (at, owner) = (self.made(n, all), self.owner(company.owner));
            let (employees, revenue) = (company.employees.to_string(), company.revenue.to_string());
            let values = [
                ("name", company.name.as_str()),
                ("domain", &company.domain),
                ("website", &company.domain),
                ("industry", company.industry.0),
                ("numberofemployees", &employees),
                ("annualrevenue", &revenue),
                ("phone", &company.phone),
                ("city", company.city),
                ("country", company.country),
                ("lifecyclestage", company.lifecycle),
                ("hubspot_owner_id", &owner),
            ];
            if let Some(id) = self.add(kind, at, &values) {
                self.companies.insert(n, id);
            }
        }
    }

    fn contacts(&mut self, universe: &Universe) {
        let (kind, company_kind) = (self.kind("contact"), self.kind("company"));
        let all = universe.contacts.len();
        for (n, contact) in universe.contacts.iter().enumerate().filter(|(_, c)| c.known.hubspot) {
            let (at, owner) = (self.made(n, all), self.owner(contact.owner));
            let company = universe.companies.get(contact.company).map_or("", |company| &company.name);
            let values = [
                ("email", contact.email.as_str()),
                ("firstname", contact.first),
                ("lastname", contact.last),
                ("phone", &contact.phone),
                ("jobtitle", contact.title),
                ("company", company),
                ("lifecyclestage", "lead"),
                ("hubspot_owner_id", &owner),
            ];
            let Some(id) = self.add(kind, at, &values) else { continue };
            self.contacts.insert(n, id);
            if let Some(company) = self.companies.get(&contact.company) {
                self.link((kind, id), (company_kind, *company), &[1, 279]);
            }
        }
    }

    fn deals(&mut self, universe: &Universe) {
        let kind = self.kind("deal");
        let (contact_kind, company_kind) = (self.kind("contact"), self.kind("company"));
        let all = universe.deals.len();
        for (n, deal) in universe.deals.iter().enumerate().filter(|(_, d)| d.known.hubspot) {
            let (at, owner) = (self.made(n, all), self.owner(deal.owner));
            let amount = format!("{}.{:02}", deal.amount / 100, deal.amount % 100);
            let today = self.now.0 - self.now.0.rem_euclid(DAY);
            let close = super::answer::iso(Millis(today + deal.close_in * DAY));
            let stage = if deal.partners { deal.stage.partner } else { deal.stage.standard };
            let values = [
                ("dealname", deal.name.as_str()),
                ("amount", amount.strip_suffix(".00").unwrap_or(&amount)),
                ("pipeline", if deal.partners { "partners" } else { "default" }),
                ("dealstage", stage),
                ("closedate", &close),
                ("hubspot_owner_id", &owner),
            ];
            let Some(id) = self.add(kind, at, &values) else { continue };
            if let Some(company) = self.companies.get(&deal.company) {
                self.link((kind, id), (company_kind, *company), &[5, 341]);
            }
            for contact in
                deal.contacts.iter().filter_map(|n| self.contacts.get(n).copied()).collect::<Vec<_>>()
            {
                self.link((kind, id), (contact_kind, contact), &[3]);
            }
        }
    }
}
