//! The same connectors over real sockets against the served sandbox.

use std::rc::Rc;
use std::sync::Arc;

use secrecy::SecretString;
use twinmap::connect::auth::Credentials;
use twinmap::connect::http::Http;
use twinmap::connect::remote::{Completion, ErrorClass, Outcome, Remote, Reply, Request, WriteKind};
use twinmap::connect::timer::RealTimer;
use twinmap::connect::{Account, ReadOnly, Settings, open};
use twinmap::sandbox::seed::Size;
use twinmap::sandbox::server::{Endpoint, Running, start};
use twinmap::schema::SystemKind;
use twinmap::value::Value;

use crate::support::{created, spec, write};

pub fn serve() -> Running {
    let size = Size { companies: 40, contacts: 30, deals: 10 };
    start(&twinmap::sandbox::Config { size, ..Default::default() }).unwrap()
}

pub fn account(kind: SystemKind, base_url: &str, token: &str) -> Account {
    let settings = Settings {
        base_url: Some(base_url.to_owned()),
        api_version: None,
        credentials: Credentials::Token(SecretString::from(token.to_owned())),
    };
    let http = Http::new(kind, base_url).unwrap();
    open("crm", kind, settings, Rc::new(http), Rc::new(RealTimer::new())).unwrap()
}

pub fn call(remote: &dyn Remote, request: Request) -> Completion {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(remote.call(request))
}

fn round_trip(kind: SystemKind, endpoint: &Endpoint, object: &str, name: &str) {
    let account = account(kind, &endpoint.base_url, &endpoint.token);
    let Reply::Identity(identity) = call(&account, Request::Identity).unwrap() else { panic!() };
    let now = jiff::Timestamp::now().as_millisecond();
    assert!((identity.server_time.0 - now).abs() < 5_000);
    let item = || write("op", WriteKind::Create { unique: None }, &[(name, Value::text("Über sockets"))]);
    let request = || Request::Write { object: object.into(), items: vec![item()] };
    let Reply::Written(mut outcomes) = call(&account, request()).unwrap() else { panic!() };
    let id = created(outcomes.remove(0).1);
    let read = Request::Read {
        object: object.into(),
        ids: vec![id.clone()],
        fields: Arc::new([spec(name)]),
        associations: Arc::new([]),
        history: Arc::new([]),
    };
    let Reply::Records { records, .. } = call(&account, read).unwrap() else { panic!() };
    assert_eq!(records[0].slots, [Some(Value::text("Über sockets"))]);
    let stale = WriteKind::Update {
        id: id.clone(),
        unmodified_since: records[0].modified.map(|at| at.plus(-60_000)),
    };
    let stale =
        Request::Write { object: object.into(), items: vec![write("u", stale, &[(name, Value::text("x"))])] };
    let Reply::Written(outcomes) = call(&account, stale).unwrap() else { panic!() };
    match kind {
        // HubSpot knows no condition.
        SystemKind::Hubspot => assert_eq!(outcomes[0].1, Outcome::Updated { id }),
        _ => assert_eq!(outcomes[0].1, Outcome::Stale),
    }
    let guarded = ReadOnly(account);
    let error = call(&guarded, request()).unwrap_err();
    assert_eq!(error.class, ErrorClass::NotApplied);
    assert!(matches!(call(&guarded, Request::Owners), Ok(Reply::Owners(_))));
}

#[test]
fn both_crms_answer_over_sockets() {
    let running = serve();
    round_trip(SystemKind::Hubspot, &running.hubspot, "company", "name");
    round_trip(SystemKind::Salesforce, &running.salesforce, "Account", "Name");
}

#[test]
fn a_wrong_token_is_told_without_showing_it() {
    let running = serve();
    for (kind, endpoint) in
        [(SystemKind::Hubspot, &running.hubspot), (SystemKind::Salesforce, &running.salesforce)]
    {
        let account = account(kind, &endpoint.base_url, "canary-token");
        let error = call(&account, Request::Owners).unwrap_err();
        assert_eq!(error.class, ErrorClass::Auth);
        assert!(!format!("{error:?} {error}").contains("canary"));
    }
}
