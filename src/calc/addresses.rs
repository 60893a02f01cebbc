//! Hosts of addresses, numbers of phones.

use std::borrow::Cow;

use super::calling_codes;
use crate::view::{Text, View};

/// The host of an address or e-mail, without scheme, `www.`, port and path.
pub fn domain(text: &str) -> Cow<'_, str> {
    part(text, |text| {
        let host = host_of(text);
        host.strip_prefix("www.").unwrap_or(host)
    })
}

pub fn host(text: &str) -> Cow<'_, str> {
    part(text, host_of)
}

/// In small letters; borrowed when it already is.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

fn part(text: &str, cut: impl FnOnce(&str) -> &str) -> Cow<'_, str> {
    match lower(text.trim()) {
        Cow::Borrowed(text) => Cow::Borrowed(cut(text)),
        Cow::Owned(text) => Cow::Owned(cut(&text).to_owned()),
    }
}

fn host_of(text: &str) -> &str {
    if !text.bytes().any(|byte| matches!(byte, b'/' | b'?' | b'#' | b'@' | b':')) {
        return text.trim_end_matches('.');
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or("");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(':').next().unwrap_or("").trim_end_matches('.')
}

/// Digits in E.164 when the number says its country or the region is known; else the text as it is.
pub fn phone<'a>(text: Text<'a>, region: Option<&str>) -> View<'a> {
    let trimmed = text.trim();
    let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 5 || trimmed.chars().any(char::is_alphabetic) {
        return View::Text(text.part(str::trim));
    }
    if trimmed.starts_with('+') {
        return View::text(format!("+{digits}"));
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return View::text(format!("+{rest}"));
    }
    match region.and_then(calling_codes::of) {
        Some((code, trunk)) => View::text(format!("+{code}{}", without_trunk(&digits, trunk))),
        None => View::Text(text.part(str::trim)),
    }
}

/// An area code may begin with 8 too: it is the trunk prefix in front of a whole number of ten digits only.
fn without_trunk<'d>(digits: &'d str, trunk: &str) -> &'d str {
    match digits.strip_prefix(trunk) {
        Some(rest) if trunk != "8" || rest.len() == 10 => rest,
        _ => digits,
    }
}
