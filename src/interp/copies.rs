//! Rows whose answer is a part of one field's text, or a text of the plan that stands for it: answered without making
//! values.
//!
//! Invariant: an answer is what evaluating the row would come to; where that is not plain to see there is none.

use std::borrow::Cow;

use super::code::{At, Code, Op};
use super::fit::Fit;
use crate::builtin::Func;
use crate::calc::{self, Convert};
use crate::plan::ir::{Else, Side};
use crate::view::{View, end_of};

/// A row of this kind.
#[derive(Debug, Clone, Copy)]
pub struct Copies {
    /// Index of the field that it reads.
    pub field: usize,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Whole,
    Int,
    Decimal,
    Trimmed,
    Lower,
    Email,
    First(usize),
    Domain,
    Web,
    Mapped(usize),
}

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied<'t> {
    pub before: &'static str,
    pub text: &'t str,
    /// It is a part of the text that was given.
    pub part: bool,
}

impl Copies {
    /// The row's kind, when it is of this one.
    pub fn of(code: &Code<'_>, expr: At, from: Side) -> Option<Copies> {
        let field = |at: At| match code.op(at) {
            Some(Op::Field { side, index }) if *side == from => Some(*index),
            _ => None,
        };
        let (field, how) = match code.op(expr)? {
            Op::Field { .. } => (field(expr)?, How::Whole),
            Op::Call { func, args } => match (func, &**args) {
                (Func::Int, [at]) => (field(*at)?, How::Int),
                (Func::Decimal, [at]) => (field(*at)?, How::Decimal),
                (Func::Trim, [at]) => (field(*at)?, How::Trimmed),
                (Func::Lower, [at]) => (field(*at)?, How::Lower),
                (Func::Domain, [at]) => (field(*at)?, How::Domain),
                (Func::Truncate, [at, size]) => match code.op(*size)? {
                    Op::Literal(size @ View::Number(_)) => (field(*at)?, How::First(calc::size(size))),
                    _ => return None,
                },
                _ => return None,
            },
            Op::Convert { converter, to, value } => {
                let how = match (converter.what(), to) {
                    (Convert::WebAddress, Side::Right) => How::Web,
                    (Convert::WebAddress, Side::Left) => How::Domain,
                    (Convert::Email, _) => How::Email,
                    (Convert::Lowercase, _) => How::Lower,
                    (Convert::Trimmed, _) => How::Trimmed,
                    _ => return None,
                };
                (field(*value)?, how)
            }
            Op::MapValue { map, value } => (field(*value)?, How::Mapped((*map)?)),
            _ => return None,
        };
        Some(Copies { field, how })
    }

    /// Whether it takes a number as it is, one without a part behind the point or any.
    pub fn takes_number(&self, behind: u32) -> bool {
        matches!(self.how, How::Whole | How::Decimal) || (self.how == How::Int && behind == 0)
    }

    /// Whether the field's value goes over whatever it is.
    pub fn is_whole(&self) -> bool {
        self.how == How::Whole
    }

    /// Whether its answer is a number.
    pub fn counts(&self) -> bool {
        matches!(self.how, How::Int | How::Decimal)
    }

    /// What a field's text, not blank, becomes in a target field.
    #[inline]
    pub fn text<'t>(&self, code: &'t Code<'_>, fit: Option<&Fit<'_>>, text: &'t str) -> Option<Copied<'t>> {
        let (before, part) = match self.how {
            How::Whole => ("", text),
            How::Trimmed => ("", trimmed(text)),
            How::Lower => ("", borrowed(calc::lower(text))?),
            How::Email => ("", borrowed(calc::lower(trimmed(text)))?),
            How::First(size) => ("", end_of(text, size).map_or(Some(text), |end| text.get(..end))?),
            How::Domain => ("", borrowed(calc::domain(text))?),
            How::Web => ("https://", borrowed(calc::domain(text))?),
            How::Mapped(map) => {
                let map = code.map(Some(map))?;
                let text = match (map.table.get(text), map.otherwise) {
                    (Some(mapped), _) => mapped,
                    (None, Else::To(other)) => other,
                    (None, _) => return None,
                };
                let fits = text.is_empty() || fit.is_none_or(|fit| fit.keeps(text));
                return fits.then_some(Copied { before: "", text, part: false });
            }
            How::Int | How::Decimal => return None,
        };
        let text = match (fit, before) {
            (None, _) => part,
            (Some(_), _) if part.is_empty() => part,
            (Some(fit), "") => fit.kept(part)?,
            (Some(fit), _) => fit.keeps_length(before.len() + part.len()).then_some(part)?,
        };
        Some(Copied { before, text, part: true })
    }
}

fn borrowed(text: Cow<'_, str>) -> Option<&str> {
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

/// The text without blanks around it; most have none.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}
