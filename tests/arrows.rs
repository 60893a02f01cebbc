//! Modules import only from those before them: the order of the phases is also the order of the imports.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::Path;

/// Lowest first. A module may import from every entry above its own line, and from itself.
const LAYERS: &[&[&str]] = &[
    &["value", "view", "record", "builtin", "source"],
    &["diag"],
    &["syntax"],
    &["schema"],
    &["wire"],
    &["calc"],
    &["resolve"],
    &["check"],
    &["plan"],
    &["interp"],
    // Reached by the engine only through the traits `connect::remote::Remote` and `state::Store`.
    &["connect", "state"],
    &["merge"],
    &["draft", "drift", "lsp", "testing"],
    &["bulk", "engine", "sandbox"],
    &["report"],
    &["cli"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Every `crate::module` that a folder's code names outside comments, with one place each.
fn imports(folder: &Path, module: &str, into: &mut BTreeMap<(String, String), String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            imports(&path, module, into);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests may wire together what the code may not.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            for piece in line.split("crate::").skip(1) {
                let name: String =
                    piece.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if layer(&name).is_some() && name != module {
                    let place = format!("{}:{}", path.display(), number + 1);
                    into.entry((module.to_owned(), name)).or_insert(place);
                }
            }
        }
    }
}

fn wrong(found: &BTreeMap<(String, String), String>) -> Vec<String> {
    found
        .iter()
        .filter(|((from, to), _)| layer(to) >= layer(from))
        .map(|((from, to), place)| format!("{place}: `{from}` must not import from `{to}`"))
        .collect()
}

#[test]
fn imports_follow_the_phases() {
    let mut found = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in LAYERS.iter().flat_map(|layer| layer.iter()) {
        let folder = src.join(module);
        if folder.is_dir() {
            imports(&folder, module, &mut found);
        }
    }
    assert!(found.len() > 8, "only {} arrows found: the scan is broken", found.len());
    let wrong = wrong(&found);
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn the_network_and_the_executor_stay_at_the_edge() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let pure =
        ["diag", "syntax", "schema", "wire", "calc", "resolve", "check", "plan", "interp", "merge", "state"];
    for module in pure {
        let mut files = vec![src.join(module)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for banned in ["tokio::", "reqwest::", "SystemTime::now"] {
                assert!(!text.contains(banned), "{} uses {banned}", path.display());
            }
        }
    }
}

#[test]
fn a_planted_wrong_arrow_is_noticed() {
    let planted =
        BTreeMap::from([(("syntax".to_owned(), "engine".to_owned()), "src/syntax/x.rs:1".to_owned())]);
    assert_eq!(wrong(&planted), ["src/syntax/x.rs:1: `syntax` must not import from `engine`"]);
}
