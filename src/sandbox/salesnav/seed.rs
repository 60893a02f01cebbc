//! The part of the made-up business world that is on LinkedIn: its people and companies, and strangers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::core::clock::SimClock;
use super::super::core::log::Log;
use super::super::core::rng::Rng;
use super::super::seed::Universe;
use super::Amounts;
use super::world::{
    AD_ACCOUNT, Activity, CAMPAIGN_GROUPS, Company, Contract, Engagement, Member, Seat, Settings, Shelf,
    World, organization, person,
};
use crate::value::Millis;

pub const MAIN_CONTRACT: u64 = 300_100;
const DAY: i64 = 86_400_000;

const KINDS: [&str; 6] = ["INMAIL", "MESSAGE", "NOTE", "CALL", "SMART_LINK", "TAG"];
const ORIGINS: [&str; 3] = ["DESKTOP", "IOS", "ANDROID"];
const FIRST: [&str; 12] =
    ["Dana", "Emil", "Farah", "Gustav", "Hana", "Igor", "Julia", "Kofi", "Linnea", "Mateo", "Noor", "Otto"];
const LAST: [&str; 12] = [
    "Abel",
    "Brandt",
    "Castillo",
    "Dahl",
    "Esposito",
    "Fontaine",
    "Gruber",
    "Hassan",
    "Iversen",
    "Jovanovic",
    "Kaya",
    "Lehmann",
];
const TITLES: [&str; 6] = [
    "Account Executive",
    "Analyst",
    "Chief Executive Officer",
    "Engineer",
    "Head of Purchasing",
    "Recruiter",
];
const PLACES: [(&str, &str); 4] =
    [("Berlin", "Germany"), ("Paris", "France"), ("Austin", "United States"), ("Oslo", "Norway")];
const MORE_SEATS: [(&str, &str); 15] = [
    ("Bea", "Lund"),
    ("Carl", "Voss"),
    ("Dina", "Okoye"),
    ("Erik", "Strand"),
    ("Fay", "Miller"),
    ("Gino", "Riva"),
    ("Hedda", "Berg"),
    ("Ivo", "Kral"),
    ("Joan", "Pratt"),
    ("Kurt", "Adler"),
    ("Lea", "Simon"),
    ("Mona", "Said"),
    ("Nils", "Holm"),
    ("Olga", "Pavlova"),
    ("Paul", "Ray"),
];

pub fn world(clock: SimClock, log: Log, universe: &Universe, seed: u64, amounts: Amounts) -> World {
    let mut rng = Rng::new(seed ^ 0x11_4E_D1);
    let mut world = World {
        clock,
        log,
        members: Vec::new(),
        member_by_id: BTreeMap::new(),
        by_last_name: BTreeMap::new(),
        companies: Vec::new(),
        contracts: contracts(),
        seats: BTreeMap::new(),
        settings: BTreeMap::new(),
        connections: BTreeMap::new(),
        activities: BTreeMap::new(),
        activity_feed: BTreeSet::new(),
        directory: BTreeMap::new(),
        match_feed: BTreeSet::new(),
        in_crm: BTreeMap::new(),
        shelves: ["lead", "account", "opportunity"]
            .into_iter()
            .map(|name| (name, Shelf::default()))
            .collect(),
        lists: BTreeMap::new(),
        jobs: BTreeMap::new(),
        engagements: Vec::new(),
        next: 100_000,
        initial_sync_ms: 0,
        job_ms: 0,
    };
    companies(&mut world, universe);
    members(&mut world, universe, &mut rng, amounts.members);
    seats(&mut world, universe, amounts.seats);
    for id in world.contracts.keys().copied().collect::<Vec<_>>() {
        world.settings.insert(
            id,
            Settings {
                auto_sync_all_seats: true,
                writeback: false,
                writeback_items: BTreeSet::from(["ALL".to_owned()]),
                create_contacts: true,
                update_contacts: true,
                reviewed: BTreeSet::new(),
            },
        );
    }
    activities(&mut world, universe, &mut rng, amounts.activities);
    engagements(&mut world, universe, &mut rng);
    world
}

fn contracts() -> BTreeMap<u64, Contract> {
    let contract = |id, name: &str, edition: &str, reports, admin| Contract {
        id,
        name: name.to_owned(),
        edition: edition.to_owned(),
        has_reporting_access: reports,
        is_admin: admin,
    };
    [
        contract(MAIN_CONTRACT, "Twinmap Sales", "ADVANCED_PLUS", true, true),
        contract(300_200, "Twinmap Partners", "ADVANCED_PLUS", true, true),
        contract(300_300, "Twinmap Trial", "CORE", false, true),
        contract(300_400, "Holding", "ADVANCED_PLUS", false, false),
    ]
    .into_iter()
    .map(|contract| (contract.id, contract))
    .collect()
}

fn companies(world: &mut World, universe: &Universe) {
    for (n, company) in universe.companies.iter().enumerate() {
        world.companies.push(Company {
            id: 2_000_000 + n as u64,
            name: company.name.clone(),
            domain: company.domain.clone(),
            city: company.city.to_owned(),
            country: company.country.to_owned(),
            industry: company.industry.1.to_owned(),
            employees: company.employees,
        });
    }
}

/// An id as LinkedIn gives it: letters and digits, different in every application.
fn member_id(rng: &mut Rng, n: usize) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut id = String::new();
    for _ in 0..7 {
        id.push(rng.pick(DIGITS).copied().map_or('A', char::from));
    }
    format!("{id}{n:05}")
}

fn members(world: &mut World, universe: &Universe, rng: &mut Rng, wanted: usize) {
    for (n, contact) in universe.contacts.iter().enumerate().take(wanted) {
        let mut company = Some(contact.company);
        let mut title = contact.title.to_owned();
        match n % 25 {
            // Has moved on to another company; the CRM does not know yet.
            7 => company = Some((contact.company + 1) % universe.companies.len().max(1)),
            // Hides where they work.
            13 => company = None,
            3 | 19 => title = format!("Senior {title}"),
            _ => {}
        }
        let at = company.and_then(|company| universe.companies.get(company));
        world.members.push(Member {
            id: member_id(rng, n),
            first: contact.first.to_owned(),
            last: contact.last.to_owned(),
            title,
            company,
            location: at.map_or("", |at| at.city).to_owned(),
            country: at.map_or("", |at| at.country).to_owned(),
            email: if n % 3 == 0 { String::new() } else { contact.email.clone() },
            photo: n % 4 != 0,
        });
        // Two people of one name at one company: nobody can tell which is meant.
        if n % 50 == 31 && world.members.len() < wanted {
            let mut twin = world.members.last().cloned();
            if let Some(last) = world.members.last_mut() {
                last.email.clear();
            }
            if let Some(twin) = &mut twin {
                twin.id = member_id(rng, 90_000 + n);
                twin.email.clear();
            }
            world.members.extend(twin);
        }
    }
    while world.members.len() < wanted {
        let n = world.members.len();
        let (location, country) = rng.pick(&PLACES).copied().unwrap_or(("Berlin", "Germany"));
        world.members.push(Member {
            id: member_id(rng, n),
            first: FIRST.get(n % FIRST.len()).copied().unwrap_or("Dana").to_owned(),
            last: LAST.get((n / FIRST.len() + n) % LAST.len()).copied().unwrap_or("Abel").to_owned(),
            title: rng.pick(&TITLES).copied().unwrap_or("Analyst").to_owned(),
            company: (!world.companies.is_empty()).then(|| rng.below(world.companies.len())),
            location: location.to_owned(),
            country: country.to_owned(),
            email: String::new(),
            photo: n.is_multiple_of(2),
        });
    }
    for (n, member) in world.members.iter().enumerate() {
        world.member_by_id.insert(member.id.clone(), n);
        world.by_last_name.entry(member.last.to_lowercase()).or_default().push(n);
    }
}

fn seats(world: &mut World, universe: &Universe, wanted: usize) {
    let mut people: Vec<(String, String, bool)> = universe
        .owners
        .iter()
        .map(|owner| (format!("{} {}", owner.first, owner.last), owner.email.clone(), owner.active))
        .collect();
    let mut n = 0;
    while people.len() < wanted {
        let (first, last) = MORE_SEATS.get(n % MORE_SEATS.len()).copied().unwrap_or(("Paul", "Ray"));
        let round = n / MORE_SEATS.len();
        let number = if round == 0 { String::new() } else { (round + 1).to_string() };
        let email = format!("{}.{}{number}@twinmap.example", first.to_lowercase(), last.to_lowercase());
        people.push((format!("{first} {last}"), email, true));
        n += 1;
    }
    for (n, (name, email, active)) in people.into_iter().take(wanted).enumerate() {
        let roles: &[&str] = match n {
            0 => &["ADMIN", "TEAM_MEMBER"],
            1 => &["REPORTING", "TEAM_MEMBER"],
            // Can configure, and has nothing of a team member's.
            5 => &["ADMIN"],
            _ => &["TEAM_MEMBER"],
        };
        let id = 40_001 + n as u64;
        world.seats.insert(
            id,
            Seat {
                id,
                contract: MAIN_CONTRACT,
                name,
                email,
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                active,
                crm_sync: "INHERIT".to_owned(),
                user_authorised_at: None,
                sign_in_code: format!("sign-in-{id}"),
            },
        );
    }
}

/// Activities of the last 90 days, with those that are never to be copied among them.
fn activities(world: &mut World, universe: &Universe, rng: &mut Rng, wanted: usize) {
    let now = world.now();
    let seats: Vec<u64> = world.seats.values().filter(|seat| seat.active).map(|seat| seat.id).collect();
    let known = universe.contacts.len().min(world.members.len());
    for n in 0..wanted {
        let Some(seat) = rng.pick(&seats).copied() else { return };
        // Tags are few, and on their way out.
        let kind = if rng.chance(2) { "TAG" } else { KINDS.get(rng.below(5)).copied().unwrap_or("MESSAGE") };
        // Most are about people whom the CRM may know.
        let place =
            if rng.chance(85) && known > 0 { rng.below(known) } else { rng.below(world.members.len()) };
        let about = match kind {
            "NOTE" if rng.chance(30) && !world.companies.is_empty() => {
                world.companies.get(rng.below(world.companies.len())).map(|company| organization(company.id))
            }
            _ => world.members.get(place).map(|member| person(&member.id)),
        };
        let Some(about) = about else { return };
        let at = Millis(now.0 - (rng.below(90 * 24 * 60) as i64 + 60) * 60_000);
        let (subject, body) = words(kind, n);
        world.add_activity(Activity {
            id: (7_000_000_000_000 + n as u64).to_string(),
            kind,
            contract: MAIN_CONTRACT,
            seat,
            about,
            origin: ORIGINS.get(rng.below(ORIGINS.len())).copied().unwrap_or("DESKTOP"),
            created_at: at,
            modified_at: at,
            subject,
            body,
            copy_to_crm: rng.chance(80),
            duration_ms: (kind == "CALL").then(|| (1 + rng.below(30) as i64) * 60_000),
        });
    }
}

fn words(kind: &str, n: usize) -> (String, String) {
    match kind {
        "INMAIL" => (format!("A thought on order {n}"), format!("Hello, may I show you what is new? ({n})")),
        "MESSAGE" => (String::new(), format!("Thanks for connecting, shall we talk next week? ({n})")),
        "NOTE" => (String::new(), format!("Prefers a call in the morning; budget is set in spring. ({n})")),
        "CALL" => (String::new(), format!("Called about the offer. ({n})")),
        "SMART_LINK" => (format!("Price list {}", n % 7), format!("Looked at 4 of 6 pages. ({n})")),
        _ => (String::new(), "Follow up".to_owned()),
    }
}

/// Ads and posts that people of the CRM saw, in the last 240 days.
fn engagements(world: &mut World, universe: &Universe, rng: &mut Rng) {
    let now = world.now();
    let known = universe.contacts.len().min(world.members.len());
    for place in 0..known {
        if !rng.chance(60) {
            continue;
        }
        for _ in 0..1 + rng.below(4) {
            let (group, _) = rng.pick(&CAMPAIGN_GROUPS).copied().unwrap_or((600_001, ""));
            let organic = group == 600_004;
            let Some(member) = world.members.get(place) else { continue };
            world.engagements.push(Engagement {
                member: person(&member.id),
                account: AD_ACCOUNT,
                campaign_group: group,
                campaign: group * 10 + 1 + rng.below(3) as u64,
                channel: if organic { "ORGANIC" } else { "AD" },
                kind: ["VIEW", "CLICK", "LIKE", "SHARE"].get(rng.below(4)).copied().unwrap_or("VIEW"),
                at: Millis(now.0 - rng.below(240) as i64 * DAY),
                cost_micros: if organic { 0 } else { 800_000 + rng.below(4_000_000) as u64 },
            });
        }
    }
}
