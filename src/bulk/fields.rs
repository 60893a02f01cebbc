//! One record's JSON text to the raw texts of the fields that the mapping reads; the rest is only validated.
//!
//! Invariant: the whole text is valid JSON when this succeeds. Of a field that stands twice the last one counts, and it
//! is told: readers of JSON do not agree on which one does.

use std::borrow::Cow;

use super::shape::Shape;
use super::walk::{Scan, Wrong};
use crate::plan::ir::Object;
use crate::schema::SystemKind;
use crate::wire::Raw;

/// Where a key's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Slot(u32),
    /// Salesforce: the parent of fields such as `Owner.Email`; index into `Keys::parents`.
    Parent(u32),
    Id,
    Properties,
    /// `results` or `records`: a page of records.
    Page,
    Attributes,
    Gone,
    Other,
}

/// The keys of an object that are of interest. Each thread has its own: they learn the order in which keys come.
#[derive(Debug, Clone)]
pub struct Keys {
    top: Shape,
    nested: Shape,
    parents: Vec<Vec<(usize, String)>>,
    slots: usize,
}

/// What was found, as JSON text.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub slots: Vec<Option<Raw<'a>>>,
    pub id: Option<Raw<'a>>,
    pub page: Option<&'a str>,
    pub attributes: Option<&'a str>,
    /// In the recycle bin.
    pub gone: bool,
    /// HubSpot: there is a `properties` object.
    pub properties: bool,
    /// Index of a field that stands twice.
    pub twice: Option<usize>,
}

impl Keys {
    /// Of the object's fields those that `wanted` names.
    pub fn new(kind: SystemKind, object: &Object, wanted: &[usize]) -> Self {
        let (mut top, mut nested, mut parents) = (Shape::default(), Shape::default(), Vec::new());
        let mut heads: Vec<String> = Vec::new();
        let fields = object.fields.iter().enumerate().filter(|(index, _)| wanted.contains(index));
        for (index, field) in fields {
            match field.name.split_once('.') {
                Some((head, rest)) if kind == SystemKind::Salesforce => {
                    let at = heads.iter().position(|known| known == head).unwrap_or_else(|| {
                        top.add(head, Place::Parent(small(heads.len())));
                        heads.push(head.to_owned());
                        parents.push(Vec::new());
                        heads.len() - 1
                    });
                    if let Some(parent) = parents.get_mut(at) {
                        parent.push((index, rest.to_owned()));
                    }
                }
                _ if kind == SystemKind::Hubspot => nested.add(&field.name, Place::Slot(small(index))),
                _ => top.add(&field.name, Place::Slot(small(index))),
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
            // A field of the plan with such a name (`Id`) keeps its slot: its place is the first of the two.
            top.add(name, *place);
        }
        Keys { top, nested, parents, slots: object.fields.len() }
    }

    /// Reads the object at hand, and nothing behind it.
    ///
    /// # Errors
    /// What stands there is no JSON object.
    pub fn read<'a>(&mut self, scan: &mut Scan<'a>, found: &mut Found<'a>) -> Result<(), Wrong> {
        let mut slots = std::mem::take(&mut found.slots);
        slots.clear();
        slots.resize(self.slots, None);
        *found = Found { slots, ..Found::default() };
        if !opens(scan)? {
            return Ok(());
        }
        let mut last = Shape::START;
        loop {
            let (first, second) = self.top.key(scan, &mut last)?;
            match (first, second) {
                (Place::Other, _) => scan.value()?,
                (Place::Properties, _) => {
                    found.properties = true;
                    self.properties(scan, found)?;
                }
                _ => {
                    let from = scan.at();
                    let raw = scan.raw()?;
                    self.put(first, raw, scan.since(from), found);
                    if let Some(second) = second {
                        self.put(second, raw, scan.since(from), found);
                    }
                }
            }
            if scan.closes(b'}')? {
                return Ok(());
            }
        }
    }

    fn properties<'a>(&mut self, scan: &mut Scan<'a>, found: &mut Found<'a>) -> Result<(), Wrong> {
        if !opens(scan)? {
            return Ok(());
        }
        let mut last = Shape::START;
        loop {
            match self.nested.key(scan, &mut last)?.0 {
                Place::Slot(index) => {
                    let raw = scan.raw()?;
                    slot(index, raw, found);
                }
                _ => scan.value()?,
            }
            if scan.closes(b'}')? {
                return Ok(());
            }
        }
    }

    fn put<'a>(&self, place: Place, raw: Raw<'a>, text: &'a str, found: &mut Found<'a>) {
        match place {
            Place::Slot(index) => slot(index, raw, found),
            Place::Parent(index) => {
                for (index, rest) in self.parents.get(index as usize).into_iter().flatten() {
                    if let Some(raw) = within(raw, rest) {
                        slot(small(*index), raw, found);
                    }
                }
            }
            Place::Id => found.id = Some(raw),
            Place::Page => found.page = Some(text),
            Place::Attributes => found.attributes = Some(text),
            Place::Gone => found.gone = raw == Raw::Other("true"),
            Place::Properties | Place::Other => {}
        }
    }
}

/// A plan has far fewer fields.
fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[inline(always)]
fn slot<'a>(index: u32, raw: Raw<'a>, found: &mut Found<'a>) {
    let index = index as usize;
    if let Some(slot) = found.slots.get_mut(index) {
        if slot.is_some() {
            found.twice = Some(index);
        }
        *slot = Some(raw);
    }
}

/// Passes the bracket of an object; whether it has members.
pub fn opens(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    if scan.byte() != b'{' {
        return Err(scan.wrong("a record (a JSON object) is expected"));
    }
    scan.pass(1);
    scan.space();
    let empty = scan.byte() == b'}';
    if empty {
        scan.pass(1);
        scan.space();
    }
    Ok(!empty)
}

/// The member of a valid object at a path; a parent that is null makes its fields null.
fn within<'a>(raw: Raw<'a>, path: &str) -> Option<Raw<'a>> {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let text = match raw {
        Raw::Null => return Some(Raw::Null),
        Raw::Other(text) => text,
        Raw::Plain(_) | Raw::Escaped(_) => return None,
    };
    let found = member(text, head)?;
    rest.map_or(Some(found), |rest| within(found, rest))
}

/// An id's text, which may be a text or a number.
pub fn bare(raw: Raw<'_>) -> Cow<'_, str> {
    match raw {
        Raw::Plain(text) => Cow::Borrowed(text),
        Raw::Other(text) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Cow::Borrowed(text),
        Raw::Escaped(json) => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
        Raw::Null | Raw::Other(_) => Cow::Borrowed(""),
    }
}

/// The `type` in Salesforce's `attributes`, which are valid JSON.
pub fn kind_of(attributes: &str) -> Option<Cow<'_, str>> {
    match member(attributes, "type")? {
        raw @ (Raw::Plain(_) | Raw::Escaped(_)) => Some(bare(raw)).filter(|name| !name.is_empty()),
        Raw::Null | Raw::Other(_) => None,
    }
}

/// The reason, with the byte counted from the start of the line.
pub fn told(wrong: Wrong, from: usize) -> String {
    format!("{}, at byte {}", wrong.why, wrong.at.saturating_sub(from) + 1)
}

/// A member of a valid object by its name; the last one of this name.
pub fn member<'a>(object: &'a str, name: &str) -> Option<Raw<'a>> {
    let (mut scan, mut last) = (Scan::new(object), None);
    if !opens(&mut scan).ok()? {
        return None;
    }
    loop {
        let key = scan.raw().ok()?;
        scan.colon().ok()?;
        let value = scan.raw().ok()?;
        let same = match key {
            Raw::Plain(key) => key == name,
            Raw::Escaped(key) => serde_json::from_str::<String>(key).is_ok_and(|key| key == name),
            Raw::Null | Raw::Other(_) => false,
        };
        if same {
            last = Some(value);
        }
        if scan.closes(b'}').ok()? {
            return last;
        }
    }
}
