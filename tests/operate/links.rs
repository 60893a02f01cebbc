//! `links`: corrections by hand, and taking over from the vendors' own integration.

use serde_json::json;

use crate::world::World;

#[test]
fn a_pair_is_shown_unlinked_and_linked_again() {
    let world = World::new();
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    let name = format!("hubspot.company:{company}");
    let shown = world.json(0, &["links", "show", &name]);
    assert_eq!(shown["links"][0]["right"], json!(account));
    assert!(shown["links"][0]["bases"].as_object().unwrap().len() > 5);

    world.text(0, &["links", "unlink", &name]);
    world.text(64, &["links", "unlink", &name]);
    world.edit_company(&company, json!({ "city": "Turin" }));
    assert_eq!(world.json(0, &["run"])["counts"]["updated"], 0);

    world.text(0, &["links", "relink", "companies", &company, &account]);
    world.json(0, &["run"]);
    assert_eq!(world.row("Account", &account)["BillingCity"], "Turin");
    world.text(64, &["links", "relink", "nothing", "1", "2"]);
}

#[test]
fn ids_of_the_vendors_integration_are_adopted_and_nothing_is_made_twice() {
    let world = World::new();
    // Two records that nothing but the left-behind id joins.
    let body =
        json!({ "object": "companies", "properties": { "name": "Adopted", "domain": "adopted-a.example" } });
    let (_, company) = world.hubspot.call("POST", "/_sandbox/edit", Some(body));
    let company = company["id"].as_str().unwrap().to_owned();
    let body = json!({ "object": "Account", "fields": { "Name": "Adopted", "Website": "https://adopted-b.example" } });
    let (_, account) = world.salesforce.call("POST", "/_sandbox/create", Some(body));
    let account = account["id"].as_str().unwrap().to_owned();
    let property = json!({ "name": "salesforceaccountid", "label": "Salesforce account id", "type": "string", "fieldType": "text", "groupName": "companyinformation" });
    world.hubspot.call("POST", "/crm/v3/properties/companies", Some(property));
    world.edit_company(&company, json!({ "salesforceaccountid": account.get(..15).unwrap() }));

    let adopted = world.json(0, &["links", "adopt"]);
    assert_eq!(
        (&adopted["syncs"][0]["sync"], &adopted["syncs"][0]["adopted"]),
        (&json!("companies"), &json!(1))
    );
    let again = world.json(0, &["links", "adopt"]);
    assert_eq!((&again["syncs"][0]["adopted"], &again["syncs"][0]["known"]), (&json!(0), &json!(1)));

    let plan = world.json(0, &["plan"]);
    let made = plan["changes"].as_array().unwrap().iter().filter(|change| {
        change["action"] == "create"
            && change["source"]
                .as_str()
                .unwrap()
                .split(' ')
                .next_back()
                .is_some_and(|id| id == company || id == account)
    });
    assert_eq!(made.count(), 0);
    world.json(0, &["run"]);
    assert_eq!(world.row("Account", &account)["Website"], "https://adopted-a.example");
}

#[test]
fn records_with_one_key_are_listed_and_not_guessed() {
    let world = World::new();
    world.json(0, &["run"]);
    for name in ["Twin one", "Twin two"] {
        let body =
            json!({ "object": "Account", "fields": { "Name": name, "Website": "https://twins.example" } });
        world.salesforce.call("POST", "/_sandbox/create", Some(body));
    }
    let found = world.json(0, &["links", "ambiguous"]);
    assert_eq!(found["ambiguous"].as_array().unwrap().len(), 2);
    assert!(found["ambiguous"][0]["detail"].as_str().unwrap().contains("same key"));
}

/// HubSpot has each e-mail address once: a contact that the filter leaves out is linked, and none is made beside it.
#[test]
fn a_record_outside_the_filter_is_recognised() {
    let world = World::new();
    world.json(0, &["run"]);
    let email = "only.once@acme.example";
    let fields = json!({ "properties": { "email": email, "firstname": "Ada" } });
    let (status, made) = world.hubspot.call("POST", "/crm/v3/objects/contacts", Some(fields));
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let fields = json!({ "LastName": "Lovelace", "FirstName": "Ada", "Email": email });
    let (status, answer) =
        world.salesforce.call("POST", "/services/data/v64.0/sobjects/Contact", Some(fields));
    assert_eq!(status, 201, "{answer}");
    // The integration's user owns the Salesforce contact, and HubSpot has no such owner: that field is held.
    world.text(3, &["run"]);
    let links = world.json(0, &["links", "ls", "contacts"]);
    let link = links["links"].as_array().unwrap().iter().find(|link| link["left"] == id).unwrap();
    assert_eq!((&link["right"], &link["reason"]), (&answer["id"], &json!("matched")));
    let path = format!("/crm/v3/objects/contacts/{id}?properties=lastname");
    assert_eq!(world.hubspot.call("GET", &path, None).1["properties"]["lastname"], "Lovelace");
}
