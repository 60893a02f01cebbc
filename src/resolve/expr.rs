//! Expressions: names to fields and functions, and the type of each part.

use super::Resolver;
use super::hir::{Expr, Kind, Object, Side, Ty};
use super::literal;
use crate::builtin::Func;
use crate::diag::errors::{names, rules};
use crate::diag::suggest::nearest;
use crate::schema::model::List;
use crate::schema::types::Digits;
use crate::schema::{FieldType, System};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, ExprKind, Quantifier};
use crate::value::Value;

/// What names mean where an expression stands.
#[derive(Debug, Clone, Default)]
pub struct Scope<'a> {
    /// The objects whose fields may be named by `system.field`, with their sides.
    pub sides: Vec<(Side, Object<'a>)>,
    /// The side whose fields are named bare; `None` = names must be qualified.
    pub bare: Option<Side>,
    /// Inside a `convert`: `it` is the value under conversion and there are no fields.
    pub it: bool,
    /// Names are not fields at all (activities of a writeback, counts of a plan): they read as text or number.
    pub free: bool,
}

impl<'a> Scope<'a> {
    pub fn of(sides: &[(Side, Object<'a>)], bare: Option<Side>) -> Self {
        Scope { sides: sides.to_vec(), bare, it: false, free: false }
    }

    pub(crate) fn object(&self, side: Side) -> Option<Object<'a>> {
        self.sides.iter().find(|(known, _)| *known == side).map(|(_, object)| *object)
    }
}

fn text() -> Ty<'static> {
    Ty::Of(FieldType::Text { max: None })
}

fn number() -> Ty<'static> {
    Ty::Of(FieldType::Decimal(Digits::default()))
}

fn boolean() -> Ty<'static> {
    Ty::Of(FieldType::Bool)
}

impl<'a> Resolver<'a> {
    pub(crate) fn expr(&mut self, scope: &Scope<'a>, expr: &'a ast::Expr) -> Expr<'a> {
        let span = expr.span;
        let boxed = |this: &mut Self, expr: &'a ast::Expr| Box::new(this.expr(scope, expr));
        let (kind, ty) = match &expr.kind {
            ExprKind::Bool(value) => (Kind::Literal(Value::Bool(*value)), boolean()),
            ExprKind::Number(value) => (Kind::Literal(Value::Number(literal::number(value))), number()),
            ExprKind::Text(value) => (Kind::Literal(Value::text(value.value.as_str())), text()),
            ExprKind::Duration(value) => (Kind::Literal(Value::Number(value.milliseconds.into())), number()),
            ExprKind::List(items) => {
                let items: Vec<Expr<'a>> = items.iter().map(|item| self.expr(scope, item)).collect();
                let of = items.first().map_or(Ty::Unknown, |item| item.ty.clone());
                (Kind::List(items), Ty::List(Box::new(of)))
            }
            ExprKind::Path(path) => return self.path(scope, path),
            ExprKind::Call { name, args } => return self.call(scope, name, args, span),
            ExprKind::Not(inner) => (Kind::Not(boxed(self, inner)), boolean()),
            ExprKind::Negate(inner) => (Kind::Negate(boxed(self, inner)), number()),
            ExprKind::Binary { op, left, right, .. } => {
                let left = boxed(self, left);
                let right = match self.unquoted(scope, &left, right) {
                    Some(said) => Box::new(said),
                    None => boxed(self, right),
                };
                let ty = match op {
                    BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => number(),
                    _ => boolean(),
                };
                (Kind::Binary { op: *op, left, right }, ty)
            }
            ExprKind::Is { operand, what, negated } => {
                let operand = boxed(self, operand);
                let kind = match what {
                    ast::Is::Set => Kind::IsSet { operand, negated: *negated },
                    ast::Is::Blank => Kind::IsBlank { operand, negated: *negated },
                };
                (kind, boolean())
            }
            ExprKind::Between { operand, low, high } => {
                let kind = Kind::Between {
                    operand: boxed(self, operand),
                    low: boxed(self, low),
                    high: boxed(self, high),
                };
                (kind, boolean())
            }
            ExprKind::Matches { operand, pattern } => {
                (Kind::Matches { operand: boxed(self, operand), pattern: pattern.value.clone() }, boolean())
            }
            ExprKind::If { condition, then, otherwise } => {
                let (condition, then, otherwise) =
                    (boxed(self, condition), boxed(self, then), boxed(self, otherwise));
                let ty =
                    if then.ty == otherwise.ty { then.ty.clone() } else { widest(&then.ty, &otherwise.ty) };
                (Kind::If { condition, then, otherwise }, ty)
            }
            ExprKind::Associated { quantifier, object, condition } => {
                return self.associated(scope, *quantifier, object, condition.as_deref(), span);
            }
            ExprKind::Error => (Kind::Error, Ty::Unknown),
        };
        Expr { kind, ty, span }
    }

    fn path(&mut self, scope: &Scope<'a>, path: &'a ast::Path) -> Expr<'a> {
        let span = path.span;
        if scope.free {
            return Expr { kind: Kind::It, ty: Ty::Unknown, span };
        }
        let (side, name) = match path.parts.as_slice() {
            [name] if scope.it => {
                if name.text == "it" {
                    return Expr { kind: Kind::It, ty: Ty::Unknown, span };
                }
                let near = Some("it");
                self.say(names::unknown_field(name.span, "a converter", &name.text, near, 1, "it"));
                return Expr::error(span);
            }
            [name] => match scope.bare {
                Some(side) => (side, name),
                None => {
                    let systems: Vec<&str> = scope.sides.iter().map(|(_, object)| object.system).collect();
                    let (left, right) = (systems.first().unwrap_or(&""), systems.last().unwrap_or(&""));
                    self.say(names::unqualified(name.span, &name.text, left, right));
                    return Expr::error(span);
                }
            },
            [system, name] | [system, _, name] => {
                let side = scope.sides.iter().find(|(_, object)| object.system == system.text);
                match side {
                    Some((side, _)) => (*side, name),
                    None => {
                        // `account.name` on a bare scope is most likely a field that does not exist.
                        let near = nearest(&system.text, scope.sides.iter().map(|(_, object)| object.system));
                        self.say(names::unknown_system(system.span, &system.text, near));
                        return Expr::error(span);
                    }
                }
            }
            _ => {
                if let Some(first) = path.parts.first() {
                    self.say(names::unknown_system(first.span, &first.text, None));
                }
                return Expr::error(span);
            }
        };
        let Some(object) = scope.object(side) else { return Expr::error(span) };
        let other = scope
            .object(side.other())
            .or_else(|| scope.sides.iter().map(|(_, object)| *object).find(|o| o.system != object.system));
        match self.field(object, name, other) {
            Some(field) => {
                let ty = match field.field.ty {
                    FieldType::Option | FieldType::Options => Ty::OptionOf(field.field),
                    FieldType::Unknown => Ty::Unknown,
                    ref ty => Ty::Of(ty.clone()),
                };
                let field = super::hir::FieldRef { span, ..field };
                Expr { kind: Kind::Field(side, field), ty, span }
            }
            None => Expr::error(span),
        }
    }

    fn call(
        &mut self,
        scope: &Scope<'a>,
        name: &'a ast::Ident,
        args: &'a [ast::Expr],
        span: Span,
    ) -> Expr<'a> {
        match name.text.as_str() {
            "in_list" => return self.in_list(scope, args, span),
            "linked" => {
                return match args {
                    [ast::Expr { kind: ExprKind::Path(path), .. }] => self.linked(path, span),
                    _ => {
                        self.say(names::argument_count(span, "linked", 1, 1, args.len()));
                        Expr::error(span)
                    }
                };
            }
            "is_private" => {
                return match args {
                    [inner] => {
                        let inner = Box::new(self.expr(scope, inner));
                        Expr { kind: Kind::IsPrivate(inner), ty: boolean(), span }
                    }
                    _ => {
                        self.say(names::argument_count(span, "is_private", 1, 1, args.len()));
                        Expr::error(span)
                    }
                };
            }
            _ => {}
        }
        if self.counts_an_object(scope, name, args) {
            return Expr::error(span);
        }
        let resolved: Vec<Expr<'a>> = args.iter().map(|arg| self.expr(scope, arg)).collect();
        let Some(func) = Func::find(&name.text) else {
            let known = Func::ALL.iter().map(|func| func.name()).chain(["in_list", "linked", "is_private"]);
            self.say(names::unknown_function(name.span, &name.text, nearest(&name.text, known)));
            return Expr::error(span);
        };
        let (least, most) = func.arity();
        if resolved.len() < least || resolved.len() > most {
            self.say(names::argument_count(span, func.name(), least, most, resolved.len()));
            return Expr::error(span);
        }
        self.zone_argument(func, &resolved);
        let ty = result_type(func, &resolved);
        Expr { kind: Kind::Call { func, args: resolved }, ty, span }
    }

    /// `lifecyclestage == customer`, `in [lead, customer]`: a value of the field on the left without its quotes.
    fn unquoted(&mut self, scope: &Scope<'a>, left: &Expr<'a>, right: &'a ast::Expr) -> Option<Expr<'a>> {
        let Kind::Field(_, field) = &left.kind else { return None };
        let here = scope.bare.and_then(|side| scope.object(side))?;
        let items = match &right.kind {
            ExprKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(right),
        };
        let bare: Vec<&ast::Ident> = items
            .iter()
            .filter_map(|item| match &item.kind {
                ExprKind::Path(path) => match path.parts.as_slice() {
                    [name] => Some(name),
                    _ => None,
                },
                _ => None,
            })
            .filter(|name| !here.schema.fields.contains_key(&name.text))
            .filter(|name| field.field.options.iter().any(|option| option.value == name.text))
            .collect();
        let from = format!("{}.{}", here.system, here.name);
        bare.iter().for_each(|name| self.say(names::value_without_quotes(name.span, &from, &name.text)));
        (!bare.is_empty()).then(|| Expr::error(right.span))
    }

    /// `count(deal)` names an object where a field or a question about associated records belongs.
    fn counts_an_object(&mut self, scope: &Scope<'a>, name: &ast::Ident, args: &'a [ast::Expr]) -> bool {
        let ("count", [ast::Expr { kind: ExprKind::Path(path), .. }]) = (name.text.as_str(), args) else {
            return false;
        };
        let ([object], Some(here)) = (path.parts.as_slice(), scope.bare.and_then(|side| scope.object(side)))
        else {
            return false;
        };
        let known = self.schemas.systems.get(here.system).and_then(|system| system.object(&object.text));
        if known.is_none() || here.schema.fields.contains_key(&object.text) {
            return false;
        }
        let from = format!("{}.{}", here.system, here.name);
        self.say(names::object_for_field(object.span, &from, &object.text));
        true
    }

    fn zone_argument(&mut self, func: Func, args: &[Expr<'a>]) {
        if let (Func::InZone, Some(Expr { kind: Kind::Literal(Value::Text(zone)), span, .. })) =
            (func, args.get(1))
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            self.say(names::unknown_zone(*span, zone));
        }
    }

    /// `linked(people)`, `linked(people.Lead)`.
    fn linked(&mut self, path: &'a ast::Path, span: Span) -> Expr<'a> {
        let (sync, arm) = match path.parts.as_slice() {
            [sync, arm] if self.sync_arms.contains_key(sync.text.as_str()) => (sync.text.clone(), Some(arm)),
            _ => (path.text(), None),
        };
        if !self.sync_exists(&sync, path.span) {
            return Expr::error(span);
        }
        if let Some(arm) = arm {
            let known = self.sync_arms.get(sync.as_str()).cloned().unwrap_or_default();
            if !known.contains(&arm.text.as_str()) {
                let near = nearest(&arm.text, known.iter().copied());
                self.say(names::unknown_object(arm.span, &format!("sync `{sync}`"), &arm.text, near));
                return Expr::error(span);
            }
        }
        Expr { kind: Kind::Linked { sync, arm: arm.map(|arm| arm.text.clone()) }, ty: boolean(), span }
    }

    fn in_list(&mut self, scope: &Scope<'a>, args: &'a [ast::Expr], span: Span) -> Expr<'a> {
        let [ast::Expr { kind: ExprKind::Text(name), .. }] = args else {
            self.say(names::argument_count(span, "in_list", 1, 1, args.len()));
            return Expr::error(span);
        };
        let object = scope.bare.and_then(|side| scope.object(side));
        if let Some((object, system)) =
            object.and_then(|object| Some((object, self.schemas.systems.get(object.system)?)))
            && let Some(lists) = &system.lists
        {
            let called: Vec<&List> = lists.iter().filter(|list| list.name == name.value).collect();
            match called.first() {
                None => {
                    let near = nearest(&name.value, lists.iter().map(|list| list.name.as_str()));
                    self.say(names::unknown_list(name.span, object.system, &name.value, near));
                }
                Some(other) if !called.iter().any(|list| held(system, list) == object.name) => {
                    let of = held(system, other);
                    self.say(names::list_of_other_object(name.span, &name.value, of, object.name));
                }
                Some(_) => {}
            }
        }
        Expr { kind: Kind::InList(name.value.clone()), ty: boolean(), span }
    }

    fn associated(
        &mut self,
        scope: &Scope<'a>,
        quantifier: Quantifier,
        object: &'a ast::Ident,
        condition: Option<&'a ast::Expr>,
        span: Span,
    ) -> Expr<'a> {
        let Some(here) = scope.bare.and_then(|side| Some((side, scope.object(side)?))) else {
            self.say(rules::not_supported(
                span,
                "a question about associated records can't stand here".to_owned(),
            ));
            return Expr::error(span);
        };
        let (side, from) = here;
        let Some(system) = self.schemas.systems.get(from.system) else { return Expr::error(span) };
        let Some((name, schema)) = system.object(&object.text) else {
            let near = nearest(&object.text, system.objects.keys().map(String::as_str));
            let full = format!("{}.{}", from.system, from.name);
            self.say(names::unknown_association(object.span, &full, &object.text, near));
            return Expr::error(span);
        };
        let target = Object { system: from.system, kind: from.kind, name, schema, span: object.span };
        let inner = Scope::of(&[(side, target)], Some(side));
        let condition = condition.map(|condition| Box::new(self.expr(&inner, condition)));
        let ty = if quantifier == Quantifier::Count { number() } else { boolean() };
        Expr { kind: Kind::Associated { quantifier, from, object: target, condition }, ty, span }
    }
}

fn widest<'a>(a: &Ty<'a>, b: &Ty<'a>) -> Ty<'a> {
    let textual = |ty: &Ty<'a>| {
        matches!(ty, Ty::Of(FieldType::Text { .. } | FieldType::LongText { .. }) | Ty::OptionOf(_))
    };
    if textual(a) && textual(b) { text() } else { Ty::Unknown }
}

fn result_type<'a>(func: Func, args: &[Expr<'a>]) -> Ty<'a> {
    let first = || args.first().map_or(Ty::Unknown, |arg| arg.ty.clone());
    match func {
        Func::Concat
        | Func::Trim
        | Func::Lower
        | Func::Upper
        | Func::Title
        | Func::Truncate
        | Func::Replace => text(),
        Func::StripPrefix | Func::StripSuffix | Func::SplitFirst | Func::SplitLast | Func::Pad => text(),
        Func::RegexExtract | Func::Domain | Func::Host | Func::EmailDomain | Func::Phone | Func::Text => {
            text()
        }
        Func::Join => text(),
        Func::Coalesce => {
            match args.iter().map(|arg| &arg.ty).reduce(|a, b| if a == b { a } else { &Ty::Unknown }) {
                Some(ty) => ty.clone(),
                None => Ty::Unknown,
            }
        }
        Func::Min | Func::Max | Func::Abs => first(),
        Func::Round | Func::Decimal => number(),
        Func::Floor | Func::Ceil | Func::Int | Func::Year | Func::Month | Func::DaysBetween | Func::Count => {
            Ty::Of(FieldType::Int { digits: None })
        }
        Func::AddDays => match first() {
            Ty::Of(FieldType::DateTime) => Ty::Of(FieldType::DateTime),
            _ => Ty::Of(FieldType::Date),
        },
        Func::Date => Ty::Of(FieldType::Date),
        Func::DateTime => Ty::Of(FieldType::DateTime),
        // A point in time seen from a zone has a calendar day: functions of days accept it.
        Func::InZone => Ty::Of(FieldType::Date),
        Func::Split => Ty::List(Box::new(text())),
        Func::ContainsAll => boolean(),
    }
}

/// The object whose records a list holds.
fn held<'s>(system: &'s System, list: &'s List) -> &'s str {
    system.object(&list.object).map_or(list.object.as_str(), |(name, _)| name)
}
