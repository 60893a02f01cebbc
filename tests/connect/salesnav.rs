//! Sales Navigator's connector over real sockets: the documented calls in their real shapes, records, refusals.

use std::rc::Rc;

use secrecy::SecretString;
use serde_json::{Map, json};
use twinmap::connect::auth::Credentials;
use twinmap::connect::http::Http;
use twinmap::connect::navigator::{Ask, Family, Navigator};
use twinmap::connect::remote::{
    CallError, ErrorClass, Outcome, Remote, Reply, Request, WriteItem, WriteKind,
};
use twinmap::connect::salesnav::api::{self, CrmRecord};
use twinmap::connect::timer::RealTimer;
use twinmap::connect::{Account, Settings, open};
use twinmap::record::RecordId;
use twinmap::sandbox::server::{Running, start};
use twinmap::schema::SystemKind;
use twinmap::value::{Millis, Value};

use crate::support::spec;

const CONTRACT: &str = "urn:li:contract:300100";
const DAY: i64 = 86_400_000;

fn opened(base_url: &str, token: &str) -> Account {
    let settings = Settings {
        base_url: Some(base_url.to_owned()),
        api_version: None,
        credentials: Credentials::Token(SecretString::from(token.to_owned())),
    };
    let http = Http::new(SystemKind::Salesnav, base_url).unwrap();
    let account =
        open("salesnav", SystemKind::Salesnav, settings, Rc::new(http), Rc::new(RealTimer::new())).unwrap();
    account.sales_navigator().unwrap().choose(CONTRACT);
    account
}

fn now<T>(work: impl Future<Output = T>) -> T {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A served sandbox with an account on it, the contract connected.
fn connected() -> (Running, Account) {
    let running = start(&twinmap::sandbox::Config::default()).unwrap();
    let account = opened(&running.salesnav.base_url, &running.salesnav.token);
    now(async {
        let step = |name: &'static str, more: serde_json::Value| {
            let mut body = json!({ "contract": CONTRACT, "state": "n", "redirectUri": "http://127.0.0.1/x" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            api::step(&account, name, body)
        };
        step("begin", json!({ "crmInstance": "urn:li:crmInstance:(SFDC,00D1)" })).await.unwrap();
        let told = step("authorize", json!({ "user": "it" })).await.unwrap();
        let back = told["redirect"].as_str().unwrap().to_owned();
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        step("exchange", json!({ "code": code })).await.unwrap();
        step("accept", json!({ "acceptedBy": "A", "termsVersion": "2026-10" })).await.unwrap();
        step("activate", json!({})).await.unwrap();
    });
    (running, account)
}

fn refused<T: std::fmt::Debug>(result: Result<T, CallError>) -> (ErrorClass, String) {
    let error = result.unwrap_err();
    (error.class, error.message)
}

#[test]
fn steps_out_of_turn_and_data_without_a_connection_are_refused() {
    let running = start(&twinmap::sandbox::Config::default()).unwrap();
    let account = opened(&running.salesnav.base_url, &running.salesnav.token);
    let (class, why) = refused(now(api::seats(&account, CONTRACT)));
    assert!(class == ErrorClass::Permission && why.contains("NOT_INSTALLED"), "{why}");
    let body = json!({ "contract": CONTRACT, "acceptedBy": "A", "termsVersion": "2026-10" });
    let (_, why) = refused(now(api::step(&account, "accept", body)));
    assert!(why.contains("This step needs the state ENVIRONMENT_CHOSEN"), "{why}");
    let other = opened(&running.salesnav.base_url, "wrong");
    assert_eq!(refused(now(api::contracts(&other))).0, ErrorClass::Auth);
}

#[test]
fn exports_are_jobs_with_their_two_envelopes() {
    let (running, account) = connected();
    let nav = account.sales_navigator().unwrap();
    let until = running.clock.now();
    let range = (until.plus(-89 * DAY), until);
    now(async {
        let job = api::start_export(nav, "exportActivityData", CONTRACT, range).await.unwrap();
        let (status, link) = api::export_job(nav, CONTRACT, &job).await.unwrap();
        assert_eq!(status, "COMPLETED");
        let csv = String::from_utf8(nav.download(&link.unwrap()).await.unwrap()).unwrap();
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("activityId,activityType,createdAt,seatId,memberIdentityKey"));
        // Month first, UTC; and neither notes nor calls are in it.
        let row: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert!(row[1] == "INMAIL_SENT" || row[1] == "MESSAGE_SENT");
        let (date, _) = row[2].split_once(' ').unwrap();
        assert_eq!(date.len(), 10);
        assert!(date[..2].parse::<u32>().unwrap() <= 12 && date.ends_with("2026"), "{date}");
        let long = (until.plus(-91 * DAY), until);
        let (_, why) = refused(api::start_export(nav, "exportActivityData", CONTRACT, long).await);
        assert!(why.contains("at most 90 days"), "{why}");
        // Data validation: an id in a header, several files.
        let instance = "urn:li:crmInstance:(SFDC,00D1)";
        let job = api::start_validation(nav, instance, Millis(0)).await.unwrap();
        let (status, links) = api::validation_job(nav, instance, &job).await.unwrap();
        assert_eq!((status.as_str(), links.len()), ("COMPLETED", 2));
        for link in links {
            let csv = String::from_utf8(nav.download(&link).await.unwrap()).unwrap();
            assert!(csv.starts_with("recordId,recordType,member,status\n"), "{csv}");
        }
        assert!(nav.download("https://www.linkedin.com/ambry/?x=1").await.is_err());
    });
}

#[test]
fn profile_associations_give_certain_matches_only_and_long_queries_are_tunnelled() {
    let (running, account) = connected();
    let nav = account.sales_navigator().unwrap();
    let world = twinmap::sandbox::seed::Universe::generate(1, twinmap::sandbox::seed::Size::default());
    let records: Vec<CrmRecord> = world
        .contacts
        .iter()
        .enumerate()
        .map(|(n, contact)| {
            let mut fields = Map::new();
            fields.insert("firstName".into(), json!(contact.first));
            fields.insert("lastName".into(), json!(contact.last));
            fields.insert("title".into(), json!(contact.title));
            fields.insert("companyName".into(), json!(world.companies[contact.company].name));
            fields.insert("country".into(), json!(world.companies[contact.company].country));
            CrmRecord {
                object: "Contact".into(),
                partner: "SFDC".into(),
                instance_id: "https://acme.my.salesforce.com/a,b".into(),
                record_id: format!("003000000000{n:06}AAA"),
                fields,
            }
        })
        .collect();
    now(async {
        api::publish(nav, CONTRACT, &records).await.unwrap();
        let ids: Vec<String> = records.iter().map(|record| record.record_id.clone()).collect();
        let known = api::profiles(nav, "SFDC", &records[0].instance_id, &ids).await.unwrap();
        let verdicts = api::verdicts(nav, CONTRACT, Millis(0), None, 1_000).await.unwrap();
        let certain = verdicts.iter().filter(|verdict| verdict.status == "MATCHED");
        assert_eq!(known.len(), certain.count());
        assert!(known.len() > 100 && known.len() < ids.len(), "{} of {}", known.len(), ids.len());
        assert!(
            verdicts.iter().any(|verdict| verdict.status == "AMBIGUOUS" && verdict.candidates.len() == 2)
        );
        let miss = Ask::get(
            Family::Documented,
            "salesNavigatorProfileAssociations/(instanceId:x,partner:SFDC,recordId:nobody)",
        );
        assert_eq!(nav.ask(miss).await.unwrap().status, 404);
    });
    drop(running);
}

#[test]
fn revenue_attribution_wants_its_own_words() {
    let (running, account) = connected();
    let nav = account.sales_navigator().unwrap();
    let ask = |pivot: &str| {
        Ask::get(Family::Versioned, "adAnalytics")
            .with("q", "attributedRevenueMetrics")
            .with(pivot, "List(CAMPAIGN_GROUP)")
            .with("account", "List(urn%3Ali%3AsponsoredAccount%3A500001)")
            .with("dateRange", "(start:(year:2026,month:6,day:1),end:(year:2026,month:11,day:24))")
            .with("fields", "revenueAttributionMetrics,dateRange,pivotValues")
    };
    let told = now(nav.ask(ask("pivots"))).unwrap();
    let rows = told.json["elements"].as_array().unwrap();
    assert!(!rows.is_empty(), "{:?}", told.json);
    // Amounts are decimals in texts.
    assert!(rows[0]["revenueAttributionMetrics"]["revenueWonInUsd"].is_string());
    assert_eq!(now(nav.ask(ask("pivot"))).unwrap().status, 400);
    drop(running);
}

#[test]
fn records_are_made_once_by_their_key() {
    let (_running, account) = connected();
    let item = |op: &str, name: &str| WriteItem {
        op: op.into(),
        kind: WriteKind::Create { unique: Some(("twinmap_id".into(), "tm1-a".into())) },
        fields: vec![(spec("first_name"), Value::text(name))],
        associations: Vec::new(),
    };
    let write = |items| match now(account.call(Request::Write { object: "lead".into(), items })).unwrap() {
        Reply::Written(outcomes) => outcomes,
        other => panic!("{other:?}"),
    };
    let Outcome::Created { id } = write(vec![item("a", "Ana")])[0].1.clone() else { panic!("not made") };
    assert_eq!(write(vec![item("b", "Anna")])[0].1, Outcome::Updated { id: id.clone() });
    let update = WriteItem {
        op: "c".into(),
        kind: WriteKind::Update { id: RecordId::new("99"), unmodified_since: None },
        fields: vec![(spec("first_name"), Value::Null)],
        associations: Vec::new(),
    };
    assert!(matches!(write(vec![update])[0].1, Outcome::Refused(_)));
    let request = Request::Read {
        object: "lead".into(),
        ids: vec![id, RecordId::new("99")],
        fields: [spec("first_name"), spec("title")].into(),
        associations: [].into(),
        history: [].into(),
    };
    let Reply::Records { records, .. } = now(account.call(request)).unwrap() else { panic!("no records") };
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].slots, [Some(Value::text("Anna")), Some(Value::Null)]);
}

#[test]
fn nothing_of_the_sandboxes_own_contract_is_sent_to_linkedin() {
    let account = opened("https://api.linkedin.com", "t");
    let (class, why) = refused(now(api::seats(&account, CONTRACT)));
    assert!(class == ErrorClass::Permission && why.contains("no public API"), "{why}");
}
