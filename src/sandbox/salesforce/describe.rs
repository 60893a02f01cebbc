//! `GET /sobjects` and `GET /sobjects/{Object}/describe`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::doc::{Doc, list, object};
use super::fault::Fault;
use super::ids::Id;
use super::meta::{Access, Field, Object};
use super::org::Org;
use super::reply::{Call, Reply};
use super::time;

/// The members of an object in the global list.
const SUMMARY: &[&str] = &[
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
];

pub fn global(org: &Org, call: &Call<'_>) -> Reply {
    if not_modified(org, call) {
        return Reply::empty(304);
    }
    let mut objects: Vec<&Object> =
        org.schema.all().map(|(_, o)| o).filter(|o| org.schema.shows(o)).collect();
    objects.sort_by(|a, b| a.name.cmp(&b.name));
    let doc = object([
        ("encoding", "UTF-8".into()),
        ("maxBatchSize", 200usize.into()),
        ("sobjects", list(objects.into_iter().map(|meta| brief(meta, call.version)))),
    ]);
    stamped(org, Reply::json(200, doc))
}

fn stamped(org: &Org, reply: Reply) -> Reply {
    reply.with("Last-Modified", time::http_date(org.schema_changed))
}

/// Metadata has not changed since the time that the client names.
fn not_modified(org: &Org, call: &Call<'_>) -> bool {
    let since = call.request.header("if-modified-since").and_then(time::parse_http_date);
    since.is_some_and(|since| org.schema_changed <= since)
}

fn brief(meta: &Object, version: u16) -> Doc {
    let mut doc = object([]);
    for key in SUMMARY {
        let value = match *key {
            "createable" | "updateable" | "deletable" => Doc::Bool(meta.takes(key)),
            _ => meta.json.get(*key).map_or(Doc::Null, Doc::from),
        };
        let value = if value == Doc::Null
            && !matches!(*key, "associateEntityType" | "associateParentEntity" | "keyPrefix")
        {
            Doc::Bool(false)
        } else {
            value
        };
        doc.push(*key, value);
    }
    doc.push("urls", urls(meta, version));
    doc
}

/// The paths of an object, in this version.
fn urls(meta: &Object, version: u16) -> Doc {
    let base = format!("/services/data/v{version}.0/sobjects/{}", meta.name);
    let mut doc = object([]);
    if let Some(Value::Object(known)) = meta.json.get("urls") {
        for (key, value) in known {
            let text = value.as_str().unwrap_or_default();
            match text.split_once(&format!("/sobjects/{}", meta.name)) {
                Some((_, tail)) => doc.push(key.clone(), format!("{base}{tail}")),
                None => doc.push(key.clone(), text.to_owned()),
            }
        }
        return doc;
    }
    doc.push("rowTemplate", format!("{base}/{{ID}}"));
    doc.push("describe", format!("{base}/describe"));
    doc.push("sobject", base);
    doc
}

/// `GET /sobjects/{Object}`
pub fn summary(org: &Org, meta: &Object, version: u16) -> Doc {
    let _ = org;
    object([("objectDescribe", brief(meta, version)), ("recentItems", Doc::List(Vec::new()))])
}

/// `GET /sobjects/{Object}/describe` and `describe/layouts/{recordTypeId}`.
pub fn describe(org: &Org, meta: &Object, call: &Call<'_>, rest: &[&str]) -> Result<Reply, Fault> {
    match rest {
        [] if not_modified(org, call) => Ok(Reply::empty(304)),
        [] => Ok(stamped(org, Reply::json(200, full(org, meta, call.version)))),
        ["layouts"] => Ok(Reply::json(200, layouts(meta, None))),
        ["layouts", id] => {
            let id = Id::parse(id).ok_or_else(Fault::not_found)?;
            let known = id == Id::MASTER || meta.record_types.iter().any(|kind| kind.id == id);
            if known { Ok(Reply::json(200, layouts(meta, Some(id)))) } else { Err(Fault::not_found()) }
        }
        ["compactLayouts"] => Ok(Reply::json(
            200,
            object([
                ("compactLayouts", Doc::List(Vec::new())),
                ("defaultCompactLayoutId", Doc::Null),
                ("recordTypeCompactLayoutMappings", Doc::List(Vec::new())),
                ("urls", object([])),
            ]),
        )),
        _ => Err(Fault::not_found()),
    }
}

pub fn full(org: &Org, meta: &Object, version: u16) -> Doc {
    let mut members: Vec<(Cow<'static, str>, Doc)> = Vec::new();
    for (key, value) in &meta.json {
        let doc = match key.as_str() {
            "urls" => urls(meta, version),
            "childRelationships" => children(org, meta),
            "createable" | "updateable" | "deletable" => Doc::Bool(meta.takes(key)),
            _ => Doc::from(value),
        };
        members.push((key.clone().into(), doc));
    }
    let fields = list(meta.seen_fields().map(|(_, field)| describe_field(&org.schema.usual, field)));
    members.push(("fields".into(), fields));
    members.push(("recordTypeInfos".into(), record_types(meta, version)));
    if !meta.json.contains_key("urls") {
        members.push(("urls".into(), urls(meta, version)));
    }
    // The vendor's members are in the order of their names.
    members.sort_by(|a, b| a.0.cmp(&b.0));
    Doc::Object(members)
}

/// A field with all its members: its own over the usual ones.
pub fn describe_field(usual: &Map<String, Value>, field: &Field) -> Doc {
    let mut members = usual.clone();
    members.extend(field.json.iter().map(|(key, value)| (key.clone(), value.clone())));
    if field.access == Access::Read {
        members.extend(["createable", "updateable"].map(|key| (key.to_owned(), Value::Bool(false))));
    }
    Doc::from(&Value::Object(members))
}

fn children(org: &Org, meta: &Object) -> Doc {
    let shown = org.schema.children(&meta.name).filter(|child| {
        org.schema.find(&child.object).is_some_and(|(_, object)| object.find(&child.field).is_some())
    });
    list(shown.map(|child| {
        object([
            ("cascadeDelete", child.cascade.into()),
            ("childSObject", child.object.to_string().into()),
            ("deprecatedAndHidden", false.into()),
            ("field", child.field.to_string().into()),
            ("junctionIdListNames", Doc::List(Vec::new())),
            ("junctionReferenceTo", Doc::List(Vec::new())),
            ("relationshipName", child.name.as_deref().map(str::to_owned).into()),
            ("restrictedDelete", false.into()),
        ])
    }))
}

fn record_types(meta: &Object, version: u16) -> Doc {
    let layout = |id: Id| {
        let path = format!("/services/data/v{version}.0/sobjects/{}/describe/layouts/{id}", meta.name);
        object([("layout", path.into())])
    };
    let mut items: Vec<Doc> = Vec::new();
    for kind in &meta.record_types {
        items.push(object([
            ("active", kind.active.into()),
            ("available", kind.active.into()),
            ("defaultRecordTypeMapping", kind.default.into()),
            ("developerName", (&kind.developer_name).into()),
            ("master", false.into()),
            ("name", (&kind.name).into()),
            ("recordTypeId", kind.id.to_string().into()),
            ("urls", layout(kind.id)),
        ]));
    }
    if meta.flag("layoutable") {
        items.push(object([
            ("active", true.into()),
            ("available", true.into()),
            ("defaultRecordTypeMapping", (!meta.record_types.iter().any(|kind| kind.default)).into()),
            ("developerName", "Master".into()),
            ("master", true.into()),
            ("name", "Master".into()),
            ("recordTypeId", Id::MASTER.to_string().into()),
            ("urls", layout(Id::MASTER)),
        ]));
    }
    items.into()
}

/// The picklist values of each record type.
fn layouts(meta: &Object, only: Option<Id>) -> Doc {
    let wanted = |id: Id| only.is_none_or(|only| only == id);
    let mapping = |id: Id, name: &str, developer_name: &str, default: bool| {
        let picklists =
            meta.seen_fields().filter(|(_, field)| !field.choices.is_empty()).map(|(_, field)| {
                object([("picklistName", (&field.name).into()), ("picklistValues", offered(meta, id, field))])
            });
        object([
            ("active", true.into()),
            ("available", true.into()),
            ("defaultRecordTypeMapping", default.into()),
            ("developerName", developer_name.to_owned().into()),
            ("layoutId", Doc::Null),
            ("master", (id == Id::MASTER).into()),
            ("name", name.to_owned().into()),
            ("picklistsForRecordType", list(picklists)),
            ("recordTypeId", id.to_string().into()),
        ])
    };
    let own = meta
        .record_types
        .iter()
        .filter(|kind| wanted(kind.id))
        .map(|kind| mapping(kind.id, &kind.name, &kind.developer_name, kind.default));
    let master =
        wanted(Id::MASTER).then(|| mapping(Id::MASTER, "Master", "Master", meta.record_types.is_empty()));
    object([
        ("layouts", Doc::List(Vec::new())),
        ("recordTypeMappings", list(own.chain(master))),
        ("recordTypeSelectorRequired", list([false])),
    ])
}

fn offered(meta: &Object, kind: Id, field: &Field) -> Doc {
    let choices = field.choices.iter().filter(|choice| choice.active);
    let subset =
        meta.record_types.iter().find(|known| known.id == kind).and_then(|k| k.picklists.get(&field.name));
    list(choices.filter(|choice| subset.is_none_or(|subset| subset.contains(&choice.value))).map(|choice| {
        object([
            ("active", true.into()),
            ("defaultValue", choice.default.into()),
            ("label", (&choice.label).into()),
            ("validFor", Doc::Null),
            ("value", (&choice.value).into()),
        ])
    }))
}
