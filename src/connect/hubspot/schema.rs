//! Fetching a portal's schema: the same answers that `schema import` reads, taken into the same model.

use serde_json::{Value as Json, json};

use super::HubSpot;
use crate::connect::client::Call;
use crate::connect::remote::{CallError, ErrorClass};
use crate::schema::import::{Kind, import};
use crate::schema::json::{flag, list, number};
use crate::schema::{System, hubspot};

/// Lists asked for in one call.
const LISTS: u32 = 250;

impl HubSpot {
    /// Fetches account, owners, lists and the named objects into `system`. Answers what could not be read for want
    /// of a permission, in words.
    pub async fn pull(&self, objects: &[String], system: &mut System) -> Result<Vec<String>, CallError> {
        let mut gaps = Vec::new();
        let account = self.ask(&Call::get(self.paths.account())).await?.json;
        self.take(system, None, Kind::Account, &account)?;
        for object in objects {
            self.pull_object(object, system, &mut gaps).await?;
        }
        match permitted(self.owner_pages().await)? {
            Ok(pages) => self.take(system, None, Kind::Owners, &pages)?,
            Err(why) => gaps.push(format!("owners were not read ({why})")),
        }
        match self.list_pages().await {
            Ok(pages) => self.take(system, None, Kind::Lists, &pages)?,
            // Lists only name filters; a portal that does not serve them can be mapped all the same.
            Err(error) if matches!(error.class, ErrorClass::Permission | ErrorClass::Rejected) => {
                gaps.push(format!("lists were not read ({})", error.message));
            }
            Err(error) => return Err(error),
        }
        Ok(gaps)
    }

    async fn pull_object(
        &self,
        object: &str,
        system: &mut System,
        gaps: &mut Vec<String>,
    ) -> Result<(), CallError> {
        let answer = self.client.send(&Call::get(self.paths.properties(object))).await?;
        if !answer.ok() {
            let why = super::errors::summary(Some(&answer.json));
            let message = format!("the portal has no object `{object}` for this token ({why})");
            // An object that it can't make out is a bad request.
            if matches!(answer.status, 400 | 404) {
                gaps.push(message);
                return Ok(());
            }
            return Err(self.client.error(ErrorClass::Rejected, message));
        }
        self.take(system, Some(object), Kind::Fields, &answer.json)?;
        let staged = system.object(hubspot::canonical(object)).is_some_and(|(_, object)| {
            ["pipeline", "hs_pipeline"].iter().any(|name| object.fields.contains_key(*name))
        });
        if staged {
            let pipelines = self.client.send(&Call::get(self.paths.pipelines(object))).await;
            match permitted(pipelines)? {
                Ok(answer) if answer.ok() => {
                    self.take(system, Some(object), Kind::Pipelines, &answer.json)?
                }
                // Contacts and companies have pipeline properties without pipelines of this API.
                Ok(_) => {}
                Err(why) => gaps.push(format!(
                    "stages-not-visible: pipelines of {object} were not read, a permission is missing ({why})"
                )),
            }
        }
        Ok(())
    }

    pub(super) async fn list_pages(&self) -> Result<Json, CallError> {
        let (mut pages, mut offset) = (Vec::new(), 0);
        loop {
            let body = json!({"query": "", "count": LISTS, "offset": offset});
            let answer = self.ask(&Call::ask(format!("{}/search", self.paths.lists()), body)).await?;
            let next = number(&answer.json, "offset");
            let more =
                flag(&answer.json, "hasMore").unwrap_or(false) && !list(&answer.json, "lists").is_empty();
            pages.push(answer.json);
            match next.filter(|next| more && *next > offset) {
                Some(next) => offset = next,
                None => return Ok(Json::Array(pages)),
            }
        }
    }

    fn take(
        &self,
        system: &mut System,
        object: Option<&str>,
        kind: Kind,
        json: &Json,
    ) -> Result<(), CallError> {
        import(system, object, kind, json)
            .map(|_| ())
            .map_err(|error| self.client.error(ErrorClass::Rejected, error.to_string()))
    }
}

/// A missing permission is a gap; any other failure ends the pull.
fn permitted<T>(result: Result<T, CallError>) -> Result<Result<T, String>, CallError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.class == ErrorClass::Permission => Ok(Err(error.message)),
        Err(error) => Err(error),
    }
}
