//! In which campaigns a person is: `CampaignMembers` of contacts and leads, a field that Salesforce keeps as rows of an
//! object of their own.
//!
//! Read-only: the ids of the campaigns, sorted and joined by `;`, as HubSpot's integration keeps them. A person joins
//! and leaves campaigns without being changed, so the field counts as calculated.

use std::collections::{BTreeMap, BTreeSet};

use super::query::Rows;
use super::read::chunks;
use super::{Salesforce, id, soql};
use crate::connect::remote::{CallError, ErrorClass, FieldSpec};
use crate::record::{Life, Record, RecordId};
use crate::schema::json::text;
use crate::schema::salesforce::{CAMPAIGNS, campaigns_by};
use crate::value::Value;

/// Whether a field is made here and is no column.
pub(super) fn is_made(object: &str, field: &str) -> bool {
    field == CAMPAIGNS && campaigns_by(object).is_some()
}

impl Salesforce {
    /// Fills the field in where it is asked for. Who may not see campaigns sees nothing here: it stays absent.
    pub(super) async fn campaigns(
        &self,
        object: &str,
        fields: &[FieldSpec],
        records: &mut [Record],
    ) -> Result<(), CallError> {
        let place = fields.iter().position(|field| is_made(object, &field.name));
        let (Some(place), Some(by)) = (place, campaigns_by(object)) else { return Ok(()) };
        let live = records.iter().filter(|record| record.life == Life::Live);
        let ids: Vec<String> = live.map(|record| soql::quoted(record.id.as_str())).collect();
        let mut found: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
        for chunk in chunks(ids) {
            let query =
                format!("SELECT {by},CampaignId FROM CampaignMember WHERE {by} IN ({})", chunk.join(","));
            let rows = match self.query(&query, Rows::Live).await {
                Ok(rows) => rows,
                Err(refused)
                    if matches!(refused.error.class, ErrorClass::Rejected | ErrorClass::Permission) =>
                {
                    return Ok(());
                }
                Err(refused) => return Err(refused.error),
            };
            for row in &rows {
                let reference = |key: &str| text(row, key).and_then(id::full);
                let (Some(person), Some(campaign)) = (reference(by), reference("CampaignId")) else {
                    continue;
                };
                found.entry(person).or_default().insert(campaign);
            }
        }
        for record in records.iter_mut().filter(|record| record.life == Life::Live) {
            let ids: Vec<String> =
                found.remove(&record.id).into_iter().flatten().map(|id| id.to_string()).collect();
            let value = if ids.is_empty() { Value::Null } else { Value::text(ids.join(";")) };
            if let Some(slot) = record.slots.get_mut(place) {
                *slot = Some(value);
            }
        }
        Ok(())
    }
}
