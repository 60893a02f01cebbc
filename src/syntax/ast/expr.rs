//! The tree of expressions: literals, names, calls, operators, questions about associated records.

use super::{Ident, Path, Str};
use crate::source::Span;

/// A number as written; `percent` when it ends in `%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    pub value: rust_decimal::Decimal,
    pub percent: bool,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    pub milliseconds: i64,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    Bool(bool),
    Number(Number),
    Text(Str),
    Duration(Duration),
    List(Vec<Expr>),
    /// A field, a name, or `it`.
    Path(Path),
    Call {
        name: Ident,
        args: Vec<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `is set`, `is blank`, with `not` in between or not
    Is {
        operand: Box<Expr>,
        what: Is,
        negated: bool,
    },
    Between {
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    /// `matches "re"`
    Matches {
        operand: Box<Expr>,
        pattern: Str,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `any contact (EXPR)`, and `count(contact (EXPR))`
    Associated {
        quantifier: Quantifier,
        object: Ident,
        condition: Option<Box<Expr>>,
    },
    /// What could not be read and has been reported.
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Contains,
    StartsWith,
    EndsWith,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    Set,
    Blank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantifier {
    Any,
    All,
    No,
    Count,
}
