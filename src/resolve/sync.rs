//! A sync: its objects, clauses, arms and rows.

use super::Resolver;
use super::expr::Scope;
use super::hir::{
    Arm, Conflict, CreateRule, Delete, Expr, Kind, Match, Object, Program, RouteLine, Side, Sync,
};
use crate::diag::Code;
use crate::diag::errors::{names, rules, text as texts, values};
use crate::diag::suggest::nearest;
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind, ExprKind};

impl<'a> Resolver<'a> {
    pub(super) fn sync(&mut self, item: &'a ast::Sync, program: &Program<'a>) -> Option<Sync<'a>> {
        let left = self.object(&item.left.system, &item.left.object, item.left.span);
        let rights: Vec<Option<Object<'a>>> =
            item.right.iter().map(|right| self.object(&right.system, &right.object, right.span)).collect();
        let (left, rights) = (left?, rights.into_iter().collect::<Option<Vec<_>>>()?);
        let first_right = *rights.first()?;
        // Clauses name a side by its system: two sides of one name could not be told apart.
        if let Some(right) = rights.iter().find(|right| right.system == left.system) {
            self.say(rules::one_system(right.span, left.span, left.system));
            return None;
        }
        let arms = rights.into_iter().map(|right| Arm { right, rows: Vec::new(), associations: Vec::new() });
        let mut sync = Sync {
            name: item.name.clone(),
            doc: item.doc.clone(),
            left,
            arrow: item.arrow,
            arms: arms.collect(),
            route: None,
            follow_conversion: None,
            start: None,
            filters: Vec::new(),
            matches: Vec::new(),
            creates: Vec::new(),
            vetoes: Vec::new(),
            conflict: None,
            delete: None,
            leave: None,
            guard: Vec::new(),
            propagate: Vec::new(),
            refresh: None,
            save_to: None,
            lost: item.lost.iter().cloned().collect(),
            header: item.header,
            map_span: item.maps.first().map_or(item.header, |map| map.keyword),
        };
        for clause in &item.clauses {
            self.clause(&mut sync, clause, left, first_right);
        }
        for map in &item.maps {
            self.map(&mut sync, map, program);
        }
        Some(sync)
    }

    fn clause(&mut self, sync: &mut Sync<'a>, clause: &'a ast::Clause, left: Object<'a>, right: Object<'a>) {
        let both = [(Side::Left, left), (Side::Right, right)];
        let side_of = |this: &mut Self, name: &ast::Ident| this.side_of(left.system, right.system, name);
        match &clause.kind {
            ClauseKind::Start(word) => {
                if self.word(word, "start", &["all", "new"]) {
                    sync.start = Some(word.clone());
                }
            }
            ClauseKind::Filter { system, condition } => {
                if let Some(side) = side_of(self, system) {
                    let scope = self.arm_scope(sync, side, condition);
                    sync.filters.push((side, self.expr(&scope, condition)));
                }
            }
            ClauseKind::Veto { system, condition } => {
                if let Some(side) = side_of(self, system) {
                    let scope = self.arm_scope(sync, side.other(), condition);
                    sync.vetoes.push((side, self.expr(&scope, condition)));
                }
            }
            ClauseKind::Create { system, rule } => {
                if let Some(side) = side_of(self, system) {
                    let rule = match rule {
                        ast::CreateRule::Always => CreateRule::Always,
                        ast::CreateRule::Never => CreateRule::Never,
                        ast::CreateRule::When(expr) => {
                            // Names mean the record that exists on the other side.
                            let scope = self.arm_scope(sync, side.other(), expr);
                            CreateRule::When(self.expr(&scope, expr))
                        }
                    };
                    if let Some((_, _, first)) = sync.creates.iter().find(|(known, ..)| *known == side) {
                        let what = format!("create {}", system.text);
                        self.say(texts::given_twice(clause.span, *first, &what));
                    }
                    sync.creates.push((side, rule, clause.span));
                }
            }
            ClauseKind::Match(found) => {
                let found = match found {
                    ast::Match::None(_) => Match::StoredId,
                    ast::Match::Matcher(word) => {
                        if !self.word(word, "matcher", &["none", "person", "company"]) {
                            return;
                        }
                        Match::Matcher(word.clone())
                    }
                    ast::Match::Keys { left: l, right: r, when } => {
                        let scope = Scope::of(&both, None);
                        let before = self.diagnostics.len();
                        let (a, b) = (self.expr(&scope, l), self.expr(&scope, r));
                        // That names need their system is said once a line.
                        let mut unqualified = 0;
                        let found = self.diagnostics.split_off(before);
                        self.diagnostics.extend(found.into_iter().filter(|finding| {
                            unqualified += usize::from(finding.code == Code::E217);
                            finding.code != Code::E217 || unqualified == 1
                        }));
                        let when = when.as_ref().map(|when| self.expr(&scope, when));
                        let (a, b) =
                            if reads(&a, Side::Right) && reads(&b, Side::Left) { (b, a) } else { (a, b) };
                        Match::Keys { left: a, right: b, when, span: clause.span }
                    }
                };
                sync.matches.push(found);
            }
            ClauseKind::Conflict(conflict) => {
                let conflict = match conflict {
                    ast::Conflict::Newest(_) => Conflict::Newest,
                    ast::Conflict::Hold(_) => Conflict::Hold,
                    ast::Conflict::Winner { system, within } => {
                        let Some(side) = side_of(self, system) else { return };
                        Conflict::Winner { side, within: within.map(|within| within.milliseconds) }
                    }
                };
                sync.conflict = Some((conflict, clause.span));
            }
            ClauseKind::Delete(delete) => {
                let delete = match delete {
                    ast::Delete::Ignore => Delete::Ignore,
                    ast::Delete::Unlink => Delete::Unlink,
                    ast::Delete::Archive { system, deleted_in } => {
                        let side = side_of(self, system);
                        let source = deleted_in.as_ref().map(|source| side_of(self, source));
                        let (Some(side), true) = (side, source != Some(None)) else { return };
                        if source == Some(Some(side)) {
                            let message =
                                "a record that was deleted in a system can't be archived there".to_owned();
                            self.say(rules::delete_not_possible(clause.span, message));
                            return;
                        }
                        Delete::Archive { side }
                    }
                };
                sync.delete = Some((delete, clause.span));
            }
            ClauseKind::Leave(word) => {
                if self.word(word, "leave rule", &["keep", "unlink", "remove"]) {
                    sync.leave = Some(word.clone());
                }
            }
            ClauseKind::Guard(limits) => {
                for limit in limits {
                    if self.word(&limit.what, "guard", &["creates", "updates", "deletes", "blanks"]) {
                        sync.guard.push(limit.clone());
                    }
                }
            }
            ClauseKind::Route(arms) => sync.route = Some(self.route(sync, arms, clause.span)),
            ClauseKind::OnConvert(word) => {
                sync.follow_conversion = self.word(word, "rule", &["follow"]).then_some(clause.span);
            }
            ClauseKind::Associate(associate) => self.associate(sync, associate, clause.span),
            ClauseKind::Propagate(propagate) => self.propagate(sync, propagate),
            ClauseKind::Refresh(every) => sync.refresh = Some(every.milliseconds),
            ClauseKind::SaveTo { kind, name } => {
                if self.word(kind, "target", &["list"]) {
                    sync.save_to = Some(name.clone());
                }
            }
        }
    }

    /// A word out of a few known ones.
    fn word(&mut self, word: &ast::Ident, kind: &str, known: &[&str]) -> bool {
        if known.contains(&word.text.as_str()) {
            return true;
        }
        let near = nearest(&word.text, known.iter().copied());
        self.say(texts::unknown_word(word.span, kind, &word.text, near, known));
        false
    }

    /// The scope for names of one side; for a routed right side the first arm that has every name.
    fn arm_scope(&self, sync: &Sync<'a>, side: Side, expr: &ast::Expr) -> Scope<'a> {
        let mut names = Vec::new();
        bare_names(expr, &mut names);
        let fits = |arm: &&Arm<'a>| names.iter().all(|name| arm.right.schema.fields.contains_key(*name));
        let right =
            sync.arms.iter().find(fits).or_else(|| sync.arms.first()).map_or(sync.left, |arm| arm.right);
        Scope::of(&[(Side::Left, sync.left), (Side::Right, right)], Some(side))
    }

    fn route(&mut self, sync: &Sync<'a>, arms: &'a [ast::RouteArm], span: Span) -> Vec<RouteLine<'a>> {
        let scope = Scope::of(&[(Side::Left, sync.left)], Some(Side::Left));
        let mut lines = Vec::new();
        for line in arms {
            let condition = line.condition.as_ref().map(|condition| self.expr(&scope, condition));
            let Some(arm) = sync.arms.iter().position(|arm| arm.right.name == line.target.text) else {
                let known = sync.arms.iter().map(|arm| arm.right.name);
                let near = nearest(&line.target.text, known);
                self.say(names::unknown_object(
                    line.target.span,
                    sync.system_of(Side::Right),
                    &line.target.text,
                    near,
                ));
                continue;
            };
            lines.push(RouteLine { condition, arm });
        }
        if arms.last().is_none_or(|last| last.condition.is_some()) {
            self.say(values::route_without_else(Span { end: span.start + 5, ..span }));
        }
        lines
    }
}

/// Whether an expression reads the record of a side.
pub(crate) fn reads(expr: &Expr<'_>, side: Side) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, Kind::Field(at, _) if at == side));
    found
}

/// The bare names of an expression, outside questions about associated records.
fn bare_names<'e>(expr: &'e ast::Expr, into: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Path(path) => {
            if let [name] = path.parts.as_slice() {
                into.push(&name.text);
            }
        }
        ExprKind::List(items) | ExprKind::Call { args: items, .. } => {
            items.iter().for_each(|item| bare_names(item, into));
        }
        ExprKind::Not(inner) | ExprKind::Negate(inner) => bare_names(inner, into),
        ExprKind::Is { operand, .. } | ExprKind::Matches { operand, .. } => bare_names(operand, into),
        ExprKind::Binary { left, right, .. } => {
            bare_names(left, into);
            bare_names(right, into);
        }
        ExprKind::Between { operand, low, high } => {
            [operand, low, high].into_iter().for_each(|e| bare_names(e, into))
        }
        ExprKind::If { condition, then, otherwise } => {
            [condition, then, otherwise].into_iter().for_each(|e| bare_names(e, into));
        }
        _ => {}
    }
}
