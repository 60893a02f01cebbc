//! Items that nothing uses, and what follows from how a map is used.

use std::collections::{BTreeMap, BTreeSet};

use super::Ctx;
use super::maps;
use crate::builtin::Converter;
use crate::diag::errors::names as wording;
use crate::diag::suggest::nearest;
use crate::resolve::hir::Use;
use crate::source::Span;
use crate::syntax::ast::{Direction, ExprKind, Item, RowOptionKind, ValueRow};

/// Value maps, stage maps, converters and owner maps that no row names. Read off the text, so that a row with a
/// mistake of its own still counts as a use.
pub fn items_are_used<'a>(ctx: &mut Ctx<'a, '_>) {
    let files = &ctx.ast.files;
    // A line that could not be read may be the one that uses an item.
    if files.iter().any(|file| !file.lost.is_empty()) {
        return;
    }
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut items: Vec<(&str, Span, Span, &str)> = Vec::new();
    for item in files.iter().flat_map(|file| &file.items) {
        match item {
            Item::Sync(sync) => {
                used.extend(sync.lost.iter().map(String::as_str));
                let options = sync.maps.iter().flat_map(|map| &map.rows).flat_map(|row| &row.options);
                for option in options {
                    let RowOptionKind::Using(uses) = &option.kind else { continue };
                    for item in uses {
                        used.insert(&item.name.text);
                        used.extend(item.args.iter().filter_map(|arg| match &arg.kind {
                            ExprKind::Path(path) => path.parts.first().map(|part| part.text.as_str()),
                            _ => None,
                        }));
                    }
                }
            }
            Item::Values(item) => items.push((&item.name.text, item.name.span, item.header, "value map")),
            Item::Stages(item) => items.push((&item.name.text, item.name.span, item.header, "stage map")),
            Item::Convert(item) => items.push((&item.name.text, item.name.span, item.header, "converter")),
            Item::Owners(item) => match &item.name {
                Some(name) => items.push((&name.text, name.span, item.header, "owner map")),
                None => items.push(("owners", item.header, item.header, "owner map")),
            },
            Item::Writeback(_) | Item::CrmSettings(_) | Item::Test(_) | Item::Policy(_) => {}
        }
    }
    // A misspelt name was meant for its nearest item.
    let known: BTreeSet<&str> = items.iter().map(|(name, ..)| *name).collect();
    let misspelt: Vec<&str> = used
        .iter()
        .copied()
        .filter(|name| !known.contains(name) && Converter::find(name).is_none())
        .collect();
    used.extend(misspelt.into_iter().filter_map(|name| nearest(name, known.iter().copied())));
    for (name, span, header, kind) in items {
        // A map that a row was told to use is not idle for long.
        let offered = ctx.is_noted(("offered", name.to_owned()));
        if !used.contains(name) && !offered && !ctx.said_within(header) {
            ctx.say(wording::unused(span, kind, name));
        }
    }
}

/// Which maps two-way rows use, for the rules that ask about the way back, and which ones rows with `cut` use.
pub fn gather(ctx: &mut Ctx<'_, '_>) {
    let rows = || ctx.program.syncs.iter().flat_map(|sync| &sync.arms).flat_map(|arm| &arm.rows);
    for item in rows().filter(|row| row.cut.is_some()).flat_map(|row| &row.uses) {
        if let Use::Values(index, _) = item
            && let Some(map) = ctx.program.values.get(*index)
        {
            ctx.cut_values.insert(map.name.span);
        }
    }
    let rows = rows();
    for item in rows.filter(|row| row.arrow.direction == Direction::Both).flat_map(|row| &row.uses) {
        match item {
            Use::Values(index, _) | Use::Multi { values: index, .. } => {
                ctx.two_way_values.insert(*index);
            }
            Use::Stages(index, _) => {
                ctx.two_way_stages.insert(*index);
            }
            _ => {}
        }
    }
}

pub fn values_come_back(ctx: &mut Ctx<'_, '_>) {
    let program = ctx.program;
    for (index, map) in program.values.iter().enumerate() {
        if ctx.two_way_values.contains(&index) && !map.broken && map.arrow.direction == Direction::Both {
            maps::values_come_back(ctx, map.rows, map.elses, &[]);
        }
    }
}

pub fn stages_come_back(ctx: &mut Ctx<'_, '_>) {
    let program = ctx.program;
    if ctx.two_way_stages.is_empty() {
        return;
    }
    let mut lists: BTreeMap<usize, Vec<&ValueRow>> = BTreeMap::new();
    for row in program.syncs.iter().flat_map(|sync| &sync.arms).flat_map(|arm| &arm.rows) {
        let used: Vec<usize> = row
            .uses
            .iter()
            .filter_map(|item| match item {
                Use::Stages(index, _) => Some(*index),
                _ => None,
            })
            .collect();
        if let [_, _, ..] = used.as_slice() {
            let all: Vec<&ValueRow> =
                used.iter().filter_map(|index| program.stages.get(*index)).flat_map(|map| map.rows).collect();
            used.iter().for_each(|index| lists.entry(*index).or_default().extend(&all));
        }
    }
    for (index, map) in program.stages.iter().enumerate() {
        if ctx.two_way_stages.contains(&index) && !map.broken && map.arrow.direction == Direction::Both {
            let others = lists.get(&index).map_or(&[][..], Vec::as_slice);
            maps::values_come_back(ctx, map.rows, map.elses, others);
        }
    }
}
