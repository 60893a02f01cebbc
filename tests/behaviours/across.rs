//! Associations, and what holds across the integrations.

use serde_json::json;

use crate::registry::behaviours;
use crate::support::World;
use crate::world::{COMPANIES, DEALS, PEOPLE};

behaviours! {
    [83] "What an account can't do is an error of `check` by the account's own snapshot: Salesforce editions without an API, objects and fields that the user may not write."
        differs "HubSpot editions are not asked for: the API is open to all of them." => editions_are_preflight_errors;
    [127] "Deal-company, deal-contact (contact roles) and contact-company are made both ways, in the run that makes the records and after them."
        => associations_are_made_in_the_same_run;
    [128] "`show` has a line of associations for every sync, `none` where there are none." => show_lists_the_associations;
    [132] "`start: new` or `start: all`, per sync." => both_ways_to_start;
    [133] "Accounts by `match` keys, deals by `match: none`, in one program." => accounts_are_deduplicated_and_deals_are_not;
}

fn whole() -> String {
    let deals = DEALS.replace(
        "  map {",
        "  associate company <-> AccountId through companies primary\n  \
         associate contact <-> OpportunityContactRole.ContactId through people\n  map {",
    );
    format!("{COMPANIES}{PEOPLE}{deals}")
}

fn editions_are_preflight_errors() {
    let world = World::empty(COMPANIES);
    let account = |edition: &str| {
        let answer = json!({ "records": [{ "Id": "00D5g000004TWINEA4", "OrganizationType": edition, "TimeZoneSidKey": "UTC" }] });
        std::fs::write(world.path("org.json"), answer.to_string()).unwrap();
        world.told(0, &["schema", "import", "salesforce", "org.json", "--kind", "account"]);
    };
    account("Team Edition");
    let told = world.told(1, &["run"]);
    assert!(told.contains("E562") && told.contains("Team Edition"), "{told}");
    account("Enterprise Edition");
    world.told(0, &["check"]);
    world.salesforce_admin("permission", json!({ "object": "Account", "access": "read" }));
    world.told(0, &["schema", "pull", "salesforce"]);
    let told = world.told(1, &["check"]);
    assert!(told.contains("E562") && told.contains("salesforce.Account"), "{told}");
}

fn associations_are_made_in_the_same_run() {
    let world = World::empty(&whole());
    let company = world.company("Alfa");
    let rossi = world.contact("Rossi", "Alfa");
    let deal = world.hubspot(
        "deals",
        json!({ "dealname": "Here", "pipeline": "default", "dealstage": "qualifiedtobuy", "closedate": "2026-12-31T00:00:00Z" }),
    );
    world.associate("contacts", &rossi, "companies", &company);
    world.associate("deals", &deal, "companies", &company);
    world.associate("deals", &deal, "contacts", &rossi);
    let account = world.account("Beta");
    let verdi = world.salesforce(
        "Contact",
        json!({ "LastName": "Verdi", "Email": "verdi@beta.example", "AccountId": account }),
    );
    let there = world.salesforce(
        "Opportunity",
        json!({ "Name": "There", "StageName": "Qualification", "CloseDate": "2026-12-31", "AccountId": account }),
    );
    world.salesforce(
        "OpportunityContactRole",
        json!({ "OpportunityId": there, "ContactId": verdi, "Role": "Decision Maker" }),
    );
    let report = world.sync();
    assert_eq!(
        (&report["counts"]["created"], &report["counts"]["failed"]),
        (&json!(6), &json!(0)),
        "{report}"
    );
    let made = world.one("SELECT Id, AccountId, Account.Name FROM Opportunity WHERE Name = 'Here'");
    let person = world.one("SELECT Id, AccountId FROM Contact WHERE LastName = 'Rossi'");
    assert_eq!(made["Account"]["Name"], "Alfa");
    assert_eq!(person["AccountId"], made["AccountId"]);
    let role = world.one(&format!(
        "SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId = '{}'",
        made["Id"].as_str().unwrap()
    ));
    assert_eq!(role["ContactId"], person["Id"]);
    let named = |object: &str, name: &str, value: &str| {
        let all = world.objects(object, name, "contacts");
        let found = all.iter().find(|one| one["properties"][name] == value).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let (deal, beta, contact) = (
        named("deals", "dealname", "There"),
        named("companies", "name", "Beta"),
        named("contacts", "lastname", "Verdi"),
    );
    assert_eq!(world.associated("deals", &deal, "companies"), [beta.as_str()]);
    assert_eq!(world.associated("deals", &deal, "contacts"), [contact.as_str()]);
    assert_eq!(world.associated("contacts", &contact, "companies"), [beta.as_str()]);
    assert_eq!(world.plan()["changes"], json!([]), "and that is all");
}

fn show_lists_the_associations() {
    let world = World::empty(&whole());
    let shown = world.told(0, &["show"]);
    let plain = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain.contains(
            "hubspot.deal.company <-> salesforce.Opportunity.AccountId, by the links of `companies`"
        ),
        "{shown}"
    );
    assert!(
        plain.contains("hubspot.deal.contact <-> salesforce.Opportunity.OpportunityContactRole.ContactId"),
        "{shown}"
    );
    world.only(DEALS);
    let shown = world.told(0, &["show"]);
    assert!(shown.contains("associations: none"), "{shown}");
}

fn both_ways_to_start() {
    let program = format!("{}{DEALS}", COMPANIES.replace("  match:", "  start: new\n  match:"));
    let world = World::empty(&program);
    world.account("Old");
    world.salesforce(
        "Opportunity",
        json!({ "Name": "Old", "StageName": "Prospecting", "CloseDate": "2026-12-31" }),
    );
    world.sync();
    let count = |object: &str| world.objects(object, "hs_object_id", "contacts").len();
    assert_eq!((count("companies"), count("deals")), (0, 1));
    world.account("New");
    world.sync();
    assert_eq!((count("companies"), count("deals")), (1, 1));
}

fn accounts_are_deduplicated_and_deals_are_not() {
    let world = World::empty(&format!("{COMPANIES}{DEALS}"));
    world.company("Alfa");
    world.account("Alfa");
    world.hubspot(
        "deals",
        json!({ "dealname": "Alfa", "pipeline": "default", "dealstage": "qualifiedtobuy", "closedate": "2026-12-31T00:00:00Z" }),
    );
    world.salesforce(
        "Opportunity",
        json!({ "Name": "Alfa", "StageName": "Qualification", "CloseDate": "2026-12-31" }),
    );
    world.sync();
    let count = |object: &str| world.objects(object, "hs_object_id", "contacts").len();
    assert_eq!((count("companies"), world.count("Account")), (1, 1));
    assert_eq!((count("deals"), world.count("Opportunity")), (2, 2));
}
