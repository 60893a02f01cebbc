//! What an expression asks: which fields, and whether for more than the record at hand.

use crate::plan::ir::{Expr, FieldId};
use crate::plan::words::parts;

/// Whether it needs associated records, lists or links, which a test can't give.
pub fn asks_beyond(expr: &Expr) -> bool {
    match expr {
        Expr::Associated { .. } | Expr::InList(_) | Expr::IsPrivate(_) | Expr::Linked { .. } => true,
        other => parts(other).into_iter().any(asks_beyond),
    }
}

/// The fields of the record at hand that it reads.
pub fn fields_of(expr: &Expr) -> Vec<FieldId> {
    match expr {
        Expr::Field { field, .. } => vec![*field],
        other => parts(other).into_iter().flat_map(fields_of).collect(),
    }
}
