//! Mass-change guards: the most that one run may do to a sync before a person has looked.

use std::collections::BTreeMap;

use super::change::{Action, Change, Skip};
use crate::plan::ir::{BinaryOp, Limit, Policy, Sync};

/// What changes come to: what guards ask for by sync, and policies of all together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    syncs: BTreeMap<String, Counted>,
    associates: u64,
    conflicts: u64,
    holds: u64,
    skips: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    creates: u64,
    updates: u64,
    deletes: u64,
    blanks: u64,
}

impl Tally {
    pub fn add(&mut self, changes: &[Change], skips: &[Skip]) {
        for change in changes {
            if !self.syncs.contains_key(&change.sync) {
                self.syncs.insert(change.sync.clone(), Counted::default());
            }
            let Some(counted) = self.syncs.get_mut(&change.sync) else { continue };
            match change.action {
                Action::Create => counted.creates += 1,
                Action::Update => counted.updates += 1,
                Action::Delete => counted.deletes += 1,
                Action::Associate | Action::Dissociate => self.associates += 1,
            }
            counted.blanks += blanks(change);
            self.conflicts += change.fields.iter().filter(|field| field.conflict).count() as u64;
        }
        for skip in skips {
            match skip.reason.as_str() {
                "held" | "waiting" | super::pair::CONFLICT => self.holds += 1,
                _ => self.skips += 1,
            }
        }
    }

    /// What `deny plan when ...` may ask of a change set.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let all = |of: fn(&Counted) -> u64| self.syncs.values().map(of).sum();
        BTreeMap::from([
            ("creates", all(|counted| counted.creates)),
            ("updates", all(|counted| counted.updates)),
            ("deletes", all(|counted| counted.deletes)),
            ("blanks", all(|counted| counted.blanks)),
            ("associates", self.associates),
            ("conflicts", self.conflicts),
            ("holds", self.holds),
            ("skips", self.skips),
        ])
    }
}

/// Guards that the changes of one sync pass the limit of, in words. `links` = live links before the run; on the
/// first run of a sync shares of nothing are not asked.
pub fn passed_limits(sync: &Sync, tally: &Tally, links: u64) -> Vec<String> {
    let found = tally.syncs.get(&sync.name).copied().unwrap_or_default();
    let asked = [
        ("creates", found.creates, sync.guard.creates),
        ("updates", found.updates, sync.guard.updates),
        ("deletes", found.deletes, sync.guard.deletes),
        ("blanks", found.blanks, sync.guard.blanks),
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

/// Fields that lose a value and get none.
fn blanks(change: &Change) -> u64 {
    change.fields.iter().filter(|field| field.after.is_null() && !field.before.is_null()).count() as u64
}

/// Policies that forbid a change set with these [`Tally::counts`].
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::merge::change::FieldChange;
    use crate::plan::ir::PlanCondition;

    fn change(action: Action, before: serde_json::Value, after: serde_json::Value) -> Change {
        let field = FieldChange {
            name: "Phone".into(),
            before,
            after,
            origin: "hubspot.company.phone".into(),
            rule: "changed on the left".into(),
            conflict: false,
        };
        Change {
            id: "c1".into(),
            sync: "companies".into(),
            system: "salesforce".into(),
            object: "Account".into(),
            record: Some("001".into()),
            link: None,
            action,
            reason: String::new(),
            source: "hubspot.company 1".into(),
            fields: vec![field],
        }
    }

    #[test]
    fn policies_ask_for_the_counts_of_a_change_set() {
        let changes = [
            change(Action::Update, json!("1"), json!(null)),
            change(Action::Create, json!(null), json!("1")),
        ];
        let mut tally = Tally::default();
        tally.add(&changes, &[]);
        let counts = tally.counts();
        assert_eq!((counts["updates"], counts["creates"], counts["blanks"], counts["deletes"]), (1, 1, 1, 0));
        let policy = |count: &str, op, value| Policy {
            name: "careful".into(),
            deny_plan: vec![PlanCondition { count: count.into(), op, value }],
        };
        let policies = [
            policy("blanks", BinaryOp::Greater, 0),
            policy("deletes", BinaryOp::Greater, 0),
            policy("creates", BinaryOp::GreaterEqual, 1),
        ];
        assert_eq!(
            broken_policies(&policies, &counts),
            ["policy \"careful\": blanks is 1", "policy \"careful\": creates is 1"]
        );
    }
}
