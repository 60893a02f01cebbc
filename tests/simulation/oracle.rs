//! What must hold at rest. The names of the invariants are those of the design page.

use std::collections::{BTreeMap, BTreeSet};

use twinmap::state::{LedgerRow, LinkState};

use super::crm::{Row, payload};
use super::program::{ACCOUNT, COMPANY, CONTACT, PERSON, twin};
use super::scenario::Sim;
use super::world::World;

/// Rows of each sync: left field, right field, both ways.
fn rows(left: usize) -> &'static [(usize, usize)] {
    if left == COMPANY { &[(0, 0), (2, 2), (3, 3), (4, 4)] } else { &[(0, 0), (2, 2)] }
}

pub fn judge(sim: &Sim) -> Result<(), String> {
    let world = sim.world.borrow();
    if let Some(first) = world.violations.first() {
        return Err(first.clone());
    }
    journal(sim)?;
    let rows = ledger(sim);
    let lost: BTreeSet<String> =
        rows.iter().filter_map(|row| row.lost.as_str()).map(|text| payload(text).to_owned()).collect();
    if !world.faults.back_and_forth
        && let Some(echo) = world.effects.echoes.first()
    {
        return Err(format!("I6 echo: {echo}"));
    }
    let held = held(sim);
    let mut last = BTreeSet::new();
    for left in [COMPANY, PERSON] {
        pairs(sim, &world, left, &held, &mut last)?;
    }
    if sim.variant.associations {
        associations(sim, &world)?;
    }
    if sim.variant.archives {
        deletions(sim, &world)?;
    }
    edits(sim, &world, &lost, &last)?;
    decisions(sim, &world, &rows)
}

/// Every operation has come to an outcome, and nothing was taken out of the journal.
fn journal(sim: &Sim) -> Result<(), String> {
    let store = sim.store();
    let open: Vec<String> = store.open_intents().unwrap().into_iter().map(|open| open.intent.op).collect();
    if !open.is_empty() {
        return Err(format!("I10 operations without an outcome: {open:?}"));
    }
    match store.broken_chain().unwrap() {
        Some(op) => Err(format!("I10 the journal's chain breaks at {op}")),
        None => Ok(()),
    }
}

fn ledger(sim: &Sim) -> Vec<LedgerRow> {
    let runs = sim.store().runs(1000).unwrap();
    let mut all: Vec<LedgerRow> =
        runs.iter().flat_map(|run| sim.store().ledger_of(&run.id).unwrap()).collect();
    all.extend(sim.store().ledger_of("").unwrap());
    all
}

/// Records that wait for a person.
fn held(sim: &Sim) -> BTreeSet<(String, String)> {
    sim.store().holds().unwrap().into_iter().map(|hold| (hold.object, hold.record)).collect()
}

fn by_key(world: &World, object: usize) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in world.crm.live(object) {
        let key = world.crm.tables[object].rows[&id].value(0).to_owned();
        all.entry(key).or_default().push(id);
    }
    all
}

fn pairs(
    sim: &Sim,
    world: &World,
    left: usize,
    held: &BTreeSet<(String, String)>,
    last: &mut BTreeSet<String>,
) -> Result<(), String> {
    let right = twin(left);
    let (lefts, rights) = (by_key(world, left), by_key(world, right));
    let name = if left == COMPANY { "companies" } else { "people" };
    let links: BTreeMap<String, String> = sim
        .store()
        .links(name)
        .unwrap()
        .into_iter()
        .filter(|link| link.state == LinkState::Live)
        .map(|link| (link.left, link.right))
        .collect();
    let keys: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    for key in keys {
        let of = |all: &BTreeMap<String, Vec<String>>| all.get(key).cloned().unwrap_or_default();
        let (l, r) = (of(&lefts), of(&rights));
        if world.deleted.contains(key) {
            continue;
        }
        if l.len() > 1 || r.len() > 1 {
            return Err(format!("I3 duplicate: {name} {key} is {l:?} and {r:?}"));
        }
        // Outside the filter nothing is delivered; what is there stays.
        if left == COMPANY && l.iter().any(|id| world.outside.contains_key(id)) {
            let rows = [(left, &l), (right, &r)].into_iter();
            let rows =
                rows.flat_map(|(object, ids)| ids.iter().map(move |id| &world.crm.tables[object].rows[id]));
            last.extend(
                rows.flat_map(|row| (0..row.fields.len()).map(|at| payload(row.value(at)).to_owned())),
            );
            continue;
        }
        let poisoned = world.poisoned.contains(key);
        let ([l], [r]) = (&l[..], &r[..]) else {
            if poisoned {
                continue;
            }
            return Err(format!("I4 missing counterpart: {name} {key} is {l:?} and {r:?}"));
        };
        if poisoned {
            continue;
        }
        if links.get(l) != Some(r) {
            return Err(format!("I4 not linked: {name} {key}: {l} and {r}"));
        }
        let (a, b) = (&world.crm.tables[left].rows[l], &world.crm.tables[right].rows[r]);
        let waits = held.contains(&(super::program::SHAPES[left].name.to_owned(), l.clone()))
            || held.contains(&(super::program::SHAPES[right].name.to_owned(), r.clone()));
        agree(world, left, (l, a), (r, b), waits, last)?;
    }
    Ok(())
}

fn agree(
    world: &World,
    left: usize,
    (l, a): (&str, &Row),
    (r, b): (&str, &Row),
    waits: bool,
    last: &mut BTreeSet<String>,
) -> Result<(), String> {
    for (left_field, right_field) in rows(left) {
        let (x, y) = (payload(a.value(*left_field)), payload(b.value(*right_field)));
        let name = super::program::SHAPES[left].fields[*left_field];
        last.extend([x.to_owned(), y.to_owned()]);
        if x != y && !waits {
            return Err(format!("I4 diverged: {name} of {l} and {r} is {x:?} and {y:?}"));
        }
        // The owner's value is put back by rule.
        if world.owned == Some((left, *left_field)) {
            continue;
        }
        for value in [x, y] {
            let stale = world.gone.contains(value) && !world.again.contains(value);
            let held = waits && x != y;
            if stale && !value.is_empty() && !held {
                return Err(format!("I2 stale value resurrected: {name} of {l} and {r} is {value:?}"));
            }
        }
    }
    Ok(())
}

/// An account whose company was deleted is deleted too, unless contacts hang on it.
fn deletions(sim: &Sim, world: &World) -> Result<(), String> {
    let archived = |object: usize, id: &str| world.crm.tables[object].rows[id].archived.is_some();
    for link in sim.store().links("companies").unwrap() {
        // A link that had ended when the company left the filter asks for nothing.
        let ended = sim.variant.unlinks && world.outside.contains_key(&link.left);
        if !archived(COMPANY, &link.left) || archived(ACCOUNT, &link.right) || ended {
            continue;
        }
        let contacts = world.crm.tables[CONTACT].rows.iter();
        let mut hang = contacts.filter(|(_, row)| row.archived.is_none() && row.value(3) == link.right);
        if hang.next().is_none() {
            return Err(format!(
                "I9 {} was deleted, and {} was not ({:?})",
                link.left, link.right, link.state
            ));
        }
    }
    Ok(())
}

/// The company of each contact is the same on both sides, when both companies are linked.
fn associations(sim: &Sim, world: &World) -> Result<(), String> {
    let links = |name: &str| {
        let all = sim.store().links(name).unwrap().into_iter();
        all.filter(|link| link.state == LinkState::Live).collect::<Vec<_>>()
    };
    let companies: BTreeMap<String, String> =
        links("companies").into_iter().map(|link| (link.right, link.left)).collect();
    let live = |object: usize, id: &str| world.crm.tables[object].rows[id].archived.is_none();
    for link in links("people") {
        let (person, contact) =
            (&world.crm.tables[PERSON].rows[&link.left], &world.crm.tables[CONTACT].rows[&link.right]);
        if person.archived.is_some() || contact.archived.is_some() {
            continue;
        }
        // Where there are several, only the primary one travels.
        let main = |id: &&String| person.companies.len() == 1 || person.companies[*id];
        let here: BTreeSet<&String> =
            person.companies.keys().filter(main).filter(|id| live(COMPANY, id)).collect();
        let account = contact.value(3);
        if !account.is_empty() && !live(ACCOUNT, account)
            || person.companies.keys().any(|id| !live(COMPANY, id))
        {
            continue;
        }
        // A company that is deleted takes nobody in.
        let there: BTreeSet<&String> = companies.get(account).into_iter().collect();
        if there.iter().any(|id| !live(COMPANY, id)) {
            continue;
        }
        let unlinked = here.iter().any(|id| !companies.values().any(|left| left == *id))
            || !account.is_empty() && there.is_empty();
        if here != there && !unlinked {
            return Err(format!(
                "I21 associations: {} has {here:?}, {} has {account:?} ({there:?})",
                link.left, link.right
            ));
        }
    }
    Ok(())
}

/// Every edit stands, was overwritten by a person, or is in the ledger.
fn edits(sim: &Sim, world: &World, lost: &BTreeSet<String>, last: &BTreeSet<String>) -> Result<(), String> {
    let _ = sim;
    for edit in &world.edits {
        let row = &world.crm.tables[edit.object].rows[&edit.id];
        let key = row.value(0);
        if world.deleted.contains(key) || world.poisoned.contains(key) {
            continue;
        }
        let known = world.again.contains(&edit.payload)
            || last.contains(&edit.payload)
            || world.gone.contains(&edit.payload)
            || lost.contains(&edit.payload);
        if !known {
            return Err(format!("I1 silent lost update: {edit:?}"));
        }
    }
    Ok(())
}

/// The engine's decisions between two edits, against the true times, which it can't know.
fn decisions(sim: &Sim, world: &World, rows: &[LedgerRow]) -> Result<(), String> {
    let _ = sim;
    if world.faults.late_stamp || world.faults.back_and_forth {
        return Ok(());
    }
    let when = |text: &str| world.edits.iter().find(|edit| edit.payload == payload(text)).map(|edit| edit.at);
    for row in rows.iter().filter(|row| row.rule.contains("the later edit")) {
        let (Some(lost), Some(won)) = (row.lost.as_str().and_then(when), row.won.as_str().and_then(when))
        else {
            continue;
        };
        // Measured clocks are right within a call and a second.
        if lost > won + 3_000 {
            return Err(format!("I14 the later edit did not win: {row:?}, {lost} and {won}"));
        }
    }
    Ok(())
}
