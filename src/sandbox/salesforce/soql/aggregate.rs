//! `GROUP BY`, `HAVING` and the aggregate functions.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::super::cell::{Cell, fold};
use super::super::doc::{Doc, object};
use super::super::fault::Fault;
use super::super::meta::{Field, Object, Type};
use super::super::org::Org;
use super::super::store::Row;
use super::super::time;
use super::ast::{Expr, Item, Literal, Op, Operand, Query, Right};
use super::compile::{Place, Scope, value};
use super::eval::{Rows, rows};

const FUNCTIONS: &[&str] = &["count", "count_distinct", "sum", "avg", "min", "max"];
const DATE_PARTS: &[&str] = &[
    "calendar_year",
    "calendar_quarter",
    "calendar_month",
    "day_in_month",
    "day_in_week",
    "day_in_year",
    "day_only",
    "hour_in_day",
    "fiscal_year",
    "fiscal_quarter",
    "fiscal_month",
    "week_in_year",
];

/// `SELECT COUNT() FROM ...`
pub fn is_count(query: &Query) -> bool {
    match query.select.as_slice() {
        [Item::Operand { operand: Operand::Call { name, argument: None, .. }, .. }] => {
            name.eq_ignore_ascii_case("count")
        }
        _ => false,
    }
}

pub fn is_aggregate(query: &Query) -> bool {
    let aggregate = |item: &Item| match item {
        Item::Operand { operand: Operand::Call { name, .. }, .. } => {
            FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
        }
        _ => false,
    };
    !query.group.is_empty() || query.select.iter().any(aggregate)
}

/// A column, or what it is grouped by.
struct Column {
    key: String,
    term: Term,
}

#[derive(Debug, Clone)]
enum Term {
    Value { place: Place },
    Part { part: String, place: Place },
    Call { function: String, place: Option<Place> },
}

/// The rows of the answer: one per group.
pub fn aggregate(scope: &Scope<'_>, query: &Query, which: Rows) -> Result<Vec<Doc>, Fault> {
    let (org, meta) = (scope.org, scope.meta()?);
    let group: Vec<Term> =
        query.group.iter().map(|operand| term(scope, operand)).collect::<Result<_, _>>()?;
    let columns = columns(scope, query, &group)?;
    let plain = Query { order: Vec::new(), ..query.clone() };
    let mut groups: Vec<(Vec<Cell>, Vec<&Row>)> = Vec::new();
    for row in rows(scope, &plain, which)? {
        let key: Vec<Cell> = group.iter().map(|term| of_row(org, meta, row, term)).collect();
        match groups.binary_search_by(|(have, _)| order_keys(have, &key)) {
            Ok(at) => {
                if let Some((_, rows)) = groups.get_mut(at) {
                    rows.push(row);
                }
            }
            Err(at) => groups.insert(at, (key, vec![row])),
        }
    }
    if group.is_empty() && groups.is_empty() {
        groups.push((Vec::new(), Vec::new()));
    }
    if let Some(having) = &query.having {
        let mut kept = Vec::new();
        for group_rows in groups {
            if holds(scope, meta, &group_rows.1, having)? {
                kept.push(group_rows);
            }
        }
        groups = kept;
    }
    sort(scope, meta, query, &columns, &mut groups)?;
    let limit = query.limit.unwrap_or(2_000);
    let page = groups.iter().skip(query.offset).take(limit);
    Ok(page.map(|(_, rows)| record(org, meta, &columns, rows)).collect())
}

fn record(org: &Org, meta: &Object, columns: &[Column], rows: &[&Row]) -> Doc {
    let mut doc = object([("attributes", object([("type", "AggregateResult".into())]))]);
    for column in columns {
        let cell = of_group(org, meta, rows, &column.term);
        doc.push(column.key.clone(), shown(org, &column.term, &cell));
    }
    doc
}

fn shown(org: &Org, term: &Term, cell: &Cell) -> Doc {
    let field = |place: &Place| place.object.and_then(|object| org.schema.get(object)?.field(place.field));
    match term {
        Term::Value { place } => cell.doc(field(place).unwrap_or(&Field::default())),
        Term::Call { function, .. } if function.starts_with("count") => whole(cell),
        Term::Call { place: Some(place), .. } => {
            let usual = Field::default();
            cell.doc(field(place).unwrap_or(&usual))
        }
        Term::Call { place: None, .. } | Term::Part { .. } => whole(cell),
    }
}

fn whole(cell: &Cell) -> Doc {
    match cell {
        Cell::Number(number) => Doc::Number(number.normalize().to_string().into()),
        other => other.plain(),
    }
}

fn columns(scope: &Scope<'_>, query: &Query, group: &[Term]) -> Result<Vec<Column>, Fault> {
    let mut columns = Vec::new();
    let mut unnamed = 0;
    for item in &query.select {
        let Item::Operand { operand, alias } = item else {
            let what = "Grouped query cannot use child relationships in the SELECT list";
            return Err(scope.invalid("MALFORMED_QUERY", query.from_at, what));
        };
        let term = term(scope, operand)?;
        let own = match (&term, operand) {
            (Term::Value { place }, Operand::Path(path)) => {
                let grouped =
                    group.iter().any(|by| matches!(by, Term::Value { place: by } if same(by, place)));
                if !grouped {
                    let what = format!("Field must be grouped or aggregated: {}", path.text());
                    return Err(scope.invalid("MALFORMED_QUERY", path.at, &what));
                }
                Some(place.name.clone())
            }
            _ => None,
        };
        let key = match (alias, own) {
            (Some(alias), _) => alias.clone(),
            (None, Some(own)) => own,
            (None, None) => {
                let key = format!("expr{unnamed}");
                unnamed += 1;
                key
            }
        };
        columns.push(Column { key, term });
    }
    Ok(columns)
}

fn same(a: &Place, b: &Place) -> bool {
    a.hops == b.hops && a.field == b.field && a.name == b.name
}

fn term(scope: &Scope<'_>, operand: &Operand) -> Result<Term, Fault> {
    match operand {
        Operand::Path(path) => Ok(Term::Value { place: scope.place(path)? }),
        Operand::Call { name, argument, at } => {
            let function = name.to_ascii_lowercase();
            let place = match argument.as_deref() {
                Some(Operand::Path(path)) => Some(scope.place(path)?),
                Some(Operand::Call { argument: Some(inner), .. }) => match inner.as_ref() {
                    Operand::Path(path) => Some(scope.place(path)?),
                    Operand::Call { .. } => None,
                },
                _ => None,
            };
            match place {
                Some(place) if DATE_PARTS.contains(&function.as_str()) => {
                    Ok(Term::Part { part: function, place })
                }
                place
                    if FUNCTIONS.contains(&function.as_str()) && (place.is_some() || function == "count") =>
                {
                    Ok(Term::Call { function, place })
                }
                _ => Err(scope.invalid("MALFORMED_QUERY", *at, &format!("Invalid function: {name}"))),
            }
        }
    }
}

fn of_row(org: &Org, meta: &Object, row: &Row, term: &Term) -> Cell {
    match term {
        Term::Value { place } => value(org, meta, row, place),
        Term::Part { part, place } => date_part(part, &value(org, meta, row, place)),
        Term::Call { .. } => Cell::Null,
    }
}

fn of_group(org: &Org, meta: &Object, rows: &[&Row], term: &Term) -> Cell {
    let Term::Call { function, place } = term else {
        return rows.first().map_or(Cell::Null, |row| of_row(org, meta, row, term));
    };
    let Some(place) = place else { return Cell::Number(Decimal::from(rows.len())) };
    let cells: Vec<Cell> =
        rows.iter().map(|row| value(org, meta, row, place)).filter(|cell| !cell.is_null()).collect();
    let numbers = || cells.iter().filter_map(|cell| if let Cell::Number(n) = cell { Some(*n) } else { None });
    match function.as_str() {
        "count" => Cell::Number(Decimal::from(cells.len())),
        "count_distinct" => {
            let distinct: BTreeSet<String> =
                cells.iter().map(|cell| fold(&cell.csv(&Field::default())).collect()).collect();
            Cell::Number(Decimal::from(distinct.len()))
        }
        "sum" if cells.is_empty() => Cell::Null,
        "sum" => Cell::Number(numbers().sum()),
        "avg" if cells.is_empty() => Cell::Null,
        "avg" => Cell::Number(numbers().sum::<Decimal>() / Decimal::from(cells.len())),
        "min" => cells.iter().min_by(|a, b| a.order(b)).cloned().unwrap_or_default(),
        _ => cells.iter().max_by(|a, b| a.order(b)).cloned().unwrap_or_default(),
    }
}

fn date_part(part: &str, cell: &Cell) -> Cell {
    let (day, millis) = match cell {
        Cell::Date(day) => (*day, 0),
        Cell::Stamp(millis) => (time::day_of(*millis), *millis),
        _ => return Cell::Null,
    };
    let number = match part {
        "calendar_year" | "fiscal_year" => i64::from(day.year()),
        "calendar_quarter" | "fiscal_quarter" => i64::from((day.month() - 1) / 3 + 1),
        "calendar_month" | "fiscal_month" => i64::from(day.month()),
        "day_in_month" => i64::from(day.day()),
        "day_in_week" => i64::from(day.weekday().to_sunday_one_offset()),
        "day_in_year" => i64::from(day.day_of_year()),
        "week_in_year" => i64::from((day.day_of_year() - 1) / 7 + 1),
        "hour_in_day" => millis.rem_euclid(time::DAY) / time::HOUR,
        _ => return Cell::Date(day),
    };
    Cell::Number(Decimal::from(number))
}

/// Nulls first.
fn order_cells(a: &Cell, b: &Cell) -> Ordering {
    b.is_null().cmp(&a.is_null()).then_with(|| a.order(b))
}

fn order_keys(a: &[Cell], b: &[Cell]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| order_cells(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn sort(
    scope: &Scope<'_>,
    meta: &Object,
    query: &Query,
    columns: &[Column],
    groups: &mut [(Vec<Cell>, Vec<&Row>)],
) -> Result<(), Fault> {
    for order in query.order.iter().rev() {
        // An alias of the SELECT list stands for its column.
        let alias = match &order.by {
            Operand::Path(path) => {
                columns.iter().find(|column| column.key.eq_ignore_ascii_case(&path.text()))
            }
            Operand::Call { .. } => None,
        };
        let by = match alias {
            Some(column) => column.term.clone(),
            None => term(scope, &order.by)?,
        };
        groups.sort_by(|(_, a), (_, b)| {
            let (a, b) = (of_group(scope.org, meta, a, &by), of_group(scope.org, meta, b, &by));
            match (a.is_null(), b.is_null()) {
                (false, false) if order.descending => b.order(&a),
                (false, false) => a.order(&b),
                (a, b) if order.nulls_last => a.cmp(&b),
                (a, b) => b.cmp(&a),
            }
        });
    }
    Ok(())
}

fn holds(scope: &Scope<'_>, meta: &Object, rows: &[&Row], expr: &Expr) -> Result<bool, Fault> {
    match expr {
        Expr::And(all) => {
            for part in all {
                if !holds(scope, meta, rows, part)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Expr::Or(any) => {
            for part in any {
                if holds(scope, meta, rows, part)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Expr::Not(inner) => holds(scope, meta, rows, inner).map(|holds| !holds),
        Expr::Test { left, op, right } => {
            let term = term(scope, left)?;
            let cell = of_group(scope.org, meta, rows, &term);
            let counts = matches!(&term, Term::Call { function, .. } if function.starts_with("count"));
            let number = counts
                || matches!(&term, Term::Call { place: Some(place), .. } if matches!(place.ty, Type::Int | Type::Double));
            let literals: Vec<&Literal> = match right {
                Right::One(literal) => vec![literal],
                Right::List(list) => list.iter().collect(),
                Right::Query(query) => {
                    return Err(scope.invalid("MALFORMED_QUERY", query.from_at, "HAVING takes no subquery"));
                }
            };
            let hit = |literal: &&Literal| matches(&cell, literal, number, *op);
            Ok(if *op == Op::NotIn { !literals.iter().any(hit) } else { literals.iter().any(hit) })
        }
    }
}

fn matches(cell: &Cell, literal: &Literal, number: bool, op: Op) -> bool {
    let want = match literal {
        Literal::Number(n) if number || matches!(cell, Cell::Number(_)) => Cell::Number(*n),
        Literal::Text(text) => Cell::text(text.as_str()),
        Literal::Bool(value) => Cell::Bool(*value),
        Literal::Date(day) => Cell::Date(*day),
        Literal::Stamp(millis) => Cell::Stamp(*millis),
        _ => Cell::Null,
    };
    if cell.is_null() || want.is_null() {
        return (cell.is_null() && want.is_null()) == (op != Op::NotEqual);
    }
    let same_text = match (cell, &want) {
        (Cell::Text(a), Cell::Text(b)) => fold(a).eq(fold(b)),
        (Cell::Ref(id), Cell::Text(text)) => super::super::ids::Id::parse(text) == Some(*id),
        (a, b) => a == b,
    };
    let order = cell.order(&want);
    match op {
        Op::Equal | Op::In | Op::NotIn => same_text,
        Op::NotEqual => !same_text,
        Op::Less => order.is_lt(),
        Op::LessEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterEqual => order.is_ge(),
        _ => false,
    }
}
