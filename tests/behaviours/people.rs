//! People: one HubSpot contact against a Salesforce lead or contact, and what the four field rules do.

use serde_json::{Value, json};

use crate::registry::behaviours;
use crate::support::World;
use crate::world::{OWNER, PEOPLE};

behaviours! {
    [] "`route`: the first arm whose condition holds decides whether a contact becomes a lead or a contact." => routes_decide_where_people_go;
    [] "`on convert: follow`: a converted lead's link moves to its contact; nothing is made twice, and edits go on both ways." => a_converted_lead_is_followed;
    [] "Several Salesforce people with one e-mail address are listed, and none of them is taken." differs "HubSpot's integration takes one of them." => people_with_one_address_are_not_guessed;
    [] "A merge of two HubSpot contacts moves the link to the survivor; a second pair that falls together with it is closed and told." => merged_people_keep_one_link;
    [] "Two-way, prefer Salesforce unless blank, always Salesforce, don't sync: as row options, with the truth table of `explain SYNC.FIELD`." => four_field_rules;
    [] "The truth table that `explain` prints is what runs do." => the_truth_table_is_true;
    [] "Owners by e-mail; an inactive or unknown owner, or a queue, is held for that field while the rest travels." => owners_that_do_not_match_are_held;
}

const ROUTED: &str = r#"
sync people: hubspot.contact <-> salesforce.Contact | salesforce.Lead {
  filter hubspot: email is set
  match: lower(hubspot.email) == lower(salesforce.Email)
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
    phone                    <-> Phone
  }
  map Lead {
    company                  ->  Company default "unknown"
  }
}
"#;

fn person(world: &World, name: &str, stage: &str) -> String {
    let email = format!("{name}@alfa.example").to_lowercase();
    world.hubspot("contacts", json!({ "email": email, "lastname": name, "lifecyclestage": stage }))
}

fn people_in(world: &World) -> usize {
    world.objects("contacts", "email", "companies").len()
}

fn routes_decide_where_people_go() {
    let world = World::empty(ROUTED);
    person(&world, "Rossi", "lead");
    person(&world, "Verdi", "customer");
    world
        .salesforce("Lead", json!({ "LastName": "Bruni", "Company": "Beta", "Email": "bruni@beta.example" }));
    let report = world.sync();
    assert_eq!(report["counts"]["created"], 3, "{report}");
    assert_eq!(
        world.one("SELECT LastName, Company FROM Lead WHERE LastName = 'Rossi'")["Company"],
        "unknown"
    );
    assert_eq!(world.one("SELECT LastName FROM Contact")["LastName"], "Verdi");
    assert_eq!(people_in(&world), 3, "a lead makes a HubSpot contact too");
}

fn a_converted_lead_is_followed() {
    let world = World::empty(ROUTED);
    let rossi = person(&world, "Rossi", "lead");
    world.sync();
    let lead = world.pair("people", 0).1;
    world.salesforce_admin("convert", json!({ "lead": lead, "opportunity": false }));
    let contact = world.one("SELECT Id FROM Contact")["Id"].as_str().unwrap().to_owned();
    let report = world.sync();
    assert_eq!(
        (&report["counts"]["created"], &report["counts"]["failed"]),
        (&json!(0), &json!(0)),
        "{report}"
    );
    assert_eq!(world.pair("people", 0), (rossi.clone(), contact.clone()));
    world.hubspot_edit("contacts", &rossi, json!({ "phone": "+39 02 1" }));
    world.salesforce_edit("Contact", &contact, json!({ "FirstName": "Maria" }));
    world.sync();
    assert_eq!(world.row("Contact", &contact)["Phone"], "+39 02 1");
    assert_eq!(world.properties("contacts", &rossi, "firstname")["firstname"], "Maria");
    assert_eq!((people_in(&world), world.count("Contact")), (1, 1));
    assert_eq!(world.plan()["changes"], json!([]));
}

fn people_with_one_address_are_not_guessed() {
    let world = World::empty(
        PEOPLE
            .split("  associate")
            .next()
            .map(|head| format!("{head}{}", PEOPLE.split_once("primary\n").unwrap().1))
            .unwrap()
            .as_str(),
    );
    let rossi = person(&world, "Rossi", "customer");
    let twins: Vec<String> = ["Rossi", "Rossi-Verdi"]
        .iter()
        .map(|name| world.salesforce("Contact", json!({ "LastName": name, "Email": "rossi@alfa.example" })))
        .collect();
    let report = world.sync();
    assert_eq!(
        (&report["counts"]["created"], &report["counts"]["updated"]),
        (&json!(0), &json!(0)),
        "{report}"
    );
    let told = world.told(0, &["links", "ambiguous"]);
    assert!(twins.iter().all(|id| told.contains(id)), "{told}");
    world.told(0, &["links", "relink", "people", &rossi, &twins[1]]);
    world.sync();
    assert_eq!(world.pair("people", 0), (rossi, twins[1].clone()), "a person said so");
}

fn merged_people_keep_one_link() {
    let world = World::empty(ROUTED);
    let (rossi, verdi) = (person(&world, "Rossi", "customer"), person(&world, "Verdi", "customer"));
    world.sync();
    let (first, second) = (world.pair("people", 0).1, world.pair("people", 1).1);
    world.merge("contacts", &rossi, &verdi);
    let report = world.sync();
    assert_eq!(
        (&report["counts"]["created"], &report["counts"]["deleted"]),
        (&json!(0), &json!(0)),
        "{report}"
    );
    let links = world.json(&["links", "ls", "--all", "--format", "json"]);
    let states: Vec<&Value> = links["links"].as_array().unwrap().iter().map(|link| &link["state"]).collect();
    assert_eq!(states, [&json!("live"), &json!("merged_away")], "{links}");
    assert_eq!(world.count("Contact"), 2, "nothing is merged or deleted over there");
    let survivor = world.pair("people", 0).0;
    assert!(survivor != rossi && survivor != verdi, "HubSpot gives the survivor a new id");
    world.hubspot_edit("contacts", &survivor, json!({ "phone": "+39 02 1" }));
    world.sync();
    assert_eq!(world.row("Contact", &first)["Phone"], "+39 02 1");
    assert_eq!(world.row("Contact", &second)["Phone"], Value::Null);
}

const RULES: &str = r#"
sync companies: hubspot.company <-> salesforce.Account {
  match: domain(hubspot.domain) == domain(salesforce.Website)
  conflict: newest
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  map {
    name                     <-> Name
    domain                   <-> Website using web_address
    city                     <-> BillingCity may blank
    phone                    <-> Phone owned by salesforce may blank
    zip                      <-  BillingPostalCode may blank
  }
}
"#;

/// The value of a field on both sides after an edit of one of them and a run.
fn after(
    world: &World,
    fields: (&str, &str),
    hubspot: Option<Value>,
    salesforce: Option<Value>,
) -> (Value, Value) {
    let (company, account) = world.pair("companies", 0);
    if let Some(value) = hubspot {
        world.hubspot_edit("companies", &company, json!({ fields.0: value }));
    }
    if let Some(value) = salesforce {
        world.salesforce_edit("Account", &account, json!({ fields.1: value }));
    }
    world.sync();
    let left = world.properties("companies", &company, fields.0)[fields.0].clone();
    (left, world.row("Account", &account)[fields.1].clone())
}

fn four_field_rules() {
    let world = World::empty(RULES);
    world.company("Alfa");
    world.sync();
    let both = |value: &str| (json!(value), json!(value));
    let blank = (Value::Null, Value::Null);
    let clear = |value: (Value, Value)| {
        let null = |value: Value| if value == json!("") { Value::Null } else { value };
        (null(value.0), null(value.1))
    };
    // Two-way.
    let city = ("city", "BillingCity");
    assert_eq!(after(&world, city, Some(json!("Rome")), None), both("Rome"));
    assert_eq!(after(&world, city, None, Some(json!("Turin"))), both("Turin"));
    assert_eq!(clear(after(&world, city, Some(json!("")), None)), blank);
    // Prefer Salesforce unless blank.
    let phone = ("phone", "Phone");
    assert_eq!(after(&world, phone, Some(json!("1")), None), both("1"), "blank in Salesforce");
    assert_eq!(after(&world, phone, Some(json!("2")), None), both("1"), "Salesforce has a value");
    assert_eq!(after(&world, phone, None, Some(json!("3"))), both("3"));
    assert_eq!(after(&world, phone, Some(json!("")), None), both("3"), "it comes back");
    assert_eq!(clear(after(&world, phone, None, Some(Value::Null))), blank);
    // Always Salesforce.
    let zip = ("zip", "BillingPostalCode");
    assert_eq!(clear(after(&world, zip, Some(json!("00100")), None)), blank, "nothing goes to Salesforce");
    assert_eq!(after(&world, zip, None, Some(json!("10100"))), both("10100"));
    assert_eq!(after(&world, zip, Some(json!("00100")), None), both("10100"));
    assert_eq!(clear(after(&world, zip, None, Some(Value::Null))), blank);
    // Don't sync.
    let fax = ("address2", "Fax");
    assert_eq!(after(&world, fax, Some(json!("Floor 2")), None), (json!("Floor 2"), Value::Null));
    assert!(world.told(0, &["explain", "companies.address2"]).contains("does not sync"));
}

fn the_truth_table_is_true() {
    let world = World::empty(RULES);
    let table = |field: &str| world.told(0, &["explain", &format!("companies.{field}")]);
    let line = |table: &str, situation: &str| {
        let found = table.lines().find(|line| line.trim_start().starts_with(situation));
        found
            .unwrap_or_else(|| panic!("{situation}: {table}"))
            .trim_start()
            .trim_start_matches(situation)
            .trim()
            .to_owned()
    };
    let (city, phone, zip) = (table("city"), table("phone"), table("zip"));
    for (table, situation, outcome) in [
        (&city, "changed in hubspot", "salesforce gets the value of hubspot"),
        (&city, "cleared in hubspot", "salesforce is blanked"),
        (&city, "changed in both, salesforce an hour later", "hubspot gets the value of salesforce"),
        (&phone, "first sync, only hubspot has a value", "salesforce gets the value of hubspot"),
        (&phone, "changed in hubspot", "hubspot gets the value of salesforce"),
        (&phone, "cleared in hubspot", "hubspot gets the value of salesforce"),
        (&phone, "cleared in salesforce", "hubspot is blanked"),
        (&zip, "changed in hubspot", "hubspot gets the value of salesforce"),
        (&zip, "cleared in salesforce", "hubspot is blanked"),
    ] {
        let lines: Vec<&str> =
            table.lines().filter(|line| line.trim_start().starts_with(situation)).collect();
        let shortest = lines.iter().min_by_key(|line| line.trim().split("  ").next().unwrap().len()).unwrap();
        assert_eq!(line(shortest, situation), outcome, "{table}");
    }
    assert!(world.told(64, &["explain", "companies.ctiy"]).contains("did you mean `companies.city`?"));
}

fn owners_that_do_not_match_are_held() {
    let owned = ROUTED.replace(
        "    phone                    <-> Phone\n",
        "    phone                    <-> Phone\n    hubspot_owner_id         <-> OwnerId using owners\n",
    );
    let world = World::empty(&owned);
    let rossi = person(&world, "Rossi", "customer");
    world.hubspot_edit("contacts", &rossi, json!({ "hubspot_owner_id": OWNER }));
    world.sync();
    let contact = world.pair("people", 0).1;
    let owner = world.row("Contact", &contact)["OwnerId"].clone();
    let email = |id: &Value| {
        world.one(&format!("SELECT Email FROM User WHERE Id = {}", id.to_string().replace('"', "'")))["Email"]
            .clone()
    };
    assert_eq!(email(&owner), "kim.hansen@twinmap.example");
    // Its next owner is inactive in Salesforce.
    world.salesforce_admin("owner", json!({ "id": "ana.costa@twinmap.example", "active": false }));
    world.hubspot_edit("contacts", &rossi, json!({ "hubspot_owner_id": "70000002", "phone": "+39 02 1" }));
    let output = world.run(&["run", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["counts"]["held"]), (Some(3), &json!(1)), "{report}");
    let row = world.row("Contact", &contact);
    assert_eq!((&row["OwnerId"], &row["Phone"]), (&owner, &json!("+39 02 1")), "the rest travels");
    let held = world.told(0, &["quarantine", "ls"]);
    assert!(held.contains("ana.costa@twinmap.example is inactive in salesforce"), "{held}");
    // A queue owns a lead: nobody in HubSpot is that.
    let queue = world.query("SELECT Id FROM Group WHERE Type = 'Queue'");
    let queue = match queue.first() {
        Some(queue) => queue["Id"].clone(),
        None => json!(world.salesforce("Group", json!({ "Name": "Inbound", "Type": "Queue" }))),
    };
    world.salesforce(
        "Lead",
        json!({ "LastName": "Bruni", "Company": "Beta", "Email": "bruni@beta.example", "OwnerId": queue }),
    );
    world.sync();
    let all = world.objects("contacts", "lastname,hubspot_owner_id", "companies");
    let bruni =
        all.iter().find(|one| one["properties"]["lastname"] == "Bruni").expect("it is made without an owner");
    assert_eq!(bruni["properties"]["hubspot_owner_id"], Value::Null);
    let held = world.told(0, &["quarantine", "ls"]);
    assert!(held.contains("salesforce has no owner"), "{held}");
}
