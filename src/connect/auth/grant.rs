//! Asking a vendor's token endpoint: client credentials, signed assertions, refresh tokens.
//!
//! A refresh token is sent once: when the answer is lost, the token may have been used up and a second use can
//! revoke the whole grant. The other two may be repeated freely.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use url::form_urlencoded::Serializer;

use super::store::{Held, Stored, TokenStore};
use super::{AuthError, SigningKey};
use crate::connect::hosts;
use crate::connect::timer::Timer;
use crate::connect::transport::{HttpRequest, HttpResponse, Method, Sent, Transport};
use crate::schema::SystemKind;
use crate::schema::json::text;
use crate::value::Millis;

/// Tries of an exchange that may be repeated.
const TRIES: u32 = 4;
/// A token is renewed this long before its end.
const MARGIN: i64 = 60_000;

#[derive(Debug)]
pub enum GrantKind {
    ClientCredentials {
        client_id: String,
        client_secret: SecretString,
    },
    /// Signed by the integration user's certificate.
    Assertion {
        client_id: String,
        username: String,
        audience: String,
        key: SigningKey,
    },
    Refresh {
        client_id: String,
        client_secret: Option<SecretString>,
        refresh_token: SecretString,
    },
}

/// Where tokens are given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub origin: String,
    pub path: String,
}

#[derive(Debug)]
pub struct Grant {
    pub kind: GrantKind,
    pub vendor: SystemKind,
    pub endpoint: Endpoint,
    pub store: Option<TokenStore>,
}

/// A token as it came.
pub(super) struct Fresh {
    pub access: SecretString,
    pub expires: Option<Millis>,
    pub instance: Option<String>,
}

impl Grant {
    /// A token other than `old`.
    pub(super) async fn obtain(
        &self,
        old: Option<&SecretString>,
        transport: &dyn Transport,
        timer: &dyn Timer,
    ) -> Result<Fresh, AuthError> {
        match (&self.kind, &self.store) {
            (GrantKind::Refresh { refresh_token, .. }, Some(store)) => {
                let held = store.lock(timer).await?;
                self.obtain_shared(&held, refresh_token, old, transport, timer).await
            }
            _ => self.exchange(None, transport, timer).await.map(|(fresh, _)| fresh),
        }
    }

    /// Under the lock: another process's token when it is new enough, else an exchange whose result is kept.
    async fn obtain_shared(
        &self,
        held: &Held<'_>,
        configured: &SecretString,
        old: Option<&SecretString>,
        transport: &dyn Transport,
        timer: &dyn Timer,
    ) -> Result<Fresh, AuthError> {
        let stored = held.read(configured)?;
        if let Some(stored) = &stored {
            let other = old.is_none_or(|old| old.expose_secret() != stored.access.as_str());
            let valid = stored.expires.is_some_and(|at| timer.now() < at);
            if other && valid && !stored.access.is_empty() {
                return Ok(Fresh {
                    access: SecretString::from(stored.access.clone()),
                    expires: stored.expires,
                    instance: stored.instance.clone(),
                });
            }
        }
        let refresh = stored
            .as_ref()
            .map_or_else(|| configured.clone(), |stored| SecretString::from(stored.refresh.clone()));
        let cut_off = stored.as_ref().is_some_and(|stored| stored.pending);
        held.mark_pending(configured, stored.as_ref(), &refresh)?;
        let (fresh, rotated) =
            self.exchange(Some(&refresh), transport, timer).await.map_err(|error| match cut_off {
                true => AuthError(format!(
                    "{error}; an earlier renewal was cut off, so the grant may be used up: authorise anew"
                )),
                false => error,
            })?;
        held.write(
            configured,
            &Stored {
                refresh: rotated.unwrap_or_else(|| refresh.expose_secret().to_owned()),
                access: fresh.access.expose_secret().to_owned(),
                expires: fresh.expires,
                instance: fresh.instance.clone(),
                pending: false,
            },
        )?;
        Ok(fresh)
    }

    fn form(&self, refresh: Option<&SecretString>, now: Millis) -> Result<String, AuthError> {
        let mut form = Serializer::new(String::new());
        match &self.kind {
            GrantKind::ClientCredentials { client_id, client_secret } => {
                form.append_pair("grant_type", "client_credentials")
                    .append_pair("client_id", client_id)
                    .append_pair("client_secret", client_secret.expose_secret());
            }
            GrantKind::Assertion { client_id, username, audience, key } => {
                let assertion = key.assertion(client_id, username, audience, now)?;
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                    .append_pair("assertion", assertion.expose_secret());
            }
            GrantKind::Refresh { client_id, client_secret, refresh_token } => {
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", client_id);
                if let Some(secret) = client_secret {
                    form.append_pair("client_secret", secret.expose_secret());
                }
                form.append_pair("refresh_token", refresh.unwrap_or(refresh_token).expose_secret());
            }
        }
        Ok(form.finish())
    }

    /// The token, and the refresh token that replaces the one used.
    async fn exchange(
        &self,
        refresh: Option<&SecretString>,
        transport: &dyn Transport,
        timer: &dyn Timer,
    ) -> Result<(Fresh, Option<String>), AuthError> {
        let once = matches!(self.kind, GrantKind::Refresh { .. });
        let mut tries = 1;
        loop {
            let request = HttpRequest {
                method: Method::Post,
                origin: self.endpoint.origin.as_str().into(),
                target: self.endpoint.path.clone(),
                headers: vec![
                    ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
                    ("Accept".to_owned(), "application/json".to_owned()),
                ],
                body: self.form(refresh, timer.now())?.into_bytes(),
            };
            let (why, again) = match transport.send(request).await {
                Ok(response) if response.status >= 500 => (format!("status {}", response.status), !once),
                Ok(response) => return self.read(&response, timer.now()),
                Err(error) => {
                    let again = error.sent == Sent::No || !once;
                    (error.message, again)
                }
            };
            if tries >= TRIES || !again {
                return Err(AuthError(format!("no token from {}: {why}", self.endpoint.origin)));
            }
            timer.sleep(500 << tries).await;
            tries += 1;
        }
    }

    fn read(&self, response: &HttpResponse, now: Millis) -> Result<(Fresh, Option<String>), AuthError> {
        let json: Json = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
        let Some(access) = text(&json, "access_token").filter(|_| response.status < 300) else {
            let word = |key: &str| text(&json, key).unwrap_or("");
            let (code, why) = match word("error") {
                "" => (word("status"), word("message")),
                code => (code, word("error_description")),
            };
            let origin = &self.endpoint.origin;
            return Err(AuthError(
                format!("{origin} gave no token (status {}): {code} {why}", response.status)
                    .trim_end()
                    .to_owned(),
            ));
        };
        let instance = match text(&json, "instance_url").filter(|_| self.vendor == SystemKind::Salesforce) {
            Some(url) => Some(hosts::origin(self.vendor, url).map_err(|bad| {
                AuthError(format!("the token's address is not one to send data to: {bad}"))
            })?),
            None => None,
        };
        let seconds = json
            .get("expires_in")
            .and_then(|value| value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok())));
        let expires = seconds.map(|seconds| now.plus(seconds.clamp(0, 86_400 * 30) * 1_000 - MARGIN));
        let fresh = Fresh { access: SecretString::from(access.to_owned()), expires, instance };
        Ok((fresh, text(&json, "refresh_token").map(str::to_owned)))
    }
}
