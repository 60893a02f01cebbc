//! Records as they look in answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::answer::{Fault, iso};
use super::computed::{Reading, Row, reading};
use super::portal::Portal;
use super::schema::Object;
use super::store::Kind;
use crate::value::Millis;

/// What of a record is asked for.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Names, unknown ones are passed over. Empty: the usual ones.
    pub properties: Vec<String>,
    pub history: Vec<String>,
    pub associations: Vec<Kind>,
    /// Empty properties are left out instead of being null.
    pub without_nulls: bool,
}

/// The properties that come when none are named.
fn usual(object: &Object) -> &'static [&'static str] {
    match &*object.singular {
        "contact" => &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
        "company" => &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
        "deal" => &[
            "amount",
            "closedate",
            "createdate",
            "dealname",
            "dealstage",
            "hs_lastmodifieddate",
            "hs_object_id",
            "pipeline",
        ],
        "ticket" => &[
            "content",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
            "subject",
        ],
        _ => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
    }
}

/// What HubSpot adds to the answer of a write, where it has a value.
const AFTER_WRITE: &[&str] = &[
    "amount_in_home_currency",
    "days_to_close",
    "hs_all_contact_vids",
    "hs_closed_amount",
    "hs_closed_amount_in_home_currency",
    "hs_closed_won_count",
    "hs_deal_stage_probability_shadow",
    "hs_email_domain",
    "hs_forecast_amount",
    "hs_full_name_or_email",
    "hs_is_closed",
    "hs_is_closed_lost",
    "hs_is_closed_won",
    "hs_is_contact",
    "hs_lifecyclestage_lead_date",
    "hs_num_open_deals",
    "hs_object_source",
    "hs_object_source_id",
    "hs_object_source_label",
    "hs_pipeline",
    "hs_projected_amount",
    "hs_v2_date_entered_current_stage",
    "hubspot_owner_assigneddate",
    "lifecyclestage",
    "num_associated_contacts",
    "num_notes",
    "pipeline",
];

impl View {
    /// The view of the answer to a write of these properties.
    pub fn written(object: &Object, names: impl IntoIterator<Item = String>) -> View {
        let names: BTreeSet<String> = names
            .into_iter()
            .chain(usual(object).iter().map(|name| (*name).to_owned()))
            .chain(AFTER_WRITE.iter().map(|name| (*name).to_owned()))
            .collect();
        View { properties: names.into_iter().collect(), without_nulls: true, ..View::default() }
    }

    /// The same with names looked up, for many records.
    pub fn resolve(&self, object: &Object) -> Resolved {
        let mut names: BTreeSet<&str> = self.properties.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.extend(usual(object));
        }
        names.extend(self.history.iter().map(String::as_str));
        names.extend([object.created_name(), object.modified_name(), "hs_object_id"]);
        let find = |name: &str| reading(object, name).map(|how| (name.to_owned(), how));
        Resolved {
            properties: names.into_iter().filter_map(find).collect(),
            history: self.history.iter().filter_map(|name| find(name)).collect(),
            associations: self.associations.clone(),
            without_nulls: self.without_nulls,
        }
    }
}

/// A [`View`] of one object.
pub struct Resolved {
    properties: Vec<(String, Reading)>,
    history: Vec<(String, Reading)>,
    associations: Vec<Kind>,
    without_nulls: bool,
}

impl Portal {
    pub fn row(&self, kind: Kind, id: u64) -> Result<Row<'_>, Fault> {
        let object = self.object(kind)?;
        let record = object.records.get(&id).ok_or_else(Fault::not_found)?;
        Ok(Row { portal: self, object, kind, id, record, at: Millis(i64::MAX) })
    }

    /// The record as JSON.
    pub fn show(&self, kind: Kind, id: u64, view: &Resolved) -> Result<Map<String, Json>, Fault> {
        Ok(self.show_row(&self.row(kind, id)?, view))
    }

    pub fn show_row(&self, row: &Row<'_>, view: &Resolved) -> Map<String, Json> {
        let (object, record) = (row.object, row.record);
        let mut properties = Map::new();
        for (name, how) in &view.properties {
            match row.read(how) {
                Some(value) => properties.insert(name.clone(), json!(value)),
                None if view.without_nulls => None,
                None => properties.insert(name.clone(), Json::Null),
            };
        }
        let mut body = Map::new();
        body.insert("id".into(), json!(row.id.to_string()));
        body.insert("properties".into(), Json::Object(properties));
        if !view.history.is_empty() {
            let all = view.history.iter().map(|(name, how)| (name.clone(), self.history(row, how)));
            body.insert("propertiesWithHistory".into(), Json::Object(all.collect()));
        }
        body.insert("createdAt".into(), json!(iso(record.created)));
        body.insert("updatedAt".into(), json!(iso(row.modified())));
        body.insert("archived".into(), json!(record.archived.is_some()));
        if let Some(at) = record.archived {
            body.insert("archivedAt".into(), json!(iso(at)));
        }
        let associations = self.show_associations(row, &view.associations);
        if !associations.is_empty() {
            body.insert("associations".into(), Json::Object(associations));
        }
        let url =
            format!("https://app.hubspot.com/contacts/{}/record/{}/{}", self.id, object.type_id, row.id);
        body.insert("url".into(), json!(url));
        body
    }

    fn history(&self, row: &Row<'_>, how: &Reading) -> Json {
        let Reading::Stored(prop) = how else {
            let calculated = row.read(how).map(|value| {
                json!({
                    "value": value,
                    "timestamp": iso(row.record.updated),
                    "sourceType": "CALCULATED",
                    "sourceId": "CalculatedPropertyComputer",
                })
            });
            return calculated.into_iter().collect();
        };
        let versions = row.record.history(*prop);
        versions
            .map(|version| {
                let mut entry = json!({ "value": &*version.value, "timestamp": iso(version.at) });
                let source = self.sources.get(version.source.0 as usize);
                if let (Some(source), Some(entry)) = (source, entry.as_object_mut()) {
                    entry.insert("sourceType".into(), json!(source.ty));
                    entry.insert("sourceId".into(), json!(source.id));
                    if let Some(label) = &source.label {
                        entry.insert("sourceLabel".into(), json!(label));
                    }
                    if let Some(user) = source.user {
                        entry.insert("updatedByUserId".into(), json!(user));
                    }
                }
                entry
            })
            .collect()
    }

    fn show_associations(&self, row: &Row<'_>, kinds: &[Kind]) -> Map<String, Json> {
        let mut all = Map::new();
        for kind in kinds {
            let Ok(other) = self.object(*kind) else { continue };
            let mut results = Vec::new();
            for (id, types) in self.links.of((row.kind, row.id), *kind) {
                if self.live(*kind, id).is_none() {
                    continue;
                }
                for known in types.iter().filter_map(|known| self.links.kind_of(*known)) {
                    results.push(json!({ "id": id.to_string(), "type": known.name }));
                }
            }
            if !results.is_empty() {
                let name = other.full_name.as_deref().unwrap_or(&other.plural);
                all.insert(name.to_owned(), json!({ "results": results }));
            }
        }
        all
    }
}
