//! What LinkedIn's package brings into an org, and what an admin changes in setup that LinkedIn asks about.

use serde_json::{Map, Value, json};

use super::admin::{members, text};
use super::catalogue::{object_of, text_field};
use super::cell::Cell;
use super::convert;
use super::fault::Fault;
use super::meta::Field;
use super::org::Org;

/// Installs the package of Sales Navigator, as far as its fields are known.
pub fn package(org: &mut Org) {
    let fields: [(&str, &str, &str, u64); 5] = [
        ("Task", "LID__URL__c", "LinkedIn URL", 255),
        ("Task", "LID__Date_Sent__c", "LinkedIn date sent", 40),
        ("Contact", "LID__LinkedIn_Member_Token__c", "LinkedIn member token", 80),
        ("Lead", "LID__LinkedIn_Member_Token__c", "LinkedIn member token", 80),
        ("Account", "LID__LinkedIn_Company_Id__c", "LinkedIn company id", 80),
    ];
    for (object, name, label, length) in fields {
        if let Some(meta) = org.schema.find_mut(object)
            && meta.find(name).is_none()
        {
            meta.add_field(Field::from_json(text_field(name, label, length, false)));
        }
    }
    org.schema_changed = org.now();
}

/// Person accounts are switched on: accounts and contacts say whether they are one.
pub fn person_accounts(org: &mut Org) {
    for object in ["Account", "Contact"] {
        if let Some(meta) = org.schema.find_mut(object)
            && meta.find("IsPersonAccount").is_none()
        {
            meta.add_field(Field::from_json(object_of(json!({
                "name": "IsPersonAccount", "label": "Is Person Account", "type": "boolean",
                "soapType": "xsd:boolean", "createable": true, "updateable": true, "filterable": true,
                "sortable": true, "groupable": true, "defaultedOnCreate": true,
            }))));
        }
    }
    org.schema_changed = org.now();
}

/// `{object, fields}`: sets fields of every record that the API does not write (the edition, a profile's rights).
pub fn setup(org: &mut Org, body: &Map<String, Value>) -> Result<(), Fault> {
    let (at, meta) = org.object(text(body, "object")?)?;
    let mut cells = Vec::new();
    for (name, value) in &members(body, "fields")? {
        let (place, field) = meta.find(name).ok_or_else(Fault::not_found)?;
        let cell = match value {
            // Editions beyond those of the picklist's values exist as well.
            Value::String(text) => Cell::text(text.as_str()),
            other => convert::cell(org, field, other)?,
        };
        cells.push((place, cell));
    }
    let rows: Vec<_> = org.table(at).into_iter().flat_map(|table| table.live().cloned()).collect();
    for mut row in rows {
        for (place, cell) in &cells {
            row.set(*place, cell.clone());
        }
        org.put(at, row);
    }
    Ok(())
}
