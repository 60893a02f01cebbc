//! `twinmap schema pull`: fetches the objects that the mappings touch into the snapshots, and says what changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::App;
use crate::cli::connections;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::load;
use crate::cli::project::{Project, write_atomically};
use crate::schema::diff::{Change, diff};
use crate::schema::import::empty;
use crate::schema::{System, SystemKind, hubspot, snapshot};
use crate::syntax::ast::{ClauseKind, Item, ObjectRef, Sync, WritebackClauseKind};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twinmap schema pull\n  twinmap schema pull hubspot --object ticket")]
pub struct Args {
    /// Connections to fetch from; all of them when none is named
    systems: Vec<String>,
    /// An object to fetch besides those that the mappings name, `OBJECT` or `SYSTEM.OBJECT`
    #[arg(long = "object", value_name = "OBJECT")]
    objects: Vec<String>,
}

impl Args {
    /// Every connection, the objects that the mappings name.
    pub fn everything() -> Self {
        Args { systems: Vec::new(), objects: Vec::new() }
    }

    /// A pull of these connections.
    pub fn of(systems: Vec<String>) -> Args {
        Args { systems, objects: Vec::new() }
    }
}

/// What a project without mappings starts with.
const HUBSPOT_START: [&str; 3] = ["company", "contact", "deal"];
const SALESFORCE_START: [&str; 5] = ["Account", "Contact", "Lead", "Opportunity", "Task"];

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let names = systems(&project, &args.systems)?;
    let mut fetched = Vec::new();
    // Everything is fetched before anything is written, so that a failure leaves the snapshots as they were.
    for (name, kind) in &names {
        let objects = wanted(&project, name, *kind, &args.objects)?;
        app.term.say(&format!("{name}: fetching {}\n", objects.join(", ")));
        let (system, gaps) = fetch(&project, name, *kind, &objects)?;
        asked_for_are_there(&project, name, &system, &args.objects)?;
        fetched.push((name.clone(), system, objects, gaps));
    }
    let mut lock = load::lock(&project)?;
    let mut files = Vec::new();
    for (name, system, asked, gaps) in &fetched {
        let path = project.schema_dir().join(format!("{name}.json"));
        let (system, changes) = merged(&project, name, system.clone(), asked);
        app.term.out(&summary(&project.relative(&path), &system, changes.as_deref()));
        for gap in gaps {
            app.term.err(&format!("warning: {name}: {gap}\n"));
        }
        let text = snapshot::write(&system);
        lock.set(&project.env, name, snapshot::hash(&text));
        files.push((path, text));
    }
    for (path, text) in files {
        write_atomically(&path, text.as_bytes())?;
    }
    write_atomically(&project.lock_file(), lock.to_toml().as_bytes())?;
    Ok(Exit::Ok)
}

/// An object that only a mapping names may be missing: `check` says so at its line. One that was asked for may not.
fn asked_for_are_there(
    project: &Project,
    name: &str,
    system: &System,
    asked: &[String],
) -> Result<(), CliError> {
    let missing = own(project, name, asked)
        .map(|object| canonical(system.kind, object))
        .find(|object| system.object(object).is_none());
    match missing {
        None => Ok(()),
        Some(object) => Err(CliError::Schema {
            message: format!("{name} has no object `{object}` for this user"),
            help: Some("nothing was written; an object is named as the API spells it".to_owned()),
        }),
    }
}

/// Those of `OBJECT` and `SYSTEM.OBJECT` that are asked of this connection.
fn own<'a>(project: &Project, name: &str, asked: &'a [String]) -> impl Iterator<Item = &'a str> {
    asked.iter().filter_map(move |object| match object.split_once('.') {
        Some((system, object)) if system == name => Some(object),
        Some((system, _)) if project.connections().contains_key(system) => None,
        _ => Some(object.as_str()),
    })
}

fn canonical(kind: SystemKind, object: &str) -> &str {
    if kind == SystemKind::Hubspot { hubspot::canonical(object) } else { object }
}

/// The connections that can be asked for their schema.
fn systems(project: &Project, asked: &[String]) -> Result<Vec<(String, SystemKind)>, CliError> {
    let live = |kind: SystemKind| kind != SystemKind::Salesnav;
    if asked.is_empty() {
        let all: Vec<_> = project
            .connections()
            .into_iter()
            .filter(|(_, connection)| live(connection.kind))
            .map(|(name, connection)| (name, connection.kind))
            .collect();
        if all.is_empty() {
            return Err(CliError::usage(
                "twinmap.toml has no connection with an API to fetch from",
                "add a table `[connections.hubspot]` with `kind = \"hubspot\"`",
            ));
        }
        return Ok(all);
    }
    let mut chosen = BTreeMap::new();
    for name in asked {
        let connection = connections::find(project, name)?;
        if !live(connection.kind) {
            return Err(CliError::usage(
                format!("the schema of `{name}` is built in: there is nothing to fetch"),
                "leave it out",
            ));
        }
        chosen.insert(name.clone(), connection.kind);
    }
    Ok(chosen.into_iter().collect())
}

/// The objects to fetch: those that the mappings touch, those asked for, or a start.
pub fn wanted(
    project: &Project,
    name: &str,
    kind: SystemKind,
    asked: &[String],
) -> Result<Vec<String>, CliError> {
    let mut objects: BTreeSet<String> = synced(project, name, kind, asked)?.into_iter().collect();
    if kind == SystemKind::Salesforce {
        objects.extend(junctions(project, name)?);
    }
    Ok(objects.into_iter().collect())
}

/// The objects whose records are synced, those asked for, or a start.
pub fn synced(
    project: &Project,
    name: &str,
    kind: SystemKind,
    asked: &[String],
) -> Result<Vec<String>, CliError> {
    let mut objects = BTreeSet::new();
    for sync in syncs(project)? {
        let sides = std::iter::once(&sync.left).chain(&sync.right);
        let own = sides.filter(|side| side.system.text == name);
        objects.extend(own.map(|side| side.object.text.clone()));
    }
    objects.extend(beside(project, name, kind)?);
    objects.extend(own(project, name, asked).map(str::to_owned));
    if objects.is_empty() {
        let start: &[&str] = match kind {
            SystemKind::Hubspot => &HUBSPOT_START,
            // Only what mappings name: a folder may hold anything.
            SystemKind::File => &[],
            _ => &SALESFORCE_START,
        };
        objects.extend(start.iter().map(|object| (*object).to_owned()));
    }
    let objects: BTreeSet<String> = objects.iter().map(|object| canonical(kind, object).to_owned()).collect();
    Ok(objects.into_iter().collect())
}

/// What writebacks write to, and the deals that settings of Sales Navigator look at.
fn beside(project: &Project, name: &str, kind: SystemKind) -> Result<BTreeSet<String>, CliError> {
    let texts = project.texts()?;
    let (program, _) = crate::syntax::parse(&texts.sources);
    let mut objects = BTreeSet::new();
    for item in program.files.into_iter().flat_map(|file| file.items) {
        match item {
            Item::Writeback(item) if item.to.text == name => {
                let before = objects.len();
                for clause in &item.clauses {
                    if let WritebackClauseKind::Target { object, on, .. } = &clause.kind {
                        objects.insert(object.text.clone());
                        objects.extend(on.iter().map(|object| object.text.clone()));
                    }
                }
                if objects.len() == before {
                    let usual = crate::schema::salesnav::TARGETS.iter().filter(|(of, ..)| *of == kind);
                    objects.extend(usual.map(|(_, object, ..)| (*object).to_owned()));
                }
            }
            Item::CrmSettings(item) if item.crm.text == name => {
                let deal = if kind == SystemKind::Hubspot { "deal" } else { "Opportunity" };
                objects.insert(deal.to_owned());
            }
            _ => {}
        }
    }
    Ok(objects)
}

fn syncs(project: &Project) -> Result<Vec<Sync>, CliError> {
    let texts = project.texts()?;
    let (program, _) = crate::syntax::parse(&texts.sources);
    let items = program.files.into_iter().flat_map(|file| file.items);
    Ok(items
        .filter_map(|item| match item {
            Item::Sync(sync) => Some(sync),
            _ => None,
        })
        .collect())
}

/// The junction objects that associations go through.
fn junctions(project: &Project, system: &str) -> Result<BTreeSet<String>, CliError> {
    let mut objects = BTreeSet::new();
    for sync in syncs(project)? {
        let here = |sides: &[ObjectRef]| sides.iter().any(|side| side.system.text == system);
        let (left, right) = (here(std::slice::from_ref(&sync.left)), here(&sync.right));
        for clause in &sync.clauses {
            let ClauseKind::Associate(associate) = &clause.kind else { continue };
            for (path, here) in [(&associate.left, left), (&associate.right, right)] {
                if let ([junction, _], true) = (path.parts.as_slice(), here) {
                    objects.insert(junction.text.clone());
                }
            }
        }
    }
    Ok(objects)
}

/// The live schema of the named objects.
pub fn fetch(
    project: &Project,
    name: &str,
    kind: SystemKind,
    objects: &[String],
) -> Result<(System, Vec<String>), CliError> {
    let account = connections::open(project, name)?;
    let mut system = empty(kind);
    let gaps = connections::block_on(async {
        account.pull(objects, &mut system).await.map_err(|error| connections::failed(kind, error))
    })?;
    system.pulled = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    Ok((system, gaps))
}

/// The new snapshot, with the objects of the old one that were not asked for; and what changed, when there was one.
/// A snapshot that nothing changed in keeps its day, so that a pull without news leaves no diff.
fn merged(project: &Project, name: &str, mut new: System, asked: &[String]) -> (System, Option<Vec<Change>>) {
    let path = project.schema_dir().join(format!("{name}.json"));
    let old = std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str::<System>(&text).ok());
    let Some(old) = old.filter(|old| old.kind == new.kind) else { return (new, None) };
    for (object, known) in old.objects.iter().filter(|(object, _)| !asked.contains(object)) {
        new.objects.entry(object.clone()).or_insert_with(|| known.clone());
    }
    new.owners = new.owners.or_else(|| old.owners.clone());
    new.lists = new.lists.or_else(|| old.lists.clone());
    let changes = diff(&old, &new);
    let same = System { pulled: old.pulled.clone(), ..new.clone() } == old;
    if same {
        new.pulled = old.pulled;
    }
    (new, Some(changes))
}

fn summary(path: &str, system: &System, changes: Option<&[Change]>) -> String {
    let fields: usize = system.objects.values().map(|object| object.fields.len()).sum();
    let objects = system.objects.len();
    let plural = if objects == 1 { "" } else { "s" };
    let mut text = format!("{path}: {objects} object{plural}, {fields} fields");
    match changes {
        None => text.push_str(", new\n"),
        Some([]) => text.push_str(", no change\n"),
        Some(changes) => {
            text.push_str(&format!(
                ", {} change{}\n",
                changes.len(),
                if changes.len() == 1 { "" } else { "s" }
            ));
            for change in changes {
                let field = change.field.as_deref().map(|field| format!(".{field}")).unwrap_or_default();
                let place = format!("{}{field}", change.object);
                let colon = if place.is_empty() { "" } else { ": " };
                text.push_str(&format!("  {place}{colon}{}\n", change.what.words()));
            }
        }
    }
    text
}
