//! A sync plan's parts by their index, and by their names.

use std::collections::BTreeSet;

use super::ir::{Field, FieldId, Object, ObjectId, Sync, SyncId, SyncPlan, System, SystemId};

impl SyncPlan {
    pub fn system(&self, id: SystemId) -> Option<&System> {
        self.systems.get(id.index())
    }

    pub fn object(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(id.index())
    }

    /// A row's end: an object, and its field when the end is one.
    pub fn field(&self, object: ObjectId, field: Option<FieldId>) -> Option<&Field> {
        self.object(object)?.fields.get(field?.index())
    }

    pub fn field_name(&self, object: ObjectId, field: Option<FieldId>) -> Option<&str> {
        self.field(object, field).map(|field| field.name.as_str())
    }

    pub fn sync(&self, id: SyncId) -> Option<&Sync> {
        self.syncs.get(id.index())
    }

    pub fn sync_named(&self, name: &str) -> Option<(SyncId, &Sync)> {
        let index = self.syncs.iter().position(|sync| sync.name == name)?;
        Some((SyncId(u32::try_from(index).ok()?), self.syncs.get(index)?))
    }

    /// Ids of a sync's rows with a field of this name on either side.
    pub fn rows_with(&self, sync: &Sync, field: &str) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for arm in &sync.arms {
            let ends = |row: &super::ir::Row| [(sync.left, row.left), (arm.right, row.right)];
            let has = |row: &&super::ir::Row| {
                ends(row).into_iter().any(|(object, at)| self.field_name(object, at) == Some(field))
            };
            ids.extend(arm.rows.iter().filter(has).map(|row| row.id.clone()));
        }
        ids
    }
}
