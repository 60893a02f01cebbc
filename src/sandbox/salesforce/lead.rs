//! Converting a lead to an account, a contact and maybe an opportunity.

use serde_json::{Map, Value};

use super::cell::Cell;
use super::dml::{self, live};
use super::fault::Fault;
use super::ids::Id;
use super::org::{Org, Who};
use super::time;

/// What the person who converts chose.
#[derive(Debug, Clone, Default)]
pub struct Conversion {
    pub lead: Option<Id>,
    /// A status that counts as converted; without it the first such one.
    pub status: Option<String>,
    /// Existing records to go into, in place of new ones.
    pub account: Option<Id>,
    pub contact: Option<Id>,
    /// The name of the new opportunity; `None` with `without_opportunity` unset: named after the company.
    pub opportunity: Option<String>,
    pub without_opportunity: bool,
    pub owner: Option<Id>,
}

#[derive(Debug, Clone, Copy)]
pub struct Converted {
    pub account: Id,
    pub contact: Id,
    pub opportunity: Option<Id>,
}

const TO_ACCOUNT: &[(&str, &str)] = &[
    ("Company", "Name"),
    ("Phone", "Phone"),
    ("Fax", "Fax"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("Rating", "Rating"),
    ("AnnualRevenue", "AnnualRevenue"),
    ("NumberOfEmployees", "NumberOfEmployees"),
    ("Street", "BillingStreet"),
    ("City", "BillingCity"),
    ("State", "BillingState"),
    ("PostalCode", "BillingPostalCode"),
    ("Country", "BillingCountry"),
    ("LeadSource", "AccountSource"),
];
const TO_CONTACT: &[(&str, &str)] = &[
    ("FirstName", "FirstName"),
    ("LastName", "LastName"),
    ("Salutation", "Salutation"),
    ("Email", "Email"),
    ("Phone", "Phone"),
    ("MobilePhone", "MobilePhone"),
    ("Fax", "Fax"),
    ("Title", "Title"),
    ("LeadSource", "LeadSource"),
    ("Description", "Description"),
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
];

/// Does it all, or nothing.
pub fn convert(org: &mut Org, who: &Who, choice: &Conversion) -> Result<Converted, Fault> {
    org.transaction(|org| convert_inner(org, who, choice))
}

fn convert_inner(org: &mut Org, who: &Who, choice: &Conversion) -> Result<Converted, Fault> {
    let (leads, _) = any(org, "Lead")?;
    let lead = choice.lead.ok_or_else(|| Fault::record("MISSING_ARGUMENT", "leadId is missing", [""; 0]))?;
    let row = live(org, leads, lead)?.clone();
    let meta = org.schema.get(leads).ok_or_else(Fault::not_found)?;
    if org.read_by_name(meta, &row, "IsConverted") == Cell::Bool(true) {
        let code = "CANNOT_UPDATE_CONVERTED_LEAD";
        return Err(Fault::record(code, "cannot reference converted lead", [""; 0]));
    }
    let status = status(org, choice.status.as_deref())?;
    let owner = choice.owner.or_else(|| org.read_by_name(meta, &row, "OwnerId").as_id()).unwrap_or(who.user);
    let read = |name: &str| org.read_by_name(meta, &row, name);
    let filled = |pairs: &[(&str, &str)]| -> Vec<(String, Cell)> {
        let cells = pairs.iter().map(|(from, to)| ((*to).to_owned(), read(from)));
        cells.filter(|(_, cell)| !cell.is_null()).chain([("OwnerId".to_owned(), Cell::Ref(owner))]).collect()
    };
    let (to_account, mut to_contact) = (filled(TO_ACCOUNT), filled(TO_CONTACT));
    let company = read("Company").as_text().unwrap_or_default().to_owned();
    let account = match choice.account {
        Some(account) => existing(org, "Account", account)?,
        None => made(org, who, "Account", to_account)?,
    };
    to_contact.push(("AccountId".to_owned(), Cell::Ref(account)));
    let contact = match choice.contact {
        Some(contact) => existing(org, "Contact", contact)?,
        None => made(org, who, "Contact", to_contact)?,
    };
    let opportunity = if choice.without_opportunity {
        None
    } else {
        let name = choice.opportunity.clone().unwrap_or_else(|| format!("{company}-"));
        Some(opportunity(org, who, &name, owner, account, contact)?)
    };
    let today = time::day_of(org.now());
    let facts = vec![
        ("Status", Cell::text(status)),
        ("IsConverted", Cell::Bool(true)),
        ("ConvertedDate", Cell::Date(today)),
        ("ConvertedAccountId", Cell::Ref(account)),
        ("ConvertedContactId", Cell::Ref(contact)),
        ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Ref)),
    ];
    dml::set_by_platform(org, who, leads, lead, "convert", facts)?;
    Ok(Converted { account, contact, opportunity })
}

fn any<'a>(org: &'a Org, name: &str) -> Result<(usize, &'a super::meta::Object), Fault> {
    org.schema.find_any(name).ok_or_else(Fault::not_found)
}

fn existing(org: &Org, object: &str, id: Id) -> Result<Id, Fault> {
    let (at, _) = any(org, object)?;
    live(org, at, id).map(|row| row.id)
}

fn made(org: &mut Org, who: &Who, object: &str, cells: Vec<(String, Cell)>) -> Result<Id, Fault> {
    let (at, _) = any(org, object)?;
    let body: Map<String, Value> = cells.into_iter().map(|(name, cell)| (name, cell.json())).collect();
    dml::create(org, who, at, &body)
}

fn opportunity(
    org: &mut Org,
    who: &Who,
    name: &str,
    owner: Id,
    account: Id,
    contact: Id,
) -> Result<Id, Fault> {
    let (_, meta) = any(org, "Opportunity")?;
    let field = meta.find_any("StageName").map(|(_, field)| field);
    let first = field.and_then(|field| field.choices.iter().find(|choice| choice.active));
    let stage = first.map_or_else(|| "Prospecting".to_owned(), |choice| choice.value.clone());
    let cells = vec![
        ("Name".to_owned(), Cell::text(name)),
        ("StageName".to_owned(), Cell::text(stage)),
        ("CloseDate".to_owned(), Cell::Date(end_of_quarter(time::day_of(org.now())))),
        ("AccountId".to_owned(), Cell::Ref(account)),
        ("ContactId".to_owned(), Cell::Ref(contact)),
        ("OwnerId".to_owned(), Cell::Ref(owner)),
    ];
    made(org, who, "Opportunity", cells)
}

fn end_of_quarter(day: jiff::civil::Date) -> jiff::civil::Date {
    let last_month = (day.month() - 1) / 3 * 3 + 3;
    jiff::civil::Date::new(day.year(), last_month, 1).map_or(day, jiff::civil::Date::last_of_month)
}

/// A status that counts as converted.
fn status(org: &Org, wanted: Option<&str>) -> Result<String, Fault> {
    let (at, meta) = any(org, "LeadStatus")?;
    let converted = org
        .table(at)
        .into_iter()
        .flat_map(|table| table.live())
        .filter(|row| org.read_by_name(meta, row, "IsConverted") == Cell::Bool(true));
    let mut names =
        converted.filter_map(|row| org.read_by_name(meta, row, "ApiName").as_text().map(str::to_owned));
    let found = names.find(|name| wanted.is_none_or(|wanted| wanted == name));
    found.ok_or_else(|| {
        let message = format!("invalid convertedStatus: {}", wanted.unwrap_or_default());
        Fault::record("INVALID_STATUS", message, ["convertedStatus"])
    })
}
