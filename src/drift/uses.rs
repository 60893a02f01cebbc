//! Where a program names fields, values and objects: the lines that a change of a schema touches.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::resolve::Schemas;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{self, ClauseKind, Expr, ExprKind, Item, Match, Path, RowOptionKind};

/// One line of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    pub file: String,
    pub line: u32,
    pub text: String,
}

/// What a line does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Reads,
    Writes,
    /// A filter or match asks the CRM for it.
    Asks,
    /// A value or stage map lists values of it.
    Maps,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    /// `hubspot`, `company`; canonical.
    system: String,
    object: String,
    field: String,
    role: Role,
    line: Line,
}

/// A value that a line names of some field, stage or pipeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    system: String,
    object: String,
    value: String,
    line: Line,
}

/// Everything that a program names.
#[derive(Debug, Default)]
pub struct Uses {
    fields: BTreeSet<Use>,
    values: BTreeSet<Named>,
    /// System, object, the line of the sync, whether records are made there.
    objects: Vec<(String, String, Line, bool)>,
}

impl Uses {
    pub fn field(&self, system: &str, object: &str, field: &str, roles: &[Role]) -> Vec<Line> {
        let fits = |one: &&Use| {
            one.system == system && one.object == object && one.field == field && roles.contains(&one.role)
        };
        distinct(self.fields.iter().filter(fits).map(|one| one.line.clone()))
    }

    pub fn value(&self, system: &str, object: &str, value: &str) -> Vec<Line> {
        let fits = |one: &&Named| one.system == system && one.object == object && one.value == value;
        distinct(self.values.iter().filter(fits).map(|one| one.line.clone()))
    }

    pub fn object(&self, system: &str, object: &str) -> Vec<Line> {
        let of = self.objects.iter().filter(|(s, o, ..)| s == system && o == object);
        distinct(of.map(|(_, _, line, _)| line.clone()))
    }

    /// The syncs that make records of an object.
    pub fn creates(&self, system: &str, object: &str) -> Vec<Line> {
        let of = self.objects.iter().filter(|(s, o, _, makes)| s == system && o == object && *makes);
        distinct(of.map(|(_, _, line, _)| line.clone()))
    }
}

fn distinct(lines: impl Iterator<Item = Line>) -> Vec<Line> {
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

struct Reader<'s> {
    sources: &'s SourceMap,
    schemas: &'s Schemas,
    uses: Uses,
}

type Object = (String, String);

/// Reads a whole program.
pub fn uses(sources: &SourceMap, schemas: &Schemas, program: &ast::Program) -> Uses {
    let mut reader = Reader { sources, schemas, uses: Uses::default() };
    for item in program.files.iter().flat_map(|file| &file.items) {
        match item {
            Item::Sync(sync) => reader.sync(sync),
            Item::Values(map) => reader.map([&map.left, &map.right], &map.rows),
            Item::Stages(map) => reader.map([&map.left, &map.right], &map.rows),
            _ => {}
        }
    }
    reader.uses
}

impl Reader<'_> {
    fn line(&self, span: Span) -> Line {
        let line = self.sources.position(span.file, span.start).line;
        let text = self.sources.slice(self.sources.line_span(span.file, line));
        Line {
            file: self.sources.path(span.file).to_owned(),
            line,
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    fn canonical(&self, system: &str, object: &str) -> Object {
        let known = self.schemas.systems.get(system).and_then(|schema| schema.object(object));
        (system.to_owned(), known.map_or(object, |(name, _)| name).to_owned())
    }

    fn say(&mut self, object: &Object, field: &str, role: Role, span: Span) {
        let line = self.line(span);
        self.uses.fields.insert(Use {
            system: object.0.clone(),
            object: object.1.clone(),
            field: field.to_owned(),
            role,
            line,
        });
    }

    fn sync(&mut self, sync: &ast::Sync) {
        let left = self.canonical(&sync.left.system.text, &sync.left.object.text);
        let right: Vec<Object> = sync
            .right
            .iter()
            .map(|object| self.canonical(&object.system.text, &object.object.text))
            .collect();
        let line = self.line(sync.header);
        let never = |system: &str| {
            sync.clauses.iter().any(|clause| {
                matches!(&clause.kind, ClauseKind::Create { system: at, rule: ast::CreateRule::Never } if at.text == system)
            })
        };
        let direction = sync.arrow.direction;
        let makes = direction.goes_left() && !never(&left.0);
        self.uses.objects.push((left.0.clone(), left.1.clone(), line.clone(), makes));
        for object in &right {
            let makes = direction.goes_right() && !never(&object.0);
            self.uses.objects.push((object.0.clone(), object.1.clone(), line.clone(), makes));
        }
        for clause in &sync.clauses {
            self.clause(clause, &left, &right);
        }
        for row in sync.maps.iter().flat_map(|map| &map.rows) {
            self.row(row, &left, &right);
        }
    }

    fn clause(&mut self, clause: &ast::Clause, left: &Object, right: &[Object]) {
        let at = clause.span;
        let of = |system: &str| if system == left.0 { vec![left.clone()] } else { right.to_vec() };
        let other = |system: &str| if system == left.0 { right.to_vec() } else { vec![left.clone()] };
        match &clause.kind {
            ClauseKind::Filter { system, condition } => {
                self.expr(condition, &of(&system.text), Role::Asks, at)
            }
            ClauseKind::Veto { system, condition }
            | ClauseKind::Create { system, rule: ast::CreateRule::When(condition) } => {
                self.expr(condition, &other(&system.text), Role::Reads, at);
            }
            ClauseKind::Match(Match::Keys { left: a, right: b, when }) => {
                for key in [Some(a), Some(b), when.as_ref()].into_iter().flatten() {
                    let mut both = right.to_vec();
                    both.push(left.clone());
                    self.expr(key, &both, Role::Asks, at);
                }
            }
            ClauseKind::Route(arms) => {
                for condition in arms.iter().filter_map(|arm| arm.condition.as_ref()) {
                    self.expr(condition, std::slice::from_ref(left), Role::Reads, at);
                }
            }
            ClauseKind::Associate(item) => {
                for (path, objects) in [(&item.left, vec![left.clone()]), (&item.right, right.to_vec())] {
                    if let [name] = path.parts.as_slice() {
                        objects.iter().for_each(|object| self.say(object, &name.text, Role::Writes, at));
                    }
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, row: &ast::Row, left: &Object, right: &[Object]) {
        let direction = row.arrow.direction;
        let lefts = std::slice::from_ref(left);
        for (end, objects, written) in
            [(&row.left, lefts, direction.goes_left()), (&row.right, right, direction.goes_right())]
        {
            if written {
                self.expr(end, objects, Role::Writes, row.span);
            }
            if !written || direction == ast::Direction::Both {
                self.expr(end, objects, Role::Reads, row.span);
            }
        }
        let source = if direction == ast::Direction::Left { right } else { lefts };
        for option in &row.options {
            if let RowOptionKind::When(expr) | RowOptionKind::Default(expr) = &option.kind {
                self.expr(expr, source, Role::Reads, row.span);
            }
        }
    }

    fn map(&mut self, ends: [&ast::MapEnd; 2], rows: &[ast::ValueRow]) {
        for (side, end) in ends.into_iter().enumerate() {
            let [system, object, rest @ ..] = end.path.parts.as_slice() else { continue };
            let object = self.canonical(&system.text, &object.text);
            if let [field] = rest {
                self.say(&object, &field.text, Role::Maps, end.span);
            } else {
                for field in ["dealstage", "StageName", "hs_pipeline_stage", "Status"] {
                    self.say(&object, field, Role::Maps, end.span);
                }
            }
            if let Some(scope) = &end.qualifier {
                self.name(&object, &scope.value.value, scope.value.span);
            }
            for row in rows {
                let value = if side == 0 { &row.left } else { &row.right };
                self.name(&object, &value.value, value.span);
            }
        }
    }

    fn name(&mut self, object: &Object, value: &str, span: Span) {
        let line = self.line(span);
        self.uses.values.insert(Named {
            system: object.0.clone(),
            object: object.1.clone(),
            value: value.to_owned(),
            line,
        });
    }

    /// The fields that an expression names; qualified names count for their own system only.
    fn expr(&mut self, expr: &Expr, objects: &[Object], role: Role, at: Span) {
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            match &expr.kind {
                ExprKind::Path(path) => self.path(path, objects, role, at),
                ExprKind::Text(text) => {
                    objects.iter().for_each(|object| self.name(object, &text.value, at));
                }
                ExprKind::List(items) | ExprKind::Call { args: items, .. } => open.extend(items),
                ExprKind::Not(inner) | ExprKind::Negate(inner) => open.push(inner),
                ExprKind::Is { operand, .. } | ExprKind::Matches { operand, .. } => open.push(operand),
                ExprKind::Binary { left, right, .. } => open.extend([&**left, &**right]),
                ExprKind::Between { operand, low, high } => open.extend([&**operand, &**low, &**high]),
                ExprKind::If { condition, then, otherwise } => {
                    open.extend([&**condition, &**then, &**otherwise]);
                }
                ExprKind::Associated { object, condition: Some(condition), .. } => {
                    let there: Vec<Object> =
                        objects.iter().map(|from| self.canonical(&from.0, &object.text)).collect();
                    self.expr(condition, &there, Role::Reads, at);
                }
                _ => {}
            }
        }
    }

    fn path(&mut self, path: &Path, objects: &[Object], role: Role, at: Span) {
        let (system, name) = match path.parts.as_slice() {
            [name] => (None, name),
            [system, name] | [system, _, name] => (Some(system), name),
            _ => return,
        };
        for object in objects {
            if system.is_none_or(|system| system.text == object.0) {
                self.say(object, &name.text, role, at);
            }
        }
    }
}
