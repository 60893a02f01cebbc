//! Associations that are objects of their own: `OpportunityContactRole.ContactId` ties opportunities to contacts.
//!
//! An association key is `JUNCTION.FIELD`; the junction's other field names the record it is read for
//! (`OpportunityId`). Adding makes a row unless one is there, removing deletes the rows of the pair.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::query::Rows;
use super::read::chunks;
use super::write::{Outcomes, Row, in_order};
use super::{Salesforce, id, soql};
use crate::connect::remote::{AssociateAction, AssociateItem, CallError, Outcome};
use crate::connect::transport::Method;
use crate::record::{Association, Life, Record, RecordId};
use crate::schema::json::{flag, text};

/// The junction objects that mark one of their rows as the primary one.
const WITH_PRIMARY: [&str; 1] = ["OpportunityContactRole"];
const PRIMARY: &str = "Primary";

/// A junction object as seen from one of its ends.
struct Junction<'k> {
    object: &'k str,
    /// The field with the record that the association is read for.
    from: String,
    /// The field with the record at the other end.
    to: &'k str,
}

impl<'k> Junction<'k> {
    fn parse(from: &str, key: &'k str) -> Option<Self> {
        let (object, to) = key.split_once('.')?;
        let own = if from.ends_with("__c") { from.to_owned() } else { format!("{from}Id") };
        let named = [object, to, own.as_str()].into_iter().all(|name| soql::name(name).is_ok());
        named.then_some(Junction { object, from: own, to })
    }

    fn has_primary(&self) -> bool {
        WITH_PRIMARY.contains(&self.object)
    }

    fn columns(&self) -> String {
        let primary = if self.has_primary() { ",IsPrimary" } else { "" };
        format!("Id,{},{}{primary}", self.from, self.to)
    }
}

/// One row of a junction object.
struct Tie {
    id: RecordId,
    from: RecordId,
    to: RecordId,
    primary: bool,
}

impl Salesforce {
    async fn ties(&self, junction: &Junction<'_>, ids: &[RecordId]) -> Result<Vec<Tie>, CallError> {
        let mut found = Vec::new();
        for chunk in chunks(ids.iter().map(|id| soql::quoted(id.as_str())).collect()) {
            let query = format!(
                "SELECT {} FROM {} WHERE {} IN ({}) ORDER BY Id",
                junction.columns(),
                junction.object,
                junction.from,
                chunk.join(",")
            );
            let rows = self.query(&query, Rows::Live).await.map_err(|error| error.error)?;
            found.extend(rows.iter().filter_map(|row| {
                let reference = |key: &str| text(row, key).and_then(id::full);
                Some(Tie {
                    id: reference("Id")?,
                    from: reference(&junction.from)?,
                    to: reference(junction.to)?,
                    primary: flag(row, "IsPrimary") == Some(true),
                })
            }));
        }
        Ok(found)
    }

    /// Reads the associations of records.
    pub(super) async fn attach(
        &self,
        object: &str,
        records: &mut [Record],
        keys: &[Arc<str>],
    ) -> Result<(), CallError> {
        let ids: Vec<RecordId> = records
            .iter()
            .filter(|record| record.life == Life::Live)
            .map(|record| record.id.clone())
            .collect();
        for key in keys {
            let junction = self.junction(object, key)?;
            let mut ends: BTreeMap<RecordId, Vec<Association>> = BTreeMap::new();
            for tie in self.ties(&junction, &ids).await? {
                let labels = if tie.primary { vec![PRIMARY.to_owned()] } else { Vec::new() };
                ends.entry(tie.from).or_default().push(Association { to: tie.to, labels });
            }
            for record in records.iter_mut().filter(|record| record.life == Life::Live) {
                let mut own = ends.remove(&record.id).unwrap_or_default();
                own.sort();
                // A contact may have several roles on one opportunity: that is one association.
                own.reverse();
                own.dedup_by(|a, b| a.to == b.to);
                own.reverse();
                record.associations.insert(key.to_string(), own);
            }
        }
        Ok(())
    }

    fn junction<'k>(&self, object: &str, key: &'k str) -> Result<Junction<'k>, CallError> {
        Junction::parse(object, key).ok_or_else(|| {
            self.misused(format!("`{key}` is no association of Salesforce: write `JUNCTION.FIELD`"))
        })
    }

    pub(super) async fn associate(
        &self,
        from: &str,
        to: &str,
        items: &[AssociateItem],
    ) -> Result<Vec<(Arc<str>, Outcome)>, CallError> {
        let junction = self.junction(from, to)?;
        let mut ids: Vec<RecordId> = items.iter().filter_map(|item| id::full(item.from.as_str())).collect();
        ids.sort();
        ids.dedup();
        let ties = self.ties(&junction, &ids).await?;
        let (mut creates, mut updates, mut deletes) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcomes = Outcomes::new();
        for item in items {
            let same = |tie: &&Tie| same(&tie.from, &item.from) && same(&tie.to, &item.to);
            let done = Outcome::Updated { id: item.from.clone() };
            let primary = item.action == AssociateAction::AddPrimary && junction.has_primary();
            match (item.action, ties.iter().find(same)) {
                (AssociateAction::Remove, Some(_)) => {
                    for (number, tie) in ties.iter().filter(same).enumerate() {
                        let op = if number == 0 {
                            Arc::clone(&item.op)
                        } else {
                            format!("{}#{number}", item.op).into()
                        };
                        deletes.push(Row { op, json: Json::Null, id: Some(tie.id.clone()) });
                    }
                }
                (AssociateAction::Remove, None) => {
                    outcomes.insert(Arc::clone(&item.op), done);
                }
                (_, Some(tie)) if primary && !tie.primary => {
                    updates.push(row(&junction, item, Some(&tie.id), true));
                }
                (_, Some(_)) => {
                    outcomes.insert(Arc::clone(&item.op), done);
                }
                (_, None) => creates.push(row(&junction, item, None, primary)),
            }
        }
        let target = format!("{}/composite/sobjects", self.base);
        self.delete(deletes, &mut outcomes).await?;
        self.collection(Method::Post, &target, creates, &mut outcomes).await?;
        self.collection(Method::Patch, &target, updates, &mut outcomes).await?;
        Ok(in_order(items.iter().map(|item| &item.op), outcomes))
    }
}

fn row(junction: &Junction<'_>, item: &AssociateItem, id: Option<&RecordId>, primary: bool) -> Row {
    let mut body = Map::new();
    body.insert("attributes".to_owned(), json!({"type": junction.object}));
    match id {
        Some(id) => {
            body.insert("id".to_owned(), json!(id.as_str()));
        }
        None => {
            body.insert(junction.from.clone(), json!(item.from.as_str()));
            body.insert(junction.to.to_owned(), json!(item.to.as_str()));
        }
    }
    if primary {
        body.insert("IsPrimary".to_owned(), json!(true));
    }
    Row { op: Arc::clone(&item.op), json: Json::Object(body), id: id.cloned() }
}

/// Ids of either length name the same record.
fn same(a: &RecordId, b: &RecordId) -> bool {
    id::full(a.as_str()) == id::full(b.as_str())
}
