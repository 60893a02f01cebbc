//! Salesforce's answers to the canonical schema. Facts: the sObject Describe result and the objects RecordType,
//! OpportunityStage, User and Organization, see `docs/CONNECTORS.md`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::json::{NotUnderstood, flag, list, number, rows, text};
use super::model::{Account, Choice, Field, Object, Owner, RecordType, Stage};
use super::types::{Digits, FieldType};

/// `GET /sobjects/{Object}/describe`: the object's API name and the object.
pub fn describe(json: &Json) -> Result<(String, Object), NotUnderstood> {
    let name =
        text(json, "name").ok_or_else(|| NotUnderstood("a describe result needs `name`".to_owned()))?;
    let fields = list(json, "fields");
    if fields.is_empty() {
        return Err(NotUnderstood(format!("the describe of {name} has no `fields`")));
    }
    let fields: BTreeMap<String, Field> = fields
        .iter()
        .filter_map(|row| text(row, "name").map(|name| (name.to_owned(), field(name, row))))
        .collect();
    let mut fields = fields;
    fields.extend(campaigns(name, json));
    let object = Object {
        label: text(json, "label").unwrap_or(name).to_owned(),
        aliases: Vec::new(),
        createable: flag(json, "createable").unwrap_or(false),
        updateable: flag(json, "updateable").unwrap_or(false),
        deletable: flag(json, "deletable").unwrap_or(false),
        fields,
        pipelines: Vec::new(),
        stages: Vec::new(),
        record_types: described_record_types(json),
        associations: Vec::new(),
        records: None,
    };
    Ok((name.to_owned(), object))
}

/// The field of contacts and leads with the campaigns that they are in: rows of an object of their own in Salesforce.
pub const CAMPAIGNS: &str = "CampaignMembers";

/// The field of a campaign's member that names a record of this object.
pub fn campaigns_by(object: &str) -> Option<&'static str> {
    match object {
        "Contact" => Some("ContactId"),
        "Lead" => Some("LeadId"),
        _ => None,
    }
}

/// Read-only and calculated: a record joins and leaves campaigns without being changed.
fn campaigns(object: &str, json: &Json) -> Option<(String, Field)> {
    let by = campaigns_by(object)?;
    let mut children = list(json, "childRelationships").iter();
    children
        .find(|row| text(row, "childSObject") == Some("CampaignMember") && text(row, "field") == Some(by))?;
    let made = serde_json::json!({
        "name": CAMPAIGNS, "label": "Campaigns", "type": "textarea", "length": 131_072, "nillable": true,
        "calculated": true, "filterable": false,
    });
    Some((CAMPAIGNS.to_owned(), field(CAMPAIGNS, &made)))
}

fn field(name: &str, json: &Json) -> Field {
    let wire = text(json, "type").unwrap_or("");
    let is = |key: &str| flag(json, key).unwrap_or(false);
    let calculated = is("calculated") || is("autoNumber");
    let compound = matches!(wire, "address" | "location" | "complexvalue");
    let required = !flag(json, "nillable").unwrap_or(true)
        && is("createable")
        && !is("defaultedOnCreate")
        && wire != "boolean";
    Field {
        label: text(json, "label").unwrap_or(name).to_owned(),
        ty: field_type(name, wire, json),
        nullable: flag(json, "nillable").unwrap_or(true),
        readable: true,
        createable: is("createable") && !compound,
        updateable: is("updateable") && !compound,
        filterable: flag(json, "filterable").unwrap_or(true),
        unique: is("unique") || wire == "id",
        external_id: is("externalId") || is("idLookup"),
        calculated,
        required_on_create: required,
        defaulted: is("defaultedOnCreate"),
        restricted: is("restrictedPicklist"),
        custom: is("custom"),
        written_by: String::new(),
        options: if wire == "combobox" { Vec::new() } else { choices(json) },
        wire: wire.to_owned(),
    }
}

fn field_type(name: &str, wire: &str, json: &Json) -> FieldType {
    let max = number(json, "length").filter(|length| *length > 0);
    let digits =
        Digits { precision: number(json, "precision").filter(|p| *p > 0), scale: number(json, "scale") };
    let refers: Vec<String> =
        list(json, "referenceTo").iter().filter_map(Json::as_str).map(str::to_owned).collect();
    match wire {
        "string" | "combobox" | "encryptedstring" => FieldType::Text { max },
        "textarea" if max.is_none_or(|max| max > 255) => FieldType::LongText { max },
        "textarea" => FieldType::Text { max },
        "picklist" => FieldType::Option,
        "multipicklist" => FieldType::Options,
        "reference" if name == "OwnerId" && refers.iter().any(|to| to == "User") => FieldType::Owner,
        "reference" => FieldType::Ref { to: refers },
        "boolean" => FieldType::Bool,
        "currency" => FieldType::Money(digits),
        "percent" => FieldType::Percent { whole: true, digits },
        "double" => FieldType::Decimal(digits),
        "int" | "long" => FieldType::Int { digits: number(json, "digits").filter(|digits| *digits > 0) },
        "date" => FieldType::Date,
        "datetime" => FieldType::DateTime,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "url" => FieldType::Url,
        "id" => FieldType::Id,
        "address" | "location" | "json" | "base64" | "anyType" | "complexvalue" => FieldType::Json,
        _ => FieldType::Text { max },
    }
}

fn choices(json: &Json) -> Vec<Choice> {
    let one = |row: &Json| {
        let value = text(row, "value")?.into();
        let label = text(row, "label").unwrap_or("").into();
        Some(Choice { value, label, active: flag(row, "active").unwrap_or(true) })
    };
    list(json, "picklistValues").iter().filter_map(one).collect()
}

fn described_record_types(json: &Json) -> Vec<RecordType> {
    let mut types: Vec<RecordType> = list(json, "recordTypeInfos")
        .iter()
        .filter(|row| !flag(row, "master").unwrap_or(false))
        .filter_map(|row| {
            let label = text(row, "name")?.to_owned();
            let name = text(row, "developerName").map_or_else(|| label.replace(' ', "_"), str::to_owned);
            let active = flag(row, "active").unwrap_or(true);
            Some(RecordType {
                id: text(row, "recordTypeId")?.to_owned(),
                name,
                label,
                active,
                picklists: BTreeMap::new(),
            })
        })
        .collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// `SELECT ... FROM OpportunityStage ORDER BY SortOrder`.
pub fn stages(json: &Json) -> Result<Vec<Stage>, NotUnderstood> {
    let mut found: Vec<(u32, Stage)> = rows(json, "opportunity stages")?
        .iter()
        .filter_map(|row| {
            let id = text(row, "ApiName").or_else(|| text(row, "MasterLabel"))?;
            let probability = row.get("DefaultProbability").and_then(Json::as_f64);
            let stage = Stage {
                id: id.to_owned(),
                label: text(row, "MasterLabel").unwrap_or(id).to_owned(),
                closed: flag(row, "IsClosed").unwrap_or(false),
                won: flag(row, "IsWon").unwrap_or(false),
                probability: probability.map(|p| p.clamp(0.0, 100.0).round() as u8),
                active: flag(row, "IsActive").unwrap_or(true),
            };
            Some((number(row, "SortOrder").unwrap_or(0), stage))
        })
        .collect();
    if found.is_empty() {
        return Err(NotUnderstood("no stage in this answer: expected rows with `ApiName`".to_owned()));
    }
    found.sort_by_key(|(order, _)| *order);
    Ok(found.into_iter().map(|(_, stage)| stage).collect())
}

/// `SELECT Id, DeveloperName, Name, SobjectType, IsActive FROM RecordType`, for one object.
pub fn record_types(json: &Json, object: &str) -> Result<Vec<RecordType>, NotUnderstood> {
    let mut types: Vec<RecordType> = rows(json, "record types")?
        .iter()
        .filter(|row| text(row, "SobjectType").is_none_or(|of| of == object))
        .filter_map(|row| {
            let name = text(row, "DeveloperName")?.to_owned();
            Some(RecordType {
                id: text(row, "Id").unwrap_or("").to_owned(),
                label: text(row, "Name").unwrap_or(&name).to_owned(),
                name,
                active: flag(row, "IsActive").unwrap_or(true),
                picklists: BTreeMap::new(),
            })
        })
        .collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(types)
}

/// `SELECT Id, Email, IsActive FROM User`.
pub fn users(json: &Json) -> Result<Vec<Owner>, NotUnderstood> {
    let mut owners: Vec<Owner> = rows(json, "users")?
        .iter()
        .filter_map(|row| {
            let email = text(row, "Email").unwrap_or("").to_lowercase();
            Some(Owner {
                id: text(row, "Id")?.to_owned(),
                email,
                active: flag(row, "IsActive").unwrap_or(true),
            })
        })
        .collect();
    owners.sort_by(|a, b| a.email.cmp(&b.email).then_with(|| a.id.cmp(&b.id)));
    Ok(owners)
}

/// `SELECT Id, OrganizationType, TimeZoneSidKey FROM Organization`, or the row itself.
pub fn organization(json: &Json) -> Result<Account, NotUnderstood> {
    let row = rows(json, "organizations")
        .ok()
        .and_then(|rows| rows.into_iter().next())
        .unwrap_or_else(|| json.clone());
    let id = text(&row, "Id").or_else(|| text(&row, "organization_id"));
    let id = id.ok_or_else(|| NotUnderstood("an Organization row needs `Id`".to_owned()))?;
    Ok(Account {
        id: id.to_owned(),
        edition: text(&row, "OrganizationType").unwrap_or("").to_owned(),
        time_zone: text(&row, "TimeZoneSidKey").unwrap_or("").to_owned(),
        ..Account::default()
    })
}
