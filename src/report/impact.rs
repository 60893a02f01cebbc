//! What a change of the mapping does, for people.

use std::fmt::Write as _;

use super::{clean, count};
use crate::merge::impact::{Class, Effect, Impact};

/// Terminal text; the same lines serve a pull request.
pub fn text(impact: &Impact) -> String {
    let plan = impact.base_plan.get(..12).unwrap_or(&impact.base_plan);
    let mut out = format!("compared with {} (plan {plan})\n", clean(&impact.base, 100));
    if impact.effects.is_empty() {
        out.push_str("  the mapping means the same\n");
    }
    let mut sync = "";
    for effect in &impact.effects {
        if effect.difference.sync != sync {
            sync = &effect.difference.sync;
            let _ = writeln!(out, "sync {sync}");
        }
        one(&mut out, effect);
    }
    let (data, mapping) = (impact.from_data.len() as u64, impact.from_mapping.len() as u64);
    let _ = writeln!(
        out,
        "{} because the data changed, {} because the mapping did{}\n",
        count(data, "change"),
        mapping,
        if impact.dropped == 0 { String::new() } else { format!(", {} no longer made", impact.dropped) }
    );
    out
}

fn one(out: &mut String, effect: &Effect) {
    let difference = &effect.difference;
    let sign = match (&difference.before, &difference.after) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let _ = writeln!(out, "  {sign} {}", clean(&difference.name, 200));
    if let (Some(before), Some(after)) = (&difference.before, &difference.after)
        && (before != after || *before != difference.name)
    {
        let _ = writeln!(out, "      was {}", clean(before, 300));
        let _ = writeln!(out, "      is  {}", clean(after, 300));
    }
    let _ = writeln!(out, "      {}", verdict(effect));
}

fn verdict(effect: &Effect) -> String {
    let pairs = count(effect.pairs, "linked pair");
    let class = match effect.class {
        Class::NoEffect => "no effect on records that are there".to_owned(),
        Class::ForwardOnly => "forward only: later edits and new records".to_owned(),
        Class::Backfill => format!("needs a field backfill: {pairs} would be written, nothing is lost"),
        Class::Destructive if effect.leaving > 0 => {
            format!("destructive: {} would leave its scope", count(effect.leaving, "linked pair"))
        }
        Class::Destructive => {
            format!("destructive: {pairs} would be written, {} of them lose a value", effect.overwrites)
        }
    };
    let mut more = Vec::new();
    if effect.returning > 0 {
        more.push(format!("{} come back into scope", effect.returning));
    }
    if effect.creates > 0 {
        more.push(format!("{} made by the next run", count(effect.creates, "record")));
    }
    if more.is_empty() { class } else { format!("{class}; {}", more.join("; ")) }
}
