//! A CRM joined with a simulated Sales Navigator: what the LinkedIn tests do beyond running commands.

use std::path::Path;

use serde_json::{Value, json};
use twinmap::sandbox::Config;
use twinmap::sandbox::salesnav::Amounts;
use twinmap::sandbox::seed::Size;
use twinmap::sandbox::server::{Endpoint, start};

use crate::support::{World, ask};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Crm {
    HubSpot,
    Salesforce,
}

pub const KIM: &str = "kim.hansen@twinmap.example";
pub const ANA: &str = "ana.costa@twinmap.example";
pub const TOMASZ: &str = "tomasz.nowak@twinmap.example";
pub const PRIYA: &str = "priya.raman@twinmap.example";

/// A small business world on both sides, the CRM's example project, nothing connected.
pub fn fresh(crm: Crm, activities: usize) -> World {
    sized(crm, Size { companies: 20, contacts: 40, deals: 12 }, activities)
}

pub fn sized(crm: Crm, size: Size, activities: usize) -> World {
    let linkedin = Amounts { members: 200, activities, ..Amounts::default() };
    let sandbox = start(&Config { size, linkedin, ..Config::default() }).unwrap();
    let world = World { sandbox, folder: tempfile::tempdir().unwrap() };
    let name = if crm == Crm::HubSpot { "hubspot-linkedin" } else { "salesforce-linkedin" };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs").join(name);
    copy(&example.join("mappings"), &world.path("mappings"));
    configure(&world, crm, "");
    if crm == Crm::Salesforce {
        salesforce(&world, "package", &json!({}));
    }
    ask(&world.sandbox.hubspot, "POST", "/_sandbox/settings", Some(&json!({ "search_lag_ms": 0 })));
    world.told(0, &["schema", "pull"]);
    world
}

/// Writes the project's configuration; `more` goes under the Sales Navigator connection.
pub fn configure(world: &World, crm: Crm, more: &str) {
    let (name, connection) = match crm {
        Crm::HubSpot => ("hubspot", "token = \"env:HUBSPOT_TOKEN\"\n"),
        Crm::Salesforce => ("salesforce", "auth = { token = \"env:SF_TOKEN\" }\n"),
    };
    let base = if crm == Crm::HubSpot { &world.sandbox.hubspot } else { &world.sandbox.salesforce };
    let config = format!(
        "[project]\nname = \"linkedin\"\nedition = \"2026\"\n\n[connections.{name}]\nkind = \"{name}\"\n\
         base_url = \"{}\"\n{connection}\n[connections.salesnav]\nkind = \"salesnav\"\nbase_url = \"{}\"\n\
         token = \"cmd:echo {}\"\n{more}\n[state]\nurl = \"sqlite:.twinmap/state.db\"\n",
        base.base_url, world.sandbox.salesnav.base_url, world.sandbox.salesnav.token
    );
    std::fs::write(world.path("twinmap.toml"), config).unwrap();
}

/// Connected: the environment chosen and the requirements accepted.
pub fn connected(crm: Crm, activities: usize) -> World {
    let world = fresh(crm, activities);
    connect(&world);
    world
}

pub fn connect(world: &World) {
    world.told(0, &["connect", "--environment", "Twinmap Sales", "--accept", "--by", "Ana Costa"]);
}

/// Connected and started, writeback on, the CRM's active users signed in.
pub fn started(crm: Crm, activities: usize) -> World {
    let world = connected(crm, activities);
    world.told(0, &["start", "--writeback", "all"]);
    for email in [KIM, ANA, TOMASZ, PRIYA] {
        sign_in(&world, email);
    }
    world
}

/// The seat holder signs in, with the code that Sales Navigator shows them.
pub fn sign_in(world: &World, email: &str) {
    let seats = nav(world, "GET", "/_sandbox/seats", None);
    let seat = seats["seats"].as_array().unwrap().iter().find(|seat| seat["email"] == email).unwrap();
    let code = format!("cmd:echo {}", seat["sign_in_code"].as_str().unwrap());
    world.told(0, &["connect-user", email, "--code", &code]);
}

/// From now on the project signs in to Salesforce as this person instead of the integration user.
pub fn as_person(world: &World, email: &str) {
    let Endpoint { base_url, .. } = &world.sandbox.salesforce;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer: Value = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = format!(
            "grant_type=password&client_id=x&client_secret=y&username={}&password=z",
            email.replace('@', "%40")
        );
        let request = client
            .post(format!("{base_url}/services/oauth2/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    });
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
    std::fs::write(world.path("sf.token"), token).unwrap();
    std::fs::write(world.path("twinmap.toml"), config.replace("env:SF_TOKEN", "cmd:cat sf.token")).unwrap();
}

/// The project's mappings, all of them.
pub fn mappings(world: &World, text: &str) {
    let _ = std::fs::remove_dir_all(world.path("mappings"));
    std::fs::create_dir_all(world.path("mappings")).unwrap();
    std::fs::write(world.path("mappings/all.twin"), text).unwrap();
}

/// Replaces a piece of the project's mappings.
pub fn edit(world: &World, file: &str, from: &str, to: &str) {
    let path = world.path("mappings").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// A call to the simulated Sales Navigator, with the headers that LinkedIn wants.
pub fn nav(world: &World, method: &str, path: &str, body: Option<&Value>) -> Value {
    let Endpoint { base_url, token } = &world.sandbox.salesnav;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client
            .request(method.parse().unwrap(), format!("{base_url}{path}"))
            .bearer_auth(token)
            .header("X-RestLi-Protocol-Version", "2.0.0");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    })
}

pub const CONTRACT: &str = "contract=urn%3Ali%3Acontract%3A300100";

pub fn salesforce(world: &World, call: &str, body: &Value) -> Value {
    ask(&world.sandbox.salesforce, "POST", &format!("/_sandbox/{call}"), Some(body))
}

/// A seat holder does something in Sales Navigator; gives the activity's id.
pub fn act(world: &World, activity: Value) -> String {
    let answer = nav(world, "POST", "/_sandbox/activity", Some(&activity));
    answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// One run: its LinkedIn part.
pub fn run(world: &World) -> Value {
    world.json(&["run", "--format", "json"])["linkedin"].clone()
}

/// The writeback of a run, after a look at its sums.
pub fn written_back(world: &World) -> Value {
    let report = run(world)["writebacks"][0].clone();
    adds_up(&report);
    report
}

/// Every activity that was seen is written, skipped or held.
pub fn adds_up(report: &Value) {
    let sum =
        |name: &str| -> u64 { report[name].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum() };
    let all = report["written"].as_u64().unwrap() + sum("skipped") + sum("held");
    assert_eq!(report["seen"].as_u64().unwrap(), all, "{report}");
}

pub fn matches(world: &World, status: &str) -> Vec<Value> {
    let told = world.json(&["match", "ls", "--status", status, "--format", "json"]);
    told["matches"].as_array().unwrap().clone()
}

/// A record of this object that is matched, and its member or company.
pub fn matched(world: &World, object: &str) -> (String, String) {
    let all = matches(world, "matched");
    let one =
        all.iter().find(|one| one["object"] == object).unwrap_or_else(|| panic!("no {object} is matched"));
    (one["record"].as_str().unwrap().to_owned(), one["badge"].as_str().unwrap().to_owned())
}

/// A member whom nobody's CRM knows.
pub fn stranger(world: &World) -> Value {
    let members = nav(world, "GET", "/_sandbox/members", None);
    members["members"].as_array().unwrap().last().unwrap().clone()
}

pub fn unresolved(world: &World) -> Vec<Value> {
    world.json(&["unresolved", "--format", "json"])["unresolved"].as_array().unwrap().clone()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
