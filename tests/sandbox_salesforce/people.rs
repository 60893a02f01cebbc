//! What people and admins of the org do: conversion, merges, rules, permissions, schema drift, workflows.

use serde_json::{Value, json};

use crate::{Client, client};

impl Client {
    fn admin(&self, call: &str, sent: Value) -> Value {
        let response = self.send("POST", &format!("/_sandbox/{call}"), &[], &sent);
        assert_eq!(response.status, 200, "{call}: {}", String::from_utf8_lossy(&response.body));
        crate::body(&response)
    }

    fn one(&self, soql: &str) -> Value {
        let records = self.records(soql);
        assert_eq!(records.len(), 1, "{soql}");
        records[0].clone()
    }
}

#[test]
fn a_converted_lead_becomes_three_records_and_is_read_only() {
    let client = client();
    let lead =
        client.create("Lead", json!({"LastName": "Berg", "Company": "Berg AG", "Email": "b@berg.example"}));
    let made = client.admin("convert", json!({"lead": lead}));
    let row = client.one(&format!(
        "SELECT Status, IsConverted, ConvertedContactId, ConvertedAccountId FROM Lead WHERE Id = '{lead}'"
    ));
    assert_eq!((&row["IsConverted"], &row["Status"]), (&json!(true), &json!("Closed - Converted")));
    assert_eq!(row["ConvertedContactId"], made["contactId"]);
    let contact = client.one("SELECT Id, LastName, Account.Name FROM Contact WHERE Email = 'b@berg.example'");
    assert_eq!((&contact["Id"], &contact["Account"]["Name"]), (&made["contactId"], &json!("Berg AG")));
    let id = made["opportunityId"].as_str().unwrap();
    let deal = client.one(&format!("SELECT StageName, AccountId FROM Opportunity WHERE Id = '{id}'"));
    assert_eq!((&deal["StageName"], &deal["AccountId"]), (&json!("Prospecting"), &made["accountId"]));
    let roles =
        client.records(&format!("SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId = '{id}'"));
    assert_eq!(roles[0]["ContactId"], made["contactId"]);
    let refused = client.refused("PATCH", &format!("/sobjects/Lead/{lead}"), json!({"Title": "CEO"}));
    assert_eq!(refused, (400, "CANNOT_UPDATE_CONVERTED_LEAD".to_owned()));
    let again = client.send("POST", "/_sandbox/convert", &[], &json!({"lead": lead}));
    assert_eq!(again.status, 400);
    let other = client.create("Lead", json!({"LastName": "Ohne", "Company": "Ohne"}));
    let made = client.admin("convert", json!({"lead": other, "opportunity": false}));
    assert_eq!(made["opportunityId"], Value::Null);
}

#[test]
fn a_merge_moves_what_hung_on_the_loser() {
    let client = client();
    let (master, loser) =
        (client.create("Account", json!({"Name": "A"})), client.create("Account", json!({"Name": "B"})));
    let contact = client.create("Contact", json!({"LastName": "C", "AccountId": loser}));
    client.admin(
        "merge",
        json!({"object": "Account", "master": master, "losers": [loser], "fields": {"Phone": "1"}}),
    );
    let row = client.one(&format!("SELECT AccountId, Account.Phone FROM Contact WHERE Id = '{contact}'"));
    assert_eq!((&row["AccountId"], &row["Account"]["Phone"]), (&json!(master), &json!("1")));
    let (status, answer) = client.call(
        "GET",
        &format!("/queryAll?q=SELECT+IsDeleted,MasterRecordId+FROM+Account+WHERE+Id='{loser}'"),
        Value::Null,
    );
    assert_eq!(status, 200);
    assert_eq!(
        (&answer["records"][0]["IsDeleted"], &answer["records"][0]["MasterRecordId"]),
        (&json!(true), &json!(master))
    );
    let back = client.send("POST", "/_sandbox/undelete", &[], &json!({"object": "Account", "id": loser}));
    assert_eq!(back.status, 400);
}

#[test]
fn the_recycle_bin_gives_back_until_it_is_emptied_or_its_time_is_over() {
    let client = client();
    let account = client.create("Account", json!({"Name": "A"}));
    let contact = client.create("Contact", json!({"LastName": "C", "AccountId": account}));
    client.call("DELETE", &format!("/sobjects/Account/{account}"), Value::Null);
    assert_eq!(client.refused("GET", &format!("/sobjects/Contact/{contact}"), Value::Null).0, 404);
    client.admin("undelete", json!({"object": "Account", "id": account}));
    assert_eq!(client.get(&format!("/sobjects/Contact/{contact}"))["AccountId"], json!(account));
    let all = |client: &Client| {
        let (_, found) = client.call(
            "GET",
            &format!("/queryAll?q=SELECT+Id+FROM+Account+WHERE+Id='{account}'"),
            Value::Null,
        );
        found["totalSize"].clone()
    };
    client.call("DELETE", &format!("/sobjects/Account/{account}"), Value::Null);
    client.sandbox.clock.advance(14 * 86_400_000);
    assert_eq!(all(&client), json!(1));
    client.sandbox.clock.advance(2 * 86_400_000);
    assert_eq!(all(&client), json!(0));
    let other = client.create("Account", json!({"Name": "B"}));
    client.call("DELETE", &format!("/sobjects/Account/{other}"), Value::Null);
    assert_eq!(client.admin("purge", json!({"id": other}))["purged"], json!(1));
    assert_eq!(
        client.refused("DELETE", &format!("/sobjects/Account/{other}"), Value::Null),
        (404, "NOT_FOUND".to_owned())
    );
}

#[test]
fn validation_rules_refuse_with_the_admins_words() {
    let client = client();
    let rule = json!({"name": "Fax", "object": "Account", "when": "Industry = 'Banking' AND Fax = null",
        "message": "Banks have a fax", "field": "Fax"});
    client.admin("validation", rule);
    let (status, answer) =
        client.call("POST", "/sobjects/Account", json!({"Name": "A", "Industry": "Banking"}));
    let want = json!([{"message": "Banks have a fax", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Fax"]}]);
    assert_eq!((status, answer), (400, want));
    let id = client.create("Account", json!({"Name": "A", "Industry": "Banking", "Fax": "1"}));
    assert_eq!(
        client.refused("PATCH", &format!("/sobjects/Account/{id}"), json!({"Fax": null})).1,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    );
    assert_eq!(client.get(&format!("/sobjects/Account/{id}"))["Fax"], json!("1"));
    let wrong = json!({"name": "x", "object": "Account", "when": "Nope = 1", "message": "m"});
    assert_eq!(client.send("POST", "/_sandbox/validation", &[], &wrong).status, 400);
    assert_eq!(client.send("DELETE", "/_sandbox/rules", &[], &Value::Null).status, 200);
    client.create("Account", json!({"Name": "B", "Industry": "Banking"}));
}

#[test]
fn duplicate_rules_name_the_records_and_an_alert_can_be_saved() {
    let client = client();
    let first = client.create("Contact", json!({"LastName": "A", "Email": "twin@x.example"}));
    client.admin(
        "duplicates",
        json!({"name": "Contacts_DR", "object": "Contact", "fields": ["Email"], "action": "alert"}),
    );
    let twin = json!({"LastName": "B", "Email": "Twin@x.example"});
    let (status, answer) = client.call("POST", "/sobjects/Contact", twin.clone());
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("DUPLICATES_DETECTED")));
    let detail = &answer[0]["duplicateResut"];
    assert_eq!(detail["allowSave"], json!(true));
    assert_eq!(detail["matchResults"][0]["matchRecords"][0]["record"]["Id"], json!(first));
    let records =
        json!({"records": [{"attributes": {"type": "Contact"}, "LastName": "B", "Email": "twin@x.example"}]});
    let (_, items) = client.call("POST", "/composite/sobjects", records);
    assert_eq!(items[0]["errors"][0]["statusCode"], json!("DUPLICATES_DETECTED"));
    let saved = client.send(
        "POST",
        &format!("{}/sobjects/Contact", crate::V),
        &[("sforce-duplicate-rule-header", "allowSave=true")],
        &twin,
    );
    assert_eq!(saved.status, 201);
    client.admin(
        "duplicates",
        json!({"name": "Contacts_DR", "object": "Contact", "fields": ["Email"], "action": "block"}),
    );
    let blocked = client.send(
        "POST",
        &format!("{}/sobjects/Contact", crate::V),
        &[("sforce-duplicate-rule-header", "allowSave=true")],
        &twin,
    );
    assert_eq!(blocked.status, 400);
}

#[test]
fn a_hidden_field_is_missing_everywhere_and_a_read_only_one_can_not_be_written() {
    let client = client();
    let id = client.create("Account", json!({"Name": "A", "Fax": "1", "Site": "s"}));
    client.admin("permission", json!({"object": "Account", "field": "Fax", "access": "none"}));
    client.admin("permission", json!({"object": "Account", "field": "Site", "access": "read"}));
    let describe = client.get("/sobjects/Account/describe");
    let field = |name: &str| {
        describe["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned()
    };
    assert_eq!(field("Fax"), None);
    assert_eq!(field("Site").unwrap()["updateable"], json!(false));
    assert_eq!(client.soql("SELECT Fax FROM Account").1[0]["errorCode"], json!("INVALID_FIELD"));
    assert_eq!(client.get(&format!("/sobjects/Account/{id}")).get("Fax"), None);
    assert_eq!(
        client.refused("PATCH", &format!("/sobjects/Account/{id}"), json!({"Fax": "2"})).1,
        "INVALID_FIELD"
    );
    let refused = client.refused("PATCH", &format!("/sobjects/Account/{id}"), json!({"Site": "2"}));
    assert_eq!(refused.1, "INVALID_FIELD_FOR_INSERT_UPDATE");
    // A person still sees and changes it.
    client.admin("edit", json!({"object": "Account", "id": id, "fields": {"Fax": "3"}}));
    client.admin("permission", json!({"object": "Account", "field": "Fax", "access": "edit"}));
    assert_eq!(client.get(&format!("/sobjects/Account/{id}"))["Fax"], json!("3"));
    client.admin("permission", json!({"object": "Lead", "access": "none"}));
    assert_eq!(client.soql("SELECT Id FROM Lead").1[0]["errorCode"], json!("INVALID_TYPE"));
    assert_eq!(client.call("GET", "/sobjects/Lead/describe", Value::Null).0, 404);
    client.admin("permission", json!({"object": "Account", "access": "read"}));
    assert_eq!(
        client.refused("POST", "/sobjects/Account", json!({"Name": "x"})),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY".to_owned())
    );
    let name = json!({"object": "Account", "field": "Name", "access": "none"});
    assert_eq!(client.send("POST", "/_sandbox/permission", &[], &name).status, 400);
}

#[test]
fn the_schema_drifts_and_custom_objects_live() {
    let client = client();
    let before = client.send("GET", &format!("{}/sobjects/Account/describe", crate::V), &[], &Value::Null);
    let stamp = crate::header(&before, "last-modified").unwrap().to_owned();
    let add = json!({"object": "Account", "name": "Tier__c", "change": "add", "type": "Picklist",
        "options": ["A", "B"], "restricted": true});
    client.admin("field", add);
    let since = [("if-modified-since", stamp.as_str())];
    let after = client.send("GET", &format!("{}/sobjects/Account/describe", crate::V), &since, &Value::Null);
    assert_eq!(after.status, 200);
    let id = client.create("Account", json!({"Name": "A", "Tier__c": "A"}));
    assert_eq!(
        client.refused("POST", "/sobjects/Account", json!({"Name": "A", "Tier__c": "C"})).1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    client.admin(
        "field",
        json!({"object": "Account", "name": "Tier__c", "change": "options", "options": ["C"]}),
    );
    client.create("Account", json!({"Name": "B", "Tier__c": "C"}));
    client.admin("field", json!({"object": "Account", "name": "Tier__c", "change": "delete"}));
    assert_eq!(client.soql("SELECT Tier__c FROM Account").0, 400);
    assert_eq!(client.get(&format!("/sobjects/Account/{id}")).get("Tier__c"), None);
    let object = json!({"name": "Visit__c", "label": "Visit", "fields": [
        {"name": "Account__c", "type": "Lookup", "referenceTo": "Account", "relationshipName": "Visits"},
        {"name": "Length__c", "type": "Number", "precision": 5, "scale": 1}]});
    client.admin("object", object);
    let visit = client.create("Visit__c", json!({"Name": "V", "Account__c": id, "Length__c": 2.25}));
    let row = client.one(&format!("SELECT Length__c, Account__r.Name FROM Visit__c WHERE Id = '{visit}'"));
    assert_eq!((&row["Length__c"], &row["Account__r"]["Name"]), (&json!(2.3), &json!("A")));
    let children = client.one(&format!("SELECT (SELECT Name FROM Visits__r) FROM Account WHERE Id = '{id}'"));
    assert_eq!(children["Visits__r"]["totalSize"], json!(1));
    assert!(client.get("/sobjects")["sobjects"].as_array().unwrap().iter().any(|o| o["name"] == "Visit__c"));
    client.admin("stage", json!({"stage": "Prospecting"}));
    let active = client.records("SELECT ApiName FROM OpportunityStage WHERE IsActive = true");
    assert_eq!(active.len(), 9);
}

#[test]
fn workflows_run_in_the_write_or_later() {
    let client = client();
    let flow = |name: &str, delay: i64| {
        json!({"name": name, "object": "Account", "when": "Industry", "becomes": "Banking",
            "set": {"Rating": "Hot"}, "delay_ms": delay, "times": 1})
    };
    client.admin("workflow", flow("now", 0));
    let id = client.create("Account", json!({"Name": "A", "Industry": "Banking"}));
    assert_eq!(client.get(&format!("/sobjects/Account/{id}"))["Rating"], json!("Hot"));
    let second = client.create("Account", json!({"Name": "B", "Industry": "Banking"}));
    assert_eq!(client.get(&format!("/sobjects/Account/{second}"))["Rating"], Value::Null);
    client.admin("workflow", flow("later", 60_000));
    let third = client.create("Account", json!({"Name": "C", "Industry": "Banking"}));
    assert_eq!(client.get(&format!("/sobjects/Account/{third}"))["Rating"], Value::Null);
    client.sandbox.clock.advance(60_000);
    let row = client.get(&format!("/sobjects/Account/{third}"));
    assert_eq!(row["Rating"], json!("Hot"));
    assert!(row["LastModifiedDate"].as_str() > row["CreatedDate"].as_str());
}

#[test]
fn limits_sessions_and_clocks_are_set_by_admins() {
    let client = client();
    client.admin("settings", json!({"daily": {"max": 100, "remaining": 2}}));
    assert_eq!(client.get("/limits")["DailyApiRequests"], json!({"Max": 100, "Remaining": 1}));
    client.get("/limits");
    assert_eq!(client.refused("GET", "/limits", Value::Null), (403, "REQUEST_LIMIT_EXCEEDED".to_owned()));
    client.sandbox.clock.advance(25 * 3_600_000);
    client.get("/limits");
    client.admin("settings", json!({"skew_ms": 600_000, "late_stamp_ms": 5_000}));
    let ahead = client.send("GET", &format!("{}/limits", crate::V), &[], &Value::Null);
    assert!(crate::header(&ahead, "date").is_some());
    client.admin("expire", json!({}));
    assert_eq!(client.refused("GET", "/limits", Value::Null), (401, "INVALID_SESSION_ID".to_owned()));
    let wrong = client.send("POST", "/_sandbox/settings", &[], &json!({"dayly": 1}));
    assert_eq!(wrong.status, 400);
}

#[test]
fn the_tooling_api_makes_fields_that_a_permission_set_shows() {
    let client = client();
    let metadata = json!({"type": "Picklist", "label": "Tier", "valueSet": {"restricted": true,
        "valueSetDefinition": {"sorted": false, "value": [{"fullName": "Gold", "default": false, "label": "Gold"}]}}});
    let field = json!({"FullName": "Account.Tier__c", "Metadata": metadata});
    let (status, made) = client.call("POST", "/tooling/sobjects/CustomField", field.clone());
    assert_eq!((status, &made["success"]), (201, &json!(true)));
    let again = client.refused("POST", "/tooling/sobjects/CustomField", field);
    assert_eq!(again.1, "DUPLICATE_DEVELOPER_NAME");
    assert_eq!(client.soql("SELECT Tier__c FROM Account").0, 400);
    let set = client.create("PermissionSet", json!({"Name": "T", "Label": "T"}));
    let me = client.records("SELECT Id FROM User WHERE Username LIKE 'integration%'")[0]["Id"].clone();
    let grant = json!({"ParentId": set, "SobjectType": "Account", "Field": "Account.Tier__c",
        "PermissionsRead": true, "PermissionsEdit": false});
    let grant = client.create("FieldPermissions", grant);
    assert_eq!(client.soql("SELECT Tier__c FROM Account").0, 400);
    client.create("PermissionSetAssignment", json!({"AssigneeId": me, "PermissionSetId": set}));
    assert_eq!(client.soql("SELECT Tier__c FROM Account").0, 200);
    let refused = client.refused("POST", "/sobjects/Account", json!({"Name": "A", "Tier__c": "Gold"}));
    assert_eq!(refused.1, "INVALID_FIELD_FOR_INSERT_UPDATE");
    client.call("PATCH", &format!("/sobjects/FieldPermissions/{grant}"), json!({"PermissionsEdit": true}));
    client.create("Account", json!({"Name": "A", "Tier__c": "Gold"}));
    let found =
        client.get("/tooling/query?q=SELECT+Id,DeveloperName+FROM+CustomField+WHERE+TableEnumOrId='Account'");
    assert_eq!(found["records"][0]["DeveloperName"], json!("Tier"));
    assert_eq!(client.soql("SELECT Id FROM CustomField").0, 400);
    let id = made["id"].as_str().unwrap();
    assert_eq!(client.call("DELETE", &format!("/tooling/sobjects/CustomField/{id}"), Value::Null).0, 204);
    assert_eq!(client.soql("SELECT Tier__c FROM Account").0, 400);
}
