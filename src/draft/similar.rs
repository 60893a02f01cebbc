//! How alike two names are, from 0 to 100, and the best one-to-one choice among many.

/// Words that say the same in different CRMs.
const SAME: [(&str, &str); 15] = [
    ("zip", "postalcode"),
    ("zipcode", "postalcode"),
    ("postcode", "postalcode"),
    ("region", "state"),
    ("province", "state"),
    ("cell", "mobile"),
    ("telephone", "phone"),
    ("surname", "lastname"),
    ("firm", "company"),
    ("organisation", "company"),
    ("organization", "company"),
    ("account", "company"),
    ("opportunity", "deal"),
    ("staff", "employees"),
    ("turnover", "revenue"),
];

/// Words that say little.
const EMPTY: [&str; 8] = ["the", "of", "a", "an", "and", "to", "c", "hs"];

/// The words of a name: `NumberOfEmployees`, `number_of_employees` and `Number of Employees` are the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && before.is_lowercase() || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words
        .into_iter()
        .map(|word| {
            SAME.iter().find(|(known, _)| *known == word).map_or(word, |(_, same)| (*same).to_owned())
        })
        .filter(|word| !word.is_empty() && !EMPTY.contains(&word.as_str()))
        .collect()
}

/// 100 = the same words; shared words and few edits count in between.
pub fn score(a: &str, b: &str) -> u8 {
    let (a, b) = (words(a), words(b));
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    let (joined_a, joined_b) = (a.concat(), b.concat());
    if joined_a == joined_b {
        return 100;
    }
    let shared = a.iter().filter(|word| b.contains(word)).count();
    let dice = 2.0 * shared as f64 / (a.len() + b.len()) as f64;
    // `Proposal` in `Proposal/Price Quote`: likely, the less so the more words stand around it.
    let (few, many) = (a.len().min(b.len()), a.len().max(b.len()));
    let within = if shared == few { 0.65 + 0.3 * few as f64 / many as f64 } else { 0.0 };
    // Spelling counts only when nearly the same: short and half-alike words are near each other by chance.
    let edits = strsim::normalized_damerau_levenshtein(&joined_a, &joined_b);
    let edits = if edits >= 0.8 && joined_a.len().min(joined_b.len()) >= 5 { edits } else { 0.0 };
    // Never as sure as the same words.
    let best = (dice.max(within).max(edits) * 100.0).clamp(0.0, 95.0);
    best.round() as u8
}

/// The better of names and labels, each against each.
pub fn best(a: [&str; 2], b: [&str; 2]) -> u8 {
    a.iter().flat_map(|a| b.iter().map(move |b| score(a, b))).max().unwrap_or(0)
}

/// Takes pairs from the best score down, each end once. Ties keep the given order.
pub fn one_to_one(mut pairs: Vec<(usize, usize, u8)>) -> Vec<(usize, usize, u8)> {
    pairs.sort_by_key(|(left, right, score)| (std::cmp::Reverse(*score), *left, *right));
    let mut taken: Vec<(usize, usize, u8)> = Vec::new();
    for (left, right, score) in pairs {
        if !taken.iter().any(|(l, r, _)| *l == left || *r == right) {
            taken.push((left, right, score));
        }
    }
    taken.sort_unstable();
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_vendor_words_do_not_matter() {
        assert_eq!(score("NumberOfEmployees", "Number of Employees"), 100);
        assert_eq!(score("zip", "PostalCode"), 100);
        assert!(score("Proposal", "Proposal/Price Quote") >= 60);
        assert!(score("city", "zip") < 40);
    }

    #[test]
    fn each_end_is_taken_once_by_its_best() {
        assert_eq!(
            one_to_one(vec![(0, 0, 70), (0, 1, 90), (1, 1, 95), (1, 0, 10)]),
            [(0, 0, 70), (1, 1, 95)]
        );
    }
}
