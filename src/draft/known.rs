//! What is known of the vendors' standard objects: which are counterparts, and which fields go together.

use crate::schema::SystemKind;

/// A pair of standard objects with its fields, HubSpot on the left.
pub struct KnownPair {
    /// The sync's name.
    pub name: &'static str,
    pub hubspot: &'static str,
    pub salesforce: &'static str,
    pub fields: &'static [(&'static str, &'static str)],
    /// Clauses between `start` and `map`.
    pub clauses: &'static [&'static str],
    /// The association with its parent, when that is synced too.
    pub associate: Option<(&'static str, &'static str, &'static str)>,
}

/// In the order of the draft: parents first.
pub const PAIRS: [KnownPair; 3] = [
    KnownPair {
        name: "companies",
        hubspot: "company",
        salesforce: "Account",
        fields: &[
            ("name", "Name"),
            ("domain", "Website"),
            ("phone", "Phone"),
            ("address", "BillingStreet"),
            ("city", "BillingCity"),
            ("state", "BillingState"),
            ("zip", "BillingPostalCode"),
            ("country", "BillingCountry"),
            ("industry", "Industry"),
            ("numberofemployees", "NumberOfEmployees"),
            ("annualrevenue", "AnnualRevenue"),
            ("description", "Description"),
            ("type", "Type"),
            ("hubspot_owner_id", "OwnerId"),
        ],
        clauses: &[
            "filter LEFT: domain is set",
            "match: domain(LEFT.domain) == domain(RIGHT.Website)",
            "create LEFT: Website is set",
            "create RIGHT: always",
        ],
        associate: None,
    },
    KnownPair {
        name: "contacts",
        hubspot: "contact",
        salesforce: "Contact",
        fields: &[
            ("email", "Email"),
            ("firstname", "FirstName"),
            ("lastname", "LastName"),
            ("jobtitle", "Title"),
            ("salutation", "Salutation"),
            ("phone", "Phone"),
            ("mobilephone", "MobilePhone"),
            ("fax", "Fax"),
            ("hubspot_owner_id", "OwnerId"),
        ],
        clauses: &[
            "filter LEFT: email is set and lastname is set",
            "filter RIGHT: Email is set",
            "match: lower(LEFT.email) == lower(RIGHT.Email)",
            "create LEFT: always",
            "create RIGHT: always",
        ],
        associate: Some(("company", "AccountId", "companies")),
    },
    KnownPair {
        name: "deals",
        hubspot: "deal",
        salesforce: "Opportunity",
        fields: &[
            ("dealname", "Name"),
            ("amount", "Amount"),
            ("closedate", "CloseDate"),
            ("dealstage", "StageName"),
            ("description", "Description"),
            ("dealtype", "Type"),
            ("hubspot_owner_id", "OwnerId"),
        ],
        clauses: &[
            "filter LEFT: dealname is set and closedate is set",
            "match: none",
            "create LEFT: always",
            "create RIGHT: always",
        ],
        associate: Some(("company", "AccountId", "companies")),
    },
];

/// The known pair of two objects, and whether they stand the other way round.
pub fn pair(left: (SystemKind, &str), right: (SystemKind, &str)) -> Option<(&'static KnownPair, bool)> {
    let find = |hubspot: &str, salesforce: &str| {
        PAIRS.iter().find(|pair| pair.hubspot == hubspot && pair.salesforce == salesforce)
    };
    match (left.0, right.0) {
        (SystemKind::Hubspot, SystemKind::Salesforce) => find(left.1, right.1).map(|pair| (pair, false)),
        (SystemKind::Salesforce, SystemKind::Hubspot) => find(right.1, left.1).map(|pair| (pair, true)),
        _ => None,
    }
}
