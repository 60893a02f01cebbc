//! What filters and rules ask beyond the record at hand, read before they are evaluated: members of lists, and records
//! associated in HubSpot.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{EngineError, EngineResult};
use super::session::Session;
use crate::connect::remote::{Reply, Request};
use crate::plan::ir::{Create, Expr, ObjectId, Side, Sync, SyncId};
use crate::plan::words::{parts, visit};
use crate::record::RecordId;
use crate::schema::SystemKind;

/// List name -> its members.
pub type Lists = BTreeMap<String, BTreeSet<RecordId>>;

/// Every expression of a sync with the side whose record it reads.
fn exprs(sync: &Sync) -> Vec<(Side, &Expr)> {
    let mut all: Vec<(Side, &Expr)> = Vec::new();
    all.extend(sync.filter_left.iter().map(|expr| (Side::Left, expr)));
    all.extend(sync.filter_right.iter().map(|expr| (Side::Right, expr)));
    all.extend(sync.route.iter().filter_map(|line| line.condition.as_ref()).map(|expr| (Side::Left, expr)));
    // What is made on a side is decided by the record of the other one.
    all.extend(sync.veto_left.iter().map(|expr| (Side::Right, expr)));
    all.extend(sync.veto_right.iter().map(|expr| (Side::Left, expr)));
    for (side, create) in [(Side::Right, &sync.create_left), (Side::Left, &sync.create_right)] {
        if let Create::When(expr) = create {
            all.push((side, expr));
        }
    }
    for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
        for (side, transfer) in [(Side::Left, &row.to_right), (Side::Right, &row.to_left)] {
            if let Some(transfer) = transfer {
                all.push((side, &transfer.expr));
                all.extend(transfer.when.iter().map(|expr| (side, expr)));
            }
        }
    }
    all
}

/// Objects whose records are asked whether the one that they are linked with is private, with the sync of that link.
fn privates(expr: &Expr, here: &[ObjectId], asked: &mut BTreeSet<(ObjectId, SyncId)>) {
    match expr {
        Expr::Associated { object, condition, .. } => {
            if let Some(condition) = condition {
                privates(condition, &[*object], asked);
            }
        }
        Expr::IsPrivate(inner) => {
            if let Expr::Linked { sync, .. } = &**inner {
                asked.extend(here.iter().map(|object| (*object, *sync)));
            }
        }
        other => parts(other).into_iter().for_each(|part| privates(part, here, asked)),
    }
}

impl Session<'_> {
    /// The members of the lists that the chosen syncs ask for.
    pub(super) async fn load_lists(&mut self) -> EngineResult<()> {
        let mut names = BTreeSet::new();
        for id in self.chosen() {
            for (_, expr) in exprs(self.sync(id)?) {
                visit(expr, &mut |part| {
                    if let Expr::InList(name) = part {
                        names.insert(name.clone());
                    }
                });
            }
        }
        for name in names {
            let hubspot = self.shapes.iter().find(|shape| shape.kind == SystemKind::Hubspot);
            let Some(system) = hubspot.map(|shape| shape.system) else { continue };
            let remote = self.systems.remote(self.plan(), system)?;
            if let Reply::Members(ids) = remote.call(Request::Members { list: name.as_str().into() }).await? {
                self.lists.insert(name, ids.into_iter().collect());
            }
        }
        Ok(())
    }

    /// Reads the associated records that the sync asks about, for every record read so far.
    pub(super) async fn read_associated(&mut self, id: SyncId) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let mut asked: BTreeSet<(ObjectId, ObjectId)> = BTreeSet::new();
        for (side, expr) in exprs(sync) {
            let here: Vec<ObjectId> = match side {
                Side::Left => vec![sync.left],
                Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
            };
            visit(expr, &mut |part| {
                if let Expr::Associated { object, .. } = part {
                    asked.extend(here.iter().map(|here| (*here, *object)));
                }
            });
        }
        for (here, object) in asked {
            let name = self.object_name(object);
            // Taking them for none would decide wrongly.
            if self.shape(here)?.kind != SystemKind::Hubspot {
                let (system, from) = (self.system_name(here), self.object_name(here));
                return Err(EngineError::Unsupported(format!(
                    "sync `{}` asks about {name} records of a {system}.{from}, and a run reads associated records in \
                     HubSpot only",
                    sync.name
                )));
            }
            let ids = self.world.associated(here, name);
            self.read(object, ids).await?;
        }
        self.read_private(id).await
    }

    /// Reads the linked records that `is_private(linked(...))` asks about.
    async fn read_private(&mut self, id: SyncId) -> EngineResult<()> {
        let sync = self.sync(id)?;
        let mut asked: BTreeSet<(ObjectId, SyncId)> = BTreeSet::new();
        for (side, expr) in exprs(sync) {
            let here: Vec<ObjectId> = match side {
                Side::Left => vec![sync.left],
                Side::Right => sync.arms.iter().map(|arm| arm.right).collect(),
            };
            privates(expr, &here, &mut asked);
        }
        let mut wanted: BTreeMap<ObjectId, BTreeSet<RecordId>> = BTreeMap::new();
        for (object, through) in asked {
            let facts = self.facts();
            for record in self.world.of(object) {
                if let Some((there, id)) = facts.linked_record(through, record.id.as_str()) {
                    wanted.entry(there).or_default().insert(id);
                }
            }
        }
        for (object, ids) in wanted {
            self.read(object, ids).await?;
        }
        self.check_trouble()
    }
}
