//! Every endpoint that the connectors use, as request and answer in files: a change of what goes over the wire is
//! seen in a review. `UPDATE=1 cargo test --test connect golden` rewrites them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;
use twinmap::connect::remote::{AssociateAction, AssociateItem, Remote as _, Reply, Request, WriteKind};
use twinmap::connect::transport::{HttpRequest, HttpResponse};
use twinmap::record::RecordId;
use twinmap::sandbox::Config;
use twinmap::sandbox::seed::Size;
use twinmap::schema::SystemKind;
use twinmap::schema::import::empty;
use twinmap::value::{Millis, Value};

use crate::support::{START, World, created, now, spec, world_of, write};

/// Longer lists are cut in the files.
const SHOWN: usize = 2;
const HEADERS: &[&str] =
    &["accept", "content-type", "sforce-call-options", "sforce-auto-assign", "sforce-locator"];

fn folder(system: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/connect/golden").join(system)
}

/// Ids and versions in a path are the same endpoint.
fn endpoint(request: &HttpRequest) -> String {
    let (path, _) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let part = |part: &str| {
        let id = part.len() >= 15
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
            && part.bytes().any(|b| b.is_ascii_digit())
            || part.bytes().all(|b| b.is_ascii_digit());
        if id { "ID".to_owned() } else { part.to_owned() }
    };
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(part).collect();
    let path: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !matches!(*part, "services" | "data" | "crm") && !part.starts_with("v66"))
        .collect();
    format!("{}_{}", request.method.as_str(), path.join("_")).replace('%', "")
}

fn cut(json: &mut Json) {
    match json {
        Json::Array(items) => {
            let left = items.len().saturating_sub(SHOWN);
            items.truncate(SHOWN);
            items.iter_mut().for_each(cut);
            if left > 0 {
                items.push(Json::String(format!("... {left} more")));
            }
        }
        Json::Object(members) => members.values_mut().for_each(cut),
        _ => {}
    }
}

fn body(bytes: &[u8]) -> String {
    match serde_json::from_slice::<Json>(bytes) {
        Ok(mut json) => {
            cut(&mut json);
            serde_json::to_string_pretty(&json).unwrap()
        }
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<&str> = text.lines().collect();
            let more = lines.len().saturating_sub(SHOWN + 1);
            let shown = lines.iter().take(SHOWN + 1).copied().collect::<Vec<_>>().join("\n");
            if more > 0 { format!("{shown}\n... {more} more") } else { shown }
        }
    }
}

fn headers(all: &[(String, String)]) -> String {
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for (name, value) in all {
        let name = name.to_ascii_lowercase();
        if HEADERS.contains(&name.as_str()) {
            shown.insert(format!("{name}: {value}\n"));
        }
        if name == "authorization" {
            shown.insert("authorization: Bearer ...\n".to_owned());
        }
    }
    shown.into_iter().collect()
}

fn text(request: &HttpRequest, response: &HttpResponse) -> String {
    let target = percent_encoding::percent_decode_str(&request.target).decode_utf8_lossy();
    let target: String = if target.len() > 400 {
        format!("{}...", target.chars().take(400).collect::<String>())
    } else {
        target.into()
    };
    let mut out = format!("{} {target}\n{}\n", request.method.as_str(), headers(&request.headers));
    if !request.body.is_empty() {
        let _ = writeln!(out, "{}\n", body(&request.body));
    }
    let _ =
        write!(out, "---- {}\n{}\n{}\n", response.status, headers(&response.headers), body(&response.body));
    out
}

/// The first exchange with every endpoint, against the files.
fn hold(world: &World, system: &str) {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (request, response) in world.transport.heard.borrow().iter() {
        files.entry(endpoint(request)).or_insert_with(|| text(request, response));
    }
    let folder = folder(system);
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    if update {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &files {
            std::fs::write(folder.join(format!("{name}.txt")), text).unwrap();
        }
    }
    let kept: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".txt").to_owned())
        .collect();
    assert_eq!(kept, files.keys().cloned().collect(), "endpoints: `UPDATE=1` rewrites the files");
    for (name, text) in &files {
        let kept = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        assert_eq!(&kept, text, "{name}: `UPDATE=1` rewrites the files");
    }
}

fn portal(kind: SystemKind) -> World {
    let size = Size { companies: 8, contacts: 8, deals: 5 };
    world_of(kind, &Config { size, setup: false, ..Config::default() })
}

struct Names {
    objects: [&'static str; 3],
    name: &'static str,
    key: &'static str,
    mail: &'static str,
    /// An association of companies, and the one of deals with contacts.
    links: [&'static str; 2],
}

fn tour(world: &World, kind: SystemKind, names: &Names) {
    let [company, contact, deal] = names.objects;
    let objects: Vec<String> = names.objects.iter().map(|name| (*name).to_owned()).collect();
    world.call(Request::Identity).unwrap();
    let needs = now(world.account.needs(&objects)).unwrap();
    for need in &needs {
        now(world.account.provide(need)).unwrap();
    }
    let mut system = empty(kind);
    now(world.account.pull(&objects, &mut system)).unwrap();
    let companies = world.list(
        company,
        &[names.name],
        names.links.get(..1).filter(|_| kind == SystemKind::Hubspot).unwrap_or_default(),
    );
    let contacts = world.list(contact, &[names.mail], &[]);
    world.changed(company, Millis(0), 100);
    world
        .call(Request::Deleted { object: company.into(), since: START.plus(-86_400_000), after: None })
        .unwrap();
    let unique = || WriteKind::Create { unique: Some((names.key.into(), "g1".into())) };
    let id = created(world.write_one(company, write("a", unique(), &[(names.name, Value::text("Golden"))])));
    let plain = WriteKind::Create { unique: None };
    world.write_one(company, write("b", plain, &[(names.name, Value::text("Golden too"))]));
    let stamp = world.read(company, std::slice::from_ref(&id), &[names.name])[0].modified;
    for unmodified_since in [None, stamp] {
        let update = WriteKind::Update { id: id.clone(), unmodified_since };
        world.write_one(company, write("c", update, &[(names.name, Value::text("Golden three"))]));
    }
    world.records(Request::Read {
        object: company.into(),
        ids: vec![id.clone(), RecordId::new(companies[0].id.as_str())],
        fields: Arc::new([spec(names.name)]),
        associations: Arc::new([]),
        history: Arc::new([names.name.into()]),
    });
    world.records(Request::Find {
        object: contact.into(),
        field: spec(names.mail),
        values: vec![Value::text("nobody@golden.example")],
        fields: Arc::new([spec(names.mail)]),
        associations: Arc::new([]),
    });
    let deals = world.list(deal, &[], &names.links[1..]);
    for action in [AssociateAction::Add, AssociateAction::Remove] {
        let item =
            AssociateItem { op: "x".into(), from: deals[0].id.clone(), to: contacts[0].id.clone(), action };
        let _ = world.call(Request::Associate {
            from: deal.into(),
            to: names.links[1].into(),
            items: vec![item],
        });
    }
    // Pages after a mark, values that need escaping.
    let (feed, page) =
        (Request::Changed { object: contact.into(), since: Millis(0), after: None, limit: 2 }, 2);
    if let Ok(Reply::Changed { next, .. }) = world.call(feed) {
        world
            .call(Request::Changed { object: contact.into(), since: Millis(0), after: next, limit: page })
            .unwrap();
    }
    let odd = Value::text("O'Neil \\ \"Söhne\" %_\n");
    let find = |field: &str, value: Value| Request::Find {
        object: company.into(),
        field: spec(field),
        values: vec![value, Value::text("x")],
        fields: Arc::new([spec(names.name)]),
        associations: Arc::new([]),
    };
    world.records(find(names.name, odd));
    world.records(find(names.key, Value::text("g1")));
    world.call(Request::Archive { object: company.into(), ids: vec![id] }).unwrap();
    world.call(Request::Owners).unwrap();
}

/// Every query that the tour makes, one a line: `tests/clients/soql.js` gives them to a parser of others.
fn hold_queries(world: &World) {
    let queries: BTreeSet<String> = world
        .transport
        .heard
        .borrow()
        .iter()
        .filter_map(|(request, _)| {
            let (_, query) = request.target.split_once("?q=")?;
            Some(percent_encoding::percent_decode_str(query).decode_utf8_lossy().into_owned())
        })
        .collect();
    let text = queries.into_iter().map(|query| query + "\n").collect::<String>();
    let path = folder("queries.soql");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "`UPDATE=1` rewrites the file");
}

#[test]
fn golden_hubspot() {
    let world = portal(SystemKind::Hubspot);
    tour(
        &world,
        SystemKind::Hubspot,
        &Names {
            objects: ["company", "contact", "deal"],
            name: "name",
            key: "twinmap_id",
            mail: "email",
            links: ["contacts", "contacts"],
        },
    );
    let _ = world.call(Request::Members { list: "Nobody".into() });
    assert!(!world.account.calls().is_empty());
    hold(&world, "hubspot");
}

#[test]
fn golden_salesforce() {
    let world = portal(SystemKind::Salesforce);
    let objects = ["Account", "Contact", "Opportunity"];
    tour(
        &world,
        SystemKind::Salesforce,
        &Names {
            objects,
            name: "Name",
            key: "Twinmap_Id__c",
            mail: "Email",
            links: ["", "OpportunityContactRole.ContactId"],
        },
    );
    let item = |n: usize| {
        let unique = WriteKind::Create { unique: Some(("Twinmap_Id__c".into(), format!("job{n}").into())) };
        write(&format!("j{n}"), unique, &[("Name", Value::text(format!("Job {n}")))])
    };
    world.call(Request::Write { object: "Account".into(), items: (0..2_000).map(item).collect() }).unwrap();
    hold(&world, "salesforce");
    hold_queries(&world);
}
