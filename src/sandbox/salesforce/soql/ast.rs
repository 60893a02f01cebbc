//! A query as it is written: names are not looked up yet.

use rust_decimal::Decimal;

/// `Account.Owner.Name`, and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub names: Vec<String>,
    pub at: usize,
}

impl Path {
    pub fn text(&self) -> String {
        self.names.join(".")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub select: Vec<Item>,
    pub from: String,
    pub from_at: usize,
    pub alias: Option<String>,
    pub filter: Option<Expr>,
    pub group: Vec<Operand>,
    pub having: Option<Expr>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Operand { operand: Operand, alias: Option<String> },
    Children(Box<Query>),
    TypeOf { field: Path, when: Vec<(String, Vec<Path>)>, otherwise: Vec<Path> },
    Fields(FieldSet),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSet {
    All,
    Standard,
    Custom,
}

/// A field, or a function of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Path(Path),
    /// `COUNT()` has no argument.
    Call {
        name: String,
        argument: Option<Box<Operand>>,
        at: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Test { left: Operand, op: Op, right: Right },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Like,
    In,
    NotIn,
    Includes,
    Excludes,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    One(Literal),
    List(Vec<Literal>),
    Query(Box<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Text(String),
    Number(Decimal),
    Date(jiff::civil::Date),
    Stamp(i64),
    /// `TODAY`, `LAST_N_DAYS:7`
    Relative(String, i64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub by: Operand,
    pub descending: bool,
    pub nulls_last: bool,
}
