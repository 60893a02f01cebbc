//! Salesforce accounts and HubSpot companies: when they sync, when one is made for the other.

use serde_json::json;

use crate::registry::behaviours;
use crate::support::{Side, World, ask};
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
    [89, 90] "`backfill` of a changed row goes in portions above 200,000 pairs, or of the size that is asked for; each says how many are synced and how many remain, and one that is stopped goes on behind the last portion."
        differs "No limit: more than 200,000 are done in portions, not refused." => a_backfill_goes_in_portions_and_goes_on;
    [92] "`hs_object_source == \"CONTACTS\"` in a `create` rule, beside contacts as the default object (the `else` of the route)."
        => an_automatic_company_makes_an_account;
    [93] "`any contact (is_private(linked(people)))` in a `create` rule." => a_private_contact_makes_its_companys_account;
    [94, 97] "`any contact (in_list(\"...\"))` in a `create` rule, `no contact (in_list(\"...\"))` in a veto, with the lists of HubSpot; `why` names the rule or veto."
        => the_inclusion_list_decides;
    [95] "`no contact ()` in a veto; a veto beats every rule." => no_account_without_contacts;
    [96] "`all contact (linked(people.Lead))` in a veto." => no_account_for_leads_alone;
    [98] "`propagate contact.lifecyclestage -> company.lifecyclestage forward`: the stage reaches the contact's primary company and never goes back; `show` says so."
        => a_lifecycle_stage_reaches_the_company;
    [99] "`resync hubspot.company:ID` makes the account whatever the rules say, and does nothing the second time."
        => a_resync_makes_the_account_once;
    [100] "A counterpart is looked for by the stored id, then by the rules of `match`; of several nobody is taken, all are listed."
        => accounts_are_deduplicated_and_ties_told;
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

fn a_backfill_goes_in_portions_and_goes_on() {
    let world = World::empty(COMPANIES);
    for number in 0..25 {
        let id = world.company(&format!("Old{number}"));
        world.hubspot_edit("companies", &id, json!({ "description": format!("told {number}") }));
    }
    world.sync();
    world.only(&COMPANIES.replace("    city ", "    description              <-> Description\n    city "));
    let args = ["backfill", "companies", "--field", "description", "--portion", "10", "--format", "json"];
    // Cut off in the second portion: Salesforce takes the token no more.
    let fault =
        json!({ "fault": "status", "status": 401, "system": "salesforce", "path": "composite", "skip": 1 });
    world.faults(&json!({ "seed": 1, "rules": [fault] }));
    let output = world.run(&args);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (synced, remaining) = (report["synced"].as_u64().unwrap(), report["remaining"].as_u64().unwrap());
    assert_eq!((&report["outcome"], synced, remaining), (&json!("failed"), 10, 15), "{report}");
    world.faults(&json!({ "seed": 1, "rules": [] }));
    let report = world.json(&args);
    assert_eq!((&report["synced"], &report["remaining"]), (&json!(15), &json!(0)), "it goes on: {report}");
    let told = world.query("SELECT Description FROM Account");
    assert!(told.iter().all(|row| row["Description"].as_str().unwrap().starts_with("told")), "{told:?}");
    // Once it is through, it begins anew, and finds everything in step.
    let before = world.writes();
    let report = world.json(&args);
    assert_eq!((&report["synced"], world.writes()), (&json!(25), before));
}

/// People as contacts, or as leads before they are customers.
const ROUTED: &str = r#"
sync people: hubspot.contact <-> salesforce.Contact | salesforce.Lead {
  filter hubspot: email is set
  match: lower(hubspot.email) == lower(salesforce.Email)
  create hubspot: always
  conflict: hubspot within 5m
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  route {
    lifecyclestage in ["subscriber", "lead"] -> Lead
    else -> Contact
  }
  on convert: follow
  map {
    email                    <-> Email using email
    firstname                <-> FirstName
    lastname                 <-> LastName
  }
  map Lead {
    company                  ->  Company default "unknown"
  }
}
"#;

/// Which companies get an account.
fn with_rules(rules: &str) -> String {
    format!("{}{ROUTED}", COMPANIES.replace("  match:", &format!("{rules}\n  match:")))
}

/// The account of a company, when it has one.
fn account_of(world: &World, company: &str) -> Option<String> {
    let found = world.json(&["links", "show", &format!("hubspot.company:{company}"), "--format", "json"]);
    found["links"][0]["right"].as_str().map(str::to_owned)
}

fn why(world: &World, company: &str) -> String {
    world.told(0, &["why", &format!("hubspot.company:{company}")])
}

fn customer(world: &World, name: &str, company: &str) -> String {
    let email = format!("{name}@{company}.example").to_lowercase();
    world.hubspot("contacts", json!({ "email": email, "lastname": name, "lifecyclestage": "customer" }))
}

fn an_automatic_company_makes_an_account() {
    let world = World::empty(&with_rules("  create salesforce: hs_object_source == \"CONTACTS\""));
    world.settings(json!({ "auto_companies": true }));
    customer(&world, "Rossi", "Alfa");
    let by_hand = world.company("Beta");
    world.sync();
    assert_eq!(world.one("SELECT Website FROM Account")["Website"], "https://alfa.example");
    assert!(why(&world, &by_hand).contains("create does not hold: hs_object_source is \"CONTACTS\""));
    assert_eq!(account_of(&world, &by_hand), None);
    // With leads as the default object the rule is not among those of the program: nothing is made.
    let leads = World::empty(&with_rules("  create salesforce: any contact (linked(people.Contact))"));
    leads.settings(json!({ "auto_companies": true }));
    leads.hubspot(
        "contacts",
        json!({ "email": "rossi@alfa.example", "lastname": "Rossi", "lifecyclestage": "lead" }),
    );
    leads.sync();
    leads.sync();
    assert_eq!((leads.count("Lead"), leads.count("Account")), (1, 0));
}

fn a_private_contact_makes_its_companys_account() {
    let world = World::empty(&with_rules("  create salesforce: any contact (is_private(linked(people)))"));
    let (alfa, beta) = (world.company("Alfa"), world.company("Beta"));
    let (rossi, verdi) = (customer(&world, "Rossi", "Alfa"), customer(&world, "Verdi", "Beta"));
    world.associate("contacts", &rossi, "companies", &alfa);
    world.associate("contacts", &verdi, "companies", &beta);
    // Verdi is known in Salesforce, at an account; Rossi is not.
    let elsewhere = world.account("Elsewhere");
    world.salesforce(
        "Contact",
        json!({ "LastName": "Verdi", "Email": "verdi@beta.example", "AccountId": elsewhere }),
    );
    world.sync();
    world.sync();
    let told = why(&world, &beta);
    assert!(account_of(&world, &alfa).is_some(), "Rossi's contact in Salesforce has no account");
    assert_eq!(account_of(&world, &beta), None, "{told}");
    assert!(told.contains("create does not hold"), "{told}");
}

fn the_inclusion_list_decides() {
    let rules = "  create salesforce: any contact (in_list(\"Salesforce\"))\n  \
                 veto salesforce: no contact (in_list(\"Salesforce\"))";
    let world = World::empty(&with_rules(rules));
    let (alfa, beta) = (world.company("Alfa"), world.company("Beta"));
    let (rossi, verdi) = (customer(&world, "Rossi", "Alfa"), customer(&world, "Verdi", "Beta"));
    world.associate("contacts", &rossi, "companies", &alfa);
    world.associate("contacts", &verdi, "companies", &beta);
    let list = world.list("Salesforce", "0-1", &[&rossi]);
    world.told(0, &["schema", "pull"]);
    world.sync();
    assert!(account_of(&world, &alfa).is_some());
    assert_eq!(account_of(&world, &beta), None);
    let told = why(&world, &beta);
    assert!(told.contains("may be made: veto") && told.contains("veto holds"), "{told}");
    // In the list since: the company itself did not change.
    world.add_to_list(&list, &[&verdi]);
    world.sync();
    assert!(account_of(&world, &beta).is_some());
}

fn no_account_without_contacts() {
    let world = World::empty(&with_rules("  create salesforce: always\n  veto salesforce: no contact ()"));
    let (alfa, beta) = (world.company("Alfa"), world.company("Beta"));
    let rossi = customer(&world, "Rossi", "Alfa");
    world.associate("contacts", &rossi, "companies", &alfa);
    world.sync();
    assert!(account_of(&world, &alfa).is_some());
    assert_eq!(account_of(&world, &beta), None);
    assert!(why(&world, &beta).contains("may be made: veto"), "the veto is stronger than `always`");
    // The other way round a contact is not asked for.
    world.account("Gamma");
    world.sync();
    assert!(names(&world).contains(&"Gamma".to_owned()));
}

fn no_account_for_leads_alone() {
    let rules = "  create salesforce: always\n  veto salesforce: all contact (linked(people.Lead))";
    let world = World::empty(&with_rules(rules));
    let (alfa, beta) = (world.company("Alfa"), world.company("Beta"));
    let lead = |name: &str, company: &str| {
        let email = format!("{name}@{company}.example").to_lowercase();
        world.hubspot("contacts", json!({ "email": email, "lastname": name, "lifecyclestage": "lead" }))
    };
    let (a, b, c) = (lead("Rossi", "Alfa"), lead("Verdi", "Beta"), customer(&world, "Bruni", "Beta"));
    // The people are known before their companies are asked about.
    world.told(0, &["run", "people"]);
    world.associate("contacts", &a, "companies", &alfa);
    world.associate("contacts", &b, "companies", &beta);
    world.associate("contacts", &c, "companies", &beta);
    world.sync();
    assert_eq!(account_of(&world, &alfa), None);
    assert!(account_of(&world, &beta).is_some(), "one of them syncs with a contact");
    let told = why(&world, &alfa);
    assert!(told.contains("veto holds") && told.contains("linked to a Lead by `people`"), "{told}");
}

fn a_lifecycle_stage_reaches_the_company() {
    let clause = "  propagate contact.lifecyclestage -> company.lifecyclestage forward\n  associate company";
    let world = World::empty(&format!("{COMPANIES}{}", PEOPLE.replace("  associate company", clause)));
    let shown = world.told(0, &["show", "--sync", "people"]);
    assert!(shown.contains("hubspot.contact.lifecyclestage to hubspot.company.lifecyclestage"), "{shown}");
    let company = world
        .hubspot("companies", json!({ "name": "Alfa", "domain": "alfa.example", "lifecyclestage": "lead" }));
    let rossi = world.contact("Rossi", "Alfa");
    world.associate("contacts", &rossi, "companies", &company);
    world.sync();
    let stage = || world.properties("companies", &company, "lifecyclestage")["lifecyclestage"].clone();
    assert_eq!(stage(), "lead", "nobody's stage is further");
    world.hubspot_edit("contacts", &rossi, json!({ "lifecyclestage": "opportunity" }));
    let plan = world.plan();
    let change =
        plan["changes"].as_array().unwrap().iter().find(|change| change["object"] == "company").unwrap();
    assert_eq!(change["fields"][0]["after"], "opportunity", "{change}");
    world.sync();
    assert_eq!(stage(), "opportunity");
    world.hubspot_edit("contacts", &rossi, json!({ "lifecyclestage": "lead" }));
    world.sync();
    assert_eq!(stage(), "opportunity", "never back");
    assert_eq!(world.plan()["changes"].as_array().unwrap().len(), 0);
}

fn a_resync_makes_the_account_once() {
    let world = World::empty(&with_rules("  create salesforce: always\n  veto salesforce: no contact ()"));
    let alfa = world.company("Alfa");
    world.sync();
    assert_eq!(account_of(&world, &alfa), None);
    let resync = ["resync", &format!("hubspot.company:{alfa}"), "--format", "json"];
    assert_eq!(world.json(&resync)["counts"]["created"], 1);
    assert!(account_of(&world, &alfa).is_some());
    assert_eq!(world.json(&resync)["counts"]["created"], 0);
    world.sync();
    assert_eq!(world.count("Account"), 1);
}

fn accounts_are_deduplicated_and_ties_told() {
    let world = World::empty(COMPANIES);
    let (alfa, known) = (world.company("Alfa"), world.account("Alfa"));
    // The id that another integration left is stronger than the domain.
    let property = json!({ "name": "salesforceaccountid", "label": "Salesforce account id", "type": "string", "fieldType": "text", "groupName": "companyinformation" });
    ask(&world.sandbox.hubspot, "POST", "/crm/v3/properties/companies", Some(&property));
    let beta = world.company("Beta");
    let named = world.account("Renamed");
    world.hubspot_edit("companies", &beta, json!({ "salesforceaccountid": named }));
    world.told(0, &["links", "adopt"]);
    world.company("Twins");
    world.account("Twins");
    let second =
        world.salesforce("Account", json!({ "Name": "Twins again", "Website": "http://www.twins.example" }));
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 0, "{report}");
    assert_eq!(account_of(&world, &alfa), Some(known));
    assert_eq!(account_of(&world, &beta), Some(named));
    let ties = world.told(0, &["links", "ambiguous"]);
    assert!(ties.contains(&second) && ties.contains("same key"), "{ties}");
    assert_eq!((names(&world).len(), world.count("Account")), (3, 4));
}
