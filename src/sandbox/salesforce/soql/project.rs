//! What a query selects, as the JSON of its records.

use std::collections::{BTreeMap, BTreeSet};

use super::super::doc::{Doc, object};
use super::super::fault::Fault;
use super::super::ids::Id;
use super::super::meta::Object;
use super::super::org::Org;
use super::super::store::Row;
use super::ast::{FieldSet, Item, Operand, Path, Query};
use super::compile::Scope;
use super::eval::{Rows, rows};

/// What to write of a row, in order.
#[derive(Debug)]
pub struct Projection {
    nodes: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    Field {
        key: String,
        field: u16,
        label: bool,
    },
    /// The fields of the one that a reference points to.
    Parent {
        key: String,
        field: u16,
        nodes: Vec<Node>,
    },
    /// Behind a reference to several objects: names, looked up per row.
    Names {
        key: String,
        field: u16,
        names: Vec<String>,
    },
    Children {
        key: String,
        query: Box<Query>,
        object: usize,
        by: u16,
        projection: Projection,
    },
    TypeOf {
        key: String,
        field: u16,
        when: Vec<(usize, Vec<Node>)>,
        otherwise: Vec<String>,
    },
}

impl Projection {
    pub fn compile(scope: &Scope<'_>, query: &Query) -> Result<Projection, Fault> {
        let meta = scope.meta()?;
        let mut nodes: Vec<Node> = Vec::new();
        for item in &query.select {
            match item {
                Item::Operand { operand, alias } => {
                    operand_node(scope, operand, alias.as_deref(), &mut nodes)?
                }
                Item::Children(child) => nodes.push(children(scope, child)?),
                Item::TypeOf { field, when, otherwise } => {
                    nodes.push(type_of(scope, field, when, otherwise)?)
                }
                Item::Fields(set) => all_fields(scope, query, meta, *set, &mut nodes)?,
            }
        }
        Ok(Projection { nodes })
    }

    /// The records of some rows of one object.
    pub fn render(&self, org: &Org, version: u16, meta: &Object, page: &[&Row]) -> Vec<Doc> {
        let ids: BTreeSet<Id> = page.iter().map(|row| row.id).collect();
        let families = self.families(org, &ids);
        page.iter().map(|row| self.record(org, version, meta, row, &families)).collect()
    }

    fn record(&self, org: &Org, version: u16, meta: &Object, row: &Row, families: &Families<'_>) -> Doc {
        let mut doc = object([("attributes", attributes(version, &meta.name, row.id))]);
        write(org, version, meta, row, &self.nodes, families, &mut doc);
        doc
    }

    /// Key of a subquery -> parent -> its rows.
    fn families<'a>(&'a self, org: &'a Org, parents: &BTreeSet<Id>) -> Families<'a> {
        let mut families = Families::new();
        for node in &self.nodes {
            let Node::Children { key, query, object, by, .. } = node else { continue };
            let scope = Scope {
                org,
                text: "",
                object: *object,
                alias: query.alias.as_deref(),
                now: org.clock.now().0,
            };
            // Names were looked up when the query was compiled.
            let found = rows(&scope, query, Rows::Live).unwrap_or_default();
            let family = families.entry(key.as_str()).or_default();
            for row in found {
                if let Some(parent) = row.cell(*by).as_id().filter(|parent| parents.contains(parent)) {
                    family.entry(parent).or_default().push(row);
                }
            }
        }
        families
    }
}

type Families<'a> = BTreeMap<&'a str, BTreeMap<Id, Vec<&'a Row>>>;

pub fn attributes(version: u16, object_name: &str, id: Id) -> Doc {
    object([("type", object_name.to_owned().into()), ("url", url(version, object_name, id).into())])
}

pub fn url(version: u16, object_name: &str, id: Id) -> String {
    format!("/services/data/v{version}.0/sobjects/{object_name}/{id}")
}

fn write(
    org: &Org,
    version: u16,
    meta: &Object,
    row: &Row,
    nodes: &[Node],
    families: &Families<'_>,
    doc: &mut Doc,
) {
    for node in nodes {
        match node {
            Node::Field { key, field, label } => {
                let Some(described) = meta.field(*field) else { continue };
                let cell = org.read(meta, row, *field);
                let shown = match (label, cell.as_text()) {
                    (true, Some(text)) => described.choice(text).map(|choice| Doc::from(&choice.label)),
                    _ => None,
                };
                doc.push(key.clone(), shown.unwrap_or_else(|| cell.doc(described)));
            }
            Node::Parent { key, field, nodes } => {
                let parent = parent(org, meta, row, *field).map(|(meta, row)| {
                    let mut doc = object([("attributes", attributes(version, &meta.name, row.id))]);
                    write(org, version, meta, row, nodes, families, &mut doc);
                    doc
                });
                doc.push(key.clone(), parent);
            }
            Node::Names { key, field, names } => {
                let parent =
                    parent(org, meta, row, *field).map(|(meta, row)| named(org, version, meta, row, names));
                doc.push(key.clone(), parent);
            }
            Node::Children { key, query, object: child, projection, .. } => {
                let found = families.get(key.as_str()).and_then(|family| family.get(&row.id));
                let kept: Vec<&Row> = found
                    .into_iter()
                    .flatten()
                    .copied()
                    .skip(query.offset)
                    .take(query.limit.unwrap_or(usize::MAX))
                    .collect();
                let meta = org.schema.get(*child).filter(|_| !kept.is_empty());
                let records = meta.map(|meta| {
                    object([
                        ("totalSize", kept.len().into()),
                        ("done", true.into()),
                        ("records", projection.render(org, version, meta, &kept).into()),
                    ])
                });
                doc.push(key.clone(), records);
            }
            Node::TypeOf { key, field, when, otherwise } => {
                let target = row.cell(*field).as_id().and_then(|id| org.find(id));
                let shown = target.and_then(|(at, row)| {
                    let meta = org.schema.get(at)?;
                    let Some((_, nodes)) = when.iter().find(|(of, _)| *of == at) else {
                        return Some(named(org, version, meta, row, otherwise));
                    };
                    let mut doc = object([("attributes", attributes(version, &meta.name, row.id))]);
                    write(org, version, meta, row, nodes, families, &mut doc);
                    Some(doc)
                });
                doc.push(key.clone(), shown);
            }
        }
    }
}

fn parent<'a>(org: &'a Org, meta: &Object, row: &Row, field: u16) -> Option<(&'a Object, &'a Row)> {
    let id = org.read(meta, row, field).as_id()?;
    let (at, row) = org.find(id)?;
    Some((org.schema.get(at)?, row))
}

/// Fields by name, where the object differs from row to row. What it does not have is null.
fn named(org: &Org, version: u16, meta: &Object, row: &Row, names: &[String]) -> Doc {
    let mut doc = object([("attributes", attributes(version, &meta.name, row.id))]);
    for name in names {
        if name.eq_ignore_ascii_case("Type") {
            doc.push("Type", &meta.name);
        } else if let Some((at, field)) = meta.find(name) {
            doc.push(field.name.clone(), org.read(meta, row, at).doc(field));
        } else {
            doc.push(name.clone(), Doc::Null);
        }
    }
    doc
}

fn operand_node(
    scope: &Scope<'_>,
    operand: &Operand,
    alias: Option<&str>,
    nodes: &mut Vec<Node>,
) -> Result<(), Fault> {
    match operand {
        Operand::Path(path) => add(scope, path, alias, false, nodes),
        Operand::Call { name, argument, at } => match argument.as_deref() {
            Some(Operand::Path(path)) => match name.to_ascii_lowercase().as_str() {
                "tolabel" => add(scope, path, alias, true, nodes),
                "format" | "convertcurrency" => add(scope, path, alias, false, nodes),
                _ => Err(scope.invalid("MALFORMED_QUERY", *at, &format!("Invalid function: {name}"))),
            },
            Some(inner @ Operand::Call { .. }) => operand_node(scope, inner, alias, nodes),
            None => Err(scope.invalid("MALFORMED_QUERY", *at, &format!("Invalid function: {name}"))),
        },
    }
}

/// Adds a path to the tree of nodes, next to what is there of the same parent.
fn add(
    scope: &Scope<'_>,
    path: &Path,
    alias: Option<&str>,
    label: bool,
    nodes: &mut Vec<Node>,
) -> Result<(), Fault> {
    // Looks the whole path up, with its errors.
    let place = scope.place(path)?;
    let names = scope.without_alias(path)?;
    let mut level = nodes;
    let mut meta = scope.meta()?;
    let (last, parents) = names.split_last().ok_or_else(Fault::not_found)?;
    for name in parents {
        let Some((field, reference)) = meta.relationship(name) else { return Ok(()) };
        let key = reference.relationship.clone().unwrap_or_default();
        if let [one] = reference.refers.as_slice() {
            let Some((_, target)) = scope.org.schema.find(one) else { return Ok(()) };
            let at = parent_at(level, key, field);
            let Some(Node::Parent { nodes, .. }) = level.get_mut(at) else { return Ok(()) };
            level = nodes;
            meta = target;
            continue;
        }
        match level.iter_mut().find_map(|node| match node {
            Node::Names { key: has, names, .. } if *has == key => Some(names),
            _ => None,
        }) {
            Some(names) => names.push(last.clone()),
            None => level.push(Node::Names { key, field, names: vec![last.clone()] }),
        }
        return Ok(());
    }
    let key = alias.map_or(place.name, str::to_owned);
    let twice = level.iter().any(|node| matches!(node, Node::Field { key: has, .. } if *has == key));
    if twice {
        let what = format!("duplicate field selected: {key}");
        return Err(scope.invalid("INVALID_FIELD", path.at, &what));
    }
    level.push(Node::Field { key, field: place.field, label });
    Ok(())
}

/// The place of a parent's node, which is added when it is not there.
fn parent_at(level: &mut Vec<Node>, key: String, field: u16) -> usize {
    let is = |node: &Node| matches!(node, Node::Parent { key: has, .. } if *has == key);
    match level.iter().position(is) {
        Some(at) => at,
        None => {
            level.push(Node::Parent { key, field, nodes: Vec::new() });
            level.len() - 1
        }
    }
}

fn children(scope: &Scope<'_>, query: &Query) -> Result<Node, Fault> {
    let meta = scope.meta()?;
    let name = query.from.rsplit('.').next().unwrap_or_default();
    let unknown = || {
        let what = format!(
            "Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
             or the describe call for the appropriate names."
        );
        scope.invalid("INVALID_TYPE", query.from_at, &what)
    };
    let child = scope
        .org
        .schema
        .children(&meta.name)
        .find(|child| child.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
        .ok_or_else(unknown)?;
    let (object, child_meta) = scope.org.schema.find(&child.object).ok_or_else(unknown)?;
    let (by, _) = child_meta.find(&child.field).ok_or_else(unknown)?;
    let inner =
        Scope { org: scope.org, text: scope.text, object, alias: query.alias.as_deref(), now: scope.now };
    if query.select.iter().any(|item| matches!(item, Item::Children(_))) {
        let what = "Sub-queries nested in a sub-query are not supported here";
        return Err(scope.invalid("MALFORMED_QUERY", query.from_at, what));
    }
    let projection = Projection::compile(&inner, query)?;
    // Reports what is wrong with its filter and order.
    rows(&inner, &Query { limit: Some(0), ..query.clone() }, Rows::Live)?;
    let key = child.name.as_deref().unwrap_or_default().to_owned();
    Ok(Node::Children { key, query: Box::new(query.clone()), object, by, projection })
}

fn type_of(
    scope: &Scope<'_>,
    path: &Path,
    when: &[(String, Vec<Path>)],
    otherwise: &[Path],
) -> Result<Node, Fault> {
    let meta = scope.meta()?;
    let name = path.names.last().map_or("", String::as_str);
    let unknown = || scope.invalid("INVALID_FIELD", path.at, &format!("No such relationship '{name}'"));
    let (field, reference) = meta.relationship(name).ok_or_else(unknown)?;
    let mut branches = Vec::new();
    for (kind, paths) in when {
        let (object, _) = scope.org.schema.find(kind).ok_or_else(unknown)?;
        let inner = Scope { org: scope.org, text: scope.text, object, alias: None, now: scope.now };
        let mut nodes = Vec::new();
        for path in paths {
            add(&inner, path, None, false, &mut nodes)?;
        }
        branches.push((object, nodes));
    }
    let otherwise = otherwise.iter().map(Path::text).collect();
    let key = reference.relationship.clone().unwrap_or_default();
    Ok(Node::TypeOf { key, field, when: branches, otherwise })
}

fn all_fields(
    scope: &Scope<'_>,
    query: &Query,
    meta: &Object,
    set: FieldSet,
    nodes: &mut Vec<Node>,
) -> Result<(), Fault> {
    if set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > 200) {
        let what = "The SOQL FIELDS function must have a LIMIT of at most 200";
        return Err(scope.invalid("MALFORMED_QUERY", query.from_at, what));
    }
    for (at, field) in meta.seen_fields() {
        let takes = match set {
            FieldSet::All => true,
            FieldSet::Standard => !field.custom,
            FieldSet::Custom => field.custom,
        };
        if takes {
            nodes.push(Node::Field { key: field.name.clone(), field: at, label: false });
        }
    }
    Ok(())
}
