//! What has been seen and not dealt with yet: inbox, watermarks, associations that wait.

use rusqlite::params;

use super::{StateResult, Store};
use crate::value::Millis;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    pub id: String,
    pub attempts: u32,
    pub not_before: Millis,
    pub error: String,
}

/// Of the inbox at the time ?3. A clock that was set back leaves records put off in its future.
const DUE: &str = "(not_before <= ?3 OR put_off > ?3)";

impl Store {
    /// Adds observations; those already there keep their first time and become due again.
    pub fn observe(&self, system: &str, object: &str, ids: &[String], now: Millis) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO inbox (system, object, id, first_seen) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET not_before = 0",
            )?;
            for id in ids {
                insert.execute(params![system, object, id, now.0])?;
            }
            Ok(())
        })
    }

    /// Adds changes with the times of the change. A record that was put off becomes due by a later change only: a feed
    /// that is read with an overlap names the old one again.
    pub fn observe_changes(
        &self,
        system: &str,
        object: &str,
        changes: &[(String, Millis)],
        now: Millis,
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO inbox (system, object, id, first_seen) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET not_before = CASE WHEN ?5 > put_off THEN 0 ELSE not_before END",
            )?;
            for (id, at) in changes {
                insert.execute(params![system, object, id, now.0, at.0])?;
            }
            Ok(())
        })
    }

    /// Adds one observation; one that is there already, or put off, stays as it is.
    pub fn observe_once(&self, system: &str, object: &str, id: &str, now: Millis) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT OR IGNORE INTO inbox (system, object, id, first_seen) VALUES (?1, ?2, ?3, ?4)",
            )?;
            insert.execute(params![system, object, id, now.0])?;
            Ok(())
        })
    }

    /// What is due at `now`, by id.
    pub fn due(&self, system: &str, object: &str, now: Millis) -> StateResult<Vec<InboxEntry>> {
        self.inbox_where(system, object, DUE, now)
    }

    /// What is put off beyond `now`, by id.
    pub fn waiting(&self, system: &str, object: &str, now: Millis) -> StateResult<Vec<InboxEntry>> {
        self.inbox_where(system, object, "not_before > ?3 AND put_off <= ?3", now)
    }

    /// How much is due at `now`.
    pub fn due_count(&self, system: &str, object: &str, now: Millis) -> StateResult<u64> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT count(*) FROM inbox WHERE system = ?1 AND object = ?2 AND {DUE}"
        ))?;
        Ok(query.query_row(params![system, object, now.0], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// The first ids behind `after` that are due at `now`, at most `most`; what was put off since then is among them.
    pub fn due_after(
        &self,
        (system, object): (&str, &str),
        now: Millis,
        after: &str,
        most: u64,
    ) -> StateResult<Vec<String>> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM inbox WHERE system = ?1 AND object = ?2 AND id > ?4 \
             AND (not_before <= ?3 OR put_off >= ?3) ORDER BY id LIMIT ?5",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = query.query_map(params![system, object, now.0, after, most], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn inbox_where(
        &self,
        system: &str,
        object: &str,
        condition: &str,
        now: Millis,
    ) -> StateResult<Vec<InboxEntry>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT id, attempts, not_before, error FROM inbox WHERE system = ?1 AND object = ?2 AND {condition} \
             ORDER BY id",
        ))?;
        let rows = query.query_map(params![system, object, now.0], |row| {
            Ok(InboxEntry {
                id: row.get(0)?,
                attempts: row.get(1)?,
                not_before: Millis(row.get(2)?),
                error: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn inbox_size(&self) -> StateResult<u64> {
        Ok(self.db.query_row("SELECT count(*) FROM inbox", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    pub fn done(&self, system: &str, object: &str, id: &str) -> StateResult<()> {
        self.writing(|store| {
            let mut delete =
                store.db.prepare_cached("DELETE FROM inbox WHERE system = ?1 AND object = ?2 AND id = ?3")?;
            delete.execute([system, object, id])?;
            Ok(())
        })
    }

    /// Puts a record off: it stays in the inbox, and each time it waits four times as long, `first` milliseconds at
    /// first and three days at most.
    pub fn put_off(
        &self,
        system: &str,
        object: &str,
        id: &str,
        (now, first): (Millis, i64),
        error: &str,
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO inbox (system, object, id, first_seen, attempts, not_before, error, put_off) \
             VALUES (?1, ?2, ?3, ?4, 1, ?4 + ?6, ?5, ?4) \
             ON CONFLICT DO UPDATE SET attempts = attempts + 1, error = ?5, put_off = ?4, \
             not_before = ?4 + min(?6 << min(2 * attempts, 20), 259200000)",
            )?;
            insert.execute(params![system, object, id, now.0, error, first])?;
            Ok(())
        })
    }

    /// A record that nothing is wrong with waits until `not_before`, however often.
    pub fn look_again(
        &self,
        system: &str,
        object: &str,
        id: &str,
        (now, not_before): (Millis, Millis),
        why: &str,
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO inbox (system, object, id, first_seen, not_before, error, put_off) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4) \
             ON CONFLICT DO UPDATE SET not_before = ?5, error = ?6, put_off = ?4",
            )?;
            insert.execute(params![system, object, id, now.0, not_before.0, why])?;
            Ok(())
        })
    }

    /// A record that was there before the sync started, with the fingerprint of its mapped fields.
    pub fn put_older(&self, sync: &str, place: &str, id: &str, mark: &str) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT OR REPLACE INTO older VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute([sync, place, id, mark])?;
            Ok(())
        })
    }

    /// The fingerprint of a record that was there before the sync started.
    pub fn older_mark(&self, sync: &str, place: &str, id: &str) -> StateResult<Option<String>> {
        let mut query =
            self.db.prepare_cached("SELECT mark FROM older WHERE sync = ?1 AND place = ?2 AND id = ?3")?;
        let mut rows = query.query([sync, place, id])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    /// Records that were there before the sync started and don't take part yet, at most `limit`, by id.
    pub fn older(&self, sync: &str, place: &str, limit: u64) -> StateResult<Vec<String>> {
        let mut query = self
            .db
            .prepare_cached("SELECT id FROM older WHERE sync = ?1 AND place = ?2 ORDER BY id LIMIT ?3")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![sync, place, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn older_count(&self, sync: &str, place: &str) -> StateResult<u64> {
        let mut query =
            self.db.prepare_cached("SELECT count(*) FROM older WHERE sync = ?1 AND place = ?2")?;
        Ok(query.query_row([sync, place], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// The record takes part from now on, changed or not.
    pub fn forget_older(&self, sync: &str, place: &str, id: &str) -> StateResult<()> {
        self.writing(|store| {
            let mut delete =
                store.db.prepare_cached("DELETE FROM older WHERE sync = ?1 AND place = ?2 AND id = ?3")?;
            delete.execute([sync, place, id])?;
            Ok(())
        })
    }

    /// In the server's time.
    pub fn watermark(&self, system: &str, object: &str) -> StateResult<Option<Millis>> {
        let mut query =
            self.db.prepare_cached("SELECT at FROM watermark WHERE system = ?1 AND object = ?2")?;
        let mut rows = query.query([system, object])?;
        Ok(rows.next()?.map(|row| row.get(0).map(Millis)).transpose()?)
    }

    /// Never moves back.
    pub fn set_watermark(&self, system: &str, object: &str, at: Millis) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
            "INSERT INTO watermark VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        )?;
            insert.execute(params![system, object, at.0])?;
            Ok(())
        })
    }

    /// `record` waits for the counterpart of record `id` (at `place` of sync `through`).
    pub fn wait_for(
        &self,
        (through, place, id): (&str, &str, &str),
        (system, object, record): (&str, &str, &str),
    ) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT OR IGNORE INTO waiting VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            insert.execute([through, place, id, system, object, record])?;
            Ok(())
        })
    }

    /// The counterpart is there: whoever waited for it is due. Gives them as (system, object, id).
    pub fn wake(
        &self,
        through: &str,
        place: &str,
        id: &str,
        now: Millis,
    ) -> StateResult<Vec<(String, String, String)>> {
        self.writing(|store| {
            let mut query = store.db.prepare_cached(
                "DELETE FROM waiting WHERE through = ?1 AND place = ?2 AND id = ?3 \
                 RETURNING system, object, record",
            )?;
            let rows = query.query_map([through, place, id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?;
            let woken = rows.collect::<Result<Vec<_>, _>>()?;
            for (system, object, record) in &woken {
                store.observe(system, object, std::slice::from_ref(record), now)?;
            }
            Ok(woken)
        })
    }
}
