//! How long it takes to parse, check and compile a large program: `cargo bench --bench check`.
//!
//! The program has 70 syncs of 25 mapped fields and a value map of 100 lines each, about 10,000 lines in all, against
//! two schemas of 5,000 fields. Targets: 25 ms for the whole, ten times as much in less than eleven times the time, a
//! thousand mistakes in less than three times the time. The last two benches run the program itself, over that project
//! and over the example: targets 50 ms and 3 ms. Their peak of memory: `command time -f %M twinmap check` in the folder
//! that `TWINMAP_BENCH_PROJECT=DIR cargo bench --bench check` leaves (target 48 MiB).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at the first surprise"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use twinmap::check::check_program;
use twinmap::plan::{Origin, lower};
use twinmap::resolve::Schemas;
use twinmap::schema::snapshot::{self, Lock};
use twinmap::source::SourceMap;
use twinmap::syntax::parse;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Some(folder) = std::env::var_os("TWINMAP_BENCH_PROJECT") {
        write_project(Path::new(&folder));
    }
    divan::main();
}

const OBJECTS: usize = 70;
const FIELDS: usize = 72;
const ROWS: usize = 25;
const VALUES: usize = 100;

const SYSTEMS: [&str; 2] = ["hubspot", "salesforce"];

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    for system in SYSTEMS {
        schemas.systems.insert(system.to_owned(), serde_json::from_value(schema(system)).unwrap());
    }
    schemas
}

/// A system of `OBJECTS` objects with `FIELDS` fields each.
fn schema(kind: &str) -> serde_json::Value {
    let mut objects = serde_json::Map::new();
    for object in 0..OBJECTS {
        let mut fields = serde_json::Map::new();
        for field in 0..FIELDS {
            let json = match field % 6 {
                0 => {
                    let options: Vec<_> = (0..VALUES)
                        .map(|n| serde_json::json!({"value": format!("V{n}"), "label": format!("Value {n}")}))
                        .collect();
                    serde_json::json!({"label": format!("Field {field}"), "type": "option", "restricted": true, "options": options})
                }
                1 => serde_json::json!({"label": format!("Field {field}"), "type": "decimal(18,2)"}),
                2 => serde_json::json!({"label": format!("Field {field}"), "type": "datetime"}),
                _ => serde_json::json!({"label": format!("Field {field}"), "type": "text(255)"}),
            };
            fields.insert(format!("field_number_{field}"), json);
        }
        fields.insert("key".to_owned(), serde_json::json!({"label": "Key", "type": "email", "unique": true}));
        objects.insert(
            format!("Object{object}"),
            serde_json::json!({"label": format!("Object {object}"), "fields": fields}),
        );
    }
    serde_json::json!({"format_version": "1", "kind": kind, "objects": objects})
}

/// One file of a program; `files` of them make a larger one. `mistakes` rows name a field that does not exist.
fn file(number: usize, mistakes: usize) -> String {
    let mut text = String::new();
    let mut left = mistakes;
    for object in 0..OBJECTS {
        let _ = writeln!(text, "## Object {object}, both ways.");
        let _ = writeln!(
            text,
            "sync s{number}_{object}: hubspot.Object{object} <-> salesforce.Object{object} {{"
        );
        let _ = writeln!(text, "  start: all");
        let _ = writeln!(text, "  filter hubspot: key is set and field_number_1 == {number}");
        let _ = writeln!(text, "  match: lower(hubspot.key) == lower(salesforce.key)");
        let _ = writeln!(text, "  conflict: hubspot within 5m");
        let _ = writeln!(text, "  map {{");
        let _ = writeln!(text, "    key <-> key");
        for row in 0..ROWS {
            let wrong = if left > 0 && row % 6 > 2 { "x" } else { "" };
            left -= usize::from(!wrong.is_empty());
            match row % 6 {
                0 => {
                    let _ = writeln!(
                        text,
                        "    field_number_{row} <-> field_number_{row} using v{number}_{object}"
                    );
                }
                1 => {
                    let _ = writeln!(
                        text,
                        "    field_number_{row} -> field_number_{row} when field_number_13 > 5"
                    );
                }
                _ => {
                    let _ =
                        writeln!(text, "    field_number_{row} <-> {wrong}field_number_{row} prefer hubspot");
                }
            }
        }
        let _ = writeln!(text, "  }}\n}}");
        let _ = writeln!(
            text,
            "values v{number}_{object}: hubspot.Object{object}.field_number_0 <-> salesforce.Object{object}.field_number_0 {{"
        );
        for value in 0..VALUES {
            let _ = writeln!(text, "  \"V{value}\" <-> \"V{}\"", (value + 1) % VALUES);
        }
        let _ = writeln!(text, "  else skip\n}}\n");
    }
    text
}

fn sources(files: usize, mistakes: usize) -> SourceMap {
    let mut sources = SourceMap::new();
    for number in 0..files {
        sources.add(format!("mappings/f{number}.twin"), &file(number, mistakes));
    }
    sources
}

/// The number of findings, or of syncs in the plan when there are none.
fn whole(sources: &SourceMap, schemas: &Schemas) -> usize {
    let (program, found) = parse(sources);
    let checked = check_program(schemas, &program);
    let complaints = found.len() + checked.diagnostics.len();
    if complaints > 0 {
        return complaints;
    }
    lower(&checked.program, schemas, sources, &Origin::default()).syncs.len()
}

#[divan::bench]
fn parse_only(bencher: divan::Bencher<'_, '_>) {
    let sources = sources(1, 0);
    bencher.bench_local(|| parse(&sources));
}

#[divan::bench(args = [1, 10])]
fn parse_check_compile(bencher: divan::Bencher<'_, '_>, files: usize) {
    let (sources, schemas) = (sources(files, 0), schemas());
    assert_eq!(whole(&sources, &schemas), files * OBJECTS, "the program is meant to be right");
    bencher.bench_local(|| whole(&sources, &schemas));
}

#[divan::bench]
fn a_thousand_mistakes(bencher: divan::Bencher<'_, '_>) {
    let (sources, schemas) = (sources(1, 1_000), schemas());
    bencher.bench_local(|| whole(&sources, &schemas));
}

/// The program of `parse_check_compile` as a project on disk.
fn write_project(folder: &Path) {
    for part in ["mappings", "schema/bench"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut lock = Lock::default();
    let mut settings = "[project]\nname = \"bench\"\nedition = \"2026\"\nenv = \"bench\"\n".to_owned();
    for system in SYSTEMS {
        let _ = writeln!(
            settings,
            "\n[connections.{system}]\nkind = \"{system}\"\n{}",
            match system {
                "hubspot" => "token = \"env:HUBSPOT_TOKEN\"",
                _ => "base_url = \"https://acme.my.salesforce.com\"\nauth = { token = \"env:SF_TOKEN\" }",
            }
        );
        let snapshot = schema(system).to_string();
        fs::write(folder.join(format!("schema/bench/{system}.json")), &snapshot).unwrap();
        lock.set("bench", system, snapshot::hash(&snapshot));
    }
    fs::write(folder.join("twinmap.lock"), lock.to_toml()).unwrap();
    fs::write(folder.join("twinmap.toml"), settings).unwrap();
    fs::write(folder.join("mappings/all.twin"), file(0, 0)).unwrap();
}

fn check_in(folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_twinmap"))
        .arg("check")
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "`twinmap check` in {} ends with {status}", folder.display());
}

#[divan::bench]
fn process_10000_lines(bencher: divan::Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path());
    bencher.bench_local(|| check_in(folder.path()));
}

#[divan::bench]
fn process_example(bencher: divan::Bencher<'_, '_>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/hubspot-salesforce");
    bencher.bench_local(|| check_in(&folder));
}
