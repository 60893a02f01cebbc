//! Where pairs are known by their stored ids alone (`match: none`): records that look the same are told, never paired.
//!
//! Invariant: this changes no decision. It is a word in the reason of a change, for whoever reviews it.

use super::error::EngineResult;
use super::matching::{ARM, LOOKS};
use super::session::{Session, object_on};
use crate::plan::ir::{Arm, FieldId, Match, Side, SyncId};
use crate::record::Record;
use crate::schema::FieldType;
use crate::value::Value;

/// Others that are named, at most.
const NAMED: u32 = 3;

impl Session<'_> {
    /// What the record is called, in a form to compare; `None` where pairs are recognised by their values anyway.
    pub(super) fn likeness(&self, arm: &Arm, side: Side, record: &Record) -> Option<String> {
        let by_id = arm.matches.iter().all(|rule| *rule == Match::StoredId);
        let field = by_id.then(|| self.name_field(arm, side)).flatten()?;
        let text = record.slot(field.index()).and_then(Value::as_text)?.trim().to_lowercase();
        (!text.is_empty()).then_some(text)
    }

    /// The field of the first row that takes a text over as it is: by custom the record's name.
    fn name_field(&self, arm: &Arm, side: Side) -> Option<FieldId> {
        let is_text = |field: &FieldId| {
            let object = self.plan().object(arm.right);
            let field = object.and_then(|object| object.fields.get(field.index()));
            field.is_some_and(|field| matches!(field.ty, FieldType::Text { .. }))
        };
        let row =
            arm.rows.iter().find(|row| row.left.is_some() && row.right.as_ref().is_some_and(is_text))?;
        if side == Side::Left { row.left } else { row.right }
    }

    /// `; salesforce.Opportunity 006... looks the same`, or nothing.
    pub(super) fn looks_like(
        &self,
        id: SyncId,
        arm: usize,
        to: Side,
        source: &Record,
    ) -> EngineResult<String> {
        let sync = self.sync(id)?;
        let Some(at) = sync.arms.get(arm) else { return Ok(String::new()) };
        let Some(key) = self.likeness(at, to.other(), source) else { return Ok(String::new()) };
        let place = self.place(id, arm, to)?;
        let mut others = self.store().with_key(&sync.name, arm * ARM + LOOKS, place, &key, NAMED)?;
        let mut free = Vec::new();
        for other in others.drain(..) {
            if self.link_on(id, arm, to, &other)?.is_none() {
                free.push(other);
            }
        }
        if free.is_empty() {
            return Ok(String::new());
        }
        let object = object_on(sync, at, to);
        let verb = if free.len() == 1 { "looks" } else { "look" };
        let (system, name) = (self.system_name(object), self.object_name(object));
        Ok(format!("; {system}.{name} {} {verb} the same", free.join(", ")))
    }
}
