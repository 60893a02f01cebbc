//! The rows of a map block: their ends, their options, what stands behind `using`.

use super::expr::Scope;
use super::hir::{End, Expr, Object, Program, Row, Side, Sync, Use};
use super::{Named, Resolver};
use crate::builtin::Converter;
use crate::diag::errors::{names, types};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{self, Direction, ExprKind, RowOptionKind};

impl<'a> Resolver<'a> {
    pub(super) fn map(&mut self, sync: &mut Sync<'a>, map: &'a ast::MapBlock, program: &Program<'a>) {
        let arms: Vec<Object<'a>> = sync.arms.iter().map(|arm| arm.right).collect();
        let chosen: Vec<usize> = match &map.arm {
            None => (0..arms.len()).collect(),
            Some(name) => match arms.iter().position(|object| object.name == name.text) {
                Some(index) => vec![index],
                None => {
                    let near = nearest(&name.text, arms.iter().map(|object| object.name));
                    self.say(names::unknown_object(name.span, sync.system_of(Side::Right), &name.text, near));
                    let mut lost = Vec::new();
                    for row in &map.rows {
                        [&row.left, &row.right].into_iter().for_each(|end| names_of(end, &mut lost));
                    }
                    sync.lost.extend(lost.into_iter().map(str::to_owned));
                    return;
                }
            },
        };
        for row in &map.rows {
            let mut said: Vec<(Code, Span)> = Vec::new();
            for index in &chosen {
                let Some(object) = arms.get(*index) else { continue };
                let before = self.diagnostics.len();
                let resolved = self.row(sync, row, *object, program);
                // The same finding for a second arm says nothing new.
                let new: Vec<Diagnostic> = self.diagnostics.drain(before..).collect();
                for finding in new {
                    let finding =
                        if map.arm.is_some() { of_another_arm(finding, row, &arms) } else { finding };
                    let place = (finding.code, finding.primary.span);
                    if !said.contains(&place) {
                        said.push(place);
                        self.diagnostics.push(finding);
                    }
                }
                match (resolved, sync.arms.get_mut(*index)) {
                    (Some(resolved), Some(arm)) => arm.rows.push(resolved),
                    _ => {
                        let mut lost = Vec::new();
                        [&row.left, &row.right].into_iter().for_each(|end| names_of(end, &mut lost));
                        sync.lost.extend(lost.into_iter().map(str::to_owned));
                    }
                }
            }
        }
    }

    fn row(
        &mut self,
        sync: &Sync<'a>,
        row: &'a ast::Row,
        right: Object<'a>,
        program: &Program<'a>,
    ) -> Option<Row<'a>> {
        let sides = [(Side::Left, sync.left), (Side::Right, right)];
        let direction = row.arrow.direction;
        if let Some((first, second)) = swapped(sync.left, right, row) {
            let (left, right) = (full(sync.left), full(right));
            self.say(names::swapped_ends(
                (&first.text, first.span, &left),
                (&second.text, second.span, &right),
                direction.symbol(),
            ));
            return None;
        }
        let left_end = self.end(&sides, Side::Left, &row.left, direction.goes_left());
        let right_end = self.end(&sides, Side::Right, &row.right, direction.goes_right());
        let (left, right_end) = (left_end?, right_end?);
        if direction == Direction::Both {
            let wrong = [&left, &right_end].into_iter().find_map(|end| match end {
                End::Expr(expr) => Some(expr.span),
                End::Field(_) => None,
            });
            if let Some(span) = wrong {
                self.say(types::expression_on_two_way(span));
                return None;
            }
        }
        let head = if direction == Direction::Left { &left } else { &right_end };
        if let End::Expr(expr) = head {
            self.say(types::field_expected(expr.span));
            return None;
        }
        // Bare names in `when` and `default` mean the record that the arrow reads.
        let bare = match direction {
            Direction::Both => None,
            Direction::Right => Some(Side::Left),
            Direction::Left => Some(Side::Right),
        };
        let scope = Scope::of(&sides, bare);
        let mut resolved = Row {
            doc: row.doc.clone(),
            arrow: row.arrow,
            left,
            right: right_end,
            uses: Vec::new(),
            default: None,
            prefer: None,
            owned_by: None,
            if_empty: false,
            on_create: false,
            cut: None,
            may_blank: false,
            when: None,
            span: row.span,
        };
        for option in &row.options {
            match &option.kind {
                RowOptionKind::Using(uses) => {
                    resolved.uses = uses.iter().map(|item| self.using(item, program)).collect();
                }
                RowOptionKind::Default(expr) => resolved.default = Some(self.expr(&scope, expr)),
                RowOptionKind::Prefer(system) => {
                    resolved.prefer =
                        self.side_of(sync.left.system, right.system, system).map(|side| (side, option.span));
                }
                RowOptionKind::OwnedBy(system) => {
                    resolved.owned_by =
                        self.side_of(sync.left.system, right.system, system).map(|side| (side, option.span));
                }
                RowOptionKind::IfEmpty => resolved.if_empty = true,
                RowOptionKind::OnCreate => resolved.on_create = true,
                RowOptionKind::Cut => resolved.cut = Some(option.span),
                RowOptionKind::MayBlank => resolved.may_blank = true,
                RowOptionKind::When(expr) => resolved.when = Some(self.expr(&scope, expr)),
            }
        }
        Some(resolved)
    }

    /// One end of a row. `head` = the arrow points at it, so it must be a field.
    fn end(
        &mut self,
        sides: &[(Side, Object<'a>)],
        side: Side,
        expr: &'a ast::Expr,
        head: bool,
    ) -> Option<End<'a>> {
        let object = sides.iter().find(|(known, _)| *known == side).map(|(_, object)| *object)?;
        let other = sides.iter().find(|(known, _)| *known != side).map(|(_, object)| *object);
        match &expr.kind {
            ExprKind::Path(path) => match path.parts.as_slice() {
                [name] => self.field(object, name, other).map(End::Field),
                [system, name] if system.text == object.system => {
                    self.field(object, name, other).map(End::Field)
                }
                [parent, _] if parent.text == object.name => {
                    path.parts.last().and_then(|name| self.field(object, name, other)).map(End::Field)
                }
                _ => {
                    if let Some(first) = path.parts.first() {
                        let near = nearest(&first.text, [object.system]);
                        self.say(names::unknown_system(first.span, &first.text, near));
                    }
                    None
                }
            },
            // On `<->` the caller says so for both ends; on a one-way row only the head must be a field.
            _ if head => Some(End::Expr(Expr::error(expr.span))),
            _ => {
                let scope = Scope::of(sides, Some(side));
                Some(End::Expr(self.expr(&scope, expr)))
            }
        }
    }

    fn using(&mut self, item: &'a ast::Use, program: &Program<'a>) -> Use {
        let name = item.name.text.as_str();
        let span = item.span;
        match self.map_names.get(name) {
            Some(Named::Values(index)) => return Use::Values(*index, span),
            Some(Named::Stages(index)) => return Use::Stages(*index, span),
            Some(Named::Convert(index)) => return Use::Convert(*index, span),
            Some(Named::Owners(index)) => return Use::Owners(Some(*index), span),
            // It exists, but could not be resolved and was reported.
            Some(Named::Broken) => return Use::Unknown,
            None if self.lost.contains(name) => return Use::Unknown,
            None => {}
        }
        let Some(converter) = Converter::find(name) else {
            let known = Converter::ALL
                .iter()
                .map(|converter| converter.name())
                .chain(program.values.iter().map(|map| map.name.text.as_str()))
                .chain(program.stages.iter().map(|map| map.name.text.as_str()))
                .chain(program.converts.iter().map(|item| item.name.text.as_str()));
            let near = nearest(name, known).map(str::to_owned);
            self.say(names::unknown_use(item.name.span, name, near.as_deref()));
            return Use::Unknown;
        };
        let (least, most) = converter.arity();
        if item.args.len() < least || item.args.len() > most {
            self.say(names::argument_count(span, name, least, most, item.args.len()));
            return Use::Unknown;
        }
        self.builtin(converter, item, program)
    }

    fn builtin(&mut self, converter: Converter, item: &'a ast::Use, program: &Program<'a>) -> Use {
        let span = item.span;
        let text = item.args.first().and_then(|arg| match &arg.kind {
            ExprKind::Text(text) => Some(text),
            _ => None,
        });
        let word = item.args.first().and_then(|arg| match &arg.kind {
            ExprKind::Path(path) => Some(path),
            _ => None,
        });
        match (converter, text, word) {
            (Converter::Owners, ..) => Use::Owners(None, span),
            (Converter::CalendarDay, Some(zone), _) => {
                if jiff::tz::TimeZone::get(&zone.value).is_err() {
                    self.say(names::unknown_zone(zone.span, &zone.value));
                    return Use::Unknown;
                }
                Use::CalendarDay { zone: zone.value.clone(), span }
            }
            (Converter::Phone, region, _) => {
                if let Some(region) = region
                    && !crate::calc::is_region(&region.value)
                {
                    self.say(names::unknown_region(region.span, &region.value));
                    return Use::Unknown;
                }
                Use::Phone { region: region.map(|region| region.value.clone()), span }
            }
            (Converter::IdOf, _, Some(sync)) => {
                let name = sync.text();
                if !self.sync_exists(&name, sync.span) {
                    return Use::Unknown;
                }
                Use::IdOf { sync: name, span }
            }
            (Converter::Multi, _, Some(map)) => {
                let name = map.text();
                match program.values.iter().position(|values| values.name.text == name) {
                    Some(values) => Use::Multi { values, span },
                    None => {
                        let near =
                            nearest(&name, program.values.iter().map(|values| values.name.text.as_str()));
                        self.say(names::unknown_use(map.span, &name, near));
                        Use::Unknown
                    }
                }
            }
            (Converter::CalendarDay | Converter::IdOf | Converter::Multi, ..) => {
                self.say(names::argument_count(span, converter.name(), 1, 1, item.args.len()));
                Use::Unknown
            }
            _ => Use::Builtin(converter, span),
        }
    }
}

/// An unknown field of one arm's own rows that another arm has stands in the wrong arm.
fn of_another_arm(finding: Diagnostic, row: &ast::Row, arms: &[Object<'_>]) -> Diagnostic {
    let named = [&row.left, &row.right].into_iter().find_map(|end| match &end.kind {
        ExprKind::Path(path) => path.parts.iter().find(|part| part.span == finding.primary.span),
        _ => None,
    });
    let Some(name) = named.filter(|_| finding.code == Code::E201) else { return finding };
    let own = arms.iter().find(|arm| finding.message.starts_with(&format!("{} ", full(**arm))));
    let same_case =
        |arm: &Object<'_>| arm.schema.fields.keys().any(|known| known.eq_ignore_ascii_case(&name.text));
    match (own, arms.iter().find(|arm| arm.schema.fields.contains_key(&name.text))) {
        (Some(own), Some(other)) if !same_case(own) => {
            names::field_of_other_arm(name.span, &full(*own), &name.text, &full(*other), other.name)
        }
        _ => finding,
    }
}

fn full(object: Object<'_>) -> String {
    format!("{}.{}", object.system, object.name)
}

/// Both ends are bare fields of the other side, and of theirs none: left and right were swapped.
fn swapped<'e>(
    left: Object<'_>,
    right: Object<'_>,
    row: &'e ast::Row,
) -> Option<(&'e ast::Ident, &'e ast::Ident)> {
    let bare = |end: &'e ast::Expr| match &end.kind {
        ExprKind::Path(path) => match path.parts.as_slice() {
            [name] => Some(name),
            _ => None,
        },
        _ => None,
    };
    let (first, second) = (bare(&row.left)?, bare(&row.right)?);
    let has = |object: Object<'_>, name: &ast::Ident| object.schema.fields.contains_key(&name.text);
    let crossed = has(right, first) && has(left, second) && !has(left, first) && !has(right, second);
    crossed.then_some((first, second))
}

/// Every name that an expression mentions.
fn names_of<'e>(expr: &'e ast::Expr, into: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Path(path) => into.extend(path.parts.iter().map(|part| part.text.as_str())),
        ExprKind::List(items) | ExprKind::Call { args: items, .. } => {
            items.iter().for_each(|item| names_of(item, into));
        }
        ExprKind::Not(inner) | ExprKind::Negate(inner) => names_of(inner, into),
        ExprKind::Is { operand, .. } | ExprKind::Matches { operand, .. } => names_of(operand, into),
        ExprKind::Binary { left, right, .. } => {
            [left, right].into_iter().for_each(|part| names_of(part, into))
        }
        ExprKind::Between { operand, low, high } => {
            [operand, low, high].into_iter().for_each(|part| names_of(part, into));
        }
        ExprKind::If { condition, then, otherwise } => {
            [condition, then, otherwise].into_iter().for_each(|part| names_of(part, into));
        }
        _ => {}
    }
}
