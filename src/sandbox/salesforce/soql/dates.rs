//! Relative date literals as spans of days, in UTC (the users of the simulated org are in GMT).

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

const PLAIN: &[&str] = &["TODAY", "YESTERDAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"];
const UNITS: &[&str] = &["WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"];

pub fn is_relative(name: &str) -> bool {
    PLAIN.contains(&name)
        || ["LAST_", "THIS_", "NEXT_"]
            .iter()
            .any(|start| name.strip_prefix(start).is_some_and(|u| UNITS.contains(&u)))
}

/// The first day and the day after the last one.
pub fn span(name: &str, n: i64, today: Date) -> Option<(Date, Date)> {
    let plus = |day: Date, span: Span| day.checked_add(span).ok();
    match name {
        "TODAY" => Some((today, plus(today, 1.day())?)),
        "YESTERDAY" => Some((plus(today, -1.day())?, today)),
        "TOMORROW" => Some((plus(today, 1.day())?, plus(today, 2.days())?)),
        "LAST_90_DAYS" => Some((plus(today, -90.days())?, plus(today, 1.day())?)),
        "NEXT_90_DAYS" => Some((plus(today, 1.day())?, plus(today, 91.days())?)),
        _ => numbered(name, n, today).or_else(|| plain_unit(name, today)),
    }
}

/// `LAST_N_DAYS:n` includes today; `NEXT_N_WEEKS:n` and the like do not include the present unit.
fn numbered(name: &str, n: i64, today: Date) -> Option<(Date, Date)> {
    let days = |count: i64| today.checked_add(Span::new().try_days(count).ok()?).ok();
    if let Some(unit) = name.strip_prefix("N_").and_then(|rest| rest.strip_suffix("_AGO")) {
        return match unit.trim_end_matches('S') {
            "DAY" => Some((days(-n)?, days(1 - n)?)),
            unit => unit_span(unit, -n, 1, today),
        };
    }
    let (head, unit) = name.split_once("_N_")?;
    match (head, unit.trim_end_matches('S')) {
        ("LAST", "DAY") => Some((days(-n)?, days(1)?)),
        ("NEXT", "DAY") => Some((days(1)?, days(n.checked_add(1)?)?)),
        ("LAST", unit) => unit_span(unit, -n, n, today),
        ("NEXT", unit) => unit_span(unit, 1, n, today),
        _ => None,
    }
}

fn plain_unit(name: &str, today: Date) -> Option<(Date, Date)> {
    let (head, unit) = name.split_once('_')?;
    let first = match head {
        "LAST" => -1,
        "THIS" => 0,
        "NEXT" => 1,
        _ => return None,
    };
    unit_span(unit, first, 1, today)
}

/// `count` units, the first of which is `from` units after the present one.
fn unit_span(unit: &str, from: i64, count: i64, today: Date) -> Option<(Date, Date)> {
    let end = from.checked_add(count)?;
    match unit.trim_start_matches("FISCAL_") {
        "WEEK" => {
            let back = today.weekday().since(Weekday::Sunday);
            let sunday = today.checked_sub(Span::new().days(i64::from(back))).ok()?;
            let at = |weeks: i64| sunday.checked_add(Span::new().try_weeks(weeks).ok()?).ok();
            Some((at(from)?, at(end)?))
        }
        "MONTH" => months(today.first_of_month(), from, end, 1),
        "QUARTER" => {
            let month = (today.month() - 1) / 3 * 3 + 1;
            months(Date::new(today.year(), month, 1).ok()?, from, end, 3)
        }
        "YEAR" => months(Date::new(today.year(), 1, 1).ok()?, from, end, 12),
        _ => None,
    }
}

fn months(start: Date, from: i64, end: i64, each: i64) -> Option<(Date, Date)> {
    let at = |n: i64| start.checked_add(Span::new().try_months(n.checked_mul(each)?).ok()?).ok();
    Some((at(from)?, at(end)?))
}

#[cfg(test)]
mod tests {
    use super::span;
    use jiff::civil::date;

    #[test]
    fn relative_spans() {
        let today = date(2026, 5, 14);
        let of = |name, n| span(name, n, today).unwrap();
        assert_eq!(of("TODAY", 0), (date(2026, 5, 14), date(2026, 5, 15)));
        assert_eq!(of("LAST_N_DAYS", 7), (date(2026, 5, 7), date(2026, 5, 15)));
        assert_eq!(of("NEXT_N_DAYS", 1), (date(2026, 5, 15), date(2026, 5, 16)));
        assert_eq!(of("THIS_WEEK", 0), (date(2026, 5, 10), date(2026, 5, 17)));
        assert_eq!(of("LAST_QUARTER", 0), (date(2026, 1, 1), date(2026, 4, 1)));
        assert_eq!(of("LAST_N_MONTHS", 2), (date(2026, 3, 1), date(2026, 5, 1)));
        assert_eq!(of("N_YEARS_AGO", 1), (date(2025, 1, 1), date(2026, 1, 1)));
        assert_eq!(of("THIS_FISCAL_YEAR", 0), (date(2026, 1, 1), date(2027, 1, 1)));
        assert_eq!(span("LAST_BLUE_MOON", 0, today), None);
    }
}
