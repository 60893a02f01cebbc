//! Typed calls over a [`Navigator`]: what the engine and the commands ask Sales Navigator for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::restli;
use crate::connect::client::{Effect, encode};
use crate::connect::navigator::{Ask, Family, Navigator, Told};
use crate::connect::remote::{CallError, ErrorClass};
use crate::connect::transport::Method;
use crate::schema::model::Owner;
use crate::value::Millis;

const SYSTEM: &str = "salesnav";

/// A contract of the signed-in member: an environment to choose from.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    pub contract: String,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub has_reporting_access: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    pub state: String,
    pub contract: String,
    pub crm_instance: String,
    pub user: String,
    pub integration_user: bool,
    pub accepted_by: Option<String>,
    pub accepted_at: Option<Millis>,
    pub connected_at: Option<Millis>,
    pub last_sync_at: Option<Millis>,
    /// `DONE` or `PENDING`.
    pub initial_sync: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Terms {
    pub version: String,
    pub requirements: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub roles: BTreeSet<String>,
    pub active: bool,
    pub crm_sync: String,
    pub user_authorised_at: Option<Millis>,
    #[serde(default)]
    pub edition: String,
    #[serde(default)]
    pub contract_admin: bool,
}

impl Seat {
    pub fn into_owner(self) -> Owner {
        Owner { id: self.id.to_string(), email: self.email, active: self.active }
    }

    pub fn is_team_member(&self) -> bool {
        self.roles.contains("TEAM_MEMBER")
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminSettings {
    pub auto_sync_all_seats: bool,
    pub writeback: bool,
    pub writeback_items: BTreeSet<String>,
    pub create_contacts: bool,
    pub update_contacts: bool,
    pub reviewed: BTreeSet<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    pub id: String,
    pub kind: String,
    pub seat: u64,
    pub about: String,
    pub origin: String,
    pub created_at: Millis,
    pub modified_at: Millis,
    #[serde(default)]
    pub subject: String,
    #[serde(default)]
    pub body: String,
    pub copy_to_crm: bool,
    #[serde(default)]
    pub duration_ms: Option<i64>,
}

/// A person or company of the CRM for LinkedIn's matching.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CrmRecord {
    pub object: String,
    pub partner: String,
    pub instance_id: String,
    pub record_id: String,
    pub fields: Map<String, Json>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Found {
    pub urn: String,
    pub score: u32,
    pub source: String,
}

/// What LinkedIn makes of a record of the CRM.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub object: String,
    pub partner: String,
    pub instance_id: String,
    pub record_id: String,
    /// `MATCHED`, `AMBIGUOUS`, `LOW_CONFIDENCE`, `UNMATCHED`.
    pub status: String,
    pub badge: Option<Found>,
    pub display: Option<Found>,
    #[serde(default)]
    pub candidates: Vec<String>,
    pub changed_at: Millis,
}

impl Verdict {
    /// Where the feed goes on behind this one.
    pub fn cursor(&self) -> String {
        let Verdict { object, partner, instance_id, record_id, changed_at, .. } = self;
        format!("{},{object},{partner},{instance_id},{record_id}", changed_at.0)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Engagement {
    pub member: String,
    pub campaign_group: u64,
    pub campaign_group_name: String,
    pub channel: String,
    pub kind: String,
    pub at: Millis,
    pub cost_micros: u64,
}

fn refused(told: &Told) -> CallError {
    let class = if told.status == 403 { ErrorClass::Permission } else { ErrorClass::Rejected };
    CallError {
        system: SYSTEM.to_owned(),
        class,
        message: format!("{} (status {})", told.message(), told.status),
        retry_after: None,
    }
}

fn unreadable(what: &str, error: &serde_json::Error) -> CallError {
    CallError {
        system: SYSTEM.to_owned(),
        class: ErrorClass::Rejected,
        message: format!("the answer about {what} can't be read: {error}"),
        retry_after: None,
    }
}

async fn told(nav: &dyn Navigator, ask: Ask) -> Result<Json, CallError> {
    let told = nav.ask(ask).await?;
    if told.ok() { Ok(told.json) } else { Err(refused(&told)) }
}

fn parsed<T: serde::de::DeserializeOwned>(what: &str, json: Json) -> Result<T, CallError> {
    serde_json::from_value(json).map_err(|error| unreadable(what, &error))
}

/// What an action gave.
async fn action<T: serde::de::DeserializeOwned>(
    nav: &dyn Navigator,
    resource: &str,
    name: &str,
    contract: &str,
    body: Json,
) -> Result<T, CallError> {
    let mut ask = Ask::action(Family::Sandbox, resource, name, body);
    if resource != "crmConnections" {
        ask = ask.with("contract", contract);
    }
    let mut json = told(nav, ask).await?;
    parsed(resource, json.get_mut("value").map(Json::take).unwrap_or_default())
}

fn elements<T: serde::de::DeserializeOwned>(what: &str, mut json: Json) -> Result<Vec<T>, CallError> {
    parsed(what, json.get_mut("elements").map_or_else(|| json!([]), Json::take))
}

/// Every page of a collection by `start` and `count`; it ends with the first page that is not full.
async fn all<T: serde::de::DeserializeOwned>(
    nav: &dyn Navigator,
    what: &str,
    ask: Ask,
) -> Result<Vec<T>, CallError> {
    const PAGE: usize = 100;
    let mut rows = Vec::new();
    loop {
        let page = ask.clone().with("start", rows.len().to_string()).with("count", PAGE.to_string());
        let page: Vec<T> = elements(what, told(nav, page).await?)?;
        let full = page.len() >= PAGE;
        rows.extend(page);
        if !full {
            return Ok(rows);
        }
    }
}

fn about(resource: &str, contract: &str) -> Ask {
    Ask::get(Family::Sandbox, resource).with("contract", contract)
}

/// Documented: the contracts where the member has a seat.
pub async fn contracts(nav: &dyn Navigator) -> Result<Vec<Contract>, CallError> {
    all(nav, "contracts", Ask::get(Family::Documented, "salesContracts").with("q", "contractsByMember")).await
}

pub async fn terms(nav: &dyn Navigator) -> Result<Terms, CallError> {
    parsed("requirements", told(nav, Ask::get(Family::Sandbox, "terms")).await?)
}

pub async fn connection(nav: &dyn Navigator, contract: &str) -> Result<Connection, CallError> {
    parsed("the connection", told(nav, about("crmConnections", contract)).await?)
}

/// A step of the handshake.
pub async fn step(nav: &dyn Navigator, name: &str, body: Json) -> Result<Json, CallError> {
    action(nav, "crmConnections", name, "", body).await
}

pub async fn seats(nav: &dyn Navigator, contract: &str) -> Result<Vec<Seat>, CallError> {
    all(nav, "seats", about("seats", contract)).await
}

pub async fn seat_action(
    nav: &dyn Navigator,
    contract: &str,
    name: &str,
    body: Json,
) -> Result<Seat, CallError> {
    action(nav, "seats", name, contract, body).await
}

pub async fn settings(nav: &dyn Navigator, contract: &str) -> Result<AdminSettings, CallError> {
    parsed("the admin settings", told(nav, about("crmSettings", contract)).await?)
}

pub async fn set_settings(
    nav: &dyn Navigator,
    contract: &str,
    set: Json,
) -> Result<AdminSettings, CallError> {
    let ask = Ask {
        method: Method::Post,
        body: json!({ "patch": { "$set": set } }),
        hint: Some("PARTIAL_UPDATE"),
        effect: Effect::Write,
        ..about("crmSettings", contract)
    };
    parsed("the admin settings", told(nav, ask).await?)
}

/// Activities changed since a time, oldest first; `after` is the place of the last one seen.
pub async fn activities(
    nav: &dyn Navigator,
    contract: &str,
    since: Millis,
    after: Option<&str>,
    count: usize,
) -> Result<Vec<Activity>, CallError> {
    let mut ask = about("activities", contract).with("q", "changed").with("since", since.0.to_string());
    ask = ask.with("count", count.to_string());
    if let Some(after) = after {
        ask = ask.with("after", after);
    }
    elements("activities", told(nav, ask).await?)
}

/// Activities by id; those that are no longer there are left out.
pub async fn activities_by_id(
    nav: &dyn Navigator,
    contract: &str,
    ids: &[String],
) -> Result<BTreeMap<String, Activity>, CallError> {
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(200) {
        let keys = restli::list(chunk.iter().map(String::as_str));
        let mut json = told(nav, about("activities", contract).with("ids", keys)).await?;
        let results = json.get_mut("results").map(Json::take).unwrap_or_default();
        let some: BTreeMap<String, Activity> = parsed("activities", results)?;
        found.extend(some);
    }
    Ok(found)
}

pub async fn publish(nav: &dyn Navigator, contract: &str, records: &[CrmRecord]) -> Result<(), CallError> {
    for chunk in records.chunks(200) {
        let _: Json = action(nav, "crmDirectory", "publish", contract, json!({ "records": chunk })).await?;
    }
    Ok(())
}

pub async fn verdicts(
    nav: &dyn Navigator,
    contract: &str,
    since: Millis,
    after: Option<&str>,
    count: usize,
) -> Result<Vec<Verdict>, CallError> {
    let mut ask = about("crmDirectory", contract).with("q", "changed").with("since", since.0.to_string());
    ask = ask.with("count", count.to_string());
    if let Some(after) = after {
        ask = ask.with("after", after);
    }
    elements("matches", told(nav, ask).await?)
}

/// A match by hand (`match`, `unmatch`, `fixBadge`).
pub async fn judge_by_hand(
    nav: &dyn Navigator,
    contract: &str,
    name: &str,
    key: &CrmRecord,
    urn: Option<&str>,
) -> Result<Verdict, CallError> {
    let mut body = json!({
        "object": key.object, "partner": key.partner, "instanceId": key.instance_id, "recordId": key.record_id,
    });
    if let (Some(urn), Some(map)) = (urn, body.as_object_mut()) {
        map.insert("urn".to_owned(), json!(urn));
    }
    action(nav, "crmDirectory", name, contract, body).await
}

/// Documented: the member behind each record of the CRM, of high confidence only.
pub async fn profiles(
    nav: &dyn Navigator,
    partner: &str,
    instance: &str,
    records: &[String],
) -> Result<BTreeMap<String, String>, CallError> {
    let mut found = BTreeMap::new();
    for chunk in records.chunks(50) {
        let key = |record: &str| {
            restli::key(&[("instanceId", instance), ("partner", partner), ("recordId", record)])
        };
        let keys: Vec<String> = chunk.iter().map(|record| key(record)).collect();
        let ask = Ask::get(Family::Documented, "salesNavigatorProfileAssociations")
            .with("ids", format!("List({})", keys.join(",")));
        let json = told(nav, ask).await?;
        for (record, key) in chunk.iter().zip(&keys) {
            let member = json.pointer("/results").and_then(|all| all.get(key)?.get("member")?.as_str());
            if let Some(member) = member {
                found.insert(record.clone(), member.to_owned());
            }
        }
    }
    Ok(found)
}

/// A list of Sales Navigator: its name, `LEAD` or `ACCOUNT`, the seat that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListName {
    pub name: String,
    pub kind: &'static str,
    pub seat: Option<u64>,
}

impl ListName {
    fn body(&self) -> Json {
        json!({ "name": self.name, "kind": self.kind, "seat": self.seat })
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct SavedList {
    pub name: String,
    pub kind: String,
    pub seat: Option<u64>,
    /// Urn -> ids of the CRM's records.
    pub entries: BTreeMap<String, BTreeSet<String>>,
}

pub async fn lists(nav: &dyn Navigator, contract: &str) -> Result<Vec<SavedList>, CallError> {
    all(nav, "lists", about("lists", contract)).await
}

/// Saves entries to a list; gives how many were not in it before.
pub async fn save(
    nav: &dyn Navigator,
    contract: &str,
    list: &ListName,
    entries: &[(String, String)],
) -> Result<u64, CallError> {
    let mut added = 0;
    for chunk in entries.chunks(500) {
        let rows: Vec<Json> =
            chunk.iter().map(|(urn, record)| json!({ "urn": urn, "recordId": record })).collect();
        let mut body = list.body();
        if let Some(map) = body.as_object_mut() {
            map.insert("entries".to_owned(), json!(rows));
        }
        let json: Json = action(nav, "lists", "save", contract, body).await?;
        added += json.get("added").and_then(Json::as_u64).unwrap_or(0);
    }
    Ok(added)
}

pub async fn unsave(
    nav: &dyn Navigator,
    contract: &str,
    list: &ListName,
    urns: &[String],
) -> Result<u64, CallError> {
    let mut body = list.body();
    if let Some(map) = body.as_object_mut() {
        map.insert("urns".to_owned(), json!(urns));
    }
    let json: Json = action(nav, "lists", "remove", contract, body).await?;
    Ok(json.get("removed").and_then(Json::as_u64).unwrap_or(0))
}

pub async fn engagements(
    nav: &dyn Navigator,
    contract: &str,
    since: Millis,
) -> Result<Vec<Engagement>, CallError> {
    all(nav, "engagement", about("engagements", contract).with("since", since.0.to_string())).await
}

/// Documented: starts an analytics export and gives the job's id.
pub async fn start_export(
    nav: &dyn Navigator,
    action: &str,
    contract: &str,
    (start, end): (Millis, Millis),
) -> Result<String, CallError> {
    let body = json!({ "contract": contract, "startAt": start, "endAt": end });
    let ask = Ask::action(Family::Documented, "salesAnalyticsExportJobs", action, body);
    let json = told(nav, ask).await?;
    Ok(json.pointer("/value/id").map(ToString::to_string).unwrap_or_default())
}

/// Documented: the state of a job, and the link of its file once it is done.
pub async fn export_job(
    nav: &dyn Navigator,
    contract: &str,
    job: &str,
) -> Result<(String, Option<String>), CallError> {
    let resource = format!("salesAnalyticsExportJobs/{}", encode(job));
    let json = told(nav, Ask::get(Family::Documented, resource).with("contract", contract)).await?;
    let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    Ok((text("status").unwrap_or_default(), text("downloadUrl")))
}

/// Documented: starts the export of people who left their company; the id stands in a header, there is no body.
pub async fn start_validation(
    nav: &dyn Navigator,
    instance: &str,
    since: Millis,
) -> Result<String, CallError> {
    let ask = Ask {
        method: Method::Post,
        body: json!({ "exportStartAt": since }),
        hint: Some("CREATE"),
        effect: Effect::Write,
        ..Ask::get(Family::Documented, "crmDataValidationExportJobs").with("crmInstanceId", instance)
    };
    let answer = nav.ask(ask).await?;
    match (&answer.id, answer.ok()) {
        (Some(id), true) => Ok(id.clone()),
        _ => Err(refused(&answer)),
    }
}

/// Documented: the state of a validation job, and the links of its files.
pub async fn validation_job(
    nav: &dyn Navigator,
    instance: &str,
    job: &str,
) -> Result<(String, Vec<String>), CallError> {
    let resource = format!("crmDataValidationExportJobs/{}", encode(job));
    let json = told(nav, Ask::get(Family::Documented, resource).with("crmInstanceId", instance)).await?;
    let links = json.get("downloadUrls").and_then(Json::as_array).into_iter().flatten();
    let links = links.filter_map(Json::as_str).map(str::to_owned).collect();
    Ok((json.get("status").and_then(Json::as_str).unwrap_or_default().to_owned(), links))
}
