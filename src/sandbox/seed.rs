//! One small business world, from which each simulated CRM takes its part: some of it is known to both.

use super::core::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub hubspot: bool,
    pub salesforce: bool,
}

#[derive(Debug, Clone)]
pub struct Owner {
    pub first: &'static str,
    pub last: &'static str,
    pub email: String,
    pub active: bool,
}

#[derive(Debug, Clone)]
pub struct Company {
    pub name: String,
    pub domain: String,
    /// HubSpot's and Salesforce's value of the same industry.
    pub industry: (&'static str, &'static str),
    pub employees: u32,
    /// Whole units of the company currency.
    pub revenue: u64,
    pub phone: String,
    pub city: &'static str,
    pub country: &'static str,
    pub lifecycle: &'static str,
    pub owner: usize,
    pub known: Known,
}

#[derive(Debug, Clone)]
pub struct Contact {
    pub first: &'static str,
    pub last: &'static str,
    pub email: String,
    pub phone: String,
    pub title: &'static str,
    pub company: usize,
    pub owner: usize,
    pub known: Known,
}

#[derive(Debug, Clone)]
pub struct Deal {
    pub name: String,
    /// Cents.
    pub amount: u64,
    pub stage: Stage,
    /// In the pipeline and record type of partners, not the first one.
    pub partners: bool,
    /// Days from today.
    pub close_in: i64,
    pub company: usize,
    pub contacts: Vec<usize>,
    pub owner: usize,
    pub known: Known,
}

/// A stage as (HubSpot default pipeline, HubSpot partner pipeline, Salesforce).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub standard: &'static str,
    pub partner: &'static str,
    pub salesforce: &'static str,
}

#[derive(Debug, Clone, Default)]
pub struct Universe {
    pub owners: Vec<Owner>,
    pub companies: Vec<Company>,
    pub contacts: Vec<Contact>,
    pub deals: Vec<Deal>,
}

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub companies: usize,
    pub contacts: usize,
    pub deals: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { companies: 60, contacts: 150, deals: 40 }
    }
}

const OWNERS: &[(&str, &str, bool)] = &[
    ("Kim", "Hansen", true),
    ("Ana", "Costa", true),
    ("Tomasz", "Nowak", true),
    ("Priya", "Raman", true),
    ("Jean", "Moreau", false),
];

const FIRST: &[&str] = &[
    "Maria", "Lukas", "Sofia", "Noah", "Elena", "Jonas", "Aisha", "Marco", "Ingrid", "Pablo", "Yuki", "Chen",
    "Amara", "Oliver", "Nadia", "Felix", "Leila", "Hugo", "Zoe", "Ravi", "Greta", "Samuel", "Ines", "Viktor",
];
const LAST: &[&str] = &[
    "Schmidt", "Rossi", "Garcia", "Novak", "Jensen", "Okafor", "Tanaka", "Dubois", "Silva", "Kowalski",
    "Larsen", "Fischer", "Bianchi", "Moreno", "Petrov", "Haddad", "Lind", "Weber", "Sato", "Murphy",
    "Santos", "Keller", "Vega", "Ortiz",
];
const WORDS: &[&str] = &[
    "Northwind",
    "Bluewater",
    "Granite",
    "Lumen",
    "Cobalt",
    "Juniper",
    "Harbor",
    "Meridian",
    "Redwood",
    "Quartz",
    "Summit",
    "Willow",
    "Falcon",
    "Aurora",
    "Copper",
    "Delta",
    "Ember",
    "Fjord",
    "Helix",
    "Ivory",
];
const KINDS: &[(&str, &str)] = &[
    ("Systems", "systems"),
    ("Logistics", "logistics"),
    ("Foods", "foods"),
    ("Energy", "energy"),
    ("Partners", "partners"),
    ("Labs", "labs"),
    ("Works", "works"),
    ("Media", "media"),
];
const INDUSTRIES: &[(&str, &str)] = &[
    ("COMPUTER_SOFTWARE", "Technology"),
    ("BANKING", "Banking"),
    ("CONSTRUCTION", "Construction"),
    ("INSURANCE", "Insurance"),
    ("TELECOMMUNICATIONS", "Telecommunications"),
    ("HOSPITALITY", "Hospitality"),
];
const CITIES: &[(&str, &str, &str)] = &[
    ("Munich", "Germany", "+49891"),
    ("Milan", "Italy", "+39021"),
    ("Copenhagen", "Denmark", "+45331"),
    ("Boston", "United States", "+16171"),
    ("Lyon", "France", "+33421"),
    ("Madrid", "Spain", "+34911"),
];
const TITLES: &[&str] = &["CEO", "Head of Sales", "Buyer", "IT Manager", "Operations Lead", "CFO"];
const LIFECYCLES: &[&str] = &["lead", "opportunity", "customer", "customer"];
const STAGES: &[Stage] = &[
    Stage { standard: "appointmentscheduled", partner: "partner_new", salesforce: "Prospecting" },
    Stage { standard: "qualifiedtobuy", partner: "partner_qualified", salesforce: "Qualification" },
    Stage {
        standard: "decisionmakerboughtin",
        partner: "partner_proposal",
        salesforce: "Proposal/Price Quote",
    },
    Stage { standard: "closedwon", partner: "partner_won", salesforce: "Closed Won" },
    Stage { standard: "closedlost", partner: "partner_lost", salesforce: "Closed Lost" },
];

impl Universe {
    pub fn generate(seed: u64, size: Size) -> Self {
        let mut rng = Rng::new(seed);
        let mut all = Self { owners: owners(), ..Self::default() };
        for n in 0..size.companies {
            all.companies.push(company(&mut rng, n));
        }
        for n in 0..size.contacts {
            let contact = contact(&mut rng, n, &all.companies);
            all.contacts.extend(contact);
        }
        // Who works where, so that a deal finds its people without a walk over all of them.
        let mut people = vec![Vec::new(); all.companies.len()];
        for (n, contact) in all.contacts.iter().enumerate() {
            if let Some(staff) = people.get_mut(contact.company) {
                staff.push(n);
            }
        }
        for n in 0..size.deals {
            let deal = deal(&mut rng, n, &all, &people);
            all.deals.extend(deal);
        }
        all
    }
}

fn owners() -> Vec<Owner> {
    let email =
        |first: &str, last: &str| format!("{}.{}@twinmap.example", first.to_lowercase(), last.to_lowercase());
    OWNERS
        .iter()
        .map(|&(first, last, active)| Owner { first, last, email: email(first, last), active })
        .collect()
}

/// Half is in both CRMs, the rest in one of them.
fn known(rng: &mut Rng) -> Known {
    match rng.below(4) {
        0 => Known { hubspot: true, salesforce: false },
        1 => Known { hubspot: false, salesforce: true },
        _ => Known { hubspot: true, salesforce: true },
    }
}

fn company(rng: &mut Rng, n: usize) -> Company {
    let word = WORDS.get(n % WORDS.len()).copied().unwrap_or("Acme");
    let (kind, tail) = KINDS.get((n / WORDS.len()) % KINDS.len()).copied().unwrap_or(("Works", "works"));
    let round = n / (WORDS.len() * KINDS.len());
    let suffix = if round == 0 { String::new() } else { format!(" {}", round + 1) };
    let digits = if round == 0 { String::new() } else { (round + 1).to_string() };
    let (city, country, prefix) = rng.pick(CITIES).copied().unwrap_or(("Munich", "Germany", "+49891"));
    Company {
        name: format!("{word} {kind}{suffix}"),
        domain: format!("{}-{tail}{digits}.example", word.to_lowercase()),
        industry: rng.pick(INDUSTRIES).copied().unwrap_or(("BANKING", "Banking")),
        employees: 5 + rng.below(4000) as u32,
        revenue: (1 + rng.below(500) as u64) * 100_000,
        phone: format!("{prefix}{:06}", rng.below(1_000_000)),
        city,
        country,
        lifecycle: rng.pick(LIFECYCLES).copied().unwrap_or("lead"),
        owner: rng.below(4),
        known: known(rng),
    }
}

fn contact(rng: &mut Rng, n: usize, companies: &[Company]) -> Option<Contact> {
    let company = rng.below(companies.len());
    let at = companies.get(company)?;
    let first = FIRST.get(n % FIRST.len()).copied().unwrap_or("Kim");
    let last = LAST.get((n / FIRST.len() + n) % LAST.len()).copied().unwrap_or("Hansen");
    let number = if n < FIRST.len() * LAST.len() { String::new() } else { n.to_string() };
    Some(Contact {
        first,
        last,
        email: format!("{}.{}{number}@{}", first.to_lowercase(), last.to_lowercase(), at.domain),
        phone: format!("{}{:04}", at.phone.get(..7).unwrap_or("+390200"), rng.below(10_000)),
        title: rng.pick(TITLES).copied().unwrap_or("Buyer"),
        company,
        owner: at.owner,
        known: both_or_one(rng, at.known),
    })
}

/// People are known only where their company is.
fn both_or_one(rng: &mut Rng, company: Known) -> Known {
    let own = known(rng);
    let part =
        Known { hubspot: own.hubspot && company.hubspot, salesforce: own.salesforce && company.salesforce };
    if part.hubspot || part.salesforce { part } else { company }
}

/// A deal starts in one CRM only: deals are linked by stored ids, never matched.
fn deal(rng: &mut Rng, n: usize, all: &Universe, people: &[Vec<usize>]) -> Option<Deal> {
    let company = rng.below(all.companies.len());
    let at = all.companies.get(company)?;
    let hubspot = if at.known.hubspot && at.known.salesforce { rng.chance(60) } else { at.known.hubspot };
    let known = Known { hubspot, salesforce: !hubspot };
    let there = |c: &Contact| if hubspot { c.known.hubspot } else { c.known.salesforce };
    let staff = people.get(company).map_or(&[][..], Vec::as_slice).iter().copied();
    let contacts = staff.filter(|n| all.contacts.get(*n).is_some_and(there)).take(2).collect();
    let partners = rng.chance(25);
    Some(Deal {
        name: format!(
            "{} - {}",
            at.name,
            if partners { format!("Partner deal {}", n + 1) } else { format!("Order {}", n + 1) }
        ),
        amount: (10 + rng.below(5_000) as u64) * 1_000 + 50 * rng.below(2) as u64,
        stage: rng.pick(STAGES).copied()?,
        partners,
        close_in: rng.below(120) as i64 - 30,
        company,
        contacts,
        owner: at.owner,
        known,
    })
}
