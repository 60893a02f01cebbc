//! The attribution report as one page that needs nothing else: no script, no remote parts, every value escaped.
//!
//! Charts are drawn in SVG; each bar carries its figure as `data-value`, so that others can read the page as they read
//! the JSON. It is light or dark as the reader's screen is, and prints in black on white.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::attribution::{amount, channel, days, left_out, percent};
use super::html::escape;
use crate::engine::linkedin::attribution::{Attribution, Group, Metrics};

const STYLE: &str = "\
:root{color-scheme:light dark;--page:#fff;--text:#1d2226;--soft:#56606a;--line:#d9dde1;--card:#f4f6f8;--revenue:#0f7b3c;\
--pipeline:#0a66c2;--rate:#8a5a00;--days:#7a3ea8}\
@media(prefers-color-scheme:dark){:root{--page:#16191c;--text:#e8eaed;--soft:#a3acb5;--line:#373d43;--card:#20252a;\
--revenue:#4cc38a;--pipeline:#70b5f9;--rate:#e0b050;--days:#c79bf0}}\
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:68rem;padding:0 1rem;\
background:var(--page);color:var(--text)}h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1rem;margin:0 0 .5rem}\
.soft{color:var(--soft)}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.75rem;\
margin:1.25rem 0}.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem .9rem}\
.card b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));gap:.75rem}\
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;padding:.9rem}svg{display:block;width:100%;height:auto}\
svg text{fill:var(--text);font-size:15px}.revenue{fill:var(--revenue)}.pipeline{fill:var(--pipeline)}\
.rate{fill:var(--rate)}.days{fill:var(--days)}.table{overflow-x:auto;margin:1.25rem 0}\
table{border-collapse:collapse;width:100%;font-size:.87rem}caption{text-align:left;font-weight:600;padding:.25rem 0}\
th,td{text-align:left;padding:.35rem .5rem;border-bottom:1px solid var(--line);vertical-align:bottom}td.n{white-space:nowrap}\
th{background:var(--card)}.n{text-align:right;font-variant-numeric:tabular-nums}tfoot td{font-weight:600}\
@media print{:root{--page:#fff;--text:#000;--soft:#444;--line:#bbb;--card:#fff;--revenue:#0f7b3c;--pipeline:#0a66c2;\
--rate:#8a5a00;--days:#7a3ea8}figure,.card,tr{break-inside:avoid}body{margin:0;padding:0;max-width:none;font-size:12px}table{font-size:10px}\
rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// The whole report as one page.
pub fn page(report: &Attribution) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>LinkedIn's influence on deals</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>LinkedIn's influence on deals</h1>\n<p class=\"soft\">Until {}, look-back of {} days{}. A deal counts \
         whole for every campaign group that one of its contacts met before it closed: influence, not cause, so groups add \
         up to more than the total.</p>\n",
        escape(&day(&report.until)),
        report.window_days,
        match report.currency.is_empty() {
            true => String::new(),
            false => format!(", amounts in {}", escape(&report.currency)),
        }
    );
    cards(&mut out, report);
    if report.groups.is_empty() {
        out.push_str("<p>No campaign met a contact of a deal within the look-back window.</p>\n");
    } else {
        out.push_str("<div class=\"charts\">\n");
        for chart in CHARTS {
            bars(&mut out, report, chart);
        }
        out.push_str("</div>\n");
    }
    table(&mut out, report);
    for (reason, n) in &report.left_out {
        let _ = writeln!(
            out,
            "<p class=\"soft\">{}: {}</p>",
            super::count(*n, "deal"),
            escape(&left_out(reason))
        );
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// `2026-11-25T02:00:00Z` -> `2026-11-25`
fn day(stamp: &str) -> String {
    stamp.split('T').next().unwrap_or(stamp).to_owned()
}

fn cards(out: &mut String, report: &Attribution) {
    let (some, all) = (&report.influenced, &report.all);
    out.push_str("<div class=\"cards\">\n");
    for (id, name, value, of) in [
        ("deals", "influenced deals", some.deals.to_string(), format!("of {}", all.deals)),
        ("pipeline", "influenced pipeline", amount(some.pipeline), format!("of {}", amount(all.pipeline))),
        ("revenue", "influenced revenue", amount(some.revenue), format!("of {}", amount(all.revenue))),
        ("win-rate", "win rate", percent(some.win_rate), format!("all deals {}", percent(all.win_rate))),
        ("days", "days to close", days(some.days_to_close), format!("all deals {}", days(all.days_to_close))),
    ] {
        let _ = writeln!(
            out,
            "<div class=\"card\" id=\"{id}\"><span class=\"soft\">{name}</span><b>{value}</b><span class=\"soft\">{of}</span>\
             </div>"
        );
    }
    out.push_str("</div>\n");
}

/// One bar chart: what it shows, and how a figure of it reads.
struct Chart {
    class: &'static str,
    title: &'static str,
    of: fn(&Metrics) -> Option<Decimal>,
    words: fn(Decimal) -> String,
}

const CHARTS: [Chart; 4] = [
    Chart {
        class: "revenue",
        title: "Influenced revenue by campaign group",
        of: |metrics| Some(metrics.revenue),
        words: amount,
    },
    Chart {
        class: "pipeline",
        title: "Influenced pipeline by campaign group",
        of: |metrics| Some(metrics.pipeline),
        words: amount,
    },
    Chart {
        class: "rate",
        title: "Win rate by campaign group",
        of: |metrics| metrics.win_rate,
        words: |rate| percent(Some(rate)),
    },
    Chart {
        class: "days",
        title: "Days to close by campaign group",
        of: |metrics| metrics.days_to_close,
        words: |mean| days(Some(mean)),
    },
];

/// Where bars begin, how long the longest is, how wide the drawing is, the height of a row.
const LEFT: u64 = 200;
const LONGEST: u64 = 260;
const WIDE: u64 = 580;
const ROW: usize = 30;

fn bars(out: &mut String, report: &Attribution, chart: Chart) {
    let Chart { class, title, of, words } = chart;
    let most = report.groups.iter().filter_map(|group| of(&group.metrics)).max().unwrap_or_default();
    let height = report.groups.len() * ROW;
    let _ = writeln!(
        out,
        "<figure><h2 id=\"{class}-title\">{title}</h2>\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
         viewBox=\"0 0 {WIDE} {height}\" role=\"img\" aria-labelledby=\"{class}-title\">"
    );
    for (place, group) in report.groups.iter().enumerate() {
        let value = of(&group.metrics);
        let share = value.unwrap_or_default() * Decimal::from(LONGEST);
        let width = share.checked_div(most).unwrap_or_default().round_dp(2).normalize();
        let (y, base) = (place * ROW + 5, place * ROW + 20);
        let shown = value.map_or("-".to_owned(), words);
        let name = label(group);
        let _ = writeln!(
            out,
            "<g><title>{}: {shown}</title><text x=\"0\" y=\"{base}\">{}</text><rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" \
             width=\"{width}\" height=\"20\" rx=\"2\" data-value=\"{}\"/><text x=\"{}\" y=\"{base}\">{shown}</text></g>",
            escape(&name),
            escape(&super::clean(&name, 24)),
            value.map_or(String::new(), |value| value.to_string()),
            Decimal::from(LEFT + 8) + width,
        );
    }
    out.push_str("</svg></figure>\n");
}

fn label(group: &Group) -> String {
    match channel(group) {
        "ads" => group.group.clone(),
        other => format!("{} ({other})", group.group),
    }
}

fn table(out: &mut String, report: &Attribution) {
    out.push_str(
        "<div class=\"table\"><table>\n<caption>Campaign groups</caption>\n<thead><tr><th>group</th><th>channel</th>\
         <th class=\"n\">people</th><th class=\"n\">deals</th><th class=\"n\">open</th><th class=\"n\">won</th>\
         <th class=\"n\">lost</th><th class=\"n\">pipeline</th><th class=\"n\">revenue</th><th class=\"n\">win rate</th>\
         <th class=\"n\">days to close</th><th class=\"n\">spend (USD)</th></tr></thead>\n<tbody>\n",
    );
    for group in &report.groups {
        let own = (channel(group).to_owned(), group.people.to_string(), amount(group.spend_usd));
        row(out, &group.group, &own, &group.metrics);
    }
    out.push_str("</tbody>\n<tfoot>\n");
    let none = (String::new(), String::new(), String::new());
    row(out, "influenced, each deal once", &none, &report.influenced);
    row(out, "all deals", &none, &report.all);
    out.push_str("</tfoot></table></div>\n");
}

/// `own` is what only a group has: its channel, people and spend.
fn row(out: &mut String, name: &str, own: &(String, String, String), metrics: &Metrics) {
    let (channel, people, spend) = own;
    let _ = write!(out, "<tr><td>{}</td><td>{channel}</td>", escape(name));
    for cell in [
        people.clone(),
        metrics.deals.to_string(),
        metrics.open.to_string(),
        metrics.won.to_string(),
        metrics.lost.to_string(),
        amount(metrics.pipeline),
        amount(metrics.revenue),
        percent(metrics.win_rate),
        days(metrics.days_to_close),
        spend.clone(),
    ] {
        let _ = write!(out, "<td class=\"n\">{cell}</td>");
    }
    out.push_str("</tr>\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn report(groups: Vec<Group>) -> Attribution {
        Attribution {
            format_version: "1",
            window_days: 180,
            currency: "EUR".to_owned(),
            until: "2026-11-25T02:00:00Z".to_owned(),
            influenced: Metrics::default(),
            all: Metrics::default(),
            groups,
            left_out: BTreeMap::new(),
        }
    }

    fn group(name: &str, revenue: i64) -> Group {
        Group {
            group: name.to_owned(),
            channel: "AD".to_owned(),
            people: 1,
            metrics: Metrics { revenue: Decimal::from(revenue), ..Metrics::default() },
            spend_usd: Decimal::ZERO,
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share_and_names_stay_text() {
        let page = page(&report(vec![group("<script>alert(1)</script>", 400), group("B", 100)]));
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("width=\"260\" height=\"20\" rx=\"2\" data-value=\"400\""), "{page}");
        assert!(page.contains("width=\"65\" height=\"20\" rx=\"2\" data-value=\"100\""), "{page}");
        assert!(page.contains("default-src 'none'") && !page.contains("http://127"));
    }

    #[test]
    fn without_groups_there_is_a_sentence_and_no_empty_chart() {
        let page = page(&report(Vec::new()));
        assert!(page.contains("No campaign met") && !page.contains("<svg"), "{page}");
    }
}
