//! The Salesforce face of the sandbox, driven in process: what a client sends and what it gets back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod people;
mod wide;

use serde_json::{Value, json};
use twinmap::sandbox::Sandbox;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::core::http::{Face, Request, Response};
use twinmap::sandbox::seed::Size;
use twinmap::value::Millis;

pub const V: &str = "/services/data/v62.0";

pub struct Client {
    sandbox: Sandbox,
}

fn client() -> Client {
    let clock = SimClock::starting_at(Millis(1_790_000_000_000));
    Client { sandbox: Sandbox::new(7, Size::default(), clock) }
}

fn body(response: &Response) -> Value {
    if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body).unwrap() }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

impl Client {
    fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        let mut all = vec![("authorization".to_owned(), format!("Bearer {}", self.sandbox.salesforce_token))];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = Request {
            method: method.to_owned(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: all,
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        self.sandbox.salesforce.lock().unwrap().handle(&request)
    }

    fn call(&self, method: &str, path: &str, sent: Value) -> (u16, Value) {
        let response = self.send(method, &format!("{V}{path}"), &[], &sent);
        (response.status, body(&response))
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn soql(&self, text: &str) -> (u16, Value) {
        let q: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        self.call("GET", &format!("/query?q={q}"), Value::Null)
    }

    fn records(&self, text: &str) -> Vec<Value> {
        let (status, answer) = self.soql(text);
        assert_eq!(status, 200, "{text}: {answer}");
        answer["records"].as_array().unwrap().clone()
    }

    fn create(&self, object: &str, fields: Value) -> String {
        let (status, answer) = self.call("POST", &format!("/sobjects/{object}"), fields);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    fn refused(&self, method: &str, path: &str, sent: Value) -> (u16, String) {
        let (status, answer) = self.call(method, path, sent);
        (status, answer[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    }
}

#[test]
fn sessions_and_versions() {
    let client = client();
    let versions = body(&client.send("GET", "/services/data/", &[], &Value::Null));
    assert_eq!(versions[0], json!({"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}));
    assert_eq!(versions.as_array().unwrap().last().unwrap()["label"], "Winter '27");
    let bad = client.send("GET", &format!("{V}/limits"), &[], &Value::Null);
    assert_eq!(bad.status, 200);
    assert_eq!(header(&bad, "sforce-limit-info"), Some("api-usage=1/15000000"));
    let request = Request {
        method: "GET".into(),
        path: vec!["services".into(), "data".into(), "v62.0".into(), "sobjects".into()],
        ..Request::default()
    };
    let none = client.sandbox.salesforce.lock().unwrap().handle(&request);
    assert_eq!(none.status, 401);
    assert_eq!(
        body(&none),
        json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    );
}

#[test]
fn describes() {
    let client = client();
    let all = client.get("/sobjects/");
    let names: Vec<&str> =
        all["sobjects"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    for name in ["Account", "Contact", "Lead", "Opportunity", "OpportunityStage", "RecordType", "User"] {
        assert!(names.contains(&name), "{name}");
    }
    let account = client.get("/sobjects/account/describe");
    assert_eq!(account["name"], "Account");
    let field = |name: &str| {
        account["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned().unwrap()
    };
    let key = field("Twinmap_Id__c");
    assert_eq!(
        (&key["externalId"], &key["unique"], &key["caseSensitive"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(key.as_object().unwrap().len(), 57);
    assert_eq!(account["urls"]["describe"], "/services/data/v62.0/sobjects/Account/describe");
    let types = client.get("/sobjects/Opportunity/describe")["recordTypeInfos"].clone();
    let names: Vec<&str> =
        types.as_array().unwrap().iter().map(|t| t["developerName"].as_str().unwrap()).collect();
    assert_eq!(names, ["New_Business", "Partner", "Master"]);
    assert_eq!(client.refused("GET", "/sobjects/Nothing/describe", Value::Null), (404, "NOT_FOUND".into()));
}

#[test]
fn a_record_from_birth_to_the_bin() {
    let client = client();
    let id = client.create("Account", json!({"Name": " Acme ", "AnnualRevenue": 1234567.6, "Website": ""}));
    assert!(id.starts_with("001") && id.len() == 18);
    let path = format!("/sobjects/Account/{id}");
    let row = client.get(&path);
    assert_eq!(row["Name"], "Acme");
    assert_eq!(row["AnnualRevenue"].to_string(), "1234568.0");
    assert_eq!(row["Website"], Value::Null);
    assert_eq!(row["CreatedDate"], "2026-09-21T14:13:20.000+0000");
    assert_eq!(client.call("PATCH", &path, json!({"Phone": "1"})).0, 204);
    assert_eq!(client.get(&format!("{path}?fields=Phone"))["Phone"], "1");
    let refused = client.refused("PATCH", &path, json!({"PhotoUrl": "x"}));
    assert_eq!(refused, (400, "INVALID_FIELD_FOR_INSERT_UPDATE".into()));
    assert_eq!(client.refused("PATCH", &path, json!({"Nme": "x"})), (400, "INVALID_FIELD".into()));
    assert_eq!(client.refused("PUT", &path, json!({})), (405, "METHOD_NOT_ALLOWED".into()));
    assert_eq!(client.call("DELETE", &path, Value::Null).0, 204);
    assert_eq!(client.refused("DELETE", &path, Value::Null), (404, "ENTITY_IS_DELETED".into()));
    let (_, found) = client.call(
        "GET",
        &format!("/queryAll?q=SELECT+IsDeleted+FROM+Account+WHERE+Id='{id}'"),
        Value::Null,
    );
    assert_eq!(found["records"][0]["IsDeleted"], true);
    assert!(client.records(&format!("SELECT Id FROM Account WHERE Id = '{id}'")).is_empty());
    let actions: Vec<&str> = client.sandbox.log.since(0).iter().map(|m| m.action).collect();
    assert_eq!(actions, ["create", "update", "archive"]);
}

#[test]
fn upserts_by_external_id() {
    let client = client();
    let path = "/sobjects/Account/Twinmap_Id__c/scm1:ABC";
    let (status, answer) = client.call("PATCH", path, json!({"Name": "A"}));
    assert_eq!((status, &answer["created"]), (201, &json!(true)));
    let (status, again) =
        client.call("PATCH", "/sobjects/Account/twinmap_id__c/SCM1:abc", json!({"Name": "B"}));
    assert_eq!((status, &again["created"], &again["id"]), (200, &json!(false), &answer["id"]));
    let old = client.send("PATCH", &format!("/services/data/v45.0{path}"), &[], &json!({"Name": "C"}));
    assert_eq!((old.status, old.body.len()), (204, 0));
    let (status, _) =
        client.call("PATCH", "/sobjects/Account/Twinmap_Id__c/other?updateOnly=true", json!({}));
    assert_eq!(status, 404);
    let refused =
        client.refused("POST", "/sobjects/Account", json!({"Name": "D", "Twinmap_Id__c": "scm1:abc"}));
    assert_eq!(refused, (400, "DUPLICATE_VALUE".into()));
    client.create("Contact", json!({"LastName": "One", "Email": "same@x.example"}));
    client.create("Contact", json!({"LastName": "Two", "Email": "same@x.example"}));
    let (status, paths) =
        client.call("PATCH", "/sobjects/Contact/Email/same@x.example", json!({"Title": "T"}));
    assert_eq!((status, paths.as_array().unwrap().len()), (300, 2));
    assert_eq!(client.refused("PATCH", "/sobjects/Account/Name/x", json!({})), (404, "NOT_FOUND".into()));
}

#[test]
fn conditional_writes_see_a_persons_edit() {
    let client = client();
    let id = client.create("Lead", json!({"LastName": "L", "Company": "C"}));
    let path = format!("{V}/sobjects/Lead/{id}");
    let read = client.send("GET", &path, &[], &Value::Null);
    let stamp = header(&read, "last-modified").unwrap().to_owned();
    assert_eq!(client.send("GET", &path, &[("if-modified-since", &stamp)], &Value::Null).status, 304);
    let guard = [("if-unmodified-since", stamp.as_str())];
    assert_eq!(client.send("PATCH", &path, &guard, &json!({"Title": "T"})).status, 204);
    client.sandbox.clock.advance(2_000);
    let edit = json!({"object": "Lead", "id": id, "fields": {"Title": "By hand"}, "by": "kim.hansen@twinmap.example"});
    assert_eq!(client.send("POST", "/_sandbox/edit", &[], &edit).status, 200);
    let refused = client.send("PATCH", &path, &guard, &json!({"Title": "Lost"}));
    assert_eq!((refused.status, &body(&refused)[0]["errorCode"]), (412, &json!("PRECONDITION_FAILED")));
    let row = body(&client.send("GET", &path, &[], &Value::Null));
    assert_eq!(row["Title"], "By hand");
    let kim = client.records("SELECT Id FROM User WHERE Email = 'KIM.HANSEN@twinmap.example'");
    assert_eq!(row["LastModifiedById"], kim[0]["Id"]);
    assert_eq!(client.sandbox.log.since(0).last().unwrap().by, "kim.hansen@twinmap.example");
    let bad = client.send("PATCH", &path, &[("if-unmodified-since", "soon")], &json!({}));
    assert_eq!(bad.status, 400);
}

#[test]
fn rules_refuse_writes() {
    let client = client();
    let code = |object: &str, fields: Value| client.refused("POST", &format!("/sobjects/{object}"), fields).1;
    assert_eq!(code("Contact", json!({"FirstName": "F"})), "REQUIRED_FIELD_MISSING");
    assert_eq!(code("Contact", json!({"LastName": "x".repeat(81)})), "STRING_TOO_LONG");
    assert_eq!(code("Contact", json!({"LastName": "L", "Email": "abc"})), "INVALID_EMAIL_ADDRESS");
    assert_eq!(
        code("Account", json!({"Name": "N", "CleanStatus": "Odd"})),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    assert_eq!(
        code("Account", json!({"Name": "N", "NumberOfEmployees": 123456789})),
        "NUMBER_OUTSIDE_VALID_RANGE"
    );
    assert_eq!(
        code("Contact", json!({"LastName": "L", "AccountId": "001000000000001"})),
        "INVALID_CROSS_REFERENCE_KEY"
    );
    assert_eq!(code("Contact", json!({"LastName": "L", "AccountId": "003000000000001"})), "MALFORMED_ID");
    assert_eq!(code("Account", json!({"Name": ["x"]})), "JSON_PARSER_ERROR");
    let jean = client.records("SELECT Id FROM User WHERE IsActive = false")[0]["Id"].clone();
    assert_eq!(code("Account", json!({"Name": "N", "OwnerId": jean})), "INACTIVE_OWNER_OR_USER");
    client.create("Account", json!({"Name": "N", "Industry": "Something else"}));
}

#[test]
fn stages_set_what_depends_on_them() {
    let client = client();
    let id = client.create(
        "Opportunity",
        json!({"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-12-01", "Amount": 100}),
    );
    let path = format!("/sobjects/Opportunity/{id}");
    let row = client.get(&path);
    assert_eq!(
        (row["Probability"].to_string(), row["ExpectedRevenue"].to_string()),
        ("10.0".into(), "10.0".into())
    );
    assert_eq!((&row["IsClosed"], &row["Fiscal"]), (&json!(false), &json!("2026 4")));
    client.call("PATCH", &path, json!({"StageName": "Closed Won"}));
    let row = client.get(&path);
    assert_eq!((&row["IsWon"], &row["ForecastCategoryName"]), (&json!(true), &json!("Closed")));
    client.call("PATCH", &path, json!({"StageName": "Nobody knows", "Probability": 33}));
    let row = client.get(&path);
    assert_eq!((&row["IsClosed"], row["Probability"].to_string()), (&json!(false), "33.0".into()));
}

#[test]
fn queries() {
    let client = client();
    let (_, count) = client.soql("SELECT COUNT() FROM Account");
    let total = count["totalSize"].as_u64().unwrap();
    assert!(total > 30 && count["records"] == json!([]));
    let rows = client.records(
        "SELECT Id, Name, Owner.Email FROM Account WHERE (Industry IN ('technology', 'Banking') AND NumberOfEmployees > 10) \
         OR Name LIKE 'north%' ORDER BY Name DESC NULLS LAST LIMIT 5",
    );
    assert!(!rows.is_empty() && rows.len() <= 5);
    assert!(rows[0]["Owner"]["Email"].as_str().unwrap().ends_with("@twinmap.example"));
    assert_eq!(rows[0]["attributes"]["type"], "Account");
    let names: Vec<String> = rows.iter().map(|row| row["Name"].as_str().unwrap().to_lowercase()).collect();
    assert!(names.windows(2).all(|pair| pair[0] >= pair[1]), "{names:?}");
    let none = client.records("SELECT Id FROM Account WHERE Name = null");
    assert!(none.is_empty());
    let recent = client.records("SELECT Id FROM Account WHERE SystemModstamp >= 2026-09-01T00:00:00Z AND SystemModstamp < 2026-10-01T00:00:00.000+00:00");
    let relative = client.records("SELECT Id FROM Account WHERE SystemModstamp = LAST_N_DAYS:30");
    assert!(!recent.is_empty() && relative.len() as u64 == total);
    let with_people = client.records("SELECT Id, (SELECT Email FROM Contacts ORDER BY Email LIMIT 2) FROM Account WHERE Id IN (SELECT AccountId FROM Contact)");
    assert!(!with_people.is_empty());
    assert!(with_people.iter().all(|row| row["Contacts"]["totalSize"].as_u64().unwrap() <= 2));
    let groups = client.records("SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 0 ORDER BY COUNT(Id) DESC");
    assert_eq!(groups[0]["attributes"]["type"], "AggregateResult");
    assert!(groups[0]["n"].as_u64().unwrap() >= groups[groups.len() - 1]["n"].as_u64().unwrap());
    assert!(groups[0]["expr0"].is_number());
    let task = client.records(
        "SELECT Who.Name, Who.Type, TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task LIMIT 1",
    );
    assert_eq!(task[0]["Who"]["Type"], "Contact");
    let stages =
        client.records("SELECT ApiName, DefaultProbability FROM OpportunityStage ORDER BY SortOrder");
    assert_eq!((stages.len(), &stages[9]["ApiName"]), (10, &json!("Closed Lost")));
    assert_eq!(client.records("SELECT FIELDS(ALL) FROM User LIMIT 200").len(), 6);
}

#[test]
fn bad_queries_say_where() {
    let client = client();
    let fails = |text: &str| {
        let (status, answer) = client.soql(text);
        assert_eq!(status, 400, "{text}");
        (
            answer[0]["errorCode"].as_str().unwrap().to_owned(),
            answer[0]["message"].as_str().unwrap().to_owned(),
        )
    };
    let (code, message) = fails("SELECT Id FRM Account");
    assert_eq!(code, "MALFORMED_QUERY");
    assert_eq!(
        message,
        "\nSELECT Id FRM Account\n          ^\nERROR at Row:1:Column:11\nunexpected token: 'FRM'"
    );
    let (code, message) = fails("SELECT Nope FROM Account");
    assert_eq!(code, "INVALID_FIELD");
    assert!(message.contains("No such column 'Nope' on entity 'Account'"), "{message}");
    assert_eq!(fails("SELECT Id FROM Nope").0, "INVALID_TYPE");
    assert_eq!(
        fails("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'").0,
        "MALFORMED_QUERY"
    );
    assert_eq!(fails("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'").0, "INVALID_FIELD");
    assert_eq!(fails("SELECT Id FROM Account WHERE Description = 'x'").0, "INVALID_FIELD");
    assert_eq!(fails("SELECT Id FROM Account WHERE Id = 'x'").0, "INVALID_QUERY_FILTER_OPERATOR");
    assert_eq!(
        fails(&format!("SELECT Id FROM Account WHERE {}Name = 'a'", "(".repeat(500))).0,
        "QUERY_TOO_COMPLICATED"
    );
    let (status, answer) = client.call("GET", "/query/0r85g000000001AAA-2000", Value::Null);
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("INVALID_QUERY_LOCATOR")));
}

#[test]
fn pages() {
    let client = client();
    let records: Vec<Value> = (0..150)
        .map(|n| json!({"attributes": {"type": "Account"}, "Name": format!("Page {n:03}")}))
        .collect();
    for _ in 0..2 {
        let (status, items) = client.call("POST", "/composite/sobjects", json!({"records": records}));
        assert_eq!((status, &items[149]["success"]), (200, &json!(true)));
    }
    let options = [("sforce-query-options", "batchSize=200")];
    let q = format!("{V}/query?q=SELECT+Name+FROM+Account+WHERE+Name+LIKE+%27Page%25%27+ORDER+BY+Name");
    let first = body(&client.send("GET", &q, &options, &Value::Null));
    assert_eq!(
        (&first["totalSize"], &first["done"], first["records"].as_array().unwrap().len()),
        (&json!(300), &json!(false), 200)
    );
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let second = body(&client.send("GET", next, &options, &Value::Null));
    assert_eq!((&second["done"], second["records"].as_array().unwrap().len()), (&json!(true), 100));
    assert!(second.get("nextRecordsUrl").is_none());
}

#[test]
fn collections_tell_each_result() {
    let client = client();
    let mixed = json!({"allOrNone": false, "records": [
        {"attributes": {"type": "Account"}, "Name": "A"},
        {"attributes": {"type": "Contact"}, "FirstName": "no last name"},
    ]});
    let (status, items) = client.call("POST", "/composite/sobjects", mixed.clone());
    assert_eq!((status, &items[0]["success"], &items[1]["success"]), (200, &json!(true), &json!(false)));
    assert_eq!(items[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert!(items[1].get("id").is_none());
    let before = client.records("SELECT Id FROM Account").len();
    let mut strict = mixed;
    strict["allOrNone"] = json!(true);
    let (_, items) = client.call("POST", "/composite/sobjects", strict);
    assert_eq!(items[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(client.records("SELECT Id FROM Account").len(), before);
    let upsert = json!({"records": [
        {"attributes": {"type": "Lead"}, "Twinmap_Id__c": "k1", "LastName": "L", "Company": "C"},
        {"Twinmap_Id__c": "k2"},
    ]});
    let (_, items) = client.call("PATCH", "/composite/sobjects/Lead/Twinmap_Id__c", upsert);
    assert_eq!((&items[0]["created"], &items[1]["created"]), (&json!(true), &json!(false)));
    assert_eq!(items[1]["errors"][0]["statusCode"], "JSON_PARSER_ERROR");
    let id = items[0]["id"].as_str().unwrap();
    let update = json!({"records": [
        {"attributes": {"type": "Lead"}, "id": id, "Title": "T"},
        {"attributes": {"type": "Lead"}, "id": "00Q000000000001AAA", "Title": "T"},
    ]});
    let (_, items) = client.call("PATCH", "/composite/sobjects", update);
    assert_eq!(items[1]["errors"][0]["statusCode"], "INVALID_CROSS_REFERENCE_KEY");
    let read = json!({"ids": ["00Q000000000001AAA", id], "fields": ["Title"]});
    let (_, rows) = client.call("POST", "/composite/sobjects/Lead", read);
    assert_eq!((&rows[0], &rows[1]["Title"]), (&Value::Null, &json!("T")));
    let (_, gone) =
        client.call("DELETE", &format!("/composite/sobjects?ids={id}&allOrNone=false"), Value::Null);
    assert_eq!(gone[0]["success"], true);
    let many: Vec<Value> = (0..201).map(|_| json!({})).collect();
    assert_eq!(
        client.refused("POST", "/composite/sobjects", json!({"records": many})),
        (400, "EXCEEDED_ID_LIMIT".into())
    );
}

#[test]
fn composite_calls_refer_to_each_other() {
    let client = client();
    let calls = json!({"compositeRequest": [
        {"method": "POST", "url": format!("{V}/sobjects/Account"), "referenceId": "a", "body": {"Name": "Comp"}},
        {"method": "POST", "url": format!("{V}/sobjects/Contact"), "referenceId": "c", "body": {"LastName": "Of", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": format!("{V}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{{c.id}}'"), "referenceId": "q"},
        {"method": "GET", "url": format!("{V}/sobjects/Account/@{{a.id}}?fields=Name"), "referenceId": "g"},
        {"method": "PATCH", "url": format!("{V}/sobjects/Account/@{{a.id}}"), "referenceId": "p", "body": {"Name": "X"},
         "httpHeaders": {"If-Unmodified-Since": "Fri, 01 May 2020 07:25:37 GMT"}},
    ]});
    let (status, answer) = client.call("POST", "/composite", calls.clone());
    assert_eq!(status, 200);
    let parts = answer["compositeResponse"].as_array().unwrap();
    let codes: Vec<u64> = parts.iter().map(|part| part["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(codes, [201, 201, 200, 200, 412]);
    assert_eq!(parts[2]["body"]["records"][0]["Account"]["Name"], "Comp");
    assert!(parts[0]["httpHeaders"]["Location"].as_str().unwrap().contains("/sobjects/Account/001"));
    let mut strict = calls;
    strict["allOrNone"] = json!(true);
    let before = client.records("SELECT Id FROM Account").len();
    let (_, answer) = client.call("POST", "/composite", strict);
    assert_eq!(answer["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(client.records("SELECT Id FROM Account").len(), before);
    assert_eq!(client.sandbox.log.stats()["salesforce"]["api"], 4);
}

#[test]
fn updated_and_deleted() {
    let client = client();
    let id = client.create("Contact", json!({"LastName": "Gone"}));
    client.call("DELETE", &format!("/sobjects/Contact/{id}"), Value::Null);
    client.sandbox.clock.advance(120_000);
    let kept = client.create("Contact", json!({"LastName": "Kept"}));
    client.sandbox.clock.advance(120_000);
    let span = "start=2026-09-21T14:00:00%2B00:00&end=2026-09-21T15:00:00%2B00:00";
    let updated = client.get(&format!("/sobjects/Contact/updated/?{span}"));
    assert_eq!(updated["ids"], json!([kept]));
    let deleted = client.get(&format!("/sobjects/Contact/deleted/?{span}"));
    assert_eq!(deleted["deletedRecords"], json!([{"id": id, "deletedDate": "2026-09-21T14:13:20.000+0000"}]));
    assert_eq!(deleted["latestDateCovered"], "2026-09-21T14:17:20.000+0000");
    let old = "start=2026-08-21T14:00:00%2B00:00&end=2026-09-21T15:00:00%2B00:00";
    assert_eq!(
        client.refused("GET", &format!("/sobjects/Contact/deleted?{old}"), Value::Null).1,
        "INVALID_REPLICATION_DATE"
    );
}

#[test]
fn the_same_seed_gives_the_same_org() {
    let text = "SELECT Id, Name, Website, SystemModstamp, OwnerId FROM Account";
    assert_eq!(client().records(text), client().records(text));
}

#[test]
fn tokens_are_given_rotated_and_revoked() {
    let client = client();
    let token = |form: &str| {
        let request = Request {
            method: "POST".into(),
            path: vec!["services".into(), "oauth2".into(), "token".into()],
            body: form.as_bytes().to_vec(),
            ..Request::default()
        };
        let response = client.sandbox.salesforce.lock().unwrap().handle(&request);
        (response.status, body(&response))
    };
    let (status, given) = token("grant_type=client_credentials&client_id=a&client_secret=b");
    assert_eq!(status, 200);
    let bearer = format!("Bearer {}", given["access_token"].as_str().unwrap());
    let limits = || {
        let request = Request {
            method: "GET".into(),
            path: vec!["services".into(), "data".into(), "v62.0".into(), "limits".into()],
            headers: vec![("authorization".into(), bearer.clone())],
            ..Request::default()
        };
        client.sandbox.salesforce.lock().unwrap().handle(&request).status
    };
    assert_eq!(limits(), 200);
    client.sandbox.clock.advance(3 * 3_600_000);
    assert_eq!(limits(), 401);
    let (_, first) = token("grant_type=refresh_token&client_id=a&refresh_token=r");
    let newer = first["refresh_token"].as_str().unwrap().to_owned();
    // That of an app without rotation is good again; one that was given here is good once.
    assert_eq!(token("grant_type=refresh_token&client_id=a&refresh_token=r").0, 200);
    let (_, second) = token(&format!("grant_type=refresh_token&client_id=a&refresh_token={newer}"));
    let newest = second["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(token(&format!("grant_type=refresh_token&client_id=a&refresh_token={newer}")).0, 400);
    let (status, refused) = token(&format!("grant_type=refresh_token&client_id=a&refresh_token={newest}"));
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(token("grant_type=client_credentials").1["error"], "invalid_client");
}
