//! The tree of a program as written: names unresolved, every node with its place.
//!
//! Invariant: spans hold no surrounding blanks. Deliberately not here: comments and blank lines (the formatter
//! walks the parser's pairs) and any meaning (see `resolve`).

mod case;
mod expr;
mod linkedin;

pub use case::{
    Expect, ExpectKind, FieldValue, Given, GivenLink, Membership, Policy, PolicyRule, PolicyRuleKind, Test,
};
pub use expr::{BinaryOp, Duration, Expr, ExprKind, Is, Number, Quantifier};
pub use linkedin::{
    CrmSettings, SettingValue, SettingsClause, SettingsClauseKind, Writeback, WritebackClause,
    WritebackClauseKind,
};

use crate::source::{FileId, Span};

/// A bare name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    pub text: String,
    pub span: Span,
}

/// A quoted text; `value` has its escapes resolved, `span` includes the quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Str {
    pub value: String,
    pub span: Span,
}

/// `hubspot.company`, `AccountId`, `Account.Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub parts: Vec<Ident>,
    pub span: Span,
}

/// All files of a project, in the order of the source map.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub files: Vec<File>,
}

#[derive(Debug, Clone)]
pub struct File {
    pub id: FileId,
    pub items: Vec<Item>,
    pub allows: Vec<Allow>,
    /// Words of item headers that could not be read: a name among them is not "unknown" elsewhere.
    pub lost: Vec<String>,
}

/// `# allow W404, W409: reason`. Applies to `line`: its own, or the next one when it stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    pub codes: Vec<Ident>,
    pub reason: Option<String>,
    pub line: u32,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum Item {
    Sync(Sync),
    Stages(Stages),
    Values(Values),
    Convert(Convert),
    Owners(Owners),
    Writeback(Writeback),
    CrmSettings(CrmSettings),
    Test(Test),
    Policy(Policy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    #[serde(rename = "<->")]
    Both,
    #[serde(rename = "->")]
    Right,
    #[serde(rename = "<-")]
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrow {
    pub direction: Direction,
    pub span: Span,
}

/// `hubspot.company`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    pub system: Ident,
    pub object: Ident,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Sync {
    pub doc: Option<String>,
    pub name: Ident,
    pub left: ObjectRef,
    pub arrow: Arrow,
    /// One, or several arms separated by `|`.
    pub right: Vec<ObjectRef>,
    pub clauses: Vec<Clause>,
    pub maps: Vec<MapBlock>,
    /// Words of lines that could not be read: what they may have said is not "missing".
    pub lost: Vec<String>,
    /// From the keyword to the end of the header line's last name.
    pub header: Span,
    pub span: Span,
}

/// `keyword` is where the clause's first word stands.
#[derive(Debug, Clone)]
pub struct Clause {
    pub kind: ClauseKind,
    pub keyword: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ClauseKind {
    /// `start: all | new`
    Start(Ident),
    Filter {
        system: Ident,
        condition: Expr,
    },
    Match(Match),
    /// `create SYSTEM: always | never | EXPR`
    Create {
        system: Ident,
        rule: CreateRule,
    },
    Veto {
        system: Ident,
        condition: Expr,
    },
    Conflict(Conflict),
    Delete(Delete),
    /// `leave: keep | unlink | remove`
    Leave(Ident),
    Guard(Vec<GuardLimit>),
    /// `route { lifecyclestage in [...] -> Contact; else -> Lead }`
    Route(Vec<RouteArm>),
    /// `on convert: follow`
    OnConvert(Ident),
    Associate(Associate),
    Propagate(Propagate),
    /// `refresh: every 24h`
    Refresh(Duration),
    /// `save_to: list "..."`
    SaveTo {
        kind: Ident,
        name: Str,
    },
}

#[derive(Debug, Clone)]
pub enum Match {
    None(Span),
    /// `match: person`, `match: company`
    Matcher(Ident),
    Keys {
        left: Expr,
        right: Expr,
        when: Option<Expr>,
    },
}

#[derive(Debug, Clone)]
pub enum CreateRule {
    Always,
    Never,
    When(Expr),
}

#[derive(Debug, Clone)]
pub enum Conflict {
    Winner { system: Ident, within: Option<Duration> },
    Newest(Span),
    Hold(Span),
}

#[derive(Debug, Clone)]
pub enum Delete {
    Ignore,
    Unlink,
    /// `archive SYSTEM [when deleted in SYSTEM]`
    Archive {
        system: Ident,
        deleted_in: Option<Ident>,
    },
}

/// `updates 20%`: `what` is one of creates, updates, deletes, blanks.
#[derive(Debug, Clone)]
pub struct GuardLimit {
    pub what: Ident,
    pub limit: Number,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct RouteArm {
    /// `None` for `else`.
    pub condition: Option<Expr>,
    pub target: Ident,
    pub span: Span,
}

/// `associate company <-> AccountId through accounts primary`
#[derive(Debug, Clone)]
pub struct Associate {
    pub left: Path,
    pub arrow: Arrow,
    pub right: Path,
    pub through: Ident,
    /// The word `primary` when given.
    pub primary: Option<Span>,
}

/// `propagate contact.lifecyclestage -> company.lifecyclestage forward`
#[derive(Debug, Clone)]
pub struct Propagate {
    pub from: Path,
    pub to: Path,
    pub forward: Option<Span>,
}

#[derive(Debug, Clone)]
pub struct MapBlock {
    /// `map Lead { ... }`
    pub arm: Option<Ident>,
    pub rows: Vec<Row>,
    pub keyword: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub doc: Option<String>,
    /// The tail of `->`, the head of `<-`, a field on `<->`.
    pub left: Expr,
    pub arrow: Arrow,
    pub right: Expr,
    pub options: Vec<RowOption>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct RowOption {
    pub kind: RowOptionKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum RowOptionKind {
    Using(Vec<Use>),
    Default(Expr),
    Prefer(Ident),
    OwnedBy(Ident),
    IfEmpty,
    OnCreate,
    Cut,
    MayBlank,
    When(Expr),
}

/// One name after `using`, maybe with arguments: `calendar_day("Europe/Rome")`, `id_of(accounts)`.
#[derive(Debug, Clone)]
pub struct Use {
    pub name: Ident,
    pub args: Vec<Expr>,
    pub span: Span,
}

/// One end of a stage or value map: `hubspot.deal pipeline "default"`, `salesforce.Account.Industry`.
#[derive(Debug, Clone)]
pub struct MapEnd {
    pub path: Path,
    pub qualifier: Option<Qualifier>,
    pub span: Span,
}

/// `pipeline "default"`, `record_type "New_Business"`.
#[derive(Debug, Clone)]
pub struct Qualifier {
    pub word: Ident,
    pub value: Str,
}

#[derive(Debug, Clone)]
pub struct Stages {
    pub doc: Option<String>,
    pub name: Ident,
    pub left: MapEnd,
    pub arrow: Arrow,
    pub right: MapEnd,
    pub rows: Vec<ValueRow>,
    pub elses: Vec<ElseRow>,
    /// Some line could not be read: the map is not complete as it stands here.
    pub broken: bool,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Values {
    pub doc: Option<String>,
    pub name: Ident,
    pub left: MapEnd,
    pub arrow: Arrow,
    pub right: MapEnd,
    pub rows: Vec<ValueRow>,
    pub elses: Vec<ElseRow>,
    /// Some line could not be read: the map is not complete as it stands here.
    pub broken: bool,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct ValueRow {
    pub left: Str,
    pub arrow: Arrow,
    pub right: Str,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct ElseRow {
    pub action: ElseAction,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ElseAction {
    Skip,
    Hold,
    Fail,
    /// `else -> "Value"` / `else <- "Value"`
    To {
        direction: Arrow,
        value: Str,
    },
}

/// `convert name { -> EXPR  <- EXPR }`
#[derive(Debug, Clone)]
pub struct Convert {
    pub doc: Option<String>,
    pub name: Ident,
    pub right: Option<ConvertArm>,
    pub left: Option<ConvertArm>,
    /// Some line could not be read.
    pub broken: bool,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct ConvertArm {
    pub arrow: Arrow,
    pub body: Expr,
    pub span: Span,
}

/// `owners: hubspot <-> salesforce { ... }`, or with a name: `owners sales: hubspot <-> salesforce { ... }`.
#[derive(Debug, Clone)]
pub struct Owners {
    pub doc: Option<String>,
    pub name: Option<Ident>,
    pub left: Ident,
    pub arrow: Arrow,
    pub right: Ident,
    /// `by email`
    pub by: Option<Ident>,
    pub rows: Vec<ValueRow>,
    /// `inactive -> hold`
    pub inactive: Option<OwnerPolicy>,
    pub unmatched: Option<OwnerPolicy>,
    pub header: Span,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct OwnerPolicy {
    /// `hold`, `skip`, `blank`, or an owner's e-mail address.
    pub action: OwnerAction,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum OwnerAction {
    Word(Ident),
    Owner(Str),
}

impl Direction {
    pub fn goes_right(self) -> bool {
        self != Direction::Left
    }

    pub fn goes_left(self) -> bool {
        self != Direction::Right
    }

    pub fn symbol(self) -> &'static str {
        match self {
            Direction::Both => "<->",
            Direction::Right => "->",
            Direction::Left => "<-",
        }
    }
}

impl Path {
    /// The dotted text.
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".")
    }
}
