//! What exactly-once creation needs in an account, and making it: our id field, and in Salesforce our stamp field.
//!
//! Looking and making are apart, so that a command shows what it is about to make before it makes it.

use super::Account;
use super::remote::CallError;

/// The unique property that carries our id of a HubSpot record.
pub const HUBSPOT_ID: &str = "twinmap_id";
/// The external id field of a Salesforce record, and the field with the id of our last write.
pub const SALESFORCE_ID: &str = "Twinmap_Id__c";
pub const SALESFORCE_OP: &str = "Twinmap_Op__c";

/// One field that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub object: String,
    pub field: String,
    /// What it is, in words: `text 64, external id, unique`.
    pub what: &'static str,
    pub state: NeedState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeedState {
    Present,
    Missing,
    /// A field of this name that can't serve, and why.
    Unusable(String),
}

impl Account {
    /// The fields that the named objects need, and whether they are there.
    pub async fn needs(&self, objects: &[String]) -> Result<Vec<Need>, CallError> {
        match self {
            Account::HubSpot(account) => account.needs(objects).await,
            Account::Salesforce(account) => account.needs(objects).await,
            // Nothing is created there.
            Account::Files(_) => Ok(Vec::new()),
            Account::SalesNav(_) => Ok(Vec::new()),
        }
    }

    /// Makes one missing field.
    pub async fn provide(&self, need: &Need) -> Result<(), CallError> {
        match self {
            Account::HubSpot(account) => account.provide(need).await,
            Account::Salesforce(account) => account.provide(need).await,
            Account::Files(_) => Ok(()),
            Account::SalesNav(_) => Ok(()),
        }
    }
}
