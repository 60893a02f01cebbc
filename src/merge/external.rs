//! The external id of a counterpart: the same in every run, so that an earlier try is found again.

use data_encoding::BASE32_NOPAD;

/// The external id of the counterpart that is made for a record: lower case, without characters that mean something in
/// an address.
pub fn external_id(account: &str, object: &str, id: &str) -> String {
    let hash = blake3::hash(format!("twinmap\n{account}\n{object}\n{id}").as_bytes());
    let text = BASE32_NOPAD.encode(hash.as_bytes()).to_lowercase();
    format!("tm1-{}", text.get(..26).unwrap_or(&text))
}
