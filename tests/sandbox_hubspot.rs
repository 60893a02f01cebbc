//! The simulated HubSpot, driven without a server: answers must be the vendor's, and the same for the same seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};
use twinmap::sandbox::Sandbox;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::core::http::{Face, Request, Response};
use twinmap::sandbox::seed::Size;
use twinmap::value::Millis;

struct Portal {
    sandbox: Sandbox,
}

impl Portal {
    fn new() -> Portal {
        let clock = SimClock::starting_at(Millis(1_790_000_000_000));
        Portal { sandbox: Sandbox::new(1, Size::default(), clock) }
    }

    fn raw(&self, method: &str, url: &str, body: Option<Value>, token: Option<&str>) -> Response {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let request = Request {
            method: method.into(),
            path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: query
                .split('&')
                .filter(|part| !part.is_empty())
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            headers: token
                .into_iter()
                .map(|token| ("authorization".into(), format!("Bearer {token}")))
                .collect(),
            body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        };
        self.sandbox.hubspot.lock().unwrap().handle(&request)
    }

    fn call(&self, method: &str, url: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.raw(method, url, body, Some(&self.sandbox.hubspot_token));
        let body =
            if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).unwrap() };
        (answer.status, body)
    }

    fn get(&self, url: &str) -> Value {
        let (status, body) = self.call("GET", url, None);
        assert_eq!(status, 200, "{url}: {body}");
        body
    }

    fn post(&self, status: u16, url: &str, body: Value) -> Value {
        let (got, answer) = self.call("POST", url, Some(body));
        assert_eq!(got, status, "{url}: {answer}");
        answer
    }

    fn new_record(&self, object: &str, properties: Value) -> String {
        let url = format!("/crm/v3/objects/{object}");
        self.post(201, &url, json!({ "properties": properties }))["id"].as_str().unwrap().to_owned()
    }

    /// The first company that is there from the start.
    fn company(&self) -> String {
        self.get("/crm/v3/objects/companies?limit=1")["results"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_request_without_the_token_is_refused() {
    let portal = Portal::new();
    for token in [None, Some("pat-na1-wrong")] {
        let answer = portal.raw("GET", "/crm/v3/objects/contacts", None, token);
        assert_eq!(answer.status, 401);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["category"], "INVALID_AUTHENTICATION");
        assert_eq!(body["status"], "error");
        assert_eq!(body["correlationId"].as_str().unwrap().len(), 36);
    }
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let urls =
        ["/crm/v3/objects/contacts?limit=100", "/crm/v3/objects/deals?associations=contacts,companies"];
    for url in urls {
        assert_eq!(Portal::new().get(url), Portal::new().get(url));
    }
}

#[test]
fn lists_come_in_pages_by_id_and_both_path_families_answer_alike() {
    let portal = Portal::new();
    let mut ids: Vec<u64> = Vec::new();
    let mut after = String::new();
    loop {
        let page = portal.get(&format!("/crm/objects/2026-09/0-2?limit=7&after={after}"));
        ids.extend(
            page["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["id"].as_str().unwrap().parse::<u64>().unwrap()),
        );
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert!(ids.is_sorted());
    let whole = portal.get("/crm/v3/objects/company?limit=100");
    assert_eq!(whole["results"].as_array().unwrap().len(), ids.len());
    assert!(whole.get("paging").is_none(), "the last page has no `paging`");
}

#[test]
fn values_are_texts_and_missing_ones_null() {
    let portal = Portal::new();
    let made = portal.post(
        201,
        "/crm/v3/objects/deals",
        json!({ "properties": { "dealname": "A", "amount": 10000, "closedate": "2026-12-31" } }),
    );
    assert_eq!(made["properties"]["amount"], "10000");
    assert_eq!(made["properties"]["closedate"], "2026-12-31T00:00:00Z");
    assert!(made["properties"].get("dealstage").is_none(), "a write answers without empty properties");
    let id = made["id"].as_str().unwrap();
    let read = portal.get(&format!("/crm/v3/objects/deals/{id}?properties=dealstage,no_such_property"));
    assert_eq!(read["properties"]["dealstage"], Value::Null);
    assert!(read["properties"].get("no_such_property").is_none());
}

#[test]
fn wrong_properties_are_named_in_the_message_and_in_errors() {
    let portal = Portal::new();
    let wrong = json!({ "properties": { "amountx": 1, "hs_is_closed": "true", "dealtype": "gift" } });
    let body = portal.post(400, "/crm/v3/objects/deals", wrong);
    let message = body["message"].as_str().unwrap();
    let rows: Value =
        serde_json::from_str(message.strip_prefix("Property values were not valid: ").unwrap()).unwrap();
    let mut errors: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["error"].as_str().unwrap()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["INVALID_OPTION", "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"]);
    assert_eq!(body["category"], "VALIDATION_ERROR");
}

#[test]
fn an_email_address_is_unique_whatever_its_case() {
    let portal = Portal::new();
    let id = portal.new_record("contacts", json!({ "email": " Kim.Lund@Acme.Example " }));
    let (status, body) = portal.call(
        "POST",
        "/crm/v3/objects/contacts",
        Some(json!({ "properties": { "email": "kim.lund@acme.example" } })),
    );
    assert_eq!(status, 409);
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {id}"));
    let found = portal.get("/crm/v3/objects/contacts/KIM.LUND@acme.example?idProperty=email");
    assert_eq!(found["id"], id);
}

#[test]
fn an_upsert_by_the_unique_property_creates_once() {
    let portal = Portal::new();
    let input = |name: &str| {
        json!({ "inputs": [{
            "idProperty": "twinmap_id", "id": "scm1:one", "objectWriteTraceId": "t1",
            "properties": { "name": name },
        }] })
    };
    let first = portal.post(200, "/crm/v3/objects/companies/batch/upsert", input("One"));
    assert_eq!(first["results"][0]["new"], true);
    assert_eq!(first["results"][0]["objectWriteTraceId"], "t1");
    let second = portal.post(200, "/crm/v3/objects/companies/batch/upsert", input("Two"));
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(first["results"][0]["id"], second["results"][0]["id"]);
}

#[test]
fn a_batch_create_is_all_or_nothing_without_trace_ids() {
    let portal = Portal::new();
    let inputs = |trace: bool| {
        let mut inputs = vec![
            json!({ "properties": { "name": "Good" } }),
            json!({ "properties": { "name": "Bad", "nothing": "x" } }),
        ];
        if trace {
            for (n, input) in inputs.iter_mut().enumerate() {
                input["objectWriteTraceId"] = json!(format!("trace-{n}"));
            }
        }
        json!({ "inputs": inputs })
    };
    let before = portal.sandbox.log.since(0).len();
    portal.post(400, "/crm/v3/objects/companies/batch/create", inputs(false));
    assert_eq!(portal.sandbox.log.since(0).len(), before);
    let mixed = portal.post(207, "/crm/v3/objects/companies/batch/create", inputs(true));
    assert_eq!(mixed["results"].as_array().unwrap().len(), 1);
    assert_eq!(mixed["errors"][0]["context"]["objectWriteTraceId"], json!(["trace-1"]));
    assert_eq!(mixed["status"], "COMPLETE");
}

#[test]
fn history_tells_who_wrote_what_newest_first() {
    let portal = Portal::new();
    let id = portal.company();
    portal.sandbox.clock.advance(1000);
    portal.post(
        200,
        "/_sandbox/edit",
        json!({ "object": "companies", "id": id, "properties": { "city": "Oslo" } }),
    );
    portal.sandbox.clock.advance(1000);
    portal.call(
        "PATCH",
        &format!("/crm/v3/objects/companies/{id}"),
        Some(json!({ "properties": { "city": "Bergen" } })),
    );
    let read = portal.get(&format!("/crm/v3/objects/companies/{id}?propertiesWithHistory=city"));
    let history = read["propertiesWithHistory"]["city"].as_array().unwrap();
    let sources: Vec<&str> = history.iter().map(|entry| entry["sourceType"].as_str().unwrap()).collect();
    assert_eq!(sources, ["INTEGRATION", "CRM_UI", "IMPORT"]);
    assert_eq!(history[0]["value"], "Bergen");
    assert_eq!(read["properties"]["city"], "Bergen");
    assert_eq!(read["updatedAt"], history[0]["timestamp"]);
}

#[test]
fn writing_the_same_value_again_changes_nothing() {
    let portal = Portal::new();
    let id = portal.new_record("companies", json!({ "name": "Same" }));
    let before = portal.get(&format!("/crm/v3/objects/companies/{id}"));
    let mutations = portal.sandbox.log.since(0).len();
    portal.sandbox.clock.advance(60_000);
    let url = format!("/crm/v3/objects/companies/{id}");
    portal.call("PATCH", &url, Some(json!({ "properties": { "name": "Same" } })));
    assert_eq!(portal.get(&url), before);
    assert_eq!(portal.sandbox.log.since(0).len(), mutations);
}

#[test]
fn archived_records_are_shown_only_when_asked_for() {
    let portal = Portal::new();
    let id = portal.company();
    let url = format!("/crm/v3/objects/companies/{id}");
    assert_eq!(portal.call("DELETE", &url, None).0, 204);
    assert_eq!(portal.call("DELETE", &url, None).0, 204, "again is no error");
    assert_eq!(portal.call("GET", &url, None).1["category"], "OBJECT_NOT_FOUND");
    let read = portal.get(&format!("{url}?archived=True"));
    assert_eq!(read["archived"], true);
    assert!(read["archivedAt"].is_string());
    let archived = portal.get("/crm/v3/objects/companies?archived=true");
    assert_eq!(archived["results"].as_array().unwrap().len(), 1);
}

#[test]
fn searches_filter_sort_page_and_refuse_what_hubspot_refuses() {
    let portal = Portal::new();
    let search = |body: Value| portal.call("POST", "/crm/v3/objects/companies/search", Some(body));
    let filter = |name: &str, operator: &str, value: &str| json!({ "filterGroups": [{ "filters": [{ "propertyName": name, "operator": operator, "value": value }] }] });
    let (_, all) = search(json!({}));
    let (_, banks) = search(filter("industry", "EQ", "BANKING"));
    let (_, others) = search(filter("industry", "NEQ", "BANKING"));
    assert!(banks["total"].as_u64().unwrap() > 0);
    assert_eq!(
        banks["total"].as_u64().unwrap() + others["total"].as_u64().unwrap(),
        all["total"].as_u64().unwrap()
    );
    let mut body = filter("numberofemployees", "GT", "1000");
    body["sorts"] = json!([{ "propertyName": "numberofemployees", "direction": "DESCENDING" }]);
    body["properties"] = json!(["numberofemployees"]);
    let (_, big) = search(body);
    let counts: Vec<u64> = big["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["properties"]["numberofemployees"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(counts.len() > 3 && counts.is_sorted_by(|a, b| a >= b) && counts.iter().all(|n| *n > 1000));
    assert_eq!(search(json!({ "limit": 201 })).0, 400);
    assert_eq!(search(json!({ "limit": 100, "after": "9901" })).0, 400);
    assert_eq!(search(filter("no_such", "EQ", "1")).0, 400);
    let has = json!({ "filters": [{ "propertyName": "name", "operator": "HAS_PROPERTY", "value": "x" }] });
    assert_eq!(search(has).0, 400);
    let token = filter("domain", "CONTAINS_TOKEN", "*.example");
    assert_eq!(search(token).1["total"], all["total"]);
}

#[test]
fn an_association_stands_in_both_directions_and_a_contact_has_one_primary_company() {
    let portal = Portal::new();
    let contact = portal.new_record("contacts", json!({ "email": "a@b.example" }));
    let first = portal.new_record("companies", json!({ "name": "First" }));
    let second = portal.new_record("companies", json!({ "name": "Second" }));
    for company in [&first, &second] {
        let url = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
        let spec = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1 }]);
        assert_eq!(portal.call("PUT", &url, Some(spec)).0, 201);
    }
    let types = |company: &str| {
        let url = format!("/crm/v4/objects/companies/{company}/associations/contacts");
        let rows = portal.get(&url)["results"].clone();
        let mut ids: Vec<u64> = rows[0]["associationTypes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["typeId"].as_u64().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(types(&first), [280]);
    assert_eq!(types(&second), [2, 280]);
    let read = portal.get(&format!("/crm/v3/objects/contacts/{contact}?properties=associatedcompanyid"));
    assert_eq!(read["properties"]["associatedcompanyid"], second);
    let actions: Vec<&str> = portal.sandbox.log.since(0).iter().map(|m| m.action).collect();
    assert_eq!(actions, ["create", "create", "create", "associate", "associate"]);
}

#[test]
fn the_lifecycle_stage_only_moves_forward() {
    let portal = Portal::new();
    let id = portal.new_record("companies", json!({ "name": "A", "lifecyclestage": "customer" }));
    let url = format!("/crm/v3/objects/companies/{id}?properties=lifecyclestage");
    let (status, _) = portal.call("PATCH", &url, Some(json!({ "properties": { "lifecyclestage": "lead" } })));
    assert_eq!(status, 200);
    assert_eq!(portal.get(&url)["properties"]["lifecyclestage"], "customer");
}

#[test]
fn computed_values_follow_the_deal() {
    let portal = Portal::new();
    let id = portal
        .new_record("deals", json!({ "dealname": "A", "amount": "1000", "dealstage": "qualifiedtobuy" }));
    let names = "hs_is_closed,hs_is_closed_won,hs_closed_amount,hs_deal_stage_probability,pipeline";
    let read = |id: &str| {
        portal.get(&format!("/crm/v3/objects/deals/{id}?properties={names}"))["properties"].clone()
    };
    assert_eq!(read(&id)["pipeline"], "default");
    assert_eq!(read(&id)["hs_is_closed"], "false");
    assert_eq!(
        read(&id)["hs_deal_stage_probability"],
        "0.40000000000000002220446049250313080847263336181640625"
    );
    let url = format!("/crm/v3/objects/deals/{id}");
    portal.call("PATCH", &url, Some(json!({ "properties": { "dealstage": "closedwon" } })));
    assert_eq!(read(&id)["hs_is_closed_won"], "true");
    assert_eq!(read(&id)["hs_closed_amount"], "1000");
}

#[test]
fn requests_are_counted_by_their_limit() {
    let portal = Portal::new();
    portal.company();
    portal.post(200, "/crm/v3/objects/companies/search", json!({}));
    let stats = portal.sandbox.log.stats();
    assert_eq!((stats["hubspot"]["api"], stats["hubspot"]["search"]), (1, 1));
    let token = Some(portal.sandbox.hubspot_token.as_str());
    let header = |url: &str, body: Option<Value>| {
        let method = if body.is_some() { "POST" } else { "GET" };
        let answer = portal.raw(method, url, body, token);
        answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-hubspot-ratelimit-max"))
    };
    assert!(header("/crm/v3/owners", None));
    assert!(!header("/crm/v3/objects/companies/search", Some(json!({}))), "searches carry no limit headers");
}
