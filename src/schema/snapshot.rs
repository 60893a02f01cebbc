//! Snapshot files and their lock: `schema/<env>/<system>.json` and `twinmap.lock`.
//!
//! A snapshot is sorted, minimal and free of record data, so that a change of a CRM is a small diff in a review.
//! The lock holds a hash per snapshot: a file that was edited by hand or half merged is noticed before it is used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::System;

pub const FORMAT_VERSION: &str = "1";

/// `twinmap.lock`: environment -> system -> blake3 of the snapshot file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub version: u32,
    #[serde(default)]
    pub schema: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why a snapshot can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error(
        "the snapshot of `{system}` is not the one that twinmap.lock names: it was changed by hand or half merged"
    )]
    Tampered { system: String },
    #[error("twinmap.lock does not name the snapshot of `{system}`")]
    NotLocked { system: String },
    #[error("the snapshot of `{system}` can't be read: {why}")]
    Unreadable { system: String, why: String },
    #[error("the snapshot of `{system}` has format {found}; this twinmap reads format {FORMAT_VERSION}")]
    OtherFormat { system: String, found: String },
    #[error("twinmap.lock can't be read: {0}")]
    BadLock(String),
}

/// The bytes of a snapshot file.
pub fn write(system: &System) -> String {
    let mut text = serde_json::to_string_pretty(system).unwrap_or_default();
    text.push('\n');
    text
}

pub fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Reads a snapshot and holds it against the lock.
pub fn read(name: &str, text: &str, locked: Option<&str>) -> Result<System, SnapshotError> {
    let system = || name.to_owned();
    match locked {
        None => return Err(SnapshotError::NotLocked { system: system() }),
        Some(expected) if expected != hash(text) => return Err(SnapshotError::Tampered { system: system() }),
        Some(_) => {}
    }
    // The version alone is only looked for when the file is not what this twinmap writes: reading it twice takes time.
    let (version, read) = match serde_json::from_str::<System>(text) {
        Ok(read) => (read.format_version.clone(), Ok(read)),
        Err(error) => {
            let unreadable = |error: serde_json::Error| SnapshotError::Unreadable {
                system: system(),
                why: error.to_string(),
            };
            let version: VersionOnly = serde_json::from_str(text).map_err(unreadable)?;
            (version.format_version, Err(unreadable(error)))
        }
    };
    if version != FORMAT_VERSION {
        return Err(SnapshotError::OtherFormat { system: system(), found: version });
    }
    read
}

#[derive(Deserialize)]
struct VersionOnly {
    format_version: String,
}

impl Lock {
    pub fn parse(text: &str) -> Result<Lock, SnapshotError> {
        let bad = |error: toml::de::Error| SnapshotError::BadLock(error.message().to_owned());
        toml::from_str(text).map_err(bad)
    }

    pub fn hash_of(&self, env: &str, system: &str) -> Option<&str> {
        self.schema.get(env)?.get(system).map(String::as_str)
    }

    pub fn set(&mut self, env: &str, system: &str, hash: String) {
        self.version = 1;
        self.schema.entry(env.to_owned()).or_default().insert(system.to_owned(), hash);
    }

    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# Written by twinmap: the hashes of the snapshots under schema/. Commit it with them.\n{body}"
        )
    }
}
