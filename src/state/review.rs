//! What people ask of the state, and the few things that they change in it by hand.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::{Finished, Link, LinkState, StateError, StateResult, Store};
use crate::value::Millis;

/// A record that waits in the inbox, put off or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub system: String,
    pub object: String,
    pub record: String,
    pub attempts: u32,
    /// Milliseconds since 1970; 0 = due.
    pub not_before: Millis,
    pub error: String,
}

/// Rows of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StateCounts {
    pub links: u64,
    pub inbox: u64,
    pub holds: u64,
    pub journal: u64,
    pub ledger: u64,
    pub runs: u64,
    /// Requests without a known outcome.
    pub open: u64,
}

/// Why a link is closed whose values were forgotten.
const FORGOTTEN_LINK: &str = "forgotten";

/// Why a link is closed of which a record left its filter, and why one lives again.
pub const LEFT_FILTER: &str = "left its filter";
pub const CAME_BACK: &str = "came back into its filter";

impl Link {
    /// Whether it ended because a record left its filter. It lives again when both records are back.
    pub fn has_left(&self) -> bool {
        self.state == LinkState::Unlinked && self.reason == LEFT_FILTER
    }

    /// Whether its values were forgotten on request: nothing of its records is kept any more.
    pub fn is_forgotten(&self) -> bool {
        self.state == LinkState::Unlinked && self.reason == FORGOTTEN_LINK
    }
}

impl Store {
    /// Everything in the inbox.
    pub fn inbox(&self) -> StateResult<Vec<Waiting>> {
        let mut query = self.db.prepare_cached(
            "SELECT system, object, id, attempts, not_before, error FROM inbox ORDER BY system, object, id",
        )?;
        let rows = query.query_map([], |row| {
            Ok(Waiting {
                system: row.get(0)?,
                object: row.get(1)?,
                record: row.get(2)?,
                attempts: row.get(3)?,
                not_before: Millis(row.get(4)?),
                error: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Links that name this record id on either side, of every sync.
    pub fn links_with(&self, id: &str) -> StateResult<Vec<Link>> {
        self.links_where("left_id = ?1 OR right_id = ?1 ORDER BY sync, id", [id])
    }

    pub fn set_link_state(&self, id: i64, state: LinkState, reason: &str, at: Millis) -> StateResult<()> {
        self.writing(|store| {
            let mut update = store
                .db
                .prepare_cached("UPDATE link SET state = ?2, reason = ?3, verified = ?4 WHERE id = ?1")?;
            update.execute(params![id, state.word(), reason, at.0])?;
            Ok(())
        })
    }

    /// When an operation's outcome was recorded; `None` while it is not known.
    pub fn outcome_at(&self, op: &str) -> StateResult<Option<Millis>> {
        let mut query = self.db.prepare_cached("SELECT at FROM outcome WHERE op = ?1")?;
        Ok(query.query_row([op], |row| row.get(0)).optional()?.map(Millis))
    }

    pub fn counts(&self) -> StateResult<StateCounts> {
        let of = |table: &str| -> StateResult<u64> {
            let sql = format!("SELECT count(*) FROM {table}");
            Ok(self.db.query_row(&sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
        };
        Ok(StateCounts {
            links: of("link")?,
            inbox: of("inbox")?,
            holds: of("hold")?,
            journal: of("intent")?,
            ledger: of("ledger")?,
            runs: of("run")?,
            open: self.open_intents()?.len() as u64,
        })
    }

    /// What SQLite finds wrong with the file; nothing when it is sound.
    pub fn faults(&self) -> StateResult<Vec<String>> {
        let mut query = self.db.prepare("PRAGMA quick_check(20)")?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        let found: Vec<String> = rows.collect::<Result<_, _>>()?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Takes every value of a record out of the state; ids, times and hashes stay, and the journal's chain still
    /// holds. Gives the number of journal entries.
    ///
    /// # Errors
    /// A request about the record is still open: what it did has to be known first.
    pub fn forget(&self, system: &str, object: &str, record: &str) -> StateResult<u64> {
        self.writing(|store| {
            let entries = store.intents_on(system, object, record)?;
            let open: Vec<&Finished> = entries.iter().filter(|entry| entry.result.is_empty()).collect();
            if !open.is_empty() {
                return Err(StateError::Other(format!(
                    "{system}.{object} {record} has a request whose outcome is not known yet; \
                     `twinmap run` finds out"
                )));
            }
            for entry in &entries {
                let hash = super::journal::payload_hash(&entry.intent.payload.to_string());
                let payload = serde_json::json!({ super::journal::FORGOTTEN: hash }).to_string();
                store
                    .db
                    .execute("UPDATE intent SET payload = ?2 WHERE op = ?1", [&entry.intent.op, &payload])?;
                store.db.execute("UPDATE outcome SET detail = '' WHERE op = ?1", [&entry.intent.op])?;
            }
            let place = [system, object, record];
            let gone = "\"(forgotten)\"";
            store.db.execute(
                "UPDATE ledger SET lost = ?4, won = ?4 WHERE system = ?1 AND object = ?2 AND record = ?3",
                [system, object, record, gone],
            )?;
            store.db.execute("DELETE FROM hold WHERE system = ?1 AND object = ?2 AND record = ?3", place)?;
            store.db.execute("DELETE FROM inbox WHERE system = ?1 AND object = ?2 AND id = ?3", place)?;
            store
                .db
                .execute("DELETE FROM waiting WHERE system = ?1 AND object = ?2 AND record = ?3", place)?;
            Ok(entries.len() as u64)
        })
    }

    /// Takes the match keys of a record and the agreed values of a link out of the state.
    pub fn forget_link(&self, link: &Link, at: Millis) -> StateResult<()> {
        self.writing(|store| {
            let keys = "DELETE FROM match_key WHERE sync = ?1 AND place = ?2 AND id = ?3";
            store.db.execute(keys, [link.sync.as_str(), super::links::LEFT, &link.left])?;
            store.db.execute(keys, [&link.sync, &link.arm, &link.right])?;
            store.db.execute("UPDATE link SET bases = '{}' WHERE id = ?1", [link.id])?;
            store.set_link_state(link.id, LinkState::Unlinked, FORGOTTEN_LINK, at)
        })
    }

    /// Writes over what deleted rows left in the file.
    pub fn scrub(&self) -> StateResult<()> {
        self.db.execute_batch("PRAGMA secure_delete = ON; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(())
    }
}
