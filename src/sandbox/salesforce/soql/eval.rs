//! Which rows a compiled query takes, and in which order.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::cell::{Cell, fold};
use super::super::fault::Fault;
use super::super::ids::Id;
use super::super::meta::{Object, Type};
use super::super::org::Org;
use super::super::store::Row;
use super::ast::{Item, Op, Operand, Order, Query};
use super::compile::{Filter, Needle, Piece, Place, Scope, Test, value};
use super::lex::pointing;

/// Whether rows in the recycle bin are taken too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Live,
    All,
}

/// The rows that a query takes, in its order, before LIMIT and OFFSET.
pub fn rows<'a>(scope: &Scope<'a>, query: &Query, which: Rows) -> Result<Vec<&'a Row>, Fault> {
    let (org, meta) = (scope.org, scope.meta()?);
    let filter = query.filter.as_ref().map(|expr| scope.filter(expr)).transpose()?;
    let order = compile_order(scope, &query.order)?;
    let Some(table) = org.table(scope.object) else { return Ok(Vec::new()) };
    let takes = |row: &&Row| {
        (which == Rows::All || row.deleted.is_none())
            && filter.as_ref().is_none_or(|filter| holds(org, meta, row, filter))
    };
    let mut found: Vec<&Row> =
        match filter.as_ref().and_then(|filter| candidates(org, meta, scope.object, filter, which)) {
            Some(ids) => ids.iter().filter_map(|id| table.get(*id)).filter(takes).collect(),
            None => table.rows().iter().filter(takes).collect(),
        };
    if !order.is_empty() {
        sort(org, meta, &mut found, &order);
    }
    Ok(found)
}

/// The ids that the one column of a subquery gives.
pub fn column(org: &Org, text: &str, query: &Query) -> Result<BTreeSet<Id>, Fault> {
    let scope = Scope::new(org, text, query)?;
    let path = match query.select.as_slice() {
        [Item::Operand { operand: Operand::Path(path), .. }] => path,
        _ => {
            let what = "semi join sub-selects should have one field in select clause";
            return Err(pointing("MALFORMED_QUERY", text, query.from_at, what));
        }
    };
    let place = scope.place(path)?;
    if !matches!(place.ty, Type::Id | Type::Reference) {
        let what = format!("The inner select field '{}' must have only a reference or id", place.name);
        return Err(pointing("MALFORMED_QUERY", text, path.at, &what));
    }
    let meta = scope.meta()?;
    Ok(rows(&scope, query, Rows::Live)?
        .into_iter()
        .filter_map(|row| value(org, meta, row, &place).as_id())
        .collect())
}

/// Ids among which all rows of the filter are, when an id or an indexed field says so.
fn candidates(org: &Org, meta: &Object, object: usize, filter: &Filter, which: Rows) -> Option<Vec<Id>> {
    match filter {
        Filter::And(all) => all.iter().find_map(|part| candidates(org, meta, object, part, which)),
        Filter::Test { place, test } if place.hops.is_empty() => {
            if place.ty == Type::Id {
                return match test {
                    Test::Ids { ids, not: false } => Some(ids.iter().copied().collect()),
                    Test::Equal { value: Needle::Cell(Cell::Ref(id)), not: false } => Some(vec![*id]),
                    _ => None,
                };
            }
            // The index has no deleted rows.
            if which == Rows::All || !meta.field(place.field)?.indexed() {
                return None;
            }
            let table = org.table(object)?;
            let text = |needle: &Needle| match needle {
                Needle::Folded(text) => Some(text.clone()),
                Needle::Cell(cell) => cell.as_text().map(str::to_owned),
            };
            let texts: Vec<String> = match test {
                Test::Equal { value, not: false } => vec![text(value)?],
                Test::In { values, not: false } => values.iter().map(text).collect::<Option<_>>()?,
                _ => return None,
            };
            let ids: BTreeSet<Id> =
                texts.iter().flat_map(|text| table.lookup(meta, place.field, text)).collect();
            Some(ids.into_iter().collect())
        }
        _ => None,
    }
}

pub fn holds(org: &Org, meta: &Object, row: &Row, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|part| holds(org, meta, row, part)),
        Filter::Or(any) => any.iter().any(|part| holds(org, meta, row, part)),
        Filter::Not(inner) => !holds(org, meta, row, inner),
        Filter::Test { place, test } => passes(&value(org, meta, row, place), test),
    }
}

pub fn passes(cell: &Cell, test: &Test) -> bool {
    match test {
        Test::Equal { value, not } => equals(cell, value) != *not,
        Test::In { values, not } => values.iter().any(|value| equals(cell, value)) != *not,
        Test::Ids { ids, not } => cell.as_id().is_some_and(|id| ids.contains(&id)) != *not,
        Test::Order { op, value } => !cell.is_null() && !value.is_null() && ordered(cell.order(value), *op),
        Test::Span { op, from, to } => in_span(cell, *op, from, to),
        Test::Like(pieces) => cell.as_text().is_some_and(|text| {
            let chars: Vec<char> = fold(text).collect();
            like(&chars, pieces)
        }),
        Test::Includes { sets, not } => {
            let chosen: Vec<String> =
                cell.as_text().unwrap_or_default().split(';').map(|p| fold(p).collect()).collect();
            sets.iter().any(|set| set.iter().all(|want| chosen.contains(want))) != *not
        }
    }
}

fn equals(cell: &Cell, needle: &Needle) -> bool {
    match (cell, needle) {
        (Cell::Text(text), Needle::Folded(want)) => fold(text).eq(want.chars()),
        (cell, Needle::Cell(want)) => cell == want,
        _ => false,
    }
}

fn ordered(order: Ordering, op: Op) -> bool {
    match op {
        Op::Less => order.is_lt(),
        Op::LessEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterEqual => order.is_ge(),
        _ => false,
    }
}

fn in_span(cell: &Cell, op: Op, from: &Cell, to: &Cell) -> bool {
    if cell.is_null() {
        return op == Op::NotEqual;
    }
    let (before, within_or_before) = (cell.order(from).is_lt(), cell.order(to).is_lt());
    match op {
        Op::Equal => !before && within_or_before,
        Op::NotEqual => before || !within_or_before,
        Op::Less => before,
        Op::LessEqual => within_or_before,
        Op::Greater => !within_or_before,
        Op::GreaterEqual => !before,
        _ => false,
    }
}

/// Wildcard matching in time proportional to text times pattern.
fn like(text: &[char], pieces: &[Piece]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(Piece::One) => {
                t += 1;
                p += 1;
            }
            Some(Piece::Char(c)) if text.get(t) == Some(c) => {
                t += 1;
                p += 1;
            }
            _ => match back {
                Some((again, from)) => {
                    back = Some((again, from + 1));
                    t = from + 1;
                    p = again;
                }
                None => return false,
            },
        }
    }
    pieces.get(p..).unwrap_or_default().iter().all(|piece| *piece == Piece::Any)
}

struct Key {
    place: Place,
    descending: bool,
    nulls_last: bool,
}

fn compile_order(scope: &Scope<'_>, order: &[Order]) -> Result<Vec<Key>, Fault> {
    let mut keys = Vec::new();
    for item in order {
        let path = match &item.by {
            Operand::Path(path) => path,
            Operand::Call { argument: Some(argument), .. } => match argument.as_ref() {
                Operand::Path(path) => path,
                Operand::Call { at, .. } => {
                    return Err(scope.invalid("MALFORMED_QUERY", *at, "unexpected function"));
                }
            },
            Operand::Call { at, .. } => {
                return Err(scope.invalid("MALFORMED_QUERY", *at, "unexpected function"));
            }
        };
        let place = scope.place(path)?;
        let field = place.object.and_then(|object| scope.org.schema.get(object)?.field(place.field));
        if let Some(field) = field.filter(|field| !field.sortable) {
            let what = format!("field '{}' can not be sorted in a query call", field.name);
            return Err(scope.invalid("INVALID_FIELD", path.at, &what));
        }
        keys.push(Key { place, descending: item.descending, nulls_last: item.nulls_last });
    }
    Ok(keys)
}

/// Stable, so that rows equal by all keys stay in the order of their ids.
fn sort(org: &Org, meta: &Object, rows: &mut Vec<&Row>, keys: &[Key]) {
    let mut keyed: Vec<(Vec<Cell>, &Row)> = rows
        .drain(..)
        .map(|row| (keys.iter().map(|key| value(org, meta, row, &key.place)).collect(), row))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| {
        for ((key, a), b) in keys.iter().zip(a).zip(b) {
            let order = match (a.is_null(), b.is_null()) {
                (false, false) if key.descending => b.order(a),
                (false, false) => a.order(b),
                (true, true) => Ordering::Equal,
                (true, false) if key.nulls_last => Ordering::Greater,
                (true, false) => Ordering::Less,
                (false, true) if key.nulls_last => Ordering::Less,
                (false, true) => Ordering::Greater,
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

#[cfg(test)]
mod tests {
    use super::{Piece, like};

    #[test]
    fn wildcards() {
        let text: Vec<char> = "northwind systems".chars().collect();
        let of = |pattern: &str| -> Vec<Piece> {
            pattern
                .chars()
                .map(|c| match c {
                    '%' => Piece::Any,
                    '_' => Piece::One,
                    c => Piece::Char(c),
                })
                .collect()
        };
        for yes in ["northwind systems", "north%", "%systems", "%wind%", "n_rth%s", "%", "%s%s%s"] {
            assert!(like(&text, &of(yes)), "{yes}");
        }
        for no in ["north", "%x%", "n_orth%", "", "%s%s%s%s%s"] {
            assert!(!like(&text, &of(no)), "{no}");
        }
    }
}
