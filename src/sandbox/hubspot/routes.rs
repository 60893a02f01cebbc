//! The one table of endpoints, for the numbered paths (`/crm/v3/...`) and the dated ones (`/crm/.../2026-09/...`).

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::portal::Portal;
use super::request::Query;
use super::{account, associations, batch, objects, owners, pipelines, properties, search};

/// A part of the API, whatever the version of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Objects,
    Properties,
    Pipelines,
    Owners,
    Associations,
    Account,
    Unknown,
}

fn dated(version: &str) -> bool {
    matches!(version, "2026-03" | "2026-09")
}

/// The area of a path, and what follows its version.
pub fn area<'s, 'p>(path: &'s [&'p str]) -> (Area, &'s [&'p str]) {
    match path {
        ["crm", "v3" | "v4", "objects", rest @ ..] => (Area::Objects, rest),
        ["crm", "v3", "properties", rest @ ..] => (Area::Properties, rest),
        ["crm", "v3", "pipelines", rest @ ..] => (Area::Pipelines, rest),
        ["crm", "v3", "owners", rest @ ..] => (Area::Owners, rest),
        ["crm", "v4", "associations", rest @ ..] | ["crm", "associations", "v4", rest @ ..] => {
            (Area::Associations, rest)
        }
        ["account-info", "v3", rest @ ..] => (Area::Account, rest),
        ["account-info", version, rest @ ..] if dated(version) => (Area::Account, rest),
        ["crm", area, version, rest @ ..] if dated(version) => (dated_area(area), rest),
        _ => (Area::Unknown, path),
    }
}

fn dated_area(name: &str) -> Area {
    match name {
        "objects" => Area::Objects,
        "properties" => Area::Properties,
        "pipelines" => Area::Pipelines,
        "owners" => Area::Owners,
        "associations" => Area::Associations,
        _ => Area::Unknown,
    }
}

pub fn dispatch(portal: &mut Portal, area: Area, rest: &[&str], request: &Request) -> Answer {
    match area {
        Area::Objects => of_objects(portal, rest, request),
        Area::Properties => of_properties(portal, rest, request),
        Area::Pipelines => of_pipelines(portal, rest, request),
        Area::Owners => of_owners(portal, rest, request),
        Area::Associations => of_associations(portal, rest, request),
        Area::Account => of_account(portal, rest, request),
        Area::Unknown => Err(unknown()),
    }
}

fn unknown() -> Fault {
    Fault::new(404, "", "There is nothing at this path")
}

fn of_objects(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let query = Query(&request.query);
    let kind = portal.kind(rest.first().ok_or_else(unknown)?)?;
    match (request.method.as_str(), rest) {
        ("GET", [_]) => objects::list(portal, kind, &query),
        ("POST", [_]) => objects::create(portal, kind, request),
        ("POST", [_, "search"]) => search::search(portal, kind, request),
        ("POST", [_, "batch", "read"]) => batch::read(portal, kind, &query, request),
        ("POST", [_, "batch", "create"]) => batch::create(portal, kind, request),
        ("POST", [_, "batch", "update"]) => batch::update(portal, kind, request),
        ("POST", [_, "batch", "upsert"]) => batch::upsert(portal, kind, request),
        ("POST", [_, "batch", "archive"]) => batch::archive(portal, kind, request),
        ("GET", [_, id]) => objects::get(portal, kind, id, &query),
        ("PATCH", [_, id]) => objects::update(portal, kind, id, &query, request),
        ("DELETE", [_, id]) => objects::archive(portal, kind, id),
        (method, [_, id, "associations", "default", to, to_id]) => {
            let to = portal.kind(to)?;
            match method {
                "PUT" => associations::put_default(portal, (kind, id), (to, to_id)),
                _ => Err(Fault::method_not_allowed()),
            }
        }
        ("GET", [_, id, "associations", to]) => {
            associations::list(portal, (kind, id), portal.kind(to)?, &query)
        }
        ("PUT", [_, id, "associations", to, to_id]) => {
            let to = portal.kind(to)?;
            associations::put(portal, (kind, id), (to, to_id), request)
        }
        ("DELETE", [_, id, "associations", to, to_id]) => {
            let to = portal.kind(to)?;
            associations::delete(portal, (kind, id), (to, to_id))
        }
        (_, [_] | [_, _] | [_, "batch", _] | [_, _, "associations", ..]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_properties(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let query = Query(&request.query);
    let kind = portal.kind(rest.first().ok_or_else(unknown)?)?;
    match (request.method.as_str(), rest) {
        ("GET", [_]) => properties::list(portal, kind, &query),
        ("POST", [_]) => properties::create(portal, kind, request),
        ("GET", [_, "groups"]) => properties::groups(portal, kind),
        ("POST", [_, "groups"]) => properties::create_group(portal, kind, request),
        ("GET", [_, "groups", name]) => properties::group(portal, kind, name),
        ("PATCH", [_, "groups", name]) => properties::change_group(portal, kind, name, Some(request)),
        ("DELETE", [_, "groups", name]) => properties::change_group(portal, kind, name, None),
        ("POST", [_, "batch", "read"]) => properties::batch_read(portal, kind, request),
        ("POST", [_, "batch", "create"]) => properties::batch_create(portal, kind, request),
        ("POST", [_, "batch", "archive"]) => properties::batch_archive(portal, kind, request),
        ("GET", [_, name]) => properties::get(portal, kind, name, &query),
        ("PATCH", [_, name]) => properties::update(portal, kind, name, request),
        ("DELETE", [_, name]) => properties::archive(portal, kind, name),
        (_, [_] | [_, _] | [_, "groups", _] | [_, "batch", _]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_pipelines(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let kind = portal.kind(rest.first().ok_or_else(unknown)?)?;
    match (request.method.as_str(), rest) {
        ("GET", [_]) => pipelines::list(portal, kind),
        ("GET", [_, id]) => pipelines::get(portal, kind, id),
        ("GET", [_, id, "stages"]) => pipelines::stages(portal, kind, id),
        ("GET", [_, id, "stages", stage]) => pipelines::stage(portal, kind, id, stage),
        (_, [_] | [_, _] | [_, _, "stages", ..]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_owners(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let query = Query(&request.query);
    match (request.method.as_str(), rest) {
        ("GET", []) => owners::list(portal, &query),
        ("GET", [id]) => owners::get(portal, id, &query),
        (_, [] | [_]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_associations(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let [from, to, rest @ ..] = rest else { return Err(unknown()) };
    let (from, to) = (portal.kind(from)?, portal.kind(to)?);
    match (request.method.as_str(), rest) {
        ("POST", ["batch", "create"]) => associations::batch_create(portal, from, to, request),
        ("POST", ["batch", "associate", "default"]) => associations::batch_default(portal, from, to, request),
        ("POST", ["batch", "read"]) => associations::batch_read(portal, from, to, request),
        ("POST", ["batch", "archive"]) => associations::batch_archive(portal, from, to, request),
        ("POST", ["batch", "labels", "archive"]) => associations::batch_unlabel(portal, from, to, request),
        ("GET", ["labels"]) => associations::labels(portal, from, to),
        ("POST", ["labels"]) => associations::create_label(portal, from, to, request),
        ("PUT", ["labels"]) => associations::change_label(portal, from, to, request),
        ("DELETE", ["labels", id]) => associations::delete_label(portal, from, to, id),
        (_, ["batch", ..] | ["labels", ..]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_account(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", ["details"]) => account::details(portal),
        ("GET", ["api-usage", "daily", "private-apps"]) => account::usage(portal),
        (_, ["details"] | ["api-usage", ..]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}
