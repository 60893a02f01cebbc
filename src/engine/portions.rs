//! A backfill of very many pairs, portion by portion: each is a run of its own, and how far it is is remembered, so that
//! one that is stopped goes on behind the last portion that was done.
//!
//! The guards hold for each portion: shares are shares of its pairs.

use super::error::{EngineError, EngineResult};
use super::report::{Counts, RunOutcome};
use super::session::{Deps, Only, Options};
use super::start::Imported;

/// Backfills every linked pair of the one sync of `options`, `portion` pairs a run.
///
/// # Errors
/// Those of a run; `tell` has heard before how far it came.
pub async fn backfill_all(
    deps: &Deps<'_>,
    options: &Options,
    portion: u64,
    tell: &mut dyn FnMut(&Imported),
) -> EngineResult<()> {
    let sync = options.syncs.first().and_then(|id| deps.plan.sync(*id));
    let name = sync.map(|sync| sync.name.clone());
    let name = name.ok_or_else(|| EngineError::Plan("a backfill needs a sync".to_owned()))?;
    let Only::Pairs { rows, within, .. } = &options.only else {
        return Err(EngineError::Plan("a backfill is about pairs".to_owned()));
    };
    // Another mapping, other rows or another condition is another backfill, from the beginning.
    let what = serde_json::json!([deps.plan.hash(), rows, within]).to_string();
    let what: String = blake3::hash(what.as_bytes()).to_hex().chars().take(16).collect();
    let key = format!("backfill:{name}");
    let known = deps.store.meta(&key)?.unwrap_or_default();
    let mut after: i64 = match known.split_once(' ') {
        Some((of, after)) if of == what => after.parse().unwrap_or(0),
        _ => 0,
    };
    let mut done =
        Imported { synced: 0, remaining: 0, portions: 0, counts: Counts::default(), partial: false };
    done.remaining = deps.store.live_links_behind(&name, after)?;
    tell(&done);
    loop {
        let ids = deps.store.live_links_after(&name, after, portion)?;
        let Some(last) = ids.last().map(|link| link.id) else { break };
        let only =
            Only::Pairs { rows: rows.clone(), within: within.clone(), portion: Some((after, portion)) };
        let report = super::run::run(deps, &Options { only, ..options.clone() }, "backfill", None).await?;
        done.counts.add(&report.counts);
        done.partial |= report.outcome != RunOutcome::Ok;
        after = last;
        deps.store.set_meta(&key, &format!("{what} {after}"))?;
        done.synced += ids.len() as u64;
        done.remaining = deps.store.live_links_behind(&name, after)?;
        done.portions += 1;
        tell(&done);
    }
    deps.store.set_meta(&key, "")?;
    Ok(())
}
