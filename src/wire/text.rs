//! The usual spellings of numbers and times, read without detours. What is spelled otherwise is left to the general
//! readers, which read the usual ones to the same values.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::value::Millis;

/// Up to 18 digits with an optional minus and point, without trailing zeros behind the point.
pub fn number(text: &str) -> Option<Decimal> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let (mut value, mut count, mut scale) = (0_i64, 0, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + i64::from(byte - b'0');
                count += 1;
                scale = scale.map(|scale: u32| scale + 1);
                if count > 18 {
                    return None;
                }
            }
            b'.' if scale.is_none() && count > 0 => scale = Some(0),
            _ => return None,
        }
    }
    if scale == Some(0) {
        return None;
    }
    let mut scale = scale.unwrap_or(0);
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    Some(Decimal::new(if negative { -value } else { value }, scale))
}

fn pair(bytes: &[u8]) -> Option<i8> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => i8::try_from((a - b'0') * 10 + (b - b'0')).ok(),
        _ => None,
    }
}

/// `2026-01-31`
pub fn date(text: &[u8]) -> Option<Date> {
    let [a, b, c, d, b'-', month @ .., b'-', e, f] = text else { return None };
    let year = i16::from(pair(&[*a, *b])?) * 100 + i16::from(pair(&[*c, *d])?);
    Date::new(year, pair(month)?, pair(&[*e, *f])?).ok()
}

/// `2026-01-31T10:00:00Z`, `2026-01-31T10:00:00.123Z`, `...+0000` as Salesforce writes it.
pub fn instant(text: &str) -> Option<Millis> {
    let (day, time) = text.as_bytes().split_at_checked(10)?;
    let time = time.strip_suffix(b"Z").or_else(|| time.strip_suffix(b"+0000"))?;
    let (clock, fraction) = time.split_at_checked(9)?;
    let [b'T', a, b, b':', c, d, b':', e, f] = clock else { return None };
    let (hour, minute, second) = (pair(&[*a, *b])?, pair(&[*c, *d])?, pair(&[*e, *f])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let millis = match fraction {
        [] => 0,
        [b'.', a, rest @ ..] if rest.len() == 2 => {
            i64::from(pair(&[b'0', *a])?) * 100 + i64::from(pair(rest)?)
        }
        _ => return None,
    };
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(Millis::of(date(day)?, seconds * 1000 + millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_read_as_the_general_readers_do() {
        for text in ["0", "-0", "12", "1.50", "-1.05", "100", "000", "0.10", "999999999999999999", "-12.340"]
        {
            let general = Decimal::from_str_exact(text).unwrap().normalize();
            let read = number(text).unwrap();
            assert_eq!((read, read.scale()), (general, general.scale()), "{text}");
            assert_eq!(read.to_string(), general.to_string());
        }
        for text in ["", "-", "1.", ".5", "1e3", "+1", "1_0", "1234567890123456789", "1.2.3", " 1", "é"] {
            assert_eq!(number(text), None, "{text}");
        }
        for text in [
            "2026-01-31T10:00:00Z",
            "1999-02-28T23:59:59.123Z",
            "0001-01-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
        ] {
            let at: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(instant(text), Some(Millis(at.as_millisecond())), "{text}");
        }
        for text in [
            "2026-02-30T10:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T10:00:60Z",
            "2026-01-31",
            "soon",
            "2026-01-31T10:00:00.1Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
