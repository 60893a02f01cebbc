//! `twinmap drift` and `twinmap schema diff`: classes, the lines that a change touches, the edit to make.

use serde_json::{Value, json};

use super::common::{Example, err, out};
use super::json_schema::misfits;

/// The example with changed copies of its snapshots in `fresh/`.
fn changed(edit: impl FnOnce(&mut Value, &mut Value)) -> Example {
    let example = Example::new();
    let read = |system: &str| -> Value {
        serde_json::from_str(&example.read(&format!("schema/sandbox/{system}.json"))).unwrap()
    };
    let (mut hubspot, mut salesforce) = (read("hubspot"), read("salesforce"));
    edit(&mut hubspot, &mut salesforce);
    example.write("fresh/hubspot.json", &hubspot.to_string());
    example.write("fresh/salesforce.json", &salesforce.to_string());
    example
}

fn drift(example: &Example) -> (Option<i32>, Vec<(String, String, String)>, Value) {
    let output = example.run(&["drift", "--against", "fresh", "--format", "json"]);
    let document: Value = serde_json::from_str(&out(&output)).unwrap_or_else(|_| panic!("{}", err(&output)));
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let changes = document["changes"].as_array().unwrap().iter();
    let changes = changes.map(|one| (text(one, "severity"), text(one, "kind"), text(one, "path"))).collect();
    (output.status.code(), changes, document)
}

#[test]
fn nothing_changed() {
    let example = changed(|_, _| {});
    let output = example.run(&["drift", "--against", "fresh"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "no change\n"));
}

#[test]
fn a_renamed_field_names_its_rows_and_the_edit() {
    let example = changed(|hubspot, _| {
        let fields = hubspot["objects"]["company"]["fields"].as_object_mut().unwrap();
        let field = fields.remove("numberofemployees").unwrap();
        fields.insert("employee_count".to_owned(), field);
    });
    let output = example.run(&["drift", "--against", "fresh"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    for part in [
        "breaking  hubspot.company.numberofemployees: is now called `employee_count`\n",
        "mappings/companies.twin:18  numberofemployees <-> NumberOfEmployees",
        "edit: write `employee_count` instead of `numberofemployees`\n",
        "1 breaking, 0 risky, 0 harmless\n",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn changes_are_classed_by_what_the_mappings_see() {
    let example = changed(|hubspot, salesforce| {
        let account = &mut salesforce["objects"]["Account"]["fields"];
        account["Phone"]["createable"] = json!(false);
        account["Phone"]["updateable"] = json!(false);
        account["BillingCity"]["type"] = json!("text(20)");
        account["Sic"]["type"] = json!("text(5)");
        account.as_object_mut().unwrap().remove("TickerSymbol");
        account["NewOne"] = json!({ "label": "New", "type": "text(10)", "required_on_create": true });
        account["Calm"] = json!({ "label": "Calm", "type": "text(10)" });
        let industry = account["Industry"]["options"].as_array_mut().unwrap();
        industry.retain(|option| option["value"] != "Banking");
        industry.push(json!({ "value": "Space" }));
        let stages = salesforce["objects"]["Opportunity"]["stages"].as_array_mut().unwrap();
        let won = stages.iter_mut().find(|stage| stage["id"] == "Closed Won").unwrap();
        won["won"] = json!(false);
        stages.retain(|stage| stage["id"] != "Perception Analysis");
        let pipelines = hubspot["objects"]["deal"]["pipelines"].as_array_mut().unwrap();
        pipelines[0]["stages"].as_array_mut().unwrap().push(json!({ "id": "legal", "label": "Legal" }));
    });
    let (code, changes, document) = drift(&example);
    assert_eq!(code, Some(1));
    let has = |severity: &str, kind: &str, path: &str| {
        assert!(
            changes.contains(&(severity.to_owned(), kind.to_owned(), path.to_owned())),
            "{severity} {kind} {path} is missing in {changes:#?}"
        );
    };
    has("breaking", "read-only", "salesforce.Account.Phone");
    has("risky", "shorter", "salesforce.Account.BillingCity");
    has("harmless", "shorter", "salesforce.Account.Sic");
    has("harmless", "field-removed", "salesforce.Account.TickerSymbol");
    has("breaking", "field-added", "salesforce.Account.NewOne");
    has("harmless", "field-added", "salesforce.Account.Calm");
    has("breaking", "value-removed", "salesforce.Account.Industry");
    has("risky", "value-added", "salesforce.Account.Industry");
    has("breaking", "stage-end-changed", "salesforce.Opportunity");
    has("harmless", "stage-removed", "salesforce.Opportunity");
    has("risky", "stage-added", "hubspot.deal");
    assert_eq!(changes.len(), 11, "{changes:#?}");
    let schema: Value = serde_json::from_str(&out(&example.run(&["schema-of", "drift"]))).unwrap();
    assert_eq!(misfits(&schema, &document), Vec::<String>::new());
    // Worst first, and the row of the value that is gone.
    let severities: Vec<&str> = changes.iter().map(|(severity, ..)| severity.as_str()).collect();
    let mut sorted = severities.clone();
    sorted.sort_by_key(|word| ["breaking", "risky", "harmless"].iter().position(|known| known == word));
    assert_eq!(severities, sorted);
    let banking =
        document["changes"].as_array().unwrap().iter().find(|one| one["kind"] == "value-removed").unwrap();
    assert!(banking["lines"].to_string().contains("\\\"BANKING\\\" <-> \\\"Banking\\\""), "{banking}");
}

#[test]
fn files_can_be_compared_without_a_project_and_the_lock_alone_too() {
    let example = changed(|hubspot, _| {
        hubspot["objects"]["company"]["fields"].as_object_mut().unwrap().remove("name");
    });
    std::fs::rename(example.path("schema/sandbox/hubspot.json"), example.path("old.json")).unwrap();
    std::fs::remove_file(example.path("twinmap.toml")).unwrap();
    let output = example.run(&["schema", "diff", "old.json", "fresh/hubspot.json"]);
    assert!(out(&output).contains("harmless  hubspot.company.name: is gone\n"), "{}", out(&output));
    let example = Example::new();
    let locked = example.run(&["drift", "--locked"]);
    assert_eq!((locked.status.code(), err(&locked).as_str()), (Some(0), "ok: 2 snapshots as locked\n"));
    example.edit("schema/sandbox/hubspot.json", "\"Industry\"", "\"Branche\"");
    assert_eq!(example.run(&["drift", "--locked"]).status.code(), Some(1));
    assert_eq!(example.run(&["drift", "--against", "nowhere"]).status.code(), Some(1));
}
