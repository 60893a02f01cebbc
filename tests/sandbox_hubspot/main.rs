//! The simulated HubSpot, driven without a server: answers must be the vendor's, and the same for the same seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod more;

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

#[test]
fn a_merge_gives_a_third_id_that_both_old_ones_lead_to() {
    let portal = Portal::new();
    let a = portal.new_record("contacts", json!({ "email": "a@m.example", "firstname": "A" }));
    let b = portal.new_record("contacts", json!({ "email": "b@m.example", "firstname": "B", "phone": "5" }));
    let company = portal.company();
    let url = format!("/crm/v4/objects/contacts/{b}/associations/default/companies/{company}");
    assert_eq!(portal.call("PUT", &url, None).0, 200);
    let pair = json!({ "primaryObjectId": a, "objectIdToMerge": b });
    let merged = portal.post(200, "/crm/v3/objects/contacts/merge", pair);
    let id = merged["id"].as_str().unwrap();
    assert!(id != a && id != b);
    for old in [&a, &b] {
        let url =
            format!("/crm/v3/objects/contacts/{old}?properties=firstname,phone,email&associations=companies");
        let read = portal.get(&url);
        assert_eq!(read["id"], id);
        assert_eq!(read["properties"]["firstname"], "A");
        assert_eq!(read["properties"]["phone"], "5");
        assert_eq!(read["associations"]["companies"]["results"][0]["id"], company);
    }
    let again = json!({ "properties": { "email": "b@m.example" } });
    let conflict = portal.post(409, "/crm/v3/objects/contacts", again);
    assert_eq!(conflict["message"], format!("Contact already exists. Existing ID: {id}"));
}

#[test]
fn a_search_lags_while_reads_do_not() {
    let portal = Portal::new();
    portal.post(200, "/_sandbox/settings", json!({ "search_lag_ms": 60_000 }));
    let id = portal.company();
    let url = format!("/crm/v3/objects/companies/{id}");
    portal.call("PATCH", &url, Some(json!({ "properties": { "city": "Lagos" } })));
    let found = || {
        let filter = json!({ "filters": [{ "propertyName": "city", "operator": "EQ", "value": "lagos" }] });
        portal.post(200, "/crm/v3/objects/companies/search", filter)["total"].as_u64().unwrap()
    };
    assert_eq!(portal.get(&format!("{url}?properties=city"))["properties"]["city"], "Lagos");
    assert_eq!(found(), 0);
    portal.sandbox.clock.advance(60_000);
    assert_eq!(found(), 1);
}

#[test]
fn limits_refuse_by_the_sandbox_clock_when_switched_on() {
    let portal = Portal::new();
    portal.post(200, "/_sandbox/settings", json!({ "limits": { "burst": 2, "search": 1 } }));
    let list = || portal.call("GET", "/crm/v3/owners", None);
    let search = || portal.call("POST", "/crm/v3/objects/deals/search", Some(json!({})));
    assert_eq!((list().0, list().0), (200, 200));
    let (status, body) = list();
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    assert_eq!((search().0, search().1["policyName"].clone()), (200, json!("SECONDLY")));
    portal.sandbox.clock.advance(1000);
    assert_eq!(search().0, 200);
    portal.sandbox.clock.advance(9000);
    assert_eq!(list().0, 200);
}

#[test]
fn a_lost_scope_is_a_403_that_names_it() {
    let portal = Portal::new();
    portal.post(200, "/_sandbox/settings", json!({ "without_scopes": ["crm.objects.deals.write"] }));
    let body = portal.post(403, "/crm/v3/objects/deals", json!({ "properties": { "dealname": "A" } }));
    assert_eq!(body["category"], "MISSING_SCOPES");
    assert_eq!(body["errors"][0]["context"]["requiredGranularScopes"], json!(["crm.objects.deals.write"]));
    portal.get("/crm/v3/objects/deals");
    portal.post(200, "/crm/v3/objects/deals/search", json!({}));
}

#[test]
fn a_workflow_writes_after_us_and_is_seen_as_its_own_source() {
    let portal = Portal::new();
    let flow = json!({
        "name": "shout", "object": "companies", "when": "city", "becomes": "Rome",
        "set": { "country": "Italy" }, "delay_ms": 5000,
    });
    portal.post(200, "/_sandbox/workflow", flow);
    let id = portal.new_record("companies", json!({ "name": "A", "city": "Rome" }));
    let url = format!("/crm/v3/objects/companies/{id}?propertiesWithHistory=country");
    assert_eq!(portal.get(&url)["properties"]["country"], Value::Null);
    portal.sandbox.clock.advance(5000);
    let read = portal.get(&url);
    assert_eq!(read["properties"]["country"], "Italy");
    assert_eq!(read["propertiesWithHistory"]["country"][0]["sourceType"], "AUTOMATION_PLATFORM");
    assert_eq!(portal.sandbox.log.since(0).last().unwrap().by, "workflow shout");
}

#[test]
fn a_new_contact_brings_its_company_when_the_portal_says_so() {
    let portal = Portal::new();
    portal.post(200, "/_sandbox/settings", json!({ "auto_companies": true }));
    let companies = |contact: &str| {
        let url = format!("/crm/v3/objects/contacts/{contact}?associations=companies");
        portal.get(&url)["associations"]["companies"]["results"][0]["id"].clone()
    };
    let first = portal.new_record("contacts", json!({ "email": "x@brandnew.example" }));
    let second = portal.new_record("contacts", json!({ "email": "y@brandnew.example" }));
    let free = portal.new_record("contacts", json!({ "email": "z@gmail.com" }));
    assert!(companies(&first).is_string());
    assert_eq!(companies(&first), companies(&second));
    assert_eq!(companies(&free), Value::Null);
}

#[test]
fn the_schema_drifts_and_owners_leave() {
    let portal = Portal::new();
    portal.post(
        200,
        "/_sandbox/property",
        json!({ "object": "deals", "name": "description", "change": "delete" }),
    );
    assert_eq!(portal.call("GET", "/crm/v3/properties/deals/description", None).0, 404);
    let body = portal.post(400, "/crm/v3/objects/deals", json!({ "properties": { "description": "x" } }));
    assert!(body["message"].as_str().unwrap().contains("PROPERTY_DOESNT_EXIST"));
    let stage = json!({ "object": "deals", "pipeline": "default", "stage": "contractsent" });
    portal.post(204, "/_sandbox/stage", stage);
    portal.post(400, "/crm/v3/objects/deals", json!({ "properties": { "dealstage": "contractsent" } }));
    let owner = portal.get("/crm/v3/owners?limit=1")["results"][0]["id"].clone();
    portal.post(200, "/_sandbox/owner", json!({ "id": owner, "active": false }));
    portal.post(400, "/crm/v3/objects/deals", json!({ "properties": { "hubspot_owner_id": owner } }));
}

#[test]
fn oauth_tokens_end_after_half_an_hour() {
    let portal = Portal::new();
    let form = "grant_type=refresh_token&client_id=any-app&client_secret=its-secret&refresh_token=some-token";
    let request = Request {
        method: "POST".into(),
        path: ["oauth", "2026-09", "token"].map(str::to_owned).to_vec(),
        body: form.as_bytes().to_vec(),
        ..Request::default()
    };
    let answer = portal.sandbox.hubspot.lock().unwrap().handle(&request);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, body["expires_in"].as_i64()), (200, Some(1800)));
    let token = body["access_token"].as_str();
    assert_eq!(portal.raw("GET", "/crm/v3/owners", None, token).status, 200);
    portal.sandbox.clock.advance(1_800_000);
    let expired = portal.raw("GET", "/crm/v3/owners", None, token);
    assert_eq!(expired.status, 401);
    assert!(String::from_utf8(expired.body).unwrap().contains("EXPIRED_AUTHENTICATION"));
}

#[test]
fn webhook_events_wait_for_their_subscriptions() {
    let portal = Portal::new();
    let wanted = json!({ "eventType": "company.propertyChange", "propertyName": "city", "active": true });
    portal.post(201, "/webhooks/v3/1000001/subscriptions", wanted);
    let id = portal.new_record("companies", json!({ "name": "A" }));
    let edit = json!({ "object": "companies", "id": id, "properties": { "city": "Oslo", "phone": "1" } });
    portal.post(200, "/_sandbox/edit", edit);
    let events = portal.get("/_sandbox/webhooks")["events"].clone();
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(events[0]["propertyValue"], "Oslo");
    assert_eq!(events[0]["changeSource"], "CRM_UI");
    assert_eq!(events[0]["objectId"].to_string(), id);
}

#[test]
fn older_calls_still_answer_in_their_own_shape() {
    let portal = Portal::new();
    let v2 = portal.get("/properties/v2/deals/properties");
    assert!(
        v2.as_array().unwrap().iter().any(|row| row["name"] == "amount" && row["readOnlyValue"] == false)
    );
    let contact = portal.new_record("contacts", json!({ "email": "old@b.example" }));
    let company = portal.company();
    let inputs = json!({ "inputs": [
        { "from": { "id": contact }, "to": { "id": company }, "type": "contact_to_company" },
    ] });
    let made = portal.post(201, "/crm/v3/associations/contacts/companies/batch/create", inputs);
    assert_eq!(made["results"].as_array().unwrap().len(), 2, "both directions");
    let rows = portal.get(&format!("/crm/v3/objects/contacts/{contact}/associations/companies"));
    assert_eq!(rows["results"][0], json!({ "id": company, "type": "contact_to_company" }));
}

#[test]
fn the_catalogue_files_are_whole() {
    let portal = Portal::new();
    let least = [("contacts", 321), ("companies", 245), ("deals", 193), ("tickets", 15), ("notes", 10)];
    for (object, least) in least {
        let rows = portal.get(&format!("/crm/v3/properties/{object}"))["results"].as_array().unwrap().clone();
        assert!(rows.len() > least, "{object}: {}", rows.len());
        assert!(rows.iter().any(|row| row["name"] == "twinmap_id" && row["hasUniqueValue"] == true));
    }
}

#[test]
fn over_http_a_dropped_answer_was_still_done() {
    use std::io::{Read as _, Write as _};
    use twinmap::sandbox::{Config, core::faults::FaultPlan, server};

    let faults = FaultPlan::parse(r#"{"rules":[{"fault":"drop_after","method":"POST","times":1}]}"#).unwrap();
    let running = server::start(&Config { faults, ..Config::default() }).unwrap();
    let send = |method: &str, path: &str, body: &str| {
        let address = running.hubspot.base_url.strip_prefix("http://").unwrap();
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            running.hubspot.token,
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let body = r#"{"properties":{"email":"once@http.example"}}"#;
    assert_eq!(send("POST", "/crm/v3/objects/contacts", body), "", "the connection ends without an answer");
    assert!(send("POST", "/crm/v3/objects/contacts", body).starts_with("HTTP/1.1 409 "));
    let answer = send("GET", "/crm/v3/owners", "");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.to_lowercase().contains("x-hubspot-ratelimit-max: 190")
    );
}
