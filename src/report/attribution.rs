//! The attribution report as text, CSV and a page that needs nothing else: no script, no remote parts, values escaped.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::html::escape;
use crate::engine::linkedin::attribution::{Attribution, Group, Metrics};

fn percent(rate: Option<Decimal>) -> String {
    rate.map_or("-".to_owned(), |rate| format!("{rate} %"))
}

fn days(mean: Option<Decimal>) -> String {
    mean.map_or("-".to_owned(), |mean| mean.to_string())
}

/// `1234567.8` -> `1,234,567.80`
fn amount(value: Decimal) -> String {
    let text = format!("{:.2}", value.round_dp(2));
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let digits: Vec<char> = whole.chars().collect();
    let mut out = String::new();
    for (place, digit) in digits.iter().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && *digit != '-' {
            out.push(',');
        }
        out.push(*digit);
    }
    format!("{out}.{cents}")
}

pub fn text(report: &Attribution) -> String {
    let mut out = format!(
        "LinkedIn's influence on deals, look-back {} days, until {}{}\n",
        report.window_days,
        report.until,
        if report.currency.is_empty() { String::new() } else { format!(", in {}", report.currency) }
    );
    let line = |out: &mut String, name: &str, metrics: &Metrics| {
        let _ = writeln!(
            out,
            "{name:<28} {:>5} deals  pipeline {:>16}  revenue {:>16}  win rate {:>7}  days to close {:>6}",
            metrics.deals,
            amount(metrics.pipeline),
            amount(metrics.revenue),
            percent(metrics.win_rate),
            days(metrics.days_to_close)
        );
    };
    line(&mut out, "all deals", &report.all);
    line(&mut out, "influenced", &report.influenced);
    for group in &report.groups {
        let channel = if group.channel == "AD" { "ads" } else { "organic" };
        line(&mut out, &format!("  {} ({channel})", super::clean(&group.group, 20)), &group.metrics);
    }
    for (reason, n) in &report.left_out {
        let _ = writeln!(out, "{n} deals not credited: {reason}");
    }
    out.push_str("groups may share deals: they add up to more than the influenced total\n");
    out
}

/// One row per group, amounts as plain decimals.
pub fn csv(report: &Attribution) -> String {
    let mut out =
        "campaign_group,channel,people,deals,open,won,lost,pipeline,revenue,currency,win_rate_percent,\
                   days_to_close,spend_usd\n"
            .to_owned();
    for Group { group, channel, people, metrics, spend_usd } in &report.groups {
        let optional = |value: Option<Decimal>| value.map_or(String::new(), |value| value.to_string());
        let _ = writeln!(
            out,
            "{},{},{people},{},{},{},{},{},{},{},{},{},{spend_usd}",
            cell(group),
            cell(channel),
            metrics.deals,
            metrics.open,
            metrics.won,
            metrics.lost,
            metrics.pipeline,
            metrics.revenue,
            cell(&report.currency),
            optional(metrics.win_rate),
            optional(metrics.days_to_close)
        );
    }
    out
}

/// Quoted where it must be; never a formula of a spreadsheet.
fn cell(text: &str) -> String {
    let safe = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    match safe.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", safe.replace('"', "\"\"")),
        false => safe,
    }
}

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.25rem .6rem;\
    border-bottom:1px solid #ddd}th{background:#f4f4f4}td.n{text-align:right;font-variant-numeric:tabular-nums}\
    svg{display:block;margin:1rem 0}.muted{color:#666}";

/// The whole report as one page with bars drawn in SVG.
pub fn page(report: &Attribution) -> String {
    let currency = escape(&report.currency);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>LinkedIn attribution</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <h1>LinkedIn's influence on deals</h1>\n<p class=\"muted\">Look-back {} days, until {}. A deal counts for every \
         campaign group that one of its contacts met before it closed: influence, not cause.</p>\n",
        report.window_days,
        escape(&report.until)
    );
    let _ = writeln!(
        out,
        "<p><strong>{}</strong> of {} deals are influenced: pipeline {} {currency}, revenue {} {currency}, win rate {} \
         (all deals {}), days to close {} (all {}).</p>",
        report.influenced.deals,
        report.all.deals,
        amount(report.influenced.pipeline),
        amount(report.influenced.revenue),
        percent(report.influenced.win_rate),
        percent(report.all.win_rate),
        days(report.influenced.days_to_close),
        days(report.all.days_to_close)
    );
    out.push_str("<h2>Influenced revenue by campaign group</h2>\n");
    out.push_str(&chart(report, |metrics| metrics.revenue, "#117733"));
    out.push_str("<h2>Influenced pipeline by campaign group</h2>\n");
    out.push_str(&chart(report, |metrics| metrics.pipeline, "#006688"));
    out.push_str(
        "<table>\n<thead><tr><th>campaign group</th><th>channel</th><th>people</th><th>deals</th><th>won</th><th>lost</th>\
         <th>pipeline</th><th>revenue</th><th>win rate</th><th>days to close</th><th>spend (USD)</th></tr></thead>\n<tbody>\n",
    );
    for group in &report.groups {
        let metrics = &group.metrics;
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&group.group),
            if group.channel == "AD" { "ads" } else { "organic" },
            group.people,
            metrics.deals,
            metrics.won,
            metrics.lost,
            amount(metrics.pipeline),
            amount(metrics.revenue),
            percent(metrics.win_rate),
            days(metrics.days_to_close),
            amount(group.spend_usd)
        );
    }
    out.push_str("</tbody></table>\n");
    for (reason, n) in &report.left_out {
        let _ = writeln!(out, "<p class=\"muted\">{n} deals not credited: {}</p>", escape(reason));
    }
    out.push_str("</body></html>\n");
    out
}

/// Horizontal bars, the longest 500 wide.
fn chart(report: &Attribution, of: fn(&Metrics) -> Decimal, colour: &str) -> String {
    let most = report.groups.iter().map(|group| of(&group.metrics)).max().unwrap_or_default();
    let height = report.groups.len() * 30 + 10;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" role=\"img\" aria-label=\"bar chart\" \
         font-size=\"13\">\n"
    );
    for (place, group) in report.groups.iter().enumerate() {
        let value = of(&group.metrics);
        let width = (value * Decimal::from(500)).checked_div(most).unwrap_or_default().round();
        let y = place * 30 + 5;
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{}\" fill=\"#222\">{}</text><rect x=\"190\" y=\"{y}\" width=\"{width}\" height=\"20\" \
             fill=\"{colour}\"/><text x=\"{}\" y=\"{}\" fill=\"#222\">{}</text>",
            y + 15,
            escape(&group.group),
            Decimal::from(198) + width,
            y + 15,
            amount(value)
        );
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_thousands_and_cells_are_no_formulas() {
        assert_eq!(amount("1234567.8".parse().unwrap()), "1,234,567.80");
        assert_eq!(amount(Decimal::from(12)), "12.00");
        assert_eq!(cell("=SUM(A1)"), "'=SUM(A1)");
        assert_eq!(cell("a,\"b"), "\"a,\"\"b\"");
    }
}
