//! Calls that do much at once, and the APIs besides REST rows: bulk jobs, graphs, trees, search, UI API, SOAP.

use serde_json::{Value, json};
use twinmap::sandbox::core::http::{Face, Request, Response};

use crate::{Client, V, client, header};

impl Client {
    fn raw(&self, method: &str, url: &str, kind: &str, text: &str) -> Response {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {}", self.sandbox.salesforce_token)),
                ("content-type".to_owned(), kind.to_owned()),
            ],
            body: text.as_bytes().to_vec(),
        };
        self.sandbox.salesforce.lock().unwrap().handle(&request)
    }

    fn ingest(&self, job: Value, csv: &str) -> (String, Value) {
        let (status, made) = self.call("POST", "/jobs/ingest", job);
        assert_eq!((status, &made["state"]), (200, &json!("Open")), "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made["contentUrl"], json!(format!("services/data/v62.0/jobs/ingest/{id}/batches")));
        assert_eq!(self.raw("PUT", &format!("{V}/jobs/ingest/{id}/batches"), "text/csv", csv).status, 201);
        let (status, closed) =
            self.call("PATCH", &format!("/jobs/ingest/{id}"), json!({"state": "UploadComplete"}));
        assert_eq!((status, &closed["state"]), (200, &json!("UploadComplete")));
        let done = self.get(&format!("/jobs/ingest/{id}"));
        (id, done)
    }

    fn csv(&self, url: &str) -> String {
        let response = self.raw("GET", &format!("{V}{url}"), "text/csv", "");
        assert_eq!(response.status, 200);
        String::from_utf8(response.body).unwrap()
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

#[test]
fn a_bulk_upsert_tells_each_record() {
    let client = client();
    client.create("Account", json!({"Name": "Old", "Twinmap_Id__c": "b1", "Phone": "1"}));
    let job = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Twinmap_Id__c",
        "contentType": "CSV", "lineEnding": "LF"});
    let csv = "Twinmap_Id__c,Name,Phone,NumberOfEmployees\nb1,New,#N/A,\nb2,\"Two, \"\"quoted\"\"\",2,7\nb3,,3,\nb4,Four,4,many\n";
    let (id, done) = client.ingest(job, csv);
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"], &done["numberRecordsFailed"]),
        (&json!("JobComplete"), &json!(4), &json!(2))
    );
    let rows = client
        .records("SELECT Name, Phone FROM Account WHERE Twinmap_Id__c IN ('b1','b2') ORDER BY Twinmap_Id__c");
    assert_eq!((&rows[0]["Name"], &rows[0]["Phone"]), (&json!("New"), &Value::Null));
    assert_eq!(rows[1]["Name"], json!("Two, \"quoted\""));
    let good = client.csv(&format!("/jobs/ingest/{id}/successfulResults"));
    let lines: Vec<&str> = good.lines().collect();
    assert_eq!(lines[0], "\"sf__Id\",\"sf__Created\",Twinmap_Id__c,Name,Phone,NumberOfEmployees");
    assert!(
        lines[1].contains("\"false\",\"b1\"") && lines[2].contains("\"true\",\"b2\",\"Two, \"\"quoted\"\"\""),
        "{good}"
    );
    let bad = client.csv(&format!("/jobs/ingest/{id}/failedResults"));
    assert!(bad.contains("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"), "{bad}");
    assert!(bad.contains("INVALID_TYPE_ON_FIELD_IN_RECORD"), "{bad}");
    assert_eq!(client.csv(&format!("/jobs/ingest/{id}/unprocessedrecords")).lines().count(), 1);
    assert_eq!(client.call("DELETE", &format!("/jobs/ingest/{id}"), Value::Null).0, 204);
    assert_eq!(client.call("GET", &format!("/jobs/ingest/{id}"), Value::Null).0, 404);
}

#[test]
fn bulk_jobs_link_parents_take_time_and_fail_as_a_whole() {
    let client = client();
    client.create("Account", json!({"Name": "P", "Twinmap_Id__c": "p1"}));
    let job = |object: &str, operation: &str| json!({"object": object, "operation": operation});
    let (_, done) = client.ingest(job("Contact", "insert"), "LastName,Account.Twinmap_Id__c\nKid,p1\n");
    assert_eq!(done["numberRecordsFailed"], json!(0));
    let kid = client.records("SELECT Id, Account.Name FROM Contact WHERE LastName = 'Kid'")[0].clone();
    assert_eq!(kid["Account"]["Name"], json!("P"));
    let (_, done) = client.ingest(job("Contact", "insert"), "LastName,Nope__c\nx,1\n");
    assert_eq!(
        (&done["state"], &done["errorMessage"]),
        (&json!("Failed"), &json!("InvalidBatch : Field name not found : Nope__c"))
    );
    let set = client.send("POST", "/_sandbox/settings", &[], &json!({"bulk_ms": 30_000}));
    assert_eq!(set.status, 200);
    let (id, waiting) =
        client.ingest(job("Contact", "hardDelete"), &format!("Id\n{}\n", kid["Id"].as_str().unwrap()));
    assert_eq!(waiting["state"], json!("InProgress"));
    client.sandbox.clock.advance(30_000);
    assert_eq!(client.get(&format!("/jobs/ingest/{id}"))["state"], json!("JobComplete"));
    assert_eq!(client.get("/queryAll?q=SELECT+Id+FROM+Contact+WHERE+LastName='Kid'")["totalSize"], json!(0));
    assert_eq!(client.refused("POST", "/jobs/ingest", job("Nope", "insert")).0, 400);
    assert_eq!(client.refused("POST", "/jobs/ingest", job("Account", "upsert")).0, 400);
}

#[test]
fn a_bulk_query_gives_pages_of_csv() {
    let client = client();
    let total = client.get("/query?q=SELECT+COUNT()+FROM+Account")["totalSize"].as_u64().unwrap() as usize;
    let query = json!({"operation": "query", "query": "SELECT id, Name, Owner.Email, SystemModstamp FROM Account ORDER BY Id"});
    let (status, job) = client.call("POST", "/jobs/query", query);
    assert_eq!((status, &job["state"]), (200, &json!("UploadComplete")));
    let id = job["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/jobs/query/{id}"))["numberRecordsProcessed"], json!(total));
    let (mut url, mut lines) = (format!("{V}/jobs/query/{id}/results?maxRecords=20"), 0);
    loop {
        let page = client.raw("GET", &url, "", "");
        let body = text(&page);
        assert!(body.starts_with("\"Id\",\"Name\",\"Owner.Email\",\"SystemModstamp\"\n"), "{body}");
        assert!(body.lines().nth(1).unwrap().ends_with(".000Z\""));
        lines += body.lines().count() - 1;
        match header(&page, "sforce-locator").unwrap() {
            "null" => break,
            locator => url = format!("{V}/jobs/query/{id}/results?maxRecords=20&locator={locator}"),
        }
    }
    assert_eq!(lines, total);
    for refused in [
        "SELECT BillingAddress FROM Account",
        "SELECT COUNT() FROM Account",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
    ] {
        let (status, answer) =
            client.call("POST", "/jobs/query", json!({"operation": "query", "query": refused}));
        assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("API_ERROR")), "{refused}");
    }
}

#[test]
fn each_graph_is_all_or_none() {
    let client = client();
    let account = |name: &str| json!({"method": "POST", "url": format!("{V}/sobjects/Account"), "referenceId": "a", "body": {"Name": name}});
    let contact = |last: Value| {
        json!({"method": "POST", "url": format!("{V}/sobjects/Contact"), "referenceId": "c",
            "body": {"LastName": last, "AccountId": "@{a.id}"}})
    };
    let graphs = json!({"graphs": [
        {"graphId": "1", "compositeRequest": [account("Graph 1"), contact(json!("G1"))]},
        {"graphId": "2", "compositeRequest": [account("Graph 2"), contact(Value::Null)]}]});
    let (status, answer) = client.call("POST", "/composite/graph", graphs);
    assert_eq!(status, 200);
    let graph = |n: usize| answer["graphs"][n].clone();
    assert_eq!(
        (graph(0)["isSuccessful"].clone(), graph(1)["isSuccessful"].clone()),
        (json!(true), json!(false))
    );
    assert_eq!(graph(0)["graphResponse"]["compositeResponse"][1]["httpStatusCode"], json!(201));
    assert_eq!(
        client.records("SELECT Account.Name FROM Contact WHERE LastName = 'G1'")[0]["Account"]["Name"],
        json!("Graph 1")
    );
    assert!(client.records("SELECT Id FROM Account WHERE Name = 'Graph 2'").is_empty());
    let query = json!({"graphs": [{"graphId": "1", "compositeRequest": [
        {"method": "GET", "url": format!("{V}/query?q=SELECT+Id+FROM+Account"), "referenceId": "q"}]}]});
    assert_eq!(client.call("POST", "/composite/graph", query).0, 400);
}

#[test]
fn a_tree_is_planted_whole_or_not_at_all() {
    let client = client();
    let node = |kind: &str, reference: &str| json!({"type": kind, "referenceId": reference});
    let tree = |last: Value| {
        json!({"records": [{"attributes": node("Account", "r1"), "Name": "Tree", "Contacts": {"records": [
            {"attributes": node("Contact", "r2"), "LastName": "Leaf"},
            {"attributes": node("Contact", "r3"), "LastName": last}]}}]})
    };
    let (status, answer) = client.call("POST", "/composite/tree/Account", tree(Value::Null));
    assert_eq!((status, &answer["hasErrors"]), (400, &json!(true)));
    assert_eq!(answer["results"][0]["referenceId"], json!("r3"));
    assert!(client.records("SELECT Id FROM Account WHERE Name = 'Tree'").is_empty());
    let (status, answer) = client.call("POST", "/composite/tree/Account", tree(json!("Twig")));
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (201, 3));
    assert_eq!(client.records("SELECT Id FROM Contact WHERE Account.Name = 'Tree'").len(), 2);
}

#[test]
fn searches_find_words() {
    let client = client();
    let id = client.create("Contact", json!({"LastName": "Wiesengrund", "Email": "theo@frankfurt.example"}));
    let find = |q: &str| {
        let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        client.call("GET", &format!("/search?q={q}"), Value::Null)
    };
    let (_, found) = find(
        "FIND {wiesen*} IN ALL FIELDS RETURNING Contact(Id, LastName WHERE Email != null LIMIT 5), Lead",
    );
    assert_eq!(found["searchRecords"].as_array().unwrap().len(), 1);
    assert_eq!(found["searchRecords"][0]["LastName"], json!("Wiesengrund"));
    assert_eq!(
        find("FIND {frankfurt} IN EMAIL FIELDS RETURNING Contact").1["searchRecords"][0]["Id"],
        json!(id)
    );
    assert_eq!(find("FIND {frankfurt} IN NAME FIELDS RETURNING Contact").1["searchRecords"], json!([]));
    assert_eq!(find("FIND Acme").1[0]["errorCode"], json!("MALFORMED_SEARCH"));
    let by_params = client.get("/parameterizedSearch?q=Wiesengrund&sobject=Contact&Contact.fields=Id,Email");
    assert_eq!(by_params["searchRecords"][0]["Email"], json!("theo@frankfurt.example"));
}

#[test]
fn record_types_and_controllers_limit_picklists() {
    let client = client();
    let object = client.get("/ui-api/object-info/Opportunity/picklist-values/0125g000000AAAB");
    let stages = object["picklistFieldValues"]["StageName"]["values"].as_array().unwrap();
    assert_eq!(stages.len(), 5);
    let add = json!({"object": "Account", "name": "Branch__c", "change": "add", "type": "Picklist",
        "options": ["Retail", "Farm"], "controller": "Rating", "allowed": {"Hot": ["Retail"], "Cold": ["Farm", "Retail"]}});
    assert_eq!(client.send("POST", "/_sandbox/field", &[], &add).status, 200);
    let list = client.get("/ui-api/object-info/Account/picklist-values/012000000000000AAA/Branch__c");
    let controllers = list["controllerValues"].clone();
    assert_eq!(list["values"][0]["validFor"], json!([controllers["Hot"], controllers["Cold"]]));
    assert_eq!(list["values"][1]["validFor"], json!([controllers["Cold"]]));
    let describe = client.get("/sobjects/Account/describe");
    let field = describe["fields"].as_array().unwrap().iter().find(|f| f["name"] == "Branch__c").unwrap();
    assert_eq!((&field["controllerName"], &field["dependentPicklist"]), (&json!("Rating"), &json!(true)));
}

#[test]
fn soap_signs_in_and_converts() {
    let client = client();
    let call = |body: &str, session: &str| {
        let text = format!(
            "<?xml version=\"1.0\"?><env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns=\"urn:partner.soap.sforce.com\"><env:Header><SessionHeader><sessionId>{session}</sessionId>\
             </SessionHeader></env:Header><env:Body>{body}</env:Body></env:Envelope>"
        );
        let response = client.raw("POST", "/services/Soap/u/62.0", "text/xml", &text);
        (response.status, String::from_utf8(response.body).unwrap())
    };
    let part = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    let login = |name: &str| format!("<login><username>{name}</username><password>p</password></login>");
    let (status, answer) = call(&login("nobody@x.example"), "");
    assert_eq!(status, 500);
    assert!(answer.contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"));
    let (status, answer) = call(&login("integration@twinmap.example.sandbox"), "");
    assert_eq!(status, 200);
    let session = part(&answer, "sessionId");
    let lead = client.create("Lead", json!({"LastName": "Soap", "Company": "Lye & Co"}));
    let convert = format!(
        "<convertLead><leadConverts><convertedStatus>Closed - Converted</convertedStatus>\
         <doNotCreateOpportunity>true</doNotCreateOpportunity><leadId>{lead}</leadId></leadConverts></convertLead>"
    );
    assert_eq!(call(&convert, "wrong").0, 500);
    let (status, answer) = call(&convert, &session);
    assert_eq!((status, part(&answer, "success")), (200, "true".to_owned()));
    let account = part(&answer, "accountId");
    assert_eq!(client.get(&format!("/sobjects/Account/{account}"))["Name"], json!("Lye & Co"));
    assert!(call(&convert, &session).1.contains("CANNOT_UPDATE_CONVERTED_LEAD"));
    assert!(call("<nope/>", &session).1.contains("is not simulated"));
    assert_eq!(client.raw("POST", "/services/Soap/u/62.0", "text/xml", "no xml").status, 500);
}
