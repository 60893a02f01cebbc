//! The output formats of `check`, `lint`, `check --fix`, `schema-of`: one program with findings through all of them.

use serde_json::Value;

use super::common::{Example, err, out};
use super::json_schema::misfits;

/// Two errors, one of them with a fix that is likely, and a warning; with a name that formats must escape.
fn faulty() -> Example {
    let example = Example::new();
    example.edit("mappings/companies.twin", "numberofemployees ", "numberofemployes ");
    example.edit("mappings/companies.twin", " # allow W305: head counts stay far below 8 digits", "");
    example.edit("mappings/industries.twin", "\"Agriculture\"", "\"Agri%:,<cult>\"");
    example
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn sarif_follows_its_standard() {
    let example = faulty();
    let text = out(&example.run(&["check", "--format", "sarif"]));
    let log = json(&text);
    let shape = json(include_str!("sarif_shape.json"));
    assert_eq!(misfits(&shape, &log), Vec::<String>::new());
    let run = &log["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["E201", "E403"]);
    for result in run["results"].as_array().unwrap() {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(result["ruleId"], rules[index]);
    }
    let first = &run["results"][0];
    let place = &first["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "mappings/companies.twin");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&18.into(), &5.into()));
    assert_eq!(
        first["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"],
        "numberofemployees"
    );
    // The validator notices what is wrong.
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = "fatal".into();
    assert_eq!(misfits(&shape, &broken).len(), 1);
}

#[test]
fn paths_start_at_the_repository() {
    let example = faulty();
    std::fs::create_dir_all(example.path("repo/.git")).unwrap();
    for part in ["mappings", "schema", "twinmap.toml", "twinmap.lock"] {
        std::fs::create_dir_all(example.path("repo/crm")).unwrap();
        std::fs::rename(example.path(part), example.path("repo/crm").join(part)).unwrap();
    }
    let github = out(&example.run(&["-C", "repo/crm", "check", "--format", "github"]));
    assert!(github.starts_with("::error file=crm/mappings/companies.twin,line=18,endLine=18,col=5,endColumn=21,title=E201 unknown-field::"), "{github}");
}

#[test]
fn annotations_are_escaped_sorted_and_end_with_the_rest() {
    let example = faulty();
    let text = out(&example.run(&["check", "--format", "github"]));
    assert!(text.contains("no value \"Agri%25:,<cult>\""), "{text}");
    let rows: String = (0..14).map(|n| format!("    nothing_{n} -> Phone\n")).collect();
    example.edit("mappings/companies.twin", "    phone ", &format!("{rows}    phone "));
    let text = out(&example.run(&["check", "--format", "github"]));
    assert_eq!(text.lines().filter(|line| line.starts_with("::error ")).count(), 10);
    assert!(text.lines().last().unwrap().contains("more errors"), "{text}");
}

#[test]
fn junit_is_xml_with_a_case_a_file_and_a_failure_an_error() {
    let text = out(&faulty().run(&["check", "--format", "junit"]));
    assert!(text.contains("<testsuites tests=\"7\" failures=\"2\">"), "{text}");
    assert!(text.contains("<failure type=\"E403\"") && text.contains("Agri%:,&lt;cult&gt;"), "{text}");
    assert!(text.contains("<testcase classname=\"mappings/deals.twin\" name=\"mappings/deals.twin\"/>"));
    assert_well_formed(&text);
}

/// Every tag is closed in its order, and no bare `&` or `<` stands in a text.
pub fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;", "quot;"].iter().any(|known| entity.starts_with(known)),
                "{entity}"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !tag.starts_with('?') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn markdown_has_a_heading_and_no_markup_out_of_files() {
    let text = out(&faulty().run(&["check", "--format", "markdown"]));
    assert!(text.starts_with("### twinmap check: 2 errors, 0 warnings\n\n**mappings/companies.twin**\n\n- line 18: error **E201** "), "{text}");
    assert!(text.contains("\\<cult\\>"), "{text}");
}

#[test]
fn every_document_fits_the_schema_that_is_printed_for_it() {
    let example = faulty();
    let schema = |name: &str| json(&out(&example.run(&["schema-of", name])));
    let check = json(&out(&example.run(&["check", "--format", "json"])));
    assert_eq!(misfits(&schema("check"), &check), Vec::<String>::new());
    let sound = Example::new();
    let show = json(&out(&sound.run(&["show", "--format", "json"])));
    assert_eq!(misfits(&schema("show"), &show), Vec::<String>::new());
    for system in ["hubspot", "salesforce"] {
        let snapshot = json(&sound.read(&format!("schema/sandbox/{system}.json")));
        assert_eq!(misfits(&schema("snapshot"), &snapshot), Vec::<String>::new());
    }
    let listed = out(&example.run(&["schema-of", "--list"]));
    for line in listed.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert_eq!(schema(name)["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    let unknown = example.run(&["schema-of", "chekc"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(err(&unknown).contains("did you mean `check`?"));
}

#[test]
fn certain_fixes_are_applied_and_likely_ones_are_not() {
    let example = Example::new();
    let whole = example.read("mappings/companies.twin");
    example.edit(
        "mappings/companies.twin",
        "name                     <-> Name",
        "name                     <=> Name",
    );
    example.edit("mappings/companies.twin", "filter salesforce: Type", "filter salesforce Type");
    example.edit("mappings/companies.twin", "city  ", "citi  ");
    let fixed = example.run(&["check", "--fix", "--format", "short"]);
    assert_eq!(fixed.status.code(), Some(1), "{}", err(&fixed));
    assert!(err(&fixed).contains("2 fixes applied"), "{}", err(&fixed));
    assert_eq!(out(&fixed).lines().count(), 1, "{}", out(&fixed));
    assert_eq!(example.read("mappings/companies.twin"), whole.replacen("city  ", "citi  ", 1));
    // Nothing is touched where nothing is certain.
    let again = example.run(&["check", "--fix", "--format", "short"]);
    assert!(err(&again).contains("0 fixes applied"));
}

#[test]
fn lint_fails_on_warnings_and_levels_are_the_project_s() {
    let example = Example::new();
    assert_eq!(example.run(&["lint"]).status.code(), Some(0));
    example.edit("mappings/companies.twin", " # allow W305: head counts stay far below 8 digits", "");
    assert_eq!(example.run(&["check"]).status.code(), Some(0));
    let lint = example.run(&["lint", "--format", "short"]);
    assert_eq!(lint.status.code(), Some(1));
    assert!(out(&lint).contains("warning[W305]"), "{}", out(&lint));
    let config = example.read("twinmap.toml");
    example.write("twinmap.toml", &format!("{config}\n[lint]\nW305 = \"error\"\n"));
    assert_eq!(example.run(&["check"]).status.code(), Some(1));
    example.write("twinmap.toml", &format!("{config}\n[lint]\nnumber-may-not-fit = \"allow\"\n"));
    assert_eq!(example.run(&["lint"]).status.code(), Some(0));
    let levels = out(&example.run(&["lint", "--levels"]));
    assert!(levels.lines().any(|line| line.starts_with("W305") && line.contains("allow (set)")), "{levels}");
}
