//! Fetching an org's schema as the integration user sees it: the same answers that `schema import` reads.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::query::Rows;
use super::{Salesforce, soql};
use crate::connect::client::{Call, encode};
use crate::connect::remote::{CallError, ErrorClass};
use crate::schema::System;
use crate::schema::import::{Kind, import};
use crate::schema::json::{list, text};

impl Salesforce {
    /// Fetches organisation, users and the named objects into `system`. Answers what could not be read, in words.
    pub async fn pull(&self, objects: &[String], system: &mut System) -> Result<Vec<String>, CallError> {
        let mut gaps = Vec::new();
        let soql = "SELECT Id, OrganizationType, TimeZoneSidKey FROM Organization";
        let rows = self.query(soql, Rows::Live).await.map_err(|refused| refused.error)?;
        self.take(system, None, Kind::Account, &Json::Array(rows))?;
        for object in objects {
            self.pull_object(object, system, &mut gaps).await?;
        }
        self.currencies(system).await?;
        let users = self.users().await?;
        self.take(system, None, Kind::Owners, &users)?;
        Ok(gaps)
    }

    async fn pull_object(
        &self,
        object: &str,
        system: &mut System,
        gaps: &mut Vec<String>,
    ) -> Result<(), CallError> {
        soql::name(object).map_err(|error| self.misused(error))?;
        let target = format!("{}/sobjects/{}/describe", self.base, encode(object));
        let answer = self.client.send(&Call::get(target)).await?;
        if !answer.ok() {
            let why = super::errors::summary(&answer.json);
            let message = format!("the org has no object `{object}` for this user ({why})");
            if answer.status == 404 {
                gaps.push(message);
                return Ok(());
            }
            return Err(self.misused(message));
        }
        // The describe's own spelling is the object's name.
        let name = text(&answer.json, "name").unwrap_or(object).to_owned();
        self.take(system, Some(&name), Kind::Fields, &answer.json)?;
        if name == "Opportunity" {
            self.pull_stages(system, gaps).await?;
        }
        self.pull_record_type_picklists(&name, system, gaps).await
    }

    async fn pull_stages(&self, system: &mut System, gaps: &mut Vec<String>) -> Result<(), CallError> {
        let soql = "SELECT ApiName, MasterLabel, IsActive, SortOrder, IsClosed, IsWon, DefaultProbability \
            FROM OpportunityStage ORDER BY SortOrder";
        match self.query(soql, Rows::Live).await {
            Ok(rows) => self.take(system, Some("Opportunity"), Kind::Stages, &Json::Array(rows)),
            Err(refused) if refused.no_object => {
                gaps.push(
                    "stages-not-visible: the user lacks the permission to read OpportunityStage".to_owned(),
                );
                Ok(())
            }
            Err(refused) => Err(refused.error),
        }
    }

    /// Which values each record type offers stands in its layout, not in the describe.
    async fn pull_record_type_picklists(
        &self,
        object: &str,
        system: &mut System,
        gaps: &mut Vec<String>,
    ) -> Result<(), CallError> {
        let Some(described) = system.objects.get_mut(object) else { return Ok(()) };
        for record_type in &mut described.record_types {
            let target = format!(
                "{}/sobjects/{}/describe/layouts/{}",
                self.base,
                encode(object),
                encode(&record_type.id)
            );
            let answer = self.client.send(&Call::get(target)).await;
            match answer {
                Ok(answer) if answer.ok() => record_type.picklists = picklists(&answer.json, &record_type.id),
                Ok(_) => gaps
                    .push(format!("the values of record type {object}.{} were not read", record_type.name)),
                Err(error) if error.class == ErrorClass::Permission => {
                    gaps.push(format!(
                        "the values of record type {object}.{} were not read",
                        record_type.name
                    ));
                }
                Err(error) => return Err(error),
            }
        }
        // A subset that leaves nothing out says nothing.
        for record_type in &mut described.record_types {
            record_type.picklists.retain(|name, values| {
                let Some(field) = described.fields.get(name) else { return false };
                field
                    .options
                    .iter()
                    .any(|option| option.active && !values.iter().any(|value| *value == option.value))
            });
        }
        Ok(())
    }

    /// Only orgs with several currencies have the object.
    async fn currencies(&self, system: &mut System) -> Result<(), CallError> {
        let several = system.objects.values().any(|object| object.fields.contains_key("CurrencyIsoCode"));
        if !several {
            return Ok(());
        }
        let soql = "SELECT IsoCode, IsCorporate FROM CurrencyType WHERE IsActive = true ORDER BY IsoCode";
        match self.query(soql, Rows::Live).await {
            Ok(rows) => {
                let code = |row: &Json| text(row, "IsoCode").map(str::to_owned);
                system.account.currencies = rows.iter().filter_map(code).collect();
                let corporate = rows.iter().find(|row| row.get("IsCorporate") == Some(&Json::Bool(true)));
                system.account.currency = corporate.and_then(code).unwrap_or_default();
                Ok(())
            }
            Err(refused) if refused.no_object => Ok(()),
            Err(refused) => Err(refused.error),
        }
    }

    fn take(
        &self,
        system: &mut System,
        object: Option<&str>,
        kind: Kind,
        json: &Json,
    ) -> Result<(), CallError> {
        import(system, object, kind, json).map(|_| ()).map_err(|error| self.misused(error))
    }
}

/// `recordTypeMappings[].picklistsForRecordType[]` of a layout answer.
fn picklists(json: &Json, record_type: &str) -> BTreeMap<String, Vec<String>> {
    let mappings = list(json, "recordTypeMappings");
    let own = mappings.iter().filter(|mapping| text(mapping, "recordTypeId") == Some(record_type));
    let rows: Vec<&Json> = match own.clone().count() {
        0 => list(json, "picklistsForRecordType").iter().collect(),
        _ => own.flat_map(|mapping| list(mapping, "picklistsForRecordType")).collect(),
    };
    rows.into_iter()
        .filter_map(|row| {
            let values =
                list(row, "picklistValues").iter().filter_map(|v| text(v, "value")).map(str::to_owned);
            Some((text(row, "picklistName")?.to_owned(), values.collect()))
        })
        .collect()
}
