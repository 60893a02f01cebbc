//! The resolved program: every name is the thing it means, every expression has a type.
//!
//! What could not be resolved has been reported and is left out, or is `Error`/`Unknown`, which mutes every later
//! complaint about it.

use std::collections::BTreeSet;

use crate::builtin::{Converter, Func};
pub use crate::record::Side;
use crate::schema::{Field, FieldType, Object as SchemaObject, SystemKind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, Direction, Quantifier};
use crate::value::Value;

#[derive(Debug, Default)]
pub struct Program<'a> {
    pub syncs: Vec<Sync<'a>>,
    pub values: Vec<ValueMap<'a>>,
    pub stages: Vec<StageMap<'a>>,
    pub converts: Vec<ConvertItem<'a>>,
    pub owners: Vec<OwnerMap>,
    pub writebacks: Vec<&'a ast::Writeback>,
    pub crm_settings: Vec<&'a ast::CrmSettings>,
    pub tests: Vec<Test<'a>>,
    pub policies: Vec<&'a ast::Policy>,
}

/// An object of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    pub system: &'a str,
    pub kind: SystemKind,
    /// Canonical API name.
    pub name: &'a str,
    pub schema: &'a SchemaObject,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub struct FieldRef<'a> {
    pub object: Object<'a>,
    pub name: &'a str,
    pub field: &'a Field,
    pub span: Span,
}

#[derive(Debug)]
pub struct Sync<'a> {
    pub name: ast::Ident,
    pub doc: Option<String>,
    pub left: Object<'a>,
    pub arrow: ast::Arrow,
    pub arms: Vec<Arm<'a>>,
    pub route: Option<Vec<RouteLine<'a>>>,
    /// `on convert: follow`, and where it says so.
    pub follow_conversion: Option<Span>,
    pub start: Option<ast::Ident>,
    pub filters: Vec<(Side, Expr<'a>)>,
    pub matches: Vec<Match<'a>>,
    pub creates: Vec<(Side, CreateRule<'a>, Span)>,
    pub vetoes: Vec<(Side, Expr<'a>)>,
    pub conflict: Option<(Conflict, Span)>,
    pub delete: Option<(Delete, Span)>,
    pub leave: Option<ast::Ident>,
    pub guard: Vec<ast::GuardLimit>,
    pub propagate: Vec<Propagate<'a>>,
    pub refresh: Option<i64>,
    pub save_to: Option<ast::Str>,
    /// Words of lines that could not be read or resolved: what they may have said is not "missing".
    pub lost: BTreeSet<String>,
    pub header: Span,
    pub map_span: Span,
}

#[derive(Debug)]
pub struct Arm<'a> {
    pub right: Object<'a>,
    pub rows: Vec<Row<'a>>,
    pub associations: Vec<Association<'a>>,
}

#[derive(Debug)]
pub struct RouteLine<'a> {
    pub condition: Option<Expr<'a>>,
    pub arm: usize,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful exist per program")]
pub enum Match<'a> {
    StoredId,
    Matcher(ast::Ident),
    Keys { left: Expr<'a>, right: Expr<'a>, when: Option<Expr<'a>>, span: Span },
}

#[derive(Debug)]
pub enum CreateRule<'a> {
    Always,
    Never,
    When(Expr<'a>),
}

#[derive(Debug, Clone, Copy)]
pub enum Conflict {
    Winner { side: Side, within: Option<i64> },
    Newest,
    Hold,
}

#[derive(Debug, Clone, Copy)]
pub enum Delete {
    Ignore,
    Unlink,
    Archive { side: Side },
}

#[derive(Debug)]
pub struct Propagate<'a> {
    pub from: FieldRef<'a>,
    pub to: FieldRef<'a>,
    pub forward: bool,
}

/// One field pair of a map block.
#[derive(Debug)]
pub struct Row<'a> {
    pub doc: Option<String>,
    pub arrow: ast::Arrow,
    pub left: End<'a>,
    pub right: End<'a>,
    pub uses: Vec<Use>,
    pub default: Option<Expr<'a>>,
    pub prefer: Option<(Side, Span)>,
    pub owned_by: Option<(Side, Span)>,
    pub if_empty: bool,
    pub on_create: bool,
    /// The word `cut` when given.
    pub cut: Option<Span>,
    pub may_blank: bool,
    pub when: Option<Expr<'a>>,
    pub span: Span,
}

/// One end of a row: a field, or an expression over the record of that side.
#[derive(Debug)]
pub enum End<'a> {
    Field(FieldRef<'a>),
    Expr(Expr<'a>),
}

/// What stands behind `using`.
#[derive(Debug, Clone)]
pub enum Use {
    Values(usize, Span),
    Stages(usize, Span),
    Convert(usize, Span),
    Owners(Option<usize>, Span),
    Builtin(Converter, Span),
    CalendarDay { zone: String, span: Span },
    Phone { region: Option<String>, span: Span },
    IdOf { sync: String, span: Span },
    Multi { values: usize, span: Span },
    Unknown,
}

#[derive(Debug)]
pub struct Association<'a> {
    pub arrow: ast::Arrow,
    pub left: AssociationEnd<'a>,
    pub right: AssociationEnd<'a>,
    pub through: ast::Ident,
    pub primary: bool,
    pub span: Span,
}

impl<'a> Association<'a> {
    /// The end on a side, and whether the arrow writes it.
    pub fn end(&self, side: Side) -> (&AssociationEnd<'a>, bool) {
        match side {
            Side::Left => (&self.left, self.arrow.direction.goes_left()),
            Side::Right => (&self.right, self.arrow.direction.goes_right()),
        }
    }
}

#[derive(Debug)]
pub enum AssociationEnd<'a> {
    Lookup(FieldRef<'a>),
    /// A HubSpot object name, or `Junction.Field` in Salesforce.
    Set(String),
}

#[derive(Debug)]
pub struct MapEnd<'a> {
    pub object: Object<'a>,
    pub field: FieldRef<'a>,
    /// Pipeline id or record type DeveloperName.
    pub scope: Option<(String, Span)>,
}

#[derive(Debug)]
pub struct ValueMap<'a> {
    pub name: ast::Ident,
    pub left: MapEnd<'a>,
    pub right: MapEnd<'a>,
    pub arrow: ast::Arrow,
    pub rows: &'a [ast::ValueRow],
    pub elses: &'a [ast::ElseRow],
    /// Some line could not be read.
    pub broken: bool,
    pub header: Span,
}

#[derive(Debug)]
pub struct StageMap<'a> {
    pub name: ast::Ident,
    pub left: MapEnd<'a>,
    pub right: MapEnd<'a>,
    pub arrow: ast::Arrow,
    pub rows: &'a [ast::ValueRow],
    pub elses: &'a [ast::ElseRow],
    /// Some line could not be read.
    pub broken: bool,
    pub header: Span,
}

#[derive(Debug)]
pub struct ConvertItem<'a> {
    pub name: ast::Ident,
    pub right: Option<Expr<'a>>,
    pub left: Option<Expr<'a>>,
    /// Some line could not be read.
    pub broken: bool,
    pub header: Span,
}

#[derive(Debug)]
pub struct OwnerMap {
    pub name: String,
    pub left: String,
    pub right: String,
    pub rows: Vec<ast::ValueRow>,
    pub inactive: Option<ast::OwnerAction>,
    pub unmatched: Option<ast::OwnerAction>,
    pub header: Span,
}

#[derive(Debug)]
pub struct Test<'a> {
    pub name: String,
    /// Index into `Program::syncs`.
    pub sync: usize,
    pub givens: Vec<Given<'a>>,
    /// Objects without any associated record.
    pub absent: Vec<Object<'a>>,
    /// Sync, left id, right id.
    pub links: Vec<(usize, String, String)>,
    pub base: Vec<(Side, FieldRef<'a>, Value)>,
    pub expects: Vec<Expect<'a>>,
    pub span: Span,
}

/// A record that a test gives: of the pair, or associated with the one of its side.
#[derive(Debug)]
pub struct Given<'a> {
    pub side: Side,
    pub object: Object<'a>,
    /// Associated with the record of its side.
    pub associated: bool,
    pub fields: Vec<(FieldRef<'a>, Value)>,
    /// Lists that it is in, or is not in.
    pub lists: Vec<(String, bool)>,
    /// Syncs that link it, or do not; of one arm, when one is named; whether its counterpart is private.
    pub linked: Vec<Linked>,
    /// How long ago it was edited, in milliseconds.
    pub edited: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Index into `Program::syncs`.
    pub sync: usize,
    pub arm: Option<usize>,
    pub is: bool,
    pub private: bool,
}

#[derive(Debug)]
pub enum Expect<'a> {
    Fields { exactly: bool, side: Side, object: &'a str, fields: Vec<(FieldRef<'a>, Value)>, span: Span },
    Outcome { word: String, reason: Option<String>, span: Span },
    Conflict { winner: Side, span: Span },
}

#[derive(Debug, Clone)]
pub struct Expr<'a> {
    pub kind: Kind<'a>,
    pub ty: Ty<'a>,
    pub span: Span,
}

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Ty<'a> {
    Of(FieldType),
    /// The value of this option field: which values it can have is known.
    OptionOf(&'a Field),
    List(Box<Ty<'a>>),
    Unknown,
}

#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Literal(Value),
    List(Vec<Expr<'a>>),
    Field(Side, FieldRef<'a>),
    It,
    Not(Box<Expr<'a>>),
    Negate(Box<Expr<'a>>),
    Binary {
        op: BinaryOp,
        left: Box<Expr<'a>>,
        right: Box<Expr<'a>>,
    },
    IsSet {
        operand: Box<Expr<'a>>,
        negated: bool,
    },
    IsBlank {
        operand: Box<Expr<'a>>,
        negated: bool,
    },
    Between {
        operand: Box<Expr<'a>>,
        low: Box<Expr<'a>>,
        high: Box<Expr<'a>>,
    },
    Matches {
        operand: Box<Expr<'a>>,
        pattern: String,
    },
    If {
        condition: Box<Expr<'a>>,
        then: Box<Expr<'a>>,
        otherwise: Box<Expr<'a>>,
    },
    Call {
        func: Func,
        args: Vec<Expr<'a>>,
    },
    /// `from` is the object of the record at hand.
    Associated {
        quantifier: Quantifier,
        from: Object<'a>,
        object: Object<'a>,
        condition: Option<Box<Expr<'a>>>,
    },
    InList(String),
    IsPrivate(Box<Expr<'a>>),
    /// The counterpart in another sync, of one arm when it is named.
    Linked {
        sync: String,
        arm: Option<String>,
    },
    Error,
}

impl<'a> Expr<'a> {
    pub fn error(span: Span) -> Self {
        Expr { kind: Kind::Error, ty: Ty::Unknown, span }
    }

    /// Calls `visit` for this expression and everything in it.
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr<'a>)) {
        visit(self);
        match &self.kind {
            Kind::Literal(_)
            | Kind::Field(..)
            | Kind::It
            | Kind::InList(_)
            | Kind::Linked { .. }
            | Kind::Error => {}
            Kind::List(items) | Kind::Call { args: items, .. } => {
                items.iter().for_each(|item| item.walk(visit))
            }
            Kind::Not(inner) | Kind::Negate(inner) | Kind::IsPrivate(inner) => inner.walk(visit),
            Kind::IsSet { operand, .. } | Kind::IsBlank { operand, .. } | Kind::Matches { operand, .. } => {
                operand.walk(visit);
            }
            Kind::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            Kind::Between { operand, low, high } => {
                [operand, low, high].iter().for_each(|part| part.walk(visit))
            }
            Kind::If { condition, then, otherwise } => {
                [condition, then, otherwise].iter().for_each(|part| part.walk(visit));
            }
            Kind::Associated { condition, .. } => {
                if let Some(condition) = condition {
                    condition.walk(visit);
                }
            }
        }
    }
}

impl<'a> Sync<'a> {
    pub fn system_of(&self, side: Side) -> &'a str {
        match side {
            Side::Left => self.left.system,
            Side::Right => self.arms.first().map_or("", |arm| arm.right.system),
        }
    }

    pub fn direction(&self) -> Direction {
        self.arrow.direction
    }
}

impl<'a> Row<'a> {
    pub fn end(&self, side: Side) -> &End<'a> {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// The field that the row writes on a side, when its arrow points there.
    pub fn target(&self, side: Side) -> Option<FieldRef<'a>> {
        let points = match side {
            Side::Left => self.arrow.direction.goes_left(),
            Side::Right => self.arrow.direction.goes_right(),
        };
        match self.end(side) {
            End::Field(field) if points => Some(*field),
            _ => None,
        }
    }
}

impl End<'_> {
    pub fn span(&self) -> Span {
        match self {
            End::Field(field) => field.span,
            End::Expr(expr) => expr.span,
        }
    }
}

impl<'a> MapEnd<'a> {
    /// The object's place in its system, to tell the two ends of a map apart.
    fn stands_on(&self, object: Object<'_>) -> bool {
        self.object.system == object.system
    }
}

impl<'a> Program<'a> {
    /// Whether a converter of a row is written the other way round than the row: its left is the row's right.
    /// `None` = it belongs to other systems.
    pub fn is_flipped(&self, row: &Row<'a>, sides: (Object<'a>, Object<'a>), item: &Use) -> Option<bool> {
        let ends = |left: &MapEnd<'a>, right: &MapEnd<'a>| {
            let (a, b) = sides;
            if left.stands_on(a) && right.stands_on(b) {
                Some(false)
            } else if left.stands_on(b) && right.stands_on(a) {
                Some(true)
            } else {
                None
            }
        };
        let ty = |side: Side| match row.end(side) {
            End::Field(field) => Some(&field.field.ty),
            End::Expr(_) => None,
        };
        match item {
            Use::Values(index, _) | Use::Multi { values: index, .. } => {
                self.values.get(*index).map_or(Some(false), |map| ends(&map.left, &map.right))
            }
            Use::Stages(index, _) => {
                self.stages.get(*index).map_or(Some(false), |map| ends(&map.left, &map.right))
            }
            Use::Owners(None, _) => {
                let (a, b) = (sides.0.system, sides.1.system);
                let flipped = |map: &&OwnerMap| map.name == "owners" && map.left == b && map.right == a;
                Some(self.owners.iter().any(|map| flipped(&map)))
            }
            Use::Owners(Some(index), _) => self.owners.get(*index).map_or(Some(false), |map| {
                let (a, b) = (sides.0.system, sides.1.system);
                if map.left == a && map.right == b {
                    Some(false)
                } else {
                    (map.left == b && map.right == a).then_some(true)
                }
            }),
            // The domain stands on the left, the address on the right; 0 to 1 left, 0 to 100 right; cents left.
            Use::Builtin(Converter::WebAddress, _) => {
                Some(ty(Side::Left) == Some(&FieldType::Url) && ty(Side::Right) != Some(&FieldType::Url))
            }
            Use::Builtin(Converter::Percent, _) => {
                let is = |side: Side, wanted: bool| matches!(ty(side), Some(FieldType::Percent { whole, .. }) if *whole == wanted);
                Some(!is(Side::Right, true) && (is(Side::Left, true) || is(Side::Right, false)))
            }
            Use::Builtin(Converter::Cents, _) => {
                let int = |side| matches!(ty(side), Some(FieldType::Int { .. }));
                Some(!int(Side::Left) && int(Side::Right))
            }
            _ => Some(false),
        }
    }

    /// The owner map that a row uses: the named one, else the one without a name for its systems.
    pub fn owner_map(&self, sides: (Object<'a>, Object<'a>), named: Option<usize>) -> Option<usize> {
        let (a, b) = (sides.0.system, sides.1.system);
        named.or_else(|| {
            self.owners.iter().position(|map| {
                map.name == "owners"
                    && ((map.left == a && map.right == b) || (map.left == b && map.right == a))
            })
        })
    }
}
