//! Associations and roll-ups between records: `associate`, `propagate`.

use super::Resolver;
use super::hir::{self, Association, AssociationEnd, Object, Propagate, Sync};
use crate::diag::errors::{names, text as texts};
use crate::diag::suggest::nearest;
use crate::schema::SystemKind;
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn associate(&mut self, sync: &mut Sync<'a>, item: &'a ast::Associate, span: Span) {
        if !self.sync_exists(&item.through.text, item.through.span) {
            return;
        }
        let left_object = sync.left;
        let Some(_) = self.association_end(left_object, &item.left) else { return };
        let arms: Vec<Object<'a>> = sync.arms.iter().map(|arm| arm.right).collect();
        // The clause applies to the arms that have the field; at least one must.
        let fitting: Vec<usize> = arms
            .iter()
            .enumerate()
            .filter(|(_, object)| arms.len() == 1 || quietly_has(object, &item.right))
            .map(|(index, _)| index)
            .collect();
        let targets = if fitting.is_empty() { vec![0] } else { fitting };
        for index in targets {
            let Some(object) = arms.get(index) else { continue };
            let (Some(left), Some(right)) =
                (self.association_end(left_object, &item.left), self.association_end(*object, &item.right))
            else {
                return;
            };
            let association = Association {
                arrow: item.arrow,
                left,
                right,
                through: item.through.clone(),
                primary: item.primary.is_some(),
                span,
            };
            if let Some(arm) = sync.arms.get_mut(index) {
                arm.associations.push(association);
            }
        }
    }

    fn association_end(&mut self, object: Object<'a>, path: &'a ast::Path) -> Option<AssociationEnd<'a>> {
        let full = format!("{}.{}", object.system, object.name);
        match (object.kind, path.parts.as_slice()) {
            (SystemKind::Hubspot, [name]) => {
                let system = self.schemas.systems.get(object.system)?;
                let known = &object.schema.associations;
                let canonical = crate::schema::hubspot::canonical(&name.text);
                let custom = system.object(&name.text).map(|(name, _)| name);
                if known.iter().any(|other| other == canonical) {
                    return Some(AssociationEnd::Set(canonical.to_owned()));
                }
                if let Some(custom) = custom.filter(|custom| *custom != object.name) {
                    return Some(AssociationEnd::Set(custom.to_owned()));
                }
                if let Some((name_known, field)) = object.schema.fields.get_key_value(&name.text) {
                    let field = hir::FieldRef { object, name: name_known, field, span: name.span };
                    return Some(AssociationEnd::Lookup(field));
                }
                self.say(names::unknown_association(
                    name.span,
                    &full,
                    &name.text,
                    nearest(&name.text, known.iter().map(String::as_str)),
                ));
                None
            }
            (_, [name]) => self.field(object, name, None).map(AssociationEnd::Lookup),
            (SystemKind::Salesforce, [junction, field]) => {
                let system = self.schemas.systems.get(object.system)?;
                match system.object(&junction.text) {
                    Some((name, schema)) => {
                        let junction_object = Object { name, schema, ..object };
                        let field = self.field(junction_object, field, None)?;
                        Some(AssociationEnd::Set(format!("{name}.{}", field.name)))
                    }
                    None => {
                        // The junction's describe may be missing from the snapshot; its shape is a fact of Salesforce.
                        if junction.text == "OpportunityContactRole" && field.text == "ContactId" {
                            return Some(AssociationEnd::Set(path.text()));
                        }
                        self.say(names::unknown_association(path.span, &full, &path.text(), None));
                        None
                    }
                }
            }
            _ => {
                self.say(names::unknown_association(path.span, &full, &path.text(), None));
                None
            }
        }
    }

    pub(super) fn propagate(&mut self, sync: &mut Sync<'a>, item: &'a ast::Propagate) {
        let end = |this: &mut Self, path: &'a ast::Path| -> Option<hir::FieldRef<'a>> {
            let [object, field] = path.parts.as_slice() else {
                this.say(texts::unreadable(path.span, &["`OBJECT.FIELD`"], false));
                return None;
            };
            let system = ast::Ident { text: sync.left.system.to_owned(), span: object.span };
            let object = this.object(&system, object, path.span)?;
            this.field(object, field, None)
        };
        let (from, to) = (end(self, &item.from), end(self, &item.to));
        if let (Some(from), Some(to)) = (from, to) {
            sync.propagate.push(Propagate { from, to, forward: item.forward.is_some() });
        }
    }
}

fn quietly_has(object: &Object<'_>, path: &ast::Path) -> bool {
    match path.parts.as_slice() {
        [name] => object.schema.fields.contains_key(&name.text),
        // Only opportunities have contact roles.
        [junction, _] => junction.text != "OpportunityContactRole" || object.name == "Opportunity",
        _ => false,
    }
}
