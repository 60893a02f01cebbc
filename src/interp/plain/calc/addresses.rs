//! Hosts of addresses, numbers of phones.

use crate::calc::calling_codes;
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
    match region.and_then(calling_codes::of) {
        Some((code, trunk)) => Value::text(format!("+{code}{}", without_trunk(&digits, trunk))),
        None => Value::text(trimmed),
    }
}

/// An area code may begin with 8 too: it is the trunk prefix in front of a whole number of ten digits only.
fn without_trunk<'d>(digits: &'d str, trunk: &str) -> &'d str {
    match digits.strip_prefix(trunk) {
        Some(rest) if trunk != "8" || rest.len() == 10 => rest,
        _ => digits,
    }
}
