//! Connections to CRMs: the [`remote::Remote`] trait that the engine knows, and its HTTP implementations.
//!
//! [`open`] makes one of a configured connection. Everything below it takes its HTTP exchange, time and chance as
//! traits, so that a test runs a connector against a simulated CRM without sockets and without waiting.

pub mod auth;
pub mod client;
pub mod facts;
pub mod file;
pub mod hosts;
pub mod http;
pub mod hubspot;
pub mod limits;
pub mod navigator;
mod read_only;
pub mod remote;
pub mod salesforce;
pub mod salesnav;
pub mod setup;
pub mod timer;
pub mod transport;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

pub use read_only::ReadOnly;

use self::auth::{Auth, Credentials, Endpoint, Grant};
use self::client::{Client, ClientParts};
use self::navigator::{Ask, Asked, Navigator};
use self::remote::{CallError, Completion, Remote, Request};
use self::timer::Timer;
use self::transport::Transport;
use crate::schema::{System, SystemKind};

pub const HUBSPOT_URL: &str = "https://api.hubapi.com";

/// A connection as configured, its secrets read.
#[derive(Debug)]
pub struct Settings {
    /// `None` = the vendor's own address.
    pub base_url: Option<String>,
    pub api_version: Option<String>,
    pub credentials: Credentials,
}

/// A connection that can't be made as it is configured, in words for the person who configured it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(pub String);

/// An open account of one of the vendors, or a folder that stands for one.
pub enum Account {
    HubSpot(hubspot::HubSpot),
    Salesforce(salesforce::Salesforce),
    /// A folder of exports; only read.
    Files(file::Files),
    SalesNav(salesnav::SalesNav),
}

/// Makes a connection. `system` is its name in mappings and messages.
pub fn open(
    system: &str,
    kind: SystemKind,
    settings: Settings,
    transport: Rc<dyn Transport>,
    timer: Rc<dyn Timer>,
) -> Result<Account, BadSettings> {
    let origin = base_origin(kind, settings.base_url.as_deref())?;
    let version = settings.api_version.as_deref();
    let auth = auth(kind, settings.credentials, &origin, version)?;
    let system: Arc<str> = system.into();
    match kind {
        SystemKind::Hubspot => {
            let paths = hubspot::Paths::new(version).map_err(BadSettings)?;
            let dialect = Box::new(hubspot::HubSpotDialect);
            let parts = ClientParts { system, origin, transport, timer, auth, dialect };
            Ok(Account::HubSpot(hubspot::HubSpot::new(Client::new(parts), paths)))
        }
        SystemKind::Salesforce => {
            let dialect = Box::new(salesforce::SalesforceDialect);
            let parts = ClientParts { system, origin, transport, timer, auth, dialect };
            let salesforce = salesforce::Salesforce::new(Client::new(parts), version).map_err(BadSettings)?;
            Ok(Account::Salesforce(salesforce))
        }
        SystemKind::Salesnav => {
            let dialect = Box::new(salesnav::LinkedInDialect);
            let parts = ClientParts { system, origin: origin.clone(), transport, timer, auth, dialect };
            let account = salesnav::SalesNav::new(Client::new(parts), &origin, version);
            Ok(Account::SalesNav(account.map_err(BadSettings)?))
        }
        SystemKind::File => {
            Err(BadSettings(format!("connection `{system}` is of a kind that is not reached over an API")))
        }
    }
}

fn auth(
    kind: SystemKind,
    credentials: Credentials,
    origin: &str,
    version: Option<&str>,
) -> Result<Auth, BadSettings> {
    let (grant, login_url, store) = match credentials {
        Credentials::Token(token) => return Ok(Auth::fixed(token)),
        Credentials::Grant { kind, login_url, store } => (kind, login_url, store),
    };
    let path = match kind {
        SystemKind::Hubspot => hubspot::Paths::new(version).map_err(BadSettings)?.token(),
        _ => "/services/oauth2/token".to_owned(),
    };
    let origin = match login_url {
        Some(url) => hosts::origin(kind, &url).map_err(|bad| BadSettings(bad.to_string()))?,
        None => origin.to_owned(),
    };
    Ok(Auth::granted(Grant { kind: grant, vendor: kind, endpoint: Endpoint { origin, path }, store }))
}

/// Where a connection's API answers: scheme, host and port.
pub fn base_origin(kind: SystemKind, base_url: Option<&str>) -> Result<String, BadSettings> {
    let url = match (kind, base_url) {
        (_, Some(url)) => url,
        (SystemKind::Hubspot, None) => HUBSPOT_URL,
        (SystemKind::Salesnav, None) => salesnav::SALESNAV_URL,
        _ => return Err(BadSettings("`base_url` is missing: the address of the org's My Domain".to_owned())),
    };
    hosts::origin(kind, url).map_err(|bad| BadSettings(bad.to_string()))
}

impl Account {
    /// Fetches the schema of the named objects into `system`; answers the gaps, in words.
    pub async fn pull(&self, objects: &[String], system: &mut System) -> Result<Vec<String>, CallError> {
        match self {
            Account::HubSpot(account) => account.pull(objects, system).await,
            Account::Salesforce(account) => account.pull(objects, system).await,
            Account::Files(account) => account.pull(objects, system),
            // Its schema is built in.
            Account::SalesNav(_) => Ok(Vec::new()),
        }
    }

    /// The account's calls of the day, once an answer has told them.
    pub fn daily(&self) -> Option<limits::Daily> {
        match self {
            Account::HubSpot(account) => account.daily(),
            Account::Salesforce(account) => account.daily(),
            Account::Files(_) => None,
            Account::SalesNav(_) => None,
        }
    }

    fn remote(&self) -> &dyn Remote {
        match self {
            Account::HubSpot(account) => account,
            Account::Salesforce(account) => account,
            Account::Files(account) => account,
            Account::SalesNav(account) => account,
        }
    }

    /// Sales Navigator's other face; nothing for the CRMs.
    pub fn sales_navigator(&self) -> Option<&salesnav::SalesNav> {
        match self {
            Account::SalesNav(account) => Some(account),
            Account::HubSpot(_) | Account::Salesforce(_) | Account::Files(_) => None,
        }
    }
}

impl Navigator for Account {
    fn ask(&self, ask: Ask) -> Asked<'_> {
        match self {
            Account::SalesNav(account) => account.ask(ask),
            Account::HubSpot(_) | Account::Salesforce(_) | Account::Files(_) => {
                Box::pin(std::future::ready(Err(CallError {
                    system: "twinmap".to_owned(),
                    class: remote::ErrorClass::Rejected,
                    message: "only Sales Navigator has seats and activities".to_owned(),
                    retry_after: None,
                })))
            }
        }
    }
}

impl Remote for Account {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        self.remote().call(request)
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.remote().calls()
    }

    fn left_today(&self) -> Option<u64> {
        self.remote().left_today()
    }
}
