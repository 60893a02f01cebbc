//! The one table of endpoints, for the numbered paths (`/crm/v3/...`) and the dated ones (`/crm/.../2026-09/...`).

use super::super::core::http::Request;
use super::answer::{Answer, Fault};
use super::portal::Portal;
use super::request::Query;
use super::store::Kind;
use super::{
    account, associations, batch, imports, legacy, lists, merge, oauth, objects, owners, pipelines,
    properties, schemas, search, webhooks,
};

/// A part of the API, whatever the version of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Objects,
    Properties,
    /// v2
    OldProperties,
    Pipelines,
    Owners,
    Associations,
    /// v3
    OldAssociations,
    Schemas,
    Lists,
    Imports,
    /// Rules of properties.
    Validations,
    Account,
    OAuth,
    Webhooks,
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
        ["crm", "v3", "associations", rest @ ..] => (Area::OldAssociations, rest),
        ["crm", "v3", "schemas", rest @ ..] | ["crm-object-schemas", "v3", "schemas", rest @ ..] => {
            (Area::Schemas, rest)
        }
        ["crm-object-schemas", version, "schemas", rest @ ..] if dated(version) => (Area::Schemas, rest),
        ["crm", "v3", "lists", rest @ ..] => (Area::Lists, rest),
        ["crm", "v3", "imports", rest @ ..] => (Area::Imports, rest),
        ["crm", "v3", "property-validations", rest @ ..] => (Area::Validations, rest),
        ["properties", "v2" | "v1", rest @ ..] => (Area::OldProperties, rest),
        ["oauth", rest @ ..] => (Area::OAuth, rest),
        ["webhooks", "v3", rest @ ..] => (Area::Webhooks, rest),
        ["webhooks", version, rest @ ..] if dated(version) => (Area::Webhooks, rest),
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
        "lists" => Area::Lists,
        "imports" => Area::Imports,
        "property-validations" => Area::Validations,
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
        Area::OldProperties => of_old_properties(portal, rest, request),
        Area::OldAssociations => of_old_associations(portal, rest, request),
        Area::Schemas => of_schemas(portal, rest, request),
        Area::Lists => of_lists(portal, rest, request),
        Area::Imports => of_imports(portal, rest, request),
        Area::Validations => properties::validations(portal, rest),
        Area::OAuth => of_oauth(portal, rest, request),
        Area::Webhooks => of_webhooks(portal, rest, request),
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
        ("POST", [_, "merge"]) => merge::merge(portal, kind, request),
        ("POST", [_, "gdpr-delete"]) => merge::forget(portal, kind, request),
        ("POST", [_, "batch", "read"]) => batch::read(portal, kind, &query, request),
        ("POST", [_, "batch", "create"]) => batch::create(portal, kind, request),
        ("POST", [_, "batch", "update"]) => batch::update(portal, kind, request),
        ("POST", [_, "batch", "upsert"]) => batch::upsert(portal, kind, request),
        ("POST", [_, "batch", "archive"]) => batch::archive(portal, kind, request),
        ("GET", [_, id]) => objects::get(portal, kind, id, &query),
        ("PATCH", [_, id]) => objects::update(portal, kind, id, &query, request),
        ("DELETE", [_, id]) => objects::archive(portal, kind, id),
        (_, [_, id, "associations", rest @ ..]) => of_record_associations(portal, (kind, id), rest, request),
        (_, [_] | [_, _] | [_, "batch", _]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

/// What follows `objects/{object}/{id}/associations`. The answers of v3 look unlike those of v4 and later.
fn of_record_associations(
    portal: &mut Portal,
    from: (Kind, &str),
    rest: &[&str],
    request: &Request,
) -> Answer {
    let query = Query(&request.query);
    let old = request.path.get(1).is_some_and(|version| version == "v3");
    match (request.method.as_str(), rest) {
        (method, ["default", to, to_id]) => {
            let to = portal.kind(to)?;
            match method {
                "PUT" => associations::put_default(portal, from, (to, to_id)),
                _ => Err(Fault::method_not_allowed()),
            }
        }
        ("GET", [to]) => {
            let to = portal.kind(to)?;
            if old {
                legacy::of_record(portal, from, to, &query)
            } else {
                associations::list(portal, from, to, &query)
            }
        }
        ("PUT", [to, to_id]) => {
            let to = portal.kind(to)?;
            associations::put(portal, from, (to, to_id), request)
        }
        ("DELETE", [to, to_id]) => {
            let to = portal.kind(to)?;
            associations::delete(portal, from, (to, to_id))
        }
        (method, [to, to_id, name]) => {
            let to = portal.kind(to)?;
            legacy::set_on_record(portal, from, (to, to_id), name, method)
        }
        (_, [_] | [_, _]) => Err(Fault::method_not_allowed()),
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
        ("POST", [_]) => pipelines::create(portal, kind, request),
        ("PUT", [_, id]) => pipelines::replace(portal, kind, id, request),
        ("PATCH", [_, id]) => pipelines::update(portal, kind, id, request),
        ("DELETE", [_, id]) => pipelines::archive(portal, kind, id),
        ("POST", [_, id, "stages"]) => pipelines::create_stage(portal, kind, id, request),
        ("PUT" | "PATCH", [_, id, "stages", stage]) => {
            pipelines::update_stage(portal, kind, id, stage, request)
        }
        ("DELETE", [_, id, "stages", stage]) => pipelines::archive_stage(portal, kind, id, stage),
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

fn of_old_properties(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let kind = portal.kind(rest.first().ok_or_else(unknown)?)?;
    match (request.method.as_str(), rest) {
        ("GET", [_, "properties"]) => legacy::properties(portal, kind),
        ("GET", [_, "properties", "named", name]) => legacy::property(portal, kind, name),
        _ => Err(unknown()),
    }
}

fn of_old_associations(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let [from, to, rest @ ..] = rest else { return Err(unknown()) };
    let (from, to) = (portal.kind(from)?, portal.kind(to)?);
    match (request.method.as_str(), rest) {
        ("GET", ["types"]) => legacy::types(portal, from, to),
        ("POST", ["batch", "create"]) => legacy::create(portal, from, to, request),
        ("POST", ["batch", "read"]) => legacy::read(portal, from, to, request),
        ("POST", ["batch", "archive"]) => legacy::archive(portal, from, to, request),
        _ => Err(unknown()),
    }
}

fn of_schemas(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => schemas::list(portal, &Query(&request.query)),
        ("POST", []) => schemas::create(portal, request),
        ("GET", [name]) => schemas::get(portal, name),
        ("PATCH", [name]) => schemas::update(portal, name, request),
        ("DELETE", [name]) => schemas::archive(portal, name),
        ("POST", [_, "associations"]) => schemas::associate(portal, request),
        ("DELETE", [_, "associations", id]) => schemas::dissociate(portal, id),
        (_, [] | [_]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_lists(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    let query = Query(&request.query);
    match (request.method.as_str(), rest) {
        ("GET", []) => lists::by_ids(portal, &query),
        ("POST", []) => lists::create(portal, request),
        ("POST", ["search"]) => lists::search(portal, request),
        ("GET", ["object-type-id", object, "name", name]) => lists::by_name(portal, object, name, &query),
        ("GET", ["records", object, id, "memberships"]) => lists::of_record(portal, object, id),
        ("POST", ["records", "memberships", "batch", "read"]) => lists::of_records(portal, request),
        ("PUT", [id, "memberships", "add-from", other]) => lists::add_from(portal, id, other),
        ("GET", [id]) => lists::get(portal, id, &query),
        ("DELETE", [id]) => lists::set_deleted(portal, id, true),
        ("PUT", [id, "restore"]) => lists::set_deleted(portal, id, false),
        ("PUT", [id, "update-list-name"]) => lists::rename(portal, id, &query),
        ("GET", [id, "memberships"]) => lists::members(portal, id, &query, false),
        ("GET", [id, "memberships", "join-order"]) => lists::members(portal, id, &query, true),
        ("DELETE", [id, "memberships"]) => lists::clear(portal, id),
        ("PUT", [id, "memberships", verb @ ("add" | "remove" | "add-and-remove")]) => {
            lists::change_members(portal, id, verb, request)
        }
        (_, [] | [_]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_imports(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), rest) {
        ("POST", []) => imports::start(portal, request),
        ("GET", []) => imports::list(portal),
        ("GET", [id]) => imports::get(portal, id),
        ("GET", [id, "errors"]) => imports::errors(portal, id),
        ("POST", [id, "cancel"]) => imports::cancel(portal, id),
        (_, [] | [_]) => Err(Fault::method_not_allowed()),
        _ => Err(unknown()),
    }
}

fn of_oauth(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), rest) {
        ("POST", [version, "token"]) => oauth::token(portal, request, version),
        ("POST", [_, "token", verb @ ("introspect" | "revoke")]) => oauth::token_call(portal, request, verb),
        ("POST", [_, "private-apps", "get", "access-token-info"]) => oauth::private_info(portal, request),
        ("GET", ["v1", "access-tokens", token]) => oauth::access_info(portal, token),
        (method @ ("GET" | "DELETE"), ["v1", "refresh-tokens", token]) => {
            oauth::refresh_info(portal, token, method)
        }
        _ => Err(unknown()),
    }
}

fn of_webhooks(portal: &mut Portal, rest: &[&str], request: &Request) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET" | "PUT" | "DELETE", [_, "settings"]) => webhooks::settings(portal, request),
        ("GET", [_, "subscriptions"]) => webhooks::list(portal),
        ("POST", [_, "subscriptions"]) => webhooks::create(portal, request),
        ("GET" | "PATCH" | "DELETE", [_, "subscriptions", id]) => webhooks::one(portal, id, request),
        _ => Err(unknown()),
    }
}
