//! The schema of Sales Navigator, which no API describes: the objects that its CRM sync knows, and what flows where.
//!
//! Records flow in from the CRM and are matched by LinkedIn; nothing but a lead's own data flows back, and of that
//! only what LinkedIn offers for creating or updating a person in the CRM. See `docs/CONNECTORS.md`.

use std::collections::BTreeMap;

use super::model::{Account, Field, Object, System, SystemKind};
use super::snapshot;
use super::types::{Digits, FieldType};

/// Kinds of activities that Sales Navigator writes to a CRM: the word of a target line, the word of `items`.
pub const ACTIVITIES: [(&str, &str); 6] = [
    ("inmail", "inmails"),
    ("message", "messages"),
    ("note", "notes"),
    ("call", "calls"),
    ("smart_link", "smart_links"),
    ("tag", "tags"),
];

/// The fields of a lead that LinkedIn offers when the CRM's person is updated; all others only when it is created.
pub const UPDATED: [&str; 3] = ["title", "company", "location"];

/// Where a kind of activity may go: CRM, object, kinds, records that it may hang on.
pub type Target = (SystemKind, &'static str, &'static [&'static str], &'static [&'static str]);
pub const TARGETS: [Target; 5] = [
    (SystemKind::Salesforce, "Task", &["inmail", "message", "call", "smart_link"], &["Contact", "Lead"]),
    (SystemKind::Salesforce, "Note", &["note"], &["Contact", "Lead", "Account"]),
    (SystemKind::Hubspot, "communication", &["inmail", "message"], &["contact", "company", "deal"]),
    (SystemKind::Hubspot, "note", &["note", "smart_link"], &["contact", "company", "deal"]),
    (SystemKind::Hubspot, "call", &["call"], &["contact", "company", "deal"]),
];

/// What LinkedIn's own CRM sync reads of each object, where a sync has no `map`: the CRM's field, ours. These mappings
/// are fixed there; a `map` of one's own takes their place as a whole.
pub const DEFAULT_ROWS: [(&str, &[(&str, &str)]); 7] = [
    (
        "contact",
        &[
            ("firstname", "first_name"),
            ("lastname", "last_name"),
            ("jobtitle", "title"),
            ("company", "company"),
            ("city", "location"),
            ("country", "country"),
            ("email", "email"),
            ("phone", "phone"),
        ],
    ),
    (
        "company",
        &[
            ("name", "name"),
            ("domain", "website"),
            ("phone", "phone"),
            ("address", "street"),
            ("city", "city"),
            ("state", "state"),
            ("zip", "zip"),
            ("country", "country"),
            ("industry", "industry"),
            ("numberofemployees", "employees"),
        ],
    ),
    (
        "deal",
        &[
            ("dealname", "name"),
            ("dealstage", "stage"),
            ("amount", "amount"),
            ("hs_is_closed", "is_closed"),
            ("hs_is_closed_won", "is_won"),
        ],
    ),
    (
        "Contact",
        &[
            ("FirstName", "first_name"),
            ("LastName", "last_name"),
            ("Title", "title"),
            ("MailingCity", "location"),
            ("MailingCountry", "country"),
            ("Email", "email"),
            ("Phone", "phone"),
        ],
    ),
    (
        "Lead",
        &[
            ("FirstName", "first_name"),
            ("LastName", "last_name"),
            ("Title", "title"),
            ("Company", "company"),
            ("City", "location"),
            ("Country", "country"),
            ("Email", "email"),
            ("Phone", "phone"),
        ],
    ),
    (
        "Account",
        &[
            ("Name", "name"),
            ("Website", "website"),
            ("Phone", "phone"),
            ("BillingStreet", "street"),
            ("BillingCity", "city"),
            ("BillingState", "state"),
            ("BillingPostalCode", "zip"),
            ("BillingCountry", "country"),
            ("Industry", "industry"),
            ("NumberOfEmployees", "employees"),
        ],
    ),
    (
        "Opportunity",
        &[
            ("Name", "name"),
            ("StageName", "stage"),
            ("Amount", "amount"),
            ("CloseDate", "close_date"),
            ("IsClosed", "is_closed"),
            ("IsWon", "is_won"),
        ],
    ),
];

/// The edition of a connection that keeps to LinkedIn's own rules: its mappings are fixed.
pub const PARITY: &str = "parity";

/// Of a lead: `CRM` = the CRM sync brought it, `LINKEDIN` = a seat holder handed it to the CRM.
pub const ORIGIN: &str = "origin";
pub const HANDED_OVER: &str = "LINKEDIN";
/// Of a lead: the member behind it.
pub const MEMBER: &str = "member";

/// The built-in schema of a Sales Navigator connection.
pub fn system() -> System {
    let text = || FieldType::Text { max: None };
    let lead: &[(&str, &str, FieldType)] = &[
        ("first_name", "First name", text()),
        ("last_name", "Last name", text()),
        ("title", "Job title", text()),
        ("company", "Company", text()),
        ("location", "Location", text()),
        ("country", "Country", text()),
        ("email", "Email", FieldType::Email),
        ("phone", "Phone", FieldType::Phone),
        ("linkedin_url", "LinkedIn profile", FieldType::Url),
        (ORIGIN, "Where the lead comes from", text()),
        (MEMBER, "LinkedIn member", text()),
    ];
    let account: &[(&str, &str, FieldType)] = &[
        ("name", "Company name", text()),
        ("website", "Website", FieldType::Url),
        ("phone", "Phone", FieldType::Phone),
        ("street", "Street", text()),
        ("city", "City", text()),
        ("state", "State or province", text()),
        ("zip", "Postal code", text()),
        ("country", "Country", text()),
        ("industry", "Industry", text()),
        ("employees", "Number of employees", FieldType::Int { digits: None }),
    ];
    let opportunity: &[(&str, &str, FieldType)] = &[
        ("name", "Name", text()),
        ("stage", "Stage", text()),
        ("amount", "Amount", FieldType::Money(Digits::default())),
        ("close_date", "Close date", FieldType::Date),
        ("is_closed", "Closed", FieldType::Bool),
        ("is_won", "Won", FieldType::Bool),
    ];
    let objects = [
        ("lead", "Lead", "leads", lead),
        ("account", "Account", "accounts", account),
        ("opportunity", "Opportunity", "opportunities", opportunity),
    ];
    System {
        format_version: snapshot::FORMAT_VERSION.to_owned(),
        kind: SystemKind::Salesnav,
        pulled: String::new(),
        account: Account::default(),
        objects: objects
            .into_iter()
            .map(|(name, label, plural, fields)| (name.to_owned(), object(label, plural, fields)))
            .collect(),
        owners: None,
        lists: None,
    }
}

fn object(label: &str, plural: &str, fields: &[(&str, &str, FieldType)]) -> Object {
    let mut fields: BTreeMap<String, Field> =
        fields.iter().map(|(name, label, ty)| ((*name).to_owned(), field(label, ty.clone()))).collect();
    let key = field("Twinmap id", FieldType::Text { max: Some(64) });
    fields.insert("twinmap_id".to_owned(), Field { unique: true, external_id: true, ..key });
    Object {
        label: label.to_owned(),
        aliases: vec![plural.to_owned()],
        createable: true,
        updateable: true,
        deletable: false,
        fields,
        pipelines: Vec::new(),
        stages: Vec::new(),
        record_types: Vec::new(),
        associations: Vec::new(),
        records: None,
    }
}

fn field(label: &str, ty: FieldType) -> Field {
    Field {
        label: label.to_owned(),
        ty,
        nullable: true,
        readable: true,
        createable: true,
        updateable: true,
        filterable: false,
        unique: false,
        external_id: false,
        calculated: false,
        required_on_create: false,
        defaulted: false,
        restricted: false,
        custom: false,
        written_by: String::new(),
        options: Vec::new(),
        wire: String::new(),
    }
}
