//! Making the fields that exactly-once creation needs.

use serde_json::{Value as Json, json};
use twinmap::connect::remote::{ErrorClass, Outcome, WriteKind};
use twinmap::connect::setup::{HUBSPOT_ID, Need, NeedState, SALESFORCE_ID};
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::value::Value;

use crate::support::{Twist, World, answer, now, world, write};

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
fn a_salesforce_field_is_made_and_shown_to_its_user() {
    let org = portal(SystemKind::Salesforce);
    let needs = now(org.account.needs(&["Account".to_owned()])).unwrap();
    assert!(needs.iter().all(|need| need.state == NeedState::Present), "{needs:?}");
    let need = Need {
        object: "Account".to_owned(),
        field: SALESFORCE_ID.to_owned(),
        what: "text",
        state: NeedState::Missing,
    };
    org.transport.paths();
    let made = || answer(201, r#"{"id":"00N000000000001AAA","success":true,"errors":[]}"#);
    // The field, who we are, the permission set that is not there yet and is made, the access, the assignment.
    org.transport.next(Twist::Instead(made()));
    org.transport.next(Twist::Pass);
    org.transport.next(Twist::Instead(answer(200, r#"{"totalSize":0,"done":true,"records":[]}"#)));
    org.transport
        .next(Twist::Instead(answer(201, r#"{"id":"0PS000000000001AAA","success":true,"errors":[]}"#)));
    org.transport.next(Twist::Instead(made()));
    let there = r#"[{"errorCode":"DUPLICATE_VALUE","message":"duplicate value found"}]"#;
    org.transport.next(Twist::Instead(answer(400, there)));
    now(org.account.provide(&need)).unwrap();
    let seen: Vec<(String, Json)> = org
        .transport
        .seen
        .borrow()
        .iter()
        .map(|request| {
            let path = request.target.split('?').next().unwrap().replace("/services/data/v66.0", "");
            (path, serde_json::from_slice(&request.body).unwrap_or(Json::Null))
        })
        .collect();
    assert_eq!(seen[0].0, "/tooling/sobjects/CustomField");
    assert_eq!(seen[0].1["FullName"], "Account.Twinmap_Id__c");
    assert_eq!(seen[0].1["Metadata"]["externalId"], true);
    assert_eq!(seen[0].1["Metadata"]["unique"], true);
    assert_eq!(seen[4].0, "/sobjects/FieldPermissions");
    assert_eq!(seen[4].1["ParentId"], json!("0PS000000000001AAA"));
    assert_eq!(seen[5].0, "/sobjects/PermissionSetAssignment");
    assert!(seen[5].1["AssigneeId"].as_str().unwrap().starts_with("005"));
}
