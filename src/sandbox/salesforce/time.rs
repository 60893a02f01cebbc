//! Points in time and calendar days as the API writes and reads them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Stamps are in whole seconds.
pub fn whole_second(millis: i64) -> i64 {
    millis - millis.rem_euclid(SECOND)
}

/// `2026-05-01T07:25:37.000+0000`
pub fn datetime(millis: i64) -> String {
    format(millis, "%Y-%m-%dT%H:%M:%S", "+0000")
}

/// `2026-05-01T07:25:37.000Z`, as in CSV.
pub fn datetime_csv(millis: i64) -> String {
    format(millis, "%Y-%m-%dT%H:%M:%S", "Z")
}

fn format(millis: i64, pattern: &str, zone: &str) -> String {
    let stamp = Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{}.{:03}{zone}", stamp.strftime(pattern), millis.rem_euclid(SECOND))
}

/// ISO 8601 with `Z`, `+hh:mm` or `+hhmm`; a bare day counts from its first second.
pub fn parse_datetime(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_millisecond());
    }
    if let Ok(day) = text.parse::<Date>() {
        return day_start(day);
    }
    // `+0000` without a colon, as the API itself writes it.
    let (head, zone) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let (hours, minutes) = zone.split_at_checked(3)?;
    format!("{head}{hours}:{minutes}").parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

pub fn day_start(day: Date) -> Option<i64> {
    day.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

pub fn day_of(millis: i64) -> Date {
    Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned_datetime(TimeZone::UTC).date()
}

/// `Fri, 01 May 2026 07:25:37 GMT`
pub fn http_date(millis: i64) -> String {
    let stamp = Timestamp::from_millisecond(whole_second(millis)).unwrap_or_default();
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp).unwrap_or_default()
}

pub fn parse_http_date(text: &str) -> Option<i64> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::{datetime, http_date, parse_datetime, parse_http_date};

    #[test]
    fn times_go_out_and_come_back() {
        let text = "2026-05-01T07:25:37.000+0000";
        let millis = parse_datetime(text).unwrap();
        assert_eq!(datetime(millis), text);
        assert_eq!(parse_datetime("2026-05-01T09:25:37+02:00"), Some(millis));
        assert_eq!(parse_datetime("2026-05-01T07:25:37Z"), Some(millis));
        assert_eq!(http_date(millis), "Fri, 01 May 2026 07:25:37 GMT");
        assert_eq!(parse_http_date("Fri, 01 May 2026 07:25:37 GMT"), Some(millis));
        assert_eq!(parse_datetime("yesterday"), None);
    }
}
