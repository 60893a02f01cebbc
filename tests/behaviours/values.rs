//! Values that look alike on both sides and are kept differently: currencies, places, sets of options, days, record types.

use serde_json::{Value, json};

use crate::deals::checked;
use crate::registry::behaviours;
use crate::support::{World, ask};
use crate::world::{COMPANIES, DEALS};

behaviours! {
    [] "Several currencies: an amount without its currency does not compile; with `deal_currency_code <-> CurrencyIsoCode` the code travels along, both ways."
        => amounts_travel_with_their_currency;
    [] "State and country picklists: `using country` and `using state` write the code for a name or code, and the name on the way back; a place in no list is held and told."
        => places_are_written_as_their_picklist_wants;
    [] "Multi-selects are sets: `using multi(...)` maps each value; another order or repetition writes nothing, and one value more writes that set."
        => options_are_sets;
    [] "A point in time and a day: `calendar_day(\"Zone\")` gives the day in the portal's zone; on the way back the same day keeps its time and a new one begins at midnight there; a day never moves, whatever zone the org is in."
        => a_day_stays_a_day_in_every_zone;
    [] "Record types by `record_type` of a stage map or by a value map on RecordTypeId; a picklist value that the record type does not have is refused by Salesforce, held and told."
        => record_types_and_their_picklists;
}

fn opportunities(world: &World, fields: &str) -> Vec<Value> {
    world.query(&format!("SELECT Id, Name, {fields} FROM Opportunity ORDER BY Name"))
}

fn amounts_travel_with_their_currency() {
    let world = World::empty(DEALS);
    world.settings(json!({ "currencies": ["USD", "GBP"] }));
    world.salesforce_admin("features", json!({ "currencies": ["EUR", "USD", "GBP"] }));
    world.told(0, &["schema", "pull"]);
    let (code, said) = checked(&world);
    assert!(
        code == 1 && said.contains("E304") && said.contains("deal_currency_code <-> CurrencyIsoCode"),
        "{said}"
    );
    let row = "    deal_currency_code       <-> CurrencyIsoCode\n    amount ";
    world.only(&DEALS.replacen("    amount ", row, 1));
    let made = |name: &str, currency: &str| {
        world.hubspot(
            "deals",
            json!({
                "dealname": name, "pipeline": "default", "dealstage": "qualifiedtobuy", "amount": "1250.5",
                "closedate": "2026-12-31T00:00:00Z", "deal_currency_code": currency,
            }),
        )
    };
    let (dollars, _pounds) = (made("Dollars", "USD"), made("Pounds", "GBP"));
    let there = world.salesforce(
        "Opportunity",
        json!({ "Name": "There", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 9, "CurrencyIsoCode": "USD" }),
    );
    world.sync();
    let all = opportunities(&world, "Amount, CurrencyIsoCode");
    let shown: Vec<String> = all
        .iter()
        .map(|one| format!("{} {} {}", one["Name"], one["Amount"], one["CurrencyIsoCode"]))
        .collect();
    assert_eq!(
        shown,
        [r#""Dollars" 1250.5 "USD""#, r#""Pounds" 1250.5 "GBP""#, r#""There" 9.0 "USD""#].map(str::to_owned)
    );
    let deals = world.objects("deals", "dealname,amount,deal_currency_code", "contacts");
    let deal = deals.iter().find(|one| one["properties"]["dealname"] == "There").unwrap();
    assert_eq!(deal["properties"]["deal_currency_code"], "USD");
    // The code changes alone; the amount stays what it was.
    world.salesforce_edit("Opportunity", &there, json!({ "CurrencyIsoCode": "EUR" }));
    world.hubspot_edit("deals", &dollars, json!({ "deal_currency_code": "GBP" }));
    let report = world.sync();
    assert_eq!(report["counts"]["updated"], 2, "{report}");
    let id = deal["id"].as_str().unwrap();
    let deal = world.properties("deals", id, "amount,deal_currency_code");
    assert_eq!((&deal["amount"], &deal["deal_currency_code"]), (&json!("9"), &json!("EUR")));
    let dollars = world.one("SELECT Amount, CurrencyIsoCode FROM Opportunity WHERE Name = 'Dollars'");
    assert_eq!((&dollars["Amount"], &dollars["CurrencyIsoCode"]), (&json!(1250.5), &json!("GBP")));
    assert_eq!(world.plan()["changes"], json!([]));
}

fn places_are_written_as_their_picklist_wants() {
    let world = World::empty(COMPANIES);
    world.salesforce_admin("features", json!({ "address_picklists": true }));
    let rows = "    country                  <-> BillingCountryCode using country\n    state                    <-> BillingStateCode using state\n    city ";
    world.only(&COMPANIES.replacen("    city ", rows, 1));
    let made = |name: &str, country: &str, state: &str| {
        let domain = format!("{}.example", name.to_lowercase());
        world.hubspot(
            "companies",
            json!({ "name": name, "domain": domain, "country": country, "state": state }),
        )
    };
    let named = made("Alfa", "Italy", "Milan");
    made("Beta", "it", "RM");
    let unknown = made("Gamma", "Atlantis", "");
    let there = world.salesforce(
        "Account",
        json!({ "Name": "Delta", "Website": "https://delta.example", "BillingCountry": "United States", "BillingState": "California" }),
    );
    let report = world.sync();
    assert_eq!(report["failures"], json!([]), "{report}");
    let of = |name: &str| {
        let fields = "BillingCountry, BillingCountryCode, BillingState, BillingStateCode";
        let row = world.one(&format!("SELECT {fields} FROM Account WHERE Name = '{name}'"));
        ["BillingCountryCode", "BillingCountry", "BillingStateCode", "BillingState"]
            .map(|field| row[field].clone())
    };
    assert_eq!(of("Alfa"), [json!("IT"), json!("Italy"), json!("MI"), json!("Milan")]);
    assert_eq!(of("Beta"), [json!("IT"), json!("Italy"), json!("RM"), json!("Rome")]);
    assert_eq!(of("Gamma")[..2], [Value::Null, Value::Null], "the rest of the record travels");
    let held = world.told(0, &["why", &format!("hubspot.company:{unknown}")]);
    assert!(held.contains("country") && held.contains("Atlantis"), "{held}");
    let companies = world.objects("companies", "name,country,state", "contacts");
    let delta = companies.iter().find(|one| one["properties"]["name"] == "Delta").unwrap();
    assert_eq!(
        (&delta["properties"]["country"], &delta["properties"]["state"]),
        (&json!("United States"), &json!("California"))
    );
    // A code over there is a name here; what HubSpot keeps as a code stays one as long as it means the same.
    world.salesforce_edit("Account", &there, json!({ "BillingCountryCode": "FR", "BillingStateCode": null }));
    world.hubspot_edit("companies", &named, json!({ "country": "Germany", "state": "Bavaria" }));
    world.sync();
    assert_eq!(of("Alfa"), [json!("DE"), json!("Germany"), json!("BY"), json!("Bavaria")]);
    let delta = world.properties("companies", delta["id"].as_str().unwrap(), "country");
    assert_eq!(delta["country"], "France");
    let before = world.writes();
    world.sync();
    world.json(&["run", "--full", "--format", "json"]);
    assert_eq!(world.writes(), before);
}

const REGIONS: &str = r#"
values regions: hubspot.company.regions <-> salesforce.Account.Regions__c {
  "north"                    <-> "North"
  "south"                    <-> "South"
  "east"                     <-> "East"
}
"#;

fn options_are_sets() {
    let world = World::empty(COMPANIES);
    let option = |value: &str, label: &str| json!({ "value": value, "label": label, "displayOrder": 0, "hidden": false });
    let property = json!({
        "name": "regions", "label": "Regions", "type": "enumeration", "fieldType": "checkbox", "groupName": "companyinformation",
        "options": [option("north", "North"), option("south", "South"), option("east", "East")],
    });
    let made = ask(&world.sandbox.hubspot, "POST", "/crm/v3/properties/companies", Some(&property));
    assert_eq!(made["name"], "regions", "{made}");
    world.salesforce_admin(
        "field",
        json!({
            "object": "Account", "name": "Regions__c", "change": "add", "type": "MultiselectPicklist",
            "options": ["North", "South", "East"],
        }),
    );
    let row = "    regions                  <-> Regions__c using multi(regions)\n    city ";
    world.only(&format!("{}{REGIONS}", COMPANIES.replacen("    city ", row, 1)));
    let alfa = world.company("Alfa");
    world.hubspot_edit("companies", &alfa, json!({ "regions": "south;north" }));
    world.sync();
    let account = world.one("SELECT Id, Regions__c FROM Account WHERE Name = 'Alfa'");
    assert_eq!(account["Regions__c"], "North;South");
    let id = account["Id"].as_str().unwrap();
    // The same set, written otherwise, on either side.
    world.hubspot_edit("companies", &alfa, json!({ "regions": "north;south" }));
    world.salesforce_edit("Account", id, json!({ "Regions__c": "South;North;South" }));
    let before = world.writes();
    world.sync();
    world.json(&["run", "--full", "--format", "json"]);
    assert_eq!(world.writes(), before, "order and repetition are no change");
    // One more here, one less there: sets of the two sides meet.
    world.hubspot_edit("companies", &alfa, json!({ "regions": "north;south;east" }));
    world.sync();
    assert_eq!(world.row("Account", id)["Regions__c"], "North;South;East");
    world.salesforce_edit("Account", id, json!({ "Regions__c": "East" }));
    world.sync();
    assert_eq!(world.properties("companies", &alfa, "regions")["regions"], "east");
}

fn a_day_stays_a_day_in_every_zone() {
    let program = DEALS.replace("calendar_day(\"UTC\")", "calendar_day(\"America/New_York\")");
    let world = World::empty(&program);
    // The portal is in New York; the org's users are where they are.
    for (user, zone) in
        [("kim.hansen@twinmap.example", "Pacific/Kiritimati"), ("integration@twinmap.example", "Asia/Tokyo")]
    {
        let id = world.one(&format!("SELECT Id FROM User WHERE Email = '{user}'"))["Id"]
            .as_str()
            .unwrap()
            .to_owned();
        world.salesforce_edit("User", &id, json!({ "TimeZoneSidKey": zone }));
    }
    // Half past eleven in the evening of the last day of the year, which is next year in Europe.
    let late = world.hubspot(
        "deals",
        json!({
            "dealname": "Late", "pipeline": "default", "dealstage": "qualifiedtobuy", "amount": "1",
            "closedate": "2027-01-01T04:30:00Z",
        }),
    );
    let there = world.salesforce(
        "Opportunity",
        // The night in which clocks go forward over there.
        json!({ "Name": "There", "StageName": "Prospecting", "CloseDate": "2027-03-14", "Amount": 9 }),
    );
    world.sync();
    let days = || -> Vec<Value> {
        opportunities(&world, "CloseDate").iter().map(|one| one["CloseDate"].clone()).collect()
    };
    assert_eq!(days(), ["2026-12-31", "2027-03-14"]);
    let deals = world.objects("deals", "dealname,closedate", "contacts");
    let deal = deals.iter().find(|one| one["properties"]["dealname"] == "There").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = |id: &str| {
        let text = world.properties("deals", id, "closedate")["closedate"].as_str().unwrap().to_owned();
        let at: jiff::Timestamp = text.parse().unwrap();
        at.in_tz("America/New_York").unwrap()
    };
    assert_eq!(at(&deal).date().to_string(), "2027-03-14");
    for _ in 0..3 {
        world.json(&["run", "--full", "--format", "json"]);
    }
    assert_eq!(days(), ["2026-12-31", "2027-03-14"], "no day moves by being synced again");
    assert_eq!(at(&late).to_string(), "2026-12-31T23:30:00-05:00[America/New_York]", "and no time does");
    // A new day over there begins at midnight here, also in summer time.
    let id = world.one("SELECT Id FROM Opportunity WHERE Name = 'Late'")["Id"].as_str().unwrap().to_owned();
    world.salesforce_edit("Opportunity", &id, json!({ "CloseDate": "2027-07-01" }));
    world.salesforce_edit("Opportunity", &there, json!({ "CloseDate": "2027-11-07" }));
    world.sync();
    assert_eq!(at(&late).to_string(), "2027-07-01T00:00:00-04:00[America/New_York]");
    assert_eq!(at(&deal).date().to_string(), "2027-11-07");
    let before = world.writes();
    world.json(&["run", "--full", "--format", "json"]);
    assert_eq!((world.writes(), days()), (before, vec![json!("2027-07-01"), json!("2027-11-07")]));
}

fn record_types_and_their_picklists() {
    let world = World::empty(DEALS);
    let second = r#"
stages partners: hubspot.deal pipeline "partners" <-> salesforce.Opportunity record_type "Partner" {
  "partner_new"              <-> "Prospecting"
  "partner_won"              <-> "Closed Won"
  else skip
}
"#;
    let program = format!("{}{second}", DEALS.replace("using sales", "using sales, partners"));
    // A stage that this record type does not have is told before anything runs.
    world.only(&program);
    std::fs::write(
        world.path("mappings/all.twin"),
        program.replace(
            "\"partner_new\"              <-> \"Prospecting\"",
            "\"partner_new\"              <-> \"Id. Decision Makers\"",
        ),
    )
    .unwrap();
    let (code, said) = checked(&world);
    assert!(code == 1 && said.contains("E403") && said.contains("Partner"), "{said}");
    world.only(&program);
    let deal = world.hubspot(
        "deals",
        json!({ "dealname": "Moves", "pipeline": "partners", "dealstage": "partner_new", "closedate": "2026-12-31T00:00:00Z" }),
    );
    world.sync();
    let kind = || {
        let row =
            world.one("SELECT RecordType.DeveloperName, StageName FROM Opportunity WHERE Name = 'Moves'");
        (row["RecordType"]["DeveloperName"].clone(), row["StageName"].clone())
    };
    assert_eq!(kind(), (json!("Partner"), json!("Prospecting")));
    // A deal that moves to another pipeline takes its record type along, and back.
    world.hubspot_edit("deals", &deal, json!({ "pipeline": "default", "dealstage": "contractsent" }));
    world.sync();
    assert_eq!(kind(), (json!("New_Business"), json!("Negotiation/Review")));
    let id = world.one("SELECT Id FROM Opportunity")["Id"].as_str().unwrap().to_owned();
    let partner = world.one("SELECT Id FROM RecordType WHERE DeveloperName = 'Partner'")["Id"].clone();
    world.salesforce_edit("Opportunity", &id, json!({ "RecordTypeId": partner, "StageName": "Closed Won" }));
    world.sync();
    let deal = world.properties("deals", &deal, "pipeline,dealstage");
    assert_eq!((&deal["pipeline"], &deal["dealstage"]), (&json!("partners"), &json!("partner_won")));
    assert_eq!(world.plan()["changes"], json!([]));
}
