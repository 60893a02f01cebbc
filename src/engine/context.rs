//! What rows and filters may ask beyond the record at hand: owners, links, associated records.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::ops::Ref;
use super::world::World;
use crate::interp::{Context, Lookup};
use crate::plan::ir::{ObjectId, OwnerElse, OwnersId, Side, SyncId, SyncPlan};
use crate::record::{Record, RecordId};
use crate::schema::model::Owner;
use crate::state::{Link, LinkState, StateError, StateResult, Store};
use crate::value::Value;

pub struct Facts<'f> {
    pub plan: &'f SyncPlan,
    pub store: &'f Store,
    pub world: &'f World,
    pub lists: &'f super::beyond::Lists,
    /// By system.
    pub owners: &'f [Vec<Owner>],
    pub pending: &'f BTreeSet<Ref>,
    pub trouble: &'f RefCell<Option<StateError>>,
}

impl Facts<'_> {
    /// The record on `to` that stands for record `id` of the other side.
    pub fn counterpart(&self, sync: SyncId, to: Side, id: &str) -> Option<Ref> {
        let found = self.link(sync, to.other(), id);
        if let Some(link) = self.noted(found) {
            let other = if to == Side::Right { link.right } else { link.left };
            return (link.state == LinkState::Live).then(|| Ref::Known(RecordId::new(other)));
        }
        let new = Ref::New { sync, side: to, source: RecordId::new(id) };
        self.pending.contains(&new).then_some(new)
    }

    fn link(&self, sync: SyncId, side: Side, id: &str) -> StateResult<Option<Link>> {
        let Some(found) = self.plan.sync(sync) else { return Ok(None) };
        if side == Side::Left {
            return self.store.link_of_left(&found.name, id);
        }
        for arm in &found.arms {
            let name = self.plan.object(arm.right).map_or("", |object| object.name.as_str());
            if let Some(link) = self.store.link_of_right(&found.name, name, id)? {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// The live link of a record of either side, and the side that it stands on.
    fn live_link(&self, sync: SyncId, id: &str) -> Option<(Side, Link)> {
        [Side::Left, Side::Right].into_iter().find_map(|side| {
            let link = self.noted(self.link(sync, side, id))?;
            (link.state == LinkState::Live).then_some((side, link))
        })
    }

    /// The record that a record is linked with in a sync, and its object.
    pub fn linked_record(&self, sync: SyncId, id: &str) -> Option<(ObjectId, RecordId)> {
        let (side, link) = self.live_link(sync, id)?;
        let found = self.plan.sync(sync)?;
        if side == Side::Right {
            return Some((found.left, RecordId::new(link.left)));
        }
        let is = |object: &ObjectId| self.plan.object(*object).is_some_and(|object| object.name == link.arm);
        let right = found.arms.iter().map(|arm| arm.right).find(is)?;
        Some((right, RecordId::new(link.right)))
    }

    fn noted<T>(&self, found: StateResult<Option<T>>) -> Option<T> {
        match found {
            Ok(found) => found,
            Err(error) => {
                self.trouble.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    fn owner_in(&self, system: usize, matches: impl Fn(&Owner) -> bool) -> Option<&Owner> {
        self.owners.get(system)?.iter().find(|owner| matches(owner))
    }
}

impl Context for Facts<'_> {
    fn owner(&self, map: OwnersId, to: Side, id: &str) -> Lookup {
        let Some(map) = self.plan.owners.get(map.index()) else {
            return Lookup::Missing("there is no owner map".to_owned());
        };
        let (from, target, pairs) = match to {
            Side::Right => (map.left, map.right, &map.to_right),
            Side::Left => (map.right, map.left, &map.to_left),
        };
        let name = |system: crate::plan::ir::SystemId| {
            self.plan.system(system).map_or("?", |system| system.name.as_str())
        };
        let Some(owner) = self.owner_in(from.index(), |owner| same_id(&owner.id, id)) else {
            return otherwise(
                self,
                target.index(),
                &map.unmatched,
                format!("{} has no owner {id}", name(from)),
            );
        };
        let email = owner.email.to_lowercase();
        let wanted = pairs.get(&email).unwrap_or(&email);
        let fits = |candidate: &Owner| candidate.email.to_lowercase() == *wanted;
        match self.owner_in(target.index(), |candidate| fits(candidate) && candidate.active) {
            Some(found) => Lookup::Found(found.id.as_str().into()),
            None => match self.owner_in(target.index(), fits) {
                Some(_) => otherwise(
                    self,
                    target.index(),
                    &map.inactive,
                    format!("{wanted} is inactive in {}", name(target)),
                ),
                None => otherwise(
                    self,
                    target.index(),
                    &map.unmatched,
                    format!("{} has no owner {wanted}", name(target)),
                ),
            },
        }
    }

    fn linked_id(&self, sync: SyncId, to: Side, id: &str) -> Lookup {
        match self.counterpart(sync, to, id) {
            Some(found) => Lookup::Found(found.text().into()),
            None => {
                let name = self.plan.sync(sync).map_or("?", |sync| sync.name.as_str());
                Lookup::Missing(format!("{id} has no counterpart in `{name}` yet"))
            }
        }
    }

    fn is_linked(&self, sync: SyncId, arm: Option<u32>, record: &Record) -> bool {
        let id = record.id.as_str();
        let Some(arm) = arm else {
            let found = self.counterpart(sync, Side::Right, id);
            return found.or_else(|| self.counterpart(sync, Side::Left, id)).is_some();
        };
        let right = self.plan.sync(sync).and_then(|sync| sync.arms.get(arm as usize)).map(|arm| arm.right);
        self.live_link(sync, id).is_some_and(|(_, link)| {
            right.and_then(|right| self.plan.object(right)).is_some_and(|object| object.name == link.arm)
        })
    }

    fn is_linked_to_private(&self, sync: SyncId, record: &Record) -> bool {
        let Some((object, id)) = self.linked_record(sync, record.id.as_str()) else { return false };
        let fields = self.plan.object(object).map_or(&[][..], |object| &object.fields);
        let account = fields.iter().position(|field| field.name == "AccountId");
        let found = self.world.get(object, &id).zip(account);
        found.is_some_and(|(found, account)| found.slot(account).is_some_and(Value::is_blank))
    }

    fn in_list(&self, list: &str, record: &Record) -> bool {
        self.lists.get(list).is_some_and(|members| members.contains(&record.id))
    }

    fn associated(&self, object: ObjectId, record: &Record) -> Vec<Record> {
        let name = self.plan.object(object).map_or("", |object| object.name.as_str());
        let Some(associations) = record.associations.get(name) else { return Vec::new() };
        associations.iter().filter_map(|at| self.world.get(object, &at.to).cloned()).collect()
    }
}

fn otherwise(facts: &Facts<'_>, target: usize, action: &OwnerElse, why: String) -> Lookup {
    match action {
        OwnerElse::Hold => Lookup::Missing(why),
        OwnerElse::Skip => Lookup::Skip,
        OwnerElse::Blank => Lookup::Blank,
        OwnerElse::Owner(email) => {
            let fits = |owner: &Owner| owner.email.to_lowercase() == *email && owner.active;
            match facts.owner_in(target, fits) {
                Some(owner) => Lookup::Found(owner.id.as_str().into()),
                None => Lookup::Missing(format!("{why}, and {email} can't stand in")),
            }
        }
    }
}

/// Salesforce ids are the same in 15 and in 18 characters.
fn same_id(a: &str, b: &str) -> bool {
    a == b || (a.len() >= 15 && b.len() >= 15 && a.len() != b.len() && a.get(..15) == b.get(..15))
}
