//! Taking over from HubSpot's own Salesforce integration.

use serde_json::{Value, json};

use crate::registry::behaviours;
use crate::support::{World, ask};

behaviours! {
    [] "`links adopt` takes over the pairs that the integration left in salesforceaccountid, salesforcecontactid and hs_salesforceopportunityid: the switch makes no record." => a_switch_makes_nothing;
}

/// Linked pairs in the test; `TWINMAP_PAIRS=10000` is the figure of the documents.
const PAIRS: usize = 2_000;

struct Kind {
    object: &'static str,
    hubspot: &'static str,
    property: &'static str,
    share: usize,
}

/// Two in five are companies, two are contacts, one is a deal.
const KINDS: [Kind; 3] = [
    Kind { object: "Account", hubspot: "companies", property: "salesforceaccountid", share: 2 },
    Kind { object: "Contact", hubspot: "contacts", property: "salesforcecontactid", share: 2 },
    Kind { object: "Opportunity", hubspot: "deals", property: "hs_salesforceopportunityid", share: 1 },
];

fn fields(kind: &Kind, number: usize) -> (Value, Value) {
    let name = format!("{} {number}", kind.object);
    match kind.object {
        // Nothing but the id joins the two: no domain, and another address.
        "Account" => (json!({ "Name": name }), json!({ "name": name })),
        "Contact" => {
            let (here, there) = (format!("h{number}@one.example"), format!("s{number}@two.example"));
            (json!({ "LastName": name, "Email": there }), json!({ "lastname": name, "email": here }))
        }
        _ => (
            json!({ "Name": name, "StageName": "Qualification", "CloseDate": "2026-12-31" }),
            json!({ "dealname": name, "pipeline": "default", "dealstage": "qualifiedtobuy", "closedate": "2026-12-31T00:00:00Z" }),
        ),
    }
}

/// `count` pairs as the integration leaves them: the Salesforce record's id stands in a property of the HubSpot one.
fn pairs(world: &World, kind: &Kind, count: usize) {
    let group =
        json!(format!("{}information", kind.hubspot.trim_end_matches('s').replace("companie", "company")));
    let property = json!({ "name": kind.property, "label": kind.property, "type": "string", "fieldType": "text", "groupName": group });
    let path = format!("/crm/v3/properties/{}", kind.hubspot);
    // Portals with the integration have it; this one may know it from its catalogue.
    ask(&world.sandbox.hubspot, "POST", &path, Some(&property));
    let numbers: Vec<usize> = (0..count).collect();
    for portion in numbers.chunks(100) {
        let records: Vec<Value> = portion
            .iter()
            .map(|number| {
                let mut record = fields(kind, *number).0;
                record["attributes"] = json!({ "type": kind.object });
                record
            })
            .collect();
        let body = json!({ "allOrNone": true, "records": records });
        let made =
            ask(&world.sandbox.salesforce, "POST", "/services/data/v64.0/composite/sobjects", Some(&body));
        let ids: Vec<&str> = made.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        let inputs: Vec<Value> = portion
            .iter()
            .zip(ids)
            .map(|(number, id)| {
                let mut properties = fields(kind, *number).1;
                properties[kind.property] = json!(id);
                json!({ "properties": properties })
            })
            .collect();
        let path = format!("/crm/v3/objects/{}/batch/create", kind.hubspot);
        let made = ask(&world.sandbox.hubspot, "POST", &path, Some(&json!({ "inputs": inputs })));
        assert_eq!(made["results"].as_array().map(Vec::len), Some(portion.len()), "{made}");
    }
}

fn a_switch_makes_nothing() {
    let asked = std::env::var("TWINMAP_PAIRS").ok().and_then(|text| text.parse().ok());
    let all: usize = asked.unwrap_or(PAIRS);
    let world = World::template("data-sync");
    let mut total = 0;
    for kind in &KINDS {
        let count = all * kind.share / 5;
        pairs(&world, kind, count);
        total += count;
    }
    world.told(0, &["schema", "pull"]);
    // Without the ids every one of them would be made twice.
    let without = world.json(&["plan", "companies", "--format", "json"]);
    assert_eq!(without["summary"]["create"], all * 2 / 5 * 2);
    let adopted = world.json(&["links", "adopt", "--format", "json"]);
    let syncs = adopted["syncs"].as_array().unwrap();
    let count = |name: &str| syncs.iter().map(|one| one[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((count("adopted"), count("known")), (total as u64, 0), "{adopted}");
    assert!(
        syncs.iter().all(|one| one["missing"] == json!([]) && one["conflicts"] == json!([])),
        "{adopted}"
    );
    let plan = world.plan();
    assert_eq!(plan["summary"]["create"], 0, "{}", plan["summary"]);
    let written = world.writes();
    // The contacts' addresses differ: more updates than a guard lets pass unseen.
    let stopped = world.told(5, &["run"]);
    let hash = stopped.split("--approve ").nth(1).unwrap().split('`').next().unwrap();
    let report = world.json(&["run", "--approve", hash, "--format", "json"]);
    assert_eq!(report["counts"]["created"], 0, "{report}");
    assert_eq!(report["counts"]["failed"], 0, "{report}");
    assert_eq!(world.writes() - written, (total * 2 / 5) as u64);
    for kind in &KINDS {
        assert_eq!(world.count(kind.object), all * kind.share / 5);
    }
}
