//! Typed, by hand, with sonic-rs.

use rivals::{Task, Texts, run, typed::Record};

fn main() {
    let task = Task::new(Texts::Decoded);
    run(|line, out| {
        let record: Record<'_> = sonic_rs::from_slice(line).unwrap();
        let company = record.properties.company();
        if task.passes(&company) {
            task.write(&company, out);
        }
    });
}
