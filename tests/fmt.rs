//! The formatter: its five properties over generated texts, and the corpus `tests/corpus/fmt/NNN_name/{in,out}.twin`.
//! `UPDATE=1` rewrites the expectations.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use twinmap::source::SourceMap;
use twinmap::syntax::fmt::format;
use twinmap::syntax::{self, outline::outline};

const REFERENCE: &str = include_str!("corpus/reference.twin");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The tree without its places, and the codes of what is wrong.
fn tree(text: &str) -> String {
    let mut sources = SourceMap::new();
    let id = sources.add("a.twin", text);
    let (file, found) = syntax::parse_file(&sources, id);
    static PLACES: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(r"Span \{ file: FileId\(\d+\), start: \d+, end: \d+ \}|line: \d+").unwrap()
    });
    let mut codes: Vec<&str> = found.iter().map(|one| one.code.id()).collect();
    codes.sort_unstable();
    format!("{} {codes:?}", PLACES.replace_all(&format!("{file:?}"), "@"))
}

fn comments(text: &str) -> Vec<String> {
    let mut sources = SourceMap::new();
    let id = sources.add("a.twin", text);
    let text = sources.text(id);
    let mut found: Vec<String> =
        outline(id, text).comments.iter().map(|one| text[one.span.range()].to_owned()).collect();
    found.sort();
    found
}

/// Fixed point and same comments for any text; the tree's order is another matter (clauses move).
fn holds(text: &str) {
    let once = format(text).text;
    let twice = format(&once).text;
    let changed = once.lines().zip(twice.lines()).find(|(a, b)| a != b);
    assert!(
        twice == once,
        "no fixed point at {changed:?}, {:?} became {:?}",
        once.get(once.len().saturating_sub(200)..),
        twice.get(twice.len().saturating_sub(200)..)
    );
    assert_eq!(comments(&once), comments(text), "comments of:\n{text}");
    assert!(!once.lines().any(|line| line.ends_with(' ')) || text.lines().any(|line| line.ends_with(' ')));
}

#[test]
fn the_corpus_is_laid_out_as_expected() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root().join("tests/corpus/fmt"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "only {} cases", cases.len());
    for case in cases {
        let input = std::fs::read_to_string(case.join("in.twin")).unwrap();
        let got = format(&input).text;
        let file = case.join("out.twin");
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&file, &got).unwrap();
        }
        let want = std::fs::read_to_string(&file).unwrap();
        assert_eq!(got, want, "{}", case.display());
        assert_eq!(format(&want).text, want, "{} is no fixed point", case.display());
        assert_eq!(comments(&input), comments(&want), "{}", case.display());
    }
}

#[test]
fn the_example_project_stands_as_the_formatter_leaves_it() {
    let mut seen = 0;
    for folder in ["mappings", "tests", "policies"] {
        for entry in std::fs::read_dir(root().join("specs/hubspot-salesforce").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(format(&text).text, text, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 7);
}

#[test]
fn one_edited_row_changes_one_line() {
    let text = format(REFERENCE).text;
    let lines: Vec<&str> = text.lines().collect();
    let mut edited = 0;
    for (number, line) in
        lines.iter().enumerate().filter(|(_, line)| line.contains("<->") && !line.contains('{'))
    {
        // A longer tail may lose its gutter, but only on its own line.
        let longer = line.replacen("<->", "  <->", 1).replacen(
            |c: char| c.is_ascii_lowercase(),
            "a_very_long_name_of_a_field_q",
            1,
        );
        if longer.trim_start().starts_with("match") {
            continue;
        }
        let mut other = lines.clone();
        other[number] = &longer;
        let formatted = format(&(other.join("\n") + "\n")).text;
        let differing = formatted.lines().zip(&lines).filter(|(a, b)| a != *b).count();
        assert_eq!((formatted.lines().count(), differing), (lines.len(), 1), "{longer}\n{formatted}");
        edited += 1;
    }
    assert!(edited > 8, "only {edited} rows edited");
}

#[test]
fn texts_that_are_no_programs_come_back_whole() {
    for text in
        ["", "\n\n", "}", "}}\n{", "\u{feff}# only a comment", "a b c", "sync", "{{{{", "\"", "[\n[\n"]
    {
        holds(text);
    }
    let deep = "sync a: b.c <-> d.e {\n".repeat(300);
    holds(&deep);
    let long = format!("# {}\n", "x".repeat(20_000));
    assert_eq!(format(&long).text, long);
}

/// The reference with its blanks, line ends and separators changed, and its words left alone.
fn respaced(seed: &[u8]) -> String {
    let mut out = String::new();
    let mut bytes = seed.iter().copied().cycle();
    let mut quoted = false;
    for line in REFERENCE.lines() {
        let indent = usize::from(bytes.next().unwrap_or(0) % 7);
        out.push_str(&" ".repeat(indent));
        let mut comment = false;
        for c in line.trim_start().chars() {
            if c == '"' {
                quoted = !quoted;
            }
            comment |= c == '#' && !quoted;
            if c == ' ' && !quoted && !comment {
                out.push_str(match bytes.next().unwrap_or(0) % 5 {
                    0 => "  ",
                    1 => "\t",
                    2 => "    ",
                    _ => " ",
                });
            } else {
                out.push(c);
            }
        }
        out.push_str(match bytes.next().unwrap_or(0) % 6 {
            0 => "\n\n\n",
            1 => " \n",
            _ => "\n",
        });
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blanks_do_not_matter(seed in proptest::collection::vec(any::<u8>(), 1..64)) {
        let text = respaced(&seed);
        let once = format(&text).text;
        prop_assert!(format(&once).text == once, "no fixed point:\n{once}");
        prop_assert!(tree(&once) == tree(&format(REFERENCE).text), "another tree:\n{once}");
    }

    #[test]
    fn mangled_programs_keep_everything(cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..6), 1..12)) {
        let mut text: Vec<char> = REFERENCE.chars().collect();
        for (at, what, length) in cuts {
            let at = at.index(text.len());
            match what % 4 {
                0 => { text.drain(at..(at + length).min(text.len())); }
                1 => text.insert(at, ['{', '}', ';', '"', '[', ']', '#', '\n', '(', '-'][usize::from(what / 4) % 10]),
                2 => text[at] = ' ',
                _ => text.insert(at, '\n'),
            }
        }
        holds(&text.into_iter().collect::<String>());
    }
}

#[test]
fn the_same_tree_after_for_the_reference_and_the_example() {
    // Clauses and options may move, so the tree is compared once they stand in order.
    let once = format(REFERENCE).text;
    assert!(tree(&format(&once).text) == tree(&once));
    let example = root().join("specs/hubspot-salesforce/mappings/companies.twin");
    let text = std::fs::read_to_string(example).unwrap();
    let squeezed = text.replace("  ", " ").replace("  ", " ");
    assert!(tree(&format(&squeezed).text) == tree(&text));
}

#[test]
fn the_command_writes_whole_files_and_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.twin");
    let crooked = "convert c {\n-> lower( it )\n}\n";
    std::fs::write(&file, crooked).unwrap();
    let run = |args: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_twinmap"))
            .arg("fmt")
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let read = || std::fs::read_to_string(&file).unwrap();
    let check = run(&["--check", "a.twin"]);
    assert_eq!((check.status.code(), String::from_utf8_lossy(&check.stdout).as_ref()), (Some(1), "a.twin\n"));
    let diff = run(&["--diff", "a.twin"]);
    assert_eq!(diff.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&diff.stdout).contains("--> lower( it )\n+  -> lower(it)\n"));
    assert_eq!(read(), crooked);
    assert_eq!(run(&["a.twin"]).status.code(), Some(0));
    assert_eq!(read(), "convert c {\n  -> lower(it)\n}\n");
    assert_eq!(run(&["--check", "."]).status.code(), Some(0));
    let missing = run(&["nowhere.twin"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("error[E703]"));
    // Without a project and without names there is nothing to lay out.
    assert_eq!(run(&[]).status.code(), Some(1));
}

#[test]
fn standard_input_goes_to_standard_output() {
    use std::io::Write as _;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_twinmap"))
        .args(["fmt", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .current_dir(Path::new("/"))
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"policy \"p\" {deny plan when blanks>0}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "policy \"p\" { deny plan when blanks > 0 }\n");
}

/// Every program of the corpora, right or wrong: a fixed point, with its comments, its tree and its findings.
#[test]
fn the_corpora_keep_their_meaning() {
    let mut folders = vec![root().join("tests/corpus/ok"), root().join("tests/corpus/fail")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "twin")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                holds(&text);
                let once = format(&text).text;
                // Clauses and options may move: the trees are the same as bags of words.
                let words = |text: &str| {
                    let tree = tree(text);
                    let mut words: Vec<String> =
                        tree.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
                    words.sort();
                    words
                };
                assert!(words(&once) == words(&text), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "only {seen} programs");
}
