//! How values flow through several rows and syncs: one writer a field, and circles that come to rest.

use std::collections::{BTreeMap, BTreeSet};

use super::Ctx;
use super::conditions::disjoint;
use super::probe::{Given, alike, eval, samples, texts_in, through};
use super::rows::rows_exclude;
use crate::diag::errors::{flows as wording, names};
use crate::resolve::hir::{End, FieldRef, Kind, Object, Row, Side, Sync};
use crate::source::Span;
use crate::syntax::ast::Direction;
use crate::value::Value;

/// A field of a CRM. Every field stands once in the schemas: where it stands tells it apart, and nothing is ever
/// ordered by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(usize);

fn place(field: FieldRef<'_>) -> Place {
    Place(std::ptr::from_ref(field.field).addr())
}

const SIDES: [Side; 2] = [Side::Left, Side::Right];

/// A sync and the index of one of its arms.
type ArmOf<'s, 'a> = (&'s Sync<'a>, usize);

/// How many rows two syncs may share before one finding says it for all.
const EACH: usize = 3;

/// How many earlier rows of one field a row is held against.
const EARLIER: usize = 16;

/// Two syncs over the same two objects that may handle the same pair and write the same field.
pub fn fields_have_one_writer_across_syncs<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    let mut by_pair: BTreeMap<[(&str, &str); 2], Vec<ArmOf<'_, 'a>>> = BTreeMap::new();
    for sync in &program.syncs {
        for (index, arm) in sync.arms.iter().enumerate() {
            let name = |object: Object<'a>| (object.system, object.name);
            let mut pair = [name(sync.left), name(arm.right)];
            pair.sort_unstable();
            by_pair.entry(pair).or_default().push((sync, index));
        }
    }
    for group in by_pair.values().filter(|group| group.len() > 1) {
        shared_fields(ctx, group);
    }
}

fn rows_of<'s, 'a>((sync, arm): ArmOf<'s, 'a>) -> &'s [Row<'a>] {
    sync.arms.get(arm).map_or(&[], |arm| &arm.rows)
}

/// A row that writes a field, where it says so.
type Writer<'s, 'a> = (&'s Sync<'a>, &'s Row<'a>, Span);

fn shared_fields<'a>(ctx: &mut Ctx<'a, '_>, group: &[ArmOf<'_, 'a>]) {
    let mut written: BTreeMap<Place, Vec<Writer<'_, 'a>>> = BTreeMap::new();
    for (sync, arm) in group {
        // Syncs whose filters never agree share no record, whatever their rows say.
        let mut apart: BTreeMap<&str, bool> = BTreeMap::new();
        let mut own: Vec<(Place, Writer<'_, 'a>)> = Vec::new();
        let mut found: Vec<(FieldRef<'a>, Writer<'_, 'a>)> = Vec::new();
        for row in rows_of((sync, *arm)) {
            let mut clash = None;
            for field in SIDES.iter().filter_map(|side| row.target(*side)) {
                let earlier = written.get(&place(field)).map_or(&[][..], Vec::as_slice);
                let other = earlier.iter().take(EARLIER).find(|(other, known, _)| {
                    if std::ptr::eq(*other, *sync) {
                        return false;
                    }
                    let name = other.name.text.as_str();
                    let never = *apart.entry(name).or_insert_with(|| disjoint(other, sync, &[]));
                    let conditions = known.when.is_some() || row.when.is_some();
                    !(never || conditions && disjoint(other, sync, &[*known, row]))
                });
                clash = clash.or_else(|| other.map(|other| (field, *other)));
                own.push((place(field), (sync, row, field.span)));
            }
            found.extend(clash);
        }
        for (place, writer) in own {
            written.entry(place).or_default().push(writer);
        }
        say_shared(ctx, sync, &found);
    }
}

fn say_shared<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>, found: &[(FieldRef<'a>, Writer<'_, 'a>)]) {
    if let [(_, (first, ..)), ..] = found
        && found.len() > EACH
    {
        let (a, b) = (&first.name, &sync.name);
        let object = format!("{}.{}", sync.left.system, sync.left.name);
        ctx.say(names::same_records(b.span, a.span, (&a.text, &b.text), &object, found.len()));
        return;
    }
    for (field, (_, _, other)) in found {
        let object = format!("{}.{}", field.object.system, field.object.name);
        ctx.say(names::two_writers(field.span, *other, &object, field.name));
    }
}

/// One step of a value: a row in one direction.
#[derive(Clone, Copy)]
struct Edge<'p, 'a> {
    row: &'p Row<'a>,
    sync: &'p Sync<'a>,
    to: Side,
    from_field: FieldRef<'a>,
    to_field: FieldRef<'a>,
}

/// Circles of rows: values that never settle, that change on the way round, or that nobody owns.
pub fn cycles_settle<'a>(ctx: &mut Ctx<'a, '_>) {
    let edges = edges(ctx);
    let mut out: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for (index, edge) in edges.iter().enumerate() {
        out.entry(place(edge.from_field)).or_default().push(index);
    }
    let mut told: BTreeSet<Span> = BTreeSet::new();
    let mut apart = Apart::default();
    // Enough for every real program; what a hostile one leaves out is not looked at.
    let mut steps = edges.len().saturating_mul(64).saturating_add(10_000);
    for start in 0..edges.len() {
        let mut path = vec![start];
        if let Some(cycle) = circle(&edges, &out, &mut path, &mut steps) {
            let rows: Vec<Span> =
                cycle.iter().filter_map(|index| edges.get(*index)).map(|e| e.row.span).collect();
            if rows.iter().any(|row| told.contains(row) || ctx.said_within(*row)) {
                continue;
            }
            let cycle: Vec<Edge<'_, 'a>> =
                cycle.iter().filter_map(|index| edges.get(*index).copied()).collect();
            if judge(ctx, &cycle, &mut apart) {
                told.extend(rows);
            }
        }
    }
}

fn edges<'p, 'a>(ctx: &Ctx<'a, 'p>) -> Vec<Edge<'p, 'a>> {
    let program = ctx.program;
    let mut edges = Vec::new();
    for sync in &program.syncs {
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            // A row that only fills what is blank, or only when a record is made, ends a circle.
            if row.if_empty || row.on_create {
                continue;
            }
            for to in SIDES {
                let Some(to_field) = row.target(to) else { continue };
                let mut edge = |from_field| edges.push(Edge { row, sync, to, from_field, to_field });
                match row.end(to.other()) {
                    End::Field(field) => edge(*field),
                    End::Expr(expr) => expr.walk(&mut |part| {
                        if let Kind::Field(_, field) = &part.kind {
                            edge(*field);
                        }
                    }),
                }
            }
        }
    }
    edges
}

/// A way from the end of a path back to its start over rows that differ, at most eight of them.
fn circle(
    edges: &[Edge<'_, '_>],
    out: &BTreeMap<Place, Vec<usize>>,
    path: &mut Vec<usize>,
    steps: &mut usize,
) -> Option<Vec<usize>> {
    let (first, last) = (edges.get(*path.first()?)?, edges.get(*path.last()?)?);
    if path.len() > 1 && place(last.to_field) == place(first.from_field) {
        return Some(path.clone());
    }
    if path.len() >= 8 {
        return None;
    }
    for next in out.get(&place(last.to_field)).into_iter().flatten() {
        *steps = steps.checked_sub(1)?;
        let row = edges.get(*next)?.row;
        let used = path.iter().filter_map(|index| edges.get(*index)).any(|edge| std::ptr::eq(edge.row, row));
        // Each circle is found from its first row in the order of the program.
        if used || next < path.first()? {
            continue;
        }
        path.push(*next);
        if let Some(found) = circle(edges, out, path, steps) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// Which syncs never meet in a record by their filters alone, asked once for each two of them.
#[derive(Default)]
struct Apart(BTreeMap<(Span, Span), bool>);

impl Apart {
    fn are<'a>(&mut self, a: &Edge<'_, 'a>, b: &Edge<'_, 'a>) -> bool {
        let syncs = (a.sync.name.span, b.sync.name.span);
        if *self.0.entry(syncs).or_insert_with(|| disjoint(a.sync, b.sync, &[])) {
            return true;
        }
        let conditions = a.row.when.is_some() || b.row.when.is_some();
        conditions && disjoint(a.sync, b.sync, &[a.row, b.row])
    }
}

/// Says what a circle does; true when something was said.
fn judge<'a>(ctx: &mut Ctx<'a, '_>, cycle: &[Edge<'_, 'a>], known: &mut Apart) -> bool {
    for (index, edge) in cycle.iter().enumerate() {
        for other in cycle.iter().take(index) {
            let apart = if std::ptr::eq(edge.sync, other.sync) {
                rows_exclude(edge.row, other.row)
            } else {
                known.are(edge, other)
            };
            if apart {
                return false;
            }
        }
    }
    let Some(first) = cycle.first() else { return false };
    let mut seeds = BTreeSet::new();
    for edge in cycle {
        if let End::Expr(expr) = edge.row.end(edge.to.other()) {
            texts_in(expr, &mut seeds);
        }
    }
    let (mut drift, mut restless) = (None, None);
    for value in samples(first.from_field.field, &seeds) {
        match around(ctx, cycle, &value) {
            Rest::Same => {}
            Rest::Changed(becomes) => {
                drift.get_or_insert((value, becomes));
            }
            Rest::Never(becomes) => {
                restless.get_or_insert((value, becomes));
            }
        }
    }
    // The last row of the text closes the circle.
    let Some(last) = cycle.iter().max_by_key(|edge| edge.row.span) else { return false };
    let others: Vec<Span> =
        cycle.iter().map(|edge| edge.row.span).filter(|span| *span != last.row.span).collect();
    let field = super::rows::path(first.from_field);
    let at = last.row.span;
    if let Some((value, becomes)) = restless {
        ctx.say(wording::oscillates(at, &others, &field, &value.to_string(), &becomes.to_string()));
    } else if let Some((value, becomes)) = drift {
        ctx.say(wording::drifts(at, &others, &field, &value.to_string(), &becomes.to_string()));
    } else if cycle.iter().all(|edge| edge.row.arrow.direction != Direction::Both) {
        ctx.say(wording::ownerless(at, &others, &field));
    } else {
        return false;
    }
    true
}

/// What becomes of a value that goes round and round.
enum Rest {
    Same,
    Changed(Value),
    Never(Value),
}

fn around(ctx: &Ctx<'_, '_>, cycle: &[Edge<'_, '_>], value: &Value) -> Rest {
    let mut current = value.clone();
    let mut first = None;
    for _ in 0..12 {
        let Some(next) = cycle.iter().try_fold(current.clone(), |value, edge| step(ctx, edge, &value)) else {
            // Held somewhere: it goes no further.
            return first.map_or(Rest::Same, Rest::Changed);
        };
        let becomes = first.get_or_insert_with(|| next.clone()).clone();
        if alike(&next, &current) {
            return if alike(&current, value) { Rest::Same } else { Rest::Changed(becomes) };
        }
        current = next;
    }
    first.map_or(Rest::Same, Rest::Never)
}

/// A value through one row; `None` when it is held, or not known at compile time.
fn step(ctx: &Ctx<'_, '_>, edge: &Edge<'_, '_>, value: &Value) -> Option<Value> {
    let read = match edge.row.end(edge.to.other()) {
        End::Field(_) => value.clone(),
        End::Expr(expr) => {
            let field = |field: FieldRef<'_>| {
                if place(field) == place(edge.from_field) { value.clone() } else { Value::text("x") }
            };
            eval(expr, &Given { it: None, field: &field })?
        }
    };
    let uses: Vec<_> = if edge.row.arrow.direction == Direction::Both && edge.to == Side::Left {
        edge.row.uses.iter().rev().collect()
    } else {
        edge.row.uses.iter().collect()
    };
    uses.into_iter().try_fold(read, |value, item| through(ctx.program, item, edge.to, &value, None))
}
