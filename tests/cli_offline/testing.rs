//! `twinmap test`: what passes, what fails and how that reads, over the real interpreter and merge.

use serde_json::Value;

use super::common::{Example, err, out};
use super::formats::assert_well_formed;
use super::json_schema::misfits;

fn with(tests: &str) -> Example {
    let example = Example::new();
    example.write("tests/more.twin", tests);
    example
}

/// Outcome of each test of `tests/more.twin` by name.
fn outcomes(tests: &str) -> Vec<(String, bool, String)> {
    let example = with(tests);
    let output = example.run(&["test", "tests/more.twin", "--format", "json"]);
    let report: Value = serde_json::from_str(&out(&output)).unwrap_or_else(|_| panic!("{}", err(&output)));
    let of = |test: &Value| {
        let failures = test["failures"].to_string();
        (test["name"].as_str().unwrap().to_owned(), test["outcome"] == "passed", failures)
    };
    report["tests"].as_array().unwrap().iter().map(of).collect()
}

fn all_pass(tests: &str) {
    let outcomes = outcomes(tests);
    assert!(!outcomes.is_empty());
    for (name, passed, failures) in outcomes {
        assert!(passed, "{name}: {failures}");
    }
}

#[test]
fn the_example_s_tests_pass() {
    let output = Example::new().run(&["test"]);
    assert_eq!(
        (output.status.code(), out(&output).as_str()),
        (Some(0), "7 tests passed\n"),
        "{}",
        err(&output)
    );
}

#[test]
fn merges_are_tested_with_a_base() {
    all_pass(
        r#"test "an edit on one side travels" in companies {
  given hubspot { name: "Acme", domain: "acme.example", phone: "1", city: "Rome" }
  given salesforce { Name: "Acme", Website: "https://acme.example", Phone: "1", BillingCity: "Milan" }
  given base { city: "Rome", BillingCity: "Rome" }
  expect exactly hubspot { city: "Milan" }
  expect salesforce { BillingCity: "Milan", Phone: "1" }
}
test "a base of one side is translated" in companies {
  given hubspot { name: "Acme", domain: "acme.example", industry: "INSURANCE" }
  given salesforce { Name: "Acme", Website: "https://acme.example", Industry: "Banking" }
  given base { industry: "BANKING" }
  expect exactly salesforce { Industry: "Insurance" }
}
test "both edited: HubSpot wins" in companies {
  given hubspot { name: "Acme", domain: "acme.example", phone: "2" }
  given salesforce { Name: "Acme", Website: "https://acme.example", Phone: "3" }
  given base { phone: "1", Phone: "1" }
  expect conflict winner hubspot
  expect salesforce { Phone: "2" }
}
test "both edited, the row prefers Salesforce" in companies {
  given hubspot { name: "Acme A", domain: "acme.example" }
  given salesforce { Name: "Acme B", Website: "https://acme.example" }
  given base { hubspot.name: "Acme", Name: "Acme" }
  expect conflict winner salesforce
}
test "nothing to do" in companies {
  given hubspot { name: "Acme", domain: "acme.example", phone: "1" }
  given salesforce { Name: "Acme", Website: "https://acme.example", Phone: "1" }
  expect unchanged
}
test "what the test does not say puts nobody out" in companies {
  given hubspot { phone: "2" }
  given salesforce { Phone: "1" }
  given base { phone: "1", Phone: "1" }
  expect exactly salesforce { Phone: "2" }
}
test "a side that left its filter is not read" in companies {
  given hubspot { name: "Acme", domain: null, phone: "2" }
  given salesforce { Name: "Acme", Website: "https://acme.example", Phone: "1", Type: "Prospect" }
  given base { phone: "1", Phone: "1" }
  expect skipped filter
}
"#,
    );
}

#[test]
fn owners_come_from_the_snapshots() {
    let example = with(
        "test \"an owner without a counterpart is held\" in companies {\n  \
         given hubspot { name: \"A\", domain: \"a.example\", hubspot_owner_id: \"no-such-owner\" }\n  \
         expect held\n  expect salesforce { Name: \"A\" }\n}\n",
    );
    let output = example.run(&["test", "--only", "counterpart"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
}

#[test]
fn failures_say_which_field_which_row_and_why() {
    let example = with(
        r#"test "wrong" in companies {
  given hubspot { name: "Dairy", domain: "dairy.example", industry: "DAIRY", city: "Rome" }
  expect salesforce { Name: "Milk", Industry: "Banking", AnnualRevenue: 5 }
  expect exactly salesforce { Name: "Dairy", Website: "https://dairy.example" }
  expect skipped filter
  expect conflict winner hubspot
}
"#,
    );
    let output = example.run(&["test", "tests/more.twin"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    for part in [
        "FAIL wrong (companies)\n  tests/more.twin:1\n  line 3: salesforce.Account differs\n",
        "    - Name           \"Milk\"\n    + Name           \"Dairy\"\n                     mappings/companies.twin:14 `name <-> Name prefer salesforce`\n",
        "    + Industry       nothing\n                     mappings/companies.twin:16 `industry <-> Industry using industries`: the value is not in the map\n",
        "    + AnnualRevenue  nothing\n                     no row writes it\n",
        "    - BillingCity  nothing\n    + BillingCity  \"Rome\"\n",
        "  line 5: expected skipped filter, but 3 fields would be filled in a new record\n",
        "  line 6: expected a conflict that hubspot wins, but 3 fields would be filled in a new record\n",
        "1 of 1 test failed\n",
    ] {
        assert!(text.contains(part), "{part}\nis missing in:\n{text}");
    }
    let junit = out(&example.run(&["test", "--format", "junit"]));
    assert!(junit.contains("<testsuites tests=\"8\" failures=\"1\">"), "{junit}");
    assert!(junit.contains("<testsuite name=\"tests/more.twin\" tests=\"1\" failures=\"1\""), "{junit}");
    assert_well_formed(&junit);
}

#[test]
fn the_report_fits_its_schema_and_coverage_shrinks_its_gaps() {
    let example = Example::new();
    let schema: Value = serde_json::from_str(&out(&example.run(&["schema-of", "test"]))).unwrap();
    let report = |example: &Example| -> Value {
        let text = out(&example.run(&["test", "--coverage", "--format", "json"]));
        let report = serde_json::from_str(&text).unwrap();
        assert_eq!(misfits(&schema, &report), Vec::<String>::new());
        report
    };
    let before = report(&example);
    let gap = |report: &Value, what: &str| {
        report["coverage"]["uncovered"]
            .as_array()
            .unwrap()
            .iter()
            .any(|gap| gap["what"] == what && gap["at"] != "sync contacts")
    };
    let insurance = "\"INSURANCE\" -> \"Insurance\"";
    assert!(gap(&before, insurance) && !gap(&before, "\"BANKING\" -> \"Banking\""));
    assert!(gap(&before, "the filter of salesforce not passed"));
    example.write(
        "tests/more.twin",
        "test \"a\" in companies {\n  given hubspot { name: \"A\", domain: \"a.example\", industry: \"INSURANCE\" }\n  \
         expect salesforce { Industry: \"Insurance\" }\n}\n\
         test \"b\" in companies {\n  given salesforce { Name: \"A\", Type: \"Other\" }\n  expect skipped filter\n}\n",
    );
    let after = report(&example);
    assert!(!gap(&after, insurance) && !gap(&after, "the filter of salesforce not passed"));
    let covered = |report: &Value| report["coverage"]["covered"].as_u64().unwrap();
    assert_eq!(covered(&after), covered(&before) + 2);
}

#[test]
fn a_program_with_errors_and_empty_tests_do_not_pass() {
    let example =
        with("test \"empty\" in companies {\n  given hubspot { name: \"A\", domain: \"a.example\" }\n}\n");
    let output = example.run(&["test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("expects nothing"), "{}", out(&output));
    example.edit("mappings/companies.twin", "industry ", "industri ");
    let broken = example.run(&["test"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(out(&broken).is_empty() && err(&broken).contains("E201"), "{}", err(&broken));
}

/// What rules ask beyond the record can be given: associated records, lists, links and edit times.
#[test]
fn tests_give_what_stands_around_a_record() {
    let example = Example::new();
    example.edit(
        "mappings/companies.twin",
        "  create salesforce: always\n",
        "  create salesforce: any contact (in_list(\"LIST\")) or any contact (is_private(linked(contacts)))\n  \
         veto salesforce: no contact (email is set)\n",
    );
    example.edit("mappings/companies.twin", "LIST", "Salesforce inclusion list");
    let one = |name: &str, givens: &str, expects: &str| {
        format!(
            "test \"{name}\" in companies {{\n  given hubspot {{ name: \"Acme\", domain: \"acme.example\" }}\n  \
             {givens}\n  {expects}\n}}\n"
        )
    };
    let made = "expect salesforce { Name: \"Acme\" }";
    let listed = "in \"Salesforce inclusion list\" { email: \"a@acme.example\" }";
    let tests = [
        one("nothing said", "", made),
        one("listed", &format!("given hubspot.contact {listed}"), made),
        one("by the plural", &format!("given hubspot.contacts {listed}"), made),
        one("not listed", &format!("given hubspot.contact not {listed}"), "expect skipped create-rule"),
        one("private", "given hubspot.contact linked contacts private { email: \"a@b.example\" }", made),
        one(
            "linked",
            "given hubspot.contact linked contacts.Contact { email: \"a@b.example\" }",
            "expect skipped create-rule",
        ),
        one(
            "not linked",
            "given hubspot.contact not linked contacts private { email: \"a@b.example\" }",
            "expect skipped create-rule",
        ),
        one(
            "no address",
            "given hubspot.contact in \"Salesforce inclusion list\" { lastname: \"B\" }",
            "expect skipped veto",
        ),
        one("nobody", "given no hubspot.contact", "expect skipped veto"),
        "test \"the later edit\" in companies {\n  given base { city: \"A\" }\n  \
         given hubspot edited 10m ago { name: \"Acme\", domain: \"acme.example\", city: \"B\" }\n  \
         given salesforce edited 1m ago { Name: \"Acme\", Website: \"https://acme.example\", BillingCity: \"C\" }\n  \
         expect hubspot { city: \"C\" }\n}\n"
            .to_owned(),
        "test \"within the window\" in companies {\n  given base { city: \"A\" }\n  \
         given hubspot edited 5m ago { name: \"Acme\", domain: \"acme.example\", city: \"B\" }\n  \
         given salesforce edited 1m ago { Name: \"Acme\", Website: \"https://acme.example\", BillingCity: \"C\" }\n  \
         expect conflict winner hubspot\n}\n"
            .to_owned(),
    ];
    example.write("tests/more.twin", &tests.concat());
    let output = example.run(&["test", "tests/more.twin"]);
    assert_eq!(out(&output), "11 tests passed\n", "{}", err(&output));
}

#[test]
fn what_a_test_gives_has_to_exist() {
    let example = with(
        "test \"a\" in companies {\n  given hubspot { name: \"A\" }\n  \
         given hubspot.contac { email: \"x@y.example\" }\n  \
         given hubspot.contact linked contact { email: \"x@y.example\" }\n  \
         given hubspot.contact linked contacts.Lead { emial: \"x@y.example\" }\n  \
         given no hubspt.contact\n  given link company \"1\" <-> \"2\"\n  expect unchanged\n}\n",
    );
    let output = example.run(&["check", "--format", "short"]);
    let text = err(&output) + &out(&output);
    for part in [
        ":3:17: error[E202]",
        ":4:32: error[E204]",
        ":5:41: error[E202]",
        ":5:",
        ":6:12: error[E203]",
        ":7:14: error[E204]",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(text.contains("error[E201]: hubspot.contact has no field `emial`"), "{text}");
}
