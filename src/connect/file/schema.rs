//! The schema of an export: its keys or columns, with types that all of their values have.
//!
//! Invariant: what could mean something else stays text (a postal code with a leading zero, a phone number). Nothing
//! can be written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::Value as Json;

use super::rows;
use crate::schema::FieldType;
use crate::schema::model::{Field, Object};
use crate::schema::types::Digits;

/// Which types all values so far could have.
#[derive(Debug, Clone, Copy)]
struct Could {
    seen: bool,
    bool: bool,
    number: bool,
    date: bool,
    instant: bool,
    json: bool,
}

impl Could {
    const ANYTHING: Could =
        Could { seen: false, bool: true, number: true, date: true, instant: true, json: true };

    fn see(&mut self, name: &str, value: &Json) {
        let text = match value {
            Json::Null => return,
            Json::String(text) if text.is_empty() => return,
            Json::String(text) => text.as_str(),
            Json::Bool(_) => "true",
            Json::Number(_) => "1",
            Json::Array(_) | Json::Object(_) => "{",
        };
        self.seen = true;
        // An id is a name, whatever it looks like.
        let id = super::IDS.contains(&name);
        self.bool &= matches!(text, "true" | "false");
        self.number &= !id && is_number(text);
        self.date &= text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
        self.instant &= text.contains('T') && crate::wire::instant(text).is_some();
        self.json &= text == "{";
    }

    fn ty(self) -> FieldType {
        match self {
            Could { seen: false, .. } => FieldType::Text { max: None },
            Could { bool: true, .. } => FieldType::Bool,
            Could { number: true, .. } => FieldType::Decimal(Digits::default()),
            Could { date: true, .. } => FieldType::Date,
            Could { instant: true, .. } => FieldType::DateTime,
            Could { json: true, .. } => FieldType::Json,
            _ => FieldType::Text { max: None },
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !padded && plain && digits.parse::<rust_decimal::Decimal>().is_ok()
}

/// Reads the whole file; rows that can't be read are left out here, a run tells them.
pub fn object(name: &str, path: &Path) -> io::Result<Object> {
    let mut columns: BTreeMap<String, Could> = BTreeMap::new();
    let mut records = 0;
    rows::each(path, &mut |_, row| {
        for (name, value) in row.iter().flatten() {
            columns.entry(name.clone()).or_insert(Could::ANYTHING).see(name, value);
        }
        records += u64::from(row.is_ok());
        Ok(())
    })?;
    let field = |(name, could): (String, Could)| {
        let field = Field {
            label: name.clone(),
            ty: could.ty(),
            nullable: true,
            readable: true,
            createable: false,
            updateable: false,
            filterable: true,
            unique: super::IDS.contains(&name.as_str()),
            external_id: false,
            calculated: false,
            required_on_create: false,
            defaulted: false,
            restricted: false,
            custom: false,
            written_by: String::new(),
            options: Vec::new(),
            wire: String::new(),
        };
        (name, field)
    };
    Ok(Object {
        label: name.to_owned(),
        aliases: Vec::new(),
        createable: false,
        updateable: false,
        deletable: false,
        fields: columns.into_iter().map(field).collect(),
        pipelines: Vec::new(),
        stages: Vec::new(),
        record_types: Vec::new(),
        associations: Vec::new(),
        records: Some(records),
    })
}
