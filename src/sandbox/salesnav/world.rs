//! Everything that the simulated Sales Navigator knows: people, companies, contracts, seats, what the CRM handed over.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::core::clock::SimClock;
use super::super::core::log::{Log, Mutation};
use crate::value::Millis;

/// A LinkedIn member.
#[derive(Debug, Clone)]
pub struct Member {
    /// The part of `urn:li:person:...` behind the last colon.
    pub id: String,
    pub first: String,
    pub last: String,
    pub title: String,
    /// Index into the companies; `None` = hidden by the member.
    pub company: Option<usize>,
    pub location: String,
    pub country: String,
    pub email: String,
    pub photo: bool,
}

#[derive(Debug, Clone)]
pub struct Company {
    pub id: u64,
    pub name: String,
    pub domain: String,
    pub city: String,
    pub country: String,
    pub industry: String,
    pub employees: u32,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    pub id: u64,
    pub name: String,
    /// `ADVANCED_PLUS` (formerly Team and Enterprise), `ADVANCED`, `CORE`.
    pub edition: String,
    pub has_reporting_access: bool,
    pub is_admin: bool,
}

/// Which CRM a contract is joined with, and how far.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// `AUTHORISING`, `ENVIRONMENT_CHOSEN`, `ACCEPTED`, `CONNECTED`, `DISCONNECTED_PERMISSION`.
    pub state: String,
    /// `urn:li:crmInstance:(KEY,ID)`
    pub crm_instance: String,
    #[serde(skip)]
    pub nonce: String,
    #[serde(skip)]
    pub code: String,
    /// Who signs in to the CRM for the contract.
    pub user: String,
    pub integration_user: bool,
    pub accepted_by: Option<String>,
    pub accepted_at: Option<Millis>,
    pub terms_version: Option<String>,
    pub connected_at: Option<Millis>,
    pub initial_sync_done_at: Option<Millis>,
    pub last_sync_at: Option<Millis>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    pub id: u64,
    pub contract: u64,
    pub name: String,
    pub email: String,
    /// `ADMIN`, `TEAM_MEMBER`, `REPORTING`.
    pub roles: BTreeSet<String>,
    pub active: bool,
    /// `ON`, `OFF`, `INHERIT`.
    pub crm_sync: String,
    /// When the seat holder signed in to the CRM; `None` = not yet.
    pub user_authorised_at: Option<Millis>,
    #[serde(skip)]
    pub sign_in_code: String,
}

/// What the admins of a contract allow.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub auto_sync_all_seats: bool,
    pub writeback: bool,
    /// Kinds of activities; `ALL` stands for every kind, those of later days too.
    pub writeback_items: BTreeSet<String>,
    pub create_contacts: bool,
    pub update_contacts: bool,
    /// Names of settings that somebody has looked at.
    pub reviewed: BTreeSet<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    pub id: String,
    /// `INMAIL`, `MESSAGE`, `NOTE`, `CALL`, `SMART_LINK`, `TAG`.
    pub kind: &'static str,
    pub contract: u64,
    pub seat: u64,
    /// `urn:li:person:...`, or `urn:li:organization:...` for a note on a company.
    pub about: String,
    /// `DESKTOP`, `IOS`, `ANDROID`.
    pub origin: &'static str,
    pub created_at: Millis,
    pub modified_at: Millis,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub body: String,
    pub copy_to_crm: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
}

/// A person or company of the CRM as the CRM handed it over for matching.
#[derive(Debug, Clone)]
pub struct Listed {
    pub fields: Map<String, Json>,
    pub badge: Option<Found>,
    pub display: Option<Found>,
    /// Candidates of an ambiguous match.
    pub rivals: Vec<String>,
    pub changed: Millis,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// Member or organisation urn.
    pub urn: String,
    /// 0 to 100; high confidence from 75 on.
    pub score: u32,
    /// `AUTO`, `MANUAL`, `FIXED`.
    pub source: &'static str,
}

/// `(object, partner, instance, record)`: `("contact", "HUBSPOT", "12345", "512")`.
pub type CrmKey = (String, String, String, String);

/// A record that the CRM sync keeps in Sales Navigator, or a lead that a seat holder handed to the CRM.
#[derive(Debug, Clone)]
pub struct Kept {
    pub fields: Map<String, Json>,
    pub created: Millis,
    pub modified: Millis,
    pub deleted: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Shelf {
    pub rows: BTreeMap<u64, Kept>,
    pub by_key: BTreeMap<String, u64>,
    pub next: u64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedList {
    pub id: u64,
    pub contract: u64,
    pub name: String,
    /// `LEAD` or `ACCOUNT`.
    pub kind: String,
    /// The seat that it belongs to; `None` = the whole contract's.
    pub seat: Option<u64>,
    /// Urn -> CRM record ids that it was saved for.
    pub entries: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub struct Job {
    pub id: u64,
    pub kind: JobKind,
    pub created: Millis,
    pub owner: String,
    pub start: i64,
    pub end: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    Activity,
    Outcome,
    Seat,
    Validation,
}

/// Somebody saw, clicked or liked an ad, or an organic post.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Engagement {
    pub member: String,
    pub account: u64,
    pub campaign_group: u64,
    pub campaign: u64,
    /// `AD` or `ORGANIC`.
    pub channel: &'static str,
    /// `VIEW`, `CLICK`, `LIKE`, `SHARE`.
    pub kind: &'static str,
    pub at: Millis,
    /// What the ad cost, in millionths of a US dollar.
    pub cost_micros: u64,
}

pub const CAMPAIGN_GROUPS: [(u64, &str); 4] = [
    (600_001, "Brand awareness"),
    (600_002, "Product launch"),
    (600_003, "Webinar series"),
    (600_004, "Organic posts"),
];
pub const AD_ACCOUNT: u64 = 500_001;

pub struct World {
    pub clock: SimClock,
    pub log: Log,
    pub members: Vec<Member>,
    pub member_by_id: BTreeMap<String, usize>,
    /// Lower-case last name -> members, so that matching looks at few.
    pub by_last_name: BTreeMap<String, Vec<usize>>,
    pub companies: Vec<Company>,
    pub contracts: BTreeMap<u64, Contract>,
    pub seats: BTreeMap<u64, Seat>,
    pub settings: BTreeMap<u64, Settings>,
    pub connections: BTreeMap<u64, Connection>,
    pub activities: BTreeMap<String, Activity>,
    /// (modified, id): the feed.
    pub activity_feed: BTreeSet<(i64, String)>,
    pub directory: BTreeMap<CrmKey, Listed>,
    /// (changed, key): the feed of matches.
    pub match_feed: BTreeSet<(i64, CrmKey)>,
    /// Urn -> CRM records whose badge match it is.
    pub in_crm: BTreeMap<String, BTreeSet<CrmKey>>,
    pub shelves: BTreeMap<&'static str, Shelf>,
    pub lists: BTreeMap<u64, SavedList>,
    pub jobs: BTreeMap<u64, Job>,
    pub engagements: Vec<Engagement>,
    pub next: u64,
    /// How long the first sync takes after a connection, in milliseconds.
    pub initial_sync_ms: i64,
    /// How long a job takes.
    pub job_ms: i64,
}

impl World {
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Adds to the log of what took effect.
    pub fn note(&self, action: &'static str, object: &str, record: &str, fields: &Map<String, Json>) {
        self.log.add(Mutation {
            seq: 0,
            at: self.now(),
            system: "salesnav",
            action,
            object: object.to_owned(),
            record: record.to_owned(),
            by: "api".to_owned(),
            fields: fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        });
    }

    pub fn add_activity(&mut self, activity: Activity) {
        if let Some(old) = self.activities.get(&activity.id) {
            self.activity_feed.remove(&(old.modified_at.0, old.id.clone()));
        }
        self.activity_feed.insert((activity.modified_at.0, activity.id.clone()));
        self.activities.insert(activity.id.clone(), activity);
    }

    pub fn seat_by_email(&self, email: &str) -> Option<u64> {
        let known = self.seats.values().find(|seat| seat.email.eq_ignore_ascii_case(email));
        known.map(|seat| seat.id)
    }

    pub fn company_urn(&self, index: usize) -> Option<String> {
        self.companies.get(index).map(|company| organization(company.id))
    }
}

pub fn person(id: &str) -> String {
    format!("urn:li:person:{id}")
}

pub fn organization(id: u64) -> String {
    format!("urn:li:organization:{id}")
}

pub fn contract_urn(id: u64) -> String {
    format!("urn:li:contract:{id}")
}

/// The number at the end of a urn.
pub fn tail(urn: &str) -> Option<u64> {
    urn.rsplit(':').next()?.parse().ok()
}
