//! A change set for people: per sync what would be made, changed, associated; then what is left alone and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{clean, count};
use crate::merge::change::{Action, Activities, Change, ChangeSet, FieldChange, Skip};

/// Paints when asked to.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn put(self, colour: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Terminal text in 80 columns; `most` changes per sync are shown in full.
pub fn text(set: &ChangeSet, colour: bool, most: usize) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    let mut syncs: Vec<&str> = Vec::new();
    let names = set.changes.iter().map(|c| c.sync.as_str()).chain(set.skips.iter().map(|s| s.sync.as_str()));
    for name in names {
        if !syncs.contains(&name) {
            syncs.push(name);
        }
    }
    syncs.sort_unstable();
    for name in syncs {
        let changes: Vec<&Change> = set.changes.iter().filter(|change| change.sync == name).collect();
        let skips: Vec<&Skip> = set.skips.iter().filter(|skip| skip.sync == name).collect();
        let _ = writeln!(out, "{}", paint.put("1", &format!("sync {name}: {}", tally(&changes))));
        for change in changes.iter().take(most) {
            one(&mut out, change, paint);
        }
        if changes.len() > most {
            let more = changes.len() - most;
            let _ = writeln!(out, "  … {more} more (all of them: --format json)");
        }
        left_alone(&mut out, &skips, paint);
        out.push('\n');
    }
    for item in &set.activities {
        activities(&mut out, item, paint);
        out.push('\n');
    }
    out.push_str(&summary(set));
    for stop in &set.stops {
        let _ = writeln!(out, "{} {stop}", paint.put("1;31", "stopped:"));
    }
    if !set.stops.is_empty() {
        let _ = writeln!(out, "  approve it after a look: --approve {}", set.hash());
    }
    out
}

fn tally(changes: &[&Change]) -> String {
    let of = |wanted: &[Action]| changes.iter().filter(|change| wanted.contains(&change.action)).count();
    let mut parts = Vec::new();
    for (word, wanted) in [
        ("to create", &[Action::Create][..]),
        ("to update", &[Action::Update]),
        ("to archive", &[Action::Delete]),
        ("to associate", &[Action::Associate, Action::Dissociate]),
    ] {
        let n = of(wanted);
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") }
}

fn one(out: &mut String, change: &Change, paint: Paint) {
    let (sign, colour) = match change.action {
        Action::Create => ("+", "32"),
        Action::Update => ("~", "33"),
        Action::Delete => ("-", "31"),
        Action::Associate => ("&", "36"),
        Action::Dissociate => ("x", "31"),
    };
    let record = change.record.as_deref().unwrap_or("(new)");
    let head = format!("{sign} {}.{} {record}", change.system, change.object);
    let _ = writeln!(out, "  {}  from {}", paint.put(colour, &head), source(&change.source));
    for field in &change.fields {
        let _ = writeln!(out, "      {}", field_line(field, change.action, paint));
    }
}

/// A record that is made in the same run has no id yet.
fn source(text: &str) -> String {
    match text.split_once(" new:") {
        Some((object, _)) => format!("{object} (new)"),
        None => clean(text, 60),
    }
}

fn field_line(field: &FieldChange, action: Action, paint: Paint) -> String {
    let name = format!("{:<20}", field.name);
    let after = value(&field.after);
    let change = if action == Action::Create || field.before.is_null() {
        after
    } else {
        format!("{} -> {after}", value(&field.before))
    };
    let told = matches!(field.rule.as_str(), "created" | "associated on the other side")
        || field.rule.starts_with("changed");
    if told && !field.conflict {
        return format!("{name} {change}");
    }
    // Six columns of indentation stand before the name.
    let room = name.chars().count() + change.chars().count() + field.rule.chars().count() + 11 <= 80;
    let gap = if room { "  ".to_owned() } else { format!("\n{}", " ".repeat(27)) };
    let rule = format!("({})", field.rule);
    format!("{name} {change}{gap}{}", if field.conflict { paint.put("31", &rule) } else { rule })
}

fn value(json: &Json) -> String {
    match json {
        Json::Null => "(blank)".to_owned(),
        Json::String(text) if text.starts_with("new:") => "(the new record)".to_owned(),
        Json::String(text) => match text.split_once(" new:") {
            Some((object, _)) => format!("{object} (new)"),
            None => format!("\"{}\"", clean(text, 34)),
        },
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[{}]", clean(&items.join(", "), 40))
        }
        other => other.to_string(),
    }
}

fn left_alone(out: &mut String, skips: &[&Skip], paint: Paint) {
    let mut reasons: BTreeMap<&str, Vec<&Skip>> = BTreeMap::new();
    for skip in skips {
        reasons.entry(&skip.reason).or_default().push(skip);
    }
    for (reason, skips) in reasons {
        let _ = writeln!(
            out,
            "  {} {}: {}",
            paint.put("2", "="),
            count(skips.len() as u64, "record"),
            paint.put("2", &format!("left alone ({reason})"))
        );
        let quiet = matches!(reason, "filter" | "create-rule" | "create-never" | "stage-unmapped");
        let shown = if quiet { 0 } else { 5 };
        for skip in skips.iter().take(shown) {
            let _ = writeln!(
                out,
                "      {}.{} {}: {}",
                skip.system,
                skip.object,
                skip.record,
                clean(&skip.detail, 90)
            );
        }
        if !quiet && skips.len() > shown {
            let _ = writeln!(out, "      … {} more", skips.len() - shown);
        }
    }
}

fn activities(out: &mut String, item: &Activities, paint: Paint) {
    let head = format!("writeback {}: {}", item.writeback, due(item));
    let _ = writeln!(out, "{}", paint.put("1", &head));
    for (kind, n) in &item.due {
        let _ = writeln!(out, "  {} {n} of kind {kind}", paint.put("32", "+"));
    }
    for (word, reasons) in [("skipped", &item.skipped), ("held", &item.held)] {
        for (reason, n) in reasons {
            let told = format!("{} {word} ({reason})", activity_count(*n));
            let _ = writeln!(out, "  {} {told}", paint.put("2", "="));
        }
    }
    if item.written > 0 {
        let told = format!("{} written before", activity_count(item.written));
        let _ = writeln!(out, "  {} {told}", paint.put("2", "="));
    }
}

fn activity_count(n: u64) -> String {
    if n == 1 { "1 activity".to_owned() } else { format!("{n} activities") }
}

/// `12 activities to write, 3 to attach`
fn due(item: &Activities) -> String {
    let write: u64 = item.due.values().sum();
    match (write, item.attach) {
        (0, 0) => "nothing to write".to_owned(),
        (n, 0) => format!("{} to write to {}", activity_count(n), item.system),
        (n, attach) => format!("{} to write to {}, {attach} to attach", activity_count(n), item.system),
    }
}

/// The last lines: counts and predicted calls.
pub fn summary(set: &ChangeSet) -> String {
    let sum = &set.summary;
    let parts = [
        (sum.create, "to create"),
        (sum.update, "to update"),
        (sum.delete, "to archive"),
        (sum.associate, "to associate"),
        (sum.skip, "left alone"),
        (sum.hold, "held"),
        (sum.ambiguous, "ambiguous"),
    ];
    let mut parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if sum.conflicts > 0 {
        parts.push(count(sum.conflicts, "conflict"));
    }
    parts.extend(set.activities.iter().map(due).filter(|told| told != "nothing to write"));
    let mut out = if parts.is_empty() { "nothing to do\n".to_owned() } else { parts.join(", ") + "\n" };
    if !set.cost.is_empty() {
        let calls: Vec<String> =
            set.cost.iter().map(|(name, cost)| format!("{name} {}", cost.calls)).collect();
        let _ = writeln!(out, "calls to apply it: {}", calls.join(", "));
    }
    out
}

/// For a pull request: a table per sync.
pub fn markdown(set: &ChangeSet, most: usize) -> String {
    let escape = |text: &str| {
        let plain = clean(text, 60);
        plain.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('`', "'")
    };
    let mut out = format!("### twinmap plan\n\n{}\n", summary(set).trim_end());
    if !set.changes.is_empty() {
        out.push_str(
            "\n| | record | from | field | before | after | rule |\n|---|---|---|---|---|---|---|\n",
        );
    }
    for change in set.changes.iter().take(most) {
        let sign = match change.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "archive",
            Action::Associate => "associate",
            Action::Dissociate => "dissociate",
        };
        let record = change.record.as_deref().unwrap_or("(new)");
        let place = format!("{}.{} {record}", change.system, change.object);
        for field in &change.fields {
            let _ = writeln!(
                out,
                "| {sign} | {} | {} | {} | {} | {} | {} |",
                escape(&place),
                escape(&source(&change.source)),
                escape(&field.name),
                escape(&value(&field.before)),
                escape(&value(&field.after)),
                escape(&field.rule)
            );
        }
    }
    if set.changes.len() > most {
        let _ = writeln!(out, "\n… {} more changes", set.changes.len() - most);
    }
    for stop in &set.stops {
        let _ = writeln!(out, "\n**stopped:** {}", escape(stop));
    }
    out
}
