//! Expressions of a plan: what is computed, over fields and tables that are reached by index.

use serde::{Deserialize, Serialize};

use super::{BinaryOp, Convert, FieldId, ObjectId, OwnersId, Quantifier, Side, StagesId, SyncId, ValuesId};
use crate::builtin::Func;
use crate::value::Value;

/// A pure, total expression. `Field` reads the record of `side`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    Literal(Value),
    Field {
        side: Side,
        field: FieldId,
    },
    /// The value under conversion, inside [`Expr::Let`].
    It,
    /// Evaluates `value`, then `body` with `It` bound to it.
    Let {
        value: Box<Expr>,
        body: Box<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Membership in literals.
    In {
        value: Box<Expr>,
        list: Vec<Value>,
    },
    IsSet(Box<Expr>),
    IsBlank(Box<Expr>),
    Between {
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    Matches {
        value: Box<Expr>,
        pattern: String,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Call {
        func: Func,
        args: Vec<Expr>,
    },
    /// Looks the value up; an unlisted one takes the map's `else`.
    MapValue {
        map: ValuesId,
        to: Side,
        value: Box<Expr>,
    },
    /// Each element of a set through a value map.
    MapSet {
        map: ValuesId,
        to: Side,
        value: Box<Expr>,
    },
    /// The first stage map of the list whose scope fits and that lists the value. For the way back with several
    /// candidates the current value of the target is kept when it still maps to the source's.
    MapStage {
        maps: Vec<StagesId>,
        to: Side,
        value: Box<Expr>,
    },
    /// The pipeline or record type that goes with the stage: of the map that [`Expr::MapStage`] would take.
    MapScope {
        maps: Vec<StagesId>,
        to: Side,
        value: Box<Expr>,
    },
    /// Owner of one system to owner of the other.
    MapOwner {
        map: OwnersId,
        to: Side,
        value: Box<Expr>,
    },
    /// Id of the linked record in the system of `to`.
    LinkedId {
        sync: SyncId,
        to: Side,
        value: Box<Expr>,
    },
    /// A built-in converter applied in one direction.
    Convert {
        converter: Convert,
        to: Side,
        value: Box<Expr>,
    },
    /// About records associated with the one at hand. `condition` reads the associated record as `side`.
    Associated {
        quantifier: Quantifier,
        object: ObjectId,
        condition: Option<Box<Expr>>,
    },
    /// Whether the record at hand is in a list of its CRM.
    InList(String),
    /// Whether the record at hand (or the linked one) is private: a Salesforce contact without an account.
    IsPrivate(Box<Expr>),
    /// The counterpart in another sync; true when there is one (of the arm with this index, when one is named).
    Linked {
        sync: SyncId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arm: Option<u32>,
    },
}
