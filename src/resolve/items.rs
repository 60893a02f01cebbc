//! Value maps, stage maps, converters, owners and policies.

use super::Resolver;
use super::expr::Scope;
use super::hir::{self, ConvertItem, FieldRef, MapEnd, Object, OwnerMap, Side, StageMap, ValueMap};
use crate::diag::errors::{names, text as texts, values};
use crate::diag::suggest::nearest;
use crate::schema::SystemKind;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn value_map(&mut self, item: &'a ast::Values) -> Option<ValueMap<'a>> {
        let left = self.map_end(&item.left, None);
        let right = self.map_end(&item.right, None);
        Some(ValueMap {
            name: item.name.clone(),
            left: left?,
            right: right?,
            arrow: item.arrow,
            rows: &item.rows,
            elses: &item.elses,
            broken: item.broken,
            header: item.header,
        })
    }

    pub(super) fn stage_map(&mut self, item: &'a ast::Stages) -> Option<StageMap<'a>> {
        let left = self.map_end(&item.left, Some(()));
        let right = self.map_end(&item.right, Some(()));
        Some(StageMap {
            name: item.name.clone(),
            left: left?,
            right: right?,
            arrow: item.arrow,
            rows: &item.rows,
            elses: &item.elses,
            broken: item.broken,
            header: item.header,
        })
    }

    /// `system.object.field`; for stages `system.object`, whose stage field is known.
    fn map_end(&mut self, end: &'a ast::MapEnd, stages: Option<()>) -> Option<MapEnd<'a>> {
        let (system, object, field) = match end.path.parts.as_slice() {
            [system, object] if stages.is_some() => (system, object, None),
            [system, object, field] => (system, object, Some(field)),
            _ => {
                let wants = if stages.is_some() { "`SYSTEM.OBJECT`" } else { "`SYSTEM.OBJECT.FIELD`" };
                self.say(texts::unreadable(end.path.span, &[wants], false));
                return None;
            }
        };
        let object = self.object(system, object, end.path.span)?;
        let field = match field {
            Some(field) => self.field(object, field, None)?,
            None => {
                let known = ["dealstage", "hs_pipeline_stage", "StageName", "Status", "stage"];
                let name = known.iter().find(|name| object.schema.fields.contains_key(**name));
                let Some((name, field)) = name.and_then(|name| object.schema.fields.get_key_value(*name))
                else {
                    let message = format!(
                        "{}.{} has no stage field (no-stage-field), so its stages can't be mapped",
                        object.system, object.name
                    );
                    self.say(crate::diag::errors::rules::not_supported(end.path.span, message));
                    return None;
                };
                FieldRef { object, name, field, span: end.path.span }
            }
        };
        let scope = end.qualifier.as_ref().map(|qualifier| {
            let meant = self.scope_exists(object, qualifier);
            (meant.unwrap_or_else(|| qualifier.value.value.clone()), qualifier.value.span)
        });
        Some(MapEnd { object, field, scope })
    }

    /// Says so when there is no such pipeline or record type; gives the one that was most likely meant, so that the
    /// stages are still looked at.
    fn scope_exists(&mut self, object: Object<'a>, qualifier: &'a ast::Qualifier) -> Option<String> {
        let full = format!("{}.{}", object.system, object.name);
        let (word, wanted) = (qualifier.word.text.as_str(), &qualifier.value.value);
        let known: Vec<(&str, &str)> = match (object.kind, word) {
            (SystemKind::Hubspot, "pipeline") => {
                object.schema.pipelines.iter().map(|p| (p.id.as_str(), p.label.as_str())).collect()
            }
            (SystemKind::Salesforce, "record_type") => {
                object.schema.record_types.iter().map(|r| (r.name.as_str(), r.label.as_str())).collect()
            }
            _ => {
                let known = if object.kind == SystemKind::Salesforce { "record_type" } else { "pipeline" };
                self.say(texts::unknown_word(qualifier.word.span, "word", word, Some(known), &[known]));
                return None;
            }
        };
        // Pipelines that were not fetched say nothing; a describe always lists the record types.
        let unknown = object.kind == SystemKind::Hubspot && known.is_empty();
        if unknown || known.iter().any(|(id, _)| id == wanted) {
            let called = object.schema.record_types.iter().filter(|known| known.name == *wanted);
            if word == "record_type"
                && called.clone().count() > 0
                && called.clone().all(|known| !known.active)
            {
                self.say(values::inactive_record_type(qualifier.value.span, &full, wanted));
            }
            return None;
        }
        let labelled = known.iter().find(|(_, label)| label.eq_ignore_ascii_case(wanted)).map(|(id, _)| *id);
        let near = labelled.or_else(|| nearest(wanted, known.iter().map(|(id, _)| *id)));
        self.say(names::unknown_scope(qualifier.value.span, word, &full, wanted, near));
        near.map(str::to_owned)
    }

    pub(super) fn convert(&mut self, item: &'a ast::Convert) -> ConvertItem<'a> {
        let scope = Scope { it: true, ..Scope::default() };
        let right = item.right.as_ref().map(|arm| self.expr(&scope, &arm.body));
        let left = item.left.as_ref().map(|arm| self.expr(&scope, &arm.body));
        ConvertItem { name: item.name.clone(), right, left, broken: item.broken, header: item.header }
    }

    pub(super) fn owner_map(&mut self, item: &'a ast::Owners) -> Option<OwnerMap> {
        let (left, right) = (self.system(&item.left), self.system(&item.right));
        let (left, right) = (left?.0, right?.0);
        if let Some(by) = item.by.as_ref().filter(|by| by.text != "email") {
            self.say(texts::unknown_word(by.span, "owner key", &by.text, Some("email"), &["email"]));
        }
        for policy in [&item.inactive, &item.unmatched].into_iter().flatten() {
            if let ast::OwnerAction::Word(word) = &policy.action {
                let known = ["hold", "skip", "blank"];
                if !known.contains(&word.text.as_str()) {
                    self.say(texts::unknown_word(
                        word.span,
                        "owner rule",
                        &word.text,
                        nearest(&word.text, known),
                        &known,
                    ));
                }
            }
        }
        Some(OwnerMap {
            name: item.name.as_ref().map_or_else(|| "owners".to_owned(), |name| name.text.clone()),
            left: left.to_owned(),
            right: right.to_owned(),
            rows: item.rows.clone(),
            inactive: item.inactive.as_ref().map(|policy| policy.action.clone()),
            unmatched: item.unmatched.as_ref().map(|policy| policy.action.clone()),
            header: item.header,
        })
    }

    /// Which side of a sync a system name means.
    pub(super) fn side(&mut self, sync: &hir::Sync<'a>, name: &ast::Ident) -> Option<Side> {
        self.side_of(sync.left.system, sync.system_of(Side::Right), name)
    }

    pub(super) fn side_of(&mut self, left: &str, right: &str, name: &ast::Ident) -> Option<Side> {
        if name.text == left {
            Some(Side::Left)
        } else if name.text == right {
            Some(Side::Right)
        } else {
            let near = nearest(&name.text, [left, right]);
            self.say(names::unknown_system(name.span, &name.text, near));
            None
        }
    }

    pub(super) fn policy(&mut self, item: &'a ast::Policy) {
        for rule in &item.rules {
            match &rule.kind {
                ast::PolicyRuleKind::DenyWrite { target, except } => {
                    if let [system, object, rest @ ..] = target.parts.as_slice()
                        && let Some(object) = self.object(system, object, target.span)
                        && let [field] = rest
                    {
                        self.field(object, field, None);
                    }
                    self.syncs_exist(except);
                }
                ast::PolicyRuleKind::DenySend { what, to, except } => {
                    self.sent_thing_exists(what);
                    self.system(to);
                    self.syncs_exist(except);
                }
                ast::PolicyRuleKind::DenyPlan { .. } => {}
            }
        }
    }

    /// `deny send` names `personal`, or a field: alone, or behind its object, or behind its system too.
    fn sent_thing_exists(&mut self, what: &'a ast::Path) {
        match what.parts.as_slice() {
            [system, object, field] => {
                if let Some(object) = self.object(system, object, what.span) {
                    self.field(object, field, None);
                }
            }
            [] => {}
            [named] if named.text == "personal" => {}
            [.., field] => {
                let objects = || self.schemas.systems.values().flat_map(|system| system.objects.values());
                if !objects().any(|object| object.fields.contains_key(&field.text)) {
                    let names = objects().flat_map(|object| object.fields.keys()).map(String::as_str);
                    let near = nearest(&field.text, names.chain(["personal"]));
                    self.say(names::unknown_anywhere(field.span, &field.text, near));
                }
            }
        }
    }

    fn syncs_exist(&mut self, names: &[ast::Ident]) {
        for name in names {
            self.sync_exists(&name.text, name.span);
        }
    }
}
