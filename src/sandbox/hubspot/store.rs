//! Records with the history of each property, kept small: only what was written is stored, the rest is computed.

use crate::value::Millis;

/// An object type, by its place in the portal's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(pub u16);

/// One record: its object and its id.
pub type Key = (Kind, u64);

/// A property, by its place in its object's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prop(pub u16);

/// Who wrote, by its place in the portal's list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceId(pub u32);

/// One value that a property had.
#[derive(Debug, Clone)]
pub struct Version {
    pub prop: Prop,
    pub source: SourceId,
    pub at: Millis,
    /// Empty: cleared.
    pub value: Box<str>,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub created: Millis,
    pub updated: Millis,
    pub archived: Option<Millis>,
    /// Who created it.
    pub source: SourceId,
    /// Sorted by property.
    current: Vec<Version>,
    /// What was before, oldest first.
    older: Vec<Version>,
}

impl Record {
    pub fn with_room(at: Millis, source: SourceId, values: usize) -> Self {
        let current = Vec::with_capacity(values);
        Self { created: at, updated: at, archived: None, source, current, older: Vec::new() }
    }

    /// The value, unless it is empty.
    pub fn get(&self, prop: Prop) -> Option<&str> {
        self.version(prop).map(|version| &*version.value).filter(|value| !value.is_empty())
    }

    pub fn version(&self, prop: Prop) -> Option<&Version> {
        let place = self.current.binary_search_by_key(&prop, |version| version.prop).ok()?;
        self.current.get(place)
    }

    /// The value as it was at a time, unless it was empty.
    pub fn get_at(&self, prop: Prop, at: Millis) -> Option<&str> {
        let now = self.version(prop)?;
        let then = if now.at <= at {
            now
        } else {
            self.older.iter().rev().find(|version| version.prop == prop && version.at <= at)?
        };
        Some(&*then.value).filter(|value| !value.is_empty())
    }

    /// The time of the last change as of a time.
    pub fn updated_at(&self, at: Millis) -> Millis {
        let all = self.current.iter().chain(&self.older).map(|version| version.at);
        all.filter(|changed| *changed <= at).max().unwrap_or(self.created)
    }

    /// Newest first.
    pub fn history(&self, prop: Prop) -> impl Iterator<Item = &Version> {
        let older = self.older.iter().rev().filter(move |version| version.prop == prop);
        self.version(prop).into_iter().chain(older)
    }

    /// Every property that was ever set.
    pub fn props(&self) -> impl Iterator<Item = Prop> {
        self.current.iter().map(|version| version.prop)
    }

    /// Whether this changed the value. The same value again leaves no trace, as at HubSpot.
    pub fn set(&mut self, version: Version) -> bool {
        match self.current.binary_search_by_key(&version.prop, |version| version.prop) {
            Ok(place) => {
                let Some(now) = self.current.get_mut(place) else { return false };
                if now.value == version.value {
                    return false;
                }
                self.older.push(std::mem::replace(now, version));
                true
            }
            Err(_) if version.value.is_empty() => false,
            Err(place) => {
                self.current.insert(place, version);
                true
            }
        }
    }
}
