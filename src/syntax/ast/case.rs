//! The tree of tests and policies.

use super::{Expr, Ident, ObjectRef, Path, Str};
use crate::source::Span;

#[derive(Debug, Clone)]
pub struct Test {
    pub name: Str,
    pub sync: Ident,
    pub givens: Vec<Given>,
    /// `given no hubspot.contact`.
    pub absent: Vec<ObjectRef>,
    /// `given link accounts "512" <-> "001..."`.
    pub links: Vec<GivenLink>,
    pub expects: Vec<Expect>,
    pub header: Span,
    pub span: Span,
}

/// `given hubspot.contact in "A list" linked people edited 5m ago { name: "X" }`; `side` is a system or `base`.
#[derive(Debug, Clone)]
pub struct Given {
    pub side: Ident,
    /// An associated record's object, or the one that says which of several is meant.
    pub object: Option<Ident>,
    pub lists: Vec<Membership<Str>>,
    pub linked: Vec<Membership<Path>>,
    /// Milliseconds.
    pub edited: Option<i64>,
    pub fields: Vec<FieldValue>,
    pub span: Span,
}

/// A list or sync that a record of a test is said to be in, or not to be in.
#[derive(Debug, Clone)]
pub struct Membership<T> {
    pub of: T,
    pub is: bool,
    /// The counterpart is private.
    pub private: bool,
}

#[derive(Debug, Clone)]
pub struct GivenLink {
    pub sync: Ident,
    pub left: Str,
    pub right: Str,
}

#[derive(Debug, Clone)]
pub struct FieldValue {
    /// A field, or in `given base` a field qualified by its system.
    pub name: Path,
    /// A literal, or the word `null`.
    pub value: Expr,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Expect {
    pub kind: ExpectKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ExpectKind {
    /// `expect [exactly] [Lead] salesforce { ... }`
    Fields { exactly: bool, side: Ident, object: Option<Ident>, fields: Vec<FieldValue> },
    /// `expect skipped filter`, `expect held stage-unmapped`
    Outcome { word: Ident, reason: Option<Ident> },
    /// `expect conflict winner hubspot`
    Conflict { winner: Ident },
}

/// `policy "name" { ... }`
#[derive(Debug, Clone)]
pub struct Policy {
    pub name: Str,
    pub rules: Vec<PolicyRule>,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct PolicyRule {
    pub kind: PolicyRuleKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum PolicyRuleKind {
    /// `deny write salesforce.Opportunity.Amount except sync deals`
    DenyWrite { target: Path, except: Vec<Ident> },
    /// `deny send personal to salesnav`: personal = names, e-mail addresses, phones
    DenySend { what: Path, to: Ident, except: Vec<Ident> },
    /// `deny plan when blanks > 0`
    DenyPlan { condition: Expr },
}
