//! HubSpot: every kind of request, over its paths, its limits and its odd answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use twinmap::connect::remote::{
    AssociateAction, AssociateItem, ErrorClass, Outcome, Remote, Reply, Request, WriteKind,
};
use twinmap::connect::transport::{HttpRequest, Method, Transport};
use twinmap::record::{Life, RecordId};
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::value::{Millis, Value};

use crate::support::{START, Twist, World, answer, created, now, spec, world, write};

fn portal() -> World {
    world(SystemKind::Hubspot, Size { companies: 230, contacts: 40, deals: 20 })
}

fn plain() -> WriteKind {
    WriteKind::Create { unique: None }
}

#[test]
fn identity_and_owners() {
    let portal = portal();
    let Reply::Identity(identity) = portal.call(Request::Identity).unwrap() else { panic!() };
    assert!(identity.account.bytes().all(|b| b.is_ascii_digit()) && !identity.account.is_empty());
    assert_eq!(identity.server_time, START);
    let Reply::Owners(owners) = portal.call(Request::Owners).unwrap() else { panic!() };
    assert!(owners.iter().all(|owner| !owner.id.is_empty()) && owners.len() > 1);
}

#[test]
fn listing_reads_every_record_once_with_its_associations() {
    let portal = portal();
    let companies = portal.list("company", &["name", "domain"], &["contact"]);
    let ids: BTreeSet<_> = companies.iter().map(|company| &company.id).collect();
    // Some of the world's companies are known to the other CRM only.
    assert!(companies.len() > 100 && companies.len() <= 200, "{}", companies.len());
    assert_eq!(companies.len(), ids.len());
    assert!(companies.iter().all(|company| matches!(company.slot(0), Some(Value::Text(_)))));
    let ends: usize = companies.iter().map(|company| company.associations["contact"].len()).sum();
    assert!(ends > 20, "{ends}");
    // Two pages and one read of associations.
    assert_eq!(portal.transport.paths().len(), 3);
    let contacts = portal.list("contact", &["email"], &["company"]);
    assert!(contacts.iter().flat_map(|c| &c.associations["company"]).any(|end| end.labels == ["Primary"]));
}

#[test]
fn reading_by_id_tells_deleted_from_unknown() {
    let portal = portal();
    let ids: Vec<RecordId> = portal.list("company", &[], &[]).into_iter().map(|record| record.id).collect();
    let gone = ids[0].clone();
    let archived = portal.written(Request::Archive { object: "company".into(), ids: vec![gone.clone()] });
    assert!(matches!(archived[..], [Outcome::Updated { .. }]));
    let mut asked = ids.clone();
    asked.push(RecordId::new("999999999999"));
    portal.transport.paths();
    let read = portal.read("company", &asked, &["name"]);
    assert_eq!(read.len(), ids.len());
    let lives: Vec<_> =
        read.iter().filter(|record| record.life != Life::Live).map(|record| &record.id).collect();
    assert_eq!(lives, [&gone]);
    let Reply::Changed { items, .. } =
        portal.call(Request::Deleted { object: "company".into(), since: START, after: None }).unwrap()
    else {
        panic!()
    };
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&gone]);
}

#[test]
fn merged_records_are_told_by_the_survivor() {
    let portal = portal();
    let ids: Vec<RecordId> =
        portal.list("company", &[], &[]).into_iter().take(3).map(|record| record.id).collect();
    let merge = HttpRequest {
        method: Method::Post,
        origin: "https://api.hubapi.com".into(),
        target: "/crm/v3/objects/companies/merge".to_owned(),
        headers: vec![
            ("Authorization".to_owned(), format!("Bearer {}", portal.token)),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ],
        body: format!("{{\"primaryObjectId\":\"{}\",\"objectIdToMerge\":\"{}\"}}", ids[0], ids[1])
            .into_bytes(),
    };
    let answer = now(portal.transport.send(merge)).unwrap();
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let survivor: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let survivor = RecordId::new(survivor["id"].as_str().unwrap());
    let read = portal.read("company", &ids, &["name"]);
    let life = |id: &RecordId| read.iter().find(|record| record.id == *id).map(|record| record.life.clone());
    for id in &ids[..2] {
        let expected = if *id == survivor { Life::Live } else { Life::MergedInto(survivor.clone()) };
        assert_eq!(life(id), Some(expected), "{id}");
    }
    assert_eq!(life(&ids[2]), Some(Life::Live));
}

#[test]
fn the_feed_passes_ten_thousand_rows_and_equal_stamps() {
    let portal = world(SystemKind::Hubspot, Size { companies: 0, contacts: 0, deals: 0 });
    let since = portal.clock.now();
    let mut made = BTreeSet::new();
    for batch in 0..105 {
        // Seventy batches share one millisecond; the others differ.
        if batch >= 70 {
            portal.clock.advance(10);
        }
        let items = (0..100)
            .map(|n| write(&format!("{batch}-{n}"), plain(), &[("name", Value::text(format!("c{n}")))]))
            .collect();
        made.extend(
            portal.written(Request::Write { object: "company".into(), items }).into_iter().map(created),
        );
    }
    portal.clock.advance(600_000);
    let changed = portal.changed("company", since, 200);
    let seen: BTreeSet<RecordId> = changed.iter().map(|item| item.id.clone()).collect();
    assert_eq!(seen.len(), 10_500);
    assert_eq!(seen, made);
    assert!(changed.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let calls = portal.account.calls()["search"];
    // One call per 200 rows would be 53; a page that ends inside a hundred equal stamps asks for those again.
    assert!(calls <= 53 + 35 / 2 + 3, "{calls}");
}

#[test]
fn finding_goes_by_batch_for_unique_properties_and_by_search_for_others() {
    let portal = portal();
    let contact = portal.list("contact", &["email"], &[]).remove(0);
    let email = contact.slot(0).unwrap().clone();
    portal.clock.advance(600_000);
    portal.transport.paths();
    let find = |object: &str, field: &str, value: &Value| {
        portal.records(Request::Find {
            object: object.into(),
            field: spec(field),
            values: vec![value.clone(), Value::text("nobody@example.com")],
            fields: Arc::new([spec(field)]),
            associations: Arc::new([]),
        })
    };
    let found = find("contact", "email", &email);
    assert_eq!(found.iter().map(|record| &record.id).collect::<Vec<_>>(), [&contact.id]);
    assert_eq!(portal.transport.paths(), ["POST /crm/objects/2026-09/contacts/batch/read"]);
    let company = portal.list("company", &["domain"], &[]).remove(3);
    portal.transport.paths();
    let found = find("company", "domain", company.slot(0).unwrap());
    assert!(found.iter().any(|record| record.id == company.id));
    assert!(portal.transport.paths().iter().any(|path| path.ends_with("/search")));
}

#[test]
fn writes_account_for_every_item_and_isolate_the_bad_one() {
    let portal = portal();
    let mut items: Vec<_> = (0..150)
        .map(|n| write(&format!("op{n}"), plain(), &[("name", Value::text(format!("New {n}")))]))
        .collect();
    items[77] = write("op77", plain(), &[("no_such_property", Value::text("x"))]);
    let outcomes = portal.written(Request::Write { object: "company".into(), items });
    for (at, outcome) in outcomes.iter().enumerate() {
        match (at, outcome) {
            (77, Outcome::Refused(refusal)) => {
                assert_eq!(refusal.code, "PROPERTY_DOESNT_EXIST");
                assert_eq!(refusal.fields, ["no_such_property"]);
                assert!(!refusal.retryable);
            }
            (_, Outcome::Created { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let id = created(outcomes[0].clone());
    let update = WriteKind::Update { id: id.clone(), unmodified_since: Some(Millis(0)) };
    let updated = portal
        .write_one("company", write("u", update, &[("name", Value::Null), ("city", Value::text("Ulm"))]));
    assert_eq!(updated, Outcome::Updated { id: id.clone() });
    let read = portal.read("company", &[id], &["name", "city", "made_up"]);
    assert_eq!(read[0].slots, [Some(Value::Null), Some(Value::text("Ulm")), None]);
}

#[test]
fn a_refused_batch_is_cut_until_the_guilty_item_stands_alone() {
    let portal = portal();
    let items: Vec<_> = (0..8)
        .map(|n| write(&format!("op{n}"), plain(), &[("name", Value::text(format!("New {n}")))]))
        .collect();
    let whole = answer(400, r#"{"status":"error","category":"VALIDATION_ERROR","message":"bad"}"#);
    // The batch, its first half, that half's first half, and item 0 are refused.
    for _ in 0..4 {
        portal.transport.next(Twist::Instead(whole.clone()));
    }
    let outcomes = portal.written(Request::Write { object: "company".into(), items });
    assert!(matches!(&outcomes[0], Outcome::Refused(refusal) if refusal.code == "VALIDATION_ERROR"));
    assert!(outcomes[1..].iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    assert_eq!(portal.transport.paths().len(), 7);
}

#[test]
fn a_contact_that_exists_is_named() {
    let portal = portal();
    let taken = portal.list("contact", &["email"], &[]).remove(5);
    let email = taken.slot(0).unwrap().clone();
    let outcome = portal.write_one("contact", write("op", plain(), &[("email", email)]));
    let Outcome::Exists { candidates, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(candidates, [taken.id]);
}

#[test]
fn associations_are_added_made_primary_and_removed() {
    let portal = portal();
    let contact = created(
        portal.write_one("contact", write("c", plain(), &[("email", Value::text("new@person.example"))])),
    );
    let company = created(portal.write_one("company", write("o", plain(), &[("name", Value::text("Org"))])));
    let ends = |portal: &World| {
        let request = Request::Read {
            object: "contact".into(),
            ids: vec![contact.clone()],
            fields: Arc::new([]),
            associations: Arc::new(["company".into()]),
            history: Arc::new([]),
        };
        portal.records(request).remove(0).associations.remove("company").unwrap()
    };
    let go = |action| {
        let item = AssociateItem { op: "a".into(), from: contact.clone(), to: company.clone(), action };
        portal.written(Request::Associate { from: "contact".into(), to: "company".into(), items: vec![item] })
    };
    let done = [Outcome::Updated { id: contact.clone() }];
    assert_eq!(go(AssociateAction::Add), done);
    assert_eq!(ends(&portal).iter().map(|end| &end.to).collect::<Vec<_>>(), [&company]);
    assert_eq!(go(AssociateAction::AddPrimary), done);
    assert_eq!(ends(&portal)[0].labels, ["Primary"]);
    assert_eq!(go(AssociateAction::Remove), done);
    assert!(ends(&portal).is_empty());
}

#[test]
fn history_comes_newest_first() {
    let portal = portal();
    let id = created(portal.write_one("company", write("o", plain(), &[("name", Value::text("One"))])));
    portal.clock.advance(5_000);
    let update = WriteKind::Update { id: id.clone(), unmodified_since: None };
    portal.write_one("company", write("u", update, &[("name", Value::text("Two"))]));
    let read = portal.records(Request::Read {
        object: "company".into(),
        ids: vec![id],
        fields: Arc::new([spec("name")]),
        associations: Arc::new([]),
        history: Arc::new(["name".into()]),
    });
    let history = &read[0].history["name"];
    let values: Vec<_> = history.iter().map(|entry| entry.value.to_string()).collect();
    assert_eq!(values, ["Two", "One"]);
    assert_eq!(history[0].at, START.plus(5_000));
}

#[test]
fn a_lost_answer_of_a_write_is_unknown_and_of_a_read_is_asked_again() {
    let portal = portal();
    portal.transport.next(Twist::Lost);
    let outcome = portal.write_one("company", write("o", plain(), &[("name", Value::text("Once"))]));
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(portal.transport.paths().len(), 1);
    portal.transport.next(Twist::Unsent);
    let outcome = portal.write_one("company", write("o", plain(), &[("name", Value::text("Again"))]));
    assert!(matches!(outcome, Outcome::Created { .. }));
    assert_eq!(portal.transport.paths().len(), 2);
    portal.transport.next(Twist::Lost);
    portal.transport.next(Twist::Cut(40));
    portal.transport.next(Twist::Instead(answer(503, "<html>down</html>")));
    assert_eq!(
        portal
            .list("company", &["name"], &[])
            .iter()
            .filter(|c| c.slot(0) == Some(&Value::text("Once")))
            .count(),
        1
    );
    let cut = portal.transport.paths();
    assert_eq!(cut.len(), 3 + 2);
    portal.transport.next(Twist::Cut(30));
    let outcome = portal.write_one("company", write("o", plain(), &[("name", Value::text("Cut"))]));
    assert!(matches!(outcome, Outcome::Unknown { .. }));
}

#[test]
fn refusals_have_their_class() {
    let portal = portal();
    let read = || Request::Owners;
    let twist = |status: u16, body: &str| portal.transport.next(Twist::Instead(answer(status, body)));
    twist(401, r#"{"category":"INVALID_AUTHENTICATION"}"#);
    assert_eq!(portal.error(read()).class, ErrorClass::Auth);
    twist(
        403,
        r#"{"category":"MISSING_SCOPES","errors":[{"context":{"requiredGranularScopes":["crm.objects.owners.read"]}}]}"#,
    );
    let error = portal.error(read());
    assert_eq!(error.class, ErrorClass::Permission);
    assert!(error.message.contains("crm.objects.owners.read"));
    twist(429, r#"{"policyName":"DAILY","message":"You have reached your daily limit."}"#);
    assert_eq!(portal.error(read()).class, ErrorClass::Limit);
    twist(302, "");
    assert_eq!(portal.error(read()).class, ErrorClass::Rejected);
    twist(200, "<html>sign in</html>");
    twist(429, r#"{"policyName":"TEN_SECONDLY_ROLLING","message":"x"}"#);
    let before = portal.clock.now();
    assert!(portal.call(read()).is_ok());
    assert!(portal.clock.now().0 - before.0 >= 10_000);
    let moved = answer(477, "{}");
    let moved = twinmap::connect::transport::HttpResponse {
        headers: vec![("retry-after".to_owned(), "7200".to_owned())],
        ..moved
    };
    portal.transport.next(Twist::Instead(moved));
    let error = portal.error(read());
    assert_eq!((error.class, error.retry_after), (ErrorClass::Limit, Some(7_200_000)));
}
