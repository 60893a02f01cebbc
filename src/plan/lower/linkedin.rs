//! Sales Navigator: writebacks and settings with what the run needs of the snapshots, the rows of syncs without a `map`.

use std::collections::BTreeMap;

use super::{Lower, exprs};
use crate::plan::ir::{self, BinaryOp, Expr, Side};
use crate::resolve::hir;
use crate::schema::salesnav::{DEFAULT_ROWS, HANDED_OVER, ORIGIN, TARGETS, UPDATED};
use crate::schema::{SystemKind, hubspot};
use crate::syntax::ast::{self, Direction};
use crate::value::Value;

/// What the managed package of Sales Navigator adds to activities.
const PACKAGE: [&str; 2] = ["LID__Date_Sent__c", "LID__URL__c"];

/// Syncs with Sales Navigator come after the others: accounts, then leads, then opportunities.
pub(super) fn rank(sync: Option<&hir::Sync<'_>>) -> u8 {
    let ends = sync
        .into_iter()
        .flat_map(|sync| std::iter::once(&sync.left).chain(sync.arms.iter().map(|arm| &arm.right)));
    let object = ends.filter(|object| object.kind == SystemKind::Salesnav).map(|object| object.name).next();
    match object {
        None => 0,
        Some("account") => 1,
        Some("lead") => 2,
        Some(_) => 3,
    }
}

impl<'a> Lower<'_, 'a> {
    pub(super) fn writeback(&mut self, item: &ast::Writeback) -> ir::Writeback {
        let mut out = ir::Writeback {
            name: item.name.text.clone(),
            doc: item.doc.clone(),
            from: self.tables.system(&item.from.text),
            to: self.tables.system(&item.to.text),
            items: Vec::new(),
            all_seats: true,
            seats: BTreeMap::new(),
            targets: Vec::new(),
            only: BTreeMap::new(),
            owner: "seat".to_owned(),
            creator: "connection".to_owned(),
            unresolved: "keep".to_owned(),
        };
        let words = |idents: &[ast::Ident]| idents.iter().map(|ident| ident.text.clone()).collect::<Vec<_>>();
        for clause in &item.clauses {
            match &clause.kind {
                ast::WritebackClauseKind::Items(items) => out.items = words(items),
                ast::WritebackClauseKind::Seats(word) => out.all_seats = word.text == "all",
                ast::WritebackClauseKind::Seat { email, state } => {
                    out.seats.insert(email.value.to_lowercase(), state.text == "on");
                }
                ast::WritebackClauseKind::Target { kinds, object, on } => {
                    let target = self.target(&item.to.text, words(kinds), &object.text, words(on));
                    out.targets.push(target);
                }
                ast::WritebackClauseKind::Only { kind, condition } => {
                    out.only.insert(kind.text.clone(), exprs::activity_condition(condition));
                }
                ast::WritebackClauseKind::Owner(word) => out.owner.clone_from(&word.text),
                ast::WritebackClauseKind::Creator(word) => out.creator.clone_from(&word.text),
                ast::WritebackClauseKind::Unresolved(word) => out.unresolved.clone_from(&word.text),
            }
        }
        if out.targets.is_empty() {
            out.targets = self.usual_targets(&item.to.text);
        }
        out
    }

    pub(super) fn settings(&mut self, item: &ast::CrmSettings) -> ir::CrmSettings {
        let mut out = ir::CrmSettings {
            system: self.tables.system(&item.system.text),
            crm: self.tables.system(&item.crm.text),
            all_seats: true,
            seats: BTreeMap::new(),
            pipeline_entry: None,
            won_value: None,
            auto_save: Vec::new(),
            stages: self.stages_of(&item.crm.text),
        };
        let value = |value: &ast::SettingValue| match value {
            ast::SettingValue::Name(name) if name.text == "not_sure" => None,
            ast::SettingValue::Name(name) => Some(name.text.clone()),
            ast::SettingValue::Text(text) => Some(text.value.clone()),
        };
        for clause in &item.clauses {
            match &clause.kind {
                ast::SettingsClauseKind::Seats(word) => out.all_seats = word.text == "all",
                ast::SettingsClauseKind::Seat { email, state } => {
                    out.seats.insert(email.value.to_lowercase(), state.text == "on");
                }
                ast::SettingsClauseKind::PipelineEntry(entry) => out.pipeline_entry = value(entry),
                ast::SettingsClauseKind::WonValue(field) => out.won_value = value(field),
                ast::SettingsClauseKind::AutoSave(words) => {
                    out.auto_save = words.iter().map(|word| word.text.clone()).collect();
                }
            }
        }
        out
    }

    fn target(&self, system: &str, kinds: Vec<String>, object: &str, on: Vec<String>) -> ir::WritebackTarget {
        let canonical = |name: &str| match self.tables.kind(system) {
            Some(SystemKind::Hubspot) => hubspot::canonical(name).to_owned(),
            _ => name.to_owned(),
        };
        let object = canonical(object);
        let known = self.tables.known(system, &object).map(|(_, schema)| &schema.fields);
        let has = |name: &&str| known.is_some_and(|fields| fields.contains_key(*name));
        let unique = ["twinmap_id", "Twinmap_Id__c"].into_iter().find(|name| has(name));
        ir::WritebackTarget {
            kinds,
            object,
            on: on.iter().map(|name| canonical(name)).collect(),
            unique: unique.map(str::to_owned),
            fields: PACKAGE.into_iter().filter(|name| has(name)).map(str::to_owned).collect(),
        }
    }

    /// Without target lines each kind goes where it usually does, on whatever it may hang on.
    fn usual_targets(&self, system: &str) -> Vec<ir::WritebackTarget> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let kind = self.tables.kind(system);
        let usual = TARGETS.iter().filter(|(of, ..)| Some(*of) == kind);
        usual.map(|(_, object, kinds, on)| self.target(system, own(kinds), object, own(on))).collect()
    }

    fn stages_of(&self, system: &str) -> Vec<Vec<ir::SettingStage>> {
        let object =
            if self.tables.kind(system) == Some(SystemKind::Hubspot) { "deal" } else { "Opportunity" };
        let Some((_, schema)) = self.tables.known(system, object) else { return Vec::new() };
        let stages = |stages: &[crate::schema::model::Stage]| {
            stages
                .iter()
                .map(|stage| ir::SettingStage { id: stage.id.clone(), closed: stage.closed, won: stage.won })
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = schema.pipelines.iter().map(|pipeline| stages(&pipeline.stages)).collect();
        if !schema.stages.is_empty() {
            all.push(stages(&schema.stages));
        }
        all
    }

    /// A sync that takes leads from Sales Navigator looks at those that a seat holder handed to the CRM, not at those
    /// that the CRM sync brought there itself.
    pub(super) fn handed_over(&mut self, sync: &hir::Sync<'a>, side: Side) -> Option<Expr> {
        let one_way = match side {
            Side::Right => sync.direction() == Direction::Left,
            Side::Left => sync.direction() == Direction::Right,
        };
        let object = match side {
            Side::Left => sync.left,
            Side::Right => sync.arms.first()?.right,
        };
        if !one_way || object.kind != SystemKind::Salesnav || object.name != "lead" {
            return None;
        }
        self.tables.named(object, crate::schema::salesnav::MEMBER);
        let field = self.tables.named(object, ORIGIN)?;
        Some(Expr::Binary {
            op: BinaryOp::Equal,
            left: Box::new(Expr::Field { side, field }),
            right: Box::new(Expr::Literal(Value::text(HANDED_OVER))),
        })
    }

    /// The rows of a sync with Sales Navigator that has no `map`: LinkedIn's own.
    pub(super) fn default_rows(&mut self, sync: &hir::Sync<'a>, arm: &hir::Arm<'a>) -> Vec<ir::Row> {
        let (crm, nav, nav_side) = match (sync.left.kind, arm.right.kind) {
            (_, SystemKind::Salesnav) => (sync.left, arm.right, Side::Right),
            (SystemKind::Salesnav, _) => (arm.right, sync.left, Side::Left),
            _ => return Vec::new(),
        };
        let known =
            DEFAULT_ROWS.iter().find(|(object, _)| *object == crm.name).map_or(&[][..], |(_, rows)| rows);
        let (to_right, to_left) = (sync.direction().goes_right(), sync.direction().goes_left());
        let at = self.at(sync.name.span);
        let mut rows = Vec::new();
        for (theirs, ours) in known {
            let (Some(crm_field), Some(nav_field)) =
                (self.tables.named(crm, theirs), self.tables.named(nav, ours))
            else {
                continue;
            };
            let (left, right) =
                if nav_side == Side::Right { (crm_field, nav_field) } else { (nav_field, crm_field) };
            let to_crm_side = nav_side.other();
            let transfer = |to: Side, goes: bool| {
                let from = to.other();
                let field = if from == Side::Left { left } else { right };
                goes.then(|| ir::Transfer {
                    expr: Expr::Field { side: from, field },
                    when: None,
                    if_empty: false,
                    on_create: to == to_crm_side && !UPDATED.contains(ours),
                    cut: true,
                    may_blank: false,
                })
            };
            let (l, r) = if nav_side == Side::Right { (*theirs, *ours) } else { (*ours, *theirs) };
            let arrow = sync.direction().symbol();
            rows.push(ir::Row {
                id: format!("{}:{l}{arrow}{r}", sync.name.text),
                doc: None,
                left: Some(left),
                right: Some(right),
                to_right: transfer(Side::Right, to_right),
                to_left: transfer(Side::Left, to_left && ours != &"phone"),
                prefer: None,
                owned_by: None,
                text: format!("{l} {arrow} {r}"),
                at: at.clone(),
            });
        }
        rows
    }
}
