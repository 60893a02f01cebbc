//! Refresh tokens that change with each use: kept in a file that only this user reads, under a lock that spans
//! reading, asking and writing.
//!
//! A file is replaced whole (temporary file, fsync, rename), and a mark is left before asking, so that a crash in
//! between is known afterwards. The stored token counts only as long as the configured one is the same.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::AuthError;
use crate::connect::timer::Timer;
use crate::value::Millis;

/// How long a renewal of another process is waited for.
const PATIENCE: i64 = 90_000;
const POLL: i64 = 50;

#[derive(Debug)]
pub struct TokenStore {
    file: PathBuf,
}

/// What a file holds. No `Debug`: all of it is secret.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub refresh: String,
    pub access: String,
    pub expires: Option<Millis>,
    pub instance: Option<String>,
    /// An exchange was begun and its end not written.
    pub pending: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Hash of the configured refresh token that this descends from.
    root: String,
    #[serde(flatten)]
    stored: Stored,
}

/// The store while its lock is held.
pub(super) struct Held<'s> {
    file: &'s Path,
    _lock: File,
}

impl TokenStore {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        TokenStore { file: file.into() }
    }

    pub(super) async fn lock(&self, timer: &dyn Timer) -> Result<Held<'_>, AuthError> {
        let fail = |error: std::io::Error| trouble(&self.file, &error);
        if let Some(folder) = self.file.parent() {
            make_private_folder(folder).map_err(fail)?;
        }
        let lock = private().open(self.file.with_extension("lock")).map_err(fail)?;
        let mut waited = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Held { file: &self.file, _lock: lock }),
                Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                    timer.sleep(POLL).await;
                    // A timer that does not really wait must not keep the holder from going on.
                    tokio::task::yield_now().await;
                    waited += POLL;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(AuthError(
                        "another process has been renewing this token for too long".to_owned(),
                    ));
                }
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
        }
    }
}

impl Held<'_> {
    /// What is kept for this configured token.
    pub fn read(&self, configured: &SecretString) -> Result<Option<Stored>, AuthError> {
        let text = match std::fs::read_to_string(self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(self.file, &error)),
        };
        let kept: Kept = serde_json::from_str(&text).map_err(|_| {
            AuthError(format!("{} is damaged: remove it and authorise anew", self.file.display()))
        })?;
        Ok((kept.root == root(configured)).then_some(kept.stored))
    }

    pub fn mark_pending(
        &self,
        configured: &SecretString,
        stored: Option<&Stored>,
        refresh: &SecretString,
    ) -> Result<(), AuthError> {
        self.write(
            configured,
            &Stored {
                refresh: refresh.expose_secret().to_owned(),
                access: String::new(),
                expires: None,
                instance: stored.and_then(|stored| stored.instance.clone()),
                pending: true,
            },
        )
    }

    pub fn write(&self, configured: &SecretString, stored: &Stored) -> Result<(), AuthError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let copy = Stored {
            refresh: stored.refresh.clone(),
            access: stored.access.clone(),
            instance: stored.instance.clone(),
            ..*stored
        };
        let write = || -> std::io::Result<()> {
            let text = serde_json::to_string(&Kept { root: root(configured), stored: copy })?;
            // A temporary file is readable by its owner only, and keeps that.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.file).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| trouble(self.file, &error))
    }
}

fn root(configured: &SecretString) -> String {
    blake3::hash(configured.expose_secret().as_bytes()).to_hex().to_string()
}

fn trouble(file: &Path, error: &std::io::Error) -> AuthError {
    AuthError(format!("the token file {} can't be used: {error}", file.display()))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
