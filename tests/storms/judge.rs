//! What must hold when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::people::{Crms, Done, FIELDS, KINDS, Kind, ORG, PORTAL, Row};
use crate::rough::Sim;

pub fn judge(sim: &Sim<Crms>) -> Result<(), String> {
    let open = sim.store.open_intents().unwrap().len();
    if open > 0 {
        return Err(format!("{open} requests without an outcome"));
    }
    let done = sim.people.done.borrow();
    let rows = |at: usize| -> BTreeMap<Kind, Vec<Row>> {
        KINDS.into_iter().map(|kind| (kind, sim.people.rows(at, kind))).collect()
    };
    let all = [rows(PORTAL), rows(ORG)];
    let held: BTreeSet<String> = sim.store.holds().unwrap().into_iter().map(|hold| hold.record).collect();
    let of = |at: usize, kind: Kind, thing: &str| -> Vec<&Row> {
        all[at][&kind].iter().filter(|row| row.thing == thing).collect()
    };
    for (thing, kind) in &done.things {
        let gone = |at: usize| done.is_gone(at, thing);
        for at in [PORTAL, ORG] {
            let count = of(at, *kind, thing).len();
            if count > 1 {
                return Err(format!("{thing} stands {count} times at {at}: {:?}", of(at, *kind, thing)));
            }
            let id = done.gone.get(&(at, thing.clone()));
            let known = id.is_some_and(|id| !sim.store.links_with(id).unwrap().is_empty());
            if count > 0 && known && !done.mixed.contains(thing) {
                return Err(format!("{thing} was deleted at {at} and is there again"));
            }
            // An account follows its company; nothing else goes by itself.
            let follows = at == ORG && *kind == Kind::Company && gone(PORTAL);
            let settled = !done.mixed.contains(thing) && !done.doomed.contains(thing);
            if count == 0 && settled && !gone(at) && !follows && !gone(1 - at) {
                return Err(format!("{thing} is missing at {at}"));
            }
        }
        let ([here], [there]) = (&of(PORTAL, *kind, thing)[..], &of(ORG, *kind, thing)[..]) else { continue };
        if done.mixed.contains(thing) || held.contains(&here.id) || held.contains(&there.id) {
            continue;
        }
        if here.values != there.values {
            return Err(format!("{thing} is {:?} and {:?}", here.values, there.values));
        }
        associated(here, there, &all, &done)?;
    }
    kept(sim, &all, &done)?;
    let told = sim.lost();
    for edit in done.edits.iter().filter(|edit| !edit.replaced) {
        let thing = &edit.thing;
        if !done.is_as_it_was(thing) {
            continue;
        }
        let kind = done.things[thing];
        let stands = [PORTAL, ORG]
            .into_iter()
            .any(|at| of(at, kind, thing).iter().any(|row| row.values[edit.field] == edit.value));
        if !stands && !told.contains(&json!(edit.value)) {
            let field = FIELDS[edit.field];
            return Err(format!("{field} {:?} of {thing} is lost, and no ledger has it", edit.value));
        }
    }
    Ok(())
}

/// Of two records that were linked none is gone unless somebody deleted it there.
fn kept(sim: &Sim<Crms>, all: &[BTreeMap<Kind, Vec<Row>>; 2], done: &Done) -> Result<(), String> {
    for (sync, kind) in [("companies", Kind::Company), ("people", Kind::Person)] {
        for link in sim.store.links(sync).unwrap() {
            let found = |at: usize, id: &str| all[at][&kind].iter().find(|row| row.id == id);
            let (here, there) = (found(PORTAL, &link.left), found(ORG, &link.right));
            for (at, stays, goes) in [(ORG, here, there), (PORTAL, there, here)] {
                let Some(stays) = stays.filter(|_| goes.is_none()) else { continue };
                let excused = done.doomed.contains(&stays.thing) || done.mixed.contains(&stays.thing);
                if !excused && !done.is_gone(at, &stays.thing) {
                    return Err(format!(
                        "{} is gone at {at}, and nobody deleted it there ({link:?})",
                        stays.thing
                    ));
                }
            }
        }
    }
    Ok(())
}

/// A person is at the same company on both sides, unless that one was deleted or merged.
fn associated(
    here: &Row,
    there: &Row,
    all: &[BTreeMap<Kind, Vec<Row>>; 2],
    done: &Done,
) -> Result<(), String> {
    let name = |at: usize, row: &Row| -> Option<String> {
        let id = row.company.as_ref()?;
        all[at][&Kind::Company].iter().find(|company| company.id == *id).map(|company| company.thing.clone())
    };
    let (one, other) = (name(PORTAL, here), name(ORG, there));
    let settled = |thing: &Option<String>| thing.as_ref().is_none_or(|thing| done.is_as_it_was(thing));
    if one != other && settled(&one) && settled(&other) {
        return Err(format!("{} is at {one:?} and at {other:?}", here.thing));
    }
    Ok(())
}
