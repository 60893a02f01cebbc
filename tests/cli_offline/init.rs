//! `twinmap init` and `twinmap stages auto`: scaffolds, templates and drafts.

use std::path::Path;

use super::common::{Example, copy, err, out, run_in};

/// An empty folder, maybe with the example's schemas and configuration.
fn folder(with_schemas: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if with_schemas {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce");
        copy(&example.join("schema"), &folder.path().join("schema"));
        for file in ["twinmap.toml", "twinmap.lock"] {
            std::fs::copy(example.join(file), folder.path().join(file)).unwrap();
        }
    }
    folder
}

#[test]
fn a_new_project_checks_and_is_never_written_over() {
    let folder = folder(false);
    let made = run_in(folder.path(), &["init", "acme"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert_eq!(
        out(&made),
        "./acme/twinmap.toml\n./acme/.gitignore\n./acme/README.md\n./acme/mappings/start.twin\n"
            .replace("./", "")
    );
    let project = folder.path().join("acme");
    let check = run_in(&project, &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", err(&check));
    assert_eq!(run_in(&project, &["fmt", "--check"]).status.code(), Some(0));
    let toml = std::fs::read_to_string(project.join("twinmap.toml")).unwrap();
    assert!(toml.contains("name = \"acme\"") && toml.contains("env:HUBSPOT_TOKEN"));
    let again = run_in(&project, &["init", "--name", "other"]);
    assert_eq!(again.status.code(), Some(64));
    assert!(err(&again).contains("twinmap.toml exists already"), "{}", err(&again));
    assert_eq!(std::fs::read_to_string(project.join("twinmap.toml")).unwrap(), toml);
}

#[test]
fn templates_stand_as_laid_out_and_those_of_its_objects_check_against_the_example_s_schemas() {
    // The whole of the vendors' integration needs schemas of its own: `tests/behaviours` pulls them from a fresh portal.
    for (template, checks) in [("hubspot-salesforce", false), ("data-sync", false), ("data-sync-deals", true)]
    {
        let folder = folder(false);
        let made = run_in(folder.path(), &["init", ".", "--template", template, "--name", "acme"]);
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce");
        copy(&example.join("schema"), &folder.path().join("schema"));
        for file in ["twinmap.toml", "twinmap.lock"] {
            std::fs::copy(example.join(file), folder.path().join(file)).unwrap();
        }
        assert_eq!(run_in(folder.path(), &["fmt", "--check"]).status.code(), Some(0), "{template}");
        if !checks {
            continue;
        }
        let check = run_in(folder.path(), &["check"]);
        assert_eq!(check.status.code(), Some(0), "{template}: {}", err(&check));
        assert_eq!(run_in(folder.path(), &["compile", "-o", "a.syncplan"]).status.code(), Some(0));
    }
    let unknown = run_in(folder(false).path(), &["init", "--template", "hubspot-salesforc"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(err(&unknown).contains("did you mean `hubspot-salesforce`?"));
}

#[test]
fn templates_with_linkedin_check_in_parity_mode_and_are_free_without_it() {
    for (template, crm) in [("hubspot-linkedin", "hubspot"), ("salesforce-linkedin", "salesforce")] {
        let folder = folder(false);
        let made = run_in(folder.path(), &["init", ".", "--template", template, "--name", "acme"]);
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        let config = std::fs::read_to_string(folder.path().join("twinmap.toml")).unwrap();
        assert!(
            config.contains("parity = true") && config.contains(&format!("kind = \"{crm}\"")),
            "{config}"
        );
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs").join(template);
        copy(&example.join("schema/sandbox"), &folder.path().join("schema/default"));
        let lock = std::fs::read_to_string(example.join("twinmap.lock")).unwrap();
        let lock = lock.replace("[schema.sandbox]", "[schema.default]");
        std::fs::write(folder.path().join("twinmap.lock"), lock).unwrap();
        let check = run_in(folder.path(), &["check"]);
        assert_eq!(check.status.code(), Some(0), "{template}: {}", err(&check));
        assert!(err(&check).contains("nothing found"), "{template}: {}", err(&check));
        assert_eq!(run_in(folder.path(), &["fmt", "--check"]).status.code(), Some(0), "{template}");
        // A mapping of one's own is refused as long as the mode is LinkedIn's.
        let file = std::fs::read_dir(folder.path().join("mappings")).unwrap();
        let file =
            file.map(|one| one.unwrap().path()).find(|path| !path.ends_with("writeback.twin")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let own = if crm == "hubspot" { "firstname" } else { "FirstName" };
        let map = format!("  match: person\n  map {{\n    {own:<24} ->  first_name\n  }}\n");
        std::fs::write(&file, text.replacen("  match: person\n", &map, 1)).unwrap();
        let check = run_in(folder.path(), &["check"]);
        assert!(check.status.code() == Some(1) && err(&check).contains("parity"), "{}", err(&check));
        let free = config.replace("parity = true", "parity = false");
        std::fs::write(folder.path().join("twinmap.toml"), free).unwrap();
        assert!(!err(&run_in(folder.path(), &["check"])).contains("parity"));
    }
}

#[test]
fn drafts_check_without_errors_and_keep_guesses_as_comments() {
    let folder = folder(true);
    let made = run_in(folder.path(), &["init", "--from", "hubspot,salesforce"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let check = run_in(folder.path(), &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", err(&check));
    assert_eq!(run_in(folder.path(), &["fmt", "--check"]).status.code(), Some(0));
    let companies = std::fs::read_to_string(folder.path().join("mappings/companies.twin")).unwrap();
    for part in [
        "domain                   <-> Website using web_address\n",
        "industry                 <-> Industry using companies_industry\n",
        "  \"BANKING\"                  <-> \"Banking\"\n",
        "  # \"INVESTMENT_BANKING\" -> \"Banking\"  (score ",
        "match: domain(hubspot.domain) == domain(salesforce.Website)",
    ] {
        assert!(companies.contains(part), "{part} is missing in\n{companies}");
    }
    let deals = std::fs::read_to_string(folder.path().join("mappings/deals.twin")).unwrap();
    assert!(deals.contains("\"closedwon\"                <-> \"Closed Won\"\n"), "{deals}");
    assert!(deals.contains("associate company <-> AccountId through companies primary"));
    // The same schemas give the same draft, and nothing is overwritten.
    let again = run_in(folder.path(), &["init", "--from", "hubspot,salesforce"]);
    assert_eq!(again.status.code(), Some(64));
    std::fs::remove_dir_all(folder.path().join("mappings")).unwrap();
    assert_eq!(run_in(folder.path(), &["init", "--from", "hubspot,salesforce"]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(folder.path().join("mappings/companies.twin")).unwrap(), companies);
}

#[test]
fn drafts_the_other_way_round_check_too() {
    let folder = folder(true);
    let made = run_in(folder.path(), &["init", "--from", "salesforce,hubspot"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let check = run_in(folder.path(), &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", err(&check));
    let companies = std::fs::read_to_string(folder.path().join("mappings/companies.twin")).unwrap();
    assert!(companies.contains("Website                  <-> domain using web_address"), "{companies}");
}

#[test]
fn drafts_without_snapshots_say_what_to_do() {
    let folder = folder(false);
    let output = run_in(folder.path(), &["init", "--from", "hubspot,salesforce"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("twinmap schema pull hubspot"), "{}", err(&output));
    // The scaffold is there, so that the schemas can be pulled.
    assert!(folder.path().join("twinmap.toml").exists());
    let output = run_in(folder.path(), &["init", "--from", "hubspott,salesforce"]);
    assert!(err(&output).contains("did you mean `hubspot`?"), "{}", err(&output));
}

#[test]
fn stages_are_proposed_with_scores_and_nothing_is_written() {
    let example = Example::new();
    let before = example.read("mappings/deals.twin");
    let output = example.run(&["stages", "auto", "hubspot.deal", "salesforce.Opportunity"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for part in [
        "stages stages_auto: hubspot.deal pipeline \"default\" <-> salesforce.Opportunity record_type \"New_Business\" {",
        "# \"qualifiedtobuy\" <-> \"Qualification\"  (Qualified To Buy and Qualification, score 66)",
        "\"closedlost\"               <-> \"Closed Lost\" # Closed Lost and Closed Lost, score 100",
        "# \"partner_proposal\" <-> \"Proposal/Price Quote\"",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(example.read("mappings/deals.twin"), before);
    let json: serde_json::Value = serde_json::from_str(&out(&example.run(&[
        "stages",
        "auto",
        "hubspot.deal",
        "salesforce.Opportunity",
        "--format",
        "json",
    ])))
    .unwrap();
    let rows = json["proposals"][0]["rows"].as_array().unwrap();
    // One-to-one on both ends.
    for side in ["left", "right"] {
        let mut ends: Vec<&str> = rows.iter().map(|row| row[side].as_str().unwrap()).collect();
        ends.sort_unstable();
        let count = ends.len();
        ends.dedup();
        assert_eq!(ends.len(), count);
    }
    let none = example.run(&["stages", "auto", "hubspot.company", "salesforce.Opportunity"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(err(&none).contains("no-stage-field"), "{}", err(&none));
}
