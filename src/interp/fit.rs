//! A computed value to the form that the target field keeps, or why it does not fit.

use compact_str::CompactString;
use rust_decimal::{Decimal, RoundingStrategy};

use super::program::RowValue;
use super::table::Table;
use crate::plan::ir::{Field, Transfer};
use crate::schema::FieldType;
use crate::view::{View, end_of};

/// What a field asks of a value, worked out once.
#[derive(Debug)]
pub struct Fit<'p> {
    name: &'p str,
    rule: Rule<'p>,
}

#[derive(Debug)]
enum Rule<'p> {
    Any,
    Characters { max: usize, cut: bool },
    OneOf(Table<'p>),
    Number { scale: Option<u32>, limit: Option<Limit> },
}

#[derive(Debug)]
struct Limit {
    whole: u32,
    below: Decimal,
}

impl<'p> Fit<'p> {
    pub fn new(field: &'p Field, transfer: &Transfer) -> Self {
        let rule = match &field.ty {
            FieldType::Text { max: Some(max) } | FieldType::LongText { max: Some(max) } => {
                Rule::Characters { max: *max as usize, cut: transfer.cut }
            }
            FieldType::Option if !field.options.is_empty() => {
                Rule::OneOf(Table::of(field.options.iter().map(CompactString::as_str)))
            }
            FieldType::Int { digits } => number(digits.or(Some(9)), Some(0)),
            FieldType::Decimal(d) | FieldType::Money(d) | FieldType::Percent { digits: d, .. } => {
                number(d.precision, d.scale)
            }
            _ => Rule::Any,
        };
        Fit { name: &field.name, rule }
    }

    /// Whether a text that is not blank stays as it is.
    pub fn keeps(&self, text: &str) -> bool {
        match &self.rule {
            Rule::OneOf(options) => options.has(text),
            _ => self.keeps_length(text.len()),
        }
    }

    /// What is kept of a text that is not blank; `None` = nothing.
    pub fn kept<'t>(&self, text: &'t str) -> Option<&'t str> {
        match &self.rule {
            Rule::Characters { max, cut } => match end_of(text, *max) {
                None => Some(text),
                Some(end) if *cut => text.get(..end).map(str::trim_end),
                Some(_) => None,
            },
            Rule::OneOf(options) => options.has(text).then_some(text),
            Rule::Any | Rule::Number { .. } => Some(text),
        }
    }

    /// Whether any text of so many bytes stays as it is.
    pub fn keeps_length(&self, bytes: usize) -> bool {
        match &self.rule {
            Rule::Characters { max, .. } => bytes <= *max,
            Rule::OneOf(_) => false,
            Rule::Any | Rule::Number { .. } => true,
        }
    }

    /// Whether a number with so many digits before and behind the point stays as it is.
    pub fn keeps_number(&self, whole: u32, behind: u32) -> bool {
        match &self.rule {
            Rule::Number { scale, limit } => {
                scale.is_none_or(|scale| behind <= scale)
                    && limit.as_ref().is_none_or(|limit| whole <= limit.whole.min(27))
            }
            _ => true,
        }
    }

    #[inline(always)]
    pub fn fit<'e>(&self, value: View<'e>) -> RowValue<View<'e>> {
        if value.is_blank() {
            return RowValue::Value(View::Null);
        }
        match (&self.rule, value) {
            (Rule::Characters { max, cut }, View::Text(text)) => {
                let end = end_of(&text, *max);
                if let Some(end) = end
                    && *cut
                {
                    let text = text.part(|text| text.get(..end).unwrap_or(text).trim_end());
                    return RowValue::Value(View::Text(text));
                }
                if end.is_some() {
                    let has = text.chars().count();
                    let why = format!("{} takes {max} characters, the value has {has}", self.name);
                    return RowValue::Hold(why);
                }
                RowValue::Value(View::Text(text))
            }
            (Rule::OneOf(options), View::Text(text)) => {
                if !options.has(&text) {
                    return RowValue::Hold(format!("{} has no value \"{}\"", self.name, &*text));
                }
                RowValue::Value(View::Text(text))
            }
            (Rule::Number { scale, limit }, View::Number(number)) => {
                self.number(number, *scale, limit.as_ref())
            }
            (_, value) => RowValue::Value(value),
        }
    }

    fn number<'e>(&self, number: Decimal, scale: Option<u32>, limit: Option<&Limit>) -> RowValue<View<'e>> {
        let number = match scale {
            // The CRM would round it anyway; rounding here keeps both sides comparable.
            Some(scale) if number.scale() > scale => {
                number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
            }
            _ => number,
        };
        if let Some(limit) = limit
            && number.abs() >= limit.below
        {
            return RowValue::Hold(format!("{} takes {} digits before the point", self.name, limit.whole));
        }
        RowValue::Value(View::Number(number.normalize()))
    }
}

fn number<'p>(precision: Option<u32>, scale: Option<u32>) -> Rule<'p> {
    let limit = precision.map(|precision| {
        let whole = precision.saturating_sub(scale.unwrap_or(0));
        Limit { whole, below: Decimal::from_i128_with_scale(10_i128.pow(whole.min(27)), 0) }
    });
    Rule::Number { scale, limit }
}
