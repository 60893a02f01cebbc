//! Stage maps: the domain is (pipeline, stage). Stages exist, keep their meaning and their order, and each pipeline
//! is mapped once.

use std::collections::{BTreeMap, BTreeSet};

use super::Ctx;
use super::conditions::disjoint;
use super::maps::{self, goes, path};
use crate::diag::errors::values as wording;
use crate::resolve::hir::{Arm, MapEnd, Row, StageMap, Sync, Use};
use crate::schema::SystemKind;
use crate::schema::model::Stage;
use crate::source::Span;
use crate::syntax::ast::{Direction, ElseAction, Str, ValueRow};

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

pub fn stages_exist_and_agree<'a>(ctx: &mut Ctx<'a, '_>, map: &StageMap<'a>) {
    let (left, right) = (stages_of(&map.left), stages_of(&map.right));
    for row in map.rows {
        let a = stage_exists(ctx, &map.left, &left, &row.left);
        let b = stage_exists(ctx, &map.right, &right, &row.right);
        if let (Some(a), Some(b)) = (a, b) {
            ends_agree(ctx, row, a, b);
        }
    }
    for row in map.elses {
        if let ElseAction::To { direction, value } = &row.action {
            let to_left = direction.direction == Direction::Left;
            let (end, stages) = if to_left { (&map.left, &left) } else { (&map.right, &right) };
            stage_exists(ctx, end, stages, value);
        }
    }
}

fn stage_exists<'s>(
    ctx: &mut Ctx<'_, '_>,
    end: &MapEnd<'_>,
    stages: &[&'s Stage],
    value: &Str,
) -> Option<&'s Stage> {
    if stages.is_empty() {
        // No stage list in the snapshot: the field's own options are the next best. An unknown pipeline has been
        // reported itself.
        if end.scope.is_none() || end.object.schema.pipelines.is_empty() {
            maps::value_exists(ctx, end, value);
        }
        return None;
    }
    if let Some(stage) = stages.iter().find(|stage| stage.id == value.value) {
        if !stage.active {
            ctx.say(wording::inactive_value(value.span, &path(end), &value.value));
        }
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

/// Open stages go forward on both sides alike.
pub fn stages_keep_their_order<'a>(ctx: &mut Ctx<'a, '_>, map: &StageMap<'a>) {
    let (left, right) = (stages_of(&map.left), stages_of(&map.right));
    let place = |stages: &[&Stage], value: &Str| {
        stages.iter().position(|stage| stage.id == value.value && !stage.closed)
    };
    // Pipelines stand one behind the other here: the order says something inside one of them only.
    let mut groups: BTreeMap<_, Vec<(usize, usize, &ValueRow)>> = BTreeMap::new();
    for row in map.rows {
        let (Some(a), Some(b)) = (place(&left, &row.left), place(&right, &row.right)) else { continue };
        let pipelines = (pipeline_of(&map.left, &row.left), pipeline_of(&map.right, &row.right));
        groups.entry(pipelines).or_default().push((a, b, row));
    }
    for mut open in groups.into_values() {
        open.sort_by_key(|(place, _, row)| (*place, row.span.start));
        let mut furthest: Option<(usize, usize, &ValueRow)> = None;
        for (place, other, row) in open {
            match furthest {
                Some((known, far, first)) if known < place && other < far => {
                    ctx.say(wording::out_of_order(row.span, first.span, &row.left.value, &first.left.value));
                }
                Some((_, far, _)) if other <= far => {}
                _ => furthest = Some((place, other, row)),
            }
        }
    }
}

/// Which of the object's pipelines a stage belongs to.
fn pipeline_of(end: &MapEnd<'_>, value: &Str) -> Option<usize> {
    let has = |stages: &[Stage]| stages.iter().any(|stage| stage.id == value.value);
    end.object.schema.pipelines.iter().position(|pipeline| has(&pipeline.stages))
}

pub fn a_closed_stage_is_mapped<'a>(ctx: &mut Ctx<'a, '_>, map: &StageMap<'a>) {
    let (left, right) = (stages_of(&map.left), stages_of(&map.right));
    let closed =
        |stages: &[&Stage], value: &Str| stages.iter().any(|stage| stage.id == value.value && stage.closed);
    let known = left.iter().any(|stage| stage.closed) || right.iter().any(|stage| stage.closed);
    let mapped = map.rows.iter().any(|row| closed(&left, &row.left) || closed(&right, &row.right));
    if known && !mapped && !map.rows.is_empty() && !map.broken {
        ctx.say(wording::no_closed_stage(map.name.span, &map.name.text));
    }
}

/// Stages that no row takes, where the map does not say with an `else` what becomes of them.
pub fn all_stages_are_mapped<'a>(ctx: &mut Ctx<'a, '_>, map: &StageMap<'a>) {
    if map.broken || map.rows.is_empty() {
        return;
    }
    let covered = |right: bool| {
        map.elses.iter().any(|row| match &row.action {
            ElseAction::To { direction, .. } => direction.direction.goes_right() == right,
            _ => true,
        })
    };
    let missing = |right: bool| -> Vec<&str> {
        let direction = map.arrow.direction;
        let asked = if right { direction.goes_right() } else { direction.goes_left() };
        if !asked || covered(right) {
            return Vec::new();
        }
        let end = if right { &map.left } else { &map.right };
        let listed: BTreeSet<&str> = map
            .rows
            .iter()
            .filter(|row| goes(row, right))
            .map(|row| if right { row.left.value.as_str() } else { row.right.value.as_str() })
            .collect();
        let stages = stages_of(end).into_iter().filter(|stage| stage.active);
        stages.map(|stage| stage.id.as_str()).filter(|id| !listed.contains(id)).collect()
    };
    let (left, right) = (missing(true), missing(false));
    if left.is_empty() && right.is_empty() {
        return;
    }
    let (a, b) = (path(&map.left), path(&map.right));
    ctx.say(wording::unmapped_stages(map.name.span, &map.name.text, (&a, &left), (&b, &right)));
}

/// The maps of one `using` list: each pipeline once, and each value with a single way back.
pub fn lists_are_unambiguous<'a>(ctx: &mut Ctx<'a, '_>, _: &Sync<'a>, _: &Arm<'a>, row: &Row<'a>) {
    let maps: Vec<&StageMap<'a>> = stage_maps(ctx, row);
    for (index, map) in maps.iter().enumerate() {
        for earlier in maps.iter().take(index) {
            if std::ptr::eq(*earlier, *map) {
                continue;
            }
            if let (Some((a, first)), Some((b, span))) = (pipeline(earlier), pipeline(map))
                && a == b
            {
                ctx.say(wording::pipeline_twice(*span, *first, a));
                continue;
            }
            shared_values(ctx, earlier, map, row.arrow.direction);
        }
    }
}

fn stage_maps<'p, 'a>(ctx: &Ctx<'a, 'p>, row: &Row<'a>) -> Vec<&'p StageMap<'a>> {
    let program = ctx.program;
    row.uses
        .iter()
        .filter_map(|item| match item {
            Use::Stages(index, _) => program.stages.get(*index),
            _ => None,
        })
        .collect()
}

/// The pipeline of a map: the qualifier of its HubSpot end.
fn pipeline<'m>(map: &'m StageMap<'_>) -> Option<&'m (String, Span)> {
    [&map.left, &map.right].into_iter().find(|end| end.object.kind == SystemKind::Hubspot)?.scope.as_ref()
}

fn overlap(a: &MapEnd<'_>, b: &MapEnd<'_>) -> bool {
    match (&a.scope, &b.scope) {
        (Some((a, _)), Some((b, _))) => a == b,
        _ => true,
    }
}

fn shared_values(ctx: &mut Ctx<'_, '_>, first: &StageMap<'_>, second: &StageMap<'_>, direction: Direction) {
    if direction.goes_left() && overlap(&first.right, &second.right) {
        for row in second.rows.iter().filter(|row| goes(row, false)) {
            let other =
                first.rows.iter().find(|known| goes(known, false) && known.right.value == row.right.value);
            if let Some(other) = other {
                ctx.say(wording::no_way_back(row.right.span, other.right.span, &row.right.value));
            }
        }
    }
    if direction.goes_right() && overlap(&first.left, &second.left) {
        for row in second.rows.iter().filter(|row| goes(row, true)) {
            let other =
                first.rows.iter().find(|known| goes(known, true) && known.left.value == row.left.value);
            if let Some(other) = other {
                ctx.say(wording::value_twice(row.left.span, other.left.span, &row.left.value));
            }
        }
    }
}

/// A pipeline between two objects: its name, and the objects in order.
type Mapped = (String, BTreeSet<(String, String)>);

/// Two syncs of the same systems that map one pipeline differently and may handle the same deal.
pub fn pipelines_are_mapped_once<'a>(ctx: &mut Ctx<'a, '_>) {
    let mut seen: BTreeMap<Mapped, Vec<(&Sync<'a>, &StageMap<'a>)>> = BTreeMap::new();
    let program = ctx.program;
    for sync in &program.syncs {
        let mut own: Vec<(Mapped, &StageMap<'a>)> = Vec::new();
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            for map in stage_maps(ctx, row) {
                let Some((name, span)) = pipeline(map) else { continue };
                let ends = [map.left.object, map.right.object];
                let ends = ends.map(|object| (object.system.to_owned(), object.name.to_owned()));
                let key = (name.clone(), BTreeSet::from(ends));
                let earlier = seen.get(&key).and_then(|known| {
                    known
                        .iter()
                        .take(16)
                        .find(|(other, known)| !std::ptr::eq(*known, map) && !disjoint(other, sync, &[]))
                });
                if let Some((_, first)) = earlier.and_then(|(_, known)| pipeline(known)) {
                    ctx.say(wording::pipeline_twice(*span, *first, name));
                }
                own.push((key, map));
            }
        }
        for (key, map) in own {
            seen.entry(key).or_default().push((sync, map));
        }
    }
}
