//! Making the fields that exactly-once creation needs.

use serde_json::Value as Json;
use twinmap::connect::remote::{ErrorClass, Outcome, WriteKind};
use twinmap::connect::setup::{HUBSPOT_ID, Need, NeedState, SALESFORCE_ID};
use twinmap::sandbox::Config;
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::value::Value;

use crate::support::{Twist, World, answer, now, world, world_of, write};

fn portal(kind: SystemKind) -> World {
    world(kind, Size { companies: 5, contacts: 5, deals: 5 })
}

#[test]
fn a_made_hubspot_property_makes_creates_repeatable() {
    let portal = portal(SystemKind::Hubspot);
    let needs = now(portal.account.needs(&["company".to_owned()])).unwrap();
    assert_eq!((needs[0].field.as_str(), &needs[0].state), (HUBSPOT_ID, &NeedState::Present));
    let need = Need { field: "second_id".to_owned(), state: NeedState::Missing, ..needs[0].clone() };
    now(portal.account.provide(&need)).unwrap();
    let unique = || WriteKind::Create { unique: Some(("second_id".into(), "scm1:abc".into())) };
    let first = portal.write_one("company", write("a", unique(), &[("name", Value::text("One"))]));
    let Outcome::Created { id } = first else { panic!("{first:?}") };
    // The same create again, as after a lost answer.
    let second = portal.write_one("company", write("b", unique(), &[("name", Value::text("One"))]));
    assert_eq!(second, Outcome::Updated { id });
}

#[test]
fn a_property_that_is_not_unique_can_not_serve() {
    let portal = portal(SystemKind::Hubspot);
    let body = r#"{"name":"twinmap_id","type":"string","hasUniqueValue":false}"#;
    portal.transport.next(Twist::Instead(answer(200, body)));
    let needs = now(portal.account.needs(&["deal".to_owned()])).unwrap();
    assert!(matches!(&needs[0].state, NeedState::Unusable(why) if why.contains("unique")));
    let scope = r#"{"category":"MISSING_SCOPES","errors":[{"context":{"requiredGranularScopes":["crm.schemas.deals.write"]}}]}"#;
    portal.transport.next(Twist::Pass);
    portal.transport.next(Twist::Instead(answer(403, scope)));
    let error = now(portal.account.provide(&needs[0])).unwrap_err();
    assert_eq!(error.class, ErrorClass::Permission);
    assert!(error.message.contains("crm.schemas.deals.write"));
}

#[test]
fn salesforce_fields_are_made_and_shown_to_their_user() {
    let config =
        Config { size: Size { companies: 5, contacts: 5, deals: 5 }, setup: false, ..Config::default() };
    let org = world_of(SystemKind::Salesforce, &config);
    let objects = ["Account".to_owned(), "Task".to_owned()];
    let needs = now(org.account.needs(&objects)).unwrap();
    assert_eq!(needs.len(), 4);
    assert!(needs.iter().all(|need| need.state == NeedState::Missing), "{needs:?}");
    org.transport.paths();
    for need in &needs {
        now(org.account.provide(need)).unwrap();
    }
    let made: Vec<Json> = org
        .transport
        .seen
        .borrow()
        .iter()
        .filter(|request| request.target.ends_with("/tooling/sobjects/CustomField"))
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let names: Vec<&str> = made.iter().map(|body| body["FullName"].as_str().unwrap()).collect();
    let want = [
        "Account.Twinmap_Id__c",
        "Account.Twinmap_Op__c",
        "Activity.Twinmap_Id__c",
        "Activity.Twinmap_Op__c",
    ];
    assert_eq!(names, want);
    let after = now(org.account.needs(&objects)).unwrap();
    assert!(after.iter().all(|need| need.state == NeedState::Present), "{after:?}");
    // Made by somebody else and shown to nobody: it looks missing, and showing it is all that is done.
    let unique = || WriteKind::Create { unique: Some((SALESFORCE_ID.into(), "x1".into())) };
    let first = org.write_one("Account", write("a", unique(), &[("Name", Value::text("One"))]));
    assert!(matches!(first, Outcome::Created { .. }), "{first:?}");
    now(org.account.provide(&needs[0])).unwrap();
}

#[test]
fn a_user_who_is_not_given_access_is_told_so() {
    let org = portal(SystemKind::Salesforce);
    let need = Need {
        object: "Account".to_owned(),
        field: SALESFORCE_ID.to_owned(),
        what: "text",
        state: NeedState::Missing,
    };
    let refusal = r#"[{"errorCode":"INSUFFICIENT_ACCESS_OR_READONLY","message":"insufficient access rights on object id"}]"#;
    for twist in [Twist::Pass, Twist::Pass, Twist::Pass, Twist::Pass, Twist::Instead(answer(403, refusal))] {
        org.transport.next(twist);
    }
    let error = now(org.account.provide(&need)).unwrap_err();
    assert_eq!(error.class, ErrorClass::Permission);
}
