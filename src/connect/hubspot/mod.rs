//! HubSpot as a [`Remote`]: objects, search, batches, associations, owners.
//!
//! Facts are HubSpot's CRM API pages (date-versioned and v3/v4), see `docs/CONNECTORS.md`. Reads that decide
//! anything go by id or by unique property, which are strongly consistent; the search index, which lags, only feeds
//! the list of changed ids.

mod associations;
mod batch;
mod errors;
mod lists;
mod paths;
mod read;
mod records;
mod schema;
mod search;
mod setup;
mod write;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value as Json;

pub use errors::HubSpotDialect;
pub use paths::Paths;

use super::client::{Answer, Call, Client};
use super::remote::{CallError, Completion, ErrorClass, Identity, Remote, Reply, Request};
use crate::schema::json::text;
use crate::schema::model::Owner;

/// Most inputs of an object batch.
const BATCH: usize = 100;

pub struct HubSpot {
    client: Client,
    paths: Paths,
    /// Whether a property is unique, by (object, property): asked once.
    unique: RefCell<BTreeMap<(String, String), bool>>,
}

impl HubSpot {
    pub fn new(client: Client, paths: Paths) -> Self {
        HubSpot { client, paths, unique: RefCell::default() }
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
            Request::Read { object, ids, fields, associations, history } => {
                let wanted = read::Wanted { object: &object, fields: &fields, history: &history };
                self.read(&wanted, &ids, &associations).await
            }
            Request::Find { object, field, values, fields, associations } => {
                let wanted = read::Wanted { object: &object, fields: &fields, history: &[] };
                self.find(&wanted, &field, &values, &associations).await
            }
            Request::Write { object, items } => self.write(&object, &items).await.map(Reply::Written),
            Request::Associate { from, to, items } => {
                self.associate(&from, &to, &items).await.map(Reply::Written)
            }
            Request::Archive { object, ids } => self.archive(&object, &ids).await.map(Reply::Written),
            Request::Owners => self.owners().await.map(Reply::Owners),
            Request::Members { list } => self.members(&list).await.map(Reply::Members),
        }
    }

    /// Sends a call whose refusal is the whole request's.
    async fn ask(&self, call: &Call) -> Result<Answer, CallError> {
        let answer = self.client.send(call).await?;
        if answer.ok() { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    /// Every row of an answer's `results`. A row that can't be told apart is no reason to go on without it: what a page
    /// leaves out would be taken for unchanged.
    fn rows<'j, T>(&self, json: &'j Json, read: impl Fn(&'j Json) -> Option<T>) -> Result<Vec<T>, CallError> {
        let bad = || self.client.error(ErrorClass::Unknown, "a page of records that can't be read whole");
        let rows = json.get("results").and_then(Json::as_array).ok_or_else(bad)?;
        rows.iter().map(|row| read(row).ok_or_else(bad)).collect()
    }

    fn refused(&self, answer: &Answer) -> CallError {
        let why = errors::summary(Some(&answer.json));
        self.client.error(ErrorClass::Rejected, format!("status {}: {why}", answer.status))
    }

    async fn identity(&self) -> Result<Identity, CallError> {
        let answer = self.ask(&Call::get(self.paths.account())).await?;
        let account = crate::schema::hubspot::account(&answer.json)
            .map_err(|error| self.client.error(ErrorClass::Rejected, error.to_string()))?;
        let server_time = answer.server_time().unwrap_or_else(|| self.client.timer().now());
        Ok(Identity { account: account.id, user: String::new(), server_time })
    }

    async fn owners(&self) -> Result<Vec<Owner>, CallError> {
        let pages = self.owner_pages().await?;
        crate::schema::hubspot::owners(&pages)
            .map_err(|error| self.client.error(ErrorClass::Rejected, error.to_string()))
    }

    /// All owners, the deactivated ones included, as a list of pages.
    async fn owner_pages(&self) -> Result<Json, CallError> {
        let mut pages = Vec::new();
        for archived in ["false", "true"] {
            let mut after = String::new();
            loop {
                let mut target = format!("{}?limit=100&archived={archived}", self.paths.owners());
                if !after.is_empty() {
                    target.push_str(&format!("&after={}", super::client::encode(&after)));
                }
                let answer = self.ask(&Call::get(target)).await?;
                let next = next_page(&answer.json);
                pages.push(answer.json);
                match next {
                    Some(next) if next != after => after = next,
                    _ => break,
                }
            }
        }
        Ok(Json::Array(pages))
    }
}

/// `paging.next.after`.
fn next_page(json: &Json) -> Option<String> {
    let next = json.get("paging")?.get("next")?;
    let after = match next.get("after")? {
        Json::Number(number) => number.to_string(),
        _ => text(next, "after")?.to_owned(),
    };
    (!after.is_empty()).then_some(after)
}

impl Remote for HubSpot {
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
