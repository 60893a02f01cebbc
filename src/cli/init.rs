//! `twinmap init`: a new project, from nothing, from a template, or with mappings drafted from the schemas.

use std::path::{Path, PathBuf};

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::project::{CONFIG_FILE, Project, write_atomically};
use super::schema::pull;
use super::{App, connections, load};
use crate::diag::suggest::nearest;
use crate::draft;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap init my-project\n  \
    twinmap init my-project --template hubspot-salesforce\n  \
    twinmap init --from hubspot,salesforce      draft mappings (pulls the schemas that are missing)\n\n\
    Drafts take what looks certain and leave guesses as comments with their score. Files that exist are never\n\
    overwritten.")]
pub struct Args {
    /// Folder of the project. Default: the current one
    dir: Option<PathBuf>,
    /// Draft mappings between these two connections from their schemas
    #[arg(long, value_name = "A,B", conflicts_with = "template")]
    from: Option<String>,
    /// Start with a set of mappings: hubspot-salesforce, data-sync, data-sync-deals, hubspot-linkedin, salesforce-linkedin
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Name of the project. Default: the folder's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// A template: its files below `mappings/`.
type Template = (&'static str, &'static [(&'static str, &'static str)]);

const TEMPLATES: [Template; 5] = [
    (
        "hubspot-salesforce",
        &[
            ("companies.twin", include_str!("templates/hubspot-salesforce/companies.twin")),
            ("contacts.twin", include_str!("templates/hubspot-salesforce/contacts.twin")),
            ("deals.twin", include_str!("templates/hubspot-salesforce/deals.twin")),
            ("activities.twin", include_str!("templates/hubspot-salesforce/activities.twin")),
            ("industries.twin", include_str!("templates/hubspot-salesforce/industries.twin")),
        ],
    ),
    (
        "data-sync",
        &[
            ("companies.twin", include_str!("templates/data-sync/companies.twin")),
            ("contacts.twin", include_str!("templates/data-sync/contacts.twin")),
            ("deals.twin", include_str!("templates/data-sync/deals.twin")),
            ("industries.twin", include_str!("templates/hubspot-salesforce/industries.twin")),
        ],
    ),
    ("data-sync-deals", &[("deals.twin", include_str!("templates/data-sync-deals/deals.twin"))]),
    (
        "hubspot-linkedin",
        &[
            ("app.twin", include_str!("templates/hubspot-linkedin/app.twin")),
            ("writeback.twin", include_str!("templates/hubspot-linkedin/writeback.twin")),
        ],
    ),
    (
        "salesforce-linkedin",
        &[
            ("people.twin", include_str!("templates/salesforce-linkedin/people.twin")),
            ("writeback.twin", include_str!("templates/salesforce-linkedin/writeback.twin")),
        ],
    ),
];

const START: &str = include_str!("templates/start.twin");
const README: &str = include_str!("templates/README.md");

pub fn run(app: &App, args: &Args) -> CliResult {
    let folder = match &args.dir {
        Some(dir) => app.directory().join(dir),
        None => app.directory(),
    };
    if let Some(pair) = &args.from {
        return from_schemas(app, args, &folder, pair);
    }
    let mappings: Vec<(&str, &str)> = match args.template.as_deref() {
        None => vec![("start.twin", START)],
        Some(asked) => match TEMPLATES.iter().find(|(name, _)| *name == asked) {
            Some((_, files)) => files.to_vec(),
            None => {
                let names: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
                let help = match nearest(asked, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names.join(", ")),
                };
                return Err(CliError::usage(format!("there is no template `{asked}`"), help));
            }
        },
    };
    scaffold(app, args, &folder, &mappings)?;
    app.term.say("next: name your accounts in twinmap.toml, then `twinmap schema pull`\n");
    Ok(Exit::Ok)
}

/// Writes the files of a new project; nothing is written when one of them exists.
fn scaffold(app: &App, args: &Args, folder: &Path, mappings: &[(&str, &str)]) -> Result<(), CliError> {
    let whole = std::path::absolute(folder).map_err(|cause| CliError::read(folder, cause))?;
    let of_folder = whole.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(of_folder).unwrap_or_else(|| "project".to_owned());
    if name.chars().any(char::is_control) {
        return Err(CliError::usage("this name holds control characters", "give another one with `--name`"));
    }
    let mut files: Vec<(PathBuf, String)> = vec![
        (folder.join(CONFIG_FILE), config(&name, args.template.as_deref().unwrap_or(""))),
        (folder.join(".gitignore"), ".twinmap/\n".to_owned()),
        (folder.join("README.md"), README.replace("NAME", &name)),
    ];
    for (file, text) in mappings {
        files.push((folder.join("mappings").join(file), (*text).to_owned()));
    }
    // A README or .gitignore of the repository stays as it is.
    let kept = |path: &Path| path.ends_with("README.md") || path.ends_with(".gitignore");
    if let Some((taken, _)) = files.iter().find(|(path, _)| !kept(path) && path.exists()) {
        return Err(exists(taken));
    }
    for (path, text) in files.iter().filter(|(path, _)| !(kept(path) && path.exists())) {
        write_atomically(path, text.as_bytes())?;
        app.term.out(&format!("{}\n", path.strip_prefix(".").unwrap_or(path).display()));
    }
    Ok(())
}

fn exists(path: &Path) -> CliError {
    CliError::usage(
        format!("{} exists already, and nothing was written", path.display()),
        "name another folder, or move the file away first",
    )
}

const HUBSPOT: &str = "[connections.hubspot]\nkind = \"hubspot\"\ntoken = \"env:HUBSPOT_TOKEN\"\n\n";
const SALESFORCE: &str = "# Your org's own address stands in its setup under My Domain.\n[connections.salesforce]\n\
    kind = \"salesforce\"\nbase_url = \"https://your-domain.my.salesforce.com\"\nauth = { token = \"env:SF_TOKEN\" }\n\n";
const SALESNAV: &str = "[connections.salesnav]\nkind = \"salesnav\"\ntoken = \"env:SALESNAV_TOKEN\"\n\
    # LinkedIn's own rules: fixed mappings, production orgs only. Take it out to write a `map` of your own.\nparity = true\n\n";

/// The connections that a template's mappings name.
fn config(name: &str, template: &str) -> String {
    let connections = match template {
        "hubspot-linkedin" => [HUBSPOT, SALESNAV],
        "salesforce-linkedin" => [SALESFORCE, SALESNAV],
        _ => [HUBSPOT, SALESFORCE],
    };
    let name = toml::Value::String(name.to_owned());
    format!(
        "[project]\nname = {name}\nedition = \"2026\"\n\n{}[state]\nurl = \"sqlite:.twinmap/state.db\"\n",
        connections.concat()
    )
}

fn from_schemas(app: &App, args: &Args, folder: &Path, pair: &str) -> CliResult {
    let Some((left, right)) = pair.split_once(',').map(|(left, right)| (left.trim(), right.trim())) else {
        return Err(CliError::usage(
            format!("`--from {pair}` names no two connections"),
            "write them with a comma: `--from hubspot,salesforce`",
        ));
    };
    if !folder.join(CONFIG_FILE).is_file() && Project::open(folder, None).is_err() {
        scaffold(app, args, folder, &[])?;
    }
    let project = Project::open(folder, app.globals.env.as_deref())?;
    let (mut schemas, _) = load::schemas(&project)?;
    for name in [left, right] {
        // A connection that does not exist is said before anything is asked of the other one.
        connections::find(&project, name)?;
    }
    let missing: Vec<&str> =
        [left, right].into_iter().filter(|name| !schemas.systems.contains_key(*name)).collect();
    for name in &missing {
        let asked = pull::Args::of(vec![(*name).to_owned()]);
        pull::run(app, &asked).map_err(|error| CliError::Schema {
            message: format!("`{name}` has no snapshot yet, and it can't be fetched: {error}"),
            help: Some(format!(
                "when the connection is set up, `twinmap schema pull {name}`; without access to the API, \
                 `twinmap schema import` takes saved answers. Then run this again"
            )),
        })?;
    }
    if !missing.is_empty() {
        (schemas, _) = load::schemas(&project)?;
    }
    let files = draft::program(&schemas, left, right);
    if files.is_empty() {
        app.term.say(&format!("nothing of {left} and {right} looks alike enough for a draft\n"));
        return Ok(Exit::Failure);
    }
    let path = |name: &str| project.root.join("mappings").join(name);
    if let Some(taken) = files.iter().map(|file| path(&file.name)).find(|path| path.exists()) {
        return Err(exists(&taken));
    }
    for file in &files {
        write_atomically(&path(&file.name), file.text.as_bytes())?;
        let s = if file.rows == 1 { "" } else { "s" };
        app.term.out(&format!(
            "mappings/{}: {} row{s}, {} guesses left as comments\n",
            file.name, file.rows, file.doubtful
        ));
    }
    app.term.say("next: look at every row, then `twinmap check`\n");
    Ok(Exit::Ok)
}
