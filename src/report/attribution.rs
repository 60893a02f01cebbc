//! The attribution report as text and CSV; the page is `attribution_page`.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use crate::engine::linkedin::attribution::{Attribution, Group, Metrics};

pub(super) fn percent(rate: Option<Decimal>) -> String {
    rate.map_or("-".to_owned(), |rate| format!("{rate} %"))
}

pub(super) fn days(mean: Option<Decimal>) -> String {
    mean.map_or("-".to_owned(), |mean| mean.to_string())
}

pub(super) fn channel(group: &Group) -> &'static str {
    if group.channel == "AD" { "ads" } else { "organic" }
}

/// Why deals count for nobody, in words.
pub(super) fn left_out(reason: &str) -> String {
    match reason {
        "other-currency" => "left out, in another currency".to_owned(),
        "no-contact" => "not credited, without a contact".to_owned(),
        "no-matched-contact" => "not credited, none of the contacts is matched".to_owned(),
        other => format!("not credited: {other}"),
    }
}

/// `1234567.8` -> `1,234,567.80`
pub(super) fn amount(value: Decimal) -> String {
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
        let name = format!("  {} ({})", super::clean(&group.group, 20), channel(group));
        line(&mut out, &name, &group.metrics);
    }
    for (reason, n) in &report.left_out {
        let _ = writeln!(out, "{}: {}", super::count(*n, "deal"), left_out(reason));
    }
    match report.groups.is_empty() {
        true => out.push_str("no campaign met a contact of a deal within the look-back window\n"),
        false => out.push_str("groups may share deals: they add up to more than the influenced total\n"),
    }
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
