//! Pairs that the vendors' own HubSpot-Salesforce integration left behind: ids of Salesforce records in HubSpot fields.
//!
//! Invariant: nothing is written to a CRM. A pair is taken over only when exactly one HubSpot record names the
//! Salesforce record, both exist, and neither is linked; everything else is listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::error::EngineResult;
use super::session::{Deps, Options, Session, object_on};
use crate::connect::remote::{Cursor, FieldSpec, Reply, Request};
use crate::plan::ir::{ObjectId, Side, SyncId};
use crate::record::{Life, RecordId};
use crate::schema::{FieldType, SystemKind};

/// HubSpot object, its field, and the Salesforce object that the field names.
const LEFT_BEHIND: [(&str, &str, &str); 4] = [
    ("company", "salesforceaccountid", "Account"),
    ("contact", "salesforcecontactid", "Contact"),
    ("contact", "salesforceleadid", "Lead"),
    ("deal", "hs_salesforceopportunityid", "Opportunity"),
];

/// What was taken over of one sync, and what was not.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Adopted {
    pub sync: String,
    pub field: String,
    /// Pairs that are linked now and were not before.
    pub adopted: u64,
    /// Pairs that were linked already.
    pub known: u64,
    /// Ids that lead to no record that we are shown.
    pub missing: Vec<String>,
    /// Records with two claims, or that are linked otherwise.
    pub conflicts: Vec<String>,
}

/// Takes over the pairs of every sync (or the chosen ones) between a HubSpot and a Salesforce object.
pub async fn adopt(deps: &Deps<'_>, options: &Options) -> EngineResult<Vec<Adopted>> {
    let mut session = Session::new(deps, options, "adopt".to_owned())?;
    session.identify().await?;
    let mut all = Vec::new();
    for id in session.chosen() {
        let arms = session.sync(id)?.arms.len();
        for arm in 0..arms {
            for (hubspot, field, salesforce) in LEFT_BEHIND {
                let Some(side) = session.side_of(id, arm, hubspot, salesforce)? else { continue };
                all.extend(session.adopt_arm(id, arm, side, field).await?);
            }
        }
    }
    Ok(all)
}

impl Session<'_> {
    /// The side on which the HubSpot object stands, when the arm joins these two objects.
    fn side_of(&self, id: SyncId, arm: usize, hubspot: &str, salesforce: &str) -> EngineResult<Option<Side>> {
        let sync = self.sync(id)?;
        let Some(at) = sync.arms.get(arm) else { return Ok(None) };
        let is = |object: ObjectId, kind: SystemKind, name: &str| {
            self.shape(object).is_ok_and(|shape| shape.kind == kind && &*shape.name == name)
        };
        let fits = |side: Side| {
            is(object_on(sync, at, side), SystemKind::Hubspot, hubspot)
                && is(object_on(sync, at, side.other()), SystemKind::Salesforce, salesforce)
        };
        Ok([Side::Left, Side::Right].into_iter().find(|side| fits(*side)))
    }

    async fn adopt_arm(
        &mut self,
        id: SyncId,
        arm: usize,
        side: Side,
        field: &str,
    ) -> EngineResult<Option<Adopted>> {
        let sync = self.sync(id)?;
        let Some(at) = sync.arms.get(arm) else { return Ok(None) };
        let (here, there) = (object_on(sync, at, side), object_on(sync, at, side.other()));
        let mut done = Adopted { sync: sync.name.clone(), field: field.to_owned(), ..Adopted::default() };
        let claims = self.claims(here, field).await?;
        let ids: Vec<RecordId> = claims.keys().map(|id| RecordId::new(id.as_str())).collect();
        self.read(there, ids).await?;
        // One commit for all of them: what was taken over stands, or nothing does.
        self.in_one_commit(|| {
            claims
                .iter()
                .try_for_each(|(claimed, by)| self.take_over((id, arm, side), claimed, by, &mut done))
        })?;
        Ok(Some(done))
    }

    /// One id of the far side, and the records that name it.
    fn take_over(
        &self,
        (id, arm, side): (SyncId, usize, Side),
        claimed: &str,
        by: &[String],
        done: &mut Adopted,
    ) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let Some(at) = sync.arms.get(arm) else { return Ok(()) };
        let (here, there) = (object_on(sync, at, side), object_on(sync, at, side.other()));
        let record = self.world.get(there, &RecordId::new(claimed));
        let Some(record) = record.filter(|record| record.life == Life::Live) else {
            done.missing.push(format!("{} {claimed}, named by {}", self.object_name(there), by.join(", ")));
            return Ok(());
        };
        let there_id = record.id.to_string();
        let [one] = by else {
            done.conflicts.push(format!(
                "{} {there_id} is named by {} {}",
                self.object_name(there),
                self.object_name(here),
                by.join(", ")
            ));
            return Ok(());
        };
        match (self.link_on(id, arm, side, one)?, self.link_on(id, arm, side.other(), &there_id)?) {
            (None, None) => {
                let (left, right) = if side == Side::Left { (one, &there_id) } else { (&there_id, one) };
                let link = self.new_link(id, arm, left, right, "adopted")?;
                self.wake(&link)?;
                done.adopted += 1;
            }
            (Some(own), Some(other)) if own.id == other.id => done.known += 1,
            _ => done.conflicts.push(format!(
                "{} {one} and {} {there_id} are linked otherwise",
                self.object_name(here),
                self.object_name(there)
            )),
        }
        Ok(())
    }

    /// Ids of the far side as a field names them, with the records that do so.
    async fn claims(&self, here: ObjectId, field: &str) -> EngineResult<BTreeMap<String, Vec<String>>> {
        let shape = self.shape(here)?;
        let remote = self.systems.remote(self.plan(), shape.system)?;
        let fields: Arc<[FieldSpec]> =
            Arc::new([FieldSpec { name: field.into(), ty: FieldType::Text { max: None } }]);
        self.deps.progress.stage(&format!("reading {field}"), 0);
        let mut claims: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut after: Option<Cursor> = None;
        loop {
            self.check_stop()?;
            let request = Request::List {
                object: shape.name.clone(),
                fields: fields.clone(),
                associations: Arc::new([]),
                after: after.take(),
            };
            let Reply::Records { records, next } = remote.call(request).await? else { break };
            self.deps.progress.step(records.len() as u64);
            for record in records {
                let named = record.slot(0).and_then(crate::value::Value::as_text).map(str::trim);
                if let Some(named) = named.filter(|text| !text.is_empty()) {
                    claims.entry(long_id(named)).or_default().push(record.id.to_string());
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(claims)
    }

    /// Both records of a link are due, and whoever waited for the pair is too.
    pub(super) fn wake(&self, link: &crate::state::Link) -> EngineResult<()> {
        let now = self.now();
        let sync = self.plan().sync_named(&link.sync).map(|(_, sync)| sync);
        let Some(sync) = sync else { return Ok(()) };
        let right = sync.arms.iter().map(|arm| arm.right).find(|right| self.object_name(*right) == link.arm);
        let store = self.store();
        for (object, id) in [(Some(sync.left), &link.left), (right, &link.right)] {
            if let Some(object) = object {
                store.observe(
                    self.system_name(object),
                    self.object_name(object),
                    std::slice::from_ref(id),
                    now,
                )?;
            }
        }
        store.wake(&link.sync, crate::state::links::LEFT, &link.left, now)?;
        store.wake(&link.sync, &link.arm, &link.right, now)?;
        Ok(())
    }
}

/// A Salesforce id in 18 characters: the last three say which of the first fifteen are capitals.
fn long_id(id: &str) -> String {
    if id.len() != 15 || !id.is_ascii() {
        return id.to_owned();
    }
    let mut long = id.to_owned();
    for part in id.as_bytes().chunks(5) {
        let bits = part.iter().enumerate().filter(|(_, c)| c.is_ascii_uppercase());
        let value: usize = bits.map(|(index, _)| 1 << index).sum();
        long.push(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".get(value).copied().map_or('A', char::from));
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_salesforce_ids_get_their_suffix() {
        assert_eq!(long_id("001D000000IRFma"), "001D000000IRFmaIAH");
        assert_eq!(long_id("001D000000IRFmaIAH"), "001D000000IRFmaIAH");
    }
}
