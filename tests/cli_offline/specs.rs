//! Every example project compiles, is laid out and passes its own tests.

use std::path::Path;

use super::common::{copy, run_in};

#[test]
fn example_projects_are_sound() {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    let mut seen = 0;
    for entry in std::fs::read_dir(specs).unwrap() {
        let folder = tempfile::tempdir().unwrap();
        copy(&entry.unwrap().path(), folder.path());
        for args in [&["check"][..], &["fmt", "--check"], &["test"]] {
            let output = run_in(folder.path(), args);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{args:?}: {told}");
        }
        seen += 1;
    }
    assert!(seen >= 3);
}
