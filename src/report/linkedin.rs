//! The LinkedIn part of a run for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::count;
use crate::engine::linkedin::{NavReport, WritebackReport};

pub fn text(told: &NavReport) -> String {
    let mut out = String::new();
    for (system, found) in &told.matches {
        let _ = write!(
            out,
            "{system}: {} matched, {} ambiguous, {} unmatched",
            count(found.matched, "record"),
            found.ambiguous,
            found.unmatched
        );
        let person_accounts = match found.person_accounts {
            0 => String::new(),
            n => format!(", {} left out", count(n, "person account")),
        };
        let _ = writeln!(out, "{person_accounts}");
    }
    for list in &told.lists {
        let owner = if list.owner.is_empty() { String::new() } else { format!(" of {}", list.owner) };
        let removed = if list.removed > 0 { format!(", {} removed", list.removed) } else { String::new() };
        let _ = writeln!(
            out,
            "list \"{}\"{owner}: {} of {} new{removed}",
            list.list,
            list.added,
            count(list.entries, list.kind.as_str())
        );
    }
    for item in &told.writebacks {
        out.push_str(&writeback(item));
    }
    out
}

/// `seen = written + skipped + held`, with the reasons.
pub fn writeback(item: &WritebackReport) -> String {
    let due: u64 = item.due.values().sum();
    let mut out = format!(
        "writeback {}: {} seen = {} written + {}{} skipped + {} held",
        item.name,
        item.seen,
        item.written,
        if due > 0 { format!("{due} due + ") } else { String::new() },
        item.skipped_in_all(),
        item.held_in_all()
    );
    let _ = match due {
        0 => writeln!(out, " (now {} written, {} attached)", item.written_now, item.attached_now),
        _ => writeln!(out, " (of those written {} to be attached)", item.attached_now),
    };
    reasons("due", &item.due, &mut out);
    reasons("skipped", &item.skipped, &mut out);
    reasons("held", &item.held, &mut out);
    if item.unresolved > 0 {
        let _ = writeln!(out, "  {} hang on no record yet: `twinmap unresolved`", item.unresolved);
    }
    out
}

fn reasons(word: &str, all: &BTreeMap<String, u64>, out: &mut String) {
    for (reason, n) in all {
        let _ = writeln!(out, "  {word:<8} {n:>7}  {reason}");
    }
}
