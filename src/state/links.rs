//! Links, their bases, and the index of match keys.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::{COUNTED, StateResult, Store};
use crate::value::{Millis, Value};

/// The last values that both sides agreed on, each in its own side's form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bases {
    /// Row id -> (left, right).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, (Value, Value)>,
    /// Association text -> ids at its left end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub associations: BTreeMap<String, BTreeSet<String>>,
    /// Row id -> the value that a person had taken back: it is not written again, another one is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undone: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Live,
    /// One side was deleted; never made again.
    Tombstone,
    MergedAway,
    Quarantined,
    Unlinked,
}

impl LinkState {
    pub fn word(self) -> &'static str {
        match self {
            LinkState::Live => "live",
            LinkState::Tombstone => "tombstone",
            LinkState::MergedAway => "merged_away",
            LinkState::Quarantined => "quarantined",
            LinkState::Unlinked => "unlinked",
        }
    }

    fn from_word(word: &str) -> LinkState {
        match word {
            "live" => LinkState::Live,
            "tombstone" => LinkState::Tombstone,
            "merged_away" => LinkState::MergedAway,
            "unlinked" => LinkState::Unlinked,
            _ => LinkState::Quarantined,
        }
    }
}

/// A pair known to be the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// 0 = not stored yet.
    pub id: i64,
    pub sync: String,
    pub left: String,
    /// Name of the right object.
    pub arm: String,
    pub right: String,
    pub state: LinkState,
    pub reason: String,
    /// Change stamps of the records when the bases were taken.
    pub left_stamp: Option<Millis>,
    pub right_stamp: Option<Millis>,
    pub bases: Bases,
    pub run: String,
    pub at: Millis,
}

const COLUMNS: &str =
    "id, sync, left_id, arm, right_id, state, reason, left_stamp, right_stamp, bases, run, at";

fn link(row: &Row<'_>) -> StateResult<Link> {
    let state: String = row.get(5)?;
    let bases: String = row.get(9)?;
    Ok(Link {
        id: row.get(0)?,
        sync: row.get(1)?,
        left: row.get(2)?,
        arm: row.get(3)?,
        right: row.get(4)?,
        state: LinkState::from_word(&state),
        reason: row.get(6)?,
        left_stamp: row.get::<_, Option<i64>>(7)?.map(Millis),
        right_stamp: row.get::<_, Option<i64>>(8)?.map(Millis),
        bases: serde_json::from_str(&bases)?,
        run: row.get(10)?,
        at: Millis(row.get(11)?),
    })
}

/// The place of a match key: `left`, or the name of a right object.
pub const LEFT: &str = "left";

impl Store {
    pub(super) fn links_where(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> StateResult<Vec<Link>> {
        let mut query = self.db.prepare_cached(&format!("SELECT {COLUMNS} FROM link WHERE {condition}"))?;
        let mut rows = query.query(values)?;
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            links.push(link(row)?);
        }
        Ok(links)
    }

    /// Links of any state.
    pub fn link_of_left(&self, sync: &str, left: &str) -> StateResult<Option<Link>> {
        Ok(self.links_where("sync = ?1 AND left_id = ?2", [sync, left])?.pop())
    }

    pub fn link_of_right(&self, sync: &str, arm: &str, right: &str) -> StateResult<Option<Link>> {
        Ok(self.links_where("sync = ?1 AND arm = ?2 AND right_id = ?3", [sync, arm, right])?.pop())
    }

    pub fn link(&self, id: i64) -> StateResult<Option<Link>> {
        Ok(self.links_where("id = ?1", [id])?.pop())
    }

    pub fn links(&self, sync: &str) -> StateResult<Vec<Link>> {
        self.links_where("sync = ?1 ORDER BY id", [sync])
    }

    /// Live links of a sync behind the one with this number, so many at most.
    pub fn live_links_after(&self, sync: &str, after: i64, most: u64) -> StateResult<Vec<Link>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let condition = "sync = ?1 AND state = 'live' AND id > ?2 ORDER BY id LIMIT ?3";
        self.links_where(condition, rusqlite::params![sync, after, most])
    }

    pub fn live_links_behind(&self, sync: &str, after: i64) -> StateResult<u64> {
        let sql = "SELECT count(*) FROM link WHERE sync = ?1 AND state = 'live' AND id > ?2";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row(rusqlite::params![sync, after], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// Number, both ids and state of every link of a sync, without holding them.
    pub fn each_link(&self, sync: &str, each: &mut dyn FnMut(i64, &str, &str, LinkState)) -> StateResult<()> {
        let mut query =
            self.db.prepare_cached("SELECT id, left_id, right_id, state FROM link WHERE sync = ?1")?;
        let mut rows = query.query([sync])?;
        while let Some(row) = rows.next()? {
            let text = |index: usize| row.get_ref(index)?.as_str().map_err(rusqlite::Error::from);
            each(row.get(0)?, text(1)?, text(2)?, LinkState::from_word(text(3)?));
        }
        Ok(())
    }

    pub fn live_links(&self, sync: &str) -> StateResult<u64> {
        let sql = match self.meta(COUNTED)? {
            Some(_) => "SELECT coalesce(max(live), 0) FROM link_count WHERE sync = ?1",
            // Written by an older version and only read here.
            None => "SELECT count(*) FROM link WHERE sync = ?1 AND state = 'live'",
        };
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row([sync], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// Inserts (id 0) or replaces a link; gives its id.
    pub fn put_link(&self, link: &Link) -> StateResult<i64> {
        self.writing(|store| {
            let bases = serde_json::to_string(&link.bases)?;
            let (left_stamp, right_stamp) = (link.left_stamp.map(|at| at.0), link.right_stamp.map(|at| at.0));
            if link.id == 0 {
                let mut insert = store.db.prepare_cached(
                    "INSERT INTO link (sync, left_id, arm, right_id, state, reason, left_stamp, right_stamp, \
                     bases, run, at, verified) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
                )?;
                insert.execute(params![
                    link.sync,
                    link.left,
                    link.arm,
                    link.right,
                    link.state.word(),
                    link.reason,
                    left_stamp,
                    right_stamp,
                    bases,
                    link.run,
                    link.at.0
                ])?;
                return Ok(store.db.last_insert_rowid());
            }
            let mut update = store.db.prepare_cached(
                "UPDATE link SET left_id = ?2, arm = ?3, right_id = ?4, state = ?5, reason = ?6, \
                 left_stamp = ?7, right_stamp = ?8, bases = ?9, verified = ?10 WHERE id = ?1",
            )?;
            update.execute(params![
                link.id,
                link.left,
                link.arm,
                link.right,
                link.state.word(),
                link.reason,
                left_stamp,
                right_stamp,
                bases,
                link.at.0
            ])?;
            Ok(link.id)
        })
    }

    /// Removes a link from the index of pairs, so that another may take its place; the journal keeps its story.
    pub fn drop_link(&self, id: i64) -> StateResult<()> {
        self.writing(|store| {
            store.db.prepare_cached("DELETE FROM link WHERE id = ?1")?.execute([id])?;
            Ok(())
        })
    }

    /// Live links that were verified longest ago.
    pub fn stalest_links(&self, sync: &str, before: Millis, limit: u32) -> StateResult<Vec<Link>> {
        let condition = "sync = ?1 AND state = 'live' AND verified < ?2 ORDER BY verified, id LIMIT ?3";
        self.links_where(condition, params![sync, before.0, limit])
    }

    pub fn mark_verified(&self, id: i64, at: Millis) -> StateResult<()> {
        self.writing(|store| {
            store
                .db
                .prepare_cached("UPDATE link SET verified = ?2 WHERE id = ?1")?
                .execute(params![id, at.0])?;
            Ok(())
        })
    }

    /// Remembers the match keys of a record, one per rule; blank keys are left out.
    pub fn put_keys(&self, sync: &str, place: &str, id: &str, keys: &[(usize, String)]) -> StateResult<()> {
        self.writing(|store| {
            let mut delete = store
                .db
                .prepare_cached("DELETE FROM match_key WHERE sync = ?1 AND place = ?2 AND id = ?3")?;
            delete.execute([sync, place, id])?;
            let mut insert = store.db.prepare_cached("INSERT INTO match_key VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (rule, key) in keys {
                insert.execute(params![sync, *rule as i64, place, key, id])?;
            }
            Ok(())
        })
    }

    /// Records with this key, at most `limit`, by id.
    pub fn with_key(
        &self,
        sync: &str,
        rule: usize,
        place: &str,
        key: &str,
        limit: u32,
    ) -> StateResult<Vec<String>> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM match_key WHERE sync = ?1 AND rule = ?2 AND place = ?3 AND key = ?4 ORDER BY id LIMIT ?5",
        )?;
        let rows = query.query_map(params![sync, rule as i64, place, key, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_link(number: usize) -> Link {
        Link {
            id: 0,
            sync: "companies".to_owned(),
            left: number.to_string(),
            arm: "Account".to_owned(),
            right: format!("001{number:012}AAA"),
            state: LinkState::Live,
            reason: String::new(),
            left_stamp: Some(Millis(1_790_000_000_000)),
            right_stamp: Some(Millis(1_790_000_000_000)),
            bases: Bases::default(),
            run: "r20261124-201533-x7k2".to_owned(),
            at: Millis(1_790_000_000_000),
        }
    }

    #[test]
    fn live_links_are_counted_as_they_change_and_when_an_older_state_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let store = Store::open(&path).unwrap();
        let ids: Vec<i64> = (0..4).map(|number| store.put_link(&a_link(number)).unwrap()).collect();
        store.set_link_state(ids[0], LinkState::Unlinked, "by hand", Millis(1)).unwrap();
        store.set_link_state(ids[0], LinkState::Tombstone, "deleted", Millis(2)).unwrap();
        store.set_link_state(ids[1], LinkState::Unlinked, "by hand", Millis(1)).unwrap();
        store.set_link_state(ids[1], LinkState::Live, "again", Millis(2)).unwrap();
        store.drop_link(ids[2]).unwrap();
        assert_eq!((store.live_links("companies").unwrap(), store.live_links("contacts").unwrap()), (2, 0));
        store
            .db
            .execute_batch("UPDATE link_count SET live = 77; DELETE FROM meta WHERE key = 'counted'")
            .unwrap();
        drop(store);
        let read = Store::open_reading(&path).unwrap().unwrap();
        assert_eq!(read.live_links("companies").unwrap(), 2);
        drop(read);
        assert_eq!(Store::open(&path).unwrap().live_links("companies").unwrap(), 2);
    }
}
