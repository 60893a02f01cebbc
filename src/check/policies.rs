//! `deny write` and `deny send` over the whole program, and the counts that `deny plan` may ask about.

use super::Ctx;
use super::rows::path;
use crate::diag::Diagnostic;
use crate::diag::errors::{rules as wording, text, types};
use crate::diag::suggest::nearest;
use crate::resolve::Schemas;
use crate::resolve::hir::{AssociationEnd, End, FieldRef, Kind, Side, Sync};
use crate::schema::{FieldType, SystemKind};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Ident, Path, PolicyRule, PolicyRuleKind};

/// What a change set counts.
const COUNTS: [&str; 8] =
    ["creates", "updates", "deletes", "blanks", "associates", "conflicts", "holds", "skips"];

const SIDES: [Side; 2] = [Side::Left, Side::Right];

pub fn policies_are_kept<'a>(ctx: &mut Ctx<'a, '_>) {
    let mut found = Vec::new();
    let program = ctx.program;
    for policy in &program.policies {
        let name = &policy.name.value;
        for rule in &policy.rules {
            match &rule.kind {
                PolicyRuleKind::DenyWrite { target, except } => {
                    for sync in bound(&program.syncs, except) {
                        found.extend(
                            writes(ctx.schemas, sync, target)
                                .map(|(at, what)| wording::policy_broken(at, rule.span, name, &what)),
                        );
                    }
                }
                PolicyRuleKind::DenySend { what, to, except } => {
                    for sync in bound(&program.syncs, except) {
                        let sent = sends(sync, what, to);
                        found.extend(
                            sent.into_iter()
                                .map(|(at, what)| wording::policy_broken(at, rule.span, name, &what)),
                        );
                    }
                }
                PolicyRuleKind::DenyPlan { condition } => found.extend(plan_condition(rule, condition)),
            }
        }
    }
    found.into_iter().for_each(|finding| ctx.say(finding));
}

fn bound<'s, 'a>(syncs: &'s [Sync<'a>], except: &'s [Ident]) -> impl Iterator<Item = &'s Sync<'a>> {
    syncs.iter().filter(move |sync| !except.iter().any(|name| name.text == sync.name.text))
}

/// Rows, associations and roll-ups that write a denied field or object.
fn writes<'s>(
    schemas: &'s Schemas,
    sync: &'s Sync<'_>,
    target: &'s Path,
) -> impl Iterator<Item = (Span, String)> + 's {
    let mut parts: Vec<&str> = target.parts.iter().map(|part| part.text.as_str()).collect();
    // An object may be called by its plural or its number.
    if let [system, object, ..] = parts.as_mut_slice()
        && let Some((canonical, _)) = schemas.systems.get(*system).and_then(|known| known.object(object))
    {
        *object = canonical;
    }
    let mut written: Vec<(FieldRef<'_>, Span)> = Vec::new();
    for arm in &sync.arms {
        for row in &arm.rows {
            written.extend(SIDES.iter().filter_map(|side| Some((row.target(*side)?, row.span))));
        }
        for association in &arm.associations {
            let ends = [
                (&association.left, association.arrow.direction.goes_left()),
                (&association.right, association.arrow.direction.goes_right()),
            ];
            for (end, goes) in ends {
                if let (AssociationEnd::Lookup(field), true) = (end, goes) {
                    written.push((*field, association.span));
                }
            }
        }
    }
    written.extend(sync.propagate.iter().map(|item| (item.to, item.to.span)));
    let denied =
        move |field: &FieldRef<'_>| [field.object.system, field.object.name, field.name].starts_with(&parts);
    written
        .into_iter()
        .filter(move |(field, _)| denied(field))
        .map(|(field, at)| (at, format!("`{}` writes {}", sync.name.text, path(field))))
}

/// Rows that send a denied field to a system.
fn sends(sync: &Sync<'_>, what: &Path, to: &Ident) -> Vec<(Span, String)> {
    let mut sent = Vec::new();
    let wanted = what.text();
    let name = &sync.name.text;
    for side in SIDES.into_iter().filter(|side| sync.system_of(*side) == to.text) {
        for row in sync.arms.iter().flat_map(|arm| &arm.rows) {
            if row.target(side).is_none() {
                continue;
            }
            let mut fields: Vec<FieldRef<'_>> = Vec::new();
            match row.end(side.other()) {
                End::Field(field) => fields.push(*field),
                End::Expr(expr) => expr.walk(&mut |part| {
                    if let Kind::Field(_, field) = &part.kind {
                        fields.push(*field);
                    }
                }),
            }
            let denied = |field: &&FieldRef<'_>| {
                let full = path(**field);
                (wanted == "personal" && is_personal(field.name, &field.field.ty))
                    || wanted == field.name
                    || wanted == full
                    || full.ends_with(&format!(".{wanted}"))
            };
            if let Some(field) = fields.iter().find(denied) {
                sent.push((row.span, format!("`{name}` sends {} to {}", field.name, to.text)));
            }
        }
        // What Sales Navigator reads of a person is fixed: names, e-mail address and phone go along.
        let people =
            sync.arms.iter().any(|arm| arm.right.kind == SystemKind::Salesnav && arm.right.name == "lead");
        if people && side == Side::Right && sync.direction().goes_right() && wanted == "personal" {
            sent.push((sync.header, format!("`{name}` sends names and e-mail addresses to {}", to.text)));
        }
    }
    sent
}

/// Names of people, e-mail addresses and phone numbers.
fn is_personal(name: &str, ty: &FieldType) -> bool {
    let name = name.to_lowercase().replace('_', "");
    matches!(ty, FieldType::Email | FieldType::Phone)
        || ["firstname", "lastname", "email", "phone", "birth"].iter().any(|part| name.contains(part))
}

/// `deny plan when COUNT OPERATOR NUMBER`, which is all that a change set is asked.
fn plan_condition(rule: &PolicyRule, condition: &Expr) -> Option<Diagnostic> {
    let wrong = |at: Span| {
        let message = "a plan is denied by one of its counts".to_owned();
        Some(types::wrong_operand(at, message, "expected a comparison such as `deletes > 0`".to_owned()))
    };
    let ExprKind::Binary { op, left, right, .. } = &condition.kind else { return wrong(rule.span) };
    let compares = matches!(
        op,
        BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual
    );
    let (ExprKind::Path(path), ExprKind::Number(number), true) = (&left.kind, &right.kind, compares) else {
        return wrong(condition.span);
    };
    let name = path.text();
    if !COUNTS.contains(&name.as_str()) {
        let near = nearest(&name, COUNTS);
        return Some(text::unknown_word(path.span, "count", &name, near, &COUNTS));
    }
    if number.percent || number.value.fract() != rust_decimal::Decimal::ZERO {
        return wrong(number.span);
    }
    None
}
