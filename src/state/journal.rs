//! The write-ahead journal, the ledger, holds and runs.

use std::path::Path;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::Value as Json;

use super::{COUNTED, StateResult, Store, lock};
use crate::value::Millis;

/// What is about to be asked of a CRM; committed before the call.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub op: String,
    pub run: String,
    pub sync: String,
    pub system: String,
    pub object: String,
    /// Empty for a create.
    pub record: String,
    /// What settling, explaining and undoing need; the engine's own shape.
    pub payload: Json,
    pub issued: Millis,
    /// Until then the call may still land.
    pub until: Millis,
}

/// An intent without an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    pub intent: Intent,
}

/// An intent with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    pub intent: Intent,
    /// `ok`, `failed`, `stale`, `unknown`, ...
    pub result: String,
    pub record: String,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    #[serde(skip)]
    pub run: String,
    #[serde(skip)]
    pub sync: String,
    pub system: String,
    pub object: String,
    pub record: String,
    pub field: String,
    pub lost: Json,
    pub won: Json,
    pub rule: String,
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    pub sync: String,
    pub system: String,
    pub object: String,
    pub record: String,
    /// Empty = the whole record.
    pub field: String,
    pub reason: String,
    pub detail: String,
    pub since: Millis,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: String,
    pub kind: String,
    pub plan: String,
    pub started: Millis,
    pub ended: Option<Millis>,
    pub outcome: String,
    pub report: Json,
}

impl Store {
    /// Appends intents, chained to the journal's tail. Call inside [`Store::atomically`].
    pub fn add_intents(&self, intents: &[Intent]) -> StateResult<()> {
        self.writing(|store| {
            let tail = "SELECT chain FROM intent ORDER BY seq DESC LIMIT 1";
            let mut chain: String =
                store.db.query_row(tail, [], |row| row.get(0)).optional()?.unwrap_or_default();
            let mut insert = store.db.prepare_cached(
                "INSERT INTO intent (op, run, sync, system, object, record, payload, issued, until, chain) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            for intent in intents {
                let payload = intent.payload.to_string();
                chain = link_of_chain(&chain, intent, &payload);
                insert.execute(params![
                    intent.op,
                    intent.run,
                    intent.sync,
                    intent.system,
                    intent.object,
                    intent.record,
                    payload,
                    intent.issued.0,
                    intent.until.0,
                    chain
                ])?;
            }
            Ok(())
        })
    }

    pub fn set_outcome(
        &self,
        op: &str,
        result: &str,
        record: &str,
        detail: &str,
        at: Millis,
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT OR REPLACE INTO outcome VALUES (?1, ?2, ?3, ?4, ?5)")?;
            insert.execute(params![op, result, record, detail, at.0])?;
            Ok(())
        })
    }

    /// Intents whose outcome is not known, oldest first.
    pub fn open_intents(&self) -> StateResult<Vec<OpenIntent>> {
        let condition = match self.meta(COUNTED)? {
            Some(_) => "i.op IN (SELECT op FROM open_op)",
            // Written by an older version and only read here.
            None => "o.op IS NULL",
        };
        let all = self.intents_where(condition, [])?;
        Ok(all.into_iter().map(|finished| OpenIntent { intent: finished.intent }).collect())
    }

    /// What a run did, in order.
    pub fn intents_of(&self, run: &str) -> StateResult<Vec<Finished>> {
        self.intents_where("i.run = ?1", [run])
    }

    /// What was ever asked of one record, in order.
    pub fn intents_on(&self, system: &str, object: &str, record: &str) -> StateResult<Vec<Finished>> {
        self.intents_where(
            "i.system = ?1 AND i.object = ?2 AND coalesce(nullif(o.record, ''), i.record) = ?3",
            [system, object, record],
        )
    }

    fn intents_where(&self, condition: &str, values: impl rusqlite::Params) -> StateResult<Vec<Finished>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT i.op, i.run, i.sync, i.system, i.object, i.record, i.payload, i.issued, i.until, \
             coalesce(o.result, ''), coalesce(o.record, ''), coalesce(o.detail, '') \
             FROM intent i LEFT JOIN outcome o ON o.op = i.op WHERE {condition} ORDER BY +i.seq"
        ))?;
        let mut rows = query.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let payload: String = row.get(6)?;
            all.push(Finished {
                intent: Intent {
                    op: row.get(0)?,
                    run: row.get(1)?,
                    sync: row.get(2)?,
                    system: row.get(3)?,
                    object: row.get(4)?,
                    record: row.get(5)?,
                    payload: serde_json::from_str(&payload)?,
                    issued: Millis(row.get(7)?),
                    until: Millis(row.get(8)?),
                },
                result: row.get(9)?,
                record: row.get(10)?,
                detail: row.get(11)?,
            });
        }
        Ok(all)
    }

    /// The first journal row whose chain does not fit, if any.
    pub fn broken_chain(&self) -> StateResult<Option<String>> {
        let mut query = self.db.prepare("SELECT op, chain FROM intent ORDER BY seq")?;
        let chains: Vec<(String, String)> =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let intents = self.intents_where("1 = 1", [])?;
        let mut before = String::new();
        for ((op, chain), finished) in chains.into_iter().zip(intents) {
            before = link_of_chain(&before, &finished.intent, &finished.intent.payload.to_string());
            if before != chain {
                return Ok(Some(op));
            }
        }
        Ok(None)
    }

    pub fn add_ledger(&self, row: &LedgerRow, at: Millis) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO ledger (run, sync, system, object, record, field, lost, won, rule, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            insert.execute(params![
                row.run,
                row.sync,
                row.system,
                row.object,
                row.record,
                row.field,
                row.lost.to_string(),
                row.won.to_string(),
                row.rule,
                at.0
            ])?;
            Ok(())
        })
    }

    pub fn ledger_of(&self, run: &str) -> StateResult<Vec<LedgerRow>> {
        let mut query = self.db.prepare_cached(
            "SELECT run, sync, system, object, record, field, lost, won, rule, at FROM ledger WHERE run = ?1 ORDER BY id",
        )?;
        let mut rows = query.query([run])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let (lost, won): (String, String) = (row.get(6)?, row.get(7)?);
            all.push(LedgerRow {
                run: row.get(0)?,
                sync: row.get(1)?,
                system: row.get(2)?,
                object: row.get(3)?,
                record: row.get(4)?,
                field: row.get(5)?,
                lost: serde_json::from_str(&lost)?,
                won: serde_json::from_str(&won)?,
                rule: row.get(8)?,
                at: Millis(row.get(9)?).to_string(),
            });
        }
        Ok(all)
    }

    /// Replaces what is held of a record.
    pub fn set_holds(
        &self,
        sync: &str,
        system: &str,
        object: &str,
        record: &str,
        holds: &[Hold],
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut delete = store.db.prepare_cached(
                "DELETE FROM hold WHERE sync = ?1 AND system = ?2 AND object = ?3 AND record = ?4",
            )?;
            delete.execute([sync, system, object, record])?;
            for hold in holds {
                store.add_hold(hold)?;
            }
            Ok(())
        })
    }

    /// Adds to what is held of a record.
    pub fn add_hold(&self, hold: &Hold) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store
                .db
                .prepare_cached("INSERT OR REPLACE INTO hold VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
            insert.execute(params![
                hold.sync,
                hold.system,
                hold.object,
                hold.record,
                hold.field,
                hold.reason,
                hold.detail,
                hold.since.0
            ])?;
            Ok(())
        })
    }

    pub fn holds(&self) -> StateResult<Vec<Hold>> {
        let mut query = self.db.prepare_cached(
            "SELECT sync, system, object, record, field, reason, detail, since FROM hold \
             ORDER BY sync, system, object, record, field",
        )?;
        let rows = query.query_map([], |row| {
            Ok(Hold {
                sync: row.get(0)?,
                system: row.get(1)?,
                object: row.get(2)?,
                record: row.get(3)?,
                field: row.get(4)?,
                reason: row.get(5)?,
                detail: row.get(6)?,
                since: Millis(row.get(7)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn put_run(&self, run: &RunRow) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT OR REPLACE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            insert.execute(params![
                run.id,
                run.kind,
                run.plan,
                run.started.0,
                run.ended.map(|at| at.0),
                run.outcome,
                run.report.to_string()
            ])?;
            Ok(())
        })
    }

    /// Newest first. A run without an end is `running` while a process holds the state, or was cut off; the next one
    /// settles what it left.
    pub fn runs(&self, limit: u32) -> StateResult<Vec<RunRow>> {
        let mut all = self.runs_where("ORDER BY started DESC, id DESC LIMIT ?1", [limit])?;
        for (age, run) in all.iter_mut().enumerate().filter(|(_, run)| run.ended.is_none()) {
            let at_work = age == 0 && self.is_held();
            run.outcome = if at_work { "running" } else { "interrupted" }.to_owned();
        }
        Ok(all)
    }

    /// As [`Store::runs`] shows it.
    pub fn run(&self, id: &str) -> StateResult<Option<RunRow>> {
        let newest = self.runs(1)?.pop().filter(|newest| newest.id == id);
        if newest.is_some() {
            return Ok(newest);
        }
        let mut found = self.runs_where("WHERE id = ?1", [id])?.pop();
        if let Some(run) = found.as_mut().filter(|run| run.ended.is_none()) {
            run.outcome = "interrupted".to_owned();
        }
        Ok(found)
    }

    fn runs_where(&self, rest: &str, values: impl rusqlite::Params) -> StateResult<Vec<RunRow>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT id, kind, plan, started, ended, outcome, report FROM run {rest}"
        ))?;
        let mut rows = query.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let report: String = row.get(6)?;
            all.push(RunRow {
                id: row.get(0)?,
                kind: row.get(1)?,
                plan: row.get(2)?,
                started: Millis(row.get(3)?),
                ended: row.get::<_, Option<i64>>(4)?.map(Millis),
                outcome: row.get(5)?,
                report: serde_json::from_str(&report)?,
            });
        }
        Ok(all)
    }

    fn is_held(&self) -> bool {
        self.db.path().is_some_and(|path| lock::is_held(&Path::new(path).with_extension("lock")))
    }
}

/// A payload whose values were forgotten carries the hash of what it was under this name.
pub(super) const FORGOTTEN: &str = "forgotten";

/// The chain covers a payload by its hash, so that values can be forgotten without breaking it.
pub(super) fn payload_hash(payload: &str) -> String {
    let known: Option<Json> = serde_json::from_str(payload).ok();
    let forgotten = known.as_ref().and_then(|json| json.as_object()).filter(|object| object.len() == 1);
    match forgotten.and_then(|object| object.get(FORGOTTEN)).and_then(Json::as_str) {
        Some(hash) => hash.to_owned(),
        None => blake3::hash(payload.as_bytes()).to_hex().to_string(),
    }
}

fn link_of_chain(before: &str, intent: &Intent, payload: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let issued = intent.issued.0.to_string();
    let payload = payload_hash(payload);
    for part in
        [before, &intent.op, &intent.run, &intent.system, &intent.object, &intent.record, &payload, &issued]
    {
        // Length-prefixed, so that no two rows can run together into the same bytes.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(op: &str) -> Intent {
        Intent {
            op: op.into(),
            run: "r1".into(),
            sync: "accounts".into(),
            system: "salesforce".into(),
            object: "Account".into(),
            record: "001".into(),
            payload: serde_json::json!({ "fields": [["Name", "A"]] }),
            issued: Millis(1),
            until: Millis(2),
        }
    }

    #[test]
    fn an_intent_is_open_until_its_outcome_and_the_chain_shows_tampering() {
        let store = Store::in_memory().unwrap();
        store.atomically(|s| s.add_intents(&[intent("a"), intent("b")])).unwrap();
        assert_eq!(store.open_intents().unwrap().len(), 2);
        store.set_outcome("a", "ok", "001", "", Millis(3)).unwrap();
        assert_eq!(store.open_intents().unwrap()[0].intent.op, "b");
        assert_eq!(store.intents_on("salesforce", "Account", "001").unwrap().len(), 2);
        assert_eq!(store.broken_chain().unwrap(), None);
        store.forget("salesforce", "Account", "001").unwrap_err();
        store.set_outcome("b", "ok", "001", "", Millis(4)).unwrap();
        assert_eq!(store.forget("salesforce", "Account", "001").unwrap(), 2);
        assert_eq!(store.broken_chain().unwrap(), None);
        assert!(!format!("{:?}", store.intents_of("r1").unwrap()).contains("Name"));
        store.db.execute("UPDATE intent SET payload = '{}' WHERE op = 'a'", []).unwrap();
        assert_eq!(store.broken_chain().unwrap(), Some("a".into()));
    }

    #[test]
    fn nothing_is_written_by_whom_the_state_was_taken_from() {
        let first = Store::in_shared_memory("taken").unwrap();
        first.set_meta("x", "1").unwrap();
        let second = Store::in_shared_memory("taken").unwrap();
        let refused = |result: StateResult<()>| {
            assert!(matches!(result, Err(crate::state::StateError::Locked(_))), "{result:?}");
        };
        refused(first.set_meta("x", "2"));
        refused(first.set_outcome("a", "ok", "001", "", Millis(3)));
        refused(first.observe("hubspot", "company", &["1".into()], Millis(1)));
        refused(first.set_watermark("hubspot", "company", Millis(1)));
        refused(first.mark_verified(1, Millis(1)));
        refused(first.put_keys("companies", "left", "1", &[]));
        refused(first.open_batch());
        assert_eq!(second.meta("x").unwrap().as_deref(), Some("1"));
        second.set_meta("x", "3").unwrap();
    }

    #[test]
    fn a_batch_is_kept_at_its_end_and_a_failed_step_leaves_the_others() {
        let store = Store::in_shared_memory("batch").unwrap();
        let other = rusqlite::Connection::open("file:batch?mode=memory&cache=shared").unwrap();
        other.pragma_update(None, "read_uncommitted", "OFF").unwrap();
        store.open_batch().unwrap();
        store.open_batch().unwrap();
        store.set_meta("x", "1").unwrap();
        let failed: StateResult<()> = store.atomically(|s| {
            s.set_meta("x", "2")?;
            Err(crate::state::StateError::Full)
        });
        assert!(failed.is_err());
        store.atomically(|s| s.set_meta("y", "1")).unwrap();
        let seen = |key: &str| {
            let sql = "SELECT value FROM meta WHERE key = ?1";
            other.query_row(sql, [key], |row| row.get::<_, String>(0)).ok()
        };
        assert_eq!(seen("x"), None);
        store.close_batch().unwrap();
        store.close_batch().unwrap();
        assert_eq!((seen("x").as_deref(), seen("y").as_deref()), (Some("1"), Some("1")));
    }

    #[test]
    fn a_failed_transaction_leaves_nothing() {
        let store = Store::in_memory().unwrap();
        let failed: StateResult<()> = store.atomically(|s| {
            s.set_meta("x", "1")?;
            Err(crate::state::StateError::Full)
        });
        assert!(failed.is_err());
        assert_eq!(store.meta("x").unwrap(), None);
    }
}
