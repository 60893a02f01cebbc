//! `twinmap show`: a plan in words.

use super::common::{Example, err, out};

#[test]
fn every_part_of_the_plan_is_said_within_80_columns() {
    let example = Example::new();
    let shown = example.run(&["show", "--full"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    let text = out(&shown);
    for line in text.lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line}");
    }
    for part in [
        "sync companies: hubspot.company <-> salesforce.Account",
        "filter salesforce: Type is not \"Other\"",
        "match: hubspot: domain(domain) = salesforce: domain(Website)",
        "create hubspot: when Website is set",
        "conflict: hubspot wins within 5 minutes",
        "salesforce.Account -> hubspot.company, 9 fields",
        "AnnualRevenue     ->  annualrevenue",
        "by the value map `industries`",
        "associations: none",
        "by the stage maps `sales`, `partners`",
        "\"UTILITIES\"                        <-> \"Utilities\"",
        "owners hubspot <-> salesforce: by e-mail address; inactive owners: held",
        "denies a change set with more than 0",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn conditions_are_said_in_words() {
    let example = Example::new();
    example.edit(
        "mappings/companies.twin",
        "filter hubspot: domain is set and name is set",
        "filter hubspot: domain is set and (lifecyclestage in [\"lead\", \"customer\"] or numberofemployees between 10 and 50)\n  \
         filter hubspot: not (city is blank) and any contact (email is set) and name starts_with \"A\"",
    );
    example.edit(
        "mappings/companies.twin",
        "    phone                    <-> Phone\n",
        "    phone                    -> Phone default \"none\" if empty when not (city == \"Rome\")\n",
    );
    let text = out(&example.run(&["show", "--sync", "companies"]));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "domain is set and (lifecyclestage is one of \"lead\", \"customer\" or numberofemployees is between 10 and 50)",
        "and city is not blank and (at least one associated contact: email is set) and name starts with \"A\"",
        "\"none\" when it is blank; only while it is blank; when city is not \"Rome\"",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains("sync deals"));
}

#[test]
fn a_compiled_file_shows_the_same_and_a_damaged_one_is_refused() {
    let example = Example::new();
    example.run(&["compile", "-o", "a.syncplan"]);
    assert_eq!(out(&example.run(&["show", "a.syncplan"])), out(&example.run(&["show"])));
    let json: serde_json::Value =
        serde_json::from_str(&out(&example.run(&["show", "a.syncplan", "--format", "json"]))).unwrap();
    assert_eq!(json["format_version"], "1");
    assert_eq!(json["syncs"][2]["name"], "deals");
    assert_eq!(json["syncs"][2]["flows"][0]["rows"][0]["both_ways"], true);
    let text = std::fs::read_to_string(example.path("a.syncplan")).unwrap();
    std::fs::write(example.path("b.syncplan"), &text[..text.len() / 2]).unwrap();
    let damaged = example.run(&["show", "b.syncplan"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(err(&damaged).contains("error[E713]") && err(&damaged).contains("twinmap compile"));
    let unknown = example.run(&["show", "--sync", "deal"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(err(&unknown).contains("did you mean `deals`?"));
}
