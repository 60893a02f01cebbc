//! One saved API answer into a system's schema: for users without API access, for tests, and for `schema pull`,
//! which fetches the same answers itself.

use serde_json::Value as Json;

use super::json::NotUnderstood;
use super::model::{Account, Object, System, SystemKind};
use super::{hubspot, salesforce, snapshot};

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HubSpot properties, a Salesforce describe.
    Fields,
    /// HubSpot pipelines.
    Pipelines,
    /// Salesforce OpportunityStage rows.
    Stages,
    RecordTypes,
    Owners,
    Lists,
    /// HubSpot account details, or what a token may do; a Salesforce Organization row.
    Account,
    /// How many records there are: a HubSpot search answer, a Salesforce `SELECT COUNT()`.
    Records,
    /// Who writes which field: HubSpot records read with `propertiesWithHistory`.
    History,
}

/// A schema that nothing is known of yet.
pub fn empty(kind: SystemKind) -> System {
    System {
        format_version: snapshot::FORMAT_VERSION.to_owned(),
        kind,
        pulled: String::new(),
        account: Account::default(),
        objects: Default::default(),
        owners: None,
        lists: None,
    }
}

/// Takes an answer into `system`. `object` is needed for all kinds but owners, lists and account.
pub fn import(
    system: &mut System,
    object: Option<&str>,
    kind: Kind,
    json: &Json,
) -> Result<String, NotUnderstood> {
    match system.kind {
        SystemKind::Hubspot => import_hubspot(system, object, kind, json),
        SystemKind::Salesforce => import_salesforce(system, object, kind, json),
        SystemKind::Salesnav | SystemKind::File => Err(NotUnderstood(
            "schemas of this kind of connection are built in and can't be imported".to_owned(),
        )),
    }
}

fn named(object: Option<&str>) -> Result<&str, NotUnderstood> {
    object.ok_or_else(|| {
        NotUnderstood("name the object: `twinmap schema import SYSTEM.OBJECT FILE`".to_owned())
    })
}

fn import_hubspot(
    system: &mut System,
    object: Option<&str>,
    kind: Kind,
    json: &Json,
) -> Result<String, NotUnderstood> {
    match kind {
        Kind::Fields => {
            let name = hubspot::canonical(named(object)?).to_owned();
            let mut fields = hubspot::properties(json)?;
            let entry = system.objects.entry(name.clone()).or_insert_with(|| hubspot::empty_object(&name));
            // Who writes a field is known from elsewhere.
            for (name, known) in std::mem::take(&mut entry.fields) {
                if let Some(field) = fields.get_mut(&name) {
                    field.written_by = known.written_by;
                }
            }
            entry.fields = fields;
            hubspot::fill_stage_options(entry);
            Ok(format!("{name}: {} fields", entry.fields.len()))
        }
        Kind::Pipelines | Kind::Stages => {
            let name = hubspot::canonical(named(object)?).to_owned();
            let entry = system.objects.entry(name.clone()).or_insert_with(|| hubspot::empty_object(&name));
            entry.pipelines = hubspot::pipelines(json)?;
            hubspot::fill_stage_options(entry);
            let stages: usize = entry.pipelines.iter().map(|pipeline| pipeline.stages.len()).sum();
            Ok(format!("{name}: {} pipelines, {stages} stages", entry.pipelines.len()))
        }
        Kind::Owners => {
            let owners = hubspot::owners(json)?;
            let count = owners.len();
            system.owners = Some(owners);
            Ok(format!("{count} owners"))
        }
        Kind::Lists => {
            let lists = hubspot::lists(json)?;
            let count = lists.len();
            system.lists = Some(lists);
            Ok(format!("{count} lists"))
        }
        Kind::Account => match hubspot::scopes(json) {
            Some(scopes) => {
                system.account.scopes = scopes;
                Ok(format!("{} scopes", system.account.scopes.len()))
            }
            None => {
                let scopes = std::mem::take(&mut system.account.scopes);
                system.account = hubspot::account(json)?;
                system.account.scopes = scopes;
                Ok(format!("portal {}", system.account.id))
            }
        },
        Kind::Records => {
            let name = hubspot::canonical(named(object)?);
            count(known_object(system, name)?, name, json, "total")
        }
        Kind::History => {
            let name = hubspot::canonical(named(object)?);
            let writers = hubspot::writers(json)?;
            let known = known_object(system, name)?;
            let mut named = 0;
            for (field, writer) in writers {
                if let Some(field) = known.fields.get_mut(&field) {
                    field.written_by = writer;
                    named += 1;
                }
            }
            Ok(format!("{name}: {named} fields that workflows or integrations write"))
        }
        Kind::RecordTypes => {
            Err(NotUnderstood("HubSpot has pipelines, not record types: `--kind pipelines`".to_owned()))
        }
    }
}

fn import_salesforce(
    system: &mut System,
    object: Option<&str>,
    kind: Kind,
    json: &Json,
) -> Result<String, NotUnderstood> {
    match kind {
        Kind::Fields => {
            let (name, described) = salesforce::describe(json)?;
            if let Some(wanted) = object.filter(|wanted| *wanted != name) {
                return Err(NotUnderstood(format!("this is the describe of {name}, not of {wanted}")));
            }
            let count = described.fields.len();
            match system.objects.get_mut(&name) {
                Some(known) => take_fields(known, described),
                None => {
                    system.objects.insert(name.clone(), described);
                }
            }
            Ok(format!("{name}: {count} fields"))
        }
        Kind::Stages | Kind::Pipelines => {
            let name = object.unwrap_or("Opportunity");
            let stages = salesforce::stages(json)?;
            let count = stages.len();
            known_object(system, name)?.stages = stages;
            Ok(format!("{name}: {count} stages"))
        }
        Kind::RecordTypes => {
            let name = named(object)?;
            let types = salesforce::record_types(json, name)?;
            let count = types.len();
            known_object(system, name)?.record_types = types;
            Ok(format!("{name}: {count} record types"))
        }
        Kind::Owners => {
            let owners = salesforce::users(json)?;
            let count = owners.len();
            system.owners = Some(owners);
            Ok(format!("{count} users"))
        }
        Kind::Account => {
            system.account = salesforce::organization(json)?;
            Ok(format!("org {}", system.account.id))
        }
        Kind::Records => {
            let name = named(object)?;
            count(known_object(system, name)?, name, json, "totalSize")
        }
        Kind::Lists => Err(NotUnderstood("Salesforce has no lists to import".to_owned())),
        Kind::History => {
            Err(NotUnderstood("Salesforce's records do not say which program wrote a field".to_owned()))
        }
    }
}

/// A describe replaces the fields; stages and record types that were imported by themselves stay.
fn take_fields(known: &mut Object, described: Object) {
    let stages = std::mem::take(&mut known.stages);
    let types = std::mem::take(&mut known.record_types);
    let records = known.records;
    *known = described;
    known.records = records;
    known.stages = stages;
    if known.record_types.is_empty() {
        known.record_types = types;
    }
}

fn count(known: &mut Object, name: &str, json: &Json, key: &str) -> Result<String, NotUnderstood> {
    let records = json.get(key).and_then(Json::as_u64).ok_or_else(|| {
        NotUnderstood(format!("this answer does not say how many records there are: no `{key}`"))
    })?;
    known.records = Some(records);
    Ok(format!("{name}: {records} records"))
}

fn known_object<'s>(system: &'s mut System, name: &str) -> Result<&'s mut Object, NotUnderstood> {
    let missing = || NotUnderstood(format!("import the fields of {name} first"));
    system.objects.get_mut(name).ok_or_else(missing)
}
