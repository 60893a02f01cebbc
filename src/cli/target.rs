//! `SYSTEM:ID` and `SYSTEM.OBJECT:ID`: which record a command is about.

use super::error::CliError;
use crate::diag::suggest::nearest;
use crate::plan::ir::{ObjectId, SyncPlan, SystemId};
use crate::record::RecordId;
use crate::schema::SystemKind;
use crate::state::{StateResult, Store};

/// A record as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub system: SystemId,
    /// `None` = not said; several objects may have a record of this id.
    pub object: Option<ObjectId>,
    pub id: RecordId,
}

impl Target {
    pub fn parse(plan: &SyncPlan, text: &str) -> Result<Target, CliError> {
        let wrong = || {
            CliError::usage(
                format!("`{text}` does not name a record"),
                "write SYSTEM:ID or SYSTEM.OBJECT:ID, such as `hubspot:512` or `salesforce.Account:001...`",
            )
        };
        let (place, id) = text.split_once(':').ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || !id.chars().all(plain) {
            return Err(wrong());
        }
        let (system, object) = match place.split_once('.') {
            Some((system, object)) => (system, Some(object)),
            None => (place, None),
        };
        let at = plan.systems.iter().position(|known| known.name == system);
        let system_id = at.and_then(|at| u32::try_from(at).ok()).map(SystemId).ok_or_else(|| {
            let known = plan.systems.iter().map(|known| known.name.as_str());
            unknown("system", system, known.collect())
        })?;
        let object = match object {
            None => None,
            Some(name) => Some(
                objects(plan, system_id).find(|(_, known)| *known == name).map(|(id, _)| id).ok_or_else(
                    || unknown("object", name, objects(plan, system_id).map(|(_, known)| known).collect()),
                )?,
            ),
        };
        Ok(Target { system: system_id, object, id: RecordId::new(id) })
    }

    /// The objects that the record may be of: as named, by what the state knows of it, by its Salesforce key prefix;
    /// else every object of the system.
    pub fn candidates(&self, plan: &SyncPlan, store: Option<&Store>) -> StateResult<Vec<ObjectId>> {
        if let Some(object) = self.object {
            return Ok(vec![object]);
        }
        let all: Vec<(ObjectId, &str)> = objects(plan, self.system).collect();
        if plan.system(self.system).is_some_and(|system| system.kind == SystemKind::Salesforce)
            && let Some(known) = self.id.as_str().get(..3).and_then(prefix)
        {
            return Ok(all.iter().filter(|(_, name)| *name == known).map(|(id, _)| *id).collect());
        }
        let mut known = Vec::new();
        if let Some(store) = store {
            for link in store.links_with(self.id.as_str())? {
                let Some((_, sync)) = plan.sync_named(&link.sync) else { continue };
                let arm = sync.arms.iter().map(|arm| arm.right);
                let sides = [(sync.left, &link.left)].into_iter().chain(
                    arm.filter(|right| plan.object(*right).is_some_and(|right| right.name == link.arm))
                        .map(|right| (right, &link.right)),
                );
                known.extend(sides.filter(|(_, id)| **id == self.id.as_str()).map(|(object, _)| object));
            }
        }
        known.retain(|id| all.iter().any(|(own, _)| own == id));
        known.sort_unstable();
        known.dedup();
        Ok(if known.is_empty() { all.into_iter().map(|(id, _)| id).collect() } else { known })
    }

    /// The one object of the record, for commands that look at the state alone.
    pub fn one(&self, plan: &SyncPlan, store: &Store, text: &str) -> Result<ObjectId, CliError> {
        let found = self
            .candidates(plan, Some(store))
            .map_err(|error| CliError::State { message: error.to_string(), help: None })?;
        match found.as_slice() {
            [one] => Ok(*one),
            many => Err(several(plan, text, many)),
        }
    }
}

/// A record id that several objects have.
pub fn several(plan: &SyncPlan, text: &str, objects: &[ObjectId]) -> CliError {
    let id = text.split_once(':').map_or("", |(_, id)| id);
    let names = objects.iter().filter_map(|object| {
        let found = plan.object(*object)?;
        Some(format!("`{}.{}:{id}`", plan.system(found.system)?.name, found.name))
    });
    let names: Vec<String> = names.collect();
    CliError::usage(
        format!("`{text}` may be a record of several objects"),
        format!("say which: {}", names.join(", ")),
    )
}

pub fn objects(plan: &SyncPlan, system: SystemId) -> impl Iterator<Item = (ObjectId, &str)> {
    let all = plan.objects.iter().enumerate();
    all.filter(move |(_, object)| object.system == system)
        .filter_map(|(index, object)| Some((ObjectId(u32::try_from(index).ok()?), object.name.as_str())))
}

fn unknown(what: &str, name: &str, known: Vec<&str>) -> CliError {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    CliError::usage(format!("the mappings use no {what} `{name}`"), help)
}

/// Standard objects by the first three characters of their ids.
fn prefix(prefix: &str) -> Option<&'static str> {
    Some(match prefix {
        "001" => "Account",
        "003" => "Contact",
        "006" => "Opportunity",
        "00Q" => "Lead",
        "00T" => "Task",
        "00U" => "Event",
        _ => return None,
    })
}
