//! What is remembered of Sales Navigator: the connection, which record is whom, what became of each activity.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::Value as Json;

use super::{StateResult, Store};
use crate::value::Millis;

/// Whom LinkedIn (or a person) takes a record of the CRM for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    pub crm: String,
    pub object: String,
    pub record: String,
    /// `matched`, `ambiguous`, `low-confidence`, `unmatched`, `person-account`.
    pub status: String,
    /// The CRM match badge: urn, and `auto` or `fixed`.
    pub badge: String,
    pub badge_source: String,
    /// The match of the embedded profile: urn, and `auto` or `manual`.
    pub display: String,
    pub display_source: String,
    pub score: u32,
    /// Candidates of an ambiguous match, joined by blanks.
    pub candidates: String,
    pub at: Millis,
}

impl Match {
    /// Who the record is for writing: a person's word first, then the badge; never a guess.
    pub fn who(&self) -> Option<&str> {
        let manual = self.display_source == "manual" && !self.display.is_empty();
        let urn = if manual { &self.display } else { &self.badge };
        (!urn.is_empty()).then_some(urn.as_str())
    }
}

/// An activity and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NavActivity {
    pub id: String,
    pub kind: String,
    pub seat: i64,
    pub about: String,
    pub origin: String,
    pub at: Millis,
    pub copied: bool,
    /// `new`, `written`, `skipped`, `held`.
    pub state: String,
    /// Why it is skipped or held.
    pub reason: String,
    pub detail: String,
    /// Where it was written: object and record id.
    pub object: String,
    pub record: String,
    /// What it hangs on: object and record id; empty = nothing yet.
    pub on_object: String,
    pub on_record: String,
}

/// How many activities of a writeback are in which state, and why.
pub type Tally = BTreeMap<(String, String), u64>;

impl Store {
    /// The connection of a Sales Navigator system as a document of the engine's own.
    pub fn nav_connection(&self, system: &str) -> StateResult<Option<Json>> {
        let mut query = self.db.prepare_cached("SELECT doc FROM nav_connection WHERE system = ?1")?;
        let text: Option<String> = query.query_row([system], |row| row.get(0)).optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    pub fn put_nav_connection(&self, system: &str, doc: &Json) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT OR REPLACE INTO nav_connection VALUES (?1, ?2)")?;
            insert.execute(params![system, doc.to_string()])?;
            Ok(())
        })
    }

    /// Notes a decision of a person.
    pub fn nav_audit(&self, at: Millis, what: &str, detail: &Json) -> StateResult<()> {
        self.writing(|store| {
            let mut insert =
                store.db.prepare_cached("INSERT INTO nav_audit (at, what, detail) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![at.0, what, detail.to_string()])?;
            Ok(())
        })
    }

    pub fn nav_audits(&self) -> StateResult<Vec<(Millis, String, Json)>> {
        let mut query = self.db.prepare_cached("SELECT at, what, detail FROM nav_audit ORDER BY seq")?;
        let mut rows = query.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let detail: String = row.get(2)?;
            all.push((Millis(row.get(0)?), row.get(1)?, serde_json::from_str(&detail)?));
        }
        Ok(all)
    }

    pub fn put_match(&self, found: &Match) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT OR REPLACE INTO nav_match VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            insert.execute(params![
                found.crm,
                found.object,
                found.record,
                found.status,
                found.badge,
                found.badge_source,
                found.display,
                found.display_source,
                found.score,
                found.candidates,
                found.at.0,
                found.who().unwrap_or("")
            ])?;
            Ok(())
        })
    }

    fn matches_where(&self, condition: &str, values: impl rusqlite::Params) -> StateResult<Vec<Match>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT crm, object, record, status, badge, badge_source, display, display_source, score, candidates, at \
             FROM nav_match WHERE {condition} ORDER BY crm, object, record"
        ))?;
        let rows = query.query_map(values, |row| {
            Ok(Match {
                crm: row.get(0)?,
                object: row.get(1)?,
                record: row.get(2)?,
                status: row.get(3)?,
                badge: row.get(4)?,
                badge_source: row.get(5)?,
                display: row.get(6)?,
                display_source: row.get(7)?,
                score: row.get(8)?,
                candidates: row.get(9)?,
                at: Millis(row.get(10)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn match_of(&self, crm: &str, object: &str, record: &str) -> StateResult<Option<Match>> {
        let found = self.matches_where("crm = ?1 AND object = ?2 AND record = ?3", [crm, object, record])?;
        Ok(found.into_iter().next())
    }

    /// Records of a CRM that are taken for this member or company.
    pub fn matches_with(&self, crm: &str, urn: &str) -> StateResult<Vec<Match>> {
        self.matches_where("crm = ?1 AND who = ?2", [crm, urn])
    }

    pub fn matches(&self, crm: &str) -> StateResult<Vec<Match>> {
        self.matches_where("crm = ?1", [crm])
    }

    pub fn forget_match(&self, crm: &str, object: &str, record: &str) -> StateResult<()> {
        self.writing(|store| {
            let mut delete = store
                .db
                .prepare_cached("DELETE FROM nav_match WHERE crm = ?1 AND object = ?2 AND record = ?3")?;
            delete.execute([crm, object, record])?;
            Ok(())
        })
    }

    /// Keeps what the feed told of an activity; where it was written stands.
    pub fn observe_activity(&self, writeback: &str, one: &NavActivity) -> StateResult<()> {
        self.writing(|store| {
            let mut insert = store.db.prepare_cached(
                "INSERT INTO nav_activity (writeback, id, kind, seat, about, origin, at, copied, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'new') \
                 ON CONFLICT (writeback, id) DO UPDATE SET kind = ?3, seat = ?4, about = ?5, \
                 origin = ?6, at = ?7, copied = ?8",
            )?;
            insert.execute(params![
                writeback, one.id, one.kind, one.seat, one.about, one.origin, one.at.0, one.copied
            ])?;
            Ok(())
        })
    }

    /// Moves an activity on.
    pub fn settle_activity(&self, writeback: &str, one: &NavActivity) -> StateResult<()> {
        self.writing(|store| {
            let mut update = store.db.prepare_cached(
                "UPDATE nav_activity SET state = ?3, reason = ?4, detail = ?5, object = ?6, record = ?7, \
                 on_object = ?8, on_record = ?9 WHERE writeback = ?1 AND id = ?2",
            )?;
            update.execute(params![
                writeback,
                one.id,
                one.state,
                one.reason,
                one.detail,
                one.object,
                one.record,
                one.on_object,
                one.on_record
            ])?;
            Ok(())
        })
    }

    fn activities_where(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> StateResult<Vec<NavActivity>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT id, kind, seat, about, origin, at, copied, state, reason, detail, object, record, on_object, \
             on_record FROM nav_activity WHERE {condition}"
        ))?;
        let rows = query.query_map(values, |row| {
            Ok(NavActivity {
                id: row.get(0)?,
                kind: row.get(1)?,
                seat: row.get(2)?,
                about: row.get(3)?,
                origin: row.get(4)?,
                at: Millis(row.get(5)?),
                copied: row.get(6)?,
                state: row.get(7)?,
                reason: row.get(8)?,
                detail: row.get(9)?,
                object: row.get(10)?,
                record: row.get(11)?,
                on_object: row.get(12)?,
                on_record: row.get(13)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Activities that may still be written, behind the id `after`, by id.
    pub fn unwritten(&self, writeback: &str, after: &str, limit: usize) -> StateResult<Vec<NavActivity>> {
        self.activities_where(
            "writeback = ?1 AND id > ?2 AND state <> 'written' ORDER BY id LIMIT ?3",
            params![writeback, after, i64::try_from(limit).unwrap_or(i64::MAX)],
        )
    }

    /// Activities that are written and hang on nothing.
    pub fn unresolved(&self, writeback: &str) -> StateResult<Vec<NavActivity>> {
        self.activities_where(
            "writeback = ?1 AND (state = 'written' AND on_record = '' OR state = 'held' AND reason LIKE 'unmatched%') \
             ORDER BY id",
            [writeback],
        )
    }

    pub fn activity(&self, writeback: &str, id: &str) -> StateResult<Option<NavActivity>> {
        Ok(self.activities_where("writeback = ?1 AND id = ?2", [writeback, id])?.into_iter().next())
    }

    pub fn activity_tally(&self, writeback: &str) -> StateResult<Tally> {
        let mut query = self.db.prepare_cached(
            "SELECT state, reason, count(*) FROM nav_activity WHERE writeback = ?1 GROUP BY state, reason",
        )?;
        let rows = query.query_map([writeback], |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)?.unsigned_abs()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets what was decided of activities that are not written, so that the next run decides again; gives the number.
    pub fn reset_activities(&self, writeback: &str) -> StateResult<usize> {
        self.writing(|store| {
            let sql = "UPDATE nav_activity SET state = 'new', reason = '', detail = '' \
                   WHERE writeback = ?1 AND state <> 'written'";
            Ok(store.db.execute(sql, [writeback])?)
        })
    }
}
