//! Imports, lists of a record, the token's own data, and what an admin switches.

use serde_json::{Value, json};
use twinmap::sandbox::core::http::{Face, Request};

use crate::Portal;

impl Portal {
    fn multipart(&self, url: &str, parts: &[(&str, &str)]) -> (u16, Value) {
        let mut body = String::new();
        for (name, text) in parts {
            body.push_str(&format!(
                "--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n{text}\r\n"
            ));
        }
        body.push_str("--XyZ--\r\n");
        let request = Request {
            method: "POST".into(),
            path: url.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: Vec::new(),
            headers: vec![
                ("authorization".into(), format!("Bearer {}", self.sandbox.hubspot_token)),
                ("content-type".into(), "multipart/form-data; boundary=XyZ".into()),
            ],
            body: body.into_bytes(),
        };
        let answer = self.sandbox.hubspot.lock().unwrap().handle(&request);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}

#[test]
fn an_import_makes_and_changes_records_and_lists_its_errors() {
    let portal = Portal::new();
    let old = portal.new_record("contacts", json!({ "email": "old@import.example", "firstname": "O" }));
    let column = |name: &str, property: &str, role: &str| json!({ "columnObjectTypeId": "0-1", "columnName": name, "propertyName": property, "columnType": role });
    let wanted = json!({ "name": "People", "files": [{ "fileName": "f", "fileFormat": "CSV", "fileImportPage": {
        "hasHeader": true,
        "columnMappings": [column("Mail", "email", "HUBSPOT_ALTERNATE_ID"), column("First", "firstname", "")],
    } }] });
    let csv = "Mail,First\nnew@import.example,N\nold@import.example,P\nno address,Q\n";
    for base in ["/crm/v3/imports", "/crm/imports/2026-09"] {
        let (status, started) =
            portal.multipart(base, &[("importRequest", &wanted.to_string()), ("files", csv)]);
        assert_eq!((status, &started["state"]), (200, &json!("STARTED")));
        let url = format!("{base}/{}", started["id"].as_str().unwrap());
        let done = portal.get(&url);
        let counters = &done["metadata"]["counters"];
        assert_eq!(
            (&done["state"], &counters["TOTAL_ROWS"], &counters["ERRORS"]),
            (&json!("DONE"), &json!(3), &json!(1))
        );
        let errors = portal.get(&format!("{url}/errors"));
        assert_eq!(errors["results"][0]["sourceData"]["lineNumber"], json!(4));
    }
    assert_eq!(portal.get(&format!("/crm/v3/objects/contacts/{old}"))["properties"]["firstname"], json!("P"));
    let history = portal.get(&format!("/crm/v3/objects/contacts/{old}?propertiesWithHistory=firstname"));
    assert_eq!(history["propertiesWithHistory"]["firstname"][0]["sourceType"], json!("IMPORT"));
    assert_eq!(portal.call("POST", "/crm/v3/imports", Some(json!({}))).0, 415);
}

#[test]
fn lists_are_read_by_their_records() {
    let portal = Portal::new();
    let company = portal.company();
    let make = |name: &str| {
        let body = json!({ "name": name, "objectTypeId": "0-2", "processingType": "MANUAL" });
        portal.post(200, "/crm/v3/lists", body)["list"]["listId"].as_str().unwrap().to_owned()
    };
    let (first, second) = (make("First"), make("Second"));
    portal.call("PUT", &format!("/crm/v3/lists/{first}/memberships/add"), Some(json!([company])));
    assert_eq!(
        portal.call("PUT", &format!("/crm/lists/2026-09/{second}/memberships/add-from/{first}"), None).0,
        204
    );
    let inputs = json!({ "inputs": [{ "objectTypeId": "0-2", "recordId": company }] });
    let found = portal.post(200, "/crm/v3/lists/records/memberships/batch/read", inputs);
    let lists: Vec<&Value> = found["results"][0]["recordListMemberships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["listId"])
        .collect();
    assert!(lists.contains(&&json!(first)) && lists.contains(&&json!(second)), "{lists:?}");
}

#[test]
fn the_token_says_whose_it_is_until_it_is_revoked() {
    let portal = Portal::new();
    let body = json!({ "tokenKey": portal.sandbox.hubspot_token });
    let info = portal.post(200, "/oauth/v2/private-apps/get/access-token-info", body);
    assert!(info["appId"].is_u64() && info["userId"].is_u64() && info["hubId"] == json!(12_345_678));
    assert_eq!(portal.get("/crm/property-validations/2026-09/0-1"), json!({ "results": [] }));
    portal.post(200, "/_sandbox/settings", json!({ "token_revoked": true }));
    assert_eq!(portal.call("GET", "/crm/v3/owners", None).0, 401);
}

#[test]
fn texts_are_tidied_where_it_is_switched_on() {
    let portal = Portal::new();
    portal.post(200, "/_sandbox/settings", json!({ "trim": true, "nfc": true }));
    let id = portal.new_record("companies", json!({ "name": "  Cafe\u{301} " }));
    assert_eq!(
        portal.get(&format!("/crm/v3/objects/companies/{id}"))["properties"]["name"],
        json!("Caf\u{e9}")
    );
}
