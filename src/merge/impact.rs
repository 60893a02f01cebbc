//! What a change of the mapping does to records that are there: compared with what the mapping before would do.
//!
//! Pure: differences of two plans and the change sets of three dry-runs in, one report out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::{Action, Change, ChangeSet};
use crate::plan::compare::{Difference, Part};

/// How far a difference reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No record that is there would be written.
    NoEffect,
    /// Counts for later edits and new records; what is there stays.
    ForwardOnly,
    /// Linked pairs differ in the field; nothing is lost by bringing them in step.
    Backfill,
    /// Values that somebody wrote would be overwritten, or records are let go or removed.
    Destructive,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    #[serde(flatten)]
    pub difference: Difference,
    pub class: Class,
    /// Linked pairs that a backfill of the row would write.
    pub pairs: u64,
    /// Of these, the ones that lose a value.
    pub overwrites: u64,
    /// Linked pairs that the filter no longer takes.
    pub leaving: u64,
    /// Linked pairs that the filter takes again.
    pub returning: u64,
    /// Records that the next run makes and would not have made before.
    pub creates: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Impact {
    /// What it is compared with, as it was named.
    pub base: String,
    /// Hash of the plan before.
    pub base_plan: String,
    pub effects: Vec<Effect>,
    /// Ids of changes that the mapping before would make too: the data changed.
    pub from_data: Vec<String>,
    /// Ids of changes that come from the new mapping.
    pub from_mapping: Vec<String>,
    /// Changes that the mapping before would make and this one doesn't.
    pub dropped: u64,
}

/// What was asked of the two plans.
#[derive(Debug)]
pub struct Dry<'d> {
    /// With the mapping before.
    pub old: &'d ChangeSet,
    /// With the new one.
    pub new: &'d ChangeSet,
    /// A backfill of the rows that differ.
    pub backfill: Option<&'d ChangeSet>,
    /// Per sync: linked pairs that leave, and that come back.
    pub moves: &'d BTreeMap<String, (u64, u64)>,
}

pub fn impact(base: &str, base_plan: String, differences: Vec<Difference>, dry: &Dry<'_>) -> Impact {
    let known = |change: &Change| dry.old.changes.iter().any(|old| old.same_as(change));
    let (data, mapping): (Vec<&Change>, Vec<&Change>) =
        dry.new.changes.iter().partition(|change| known(change));
    let made = |sync: &str| {
        let new = mapping.iter().filter(|change| change.sync == sync && change.action == Action::Create);
        new.count() as u64
    };
    let effects = differences.into_iter().map(|difference| effect(difference, dry, &made)).collect();
    let stays = |old: &&Change| !dry.new.changes.iter().any(|new| new.same_as(old));
    let ids = |changes: &[&Change]| changes.iter().map(|change| change.id.clone()).collect();
    Impact {
        base: base.to_owned(),
        base_plan,
        effects,
        from_data: ids(&data),
        from_mapping: ids(&mapping),
        dropped: dry.old.changes.iter().filter(stays).count() as u64,
    }
}

fn effect(difference: Difference, dry: &Dry<'_>, made: &dyn Fn(&str) -> u64) -> Effect {
    let (mut pairs, mut overwrites) = (0, 0);
    if let (Some(row), Some(backfill)) = (&difference.row, dry.backfill) {
        for change in backfill.changes.iter().filter(|change| change.sync == difference.sync) {
            let place = format!("{}.{}", change.system, change.object);
            let written = |name: &str| row.ends.iter().any(|(at, field)| *at == place && field == name);
            for field in change.fields.iter().filter(|field| written(&field.name)) {
                pairs += 1;
                overwrites += u64::from(!field.before.is_null());
            }
        }
    }
    let moved = dry.moves.get(&difference.sync).copied().unwrap_or_default();
    let (leaving, returning) = if difference.part == Part::Filter { moved } else { (0, 0) };
    let creates = match difference.part {
        Part::Filter | Part::Creation | Part::Matching | Part::Sync => made(&difference.sync),
        Part::Association | Part::Rules | Part::Row => 0,
    };
    let class = match difference.part {
        Part::Row if difference.row.as_ref().is_none_or(|row| row.on_create) => Class::ForwardOnly,
        Part::Row if overwrites > 0 => Class::Destructive,
        Part::Row if pairs > 0 => Class::Backfill,
        Part::Row => Class::NoEffect,
        _ if leaving > 0 => Class::Destructive,
        Part::Filter if creates == 0 && returning == 0 => Class::NoEffect,
        _ => Class::ForwardOnly,
    };
    Effect { difference, class, pairs, overwrites, leaving, returning, creates }
}
