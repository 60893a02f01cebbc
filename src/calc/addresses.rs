//! Hosts of addresses, numbers of phones.

use crate::value::Value;

/// The host of an address or e-mail, without scheme, `www.`, port and path.
pub fn domain(text: &str) -> String {
    let host = host(text);
    host.strip_prefix("www.").map_or(host.clone(), str::to_owned)
}

pub fn host(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or("");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(':').next().unwrap_or("").trim_end_matches('.').to_owned()
}

/// Country calling codes of regions that people sell in; others need a number with `+`.
const CALLING_CODES: [(&str, &str, bool); 30] = [
    ("US", "1", false),
    ("CA", "1", false),
    ("GB", "44", true),
    ("IE", "353", true),
    ("DE", "49", true),
    ("FR", "33", true),
    ("IT", "39", false),
    ("ES", "34", false),
    ("PT", "351", false),
    ("NL", "31", true),
    ("BE", "32", true),
    ("LU", "352", false),
    ("AT", "43", true),
    ("CH", "41", true),
    ("SE", "46", true),
    ("NO", "47", false),
    ("DK", "45", false),
    ("FI", "358", true),
    ("PL", "48", false),
    ("CZ", "420", false),
    ("AU", "61", true),
    ("NZ", "64", true),
    ("JP", "81", true),
    ("CN", "86", true),
    ("IN", "91", true),
    ("BR", "55", true),
    ("MX", "52", false),
    ("SG", "65", false),
    ("ZA", "27", true),
    ("AE", "971", true),
];

/// Digits in E.164 when the number says its country or the region is known; else the text as it is.
pub fn phone(text: &str, region: Option<&str>) -> Value {
    let trimmed = text.trim();
    let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 5 || trimmed.chars().any(char::is_alphabetic) {
        return Value::text(trimmed);
    }
    if trimmed.starts_with('+') {
        return Value::text(format!("+{digits}"));
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return Value::text(format!("+{rest}"));
    }
    let known = region.and_then(|region| CALLING_CODES.iter().find(|(code, ..)| *code == region));
    match known {
        Some((_, code, trunk_zero)) => {
            let national = if *trunk_zero { digits.strip_prefix('0').unwrap_or(&digits) } else { &digits };
            Value::text(format!("+{code}{national}"))
        }
        None => Value::text(trimmed),
    }
}
