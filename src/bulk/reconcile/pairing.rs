//! Which records of the two exports are one thing: by the base's pairs, by the external id that a run left, by the
//! sync's match rules in order.
//!
//! Invariant: as in a run, a pair is made only of the one record on each side that has the key; anything else is
//! listed as ambiguous. Keys are compared by 64-bit hashes here; whoever writes about a pair compares the keys too.

use std::collections::BTreeMap;

use super::base::Base;
use super::index::{NONE, Side, flag, id_hash};
use crate::interp::SyncProgram;
use crate::merge::external_id;
use crate::plan::ir::{Match, Side as At, SyncPlan};

/// Candidates that are looked at and named.
const FEW: usize = 6;

/// The match keys of a sync: the external id, then the rules of each arm one after the other.
#[derive(Debug)]
pub struct Slots {
    /// Per arm: number of the slot and of the rule.
    pub rules: Vec<Vec<(usize, usize)>>,
    pub count: usize,
}

impl Slots {
    pub fn new(program: &SyncProgram<'_>) -> Self {
        let mut count = 1;
        let mut rules = Vec::new();
        for arm in &program.sync.arms {
            let mut own = Vec::new();
            for (number, rule) in arm.matches.iter().enumerate() {
                if matches!(rule, Match::Keys { .. }) {
                    own.push((count, number));
                    count += 1;
                }
            }
            rules.push(own);
        }
        Slots { rules, count }
    }
}

/// Records by one of their keys.
#[derive(Debug, Default)]
pub struct ByKey(Vec<(u64, u32)>);

impl ByKey {
    pub fn new(side: &Side, slot: usize) -> Self {
        let all = 0..u32::try_from(side.entries.len()).unwrap_or(NONE);
        let live = all.filter(|index| side.get(*index).is_some_and(|entry| entry.flags & flag::GONE == 0));
        ByKey::of(live.map(|index| (side.key(index, slot), index)))
    }

    fn of(keys: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut keys: Vec<(u64, u32)> = keys.filter(|(key, _)| *key != 0).collect();
        keys.sort_unstable();
        ByKey(keys)
    }

    pub fn get(&self, key: u64) -> &[(u64, u32)] {
        if key == 0 {
            return &[];
        }
        let from = self.0.partition_point(|(known, _)| *known < key);
        let rest = self.0.get(from..).unwrap_or_default();
        let length = rest.iter().take(FEW).take_while(|(known, _)| *known == key).count();
        rest.get(..length).unwrap_or_default()
    }
}

/// Both exports with what is needed to find pairs.
pub struct Pairing<'s, 'p> {
    pub plan: &'p SyncPlan,
    pub program: &'s SyncProgram<'p>,
    pub slots: &'s Slots,
    pub left: Side,
    pub right: Side,
    pub seed: u64,
    /// Why a record is ambiguous, by side and number.
    pub why: BTreeMap<(At, u32), String>,
}

struct Indexes {
    left: Vec<ByKey>,
    right: Vec<ByKey>,
    /// Left and right records by the external id that their counterpart would carry.
    given_left: ByKey,
    given_right: ByKey,
}

enum Found {
    Pair(u32),
    Nothing,
    Ambiguous(String),
}

impl Pairing<'_, '_> {
    /// Pairs that the base knows.
    pub fn by_base(&mut self, base: &Base) {
        for entry in &mut self.right.entries {
            entry.flags &= !flag::ASTRAY;
        }
        let guesses: Vec<u32> =
            self.right.entries.iter_mut().map(|entry| std::mem::replace(&mut entry.partner, NONE)).collect();
        for (index, known) in base.pairs() {
            let (left, right) = (self.left.of_known(index), self.right.of_known(index));
            let closed = if known.closed { flag::CLOSED } else { 0 };
            match (left, right) {
                (Some(left), Some(right)) => {
                    self.link(left, right, &guesses);
                    self.left.set(left, closed);
                    self.right.set(right, closed);
                }
                (Some(left), None) => self.left.set(left, closed | flag::ASTRAY),
                (None, Some(right)) => self.right.set(right, closed | flag::ASTRAY),
                (None, None) => {}
            }
        }
        self.by_keys(&guesses);
    }

    fn link(&mut self, left: u32, right: u32, guesses: &[u32]) {
        let same = guesses.get(right as usize) == Some(&left);
        if let (Some(one), Some(other)) =
            (self.left.entries.get_mut(left as usize), self.right.entries.get_mut(right as usize))
        {
            (one.partner, other.partner) = (right, left);
            if !same {
                other.flags &= !flag::SAME;
            }
        }
    }

    fn by_keys(&mut self, guesses: &[u32]) {
        let (left, right) = (self.unlinked(At::Left), self.unlinked(At::Right));
        if left.is_empty() && right.is_empty() {
            return;
        }
        let indexes = self.indexes();
        for (side, index) in
            left.iter().map(|at| (At::Left, *at)).chain(right.iter().map(|at| (At::Right, *at)))
        {
            if self.side(side).get(index).is_none_or(|entry| entry.partner != NONE) {
                continue;
            }
            match self.counterpart(&indexes, side, index) {
                Found::Pair(other) if side == At::Left => self.link(index, other, guesses),
                Found::Pair(other) => self.link(other, index, guesses),
                Found::Nothing => {}
                Found::Ambiguous(why) => {
                    self.why.insert((side, index), why);
                    let of = if side == At::Left { &mut self.left } else { &mut self.right };
                    of.set(index, flag::AMBIGUOUS);
                }
            }
        }
    }

    fn side(&self, side: At) -> &Side {
        if side == At::Left { &self.left } else { &self.right }
    }

    /// Records that may take part and have no counterpart yet, in the order of their ids, as in a run.
    fn unlinked(&self, side: At) -> Vec<u32> {
        let of = self.side(side);
        let out = flag::GONE | flag::CLOSED | flag::ASTRAY | flag::UNCLEAR | flag::NO_ROUTE | flag::KEYLESS;
        let mut open: Vec<u32> = (0..u32::try_from(of.entries.len()).unwrap_or(NONE))
            .filter(|index| {
                of.get(*index).is_some_and(|entry| {
                    entry.partner == NONE && entry.flags & flag::IN != 0 && entry.flags & out == 0
                })
            })
            .collect();
        let arm =
            |index: &u32| if side == At::Left { 0 } else { of.get(*index).map_or(0, |entry| entry.arm) };
        open.sort_by(|a, b| (arm(a), of.id(*a)).cmp(&(arm(b), of.id(*b))));
        open
    }

    fn indexes(&self) -> Indexes {
        let all = |side: &Side| (0..self.slots.count).map(|slot| ByKey::new(side, slot)).collect::<Vec<_>>();
        let (left, right) = (all(&self.left), all(&self.right));
        // Only where somebody carries an external id does it matter who would be meant.
        let given = |side: At, carried: &ByKey| match carried.0.is_empty() {
            true => ByKey::default(),
            false => {
                let of = self.side(side);
                let ids = 0..u32::try_from(of.entries.len()).unwrap_or(NONE);
                ByKey::of(ids.map(|index| (self.given(side, index), index)))
            }
        };
        let none = ByKey::default();
        let given_left = given(At::Left, right.first().unwrap_or(&none));
        let given_right = given(At::Right, left.first().unwrap_or(&none));
        Indexes { left, right, given_left, given_right }
    }

    /// Hash of the external id that the record's counterpart gets.
    fn given(&self, side: At, index: u32) -> u64 {
        let of = self.side(side);
        let sync = self.program.sync;
        let arm = of.get(index).map_or(0, |entry| usize::from(entry.arm));
        let object = match side {
            At::Left => Some(sync.left),
            At::Right => sync.arms.get(arm).map(|arm| arm.right),
        };
        let Some(object) = object.and_then(|id| self.plan.object(id)) else { return 0 };
        let account = self.plan.system(object.system).map_or("", |system| system.account.as_str());
        id_hash(self.seed, external_id(account, &object.name, of.id(index)))
    }

    /// The engine's way of looking for a counterpart, on hashes.
    fn counterpart(&self, indexes: &Indexes, side: At, index: u32) -> Found {
        let (own, there) = match side {
            At::Left => (&indexes.left, &indexes.right),
            At::Right => (&indexes.right, &indexes.left),
        };
        let (given_here, given_there) = match side {
            At::Left => (&indexes.given_left, &indexes.given_right),
            At::Right => (&indexes.given_right, &indexes.given_left),
        };
        let of = self.side(side);
        let arm = of.get(index).map_or(0, |entry| usize::from(entry.arm));
        let carried = of.key(index, 0);
        // The right one carries the id of the left one, then the other way round.
        let ours = (
            if there.first().is_some_and(|all| all.0.is_empty()) { 0 } else { self.given(side, index) },
            true,
        );
        let external = if side == At::Left { [ours, (carried, false)] } else { [(carried, false), ours] };
        let mut doubles = Vec::new();
        for (key, is_given) in external {
            let (others, same) = match is_given {
                true => (there.first().map_or(&[][..], |all| all.get(key)), given_here.get(key)),
                false => (given_there.get(key), own.first().map_or(&[][..], |all| all.get(key))),
            };
            if !others.is_empty() {
                return self.judge(side, index, same, others);
            }
            doubles.push(same);
        }
        for (slot, _) in self.slots.rules.get(arm).into_iter().flatten() {
            let key = of.key(index, *slot);
            let others = there.get(*slot).map_or(&[][..], |all| all.get(key));
            let same = own.get(*slot).map_or(&[][..], |all| all.get(key));
            if !others.is_empty() {
                return self.judge(side, index, same, others);
            }
            doubles.push(same);
        }
        for same in doubles {
            let same = self.taking_part(side, same);
            if same.len() > 1 {
                return Found::Ambiguous(format!("{} have the same key", self.named(side, arm, &same)));
            }
        }
        Found::Nothing
    }

    fn judge(&self, side: At, index: u32, own: &[(u64, u32)], others: &[(u64, u32)]) -> Found {
        let arm = self.side(side).get(index).map_or(0, |entry| usize::from(entry.arm));
        let all: Vec<u32> = others.iter().map(|(_, index)| *index).collect();
        let there = || self.named(side.other(), arm, &all);
        let [other] = all.as_slice() else {
            return Found::Ambiguous(format!("{} have the same key", there()));
        };
        let own = self.taking_part(side, own);
        if own.len() > 1 {
            let here = self.named(side, arm, &own);
            return Found::Ambiguous(format!("{here} have the same key as {}", there()));
        }
        let Some(found) = self.side(side.other()).get(*other) else { return Found::Nothing };
        match found.partner {
            _ if found.flags & (flag::CLOSED | flag::ASTRAY) != 0 => {
                Found::Ambiguous(format!("{} has the same key and belongs to another record", there()))
            }
            NONE => Found::Pair(*other),
            partner => {
                let here = self.named(side, arm, &[partner]);
                Found::Ambiguous(format!("{} has the same key and belongs to {here}", there()))
            }
        }
    }

    /// Those that are live and pass their side's filter, when there are several.
    fn taking_part(&self, side: At, all: &[(u64, u32)]) -> Vec<u32> {
        let of = self.side(side);
        let all = all.iter().map(|(_, index)| *index);
        let fits = |index: &u32| {
            of.get(*index).is_some_and(|entry| entry.flags & (flag::GONE | flag::IN) == flag::IN)
        };
        if all.len() < 2 { all.collect() } else { all.filter(fits).collect() }
    }

    fn named(&self, side: At, arm: usize, all: &[u32]) -> String {
        let sync = self.program.sync;
        let object = match side {
            At::Left => Some(sync.left),
            At::Right => sync.arms.get(arm).map(|arm| arm.right),
        };
        let object = object.and_then(|id| self.plan.object(id));
        let system =
            object.and_then(|object| self.plan.system(object.system)).map_or("?", |system| &system.name);
        let mut ids: Vec<&str> = all.iter().map(|index| self.side(side).id(*index)).collect();
        ids.sort_unstable();
        format!("{system}.{} {}", object.map_or("?", |object| &object.name), ids.join(", "))
    }
}
