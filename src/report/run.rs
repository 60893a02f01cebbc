//! A run's report for people.

use std::fmt::Write as _;

use super::{clean, count};
use crate::engine::report::{RunOutcome, RunReport};

pub fn text(report: &RunReport, colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let counts = &report.counts;
    let head = match report.outcome {
        RunOutcome::Ok => paint("32", "ok"),
        RunOutcome::Partial => paint("33", "partial"),
        RunOutcome::Failed => paint("31", "failed"),
        RunOutcome::Stopped => paint("31", "stopped"),
    };
    let parts = [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.deleted, "archived"),
        (counts.associated, "associated"),
        (counts.skipped, "left alone"),
        (counts.held, "held"),
        (counts.failed, "failed"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let told = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    let mut out = format!("{head}: {told}\n");
    if report.conflicts > 0 {
        let _ = writeln!(
            out,
            "{} decided by the rule (twinmap runs show {})",
            count(report.conflicts, "conflict"),
            report.run
        );
    }
    let calls: Vec<String> = report.calls.iter().map(|(name, n)| format!("{name} {n}")).collect();
    let _ = writeln!(
        out,
        "run {}: read {}; calls: {}",
        report.run,
        count(counts.read, "record"),
        calls.join(", ")
    );
    if let Some(told) = &report.linkedin {
        out.push_str(&super::linkedin::text(told));
    }
    for failure in report.failures.iter().take(20) {
        let record = if failure.record.is_empty() { "(new)" } else { &failure.record };
        let _ = writeln!(
            out,
            "  {} {}.{} {record} from {}: {} {}",
            paint("31", "failed"),
            failure.system,
            failure.object,
            failure.source,
            failure.code,
            clean(&failure.message, 160)
        );
    }
    if report.failures.len() > 20 {
        let _ = writeln!(out, "  … {} more: --format json", report.failures.len() - 20);
    }
    for moved in report.moved.iter().take(20) {
        let _ = writeln!(out, "  {} {}", paint("33", "moved"), clean(moved, 160));
    }
    if report.moved.len() > 20 {
        let _ = writeln!(out, "  … {} more: --format json", report.moved.len() - 20);
    }
    out
}
