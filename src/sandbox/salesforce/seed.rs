//! The part of the made-up business world that this org knows: users, stages, record types, accounts, contacts,
//! opportunities with their contact roles, some leads and tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::super::core::rng::Rng;
use super::super::seed::{Company, Contact, Deal, Universe};
use super::cell::Cell;
use super::ids::Id;
use super::meta::RecordType;
use super::org::Org;
use super::store::Row;
use super::time::{self, DAY, HOUR, MINUTE};

/// (name, probability, forecast category, its label, closed, won)
const STAGES: &[(&str, u8, &str, &str, bool, bool)] = &[
    ("Prospecting", 10, "Pipeline", "Pipeline", false, false),
    ("Qualification", 10, "Pipeline", "Pipeline", false, false),
    ("Needs Analysis", 20, "Pipeline", "Pipeline", false, false),
    ("Value Proposition", 50, "Pipeline", "Pipeline", false, false),
    ("Id. Decision Makers", 60, "Pipeline", "Pipeline", false, false),
    ("Perception Analysis", 70, "Pipeline", "Pipeline", false, false),
    ("Proposal/Price Quote", 75, "Pipeline", "Pipeline", false, false),
    ("Negotiation/Review", 90, "Pipeline", "Pipeline", false, false),
    ("Closed Won", 100, "Closed", "Closed", true, true),
    ("Closed Lost", 0, "Omitted", "Omitted", true, false),
];
const LEAD_STATUSES: &[(&str, bool, bool)] = &[
    ("Open - Not Contacted", true, false),
    ("Working - Contacted", false, false),
    ("Closed - Converted", false, true),
    ("Closed - Not Converted", false, false),
];
/// The stages of partner deals.
const PARTNER_STAGES: &[&str] =
    &["Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost"];

pub const NEW_BUSINESS: &str = "0125g000000AAAA";
pub const PARTNER: &str = "0125g000000AAAB";
const HOUSEHOLD: &str = "01254000001upcK";

/// Object, id, developer name, name, default, stages.
type TypeRow<'a> = (&'static str, &'a str, &'a str, &'a str, bool, &'a [&'a str]);

pub struct Seeder<'a> {
    org: &'a mut Org,
    rng: Rng,
    /// Texts that many rows share.
    texts: BTreeSet<Arc<str>>,
    /// (object, field name) -> field
    places: BTreeMap<(usize, &'static str), u16>,
    users: Vec<Id>,
    profile: Id,
}

/// Fills a new org.
pub fn seed(org: &mut Org, world: &Universe) {
    let profile = Id::new("00e", 1);
    let mut seeder = Seeder {
        rng: Rng::new(fingerprint(world)),
        org,
        texts: BTreeSet::new(),
        places: BTreeMap::new(),
        users: Vec::new(),
        profile,
    };
    seeder.setup_objects();
    seeder.users(world);
    seeder.record_types();
    let accounts = seeder.accounts(&world.companies);
    let contacts = seeder.contacts(&world.contacts, &accounts);
    seeder.opportunities(&world.deals, &accounts, &contacts);
    seeder.leads(world);
    seeder.tasks(&contacts);
}

/// A seed that depends on the world.
fn fingerprint(world: &Universe) -> u64 {
    world.companies.iter().take(8).fold(world.companies.len() as u64, |sum, company| {
        sum.wrapping_mul(31).wrapping_add(company.revenue).wrapping_add(u64::from(company.employees))
    })
}

impl Seeder<'_> {
    fn text(&mut self, text: &str) -> Cell {
        if let Some(known) = self.texts.get(text) {
            return Cell::Text(known.clone());
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        Cell::Text(text)
    }

    fn put(&mut self, object: &'static str, row: Row, cells: Vec<(&'static str, Cell)>) -> Id {
        let Some((at, meta)) = self.org.schema.find(object) else { return row.id };
        let mut row = row;
        for (name, cell) in cells {
            let place = match self.places.get(&(at, name)) {
                Some(place) => *place,
                None => {
                    let Some((place, _)) = meta.find(name) else { continue };
                    self.places.insert((at, name), place);
                    place
                }
            };
            row.set(place, cell);
        }
        row.shrink();
        let id = row.id;
        self.org.put(at, row);
        id
    }

    /// A row of a past day, by one of the users.
    fn row(&mut self, object: &str, by: Id) -> Row {
        let now = self.org.now();
        let created = now - (20 + self.rng.below(300) as i64) * DAY - self.rng.below(24 * 60) as i64 * MINUTE;
        let modified = now - (1 + self.rng.below(19) as i64) * DAY - self.rng.below(86_400) as i64 * 1_000;
        let id = self.next_id(object);
        Row { modified, stamp: modified, ..Row::new(id, created, by) }
    }

    fn next_id(&mut self, object: &str) -> Id {
        let Some((at, meta)) = self.org.schema.find(object) else { return Id::MASTER };
        let prefix = meta.key_prefix.clone();
        self.org.tables.get_mut(at).map_or(Id::MASTER, |table| table.next_id(&prefix))
    }

    /// A row of the day the org began, with a small number.
    fn setup_row(&self, prefix: &str, n: u64) -> Row {
        Row::new(Id::new(prefix, n), self.org.now() - 400 * DAY, self.org.integration_user)
    }

    fn setup_objects(&mut self) {
        let org_row = Row { id: self.org.id, ..self.setup_row("00D", 1) };
        let org_cells = vec![
            ("Name", self.text("Twinmap Sandbox")),
            ("OrganizationType", self.text("Developer Edition")),
            ("TimeZoneSidKey", self.text("GMT")),
            ("LanguageLocaleKey", self.text("en_US")),
            ("DefaultLocaleSidKey", self.text("en_US")),
            ("FiscalYearStartMonth", Cell::Number(Decimal::ONE)),
            ("InstanceName", self.text("SBX1")),
            ("Country", self.text("US")),
        ];
        self.put("Organization", org_row, org_cells);
        let cells = vec![
            ("Name", self.text("System Administrator")),
            ("UserType", self.text("Standard")),
            ("PermissionsViewAllData", Cell::Bool(true)),
            ("PermissionsModifyAllData", Cell::Bool(true)),
        ];
        self.put("Profile", Row { id: self.profile, ..self.setup_row("00e", 1) }, cells);
        for (n, &(name, percent, category, label, closed, won)) in (1..).zip(STAGES) {
            let cells = vec![
                ("MasterLabel", self.text(name)),
                ("ApiName", self.text(name)),
                ("IsActive", Cell::Bool(true)),
                ("SortOrder", Cell::Number(Decimal::from(n))),
                ("IsClosed", Cell::Bool(closed)),
                ("IsWon", Cell::Bool(won)),
                ("ForecastCategory", self.text(category)),
                ("ForecastCategoryName", self.text(label)),
                ("DefaultProbability", Cell::Number(Decimal::from(percent))),
            ];
            self.put("OpportunityStage", self.setup_row("01J", n), cells);
        }
        for (n, &(name, default, converted)) in (1..).zip(LEAD_STATUSES) {
            let cells = vec![
                ("MasterLabel", self.text(name)),
                ("ApiName", self.text(name)),
                ("SortOrder", Cell::Number(Decimal::from(n))),
                ("IsDefault", Cell::Bool(default)),
                ("IsConverted", Cell::Bool(converted)),
            ];
            self.put("LeadStatus", self.setup_row("01J", 100 + n), cells);
        }
    }

    /// One user per owner, and the one that the API client is.
    fn users(&mut self, world: &Universe) {
        let row = Row { id: self.org.integration_user, ..self.setup_row("005", 1) };
        self.user(row, "Integration", "User", "integration@twinmap.example", true);
        for owner in &world.owners {
            let mut row = self.setup_row("005", 0);
            row.id = self.next_id("User");
            let id = self.user(row, owner.first, owner.last, &owner.email, owner.active);
            self.users.push(id);
        }
    }

    fn user(&mut self, row: Row, first: &str, last: &str, email: &str, active: bool) -> Id {
        let alias: String = first.chars().take(1).chain(last.chars().take(4)).collect();
        let cells = vec![
            ("Username", Cell::text(format!("{email}.sandbox"))),
            ("FirstName", Cell::text(first)),
            ("LastName", Cell::text(last)),
            ("Email", Cell::text(email)),
            ("Alias", Cell::text(alias.to_lowercase())),
            ("CommunityNickname", Cell::text(format!("{}.{}", first.to_lowercase(), last.to_lowercase()))),
            ("IsActive", Cell::Bool(active)),
            ("TimeZoneSidKey", self.text("GMT")),
            ("LocaleSidKey", self.text("en_US")),
            ("LanguageLocaleKey", self.text("en_US")),
            ("EmailEncodingKey", self.text("UTF-8")),
            ("UserType", self.text("Standard")),
            ("ProfileId", Cell::Ref(self.profile)),
        ];
        self.put("User", row, cells)
    }

    fn record_types(&mut self) {
        let all: Vec<&str> = STAGES.iter().map(|stage| stage.0).collect();
        let types: [TypeRow<'_>; 3] = [
            ("Account", HOUSEHOLD, "Household", "Household", true, &[]),
            ("Opportunity", NEW_BUSINESS, "New_Business", "New Business", true, &all),
            ("Opportunity", PARTNER, "Partner", "Partner", false, PARTNER_STAGES),
        ];
        for (object, id, developer_name, name, default, stages) in types {
            let Some(id) = Id::parse(id) else { continue };
            let cells = vec![
                ("Name", self.text(name)),
                ("DeveloperName", self.text(developer_name)),
                ("SobjectType", self.text(object)),
                ("IsActive", Cell::Bool(true)),
            ];
            self.put("RecordType", Row { id, ..self.setup_row("012", 0) }, cells);
            let mut picklists = BTreeMap::new();
            if !stages.is_empty() {
                picklists.insert("StageName".to_owned(), stages.iter().map(|s| (*s).to_owned()).collect());
            }
            if let Some(meta) = self.org.schema.find_mut(object) {
                meta.record_types.push(RecordType {
                    id,
                    developer_name: developer_name.to_owned(),
                    name: name.to_owned(),
                    active: true,
                    default,
                    picklists,
                });
            }
        }
    }

    fn owner(&self, n: usize) -> Id {
        self.users.get(n).copied().unwrap_or(self.org.integration_user)
    }

    /// Company -> account, of the companies that this org knows.
    fn accounts(&mut self, companies: &[Company]) -> Vec<Option<Id>> {
        let mut all = Vec::with_capacity(companies.len());
        let household = Id::parse(HOUSEHOLD).map_or(Cell::Null, Cell::Ref);
        for company in companies {
            if !company.known.salesforce {
                all.push(None);
                continue;
            }
            let owner = self.owner(company.owner);
            let row = self.row("Account", owner);
            let site = match self.rng.below(3) {
                0 => format!("https://www.{}", company.domain),
                1 => format!("www.{}", company.domain),
                _ => company.domain.clone(),
            };
            let kind = if company.lifecycle == "customer" { "Customer - Direct" } else { "Prospect" };
            let cells = vec![
                ("Name", Cell::text(company.name.as_str())),
                ("Website", Cell::text(site)),
                ("Type", self.text(kind)),
                ("Industry", self.text(company.industry.1)),
                ("NumberOfEmployees", Cell::Number(Decimal::from(company.employees))),
                ("AnnualRevenue", Cell::Number(Decimal::from(company.revenue))),
                ("Phone", Cell::text(company.phone.as_str())),
                ("BillingCity", self.text(company.city)),
                ("BillingCountry", self.text(company.country)),
                ("RecordTypeId", household.clone()),
                ("OwnerId", Cell::Ref(owner)),
            ];
            all.push(Some(self.put("Account", row, cells)));
        }
        all
    }

    fn contacts(&mut self, contacts: &[Contact], accounts: &[Option<Id>]) -> Vec<Option<Id>> {
        let mut all = Vec::with_capacity(contacts.len());
        for contact in contacts {
            if !contact.known.salesforce {
                all.push(None);
                continue;
            }
            let owner = self.owner(contact.owner);
            let row = self.row("Contact", owner);
            let account = accounts.get(contact.company).copied().flatten();
            let source = self.rng.pick(&["Web", "Phone Inquiry", "Partner Referral"]).copied();
            let cells = vec![
                ("FirstName", self.text(contact.first)),
                ("LastName", self.text(contact.last)),
                ("Email", Cell::text(contact.email.to_lowercase())),
                ("Phone", Cell::text(contact.phone.as_str())),
                ("Title", self.text(contact.title)),
                ("AccountId", account.map_or(Cell::Null, Cell::Ref)),
                ("LeadSource", source.map_or(Cell::Null, |source| self.text(source))),
                ("OwnerId", Cell::Ref(owner)),
            ];
            all.push(Some(self.put("Contact", row, cells)));
        }
        all
    }

    fn opportunities(&mut self, deals: &[Deal], accounts: &[Option<Id>], contacts: &[Option<Id>]) {
        let today = time::day_of(self.org.now());
        for deal in deals.iter().filter(|deal| deal.known.salesforce) {
            let owner = self.owner(deal.owner);
            let row = self.row("Opportunity", owner);
            let made = (row.created, row.modified);
            let account = accounts.get(deal.company).copied().flatten();
            let stage = STAGES.iter().find(|stage| stage.0 == deal.stage.salesforce);
            let kind = if deal.partners { PARTNER } else { NEW_BUSINESS };
            let close: Date = today.saturating_add(jiff::Span::new().days(deal.close_in));
            let cells = vec![
                ("Name", Cell::text(deal.name.as_str())),
                ("AccountId", account.map_or(Cell::Null, Cell::Ref)),
                ("StageName", self.text(deal.stage.salesforce)),
                ("Amount", Cell::Number(Decimal::new(deal.amount as i64, 2).normalize())),
                ("CloseDate", Cell::Date(close)),
                ("Type", self.text("New Customer")),
                ("Probability", stage.map_or(Cell::Null, |stage| Cell::Number(Decimal::from(stage.1)))),
                ("ForecastCategoryName", stage.map_or(Cell::Null, |stage| self.text(stage.3))),
                ("RecordTypeId", Id::parse(kind).map_or(Cell::Null, Cell::Ref)),
                ("OwnerId", Cell::Ref(owner)),
            ];
            let id = self.put("Opportunity", row, cells);
            let people = deal.contacts.iter().filter_map(|&n| contacts.get(n).copied().flatten());
            for (n, contact) in people.enumerate() {
                let role =
                    Row { created: made.0, modified: made.1, ..self.row("OpportunityContactRole", owner) };
                let cells = vec![
                    ("OpportunityId", Cell::Ref(id)),
                    ("ContactId", Cell::Ref(contact)),
                    ("Role", self.text(if n == 0 { "Decision Maker" } else { "Influencer" })),
                    ("IsPrimary", Cell::Bool(n == 0)),
                ];
                self.put("OpportunityContactRole", Row { stamp: made.1, ..role }, cells);
            }
        }
    }

    /// People whom only the other CRM knows as contacts, as leads here.
    fn leads(&mut self, world: &Universe) {
        let strangers = world.contacts.iter().filter(|contact| !contact.known.salesforce).take(12);
        for contact in strangers {
            let Some(company) = world.companies.get(contact.company) else { continue };
            let owner = self.owner(contact.owner);
            let row = self.row("Lead", owner);
            let status = self.rng.pick(LEAD_STATUSES.get(..2).unwrap_or_default()).map_or("", |s| s.0);
            let cells = vec![
                ("FirstName", self.text(contact.first)),
                ("LastName", self.text(contact.last)),
                ("Company", Cell::text(company.name.as_str())),
                ("Email", Cell::text(contact.email.to_lowercase())),
                ("Phone", Cell::text(contact.phone.as_str())),
                ("Title", self.text(contact.title)),
                ("Status", self.text(status)),
                ("LeadSource", self.text("Web")),
                ("Industry", self.text(company.industry.1)),
                ("City", self.text(company.city)),
                ("Country", self.text(company.country)),
                ("OwnerId", Cell::Ref(owner)),
            ];
            self.put("Lead", row, cells);
        }
    }

    fn tasks(&mut self, contacts: &[Option<Id>]) {
        let now = self.org.now();
        let people: Vec<Id> = contacts.iter().copied().flatten().take(20).collect();
        for (n, contact) in people.into_iter().enumerate() {
            let owner = self.owner(n % 4);
            let row = self.row("Task", owner);
            let due = time::day_of(now + (n as i64 - 10) * DAY + HOUR);
            let cells = vec![
                ("WhoId", Cell::Ref(contact)),
                ("Subject", self.text(if n % 2 == 0 { "Call" } else { "Send Quote" })),
                ("Status", self.text(if n % 3 == 0 { "Completed" } else { "Not Started" })),
                ("Priority", self.text("Normal")),
                ("TaskSubtype", self.text(if n % 2 == 0 { "Call" } else { "Task" })),
                ("ActivityDate", Cell::Date(due)),
                ("OwnerId", Cell::Ref(owner)),
            ];
            self.put("Task", row, cells);
        }
    }
}
