//! Rest.li 2.0.0 as LinkedIn's published client writes it: lists, complex keys, tunnelled queries.

use crate::connect::client::encode;

/// Longer queries go as the body of a POST.
pub const LONGEST_QUERY: usize = 4_000;

/// `List(a,b)`, its members encoded.
pub fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("List({})", items.map(encode).collect::<Vec<_>>().join(","))
}

/// `(k1:v1,k2:v2)` with its members in alphabetical order and encoded.
pub fn key(members: &[(&str, &str)]) -> String {
    let mut members: Vec<_> = members.to_vec();
    members.sort_unstable();
    let members = members.iter().map(|(name, value)| format!("{name}:{}", encode(value)));
    format!("({})", members.collect::<Vec<_>>().join(","))
}

/// Whether a parameter is written in Rest.li's own form already.
pub fn is_structured(value: &str) -> bool {
    value.starts_with("List(") || value.starts_with('(')
}

/// A query string: plain values are encoded, structured ones stand as they are.
pub fn query(parameters: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| {
        let value = if is_structured(value) { value.clone() } else { encode(value) };
        format!("{}={value}", encode(name))
    };
    parameters.iter().map(one).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_encoded_and_lists_keep_their_brackets() {
        let key = key(&[("recordId", "003"), ("partner", "SFDC"), ("instanceId", "https://a.example/x")]);
        assert_eq!(key, "(instanceId:https%3A%2F%2Fa.example%2Fx,partner:SFDC,recordId:003)");
        assert_eq!(list(["a,b", "c"].into_iter()), "List(a%2Cb,c)");
        let parameters = [("q".to_owned(), "a b".to_owned()), ("ids".to_owned(), "List(1,2)".to_owned())];
        assert_eq!(query(&parameters), "q=a%20b&ids=List(1,2)");
    }
}
