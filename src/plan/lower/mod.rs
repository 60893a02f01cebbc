//! A checked program to a sync plan. Needs a program without errors; the result depends on nothing else.

mod exprs;
mod linkedin;
mod rows;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use super::ir::{
    self, Arm, Association, AssociationEnd, Conflict, Create, Delete, Expr, Guard, Leave, Limit, Match,
    Propagate, RouteLine, Side, Start, SyncId, SyncPlan,
};
use crate::resolve::Schemas;
use crate::resolve::hir;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{self, Direction, PolicyRuleKind};
use tables::Tables;

/// Where a program comes from: what the plan says of itself.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub project: String,
    pub edition: String,
    /// blake3 of each system's snapshot.
    pub schema_hashes: BTreeMap<String, String>,
}

const FIVE_MINUTES: i64 = 300_000;

struct Lower<'p, 'a> {
    program: &'p hir::Program<'a>,
    sources: &'p SourceMap,
    tables: Tables<'p>,
    /// Sync names in the order of the plan.
    order: Vec<usize>,
    values: Vec<ir::ValueMap>,
    stages: Vec<ir::StageMap>,
    owners: Vec<ir::OwnerMap>,
    /// Maps that a row uses the other way round than they are written: where their mirror image stands.
    mirrored_values: BTreeMap<usize, usize>,
    mirrored_stages: BTreeMap<usize, usize>,
}

pub fn lower(
    program: &hir::Program<'_>,
    schemas: &Schemas,
    sources: &SourceMap,
    origin: &Origin,
) -> SyncPlan {
    let tables = Tables::new(schemas);
    let order = dependency_order(program);
    let mut lower = Lower {
        program,
        sources,
        tables,
        order,
        values: program.values.iter().map(rows::value_map).collect(),
        stages: Vec::new(),
        owners: Vec::new(),
        mirrored_values: BTreeMap::new(),
        mirrored_stages: BTreeMap::new(),
    };
    lower.stages = program.stages.iter().map(|map| lower.stage_map(map)).collect();
    lower.owners = lower.owners();
    let syncs = lower
        .order
        .clone()
        .iter()
        .filter_map(|index| program.syncs.get(*index))
        .map(|sync| lower.sync(sync))
        .collect();
    let writebacks = program.writebacks.iter().map(|item| lower.writeback(item)).collect();
    let crm_settings = program.crm_settings.iter().map(|item| lower.settings(item)).collect();
    let policies = program.policies.iter().map(|item| policy(item)).collect();
    let (values, stages) = (std::mem::take(&mut lower.values), std::mem::take(&mut lower.stages));
    let owners = std::mem::take(&mut lower.owners);
    let (systems, objects) = lower.tables.finish();
    SyncPlan {
        format_version: ir::FORMAT_VERSION,
        project: origin.project.clone(),
        edition: origin.edition.clone(),
        schema_hashes: origin.schema_hashes.clone(),
        systems,
        objects,
        values,
        stages,
        owners,
        syncs,
        writebacks,
        crm_settings,
        policies,
    }
}

/// What others refer to comes first; otherwise the order of the program. A cycle keeps the program's order.
fn dependency_order(program: &hir::Program<'_>) -> Vec<usize> {
    let mut index_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, sync) in program.syncs.iter().enumerate() {
        index_of.entry(&sync.name.text).or_insert(index);
    }
    let needs: Vec<BTreeSet<usize>> = program
        .syncs
        .iter()
        .enumerate()
        .map(|(own, sync)| {
            let through = sync.arms.iter().flat_map(|arm| &arm.associations).map(|a| a.through.text.as_str());
            let ids =
                sync.arms.iter().flat_map(|arm| &arm.rows).flat_map(|row| &row.uses).filter_map(|item| {
                    match item {
                        hir::Use::IdOf { sync, .. } => Some(sync.as_str()),
                        _ => None,
                    }
                });
            through
                .chain(ids)
                .filter_map(|name| index_of.get(name).copied())
                .filter(|need| *need != own)
                .collect()
        })
        .collect();
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut needed_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|need| needed_by.entry(*need).or_default().push(index));
    }
    let ranked = |index: usize| (linkedin::rank(program.syncs.get(index)), index);
    let free = waiting.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BTreeSet<(u8, usize)> = free.map(|(index, _)| ranked(index)).collect();
    let mut left: BTreeSet<(u8, usize)> = (0..needs.len()).map(ranked).collect();
    let mut order: Vec<usize> = Vec::new();
    while let Some(next) = ready.pop_first().or_else(|| left.first().copied()) {
        if !left.remove(&next) {
            continue;
        }
        order.push(next.1);
        for index in needed_by.get(&next.1).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*index) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(ranked(*index));
                }
            }
        }
    }
    order
}

impl<'p, 'a> Lower<'p, 'a> {
    fn at(&self, span: Span) -> String {
        format!("{}:{}", self.sources.path(span.file), self.sources.position(span.file, span.start).line)
    }

    fn source_line(&self, span: Span) -> String {
        self.sources.slice(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn sync_id(&self, name: &str) -> SyncId {
        let found = self
            .order
            .iter()
            .position(|index| self.program.syncs.get(*index).is_some_and(|s| s.name.text == name));
        SyncId(u32::try_from(found.unwrap_or(0)).unwrap_or(0))
    }

    fn sync(&mut self, sync: &hir::Sync<'a>) -> ir::Sync {
        let left = self.tables.object(sync.left);
        let filter = |lower: &mut Self, side: hir::Side| {
            let conditions = sync.filters.iter().filter(|(at, _)| *at == side);
            let mut parts: Vec<Expr> = conditions.map(|(_, expr)| lower.expr(expr)).collect();
            parts.extend(lower.handed_over(sync, side));
            parts.into_iter().reduce(|a, b| Expr::Binary {
                op: ir::BinaryOp::And,
                left: Box::new(a),
                right: Box::new(b),
            })
        };
        let (filter_left, filter_right) = (filter(self, Side::Left), filter(self, Side::Right));
        let vetoes = |lower: &mut Self, side: hir::Side| -> Vec<Expr> {
            sync.vetoes.iter().filter(|(at, _)| *at == side).map(|(_, expr)| lower.expr(expr)).collect()
        };
        let (veto_left, veto_right) = (vetoes(self, Side::Left), vetoes(self, Side::Right));
        let route = sync.route.iter().flatten();
        let route = route
            .map(|line| RouteLine {
                condition: line.condition.as_ref().map(|condition| self.expr(condition)),
                arm: u32::try_from(line.arm).unwrap_or(0),
            })
            .collect();
        ir::Sync {
            name: sync.name.text.clone(),
            doc: sync.doc.clone(),
            left,
            direction: sync.direction(),
            arms: sync.arms.iter().map(|arm| self.arm(sync, arm)).collect(),
            route,
            follow_conversion: sync.follow_conversion.is_some(),
            start: if sync.start.as_ref().is_some_and(|word| word.text == "new") {
                Start::New
            } else {
                Start::All
            },
            filter_left,
            filter_right,
            create_left: self.create(sync, Side::Left),
            create_right: self.create(sync, Side::Right),
            veto_left,
            veto_right,
            conflict: conflict(sync),
            delete: match sync.delete {
                None | Some((hir::Delete::Ignore, _)) => Delete::Ignore,
                Some((hir::Delete::Unlink, _)) => Delete::Unlink,
                Some((hir::Delete::Archive { side }, _)) => Delete::Archive { side },
            },
            leave: match sync.leave.as_ref().map(|word| word.text.as_str()) {
                Some("unlink") => Leave::Unlink,
                Some("remove") => Leave::Remove,
                _ => Leave::Keep,
            },
            guard: guard(&sync.guard),
            propagate: sync.propagate.iter().map(|item| self.propagate(item)).collect(),
            refresh: sync.refresh,
            save_to: sync.save_to.as_ref().map(|name| name.value.clone()),
        }
    }

    fn create(&mut self, sync: &hir::Sync<'a>, side: Side) -> Create {
        let allowed =
            if side == Side::Left { sync.direction().goes_left() } else { sync.direction().goes_right() };
        if !allowed {
            return Create::Never;
        }
        match sync.creates.iter().find(|(at, ..)| *at == side) {
            None | Some((_, hir::CreateRule::Always, _)) => Create::Always,
            Some((_, hir::CreateRule::Never, _)) => Create::Never,
            Some((_, hir::CreateRule::When(condition), _)) => Create::When(self.expr(condition)),
        }
    }

    fn arm(&mut self, sync: &hir::Sync<'a>, arm: &hir::Arm<'a>) -> Arm {
        let right = self.tables.object(arm.right);
        let matches = sync
            .matches
            .iter()
            .map(|found| match found {
                hir::Match::StoredId => Match::StoredId,
                hir::Match::Matcher(name) => Match::Matcher(name.text.clone()),
                hir::Match::Keys { left, right, when, .. } => Match::Keys {
                    left: self.expr(left),
                    right: self.expr(right),
                    when: when.as_ref().map(|when| self.expr(when)),
                },
            })
            .collect();
        let mut rows: Vec<ir::Row> = Vec::new();
        for row in &arm.rows {
            rows.extend(self.row(sync, arm, row));
        }
        if arm.rows.is_empty() {
            rows = self.default_rows(sync, arm);
        }
        let associations = arm.associations.iter().map(|item| self.association(sync, arm, item)).collect();
        Arm { right, matches, rows, associations }
    }

    fn association(
        &mut self,
        sync: &hir::Sync<'a>,
        arm: &hir::Arm<'a>,
        item: &hir::Association<'a>,
    ) -> Association {
        let end = |lower: &mut Self, object: hir::Object<'a>, end: &hir::AssociationEnd<'a>| match end {
            hir::AssociationEnd::Lookup(field) => AssociationEnd::Lookup(lower.tables.field(*field)),
            hir::AssociationEnd::Set(key) => AssociationEnd::Set(lower.tables.association(object, key)),
        };
        Association {
            direction: item.arrow.direction,
            left: end(self, sync.left, &item.left),
            right: end(self, arm.right, &item.right),
            through: self.sync_id(&item.through.text),
            primary: item.primary,
            text: self.source_line(item.span),
        }
    }

    fn propagate(&mut self, item: &hir::Propagate<'a>) -> Propagate {
        // Who is associated is read along with the record.
        self.tables.association(item.from.object, item.to.object.name);
        Propagate {
            from_object: self.tables.object(item.from.object),
            from: self.tables.field(item.from),
            to_object: self.tables.object(item.to.object),
            to: self.tables.field(item.to),
            forward: item.forward,
            order: item.to.field.options.iter().map(|option| option.value.to_string()).collect(),
        }
    }

    fn owners(&mut self) -> Vec<ir::OwnerMap> {
        let mut maps = Vec::new();
        for item in &self.program.owners {
            let lower_case = |text: &str| text.to_lowercase();
            let pairs = |right: bool| {
                let rows = item.rows.iter().filter(move |row| {
                    if right { row.arrow.direction.goes_right() } else { row.arrow.direction.goes_left() }
                });
                rows.map(move |row| {
                    let (a, b) = (lower_case(&row.left.value), lower_case(&row.right.value));
                    if right { (a, b) } else { (b, a) }
                })
                .collect()
            };
            maps.push(ir::OwnerMap {
                left: self.tables.system(&item.left),
                right: self.tables.system(&item.right),
                to_right: pairs(true),
                to_left: pairs(false),
                inactive: rows::owner_else(item.inactive.as_ref()),
                unmatched: rows::owner_else(item.unmatched.as_ref()),
            });
        }
        maps
    }
}

/// HubSpot's rule by default: its value wins within five minutes. One-way: the source.
fn conflict(sync: &hir::Sync<'_>) -> Conflict {
    let source = match sync.direction() {
        Direction::Both => None,
        Direction::Right => Some(Side::Left),
        Direction::Left => Some(Side::Right),
    };
    if let Some(side) = source {
        return Conflict::Winner { side, window: FIVE_MINUTES };
    }
    match sync.conflict {
        Some((hir::Conflict::Winner { side, within }, _)) => {
            Conflict::Winner { side, window: within.unwrap_or(FIVE_MINUTES) }
        }
        Some((hir::Conflict::Newest, _)) => Conflict::Newest,
        Some((hir::Conflict::Hold, _)) => Conflict::Hold,
        None => {
            let right = sync.arms.first().map(|arm| arm.right.kind);
            match (sync.left.kind, right) {
                (crate::schema::SystemKind::Hubspot, _) => {
                    Conflict::Winner { side: Side::Left, window: FIVE_MINUTES }
                }
                (_, Some(crate::schema::SystemKind::Hubspot)) => {
                    Conflict::Winner { side: Side::Right, window: FIVE_MINUTES }
                }
                _ => Conflict::Newest,
            }
        }
    }
}

/// Left out: a tenth of the links may be created, a fifth updated, a twentieth blanked, none deleted.
fn guard(limits: &[ast::GuardLimit]) -> Guard {
    let mut guard = Guard {
        creates: Limit::PerMille(100),
        updates: Limit::PerMille(200),
        deletes: Limit::Count(0),
        blanks: Limit::PerMille(50),
    };
    for limit in limits {
        let ten = rust_decimal::Decimal::TEN;
        let number = |value: rust_decimal::Decimal| u64::try_from(value.trunc()).unwrap_or(u64::MAX);
        let value = if limit.limit.percent {
            Limit::PerMille(number(limit.limit.value * ten))
        } else {
            Limit::Count(number(limit.limit.value))
        };
        match limit.what.text.as_str() {
            "creates" => guard.creates = value,
            "updates" => guard.updates = value,
            "deletes" => guard.deletes = value,
            _ => guard.blanks = value,
        }
    }
    guard
}

fn policy(item: &ast::Policy) -> ir::Policy {
    let condition = |rule: &ast::PolicyRule| match &rule.kind {
        PolicyRuleKind::DenyPlan { condition } => exprs::plan_condition(condition),
        _ => None,
    };
    ir::Policy { name: item.name.value.clone(), deny_plan: item.rules.iter().filter_map(condition).collect() }
}
