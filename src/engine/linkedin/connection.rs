//! The connection of a Sales Navigator contract with a CRM account, as an explicit state machine.
//!
//! not-installed -> authorising -> environment-chosen -> accepted -> connected, and from there to disconnected (a right
//! was lost) or uninstalled. Each step is remembered with who and when before the next; data flows only when the
//! connection is connected, started and not paused.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Bridge, NavDeps, instance_urn};
use crate::connect::navigator::Navigator;
use crate::connect::remote::{CallError, ErrorClass};
use crate::connect::salesnav::api;
use crate::engine::error::{EngineError, EngineResult};
use crate::schema::SystemKind;
use crate::state::{StateResult, Store};
use crate::value::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    #[default]
    NotInstalled,
    Authorising,
    EnvironmentChosen,
    Accepted,
    Connected,
    /// A right of the CRM's user was lost; nothing flows until somebody connects again.
    Disconnected,
    Uninstalled,
}

impl LinkState {
    pub fn word(self) -> &'static str {
        match self {
            LinkState::NotInstalled => "not installed",
            LinkState::Authorising => "authorising",
            LinkState::EnvironmentChosen => "environment chosen, requirements not accepted yet",
            LinkState::Accepted => "accepted, not connected yet",
            LinkState::Connected => "connected",
            LinkState::Disconnected => "disconnected",
            LinkState::Uninstalled => "uninstalled",
        }
    }
}

/// What is remembered of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NavLink {
    pub state: LinkState,
    pub contract: String,
    pub contract_name: String,
    /// The connection of `twinmap.toml` that it is joined with, its account and the user who signs in there.
    pub crm: String,
    pub crm_account: String,
    pub user: String,
    pub integration_user: bool,
    /// The secret of a handshake under way, checked on return.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    pub accepted_by: String,
    pub accepted_at: Option<Millis>,
    pub terms: String,
    pub connected_at: Option<Millis>,
    pub last_sync: Option<Millis>,
    pub initial_sync_pending: bool,
    /// Whether the syncs were started; a connection may stand without.
    pub started: bool,
    /// The object pairs that were started, in their order.
    pub objects: Vec<String>,
    pub paused: bool,
    /// The admin's master switch for writeback, as last seen.
    pub writeback: bool,
    /// Admin settings that nobody has looked at: they stand at their defaults.
    pub not_reviewed: Vec<String>,
    /// Why it is disconnected.
    pub reason: String,
}

/// Who is connecting whom.
pub struct Parties<'p> {
    pub system: &'p str,
    pub crm: &'p str,
    pub kind: SystemKind,
    pub account: &'p str,
    pub user: &'p str,
    pub integration_user: bool,
}

const RETURN_TO: &str = "http://127.0.0.1/twinmap/connected";
/// LinkedIn's admin settings of a connection.
const SETTINGS: [&str; 5] =
    ["autoSyncAllSeats", "writeback", "writebackItems", "createContacts", "updateContacts"];
const DAY: i64 = 86_400_000;

impl NavLink {
    pub fn load(store: &Store, system: &str) -> StateResult<Option<NavLink>> {
        Ok(store.nav_connection(system)?.map(serde_json::from_value).transpose()?)
    }

    pub fn save(&self, store: &Store, system: &str) -> StateResult<()> {
        store.put_nav_connection(system, &serde_json::to_value(self)?)
    }

    /// Whether data may flow.
    pub fn flows(&self) -> bool {
        self.state == LinkState::Connected && self.started && !self.paused
    }

    pub fn is_live(&self) -> bool {
        self.state == LinkState::Connected
    }

    /// The state in words, for `status`.
    pub fn words(&self, now: Millis) -> String {
        let mut words = self.state.word().to_owned();
        match self.state {
            LinkState::Connected if !self.started => words.push_str(", not configured: nothing flows"),
            LinkState::Connected if self.paused => words.push_str(", paused: nothing flows"),
            LinkState::Disconnected => words = format!("disconnected: {}", self.reason),
            _ => {}
        }
        if self.state == LinkState::Connected && self.initial_sync_pending {
            let age = now.0 - self.connected_at.unwrap_or(now).0;
            let hours = age / 3_600_000;
            words.push_str(&format!("; initial sync pending for {hours} h"));
            if age > DAY {
                words.push_str(" (more than 24 h: ask LinkedIn's support)");
            }
        }
        words
    }

    /// First step: the CRM's user is sent to LinkedIn and back, and the secret that went along has to return.
    pub async fn authorise(
        &mut self,
        nav: &dyn Navigator,
        store: &Store,
        parties: &Parties<'_>,
        contract: &api::Contract,
        nonce: String,
    ) -> EngineResult<()> {
        let kept = self.clone();
        *self = NavLink {
            state: LinkState::Authorising,
            contract: contract.contract.clone(),
            contract_name: contract.name.clone(),
            crm: parties.crm.to_owned(),
            crm_account: parties.account.to_owned(),
            user: parties.user.to_owned(),
            integration_user: parties.integration_user,
            nonce,
            // A user is exchanged: what flowed goes on flowing.
            started: kept.started && kept.crm_account == parties.account,
            objects: kept.objects,
            ..NavLink::default()
        };
        let begin = json!({
            "contract": self.contract, "state": self.nonce, "redirectUri": RETURN_TO,
            "crmInstance": instance_urn(parties.kind, parties.account),
        });
        api::step(nav, "begin", begin).await?;
        self.save(store, parties.system)?;
        let allow = json!({
            "contract": self.contract, "state": self.nonce, "redirectUri": RETURN_TO, "user": self.user,
            "integrationUser": self.integration_user,
        });
        let told = api::step(nav, "authorize", allow).await?;
        let back = told.get("redirect").and_then(serde_json::Value::as_str).unwrap_or("");
        let (code, state) = returned(back);
        if state != self.nonce || code.is_empty() {
            return Err(refused("LinkedIn's answer does not belong to this connection: begin again"));
        }
        let exchange = json!({ "contract": self.contract, "code": code, "state": state });
        api::step(nav, "exchange", exchange).await?;
        self.nonce.clear();
        self.state = LinkState::EnvironmentChosen;
        self.save(store, parties.system)?;
        Ok(())
    }

    /// The requirements are accepted, by whom and when; then the connection is made active.
    pub async fn accept(
        &mut self,
        nav: &dyn Navigator,
        store: &Store,
        system: &str,
        by: &str,
        now: Millis,
    ) -> EngineResult<()> {
        if !matches!(self.state, LinkState::EnvironmentChosen | LinkState::Accepted) {
            return Err(refused(&format!(
                "there is nothing to accept: the connection is {}",
                self.state.word()
            )));
        }
        if self.state == LinkState::EnvironmentChosen {
            let terms = api::terms(nav).await?;
            let body = json!({ "contract": self.contract, "acceptedBy": by, "termsVersion": terms.version });
            api::step(nav, "accept", body).await?;
            (self.accepted_by, self.accepted_at, self.terms) = (by.to_owned(), Some(now), terms.version);
            self.state = LinkState::Accepted;
            self.save(store, system)?;
            let detail =
                json!({ "system": system, "by": by, "terms": self.terms, "contract": self.contract });
            store.nav_audit(now, "accept", &detail)?;
        }
        api::step(nav, "activate", json!({ "contract": self.contract })).await?;
        self.state = LinkState::Connected;
        self.refresh(nav).await?;
        self.connected_at = self.connected_at.or(Some(now));
        self.save(store, system)?;
        Ok(())
    }

    /// Takes over what LinkedIn says of the connection now.
    pub async fn refresh(&mut self, nav: &dyn Navigator) -> EngineResult<()> {
        let told = api::connection(nav, &self.contract).await?;
        let settings = match told.state == "CONNECTED" {
            true => Some(api::settings(nav, &self.contract).await?),
            false => None,
        };
        self.take_over(&told, settings.as_ref());
        Ok(())
    }

    fn take_over(&mut self, told: &api::Connection, settings: Option<&api::AdminSettings>) {
        self.initial_sync_pending = told.initial_sync == "PENDING";
        self.connected_at = told.connected_at;
        self.last_sync = told.last_sync_at;
        if let Some(settings) = settings {
            self.writeback = settings.writeback;
            let open = |name: &&str| !settings.reviewed.contains(*name);
            self.not_reviewed = SETTINGS.into_iter().filter(open).map(str::to_owned).collect();
        }
        if self.state == LinkState::Connected && told.state != "CONNECTED" {
            self.state = LinkState::Disconnected;
            self.reason = match told.state.as_str() {
                "DISCONNECTED_PERMISSION" => format!("permission: user {} lost a right", self.user),
                other => format!("LinkedIn says {other}"),
            };
        }
    }

    /// Ends all flows. Links and what was written stay, so that a later connection makes nothing twice.
    pub async fn uninstall(
        &mut self,
        nav: &dyn Navigator,
        store: &Store,
        system: &str,
        now: Millis,
    ) -> EngineResult<()> {
        api::step(nav, "uninstall", json!({ "contract": self.contract })).await?;
        self.state = LinkState::Uninstalled;
        self.started = false;
        self.save(store, system)?;
        store.nav_audit(now, "uninstall", &json!({ "system": system, "contract": self.contract }))?;
        Ok(())
    }
}

fn refused(message: &str) -> EngineError {
    EngineError::Remote(CallError {
        system: "salesnav".to_owned(),
        class: ErrorClass::Rejected,
        message: message.to_owned(),
        retry_after: None,
    })
}

/// `code` and `state` of the address that the browser was sent back to.
fn returned(address: &str) -> (String, String) {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut out = (String::new(), String::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "code" => out.0 = value,
            "state" => out.1 = value,
            _ => {}
        }
    }
    out
}

impl NavDeps<'_> {
    /// Hands a result on; a right that was lost is remembered with the user it was lost by, and nothing else changes.
    pub(super) fn noted<T>(&self, bridge: &Bridge<'_>, result: EngineResult<T>) -> EngineResult<T> {
        if let Err(EngineError::Remote(error)) = &result
            && matches!(error.class, ErrorClass::Permission | ErrorClass::Auth)
        {
            let mut link = bridge.link.clone();
            link.state = LinkState::Disconnected;
            let who = if link.user.is_empty() { "of the connection" } else { &link.user };
            link.reason = format!("permission: user {who} ({})", error.message);
            link.save(self.deps.store, bridge.name)?;
        }
        result
    }

    pub(super) async fn mark_synced(&self, bridge: &Bridge<'_>) -> EngineResult<()> {
        let body = json!({ "contract": bridge.link.contract });
        api::step(bridge.nav, "synced", body).await?;
        let mut link = bridge.link.clone();
        let told = api::connection(bridge.nav, &link.contract).await?;
        let settings = self.admin(bridge.nav, &link.contract).await?;
        link.take_over(&told, (told.state == "CONNECTED").then_some(&settings));
        link.save(self.deps.store, bridge.name)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_address_is_read_and_states_are_words() {
        assert_eq!(returned("http://127.0.0.1/x?code=a%2Fb&state=n-1"), ("a/b".to_owned(), "n-1".to_owned()));
        let mut link = NavLink { state: LinkState::Connected, ..NavLink::default() };
        assert!(link.words(Millis(0)).contains("not configured") && !link.flows());
        link.started = true;
        assert!(link.flows());
        link.paused = true;
        assert!(link.words(Millis(0)).contains("paused") && !link.flows());
        link = NavLink {
            state: LinkState::Connected,
            started: true,
            initial_sync_pending: true,
            connected_at: Some(Millis(0)),
            ..NavLink::default()
        };
        assert!(link.words(Millis(3 * 3_600_000)).contains("initial sync pending for 3 h"));
        assert!(link.words(Millis(25 * 3_600_000)).contains("more than 24 h"));
    }
}
