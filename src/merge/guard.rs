//! Mass-change guards: the most that one run may do to a sync before a person has looked.

use std::collections::BTreeMap;

use super::change::{Action, Change};
use crate::plan::ir::{BinaryOp, Limit, Policy, Sync};

/// Guards that the changes of one sync pass the limit of, in words. `links` = live links before the run; on the
/// first run of a sync shares of nothing are not asked.
pub fn passed_limits(sync: &Sync, changes: &[&Change], links: u64) -> Vec<String> {
    let count =
        |wanted: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| wanted(change)).count() as u64;
    let of = |action: Action| count(&|change: &Change| change.action == action);
    let blanks = changes.iter().flat_map(|change| &change.fields);
    let blanks = blanks.filter(|field| field.after.is_null() && !field.before.is_null()).count() as u64;
    let asked = [
        ("creates", of(Action::Create), sync.guard.creates),
        ("updates", of(Action::Update), sync.guard.updates),
        ("deletes", of(Action::Delete), sync.guard.deletes),
        ("blanks", blanks, sync.guard.blanks),
    ];
    let mut passed = Vec::new();
    for (what, found, limit) in asked {
        let (most, words) = match limit {
            Limit::Count(most) => (most, most.to_string()),
            Limit::PerMille(_) if links == 0 => continue,
            Limit::PerMille(share) => {
                // A share of a few links must not forbid a handful of ordinary edits.
                let most = (u128::from(links) * u128::from(share) / 1000).max(10);
                let most = u64::try_from(most).unwrap_or(u64::MAX);
                (most, format!("{} % of {links} links, {most}", share as f64 / 10.0))
            }
        };
        if found > most {
            passed.push(format!("sync {}: {found} {what}, the guard allows {words}", sync.name));
        }
    }
    passed
}

/// Policies that forbid a change set with these counts.
pub fn broken_policies(policies: &[Policy], counts: &BTreeMap<&'static str, u64>) -> Vec<String> {
    let mut broken = Vec::new();
    for policy in policies {
        for condition in &policy.deny_plan {
            let Some(found) = counts.get(condition.count.as_str()) else { continue };
            let holds = match condition.op {
                BinaryOp::Greater => *found > condition.value,
                BinaryOp::GreaterEqual => *found >= condition.value,
                BinaryOp::Less => *found < condition.value,
                BinaryOp::LessEqual => *found <= condition.value,
                BinaryOp::Equal => *found == condition.value,
                BinaryOp::NotEqual => *found != condition.value,
                _ => false,
            };
            if holds {
                broken.push(format!("policy \"{}\": {} is {found}", policy.name, condition.count));
            }
        }
    }
    broken
}
