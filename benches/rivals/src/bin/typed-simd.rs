//! Typed, by hand, with simd-json.

use rivals::{Task, Texts, run, typed::Record};

fn main() {
    let task = Task::new(Texts::Decoded);
    let mut buffers = simd_json::Buffers::default();
    run(|line, out| {
        let record: Record<'_> = simd_json::serde::from_slice_with_buffers(line, &mut buffers).unwrap();
        let company = record.properties.company();
        if task.passes(&company) {
            task.write(&company, out);
        }
    });
}
