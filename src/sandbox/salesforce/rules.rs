//! What an org's admins demand of a record: validation rules and duplicate rules, set by `/_sandbox/` calls.

use serde::Deserialize;

use super::cell::{Cell, fold};
use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::meta::Object;
use super::org::{Org, Who};
use super::soql::compile::Scope;
use super::soql::eval::holds;
use super::soql::parse::parse;
use super::soql::project::attributes;
use super::store::Row;

/// Refuses records for which a condition is true.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    pub name: String,
    pub object: String,
    /// A condition as in the WHERE of a query.
    pub when: String,
    pub message: String,
    /// Where the error is shown; without it, at the top of the page.
    #[serde(default)]
    pub field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A client may save nevertheless, with `allowSave`.
    Alert,
    Block,
}

/// Refuses records that agree with another one in all of these fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    pub name: String,
    pub object: String,
    pub fields: Vec<String>,
    pub action: Action,
    #[serde(default = "usual_message")]
    pub message: String,
}

fn usual_message() -> String {
    "Use one of these records?".to_owned()
}

#[derive(Debug, Default)]
pub struct Rules {
    validations: Vec<Validation>,
    duplicates: Vec<Duplicates>,
}

impl Rules {
    /// Adds a rule; one of the same name is replaced.
    pub fn add_validation(&mut self, rule: Validation) {
        self.validations.retain(|known| known.name != rule.name);
        self.validations.push(rule);
    }

    pub fn add_duplicates(&mut self, rule: Duplicates) {
        self.duplicates.retain(|known| known.name != rule.name);
        self.duplicates.push(rule);
    }

    /// Ends the rule of this name, or all.
    pub fn remove(&mut self, name: Option<&str>) {
        self.validations.retain(|known| name.is_some_and(|name| name != known.name));
        self.duplicates.retain(|known| name.is_some_and(|name| name != known.name));
    }
}

/// The text of a query that a condition makes sense in.
pub fn condition(object: &str, when: &str) -> String {
    format!("SELECT Id FROM {object} WHERE {when}")
}

/// Whether a record meets a condition.
///
/// # Errors
/// A condition that is no SOQL, or names what the object does not have.
pub fn meets(org: &Org, meta: &Object, row: &Row, when: &str) -> Result<bool, Fault> {
    let text = condition(&meta.name, when);
    let query = parse(&text)?;
    let scope = Scope::new(org, &text, &query)?;
    let filter = query.filter.as_ref().map(|expr| scope.filter(expr)).transpose()?;
    Ok(filter.is_some_and(|filter| holds(org, meta, row, &filter)))
}

/// The record as it would be stored; `changed` are the fields that this write sets.
pub fn check(org: &Org, who: &Who, at: usize, row: &Row, changed: &[u16]) -> Result<(), Fault> {
    super::access::check(org, at, row)?;
    let Some(meta) = org.schema.get(at) else { return Ok(()) };
    let of = |name: &str| meta.name.eq_ignore_ascii_case(name);
    for rule in org.rules.validations.iter().filter(|rule| of(&rule.object)) {
        // A rule whose fields an admin deleted since can't hold any more.
        if meets(org, meta, row, &rule.when).unwrap_or(false) {
            let code = "FIELD_CUSTOM_VALIDATION_EXCEPTION";
            return Err(Fault::record(code, &rule.message, rule.field.iter().cloned()));
        }
    }
    for rule in org.rules.duplicates.iter().filter(|rule| of(&rule.object)) {
        if rule.action == Action::Alert && who.allow_duplicates {
            continue;
        }
        duplicate(org, at, meta, row, rule, changed)?;
    }
    Ok(())
}

fn duplicate(
    org: &Org,
    at: usize,
    meta: &Object,
    row: &Row,
    rule: &Duplicates,
    changed: &[u16],
) -> Result<(), Fault> {
    let places: Option<Vec<u16>> =
        rule.fields.iter().map(|name| meta.find_any(name).map(|(place, _)| place)).collect();
    let Some(places) = places.filter(|places| places.iter().any(|place| changed.contains(place))) else {
        return Ok(());
    };
    let key: Vec<Cell> = places.iter().map(|place| org.read(meta, row, *place)).collect();
    if key.iter().any(Cell::is_null) {
        return Ok(());
    }
    let same = |other: &&Row| {
        other.id != row.id
            && places.iter().zip(&key).all(|(place, want)| alike(&org.read(meta, other, *place), want))
    };
    // An indexed field finds the few that can agree.
    let looked_up = places.iter().zip(&key).find_map(|(place, want)| {
        let text = want.as_text().filter(|_| meta.field(*place).is_some_and(super::meta::Field::indexed))?;
        Some(org.table(at)?.lookup(meta, *place, text))
    });
    let Some(table) = org.table(at) else { return Ok(()) };
    let found: Vec<&Row> = match looked_up {
        Some(ids) => ids.into_iter().filter_map(|id| table.get(id)).filter(same).collect(),
        None => table.live().filter(same).collect(),
    };
    if found.is_empty() {
        return Ok(());
    }
    let mut fault = Fault::record("DUPLICATES_DETECTED", &rule.message, [""; 0]);
    fault.duplicates = Some(detail(meta, rule, &found));
    Err(fault)
}

fn alike(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => fold(a).eq(fold(b)),
        _ => a == b,
    }
}

fn detail(meta: &Object, rule: &Duplicates, found: &[&Row]) -> Doc {
    let records = found.iter().map(|row| {
        object([
            ("additionalInformation", Doc::List(Vec::new())),
            ("fieldDiffs", Doc::List(Vec::new())),
            ("matchConfidence", Doc::Number("100.0".into())),
            (
                "record",
                object([
                    ("attributes", attributes(super::NEWEST, &meta.name, row.id)),
                    ("Id", row.id.to_string().into()),
                ]),
            ),
        ])
    });
    let matched = object([
        ("entityType", (&meta.name).into()),
        ("errors", Doc::List(Vec::new())),
        ("matchEngine", "ExactMatchEngine".into()),
        ("matchRecords", list(records)),
        ("rule", format!("{}_Match", rule.name).into()),
        ("size", found.len().into()),
        ("success", true.into()),
    ]);
    object([
        ("allowSave", (rule.action == Action::Alert).into()),
        ("duplicateRule", (&rule.name).into()),
        ("duplicateRuleEntityType", (&meta.name).into()),
        ("errorMessage", (&rule.message).into()),
        ("matchResults", list([matched])),
    ])
}
