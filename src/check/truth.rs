//! Whether conditions can be true together: intervals of numbers and dates, sets of options, blank or not.
//!
//! Sound for "no": [`impossible`] says yes only when no record satisfies the conditions. What it does not understand
//! it takes as possible; a budget bounds the cases it looks at.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::builtin::Func;
use crate::calc::values as calc;
use crate::resolve::hir::{Expr, Kind};
use crate::schema::FieldType;
use crate::syntax::ast::BinaryOp;
use crate::value::Value;

/// A condition and the truth it is assumed to have.
pub type Assumed<'e, 'a> = (&'e Expr<'a>, bool);

/// Alternatives that one question may open before it gives up (and says "possible").
const BUDGET: u32 = 256;

/// No record satisfies all of these.
pub fn impossible(assumed: &[Assumed<'_, '_>]) -> bool {
    let mut budget = BUDGET;
    !possible(assumed.to_vec(), Vec::new(), &State::default(), &mut budget)
}

/// Two conditions that are never true together.
pub fn exclude(a: &Expr<'_>, b: &Expr<'_>) -> bool {
    impossible(&[(a, true), (b, true)])
}

#[derive(Debug, Clone, Default)]
struct State<'e, 'a> {
    terms: Vec<(&'e Expr<'a>, Domain)>,
    /// Conditions that are not understood, with their assumed truth.
    opaque: Vec<Assumed<'e, 'a>>,
}

/// The values that a term may still have.
#[derive(Debug, Clone)]
struct Domain {
    blank: bool,
    values: Values,
    /// Bounds with whether they are part of the range.
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
}

#[derive(Debug, Clone)]
enum Values {
    Only(BTreeSet<Value>),
    AllBut(BTreeSet<Value>),
}

/// What an atom says of a term. All but `Blank` are false of a blank.
enum Says {
    Blank,
    Among(BTreeSet<Value>),
    Above(Value, bool),
    Below(Value, bool),
    Range(Value, Value),
}

/// `x != 1` is `x == 1` the other way round, `is set` is `is blank` the other way round.
struct Atom<'e, 'a> {
    term: &'e Expr<'a>,
    says: Says,
    negated: bool,
}

fn possible<'e, 'a>(
    mut pending: Vec<Assumed<'e, 'a>>,
    mut choices: Vec<[Vec<Assumed<'e, 'a>>; 2]>,
    state: &State<'e, 'a>,
    budget: &mut u32,
) -> bool {
    let mut state = state.clone();
    while let Some((expr, truth)) = pending.pop() {
        match (&expr.kind, truth) {
            (Kind::Not(inner), _) => pending.push((inner, !truth)),
            (Kind::Binary { op: BinaryOp::And, left, right }, true)
            | (Kind::Binary { op: BinaryOp::Or, left, right }, false) => {
                pending.push((left, truth));
                pending.push((right, truth));
            }
            (Kind::Binary { op: BinaryOp::And, left, right }, false)
            | (Kind::Binary { op: BinaryOp::Or, left, right }, true) => {
                choices.push([vec![(left, truth)], vec![(right, truth)]]);
            }
            (Kind::If { condition, then, otherwise }, _) => {
                choices.push([
                    vec![(condition, true), (then, truth)],
                    vec![(condition, false), (otherwise, truth)],
                ]);
            }
            (Kind::Literal(Value::Bool(value)), _) if *value != truth => return false,
            (Kind::Literal(Value::Bool(_)), _) => {}
            _ => {
                if !state.assume(expr, truth) {
                    return false;
                }
            }
        }
    }
    let Some([first, second]) = choices.pop() else { return true };
    if *budget == 0 {
        return true;
    }
    *budget -= 1;
    possible(first, choices.clone(), &state, budget) || possible(second, choices, &state, budget)
}

impl<'e, 'a> State<'e, 'a> {
    /// Takes an atom in; false when it contradicts what is known.
    fn assume(&mut self, expr: &'e Expr<'a>, truth: bool) -> bool {
        if let Some(Atom { term, says, negated }) = atom(expr) {
            let known = self.terms.iter().position(|(known, _)| same(known, term));
            let index = known.unwrap_or_else(|| {
                self.terms.push((term, Domain::of(term)));
                self.terms.len() - 1
            });
            let Some((_, domain)) = self.terms.get_mut(index) else { return true };
            domain.narrow(says, truth != negated);
            return domain.is_possible();
        }
        if self.opaque.iter().any(|(known, other)| *other != truth && same(known, expr)) {
            return false;
        }
        self.opaque.push((expr, truth));
        true
    }
}

fn atom<'e, 'a>(expr: &'e Expr<'a>) -> Option<Atom<'e, 'a>> {
    let atom = |term, says, negated| Some(Atom { term, says, negated });
    match &expr.kind {
        Kind::Field(_, field) if field.field.ty == FieldType::Bool => {
            atom(expr, Says::Among(BTreeSet::from([Value::Bool(true)])), false)
        }
        Kind::IsSet { operand, negated } => atom(operand, Says::Blank, !negated),
        Kind::IsBlank { operand, negated } => atom(operand, Says::Blank, *negated),
        Kind::Binary { op: BinaryOp::In, left, right } => match &right.kind {
            Kind::List(items) if scalar(left) => {
                let values: Option<BTreeSet<Value>> = items.iter().map(constant).collect();
                atom(left, Says::Among(values?), false)
            }
            _ => None,
        },
        Kind::Between { operand, low, high } => {
            atom(operand, Says::Range(constant(low)?, constant(high)?), false)
        }
        Kind::Binary { op, left, right } => {
            let (term, value, op) = match (constant(left), constant(right)) {
                (None, Some(value)) => (left, value, *op),
                (Some(value), None) => (right, value, mirrored(*op)),
                _ => return None,
            };
            if !scalar(term) {
                return None;
            }
            match op {
                BinaryOp::Equal => atom(term, Says::Among(BTreeSet::from([value])), false),
                BinaryOp::NotEqual => atom(term, Says::Among(BTreeSet::from([value])), true),
                BinaryOp::Less => atom(term, Says::Below(value, false), false),
                BinaryOp::LessEqual => atom(term, Says::Below(value, true), false),
                BinaryOp::Greater => atom(term, Says::Above(value, false), false),
                BinaryOp::GreaterEqual => atom(term, Says::Above(value, true), false),
                _ => None,
            }
        }
        _ => None,
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}

/// A term with one value; a multi-select compared with one value is not understood here.
fn scalar(term: &Expr<'_>) -> bool {
    !matches!(&term.kind, Kind::Field(_, field) if field.field.ty == FieldType::Options)
}

/// The value of an expression that reads nothing.
pub fn constant(expr: &Expr<'_>) -> Option<Value> {
    match &expr.kind {
        Kind::Literal(value) => Some(value.clone()),
        Kind::Negate(inner) => match constant(inner)? {
            Value::Number(number) => Some(Value::Number(-number)),
            _ => None,
        },
        Kind::Call { func: Func::Concat | Func::Coalesce | Func::InZone, .. } => None,
        Kind::Call { func, args } => {
            let values: Vec<Value> = args.iter().map(constant).collect::<Option<_>>()?;
            calc::apply(*func, &values).ok()
        }
        Kind::Binary { op, left, right } => {
            calc::arithmetic(*op, &constant(left)?, &constant(right)?).ok().filter(|value| !value.is_null())
        }
        _ => None,
    }
}

impl Domain {
    fn of(term: &Expr<'_>) -> Domain {
        let values = match &term.kind {
            Kind::Field(_, field) if field.field.ty == FieldType::Bool => {
                Values::Only([true, false].map(Value::Bool).into())
            }
            Kind::Field(_, field)
                if field.field.ty == FieldType::Option
                    && field.field.restricted
                    && !field.field.options.is_empty() =>
            {
                let options = field.field.options.iter();
                Values::Only(options.map(|option| Value::text(option.value.as_str())).collect())
            }
            _ => Values::AllBut(BTreeSet::new()),
        };
        Domain { blank: true, values, low: None, high: None }
    }

    fn narrow(&mut self, says: Says, truth: bool) {
        let holds_of_blank = matches!(says, Says::Blank);
        self.blank &= holds_of_blank == truth;
        match (says, truth) {
            (Says::Blank, true) => self.values = Values::Only(BTreeSet::new()),
            (Says::Among(set), true) => match &mut self.values {
                Values::Only(values) => values.retain(|value| set.contains(value)),
                Values::AllBut(not) => {
                    self.values = Values::Only(set.difference(not).cloned().collect());
                }
            },
            (Says::Among(set), false) => match &mut self.values {
                Values::Only(values) => values.retain(|value| !set.contains(value)),
                Values::AllBut(values) => values.extend(set),
            },
            (Says::Above(value, closed), true) => self.raise(value, closed),
            (Says::Below(value, closed), false) => self.raise(value, !closed),
            (Says::Below(value, closed), true) => self.lower(value, closed),
            (Says::Above(value, closed), false) => self.lower(value, !closed),
            (Says::Range(low, high), true) => {
                self.raise(low, true);
                self.lower(high, true);
            }
            // Outside a range is two ranges: nothing is narrowed.
            (Says::Blank | Says::Range(..), false) => {}
        }
    }

    fn raise(&mut self, value: Value, closed: bool) {
        let tighter = match &self.low {
            None => true,
            Some((known, known_closed)) => match calc::compare(&value, known) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => *known_closed && !closed,
                _ => false,
            },
        };
        if tighter {
            self.low = Some((value, closed));
        }
    }

    fn lower(&mut self, value: Value, closed: bool) {
        let tighter = match &self.high {
            None => true,
            Some((known, known_closed)) => match calc::compare(&value, known) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => *known_closed && !closed,
                _ => false,
            },
        };
        if tighter {
            self.high = Some((value, closed));
        }
    }

    fn is_possible(&self) -> bool {
        if self.blank {
            return true;
        }
        match &self.values {
            Values::Only(values) => values.iter().any(|value| self.in_bounds(value)),
            Values::AllBut(not) => match (&self.low, &self.high) {
                (Some((low, low_closed)), Some((high, high_closed))) => match calc::compare(low, high) {
                    Some(Ordering::Greater) => false,
                    Some(Ordering::Equal) => *low_closed && *high_closed && !not.contains(low),
                    _ => true,
                },
                _ => true,
            },
        }
    }

    fn in_bounds(&self, value: &Value) -> bool {
        let above = self.low.as_ref().is_none_or(|(low, closed)| match calc::compare(value, low) {
            Some(Ordering::Less) => false,
            Some(Ordering::Equal) => *closed,
            _ => true,
        });
        above
            && self.high.as_ref().is_none_or(|(high, closed)| match calc::compare(value, high) {
                Some(Ordering::Greater) => false,
                Some(Ordering::Equal) => *closed,
                _ => true,
            })
    }
}

/// Whether two expressions are the same one, name by name.
pub fn same(a: &Expr<'_>, b: &Expr<'_>) -> bool {
    let all =
        |xs: &[Expr<'_>], ys: &[Expr<'_>]| xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| same(x, y));
    match (&a.kind, &b.kind) {
        (Kind::Field(_, f), Kind::Field(_, g)) => {
            (f.object.system, f.object.name, f.name) == (g.object.system, g.object.name, g.name)
        }
        (Kind::Literal(x), Kind::Literal(y)) => x == y,
        (Kind::It, Kind::It) => true,
        (Kind::List(xs), Kind::List(ys)) => all(xs, ys),
        (Kind::Call { func: f, args: xs }, Kind::Call { func: g, args: ys }) => f == g && all(xs, ys),
        (Kind::Not(x), Kind::Not(y)) | (Kind::Negate(x), Kind::Negate(y)) => same(x, y),
        (Kind::IsPrivate(x), Kind::IsPrivate(y)) => same(x, y),
        (Kind::Binary { op: p, left: l, right: r }, Kind::Binary { op: q, left: m, right: s }) => {
            p == q && same(l, m) && same(r, s)
        }
        (Kind::IsSet { operand: p, negated: m }, Kind::IsSet { operand: q, negated: n })
        | (Kind::IsBlank { operand: p, negated: m }, Kind::IsBlank { operand: q, negated: n }) => {
            m == n && same(p, q)
        }
        (Kind::Between { operand: p, low: l, high: h }, Kind::Between { operand: q, low: m, high: i }) => {
            same(p, q) && same(l, m) && same(h, i)
        }
        (Kind::Matches { operand: p, pattern: x }, Kind::Matches { operand: q, pattern: y }) => {
            x == y && same(p, q)
        }
        (Kind::InList(x), Kind::InList(y)) => x == y,
        (Kind::Linked { sync: x, arm: a }, Kind::Linked { sync: y, arm: b }) => x == y && a == b,
        (
            Kind::Associated { quantifier: p, object: o, condition: c, .. },
            Kind::Associated { quantifier: q, object: n, condition: d, .. },
        ) => {
            p == q
                && (o.system, o.name) == (n.system, n.name)
                && match (c, d) {
                    (None, None) => true,
                    (Some(c), Some(d)) => same(c, d),
                    _ => false,
                }
        }
        _ => false,
    }
}
