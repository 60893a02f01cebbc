//! Value maps, and what stage maps share with them: values exist, each goes somewhere once, and the way back is single.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::Ctx;
use super::fit::is_text;
use super::types::unlisted;
use crate::diag::errors::{rules, text, types, values as wording};
use crate::resolve::hir::{MapEnd, ValueMap};
use crate::schema::FieldType;
use crate::schema::model::Choice;
use crate::source::Span;
use crate::syntax::ast::{Arrow, Direction, ElseAction, ElseRow, Str, ValueRow};

pub fn path(end: &MapEnd<'_>) -> String {
    super::rows::path(end.field)
}

/// Looks values up among the options of a field. A map mostly lists them in their order: each search starts where the
/// one before it ended.
pub struct Finder<'o> {
    options: &'o [Choice],
    at: usize,
}

impl<'o> Finder<'o> {
    pub fn new(options: &'o [Choice]) -> Self {
        Finder { options, at: 0 }
    }

    pub fn find(&mut self, value: &str) -> Option<&'o Choice> {
        let (before, after) = self.options.split_at_checked(self.at)?;
        let places = (self.at..).zip(after).chain((0..).zip(before));
        let (place, found) = places.into_iter().find(|(_, option)| option.value == value)?;
        self.at = if place + 1 < self.options.len() { place + 1 } else { 0 };
        Some(found)
    }
}

pub fn values_exist<'a>(ctx: &mut Ctx<'a, '_>, map: &ValueMap<'a>) {
    let mut left = Finder::new(&map.left.field.field.options);
    let mut right = Finder::new(&map.right.field.field.options);
    let mut exists = |end: &MapEnd<'a>, known: &mut Finder<'_>, value: &Str| {
        if !known.find(&value.value).is_some_and(|option| option.active) {
            value_exists(ctx, end, value);
        }
    };
    for row in map.rows {
        exists(&map.left, &mut left, &row.left);
        exists(&map.right, &mut right, &row.right);
    }
    for row in map.elses {
        if let ElseAction::To { direction, value } = &row.action {
            if direction.direction == Direction::Left {
                exists(&map.left, &mut left, value);
            } else {
                exists(&map.right, &mut right, value);
            }
        }
    }
}

/// A value that the map writes to a text field and that is longer than the field takes.
pub fn values_have_room<'a>(ctx: &mut Ctx<'a, '_>, map: &ValueMap<'a>) {
    // The author of a row with `cut` has said what becomes of a text that is too long.
    if ctx.cut_values.contains(&map.name.span) {
        return;
    }
    let targets = [(&map.left, Direction::Left), (&map.right, Direction::Right)];
    for (end, direction) in targets {
        let FieldType::Text { max: Some(max) } = end.field.field.ty else { continue };
        let of = |row: &'a ValueRow| if direction == Direction::Left { &row.left } else { &row.right };
        let goes = |arrow: Direction| arrow == Direction::Both || arrow == direction;
        let rows = map.rows.iter().filter(|row| goes(row.arrow.direction)).map(of);
        let elses = map.elses.iter().filter_map(|row| match &row.action {
            ElseAction::To { direction, value } if goes(direction.direction) => Some(value),
            _ => None,
        });
        for value in rows.chain(elses) {
            let length = u32::try_from(value.value.chars().count()).unwrap_or(u32::MAX);
            if length > max {
                ctx.say(types::value_too_long(value.span, &path(end), max, length));
            }
        }
    }
}

pub fn value_exists(ctx: &mut Ctx<'_, '_>, end: &MapEnd<'_>, value: &Str) {
    if !is_text(&end.field.field.ty)
        && let Some(finding) = unlisted(end.field, &value.value, value.span)
    {
        ctx.say(finding);
    }
}

/// The lines of a map, whichever kind: their order, and that none is wider than the map.
pub fn lines_are_in_order<'a>(ctx: &mut Ctx<'a, '_>, arrow: Arrow, rows: &[ValueRow], elses: &[ElseRow]) {
    if let Some(first) = elses.iter().min_by_key(|row| row.span.start) {
        for row in rows.iter().filter(|row| row.span.start > first.span.start) {
            ctx.say(wording::row_after_else(row.span, first.span));
        }
    }
    let (mut right, mut left): (Option<Span>, Option<Span>) = (None, None);
    for row in elses {
        let (to_right, to_left) = match &row.action {
            ElseAction::To { direction, .. } => {
                (direction.direction.goes_right(), direction.direction.goes_left())
            }
            _ => (true, true),
        };
        let earlier = right.filter(|_| to_right).or(left.filter(|_| to_left));
        match earlier {
            Some(first) => ctx.say(text::given_twice(row.span, first, "else")),
            None => {
                right = right.or(to_right.then_some(row.span));
                left = left.or(to_left.then_some(row.span));
            }
        }
    }
    let head = arrow.direction;
    if head != Direction::Both {
        for row in rows.iter().filter(|row| row.arrow.direction != head) {
            let own = row.arrow.direction.symbol();
            ctx.say(rules::wider_than_map(row.arrow.span, arrow.span, own, head.symbol()));
        }
    }
}

pub fn goes(row: &ValueRow, right: bool) -> bool {
    if right { row.arrow.direction.goes_right() } else { row.arrow.direction.goes_left() }
}

/// The same source value twice in one direction.
pub fn each_value_once<'a>(ctx: &mut Ctx<'a, '_>, rows: &[ValueRow]) {
    let mut said: Vec<Span> = Vec::new();
    for right in [true, false] {
        let mut seen: HashMap<&str, &ValueRow> = HashMap::with_capacity(rows.len());
        for row in rows.iter().filter(|row| goes(row, right)) {
            let from = if right { &row.left } else { &row.right };
            let first = match seen.entry(from.value.as_str()) {
                Entry::Vacant(place) => {
                    place.insert(row);
                    continue;
                }
                Entry::Occupied(first) => *first.get(),
            };
            // Two-way rows onto one right value are E411's; here only what leaves one value twice.
            let ambiguous = [first, row].iter().all(|row| row.arrow.direction == Direction::Both) && !right;
            if !ambiguous && !said.contains(&row.span) {
                said.push(row.span);
                let first = if right { first.left.span } else { first.right.span };
                ctx.say(wording::value_twice(from.span, first, &from.value));
            }
        }
    }
}

/// Two-way rows that share a right value: nobody knows which one to come back by.
pub fn one_way_back<'a>(ctx: &mut Ctx<'a, '_>, rows: &[ValueRow]) {
    let mut seen: HashMap<&str, &ValueRow> = HashMap::with_capacity(rows.len());
    // A row with a mistake of its own is not what makes the way back ambiguous.
    let sound: Vec<&ValueRow> = rows
        .iter()
        .filter(|row| row.arrow.direction == Direction::Both && !ctx.said_within(row.span))
        .collect();
    for row in sound {
        match seen.entry(row.right.value.as_str()) {
            Entry::Occupied(first) => {
                let first = first.get().right.span;
                ctx.say(wording::no_way_back(row.right.span, first, &row.right.value));
            }
            Entry::Vacant(place) => {
                place.insert(row);
            }
        }
    }
}

/// What a row gives in a direction.
fn target(row: &ValueRow, right: bool) -> &Str {
    if right { &row.right } else { &row.left }
}

/// Values that a one-way row brings in and that nothing brings back, neither this map nor the others of its list,
/// although the map is used both ways.
pub fn values_come_back(ctx: &mut Ctx<'_, '_>, rows: &[ValueRow], elses: &[ElseRow], others: &[&ValueRow]) {
    if rows.iter().any(|row| ctx.said_within(row.span)) {
        return;
    }
    for right in [true, false] {
        let back_by_else = elses.iter().any(|row| match &row.action {
            ElseAction::To { direction, .. } => direction.direction.goes_left() == right,
            _ => false,
        });
        if back_by_else {
            continue;
        }
        let in_only: Vec<&ValueRow> =
            rows.iter().filter(|row| goes(row, right) && !goes(row, !right)).collect();
        if in_only.is_empty() {
            continue;
        }
        let all = rows.iter().chain(others.iter().copied());
        let mut back: BTreeSet<&str> =
            all.filter(|row| goes(row, !right)).map(|row| target(row, right).value.as_str()).collect();
        for row in in_only {
            let value = target(row, right);
            // Said once for a value.
            if back.insert(value.value.as_str()) {
                ctx.say(wording::cannot_come_back(value.span, &value.value));
            }
        }
    }
}

/// Every value that a map may be asked for is listed, or `else` says what becomes of it.
pub fn source_values_are_mapped<'a>(ctx: &mut Ctx<'a, '_>, map: &ValueMap<'a>) {
    if map.broken {
        return;
    }
    for right in [true, false] {
        let direction = map.arrow.direction;
        if !(if right { direction.goes_right() } else { direction.goes_left() }) {
            continue;
        }
        let covered = map.elses.iter().any(|row| match &row.action {
            ElseAction::To { direction, .. } => {
                if right {
                    direction.direction.goes_right()
                } else {
                    direction.direction.goes_left()
                }
            }
            _ => true,
        });
        if covered {
            continue;
        }
        let end = if right { &map.left } else { &map.right };
        let field = end.field.field;
        let from = map.rows.iter().filter(|row| goes(row, right));
        let listed: BTreeSet<&str> =
            from.map(|row| if right { row.left.value.as_str() } else { row.right.value.as_str() }).collect();
        let missing: Vec<&str> = field
            .options
            .iter()
            .filter(|option| option.active && !listed.contains(option.value.as_str()))
            .map(|option| option.value.as_str())
            .collect();
        let free = is_text(&field.ty);
        // A row whose value does not exist was most likely meant for one that is missing here.
        let misspelt = map.rows.iter().filter(|row| ctx.said_within(row.span)).count();
        if free || missing.len() > misspelt {
            ctx.say(wording::unmapped_values(map.name.span, &map.name.text, &path(end), &missing, free));
            return;
        }
    }
}
