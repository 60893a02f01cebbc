//! What an admin switches on for the whole org: several currencies, picklists for states and countries.
//!
//! With picklists each address has a text and a code beside it, and a write of one carries the other along; a text that is
//! in no list is refused. Which states belong to which country is not kept.

use serde_json::{Map, Value, json};

use super::cell::Cell;
use super::dml::Changes;
use super::fault::Fault;
use super::meta::{Choice, Field, Object};
use super::org::Org;

/// Objects whose amounts have a currency.
const MONEY: [&str; 4] = ["Account", "Contact", "Lead", "Opportunity"];
/// Objects with addresses, and the beginnings of their field names.
const ADDRESSES: [(&str, &[&str]); 3] =
    [("Account", &["Billing", "Shipping"]), ("Contact", &["Mailing", "Other"]), ("Lead", &[""])];
const PARTS: [(&str, &[(&str, &str)]); 2] = [
    (
        "Country",
        &[
            ("AT", "Austria"),
            ("CH", "Switzerland"),
            ("DE", "Germany"),
            ("ES", "Spain"),
            ("FR", "France"),
            ("GB", "United Kingdom"),
            ("IT", "Italy"),
            ("NL", "Netherlands"),
            ("PL", "Poland"),
            ("US", "United States"),
        ],
    ),
    (
        "State",
        &[
            ("BY", "Bavaria"),
            ("CA", "California"),
            ("MI", "Milan"),
            ("NY", "New York"),
            ("RM", "Rome"),
            ("TO", "Turin"),
        ],
    ),
];

fn picklist<'v>(
    name: &str,
    label: &str,
    length: u64,
    values: impl Iterator<Item = (&'v str, &'v str)>,
) -> Map<String, Value> {
    let values: Vec<Value> = values
        .map(|(value, label)| json!({ "active": true, "defaultValue": false, "label": label, "validFor": null, "value": value }))
        .collect();
    super::catalogue::object_of(json!({
        "name": name, "label": label, "type": "picklist", "soapType": "xsd:string", "length": length,
        "byteLength": length * 3, "nillable": true, "createable": true, "updateable": true, "filterable": true,
        "sortable": true, "groupable": true, "aggregatable": true, "restrictedPicklist": true, "picklistValues": values,
    }))
}

/// `codes`: the org's currencies, the corporate one first; what is there has that one.
pub fn currencies(org: &mut Org, codes: &[String]) {
    let Some(first) = codes.first() else { return };
    for object in MONEY {
        let values = codes.iter().map(|code| (code.as_str(), code.as_str()));
        let mut json = picklist("CurrencyIsoCode", "Currency ISO Code", 3, values);
        let choices = json.get_mut("picklistValues").and_then(Value::as_array_mut);
        if let Some(default) = choices.and_then(|all| all.first_mut()).and_then(Value::as_object_mut) {
            default.insert("defaultValue".to_owned(), json!(true));
        }
        json.insert("nillable".to_owned(), json!(false));
        json.insert("defaultedOnCreate".to_owned(), json!(true));
        let Some(meta) = org.schema.find_mut(object) else { continue };
        let place = meta.add_field(Field::from_json(json));
        fill(org, object, |_, _| vec![(place, Cell::text(first.as_str()))]);
    }
    org.schema_changed = org.now();
}

/// States and countries become picklists; texts that are in the lists get their codes.
pub fn address_picklists(org: &mut Org) {
    for (object, prefixes) in ADDRESSES {
        let Some(meta) = org.schema.find_mut(object) else { continue };
        for prefix in prefixes {
            for (part, values) in PARTS {
                let label = format!("{prefix} {part} Code");
                let json = picklist(&format!("{prefix}{part}Code"), label.trim(), 10, values.iter().copied());
                meta.add_field(Field::from_json(json));
            }
        }
        fill(org, object, |meta, row| {
            let mut cells = Vec::new();
            for (text, code) in pairs(meta) {
                let known = row.cell(text).as_text().and_then(|text| named(meta, code, text));
                cells.extend(known.map(|choice| (code, Cell::text(choice.value.as_str()))));
            }
            cells
        });
    }
    org.schema_changed = org.now();
}

fn fill(org: &mut Org, object: &str, cells: impl Fn(&Object, &super::store::Row) -> Vec<(u16, Cell)>) {
    let Ok((at, meta)) = org.object(object) else { return };
    let rows: Vec<_> = org
        .table(at)
        .into_iter()
        .flat_map(|table| table.live())
        .map(|row| (row.clone(), cells(meta, row)))
        .collect();
    for (mut row, cells) in rows {
        for (place, cell) in cells {
            row.set(place, cell);
        }
        org.put(at, row);
    }
}

/// Places of texts and codes of an object's addresses, where there are codes.
fn pairs(meta: &Object) -> Vec<(u16, u16)> {
    let own = ADDRESSES.iter().find(|(object, _)| *object == meta.name);
    let names = own.into_iter().flat_map(|(_, prefixes)| prefixes.iter()).flat_map(|prefix| {
        PARTS.iter().map(move |(part, _)| (format!("{prefix}{part}"), format!("{prefix}{part}Code")))
    });
    names.filter_map(|(text, code)| Some((meta.find_any(&text)?.0, meta.find_any(&code)?.0))).collect()
}

fn named<'m>(meta: &'m Object, code: u16, text: &str) -> Option<&'m Choice> {
    let (_, field) = meta.live_fields().find(|(at, _)| *at == code)?;
    let same = |known: &str| known.eq_ignore_ascii_case(text.trim());
    field.choices.iter().find(|choice| same(&choice.label) || same(&choice.value))
}

/// A write of a state or country carries its other half along.
pub fn settle_addresses(meta: &Object, changes: &mut Changes) -> Result<(), Fault> {
    for (text, code) in pairs(meta) {
        let name = |at: u16| meta.live_fields().find(|(place, _)| *place == at).map(|(_, field)| field);
        if let Some(cell) = changes.get(&code) {
            let label =
                cell.as_text().and_then(|value| named(meta, code, value)).map(|choice| choice.label.clone());
            changes.insert(text, label.map_or(Cell::Null, Cell::text));
        } else if let Some(cell) = changes.get(&text) {
            let given = cell.as_text().unwrap_or("").to_owned();
            let found = named(meta, code, &given).map(|choice| (choice.value.clone(), choice.label.clone()));
            match found {
                Some((value, label)) => {
                    changes.insert(code, Cell::text(value));
                    changes.insert(text, Cell::text(label));
                }
                None if given.is_empty() => {
                    changes.insert(code, Cell::Null);
                }
                None => {
                    let label = name(text).map_or("address", |field| field.label.as_str());
                    let message = format!(
                        "There's a problem with this {label}, even though it may appear correct. Please select a value from \
                         the list of valid ones: {given}"
                    );
                    let field = name(text).map_or("", |field| field.name.as_str());
                    return Err(Fault::record("FIELD_INTEGRITY_EXCEPTION", message, [field]));
                }
            }
        }
    }
    Ok(())
}
