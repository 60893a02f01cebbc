//! The org and the signed-in user, as far as LinkedIn's prerequisites go.

use serde_json::Value as Json;

use super::Salesforce;
use super::query::Rows;
use crate::connect::client::Call;
use crate::connect::facts::CrmFacts;
use crate::connect::remote::{CallError, ErrorClass};
use crate::schema::json::{flag, text};

impl Salesforce {
    pub(in crate::connect) async fn facts(&self) -> Result<CrmFacts, CallError> {
        let who = self.ask(&Call::get("/services/oauth2/userinfo")).await?.json;
        let org = self.first("SELECT OrganizationType, IsSandbox FROM Organization").await?;
        let user = text(&who, "user_id").unwrap_or("");
        let found = self.first(&format!("SELECT ProfileId FROM User WHERE Id = '{}'", bare(user))).await?;
        let profile = text(&found, "ProfileId").unwrap_or("").to_owned();
        let rights = self
            .first(&format!(
                "SELECT PermissionsViewAllData, PermissionsModifyAllData FROM Profile WHERE Id = '{}'",
                bare(&profile)
            ))
            .await?;
        Ok(CrmFacts {
            edition: text(&org, "OrganizationType").unwrap_or("").to_owned(),
            is_sandbox: flag(&org, "IsSandbox"),
            view_all: flag(&rights, "PermissionsViewAllData"),
            modify_all: flag(&rights, "PermissionsModifyAllData"),
            package: self.has("SELECT LID__LinkedIn_Member_Token__c FROM Contact LIMIT 1").await?,
            user: text(&who, "preferred_username").unwrap_or(user).to_owned(),
            integration_user: flag(&who, "is_salesforce_integration_user"),
            person_accounts: self.has("SELECT IsPersonAccount FROM Account LIMIT 1").await?,
        })
    }

    async fn first(&self, soql: &str) -> Result<Json, CallError> {
        let rows = self.query(soql, Rows::Live).await.map_err(|error| error.error)?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Whether the org knows the field of a query.
    async fn has(&self, soql: &str) -> Result<Option<bool>, CallError> {
        match self.query(soql, Rows::Live).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if error.error.class == ErrorClass::Rejected => Ok(Some(false)),
            Err(error) => Err(error.error),
        }
    }
}

/// Ids come from the vendor; still nothing but letters and digits goes into a query.
fn bare(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).collect()
}
