//! What the mappings need of each account: the scopes to give a HubSpot app, the object rights of a Salesforce user.
//! Nothing more is ever asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::ir::{Create, Delete, Expr, ObjectId, Side, Sync, SyncPlan};
use crate::plan::words::visit;
use crate::schema::{SystemKind, hubspot};

/// HubSpot objects with scopes of their own name; activities go with contacts, custom objects with `custom`.
const SCOPED: [&str; 4] = ["contact", "company", "deal", "ticket"];
const ACTIVITIES: [&str; 6] = ["task", "note", "call", "email", "meeting", "communication"];

/// What is done with an object.
#[derive(Debug, Default, Clone, Copy)]
struct Use {
    create: bool,
    edit: bool,
    delete: bool,
}

/// By connection, in words that the vendor's settings use.
pub fn needed(plan: &SyncPlan) -> BTreeMap<String, BTreeSet<String>> {
    let mut uses: BTreeMap<ObjectId, Use> = BTreeMap::new();
    for sync in &plan.syncs {
        of_sync(sync, &mut uses);
    }
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (index, object) in plan.objects.iter().enumerate() {
        let Some(system) = plan.system(object.system) else { continue };
        let id = ObjectId(u32::try_from(index).unwrap_or(u32::MAX));
        let done = uses.get(&id).copied().unwrap_or_default();
        let rights = needed.entry(system.name.clone()).or_default();
        match system.kind {
            SystemKind::Hubspot => rights.extend(scopes(&object.name, done)),
            SystemKind::Salesforce => {
                rights.insert("API Enabled".to_owned());
                rights.insert(object_rights(&object.name, done));
            }
            SystemKind::Salesnav | SystemKind::File => {}
        }
    }
    for map in &plan.owners {
        for system in [map.left, map.right].iter().filter_map(|id| plan.system(*id)) {
            let right = match system.kind {
                SystemKind::Hubspot => "crm.objects.owners.read",
                SystemKind::Salesforce => "User: Read",
                SystemKind::Salesnav | SystemKind::File => continue,
            };
            needed.entry(system.name.clone()).or_default().insert(right.to_owned());
        }
    }
    if asks_for_lists(plan) {
        for system in plan.systems.iter().filter(|system| system.kind == SystemKind::Hubspot) {
            needed.entry(system.name.clone()).or_default().insert("crm.lists.read".to_owned());
        }
    }
    needed
}

fn of_sync(sync: &Sync, uses: &mut BTreeMap<ObjectId, Use>) {
    for (side, goes, create) in [
        (Side::Left, sync.direction.goes_left(), &sync.create_left),
        (Side::Right, sync.direction.goes_right(), &sync.create_right),
    ] {
        let objects: Vec<ObjectId> = match side {
            Side::Left => vec![sync.left],
            Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
        };
        for object in objects {
            let done = uses.entry(object).or_default();
            done.edit |= goes;
            done.create |= goes && *create != Create::Never;
            done.delete |= sync.delete == Delete::Archive { side };
        }
    }
    for item in &sync.propagate {
        uses.entry(item.to_object).or_default().edit = true;
    }
}

fn scopes(object: &str, done: Use) -> Vec<String> {
    let name = match object {
        _ if SCOPED.contains(&object) => hubspot::plural(object).to_owned(),
        _ if ACTIVITIES.contains(&object) => "contacts".to_owned(),
        _ => "custom".to_owned(),
    };
    let mut scopes = vec![format!("crm.schemas.{name}.read"), format!("crm.objects.{name}.read")];
    if done.create || done.edit || done.delete {
        scopes.push(format!("crm.objects.{name}.write"));
    }
    scopes
}

fn object_rights(object: &str, done: Use) -> String {
    let all = [(true, "Read"), (done.create, "Create"), (done.edit, "Edit"), (done.delete, "Delete")];
    let rights: Vec<&str> = all.iter().filter(|(needed, _)| *needed).map(|(_, right)| *right).collect();
    format!("{object}: {}", rights.join(", "))
}

fn asks_for_lists(plan: &SyncPlan) -> bool {
    let mut asks = false;
    let mut look = |expr: &Expr| visit(expr, &mut |part| asks |= matches!(part, Expr::InList(_)));
    for sync in &plan.syncs {
        let filters = [&sync.filter_left, &sync.filter_right].into_iter().flatten();
        filters.chain(&sync.veto_left).chain(&sync.veto_right).for_each(&mut look);
        for create in [&sync.create_left, &sync.create_right] {
            if let Create::When(expr) = create {
                look(expr);
            }
        }
        sync.route.iter().filter_map(|line| line.condition.as_ref()).for_each(&mut look);
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            for transfer in [&row.to_right, &row.to_left].into_iter().flatten() {
                look(&transfer.expr);
                transfer.when.iter().for_each(&mut look);
            }
        }
    }
    asks
}
