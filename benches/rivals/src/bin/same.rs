//! `same A.jsonl B.jsonl`: whether two outputs say the same: records in order, members in any order, numbers by value, null as absence.

use std::io::{BufRead, BufReader};

fn main() {
    let open = |n: usize| {
        let path = std::env::args().nth(n).expect("two files");
        BufReader::new(std::fs::File::open(path).expect("a file")).lines().map(|line| line.expect("a line"))
    };
    let (mut a, mut b, mut count) = (open(1), open(2), 0_u64);
    loop {
        match (a.next(), b.next()) {
            (None, None) => break,
            (Some(left), Some(right)) => {
                count += 1;
                let (left, right) = (canonical(&left), canonical(&right));
                if left != right {
                    println!("record {count} differs:\n{left}\n{right}");
                    std::process::exit(1);
                }
            }
            _ => {
                println!("one has only {count} records");
                std::process::exit(1);
            }
        }
    }
    println!("{count} records, the same");
}

fn canonical(line: &str) -> serde_json::Value {
    let mut json: serde_json::Value = serde_json::from_str(line).expect("JSON");
    if let Some(members) = json.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    for value in json.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Some(number) = value.as_f64() {
            *value = number.into();
        }
    }
    json
}
