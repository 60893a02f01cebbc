//! Roll-ups and owner maps: values that reach a record by another way than a row.

use super::Ctx;
use super::fit::{Fit, fits};
use super::rows::path;
use super::types::described;
use crate::diag::errors::{rules, types, values};
use crate::resolve::hir::Sync;
use crate::schema::{FieldType, Owner, SystemKind};
use crate::syntax::ast::{Direction, Str};

/// `propagate`: the value fits the field that it is rolled up to, which can be written.
pub fn rolled_up_values_fit<'a>(ctx: &mut Ctx<'a, '_>, sync: &Sync<'a>) {
    for item in &sync.propagate {
        let (from, to) = (item.from, item.to);
        if !to.field.updateable && to.object.schema.updateable {
            let vendor = if to.object.kind == SystemKind::Hubspot { "HubSpot" } else { "Salesforce" };
            let object = format!("{}.{}", to.object.system, to.object.name);
            ctx.say(rules::read_only(to.span, from.span, &object, to.name, to.field.calculated, vendor));
            continue;
        }
        let (a, b) = (path(from), path(to));
        match fits(&from.field.ty, Some(from.field), to.field) {
            Fit::No(_) => {
                let (is, wanted) = (described(from), described(to));
                ctx.say(types::types_differ(to.span, (&a, &is), (&b, &wanted), from.span, None));
            }
            Fit::Zone => ctx.say(types::zone_missing(to.span, &a, &b)),
            Fit::Missing(missing) => {
                ctx.say(types::missing_identity(to.span, &a, &b, &missing, from.span));
            }
            Fit::Yes | Fit::Length(..) | Fit::Digits => {
                let ordered = !matches!(to.field.ty, FieldType::Option | FieldType::Unknown);
                if item.forward && ordered {
                    ctx.say(rules::no_order(to.span, &b, &described(to)));
                }
            }
        }
    }
}

/// The addresses of an owner map: none is a slip away from an owner that exists, and no arrow points at one who left.
///
/// An address that is like none is no finding: people who left are missing from the listing, and they are why such
/// a row is written.
pub fn owners_exist<'a>(ctx: &mut Ctx<'a, '_>) {
    let program = ctx.program;
    for map in &program.owners {
        for row in &map.rows {
            let ends = [(&map.left, &row.left, Direction::Left), (&map.right, &row.right, Direction::Right)];
            for (system, email, towards) in ends {
                let owners = ctx.schemas.systems.get(system).and_then(|known| known.owners.as_deref());
                if let Some(owners) = owners {
                    owner_exists(ctx, system, owners, email, row.arrow.direction == towards);
                }
            }
        }
    }
}

fn owner_exists(ctx: &mut Ctx<'_, '_>, system: &str, owners: &[Owner], email: &Str, written: bool) {
    let wanted = email.value.to_lowercase();
    match owners.iter().find(|owner| owner.email == wanted) {
        Some(owner) if !owner.active && written => {
            ctx.say(values::inactive_owner(email.span, system, &email.value));
        }
        Some(_) => {}
        None => {
            let slip = owners.iter().find(|owner| strsim::damerau_levenshtein(&owner.email, &wanted) <= 2);
            if let Some(owner) = slip.filter(|owner| same_but_for_a_slip(&owner.email, &wanted)) {
                ctx.say(values::misspelt_owner(email.span, system, &email.value, &owner.email));
            }
        }
    }
}

/// Numbered addresses (`owner1@`, `owner2@`) are different people, however near.
fn same_but_for_a_slip(known: &str, written: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(known) == digits(written)
}
