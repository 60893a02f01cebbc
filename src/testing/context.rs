//! What the world answers to a test: owners as the snapshots know them, and what the test itself gives.

use std::collections::BTreeMap;

use super::case::{Case, Given, Linked};
use crate::interp::{Context, Lookup};
use crate::plan::ir::{ObjectId, OwnerElse, OwnersId, Side, SyncId, SyncPlan};
use crate::record::Record;
use crate::schema::model::Owner;

/// Owners of each system by its name, as the snapshots know them.
pub type Owners = BTreeMap<String, Vec<Owner>>;

/// What the snapshots can answer; links and lists are not known to them.
pub struct Snapshots<'a> {
    pub plan: &'a SyncPlan,
    pub owners: &'a Owners,
}

impl Context for Snapshots<'_> {
    fn owner(&self, map: OwnersId, to: Side, id: &str) -> Lookup {
        let Some(map) = self.plan.owners.get(map.index()) else {
            return Lookup::Missing("there is no owner map".to_owned());
        };
        let system = |side: Side| self.plan.system(if side == Side::Left { map.left } else { map.right });
        let list = |side: Side| system(side).and_then(|system| self.owners.get(&system.name));
        let (Some(from), Some(there)) = (list(to.other()), list(to)) else {
            return Lookup::Missing("the snapshots hold no owners".to_owned());
        };
        let otherwise = |rule: &OwnerElse, why: String| match rule {
            OwnerElse::Hold => Lookup::Missing(why),
            OwnerElse::Skip => Lookup::Skip,
            OwnerElse::Blank => Lookup::Blank,
            OwnerElse::Owner(email) => find(there, email).map_or(Lookup::Missing(why), found),
        };
        let Some(owner) = from.iter().find(|owner| owner.id == id) else {
            return Lookup::Missing(format!("owner {id} is not in the snapshot"));
        };
        let email = owner.email.to_lowercase();
        let table = if to == Side::Right { &map.to_right } else { &map.to_left };
        match find(there, table.get(&email).unwrap_or(&email)) {
            Some(other) if other.active => found(other),
            Some(other) => otherwise(&map.inactive, format!("owner {} is inactive", other.email)),
            None => otherwise(&map.unmatched, format!("no owner has the address {email}")),
        }
    }

    fn linked_id(&self, _: SyncId, _: Side, _: &str) -> Lookup {
        Lookup::Missing("links are only known in a run".to_owned())
    }

    fn is_linked(&self, _: SyncId, _: Option<u32>, _: &Record) -> bool {
        false
    }

    fn is_linked_to_private(&self, _: SyncId, _: &Record) -> bool {
        false
    }

    fn in_list(&self, _: &str, _: &Record) -> bool {
        false
    }

    fn associated(&self, _: ObjectId, _: &Record) -> Vec<Record> {
        Vec::new()
    }
}

/// What a test gives beyond its records; what it does not say is not so.
pub struct World<'a> {
    pub snapshots: Snapshots<'a>,
    pub case: &'a Case,
}

/// The id of the record that a test gives for a side.
pub fn id_of(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

/// The id of a record that a test puts beside those of the pair.
fn id_around(index: usize) -> String {
    format!("beside {index}")
}

impl World<'_> {
    /// What the test says of a record.
    fn given(&self, record: &Record) -> Option<&Given> {
        let id = record.id.as_str();
        let own = self.case.givens.iter().find(|given| id_of(given.side) == id);
        own.or_else(|| {
            let mut around = self.case.around.iter().enumerate();
            around.find(|(index, _)| id_around(*index) == id).map(|(_, given)| given)
        })
    }

    fn is(&self, link: &Linked, sync: SyncId) -> bool {
        self.snapshots.plan.sync(sync).is_some_and(|sync| sync.name == link.sync)
    }
}

impl Context for World<'_> {
    fn owner(&self, map: OwnersId, to: Side, id: &str) -> Lookup {
        self.snapshots.owner(map, to, id)
    }

    fn linked_id(&self, sync: SyncId, to: Side, id: &str) -> Lookup {
        let name = self.snapshots.plan.sync(sync).map_or("", |sync| sync.name.as_str());
        let ends =
            self.case.links.iter().filter(|(known, ..)| known == name).map(|(_, left, right)| match to {
                Side::Right => (left, right),
                Side::Left => (right, left),
            });
        match ends.into_iter().find(|(here, _)| *here == id) {
            Some((_, there)) => Lookup::Found(there.as_str().into()),
            None => Lookup::Missing(format!("the test gives no link of `{name}` for {id}")),
        }
    }

    fn is_linked(&self, sync: SyncId, arm: Option<u32>, record: &Record) -> bool {
        let fits = |link: &Linked| {
            let named = arm.and_then(|arm| usize::try_from(arm).ok());
            self.is(link, sync) && (named.is_none() || link.arm.is_none() || named == link.arm)
        };
        self.given(record).is_some_and(|given| given.linked.iter().any(fits))
    }

    fn is_linked_to_private(&self, sync: SyncId, record: &Record) -> bool {
        let fits = |link: &Linked| link.private && self.is(link, sync);
        self.given(record).is_some_and(|given| given.linked.iter().any(fits))
    }

    fn in_list(&self, list: &str, record: &Record) -> bool {
        self.given(record).is_some_and(|given| given.lists.iter().any(|known| known == list))
    }

    fn associated(&self, object: ObjectId, record: &Record) -> Vec<Record> {
        let Some(known) = self.snapshots.plan.object(object) else { return Vec::new() };
        let around = self.case.around.iter().enumerate();
        around
            .filter(|(_, given)| id_of(given.side) == record.id.as_str())
            .filter(|(_, given)| given.object.as_deref() == Some(known.name.as_str()))
            .map(|(index, given)| given.record(Some(known), &id_around(index)))
            .collect()
    }
}

fn find<'o>(owners: &'o [Owner], email: &str) -> Option<&'o Owner> {
    owners.iter().find(|owner| owner.email.eq_ignore_ascii_case(email))
}

fn found(owner: &Owner) -> Lookup {
    Lookup::Found(owner.id.as_str().into())
}
