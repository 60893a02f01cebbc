//! Rules for making records that ask beyond the record at hand.

use serde_json::{Value, json};

use crate::world::World;

fn new(world: &World, object: &str, properties: Value) -> String {
    let body = json!({ "object": object, "properties": properties });
    let (status, answer) = world.hubspot.call("POST", "/_sandbox/edit", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// B94, B95, B97: an account is made for a company with a contact in the inclusion list, and for no other.
#[test]
fn a_company_gets_an_account_when_a_contact_is_in_the_inclusion_list() {
    let world = World::new();
    let body = json!({ "name": "Inclusion", "objectTypeId": "0-1", "processingType": "MANUAL" });
    let (status, made) = world.hubspot.call("POST", "/crm/v3/lists", Some(body));
    assert!(status < 300, "{made}");
    let list = made["list"]["listId"].as_str().unwrap().to_owned();
    world.edit(
        "mappings/companies.twin",
        "create salesforce: always",
        "create salesforce: any contact (in_list(\"Inclusion\"))",
    );
    world.text(0, &["schema", "pull"]);
    world.run(&["run"]);

    let company = |name: &str| {
        let domain = format!("{name}.example");
        new(&world, "companies", json!({ "name": name, "domain": domain, "hubspot_owner_id": "70000001" }))
    };
    let (alone, outside, inside) = (company("alone"), company("outside"), company("inside"));
    let contact = |at: &str| {
        let email = format!("kim@{at}.example");
        new(&world, "contacts", json!({ "email": email, "hubspot_owner_id": "70000001" }))
    };
    let (stranger, member) = (contact("outside"), contact("inside"));
    for (contact, company) in [(&stranger, &outside), (&member, &inside)] {
        let body = json!({ "object": "contacts", "id": contact, "toObject": "companies", "toId": company });
        let (status, answer) = world.hubspot.call("POST", "/_sandbox/associate", Some(body));
        assert_eq!(status, 200, "{answer}");
    }
    let add = format!("/crm/v3/lists/{list}/memberships/add");
    let (status, answer) = world.hubspot.call("PUT", &add, Some(json!([member])));
    assert!(status < 300, "{answer}");

    let plan = world.json(0, &["plan"]);
    let made: Vec<&str> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"] == "create" && change["object"] == "Account")
        .map(|change| change["source"].as_str().unwrap())
        .collect();
    assert_eq!(made, [format!("hubspot.company {inside}")]);
    for skipped in [alone, outside] {
        let why = world.text(0, &["why", &format!("hubspot.company:{skipped}")]);
        assert!(why.contains("create-rule"), "{why}");
    }
}
