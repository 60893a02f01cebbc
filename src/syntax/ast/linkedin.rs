//! The tree of what is written back from Sales Navigator, and of what it should know of the CRM.

use super::{Expr, Ident, Str};
use crate::source::Span;

/// `writeback activities: salesnav -> salesforce { ... }`
#[derive(Debug, Clone)]
pub struct Writeback {
    pub doc: Option<String>,
    pub name: Ident,
    pub from: Ident,
    pub to: Ident,
    pub clauses: Vec<WritebackClause>,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct WritebackClause {
    pub kind: WritebackClauseKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum WritebackClauseKind {
    /// `items: inmails, messages` or `items: all`
    Items(Vec<Ident>),
    /// `seats: all`
    Seats(Ident),
    /// `seat "kim@acme.example": off`
    Seat { email: Str, state: Ident },
    /// `inmail, message -> Task on Contact, Lead`
    Target { kinds: Vec<Ident>, object: Ident, on: Vec<Ident> },
    /// `call only: EXPR`
    Only { kind: Ident, condition: Expr },
    /// `owner: seat`
    Owner(Ident),
    /// `creator: connection`
    Creator(Ident),
    /// `unresolved: keep`
    Unresolved(Ident),
}

/// `crm_settings salesnav: salesforce { ... }`
#[derive(Debug, Clone)]
pub struct CrmSettings {
    pub doc: Option<String>,
    pub system: Ident,
    pub crm: Ident,
    pub clauses: Vec<SettingsClause>,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct SettingsClause {
    pub kind: SettingsClauseKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum SettingsClauseKind {
    Seats(Ident),
    Seat {
        email: Str,
        state: Ident,
    },
    /// A stage, or `not_sure`.
    PipelineEntry(SettingValue),
    /// A field of the opportunity, or `not_sure`.
    WonValue(SettingValue),
    AutoSave(Vec<Ident>),
}

#[derive(Debug, Clone)]
pub enum SettingValue {
    Name(Ident),
    Text(Str),
}
