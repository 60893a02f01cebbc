//! Writes of single records with the platform's rules. What fails changes nothing.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::cell::Cell;
use super::convert;
use super::derived;
use super::doc::Doc;
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Access, Field, Object, Type};
use super::org::{Org, Who};
use super::rules;
use super::store::Row;

/// What a write sets, by field.
pub(super) type Changes = BTreeMap<u16, Cell>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
}

/// What became of an upsert.
#[derive(Debug, Clone, PartialEq)]
pub enum Upserted {
    Created(Id),
    Updated(Id),
    /// Several records have this key; nothing was written.
    Several(Vec<Id>),
}

pub fn create(org: &mut Org, who: &Who, object: usize, body: &Map<String, Value>) -> Result<Id, Fault> {
    org.transaction(|org| {
        let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
        if meta.flag("createable") && !meta.takes("createable") {
            return Err(no_access());
        }
        if !meta.flag("createable") {
            let message = format!("entity type {} does not support create", meta.name);
            return Err(Fault::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
        }
        let mut changes = changes(org, meta, Verb::Insert, body)?;
        super::features::settle_addresses(meta, &mut changes)?;
        defaults(org, who, meta, &mut changes);
        required(meta, Verb::Insert, &changes)?;
        unique(org, object, meta, None, &changes)?;
        check_owner(org, meta, &changes)?;
        let (name, prefix) = (meta.name.clone(), meta.key_prefix.clone());
        let at = org.stamp();
        let id =
            org.tables.get_mut(object).map(|table| table.next_id(&prefix)).ok_or_else(Fault::not_found)?;
        let mut row = Row::new(id, at, who.user);
        let logged = log_fields(org, object, &changes);
        let changed: Vec<u16> = changes.keys().copied().collect();
        for (field, cell) in changes {
            row.set(field, cell);
        }
        row.shrink();
        rules::check(org, who, object, &row, &changed)?;
        org.put(object, row);
        org.record("create", &name, id, &who.by, logged);
        after_insert(org, who, object, id);
        org.react(who, object, id, &changed);
        Ok(id)
    })
}

pub fn update(
    org: &mut Org,
    who: &Who,
    object: usize,
    id: Id,
    body: &Map<String, Value>,
) -> Result<(), Fault> {
    org.transaction(|org| {
        let row = live(org, object, id)?.clone();
        let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
        if meta.flag("updateable") && !meta.takes("updateable") {
            return Err(no_access());
        }
        if !meta.flag("updateable") {
            let message = format!("entity type {} does not support update", meta.name);
            return Err(Fault::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
        }
        if meta.name == "Lead" && org.read_by_name(meta, &row, "IsConverted") == Cell::Bool(true) {
            let code = "CANNOT_UPDATE_CONVERTED_LEAD";
            return Err(Fault::record(code, "cannot reference converted lead", [] as [&str; 0]));
        }
        let mut changes = changes(org, meta, Verb::Update, body)?;
        super::features::settle_addresses(meta, &mut changes)?;
        stage_defaults(org, meta, &row, &mut changes);
        required(meta, Verb::Update, &changes)?;
        unique(org, object, meta, Some(id), &changes)?;
        check_owner(org, meta, &changes)?;
        let name = meta.name.clone();
        let logged = log_fields(org, object, &changes);
        let mut row = row;
        let mut changed: Vec<u16> = Vec::new();
        for (field, cell) in changes {
            if *row.cell(field) != cell {
                changed.push(field);
            }
            row.set(field, cell);
        }
        rules::check(org, who, object, &row, &changed)?;
        touch(org, who, &mut row);
        org.put(object, row);
        org.record("update", &name, id, &who.by, logged);
        after_update(org, object, id);
        org.react(who, object, id, &changed);
        Ok(())
    })
}

/// Marks a row as changed now, or a little earlier where changes become visible late.
pub fn touch(org: &mut Org, who: &Who, row: &mut Row) {
    let at = org.stamp().max(row.created);
    row.modified = at;
    row.stamp = at;
    row.modified_by = who.user;
}

/// Sets what no client may set, without the rules for clients.
pub fn set_by_platform(
    org: &mut Org,
    who: &Who,
    object: usize,
    id: Id,
    action: &'static str,
    cells: Vec<(&str, Cell)>,
) -> Result<(), Fault> {
    let mut row = live(org, object, id)?.clone();
    let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
    let name = meta.name.clone();
    let mut logged = BTreeMap::new();
    for (field, cell) in cells {
        let Some((place, _)) = meta.find_any(field) else { continue };
        logged.insert(field.to_owned(), cell.json());
        row.set(place, cell);
    }
    touch(org, who, &mut row);
    org.put(object, row);
    org.record(action, &name, id, &who.by, logged);
    Ok(())
}

pub fn no_access() -> Fault {
    let fault =
        Fault::record("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [""; 0]);
    Fault { status: 403, ..fault }
}

/// The row, unless it is unknown or in the recycle bin.
pub fn live(org: &Org, object: usize, id: Id) -> Result<&Row, Fault> {
    match org.table(object).and_then(|table| table.get(id)) {
        Some(row) if row.deleted.is_none() => Ok(row),
        Some(_) => {
            Err(Fault { status: 404, ..Fault::record("ENTITY_IS_DELETED", "entity is deleted", [""; 0]) })
        }
        None => Err(Fault::not_found()),
    }
}

/// Finds the record by key, then updates or creates it.
pub fn upsert(
    org: &mut Org,
    who: &Who,
    object: usize,
    key: &str,
    value: &str,
    body: &Map<String, Value>,
    update_only: bool,
) -> Result<Upserted, Fault> {
    let meta = org.schema.get(object).ok_or_else(Fault::not_found)?;
    let (at, field) = key_field(meta, key)?;
    if field.ty == Type::Id {
        let id = Id::parse(value).ok_or_else(|| malformed_id(field, value))?;
        return update(org, who, object, id, body).map(|()| Upserted::Updated(id));
    }
    if body.keys().any(|name| name.eq_ignore_ascii_case(&field.name)) {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(Fault::new(400, "INVALID_FIELD", message));
    }
    let name = field.name.clone();
    let found = org.table(object).map(|table| table.lookup(meta, at, value)).unwrap_or_default();
    match found.as_slice() {
        [] if update_only => Err(Fault::not_found()),
        [] => {
            let mut body = body.clone();
            body.insert(name, Value::String(value.to_owned()));
            create(org, who, object, &body).map(Upserted::Created)
        }
        [id] => update(org, who, object, *id, body).map(|()| Upserted::Updated(*id)),
        several => Ok(Upserted::Several(several.to_vec())),
    }
}

/// A field that records can be found by.
pub fn key_field<'a>(meta: &'a Object, name: &str) -> Result<(u16, &'a Field), Fault> {
    meta.find(name)
        .filter(|(_, field)| field.ty == Type::Id || field.external_id || field.id_lookup)
        .ok_or_else(|| {
            let message = format!("Provided external ID field does not exist or is not accessible: {name}");
            Fault::new(404, "NOT_FOUND", message)
        })
}

fn malformed_id(field: &Field, value: &str) -> Fault {
    let message = format!("{}: id value of incorrect type: {value}", field.label);
    Fault::record("MALFORMED_ID", message, [&field.name])
}

/// The body's members as cells.
fn changes(org: &Org, meta: &Object, verb: Verb, body: &Map<String, Value>) -> Result<Changes, Fault> {
    let mut changes = Changes::new();
    let mut refused = Vec::new();
    for (name, json) in body {
        if name.eq_ignore_ascii_case("attributes") {
            continue;
        }
        if let (Value::Object(parent), Some((at, field))) = (json, meta.relationship(name)) {
            changes.insert(at, parent_by_key(org, meta, field, parent)?);
            continue;
        }
        let Some((at, field)) = meta.find(name) else {
            let message = format!("No such column '{name}' on sobject of type {}", meta.name);
            return Err(Fault::new(400, "INVALID_FIELD", message));
        };
        if field.ty == Type::Id {
            let message = "The Id field should not be specified in the sobject data.";
            return Err(Fault::new(400, "INVALID_FIELD", message));
        }
        let may = if verb == Verb::Insert { field.createable } else { field.updateable };
        if may && field.access == Access::Edit {
            changes.insert(at, convert::cell(org, field, json)?);
        } else {
            refused.push(field.name.clone());
        }
    }
    if refused.is_empty() {
        return Ok(changes);
    }
    let message = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and verify that it \
         is read/write for your profile or permission set.",
        refused.join(", ")
    );
    Err(Fault::record("INVALID_FIELD_FOR_INSERT_UPDATE", message, refused))
}

/// `"Account": {"Ext__c": "42"}`
fn parent_by_key(
    org: &Org,
    meta: &Object,
    field: &Field,
    parent: &Map<String, Value>,
) -> Result<Cell, Fault> {
    let typed = parent.get("attributes").and_then(|attributes| attributes.get("type")?.as_str());
    let target = match (typed, field.refers.as_slice()) {
        (Some(name), _) => name,
        (None, [name]) => name,
        _ => {
            let message = "Nested object for polymorphic foreign key must have an attributes field before any \
                           other fields.";
            return Err(Fault::malformed(message));
        }
    };
    let mut keys = parent.iter().filter(|(name, _)| *name != "attributes");
    let unknown = |value: &str| {
        let message = format!(
            "Foreign key external ID: {value} not found for field {} in entity {}",
            field.name, meta.name
        );
        Fault::record("INVALID_FIELD", message, [] as [&str; 0])
    };
    let (Some((key, value)), None) = (keys.next(), keys.next()) else {
        return Err(unknown(""));
    };
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (at, object) = org.object(target)?;
    let (key, key_field) = key_field(object, key)?;
    if key_field.ty == Type::Id {
        return convert::cell(org, field, &Value::String(value));
    }
    let found = org.table(at).map(|table| table.lookup(object, key, &value)).unwrap_or_default();
    match found.as_slice() {
        [id] => Ok(Cell::Ref(*id)),
        [] => Err(unknown(&value)),
        _ => {
            let message = format!("More than one record found for external id field: [{}]", found.len());
            Err(Fault::record("INVALID_FIELD", message, [] as [&str; 0]))
        }
    }
}

fn defaults(org: &Org, who: &Who, meta: &Object, changes: &mut Changes) {
    for (at, field) in meta.live_fields() {
        if changes.contains_key(&at) || field.ty == Type::Boolean {
            continue;
        }
        if field.name == "OwnerId" {
            changes.insert(at, Cell::Ref(who.user));
        } else if (meta.name.as_str(), field.name.as_str()) == ("User", "UserType") {
            // It follows from the licence; there is one.
            changes.insert(at, Cell::text("Standard"));
        } else if field.name == "RecordTypeId" {
            if let Some(kind) = meta.record_types.iter().find(|kind| kind.default) {
                changes.insert(at, Cell::Ref(kind.id));
            }
        } else if let Some(choice) = field.default_choice().filter(|_| field.createable) {
            changes.insert(at, Cell::text(choice.value.as_str()));
        } else if let Some(value) = field.default.as_ref().filter(|_| field.createable)
            && let Ok(cell) = convert::cell(org, field, value)
        {
            changes.insert(at, cell);
        }
    }
    stage_defaults(org, meta, &Row::new(Id::MASTER, 0, who.user), changes);
}

/// A new stage sets the probability and the forecast category, unless the same request does.
fn stage_defaults(org: &Org, meta: &Object, row: &Row, changes: &mut Changes) {
    if meta.name != "Opportunity" {
        return;
    }
    let Some((stage_at, _)) = meta.find_any("StageName") else { return };
    let Some(Cell::Text(stage)) = changes.get(&stage_at).cloned() else { return };
    if row.cell(stage_at).as_text() == Some(&stage) {
        return;
    }
    let known = derived::stage_row(org, &stage);
    let from_stage = |name: &str| known.map(|(object, row)| org.read_by_name(object, row, name));
    let probability = from_stage("DefaultProbability").unwrap_or(Cell::Number(Decimal::ZERO));
    let category = from_stage("ForecastCategoryName").unwrap_or(Cell::text("Pipeline"));
    let stamp = Cell::Stamp(org.now());
    for (name, cell) in
        [("Probability", probability), ("ForecastCategoryName", category), ("LastStageChangeDate", stamp)]
    {
        if let Some((at, _)) = meta.find_any(name)
            && !(name == "LastStageChangeDate" && row.id == Id::MASTER)
        {
            changes.entry(at).or_insert(cell);
        }
    }
}

fn required(meta: &Object, verb: Verb, changes: &Changes) -> Result<(), Fault> {
    let missing: Vec<&str> = meta
        .live_fields()
        .filter(|(at, field)| match (changes.get(at), verb) {
            (Some(Cell::Null), Verb::Insert) => field.required(),
            (Some(Cell::Null), Verb::Update) => {
                !field.nillable && field.updateable && field.ty != Type::Boolean
            }
            (None, Verb::Insert) => field.required(),
            _ => false,
        })
        .map(|(_, field)| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(Fault::record("REQUIRED_FIELD_MISSING", message, missing))
}

fn unique(org: &Org, object: usize, meta: &Object, own: Option<Id>, changes: &Changes) -> Result<(), Fault> {
    for (at, cell) in changes {
        let Some(field) = meta.field(*at).filter(|field| field.unique) else { continue };
        let Doc::Text(value) = cell.doc(field) else { continue };
        let others = org.table(object).map(|table| table.lookup(meta, *at, &value)).unwrap_or_default();
        if let Some(other) = others.iter().find(|id| Some(**id) != own) {
            let message = format!(
                "duplicate value found: {} duplicates value on record with id: {}",
                field.name,
                other.short()
            );
            return Err(Fault::record("DUPLICATE_VALUE", message, [] as [&str; 0]));
        }
    }
    Ok(())
}

fn check_owner(org: &Org, meta: &Object, changes: &Changes) -> Result<(), Fault> {
    let Some(owner) = meta.find_any("OwnerId").and_then(|(at, _)| changes.get(&at)?.as_id()) else {
        return Ok(());
    };
    let Some((at, row)) = org.find(owner) else { return Ok(()) };
    let Some(users) = org.schema.get(at).filter(|object| object.name == "User") else { return Ok(()) };
    if org.read_by_name(users, row, "IsActive") == Cell::Bool(true) {
        return Ok(());
    }
    let kind = meta.label().to_lowercase();
    let message = format!("operation performed with inactive user [{}] as owner of {kind}", owner.short());
    Err(Fault::record("INACTIVE_OWNER_OR_USER", message, ["OwnerId"]))
}

fn log_fields(org: &Org, object: usize, changes: &Changes) -> BTreeMap<String, Value> {
    let Some(meta) = org.schema.get(object) else { return BTreeMap::new() };
    changes.iter().filter_map(|(at, cell)| Some((meta.field(*at)?.name.clone(), cell.json()))).collect()
}

/// `ContactId` of a new opportunity makes the primary contact role.
fn after_insert(org: &mut Org, who: &Who, object: usize, id: Id) {
    let Some(meta) = org.schema.get(object) else { return };
    match meta.name.as_str() {
        "Opportunity" => {
            let contact = org
                .table(object)
                .and_then(|table| table.get(id))
                .and_then(|row| org.read_by_name(meta, row, "ContactId").as_id());
            let Some(contact) = contact else { return };
            let Some((roles, _)) = org.schema.find_any("OpportunityContactRole") else { return };
            let mut body = Map::new();
            body.insert("OpportunityId".into(), id.to_string().into());
            body.insert("ContactId".into(), contact.to_string().into());
            body.insert("IsPrimary".into(), true.into());
            // The contact was looked up when the opportunity was written.
            let _ = create(org, who, roles, &body);
        }
        "OpportunityContactRole" => one_primary(org, object, id),
        _ => {}
    }
}

fn after_update(org: &mut Org, object: usize, id: Id) {
    if org.schema.get(object).is_some_and(|meta| meta.name == "OpportunityContactRole") {
        one_primary(org, object, id);
    }
}

/// One primary contact role per opportunity: the newest takes it from the others.
fn one_primary(org: &mut Org, object: usize, id: Id) {
    let Some(meta) = org.schema.get(object) else { return };
    let (Some((primary, _)), Some((of, _))) = (meta.find_any("IsPrimary"), meta.find_any("OpportunityId"))
    else {
        return;
    };
    let Some(table) = org.table(object) else { return };
    let Some(row) = table.get(id).filter(|row| *row.cell(primary) == Cell::Bool(true)) else { return };
    let (opportunity, now) = (row.cell(of).as_id(), org.now());
    let others: Vec<Row> = table
        .live()
        .filter(|row| row.id != id && row.cell(of).as_id() == opportunity)
        .filter(|row| *row.cell(primary) == Cell::Bool(true))
        .cloned()
        .collect();
    for mut other in others {
        other.set(primary, Cell::Bool(false));
        other.stamp = now;
        org.put(object, other);
    }
}
