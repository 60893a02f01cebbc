//! What holds for every input: nothing panics or hangs, limits are kept to the unit, and what the checker accepts as
//! two-way comes back through the interpreter.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rust_decimal::Decimal;

use twinmap::check::check_program;
use twinmap::diag::Diagnostic;
use twinmap::diag::render::text::{rich, short};
use twinmap::interp::{NoContext, RowValue, SyncProgram};
use twinmap::plan::ir::{SyncId, SyncPlan};
use twinmap::plan::{Origin, lower};
use twinmap::record::{Record, RecordId, Side};
use twinmap::resolve::Schemas;
use twinmap::source::SourceMap;
use twinmap::syntax::{allow, parse};
use twinmap::value::Value;

fn schemas() -> Schemas {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/schemas/acme");
    let mut schemas = Schemas::default();
    for name in ["hubspot", "salesforce"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        schemas.systems.insert(name.to_owned(), serde_json::from_str(&text).unwrap());
    }
    schemas
}

/// Everything that `check` does to one text.
fn look(text: &str, schemas: &Schemas) -> Vec<Diagnostic> {
    let mut sources = SourceMap::new();
    sources.add("a.twin", text);
    let (program, mut found) = parse(&sources);
    let checked = check_program(schemas, &program);
    found.extend(checked.diagnostics);
    let found = allow::apply(&program, &sources, found);
    for one in &found {
        let text = sources.text(one.primary.span.file);
        assert!(
            text.get(one.primary.span.range()).is_some(),
            "{} points outside of characters",
            one.code.id()
        );
    }
    let _ = (rich(&sources, &found, false), short(&sources, &found));
    found
}

/// Pieces that programs are made of, for texts that get further than noise does.
const PIECES: &[&str] = &[
    "sync",
    "a",
    ":",
    "hubspot.company",
    "<->",
    "->",
    "<-",
    "salesforce.Account",
    "{",
    "}",
    "\n",
    ";",
    "map",
    "name",
    "Name",
    "filter",
    "match",
    "==",
    "!=",
    "<",
    ">=",
    "(",
    ")",
    "[",
    "]",
    ",",
    "\"x\"",
    "\"",
    "#",
    "##",
    "if",
    "then",
    "else",
    "when",
    "using",
    "default",
    "values",
    "stages",
    "convert",
    "owners",
    "test",
    "policy",
    "writeback",
    "it",
    "concat",
    "and",
    "or",
    "not",
    "is",
    "set",
    "between",
    "1",
    "20%",
    "5m",
    "-",
    "+",
    "\u{201c}",
    "\u{2192}",
    "\\",
    "any",
    "contact",
    "industry",
    "\u{a0}",
    "é",
    "\t",
    "\r\n",
    "# allow W404",
    "route",
    "start",
    "all",
    "in",
    "given",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,400}") {
        look(&text, &schemas());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut sources = SourceMap::new();
        sources.add_bytes("a.twin", &bytes);
        let (program, _) = parse(&sources);
        check_program(&schemas(), &program);
    }

    #[test]
    fn any_pieces_are_answered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..120)) {
        look(&pieces.join(" "), &schemas());
    }

    #[test]
    fn any_cut_of_a_program_is_answered(from in 0..4_000_usize, length in 0..600_usize, insert in "\\PC{0,12}") {
        let program = include_str!("corpus/reference.twin");
        let cut: String = program.chars().skip(from).take(length).collect();
        look(&format!("{cut}{insert}{program}"), &schemas());
    }
}

#[test]
fn hostile_megabytes_are_answered_in_time() {
    let schemas = schemas();
    // The whole megabyte in an optimised build.
    let full = if cfg!(debug_assertions) { 1 << 16 } else { 1 << 20 };
    let lines = |line: &str| line.repeat(full / line.len());
    let inside = |line: &str| {
        let head = "sync a: hubspot.company <-> salesforce.Account {\n  match: none\n  map {\n";
        format!("{head}{}", line.repeat((full - head.len()) / line.len()))
    };
    for text in [
        lines("{\n"),
        lines("}\n"),
        lines("[\n"),
        lines("\"\n"),
        lines("(((((\n"),
        lines("# allow W404: x\n"),
        lines("sync a: hubspot.company <-> salesforce.Account {\n"),
        lines("\n"),
        lines("\u{feff}"),
        lines("a b c\n"),
        inside("name <-> Name\n"),
        inside("nmae <-> Nmae\n"),
        inside("a => b\n"),
        inside("x -> \"y\n"),
        inside("a.b.c.d -> Name\n"),
        inside("if a then b else c -> Name\n"),
        inside("[\"a\",\n"),
    ] {
        let before = Instant::now();
        let found = look(&text, &schemas);
        let took = before.elapsed();
        println!("{took:?} for {:?}...", text.chars().take(40).collect::<String>());
        // A second in an optimised build; tests run in one that is not.
        assert!(
            took < Duration::from_secs(20),
            "{:?}... took {took:?}, {} findings",
            &text[..40],
            found.len()
        );
    }
}

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = look(text, &schemas()).iter().map(|one| one.code.id()).collect();
    codes.dedup();
    codes
}

fn row(expr: &str) -> String {
    format!(
        "sync a: hubspot.company -> salesforce.Account {{\n  match: none\n  map {{\n    name -> Name\n    {expr} -> Description\n  }}\n}}\n"
    )
}

#[test]
fn limits_are_kept_to_the_unit() {
    // Lines of 10,000 characters.
    let line = |length: usize| {
        let text = row("name");
        text.replace(
            "    name -> Description",
            &format!("    name -> Description #{}", "é".repeat(length - 25)),
        )
    };
    assert_eq!(line(10_000).lines().nth(4).unwrap().chars().count(), 10_000);
    assert!(codes(&line(10_000)).is_empty(), "{:?}", codes(&line(10_000)));
    assert_eq!(codes(&line(10_001)), ["E111"]);
    // Files of 1 MiB.
    let file = |size: usize| {
        let mut text = row("name");
        while text.len() + 100 <= size {
            let _ = writeln!(text, "#{}", " ".repeat(98));
        }
        let rest = size - text.len();
        if rest > 0 {
            let _ = writeln!(text, "{}", " ".repeat(rest - 1));
        }
        text
    };
    assert_eq!(file(1 << 20).len(), 1 << 20);
    assert!(codes(&file(1 << 20)).is_empty());
    assert_eq!(codes(&file((1 << 20) + 1)), ["E111"]);
    // Nesting of 64.
    let nested = |depth: usize| row(&format!("{}name{}", "trim(".repeat(depth), ")".repeat(depth)));
    assert!(codes(&nested(64)).is_empty(), "{:?}", codes(&nested(64)));
    assert_eq!(codes(&nested(65)), ["E111"]);
    // Numbers of 38 digits: more than 28 can't be kept exactly, more than 38 pass the limit.
    let number = |digits: usize| row(&format!("text(numberofemployees + {})", "1".repeat(digits)));
    assert!(codes(&number(28)).is_empty());
    assert_eq!(codes(&number(38)), ["E109"]);
    assert_eq!(codes(&number(39)), ["E111"]);
}

#[test]
fn limits_of_texts_and_lists_are_kept_to_the_unit() {
    // Texts of 64 KiB don't fit a line of 10,000 characters unless they have wider ones.
    let text = |bytes: usize| {
        let wide = "\u{1F600}".repeat(bytes / 4);
        row(&format!("\"{wide}{}\"", "a".repeat(bytes % 4)))
    };
    assert!(codes(&text(39_000)).is_empty());
    // Lists of 100,000 items, over several lines.
    let list = |items: usize| {
        let mut text = String::from(
            "sync a: hubspot.company -> salesforce.Account {\n  match: none\n  filter hubspot: numberofemployees in [\n",
        );
        for chunk in (0..items).collect::<Vec<_>>().chunks(2_000) {
            for _ in chunk {
                text.push_str("7,");
            }
            text.push('\n');
        }
        text.push_str("  ]\n  map { name -> Name }\n}\n");
        text
    };
    assert!(codes(&list(100_000)).is_empty(), "{:?}", codes(&list(100_000)));
    assert_eq!(codes(&list(100_001)), ["E111"]);
}

// ---- what is accepted as two-way comes back ----

/// How many random converters and values are tried: few in every test run, many when asked for.
fn effort() -> (u64, u64) {
    match std::env::var("TWINMAP_PROPERTY_SAMPLES").ok().and_then(|samples| samples.parse().ok()) {
        Some(samples) => (2_000, samples),
        None => (150, 300),
    }
}

/// A small random generator (splitmix64), so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

fn text_body(chance: &mut Chance, depth: u32) -> String {
    let literal = ["\"a\"", "\"-\"", "\"https://\"", "\" Inc\"", "\";\"", "\"x y\""];
    if depth == 0 || chance.below(4) == 0 {
        return "it".to_owned();
    }
    let inner = text_body(chance, depth - 1);
    let (a, b) = (chance.pick(&literal).to_owned(), chance.pick(&literal).to_owned());
    match chance.below(12) {
        0 => format!("concat({a}, {inner})"),
        1 => format!("concat({inner}, {a})"),
        2 => format!("strip_prefix({inner}, {a})"),
        3 => format!("strip_suffix({inner}, {a})"),
        4 => format!("replace({inner}, {a}, {b})"),
        5 => format!("upper({inner})"),
        6 => format!("lower({inner})"),
        7 => format!("trim({inner})"),
        8 => format!("truncate({inner}, {})", 1 + chance.below(20)),
        9 => format!("split_first({inner}, {a})"),
        10 => format!("if it == {a} then {b} else {inner}"),
        _ => format!("title({inner})"),
    }
}

fn number_body(chance: &mut Chance, depth: u32) -> String {
    if depth == 0 || chance.below(4) == 0 {
        return "it".to_owned();
    }
    let inner = number_body(chance, depth - 1);
    let n = chance.pick(&["1", "2", "10", "100", "0.5", "3"]).to_owned();
    match chance.below(8) {
        0 => format!("({inner} + {n})"),
        1 => format!("({inner} - {n})"),
        2 => format!("({inner} * {n})"),
        3 => format!("({inner} / {n})"),
        4 => format!("round({inner}, {})", chance.below(4)),
        5 => format!("floor({inner})"),
        6 => format!("abs({inner})"),
        _ => format!("-({inner})"),
    }
}

fn text_value(chance: &mut Chance) -> Value {
    let parts = ["a", "-", "https://", " Inc", ";", "x y", "B", "é", "7", " ", "zz"];
    let mut text = String::new();
    for _ in 0..=chance.below(6) {
        text.push_str(chance.pick(&parts));
    }
    Value::text(text)
}

fn number_value(chance: &mut Chance) -> Value {
    let units = i64::try_from(chance.below(2_000_000)).unwrap() - 1_000_000;
    Value::Number(Decimal::new(units, u32::try_from(chance.below(4)).unwrap()).normalize())
}

fn alike(a: &Value, b: &Value) -> bool {
    let blank =
        |value: &Value| value.is_blank() || value.as_text().is_some_and(|text| text.trim().is_empty());
    match (a, b) {
        (a, b) if blank(a) && blank(b) => true,
        (Value::Text(a), Value::Text(b)) => a.trim() == b.trim(),
        (a, b) => a == b || (a.is_blank() && b.is_blank()),
    }
}

/// The plan of a program with one two-way row, when the checker accepts it.
fn accepted(schemas: &Schemas, fields: &str, right: &str, left: &str) -> Option<SyncPlan> {
    let mut sources = SourceMap::new();
    sources.add(
        "a.twin",
        &format!(
            "sync a: hubspot.company <-> salesforce.Account {{\n  match: none\n  create salesforce: never\n  map {{\n    {fields} using c\n  }}\n}}\n\
             convert c {{\n  -> {right}\n  <- {left}\n}}\n"
        ),
    );
    let (program, found) = parse(&sources);
    assert!(found.is_empty(), "{}", short(&sources, &found));
    let checked = check_program(schemas, &program);
    let refused = checked.diagnostics.iter().any(|one| one.code.id().starts_with('E'));
    (!refused).then(|| lower(&checked.program, schemas, &sources, &Origin::default()))
}

/// One value through the row of a plan towards a side.
fn through(program: &SyncProgram<'_>, to: Side, value: &Value) -> Option<Value> {
    let arm = &program.sync.arms[0];
    let row = &arm.rows[0];
    let object = if to == Side::Right { program.sync.left } else { arm.right };
    let fields = program.plan.object(object).unwrap().fields.len();
    let at = if to == Side::Right { row.left } else { row.right }.unwrap().index();
    let mut slots = vec![Some(Value::Null); fields];
    slots[at] = Some(value.clone());
    let record = Record::new(RecordId::new("1"), slots);
    match program.transfer(&NoContext, row, arm, to, &record, None) {
        RowValue::Value(value) => Some(value),
        _ => None,
    }
}

#[test]
fn accepted_converters_bring_values_back() {
    let schemas = schemas();
    let (converters, values) = effort();
    let (mut chance, mut taken) = (Chance(7), 0);
    for _ in 0..converters {
        let numbers = chance.below(2) == 0;
        let (fields, right, left) = if numbers {
            ("numberofemployees <-> Ratio__c", number_body(&mut chance, 2), number_body(&mut chance, 2))
        } else {
            ("city <-> Description", text_body(&mut chance, 2), text_body(&mut chance, 2))
        };
        let Some(plan) = accepted(&schemas, fields, &right, &left) else { continue };
        taken += 1;
        let program = SyncProgram::new(&plan, SyncId(0)).unwrap();
        // From one of the two sides every value comes back; from the other at least what came from there does.
        let mut lost = [None, None];
        for _ in 0..values {
            let value = if numbers { number_value(&mut chance) } else { text_value(&mut chance) };
            for (slot, side) in lost.iter_mut().zip([Side::Right, Side::Left]) {
                let Some(there) = through(&program, side, &value) else { continue };
                // What the field does not hold is held by the engine.
                let fits = |value: &Value| !matches!(value, Value::Number(n) if n.normalize().scale() > 4);
                if !fits(&there) || !fits(&value) {
                    continue;
                }
                if let Some(back) = through(&program, side.other(), &there)
                    && !alike(&value, &back)
                {
                    slot.get_or_insert((value.clone(), there, back));
                }
            }
        }
        assert!(
            lost.iter().any(Option::is_none),
            "accepted, but loses values from both sides: -> {right}   <- {left}\n{lost:?}"
        );
    }
    assert!(taken >= 3, "only {taken} of {converters} converters were accepted: the generator is broken");
}
