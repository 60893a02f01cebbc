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

fn judge(system: &str, change: &Change, uses: &Uses) -> Drift {
    let object = change.object.as_str();
    let field = change.field.as_deref().unwrap_or("");
    let of_field = |roles: &[Role]| uses.field(system, object, field, roles);
    let named = |value: &str| uses.value(system, object, value);
    let (worst, lines, edit) = match &change.what {
        What::OtherAccount(..) => (
            Severity::Breaking,
            Vec::new(),
            "use another environment for the other account: `--env NAME`".to_owned(),
        ),
        What::ObjectRemoved => (
            Severity::Breaking,
            uses.object(system, object),
            "remove the sync, or restore the object".to_owned(),
        ),
        What::ObjectClosed => (
            Severity::Breaking,
            uses.object(system, object),
            "give the integration user its rights back, or make the sync one-way".to_owned(),
        ),
        What::FieldRemoved => (
            Severity::Breaking,
            of_field(&ANY),
            format!("remove the row, or map another field than `{field}`"),
        ),
        What::FieldRenamed(now) => {
            (Severity::Breaking, of_field(&ANY), format!("write `{now}` instead of `{field}`"))
        }
        What::Type(..) => (
            Severity::Breaking,
            of_field(&ANY),
            "name a converter that fits the new type; `twinmap check` says what fits".to_owned(),
        ),
        What::Shorter(..) => (
            Severity::Risky,
            of_field(&[Role::Writes]),
            "longer values are held; add `cut` to the row if they may be shortened".to_owned(),
        ),
        What::NotReadable => (
            Severity::Breaking,
            of_field(&ANY),
            "give the integration user the right to read it, or remove the row".to_owned(),
        ),
        What::NotWritable => (
            Severity::Breaking,
            of_field(&[Role::Writes]),
            "turn the row around, so that it only reads the field".to_owned(),
        ),
        What::NowRequired | What::FieldAdded { required: true } => {
            let written = !of_field(&[Role::Writes]).is_empty();
            let makers = if written { Vec::new() } else { uses.creates(system, object) };
            (Severity::Breaking, makers, format!("add a row that writes `{field}`"))
        }
        What::NotSearchable => (
            Severity::Risky,
            of_field(&[Role::Asks]),
            "the filter is evaluated after reading; a match needs another key".to_owned(),
        ),
        What::NotUnique => (
            Severity::Risky,
            of_field(&[Role::Asks]),
            "records may be ambiguous now: match by another key as well".to_owned(),
        ),
        What::ValueRemoved(value) | What::ValueInactive(value) => {
            let lines = named(value);
            let written = of_field(&[Role::Writes]);
            if lines.is_empty() {
                (Severity::Risky, written, "values that the other side sends may be refused".to_owned())
            } else {
                (Severity::Breaking, lines, format!("remove \"{value}\", or map another value"))
            }
        }
        What::ValueAdded(value) => (
            Severity::Risky,
            of_field(&[Role::Maps]),
            format!("add a row for \"{value}\"; until then the map's `else` speaks for it"),
        ),
        What::PipelineRemoved(name) | What::RecordTypeRemoved(name) => {
            (Severity::Breaking, named(name), "remove its stage map".to_owned())
        }
        What::StageRemoved { stage, .. } => {
            (Severity::Breaking, named(stage), format!("remove the row of \"{stage}\""))
        }
        What::StageEnd { stage, .. } => {
            (Severity::Breaking, named(stage), format!("map \"{stage}\" to a stage that ends like it"))
        }
        What::StageAdded { scope, stage } => {
            let lines = scope.as_ref().map_or_else(Vec::new, |scope| named(scope));
            let maps = ["dealstage", "StageName", "hs_pipeline_stage", "Status"]
                .iter()
                .flat_map(|field| uses.field(system, object, field, &[Role::Maps]));
            let lines = if scope.is_some() { lines } else { maps.collect() };
            (Severity::Risky, lines, format!("add a row for \"{stage}\"; until then its records do not sync"))
        }
        What::ObjectAdded
        | What::FieldAdded { required: false }
        | What::Longer(..)
        | What::NowWritable
        | What::NotRequired
        | What::PipelineAdded(_)
        | What::RecordTypeAdded(_) => (Severity::Harmless, Vec::new(), String::new()),
    };
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
