//! A query's names looked up in the schema, and its literals fitted to the fields that they are compared with.

use std::collections::BTreeSet;

use super::super::cell::{Cell, fold};
use super::super::fault::Fault;
use super::super::ids::Id;
use super::super::meta::{Field, Object, Type};
use super::super::org::Org;
use super::super::store::Row;
use super::super::time;
use super::ast::{Expr, Literal, Op, Operand, Path, Query, Right};
use super::dates;
use super::lex::pointing;

/// A field reached over parents.
#[derive(Debug, Clone)]
pub struct Place {
    /// Reference fields to follow, each in the object that the one before leads to.
    pub hops: Vec<u16>,
    /// The object that the field is in; `None` behind a reference to several objects.
    pub object: Option<usize>,
    pub field: u16,
    /// The field's name as described.
    pub name: String,
    pub ty: Type,
}

#[derive(Debug, Clone)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test { place: Place, test: Test },
}

#[derive(Debug, Clone)]
pub enum Test {
    Equal {
        value: Needle,
        not: bool,
    },
    In {
        values: Vec<Needle>,
        not: bool,
    },
    Ids {
        ids: BTreeSet<Id>,
        not: bool,
    },
    Order {
        op: Op,
        value: Cell,
    },
    /// A span of days or of milliseconds: `[from, to)`.
    Span {
        op: Op,
        from: Cell,
        to: Cell,
    },
    Like(Vec<Piece>),
    /// Sets of values, one of which must be (or must not be) among the chosen ones.
    Includes {
        sets: Vec<Vec<String>>,
        not: bool,
    },
}

/// A value to compare with; texts are folded.
#[derive(Debug, Clone)]
pub enum Needle {
    Cell(Cell),
    Folded(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Any,
    One,
    Char(char),
}

/// What compiling needs to know.
pub struct Scope<'a> {
    pub org: &'a Org,
    pub text: &'a str,
    pub object: usize,
    pub alias: Option<&'a str>,
    pub now: i64,
}

impl<'a> Scope<'a> {
    pub fn new(org: &'a Org, text: &'a str, query: &'a Query) -> Result<Scope<'a>, Fault> {
        let (object, meta) = org.schema.find(&query.from).ok_or_else(|| unknown_type(text, query))?;
        if !meta.flag("queryable") {
            return Err(unknown_type(text, query));
        }
        Ok(Scope { org, text, object, alias: query.alias.as_deref(), now: org.clock.now().0 })
    }

    pub fn meta(&self) -> Result<&'a Object, Fault> {
        self.org.schema.get(self.object).ok_or_else(Fault::not_found)
    }

    pub fn place(&self, path: &Path) -> Result<Place, Fault> {
        let (meta, names) = (self.meta()?, self.without_alias(path)?);
        let mut at = Some((self.object, meta));
        let mut hops = Vec::new();
        let (last, parents) = names.split_last().ok_or_else(Fault::not_found)?;
        for name in parents {
            let Some((_, object)) = at else { break };
            let (field, reference) =
                object.relationship(name).ok_or_else(|| self.no_relationship(path, name, object))?;
            hops.push(field);
            at = match reference.refers.as_slice() {
                [one] => self.org.schema.find(one),
                _ => None,
            };
            if at.is_none() && reference.refers.len() < 2 {
                return Err(self.no_relationship(path, name, object));
            }
        }
        let Some((object, meta)) = at else {
            return Ok(Place { hops, object: None, field: 0, name: last.clone(), ty: Type::Text });
        };
        let (field, found) = meta.find(last).ok_or_else(|| self.no_column(path, last, meta))?;
        Ok(Place { hops, object: Some(object), field, name: found.name.clone(), ty: found.ty })
    }

    /// The names of a path without the query's alias or its object's name.
    pub fn without_alias<'b>(&self, path: &'b Path) -> Result<&'b [String], Fault> {
        let own = self.meta()?;
        match path.names.split_first() {
            Some((first, rest)) if !rest.is_empty() => {
                let is_alias = self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(first));
                let is_object = first.eq_ignore_ascii_case(&own.name) && own.relationship(first).is_none();
                Ok(if is_alias || is_object { rest } else { &path.names })
            }
            _ => Ok(&path.names),
        }
    }

    fn no_column(&self, path: &Path, name: &str, object: &Object) -> Fault {
        let what = format!(
            "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append \
             the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
             appropriate names.",
            object.name
        );
        pointing("INVALID_FIELD", self.text, path.at, &what)
    }

    fn no_relationship(&self, path: &Path, name: &str, object: &Object) -> Fault {
        let what = format!(
            "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
             WSDL or the describe call for the appropriate names. (object {})",
            object.name
        );
        pointing("INVALID_FIELD", self.text, path.at, &what)
    }

    pub fn invalid(&self, code: &'static str, at: usize, what: &str) -> Fault {
        pointing(code, self.text, at, what)
    }

    pub fn filter(&self, expr: &Expr) -> Result<Filter, Fault> {
        let all = |items: &[Expr]| items.iter().map(|item| self.filter(item)).collect::<Result<Vec<_>, _>>();
        match expr {
            Expr::And(items) => Ok(Filter::And(all(items)?)),
            Expr::Or(items) => Ok(Filter::Or(all(items)?)),
            Expr::Not(inner) => Ok(Filter::Not(Box::new(self.filter(inner)?))),
            Expr::Test { left, op, right } => self.test(left, *op, right),
        }
    }

    fn test(&self, left: &Operand, op: Op, right: &Right) -> Result<Filter, Fault> {
        let path = match left {
            Operand::Path(path) => path,
            Operand::Call { name, argument, at } => {
                match (name.to_ascii_lowercase().as_str(), argument.as_deref()) {
                    (
                        "tolabel" | "convertcurrency" | "format" | "converttimezone",
                        Some(Operand::Path(path)),
                    ) => path,
                    _ => return Err(self.invalid("MALFORMED_QUERY", *at, "unexpected function in WHERE")),
                }
            }
        };
        let place = self.place(path)?;
        let field = place.object.and_then(|object| self.org.schema.get(object)?.field(place.field));
        if let Some(field) = field.filter(|field| !field.filterable) {
            let what = format!("field '{}' can not be filtered in a query call", field.name);
            return Err(self.invalid("INVALID_FIELD", path.at, &what));
        }
        let test = match (op, right) {
            (Op::In | Op::NotIn, Right::Query(query)) => self.semi_join(op, query)?,
            (Op::In | Op::NotIn, Right::List(list)) => {
                let values = list
                    .iter()
                    .map(|literal| self.needle(path, &place, field, literal))
                    .collect::<Result<Vec<_>, _>>()?;
                in_list(&place, values, op == Op::NotIn)
            }
            (Op::Includes | Op::Excludes, Right::List(list)) => includes(op, list),
            (Op::Like, Right::One(Literal::Text(text))) => Test::Like(pattern(text)),
            (_, Right::One(Literal::Relative(name, n))) => self.relative(path, &place, op, name, *n)?,
            (Op::Equal | Op::NotEqual, Right::One(literal)) => {
                let value = self.needle(path, &place, field, literal)?;
                Test::Equal { value, not: op == Op::NotEqual }
            }
            (Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual, Right::One(literal)) => {
                if place.ty == Type::Boolean {
                    let what = "invalid operator on boolean field";
                    return Err(self.invalid("INVALID_FIELD", path.at, what));
                }
                Test::Order { op, value: self.fit(path, &place, field, literal)? }
            }
            _ => return Err(self.invalid("MALFORMED_QUERY", path.at, "invalid operator")),
        };
        Ok(Filter::Test { place, test })
    }

    fn semi_join(&self, op: Op, query: &Query) -> Result<Test, Fault> {
        let ids = super::eval::column(self.org, self.text, query)?;
        Ok(Test::Ids { ids, not: op == Op::NotIn })
    }

    fn needle(
        &self,
        path: &Path,
        place: &Place,
        field: Option<&Field>,
        literal: &Literal,
    ) -> Result<Needle, Fault> {
        let cell = self.fit(path, place, field, literal)?;
        let exact = field.is_some_and(|field| field.case_sensitive && field.unique);
        Ok(match cell {
            Cell::Text(text) if !exact => Needle::Folded(fold(&text).collect()),
            cell => Needle::Cell(cell),
        })
    }

    /// The literal as a value of the field's type.
    fn fit(
        &self,
        path: &Path,
        place: &Place,
        field: Option<&Field>,
        literal: &Literal,
    ) -> Result<Cell, Fault> {
        let name = &place.name;
        let must = |kind: &str, quotes: &str| {
            let what = format!(
                "value of filter criterion for field '{name}' must be of type {kind} and should {quotes}be enclosed \
                 in quotes"
            );
            Err(self.invalid("INVALID_FIELD", path.at, &what))
        };
        match (place.ty, literal) {
            (_, Literal::Null) => Ok(Cell::Null),
            (Type::Boolean, Literal::Bool(value)) => Ok(Cell::Bool(*value)),
            (Type::Boolean, _) => must("boolean", "not "),
            (Type::Int | Type::Double, Literal::Number(number)) => Ok(Cell::Number(*number)),
            (Type::Int, _) => must("int", "not "),
            (Type::Double, _) => must("double", "not "),
            (Type::Date, Literal::Date(day)) => Ok(Cell::Date(*day)),
            (Type::Date, _) => must("date", "not "),
            (Type::DateTime, Literal::Stamp(millis)) => Ok(Cell::Stamp(*millis)),
            (Type::DateTime, _) => must("dateTime", "not "),
            (Type::Id | Type::Reference, Literal::Text(text)) => match Id::parse(text) {
                Some(id) => Ok(Cell::Ref(id)),
                None if text.is_empty() => Ok(Cell::Null),
                None => {
                    let what = format!("invalid ID field: {text}");
                    Err(self.invalid("INVALID_QUERY_FILTER_OPERATOR", path.at, &what))
                }
            },
            (Type::Id | Type::Reference, _) => must("reference", ""),
            (Type::Compound, _) => {
                let what =
                    format!("field '{}' can not be filtered in a query call", field.map_or("", |f| &f.name));
                Err(self.invalid("INVALID_FIELD", path.at, &what))
            }
            (_, Literal::Text(text)) if text.is_empty() => Ok(Cell::Null),
            (_, Literal::Text(text)) => Ok(Cell::text(text.as_str())),
            _ => must("string", ""),
        }
    }

    fn relative(&self, path: &Path, place: &Place, op: Op, name: &str, n: i64) -> Result<Test, Fault> {
        let today = time::day_of(self.now);
        let unknown = || self.invalid("MALFORMED_QUERY", path.at, &format!("unexpected token: '{name}'"));
        let (from, to) = dates::span(name, n, today).ok_or_else(unknown)?;
        let ends = match place.ty {
            Type::Date => (Cell::Date(from), Cell::Date(to)),
            Type::DateTime => {
                let at = |day| time::day_start(day).map(Cell::Stamp).ok_or_else(unknown);
                (at(from)?, at(to)?)
            }
            _ => {
                let what =
                    format!("value of filter criterion for field '{}' must be of another type", place.name);
                return Err(self.invalid("INVALID_FIELD", path.at, &what));
            }
        };
        Ok(Test::Span { op, from: ends.0, to: ends.1 })
    }
}

fn in_list(place: &Place, values: Vec<Needle>, not: bool) -> Test {
    if !matches!(place.ty, Type::Id | Type::Reference) {
        return Test::In { values, not };
    }
    let ids = values.iter().filter_map(|value| match value {
        Needle::Cell(cell) => cell.as_id(),
        Needle::Folded(_) => None,
    });
    let ids: BTreeSet<Id> = ids.collect();
    if ids.len() < values.len() { Test::In { values, not } } else { Test::Ids { ids, not } }
}

fn includes(op: Op, list: &[Literal]) -> Test {
    let texts = list.iter().filter_map(|literal| match literal {
        Literal::Text(text) => Some(text.split(';').map(|part| fold(part).collect()).collect()),
        _ => None,
    });
    Test::Includes { sets: texts.collect(), not: op == Op::Excludes }
}

/// `%` any text, `_` one character; a backslash takes the next one as it is.
fn pattern(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => pieces.push(Piece::Any),
            '_' => pieces.push(Piece::One),
            '\\' => pieces.extend(chars.next().map(Piece::Char)),
            c => pieces.extend(c.to_lowercase().map(Piece::Char)),
        }
    }
    pieces
}

fn unknown_type(text: &str, query: &Query) -> Fault {
    let what = format!(
        "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
         '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
        query.from
    );
    pointing("INVALID_TYPE", text, query.from_at, &what)
}

/// The value at a place, seen from a row of the query's object.
pub fn value(org: &Org, object: &Object, row: &Row, place: &Place) -> Cell {
    let mut at = (object, row);
    for hop in &place.hops {
        let Some(parent) = at.1.cell(*hop).as_id().or_else(|| org.read(at.0, at.1, *hop).as_id()) else {
            return Cell::Null;
        };
        let Some((parent_object, parent_row)) = org.find(parent) else { return Cell::Null };
        let Some(parent_meta) = org.schema.get(parent_object) else { return Cell::Null };
        at = (parent_meta, parent_row);
    }
    if place.object.is_none() {
        if place.name.eq_ignore_ascii_case("Type") && at.0.find("Type").is_none() || place.name == "Type" {
            return Cell::text(at.0.name.as_str());
        }
        return org.read_by_name(at.0, at.1, &place.name);
    }
    org.read(at.0, at.1, place.field)
}
