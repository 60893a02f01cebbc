//! The task in VRL over every line of stdin or of the file named as the argument.
//!
//! VRL can't sort, so the order of a multi-select's values is made by hand outside of it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use vrl::compiler::{TargetValue, TimeZone, runtime::Runtime};
use vrl::value::{Secrets, Value};

fn main() {
    let functions = vrl::stdlib::all();
    let compiled = match vrl::compiler::compile(include_str!("accounts.vrl"), &functions) {
        Ok(compiled) => compiled,
        Err(found) => panic!("{}", vrl::diagnostic::Formatter::new(include_str!("accounts.vrl"), found)),
    };
    let input: Box<dyn io::Read> = match std::env::args().nth(1) {
        Some(path) => Box::new(std::fs::File::open(path).unwrap()),
        None => Box::new(io::stdin()),
    };
    let mut input = io::BufReader::with_capacity(256 << 10, input);
    let mut out = io::BufWriter::with_capacity(256 << 10, io::stdout().lock());
    let (zone, mut runtime, mut line) = (TimeZone::default(), Runtime::default(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).unwrap() == 0 {
            break;
        }
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let sorted = json["properties"]["tags"].as_str().map(|tags| {
            let mut tags: Vec<&str> = tags.split(';').collect();
            tags.sort_unstable();
            tags.dedup();
            tags.join(";")
        });
        let mut value = Value::from(json);
        if let Some(sorted) = sorted {
            value.insert(vrl::path!("sorted_tags"), sorted);
        }
        let mut target = TargetValue { value, metadata: Value::Object(BTreeMap::new()), secrets: Secrets::default() };
        if runtime.resolve(&mut target, &compiled.program, &zone).is_ok() {
            serde_json::to_writer(&mut out, &target.value).unwrap();
            out.write_all(b"\n").unwrap();
        }
        runtime.clear();
    }
}
