//! `twinmap map`: records in, records out, in order, and what is wrong told beside.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::common::{Example, err, out};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn company(id: usize, name: &str) -> String {
    let properties = json!({"name": name, "domain": format!("c{id}.example"), "industry": "BANKING"});
    json!({"id": id.to_string(), "properties": properties, "archived": false}).to_string() + "\n"
}

#[test]
fn bad_lines_are_told_and_stop_nothing() {
    let example = Example::new();
    let mut input = company(1, "Müller & Söhne").into_bytes();
    input.extend_from_slice(
        b"not json\n{\"id\":\"3\",\"properties\":{\"name\":\"\xff\"}}\n\n{\"id\":\"4\"}\n",
    );
    input.extend_from_slice(company(6, "Last").as_bytes());
    input.extend_from_slice(b"{\"id\":\"7\",\"properties\":{\"name\":\"cut");
    std::fs::write(example.path("in.jsonl"), input).unwrap();
    let args = ["map", "companies", "--from", "hubspot", "--in", "in.jsonl", "--errors", "bad.jsonl"];
    let output = example.run(&args);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    let names: Vec<Value> = lines(&out(&output)).iter().map(|record| record["Name"].clone()).collect();
    assert_eq!(names, ["Müller & Söhne", "Last"]);
    let told: Vec<(Value, Value)> = lines(&example.read("bad.jsonl"))
        .iter()
        .map(|bad| (bad["line"].clone(), bad["reason"].clone()))
        .collect();
    let want = [(2, "invalid-json"), (3, "invalid-utf8"), (5, "no-record"), (7, "invalid-json")];
    assert_eq!(told, want.map(|(line, reason)| (json!(line), json!(reason))));
}

#[test]
fn an_id_that_stands_twice_is_told_and_both_records_are_written() {
    let example = Example::new();
    let mut input = company(1, "One") + &company(2, "Two") + &company(1, "Again");
    input += &(0..3000).map(|id| company(10 + id, "Other")).collect::<String>();
    input += &company(2, "Two again");
    example.write("in.jsonl", &input);
    for threads in ["1", "3"] {
        let output = example.run(&[
            "map",
            "companies",
            "--from",
            "hubspot",
            "--in",
            "in.jsonl",
            "--errors",
            "bad.jsonl",
            "--threads",
            threads,
        ]);
        assert_eq!(output.status.code(), Some(3), "{}", err(&output));
        assert_eq!(lines(&out(&output)).len(), 3004);
        let bad = lines(&example.read("bad.jsonl"));
        let told: Vec<Value> = bad.iter().map(|bad| json!([bad["line"], bad["id"], bad["reason"]])).collect();
        assert_eq!(told, [json!([3, "1", "id-twice"]), json!([3004, "2", "id-twice"])]);
    }
}

#[test]
fn records_over_many_lines_are_read() {
    let example = Example::new();
    let records = lines(&(company(1, "One") + &company(2, "Two")));
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let shapes = [
        pretty(&json!(records)),
        pretty(&json!({"results": records})),
        records.iter().map(pretty).collect::<Vec<_>>().join("\n"),
    ];
    for shape in shapes {
        example.write("in.json", &shape);
        let output = example.run(&["map", "companies", "--from", "hubspot", "--in", "in.json"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let names: Vec<Value> = lines(&out(&output)).iter().map(|record| record["Name"].clone()).collect();
        assert_eq!(names, ["One", "Two"], "{shape}");
    }
}

#[test]
fn threads_keep_the_order_and_pages_are_records() {
    let example = Example::new();
    let input: String = (0..5000).map(|id| company(id, &format!("Company {id}"))).collect();
    std::fs::write(example.path("in.jsonl"), &input).unwrap();
    let page: Vec<Value> = lines(&input).into_iter().take(40).collect();
    std::fs::write(example.path("page.jsonl"), json!({"results": page}).to_string()).unwrap();
    let map = |file: &str, threads: &str| {
        let args = ["map", "companies", "--from", "hubspot", "--in", file, "--threads", threads];
        let output = example.run(&args);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        out(&output)
    };
    let one = map("in.jsonl", "1");
    let names: Vec<Value> = lines(&one).iter().map(|record| record["Name"].clone()).collect();
    let want: Vec<Value> = (0..5000).map(|id| json!(format!("Company {id}"))).collect();
    assert_eq!(names, want);
    assert_eq!(one, map("in.jsonl", "3"));
    assert_eq!(lines(&map("page.jsonl", "1")), lines(&one)[..40]);
}

#[test]
fn a_compiled_plan_maps_stdin_without_a_project() {
    let example = Example::new();
    assert!(example.run(&["compile", "-o", "acme.syncplan"]).status.success());
    let elsewhere = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinmap"))
        .args(["map", "companies", "--from", "salesforce", "--in", "-", "--plan"])
        .arg(example.path("acme.syncplan"))
        .current_dir(elsewhere.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let account = json!({"attributes": {"type": "Account"}, "Id": "001000000000001AAA",
        "Type": null, "Name": "Acme", "Website": "https://www.acme.example/about"});
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{account}").unwrap();
    writeln!(stdin, "{}", json!({"attributes": {"type": "Lead"}, "Id": "00Q000000000001AAA"})).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let records = lines(&out(&output));
    assert_eq!(records.len(), 1, "{}", err(&output));
    assert_eq!(records[0]["properties"]["name"], "Acme");
    assert_eq!(records[0]["properties"]["domain"], "acme.example");
    assert!(err(&output).contains("does not read records of `Lead`"), "{}", err(&output));
}

#[test]
fn wrong_names_get_a_next_step_and_no_file() {
    let example = Example::new();
    for (args, want) in [
        (["map", "compnies", "--from", "hubspot", "--out", "o.jsonl"], "did you mean `companies`?"),
        (["map", "companies", "--from", "zoho", "--out", "o.jsonl"], "--from hubspot or --from salesforce"),
    ] {
        let output = example.run(&args);
        assert_eq!(output.status.code(), Some(64));
        assert!(err(&output).contains(want), "{}", err(&output));
        assert!(!example.path("o.jsonl").exists());
    }
}

/// What a file of lines comes to: the records, and line and reason of what is told.
fn told(input: &[u8]) -> (Vec<Value>, Vec<(u64, String)>) {
    let example = Example::new();
    std::fs::write(example.path("in.jsonl"), input).unwrap();
    let args = ["map", "companies", "--from", "hubspot", "--in", "in.jsonl", "--errors", "bad.jsonl"];
    let output = example.run(&args);
    let bad: Vec<(u64, String)> = lines(&example.read("bad.jsonl"))
        .iter()
        .map(|bad| (bad["line"].as_u64().unwrap(), bad["reason"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(output.status.code(), Some(if bad.is_empty() { 0 } else { 3 }), "{}", err(&output));
    (lines(&out(&output)), bad)
}

#[test]
fn keys_may_be_escaped_and_twice_is_told() {
    let input = r#"{"id":"1","properties":{"n\u0061me":"Acme","domain":"a.example"}}
{"id":"2","properties":{"name":"One","domain":"b.example","name":"Two"}}
{"id":"3","properties":{"name":"One","domain":"b.example","unused":1,"unused":2}}
{ "id" : 4 , "properties" : { "domain" : "d.example" , "name" : "Wide \"open\" \u00e9" } }
"#;
    let (records, bad) = told(input.as_bytes());
    let names: Vec<&Value> = records.iter().map(|record| &record["Name"]).collect();
    assert_eq!(names, ["Acme", "Two", "One", "Wide \"open\" é"]);
    assert_eq!(bad, [(2, "key-twice".to_owned())]);
}

#[test]
fn numbers_beyond_range_are_told_by_field() {
    let properties = |id: u32, number: &str| {
        format!(
            "{{\"id\":\"{id}\",\"properties\":{{\"name\":\"A\",\"domain\":\"a.example\",\"numberofemployees\":{number}}}}}\n"
        )
    };
    let input = [
        properties(1, "1e400"),
        properties(2, "\"99999999999999999999999999999999999\""),
        properties(3, "12"),
    ]
    .concat();
    let (records, bad) = told(input.as_bytes());
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].get("NumberOfEmployees"), None);
    assert_eq!(records[2]["NumberOfEmployees"], 12);
    assert_eq!(bad, [(1, "wrong-type".to_owned()), (2, "wrong-type".to_owned())]);
}

#[test]
fn a_line_of_hundred_megabytes_is_told_and_passed_over() {
    let mut input = company(1, "First").into_bytes();
    input.extend_from_slice(b"{\"id\":\"2\",\"properties\":{\"name\":\"");
    input.resize(input.len() + 100_000_000, b'x');
    input.extend_from_slice(b"\"}}\n");
    input.extend_from_slice(company(3, "Third").as_bytes());
    let (records, bad) = told(&input);
    assert_eq!(records.iter().map(|record| &record["Name"]).collect::<Vec<_>>(), ["First", "Third"]);
    assert_eq!(bad, [(2, "too-long".to_owned())]);
}

#[test]
fn a_line_may_be_a_list_and_what_is_no_record_in_it_is_told() {
    let one = company(1, "One");
    let input = format!("[{}, 7, {}]\n{{\"results\":[]}}\n[]\n", one.trim(), company(2, "Two").trim());
    let (records, bad) = told(input.as_bytes());
    assert_eq!(records.iter().map(|record| &record["Name"]).collect::<Vec<_>>(), ["One", "Two"]);
    assert_eq!(bad, [(1, "invalid-json".to_owned())]);
}

#[test]
fn a_record_and_something_behind_it_is_no_line() {
    let input = format!("{}{{}}\n{}", company(1, "One").trim(), company(2, "Two"));
    let (records, bad) = told(input.as_bytes());
    assert_eq!(records.len(), 1);
    assert_eq!(bad, [(1, "invalid-json".to_owned())]);
}
