//! Two portals, an org, and a project that keeps all three in step.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use twinmap::sandbox::Config;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::seed::Size;
use twinmap::sandbox::server::{Endpoint, Running, start_at};

/// Salesforce stands between the portals.
pub const CHAIN: [&str; 2] = [
    "sync main: hubspot.company <-> salesforce.Account {
  start: all
  match: domain(hubspot.domain) == domain(salesforce.Website)
  conflict: hubspot within 5m
  guard: creates 100, updates 100, deletes 0, blanks 100
  map {
    name <-> Name
    domain <-> Website using web_address
    phone <-> Phone may blank
    city <-> BillingCity
  }
}",
    "sync europe: salesforce.Account <-> hubspot_eu.company {
  start: all
  match: domain(salesforce.Website) == domain(hubspot_eu.domain)
  conflict: salesforce within 5m
  guard: creates 100, updates 100, deletes 0, blanks 100
  map {
    Name <-> name
    Website <-> domain using web_address
    Phone <-> phone may blank
    BillingCity <-> city
  }
}",
];

/// What closes the triangle.
pub const THIRD: &str = "sync portals: hubspot.company <-> hubspot_eu.company {
  start: all
  match: domain(hubspot.domain) == domain(hubspot_eu.domain)
  conflict: hubspot within 5m
  guard: creates 100, updates 100, deletes 0, blanks 100
  map {
    name <-> name
    domain -> domain on create
    domain <- domain on create
    phone <-> phone may blank
    city <-> city
  }
}";

pub struct World {
    near: Running,
    far: Running,
    pub clock: SimClock,
    folder: tempfile::TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Main,
    Org,
    Europe,
}

pub const ALL: [At; 3] = [At::Main, At::Org, At::Europe];

/// The field of each CRM that holds the same.
pub fn field(at: At, name: &str) -> &str {
    match (at, name) {
        (At::Org, "phone") => "Phone",
        (At::Org, "city") => "BillingCity",
        (At::Org, "name") => "Name",
        (_, name) => name,
    }
}

impl World {
    /// `syncs` in the order of the file.
    pub fn new(syncs: &[&str]) -> World {
        let clock = SimClock::real();
        let size = Size { companies: 0, contacts: 0, deals: 0 };
        let start = |seed| start_at(&Config { size, seed, ..Config::default() }, clock.clone()).unwrap();
        let world = World {
            near: start(1),
            far: start(2),
            clock: clock.clone(),
            folder: tempfile::tempdir().unwrap(),
        };
        for running in [&world.near.hubspot, &world.far.hubspot] {
            ask(running, "POST", "/_sandbox/settings", Some(&json!({ "search_lag_ms": 0 })));
        }
        let config = format!(
            "[project]\nname = \"three\"\nedition = \"2026\"\nenv = \"sandbox\"\n\
             [connections.hubspot]\nkind = \"hubspot\"\ntoken = \"env:MAIN_TOKEN\"\n\
             [connections.hubspot_eu]\nkind = \"hubspot\"\ntoken = \"env:EU_TOKEN\"\n\
             [connections.salesforce]\nkind = \"salesforce\"\nbase_url = \"https://acme.my.salesforce.com\"\n\
             auth = {{ token = \"env:SF_TOKEN\" }}\n\
             [state]\nurl = \"sqlite:.twinmap/state.db\"\n\
             [env.sandbox.connections.hubspot]\nbase_url = \"{}\"\n\
             [env.sandbox.connections.hubspot_eu]\nbase_url = \"{}\"\n\
             [env.sandbox.connections.salesforce]\nbase_url = \"{}\"\n",
            world.near.hubspot.base_url, world.far.hubspot.base_url, world.near.salesforce.base_url
        );
        std::fs::write(world.path("twinmap.toml"), config).unwrap();
        std::fs::create_dir_all(world.path("mappings")).unwrap();
        world.map(syncs);
        // The same seeds give the same schemas: they are pulled once.
        static PULLED: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
        let files = PULLED.get_or_init(|| {
            let pulled = world.run(&["schema", "pull"]);
            assert_eq!(pulled.status.code(), Some(0), "{}", told(&pulled));
            let folder = world.path("schema/sandbox");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<String> =
                names.map(|name| format!("schema/sandbox/{}", name.to_string_lossy())).collect();
            names.push("twinmap.lock".to_owned());
            names.into_iter().map(|name| (name.clone(), std::fs::read(world.path(&name)).unwrap())).collect()
        });
        std::fs::create_dir_all(world.path("schema/sandbox")).unwrap();
        for (name, text) in files {
            std::fs::write(world.path(name), text).unwrap();
        }
        world
    }

    pub fn map(&self, syncs: &[&str]) {
        std::fs::write(self.path("mappings/all.twin"), syncs.join("\n\n") + "\n").unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinmap"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("MAIN_TOKEN", &self.near.hubspot.token)
            .env("EU_TOKEN", &self.far.hubspot.token)
            .env("SF_TOKEN", &self.near.salesforce.token)
            .env("CI", "true")
            .env_remove("TWINMAP_ENV")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        let output = self.run(&args);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{args:?}: {}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Plans and runs: the run writes what the plan said, each record once, and the next one has nothing to do.
    pub fn sync(&self) -> Value {
        let plan = self.json(&["plan"]);
        let before = self.writes();
        let report = self.json(&["run"]);
        let changes = plan["changes"].as_array().unwrap();
        assert_eq!(report["outcome"], "ok", "{report}\n{plan}");
        for (word, count) in [("created", "create"), ("updated", "update")] {
            assert_eq!(report["counts"][word], plan["summary"][count], "{report}\n{plan}");
        }
        let mut records: Vec<String> =
            changes.iter().map(|change| format!("{} {}", change["system"], change["record"])).collect();
        records.retain(|record| !record.ends_with("null"));
        let all = records.len();
        records.sort();
        records.dedup();
        assert_eq!(records.len(), all, "a record is written once: {plan}");
        assert_eq!(self.writes() - before, changes.len() as u64, "{plan}");
        self.is_at_rest();
        plan
    }

    pub fn is_at_rest(&self) {
        let before = self.writes();
        let again = self.json(&["run"]);
        assert_eq!(self.writes(), before, "the next run has nothing to do: {again}");
    }

    pub fn writes(&self) -> u64 {
        let count = |running: &Running| -> u64 {
            running.log.stats().values().filter_map(|kinds| kinds.get("mutations")).sum()
        };
        count(&self.near) + count(&self.far)
    }

    /// Replaces the fault rules of all three.
    pub fn faults(&self, rules: &Value) {
        for endpoint in [&self.near.hubspot, &self.far.hubspot] {
            ask(endpoint, "POST", "/_sandbox/faults", Some(rules));
        }
    }

    /// How many answers are held back.
    pub fn delayed(&self) -> u64 {
        let count = |endpoint: &Endpoint| {
            let told = ask(endpoint, "GET", "/_sandbox/faults", None);
            let all = told["happened"].as_array().unwrap_or_else(|| panic!("{told}")).iter();
            all.filter_map(|one| one[1].as_u64()).sum::<u64>()
        };
        count(&self.near.hubspot) + count(&self.far.hubspot)
    }

    fn end(&self, at: At) -> &Endpoint {
        match at {
            At::Main => &self.near.hubspot,
            At::Org => &self.near.salesforce,
            At::Europe => &self.far.hubspot,
        }
    }

    /// A person makes a company.
    pub fn make(&self, at: At, key: &str, phone: &str) -> String {
        if at == At::Org {
            let body = json!({ "Name": key, "Website": format!("https://{key}.example"), "Phone": phone });
            let made = ask(self.end(at), "POST", "/services/data/v60.0/sobjects/Account", Some(&body));
            return made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        }
        let body =
            json!({ "properties": { "name": key, "domain": format!("{key}.example"), "phone": phone } });
        let made = ask(self.end(at), "POST", "/crm/v3/objects/companies", Some(&body));
        made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// A person edits a record at their screen.
    pub fn edit(&self, at: At, id: &str, name: &str, value: &str) {
        let (object, fields) = if at == At::Org { ("Account", "fields") } else { ("company", "properties") };
        let body = json!({ "object": object, "id": id, "by": "person", fields: { field(at, name): value } });
        let answer = ask(self.end(at), "POST", "/_sandbox/edit", Some(&body));
        assert!(answer.get("errorCode").is_none() && answer.get("category").is_none(), "{answer}");
    }

    pub fn value(&self, at: At, id: &str, name: &str) -> String {
        let field = field(at, name);
        let found = if at == At::Org {
            let path = format!("/services/data/v60.0/sobjects/Account/{id}");
            ask(self.end(at), "GET", &path, None)[field].clone()
        } else {
            let path = format!("/crm/v3/objects/companies/{id}?properties={field}");
            ask(self.end(at), "GET", &path, None)["properties"][field].clone()
        };
        found.as_str().unwrap_or("").to_owned()
    }

    /// Ids and names of the records of a CRM.
    pub fn records(&self, at: At) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        if at == At::Org {
            let path = "/services/data/v60.0/query?q=SELECT+Id,+Name+FROM+Account+ORDER+BY+Id";
            let answer = ask(self.end(at), "GET", path, None);
            let rows = answer["records"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
            return rows.map(|row| (text(&row["Id"]), text(&row["Name"]))).collect();
        }
        let answer = ask(self.end(at), "GET", "/crm/v3/objects/companies?limit=100&properties=name", None);
        let rows = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
        rows.map(|row| (text(&row["id"]), text(&row["properties"]["name"]))).collect()
    }

    /// The one record of each CRM with this name.
    pub fn thing(&self, name: &str) -> Thing<'_> {
        let ids = ALL.map(|at| {
            let found = self.records(at);
            let own: Vec<String> =
                found.iter().filter(|(_, known)| known == name).map(|(id, _)| id.clone()).collect();
            assert_eq!(own.len(), 1, "{at:?}: {found:?}");
            own[0].clone()
        });
        Thing { world: self, ids }
    }

    /// What was overwritten by a run.
    pub fn ledger(&self, run: &str) -> Vec<Value> {
        self.json(&["runs", "show", run])["ledger"].as_array().unwrap().clone()
    }
}

/// One thing with a record in each CRM.
pub struct Thing<'w> {
    world: &'w World,
    pub ids: [String; 3],
}

impl Thing<'_> {
    pub fn id(&self, at: At) -> &str {
        &self.ids[ALL.iter().position(|known| *known == at).unwrap()]
    }

    pub fn edit(&self, at: At, name: &str, value: &str) {
        self.world.edit(at, self.id(at), name, value);
    }

    pub fn values(&self, name: &str) -> [String; 3] {
        ALL.map(|at| self.world.value(at, self.id(at), name))
    }

    /// All three hold this.
    pub fn holds(&self, name: &str, value: &str) {
        assert_eq!(self.values(name), [value; 3].map(str::to_owned), "{name}");
    }
}

pub fn ask(endpoint: &Endpoint, method: &str, path: &str, body: Option<&Value>) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}", endpoint.base_url);
        let mut request = client.request(method.parse().unwrap(), url).bearer_auth(&endpoint.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    })
}

pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
