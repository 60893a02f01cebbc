//! What mappings may ask beyond a record: what the caller knows, and the links of the state if one is given.

use std::cell::RefCell;
use std::io;

use super::base::{Source, open_state};
use crate::interp::{Context, Lookup};
use crate::plan::ir::{ObjectId, OwnersId, Side, SyncId, SyncPlan};
use crate::record::Record;
use crate::state::{Link, LinkState, StateError, StateResult, Store};

pub struct Linked<'l> {
    plan: &'l SyncPlan,
    known: &'l dyn Context,
    store: Option<Store>,
    /// What a look-up ran into inside the interpreter, which has no way to say it.
    trouble: RefCell<Option<StateError>>,
}

impl<'l> Linked<'l> {
    pub fn new(plan: &'l SyncPlan, known: &'l dyn Context, base: &Source) -> io::Result<Self> {
        let store = match base {
            Source::State(path) => open_state(path)?,
            Source::Nothing | Source::Lines(_) => None,
        };
        Ok(Linked { plan, known, store, trouble: RefCell::new(None) })
    }

    /// Fails with what a look-up ran into.
    pub fn check(&self) -> io::Result<()> {
        self.trouble.borrow_mut().take().map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    fn link(&self, store: &Store, sync: SyncId, side: Side, id: &str) -> Option<Link> {
        let found = self.plan.sync(sync)?;
        let noted = |found: StateResult<Option<Link>>| match found {
            Ok(found) => found,
            Err(error) => {
                self.trouble.borrow_mut().get_or_insert(error);
                None
            }
        };
        if side == Side::Left {
            return noted(store.link_of_left(&found.name, id));
        }
        found.arms.iter().find_map(|arm| {
            let name = self.plan.object(arm.right).map_or("", |object| object.name.as_str());
            noted(store.link_of_right(&found.name, name, id))
        })
    }
}

impl Context for Linked<'_> {
    fn owner(&self, map: OwnersId, to: Side, id: &str) -> Lookup {
        self.known.owner(map, to, id)
    }

    fn linked_id(&self, sync: SyncId, to: Side, id: &str) -> Lookup {
        let Some(store) = &self.store else { return self.known.linked_id(sync, to, id) };
        match self.link(store, sync, to.other(), id) {
            Some(link) if link.state == LinkState::Live => {
                let other = if to == Side::Right { link.right } else { link.left };
                Lookup::Found(other.into())
            }
            _ => {
                let name = self.plan.sync(sync).map_or("?", |sync| sync.name.as_str());
                Lookup::Missing(format!("{id} has no counterpart in `{name}` yet"))
            }
        }
    }

    fn is_linked(&self, sync: SyncId, arm: Option<u32>, record: &Record) -> bool {
        let Some(store) = &self.store else { return self.known.is_linked(sync, arm, record) };
        let right = arm.and_then(|arm| self.plan.sync(sync)?.arms.get(arm as usize)).map(|arm| arm.right);
        let right = right.and_then(|right| self.plan.object(right)).map(|object| object.name.as_str());
        let live = |side| {
            self.link(store, sync, side, record.id.as_str()).is_some_and(|link| {
                link.state == LinkState::Live && (arm.is_none() || right == Some(link.arm.as_str()))
            })
        };
        live(Side::Left) || live(Side::Right)
    }

    fn is_linked_to_private(&self, sync: SyncId, record: &Record) -> bool {
        self.known.is_linked_to_private(sync, record)
    }

    fn in_list(&self, list: &str, record: &Record) -> bool {
        self.known.in_list(list, record)
    }

    fn associated(&self, object: ObjectId, record: &Record) -> Vec<Record> {
        self.known.associated(object, record)
    }
}
