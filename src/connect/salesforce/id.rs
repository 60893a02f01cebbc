//! Record ids: 15 characters in which case counts, or 18 with a check suffix that makes case not count.

use crate::record::RecordId;

const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of an id of either length; `None` when the text is no id.
pub fn full(text: &str) -> Option<RecordId> {
    let fits = matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let short = text.get(..15).filter(|_| fits)?;
    let mut id = short.to_owned();
    for block in short.as_bytes().chunks(5) {
        let bits =
            block.iter().enumerate().filter(|(_, b)| b.is_ascii_uppercase()).map(|(at, _)| 1_usize << at);
        id.push(char::from(*SUFFIX.get(bits.sum::<usize>())?));
    }
    Some(RecordId::new(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_those_of_real_ids() {
        assert_eq!(full("003000000000001").unwrap().as_str(), "003000000000001AAA");
        assert_eq!(full("012000000000000AAA").unwrap().as_str(), "012000000000000AAA");
        assert_eq!(full("0018M000003uKqq").unwrap().as_str(), "0018M000003uKqqQAE");
        assert_eq!(full("0018m000003ukqq!"), None);
        assert_eq!(full("short"), None);
    }
}
