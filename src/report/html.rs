//! A change set as one page that needs nothing else: no script, no remote parts, every value escaped.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::changes::summary;
use super::clean;
use crate::merge::change::{Action, ChangeSet};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.25rem .6rem;\
    border-bottom:1px solid #ddd;vertical-align:top}th{background:#f4f4f4}.create{color:#117733}.update{color:#886600}\
    .archive,.dissociate,.stop{color:#aa1122}.associate{color:#006688}.conflict{background:#fff0f0}";

/// The page; `most` changes are shown.
pub fn page(set: &ChangeSet, most: usize) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>twinmap plan</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>twinmap plan</h1>\n<p>{}</p>\n",
        escape(summary(set).trim()).replace('\n', "<br>")
    );
    for stop in &set.stops {
        let _ = writeln!(out, "<p class=\"stop\">stopped: {}</p>", escape(stop));
    }
    out.push_str(
        "<table>\n<thead><tr><th>sync</th><th>change</th><th>record</th><th>from</th><th>field</th>\
         <th>before</th><th>after</th><th>rule</th></tr></thead>\n<tbody>\n",
    );
    for change in set.changes.iter().take(most) {
        let word = word(change.action);
        let record = change.record.as_deref().unwrap_or("(new)");
        let place = format!("{}.{} {record}", change.system, change.object);
        for field in &change.fields {
            let class = if field.conflict { " class=\"conflict\"" } else { "" };
            let _ = writeln!(
                out,
                "<tr{class}><td>{}</td><td class=\"{word}\">{word}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
                 <td>{}</td><td>{}</td></tr>",
                escape(&change.sync),
                escape(&place),
                escape(&change.source),
                escape(&field.name),
                escape(&value(&field.before)),
                escape(&value(&field.after)),
                escape(&field.rule)
            );
        }
    }
    out.push_str("</tbody></table>\n");
    if set.changes.len() > most {
        let _ = writeln!(out, "<p>… {} more changes</p>", set.changes.len() - most);
    }
    if !set.skips.is_empty() {
        out.push_str("<h2>Left alone</h2>\n<table><tbody>\n");
        for skip in set.skips.iter().take(most) {
            let place = format!("{}.{} {}", skip.system, skip.object, skip.record);
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&skip.sync),
                escape(&place),
                escape(&skip.reason),
                escape(&skip.detail)
            );
        }
        out.push_str("</tbody></table>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "archive",
        Action::Associate => "associate",
        Action::Dissociate => "dissociate",
    }
}

fn value(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text for HTML, cut where it is endless.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text, 400).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crm_holds_never_becomes_markup() {
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(escape("a\u{202e}b\u{0}"), "a b ");
    }
}
