//! A project from nothing against the simulated CRMs: `init --from` pulls and drafts, `drift` finds no news.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The sandbox as a process of its own; it ends with the test.
struct Sandbox {
    child: Child,
    ready: Value,
}

impl Sandbox {
    fn start() -> Sandbox {
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .args(["sandbox", "--seed", "3", "--companies", "3", "--contacts", "3", "--deals", "3"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Sandbox { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, pointer: &str) -> String {
        self.ready.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .args(args)
            .current_dir(folder)
            .env_remove("TWINMAP_ENV")
            .env("NO_COLOR", "1")
            .env("HUBSPOT_TOKEN", self.text("/hubspot/token"))
            .env("SF_TOKEN", self.text("/salesforce/token"))
            .output()
            .unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_project_is_drafted_from_live_schemas() {
    let sandbox = Sandbox::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(sandbox.run(path, &["init", "."]).status.code(), Some(0));
    std::fs::remove_file(path.join("mappings/start.twin")).unwrap();
    let toml = std::fs::read_to_string(path.join("twinmap.toml")).unwrap();
    let hubspot =
        format!("token = \"env:HUBSPOT_TOKEN\"\nbase_url = \"{}\"", sandbox.text("/hubspot/base_url"));
    let toml = toml.replace("token = \"env:HUBSPOT_TOKEN\"", &hubspot);
    let toml = toml.replace("https://your-domain.my.salesforce.com", &sandbox.text("/salesforce/base_url"));
    std::fs::write(path.join("twinmap.toml"), toml).unwrap();
    let drafted = sandbox.run(path, &["init", "--from", "hubspot,salesforce"]);
    assert_eq!(drafted.status.code(), Some(0), "{}", all(&drafted));
    for file in ["companies.twin", "contacts.twin", "deals.twin"] {
        assert!(path.join("mappings").join(file).exists(), "{}", all(&drafted));
    }
    let check = sandbox.run(path, &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", all(&check));
    let drift = sandbox.run(path, &["drift"]);
    assert_eq!(
        (drift.status.code(), drift.stdout.as_slice()),
        (Some(0), "no change\n".as_bytes()),
        "{}",
        all(&drift)
    );
    // A field that the snapshot has and the CRM has not is drift.
    let snapshot = path.join("schema/default/hubspot.json");
    let text = std::fs::read_to_string(&snapshot).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let fields = schema["objects"]["company"]["fields"].as_object_mut().unwrap();
    let field = fields.remove("city").unwrap();
    fields.insert("town".to_owned(), field);
    let edited = path.join("before");
    std::fs::create_dir(&edited).unwrap();
    std::fs::write(edited.join("hubspot.json"), schema.to_string()).unwrap();
    let diff = sandbox.run(path, &["schema", "diff", "before", "default", "--all"]);
    assert!(all(&diff).contains("hubspot.company.town: is now called `city`"), "{}", all(&diff));
}
