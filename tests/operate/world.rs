//! Two simulated CRMs over HTTP, a copy of the example project that talks to them, and the binary as a user runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

pub struct World {
    folder: tempfile::TempDir,
    sandbox: Child,
    pub hubspot: Crm,
    pub salesforce: Crm,
}

/// Where a simulated CRM answers.
pub struct Crm {
    pub address: String,
    pub token: String,
}

impl World {
    /// A small world and the example project.
    pub fn new() -> World {
        World::with(&["--companies", "20", "--contacts", "24", "--deals", "8"])
    }

    pub fn with(args: &[&str]) -> World {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce"), folder.path());
        let mut sandbox = Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .arg("sandbox")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let crm = |name: &str| Crm {
            address: ready[name]["base_url"].as_str().unwrap().trim_start_matches("http://").to_owned(),
            token: ready[name]["token"].as_str().unwrap().to_owned(),
        };
        let world = World { folder, sandbox, hubspot: crm("hubspot"), salesforce: crm("salesforce") };
        // The search of the real one is late by seconds, and so is the simulated one; a test does not wait for it.
        world.hubspot.call("POST", "/_sandbox/settings", Some(json!({ "search_lag_ms": 0 })));
        world.edit("twinmap.toml", "http://127.0.0.1:4011\"", &format!("http://{}\"", world.hubspot.address));
        world.edit(
            "twinmap.toml",
            "http://127.0.0.1:4012\"",
            &format!("http://{}\"", world.salesforce.address),
        );
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replacen(from, to, 1));
    }

    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("TWINMAP_ENV")
            .env("NO_COLOR", "1")
            .env("HUBSPOT_TOKEN", &self.hubspot.token)
            .env("SF_TOKEN", &self.salesforce.token)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Standard output of a command that has to end with this code.
    pub fn text(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        out.into_owned()
    }

    /// The JSON document of a command that has to end with this code.
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        serde_json::from_str(&self.text(code, &args)).unwrap()
    }

    /// A company that is linked, with its account.
    pub fn pair(&self, sync: &str) -> (String, String) {
        let links = self.json(0, &["links", "ls", sync]);
        let link = &links["links"][0];
        (link["left"].as_str().unwrap().to_owned(), link["right"].as_str().unwrap().to_owned())
    }

    pub fn company(&self, id: &str, fields: &str) -> Value {
        self.hubspot.call("GET", &format!("/crm/v3/objects/companies/{id}?properties={fields}"), None).1
            ["properties"]
            .clone()
    }

    pub fn row(&self, object: &str, id: &str) -> Value {
        self.salesforce.call("GET", &format!("/services/data/v64.0/sobjects/{object}/{id}"), None).1
    }

    /// A person edits a record at the screen.
    pub fn edit_company(&self, id: &str, fields: Value) {
        let body = json!({ "object": "companies", "id": id, "properties": fields });
        let (status, answer) = self.hubspot.call("POST", "/_sandbox/edit", Some(body));
        assert_eq!(status, 200, "{answer}");
    }

    pub fn edit_row(&self, object: &str, id: &str, fields: Value) {
        let body = json!({ "object": object, "id": id, "fields": fields });
        let (status, answer) = self.salesforce.call("POST", "/_sandbox/edit", Some(body));
        assert_eq!(status, 200, "{answer}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

impl Crm {
    /// One HTTP exchange on a connection of its own.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
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
