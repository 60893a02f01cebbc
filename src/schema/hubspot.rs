//! HubSpot's answers to the canonical schema. Facts: HubSpot's property, pipeline, owner and account APIs
//! (v3 and the date-versioned ones), see `docs/CONNECTORS.md`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::json::{NotUnderstood, flag, list, number, rows, text};
use super::model::{Account, Choice, Field, List, Object, Owner, Pipeline, Stage};
use super::types::{Digits, FieldType};

/// Standard objects: singular name, plural name, type id, label.
pub const OBJECTS: &[(&str, &str, &str, &str)] = &[
    ("contact", "contacts", "0-1", "Contact"),
    ("company", "companies", "0-2", "Company"),
    ("deal", "deals", "0-3", "Deal"),
    ("ticket", "tickets", "0-5", "Ticket"),
    ("product", "products", "0-7", "Product"),
    ("line_item", "line_items", "0-8", "Line item"),
    ("quote", "quotes", "0-14", "Quote"),
    ("communication", "communications", "0-18", "Communication"),
    ("task", "tasks", "0-27", "Task"),
    ("note", "notes", "0-46", "Note"),
    ("meeting", "meetings", "0-47", "Meeting"),
    ("call", "calls", "0-48", "Call"),
    ("email", "emails", "0-49", "Email"),
    ("lead", "leads", "0-136", "Lead"),
];

/// Objects that the standard ones can be associated with.
const CRM: [&str; 4] = ["contact", "company", "deal", "ticket"];

/// The canonical (singular) name of an object, whichever of its names is given.
pub fn canonical(name: &str) -> &str {
    OBJECTS
        .iter()
        .find(|(singular, plural, id, _)| {
            name.eq_ignore_ascii_case(singular) || name.eq_ignore_ascii_case(plural) || name == *id
        })
        .map_or(name, |(singular, ..)| singular)
}

/// The name of an object as paths want it.
pub fn plural(name: &str) -> &str {
    OBJECTS.iter().find(|(singular, ..)| *singular == name).map_or(name, |(_, plural, ..)| plural)
}

/// An object without fields yet.
pub fn empty_object(name: &str) -> Object {
    let known = OBJECTS.iter().find(|(singular, ..)| *singular == name);
    let associations = match known {
        Some(_) => CRM.iter().filter(|other| **other != name).map(|other| (*other).to_owned()).collect(),
        None => CRM.iter().map(|other| (*other).to_owned()).collect(),
    };
    Object {
        label: known.map_or(name, |(.., label)| label).to_owned(),
        aliases: known
            .map_or_else(Vec::new, |(_, plural, id, _)| vec![(*plural).to_owned(), (*id).to_owned()]),
        createable: true,
        updateable: true,
        deletable: true,
        fields: BTreeMap::new(),
        pipelines: Vec::new(),
        stages: Vec::new(),
        record_types: Vec::new(),
        associations,
        records: None,
    }
}

/// `GET /crm/v3/properties/{object}` and its successors.
pub fn properties(json: &Json) -> Result<BTreeMap<String, Field>, NotUnderstood> {
    let mut fields = BTreeMap::new();
    for row in rows(json, "HubSpot properties")? {
        let name = text(&row, "name").ok_or_else(|| NotUnderstood("a property without `name`".to_owned()))?;
        fields.insert(name.to_owned(), property(name, &row));
    }
    if fields.is_empty() {
        return Err(NotUnderstood("no property in this listing".to_owned()));
    }
    Ok(fields)
}

fn property(name: &str, json: &Json) -> Field {
    let (ty, field_type) = (text(json, "type").unwrap_or(""), text(json, "fieldType").unwrap_or(""));
    let owner = text(json, "referencedObjectType") == Some("OWNER") || name == "hubspot_owner_id";
    let calculated = flag(json, "calculated").unwrap_or(false)
        || field_type.starts_with("calculation")
        || matches!(field_type, "calculation_rollup" | "calculation_score" | "calculation_read_time");
    let metadata = json.get("modificationMetadata").unwrap_or(json);
    let read_only = flag(metadata, "readOnlyValue").unwrap_or(false) || name == "hs_object_id";
    let writable = !read_only && !calculated;
    Field {
        label: text(json, "label").unwrap_or(name).to_owned(),
        ty: field_type_of(name, ty, field_type, json, owner),
        nullable: true,
        readable: true,
        createable: writable,
        updateable: writable,
        filterable: !matches!(ty, "json" | "object_coordinates"),
        unique: flag(json, "hasUniqueValue").unwrap_or(false) || name == "hs_object_id",
        external_id: false,
        calculated,
        required_on_create: false,
        defaulted: false,
        restricted: ty == "enumeration",
        custom: flag(json, "hubspotDefined") == Some(false),
        written_by: String::new(),
        options: if owner { Vec::new() } else { choices(json) },
        wire: format!("{ty}/{field_type}"),
    }
}

fn field_type_of(name: &str, ty: &str, field_type: &str, json: &Json, owner: bool) -> FieldType {
    if owner {
        return FieldType::Owner;
    }
    // HubSpot declares a number; it is an id all the same, and others keep it as text.
    if name == "hs_object_id" {
        return FieldType::Id;
    }
    if let Some(object) = referenced(name, json) {
        return FieldType::Ref { to: vec![object.to_owned()] };
    }
    match (ty, field_type) {
        ("enumeration", "booleancheckbox") | ("bool", _) => FieldType::Bool,
        ("enumeration", "checkbox") => FieldType::Options,
        ("enumeration", _) => FieldType::Option,
        ("number", _) => match text(json, "numberDisplayHint") {
            Some("percentage") => FieldType::Percent { whole: false, digits: Digits::default() },
            _ if flag(json, "showCurrencySymbol") == Some(true)
                || text(json, "numberDisplayHint") == Some("currency") =>
            {
                FieldType::Money(Digits::default())
            }
            _ => FieldType::Decimal(Digits::default()),
        },
        ("date", _) => FieldType::Date,
        ("datetime", _) => FieldType::DateTime,
        ("phone_number", _) | (_, "phonenumber") => FieldType::Phone,
        ("json" | "object_coordinates", _) => FieldType::Json,
        (_, "textarea" | "html") => FieldType::LongText { max: None },
        _ if name == "email" => FieldType::Email,
        _ => FieldType::Text { max: None },
    }
}

/// The object whose ids a property holds; listings that leave the reference out are known by name.
fn referenced(name: &str, json: &Json) -> Option<&'static str> {
    let wanted = text(json, "referencedObjectType").or(match name {
        "associatedcompanyid" | "hs_parent_company_id" => Some("COMPANY"),
        _ => None,
    })?;
    OBJECTS.iter().map(|(singular, ..)| *singular).find(|singular| wanted.eq_ignore_ascii_case(singular))
}

/// Options as objects, or as `[value, label]` pairs.
fn choices(json: &Json) -> Vec<Choice> {
    let one = |row: &Json| -> Option<Choice> {
        if let [value, label] = row.as_array().map(Vec::as_slice).unwrap_or(&[]) {
            let (value, label) = (value.as_str()?.into(), label.as_str()?.into());
            return Some(Choice { value, label, active: true });
        }
        let value = text(row, "value")?.into();
        let label = text(row, "label").unwrap_or("").into();
        Some(Choice { value, label, active: !flag(row, "hidden").unwrap_or(false) })
    };
    list(json, "options").iter().filter_map(one).collect()
}

/// `GET /crm/v3/pipelines/{object}`. The won stage is the closed one with probability 1.
pub fn pipelines(json: &Json) -> Result<Vec<Pipeline>, NotUnderstood> {
    let mut pipelines = Vec::new();
    for row in rows(json, "HubSpot pipelines")? {
        let id = text(&row, "id").or_else(|| text(&row, "pipelineId"));
        let id = id.ok_or_else(|| NotUnderstood("a pipeline without `id`".to_owned()))?;
        let mut stages: Vec<&Json> = list(&row, "stages").iter().collect();
        stages.sort_by_key(|stage| number(stage, "displayOrder").unwrap_or(0));
        let stages = stages.into_iter().filter_map(stage).collect();
        pipelines.push((
            number(&row, "displayOrder").unwrap_or(0),
            Pipeline { id: id.to_owned(), label: text(&row, "label").unwrap_or(id).to_owned(), stages },
        ));
    }
    pipelines.sort_by_key(|(order, _)| *order);
    Ok(pipelines.into_iter().map(|(_, pipeline)| pipeline).collect())
}

fn stage(json: &Json) -> Option<Stage> {
    let id = text(json, "id").or_else(|| text(json, "stageId"))?;
    let metadata = json.get("metadata").unwrap_or(&Json::Null);
    let probability = text(metadata, "probability").and_then(|text| text.parse::<f64>().ok());
    let closed = flag(metadata, "isClosed").unwrap_or(matches!(probability, Some(p) if p <= 0.0 || p >= 1.0));
    let percent = probability.map(|p| (p.clamp(0.0, 1.0) * 100.0).round() as u8);
    Some(Stage {
        id: id.to_owned(),
        label: text(json, "label").unwrap_or(id).to_owned(),
        closed,
        won: closed && percent == Some(100),
        probability: percent,
        active: !flag(json, "archived").unwrap_or(false),
    })
}

/// The options of the stage and pipeline fields are those of the pipelines.
pub fn fill_stage_options(object: &mut Object) {
    let choice = |id: &str, label: &str, active| Choice { value: id.into(), label: label.into(), active };
    let stages: Vec<Choice> = object
        .pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.stages)
        .map(|stage| choice(&stage.id, &stage.label, stage.active))
        .collect();
    let pipelines: Vec<Choice> = object.pipelines.iter().map(|p| choice(&p.id, &p.label, true)).collect();
    for (name, options) in [
        ("dealstage", &stages),
        ("hs_pipeline_stage", &stages),
        ("pipeline", &pipelines),
        ("hs_pipeline", &pipelines),
    ] {
        if let Some(field) = object.fields.get_mut(name) {
            field.options.clone_from(options);
        }
    }
}

/// `GET /crm/v3/owners`. Users who left are archived owners.
pub fn owners(json: &Json) -> Result<Vec<Owner>, NotUnderstood> {
    let mut owners: Vec<Owner> = rows(json, "HubSpot owners")?
        .iter()
        .filter_map(|row| {
            let id = row.get("id").or_else(|| row.get("ownerId"))?;
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            let email = text(row, "email").unwrap_or("").to_lowercase();
            Some(Owner { id, email, active: !flag(row, "archived").unwrap_or(false) })
        })
        .collect();
    owners.sort_by(|a, b| a.email.cmp(&b.email).then_with(|| a.id.cmp(&b.id)));
    Ok(owners)
}

/// `GET /crm/v3/lists`.
pub fn lists(json: &Json) -> Result<Vec<List>, NotUnderstood> {
    let mut lists: Vec<List> = rows(json, "HubSpot lists")?
        .iter()
        .filter_map(|row| {
            let id = row.get("listId").or_else(|| row.get("id"))?;
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            let object = canonical(text(row, "objectTypeId").unwrap_or("0-1")).to_owned();
            Some(List { id, name: text(row, "name")?.to_owned(), object })
        })
        .collect();
    lists.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(lists)
}

/// `GET /account-info/v3/details`.
pub fn account(json: &Json) -> Result<Account, NotUnderstood> {
    let id =
        json.get("portalId").ok_or_else(|| NotUnderstood("account details need `portalId`".to_owned()))?;
    let currency = text(json, "companyCurrency").unwrap_or("").to_owned();
    let mut currencies: Vec<String> =
        list(json, "additionalCurrencies").iter().filter_map(Json::as_str).map(str::to_owned).collect();
    if !currencies.is_empty() {
        currencies.push(currency.clone());
        currencies.sort();
        currencies.dedup();
    }
    Ok(Account {
        id: id.to_string().trim_matches('"').to_owned(),
        edition: text(json, "accountType").unwrap_or("").to_owned(),
        time_zone: text(json, "timeZone").unwrap_or("").to_owned(),
        currency,
        currencies,
        scopes: Vec::new(),
    })
}

/// What an access token may do: `POST /token/introspect` and its relatives. `None` = this is another answer.
pub fn scopes(json: &Json) -> Option<Vec<String>> {
    let granted = json.get("scopes").or_else(|| json.get("scope"))?;
    let mut scopes: Vec<String> = match granted {
        Json::String(text) => {
            text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        }
        _ => granted.as_array()?.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
    };
    scopes.sort();
    scopes.dedup();
    Some(scopes)
}

/// Which properties a workflow or another integration wrote last, from records read with `propertiesWithHistory`.
pub fn writers(json: &Json) -> Result<BTreeMap<String, String>, NotUnderstood> {
    let records = match json.get("propertiesWithHistory") {
        Some(_) => vec![json.clone()],
        None => rows(json, "records with `propertiesWithHistory`")?,
    };
    let mut writers = BTreeMap::new();
    let mut histories = 0;
    for record in &records {
        let Some(Json::Object(properties)) = record.get("propertiesWithHistory") else { continue };
        for (name, entries) in properties {
            histories += 1;
            // The newest entry stands first.
            let Some(newest) = entries.as_array().and_then(|entries| entries.first()) else { continue };
            let label = text(newest, "sourceLabel").or_else(|| text(newest, "sourceId"));
            let kind = match text(newest, "sourceType").unwrap_or("") {
                "AUTOMATION_PLATFORM" | "WORKFLOWS" => "the workflow",
                "INTEGRATION" => "the integration",
                "SALESFORCE" => "the Salesforce connector",
                _ => continue,
            };
            writers.insert(name.clone(), label.map_or(kind.to_owned(), |label| format!("{kind} {label}")));
        }
    }
    if histories == 0 {
        return Err(NotUnderstood("no record here carries `propertiesWithHistory`".to_owned()));
    }
    Ok(writers)
}
