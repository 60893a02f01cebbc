//! One near name or none: what to offer for a name that does not exist.

/// The candidate that is equal but for case, else the nearest within a third of the length (at least one edit);
/// ties go to the smaller name. `None` when nothing is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            // Each edit changes the length by one at most: most candidates are out before they are compared.
            if candidate.chars().count().abs_diff(length) > limit {
                return None;
            }
            let other = candidate.to_lowercase();
            let distance = if other == lower { 0 } else { strsim::osa_distance(&lower, &other).max(1) };
            (distance <= limit).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn offers_only_near_names() {
        let fields = ["numberofemployees", "name", "domain"];
        assert_eq!(nearest("numberofemployes", fields), Some("numberofemployees"));
        assert_eq!(nearest("NAME", fields), Some("name"));
        assert_eq!(nearest("telephone", fields), None);
    }
}
