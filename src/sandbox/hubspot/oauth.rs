//! OAuth: a public app's tokens, with the calls of v1 and of the dated versions.

use serde_json::{Value as Json, json};
use url::form_urlencoded;

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::portal::Portal;
use crate::value::Millis;

/// What webhooks are signed with; the app whose requests they are may have any id and secret.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// What an authorization code is exchanged for.
const REFRESH_TOKEN: &str = "sandbox-refresh";
/// An access token lives so long.
const LIFE: i64 = 30 * 60_000;

/// An access token and when it ends.
#[derive(Debug, Clone)]
pub struct Grant {
    pub token: String,
    pub until: Millis,
}

const SCOPES: &[&str] = &[
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
];

fn refused(status: &str, message: &str) -> Answer {
    Ok((400, json!({ "status": status, "message": message })))
}

/// `POST /oauth/{version}/token`. Only v1 takes the values from the query, too. Any app's id, secret, code and refresh
/// token are good, but for refresh tokens that were revoked.
pub fn token(portal: &mut Portal, request: &Request, version: &str) -> Answer {
    let mut form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    if version == "v1" {
        form.extend(request.query.iter().cloned());
    }
    let get = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if get("client_id").is_empty() {
        return refused("BAD_CLIENT_ID", "missing or unknown client id");
    }
    if get("client_secret").is_empty() {
        return refused("BAD_CLIENT_SECRET", "missing or invalid client secret");
    }
    let refresh = match get("grant_type") {
        "refresh_token" if is_good(portal, get("refresh_token")) => get("refresh_token").to_owned(),
        "refresh_token" => return refused("BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        "authorization_code" if !get("code").is_empty() => REFRESH_TOKEN.to_owned(),
        "authorization_code" => return refused("BAD_AUTH_CODE", "missing or unknown auth code"),
        _ => return refused("BAD_GRANT_TYPE", "missing or unknown grant type"),
    };
    let token = format!("CJsandbox-{}", portal.correlation());
    let until = portal.now().plus(LIFE);
    portal.grants.retain(|grant| grant.until.0 + LIFE > until.0 - LIFE);
    portal.grants.push(Grant { token: token.clone(), until });
    let mut body = json!({
        "access_token": token,
        "refresh_token": refresh,
        "expires_in": LIFE / 1000,
        "token_type": "bearer",
    });
    if let (true, Some(body)) = (version != "v1", body.as_object_mut()) {
        body.insert("token_use".into(), json!("access"));
        body.insert("hub_id".into(), json!(portal.id));
        body.insert("user_id".into(), json!(9_000_001));
        body.insert("scopes".into(), json!(SCOPES));
    }
    Ok((200, body))
}

fn is_good(portal: &Portal, refresh: &str) -> bool {
    !refresh.is_empty() && !portal.revoked.contains(refresh)
}

/// Whether an access token is good now; an expired one has an answer of its own.
pub fn check(portal: &Portal, token: &str) -> Result<(), Fault> {
    let Some(grant) = portal.grants.iter().find(|grant| grant.token == token) else {
        return Err(Fault::new(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
             more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        ));
    };
    let late = portal.now().0 - grant.until.0;
    if late < 0 {
        return Ok(());
    }
    let minutes = late / 60_000;
    let message = format!("The OAuth token used to make this call expired {minutes} minute(s) ago.");
    Err(Fault::new(401, "EXPIRED_AUTHENTICATION", message))
}

fn token_info(portal: &Portal, token: &str) -> Option<Json> {
    let grant = portal.grants.iter().find(|grant| grant.token == token)?;
    Some(json!({
        "token": token,
        "hub_id": portal.id,
        "user_id": 9_000_001,
        "user": "kim.hansen@twinmap.example",
        "hub_domain": "twinmap.example",
        "app_id": portal.app_id,
        "scopes": SCOPES,
        "token_type": "access",
        "expires_in": (grant.until.0 - portal.now().0).max(0) / 1000,
    }))
}

/// `GET /oauth/v1/access-tokens/{token}`.
pub fn access_info(portal: &Portal, token: &str) -> Answer {
    token_info(portal, token).map(|body| (200, body)).ok_or_else(Fault::not_found)
}

/// `POST /oauth/v2/private-apps/get/access-token-info`: `{tokenKey}`.
pub fn private_info(portal: &Portal, request: &Request) -> Answer {
    let body = Json::Object(super::request::object(request)?);
    super::request::text(&body, "tokenKey").ok_or_else(|| Fault::missing("tokenKey"))?;
    let lost = &portal.settings.without_scopes;
    let scopes: Vec<&str> = SCOPES.iter().copied().filter(|scope| !lost.contains(*scope)).collect();
    let body = json!({ "userId": 9_000_001, "hubId": portal.id, "appId": portal.app_id, "scopes": scopes });
    Ok((200, body))
}

/// `GET` and `DELETE /oauth/v1/refresh-tokens/{token}`.
pub fn refresh_info(portal: &mut Portal, token: &str, method: &str) -> Answer {
    if !is_good(portal, token) {
        return Err(Fault::not_found());
    }
    if method == "DELETE" {
        portal.revoked.insert(token.to_owned());
        return Ok((204, Json::Null));
    }
    let body = json!({
        "token": token,
        "client_id": "sandbox-client",
        "hub_id": portal.id,
        "user_id": 9_000_001,
        "user": "kim.hansen@twinmap.example",
        "hub_domain": "twinmap.example",
        "scopes": SCOPES,
        "token_type": "refresh",
    });
    Ok((200, body))
}

/// `POST /oauth/{version}/token/introspect` and `token/revoke`, with the token in the form.
pub fn token_call(portal: &mut Portal, request: &Request, verb: &str) -> Answer {
    let form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    let token = form.iter().find(|(key, _)| key == "token").map_or("", |(_, value)| value.as_str());
    if verb == "introspect" {
        let mut body = token_info(portal, token).unwrap_or_else(|| json!({}));
        if let Some(body) = body.as_object_mut() {
            let active = check(portal, token).is_ok() || token == REFRESH_TOKEN && is_good(portal, token);
            body.insert("active".into(), json!(active));
        }
        return Ok((200, body));
    }
    portal.grants.retain(|grant| grant.token != token);
    portal.revoked.insert(token.to_owned());
    Ok((204, Json::Null))
}
