//! The usual spellings of numbers and times, read without detours. What is spelled otherwise is left to the general
//! readers, which read the usual ones to the same values.

use jiff::civil::Date;
use rust_decimal::Decimal;
use wide::u8x16;

use crate::value::Millis;

/// Where the first quotation mark, backslash or control character stands; the length when there is none.
#[inline(always)]
pub fn special(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, behind)) = rest.split_first_chunk::<16>() {
        let block = u8x16::new(*block);
        let ends = block.simd_eq(u8x16::splat(b'"'))
            | block.simd_eq(u8x16::splat(b'\\'))
            | block.min(u8x16::splat(0x1f)).simd_eq(block);
        let mask = ends.to_bitmask();
        if mask != 0 {
            return bytes.len() - rest.len() + mask.trailing_zeros() as usize;
        }
        rest = behind;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    end.map_or(bytes.len(), |end| bytes.len() - rest.len() + end)
}

/// What a JSON text with its quotation marks says, when its escapes are the short ones; others take the long way.
pub fn unescaped(json: &str) -> Option<String> {
    let mut rest = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(rest.get(..at)?);
        text.push(match rest.as_bytes().get(at + 1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
            _ => return None,
        });
        rest = rest.get(at + 2..)?;
    }
    text.push_str(rest);
    Some(text)
}

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

/// The digits before and behind the point of a number that is spelled as one is written: no zeros that say nothing,
/// no minus before zero, at most 18 digits.
pub fn digits(text: &str) -> Option<(u32, u32)> {
    let digits = text.as_bytes().strip_prefix(b"-").unwrap_or(text.as_bytes());
    let [first, rest @ ..] = digits else { return None };
    if !first.is_ascii_digit() || rest.len() > 17 {
        return None;
    }
    let whole = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if *first == b'0' && whole > 0 {
        return None;
    }
    let behind = match rest.get(whole..)? {
        [] if text.len() > digits.len() && *first == b'0' => return None,
        [] => 0,
        [b'.', behind @ .., b'1'..=b'9'] if behind.iter().all(u8::is_ascii_digit) => behind.len() + 1,
        _ => return None,
    };
    Some((u32::try_from(whole + 1).ok()?, u32::try_from(behind).ok()?))
}

/// A day of a year with four digits as it is written.
pub fn day_digits(date: Date) -> [u8; 10] {
    let pair = |number: i16| {
        let number = u8::try_from(number.rem_euclid(100)).unwrap_or(0);
        [b'0' + number / 10, b'0' + number % 10]
    };
    let ([a, b], [c, d]) = (pair(date.year() / 100), pair(date.year()));
    let ([e, f], [g, h]) = (pair(date.month().into()), pair(date.day().into()));
    [a, b, c, d, b'-', e, f, b'-', g, h]
}

/// Whether a text is a day as it is written: `2026-01-31`.
pub fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some()
}

/// Whether a text is a point in time as it is written: `2026-01-31T10:00:00.123Z`.
pub fn is_instant(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text < "9999" && instant(text).is_some()
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
