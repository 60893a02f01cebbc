//! Salesforce as a [`Remote`]: SOQL for reads, sObject collections and composites for writes.
//!
//! Facts are Salesforce's REST API guide, see `docs/CONNECTORS.md`. Every read is a query on the database, strongly
//! consistent; conditional updates go as composites of single-row patches, because collections know no condition.

mod bulk;
mod campaigns;
mod errors;
mod facts;
mod id;
mod junction;
mod query;
mod read;
mod schema;
mod setup;
mod soql;
mod write;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use serde_json::Value as Json;

pub use bulk::THRESHOLD as BULK_THRESHOLD;
pub use errors::SalesforceDialect;

use super::client::{Answer, Call, Client};
use super::remote::{CallError, Completion, ErrorClass, Identity, Remote, Reply, Request};
use crate::schema::json::text;
use crate::schema::model::Owner;

/// Spoken by every org since early 2026.
pub const DEFAULT_VERSION: &str = "66.0";

pub struct Salesforce {
    client: Client,
    /// `/services/data/v66.0`
    base: String,
    /// Columns that the user turned out not to see, by object.
    hidden: RefCell<BTreeSet<(String, String)>>,
}

impl Salesforce {
    pub fn new(client: Client, version: Option<&str>) -> Result<Self, String> {
        let version = version.unwrap_or(DEFAULT_VERSION).trim_start_matches('v');
        let known = version.split_once('.').is_some_and(|(major, minor)| {
            major.parse::<u32>().is_ok_and(|major| (46..1000).contains(&major)) && minor == "0"
        });
        if !known {
            return Err(format!(
                "`{version}` is no Salesforce API version from 46.0 on: write `{DEFAULT_VERSION}`"
            ));
        }
        Ok(Salesforce { client, base: format!("/services/data/v{version}"), hidden: RefCell::default() })
    }

    pub(super) fn daily(&self) -> Option<super::limits::Daily> {
        self.client.daily()
    }

    async fn answer(&self, request: Request) -> Completion {
        match request {
            Request::Identity => self.identity().await.map(Reply::Identity),
            Request::Changed { object, since, after, limit } => {
                self.changed(&object, since, after, limit).await
            }
            Request::Deleted { object, since, after } => self.deleted(&object, since, after).await,
            Request::List { object, fields, associations, after } => {
                self.list(&object, &fields, &associations, after).await
            }
            Request::Read { object, ids, fields, associations, .. } => {
                self.read(&object, &ids, &fields, &associations).await
            }
            Request::Find { object, field, values, fields, associations } => {
                self.find(&object, &field, &values, &fields, &associations).await
            }
            Request::Write { object, items } => self.write(&object, &items).await.map(Reply::Written),
            Request::Associate { from, to, items } => {
                self.associate(&from, &to, &items).await.map(Reply::Written)
            }
            Request::Archive { ids, .. } => self.archive(&ids).await.map(Reply::Written),
            Request::Owners => self.owners().await.map(Reply::Owners),
            Request::Members { .. } => {
                Err(self.client.error(ErrorClass::Rejected, "Salesforce has no lists of records".to_owned()))
            }
        }
    }

    /// Sends a call whose refusal is the whole request's.
    async fn ask(&self, call: &Call) -> Result<Answer, CallError> {
        let answer = self.client.send(call).await?;
        if answer.ok() {
            return Ok(answer);
        }
        let why = errors::summary(&answer.json);
        Err(self.client.error(ErrorClass::Rejected, format!("status {}: {why}", answer.status)))
    }

    fn misused(&self, message: impl std::fmt::Display) -> CallError {
        self.client.error(ErrorClass::Rejected, message.to_string())
    }

    async fn identity(&self) -> Result<Identity, CallError> {
        let answer = self.ask(&Call::get("/services/oauth2/userinfo")).await?;
        let id_of = |key: &str| text(&answer.json, key).and_then(id::full).map(|id| id.to_string());
        let account = id_of("organization_id")
            .ok_or_else(|| self.misused("the answer about the user names no organisation"))?;
        let server_time = answer.server_time().unwrap_or_else(|| self.client.timer().now());
        Ok(Identity { account, user: id_of("user_id").unwrap_or_default(), server_time })
    }

    async fn owners(&self) -> Result<Vec<Owner>, CallError> {
        let rows = self.users().await?;
        crate::schema::salesforce::users(&rows).map_err(|error| self.misused(error))
    }

    /// People with a licence to work in the org; portal and system users own nothing that is synced.
    async fn users(&self) -> Result<Json, CallError> {
        let soql = "SELECT Id, Email, IsActive FROM User WHERE UserType = 'Standard' ORDER BY Id";
        let rows = self.query(soql, query::Rows::Live).await.map_err(|error| error.error)?;
        Ok(Json::Array(rows))
    }
}

impl Remote for Salesforce {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        Box::pin(self.answer(request))
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.client.calls()
    }

    fn left_today(&self) -> Option<u64> {
        self.client.left_today()
    }
}
