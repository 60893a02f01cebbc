//! What the world answers to a test: owners as the snapshots know them, nothing else.

use std::collections::BTreeMap;

use crate::interp::{Context, Lookup};
use crate::plan::ir::{ObjectId, OwnerElse, OwnersId, Side, SyncId, SyncPlan};
use crate::record::Record;
use crate::schema::model::Owner;

/// Owners of each system by its name, as the snapshots know them.
pub type Owners = BTreeMap<String, Vec<Owner>>;

/// What the snapshots can answer; links and lists are not known to a test.
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

fn find<'o>(owners: &'o [Owner], email: &str) -> Option<&'o Owner> {
    owners.iter().find(|owner| owner.email.eq_ignore_ascii_case(email))
}

fn found(owner: &Owner) -> Lookup {
    Lookup::Found(owner.id.as_str().into())
}
