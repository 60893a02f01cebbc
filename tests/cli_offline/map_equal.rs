//! `map` writes what reading with serde_json and evaluating row by row, as a run does, comes to, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use twinmap::bulk::{BadEnd, Mapping, Wanted, pipe};
use twinmap::interp::{FilterOutcome, NoContext, RowValue, SyncProgram};
use twinmap::plan::ir::{Object, Side, SyncPlan};
use twinmap::record::{Record, RecordId};
use twinmap::schema::SystemKind;
use twinmap::wire;

use super::common::{copy, run_in};

/// splitmix64
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// JSON as it may stand behind any field.
const VALUES: &[&str] = &[
    "null",
    r#""""#,
    r#"" ""#,
    r#""Acme GmbH""#,
    r#"" Müller & Söhne ""#,
    r#""\u00e9cole \u65e5\ud83d\ude00""#,
    r#""two\nlines \"quoted\" \\ and a \/ slash\t""#,
    r#""\b\f\r\u0001""#,
    "\"\u{7f}\u{2028}\"",
    r#""日本語のテキスト 株式会社 山田""#,
    r#""won""#,
    r#""new""#,
    r#""customer""#,
    r#""opportunity""#,
    r#""BANKING""#,
    r#""Italy""#,
    r#""https://www.Acme.example:80/x?y""#,
    r#""acme.example""#,
    r#""+39 06 1234567""#,
    r#""true""#,
    r#""TRUE""#,
    r#""no""#,
    "true",
    "false",
    "0",
    "-0",
    "12",
    "-12.50",
    "1e3",
    "12345678901234567890123",
    r#""0""#,
    r#""-0""#,
    r#""007""#,
    r#""50000""#,
    r#""1234567.8""#,
    r#""1.50""#,
    r#""-1.05""#,
    r#""0.125""#,
    r#""1.""#,
    r#"".5""#,
    r#"" 12 ""#,
    r#""12,5""#,
    r#""123456789012345678""#,
    r#""1234567890123456789""#,
    r#""0.40000000000000002220446049250313080847263336181640625""#,
    r#""2026-01-31""#,
    r#""2026-02-30""#,
    r#""2026-01-31T10:00:00Z""#,
    r#""2026-01-31T10:00:00.123Z""#,
    r#""2026-01-31T10:00:00.000+0000""#,
    r#""2026-01-31T24:00:00.000Z""#,
    r#""9999-12-31T23:59:59.999Z""#,
    r#""0000-01-01""#,
    "1769853600123",
    r#""1769853600123""#,
    r#""saas;partner""#,
    r#""partner;saas""#,
    r#""saas;saas;""#,
    r#"";""#,
    r#""mid market;s\u0061as""#,
    r#"["a"]"#,
    r#"{"a":[{}]}"#,
];

/// Fields with values that let a record through the filter.
type Passes<'t> = &'t [(&'t str, &'t str)];

/// A record as text: some of its fields, some of them twice, keys with escapes, blanks where JSON has them.
fn record(chance: &mut Chance, kind: SystemKind, object: &Object, number: u64, passes: Passes<'_>) -> String {
    let (mut members, sure) = (Vec::new(), chance.below(2) == 0);
    for field in &object.fields {
        for _ in 0..[0, 1, 1, 1, 1, 1, 1, 1, 1, 2][usize::try_from(chance.below(10)).unwrap()] {
            let mut key = field.name.clone();
            if chance.below(12) == 0 {
                key.replace_range(..1, &format!("\\u{:04x}", u32::from(field.name.chars().next().unwrap())));
            }
            let value = match chance.below(12) {
                0 => format!("\"{}\"", "long text, ".repeat(60)),
                1 => format!("\"{}\"", "日本\\n".repeat(100)),
                _ if sure && passes.iter().any(|(name, _)| *name == field.name) => {
                    passes.iter().find(|(name, _)| *name == field.name).unwrap().1.to_owned()
                }
                2 if !field.options.is_empty() => format!("\"{}\"", field.options[0]),
                _ => chance.of(VALUES).to_owned(),
            };
            // A parent that is no object has no such field.
            if !field.name.contains('.') {
                members.push(format!("\"{key}\"{}:{}{value}", chance.of(&["", " "]), chance.of(&["", "\t"])));
            }
        }
    }
    if chance.below(3) == 0 {
        members.reverse();
    }
    let members = members.join(chance.of(&[",", " ,", ", "]));
    match kind {
        SystemKind::Hubspot => {
            format!("{{\"id\":\"{number}\",\"properties\":{{{members}}},\"archived\":false}}")
        }
        _ => {
            let comma = if members.is_empty() { "" } else { "," };
            format!("{{\"attributes\":{{\"type\":\"{}\"}}{comma}{members}}}", object.name)
        }
    }
}

/// What comes of a line, written out; `None` = nothing.
fn plainly(program: &SyncProgram<'_>, from: Side, line: &str) -> Option<String> {
    let (sync, plan) = (program.sync, program.plan);
    let arm = &sync.arms[0];
    let object = |side| plan.object(if side == Side::Left { sync.left } else { arm.right }).unwrap();
    let kind = |object: &Object| plan.system(object.system).unwrap().kind;
    let (source, target) = (object(from), object(from.other()));
    let json: Json = serde_json::from_str(line).unwrap();
    let fields = if kind(source) == SystemKind::Hubspot { &json["properties"] } else { &json };
    let slot = |field: &twinmap::plan::ir::Field| {
        let json = fields.get(&field.name)?;
        wire::decode(kind(source), &field.ty, json).ok()
    };
    let record = Record::new(RecordId::new("1"), source.fields.iter().map(slot).collect());
    if program.filter(&NoContext, from, &record) != FilterOutcome::In {
        return None;
    }
    let mut members = Vec::new();
    for row in &arm.rows {
        match program.transfer(&NoContext, row, arm, from.other(), &record, None) {
            RowValue::Value(value) if !value.is_blank() => {
                let index = if from == Side::Left { row.right } else { row.left }.unwrap().index();
                let field = &target.fields[index];
                members.push(format!("\"{}\":{}", field.name, wire::encode(kind(target), &field.ty, &value)));
            }
            RowValue::SkipRecord(_) | RowValue::Fail(_) => return None,
            _ => {}
        }
    }
    let mut out = String::new();
    match kind(target) {
        SystemKind::Hubspot => write!(out, "{{\"properties\":{{{}}}}}", members.join(",")),
        _ => {
            members.insert(0, format!("\"attributes\":{{\"type\":\"{}\"}}", target.name));
            write!(out, "{{{}}}", members.join(","))
        }
    }
    .unwrap();
    Some(out)
}

fn mapped(mapping: &Mapping<'_>, input: &str, threads: usize) -> (String, BTreeMap<&'static str, usize>) {
    let (mut out, mut told) = (Vec::new(), BTreeMap::new());
    let mut bad = |bad: &BadEnd| {
        *told.entry(bad.reason).or_default() += 1;
        Ok(())
    };
    let wanted = Wanted { out: &mut out, bad: &mut bad, progress: &mut |_| {} };
    pipe(mapping, &NoContext, input.as_bytes(), threads, wanted).unwrap();
    (String::from_utf8(out).unwrap(), told)
}

fn compared(project: &str, sync: &str, from: Side, passes: Passes<'_>) {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(project), folder.path());
    let output = run_in(folder.path(), &["compile", "-o", "p.syncplan"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan =
        SyncPlan::from_json(&std::fs::read_to_string(folder.path().join("p.syncplan")).unwrap()).unwrap();
    let (id, found) = plan.sync_named(sync).unwrap();
    let program = SyncProgram::new(&plan, id).unwrap();
    let mapping = Mapping::new(&plan, id, from).unwrap();
    let source = if from == Side::Left { found.left } else { found.arms[0].right };
    let object = plan.object(source).unwrap();
    let kind = plan.system(object.system).unwrap().kind;
    let mut chance = Chance(7);
    let lines: Vec<String> =
        (0..1500).map(|number| record(&mut chance, kind, object, number, passes)).collect();
    let want: Vec<String> = lines.iter().filter_map(|line| plainly(&program, from, line)).collect();
    let (out, told) = mapped(&mapping, &lines.join("\n"), 1);
    for (got, want) in out.lines().zip(&want) {
        assert_eq!(got, want);
    }
    assert_eq!(out.lines().count(), want.len(), "{told:?}");
    assert!(want.len() > 10, "only {} records pass", want.len());
    assert_eq!(mapped(&mapping, &lines.join("\n"), 3), (out, told));
}

#[test]
fn the_task_of_the_rivals_comes_out_as_evaluated_plainly() {
    let passes = [
        ("domain", r#""c1.example""#),
        ("lifecyclestage", r#""customer""#),
        ("annualrevenue", r#""1234567.8""#),
    ];
    compared("benches/rivals/project", "accounts", Side::Left, &passes);
}

#[test]
fn the_example_project_comes_out_as_evaluated_plainly() {
    for sync in ["companies", "contacts"] {
        compared("specs/hubspot-salesforce", sync, Side::Left, &[]);
        compared("specs/hubspot-salesforce", sync, Side::Right, &[]);
    }
}
