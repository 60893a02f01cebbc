//! A condition typed on the command line, for one side of a sync: `hubspot: numberofemployees > 100`.
//!
//! It is checked and compiled as the filter of a sync that exists for this purpose alone, so it knows every field,
//! function and mistake that mapping files know.

use super::error::CliError;
use super::load;
use super::project::Project;
use crate::check::check_program;
use crate::diag::render::text::rich;
use crate::diag::{Diagnostic, Severity};
use crate::plan::ir::{Expr, Side, SyncPlan};
use crate::plan::lower;
use crate::plan::words::visit;
use crate::syntax::parse;

const FILE: &str = "--where";
const NAME: &str = "twinmap_where";

/// The plan with the fields that the condition reads, and the condition.
///
/// # Errors
/// A usage error with what the checker finds wrong with it.
pub fn condition(
    project: &Project,
    plan: &SyncPlan,
    sync: &str,
    text: &str,
) -> Result<(SyncPlan, (Side, Expr)), CliError> {
    let shape = "write it as `SYSTEM: CONDITION`, such as 'hubspot: numberofemployees > 100'";
    let Some((system, typed)) = text.split_once(':') else {
        return Err(CliError::usage(format!("`{text}` does not say whose fields it reads"), shape));
    };
    let Some((_, found)) = plan.sync_named(sync) else {
        return Err(CliError::usage(format!("there is no sync `{sync}`"), shape));
    };
    let end = |id| {
        let object = plan.object(id);
        object.zip(object.and_then(|object| plan.system(object.system)))
    };
    let arm = found.arms.first().and_then(|arm| end(arm.right));
    let (Some((left, left_system)), Some((right, right_system))) = (end(found.left), arm) else {
        return Err(CliError::Bug(format!("sync `{sync}` has no sides")));
    };
    let system = system.trim();
    if system == right_system.name && found.arms.len() > 1 {
        return Err(CliError::usage(
            format!("sync `{sync}` has several objects in {system}"),
            format!("write the condition about {}", left_system.name),
        ));
    }
    let head = format!(
        "sync {NAME}: {}.{} -> {}.{} {{\n  filter {system}: ",
        left_system.name, left.name, right_system.name, right.name
    );
    let virtual_file = format!("{head}{typed}\n}}\n");
    let mut sources = project.texts()?.sources;
    let file = sources.add(FILE, &virtual_file);
    let (schemas, hashes) = load::schemas(project)?;
    let (program, mut said) = parse(&sources);
    let checked = check_program(&schemas, &program);
    said.extend(checked.diagnostics);
    // Of the sync around it only the line with the condition counts, the system's name included.
    let line = head.len() - system.len() - 2..head.len() + typed.len() + 1;
    let about_it =
        |one: &Diagnostic| one.primary.span.file == file && line.contains(&one.primary.span.range().start);
    said.retain(|one| one.severity == Severity::Error && about_it(one));
    if !said.is_empty() {
        let shown = rich(&sources, &said, false);
        return Err(CliError::usage(format!("the condition can't be used\n{shown}"), shape));
    }
    let mut plan = lower(&checked.program, &schemas, &sources, &load::origin(project, hashes));
    // Nothing refers to it, so it is the last one and no other index moves.
    let Some(scoped) = plan.syncs.pop().filter(|last| last.name == NAME) else {
        return Err(CliError::usage(format!("`{text}` is no condition"), shape));
    };
    let found = match (scoped.filter_left, scoped.filter_right) {
        (Some(expr), None) => (Side::Left, expr),
        (None, Some(expr)) => (Side::Right, expr),
        _ => return Err(CliError::usage(format!("`{text}` is no condition"), shape)),
    };
    let mut beyond = false;
    visit(&found.1, &mut |part| beyond |= matches!(part, Expr::Associated { .. } | Expr::InList(_)));
    if beyond {
        return Err(CliError::usage(
            "the condition asks about other records or lists",
            "a condition typed here reads fields of the record alone",
        ));
    }
    Ok((plan, found))
}
