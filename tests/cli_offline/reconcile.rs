//! `twinmap reconcile`: the merge's verdicts from two exports and a base, whatever is wrong with single lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use twinmap::interp::{FilterOutcome, SyncProgram};
use twinmap::merge::Pair;
use twinmap::merge::change::json as shown;
use twinmap::merge::pair::Merger;
use twinmap::plan::ir::{Object, Side, SyncPlan};
use twinmap::record::{Record, RecordId};
use twinmap::schema::SystemKind;
use twinmap::state::{Bases, Link, LinkState, Store};
use twinmap::testing::{Owners, Snapshots};
use twinmap::value::{Millis, Value};
use twinmap::wire;

use super::common::{Example, err, out};

const PEOPLE: [(&str, &str); 3] = [
    ("70000001", "0055g00000B0001AAB"),
    ("70000002", "0055g00000B0002AAB"),
    ("70000005", "0055g00000B0005AAB"),
];

/// Every kind of row.
fn mapping(example: &Example) {
    let text = example.read("mappings/companies.twin");
    let (head, rest) = text.split_once("  map {").unwrap();
    let (_, rest) = rest.split_once("  }\n}").unwrap();
    let rows = "\n    name                     <-> Name prefer salesforce\n    \
        domain                   <-> Website using web_address\n    \
        industry                 <-> Industry using industries\n    \
        phone                    ->  Phone if empty\n    \
        numberofemployees        <-> NumberOfEmployees # allow W305: head counts stay far below 8 digits\n    \
        annualrevenue            <-  AnnualRevenue\n    \
        description              ->  Description\n    \
        city                     <-> BillingCity owned by salesforce may blank\n    \
        hubspot_owner_id         <-> OwnerId using owners\n";
    example.write("mappings/companies.twin", &format!("{head}  map {{{rows}  }}\n}}{rest}"));
}

/// xorshift: a test needs no better chance, and the same one each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn of(&mut self, all: &[Json]) -> Json {
        all[self.below(all.len())].clone()
    }
}

type Fields = BTreeMap<&'static str, Json>;

/// A company's and an account's fields; each may be null or left out.
fn fields(chance: &mut Chance, id: usize) -> (Fields, Fields) {
    let texts = |name: &str| [json!(null), json!(format!("{name} 1")), json!(format!("{name} 2"))];
    let (one, other) = PEOPLE[chance.below(3)];
    let site = chance.of(&[json!("a"), json!("b")]);
    let site = format!("{}{id}.example", site.as_str().unwrap());
    let left = [
        ("name", chance.of(&texts("Name"))),
        ("domain", chance.of(&[json!(site), json!(site), json!(null)])),
        (
            "industry",
            chance.of(&[json!("BANKING"), json!("INVESTMENT_BANKING"), json!("RETAIL"), json!("ODD")]),
        ),
        ("phone", chance.of(&texts("+49"))),
        (
            "numberofemployees",
            chance.of(&[json!(null), json!("7"), json!("7.0"), json!("800"), json!("999999999")]),
        ),
        ("annualrevenue", chance.of(&[json!(null), json!("10"), json!("20")])),
        ("description", chance.of(&texts("Words"))),
        ("city", chance.of(&texts("City"))),
        ("hubspot_owner_id", chance.of(&[json!(one), json!(null)])),
    ];
    let right = [
        ("Name", chance.of(&texts("Name"))),
        ("Website", chance.of(&[json!(format!("https://{site}")), json!(null)])),
        ("Industry", chance.of(&[json!("Banking"), json!("Retail"), json!(null)])),
        ("Phone", chance.of(&texts("+49"))),
        ("NumberOfEmployees", chance.of(&[json!(null), json!(7), json!(800)])),
        ("AnnualRevenue", chance.of(&[json!(null), json!(10), json!(20.0)])),
        ("Description", chance.of(&texts("Words"))),
        ("BillingCity", chance.of(&texts("City"))),
        ("OwnerId", json!(other)),
        ("Type", chance.of(&[json!(null), json!("Other"), json!("Prospect"), json!("Prospect")])),
    ];
    let mut thin = |fields: &[(&'static str, Json)]| -> Fields {
        fields.iter().filter(|_| chance.below(40) > 0).map(|(name, value)| (*name, value.clone())).collect()
    };
    (thin(&left), thin(&right))
}

fn company(id: usize, fields: &Fields) -> Json {
    json!({"id": id.to_string(), "properties": fields, "updatedAt": "2026-11-20T10:00:00Z", "archived": false})
}

fn account_id(id: usize) -> String {
    format!("0015g{id:010}AAA")
}

fn account(id: usize, fields: &Fields) -> Json {
    let mut record = json!({"attributes": {"type": "Account"}, "Id": account_id(id)});
    for (name, value) in fields {
        record[*name] = value.clone();
    }
    record["SystemModstamp"] = json!("2026-11-20T10:00:00.000+0000");
    record
}

fn record(kind: SystemKind, object: &Object, id: &str, fields: &Fields) -> Record {
    let slot = |name: &str, ty| wire::decode(kind, ty, fields.get(name)?).ok();
    let slots = object.fields.iter().map(|field| slot(&field.name, &field.ty)).collect();
    let mut record = Record::new(RecordId::new(id), slots);
    record.modified = Some(Millis(1_795_168_800_000));
    record
}

/// Changes as (system, record, field, after, rule).
type Wanted = BTreeSet<(String, String, String, String, String)>;

fn changes(lines: &str) -> Wanted {
    let mut found = BTreeSet::new();
    for line in lines.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        if line["action"] != "update" {
            assert!(line["action"].is_null(), "{line}");
            continue;
        }
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        for field in line["fields"].as_array().unwrap() {
            let after = field["after"].to_string();
            let what = (
                text(&line["system"]),
                text(&line["record"]),
                text(&field["name"]),
                after,
                text(&field["rule"]),
            );
            assert!(found.insert(what), "twice: {line}");
        }
    }
    found
}

fn same(got: &Wanted, want: &Wanted) {
    let (more, less): (Vec<_>, Vec<_>) = (got.difference(want).collect(), want.difference(got).collect());
    assert!(more.is_empty() && less.is_empty(), "not wanted: {more:#?}\nmissing: {less:#?}");
}

struct Case {
    example: Example,
    plan: SyncPlan,
    owners: Owners,
    pairs: Vec<[(Fields, Fields); 2]>,
}

impl Case {
    /// Random pairs and random bases, half of them as they were when the sides agreed.
    fn new(count: usize, seed: u64) -> Case {
        let example = Example::new();
        mapping(&example);
        let output = example.run(&["compile", "-o", "p.syncplan"]);
        assert!(output.status.success(), "{}", err(&output));
        let plan = SyncPlan::from_json(&example.read("p.syncplan")).unwrap();
        let mut owners = Owners::new();
        for system in ["hubspot", "salesforce"] {
            let text = example.read(&format!("schema/sandbox/{system}.json"));
            let snapshot: Json = serde_json::from_str(&text).unwrap();
            owners.insert(system.to_owned(), serde_json::from_value(snapshot["owners"].clone()).unwrap());
        }
        let mut chance = Chance(seed);
        let mut pairs = Vec::new();
        for id in 0..count {
            let base = fields(&mut chance, id);
            let mut now = fields(&mut chance, id);
            match chance.below(4) {
                0 => now = base.clone(),
                1 => now.0 = base.0.clone(),
                2 => now.1 = base.1.clone(),
                _ => {}
            }
            pairs.push([now, base]);
        }
        let (mut left, mut right) = (String::new(), String::new());
        for (id, [(company_now, account_now), _]) in pairs.iter().enumerate() {
            let _ = writeln!(left, "{}", company(id, company_now));
            let line = account(id, account_now).to_string() + "\n";
            right.insert_str(0, &line);
        }
        example.write("left.jsonl", &left);
        example.write("right.jsonl", &right);
        Case { example, plan, owners, pairs }
    }

    fn agreed(&self, id: usize) -> (Record, Record) {
        let (_, sync) = self.plan.sync_named("companies").unwrap();
        let (left, right) =
            (self.plan.object(sync.left).unwrap(), self.plan.object(sync.arms[0].right).unwrap());
        let (company, account) = &self.pairs[id][1];
        (
            record(SystemKind::Hubspot, left, &id.to_string(), company),
            record(SystemKind::Salesforce, right, &account_id(id), account),
        )
    }

    /// The values that both sides of a pair held, for rows of which both are known.
    fn bases(&self, id: usize) -> Bases {
        let (_, sync) = self.plan.sync_named("companies").unwrap();
        let (left, right) = self.agreed(id);
        let mut bases = Bases::default();
        for row in &sync.arms[0].rows {
            let slot = |record: &Record, field: Option<twinmap::plan::ir::FieldId>| match field {
                Some(field) => record.slot(field.index()).cloned(),
                None => Some(Value::Null),
            };
            if let Some(pair) = slot(&left, row.left).zip(slot(&right, row.right)) {
                bases.rows.insert(row.id.clone(), pair);
            }
        }
        bases
    }

    /// What the merge itself says of every pair.
    fn merged(&self, with_base: bool) -> Wanted {
        let (id, sync) = self.plan.sync_named("companies").unwrap();
        let program = SyncProgram::new(&self.plan, id).unwrap();
        let context = Snapshots { plan: &self.plan, owners: &self.owners };
        let objects = [self.plan.object(sync.left).unwrap(), self.plan.object(sync.arms[0].right).unwrap()];
        let mut wanted = BTreeSet::new();
        for (number, [(company, account), _]) in self.pairs.iter().enumerate() {
            let mut left = record(SystemKind::Hubspot, objects[0], &number.to_string(), company);
            let right = record(SystemKind::Salesforce, objects[1], &account_id(number), account);
            for field in &objects[0].fields {
                left.history.insert(field.name.clone(), Vec::new());
            }
            let bases = self.bases(number);
            let passes = |side, record| program.filter(&context, side, record) == FilterOutcome::In;
            let pair = Pair {
                arm: 0,
                left: &left,
                right: &right,
                bases: with_base.then_some(&bases).filter(|bases| !bases.rows.is_empty()),
                stamps: (None, None),
                may_write: (passes(Side::Right, &right), passes(Side::Left, &left)),
                offsets: (0, 0),
                clock_error: 0,
                decided: None,
                calls: None,
            };
            for write in (Merger { program: &program, context: &context }).merge(&pair).writes {
                let (system, record) = match write.side {
                    Side::Left => ("hubspot", number.to_string()),
                    Side::Right => ("salesforce", account_id(number)),
                };
                let object = objects[usize::from(write.side == Side::Right)];
                let name = object.fields[write.field.index()].name.clone();
                let rule = write.rule_words("hubspot", "salesforce");
                wanted.insert((system.to_owned(), record, name, shown(&write.after).to_string(), rule));
            }
        }
        wanted
    }

    fn reconcile(&self, base: &str, threads: &str) -> Wanted {
        let mut args = vec!["reconcile", "companies", "--left", "left.jsonl", "--right", "right.jsonl"];
        args.extend(["--threads", threads, "--out", "out.jsonl"]);
        args.extend(["--base", base]);
        let output = self.example.run(&args);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", err(&output));
        changes(&self.example.read("out.jsonl"))
    }
}

#[test]
fn verdicts_are_those_of_the_merge_for_random_pairs_and_every_form_of_base() {
    for seed in 0..3 {
        let case = Case::new(1500, 0x9e37_79b9_7f4a_7c15 + seed);
        let want = case.merged(true);
        assert!(want.len() > 1000);
        // Both records as they were.
        let mut pairs = String::new();
        for (id, [_, (company_then, account_then)]) in case.pairs.iter().enumerate() {
            let line = json!({"left": company(id, company_then), "right": account(id, account_then)});
            let _ = writeln!(pairs, "{line}");
        }
        case.example.write("pairs.jsonl", &pairs);
        same(&case.reconcile("pairs.jsonl", "1"), &want);
        same(&case.reconcile("pairs.jsonl", "3"), &want);
        // Values by row, as `links show` has them.
        let mut values = String::new();
        for id in 0..case.pairs.len() {
            let rows: serde_json::Map<String, Json> = case
                .bases(id)
                .rows
                .iter()
                .map(|(row, (left, right))| (row.clone(), json!([shown(left), shown(right)])))
                .collect();
            let line = json!({"sync": "companies", "left": id.to_string(), "right_object": "Account",
                "right": account_id(id), "bases": rows});
            let _ = writeln!(values, "{line}");
        }
        case.example.write("values.jsonl", &values);
        same(&case.reconcile("values.jsonl", "2"), &want);
        // A state.
        let path = case.example.path("state.db");
        let store = Store::open(&path).unwrap();
        store
            .atomically(|store| {
                for id in 0..case.pairs.len() {
                    store.put_link(&Link {
                        id: 0,
                        sync: "companies".to_owned(),
                        left: id.to_string(),
                        arm: "Account".to_owned(),
                        right: account_id(id),
                        state: LinkState::Live,
                        reason: String::new(),
                        left_stamp: None,
                        right_stamp: None,
                        bases: case.bases(id),
                        run: "r".to_owned(),
                        at: Millis(0),
                    })?;
                }
                Ok(())
            })
            .unwrap();
        drop(store);
        same(&case.reconcile("state.db", "2"), &want);
        // No agreed values, pairs only: a first sync.
        let ids = |id: usize| json!({"left": id.to_string(), "right": account_id(id)}).to_string() + "\n";
        case.example.write("ids.jsonl", &(0..case.pairs.len()).map(ids).collect::<String>());
        same(&case.reconcile("ids.jsonl", "2"), &case.merged(false));
    }
}

#[test]
fn an_older_export_of_one_side_is_a_base() {
    let example = Example::new();
    let fields = |city: &str| {
        Fields::from([("domain", json!("a.example")), ("name", json!("A")), ("city", json!(city))])
    };
    let site = |city: &str| {
        let website = json!("https://a.example");
        Fields::from([
            ("Website", website),
            ("Name", json!("A")),
            ("BillingCity", json!(city)),
            ("Type", json!(null)),
        ])
    };
    example.write("left.jsonl", &company(1, &fields("Rome")).to_string());
    example.write("right.jsonl", &account(1, &site("Turin")).to_string());
    let run = |base: &str| {
        example.write("base.jsonl", base);
        let args = ["--left", "left.jsonl", "--right", "right.jsonl", "--base", "base.jsonl"];
        let output = example.run(&[&["reconcile", "companies"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        changes(&out(&output))
    };
    let to_rome = ("salesforce".to_owned(), account_id(1), "BillingCity".to_owned(), "\"Rome\"".to_owned());
    let to_turin = ("hubspot".to_owned(), "1".to_owned(), "city".to_owned(), "\"Turin\"".to_owned());
    let with = |(a, b, c, d): &(String, String, String, String), rule: &str| {
        BTreeSet::from([(a.clone(), b.clone(), c.clone(), d.clone(), rule.to_owned())])
    };
    // HubSpot changed: it held Turin, and so did Salesforce then.
    assert_eq!(run(&company(1, &fields("Turin")).to_string()), with(&to_rome, "changed in hubspot"));
    assert_eq!(run(&account(1, &site("Rome")).to_string()), with(&to_turin, "changed in salesforce"));
    let both = format!("{}\n{}", company(1, &fields("Bari")), account(1, &site("Bari")));
    assert_eq!(run(&both), with(&to_rome, "conflict within the window: hubspot wins"));
}

#[test]
fn what_is_wrong_with_a_line_is_told_and_stops_nothing() {
    let example = Example::new();
    let fields = |id: usize, city: &str| {
        Fields::from([
            ("domain", json!(format!("c{id}.example"))),
            ("name", json!("A")),
            ("city", json!(city)),
        ])
    };
    let site = |id: usize| {
        let website = json!(format!("https://c{id}.example"));
        Fields::from([
            ("Website", website),
            ("Name", json!("A")),
            ("BillingCity", json!("Rome")),
            ("Type", json!(null)),
        ])
    };
    let mut left = b"\xef\xbb\xbf".to_vec();
    let mut line = |text: &[u8]| {
        left.extend_from_slice(text);
        left.push(b'\n');
    };
    line(company(1, &fields(1, "Bari")).to_string().as_bytes());
    line(b"{\"id\":\"2\",\"properties\":{\"name\":\"\xff\"}}");
    line(b"");
    line(company(3, &fields(3, "Rome")).to_string().as_bytes());
    line(company(3, &fields(3, "Pisa")).to_string().as_bytes());
    line(br#"{"id":"4","properties":{"name":"A","domain":"c4.example","city":"Bari","numberofemployees":"many"}}"#);
    line(b"[1]");
    line(br#"{"results":[{"id":"5","properties":{"name":"A","domain":"c5.example","city":"Bari"}},{"id":"6"}]}"#);
    left.extend_from_slice(br#"{"id":"7","properties":{"name":"cut"#);
    std::fs::write(example.path("left.jsonl"), left).unwrap();
    let right: String = [5, 4, 3, 1].iter().map(|id| account(*id, &site(*id)).to_string() + "\n").collect();
    let lead = json!({"attributes": {"type": "Lead"}, "Id": "00Q000000000001AAA"}).to_string();
    example.write("right.jsonl", &format!("{right}{lead}\n"));
    let args =
        ["--left", "left.jsonl", "--right", "right.jsonl", "--errors", "bad.jsonl", "--out", "out.jsonl"];
    let output = example.run(&[&["reconcile", "companies"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    let bad: Vec<(String, u64, String)> = example
        .read("bad.jsonl")
        .lines()
        .map(|line| {
            let bad: Json = serde_json::from_str(line).unwrap();
            let text = |name: &str| bad[name].as_str().unwrap().to_owned();
            (text("file"), bad["line"].as_u64().unwrap(), text("reason"))
        })
        .collect();
    let want = [
        ("left", 2, "invalid-utf8"),
        ("left", 5, "id-twice"),
        ("left", 6, "wrong-type"),
        ("left", 7, "invalid-json"),
        ("left", 8, "no-record"),
        ("left", 9, "invalid-json"),
        ("right", 5, "other-object"),
    ];
    assert_eq!(bad, want.map(|(file, line, reason)| (file.to_owned(), line, reason.to_owned())));
    let changed: BTreeSet<String> =
        changes(&example.read("out.jsonl")).into_iter().map(|change| change.1).collect();
    assert_eq!(changed, [1, 4, 5].map(account_id).into());
    let last: Json = serde_json::from_str(example.read("out.jsonl").lines().last().unwrap()).unwrap();
    assert_eq!((last["problems"].clone(), last["pairs"].clone()), (json!(7), json!(4)));
}

#[test]
fn names_and_files_that_are_not_there_get_a_next_step_and_no_output() {
    let example = Example::new();
    example.write("l.jsonl", "");
    let cases = [
        (["compnies", "l.jsonl", "l.jsonl"], 64, "did you mean `companies`?"),
        (["companies", "l.jsonl", "none.jsonl"], 1, "none.jsonl"),
        (["companies", "mappings", "l.jsonl"], 1, "has to be a plain file"),
    ];
    for ([sync, left, right], code, want) in cases {
        let args = ["reconcile", sync, "--left", left, "--right", right, "--out", "o.jsonl"];
        let output = example.run(&args);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert!(err(&output).contains(want), "{}", err(&output));
        assert!(!example.path("o.jsonl").exists());
    }
    let empty = example.run(&["reconcile", "companies", "--left", "l.jsonl", "--right", "l.jsonl"]);
    assert_eq!((empty.status.code(), out(&empty).lines().count()), (Some(0), 1));
}
