//! `twinmap explain SYNC.FIELD`: which rows move a field, and what they do in every situation. Offline.

use std::fmt::Write as _;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::{App, load};
use crate::diag::suggest::nearest;
use crate::merge::truth::{Case, Outcome, table};
use crate::plan::ir::{FieldId, ObjectId, Row, SyncId, SyncPlan};

/// Whether what is asked for is a field and no code.
pub fn is_field(asked: &str) -> bool {
    asked.contains('.')
}

/// A row that reads or writes the field.
struct Found<'p> {
    sync: SyncId,
    arm: usize,
    row: &'p Row,
    /// The two ends, in full.
    left: String,
    right: String,
}

pub fn run(app: &App, asked: &str) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let found = rows(&plan, asked);
    if found.is_empty() {
        return unmapped(app, &project, &plan, asked);
    }
    let mut out = String::new();
    for one in found {
        explain(&plan, &one, &mut out);
    }
    app.term.out(out.trim_start_matches('\n'));
    Ok(Exit::Ok)
}

fn system_name(plan: &SyncPlan, object: ObjectId) -> &str {
    let system = plan.object(object).and_then(|object| plan.system(object.system));
    system.map_or("?", |system| system.name.as_str())
}

fn object_name(plan: &SyncPlan, object: ObjectId) -> &str {
    plan.object(object).map_or("?", |object| object.name.as_str())
}

fn field_name(plan: &SyncPlan, object: ObjectId, field: Option<FieldId>) -> Option<&str> {
    let field = plan.object(object)?.fields.get(field?.index())?;
    Some(&field.name)
}

/// Rows of a field that is named `SYNC.FIELD` or `SYSTEM.OBJECT.FIELD`.
fn rows<'p>(plan: &'p SyncPlan, asked: &str) -> Vec<Found<'p>> {
    let mut all = Vec::new();
    for (index, sync) in plan.syncs.iter().enumerate() {
        let id = SyncId(u32::try_from(index).unwrap_or(u32::MAX));
        for (arm, at) in sync.arms.iter().enumerate() {
            for row in &at.rows {
                let ends = [(sync.left, row.left), (at.right, row.right)];
                let is = ends.iter().any(|(object, field)| {
                    let Some(name) = field_name(plan, *object, *field) else { return false };
                    let (system, object) = (system_name(plan, *object), object_name(plan, *object));
                    asked == format!("{}.{name}", sync.name) || asked == format!("{system}.{object}.{name}")
                });
                if is {
                    let [left, right] = ends.map(|(object, field)| full_name(plan, object, field));
                    all.push(Found { sync: id, arm, row, left, right });
                }
            }
        }
    }
    all
}

fn full_name(plan: &SyncPlan, object: ObjectId, field: Option<FieldId>) -> String {
    let field = field_name(plan, object, field).map(|name| format!(".{name}")).unwrap_or_default();
    format!("{}.{}{field}", system_name(plan, object), object_name(plan, object))
}

fn explain(plan: &SyncPlan, found: &Found<'_>, out: &mut String) {
    let sync = plan.sync(found.sync);
    let name = sync.map_or("?", |sync| sync.name.as_str());
    let _ = writeln!(out, "\n{name}: {}  ({})", found.row.text, found.row.at);
    let system = |full: &str| full.split('.').next().unwrap_or("?").to_owned();
    let (left, right) = (system(&found.left), system(&found.right));
    let cases = table(plan, found.sync, found.arm, found.row);
    if cases.is_empty() {
        out.push_str("  no sample value fits this row: `twinmap test` shows it with values of your own\n");
        return;
    }
    let said = |text: &str| text.replace("LEFT", &left).replace("RIGHT", &right);
    let wide = cases.iter().map(|case| said(case.situation).chars().count()).max().unwrap_or(0);
    for case in &cases {
        let outcome = outcome(case, &left, &right);
        let _ = writeln!(out, "  {:<wide$}  {outcome}", said(case.situation));
    }
}

fn outcome(case: &Case, left: &str, right: &str) -> String {
    match case.outcome {
        Outcome::Nothing => "nothing is written".to_owned(),
        Outcome::WritesLeft => format!("{left} gets the value of {right}"),
        Outcome::WritesRight => format!("{right} gets the value of {left}"),
        Outcome::BlanksLeft => format!("{left} is blanked"),
        Outcome::BlanksRight => format!("{right} is blanked"),
        Outcome::Held => format!("held: {}", case.rule),
    }
}

/// A field without a row does not sync, if there is such a field.
fn unmapped(app: &App, project: &super::project::Project, plan: &SyncPlan, asked: &str) -> CliResult {
    let (schemas, _) = load::schemas(project)?;
    let mut known: Vec<String> = Vec::new();
    for sync in &plan.syncs {
        let objects = std::iter::once(sync.left).chain(sync.arms.iter().map(|arm| arm.right));
        for object in objects {
            let (system, name) = (system_name(plan, object), object_name(plan, object));
            let schema = schemas.systems.get(system).and_then(|system| system.object(name));
            for field in schema.iter().flat_map(|(_, schema)| schema.fields.keys()) {
                known.push(format!("{}.{field}", sync.name));
                known.push(format!("{system}.{name}.{field}"));
            }
        }
    }
    if known.iter().any(|name| name == asked) {
        app.term.out(&format!("{asked} does not sync: no row reads or writes it\n"));
        return Ok(Exit::Ok);
    }
    let help = match nearest(asked, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write SYNC.FIELD or SYSTEM.OBJECT.FIELD, such as `companies.industry`".to_owned(),
    };
    Err(CliError::usage(format!("there is no field `{asked}`"), help))
}
