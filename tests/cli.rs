//! The binary as a user runs it: offline commands, exit codes, what is printed where.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = "mappings/companies.twin";

/// A copy of the example project that lives as long as the test.
struct Example(tempfile::TempDir);

impl Example {
    fn new() -> Example {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce"), folder.path());
        Example(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .args(args)
            .current_dir(self.0.path())
            .env_remove("TWINMAP_ENV")
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
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

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_example_checks_without_a_finding() {
    let output = Example::new().run(&["check"]);
    assert_eq!(
        (output.status.code(), err(&output).as_str()),
        (Some(0), "ok: 7 files checked, nothing found\n")
    );
}

#[test]
fn an_unknown_field_is_found_on_its_line_in_every_format() {
    let example = Example::new();
    example.edit(PROGRAM, "numberofemployees ", "numberofemployee ");
    let rich = example.run(&["check"]);
    assert_eq!(rich.status.code(), Some(1));
    assert!(err(&rich).contains("did you mean `numberofemployees`?"), "{}", err(&rich));
    assert!(err(&rich).ends_with("1 error, 0 warnings\n"), "no follow-up: {}", err(&rich));
    let short = example.run(&["check", "--format", "short"]);
    assert!(out(&short).starts_with("mappings/companies.twin:18:5: "), "{}", out(&short));
    let json: serde_json::Value =
        serde_json::from_str(&out(&example.run(&["check", "--format", "json"]))).unwrap();
    assert_eq!(json["format_version"], "1");
    assert_eq!(json["summary"], serde_json::json!({ "errors": 1, "warnings": 0 }));
    let found = &json["diagnostics"][0];
    assert_eq!(
        (&found["code"], &found["slug"], &found["span"]["line"]),
        (&"E201".into(), &"unknown-field".into(), &18.into())
    );
    let fix = &found["fixes"][0]["edits"][0];
    let text = std::fs::read_to_string(example.path(PROGRAM)).unwrap();
    let (start, end) = (fix["start"].as_u64().unwrap() as usize, fix["end"].as_u64().unwrap() as usize);
    assert_eq!((&text[start..end], fix["text"].as_str()), ("numberofemployee", Some("numberofemployees")));
}

#[test]
fn compile_writes_the_same_bytes_twice_and_nothing_when_there_are_errors() {
    let example = Example::new();
    assert_eq!(example.run(&["compile", "-o", "a.syncplan"]).status.code(), Some(0));
    assert_eq!(example.run(&["compile", "-o", "b.syncplan"]).status.code(), Some(0));
    let read = |name: &str| std::fs::read_to_string(example.path(name)).unwrap();
    assert_eq!(read("a.syncplan"), read("b.syncplan"));
    let plan = twinmap::plan::SyncPlan::from_json(&read("a.syncplan")).unwrap();
    assert_eq!(
        plan.syncs.iter().map(|sync| sync.name.as_str()).collect::<Vec<_>>(),
        ["companies", "contacts", "deals"]
    );
    example.edit(PROGRAM, "industry ", "industri ");
    let failed = example.run(&["compile", "-o", "c.syncplan"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(!example.path("c.syncplan").exists());
}

#[test]
fn a_changed_or_missing_snapshot_is_refused_with_a_next_step() {
    let example = Example::new();
    example.edit("schema/sandbox/hubspot.json", "\"Industry\"", "\"Branche\"");
    let tampered = example.run(&["check"]);
    assert_eq!(tampered.status.code(), Some(1));
    assert!(err(&tampered).contains("error[E704]") && err(&tampered).contains("twinmap schema pull hubspot"));
    std::fs::remove_file(example.path("schema/sandbox/hubspot.json")).unwrap();
    let missing = example.run(&["check"]);
    assert!(err(&missing).contains("schema/sandbox/hubspot.json is missing"), "{}", err(&missing));
}

#[test]
fn wrong_configuration_is_refused_in_its_place() {
    let example = Example::new();
    example.edit("twinmap.toml", "[state]\nurl", "[state]\nulr");
    let output = example.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("ulr") && err(&output).contains("url"), "{}", err(&output));
    let example = Example::new();
    example.edit("twinmap.toml", "env:HUBSPOT_TOKEN", "pat-na1-11111111-2222-3333-4444-555555555555");
    let output = example.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!err(&output).contains("11111111-2222"), "a secret is never printed: {}", err(&output));
}

#[test]
fn saved_answers_import_and_strange_ones_leave_everything_as_it_was() {
    let example = Example::new();
    let before = std::fs::read_to_string(example.path("twinmap.lock")).unwrap();
    std::fs::write(example.path("strange.json"), "{\"results\": 5}").unwrap();
    let strange = example.run(&["schema", "import", "hubspot.company", "strange.json"]);
    assert_eq!(strange.status.code(), Some(1));
    assert!(err(&strange).contains("error[E713]"), "{}", err(&strange));
    assert_eq!(std::fs::read_to_string(example.path("twinmap.lock")).unwrap(), before);
    let owners =
        r#"{"results":[{"id":"7","email":"kim@acme.example","type":"PERSON","userId":9,"archived":false}]}"#;
    std::fs::write(example.path("owners.json"), owners).unwrap();
    let imported = example.run(&["schema", "import", "hubspot", "owners.json", "--kind", "owners"]);
    assert_eq!(imported.status.code(), Some(0), "{}", err(&imported));
    assert_ne!(std::fs::read_to_string(example.path("twinmap.lock")).unwrap(), before);
    assert_eq!(example.run(&["check"]).status.code(), Some(0));
}

#[test]
fn fields_can_be_shown_and_near_names_are_offered() {
    let example = Example::new();
    let stage = example.run(&["schema", "show", "hubspot.deal.dealstage"]);
    assert!(out(&stage).contains("pipeline \"partners\"") && out(&stage).contains("\"closedwon\""));
    let near = example.run(&["schema", "show", "hubspot.deal.dealstages"]);
    assert_eq!(near.status.code(), Some(1));
    assert!(err(&near).contains("did you mean `dealstage`?"), "{}", err(&near));
}

#[test]
fn codes_explain_themselves_by_number_and_name() {
    let example = Example::new();
    let by_code = example.run(&["explain", "e201"]);
    assert_eq!(by_code.status.code(), Some(0));
    assert_eq!(out(&by_code), out(&example.run(&["explain", "unknown-field"])));
    assert_eq!(example.run(&["explain", "E2001"]).status.code(), Some(64));
    let listed = out(&example.run(&["explain", "--list"]));
    assert!(listed.lines().count() > 80 && listed.lines().all(|line| line.starts_with(['E', 'W'])));
}
