//! Value maps and stage maps: the values exist, every value goes somewhere, and the way back is single.

use super::Ctx;
use super::fit::is_text;
use crate::diag::errors::values as wording;
use crate::resolve::hir::{MapEnd, StageMap, ValueMap};
use crate::resolve::near_value;
use crate::schema::SystemKind;
use crate::schema::model::Stage;
use crate::source::Span;
use crate::syntax::ast::{Direction, ElseAction, ElseRow, Str, ValueRow};

fn path(end: &MapEnd<'_>) -> String {
    format!("{}.{}.{}", end.object.system, end.object.name, end.field.name)
}

pub fn values(ctx: &mut Ctx<'_, '_>, map: &ValueMap<'_>) {
    for row in &map.rows {
        value_exists(ctx, &map.left, &row.left);
        value_exists(ctx, &map.right, &row.right);
    }
    rows_stand_before_else(ctx, &map.rows, &map.elses);
    each_value_once(ctx, &map.rows);
    one_way_back(ctx, &map.rows);
    source_values_are_mapped(ctx, map);
}

fn value_exists(ctx: &mut Ctx<'_, '_>, end: &MapEnd<'_>, value: &Str) {
    let options = &end.field.field.options;
    if options.is_empty() || is_text(&end.field.field.ty) {
        return;
    }
    match options.iter().find(|option| option.value == value.value) {
        Some(option) if option.active => {}
        Some(_) => ctx.say(wording::inactive_value(value.span, &path(end), &value.value)),
        None => {
            let near = near_value(end.field.field, &value.value);
            ctx.say(wording::unknown_value(
                value.span,
                &path(end),
                &value.value,
                near,
                options.len(),
                "value",
            ));
        }
    }
}

fn rows_stand_before_else(ctx: &mut Ctx<'_, '_>, rows: &[ValueRow], elses: &[ElseRow]) {
    let Some(first) = elses.iter().min_by_key(|row| row.span.start) else { return };
    for row in rows.iter().filter(|row| row.span.start > first.span.start) {
        ctx.say(wording::row_after_else(row.span, first.span));
    }
}

fn goes(row: &ValueRow, right: bool) -> bool {
    if right { row.arrow.direction.goes_right() } else { row.arrow.direction.goes_left() }
}

/// The same source value twice in one direction.
fn each_value_once(ctx: &mut Ctx<'_, '_>, rows: &[ValueRow]) {
    let mut said: Vec<Span> = Vec::new();
    for right in [true, false] {
        let mut seen: Vec<&Str> = Vec::new();
        for row in rows.iter().filter(|row| goes(row, right)) {
            let from = if right { &row.left } else { &row.right };
            // Two-way rows onto one right value are E411's; here only what leaves one value twice.
            let both_two_way = |first: &Str| {
                rows.iter()
                    .any(|known| known.arrow.direction == Direction::Both && same_end(known, first, right))
                    && row.arrow.direction == Direction::Both
                    && !right
            };
            match seen.iter().find(|known| known.value == from.value) {
                Some(first) if !both_two_way(first) && !said.contains(&row.span) => {
                    said.push(row.span);
                    ctx.say(wording::value_twice(from.span, first.span, &from.value));
                }
                Some(_) => {}
                None => seen.push(from),
            }
        }
    }
}

fn same_end(row: &ValueRow, value: &Str, right: bool) -> bool {
    let end = if right { &row.left } else { &row.right };
    end.span == value.span
}

/// Two-way rows that share a right value: nobody knows which one to come back by.
fn one_way_back(ctx: &mut Ctx<'_, '_>, rows: &[ValueRow]) {
    let mut seen: Vec<&Str> = Vec::new();
    for row in rows.iter().filter(|row| row.arrow.direction == Direction::Both) {
        match seen.iter().find(|known| known.value == row.right.value) {
            Some(first) => ctx.say(wording::no_way_back(row.right.span, first.span, &row.right.value)),
            None => seen.push(&row.right),
        }
    }
}

fn source_values_are_mapped(ctx: &mut Ctx<'_, '_>, map: &ValueMap<'_>) {
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
        let listed = |value: &str| {
            map.rows.iter().filter(|row| goes(row, right)).any(|row| {
                let from = if right { &row.left } else { &row.right };
                from.value == value
            })
        };
        let missing: Vec<&str> = field
            .options
            .iter()
            .filter(|option| option.active && !listed(&option.value))
            .map(|option| option.value.as_str())
            .collect();
        let free = is_text(&field.ty);
        if free || !missing.is_empty() {
            ctx.say(wording::unmapped_values(map.name.span, &map.name.text, &path(end), &missing, free));
            return;
        }
    }
}

/// The stages that a map's end may name: those of its pipeline, or all.
fn stages_of<'s>(end: &MapEnd<'s>) -> Vec<&'s Stage> {
    let schema = end.object.schema;
    match (end.object.kind, &end.scope) {
        (SystemKind::Hubspot, Some((pipeline, _))) => schema
            .pipelines
            .iter()
            .filter(|known| known.id == *pipeline)
            .flat_map(|known| &known.stages)
            .collect(),
        (SystemKind::Hubspot, None) => schema.pipelines.iter().flat_map(|known| &known.stages).collect(),
        (_, scope) => {
            let subset = scope.as_ref().and_then(|(name, _)| {
                let record_type = schema.record_types.iter().find(|known| known.name == *name)?;
                record_type.picklists.get(end.field.name)
            });
            schema
                .stages
                .iter()
                .filter(|stage| subset.is_none_or(|subset| subset.contains(&stage.id)))
                .collect()
        }
    }
}

pub fn stages(ctx: &mut Ctx<'_, '_>, map: &StageMap<'_>) {
    let (left, right) = (stages_of(&map.left), stages_of(&map.right));
    let scope_known = |end: &MapEnd<'_>, stages: &[&Stage]| end.scope.is_none() || !stages.is_empty();
    for row in &map.rows {
        let a =
            if scope_known(&map.left, &left) { stage_exists(ctx, &map.left, &left, &row.left) } else { None };
        let b = if scope_known(&map.right, &right) {
            stage_exists(ctx, &map.right, &right, &row.right)
        } else {
            None
        };
        if let (Some(a), Some(b)) = (a, b) {
            ends_agree(ctx, row, a, b);
        }
    }
    rows_stand_before_else(ctx, &map.rows, &map.elses);
    each_value_once(ctx, &map.rows);
    one_way_back(ctx, &map.rows);
    a_closed_stage_is_mapped(ctx, map, &left, &right);
}

fn stage_exists<'s>(
    ctx: &mut Ctx<'_, '_>,
    end: &MapEnd<'_>,
    stages: &[&'s Stage],
    value: &Str,
) -> Option<&'s Stage> {
    if stages.is_empty() {
        // No stage list in the snapshot: the field's own options are the next best.
        value_exists(ctx, end, value);
        return None;
    }
    if let Some(stage) = stages.iter().find(|stage| stage.id == value.value) {
        return Some(stage);
    }
    let labelled =
        stages.iter().find(|stage| stage.label.eq_ignore_ascii_case(&value.value)).map(|s| s.id.as_str());
    let near = labelled
        .or_else(|| crate::diag::suggest::nearest(&value.value, stages.iter().map(|s| s.id.as_str())));
    let place = match &end.scope {
        Some((scope, _)) => format!("{} of \"{scope}\"", path(end)),
        None => path(end),
    };
    ctx.say(wording::unknown_value(value.span, &place, &value.value, near, stages.len(), "stage"));
    None
}

fn ends_agree(ctx: &mut Ctx<'_, '_>, row: &ValueRow, left: &Stage, right: &Stage) {
    if left.closed != right.closed {
        ctx.say(wording::open_meets_closed(row.span, &left.id, &right.id));
    } else if left.closed && left.won != right.won {
        ctx.say(wording::won_meets_lost(row.span, &left.id, &right.id));
    }
}

fn a_closed_stage_is_mapped(ctx: &mut Ctx<'_, '_>, map: &StageMap<'_>, left: &[&Stage], right: &[&Stage]) {
    let closed =
        |stages: &[&Stage], value: &Str| stages.iter().any(|stage| stage.id == value.value && stage.closed);
    let known = left.iter().any(|stage| stage.closed) || right.iter().any(|stage| stage.closed);
    let mapped = map.rows.iter().any(|row| closed(left, &row.left) || closed(right, &row.right));
    if known && !mapped && !map.rows.is_empty() {
        ctx.say(wording::no_closed_stage(map.name.span, &map.name.text));
    }
}
