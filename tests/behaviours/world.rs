//! What the behaviour tests do beyond running commands: people at their screens, and mappings of a test's own.

use serde_json::{Value, json};
use twinmap::sandbox::core::clock::SimClock;
use twinmap::value::Millis;

use crate::support::{World, ask, err, out};

/// The first person of both CRMs.
pub const OWNER: &str = "70000001";

/// Sent by `sync companies` of most tests: accounts and companies by domain.
pub const COMPANIES: &str = r#"
sync companies: hubspot.company <-> salesforce.Account {
  match: domain(hubspot.domain) == domain(salesforce.Website)
  conflict: hubspot within 5m
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  map {
    name                     <-> Name
    domain                   <-> Website using web_address
    city                     <-> BillingCity
    phone                    <-> Phone
  }
}
"#;

pub const PEOPLE: &str = r#"
sync people: hubspot.contact <-> salesforce.Contact {
  filter hubspot: email is set
  filter salesforce: Email is set
  match: lower(hubspot.email) == lower(salesforce.Email)
  conflict: hubspot within 5m
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  associate company <-> AccountId through companies primary
  map {
    email                    <-> Email using email
    firstname                <-> FirstName
    lastname                 <-> LastName
    jobtitle                 <-> Title
  }
}
"#;

pub const DEALS: &str = r#"
sync deals: hubspot.deal <-> salesforce.Opportunity {
  filter hubspot: dealname is set and closedate is set
  match: none
  conflict: hubspot within 5m
  guard: creates 5000, updates 100%, deletes 0, blanks 25
  map {
    dealname                 <-> Name
    amount                   <-> Amount
    closedate                <-> CloseDate using calendar_day("UTC")
    description              <-> Description
    dealstage                <-> StageName using sales
  }
}

stages sales: hubspot.deal pipeline "default" <-> salesforce.Opportunity record_type "New_Business" {
  "appointmentscheduled"     <-> "Prospecting"
  "qualifiedtobuy"           <-> "Qualification"
  "contractsent"             <-> "Negotiation/Review"
  "closedwon"                <-> "Closed Won"
  "closedlost"               <-> "Closed Lost"
  else skip
}
"#;

impl World {
    /// Two CRMs without records, and a project with these mappings alone.
    pub fn empty(mappings: &str) -> World {
        let world = World::new(0, 0, 0);
        world.only(mappings);
        world
    }

    /// The same by a clock that stands still until [`World::wait`].
    pub fn virtual_time(mappings: &str) -> World {
        let now = jiff::Timestamp::now().as_second() * 1_000;
        let clock = SimClock::starting_at(Millis(now));
        let world = World::by_clock(0, 0, 0, clock);
        world.only(mappings);
        world
    }

    /// Two CRMs without records, and a project with a template's mappings.
    pub fn template(name: &str) -> World {
        let world = World::new(0, 0, 0);
        world.told(0, &["init", "made", "--template", name]);
        for folder in ["mappings", "tests", "policies"] {
            let _ = std::fs::remove_dir_all(world.path(folder));
        }
        std::fs::rename(world.path("made/mappings"), world.path("mappings")).unwrap();
        world.told(0, &["schema", "pull"]);
        world
    }

    /// The project's whole program.
    pub fn only(&self, mappings: &str) {
        for folder in ["mappings", "tests", "policies"] {
            let _ = std::fs::remove_dir_all(self.path(folder));
        }
        std::fs::create_dir_all(self.path("mappings")).unwrap();
        std::fs::write(self.path("mappings/all.twin"), mappings).unwrap();
        self.told(0, &["schema", "pull"]);
    }

    /// One cycle that has to end well: exit code 0, or 3 where records are held.
    pub fn sync(&self) -> Value {
        self.json(&["run", "--format", "json"])
    }

    pub fn plan(&self) -> Value {
        self.json(&["plan", "--format", "json"])
    }

    /// Both streams of a command that has to end with this code.
    pub fn told(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let text = format!("{}{}", out(&output), err(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{text}");
        text
    }

    pub fn salesforce_admin(&self, call: &str, body: Value) {
        let answer = ask(&self.sandbox.salesforce, "POST", &format!("/_sandbox/{call}"), Some(&body));
        assert!(!answer.is_array() && answer.get("errorCode").is_none(), "{call} {body}: {answer}");
    }

    fn hubspot_person(&self, call: &str, body: &Value) -> Value {
        let answer = ask(&self.sandbox.hubspot, "POST", &format!("/_sandbox/{call}"), Some(body));
        assert!(answer.get("category").is_none(), "{call} {body}: {answer}");
        answer
    }

    /// A person makes a HubSpot record.
    pub fn hubspot(&self, object: &str, properties: Value) -> String {
        let answer = self.hubspot_person("edit", &json!({ "object": object, "properties": properties }));
        answer["id"].as_str().unwrap().to_owned()
    }

    pub fn hubspot_edit(&self, object: &str, id: &str, properties: Value) {
        self.hubspot_person("edit", &json!({ "object": object, "id": id, "properties": properties }));
    }

    pub fn associate(&self, object: &str, id: &str, to: &str, to_id: &str) {
        self.hubspot_person(
            "associate",
            &json!({ "object": object, "id": id, "toObject": to, "toId": to_id }),
        );
    }

    pub fn merge(&self, object: &str, primary: &str, other: &str) {
        self.hubspot_person(
            "merge",
            &json!({ "object": object, "primaryObjectId": primary, "objectIdToMerge": other }),
        );
    }

    pub fn settings(&self, settings: Value) {
        self.hubspot_person("settings", &settings);
    }

    /// A person makes a Salesforce record.
    pub fn salesforce(&self, object: &str, fields: Value) -> String {
        let body = json!({ "object": object, "fields": fields });
        let answer = ask(&self.sandbox.salesforce, "POST", "/_sandbox/create", Some(&body));
        answer["id"].as_str().unwrap_or_else(|| panic!("{object} {body}: {answer}")).to_owned()
    }

    pub fn salesforce_edit(&self, object: &str, id: &str, fields: Value) {
        let body = json!({ "object": object, "id": id, "fields": fields });
        let answer = ask(&self.sandbox.salesforce, "POST", "/_sandbox/edit", Some(&body));
        assert_eq!(answer["success"], true, "{object} {body}: {answer}");
    }

    pub fn salesforce_delete(&self, object: &str, id: &str) {
        let body = json!({ "object": object, "id": id });
        let answer = ask(&self.sandbox.salesforce, "POST", "/_sandbox/delete", Some(&body));
        assert_eq!(answer["success"], true, "{answer}");
    }

    /// A list of contacts (`0-1`) or companies (`0-2`) with these members.
    pub fn list(&self, name: &str, kind: &str, members: &[&str]) -> String {
        let body = json!({ "name": name, "objectTypeId": kind, "processingType": "MANUAL" });
        let made = ask(&self.sandbox.hubspot, "POST", "/crm/v3/lists", Some(&body));
        let id = made["list"]["listId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        self.add_to_list(&id, members);
        id
    }

    pub fn add_to_list(&self, list: &str, members: &[&str]) {
        let path = format!("/crm/v3/lists/{list}/memberships/add");
        let answer = ask(&self.sandbox.hubspot, "PUT", &path, Some(&json!(members)));
        assert!(answer.get("category").is_none(), "{answer}");
    }

    /// The properties of a HubSpot record as the API shows them.
    pub fn properties(&self, object: &str, id: &str, names: &str) -> Value {
        let path = format!("/crm/v3/objects/{object}/{id}?properties={names}");
        ask(&self.sandbox.hubspot, "GET", &path, None)["properties"].clone()
    }

    /// Ids that a HubSpot record is associated with.
    pub fn associated(&self, object: &str, id: &str, to: &str) -> Vec<String> {
        let path = format!("/crm/v4/objects/{object}/{id}/associations/{to}");
        let answer = ask(&self.sandbox.hubspot, "GET", &path, None);
        let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
        results.iter().map(|one| one["toObjectId"].to_string().trim_matches('"').to_owned()).collect()
    }

    /// What a Salesforce record holds now.
    pub fn row(&self, object: &str, id: &str) -> Value {
        ask(&self.sandbox.salesforce, "GET", &format!("/services/data/v64.0/sobjects/{object}/{id}"), None)
    }

    /// The one record that a query finds.
    pub fn one(&self, soql: &str) -> Value {
        let found = self.query(soql);
        assert_eq!(found.len(), 1, "{soql}: {found:?}");
        found[0].clone()
    }

    /// How many records of an object there are.
    pub fn count(&self, object: &str) -> usize {
        self.query(&format!("SELECT Id FROM {object}")).len()
    }

    /// Reasons for which a record is left alone, as a dry-run tells them.
    pub fn skips(&self, record: &str) -> Vec<String> {
        let plan = self.plan();
        let skips = plan["skips"].as_array().unwrap().iter().filter(|skip| skip["record"] == record);
        skips.map(|skip| skip["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// A company with its e-mail domain, owned by somebody whom both CRMs know.
    pub fn company(&self, name: &str) -> String {
        let domain = format!("{}.example", name.to_lowercase());
        self.hubspot("companies", json!({ "name": name, "domain": domain, "hubspot_owner_id": OWNER }))
    }

    pub fn account(&self, name: &str) -> String {
        let website = format!("https://{}.example", name.to_lowercase());
        self.salesforce("Account", json!({ "Name": name, "Website": website }))
    }

    pub fn contact(&self, name: &str, company: &str) -> String {
        let email = format!("{}@{}.example", name.to_lowercase(), company.to_lowercase());
        self.hubspot("contacts", json!({ "email": email, "lastname": name, "hubspot_owner_id": OWNER }))
    }

    pub fn faults(&self, plan: &Value) {
        let answer = ask(&self.sandbox.hubspot, "POST", "/_sandbox/faults", Some(plan));
        assert!(answer["happened"].is_object() || answer["happened"].is_array(), "{answer}");
    }

    /// Time goes on in both CRMs.
    pub fn wait(&self, millis: i64) {
        self.sandbox.clock.advance(millis);
    }
}

pub const MINUTE: i64 = 60_000;
