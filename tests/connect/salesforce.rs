//! Salesforce: every kind of request, over queries, collections and composites.

use std::collections::BTreeSet;
use std::sync::Arc;

use twinmap::connect::remote::{
    AssociateAction, AssociateItem, ErrorClass, Outcome, Remote, Reply, Request, WriteKind,
};
use twinmap::record::{Life, RecordId};
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::value::Value;

use crate::support::{START, Twist, World, answer, created, spec, world, write};

fn org() -> World {
    world(SystemKind::Salesforce, Size { companies: 230, contacts: 60, deals: 30 })
}

fn plain() -> WriteKind {
    WriteKind::Create { unique: None }
}

fn account(org: &World, op: &str, name: &str) -> RecordId {
    created(org.write_one("Account", write(op, plain(), &[("Name", Value::text(name))])))
}

#[test]
fn identity_and_owners() {
    let org = org();
    let Reply::Identity(identity) = org.call(Request::Identity).unwrap() else { panic!() };
    assert!(identity.account.starts_with("00D") && identity.user.starts_with("005"), "{identity:?}");
    assert_eq!(identity.server_time, START);
    let Reply::Owners(owners) = org.call(Request::Owners).unwrap() else { panic!() };
    assert!(owners.len() > 1 && owners.iter().all(|owner| owner.id.len() == 18));
}

#[test]
fn listing_takes_one_call_for_two_thousand_rows() {
    let org = org();
    let accounts = org.list("Account", &["Name", "Website"], &[]);
    let ids: BTreeSet<_> = accounts.iter().map(|record| &record.id).collect();
    assert!(ids.len() == accounts.len() && accounts.len() > 100, "{}", accounts.len());
    assert_eq!(org.transport.paths().len(), 1);
    assert!(accounts.iter().all(|record| record.modified.is_some() && record.created.is_some()));
    let read = org.read("Account", &accounts.iter().map(|a| a.id.clone()).collect::<Vec<_>>(), &["Name"]);
    assert_eq!(read.len(), accounts.len());
    assert_eq!(org.transport.paths().len(), 1);
}

#[test]
fn the_feed_is_complete_and_in_order() {
    let org = org();
    org.clock.advance(60_000);
    let since = org.clock.now();
    let mut made = BTreeSet::new();
    for batch in 0..5 {
        let items = (0..200)
            .map(|n| {
                write(&format!("{batch}-{n}"), plain(), &[("Name", Value::text(format!("f{batch}-{n}")))])
            })
            .collect();
        made.extend(org.written(Request::Write { object: "Account".into(), items }).into_iter().map(created));
    }
    org.clock.advance(5_000);
    let changed = org.changed("Account", since.plus(-1_000), 300);
    let seen: BTreeSet<RecordId> = changed.iter().map(|item| item.id.clone()).collect();
    assert_eq!(seen, made);
    assert_eq!(changed.len(), made.len());
}

#[test]
fn deletes_are_seen_by_evidence() {
    let org = org();
    let id = account(&org, "a", "Short lived");
    let outcome = org.written(Request::Archive { object: "Account".into(), ids: vec![id.clone()] });
    assert_eq!(outcome, [Outcome::Updated { id: id.clone() }]);
    let again = org.written(Request::Archive { object: "Account".into(), ids: vec![id.clone()] });
    assert_eq!(again, [Outcome::Updated { id: id.clone() }]);
    let read = org.read("Account", &[id.clone(), RecordId::new("001000000000ZZZ")], &["Name"]);
    assert_eq!(read.iter().map(|r| (&r.id, &r.life)).collect::<Vec<_>>(), [(&id, &Life::Deleted)]);
    let request = Request::Deleted { object: "Account".into(), since: START.plus(-1_000), after: None };
    let Reply::Changed { items, .. } = org.call(request).unwrap() else { panic!() };
    assert!(items.iter().any(|item| item.id == id));
}

#[test]
fn a_hidden_column_is_absent_and_a_wrong_object_is_told() {
    let org = org();
    let id = account(&org, "a", "Acme");
    let read = org.read("Account", &[id], &["Name", "No_Such_Field__c", "Phone"]);
    assert_eq!(read[0].slots, [Some(Value::text("Acme")), None, Some(Value::Null)]);
    let error = org.error(Request::Read {
        object: "Nonsense__c".into(),
        ids: vec![RecordId::new("001000000000001AAA")],
        fields: Arc::new([]),
        associations: Arc::new([]),
        history: Arc::new([]),
    });
    assert_eq!(error.class, ErrorClass::Rejected);
    let injected = org.error(Request::List {
        object: "Account WHERE Id != null".into(),
        fields: Arc::new([]),
        associations: Arc::new([]),
        after: None,
    });
    assert_eq!(injected.class, ErrorClass::Rejected);
}

#[test]
fn finding_survives_quotes() {
    let org = org();
    let id = account(&org, "a", "O'Neil \\ \"Sons\" % _");
    let find = |value: &str| {
        org.records(Request::Find {
            object: "Account".into(),
            field: spec("Name"),
            values: vec![Value::text(value)],
            fields: Arc::new([spec("Name")]),
            associations: Arc::new([]),
        })
    };
    assert_eq!(find("O'Neil \\ \"Sons\" % _").into_iter().map(|r| r.id).collect::<Vec<_>>(), [id]);
    assert!(find("' OR Name != '").is_empty());
}

#[test]
fn conditional_updates_notice_a_later_edit() {
    let org = org();
    let ids: Vec<RecordId> = (0..30).map(|n| account(&org, &format!("a{n}"), &format!("Cond {n}"))).collect();
    org.clock.advance(3_000);
    let stamp = org.read("Account", &ids, &[])[0].modified.unwrap();
    // Somebody else edits one record after our read.
    let other = WriteKind::Update { id: ids[7].clone(), unmodified_since: None };
    org.write_one("Account", write("other", other, &[("Phone", Value::text("1"))]));
    org.transport.paths();
    let items = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            let kind = WriteKind::Update { id: id.clone(), unmodified_since: Some(stamp) };
            write(&format!("u{n}"), kind, &[("Description", Value::text("ours"))])
        })
        .collect();
    let outcomes = org.written(Request::Write { object: "Account".into(), items });
    for (n, outcome) in outcomes.iter().enumerate() {
        let expected = if n == 7 { Outcome::Stale } else { Outcome::Updated { id: ids[n].clone() } };
        assert_eq!(*outcome, expected, "{n}");
    }
    // 25 subrequests, then five.
    assert_eq!(org.transport.paths(), ["POST /services/data/v66.0/composite"; 2]);
}

#[test]
fn collections_account_for_every_item() {
    let org = org();
    let mut items: Vec<_> = (0..250)
        .map(|n| write(&format!("o{n}"), plain(), &[("LastName", Value::text(format!("P{n}")))]))
        .collect();
    items[201] = write("o201", plain(), &[("FirstName", Value::text("Nobody"))]);
    let outcomes = org.written(Request::Write { object: "Contact".into(), items });
    for (n, outcome) in outcomes.iter().enumerate() {
        match (n, outcome) {
            (201, Outcome::Refused(refusal)) => {
                assert_eq!((refusal.code.as_str(), refusal.retryable), ("REQUIRED_FIELD_MISSING", false));
            }
            (_, Outcome::Created { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(org.transport.paths().len(), 2);
    // Both updates of one record go through, in two calls.
    let id = created(outcomes[0].clone());
    let update = |op: &str, value: &str| {
        let kind = WriteKind::Update { id: id.clone(), unmodified_since: None };
        write(op, kind, &[("Phone", Value::text(value))])
    };
    let outcomes = org.written(Request::Write {
        object: "Contact".into(),
        items: vec![update("1", "1"), update("2", "2")],
    });
    assert_eq!(outcomes, [Outcome::Updated { id: id.clone() }, Outcome::Updated { id: id.clone() }]);
    assert_eq!(org.read("Contact", &[id], &["Phone"])[0].slots, [Some(Value::text("2"))]);
}

#[test]
fn contacts_are_tied_to_opportunities() {
    let org = org();
    let opportunity = org.list("Opportunity", &["Name"], &["OpportunityContactRole.ContactId"]).remove(0);
    let contacts: Vec<RecordId> = ["A", "B"]
        .map(|name| {
            created(org.write_one("Contact", write(name, plain(), &[("LastName", Value::text(name))])))
        })
        .to_vec();
    let go = |action, contact: &RecordId| {
        let item =
            AssociateItem { op: "t".into(), from: opportunity.id.clone(), to: contact.clone(), action };
        let request = Request::Associate {
            from: "Opportunity".into(),
            to: "OpportunityContactRole.ContactId".into(),
            items: vec![item],
        };
        org.written(request).remove(0)
    };
    let ends = || {
        let request = Request::Read {
            object: "Opportunity".into(),
            ids: vec![opportunity.id.clone()],
            fields: Arc::new([]),
            associations: Arc::new(["OpportunityContactRole.ContactId".into()]),
            history: Arc::new([]),
        };
        org.records(request).remove(0).associations.remove("OpportunityContactRole.ContactId").unwrap()
    };
    let before = ends().len();
    assert!(matches!(go(AssociateAction::Add, &contacts[0]), Outcome::Created { .. }));
    // A second try makes no second row.
    assert!(matches!(go(AssociateAction::Add, &contacts[0]), Outcome::Updated { .. }));
    assert!(matches!(go(AssociateAction::AddPrimary, &contacts[1]), Outcome::Created { .. }));
    let after = ends();
    assert_eq!(after.len(), before + 2);
    let primary = after.iter().find(|end| end.to == contacts[1]).unwrap();
    assert_eq!(primary.labels, ["Primary"]);
    assert!(matches!(go(AssociateAction::Remove, &contacts[0]), Outcome::Updated { .. }));
    assert!(!ends().iter().any(|end| end.to == contacts[0]));
}

#[test]
fn lost_answers_are_unknown_and_sessions_end() {
    let org = org();
    org.transport.next(Twist::Lost);
    let outcome = org.write_one("Account", write("o", plain(), &[("Name", Value::text("Once"))]));
    assert!(matches!(outcome, Outcome::Unknown { .. }));
    org.transport.next(Twist::Instead(answer(200, "[]")));
    let outcome = org.write_one("Account", write("o", plain(), &[("Name", Value::text("Never"))]));
    assert!(matches!(outcome, Outcome::Unknown { .. }));
    let twist = |status, body: &str| org.transport.next(Twist::Instead(answer(status, body)));
    twist(401, r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#);
    assert_eq!(org.error(Request::Owners).class, ErrorClass::Auth);
    twist(403, r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#);
    assert_eq!(org.error(Request::Owners).class, ErrorClass::Limit);
    twist(403, r#"[{"errorCode":"API_DISABLED_FOR_ORG","message":"x"}]"#);
    assert_eq!(org.error(Request::Owners).class, ErrorClass::Permission);
    twist(200, "<html>maintenance</html>");
    twist(503, "<html>maintenance</html>");
    twist(420, "");
    assert!(org.call(Request::Owners).is_ok());
    // Another next page than one of this org is refused.
    twist(200, r#"{"records":[],"done":false,"nextRecordsUrl":"https://evil.example/services/data/"}"#);
    assert_eq!(org.error(Request::Owners).class, ErrorClass::Rejected);
    assert!(org.account.calls()["api"] > 5);
}

fn many(count: usize, blank: &str) -> Request {
    let item = |n: usize| {
        let unique = WriteKind::Create { unique: Some(("Twinmap_Id__c".into(), format!("Bulk-{n}").into())) };
        let name = if n == 7 { Value::text("x".repeat(300)) } else { Value::text(format!("Bulk, \"{n}\"")) };
        write(&format!("op{n}"), unique, &[("Name", name), ("Phone", Value::text(blank))])
    };
    Request::Write { object: "Account".into(), items: (0..count).map(item).collect() }
}

#[test]
fn very_many_creates_go_as_one_job_and_can_be_repeated() {
    let org = world(SystemKind::Salesforce, Size { companies: 5, contacts: 5, deals: 5 });
    let Ok(Reply::Written(first)) = org.call(many(2_500, "1")) else { panic!() };
    let made = first.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Created { .. })).count();
    assert_eq!((first.len(), made), (2_500, 2_499));
    let (_, Outcome::Refused(refusal)) = &first[7] else { panic!("{:?}", first[7]) };
    assert_eq!(refusal.code, "STRING_TOO_LONG");
    let paths = org.transport.paths();
    assert_eq!(paths.iter().filter(|path| path.contains("/jobs/ingest")).count(), 6, "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains("/composite/sobjects")));
    let Ok(Reply::Written(second)) = org.call(many(2_500, "2")) else { panic!() };
    assert!(matches!(&second[0].1, Outcome::Updated { .. }), "{:?}", second[0]);
}

#[test]
fn a_job_that_can_not_be_made_or_closed_leaves_nothing_undone_or_done_twice() {
    let org = world(SystemKind::Salesforce, Size { companies: 5, contacts: 5, deals: 5 });
    let refusal = r#"[{"errorCode":"FEATURENOTENABLED","message":"no bulk"}]"#;
    org.transport.next(Twist::Instead(answer(400, refusal)));
    let Ok(Reply::Written(outcomes)) = org.call(many(2_000, "1")) else { panic!() };
    assert!(matches!(&outcomes[0].1, Outcome::Created { .. }), "{:?}", outcomes[0]);
    assert!(org.transport.paths().iter().any(|path| path.contains("/composite/sobjects")));
    // Closed, and the answer is lost: the job is asked for its state, and waited for.
    for twist in [Twist::Pass, Twist::Pass, Twist::Lost] {
        org.transport.next(twist);
    }
    let Ok(Reply::Written(outcomes)) = org.call(many(2_000, "2")) else { panic!() };
    assert!(matches!(&outcomes[0].1, Outcome::Updated { .. }), "{:?}", outcomes[0]);
    // Its results can't be read: nobody knows.
    for twist in [
        Twist::Pass,
        Twist::Pass,
        Twist::Pass,
        Twist::Pass,
        Twist::Instead(answer(404, "[]")),
        Twist::Instead(answer(404, "[]")),
    ] {
        org.transport.next(twist);
    }
    let Ok(Reply::Written(outcomes)) = org.call(many(2_000, "3")) else { panic!() };
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Unknown { .. })));
}

#[test]
fn a_fifth_of_the_day_is_kept_from_writes() {
    let org = world(SystemKind::Salesforce, Size { companies: 5, contacts: 5, deals: 5 });
    let usage = |used: u64| {
        let mut response = answer(200, r#"{"totalSize":0,"done":true,"records":[]}"#);
        response.headers.push(("sforce-limit-info".to_owned(), format!("api-usage={used}/1000")));
        response
    };
    let item = || Request::Write {
        object: "Account".into(),
        items: vec![write("a", WriteKind::Create { unique: None }, &[("Name", Value::text("A"))])],
    };
    org.transport.next(Twist::Instead(usage(850)));
    org.call(Request::Owners).unwrap();
    assert_eq!(org.call(item()).unwrap_err().class, ErrorClass::Limit);
    org.transport.next(Twist::Instead(usage(995)));
    org.call(Request::Owners).unwrap();
    assert_eq!(org.call(Request::Owners).unwrap_err().class, ErrorClass::Limit);
}
