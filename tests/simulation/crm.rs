//! A model of a CRM, small and true in what matters to a sync: HubSpot keeps the history of each property, has unique
//! properties, trims, and overwrites blindly; Salesforce refuses a write when the record changed in a later second.

use std::collections::BTreeMap;

use twinmap::connect::remote::{AssociateAction, AssociateItem, Outcome, Refusal, WriteItem, WriteKind};
use twinmap::record::RecordId;
use twinmap::value::Value;

use super::program::SHAPES;

/// Values that carry this are refused by every server.
pub const POISON: &str = "poison";

#[derive(Clone, Debug)]
pub struct Entry {
    /// Server time.
    pub at: i64,
    pub value: String,
    pub ours: bool,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub fields: Vec<Vec<Entry>>,
    pub created: i64,
    pub modified: i64,
    /// True time from which the feed shows the last change.
    pub visible: i64,
    pub archived: Option<i64>,
    /// Companies of a HubSpot contact, with "is the primary one".
    pub companies: BTreeMap<String, bool>,
}

impl Row {
    pub fn value(&self, field: usize) -> &str {
        self.fields[field].last().map_or("", |entry| entry.value.as_str())
    }
}

#[derive(Default)]
pub struct Table {
    pub rows: BTreeMap<String, Row>,
    pub made: u32,
}

/// What a write did, for the oracle.
#[derive(Default)]
pub struct Effects {
    /// Fields that were set to what they held already.
    pub echoes: Vec<String>,
    pub applied: Vec<String>,
}

pub struct Crm {
    pub tables: Vec<Table>,
    /// Server time minus true time, by system.
    pub skew: [i64; 2],
}

/// The form in which a value is told apart: what the two servers may do to it taken away.
pub fn payload(value: &str) -> &str {
    value.trim()
}

impl Crm {
    pub fn new(skew: [i64; 2]) -> Self {
        Crm { tables: SHAPES.iter().map(|_| Table::default()).collect(), skew }
    }

    pub fn server(&self, object: usize, at: i64) -> i64 {
        let system = SHAPES[object].system;
        let at = at + self.skew[system];
        // Salesforce stamps to the second.
        if system == 0 { at } else { at.div_euclid(1000) * 1000 }
    }

    fn stored(object: usize, value: &str) -> String {
        if SHAPES[object].system == 0 { value.trim().to_owned() } else { value.to_owned() }
    }

    /// Makes a record; `lag` until the feed shows it.
    pub fn make(
        &mut self,
        object: usize,
        values: &[(usize, String)],
        ours: bool,
        at: i64,
        lag: i64,
    ) -> String {
        let server = self.server(object, at);
        let table = &mut self.tables[object];
        table.made += 1;
        let id = match SHAPES[object].system {
            0 => format!("{}", object * 1000 + table.made as usize),
            _ => {
                format!("{}0000000000000{:03}AAA", ["", "00", "", "03"][object], table.made)[..18].to_owned()
            }
        };
        let mut fields = vec![Vec::new(); SHAPES[object].fields.len()];
        for (field, value) in values {
            if !value.is_empty() {
                fields[*field].push(Entry { at: server, value: Self::stored(object, value), ours });
            }
        }
        let row = Row {
            fields,
            created: server,
            modified: server,
            visible: at + lag,
            archived: None,
            companies: BTreeMap::new(),
        };
        table.rows.insert(id.clone(), row);
        id
    }

    #[expect(clippy::too_many_arguments, reason = "one change with everything that a CRM remembers of it")]
    /// Sets one field; `stamp` is the server time that the change gets.
    pub fn set(
        &mut self,
        object: usize,
        id: &str,
        field: usize,
        value: &str,
        ours: bool,
        stamp: i64,
        visible: i64,
    ) {
        let row = self.tables[object].rows.get_mut(id).unwrap();
        let value = Self::stored(object, value);
        if row.value(field) != value {
            row.fields[field].push(Entry { at: stamp, value, ours });
        }
        row.modified = row.modified.max(stamp);
        row.visible = row.visible.max(visible);
    }

    pub fn live(&self, object: usize) -> Vec<String> {
        let rows = self.tables[object].rows.iter();
        rows.filter(|(_, row)| row.archived.is_none()).map(|(id, _)| id.clone()).collect()
    }

    fn holder(&self, object: usize, field: usize, value: &str) -> Option<String> {
        let rows = self.tables[object].rows.iter();
        rows.filter(|(_, row)| row.archived.is_none())
            .find(|(_, row)| row.value(field) == value)
            .map(|(id, _)| id.clone())
    }

    /// Carries out one item of a write at true time `at`.
    pub fn write(
        &mut self,
        object: usize,
        item: &WriteItem,
        at: i64,
        lag: i64,
        effects: &mut Effects,
    ) -> Outcome {
        let shape = &SHAPES[object];
        let place = |name: &str| shape.fields.iter().position(|field| *field == name).unwrap();
        let mut values: Vec<(usize, String)> = item
            .fields
            .iter()
            .map(|(field, value)| (place(&field.name), value.as_text().unwrap_or("").to_owned()))
            .collect();
        if values.iter().any(|(_, value)| value.contains(POISON)) {
            return Outcome::Refused(Refusal {
                code: "INVALID".to_owned(),
                message: "a value is not valid".to_owned(),
                fields: Vec::new(),
                retryable: false,
            });
        }
        match &item.kind {
            WriteKind::Create { unique } => {
                let known = unique.as_ref().and_then(|(field, value)| {
                    let field = place(field);
                    values.retain(|(at, _)| *at != field);
                    values.push((field, value.to_string()));
                    self.holder(object, field, value)
                });
                if let Some(id) = known {
                    self.put(object, &id, &values, at, lag);
                    effects.applied.push(format!("{} upserted {values:?}", id));
                    return Outcome::Updated { id: RecordId::new(id) };
                }
                if let Some(taken) = self.taken(object, "", &values) {
                    return Outcome::Exists {
                        candidates: vec![RecordId::new(taken)],
                        message: "taken".to_owned(),
                    };
                }
                let id = self.make(object, &values, true, at, lag);
                effects.applied.push(format!("{id} created {values:?}"));
                Outcome::Created { id: RecordId::new(id) }
            }
            WriteKind::Update { id, unmodified_since } => {
                let Some(row) =
                    self.tables[object].rows.get(id.as_str()).filter(|row| row.archived.is_none())
                else {
                    return Outcome::Refused(Refusal {
                        code: "NOT_FOUND".to_owned(),
                        message: "there is no such record".to_owned(),
                        fields: Vec::new(),
                        retryable: false,
                    });
                };
                if unmodified_since
                    .is_some_and(|since| row.modified.div_euclid(1000) > since.0.div_euclid(1000))
                {
                    return Outcome::Stale;
                }
                if self.taken(object, id.as_str(), &values).is_some() {
                    return Outcome::Refused(Refusal {
                        code: "DUPLICATE".to_owned(),
                        message: "taken".to_owned(),
                        fields: Vec::new(),
                        retryable: false,
                    });
                }
                for (field, value) in &values {
                    let name = shape.fields[*field];
                    if name != "Twinmap_Op__c" && payload(row.value(*field)) == payload(value) {
                        effects.echoes.push(format!("{}.{name} {id} = {value:?}", shape.name));
                    }
                }
                self.put(object, id.as_str(), &values, at, lag);
                effects.applied.push(format!("{id} updated {values:?}"));
                Outcome::Updated { id: id.clone() }
            }
        }
    }

    fn taken(&self, object: usize, own: &str, values: &[(usize, String)]) -> Option<String> {
        let field = SHAPES[object].unique?;
        let (_, value) = values.iter().find(|(at, _)| *at == field)?;
        self.holder(object, field, value.trim()).filter(|id| id != own)
    }

    fn put(&mut self, object: usize, id: &str, values: &[(usize, String)], at: i64, lag: i64) {
        let stamp = self.server(object, at);
        for (field, value) in values {
            self.set(object, id, *field, value, true, stamp, at + lag);
        }
    }

    /// Contacts and their companies, the HubSpot way.
    pub fn associate(&mut self, item: &AssociateItem, at: i64, lag: i64) -> Outcome {
        let stamp = self.server(super::program::PERSON, at);
        let Some(row) = self.tables[super::program::PERSON].rows.get_mut(item.from.as_str()) else {
            return Outcome::Unknown { message: "no such record".to_owned() };
        };
        let to = item.to.as_str().to_owned();
        match item.action {
            AssociateAction::Add => {
                row.companies.entry(to).or_insert(false);
            }
            AssociateAction::AddPrimary => {
                row.companies.values_mut().for_each(|primary| *primary = false);
                row.companies.insert(to, true);
            }
            AssociateAction::Remove => {
                row.companies.remove(&to);
            }
        }
        row.modified = row.modified.max(stamp);
        row.visible = row.visible.max(at + lag);
        Outcome::Updated { id: item.from.clone() }
    }
}

pub fn value(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::text(text) }
}
