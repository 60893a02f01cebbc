//! What changes of the CRMs' schemas mean for the mappings: breaking, risky or harmless, with the lines they touch
//! and the edit to make. A change that no mapping sees is harmless.

mod uses;

pub use uses::{Line, Uses, uses};

use serde::Serialize;
use uses::Role;

use crate::resolve::Schemas;
use crate::schema::diff::{Change, What, diff};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A run would fail or write wrongly: the mappings must be edited.
    Breaking,
    /// A run goes on, and some values will be held or surprise.
    Risky,
    Harmless,
}

/// One change with what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub severity: Severity,
    pub kind: &'static str,
    /// `hubspot.company` or `hubspot.company.industry`
    pub path: String,
    pub words: String,
    pub lines: Vec<Line>,
    /// What to do about it; empty = nothing.
    pub edit: String,
}

/// The changes of every system, worst first.
pub fn drifts(before: &Schemas, after: &Schemas, uses: &Uses) -> Vec<Drift> {
    let mut found = Vec::new();
    for (system, old) in &before.systems {
        if let Some(new) = after.systems.get(system) {
            found.extend(diff(old, new).iter().map(|change| judge(system, change, uses)));
        }
    }
    found.sort_by(|a, b| {
        (a.severity, &a.path, a.kind, &a.words).cmp(&(b.severity, &b.path, b.kind, &b.words))
    });
    found
}

/// Everything that may do something with a field.
const ANY: [Role; 4] = [Role::Reads, Role::Writes, Role::Asks, Role::Maps];

/// How bad it is where a mapping sees it, the lines that see it, and what to do.
type Meaning = (Severity, Vec<Line>, String);

struct Judge<'u> {
    uses: &'u Uses,
    system: &'u str,
    object: &'u str,
    field: &'u str,
}

fn judge(system: &str, change: &Change, uses: &Uses) -> Drift {
    let object = change.object.as_str();
    let field = change.field.as_deref().unwrap_or("");
    let judge = Judge { uses, system, object, field };
    let meaning = judge.of_field(&change.what).or_else(|| judge.of_values(&change.what));
    let meaning = meaning.or_else(|| judge.of_object(&change.what));
    let (worst, lines, edit) = meaning.unwrap_or((Severity::Harmless, Vec::new(), String::new()));
    let seen = !lines.is_empty() || matches!(change.what, What::OtherAccount(..));
    let path = match (&change.field, object.is_empty()) {
        (Some(field), _) => format!("{system}.{object}.{field}"),
        (None, false) => format!("{system}.{object}"),
        (None, true) => system.to_owned(),
    };
    Drift {
        severity: if seen { worst } else { Severity::Harmless },
        kind: change.what.kind(),
        path,
        words: change.what.words(),
        edit: if seen { edit } else { String::new() },
        lines,
    }
}

impl Judge<'_> {
    fn lines(&self, roles: &[Role]) -> Vec<Line> {
        self.uses.field(self.system, self.object, self.field, roles)
    }

    fn named(&self, value: &str) -> Vec<Line> {
        self.uses.value(self.system, self.object, value)
    }

    /// Fields that go, change or begin to be required.
    fn of_field(&self, what: &What) -> Option<Meaning> {
        let field = self.field;
        let (severity, roles, edit): (_, &[Role], _) = match what {
            What::FieldRemoved => {
                (Severity::Breaking, &ANY, format!("remove the row, or map another field than `{field}`"))
            }
            What::FieldRenamed(now) => {
                (Severity::Breaking, &ANY, format!("write `{now}` instead of `{field}`"))
            }
            What::Type(..) => {
                let edit = "name a converter that fits the new type; `twinmap check` says what fits";
                (Severity::Breaking, &ANY, edit.to_owned())
            }
            What::Shorter(..) => {
                let edit = "longer values are held; add `cut` to the row if they may be shortened";
                (Severity::Risky, &[Role::Writes], edit.to_owned())
            }
            What::NotReadable => {
                let edit = "give the integration user the right to read it, or remove the row";
                (Severity::Breaking, &ANY, edit.to_owned())
            }
            What::NotWritable => {
                let edit = "turn the row around, so that it only reads the field";
                (Severity::Breaking, &[Role::Writes], edit.to_owned())
            }
            What::NotSearchable => {
                let edit = "the filter is evaluated after reading; a match needs another key";
                (Severity::Risky, &[Role::Asks], edit.to_owned())
            }
            What::NotUnique => {
                let edit = "records may be ambiguous now: match by another key as well";
                (Severity::Risky, &[Role::Asks], edit.to_owned())
            }
            What::NowRequired | What::FieldAdded { required: true } => {
                let written = !self.lines(&[Role::Writes]).is_empty();
                let makers = if written { Vec::new() } else { self.uses.creates(self.system, self.object) };
                return Some((Severity::Breaking, makers, format!("add a row that writes `{field}`")));
            }
            _ => return None,
        };
        Some((severity, self.lines(roles), edit))
    }

    /// Values, stages, pipelines and record types.
    fn of_values(&self, what: &What) -> Option<Meaning> {
        Some(match what {
            What::ValueRemoved(value) | What::ValueInactive(value) => {
                let lines = self.named(value);
                if lines.is_empty() {
                    let edit = "values that the other side sends may be refused".to_owned();
                    (Severity::Risky, self.lines(&[Role::Writes]), edit)
                } else {
                    (Severity::Breaking, lines, format!("remove \"{value}\", or map another value"))
                }
            }
            What::ValueAdded(value) => {
                let edit = format!("add a row for \"{value}\"; until then the map's `else` speaks for it");
                (Severity::Risky, self.lines(&[Role::Maps]), edit)
            }
            What::PipelineRemoved(name) | What::RecordTypeRemoved(name) => {
                (Severity::Breaking, self.named(name), "remove its stage map".to_owned())
            }
            What::StageRemoved { stage, .. } => {
                (Severity::Breaking, self.named(stage), format!("remove the row of \"{stage}\""))
            }
            What::StageEnd { stage, .. } => {
                let edit = format!("map \"{stage}\" to a stage that ends like it");
                (Severity::Breaking, self.named(stage), edit)
            }
            What::StageAdded { scope, stage } => {
                let maps = || {
                    ["dealstage", "StageName", "hs_pipeline_stage", "Status"]
                        .iter()
                        .flat_map(|field| self.uses.field(self.system, self.object, field, &[Role::Maps]))
                        .collect()
                };
                let lines = scope.as_ref().map_or_else(maps, |scope| self.named(scope));
                let edit = format!("add a row for \"{stage}\"; until then its records do not sync");
                (Severity::Risky, lines, edit)
            }
            _ => return None,
        })
    }

    /// Whole objects and accounts.
    fn of_object(&self, what: &What) -> Option<Meaning> {
        let lines = || self.uses.object(self.system, self.object);
        Some(match what {
            What::OtherAccount(..) => {
                let edit = "use another environment for the other account: `--env NAME`".to_owned();
                (Severity::Breaking, Vec::new(), edit)
            }
            What::ObjectRemoved => {
                (Severity::Breaking, lines(), "remove the sync, or restore the object".to_owned())
            }
            What::ObjectClosed => {
                let edit = "give the integration user its rights back, or make the sync one-way".to_owned();
                (Severity::Breaking, lines(), edit)
            }
            _ => return None,
        })
    }
}
