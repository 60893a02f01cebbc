//! A sync: its objects, clauses, arms and rows.

use super::Resolver;
use super::expr::Scope;
use super::hir::{
    self, Arm, Association, AssociationEnd, Conflict, CreateRule, Delete, End, Expr, Kind, Match, Object,
    Program, Propagate, RouteLine, Row, Side, Sync, Use,
};
use crate::builtin::Converter;
use crate::diag::errors::{names, rules, text as texts, types, values};
use crate::diag::suggest::nearest;
use crate::schema::SystemKind;
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind, Direction, ExprKind, RowOptionKind};

impl<'a> Resolver<'a> {
    pub(super) fn sync(&mut self, item: &'a ast::Sync, program: &Program<'a>) -> Option<Sync<'a>> {
        let left = self.object(&item.left.system, &item.left.object, item.left.span);
        let rights: Vec<Option<Object<'a>>> =
            item.right.iter().map(|right| self.object(&right.system, &right.object, right.span)).collect();
        let (left, rights) = (left?, rights.into_iter().collect::<Option<Vec<_>>>()?);
        let first_right = *rights.first()?;
        let arms = rights.into_iter().map(|right| Arm { right, rows: Vec::new(), associations: Vec::new() });
        let mut sync = Sync {
            name: item.name.clone(),
            doc: item.doc.clone(),
            left,
            arrow: item.arrow,
            arms: arms.collect(),
            route: None,
            follow_conversion: false,
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
                        Match::Matcher(word.text.clone())
                    }
                    ast::Match::Keys { left: l, right: r, when } => {
                        let scope = Scope::of(&both, None);
                        let (a, b) = (self.expr(&scope, l), self.expr(&scope, r));
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
            ClauseKind::OnConvert(word) => sync.follow_conversion = self.word(word, "rule", &["follow"]),
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

    fn associate(&mut self, sync: &mut Sync<'a>, item: &'a ast::Associate, span: Span) {
        if !self.syncs.iter().any(|known| known.text == item.through.text) {
            let near = nearest(&item.through.text, self.syncs.iter().map(|sync| sync.text.as_str()))
                .map(str::to_owned);
            self.say(names::unknown_sync(item.through.span, &item.through.text, near.as_deref()));
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

    fn propagate(&mut self, sync: &mut Sync<'a>, item: &'a ast::Propagate) {
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

    fn map(&mut self, sync: &mut Sync<'a>, map: &'a ast::MapBlock, program: &Program<'a>) {
        let arms: Vec<Object<'a>> = sync.arms.iter().map(|arm| arm.right).collect();
        let chosen: Vec<usize> = match &map.arm {
            None => (0..arms.len()).collect(),
            Some(name) => match arms.iter().position(|object| object.name == name.text) {
                Some(index) => vec![index],
                None => {
                    let near = nearest(&name.text, arms.iter().map(|object| object.name));
                    self.say(names::unknown_object(name.span, sync.system_of(Side::Right), &name.text, near));
                    return;
                }
            },
        };
        for row in &map.rows {
            for index in &chosen {
                let Some(object) = arms.get(*index) else { continue };
                let before = self.diagnostics.len();
                let resolved = self.row(sync, row, *object, program);
                // The same finding for a second arm says nothing new.
                let (known, new) = self.diagnostics.split_at(before);
                let fresh: Vec<_> = new.iter().filter(|d| !known.contains(d)).cloned().collect();
                self.diagnostics.truncate(before);
                self.diagnostics.extend(fresh);
                if let (Some(resolved), Some(arm)) = (resolved, sync.arms.get_mut(*index)) {
                    arm.rows.push(resolved);
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
            cut: false,
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
                RowOptionKind::Cut => resolved.cut = true,
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
        if let Some(index) = program.values.iter().position(|map| map.name.text == name) {
            return Use::Values(index, span);
        }
        if let Some(index) = program.stages.iter().position(|map| map.name.text == name) {
            return Use::Stages(index, span);
        }
        if let Some(index) = program.converts.iter().position(|item| item.name.text == name) {
            return Use::Convert(index, span);
        }
        if let Some(index) = program.owners.iter().position(|map| map.name == name) {
            return Use::Owners(Some(index), span);
        }
        // It exists, but could not be resolved and was reported.
        let broken = |list: &[&ast::Ident]| list.iter().any(|ident| ident.text == name);
        if broken(&self.values) || broken(&self.stages) || broken(&self.converts) {
            return Use::Unknown;
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
            (Converter::Owners, ..) => Use::Owners(program.owners.first().map(|_| 0), span),
            (Converter::CalendarDay, Some(zone), _) => {
                if jiff::tz::TimeZone::get(&zone.value).is_err() {
                    self.say(names::unknown_zone(zone.span, &zone.value));
                    return Use::Unknown;
                }
                Use::CalendarDay { zone: zone.value.clone(), span }
            }
            (Converter::Phone, region, _) => {
                if let Some(region) = region
                    && !(region.value.len() == 2 && region.value.bytes().all(|b| b.is_ascii_uppercase()))
                {
                    self.say(names::unknown_region(region.span, &region.value));
                    return Use::Unknown;
                }
                Use::Phone { region: region.map(|region| region.value.clone()), span }
            }
            (Converter::IdOf, _, Some(sync)) => {
                let name = sync.text();
                if !self.syncs.iter().any(|known| known.text == name) {
                    let near =
                        nearest(&name, self.syncs.iter().map(|sync| sync.text.as_str())).map(str::to_owned);
                    self.say(names::unknown_sync(sync.span, &name, near.as_deref()));
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

/// Whether an expression reads the record of a side.
pub(crate) fn reads(expr: &Expr<'_>, side: Side) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, Kind::Field(at, _) if at == side));
    found
}

fn quietly_has(object: &Object<'_>, path: &ast::Path) -> bool {
    match path.parts.as_slice() {
        [name] => object.schema.fields.contains_key(&name.text),
        // Only opportunities have contact roles.
        [junction, _] => junction.text != "OpportunityContactRole" || object.name == "Opportunity",
        _ => false,
    }
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
