//! What the hand-written programs share: the task over borrowed texts, and writing.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use jiff::tz::TimeZone;

/// The properties that the task reads; blank and missing are the same here.
#[derive(Default, Clone, Copy)]
pub struct Company<'a> {
    pub name: Option<&'a str>,
    pub domain: Option<&'a str>,
    pub industry: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub numberofemployees: Option<&'a str>,
    pub annualrevenue: Option<&'a str>,
    pub description: Option<&'a str>,
    pub address: Option<&'a str>,
    pub city: Option<&'a str>,
    pub state: Option<&'a str>,
    pub zip: Option<&'a str>,
    pub country: Option<&'a str>,
    pub lifecyclestage: Option<&'a str>,
    pub hs_pipeline_stage: Option<&'a str>,
    pub founded_year: Option<&'a str>,
    pub createdate: Option<&'a str>,
    pub notes_last_updated: Option<&'a str>,
    pub customer_since: Option<&'a str>,
    pub tags: Option<&'a str>,
    pub discount: Option<&'a str>,
    pub hs_is_target_account: Option<&'a str>,
    pub hs_object_id: Option<&'a str>,
    pub credit_score: Option<&'a str>,
}

const INDUSTRIES: [(&str, &str); 30] = [
    ("ACCOUNTING", "Finance"), ("AIRLINES_AVIATION", "Transportation"), ("APPAREL_FASHION", "Apparel"), ("AUTOMOTIVE", "Automotive"),
    ("BANKING", "Banking"), ("BIOTECHNOLOGY", "Biotechnology"), ("CHEMICALS", "Chemicals"), ("COMPUTER_SOFTWARE", "Technology"),
    ("CONSTRUCTION", "Construction"), ("CONSUMER_GOODS", "Consumer Goods"), ("EDUCATION_MANAGEMENT", "Education"),
    ("ENTERTAINMENT", "Entertainment"), ("FARMING", "Agriculture"), ("FINANCIAL_SERVICES", "Finance"), ("FOOD_BEVERAGES", "Food & Beverage"),
    ("GOVERNMENT_ADMINISTRATION", "Government"), ("HEALTH_WELLNESS_AND_FITNESS", "Healthcare"), ("HOSPITALITY", "Hospitality"),
    ("INSURANCE", "Insurance"), ("INTERNET", "Technology"), ("LEGAL_SERVICES", "Legal"), ("LOGISTICS_AND_SUPPLY_CHAIN", "Transportation"),
    ("MACHINERY", "Machinery"), ("MARKETING_AND_ADVERTISING", "Media"), ("OIL_ENERGY", "Energy"), ("REAL_ESTATE", "Real Estate"),
    ("RETAIL", "Retail"), ("TELECOMMUNICATIONS", "Telecommunications"), ("TRANSPORTATION_TRUCKING_RAILROAD", "Transportation"),
    ("UTILITIES", "Utilities"),
];

/// How texts stand in what was read: decoded, or as JSON with its escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    Decoded,
    Raw,
}

pub struct Task {
    industries: HashMap<&'static str, &'static str>,
    zone: TimeZone,
    texts: Texts,
}

impl Task {
    pub fn new(texts: Texts) -> Self {
        Task { industries: HashMap::from(INDUSTRIES), zone: TimeZone::get("Europe/Rome").unwrap(), texts }
    }

    /// Whether the record passes the filter.
    pub fn passes(&self, company: &Company<'_>) -> bool {
        company.domain.is_some_and(|domain| !domain.is_empty())
            && matches!(company.lifecyclestage, Some("opportunity" | "customer"))
            && company.annualrevenue.and_then(|text| text.parse::<f64>().ok()).is_some_and(|revenue| revenue >= 50_000.0)
    }

    pub fn write(&self, c: &Company<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"attributes\":{\"type\":\"Account\"}");
        let revenue = c.annualrevenue.and_then(|text| text.parse::<f64>().ok());
        let name = c.name.map(str::trim);
        self.text(out, "Name", name);
        let host = c.domain.map(|domain| domain.trim().to_lowercase());
        let host = host.as_deref().map(|host| host.strip_prefix("www.").unwrap_or(host));
        if let Some(host) = host.filter(|host| !host.is_empty()) {
            out.extend_from_slice(b",\"Website\":\"https://");
            out.extend_from_slice(host.as_bytes());
            out.push(b'"');
        }
        plain(out, "Industry", c.industry.filter(|text| !text.is_empty()).map(|industry| *self.industries.get(industry).unwrap_or(&"Other")));
        self.text(out, "Phone", c.phone);
        number(out, "NumberOfEmployees", c.numberofemployees);
        number(out, "AnnualRevenue", c.annualrevenue);
        self.text(out, "Description", c.description.map(|text| self.trim_end(self.cut(text, 255), text)));
        self.text(out, "BillingStreet", c.address);
        self.text(out, "BillingCity", c.city);
        self.text(out, "BillingState", c.state);
        self.text(out, "BillingPostalCode", c.zip);
        self.text(out, "BillingCountry", c.country);
        plain(out, "Type", Some(if c.lifecyclestage == Some("customer") { "Customer" } else { "Prospect" }));
        plain(out, "Status", c.hs_pipeline_stage.and_then(|stage| match stage {
            "new" => Some("Open"),
            "working" => Some("In Progress"),
            "evaluating" => Some("In Review"),
            "negotiating" => Some("Negotiation"),
            "won" => Some("Closed Won"),
            "lost" => Some("Closed Lost"),
            _ => None,
        }));
        number(out, "Founded__c", c.founded_year);
        plain(out, "Created_In_HubSpot__c", c.createdate);
        if let Some(at) = c.notes_last_updated.and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
            let day = self.zone.to_datetime(at).date();
            write!(out, ",\"Last_Activity__c\":\"{day}\"").unwrap();
        }
        plain(out, "Customer_Since__c", c.customer_since);
        if let Some(tags) = c.tags.filter(|tags| !tags.is_empty()) {
            let mut tags: Vec<&str> = tags.split(';').collect();
            tags.sort_unstable();
            tags.dedup();
            plain(out, "Tags__c", Some(&tags.join(";")));
        }
        if let Some(discount) = c.discount.and_then(|text| text.parse::<f64>().ok()) {
            write!(out, ",\"Discount__c\":{}", (discount * 10_000.0).round() / 100.0).unwrap();
        }
        match c.hs_is_target_account {
            Some("true") => out.extend_from_slice(b",\"Target__c\":true"),
            Some("false") => out.extend_from_slice(b",\"Target__c\":false"),
            _ => {}
        }
        let tier = match revenue {
            Some(revenue) if revenue >= 10_000_000.0 => "A",
            Some(revenue) if revenue >= 1_000_000.0 => "B",
            _ => "C",
        };
        plain(out, "Tier__c", Some(tier));
        self.text(out, "Short_Name__c", c.name.map(|name| self.cut(name, 20)));
        plain(out, "Domain__c", c.domain.map(str::to_lowercase).as_deref());
        plain(out, "Region__c", Some(match c.country {
            Some("Italy" | "Spain" | "Portugal" | "Greece") => "South",
            Some("Germany" | "Denmark" | "Sweden" | "Norway") => "North",
            _ => "Other",
        }));
        plain(out, "HubSpot_Id__c", c.hs_object_id);
        number(out, "Score__c", c.credit_score);
        out.extend_from_slice(b"}\n");
    }

    /// The first characters; an escape is one.
    fn cut<'t>(&self, text: &'t str, length: usize) -> &'t str {
        if text.len() <= length {
            return text;
        }
        if self.texts == Texts::Decoded {
            return text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end]);
        }
        let (mut count, mut at, bytes) = (0, 0, text.as_bytes());
        while at < bytes.len() && count < length {
            at += match bytes[at] {
                b'\\' if bytes[at + 1] == b'u' => 6,
                b'\\' => 2,
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            count += 1;
        }
        &text[..at]
    }

    /// What was cut ends without blanks, written as they are or as an escape.
    fn trim_end<'t>(&self, mut cut: &'t str, whole: &str) -> &'t str {
        if cut.len() == whole.len() {
            return cut;
        }
        loop {
            let shorter = cut.trim_end();
            let shorter = if self.texts == Texts::Raw { shorter.strip_suffix("\\n").unwrap_or(shorter) } else { shorter };
            if shorter.len() == cut.len() {
                return cut;
            }
            cut = shorter;
        }
    }

    fn text(&self, out: &mut Vec<u8>, key: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        if self.texts == Texts::Raw {
            return plain(out, key, Some(value));
        }
        head(out, key);
        serde_json::to_writer(out, value).unwrap();
    }
}

fn head(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A text that needs no escapes.
fn plain(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return };
    head(out, key);
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

/// A number that stands as text.
fn number(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    let Some(value) = value.and_then(|text| text.parse::<f64>().ok()) else { return };
    head(out, key);
    write!(out, "{value}").unwrap();
}

/// Every line of stdin or of the file named as the argument; what `each` wrote goes to stdout.
pub fn run(mut each: impl FnMut(&mut Vec<u8>, &mut Vec<u8>)) {
    let input: Box<dyn io::Read> = match std::env::args().nth(1) {
        Some(path) => Box::new(std::fs::File::open(path).unwrap()),
        None => Box::new(io::stdin()),
    };
    let mut input = io::BufReader::with_capacity(256 << 10, input);
    let (mut line, mut out, mut stdout) = (Vec::new(), Vec::with_capacity(512 << 10), io::stdout().lock());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).unwrap() == 0 {
            break;
        }
        each(&mut line, &mut out);
        if out.len() > 256 << 10 {
            stdout.write_all(&out).unwrap();
            out.clear();
        }
    }
    stdout.write_all(&out).unwrap();
}

/// A record as serde reads it.
pub mod typed {
    use std::borrow::Cow;

    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct Record<'a> {
        #[serde(borrow)]
        pub properties: Properties<'a>,
    }

    macro_rules! properties {
        ($($name:ident)*) => {
            #[derive(Deserialize)]
            pub struct Properties<'a> {
                $(#[serde(borrow, default)] pub $name: Option<Cow<'a, str>>,)*
            }

            impl Properties<'_> {
                pub fn company(&self) -> super::Company<'_> {
                    super::Company { $($name: self.$name.as_deref()),* }
                }
            }
        };
    }

    properties! {
        name domain industry phone numberofemployees annualrevenue description address city state zip country
        lifecyclestage hs_pipeline_stage founded_year createdate notes_last_updated customer_since tags discount
        hs_is_target_account hs_object_id credit_score
    }
}
