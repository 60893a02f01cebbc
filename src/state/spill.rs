//! What a run has read and does not need at once: a temporary file of its own, which nobody else can open and which is
//! gone with the process. So a run over very many records takes as much memory as one of its portions.
//!
//! Invariant: nothing here is durable or shared. What a crash loses is read again.

use std::cell::OnceCell;

use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StateResult;

/// Made when it is first needed: most runs look at a handful of records.
#[derive(Debug, Default)]
pub struct Spill {
    db: OnceCell<Connection>,
}

impl Spill {
    fn db(&self) -> StateResult<&Connection> {
        if let Some(db) = self.db.get() {
            return Ok(db);
        }
        // An empty name is a file that SQLite removes as soon as it has opened it.
        let db = Connection::open("")?;
        db.pragma_update(None, "journal_mode", "OFF")?;
        db.pragma_update(None, "synchronous", "OFF")?;
        db.pragma_update(None, "cache_size", -8_192)?;
        db.execute_batch(
            "CREATE TABLE record (object INTEGER, id TEXT, doc BLOB, PRIMARY KEY (object, id)) STRICT, WITHOUT ROWID; \
             CREATE TABLE page (object INTEGER, number INTEGER, doc BLOB, PRIMARY KEY (object, number)) STRICT; \
             CREATE TABLE handled (object INTEGER, id TEXT, PRIMARY KEY (object, id)) STRICT, WITHOUT ROWID; \
             BEGIN",
        )?;
        Ok(self.db.get_or_init(|| db))
    }

    /// Keeps one thing under its id; the last one counts.
    pub fn put(&self, object: u32, id: &str, thing: &impl Serialize) -> StateResult<()> {
        let mut insert = self.db()?.prepare_cached("INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3)")?;
        insert.execute(params![object, id, serde_json::to_vec(thing)?])?;
        Ok(())
    }

    pub fn get<T: DeserializeOwned>(&self, object: u32, id: &str) -> StateResult<Option<T>> {
        let Some(db) = self.db.get() else { return Ok(None) };
        let mut query = db.prepare_cached("SELECT doc FROM record WHERE object = ?1 AND id = ?2")?;
        let mut rows = query.query(params![object, id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?))
    }

    pub fn forget(&self, object: u32, id: &str) -> StateResult<()> {
        let Some(db) = self.db.get() else { return Ok(()) };
        db.prepare_cached("DELETE FROM record WHERE object = ?1 AND id = ?2")?
            .execute(params![object, id])?;
        Ok(())
    }

    /// Keeps a page of a listing under its number.
    pub fn put_page(&self, object: u32, number: u64, page: &impl Serialize) -> StateResult<()> {
        let mut insert = self.db()?.prepare_cached("INSERT OR REPLACE INTO page VALUES (?1, ?2, ?3)")?;
        insert.execute(params![object, number as i64, serde_json::to_vec(page)?])?;
        Ok(())
    }

    /// Gives a page back; it is not kept any longer.
    pub fn take_page<T: DeserializeOwned>(&self, object: u32, number: u64) -> StateResult<Option<T>> {
        let Some(db) = self.db.get() else { return Ok(None) };
        let mut query =
            db.prepare_cached("DELETE FROM page WHERE object = ?1 AND number = ?2 RETURNING doc")?;
        let doc: Option<Vec<u8>> =
            query.query_map(params![object, number as i64], |row| row.get(0))?.next().transpose()?;
        Ok(doc.map(|doc| serde_json::from_slice(&doc)).transpose()?)
    }

    /// Marks what has had its turn.
    pub fn handle(&self, object: u32, id: &str) -> StateResult<()> {
        let mut insert = self.db()?.prepare_cached("INSERT OR IGNORE INTO handled VALUES (?1, ?2)")?;
        insert.execute(params![object, id])?;
        Ok(())
    }

    pub fn is_handled(&self, object: u32, id: &str) -> StateResult<bool> {
        let Some(db) = self.db.get() else { return Ok(false) };
        let mut query = db.prepare_cached("SELECT 1 FROM handled WHERE object = ?1 AND id = ?2")?;
        Ok(query.exists(params![object, id])?)
    }

    /// Everything's turn comes again.
    pub fn start_over(&self) -> StateResult<()> {
        if let Some(db) = self.db.get() {
            db.execute("DELETE FROM handled", [])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_comes_back_until_it_is_forgotten() {
        let spill = Spill::default();
        assert_eq!(spill.get::<String>(1, "a").unwrap(), None);
        spill.put(1, "a", &"one").unwrap();
        spill.put(1, "a", &"two").unwrap();
        spill.put(2, "a", &"other").unwrap();
        assert_eq!(spill.get::<String>(1, "a").unwrap().as_deref(), Some("two"));
        spill.forget(1, "a").unwrap();
        assert_eq!(spill.get::<String>(1, "a").unwrap(), None);
        assert_eq!(spill.get::<String>(2, "a").unwrap().as_deref(), Some("other"));
    }

    #[test]
    fn a_page_is_given_back_once_and_turns_can_start_over() {
        let spill = Spill::default();
        spill.put_page(1, 0, &["a", "b"]).unwrap();
        assert_eq!(spill.take_page::<Vec<String>>(1, 0).unwrap().map(|page| page.len()), Some(2));
        assert_eq!(spill.take_page::<Vec<String>>(1, 0).unwrap(), None);
        spill.handle(1, "a").unwrap();
        spill.handle(1, "a").unwrap();
        assert!(spill.is_handled(1, "a").unwrap() && !spill.is_handled(2, "a").unwrap());
        spill.start_over().unwrap();
        assert!(!spill.is_handled(1, "a").unwrap());
    }
}
