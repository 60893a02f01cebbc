//! A [`Sheet`] as text of at most 80 columns.

use std::fmt::Write as _;

use super::{Flow, MapSheet, RowSheet, Sheet, SyncSheet};
use crate::schema::SystemKind;

const WIDTH: usize = 80;
/// Rows of a value map that are shown unless all are asked for.
const SHORT: usize = 6;

/// How much of the long tables is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Short,
    Full,
}

pub fn render(sheet: &Sheet, detail: Detail) -> String {
    let mut out = String::new();
    let hash = sheet.plan.get(..12).unwrap_or(&sheet.plan);
    let count = sheet.syncs.len();
    let s = if count == 1 { "" } else { "s" };
    let _ =
        writeln!(out, "sync plan {hash} of {}, edition {}, {count} sync{s}", sheet.project, sheet.edition);
    for system in &sheet.systems {
        let kind = match system.kind {
            SystemKind::Hubspot => "HubSpot",
            SystemKind::Salesforce => "Salesforce",
            SystemKind::Salesnav => "Sales Navigator",
            SystemKind::File => "files",
        };
        let account = if system.account.is_empty() {
            "account not recorded".to_owned()
        } else {
            format!("account {}", system.account)
        };
        let snapshot = system.snapshot.get(..12).unwrap_or("none");
        paragraph(
            &mut out,
            2,
            &format!("{}: ", system.name),
            &format!("{kind}, {account}, snapshot {snapshot}"),
        );
    }
    sheet.syncs.iter().for_each(|sync| one_sync(&mut out, sync));
    for (kind, maps) in [("stage map", &sheet.stages), ("value map", &sheet.values)] {
        for map in maps {
            let shown = if detail == Detail::Full || kind == "stage map" { usize::MAX } else { SHORT };
            value_table(&mut out, kind, map, shown);
        }
    }
    the_rest(&mut out, sheet);
    out
}

fn one_sync(out: &mut String, sync: &SyncSheet) {
    let head = format!("{} {} {}", sync.left, sync.direction.symbol(), sync.right.join(" | "));
    let _ = writeln!(out);
    paragraph(out, 0, &format!("sync {}: ", sync.name), &head);
    for line in sync.doc.iter().flat_map(|doc| doc.lines()) {
        paragraph(out, 2, "", line);
    }
    for rule in &sync.rules {
        let about = match &rule.system {
            Some(system) => format!("{} {system}: ", rule.about),
            None => format!("{}: ", rule.about),
        };
        paragraph(out, 2, &about, &rule.words);
    }
    if sync.associations.is_empty() {
        paragraph(out, 2, "associations: ", "none");
    }
    for one in &sync.associations {
        let primary = if one.primary { ", the primary one" } else { "" };
        let words = format!(
            "{} {} {}, by the links of `{}`{primary}",
            one.left,
            one.direction.symbol(),
            one.right,
            one.through
        );
        paragraph(out, 2, "associations: ", &words);
    }
    sync.flows.iter().for_each(|flow| one_flow(out, flow));
}

fn one_flow(out: &mut String, flow: &Flow) {
    let count = flow.rows.len();
    let fields = match count {
        0 => "no field".to_owned(),
        1 => "1 field".to_owned(),
        _ => format!("{count} fields"),
    };
    let _ = writeln!(out);
    paragraph(out, 2, "", &format!("{} -> {}, {fields}", flow.from, flow.to));
    let width = |pick: fn(&RowSheet) -> &String| {
        flow.rows.iter().map(|row| pick(row).chars().count()).filter(|width| *width <= 26).max().unwrap_or(0)
    };
    let (from, to) = (width(|row| &row.from), width(|row| &row.to));
    for row in &flow.rows {
        let arrow = if row.both_ways { "<->" } else { "->" };
        let start = format!("    {:from$} {arrow:3} {:to$}", row.from, row.to);
        let how = row.how.join("; ");
        let used = start.chars().count() + 2;
        if used > WIDTH {
            paragraph(out, 4, "", &format!("{} {arrow}", row.from));
            paragraph(out, 8, "", &format!("{} {how}", row.to));
        } else if how.is_empty() {
            let _ = writeln!(out, "{}", start.trim_end());
        } else if WIDTH - used >= 18 {
            let mut lines = wrap(&how, WIDTH - used).into_iter();
            let _ = writeln!(out, "{start}  {}", lines.next().unwrap_or_default());
            for line in lines {
                let _ = writeln!(out, "{}{line}", " ".repeat(used));
            }
        } else {
            let _ = writeln!(out, "{}", start.trim_end());
            paragraph(out, 8, "", &how);
        }
    }
}

fn value_table(out: &mut String, kind: &str, map: &MapSheet, shown: usize) {
    let scope = map.scope.as_ref().map(|scope| format!(" ({scope})")).unwrap_or_default();
    let (right, left) = &map.unlisted;
    let unlisted = if right == left { right.clone() } else { format!("-> {right}, <- {left}") };
    let count = map.rows.len();
    let _ = writeln!(out);
    paragraph(
        out,
        0,
        &format!("{kind} {}: ", map.name),
        &format!(
            "{count} row{}{scope}; a value that is not listed: {unlisted}",
            if count == 1 { "" } else { "s" }
        ),
    );
    let longest = |pick: fn(&(String, crate::plan::ir::Direction, String)) -> &String| {
        map.rows
            .iter()
            .map(|row| pick(row).chars().count() + 2)
            .filter(|width| *width <= 34)
            .max()
            .unwrap_or(0)
    };
    let width = longest(|row| &row.0);
    for (left, direction, right) in map.rows.iter().take(shown) {
        let (left, right) = (format!("\"{left}\""), format!("\"{right}\""));
        let line = format!("  {left:width$} {:3} {right}", direction.symbol());
        if line.chars().count() <= WIDTH {
            let _ = writeln!(out, "{line}");
        } else {
            paragraph(out, 2, "", &format!("{left} {}", direction.symbol()));
            paragraph(out, 6, "", &right);
        }
    }
    if count > shown {
        let _ = writeln!(out, "  and {} more (`--full` shows them)", count - shown);
    }
}

fn the_rest(out: &mut String, sheet: &Sheet) {
    for map in &sheet.owners {
        let _ = writeln!(out);
        let words = format!(
            "by e-mail address; inactive owners: {}; owners without a counterpart: {}",
            map.inactive, map.unmatched
        );
        paragraph(out, 0, &format!("owners {} <-> {}: ", map.left, map.right), &words);
        for (left, direction, right) in &map.exceptions {
            paragraph(out, 2, "", &format!("{left} {} {right}", direction.symbol()));
        }
    }
    for item in &sheet.writebacks {
        let _ = writeln!(out);
        let items = if item.items.is_empty() { "nothing".to_owned() } else { item.items.join(", ") };
        let seats = seats(item.all_seats, &item.seats);
        paragraph(out, 0, &format!("writeback {}: ", item.name), &format!("{items}; {seats}"));
        for target in &item.targets {
            let words = format!("{} on {}", target.object, target.on.join(", "));
            paragraph(out, 2, &format!("{} -> ", target.kinds.join(", ")), &words);
        }
    }
    for item in &sheet.crm_settings {
        let _ = writeln!(out);
        let not_sure = || "not sure".to_owned();
        let words = format!(
            "pipeline entry {}; won value {}; auto-save {}; {}",
            item.pipeline_entry.clone().unwrap_or_else(not_sure),
            item.won_value.clone().unwrap_or_else(not_sure),
            if item.auto_save.is_empty() { "nothing".to_owned() } else { item.auto_save.join(", ") },
            seats(item.all_seats, &item.seats)
        );
        paragraph(out, 0, "crm settings: ", &words);
    }
    for policy in &sheet.policies {
        let _ = writeln!(out);
        let denies = if policy.denies.is_empty() {
            "held by the program".to_owned()
        } else {
            policy.denies.join("; ")
        };
        let words = if policy.denies.is_empty() { denies } else { format!("denies {denies}") };
        paragraph(out, 0, &format!("policy \"{}\": ", policy.name), &words);
    }
}

fn seats(all: bool, single: &std::collections::BTreeMap<String, bool>) -> String {
    let mut words = if all { "all seats".to_owned() } else { "no seats".to_owned() };
    for (email, on) in single {
        let _ = write!(words, ", {email} {}", if *on { "on" } else { "off" });
    }
    words
}

/// A heading and its words, wrapped under each other.
fn paragraph(out: &mut String, indent: usize, heading: &str, words: &str) {
    let margin = indent + heading.chars().count();
    let hanging = if margin > 30 { indent + 4 } else { margin };
    let first_width = WIDTH.saturating_sub(margin).max(20);
    let mut lines = wrap_from(words, first_width, WIDTH.saturating_sub(hanging)).into_iter();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "{}", format!("{}{heading}{first}", " ".repeat(indent)).trim_end());
    for line in lines {
        let _ = writeln!(out, "{}{line}", " ".repeat(hanging));
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_from(text, width, width)
}

/// Breaks between words; a word longer than the width stands alone.
fn wrap_from(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut width = first;
    for word in text.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > width {
            lines.push(std::mem::take(&mut line));
            width = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
