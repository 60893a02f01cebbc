//! The tables of systems, objects and fields that a plan uses, filled while it is lowered.

use std::collections::BTreeMap;

use crate::plan::ir::{Field, FieldId, Object, ObjectId, System, SystemId};
use crate::resolve::{Schemas, hir};

pub struct Tables<'p> {
    schemas: &'p Schemas,
    systems: Vec<System>,
    objects: Vec<Object>,
    /// Where an object and a field stand in the schemas -> id. Nothing is ever ordered by it.
    object_ids: BTreeMap<usize, ObjectId>,
    fields: BTreeMap<usize, FieldId>,
}

/// The fields that twinmap itself keeps in each CRM, when they were set up: external id, id of the last write.
const OWN_FIELDS: [(&str, bool); 3] =
    [("twinmap_id", true), ("Twinmap_Id__c", true), ("Twinmap_Op__c", false)];

impl<'p> Tables<'p> {
    pub fn new(schemas: &'p Schemas) -> Self {
        Tables {
            schemas,
            systems: Vec::new(),
            objects: Vec::new(),
            object_ids: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }

    /// An object of a system's snapshot, and its canonical name.
    pub fn known(&self, system: &str, object: &str) -> Option<(&'p str, &'p crate::schema::Object)> {
        self.schemas.systems.get(system)?.object(object)
    }

    pub fn kind(&self, system: &str) -> Option<crate::schema::SystemKind> {
        self.schemas.systems.get(system).map(|schema| schema.kind)
    }

    pub fn finish(self) -> (Vec<System>, Vec<Object>) {
        (self.systems, self.objects)
    }

    pub fn system(&mut self, name: &str) -> SystemId {
        if let Some(index) = self.systems.iter().position(|system| system.name == name) {
            return SystemId(id(index));
        }
        let schema = self.schemas.systems.get(name);
        self.systems.push(System {
            name: name.to_owned(),
            kind: schema.map_or(crate::schema::SystemKind::File, |schema| schema.kind),
            account: schema.map_or_else(String::new, |schema| schema.account.id.clone()),
        });
        SystemId(id(self.systems.len() - 1))
    }

    pub fn object(&mut self, object: hir::Object<'_>) -> ObjectId {
        let place = std::ptr::from_ref(object.schema).addr();
        if let Some(known) = self.object_ids.get(&place) {
            return *known;
        }
        let system = self.system(object.system);
        self.objects.push(Object {
            system,
            name: object.name.to_owned(),
            label: object.schema.label.clone(),
            fields: Vec::new(),
            associations: Vec::new(),
            external_id: None,
            op_stamp: None,
        });
        let at = ObjectId(id(self.objects.len() - 1));
        self.object_ids.insert(place, at);
        for (name, external) in OWN_FIELDS {
            if let Some((name, field)) = object.schema.fields.get_key_value(name) {
                let own = self.field(hir::FieldRef { object, name, field, span: object.span });
                if let Some(entry) = self.objects.get_mut(at.index()) {
                    if external {
                        entry.external_id = Some(own);
                    } else {
                        entry.op_stamp = Some(own);
                    }
                }
            }
        }
        at
    }

    pub fn field(&mut self, field: hir::FieldRef<'_>) -> FieldId {
        let place = std::ptr::from_ref(field.field).addr();
        if let Some(known) = self.fields.get(&place) {
            return *known;
        }
        let object = self.object(field.object);
        // The object's own fields come first and may be this one.
        if let Some(known) = self.fields.get(&place) {
            return *known;
        }
        let Some(entry) = self.objects.get_mut(object.index()) else { return FieldId(0) };
        let options = if field.field.restricted {
            field.field.options.iter().map(|option| option.value.clone()).collect()
        } else {
            Vec::new()
        };
        entry.fields.push(Field {
            name: field.name.to_owned(),
            label: field.field.label.clone(),
            ty: field.field.ty.clone(),
            nullable: field.field.nullable,
            createable: field.field.createable,
            updateable: field.field.updateable,
            unique: field.field.unique,
            filterable: field.field.filterable,
            options,
        });
        let new = FieldId(id(entry.fields.len() - 1));
        self.fields.insert(place, new);
        new
    }

    /// A field by name, when the object has it.
    pub fn named(&mut self, object: hir::Object<'_>, name: &str) -> Option<FieldId> {
        let (name, field) = object.schema.fields.get_key_value(name)?;
        Some(self.field(hir::FieldRef { object, name, field, span: object.span }))
    }

    /// The index of an association key in the object's list.
    pub fn association(&mut self, object: hir::Object<'_>, key: &str) -> u32 {
        let object = self.object(object);
        let Some(entry) = self.objects.get_mut(object.index()) else { return 0 };
        if let Some(index) = entry.associations.iter().position(|known| known == key) {
            return id(index);
        }
        entry.associations.push(key.to_owned());
        id(entry.associations.len() - 1)
    }
}

fn id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
