//! Records as an export of HubSpot companies has them: `generate RECORDS PASS > companies.jsonl`.
//!
//! PASS is the share in percent that the mapping's filter lets through. The same arguments give the same bytes: there
//! is no clock and no outside randomness. About 1.2 KB a record: unicode, nulls, multi-selects in any order, ISO
//! dates, numbers as strings, long descriptions with line ends and quotation marks.

use std::io::{BufWriter, Write};

struct Chance(u64);

impl Chance {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

const HEADS: &[&str] = &[
    "Müller", "Kowalski", "Andersson", "Brandt", "Rossi", "García", "O'Neill", "Dupont", "Nguyễn", "Schäfer", "Novák", "Larsen",
    "山田", "Blue River", "Northwind", "Contoso", "Red Oak", "Élan", "Zürcher", "Ferreira", "Stone & Field", "Æther", "Papadopoulos",
];
const TAILS: &[&str] = &[
    "GmbH", "S.p.A.", "AB", "Ltd", "Inc.", "& Söhne KG", "Group", "Partners", "株式会社", "Logistics", "Software", "Holding", "Foods", "S.A.",
];
const CITIES: &[(&str, &str, &str)] = &[
    ("München", "Bayern", "Germany"), ("Torino", "TO", "Italy"), ("København", "", "Denmark"), ("São Paulo", "SP", "Brazil"),
    ("Łódź", "łódzkie", "Poland"), ("Austin", "Texas", "United States"), ("Göteborg", "", "Sweden"), ("Málaga", "Andalucía", "Spain"),
    ("Lyon", "Rhône", "France"), ("Oslo", "", "Norway"), ("Αθήνα", "", "Greece"), ("Porto", "", "Portugal"), ("London", "", "United Kingdom"),
    ("東京", "東京都", "Japan"), ("Chicago", "Illinois", "United States"), ("Toronto", "Ontario", "Canada"),
];
const INDUSTRIES: &[&str] = &[
    "ACCOUNTING", "AIRLINES_AVIATION", "APPAREL_FASHION", "AUTOMOTIVE", "BANKING", "BIOTECHNOLOGY", "CHEMICALS", "COMPUTER_SOFTWARE",
    "CONSTRUCTION", "CONSUMER_GOODS", "EDUCATION_MANAGEMENT", "ENTERTAINMENT", "FARMING", "FINANCIAL_SERVICES", "FOOD_BEVERAGES",
    "GOVERNMENT_ADMINISTRATION", "HEALTH_WELLNESS_AND_FITNESS", "HOSPITALITY", "INSURANCE", "INTERNET", "LEGAL_SERVICES",
    "LOGISTICS_AND_SUPPLY_CHAIN", "MACHINERY", "MARKETING_AND_ADVERTISING", "OIL_ENERGY", "REAL_ESTATE", "RETAIL", "TELECOMMUNICATIONS",
    "TRANSPORTATION_TRUCKING_RAILROAD", "UTILITIES",
];
const WORDS: &[&str] = &[
    "family", "owned", "since", "market", "leader", "solutions", "für", "Kunden", "und", "services", "the", "of", "with", "supplier",
    "qualité", "machines", "delivers", "software", "and", "consulting", "worldwide", "café", "in", "to", "a", "naïve", "growth", "team",
];
const TAGS: &[&str] = &["enterprise", "mid market", "smb", "partner", "reseller", "saas", "manufacturing", "public"];
const STAGES: &[&str] = &["new", "working", "evaluating", "negotiating", "won", "lost"];
const LIFECYCLE: &[&str] = &["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "evangelist", "other"];

fn day(chance: &mut Chance, from: u64, to: u64) -> String {
    format!("{}-{:02}-{:02}", from + chance.below(to - from), 1 + chance.below(12), 1 + chance.below(28))
}

fn time(chance: &mut Chance, from: u64, to: u64) -> String {
    let day = day(chance, from, to);
    format!("{day}T{:02}:{:02}:{:02}.{:03}Z", chance.below(24), chance.below(60), chance.below(60), chance.below(1000))
}

/// Already as it stands in JSON.
fn prose(chance: &mut Chance, words: u64) -> String {
    let mut text = String::new();
    for n in 0..words {
        if n > 0 {
            text.push_str(match chance.below(40) {
                0 => ".\\n",
                1 => ", ",
                2 => " \\\"so\\\" ",
                _ => " ",
            });
        }
        text.push_str(chance.pick(WORDS));
    }
    text
}

struct Line(Vec<u8>, bool);

impl Line {
    fn key(&mut self, key: &str) {
        if self.1 {
            self.0.push(b',');
        }
        self.1 = true;
        write!(self.0, "\"{key}\":").unwrap();
    }
    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write!(self.0, "\"{value}\"").unwrap();
    }
    fn null(&mut self, key: &str) {
        self.key(key);
        self.0.extend_from_slice(b"null");
    }
    fn maybe(&mut self, chance: &mut Chance, blank: u64, key: &str, value: &str) {
        match chance.percent(blank) || value.is_empty() {
            true => self.null(key),
            false => self.text(key, value),
        }
    }
}

fn record(chance: &mut Chance, number: u64, pass: u64, line: &mut Line) {
    let passes = chance.percent(pass);
    // Those that don't pass fail one of the three clauses.
    let fails = if passes { 3 } else { chance.below(3) };
    let name = format!("{} {}", chance.pick(HEADS), chance.pick(TAILS));
    let host = format!("{}{number}.example", ["www.", "", "", "", ""][chance.below(5) as usize]);
    let (city, state, country) = chance.pick(CITIES);
    let size = 10 + chance.below(16);
    let revenue = 50_000 + chance.below(1 << size);
    let revenue = if fails == 2 { revenue % 50_000 } else { revenue };
    let revenue = match chance.below(3) {
        0 => format!("{revenue}.{:02}", chance.below(100)),
        _ => revenue.to_string(),
    };
    let stage = if fails == 1 { chance.pick(LIFECYCLE) } else { chance.pick(&["opportunity", "customer"]) };
    let id = 10_000_000_000 + number * 7;
    let (created, changed) = (time(chance, 2015, 2024), time(chance, 2024, 2026));
    line.0.clear();
    write!(line.0, "{{\"id\":\"{id}\",\"properties\":{{").unwrap();
    line.1 = false;
    let wanted = chance.below(60);
    let about = prose(chance, wanted / 4);
    line.maybe(chance, 70, "about_us", &about);
    line.text("address", &format!("{} {}", ["Via Po", "Hauptstraße", "Main St", "Rue de l'Église"][chance.below(4) as usize], 1 + chance.below(200)));
    line.maybe(chance, 85, "address2", "Suite 5");
    line.text("annualrevenue", &revenue);
    line.text("city", city);
    line.null("closedate");
    line.text("country", country);
    line.text("createdate", &created);
    let score = format!("{}.{:02}", chance.below(100), chance.below(100));
    line.maybe(chance, 30, "credit_score", &score);
    let since = day(chance, 2012, 2025);
    line.maybe(chance, 40, "customer_since", &since);
    line.null("days_to_close");
    let words = 6 + chance.below(50);
    let text = prose(chance, words);
    line.maybe(chance, 10, "description", &text);
    let discount = ["0.05", "0.125", "0.2", "0.075", "0"][chance.below(5) as usize];
    line.maybe(chance, 50, "discount", discount);
    match fails {
        0 => line.null("domain"),
        _ => line.text("domain", &host),
    }
    line.null("facebook_company_page");
    line.maybe(chance, 60, "first_contact_createdate", &created);
    let founded = (1900 + chance.below(125)).to_string();
    line.maybe(chance, 25, "founded_year", &founded);
    line.text("hs_analytics_num_page_views", &chance.below(500).to_string());
    line.text("hs_analytics_source", chance.pick(&["ORGANIC_SEARCH", "DIRECT_TRAFFIC", "REFERRALS", "OFFLINE"]));
    line.text("hs_is_target_account", chance.pick(&["true", "false"]));
    line.text("hs_lastmodifieddate", &changed);
    line.null("hs_lead_status");
    line.text("hs_num_open_deals", &chance.below(9).to_string());
    line.text("hs_object_id", &id.to_string());
    line.text("hs_pipeline", "default");
    line.text("hs_pipeline_stage", chance.pick(STAGES));
    let owner = (800_000 + chance.below(40)).to_string();
    line.maybe(chance, 10, "hubspot_owner_id", &owner);
    line.text("industry", chance.pick(INDUSTRIES));
    line.text("lifecyclestage", stage);
    line.null("linkedin_company_page");
    line.text("name", &name);
    let noted = time(chance, 2023, 2026);
    line.maybe(chance, 20, "notes_last_updated", &noted);
    let size = chance.below(14);
    let heads = (1 << size) + chance.below(50);
    line.maybe(chance, 10, "numberofemployees", &heads.to_string());
    let phone = format!("+{} {} {:07}", 1 + chance.below(90), 10 + chance.below(90), chance.below(10_000_000));
    line.maybe(chance, 15, "phone", &phone);
    line.maybe(chance, 30, "state", state);
    let mut tags: Vec<&str> = (0..chance.below(4)).map(|_| chance.pick(TAGS)).collect();
    tags.dedup();
    line.maybe(chance, 10, "tags", &tags.join(";"));
    line.null("total_money_raised");
    line.maybe(chance, 50, "website", &format!("https://{host}/"));
    line.text("zip", &format!("{:05}", chance.below(100_000)));
    writeln!(line.0, "}},\"createdAt\":\"{created}\",\"updatedAt\":\"{changed}\",\"archived\":false}}").unwrap();
}

fn main() {
    let mut args = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("two numbers: RECORDS PASS"));
    let (records, pass) = (args.next().unwrap_or(1_000_000), args.next().unwrap_or(30));
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let (mut chance, mut line) = (Chance(8), Line(Vec::new(), false));
    for number in 0..records {
        record(&mut chance, number, pass, &mut line);
        out.write_all(&line.0).expect("stdout");
    }
}
