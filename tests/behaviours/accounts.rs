//! Salesforce accounts and HubSpot companies: when they sync, when one is made for the other.

use serde_json::json;

use crate::registry::behaviours;
use crate::support::{Side, World};
use crate::world::{COMPANIES, PEOPLE};

behaviours! {
    [84] "Companies sync when the program has a sync for them; without one nothing of them is read or written."
        differs "The switch is the mapping itself, off until somebody writes it." => companies_need_a_sync;
    [85] "`import` of accounts into a sync that makes no companies warns before it starts, and makes none."
        => an_import_without_creation_warns_and_makes_nothing;
    [86, 91] "With `start: new` an account that is made after the activation is a company after the next run; it needs no contact."
        => a_new_account_makes_a_company;
    [87] "With `start: new` an account that was there before is left alone until it changes, or until `import` names it."
        => an_existing_account_waits_for_a_change_or_an_import;
    [88] "A change of a field that no row reads is no reason to sync; of one that a row reads it is, and the row decides the value."
        => only_a_change_of_a_mapped_field_counts;
    [89, 90] "Imports of everything go in portions; each says how many are in and how many are left, and one that is stopped goes on where it was."
        differs "No limit: more than 200,000 are done in portions, not refused." => an_import_goes_in_portions_and_counts;
}

/// Accounts that are new make companies, and nothing else does.
fn new_only() -> String {
    COMPANIES.replace("  match:", "  start: new\n  match:")
}

fn names(world: &World) -> Vec<String> {
    let companies = world.objects("companies", "name", "contacts");
    let mut names: Vec<String> =
        companies.iter().map(|company| company["properties"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn companies_need_a_sync() {
    let world = World::empty("");
    world.only(&PEOPLE.replace("  associate company <-> AccountId through companies primary\n", ""));
    world.account("Alfa");
    world.company("Beta");
    world.salesforce("Contact", json!({ "LastName": "Rossi", "Email": "rossi@alfa.example" }));
    assert_eq!(world.sync()["counts"]["created"], 1, "the contact");
    assert_eq!((names(&world), world.count("Account")), (vec!["Beta".to_owned()], 1));
    world.only(&format!("{COMPANIES}{PEOPLE}"));
    world.sync();
    assert_eq!((names(&world).len(), world.count("Account")), (2, 2));
}

fn an_import_without_creation_warns_and_makes_nothing() {
    let world = World::empty(&new_only().replace("  match:", "  create hubspot: never\n  match:"));
    let account = world.account("Alfa");
    world.sync();
    let written = world.writes();
    let told = world.told(0, &["import", "companies", &format!("salesforce:{account}")]);
    assert!(told.contains("warning: sync `companies` makes no hubspot.company"), "{told}");
    let told = world.told(0, &["import", "companies", "salesforce.Account", "--all"]);
    assert!(told.contains("warning: sync `companies` makes no hubspot.company"), "{told}");
    assert_eq!((names(&world).len(), world.writes()), (0, written));
    // And without the sync there is nothing to import into.
    world.only(&PEOPLE.replace("  associate company <-> AccountId through companies primary\n", ""));
    assert!(
        world.told(64, &["import", "companies", "salesforce:1"]).contains("there is no sync `companies`")
    );
}

fn a_new_account_makes_a_company() {
    let world = World::empty(&new_only());
    world.sync();
    let account = world.account("Alfa");
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 1, "{report}");
    let company = &world.objects("companies", "name,domain", "contacts")[0];
    assert_eq!(company["properties"]["name"], "Alfa");
    assert_eq!(company["properties"]["domain"], "alfa.example");
    assert_eq!(world.pair("companies", 0).1, account);
    world.edit(Side::HubSpot, "companies", &world.pair("companies", 0).0, "city", "Rome");
    world.sync();
    assert_eq!(world.query("SELECT BillingCity FROM Account")[0]["BillingCity"], "Rome");
    assert_eq!(world.count("Contact"), 0, "nobody works there");
}

fn an_existing_account_waits_for_a_change_or_an_import() {
    let world = World::empty(&new_only());
    let (alfa, beta, _gamma) = (world.account("Alfa"), world.account("Beta"), world.account("Gamma"));
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 0, "{report}");
    world.edit(Side::Salesforce, "Account", &alfa, "Phone", "+39 02 1");
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 1, "{report}");
    assert_eq!(names(&world), ["Alfa"]);
    let report = world.json(&["import", "companies", &format!("salesforce:{beta}"), "--format", "json"]);
    assert_eq!(report["counts"]["created"], 1, "{report}");
    assert_eq!(names(&world), ["Alfa", "Beta"]);
    assert_eq!(world.sync()["counts"]["created"], 0);
}

fn only_a_change_of_a_mapped_field_counts() {
    let world = World::empty(&new_only().replace("<-> BillingCity", "<-> BillingCity prefer salesforce"));
    let account = world.account("Alfa");
    world.sync();
    world.salesforce_edit("Account", &account, json!({ "Description": "Nobody maps this", "Fax": "1" }));
    assert_eq!(world.sync()["counts"]["created"], 0);
    assert_eq!(world.skips(&account), ["not-new"]);
    world.salesforce_edit("Account", &account, json!({ "BillingCity": "Turin" }));
    assert_eq!(world.sync()["counts"]["created"], 1);
    let company = &world.objects("companies", "city", "contacts")[0];
    assert_eq!(company["properties"]["city"], "Turin");
}

fn an_import_goes_in_portions_and_counts() {
    let world = World::empty(&new_only());
    for number in 0..25 {
        world.account(&format!("Old{number}"));
    }
    world.sync();
    world.account("Young");
    // The second portion is cut off: HubSpot takes the token no more.
    let all = ["import", "companies", "salesforce.Account", "--all", "--portion", "10", "--format", "json"];
    let faults = json!({ "seed": 1, "rules": [
        { "fault": "status", "status": 401, "system": "hubspot", "path": "batch", "skip": 4 },
    ] });
    world.faults(&faults);
    let output = world.run(&all);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (synced, remaining) = (report["synced"].as_u64().unwrap(), report["remaining"].as_u64().unwrap());
    assert_eq!(report["outcome"], "failed", "{report}");
    assert!(synced > 0 && remaining > 0 && synced + remaining == 25, "{report}");
    world.faults(&json!({ "seed": 1, "rules": [] }));
    let report = world.json(&all);
    assert_eq!(report["remaining"], 0, "{report}");
    world.sync();
    assert_eq!(names(&world).len(), 26, "the 25 old ones and the new one");
    assert_eq!(world.json(&all)["synced"], 0);
}
