//! Parses and validates made-up Cedar policies of about 250 KB against a schema of 70 entities with 72 fields each, and
//! prints the bytes, the median of 21 rounds and the speed: `cargo run --release` in this folder.

use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

const ROUNDS: usize = 21;
/// Kinds of entities, and policies of each.
const KINDS: usize = 70;
const POLICIES: usize = 20;

fn told(name: &str, bytes: usize, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times[ROUNDS / 2].as_secs_f64();
    println!("{name}: {bytes} bytes in {:.2} ms, {:.1} MB/s", median * 1e3, bytes as f64 / median / 1e6);
}

fn main() {
    let mut schema = String::from("entity User { team: String, level: Long };\n");
    for kind in 0..KINDS {
        let mut fields = String::new();
        for field in 0..72 {
            let _ =
                write!(fields, "field_number_{field}: {}, ", if field % 2 == 0 { "String" } else { "Long" });
        }
        let _ = writeln!(schema, "entity Object{kind} {{ {fields} }};");
        let _ =
            writeln!(schema, "action view{kind} appliesTo {{ principal: User, resource: Object{kind} }};");
    }
    let (schema, _) = Schema::from_cedarschema_str(&schema).expect("a schema");
    let validator = Validator::new(schema);
    let mut text = String::new();
    for kind in 0..KINDS {
        for policy in 0..POLICIES {
            let _ = writeln!(
                text,
                "permit(principal, action == Action::\"view{kind}\", resource)\nwhen {{\n  resource.field_number_{} == \
                 \"V{policy}\" &&\n  resource.field_number_{} > {policy} &&\n  principal.team == \"team {policy}\"\n}};",
                policy * 2,
                policy * 2 + 1,
            );
        }
    }
    told("Cedar, parsed and validated", text.len(), || {
        let policies = PolicySet::from_str(&text).expect("policies");
        let result = validator.validate(&policies, ValidationMode::Strict);
        assert!(result.validation_passed());
    });
}
