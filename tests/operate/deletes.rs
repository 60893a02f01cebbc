//! `delete: archive`: what is deleted in one CRM goes into the other one's recycle bin, by evidence and within the guard.

use serde_json::{Value, json};

use crate::world::World;

/// The example project, with companies that follow a deletion in HubSpot.
fn archiving() -> World {
    let world = World::new();
    let rule = "delete: archive salesforce when deleted in hubspot";
    world.edit("mappings/companies.twin", "delete: ignore", rule);
    world.edit("policies/money.twin", "  deny plan when deletes > 0\n", "");
    world.json(0, &["run"]);
    world
}

fn delete_company(world: &World, id: &str) {
    let (status, answer) = world.hubspot.call("DELETE", &format!("/crm/v3/objects/companies/{id}"), None);
    assert_eq!(status, 204, "{answer}");
}

fn contacts_of(world: &World, account: &str) -> Vec<String> {
    let soql = format!("SELECT+Id+FROM+Contact+WHERE+AccountId+=+'{account}'+ORDER+BY+Id");
    let (_, found) = world.salesforce.call("GET", &format!("/services/data/v64.0/query?q={soql}"), None);
    let rows = found["records"].as_array().unwrap().iter();
    rows.map(|row| row["Id"].as_str().unwrap().to_owned()).collect()
}

fn state_of(world: &World, company: &str) -> Value {
    let links = world.json(0, &["links", "ls", "companies", "--all"]);
    let all = links["links"].as_array().unwrap();
    all.iter().find(|link| link["left"] == company).unwrap()["state"].clone()
}

#[test]
fn a_deletion_is_followed_once_the_guard_lets_it() {
    let world = archiving();
    let (company, account) = world.pair("companies");
    let people = contacts_of(&world, &account);
    assert!(people.len() > 1, "{people:?}");
    delete_company(&world, &company);

    // The example's guard lets no deletion pass, and nothing at all is written.
    world.edit_row("Account", &account, json!({ "BillingCity": "Turin" }));
    let stopped = world.run(&["run"]);
    assert_eq!(stopped.status.code(), Some(5));
    let why = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert!(why.contains("delete"), "{why}");
    assert_eq!(world.row("Account", &account)["Id"], json!(account));

    world.edit("mappings/companies.twin", "deletes 0", "deletes 5");
    // What was written within the last seconds is read once more before it is written, which no plan foretells.
    std::thread::sleep(std::time::Duration::from_millis(3_500));
    let plan = world.json(0, &["plan"]);
    let change = &plan["changes"][0];
    assert_eq!((&change["action"], &change["record"]), (&json!("delete"), &json!(account)), "{plan}");
    assert_eq!(change["reason"], "deleted in hubspot");
    let run = world.json(0, &["run"]);
    assert_eq!(run["counts"]["deleted"], 1, "{run}");
    // Every call was foretold, also the one that asks what hangs on the account.
    for system in ["hubspot", "salesforce"] {
        assert_eq!(run["calls"][system], plan["cost"][system]["calls"], "{system}: {run}");
    }
    assert_eq!(
        world.salesforce.call("GET", &format!("/services/data/v64.0/sobjects/Account/{account}"), None).0,
        404
    );
    assert_ne!(state_of(&world, &company), "live");
    // Salesforce deletes the contacts of an account along with it: they had left it before.
    for contact in &people {
        assert_eq!(world.row("Contact", contact)["AccountId"], Value::Null, "{contact}");
        assert_eq!(world.row("Contact", contact)["Id"], json!(contact));
    }
    // It is over: nothing is made anew, nothing deleted again.
    let next = world.json(0, &["run"]);
    assert_eq!((&next["counts"]["deleted"], &next["counts"]["created"]), (&json!(0), &json!(0)), "{next}");

    // Only the CRM's own recycle bin brings a record back.
    let id = run["run"].as_str().unwrap();
    let undo = world.json(0, &["undo", id, "--dry-run"]);
    assert!(
        undo["changes"]["changes"].as_array().unwrap().iter().all(|change| change["object"] == "Contact"),
        "{undo}"
    );
    assert!(undo["left_alone"][0]["why"].as_str().unwrap().contains("recycle bin"), "{undo}");
}

#[test]
fn a_deletion_on_the_other_side_and_a_record_that_is_not_shown_are_not_followed() {
    let world = archiving();
    world.edit("mappings/companies.twin", "deletes 0", "deletes 5");
    let (company, account) = world.pair("companies");
    let path = format!("/services/data/v64.0/sobjects/Account/{account}");
    assert_eq!(world.salesforce.call("DELETE", &path, None).0, 204);
    let run = world.json(0, &["run"]);
    assert_eq!((&run["counts"]["deleted"], &run["counts"]["created"]), (&json!(0), &json!(0)), "{run}");
    assert_ne!(world.company(&company, "name")["name"], Value::Null);
    assert_ne!(state_of(&world, &company), "live");
}

/// Where Salesforce says which account a contact belongs to, nothing takes it away from there: the account stays, and why.
#[test]
fn an_account_that_linked_contacts_hang_on_is_not_archived() {
    let world = archiving();
    world.edit("mappings/companies.twin", "deletes 0", "deletes 5");
    world.edit("mappings/contacts.twin", "associate company <-> AccountId", "associate company <- AccountId");
    let (company, account) = world.pair("companies");
    let people = contacts_of(&world, &account);
    delete_company(&world, &company);
    let run = world.json(3, &["run"]);
    assert_eq!(run["counts"]["deleted"], 0, "{run}");
    let failure =
        run["failures"].as_array().unwrap().iter().find(|one| one["code"] == "still-needed").unwrap();
    assert_eq!((&failure["record"], &failure["source"]), (&json!(account), &json!(company)));
    assert!(failure["message"].as_str().unwrap().contains(&people[0]), "{failure}");
    assert_eq!(contacts_of(&world, &account), people);

    // An admin moves them; the next run does what was put off.
    for contact in &people {
        world.edit_row("Contact", contact, json!({ "AccountId": null }));
    }
    let run = world.json(0, &["run"]);
    assert_eq!(run["counts"]["deleted"], 1, "{run}");
    assert_eq!(world.row("Contact", &people[0])["Id"], json!(people[0]));
}

/// With `leave: unlink` a record outside its filter is on its own; when it comes back the link goes on from where it was.
#[test]
fn a_link_ends_when_a_record_leaves_its_filter_and_comes_back_with_it() {
    let world = World::new();
    world.edit("mappings/companies.twin", "  delete: ignore\n", "  delete: ignore\n  leave: unlink\n");
    let edited = "filter hubspot: domain is set and name is set and city != \"Nowhere\"";
    world.edit("mappings/companies.twin", "filter hubspot: domain is set and name is set", edited);
    world.json(0, &["run"]);
    let (company, account) = world.pair("companies");
    let linked = |world: &World| {
        let links = world.json(0, &["links", "ls", "companies"]);
        links["links"].as_array().unwrap().iter().any(|link| link["left"] == json!(company))
    };
    let city = world.company(&company, "city")["city"].clone();

    world.edit_company(&company, json!({ "city": "Nowhere", "phone": "+390211111111" }));
    world.edit_row("Account", &account, json!({ "Phone": "+390222222222" }));
    let plan = world.json(0, &["plan"]);
    let skip = plan["skips"].as_array().unwrap().iter().find(|skip| skip["reason"] == "left").unwrap();
    assert_eq!((&skip["record"], &plan["changes"]), (&json!(company), &json!([])), "{plan}");
    world.json(0, &["run"]);
    assert!(!linked(&world));
    assert_eq!(world.row("Account", &account)["Phone"], "+390222222222");
    // The account is looked at again and finds no counterpart that takes part; none is made for it.
    world.edit_row("Account", &account, json!({ "BillingCity": "Turin" }));
    let run = world.json(0, &["run"]);
    assert_eq!((&run["counts"]["created"], &run["counts"]["updated"]), (&json!(0), &json!(0)), "{run}");
    assert!(!linked(&world));
    assert_eq!(world.company(&company, "phone")["phone"], "+390211111111");

    // Back again: the account's city is the only one that is not as agreed; of the two phones one wins.
    world.edit_company(&company, json!({ "city": city }));
    let run = world.json(0, &["run"]);
    assert_eq!(run["counts"]["created"], 0, "{run}");
    assert!(linked(&world));
    assert_eq!(world.company(&company, "city")["city"], "Turin");
    let (here, there) = (world.company(&company, "city,phone"), world.row("Account", &account));
    assert_eq!((&here["city"], &here["phone"]), (&there["BillingCity"], &there["Phone"]));
    let next = world.json(0, &["run"]);
    assert_eq!(next["counts"]["updated"], 0, "{next}");
}

/// In a run in portions the accounts have their turn before the contacts; what is archived still waits for all of them.
#[test]
fn archives_wait_for_every_portion_of_a_run() {
    let world = archiving();
    world.edit("mappings/companies.twin", "deletes 0", "deletes 5");
    let (company, account) = world.pair("companies");
    let people = contacts_of(&world, &account);
    delete_company(&world, &company);
    let run = world.json(0, &["run", "--full", "--portion", "4"]);
    assert_eq!(run["counts"]["deleted"], 1, "{run}");
    for contact in &people {
        assert_eq!(world.row("Contact", contact)["Id"], json!(contact));
    }
    let next = world.json(0, &["run"]);
    assert_eq!((&next["counts"]["deleted"], &next["counts"]["updated"]), (&json!(0), &json!(0)), "{next}");
}

#[test]
fn a_contact_goes_into_hubspots_recycle_bin_with_its_salesforce_one() {
    let world = World::new();
    world.edit("policies/money.twin", "  deny plan when deletes > 0\n", "");
    let rule = "  delete: archive hubspot when deleted in salesforce\n  guard: creates 5000, updates 50%, deletes 5, blanks 25\n";
    world.edit("mappings/contacts.twin", "  guard: creates 5000, updates 50%, deletes 0, blanks 25\n", rule);
    world.json(0, &["run"]);
    let (person, contact) = world.pair("contacts");
    assert_eq!(
        world.salesforce.call("DELETE", &format!("/services/data/v64.0/sobjects/Contact/{contact}"), None).0,
        204
    );
    let run = world.json(0, &["run"]);
    assert_eq!(run["counts"]["deleted"], 1, "{run}");
    let of = |archived: bool| format!("/crm/v3/objects/contacts/{person}?archived={archived}");
    assert_eq!(world.hubspot.call("GET", &of(false), None).0, 404);
    assert_eq!(world.hubspot.call("GET", &of(true), None).1["archived"], true);
    let next = world.json(0, &["run"]);
    assert_eq!((&next["counts"]["deleted"], &next["counts"]["created"]), (&json!(0), &json!(0)), "{next}");
}
