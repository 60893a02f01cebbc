//! `twinmap schema`: what is known of the CRMs' fields. `import` and `show` are offline.

pub mod pull;

use std::path::PathBuf;

use super::App;
use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::load;
use super::project::write_atomically;
use crate::diag::suggest::nearest;
use crate::schema::import::{Kind, empty, import};
use crate::schema::{System, show, snapshot};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch the objects that the mappings touch
    Pull(pull::Args),
    /// Take a saved API answer into the snapshot
    #[command(after_help = "Examples:\n  twinmap schema import hubspot.company properties.json\n  \
        twinmap schema import hubspot.deal pipelines.json --kind pipelines\n  \
        twinmap schema import salesforce.Account describe.json\n  \
        twinmap schema import hubspot owners.json --kind owners\n  \
        twinmap schema import salesforce.Account count.json --kind records")]
    Import(ImportArgs),
    /// Compare two snapshots
    Diff(super::drift::DiffArgs),
    /// Print a system, an object or a field as the checker sees it
    #[command(
        after_help = "Examples:\n  twinmap schema show hubspot\n  twinmap schema show hubspot.deal.dealstage"
    )]
    Show {
        /// `SYSTEM`, `SYSTEM.OBJECT` or `SYSTEM.OBJECT.FIELD`
        path: String,
    },
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// `SYSTEM.OBJECT`, or `SYSTEM` for owners, lists and account
    path: String,
    /// The saved answer (JSON)
    file: PathBuf,
    /// What the answer holds
    #[arg(long, value_enum, default_value = "fields")]
    kind: KindArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum KindArg {
    Fields,
    Pipelines,
    Stages,
    RecordTypes,
    Owners,
    Lists,
    /// Account details, or what the token may do (its scopes)
    Account,
    /// How many records there are: a HubSpot search answer, `SELECT COUNT() FROM Account`
    Records,
    /// Who writes which field: HubSpot records read with `propertiesWithHistory`
    History,
}

impl KindArg {
    fn kind(self) -> Kind {
        match self {
            KindArg::Fields => Kind::Fields,
            KindArg::Pipelines => Kind::Pipelines,
            KindArg::Stages => Kind::Stages,
            KindArg::RecordTypes => Kind::RecordTypes,
            KindArg::Owners => Kind::Owners,
            KindArg::Lists => Kind::Lists,
            KindArg::Account => Kind::Account,
            KindArg::Records => Kind::Records,
            KindArg::History => Kind::History,
        }
    }
}

pub fn run(app: &App, args: &Args) -> CliResult {
    match &args.command {
        Command::Pull(args) => pull::run(app, args),
        Command::Import(args) => import_answer(app, args),
        Command::Diff(args) => super::drift::diff(app, args),
        Command::Show { path } => show_path(app, path),
    }
}

fn import_answer(app: &App, args: &ImportArgs) -> CliResult {
    let project = app.project()?;
    let (name, object) = match args.path.split_once('.') {
        Some((name, object)) => (name, Some(object)),
        None => (args.path.as_str(), None),
    };
    let connections = project.connections();
    let Some(connection) = connections.get(name) else {
        return Err(unknown("connection", name, connections.keys().map(String::as_str)));
    };
    let text = std::fs::read_to_string(&args.file).map_err(|cause| CliError::read(&args.file, cause))?;
    let json = serde_json::from_str(&text).map_err(|error| CliError::Artefact {
        message: format!("{} is no JSON: {error}", args.file.display()),
        help: Some("save the answer's body as it came".to_owned()),
    })?;
    let (mut schemas, _) = load::schemas(&project)?;
    let mut system = schemas.systems.remove(name).unwrap_or_else(|| empty(connection.kind));
    let said = import(&mut system, object, args.kind.kind(), &json).map_err(|error| CliError::Artefact {
        message: format!("{}: {error}", args.file.display()),
        help: Some("`twinmap schema import --help` lists what can be imported".to_owned()),
    })?;
    let text = snapshot::write(&system);
    let path = project.schema_dir().join(format!("{name}.json"));
    let mut lock = load::lock(&project)?;
    lock.set(&project.env, name, snapshot::hash(&text));
    std::fs::create_dir_all(project.schema_dir())
        .map_err(|cause| CliError::write(&project.schema_dir(), cause))?;
    write_atomically(&path, text.as_bytes())?;
    write_atomically(&project.lock_file(), lock.to_toml().as_bytes())?;
    app.term.say(&format!("{}: {said}\n", project.relative(&path)));
    Ok(Exit::Ok)
}

fn show_path(app: &App, path: &str) -> CliResult {
    let project = app.project()?;
    let (schemas, _) = load::schemas(&project)?;
    let mut parts = path.splitn(3, '.');
    let name = parts.next().unwrap_or("");
    let Some(system) = schemas.systems.get(name) else {
        if schemas.without.iter().any(|known| known == name) {
            return Err(CliError::Schema {
                message: format!("`{name}` has no snapshot in environment `{}`", project.env),
                help: Some(format!("fetch it with `twinmap schema pull {name}`, or import saved answers")),
            });
        }
        return Err(unknown("connection", name, schemas.systems.keys().map(String::as_str)));
    };
    app.term.out(&text_of(name, system, parts.next(), parts.next())?);
    Ok(Exit::Ok)
}

fn text_of(
    name: &str,
    system: &System,
    object: Option<&str>,
    field: Option<&str>,
) -> Result<String, CliError> {
    let Some(object) = object else { return Ok(show::system(name, system)) };
    let canonical = crate::schema::hubspot::canonical(object);
    let Some((object_name, found)) =
        system.objects.get_key_value(object).or_else(|| system.objects.get_key_value(canonical))
    else {
        return Err(unknown("object", object, system.objects.keys().map(String::as_str)));
    };
    let path = format!("{name}.{object_name}");
    match field {
        None => Ok(show::object(&path, found)),
        Some(field) => match found.fields.get(field) {
            Some(found_field) => Ok(show::field(&path, found, field, found_field)),
            None => Err(unknown("field", field, found.fields.keys().map(String::as_str))),
        },
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> CliError {
    let help = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
    CliError::Schema { message: format!("there is no {what} `{name}`"), help }
}
