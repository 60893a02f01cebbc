//! Associations as merged sets: what one side added or removed since they agreed travels, element by element.

use std::collections::BTreeSet;

use crate::plan::ir::Side;

/// One element to add or remove on a side. Ids are those of the association's left end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    pub side: Side,
    pub add: bool,
    pub left_id: String,
}

/// `left`, `right`, `base`: ids at the left end that each side is associated with. `single`: at most one on the
/// right (a lookup field), where an added one takes the place of the one before.
pub fn merge(
    left: &BTreeSet<String>,
    right: &BTreeSet<String>,
    base: &BTreeSet<String>,
    may_write: (bool, bool),
    single: Option<Side>,
) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut travel = |side: Side, from: &BTreeSet<String>, to: &BTreeSet<String>| {
        for id in from.difference(to).filter(|id| !base.contains(*id)) {
            moves.push(Move { side, add: true, left_id: id.clone() });
        }
        for id in to.difference(from).filter(|id| base.contains(*id)) {
            moves.push(Move { side, add: false, left_id: id.clone() });
        }
    };
    if may_write.1 {
        travel(Side::Right, left, right);
    }
    if may_write.0 {
        travel(Side::Left, right, left);
    }
    if single.is_some() {
        // Two different single values: only the left one travels, and adding needs no removal.
        let both = |side| moves.iter().any(|m: &Move| m.side == side && m.add);
        if both(Side::Left) && both(Side::Right) {
            moves.retain(|m| m.side == Side::Right);
        }
        if moves.iter().any(|m| m.add) {
            moves.retain(|m| m.add);
        }
    }
    moves.sort();
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn adds_and_removes_travel_and_nothing_is_guessed() {
        let both = (true, true);
        assert_eq!(
            merge(&set(&["a"]), &set(&[]), &set(&[]), both, None),
            [Move { side: Side::Right, add: true, left_id: "a".into() }]
        );
        // Removed on the left since they agreed.
        assert_eq!(
            merge(&set(&[]), &set(&["a"]), &set(&["a"]), both, None),
            [Move { side: Side::Right, add: false, left_id: "a".into() }]
        );
        assert_eq!(merge(&set(&["a"]), &set(&["a"]), &set(&[]), both, None), []);
        assert_eq!(merge(&set(&["a"]), &set(&[]), &set(&[]), (true, false), None), []);
    }
}
