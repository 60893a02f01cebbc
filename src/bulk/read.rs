//! One record's JSON text to the raw texts of the fields that the plan knows; the rest is only validated.
//!
//! Invariant: the whole text is valid JSON when this succeeds. Of a key that stands twice the last one counts, as with
//! every other reader of ours.

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::{Puzzled, Quoted, Scan};
use crate::plan::ir::Object;
use crate::schema::SystemKind;

/// Where a key's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Slot(usize),
    /// Salesforce: the parent of fields such as `Owner.Email`; index into `Keys::parents`.
    Parent(usize),
    Id,
    Properties,
    /// `results` or `records`: a page of records.
    Page,
    Attributes,
    Gone,
    Other,
}

/// The keys of an object that are of interest, by their length.
#[derive(Debug)]
pub struct Keys {
    kind: SystemKind,
    top: Vec<Vec<(String, Place)>>,
    nested: Vec<Vec<(String, Place)>>,
    parents: Vec<Vec<(usize, String)>>,
    slots: usize,
}

/// What was found, as JSON text.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub slots: Vec<Option<&'a str>>,
    pub id: Option<&'a str>,
    pub page: Option<&'a str>,
    pub attributes: Option<&'a str>,
    /// In the recycle bin.
    pub gone: bool,
    /// HubSpot: there is a `properties` object.
    pub properties: bool,
    /// The key of a field that stands there twice; the last one counts.
    pub twice: Option<&'a str>,
}

fn add(into: &mut Vec<Vec<(String, Place)>>, name: &str, place: Place) {
    if into.len() <= name.len() {
        into.resize(name.len() + 1, Vec::new());
    }
    if let Some(bucket) = into.get_mut(name.len()) {
        bucket.push((name.to_owned(), place));
    }
}

impl Keys {
    pub fn new(kind: SystemKind, object: &Object) -> Self {
        let (mut top, mut nested, mut parents) = (Vec::new(), Vec::new(), Vec::new());
        let mut heads: Vec<String> = Vec::new();
        for (index, field) in object.fields.iter().enumerate() {
            match field.name.split_once('.') {
                Some((head, rest)) if kind == SystemKind::Salesforce => {
                    let at = heads.iter().position(|known| known == head).unwrap_or_else(|| {
                        add(&mut top, head, Place::Parent(heads.len()));
                        heads.push(head.to_owned());
                        parents.push(Vec::new());
                        heads.len() - 1
                    });
                    if let Some(parent) = parents.get_mut(at) {
                        parent.push((index, rest.to_owned()));
                    }
                }
                _ if kind == SystemKind::Hubspot => add(&mut nested, &field.name, Place::Slot(index)),
                _ => add(&mut top, &field.name, Place::Slot(index)),
            }
        }
        let fixed: &[(&str, Place)] = match kind {
            SystemKind::Hubspot => &[
                ("id", Place::Id),
                ("properties", Place::Properties),
                ("results", Place::Page),
                ("archived", Place::Gone),
            ],
            SystemKind::File => &[
                ("id", Place::Id),
                ("Id", Place::Id),
                ("results", Place::Page),
                ("records", Place::Page),
                ("archived", Place::Gone),
            ],
            _ => &[
                ("Id", Place::Id),
                ("attributes", Place::Attributes),
                ("records", Place::Page),
                ("IsDeleted", Place::Gone),
            ],
        };
        for (name, place) in fixed {
            // A field of the plan with such a name (`Id`) keeps its slot: its place is the first in the bucket.
            add(&mut top, name, *place);
        }
        Keys { kind, top, nested, parents, slots: object.fields.len() }
    }

    /// # Errors
    /// The text is not one JSON object.
    pub fn read<'a>(&self, text: &'a str, found: &mut Found<'a>) -> Result<(), serde_json::Error> {
        let mut scan = Scan::new(text);
        if self.object(&mut scan, found).and_then(|()| scan.end()).is_ok() {
            return Ok(());
        }
        // Whoever takes more time knows better, and says what is wrong.
        self.clear(found);
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.deserialize_map(Members { keys: self, table: &self.top, found })?;
        reader.end()
    }

    fn clear(&self, found: &mut Found<'_>) {
        *found = Found { slots: std::mem::take(&mut found.slots), ..Found::default() };
        found.slots.clear();
        found.slots.resize(self.slots, None);
    }

    /// Reads the object at which `scan` stands, and goes behind it.
    pub fn object<'a>(&self, scan: &mut Scan<'a>, found: &mut Found<'a>) -> Result<(), Puzzled> {
        self.clear(found);
        scan.open()?;
        let mut first = true;
        while let Some(key) = scan.key(first)? {
            first = false;
            let found_at = places(&self.top, key)?;
            if found_at.0 != Place::Properties {
                let raw = scan.value()?;
                self.put_both(found_at, key, raw, found);
                continue;
            }
            if !scan.at_object() || std::mem::replace(&mut found.properties, true) {
                return Err(Puzzled);
            }
            scan.open()?;
            let mut first = true;
            while let Some(key) = scan.key(first)? {
                first = false;
                let found_at = places(&self.nested, key)?;
                let raw = scan.value()?;
                self.put_both(found_at, key, raw, found);
            }
        }
        Ok(())
    }

    fn put_both<'a>(
        &self,
        (one, other): (Place, Option<Place>),
        key: Quoted<'a>,
        raw: &'a str,
        found: &mut Found<'a>,
    ) {
        if let Place::Slot(index) = one
            && found.slots.get(index).is_some_and(Option::is_some)
        {
            found.twice = Some(key.inner);
        }
        if one != Place::Other {
            self.put(one, raw, found);
        }
        if let Some(other) = other {
            self.put(other, raw, found);
        }
    }

    fn put<'a>(&self, place: Place, raw: &'a str, found: &mut Found<'a>) {
        match place {
            Place::Slot(index) => {
                if let Some(slot) = found.slots.get_mut(index) {
                    *slot = Some(raw);
                }
            }
            Place::Parent(index) => {
                for (slot, rest) in self.parents.get(index).into_iter().flatten() {
                    if let Some(slot) = found.slots.get_mut(*slot) {
                        *slot = within(raw, rest);
                    }
                }
            }
            Place::Id => found.id = Some(raw),
            Place::Page => found.page = Some(raw),
            Place::Attributes => found.attributes = Some(raw),
            Place::Gone => found.gone = raw == "true",
            Place::Properties | Place::Other => {}
        }
    }
}

/// Where a key's value goes, by one table.
fn places(table: &[Vec<(String, Place)>], key: Quoted<'_>) -> Result<(Place, Option<Place>), Puzzled> {
    if !key.escaped {
        return Ok(named(table, key.inner));
    }
    let name: String = serde_json::from_str(&format!("\"{}\"", key.inner)).map_err(|_| Puzzled)?;
    Ok(named(table, &name))
}

fn named(table: &[Vec<(String, Place)>], key: &str) -> (Place, Option<Place>) {
    let bucket = table.get(key.len()).map_or(&[][..], Vec::as_slice);
    let mut hits = bucket.iter().filter(|(name, _)| name == key).map(|(_, place)| *place);
    (hits.next().unwrap_or(Place::Other), hits.next())
}

/// The text of a field of a parent; a parent that is null makes its fields null.
fn within<'a>(raw: &'a str, path: &str) -> Option<&'a str> {
    if raw == "null" {
        return Some(raw);
    }
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let members: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
    let found = members.get(head)?.get();
    match rest {
        Some(rest) => within(found, rest),
        None => Some(found),
    }
}

struct Members<'k, 'f, 'a> {
    keys: &'k Keys,
    table: &'k [Vec<(String, Place)>],
    found: &'f mut Found<'a>,
}

impl<'a> Visitor<'a> for Members<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record (a JSON object)")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(places) = map.next_key_seed(Key { table: self.table })? {
            if places == (Place::Other, None) {
                map.next_value::<IgnoredAny>()?;
            } else if places.0 == Place::Properties {
                self.found.properties = true;
                map.next_value_seed(Properties { keys: self.keys, found: &mut *self.found })?;
            } else {
                let raw: &'a RawValue = map.next_value()?;
                self.keys.put(places.0, raw.get(), self.found);
                if let Some(second) = places.1 {
                    self.keys.put(second, raw.get(), self.found);
                }
            }
        }
        Ok(())
    }
}

struct Properties<'k, 'f, 'a> {
    keys: &'k Keys,
    found: &'f mut Found<'a>,
}

impl<'a> DeserializeSeed<'a> for Properties<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(Members { keys: self.keys, table: &self.keys.nested, found: self.found })
    }
}

struct Key<'k> {
    table: &'k [Vec<(String, Place)>],
}

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = (Place, Option<Place>);

    fn deserialize<D: serde::Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = (Place, Option<Place>);

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(named(self.table, key))
    }
}

impl Keys {
    pub fn kind(&self) -> SystemKind {
        self.kind
    }
}
