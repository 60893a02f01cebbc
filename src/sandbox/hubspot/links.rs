//! Associations between records: both directions are stored, each with its own type ids.

use std::collections::BTreeMap;

use super::link_types;
use super::store::{Key, Kind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    HubSpot,
    User,
}

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Category::HubSpot => "HUBSPOT_DEFINED",
            Category::User => "USER_DEFINED",
        }
    }
}

/// One direction of an association type.
#[derive(Debug, Clone)]
pub struct LinkType {
    pub id: u32,
    pub from: Kind,
    pub to: Kind,
    /// None: the plain association, which every associated pair has.
    pub label: Option<String>,
    pub category: Category,
    /// The type of the other direction.
    pub inverse: u32,
    /// `contact_to_company`
    pub name: String,
}

/// From record to record.
type Ends = (Kind, u64, Kind, u64);

#[derive(Debug, Default)]
pub struct Links {
    pub types: Vec<LinkType>,
    rows: BTreeMap<Ends, Vec<u32>>,
    last_type: u32,
}

impl Links {
    /// `kind` finds an object by its singular name.
    pub fn new(kind: impl Fn(&str) -> Option<Kind>) -> Self {
        let mut links = Self { last_type: 1000, ..Self::default() };
        for (there, back) in link_types::pairs() {
            for ((from, to, id, label), (_, _, inverse, _)) in [(there, back), (back, there)] {
                let known = links.types.iter().any(|known| known.id == id);
                let (Some(a), Some(b), false) = (kind(from), kind(to), known) else { continue };
                let name = match label {
                    Some("Billing Contact") => format!("{from}_to_{to}_billing"),
                    _ => format!("{from}_to_{to}"),
                };
                let label = label.map(str::to_owned);
                let category = Category::HubSpot;
                links.types.push(LinkType { id, from: a, to: b, label, category, inverse, name });
            }
        }
        // Where there is a primary type, that one has the short name.
        let primary: Vec<(Kind, Kind)> = links
            .types
            .iter()
            .filter(|known| known.label.as_deref() == Some("Primary"))
            .map(|known| (known.from, known.to))
            .collect();
        for known in links.types.iter_mut().filter(|known| known.label.is_none()) {
            if primary.contains(&(known.from, known.to)) {
                known.name.push_str("_unlabeled");
            }
        }
        links
    }

    pub fn kind_of(&self, id: u32) -> Option<&LinkType> {
        self.types.iter().find(|known| known.id == id)
    }

    /// The type with this number if it leads from one object to the other.
    pub fn between(&self, from: Kind, to: Kind, id: u32) -> Option<&LinkType> {
        self.kind_of(id).filter(|known| known.from == from && known.to == to)
    }

    pub fn plain(&self, from: Kind, to: Kind) -> Option<&LinkType> {
        self.types.iter().find(|known| known.from == from && known.to == to && known.label.is_none())
    }

    pub fn primary(&self, from: Kind, to: Kind) -> Option<u32> {
        let is = |known: &&LinkType| {
            known.from == from && known.to == to && known.label.as_deref() == Some("Primary")
        };
        self.types.iter().find(is).map(|known| known.id)
    }

    /// Adds a pair of types and says the number of the first.
    pub fn define(
        &mut self,
        from: Kind,
        to: Kind,
        name: &str,
        labels: (Option<String>, Option<String>),
    ) -> u32 {
        let (there, back) = (self.last_type + 1, self.last_type + 2);
        self.last_type = back;
        let category = Category::User;
        let (label, other) = labels;
        let (first, second) = (name.to_owned(), format!("{name}_inverse"));
        self.types.push(LinkType { id: there, from, to, label, category, inverse: back, name: first });
        self.types.push(LinkType {
            id: back,
            from: to,
            to: from,
            label: other,
            category,
            inverse: there,
            name: second,
        });
        there
    }

    /// Forgets a type, its inverse and their uses.
    pub fn undefine(&mut self, id: u32) {
        let Some(inverse) = self.kind_of(id).map(|known| known.inverse) else { return };
        self.types.retain(|known| known.id != id && known.id != inverse);
        for ids in self.rows.values_mut() {
            ids.retain(|known| *known != id && *known != inverse);
        }
    }

    /// The type ids from one record to another; empty when they are not associated.
    pub fn get(&self, from: Key, to: Key) -> &[u32] {
        self.rows.get(&(from.0, from.1, to.0, to.1)).map_or(&[], Vec::as_slice)
    }

    /// The records of an object that a record is associated with, by id.
    pub fn of(&self, from: Key, to: Kind) -> impl Iterator<Item = (u64, &[u32])> {
        let range = (from.0, from.1, to, 0)..=(from.0, from.1, to, u64::MAX);
        self.rows.range(range).map(|(key, ids)| (key.3, ids.as_slice()))
    }

    /// Every record that a record is associated with.
    pub fn all(&self, from: Key) -> Vec<(Kind, u64, Vec<u32>)> {
        let range = (from.0, from.1, Kind(0), 0)..=(from.0, from.1, Kind(u16::MAX), u64::MAX);
        self.rows.range(range).map(|(key, ids)| (key.2, key.3, ids.clone())).collect()
    }

    /// Makes `ids` the types from one record to the other, and their inverses back. Whether that changed anything.
    pub fn set(&mut self, from: Key, to: Key, mut ids: Vec<u32>) -> bool {
        ids.sort_unstable();
        ids.dedup();
        if self.get(from, to) == ids {
            return false;
        }
        let mut inverse: Vec<u32> =
            ids.iter().filter_map(|id| self.kind_of(*id)).map(|known| known.inverse).collect();
        inverse.sort_unstable();
        self.put((from.0, from.1, to.0, to.1), ids);
        self.put((to.0, to.1, from.0, from.1), inverse);
        true
    }

    fn put(&mut self, key: Ends, ids: Vec<u32>) {
        if ids.is_empty() {
            self.rows.remove(&key);
        } else {
            self.rows.insert(key, ids);
        }
    }
}
