//! Which fields of two objects go together, which way, and through which converter.

use super::similar::{best, one_to_one};
use super::{LIKELY, known};
use crate::schema::{Field, FieldType, Object, SystemKind};
use crate::syntax::ast::Direction;

/// One proposed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPair {
    pub left: String,
    pub right: String,
    pub direction: Direction,
    pub via: Via,
    pub score: u8,
}

/// How the value changes on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    Nothing,
    Converter(String),
    /// Options on both sides: a value map of its own.
    Values,
    Stages,
}

pub struct Side<'s> {
    pub kind: SystemKind,
    pub name: &'s str,
    pub object: &'s Object,
}

/// Pairs of the vendors' standard fields first, then what is alike by name, label and type.
pub fn pairs(left: &Side<'_>, right: &Side<'_>) -> Vec<FieldPair> {
    let known = known::pair((left.kind, left.name), (right.kind, right.name));
    let mut pairs: Vec<FieldPair> = Vec::new();
    if let Some((known, swapped)) = known {
        for (hubspot, salesforce) in known.fields {
            let (l, r) = if swapped { (salesforce, hubspot) } else { (hubspot, salesforce) };
            pairs.extend(pair(left, right, l, r, 100));
        }
    }
    let free = |taken: &[FieldPair], name: &str, pick: fn(&FieldPair) -> &String| {
        !taken.iter().any(|pair| pick(pair) == name)
    };
    let lefts: Vec<(&String, &Field)> =
        candidates(left.object).filter(|(name, _)| free(&pairs, name, |pair| &pair.left)).collect();
    let rights: Vec<(&String, &Field)> =
        candidates(right.object).filter(|(name, _)| free(&pairs, name, |pair| &pair.right)).collect();
    let mut scored = Vec::new();
    for (i, (left_name, left_field)) in lefts.iter().enumerate() {
        for (j, (right_name, right_field)) in rights.iter().enumerate() {
            let score = best([left_name, &left_field.label], [right_name, &right_field.label]);
            if score >= LIKELY && via(left_field, right_field).is_some() {
                // A known pair of objects has its certain rows already: the rest is for a person to decide.
                scored.push((i, j, if known.is_some() { score.min(84) } else { score }));
            }
        }
    }
    for (i, j, score) in one_to_one(scored) {
        if let (Some((l, _)), Some((r, _))) = (lefts.get(i), rights.get(j)) {
            pairs.extend(pair(left, right, l, r, score));
        }
    }
    pairs
}

/// Fields that a person could fill in: no system fields, nothing computed.
fn candidates(object: &Object) -> impl Iterator<Item = (&String, &Field)> {
    object.fields.iter().filter(|(name, field)| {
        let writable = field.createable || field.updateable;
        let own = name.to_lowercase().starts_with("twinmap_");
        writable && field.readable && !field.calculated && !name.starts_with("hs_") && !own
    })
}

fn pair(left: &Side<'_>, right: &Side<'_>, l: &str, r: &str, score: u8) -> Option<FieldPair> {
    let (left_field, right_field) = (left.object.fields.get(l)?, right.object.fields.get(r)?);
    let writable = |side: &Side<'_>, field: &Field| {
        side.object.updateable && field.createable && field.updateable && !field.calculated
    };
    let direction = match (writable(left, left_field), writable(right, right_field)) {
        (true, true) => Direction::Both,
        (false, true) => Direction::Right,
        (true, false) => Direction::Left,
        (false, false) => return None,
    };
    let mut via = via(left_field, right_field)?;
    let stage = |side: &Side<'_>, name: &str| {
        ["dealstage", "StageName", "hs_pipeline_stage"].contains(&name)
            && (!side.object.stages.is_empty() || !side.object.pipelines.is_empty())
    };
    if stage(left, l) && stage(right, r) {
        via = Via::Stages;
    }
    if [l, r].contains(&"domain") {
        via = Via::Converter("web_address".to_owned());
    }
    Some(FieldPair { left: l.to_owned(), right: r.to_owned(), direction, via, score })
}

/// `None` = the types don't meet.
fn via(left: &Field, right: &Field) -> Option<Via> {
    use FieldType as T;
    let text = |ty: &T| matches!(ty, T::Text { .. } | T::LongText { .. } | T::Email | T::Phone | T::Url);
    let number = |ty: &T| matches!(ty, T::Int { .. } | T::Decimal(_) | T::Money(_));
    Some(match (&left.ty, &right.ty) {
        (T::Email, T::Email) => Via::Converter("email".to_owned()),
        (a, b) if text(a) && text(b) => Via::Nothing,
        (a, b) if number(a) && number(b) => Via::Nothing,
        (T::Percent { whole: a, .. }, T::Percent { whole: b, .. }) => {
            if a == b {
                Via::Nothing
            } else {
                Via::Converter("percent".to_owned())
            }
        }
        (T::Bool, T::Bool) | (T::Date, T::Date) | (T::DateTime, T::DateTime) => Via::Nothing,
        (T::Date, T::DateTime) | (T::DateTime, T::Date) => Via::Converter("calendar_day(\"UTC\")".to_owned()),
        (T::Option, T::Option) if same_values(left, right) => Via::Nothing,
        (T::Option, T::Option) if !left.options.is_empty() && !right.options.is_empty() => Via::Values,
        (T::Owner, T::Owner) => Via::Converter("owners".to_owned()),
        _ => return None,
    })
}

fn same_values(left: &Field, right: &Field) -> bool {
    let within = |a: &Field, b: &Field| {
        a.options.iter().all(|option| b.options.iter().any(|other| other.value == option.value))
    };
    !left.options.is_empty() && within(left, right) && within(right, left)
}
