//! The merge of a pair and of associations against what is written in a few lines here, for random values, bases, rules
//! and times; and what must hold for all of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use twinmap::interp::{NoContext, SyncProgram};
use twinmap::merge::Pair;
use twinmap::merge::association::{Move, merge};
use twinmap::merge::pair::{Merger, PairOutcome};
use twinmap::plan::ir::{
    Arm, Conflict, Create, Delete, Direction, Expr, FORMAT_VERSION, Field, FieldId, Guard, Leave, Limit,
    Object, ObjectId, Row, Start, Sync, SyncId, SyncPlan, System, SystemId, Transfer,
};
use twinmap::record::{HistoryEntry, Record, RecordId, Side};
use twinmap::schema::{FieldType, SystemKind};
use twinmap::state::Bases;
use twinmap::value::{Millis, Value};

const WINDOW: i64 = 300_000;

/// One row of one pair: everything that the merge looks at.
#[derive(Debug, Clone)]
struct Case {
    /// What each side holds; `None` = it was not in the answer.
    now: [Option<Value>; 2],
    /// What each side held when they agreed; `None` = the pair is new.
    base: Option<[Value; 2]>,
    /// Seconds at which each side was edited.
    at: [i64; 2],
    /// Directions that the row has: to the left, to the right.
    goes: [bool; 2],
    may_write: [bool; 2],
    may_blank: bool,
    if_empty: bool,
    prefer: Option<Side>,
    owned_by: Option<Side>,
    conflict: Conflict,
    /// Which side is HubSpot, whose history tells the time exactly.
    hubspot: Side,
}

const BOTH: [Side; 2] = [Side::Left, Side::Right];

fn at(side: Side) -> usize {
    usize::from(side == Side::Right)
}

impl Case {
    fn mirrored(&self) -> Case {
        let flip = |side: Side| side.other();
        let swap = |[a, b]: [bool; 2]| [b, a];
        let [left, right] = self.now.clone();
        Case {
            now: [right, left],
            base: self.base.clone().map(|[left, right]| [right, left]),
            at: [self.at[1], self.at[0]],
            goes: swap(self.goes),
            may_write: swap(self.may_write),
            prefer: self.prefer.map(flip),
            owned_by: self.owned_by.map(flip),
            conflict: match self.conflict {
                Conflict::Winner { side, window } => Conflict::Winner { side: flip(side), window },
                other => other,
            },
            hubspot: self.hubspot.other(),
            ..self.clone()
        }
    }

    fn plan(&self) -> SyncPlan {
        let kind = |side| if side == self.hubspot { SystemKind::Hubspot } else { SystemKind::Salesforce };
        let system =
            |side, name: &str| System { name: name.into(), kind: kind(side), account: String::new() };
        let transfer = |from: Side| Transfer {
            expr: Expr::Field { side: from, field: FieldId(0) },
            when: None,
            if_empty: self.if_empty,
            on_create: false,
            cut: false,
            may_blank: self.may_blank,
        };
        let row = Row {
            id: "row".into(),
            doc: None,
            left: Some(FieldId(0)),
            right: Some(FieldId(0)),
            to_right: self.goes[1].then(|| transfer(Side::Left)),
            to_left: self.goes[0].then(|| transfer(Side::Right)),
            prefer: self.prefer,
            owned_by: self.owned_by,
            text: String::new(),
            at: String::new(),
        };
        let field = Field {
            name: "f".into(),
            label: "f".into(),
            ty: FieldType::Text { max: None },
            nullable: true,
            createable: true,
            updateable: true,
            unique: false,
            filterable: true,
            options: Vec::new(),
        };
        let object = |system| Object {
            system: SystemId(system),
            name: format!("o{system}"),
            label: String::new(),
            fields: vec![field.clone()],
            associations: Vec::new(),
            external_id: None,
            op_stamp: None,
        };
        let limit = || Limit::Count(9);
        SyncPlan {
            format_version: FORMAT_VERSION,
            project: String::new(),
            edition: String::new(),
            schema_hashes: BTreeMap::new(),
            systems: vec![system(Side::Left, "l"), system(Side::Right, "r")],
            objects: vec![object(0), object(1)],
            values: Vec::new(),
            stages: Vec::new(),
            owners: Vec::new(),
            syncs: vec![Sync {
                name: "s".into(),
                doc: None,
                left: ObjectId(0),
                direction: Direction::Both,
                arms: vec![Arm {
                    right: ObjectId(1),
                    matches: Vec::new(),
                    rows: vec![row],
                    associations: Vec::new(),
                }],
                route: Vec::new(),
                follow_conversion: false,
                start: Start::All,
                filter_left: None,
                filter_right: None,
                create_left: Create::Always,
                create_right: Create::Always,
                veto_left: Vec::new(),
                veto_right: Vec::new(),
                conflict: self.conflict,
                delete: Delete::Ignore,
                leave: Leave::Keep,
                guard: Guard { creates: limit(), updates: limit(), deletes: limit(), blanks: limit() },
                propagate: Vec::new(),
                refresh: None,
                save_to: None,
            }],
            writebacks: Vec::new(),
            crm_settings: Vec::new(),
            policies: Vec::new(),
        }
    }

    fn merged(&self) -> PairOutcome {
        let plan = self.plan();
        let program = SyncProgram::new(&plan, SyncId(0)).unwrap();
        let record = |side: Side| {
            let mut record = Record::new(RecordId::new("1"), vec![self.now[at(side)].clone()]);
            let when = Millis(self.at[at(side)] * 1000);
            record.modified = Some(when);
            let entry = HistoryEntry {
                value: Value::Null,
                at: when,
                source: String::new(),
                source_id: String::new(),
            };
            record.history.insert("f".into(), vec![entry]);
            record
        };
        let mut bases = Bases::default();
        if let Some([left, right]) = self.base.clone() {
            bases.rows.insert("row".into(), (left, right));
        }
        let stamp = |side: Side| Some(Millis(self.at[at(side)] * 1000));
        Merger { program: &program, context: &NoContext }.merge(&Pair {
            arm: 0,
            left: &record(Side::Left),
            right: &record(Side::Right),
            bases: self.base.is_some().then_some(&bases),
            stamps: (stamp(Side::Left), stamp(Side::Right)),
            may_write: (self.may_write[0], self.may_write[1]),
            offsets: (0, 0),
            clock_error: 0,
            decided: None,
            calls: None,
        })
    }

    /// The case after its writes, with what they agreed on.
    fn after(&self, outcome: &PairOutcome) -> Case {
        let mut next = self.clone();
        for write in &outcome.writes {
            next.now[at(write.side)] = Some(write.after.clone());
        }
        let [Some(left), Some(right)] = next.now.clone() else { return next };
        if !outcome.writes.is_empty() || !outcome.settled.is_empty() {
            next.base = Some([left, right]);
        }
        next
    }

    /// The side that is written by the rules, and whether it is held instead; `None` = neither.
    fn reference(&self) -> Option<Result<Side, ()>> {
        let [Some(left), Some(right)] = &self.now else { return None };
        let now = [left, right];
        if left == right {
            return None;
        }
        let from = match self.goes {
            [false, false] => return None,
            [true, false] => Side::Right,
            [false, true] => Side::Left,
            [true, true] => match self.winner(now)? {
                Ok(side) => side,
                Err(()) => return Some(Err(())),
            },
        };
        let (value, target) = (now[at(from)], now[at(from.other())]);
        let keeps = value.is_blank() && !self.may_blank || self.if_empty && !target.is_blank();
        (self.may_write[at(from.other())] && !keeps).then_some(Ok(from.other()))
    }

    /// Whose value travels over a two-way row.
    fn winner(&self, now: [&Value; 2]) -> Option<Result<Side, ()>> {
        let configured = match self.conflict {
            Conflict::Winner { side, .. } => Some(side),
            Conflict::Newest => Some(Side::Left),
            Conflict::Hold => None,
        };
        let owner = self.owned_by.map(|owner| if now[at(owner)].is_blank() { owner.other() } else { owner });
        let Some(base) = &self.base else {
            let filled = BOTH.into_iter().find(|side| now[at(side.other())].is_blank());
            return Some(filled.or(self.owned_by).or(self.prefer).or(configured).ok_or(()));
        };
        match BOTH.map(|side| base[at(side)] != *now[at(side)]) {
            [false, false] => None,
            [true, true] => {
                let gap = (self.at[0] - self.at[1]).abs() * 1000;
                let later = (gap > 0).then(|| if self.at[0] > self.at[1] { Side::Left } else { Side::Right });
                Some(match (owner, self.conflict) {
                    (Some(owner), _) => Ok(owner),
                    (None, Conflict::Hold) => Err(()),
                    (None, Conflict::Newest) => later.or(self.prefer).ok_or(()),
                    (None, Conflict::Winner { side, window }) => {
                        Ok(later.filter(|_| gap > window).unwrap_or(self.prefer.unwrap_or(side)))
                    }
                })
            }
            [left, _] => {
                let changed = if left { Side::Left } else { Side::Right };
                let owner = self.owned_by.filter(|owner| !now[at(*owner)].is_blank());
                Some(Ok(owner.unwrap_or(changed)))
            }
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(Value::text("a")), Just(Value::text("b")), Just(Value::text("c"))]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Left), Just(Side::Right)]
}

fn case() -> impl Strategy<Value = Case> {
    let values = [value(), value()].prop_map(|values| values.map(Some));
    let conflict = prop_oneof![
        side().prop_map(|side| Conflict::Winner { side, window: WINDOW }),
        Just(Conflict::Newest),
        Just(Conflict::Hold)
    ];
    let goes = prop_oneof![Just([true, true]), Just([true, true]), Just([true, false]), Just([false, true])];
    let rules = (goes, [any::<bool>(), any::<bool>()], any::<bool>(), any::<bool>());
    let winners = (prop::option::of(side()), prop::option::of(side()), conflict, side());
    // Around the edge of the window, and at one time.
    let times =
        [prop_oneof![Just(1_000_i64), 1_000..2_000_i64], prop_oneof![Just(1_300_i64), 1_000..2_000_i64]];
    (values, prop::option::of([value(), value()]), times, rules, winners).prop_map(
        |(now, base, at, (goes, may_write, may_blank, if_empty), (prefer, owned_by, conflict, hubspot))| {
            let two_way = goes == [true, true];
            Case {
                now,
                base,
                at,
                goes,
                may_write,
                may_blank,
                if_empty: if_empty && !two_way,
                prefer: prefer.filter(|_| two_way),
                owned_by: owned_by.filter(|_| two_way),
                conflict,
                hubspot,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// I14: the rules as they are written, in a few lines.
    #[test]
    fn a_pair_is_decided_as_the_rules_say(case in case()) {
        let outcome = case.merged();
        let written: Vec<Side> = outcome.writes.iter().map(|write| write.side).collect();
        match case.reference() {
            Some(Ok(side)) => prop_assert_eq!(written, vec![side], "{:?}", outcome),
            Some(Err(())) => prop_assert!(written.is_empty() && outcome.held.len() == 1, "{:?}", outcome),
            None => prop_assert!(written.is_empty() && outcome.held.is_empty(), "{:?}", outcome),
        }
    }

    /// Left and right are only names. (Newest has no winner on the first day; the left is taken.)
    #[test]
    fn the_order_of_the_sides_decides_nothing(case in case()) {
        prop_assume!(case.base.is_some() || case.conflict != Conflict::Newest || case.prefer.or(case.owned_by).is_some());
        let (one, other) = (case.merged(), case.mirrored().merged());
        let told = |outcome: &PairOutcome, flip: bool| -> Vec<(Side, String, bool, bool)> {
            let side = |side: Side| if flip { side.other() } else { side };
            outcome
                .writes
                .iter()
                .map(|write| (side(write.side), write.after.to_string(), write.conflict, write.loses_edit))
                .collect()
        };
        prop_assert_eq!(told(&one, false), told(&other, true));
        prop_assert_eq!(one.held.len(), other.held.len());
        prop_assert_eq!(one.settled.len(), other.settled.len());
    }

    /// What was written agrees: the second merge has nothing to do.
    #[test]
    fn a_second_merge_writes_nothing(case in case()) {
        let next = case.after(&case.merged());
        let again = next.merged();
        prop_assert!(again.writes.is_empty(), "{:?} then {:?}", next, again);
    }

    /// Nobody edited anything: nothing is written over a two-way row, whatever stands there.
    #[test]
    fn without_an_edit_nothing_is_written(case in case()) {
        let mut case = case;
        (case.goes, case.if_empty) = ([true, true], false);
        case.base = Some(case.now.clone().map(Option::unwrap));
        let outcome = case.merged();
        prop_assert!(outcome.writes.is_empty() && outcome.held.is_empty(), "{:?}", outcome);
    }

    /// I16: a field that was not in the answer says nothing.
    #[test]
    fn an_absent_value_says_nothing(case in case(), side in side()) {
        let mut case = case;
        case.now[at(side)] = None;
        let outcome = case.merged();
        prop_assert!(outcome.absent && outcome.writes.is_empty() && outcome.settled.is_empty());
    }

    /// A blank never overwrites a value unless the row says so, and no write is without a difference.
    #[test]
    fn blanks_and_echoes_are_not_written(case in case()) {
        for write in case.merged().writes {
            prop_assert!(case.may_blank || !write.after.is_blank());
            prop_assert!(write.after != write.before);
            prop_assert_eq!(Some(&write.before), case.now[at(write.side)].as_ref());
            prop_assert!(case.may_write[at(write.side)] && case.goes[at(write.side)]);
        }
    }

    /// Sets: after the moves both sides hold the base with what either one added and without what either one removed.
    #[test]
    fn associations_are_merged_by_element(
        left in ids(), right in ids(), base in ids(), may in (any::<bool>(), any::<bool>())
    ) {
        let moves = merge(&left, &right, &base, may, None);
        let after = moved([&left, &right], &moves);
        for id in left.iter().chain(&right).chain(&base) {
            let wanted = match (left.contains(id), right.contains(id)) {
                (a, b) if a == b => a,
                _ => !base.contains(id),
            };
            for side in BOTH {
                let before = if side == Side::Left { &left } else { &right };
                let may = if side == Side::Left { may.0 } else { may.1 };
                let expected = if may { wanted } else { before.contains(id) };
                prop_assert_eq!(after[at(side)].contains(id), expected, "{} on {:?}", id, side);
            }
        }
        let agreed: BTreeSet<String> = after[0].intersection(&after[1]).cloned().collect();
        let again = merge(&after[0], &after[1], &agreed, may, None);
        prop_assert!(may != (true, true) || again.is_empty(), "{:?}", again);
    }

    /// The order of the sides decides nothing.
    #[test]
    fn associations_know_no_left_and_right(left in ids(), right in ids(), base in ids()) {
        let flip = |all: Vec<Move>| -> BTreeSet<Move> {
            all.into_iter().map(|one| Move { side: one.side.other(), ..one }).collect()
        };
        let one: BTreeSet<Move> = merge(&left, &right, &base, (true, true), None).into_iter().collect();
        prop_assert_eq!(one, flip(merge(&right, &left, &base, (true, true), None)));
    }

    /// A lookup gets one record, and a new one takes the place of the old one without a removal before it.
    #[test]
    fn a_lookup_holds_one(
        left in prop::option::of("[a-d]"), right in prop::option::of("[a-d]"), base in ids()
    ) {
        let [left, right]: [BTreeSet<String>; 2] = [left, right].map(|one| one.into_iter().collect());
        let moves = merge(&left, &right, &base, (true, true), Some(Side::Right));
        let there: Vec<&Move> = moves.iter().filter(|one| one.side == Side::Right).collect();
        prop_assert!(there.len() <= 1, "{:?}", moves);
        let adds: BTreeSet<Side> = moves.iter().filter(|one| one.add).map(|one| one.side).collect();
        prop_assert!(adds.len() <= 1, "one value travels, not both: {:?}", moves);
    }
}

fn ids() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[a-d]", 0..4)
}

fn moved(sets: [&BTreeSet<String>; 2], moves: &[Move]) -> [BTreeSet<String>; 2] {
    let mut after = sets.map(Clone::clone);
    for one in moves {
        let set = &mut after[at(one.side)];
        if one.add {
            set.insert(one.left_id.clone());
        } else {
            set.remove(&one.left_id);
        }
    }
    after
}
