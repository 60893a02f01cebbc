//! What a create needs: required fields that a row writes, and required references that exist by then.

use super::Ctx;
use super::syncs::creates;
use crate::diag::errors::rules as wording;
use crate::diag::suggest::nearest;
use crate::resolve::hir::{Arm, AssociationEnd, Side, Sync, Use};
use crate::source::Span;

pub fn required_fields_are_written<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for side in [Side::Left, Side::Right] {
        if !creates(sync, side) {
            continue;
        }
        for arm in &sync.arms {
            arm_writes_required(ctx, sync, arm, side);
            if side == Side::Left {
                break;
            }
        }
    }
}

fn arm_writes_required(ctx: &mut Ctx<'_, '_>, sync: &Sync<'_>, arm: &Arm<'_>, side: Side) {
    let object = if side == Side::Left { sync.left } else { arm.right };
    for (name, field) in object.schema.fields.iter().filter(|(_, field)| field.required_on_create) {
        let written = |arm: &Arm<'_>| {
            arm.rows.iter().any(|row| row.target(side).is_some_and(|target| target.name == name))
                || association_to(arm, side, name).is_some()
        };
        // The left record is created from whichever arm has the record: any of them may write the field.
        let by_row = if side == Side::Left { sync.arms.iter().any(written) } else { written(arm) };
        // A row that could not be resolved may well be the one that was meant to write it.
        if by_row || sync.lost.contains(name) || nearest(name, sync.lost.iter().map(String::as_str)).is_some()
        {
            continue;
        }
        let arrow = if side == Side::Right { "->" } else { "<-" };
        let near = near_source(sync, arm, side, name);
        let help = match (near, side) {
            (Some(near), Side::Right) => format!("add a row: `{near} {arrow} {name}`"),
            (Some(near), Side::Left) => format!("add a row: `{name} {arrow} {near}`"),
            (None, _) => format!(
                "add a row that writes {name}, or never create here: `create {}: never`",
                object.system
            ),
        };
        let path = format!("{}.{}", object.system, object.name);
        // A field that several arms require is named once.
        if !ctx.first_time(("E501", format!("{}:{}:{name}", sync.name.text, object.system))) {
            continue;
        }
        ctx.say(wording::required_unset(
            sync.map_span,
            object.span,
            &path,
            name,
            &field.ty.to_string(),
            help,
        ));
    }
}

/// The sync whose links an association fills a lookup field by, and where.
fn association_to<'s>(arm: &'s Arm<'_>, side: Side, name: &str) -> Option<(&'s str, Span)> {
    arm.associations.iter().find_map(|association| {
        let (end, writes) = association.end(side);
        match end {
            AssociationEnd::Lookup(field) if writes && field.name == name => {
                Some((association.through.text.as_str(), association.span))
            }
            _ => None,
        }
    })
}

/// A field of the other side that looks as if it were the required one.
fn near_source<'s>(sync: &Sync<'s>, arm: &Arm<'s>, side: Side, name: &str) -> Option<&'s str> {
    let source = if side == Side::Right { sync.left } else { arm.right };
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "");
    let wanted = plain(name);
    source
        .schema
        .fields
        .iter()
        .find(|(known, field)| plain(known) == wanted || plain(&field.label) == wanted)
        .map(|(known, _)| known.as_str())
}

/// Syncs that each need the other's record before they can create their own.
pub fn creation_has_an_order<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    let needs: Vec<Vec<(usize, Span, String)>> =
        program.syncs.iter().map(|sync| needs_of(program, sync)).collect();
    let mut done: Vec<bool> = vec![false; needs.len()];
    for start in 0..needs.len() {
        let mut path: Vec<usize> = Vec::new();
        if let Some(cycle) = find_cycle(&needs, start, &mut path, &mut done) {
            let names: Vec<&str> = cycle
                .iter()
                .filter_map(|index| program.syncs.get(*index))
                .map(|s| s.name.text.as_str())
                .collect();
            let last = cycle.last().copied().unwrap_or(start);
            let first = cycle.first().copied().unwrap_or(start);
            let found = needs.get(last).and_then(|needs| needs.iter().find(|(to, ..)| *to == first));
            if let Some((_, span, field)) = found {
                ctx.say(wording::creation_cycle(*span, field, &names));
            }
        }
    }
}

/// What the creates of a sync need: (the other sync, where it says so, the required field).
fn needs_of(program: &crate::resolve::hir::Program<'_>, sync: &Sync<'_>) -> Vec<(usize, Span, String)> {
    let mut needs = Vec::new();
    let index_of = |name: &str| program.syncs.iter().position(|known| known.name.text == name);
    for side in [Side::Left, Side::Right].into_iter().filter(|side| creates(sync, *side)) {
        for arm in &sync.arms {
            let object = if side == Side::Left { sync.left } else { arm.right };
            for name in
                object.schema.fields.iter().filter(|(_, f)| f.required_on_create).map(|(name, _)| name)
            {
                let full = format!("{}.{}.{name}", object.system, object.name);
                if let Some((through, span)) = association_to(arm, side, name) {
                    needs.extend(index_of(through).map(|index| (index, span, full.clone())));
                }
                for row in arm.rows.iter().filter(|row| row.target(side).is_some_and(|t| t.name == name)) {
                    for item in &row.uses {
                        if let Use::IdOf { sync, .. } = item {
                            needs.extend(index_of(sync).map(|index| (index, row.span, full.clone())));
                        }
                    }
                }
            }
        }
    }
    needs
}

/// A cycle reachable from a sync, each sync of it once; visited syncs are marked.
fn find_cycle(
    needs: &[Vec<(usize, Span, String)>],
    at: usize,
    path: &mut Vec<usize>,
    done: &mut [bool],
) -> Option<Vec<usize>> {
    if let Some(start) = path.iter().position(|known| *known == at) {
        return path.get(start..).map(<[usize]>::to_vec);
    }
    if done.get(at).copied().unwrap_or(true) {
        return None;
    }
    path.push(at);
    let found =
        needs.get(at).and_then(|list| list.iter().find_map(|(to, ..)| find_cycle(needs, *to, path, done)));
    path.pop();
    if let Some(done) = done.get_mut(at) {
        *done = true;
    }
    found
}
