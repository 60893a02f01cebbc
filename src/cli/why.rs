//! `twinmap why`: what decides about one record, from its links to what the next run would do. Reads the CRMs.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::operate::{Tier, engage, state_failed};
use super::output::{Format, print};
use super::target::Target;
use super::{App, load};
use crate::engine::why::{Why, WhySync, why};
use crate::merge::change::Action;
use crate::record::Side;
use crate::report::clean;
use crate::state::Store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twinmap why hubspot:512\n  twinmap why salesforce.Account:0015g00000XyZAAA --format json\n\n\
    Its link, each clause of the filter with the values behind it, each row with both values and what either side would\n\
    send, what a run would do now, what is held and why, the last outcome and the next attempt. Nothing is written."
)]
pub struct Args {
    /// SYSTEM:ID or SYSTEM.OBJECT:ID
    record: String,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

pub fn run(app: &App, args: &Args) -> CliResult {
    let project = app.project()?;
    let plan = match load::plan(app, &project)? {
        Ok((plan, _)) => plan,
        Err(exit) => return Ok(exit),
    };
    let target = Target::parse(&plan, &args.record)?;
    let path = project.state_file()?;
    let failed = |error| state_failed(&error, &path);
    let store = Store::open_reading(&path).map_err(failed)?;
    let objects = target.candidates(&plan, store.as_ref()).map_err(failed)?;
    drop(store);
    let mut found =
        engage(app, &project, &plan, Tier::Read, async |deps| why(deps, &objects, &target.id).await)?;
    match (found.pop(), found.len()) {
        (Some(one), 0) => {
            print(app, args.format, &one, text);
            Ok(Exit::Ok)
        }
        (Some(_), _) => Err(super::target::several(&plan, &args.record, &objects)),
        (None, _) => Err(CliError::Remote {
            message: format!("no CRM shows us a record `{}`", args.record),
            help: Some(
                "check the id, and what the integration user may see; a deleted record is not shown".into(),
            ),
        }),
    }
}

fn show(json: &Json) -> String {
    match json {
        Json::Null => "(blank)".to_owned(),
        Json::String(text) => format!("\"{}\"", clean(text, 40)),
        other => clean(&other.to_string(), 40),
    }
}

fn text(why: &Why) -> String {
    let mut out = format!("{}.{} {} ({})\n", why.system, why.object, why.record, why.life);
    if why.syncs.is_empty() {
        out.push_str("no sync takes this object\n");
    }
    for sync in &why.syncs {
        one_sync(&mut out, sync);
    }
    if !why.sides.is_empty() {
        let sides: Vec<String> =
            why.sides.iter().map(|side| format!("{}.{} {}", side.system, side.object, side.record)).collect();
        let _ = writeln!(out, "the same thing: {}", sides.join(", "));
    }
    out.push_str("a run would now:\n");
    for change in &why.changes {
        let verb = match change.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "archive",
            Action::Associate => "associate",
            Action::Dissociate => "dissociate",
        };
        let record = change.record.as_deref().unwrap_or("(new)");
        let _ = writeln!(out, "  {verb} {}.{} {record}", change.system, change.object);
        for field in &change.fields {
            let _ = writeln!(
                out,
                "      {:<20} {} -> {}  ({})",
                field.name,
                show(&field.before),
                show(&field.after),
                field.rule
            );
        }
    }
    for skip in &why.skips {
        let _ = writeln!(
            out,
            "  leave {}.{} {} alone: {} ({})",
            skip.system,
            skip.object,
            skip.record,
            skip.reason,
            clean(&skip.detail, 160)
        );
    }
    if why.changes.is_empty() && why.skips.is_empty() {
        out.push_str("  do nothing: both sides agree, or there is nothing to do\n");
    }
    for hold in &why.holds {
        let _ = writeln!(out, "held: {} {} ({})", hold.field, hold.reason, clean(&hold.detail, 160));
    }
    if let Some(last) = &why.last {
        let _ = writeln!(
            out,
            "last written: {} in run {}, {} {}",
            last.at,
            last.run,
            last.result,
            clean(&last.detail, 160)
        );
    }
    match &why.next {
        Some(next) if next.attempts > 0 => {
            let _ = writeln!(out, "next attempt: {} ({})", next.not_before, clean(&next.error, 160));
        }
        Some(_) => out.push_str("next attempt: the next run\n"),
        None => out.push_str("next attempt: when it changes\n"),
    }
    out
}

fn one_sync(out: &mut String, sync: &WhySync) {
    let side = if sync.side == Side::Left { "left" } else { "right" };
    let _ = writeln!(out, "sync {} ({side} side, to {})", sync.sync, sync.counterpart_object);
    match &sync.link {
        Some(link) => {
            let _ = writeln!(out, "  linked to {} [{}] {}", link.counterpart, link.state, link.reason);
        }
        None => {
            let _ = writeln!(out, "  not linked; a counterpart may be made: {}", sync.create);
        }
    }
    for clause in &sync.filter {
        let values: Vec<String> =
            clause.values.iter().map(|(name, value)| format!("{name} = {}", show(value))).collect();
        let _ = writeln!(
            out,
            "  filter {:<7} {}  [{}] {}",
            clause.verdict,
            clean(&clause.clause, 80),
            values.join(", "),
            clean(&clause.detail, 80)
        );
    }
    if sync.link.is_none() {
        for rule in &sync.creation {
            let holds = if rule.holds { "holds" } else { "does not hold" };
            let _ = writeln!(out, "  {} {holds}: {}", rule.kind, clean(&rule.rule, 120));
        }
        return;
    }
    for row in &sync.rows {
        let _ = writeln!(out, "  {}  ({})", clean(&row.row, 70), row.at);
        let base = row
            .base
            .as_ref()
            .map_or("-".to_owned(), |[left, right]| format!("{} / {}", show(left), show(right)));
        let _ = writeln!(out, "      now {} / {}, agreed {base}", show(&row.left), show(&row.right));
        for (name, sent) in [("right", &row.to_right), ("left", &row.to_left)] {
            let held = sent.as_ref().and_then(Json::as_object).and_then(|sent| sent.iter().next());
            if let Some((kind, why)) = held.filter(|(kind, _)| *kind != "value") {
                let _ = writeln!(out, "      to the {name}: {} {}", kind.replace('_', " "), show(why));
            }
        }
    }
}
