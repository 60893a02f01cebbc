//! The converters of a row: what they take and give against the fields they stand between.

use super::Ctx;
use super::fit::{is_number, is_text};
use super::maps::Finder;
use super::rows::path;
use super::types::{SIDES, described, map_between};
use crate::builtin::Converter;
use crate::diag::errors::types;
use crate::resolve::hir::{End, Expr, Object, Row, Side, Ty, Use, ValueMap};
use crate::schema::{Field, FieldType};
use crate::source::Span;
use crate::syntax::ast::Direction;

/// What the named converters take and give; false when something was said. In a chain the first one meets the tail, the
/// last one the head.
pub fn converters_fit<'a>(ctx: &mut Ctx<'a, '_>, row: &Row<'a>, objects: (Object<'a>, Object<'a>)) -> bool {
    let stages = row.uses.iter().all(|item| matches!(item, Use::Stages(..)));
    let tail = if row.arrow.direction == Direction::Left { Side::Right } else { Side::Left };
    let last = row.uses.len().saturating_sub(1);
    for (index, item) in row.uses.iter().enumerate() {
        let sides: &[Side] = match (last, index) {
            (0, _) => &SIDES,
            _ if stages => &SIDES,
            (_, 0) => &[tail],
            (last, index) if index == last => &[tail.other()],
            _ => &[],
        };
        if !converter_fits(ctx, row, objects, item, sides) {
            return false;
        }
    }
    true
}

/// One converter against the ends of the row that it meets; false when something was said.
fn converter_fits<'a>(
    ctx: &mut Ctx<'a, '_>,
    row: &Row<'a>,
    objects: (Object<'a>, Object<'a>),
    item: &Use,
    sides: &[Side],
) -> bool {
    let before = ctx.diagnostics.len();
    let flipped = ctx.program.is_flipped(row, objects, item);
    match item {
        Use::Values(index, span) | Use::Multi { values: index, span } => {
            let multi = matches!(item, Use::Multi { .. });
            if let Some(map) = ctx.program.values.get(*index) {
                values_fit(ctx, row, map, *span, flipped, sides, multi);
            }
        }
        Use::Stages(index, span) => stages_fit(ctx, row, *index, *span, flipped, sides),
        Use::Convert(index, span) => convert_goes(ctx, row, *index, *span),
        Use::Owners(index, span) => {
            // The map without a name is for its systems; others match by e-mail alone.
            if flipped.is_none()
                && let Some(map) =
                    index.and_then(|index| ctx.program.owners.get(index)).filter(|map| map.name != "owners")
            {
                let wants = format!("owners of {} and {}", map.left, map.right);
                let (name, systems) =
                    (map.name.clone(), format!("{} and {}", objects.0.system, objects.1.system));
                ctx.say(types::other_systems(*span, &name, &wants, &systems));
            }
            fields_are(ctx, row, *span, "owners", "owners", sides, |ty| {
                matches!(ty, FieldType::Owner)
                    || matches!(ty, FieldType::Ref { to } if to.iter().any(|to| to == "User"))
            });
        }
        Use::CalendarDay { span, .. } => {
            fields_are(ctx, row, *span, "calendar_day", "a date and a point in time", sides, |ty| {
                matches!(ty, FieldType::Date | FieldType::DateTime)
            });
            if sides.len() == SIDES.len() {
                a_day_meets_a_time(ctx, row, *span);
            }
        }
        Use::Phone { span, .. } => fields_are(ctx, row, *span, "phone", "texts", sides, is_text),
        Use::IdOf { sync, span } => ids_fit(ctx, row, sync, *span, sides),
        Use::Builtin(converter, span) => builtin_fits(ctx, row, *converter, *span, sides),
        Use::Unknown => {}
    }
    ctx.diagnostics.len() == before
}

fn takes_values(field: &Field) -> bool {
    matches!(field.ty, FieldType::Option | FieldType::Bool | FieldType::Unknown) || is_text(&field.ty)
}

fn values_fit<'a>(
    ctx: &mut Ctx<'a, '_>,
    row: &Row<'a>,
    map: &ValueMap<'a>,
    span: Span,
    flipped: Option<bool>,
    sides: &[Side],
    multi: bool,
) {
    let name = &map.name.text;
    let Some(flipped) = flipped else {
        let wants = format!("values of {} and {}", path(map.left.field), path(map.right.field));
        ctx.say(types::other_systems(span, name, &wants, "other systems"));
        return;
    };
    direction_fits(ctx, row, span, name, map.arrow.direction, flipped);
    for side in sides {
        let End::Field(field) = row.end(*side) else { continue };
        let end = if (*side == Side::Left) != flipped { &map.left } else { &map.right };
        let several = field.field.ty == FieldType::Options;
        let wants = format!("values of {}", path(end.field));
        if several != multi && (several || field.field.ty != FieldType::Unknown) {
            let misfit = types::converter_misfit(span, name, &wants, &path(*field), &described(*field));
            ctx.say(if several {
                misfit.help(format!("translate each of the chosen values: `using multi({name})`"))
            } else {
                misfit
            });
            return;
        }
        if !multi && !takes_values(field.field) {
            ctx.say(types::converter_misfit(span, name, &wants, &path(*field), &described(*field)));
            return;
        }
        // Another field than the map's is fine as long as it has the values that the map may give it.
        let options = &field.field.options;
        let written = row.target(*side).is_some();
        let elsewhere = (field.name, field.object.name) != (end.field.name, end.object.name);
        if elsewhere && written && !options.is_empty() && !is_text(&field.field.ty) {
            let left = (*side == Side::Left) != flipped;
            let mut known = Finder::new(options);
            let foreign = map.rows.iter().map(|row| if left { &row.left } else { &row.right });
            if let Some(value) = foreign.map(|value| &value.value).find(|value| known.find(value).is_none()) {
                let misfit = types::map_of_another_field(span, name, &path(end.field), &path(*field), value);
                let better = map_between(ctx, row);
                ctx.say(match better {
                    Some(name) => misfit.instead(format!("the map for these fields is `{name}`")),
                    None => misfit,
                });
                return;
            }
        }
    }
}

/// A one-way map on a two-way row, or on a row that goes the other way.
fn direction_fits(
    ctx: &mut Ctx<'_, '_>,
    row: &Row<'_>,
    span: Span,
    name: &str,
    map: Direction,
    flipped: bool,
) {
    let map = match (map, flipped) {
        (Direction::Right, true) => Direction::Left,
        (Direction::Left, true) => Direction::Right,
        (direction, _) => direction,
    };
    let own = row.arrow.direction;
    if map == Direction::Both || map == own {
        return;
    }
    if own == Direction::Both {
        ctx.say(types::one_way_on_two_way(span, name, "this map goes one way"));
    } else {
        ctx.say(types::map_goes_the_other_way(span, name, row.arrow.span));
    }
}

fn stages_fit<'a>(
    ctx: &mut Ctx<'a, '_>,
    row: &Row<'a>,
    index: usize,
    span: Span,
    flipped: Option<bool>,
    sides: &[Side],
) {
    let Some(map) = ctx.program.stages.get(index) else { return };
    let name = map.name.text.clone();
    let Some(flipped) = flipped else {
        let wants = format!("stages of {} and {}", path(map.left.field), path(map.right.field));
        ctx.say(types::other_systems(span, &name, &wants, "other systems"));
        return;
    };
    direction_fits(ctx, row, span, &name, map.arrow.direction, flipped);
    for side in sides {
        let end = if (*side == Side::Left) != flipped { &map.left } else { &map.right };
        let wants = format!("stages of {}", path(end.field));
        match row.end(*side) {
            End::Field(field) => {
                if (field.object.name, field.name) != (end.object.name, end.field.name) {
                    ctx.say(types::converter_misfit(span, &name, &wants, &path(*field), &described(*field)));
                    return;
                }
            }
            End::Expr(_) => {
                ctx.say(types::converter_misfit(span, &name, &wants, "this value", "no stage field"));
                return;
            }
        }
    }
}

/// A `convert` item has a line for each way that the row goes.
fn convert_goes(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, index: usize, span: Span) {
    let Some(item) = ctx.program.converts.get(index) else { return };
    let direction = row.arrow.direction;
    let lacks = |arm: &Option<Expr<'_>>, needed: bool| needed && arm.is_none();
    let (no_right, no_left) =
        (lacks(&item.right, direction.goes_right()), lacks(&item.left, direction.goes_left()));
    if !(no_right || no_left) || item.broken {
        return;
    }
    let why = if no_right { "it has no `->` line" } else { "it has no `<-` line" };
    let name = item.name.text.clone();
    if direction == Direction::Both {
        ctx.say(types::one_way_on_two_way(span, &name, why));
    } else {
        ctx.say(types::map_goes_the_other_way(span, &name, row.arrow.span));
    }
}

/// `id_of(SYNC)` between fields that can hold an id, of an object that the sync links.
fn ids_fit(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, sync: &str, span: Span, sides: &[Side]) {
    fields_are(ctx, row, span, "id_of", "ids: a reference or a text", sides, |ty| {
        is_text(ty) || matches!(ty, FieldType::Ref { .. } | FieldType::Id)
    });
    let Some(linked) = ctx.program.syncs.iter().find(|known| known.name.text == sync) else { return };
    for side in sides {
        let End::Field(field) = row.end(*side) else { continue };
        let FieldType::Ref { to } = &field.field.ty else { continue };
        let known: Vec<&str> = std::iter::once(linked.left)
            .chain(linked.arms.iter().map(|arm| arm.right))
            .filter(|object| object.system == field.object.system)
            .map(|object| object.name)
            .collect();
        if !to.is_empty() && !to.iter().any(|to| known.contains(&to.as_str())) {
            let wants = format!("ids of {}", known.join(" or "));
            ctx.say(types::converter_misfit(span, "id_of", &wants, &path(*field), &described(*field)));
            return;
        }
    }
}

/// `calendar_day` has nothing to do between two dates or two points in time.
fn a_day_meets_a_time(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, span: Span) {
    let (End::Field(left), End::Field(right)) = (&row.left, &row.right) else { return };
    let of_time = |ty: &FieldType| matches!(ty, FieldType::Date | FieldType::DateTime);
    if of_time(&left.field.ty) && left.field.ty == right.field.ty {
        let wants = "a date on one side and a point in time on the other";
        let misfit = types::converter_misfit(
            span,
            "calendar_day",
            wants,
            &path(*right),
            &format!("{} too", right.field.ty),
        );
        ctx.say(misfit.help("both sides are of one type: leave `using` out"));
    }
}

fn fields_are(
    ctx: &mut Ctx<'_, '_>,
    row: &Row<'_>,
    span: Span,
    name: &str,
    wants: &str,
    sides: &[Side],
    accepts: impl Fn(&FieldType) -> bool,
) {
    for side in sides {
        let misfit = match row.end(*side) {
            End::Field(field) if field.field.ty != FieldType::Unknown && !accepts(&field.field.ty) => {
                types::converter_misfit(span, name, wants, &path(*field), &described(*field))
            }
            End::Expr(Expr { ty: Ty::Of(ty), .. }) if *ty != FieldType::Unknown && !accepts(ty) => {
                types::converter_misfit(span, name, wants, "this value", &ty.to_string())
            }
            _ => continue,
        };
        ctx.say(misfit);
        return;
    }
}

fn builtin_fits(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, converter: Converter, span: Span, sides: &[Side]) {
    let name = converter.name();
    let place = |ty: &FieldType| is_text(ty) || matches!(ty, FieldType::Option);
    match converter {
        Converter::WebAddress | Converter::Email | Converter::Trimmed | Converter::Lowercase => {
            fields_are(ctx, row, span, name, "texts", sides, is_text);
        }
        Converter::Percent => {
            let whole = |side: Side| match row.end(side) {
                End::Field(field) => match field.field.ty {
                    FieldType::Percent { whole, .. } => Some(whole),
                    _ => None,
                },
                End::Expr(_) => None,
            };
            if let (Some(a), Some(b)) = (whole(Side::Left), whole(Side::Right))
                && a == b
                && let End::Field(field) = &row.right
            {
                let wants = "0 to 1 on one side, 0 to 100 on the other";
                ctx.say(types::converter_misfit(
                    span,
                    name,
                    wants,
                    &path(*field),
                    "counted alike on both sides",
                ));
                return;
            }
            fields_are(ctx, row, span, name, "numbers", sides, is_number);
        }
        Converter::Cents => fields_are(ctx, row, span, name, "numbers", sides, is_number),
        Converter::YesNo => {
            let yes_no = |ty: &FieldType| is_text(ty) || matches!(ty, FieldType::Bool | FieldType::Option);
            fields_are(ctx, row, span, name, "a yes/no field and a text or option", sides, yes_no);
            yes_and_no_exist(ctx, row, span, sides);
        }
        Converter::Country | Converter::State => {
            fields_are(ctx, row, span, name, "a place as text or option", sides, place);
        }
        Converter::RichText => {
            fields_are(ctx, row, span, name, "texts", sides, is_text);
            if row.arrow.direction == Direction::Both {
                ctx.say(types::one_way_on_two_way(span, name, "HTML becomes plain text and can't come back"));
            }
        }
        Converter::Owners
        | Converter::CalendarDay
        | Converter::Phone
        | Converter::IdOf
        | Converter::Multi => {}
    }
}

/// An option that `yes_no` writes has the values Yes and No, and a yes/no field stands on the other side.
fn yes_and_no_exist(ctx: &mut Ctx<'_, '_>, row: &Row<'_>, span: Span, sides: &[Side]) {
    let bool_somewhere = SIDES.iter().any(|side| match row.end(*side) {
        End::Field(field) => matches!(field.field.ty, FieldType::Bool | FieldType::Unknown),
        End::Expr(_) => true,
    });
    for side in sides {
        let End::Field(field) = row.end(*side) else { continue };
        let options = &field.field.options;
        let lacks = |value: &str| !options.iter().any(|option| option.value == value);
        let misfit =
            field.field.ty == FieldType::Option && !options.is_empty() && (lacks("Yes") || lacks("No"));
        if misfit || !bool_somewhere {
            let wants =
                if misfit { "an option with the values Yes and No" } else { "a yes/no field on one side" };
            ctx.say(types::converter_misfit(span, "yes_no", wants, &path(*field), &described(*field)));
            return;
        }
    }
}
