//! The real binary against a served sandbox: what every test of a run needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use twinmap::sandbox::Config;
use twinmap::sandbox::core::clock::SimClock;
use twinmap::sandbox::seed::Size;
use twinmap::sandbox::server::{Endpoint, Running, start_at};

/// A project in a folder of its own, and the two CRMs that it keeps in step.
pub struct World {
    pub sandbox: Running,
    pub folder: tempfile::TempDir,
}

pub const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/specs/hubspot-salesforce");

impl World {
    pub fn new(companies: usize, contacts: usize, deals: usize) -> World {
        World::by_clock(companies, contacts, deals, SimClock::real())
    }

    /// The same by a clock of the test's own.
    pub fn by_clock(companies: usize, contacts: usize, deals: usize, clock: SimClock) -> World {
        let size = Size { companies, contacts, deals };
        let sandbox = start_at(&Config { size, ..Config::default() }, clock).unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new(EXAMPLE), folder.path());
        let world = World { sandbox, folder };
        let config = std::fs::read_to_string(world.path("twinmap.toml")).unwrap();
        let config = config
            // With the closing quote: a port that was given may begin like the other one's.
            .replace("http://127.0.0.1:4011\"", &format!("{}\"", world.sandbox.hubspot.base_url))
            .replace("http://127.0.0.1:4012\"", &format!("{}\"", world.sandbox.salesforce.base_url));
        std::fs::write(world.path("twinmap.toml"), config).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinmap"));
        command
            .arg("-C")
            .arg(self.folder.path())
            .args(args)
            .current_dir(self.folder.path())
            .env("HUBSPOT_TOKEN", &self.sandbox.hubspot.token)
            .env("SF_TOKEN", &self.sandbox.salesforce.token)
            .env("CI", "true")
            .env_remove("TWINMAP_ENV")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed and parses what it prints.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 2 | 3)), "{args:?}: {code:?}\n{}", err(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Writes as counted by the servers.
    pub fn writes(&self) -> u64 {
        let stats = self.sandbox.log.stats();
        stats.values().filter_map(|kinds| kinds.get("mutations")).sum()
    }

    /// A person edits a record at their screen.
    pub fn edit(&self, side: Side, object: &str, id: &str, field: &str, value: &str) {
        let (endpoint, fields) = match side {
            Side::HubSpot => (&self.sandbox.hubspot, "properties"),
            Side::Salesforce => (&self.sandbox.salesforce, "fields"),
        };
        let body = json!({ "object": object, "id": id, "by": "person", fields: { field: value } });
        let answer = ask(endpoint, "POST", "/_sandbox/edit", Some(&body));
        assert!(answer.get("errorCode").is_none() && answer.get("category").is_none(), "{answer}");
    }

    pub fn query(&self, soql: &str) -> Vec<Value> {
        let path = format!("/services/data/v60.0/query?q={}", soql.replace(' ', "+").replace('\'', "%27"));
        let mut answer = ask(&self.sandbox.salesforce, "GET", &path, None);
        let mut records = answer["records"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        while let Some(next) = answer["nextRecordsUrl"].as_str().map(str::to_owned) {
            answer = ask(&self.sandbox.salesforce, "GET", &next, None);
            records.extend(answer["records"].as_array().unwrap().iter().cloned());
        }
        records
    }

    pub fn objects(&self, object: &str, properties: &str, associations: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!(
                "/crm/v3/objects/{object}?limit=100&properties={properties}&associations={associations}{after}"
            );
            let answer = ask(&self.sandbox.hubspot, "GET", &path, None);
            all.extend(answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().cloned());
            match answer["paging"]["next"]["after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// A linked pair of a sync, by its number.
    pub fn pair(&self, sync: &str, index: usize) -> (String, String) {
        let store = twinmap::state::Store::open_reading(&self.path(".twinmap/state.db")).unwrap().unwrap();
        let links = store.links(sync).unwrap();
        let link = links.get(index).unwrap();
        (link.left.clone(), link.right.clone())
    }
}

#[derive(Clone, Copy)]
pub enum Side {
    HubSpot,
    Salesforce,
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

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
