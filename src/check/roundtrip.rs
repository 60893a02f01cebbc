//! Two-way rows: what goes there comes back.
//!
//! Classes, best first: a bijection (ISO); one but for spelling that a CRM does not keep apart (QISO); one that keeps
//! what the other side can't say, such as the time of a day (VWB); one that keeps the old value while it still means
//! the same, so that an undo on one side does not restore the other (WB); one-way (FWD). Built-in converters carry
//! their class, value and stage maps get theirs by enumeration (`maps`, `stages`), `convert` items are tried out here.
//! A row below WB is refused; what is only partly known is also looked at by the engine before each write.

use std::collections::BTreeSet;

use super::Ctx;
use super::probe::{alike, body, samples, takes, texts_in};
use crate::builtin::{Converter, Func};
use crate::diag::errors::values as wording;
use crate::resolve::hir::{Arm, ConvertItem, End, Expr, Kind, Row, Sync, Ty, Use};
use crate::schema::{Field, FieldType};
use crate::syntax::ast::{BinaryOp, Direction};
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Fwd,
    Wb,
    Vwb,
    Qiso,
    Iso,
}

/// A value that does not come back: itself, what it becomes, what that becomes.
#[derive(Debug)]
struct Lost {
    value: Value,
    there: Value,
    back: Value,
}

pub fn two_way_rows_come_back<'a>(ctx: &mut Ctx<'a, '_>, _: &Sync<'a>, _: &Arm<'a>, row: &Row<'a>) {
    if row.arrow.direction != Direction::Both || row.uses.iter().any(|item| matches!(item, Use::Unknown)) {
        return;
    }
    let (End::Field(left), End::Field(right)) = (&row.left, &row.right) else { return };
    let program = ctx.program;
    let alone = row.uses.len() == 1;
    for item in &row.uses {
        let Use::Convert(index, span) = item else { continue };
        let Some(found) = program.converts.get(*index) else { continue };
        // What stands between two converters of a chain is a text of any kind.
        let any = (!alone).then(|| Field {
            ty: FieldType::Text { max: None },
            options: Vec::new(),
            ..left.field.clone()
        });
        let ends = any.as_ref().map_or((left.field, right.field), |any| (any, any));
        if let Some(Lost { value, there, back }) = refuted(found, ends)
            && !ctx.said_within(*span)
        {
            let line = found.right.as_ref().map_or(found.header, |body| body.span);
            let texts = (value.to_string(), there.to_string(), back.to_string());
            ctx.say(wording::not_round_trip(*span, line, &found.name.text, (&texts.0, &texts.1, &texts.2)));
            return;
        }
    }
    if let Some(default) = &row.default
        && class(row) == Class::Wb
    {
        ctx.say(wording::undo_not_restoring(default.span));
    }
}

/// The class of a row whose parts were all accepted.
fn class(row: &Row<'_>) -> Class {
    let own = if row.default.is_some() || row.cut.is_some() { Class::Wb } else { Class::Iso };
    row.uses.iter().map(class_of).fold(own, Ord::min)
}

fn class_of(item: &Use) -> Class {
    match item {
        Use::CalendarDay { .. } => Class::Vwb,
        Use::Phone { .. } => Class::Qiso,
        Use::Owners(..) | Use::IdOf { .. } | Use::Unknown => Class::Iso,
        Use::Values(..) | Use::Stages(..) | Use::Multi { .. } | Use::Convert(..) => Class::Wb,
        Use::Builtin(converter, _) => match converter {
            Converter::RichText => Class::Fwd,
            Converter::Percent | Converter::Cents => Class::Iso,
            _ => Class::Qiso,
        },
    }
}

/// A value that a `convert` item does not bring back, when there is one. A converter that is total one way and only
/// refuses foreign values on the other (a prefix that is put on and taken off) is fine.
fn refuted(item: &ConvertItem<'_>, (left, right): (&Field, &Field)) -> Option<Lost> {
    let (there, back) = (item.right.as_ref()?, item.left.as_ref()?);
    let mut seeds = BTreeSet::new();
    texts_in(there, &mut seeds);
    texts_in(back, &mut seeds);
    let from_left = round(&samples(left, &seeds), there, back, right);
    let from_right = round(&samples(right, &seeds), back, there, left);
    match (from_left, from_right) {
        (Some(lost), Some(_)) => Some(lost),
        (None, None) => None,
        (Some(lost), None) | (None, Some(lost)) => {
            let partial = only_refuses(there, left) && only_refuses(back, right);
            (!partial).then_some(lost)
        }
    }
}

/// The first value that is another one after the way there and back.
fn round(values: &[Value], there: &Expr<'_>, back: &Expr<'_>, target: &Field) -> Option<Lost> {
    values.iter().find_map(|value| {
        let gone = body(there, value)?;
        // What the other side would not take is held there: it is not lost.
        if !takes(target, &gone) {
            return None;
        }
        let again = body(back, &gone)?;
        (!alike(value, &again)).then(|| Lost { value: value.clone(), there: gone, back: again })
    })
}

/// Built only of parts that lose nothing of the values they are meant for.
fn only_refuses(expr: &Expr<'_>, source: &Field) -> bool {
    let mut fine = true;
    expr.walk(&mut |part| match &part.kind {
        Kind::Call { func, .. } => {
            fine &= match func {
                Func::Concat | Func::StripPrefix | Func::StripSuffix | Func::Text | Func::Decimal => true,
                // Reading a text as a number loses nothing of a number's text.
                Func::Int => !matches!(
                    source.ty,
                    FieldType::Decimal(_) | FieldType::Money(_) | FieldType::Percent { .. }
                ),
                Func::Date | Func::DateTime | Func::AddDays | Func::Split | Func::Join | Func::Coalesce => {
                    true
                }
                _ => false,
            };
        }
        Kind::Binary { op: BinaryOp::Divide, .. } => fine = false,
        _ => {}
    });
    fine && !matches!(expr.ty, Ty::List(_))
}
