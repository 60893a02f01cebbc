//! What a project remembers between runs: links with their bases, the inbox, watermarks, the journal, the ledger.
//!
//! SQLite in WAL mode with `synchronous=FULL`: an intent that was committed survives a power loss. The file is
//! opened by one process at a time (an operating system lock, freed when the process dies). `in_memory` is the same
//! store without a file, for tests. Only this module knows SQL.

pub mod feed;
pub mod journal;
pub mod links;
mod lock;
pub mod nav;
mod review;
mod spill;

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

pub use feed::InboxEntry;
pub use journal::{Finished, Hold, Intent, LedgerRow, OpenIntent, RunRow};
pub use links::{Bases, Link, LinkState};
pub use nav::{Match, NavActivity};
pub use review::{CAME_BACK, LEFT_FILTER, StateCounts, Waiting};
pub use spill::Spill;

const FORMAT: &str = "1";
/// There once the triggers keep the counts of links and the open operations.
const COUNTED: &str = "counted";
/// Bytes of a file that is checked whenever it is opened.
const CHECKED_ALWAYS: i64 = 64 << 20;
/// More than this module has.
const STATEMENTS: usize = 128;
/// Seconds for which the check of a larger file stands.
const CHECKED_FOR: i64 = 24 * 3600;

/// What went wrong with the state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("another run holds the state ({0})")]
    Locked(String),
    #[error("the state {} can't be written: {cause}", .path.display())]
    NotWritable { path: PathBuf, cause: String },
    #[error("the disk of the state is full; nothing was lost")]
    Full,
    #[error("the state is damaged: {0}")]
    Damaged(String),
    #[error("the state has format {0}, this twinmap reads format {FORMAT}")]
    Format(String),
    #[error("the state can't be used: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StateError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StateError::Damaged(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StateError::Locked(error.to_string())
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StateError::NotWritable { path: PathBuf::new(), cause: error.to_string() }
            }
            _ => StateError::Other(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for StateError {
    fn from(error: serde_json::Error) -> Self {
        StateError::Damaged(error.to_string())
    }
}

pub type StateResult<T> = Result<T, StateError>;

/// An open state. Dropping it frees the lock.
pub struct Store {
    db: Connection,
    /// Held for as long as the store is open.
    _lock: Option<lock::Lock>,
    /// Which opening for writing this is. A lock may fail (a file system without any, a lock file that was deleted): a
    /// later opening has a higher number, and from then on nothing is committed here.
    epoch: Option<u64>,
    /// The folder of a copy, removed with it.
    _scratch: Option<tempfile::TempDir>,
}

impl Store {
    /// Opens or creates the state file and takes its lock.
    ///
    /// # Errors
    /// [`StateError::Locked`] while another process has it; the folder is not writable; the file is no state.
    pub fn open(path: &Path) -> StateResult<Store> {
        if let Some(folder) = path.parent() {
            let fail = |cause: std::io::Error| StateError::NotWritable {
                path: path.to_owned(),
                cause: cause.to_string(),
            };
            lock::private_folder(folder).map_err(fail)?;
        }
        let lock = lock::Lock::take(&path.with_extension("lock"))?;
        let db = Connection::open(path).map_err(|error| named(error, path))?;
        let mut store = Store { db, _lock: Some(lock), epoch: None, _scratch: None };
        store.prepare().map_err(|error| match error {
            StateError::NotWritable { cause, .. } => StateError::NotWritable { path: path.to_owned(), cause },
            other => other,
        })?;
        lock::private_file(path);
        store.epoch = Some(store.next_epoch()?);
        Ok(store)
    }

    fn next_epoch(&self) -> StateResult<u64> {
        self.atomically(|store| {
            let next = store.latest_epoch()? + 1;
            store.set_meta("epoch", &next.to_string())?;
            Ok(next)
        })
    }

    fn latest_epoch(&self) -> StateResult<u64> {
        Ok(self.meta("epoch")?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Opens an existing state for reading beside a run; `None` when there is none yet.
    pub fn open_reading(path: &Path) -> StateResult<Option<Store>> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|error| named(error, path))?;
        let store = Store { db, _lock: None, epoch: None, _scratch: None };
        store.check_format()?;
        Ok(Some(store))
    }

    /// A copy of the state that is thrown away, for a dry-run beside a run; an empty one when there is no state yet.
    pub fn scratch(path: &Path) -> StateResult<Store> {
        let Some(original) = Store::open_reading(path)? else { return Store::in_memory() };
        let folder = tempfile::tempdir().map_err(|cause| StateError::Other(cause.to_string()))?;
        let copy = folder.path().join("state.db");
        original.db.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        let db = Connection::open(&copy).map_err(|error| named(error, &copy))?;
        let store = Store { db, _lock: None, epoch: None, _scratch: Some(folder) };
        store.prepare()?;
        // Nobody misses what a copy loses.
        store.db.pragma_update(None, "synchronous", "OFF")?;
        Ok(store)
    }

    /// A store that lives as long as the value.
    pub fn in_memory() -> StateResult<Store> {
        let store = Store { db: Connection::open_in_memory()?, _lock: None, epoch: None, _scratch: None };
        store.prepare()?;
        Ok(store)
    }

    /// A store in memory that several may open by its name, as processes open a file together when its lock fails them:
    /// each opening takes it over from the one before. It lives for as long as anybody has it open.
    pub fn in_shared_memory(name: &str) -> StateResult<Store> {
        let db = Connection::open(format!("file:{name}?mode=memory&cache=shared"))?;
        let mut store = Store { db, _lock: None, epoch: None, _scratch: None };
        store.prepare()?;
        store.epoch = Some(store.next_epoch()?);
        Ok(store)
    }

    /// Commits from now on although another one has taken the state over: simulations see what comes of it. Does nothing
    /// in a release, as [`crate::engine::Ablation`].
    #[must_use]
    pub fn without_epoch(mut self) -> Store {
        if cfg!(any(feature = "ablation", debug_assertions)) {
            self.epoch = None;
        }
        self
    }

    /// Asks `allowed` before each commit; a commit that it forbids is rolled back and fails. For simulations of a process
    /// that dies between two commits.
    pub fn before_commit(&mut self, mut allowed: impl FnMut() -> bool + Send + 'static) -> StateResult<()> {
        Ok(self.db.commit_hook(Some(move || !allowed()))?)
    }

    fn prepare(&self) -> StateResult<()> {
        self.db.busy_timeout(std::time::Duration::from_secs(2))?;
        self.db.set_prepared_statement_cache_capacity(STATEMENTS);
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        self.db.pragma_update(None, "foreign_keys", "ON")?;
        // Without it SQLite prepares statements with a bound LIMIT anew each time, to look at its value.
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let due = self.check_is_due()?;
        if due {
            let sound: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if sound != "ok" {
                return Err(StateError::Damaged(sound));
            }
        }
        self.db.execute_batch(include_str!("schema.sql"))?;
        self.db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?1)", [FORMAT])?;
        self.check_format()?;
        if due {
            self.db.execute("INSERT OR REPLACE INTO meta VALUES ('checked', unixepoch())", [])?;
        }
        self.catch_up()
    }

    /// Counts what a state holds that was written before the triggers were there.
    fn catch_up(&self) -> StateResult<()> {
        if self.meta(COUNTED)?.is_some() {
            return Ok(());
        }
        self.atomically(|store| {
            store.db.execute_batch(
                "DELETE FROM link_count; DELETE FROM open_op; \
                 INSERT INTO link_count SELECT sync, count(*) FROM link WHERE state = 'live' GROUP BY sync; \
                 INSERT INTO open_op SELECT op FROM intent WHERE op NOT IN (SELECT op FROM outcome);",
            )?;
            store.set_meta(COUNTED, "1")
        })
    }

    /// A check reads the whole file. That is nothing for a small one; a large one is checked once a day, and what
    /// breaks in between SQLite finds where it reads.
    fn check_is_due(&self) -> StateResult<bool> {
        let asked = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0));
        let size = asked("PRAGMA page_count")?.saturating_mul(asked("PRAGMA page_size")?);
        if size <= CHECKED_ALWAYS {
            return Ok(true);
        }
        let age = "SELECT unixepoch() - coalesce((SELECT value FROM meta WHERE key = 'checked'), 0)";
        let age = asked(age).unwrap_or(CHECKED_FOR);
        Ok(!(0..CHECKED_FOR).contains(&age))
    }

    fn check_format(&self) -> StateResult<()> {
        match self.meta("format")? {
            Some(format) if format == FORMAT => Ok(()),
            other => Err(StateError::Format(other.unwrap_or_default())),
        }
    }

    pub fn meta(&self, key: &str) -> StateResult<Option<String>> {
        let mut query = self.db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        let mut rows = query.query([key])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    pub fn set_meta(&self, key: &str, value: &str) -> StateResult<()> {
        self.writing(|store| {
            store.db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([key, value])?;
            Ok(())
        })
    }

    /// Moves on with every run that wrote; a saved change set is bound to it.
    pub fn version(&self) -> StateResult<u64> {
        Ok(self.meta("version")?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    pub fn bump_version(&self) -> StateResult<()> {
        self.set_meta("version", &(self.version()? + 1).to_string())
    }

    fn still_ours(&self) -> StateResult<()> {
        match self.epoch {
            Some(ours) if self.latest_epoch()? != ours => {
                Err(StateError::Locked("it took the state over from this one".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// From here on everything is kept by one commit, that of [`Store::close_batch`], instead of one each: a commit waits
    /// for the disk. A crash before it undoes all of it.
    ///
    /// # Errors
    /// As [`Store::atomically`].
    pub fn open_batch(&self) -> StateResult<()> {
        if self.in_transaction() {
            return Ok(());
        }
        self.say("BEGIN IMMEDIATE")?;
        if let Err(error) = self.still_ours() {
            let _ = self.say("ROLLBACK");
            return Err(error);
        }
        Ok(())
    }

    /// Commits a batch, if one is open. Done before anything is asked of a CRM: nobody else should wait for that.
    pub fn close_batch(&self) -> StateResult<()> {
        if self.in_transaction() {
            self.say("COMMIT")?;
        }
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// One write, in a transaction of its own unless one is open: nothing is written by a process that lost the state.
    fn writing<T>(&self, work: impl FnOnce(&Store) -> StateResult<T>) -> StateResult<T> {
        if self.in_transaction() { work(self) } else { self.atomically(work) }
    }

    /// Opens or ends a transaction.
    fn say(&self, word: &'static str) -> StateResult<()> {
        self.db.prepare_cached(word)?.execute([])?;
        Ok(())
    }

    /// Runs `work` in one transaction: all of it is kept, or nothing. Within a batch it is kept when the batch is.
    ///
    /// # Errors
    /// [`StateError::Locked`] when another process has opened the state for writing meanwhile.
    pub fn atomically<T>(&self, work: impl FnOnce(&Store) -> StateResult<T>) -> StateResult<T> {
        let within = self.in_transaction();
        self.say(if within { "SAVEPOINT step" } else { "BEGIN IMMEDIATE" })?;
        match self.still_ours().and_then(|()| work(self)) {
            Ok(value) => {
                self.say(if within { "RELEASE step" } else { "COMMIT" })?;
                Ok(value)
            }
            Err(error) => {
                // The first error says more than a failed roll-back, which SQLite does by itself then.
                if within {
                    let _ = self.say("ROLLBACK TO step").and_then(|()| self.say("RELEASE step"));
                } else {
                    let _ = self.say("ROLLBACK");
                }
                Err(error)
            }
        }
    }
}

fn named(error: rusqlite::Error, path: &Path) -> StateError {
    match StateError::from(error) {
        StateError::NotWritable { cause, .. } => StateError::NotWritable { path: path.to_owned(), cause },
        other => other,
    }
}
