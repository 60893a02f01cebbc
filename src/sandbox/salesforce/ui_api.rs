//! `/ui-api/object-info/{Object}/picklist-values/{recordTypeId}[/{field}]`: the values that a record type offers.

use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Choice, Field, Object};
use super::org::Org;
use super::reply::{Call, Reply};

/// `/ui-api/{path...}`
pub fn route(org: &Org, call: &Call<'_>, path: &[&str]) -> Result<Reply, Fault> {
    match (call.request.method.as_str(), path) {
        ("GET", ["object-info", name, "picklist-values", kind]) => {
            let (meta, kind) = known(org, name, kind)?;
            let mut values = object([]);
            for (_, field) in meta.seen_fields().filter(|(_, field)| !field.choices.is_empty()) {
                values.push(field.name.clone(), picklist(call, meta, kind, field));
            }
            let hash = blake3::hash(format!("{} {kind} {}", meta.name, org.schema_changed).as_bytes());
            let tag: String = hash.to_hex().chars().take(32).collect();
            Ok(Reply::json(200, object([("eTag", tag.into()), ("picklistFieldValues", values)])))
        }
        ("GET", ["object-info", name, "picklist-values", kind, field]) => {
            let (meta, kind) = known(org, name, kind)?;
            let field = meta.find(field).map(|(_, field)| field).filter(|field| !field.choices.is_empty());
            Ok(Reply::json(200, picklist(call, meta, kind, field.ok_or_else(Fault::not_found)?)))
        }
        _ => Err(Fault::not_found()),
    }
}

fn known<'a>(org: &'a Org, name: &str, kind: &str) -> Result<(&'a Object, Id), Fault> {
    let (_, meta) = org.object(name)?;
    let kind = Id::parse(kind).ok_or_else(Fault::not_found)?;
    let there = kind == Id::MASTER || meta.record_types.iter().any(|known| known.id == kind);
    if there { Ok((meta, kind)) } else { Err(Fault::not_found()) }
}

fn picklist(call: &Call<'_>, meta: &Object, kind: Id, field: &Field) -> Doc {
    let controller = field.json.get("controllerName").and_then(serde_json::Value::as_str);
    let controlling = controller.and_then(|name| meta.find(name)).map(|(_, field)| field);
    let mut indices = object([]);
    for (n, choice) in controlling.iter().flat_map(|field| &field.choices).enumerate() {
        indices.push(choice.value.clone(), n);
    }
    let subset =
        meta.record_types.iter().find(|known| known.id == kind).and_then(|k| k.picklists.get(&field.name));
    let offered =
        |choice: &&Choice| choice.active && subset.is_none_or(|subset| subset.contains(&choice.value));
    let values = field.choices.iter().filter(offered).map(value);
    let default = field.default_choice().filter(offered).map(value);
    let url = format!(
        "/services/data/v{}.0/ui-api/object-info/{}/picklist-values/{kind}/{}",
        call.version, meta.name, field.name
    );
    object([
        ("controllerValues", indices),
        ("defaultValue", default.into()),
        ("url", url.into()),
        ("values", list(values)),
    ])
}

fn value(choice: &Choice) -> Doc {
    let bits = choice.valid_for.as_deref().unwrap_or_default();
    let set =
        (0..bits.len() * 8).filter(|n| bits.get(n / 8).is_some_and(|byte| byte & (0x80 >> (n % 8)) != 0));
    object([
        ("attributes", Doc::Null),
        ("label", (&choice.label).into()),
        ("validFor", list(set)),
        ("value", (&choice.value).into()),
    ])
}
