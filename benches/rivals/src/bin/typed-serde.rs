//! Typed, by hand, with serde_json.

use rivals::{Task, Texts, run, typed::Record};

fn main() {
    let task = Task::new(Texts::Decoded);
    run(|line, out| {
        let record: Record<'_> = serde_json::from_slice(line).unwrap();
        let company = record.properties.company();
        if task.passes(&company) {
            task.write(&company, out);
        }
    });
}
