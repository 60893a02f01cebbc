//! Signing in: renewals by one for all, rotating refresh tokens that survive processes, signed assertions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use secrecy::SecretString;
use twinmap::connect::auth::{Credentials, GrantKind, SigningKey, TokenStore};
use twinmap::connect::remote::{ErrorClass, Remote, Reply, Request};
use twinmap::connect::transport::{Exchange, HttpRequest, HttpResponse, Sent, Transport, TransportError};
use twinmap::connect::{Account, Settings, open};
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::in_process::SimTimer;
use twinmap::schema::SystemKind;

use crate::support::{START, answer, now};

/// A vendor that gives out tokens, rotates refresh tokens and revokes the family of one that is used twice.
#[derive(Default)]
struct Vendor {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    exchanges: u32,
    /// The refresh token that is good now.
    refresh: String,
    revoked: bool,
    access: String,
    /// How the next exchange goes wrong.
    lose_next: bool,
    instance: Option<String>,
    last_form: BTreeMap<String, String>,
    calls: u32,
    hosts: Vec<String>,
}

impl Vendor {
    fn new(refresh: &str) -> Rc<Self> {
        let vendor = Vendor::default();
        refresh.clone_into(&mut vendor.state.borrow_mut().refresh);
        Rc::new(vendor)
    }

    /// The access token stops working before its time.
    fn expire(&self) {
        self.state.borrow_mut().access = "gone".to_owned();
    }

    fn token(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut state = self.state.borrow_mut();
        state.exchanges += 1;
        state.last_form = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let number = state.exchanges;
        if state.last_form["grant_type"] == "refresh_token" {
            if state.revoked || state.last_form["refresh_token"] != state.refresh {
                state.revoked = true;
                return Ok(answer(
                    400,
                    r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
                ));
            }
            state.refresh = format!("refresh-{number}");
        }
        state.access = format!("access-{number}");
        if std::mem::take(&mut state.lose_next) {
            return Err(TransportError::new(Sent::Maybe, "the answer broke off"));
        }
        let mut body = serde_json::json!({"access_token": state.access, "refresh_token": state.refresh, "expires_in": 1800});
        if let Some(instance) = &state.instance {
            body["instance_url"] = serde_json::json!(instance);
        }
        Ok(answer(200, &body.to_string()))
    }

    fn api(&self, request: &HttpRequest) -> HttpResponse {
        let mut state = self.state.borrow_mut();
        state.calls += 1;
        state.hosts.push(request.origin.to_string());
        let bearer = format!("Bearer {}", state.access);
        if !request.headers.iter().any(|(name, value)| name == "Authorization" && *value == bearer) {
            return answer(
                401,
                r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#,
            );
        }
        answer(
            200,
            r#"{"results":[],"records":[],"done":true,"totalSize":0,"portalId":1,"organization_id":"00D000000000001"}"#,
        )
    }
}

impl Transport for Vendor {
    fn send(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(async move {
            // Others get a turn while the request is on its way.
            tokio::task::yield_now().await;
            if request.target.ends_with("/token") { self.token(&request) } else { Ok(self.api(&request)) }
        })
    }
}

fn refresh_grant() -> GrantKind {
    GrantKind::Refresh {
        client_id: "id".to_owned(),
        client_secret: Some(SecretString::from("client-secret".to_owned())),
        refresh_token: SecretString::from("refresh-0".to_owned()),
    }
}

fn account(
    vendor: &Rc<Vendor>,
    kind: SystemKind,
    grant: GrantKind,
    store: Option<&Path>,
    clock: &SimClock,
) -> Account {
    let base =
        if kind == SystemKind::Hubspot { "https://api.hubapi.com" } else { "https://acme.my.salesforce.com" };
    let settings = Settings {
        base_url: Some(base.to_owned()),
        api_version: None,
        credentials: Credentials::Grant { kind: grant, login_url: None, store: store.map(TokenStore::new) },
    };
    let timer = Rc::new(SimTimer::new(clock.clone(), 3));
    open("crm", kind, settings, vendor.clone(), timer).unwrap()
}

fn clock() -> SimClock {
    SimClock::starting_at(START)
}

#[test]
fn thirty_tasks_in_two_processes_renew_once() {
    let (vendor, clock) = (Vendor::new("refresh-0"), clock());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens/crm.json");
    let accounts: Vec<Rc<Account>> = (0..2)
        .map(|_| Rc::new(account(&vendor, SystemKind::Hubspot, refresh_grant(), Some(&file), &clock)))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let all = || {
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = (0..30)
            .map(|n| {
                let account = Rc::clone(&accounts[n % 2]);
                local.spawn_local(async move { account.call(Request::Identity).await })
            })
            .collect();
        runtime.block_on(local.run_until(async {
            for task in tasks {
                assert!(matches!(task.await.unwrap(), Ok(Reply::Identity(_))));
            }
        }));
    };
    all();
    assert_eq!(vendor.state.borrow().exchanges, 1);
    vendor.expire();
    all();
    assert_eq!(vendor.state.borrow().exchanges, 2);
    // The end of a token's life is known, so nobody runs into a refusal.
    clock.advance(1_800_000);
    let calls = vendor.state.borrow().calls;
    all();
    assert_eq!(vendor.state.borrow().exchanges, 3);
    assert_eq!(vendor.state.borrow().calls, calls + 30);
}

#[test]
fn a_rotated_refresh_token_outlives_its_process() {
    let (vendor, clock) = (Vendor::new("refresh-0"), clock());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crm.json");
    for run in 1..=3 {
        clock.advance(3_600_000);
        let account = account(&vendor, SystemKind::Hubspot, refresh_grant(), Some(&file), &clock);
        assert!(now(account.call(Request::Identity)).is_ok());
        assert_eq!(vendor.state.borrow().exchanges, run);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A newly configured refresh token replaces what is kept.
    vendor.state.borrow_mut().refresh = "refresh-new".to_owned();
    clock.advance(3_600_000);
    let grant = GrantKind::Refresh {
        client_id: "id".to_owned(),
        client_secret: None,
        refresh_token: SecretString::from("refresh-new".to_owned()),
    };
    let account = account(&vendor, SystemKind::Hubspot, grant, Some(&file), &clock);
    assert!(now(account.call(Request::Identity)).is_ok());
    assert!(!vendor.state.borrow().revoked);
}

#[test]
fn a_refresh_token_is_never_sent_twice_and_a_cut_off_renewal_is_told() {
    let (vendor, clock) = (Vendor::new("refresh-0"), clock());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crm.json");
    vendor.state.borrow_mut().lose_next = true;
    let first = account(&vendor, SystemKind::Hubspot, refresh_grant(), Some(&file), &clock);
    let error = now(first.call(Request::Identity)).unwrap_err();
    assert_eq!((error.class, vendor.state.borrow().exchanges), (ErrorClass::Auth, 1));
    let second = account(&vendor, SystemKind::Hubspot, refresh_grant(), Some(&file), &clock);
    let error = now(second.call(Request::Identity)).unwrap_err();
    assert!(error.message.contains("authorise anew") && error.message.contains("invalid_grant"), "{error}");
    assert!(!error.message.contains("refresh-0") && !error.message.contains("client-secret"));
    assert!(file.exists());
}

#[test]
fn client_credentials_are_asked_again_and_the_instance_is_followed() {
    let (vendor, clock) = (Vendor::new(""), clock());
    vendor.state.borrow_mut().instance = Some("https://acme2.my.salesforce.com".to_owned());
    vendor.state.borrow_mut().lose_next = true;
    let grant = || GrantKind::ClientCredentials {
        client_id: "id".to_owned(),
        client_secret: SecretString::from("s".to_owned()),
    };
    let org = account(&vendor, SystemKind::Salesforce, grant(), None, &clock);
    assert!(now(org.call(Request::Identity)).is_ok());
    assert_eq!(vendor.state.borrow().exchanges, 2);
    assert_eq!(vendor.state.borrow().hosts, ["https://acme2.my.salesforce.com"]);
    // The session ends in the middle of a run: one renewal, then the same call again.
    vendor.expire();
    assert!(now(org.call(Request::Identity)).is_ok());
    assert_eq!(vendor.state.borrow().exchanges, 3);
    // An address outside the vendor's hosts gets no data.
    vendor.state.borrow_mut().instance = Some("https://evil.example".to_owned());
    let org = account(&vendor, SystemKind::Salesforce, grant(), None, &clock);
    assert_eq!(now(org.call(Request::Identity)).unwrap_err().class, ErrorClass::Auth);
    assert!(!vendor.state.borrow().hosts.iter().any(|host| host.contains("evil")));
}

#[test]
fn assertions_are_signed_and_short_lived() {
    let der: String = include_str!("test_rsa_key.der.b64").split_whitespace().collect();
    let der = BASE64.decode(der.as_bytes()).unwrap();
    let label = "PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(&der));
    let key = SigningKey::from_pem(&SecretString::from(pem)).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey");
    let (vendor, clock) = (Vendor::new(""), clock());
    let grant = GrantKind::Assertion {
        client_id: "consumer".to_owned(),
        username: "sync@acme.example".to_owned(),
        audience: "https://login.salesforce.com".to_owned(),
        key,
    };
    let org = account(&vendor, SystemKind::Salesforce, grant, None, &clock);
    assert!(now(org.call(Request::Identity)).is_ok());
    let state = vendor.state.borrow();
    assert_eq!(state.last_form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (message, signature) = state.last_form["assertion"].rsplit_once('.').unwrap();
    let public = ring::signature::RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        ring::signature::KeyPair::public_key(&public).as_ref().to_vec(),
    );
    public.verify(message.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap()).unwrap();
    let claims = BASE64URL_NOPAD.decode(message.split_once('.').unwrap().1.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "sync@acme.example");
    let life = claims["exp"].as_i64().unwrap() - START.0 / 1_000;
    assert!((60..=180).contains(&life), "{life}");
    assert!(SigningKey::from_pem(&SecretString::from("no key".to_owned())).is_err());
}
