//! Fields that are made from other fields: full names, addresses, what a stage says of an opportunity.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::cell::Cell;
use super::meta::{Field, Object};
use super::org::Org;
use super::store::Row;

/// (object, its derived fields); `*` stands for every object. Compound fields are always derived.
const DERIVED: &[(&str, &[&str])] = &[
    ("*", &["PhotoUrl"]),
    ("Contact", &["Name"]),
    ("Lead", &["Name"]),
    ("User", &["Name"]),
    (
        "Opportunity",
        &[
            "IsClosed",
            "IsWon",
            "ForecastCategory",
            "ExpectedRevenue",
            "FiscalQuarter",
            "FiscalYear",
            "Fiscal",
        ],
    ),
    ("Task", &["IsClosed", "IsHighPriority", "AccountId"]),
];

pub fn is_derived(object: &str, field: &str) -> bool {
    DERIVED.iter().any(|(of, fields)| (*of == "*" || *of == object) && fields.contains(&field))
}

pub fn value(org: &Org, object: &Object, row: &Row, field: &Field) -> Cell {
    let read = |name: &str| org.read_by_name(object, row, name);
    match (object.name.as_str(), field.name.as_str()) {
        (_, "PhotoUrl") => Cell::text(format!("/services/images/photo/{}", row.id)),
        ("Contact" | "Lead" | "User", "Name") => full_name(&read("FirstName"), &read("LastName")),
        ("Opportunity", name) => opportunity(org, object, row, name),
        ("Task", "IsClosed") => Cell::Bool(read("Status").as_text() == Some("Completed")),
        ("Task", "IsHighPriority") => Cell::Bool(read("Priority").as_text() == Some("High")),
        ("Task", "AccountId") => account_of(org, &[read("WhatId"), read("WhoId")]),
        (_, name) if name.ends_with("Address") => address(org, object, row, name.trim_end_matches("Address")),
        _ => Cell::Null,
    }
}

fn full_name(first: &Cell, last: &Cell) -> Cell {
    let parts: Vec<&str> = [first, last].into_iter().filter_map(Cell::as_text).collect();
    if parts.is_empty() { Cell::Null } else { Cell::text(parts.join(" ")) }
}

fn opportunity(org: &Org, object: &Object, row: &Row, field: &str) -> Cell {
    let read = |name: &str| org.read_by_name(object, row, name);
    match field {
        "IsClosed" | "IsWon" | "ForecastCategory" => {
            let stage = read("StageName");
            // A stage that nobody defined counts as open.
            match stage_row(org, stage.as_text().unwrap_or_default()) {
                Some((stages, stage)) => org.read_by_name(stages, stage, field),
                None if field == "ForecastCategory" => Cell::text("Pipeline"),
                None => Cell::Bool(false),
            }
        }
        "ExpectedRevenue" => match (read("Amount"), read("Probability")) {
            (Cell::Number(amount), Cell::Number(percent)) => {
                Cell::Number((amount * percent / Decimal::ONE_HUNDRED).round_dp(2))
            }
            _ => Cell::Null,
        },
        _ => match read("CloseDate") {
            Cell::Date(day) => {
                let quarter = (day.month() - 1) / 3 + 1;
                match field {
                    "FiscalYear" => Cell::Number(Decimal::from(day.year())),
                    "FiscalQuarter" => Cell::Number(Decimal::from(quarter)),
                    _ => Cell::text(format!("{} {quarter}", day.year())),
                }
            }
            _ => Cell::Null,
        },
    }
}

/// The row of OpportunityStage with this API name.
pub fn stage_row<'a>(org: &'a Org, name: &str) -> Option<(&'a Object, &'a Row)> {
    let (at, stages) = org.schema.find_any("OpportunityStage")?;
    let (api_name, _) = stages.find_any("ApiName")?;
    let row = org.table(at)?.live().find(|row| row.cell(api_name).as_text() == Some(name))?;
    Some((stages, row))
}

/// The account that the first of these points to, itself or through it.
fn account_of(org: &Org, targets: &[Cell]) -> Cell {
    for target in targets.iter().filter_map(Cell::as_id) {
        let Some((at, row)) = org.find(target) else { continue };
        let Some(object) = org.schema.get(at) else { continue };
        if object.name == "Account" {
            return Cell::Ref(row.id);
        }
        let account = org.read_by_name(object, row, "AccountId");
        if !account.is_null() {
            return account;
        }
    }
    Cell::Null
}

/// Null when all parts are.
fn address(org: &Org, object: &Object, row: &Row, prefix: &str) -> Cell {
    let read = |part: &str| org.read_by_name(object, row, &format!("{prefix}{part}"));
    let mut parts: Vec<(&'static str, Cell)> = vec![("city", read("City")), ("country", read("Country"))];
    if object.find_any(&format!("{prefix}CountryCode")).is_some() {
        parts.push(("countryCode", read("CountryCode")));
    }
    parts.extend([
        ("geocodeAccuracy", read("GeocodeAccuracy")),
        ("latitude", read("Latitude")),
        ("longitude", read("Longitude")),
        ("postalCode", read("PostalCode")),
        ("state", read("State")),
    ]);
    if object.find_any(&format!("{prefix}StateCode")).is_some() {
        parts.push(("stateCode", read("StateCode")));
    }
    parts.push(("street", read("Street")));
    if parts.iter().all(|(_, cell)| cell.is_null()) { Cell::Null } else { Cell::Address(Arc::from(parts)) }
}
