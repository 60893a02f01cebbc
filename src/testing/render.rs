//! A test report as text and as JUnit XML. Its JSON form is the report itself.

use std::fmt::Write as _;

use super::{Coverage, Failure, Outcome, Report};
use crate::diag::render::junit::escape;

/// Gaps that are listed unless all are asked for.
const GAPS_SHOWN: usize = 20;

/// For people: failures with their fields, then the counts. `names` lists passed tests too.
pub fn text(report: &Report, names: bool, colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for test in &report.tests {
        if test.outcome == Outcome::Passed {
            if names {
                let _ = writeln!(out, "{} {} ({})", paint("32", "ok  "), test.name, test.sync);
            }
            continue;
        }
        let _ = writeln!(
            out,
            "{} {} ({})\n  {}:{}",
            paint("1;31", "FAIL"),
            test.name,
            test.sync,
            test.file,
            test.line
        );
        for failure in &test.failures {
            one_failure(&mut out, failure, &paint);
        }
    }
    if let Some(coverage) = &report.coverage {
        let _ = write!(out, "{}", gaps(coverage));
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let total = report.tests.len();
    let _ = match report.summary.failed {
        0 if total == 0 => {
            writeln!(out, "no tests: write `test \"...\" in SYNC {{ given ... expect ... }}` under tests/")
        }
        0 => writeln!(out, "{total} test{} passed", s(total)),
        failed => writeln!(out, "{failed} of {total} test{} failed", s(total)),
    };
    out
}

fn one_failure(out: &mut String, failure: &Failure, paint: &impl Fn(&str, &str) -> String) {
    let _ = writeln!(out, "  line {}: {}", failure.line, failure.message);
    let width = failure.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    for field in &failure.fields {
        let nothing = || "nothing".to_owned();
        let expected = field.expected.clone().unwrap_or_else(nothing);
        let got = field.got.clone().unwrap_or_else(nothing);
        let _ = writeln!(out, "{}", paint("32", &format!("    - {:width$}  {expected}", field.name)));
        let _ = writeln!(out, "{}", paint("31", &format!("    + {:width$}  {got}", field.name)));
        if !field.why.is_empty() {
            let _ = writeln!(out, "      {:width$}  {}", "", field.why);
        }
    }
    if !failure.fields.is_empty() {
        let _ = writeln!(out, "    (- expected, + got)");
    }
}

fn gaps(coverage: &Coverage) -> String {
    let mut out = String::new();
    let share = (coverage.covered * 100).checked_div(coverage.total).unwrap_or(100);
    let _ = writeln!(
        out,
        "coverage: {} of {} rows, conditions and values ({share} %)",
        coverage.covered, coverage.total
    );
    for gap in coverage.uncovered.iter().take(GAPS_SHOWN) {
        let _ = writeln!(out, "  not reached: {} {}", gap.at, gap.what);
    }
    let rest = coverage.uncovered.len().saturating_sub(GAPS_SHOWN);
    if rest > 0 {
        let _ = writeln!(out, "  and {rest} more (`--format json` lists all)");
    }
    out
}

/// One suite a file, one case a test.
pub fn junit(report: &Report) -> String {
    let mut files: Vec<&str> = report.tests.iter().map(|test| test.file.as_str()).collect();
    files.dedup();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failed) = (report.tests.len(), report.summary.failed);
    let _ = writeln!(out, "<testsuites tests=\"{tests}\" failures=\"{failed}\">");
    for file in files {
        let of_file: Vec<_> = report.tests.iter().filter(|test| test.file == file).collect();
        let failed = of_file.iter().filter(|test| test.outcome == Outcome::Failed).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">",
            escape(file),
            of_file.len()
        );
        for test in of_file {
            let name =
                format!("    <testcase classname=\"{}\" name=\"{}\"", escape(&test.sync), escape(&test.name));
            if test.failures.is_empty() {
                let _ = writeln!(out, "{name}/>");
                continue;
            }
            let mut body = String::new();
            test.failures
                .iter()
                .for_each(|failure| one_failure(&mut body, failure, &|_, text| text.to_owned()));
            let message = test.failures.first().map_or("", |failure| failure.message.as_str());
            let _ = writeln!(
                out,
                "{name}><failure message=\"{}\">{}</failure></testcase>",
                escape(message),
                escape(&format!("{file}:{}\n{body}", test.line))
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}
