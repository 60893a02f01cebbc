//! Which of several edits of one field stands, when more than two systems share it.
//!
//! Of two systems the rule compares their two edits. Of more, asking pair by pair could go round in a circle: the first
//! edit is within the window of the second, the second within that of the third. So all edits are put in one order: the
//! latest one and whatever is within the window of it are in conflict, and of those the system that stands first among
//! the winners is the best; then the same among the rest. Of two edits this says what the pairwise rule says.

use std::collections::BTreeSet;

use crate::value::Millis;

/// An edit since the last agreed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// When it was made, in one clock; `None` = not known, which counts towards conflict.
    pub when: Option<(Millis, Millis)>,
    /// Where its system stands among the winners; 0 is first.
    pub place: usize,
    /// Edits (by index) that were made on top of this one: it comes after them.
    pub below: BTreeSet<usize>,
}

/// An edit's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// 0 is the best.
    pub place: usize,
    /// It was in conflict with a better one, inside the window.
    pub conflict: bool,
}

/// The rank of each edit. `window` and `clock_error` in milliseconds.
pub fn ranks(edits: &[Edit], window: i64, clock_error: i64) -> Vec<Rank> {
    let mut ranks = vec![Rank { place: usize::MAX, conflict: false }; edits.len()];
    let mut open: BTreeSet<usize> = (0..edits.len()).collect();
    for place in 0..edits.len() {
        let on_top = |index: &usize| {
            edits.get(*index).is_some_and(|edit| edit.below.iter().all(|other| !open.contains(other)))
        };
        let mut able: Vec<usize> = open.iter().copied().filter(on_top).collect();
        if able.is_empty() {
            able = open.iter().copied().collect();
        }
        let Some((best, inside)) = best(edits, &able, window.saturating_add(clock_error)) else { break };
        open.remove(&best);
        if let Some(rank) = ranks.get_mut(best) {
            rank.place = place;
        }
        for loser in inside.into_iter().filter(|index| *index != best) {
            if let Some(rank) = ranks.get_mut(loser) {
                rank.conflict = true;
            }
        }
    }
    ranks
}

/// The best of the edits, and those that it was in conflict with.
fn best(edits: &[Edit], able: &[usize], window: i64) -> Option<(usize, Vec<usize>)> {
    let edit = |index: &usize| edits.get(*index);
    let latest =
        able.iter().filter_map(edit).filter_map(|edit| edit.when).max_by_key(|when| (when.1, when.0));
    let near = |index: &&usize| match (edit(index).and_then(|edit| edit.when), latest) {
        (Some((_, to)), Some((from, _))) => from.0.saturating_sub(to.0) <= window,
        _ => true,
    };
    let inside: Vec<usize> = able.iter().filter(near).copied().collect();
    let best = inside.iter().copied().min_by_key(|index| (edit(index).map(|edit| edit.place), *index))?;
    Some((best, inside))
}

/// Where each of `count` systems stands among the winners. `wins` are (winner, loser); of those that nothing is said
/// about, and in a circle, the one that comes first by number stands first.
pub fn order_of_winners(count: usize, wins: &BTreeSet<(usize, usize)>) -> Vec<usize> {
    let mut places = vec![usize::MAX; count];
    let mut open: BTreeSet<usize> = (0..count).collect();
    for place in 0..count {
        let unbeaten = |system: &usize| {
            wins.iter().all(|(winner, loser)| loser != system || winner == loser || !open.contains(winner))
        };
        let Some(next) = open.iter().copied().find(unbeaten).or(open.first().copied()) else { break };
        open.remove(&next);
        if let Some(slot) = places.get_mut(next) {
            *slot = place;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(at: Option<i64>, place: usize) -> Edit {
        let when = at.map(|minutes| (Millis(minutes * 60_000), Millis(minutes * 60_000)));
        Edit { when, place, below: BTreeSet::new() }
    }

    fn order(edits: &[Edit]) -> Vec<usize> {
        ranks(edits, 300_000, 0).into_iter().map(|rank| rank.place).collect()
    }

    #[test]
    fn within_the_window_the_system_decides_and_beyond_it_the_time() {
        assert_eq!(order(&[edit(Some(0), 0), edit(Some(5), 1)]), [0, 1]);
        assert_eq!(order(&[edit(Some(0), 0), edit(Some(6), 1)]), [1, 0]);
        // Each is near the next one, the first is too old for the last.
        assert_eq!(order(&[edit(Some(0), 0), edit(Some(4), 1), edit(Some(8), 2)]), [2, 0, 1]);
        // Nobody knows when: it may have been at any time.
        assert_eq!(order(&[edit(None, 1), edit(Some(0), 0), edit(Some(60), 2)]), [0, 2, 1]);
    }

    #[test]
    fn an_edit_that_another_was_made_on_comes_after_it() {
        let mut old = edit(Some(0), 0);
        old.below.insert(1);
        assert_eq!(order(&[old, edit(Some(1), 1)]), [1, 0]);
    }

    #[test]
    fn winners_stand_in_one_order() {
        let wins = |pairs: &[(usize, usize)]| order_of_winners(3, &pairs.iter().copied().collect());
        assert_eq!(wins(&[(2, 1), (1, 0)]), [2, 1, 0]);
        assert_eq!(wins(&[(0, 2), (1, 2)]), [0, 1, 2]);
        assert_eq!(wins(&[(0, 1), (1, 2), (2, 0)]), [0, 1, 2]);
    }
}
