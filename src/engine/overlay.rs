//! What a draft of several syncs means to write, laid over the records as they were read: every sync of the group sees
//! what the others are about to write, so that a value reaches all its targets in one run.
//!
//! Invariant: a field is decided once. Of several edits one is the best (`merge::rank`); it travels over every row that
//! lets it, and a worse one never travels over it. A field that does not come to rest is held, and nothing of it written.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Work;
use super::error::EngineResult;
use super::session::{Session, object_on};
use super::together::{Joint, Key, Number};
use crate::interp::same;
use crate::merge::pair::{Call, Interval, Merger};
use crate::merge::rank::{Edit, Rank, order_of_winners, ranks};
use crate::merge::{FieldWrite, PairOutcome};
use crate::plan::ir::{Arm, Conflict, FieldId, ObjectId, Row, Side, SyncId, SystemId};
use crate::record::{Record, RecordId};
use crate::value::{Millis, Value};

/// A field of a record.
pub(super) type Node = (ObjectId, RecordId, FieldId);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    node: Node,
    /// It came over a one-way row: nothing travels against it.
    stands: bool,
}

/// A value that a record is going to get.
pub(super) struct Laid {
    pub pair: Number,
    pub write: FieldWrite,
    pub rule: String,
    pub loses_edit: bool,
    pub conflict: bool,
}

#[derive(Default)]
pub(super) struct Overlay {
    /// The records as they were read, of those that something was laid over.
    pub real: BTreeMap<Key, Record>,
    pub laid: BTreeMap<Node, Laid>,
    origins: BTreeMap<Node, Origin>,
    judged: Judged,
    /// Pairs that something may still come of.
    pub stirred: BTreeSet<Number>,
}

/// What the edits of this run come to.
#[derive(Default)]
struct Judged {
    ranks: BTreeMap<Node, Rank>,
    /// Fields that somebody edited.
    edited: BTreeSet<Node>,
    /// Fields that are one thing, by any of them.
    classes: Classes,
    /// Classes that wait for a person.
    held: BTreeMap<Node, String>,
    /// Fields whose history tells when they were edited.
    wanted: BTreeMap<ObjectId, (BTreeSet<RecordId>, BTreeSet<String>)>,
}

/// Sets of fields that belong together.
#[derive(Default)]
struct Classes(BTreeMap<Node, Node>);

impl Classes {
    fn of(&self, node: &Node) -> Node {
        let mut at = node;
        while let Some(next) = self.0.get(at).filter(|next| *next != at) {
            at = next;
        }
        at.clone()
    }

    fn unite(&mut self, a: &Node, b: &Node) {
        let (a, b) = (self.of(a), self.of(b));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        self.0.insert(high, low.clone());
        self.0.insert(low.clone(), low);
    }
}

/// One two-way row of one pair, as the records were read.
struct Seen {
    nodes: [Node; 2],
    conflict: Conflict,
    prefer: Option<Side>,
    clock_error: i64,
}

/// The edits of all classes.
#[derive(Default)]
struct Edits {
    /// When; `None` = not known.
    when: BTreeMap<Node, Option<(Millis, Millis)>>,
    asks: BTreeMap<Node, String>,
    /// Edits that came after a field's own one: it was agreed on when they were made.
    below: BTreeMap<Node, BTreeSet<Node>>,
    rows: Vec<Seen>,
    classes: Classes,
    /// Fields that hold the same.
    agreeing: Classes,
}

/// In which order rows are carried on: what stands whatever others say, then changes, then what was never agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    OneWay,
    Changed,
    First,
}

fn is_two_way(row: &Row) -> bool {
    row.to_left.is_some() && row.to_right.is_some()
}

impl Session<'_> {
    /// The record as it was read.
    fn real<'r>(&'r self, overlay: &'r Overlay, object: ObjectId, id: &RecordId) -> Option<&'r Record> {
        overlay.real.get(&(object, id.clone())).or_else(|| self.world.get(object, id))
    }

    /// Reads the histories of fields that were edited in several systems, and puts the edits in order.
    pub(super) async fn judge_edits(&mut self, joint: &mut Joint) -> EngineResult<()> {
        for _ in 0..2 {
            let judged = self.judged(joint)?;
            let wanted = judged.wanted.clone();
            let held = std::mem::take(&mut joint.overlay.judged.held);
            joint.overlay.judged = judged;
            joint.overlay.judged.held.extend(held);
            if wanted.is_empty() || !joint.overlay.real.is_empty() {
                return Ok(());
            }
            for (object, (ids, fields)) in wanted {
                self.read_history(object, ids.into_iter().collect(), &fields).await?;
            }
        }
        Ok(())
    }

    fn judged(&self, joint: &Joint) -> EngineResult<Judged> {
        let mut edits = Edits::default();
        for (id, pairs) in &joint.pairs {
            for work in pairs.values() {
                self.find_edits(joint, *id, work, &mut edits)?;
            }
        }
        let mut judged = Judged::default();
        let mut by_class: BTreeMap<Node, Vec<&Node>> = BTreeMap::new();
        for node in edits.when.keys() {
            by_class.entry(edits.classes.of(node)).or_default().push(node);
        }
        for (class, nodes) in by_class {
            let values: BTreeSet<Node> = nodes.iter().map(|node| edits.agreeing.of(node)).collect();
            if values.len() > 1 {
                self.judge_class(&class, &nodes, &edits, &mut judged);
            }
        }
        judged.classes = edits.classes;
        judged.edited = edits.when.into_keys().collect();
        Ok(judged)
    }

    fn find_edits(&self, joint: &Joint, id: SyncId, work: &Work, edits: &mut Edits) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(()) };
        let ids = [RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str())];
        let [left, right] = [(sync.left, &ids[0]), (arm.right, &ids[1])]
            .map(|(object, id)| self.real(&joint.overlay, object, id));
        let (Some(left), Some(right)) = (left, right) else { return Ok(()) };
        let bases = self.bases_that_count(work);
        let pair = self.pair(id, work, (left, right), &bases)?;
        let facts = self.facts();
        let merger = Merger { program: self.program(id)?, context: &facts };
        for row in &arm.rows {
            let Some([a, b]) = nodes(sync.left, arm, row, &ids) else { continue };
            edits.classes.unite(&a, &b);
            let (Some(here), Some(there)) = (left.slot(a.2.index()), right.slot(b.2.index())) else {
                continue;
            };
            if !is_two_way(row) {
                continue;
            }
            if merger.program.consistent(&facts, row, arm, left, right) && here.is_blank() == there.is_blank()
            {
                edits.agreeing.unite(&a, &b);
            }
            let base = bases.rows.get(&row.id);
            let changed = [
                base.map_or(!here.is_blank(), |(base, _)| !same(base, here)),
                base.map_or(!there.is_blank(), |(_, base)| !same(base, there)),
            ];
            for (at, (node, side)) in [(&a, Side::Left), (&b, Side::Right)].into_iter().enumerate() {
                if !changed.get(at).is_some_and(|changed| *changed) {
                    continue;
                }
                let when = base.map(|_| merger.edited(&pair, row, side));
                edits.add(node, when);
                let other = if side == Side::Left { &b } else { &a };
                if base.is_some() && !changed.get(1 - at).is_some_and(|changed| *changed) {
                    edits.below.entry(other.clone()).or_default().insert(node.clone());
                }
            }
            edits.rows.push(Seen {
                nodes: [a, b],
                conflict: sync.conflict,
                prefer: row.prefer,
                clock_error: pair.clock_error,
            });
        }
        Ok(())
    }

    fn judge_class(&self, class: &Node, nodes: &[&Node], edits: &Edits, judged: &mut Judged) {
        let rows: Vec<&Seen> =
            edits.rows.iter().filter(|row| edits.classes.of(&row.nodes[0]) == *class).collect();
        if rows.iter().any(|row| row.conflict == Conflict::Hold) {
            judged.held.insert(class.clone(), "edited in several systems".to_owned());
            return;
        }
        let systems = self.systems_by_name();
        let place = |node: &Node| {
            let system = self.plan().object(node.0).map(|object| object.system);
            systems.iter().position(|known| Some(*known) == system).unwrap_or(systems.len())
        };
        let (mut wins, mut window, mut clock_error) = (BTreeSet::new(), None, 0);
        for row in &rows {
            let side = match row.conflict {
                Conflict::Winner { side, window: of_row } => {
                    window = Some(window.unwrap_or(0).max(of_row));
                    Some(row.prefer.unwrap_or(side))
                }
                _ => row.prefer,
            };
            let [left, right] = [place(&row.nodes[0]), place(&row.nodes[1])];
            match side {
                Some(Side::Left) => wins.insert((left, right)),
                Some(Side::Right) => wins.insert((right, left)),
                None => false,
            };
            clock_error = clock_error.max(row.clock_error);
        }
        let places = order_of_winners(systems.len(), &wins);
        let list: Vec<Edit> =
            nodes.iter().map(|node| edits.edit(node, nodes, place(node), &places)).collect();
        let order = ranks(&list, window.unwrap_or(0), clock_error);
        for node in nodes {
            if let Some(field) = edits.asks.get(*node) {
                let entry = judged.wanted.entry(node.0).or_default();
                entry.0.insert(node.1.clone());
                entry.1.insert(field.clone());
            }
        }
        // Without a winner only the time could tell.
        if window.is_none() && wins.is_empty() && order.iter().any(|rank| rank.conflict) {
            judged.held.insert(class.clone(), "edited in several systems at about the same time".to_owned());
        }
        judged.ranks.extend(nodes.iter().map(|node| (*node).clone()).zip(order));
    }

    /// The systems of the plan in an order that does not depend on how the mappings are written.
    fn systems_by_name(&self) -> Vec<SystemId> {
        let mut systems: Vec<(&str, SystemId)> = Vec::new();
        for object in &self.plan().objects {
            let name = self.plan().system(object.system).map_or("", |system| system.name.as_str());
            systems.push((name, object.system));
        }
        systems.sort();
        systems.dedup();
        systems.into_iter().map(|(_, system)| system).collect()
    }

    /// Lets values travel until nothing moves any more.
    pub(super) fn flood(&mut self, joint: &mut Joint) -> EngineResult<()> {
        let most = 12 * (joint.group.len() + 1);
        // Every class that does not come to rest is taken out; the others still do.
        loop {
            let mut last = Vec::new();
            for _ in 0..most {
                last = self.turn(joint)?;
                if last.is_empty() {
                    return Ok(());
                }
            }
            let restless: BTreeSet<Node> =
                last.iter().map(|node| joint.overlay.judged.classes.of(node)).collect();
            self.take_back(joint, &restless);
        }
    }

    /// One step; gives the fields that moved.
    fn turn(&mut self, joint: &mut Joint) -> EngineResult<Vec<Node>> {
        for level in [Level::OneWay, Level::Changed, Level::First] {
            let mut moved = Vec::new();
            for id in joint.group.clone() {
                let own: Vec<Number> =
                    joint.overlay.stirred.iter().filter(|number| number.0 == id).copied().collect();
                for number in own {
                    let outcome = self.outcome(joint, number)?;
                    if outcome.writes.is_empty() {
                        joint.overlay.stirred.remove(&number);
                    }
                    for write in outcome.writes {
                        if self.level(joint, number, &write)? == Some(level) {
                            moved.extend(self.lay(joint, number, write)?);
                        }
                    }
                }
            }
            if !moved.is_empty() {
                return Ok(moved);
            }
        }
        Ok(Vec::new())
    }

    fn level(&self, joint: &Joint, (id, number): Number, write: &FieldWrite) -> EngineResult<Option<Level>> {
        let Some(work) = joint.work((id, number)) else { return Ok(None) };
        let arm = self.sync(id)?.arms.get(work.arm);
        let row = arm.and_then(|arm| arm.rows.iter().find(|row| row.id == write.row));
        let Some(row) = row else { return Ok(None) };
        Ok(Some(match is_two_way(row) {
            false => Level::OneWay,
            true if self.bases_that_count(work).rows.contains_key(&row.id) => Level::Changed,
            true => Level::First,
        }))
    }

    /// What the merge of a pair says now, under the decisions among all systems.
    pub(super) fn outcome(&self, joint: &Joint, number: Number) -> EngineResult<PairOutcome> {
        let id = number.0;
        let Some(work) = joint.work(number) else { return Ok(PairOutcome::default()) };
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(PairOutcome::default()) };
        let ids = [RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str())];
        let found = self.world.get(sync.left, &ids[0]).zip(self.world.get(arm.right, &ids[1]));
        let Some((left, right)) = found else { return Ok(PairOutcome::default()) };
        let bases = self.bases_that_count(work);
        let mut calls = BTreeMap::new();
        for row in &arm.rows {
            let Some(both) = nodes(sync.left, arm, row, &ids) else { continue };
            let base = bases.rows.get(&row.id);
            if let Some(call) = call(&joint.overlay, row, &both, (left, right), base) {
                calls.insert(row.id.clone(), call);
            }
        }
        self.merged(id, work, (left, right), Some(&calls))
    }

    /// Lays a value over a record; gives the field when that changed it.
    fn lay(&mut self, joint: &mut Joint, number: Number, write: FieldWrite) -> EngineResult<Option<Node>> {
        let id = number.0;
        let Some(work) = joint.work(number) else { return Ok(None) };
        let sync = self.sync(id)?;
        let Some(arm) = sync.arms.get(work.arm) else { return Ok(None) };
        let [object, from] = [object_on(sync, arm, write.side), object_on(sync, arm, write.side.other())];
        let (left, right) = (RecordId::new(work.link.left.as_str()), RecordId::new(work.link.right.as_str()));
        let (record, source) = if write.side == Side::Left { (left, right) } else { (right, left) };
        let Some(current) = self.world.get(object, &record).cloned() else { return Ok(None) };
        let node = (object, record.clone(), write.field);
        // An expression has no field of its own to come from.
        let beginning = (from, source, write.source.unwrap_or(FieldId(u32::MAX)));
        let mut origin = joint.overlay.origins.get(&beginning).cloned();
        let origin = origin.get_or_insert(Origin { node: beginning, stands: false });
        let row = arm.rows.iter().find(|row| row.id == write.row);
        let transfer = row.and_then(|row| row.to_left.as_ref().or(row.to_right.as_ref()));
        if row.is_some_and(|row| !is_two_way(row)) && transfer.is_some_and(|transfer| !transfer.if_empty) {
            origin.stands = true;
        }
        let name = self.system_name(origin.node.0);
        let rule = write.rule_words(name, name);
        let overlay = &mut joint.overlay;
        let key = (object, record.clone());
        if !joint.made.contains_key(&key) {
            overlay.real.entry(key.clone()).or_insert_with(|| current.clone());
        }
        let rank = overlay.judged.ranks.get(&node);
        let known = overlay.laid.get(&node);
        let laid = Laid {
            pair: number,
            rule,
            loses_edit: overlay.judged.edited.contains(&node)
                || known.map_or(write.loses_edit, |known| known.loses_edit),
            conflict: rank.is_some_and(|rank| rank.conflict),
            write,
        };
        let mut record = current;
        if let Some(slot) = record.slots.get_mut(laid.write.field.index()) {
            *slot = Some(laid.write.after.clone());
        }
        self.world.put(object, record);
        overlay.origins.insert(node.clone(), origin.clone());
        overlay.laid.insert(node.clone(), laid);
        overlay.stirred.extend(joint.at.get(&key).into_iter().flatten().copied());
        Ok(Some(node))
    }

    /// The fields of a record that is going to be made come from its source.
    pub(super) fn note_origins(
        &self,
        overlay: &mut Overlay,
        key: &Key,
        source: &Key,
        fields: &[(FieldId, FieldId)],
    ) {
        for (field, from) in fields {
            let beginning = (source.0, source.1.clone(), *from);
            let origin = overlay.origins.get(&beginning).cloned();
            let origin = origin.unwrap_or(Origin { node: beginning, stands: false });
            overlay.origins.insert((key.0, key.1.clone(), *field), origin);
        }
    }

    /// Takes back what was laid over fields that never come to rest, and holds them.
    fn take_back(&mut self, joint: &mut Joint, classes: &BTreeSet<Node>) {
        let overlay = &mut joint.overlay;
        let restless = |node: &Node| classes.contains(&overlay.judged.classes.of(node));
        let nodes: Vec<Node> = overlay.laid.keys().filter(|node| restless(node)).cloned().collect();
        for node in nodes {
            let key = (node.0, node.1.clone());
            let before = overlay.real.get(&key).and_then(|record| record.slot(node.2.index()).cloned());
            if let (Some(before), Some(mut record)) = (before, self.world.get(node.0, &node.1).cloned()) {
                if let Some(slot) = record.slots.get_mut(node.2.index()) {
                    *slot = Some(before);
                }
                self.world.put(node.0, record);
            }
            overlay.laid.remove(&node);
            overlay.origins.remove(&node);
            overlay.stirred.extend(joint.at.get(&key).into_iter().flatten().copied());
        }
        for class in classes {
            let why = "the syncs that share it never agree on one value".to_owned();
            overlay.judged.held.insert(class.clone(), why);
        }
    }
}

impl Edits {
    fn add(&mut self, node: &Node, when: Option<Interval>) {
        let known = match when {
            Some(Interval::Known(from, to)) => Some((from, to)),
            Some(Interval::Ask(field)) => {
                self.asks.insert(node.clone(), field);
                None
            }
            _ => None,
        };
        let entry = self.when.entry(node.clone()).or_insert(known);
        *entry = entry.or(known);
    }

    fn edit(&self, node: &Node, all: &[&Node], system: usize, places: &[usize]) -> Edit {
        let later = self.below.get(node);
        let below =
            later.into_iter().flatten().filter_map(|other| all.iter().position(|known| *known == other));
        Edit {
            when: self.when.get(node).copied().flatten(),
            place: places.get(system).copied().unwrap_or(usize::MAX),
            below: below.collect(),
        }
    }
}

/// Both ends of a row; `None` when one of them is an expression.
fn nodes(left: ObjectId, arm: &Arm, row: &Row, ids: &[RecordId; 2]) -> Option<[Node; 2]> {
    let [a, b] = ids;
    Some([(left, a.clone(), row.left?), (arm.right, b.clone(), row.right?)])
}

/// What is to become of a row, by where the values on both sides come from.
fn call(
    overlay: &Overlay,
    row: &Row,
    both: &[Node; 2],
    (left, right): (&Record, &Record),
    base: Option<&(Value, Value)>,
) -> Option<Call> {
    let [a, b] = both;
    if let Some(why) = overlay.judged.held.get(&overlay.judged.classes.of(a)) {
        return Some(Call::Hold(why.clone()));
    }
    if !is_two_way(row) {
        return None;
    }
    let values = [left.slot(a.2.index())?, right.slot(b.2.index())?];
    let came = [overlay.origins.get(a), overlay.origins.get(b)];
    let changed = |at: usize| {
        let base = base.map(|(left, right)| if at == 0 { left } else { right });
        came.get(at).is_some_and(Option::is_some)
            || base.zip(values.get(at)).is_some_and(|(base, value)| !same(base, value))
    };
    let [l, r] = [changed(0), changed(1)];
    let blank = [values[0].is_blank(), values[1].is_blank()];
    if base.is_none() && blank[0] != blank[1] && !came.iter().flatten().any(|origin| origin.stands) {
        let (side, was_cleared) =
            if blank[0] { (Side::Right, came[0].is_some()) } else { (Side::Left, came[1].is_some()) };
        // What somebody cleared elsewhere is an edit as any other.
        if !was_cleared {
            return Some(Call::From(side, "first sync: blank filled"));
        }
    }
    if let Some(owner) = row.owned_by
        && (base.is_none() || l || r)
    {
        let empty = if owner == Side::Left { blank[0] } else { blank[1] };
        let (own, other) = if owner == Side::Left { (l, r) } else { (r, l) };
        let from = if empty && (other || !own) { owner.other() } else { owner };
        return Some(Call::From(from, "owned: the owner's value stands"));
    }
    Some(match (base, l, r) {
        (Some(_), false, false) => Call::Rest,
        (Some(_), true, false) => Call::From(Side::Left, "changed on the left"),
        (Some(_), false, true) => Call::From(Side::Right, "changed on the right"),
        _ => better(overlay, both, came, base.is_none()),
    })
}

/// Of two edits the better one travels.
fn better(overlay: &Overlay, [a, b]: &[Node; 2], came: [Option<&Origin>; 2], first: bool) -> Call {
    let from = [came[0].map_or(a, |origin| &origin.node), came[1].map_or(b, |origin| &origin.node)];
    if from[0] == from[1] {
        return Call::Rest;
    }
    let rank = |at: usize| {
        let stands = came.get(at).copied().flatten().is_some_and(|origin| origin.stands);
        let rank = from.get(at).and_then(|node| overlay.judged.ranks.get(*node));
        (!stands, rank.map_or(usize::MAX, |rank| rank.place), from.get(at).copied())
    };
    let (side, loser) = if rank(0) <= rank(1) { (Side::Left, from[1]) } else { (Side::Right, from[0]) };
    let conflict = overlay.judged.ranks.get(loser).is_some_and(|rank| rank.conflict);
    let rule = match (first, conflict) {
        (true, _) => "first sync: the winner stands",
        (false, true) => "conflict within the window: the winner stands",
        (false, false) => "both edited: the later edit stands",
    };
    Call::From(side, rule)
}
