//! An independent look at linked pairs: does each row say the same on both sides, whatever the state believes?

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::EngineResult;
use super::session::{Deps, Options, Session};
use crate::interp::{FilterOutcome, RowValue, same};
use crate::merge::change::json;
use crate::plan::ir::{Arm, Row, Side, SyncId};
use crate::record::{Life, Record, RecordId};
use crate::state::{Link, LinkState};
use crate::value::Value;

#[derive(Debug, Default, Serialize)]
pub struct Verified {
    pub format_version: &'static str,
    pub pairs: u64,
    pub rows: u64,
    /// Rows by class: `agrees`, `pending`, `at-rest`, `held`, `left-alone`, `unreachable`.
    pub classes: BTreeMap<&'static str, u64>,
    pub findings: Vec<Finding>,
}

/// A row whose sides do not say the same.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub sync: String,
    pub left: String,
    pub right: String,
    pub row: String,
    pub class: &'static str,
    pub left_value: serde_json::Value,
    pub right_value: serde_json::Value,
    pub detail: String,
}

impl Verified {
    /// Whether something differs that no coming run mends by itself.
    pub fn diverged(&self) -> bool {
        ["at-rest", "unreachable"].iter().any(|class| self.classes.contains_key(class))
    }
}

/// Compares linked pairs of the chosen syncs; of each sync at most `sample` pairs, spread evenly.
pub async fn verify(deps: &Deps<'_>, options: &Options, sample: Option<usize>) -> EngineResult<Verified> {
    let mut session = Session::new(deps, options, "verify".to_owned())?;
    session.identify().await?;
    session.load_owners().await?;
    let mut done = Verified { format_version: "1", ..Verified::default() };
    for id in session.chosen() {
        let name = session.sync(id)?.name.clone();
        let mut links = session.store().links(&name)?;
        links.retain(|link| link.state == LinkState::Live);
        let step = sample.map_or(1, |most| links.len().div_ceil(most.max(1)).max(1));
        let links: Vec<Link> = links.into_iter().step_by(step).collect();
        session.deps.progress.stage(&format!("comparing {name}"), links.len() as u64);
        for portion in links.chunks(500) {
            session.check_stop()?;
            session.verify_portion(id, portion, &mut done).await?;
            session.deps.progress.step(portion.len() as u64);
        }
    }
    Ok(done)
}

impl Session<'_> {
    async fn verify_portion(&mut self, id: SyncId, links: &[Link], done: &mut Verified) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let left = links.iter().map(|link| RecordId::new(link.left.as_str()));
        self.read(sync.left, left.collect::<Vec<_>>()).await?;
        for arm in &sync.arms {
            let own = links.iter().filter(|link| link.arm == self.object_name(arm.right));
            let ids: Vec<RecordId> = own.map(|link| RecordId::new(link.right.as_str())).collect();
            self.read(arm.right, ids).await?;
        }
        for link in links {
            let Some(arm) = sync.arms.iter().find(|arm| self.object_name(arm.right) == link.arm) else {
                continue;
            };
            done.pairs += 1;
            let live = |object, id: &str| {
                self.world.get(object, &RecordId::new(id)).filter(|record| record.life == Life::Live)
            };
            match (live(sync.left, &link.left), live(arm.right, &link.right)) {
                (Some(left), Some(right)) => {
                    for row in &arm.rows {
                        self.verify_row(id, arm, link, row, left, right, done)?;
                    }
                }
                (left, _) => {
                    *done.classes.entry("unreachable").or_default() += 1;
                    let side = if left.is_none() { "left" } else { "right" };
                    let detail = format!("the record on the {side} is deleted or not shown to us");
                    done.findings.push(finding(link, None, "unreachable", (None, None), detail));
                }
            }
        }
        self.check_trouble()
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one pair, and where its class goes")]
    fn verify_row(
        &self,
        id: SyncId,
        arm: &Arm,
        link: &Link,
        row: &Row,
        left: &Record,
        right: &Record,
        done: &mut Verified,
    ) -> EngineResult<()> {
        let value = |record: &Record, field: Option<crate::plan::ir::FieldId>| {
            field.and_then(|field| record.slot(field.index()).cloned())
        };
        let (now_left, now_right) = (value(left, row.left), value(right, row.right));
        done.rows += 1;
        let (class, detail) = self.class(id, arm, row, left, right)?;
        let base = link.bases.rows.get(&row.id);
        let changed = base.is_none_or(|(base_left, base_right)| {
            let differs =
                |base: &Value, now: &Option<Value>| now.as_ref().is_some_and(|now| !same(base, now));
            differs(base_left, &now_left) || differs(base_right, &now_right)
        });
        // What somebody edited since the last agreed value is on its way, not wrong.
        let class = if class == "differs" { if changed { "pending" } else { "at-rest" } } else { class };
        *done.classes.entry(class).or_default() += 1;
        if !matches!(class, "agrees" | "left-alone") {
            let values = (now_left.as_ref(), now_right.as_ref());
            done.findings.push(finding(link, Some(row), class, values, detail));
        }
        Ok(())
    }

    fn class(
        &self,
        id: SyncId,
        arm: &Arm,
        row: &Row,
        left: &Record,
        right: &Record,
    ) -> EngineResult<(&'static str, String)> {
        let (program, facts) = (self.program(id)?, self.facts());
        let mut said = Vec::new();
        for to in [Side::Right, Side::Left] {
            let (transfer, field) =
                if to == Side::Right { (&row.to_right, row.right) } else { (&row.to_left, row.left) };
            let (Some(transfer), Some(field)) = (transfer, field) else { continue };
            let (source, target) = if to == Side::Right { (left, right) } else { (right, left) };
            if transfer.on_create || program.filter(&facts, to.other(), source) != FilterOutcome::In {
                continue;
            }
            let now = target.slot(field.index()).cloned().unwrap_or(Value::Null);
            match program.transfer(&facts, row, arm, to, source, Some(target)) {
                RowValue::Value(value) => {
                    let keeps =
                        transfer.if_empty && !now.is_blank() || value.is_blank() && !transfer.may_blank;
                    said.push(same(&value, &now) || keeps);
                }
                RowValue::Hold(why) | RowValue::Fail(why) => return Ok(("held", why)),
                RowValue::Skip(_) | RowValue::SkipRecord(_) => {}
            }
        }
        Ok(match said.as_slice() {
            [] => ("left-alone", String::new()),
            said if said.iter().any(|agrees| *agrees) => ("agrees", String::new()),
            _ => ("differs", String::new()),
        })
    }
}

fn finding(
    link: &Link,
    row: Option<&Row>,
    class: &'static str,
    values: (Option<&Value>, Option<&Value>),
    detail: String,
) -> Finding {
    let value = |value: Option<&Value>| value.map_or(serde_json::Value::Null, json);
    Finding {
        sync: link.sync.clone(),
        left: link.left.clone(),
        right: link.right.clone(),
        row: row.map(|row| row.text.clone()).unwrap_or_default(),
        class,
        left_value: value(values.0),
        right_value: value(values.1),
        detail,
    }
}
