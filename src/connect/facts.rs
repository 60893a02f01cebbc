//! What LinkedIn asks of a CRM account before it joins it: edition, rights, package. Read only.

use super::Account;
use super::remote::CallError;

/// `None` = the account can't tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrmFacts {
    /// `Enterprise Edition`, ...; empty for a CRM without editions of this kind.
    pub edition: String,
    pub is_sandbox: Option<bool>,
    pub view_all: Option<bool>,
    pub modify_all: Option<bool>,
    /// Whether LinkedIn's package is installed.
    pub package: Option<bool>,
    pub user: String,
    pub integration_user: Option<bool>,
    /// Whether the org has person accounts.
    pub person_accounts: Option<bool>,
}

impl Account {
    pub async fn facts(&self) -> Result<CrmFacts, CallError> {
        match self {
            Account::Salesforce(account) => account.facts().await,
            Account::HubSpot(_) | Account::SalesNav(_) | Account::Files(_) => Ok(CrmFacts::default()),
        }
    }
}
