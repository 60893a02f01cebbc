//! The sync plan that another one is compared with: of a commit of the project, or a saved one.

use std::path::Path;
use std::process::Command;

use super::App;
use super::error::CliError;
use super::load;
use super::project::Project;
use crate::plan::ir::SyncPlan;

/// What of a project its program is made of.
const PARTS: [&str; 5] = ["twinmap.toml", "twinmap.lock", "mappings/", "policies/", "schema/"];

/// The plan that `named` stands for.
///
/// # Errors
/// Neither a file nor a commit of this project's repository; a program that does not check there.
pub fn plan(app: &App, project: &Project, named: &str) -> Result<SyncPlan, CliError> {
    let file = Path::new(named);
    if file.is_file() {
        let text = std::fs::read_to_string(file).map_err(|cause| CliError::read(file, cause))?;
        return SyncPlan::from_json(&text).map_err(|error| CliError::Artefact {
            message: format!("{named}: {error}"),
            help: Some("save one with `twinmap compile -o FILE`".to_owned()),
        });
    }
    let folder = tempfile::tempdir().map_err(|cause| CliError::read(file, cause))?;
    check_out(project, named, folder.path())?;
    let old =
        Project::open(folder.path(), Some(&project.env).filter(|env| !env.is_empty()).map(String::as_str))?;
    let loaded = load::program(&old)?;
    let errors = loaded.errors();
    if let Some(plan) = loaded.plan {
        return Ok(plan);
    }
    app.term.err(&crate::diag::render::text::rich(&loaded.sources, &loaded.diagnostics, app.term.colour_err));
    Err(CliError::usage(
        format!("the mappings of `{named}` have {errors} error{}", if errors == 1 { "" } else { "s" }),
        "compare with a commit whose mappings check",
    ))
}

/// Writes the project as it is at a commit into `folder`.
fn check_out(project: &Project, commit: &str, folder: &Path) -> Result<(), CliError> {
    // `--end-of-options`: a name that looks like one is a commit all the same.
    let listed = git(project, &["ls-tree", "-r", "-z", "--name-only", "--end-of-options", commit], commit)?;
    let listed = String::from_utf8_lossy(&listed);
    let wanted = listed.split('\0').filter(|path| {
        PARTS.iter().any(|part| path == part || part.ends_with('/') && path.starts_with(part))
    });
    let mut any = false;
    for path in wanted {
        let text = git(project, &["show", "--end-of-options", &format!("{commit}:./{path}")], commit)?;
        let target = folder.join(path);
        let parent = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|cause| CliError::read(parent, cause))?;
        std::fs::write(&target, text).map_err(|cause| CliError::read(&target, cause))?;
        any |= path == "twinmap.toml";
    }
    if any {
        return Ok(());
    }
    Err(CliError::usage(
        format!("there is no twinmap.toml in this folder at `{commit}`"),
        "name a commit that has the project, or a plan saved by `twinmap compile -o FILE`",
    ))
}

fn git(project: &Project, args: &[&str], commit: &str) -> Result<Vec<u8>, CliError> {
    let output = Command::new("git").arg("-C").arg(&project.root).args(args).output();
    let output = output.map_err(|cause| {
        CliError::usage(format!("git can't be run: {cause}"), "install git, or name a saved plan")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = crate::report::clean(said.lines().next().unwrap_or_default(), 200);
    Err(CliError::usage(
        format!("`{commit}` is neither a file nor a commit here: {said}"),
        "name a branch, tag or commit, or a plan saved by `twinmap compile -o FILE`",
    ))
}
