//! `test` items: the records that a test gives and what it expects, with names and values resolved.

use super::hir::{self, Expect, FieldRef, Given, Linked, Object, Program, Side, Test};
use super::{Resolver, literal};
use crate::diag::errors::{names, text as texts, types};
use crate::diag::suggest::nearest;
use crate::schema::FieldType;
use crate::syntax::ast;
use crate::value::Value;

/// Why a record or pair is left alone, as far as a test can see it.
const SKIPS: [&str; 6] = ["filter", "stage-unmapped", "create-rule", "create-never", "veto", "direction"];

impl<'a> Resolver<'a> {
    pub(super) fn test(&mut self, item: &'a ast::Test, program: &Program<'a>) -> Option<Test<'a>> {
        let Some(sync) = program.syncs.iter().position(|sync| sync.name.text == item.sync.text) else {
            // A sync that exists but could not be resolved has been reported itself.
            self.sync_exists(&item.sync.text, item.sync.span);
            return None;
        };
        let resolved = program.syncs.get(sync)?;
        let mut test = Test {
            name: item.name.value.clone(),
            sync,
            givens: Vec::new(),
            absent: item.absent.iter().filter_map(|object| self.given_object(resolved, object)).collect(),
            links: item.links.iter().filter_map(|link| self.given_link(program, link)).collect(),
            base: Vec::new(),
            expects: Vec::new(),
            span: item.header,
        };
        for given in &item.givens {
            if given.side.text == "base" {
                for field in &given.fields {
                    test.base.extend(self.base_value(resolved, field));
                }
            } else {
                test.givens.extend(self.given(program, resolved, given));
            }
        }
        for expect in &item.expects {
            test.expects.extend(self.expect(resolved, expect));
        }
        Some(test)
    }

    fn expect(&mut self, sync: &hir::Sync<'a>, expect: &'a ast::Expect) -> Option<Expect<'a>> {
        let span = expect.span;
        Some(match &expect.kind {
            ast::ExpectKind::Fields { exactly, side, object, fields } => {
                let at = self.side(sync, side)?;
                let arm = object.as_ref().map(|name| name.text.as_str());
                let object = match at {
                    Side::Left => sync.left,
                    Side::Right => {
                        sync.arms.iter().find(|a| arm.is_none_or(|arm| a.right.name == arm))?.right
                    }
                };
                let fields =
                    fields.iter().filter_map(|field| self.test_value(sync, at, arm, field)).collect();
                Expect::Fields { exactly: *exactly, side: at, object: object.name, fields, span }
            }
            ast::ExpectKind::Outcome { word, reason } => {
                let known = ["skipped", "held", "failed", "unchanged"];
                if !known.contains(&word.text.as_str()) {
                    let near = nearest(&word.text, known);
                    self.say(texts::unknown_word(word.span, "expectation", &word.text, near, &known));
                    return None;
                }
                if let Some(reason) = reason.as_ref().filter(|_| word.text == "skipped")
                    && !SKIPS.contains(&reason.text.as_str())
                {
                    let near = nearest(&reason.text, SKIPS);
                    self.say(texts::unknown_word(reason.span, "reason to skip", &reason.text, near, &SKIPS));
                    return None;
                }
                let reason = reason.as_ref().map(|reason| reason.text.clone());
                Expect::Outcome { word: word.text.clone(), reason, span }
            }
            ast::ExpectKind::Conflict { winner } => {
                Expect::Conflict { winner: self.side(sync, winner)?, span }
            }
        })
    }

    fn base_value(
        &mut self,
        sync: &hir::Sync<'a>,
        field: &'a ast::FieldValue,
    ) -> Option<(Side, FieldRef<'a>, Value)> {
        let side = match field.name.parts.as_slice() {
            [system, _] => self.side(sync, system)?,
            [name] if sync.left.schema.fields.contains_key(&name.text) => Side::Left,
            _ => Side::Right,
        };
        let (found, value) = self.test_value(sync, side, None, field)?;
        Some((side, found, value))
    }

    fn test_value(
        &mut self,
        sync: &hir::Sync<'a>,
        side: Side,
        arm: Option<&str>,
        field: &'a ast::FieldValue,
    ) -> Option<(FieldRef<'a>, Value)> {
        let name = field.name.parts.last()?;
        let object = match side {
            Side::Left => sync.left,
            Side::Right => {
                let fits = |a: &&hir::Arm<'a>| match arm {
                    Some(arm) => a.right.name == arm,
                    None => a.right.schema.fields.contains_key(&name.text),
                };
                sync.arms.iter().find(fits).or_else(|| sync.arms.first())?.right
            }
        };
        self.value_of(object, name, field)
    }

    fn value_of(
        &mut self,
        object: Object<'a>,
        name: &'a ast::Ident,
        field: &'a ast::FieldValue,
    ) -> Option<(FieldRef<'a>, Value)> {
        let found = self.field(object, name, None)?;
        match literal::typed(&field.value, &found.field.ty) {
            Ok(value) => {
                self.value_exists(found, &value, field.value.span);
                Some((found, value))
            }
            Err(wants) => {
                let message = format!("{}.{}.{} takes {wants}", object.system, object.name, found.name);
                self.say(types::wrong_operand(field.value.span, message, found.field.ty.to_string()));
                None
            }
        }
    }

    /// A record of the pair, or one that is associated with it.
    fn given(
        &mut self,
        program: &Program<'a>,
        sync: &hir::Sync<'a>,
        given: &'a ast::Given,
    ) -> Option<Given<'a>> {
        let side = self.side(sync, &given.side)?;
        let arm = |name: &str| sync.arms.iter().find(|arm| arm.right.name == name).map(|arm| arm.right);
        let named = match &given.object {
            Some(object) => Some(self.object(&given.side, object, object.span)?),
            None => None,
        };
        let own = match (side, named) {
            (Side::Left, Some(named)) => (named.name == sync.left.name).then_some(sync.left),
            (Side::Right, Some(named)) => arm(named.name),
            (_, None) => None,
        };
        let associated = named.filter(|_| own.is_none());
        let mut fields = Vec::new();
        for field in &given.fields {
            fields.extend(match (associated, field.name.parts.last()) {
                (Some(object), Some(name)) => self.value_of(object, name, field),
                _ => self.test_value(sync, side, own.map(|object| object.name), field),
            });
        }
        let first = fields.first().map(|(field, _)| field.object);
        let object = associated.or(own).or(first).or(match side {
            Side::Left => Some(sync.left),
            Side::Right => sync.arms.first().map(|arm| arm.right),
        })?;
        given.lists.iter().for_each(|list| self.list_exists(object, &list.of));
        let mut linked = Vec::new();
        for link in &given.linked {
            linked.extend(self.given_linked(program, link));
        }
        let lists = given.lists.iter().map(|list| (list.of.value.clone(), list.is)).collect();
        let edited = given.edited;
        Some(Given { side, object, associated: associated.is_some(), fields, lists, linked, edited })
    }

    fn list_exists(&mut self, object: Object<'a>, list: &'a ast::Str) {
        let known = self.schemas.systems.get(object.system).and_then(|system| system.lists.as_ref());
        if let Some(known) = known
            && !known.iter().any(|known| known.name == list.value)
        {
            let near = nearest(&list.value, known.iter().map(|known| known.name.as_str()));
            self.say(names::unknown_list(list.span, object.system, &list.value, near));
        }
    }

    /// `linked people`, `linked people.Lead`.
    fn given_linked(
        &mut self,
        program: &Program<'a>,
        link: &'a ast::Membership<ast::Path>,
    ) -> Option<Linked> {
        let (sync, arm) = match link.of.parts.as_slice() {
            [sync] => (sync, None),
            [sync, arm] => (sync, Some(arm)),
            _ => (link.of.parts.first()?, None),
        };
        let index = self.sync_index(program, sync)?;
        let arms = &program.syncs.get(index)?.arms;
        let arm = match arm {
            None => None,
            Some(name) => {
                let found = arms.iter().position(|arm| arm.right.name == name.text);
                if found.is_none() {
                    let near = nearest(&name.text, arms.iter().map(|arm| arm.right.name));
                    let sync = format!("sync `{}`", sync.text);
                    self.say(names::unknown_object(name.span, &sync, &name.text, near));
                    return None;
                }
                found
            }
        };
        Some(Linked { sync: index, arm, is: link.is, private: link.private })
    }

    fn given_link(
        &mut self,
        program: &Program<'a>,
        link: &'a ast::GivenLink,
    ) -> Option<(usize, String, String)> {
        let index = self.sync_index(program, &link.sync)?;
        Some((index, link.left.value.clone(), link.right.value.clone()))
    }

    fn given_object(&mut self, sync: &hir::Sync<'a>, object: &'a ast::ObjectRef) -> Option<Object<'a>> {
        self.side(sync, &object.system)?;
        self.object(&object.system, &object.object, object.span)
    }

    fn sync_index(&mut self, program: &Program<'a>, name: &'a ast::Ident) -> Option<usize> {
        let known = program.syncs.iter().position(|sync| sync.name.text == name.text);
        if known.is_none() {
            // A sync that exists but could not be resolved has been reported itself.
            self.sync_exists(&name.text, name.span);
        }
        known
    }

    /// Values in tests are checked like values in mappings.
    fn value_exists(&mut self, field: FieldRef<'a>, value: &Value, span: crate::source::Span) {
        let options = &field.field.options;
        let (FieldType::Option, Value::Text(text)) = (&field.field.ty, value) else { return };
        if options.is_empty() || options.iter().any(|option| option.value == **text) {
            return;
        }
        let path = format!("{}.{}.{}", field.object.system, field.object.name, field.name);
        let near = super::near_value(field.field, text);
        self.say(crate::diag::errors::values::unknown_value(span, &path, text, near, options.len(), "value"));
    }
}
