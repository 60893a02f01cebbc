//! Names to things: `ast` to `hir`, against the schemas of the connections.
//!
//! Never fails: what can't be resolved is reported once and left out. Rules about whether a resolved program makes
//! sense are `check`'s.

mod associate;
mod case;
mod expr;
pub mod hir;
mod items;
mod literal;
mod rows;
mod sync;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Diagnostic;
use crate::diag::errors::names as wording;
use crate::diag::suggest::nearest;
use crate::schema::{Field, System};
use crate::source::Span;
use crate::syntax::ast::{self, Ident};
use hir::{FieldRef, Object, Program};

/// The schemas of the project's connections, by connection name.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    pub systems: BTreeMap<String, System>,
    /// Connections of the project that have no snapshot yet.
    pub without: Vec<String>,
}

pub(crate) struct Resolver<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Names of items, known before any is resolved.
    pub(crate) syncs: Vec<&'a Ident>,
    pub(crate) values: Vec<&'a Ident>,
    pub(crate) stages: Vec<&'a Ident>,
    pub(crate) converts: Vec<&'a Ident>,
    pub(crate) owners: Vec<(String, Span)>,
    /// Words of item headers that could not be read: a name among them has been reported already.
    pub(crate) lost: BTreeSet<&'a str>,
    /// Names of syncs, and where maps and converters stand in the resolved program.
    pub(crate) sync_names: BTreeSet<&'a str>,
    /// The right-hand objects of each sync, as they are written.
    pub(crate) sync_arms: BTreeMap<&'a str, Vec<&'a str>>,
    pub(crate) map_names: BTreeMap<String, Named>,
}

/// Where an item that can stand behind `using` is found; `Broken` = it could not be resolved and was reported.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    Values(usize),
    Stages(usize),
    Convert(usize),
    Owners(usize),
    Broken,
}

/// Resolves a whole program.
pub fn resolve<'a>(schemas: &'a Schemas, program: &'a ast::Program) -> (Program<'a>, Vec<Diagnostic>) {
    let mut resolver = Resolver {
        schemas,
        diagnostics: Vec::new(),
        syncs: Vec::new(),
        values: Vec::new(),
        stages: Vec::new(),
        converts: Vec::new(),
        owners: Vec::new(),
        lost: program.files.iter().flat_map(|file| &file.lost).map(String::as_str).collect(),
        sync_names: BTreeSet::new(),
        sync_arms: BTreeMap::new(),
        map_names: BTreeMap::new(),
    };
    let items: Vec<&ast::Item> = program.files.iter().flat_map(|file| &file.items).collect();
    resolver.gather(&items);
    let mut resolved = Program::default();
    // Value and stage maps first: rows look at their ends.
    for item in &items {
        match item {
            ast::Item::Values(item) => resolved.values.extend(resolver.value_map(item)),
            ast::Item::Stages(item) => resolved.stages.extend(resolver.stage_map(item)),
            ast::Item::Convert(item) => resolved.converts.push(resolver.convert(item)),
            ast::Item::Owners(item) => resolved.owners.extend(resolver.owner_map(item)),
            _ => {}
        }
    }
    resolver.name_maps(&resolved);
    for item in &items {
        if let ast::Item::Sync(item) = item
            && let Some(sync) = resolver.sync(item, &resolved)
        {
            resolved.syncs.push(sync);
        }
    }
    for item in &items {
        match item {
            ast::Item::Test(item) => {
                let test = resolver.test(item, &resolved);
                resolved.tests.extend(test);
            }
            ast::Item::Policy(item) => {
                resolver.policy(item);
                resolved.policies.push(item);
            }
            ast::Item::Writeback(item) if resolver.systems_exist(&[&item.from, &item.to]) => {
                resolved.writebacks.push(item);
            }
            ast::Item::CrmSettings(item) if resolver.systems_exist(&[&item.system, &item.crm]) => {
                resolved.crm_settings.push(item);
            }
            _ => {}
        }
    }
    (resolved, resolver.diagnostics)
}

impl<'a> Resolver<'a> {
    pub(crate) fn say(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Registers every item name; `values`, `stages`, `convert` and `owners` share one space.
    fn gather(&mut self, items: &[&'a ast::Item]) {
        let mut converters: BTreeMap<&str, Span> = BTreeMap::new();
        let mut syncs: BTreeMap<&str, Span> = BTreeMap::new();
        for item in items {
            let (kind, name, space) = match item {
                ast::Item::Sync(item) => ("sync", &item.name, &mut syncs),
                ast::Item::Writeback(item) => ("writeback", &item.name, &mut syncs),
                ast::Item::Stages(item) => ("stage map", &item.name, &mut converters),
                ast::Item::Values(item) => ("value map", &item.name, &mut converters),
                ast::Item::Convert(item) => ("converter", &item.name, &mut converters),
                ast::Item::Owners(item) => {
                    if let Some(name) = &item.name {
                        self.owners.push((name.text.clone(), item.header));
                        ("owner map", name, &mut converters)
                    } else {
                        let first = self.owners.iter().find(|(name, _)| name == "owners").map(|(_, at)| *at);
                        if let Some(first) = first {
                            self.say(wording::same_name(item.header, first, "owner map", "owners"));
                        } else {
                            self.owners.push(("owners".to_owned(), item.header));
                        }
                        continue;
                    }
                }
                ast::Item::Test(_) | ast::Item::Policy(_) | ast::Item::CrmSettings(_) => continue,
            };
            if let Some(first) = space.get(name.text.as_str()).copied() {
                let diagnostic = wording::same_name(name.span, first, kind, &name.text);
                self.diagnostics.push(diagnostic);
                continue;
            }
            space.insert(&name.text, name.span);
            if !matches!(item, ast::Item::Sync(_) | ast::Item::Writeback(_))
                && crate::builtin::Converter::find(&name.text).is_some()
            {
                self.diagnostics.push(wording::shadows(name.span, kind, &name.text));
            }
        }
        for item in items {
            match item {
                ast::Item::Sync(item) => {
                    self.syncs.push(&item.name);
                    self.sync_names.insert(&item.name.text);
                    let arms = item.right.iter().map(|right| right.object.text.as_str()).collect();
                    self.sync_arms.entry(&item.name.text).or_insert(arms);
                }
                ast::Item::Stages(item) => self.stages.push(&item.name),
                ast::Item::Values(item) => self.values.push(&item.name),
                ast::Item::Convert(item) => self.converts.push(&item.name),
                _ => {}
            }
        }
    }

    /// Notes where each map and converter stands; of several of one name the first counts.
    fn name_maps(&mut self, program: &Program<'a>) {
        let values = program.values.iter().enumerate().map(|(i, map)| (&map.name.text, Named::Values(i)));
        let stages = program.stages.iter().enumerate().map(|(i, map)| (&map.name.text, Named::Stages(i)));
        let converts =
            program.converts.iter().enumerate().map(|(i, item)| (&item.name.text, Named::Convert(i)));
        let named = program.owners.iter().enumerate().filter(|(_, map)| map.name != "owners");
        let owners = named.map(|(i, map)| (&map.name, Named::Owners(i)));
        for (name, at) in values.chain(stages).chain(converts).chain(owners) {
            self.map_names.entry(name.clone()).or_insert(at);
        }
        for name in self.values.iter().chain(&self.stages).chain(&self.converts) {
            self.map_names.entry(name.text.clone()).or_insert(Named::Broken);
        }
    }

    pub(crate) fn system(&mut self, name: &Ident) -> Option<(&'a str, &'a System)> {
        if let Some((name, system)) = self.schemas.systems.get_key_value(&name.text) {
            return Some((name, system));
        }
        if self.schemas.without.contains(&name.text) {
            self.say(wording::no_schema(name.span, &name.text));
        } else {
            let near = nearest(&name.text, self.schemas.systems.keys().map(String::as_str));
            self.say(wording::unknown_system(name.span, &name.text, near));
        }
        None
    }

    /// Whether there is a sync of this name; if not, says so unless its header could not be read.
    pub(crate) fn sync_exists(&mut self, name: &str, at: Span) -> bool {
        if self.sync_names.contains(name) {
            return true;
        }
        if !self.lost.contains(name) {
            let near = nearest(name, self.syncs.iter().map(|sync| sync.text.as_str()));
            let found = wording::unknown_sync(at, name, near);
            self.say(found);
        }
        false
    }

    fn systems_exist(&mut self, names: &[&Ident]) -> bool {
        names
            .iter()
            .map(|name| self.system(name).is_some())
            .collect::<Vec<_>>()
            .into_iter()
            .all(|known| known)
    }

    pub(crate) fn object(&mut self, system: &Ident, object: &Ident, span: Span) -> Option<Object<'a>> {
        let (name, schema) = self.system(system)?;
        let Some((canonical, found)) = schema.object(&object.text) else {
            let names = schema.objects.iter().flat_map(|(name, object)| {
                std::iter::once(name.as_str()).chain(object.aliases.iter().map(String::as_str))
            });
            let labelled =
                schema.objects.iter().find(|(_, known)| known.label.eq_ignore_ascii_case(&object.text));
            let near = labelled.map(|(name, _)| name.as_str()).or_else(|| nearest(&object.text, names));
            self.say(wording::unknown_object(object.span, name, &object.text, near));
            return None;
        };
        Some(Object { system: name, kind: schema.kind, name: canonical, schema: found, span })
    }

    /// A field of an object, or the one finding for its name. `other` is the object on the other side.
    pub(crate) fn field(
        &mut self,
        object: Object<'a>,
        name: &Ident,
        other: Option<Object<'a>>,
    ) -> Option<FieldRef<'a>> {
        if let Some((known, field)) = object.schema.fields.get_key_value(&name.text) {
            return Some(FieldRef { object, name: known, field, span: name.span });
        }
        let full = format!("{}.{}", object.system, object.name);
        let own_case = object.schema.fields.keys().find(|known| known.eq_ignore_ascii_case(&name.text));
        if own_case.is_none()
            && let Some(other) = other
            && other.schema.fields.contains_key(&name.text)
        {
            let other_full = format!("{}.{}", other.system, other.name);
            self.say(wording::field_of_other_side(name.span, &full, &name.text, &other_full));
            return None;
        }
        let near = own_case.map(String::as_str).or_else(|| near_field(&object.schema.fields, &name.text));
        let count = object.schema.fields.len();
        self.say(wording::unknown_field(name.span, &full, &name.text, near, count, object.system));
        None
    }
}

/// The nearest field by API name, else one whose label says the same.
pub fn near_field<'f>(fields: &'f BTreeMap<String, Field>, name: &str) -> Option<&'f str> {
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(name);
    let labelled =
        || fields.iter().find(|(_, field)| plain(&field.label) == wanted).map(|(name, _)| name.as_str());
    nearest(name, fields.keys().map(String::as_str)).or_else(labelled)
}

/// The listed value that a wrong one was meant to be: by label, by case, else by nearness.
pub fn near_value<'f>(field: &'f Field, value: &str) -> Option<&'f str> {
    let by_label = field.options.iter().find(|option| option.label.eq_ignore_ascii_case(value));
    by_label
        .map(|option| option.value.as_str())
        .or_else(|| nearest(value, field.options.iter().map(|o| o.value.as_str())))
}
