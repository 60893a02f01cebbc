//! JUnit XML: each finding is a failed case, each file without an error a passed one. Warnings pass, and say so.

use std::fmt::Write as _;

use crate::diag::{Diagnostic, Severity};
use crate::source::SourceMap;

/// One XML document.
pub fn document(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut cases = String::new();
    let (mut count, mut failures) = (0_usize, 0_usize);
    for id in sources.ids() {
        let file = sources.path(id);
        let of_file: Vec<&Diagnostic> =
            diagnostics.iter().filter(|one| one.primary.span.file == id).collect();
        for one in &of_file {
            count += 1;
            failures += usize::from(one.severity == Severity::Error);
            case(&mut cases, sources, file, one);
        }
        if of_file.is_empty() {
            count += 1;
            let _ = writeln!(cases, "    <testcase classname=\"{0}\" name=\"{0}\"/>", escape(file));
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{count}\" failures=\"{failures}\">\n  \
         <testsuite name=\"twinmap check\" tests=\"{count}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n\
         {cases}  </testsuite>\n</testsuites>\n"
    )
}

fn case(out: &mut String, sources: &SourceMap, file: &str, one: &Diagnostic) {
    let at = sources.position(one.primary.span.file, one.primary.span.start);
    let name = format!("{} {} at line {}, column {}", one.code.id(), one.code.slug(), at.line, at.column);
    let mut body = format!("{file}:{}:{}: {}", at.line, at.column, one.message);
    for (word, lines) in [("note", &one.notes), ("help", &one.helps)] {
        for line in lines {
            let _ = write!(body, "\n{word}: {line}");
        }
    }
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\">", escape(file), escape(&name));
    let _ = match one.severity {
        Severity::Error => write!(
            out,
            "<failure type=\"{}\" message=\"{}\">{}</failure>",
            one.code.id(),
            escape(&one.message),
            escape(&body)
        ),
        Severity::Warning => write!(out, "<system-out>warning: {}</system-out>", escape(&body)),
    };
    out.push_str("</testcase>\n");
}

/// Text for an element or attribute; characters that XML can't hold are dropped.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
