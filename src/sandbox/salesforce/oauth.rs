//! `POST /services/oauth2/token`: client credentials, JWT bearer, refresh with rotation, and the retired password flow.
//!
//! Any client id and secret is taken; signatures of assertions are not checked. A refresh token that this org did not
//! give is taken as often as it comes, as that of an app without rotation; one that it gave can be used once, and when it
//! comes again it fails and takes the family's newest token with it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::core::http::Request;
use super::doc::{Doc, object};
use super::ids::Id;
use super::org::{Org, Who};
use super::reply::Reply;
use super::session::{Session, Sessions, find_user};
use super::time::HOUR;

/// The session timeout of a new org.
pub const LIFE: i64 = 2 * HOUR;

#[derive(Debug, Default)]
pub struct Grants {
    issued: u64,
    /// Live refresh token -> its family.
    live: BTreeMap<String, u64>,
    /// Used refresh token -> its family.
    used: BTreeMap<String, u64>,
    revoked: BTreeSet<u64>,
}

struct Refused(&'static str, &'static str);

pub fn token(
    org: &Org,
    sessions: &mut Sessions,
    grants: &mut Grants,
    request: &Request,
    base: &str,
) -> Reply {
    if request.method != "POST" {
        return refuse(&Refused("invalid_request", "must use HTTP POST"));
    }
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let form: BTreeMap<String, String> = request.query.iter().cloned().chain(form).collect();
    match grant(org, grants, request, &form) {
        Ok((user, refresh)) => issue(org, sessions, grants, base, user, refresh),
        Err(refused) => refuse(&refused),
    }
}

fn refuse(Refused(error, description): &Refused) -> Reply {
    let body = object([("error", (*error).into()), ("error_description", (*description).into())]);
    Reply::json(if *error == "invalid_client" { 401 } else { 400 }, body)
}

/// The user, and the new refresh token where the flow has one.
fn grant(
    org: &Org,
    grants: &mut Grants,
    request: &Request,
    form: &BTreeMap<String, String>,
) -> Result<(Id, Option<String>), Refused> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let basic = request.header("authorization").is_some_and(|text| text.starts_with("Basic "));
    match field("grant_type") {
        Some("client_credentials") if basic || (field("client_id").and(field("client_secret"))).is_some() => {
            Ok((org.integration_user, None))
        }
        Some("client_credentials") => Err(Refused("invalid_client", "invalid client credentials")),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            jwt_user(org, field("assertion").unwrap_or_default()).map(|user| (user, None))
        }
        Some("refresh_token") => {
            let new = grants.rotate(field("refresh_token").unwrap_or_default())?;
            Ok((org.integration_user, Some(new)))
        }
        Some("password") => find_user(org, Some(field("username").unwrap_or_default()))
            .filter(|user| super::rows::active(org, *user) && field("password").is_some())
            .map(|user| (user, None))
            .ok_or(Refused("invalid_grant", "authentication failure")),
        Some(_) => Err(Refused("unsupported_grant_type", "grant type not supported")),
        None => Err(Refused("unsupported_grant_type", "grant type not supported")),
    }
}

/// The user named by `sub`, when the assertion has not expired.
fn jwt_user(org: &Org, assertion: &str) -> Result<Id, Refused> {
    let invalid = || Refused("invalid_grant", "invalid assertion");
    let payload = assertion.split('.').nth(1).ok_or_else(invalid)?;
    let bytes = data_encoding::BASE64URL_NOPAD
        .decode(payload.trim_end_matches('=').as_bytes())
        .map_err(|_| invalid())?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    let expires = claims.get("exp").and_then(serde_json::Value::as_i64).ok_or_else(invalid)?;
    if expires * 1_000 < org.clock.now().0 {
        return Err(Refused("invalid_grant", "expired authorization code"));
    }
    if claims.get("aud").and_then(serde_json::Value::as_str).is_none() {
        return Err(Refused("invalid_grant", "audience is invalid"));
    }
    let subject = claims.get("sub").and_then(serde_json::Value::as_str).ok_or_else(invalid)?;
    find_user(org, Some(subject)).ok_or(Refused("invalid_grant", "user hasn't approved this consumer"))
}

impl Grants {
    /// A new session id, of the shape of real ones.
    pub fn session_id(&mut self, org: &Org) -> String {
        self.issued += 1;
        format!("{}!AQcAQSandboxAccess{:08}", org.id.short(), self.issued)
    }

    fn rotate(&mut self, token: &str) -> Result<String, Refused> {
        let expired = Refused("invalid_grant", "expired access/refresh token");
        if token.is_empty() {
            return Err(expired);
        }
        if let Some(family) = self.used.get(token) {
            self.revoked.insert(*family);
            return Err(expired);
        }
        self.issued += 1;
        let own = self.live.remove(token);
        let family = own.unwrap_or(self.issued);
        if own.is_some() {
            self.used.insert(token.to_owned(), family);
        }
        if self.revoked.contains(&family) {
            return Err(expired);
        }
        let new = format!("5Aep861Sandbox.refresh{:08}", self.issued);
        self.live.insert(new.clone(), family);
        Ok(new)
    }
}

fn issue(
    org: &Org,
    sessions: &mut Sessions,
    grants: &mut Grants,
    base: &str,
    user: Id,
    refresh: Option<String>,
) -> Reply {
    let now = org.clock.now().0;
    let token = grants.session_id(org);
    let who = Who::new(user, "api");
    sessions.open(token.clone(), Session { who, until: Some(now + LIFE) });
    let identity = format!("{base}/id/{}/{user}", org.id);
    let signature = blake3::hash(format!("{identity}{now}").as_bytes());
    let mut doc = object([
        ("access_token", token.into()),
        ("signature", data_encoding::BASE64.encode(signature.as_bytes()).into()),
        ("scope", "api refresh_token".into()),
        ("instance_url", base.to_owned().into()),
        ("id", identity.into()),
        ("token_type", "Bearer".into()),
        ("issued_at", now.to_string().into()),
        ("api_instance_url", base.to_owned().into()),
    ]);
    if let Some(refresh) = refresh {
        doc.push("refresh_token", Doc::from(refresh));
    }
    Reply::json(200, doc)
}
